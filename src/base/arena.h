/* Arenas: memory that dies together. A reset keeps one block, so that a steady stream of batches allocates nothing. */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H
#include "base/ledger.h"

typedef struct weir_arena_block weir_arena_block;
typedef struct weir_arena {
    weir_ledger      *ledger;
    weir_purpose      purpose;
    weir_arena_block *blocks;           /* the newest first */
    char             *next, *end;       /* free room in the newest */
    size_t            first_size;       /* of the first block */
} weir_arena;

void weir_arena_init(weir_arena *arena, weir_ledger *ledger, weir_purpose purpose, size_t first_size);
/* Slow path of the next two. */
void *weir_arena_more(weir_arena *arena, size_t size, size_t alignment);
/* A block of its own, for one long thing that comes piece by piece: weir_arena_resize_own gives it another size, which may move it. NULL:
 * no memory; then it is as it was. */
void *weir_arena_own(weir_arena *arena, size_t size);
void *weir_arena_resize_own(weir_arena *arena, void *own, size_t size);
/* Drops all that was taken, but keeps the room for the next round: one block that holds as much as was in use, as long as
 * that is at most `keep` bytes. */
void weir_arena_reset(weir_arena *arena, size_t keep);
void weir_arena_free(weir_arena *arena);

/* `size` bytes at any address: for text. NULL: no memory. */
static inline void *weir_arena_bytes(weir_arena *arena, size_t size)
{
    if ((size_t)(arena->end - arena->next) < size || !arena->next)
        return weir_arena_more(arena, size, 1);
    void *p = arena->next;
    arena->next += size;
    return p;
}
/* `size` bytes, aligned for any type. */
static inline void *weir_arena_take(weir_arena *arena, size_t size)
{
    return weir_arena_more(arena, size, _Alignof(max_align_t));
}
#endif
