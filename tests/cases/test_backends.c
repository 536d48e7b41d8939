/* What each database does in its own way, and that the same program does the same on both (cases.md 205 to 211). */
#include "connections.h"
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

static int checked_out(test_database *db)
{
    weir_pool_status pool;
    weir_engine_pool_status(db->engine, &pool);
    return pool.checked_out;
}

/* ---- one database's ways ----------------------------------------------------------------------------------------- */

static void test_case_205_an_idle_transaction_that_the_server_ends_is_a_disconnect(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(
            .connect_args = (const char *const[]){ "idle_in_transaction_session_timeout", "100", NULL }));
        weir_connection *connection = weir_engine_connect(engine);
        weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3, .prefetch = prefetch ? WEIR_ON : WEIR_OFF));
        assert_next_ids(result, 1, 3);
        nanosleep(&(struct timespec){ .tv_nsec = 400 * 1000000L }, NULL);
        int rows = 3;
        while (weir_result_next(result))
            rows++;
        assert_true(rows < 12);
        assert_error(weir_result_error(result), WEIR_OPERATIONAL);
        assert_true(weir_result_error(result)->disconnect);
        assert_string_equal(weir_result_error(result)->sqlstate, "25P03");
        assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
        run_fails(connection, "SELECT 1", WEIR_PENDING_ROLLBACK);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
        close_connection_ok(&connection);
        connection = weir_engine_connect(engine);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
        close_connection_ok(&connection);
        weir_engine_close(&engine);
    }
}

static void test_case_207_a_hold_cursor_lives_through_transactions_until_closed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_execution_options *hold = OPTIONS(.yield_per = 3, .cursor_mode = WEIR_CURSOR_HOLD);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *kept = query(connection, ORDERS, hold), *lost;
    assert_next_ids(kept, 1, 2);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    lost = query(connection, ORDERS, hold);
    assert_next_ids(lost, 1, 2);
    assert_next_ids(kept, 3, 4);
    assert_status(weir_connection_rollback(connection), WEIR_OK);   /* of the transaction in which the second was made */
    assert_null(weir_result_next(lost));
    assert_status(weir_result_close(&lost), WEIR_RESOURCE_CLOSED);
    assert_next_ids(kept, 5, 8);
    run_fails(connection, "SELECT 1 / 0", WEIR_DATA);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_next_ids(kept, 9, 9);
    assert_int_equal(test_open_cursors(connection), 1);
    close_result_ok(&kept);
    assert_int_equal(test_open_cursors(connection), 0);
    /* One that is left open goes at the latest with the connection. */
    kept = query(connection, ORDERS, hold);
    assert_next_ids(kept, 1, 2);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    int64_t number = weir_connection_number(connection);
    close_connection_ok(&connection);
    assert_null(weir_result_next(kept));
    assert_status(weir_result_close(&kept), WEIR_RESOURCE_CLOSED);
    connection = weir_engine_connect(db->engine);
    assert_int_equal(weir_connection_number(connection), number);
    assert_int_equal(test_open_cursors(connection), 0);
    close_connection_ok(&connection);
}

/* The article's hybrid loop: reads through one connection, writes each row through another. The status that ended it. */
static int hybrid_loop(weir_connection *reader, weir_connection *writer)
{
    weir_stmt *update = weir_sql("UPDATE orders SET state = 'done' WHERE id = :id");
    weir_result *orders = query(reader, ORDERS, OPTIONS(.yield_per = 3));
    int status = WEIR_OK;
    for (const weir_row *row; status == WEIR_OK && (row = weir_result_next(orders)) != NULL;) {
        WEIR_BIND(update, "id", weir_row_int64_at(row, 0));
        weir_result *written = weir_connection_execute(writer, update, NULL);
        status = weir_result_close(&written);
        if (status == WEIR_OK)
            status = weir_connection_commit(writer);
    }
    weir_stmt_free(&update);
    close_result_ok(&orders);
    return status;
}

static void test_case_208_the_hybrid_loop_meets_a_lock_or_works_in_wal(void **state)
{
    test_database *db = *state;
    static const struct { const char *mode; int status; } modes[] = { { "delete", WEIR_OPERATIONAL }, { "wal", WEIR_OK } };
    test_fixture(db, 12);
    for (size_t i = 0; i < 2; i++) {
        weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(
            .connect_args = (const char *const[]){ "journal_mode", modes[i].mode, "busy_timeout", "300", NULL }));
        weir_connection *reader = weir_engine_connect(engine), *writer = weir_engine_connect(engine);
        struct timespec begun, ended;
        clock_gettime(CLOCK_MONOTONIC, &begun);
        assert_status(hybrid_loop(reader, writer), modes[i].status);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        assert_true(ended.tv_sec - begun.tv_sec < 5);
        if (modes[i].status != WEIR_OK) {
            assert_contains(weir_connection_error(writer)->message, "database is locked");
            assert_false(weir_connection_error(writer)->disconnect);
        }
        assert_status(weir_connection_rollback(writer), WEIR_OK);
        close_connection_ok(&reader);
        close_connection_ok(&writer);
        weir_engine_close(&engine);
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'done'"), i ? 12 : 0);
    }
}

/* Setting the journal mode needs the file for itself. The lock is waited for on a timer between two attempts, not in one of them, and
 * busy_timeout bounds it. */
static void test_connecting_to_a_locked_file_waits_for_it(void **state)
{
    test_database *db = *state;
    sqlite3 *other;
    test_fixture(db, 1);
    weir_engine *wal = test_engine(db, WEIR_ENGINE_OPTIONS(
        .connect_args = (const char *const[]){ "journal_mode", "wal", "busy_timeout", "300", NULL }));
    assert_int_equal(sqlite3_open(db->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    weir_connection *refused = weir_engine_connect(wal);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_error(weir_connection_error(refused), WEIR_OPERATIONAL);
    assert_contains(weir_connection_error(refused)->message, "database is locked");
    int64_t waited = (ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000;
    assert_in_range(waited, 299, 4000);
    assert_status(weir_connection_close(&refused), WEIR_OPERATIONAL);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    weir_connection *connection = weir_engine_connect(wal);
    run_ok(connection, "UPDATE orders SET state = 'done'");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    weir_engine_close(&wal);
}

static void test_case_210_a_database_in_memory_is_never_a_second_empty_one(void **state)
{
    test_database *db = *state;
    weir_engine *engine;
    assert_status(weir_engine_open(
                      &engine, "sqlite://",
                      WEIR_ENGINE_OPTIONS(.pool_size = 5, .pool_timeout_ms = 100, .log = test_log_write, .log_context = db->log)),
                  WEIR_OK);
    weir_connection *first = weir_engine_connect(engine);
    run_ok(first, "CREATE TABLE t(x integer)");
    run_ok(first, "INSERT INTO t VALUES (42)");
    assert_status(weir_connection_commit(first), WEIR_OK);
    weir_connection *second = weir_engine_connect(engine);
    weir_result *result = query(second, "SELECT x FROM t", NULL);
    const weir_value *value = weir_result_scalar(result);
    if (value)
        assert_int_equal(value->as.i, 42);
    else
        assert_error(weir_result_error(result), WEIR_TIMEOUT);      /* refused in time, not shown an empty database */
    assert_status(weir_result_close(&result), value ? WEIR_OK : WEIR_TIMEOUT);
    assert_status(weir_connection_close(&second), value ? WEIR_OK : WEIR_TIMEOUT);
    close_connection_ok(&first);
    first = weir_engine_connect(engine);
    assert_int_equal(test_query_int(first, "SELECT x FROM t"), 42);
    close_connection_ok(&first);
    weir_engine_close(&engine);
}

/* ---- case 211: the same program on both databases ---------------------------------------------------------------- */

typedef struct story { char text[4096]; size_t length; } story;

static void tell(story *told, const char *what, int64_t number)
{
    int n = snprintf(told->text + told->length, sizeof told->text - told->length, "%s %lld\n", what, (long long)number);
    told->length += (size_t)n;
    assert_true(told->length < sizeof told->text);
}

static void stream_and_update(test_database *db, story *told)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *lines = weir_sql("SELECT id, quantity FROM order_lines WHERE order_id = :order ORDER BY id");
    weir_result *orders = query(connection, "SELECT id, amount_cents, state FROM orders ORDER BY id", OPTIONS(.yield_per = 5));
    for (const weir_partition *rows; (rows = weir_result_next_partition(orders, 0)) != NULL;) {
        tell(told, "partition", (int64_t)rows->count);
        for (size_t i = 0; i < rows->count; i++) {
            tell(told, weir_row_cstr(rows->rows[i], "state"), weir_row_int64(rows->rows[i], "id"));
            WEIR_BIND(lines, "order", weir_row_int64(rows->rows[i], "id"));
            weir_result *found = weir_connection_execute(connection, lines, NULL);
            for (const weir_row *line; (line = weir_result_next(found)) != NULL;)
                tell(told, "line", weir_row_int64_at(line, 0));
            close_result_ok(&found);
        }
    }
    close_result_ok(&orders);
    tell(told, "updated", run_ok(connection, "UPDATE orders SET state = 'seen' WHERE id > 4"));
    tell(told, "duplicate", weir_connection_run(connection, INSERT_ORDER(3)));
    tell(told, "rollback", weir_connection_rollback(connection));
    orders = query(connection, "SELECT id FROM orders", OPTIONS(.yield_per = 4));
    tell(told, "all", (int64_t)weir_result_all(orders)->count);
    tell(told, "commit", weir_connection_commit(connection));
    tell(told, "next", weir_result_next(orders) != NULL);
    tell(told, "close", weir_result_close(&orders));
    orders = query(connection, ORDERS, OPTIONS(.yield_per = 4));
    weir_result_next(orders);
    tell(told, "commit", weir_connection_commit(connection));
    tell(told, "next", weir_result_next(orders) != NULL);
    tell(told, "close", weir_result_close(&orders));
    tell(told, "seen", test_query_int(connection, "SELECT count(*) FROM orders WHERE state = 'seen'"));
    weir_stmt_free(&lines);
    close_connection_ok(&connection);
    tell(told, "statements", (int64_t)test_log_count(db->log, WEIR_LOG_STATEMENT));
    tell(told, "warnings", weir_engine_warnings(db->engine));
    tell(told, "checked out", checked_out(db));
}

static void test_case_211_the_same_program_does_the_same_on_both_databases(void **state)
{
    static story first;
    test_database *db = *state;
    story told = { .length = 0 };
    test_fixture(db, 12);
    test_log_clear(db->log);
    stream_and_update(db, &told);
    if (first.length)
        assert_string_equal(told.text, first.text);
    first = told;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_case_205_an_idle_transaction_that_the_server_ends_is_a_disconnect),
        ON_POSTGRESQL(test_case_207_a_hold_cursor_lives_through_transactions_until_closed),
        ON_SQLITE(test_case_208_the_hybrid_loop_meets_a_lock_or_works_in_wal),
        ON_SQLITE(test_connecting_to_a_locked_file_waits_for_it),
        ON_SQLITE(test_case_210_a_database_in_memory_is_never_a_second_empty_one),
        ON_BOTH(test_case_211_the_same_program_does_the_same_on_both_databases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
