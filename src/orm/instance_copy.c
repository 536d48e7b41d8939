/* Copies of instances for other threads: walking what an instance reaches, and laying it out in one block. */
#include "base/lock.h"
#include "orm/instance_copy.h"
#include <string.h>
#include "orm/inside.h"

enum { MANY = 32 };

/* The entity of copies: its mapper's slots lie in no chunk, so this one only leads to the mapper. */
typedef struct copied_entity {
    struct copied_entity *next;
    const weir_entity    *entity;
    weir_slab_chunk      *chunk;
} copied_entity;

struct weir_copies {
    weir_store      store;              /* without session and engine: what is detached asks no more of it */
    pthread_mutex_t mutex;              /* of the list and of making mappers */
    copied_entity  *entities;
    _Atomic size_t  references;
};

typedef struct whole {
    weir_copies   *copies;
    _Atomic size_t references;
    size_t         count;
    uint32_t       visit;               /* its instances' marks, when it is copied in turn */
    _Alignas(max_align_t) char slots[];
} whole;

/* ---- what copies share --------------------------------------------------------------------------------------------------------- */

weir_copies *weir_copies_new(void)
{
    weir_copies *copies = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *copies);
    if (!copies)
        return NULL;
    weir_ledger_init(&copies->store.ledger, NULL);
    weir_ledger_init(&copies->store.own, &copies->store.ledger);
    weir_arena_init(&copies->store.arena, &copies->store.ledger, WEIR_MEMORY_HANDLES, 1024);
    pthread_mutex_init(&copies->mutex, NULL);
    atomic_init(&copies->references, 1);
    return copies;
}

void weir_copies_release(weir_copies *copies)
{
    if (!copies || atomic_fetch_sub(&copies->references, 1) > 1)
        return;
    pthread_mutex_destroy(&copies->mutex);
    weir_arena_free(&copies->store.arena);
    weir_free(copies);
}

static weir_slab_chunk *enter_entity(weir_copies *copies, const weir_entity *entity, weir_error *error)
{
    weir_mapper *mapper = weir_store_mapper(&copies->store, entity, error);
    if (!mapper)
        return NULL;
    copied_entity *entered = weir_arena_take(&copies->store.arena, sizeof *entered);
    weir_slab_chunk *chunk = weir_arena_take(&copies->store.arena, sizeof *chunk);
    if (!entered || !chunk) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    *chunk = (weir_slab_chunk){ .mapper = mapper };
    *entered = (copied_entity){ copies->entities, entity, chunk };
    copies->entities = entered;
    return chunk;
}

static weir_slab_chunk *chunk_of(weir_copies *copies, const weir_entity *entity, weir_error *error)
{
    weir_slab_chunk *chunk = NULL;
    weir_lock(&copies->mutex);
    for (const copied_entity *known = copies->entities; known && !chunk; known = known->next)
        if (known->entity == entity)
            chunk = known->chunk;
    if (!chunk)
        chunk = enter_entity(copies, entity, error);
    weir_unlock(&copies->mutex);
    return chunk;
}

/* ---- what an instance reaches ----------------------------------------------------------------------------------------------------- */

typedef struct found { weir_instance **items; size_t count, capacity; weir_instance *few[MANY]; size_t bytes; } found;

typedef struct targets { void **items; size_t count; } targets;

/* Pointers stay when an instance expires, so what it reaches is what it has pointers to. */
static targets targets_of(weir_instance *instance, const weir_mapped_relationship *relationship)
{
    char *at = (char *)weir_instance_struct(instance) + relationship->member->offset;
    if (!(instance->loaded >> (relationship->bit + WEIR_REACHES) & 1))
        return (targets){ NULL, 0 };
    if (!relationship->pairs.to_many)
        return (targets){ (void **)(void *)at, 1 };
    targets many;
    memcpy(&many, at, sizeof many);
    return many;
}

static size_t slot_size(const weir_instance *instance)
{
    size_t alignment = _Alignof(max_align_t);
    return (sizeof(weir_rest) + sizeof *instance + weir_mapper_of(instance)->entity->size + alignment - 1) / alignment * alignment;
}

static int add(found *all, weir_instance *instance, uint32_t visit, weir_error *error)
{
    if (all->count == all->capacity) {
        weir_instance **items = weir_resize(NULL, WEIR_MEMORY_BATCH, all->items == all->few ? NULL : all->items,
                                            all->capacity * 2 * sizeof *items);
        if (!items)
            return weir_error_out_of_memory(error);
        if (all->items == all->few)
            memcpy(items, all->few, sizeof all->few);
        all->items = items;
        all->capacity *= 2;
    }
    all->items[all->count++] = instance;
    instance->visit = visit;
    all->bytes += slot_size(instance) + weir_instance_extent(instance);
    return WEIR_OK;
}

static whole *whole_of(const weir_instance *instance)
{
    return instance->flags & WEIR_INSTANCE_COPY ? (whole *)(void *)weir_rest_of(instance)->link : NULL;
}

/* Instances of one store, or of one copy: their marks mean the same. */
static bool belong_together(const weir_instance *one, const weir_instance *other)
{
    return weir_mapper_of(one)->store == weir_mapper_of(other)->store && whole_of(one) == whole_of(other);
}

static int reach(found *all, weir_instance *from, const weir_mapped_relationship *relationship, uint32_t visit, weir_error *error)
{
    targets to = targets_of(from, relationship);
    for (size_t i = 0; i < to.count; i++) {
        if (!to.items[i])
            continue;
        weir_instance *target = weir_instance_of(to.items[i]);
        if (!target || !belong_together(from, target))
            return weir_error_set(error, WEIR_ARGUMENT, "%s.%s points to what is no instance of the same session",
                                  relationship->pairs.parent->name, relationship->member->name);
        if (target->visit != visit && add(all, target, visit, error) != WEIR_OK)
            return error->status;
    }
    return WEIR_OK;
}

static int find_all(found *all, weir_instance *first, weir_error *error)
{
    whole *of = whole_of(first);
    uint32_t visit = of ? ++of->visit : weir_store_next_visit(weir_mapper_of(first)->store);
    int status = add(all, first, visit, error);
    for (size_t i = 0; i < all->count && status == WEIR_OK; i++) {
        const weir_mapper *mapper = weir_mapper_of(all->items[i]);
        for (size_t k = 0; k < mapper->relationship_count && status == WEIR_OK; k++)
            status = reach(all, all->items[i], &mapper->relationships[k], visit, error);
    }
    return status;
}

/* ---- laying it out ------------------------------------------------------------------------------------------------------------------- */

enum { KEPT = WEIR_INSTANCE_EXPIRED | WEIR_INSTANCE_MODIFIED | WEIR_INSTANCE_TURNED };

static int lay_out(whole *copy, const found *all, weir_error *error)
{
    char *at = copy->slots;
    weir_slab_chunk *chunk = NULL;
    for (size_t i = 0; i < all->count; i++) {
        weir_instance *from = all->items[i], *to = (weir_instance *)(void *)(at + sizeof(weir_rest));
        const weir_entity *entity = weir_mapper_of(from)->entity;
        if (!chunk || chunk->mapper->entity != entity)
            chunk = chunk_of(copy->copies, entity, error);
        if (!chunk)
            return error->status;
        *to = (weir_instance){ .chunk = chunk, .key = from->key, .loaded = from->loaded, .mark = weir_instance_mark(to),
                               .flags = WEIR_DETACHED | WEIR_INSTANCE_COPY | (from->flags & KEPT) };
        *weir_rest_of(to) = (weir_rest){ .link = (weir_instance *)(void *)copy, .overrides = weir_overrides_of(from) };
        memcpy(weir_instance_struct(to), weir_instance_struct(from), entity->size);
        weir_rest_of(from)->mark_link = to;
        at += slot_size(from);
    }
    return WEIR_OK;
}

static void *copy_of(void *target) { return target ? weir_instance_struct(weir_rest_of((weir_instance *)target - 1)->mark_link) : NULL; }

static int copy_relationship(weir_instance *from, weir_instance *to, const weir_mapped_relationship *relationship, weir_arena *room)
{
    targets old = targets_of(from, relationship), copied = { NULL, old.count };
    char *at = (char *)weir_instance_struct(to) + relationship->member->offset;
    if (!relationship->pairs.to_many) {
        void *target = old.count ? copy_of(*old.items) : NULL;
        memcpy(at, &target, sizeof target);
        return WEIR_OK;
    }
    if (old.items && !(copied.items = weir_arena_take(room, (old.count + 1) * sizeof *copied.items)))
        return WEIR_OUT_OF_MEMORY;
    WEIR_HOLDS(old.items || !old.count);
    for (size_t i = 0; i < old.count; i++)
        copied.items[i] = copy_of(old.items[i]);
    memcpy(at, &copied, sizeof copied);
    return WEIR_OK;
}

static int fill(const found *all, weir_arena *room)
{
    for (size_t i = 0; i < all->count; i++) {
        weir_instance *from = all->items[i], *to = weir_rest_of(from)->mark_link;
        const weir_mapper *mapper = weir_mapper_of(from);
        int status = weir_instance_copy_columns(mapper, room, weir_instance_struct(from), weir_instance_struct(to));
        for (size_t k = 0; k < mapper->relationship_count && status == WEIR_OK; k++)
            status = copy_relationship(from, to, &mapper->relationships[k], room);
        if (status != WEIR_OK || room->blocks)
            return WEIR_OUT_OF_MEMORY;          /* the second: never, extents are upper bounds */
    }
    return WEIR_OK;
}

static whole *make(weir_copies *copies, const found *all, weir_error *error)
{
    weir_ledger *ledger = &copies->store.ledger;
    whole *copy = weir_alloc(ledger, WEIR_MEMORY_BATCH, sizeof *copy + all->bytes);
    if (!copy) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    *copy = (whole){ .copies = copies, .count = all->count };
    atomic_init(&copy->references, 1);
    if (lay_out(copy, all, error) == WEIR_OK) {
        weir_arena room = { .ledger = ledger, .purpose = WEIR_MEMORY_BATCH, .first_size = 64, .end = copy->slots + all->bytes };
        room.next = copy->slots;
        for (size_t i = 0; i < all->count; i++)
            room.next += slot_size(all->items[i]);
        if (fill(all, &room) == WEIR_OK) {
            atomic_fetch_add(&copies->references, 1);
            return copy;
        }
        weir_arena_free(&room);
        weir_error_out_of_memory(error);
    }
    weir_free(copy);
    return NULL;
}

void *weir_instance_copy(weir_copies *copies, weir_instance *instance, size_t *bytes, weir_error *error)
{
    found all = { .capacity = MANY };
    all.items = all.few;
    whole *copy = find_all(&all, instance, error) == WEIR_OK ? make(copies, &all, error) : NULL;
    if (all.items != all.few)
        weir_free(all.items);
    if (!copy)
        return NULL;
    *bytes = weir_block_bytes(copy);
    return weir_instance_struct((weir_instance *)(void *)(copy->slots + sizeof(weir_rest)));
}

/* ---- holders ------------------------------------------------------------------------------------------------------------------------ */

void weir_instance_copy_hold(weir_instance *instance) { atomic_fetch_add(&whole_of(instance)->references, 1); }

void weir_instance_copy_let_go(weir_instance *instance)
{
    whole *copy = whole_of(instance);
    if (atomic_fetch_sub(&copy->references, 1) > 1)
        return;
    char *at = copy->slots;
    for (size_t i = 0; i < copy->count; i++) {
        weir_instance *part = (weir_instance *)(void *)(at + sizeof(weir_rest));
        at += slot_size(part);
        weir_instance_drop_values(part);        /* what it was given since */
    }
    weir_copies *copies = copy->copies;
    weir_free(copy);
    weir_copies_release(copies);
}
