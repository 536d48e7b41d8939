/* Keys of loads: a table of open addressing that never grows, since a batch says how many there can be. */
#include "orm/load_keys.h"
#include <string.h>

bool weir_load_keys_init(weir_load_keys *keys, weir_arena *arena, size_t width, size_t most)
{
    size_t slots = 16;
    while (slots < 2 * most)
        slots *= 2;
    *keys = (weir_load_keys){ .width = width, .mask = slots - 1 };
    keys->values = weir_arena_take(arena, (most + 1) * width * sizeof *keys->values);
    keys->hashes = weir_arena_take(arena, (most + 1) * sizeof *keys->hashes);
    keys->slots = weir_arena_take(arena, slots * sizeof *keys->slots);
    if (!keys->values || !keys->hashes || !keys->slots)
        return false;
    memset(keys->slots, 0, slots * sizeof *keys->slots);
    return true;
}

void weir_load_key_normalize(weir_value *value)
{
    switch (value->type) {
    case WEIR_T_INT16: case WEIR_T_INT32: value->type = WEIR_T_INT64; break;
    case WEIR_T_FLOAT: value->type = WEIR_T_DOUBLE; break;
    case WEIR_T_ENUM: case WEIR_T_OTHER: case WEIR_T_JSON: value->type = WEIR_T_TEXT; break;
    default: break;
    }
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* Integers that follow each other, as streams bring them, get slots side by side, eight at a time. */
static uint64_t hash_of(const weir_value *key, size_t width)
{
    uint64_t hash = 0;
    if (width == 1 && key->type == WEIR_T_INT64)
        return mix((uint64_t)key->as.i >> 3) << 3 | ((uint64_t)key->as.i & 7);
    for (size_t i = 0; i < width; i++)
        hash = mix(hash + (key[i].type == WEIR_T_INT64 ? (uint64_t)key[i].as.i : weir_value_hash(&key[i])));
    return hash;
}

static bool same(const weir_value *a, const weir_value *b, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        bool integers = a[i].type == WEIR_T_INT64 && b[i].type == WEIR_T_INT64;
        if (integers ? a[i].as.i != b[i].as.i : !weir_value_equal(&a[i], &b[i]))
            return false;
    }
    return true;
}

/* The slot of the key, or the free one where it belongs. */
static size_t slot_of(const weir_load_keys *keys, const weir_value *key, uint64_t hash)
{
    size_t slot = (size_t)hash & keys->mask;
    for (; keys->slots[slot]; slot = (slot + 1) & keys->mask) {
        size_t number = keys->slots[slot] - 1;
        if (keys->hashes[number] == hash && same(keys->values + number * keys->width, key, keys->width))
            break;
    }
    return slot;
}

int64_t weir_load_keys_add(weir_load_keys *keys, const weir_value *key)
{
    uint64_t hash = hash_of(key, keys->width);
    size_t slot = slot_of(keys, key, hash);
    if (keys->slots[slot])
        return (int64_t)keys->slots[slot] - 1;
    memcpy(keys->values + keys->count * keys->width, key, keys->width * sizeof *key);
    keys->hashes[keys->count] = hash;
    keys->slots[slot] = (uint32_t)++keys->count;
    return (int64_t)keys->count - 1;
}

int64_t weir_load_keys_find(const weir_load_keys *keys, const weir_value *key)
{
    return (int64_t)keys->slots[slot_of(keys, key, hash_of(key, keys->width))] - 1;
}
