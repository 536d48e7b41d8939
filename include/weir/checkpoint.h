/* weir/checkpoint.h: streams that survive: a place in an ordered statement that can be kept, and gone on from after a crash, a restart of
 * the server or a lost connection.
 *
 * A checkpoint belongs to a statement that is ordered by a unique key. Its place is the key of the last row that the program said it is
 * done with. A stream opened on it delivers the rows behind that place: the key stands in the WHERE of its statement, what was read is not
 * read again. Without a place it delivers all rows.
 *
 *     weir_checkpoint *checkpoint = weir_checkpoint_new(engine, query, NULL);
 *     weir_checkpoint_load(checkpoint, "orders.checkpoint");                   // no such file: from the beginning
 *     weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.retry = 5));
 *     for (const weir_partition *p; (p = weir_resume_fetchmany(stream, 0)) != NULL; ) {
 *         …                                                                   // use p->rows or p->instances, make it durable
 *         weir_resume_ack(stream, p->count);
 *         weir_checkpoint_save(checkpoint, "orders.checkpoint");
 *     }
 *     int status = weir_resume_close(&stream);
 *     weir_checkpoint_free(&checkpoint);
 *
 * Every row is delivered at least once, and none twice of those that were acknowledged and saved. A program that keeps its own state beside
 * the checkpoint (weir_checkpoint_set_data), written in one step with it, has each row exactly once: the writers of weir/transfer.h do.
 *
 * What this means for snapshots: a stream is one statement and so sees one moment; what goes on is another statement and sees another one,
 * later. Rows behind the place are as they are then. Rows before it are not looked at again: one that was inserted there meanwhile, or that a
 * transaction committed late (a sequence's number is drawn before the COMMIT), is not seen; one that was moved over the place by an UPDATE of
 * its key is seen twice or not at all. weir_checkpoint_info tells how many moments there were.
 *
 * Threads: a checkpoint and its stream belong to the thread or task of their connection. */
#ifndef WEIR_CHECKPOINT_H
#define WEIR_CHECKPOINT_H
#include <weir/engine.h>
#include <weir/result.h>
#include <weir/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_checkpoint weir_checkpoint;
typedef struct weir_resume weir_resume;

/* ---- checkpoints ------------------------------------------------------------------------------------------------------- */
typedef struct weir_checkpoint_options {
    size_t      struct_size;
    const char *key;            /* of textual SQL: the columns of its result that order it and are unique together, as in
                                   "created_at desc nulls last, id not null". The statement then runs as a subquery that is ordered by them.
                                   Columns may be NULL unless "not null" stands behind them: say so where it is true, an index then serves.
                                   A select has its own order */
    const char *scope;          /* what else a place belongs to, as the database's name: another one is refused. Default "" */
} weir_checkpoint_options;
#define WEIR_CHECKPOINT_OPTIONS(...) \
    (&(const weir_checkpoint_options){ .struct_size = sizeof(weir_checkpoint_options), __VA_ARGS__ })

/* A checkpoint at the statement's beginning, for engines like this one; the statement is copied. Never NULL. No SQL is sent. Errors (kept:
 * weir_checkpoint_error, and of each use): WEIR_INVALID_REQUEST for a select without an order or with one that is not unique (a primary key, or a
 * unique index whose columns cannot be NULL, must be among its columns, of a table whose rows no join multiplies), textual SQL without a key;
 * WEIR_ARGUMENT for a key that is no list of columns.
 * Whether a text's key is unique nobody knows beforehand: the stream compares neighbours, and two rows with the same key are
 * WEIR_INVALID_REQUEST before either is delivered. Columns whose order takes different values for the same one (citext, COLLATE NOCASE) are
 * no key: neighbours are compared byte by byte. */
WEIR_API weir_checkpoint *weir_checkpoint_new(const weir_engine *engine, const weir_stmt *stmt, const weir_checkpoint_options *options);
/* Sets *checkpoint to NULL. Its stream must be closed. */
WEIR_API void weir_checkpoint_free(weir_checkpoint **checkpoint);
/* The first error of making it, else that of the last call that failed; status WEIR_OK if there was none. Never NULL. */
WEIR_API const weir_error *weir_checkpoint_error(const weir_checkpoint *checkpoint);

/* The place and all that belongs to it as text of one version, to be kept anywhere; it lives until the next call. NULL: without memory, or
 * larger than 16 MB. It holds the key's values as they are: it is as secret as those rows. */
WEIR_API const char *weir_checkpoint_text(weir_checkpoint *checkpoint, size_t *length);
/* Takes a place from such a text. WEIR_INVALID_REQUEST, with the reason, when it is another statement's: its text, values of its parameters or its
 * order changed, or the scope. Batch sizes, prefetching and how relationships are loaded do not count. WEIR_DATA: it is damaged, or was never
 * a checkpoint; nothing of it is trusted. After an error the place is as it was. Not while a stream is open (WEIR_INVALID_REQUEST). */
WEIR_API int weir_checkpoint_restore(weir_checkpoint *checkpoint, const char *text, size_t length);

/* The same with a file. Saving replaces it in one step: written beside it (PATH-new, mode 0600), brought to disk, renamed, and the directory
 * brought to disk; after WEIR_OK no crash loses it, and until then the older one is whole. Loading: a file that does not exist is no error,
 * the place is the beginning. Symbolic links are not followed, another user's file is WEIR_INVALID_REQUEST. WEIR_IO; of
 * loading also weir_checkpoint_restore's errors. */
WEIR_API int weir_checkpoint_save(weir_checkpoint *checkpoint, const char *path);
WEIR_API int weir_checkpoint_load(weir_checkpoint *checkpoint, const char *path);

/* What the program keeps with the place, as the offset of what it wrote: copied; at most 1 MB (WEIR_ARGUMENT). Empty by default. */
WEIR_API int weir_checkpoint_set_data(weir_checkpoint *checkpoint, const void *bytes, size_t length);
WEIR_API weir_blob weir_checkpoint_data(const weir_checkpoint *checkpoint);      /* lives until it is set or restored */

typedef struct weir_checkpoint_figures {
    bool    placed;             /* it has a place: not at the beginning */
    bool    restored;           /* it came from a text or file */
    int64_t rows;               /* acknowledged, of all runs together */
    int64_t runs;               /* streams opened on it, of all programs that had it */
    int64_t reconnects;         /* connections that were lost in the middle and replaced; runs + reconnects: moments seen, at most */
} weir_checkpoint_figures;
WEIR_API void weir_checkpoint_info(const weir_checkpoint *checkpoint, weir_checkpoint_figures *out);

/* ---- the stream behind a place ------------------------------------------------------------------------------------------ */
/* A connection was lost, and the next attempt waits. */
typedef struct weir_resume_wait {
    int               attempt;          /* 1, 2, … in a row */
    int               attempts;         /* that are allowed */
    int64_t           left_ms;          /* until it is made */
    const weir_error *error;            /* what was lost, or why the last attempt failed */
} weir_resume_wait;

typedef struct weir_resume_options {
    size_t      struct_size;
    const weir_execution_options *execution;    /* of its statements, as yield_per; where nobody says yield_per or stream_results: 1000 */
    int         retry;                  /* attempts to reconnect, in a row without a row in between; default 0: a lost connection ends it */
    int         delay_ms;               /* before the first, doubled for each one more, less a random part of up to a half; default 500 */
    int         max_delay_ms;           /* default 30,000 */
    /* Called when such a wait begins, and about five times a second in it. Anything but WEIR_OK ends the stream with WEIR_CANCELLED. */
    int       (*waiting)(const weir_resume_wait *wait, void *context);
    void       *context;
} weir_resume_options;
#define WEIR_RESUME_OPTIONS(...) (&(const weir_resume_options){ .struct_size = sizeof(weir_resume_options), __VA_ARGS__ })

/* Executes the checkpoint's statement behind its place: rows, or with a session what weir_session_scalars delivers, instances of its entity.
 * One stream at a time for a checkpoint, which must outlive it, as must the connection or session. The caller's, never NULL.
 * With `retry` a connection that is lost (a restarted server, an administrator's command, the network), or that cannot be made again, is
 * replaced and the stream goes on behind the last row delivered. The transaction is then another one: so the connection (the session's
 * execution_options) must be READ ONLY and in no transaction, else WEIR_INVALID_REQUEST, with 0 statements.
 * Errors (kept): the checkpoint's; WEIR_INVALID_REQUEST for a checkpoint with a stream, and when the columns are not those that the place was
 * taken with; those of weir_connection_execute and weir_session_scalars. */
WEIR_API weir_resume *weir_resume_open(weir_checkpoint *checkpoint, weir_connection *connection, const weir_resume_options *options);
WEIR_API weir_resume *weir_resume_open_session(weir_checkpoint *checkpoint, weir_session *session, const weir_resume_options *options);
/* Up to `rows` rows, as weir_result_fetchmany (0: those at hand, as weir_result_fetchsome); NULL at the end or on an error; they live until the
 * next call. Of textual SQL one row stays behind until its successor is known to have another key: batches may be one row smaller or larger. */
WEIR_API const weir_partition *weir_resume_fetchmany(weir_resume *stream, size_t rows);
/* The first `rows` rows of the last partition, and all before it, are done with: the checkpoint's place is behind them. Nothing is written:
 * weir_checkpoint_save does that. The same again is no error. An error's words are the checkpoint's (weir_checkpoint_error).
 * WEIR_INVALID_REQUEST: there is no such partition any more, or it has fewer rows, or more were acknowledged; place and stream are as they were,
 * and can be used on. WEIR_DATA: a key that cannot be kept; it ends the stream. */
WEIR_API int weir_resume_ack(weir_resume *stream, size_t rows);
/* The result behind it, for its columns and figures, borrowed until the next call on the stream. */
WEIR_API weir_result *weir_resume_result(weir_resume *stream);
/* Connections that this stream lost and replaced. */
WEIR_API int64_t weir_resume_reconnects(const weir_resume *stream);
/* The first error, or one with status WEIR_OK. Valid until weir_resume_close. Never NULL. */
WEIR_API const weir_error *weir_resume_error(const weir_resume *stream);
/* Closes the result; connection or session stay as they are, in their transaction. The first error. Sets *stream to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_resume_close(weir_resume **stream);

#ifdef __cplusplus
}
#endif
#endif
