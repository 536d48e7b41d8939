/* For tests of weir in tasks: runs a body in a task of a loop (loops.h), beside a timer that must not be kept waiting (RULES T5). */
#ifndef TEST_SUPPORT_TASK_H
#define TEST_SUPPORT_TASK_H
#include <stddef.h>
#include <stdint.h>
#include <weir/loop.h>

/* Spawns body(argument) with a stack of so many bytes (0: the default) on a new loop, runs the loop to its end and closes it. Returns
 * how often the loop's timer of 1 ms fired meanwhile. Whatever `body` returns must be WEIR_OK. assert_* of cmocka may be used in it:
 * they must not leave a task by longjmp, so a failure there ends the program with its message. */
int run_in_task(int (*body)(void *argument), void *argument, size_t stack_size);
/* The same; the body's result is left to the caller. */
int run_in_task_for(int (*body)(void *argument), void *argument, size_t stack_size, int *result);
/* Calls callback(loop, argument) on a loop's thread, outside of tasks, when the loop has turned for some milliseconds; then runs the loop
 * until no task is left, and closes it. Returns as run_in_task. */
int run_on_loop(void (*callback)(weir_loop *loop, void *argument), void *argument);
/* How often the timer fired so far, in a body. */
int ticks_so_far(void);
/* The longest time between two ticks of the timer in the last of these runs. */
int64_t worst_tick_us(void);
#endif
