/* weir export: what the user asked for. */
#ifndef WEIR_CLI_EXPORT_H
#define WEIR_CLI_EXPORT_H
#include <weir/weir.h>
#include "options.h"
#include "text.h"

typedef struct export_settings {
    const char *url;
    const char *table, *query, *columns, *where, *order_by;
    text_list   parameters;             /* name=value */
    const char *to, *format, *null_text;
    bool        header, replace_invalid, quiet;
    const char *stats;
    int64_t     yield_per;
} export_settings;

extern const command_spec export_command;
#endif
