/* Streams that push: a task that reads a result by partitions and hands each to a callback. */
#include <weir/stream.h>
#include <pthread.h>
#include "base/error.h"
#include "base/lock.h"
#include "base/wait.h"
#include "engine/result.h"
#include "orm/orm.h"
#include "sql/text.h"

enum { DEFAULT_BATCH = 1000 };

typedef struct source {                 /* one of the two */
    weir_session    *session;
    weir_connection *connection;
    bool             scalars;
} source;

struct weir_stream {
    source                 from;
    weir_stmt             *stmt;
    weir_execution_options options;
    weir_stream_handlers   handlers;
    weir_task             *task;
    weir_result           *result;      /* while it is open */
    weir_error             error;
    weir_parker            parker;      /* the task's, while it is paused */
    pthread_mutex_t        mutex;       /* of what follows */
    bool                   paused, resumed, cancelled, ended;
};

/* ---- options ------------------------------------------------------------------------------------------------------------------------ */

static const weir_execution_options *options_of(const source *from)
{
    if (from->connection)
        return &from->connection->options;
    return from->session->engine ? &from->session->engine->options : NULL;
}

/* Without a word on it the statement streams: that is what it was handed to a stream for. */
static int read_options(weir_stream *stream, const weir_stmt *stmt, const weir_execution_options *options)
{
    int status = weir_options_check(options, false, &stream->options, &stream->error);
    if (status != WEIR_OK)
        return status;
    weir_execution_options all;
    weir_stmt_get_options(stmt, &all);
    const weir_execution_options *under = options_of(&stream->from);
    if (under)
        weir_options_merge(&all, under);
    weir_options_merge(&all, &stream->options);
    if (all.yield_per == 0 && all.stream_results != WEIR_ON && all.memory <= 0)
        stream->options.yield_per = DEFAULT_BATCH;
    return WEIR_OK;
}

/* ---- in the task -------------------------------------------------------------------------------------------------------------------- */

static bool is_cancelled(weir_stream *stream)
{
    weir_lock(&stream->mutex);
    bool cancelled = stream->cancelled;
    weir_unlock(&stream->mutex);
    return cancelled;
}

static weir_result *execute(weir_stream *stream)
{
    const source *from = &stream->from;
    if (from->connection)
        return weir_connection_execute(from->connection, stream->stmt, &stream->options);
    if (from->scalars)
        return weir_session_scalars_with(from->session, stream->stmt, &stream->options);
    return weir_session_execute_with(from->session, stream->stmt, &stream->options);
}

/* A resume that came already is used up. */
static int wait_for_resume(weir_stream *stream)
{
    int outcome = WEIR_READY;
    weir_lock(&stream->mutex);
    while (!stream->resumed && !stream->cancelled && outcome == WEIR_READY) {
        stream->paused = true;
        weir_unlock(&stream->mutex);
        outcome = weir_park(&stream->parker, WEIR_NO_DEADLINE);
        weir_lock(&stream->mutex);
        stream->paused = false;
    }
    stream->resumed = false;
    weir_unlock(&stream->mutex);
    return outcome == WEIR_READY ? WEIR_OK : weir_interrupted(outcome, &stream->error);
}

/* True: the next one is wanted. */
static bool deliver(weir_stream *stream, const weir_partition *partition)
{
    weir_flow flow = stream->handlers.on_partition(stream, partition, stream->handlers.context);
    if (flow == WEIR_PAUSE)
        return wait_for_resume(stream) == WEIR_OK;
    if (flow != WEIR_CONTINUE && flow != WEIR_STOP)
        weir_error_set(&stream->error, WEIR_ARGUMENT, "on_partition gave %d: WEIR_CONTINUE, WEIR_PAUSE or WEIR_STOP are known", (int)flow);
    return flow == WEIR_CONTINUE;
}

static void push(weir_stream *stream)
{
    const weir_partition *partition;
    if (is_cancelled(stream) || stream->error.status != WEIR_OK)
        return;
    stream->result = execute(stream);
    while ((partition = weir_result_fetchmany(stream->result, 0)) != NULL)
        if (!deliver(stream, partition) || is_cancelled(stream))
            break;
    if (stream->error.status == WEIR_OK)
        stream->error = *weir_result_error(stream->result);
}

/* From here on it cannot be cancelled. A cancel that no wait has met yet must not meet one of on_end's. */
static void settle(weir_stream *stream)
{
    weir_lock(&stream->mutex);
    stream->ended = true;
    bool cancelled = stream->cancelled;
    weir_unlock(&stream->mutex);
    if (!cancelled)
        return;
    (void)weir_task_yield();
    int status = stream->error.status;
    if (status == WEIR_OK || status == WEIR_QUERY_CANCELED)
        weir_error_set(&stream->error, WEIR_CANCELLED, "cancelled by weir_stream_cancel");
}

static void free_stream(weir_stream *stream)
{
    weir_stmt_free(&stream->stmt);
    weir_parker_destroy(&stream->parker);
    pthread_mutex_destroy(&stream->mutex);
    weir_free(stream);
}

static int run(void *argument)
{
    weir_stream *stream = argument;
    push(stream);
    settle(stream);
    weir_result *result = stream->result;
    stream->result = NULL;
    int closing = weir_result_close(&result);       /* what went wrong in reading is kept already */
    (void)closing;
    stream->handlers.on_end(stream, stream->error.status == WEIR_OK ? NULL : &stream->error, stream->handlers.context);
    weir_task_detach(&stream->task);
    free_stream(stream);
    return WEIR_OK;
}

/* ---- beginning ------------------------------------------------------------------------------------------------------------------------ */

static weir_stream *make(const source *from, const weir_stmt *stmt, const weir_execution_options *options,
                         const weir_stream_handlers *handlers)
{
    weir_stream *stream = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *stream);
    if (!stream)
        return NULL;
    stream->from = *from;
    stream->handlers = *handlers;
    pthread_mutex_init(&stream->mutex, NULL);
    weir_parker_init(&stream->parker);
    stream->stmt = weir_stmt_copy(stmt);
    (void)read_options(stream, stmt, options);      /* its mistake is for on_end */
    return stream;
}

static weir_stream *begin(const source *from, const weir_stmt *stmt, weir_loop *loop, const weir_execution_options *options,
                          const weir_stream_handlers *handlers)
{
    if (!handlers || !handlers->on_partition || !handlers->on_end)
        return NULL;
    weir_stream *stream = make(from, stmt, options, handlers);
    if (!stream)
        return NULL;
    weir_lock(&stream->mutex);             /* the task takes it before it goes on */
    stream->task = weir_task_spawn_with(loop, run, stream, WEIR_TASK_OPTIONS(.name = "stream"));
    bool failed = weir_task_ended(stream->task);
    weir_unlock(&stream->mutex);
    if (!failed)
        return stream;
    weir_task_detach(&stream->task);
    free_stream(stream);
    return NULL;
}

weir_stream *weir_session_stream(weir_session *session, const weir_stmt *stmt, weir_loop *loop, const weir_execution_options *options,
                                 const weir_stream_handlers *handlers)
{
    return begin(&(const source){ .session = session }, stmt, loop, options, handlers);
}

weir_stream *weir_session_stream_scalars(weir_session *session, const weir_stmt *stmt, weir_loop *loop,
                                         const weir_execution_options *options, const weir_stream_handlers *handlers)
{
    return begin(&(const source){ .session = session, .scalars = true }, stmt, loop, options, handlers);
}

weir_stream *weir_connection_stream(weir_connection *connection, const weir_stmt *stmt, weir_loop *loop,
                                    const weir_execution_options *options, const weir_stream_handlers *handlers)
{
    return begin(&(const source){ .connection = connection }, stmt, loop, options, handlers);
}

/* ---- from outside ------------------------------------------------------------------------------------------------------------------------ */

void weir_stream_resume(weir_stream *stream)
{
    weir_lock(&stream->mutex);
    stream->resumed = true;
    if (stream->paused)
        weir_unpark(&stream->parker);   /* under the lock, which the task takes before it goes on: the stream outlives this */
    weir_unlock(&stream->mutex);
}

void weir_stream_cancel(weir_stream *stream)
{
    weir_lock(&stream->mutex);
    if (!stream->ended && !stream->cancelled) {
        stream->cancelled = true;
        weir_task_cancel(stream->task);
    }
    weir_unlock(&stream->mutex);
}

bool weir_stream_paused(const weir_stream *stream)
{
    weir_stream *shared = (weir_stream *)(uintptr_t)stream;
    weir_lock(&shared->mutex);
    bool paused = shared->paused;
    weir_unlock(&shared->mutex);
    return paused;
}

weir_result *weir_stream_result(weir_stream *stream) { return stream->result; }
