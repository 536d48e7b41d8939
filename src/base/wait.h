/* weir_wait: the one place where weir waits. In a plain thread it is poll(2), a condition variable, a sleep; in a task of an event
 * loop the task is parked (src/task installs the other table; DESIGN D1). No lock is held across any of these. */
#ifndef WEIR_BASE_WAIT_H
#define WEIR_BASE_WAIT_H
#include <stdatomic.h>
#include <pthread.h>
#include <weir/base.h>

#define WEIR_NO_DEADLINE INT64_MAX

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t weir_now(void);
/* now + milliseconds; WEIR_NO_DEADLINE for a negative number, and for one that the clock never reaches. */
int64_t weir_deadline_ms(int64_t milliseconds);

/* What a driver wants before its advance is called again. */
typedef struct weir_want {
    int     fd;                         /* -1: none; with a pause, only that is made */
    short   events;                     /* POLLIN, POLLOUT */
    int64_t deadline;                   /* monotonic nanoseconds */
    bool    soft;                       /* passing the deadline is no error: advance is called again */
    int64_t pause;                      /* first leave the other side alone for so many nanoseconds (a task parks: the loop turns) */
    void  (*work)(void *argument);      /* if set: run this, which may block, and come back; fd is not looked at */
    void   *argument;
    const atomic_bool *cancelled;       /* looked at now and then; may be NULL */
    int64_t grace;                      /* for the other side to answer once that is true; 0: WEIR_CANCEL_GRACE_NS */
    bool    breathe;                    /* nothing is wanted but that the loop may turn: other work was kept waiting for long */
} weir_want;

/* WEIR_WAIT_INTERRUPTED: weir_task_cancel (or its deadline: WEIR_WAIT_EXPIRED) reached the running task. Told once: the next wait
 * waits as usual. Never in a plain thread. */
enum { WEIR_READY = 0, WEIR_LATE = 1, WEIR_WAIT_CANCELLED = 2, WEIR_WAIT_INTERRUPTED = 3, WEIR_WAIT_EXPIRED = 4 };
/* Waits until the descriptor is ready (WEIR_READY), the deadline passed (WEIR_LATE), *cancelled became true and its grace
 * passed without readiness (WEIR_WAIT_CANCELLED), or the task was interrupted. want->work is not looked at. */
int weir_wait(const weir_want *want);
/* A descriptor that was waited for is about to be closed or given to somebody else: the loop forgets it. Cheap when there is nothing
 * to forget. */
void weir_wait_forget(int fd);
/* In a task that has run for a millisecond since it was last parked: lets the loop turn. Else nothing, and nothing in a thread. */
void weir_breathe(void);

/* Whether a call may wait here: WEIR_OK, or WEIR_WOULD_BLOCK on a loop's thread outside a task (RULES T1). Asked before any SQL. */
int weir_may_wait(weir_error *error);
/* On a loop's thread outside a task: has close(argument) run in a task of the loop and returns true. Else false: close it here. */
bool weir_defer(void (*close)(void *argument), void *argument);
/* "cancelled by weir_task_cancel", or the deadline's words, for WEIR_WAIT_INTERRUPTED and WEIR_WAIT_EXPIRED. Returns the status. */
int weir_interrupted(int outcome, weir_error *error);
/* WEIR_WAIT_INTERRUPTED and WEIR_WAIT_EXPIRED that nobody will be told of, since something was ended by what was waited for, or was done
 * all the same: the next wait of the task is told. Anything else: nothing. Not in a loop that waits on: it would not wait. */
void weir_interrupt_again(int outcome);

/* A place to park until someone unparks it: waiting for a connection of the pool, a queue, a resume. */
typedef struct weir_parker {
    pthread_mutex_t mutex;
    pthread_cond_t  signal;
    bool            ready;
    void          (*wake)(void *task);  /* set while a task is parked in it */
    void           *task;
} weir_parker;
void weir_parker_init(weir_parker *parker);
void weir_parker_destroy(weir_parker *parker);
/* WEIR_READY when unparked, else WEIR_LATE, WEIR_WAIT_INTERRUPTED, WEIR_WAIT_EXPIRED. */
int weir_park(weir_parker *parker, int64_t deadline);
void weir_unpark(weir_parker *parker);  /* any thread; the parker must live until this returns */

/* Runs a function that may block: in a thread right here, in a task on a worker thread of its loop. Returns when it returned.
 * WEIR_READY; WEIR_WAIT_INTERRUPTED or WEIR_WAIT_EXPIRED: the task was cancelled meanwhile: `interrupt` (may be NULL) was called with it on
 * the loop's thread at that moment to make the work end early, and the work has ended. It must not wait: least of all for a worker thread,
 * since the work may have the last one. WEIR_LATE: no memory to hand it over: not run. */
int weir_run_blocking(void (*work)(void *argument), void (*interrupt)(void *argument, int outcome), void *argument);

/* The same for what ends something, whose outcome nobody is told: run in any case, right here where it cannot be handed over. An interrupt
 * is for the next wait. */
void weir_run_unheard(void (*work)(void *argument), void *argument);

/* As weir_run_blocking for the disk, with what can go wrong said in *error: WEIR_WOULD_BLOCK and WEIR_OUT_OF_MEMORY (not run), WEIR_CANCELLED or
 * WEIR_DEADLINE_EXCEEDED (run). WEIR_OK: run. */
int weir_run_on_disk(void (*work)(void *argument), void *argument, weir_error *error);
/* The same for the last step of something, which cannot be taken back: what was done says so, and an interrupt is for the next wait. */
int weir_run_last_on_disk(void (*work)(void *argument), void *argument, weir_error *error);

/* ---- the table that a loop installs ------------------------------------------------------------------------------------ */
typedef struct weir_world {
    int  (*wait)(const weir_want *want);
    void (*forget)(int fd);
    void (*breathe)(void);
    int  (*park)(weir_parker *parker, int64_t deadline);
    void (*interrupt_again)(int outcome);
    int  (*run_blocking)(void (*work)(void *argument), void (*interrupt)(void *argument, int outcome), void *argument);
    int  (*may_wait)(weir_error *error);
    bool (*defer)(void (*close)(void *argument), void *argument);
} weir_world;
/* The library's one thread-local (RULES T2). world NULL: a plain thread. loop and task are src/task's. */
typedef struct weir_here {
    const weir_world *world;
    void *loop, *task;
    int   locks;                        /* checked builds: held by this thread */
} weir_here;
weir_here *weir_here_now(void);
/* What weir_wait and weir_park do in a plain thread: also for a loop's thread that must wait itself, since a close could not be
 * handed to a task. */
int weir_wait_in_thread(const weir_want *want);
int weir_park_in_thread(weir_parker *parker, int64_t deadline);

#define WEIR_NS_PER_MS 1000000LL
#define WEIR_CANCEL_SLICE_NS (250 * WEIR_NS_PER_MS)     /* how often a wait looks at its cancel flag */
#define WEIR_CANCEL_GRACE_NS (2000 * WEIR_NS_PER_MS)    /* how long a cancelled server has to answer */
static inline int64_t weir_grace_of(const weir_want *want) { return want->grace ? want->grace : WEIR_CANCEL_GRACE_NS; }
#endif
