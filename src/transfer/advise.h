/* Advice inside: remarks, and where they come from. All of it can be fed without a database, so that each remark has a test. */
#ifndef WEIR_TRANSFER_ADVISE_H
#define WEIR_TRANSFER_ADVISE_H
#include <weir/advise.h>
#include "base/arena.h"
#include "base/error.h"
#include "sql/text.h"
#include "transfer/explain.h"
#include "transfer/json_tree.h"
#include "transfer/query_text.h"

/* ---- remarks (remarks.c) ---- */
enum { WEIR_REMARKS_MAX = 32 };
typedef struct weir_remarks {
    weir_arena *arena;
    weir_remark items[WEIR_REMARKS_MAX];
    double      rows[WEIR_REMARKS_MAX];         /* that each is about */
    size_t      count;
    bool        failed;                         /* no memory */
} weir_remarks;
/* One remark for each code: of two, the one that is about more rows stays. code and advice: constants. */
void weir_remark_add(weir_remarks *remarks, const char *code, weir_remark_weight weight, double rows, const char *advice,
                     const char *format, ...) WEIR_PRINTF_(6, 7);
/* Warnings first, otherwise as they came. */
void weir_remarks_sort(weir_remarks *remarks);
/* 1234567 as 1,234,567. */
enum { WEIR_GROUPED_SIZE = 32 };
const char *weir_grouped(char out[WEIR_GROUPED_SIZE], double number);
/* 90061 ms as "90 s", 250 as "250 ms". */
const char *weir_duration(char out[WEIR_GROUPED_SIZE], double milliseconds);

/* ---- the plan (advise_plan.c) ---- */
/* What the nodes of PostgreSQL's plan mean for a stream. */
void weir_remarks_of_plan(weir_remarks *remarks, const weir_json *plan, const weir_query_text *text);
/* The Sort that makes the result's own order; NULL: there is none. */
const weir_json *weir_plan_order_sort(const weir_json *plan);
/* One line of SQLite's EXPLAIN QUERY PLAN. True: it sorts for the ORDER BY. */
bool weir_remark_of_lite_plan(weir_remarks *remarks, weir_text detail);

/* ---- the order (advise_order.c) ---- */
typedef struct weir_advice_index {
    char   name[WEIR_NAME_SIZE];
    bool   unique;                      /* no two rows are alike in it: whole, valid, its columns NOT NULL or NULLS NOT DISTINCT */
    bool   primary;
    bool   ordered;                     /* can give rows in its order: a b-tree, not partial */
    size_t count;
    struct weir_advice_column { char name[WEIR_NAME_SIZE]; bool descending, nulls_first; } columns[WEIR_ORDER_ITEMS];
} weir_advice_index;
typedef struct weir_advice_table {
    bool   known;                       /* it is a table, and this is what the catalogue says of it */
    bool   can_sample;                  /* PostgreSQL: by TABLESAMPLE */
    double rows;                        /* the catalogue's; -1: never analysed */
    size_t index_count;
    weir_advice_index *indexes;          /* in the arena */
} weir_advice_table;
/* Asks the catalogue about the table of the text. A status. */
int weir_advice_table_read(weir_connection *connection, const weir_query_text *text, weir_arena *arena, weir_advice_table *out, weir_error *error);
/* sorted: the plan sorts for the ORDER BY. aliases: the select list, where a name of the order may be another thing than the column. */
void weir_remarks_of_order(weir_remarks *remarks, const weir_query_text *text, const weir_compiled *compiled, const weir_dialect *dialect,
                           const weir_advice_table *table, bool sorted);

/* ---- the server (advise_server.c) ---- */
typedef struct weir_server_settings {           /* milliseconds; 0: off, as PostgreSQL says it */
    int64_t statement_timeout, transaction_timeout, idle_in_transaction_timeout;
    bool    in_recovery, standby_feedback;
    int64_t standby_delay;                      /* -1: for ever */
} weir_server_settings;
int weir_server_settings_read(weir_connection *connection, weir_server_settings *out, weir_error *error);
/* seconds: of the whole stream, -1 unknown; longest_batch: seconds of the slowest batch of the trial. */
void weir_remarks_of_settings(weir_remarks *remarks, const weir_server_settings *settings, double seconds, double longest_batch);

/* ---- trials (advise_trial.c) ---- */
typedef struct weir_trial {
    int64_t yield_per, max_rows, limit_ms;      /* asked for */
    const weir_rewrite *rewrite;                /* NULL: the statement as it is */
    int64_t rows, batches, round_trips, statements, bytes;
    int64_t peak;                               /* of the engine's ledger above `before` */
    bool    ended;                              /* the rows did */
    double  first, longest, seconds;            /* to the first batch; the slowest batch; all */
    weir_error error;
} weir_trial;
/* Streams the statement and reads its rows; its transaction is rolled back. before: what the engine held when all began. The trial's
 * error tells what ended it early. */
void weir_trial_run(weir_engine *engine, const weir_stmt *stmt, size_t before, weir_trial *trial);
/* Transactions that change nothing, of one snapshot where there is such a level. */
weir_execution_options weir_advise_transaction(const weir_engine *engine);
#endif
