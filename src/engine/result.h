/* Results inside: one stream of rows that all ways of reading draw from. */
#ifndef WEIR_ENGINE_RESULT_H
#define WEIR_ENGINE_RESULT_H
#include "base/values.h"
#include "engine/batch.h"
#include "engine/budget.h"
#include "engine/connection.h"
#include "engine/rows.h"
#include "engine/unique.h"

/* How a session takes part in a result. Each may be NULL; those that return a status may fail the result with *error. */
typedef struct weir_batch_hooks {
    /* The statement is compiled and its options are known; no SQL was sent. */
    int (*compiled)(void *context, weir_result *result, weir_error *error);
    /* Columns and views are set up; the cursor is not open yet. */
    int (*described)(void *context, weir_result *result, weir_error *error);
    /* Where the driver shall put the batch's rows; NULL: no memory. Without it, they are the batch's as they come. */
    weir_sink *(*sink)(void *context, weir_result *result, weir_batch *batch);
    /* A batch came: before its rows are handed out, and before the next one is asked for. */
    int (*came)(void *context, weir_result *result, weir_batch *batch, weir_error *error);
    /* Bytes that the hooks take at least, before any row, under a budget; 0: none. Sets bounds.made_of_row. */
    int64_t (*least)(void *context, weir_result *result);
    /* Rows of the batch that were not ready when it came: the ready ones are dead, the next ones are wanted. */
    int (*part)(void *context, weir_result *result, weir_batch *batch, weir_error *error);
    /* Memory that is only kept for what is to come is wanted now. */
    void (*shed)(void *context, weir_result *result);
    /* A row found no room: adds what the hooks know about it. */
    void (*blame)(void *context, weir_result *result, weir_error *error);
    /* The result for which this one loads, and in whose budget it counts; NULL: none. */
    weir_result *(*within)(void *context);
    /* Before a read that may fetch. */
    int (*reading)(void *context, weir_result *result, weir_error *error);
    /* The batch's rows died. True: the hooks keep the batch, with a reference to the result, and free it later. */
    bool (*gone)(void *context, weir_result *result, weir_batch *batch);
    /* The result is closed; its batches are gone. */
    void (*closed)(void *context, weir_result *result);
} weir_batch_hooks;

struct weir_result {
    weir_open_result open;              /* first: the connection's list */
    /* What weir_result_next needs. Rows in [at, limit) may be handed out at once; limit is pulled back to `at` when something
     * has to be looked at first: an error, a close, the unique filter. */
    char        *at, *limit;
    size_t       stride;
    weir_view   *view;                  /* of the rows handed out from now on; NULL: no rows are returned */
    int64_t      taken;                 /* rows taken from the stream so far */
    uint64_t     reads;                 /* calls that ended the rows handed out before */
    /* the stream */
    char        *end;                   /* of the rows in the chunk that is read */
    weir_chunk  *chunk;
    size_t       chunk_first;           /* rows of the batch before it */
    /* A batch of which the hooks made instances may have no rows: they are made when rows are asked for. As at, limit and end. */
    void *const *bare, *const *bare_limit, *const *bare_end;
    weir_batch  *batch;                 /* that is read */
    weir_batch  *kept;                  /* read to their end, but the last read handed out rows of them */
    weir_batch  *spare;                 /* to be used again */
    size_t       kept_count, spare_count, spare_limit;
    bool         ended;                 /* no rows will come but those in `batch` */
    bool         streaming, closed, constant, returns_rows;
    bool         prefetch;
    bool         one_by_one;            /* each row is looked at before it is handed out: to debug lifetimes */
    int64_t      yield_per, max_row_buffer, growth;
    int64_t      timeout_ms;            /* of each wait for the server; 0: none */
    weir_switch  stream_results;
    bool         strict_loading;        /* for the orm */
    /* where rows come from: a cursor or a frozen result */
    weir_cursor *cursor;
    weir_bounds  bounds;
    weir_budget *budget;                /* its own, or that of the result that it was loaded for; NULL: none */
    weir_result *within;                /* that result, referenced; NULL: none */
    size_t       slice;                 /* of the cursor, for reads that do not hold a batch anyway */
    bool         some;                  /* the read that runs is for what is at hand */
    bool         pauses;                /* a list is filled that ends with the batch, not to hold two */
    struct weir_unfinished *unfinished; /* between weir_connection_execute_ahead and weir_result_await */
    bool         under_way;             /* besides: it was sent ahead */
    weir_frozen *frozen;
    size_t       frozen_next;
    weir_compiled compiled;
    weir_view   *whole;                 /* the view before any selection */
    /* what is handed out */
    void        *list;                  /* of pointers to rows or values */
    size_t       list_count, list_capacity;
    weir_partition  partition;
    weir_value_list values;
    /* the unique filter */
    bool         unique;
    weir_unique_key_fn key;
    void        *key_context;
    int64_t      key_generation;        /* each key function has keys of its own */
    int64_t      repeated;              /* rows that the filter held back */
    weir_seen    seen;
    /* the rest */
    weir_mode    mode;
    int64_t      batches, row_count;
    weir_error   error;                 /* the first */
    const weir_batch_hooks *hooks;      /* NULL: none */
    void        *hooks_context;
    bool         has_instances;         /* set by the hooks: rows have instances in them, of any entities */
    const void  *instance_entity;       /* each row has one instance of it, in this cell; NULL: rows of values */
    size_t       instance_cell, instance_header;        /* the header's size: the cell points to it */
    void       **instances;             /* of the partition */
    size_t       instance_capacity;
    weir_engine_core *core;             /* referenced; NULL: a result that only carries an error */
    weir_ledger  ledger;
    weir_arena   arena;
    _Atomic int  references;            /* the handle, and frozen results over its rows */
};

enum { WEIR_ALL_ROWS = -1, WEIR_WHOLE_ROW = -1, WEIR_DEFAULT_CHUNK = 1000 };
extern const weir_result weir_result_constant_closed, weir_result_constant_no_memory;

/* Rows of a batch by number: from … to - 1, as many of them as there are. */
typedef struct weir_walk { const weir_chunk *chunk; size_t index, left, stride; } weir_walk;
static inline weir_walk weir_walk_from(const weir_batch *batch, size_t from, size_t to)
{
    weir_walk walk = { .chunk = batch->chunks, .left = to > from ? to - from : 0, .stride = batch->sink.stride };
    for (; walk.chunk && from >= walk.chunk->count; walk.chunk = walk.chunk->next)
        from -= walk.chunk->count;
    walk.index = from;
    return walk;
}
static inline weir_row *weir_walk_next(weir_walk *walk)
{
    while (walk->chunk && walk->index == walk->chunk->count) {
        walk->chunk = walk->chunk->next;
        walk->index = 0;
    }
    if (!walk->chunk || walk->left == 0)
        return NULL;
    walk->left--;
    return (weir_row *)(uintptr_t)(walk->chunk->places + walk->index++ * walk->stride);
}

/* ---- result.c ------------------------------------------------------------------------------------------------------ */
/* A new, empty result of the core, which it references. NULL: no memory. */
weir_result *weir_result_new(weir_engine_core *core);
/* A new result that is loaded for another one: it counts in that one's ledger and budget. */
void weir_result_load_within(weir_result *result, weir_result *within);
/* Sets up columns and views for rows of `count` columns. WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_result_describe(weir_result *result, const weir_column_info *columns, size_t count, const weir_declared_column *declared,
                         size_t declared_count);
/* Whether rows may be read or shaped: WEIR_OK, or the error, which is kept. */
int weir_result_check(weir_result *result);
/* Keeps an error unless there is one; ends reading. Returns the kept status. */
int weir_result_fail(weir_result *result, const weir_error *error);
/* Makes the next read look at what happened before it hands out a row. */
static inline void weir_result_stop(weir_result *result)
{
    result->limit = result->at;
    result->bare_limit = result->bare;
}
/* The next row, where at != limit. */
static inline weir_row *weir_result_hand_out(weir_result *result)
{
    weir_row *row = (weir_row *)(void *)result->at;
    result->at += result->stride;
    row->view = result->view;
    row->number = ++result->taken;
    return row;
}
/* The instance in the instance cell of a row; NULL: none there. */
static inline void *weir_row_delivers(const weir_row *row, const weir_result *result)
{
    const weir_value *cell = &row->cells[result->instance_cell];
    return cell->type == WEIR_T_INSTANCE ? (char *)(uintptr_t)cell->as.blob.ptr + result->instance_header : NULL;
}
/* Gives up the cursor, if there is one: one round trip at most. Errors are logged. */
void weir_result_release(weir_result *result);
void weir_result_hard_close(weir_result *result);
void weir_result_reference(weir_result *result);
void weir_result_unreference(weir_result *result);

/* ---- execute.c ----------------------------------------------------------------------------------------------------- */
/* As weir_connection_execute, with hooks (may be NULL). When the result that comes back does not have them (no memory), none was
 * or will be called. */
weir_result *weir_connection_execute_hooked(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options,
                                            const weir_batch_hooks *hooks, void *context);
/* The error of `call` that would stream where nothing may be waited for (RULES T1). */
int weir_refuse_stream(const char *call, weir_error *error);
/* The same, in two steps, so that several executions of buffered selects travel together (RULES B3): the first sends what can be
 * sent without waiting for rows (result->under_way says whether it was), weir_result_await gets the rows and gives the result's
 * status. Results are awaited in the order in which they were sent; one that is closed instead is dropped by the driver. Where
 * nothing goes ahead, await does it all: then the next is sent after it. */
weir_result *weir_connection_execute_ahead(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options,
                                           const weir_batch_hooks *hooks, void *context);
int weir_result_await(weir_result *result);

/* The prepared cursor's columns as cells of the result's rows. */
int weir_result_plan_rows(weir_result *result, weir_error *error);

/* ---- reading.c ------------------------------------------------------------------------------------------------------ */
/* What each read does first: tells errors, ends the life of rows handed out before. */
int weir_result_begin_read(weir_result *result);
/* The next row that passes the filter; NULL at the end or on an error. `wanted`: rows the caller still wants (0: it goes row by
 * row; WEIR_ALL_ROWS). column: the cell by which rows are unique, or WEIR_WHOLE_ROW. */
weir_row *weir_result_take(weir_result *result, int64_t wanted, int column);
/* Whether there is one more, fetched if need be: a row, or an instance without one. */
bool weir_result_has_more(weir_result *result, int64_t wanted);
/* The next instance without a row, where bare != bare_end, and nothing has to be looked at first. */
void *weir_result_take_bare(weir_result *result);
/* Takes up to `count` rows into result->list: the rows, or their values of one cell. */
int weir_result_collect(weir_result *result, size_t count, int column);
typedef enum weir_single { WEIR_SINGLE_FIRST, WEIR_SINGLE_ONE, WEIR_SINGLE_ONE_OR_NONE } weir_single;
weir_row *weir_result_take_single(weir_result *result, weir_single kind, int column);
/* When the server's answer to what is asked for now has to be there: its timeout_ms. */
int64_t weir_result_answer_by(const weir_result *result);
/* Drives the open or fetch of `rows` rows that was started, and what more goes into the batch. */
int weir_result_fill(weir_result *result, weir_batch *batch, int started, int64_t rows, int64_t answer_by, weir_error *error);
/* An empty batch for a fetch of up to `rows` rows (0: all); NULL: no memory. Filled, it becomes the one that is read. */
weir_batch *weir_result_batch_for(weir_result *result, int64_t rows);
/* Where the cursor's rows go: into the batch, unless the hooks make something of them first. NULL: no memory. */
weir_sink *weir_result_sink_for(weir_result *result, weir_batch *batch);
/* A batch that did not come whole goes, with what was made of its rows. */
void weir_result_batch_failed(weir_result *result, weir_batch *batch);
int weir_result_batch_came(weir_result *result, weir_batch *batch, weir_error *error);
/* The batch's rows are dead: tells the hooks. False: they keep the batch. */
bool weir_result_batch_gone(weir_result *result, weir_batch *batch);
/* The rows of the batch that is read are needed no more, but their values are, and what the hooks made of them. */
void weir_result_drop_rows(weir_result *result);
/* Has the next batch sent while this one is read, where that is wanted and allowed (RULES W5). */
void weir_result_read_ahead(weir_result *result);

/* ---- freeze.c -------------------------------------------------------------------------------------------------------- */
/* Copies the cells of the next rows into the batch; sets result->ended after the last. */
int weir_frozen_read(weir_result *result, weir_batch *batch);
void weir_frozen_unreference(weir_frozen *frozen);

/* Closes a result whose error is told already. */
static inline void weir_result_drop(weir_result **result)
{
    int told = weir_result_close(result);
    (void)told;
}
#endif
