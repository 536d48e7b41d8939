/* Networks that cut, stall, delay and dribble: a stream gives the right rows or says what happened, in time, and nothing else. */
#include "trouble.h"
#include <stdio.h>
#include <string.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define ROWS 60
#define QUERY "SELECT id, repeat('x', id) AS text FROM generate_series(1, 60) AS id ORDER BY id"

/* What came of one session: rows that came in order, and the error that ended it. */
typedef struct outcome { int64_t rows; int status; bool disconnect, complete; } outcome;

/* The connection went after the last row, with the close of the portal: the transaction is lost, and COMMIT says so and why. */
static bool lost_before(const weir_connection *connection)
{
    const weir_error *error = weir_connection_error(connection);
    return error->status == WEIR_PENDING_ROLLBACK && error->detail[0];
}

/* Connects, streams the query, commits. Rows must be right whatever happens; `complete` only when all came. */
static outcome run_session(weir_engine *engine, const weir_execution_options *options)
{
    outcome o = { 0 };
    weir_connection *connection = weir_engine_connect(engine);
    o.status = weir_connection_error(connection)->status;
    o.disconnect = true;
    if (o.status == WEIR_OK) {
        weir_result *result = test_query(connection, QUERY, options);
        for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
            o.rows++;
            assert_int_equal(weir_row_int64_at(row, 0), o.rows);
            assert_int_equal(weir_row_text_at(row, 1).len, o.rows);
        }
        o.status = weir_result_error(result)->status;
        o.disconnect = weir_result_error(result)->disconnect;
        o.complete = o.status == WEIR_OK;
        assert_int_equal(weir_result_close(&result), o.status);
        if (o.status == WEIR_OK && (o.status = weir_connection_commit(connection)) != WEIR_OK)
            o.disconnect = weir_connection_error(connection)->disconnect || lost_before(connection);
    }
    int closed = weir_connection_close(&connection);
    assert_true(closed == WEIR_OK || closed == o.status);
    return o;
}

/* Either all rows and no error, or an error that says that the connection is gone. */
static void assert_right_or_told(outcome o, int64_t at)
{
    bool fine = o.status == WEIR_OK ? o.complete && o.rows == ROWS
                                    : o.disconnect && (!o.complete || o.rows == ROWS) &&
                                      (weir_status_is(o.status, WEIR_OPERATIONAL) ||
                                       (o.complete && o.status == WEIR_PENDING_ROLLBACK));
    if (!fine)
        fail_msg("fault at %lld: %s after %lld rows, %s", (long long)at, weir_status_name(o.status), (long long)o.rows,
                 o.disconnect ? "disconnected" : "not disconnected");
}

static const weir_execution_options *modes[] = {
    &(const weir_execution_options){ .struct_size = sizeof(weir_execution_options), .yield_per = 7 },
    &(const weir_execution_options){ .struct_size = sizeof(weir_execution_options), .yield_per = 7, .prefetch = WEIR_OFF },
    &(const weir_execution_options){ .struct_size = sizeof(weir_execution_options), .yield_per = 7,
                                     .cursor_mode = WEIR_CURSOR_DECLARE },
    &(const weir_execution_options){ .struct_size = sizeof(weir_execution_options) },
};
enum { MODES = sizeof modes / sizeof *modes };

/* How many bytes each side sends in a session that nothing disturbs. */
static void measure(test_proxy *proxy, weir_engine *engine, const weir_execution_options *options, int64_t *server, int64_t *client)
{
    test_proxy_set(proxy, (test_fault){ 0 });
    outcome o = run_session(engine, options);
    assert_int_equal(o.status, WEIR_OK);
    assert_int_equal(o.rows, ROWS);
    *server = test_proxy_bytes(proxy);
    *client = test_proxy_bytes_sent(proxy);
    weir_engine_dispose(engine);
}

static void cut_everywhere(test_database *db, const char *url, int64_t step, int until_ms)
{
    test_proxy *proxy = test_proxy_start(url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.pool_size = 1, .read_timeout_ms = 8000, .connect_timeout_ms = 8000));
    int64_t server, client, begin = test_now_ms();
    for (int mode = 0; mode < MODES; mode++) {
        measure(proxy, engine, modes[mode], &server, &client);
        assert_true(server > 1500);
        /* Each mode begins at another byte, so that together they meet more of them. */
        for (int64_t at = 1 + mode; at < server && test_now_ms() - begin < until_ms * (mode + 1) / MODES; at += step) {
            test_proxy_set(proxy, (test_fault){ .cut_after = at, .reset = at % 2 });
            assert_right_or_told(run_session(engine, modes[mode]), at);
            assert_int_equal(test_pool_status(engine).checked_out, 0);
            weir_engine_dispose(engine);
        }
        for (int64_t at = 1 + mode; at < client; at += step * 2 + 1) {
            test_proxy_set(proxy, (test_fault){ .cut_after_sent = at, .reset = at % 2 });
            assert_right_or_told(run_session(engine, modes[mode]), at);
            weir_engine_dispose(engine);
        }
    }
    test_proxy_set(proxy, (test_fault){ 0 });
    assert_int_equal(run_session(engine, modes[0]).status, WEIR_OK);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void test_a_connection_cut_after_any_byte_gives_right_rows_or_an_error(void **state)
{
    test_database *db = *state;
    cut_everywhere(db, db->url, 5, 13000);
}

static void test_a_connection_cut_under_tls_gives_right_rows_or_an_error(void **state)
{
    cut_everywhere(*state, test_environment("WEIR_TEST_PG_TLS"), 131, 7000);
}

/* Streams on, byte by byte: every message is met in every state of half. */
static void read_dribbling(test_database *db, test_proxy *proxy)
{
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.pool_size = 1));
    test_proxy_set(proxy, (test_fault){ .single_bytes = true });
    for (int mode = 0; mode < MODES; mode++) {
        outcome o = run_session(engine, modes[mode]);
        assert_int_equal(o.status, WEIR_OK);
        assert_int_equal(o.rows, ROWS);
    }
    weir_engine_close(&engine);
}

static void test_bytes_that_come_one_by_one_make_the_same_rows(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_UNIX);
    read_dribbling(db, proxy);
    test_proxy_stop(&proxy);
}

/* Rows larger than any buffer, and the bulk path, in portions of a network. */
static void test_large_rows_and_batches_come_in_any_portions(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    test_proxy_set(proxy, (test_fault){ .delay_ms = 1 });
    weir_connection *connection = connect_ok(engine);
    weir_result *result = test_query(connection, "SELECT id, repeat(md5(id::text), 20000) "
                                     "FROM generate_series(1, 6) AS id ORDER BY id", OPTIONS(.yield_per = 2));
    for (int64_t id = 1; id <= 6; id++) {
        const weir_row *row = weir_result_next(result);
        assert_non_null(row);
        assert_int_equal(weir_row_int64_at(row, 0), id);
        assert_int_equal(weir_row_text_at(row, 1).len, 640000);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    result = test_query(connection, "SELECT id FROM generate_series(1, 20000) AS id ORDER BY id", OPTIONS(.yield_per = 5000));
    assert_ids_to_end(result, 1, 20000);
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* What follows a large batch is small: nobody may wait for more bytes than will come. */
static void test_a_stream_left_with_a_batch_in_flight_ends_at_once(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 5000));
    weir_connection *connection = connect_ok(engine);
    for (int64_t rows = 2000; rows <= 40000; rows += 1450) {
        test_proxy_set(proxy, (test_fault){ .delay_ms = (int)(rows / 50 % 3) });
        int64_t before = test_now_ms();
        weir_result *result = test_query(connection, "SELECT id FROM generate_series(1, 90000) AS id ORDER BY id",
                                         OPTIONS(.yield_per = rows));
        assert_next_ids(result, 1, rows + 1);
        assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
        close_result_ok(&result);
        assert_int_equal(test_query_int(connection, "SELECT 2"), 2);
        assert_true(test_now_ms() - before < 4000);
    }
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void cut_giant(test_database *db, test_proxy *proxy, weir_engine *engine, int64_t at)
{
    (void)db;
    test_proxy_set(proxy, (test_fault){ 0 });
    weir_connection *connection = connect_ok(engine);
    run_ok(connection, "SELECT 1");
    test_proxy_set(proxy, (test_fault){ .cut_after = at, .reset = true });
    weir_result *result = test_query(connection, "SELECT id, repeat('y', 300000) FROM generate_series(1, 4) AS id ORDER BY id",
                                     OPTIONS(.yield_per = 1));
    int64_t rows = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++)
        assert_int_equal(weir_row_text_at(row, 1).len, 300000);
    assert_true(rows < 4);
    assert_error(weir_result_error(result), WEIR_OPERATIONAL);
    assert_true(weir_result_error(result)->disconnect);
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_connection_close(&connection), WEIR_OK);
}

static void test_a_connection_cut_inside_a_giant_row_leaves_nothing_behind(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    for (int64_t at = 1000; at < 1200000; at += 97001)
        cut_giant(db, proxy, engine, at);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void stall_here_and_there(test_database *db, const char *url, int64_t step)
{
    test_proxy *proxy = test_proxy_start(url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.pool_size = 1, .read_timeout_ms = 300, .connect_timeout_ms = 2000));
    int64_t server, client, whole;
    measure(proxy, engine, modes[0], &whole, &client);
    weir_connection *connection = connect_ok(engine);   /* what the connect takes is measured apart: its time-out is longer */
    test_proxy_set(proxy, (test_fault){ 0 });
    close_connection_ok(&connection);
    assert_int_equal(run_session(engine, modes[0]).status, WEIR_OK);
    server = test_proxy_bytes(proxy);
    assert_true(server < whole);
    for (int64_t at = 1; at < server; at += step) {
        test_proxy_set(proxy, (test_fault){ 0 });
        weir_engine_dispose(engine);
        connection = connect_ok(engine);
        close_connection_ok(&connection);
        test_proxy_set(proxy, (test_fault){ .stall_after = at });
        int64_t before = test_now_ms();
        outcome o = run_session(engine, modes[0]);
        assert_true(test_now_ms() - before < 5000);
        assert_right_or_told(o, at);
        assert_int_equal(o.status, WEIR_DEADLINE_EXCEEDED);
    }
    test_proxy_set(proxy, (test_fault){ 0 });
    assert_int_equal(run_session(engine, modes[0]).status, WEIR_OK);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void test_a_connection_that_stalls_meets_its_deadline(void **state)
{
    test_database *db = *state;
    stall_here_and_there(db, db->url, 211);
}

static void test_a_connection_that_stalls_under_tls_meets_its_deadline(void **state)
{
    stall_here_and_there(*state, test_environment("WEIR_TEST_PG_TLS"), 433);
}

/* Time that passes while rows come is no stall. */
static void test_a_slow_network_is_no_stalled_one(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 400));
    weir_connection *connection = connect_ok(engine);
    test_proxy_set(proxy, (test_fault){ .delay_ms = 60 });
    int64_t before = test_now_ms();
    weir_result *result = test_query(connection, "SELECT id FROM generate_series(1, 100) AS id ORDER BY id", OPTIONS(.yield_per = 5));
    assert_ids_to_end(result, 1, 100);
    assert_true(test_now_ms() - before > 400);
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_connection_cut_after_any_byte_gives_right_rows_or_an_error),
        ON_POSTGRESQL(test_a_connection_cut_under_tls_gives_right_rows_or_an_error),
        ON_POSTGRESQL(test_bytes_that_come_one_by_one_make_the_same_rows),
        ON_POSTGRESQL(test_large_rows_and_batches_come_in_any_portions),
        ON_POSTGRESQL(test_a_stream_left_with_a_batch_in_flight_ends_at_once),
        ON_POSTGRESQL(test_a_connection_cut_inside_a_giant_row_leaves_nothing_behind),
        ON_POSTGRESQL(test_a_connection_that_stalls_meets_its_deadline),
        ON_POSTGRESQL(test_a_connection_that_stalls_under_tls_meets_its_deadline),
        ON_POSTGRESQL(test_a_slow_network_is_no_stalled_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
