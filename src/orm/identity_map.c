/* The identity map: one instance per entity and primary key. Open addressing, one table per mapper; removal shifts back. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

enum { FIRST_CAPACITY = 64, EMPTIED_SHARE = 16 };

static int64_t integer_member(const weir_member *member, const void *object)
{
    const char *at = (const char *)object + member->offset;
    if (member->type == WEIR_M_INT64)
        return *(const int64_t *)(const void *)at;
    if (member->type == WEIR_M_INT32)
        return *(const int32_t *)(const void *)at;
    return *(const int16_t *)(const void *)at;
}

uint64_t weir_identity_key(const weir_mapper *mapper, const void *object)
{
    if (mapper->integer_key)
        return (uint64_t)integer_member(mapper->keys[0], object);
    uint64_t hash = mapper->key_count;
    for (size_t i = 0; i < mapper->key_count; i++) {
        weir_value value;
        weir_member_value(mapper->keys[i], object, &value);
        hash = (hash ^ weir_value_hash(&value)) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return hash;
}

static bool same_key(const weir_mapper *mapper, const void *one, const void *other)
{
    for (size_t i = 0; i < mapper->key_count; i++) {
        weir_value a, b;
        weir_member_value(mapper->keys[i], one, &a);
        weir_member_value(mapper->keys[i], other, &b);
        if (!weir_value_equal(&a, &b))
            return false;
    }
    return true;
}

/* The entry of the key, or the free one where it belongs. There is a free one. */
static inline weir_identity_entry *probe(const weir_mapper *mapper, uint64_t key, const void *key_object)
{
    const weir_identity_map *map = &mapper->map;
    for (size_t i = weir_identity_place(map, key);; i = (i + 1) & map->mask) {
        weir_identity_entry *entry = &map->entries[i];
        if (!entry->instance)
            return entry;
        if (entry->key == key && (mapper->integer_key || same_key(mapper, weir_instance_old_key(entry->instance), key_object)))
            return entry;
    }
}

static void enter(weir_identity_map *map, uint64_t key, weir_instance *instance)
{
    size_t i = weir_identity_place(map, key);
    while (map->entries[i].instance)
        i = (i + 1) & map->mask;
    map->entries[i] = (weir_identity_entry){ key, instance };
}

static int resize(weir_mapper *mapper, size_t capacity)
{
    weir_identity_map *map = &mapper->map, old = *map;
    weir_identity_entry *entries = weir_alloc_zero(&mapper->store->ledger, WEIR_MEMORY_BATCH, capacity * sizeof *entries);
    if (!entries)
        return WEIR_OUT_OF_MEMORY;
    map->entries = entries;
    map->mask = capacity - 1;
    map->shift = 64;
    for (size_t rest = map->mask; rest > 7; rest >>= 1)
        map->shift--;
    for (size_t i = 0; old.entries && i <= old.mask; i++)
        if (old.entries[i].instance)
            enter(map, old.entries[i].key, old.entries[i].instance);
    weir_free(old.entries);
    return WEIR_OK;
}

weir_identity_entry *weir_identity_entry_of(weir_mapper *mapper, uint64_t key, const void *key_object)
{
    weir_identity_map *map = &mapper->map;
    size_t capacity = map->entries ? map->mask + 1 : 0;
    if (map->count >= capacity / 2 && resize(mapper, capacity ? capacity * 2 : FIRST_CAPACITY) != WEIR_OK)
        return NULL;
    return probe(mapper, key, key_object);
}

void weir_identity_remove(weir_mapper *mapper, weir_instance *instance)
{
    weir_identity_map *map = &mapper->map;
    size_t hole = weir_identity_place(map, instance->key);
    while (map->entries[hole].instance != instance)
        hole = (hole + 1) & map->mask;
    for (size_t i = (hole + 1) & map->mask; map->entries[i].instance; i = (i + 1) & map->mask) {
        size_t wanted = weir_identity_place(map, map->entries[i].key);
        if (((i - wanted) & map->mask) >= ((i - hole) & map->mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (weir_identity_entry){ 0, NULL };
    map->count--;
}

void weir_identity_empty(weir_mapper *mapper)
{
    weir_identity_map *map = &mapper->map;
    if (map->count)
        memset(map->entries, 0, (map->mask + 1) * sizeof *map->entries);
    map->count = 0;
}

/* When nothing else is in the map, it is emptied as a whole, unless it is large for them. */
void weir_identity_remove_all(weir_mapper *mapper, weir_instance *const *instances, size_t count)
{
    weir_identity_map *map = &mapper->map;
    if (map->count == count && map->mask / EMPTIED_SHARE < count) {
        weir_identity_empty(mapper);
        return;
    }
    while (count-- > 0)
        weir_identity_remove(mapper, instances[count]);
}

/* What two rounds did not need goes, so that one large result does not leave a large table. */
void weir_identity_trim(weir_mapper *mapper, bool all)
{
    weir_identity_map *map = &mapper->map;
    size_t needed = all ? map->count : map->peak > map->peak_before ? map->peak : map->peak_before;
    map->peak_before = map->peak;
    map->peak = map->count;
    if (!map->entries || map->mask + 1 <= FIRST_CAPACITY || map->mask / 16 < needed)
        return;
    size_t capacity = FIRST_CAPACITY;
    while (capacity / 4 < needed)
        capacity *= 2;
    (void)resize(mapper, capacity);     /* without memory it stays large */
}

weir_instance *weir_identity_look_up(weir_mapper *mapper, const weir_value *keys, size_t count)
{
    if (count != mapper->key_count)
        return NULL;
    if (!mapper->map.count)
        return NULL;
    if (mapper->integer_key && keys[0].type >= WEIR_T_INT16 && keys[0].type <= WEIR_T_INT64)
        return probe(mapper, (uint64_t)keys[0].as.i, NULL)->instance;
    char reason[WEIR_REASON_SIZE];
    for (size_t i = 0; i < count; i++)
        if (weir_member_store(mapper->keys[i], mapper->scratch, &keys[i], reason) != WEIR_OK)
            return NULL;
    return probe(mapper, weir_identity_key(mapper, mapper->scratch), mapper->scratch)->instance;
}
