/* The pool's places and the line of those who wait for one: first come, first served. */
#include "base/lock.h"
#include "engine/pool_inside.h"

void weir_slot_list_append(weir_slot_list *list, weir_slot *slot)
{
    slot->next = NULL;
    slot->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = slot;
    list->last = slot;
    list->count++;
}

void weir_slot_list_remove(weir_slot_list *list, weir_slot *slot)
{
    *(slot->previous ? &slot->previous->next : &list->first) = slot->next;
    *(slot->next ? &slot->next->previous : &list->last) = slot->previous;
    slot->next = slot->previous = NULL;
    list->count--;
}

bool weir_pool_has_room(const weir_pool *pool)
{
    const weir_pool_options *o = &pool->options;
    return o->size == 0 || o->max_overflow < 0 || pool->places - o->size < o->max_overflow;
}

void weir_pool_check_out(weir_pool *pool, weir_slot *slot, const char *where)
{
    slot->where = where;
    slot->checked_out_at = weir_now();
    slot->checked_out = true;
    slot->limit_reported = slot->was_cancelled = false;
    weir_slot_list_append(&pool->out, slot);
}

static void leave_line(weir_pool *pool, weir_waiter *waiter)
{
    *(waiter->previous ? &waiter->previous->next : &pool->first_waiter) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &pool->last_waiter) = waiter->previous;
    pool->waiting--;
}

void weir_pool_offer_slot(weir_pool *pool, weir_slot *slot)
{
    weir_waiter *waiter = pool->first_waiter;
    if (!waiter) {
        weir_slot_list_append(&pool->idle, slot);
        return;
    }
    leave_line(pool, waiter);
    weir_pool_check_out(pool, slot, waiter->where);
    waiter->slot = slot;
    weir_unpark(&waiter->parker);
}

void weir_pool_offer_places(weir_pool *pool)
{
    while (pool->first_waiter && weir_pool_has_room(pool)) {
        weir_waiter *waiter = pool->first_waiter;
        leave_line(pool, waiter);
        pool->places++;
        waiter->place = true;
        waiter->generation = pool->generation;
        weir_unpark(&waiter->parker);
    }
}

void weir_pool_release_place(weir_pool *pool, const weir_slot *slot)
{
    if (slot->detached || slot->generation != pool->generation)
        return;
    pool->places--;
    weir_pool_offer_places(pool);
}

void weir_pool_turn_away(weir_pool *pool)
{
    for (weir_waiter *waiter; (waiter = pool->first_waiter) != NULL;) {
        leave_line(pool, waiter);
        waiter->closed = true;
        weir_unpark(&waiter->parker);
    }
}

/* Unparking happens under the pool's lock, and whoever was unparked takes that lock before it goes on: so its parker, which
 * lies on its stack, outlives the call that unparks it. */
int weir_pool_wait(weir_pool *pool, weir_waiter *waiter, int64_t deadline)
{
    weir_parker_init(&waiter->parker);
    waiter->next = NULL;
    waiter->previous = pool->last_waiter;
    *(pool->last_waiter ? &pool->last_waiter->next : &pool->first_waiter) = waiter;
    pool->last_waiter = waiter;
    pool->waiting++;
    weir_unlock(&pool->lock);
    int outcome = weir_park(&waiter->parker, deadline);
    weir_lock(&pool->lock);
    bool given = waiter->slot || waiter->place || waiter->closed;
    if (!given)
        leave_line(pool, waiter);
    weir_parker_destroy(&waiter->parker);
    return given && outcome == WEIR_LATE ? WEIR_READY : outcome;
}
