/* Values through the public API on both databases: case 194, getters that are exact and sticky, and values near the limits. */
#include "connections.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static weir_result *query_with(weir_connection *connection, const char *sql, const char *name, weir_value value)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_bind(stmt, name, value);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    return result;
}

/* ---- case 194 ----------------------------------------------------------------------------------------------------------- */

static char *long_text(size_t length)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = " ab'\"\\%:$?\n\t;-/*"[(i * 7 + i / 13) % 17];
    text[length] = 0;
    return text;
}

static void assert_text_unchanged(weir_connection *connection, const char *text)
{
    weir_result *result = query_with(connection, "INSERT INTO kept VALUES (:v)", "v", weir_value_cstr(text));
    close_result_ok(&result);
    result = query(connection, "SELECT v FROM kept ORDER BY v", OPTIONS(.yield_per = 3));
    const weir_row *row = weir_result_next(result);
    assert_non_null(row);
    weir_text seen = weir_row_text_at(row, 0);
    assert_int_equal(seen.len, strlen(text));
    assert_memory_equal(seen.ptr, text, seen.len);
    assert_string_equal(weir_row_cstr_at(row, 0), text);
    close_result_ok(&result);
    result = query_with(connection, "DELETE FROM kept WHERE v = :v", "v", weir_value_cstr(text));
    assert_int_equal(weir_result_rowcount(result), 1);
    close_result_ok(&result);
}

static void test_case_194_texts_are_returned_unchanged(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    test_side_run(db, "CREATE TABLE kept(v text)");
    static const char *const texts[] = {
        "'); DROP TABLE orders;--", "%s %% \\", "two\nlines\r\n", "", " ", "NULL", ":name ::int $1 ?1 @x", "\\:x", "\x01\x7f",
        "\xF0\x9F\x90\x98 \xE2\x80\xA8 \xEF\xBF\xBF", "''", "$$quoted$$", "-- comment", "/* comment",
    };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_text_unchanged(connection, texts[i]);
    char *megabyte = long_text(1024 * 1024);
    assert_text_unchanged(connection, megabyte);
    free(megabyte);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 3);
    close_connection_ok(&connection);
}

static void test_case_194_the_empty_text_is_not_null(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE kept(n integer, t text, b bytea)");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *insert = weir_sql("INSERT INTO kept VALUES (:n, :t, :b)");
    WEIR_BIND(insert, "n", 1);
    WEIR_BIND(insert, "t", "");
    weir_bind(insert, "b", weir_value_blob((weir_blob){ "", 0 }));
    weir_result *result = weir_connection_execute(connection, insert, NULL);
    close_result_ok(&result);
    WEIR_BIND(insert, "n", 2);
    WEIR_BIND(insert, "t", (const char *)NULL);
    weir_bind(insert, "b", weir_value_blob((weir_blob){ NULL, 0 }));
    result = weir_connection_execute(connection, insert, NULL);
    close_result_ok(&result);
    weir_stmt_free(&insert);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM kept WHERE t IS NULL AND b IS NULL"), 1);
    result = query(connection, "SELECT t, b FROM kept ORDER BY n", NULL);
    const weir_row *row = weir_result_next(result);
    assert_false(weir_row_is_null(row, "t"));
    assert_string_equal(weir_row_cstr(row, "t"), "");
    assert_non_null(weir_row_text(row, "t").ptr);
    assert_non_null(weir_row_blob(row, "b").ptr);
    assert_int_equal(weir_row_blob(row, "b").len, 0);
    row = weir_result_next(result);
    assert_true(weir_row_is_null(row, "t") && weir_row_is_null(row, "b"));
    assert_null(weir_row_cstr(row, "t"));
    assert_null(weir_row_blob(row, "b").ptr);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_194_numbers_are_returned_unchanged(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE whole(v bigint); CREATE TABLE real_ones(v double precision)");
    weir_connection *connection = weir_engine_connect(db->engine);
    static const int64_t whole[] = { INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        weir_result *result = query_with(connection, "INSERT INTO whole VALUES (:v) RETURNING v, v + 0", "v", weir_value_int(whole[i]));
        const weir_row *row = weir_result_one(result);
        assert_true(weir_row_int64_at(row, 0) == whole[i] && weir_row_int64_at(row, 1) == whole[i]);
        close_result_ok(&result);
    }
    static const double reals[] = { 0.1, 5e-324, 1.7976931348623157e308, INFINITY, -INFINITY, 1.0 / 3, -0.0 };
    size_t count = sizeof reals / sizeof *reals - !db->postgresql;      /* SQLite keeps -0.0 as the integer 0 */
    for (size_t i = 0; i < count; i++) {
        weir_result *result = query_with(connection, "INSERT INTO real_ones VALUES (:v) RETURNING v", "v", weir_value_double(reals[i]));
        double seen = weir_row_double_at(weir_result_one(result), 0);
        assert_memory_equal(&seen, &reals[i], sizeof seen);
        close_result_ok(&result);
    }
    weir_result *result = query_with(connection, "INSERT INTO real_ones VALUES (:v) RETURNING v", "v", weir_value_double(NAN));
    if (db->postgresql) {
        assert_true(isnan(weir_row_double_at(weir_result_one(result), 0)));
        close_result_ok(&result);
    } else {
        assert_status(weir_result_close(&result), WEIR_DATA);           /* it would be stored as NULL */
    }
    close_connection_ok(&connection);
}

static void test_case_194_strange_names_work_everywhere(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "CREATE TABLE \"we\"\"ird :t\" (\"select\" integer PRIMARY KEY, \":x\" text)");
    for (int i = 1; i <= 3; i++) {
        weir_result *result = query_with(connection, "INSERT INTO \"we\"\"ird :t\" (\"select\", \":x\") VALUES (:n, ':n')",
                                         "n", WEIR_VALUE(i));
        close_result_ok(&result);
    }
    weir_result *result = query_with(connection, "UPDATE \"we\"\"ird :t\" SET \":x\" = :x WHERE \"select\" = 2", "x", WEIR_VALUE(":y"));
    assert_int_equal(weir_result_rowcount(result), 1);
    close_result_ok(&result);
    result = query(connection, "SELECT \"select\", \":x\" FROM \"we\"\"ird :t\" ORDER BY \"select\" DESC", OPTIONS(.yield_per = 2));
    for (int i = 3; i >= 1; i--) {
        const weir_row *row = weir_result_next(result);
        assert_int_equal(weir_row_int64(row, "select"), i);
        assert_string_equal(weir_row_cstr(row, ":x"), i == 2 ? ":y" : ":n");
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM \"we\"\"ird :t\""), 3);
    close_connection_ok(&connection);
}

/* ---- parameters --------------------------------------------------------------------------------------------------------- */

/* RULES O4: true is an int in C11. */
static void test_zero_and_one_are_booleans_where_one_is_wanted(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE flags(n integer, f boolean)");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *insert = weir_sql("INSERT INTO flags VALUES (:n, :f)");
    for (int i = 0; i < 2; i++) {
        WEIR_BIND(insert, "n", i);
        WEIR_BIND(insert, "f", i);
        weir_result *result = weir_connection_execute(connection, insert, NULL);
        close_result_ok(&result);
    }
    WEIR_BIND(insert, "f", 2);
    weir_result *result = weir_connection_execute(connection, insert, NULL);
    if (db->postgresql) {
        assert_contains(weir_result_error(result)->message, "'f'");
        assert_status(weir_result_close(&result), WEIR_DATA);
    } else {
        close_result_ok(&result);
    }
    weir_stmt_free(&insert);
    result = query(connection, "SELECT f FROM flags WHERE n < 2 AND f IN (true, false) ORDER BY f LIMIT 2", NULL);
    for (int i = 0; i < 2; i++) {
        const weir_row *row = weir_result_next(result);
        assert_int_equal(weir_row_value_at(row, 0)->type, WEIR_T_BOOL);
        assert_int_equal(weir_row_bool_at(row, 0), i);
    }
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* PostgreSQL cannot store a NUL in a text: told before anything is sent, and the transaction lives. */
static void test_a_text_with_a_nul(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE kept(t text, b bytea)");
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO kept VALUES ('before', NULL)");
    weir_value nul = weir_value_text((weir_text){ "a\0b", 3 }), broken = weir_value_text((weir_text){ "\xC3(", 2 });
    weir_result *result = query_with(connection, "INSERT INTO kept(t) VALUES (:name)", "name", nul);
    if (db->postgresql) {
        assert_contains(weir_result_error(result)->message, "'name'");
        assert_contains(weir_result_error(result)->message, "NUL");
        assert_status(weir_result_close(&result), WEIR_DATA);
        result = query_with(connection, "INSERT INTO kept(t) VALUES (:name)", "name", broken);
        assert_contains(weir_result_error(result)->message, "UTF-8");
        assert_status(weir_result_close(&result), WEIR_DATA);
    } else {
        close_result_ok(&result);
        result = query(connection, "SELECT t FROM kept WHERE t <> 'before'", NULL);
        const weir_row *row = weir_result_next(result);
        assert_int_equal(weir_row_text_at(row, 0).len, 3);
        assert_null(weir_row_cstr_at(row, 0));
        assert_contains(weir_row_error(row)->message, "column 't' of row 1");
        assert_status(weir_result_close(&result), WEIR_DATA);
    }
    result = query_with(connection, "INSERT INTO kept(b) VALUES (:name) RETURNING b", "name", weir_value_blob((weir_blob){ "a\0b", 3 }));
    assert_memory_equal(weir_row_blob_at(weir_result_one(result), 0).ptr, "a\0b", 3);
    close_result_ok(&result);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM kept"), db->postgresql ? 2 : 3);
    close_connection_ok(&connection);
}

static void test_a_value_is_copied_when_it_is_bound(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    char text[] = "first", name[] = "v";
    weir_stmt *stmt = weir_sql(db->postgresql ? "SELECT :v::text" : "SELECT :v");
    weir_bind(stmt, name, weir_value_cstr(text));
    memset(text, 'x', 5);
    memset(name, 'x', 1);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    assert_string_equal(weir_row_cstr_at(weir_result_one(result), 0), "first");
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* ---- getters ------------------------------------------------------------------------------------------------------------- */

/* RULES R3: sum(bigint) is a numeric; 300 of it is the int64 300, 300.5 is none. */
static void test_a_sum_is_read_as_an_integer_when_it_is_one(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    const char *sums = db->postgresql ? "SELECT sum(n) AS whole, sum(n) + 0.5 AS half FROM generate_series(1::bigint, 24) n"
                                      : "SELECT 300.0 AS whole, 300.5 AS half";
    weir_result *result = query(connection, sums, NULL);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_row_int64(row, "whole"), 300);
    assert_int_equal(weir_row_int32(row, "whole"), 300);
    assert_true(weir_row_double(row, "half") > 300.4 && weir_row_double(row, "half") < 300.6);
    assert_error(weir_row_error(row), WEIR_OK);
    assert_int_equal(weir_row_int64(row, "half"), 0);
    assert_error(weir_row_error(row), WEIR_DATA);
    assert_contains(weir_row_error(row)->message, "column 'half' of row 1");
    assert_contains(weir_row_error(row)->message, "300.5");
    assert_string_equal(weir_row_error(row)->column, "half");
    assert_int_equal(weir_row_error(row)->row, 1);
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
}

/* A failed read ends the loop at the next fetch, and close tells: in each way of reading, streamed and buffered. */
static void test_a_failed_read_is_sticky(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE numbers(n integer, v integer)");
    test_side_run(db, "INSERT INTO numbers VALUES (1, 1), (2, 2), (3, NULL), (4, 4), (5, 5), (6, 6)");
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int yield_per = 0; yield_per <= 4; yield_per++) {
        weir_result *result = query(connection, "SELECT n, v FROM numbers ORDER BY n", OPTIONS(.yield_per = yield_per));
        int rows = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++)
            (void)weir_row_int64(row, "v");
        assert_int_equal(rows, 3);
        assert_error(weir_result_error(result), WEIR_DATA);
        assert_int_equal(weir_result_error(result)->row, 3);
        assert_contains(weir_result_error(result)->message, "weir_row_opt_int64");
        assert_null(weir_result_all(result));
        assert_null(weir_result_fetchmany(result, 1));
        assert_null(weir_scalars_all(weir_result_scalars(result, 0)));
        assert_status(weir_result_close(&result), WEIR_DATA);
    }
    weir_result *result = query(connection, "SELECT v FROM numbers ORDER BY n", OPTIONS(.yield_per = 2));
    const weir_partition *all = weir_result_all(result);
    assert_int_equal(all->count, 6);
    (void)weir_row_int32_at(all->rows[2], -1);
    (void)weir_row_bool_at(all->rows[5], 0);                    /* the first error stays */
    assert_error(weir_result_error(result), WEIR_DATA);
    assert_int_equal(weir_result_error(result)->row, 3);
    assert_status(weir_result_close(&result), WEIR_DATA);
    close_connection_ok(&connection);
}

static void test_optional_getters_and_indexes_from_the_end(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE mixed(a integer, b text, c integer); INSERT INTO mixed VALUES (NULL, 'b', 3)");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT a, b, c FROM mixed", NULL);
    const weir_row *row = weir_result_next(result);
    assert_false(weir_row_opt_int64(row, "a").present);
    assert_false(weir_row_opt_timestamptz_at(row, 0).present);
    assert_true(weir_row_opt_int32_at(row, -1).present && weir_row_opt_int32_at(row, -1).value == 3);
    assert_int_equal(weir_row_int64_at(row, -1), 3);
    assert_string_equal(weir_row_cstr_at(row, -2), "b");
    assert_true(weir_row_is_null_at(row, -3));
    assert_error(weir_result_error(result), WEIR_OK);
    weir_opt_int64 wrong = weir_row_opt_int64_at(row, 1);       /* 'b' is no number: an error, not an absent value in silence */
    assert_false(wrong.present);
    assert_error(weir_result_error(result), WEIR_DATA);
    assert_status(weir_result_close(&result), WEIR_DATA);
    static const int outside[] = { 3, -4, 2147483647, -2147483647 - 1 };
    for (size_t i = 0; i < 4; i++) {
        result = query(connection, "SELECT a, b, c FROM mixed", NULL);
        row = weir_result_next(result);
        assert_true(weir_row_is_null_at(row, outside[i]));
        assert_error(weir_result_error(result), WEIR_OUT_OF_RANGE);
        assert_null(weir_result_next(result));
        assert_status(weir_result_close(&result), WEIR_OUT_OF_RANGE);
    }
    close_connection_ok(&connection);
}

/* ---- near the limits ------------------------------------------------------------------------------------------------------ */

enum { GIANT = 256 * 1024 * 1024 };

static const char *giant_query(const test_database *db)
{
    return db->postgresql ? "SELECT n, repeat('x', 268435456) AS v FROM generate_series(1, 2) n ORDER BY n"
                          : "WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 2) "
                            "SELECT n, zeroblob(268435456) AS v FROM r ORDER BY n";
}

/* One copy of the value, not two, and given back when the next is read. */
static void test_a_field_of_256_mebibytes_takes_one_copy(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, giant_query(db), OPTIONS(.yield_per = 1, .prefetch = WEIR_OFF));
    weir_result_figures figures;
    const weir_row *row = weir_result_next(result);
    assert_error(weir_result_error(result), WEIR_OK);
    weir_blob value = weir_row_blob(row, "v");
    assert_int_equal(value.len, GIANT);
    assert_int_equal(((const char *)value.ptr)[GIANT - 1], db->postgresql ? 'x' : 0);
    if (db->postgresql)
        assert_int_equal(((const char *)value.ptr)[GIANT], 0);
    weir_result_info(result, &figures);
    if (figures.ledger_peak_bytes > (size_t)GIANT / 10 * 12)
        fail_msg("a field of %d bytes took %zu", GIANT, figures.ledger_peak_bytes);
    weir_memory_figures memory;
    weir_engine_memory(db->engine, &memory);
    assert_true(memory.peak_bytes < (size_t)GIANT / 10 * 12);
    close_result_ok(&result);
    weir_engine_memory(db->engine, &memory);
    assert_true(memory.bytes < 2 * 1024 * 1024);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
}

static void test_a_value_over_the_databases_limit_is_its_error(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    const char *too_large = db->postgresql ? "SELECT repeat('x', 1024 * 1024 * 1024)" : "SELECT zeroblob(1024 * 1024 * 1024 + 1)";
    weir_result *result = query(connection, too_large, OPTIONS(.yield_per = 10));
    assert_null(weir_result_next(result));
    weir_error error = *weir_result_error(result);
    assert_error(&error, WEIR_DATABASE);
    assert_false(error.disconnect);
    assert_contains(error.message, db->postgresql ? "too large" : "too big");
    assert_status(weir_result_close(&result), WEIR_DATABASE);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    weir_memory_figures memory;
    weir_engine_memory(db->engine, &memory);
    assert_true(memory.peak_bytes < 4 * 1024 * 1024);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_194_texts_are_returned_unchanged),
        ON_BOTH(test_case_194_the_empty_text_is_not_null),
        ON_BOTH(test_case_194_numbers_are_returned_unchanged),
        ON_BOTH(test_case_194_strange_names_work_everywhere),
        ON_BOTH(test_zero_and_one_are_booleans_where_one_is_wanted),
        ON_BOTH(test_a_text_with_a_nul),
        ON_BOTH(test_a_value_is_copied_when_it_is_bound),
        ON_BOTH(test_a_sum_is_read_as_an_integer_when_it_is_one),
        ON_BOTH(test_a_failed_read_is_sticky),
        ON_BOTH(test_optional_getters_and_indexes_from_the_end),
        ON_BOTH(test_a_field_of_256_mebibytes_takes_one_copy),
        ON_BOTH(test_a_value_over_the_databases_limit_is_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
