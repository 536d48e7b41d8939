/* The memory ledger and the only door to malloc, realloc, free and mmap (scripts/check-symbols fails the build on another). */
#include "base/ledger.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct header {
    weir_ledger *ledger;
    size_t size_and_purpose;            /* size << 3 | purpose */
} header;
_Static_assert(sizeof(header) % _Alignof(max_align_t) == 0, "blocks stay aligned");
_Static_assert(WEIR_MEMORY_PURPOSES_ <= 8, "purposes fit three bits");

static void *plain_allocate(size_t size, void *context) { (void)context; return malloc(size); }
static void *plain_resize(void *block, size_t size, void *context) { (void)context; return realloc(block, size); }
static void plain_release(void *block, void *context) { (void)context; free(block); }

static weir_ledger root;
static weir_task_counts tasks;
static weir_allocator hooks = { plain_allocate, plain_resize, plain_release, NULL };

weir_ledger *weir_ledger_root(void) { return &root; }
weir_task_counts *weir_ledger_tasks(void) { return &tasks; }

int weir_set_allocator(const weir_allocator *allocator)
{
    if (!allocator || !allocator->allocate || !allocator->resize || !allocator->release)
        return WEIR_ARGUMENT;
    if (atomic_load(&root.allocations) != 0)
        return WEIR_INVALID_REQUEST;
    hooks = *allocator;
    return WEIR_OK;
}

void weir_ledger_init(weir_ledger *ledger, weir_ledger *parent)
{
    memset(ledger, 0, sizeof *ledger);
    ledger->parent = parent ? parent : &root;
}

void weir_budget_count(weir_budget *budget, int64_t bytes)
{
    int64_t now = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, now, memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void count_in_budgets(const weir_ledger *ledger, int64_t bytes)
{
    for (const weir_charge *charge = ledger->charges; charge; charge = charge->next) {
        if (charge->shared && !charge->budget->busy && !charge->budget->gathers)
            continue;
        weir_budget_count(charge->budget, bytes);
        if (charge->shared)             /* of one thread; a ledger's own budget may be of several */
            charge->budget->shared += bytes;
    }
}

void weir_budget_bound_shared(weir_budget *budget, int64_t most)
{
    int64_t shared = budget->shared < most ? budget->shared : most, now = shared > 0 ? shared : 0;
    weir_budget_count(budget, now - budget->shared);
    budget->shared = now;
}

void weir_ledger_charge(weir_ledger *ledger, weir_charge *charge, weir_budget *budget, bool shared)
{
    *charge = (weir_charge){ .budget = budget, .next = ledger->charges, .shared = shared };
    ledger->charges = charge;
}

void weir_ledger_discharge(weir_ledger *ledger, weir_charge *charge)
{
    weir_charge **link = &ledger->charges;
    while (*link && *link != charge)
        link = &(*link)->next;
    if (*link)
        *link = charge->next;
}

static bool applies(const weir_charge *charge) { return !charge->shared || charge->budget->busy; }

static int64_t room_in(const weir_budget *budget)
{
    int64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    return used > 0 || budget->limit == INT64_MAX ? budget->limit - used : budget->limit;
}

/* Notes a refusal where it was. */
static bool fits_budgets(const weir_ledger *ledger, size_t bytes)
{
    for (; ledger; ledger = ledger->parent)
        for (const weir_charge *charge = ledger->charges; charge; charge = charge->next)
            if (applies(charge) && (bytes > INT64_MAX || room_in(charge->budget) < (int64_t)bytes)) {
                __atomic_store_n(&charge->budget->refused, true, __ATOMIC_RELAXED);    /* whose of several threads is no matter */
                return false;
            }
    return true;
}

size_t weir_ledger_room(const weir_ledger *ledger)
{
    size_t room = SIZE_MAX;
    for (; ledger; ledger = ledger->parent)
        for (const weir_charge *charge = ledger->charges; charge; charge = charge->next) {
            int64_t left = applies(charge) ? room_in(charge->budget) - (int64_t)sizeof(header) : INT64_MAX;
            if (left != INT64_MAX && (left < 0 || (size_t)left < room))
                room = left < 0 ? 0 : (size_t)left;
        }
    return room;
}

static void count_in(weir_ledger *ledger, weir_purpose purpose, size_t size)
{
    for (; ledger; ledger = ledger->parent) {
        size_t now = atomic_fetch_add_explicit(&ledger->bytes, size, memory_order_relaxed) + size;
        size_t peak = atomic_load_explicit(&ledger->peak, memory_order_relaxed);
        while (now > peak && !atomic_compare_exchange_weak_explicit(&ledger->peak, &peak, now, memory_order_relaxed, memory_order_relaxed))
            continue;
        atomic_fetch_add_explicit(&ledger->by_purpose[purpose], size, memory_order_relaxed);
        atomic_fetch_add_explicit(&ledger->allocations, 1, memory_order_relaxed);
        count_in_budgets(ledger, (int64_t)size);
    }
}

static void count_out(weir_ledger *ledger, weir_purpose purpose, size_t size)
{
    for (; ledger; ledger = ledger->parent) {
        atomic_fetch_sub_explicit(&ledger->bytes, size, memory_order_relaxed);
        atomic_fetch_sub_explicit(&ledger->by_purpose[purpose], size, memory_order_relaxed);
        count_in_budgets(ledger, -(int64_t)size);
    }
}

static weir_purpose purpose_of(const header *h) { return (weir_purpose)(h->size_and_purpose & 7); }
static size_t size_of(const header *h) { return h->size_and_purpose >> 3; }

static void *hand_out(header *h, weir_ledger *ledger, weir_purpose purpose, size_t size)
{
    h->ledger = ledger;
    h->size_and_purpose = size << 3 | (size_t)purpose;
    count_in(ledger, purpose, size + sizeof *h);
    return h + 1;
}

void *weir_alloc(weir_ledger *ledger, weir_purpose purpose, size_t size)
{
    if (size > SIZE_MAX >> 4 || !fits_budgets(ledger, size + sizeof(header)))
        return NULL;
    header *h = hooks.allocate(size + sizeof *h, hooks.context);
    return h ? hand_out(h, ledger ? ledger : &root, purpose, size) : NULL;
}

void *weir_alloc_zero(weir_ledger *ledger, weir_purpose purpose, size_t size)
{
    void *block = weir_alloc(ledger, purpose, size);
    return block ? memset(block, 0, size) : NULL;
}

void *weir_resize(weir_ledger *ledger, weir_purpose purpose, void *block, size_t size)
{
    if (!block)
        return weir_alloc(ledger, purpose, size);
    if (size > SIZE_MAX >> 4)
        return NULL;
    header *h = (header *)block - 1;
    weir_ledger *owner = h->ledger;
    weir_purpose old_purpose = purpose_of(h);
    size_t old_size = size_of(h);
    if (size > old_size && !fits_budgets(owner, size - old_size))
        return NULL;
    h = hooks.resize(h, size + sizeof *h, hooks.context);
    if (!h)
        return NULL;
    count_out(owner, old_purpose, old_size + sizeof *h);
    return hand_out(h, owner, old_purpose, size);
}

void weir_free(void *block)
{
    if (!block)
        return;
    header *h = (header *)block - 1;
    count_out(h->ledger, purpose_of(h), size_of(h) + sizeof *h);
    hooks.release(h, hooks.context);
}

void weir_ledger_move(void *block, weir_ledger *to)
{
    if (!block)
        return;
    header *h = (header *)block - 1;
    count_out(h->ledger, purpose_of(h), size_of(h) + sizeof *h);
    hand_out(h, to ? to : &root, purpose_of(h), size_of(h));
}

size_t weir_block_bytes(const void *block) { return size_of((const header *)block - 1) + sizeof(header); }

char *weir_copy_text(weir_ledger *ledger, weir_purpose purpose, const char *text, size_t length)
{
    char *copy = weir_alloc(ledger, purpose, length + 1);
    if (!copy)
        return NULL;
    if (length)
        memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

#ifndef MAP_STACK
#define MAP_STACK 0
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

void *weir_stack_map(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    char *guard = mmap(NULL, WEIR_STACK_GUARD + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (guard == MAP_FAILED)
        return NULL;
    if (mprotect(guard + WEIR_STACK_GUARD, size, PROT_READ | PROT_WRITE) != 0) {
        munmap(guard, WEIR_STACK_GUARD + size);
        return NULL;
    }
    count_in(&root, WEIR_MEMORY_STACKS, size);
    return guard + WEIR_STACK_GUARD;
}

void weir_stack_unmap(void *stack, size_t size)
{
    munmap((char *)stack - WEIR_STACK_GUARD, WEIR_STACK_GUARD + size);
    count_out(&root, WEIR_MEMORY_STACKS, size);
}

void weir_stack_rest(void *stack, size_t size)
{
    enum { KEPT = 16 * 1024 };
    if (size > KEPT)
        madvise(stack, size - KEPT, MADV_DONTNEED);
}

void weir_ledger_figures(const weir_ledger *ledger, weir_memory_figures *out)
{
    *out = (weir_memory_figures){ .bytes = atomic_load(&ledger->bytes), .peak_bytes = atomic_load(&ledger->peak),
                                  .allocations = atomic_load(&ledger->allocations) };
    for (int i = 0; i < WEIR_MEMORY_PURPOSES_; i++)
        out->by_purpose[i] = atomic_load(&ledger->by_purpose[i]);
}

void weir_memory_usage(weir_memory_figures *out) { weir_ledger_figures(&root, out); }

size_t weir_ledger_begin_peak(weir_ledger *ledger)
{
    size_t before = atomic_load(&ledger->peak);
    atomic_store(&ledger->peak, atomic_load(&ledger->bytes));
    return before;
}

size_t weir_ledger_end_peak(weir_ledger *ledger, size_t before)
{
    size_t measured = atomic_load(&ledger->peak), peak = measured;
    while (before > peak && !atomic_compare_exchange_weak(&ledger->peak, &peak, before))
        continue;
    return measured;
}
