/* weir_wait: the one place where weir waits. In a plain thread it is poll(2), a condition variable, a sleep; a task will
 * install another table (DESIGN D1). No lock is held across any of these. */
#ifndef WEIR_BASE_WAIT_H
#define WEIR_BASE_WAIT_H
#include <stdatomic.h>
#include <pthread.h>
#include <weir/base.h>

#define WEIR_NO_DEADLINE INT64_MAX

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t weir_now(void);
/* now + milliseconds; WEIR_NO_DEADLINE for a negative number. */
int64_t weir_deadline_ms(int64_t milliseconds);

/* What a driver wants before its advance is called again. */
typedef struct weir_want {
    int     fd;                         /* -1: none; with a pause, only that is made */
    short   events;                     /* POLLIN, POLLOUT */
    int64_t deadline;                   /* monotonic nanoseconds */
    bool    soft;                       /* passing the deadline is no error: advance is called again */
    int64_t pause;                      /* first leave the other side alone for so many nanoseconds (a task only yields) */
    void  (*work)(void *argument);      /* if set: run this, which may block, and come back; fd is not looked at */
    void   *argument;
    const atomic_bool *cancelled;       /* looked at now and then; may be NULL */
} weir_want;

enum { WEIR_READY = 0, WEIR_LATE = 1, WEIR_WAIT_CANCELLED = 2 };
/* Waits until the descriptor is ready (WEIR_READY), the deadline passed (WEIR_LATE), or *cancelled became true and two seconds
 * passed without readiness (WEIR_WAIT_CANCELLED). */
int weir_wait(const weir_want *want);

/* A place to park until someone unparks it: waiting for a connection of the pool. */
typedef struct weir_parker {
    pthread_mutex_t mutex;
    pthread_cond_t  signal;
    bool            ready;
} weir_parker;
void weir_parker_init(weir_parker *parker);
void weir_parker_destroy(weir_parker *parker);
/* True when unparked, false when the deadline passed. */
bool weir_park(weir_parker *parker, int64_t deadline);
void weir_unpark(weir_parker *parker);  /* any thread; the parker must live until this returns */

/* Runs a function that may block. */
void weir_run_blocking(void (*work)(void *argument), void *argument);
#endif
