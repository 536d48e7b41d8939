/* Chance from a seed, the same on each machine: for tests whose tables, options and ways of reading are drawn. */
#ifndef TEST_CHANCE_H
#define TEST_CHANCE_H
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static uint64_t chance;

static inline void chance_begin(int64_t seed) { chance = (uint64_t)seed * UINT64_C(0x9E3779B97F4A7C15); }

static inline int64_t draw(int64_t from, int64_t to)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return from + (int64_t)((chance >> 33) % (uint64_t)(to - from + 1));
}

static inline bool once_in(int64_t times) { return draw(1, times) == 1; }
#define DRAW(list) (list)[draw(0, (int64_t)(sizeof(list) / sizeof *(list)) - 1)]

/* A number of the environment: WEIR_TEST_ROUNDS, WEIR_TEST_SEED. */
static inline int64_t number_of(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atoll(text) : otherwise;
}
#endif
