/* The pool on real databases, through the public headers: part H of cases.md. */
#include "trouble.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)

static void open_all(weir_engine *engine, weir_connection **connections, int count)
{
    for (int i = 0; i < count; i++)
        connections[i] = connect_ok(engine);
}

static void close_all(weir_connection **connections, int count)
{
    for (int i = 0; i < count; i++)
        close_connection_ok(&connections[i]);
}

/* A database whose connects can be made to fail: PostgreSQL behind a proxy, SQLite a file that is moved away. */
typedef struct outage { test_database *db; test_proxy *proxy; char url[1300], away[800]; } outage;

static void outage_prepare(outage *o, test_database *db)
{
    *o = (outage){ .db = db };
    test_side_run(db, "CREATE TABLE t(id integer)");
    snprintf(o->away, sizeof o->away, "%s.away", db->path);
    if (db->postgresql)
        o->proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    snprintf(o->url, sizeof o->url, "%s%s", db->postgresql ? test_proxy_url(o->proxy) : db->url, db->postgresql ? "" : "?mode=rw");
}

static weir_engine *outage_engine(outage *o, const weir_engine_options *options)
{
    weir_engine *engine;
    weir_engine_options own = *options;
    own.log = test_log_write;
    own.log_context = o->db->log;
    assert_int_equal(weir_engine_open(&engine, o->url, &own), WEIR_OK);
    return engine;
}

static void outage_begin(outage *o)
{
    if (o->proxy)
        test_proxy_refuse(o->proxy, true);
    else
        assert_int_equal(rename(o->db->path, o->away), 0);
}

static void outage_end(outage *o)
{
    if (o->proxy)
        test_proxy_refuse(o->proxy, false);
    else
        assert_int_equal(rename(o->away, o->db->path), 0);
}

/* ---- how many there are ------------------------------------------------------------------------------------------------------ */

static void test_case_135_counters_follow_checkouts_and_returns(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 3, .max_overflow = -1));
    weir_connection *connections[6];
    assert_pool(engine, 3, 0, -3, 0);
    for (int i = 0; i < 6; i++) {
        connections[i] = connect_ok(engine);
        assert_pool(engine, 3, 0, i - 2, i + 1);
    }
    close_all(connections, 3);
    assert_pool(engine, 3, 3, 3, 3);
    close_all(connections + 3, 3);
    assert_pool(engine, 3, 3, 0, 0);
    weir_engine_close(&engine);
}

static void test_case_136_the_status_has_a_text(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2, .max_overflow = 1));
    weir_connection *connections[3];
    assert_int_equal(test_pool_status(engine).overflow, -2);
    open_all(engine, connections, 3);
    assert_string_equal(test_pool_status(engine).text,
                        "Pool size: 2  Connections in pool: 0 Current Overflow: 1 Current Checked out connections: 3");
    close_all(connections, 3);
    weir_engine_close(&engine);
}

static void test_a_session_that_holds_a_connection_is_named_where_it_was_opened(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = WEIR_ZERO));
    char where[64];
    weir_session *session = weir_session_open(engine); snprintf(where, sizeof where, "test_pool_live.c:%d", __LINE__);
    assert_error(weir_connection_error(weir_session_connection(session)), WEIR_OK);
    weir_connection *second = weir_engine_connect(engine);
    assert_error(weir_connection_error(second), WEIR_TIMEOUT);
    assert_contains(weir_connection_error(second)->detail, where);
    assert_status(weir_connection_close(&second), WEIR_TIMEOUT);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_engine_close(&engine);
}

static void test_case_137_at_the_limit_a_checkout_times_out_and_names_the_holders(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2, .max_overflow = 1, .pool_timeout_ms = 400));
    weir_connection *connections[3];
    weir_error error;
    open_all(engine, connections, 2);
    connections[2] = weir_engine_connect(engine); int line = __LINE__;
    char holder[64];
    snprintf(holder, sizeof holder, "test_pool_live.c:%d for ", line);
    int64_t before = test_now_ms();
    assert_int_equal(test_connect_fails(engine, &error), WEIR_TIMEOUT);
    assert_in_range(test_now_ms() - before, 400, 20000);
    assert_string_equal(error.message, "QueuePool limit of size 2 overflow 1 reached, connection timed out, timeout 0.40");
    assert_contains(error.detail, holder);
    assert_false(error.disconnect);
    assert_pool(engine, 2, 0, 1, 3);
    close_all(connections, 3);
    assert_pool(engine, 2, 2, 0, 0);
    weir_engine_close(&engine);
}

static void test_a_timeout_of_zero_does_not_wait(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = WEIR_ZERO));
    weir_connection *connection = connect_ok(engine);
    weir_error error;
    int64_t before = test_now_ms();
    assert_int_equal(test_connect_fails(engine, &error), WEIR_TIMEOUT);
    assert_true(test_now_ms() - before < 20000);        /* the default is 30 seconds */
    assert_contains(error.message, "overflow 0 reached, connection timed out, timeout 0.00");
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_case_138_size_zero_has_no_limit_and_keeps_all(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = WEIR_ZERO, .max_overflow = 1));
    weir_connection *connections[4];
    open_all(engine, connections, 4);
    assert_int_equal(test_pool_status(engine).overflow, 0);
    close_all(connections, 4);
    assert_pool(engine, 0, 4, 0, 0);
    assert_int_equal(test_pool_status(engine).disconnects, 0);
    weir_engine_close(&engine);
}

static void test_case_139_overflow_is_closed_on_return(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2, .max_overflow = 2));
    weir_connection *connections[4];
    for (int round = 0; round < 5; round++) {
        open_all(engine, connections, 4);
        close_all(connections, 4);
    }
    assert_int_equal(test_pool_status(engine).connects, 12);
    assert_int_equal(test_pool_status(engine).disconnects, 10);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_CONNECT), 12);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_DISCONNECT), 10);
    assert_pool(engine, 2, 2, 0, 0);
    weir_engine_close(&engine);
}

/* ---- connecting --------------------------------------------------------------------------------------------------------------- */

static void test_case_140_a_failed_connect_gives_its_place_back(void **state)
{
    outage o;
    outage_prepare(&o, *state);
    weir_engine *engine = outage_engine(&o, POOL(.pool_size = 2, .max_overflow = 3, .pool_timeout_ms = 200));
    weir_connection *connections[5];
    weir_error error;
    open_all(engine, connections, 3);
    assert_pool(engine, 2, 0, 1, 3);
    outage_begin(&o);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(test_connect_fails(engine, &error), WEIR_OPERATIONAL);
        assert_pool(engine, 2, 0, 1, 3);
    }
    outage_end(&o);
    open_all(engine, connections + 3, 2);
    assert_int_equal(test_connect_fails(engine, &error), WEIR_TIMEOUT);
    close_all(connections, 5);
    weir_engine_close(&engine);
    test_proxy_stop(&o.proxy);
}

typedef struct hanging { weir_engine *engine; int status; int64_t took; } hanging;

static void *connect_slowly(void *argument)
{
    hanging *h = argument;
    int64_t before = test_now_ms();
    weir_connection *connection = weir_engine_connect(h->engine);
    h->took = test_now_ms() - before;
    h->status = weir_connection_close(&connection);
    return NULL;
}

static void test_case_141_a_hanging_connect_blocks_nobody(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.pool_size = 2, .max_overflow = 1));
    weir_connection *connections[2];
    open_all(engine, connections, 2);
    close_all(connections, 1);
    test_proxy_set(proxy, (test_fault){ .hold_ms = 2000 });
    hanging h = { .engine = engine };
    pthread_t thread;
    connections[0] = connect_ok(engine);        /* so that the thread must connect */
    assert_int_equal(pthread_create(&thread, NULL, connect_slowly, &h), 0);
    test_sleep_ms(100);
    int64_t before = test_now_ms();
    close_all(connections, 1);
    for (int i = 0; i < 10; i++) {
        connections[0] = connect_ok(engine);
        assert_int_equal(test_query_int(connections[0], "SELECT 7"), 7);
        close_all(connections, 1);
    }
    assert_true(test_now_ms() - before < 1500);
    pthread_join(thread, NULL);
    assert_int_equal(h.status, WEIR_OK);
    assert_in_range(h.took, 1900, 10000);
    close_all(connections + 1, 1);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void test_a_server_that_accepts_and_says_nothing_is_given_up(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    test_proxy_set(proxy, (test_fault){ .mute = true });
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.connect_timeout_ms = 2000));
    weir_error error;
    int64_t before = test_now_ms();
    assert_int_equal(test_connect_fails(engine, &error), WEIR_OPERATIONAL);
    assert_in_range(test_now_ms() - before, 1000, 6000);
    assert_pool(engine, 5, 0, -5, 0);
    test_proxy_set(proxy, (test_fault){ 0 });
    weir_connection *connection = connect_ok(engine);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* Settings are sent once libpq has connected: that must not wait for ever either. */
static void test_a_server_that_falls_silent_after_the_login_is_given_up(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    test_proxy_set(proxy, (test_fault){ 0 });
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.connect_timeout_ms = 2000,
                                                           .connect_args = (const char *const[]){ "search_path", "public", NULL }));
    weir_connection *connection = connect_ok(engine);
    int64_t all = test_proxy_bytes(proxy);
    close_connection_ok(&connection);
    weir_engine_dispose(engine);
    for (int64_t missing = 1; missing < 200; missing += 55) {
        test_proxy_set(proxy, (test_fault){ .stall_after = all - missing });
        weir_error error;
        int64_t before = test_now_ms();
        int status = test_connect_fails(engine, &error);
        assert_true(status == WEIR_OPERATIONAL || status == WEIR_DEADLINE_EXCEEDED);
        assert_true(test_now_ms() - before < 9000);
        assert_pool(engine, 5, 0, -5, 0);
    }
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* ---- which one ------------------------------------------------------------------------------------------------------------------ */

static void three_idle(weir_engine *engine, int64_t *numbers)
{
    weir_connection *connections[3];
    open_all(engine, connections, 3);
    for (int i = 0; i < 3; i++)
        numbers[i] = weir_connection_number(connections[i]);
    close_all(connections, 3);
}

/* Checks out, returns the number; gives back unless told to keep. */
static int64_t take_number(weir_engine *engine, weir_connection **kept)
{
    weir_connection *connection = connect_ok(engine);
    int64_t number = weir_connection_number(connection);
    if (kept)
        *kept = connection;
    else
        close_connection_ok(&connection);
    return number;
}

static void test_case_142_the_longest_idle_first_or_the_last_returned(void **state)
{
    test_database *db = *state;
    int64_t n[3];
    weir_connection *kept;
    weir_engine *fifo = test_engine(db, NULL), *lifo = test_engine(db, POOL(.pool_lifo = WEIR_ON));
    three_idle(fifo, n);
    assert_int_equal(take_number(fifo, NULL), n[0]);
    assert_int_equal(take_number(fifo, NULL), n[1]);
    three_idle(lifo, n);
    assert_int_equal(take_number(lifo, NULL), n[2]);
    assert_int_equal(take_number(lifo, &kept), n[2]);
    assert_int_equal(take_number(lifo, NULL), n[1]);
    close_connection_ok(&kept);
    weir_engine_close(&fifo);
    weir_engine_close(&lifo);
}

static void test_case_143_old_connections_are_replaced_at_checkout_only(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_recycle_ms = 800));
    weir_connection *connection;
    int64_t first = take_number(engine, NULL);
    test_sleep_ms(30);
    assert_int_equal(take_number(engine, NULL), first);
    assert_int_equal(take_number(engine, &connection), first);
    test_sleep_ms(1000);
    assert_int_equal(weir_connection_number(connection), first);
    run_ok(connection, "SELECT 1");
    close_connection_ok(&connection);
    assert_int_equal(test_pool_status(engine).connects, 1);
    assert_int_not_equal(take_number(engine, NULL), first);
    assert_int_equal(test_pool_status(engine).connects, 2);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    weir_engine_close(&engine);
}

/* Bytes of the server for connecting, and for one more check-out of the idle connection. */
static void measure_checkout(test_database *db, weir_switch pre_ping, int64_t *connecting, int64_t *checking_out)
{
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.pool_pre_ping = pre_ping));
    weir_connection *connection = connect_ok(engine);
    close_connection_ok(&connection);
    *connecting = test_proxy_bytes(proxy);
    test_proxy_set(proxy, (test_fault){ 0 });
    connection = connect_ok(engine);
    *checking_out = test_proxy_bytes(proxy);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void test_case_144_a_used_connection_is_pinged_and_replaced_unseen(void **state)
{
    test_database *db = *state;
    int64_t fresh[2], again[2];
    measure_checkout(db, WEIR_OFF, &fresh[0], &again[0]);
    measure_checkout(db, WEIR_ON, &fresh[1], &again[1]);
    assert_int_equal(fresh[0], fresh[1]);
    assert_int_equal(again[0], 0);
    assert_true(again[1] > 0);

    weir_engine *engine = test_engine(db, POOL(.pool_size = 2, .max_overflow = 2, .pool_pre_ping = WEIR_ON));
    weir_connection *connection = connect_ok(engine);
    int pid = weir_connection_backend_pid(connection);
    close_connection_ok(&connection);
    test_kill_backend(db, pid);
    connection = connect_ok(engine);
    assert_int_not_equal(weir_connection_backend_pid(connection), pid);
    assert_pool(engine, 2, 0, -1, 1);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_int_equal(test_pool_status(engine).connects, 2);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    close_connection_ok(&connection);
    assert_int_equal(weir_engine_warnings(engine), 0);
    weir_engine_close(&engine);
}

static void test_case_145_a_server_that_is_down_costs_no_place(void **state)
{
    outage o;
    outage_prepare(&o, *state);
    weir_engine *engine = outage_engine(&o, POOL(.pool_size = 2, .max_overflow = 1, .pool_pre_ping = WEIR_ON,
                                                .pool_timeout_ms = 500));
    weir_connection *connections[3];
    weir_error error;
    for (int i = 0; i < 20; i++) {
        connections[0] = connect_ok(engine);
        close_all(connections, 1);
        weir_pool_status before = test_pool_status(engine);
        test_proxy_refuse(o.proxy, true);
        test_proxy_cut_all(o.proxy);
        assert_int_equal(test_connect_fails(engine, &error), WEIR_OPERATIONAL);
        assert_int_equal(test_pool_status(engine).checked_out, 0);
        assert_int_equal(test_pool_status(engine).overflow, before.overflow);
        test_proxy_refuse(o.proxy, false);
        connections[0] = connect_ok(engine);
        close_all(connections, 1);
    }
    open_all(engine, connections, 3);
    assert_pool(engine, 2, 0, 1, 3);
    close_all(connections, 3);
    weir_engine_close(&engine);
    test_proxy_stop(&o.proxy);
}

/* ---- what is left behind ----------------------------------------------------------------------------------------------------------- */

static void test_case_146_an_open_transaction_ends_as_the_option_says(void **state)
{
    test_database *db = *state;
    static const struct { weir_reset reset; int64_t seen; bool in_transaction; } modes[] = {
        { WEIR_RESET_DEFAULT, 0, false }, { WEIR_RESET_ROLLBACK, 0, false },
        { WEIR_RESET_COMMIT, 1, false }, { WEIR_RESET_NONE, 1, true },
    };
    test_side_run(db, "CREATE TABLE t(id integer)");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        weir_engine *engine = test_engine(db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO,
                                                   .pool_reset_on_return = modes[i].reset));
        weir_connection *connection = connect_ok(engine);
        run_ok(connection, "INSERT INTO t VALUES (1)");
        test_log_clear(db->log);
        close_connection_ok(&connection);
        connection = connect_ok(engine);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), modes[i].reset == WEIR_RESET_NONE ? 0 : 1);
        assert_int_equal(weir_connection_in_transaction(connection), modes[i].in_transaction);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM t"), modes[i].seen);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        close_connection_ok(&connection);
        weir_engine_close(&engine);
        test_side_run(db, "DELETE FROM t");
    }
}

static void test_case_148_a_detached_connection_leaves_its_place(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 200));
    weir_connection *detached = connect_ok(engine);
    assert_status(weir_connection_detach(detached), WEIR_OK);
    assert_pool(engine, 1, 0, -1, 0);
    weir_connection *other = connect_ok(engine);
    assert_pool(engine, 1, 0, 0, 1);
    assert_int_equal(test_query_int(detached, "SELECT 1"), 1);
    assert_status(weir_connection_detach(detached), WEIR_OK);   /* again: nothing */
    close_connection_ok(&detached);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    assert_pool(engine, 1, 0, 0, 1);
    close_connection_ok(&other);
    assert_pool(engine, 1, 1, 0, 0);
    weir_engine_close(&engine);
}

static void test_a_waiter_gets_the_place_of_a_detached_connection(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 10000));
    weir_connection *connection = connect_ok(engine);
    hanging h = { .engine = engine };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, connect_slowly, &h), 0);
    while (test_pool_status(engine).waiters == 0)
        test_sleep_ms(5);
    assert_status(weir_connection_detach(connection), WEIR_OK);
    pthread_join(thread, NULL);
    assert_int_equal(h.status, WEIR_OK);
    assert_true(h.took < 5000);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_case_150_a_second_close_changes_nothing(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2));
    weir_connection *connection = connect_ok(engine);
    close_connection_ok(&connection);
    assert_status(weir_connection_close(&connection), WEIR_OK);
    assert_pool(engine, 2, 1, -1, 0);
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_cancel(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_detach(connection), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_invalidate(connection), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_number(connection), 0);
    assert_int_equal(weir_connection_backend_pid(connection), 0);
    weir_engine_close(&engine);
}

/* ---- many threads ------------------------------------------------------------------------------------------------------------------- */

typedef struct crowd { weir_engine *engine; atomic_int out, peak, timeouts, hasty, failures, thread; } crowd;

static void visit(crowd *c, int thread, int round)
{
    int64_t before = test_now_ms();
    weir_connection *connection = weir_engine_connect(c->engine);
    int64_t waited = test_now_ms() - before;
    int status = weir_connection_error(connection)->status;
    if (status == WEIR_OK) {
        int out = atomic_fetch_add(&c->out, 1) + 1, peak = atomic_load(&c->peak);
        while (out > peak && !atomic_compare_exchange_weak(&c->peak, &peak, out)) {}
        if (weir_connection_run(connection, "SELECT 1") < 0)
            atomic_fetch_add(&c->failures, 1);
        test_sleep_ms(5);
        for (int i = 0; thread < 8 && round == 0 && atomic_load(&c->timeouts) == 0 && i < 6000; i++)
            test_sleep_ms(10);                                       /* at first nobody else gets one in time */
        atomic_fetch_sub(&c->out, 1);
    } else if (status == WEIR_TIMEOUT) {
        atomic_fetch_add(&c->timeouts, 1);
        atomic_fetch_add(&c->hasty, waited < 2000);
    } else {
        atomic_fetch_add(&c->failures, 1);
    }
    if (weir_connection_close(&connection) != status)
        atomic_fetch_add(&c->failures, 1);
}

static void *visit_ten_times(void *argument)
{
    crowd *c = argument;
    int thread = atomic_fetch_add(&c->thread, 1);
    if (thread >= 8)
        test_sleep_ms(200);
    for (int round = 0; round < 10; round++)
        visit(c, thread, round);
    return NULL;
}

static void test_case_151_forty_threads_share_eight_connections(void **state)
{
    test_database *db = *state;
    crowd c = { .engine = test_engine(db, POOL(.pool_size = 3, .max_overflow = 5, .pool_timeout_ms = 2000)) };
    pthread_t threads[40];
    for (int i = 0; i < 40; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit_ten_times, &c), 0);
    for (int i = 0; i < 10 && db->postgresql; i++) {
        assert_true(test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                      "pid <> pg_backend_pid() AND backend_type = 'client backend'") <= 8 + 1);
        test_sleep_ms(100);
    }
    for (int i = 0; i < 40; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c.failures, 0);
    assert_int_equal(c.hasty, 0);
    assert_true(c.timeouts > 0);
    assert_int_equal(c.peak, 8);
    weir_pool_status end = test_pool_status(c.engine);
    assert_int_equal(end.checked_out, 0);
    assert_int_equal(end.checked_in, 3);
    assert_int_equal(end.waiters, 0);
    assert_int_equal(end.connects - end.disconnects, 3);
    weir_engine_close(&c.engine);
}

static void test_case_154_a_slow_stream_holds_its_place(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 200));
    weir_connection *connection = connect_ok(engine);
    weir_error error;
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", WEIR_EXECUTION_OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 15);
    assert_int_equal(test_connect_fails(engine, &error), WEIR_TIMEOUT);
    assert_ids_to_end(result, 16, 100);
    close_result_ok(&result);
    assert_int_equal(test_connect_fails(engine, &error), WEIR_TIMEOUT);      /* its transaction is still open */
    close_connection_ok(&connection);
    connection = connect_ok(engine);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_135_counters_follow_checkouts_and_returns),
        ON_BOTH(test_case_136_the_status_has_a_text),
        ON_BOTH(test_a_session_that_holds_a_connection_is_named_where_it_was_opened),
        ON_BOTH(test_case_137_at_the_limit_a_checkout_times_out_and_names_the_holders),
        ON_BOTH(test_a_timeout_of_zero_does_not_wait),
        ON_BOTH(test_case_138_size_zero_has_no_limit_and_keeps_all),
        ON_BOTH(test_case_139_overflow_is_closed_on_return),
        ON_BOTH(test_case_140_a_failed_connect_gives_its_place_back),
        ON_POSTGRESQL(test_case_141_a_hanging_connect_blocks_nobody),
        ON_POSTGRESQL(test_a_server_that_accepts_and_says_nothing_is_given_up),
        ON_POSTGRESQL(test_a_server_that_falls_silent_after_the_login_is_given_up),
        ON_BOTH(test_case_142_the_longest_idle_first_or_the_last_returned),
        ON_BOTH(test_case_143_old_connections_are_replaced_at_checkout_only),
        ON_POSTGRESQL(test_case_144_a_used_connection_is_pinged_and_replaced_unseen),
        ON_POSTGRESQL(test_case_145_a_server_that_is_down_costs_no_place),
        ON_BOTH(test_case_146_an_open_transaction_ends_as_the_option_says),
        ON_BOTH(test_case_148_a_detached_connection_leaves_its_place),
        ON_BOTH(test_a_waiter_gets_the_place_of_a_detached_connection),
        ON_BOTH(test_case_150_a_second_close_changes_nothing),
        ON_BOTH(test_case_151_forty_threads_share_eight_connections),
        ON_BOTH(test_case_154_a_slow_stream_holds_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
