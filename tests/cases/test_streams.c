/* Streams: execution options, how many rows each fetch asks for, memory that stays flat (cases.md A, B, and parts of L). */
#include "connections.h"
#include <stdio.h>
#include <string.h>

static weir_result_figures info_of(const weir_result *result)
{
    weir_result_figures info;
    weir_result_info(result, &info);
    return info;
}

/* ---- A. options ---------------------------------------------------------------------------------------------------------- */

static void test_case_001_yield_per_bounds_the_buffer_and_sizes_partitions(void **state)
{
    test_database *db = *state;
    test_fixture(db, 250);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(ORDERS);
    weir_yield_per(stmt, 100);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    for (int64_t id = 1; id <= 250; id++) {
        const weir_row *row = weir_result_next(result);
        assert_non_null(row);
        assert_int_equal(weir_row_int64(row, "id"), id);
        assert_true(info_of(result).rows_held < 100);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    result = weir_connection_execute(connection, stmt, NULL);
    assert_partitions(result, 0, 100, 100, 50);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_case_002_the_call_beats_the_connection_beats_the_statement(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = 3)), WEIR_OK);
    weir_stmt *stmt = weir_sql(ORDERS);
    weir_yield_per(stmt, 4);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_partitions(result, 0, 3, 3, 3, 3);
    close_result_ok(&result);
    result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 5));
    assert_partitions(result, 0, 5, 5, 2);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_case_003_yield_per_overrides_the_other_two(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3, .max_row_buffer = 9, .stream_results = WEIR_OFF));
    weir_result_figures info = info_of(result);
    assert_int_equal(info.yield_per, 3);
    assert_int_equal(info.max_row_buffer, 3);
    assert_int_equal(info.stream_results, WEIR_ON);
    assert_int_equal(info.mode, db->postgresql ? WEIR_MODE_PORTAL : WEIR_MODE_STEPPING);
    assert_partitions(result, 0, 3, 3, 3, 3);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_004_a_copy_of_a_statement_has_options_of_its_own(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *first = weir_sql(ORDERS), *second = weir_stmt_copy(first);
    weir_yield_per(second, 5);
    weir_result *result = weir_connection_execute(connection, first, NULL);
    assert_int_equal(info_of(result).yield_per, 0);
    assert_partitions(result, 0, 12);
    close_result_ok(&result);
    result = weir_connection_execute(connection, second, NULL);
    assert_partitions(result, 0, 5, 5, 2);
    close_result_ok(&result);
    weir_execution_options options;
    weir_stmt_get_options(first, &options);
    assert_int_equal(options.yield_per, 0);
    weir_stmt_free(&first);
    weir_stmt_free(&second);
    close_connection_ok(&connection);
}

static void test_case_007_yield_per_zero_is_unset(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 0));
    assert_int_equal(info_of(result).mode, WEIR_MODE_BUFFERED);
    assert_false(info_of(result).open);
    assert_partitions(result, 5, 5, 5, 2);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_010_a_connection_switches_streaming_off_for_a_statement(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.stream_results = WEIR_OFF)), WEIR_OK);
    weir_stmt *stmt = weir_sql(ORDERS);
    weir_stream_results(stmt, WEIR_ON);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_int_equal(info_of(result).mode, WEIR_MODE_BUFFERED);
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_case_013_an_engine_with_options_shares_the_pool(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_engine *other = weir_engine_with_options(db->engine, OPTIONS(.yield_per = 6));
    weir_connection *first = weir_engine_connect(db->engine), *second = weir_engine_connect(other);
    weir_result *result = query(first, ORDERS, NULL);
    assert_partitions(result, 0, 12);
    close_result_ok(&result);
    result = query(second, ORDERS, NULL);
    assert_partitions(result, 0, 6, 6);
    close_result_ok(&result);
    weir_pool_status pool;
    weir_engine_pool_status(db->engine, &pool);
    assert_int_equal(pool.checked_out, 2);
    close_connection_ok(&first);
    close_connection_ok(&second);
    weir_engine_close(&other);
}

static void test_options_that_make_no_sense_are_refused_before_any_sql(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = -1));
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    close_connection_ok(&connection);
}

static void test_streaming_options_leave_other_statements_alone(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = 3)), WEIR_OK);
    assert_int_equal(run_ok(connection, "UPDATE orders SET state = 'open' WHERE id < 5"), 4);
    weir_result *result = query(connection, "DELETE FROM orders WHERE id > 7 RETURNING id", NULL);
    assert_int_equal(info_of(result).mode, WEIR_MODE_BUFFERED);
    assert_int_equal(weir_result_rowcount(result), 5);
    assert_int_equal(weir_result_all(result)->count, 5);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_a_stream_without_order_by_is_warned_of_once(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    int64_t before = weir_engine_warnings(db->engine);
    weir_result *result = query(connection, "SELECT id FROM orders", OPTIONS(.yield_per = 3));
    assert_int_equal(weir_result_all(result)->count, 12);
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), before + 1);
    result = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    close_result_ok(&result);
    result = query(connection, "SELECT id FROM orders", NULL);
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), before + 1);
    close_connection_ok(&connection);
}

/* ---- B. buffering ----------------------------------------------------------------------------------------------------------- */

/* The sizes that were asked for since the log was cleared, without an optional first 1. */
static void assert_fetches(test_database *db, const int64_t *wanted, size_t count)
{
    int64_t asked[64], *sizes = asked;
    size_t seen = test_log_fetches(db->log, asked, 64);
    if (seen && asked[0] == 1) {
        sizes++;
        seen--;
    }
    assert_true(seen == count || seen == count + 1);        /* and an optional last one that finds nothing */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sizes[i], wanted[i]);
}

static void test_case_014_the_buffer_grows_by_five_to_its_maximum(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    weir_result *result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON));
    assert_ids_to_end(result, 1, 3000);
    assert_fetches(db, (const int64_t[]){ 5, 25, 125, 625, 1000, 1000, 1000 }, 7);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_015_the_ceiling_stops_the_growth(void **state)
{
    test_database *db = *state;
    test_fixture(db, 200);
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    weir_result *result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 27));
    assert_ids_to_end(result, 1, 200);
    assert_fetches(db, (const int64_t[]){ 5, 25, 27, 27, 27, 27, 27, 27, 27 }, 9);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_016_rows_held_never_exceed_the_ceiling(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 1500));
    size_t most = 0;
    while (weir_result_next(result))
        most = info_of(result).rows_held > most ? info_of(result).rows_held : most;
    assert_true(most < 1500 && most > 600);
    assert_int_equal(info_of(result).rows, 3000);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_017_sized_reads_neither_fill_nor_grow_the_buffer(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    weir_result *result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON));
    for (int64_t part = 0; part < 2; part++) {
        const weir_partition *rows = weir_result_fetchmany(result, 300);
        assert_int_equal(rows->count, 300);
        assert_int_equal(weir_row_int64_at(rows->rows[0], 0), part * 300 + 1);
        assert_int_equal(weir_row_int64_at(rows->rows[299], 0), part * 300 + 300);
        assert_int_equal(info_of(result).rows_held, 0);
    }
    assert_next_ids(result, 601, 601);
    int64_t sizes[8];
    size_t count = test_log_fetches(db->log, sizes, 8);
    assert_int_equal(sizes[count - 1], 5);
    assert_int_equal(sizes[count - 2], 300);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_018_full_partitions_to_the_end_and_no_empty_one(void **state)
{
    test_database *db = *state;
    test_fixture(db, 200);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 100));
    assert_partitions(result, 0, 100, 100);
    assert_false(info_of(result).open);
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    assert_false(weir_result_closed(result));
    assert_int_equal(weir_result_all(result)->count, 0);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_019_no_rows_at_all(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    const char *nothing = "SELECT id FROM orders WHERE id < 0 ORDER BY id";
    weir_result *result = query(connection, nothing, OPTIONS(.yield_per = 100));
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    result = query(connection, nothing, OPTIONS(.yield_per = 100));
    assert_null(weir_result_next_partition(result, 0));
    close_result_ok(&result);
    result = query(connection, nothing, OPTIONS(.yield_per = 100));
    assert_null(weir_result_first(result));
    close_result_ok(&result);
    result = query(connection, nothing, OPTIONS(.yield_per = 100));
    assert_int_equal(weir_result_all(result)->count, 0);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_021_a_loop_that_was_left_is_resumed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 250);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 100));
    assert_next_ids(result, 1, 189);
    assert_ids_to_end(result, 190, 250);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_022_the_cursor_goes_at_the_null_not_before(void **state)
{
    test_database *db = *state;
    test_fixture(db, 15);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 30));
    for (int i = 0; i < 15; i++) {
        assert_non_null(weir_result_next(result));
        assert_true(info_of(result).open);
    }
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 1);
    assert_null(weir_result_next(result));
    assert_false(info_of(result).open);
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    assert_null(weir_result_next(result));
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_OK);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_023_fetchmany_without_size_gives_1000(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON));
    assert_int_equal(weir_result_fetchmany(result, 0)->count, 1000);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_all_styles_of_reading_draw_from_one_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 4));
    assert_next_ids(result, 1, 1);
    const weir_partition *rows = weir_result_fetchmany(result, 2);
    assert_int_equal(rows->count, 2);
    assert_int_equal(weir_row_int64_at(rows->rows[0], 0), 2);
    rows = weir_result_next_partition(result, 3);
    assert_int_equal(rows->count, 3);
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(weir_row_int64_at(rows->rows[i], 0), 4 + i);
    rows = weir_result_all(result);
    assert_int_equal(rows->count, 4);
    for (int64_t i = 0; i < 4; i++)
        assert_int_equal(weir_row_int64_at(rows->rows[i], 0), 7 + i);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_035_partitions_may_be_larger_than_the_batch(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 2));
    assert_partitions(result, 5, 5, 5, 2);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_yield_per_of_a_result_holds_from_there_on(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON));
    assert_next_ids(result, 1, 6);
    test_log_clear(db->log);
    assert_status(weir_result_yield_per(result, 40), WEIR_OK);
    assert_ids_to_end(result, 7, 100);
    assert_fetches(db, (const int64_t[]){ 40, 40, 40 }, 3);
    close_result_ok(&result);
    result = query(connection, ORDERS, NULL);
    assert_status(weir_result_yield_per(result, 0), WEIR_ARGUMENT);
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    result = query(connection, ORDERS, OPTIONS(.yield_per = 5));
    assert_status(weir_result_yield_per(result, (int64_t)INT32_MAX + 1), WEIR_ARGUMENT);
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    close_connection_ok(&connection);
}

/* ---- flat memory -------------------------------------------------------------------------------------------------------------- */

static void test_a_uniform_stream_allocates_nothing_from_its_third_batch_on(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id, tenant_id, amount_cents, state FROM orders ORDER BY id", OPTIONS(.yield_per = 500));
    weir_memory_figures before, after;
    for (int i = 0; i < 4 * 500; i++)
        assert_non_null(weir_result_next(result));
    weir_memory_usage(&before);
    size_t peak = info_of(result).ledger_peak_bytes;
    for (int i = 4 * 500; i < 10000; i++)
        assert_non_null(weir_result_next(result));
    weir_memory_usage(&after);
    assert_int_equal(after.allocations, before.allocations);
    assert_int_equal(info_of(result).ledger_peak_bytes, peak);
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_partitions_of_another_size_allocate_nothing_either(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id, state FROM orders ORDER BY id", OPTIONS(.yield_per = 50));
    weir_memory_figures before, after;
    for (int i = 0; i < 6; i++)
        assert_int_equal(weir_result_next_partition(result, 170)->count, 170);
    weir_memory_usage(&before);
    for (int i = 0; i < 20; i++)
        assert_int_equal(weir_result_next_partition(result, 170)->count, 170);
    weir_memory_usage(&after);
    assert_int_equal(after.allocations, before.allocations);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* Rows of which those that fit the condition `which` have a text of `bytes` bytes. */
static const char *wide_rows(const test_database *db, char *sql, size_t size, int rows, const char *which, int bytes)
{
    const char *repeat = db->postgresql ? "repeat('x', " : "hex(zeroblob(", *end = db->postgresql ? ")" : " / 2))";
    snprintf(sql, size, "SELECT id, %sCASE WHEN %s THEN %d ELSE 10 END%s AS wide FROM orders WHERE id <= %d ORDER BY id", repeat, which,
             bytes, end, rows);
    return sql;
}

static void test_wide_rows_are_held_one_batch_at_a_time(void **state)
{
    test_database *db = *state;
    test_fixture(db, 40);
    weir_connection *connection = weir_engine_connect(db->engine);
    char sql[400];
    weir_result *result = query(connection, wide_rows(db, sql, sizeof sql, 40, "id > 0", 1 << 20), OPTIONS(.yield_per = 2));
    int64_t id = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
        assert_int_equal(weir_row_int64_at(row, 0), ++id);
        assert_int_equal(weir_row_text_at(row, 1).len, 1 << 20);
    }
    assert_int_equal(id, 40);
    assert_true(info_of(result).ledger_peak_bytes < 8 << 20);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_one_giant_row_does_not_stay_in_memory(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    weir_connection *connection = weir_engine_connect(db->engine);
    char sql[400];
    weir_result *result = query(connection, wide_rows(db, sql, sizeof sql, 1000, "id = 500", 20 << 20), OPTIONS(.yield_per = 50));
    assert_next_ids(result, 1, 800);
    assert_true(info_of(result).ledger_peak_bytes >= 20 << 20);
    assert_true(info_of(result).ledger_bytes < 1 << 20);
    assert_ids_to_end(result, 801, 1000);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* ---- a schema that changes under prepared statements --------------------------------------------------------------------------- */

static void prepare_before_a_change(test_database *db, bool in_german)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    if (in_german) {
        run_ok(connection, "SET lc_messages TO 'C.UTF-8'");             /* see tests/servers */
        assert_status(weir_connection_commit(connection), WEIR_OK);
    }
    const char *everything = "SELECT * FROM orders ORDER BY id";
    for (int i = 0; i < 2; i++) {
        weir_result *result = query(connection, everything, OPTIONS(.yield_per = 2));
        assert_int_equal(weir_result_column_count(result), 4);
        assert_ids_to_end(result, 1, 3);
        close_result_ok(&result);
    }
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    test_side_run(db, "ALTER TABLE orders ADD COLUMN note text");
    weir_result *result = query(connection, everything, OPTIONS(.yield_per = 2));
    assert_int_equal(weir_result_column_count(result), 5);
    assert_ids_to_end(result, 1, 3);
    close_result_ok(&result);
    close_connection_ok(&connection);
    test_side_run(db, "ALTER TABLE orders DROP COLUMN note");
}

static void test_a_statement_is_prepared_again_when_its_table_changed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    for (int in_german = 0; in_german <= db->postgresql; in_german++)
        prepare_before_a_change(db, in_german);
}

/* What the program's own EXECUTE or DEALLOCATE fails for says nothing of the statements that weir prepared. */
static void test_names_that_were_never_prepared_harm_no_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    static const char *const missing[] = { "EXECUTE nothing", "DEALLOCATE nothing", "EXECUTE weir_nothing", "DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$" };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int i = 0; i < 12; i++) {
        weir_result *result = query(connection, "SELECT * FROM orders ORDER BY id", OPTIONS(.yield_per = 2));
        assert_ids_to_end(result, 1, 3);
        close_result_ok(&result);
        result = query(connection, missing[i % 4], NULL);
        if (i % 4 < 3)
            assert_string_equal(weir_result_error(result)->sqlstate, "26000");
        assert_int_equal(weir_result_close(&result) == WEIR_OK, i % 4 == 3);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    assert_true(test_query_int(connection, "SELECT count(*) FROM pg_prepared_statements") < 8);
    close_connection_ok(&connection);
}

static void test_a_statement_is_not_prepared_again_when_a_transaction_would_be_lost(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_connection *connection = weir_engine_connect(db->engine);
    const char *everything = "SELECT * FROM orders ORDER BY id";
    weir_result *result = query(connection, everything, NULL);
    close_result_ok(&result);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    run_ok(connection, "SELECT 1");
    test_side_run(db, "ALTER TABLE orders ADD COLUMN note text");
    result = query(connection, everything, NULL);
    assert_string_equal(weir_result_error(result)->sqlstate, "0A000");
    assert_contains(weir_result_error(result)->hint, "roll back");
    assert_status(weir_result_close(&result), WEIR_NOT_SUPPORTED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    result = query(connection, everything, NULL);
    assert_int_equal(weir_result_column_count(result), 5);
    assert_ids_to_end(result, 1, 3);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* What the connection itself did to the schema it knows, in the same transaction and after going back. */
static void test_statements_follow_the_changes_of_their_own_connection(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    static const char *const types[] = { "boolean", "text", "bigint", "timestamp", "smallint" };
    static const int64_t values[] = { 1, 300, INT64_C(1) << 40, 0, -32768 };
    char sql[80];
    for (int i = 0; i < 5; i++) {
        int savepoint = i == 3 ? weir_connection_savepoint(connection) : 0;
        run_ok(connection, "DROP TABLE IF EXISTS changing");
        snprintf(sql, sizeof sql, "CREATE TABLE changing(v %s)", types[i]);
        run_ok(connection, sql);
        weir_stmt *insert = weir_sql("INSERT INTO changing VALUES (:v)");
        weir_bind(insert, "v", i == 3 ? weir_value_timestamp((weir_timestamp){ 7 }) : weir_value_int(values[i]));
        weir_result *result = weir_connection_execute(connection, insert, NULL);
        weir_stmt_free(&insert);
        close_result_ok(&result);
        result = query(connection, "SELECT v, v FROM changing ORDER BY v", OPTIONS(.yield_per = 2));
        const weir_row *row = weir_result_next(result);
        if (i == 3)
            assert_int_equal(weir_row_timestamp_at(row, 1).usec, 7);
        else
            assert_int_equal(weir_row_int64_at(row, 0), values[i]);
        close_result_ok(&result);
        if (savepoint > 0) {
            assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
            assert_int_equal(test_query_int(connection, "SELECT v FROM changing"), values[2]);
        }
    }
    close_connection_ok(&connection);
}

/* Another connection's change: the value no longer fits what this one was told, and nothing was sent yet. */
static void test_a_parameter_whose_column_was_widened_elsewhere(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE narrow(v smallint)");
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int round = 0; round < 2; round++) {
        run_ok(connection, "SELECT 1");                                 /* the transaction is older than the statement */
        weir_stmt *insert = weir_sql("INSERT INTO narrow VALUES (:v)");
        WEIR_BIND(insert, "v", round ? 40000 : 40);
        weir_result *result = weir_connection_execute(connection, insert, NULL);
        weir_stmt_free(&insert);
        close_result_ok(&result);
        assert_status(weir_connection_commit(connection), WEIR_OK);
        if (!round)
            test_side_run(db, "ALTER TABLE narrow ALTER v TYPE integer");
    }
    assert_int_equal(test_side_int(db, "SELECT sum(v) FROM narrow"), 40040);
    close_connection_ok(&connection);
}

/* ---- transactions -------------------------------------------------------------------------------------------------------------- */

static void test_case_196_a_stream_under_autocommit_is_refused_before_any_sql(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    test_log_clear(db->log);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    assert_null(weir_result_next(result));
    assert_contains(weir_result_error(result)->message, "weir_connection_begin");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 0);
    assert_status(weir_connection_begin(connection), WEIR_OK);
    result = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    result = query(connection, ORDERS, NULL);           /* buffered: no transaction is needed */
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_200_an_aborted_transaction_is_told_never_a_shorter_result(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    assert_next_ids(result, 1, 1);
    assert_status((int)weir_connection_run(connection, "SELECT 1 / 0"), WEIR_DATA);
    int rows = 1;
    while (weir_result_next(result))
        rows++;
    assert_true(rows < 12);
    assert_string_equal(weir_result_error(result)->sqlstate, "25P02");
    assert_status(weir_result_close(&result), WEIR_DATABASE);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    close_connection_ok(&connection);
}

static void test_case_202_two_streams_are_read_by_turns(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *threes = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    weir_result *fives = query(connection, ORDERS, OPTIONS(.yield_per = 5));
    for (int64_t id = 1; id <= 12; id++) {
        assert_next_ids(threes, id, id);
        assert_next_ids(fives, id, id);
    }
    assert_null(weir_result_next(threes));
    assert_null(weir_result_next(fives));
    close_result_ok(&threes);
    close_result_ok(&fives);
    close_connection_ok(&connection);
}

static void test_the_end_of_the_transaction_closes_its_streams(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *stream = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    weir_result *buffered = query(connection, ORDERS, NULL);
    const weir_row *row = weir_result_next(stream);
    assert_non_null(row);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_true(weir_result_closed(stream));
    assert_int_equal(weir_row_int64(row, "id"), 1);     /* what was handed out stays until the close */
    assert_null(weir_result_next(stream));
    assert_status(weir_result_close(&stream), WEIR_RESOURCE_CLOSED);
    close_connection_ok(&connection);
    assert_ids_to_end(buffered, 1, 12);                 /* all of it is in memory */
    close_result_ok(&buffered);
}

static void test_closing_a_connection_closes_its_streams(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *stream = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    assert_next_ids(stream, 1, 2);
    close_connection_ok(&connection);
    assert_null(weir_result_next(stream));
    assert_status(weir_result_close(&stream), WEIR_RESOURCE_CLOSED);
}

static void test_case_207_a_hold_cursor_outlives_its_transaction(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    const weir_execution_options *hold = OPTIONS(.yield_per = 3, .cursor_mode = WEIR_CURSOR_HOLD);
    weir_result *result = query(connection, ORDERS, hold);
    assert_next_ids(result, 1, 2);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_next_ids(result, 3, 11);
    assert_int_equal(test_open_cursors(connection), 1);
    assert_ids_to_end(result, 12, 12);
    close_result_ok(&result);
    assert_int_equal(test_open_cursors(connection), 0);
    result = query(connection, ORDERS " FOR UPDATE", hold);
    assert_string_equal(weir_result_error(result)->sqlstate, "0A000");
    assert_status(weir_result_close(&result), WEIR_NOT_SUPPORTED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
}

static void test_sqlite_has_no_hold_cursors(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3, .cursor_mode = WEIR_CURSOR_HOLD));
    assert_status(weir_result_close(&result), WEIR_NOT_SUPPORTED);
    close_connection_ok(&connection);
}

static void test_declared_cursors_read_like_portals(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 5, .cursor_mode = WEIR_CURSOR_DECLARE));
    assert_int_equal(info_of(result).mode, WEIR_MODE_DECLARED);
    assert_partitions(result, 0, 5, 5, 2);
    close_result_ok(&result);
    result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON, .cursor_mode = WEIR_CURSOR_DECLARE));
    assert_partitions(result, (size_t)INT32_MAX + 7, 12);       /* FETCH takes no such number */
    close_result_ok(&result);
    result = query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON, .cursor_mode = WEIR_CURSOR_DECLARE));
    assert_int_equal(weir_result_unique(result), WEIR_OK);
    assert_int_equal(weir_result_all(result)->count, 12);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_001_yield_per_bounds_the_buffer_and_sizes_partitions),
        ON_BOTH(test_case_002_the_call_beats_the_connection_beats_the_statement),
        ON_BOTH(test_case_003_yield_per_overrides_the_other_two),
        ON_BOTH(test_case_004_a_copy_of_a_statement_has_options_of_its_own),
        ON_BOTH(test_case_007_yield_per_zero_is_unset),
        ON_BOTH(test_case_010_a_connection_switches_streaming_off_for_a_statement),
        ON_BOTH(test_case_013_an_engine_with_options_shares_the_pool),
        ON_BOTH(test_options_that_make_no_sense_are_refused_before_any_sql),
        ON_BOTH(test_streaming_options_leave_other_statements_alone),
        ON_BOTH(test_a_stream_without_order_by_is_warned_of_once),
        ON_BOTH(test_case_014_the_buffer_grows_by_five_to_its_maximum),
        ON_BOTH(test_case_015_the_ceiling_stops_the_growth),
        ON_BOTH(test_case_016_rows_held_never_exceed_the_ceiling),
        ON_BOTH(test_case_017_sized_reads_neither_fill_nor_grow_the_buffer),
        ON_BOTH(test_case_018_full_partitions_to_the_end_and_no_empty_one),
        ON_BOTH(test_case_019_no_rows_at_all),
        ON_BOTH(test_case_021_a_loop_that_was_left_is_resumed),
        ON_BOTH(test_case_022_the_cursor_goes_at_the_null_not_before),
        ON_BOTH(test_case_023_fetchmany_without_size_gives_1000),
        ON_BOTH(test_all_styles_of_reading_draw_from_one_stream),
        ON_BOTH(test_case_035_partitions_may_be_larger_than_the_batch),
        ON_BOTH(test_yield_per_of_a_result_holds_from_there_on),
        ON_BOTH(test_a_uniform_stream_allocates_nothing_from_its_third_batch_on),
        ON_BOTH(test_partitions_of_another_size_allocate_nothing_either),
        ON_BOTH(test_wide_rows_are_held_one_batch_at_a_time),
        ON_BOTH(test_one_giant_row_does_not_stay_in_memory),
        ON_BOTH(test_a_statement_is_prepared_again_when_its_table_changed),
        ON_POSTGRESQL(test_names_that_were_never_prepared_harm_no_stream),
        ON_POSTGRESQL(test_a_statement_is_not_prepared_again_when_a_transaction_would_be_lost),
        ON_BOTH(test_statements_follow_the_changes_of_their_own_connection),
        ON_POSTGRESQL(test_a_parameter_whose_column_was_widened_elsewhere),
        ON_BOTH(test_case_196_a_stream_under_autocommit_is_refused_before_any_sql),
        ON_POSTGRESQL(test_case_200_an_aborted_transaction_is_told_never_a_shorter_result),
        ON_BOTH(test_case_202_two_streams_are_read_by_turns),
        ON_BOTH(test_the_end_of_the_transaction_closes_its_streams),
        ON_BOTH(test_closing_a_connection_closes_its_streams),
        ON_POSTGRESQL(test_case_207_a_hold_cursor_outlives_its_transaction),
        ON_SQLITE(test_sqlite_has_no_hold_cursors),
        ON_POSTGRESQL(test_declared_cursors_read_like_portals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
