/* What waiting is on a loop's thread: the table that each turn installs (base/wait.h). In a task it parks; outside of tasks it is
 * refused beforehand (may_wait), handed to a task (defer), or, where neither could be, done as a thread does it. */
#include <poll.h>
#include "base/error.h"
#include "base/lock.h"
#include "task/inside.h"

#define BREATH_NS (1 * WEIR_NS_PER_MS)          /* a task may run so long before weir lets the loop turn */
#define UNWATCHED_NS (2 * WEIR_NS_PER_MS)       /* a descriptor that could not be watched is polled so often */

static int give_way(weir_task *task)
{
    weir_task_give_way(task);
    return weir_task_take_interrupt(task);
}

static bool ran_for_long(const weir_task *task) { return weir_now() - task->resumed_at > BREATH_NS; }

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* Waits in the watch, or without one, until something is to be told. */
static int wait_until_told(weir_task *task, const weir_want *want, bool watched)
{
    int64_t cancelled_at = 0;
    for (;;) {
        if (watched ? task->fd_ready : want->fd >= 0 && weir_watch_poll(want->fd, want->events))
            return WEIR_READY;
        int interrupt = weir_task_take_interrupt(task);
        if (interrupt)
            return interrupt;
        int64_t now = weir_now(), due = want->deadline;
        if (due <= now)
            return watched && weir_watch_poll(want->fd, want->events) ? WEIR_READY : WEIR_LATE;
        if (want->cancelled) {
            due = earlier(due, now + WEIR_CANCEL_SLICE_NS);
            if (!atomic_load_explicit(want->cancelled, memory_order_relaxed))
                cancelled_at = 0;
            else if (!cancelled_at)
                cancelled_at = now;
            else if (now - cancelled_at > weir_grace_of(want))
                return WEIR_WAIT_CANCELLED;
        }
        if (!watched && want->fd >= 0)
            due = earlier(due, now + UNWATCHED_NS);
        weir_task_sleep_until(task, due);
    }
}

static int wait_in_task(const weir_want *want)
{
    weir_task *task = weir_task_current();
    if (!task)
        return weir_wait_in_thread(want);
    if (want->breathe)
        return ran_for_long(task) ? give_way(task) : WEIR_READY;
    if (want->pause > 0) {
        weir_task_pause(task, want->pause);
        int interrupt = weir_task_take_interrupt(task);
        if (interrupt || want->fd < 0)
            return interrupt;
    }
    bool watched = want->fd >= 0 && weir_watch_begin(task, want->fd, want->events);
    int outcome = wait_until_told(task, want, watched);
    if (watched)
        weir_watch_end(task);
    return outcome;
}

static void forget(int fd)
{
    weir_task *task = weir_task_current();
    if (task && task->watch && task->watch->fd == fd)
        weir_watch_drop(task);
}

static void breathe(void)
{
    weir_task *task = weir_task_current();
    if (task && ran_for_long(task))
        weir_task_give_way(task);
}

static int park(weir_parker *parker, int64_t deadline)
{
    weir_task *task = weir_task_current();
    if (!task)
        return weir_park_in_thread(parker, deadline);
    int outcome = WEIR_READY;
    weir_lock(&parker->mutex);
    parker->wake = weir_task_wake;
    parker->task = task;
    while (!parker->ready) {
        outcome = weir_task_take_interrupt(task);
        if (!outcome && deadline <= weir_now())
            outcome = WEIR_LATE;
        if (outcome)
            break;
        weir_unlock(&parker->mutex);
        weir_task_sleep_until(task, deadline);
        weir_lock(&parker->mutex);
    }
    parker->ready = false;
    parker->wake = NULL;
    weir_unlock(&parker->mutex);
    return outcome;
}

/* A newer one that came meanwhile stays. */
static void interrupt_again(int outcome)
{
    weir_task *task = weir_task_current();
    int none = 0;
    if (task)
        (void)atomic_compare_exchange_strong(&task->interrupt, &none, outcome);
}

typedef struct errand { weir_task *task; bool done; void (*work)(void *argument); void *argument; } errand;

static void run_errand(void *argument)
{
    errand *e = argument;
    e->work(e->argument);
}

static void end_errand(void *argument)
{
    errand *e = argument;
    e->done = true;
    weir_loop_make_ready(e->task->loop, e->task);
}

static int run_blocking(void (*work)(void *argument), void (*interrupt)(void *argument, int outcome), void *argument)
{
    weir_task *task = weir_task_current();
    if (!task) {
        work(argument);
        return WEIR_READY;
    }
    errand e = { .task = task, .work = work, .argument = argument };
    if (task->loop->table->work(task->loop->of, run_errand, end_errand, &e) != WEIR_OK)
        return WEIR_LATE;
    int outcome = WEIR_READY;
    while (!e.done) {
        bool told = outcome != WEIR_READY;
        if (!told)
            outcome = weir_task_take_interrupt(task);
        if (!told && outcome != WEIR_READY && interrupt)
            interrupt(argument, outcome);
        if (!e.done)
            weir_task_sleep_until(task, WEIR_NO_DEADLINE);
    }
    return outcome;
}

static int may_wait(weir_error *error)
{
    if (weir_task_current())
        return WEIR_OK;
    return weir_error_set(error, WEIR_WOULD_BLOCK, "This call would have to wait, and this is the thread of an event loop outside a "
                          "task: call it in a task (weir_task_spawn), or use weir_session_stream");
}

/* ---- closing outside of tasks */
static int run_closing(void *argument)
{
    weir_task *task = weir_task_current();
    weir_loop *loop = task->loop;
    task->close(argument);
    while (loop->closings_count > 0) {
        weir_closing next = loop->closings[loop->first_closing];
        loop->first_closing = (loop->first_closing + 1) % WEIR_CLOSINGS;
        loop->closings_count--;
        next.close(next.argument);
    }
    loop->closers--;
    return WEIR_OK;
}

static bool queue_closing(weir_loop *loop, void (*close)(void *argument), void *argument)
{
    if (loop->closers == 0 || loop->closings_count == WEIR_CLOSINGS)
        return false;
    loop->closings[(loop->first_closing + loop->closings_count++) % WEIR_CLOSINGS] = (weir_closing){ close, argument };
    return true;
}

/* Without memory the spare task closes, and closes what comes meanwhile. */
static bool defer(void (*close)(void *argument), void *argument)
{
    weir_here *here = weir_here_now();
    weir_loop *loop = here->loop;
    if (here->task)
        return false;
    weir_task *task = weir_task_make(loop, weir_stack_size(0), "close");
    if (!task) {
        task = loop->spare;
        loop->spare = NULL;
    }
    if (!task)
        return queue_closing(loop, close, argument);
    task->run = run_closing;
    task->argument = argument;
    task->close = close;
    loop->closers++;
    weir_loop_send(loop, task, true);
    weir_task_release(task);
    return true;
}

const weir_world weir_world_of_tasks = {
    .wait = wait_in_task, .forget = forget, .breathe = breathe, .park = park, .interrupt_again = interrupt_again,
    .run_blocking = run_blocking, .may_wait = may_wait, .defer = defer,
};

/* ---- waits that a program asks for */
int weir_sleep(int64_t milliseconds)
{
    weir_error error;
    int status = weir_may_wait(&error);
    if (status != WEIR_OK || milliseconds <= 0)
        return status != WEIR_OK ? status : weir_task_yield();
    int outcome = weir_wait(&(weir_want){ .fd = -1, .deadline = weir_deadline_ms(milliseconds) });
    return outcome == WEIR_LATE ? WEIR_OK : weir_task_status(outcome);
}

int weir_wait_fd(int fd, int events, int64_t timeout_ms)
{
    weir_error error;
    int status = fd < 0 || !(events & (POLLIN | POLLOUT)) ? WEIR_ARGUMENT : weir_may_wait(&error);
    if (status != WEIR_OK)
        return status;
    weir_want want = { .fd = fd, .events = (short)(events & (POLLIN | POLLOUT)), .deadline = weir_deadline_ms(timeout_ms) };
    int outcome = weir_wait(&want);
    weir_wait_forget(fd);               /* it is the program's: it may be closed without our knowing */
    return weir_task_status(outcome);
}

int weir_blocking(void (*work)(void *argument), void *argument)
{
    weir_error error;
    int status = weir_may_wait(&error);
    if (status != WEIR_OK)
        return status;
    int outcome = weir_run_blocking(work, NULL, argument);
    return outcome == WEIR_LATE ? WEIR_OUT_OF_MEMORY : weir_task_status(outcome);
}
