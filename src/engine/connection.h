/* Connections inside: what execution and results need of them. */
#ifndef WEIR_ENGINE_CONNECTION_H
#define WEIR_ENGINE_CONNECTION_H
#include "driver/driver.h"
#include "engine/log.h"
#include "engine/pool.h"

/* What engines made from one another share. Counted references: engines, connections, results. */
typedef struct weir_engine_core {
    _Atomic int      references;
    weir_ledger      ledger;            /* parent: the root */
    weir_arena       arena;             /* the dial plan's texts */
    weir_dial_plan   plan;
    const weir_driver *driver;
    weir_pool       *pool;
    weir_log         log;
    int              process;           /* getpid() when opened (RULES L5) */
    weir_execution_options options;     /* of engine options: weakest but for the statement's */
} weir_engine_core;

/* Held by engines, connections and results; with the last of them all goes. */
void weir_engine_core_hold(weir_engine_core *core);
void weir_engine_core_release(weir_engine_core *core);

struct weir_connection {
    weir_engine_core *core;             /* NULL: the constant closed or out-of-memory object */
    weir_slot        *slot;             /* NULL: check-out failed */
    weir_error        error;            /* of the last call that failed */
    weir_error        unreported;       /* what close gives: check-out, begin, a failed statement of weir_engine_begin */
    weir_execution_options options;     /* engine's merged with its own */
    bool              commit_on_close;  /* weir_engine_begin */
    bool              in_transaction;   /* begun, explicitly or by a statement, and not ended */
    bool              begun_explicitly;
    bool              needs_rollback;   /* the connection was lost in a transaction: PENDING_ROLLBACK until rollback */
    int64_t           last_used;        /* end of the last operation, monotonic ns: idle time in transaction */
    weir_error        abort_cause;      /* what aborted the transaction, named by later 25P02s */
    weir_result      *results;          /* open ones: a list through weir_open_result */
    int               savepoints[64];   /* numbers of the open savepoints, outermost first */
    int               savepoint_depth, last_savepoint;
    weir_notification_fn on_notification;
    void             *notification_context;
    bool              listening;        /* on_notification was set: UNLISTEN * before it goes back */
};

/* Makes the connection ready for an operation: WEIR_RESOURCE_CLOSED "This Connection is closed"; WEIR_INVALID_REQUEST in a
 * forked child; the kept check-out error; WEIR_PENDING_ROLLBACK "Can't reconnect until invalid transaction is rolled back.
 * Please rollback() fully before proceeding"; reconnects an invalidated connection outside of a transaction.
 * autobegin: begins a transaction unless there is one or the isolation level is AUTOCOMMIT; BEGIN travels with the next operation. */
int weir_connection_ready(weir_connection *connection, bool autobegin, weir_error *error);
/* Drives the operation started on the link; afterwards keeps transaction state, abort cause, invalidation and the cancel flag
 * in step with the server. `started` is what the start function returned. Copies the link's error to *error, with the
 * abort's cause in the detail of a 25P02, and the status to the caller. */
int weir_connection_drive(weir_connection *connection, int started, weir_error *error);
/* Remembers a failed statement, so that weir_engine_begin's close rolls back and weir_connection_error shows it. */
void weir_connection_failed(weir_connection *connection, const weir_error *error);
/* The link, or NULL. */
static inline weir_link *weir_connection_link(const weir_connection *c) { return c->slot ? c->slot->link : NULL; }

/* Results that are open on a connection begin with this (struct weir_result's first member), in the connection's list. */
typedef struct weir_open_result {
    weir_result     *next, *previous;
    weir_connection *connection;        /* NULL: ended, or none (frozen) */
    int              savepoint;         /* number of the innermost open savepoint when it was opened; 0: none */
    bool             hold;              /* WITH HOLD: survives a commit */
} weir_open_result;

/* In result.c, called by connections: ends a result because its transaction, savepoint or connection ended: forgets the
 * cursor without a word to the server, closes it hard, takes it out of the list. */
void weir_result_end(weir_result *result);
/* In connection.c, called by results. */
void weir_connection_add_result(weir_connection *connection, weir_result *result, bool hold);
void weir_connection_remove_result(weir_result *result);

/* In execute.c: a result that only carries an error (never NULL). */
weir_result *weir_result_failed(const weir_error *error, weir_ledger *ledger);

/* In registry.c: the driver of a URL scheme, or NULL. */
const weir_driver *weir_registry_find(const char *scheme);
const char *weir_registry_schemes(void);    /* "sqlite, postgresql, postgres", for messages */
#endif
