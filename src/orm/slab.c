/* Slabs: slots of one entity's instances, at stable addresses, used again one by one. */
#include "orm/inside.h"
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, SLOTS_AT_LEAST = 8 };

/* ---- dead slots ------------------------------------------------------------------------------------------------------------------
 * The structs of dead slots are poisoned where the address sanitizer watches; their headers are still read. */

enum { DEAD = 0xDB };

void weir_instance_poison(weir_instance *instance)
{
    size_t size = weir_mapper_of(instance)->entity->size;
    WEIR_UNPOISON(instance + 1, size);
    if (weir_mapper_of(instance)->store->poison)
        memset(instance + 1, DEAD, size);
    WEIR_POISON(instance + 1, size);
}

/* ---- chunks ------------------------------------------------------------------------------------------------------------------------ */

static void enter_room(weir_slab *slab, weir_slab_chunk *chunk)
{
    chunk->room_previous = NULL;
    chunk->room_next = slab->room;
    if (slab->room)
        slab->room->room_previous = chunk;
    slab->room = chunk;
}

static void leave_room(weir_slab *slab, weir_slab_chunk *chunk)
{
    *(chunk->room_previous ? &chunk->room_previous->room_next : &slab->room) = chunk->room_next;
    if (chunk->room_next)
        chunk->room_next->room_previous = chunk->room_previous;
}

static size_t capacity_of(weir_mapper *mapper)
{
    weir_slab *slab = &mapper->slab;
    if (!slab->slot_size) {
        size_t alignment = _Alignof(max_align_t);
        slab->slot_size = (sizeof(weir_instance) + mapper->entity->size + alignment - 1) / alignment * alignment;
    }
    size_t capacity = CHUNK_BYTES / (slab->slot_size + sizeof(weir_rest));
    return capacity < SLOTS_AT_LEAST ? SLOTS_AT_LEAST : capacity;
}

size_t weir_slab_chunk_bytes(weir_mapper *mapper)
{
    size_t capacity = capacity_of(mapper);
    return sizeof(weir_slab_chunk) + capacity * (mapper->slab.slot_size + sizeof(weir_rest));
}

static weir_slab_chunk *add_chunk(weir_mapper *mapper)
{
    size_t capacity = capacity_of(mapper);
    weir_slab *slab = &mapper->slab;
    weir_slab_chunk *chunk = weir_alloc(&mapper->store->ledger, WEIR_MEMORY_BATCH, weir_slab_chunk_bytes(mapper));
    if (!chunk)
        return NULL;
    *chunk = (weir_slab_chunk){ .mapper = mapper, .capacity = capacity, .next = slab->chunks };
    chunk->rests = (weir_rest *)(void *)(chunk->slots + capacity * slab->slot_size);
    if (slab->chunks)
        slab->chunks->previous = chunk;
    slab->chunks = chunk;
    slab->count++;
    enter_room(slab, chunk);
    return chunk;
}

bool weir_slab_grow(weir_mapper *mapper) { return add_chunk(mapper) != NULL; }

void weir_slab_leave_free(const weir_mapper *mapper, weir_instance *slot)
{
    WEIR_POISON(slot + 1, mapper->entity->size);
}

void weir_slab_leave_room(weir_slab *slab, weir_slab_chunk *chunk) { leave_room(slab, chunk); }

weir_instance *weir_slab_take(weir_mapper *mapper)
{
    weir_instance *instance = weir_slab_look_up_free(mapper);
    if (!instance)
        return NULL;
    weir_slab_claim(mapper, instance);
    memset(instance + 1, 0, mapper->entity->size);
    return instance;
}

void weir_slab_given(weir_slab_chunk *chunk, size_t count)
{
    if (!count)
        return;
    weir_slab *slab = &chunk->mapper->slab;
    if (chunk->used == chunk->capacity)
        enter_room(slab, chunk);
    chunk->used -= count;
    if (chunk->used == 0)
        slab->used--;
    chunk->mapper->store->live -= count;
}

void weir_slab_give(weir_instance *instance)
{
    weir_slab_giving giving = { NULL, 0 };
    weir_slab_give_next(&giving, instance);
    weir_slab_given(giving.chunk, giving.count);
}

void weir_slab_give_all(weir_instance *const *instances, size_t count)
{
    weir_slab_giving giving = { NULL, 0 };
    while (count-- > 0)                 /* the last first, so that they are taken again in order */
        weir_slab_give_next(&giving, instances[count]);
    weir_slab_given(giving.chunk, giving.count);
}

static void free_chunk(weir_slab *slab, weir_slab_chunk *chunk)
{
    leave_room(slab, chunk);
    *(chunk->previous ? &chunk->previous->next : &slab->chunks) = chunk->next;
    if (chunk->next)
        chunk->next->previous = chunk->previous;
    slab->count--;
    WEIR_UNPOISON(chunk, sizeof *chunk + chunk->capacity * slab->slot_size);
    weir_free(chunk);
}

/* As many chunks stay as the last two rounds needed, so that a steady stream allocates nothing. */
void weir_slab_trim(weir_slab *slab, bool all)
{
    size_t needed = all ? slab->used : slab->peak > slab->peak_before ? slab->peak : slab->peak_before;
    slab->peak_before = slab->peak;
    slab->peak = slab->used;
    for (weir_slab_chunk *chunk = slab->room, *next; chunk && slab->count > needed; chunk = next) {
        next = chunk->room_next;
        if (chunk->used == 0)
            free_chunk(slab, chunk);
    }
}

void weir_slab_free(weir_slab *slab)
{
    while (slab->chunks) {
        weir_slab_chunk *next = slab->chunks->next;
        WEIR_UNPOISON(slab->chunks, sizeof *next + slab->chunks->capacity * slab->slot_size);
        weir_free(slab->chunks);
        slab->chunks = next;
    }
}
