/* Limits of time that the server and the network set, given by connect_args: told as what they are, never as fewer rows. Those of batches of a
 * stream are in test_postgres_rules.c, of idle transactions in test_backends.c; here also what they mean for streams behind a place. */
#include "trouble.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { ROWS = 12 };
#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define SLOW_BEHIND_6 "SELECT id FROM orders WHERE pg_sleep(CASE WHEN id > 6 AND id < 10 THEN 0.4 ELSE 0 END) IS NOT NULL"
#define BATCH(n) WEIR_EXECUTION_OPTIONS(.yield_per = (n))

static weir_connection *connect_with(test_database *db, weir_engine **engine, const char *const *arguments)
{
    *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = arguments));
    weir_connection *connection = connect_ok(*engine);
    assert_int_equal(weir_connection_options(connection, WEIR_EXECUTION_OPTIONS(.read_only = WEIR_ON)), WEIR_OK);
    return connection;
}

static void close_both(weir_connection **connection, weir_engine **engine)
{
    (void)!weir_connection_close(connection);
    weir_engine_close(engine);
}

static weir_checkpoint *new_checkpoint(weir_engine *engine, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_checkpoint *checkpoint = weir_checkpoint_new(engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    weir_stmt_free(&stmt);
    assert_error(weir_checkpoint_error(checkpoint), WEIR_OK);
    return checkpoint;
}

/* Reads on, one row after the other, until it ends; gives the last one's id. */
static int64_t read_on(weir_resume *stream, int64_t from)
{
    for (const weir_partition *p; (p = weir_resume_fetchmany(stream, 0)) != NULL; ) {
        for (size_t i = 0; i < p->count; i++)
            assert_int_equal(weir_row_int64_at(p->rows[i], 0), ++from);
        assert_int_equal(weir_resume_ack(stream, p->count), WEIR_OK);
    }
    return from;
}

/* A batch beyond statement_timeout ends the stream in that error, also when connections may be replaced: none was lost. */
static void test_a_cancelled_batch_is_an_error_and_its_place_is_kept(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_engine *engine;
    weir_connection *connection = connect_with(db, &engine, ARGS("statement_timeout", "200", "enable_seqscan", "off", "enable_sort", "off"));
    weir_checkpoint *checkpoint = new_checkpoint(engine, SLOW_BEHIND_6);
    weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.retry = 3, .delay_ms = 1, .execution = BATCH(2)));
    int64_t seen = read_on(stream, 0);
    assert_in_range(seen, 5, 6);
    const weir_error *error = weir_resume_error(stream);
    assert_int_equal(error->status, WEIR_QUERY_CANCELED);
    assert_string_equal(error->sqlstate, "57014");
    assert_false(error->disconnect);
    assert_int_equal(weir_resume_reconnects(stream), 0);
    assert_int_equal(weir_resume_close(&stream), WEIR_QUERY_CANCELED);
    assert_int_equal(weir_connection_rollback(connection), WEIR_OK);
    close_both(&connection, &engine);
    /* With more time the rest comes, and only that. */
    connection = connect_with(db, &engine, ARGS("statement_timeout", "20s"));
    stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = BATCH(2)));
    assert_int_equal(read_on(stream, seen), ROWS);
    assert_int_equal(weir_resume_close(&stream), WEIR_OK);
    weir_checkpoint_free(&checkpoint);
    close_both(&connection, &engine);
}

/* Short batches pass however long all of them take. */
static void test_short_batches_pass(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_engine *engine;
    weir_connection *connection = connect_with(db, &engine, ARGS("statement_timeout", "400", "enable_seqscan", "off", "enable_sort", "off"));
    weir_checkpoint *checkpoint = new_checkpoint(engine, "SELECT id FROM orders WHERE pg_sleep(0.05) IS NOT NULL");
    weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = BATCH(2)));
    assert_int_equal(read_on(stream, 0), ROWS);
    assert_int_equal(weir_resume_close(&stream), WEIR_OK);
    weir_checkpoint_free(&checkpoint);
    close_both(&connection, &engine);
}

static void wait_until_gone(test_database *db, int pid)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", pid);
    while (test_side_int(db, sql) > 0)
        test_sleep_ms(10);
}

/* A slow consumer whose transaction the server ends loses its connection: that is replaced where it may be. */
static void test_an_idle_transaction_that_the_server_ends_is_replaced(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    for (int retry = 0; retry < 2; retry++) {
        weir_engine *engine;
        weir_connection *connection = connect_with(db, &engine, NULL);
        run_ok(connection, "SET idle_in_transaction_session_timeout = 50");        /* of this connection, not of the one in its place */
        assert_status(weir_connection_commit(connection), WEIR_OK);
        int pid = weir_connection_backend_pid(connection);
        weir_checkpoint *checkpoint = new_checkpoint(engine, "SELECT id FROM orders");
        weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.retry = retry, .delay_ms = 1, .execution = BATCH(3)));
        const weir_partition *p = weir_resume_fetchmany(stream, 0);
        int64_t seen = (int64_t)p->count;
        assert_int_equal(weir_resume_ack(stream, p->count), WEIR_OK);
        wait_until_gone(db, pid);
        seen = read_on(stream, seen);
        assert_int_equal(weir_resume_reconnects(stream), retry);
        assert_true(retry ? seen == ROWS : seen < ROWS);
        assert_string_equal(weir_resume_error(stream)->sqlstate, retry ? "" : "25P03");
        int status = weir_resume_error(stream)->status;
        assert_int_equal(weir_resume_close(&stream), status);
        weir_checkpoint_free(&checkpoint);
        close_both(&connection, &engine);
    }
}

static void test_a_lock_that_is_not_given_in_time_is_an_error(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_connection *holder = connect_ok(db->engine);
    assert_true(weir_connection_run(holder, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE") >= 0);
    weir_engine *engine;
    weir_connection *connection = connect_with(db, &engine, ARGS("lock_timeout", "100"));
    int64_t began = test_now_ms();
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", BATCH(3));
    assert_null(weir_result_next(result));
    assert_string_equal(weir_result_error(result)->sqlstate, "55P03");
    assert_status(weir_result_error(result)->status, WEIR_OPERATIONAL);
    assert_false(weir_result_error(result)->disconnect);
    assert_in_range(test_now_ms() - began, 90, 5000);
    (void)!weir_result_close(&result);
    assert_int_equal(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&holder);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), ROWS);
    close_both(&connection, &engine);
}

/* The socket of a new connection, found by what the kernel knows of it. */
static int socket_with_idle_time(int seconds)
{
    for (int fd = 3; fd < 200; fd++) {
        int value = 0, on = 0;
        socklen_t length = sizeof value;
        if (getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &length) == 0 && value == seconds &&
            getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length) == 0 && on)
            return fd;
    }
    return -1;
}

static void test_keepalives_reach_the_socket(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, WEIR_ENGINE_OPTIONS(.connect_args = ARGS(
        "keepalives_idle", "37", "keepalives_interval", "7", "keepalives_count", "3", "tcp_user_timeout", "41000")));
    weir_connection *connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    int fd = socket_with_idle_time(37), value = 0;
    assert_true(fd >= 0);
    static const struct { int option, value; } wanted[] = { { TCP_KEEPINTVL, 7 }, { TCP_KEEPCNT, 3 }, { TCP_USER_TIMEOUT, 41000 } };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        socklen_t length = sizeof value;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, wanted[i].option, &value, &length), 0);
        assert_int_equal(value, wanted[i].value);
    }
    close_both(&connection, &engine);
    test_proxy_stop(&proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_cancelled_batch_is_an_error_and_its_place_is_kept),
        ON_POSTGRESQL(test_short_batches_pass),
        ON_POSTGRESQL(test_an_idle_transaction_that_the_server_ends_is_replaced),
        ON_POSTGRESQL(test_a_lock_that_is_not_given_in_time_is_an_error),
        ON_POSTGRESQL(test_keepalives_reach_the_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
