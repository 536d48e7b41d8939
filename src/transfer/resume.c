/* Streams behind a checkpoint's place: rows delivered and acknowledged, neighbours compared where nobody knows that the key is unique, and
 * connections that were lost replaced. */
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include "base/wait.h"
#include "engine/result.h"
#include "transfer/checkpoint.h"

enum { DELAY_MS = 500, MAX_DELAY_MS = 30000, SLICE_MS = 200, BATCH = 1000 };

struct weir_resume {
    weir_ledger            ledger;
    weir_checkpoint       *checkpoint;
    weir_connection       *connection;  /* one of these two */
    weir_session          *session;
    weir_resume_options    options;
    weir_execution_options execution;
    weir_result           *result;      /* NULL: none yet, or lost */
    weir_partition         shown;       /* the last partition delivered */
    size_t                 acknowledged;    /* rows of it */
    bool                   current;     /* it may still be acknowledged */
    bool                   skipped;     /* rows of an earlier one were not */
    const weir_row        *held;        /* of an unchecked order: read, and its successor is not known yet */
    const weir_row        *lent;        /* held before, delivered now */
    const weir_row       **rows;        /* what shown.rows is then: a row held before, and those behind it */
    size_t                 capacity;
    weir_value            *keys;        /* of two neighbours */
    weir_buffer            delivered, scratch;  /* keys as text; delivered: of the last row of `shown`, or where it began */
    weir_arena             arena;       /* of the key that is being written or read */
    int                    lost;        /* attempts in a row */
    int64_t                reconnects;
    bool                   ended;
    weir_error             error;
};

static const weir_resume closed_stream = { .ended = true, .error = { .status = WEIR_RESOURCE_CLOSED, .message = "this stream is closed" } };
static const weir_resume no_memory_stream = { .ended = true, .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a stream" } };

static weir_resume *constant(const weir_resume *stream) { return (weir_resume *)(uintptr_t)stream; }
static bool is_constant(const weir_resume *stream) { return !stream || stream == &closed_stream || stream == &no_memory_stream; }

/* ---- keys -------------------------------------------------------------------------------------------------------------- */
static int key_text(weir_resume *stream, const weir_row *row, const void *instance, weir_buffer *text)
{
    const weir_order *order = stream->checkpoint->order;
    size_t count = weir_order_count(order);
    weir_arena_reset(&stream->arena, SIZE_MAX);
    weir_value *key = weir_arena_take(&stream->arena, count * sizeof *key);
    if (!key)
        return weir_error_out_of_memory(&stream->error);
    int status = instance ? weir_order_key_of_instance(order, instance, key, &stream->error) : weir_order_key(order, row, key, &stream->error);
    text->length = 0;
    text->failed = false;
    if (status == WEIR_OK)
        status = weir_key_write(key, count, text, &stream->error);
    return status;
}

static int partition_key(weir_resume *stream, const weir_partition *partition, size_t index, weir_buffer *text)
{
    return key_text(stream, partition->instances ? NULL : partition->rows[index], partition->instances ? partition->instances[index] : NULL,
                    text);
}

/* A key from its text, in the arena, behind what is there; NULL with an error. */
static weir_value *key_of(weir_resume *stream, const weir_buffer *text)
{
    size_t count = weir_order_count(stream->checkpoint->order);
    weir_value *key = weir_arena_take(&stream->arena, count * sizeof *key);
    if (!key) {
        weir_error_out_of_memory(&stream->error);
        return NULL;
    }
    return weir_key_read(text->data, text->length, &stream->arena, key, count, &stream->error) == WEIR_OK ? key : NULL;
}

/* ---- one statement ------------------------------------------------------------------------------------------------------ */
static void close_result(weir_resume *stream)
{
    stream->current = false;
    weir_row_release(&stream->held);
    if (stream->result)
        weir_result_drop(&stream->result);      /* its error was looked at when it happened */
    stream->result = NULL;
}

static void fill_batch_size(const weir_resume *stream, const weir_stmt *stmt, weir_execution_options *options)
{
    weir_execution_options own = { .struct_size = sizeof own }, connections = { .struct_size = sizeof connections };
    weir_stmt_get_options(stmt, &own);
    if (stream->connection)
        weir_connection_get_options(stream->connection, &connections);
    const weir_execution_options *const all[] = { options, &own, &connections };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->yield_per || all[i]->stream_results || all[i]->memory > 0)
            return;
    options->yield_per = BATCH;
}

/* Executes the statement behind the last row delivered. */
static int execute(weir_resume *stream)
{
    weir_execution_options options = stream->execution;
    const weir_value *after = NULL;
    weir_arena_reset(&stream->arena, SIZE_MAX);
    if (stream->delivered.length && (after = key_of(stream, &stream->delivered)) == NULL)
        return stream->error.status;
    weir_stmt *stmt = weir_order_statement(stream->checkpoint->order, &(weir_order_range){ .after = after });
    fill_batch_size(stream, stmt, &options);
    stream->result = stream->session ? weir_session_scalars_with(stream->session, stmt, &options)
                                     : weir_connection_execute(stream->connection, stmt, &options);
    weir_stmt_free(&stmt);
    if (weir_error_keep(&stream->error, weir_result_error(stream->result)) != WEIR_OK)
        return stream->error.status;
    if (!weir_result_returns_rows(stream->result))
        return weir_error_set(&stream->error, WEIR_INVALID_REQUEST, "the statement returns no rows: there is nothing to go on with");
    return weir_checkpoint_columns(stream->checkpoint, stream->result, &stream->error);
}

/* ---- lost connections --------------------------------------------------------------------------------------------------- */
/* What a server that comes back, or has no room just now, says to those who connect; and what is no answer at all. */
static bool may_pass(const weir_error *error)
{
    static const char *const classes[] = { "08", "57P", "53300", "HV00N" };
    if (!error->sqlstate[0])
        return true;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strncmp(error->sqlstate, classes[i], strlen(classes[i])))
            return true;
    return false;
}

static bool is_lost(const weir_resume *stream)
{
    const weir_error *error = &stream->error;
    bool invalidated = stream->connection ? weir_connection_invalidated(stream->connection) : stream->lost > 0;
    if (error->status == WEIR_CANCELLED || stream->options.retry <= stream->lost)
        return false;
    return error->disconnect || (stream->lost && invalidated && weir_status_is(error->status, WEIR_OPERATIONAL) &&
                                 error->status != WEIR_DEADLINE_EXCEEDED && error->status != WEIR_QUERY_CANCELED && may_pass(error));
}

static int64_t delay(const weir_resume_options *options, int attempt)
{
    int64_t milliseconds = options->delay_ms;
    for (int i = 1; i < attempt && milliseconds < options->max_delay_ms; i++)
        milliseconds *= 2;
    milliseconds = milliseconds < options->max_delay_ms ? milliseconds : options->max_delay_ms;
    uint64_t random = (uint64_t)weir_now() * UINT64_C(0x9E3779B97F4A7C15) >> 32;
    return milliseconds - (int64_t)(random % (uint64_t)(milliseconds / 2 + 1));
}

/* WEIR_OK: the time has passed. Else why it ended early, in the stream's error. */
static int wait_a_while(weir_resume *stream, const weir_error *why)
{
    int64_t until = weir_now() + delay(&stream->options, stream->lost) * WEIR_NS_PER_MS;
    for (;;) {
        int64_t left = (until - weir_now()) / WEIR_NS_PER_MS;
        weir_resume_wait wait = { stream->lost, stream->options.retry, left > 0 ? left : 0, why };
        if (stream->options.waiting && stream->options.waiting(&wait, stream->options.context) != WEIR_OK) {
            stream->error = *why;
            return stream->error.status = WEIR_CANCELLED;
        }
        if (left <= 0)
            return WEIR_OK;
        int status = weir_sleep(left < SLICE_MS ? left : SLICE_MS);
        if (status != WEIR_OK)
            return weir_error_set(&stream->error, status, "cancelled while it waited to connect again");
    }
}

/* Replaces what was lost until it works, the attempts are used up, or another error comes. The status. */
static int recover(weir_resume *stream)
{
    while (stream->error.status != WEIR_OK && is_lost(stream)) {
        const weir_error why = stream->error;
        weir_error_clear(&stream->error);
        close_result(stream);
        stream->lost++;
        if (wait_a_while(stream, &why) != WEIR_OK)
            break;
        /* Read only, as was asked for when it was opened: there is nothing to lose in what is rolled back. */
        int status = stream->session ? weir_session_rollback(stream->session) : weir_connection_rollback(stream->connection);
        if (status != WEIR_OK)
            weir_error_keep(&stream->error, stream->session ? weir_session_error(stream->session) : weir_connection_error(stream->connection));
        else if (execute(stream) == WEIR_OK) {
            stream->reconnects++;
            stream->checkpoint->figures.reconnects++;
        }
    }
    return stream->error.status;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */
static int take_options(weir_resume *stream, const weir_resume_options *given)
{
    weir_resume_options *options = &stream->options;
    weir_error *error = &stream->error;
    *options = (weir_resume_options){ .struct_size = sizeof *options };
    if (given && (given->struct_size == 0 || given->struct_size > sizeof *options))
        return weir_error_set(error, WEIR_ARGUMENT, "resume options of %zu bytes: make them with WEIR_RESUME_OPTIONS", given->struct_size);
    if (given)
        memcpy(options, given, given->struct_size);
    if (options->retry < 0 || options->delay_ms < 0 || options->max_delay_ms < 0)
        return weir_error_set(error, WEIR_ARGUMENT, "attempts and delays are not negative");
    options->delay_ms = options->delay_ms ? options->delay_ms : DELAY_MS;
    options->max_delay_ms = options->max_delay_ms ? options->max_delay_ms : MAX_DELAY_MS;
    stream->execution = (weir_execution_options){ .struct_size = sizeof stream->execution };
    const weir_execution_options *execution = options->execution;
    if (execution && (execution->struct_size == 0 || execution->struct_size > sizeof *execution))
        return weir_error_set(error, WEIR_ARGUMENT, "execution options of %zu bytes: make them with WEIR_EXECUTION_OPTIONS",
                              execution->struct_size);
    if (execution)
        memcpy(&stream->execution, execution, execution->struct_size);
    stream->execution.struct_size = sizeof stream->execution;
    return WEIR_OK;
}

/* A transaction that goes with a lost connection must not have held anything but this stream. */
static int check_replaceable(weir_resume *stream)
{
    weir_execution_options options = { .struct_size = sizeof options };
    weir_error *error = &stream->error;
    if (!stream->options.retry || (stream->connection && weir_connection_usable(stream->connection, error) != WEIR_OK))
        return error->status;
    if (stream->session ? weir_session_in_transaction(stream->session) : weir_connection_in_transaction(stream->connection))
        return weir_error_set(error, WEIR_INVALID_REQUEST, "a stream that may replace its connection needs one in no transaction: what was done "
                              "in it would be lost");
    weir_connection *connection = stream->session ? weir_session_connection(stream->session) : stream->connection;
    if (stream->session && weir_error_keep(error, weir_connection_error(connection)) != WEIR_OK)
        return error->status;
    weir_connection_get_options(connection, &options);
    if (options.read_only != WEIR_ON)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "a stream that may replace its connection needs one that is read_only: what was "
                              "written on it would be lost");
    return WEIR_OK;
}

static int start(weir_resume *stream, const weir_resume_options *options)
{
    weir_checkpoint *checkpoint = stream->checkpoint;
    if (weir_error_keep(&stream->error, checkpoint->broken ? &checkpoint->error : &stream->error) != WEIR_OK)
        return stream->error.status;
    if (checkpoint->stream)
        return weir_error_set(&stream->error, WEIR_INVALID_REQUEST, "a stream is open on this checkpoint: close it first");
    if (take_options(stream, options) != WEIR_OK || check_replaceable(stream) != WEIR_OK)
        return stream->error.status;
    if (weir_checkpoint_put(&stream->delivered, checkpoint->place.data, checkpoint->place.length, &stream->error) != WEIR_OK)
        return stream->error.status;
    stream->keys = weir_alloc(&stream->ledger, WEIR_MEMORY_HANDLES, 2 * weir_order_count(checkpoint->order) * sizeof *stream->keys);
    if (!stream->keys)
        return weir_error_out_of_memory(&stream->error);
    if (execute(stream) != WEIR_OK && recover(stream) != WEIR_OK)
        return stream->error.status;
    checkpoint->stream = stream;
    checkpoint->figures.runs++;
    return WEIR_OK;
}

static weir_resume *open_stream(weir_checkpoint *checkpoint, weir_connection *connection, weir_session *session,
                                const weir_resume_options *options)
{
    weir_resume *stream = weir_checkpoint_is_constant(checkpoint) ? NULL
                                                                  : weir_alloc_zero(weir_ledger_root(), WEIR_MEMORY_HANDLES, sizeof *stream);
    if (!stream)
        return constant(&no_memory_stream);
    weir_ledger_init(&stream->ledger, weir_ledger_root());
    weir_buffer_init(&stream->delivered, &stream->ledger, WEIR_MEMORY_HANDLES, WEIR_CHECKPOINT_MAX);
    weir_buffer_init(&stream->scratch, &stream->ledger, WEIR_MEMORY_HANDLES, WEIR_CHECKPOINT_MAX);
    weir_arena_init(&stream->arena, &stream->ledger, WEIR_MEMORY_HANDLES, 512);
    stream->checkpoint = checkpoint;
    stream->connection = connection;
    stream->session = session;
    stream->ended = start(stream, options) != WEIR_OK;
    return stream;
}

weir_resume *weir_resume_open(weir_checkpoint *checkpoint, weir_connection *connection, const weir_resume_options *options)
{
    return open_stream(checkpoint, connection, NULL, options);
}

weir_resume *weir_resume_open_session(weir_checkpoint *checkpoint, weir_session *session, const weir_resume_options *options)
{
    return open_stream(checkpoint, NULL, session, options);
}

/* ---- neighbours --------------------------------------------------------------------------------------------------------- */
static int make_room(weir_resume *stream, size_t rows)
{
    if (rows <= stream->capacity)
        return WEIR_OK;
    const weir_row **more = weir_resize(&stream->ledger, WEIR_MEMORY_BATCH, stream->rows, rows * sizeof *more);
    if (!more)
        return weir_error_out_of_memory(&stream->error);
    stream->rows = more;
    stream->capacity = rows;
    return WEIR_OK;
}

/* The row held before and the partition's rows but for the last, which is held from now on: each of them is known to have a successor with
 * another key. A row that has the key of its neighbour ends the stream behind those before them both. */
static int sift(weir_resume *stream, const weir_partition *partition)
{
    const weir_order *order = stream->checkpoint->order;
    size_t count = 0;
    const weir_row *previous = stream->held;
    weir_value *before = stream->keys, *key = before + weir_order_count(order);
    if (make_room(stream, partition->count + 1) != WEIR_OK || (previous && weir_order_key(order, previous, before, &stream->error) != WEIR_OK))
        return stream->error.status;
    for (size_t i = 0; i < partition->count; i++) {
        if (weir_order_key(order, partition->rows[i], key, &stream->error) != WEIR_OK ||
            (previous && weir_order_same(order, before, key) && weir_order_not_unique(order, &stream->error) != WEIR_OK))
            break;
        if (previous)
            stream->rows[count++] = previous;
        previous = partition->rows[i];
        weir_value *spare = before;
        before = key;
        key = spare;
    }
    stream->shown = (weir_partition){ .count = count, .rows = stream->rows };
    if (count) {
        stream->lent = stream->held;        /* the first of them, if there was one */
        stream->held = NULL;
    }
    if (stream->error.status != WEIR_OK)
        return stream->error.status;
    weir_row_release(&stream->held);
    stream->held = weir_row_retain(previous);
    return stream->held ? WEIR_OK : weir_error_out_of_memory(&stream->error);
}

/* The last row of all: nothing comes behind it. */
static void show_held(weir_resume *stream)
{
    stream->lent = stream->held;
    stream->held = NULL;
    stream->rows[0] = stream->lent;
    stream->shown = (weir_partition){ .count = 1, .rows = stream->rows };
    stream->ended = true;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */
/* The next partition into stream->shown, which may be empty; false at the end and on an error. */
static bool read_on(weir_resume *stream, size_t rows)
{
    const weir_partition *partition = rows ? weir_result_fetchmany(stream->result, rows) : weir_result_fetchsome(stream->result);
    if (partition) {
        stream->lost = 0;
        if (!stream->checkpoint->unchecked)
            stream->shown = *partition;
        else
            sift(stream, partition);
        return true;
    }
    if (weir_error_keep(&stream->error, weir_result_error(stream->result)) != WEIR_OK)
        return recover(stream) == WEIR_OK;
    if (stream->held)
        show_held(stream);
    return stream->ended;
}

const weir_partition *weir_resume_fetchmany(weir_resume *stream, size_t rows)
{
    if (is_constant(stream))
        return NULL;
    stream->skipped = stream->skipped || (stream->current && stream->acknowledged < stream->shown.count);
    stream->current = false;
    stream->shown.count = 0;
    weir_row_release(&stream->lent);
    if (stream->ended || stream->error.status != WEIR_OK)
        return NULL;
    while (stream->shown.count == 0)
        if (!read_on(stream, rows) || (stream->shown.count == 0 && stream->error.status != WEIR_OK)) {
            stream->ended = true;
            return NULL;
        }
    weir_error why = stream->error;             /* of what comes behind these */
    weir_error_clear(&stream->error);
    if (partition_key(stream, &stream->shown, stream->shown.count - 1, &stream->delivered) != WEIR_OK)
        return NULL;
    stream->error = why;
    stream->current = true;
    stream->acknowledged = 0;
    return &stream->shown;
}

/* A misuse is the caller's, and the stream is as it was; a key that cannot be kept ends the stream. The status, and *error. */
static int acknowledge(weir_resume *stream, size_t rows, weir_error *error)
{
    weir_checkpoint *checkpoint = stream->checkpoint;
    const weir_buffer *key = &stream->delivered;
    if (!stream->current || rows > stream->shown.count || rows < stream->acknowledged)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "%zu rows cannot be acknowledged: the partition has %zu, of which %zu are", rows,
                              stream->current ? stream->shown.count : 0, stream->current ? stream->acknowledged : 0);
    if (rows == stream->acknowledged)
        return WEIR_OK;
    const weir_error before = stream->error;            /* of what comes behind this partition */
    weir_error_clear(&stream->error);
    if (rows < stream->shown.count) {
        partition_key(stream, &stream->shown, rows - 1, &stream->scratch);
        key = &stream->scratch;
    }
    if (stream->error.status == WEIR_OK)
        weir_checkpoint_put(&checkpoint->place, key->data, key->length, &stream->error);
    *error = stream->error;
    if (before.status != WEIR_OK)
        stream->error = before;
    if (error->status != WEIR_OK)
        return error->status;
    checkpoint->figures.placed = true;
    checkpoint->figures.rows += (int64_t)(rows - stream->acknowledged);
    stream->acknowledged = rows;
    return WEIR_OK;
}

int weir_resume_ack(weir_resume *stream, size_t rows)
{
    weir_error error = { 0 };
    if (is_constant(stream))
        return stream ? stream->error.status : WEIR_RESOURCE_CLOSED;
    int status = acknowledge(stream, rows, &error);
    weir_checkpoint_report(stream->checkpoint, &error);
    return status;
}

int weir_resume_ack_up_to(weir_resume *stream, int64_t rows, weir_error *error)
{
    int64_t more = stream ? rows - stream->checkpoint->figures.rows : 0;
    if (!stream || stream->skipped || more < 0 || (more > 0 && !stream->current) || more > (int64_t)(stream->shown.count - stream->acknowledged))
        return weir_error_set(error, WEIR_INVALID_REQUEST, "the rows are not those of the checkpoint's stream, each of them once and acknowledged behind "
                              "each partition (weir_resume_ack)");
    return more > 0 ? acknowledge(stream, stream->acknowledged + (size_t)more, error) : WEIR_OK;
}

/* ---- about, and the end ---------------------------------------------------------------------------------------------------- */
weir_result *weir_resume_result(weir_resume *stream)
{
    bool open = !is_constant(stream) && stream->result;
    return open ? stream->result : (weir_result *)(uintptr_t)&weir_result_constant_closed;
}

int64_t weir_resume_reconnects(const weir_resume *stream) { return stream->reconnects; }
const weir_error *weir_resume_error(const weir_resume *stream) { return &stream->error; }

int weir_resume_close(weir_resume **stream)
{
    weir_resume *s = stream ? *stream : NULL;
    if (!s)
        return WEIR_OK;
    *stream = constant(&closed_stream);
    if (s == &closed_stream)
        return WEIR_OK;
    int status = s->error.status;
    if (is_constant(s))
        return status;
    close_result(s);
    weir_row_release(&s->lent);
    if (s->checkpoint->stream == s)
        s->checkpoint->stream = NULL;
    weir_free(s->keys);
    weir_buffer_free(&s->delivered);
    weir_buffer_free(&s->scratch);
    weir_arena_free(&s->arena);
    weir_free(s->rows);
    weir_free(s);
    return status;
}
