/* weir export: what the user asked for, and what an export has open. */
#ifndef WEIR_CLI_EXPORT_H
#define WEIR_CLI_EXPORT_H
#include <weir/weir.h>
#include "options.h"
#include "stats.h"
#include "text.h"

typedef struct export_settings {
    const char *url;
    const char *partition;              /* read instead of the table; NULL: that */
    const char *table, *query, *columns, *where, *order_by;
    text_list   parameters;             /* name=value */
    const char *to, *format, *null_text;
    bool        header, replace_invalid, quiet;
    const char *stats;
    int64_t     memory;                 /* bytes; 0: no budget */
    int64_t     yield_per;              /* -1: not given */
    int64_t     partition_rows, row_group_bytes;
    const char *compression, *decimal;
    bool        no_dictionary;
    text_list   metadata;               /* key=value */
    bool        resume;
    const char *key, *checkpoint_every;
    int64_t     retry;
    int64_t     jobs, range_bytes, lease, attempts;
    bool        split;
    const char *worker, *job_status, *job_schema;
} export_settings;

/* All that an export has open. */
typedef struct export_run {
    const export_settings *settings;
    text             sql;
    text             columns;           /* of --table, where partitions are read */
    weir_engine     *engine;
    weir_connection *connection;
    weir_stmt       *stmt;
    weir_result     *result;            /* of an export that ends with its connection */
    weir_checkpoint *checkpoint;        /* of one that survives it: its rows come from `stream` */
    weir_resume     *stream;
    weir_writer     *writer;
    bool             sqlite;
    export_stats     stats;
} export_run;

/* The figures of a result that was read, before it is closed. */
enum { EXPORT_YIELD_PER = 5000 };
/* How the rows are streamed: by the rows of a batch, by a budget, or both. Valid until the next call. */
const weir_execution_options *export_execution(const export_settings *settings);
void export_take_figures(export_run *run, const weir_result *result);

extern const command_spec export_command;
#endif
