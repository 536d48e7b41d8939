/* The identity map: one instance per entity and primary key, one map per mapper. Keys that come in their own order, as those of most
 * streams do, are a sorted list; the first that does not makes a table of it, with open addressing, where removal shifts back. */
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

static weir_identity_entry *resize(weir_mapper *mapper, weir_identity_entry *entries, size_t capacity)
{
    return weir_resize(&mapper->store->ledger, WEIR_MEMORY_BATCH, entries, capacity * sizeof *entries);
}

/* ---- a list ------------------------------------------------------------------------------------------------------------------------ */

static void list_ends_at(weir_identity_map *map, size_t listed)
{
    while (listed && !map->entries[listed - 1].instance)
        listed--;
    map->listed = listed;
    map->last = listed ? (int64_t)map->entries[listed - 1].key : INT64_MIN;
}

/* Entries that were left go, and only those; memory stays. */
static void close_up(weir_identity_map *map)
{
    size_t kept = 0;
    for (size_t i = 0; i < map->listed; i++)
        if (map->entries[i].instance)
            map->entries[kept++] = map->entries[i];
    list_ends_at(map, kept);
}

static weir_identity_entry *find_in_list(weir_identity_map *map, uint64_t key)
{
    size_t low = 0, high = map->listed, i = map->near ? map->near - 1 : 0;
    for (size_t end = i + 3; i < end && i < high; i++)
        if (map->entries[i].key == key) {
            map->near = i;
            return &map->entries[i];
        }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((int64_t)map->entries[middle].key < (int64_t)key)
            low = middle + 1;
        else
            high = middle;
    }
    map->near = low;
    return low < map->listed && map->entries[low].key == key ? &map->entries[low] : NULL;
}

/* The entry behind the last. NULL: no memory. */
static weir_identity_entry *append(weir_mapper *mapper)
{
    weir_identity_map *map = &mapper->map;
    if (map->listed == map->room && map->listed / 2 > map->count)
        close_up(map);
    if (map->listed == map->room) {
        size_t room = map->room ? map->room * 2 : FIRST_CAPACITY;
        weir_identity_entry *entries = resize(mapper, map->entries, room);
        if (!entries)
            return NULL;
        map->entries = entries;
        map->room = room;
    }
    map->entries[map->listed].instance = NULL;
    return &map->entries[map->listed];
}

static void remove_from_list(weir_identity_map *map, const weir_instance *instance)
{
    weir_identity_entry *entry = find_in_list(map, instance->key);
    if (!entry || entry->instance != instance)
        return;
    entry->instance = NULL;
    map->count--;
    if (entry == map->entries + map->listed - 1)
        list_ends_at(map, map->listed);
}

void weir_identity_begin(weir_mapper *mapper)
{
    weir_identity_map *map = &mapper->map;
    if (map->count || map->is_list || !mapper->integer_key)
        return;
    map->room = map->entries ? map->mask + 1 : 0;
    map->mask = map->listed = 0;
    map->last = INT64_MIN;
    map->is_list = true;
}

/* ---- a table ------------------------------------------------------------------------------------------------------------------------- */

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

/* A table of so many entries, whatever the map was before. */
static int make_table(weir_mapper *mapper, size_t capacity)
{
    weir_identity_map *map = &mapper->map, old = *map;
    weir_identity_entry *entries = weir_alloc_zero(&mapper->store->ledger, WEIR_MEMORY_BATCH, capacity * sizeof *entries);
    if (!entries)
        return WEIR_OUT_OF_MEMORY;
    map->entries = entries;
    map->is_list = false;
    map->listed = map->room = 0;
    map->mask = capacity - 1;
    map->shift = 64;
    for (size_t rest = map->mask; rest > 7; rest >>= 1)
        map->shift--;
    for (size_t i = 0; i < weir_identity_extent(&old); i++)
        if (old.entries[i].instance)
            enter(map, old.entries[i].key, old.entries[i].instance);
    weir_free(old.entries);
    return WEIR_OK;
}

static size_t table_for(size_t count)
{
    size_t capacity = FIRST_CAPACITY;
    while (capacity / 2 <= count)
        capacity *= 2;
    return capacity;
}

static void remove_from_table(weir_identity_map *map, const weir_instance *instance)
{
    size_t hole = weir_identity_place(map, instance->key);
    while (map->entries[hole].instance && map->entries[hole].instance != instance)
        hole = (hole + 1) & map->mask;
    if (!map->entries[hole].instance)
        return;
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

/* ---- either ---------------------------------------------------------------------------------------------------------------------------- */

weir_identity_entry *weir_identity_entry_of(weir_mapper *mapper, uint64_t key, const void *key_object)
{
    weir_identity_map *map = &mapper->map;
    if (map->is_list) {
        if (!map->listed || (int64_t)key > map->last)
            return append(mapper);
        weir_identity_entry *entry = find_in_list(map, key);
        if (entry)
            return entry;
    }
    if ((map->is_list || !map->mask || map->count > map->mask / 2) && make_table(mapper, table_for(map->count)) != WEIR_OK)
        return NULL;
    return probe(mapper, key, key_object);
}

void weir_identity_remove(weir_mapper *mapper, weir_instance *instance)
{
    if (mapper->map.is_list)
        remove_from_list(&mapper->map, instance);
    else if (mapper->map.mask)
        remove_from_table(&mapper->map, instance);
}

void weir_identity_empty(weir_mapper *mapper)
{
    weir_identity_map *map = &mapper->map;
    if (map->is_list)
        list_ends_at(map, 0);
    else if (map->count)
        memset(map->entries, 0, (map->mask + 1) * sizeof *map->entries);
    map->count = 0;
}

/* When nothing else is in the map, it is emptied as a whole, unless it is a table that is large for them. */
void weir_identity_remove_all(weir_mapper *mapper, weir_instance *const *instances, size_t count)
{
    const weir_identity_map *map = &mapper->map;
    if (map->count == count && map->mask / EMPTIED_SHARE < count) {
        weir_identity_empty(mapper);
        return;
    }
    while (count-- > 0)
        weir_identity_remove(mapper, instances[count]);
}

/* What two rounds did not need goes, so that one large result does not leave a large map. Without memory it stays. */
void weir_identity_trim(weir_mapper *mapper, bool all)
{
    weir_identity_map *map = &mapper->map;
    size_t needed = all ? map->count : map->peak > map->peak_before ? map->peak : map->peak_before;
    size_t capacity = map->is_list ? map->room : map->mask + 1;
    map->peak_before = map->peak;
    map->peak = map->count;
    if (!map->entries || capacity <= FIRST_CAPACITY || (capacity - 1) / EMPTIED_SHARE < needed)
        return;
    capacity = FIRST_CAPACITY;
    while (capacity / 4 < needed)
        capacity *= 2;
    if (!map->is_list) {
        (void)make_table(mapper, capacity);
        return;
    }
    close_up(map);
    weir_identity_entry *entries = resize(mapper, map->entries, capacity);
    if (!entries)
        return;
    map->entries = entries;
    map->room = capacity;
}

/* key_object: with the key in its members. */
static weir_instance *look_up(const weir_mapper *mapper, weir_identity_map *map, uint64_t key, const void *key_object)
{
    if (!map->count)
        return NULL;
    const weir_identity_entry *entry = map->is_list ? find_in_list(map, key) : probe(mapper, key, key_object);
    return entry ? entry->instance : NULL;
}

weir_instance *weir_identity_of_struct(weir_mapper *mapper, const void *object)
{
    return look_up(mapper, &mapper->map, weir_identity_key(mapper, object), object);
}

weir_instance *weir_identity_look_up(weir_mapper *mapper, const weir_value *keys, size_t count)
{
    char reason[WEIR_REASON_SIZE];
    if (count != mapper->key_count || !mapper->map.count)
        return NULL;
    bool plain = mapper->integer_key && keys[0].type >= WEIR_T_INT16 && keys[0].type <= WEIR_T_INT64;
    for (size_t i = 0; i < count && !plain; i++)
        if (weir_member_store(mapper->keys[i], mapper->scratch, &keys[i], reason) != WEIR_OK)
            return NULL;
    return plain ? look_up(mapper, &mapper->map, (uint64_t)keys[0].as.i, NULL) : weir_identity_of_struct(mapper, mapper->scratch);
}
