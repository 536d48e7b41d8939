/* What a stream asks PostgreSQL for ahead of time, and when it must not (RULES W5). */
#include "connections.h"
#include <stdio.h>
#include <string.h>

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

static const int64_t sizes[] = { 1, 2, 3, 7, 11, 12, 13 };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Batches that the server was asked for since the log was cleared, the first among them. */
static size_t batches_asked(test_database *db)
{
    int64_t rows[256];
    return test_log_fetches(db->log, rows, 256);
}

/* While batch k of 3 rows is read: k batches asked for, or one more. */
static void assert_batches_asked(test_database *db, weir_connection *connection, const char *sql,
                                 const weir_execution_options *options, size_t ahead)
{
    test_log_clear(db->log);
    weir_result *result = query(connection, sql, options);
    for (int64_t id = 1; id <= 9; id++) {
        assert_next_ids(result, id, id);
        assert_int_equal(batches_asked(db), (size_t)(id + 2) / 3 + ahead);
    }
    assert_ids_to_end(result, 10, 12);
    close_result_ok(&result);
}

static void test_the_next_batch_is_asked_for_while_this_one_is_read(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_batches_asked(db, connection, ORDERS, OPTIONS(.yield_per = 3), 1);
    assert_batches_asked(db, connection, ORDERS, OPTIONS(.yield_per = 3, .prefetch = WEIR_ON), 1);
    assert_batches_asked(db, connection, ORDERS, OPTIONS(.yield_per = 3, .prefetch = WEIR_OFF), 0);
    assert_batches_asked(db, connection, ORDERS, OPTIONS(.yield_per = 3, .prepared = WEIR_OFF), 1);
    assert_batches_asked(db, connection, ORDERS, OPTIONS(.yield_per = 3, .cursor_mode = WEIR_CURSOR_DECLARE), 0);
    close_connection_ok(&connection);
}

static void test_a_buffer_that_grows_is_not_filled_ahead(void **state)
{
    test_database *db = *state;
    static const weir_switch wishes[] = { WEIR_UNSET, WEIR_ON };
    test_fixture(db, 40);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < 2; i++) {
        test_log_clear(db->log);
        weir_result *result =
            query(connection, ORDERS, OPTIONS(.stream_results = WEIR_ON, .prefetch = wishes[i], .max_row_buffer = 10));
        assert_int_equal(batches_asked(db), 1);
        assert_next_ids(result, 1, 6);
        assert_int_equal(batches_asked(db), 2);         /* 1, 5 */
        assert_next_ids(result, 7, 16);
        assert_int_equal(batches_asked(db), 3);         /* 10 */
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

static void test_a_time_out_in_force_forbids_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_execution_options *threes = OPTIONS(.yield_per = 3), *wished = OPTIONS(.yield_per = 3, .prefetch = WEIR_ON);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = ARGS("statement_timeout", "1min")));
    weir_connection *connection = weir_engine_connect(engine);
    assert_batches_asked(db, connection, ORDERS, threes, 0);
    assert_batches_asked(db, connection, ORDERS, wished, 0);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    run_ok(connection, "SET statement_timeout = 0");
    assert_batches_asked(db, connection, ORDERS, threes, 1);
    run_ok(connection, "SET LOCAL statement_timeout = '1h'");
    assert_batches_asked(db, connection, ORDERS, threes, 0);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_batches_asked(db, connection, ORDERS, threes, 1);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

/* After a statement that may have set a time-out, in the middle of a stream, no batch is asked for ahead any more. */
static void test_a_set_in_mid_stream_ends_it(void **state)
{
    test_database *db = *state;
    static const char *const texts[] = { "SET statement_timeout = '1min'", "set local statement_timeout to '1min'",
                                         "SELECT set_config('statement_timeout', '1min', true)", "RESET ALL",
                                         "SELECT pg_catalog.\"set_config\"('statement_timeout', '1min', false)" };
    test_fixture(db, 12);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3));
        assert_next_ids(result, 1, 4);                  /* the third batch is on its way */
        run_ok(connection, texts[i]);
        test_log_clear(db->log);
        assert_next_ids(result, 5, 9);
        assert_int_equal(batches_asked(db), 0);
        assert_next_ids(result, 10, 10);
        assert_int_equal(batches_asked(db), 1);
        assert_ids_to_end(result, 11, 12);
        close_result_ok(&result);
        close_connection_ok(&connection);
    }
}

static void assert_free_rows(test_database *db, int64_t wanted)
{
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM (SELECT id FROM orders FOR UPDATE SKIP LOCKED) AS s"), wanted);
}

static void test_rows_are_not_locked_before_they_are_read(void **state)
{
    test_database *db = *state;
    static const char *const locks[] = { " FOR UPDATE", " for update of orders", " FOR NO KEY UPDATE",
                                         " FOR SHARE",  " FOR KEY SHARE",        "  FOR\nUPDATE /* x */ SKIP LOCKED" };
    test_fixture(db, 12);
    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, ORDERS "%s", locks[i]);
        weir_connection *connection = weir_engine_connect(db->engine);
        test_log_clear(db->log);
        weir_result *result = query(connection, sql, OPTIONS(.yield_per = 3, .prefetch = WEIR_ON));
        for (int64_t id = 1; id <= 6; id++) {
            assert_next_ids(result, id, id);
            assert_int_equal(batches_asked(db), (id + 2) / 3);
            assert_free_rows(db, 12 - (id + 2) / 3 * 3);
        }
        assert_ids_to_end(result, 7, 12);
        close_result_ok(&result);
        close_connection_ok(&connection);
        assert_free_rows(db, 12);
    }
}

static void test_another_statement_in_the_loop_at_every_row_and_batch_size(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *lines = weir_sql("SELECT count(*) FROM order_lines WHERE order_id = :id");
    weir_stmt *update = weir_sql("UPDATE orders SET state = 'seen' WHERE id = :id");
    for (size_t i = 0; i < SIZES; i++) {
        weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = sizes[i]));
        for (int64_t id = 1; id <= 12; id++) {
            assert_next_ids(result, id, id);
            WEIR_BIND(lines, "id", id);
            WEIR_BIND(update, "id", id);
            weir_result *counted = weir_connection_execute(connection, lines, NULL);
            assert_int_equal(weir_result_scalar_one(counted)->as.i, 3);
            close_result_ok(&counted);
            weir_result *updated = weir_connection_execute(connection, update, NULL);
            assert_int_equal(weir_result_rowcount(updated), 1);
            close_result_ok(&updated);
        }
        assert_null(weir_result_next(result));
        close_result_ok(&result);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders WHERE state = 'seen'"), 12);
        assert_int_equal(test_open_cursors(connection), 0);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    weir_stmt_free(&lines);
    weir_stmt_free(&update);
    close_connection_ok(&connection);
}

static void test_a_statement_per_row_between_three_streams(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < SIZES; i++) {
        weir_result *streams[3];
        for (size_t k = 0; k < 3; k++)
            streams[k] = query(connection, ORDERS, OPTIONS(.yield_per = sizes[(i + 2 * k) % SIZES]));
        for (int64_t id = 1; id <= 12; id++)
            for (size_t k = 0; k < 3; k++) {
                assert_next_ids(streams[k], id, id);
                if ((id + (int64_t)k) % 2)
                    assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
            }
        close_result_ok(&streams[1]);                   /* none of them is at its end */
        assert_null(weir_result_next(streams[0]));
        assert_null(weir_result_next(streams[2]));
        close_result_ok(&streams[0]);
        close_result_ok(&streams[2]);
        assert_int_equal(test_open_cursors(connection), 0);
    }
    close_connection_ok(&connection);
}

/* The row with id 8 fails, in whatever batch it is. */
static const char failing[] = "SELECT id, 12 / (8 - id) AS quotient FROM orders ORDER BY id";

static void test_an_error_ahead_is_told_by_the_fetch_that_reaches_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < SIZES; i++) {
        weir_result *result = query(connection, failing, OPTIONS(.yield_per = sizes[i]));
        int64_t whole = 7 / sizes[i] * sizes[i];        /* rows of the batches in front of the failing one */
        assert_next_ids(result, 1, whole);
        assert_null(weir_result_next(result));
        assert_string_equal(weir_result_error(result)->sqlstate, "22012");
        assert_contains(weir_result_error(result)->sql, "quotient");
        assert_null(weir_result_next(result));
        assert_status(weir_result_close(&result), WEIR_DATA);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    close_connection_ok(&connection);
}

static void test_what_meets_the_transaction_that_it_aborted_names_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int again = 0; again < 2; again++) {
        weir_result *result = query(connection, failing, OPTIONS(.yield_per = 4));
        assert_next_ids(result, 1, 2);                  /* the batch 5 to 8 is on its way */
        assert_true(weir_connection_run(connection, "SELECT 1") < 0);
        assert_string_equal(weir_connection_error(connection)->sqlstate, "25P02");
        assert_contains(weir_connection_error(connection)->detail, "division by zero");
        if (again)
            assert_true(weir_connection_savepoint(connection) < 0);
        assert_next_ids(result, 3, 4);                  /* the stream itself tells it where it happened */
        assert_null(weir_result_next(result));
        assert_string_equal(weir_result_error(result)->sqlstate, "22012");
        assert_status(weir_result_close(&result), WEIR_DATA);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    }
    close_connection_ok(&connection);
}

/* The server's last words come in the place of a batch that nobody has asked for yet. */
static void test_a_server_that_ends_the_session_ahead_is_heard(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int fetches = 0; fetches < 2; fetches++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_result *result =
            query(connection, "SELECT id, pg_sleep(CASE WHEN id > 3 THEN 20 ELSE 0 END) FROM orders ORDER BY id",
                  OPTIONS(.yield_per = 3));
        assert_next_ids(result, 1, 3);
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)::integer", weir_connection_backend_pid(connection));
        assert_int_equal(test_side_int(db, sql), 1);
        if (fetches)
            assert_null(weir_result_next(result));
        else
            assert_true(weir_connection_run(connection, "SELECT 1") < 0);
        const weir_error *error = fetches ? weir_result_error(result) : weir_connection_error(connection);
        assert_error(error, WEIR_OPERATIONAL);
        assert_string_equal(error->sqlstate, "57P01");
        assert_true(error->disconnect);
        assert_null(weir_result_next(result));
        assert_true(weir_result_close(&result) < 0);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
        close_connection_ok(&connection);
    }
}

/* All rows had come: losing the connection behind them is the transaction's trouble, not theirs. */
static void test_a_session_that_ends_behind_the_last_row(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    for (int partitions = 0; partitions < 2; partitions++) {
        test_side_run(db, "DROP SEQUENCE IF EXISTS sent; CREATE SEQUENCE sent");
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_result *result = query(connection, "SELECT id, nextval('sent') FROM orders ORDER BY id", OPTIONS(.yield_per = 7));
        assert_next_ids(result, 1, 7);
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM sent, pg_stat_activity WHERE last_value = 10 AND state = 'idle in transaction' AND pid = %d",
                 weir_connection_backend_pid(connection));
        while (test_side_int(db, sql) == 0)
            assert_status(weir_sleep(5), WEIR_OK);
        snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)::integer", weir_connection_backend_pid(connection));
        assert_int_equal(test_side_int(db, sql), 1);
        if (partitions)
            assert_int_equal(weir_result_fetchmany(result, 7)->count, 3);
        else
            assert_next_ids(result, 8, 10);
        for (int i = 0; i < 2; i++) {
            assert_null(weir_result_fetchmany(result, 7));
            assert_error(weir_result_error(result), WEIR_OK);
        }
        close_result_ok(&result);
        assert_status(weir_connection_commit(connection), WEIR_PENDING_ROLLBACK);
        assert_contains(weir_connection_error(connection)->detail, "terminating connection");
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 10);
        close_connection_ok(&connection);
    }
}

static void test_rows_held_never_exceed_a_batch(void **state)
{
    test_database *db = *state;
    test_fixture(db, 200);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 30)),
                *other = query(connection, ORDERS, OPTIONS(.yield_per = 7));
    weir_result_figures figures;
    for (int64_t id = 1; id <= 200; id++) {
        assert_next_ids(result, id, id);
        weir_result_info(result, &figures);
        assert_true(figures.rows_held < 30);
        assert_int_equal(figures.rows, id);
        assert_next_ids(other, id, id);
        weir_result_info(other, &figures);
        assert_true(figures.rows_held < 7);
    }
    close_result_ok(&result);
    close_result_ok(&other);
    close_connection_ok(&connection);
}

static void test_a_result_closed_with_a_batch_on_its_way_costs_one_round_trip(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < SIZES; i++) {
        weir_result *result =
            query(connection, "SELECT id, repeat('x', 2000) FROM orders ORDER BY id", OPTIONS(.yield_per = sizes[i] * 40));
        assert_next_ids(result, 1, 1);
        test_log_clear(db->log);
        close_result_ok(&result);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 1);
        assert_int_equal(test_open_cursors(connection), 0);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 1000);
    }
    close_connection_ok(&connection);
}

static void test_a_batch_taken_raw_counts_in_the_ledger_and_goes(void **state)
{
    test_database *db = *state;
    test_fixture(db, 40);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id, repeat('x', 100000) FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 1);
    weir_memory_figures before, taken, after;
    weir_memory_usage(&before);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);    /* 11 to 20 are taken first */
    weir_memory_usage(&taken);
    assert_true(taken.by_purpose[WEIR_MEMORY_NETWORK] > before.by_purpose[WEIR_MEMORY_NETWORK] + 900000);
    assert_true(taken.by_purpose[WEIR_MEMORY_NETWORK] < before.by_purpose[WEIR_MEMORY_NETWORK] + 3000000);
    assert_next_ids(result, 2, 11);
    weir_memory_usage(&after);
    assert_true(after.by_purpose[WEIR_MEMORY_NETWORK] < before.by_purpose[WEIR_MEMORY_NETWORK] + 500000);
    assert_ids_to_end(result, 12, 40);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_the_next_batch_is_asked_for_while_this_one_is_read),
        ON_POSTGRESQL(test_a_buffer_that_grows_is_not_filled_ahead),
        ON_POSTGRESQL(test_a_time_out_in_force_forbids_it),
        ON_POSTGRESQL(test_a_set_in_mid_stream_ends_it),
        ON_POSTGRESQL(test_rows_are_not_locked_before_they_are_read),
        ON_POSTGRESQL(test_another_statement_in_the_loop_at_every_row_and_batch_size),
        ON_POSTGRESQL(test_a_statement_per_row_between_three_streams),
        ON_POSTGRESQL(test_an_error_ahead_is_told_by_the_fetch_that_reaches_it),
        ON_POSTGRESQL(test_what_meets_the_transaction_that_it_aborted_names_it),
        ON_POSTGRESQL(test_a_server_that_ends_the_session_ahead_is_heard),
        ON_POSTGRESQL(test_a_session_that_ends_behind_the_last_row),
        ON_POSTGRESQL(test_rows_held_never_exceed_a_batch),
        ON_POSTGRESQL(test_a_result_closed_with_a_batch_on_its_way_costs_one_round_trip),
        ON_POSTGRESQL(test_a_batch_taken_raw_counts_in_the_ledger_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
