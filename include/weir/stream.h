/* weir/stream.h: streams that push: partitions handed to a callback on an event loop, with back-pressure.
 *
 * A thin layer over a task (weir/loop.h) for programs that prefer callbacks. The callbacks run on the loop's thread, inside the
 * stream's task: they may call weir as a task may, waits included; the stream stands still meanwhile. */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H
#include <weir/loop.h>
#include <weir/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_stream weir_stream;
typedef enum weir_flow { WEIR_CONTINUE = 1, WEIR_PAUSE, WEIR_STOP } weir_flow;

typedef struct weir_stream_handlers {
    /* Up to yield_per rows (else 1000), never none. The partition, and what it lends, lives until on_partition returned
     * WEIR_CONTINUE or, when it returned WEIR_PAUSE, until weir_stream_resume; the next one comes after that. WEIR_STOP: none
     * does, which is a good end. Anything else ends it with WEIR_ARGUMENT. */
    weir_flow (*on_partition)(weir_stream *stream, const weir_partition *partition, void *context);
    /* Exactly once, also when nothing could be begun; error is NULL at a good end, else what weir_result_error would say: it and
     * the stream live until on_end returned. The result is closed already, the session in its transaction as after any result: it
     * is the program's to commit, roll back or close (it may do so here). */
    void (*on_end)(weir_stream *stream, const weir_error *error, void *context);
    void  *context;
} weir_stream_handlers;

/* Executes the statement in a task of the loop and pushes its partitions: rows (_stream), or instances (partition->instances) and
 * first columns (_scalars). The statement is copied, the handlers too; options may be NULL. The session is used by the stream until
 * on_end: the program does not touch it before, but in the callbacks. Returns the stream, borrowed until on_end returned; NULL
 * without memory, on a loop that is being closed, and without one of the two handlers (on_end is not called then). on_partition and
 * on_end never run inside this call. The loop's thread, or before it runs. Where neither the statement nor the connection nor
 * `options` says yield_per or stream_results, it streams with batches of 1000. What is wrong with statement, session or options is
 * told by on_end; so are errors of the database, after the partitions that came before them. */
WEIR_API weir_stream *weir_session_stream(weir_session *session, const weir_stmt *stmt, weir_loop *loop,
                                          const weir_execution_options *options, const weir_stream_handlers *handlers);
WEIR_API weir_stream *weir_session_stream_scalars(weir_session *session, const weir_stmt *stmt, weir_loop *loop,
                                                  const weir_execution_options *options, const weir_stream_handlers *handlers);
/* The same on a connection. */
WEIR_API weir_stream *weir_connection_stream(weir_connection *connection, const weir_stmt *stmt, weir_loop *loop,
                                             const weir_execution_options *options, const weir_stream_handlers *handlers);
/* Lets a paused stream go on. A resume that comes before its pause is kept (one, however many came) and takes that back: so who
 * was handed a partition may resume whenever it is done. Any thread, until on_end returned. */
WEIR_API void weir_stream_resume(weir_stream *stream);
/* Ends it early, paused or not: on_end gets WEIR_CANCELLED (an error that came first is told instead). A query that runs is
 * cancelled at the server; a wait that a callback is in gives WEIR_CANCELLED. What on_end does is not cancelled. Any thread, until
 * on_end returned. */
WEIR_API void weir_stream_cancel(weir_stream *stream);
WEIR_API bool weir_stream_paused(const weir_stream *stream);        /* the loop's thread */
/* The result behind it, borrowed: for weir_result_info and columns; NULL before it was executed and after it was closed. */
WEIR_API weir_result *weir_stream_result(weir_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
