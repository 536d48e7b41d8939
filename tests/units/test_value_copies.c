/* Equality, hashes and copies of values, also without memory. */
#include <math.h>
#include "value_help.h"

static int allocations_left = -1;       /* -1: any number */

static bool may_allocate(void) { return allocations_left < 0 || allocations_left-- > 0; }
static void *test_allocate(size_t size, void *context) { (void)context; return may_allocate() ? malloc(size) : NULL; }
static void *test_resize(void *p, size_t size, void *context) { (void)context; return may_allocate() ? realloc(p, size) : NULL; }
static void test_release(void *p, void *context) { (void)context; free(p); }

static void test_equal_values_have_equal_hashes(void **state)
{
    (void)state;
    uint64_t payload = UINT64_C(0xFFF8000000000123);
    double odd_nan;
    memcpy(&odd_nan, &payload, sizeof odd_nan);
    const weir_value pairs[][2] = {
        { WEIR_NULL, WEIR_NULL }, { WEIR_VALUE(0.0), WEIR_VALUE(-0.0) }, { WEIR_VALUE((double)NAN), WEIR_VALUE(odd_nan) },
        { numeric("12.5"), numeric("012.500") }, { numeric("-0.00"), numeric("0") }, { numeric("NaN"), numeric("NaN") },
        { WEIR_VALUE("abcdefghij"), WEIR_VALUE(((weir_text){ "abcdefghijk", 10 })) },
        { WEIR_VALUE(((weir_blob){ "", 0 })), WEIR_VALUE(((weir_blob){ "x", 0 })) },
        { WEIR_VALUE((weir_uuid){ { 1 } }), WEIR_VALUE((weir_uuid){ { 1 } }) }, { WEIR_VALUE(7), WEIR_VALUE(7) },
        { WEIR_VALUE(((weir_timetz){ 5, 60 })), WEIR_VALUE(((weir_timetz){ 5, 60 })) },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(weir_value_equal(&pairs[i][0], &pairs[i][1]));
        assert_true(weir_value_hash(&pairs[i][0]) == weir_value_hash(&pairs[i][1]));
    }
}

static void test_different_values_are_unequal(void **state)
{
    (void)state;
    const weir_value values[] = {
        WEIR_NULL, WEIR_VALUE(0), WEIR_VALUE(1), WEIR_VALUE(0.0), WEIR_VALUE((bool)false), WEIR_VALUE((bool)true), WEIR_VALUE(""),
        WEIR_VALUE("0"), numeric("0"), numeric("0.1"), numeric("-0.1"), numeric("1"), numeric("10"), numeric("NaN"),
        numeric("Infinity"), WEIR_VALUE(((weir_blob){ "0", 1 })), WEIR_VALUE(((weir_text){ "0\0", 2 })), WEIR_VALUE((double)NAN),
        WEIR_VALUE((weir_date){ 0 }), WEIR_VALUE((weir_date){ 1 }), WEIR_VALUE((weir_time){ 0 }),
        WEIR_VALUE((weir_timestamp){ 0 }),
        WEIR_VALUE((weir_timestamptz){ 0 }), WEIR_VALUE(((weir_timetz){ 0, 0 })), WEIR_VALUE(((weir_timetz){ 0, 1 })),
        WEIR_VALUE(((weir_interval){ 0, 1, 0 })), WEIR_VALUE(((weir_interval){ 0, 0, 1 })), WEIR_VALUE((weir_uuid){ { 0 } }),
        typed(WEIR_T_JSON, "0"), typed(WEIR_T_ENUM, "0"), { .type = WEIR_T_INT32, .as.i = 0 },
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            assert_int_equal(weir_value_equal(&values[i], &values[k]), i == k);
            assert_int_equal(weir_value_hash(&values[i]) == weir_value_hash(&values[k]), i == k);
        }
    }
}

static void test_arrays_are_equal_by_shape_and_items(void **state)
{
    (void)state;
    const weir_value items[] = { WEIR_VALUE(1), WEIR_NULL, WEIR_VALUE("x"), WEIR_VALUE(4) };
    const int32_t flat[] = { 4 }, square[] = { 2, 2 }, ones[] = { 1, 1 }, twos[] = { 2, 2 };
    const weir_array shapes[] = {
        { WEIR_T_INT64, 1, flat, ones, 4, items }, { WEIR_T_INT64, 2, square, ones, 4, items },
        { WEIR_T_INT64, 1, flat, twos, 4, items }, { WEIR_T_TEXT, 1, flat, ones, 4, items },
        { WEIR_T_INT64, 0, NULL, NULL, 0, NULL },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            weir_array copy = shapes[k];
            assert_int_equal(weir_value_equal(AT(&shapes[i]), AT(&copy)), i == k);
            assert_true(weir_value_hash(AT(&shapes[k])) == weir_value_hash(AT(&copy)));
        }
}

/* Text, blob, numbers and a nested array, in an array of two by two. */
typedef struct sample_array {
    weir_value inner_items[2], items[4];
    weir_array inner, outer;
} sample_array;

static const int32_t two_by_two[] = { 2, 2 }, bounds_of_two[] = { 1, -5 }, length_two[] = { 2 };

static void fill_sample(sample_array *s)
{
    s->inner_items[0] = WEIR_VALUE("inside");
    s->inner_items[1] = WEIR_NULL;
    s->inner = array_of(WEIR_T_TEXT, s->inner_items, length_two);
    s->items[0] = WEIR_VALUE("first");
    s->items[1] = WEIR_VALUE(((weir_blob){ "\0\1\2", 3 }));
    s->items[2] = WEIR_VALUE(42);
    s->items[3] = WEIR_VALUE(&s->inner);
    s->outer = (weir_array){ WEIR_T_OTHER, 2, two_by_two, bounds_of_two, 4, s->items };
}

static void test_copies_are_deep_and_ended_by_nul(void **state)
{
    (void)state;
    sample_array sample;
    fill_sample(&sample);
    weir_value from = WEIR_VALUE(&sample.outer), to = WEIR_NULL;
    weir_arena arena;
    size_t extent = weir_value_extent(&from);
    weir_arena_init(&arena, NULL, WEIR_MEMORY_BATCH, extent);
    assert_int_equal(weir_value_copy(&arena, &from, &to), WEIR_OK);
    assert_true(weir_value_equal(&from, &to));
    assert_ptr_not_equal(to.as.array, from.as.array);
    assert_ptr_not_equal(to.as.array->items[0].as.text.ptr, sample.items[0].as.text.ptr);
    assert_int_equal(((const char *)to.as.array->items[1].as.blob.ptr)[3], 0);
    assert_string_equal(to.as.array->items[3].as.array->items[0].as.text.ptr, "inside");
    memset(&sample, 0, sizeof sample);
    assert_string_equal(to.as.array->items[0].as.text.ptr, "first");
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    assert_true(figures.by_purpose[WEIR_MEMORY_BATCH] < extent + 128);      /* one block: the extent was enough */
    weir_arena_free(&arena);

    assert_int_equal(weir_value_extent(AT(5)), 0);
    assert_int_equal(weir_value_extent(AT("abc")), 4);
    weir_value null_text = { .type = WEIR_T_TEXT, .as.text = { NULL, 0 } };
    assert_int_equal(weir_value_extent(&null_text), 0);
    assert_int_equal(weir_value_copy(&arena, &null_text, &to), WEIR_OK);
    assert_null(to.as.text.ptr);
    assert_int_equal(weir_value_copy(&arena, AT(((weir_text){ "abc", 0 })), &to), WEIR_OK);
    assert_string_equal(to.as.text.ptr, "");
    weir_arena_free(&arena);
}

static void test_a_copy_without_memory_fails_and_leaks_nothing(void **state)
{
    (void)state;
    sample_array sample;
    fill_sample(&sample);
    weir_value from = WEIR_VALUE(&sample.outer);
    int status = WEIR_OUT_OF_MEMORY, attempts = 0;
    for (; status != WEIR_OK; attempts++) {
        weir_value to = WEIR_VALUE(99);
        weir_arena arena;
        assert_true(attempts < 100);
        weir_arena_init(&arena, NULL, WEIR_MEMORY_BATCH, 8);       /* small, so that many blocks are taken */
        allocations_left = attempts;
        status = weir_value_copy(&arena, &from, &to);
        allocations_left = -1;
        assert_true(status == WEIR_OK || (status == WEIR_OUT_OF_MEMORY && to.type == WEIR_T_INT64 && to.as.i == 99));
        weir_arena_free(&arena);
    }
    assert_true(attempts > 2);
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    assert_int_equal(figures.bytes, 0);
}

static void test_an_append_without_memory_fails_the_buffer(void **state)
{
    (void)state;
    sample_array sample;
    fill_sample(&sample);
    const weir_value values[] = { WEIR_VALUE(1), WEIR_VALUE("x"), WEIR_VALUE(1.5), WEIR_VALUE(((weir_blob){ "x", 1 })),
                                  WEIR_VALUE(&sample.outer) };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        weir_buffer buffer;
        weir_buffer_init(&buffer, NULL, WEIR_MEMORY_OUTPUT, 1 << 20);
        allocations_left = 0;
        weir_value_append(&buffer, &values[i]);
        allocations_left = -1;
        assert_true(buffer.failed);
        assert_int_equal(buffer.length, 0);
        weir_buffer_free(&buffer);
    }
}

int main(void)
{
    const weir_allocator allocator = { test_allocate, test_resize, test_release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_values_have_equal_hashes),
        cmocka_unit_test(test_different_values_are_unequal),
        cmocka_unit_test(test_arrays_are_equal_by_shape_and_items),
        cmocka_unit_test(test_copies_are_deep_and_ended_by_nul),
        cmocka_unit_test(test_a_copy_without_memory_fails_and_leaks_nothing),
        cmocka_unit_test(test_an_append_without_memory_fails_the_buffer),
    };
    return cmocka_run_group_tests_name("value copies", tests, NULL, NULL);
}
