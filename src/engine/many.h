/* Many parameter sets inside: a call, its runs of sets with the same columns, and how a run is ordered and written in pages. */
#ifndef WEIR_ENGINE_MANY_H
#define WEIR_ENGINE_MANY_H
#include <weir/bulk.h>
#include "engine/batch.h"
#include "engine/connection.h"
#include "sql/write.h"

/* Sets of the same columns, one behind the other in the call. */
typedef struct weir_many_run {
    const weir_member **members;        /* per lane; NULL: textual */
    weir_feed           feed;           /* lanes, count; order is set by weir_many_order */
    size_t              base;           /* index in the call of its first set */
    weir_lane          *keys;           /* lanes by which it is sorted and locked */
    const weir_member **key_members;
    size_t              key_count;
    size_t             *layers;         /* where in the order keys begin again: ends of stretches without a key twice */
    size_t              layer_count;
    void               *order_block;    /* of order and layers */
} weir_many_run;

typedef struct weir_many {
    weir_connection  *connection;
    weir_engine_core *core;
    weir_ledger       ledger;
    weir_arena        arena;            /* of the call */
    const weir_stmt  *stmt;
    const weir_entity *entity;          /* NULL: textual */
    weir_stmt_kind    kind;
    weir_many_options options;
    size_t            count;            /* of the call's sets */
    bool              sorted;           /* by key: an update, a delete, an upsert */
    bool              locks;            /* the rows of a page are locked first, unless its statement meets them in their order */
    bool              alone;            /* a statement without criteria or sources besides the sets */
    bool              checked;          /* each set must match a row */
    weir_stmt        *bound;            /* textual: with the values of the first dictionary */
    const void      **rows;             /* of dictionaries: where each one's values lie */
    weir_many_run    *runs;             /* of dictionaries */
    size_t            run_capacity;
    /* as it goes */
    bool              own;              /* the transaction is the call's */
    int               savepoint;        /* around several pages; 0: none */
    bool              page_open;        /* the savepoint of a page that went well is not released yet */
    int64_t           matched;
    size_t            done, committed;  /* sets */
    weir_result      *returned;
    weir_batch       *batch;
    weir_error        error;
} weir_many;

/* As weir_connection_execute_many_with, of structs that lie anywhere. */
int64_t weir_connection_execute_scattered(weir_connection *connection, const weir_stmt *stmt, const void *const *structs, size_t count,
                                          const weir_many_options *options);

/* In many_order.c: WEIR_OK, or no memory. Nothing is taken when the sets are in order already. */
int weir_many_order(weir_many *many, weir_many_run *run);
void weir_many_order_free(weir_many_run *run);
/* "id = 7, b = 'x'": the key of a set, for messages; "" without keys. */
void weir_many_show_key(const weir_many_run *run, size_t set, char *out, size_t size);

/* In many_page.c. */
int weir_many_begin(weir_many *many);
int weir_many_write(weir_many *many, weir_many_run *run, bool alone);
/* After the last run, or the first failure: savepoints and the call's own transaction end. The status. */
int weir_many_end(weir_many *many, int status);
#endif
