/* Transactions: begin, commit and rollback, as calls and as text; aborted ones; and what their ends do to streams (cases.md F
 * and L on connections; semantics SES-9, SES-12, SES-13, EXP-8). */
#include "connections.h"

static int checked_out(test_database *db)
{
    weir_pool_status pool;
    weir_engine_pool_status(db->engine, &pool);
    return pool.checked_out;
}

/* ---- begin, commit, rollback ------------------------------------------------------------------------------------- */

static void test_case_093_the_first_statement_begins_and_commit_ends(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    assert_true(weir_connection_in_transaction(connection));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(checked_out(db), 1);
    close_connection_ok(&connection);
    assert_int_equal(checked_out(db), 0);
}

static void test_case_094_begin_after_a_statement_or_a_begin_is_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const char text[] =
        "This connection has already initialized a SQLAlchemy Transaction() object via begin() or autobegin; "
        "can't call begin() here unless rollback() or commit() is called first.";
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_status(weir_connection_begin(connection), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_connection_error(connection)->message, text);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_connection_begin(connection), WEIR_OK);
    assert_status(weir_connection_begin(connection), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_connection_error(connection)->message, text);
    run_ok(connection, INSERT_ORDER(13));               /* the refusal harmed nothing */
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(orders_outside(db), 13);
    close_connection_ok(&connection);
}

static void test_case_096_a_begin_block_commits_or_rolls_back_at_its_end(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_begin(db->engine);
    assert_true(weir_connection_in_transaction(connection));
    run_ok(connection, INSERT_ORDER(13));
    assert_int_equal(orders_outside(db), 12);
    close_connection_ok(&connection);
    assert_int_equal(orders_outside(db), 13);

    connection = weir_engine_begin(db->engine);
    run_ok(connection, INSERT_ORDER(14));
    run_fails(connection, INSERT_ORDER(1), WEIR_INTEGRITY);
    assert_status(weir_connection_close(&connection), WEIR_INTEGRITY);
    assert_int_equal(orders_outside(db), 13);
    assert_int_equal(checked_out(db), 0);
}

static void test_a_begin_block_that_was_ended_inside_commits_what_came_after(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_begin(db->engine);
    run_ok(connection, INSERT_ORDER(13));
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    run_ok(connection, INSERT_ORDER(14));
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT max(id) FROM orders"), 14);
    assert_int_equal(orders_outside(db), 13);
}

static void test_a_begin_block_without_statements_asks_the_server_nothing(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_begin(db->engine);
    test_log_clear(db->log);
    assert_true(weir_connection_in_transaction(connection));
    close_connection_ok(&connection);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 0);
}

static void test_case_098_closing_without_commit_rolls_back(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, INSERT_ORDER(13));
    close_connection_ok(&connection);
    assert_int_equal(orders_outside(db), 12);
    assert_int_equal(checked_out(db), 0);
    connection = weir_engine_connect(db->engine);       /* the same one, with nothing left over */
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    close_connection_ok(&connection);
}

static void test_commit_and_rollback_without_a_transaction_are_nothing(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_connection_begin(connection), WEIR_OK);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_status(weir_connection_begin(connection), WEIR_OK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 0);
    close_connection_ok(&connection);
}

static void test_a_closed_connection_says_so_whatever_is_called(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    close_connection_ok(&connection);
    weir_result *result = query(connection, ORDERS, NULL);
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    assert_string_equal(weir_connection_error(connection)->message, "This Connection is closed");
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_begin(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_commit(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_rollback(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_savepoint(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_savepoint_release(connection, 1), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_savepoint_rollback(connection, 1), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = 3)), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_cancel(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_detach(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_invalidate(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_poll(connection, 0), WEIR_RESOURCE_CLOSED);
    assert_false(weir_connection_in_transaction(connection));
    weir_execution_options options;
    weir_connection_get_options(connection, &options);
    assert_int_equal(options.yield_per, 0);
    assert_status(weir_connection_close(&connection), WEIR_OK);
}

/* ---- transactions that an error aborted -------------------------------------------------------------------------- */

static void test_committing_an_aborted_transaction_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, INSERT_ORDER(13));
    run_fails(connection, "SELECT 1 / 0", WEIR_DATA);
    run_fails(connection, "SELECT 1", WEIR_INTERNAL);
    assert_string_equal(weir_connection_error(connection)->sqlstate, "25P02");
    assert_contains(weir_connection_error(connection)->detail, "division by zero");
    assert_status(weir_connection_commit(connection), WEIR_INTERNAL);
    assert_string_equal(weir_connection_error(connection)->sqlstate, "25P02");
    assert_contains(weir_connection_error(connection)->detail, "division by zero");
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(orders_outside(db), 12);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
}

static void test_an_error_on_sqlite_leaves_the_transaction_alive(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, INSERT_ORDER(13));
    run_fails(connection, INSERT_ORDER(13), WEIR_INTEGRITY);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(orders_outside(db), 13);
    close_connection_ok(&connection);
}

/* The server answers COMMIT by a quiet ROLLBACK; said as a text it must not pass for success either. */
static void test_a_textual_commit_of_an_aborted_transaction_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const char *const texts[] = { "COMMIT", " /* well */ commit work;", "END" };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        run_ok(connection, INSERT_ORDER(13));
        run_fails(connection, "SELECT 1 / 0", WEIR_DATA);
        run_fails(connection, texts[i], WEIR_INTERNAL);
        assert_string_equal(weir_connection_error(connection)->sqlstate, "25P02");
        assert_contains(weir_connection_error(connection)->detail, "division by zero");
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_false(weir_connection_in_transaction(connection));
        assert_int_equal(orders_outside(db), 12);
    }
    run_ok(connection, INSERT_ORDER(13));
    run_fails(connection, "SELECT 1 / 0", WEIR_DATA);
    run_ok(connection, "ROLLBACK");
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(orders_outside(db), 12);
    close_connection_ok(&connection);
}

/* id 5 fails: the second batch, which is on its way while the first is read. */
static const char failing_stream[] = "SELECT id, 12 / (5 - id) AS quotient FROM orders ORDER BY id";

static void test_a_commit_notices_that_a_batch_nobody_fetched_has_failed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int closes_first = 0; closes_first < 2; closes_first++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        run_ok(connection, INSERT_ORDER(13));
        weir_result *result = query(connection, failing_stream, OPTIONS(.yield_per = 3));
        assert_next_ids(result, 1, 1);
        if (closes_first)
            close_result_ok(&result);
        assert_status(weir_connection_commit(connection), WEIR_INTERNAL);
        assert_string_equal(weir_connection_error(connection)->sqlstate, "25P02");
        assert_false(weir_connection_in_transaction(connection));
        assert_int_equal(orders_outside(db), 12);
        int status = weir_result_close(&result);
        assert_status(status, WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
        close_connection_ok(&connection);
    }
}

static void test_a_begin_block_notices_that_a_batch_nobody_fetched_has_failed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_begin(db->engine);
    run_ok(connection, INSERT_ORDER(13));
    weir_result *result = query(connection, failing_stream, OPTIONS(.yield_per = 3));
    assert_next_ids(result, 1, 1);
    assert_status(weir_connection_close(&connection), WEIR_INTERNAL);
    assert_int_equal(orders_outside(db), 12);
    assert_status(weir_result_close(&result), WEIR_OK);
}

static void test_a_commit_that_fails_ends_the_transaction(void **state)
{
    test_database *db = *state;
    test_side_run(
        db, "CREATE TABLE parent(id integer PRIMARY KEY);"
            "CREATE TABLE child(id integer PRIMARY KEY, parent integer REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)");
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO child VALUES (1, 7)");
    assert_status(weir_connection_commit(connection), WEIR_INTEGRITY);
    assert_string_equal(weir_connection_error(connection)->sqlstate, "23503");
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_false(weir_connection_in_transaction(connection));
    run_ok(connection, "INSERT INTO parent VALUES (7)");
    run_ok(connection, "INSERT INTO child VALUES (1, 7)");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM child"), 1);
    close_connection_ok(&connection);

    connection = weir_engine_begin(db->engine);
    run_ok(connection, "INSERT INTO child VALUES (2, 8)");
    assert_status(weir_connection_close(&connection), WEIR_INTEGRITY);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM child"), 1);
}

/* ---- transaction control as text --------------------------------------------------------------------------------- */

static void test_textual_transaction_control_keeps_the_state_in_step(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, INSERT_ORDER(13));
    run_ok(connection, "COMMIT");
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(orders_outside(db), 13);
    assert_status(weir_connection_begin(connection), WEIR_OK);
    run_ok(connection, INSERT_ORDER(14));
    run_ok(connection, "ROLLBACK");
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(orders_outside(db), 13);
    run_ok(connection, INSERT_ORDER(14));               /* begins anew */
    assert_true(weir_connection_in_transaction(connection));
    assert_int_equal(orders_outside(db), 13);
    run_ok(connection, "SAVEPOINT mine");
    run_ok(connection, INSERT_ORDER(15));
    run_ok(connection, "ROLLBACK TO mine");
    assert_true(weir_connection_in_transaction(connection));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(orders_outside(db), 14);
    close_connection_ok(&connection);
}

static void test_a_textual_begin_begins_once_and_commit_ends_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "BEGIN");
    assert_true(weir_connection_in_transaction(connection));
    assert_status(weir_connection_begin(connection), WEIR_INVALID_REQUEST);
    run_ok(connection, INSERT_ORDER(13));
    assert_int_equal(orders_outside(db), 12);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(orders_outside(db), 13);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    run_ok(connection, "BEGIN");
    assert_true(weir_connection_in_transaction(connection));
    run_ok(connection, INSERT_ORDER(14));
    assert_int_equal(orders_outside(db), 13);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 5));
    assert_ids_to_end(result, 1, 14);
    close_result_ok(&result);
    run_ok(connection, "COMMIT");
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(orders_outside(db), 14);
    close_connection_ok(&connection);
}

static void test_a_textual_end_of_the_transaction_closes_its_streams(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const char *const texts[] = { "COMMIT", "ROLLBACK" };
    for (size_t i = 0; i < 2; i++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 100));
        assert_next_ids(result, 1, 2);
        run_ok(connection, texts[i]);
        assert_null(weir_result_next(result));
        assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
        close_connection_ok(&connection);
    }
}

/* ---- the end of a transaction ends its streams (EXP-8) ----------------------------------------------------------- */

/* One way of reading each: gives whether anything came. */
static bool reads_next(weir_result *r) { return weir_result_next(r) != NULL; }
static bool reads_fetchmany(weir_result *r) { return weir_result_fetchmany(r, 2) != NULL; }
static bool reads_partition(weir_result *r) { return weir_result_next_partition(r, 0) != NULL; }
static bool reads_all(weir_result *r) { return weir_result_all(r) != NULL; }
static bool reads_first(weir_result *r) { return weir_result_first(r) != NULL; }
static bool reads_one_or_none(weir_result *r) { return weir_result_one_or_none(r) != NULL; }
static bool reads_scalar(weir_result *r) { return weir_result_scalar(r) != NULL; }
static bool reads_scalars(weir_result *r) { return weir_scalars_next(weir_result_scalars(r, 0)) != NULL; }
static bool reads_scalars_all(weir_result *r) { return weir_scalars_all(weir_result_scalars(r, 0)) != NULL; }
static bool freezes(weir_result *r) { return weir_result_freeze(r) != NULL; }

static bool (*const ways_of_reading[])(weir_result *) = { reads_next,   reads_fetchmany, reads_partition,
                                                          reads_all,    reads_first,     reads_one_or_none,
                                                          reads_scalar, reads_scalars,   reads_scalars_all,
                                                          freezes };
enum { WAYS = sizeof ways_of_reading / sizeof *ways_of_reading };

static void assert_closed_from_the_next_fetch(test_database *db, const weir_execution_options *options, int64_t taken,
                                              bool commit, size_t way)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, options);
    assert_next_ids(result, 1, taken);
    assert_status(commit ? weir_connection_commit(connection) : weir_connection_rollback(connection), WEIR_OK);
    assert_true(weir_result_closed(result));
    assert_false(ways_of_reading[way](result));
    assert_error(weir_result_error(result), WEIR_RESOURCE_CLOSED);
    assert_false(reads_next(result));
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    close_connection_ok(&connection);
}

static void test_commit_and_rollback_end_a_stream_from_the_very_next_fetch(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 1, 2, 3, 7, 11, 12, 13, 1000 };
    test_fixture(db, 12);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int64_t taken = 0; taken <= 12; taken++)
            assert_closed_from_the_next_fetch(db, OPTIONS(.yield_per = sizes[i], .prefetch = taken % 3 ? WEIR_UNSET : WEIR_OFF),
                                              taken, taken % 2, (i + (size_t)taken) % WAYS);
}

static void test_however_small_the_table_the_end_of_the_transaction_is_no_quiet_end(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    for (size_t way = 0; way < WAYS; way++)
        for (int64_t taken = 0; taken <= 1; taken++) {
            assert_closed_from_the_next_fetch(db, OPTIONS(.yield_per = 100), taken, way % 2, way);
            assert_closed_from_the_next_fetch(db, OPTIONS(.stream_results = WEIR_ON), taken, way % 2, way);
            if (db->postgresql)
                assert_closed_from_the_next_fetch(db, OPTIONS(.yield_per = 2, .cursor_mode = WEIR_CURSOR_DECLARE), taken, way % 2,
                                                  way);
        }
}

static void test_a_stream_read_to_its_end_stays_at_its_end(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 2));
    assert_ids_to_end(result, 1, 5);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_all_streams_of_the_transaction_end_together(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *streams[4];
    for (int i = 0; i < 4; i++) {
        streams[i] = query(connection, ORDERS, OPTIONS(.yield_per = i + 1));
        assert_next_ids(streams[i], 1, i + 1);
    }
    close_result_ok(&streams[2]);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_result_close(&streams[2]), WEIR_OK);
    for (int i = 0; i < 4; i += i == 1 ? 2 : 1) {
        assert_null(weir_result_next(streams[i]));
        assert_status(weir_result_close(&streams[i]), WEIR_RESOURCE_CLOSED);
    }
    weir_result *again = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    assert_ids_to_end(again, 1, 12);
    close_result_ok(&again);
    close_connection_ok(&connection);
}

static void test_case_202_streams_are_read_by_turns_at_any_batch_size(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const int64_t sizes[] = { 1, 2, 3, 7, 11, 12, 13 };
    enum { SIZES = sizeof sizes / sizeof *sizes };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < SIZES; i++) {
        weir_result *streams[3];
        for (size_t k = 0; k < 3; k++)
            streams[k] = query(connection, ORDERS, OPTIONS(.yield_per = sizes[(i + k) % SIZES]));
        for (int64_t id = 1; id <= 12; id++)
            for (size_t k = 0; k < 3; k++)
                assert_next_ids(streams[k], id, id);
        for (size_t k = 0; k < 3; k++) {
            assert_null(weir_result_next(streams[k]));
            close_result_ok(&streams[k]);
        }
    }
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_093_the_first_statement_begins_and_commit_ends),
        ON_BOTH(test_case_094_begin_after_a_statement_or_a_begin_is_refused),
        ON_BOTH(test_case_096_a_begin_block_commits_or_rolls_back_at_its_end),
        ON_BOTH(test_a_begin_block_that_was_ended_inside_commits_what_came_after),
        ON_BOTH(test_a_begin_block_without_statements_asks_the_server_nothing),
        ON_BOTH(test_case_098_closing_without_commit_rolls_back),
        ON_BOTH(test_commit_and_rollback_without_a_transaction_are_nothing),
        ON_BOTH(test_a_closed_connection_says_so_whatever_is_called),
        ON_POSTGRESQL(test_committing_an_aborted_transaction_is_told),
        ON_SQLITE(test_an_error_on_sqlite_leaves_the_transaction_alive),
        ON_POSTGRESQL(test_a_textual_commit_of_an_aborted_transaction_is_told),
        ON_POSTGRESQL(test_a_commit_notices_that_a_batch_nobody_fetched_has_failed),
        ON_POSTGRESQL(test_a_begin_block_notices_that_a_batch_nobody_fetched_has_failed),
        ON_POSTGRESQL(test_a_commit_that_fails_ends_the_transaction),
        ON_BOTH(test_textual_transaction_control_keeps_the_state_in_step),
        ON_POSTGRESQL(test_a_textual_begin_begins_once_and_commit_ends_it),
        ON_BOTH(test_a_textual_end_of_the_transaction_closes_its_streams),
        ON_BOTH(test_commit_and_rollback_end_a_stream_from_the_very_next_fetch),
        ON_BOTH(test_however_small_the_table_the_end_of_the_transaction_is_no_quiet_end),
        ON_BOTH(test_a_stream_read_to_its_end_stays_at_its_end),
        ON_BOTH(test_all_streams_of_the_transaction_end_together),
        ON_BOTH(test_case_202_streams_are_read_by_turns_at_any_batch_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
