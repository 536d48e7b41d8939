/* Results: their life from the first row to the close, columns, and what is known about them. */
#include "engine/result.h"
#include <string.h>

#define CLOSED_TEXT "This result object is closed."
#define NO_ROWS_TEXT "This result object does not return rows. It has been closed automatically."

const weir_result weir_result_constant_closed = {
    .constant = true, .closed = true, .row_count = -1, .error = { .status = WEIR_RESOURCE_CLOSED, .message = CLOSED_TEXT },
};
const weir_result weir_result_constant_no_memory = {
    .constant = true, .closed = true, .row_count = -1, .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory" },
};

/* Constants are handed out as handles; nothing writes to them. */
static weir_result *as_handle(const weir_result *constant) { return (weir_result *)(uintptr_t)constant; }

/* ---- beginning ------------------------------------------------------------------------------------------------------- */

static weir_result *make_result(weir_ledger *ledger)
{
    weir_result *result = weir_alloc_zero(ledger, WEIR_MEMORY_HANDLES, sizeof *result);
    if (!result)
        return NULL;
    weir_ledger_init(&result->ledger, ledger);
    weir_arena_init(&result->arena, &result->ledger, WEIR_MEMORY_HANDLES, 2048);
    weir_seen_init(&result->seen, &result->ledger);
    result->references = 1;
    result->row_count = -1;
    result->ended = true;
    return result;
}

weir_result *weir_result_new(weir_engine_core *core)
{
    weir_result *result = make_result(&core->ledger);
    if (result) {
        weir_engine_core_hold(core);
        result->core = core;
    }
    return result;
}

void weir_result_load_within(weir_result *result, weir_result *within)
{
    weir_result_reference(within);
    result->within = within;
    result->budget = within->budget;
    result->ledger.parent = &within->ledger;
    weir_ledger_move(result, &within->ledger);
}

weir_result *weir_result_failed(const weir_error *error, weir_ledger *ledger)
{
    weir_result *result = make_result(ledger);
    if (!result)
        return as_handle(&weir_result_constant_no_memory);
    result->error = *error;
    return result;
}

static weir_declared_column *spread_declared(weir_result *result, size_t count, const weir_declared_column *declared, size_t declared_count)
{
    weir_declared_column *spread = weir_arena_take(&result->arena, (count + 1) * sizeof *spread);
    for (size_t i = 0; spread && i < count; i++)
        spread[i] = i < declared_count ? declared[i] : (weir_declared_column){ NULL, WEIR_T_NULL };
    return spread;
}

int weir_result_describe(weir_result *result, const weir_column_info *columns, size_t count, const weir_declared_column *declared,
                         size_t declared_count)
{
    weir_declared_column *spread = NULL;
    if (declared_count) {
        spread = spread_declared(result, count, declared, declared_count);
        weir_column_info *typed = weir_arena_take(&result->arena, (count + 1) * sizeof *typed);
        if (!spread || !typed)
            return WEIR_OUT_OF_MEMORY;
        for (size_t i = 0; i < count; i++) {
            typed[i] = columns[i];
            if (spread[i].type != WEIR_T_NULL)
                typed[i].type = spread[i].type;
        }
        columns = typed;
    }
    result->whole = result->view = weir_view_new(&result->arena, columns, spread, count, result, &result->error);
    result->stride = weir_row_stride(count);
    result->returns_rows = true;
    return result->view ? WEIR_OK : WEIR_OUT_OF_MEMORY;
}

/* ---- errors ------------------------------------------------------------------------------------------------------------- */

int weir_result_check(weir_result *result)
{
    if (result->constant || result->error.status != WEIR_OK)
        return result->error.status;
    if (result->closed)
        return weir_error_set(&result->error, WEIR_RESOURCE_CLOSED, CLOSED_TEXT);
    if (!result->returns_rows)
        return weir_error_set(&result->error, WEIR_RESOURCE_CLOSED, NO_ROWS_TEXT);
    return WEIR_OK;
}

int weir_result_fail(weir_result *result, const weir_error *error)
{
    if (result->constant)
        return result->error.status;
    weir_result_stop(result);
    weir_error told = *error;
    weir_bounds_name(result, &told);
    weir_bounds_enter(result, WEIR_STAGE_REST);
    return weir_error_keep(&result->error, &told);
}

const weir_error *weir_result_error(const weir_result *result) { return &result->error; }

/* ---- closing ------------------------------------------------------------------------------------------------------------ */

static void leave_connection(weir_result *result)
{
    if (result->open.connection)
        weir_connection_remove_result(result);
    result->open.connection = NULL;
}

static void close_cursor(weir_connection *connection, weir_cursor *cursor)
{
    weir_link *link = cursor->link;
    weir_error error = { 0 };
    /* In a forked child the link is the parent's, and may be gone. */
    if (weir_connection_usable(connection, &error) != WEIR_OK)
        return;
    /* Usable is enough: a connection that was cancelled, or wants a rollback, still closes. */
    if (weir_connection_link(connection) != link) {
        link->driver->forget(link, cursor);
        return;
    }
    if (weir_may_wait(&error) != WEIR_OK) {
        link->driver->drop(link, cursor);
        return;
    }
    if (weir_connection_drive(connection, link->driver->close(link, cursor), WEIR_CALL(.ends = true, .unheard = true), &error) != WEIR_OK)
        weir_log_event_out(&connection->core->log, WEIR_LOG_NOTICE, connection->slot ? connection->slot->number : 0, error.message, "", 0);
}

void weir_result_release(weir_result *result)
{
    weir_connection *connection = result->open.connection;
    if (!connection)
        return;
    /* It stays in the list meanwhile: if the connection is lost now, the driver still forgets the cursor. */
    result->open.leaving = true;
    if (result->cursor && result->cursor->link)
        close_cursor(connection, result->cursor);
    if (result->cursor)
        result->cursor->link = NULL;
    leave_connection(result);
}

static void shut_window(weir_result *result)
{
    result->at = result->limit = result->end = NULL;
    result->bare = result->bare_limit = result->bare_end = NULL;
    result->chunk = NULL;
    result->ended = true;
}

void weir_result_hard_close(weir_result *result)
{
    weir_result_release(result);
    result->closed = true;
    shut_window(result);
}

void weir_result_end(weir_result *result)
{
    weir_cursor *cursor = result->cursor;
    if (cursor && cursor->link) {
        cursor->link->driver->forget(cursor->link, cursor);
        cursor->link = NULL;
    }
    bool leaving = result->open.leaving;
    leave_connection(result);
    if (leaving)                        /* its rows came: whoever needs the connection next is told of its loss */
        return;
    result->closed = true;
    shut_window(result);
}

void weir_result_reference(weir_result *result) { atomic_fetch_add(&result->references, 1); }

void weir_result_unreference(weir_result *result)
{
    if (atomic_fetch_sub(&result->references, 1) != 1)
        return;
    weir_engine_core *core = result->core;
    weir_result *within = result->within;
    weir_kept_let_go(result->compiled.kept);
    weir_arena_free(&result->arena);
    weir_free(result);
    if (within)
        weir_result_unreference(within);
    if (core)
        weir_engine_core_release(core);
}

static void end_batches(weir_result *result)
{
    if (result->batch) {
        result->batch->next = result->kept;
        result->kept = result->batch;
    }
    result->batch = NULL;
    while (result->kept) {
        weir_batch *batch = result->kept;
        result->kept = batch->next;
        if (weir_result_batch_gone(result, batch))
            weir_batch_free(batch);
    }
}

int weir_result_close(weir_result **handle)
{
    if (!handle || !*handle)
        return WEIR_OK;
    weir_result *result = *handle;
    *handle = as_handle(&weir_result_constant_closed);
    if (result->constant)
        return result == as_handle(&weir_result_constant_closed) ? WEIR_OK : result->error.status;
    int status = result->error.status;
    if (result->within && result->cursor)
        result->within->bounds.spilled += result->cursor->spilled;
    weir_result_hard_close(result);
    end_batches(result);
    if (result->hooks && result->hooks->closed)
        result->hooks->closed(result->hooks_context, result);
    weir_batch_free_list(&result->spare);
    weir_seen_free(&result->seen);
    weir_free(result->list);
    weir_free(result->instances);
    if (result->frozen)
        weir_frozen_unreference(result->frozen);
    weir_result_unreference(result);
    return status;
}

/* ---- shaping ------------------------------------------------------------------------------------------------------------ */

int weir_result_columns(weir_result *result, const int *indexes, size_t count)
{
    int status = weir_result_check(result);
    if (status != WEIR_OK)
        return status;
    weir_error error = { 0 };
    size_t *columns = weir_arena_take(&result->arena, (count + 1) * sizeof *columns);
    for (size_t i = 0; columns && i < count; i++) {
        int64_t column = weir_view_index(result->view, indexes[i]);
        if (column < 0) {
            weir_error_set(&error, WEIR_OUT_OF_RANGE, "column index %d is out of range: the result has %zu columns", indexes[i],
                           result->view->count);
            return weir_result_fail(result, &error);
        }
        columns[i] = (size_t)column;
    }
    weir_view *view = columns ? weir_view_select(&result->arena, result->view, columns, count) : NULL;
    if (!view) {
        weir_error_out_of_memory(&error);
        return weir_result_fail(result, &error);
    }
    result->view = view;
    return WEIR_OK;
}

int weir_result_unique_by(weir_result *result, weir_unique_key_fn key, void *context)
{
    int status = weir_result_check(result);
    if (status != WEIR_OK)
        return status;
    result->unique = true;
    result->key = key;
    result->key_context = context;
    result->key_generation += key ? 1 : 0;
    weir_result_stop(result);
    return WEIR_OK;
}

int weir_result_unique(weir_result *result) { return weir_result_unique_by(result, NULL, NULL); }

int weir_result_yield_per(weir_result *result, int64_t rows)
{
    int status = weir_result_check(result);
    if (status != WEIR_OK)
        return status;
    if (rows < 1 || rows > INT32_MAX) {
        weir_error error;
        if (rows < 1)
            weir_error_set(&error, WEIR_ARGUMENT, "yield_per takes a number of rows, at least 1, not %lld", (long long)rows);
        else
            weir_error_set(&error, WEIR_ARGUMENT, "yield_per is too large: %lld; the most is %d", (long long)rows, INT32_MAX);
        return weir_result_fail(result, &error);
    }
    /* Instances were built by other sizes; told, but the rows that are left come all the same. */
    if (result->has_instances && result->taken > 0 && !result->yield_per)
        return WEIR_INVALID_REQUEST;
    if (result->streaming)
        result->yield_per = result->max_row_buffer = rows;
    else if (result->has_instances)
        result->yield_per = rows;
    return WEIR_OK;
}

/* ---- about the result ------------------------------------------------------------------------------------------------------ */

size_t weir_result_column_count(const weir_result *result) { return result->view ? result->view->count : 0; }

const weir_column_info *weir_result_column(const weir_result *result, size_t index)
{
    return index < weir_result_column_count(result) ? &result->view->columns[index] : NULL;
}

bool weir_result_returns_rows(const weir_result *result) { return result->returns_rows; }
bool weir_result_closed(const weir_result *result) { return result->closed; }
int64_t weir_result_rowcount(const weir_result *result) { return result->row_count; }

static size_t rows_held(const weir_result *result)
{
    if (!result->chunk)
        return (size_t)(result->bare_end - result->bare);
    size_t rows = result->chunk->count - (size_t)(result->at - result->chunk->places) / result->stride;
    for (const weir_chunk *chunk = result->chunk->next; chunk; chunk = chunk->next)
        rows += chunk->count;
    return rows;
}

void weir_result_info(const weir_result *result, weir_result_figures *out)
{
    const weir_cursor *cursor = result->cursor;
    *out = (weir_result_figures){
        .mode = result->mode, .rows = result->taken - result->repeated, .batches = result->batches, .rows_held = rows_held(result),
        .yield_per = result->bounds.any_rows ? 0 : result->yield_per, .max_row_buffer = result->streaming && !result->bounds.any_rows ? result->max_row_buffer : 0,
        .stream_results = result->stream_results,
    };
    if (result->constant)
        return;
    if (cursor) {
        /* Until the reader met the end, as if SQLite's statement were not gone with its last row. */
        out->open = result->streaming && result->open.connection;
        out->round_trips = cursor->round_trips;
        out->bytes = cursor->bytes;
    }
    weir_memory_figures figures;
    weir_ledger_figures(&result->ledger, &figures);
    out->ledger_bytes = figures.bytes;
    out->ledger_peak_bytes = figures.peak_bytes;
    if (result->bounds.memory)
        weir_bounds_info(result, out);
}
