/* Batches: the rows of one fetch, in places of equal size, with the bytes of their values in one arena. */
#ifndef WEIR_ENGINE_BATCH_H
#define WEIR_ENGINE_BATCH_H
#include "driver/driver.h"

/* Places come in chunks of growing size, so that a large batch size costs nothing until rows arrive. */
typedef struct weir_chunk weir_chunk;
struct weir_chunk {
    weir_chunk *next;
    size_t capacity, count;             /* places; rows in them */
    _Alignas(max_align_t) char places[];
};

typedef struct weir_batch weir_batch;
struct weir_batch {
    weir_sink   sink;                   /* first: growing finds the batch by it */
    weir_batch *next;
    weir_chunk *chunks, *filling;
    size_t      places;                 /* in all chunks */
    size_t      limit;                  /* rows asked for; 0: no limit */
    size_t      expected;               /* rows on their way: as limit for the room that is made at once, but there may be more */
    weir_arena  arena;
    weir_ledger ledger;                 /* of the arena; its parent is the result's */
    size_t      usual;                  /* bytes that the values of the fetch before took */
    size_t      ready;                  /* rows that may be handed out; the others wait for the hooks' part. SIZE_MAX: all */
    bool        kept;                   /* the read in progress has handed out rows of it */
    void       *attached;               /* the result's hooks': from `came` to `gone` */
};

/* NULL: no memory. */
weir_batch *weir_batch_new(weir_ledger *ledger, size_t stride);
/* Empties the batch for a fetch of up to `rows` rows (0: any number). Keeps as much room as such fetches usually need, so that a
 * steady stream allocates nothing and one giant row does not stay for ever. */
void weir_batch_begin(weir_batch *batch, size_t rows);
/* Gives back all that it holds, while it has no rows. */
void weir_batch_shed(weir_batch *batch);
/* The fetch is over: the chunks know how many rows they have. Returns how many came in all. */
size_t weir_batch_end(weir_batch *batch);
/* Behind the first `before` rows lie those of `count` groups one behind the other, the i-th up to row ends[i]: they change places, so that they
 * come in the order of places[], which tells for each group the place among them. WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_batch_rearrange(weir_batch *batch, size_t before, const size_t *ends, const uint32_t *places, size_t count);
/* The rows go; their values, and what is attached, stay. */
void weir_batch_drop_rows(weir_batch *batch);
void weir_batch_free(weir_batch *batch);
void weir_batch_free_list(weir_batch **list);
#endif
