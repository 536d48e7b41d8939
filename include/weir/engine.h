/* weir/engine.h: engines with their pool, connections, transactions, cancellation.
 *
 * Threads: an engine may be shared by threads, but for closing it: nobody may use a handle that is being closed. A connection and
 * its results belong to one thread at a time; weir_connection_cancel may be called from any thread. After fork(), the child may
 * only call weir_engine_abandon; all else is WEIR_INVALID_REQUEST there, and closes without touching the parent's connections.
 *
 * On the thread of an event loop (weir/loop.h): in a task every call parks the task where it would wait in a thread. Outside tasks a
 * call that would wait (a check-out, an execution, a further batch, the end of a transaction that the server knows of) is refused
 * with WEIR_WOULD_BLOCK before any SQL, and connection and transaction are as before; the rest works, and closing, invalidating
 * and cancelling hand to a task of the loop what would have to be waited for.
 *
 * Errors that every call which talks to the database may give, besides its own: WEIR_OPERATIONAL with `disconnect` (the connection
 * was lost), WEIR_DEADLINE_EXCEEDED (read_timeout_ms, with `disconnect`; timeout_ms, weir_connection_deadline, weir_task_cancel_after),
 * WEIR_CANCELLED (weir_connection_cancel, weir_task_cancel), WEIR_WOULD_BLOCK, WEIR_PENDING_ROLLBACK (the connection was lost or the
 * transaction ended by an error: weir_connection_rollback first).
 * A COMMIT, ROLLBACK or savepoint that the server did although it was cancelled is WEIR_OK: that the task was
 * cancelled is told by its next wait. */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H
#include <weir/result.h>
#include <weir/statement.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_engine weir_engine;
typedef struct weir_connection weir_connection;

typedef enum weir_reset { WEIR_RESET_DEFAULT = 0, WEIR_RESET_ROLLBACK, WEIR_RESET_COMMIT, WEIR_RESET_NONE } weir_reset;

typedef struct weir_engine_options {
    size_t      struct_size;
    /* the pool: SQLAlchemy's QueuePool. In-memory SQLite always has exactly one connection. */
    int         pool_size;              /* kept open; default 5; WEIR_ZERO: no limit, all are kept */
    int         max_overflow;           /* beyond pool_size, closed on return; default 10; -1: no limit; WEIR_ZERO: none */
    int         pool_timeout_ms;        /* for a free connection; default 30,000; -1: for ever; WEIR_ZERO: do not wait */
    int         pool_recycle_ms;        /* older ones are replaced when they are next checked out; default: never */
    weir_switch pool_pre_ping;          /* test a used connection before it is handed out, replace it unseen; default off */
    weir_switch pool_lifo;              /* reuse the most recently returned first; default off: the longest idle first */
    weir_reset  pool_reset_on_return;   /* default: rollback */
    int         checkout_limit_ms;      /* log each connection held for longer, once, with where it was checked out; default: never */
    /* connecting */
    const char *const *connect_args;    /* NULL-terminated: key, value, key, value, …; copied. PostgreSQL: keys that libpq
                                           knows go to libpq, each other one is a server setting (SET after connecting);
                                           words of another libpq (require_auth) are WEIR_ARGUMENT, as SSLMODE in capitals is.
                                           SQLite: timeout (seconds), busy_timeout (milliseconds; default 5000) and the
                                           PRAGMAs of docs/reference.md; others are WEIR_ARGUMENT */
    const char *application_name;       /* PostgreSQL; default: the URL's or PGAPPNAME, else "weir" */
    int         connect_timeout_ms;     /* default 30,000; per host; libpq takes whole seconds, at least 2. The URL's
                                           connect_timeout (seconds) wins */
    int         read_timeout_ms;        /* longest wait for the server within one exchange; then WEIR_DEADLINE_EXCEEDED and
                                           the connection is dropped; default: none (TCP keepalive and tcp_user_timeout are on) */
    /* defaults for every execution, and the isolation level of its transactions */
    const weir_execution_options *execution_options;
    /* seeing what happens */
    weir_log_fn log;                    /* default: none; warnings are counted all the same */
    void       *log_context;
    weir_switch echo;                   /* also write statements and warnings to standard error */
    weir_switch warnings_as_errors;     /* a warning fails the call that gives it: WEIR_WARNING */
    weir_switch hide_parameters;        /* values of parameters stay out of the log and of weir's own words in an execution's errors;
                                           what the server says is passed on as it is; default off */
} weir_engine_options;
#define WEIR_ENGINE_OPTIONS(...) \
    (&(const weir_engine_options){ .struct_size = sizeof(weir_engine_options), __VA_ARGS__ })

/* Makes an engine for `url`; connects to nothing yet. options may be NULL; all is copied. URLs:
 *   sqlite:///relative.db   sqlite:////absolute.db   sqlite://   (in memory)   …?mode=ro|rw|rwc
 *   postgresql://user@host:port/database?parameter=value&…   (also postgres://; all of libpq's parameters; several hosts)
 * On failure *out is an engine that carries the error (close it), and the status is returned: WEIR_ARGUMENT for a URL or
 * options that make no sense. Any thread. */
WEIR_API WEIR_MUST_CHECK int weir_engine_open(weir_engine **out, const char *url, const weir_engine_options *options);
/* Closes idle connections and frees the engine once the last checked-out connection came back; threads that wait for a connection
 * get WEIR_RESOURCE_CLOSED. Sets *engine to a constant closed engine. May block while it takes leave of the server. */
WEIR_API void weir_engine_close(weir_engine **engine);
/* For a forked child: forgets the engine without touching the parent's connections (their descriptors are closed). */
WEIR_API void weir_engine_abandon(weir_engine **engine);
/* Why the making of this handle failed (weir_engine_open, weir_engine_with_options); status WEIR_OK if it did not. Valid as long as
 * the handle. */
WEIR_API const weir_error *weir_engine_error(const weir_engine *engine);
/* A second engine that shares pool, log and counters, with `options` (copied; NULL: none) merged over the defaults of executions.
 * The caller's, never NULL: close both, in any order. Errors (kept): WEIR_ARGUMENT. */
WEIR_API weir_engine *weir_engine_with_options(weir_engine *engine, const weir_execution_options *options);
/* Closes the idle connections and starts a new, empty pool; connections in use work on and are closed when returned. */
WEIR_API void weir_engine_dispose(weir_engine *engine);
/* "postgresql" or "sqlite", a constant; "" for an engine that is closed or could not be opened. */
WEIR_API const char *weir_engine_dialect(const weir_engine *engine);
/* How many warnings this engine has given, with a log callback or without. Any thread. */
WEIR_API int64_t weir_engine_warnings(const weir_engine *engine);
/* What the engine and all below it holds. Any thread. */
WEIR_API void weir_engine_memory(const weir_engine *engine, weir_memory_figures *out);

typedef struct weir_pool_status {
    int     size, checked_in, overflow, checked_out;    /* as SQLAlchemy counts: overflow starts at -size */
    int64_t connects, disconnects;                      /* since the engine was opened */
    int64_t waiters;                                    /* threads and tasks that wait for a connection now */
    int64_t longest_checkout_ms;                        /* the longest check-out that ended, or that lasts */
    int64_t longest_idle_in_transaction_ms;             /* the longest pause between two statements of a transaction */
    char    text[128];      /* "Pool size: 5  Connections in pool: 1 Current Overflow: -4 Current Checked out connections: 0" */
} weir_pool_status;
/* Any thread; the figures are of one moment. */
WEIR_API void weir_engine_pool_status(const weir_engine *engine, weir_pool_status *out);

/* ---- connections ------------------------------------------------------------------------------------------------- */
/* Checks a connection out of the pool; the caller's, never NULL, to be given back with weir_connection_close. Its first statement
 * begins a transaction (autobegin); closing it without commit rolls back. Errors (kept in the handle that is returned): WEIR_TIMEOUT
 * ("QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00"), WEIR_OPERATIONAL (cannot connect; with
 * the server's SQLSTATE where one refused: 53300, 28P01, 57P03), WEIR_RESOURCE_CLOSED. */
#define weir_engine_connect(engine) weir_engine_connect_at_((engine), WEIR_HERE_)
/* The same with a transaction begun; weir_connection_close commits, or rolls back when a statement failed. */
#define weir_engine_begin(engine) weir_engine_begin_at_((engine), WEIR_HERE_)
#define WEIR_HERE_ __FILE__ ":" WEIR_TEXT_(__LINE__)
#define WEIR_TEXT_(x) WEIR_TEXT__(x)
#define WEIR_TEXT__(x) #x
WEIR_API weir_connection *weir_engine_connect_at_(weir_engine *engine, const char *where);
WEIR_API weir_connection *weir_engine_begin_at_(weir_engine *engine, const char *where);

/* Closes open results, ends the transaction (rollback; commit or rollback for weir_engine_begin) and returns the
 * connection to the pool. On a loop's thread outside a task it never waits: a task does the rest, and what fails there is a warning
 * in the log. Gives the first error that was not reported otherwise: that of a failed check-out or COMMIT, or, for
 * weir_engine_begin, of the statement because of which it rolled back. Sets *connection to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_connection_close(weir_connection **connection);
/* The error of the last call on this handle that failed, else one with status WEIR_OK. Valid until the handle's next call. */
WEIR_API const weir_error *weir_connection_error(const weir_connection *connection);
/* Merges options into the connection's own, for as long as it is checked out. WEIR_INVALID_REQUEST: isolation_level or
 * read_only inside a transaction. WEIR_ARGUMENT: a bad value. */
WEIR_API int weir_connection_options(weir_connection *connection, const weir_execution_options *options);
/* The engine's and the connection's own options as they are in force now. */
WEIR_API void weir_connection_get_options(const weir_connection *connection, weir_execution_options *out);
/* The connection's number, as in the log; the backend's process id on PostgreSQL (0 on SQLite, or while the connection to the
 * server is lost). */
WEIR_API int64_t weir_connection_number(const weir_connection *connection);
WEIR_API int weir_connection_backend_pid(const weir_connection *connection);

/* Executes a statement. options (may be NULL) win over the connection's, the engine's and the statement's. Without options a
 * result is buffered whole; with yield_per or stream_results a SELECT is streamed (others never are).
 * The result is never NULL: an error is kept in it and is what weir_result_close returns. The result borrows nothing from
 * `stmt`. Errors before any SQL: WEIR_INVALID_REQUEST (a value missing: "A value is required for bind parameter 'x'"; more
 * than one statement; COPY; streaming under AUTOCOMMIT without begin), WEIR_ARGUMENT (options), WEIR_DATA (a value that
 * the parameter's type cannot hold). Errors of the database: WEIR_DATABASE and the classes below it. */
WEIR_API weir_result *weir_connection_execute(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options);
/* Executes and closes: for statements whose rows nobody wants. Returns the rows matched (0 where that means nothing), or
 * the negative status, with details in weir_connection_error. Errors: as weir_connection_execute. A SELECT's rows are all taken
 * into memory first: read those with weir_connection_execute. */
WEIR_API WEIR_MUST_CHECK int64_t weir_connection_run(weir_connection *connection, const char *sql);

/* ---- transactions ------------------------------------------------------------------------------------------------- */
/* Begins a transaction. WEIR_INVALID_REQUEST when one was begun, by this call or by a statement. Under AUTOCOMMIT it
 * begins a real one. */
WEIR_API int weir_connection_begin(weir_connection *connection);
/* End the transaction; open results of it are closed (reading on is WEIR_RESOURCE_CLOSED), but for those of
 * WEIR_CURSOR_HOLD after a commit. Without a transaction: nothing, WEIR_OK.
 * Errors: those of the database (a deferred constraint is WEIR_INTEGRITY). Rolling back what was lost with the connection is
 * WEIR_OK: the next statement uses a new one.
 * A connection that is lost before COMMIT was answered (WEIR_OPERATIONAL, WEIR_DEADLINE_EXCEEDED, with `disconnect`) leaves it open whether
 * the transaction was committed: the hint says so, and the program has to look before it writes again. So do writes under AUTOCOMMIT.
 * Committing a transaction that an error has aborted (PostgreSQL would answer it with a quiet ROLLBACK) rolls back and gives
 * WEIR_INTERNAL, SQLSTATE 25P02, with the error that aborted it in the detail. */
WEIR_API int weir_connection_commit(weir_connection *connection);
WEIR_API int weir_connection_rollback(weir_connection *connection);
/* Whether one was begun, by weir_connection_begin or by a statement, and not ended; also while it waits for a rollback. */
WEIR_API bool weir_connection_in_transaction(const weir_connection *connection);
/* SAVEPOINT; begins a transaction if there is none. Returns its number (> 0), or a negative status. Nested ones are ended
 * in any order from the inside out: ending one ends those inside it. Results opened inside a savepoint that is rolled back
 * are closed; those opened before it read on. WEIR_INVALID_REQUEST: no such open savepoint. */
WEIR_API int weir_connection_savepoint(weir_connection *connection);
WEIR_API int weir_connection_savepoint_release(weir_connection *connection, int savepoint);
WEIR_API int weir_connection_savepoint_rollback(weir_connection *connection, int savepoint);

/* ---- trouble ------------------------------------------------------------------------------------------------------- */
/* Stops what the connection is doing now, or the next thing that it does if it is idle in a transaction with an open
 * stream: the call that waits gives WEIR_CANCELLED. From any thread while the handle is not being closed; may block while
 * it reaches the server (on a loop's thread outside a task: a task of the loop sends it). On PostgreSQL with libpq before 17 the cancel request travels unencrypted (its key with it). */
WEIR_API int weir_connection_cancel(weir_connection *connection);
/* Takes the connection out of the pool: it works on, its place is free, and closing it really closes it. Never waits. */
WEIR_API int weir_connection_detach(weir_connection *connection);
/* Closes the connection to the database now, open results with it; the next statement (in a transaction: after a rollback,
 * WEIR_PENDING_ROLLBACK until then) uses a new one. */
WEIR_API int weir_connection_invalidate(weir_connection *connection);
/* From now on all calls on this handle end so many milliseconds from now (-1: take that back): a query that runs then is cancelled at
 * the server as by timeout_ms, a connect or a wait that is under way is ended, and what would begin later is refused before any SQL,
 * each with WEIR_DEADLINE_EXCEEDED. What ends something (rollback, closing) is still done, and may take two seconds more; COMMIT is
 * not begun. A later call sets it anew. */
WEIR_API int weir_connection_deadline(weir_connection *connection, int64_t milliseconds);
/* Whether the connection to the database was lost or invalidated and not yet replaced. */
WEIR_API bool weir_connection_invalidated(const weir_connection *connection);

/* PostgreSQL: called for each NOTIFY that arrives, between two steps of a call on this connection; texts are valid during
 * the call. LISTEN with weir_connection_run. NULL takes it back. WEIR_NOT_SUPPORTED on SQLite. */
typedef void (*weir_notification_fn)(const char *channel, const char *payload, int pid, void *context);
WEIR_API int weir_connection_on_notification(weir_connection *connection, weir_notification_fn fn, void *context);
/* Reads what has arrived (notifications, notices) without waiting for longer than timeout_ms; returns with the first notification.
 * WEIR_OK also when nothing came. On SQLite nothing ever does: it returns at once. */
WEIR_API int weir_connection_poll(weir_connection *connection, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
