/* Batches of many bytes: their rows come in slices, so that a stream holds little of them, and nobody sees where a slice ends. */
#include "connections.h"
#include <stdio.h>
#include <string.h>

enum { WIDE = 20000, ROWS = 1000 };
#define MIB ((size_t)1 << 20)
#define WIDE_ROWS "SELECT id, body FROM wide ORDER BY id"

/* wide(id, body): `width` characters in each row, by its id (1 to ROWS). */
static void make_wide(test_database *db, const char *width)
{
    char sql[600];
    if (db->postgresql)
        snprintf(sql, sizeof sql, "CREATE TABLE wide(id bigint PRIMARY KEY, body text);"
                 "INSERT INTO wide SELECT id, repeat(chr(97 + (id %% 26)::int), (%s)::int) FROM generate_series(1, %d) AS id", width, ROWS);
    else
        snprintf(sql, sizeof sql, "CREATE TABLE wide(id INTEGER PRIMARY KEY, body text);"
                 "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g LIMIT %d) "
                 "INSERT INTO wide SELECT id, substr(replace(printf('%%.*c', 1 + %s, '-'), '-', char(97 + id %% 26)), 1, %s) FROM g", ROWS, width, width);
    test_side_run(db, sql);
}

/* Of any width: its first, middle and last byte are the id's. */
static void assert_row(const weir_row *row, int64_t id, size_t width)
{
    assert_non_null(row);
    weir_text body = weir_row_text(row, "body");
    char letter = (char)('a' + id % 26);
    assert_int_equal(weir_row_int64(row, "id"), id);
    assert_int_equal(body.len, width);
    if (width)
        assert_true(body.ptr[0] == letter && body.ptr[width / 2] == letter && body.ptr[width - 1] == letter);
    assert_int_equal(body.ptr[width], 0);
}

static size_t peak_of(const weir_result *result)
{
    weir_result_figures figures;
    weir_result_info(result, &figures);
    return figures.ledger_peak_bytes;
}

static void assert_wide_to_end(weir_result *result, int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++)
        assert_row(weir_result_next(result), id, WIDE);
    assert_null(weir_result_next(result));
}

/* 20 MB of rows, and a batch of them is 8: of which one or two are held. */
static void test_a_stream_of_wide_rows_holds_little(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 400, 5000, 37 };
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = sizes[i]));
        assert_wide_to_end(result, 1, ROWS);
        assert_in_range(peak_of(result), 1, 3 * MIB);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

static void test_partitions_are_as_long_as_ever(void **state)
{
    test_database *db = *state;
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = 300));
    int64_t id = 0;
    for (size_t expected = 300; id < ROWS; expected = id == 900 ? 100 : 300) {
        const weir_partition *partition = weir_result_next_partition(result, 0);
        assert_non_null(partition);
        assert_int_equal(partition->count, expected);
        for (size_t i = 0; i < partition->count; i++)
            assert_row(partition->rows[i], ++id, WIDE);
    }
    assert_null(weir_result_next_partition(result, 0));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* What is at hand: never none before the end, never more than a batch, and of wide rows little. */
static void test_some_rows_are_those_at_hand(void **state)
{
    test_database *db = *state;
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = 400));
    int64_t id = 0, pieces = 0;
    for (const weir_partition *some; (some = weir_result_fetchsome(result)) != NULL; pieces++) {
        assert_in_range(some->count, 1, 100);
        for (size_t i = 0; i < some->count; i++)
            assert_row(some->rows[i], ++id, WIDE);
    }
    assert_int_equal(id, ROWS);
    assert_in_range(pieces, ROWS / 100, ROWS / 20);
    assert_in_range(peak_of(result), 1, 3 * MIB);
    assert_null(weir_result_fetchsome(result));
    close_result_ok(&result);
    result = query(connection, "SELECT id FROM wide ORDER BY id", OPTIONS(.yield_per = 300));
    for (int64_t rows = 0; rows < ROWS; rows += 300)
        assert_int_equal(weir_result_fetchsome(result)->count, rows < 900 ? 300 : 100);
    assert_null(weir_result_fetchsome(result));
    close_result_ok(&result);
    assert_null(weir_result_fetchsome(result));
    assert_int_equal(weir_result_error(result)->status, WEIR_RESOURCE_CLOSED);
    close_connection_ok(&connection);
}

/* What is unread of a batch lets others use the connection, and is there afterwards. */
static void test_other_statements_run_between_slices(void **state)
{
    test_database *db = *state;
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = 400));
    for (int64_t id = 1; id <= ROWS; id++) {
        assert_row(weir_result_next(result), id, WIDE);
        if (id % 90 == 1) {
            weir_result *other = query(connection, "SELECT count(*) AS id FROM wide", NULL);
            assert_int_equal(weir_row_int64(weir_result_next(other), "id"), ROWS);
            close_result_ok(&other);
        }
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* Where a batch is little more than a slice: each Execute asks for a batch, not for all that is left, which another statement would have
 * to wait for, and the stream to hold. */
static void test_each_batch_is_asked_for_by_itself(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 53, 55, 60, 80, 100, 110, 160, 200 };
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = sizes[i]));
        weir_result_figures figures;
        for (int64_t id = 1; id <= ROWS; id++) {
            assert_row(weir_result_next(result), id, WIDE);
            if (id % 250 == 0)
                run_ok(connection, "SELECT 1");
        }
        assert_null(weir_result_next(result));
        weir_result_info(result, &figures);
        assert_true(figures.round_trips >= ROWS / sizes[i]);
        assert_in_range(figures.ledger_peak_bytes, 1, 2 * (size_t)sizes[i] * WIDE + 4 * MIB);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

static void test_a_stream_is_left_within_a_batch(void **state)
{
    test_database *db = *state;
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    static const int64_t rows[] = { 1, 70, 399, 400, 777 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = 400));
        for (int64_t id = 1; id <= rows[i]; id++)
            assert_row(weir_result_next(result), id, WIDE);
        close_result_ok(&result);
        result = query(connection, "SELECT count(*) AS id FROM wide", NULL);
        assert_int_equal(weir_row_int64(weir_result_next(result), "id"), ROWS);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

static void test_an_error_behind_slices_is_told(void **state)
{
    test_database *db = *state;
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id, body, 1 / (id - 700) FROM wide ORDER BY id", OPTIONS(.yield_per = 400));
    int64_t id = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL;)
        assert_row(row, ++id, WIDE);
    assert_in_range(id, 400, 699);
    assert_string_equal(weir_result_error(result)->sqlstate, "22012");
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
}

/* The server's clock would run while it waits for us (RULES W5): batches come whole. */
static void test_a_time_out_in_force_takes_batches_whole(void **state)
{
    test_database *db = *state;
    make_wide(db, "20000");
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "SET statement_timeout = '1min'");
    weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = 400));
    assert_wide_to_end(result, 1, ROWS);
    assert_in_range(peak_of(result), 8 * MIB, 40 * MIB);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* Rows of 0 to 400,000 bytes, read in every way, with other statements between: each row once, in order. */
static void test_any_widths_and_ways_of_reading(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 1000, 150, 13 };
    make_wide(db, "id % 97 * 300 + id % 211 / 210 * 400000");
    weir_connection *connection = weir_engine_connect(db->engine);
    uint32_t chance = 12345;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        weir_result *result = query(connection, WIDE_ROWS, OPTIONS(.yield_per = sizes[s]));
        for (int64_t id = 0; id < ROWS;) {
            chance = chance * 1664525 + 1013904223;
            unsigned way = chance >> 28, count = 1 + (chance >> 16) % 60;
            const weir_partition *partition = way < 4 ? weir_result_fetchsome(result) : way < 8 ? weir_result_fetchmany(result, count) : NULL;
            for (size_t i = 0; partition && i < partition->count; i++) {
                id++;
                assert_row(partition->rows[i], id, (size_t)(id % 97 * 300 + id % 211 / 210 * 400000));
            }
            if (way >= 8 && way < 15) {
                id++;
                assert_row(weir_result_next(result), id, (size_t)(id % 97 * 300 + id % 211 / 210 * 400000));
            }
            if (way == 15)
                run_ok(connection, "SELECT 1");
        }
        assert_null(weir_result_next(result));
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_stream_of_wide_rows_holds_little),
        ON_BOTH(test_partitions_are_as_long_as_ever),
        ON_BOTH(test_some_rows_are_those_at_hand),
        ON_BOTH(test_other_statements_run_between_slices),
        ON_POSTGRESQL(test_each_batch_is_asked_for_by_itself),
        ON_BOTH(test_a_stream_is_left_within_a_batch),
        ON_POSTGRESQL(test_an_error_behind_slices_is_told),
        ON_POSTGRESQL(test_a_time_out_in_force_takes_batches_whole),
        ON_BOTH(test_any_widths_and_ways_of_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
