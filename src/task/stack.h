/* Stacks of tasks, and the few that a loop keeps for its next tasks. */
#ifndef WEIR_TASK_STACK_H
#define WEIR_TASK_STACK_H
#include <stddef.h>

enum { WEIR_STACK_DEFAULT = 256 * 1024, WEIR_STACK_LEAST = 64 * 1024, WEIR_STACKS_KEPT = 64 };

typedef struct weir_stacks { void *kept[WEIR_STACKS_KEPT]; size_t count; } weir_stacks;     /* all of the default size */

/* The size in whole pages; 0: the default. 0 for one that is below the least or absurd. */
size_t weir_stack_size(size_t wanted);
/* Not thread-safe: the loop's lock is held. A stack that is kept, or NULL. */
void *weir_stacks_take(weir_stacks *stacks, size_t size);
/* Keeps it; false: unmap it. */
int weir_stacks_keep(weir_stacks *stacks, void *stack, size_t size);
void weir_stacks_drop(weir_stacks *stacks);
#endif
