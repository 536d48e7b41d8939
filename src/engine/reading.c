/* Reading results: one queue of rows behind all styles, and how many rows each fetch asks for. */
#include "engine/result.h"
#include <string.h>

enum { GROWTH_FACTOR = 5, SPARE_BATCHES = 2, KEYS_BY_FUNCTION = -2 };

/* ---- batches that come and go --------------------------------------------------------------------------------------------- */

bool weir_result_batch_gone(weir_result *result, weir_batch *batch)
{
    return !batch->attached || !result->hooks || !result->hooks->gone || !result->hooks->gone(result->hooks_context, result, batch);
}

static void recycle(weir_result *result, weir_batch *batch)
{
    if (!weir_result_batch_gone(result, batch))
        return;
    if (result->spare_count >= result->spare_limit) {
        weir_batch_free(batch);
        return;
    }
    batch->next = result->spare;
    result->spare = batch;
    result->spare_count++;
}

/* Rows handed out by the read before die here. As many batches stay as that read needed: the next is likely to need them too. */
static void end_kept_rows(weir_result *result)
{
    result->spare_limit = result->kept_count + SPARE_BATCHES;
    while (result->kept) {
        weir_batch *batch = result->kept;
        result->kept = batch->next;
        recycle(result, batch);
    }
    result->kept_count = 0;
    while (result->spare_count > result->spare_limit) {
        weir_batch *batch = result->spare;
        result->spare = batch->next;
        result->spare_count--;
        weir_batch_free(batch);
    }
    if (result->batch)
        result->batch->kept = false;
}

/* The batch that was read is at its end: it is kept as long as rows of it are in the program's hands. */
static void retire_batch(weir_result *result)
{
    weir_batch *batch = result->batch;
    if (!batch)
        return;
    result->batch = NULL;
    result->chunk = NULL;
    result->at = result->limit = result->end = NULL;
    result->bare = result->bare_limit = result->bare_end = NULL;
    if (batch->kept) {
        batch->next = result->kept;
        result->kept = batch;
        result->kept_count++;
    } else {
        recycle(result, batch);
    }
}

/* Up to the end of the chunk, or of what is ready of it. */
static void widen_window(weir_result *result)
{
    const weir_chunk *chunk = result->chunk;
    size_t ready = result->batch->ready - result->chunk_first;
    result->end = (char *)result->chunk->places + (ready < chunk->count ? ready : chunk->count) * result->stride;
}

static void open_window(weir_result *result, weir_chunk *chunk, size_t first)
{
    result->chunk = chunk;
    result->chunk_first = first;
    result->at = result->limit = chunk->places;
    widen_window(result);
}

static bool next_chunk(weir_result *result)
{
    weir_chunk *chunk = result->chunk;
    if (!chunk || !chunk->next || chunk->next->count == 0 || result->chunk_first + chunk->count >= result->batch->ready)
        return false;
    open_window(result, chunk->next, result->chunk_first + chunk->count);
    return true;
}

/* Rows that were not ready when their batch came. */
static bool has_parts(const weir_result *result) { return result->batch && result->batch->ready < result->batch->sink.count; }

static int next_part(weir_result *result)
{
    weir_error error;
    weir_bounds_enter(result, WEIR_STAGE_LOADS);
    int status = result->hooks->part(result->hooks_context, result, result->batch, &error);
    if (status != WEIR_OK)
        weir_bounds_name(result, &error);
    weir_bounds_enter(result, WEIR_STAGE_REST);
    if (status != WEIR_OK) {
        weir_result_fail(result, &error);
        weir_result_release(result);
        result->ended = true;
        return status;
    }
    widen_window(result);
    if (!has_parts(result))
        weir_result_read_ahead(result);
    return WEIR_OK;
}

weir_batch *weir_result_batch_for(weir_result *result, int64_t rows)
{
    weir_batch *batch = result->spare;
    if (batch) {
        result->spare = batch->next;
        result->spare_count--;
    } else {
        batch = weir_batch_new(&result->ledger, result->stride);
    }
    if (!batch)
        return NULL;
    weir_batch_begin(batch, (size_t)rows);
    batch->sink.budget = result->budget;
    if (result->bounds.memory) {
        batch->expected = (size_t)rows;
        batch->limit = (size_t)result->yield_per;       /* the fetch may go on */
    }
    return batch;
}

weir_sink *weir_result_sink_for(weir_result *result, weir_batch *batch)
{
    weir_sink *sink = result->hooks && result->hooks->sink ? result->hooks->sink(result->hooks_context, result, batch) : &batch->sink;
    if (sink) {
        sink->budget = result->budget;
        sink->full = false;
    }
    return sink;
}

void weir_result_batch_failed(weir_result *result, weir_batch *batch)
{
    if (batch && weir_result_batch_gone(result, batch))
        weir_batch_free(batch);
}

int weir_result_batch_came(weir_result *result, weir_batch *batch, weir_error *error)
{
    bool has_rows = weir_batch_end(batch) > 0;
    result->batch = batch;
    const weir_batch_hooks *hooks = result->hooks;
    size_t rows = result->bounds.memory ? result->cursor->sink->count : 0;
    weir_bounds_learn(result, (int64_t)rows);
    weir_bounds_enter(result, WEIR_STAGE_LOADS);
    weir_bounds_note_rows(result);
    int status = hooks && hooks->came ? hooks->came(result->hooks_context, result, batch, error) : WEIR_OK;
    if (has_rows || batch->sink.count || result->bare != result->bare_end)
        result->batches++;
    if (status != WEIR_OK)
        weir_bounds_name(result, error);
    weir_bounds_note_loads(result, batch->ready < rows ? batch->ready : rows);
    weir_bounds_enter(result, WEIR_STAGE_REST);
    if (status != WEIR_OK)
        return status;
    if (batch->chunks && batch->chunks->count)
        open_window(result, batch->chunks, 0);
    return WEIR_OK;
}

void weir_result_drop_rows(weir_result *result)
{
    if (result->batch)
        weir_batch_drop_rows(result->batch);
    result->chunk = NULL;
    result->at = result->limit = result->end = NULL;
    result->bare = result->bare_limit = result->bare_end = NULL;
}

/* ---- fetching --------------------------------------------------------------------------------------------------------------- */

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* A fixed buffer always asks for itself; sized reads for what they lack; else the buffer grows (5, 25, 125, … to its maximum). */
static int64_t rows_to_ask(weir_result *result, int64_t wanted)
{
    if (result->bounds.memory)
        return weir_bounds_credit(result, 0);
    if (wanted == WEIR_ALL_ROWS && !result->unique)
        return 0;
    if (result->yield_per)
        return result->yield_per;
    if (wanted > 0)
        return smaller(wanted, INT32_MAX);      /* FETCH takes no more; a read goes on for what is missing */
    if (result->max_row_buffer == INT64_MAX)
        return 0;
    int64_t rows = smaller(result->growth, result->max_row_buffer);
    result->growth = smaller(rows * GROWTH_FACTOR, result->max_row_buffer);
    return rows;
}

void weir_result_read_ahead(weir_result *result)
{
    weir_cursor *cursor = result->cursor;
    if (!result->prefetch || result->ended || !cursor->may_prefetch || !cursor->link || !cursor->link->driver->read_ahead || has_parts(result))
        return;
    int64_t rows = result->yield_per;
    if (result->bounds.memory)
        rows = result->bounds.expected = weir_bounds_credit(result, 0);
    /* What goes wrong here is met again, and told, by the fetch. */
    (void)cursor->link->driver->read_ahead(cursor->link, cursor, rows);
}

int64_t weir_result_answer_by(const weir_result *result) { return weir_deadline_ms(result->timeout_ms > 0 ? result->timeout_ms : -1); }

static int start_fetch(weir_result *result, int64_t rows)
{
    return result->cursor->link->driver->fetch(result->cursor->link, result->cursor, rows);
}

/* A row that does not fit beside what is kept for rows to come has all that there is. */
static void make_room_for_row(weir_result *result, weir_batch *batch)
{
    weir_batch_shed(batch);
    weir_batch_free_list(&result->spare);
    result->spare_count = 0;
    if (result->hooks && result->hooks->shed)
        result->hooks->shed(result->hooks_context, result);
    weir_bounds_enter(result, WEIR_STAGE_WIDE_ROW);
    result->cursor->sink->full = false;
}

int weir_result_fill(weir_result *result, weir_batch *batch, int started, int64_t rows, int64_t answer_by, weir_error *error)
{
    weir_cursor *cursor = result->cursor;
    const weir_call *call = WEIR_CALL(.answer_by = answer_by, .reads = true);
    weir_connection *connection = result->open.connection;
    bool tried = false;
    int status;
    while ((status = weir_connection_drive(connection, started, call, error)) == WEIR_OK && batch && result->budget) {
        if (cursor->sink->count == 0 && !cursor->ended && weir_sink_ends(cursor->sink, WEIR_OUT_OF_MEMORY)) {
            if (tried || !result->bounds.memory) {
                weir_bounds_row_error(result, error);
                if (result->hooks && result->hooks->blame)
                    result->hooks->blame(result->hooks_context, result, error);
                return error->status;
            }
            tried = true;
            make_room_for_row(result, batch);
        } else if (!weir_bounds_wants_more(result)) {
            break;
        }
        if (!cursor->link)
            return weir_connection_nonsense(connection, error);
        rows = weir_bounds_credit(result, (int64_t)cursor->sink->count);
        weir_bounds_expect(result, (int64_t)cursor->sink->count, rows);
        batch->expected = cursor->sink->count + (size_t)rows;
        started = start_fetch(result, rows);
    }
    return status;
}

static int fetch_from_server(weir_result *result, weir_batch *batch, int64_t rows)
{
    weir_connection *connection = result->open.connection;
    weir_cursor *cursor = result->cursor;
    weir_error error = { 0 };
    if (!connection) {                  /* closed in a forked child, which may not touch the cursor either */
        weir_error_set(&error, WEIR_RESOURCE_CLOSED, "This result object is closed.");
        return weir_result_fail(result, &error);
    }
    int status = weir_connection_ready(connection, false, &error);
    cursor->sink = weir_result_sink_for(result, batch);
    if (!cursor->sink && status == WEIR_OK)
        status = weir_error_out_of_memory(&error);
    if (status == WEIR_OK) {
        weir_bounds_enter(result, WEIR_STAGE_ALL_ROWS);
        if (result->bounds.memory)
            weir_bounds_expect(result, 0, rows);
        status = weir_result_fill(result, batch, start_fetch(result, rows), rows, weir_result_answer_by(result), &error);
    }
    if (status == WEIR_OK && cursor->sink->count == 0 && !cursor->ended)
        status = weir_error_set(&error, WEIR_INTERNAL, "a fetch brought neither rows nor the end of the result");
    if (status == WEIR_OK) {
        result->ended = cursor->ended;
        return WEIR_OK;
    }
    if (!error.sql[0])
        weir_error_text(error.sql, sizeof error.sql, result->compiled.sql, result->compiled.sql_length);
    weir_result_fail(result, &error);
    weir_connection_failed(connection, &error);
    weir_result_release(result);
    return status;
}

static int fetch(weir_result *result, int64_t rows)
{
    weir_error error;
    weir_batch *batch = weir_result_batch_for(result, rows);
    if (!batch) {
        weir_error_out_of_memory(&error);
        return weir_result_fail(result, &error);
    }
    int status;
    if (result->frozen) {
        status = weir_frozen_read(result, batch);
        if (status != WEIR_OK) {
            weir_error_out_of_memory(&error);
            weir_result_fail(result, &error);
        }
    } else {
        status = fetch_from_server(result, batch, rows);
    }
    if (status != WEIR_OK) {
        weir_result_batch_failed(result, batch);
        return status;
    }
    status = weir_result_batch_came(result, batch, &error);
    if (status != WEIR_OK) {
        weir_result_fail(result, &error);
        weir_result_release(result);
        result->ended = true;
        return status;
    }
    if (!result->frozen && (rows == result->yield_per || result->bounds.memory))
        weir_result_read_ahead(result);
    return WEIR_OK;
}

/* ---- taking rows ---------------------------------------------------------------------------------------------------------------- */

/* The rows ended: the cursor goes, and so does the room for rows to come. */
static void soft_close(weir_result *result)
{
    weir_result_release(result);
    weir_batch_free_list(&result->spare);
    result->spare_count = 0;
}

bool weir_result_has_more(weir_result *result, int64_t wanted)
{
    while (result->at == result->end && result->bare == result->bare_end) {
        if (next_chunk(result))
            continue;
        if (result->pauses && result->batch)
            return false;
        if (has_parts(result)) {
            if (next_part(result) != WEIR_OK)
                return false;
            continue;
        }
        retire_batch(result);
        if (result->ended) {
            soft_close(result);
            return false;
        }
        if (fetch(result, rows_to_ask(result, wanted)) != WEIR_OK)
            return false;
    }
    return true;
}

static bool looks_at_each(const weir_result *result) { return result->unique || result->one_by_one; }

void *weir_result_take_bare(weir_result *result)
{
    if (result->bare == result->bare_end || looks_at_each(result))
        return NULL;
    result->taken++;
    result->bare_limit = result->bare_end;
    return *result->bare++;
}

/* Rows of the instances that have none yet. */
static int make_rows(weir_result *result)
{
    weir_batch *batch = result->batch;
    for (void *const *instance = result->bare; instance != result->bare_end; instance++) {
        weir_row *row = weir_sink_row(&batch->sink);
        if (!row) {
            weir_error error;
            weir_error_out_of_memory(&error);
            return weir_result_fail(result, &error);
        }
        row->cells[result->instance_cell] = (weir_value){ .type = WEIR_T_INSTANCE, .as.blob = { *instance, 0 } };
    }
    (void)weir_batch_end(batch);
    result->bare = result->bare_limit = result->bare_end = NULL;
    open_window(result, batch->chunks, 0);
    return WEIR_OK;
}

static weir_row *take_any(weir_result *result, int64_t wanted)
{
    if (!weir_result_has_more(result, wanted) || (result->bare != result->bare_end && make_rows(result) != WEIR_OK))
        return NULL;
    weir_row *row = weir_result_hand_out(result);
    result->limit = looks_at_each(result) ? result->at : result->end;
    return row;
}

static int is_new(weir_result *result, const weir_row *row, int column)
{
    if (result->key) {
        weir_value key = result->key(row, result->key_context);
        const weir_value *values[] = { &key };
        return weir_seen_add(&result->seen, KEYS_BY_FUNCTION - result->key_generation, values, 1);
    }
    if (column == WEIR_WHOLE_ROW)
        return weir_seen_add_row(&result->seen, WEIR_WHOLE_ROW, row);
    const weir_value *values[] = { &row->cells[column] };
    return weir_seen_add(&result->seen, column, values, 1);
}

weir_row *weir_result_take(weir_result *result, int64_t wanted, int column)
{
    for (;;) {
        weir_row *row = take_any(result, wanted);
        if (!row || !result->unique)
            return row;
        int outcome = is_new(result, row, column);
        if (outcome < 0) {
            weir_error error;
            weir_error_out_of_memory(&error);
            weir_result_fail(result, &error);
        }
        if (result->error.status != WEIR_OK)
            return NULL;
        if (outcome > 0)
            return row;
        result->repeated++;
    }
}

int weir_result_begin_read(weir_result *result)
{
    int status = weir_result_check(result);
    weir_error error = { 0 };
    const weir_batch_hooks *hooks = result->hooks;
    if (status == WEIR_OK && hooks && hooks->reading && hooks->reading(result->hooks_context, result, &error) != WEIR_OK)
        status = weir_result_fail(result, &error);
    if (status == WEIR_OK) {
        result->reads++;
        end_kept_rows(result);
    }
    return status;
}

static int add_to_list(weir_result *result, weir_row *row, int column)
{
    if (result->list_count == result->list_capacity) {
        size_t capacity = result->list_capacity ? result->list_capacity * 2 : 64;
        void *list = weir_resize(&result->ledger, WEIR_MEMORY_BATCH, result->list, capacity * sizeof(void *));
        if (!list) {
            weir_error error;
            weir_error_out_of_memory(&error);
            return weir_result_fail(result, &error);
        }
        result->list = list;
        result->list_capacity = capacity;
    }
    if (column == WEIR_WHOLE_ROW) {
        ((const weir_row **)result->list)[result->list_count++] = row;
        return WEIR_OK;
    }
    const weir_value *value = weir_view_value(result->whole, row, (size_t)column);
    if (value)
        ((const weir_value **)result->list)[result->list_count++] = value;
    return result->error.status;
}

int weir_result_collect(weir_result *result, size_t count, int column)
{
    result->list_count = 0;
    while (result->list_count < count) {
        size_t missing = count - result->list_count;
        result->pauses = (result->bounds.memory || result->some) && result->list_count && count != SIZE_MAX;
        weir_row *row = weir_result_take(result, count == SIZE_MAX || missing > INT64_MAX ? WEIR_ALL_ROWS : (int64_t)missing, column);
        result->pauses = false;
        if (!row)
            break;
        result->batch->kept = true;
        if (add_to_list(result, row, column) != WEIR_OK)
            break;
    }
    return result->error.status;
}

weir_row *weir_result_take_single(weir_result *result, weir_single kind, int column)
{
    if (weir_result_begin_read(result) != WEIR_OK)
        return NULL;
    weir_row *row = weir_result_take(result, 1, column), *second = NULL;
    if (row && kind != WEIR_SINGLE_FIRST) {
        result->batch->kept = true;
        second = weir_result_take(result, 1, column);
    }
    weir_result_hard_close(result);
    weir_error error = { 0 };
    if (second)
        weir_error_set(&error, WEIR_MULTIPLE_RESULTS_FOUND, "Multiple rows were found when %s was required",
                       kind == WEIR_SINGLE_ONE ? "exactly one" : "one or none");
    else if (!row && kind == WEIR_SINGLE_ONE)
        weir_error_set(&error, WEIR_NO_RESULT_FOUND, "No row was found when one was required");
    return weir_error_keep(&result->error, &error) == WEIR_OK ? row : NULL;
}

/* ---- the public ways of reading -------------------------------------------------------------------------------------------------- */

static const weir_row *next_slowly(weir_result *result)
{
    return weir_result_begin_read(result) == WEIR_OK ? weir_result_take(result, 0, WEIR_WHOLE_ROW) : NULL;
}

const weir_row *weir_result_next(weir_result *result)
{
    return result->at != result->limit ? weir_result_hand_out(result) : next_slowly(result);
}

static int list_instances(weir_result *result)
{
    if (result->instance_capacity < result->list_count) {
        void *list = weir_resize(&result->ledger, WEIR_MEMORY_BATCH, result->instances, result->list_capacity * sizeof(void *));
        if (!list) {
            weir_error error;
            weir_error_out_of_memory(&error);
            return weir_result_fail(result, &error);
        }
        result->instances = list;
        result->instance_capacity = result->list_capacity;
    }
    const weir_row *const *rows = result->list;
    for (size_t i = 0; i < result->list_count; i++)
        result->instances[i] = weir_row_delivers(rows[i], result);
    return WEIR_OK;
}

static const weir_partition *read_partition(weir_result *result, size_t count, bool some)
{
    if (weir_result_begin_read(result) != WEIR_OK)
        return NULL;
    result->some = some;
    if (result->cursor)                 /* slices of what is held as a whole would only be more and smaller blocks */
        result->cursor->slice = some || count < (size_t)result->yield_per ? result->slice : 0;
    int status = weir_result_collect(result, count, WEIR_WHOLE_ROW);
    if (result->cursor)
        result->cursor->slice = result->slice;
    result->some = false;
    if (status != WEIR_OK)
        return NULL;
    if (result->instance_entity && list_instances(result) != WEIR_OK)
        return NULL;
    result->partition = (weir_partition){ .count = result->list_count, .rows = result->list,
                                          .instances = result->instance_entity ? result->instances : NULL };
    return &result->partition;
}

static const weir_partition *fetch_rows(weir_result *result, size_t rows, bool some)
{
    if (rows == 0)
        rows = result->yield_per ? (size_t)result->yield_per : WEIR_DEFAULT_CHUNK;
    const weir_partition *partition = read_partition(result, rows, some);
    return partition && partition->count ? partition : NULL;
}

const weir_partition *weir_result_fetchmany(weir_result *result, size_t rows) { return fetch_rows(result, rows, false); }
const weir_partition *weir_result_fetchsome(weir_result *result) { return fetch_rows(result, 0, true); }

const weir_partition *weir_result_next_partition(weir_result *result, size_t rows) { return weir_result_fetchmany(result, rows); }
const weir_partition *weir_result_all(weir_result *result) { return read_partition(result, SIZE_MAX, false); }

const weir_row *weir_result_first(weir_result *result) { return weir_result_take_single(result, WEIR_SINGLE_FIRST, WEIR_WHOLE_ROW); }
const weir_row *weir_result_one(weir_result *result) { return weir_result_take_single(result, WEIR_SINGLE_ONE, WEIR_WHOLE_ROW); }

const weir_row *weir_result_one_or_none(weir_result *result)
{
    return weir_result_take_single(result, WEIR_SINGLE_ONE_OR_NONE, WEIR_WHOLE_ROW);
}
