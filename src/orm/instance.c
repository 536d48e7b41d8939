/* Instances: their states, holders, values of their own, and the relationships that are attached to them. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>
#include "orm/instance_copy.h"

/* ---- values of its own ---------------------------------------------------------------------------------------------------------
 * One block: an arena whose room lies behind it, so that one allocation holds all. */

typedef struct own_values { weir_arena arena; _Alignas(max_align_t) char room[]; } own_values;
typedef struct collection { void **items; size_t count; } collection;

static collection *collection_of(weir_instance *instance, const weir_mapped_relationship *relationship)
{
    return (collection *)(void *)((char *)weir_instance_struct(instance) + relationship->member->offset);
}

static bool has_collection(const weir_instance *instance, const weir_mapped_relationship *relationship)
{
    return relationship->pairs.to_many && (instance->loaded >> (relationship->bit + WEIR_REACHES) & 1);
}

size_t weir_instance_extent(weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    size_t extent = 0;
    for (size_t i = 0; mapper->has_pointers && i < mapper->column_count; i++) {
        weir_value value;
        weir_member_value(mapper->columns[i], weir_instance_struct(instance), &value);
        extent += weir_value_extent(&value);
    }
    for (size_t i = 0; i < mapper->relationship_count; i++)
        if (has_collection(instance, &mapper->relationships[i]))
            extent += collection_of(instance, &mapper->relationships[i])->count * sizeof(void *) + sizeof(void *) + _Alignof(max_align_t);
    return extent;
}

int weir_instance_copy_columns(const weir_mapper *mapper, weir_arena *arena, const void *from, void *to)
{
    char reason[WEIR_REASON_SIZE];
    for (size_t i = 0; mapper->has_pointers && i < mapper->column_count; i++) {
        const weir_member *member = mapper->columns[i];
        if (member->type < WEIR_M_CSTR || member->type > WEIR_M_ARRAY)
            continue;
        weir_value value, copy;
        weir_member_value(member, from, &value);
        if (value.type == WEIR_T_NULL)
            continue;
        if (weir_value_copy(arena, &value, &copy) != WEIR_OK)
            return WEIR_OUT_OF_MEMORY;
        /* A numeric and such need no check: it was one before. */
        if (member->type == WEIR_M_CSTR)
            memcpy((char *)to + member->offset, &copy.as.text.ptr, sizeof copy.as.text.ptr);
        else if (member->type == WEIR_M_ARRAY)
            (void)weir_member_store(member, to, &copy, reason);
        else
            memcpy((char *)to + member->offset, &copy.as, member->size);
    }
    return WEIR_OK;
}

/* Collections in a block of the instance's own have room for so many, which the word in front of their items says. */
static size_t room_for(size_t count, bool growing) { return growing ? 2 * count + 8 : count ? count : 1; }

static size_t room_extent(weir_instance *instance, const weir_mapped_relationship *growing)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    size_t extent = 0;
    for (size_t i = 0; i < mapper->relationship_count; i++)
        if (has_collection(instance, &mapper->relationships[i]))
            extent += (2 + room_for(collection_of(instance, &mapper->relationships[i])->count, growing == &mapper->relationships[i])) *
                      sizeof(void *) - collection_of(instance, &mapper->relationships[i])->count * sizeof(void *);
    return extent;
}

static int copy_collections(weir_instance *instance, const weir_mapper *mapper, const weir_mapped_relationship *growing, weir_arena *arena,
                            void *to)
{
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        const weir_mapped_relationship *relationship = &mapper->relationships[i];
        if (!has_collection(instance, relationship))
            continue;
        const collection *from = collection_of(instance, relationship);
        size_t room = room_for(from->count, relationship == growing);
        void **items = weir_arena_take(arena, (1 + room) * sizeof *items);
        if (!items)
            return WEIR_OUT_OF_MEMORY;
        memcpy(items++, &room, sizeof room);
        if (from->count)
            memcpy(items, from->items, from->count * sizeof *items);
        *(collection *)(void *)((char *)to + relationship->member->offset) = (collection){ items, from->count };
    }
    return WEIR_OK;
}

static void free_own(void *own)
{
    own_values *values = own;
    if (values)
        weir_arena_free(&values->arena);
    weir_free(values);
}

static void set_own(weir_instance *instance, own_values *values)
{
    if (values) {
        weir_rest_of(instance)->own = values;
        instance->flags |= WEIR_INSTANCE_OWNS;
    } else {
        instance->flags &= ~(uint32_t)WEIR_INSTANCE_OWNS;
    }
}

static int settle(weir_instance *instance, const weir_mapped_relationship *growing)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    size_t extent = weir_instance_extent(instance) + room_extent(instance, growing);
    void *object = weir_instance_struct(instance);
    own_values *values = NULL;
    weir_before_note(instance);
    weir_recall_moving(instance);
    if (extent) {
        values = weir_alloc(&mapper->store->own, WEIR_MEMORY_BATCH, sizeof *values + extent + mapper->entity->size);
        if (!values)
            return WEIR_OUT_OF_MEMORY;
        weir_arena_init(&values->arena, &mapper->store->own, WEIR_MEMORY_BATCH, 64);
        values->arena.next = values->room + mapper->entity->size;
        values->arena.end = values->arena.next + extent;
        /* The struct is put together beside itself first, so that a failure leaves it as it was. */
        memcpy(values->room, object, mapper->entity->size);
        if (weir_instance_copy_columns(mapper, &values->arena, object, values->room) != WEIR_OK ||
            copy_collections(instance, mapper, growing, &values->arena, values->room) != WEIR_OK) {
            free_own(values);
            return WEIR_OUT_OF_MEMORY;
        }
        memcpy(object, values->room, mapper->entity->size);
    }
    free_own(weir_own_of(instance));
    set_own(instance, values);
    weir_before_moved(instance);
    weir_recall_moved(instance);
    weir_holding_leave(instance);
    return WEIR_OK;
}

int weir_instance_settle(weir_instance *instance) { return settle(instance, NULL); }
int weir_instance_settle_growing(weir_instance *instance, const weir_mapped_relationship *relationship) { return settle(instance, relationship); }

bool weir_collection_append(weir_instance *instance, const weir_mapped_relationship *relationship, weir_instance *item)
{
    const own_values *own = weir_own_of(instance);
    collection *items = collection_of(instance, relationship);
    size_t room;
    if (!own || (const char *)items->items < own->room || (const char *)items->items >= own->arena.end)
        return false;
    memcpy(&room, items->items - 1, sizeof room);
    if (items->count >= room)
        return false;
    items->items[items->count++] = weir_instance_struct(item);
    item->flags |= WEIR_INSTANCE_TARGET;
    weir_mapper_of(instance)->store->loosened++;
    return true;
}

void weir_instance_drop_values(weir_instance *instance)
{
    free_own(weir_own_of(instance));
    set_own(instance, NULL);
    weir_side_free(instance);
    weir_holding_leave(instance);
}

/* ---- membership ------------------------------------------------------------------------------------------------------------------ */

void weir_instance_set_state(weir_instance *instance, weir_state state)
{
    instance->flags = (instance->flags & ~(uint32_t)WEIR_INSTANCE_STATE) | (uint32_t)state;
    if (state != WEIR_PERSISTENT)
        weir_recall_forget(instance);
}

void weir_instance_clean(weir_instance *instance)
{
    bool modified = instance->flags & WEIR_INSTANCE_MODIFIED;
    instance->flags &= ~(uint32_t)WEIR_INSTANCE_MODIFIED;          /* what it was changed in stays: a rollback may still be to come */
    if (modified && weir_instance_state(instance) == WEIR_PERSISTENT)
        weir_mapper_of(instance)->store->dirty--;
    if (weir_side_of(instance))
        weir_unit_forget(instance);
}

void weir_instance_detach(weir_instance *instance)
{
    weir_state state = weir_instance_state(instance);
    weir_recall_check(instance);
    weir_instance_clean(instance);
    if (state == WEIR_PERSISTENT)
        weir_identity_remove(weir_mapper_of(instance), instance);
    /* One that never was in the database is no detached one. */
    weir_instance_set_state(instance, state == WEIR_TRANSIENT || state == WEIR_PENDING ? WEIR_TRANSIENT : WEIR_DETACHED);
    instance->flags &= ~(uint32_t)WEIR_INSTANCE_SESSION_HOLDS;
    if (weir_side_of(instance))
        weir_unit_leave(instance);
}

int weir_state_of(const void *object)
{
    const weir_instance *instance = weir_instance_of(object);
    return instance ? (int)(instance->flags & (WEIR_INSTANCE_STATE | WEIR_INSTANCE_EXPIRED | WEIR_INSTANCE_MODIFIED)) : 0;
}

/* ---- holders ------------------------------------------------------------------------------------------------------------ */

void *weir_retain(void *object)
{
    weir_instance *instance = weir_instance_of(object);
    if (instance && instance->flags & WEIR_INSTANCE_COPY)
        weir_instance_copy_hold(instance);
    else if (!instance || ((instance->home || !(instance->flags & WEIR_INSTANCE_OWNS)) && weir_instance_settle(instance) != WEIR_OK))
        return NULL;
    if (!(instance->flags & WEIR_INSTANCE_RETAINED))
        weir_rest_of(instance)->retains = 0;
    weir_rest_of(instance)->retains++;
    instance->flags |= WEIR_INSTANCE_RETAINED;
    return object;
}

void weir_release(void *object)
{
    weir_instance *instance = weir_instance_of(object);
    if (!instance || !(instance->flags & WEIR_INSTANCE_RETAINED))
        return;
    weir_store *store = weir_mapper_of(instance)->store;
    if (--weir_rest_of(instance)->retains == 0)
        instance->flags &= ~(uint32_t)WEIR_INSTANCE_RETAINED;
    if (instance->flags & WEIR_INSTANCE_COPY) {
        weir_instance_copy_let_go(instance);
        return;
    }
    weir_instance_let_go(instance);
    weir_store_look(store, false);
}

/* ---- relationships ---------------------------------------------------------------------------------------------------------------------- */

static void mark_loaded(weir_instance *parent, const weir_mapped_relationship *relationship, bool reaches)
{
    parent->loaded |= UINT64_C(1) << relationship->bit;
    uint64_t reach = UINT64_C(1) << (relationship->bit + WEIR_REACHES);
    parent->loaded = reaches ? parent->loaded | reach : parent->loaded & ~reach;
    weir_mapper_of(parent)->store->loosened++;
}

void weir_attach_one(weir_instance *parent, const weir_mapped_relationship *relationship, weir_instance *target)
{
    void *object = target ? weir_instance_struct(target) : NULL;
    memcpy((char *)weir_instance_struct(parent) + relationship->member->offset, &object, sizeof object);
    if (target)
        target->flags |= WEIR_INSTANCE_TARGET;
    mark_loaded(parent, relationship, target != NULL);
}

void weir_attach_many(weir_instance *parent, const weir_mapped_relationship *relationship, void **items, size_t count)
{
    static void *const none[1] = { NULL };
    WEIR_HOLDS(items || !count);
    *collection_of(parent, relationship) = (collection){ items ? items : (void **)(uintptr_t)none, count };
    for (size_t i = 0; i < count; i++)
        ((weir_instance *)items[i] - 1)->flags |= WEIR_INSTANCE_TARGET;
    mark_loaded(parent, relationship, true);
}
