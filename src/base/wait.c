/* Waiting: in a plain thread here; in a task by the table that its loop installed. */
#include "base/lock.h"
#include "base/wait.h"
#include <errno.h>
#include <poll.h>
#include <time.h>
#include "base/error.h"

#define NS_PER_S 1000000000LL

int64_t weir_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t weir_deadline_ms(int64_t milliseconds)
{
    int64_t now = weir_now();
    bool reachable = milliseconds >= 0 && milliseconds < (WEIR_NO_DEADLINE - now) / WEIR_NS_PER_MS;
    return reachable ? now + milliseconds * WEIR_NS_PER_MS : WEIR_NO_DEADLINE;
}

weir_here *weir_here_now(void)
{
    static _Thread_local weir_here here;
    return &here;
}

static int poll_once(int fd, short events, int64_t nanoseconds)
{
    struct pollfd p = { .fd = fd, .events = events };
    struct timespec t = { .tv_sec = nanoseconds / NS_PER_S, .tv_nsec = nanoseconds % NS_PER_S };
    int n = ppoll(&p, 1, &t, NULL);
    return n < 0 && errno != EINTR ? 1 : n;     /* an error shows at the next read */
}

int weir_wait_in_thread(const weir_want *want)
{
    if (want->breathe)
        return WEIR_READY;
    if (want->pause > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)want->pause }, NULL);
    if (want->fd < 0 && want->pause > 0)
        return WEIR_READY;
    int64_t cancelled_at = 0;
    for (;;) {
        int64_t now = weir_now(), left = want->deadline - now;
        if (want->cancelled && atomic_load_explicit(want->cancelled, memory_order_relaxed)) {
            if (!cancelled_at)
                cancelled_at = now;
            else if (now - cancelled_at > weir_grace_of(want))
                return WEIR_WAIT_CANCELLED;
        }
        if (left < 0)
            left = 0;
        int64_t slice = want->cancelled && left > WEIR_CANCEL_SLICE_NS ? WEIR_CANCEL_SLICE_NS : left;
        if (slice > 3600 * NS_PER_S)
            slice = 3600 * NS_PER_S;
        if (poll_once(want->fd, want->events, slice) > 0)
            return WEIR_READY;
        if (left == 0)
            return WEIR_LATE;
    }
}

int weir_wait(const weir_want *want)
{
    WEIR_NO_LOCK_IS_HELD();
    const weir_world *world = weir_here_now()->world;
    return world ? world->wait(want) : weir_wait_in_thread(want);
}

void weir_wait_forget(int fd)
{
    const weir_world *world = weir_here_now()->world;
    if (world)
        world->forget(fd);
}

void weir_breathe(void)
{
    const weir_world *world = weir_here_now()->world;
    if (world)
        world->breathe();
}

int weir_may_wait(weir_error *error)
{
    const weir_world *world = weir_here_now()->world;
    return world ? world->may_wait(error) : WEIR_OK;
}

bool weir_defer(void (*close)(void *argument), void *argument)
{
    const weir_world *world = weir_here_now()->world;
    return world && world->defer(close, argument);
}

int weir_interrupted(int outcome, weir_error *error)
{
    if (outcome == WEIR_WAIT_EXPIRED)
        return weir_error_set(error, WEIR_DEADLINE_EXCEEDED, "the deadline of weir_task_cancel_after passed");
    return weir_error_set(error, WEIR_CANCELLED, "cancelled by weir_task_cancel");
}

void weir_interrupt_again(int outcome)
{
    const weir_world *world = weir_here_now()->world;
    if (world && (outcome == WEIR_WAIT_INTERRUPTED || outcome == WEIR_WAIT_EXPIRED))
        world->interrupt_again(outcome);
}

void weir_parker_init(weir_parker *parker)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&parker->mutex, NULL);
    pthread_cond_init(&parker->signal, &attributes);
    pthread_condattr_destroy(&attributes);
    parker->ready = false;
    parker->wake = NULL;
}

void weir_parker_destroy(weir_parker *parker)
{
    pthread_cond_destroy(&parker->signal);
    pthread_mutex_destroy(&parker->mutex);
}

int weir_park_in_thread(weir_parker *parker, int64_t deadline)
{
    weir_lock(&parker->mutex);
    while (!parker->ready) {
        if (deadline == WEIR_NO_DEADLINE) {
            pthread_cond_wait(&parker->signal, &parker->mutex);
            continue;
        }
        struct timespec t = { .tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S };
        if (pthread_cond_timedwait(&parker->signal, &parker->mutex, &t) == ETIMEDOUT)
            break;
    }
    bool ready = parker->ready;
    parker->ready = false;
    weir_unlock(&parker->mutex);
    return ready ? WEIR_READY : WEIR_LATE;
}

int weir_park(weir_parker *parker, int64_t deadline)
{
    WEIR_NO_LOCK_IS_HELD();
    const weir_world *world = weir_here_now()->world;
    return world ? world->park(parker, deadline) : weir_park_in_thread(parker, deadline);
}

void weir_unpark(weir_parker *parker)
{
    weir_lock(&parker->mutex);
    parker->ready = true;
    if (parker->wake)
        parker->wake(parker->task);
    pthread_cond_signal(&parker->signal);
    weir_unlock(&parker->mutex);
}

int weir_run_blocking(void (*work)(void *argument), void (*interrupt)(void *argument, int outcome), void *argument)
{
    WEIR_NO_LOCK_IS_HELD();
    const weir_world *world = weir_here_now()->world;
    if (world)
        return world->run_blocking(work, interrupt, argument);
    work(argument);
    return WEIR_READY;
}

void weir_run_unheard(void (*work)(void *argument), void *argument)
{
    weir_error ignored;
    int outcome = weir_may_wait(&ignored) == WEIR_OK ? weir_run_blocking(work, NULL, argument) : WEIR_LATE;
    if (outcome == WEIR_LATE)
        work(argument);
    weir_interrupt_again(outcome);
}

/* *outcome: WEIR_READY, or what it was interrupted by. */
static int run_on_disk(void (*work)(void *argument), void *argument, int *outcome, weir_error *error)
{
    int status = weir_may_wait(error);
    if (status != WEIR_OK)
        return status;
    *outcome = weir_run_blocking(work, NULL, argument);
    return *outcome == WEIR_LATE ? weir_error_out_of_memory(error) : WEIR_OK;
}

int weir_run_on_disk(void (*work)(void *argument), void *argument, weir_error *error)
{
    int outcome = WEIR_READY, status = run_on_disk(work, argument, &outcome, error);
    return status != WEIR_OK || outcome == WEIR_READY ? status : weir_interrupted(outcome, error);
}

int weir_run_last_on_disk(void (*work)(void *argument), void *argument, weir_error *error)
{
    int outcome = WEIR_READY, status = run_on_disk(work, argument, &outcome, error);
    weir_interrupt_again(outcome);
    return status;
}
