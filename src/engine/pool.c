/* The pool: who gets which connection, and what becomes of it afterwards. */
#include "base/lock.h"
#include "engine/pool_inside.h"
#include <stdio.h>
#include <string.h>

/* ---- opening and closing ---------------------------------------------------------------------------------------------------- */
int weir_pool_open(weir_pool **out, const weir_driver *driver, const weir_dial_plan *plan, const weir_pool_options *options,
                   weir_log *log, weir_ledger *ledger, weir_error *error)
{
    weir_pool *pool = weir_alloc_zero(ledger, WEIR_MEMORY_HANDLES, sizeof *pool);
    *out = pool;
    if (!pool)
        return weir_error_out_of_memory(error);
    pthread_mutex_init(&pool->lock, NULL);
    pool->driver = driver;
    pool->plan = plan;
    pool->options = *options;
    pool->ledger = ledger;
    pool->log = log;
    pool->stale_before = INT64_MIN;
    /* A second connection would see a second, empty database; and so would one that replaces the first. */
    if (plan->in_memory) {
        pool->options.size = 1;
        pool->options.max_overflow = 0;
    }
    return WEIR_OK;
}

/* Takes all idle slots out of the pool. The caller holds the lock. */
static weir_slot_list take_idle(weir_pool *pool)
{
    weir_slot_list idle = pool->idle;
    pool->idle = (weir_slot_list){ 0 };
    return idle;
}

static void close_list(weir_slot_list list)
{
    for (weir_slot *slot = list.first, *next; slot; slot = next) {
        next = slot->next;
        weir_slot_hang_up(slot);
        weir_free(slot);
    }
}

void weir_pool_dispose(weir_pool *pool)
{
    weir_lock(&pool->lock);
    weir_slot_list idle = take_idle(pool);
    pool->generation++;
    pool->places = 0;
    weir_pool_offer_places(pool);
    weir_unlock(&pool->lock);
    close_list(idle);
}

void weir_pool_close(weir_pool *pool)
{
    weir_lock(&pool->lock);
    pool->closed = true;
    weir_slot_list idle = take_idle(pool);
    pool->places -= idle.count;
    weir_pool_turn_away(pool);
    weir_unlock(&pool->lock);
    close_list(idle);
}

void weir_pool_free(weir_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_destroy(&pool->lock);
    weir_free(pool);
}

static void abandon_list(weir_slot_list *list)
{
    for (weir_slot *slot; (slot = list->first) != NULL;) {
        weir_slot_list_remove(list, slot);
        if (slot->link)
            slot->link->driver->abandon(slot->link);
        weir_free(slot);
    }
}

void weir_pool_abandon(weir_pool *pool)
{
    /* A thread of the parent may have held the lock when it forked, and the lists may be half changed: then all is leaked. */
    if (!weir_try_lock(&pool->lock))
        return;
    pool->closed = true;
    abandon_list(&pool->idle);
    abandon_list(&pool->out);
    pool->places = 0;
    weir_unlock(&pool->lock);
}

/* ---- holders ------------------------------------------------------------------------------------------------------------------ */
typedef struct holder { const char *where; int64_t number, since; } holder;

/* One slot that is held for too long and was not reported yet, marked as reported. */
static bool find_overdue(weir_pool *pool, holder *out)
{
    int64_t now = weir_now(), limit = (int64_t)pool->options.checkout_limit_ms * 1000000;
    bool found = false;
    weir_lock(&pool->lock);
    for (weir_slot *slot = pool->out.first; slot && !found; slot = slot->next) {
        if (slot->limit_reported || now - slot->checked_out_at <= limit)
            continue;
        slot->limit_reported = found = true;
        *out = (holder){ .where = slot->where, .number = slot->number, .since = slot->checked_out_at };
    }
    weir_unlock(&pool->lock);
    return found;
}

static double seconds(int64_t nanoseconds) { return (double)nanoseconds / 1e9; }

/* The limit is looked at when the pool is used anyway: there is no thread that could look at other times. */
static void report_overdue(weir_pool *pool)
{
    holder late;
    while (pool->options.checkout_limit_ms > 0 && find_overdue(pool, &late)) {
        char message[320];
        snprintf(message, sizeof message, "connection checked out at %s is held for %.1f s", late.where,
                 seconds(weir_now() - late.since));
        weir_log_event_out(pool->log, WEIR_LOG_SLOW_CHECKOUT, late.number, message, "", 0);
    }
}

static void list_holders(const weir_pool *pool, char *text, size_t size)
{
    char one[256];
    size_t used = 0;
    int64_t now = weir_now();
    text[0] = 0;
    for (const weir_slot *slot = pool->out.first; slot; slot = slot->next) {
        int length = snprintf(one, sizeof one, "%s%s for %.1f s", used ? "; " : "", slot->where, seconds(now - slot->checked_out_at));
        size_t add = length < 0 ? 0 : (size_t)length < sizeof one ? (size_t)length : sizeof one - 1;
        if (used + add >= size)
            return;
        memcpy(text + used, one, add + 1);
        used += add;
    }
}

/* As SQLAlchemy counts. The caller holds the lock. */
static int overflow_of(const weir_pool *pool)
{
    return pool->options.size == 0 ? 0 : pool->places - pool->options.size;
}

static int timed_out(const weir_pool *pool, weir_error *error)
{
    weir_error_set(error, WEIR_TIMEOUT, "QueuePool limit of size %d overflow %d reached, connection timed out, timeout %0.2f",
                   pool->options.size, overflow_of(pool), pool->options.timeout_ms / 1000.0);
    return WEIR_TIMEOUT;
}

/* ---- taking --------------------------------------------------------------------------------------------------------------------- */
static int turned_away(weir_error *error) { return weir_error_set(error, WEIR_RESOURCE_CLOSED, "This engine is closed"); }

/* Interrupted in line: what the waiter was given in that very moment goes to the next one. */
static int leave(weir_pool *pool, const weir_waiter *waiter, int outcome, weir_error *error)
{
    weir_slot none = { .generation = waiter->generation };
    if (waiter->slot) {
        weir_pool_give_back(waiter->slot, true);
    } else if (waiter->place) {
        weir_lock(&pool->lock);
        weir_pool_release_place(pool, &none);
        weir_unlock(&pool->lock);
    }
    return weir_interrupted(outcome, error);
}

static int wait_in_line(weir_pool *pool, weir_waiter *waiter, int64_t deadline, weir_error *error)
{
    int64_t patience = weir_deadline_ms(pool->options.timeout_ms);
    int outcome = weir_pool_wait(pool, waiter, patience < deadline ? patience : deadline);
    bool late = outcome == WEIR_LATE;
    int status = late && patience <= deadline ? timed_out(pool, error)
               : late ? weir_error_set(error, WEIR_DEADLINE_EXCEEDED, "the deadline passed while waiting for a connection of the pool")
               : WEIR_OK;
    if (late)
        list_holders(pool, error->detail, sizeof error->detail);
    weir_unlock(&pool->lock);
    if (late)
        return status;
    if (outcome != WEIR_READY)
        return leave(pool, waiter, outcome, error);
    return waiter->closed ? turned_away(error) : WEIR_OK;
}

/* Claims an idle slot, or a place to connect in; waits in line for one. *slot stays NULL for a place of *generation. */
static int claim(weir_pool *pool, const char *where, int64_t deadline, weir_slot **slot, int64_t *generation, weir_error *error)
{
    weir_waiter waiter = { .where = where };
    weir_lock(&pool->lock);
    weir_slot *idle = pool->options.lifo ? pool->idle.last : pool->idle.first;
    if (!pool->closed && idle) {
        weir_slot_list_remove(&pool->idle, idle);
        weir_pool_check_out(pool, idle, where);
        *slot = idle;
    } else if (!pool->closed && weir_pool_has_room(pool)) {
        pool->places++;
        *generation = pool->generation;
    } else if (!pool->closed) {
        int status = wait_in_line(pool, &waiter, deadline, error);      /* gives up the lock */
        *slot = status == WEIR_OK ? waiter.slot : NULL;
        *generation = waiter.generation;
        return status;
    }
    bool closed = pool->closed;
    weir_unlock(&pool->lock);
    return closed ? turned_away(error) : WEIR_OK;
}

/* A slot for a place that was claimed. NULL: no memory, and the place is free again. */
static weir_slot *new_slot(weir_pool *pool, const char *where, int64_t generation)
{
    weir_slot none = { .generation = generation };
    weir_slot *slot = weir_alloc_zero(pool->ledger, WEIR_MEMORY_HANDLES, sizeof *slot);
    weir_lock(&pool->lock);
    if (slot) {
        slot->pool = pool;
        slot->generation = generation;
        weir_pool_check_out(pool, slot, where);
    } else {
        weir_pool_release_place(pool, &none);
    }
    weir_unlock(&pool->lock);
    return slot;
}

/* A place whose very first connect failed is given up; one that had a connection is kept for the next attempt, as SQLAlchemy's
 * connection records are. A connection that was made although its task was cancelled is somebody else's. */
static void take_back_unready(weir_slot *slot, bool new_place)
{
    weir_pool *pool = slot->pool;
    if (!new_place || slot->link) {
        weir_pool_give_back(slot, slot->link != NULL);
        return;
    }
    weir_lock(&pool->lock);
    weir_slot_list_remove(&pool->out, slot);
    weir_pool_release_place(pool, slot);
    weir_unlock(&pool->lock);
    weir_free(slot);
}

int weir_pool_take(weir_pool *pool, const char *where, weir_slot **out, weir_error *error)
{
    return weir_pool_take_by(pool, where, WEIR_NO_DEADLINE, out, error);
}

int weir_pool_take_by(weir_pool *pool, const char *where, int64_t deadline, weir_slot **out, weir_error *error)
{
    weir_slot *slot = NULL;
    int64_t generation = 0;
    *out = NULL;
    report_overdue(pool);
    if (weir_now() >= deadline)
        return weir_error_set(error, WEIR_DEADLINE_EXCEEDED, WEIR_DEADLINE_TEXT);
    int status = claim(pool, where, deadline, &slot, &generation, error);
    if (status != WEIR_OK)
        return status;
    bool new_place = !slot;
    if (new_place)
        slot = new_slot(pool, where, generation);
    if (!slot)
        return weir_error_out_of_memory(error);
    status = weir_slot_make_ready(slot, deadline, error);
    if (status != WEIR_OK) {
        take_back_unready(slot, new_place);
        return status;
    }
    *out = slot;
    return WEIR_OK;
}

/* ---- giving back ------------------------------------------------------------------------------------------------------------------ */
/* Ends the check-out's book-keeping; false: it had ended before. */
static bool end_checkout(weir_pool *pool, weir_slot *slot)
{
    weir_lock(&pool->lock);
    bool was_out = slot->checked_out;
    int64_t held = weir_now() - slot->checked_out_at;
    slot->checked_out = false;
    if (was_out && held > pool->longest_checkout)
        pool->longest_checkout = held;
    weir_unlock(&pool->lock);
    return was_out;
}

/* Whether a slot that comes back stays in the pool. The caller holds the lock. */
static bool stays(const weir_pool *pool, const weir_slot *slot)
{
    if (slot->detached || pool->closed || slot->generation != pool->generation)
        return false;
    return pool->first_waiter || pool->options.size == 0 || pool->idle.count < pool->options.size;
}

void weir_pool_give_back(weir_slot *slot, bool keep)
{
    weir_pool *pool = slot->pool;
    report_overdue(pool);
    if (!end_checkout(pool, slot)) {
        weir_warn(pool->log, slot->number, NULL, "Double checkin attempted on connection %lld", (long long)slot->number);
        return;
    }
    weir_pool_settle_cancels(slot);
    /* What has to be closed is closed before its place is free, so that there are never more connections than allowed. That
     * happens without the lock; the world may have changed afterwards, so the question is asked again. */
    for (bool ended = false; !ended;) {
        weir_lock(&pool->lock);
        bool stay = stays(pool, slot), hang_up = slot->link && (!stay || !keep || slot->link->lost);
        ended = !hang_up;
        if (ended) {
            weir_slot_list_remove(&pool->out, slot);
            if (stay)
                weir_pool_offer_slot(pool, slot);
            else
                weir_pool_release_place(pool, slot);
        }
        weir_unlock(&pool->lock);
        if (hang_up)
            weir_slot_hang_up(slot);
        else if (!stay)
            weir_free(slot);
    }
}

void weir_pool_detach(weir_slot *slot)
{
    weir_pool *pool = slot->pool;
    weir_lock(&pool->lock);
    if (!slot->detached) {
        weir_pool_release_place(pool, slot);
        slot->detached = true;
    }
    weir_unlock(&pool->lock);
}

/* ---- figures ------------------------------------------------------------------------------------------------------------------------ */
void weir_pool_note_forgetful(weir_slot *slot)
{
    if (!atomic_exchange(&slot->pool->forgetful, true))
        weir_warn(slot->pool->log, slot->number, NULL, "The server forgets again and again what was prepared by name (a transaction pooler, or "
                  "DEALLOCATE): this engine prepares no more by name. Set .prepared = WEIR_OFF to have it so from the beginning");
}

bool weir_pool_prepares(const weir_slot *slot, weir_switch prepared)
{
    bool forgotten = slot->link->pooled || atomic_load_explicit(&slot->pool->forgetful, memory_order_relaxed);
    return prepared == WEIR_ON || (prepared != WEIR_OFF && !forgotten);
}

void weir_pool_note_idle(weir_pool *pool, int64_t nanoseconds)
{
    weir_lock(&pool->lock);
    if (nanoseconds > pool->longest_idle)
        pool->longest_idle = nanoseconds;
    weir_unlock(&pool->lock);
}

static int64_t longest_checkout(const weir_pool *pool)
{
    int64_t longest = pool->longest_checkout, now = weir_now();
    for (const weir_slot *slot = pool->out.first; slot; slot = slot->next)
        if (now - slot->checked_out_at > longest)
            longest = now - slot->checked_out_at;
    return longest;
}

void weir_pool_get_status(weir_pool *pool, weir_pool_status *out)
{
    memset(out, 0, sizeof *out);
    weir_lock(&pool->lock);
    out->size = pool->options.size;
    out->checked_in = pool->idle.count;
    out->overflow = overflow_of(pool);
    out->checked_out = pool->places - pool->idle.count;
    out->connects = pool->connects;
    out->disconnects = pool->disconnects;
    out->waiters = pool->waiting;
    out->longest_checkout_ms = longest_checkout(pool) / 1000000;
    out->longest_idle_in_transaction_ms = pool->longest_idle / 1000000;
    weir_unlock(&pool->lock);
    snprintf(out->text, sizeof out->text, "Pool size: %d  Connections in pool: %d Current Overflow: %d Current Checked out connections: %d",
             out->size, out->checked_in, out->overflow, out->checked_out);
}
