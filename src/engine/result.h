/* Results inside: one stream of rows that all ways of reading draw from. */
#ifndef WEIR_ENGINE_RESULT_H
#define WEIR_ENGINE_RESULT_H
#include "engine/batch.h"
#include "engine/connection.h"
#include "engine/rows.h"
#include "engine/unique.h"

struct weir_result {
    weir_open_result open;              /* first: the connection's list */
    /* What weir_result_next needs. Rows in [at, limit) may be handed out at once; limit is pulled back to `at` when something
     * has to be looked at first: an error, a close, the unique filter. */
    char        *at, *limit;
    size_t       stride;
    weir_view   *view;                  /* of the rows handed out from now on; NULL: no rows are returned */
    int64_t      taken;                 /* rows taken from the stream so far */
    /* the stream */
    char        *end;                   /* of the rows in the chunk that is read */
    weir_chunk  *chunk;
    weir_batch  *batch;                 /* that is read */
    weir_batch  *kept;                  /* read to their end, but the last read handed out rows of them */
    weir_batch  *spare;                 /* to be used again */
    size_t       kept_count, spare_count, spare_limit;
    bool         ended;                 /* no rows will come but those in `batch` */
    bool         streaming, closed, constant, returns_rows;
    bool         prefetch;
    int64_t      yield_per, max_row_buffer, growth;
    weir_switch  stream_results;
    /* where rows come from: a cursor or a frozen result */
    weir_cursor *cursor;
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
    weir_engine_core *core;             /* referenced; NULL: a result that only carries an error */
    weir_ledger  ledger;
    weir_arena   arena;
    _Atomic int  references;            /* the handle, and frozen results over its rows */
};

enum { WEIR_ALL_ROWS = -1, WEIR_WHOLE_ROW = -1, WEIR_DEFAULT_CHUNK = 1000 };
extern const weir_result weir_result_constant_closed, weir_result_constant_no_memory;

/* ---- result.c ------------------------------------------------------------------------------------------------------ */
/* A new, empty result of the core, which it references. NULL: no memory. */
weir_result *weir_result_new(weir_engine_core *core);
/* Sets up columns and views for rows of `count` columns. WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_result_describe(weir_result *result, const weir_column_info *columns, size_t count, const weir_declared_column *declared,
                         size_t declared_count);
/* Whether rows may be read or shaped: WEIR_OK, or the error, which is kept. */
int weir_result_check(weir_result *result);
/* Keeps an error unless there is one; ends reading. Returns the kept status. */
int weir_result_fail(weir_result *result, const weir_error *error);
/* Makes the next read look at what happened before it hands out a row. */
static inline void weir_result_stop(weir_result *result) { result->limit = result->at; }
/* Gives up the cursor, if there is one: one round trip at most. Errors are logged. */
void weir_result_release(weir_result *result);
void weir_result_hard_close(weir_result *result);
void weir_result_reference(weir_result *result);
void weir_result_unreference(weir_result *result);

/* ---- reading.c ------------------------------------------------------------------------------------------------------ */
/* What each read does first: tells errors, ends the life of rows handed out before. */
int weir_result_begin_read(weir_result *result);
/* The next row that passes the filter; NULL at the end or on an error. `wanted`: rows the caller still wants (0: it goes row by
 * row; WEIR_ALL_ROWS). column: the cell by which rows are unique, or WEIR_WHOLE_ROW. */
weir_row *weir_result_take(weir_result *result, int64_t wanted, int column);
/* Takes up to `count` rows into result->list: the rows, or their values of one cell. */
int weir_result_collect(weir_result *result, size_t count, int column);
typedef enum weir_single { WEIR_SINGLE_FIRST, WEIR_SINGLE_ONE, WEIR_SINGLE_ONE_OR_NONE } weir_single;
weir_row *weir_result_take_single(weir_result *result, weir_single kind, int column);
/* An empty batch for a fetch of up to `rows` rows (0: all); NULL: no memory. Filled, it becomes the one that is read. */
weir_batch *weir_result_batch_for(weir_result *result, int64_t rows);
void weir_result_batch_came(weir_result *result, weir_batch *batch);
/* Has the next batch sent while this one is read, where that is wanted and allowed (RULES W5). */
void weir_result_read_ahead(weir_result *result);

/* ---- freeze.c -------------------------------------------------------------------------------------------------------- */
/* Copies the cells of the next rows into the batch; sets result->ended after the last. */
int weir_frozen_read(weir_result *result, weir_batch *batch);
void weir_frozen_unreference(weir_frozen *frozen);
#endif
