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
    weir_reset reset;
} weir_pool_options;

/* A place of the pool in use: one connection to the database and its book-keeping. */
typedef struct weir_slot weir_slot;
struct weir_slot {
    weir_pool  *pool;
    weir_link  *link;                   /* NULL: was lost or invalidated; weir_pool_reconnect makes a new one */
    int64_t     number;                 /* of the connection, for the log */
    int64_t     connected_at, checked_out_at;   /* monotonic ns */
    int64_t     generation;             /* of the pool when it was connected (dispose raises it) */
    const char *where;                  /* it was checked out: "file.c:12" */
    bool        detached, limit_reported, used_before;
    weir_slot  *next, *previous;        /* the pool's lists */
};

int weir_pool_open(weir_pool **out, const weir_driver *driver, const weir_dial_plan *plan, const weir_pool_options *options,
                   weir_log *log, weir_ledger *ledger, weir_error *error);
/* Closes idle connections; checked-out ones are closed when they are given back; frees itself after the last of them. */
void weir_pool_close(weir_pool *pool);
void weir_pool_abandon(weir_pool *pool);
void weir_pool_dispose(weir_pool *pool);
/* Checks out: reuses (recycle, pre-ping), connects, or waits in line. Errors: WEIR_TIMEOUT with the text of POOL-3 and the holders
 * in its detail ("file.c:12 for 3.2 s; …"), those of dial. */
int weir_pool_take(weir_pool *pool, const char *where, weir_slot **out, weir_error *error);
/* Gives back; the transaction was ended by the caller. keep false: the connection is closed, not reused. */
void weir_pool_give_back(weir_slot *slot, bool keep);
/* The slot's link is of no use: hang up now; `all`: everything connected before now is stale too (a lost server). */
void weir_pool_invalidate(weir_slot *slot, bool all);
int weir_pool_reconnect(weir_slot *slot, weir_error *error);
void weir_pool_detach(weir_slot *slot);
/* A statement begins on a slot that was idle inside a transaction for so long. */
void weir_pool_note_idle(weir_pool *pool, int64_t nanoseconds);
void weir_pool_get_status(weir_pool *pool, weir_pool_status *out);

/* Drives a started operation to its end: advance, wait, advance. The status; details in link->error. Sets link->lost and
 * WEIR_DEADLINE_EXCEEDED when a wait passed its deadline, WEIR_CANCELLED when a cancelled server did not answer. (drive.c) */
int weir_link_drive(weir_link *link);
#endif
