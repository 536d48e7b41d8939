/* Results and rows: reading, closing, columns, unique, scalars, freezing, rows by name (cases.md E). */
#include "connections.h"
#include <stdio.h>
#include <string.h>

#define FOUR "SELECT a, b, c FROM four ORDER BY n"

/* The data of case 69. */
static weir_connection *connect_with_four_rows(test_database *db)
{
    test_side_run(db, "CREATE TABLE four(n integer, a integer, b integer, c integer);"
                      "INSERT INTO four VALUES (1, 1, 1, 1), (2, 2, 1, 2), (3, 1, 3, 2), (4, 4, 1, 2)");
    return weir_engine_connect(db->engine);
}

/* Every way of reading gives nothing, and the result ends with `status`. */
static void assert_unreadable(weir_result *result, const char *text)
{
    assert_null(weir_result_next(result));
    assert_null(weir_result_fetchmany(result, 2));
    assert_null(weir_result_next_partition(result, 2));
    assert_null(weir_result_all(result));
    assert_null(weir_result_first(result));
    assert_null(weir_result_one(result));
    assert_null(weir_result_one_or_none(result));
    assert_null(weir_result_scalar(result));
    assert_null(weir_scalars_next(weir_result_scalars(result, 0)));
    assert_null(weir_scalars_all(weir_result_scalars(result, 0)));
    assert_status(weir_result_columns(result, (const int[]){ 0 }, 1), WEIR_RESOURCE_CLOSED);
    assert_status(weir_result_unique(result), WEIR_RESOURCE_CLOSED);
    assert_null(weir_result_freeze(result));
    assert_error(weir_result_error(result), WEIR_RESOURCE_CLOSED);
    assert_string_equal(weir_result_error(result)->message, text);
}

static void assert_row(const weir_row *row, const int64_t *values, size_t count)
{
    assert_non_null(row);
    assert_int_equal(weir_row_count(row), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(weir_row_int64_at(row, (int)i), values[i]);
}
#define ROW(row, ...) assert_row(row, (const int64_t[]){ __VA_ARGS__ }, sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

static void test_case_069_all_gives_what_is_left(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    weir_result *result = query(connection, FOUR, NULL);
    const weir_partition *rows = weir_result_all(result);
    assert_int_equal(rows->count, 4);
    ROW(rows->rows[2], 1, 3, 2);
    assert_int_equal(weir_result_all(result)->count, 0);
    close_result_ok(&result);
    result = query(connection, FOUR, NULL);
    assert_int_equal(weir_result_fetchmany(result, 3)->count, 3);
    rows = weir_result_all(result);
    assert_int_equal(rows->count, 1);
    ROW(rows->rows[0], 4, 1, 2);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_070_first_closes_hard_and_adds_no_limit(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_with_four_rows(db);
    test_log_clear(db->log);
    weir_result *result = query(connection, FOUR, OPTIONS(.stream_results = WEIR_ON));
    const weir_row *row = weir_result_first(result);
    ROW(row, 1, 1, 1);
    assert_true(weir_result_closed(result));
    assert_string_equal(test_log_at(db->log, WEIR_LOG_STATEMENT, 0)->message, FOUR);
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    assert_unreadable(result, "This result object is closed.");
    ROW(row, 1, 1, 1);
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    close_connection_ok(&connection);
}

static void assert_one(weir_connection *connection, const char *sql, bool found, int status, const char *text)
{
    weir_result *result = query(connection, sql, OPTIONS(.stream_results = WEIR_ON));
    const weir_row *row = weir_result_one(result);
    assert_true((row != NULL) == found);
    assert_true(weir_result_closed(result));
    assert_string_equal(weir_result_error(result)->message, text);
    assert_status(weir_result_close(&result), status);
}

static void test_case_071_one_wants_exactly_one(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    assert_one(connection, "SELECT a FROM four WHERE n < 0 ORDER BY n", false, WEIR_NO_RESULT_FOUND,
               "No row was found when one was required");
    assert_one(connection, "SELECT a FROM four WHERE n = 1 ORDER BY n", true, WEIR_OK, "");
    assert_one(connection, "SELECT a FROM four WHERE n < 3 ORDER BY n", false, WEIR_MULTIPLE_RESULTS_FOUND,
               "Multiple rows were found when exactly one was required");
    close_connection_ok(&connection);
}

static void test_case_072_one_or_none_allows_none(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    weir_result *result = query(connection, "SELECT a FROM four WHERE n < 0", NULL);
    assert_null(weir_result_one_or_none(result));
    close_result_ok(&result);
    result = query(connection, "SELECT a FROM four WHERE n = 4", NULL);
    ROW(weir_result_one_or_none(result), 4);
    close_result_ok(&result);
    result = query(connection, FOUR, NULL);
    assert_null(weir_result_one_or_none(result));
    assert_string_equal(weir_result_error(result)->message, "Multiple rows were found when one or none was required");
    assert_status(weir_result_close(&result), WEIR_MULTIPLE_RESULTS_FOUND);
    close_connection_ok(&connection);
}

static void test_case_073_a_null_value_is_told_from_no_row(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    const char *null = "SELECT NULL AS missing", *none = "SELECT a FROM four WHERE n < 0";
    const weir_value *(*const readers[])(weir_result *) = { weir_result_scalar, weir_result_scalar_one, weir_result_scalar_one_or_none };
    for (size_t i = 0; i < 3; i++) {
        weir_result *result = query(connection, null, NULL);
        const weir_value *value = readers[i](result);
        assert_non_null(value);
        assert_int_equal(value->type, WEIR_T_NULL);
        close_result_ok(&result);
        result = query(connection, none, NULL);
        assert_null(readers[i](result));
        assert_status(weir_result_close(&result), i == 1 ? WEIR_NO_RESULT_FOUND : WEIR_OK);
    }
    close_connection_ok(&connection);
}

static void test_case_074_after_the_end_null_after_the_close_an_error(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id FROM orders ORDER BY id", NULL);
    assert_ids_to_end(result, 1, 5);
    assert_null(weir_result_next(result));
    assert_false(weir_result_closed(result));
    close_result_ok(&result);
    assert_true(weir_result_closed(result));
    assert_unreadable(result, "This result object is closed.");
    close_connection_ok(&connection);
}

static void test_case_075_fetchmany_at_the_end_and_behind_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id FROM orders ORDER BY id LIMIT 5", OPTIONS(.stream_results = WEIR_ON));
    assert_int_equal(weir_result_fetchmany(result, 6)->count, 5);
    assert_null(weir_result_fetchmany(result, 2));
    assert_null(weir_result_fetchmany(result, 2));
    assert_int_equal(weir_result_all(result)->count, 0);
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_OK);
    close_result_ok(&result);
    assert_unreadable(result, "This result object is closed.");
    close_connection_ok(&connection);
}

static size_t check_rows(const weir_partition *rows, int64_t *next)
{
    for (size_t i = 0; rows && i < rows->count; i++)
        assert_int_equal(weir_row_int64(rows->rows[i], "id"), (*next)++);
    return rows ? rows->count : 0;
}

/* Reads to the end in a way that `seed` chooses anew for each step. */
static void read_in_any_way(weir_result *result, unsigned seed, int64_t rows)
{
    weir_scalars ids = weir_result_scalars(result, 0);
    int64_t next = 1;
    for (bool more = true; more;) {
        seed = seed * 1103515245 + 12345;
        size_t count = (seed >> 8) % 9 + 1;
        const weir_row *row;
        const weir_value *value;
        const weir_value_list *values;
        switch ((seed >> 16) % 16) {
        case 0: case 1: case 2: case 3:
            if ((more = (row = weir_result_next(result)) != NULL))
                assert_int_equal(weir_row_int64(row, "id"), next++);
            break;
        case 4: case 5: case 6:
            more = check_rows(weir_result_fetchmany(result, count), &next) == count;
            break;
        case 7: case 8: case 9:
            more = check_rows(weir_result_next_partition(result, count), &next) == count;
            break;
        case 10: case 11:
            if ((more = (value = weir_scalars_next(ids)) != NULL))
                assert_int_equal(value->as.i, next++);
            break;
        case 12: case 13: case 14:
            values = weir_scalars_fetchmany(ids, count);
            for (size_t i = 0; values && i < values->count; i++)
                assert_int_equal(values->values[i]->as.i, next++);
            more = values && values->count == count;
            break;
        default:
            if (seed % 5 == 0)
                check_rows(weir_result_all(result), &next);
        }
    }
    assert_int_equal(next, rows + 1);
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_OK);
}

static void test_any_mix_of_reading_gives_each_row_once_in_order(void **state)
{
    enum { N = 60 };
    static const int64_t sizes[] = { 1, 2, 3, 7, N - 1, N, N + 1, 0 };
    test_database *db = *state;
    test_fixture(db, N);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (unsigned seed = 0; seed < 10; seed++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int stream = 0; stream < 2; stream++) {
                weir_result *result = query(connection, "SELECT id, state FROM orders ORDER BY id",
                    OPTIONS(.yield_per = sizes[i], .stream_results = stream ? WEIR_ON : WEIR_UNSET, .prefetch = seed % 2 ? WEIR_ON : WEIR_OFF));
                read_in_any_way(result, seed, N);
                close_result_ok(&result);
            }
    close_connection_ok(&connection);
}

/* ---- shaping -------------------------------------------------------------------------------------------------------------- */

static void test_case_076_columns_refer_to_the_selection_before(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    weir_result *result = query(connection, FOUR, NULL);
    assert_status(weir_result_columns(result, (const int[]){ 1, 2, 0 }, 3), WEIR_OK);
    assert_status(weir_result_columns(result, (const int[]){ 1, 2 }, 2), WEIR_OK);
    assert_string_equal(weir_result_column(result, 0)->name, "c");
    assert_string_equal(weir_result_column(result, 1)->name, "a");
    assert_null(weir_result_column(result, 2));
    ROW(weir_result_next(result), 1, 1);
    ROW(weir_result_next(result), 2, 2);
    ROW(weir_result_next(result), 2, 1);
    ROW(weir_result_next(result), 2, 4);
    close_result_ok(&result);
    result = query(connection, FOUR, NULL);
    assert_status(weir_result_columns(result, (const int[]){ 1, -2 }, 2), WEIR_OK);
    ROW(weir_result_next(result), 1, 1);
    ROW(weir_result_next(result), 1, 1);
    ROW(weir_result_next(result), 3, 3);
    assert_status(weir_result_columns(result, (const int[]){ 0 }, 1), WEIR_OK);
    ROW(weir_result_next(result), 1);
    assert_status(weir_result_columns(result, (const int[]){ 1 }, 1), WEIR_OUT_OF_RANGE);
    assert_status(weir_result_close(&result), WEIR_OUT_OF_RANGE);
    close_connection_ok(&connection);
}

static void test_case_077_scalars_are_the_values_of_one_column(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    static const int64_t first[] = { 1, 2, 1, 4 }, third[] = { 1, 2, 2, 2 };
    weir_result *result = query(connection, FOUR, NULL);
    weir_scalars scalars = weir_result_scalars(result, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(weir_scalars_next(scalars)->as.i, first[i]);
    assert_null(weir_scalars_next(scalars));
    close_result_ok(&result);
    result = query(connection, FOUR, NULL);
    const weir_value_list *list = weir_scalars_all(weir_result_scalars(result, -1));
    assert_int_equal(list->count, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(list->values[i]->as.i, third[i]);
    close_result_ok(&result);
    result = query(connection, "SELECT CASE WHEN a = 2 THEN 4 END FROM four ORDER BY n", NULL);
    scalars = weir_result_scalars(result, 0);
    assert_int_equal(weir_scalars_next(scalars)->type, WEIR_T_NULL);
    assert_int_equal(weir_scalars_next(scalars)->as.i, 4);
    list = weir_scalars_fetchmany(scalars, 5);
    assert_int_equal(list->count, 2);
    assert_int_equal(list->values[1]->type, WEIR_T_NULL);
    assert_null(weir_scalars_fetchmany(scalars, 5));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_079_one_under_unique_counts_distinct_rows(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    weir_result *result = query(connection, "SELECT c FROM four WHERE n > 1", OPTIONS(.yield_per = 1));
    assert_status(weir_result_unique(result), WEIR_OK);
    ROW(weir_result_one(result), 2);
    close_result_ok(&result);
    result = query(connection, "SELECT c FROM four ORDER BY c DESC", OPTIONS(.yield_per = 1));
    weir_result_unique(result);
    assert_null(weir_result_one(result));
    assert_status(weir_result_close(&result), WEIR_MULTIPLE_RESULTS_FOUND);
    close_connection_ok(&connection);
}

static void test_unique_partitions_are_filled_up(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT tenant_id FROM orders ORDER BY id", OPTIONS(.yield_per = 4));
    weir_result_unique(result);
    const weir_partition *rows = weir_result_next_partition(result, 0);
    assert_int_equal(rows->count, 2);
    ROW(rows->rows[0], 1);
    ROW(rows->rows[1], 0);
    assert_null(weir_result_next_partition(result, 0));
    close_result_ok(&result);
    result = query(connection, "SELECT id / 3, id FROM orders ORDER BY id", OPTIONS(.yield_per = 2));
    weir_result_columns(result, (const int[]){ 0 }, 1);
    weir_result_unique(result);
    rows = weir_result_fetchmany(result, 3);
    assert_int_equal(rows->count, 3);
    for (int64_t i = 0; i < 3; i++)
        ROW(rows->rows[i], i);
    ROW(weir_result_next(result), 3);
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static weir_value parity_of(const weir_row *row, void *context)
{
    (void)context;
    return weir_value_int(weir_row_int64_at(row, 0) % 2);
}

static void test_unique_by_a_key_of_the_program(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id FROM orders ORDER BY id", NULL);
    assert_status(weir_result_unique_by(result, parity_of, NULL), WEIR_OK);
    assert_ids_to_end(result, 1, 2);
    close_result_ok(&result);
    result = query(connection, "SELECT tenant_id, id FROM orders ORDER BY id", NULL);
    weir_result_unique(result);
    const weir_value_list *list = weir_scalars_all(weir_result_scalars(result, 0));
    assert_int_equal(list->count, 2);           /* by value, though the rows all differ */
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* ---- closing ---------------------------------------------------------------------------------------------------------------- */

static void test_case_080_closing_twice_is_no_error(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 3));
    assert_next_ids(result, 1, 1);
    test_log_clear(db->log);
    close_result_ok(&result);
    assert_status(weir_result_close(&result), WEIR_OK);
    assert_true(weir_result_closed(result));
    if (db->postgresql) {
        assert_int_equal(test_log_matching(db->log, WEIR_LOG_ROUND_TRIP, "close"), 1);
        assert_int_equal(test_open_cursors(connection), 0);
    }
    close_connection_ok(&connection);
}

static void test_case_082_a_loop_left_early_leaves_the_result_open(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 5));
    assert_next_ids(result, 1, 3);
    weir_result_figures info;
    weir_result_info(result, &info);
    assert_true(info.open);
    assert_false(weir_result_closed(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_083_a_statement_without_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "INSERT INTO orders VALUES (2, 0, 20, 'pending')", NULL);
    assert_error(weir_result_error(result), WEIR_OK);
    assert_false(weir_result_returns_rows(result));
    assert_false(weir_result_closed(result));
    assert_int_equal(weir_result_rowcount(result), 1);
    assert_int_equal(weir_result_column_count(result), 0);
    assert_unreadable(result, "This result object does not return rows. It has been closed automatically.");
    assert_false(weir_result_closed(result));
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    close_connection_ok(&connection);
}

static void test_case_086_rowcount_counts_rows_matched(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(run_ok(connection, "UPDATE orders SET state = 'pending'"), 12);
    weir_result *result = query(connection, "SELECT id FROM orders", NULL);
    assert_int_equal(weir_result_rowcount(result), -1);
    close_result_ok(&result);
    assert_int_equal(run_ok(connection, "SELECT id FROM orders"), 0);
    assert_status((int)weir_connection_run(connection, "UPDATE nowhere SET x = 1"), WEIR_DATABASE);
    assert_contains(weir_connection_error(connection)->message, "nowhere");
    assert_contains(weir_connection_error(connection)->sql, "UPDATE nowhere");
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
}

static void test_a_failed_execution_is_a_result_that_says_why(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT * FROM nowhere", NULL);
    assert_null(weir_result_next(result));
    assert_null(weir_result_all(result));
    assert_null(weir_result_freeze(result));
    assert_int_equal(weir_result_column_count(result), 0);
    assert_contains(weir_result_error(result)->message, "nowhere");
    assert_status(weir_result_close(&result), WEIR_DATABASE);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
}

/* ---- freezing ----------------------------------------------------------------------------------------------------------------- */

static void test_case_084_frozen_rows_are_read_again_and_again(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_with_four_rows(db);
    weir_result *result = query(connection, FOUR, OPTIONS(.yield_per = 3));
    weir_result_columns(result, (const int[]){ 1, 2 }, 2);
    weir_frozen *frozen = weir_result_freeze(result);
    assert_non_null(frozen);
    assert_null(weir_result_next(result));
    weir_result *first = weir_frozen_result(frozen), *second = weir_frozen_result(frozen);
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_result_unique(second);
    ROW(weir_result_next(first), 1, 1);
    ROW(weir_result_next(second), 1, 1);
    ROW(weir_result_next(first), 1, 2);
    ROW(weir_result_next(second), 1, 2);
    ROW(weir_result_next(first), 3, 2);
    ROW(weir_result_next(second), 3, 2);
    ROW(weir_result_next(first), 1, 2);
    assert_null(weir_result_next(first));
    assert_null(weir_result_next(second));
    assert_string_equal(weir_result_column(second, 1)->name, "c");
    close_result_ok(&first);
    weir_frozen_free(&frozen);
    assert_null(frozen);
    weir_frozen_free(&frozen);
    close_result_ok(&second);
}

static void test_frozen_results_outlive_the_engine_and_each_other(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    weir_engine *engine = test_engine(db, NULL);
    weir_connection *connection = weir_engine_connect(engine);
    weir_result *result = query(connection, "SELECT id, state FROM orders ORDER BY id", NULL);
    weir_frozen *frozen = weir_result_freeze(result);
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    weir_result *one = weir_frozen_result(frozen), *two = weir_frozen_result(frozen);
    weir_frozen_free(&frozen);
    assert_next_ids(one, 1, 1000);
    const weir_row *row = weir_result_next(two);
    assert_int_equal(weir_row_int64(row, "nonsense"), 0);
    assert_null(weir_result_next(two));                 /* its own mistake, not that of the other */
    assert_null(weir_result_next(one));
    close_result_ok(&one);
    assert_status(weir_result_close(&two), WEIR_NO_SUCH_COLUMN);
}

/* The values of its rows are those of the first: nothing of that goes before the last that shares them. */
static void test_a_frozen_result_is_frozen_again(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id, state || '-of-order-' || id AS words FROM orders ORDER BY id", NULL);
    weir_frozen *first = weir_result_freeze(result);
    close_result_ok(&result);
    result = weir_frozen_result(first);
    assert_int_equal(weir_row_int64(weir_result_next(result), "id"), 1);
    assert_int_equal(weir_result_columns(result, (const int[]){ 1, 0 }, 2), WEIR_OK);
    weir_frozen *second = weir_result_freeze(result);
    weir_frozen_free(&first);
    close_result_ok(&result);
    weir_result *other = query(connection, "SELECT id, 'something-else-' || id AS other FROM orders ORDER BY id", NULL);
    assert_int_equal(weir_result_all(other)->count, 1000);
    result = weir_frozen_result(second);
    weir_frozen_free(&second);
    for (int64_t id = 2; id <= 1000; id++) {
        char words[64];
        const weir_row *row = weir_result_next(result);
        snprintf(words, sizeof words, "pending-of-order-%lld", (long long)id);
        assert_string_equal(weir_row_cstr(row, "words"), words);
        assert_int_equal(weir_row_int64_at(row, 1), id);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    close_result_ok(&other);
    close_connection_ok(&connection);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

static void test_case_088_rows_by_index_and_by_name(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    weir_result *result = query(connection, "SELECT a, b, c FROM four WHERE n = 3", NULL);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_row_int64_at(row, -2), 3);
    assert_int_equal(weir_row_int64(row, "b"), 3);
    assert_int_equal(weir_row_int64_at(row, 3), 0);
    assert_error(weir_result_error(result), WEIR_OUT_OF_RANGE);
    assert_status(weir_result_close(&result), WEIR_OUT_OF_RANGE);
    result = query(connection, FOUR, NULL);
    assert_int_equal(weir_row_int64(weir_result_next(result), "zzz"), 0);
    assert_null(weir_result_next(result));              /* the mistake ends the reading */
    assert_string_equal(weir_result_error(result)->message, "Could not locate column in row for column 'zzz'");
    assert_status(weir_result_close(&result), WEIR_NO_SUCH_COLUMN);
    close_connection_ok(&connection);
}

static void test_case_089_a_name_that_two_columns_have(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    weir_result *result = query(connection, "SELECT 1 AS x, 2 AS x", NULL);
    weir_frozen *frozen = weir_result_freeze(result);
    close_result_ok(&result);
    result = weir_frozen_result(frozen);
    const weir_row *row = weir_result_next(result);
    ROW(row, 1, 2);
    assert_true(weir_row_is_null(row, "x"));
    assert_string_equal(weir_result_error(result)->message, "Ambiguous column name 'x' in result set column descriptions");
    assert_status(weir_result_close(&result), WEIR_AMBIGUOUS_COLUMN);
    weir_frozen_free(&frozen);
    close_connection_ok(&connection);
}

static void test_case_090_text_with_two_columns_of_one_name(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT o.id, l.id FROM orders o JOIN order_lines l ON l.order_id = o.id ORDER BY l.id", NULL);
    const weir_row *row = weir_result_next(result);
    ROW(row, 1, 11);
    assert_int_equal(weir_row_int64(row, "id"), 0);
    assert_status(weir_result_close(&result), WEIR_AMBIGUOUS_COLUMN);
    close_connection_ok(&connection);
}

static void test_case_091_a_retained_row_keeps_its_values(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10010);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id, state || id AS label FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 4);
    const weir_row *kept = weir_row_retain(weir_result_next(result));
    assert_non_null(kept);
    weir_text label = weir_row_text(kept, "label");
    assert_ids_to_end(result, 6, 10010);
    close_result_ok(&result);
    close_connection_ok(&connection);
    assert_int_equal(weir_row_int64(kept, "id"), 5);
    assert_int_equal(label.len, strlen("pending5"));
    assert_memory_equal(label.ptr, "pending5", label.len);
    weir_row_release(&kept);
}

static void test_case_092_views_and_rows_are_one_stream(void **state)
{
    weir_connection *connection = connect_with_four_rows(*state);
    weir_result *result = query(connection, FOUR, NULL);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_row_int64(row, "a") + weir_row_int64(row, "b") + weir_row_int64(row, "c"), 3);
    ROW(weir_result_next(result), 2, 1, 2);
    assert_int_equal(weir_scalars_first(weir_result_scalars(result, 0))->as.i, 1);
    assert_true(weir_result_closed(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_a_value_that_does_not_fit_ends_the_reading(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id, CASE WHEN id = 5 THEN NULL ELSE id END AS n FROM orders ORDER BY id", OPTIONS(.yield_per = 3));
    int rows = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++)
        weir_row_int64(row, "n");
    assert_int_equal(rows, 5);
    assert_int_equal(weir_result_error(result)->row, 5);
    assert_string_equal(weir_result_error(result)->column, "n");
    assert_status(weir_result_close(&result), WEIR_DATA);
    close_connection_ok(&connection);
}

static void test_declared_columns_name_and_type_what_text_returns(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_with_four_rows(db);
    static const weir_declared_column declared[] = {
        { "number", WEIR_T_INT64 }, { "day", WEIR_T_DATE }, { "more", WEIR_T_NULL }, { "most", WEIR_T_NULL },
    };
    weir_stmt *stmt = weir_sql("SELECT a, '2024-05-01' AS d FROM four WHERE n = 2");
    weir_sql_columns(stmt, declared, 2);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_row_int64(row, "number"), 2);
    assert_int_equal(weir_row_int64(row, "a"), 2);
    assert_int_equal(weir_row_value(row, "d")->type, WEIR_T_DATE);
    assert_int_equal(weir_row_date(row, "day").days, 19844);
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), 0);
    weir_sql_columns(stmt, declared, 4);
    result = weir_connection_execute(connection, stmt, NULL);
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), 1);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_WARNING,
        "Number of columns in textual SQL (4) is smaller than number of columns requested (2)"), 1);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_069_all_gives_what_is_left),
        ON_BOTH(test_case_070_first_closes_hard_and_adds_no_limit),
        ON_BOTH(test_case_071_one_wants_exactly_one),
        ON_BOTH(test_case_072_one_or_none_allows_none),
        ON_BOTH(test_case_073_a_null_value_is_told_from_no_row),
        ON_BOTH(test_case_074_after_the_end_null_after_the_close_an_error),
        ON_BOTH(test_case_075_fetchmany_at_the_end_and_behind_it),
        ON_BOTH(test_any_mix_of_reading_gives_each_row_once_in_order),
        ON_BOTH(test_case_076_columns_refer_to_the_selection_before),
        ON_BOTH(test_case_077_scalars_are_the_values_of_one_column),
        ON_BOTH(test_case_079_one_under_unique_counts_distinct_rows),
        ON_BOTH(test_unique_partitions_are_filled_up),
        ON_BOTH(test_unique_by_a_key_of_the_program),
        ON_BOTH(test_case_080_closing_twice_is_no_error),
        ON_BOTH(test_case_082_a_loop_left_early_leaves_the_result_open),
        ON_BOTH(test_case_083_a_statement_without_rows),
        ON_BOTH(test_case_086_rowcount_counts_rows_matched),
        ON_BOTH(test_a_failed_execution_is_a_result_that_says_why),
        ON_BOTH(test_case_084_frozen_rows_are_read_again_and_again),
        ON_BOTH(test_frozen_results_outlive_the_engine_and_each_other),
        ON_BOTH(test_a_frozen_result_is_frozen_again),
        ON_BOTH(test_case_088_rows_by_index_and_by_name),
        ON_BOTH(test_case_089_a_name_that_two_columns_have),
        ON_BOTH(test_case_090_text_with_two_columns_of_one_name),
        ON_BOTH(test_case_091_a_retained_row_keeps_its_values),
        ON_BOTH(test_case_092_views_and_rows_are_one_stream),
        ON_BOTH(test_a_value_that_does_not_fit_ends_the_reading),
        ON_BOTH(test_declared_columns_name_and_type_what_text_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
