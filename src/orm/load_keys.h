/* Keys of one or several values, each kept once, numbered in the order in which they first came. */
#ifndef WEIR_ORM_LOAD_KEYS_H
#define WEIR_ORM_LOAD_KEYS_H
#include "base/values.h"

enum { WEIR_NO_KEY = -1 };
typedef struct weir_load_keys {
    size_t      width, count;
    weir_value *values;                 /* count * width */
    uint64_t   *hashes;
    uint32_t   *slots;                  /* number + 1; 0: free */
    size_t      mask;
} weir_load_keys;

/* Room for `most` keys, in the arena. False: no memory. */
bool weir_load_keys_init(weir_load_keys *keys, weir_arena *arena, size_t width, size_t most);
/* The key's number; a new one's too. */
int64_t weir_load_keys_add(weir_load_keys *keys, const weir_value *key);
/* WEIR_NO_KEY: it is not there. */
int64_t weir_load_keys_find(const weir_load_keys *keys, const weir_value *key);
/* Integers of all sizes are one type, and so are texts: what compares as equal in SQL is equal here. */
void weir_load_key_normalize(weir_value *value);
#endif
