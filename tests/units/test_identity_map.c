/* The identity map: a list while keys come in their order, a table from the first that does not; against a plain array of what is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "orm/inside.h"

enum { KEYS = 600, STEPS = 20000 };
struct thing { int64_t id; };
WEIR_ENTITY(thing, "things", WEIR_COLUMN(thing, id, .primary_key = true));

typedef struct world {
    weir_store     store;
    weir_mapper   *mapper;
    weir_instance  instances[KEYS];     /* number n has the key key_of(n) */
    bool           in[KEYS];
    size_t         count;
} world;

static int64_t key_of(size_t n) { return (int64_t)n * 3 - KEYS; }       /* negative ones, too */

static world *begin(void)
{
    weir_error error;
    world *w = calloc(1, sizeof *w);
    weir_ledger_init(&w->store.ledger, NULL);
    weir_arena_init(&w->store.arena, &w->store.ledger, WEIR_MEMORY_HANDLES, 1024);
    w->mapper = weir_store_mapper(&w->store, &thing_entity, &error);
    assert_non_null(w->mapper);
    for (size_t n = 0; n < KEYS; n++)
        w->instances[n].key = (uint64_t)key_of(n);
    return w;
}

static void end(world *w)
{
    weir_free(w->mapper->map.entries);
    weir_arena_free(&w->store.arena);
    free(w);
}

static weir_instance *look_up(world *w, int64_t key)
{
    return weir_identity_look_up(w->mapper, &(weir_value){ .type = WEIR_T_INT64, .as.i = key }, 1);
}

static void put(world *w, size_t n)
{
    weir_identity_entry *entry = weir_identity_integer_entry(w->mapper, (uint64_t)key_of(n));
    assert_non_null(entry);
    assert_ptr_equal(entry->instance, w->in[n] ? &w->instances[n] : NULL);
    if (w->in[n])
        return;
    weir_identity_put(w->mapper, entry, &w->instances[n]);
    w->in[n] = true;
    w->count++;
}

static void take(world *w, size_t n)
{
    if (!w->in[n])
        return;
    weir_identity_remove(w->mapper, &w->instances[n]);
    w->in[n] = false;
    w->count--;
}

static void check(world *w)
{
    size_t seen = 0;
    assert_int_equal(w->mapper->map.count, w->count);
    for (size_t n = 0; n < KEYS; n++) {
        assert_ptr_equal(look_up(w, key_of(n)), w->in[n] ? &w->instances[n] : NULL);
        assert_null(look_up(w, key_of(n) + 1));
    }
    for (size_t i = 0; i < weir_identity_extent(&w->mapper->map); i++)
        seen += w->mapper->map.entries[i].instance != NULL;
    assert_int_equal(seen, w->count);
}

static void empty(world *w)
{
    weir_instance *all[KEYS];
    size_t count = 0;
    for (size_t n = 0; n < KEYS; n++)
        if (w->in[n])
            all[count++] = &w->instances[n];
    if (count)
        weir_identity_remove_all(w->mapper, all, count);
    memset(w->in, 0, sizeof w->in);
    w->count = 0;
}

static void test_keys_in_order_stay_a_list(void **state)
{
    (void)state;
    world *w = begin();
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < KEYS; n++)
            put(w, n);
        check(w);
        if (round == 1)
            empty(w);
        for (size_t n = KEYS; n-- > 0;)
            take(w, n);
        check(w);
        assert_true(w->mapper->map.is_list);
    }
    end(w);
}

/* As a program that keeps one of each batch: what left makes room, however many batches come. */
static void test_those_that_stay_do_not_make_the_list_grow(void **state)
{
    (void)state;
    world *w = begin();
    for (size_t n = 0; n < KEYS; n += 20) {
        for (size_t k = n; k < n + 20; k++)
            put(w, k);
        for (size_t k = n + 19; k-- > n;)
            take(w, k);                 /* the last of them stays */
        check(w);
    }
    assert_true(w->mapper->map.is_list);
    assert_true(w->mapper->map.room <= 128);
    end(w);
}

static void test_a_key_out_of_order_makes_a_table_until_the_map_is_empty(void **state)
{
    (void)state;
    world *w = begin();
    for (size_t n = 1; n < KEYS; n += 2)
        put(w, n);
    take(w, 301);
    put(w, 301);                        /* its place is still there */
    assert_true(w->mapper->map.is_list);
    put(w, 300);
    assert_false(w->mapper->map.is_list);
    check(w);
    weir_identity_begin(w->mapper);
    assert_false(w->mapper->map.is_list);
    empty(w);
    weir_identity_begin(w->mapper);
    assert_true(w->mapper->map.is_list);
    check(w);
    for (size_t n = 0; n < KEYS; n++)
        put(w, n);
    check(w);
    end(w);
}

static void test_random_walks(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        world *w = begin();
        srand(seed);
        size_t next = 0;
        for (int step = 0; step < STEPS; step++) {
            int what = rand() % 100, place = rand() % KEYS;
            if (what < 50) {
                put(w, next);
                next = (next + 1 + (size_t)(rand() % 2)) % KEYS;
            } else if (what < (int)(50 + seed)) {
                put(w, (size_t)place);
            } else if (what < 90) {
                take(w, (size_t)place);
            } else if (what < 92) {
                weir_identity_trim(w->mapper, what == 90);
            } else if (what == 92 && step % 7 == 0) {
                empty(w);
                weir_identity_begin(w->mapper);
            }
            if (step % 97 == 0)
                check(w);
        }
        check(w);
        end(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_in_order_stay_a_list),
        cmocka_unit_test(test_those_that_stay_do_not_make_the_list_grow),
        cmocka_unit_test(test_a_key_out_of_order_makes_a_table_until_the_map_is_empty),
        cmocka_unit_test(test_random_walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
