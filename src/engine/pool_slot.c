/* What is done with one slot outside of the pool's lock: connecting, hanging up, testing, interrupting. */
#include "base/lock.h"
#include "engine/pool_inside.h"

/* ---- cancel requests on their way -------------------------------------------------------------------------------------------- */
#define REQUEST_NS (2 * 1000000000LL)      /* a server that works has long answered then */

static bool may_wait(void)
{
    weir_error ignored;
    return weir_may_wait(&ignored) == WEIR_OK;
}

/* Waits until there is none, but not for ever: libpq's request has no deadline. Where nothing may be waited for, one that is on its
 * way counts as astray. The caller holds the lock and gets it back: until it lets go, no new one begins. */
static void await_cancels(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    weir_link *link = slot->link;
    weir_parker parker;
    int outcome, interrupt = WEIR_READY;
    int64_t deadline = weir_now() + REQUEST_NS;
    if (link && link->cancels.on_way > 0 && !may_wait())
        link->cancels.astray = true;
    while (link && link->cancels.on_way > 0 && !link->cancels.astray) {
        weir_parker_init(&parker);
        link->cancels.ended = &parker;
        weir_unlock(&pool->lock);
        outcome = weir_park(&parker, deadline);
        interrupt = outcome == WEIR_READY || outcome == WEIR_LATE ? interrupt : outcome;    /* a task that is cancelled here still waits for it */
        weir_lock(&pool->lock);
        link->cancels.ended = NULL;
        link->cancels.astray = outcome == WEIR_LATE && link->cancels.on_way > 0;
        weir_parker_destroy(&parker);
    }
    weir_interrupt_again(interrupt);
}

void weir_pool_settle_cancels(weir_slot *slot)
{
    weir_lock(&slot->pool->lock);
    await_cancels(slot);
    if (slot->link)
        atomic_store(&slot->link->cancelled, false);
    weir_unlock(&slot->pool->lock);
}

/* ---- connecting and hanging up ---------------------------------------------------------------------------------------------- */
typedef struct dial_work {
    const weir_driver    *driver;
    const weir_dial_plan *plan;
    weir_dial_watch watch;
    weir_link  *link;
    weir_error *error;
    int         status;
} dial_work;

static void run_dial(void *argument)
{
    dial_work *work = argument;
    work->status = work->driver->dial(work->plan, &work->watch, &work->link, work->error);
}

static void stop_dial(void *argument, int outcome)
{
    (void)outcome;
    atomic_store(&((dial_work *)argument)->watch.stop, true);
}

enum { LONGEST_LOCK_PAUSE_MS = 64 };

/* Dials, and again while somebody's lock is in the way: waited for here, where a task parks. As weir_run_blocking. */
static int dial_patiently(dial_work *work)
{
    for (int64_t pause = 1; ; pause = pause < LONGEST_LOCK_PAUSE_MS ? pause * 2 : pause) {
        work->watch.locked = false;
        int outcome = weir_run_blocking(run_dial, stop_dial, work);
        if (outcome != WEIR_READY || work->status == WEIR_OK || !work->watch.locked || weir_now() >= work->watch.patience_ends)
            return outcome;
        int64_t next = weir_deadline_ms(pause), ends = work->watch.patience_ends;
        outcome = weir_wait(&(weir_want){ .fd = -1, .deadline = next < ends ? next : ends, .soft = true });
        if (outcome != WEIR_READY && outcome != WEIR_LATE)
            return outcome;
        weir_error_clear(work->error);
    }
}

int weir_slot_dial(weir_slot *slot, int64_t deadline, weir_error *error)
{
    weir_pool *pool = slot->pool;
    dial_work work = { .driver = pool->driver, .plan = pool->plan, .error = error, .watch.deadline = deadline };
    /* What was being connected while a loss was noticed counts as connected before it. */
    int64_t begun_at = weir_now();
    weir_error_clear(error);
    int outcome = dial_patiently(&work);
    if (outcome == WEIR_LATE)
        return weir_error_out_of_memory(error);
    if (work.status != WEIR_OK && outcome != WEIR_READY)
        return weir_interrupted(outcome, error);
    if (work.status != WEIR_OK) {
        if (error->status == WEIR_OK)
            weir_error_set(error, work.status, "cannot connect");
        return work.status;
    }
    weir_lock(&pool->lock);
    slot->link = work.link;
    slot->connected_at = begun_at;
    slot->number = ++pool->next_number;
    slot->used_before = slot->stale = false;
    pool->connects++;
    weir_unlock(&pool->lock);
    weir_log_event_out(pool->log, WEIR_LOG_CONNECT, slot->number, "connected", "", 0);
    return outcome == WEIR_READY ? WEIR_OK : weir_interrupted(outcome, error);
}

static void run_hang_up(void *argument)
{
    weir_link *link = argument;
    link->driver->hang_up(link);
}

static void hang_up(weir_link *link)
{
    if (link->driver->on_workers)
        weir_run_unheard(run_hang_up, link);
    else
        run_hang_up(link);
}

void weir_slot_hang_up(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    weir_lock(&pool->lock);
    await_cancels(slot);
    weir_link *link = slot->link;
    slot->link = NULL;
    pool->disconnects += link != NULL;
    bool lost = link && link->lost, later = link && link->cancels.on_way > 0;
    if (later)
        link->cancels.hang_up = true;
    weir_unlock(&pool->lock);
    if (!link)
        return;
    if (!later)
        hang_up(link);
    weir_log_event_out(pool->log, WEIR_LOG_DISCONNECT, slot->number, lost ? "lost" : "disconnected", "", 0);
}

int weir_pool_reconnect(weir_slot *slot, int64_t deadline, weir_error *error)
{
    weir_slot_hang_up(slot);
    return weir_slot_dial(slot, deadline, error);
}

/* ---- making ready --------------------------------------------------------------------------------------------------------------- */
static bool outdated(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    if (pool->plan->in_memory)
        return false;
    int64_t recycle = (int64_t)pool->options.recycle_ms * 1000000;
    weir_lock(&pool->lock);
    bool old = slot->stale || slot->connected_at < pool->stale_before;
    weir_unlock(&pool->lock);
    return old || slot->link->lost || (recycle > 0 && weir_now() - slot->connected_at > recycle);
}

/* WEIR_OK also when there is no answer: then the link is gone. One that the caller had no time to wait for says nothing of the others. */
static int ping(weir_slot *slot, int64_t deadline, weir_error *error)
{
    weir_link *link = slot->link;
    weir_limits limits = WEIR_NO_LIMITS;
    weir_ending ending;
    limits.give_up_by = weir_deadline_ms(slot->pool->plan->connect_timeout_ms > 0 ? slot->pool->plan->connect_timeout_ms : -1);
    if (deadline < limits.give_up_by)
        limits.give_up_by = deadline;
    if (weir_link_drive(link, link->driver->ping(link), &limits, &ending) == WEIR_OK && !link->lost) {
        weir_interrupt_again(ending.outcome);
        return WEIR_OK;
    }
    bool in_time = weir_now() < deadline;
    weir_pool_invalidate(slot, ending.outcome == WEIR_READY && in_time ? WEIR_INVALIDATE_ALL : WEIR_INVALIDATE_HARD);
    if (ending.outcome != WEIR_READY)
        return weir_ending_error(&ending, error);
    return in_time ? WEIR_OK : weir_error_set(error, WEIR_DEADLINE_EXCEEDED, WEIR_DEADLINE_TEXT);
}

int weir_slot_make_ready(weir_slot *slot, int64_t deadline, weir_error *error)
{
    weir_pool *pool = slot->pool;
    int status = WEIR_OK;
    if (slot->link && outdated(slot))
        weir_slot_hang_up(slot);
    else if (slot->link && pool->options.pre_ping && slot->used_before && !pool->plan->in_memory)
        status = ping(slot, deadline, error);
    /* A connection fresh from the dial is not pinged: two attempts are all there can be. */
    if (status == WEIR_OK && !slot->link)
        status = weir_slot_dial(slot, deadline, error);
    if (status == WEIR_OK)
        slot->used_before = true;
    return status;
}

/* ---- trouble ---------------------------------------------------------------------------------------------------------------------- */
void weir_pool_invalidate(weir_slot *slot, weir_invalidation how)
{
    if (!slot->link) {
        weir_warn(slot->pool->log, slot->number, NULL, "Can't invalidate an already-closed connection.");
        return;
    }
    weir_lock(&slot->pool->lock);
    if (how == WEIR_INVALIDATE_SOFT)
        slot->stale = true;
    else if (how == WEIR_INVALIDATE_ALL)
        slot->pool->stale_before = weir_now();
    weir_unlock(&slot->pool->lock);
    if (how != WEIR_INVALIDATE_SOFT)
        weir_slot_hang_up(slot);
}

typedef struct cancel_work {
    weir_pool *pool;
    weir_link *link;                    /* NULL: nobody uses the slot */
    int        status;
    void     (*release)(void *owner);   /* of one that is sent later */
    void      *owner;
} cancel_work;

static void run_cancel(void *argument)
{
    cancel_work *work = argument;
    work->status = work->link->driver->cancel(work->link);
}

/* The count of requests on their way keeps the link alive meanwhile: who wants to hang up waits for them, or leaves it to them. */
static void begin_cancel(cancel_work *work, weir_slot *slot)
{
    work->pool = slot->pool;
    weir_lock(&work->pool->lock);
    work->link = slot->checked_out ? slot->link : NULL;
    if (work->link) {
        work->link->cancels.on_way++;
        slot->was_cancelled = true;
        atomic_fetch_add_explicit(&slot->cancel_calls, 1, memory_order_relaxed);
        atomic_store(&work->link->cancelled, true);
    }
    weir_unlock(&work->pool->lock);
}

static void end_cancel(cancel_work *work)
{
    weir_lock(&work->pool->lock);
    bool last = --work->link->cancels.on_way == 0, hang_up_now = last && work->link->cancels.hang_up;
    if (last && work->link->cancels.ended)
        weir_unpark(work->link->cancels.ended);
    weir_unlock(&work->pool->lock);
    if (hang_up_now)
        hang_up(work->link);
}

static void send_cancel(cancel_work *work)
{
    int outcome = WEIR_READY;
    if (work->link->driver->cancel_is_immediate)
        run_cancel(work);
    else
        outcome = weir_run_blocking(run_cancel, NULL, work);
    if (outcome == WEIR_LATE)
        work->status = WEIR_OUT_OF_MEMORY;
    weir_interrupt_again(outcome);
    end_cancel(work);
}

int weir_pool_cancel(weir_slot *slot)
{
    cancel_work work = { 0 };
    begin_cancel(&work, slot);
    if (work.link)
        send_cancel(&work);
    return work.status;
}

static void cancel_in_task(void *argument)
{
    cancel_work *work = argument;
    send_cancel(work);
    work->release(work->owner);
    weir_free(work);
}

int weir_pool_cancel_later(weir_slot *slot, void (*release)(void *owner), void *owner)
{
    cancel_work *work = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *work);
    if (work) {
        *work = (cancel_work){ .release = release, .owner = owner };
        begin_cancel(work, slot);
        if (work->link && !work->link->driver->cancel_is_immediate && weir_defer(cancel_in_task, work))
            return WEIR_OK;
    }
    bool sent = work && (!work->link || work->link->driver->cancel_is_immediate);
    if (work && work->link && sent)
        run_cancel(work);
    if (work && work->link)
        end_cancel(work);
    weir_free(work);
    release(owner);
    return sent ? WEIR_OK : WEIR_OUT_OF_MEMORY;
}

void weir_pool_stop(weir_slot *slot, int64_t reach_by)
{
    weir_link *link = slot->link;
    const weir_driver *driver = link->driver;
    atomic_store(&link->cancelled, true);
    if (driver->awaits && !driver->awaits(link))
        return;
    if (!driver->reachable || driver->reachable(link, reach_by))
        weir_pool_cancel(slot);
}
