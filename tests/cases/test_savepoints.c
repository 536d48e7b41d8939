/* Savepoints, and the streams inside and around them (cases.md 99, 100; semantics SES-6, SES-9, TXN-8). */
#include "connections.h"

/* id 5 fails: the second batch, which is on its way while the first is read. */
static const char failing_stream[] = "SELECT id, 12 / (5 - id) AS quotient FROM orders ORDER BY id";

/* ---- savepoints -------------------------------------------------------------------------------------------------- */

static void test_case_099_a_savepoint_is_rolled_back_or_released(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE users(name text)");
    for (int released = 0; released < 2; released++) {
        test_side_run(db, "DELETE FROM users");
        weir_connection *connection = weir_engine_connect(db->engine);
        run_ok(connection, "INSERT INTO users VALUES ('ed'), ('jack')");
        int savepoint = weir_connection_savepoint(connection);
        assert_true(savepoint > 0);
        run_ok(connection, "UPDATE users SET name = name || '2'");
        run_ok(connection, "INSERT INTO users VALUES ('wendy'), ('foo')");
        if (released)
            assert_status(weir_connection_savepoint_release(connection, savepoint), WEIR_OK);
        else
            assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM users"), released ? 4 : 2);
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM users"), released ? 4 : 2);
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM users WHERE name IN ('ed', 'jack')"), released ? 0 : 2);
        close_connection_ok(&connection);
    }
}

static void test_case_100_a_rollback_undoes_the_whole_stack(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE users(name text)");
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO users VALUES ('ed')");
    int savepoint = weir_connection_savepoint(connection);
    run_ok(connection, "INSERT INTO users VALUES ('jack'), ('wendy')");
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM users"), 3);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_false(weir_connection_in_transaction(connection));
    assert_status(weir_connection_savepoint_release(connection, savepoint), WEIR_INVALID_REQUEST);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM users"), 0);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM users"), 0);
    close_connection_ok(&connection);
}

static void test_ending_a_savepoint_ends_those_inside_it(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE numbers(n integer)");
    weir_connection *connection = weir_engine_connect(db->engine);
    int outer = weir_connection_savepoint(connection);
    run_ok(connection, "INSERT INTO numbers VALUES (1)");
    int middle = weir_connection_savepoint(connection);
    run_ok(connection, "INSERT INTO numbers VALUES (2)");
    int inner = weir_connection_savepoint(connection);
    run_ok(connection, "INSERT INTO numbers VALUES (3)");
    assert_true(outer != middle && middle != inner && outer != inner);
    assert_status(weir_connection_savepoint_rollback(connection, middle), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM numbers"), 1);
    assert_status(weir_connection_savepoint_rollback(connection, inner), WEIR_INVALID_REQUEST);
    assert_status(weir_connection_savepoint_release(connection, middle), WEIR_INVALID_REQUEST);
    assert_status(weir_connection_savepoint_release(connection, outer), WEIR_OK);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM numbers"), 1);
    close_connection_ok(&connection);
}

static void test_a_savepoint_begins_a_transaction_under_autocommit_too(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    int savepoint = weir_connection_savepoint(connection);
    assert_true(savepoint > 0);
    assert_true(weir_connection_in_transaction(connection));
    run_ok(connection, INSERT_ORDER(13));
    assert_int_equal(orders_outside(db), 12);
    assert_status(weir_connection_savepoint_release(connection, savepoint), WEIR_OK);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(orders_outside(db), 13);
    run_ok(connection, INSERT_ORDER(14));
    assert_int_equal(orders_outside(db), 14);
    close_connection_ok(&connection);
}

/* TXN-8, for a stream whose next batch may be on its way at each of these moments. */
static void savepoint_and_streams(test_database *db, const weir_execution_options *options)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *before = query(connection, ORDERS, options);
    assert_next_ids(before, 1, 2);
    int savepoint = weir_connection_savepoint(connection);
    weir_result *inside = query(connection, ORDERS, options);
    assert_next_ids(inside, 1, 1);
    run_ok(connection, "UPDATE orders SET state = 'gone'");
    assert_next_ids(before, 3, 4);
    assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
    assert_null(weir_result_next(inside));
    assert_status(weir_result_close(&inside), WEIR_RESOURCE_CLOSED);
    assert_next_ids(before, 5, 6);

    savepoint = weir_connection_savepoint(connection);
    inside = query(connection, ORDERS, options);
    assert_next_ids(inside, 1, 5);
    assert_status(weir_connection_savepoint_release(connection, savepoint), WEIR_OK);
    assert_next_ids(inside, 6, 6);

    /* What began in a released savepoint belongs to the one around it. */
    int outer = weir_connection_savepoint(connection), inner = weir_connection_savepoint(connection);
    weir_result *deep = query(connection, ORDERS, options);
    assert_next_ids(deep, 1, 1);
    assert_status(weir_connection_savepoint_release(connection, inner), WEIR_OK);
    assert_next_ids(deep, 2, 2);
    assert_status(weir_connection_savepoint_rollback(connection, outer), WEIR_OK);
    assert_null(weir_result_next(deep));
    assert_status(weir_result_close(&deep), WEIR_RESOURCE_CLOSED);

    assert_ids_to_end(inside, 7, 12);
    assert_ids_to_end(before, 7, 12);
    close_result_ok(&inside);
    close_result_ok(&before);
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
}

static void test_streams_live_and_die_with_their_savepoint(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 1, 2, 3, 7, 11, 12, 13, 1000 };
    test_fixture(db, 12);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        savepoint_and_streams(db, OPTIONS(.yield_per = sizes[i]));
        savepoint_and_streams(db, OPTIONS(.yield_per = sizes[i], .prefetch = WEIR_OFF));
        if (db->postgresql)
            savepoint_and_streams(db, OPTIONS(.yield_per = sizes[i], .cursor_mode = WEIR_CURSOR_DECLARE));
    }
    savepoint_and_streams(db, OPTIONS(.stream_results = WEIR_ON));
}

/* An error inside a savepoint costs what is inside; `reads` rows are read while the transaction is aborted. */
static void error_in_savepoint(test_database *db, const weir_execution_options *options, int64_t reads)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, options);
    assert_next_ids(result, 1, 1);
    int savepoint = weir_connection_savepoint(connection);
    run_fails(connection, "SELECT * FROM no_such_table", db->postgresql ? WEIR_PROGRAMMING : WEIR_DATABASE);
    assert_next_ids(result, 2, 1 + reads);
    assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
    assert_ids_to_end(result, 2 + reads, 12);
    close_result_ok(&result);
    run_ok(connection, "UPDATE orders SET state = 'fine'");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
}

static void test_a_stream_survives_an_error_inside_a_savepoint(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 1, 2, 3, 7, 11, 12, 13, 1000 };
    test_fixture(db, 12);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        error_in_savepoint(db, OPTIONS(.yield_per = sizes[i]), 0);
        error_in_savepoint(db, OPTIONS(.yield_per = sizes[i], .prefetch = WEIR_OFF), 0);
    }
    /* Rows that are here already, and those of a batch that came before the error, are read meanwhile. */
    error_in_savepoint(db, OPTIONS(.yield_per = 3), 2);
    error_in_savepoint(db, OPTIONS(.yield_per = 3), 5);
}

static void test_a_stream_closed_while_the_transaction_is_aborted_leaves_no_portal(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const weir_cursor_mode modes[] = { WEIR_CURSOR_PORTAL, WEIR_CURSOR_DECLARE };
    for (size_t i = 0; i < 2; i++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3, .cursor_mode = modes[i]));
        assert_next_ids(result, 1, 1);
        int savepoint = weir_connection_savepoint(connection);
        run_fails(connection, "SELECT 1 / 0", WEIR_DATA);
        close_result_ok(&result);
        assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
        assert_int_equal(test_open_cursors(connection), 0);
        close_connection_ok(&connection);
    }
}

static void test_an_old_cause_is_not_blamed_for_a_new_abort(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    int savepoint = weir_connection_savepoint(connection);
    weir_result *result = query(connection, failing_stream, OPTIONS(.yield_per = 3));
    assert_next_ids(result, 1, 1);
    run_fails(connection, "SELECT 1", WEIR_INTERNAL);
    assert_contains(weir_connection_error(connection)->detail, "division by zero");
    assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
    assert_status(weir_result_close(&result), WEIR_OK);
    run_fails(connection, "SELECT * FROM no_such_table", WEIR_PROGRAMMING);
    run_fails(connection, "SELECT 1", WEIR_INTERNAL);
    assert_contains(weir_connection_error(connection)->detail, "no_such_table");
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
}

/* A begin block that failed only inside a savepoint that was rolled back commits. */
static void test_a_begin_block_forgives_errors_of_a_savepoint_rolled_back(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_begin(db->engine);
    run_ok(connection, INSERT_ORDER(13));
    int savepoint = weir_connection_savepoint(connection);
    run_fails(connection, INSERT_ORDER(13), WEIR_INTEGRITY);
    assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(orders_outside(db), 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_099_a_savepoint_is_rolled_back_or_released),
        ON_BOTH(test_case_100_a_rollback_undoes_the_whole_stack),
        ON_BOTH(test_ending_a_savepoint_ends_those_inside_it),
        ON_BOTH(test_a_savepoint_begins_a_transaction_under_autocommit_too),
        ON_BOTH(test_streams_live_and_die_with_their_savepoint),
        ON_BOTH(test_a_stream_survives_an_error_inside_a_savepoint),
        ON_POSTGRESQL(test_a_stream_closed_while_the_transaction_is_aborted_leaves_no_portal),
        ON_POSTGRESQL(test_an_old_cause_is_not_blamed_for_a_new_abort),
        ON_BOTH(test_a_begin_block_forgives_errors_of_a_savepoint_rolled_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
