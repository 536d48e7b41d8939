/* Stacks of tasks: sizes, and a bounded list of those that wait for their next task. */
#include "task/stack.h"
#include <stdint.h>
#include <unistd.h>
#include "base/ledger.h"

size_t weir_stack_size(size_t wanted)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (wanted == 0)
        wanted = WEIR_STACK_DEFAULT;
    if (wanted < WEIR_STACK_LEAST || wanted > SIZE_MAX / 4)
        return 0;
    return (wanted + page - 1) / page * page;
}

void *weir_stacks_take(weir_stacks *stacks, size_t size)
{
    return stacks->count > 0 && size == weir_stack_size(0) ? stacks->kept[--stacks->count] : NULL;
}

int weir_stacks_keep(weir_stacks *stacks, void *stack, size_t size)
{
    if (stacks->count == WEIR_STACKS_KEPT || size != weir_stack_size(0))
        return 0;
    stacks->kept[stacks->count++] = stack;
    return 1;
}

void weir_stacks_drop(weir_stacks *stacks)
{
    while (stacks->count > 0)
        weir_stack_unmap(stacks->kept[--stacks->count], weir_stack_size(0));
}
