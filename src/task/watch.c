/* Watched descriptors: one watch for each, shared by the tasks that use it, kept from wait to wait. What the adapter was told to
 * listen for is left as it is when a wait ends, since the next wait is for the same as a rule: so a stream costs no system call
 * per wait. Only what comes while nobody waits makes it deaf. */
#include <poll.h>
#include <string.h>
#include "task/inside.h"

static bool make_room(weir_loop *loop, size_t fd)
{
    if (fd < loop->watches_room)
        return true;
    size_t room = loop->watches_room ? loop->watches_room : 32;
    while (room <= fd)
        room *= 2;
    weir_watch **watches = weir_resize(NULL, WEIR_MEMORY_HANDLES, loop->watches, room * sizeof *watches);
    if (!watches)
        return false;
    memset(watches + loop->watches_room, 0, (room - loop->watches_room) * sizeof *watches);
    loop->watches = watches;
    loop->watches_room = room;
    return true;
}

/* Each operation opens one anew, since its descriptor may be closed or another loop's until the next: they are used again. */
static void spare(weir_watch *watch)
{
    watch->next_spare = watch->loop->spare_watches;
    watch->loop->spare_watches = watch;
}

void weir_watches_free(weir_loop *loop)
{
    for (weir_watch *watch; (watch = loop->spare_watches) != NULL; ) {
        loop->spare_watches = watch->next_spare;
        weir_free(watch);
    }
    weir_free(loop->watches);
    loop->watches = NULL;
}

static weir_watch *open_watch(weir_loop *loop, int fd)
{
    if (fd < 0 || !make_room(loop, (size_t)fd))
        return NULL;
    weir_watch *watch = loop->watches[fd];
    if (watch)
        return watch;
    watch = loop->spare_watches;
    if (watch)
        loop->spare_watches = watch->next_spare;
    else
        watch = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *watch);
    if (!watch)
        return NULL;
    *watch = (weir_watch){ .loop = loop, .fd = fd };
    watch->handle = loop->table->watch(loop->of, fd, watch);
    if (!watch->handle) {
        spare(watch);
        return NULL;
    }
    return loop->watches[fd] = watch;
}

static int wanted(const weir_watch *watch)
{
    int events = 0;
    for (const weir_task *task = watch->waiters; task; task = task->next_waiter)
        events |= task->events;
    return events;
}

static bool listen_for(weir_watch *watch, int events)
{
    if (watch->listening == events)
        return true;
    watch->listening = 0;
    if (watch->loop->table->listen(watch->handle, events) != WEIR_OK)
        return false;
    watch->listening = events;
    return true;
}

void weir_watch_disown(weir_watch *watch)
{
    watch->loop->watches[watch->fd] = NULL;
    watch->loop->table->unwatch(watch->handle);
    spare(watch);
}

weir_watch *weir_watch_own(weir_loop *loop, int fd)
{
    weir_watch *watch = open_watch(loop, fd);
    if (watch && !listen_for(watch, WEIR_LOOP_READ)) {
        weir_watch_disown(watch);
        watch = NULL;
    }
    return watch;
}

bool weir_watch_begin(weir_task *task, int fd, short events)
{
    if (task->watch && task->watch->fd != fd)
        weir_watch_drop(task);
    if (!task->watch) {
        task->watch = open_watch(task->loop, fd);
        if (!task->watch)
            return false;
        task->watch->keepers++;
    }
    weir_watch *watch = task->watch;
    task->fd_ready = false;
    task->events = (events & POLLIN ? WEIR_LOOP_READ : 0) | (events & POLLOUT ? WEIR_LOOP_WRITE : 0);
    task->next_waiter = watch->waiters;
    watch->waiters = task;
    if (listen_for(watch, wanted(watch)))
        return true;
    weir_watch_end(task);
    weir_watch_drop(task);
    return false;
}

void weir_watch_end(weir_task *task)
{
    weir_task **place = &task->watch->waiters;
    while (*place && *place != task)
        place = &(*place)->next_waiter;
    if (*place)
        *place = task->next_waiter;
    task->next_waiter = NULL;
}

void weir_watch_drop(weir_task *task)
{
    weir_watch *watch = task->watch;
    task->watch = NULL;
    if (watch && --watch->keepers == 0)
        weir_watch_disown(watch);
}

int weir_watch_poll(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };
    return poll(&p, 1, 0) > 0;
}

static short of_poll(int events)
{
    return (short)((events & WEIR_LOOP_READ ? POLLIN : 0) | (events & WEIR_LOOP_WRITE ? POLLOUT : 0));
}

/* A waiter that is woken leaves the list only when it runs, so `fd_ready` keeps it from being woken for another's events. */
void weir_loop_ready(weir_watch *watch)
{
    if (watch == watch->loop->fine.watch) {
        weir_fine_timer_went_off(watch->loop);
        return;
    }
    bool alone = watch->waiters && !watch->waiters->next_waiter && watch->waiters->events == watch->listening;
    bool woken = false;
    for (weir_task *task = watch->waiters; task; task = task->next_waiter) {
        if (task->fd_ready || (!alone && !weir_watch_poll(watch->fd, of_poll(task->events))))
            continue;
        task->fd_ready = woken = true;
        weir_loop_make_ready(watch->loop, task);
    }
    if (!woken) {
        int events = 0;
        for (const weir_task *task = watch->waiters; task; task = task->next_waiter)
            events |= task->fd_ready ? 0 : task->events;
        listen_for(watch, events);
    }
}
