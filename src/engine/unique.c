/* The set of keys behind the unique filter: a hash table over copies of the values. */
#include "engine/unique.h"
#include "base/holds.h"
#include "base/values.h"
#include <string.h>

struct weir_seen_entry {
    uint64_t   hash;
    int64_t    tag;
    size_t     count;
    weir_value values[];
};

enum { FIRST_CAPACITY = 64, COLUMNS_ON_STACK = 32 };

void weir_seen_init(weir_seen *seen, weir_ledger *ledger)
{
    *seen = (weir_seen){ .ledger = ledger };
    weir_arena_init(&seen->arena, ledger, WEIR_MEMORY_BATCH, 1024);
}

void weir_seen_free(weir_seen *seen)
{
    weir_free(seen->table);
    weir_arena_free(&seen->arena);
    seen->table = NULL;
    seen->capacity = seen->count = 0;
}

static uint64_t mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static uint64_t hash_key(int64_t tag, const weir_value *const *values, size_t count)
{
    uint64_t hash = mix(count, (uint64_t)tag);
    for (size_t i = 0; i < count; i++)
        hash = mix(hash, weir_value_hash(values[i]));
    return hash;
}

static bool same_key(const weir_seen_entry *entry, int64_t tag, const weir_value *const *values, size_t count)
{
    if (entry->tag != tag || entry->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!weir_value_equal(&entry->values[i], values[i]))
            return false;
    return true;
}

static weir_seen_entry **find_place(const weir_seen *seen, uint64_t hash, int64_t tag, const weir_value *const *values, size_t count)
{
    for (size_t i = (size_t)hash & (seen->capacity - 1);; i = (i + 1) & (seen->capacity - 1)) {
        weir_seen_entry *entry = seen->table[i];
        if (!entry || (entry->hash == hash && same_key(entry, tag, values, count)))
            return &seen->table[i];
    }
}

static int make_room(weir_seen *seen)
{
    if (seen->table && seen->count < seen->capacity / 4 * 3)
        return WEIR_OK;
    WEIR_HOLDS(seen->table || !seen->capacity);
    size_t capacity = seen->capacity ? seen->capacity * 2 : FIRST_CAPACITY;
    weir_seen_entry **table = weir_alloc_zero(seen->ledger, WEIR_MEMORY_BATCH, capacity * sizeof(weir_seen_entry *));
    if (!table)
        return WEIR_OUT_OF_MEMORY;
    for (size_t i = 0; i < seen->capacity; i++) {
        if (!seen->table[i])
            continue;
        size_t place = (size_t)seen->table[i]->hash & (capacity - 1);
        while (table[place])
            place = (place + 1) & (capacity - 1);
        table[place] = seen->table[i];
    }
    weir_free(seen->table);
    seen->table = table;
    seen->capacity = capacity;
    return WEIR_OK;
}

int weir_seen_add(weir_seen *seen, int64_t tag, const weir_value *const *values, size_t count)
{
    if (make_room(seen) != WEIR_OK)
        return WEIR_OUT_OF_MEMORY;
    uint64_t hash = hash_key(tag, values, count);
    weir_seen_entry **place = find_place(seen, hash, tag, values, count);
    if (*place)
        return 0;
    weir_seen_entry *entry = weir_arena_take(&seen->arena, sizeof *entry + count * sizeof(weir_value));
    if (!entry)
        return WEIR_OUT_OF_MEMORY;
    entry->hash = hash;
    entry->tag = tag;
    entry->count = count;
    for (size_t i = 0; i < count; i++)
        if (weir_value_copy(&seen->arena, values[i], &entry->values[i]) != WEIR_OK)
            return WEIR_OUT_OF_MEMORY;
    *place = entry;
    seen->count++;
    return 1;
}

int weir_seen_add_row(weir_seen *seen, int64_t tag, const weir_row *row)
{
    const weir_view *view = row->view;
    const weir_value *few[COLUMNS_ON_STACK] = { NULL }, **values = few;
    if (view->count > COLUMNS_ON_STACK) {
        values = weir_alloc(seen->ledger, WEIR_MEMORY_BATCH, view->count * sizeof(weir_value *));
        if (!values)
            return WEIR_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < view->count; i++)
        values[i] = &row->cells[weir_view_cell(view, i)];
    int outcome = weir_seen_add(seen, tag, values, view->count);
    if (values != few)
        weir_free(values);
    return outcome;
}
