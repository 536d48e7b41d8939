/* Loops: the line of ready tasks, turns, the inbox for other threads, deadlines over the adapter's one timer. */
#include "base/lock.h"
#include "task/inside.h"
#include <string.h>
#include "base/error.h"

static const weir_loop no_memory = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for the loop" } };
static const weir_loop wrong_table = { .error = { .status = WEIR_ARGUMENT,
    .message = "the loop's table has a hole: all its functions are needed, and struct_size" } };

#define TIMER_ERROR_NS (2 * WEIR_NS_PER_MS)     /* a timer that goes off so much too early is set again */

static weir_loop *constant(const weir_loop *loop) { return (weir_loop *)(uintptr_t)loop; }

/* ---- the line of ready tasks */
bool weir_loop_is_here(weir_loop *loop)
{
    return atomic_load_explicit(&loop->home, memory_order_relaxed) == weir_here_now();
}

void weir_loop_ask_turn(weir_loop *loop)
{
    if (loop->turning || loop->turn_asked)
        return;
    loop->turn_asked = true;
    loop->armed_at = WEIR_NO_DEADLINE;
    loop->table->timer(loop->of, 0);
}

static void append(weir_loop *loop, weir_task *task)
{
    task->state = WEIR_TASK_READY;
    task->next_ready = NULL;
    if (loop->last_ready)
        loop->last_ready->next_ready = task;
    else
        loop->ready = task;
    loop->last_ready = task;
}

void weir_loop_make_ready(weir_loop *loop, weir_task *task)
{
    if (task->state != WEIR_TASK_PARKED)
        return;
    weir_alarm_clear(&loop->alarms, &task->wait_alarm);
    append(loop, task);
    weir_loop_ask_turn(loop);
}

void weir_loop_rearm(weir_loop *loop)
{
    if (loop->turning || loop->turn_asked || !loop->alarms.first || loop->alarms.first->due >= loop->armed_at)
        return;
    int64_t now = weir_now(), left = loop->alarms.first->due - now;
    if (weir_fine_timer_arm(loop, loop->alarms.first->due, now))
        return;
    loop->armed_at = loop->alarms.first->due;
    loop->table->timer(loop->of, left > 0 ? left : 0);
}

/* ---- the inbox */
static void keep_alive(weir_loop *loop, bool alive)
{
    if (loop->kept == alive)
        return;
    loop->kept = alive;
    loop->table->keep(loop->of, alive);
}

/* Waking stands under the lock, so that it cannot come after weir_loop_free. */
int weir_loop_send(weir_loop *loop, weir_task *task, bool begins)
{
    if (begins && weir_loop_is_here(loop))
        keep_alive(loop, true);
    weir_lock(&loop->lock);
    bool closed = loop->closed;
    if (!closed && !task->arrived) {
        atomic_fetch_add(&task->references, 1);
        task->arrived = true;
        task->next_arrival = NULL;
        if (loop->last_inbox)
            loop->last_inbox->next_arrival = task;
        else
            loop->inbox = task;
        loop->last_inbox = task;
        if (begins) {
            atomic_fetch_add(&loop->tasks, 1);
            atomic_fetch_add(&weir_ledger_tasks()->alive, 1);
            atomic_fetch_add(&weir_ledger_tasks()->spawned, 1);
        }
        loop->table->wake(loop->of);
    }
    weir_unlock(&loop->lock);
    return closed ? WEIR_RESOURCE_CLOSED : WEIR_OK;
}

void weir_loop_begin(weir_loop *loop, weir_task *task)
{
    task->next_alive = loop->alive;
    if (loop->alive)
        loop->alive->previous_alive = task;
    loop->alive = task;
    append(loop, task);
}

/* The tasks are put in line under the lock: once it is given up, other threads may send the same ones again. */
static void empty_inbox(weir_loop *loop)
{
    weir_task *ended = NULL;
    weir_lock(&loop->lock);
    for (weir_task *task = loop->inbox; task; task = task->next_arrival) {
        task->arrived = false;
        if (task->state == WEIR_TASK_ENDED) {
            task->next_ready = ended;
            ended = task;
            continue;
        }
        if (task->state == WEIR_TASK_NEW)
            weir_loop_begin(loop, task);
        else
            weir_loop_make_ready(loop, task);
        atomic_fetch_sub(&task->references, 1);     /* never the last: the loop has one until it ends */
    }
    loop->inbox = loop->last_inbox = NULL;
    weir_unlock(&loop->lock);
    while (ended) {
        weir_task *task = ended;
        ended = task->next_ready;
        weir_task_release(task);
    }
}

/* ---- turns */
static void give_back_stack(weir_loop *loop, weir_task *task)
{
    weir_fiber_unmake(&task->fiber);
    weir_stack_rest(task->stack, task->stack_size);
    weir_lock(&loop->lock);
    int kept = weir_stacks_keep(&loop->stacks, task->stack, task->stack_size);
    weir_unlock(&loop->lock);
    if (!kept)
        weir_stack_unmap(task->stack, task->stack_size);
    task->stack = NULL;
}

static void finish(weir_loop *loop, weir_task *task)
{
    weir_watch_drop(task);
    weir_alarm_clear(&loop->alarms, &task->cancel_alarm);
    if (task->previous_alive)
        task->previous_alive->next_alive = task->next_alive;
    else
        loop->alive = task->next_alive;
    if (task->next_alive)
        task->next_alive->previous_alive = task->previous_alive;
    give_back_stack(loop, task);
    if (!loop->spare)
        loop->spare = weir_task_make(loop, weir_stack_size(0), "close");
    atomic_fetch_sub(&loop->tasks, 1);
    atomic_fetch_sub(&weir_ledger_tasks()->alive, 1);
    atomic_store(&task->ended, true);
    weir_unpark(&task->over);
    weir_task_release(task);
}

static void resume(weir_loop *loop, weir_here *here, weir_task *task)
{
    task->state = WEIR_TASK_RUNNING;
    task->resumed_at = weir_now();
    here->task = task;
    weir_fiber_switch(&loop->scheduler, &task->fiber);
    here->task = NULL;
    if (task->state == WEIR_TASK_ENDED)
        finish(loop, task);
}

static void ring_alarms(weir_loop *loop)
{
    int64_t now = weir_now();
    if (loop->armed_at - TIMER_ERROR_NS <= now)
        loop->armed_at = WEIR_NO_DEADLINE;
    while (loop->alarms.first && loop->alarms.first->due <= now) {
        weir_alarm *alarm = loop->alarms.first;
        weir_alarm_clear(&loop->alarms, alarm);
        alarm->ring(alarm);
    }
}

static void run_ready(weir_loop *loop, weir_here *here)
{
    weir_task *task = loop->ready;
    loop->ready = loop->last_ready = NULL;
    while (task) {
        weir_task *next = task->next_ready;
        resume(loop, here, task);
        task = next;
    }
}

static void settle(weir_loop *loop)
{
    loop->turning = false;
    keep_alive(loop, atomic_load(&loop->tasks) > 0);
    if (loop->ready)
        weir_loop_ask_turn(loop);
    else
        weir_loop_rearm(loop);
    weir_fine_timer_rest(loop);
}

void weir_loop_turn(weir_loop *loop)
{
    if (loop->turning || loop->error.status != WEIR_OK)
        return;
    weir_here *here = weir_here_now(), before = *here;
    atomic_store(&loop->home, here);
    *here = (weir_here){ .world = &weir_world_of_tasks, .loop = loop };
    loop->turning = true;
    loop->turn_asked = false;
    weir_fiber_here(&loop->scheduler);
    if (!loop->fine.tried)
        weir_fine_timer_open(loop);
    empty_inbox(loop);
    ring_alarms(loop);
    run_ready(loop, here);
    settle(loop);
    if (before.task)                    /* a task runs another loop */
        *here = before;
}

/* ---- making and freeing */
static bool is_whole(const weir_loop_table *table)
{
    return table && table->struct_size >= sizeof *table && table->watch && table->listen && table->unwatch && table->timer &&
           table->wake && table->work && table->keep;
}

weir_loop *weir_loop_new(const weir_loop_table *table, void *of)
{
    if (!is_whole(table))
        return constant(&wrong_table);
    if (weir_fiber_missing())
        return weir_loop_failed(WEIR_NOT_SUPPORTED, weir_fiber_missing());
    weir_loop *loop = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *loop);
    if (!loop)
        return constant(&no_memory);
    loop->table = table;
    loop->of = of;
    loop->armed_at = WEIR_NO_DEADLINE;
    atomic_store(&loop->references, 1);
    pthread_mutex_init(&loop->lock, NULL);
    loop->spare = weir_task_make(loop, weir_stack_size(0), "close");
    if (!loop->spare) {
        weir_loop_release(loop);
        return constant(&no_memory);
    }
    keep_alive(loop, true);
    table->wake(of);
    return loop;
}

weir_loop *weir_loop_failed(int status, const char *message)
{
    weir_loop *loop = status == WEIR_OUT_OF_MEMORY ? NULL : weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *loop);
    if (!loop)
        return constant(&no_memory);
    weir_error_set(&loop->error, status, "%s", message);
    atomic_store(&loop->references, 1);
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

const weir_error *weir_loop_error(const weir_loop *loop) { return loop ? &loop->error : &wrong_table.error; }

size_t weir_loop_tasks(const weir_loop *loop) { return loop ? atomic_load(&loop->tasks) : 0; }

void *weir_loop_of(const weir_loop *loop, const weir_loop_table *table) { return loop && loop->table == table ? loop->of : NULL; }

void *weir_loop_allocate(size_t size) { return weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, size); }
void weir_loop_return(void *block) { weir_free(block); }

void weir_loop_release(weir_loop *loop)
{
    if (atomic_fetch_sub(&loop->references, 1) > 1)
        return;
    pthread_mutex_destroy(&loop->lock);
    weir_free(loop);
}

/* Tasks that ended may be held by their handles still; the loop's memory goes with the last. */
static void dissolve(weir_loop *loop)
{
    empty_inbox(loop);
    weir_fine_timer_close(loop);
    loop->table->timer(loop->of, -1);
    keep_alive(loop, false);
    if (loop->spare) {
        weir_task_release(loop->spare);
        weir_task_release(loop->spare);
    }
    weir_stacks_drop(&loop->stacks);
    weir_watches_free(loop);
    weir_here *here = weir_here_now();
    if (here->loop == loop)
        *here = (weir_here){ 0 };
}

int weir_loop_free(weir_loop **handle)
{
    if (!handle || !*handle)
        return WEIR_OK;
    weir_loop *loop = *handle;
    if (loop->table) {
        weir_lock(&loop->lock);
        bool busy = loop->turning || atomic_load(&loop->tasks) > 0;
        loop->closed = !busy;
        weir_unlock(&loop->lock);
        if (busy)
            return WEIR_INVALID_REQUEST;
        dissolve(loop);
    }
    *handle = NULL;
    if (loop != &no_memory && loop != &wrong_table)
        weir_loop_release(loop);
    return WEIR_OK;
}
