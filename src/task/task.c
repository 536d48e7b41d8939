/* Tasks: making, waking, joining, cancelling and ending them. */
#include "base/lock.h"
#include "task/inside.h"
#include <string.h>
#include "base/error.h"

/* Spawning that failed gives one of these. */
static const weir_task refused[] = {
    { .failed = WEIR_OUT_OF_MEMORY, .name = "(out of memory)" },
    { .failed = WEIR_RESOURCE_CLOSED, .name = "(loop closed)" },
    { .failed = WEIR_ARGUMENT, .name = "(wrong argument)" },
    { .failed = WEIR_IO, .name = "(loop not opened)" },
    { .failed = WEIR_NOT_SUPPORTED, .name = "(no tasks in this build)" },
};

static weir_task *refuse(int status)
{
    const weir_task *task = &refused[0];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (refused[i].failed == status)
            task = &refused[i];
    return (weir_task *)(uintptr_t)task;    /* never written to: `failed` is looked at first */
}

/* ---- on the task's stack */
static void run_task(void *argument)
{
    weir_task *task = argument;
    task->result = task->run(task->argument);
    task->state = WEIR_TASK_ENDED;
    weir_fiber_leave(&task->fiber, &task->loop->scheduler);
}

void weir_task_sleep_until(weir_task *task, int64_t due)
{
    task->state = WEIR_TASK_PARKED;
    if (due != WEIR_NO_DEADLINE)
        weir_alarm_set(&task->loop->alarms, &task->wait_alarm, due);
    weir_fiber_switch(&task->fiber, &task->loop->scheduler);
}

void weir_task_give_way(weir_task *task)
{
    task->state = WEIR_TASK_PARKED;
    weir_loop_make_ready(task->loop, task);
    weir_fiber_switch(&task->fiber, &task->loop->scheduler);
}

int weir_task_take_interrupt(weir_task *task)
{
    if (atomic_load_explicit(&task->interrupt, memory_order_relaxed) == 0)
        return 0;
    return atomic_exchange(&task->interrupt, 0);
}

/* ---- alarms */
static void wait_is_over(weir_alarm *alarm)
{
    weir_task *task = (weir_task *)((char *)alarm - offsetof(weir_task, wait_alarm));
    weir_loop_make_ready(task->loop, task);
}

static void time_is_up(weir_alarm *alarm)
{
    weir_task *task = (weir_task *)((char *)alarm - offsetof(weir_task, cancel_alarm));
    atomic_store(&task->cancelled, true);
    atomic_store(&task->interrupt, WEIR_WAIT_EXPIRED);
    weir_loop_make_ready(task->loop, task);
}

/* ---- making and freeing */
static void *take_stack(weir_loop *loop, size_t size)
{
    weir_lock(&loop->lock);
    void *stack = weir_stacks_take(&loop->stacks, size);
    weir_unlock(&loop->lock);
    return stack ? stack : weir_stack_map(size);
}

weir_task *weir_task_make(weir_loop *loop, size_t stack_size, const char *name)
{
    weir_task *task = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *task);
    if (!task)
        return NULL;
    task->stack = take_stack(loop, stack_size);
    if (!task->stack) {
        weir_free(task);
        return NULL;
    }
    task->stack_size = stack_size;
    task->loop = loop;
    task->wait_alarm.ring = wait_is_over;
    task->cancel_alarm.ring = time_is_up;
    atomic_store(&task->references, 2);
    atomic_fetch_add(&loop->references, 1);
    weir_error_text(task->name, sizeof task->name, name ? name : "", name ? strlen(name) : 0);
    weir_parker_init(&task->over);
    weir_fiber_make(&task->fiber, task->stack, stack_size, run_task, task);
    return task;
}

void weir_task_release(weir_task *task)
{
    if (atomic_fetch_sub(&task->references, 1) > 1)
        return;
    weir_loop *loop = task->loop;
    if (task->stack) {                  /* it never ran */
        weir_fiber_unmake(&task->fiber);
        weir_stack_unmap(task->stack, task->stack_size);
    }
    weir_parker_destroy(&task->over);
    weir_free(task);
    weir_loop_release(loop);
}

/* ---- the public calls */
weir_task *weir_task_spawn(weir_loop *loop, weir_task_fn run, void *argument)
{
    return weir_task_spawn_with(loop, run, argument, NULL);
}

weir_task *weir_task_spawn_with(weir_loop *loop, weir_task_fn run, void *argument, const weir_task_options *options)
{
    weir_task_options given = { .struct_size = sizeof given };
    if (!loop || !run || (options && (options->struct_size < sizeof options->struct_size || options->struct_size > sizeof given)))
        return refuse(WEIR_ARGUMENT);
    if (options)
        memcpy(&given, options, options->struct_size);
    size_t stack_size = weir_stack_size(given.stack_size);
    if (stack_size == 0)
        return refuse(WEIR_ARGUMENT);
    if (loop->error.status != WEIR_OK)
        return refuse(loop->error.status);
    weir_task *task = weir_task_make(loop, stack_size, given.name);
    if (!task)
        return refuse(WEIR_OUT_OF_MEMORY);
    task->run = run;
    task->argument = argument;
    int status = weir_loop_send(loop, task, true);
    if (status == WEIR_OK)
        return task;
    weir_task_release(task);
    weir_task_release(task);
    return refuse(status);
}

void weir_task_wake(void *argument)
{
    weir_task *task = argument;
    if (weir_loop_is_here(task->loop))
        weir_loop_make_ready(task->loop, task);
    else
        weir_loop_send(task->loop, task, false);
}

int weir_task_status(int outcome)
{
    return outcome == WEIR_WAIT_INTERRUPTED ? WEIR_CANCELLED
         : outcome == WEIR_WAIT_EXPIRED || outcome == WEIR_LATE ? WEIR_DEADLINE_EXCEEDED : WEIR_OK;
}

int weir_task_join(weir_task **handle, int *result)
{
    if (!handle || !*handle)
        return WEIR_ARGUMENT;
    weir_task *task = *handle;
    if (task->failed) {
        *handle = NULL;
        return task->failed;
    }
    if (task == weir_task_current())
        return WEIR_INVALID_REQUEST;
    while (!weir_task_ended(task)) {
        weir_error error;
        int status = weir_may_wait(&error);
        if (status == WEIR_OK)
            status = weir_task_status(weir_park(&task->over, WEIR_NO_DEADLINE));
        if (status != WEIR_OK)
            return status;
    }
    if (result)
        *result = task->result;
    *handle = NULL;
    weir_task_release(task);
    return WEIR_OK;
}

void weir_task_detach(weir_task **handle)
{
    if (!handle || !*handle)
        return;
    weir_task *task = *handle;
    *handle = NULL;
    if (!task->failed)
        weir_task_release(task);
}

bool weir_task_ended(const weir_task *task) { return !task || task->failed || atomic_load(&task->ended); }

void weir_task_cancel(weir_task *task)
{
    if (!task || task->failed || weir_task_ended(task))
        return;
    atomic_store(&task->cancelled, true);
    atomic_store(&task->interrupt, WEIR_WAIT_INTERRUPTED);
    weir_task_wake(task);
}

void weir_task_cancel_after(weir_task *task, int64_t milliseconds)
{
    if (!task || task->failed || weir_task_ended(task))
        return;
    if (milliseconds < 0)
        weir_alarm_clear(&task->loop->alarms, &task->cancel_alarm);
    else
        weir_alarm_set(&task->loop->alarms, &task->cancel_alarm, weir_deadline_ms(milliseconds));
    weir_loop_rearm(task->loop);
}

weir_task *weir_task_current(void) { return weir_here_now()->task; }

bool weir_task_cancelled(void)
{
    weir_task *task = weir_task_current();
    return task && atomic_load(&task->cancelled);
}

int weir_task_yield(void)
{
    weir_task *task = weir_task_current();
    if (!task)
        return WEIR_OK;
    weir_task_give_way(task);
    return weir_task_status(weir_task_take_interrupt(task));
}

void weir_task_usage(weir_task_figures *out)
{
    weir_task_counts *counts = weir_ledger_tasks();
    *out = (weir_task_figures){ .tasks = atomic_load(&counts->alive), .spawned = atomic_load(&counts->spawned),
                                .stack_bytes = atomic_load(&weir_ledger_root()->by_purpose[WEIR_MEMORY_STACKS]) };
}
