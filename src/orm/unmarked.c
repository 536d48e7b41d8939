/* WEIR_DEBUG=changes: what was loaded is remembered beside the instances, and a column that the program wrote without marking it
 * gives a warning where the change gets lost: the instance is dropped, expires, leaves the session, or a flush passes it by.
 *
 * A member that points somewhere else was written, and what it points to is not read: its memory may be gone by now. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 160, SLOTS_AT_FIRST = 64 };
enum { WARNED = 1, WRITTEN = 2 };           /* bits of a column; WRITTEN: when its values move, it is another than was loaded */

struct weir_recall {
    const weir_instance *instance;
    char                 name[NAME_SIZE];
    unsigned char       *columns;           /* bits of each, behind the struct */
    uint64_t            *hashes;            /* of what pointers lead to, a hash for each column */
    _Alignas(max_align_t) char object[];    /* the struct as it was loaded */
};

/* ---- the table: open addressing by the instance's address ------------------------------------------------------------------------ */

static size_t place_of(const weir_recall_table *table, const weir_instance *instance)
{
    return (size_t)((uint64_t)(uintptr_t)instance * UINT64_C(0x9E3779B97F4A7C15) >> 20) & table->mask;
}

/* Where it is, or where it would be put. The table has room. */
static size_t find(const weir_recall_table *table, const weir_instance *instance)
{
    size_t at = place_of(table, instance);
    while (table->slots[at] && table->slots[at]->instance != instance)
        at = (at + 1) & table->mask;
    return at;
}

static weir_recall *seen_of(const weir_instance *instance)
{
    const weir_recall_table *table = &weir_mapper_of(instance)->store->seen;
    return table->slots ? table->slots[find(table, instance)] : NULL;
}

static bool make_room(weir_store *store)
{
    weir_recall_table old = store->seen, *table = &store->seen;
    if (old.slots && old.count < old.mask / 2)
        return true;
    size_t capacity = old.slots ? 2 * (old.mask + 1) : SLOTS_AT_FIRST;
    weir_recall **slots = weir_alloc_zero(&store->ledger, WEIR_MEMORY_BATCH, capacity * sizeof *slots);
    if (!slots)
        return false;
    table->slots = slots;
    table->mask = capacity - 1;
    for (size_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i])
            slots[find(table, old.slots[i]->instance)] = old.slots[i];
    weir_free(old.slots);
    return true;
}

void weir_recall_forget(const weir_instance *instance)
{
    weir_recall_table *table = &weir_mapper_of(instance)->store->seen;
    if (!table->slots)
        return;
    size_t hole = find(table, instance);
    if (!table->slots[hole])
        return;
    weir_free(table->slots[hole]);
    table->slots[hole] = NULL;
    table->count--;
    /* Those behind it that would not be found across the hole move up. */
    for (size_t at = (hole + 1) & table->mask; table->slots[at]; at = (at + 1) & table->mask) {
        size_t wanted = place_of(table, table->slots[at]->instance);
        if (((at - wanted) & table->mask) >= ((at - hole) & table->mask)) {
            table->slots[hole] = table->slots[at];
            table->slots[at] = NULL;
            hole = at;
        }
    }
}

void weir_recall_free(weir_store *store)
{
    for (size_t i = 0; store->seen.slots && i <= store->seen.mask; i++)
        weir_free(store->seen.slots[i]);
    weir_free(store->seen.slots);
}

/* ---- remembering ------------------------------------------------------------------------------------------------------------------- */

static bool is_pointer(const weir_member *member) { return member->type >= WEIR_M_CSTR && member->type <= WEIR_M_ARRAY; }

static uint64_t hash_of(const weir_member *member, const void *object)
{
    weir_value value;
    weir_member_value(member, object, &value);
    return weir_value_hash(&value);
}

static weir_recall *add(const weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    size_t size = (mapper->entity->size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
    if (!make_room(mapper->store))
        return NULL;
    weir_recall *seen = weir_alloc_zero(&mapper->store->ledger, WEIR_MEMORY_BATCH,
                                      sizeof *seen + size + mapper->column_count * (sizeof(uint64_t) + 1));
    if (!seen)
        return NULL;
    seen->instance = instance;
    seen->hashes = (uint64_t *)(void *)(seen->object + size);
    seen->columns = (unsigned char *)(seen->hashes + mapper->column_count);
    mapper->store->seen.slots[find(&mapper->store->seen, instance)] = seen;
    mapper->store->seen.count++;
    return seen;
}

void weir_recall_note(const weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    if (!mapper->store->seen.on || weir_instance_state(instance) != WEIR_PERSISTENT)
        return;
    weir_recall *seen = seen_of(instance);
    if (!seen && !(seen = add(instance)))
        return;                         /* without memory there is no warning */
    memcpy(seen->object, instance + 1, mapper->entity->size);
    for (size_t i = 0; i < mapper->column_count; i++)
        if (is_pointer(mapper->columns[i]))
            seen->hashes[i] = hash_of(mapper->columns[i], instance + 1);
    weir_instance_name(instance, seen->name, sizeof seen->name);
}

/* ---- comparing --------------------------------------------------------------------------------------------------------------------- */

static bool is_same_place(const weir_recall *seen, const weir_member *member, const void *object)
{
    return memcmp(seen->object + member->offset, (const char *)object + member->offset, member->size) == 0;
}

static bool differs(const weir_recall *seen, const weir_member *member, size_t column, const void *object)
{
    bool same = is_same_place(seen, member, object);
    if (is_pointer(member))
        return !same || hash_of(member, object) != seen->hashes[column];
    weir_value was, is;
    if (same)
        return false;
    weir_member_value(member, seen->object, &was);
    weir_member_value(member, object, &is);
    return !weir_value_equal(&was, &is);
}

/* Versions are the flush's own. */
static bool is_marked(const weir_instance *instance, const weir_member *member, size_t column)
{
    const weir_side *side = weir_side_of(instance);
    if (member->version)
        return true;
    if (member->primary_key)
        return side && (side->old_key || side->key_lost);
    return (instance->flags & WEIR_INSTANCE_MODIFIED) && weir_before_changed(instance, column);
}

static void check(const weir_instance *instance, weir_recall *seen)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    const weir_session *session = mapper->store->session;
    if (weir_instance_state(instance) != WEIR_PERSISTENT || weir_is_deleting(instance))
        return;
    for (size_t i = 0; i < mapper->column_count; i++) {
        const weir_member *member = mapper->columns[i];
        if (seen->columns[i] & WARNED || is_marked(instance, member, i) || !differs(seen, member, i, instance + 1))
            continue;
        seen->columns[i] |= WARNED;
        weir_warn(&mapper->store->core->log, session && session->connection ? weir_connection_number(session->connection) : 0, NULL,
                  "%s: %s was written but not marked: use WEIR_SET or weir_changed; the change will not be saved", seen->name, member->name);
    }
}

void weir_recall_check(const weir_instance *instance)
{
    weir_recall *seen = seen_of(instance);
    if (seen)
        check(instance, seen);
}

void weir_recall_check_all(weir_store *store)
{
    for (size_t i = 0; store->seen.slots && i <= store->seen.mask; i++)
        if (store->seen.slots[i])
            check(store->seen.slots[i]->instance, store->seen.slots[i]);
}

/* ---- values that move ---------------------------------------------------------------------------------------------------------------- */

void weir_recall_moving(const weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_recall *seen = seen_of(instance);
    for (size_t i = 0; seen && i < mapper->column_count; i++) {
        bool written = !is_same_place(seen, mapper->columns[i], instance + 1);
        seen->columns[i] = (unsigned char)((seen->columns[i] & WARNED) | (written ? WRITTEN : 0));
    }
}

void weir_recall_moved(const weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_recall *seen = seen_of(instance);
    for (size_t i = 0; seen && i < mapper->column_count; i++) {
        size_t offset = mapper->columns[i]->offset;
        if (!(seen->columns[i] & WRITTEN))
            memcpy(seen->object + offset, (const char *)(instance + 1) + offset, mapper->columns[i]->size);
    }
}
