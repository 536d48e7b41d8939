/* What an engine tells its user: log events, warnings, echo. */
#include "engine/log.h"
#include <stdio.h>

static void echo_event(weir_log_kind kind, const char *message, const char *parameters)
{
    if (kind == WEIR_LOG_STATEMENT)
        fprintf(stderr, parameters[0] ? "weir: %s [%s]\n" : "weir: %s\n", message, parameters);
    else if (kind == WEIR_LOG_WARNING)
        fprintf(stderr, "weir: warning: %s\n", message);
}

void weir_log_event_out(weir_log *log, weir_log_kind kind, int64_t connection, const char *message, const char *parameters, int64_t rows)
{
    if (!log->fn && !log->echo)
        return;
    if (!parameters)
        parameters = "";
    if (log->echo)
        echo_event(kind, message, parameters);
    if (log->fn) {
        weir_log_event event = { .kind = kind, .message = message, .parameters = parameters, .rows = rows, .connection = connection };
        log->fn(&event, log->context);
    }
}

int weir_warn(weir_log *log, int64_t connection, weir_error *error, const char *format, ...)
{
    weir_error warning;
    va_list arguments;
    va_start(arguments, format);
    weir_error_set_v(&warning, WEIR_WARNING, format, arguments);
    va_end(arguments);
    atomic_fetch_add_explicit(&log->warnings, 1, memory_order_relaxed);
    weir_log_event_out(log, WEIR_LOG_WARNING, connection, warning.message, "", 0);
    if (!log->warnings_as_errors || !error)
        return WEIR_OK;
    *error = warning;
    return WEIR_WARNING;
}
