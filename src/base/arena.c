/* Arenas: a list of blocks, the newest in front. */
#include "base/arena.h"
#include <string.h>

enum { SMALLEST = 256, LARGEST_DOUBLING = 1 << 20 };    /* not more slack than that */

struct weir_arena_block {
    weir_arena_block *older;
    size_t size;
    _Alignas(max_align_t) char data[];
};

void weir_arena_init(weir_arena *arena, weir_ledger *ledger, weir_purpose purpose, size_t first_size)
{
    *arena = (weir_arena){ .ledger = ledger, .purpose = purpose, .first_size = first_size };
}

static weir_arena_block *add_block(weir_arena *arena, size_t size)
{
    weir_arena_block *block = weir_alloc(arena->ledger, arena->purpose, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->older = arena->blocks;
    arena->blocks = block;
    arena->next = block->data;
    arena->end = block->data + size;
    return block;
}

/* Behind the block in use, which stays that. */
void *weir_arena_own(weir_arena *arena, size_t size)
{
    char *next = arena->next, *end = arena->end;
    weir_arena_block *current = arena->blocks, *own = add_block(arena, size);
    if (!own)
        return NULL;
    if (current) {
        arena->blocks = current;
        own->older = current->older;
        current->older = own;
    }
    arena->next = current ? next : NULL;
    arena->end = current ? end : NULL;
    return own->data;
}

void *weir_arena_resize_own(weir_arena *arena, void *own, size_t size)
{
    weir_arena_block **at = &arena->blocks;
    while ((*at)->data != (char *)own)
        at = &(*at)->older;
    weir_arena_block *block = weir_resize(arena->ledger, arena->purpose, *at, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    *at = block;
    return block->data;
}

void *weir_arena_more(weir_arena *arena, size_t size, size_t alignment)
{
    size_t gap = (size_t)(-(uintptr_t)arena->next) & (alignment - 1);
    if (arena->next && (size_t)(arena->end - arena->next) >= gap && (size_t)(arena->end - arena->next) - gap >= size) {
        char *p = arena->next + gap;
        arena->next = p + size;
        return p;
    }
    size_t last = arena->blocks ? arena->blocks->size : 0;
    size_t grown = !last ? arena->first_size : last < LARGEST_DOUBLING ? last * 2 : LARGEST_DOUBLING;
    size_t room = weir_ledger_room(arena->ledger) / 2;
    if (grown > room)                   /* near the end of a budget blocks become smaller, so that all of it can be used */
        grown = room > SMALLEST ? room : SMALLEST;
    if (size > grown)
        return weir_arena_own(arena, size);
    if (!add_block(arena, grown))
        return NULL;
    char *p = arena->next;
    arena->next += size;
    return p;
}

static void drop_blocks(weir_arena *arena)
{
    while (arena->blocks) {
        weir_arena_block *older = arena->blocks->older;
        weir_free(arena->blocks);
        arena->blocks = older;
    }
    arena->next = arena->end = NULL;
}

void weir_arena_reset(weir_arena *arena, size_t keep)
{
    weir_arena_block *block = arena->blocks;
    if (!block)
        return;
    if (!block->older && block->size <= keep) {
        arena->next = block->data;
        arena->end = block->data + block->size;
        return;
    }
    size_t total = 0;
    for (; block; block = block->older)
        total += block->size;
    drop_blocks(arena);
    arena->first_size = total <= keep ? total : keep;
}

void weir_arena_free(weir_arena *arena) { drop_blocks(arena); }
