/* The inside of tasks and loops. Whatever is not marked otherwise belongs to the loop's thread. */
#ifndef WEIR_TASK_INSIDE_H
#define WEIR_TASK_INSIDE_H
#include <stdatomic.h>
#include <weir/loop.h>
#include "base/ledger.h"
#include "base/wait.h"
#include "task/heap.h"
#include "task/stack.h"
#include "task/switch.h"

typedef enum weir_task_state {
    WEIR_TASK_NEW = 0,                  /* in the inbox, or spare */
    WEIR_TASK_READY,                    /* in the loop's line */
    WEIR_TASK_RUNNING,
    WEIR_TASK_PARKED,                   /* docs/how-to/event-loops.md: what gdb shows then */
    WEIR_TASK_ENDED
} weir_task_state;

struct weir_task {
    int             failed;             /* a constant task: the error of a spawn; nothing else of it is used */
    weir_task_state state;
    char            name[32];
    weir_loop      *loop;
    atomic_int      references;         /* the handle, the loop while it has not ended, the inbox while it is in it */
    weir_task_fn    run;
    void           *argument;
    int             result;
    void           *stack;
    size_t          stack_size;
    weir_fiber      fiber;
    int64_t         resumed_at;
    weir_task      *next_ready;
    weir_task      *next_alive, *previous_alive;        /* all that have begun and not ended: for debuggers */
    weir_alarm      wait_alarm, cancel_alarm;
    struct weir_watch *watch;           /* kept from wait to wait while they are for the same descriptor */
    weir_task      *next_waiter;        /* of the watch, while it waits */
    int             events;             /* WEIR_LOOP_READ, WEIR_LOOP_WRITE */
    bool            fd_ready;
    weir_task      *next_arrival;       /* under the loop's lock */
    bool            arrived;            /* so: it is in the inbox */
    /* Any thread. */
    atomic_int      interrupt;          /* WEIR_WAIT_INTERRUPTED or WEIR_WAIT_EXPIRED, for the next wait */
    atomic_bool     cancelled, ended;
    weir_parker     over;               /* of who joins it */
    /* Closing tasks. */
    void          (*close)(void *argument);
};

struct weir_watch {
    weir_loop *loop;
    int        fd, listening;           /* what the adapter was last told */
    unsigned   keepers;                 /* tasks */
    void      *handle;
    weir_task *waiters;
    struct weir_watch *next_spare;
};

typedef struct weir_closing { void (*close)(void *argument); void *argument; } weir_closing;
enum { WEIR_CLOSINGS = 64 };

struct weir_loop {
    weir_error  error;                  /* of one that never worked */
    const weir_loop_table *table;
    void       *of;
    bool        turning, turn_asked, kept;
    int64_t     armed_at;               /* when the adapter's timer goes off; WEIR_NO_DEADLINE: not set */
    struct {                            /* pause.c */
        weir_watch *watch;              /* NULL: there is none */
        int         fd;
        bool        tried, went_off;    /* and was not set since */
        int64_t     armed_at;
    } fine;
    weir_fiber  scheduler;
    weir_task  *ready, *last_ready, *alive;
    weir_alarms alarms;
    weir_watch **watches;               /* by descriptor */
    size_t      watches_room;
    weir_watch *spare_watches;
    weir_task  *spare;                  /* for a close when there is no memory; what comes while it runs stands in line */
    weir_closing closings[WEIR_CLOSINGS];
    unsigned    first_closing, closings_count;
    unsigned    closers;                /* closing tasks that have not ended: without one nobody would see to that line */
    /* Any thread. */
    _Atomic(weir_here *) home;          /* the thread it runs on, from its first turn on */
    atomic_int  references;             /* the handle, each task */
    atomic_size_t tasks;                /* not ended */
    pthread_mutex_t lock;               /* of what follows; held for a few instructions, never across a switch */
    weir_task  *inbox, *last_inbox;
    bool        closed;
    weir_stacks stacks;
};

/* ---- task.c */
/* NULL without memory. In the state NEW, with two references: the caller's and the loop's. */
weir_task *weir_task_make(weir_loop *loop, size_t stack_size, const char *name);
void weir_task_release(weir_task *task);
/* Parks the running task until somebody makes it ready, at `due` at the latest. May be for no reason: the caller looks. */
void weir_task_sleep_until(weir_task *task, int64_t due);
void weir_task_give_way(weir_task *task);           /* to the next turn */
/* What cancelled it (a WEIR_WAIT_ outcome), once; 0. */
int  weir_task_take_interrupt(weir_task *task);
/* Any thread: has it look again at what it waits for. */
void weir_task_wake(void *task);
/* WEIR_OK, WEIR_CANCELLED, WEIR_DEADLINE_EXCEEDED of an outcome; never given WEIR_WAIT_CANCELLED. */
int  weir_task_status(int outcome);

/* ---- loop.c */
/* Whether this is the thread that it runs on (false before its first turn). */
bool weir_loop_is_here(weir_loop *loop);
void weir_loop_make_ready(weir_loop *loop, weir_task *task);
/* Puts a task into the inbox: to begin, or to look again. WEIR_RESOURCE_CLOSED. */
int  weir_loop_send(weir_loop *loop, weir_task *task, bool begins);
void weir_loop_begin(weir_loop *loop, weir_task *task);
void weir_loop_release(weir_loop *loop);
/* Outside a turn: one is wanted as soon as input and output were looked at. */
void weir_loop_ask_turn(weir_loop *loop);
/* After an alarm was set or taken back outside a turn. */
void weir_loop_rearm(weir_loop *loop);

/* ---- pause.c */
/* Leaves the other side alone for so long, at least for one turn. May be shorter. */
void weir_task_pause(weir_task *task, int64_t nanoseconds);
void weir_fine_timer_open(weir_loop *loop);         /* in its first turn */
/* Whether the fine timer does the next alarm: it is near, and there is such a timer. */
bool weir_fine_timer_arm(weir_loop *loop, int64_t due, int64_t now);
void weir_fine_timer_went_off(weir_loop *loop);
void weir_fine_timer_rest(weir_loop *loop);         /* it went off and was not set anew: quiet now */
void weir_fine_timer_close(weir_loop *loop);

/* ---- watch.c */
/* A watch for reading of the loop's own, on which no task waits; NULL: without memory, or the loop cannot watch it. */
weir_watch *weir_watch_own(weir_loop *loop, int fd);
void weir_watch_disown(weir_watch *watch);
/* Has the task wait in a watch for poll(2)'s events; false: without memory, or the loop cannot watch it: poll now and then. */
bool weir_watch_begin(weir_task *task, int fd, short events);
void weir_watch_end(weir_task *task);               /* of the wait; the watch is kept */
void weir_watch_drop(weir_task *task);              /* of the watch that is kept, if any */
void weir_watches_free(weir_loop *loop);
int  weir_watch_poll(int fd, short events);         /* whether it is ready now */

/* ---- world.c */
extern const weir_world weir_world_of_tasks;
#endif
