/* Connections inside: what execution and results need of them. */
#ifndef WEIR_ENGINE_CONNECTION_H
#define WEIR_ENGINE_CONNECTION_H
#include "driver/driver.h"
#include "engine/log.h"
#include "engine/pool.h"

/* What engines made from one another share. Counted references: engines, connections, results. */
typedef struct weir_engine_core {
    _Atomic int      references, engines;
    weir_ledger      ledger;            /* parent: the root */
    weir_arena       arena;             /* the dial plan's texts */
    weir_dial_plan   plan;
    const weir_driver *driver;
    weir_pool       *pool;
    weir_reset       reset;             /* what ends a transaction that a connection leaves open */
    weir_log         log;
    int              process;           /* getpid() when opened (RULES L5) */
} weir_engine_core;

/* Held by engines, connections and results; with the last of them all goes. */
void weir_engine_core_hold(weir_engine_core *core);
void weir_engine_core_release(weir_engine_core *core);
/* WEIR_INVALID_REQUEST in a forked child. */
int weir_engine_core_check_process(const weir_engine_core *core, weir_error *error);

struct weir_engine {
    weir_engine_core *core;             /* NULL: it only carries an error */
    weir_error        error;
    weir_execution_options options;     /* weakest but for the statement's */
};

enum { WEIR_MAX_SAVEPOINTS = 64, WEIR_MAX_CURSORS = 4 };

struct weir_connection {
    weir_engine_core *core;             /* NULL: it only carries an error */
    weir_slot        *slot;             /* NULL: check-out failed */
    weir_error        error;            /* of the last call that failed */
    weir_error        unreported;       /* what close gives: check-out, begin, a failed statement of weir_engine_begin */
    int               unreported_depth; /* of savepoints when it came: rolling those back takes it back */
    weir_execution_options options;     /* engine's merged with its own */
    bool              commit_on_close;  /* weir_engine_begin */
    bool              in_transaction;   /* begun, explicitly or by a statement, and not ended */
    bool              begun_explicitly;
    bool              begin_queued;     /* a BEGIN may wait in the driver for the next operation */
    bool              needs_rollback;   /* the transaction is gone, by a lost connection or an error: PENDING_ROLLBACK */
    bool              was_cancelled;    /* in this transaction: a late 57014 is the cancel's */
    bool              cancel_missed;    /* the last operation ended well although it was cancelled */
    bool              held;             /* a WITH HOLD cursor may be open at the server although its result was ended */
    weir_link_transaction server;       /* as the last operation left it */
    int64_t           last_used;        /* end of the last operation, monotonic ns: idle time in transaction */
    weir_error        abort_cause;      /* what aborted the transaction, named by later 25P02s */
    struct weir_copy *copy;             /* that is open: nothing else runs */
    weir_cursor      *cursors[WEIR_MAX_CURSORS];        /* of no result */
    weir_result      *results;          /* open ones: a list through weir_open_result */
    int               savepoints[WEIR_MAX_SAVEPOINTS];  /* numbers of the open savepoints, outermost first */
    int               savepoint_depth, last_savepoint;
    weir_notification_fn on_notification;
    void             *notification_context;
    bool              listening;        /* on_notification was set: UNLISTEN * before it goes back */
    bool              roll_back;        /* before it is closed, whatever the pool's reset is */
    int64_t           deadline;         /* of all calls, monotonic ns; 0: none */
};

/* ---- connection.c: handles, errors, being ready, open results ------------------------------------------------------------- */
/* Whether the handle can do anything: WEIR_RESOURCE_CLOSED "This Connection is closed"; the kept check-out error;
 * WEIR_INVALID_REQUEST in a forked child. */
int weir_connection_usable(const weir_connection *connection, weir_error *error);
/* Makes the connection ready for an operation: usable; WEIR_PENDING_ROLLBACK "Can't reconnect until invalid transaction is rolled
 * back.  Please rollback() fully before proceeding"; WEIR_CANCELLED when it was cancelled while it was idle with open results.
 * autobegin: reconnects an invalidated connection, and begins a transaction unless there is one or the isolation level is
 * AUTOCOMMIT; BEGIN travels with the next operation. Without autobegin an invalidated connection is WEIR_RESOURCE_CLOSED. */
int weir_connection_ready(weir_connection *connection, bool autobegin, weir_error *error);
/* WEIR_INVALID_REQUEST while a COPY is open. */
int weir_connection_copy_check(const weir_connection *connection, weir_error *error);
/* Keeps the error for weir_connection_error. Returns its status. */
int weir_connection_report(weir_connection *connection, int status, const weir_error *error);
/* Remembers a failed statement: as report, and weir_engine_begin's close rolls back. */
void weir_connection_failed(weir_connection *connection, const weir_error *error);
/* The constant closed connection: every call on it is WEIR_RESOURCE_CLOSED. */
weir_connection *weir_connection_closed(void);
/* Whether an operation may begin here and now: WEIR_WOULD_BLOCK on a loop's thread outside a task (RULES T1),
 * WEIR_DEADLINE_EXCEEDED once the connection's deadline passed. Part of ready. */
int weir_connection_may_begin(const weir_connection *connection, weir_error *error);
/* weir_engine_connect_at_ that ends at the deadline, too, and gives it to the connection (0: none). */
weir_connection *weir_engine_connect_by(weir_engine *engine, const char *where, int64_t deadline);
/* Rolls back and closes, without waiting where that is not allowed: as weir_connection_close. */
int weir_connection_roll_back_and_close(weir_connection **connection);
/* The link, or NULL. It may go with every operation that fails: look again. */
static inline weir_link *weir_connection_link(const weir_connection *c) { return c->slot ? c->slot->link : NULL; }

/* Results that are open on a connection begin with this (struct weir_result's first member), in the connection's list. */
typedef struct weir_open_result {
    weir_result     *next, *previous;
    weir_connection *connection;        /* NULL: ended, or none (frozen) */
    int              savepoint;         /* number of the innermost open savepoint when it was opened; 0: none */
    bool             hold;              /* WITH HOLD: survives a commit */
    bool             committed;         /* a hold one whose transaction was committed: survives rollbacks too */
    bool             leaving;           /* it closes its own cursor: a connection that is lost meanwhile takes nothing from it */
} weir_open_result;
/* Called by results. */
void weir_connection_add_result(weir_connection *connection, weir_result *result, bool hold);
void weir_connection_remove_result(weir_result *result);
/* A cursor that no result has, prepared on the connection's link: forgotten with the link, or here. Before prepare; at most four. */
void weir_connection_keep_cursor(weir_connection *connection, weir_cursor *cursor);
void weir_connection_forget_cursor(weir_connection *connection, weir_cursor *cursor);
typedef enum weir_survivors { WEIR_NONE_SURVIVE = 0, WEIR_COMMITTED_SURVIVE, WEIR_HELD_SURVIVE } weir_survivors;
void weir_connection_end_results(weir_connection *connection, weir_survivors survivors);

/* ---- follow.c: in step with the server ---------------------------------------------------------------------------------------- */
/* What kind of operation is driven; NULL: any. */
typedef struct weir_call {
    int64_t answer_by;                  /* the statement's timeout_ms: the query is cancelled then; 0 or WEIR_NO_DEADLINE: never */
    bool    reads;                      /* ended early it has failed, even if the server did all of it: nobody gets the rows */
    bool    ends;                       /* a close, a rollback: may take a little longer than the connection's deadline */
    bool    unheard;                    /* its outcome is told to nobody: that the task was cancelled is told by its next wait */
} weir_call;
#define WEIR_CALL(...) (&(const weir_call){ __VA_ARGS__ })
/* Drives the operation started on the link; afterwards keeps transaction state, abort cause, invalidation and the cancel flag
 * in step with the server: results of a transaction that is gone are ended, a lost link is hung up. `started` is what the start
 * function returned. Copies the link's error to *error, with the abort's cause in the detail of a 25P02. The status. */
int weir_connection_drive(weir_connection *connection, int started, const weir_call *call, weir_error *error);
/* A drive went well, and the transaction is over that nothing ended, with the result that it was for: the server cannot be believed. The
 * connection is given up. Gives WEIR_INTERFACE. */
int weir_connection_nonsense(weir_connection *connection, weir_error *error);
/* Puts "aborted by: …" into the error's detail, unless there is no cause or it is named already. */
void weir_connection_name_cause(weir_error *error, const weir_error *cause);
/* A command of the connection's own: COMMIT, SAVEPOINT … */
int weir_connection_command(weir_connection *connection, const char *sql, weir_error *error);
/* Something begins on a connection that may have been idle in its transaction: the pool keeps the longest such time. */
void weir_connection_note_idle(const weir_connection *connection);
/* Forgets the transaction and its savepoints. */
void weir_connection_end_transaction(weir_connection *connection);
/* The link is of no use: ends all results, hangs up. */
void weir_connection_drop_link(weir_connection *connection, weir_invalidation how);
/* Sets up the link's listener and state: after check-out and reconnect. */
void weir_connection_attach(weir_connection *connection);
/* Before it goes back: ends what the user left behind, at the server too. Whether the link can be used again. */
bool weir_connection_clean(weir_connection *connection);

/* ---- transaction.c ---------------------------------------------------------------------------------------------------------------- */
int weir_connection_commit_now(weir_connection *connection, weir_error *error);

/* In result.c, called by connections: ends a result because its transaction, savepoint or connection ended: forgets the
 * cursor without a word to the server, closes it hard, takes it out of the list. */
void weir_result_end(weir_result *result);

/* In execute.c: a result that only carries an error (never NULL). */
weir_result *weir_result_failed(const weir_error *error, weir_ledger *ledger);

/* In registry.c: the driver of a URL scheme, or NULL. */
const weir_driver *weir_registry_find(const char *scheme);
const weir_driver *weir_registry_at(size_t index);      /* one after the other; NULL behind the last */
const char *weir_registry_schemes(void);    /* "sqlite, postgresql, postgres", for messages */
#endif
