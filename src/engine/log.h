/* What an engine tells its user: log events, warnings, echo. */
#ifndef WEIR_ENGINE_LOG_H
#define WEIR_ENGINE_LOG_H
#include <weir/engine.h>
#include <stdatomic.h>
#include "base/error.h"

typedef struct weir_log {
    weir_log_fn fn;
    void       *context;
    bool        echo, warnings_as_errors, hide_parameters;
    _Atomic int64_t warnings;
} weir_log;

void weir_log_event_out(weir_log *log, weir_log_kind kind, int64_t connection, const char *message, const char *parameters, int64_t rows);
/* Counts and reports a warning. WEIR_OK, or WEIR_WARNING (and *error filled) when warnings are errors; error may be NULL. */
int weir_warn(weir_log *log, int64_t connection, weir_error *error, const char *format, ...) WEIR_PRINTF_(4, 5);
#endif
