/* The bounded queue: a list of items, and three lines of those who wait: to put, to get, and for all work to be done. Only the first
 * of a line may go on; whoever changes something, or leaves, wakes those that are first. So nobody is overtaken, and no wake-up is
 * lost with a waiter that is cancelled. */
#include <weir/queue.h>
#include <stdatomic.h>
#include <string.h>
#include "async/queue_items.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/wait.h"

enum { DEFAULT_ITEMS = 1000 };
#define CLOSED_TEXT "This queue is closed."

typedef struct item {
    struct item *next;
    void        *thing;
    size_t       bytes;
    const void  *getter;                /* of one that is lent */
} item;

typedef struct waiter {
    weir_parker    parker;
    struct waiter *next, *previous;
    size_t         bytes;               /* of what is to be put */
    bool           told;                /* unparked since it parked */
} waiter;
typedef struct line { waiter *first, *last; size_t count; } line;

struct weir_queue {
    const weir_queue_kind_table *kind;  /* NULL: a constant, or an error kept in its making */
    weir_queue_holds holds;
    size_t           max_items, max_bytes;
    pthread_mutex_t  mutex;             /* of all below */
    item            *first, **end, *lent;
    line             putters, getters, drainers;
    weir_queue_figures figures;
    weir_error       error, failure;    /* the first of a call; of making the queue or weir_queue_fail */
    _Atomic(const weir_error *) shown;  /* one of these, written before it is shown; NULL: none */
};

static const weir_error error_closed = { .status = WEIR_RESOURCE_CLOSED, .message = CLOSED_TEXT };
static const weir_error error_no_memory = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory" };
static const weir_error error_none = { 0 };
static const weir_queue constant_closed = { .figures = { .closed = true }, .shown = &error_closed };
static const weir_queue constant_no_memory = { .figures = { .closed = true }, .shown = &error_no_memory };

/* Constants are handed out as handles; nothing writes to them. */
static weir_queue *as_handle(const weir_queue *constant) { return (weir_queue *)(uintptr_t)constant; }
static bool is_constant(const weir_queue *queue) { return queue == &constant_closed || queue == &constant_no_memory; }

/* ---- errors ---------------------------------------------------------------------------------------------------------------------- */

const weir_error *weir_queue_error(const weir_queue *queue)
{
    const weir_error *error = atomic_load(&((weir_queue *)(uintptr_t)queue)->shown);
    return error ? error : &error_none;
}

static int keep(weir_queue *queue, const weir_error *error)
{
    weir_lock(&queue->mutex);
    if (!atomic_load(&queue->shown)) {
        queue->error = *error;
        atomic_store(&queue->shown, &queue->error);
    }
    weir_unlock(&queue->mutex);
    return error->status;
}

/* WEIR_OK, or the error that was kept when the queue was made. */
static int check(const weir_queue *queue) { return queue->kind ? WEIR_OK : weir_queue_error(queue)->status; }

static int check_rows(weir_queue *queue, const void *given, bool rows)
{
    int status = check(queue);
    if (status != WEIR_OK)
        return status;
    weir_error error;
    if (queue->kind->rows != rows)
        weir_error_set(&error, WEIR_ARGUMENT, "This queue holds %s: use the calls for %s", queue->kind->holds, queue->kind->holds);
    else if (!given)
        weir_error_set(&error, WEIR_ARGUMENT, "NULL cannot be put into a queue");
    else
        return WEIR_OK;
    return keep(queue, &error);
}

/* ---- making one ------------------------------------------------------------------------------------------------------------------ */

static int read_options(weir_queue *queue, const weir_queue_options *given, weir_error *error)
{
    weir_queue_options options = { 0 };
    if (given) {
        if (given->struct_size < sizeof given->struct_size || given->struct_size > sizeof options)
            return weir_error_set(error, WEIR_ARGUMENT, "queue options have struct_size %zu: make them with WEIR_QUEUE_OPTIONS", given->struct_size);
        memcpy(&options, given, given->struct_size);
    }
    if (options.max_items == (size_t)WEIR_ZERO)
        return weir_error_set(error, WEIR_ARGUMENT, "max_items must be at least 1");
    queue->max_items = options.max_items ? options.max_items : DEFAULT_ITEMS;
    queue->max_bytes = options.max_bytes ? options.max_bytes : SIZE_MAX;
    return WEIR_OK;
}

static weir_queue *make(const weir_queue_kind_table *kind, const weir_queue_holds *holds, const weir_queue_options *options)
{
    weir_queue *queue = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *queue);
    if (!queue)
        return as_handle(&constant_no_memory);
    pthread_mutex_init(&queue->mutex, NULL);
    queue->end = &queue->first;
    queue->holds = *holds;
    weir_error *error = &queue->failure;
    int status = read_options(queue, options, error);
    if (status == WEIR_OK && !kind)
        status = weir_error_set(error, WEIR_ARGUMENT, "a queue is WEIR_QUEUE_SHARED or WEIR_QUEUE_COPIED");
    if (status == WEIR_OK && holds->entity)
        status = weir_entity_check(holds->entity, error);
    if (status == WEIR_OK && kind == &weir_queue_copied && !(queue->holds.copies = weir_copies_new()))
        status = weir_error_out_of_memory(error);
    if (status == WEIR_OK)
        queue->kind = kind;
    else
        atomic_store(&queue->shown, error);
    return queue;
}

weir_queue *weir_queue_of_instances(const weir_entity *entity, weir_queue_kind kind, const weir_queue_options *options)
{
    const weir_queue_kind_table *table = kind == WEIR_QUEUE_SHARED ? &weir_queue_shared : kind == WEIR_QUEUE_COPIED ? &weir_queue_copied : NULL;
    return make(table, &(const weir_queue_holds){ .entity = entity }, options);
}

weir_queue *weir_queue_of_rows(const weir_queue_options *options)
{
    return make(&weir_queue_rows, &(const weir_queue_holds){ 0 }, options);
}

weir_queue *weir_queue_of_pointers(void (*release)(void *item), const weir_queue_options *options)
{
    return make(&weir_queue_pointers, &(const weir_queue_holds){ .release = release }, options);
}

/* ---- standing in line: all under the lock --------------------------------------------------------------------------------------------- */

static bool has_room(const weir_queue *queue, size_t bytes)
{
    const weir_queue_figures *now = &queue->figures;
    return now->items < queue->max_items && bytes <= queue->max_bytes && now->bytes <= queue->max_bytes - bytes;
}

static bool may_put(const weir_queue *queue, const waiter *w) { return queue->figures.closed || has_room(queue, w->bytes); }
static bool may_get(const weir_queue *queue, const waiter *w) { (void)w; return queue->figures.items || queue->figures.closed; }

static bool is_done(const weir_queue *queue, const waiter *w)
{
    (void)w;
    return !queue->figures.items && !queue->figures.lent && !queue->putters.first;
}

static void tell(const weir_queue *queue, line *l, bool (*may)(const weir_queue *queue, const waiter *w))
{
    waiter *w = l->first;
    if (!w || w->told || !may(queue, w))
        return;
    w->told = true;
    weir_unpark(&w->parker);            /* it takes the lock before it goes on, so its parker outlives this */
}

/* To be called before the lock is given up, whatever happened. */
static void tell_first(weir_queue *queue)
{
    tell(queue, &queue->putters, may_put);
    tell(queue, &queue->getters, may_get);
    tell(queue, &queue->drainers, is_done);
}

static void unlock(weir_queue *queue)
{
    tell_first(queue);
    weir_unlock(&queue->mutex);
}

static void enter(line *l, waiter *w)
{
    w->next = NULL;
    w->previous = l->last;
    *(l->last ? &l->last->next : &l->first) = w;
    l->last = w;
    l->count++;
}

static void leave(line *l, waiter *w)
{
    *(w->previous ? &w->previous->next : &l->first) = w->next;
    *(w->next ? &w->next->previous : &l->last) = w->previous;
    l->count--;
}

/* Waits until it is first and may go on. */
static int stand(weir_queue *queue, line *l, waiter *w, int64_t deadline, bool (*may)(const weir_queue *queue, const waiter *w),
                 weir_error *error)
{
    weir_parker_init(&w->parker);
    enter(l, w);
    int outcome = WEIR_READY;
    while (outcome == WEIR_READY && !(l->first == w && may(queue, w))) {
        unlock(queue);
        outcome = weir_park(&w->parker, deadline);
        weir_lock(&queue->mutex);
        w->told = false;
    }
    bool given = l->first == w && may(queue, w);
    leave(l, w);
    weir_parker_destroy(&w->parker);
    if (outcome == WEIR_WAIT_INTERRUPTED || outcome == WEIR_WAIT_EXPIRED)
        return weir_interrupted(outcome, error);
    return given ? WEIR_OK : WEIR_TIMEOUT;
}

/* The deadline counts from here. */
static int wait_in(weir_queue *queue, line *l, waiter *w, int64_t timeout_ms, bool (*may)(const weir_queue *queue, const waiter *w),
                   weir_error *error)
{
    if (timeout_ms == 0)
        return WEIR_TIMEOUT;
    int status = weir_may_wait(error);
    return status != WEIR_OK ? status : stand(queue, l, w, weir_deadline_ms(timeout_ms), may, error);
}

/* Outcomes are told by the status alone; mistakes are kept. */
static int told(weir_queue *queue, int status, const weir_error *error)
{
    bool outcome = status == WEIR_OK || status == WEIR_TIMEOUT || status == WEIR_CANCELLED || status == WEIR_DEADLINE_EXCEEDED;
    return outcome ? status : keep(queue, error);
}

/* ---- putting ---------------------------------------------------------------------------------------------------------------------------- */

static void append(weir_queue *queue, item *new)
{
    weir_queue_figures *now = &queue->figures;
    new->next = NULL;
    *queue->end = new;
    queue->end = &new->next;
    now->puts++;
    now->bytes += new->bytes;
    if (++now->items > now->peak_items)
        now->peak_items = now->items;
    if (now->bytes > now->peak_bytes)
        now->peak_bytes = now->bytes;
}

static int enqueue(weir_queue *queue, item *new, int64_t timeout_ms, weir_error *error)
{
    waiter w = { .bytes = new->bytes };
    if (new->bytes > queue->max_bytes)
        return weir_error_set(error, WEIR_BUDGET_EXCEEDED, "an item of %zu bytes does not fit a queue of max_bytes %zu", new->bytes, queue->max_bytes);
    weir_lock(&queue->mutex);
    int status = WEIR_OK;
    if (!queue->figures.closed && (queue->putters.first || !has_room(queue, new->bytes)))
        status = wait_in(queue, &queue->putters, &w, timeout_ms, may_put, error);
    if ((status == WEIR_OK || status == WEIR_TIMEOUT) && queue->figures.closed)
        status = weir_error_set(error, WEIR_RESOURCE_CLOSED, CLOSED_TEXT);
    if (status == WEIR_OK)
        append(queue, new);
    unlock(queue);
    return status;
}

/* What needs no copy to be known. */
static int look_before(weir_queue *queue, int64_t timeout_ms, weir_error *error)
{
    int status = WEIR_OK;
    weir_lock(&queue->mutex);
    if (queue->figures.closed)
        status = weir_error_set(error, WEIR_RESOURCE_CLOSED, CLOSED_TEXT);
    else if (queue->putters.first || !has_room(queue, 0))
        status = timeout_ms == 0 ? WEIR_TIMEOUT : weir_may_wait(error);
    unlock(queue);
    return status;
}

static int put(weir_queue *queue, void *given, int64_t timeout_ms)
{
    weir_error error = { 0 };
    int status = look_before(queue, timeout_ms, &error);
    if (status != WEIR_OK)
        return told(queue, status, &error);
    item *new = weir_alloc_zero(NULL, WEIR_MEMORY_BATCH, sizeof *new);
    if (!new)
        return told(queue, weir_error_out_of_memory(&error), &error);
    status = queue->kind->take(&queue->holds, given, &new->thing, &new->bytes, &error);
    if (status == WEIR_OK) {
        status = enqueue(queue, new, timeout_ms, &error);
        if (status == WEIR_OK)
            return WEIR_OK;
        (queue->kind->give_back ? queue->kind->give_back : queue->kind->drop)(&queue->holds, new->thing);
    }
    weir_free(new);
    return told(queue, status, &error);
}

int weir_queue_put(weir_queue *queue, void *given)
{
    int status = check_rows(queue, given, false);
    return status != WEIR_OK ? status : put(queue, given, -1);
}

int weir_queue_try_put(weir_queue *queue, void *given)
{
    int status = check_rows(queue, given, false);
    return status != WEIR_OK ? status : put(queue, given, 0);
}

int weir_queue_put_row(weir_queue *queue, const weir_row *row)
{
    int status = check_rows(queue, row, true);
    return status != WEIR_OK ? status : put(queue, (void *)(uintptr_t)row, -1);
}

int weir_queue_try_put_row(weir_queue *queue, const weir_row *row)
{
    int status = check_rows(queue, row, true);
    return status != WEIR_OK ? status : put(queue, (void *)(uintptr_t)row, 0);
}

/* ---- getting ------------------------------------------------------------------------------------------------------------------------------ */

/* The task that runs, or the thread. */
static const void *who(void)
{
    const weir_here *here = weir_here_now();
    return here->task ? here->task : here;
}

void weir_queue_done(weir_queue *queue)
{
    if (!queue->kind || !queue->kind->lends)
        return;
    const void *me = who();
    weir_lock(&queue->mutex);
    item **at = &queue->lent, *mine;
    while (*at && (*at)->getter != me)
        at = &(*at)->next;
    mine = *at;
    if (mine) {
        *at = mine->next;
        queue->figures.lent--;
    }
    unlock(queue);
    if (!mine)
        return;
    queue->kind->drop(&queue->holds, mine->thing);
    weir_free(mine);
}

static item *take_first(weir_queue *queue)
{
    item *first = queue->first;
    queue->first = first->next;
    if (!queue->first)
        queue->end = &queue->first;
    queue->figures.items--;
    queue->figures.bytes -= first->bytes;
    return first;
}

/* Lends it, or hands it over and leaves *empty to be freed. */
static void *hand_out(weir_queue *queue, item **empty)
{
    item *first = take_first(queue);
    queue->figures.gets++;
    if (!queue->kind->lends) {
        *empty = first;
        return first->thing;
    }
    first->getter = who();
    first->next = queue->lent;
    queue->lent = first;
    queue->figures.lent++;
    return first->thing;
}

static int get(weir_queue *queue, void **out, int64_t timeout_ms)
{
    weir_error error = { 0 };
    waiter w = { 0 };
    item *empty = NULL;
    weir_queue_done(queue);
    weir_lock(&queue->mutex);
    const weir_queue_figures *now = &queue->figures;
    int status = WEIR_OK;
    /* Those in line have an item each before a newcomer has one. */
    if (now->items <= queue->getters.count && !(now->closed && !now->items))
        status = wait_in(queue, &queue->getters, &w, timeout_ms, may_get, &error);
    bool ended = status == WEIR_OK && !now->items;
    if (ended)
        status = queue->failure.status != WEIR_OK ? queue->failure.status : WEIR_RESOURCE_CLOSED;
    else if (status == WEIR_OK)
        *out = hand_out(queue, &empty);
    unlock(queue);
    weir_free(empty);
    return ended ? status : told(queue, status, &error);
}

int weir_queue_get(weir_queue *queue, void **out, int64_t timeout_ms)
{
    *out = NULL;
    int status = check_rows(queue, out, false);
    return status != WEIR_OK ? status : get(queue, out, timeout_ms);
}

int weir_queue_get_row(weir_queue *queue, const weir_row **out, int64_t timeout_ms)
{
    void *row = NULL;
    int status = check_rows(queue, out, true);
    if (status == WEIR_OK)
        status = get(queue, &row, timeout_ms);
    *out = row;
    return status;
}

/* ---- ending ---------------------------------------------------------------------------------------------------------------------------------- */

static void drop_list(weir_queue *queue, item *list)
{
    while (list) {
        item *next = list->next;
        queue->kind->drop(&queue->holds, list->thing);
        weir_free(list);
        list = next;
    }
}

void weir_queue_close(weir_queue *queue)
{
    if (!queue->kind)
        return;
    weir_lock(&queue->mutex);
    queue->figures.closed = true;
    unlock(queue);
}

void weir_queue_fail(weir_queue *queue, int status, const weir_error *error)
{
    if (!queue->kind)
        return;
    weir_lock(&queue->mutex);
    queue->figures.closed = true;
    if (status < 0 && queue->failure.status == WEIR_OK) {
        if (error)
            queue->failure = *error;
        if (!queue->failure.message[0])
            weir_error_set(&queue->failure, status, "%s", weir_status_name(status));
        queue->failure.status = status;
        atomic_store(&queue->shown, &queue->failure);
    }
    unlock(queue);
}

void weir_queue_cancel(weir_queue *queue)
{
    if (!queue->kind)
        return;
    weir_lock(&queue->mutex);
    item *all = queue->first;
    queue->figures.closed = true;
    queue->first = NULL;
    queue->end = &queue->first;
    queue->figures.items = queue->figures.bytes = 0;
    unlock(queue);
    drop_list(queue, all);
}

int weir_queue_drain(weir_queue *queue, int64_t timeout_ms)
{
    int status = check(queue);
    if (status != WEIR_OK)
        return status;
    weir_error error = { 0 };
    waiter w = { 0 };
    weir_queue_done(queue);
    weir_lock(&queue->mutex);
    if (!is_done(queue, &w))
        status = wait_in(queue, &queue->drainers, &w, timeout_ms, is_done, &error);
    unlock(queue);
    return told(queue, status, &error);
}

void weir_queue_info(const weir_queue *queue, weir_queue_figures *out)
{
    weir_queue *shared = as_handle(queue);
    if (queue->kind)
        weir_lock(&shared->mutex);
    *out = queue->figures;
    if (queue->kind)
        weir_unlock(&shared->mutex);
}

void weir_queue_free(weir_queue **handle)
{
    if (!handle || !*handle)
        return;
    weir_queue *queue = *handle;
    *handle = as_handle(&constant_closed);
    if (is_constant(queue))
        return;
    weir_queue_cancel(queue);
    if (queue->kind)
        drop_list(queue, queue->lent);
    weir_copies_release(queue->holds.copies);
    pthread_mutex_destroy(&queue->mutex);
    weir_free(queue);
}
