/* Rows, batches and the set behind the unique filter, without a database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/values.h"
#include "engine/batch.h"
#include "engine/rows.h"
#include "engine/unique.h"

/* ---- rows made by hand ---------------------------------------------------------------------------------------------- */

typedef struct fixture {
    weir_ledger ledger;
    weir_arena  arena;
    weir_error  error;
    weir_view  *view;
    weir_row   *row;
} fixture;

static const weir_column_info columns[] = {
    { .name = "id", .database_type = "bigint", .type = WEIR_T_INT64 },
    { .name = "name", .database_type = "text", .type = WEIR_T_TEXT },
    { .name = "nothing", .database_type = "text", .type = WEIR_T_TEXT },
    { .name = "twice", .database_type = "integer", .type = WEIR_T_INT32 },
    { .name = "twice", .database_type = "integer", .type = WEIR_T_INT32 },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void set_up(fixture *f, const weir_declared_column *declared)
{
    weir_ledger_init(&f->ledger, NULL);
    weir_arena_init(&f->arena, &f->ledger, WEIR_MEMORY_HANDLES, 1024);
    weir_error_clear(&f->error);
    f->view = weir_view_new(&f->arena, columns, declared, COLUMNS, NULL, &f->error);
    f->row = weir_arena_take(&f->arena, weir_row_stride(COLUMNS));
    assert_non_null(f->row);
    f->row->view = f->view;
    f->row->number = 7;
    f->row->cells[0] = weir_value_int(300);
    f->row->cells[1] = weir_value_cstr("2024-05-01");
    f->row->cells[2] = weir_value_null();
    f->row->cells[3] = weir_value_int(3);
    f->row->cells[4] = weir_value_int(4);
}

static void tear_down(fixture *f)
{
    weir_arena_free(&f->arena);
    assert_int_equal(atomic_load(&f->ledger.bytes), 0);
}

/* ---- reading rows ------------------------------------------------------------------------------------------------------ */

static void test_case_088_indexes_count_from_both_ends_and_names_are_found(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    assert_int_equal(weir_row_count(f.row), COLUMNS);
    assert_int_equal(weir_row_int64_at(f.row, 0), 300);
    assert_int_equal(weir_row_int64_at(f.row, -COLUMNS), 300);
    assert_int_equal(weir_row_int32_at(f.row, -1), 4);
    assert_int_equal(weir_row_int64(f.row, "id"), 300);
    assert_int_equal(f.error.status, WEIR_OK);
    assert_int_equal(weir_row_int64_at(f.row, COLUMNS), 0);
    assert_int_equal(f.error.status, WEIR_OUT_OF_RANGE);
    weir_error_clear(&f.error);
    assert_int_equal(weir_row_int64_at(f.row, -COLUMNS - 1), 0);
    assert_int_equal(f.error.status, WEIR_OUT_OF_RANGE);
    weir_error_clear(&f.error);
    assert_int_equal(weir_row_value(f.row, "zzz")->type, WEIR_T_NULL);
    assert_int_equal(f.error.status, WEIR_NO_SUCH_COLUMN);
    assert_string_equal(f.error.message, "Could not locate column in row for column 'zzz'");
    tear_down(&f);
}

static void test_case_089_an_ambiguous_name_fails_when_it_is_used(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    assert_int_equal(weir_row_int64_at(f.row, 3), 3);
    assert_int_equal(weir_row_int64_at(f.row, 4), 4);
    assert_int_equal(f.error.status, WEIR_OK);
    assert_int_equal(weir_row_int64(f.row, "twice"), 0);
    assert_int_equal(f.error.status, WEIR_AMBIGUOUS_COLUMN);
    assert_string_equal(f.error.message, "Ambiguous column name 'twice' in result set column descriptions");
    tear_down(&f);
}

static void test_a_name_at_the_same_address_is_compared_again(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    char name[16] = "id";
    assert_int_equal(weir_row_int64(f.row, name), 300);
    strcpy(name, "name");
    assert_string_equal(weir_row_cstr(f.row, name), "2024-05-01");
    strcpy(name, "nix");
    weir_row_value(f.row, name);
    assert_int_equal(f.error.status, WEIR_NO_SUCH_COLUMN);
    tear_down(&f);
}

static void test_a_value_that_does_not_fit_names_column_and_row_and_is_kept(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    f.row->cells[0] = weir_value_int(INT64_MAX);
    assert_int_equal(weir_row_int32(f.row, "id"), 0);
    assert_int_equal(f.error.status, WEIR_DATA);
    assert_string_equal(f.error.column, "id");
    assert_int_equal(f.error.row, 7);
    assert_non_null(strstr(f.error.message, "column 'id' of row 7"));
    assert_int_equal(weir_row_int64(f.row, "zzz"), 0);
    assert_int_equal(f.error.status, WEIR_DATA);        /* the first one stays */
    assert_ptr_equal(weir_row_error(f.row), &f.error);
    tear_down(&f);
}

static void test_null_is_an_error_only_for_getters_without_null(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    assert_true(weir_row_is_null(f.row, "nothing"));
    assert_false(weir_row_is_null_at(f.row, 0));
    assert_null(weir_row_text(f.row, "nothing").ptr);
    assert_null(weir_row_cstr(f.row, "nothing"));
    assert_null(weir_row_blob(f.row, "nothing").ptr);
    assert_false(weir_row_opt_int64(f.row, "nothing").present);
    assert_true(weir_row_opt_int64_at(f.row, 0).present);
    assert_int_equal(weir_row_opt_int64_at(f.row, 0).value, 300);
    assert_int_equal(f.error.status, WEIR_OK);
    assert_int_equal(weir_row_int64(f.row, "nothing"), 0);
    assert_int_equal(f.error.status, WEIR_DATA);
    assert_non_null(strstr(f.error.message, "weir_row_opt_int64"));
    tear_down(&f);
}

static void test_text_reads_as_a_date_where_that_is_exact(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    assert_int_equal(weir_row_date(f.row, "name").days, 19844);
    assert_int_equal(f.error.status, WEIR_OK);
    assert_false(weir_row_opt_uuid(f.row, "name").present);
    assert_int_equal(f.error.status, WEIR_DATA);
    tear_down(&f);
}

static void test_declared_columns_give_a_second_name_and_an_exact_type(void **state)
{
    (void)state;
    static const weir_declared_column declared[COLUMNS] = {
        { "number", WEIR_T_INT32 }, { "day", WEIR_T_DATE }, { "none", WEIR_T_DATE }, { "first", WEIR_T_NULL }, { NULL, WEIR_T_NULL },
    };
    fixture f;
    set_up(&f, declared);
    assert_int_equal(weir_row_int64(f.row, "number"), 300);
    assert_int_equal(weir_row_int64(f.row, "id"), 300);
    assert_int_equal(weir_row_value(f.row, "number")->type, WEIR_T_INT32);
    assert_int_equal(weir_row_value(f.row, "name")->type, WEIR_T_DATE);
    assert_int_equal(weir_row_value_at(f.row, 1)->as.date.days, 19844);
    assert_true(weir_row_is_null(f.row, "none"));
    assert_int_equal(weir_row_int64(f.row, "first"), 3);
    assert_int_equal(f.error.status, WEIR_OK);
    f.row->cells[0] = weir_value_int(INT64_MAX);
    assert_int_equal(weir_row_value(f.row, "number")->type, WEIR_T_NULL);
    assert_int_equal(f.error.status, WEIR_DATA);
    tear_down(&f);
}

static void test_a_view_of_some_columns_refers_to_the_view_before(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    weir_view *last_two = weir_view_select(&f.arena, f.view, (size_t[]){ 4, 0 }, 2);
    weir_view *one = weir_view_select(&f.arena, last_two, (size_t[]){ 1 }, 1);
    f.row->view = last_two;
    assert_int_equal(weir_row_count(f.row), 2);
    assert_int_equal(weir_row_int64_at(f.row, 0), 4);
    assert_int_equal(weir_row_int64(f.row, "twice"), 4);        /* not ambiguous any more */
    f.row->view = one;
    assert_int_equal(weir_row_int64_at(f.row, -1), 300);
    assert_int_equal(f.error.status, WEIR_OK);
    tear_down(&f);
}

static void test_case_091_a_retained_row_is_a_block_of_its_own(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    weir_memory_figures before, after;
    weir_memory_usage(&before);
    char name[] = "Ada";
    f.row->cells[1] = weir_value_cstr(name);
    const weir_row *kept = weir_row_retain(f.row);
    assert_non_null(kept);
    weir_memory_usage(&after);
    assert_int_equal(after.allocations - before.allocations, 1);
    strcpy(name, "xxx");
    f.row->cells[0] = weir_value_int(1);
    tear_down(&f);
    assert_int_equal(weir_row_int64(kept, "id"), 300);
    assert_string_equal(weir_row_cstr(kept, "name"), "Ada");
    assert_true(weir_row_is_null(kept, "nothing"));
    assert_int_equal(weir_row_error(kept)->status, WEIR_OK);
    const weir_row *again = weir_row_retain(kept);
    weir_row_value(kept, "twice");
    assert_int_equal(weir_row_error(kept)->status, WEIR_AMBIGUOUS_COLUMN);
    weir_row_release(&kept);
    assert_null(kept);
    weir_row_release(&kept);
    assert_string_equal(weir_row_cstr(again, "name"), "Ada");
    weir_row_release(&again);
}

/* ---- batches ---------------------------------------------------------------------------------------------------------------- */

static void fill(weir_batch *batch, size_t rows, size_t text)
{
    weir_batch_begin(batch, rows);
    for (size_t i = 0; i < rows; i++) {
        weir_row *row = weir_sink_row(&batch->sink);
        char *bytes = weir_arena_bytes(batch->sink.arena, text);
        assert_non_null(row);
        assert_non_null(bytes);
        memset(bytes, 'x', text);
        row->number = (int64_t)i;
        row->cells[0] = weir_value_text((weir_text){ bytes, text });
    }
    assert_int_equal(weir_batch_end(batch), rows);
    int64_t expected = 0;
    for (const weir_chunk *chunk = batch->chunks; chunk; chunk = chunk->next)
        for (size_t i = 0; i < chunk->count; i++)
            assert_int_equal(((const weir_row *)(const void *)(chunk->places + i * batch->sink.stride))->number, expected++);
    assert_int_equal(expected, rows);
}

static void check_steady(size_t rows, size_t text)
{
    weir_ledger ledger;
    weir_ledger_init(&ledger, NULL);
    weir_batch *batch = weir_batch_new(&ledger, weir_row_stride(1));
    fill(batch, rows, text);
    fill(batch, rows, text);
    int64_t allocations = atomic_load(&ledger.allocations);
    size_t bytes = atomic_load(&ledger.bytes);
    for (int i = 0; i < 5; i++)
        fill(batch, rows, text);
    assert_int_equal(atomic_load(&ledger.allocations), allocations);
    assert_int_equal(atomic_load(&ledger.bytes), bytes);
    weir_batch_free(batch);
    assert_int_equal(atomic_load(&ledger.bytes), 0);
}

static void test_a_steady_stream_allocates_nothing_from_its_third_batch_on(void **state)
{
    (void)state;
    check_steady(1, 0);
    check_steady(1, 10);
    check_steady(7, 100);
    check_steady(5000, 20);
    check_steady(3000, 3000);           /* more values than one block of an arena holds */
    check_steady(5, 1 << 20);
}

static void test_one_giant_row_does_not_stay_in_memory(void **state)
{
    (void)state;
    weir_ledger ledger;
    weir_ledger_init(&ledger, NULL);
    weir_batch *batch = weir_batch_new(&ledger, weir_row_stride(1));
    for (int i = 0; i < 3; i++)
        fill(batch, 100, 100);
    size_t usual = atomic_load(&ledger.bytes);
    fill(batch, 1, 50 << 20);
    fill(batch, 100, 100);
    assert_true(atomic_load(&ledger.bytes) <= usual + 64 * 1024);
    weir_batch_free(batch);
}

static void test_a_large_batch_size_costs_nothing_until_rows_come(void **state)
{
    (void)state;
    weir_ledger ledger;
    weir_ledger_init(&ledger, NULL);
    weir_batch *batch = weir_batch_new(&ledger, weir_row_stride(4));
    weir_batch_begin(batch, 50000);
    for (int i = 0; i < 3; i++)
        assert_non_null(weir_sink_row(&batch->sink));
    assert_int_equal(weir_batch_end(batch), 3);
    assert_true(atomic_load(&ledger.bytes) < 8 * 1024);
    weir_batch_free(batch);
}

static void test_places_are_no_more_than_the_batch_size(void **state)
{
    (void)state;
    weir_ledger ledger;
    weir_ledger_init(&ledger, NULL);
    weir_batch *batch = weir_batch_new(&ledger, weir_row_stride(4));
    weir_batch_begin(batch, 5000);
    for (int i = 0; i < 5000; i++)
        assert_non_null(weir_sink_row(&batch->sink));
    weir_batch_end(batch);
    assert_int_equal(batch->places, 5000);
    weir_batch_begin(batch, 3);      /* smaller fetches give the rest back */
    assert_true(atomic_load(&ledger.bytes) < 8 * 1024);
    weir_batch_free(batch);
}

/* ---- the unique filter's set ---------------------------------------------------------------------------------------------------- */

static int add(weir_seen *seen, int64_t tag, weir_value value)
{
    const weir_value *values[] = { &value };
    return weir_seen_add(seen, tag, values, 1);
}

static void test_the_set_knows_each_value_once_null_and_kinds_apart(void **state)
{
    (void)state;
    weir_ledger ledger;
    weir_ledger_init(&ledger, NULL);
    weir_seen seen;
    weir_seen_init(&seen, &ledger);
    char text[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            snprintf(text, sizeof text, "key %d", i);
            assert_int_equal(add(&seen, 0, weir_value_cstr(text)), round == 0);
            assert_int_equal(add(&seen, 0, weir_value_int(i)), round == 0);
        }
    assert_int_equal(add(&seen, 0, weir_value_null()), 1);
    assert_int_equal(add(&seen, 0, weir_value_null()), 0);
    assert_int_equal(add(&seen, 1, weir_value_int(1)), 1);
    assert_int_equal(add(&seen, 1, weir_value_int(1)), 0);
    weir_seen_free(&seen);
    assert_int_equal(atomic_load(&ledger.bytes), 0);
}

static void test_rows_are_unique_by_the_columns_that_are_seen(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, NULL);
    weir_seen seen;
    weir_seen_init(&seen, &f.ledger);
    assert_int_equal(weir_seen_add_row(&seen, -1, f.row), 1);
    assert_int_equal(weir_seen_add_row(&seen, -1, f.row), 0);
    f.row->cells[4] = weir_value_int(5);
    assert_int_equal(weir_seen_add_row(&seen, -1, f.row), 1);
    f.row->view = weir_view_select(&f.arena, f.view, (size_t[]){ 3 }, 1);
    assert_int_equal(weir_seen_add_row(&seen, -1, f.row), 1);
    f.row->cells[4] = weir_value_int(6);
    assert_int_equal(weir_seen_add_row(&seen, -1, f.row), 0);
    weir_seen_free(&seen);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_088_indexes_count_from_both_ends_and_names_are_found),
        cmocka_unit_test(test_case_089_an_ambiguous_name_fails_when_it_is_used),
        cmocka_unit_test(test_a_name_at_the_same_address_is_compared_again),
        cmocka_unit_test(test_a_value_that_does_not_fit_names_column_and_row_and_is_kept),
        cmocka_unit_test(test_null_is_an_error_only_for_getters_without_null),
        cmocka_unit_test(test_text_reads_as_a_date_where_that_is_exact),
        cmocka_unit_test(test_declared_columns_give_a_second_name_and_an_exact_type),
        cmocka_unit_test(test_a_view_of_some_columns_refers_to_the_view_before),
        cmocka_unit_test(test_case_091_a_retained_row_is_a_block_of_its_own),
        cmocka_unit_test(test_a_steady_stream_allocates_nothing_from_its_third_batch_on),
        cmocka_unit_test(test_one_giant_row_does_not_stay_in_memory),
        cmocka_unit_test(test_a_large_batch_size_costs_nothing_until_rows_come),
        cmocka_unit_test(test_places_are_no_more_than_the_batch_size),
        cmocka_unit_test(test_the_set_knows_each_value_once_null_and_kinds_apart),
        cmocka_unit_test(test_rows_are_unique_by_the_columns_that_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
