/* Switching stacks. A fiber is a point of execution: a thread's own, or one on a stack that was made for it. */
#ifndef WEIR_TASK_SWITCH_H
#define WEIR_TASK_SWITCH_H
#include <stddef.h>
#include <ucontext.h>

typedef struct weir_fiber {
    ucontext_t context;
    void   (*enter)(void *argument);
    void    *argument;
    const void *stack;                  /* lowest byte; of a thread's own: learned when it is left, by ASan only */
    size_t   size;
    void    *shadow;                    /* ASan's fake stack, TSan's fiber */
    unsigned valgrind;
    struct weir_fiber *from;            /* who switched here last */
} weir_fiber;

/* Why this build cannot switch stacks; NULL: it can. */
const char *weir_fiber_missing(void);
/* The point where the calling thread is now, to be left by weir_fiber_switch. */
void weir_fiber_here(weir_fiber *fiber);
/* enter(argument) on the stack from the first switch to it on. It must not return: it ends by weir_fiber_leave. */
void weir_fiber_make(weir_fiber *fiber, void *stack, size_t size, void (*enter)(void *argument), void *argument);
/* Saves the point in `from`, goes on at `to`; returns when somebody switches back to `from`. */
void weir_fiber_switch(weir_fiber *from, weir_fiber *to);
/* The same for the last time: `from` is over. */
void weir_fiber_leave(weir_fiber *from, weir_fiber *to);
/* Of one that was made, after it left or when it was never entered; its stack is not used any more. */
void weir_fiber_unmake(weir_fiber *fiber);
#endif
