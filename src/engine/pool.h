/* The pool: SQLAlchemy's QueuePool (semantics.md section 9). Safe for threads; never holds its lock while it connects,
 * pings, closes or waits. */
#ifndef WEIR_ENGINE_POOL_H
#define WEIR_ENGINE_POOL_H
#include "driver/driver.h"
#include "engine/log.h"

typedef struct weir_pool weir_pool;

typedef struct weir_pool_options {
    int size, max_overflow;             /* size 0: no limit, all kept; max_overflow -1: no limit */
    int timeout_ms, recycle_ms, checkout_limit_ms;      /* timeout -1: for ever; recycle, limit 0: never */
    bool pre_ping, lifo;
} weir_pool_options;

/* A place of the pool: one connection to the database, or the right to make one, and its book-keeping. What a slot's user
 * writes is link's contents only; the members are the pool's. */
typedef struct weir_slot weir_slot;
struct weir_slot {
    weir_pool  *pool;
    weir_link  *link;                   /* NULL: was lost or invalidated; weir_pool_reconnect makes a new one */
    int64_t     number;                 /* of the connection, for the log */
    int64_t     connected_at, checked_out_at;   /* monotonic ns */
    int64_t     generation;             /* of the pool when the place was taken (dispose raises it) */
    const char *where;                  /* it was checked out: "file.c:12" */
    bool        checked_out, detached, limit_reported;
    bool        used_before;            /* not fresh from the dial: pre-ping tests it */
    bool        stale;                  /* softly invalidated: replaced at its next check-out */
    bool        was_cancelled;          /* since its last check-out: a late cancel may still arrive (RULES L4) */
    atomic_uint cancel_calls;           /* so far: what is many statements to the database, and one thing to the program, ends by one between them */
    weir_slot  *next, *previous;        /* the pool's lists */
};

int weir_pool_open(weir_pool **out, const weir_driver *driver, const weir_dial_plan *plan, const weir_pool_options *options,
                   weir_log *log, weir_ledger *ledger, weir_error *error);
/* Closes idle connections; checked-out ones are closed when they are given back. Whoever waits gets WEIR_RESOURCE_CLOSED. */
void weir_pool_close(weir_pool *pool);
/* Frees a closed pool after all slots came back and nobody is inside of a call. */
void weir_pool_free(weir_pool *pool);
/* In a forked child: forgets all connections without a word to their servers. weir_pool_free afterwards frees the rest. */
void weir_pool_abandon(weir_pool *pool);
void weir_pool_dispose(weir_pool *pool);
/* Checks out: reuses (recycle, pre-ping), connects, or waits in line. Errors: WEIR_TIMEOUT with the text of POOL-3 and the holders
 * in its detail ("file.c:12 for 3.2 s; …"), those of dial, WEIR_RESOURCE_CLOSED. `where` is borrowed while checked out. */
int weir_pool_take(weir_pool *pool, const char *where, weir_slot **out, weir_error *error);
/* The same, which ends with WEIR_DEADLINE_EXCEEDED at the deadline, too. */
int weir_pool_take_by(weir_pool *pool, const char *where, int64_t deadline, weir_slot **out, weir_error *error);
#define WEIR_DEADLINE_TEXT "the deadline that weir_connection_deadline or weir_session_deadline set has passed"
/* Gives back; the transaction was ended by the caller. keep false: the connection is closed, not reused. A slot that is not
 * checked out: a warning "Double checkin attempted on …", and nothing changes. */
void weir_pool_give_back(weir_slot *slot, bool keep);

typedef enum weir_invalidation {
    WEIR_INVALIDATE_SOFT = 0,           /* closed and replaced at its next check-out */
    WEIR_INVALIDATE_HARD,               /* closed now */
    WEIR_INVALIDATE_ALL                 /* closed now, and everything else that was connected before now is stale */
} weir_invalidation;
/* The slot's link is of no use. Without a link: a warning "Can't invalidate an already-closed connection." */
void weir_pool_invalidate(weir_slot *slot, weir_invalidation how);
int weir_pool_reconnect(weir_slot *slot, int64_t deadline, weir_error *error);
/* The slot leaves the pool: its place is free, giving it back closes it. */
void weir_pool_detach(weir_slot *slot);
/* Interrupts what runs on the slot's link. From any thread while the slot is checked out; may block, and then neither the slot's
 * user nor the slot waits for it; but the pool must outlive the call. */
int weir_pool_cancel(weir_slot *slot);
/* The same on a loop's thread outside a task: a task sends the request, and calls release(owner) afterwards; also where this fails.
 * WEIR_OK, or WEIR_OUT_OF_MEMORY. */
int weir_pool_cancel_later(weir_slot *slot, void (*release)(void *owner), void *owner);
/* By the slot's own user, in the middle of an operation: has the server stop, if it takes requests until reach_by. */
void weir_pool_stop(weir_slot *slot, int64_t reach_by);
/* Waits until no cancel request is on its way and clears the link's flag. Not for ever: one that is not answered leaves the link
 * for this user only (link->cancels.astray). */
void weir_pool_settle_cancels(weir_slot *slot);
/* A statement begins on a slot that was idle inside a transaction for so long. */
void weir_pool_note_idle(weir_pool *pool, int64_t nanoseconds);
/* A link found more than once that the server forgets what is prepared by name (a transaction pooler): from now on nothing is. Warns once. */
void weir_pool_note_forgetful(weir_slot *slot);
/* Whether statements are prepared by name: as the option has it, else where no pooler is known to be in between. */
bool weir_pool_prepares(const weir_slot *slot, weir_switch prepared);
void weir_pool_get_status(weir_pool *pool, weir_pool_status *out);

/* ---- drive.c --------------------------------------------------------------------------------------------------------------- */
/* How long an operation may take. */
typedef struct weir_limits {
    int64_t     answer_by;              /* then the query is cancelled at the server; WEIR_NO_DEADLINE */
    int64_t     give_up_by;             /* then the link is given up; WEIR_NO_DEADLINE */
    const char *what;                   /* passed: "the statement's timeout_ms passed" */
    weir_slot  *slot;                   /* by which a query is cancelled; NULL: the link is given up instead */
    bool        ends;                   /* a close, a rollback: a cancelled task goes on with it for a little, and is told by its next wait */
} weir_limits;
#define WEIR_NO_LIMITS { .answer_by = WEIR_NO_DEADLINE, .give_up_by = WEIR_NO_DEADLINE }
/* Why an operation was ended early. The server may still have done all of it. */
typedef struct weir_ending {
    int         outcome;                /* WEIR_READY: it was not; WEIR_LATE: answer_by; WEIR_WAIT_INTERRUPTED, WEIR_WAIT_EXPIRED */
    const char *what;                   /* for WEIR_LATE */
} weir_ending;
/* The status and the words for it. */
int weir_ending_error(const weir_ending *ending, weir_error *error);
/* Drives a started operation to its end: advance, wait, advance. `started` is what the start function returned. When the task is
 * cancelled or answer_by passes, the query is cancelled at the server, and its answer waited for: two seconds, then the link is
 * given up. The status; details in link->error. Sets link->lost and WEIR_DEADLINE_EXCEEDED when a wait passed another deadline,
 * and with a cancelled server that did not answer. */
int weir_link_drive(weir_link *link, int started, const weir_limits *limits, weir_ending *ending);
#endif
