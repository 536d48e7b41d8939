/* The pool's inside, shared by its files: its state, its lists and its line of waiters. */
#ifndef WEIR_ENGINE_POOL_INSIDE_H
#define WEIR_ENGINE_POOL_INSIDE_H
#include "engine/pool.h"

typedef struct weir_slot_list {
    weir_slot *first, *last;
    int        count;
} weir_slot_list;

/* Someone in line, on the stack of its thread. What it is given (a slot, or a place to connect in) is written under the
 * pool's lock; the waiter looks under the lock too, so that a gift that meets a time-out is not lost. */
typedef struct weir_waiter {
    weir_parker parker;
    const char *where;
    weir_slot  *slot;
    bool        place, closed;
    int64_t     generation;             /* of the place */
    struct weir_waiter *next, *previous;
} weir_waiter;

struct weir_pool {
    pthread_mutex_t       lock;         /* guards all below `log` and the slots' book-keeping */
    const weir_driver    *driver;
    const weir_dial_plan *plan;
    weir_pool_options     options;
    weir_ledger          *ledger;
    weir_log             *log;
    weir_slot_list        idle;         /* the longest idle first */
    weir_slot_list        out;          /* checked out or being made ready, detached ones too; the oldest first */
    weir_waiter          *first_waiter, *last_waiter;
    int                   waiting;
    int                   places;       /* of this generation that exist: idle and out */
    int64_t               generation;
    int64_t               stale_before; /* links connected earlier are replaced at check-out */
    int64_t               next_number, connects, disconnects;
    int64_t               longest_checkout, longest_idle;       /* ns */
    bool                  closed;
    atomic_bool           forgetful;    /* see weir_pool_note_forgetful */
};

void weir_slot_list_append(weir_slot_list *list, weir_slot *slot);
void weir_slot_list_remove(weir_slot_list *list, weir_slot *slot);

/* ---- pool_wait.c; the caller holds the lock ------------------------------------------------------------------------------ */
/* Invariant: somebody waits only while no slot is idle and no place is free. */
bool weir_pool_has_room(const weir_pool *pool);
/* The slot, in no list, is free: to the first waiter, or idle. */
void weir_pool_offer_slot(weir_pool *pool, weir_slot *slot);
/* Hands free places to waiters. */
void weir_pool_offer_places(weir_pool *pool);
/* A place that the slot took is free again, unless it never counted or no longer counts. */
void weir_pool_release_place(weir_pool *pool, const weir_slot *slot);
void weir_pool_check_out(weir_pool *pool, weir_slot *slot, const char *where);
void weir_pool_turn_away(weir_pool *pool);      /* closed: all waiters leave */
/* Parks in line; gives up the lock meanwhile. As weir_park; WEIR_READY when something was given in the very last moment, too.
 * Interrupted, the waiter may have been given something all the same. Out of the line in any case. */
int weir_pool_wait(weir_pool *pool, weir_waiter *waiter, int64_t deadline);

/* ---- pool_slot.c; the caller does not hold the lock ------------------------------------------------------------------------ */
int weir_slot_dial(weir_slot *slot, int64_t deadline, weir_error *error);
void weir_slot_hang_up(weir_slot *slot);
/* Recycles, pings, connects as needed: afterwards the slot's link works as far as anybody knows. */
int weir_slot_make_ready(weir_slot *slot, int64_t deadline, weir_error *error);
#endif
