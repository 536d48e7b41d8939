/* The memory ledger: every byte that weir takes, counted in a tree (process, engine, stream). DESIGN D4. */
#ifndef WEIR_BASE_LEDGER_H
#define WEIR_BASE_LEDGER_H
#include <stdatomic.h>
#include <weir/base.h>

/* A bound on what one stream holds, wherever its blocks lie (RULES B1): the stream's own ledger and, while it is open, those that it
 * shares with others, have a charge of it. What would go beyond is not allocated. */
typedef struct weir_budget {
    int64_t limit;
    int64_t whole;                      /* what the limit is while nobody reads rows: it is lower then, for what is made of them */
    _Atomic int64_t used, peak;
    int64_t shared;                     /* of used, what was taken in shared ledgers; less than 0 when others' was given back */
    bool    busy;                       /* the stream itself is at work: what is taken in shared ledgers counts, and is bounded, too */
    bool    gathers;                    /* what is taken there while it is not at work counts all the same: mostly, the stream holds it */
    bool    refused;                    /* an allocation was, since somebody looked last */
} weir_budget;
typedef struct weir_charge weir_charge;
struct weir_charge { weir_budget *budget; weir_charge *next; bool shared; };

/* Counters are atomic: an engine's are shared by threads. They change once per block, not per row. */
typedef struct weir_ledger {
    struct weir_ledger *parent;         /* NULL: the process's root */
    weir_charge   *charges;             /* only its owner's thread changes them */
    _Atomic size_t bytes, peak;
    _Atomic size_t by_purpose[WEIR_MEMORY_PURPOSES_];
    _Atomic int64_t allocations;
} weir_ledger;

/* The process's root: the one global of the library. */
weir_ledger *weir_ledger_root(void);
/* parent NULL: the root. */
void weir_ledger_init(weir_ledger *ledger, weir_ledger *parent);
void weir_ledger_figures(const weir_ledger *ledger, weir_memory_figures *out);
/* From now on what is taken from the ledger, and below it, counts in the budget; until the charge is taken back. */
void weir_ledger_charge(weir_ledger *ledger, weir_charge *charge, weir_budget *budget, bool shared);
void weir_ledger_discharge(weir_ledger *ledger, weir_charge *charge);
/* The largest block that the budgets over the ledger leave room for now; SIZE_MAX: there is none. */
size_t weir_ledger_room(const weir_ledger *ledger);
/* Counts what is not a block of a charged ledger; negative: it is gone. */
void weir_budget_count(weir_budget *budget, int64_t bytes);
/* Of what the shared ledgers hold, no more than so many bytes can be the stream's. */
void weir_budget_bound_shared(weir_budget *budget, int64_t most);
/* For a measurement: the peak begins anew at what is held now. Gives the old one, to be given back to weir_ledger_end_peak, which
 * returns the peak since then and makes the ledger's peak the higher of both. */
size_t weir_ledger_begin_peak(weir_ledger *ledger);
size_t weir_ledger_end_peak(weir_ledger *ledger, size_t before);
/* What the ledger counts for a block. */
size_t weir_block_bytes(const void *block);
/* Moves a block's bytes from the ledger that it was taken from to `to`: for what outlives its stream. */
void weir_ledger_move(void *block, weir_ledger *to);

/* Blocks carry their size, purpose and ledger in front of them, so releasing needs only the pointer. NULL: no memory. */
void *weir_alloc(weir_ledger *ledger, weir_purpose purpose, size_t size);
void *weir_alloc_zero(weir_ledger *ledger, weir_purpose purpose, size_t size);
/* As realloc; block NULL allocates. The block stays as it was when NULL is returned. */
void *weir_resize(weir_ledger *ledger, weir_purpose purpose, void *block, size_t size);
void weir_free(void *block);            /* NULL is fine */
/* A copy of `length` bytes of text, ended by a NUL. */
char *weir_copy_text(weir_ledger *ledger, weir_purpose purpose, const char *text, size_t length);

/* Stacks of tasks: `size` bytes that may be used, in whole pages, above WEIR_STACK_GUARD bytes that fault. Counted in the root as
 * WEIR_MEMORY_STACKS, without the guard (no memory is ever behind it). The lowest usable byte; NULL: no memory, or too many
 * mappings. */
enum { WEIR_STACK_GUARD = 64 * 1024 };
void *weir_stack_map(size_t size);
void weir_stack_unmap(void *stack, size_t size);
/* A stack that is kept for reuse gives its memory back, up to the few pages at its upper end that any use touches. */
void weir_stack_rest(void *stack, size_t size);

/* Tasks of this process: alive, and since the start. */
typedef struct weir_task_counts { _Atomic int64_t alive, spawned; } weir_task_counts;
weir_task_counts *weir_ledger_tasks(void);
#endif
