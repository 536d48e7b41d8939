/* Pools in trouble, through the public headers: lost servers, invalidated and disposed connections, engines closed early, forks,
 * and what the pool tells of its users. */
#include "support_apart.h"
#include "support_task.h"
#include "trouble.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define ORDERS "SELECT id FROM orders ORDER BY id"
#define PENDING "Can't reconnect until invalid transaction is rolled back.  Please rollback() fully before proceeding"

/* ---- lost servers (POOL-16) ------------------------------------------------------------------------------------------------- */

/* Reads ids from first on until there is no more; the last one read. */
static int64_t read_ids(weir_result *result, int64_t first)
{
    const weir_row *row;
    int64_t id = first;
    for (; (row = weir_result_next(result)) != NULL; id++)
        assert_int_equal(weir_row_int64_at(row, 0), id);
    return id - 1;
}

static void assert_lost_in_mid_stream(test_database *db, weir_engine *engine, const weir_execution_options *options, int64_t most)
{
    weir_connection *connection = connect_ok(engine);
    weir_result *result = test_query(connection, ORDERS, options);
    assert_next_ids(result, 1, 15);
    int pid = weir_connection_backend_pid(connection);
    test_kill_backend(db, pid);
    int64_t last = read_ids(result, 16);
    assert_in_range(last, 20, most);
    assert_int_equal(last % 10, 0);
    assert_error(weir_result_error(result), WEIR_OPERATIONAL);
    assert_true(weir_result_error(result)->disconnect);
    assert_string_equal(weir_result_error(result)->sqlstate, "57P01");
    assert_contains(weir_result_error(result)->message, "terminating connection due to administrator command");
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_true(weir_connection_invalidated(connection));
    assert_true(weir_connection_in_transaction(connection));
    for (int i = 0; i < 2; i++) {
        assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_PENDING_ROLLBACK);
        assert_string_equal(weir_connection_error(connection)->message, PENDING);
        assert_status(weir_connection_commit(connection), WEIR_PENDING_ROLLBACK);
        assert_status(weir_connection_savepoint(connection), WEIR_PENDING_ROLLBACK);
    }
    assert_pool(engine, 2, 0, -1, 1);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 1000);
    assert_int_not_equal(weir_connection_backend_pid(connection), pid);
    assert_false(weir_connection_invalidated(connection));
    assert_pool(engine, 2, 0, -1, 1);
    close_connection_ok(&connection);
    assert_pool(engine, 2, 1, -1, 0);
}

static void test_a_backend_killed_in_mid_stream_costs_the_transaction_only(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2));
    assert_lost_in_mid_stream(db, engine, OPTIONS(.yield_per = 10, .prefetch = WEIR_OFF), 20);
    assert_lost_in_mid_stream(db, engine, OPTIONS(.yield_per = 10), 40);
    assert_lost_in_mid_stream(db, engine, OPTIONS(.yield_per = 10, .cursor_mode = WEIR_CURSOR_DECLARE), 20);
    weir_pool_status status = test_pool_status(engine);
    assert_int_equal(status.disconnects, 3);
    assert_int_equal(status.connects, 4);
    weir_engine_close(&engine);
}

static void test_a_lost_connection_can_be_closed_without_a_rollback(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1));
    weir_connection *connection = connect_ok(engine);
    weir_result *result = test_query(connection, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 5);
    test_kill_backend(db, weir_connection_backend_pid(connection));
    assert_status(weir_result_close(&result), WEIR_OK);         /* the rows read were fine */
    assert_status(weir_connection_close(&connection), WEIR_OK); /* a rollback by losing is one */
    connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_a_commit_on_a_lost_connection_is_no_success(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(id integer)");
    weir_connection *connection = weir_engine_begin(db->engine);
    run_ok(connection, "INSERT INTO t VALUES (1)");
    test_kill_backend(db, weir_connection_backend_pid(connection));
    assert_status(weir_connection_commit(connection), WEIR_OPERATIONAL);
    assert_true(weir_connection_error(connection)->disconnect);
    assert_status(weir_connection_close(&connection), WEIR_PENDING_ROLLBACK);   /* the loss was told before */
    connection = weir_engine_begin(db->engine);
    run_ok(connection, "INSERT INTO t VALUES (1)");
    test_kill_backend(db, weir_connection_backend_pid(connection));
    assert_status(weir_connection_close(&connection), WEIR_OPERATIONAL);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM t"), 0);
}

static void test_case_152_a_disconnect_makes_earlier_connections_stale(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2));
    weir_connection *used = connect_ok(engine), *idle = connect_ok(engine);
    close_connection_ok(&idle);
    run_ok(used, "SELECT 1");
    test_kill_backend(db, weir_connection_backend_pid(used));
    assert_status((int)weir_connection_run(used, "SELECT 1"), WEIR_OPERATIONAL);
    assert_true(weir_connection_error(used)->disconnect);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_DISCONNECT), 1);
    close_connection_ok(&used);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    used = connect_ok(engine);
    assert_int_equal(test_query_int(used, "SELECT 1"), 1);
    assert_int_equal(test_pool_status(engine).disconnects, 2);
    assert_int_equal(test_pool_status(engine).connects, 3);
    close_connection_ok(&used);
    weir_engine_close(&engine);
}

/* All connections end, and for a while there is nobody to connect to. */
static void test_a_server_restart_is_survived(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.pool_size = 3));
    weir_connection *connections[3];
    for (int i = 0; i < 3; i++)
        connections[i] = connect_ok(engine);
    run_ok(connections[0], "SELECT 1");
    close_connection_ok(&connections[2]);
    test_proxy_refuse(proxy, true);
    test_side_run(db, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "
                      "pid <> pg_backend_pid()");
    assert_status((int)weir_connection_run(connections[0], "SELECT 1"), WEIR_OPERATIONAL);
    assert_status((int)weir_connection_run(connections[1], "SELECT 1"), WEIR_OPERATIONAL);
    assert_status(weir_connection_rollback(connections[0]), WEIR_OK);
    assert_status((int)weir_connection_run(connections[0], "SELECT 1"), WEIR_OPERATIONAL);      /* nobody there */
    assert_contains(weir_connection_error(connections[0])->message, "cannot connect");
    test_proxy_refuse(proxy, false);
    assert_status(weir_connection_rollback(connections[0]), WEIR_OK);
    assert_int_equal(test_query_int(connections[0], "SELECT 1"), 1);
    close_connection_ok(&connections[1]);
    connections[1] = connect_ok(engine);
    connections[2] = connect_ok(engine);
    for (int i = 0; i < 3; i++)
        assert_int_equal(test_query_int(connections[i], "SELECT 1"), 1);
    assert_pool(engine, 3, 0, 0, 3);
    for (int i = 0; i < 3; i++)
        close_connection_ok(&connections[i]);
    assert_pool(engine, 3, 3, 0, 0);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* ---- invalidated, disposed, closed early ---------------------------------------------------------------------------------------- */

static void test_an_invalidated_connection_is_replaced_after_a_rollback(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_connection *connection = connect_ok(db->engine);
    assert_status(weir_connection_invalidate(connection), WEIR_OK);
    assert_true(weir_connection_invalidated(connection));
    assert_int_equal(weir_connection_backend_pid(connection), 0);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 100);   /* no transaction was lost */
    weir_result *result = test_query(connection, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 3);
    assert_status(weir_connection_invalidate(connection), WEIR_OK);
    assert_status(weir_connection_invalidate(connection), WEIR_OK);
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_RESOURCE_CLOSED);
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_PENDING_ROLLBACK);
    assert_string_equal(weir_connection_error(connection)->message, PENDING);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    weir_pool_status status = test_pool_status(db->engine);
    assert_int_equal(status.connects, 3);
    assert_int_equal(status.disconnects, 2);
    assert_int_equal(status.checked_out, 1);
    close_connection_ok(&connection);
}

static void test_dispose_starts_anew_and_lets_users_finish(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 3));
    weir_connection *used = connect_ok(engine), *idle = connect_ok(engine);
    close_connection_ok(&idle);
    weir_result *result = test_query(used, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 15);
    weir_engine_dispose(engine);
    assert_pool(engine, 3, 0, -3, 0);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    assert_ids_to_end(result, 16, 100);
    close_result_ok(&result);
    close_connection_ok(&used);
    assert_pool(engine, 3, 0, -3, 0);
    assert_int_equal(test_pool_status(engine).disconnects, 2);
    used = connect_ok(engine);
    assert_pool(engine, 3, 0, -2, 1);
    close_connection_ok(&used);
    weir_engine_close(&engine);
}

static void test_an_engine_closed_early_lets_its_users_finish(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_engine *engine = test_engine(db, NULL);
    weir_connection *connection = connect_ok(engine);
    weir_result *result = test_query(connection, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 5);
    weir_engine_close(&engine);
    weir_engine_close(&engine);
    weir_error error;
    assert_int_equal(test_connect_fails(engine, &error), WEIR_RESOURCE_CLOSED);
    assert_next_ids(result, 6, 50);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_ids_to_end(result, 51, 100);
    const weir_row *kept = NULL;
    close_result_ok(&result);
    result = test_query(connection, ORDERS, NULL);
    kept = weir_row_retain(weir_result_next(result));
    close_connection_ok(&connection);
    close_result_ok(&result);
    assert_int_equal(weir_row_int64(kept, "id"), 1);
    weir_row_release(&kept);
}

static void test_case_013_engines_of_one_pool(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 100));
    weir_engine *six = weir_engine_with_options(engine, OPTIONS(.yield_per = 6));
    weir_connection *plain = connect_ok(engine), *by_six = connect_ok(six);
    weir_error error;
    assert_pool(engine, 2, 0, 0, 2);
    assert_pool(six, 2, 0, 0, 2);
    assert_int_equal(test_connect_fails(six, &error), WEIR_TIMEOUT);
    weir_result *result = test_query(plain, ORDERS, NULL);
    assert_partitions(result, 0, 12);
    close_result_ok(&result);
    weir_engine_close(&engine);         /* the pool is the other's, too */
    result = test_query(by_six, ORDERS, NULL);
    assert_partitions(result, 0, 6, 6);
    close_result_ok(&result);
    close_connection_ok(&plain);
    assert_pool(six, 2, 1, 0, 1);
    plain = connect_ok(six);
    close_connection_ok(&plain);
    close_connection_ok(&by_six);
    weir_engine_close(&six);
}

static void test_in_memory_sqlite_lives_in_one_connection(void **state)
{
    weir_engine *engine;
    weir_error error;
    (void)state;
    assert_int_equal(weir_engine_open(&engine, "sqlite://", POOL(.pool_size = 5, .pool_timeout_ms = 200, .pool_recycle_ms = 1,
                                                                 .pool_pre_ping = WEIR_ON)), WEIR_OK);
    weir_connection *connection = weir_engine_begin(engine);
    run_ok(connection, "CREATE TABLE t(id integer)");
    run_ok(connection, "INSERT INTO t VALUES (1), (2)");
    assert_int_equal(test_connect_fails(engine, &error), WEIR_TIMEOUT);
    assert_contains(error.message, "QueuePool limit of size 1 overflow 0 reached");
    close_connection_ok(&connection);
    test_sleep_ms(5);
    connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM t"), 2);
    close_connection_ok(&connection);
    assert_int_equal(test_pool_status(engine).connects, 1);
    weir_engine_close(&engine);
}

/* ---- what the pool tells ------------------------------------------------------------------------------------------------------------ */

static void test_a_long_checkout_is_reported_once_with_its_place(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.checkout_limit_ms = 600));
    char place[64];
    weir_connection *connection = weir_engine_connect(engine); int line = __LINE__;
    snprintf(place, sizeof place, "test_pool_trouble.c:%d", line);
    weir_connection *other = connect_ok(engine);
    close_connection_ok(&other);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_SLOW_CHECKOUT), 0);
    test_sleep_ms(650);
    for (int i = 0; i < 3; i++) {
        other = connect_ok(engine);
        close_connection_ok(&other);
    }
    assert_int_equal(test_log_count(db->log, WEIR_LOG_SLOW_CHECKOUT), 1);
    const test_log_entry *entry = test_log_at(db->log, WEIR_LOG_SLOW_CHECKOUT, 0);
    assert_contains(entry->message, place);
    assert_int_equal(entry->connection, weir_connection_number(connection));
    close_connection_ok(&connection);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_SLOW_CHECKOUT), 1);
    connection = connect_ok(engine);
    test_sleep_ms(650);
    close_connection_ok(&connection);   /* nobody else came by: told at the return */
    assert_int_equal(test_log_count(db->log, WEIR_LOG_SLOW_CHECKOUT), 2);
    assert_int_equal(weir_engine_warnings(engine), 0);
    weir_engine_close(&engine);
}

static void test_the_longest_times_are_known(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_engine *engine = test_engine(db, NULL);
    weir_connection *connection = connect_ok(engine);
    test_sleep_ms(120);
    assert_in_range(test_pool_status(engine).longest_checkout_ms, 115, 60000);   /* lasts */
    assert_int_equal(test_pool_status(engine).longest_idle_in_transaction_ms, 0);
    run_ok(connection, "SELECT 1");
    test_sleep_ms(60);
    run_ok(connection, "SELECT 1");
    int64_t idle = test_pool_status(engine).longest_idle_in_transaction_ms;
    assert_in_range(idle, 55, 60000);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    test_sleep_ms((int)idle + 60);              /* outside of a transaction */
    run_ok(connection, "SELECT 1");
    assert_int_equal(test_pool_status(engine).longest_idle_in_transaction_ms, idle);
    weir_result *result = test_query(connection, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 10);
    test_sleep_ms((int)idle + 100);             /* a slow reader */
    assert_next_ids(result, 11, 30);
    close_result_ok(&result);
    assert_true(test_pool_status(engine).longest_idle_in_transaction_ms >= idle + 95);
    idle = test_pool_status(engine).longest_idle_in_transaction_ms;
    test_sleep_ms((int)idle + 100);             /* forgotten, until it is closed */
    close_connection_ok(&connection);
    assert_true(test_pool_status(engine).longest_idle_in_transaction_ms >= idle + 95);
    int64_t longest = test_pool_status(engine).longest_checkout_ms;
    assert_true(longest >= 120 + idle);
    test_sleep_ms(60);
    assert_int_equal(test_pool_status(engine).longest_checkout_ms, longest);    /* it ended */
    weir_engine_close(&engine);
}

/* ---- forks ---------------------------------------------------------------------------------------------------------------------------- */

typedef struct family { weir_engine *engine; weir_connection *connection; weir_result *result; } family;

/* In the child. 0: all is as it should be; else the number of the first thing that is not. */
static int be_a_child(family *f, bool abandon_first)
{
    weir_connection *other = weir_engine_connect(f->engine);
    if (weir_connection_error(other)->status != WEIR_INVALID_REQUEST)
        return 1;
    if (weir_connection_close(&other) != WEIR_INVALID_REQUEST)
        return 2;
    if (weir_connection_run(f->connection, "SELECT 1") != WEIR_INVALID_REQUEST)
        return 3;
    if (weir_connection_rollback(f->connection) != WEIR_INVALID_REQUEST ||
        weir_connection_commit(f->connection) != WEIR_INVALID_REQUEST)
        return 4;
    if (weir_connection_cancel(f->connection) != WEIR_INVALID_REQUEST ||
        weir_connection_detach(f->connection) != WEIR_INVALID_REQUEST ||
        weir_connection_invalidate(f->connection) != WEIR_INVALID_REQUEST)
        return 5;
    while (weir_result_next(f->result)) {}
    if (weir_result_error(f->result)->status != WEIR_INVALID_REQUEST)
        return 6;
    weir_engine_dispose(f->engine);
    if (abandon_first)
        weir_engine_abandon(&f->engine);
    if (weir_connection_backend_pid(f->connection) != 0 || weir_connection_number(f->connection) != 0)
        return 7;
    (void)weir_connection_invalidated(f->connection);
    if (weir_result_close(&f->result) != WEIR_INVALID_REQUEST)
        return 8;
    if (weir_connection_close(&f->connection) != WEIR_INVALID_REQUEST)
        return 9;
    if (!abandon_first)
        weir_engine_abandon(&f->engine);
    return weir_connection_close(&f->connection) == WEIR_OK ? 0 : 10;
}

/* See support_apart.h. */
static bool forks_are_misread(void) { return UNDER_TSAN && test_world_is_task(); }

static void assert_child_keeps_out(family *f, bool abandon_first)
{
    int outcome = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(be_a_child(f, abandon_first));
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFEXITED(outcome));
    assert_int_equal(WEXITSTATUS(outcome), 0);
}

static void test_a_forked_child_keeps_out_of_its_parents_connections(void **state)
{
    test_database *db = *state;
    if (forks_are_misread())
        return;
    test_fixture(db, 1000);
    weir_engine *engine = test_engine(db, NULL);
    weir_connection *connection = connect_ok(engine), *idle = connect_ok(engine);
    int64_t number = weir_connection_number(idle);
    run_ok(idle, "SELECT 1");
    close_connection_ok(&idle);
    weir_result *result = test_query(connection, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 15);
    family f = { engine, connection, result };
    assert_child_keeps_out(&f, true);
    assert_next_ids(result, 16, 500);
    f = (family){ engine, connection, result };
    assert_child_keeps_out(&f, false);
    assert_ids_to_end(result, 501, 1000);
    close_result_ok(&result);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 1000);
    close_connection_ok(&connection);
    idle = connect_ok(engine);
    assert_int_equal(weir_connection_number(idle), number);
    assert_int_equal(test_query_int(idle, "SELECT 1"), 1);
    close_connection_ok(&idle);
    assert_int_equal(test_pool_status(engine).disconnects, 0);
    weir_engine_close(&engine);
}

static void test_a_forked_child_may_open_an_engine_of_its_own(void **state)
{
    test_database *db = *state;
    int outcome = -1;
    if (forks_are_misread())
        return;
    weir_connection *connection = connect_ok(db->engine);
    run_ok(connection, "SELECT 1");
    pid_t child = fork();
    if (child == 0) {
        weir_engine *parents = db->engine, *own;
        weir_engine_abandon(&parents);
        int status = weir_engine_open(&own, db->url, NULL);
        weir_connection *mine = weir_engine_connect(own);
        status = status == WEIR_OK ? (int)weir_connection_run(mine, "SELECT 1") : status;
        status = status >= 0 ? weir_connection_close(&mine) : status;
        weir_engine_close(&own);
        _exit(status == WEIR_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_backend_killed_in_mid_stream_costs_the_transaction_only),
        ON_POSTGRESQL(test_a_lost_connection_can_be_closed_without_a_rollback),
        ON_POSTGRESQL(test_a_commit_on_a_lost_connection_is_no_success),
        ON_POSTGRESQL(test_case_152_a_disconnect_makes_earlier_connections_stale),
        ON_POSTGRESQL(test_a_server_restart_is_survived),
        ON_BOTH(test_an_invalidated_connection_is_replaced_after_a_rollback),
        ON_BOTH(test_dispose_starts_anew_and_lets_users_finish),
        ON_BOTH(test_an_engine_closed_early_lets_its_users_finish),
        ON_BOTH(test_case_013_engines_of_one_pool),
        ON_SQLITE(test_in_memory_sqlite_lives_in_one_connection),
        ON_BOTH(test_a_long_checkout_is_reported_once_with_its_place),
        ON_BOTH(test_the_longest_times_are_known),
        ON_BOTH(test_a_forked_child_keeps_out_of_its_parents_connections),
        ON_BOTH(test_a_forked_child_may_open_an_engine_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
