/* Cancelling from another thread, and servers that do not answer: every wait ends, and the next user never pays for it. */
#include "trouble.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) SELECT count(*) FROM n"
#define MILLIONS "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 50000000) SELECT id FROM n"

/* ---- a thread that cancels after a while ------------------------------------------------------------------------------------ */

typedef struct canceller {
    weir_connection *connection;
    int              after_ms, status;
    int64_t          took_ms;
    pthread_t        thread;
} canceller;

static void *cancel_later(void *argument)
{
    canceller *c = argument;
    test_sleep_ms(c->after_ms);
    int64_t before = test_now_ms();
    c->status = weir_connection_cancel(c->connection);
    c->took_ms = test_now_ms() - before;
    return NULL;
}

static void cancel_begin(canceller *c, weir_connection *connection, int after_ms)
{
    *c = (canceller){ .connection = connection, .after_ms = after_ms };
    assert_int_equal(pthread_create(&c->thread, NULL, cancel_later, c), 0);
}

static void cancel_end(canceller *c) { pthread_join(c->thread, NULL); }

/* The statement, cancelled after 200 ms, gives WEIR_CANCELLED within two seconds, and the connection works after a rollback. */
static void assert_cancelled(weir_connection *connection, const char *sql, const weir_execution_options *options)
{
    canceller c;
    int64_t before = test_now_ms();
    cancel_begin(&c, connection, 200);
    weir_result *result = test_query(connection, sql, options);
    while (weir_result_next(result)) {}
    int64_t took = test_now_ms() - before;
    cancel_end(&c);
    assert_error(weir_result_error(result), WEIR_CANCELLED);
    assert_contains(weir_result_error(result)->message, "cancelled by weir_connection_cancel");
    assert_false(weir_result_error(result)->disconnect);
    assert_in_range(took, 150, 2200);
    assert_int_equal(c.status, WEIR_OK);
    assert_status(weir_result_close(&result), WEIR_CANCELLED);
    assert_status(weir_connection_error(connection)->status, WEIR_CANCELLED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 5"), 5);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
}

static void test_a_sleeping_server_is_cancelled(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    for (int i = 0; i < 3; i++)
        assert_cancelled(connection, "SELECT pg_sleep(30)", NULL);
    weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT));
    assert_cancelled(connection, "SELECT pg_sleep(30)", NULL);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
    close_connection_ok(&connection);
}

static void test_heavy_work_is_cancelled(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    assert_cancelled(connection, ENDLESS, NULL);
    assert_cancelled(connection, ENDLESS, OPTIONS(.yield_per = 10));
    weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT));
    assert_cancelled(connection, ENDLESS, NULL);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
    close_connection_ok(&connection);
}

static void test_a_long_fetch_is_cancelled(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    assert_cancelled(connection, MILLIONS, OPTIONS(.yield_per = 100000));
    assert_cancelled(connection, MILLIONS, OPTIONS(.yield_per = 10));
    assert_cancelled(connection, MILLIONS, OPTIONS(.yield_per = 1000, .prefetch = WEIR_OFF));
    assert_cancelled(connection, MILLIONS, OPTIONS(.stream_results = WEIR_ON));
    if (db->postgresql)
        assert_cancelled(connection, MILLIONS, OPTIONS(.yield_per = 1000, .cursor_mode = WEIR_CURSOR_DECLARE));
    close_connection_ok(&connection);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
}

static void test_a_buffered_execute_is_cancelled(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    assert_cancelled(connection, MILLIONS, NULL);
    close_connection_ok(&connection);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
}

/* Between two fetches nothing runs that could be cancelled: the next one says so. */
static void test_an_idle_stream_is_cancelled_at_its_next_fetch(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_connection *connection = connect_ok(db->engine);
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 5);
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    assert_next_ids(result, 6, 10);
    while (weir_result_next(result)) {}
    assert_status(weir_result_close(&result), WEIR_CANCELLED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 100);
    close_connection_ok(&connection);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
}

static void test_a_cancel_of_an_idle_connection_cancels_nothing(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(id integer)");
    weir_connection *connection = connect_ok(db->engine);
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 2"), 2);
    run_ok(connection, "INSERT INTO t VALUES (1)");
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    int savepoint = weir_connection_savepoint(connection);
    assert_true(savepoint > 0);
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    assert_status(weir_connection_savepoint_release(connection, savepoint), WEIR_OK);
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM t"), 1);
    run_ok(connection, "INSERT INTO t VALUES (2)");
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM t"), 1);
    close_connection_ok(&connection);
    connection = weir_engine_begin(db->engine);
    run_ok(connection, "INSERT INTO t VALUES (3)");
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    close_connection_ok(&connection);           /* commits */
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM t"), 2);
}

static void ignore_notification(const char *channel, const char *payload, int pid, void *context)
{
    (void)channel;
    (void)payload;
    (void)pid;
    ++*(int *)context;
}

static void test_waiting_for_notifications_is_cancelled_and_goes_on_later(void **state)
{
    test_database *db = *state;
    int heard = 0;
    weir_connection *connection = connect_ok(db->engine);
    weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT));
    assert_status(weir_connection_on_notification(connection, ignore_notification, &heard), WEIR_OK);
    run_ok(connection, "LISTEN news");
    canceller c;
    int64_t before = test_now_ms();
    cancel_begin(&c, connection, 200);
    assert_status(weir_connection_poll(connection, 20000), WEIR_CANCELLED);
    assert_in_range(test_now_ms() - before, 150, 1800);
    cancel_end(&c);
    assert_false(weir_connection_invalidated(connection));
    test_side_run(db, "NOTIFY news");
    assert_status(weir_connection_poll(connection, 3000), WEIR_OK);
    assert_int_equal(heard, 1);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
    close_connection_ok(&connection);
}

/* ---- locks ------------------------------------------------------------------------------------------------------------------- */

static int64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_waiting_for_a_lock_is_cancelled_and_costs_no_processor(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(id integer)");
    test_side_run(db, "INSERT INTO t VALUES (1)");
    const char *const twenty_seconds[] = { "busy_timeout", "20000", NULL };
    weir_engine *patient = test_engine(db, db->postgresql ? NULL : POOL(.connect_args = twenty_seconds));
    weir_connection *holder = connect_ok(db->engine), *waiter = connect_ok(patient);
    run_ok(holder, "UPDATE t SET id = 2");
    canceller c;
    cancel_begin(&c, waiter, 600);
    int64_t before = test_now_ms(), busy = cpu_ms();
    assert_status((int)weir_connection_run(waiter, "UPDATE t SET id = 3"), WEIR_CANCELLED);
    int64_t took = test_now_ms() - before;
    busy = cpu_ms() - busy;
    cancel_end(&c);
    assert_in_range(took, 550, 2600);
    assert_true(busy < 200);
    assert_status(weir_connection_rollback(waiter), WEIR_OK);
    assert_status(weir_connection_commit(holder), WEIR_OK);
    assert_int_equal(test_query_int(waiter, "SELECT id FROM t"), 2);
    close_connection_ok(&holder);
    close_connection_ok(&waiter);
    weir_engine_close(&patient);
}

/* ---- late cancels (RULES L4) ---------------------------------------------------------------------------------------------------- */

typedef struct late { weir_connection *connection; int after_us; pthread_t thread; } late;

static void *cancel_soon(void *argument)
{
    late *l = argument;
    nanosleep(&(struct timespec){ .tv_nsec = l->after_us * 1000L }, NULL);
    (void)!weir_connection_cancel(l->connection);
    return NULL;
}

/* What the cancelled statement gave must be what a cancelled or an untouched one gives. */
static void cancel_near_the_end(weir_engine *engine, const char *sql, int after_us, int *cancelled)
{
    late l = { .connection = connect_ok(engine), .after_us = after_us };
    assert_int_equal(pthread_create(&l.thread, NULL, cancel_soon, &l), 0);
    int64_t status = weir_connection_run(l.connection, sql);
    assert_true(status >= 0 || status == WEIR_CANCELLED);
    *cancelled += status == WEIR_CANCELLED;
    pthread_join(l.thread, NULL);
    close_connection_ok(&l.connection);
    weir_connection *next = connect_ok(engine);
    for (int i = 0; i < 3; i++)
        run_ok(next, "SELECT 1");
    close_connection_ok(&next);
}

static void test_a_late_cancel_never_hits_the_next_user(void **state)
{
    test_database *db = *state;
    const char *form = db->postgresql ? "SELECT pg_sleep(0.002 * %d)"
        : "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000 * %d) SELECT count(*) FROM n";
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO));
    int cancelled = 0, all = 0;
    srand(7);
    /* Where the machine is so slow that all cancels come too late, or too early, longer statements are tried. */
    for (int longer = 1; longer <= 100 && (cancelled == 0 || cancelled == all); longer *= 10) {
        char sql[200];
        snprintf(sql, sizeof sql, form, longer);
        int count = longer == 1 ? 200 : 40;
        for (int i = 0; i < count; i++)
            cancel_near_the_end(engine, sql, rand() % 6000 * longer, &cancelled);
        all += count;
    }
    assert_true(cancelled > 0);
    assert_true(cancelled < all);
    assert_pool(engine, 1, 1, 0, 0);
    weir_engine_close(&engine);
}

/* Under autocommit the next statement of the same user is a transaction of its own. */
static void test_a_late_cancel_is_told_as_one_or_not_at_all(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT));
    srand(11);
    for (int i = 0; i < 100; i++) {
        late l = { .connection = connection, .after_us = rand() % 3000 };
        assert_int_equal(pthread_create(&l.thread, NULL, cancel_soon, &l), 0);
        for (int k = 0; k < 4; k++) {
            int64_t status = weir_connection_run(connection, db->postgresql ? "SELECT pg_sleep(0.0005)" : "SELECT 1");
            if (status < 0)
                assert_error(weir_connection_error(connection), WEIR_CANCELLED);
        }
        pthread_join(l.thread, NULL);
    }
    close_connection_ok(&connection);
}

/* Many cancels at once, while the connection is used and changes. */
static void test_a_storm_of_cancels_leaves_a_connection_that_works(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    weir_connection *connection = connect_ok(db->engine);
    for (int i = 0; i < 20; i++) {
        late l[5];
        for (int k = 0; k < 5; k++) {
            l[k] = (late){ .connection = connection, .after_us = k * 700 };
            assert_int_equal(pthread_create(&l[k].thread, NULL, cancel_soon, &l[k]), 0);
        }
        weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 50));
        int64_t id = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
            assert_int_equal(weir_row_int64_at(row, 0), ++id);
        int status = weir_result_error(result)->status;
        assert_true(status == WEIR_CANCELLED || (status == WEIR_OK && id == 1000));
        assert_int_equal(weir_result_close(&result), status);
        for (int k = 0; k < 5; k++)
            pthread_join(l[k].thread, NULL);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 1000);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    close_connection_ok(&connection);
}

/* ---- servers that do not answer ---------------------------------------------------------------------------------------------------- */

/* The waiting call ends although the server does not answer, maybe not even the request; the connection is replaced. */
static void assert_given_up(weir_connection *connection, int pid_to_wake, test_proxy *proxy)
{
    canceller c;
    int64_t before = test_now_ms();
    cancel_begin(&c, connection, 300);
    assert_status((int)weir_connection_run(connection, "SELECT pg_sleep(0)"), WEIR_CANCELLED);
    assert_in_range(test_now_ms() - before, 300, 6500);
    assert_true(weir_connection_error(connection)->disconnect);
    assert_true(weir_connection_invalidated(connection));
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_PENDING_ROLLBACK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_true(test_now_ms() - before < 7000);
    if (pid_to_wake)
        kill(pid_to_wake, SIGCONT);
    if (proxy)
        test_proxy_set(proxy, (test_fault){ 0 });
    cancel_end(&c);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
}

static void test_a_stopped_server_is_given_up_after_a_cancel(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    run_ok(connection, "SELECT 1");
    int pid = weir_connection_backend_pid(connection);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_given_up(connection, pid, NULL);
    close_connection_ok(&connection);
    assert_pool(db->engine, 5, 1, -4, 0);
}

/* Here the cancel request itself gets no answer. */
static void test_a_network_that_stalls_is_given_up_after_a_cancel(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    weir_connection *connection = connect_ok(engine);
    run_ok(connection, "SELECT 1");
    test_proxy_set(proxy, (test_fault){ .stall = true });
    assert_given_up(connection, 0, proxy);
    close_connection_ok(&connection);
    assert_pool(engine, 5, 1, -4, 0);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* A connection whose cancel request may still arrive is good for its own user only. */
static void test_a_request_that_hangs_costs_the_connection_only(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    weir_connection *connection = connect_ok(engine);
    run_ok(connection, "SELECT 1");
    test_proxy_set(proxy, (test_fault){ .hold_ms = 6000 });     /* only the request is held, this connection goes on */
    canceller c;
    cancel_begin(&c, connection, 0);
    test_sleep_ms(200);
    int64_t before = test_now_ms();
    run_ok(connection, "SELECT 1");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    run_ok(connection, "SELECT 1");
    assert_true(test_now_ms() - before < 4000);
    cancel_end(&c);
    assert_int_equal(c.status, WEIR_OK);
    int64_t after = weir_connection_run(connection, "SELECT 1");
    assert_true(after == 0 || after == WEIR_CANCELLED);
    close_connection_ok(&connection);
    assert_pool(engine, 5, 1, -4, 0);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    test_proxy_set(proxy, (test_fault){ 0 });
    connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_int_equal(test_pool_status(engine).connects, 2);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* A request that comes before the statement, or between two messages, cancels nothing: it is sent again, so that neither the connection
 * is lost nor the query goes on. */
static void test_a_request_that_is_lost_is_sent_again(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    weir_connection *connection = connect_ok(engine);
    test_proxy_set(proxy, (test_fault){ .lose_requests = 1 });
    assert_cancelled(connection, "SELECT pg_sleep(601)", NULL);
    test_proxy_set(proxy, (test_fault){ .lose_requests = 1 });
    weir_result *result = test_query(connection, "SELECT pg_sleep(601)", OPTIONS(.timeout_ms = 100));
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_DEADLINE_EXCEEDED);
    assert_false(weir_result_error(result)->disconnect);
    assert_int_equal(weir_result_close(&result), WEIR_DEADLINE_EXCEEDED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_pool_status(engine).connects, 1);     /* it is the same, and sleeps no more */
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void test_a_read_timeout_ends_a_wait(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 700));
    weir_connection *connection = connect_ok(engine);
    for (int round = 0; round < 3; round++) {
        weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id",
                                         OPTIONS(.yield_per = round == 2 ? 200 : 10, .prefetch = round ? WEIR_ON : WEIR_OFF));
        assert_next_ids(result, 1, 10);
        test_proxy_set(proxy, (test_fault){ .stall = true });
        int64_t before = test_now_ms();
        while (weir_result_next(result)) {}
        assert_in_range(test_now_ms() - before, 600, 4000);
        assert_error(weir_result_error(result), WEIR_DEADLINE_EXCEEDED);
        assert_true(weir_result_error(result)->disconnect);
        assert_status(weir_result_close(&result), WEIR_DEADLINE_EXCEEDED);
        assert_true(weir_connection_invalidated(connection));
        test_proxy_set(proxy, (test_fault){ 0 });
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 1000);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status((int)weir_connection_run(connection, "SELECT pg_sleep(1.5)"), WEIR_DEADLINE_EXCEEDED);
    close_connection_ok(&connection);
    assert_int_equal(test_pool_status(engine).checked_out, 0);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* Rollback, commit, close and pre-ping are waits, too. */
static void test_a_read_timeout_holds_for_every_call(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 500, .pool_pre_ping = WEIR_ON,
                                                           .connect_timeout_ms = 2000));
    for (int call = 0; call < 4; call++) {
        weir_connection *connection = connect_ok(engine);
        run_ok(connection, "SELECT 1");
        if (call == 3)
            close_connection_ok(&connection);
        test_proxy_set(proxy, (test_fault){ .stall = true });
        int64_t before = test_now_ms();
        weir_error error;
        switch (call) {
        case 0: assert_status(weir_connection_rollback(connection), WEIR_DEADLINE_EXCEEDED); break;
        case 1: assert_status(weir_connection_commit(connection), WEIR_DEADLINE_EXCEEDED); break;
        case 2: break;
        default: assert_int_equal(test_connect_fails(engine, &error), WEIR_OPERATIONAL); break;
        }
        if (call < 3)
            close_connection_ok(&connection);
        assert_true(test_now_ms() - before < 6000);
        assert_int_equal(test_pool_status(engine).checked_out, 0);
        test_proxy_set(proxy, (test_fault){ 0 });
    }
    weir_connection *connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_sleeping_server_is_cancelled),
        ON_BOTH(test_heavy_work_is_cancelled),
        ON_BOTH(test_a_long_fetch_is_cancelled),
        ON_BOTH(test_a_buffered_execute_is_cancelled),
        ON_BOTH(test_an_idle_stream_is_cancelled_at_its_next_fetch),
        ON_BOTH(test_a_cancel_of_an_idle_connection_cancels_nothing),
        ON_POSTGRESQL(test_waiting_for_notifications_is_cancelled_and_goes_on_later),
        ON_BOTH(test_waiting_for_a_lock_is_cancelled_and_costs_no_processor),
        ON_BOTH(test_a_late_cancel_never_hits_the_next_user),
        ON_BOTH(test_a_late_cancel_is_told_as_one_or_not_at_all),
        ON_BOTH(test_a_storm_of_cancels_leaves_a_connection_that_works),
        ON_POSTGRESQL(test_a_stopped_server_is_given_up_after_a_cancel),
        ON_POSTGRESQL(test_a_network_that_stalls_is_given_up_after_a_cancel),
        ON_POSTGRESQL(test_a_request_that_hangs_costs_the_connection_only), ON_POSTGRESQL(test_a_request_that_is_lost_is_sent_again),
        ON_POSTGRESQL(test_a_read_timeout_ends_a_wait),
        ON_POSTGRESQL(test_a_read_timeout_holds_for_every_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
