/* Pauses of microseconds: a timerfd that the loop watches, since loops' own timers count milliseconds. It is opened in the loop's
 * first turn, so that no stream allocates for it later; where there is none (no descriptor left), a task that pauses only lets the
 * loop turn. One system call a pause: setting it anew also takes back that it went off. */
#include <sys/timerfd.h>
#include <unistd.h>
#include "task/inside.h"

#define FINE_NS (1 * WEIR_NS_PER_MS)            /* what is due later is for the loop's own timer */

static void set(weir_loop *loop, int64_t due)
{
    struct itimerspec when = { .it_value = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 } };
    timerfd_settime(loop->fine.fd, TFD_TIMER_ABSTIME, &when, NULL);
    loop->fine.went_off = false;
}

void weir_fine_timer_open(weir_loop *loop)
{
    loop->fine.tried = true;
    loop->fine.armed_at = WEIR_NO_DEADLINE;
    loop->fine.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->fine.fd < 0)
        return;
    loop->fine.watch = weir_watch_own(loop, loop->fine.fd);
    if (!loop->fine.watch)
        close(loop->fine.fd);
}

void weir_task_pause(weir_task *task, int64_t nanoseconds)
{
    if (nanoseconds < FINE_NS && task->loop->fine.watch)
        weir_task_sleep_until(task, weir_now() + nanoseconds);
    else
        weir_task_give_way(task);
}

bool weir_fine_timer_arm(weir_loop *loop, int64_t due, int64_t now)
{
    if (!loop->fine.watch || due - now >= FINE_NS)
        return false;
    if (due < loop->fine.armed_at) {
        set(loop, due);
        loop->fine.armed_at = due;
    }
    return true;
}

void weir_fine_timer_went_off(weir_loop *loop)
{
    loop->fine.went_off = true;
    loop->fine.armed_at = WEIR_NO_DEADLINE;
    weir_loop_ask_turn(loop);
}

void weir_fine_timer_rest(weir_loop *loop)
{
    if (loop->fine.went_off)
        set(loop, 0);
}

void weir_fine_timer_close(weir_loop *loop)
{
    if (!loop->fine.watch)
        return;
    weir_watch_disown(loop->fine.watch);
    loop->fine.watch = NULL;
    close(loop->fine.fd);
}
