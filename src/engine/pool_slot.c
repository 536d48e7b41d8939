/* What is done with one slot outside of the pool's lock: connecting, hanging up, testing, interrupting. */
#include "engine/pool_inside.h"

/* ---- cancel requests on their way -------------------------------------------------------------------------------------------- */
#define REQUEST_NS (2 * 1000000000LL)      /* a server that works has long answered then */

/* Waits until there is none, but not for ever: libpq's request has no deadline. The caller holds the lock and gets it back: until
 * it lets go, no new one begins. */
static void await_cancels(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    weir_link *link = slot->link;
    weir_parker parker;
    int64_t deadline = weir_now() + REQUEST_NS;
    while (link && link->cancels.on_way > 0 && !link->cancels.astray) {
        weir_parker_init(&parker);
        link->cancels.ended = &parker;
        pthread_mutex_unlock(&pool->lock);
        bool ended = weir_park(&parker, deadline) == WEIR_READY;
        pthread_mutex_lock(&pool->lock);
        link->cancels.ended = NULL;
        link->cancels.astray = !ended && link->cancels.on_way > 0;
        weir_parker_destroy(&parker);
    }
}

void weir_pool_settle_cancels(weir_slot *slot)
{
    pthread_mutex_lock(&slot->pool->lock);
    await_cancels(slot);
    if (slot->link)
        atomic_store(&slot->link->cancelled, false);
    pthread_mutex_unlock(&slot->pool->lock);
}

/* ---- connecting and hanging up ---------------------------------------------------------------------------------------------- */
typedef struct dial_work {
    const weir_driver    *driver;
    const weir_dial_plan *plan;
    weir_link  *link;
    weir_error *error;
    int         status;
} dial_work;

static void run_dial(void *argument)
{
    dial_work *work = argument;
    work->status = work->driver->dial(work->plan, &work->link, work->error);
}

int weir_slot_dial(weir_slot *slot, weir_error *error)
{
    weir_pool *pool = slot->pool;
    dial_work work = { .driver = pool->driver, .plan = pool->plan, .error = error };
    /* What was being connected while a loss was noticed counts as connected before it. */
    int64_t begun_at = weir_now();
    weir_error_clear(error);
    weir_run_blocking(run_dial, NULL, &work);
    if (work.status != WEIR_OK) {
        if (error->status == WEIR_OK)
            weir_error_set(error, work.status, "cannot connect");
        return work.status;
    }
    pthread_mutex_lock(&pool->lock);
    slot->link = work.link;
    slot->connected_at = begun_at;
    slot->number = ++pool->next_number;
    slot->used_before = slot->stale = false;
    pool->connects++;
    pthread_mutex_unlock(&pool->lock);
    weir_log_event_out(pool->log, WEIR_LOG_CONNECT, slot->number, "connected", "", 0);
    return WEIR_OK;
}

void weir_slot_hang_up(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    pthread_mutex_lock(&pool->lock);
    await_cancels(slot);
    weir_link *link = slot->link;
    slot->link = NULL;
    pool->disconnects += link != NULL;
    bool lost = link && link->lost, later = link && link->cancels.on_way > 0;
    if (later)
        link->cancels.hang_up = true;
    pthread_mutex_unlock(&pool->lock);
    if (!link)
        return;
    if (!later)
        pool->driver->hang_up(link);
    weir_log_event_out(pool->log, WEIR_LOG_DISCONNECT, slot->number, lost ? "lost" : "disconnected", "", 0);
}

int weir_pool_reconnect(weir_slot *slot, weir_error *error)
{
    weir_slot_hang_up(slot);
    return weir_slot_dial(slot, error);
}

/* ---- making ready --------------------------------------------------------------------------------------------------------------- */
static bool outdated(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    if (pool->plan->in_memory)
        return false;
    int64_t recycle = (int64_t)pool->options.recycle_ms * 1000000;
    pthread_mutex_lock(&pool->lock);
    bool old = slot->stale || slot->connected_at < pool->stale_before;
    pthread_mutex_unlock(&pool->lock);
    return old || slot->link->lost || (recycle > 0 && weir_now() - slot->connected_at > recycle);
}

static bool answers(weir_slot *slot)
{
    weir_link *link = slot->link;
    int64_t deadline = weir_deadline_ms(slot->pool->plan->connect_timeout_ms > 0 ? slot->pool->plan->connect_timeout_ms : -1);
    return weir_link_drive_until(link, link->driver->ping(link), deadline) == WEIR_OK && !link->lost;
}

int weir_slot_make_ready(weir_slot *slot, weir_error *error)
{
    weir_pool *pool = slot->pool;
    if (slot->link && outdated(slot)) {
        weir_slot_hang_up(slot);
    } else if (slot->link && pool->options.pre_ping && slot->used_before && !pool->plan->in_memory && !answers(slot)) {
        weir_pool_invalidate(slot, WEIR_INVALIDATE_ALL);
    }
    /* A connection fresh from the dial is not pinged: two attempts are all there can be. */
    int status = slot->link ? WEIR_OK : weir_slot_dial(slot, error);
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
    pthread_mutex_lock(&slot->pool->lock);
    if (how == WEIR_INVALIDATE_SOFT)
        slot->stale = true;
    else if (how == WEIR_INVALIDATE_ALL)
        slot->pool->stale_before = weir_now();
    pthread_mutex_unlock(&slot->pool->lock);
    if (how != WEIR_INVALIDATE_SOFT)
        weir_slot_hang_up(slot);
}

typedef struct cancel_work { weir_link *link; int status; } cancel_work;

static void run_cancel(void *argument)
{
    cancel_work *work = argument;
    work->status = work->link->driver->cancel(work->link);
}

/* The count of requests on their way keeps the link alive meanwhile: who wants to hang up waits for them, or leaves it to them. */
int weir_pool_cancel(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    cancel_work work = { 0 };
    pthread_mutex_lock(&pool->lock);
    work.link = slot->checked_out ? slot->link : NULL;
    if (work.link) {
        work.link->cancels.on_way++;
        slot->was_cancelled = true;
        atomic_store(&work.link->cancelled, true);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!work.link)
        return WEIR_OK;
    weir_run_blocking(run_cancel, NULL, &work);
    pthread_mutex_lock(&pool->lock);
    bool last = --work.link->cancels.on_way == 0, hang_up = last && work.link->cancels.hang_up;
    if (last && work.link->cancels.ended)
        weir_unpark(work.link->cancels.ended);
    pthread_mutex_unlock(&pool->lock);
    if (hang_up)
        pool->driver->hang_up(work.link);
    return work.status;
}
