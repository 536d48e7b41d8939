/* Waiting in a plain thread. */
#include "base/wait.h"
#include <errno.h>
#include <poll.h>
#include <time.h>

#define NS_PER_S 1000000000LL
#define SLICE_NS (250 * 1000000LL)      /* how often a wait looks at its cancel flag */
#define GRACE_NS (2 * NS_PER_S)         /* how long a cancelled server has to answer */

int64_t weir_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t weir_deadline_ms(int64_t milliseconds)
{
    return milliseconds < 0 ? WEIR_NO_DEADLINE : weir_now() + milliseconds * 1000000;
}

static int poll_once(int fd, short events, int64_t nanoseconds)
{
    struct pollfd p = { .fd = fd, .events = events };
    struct timespec t = { .tv_sec = nanoseconds / NS_PER_S, .tv_nsec = nanoseconds % NS_PER_S };
    int n = ppoll(&p, 1, &t, NULL);
    return n < 0 && errno != EINTR ? 1 : n;     /* an error shows at the next read */
}

int weir_wait(const weir_want *want)
{
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
            else if (now - cancelled_at > GRACE_NS)
                return WEIR_WAIT_CANCELLED;
        }
        if (left < 0)
            left = 0;
        int64_t slice = want->cancelled && left > SLICE_NS ? SLICE_NS : left;
        if (slice > 3600 * NS_PER_S)
            slice = 3600 * NS_PER_S;
        if (poll_once(want->fd, want->events, slice) > 0)
            return WEIR_READY;
        if (left == 0)
            return WEIR_LATE;
    }
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
}

void weir_parker_destroy(weir_parker *parker)
{
    pthread_cond_destroy(&parker->signal);
    pthread_mutex_destroy(&parker->mutex);
}

bool weir_park(weir_parker *parker, int64_t deadline)
{
    pthread_mutex_lock(&parker->mutex);
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
    pthread_mutex_unlock(&parker->mutex);
    return ready;
}

void weir_unpark(weir_parker *parker)
{
    pthread_mutex_lock(&parker->mutex);
    parker->ready = true;
    pthread_cond_signal(&parker->signal);
    pthread_mutex_unlock(&parker->mutex);
}

void weir_run_blocking(void (*work)(void *argument), void *argument) { work(argument); }
