/* Ending waits early: tasks that are cancelled and deadlines that pass, in each phase of a call, in a task and in a thread; and what
 * is left afterwards: a connection that is clean or replaced, nothing lost or doubled. */
#include "trouble.h"
#include "support_task.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) SELECT count(*) FROM n"
#define MILLIONS "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 50000000) SELECT id FROM n"

/* ---- a task that cancels another one after a while ---------------------------------------------------------------------------- */

typedef struct scene {
    test_database   *db;
    weir_loop       *loop;
    weir_engine     *engine;
    weir_task       *victim;
    weir_connection *connection;
    int              after_ms;
    const char      *sql;
    const weir_execution_options *options;
    test_proxy      *proxy;
    int              ended;
    bool             ready;             /* what is to be cancelled begins now */
} scene;

static int cancel_victim(void *argument)
{
    scene *s = argument;
    while (!s->ready)
        weir_sleep(2);
    weir_sleep(s->after_ms);
    weir_task_cancel(s->victim);
    return WEIR_OK;
}

static void spawn(weir_loop *loop, int (*run)(void *), void *argument)
{
    weir_task *task = weir_task_spawn(loop, run, argument);
    weir_task_detach(&task);
}

static scene *current;
static int (*current_body)(void *scene);

static int play_victim(void *argument)
{
    scene *s = argument;
    if (s->after_ms > 0)
        spawn(s->loop, cancel_victim, s);
    return current_body(s);
}

static void begin_scene(weir_loop *loop, void *argument)
{
    scene *s = argument;
    s->loop = loop;
    s->victim = weir_task_spawn(loop, play_victim, s);
}

/* Runs the body in a task that is cancelled after s->after_ms, if that is not 0. */
static int perform(scene *s, int (*body)(void *scene))
{
    if (!s->engine)
        s->engine = s->db->engine;
    current = s;
    current_body = body;
    s->ended = 0;
    s->ready = false;
    int ticks = run_on_loop(begin_scene, s);
    int result = WEIR_ERROR;
    assert_status(weir_task_join(&s->victim, &result), WEIR_OK);
    assert_status(result, WEIR_OK);
    assert_int_equal(s->ended, 1);
    return ticks;
}

static int end(scene *s)
{
    s->ended++;
    return WEIR_OK;
}

static void assert_nobody_is_out(test_database *db)
{
    assert_int_equal(test_pool_status(db->engine).checked_out, 0);
    if (db->postgresql)
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                           "pid <> pg_backend_pid() AND state <> 'idle'"), 0);
}

static void assert_usable_again(weir_connection *connection)
{
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 5"), 5);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
}

/* ---- queries -------------------------------------------------------------------------------------------------------------------- */

static int run_query(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    int64_t before = test_now_ms();
    s->ready = true;
    weir_result *result = test_query(connection, s->sql, s->options);
    while (weir_result_next(result)) {}
    int64_t took = test_now_ms() - before;
    assert_error(weir_result_error(result), WEIR_CANCELLED);
    assert_contains(weir_result_error(result)->message, "cancelled by weir_task_cancel");
    assert_false(weir_result_error(result)->disconnect);
    assert_in_range(took, 100, 2200);
    assert_status(weir_result_close(&result), WEIR_CANCELLED);
    assert_true(weir_task_cancelled());
    if (s->db->postgresql)
        assert_true(weir_connection_in_transaction(connection));
    assert_usable_again(connection);
    close_connection_ok(&connection);
    connection = connect_ok(s->engine);         /* a late cancel hits nobody */
    for (int i = 0; i < 3; i++)
        assert_int_equal(test_query_int(connection, "SELECT 6"), 6);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_query_that_runs_is_cancelled(void **state)
{
    test_database *db = *state;
    const weir_execution_options *options[] = { NULL, OPTIONS(.yield_per = 10), OPTIONS(.stream_results = WEIR_ON) };
    for (size_t i = 0; i < 3; i++) {
        scene s = { .db = db, .after_ms = 150, .sql = ENDLESS, .options = options[i] };
        assert_true(perform(&s, run_query) > 10);
    }
    if (db->postgresql) {
        scene s = { .db = db, .after_ms = 150, .sql = "SELECT pg_sleep(30)" };
        assert_true(perform(&s, run_query) > 10);
    }
    assert_nobody_is_out(db);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
}

static void test_a_long_fetch_is_cancelled(void **state)
{
    test_database *db = *state;
    const weir_execution_options *options[] = {
        OPTIONS(.yield_per = 100000), OPTIONS(.yield_per = 10), OPTIONS(.yield_per = 1000, .prefetch = WEIR_OFF), NULL,
    };
    for (size_t i = 0; i < 4; i++) {
        scene s = { .db = db, .after_ms = 200, .sql = MILLIONS, .options = options[i] };
        assert_true(perform(&s, run_query) > 10);
    }
    assert_nobody_is_out(db);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
}

/* Between two batches nothing waits: the next wait is cancelled, with the batch that is in flight. */
static int cancel_between_batches(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", s->options);
    assert_next_ids(result, 1, 10);
    weir_task_cancel(s->victim);
    int64_t id = 10;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
        assert_int_equal(weir_row_int64_at(row, 0), ++id);
    int status = weir_result_error(result)->status;
    assert_true(status == WEIR_CANCELLED || (status == WEIR_OK && id == 1000));
    assert_int_equal(weir_result_close(&result), status);
    if (status == WEIR_OK)              /* whatever was asked for was there at once: no wait, and no cancel, so far */
        assert_status(weir_sleep(10), WEIR_CANCELLED);
    assert_usable_again(connection);
    result = test_query(connection, "SELECT id FROM orders ORDER BY id", s->options);
    assert_ids_to_end(result, 1, 1000);
    close_result_ok(&result);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_cancel_between_batches_meets_the_next(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    const weir_execution_options *options[] = { OPTIONS(.yield_per = 10), OPTIONS(.yield_per = 10, .prefetch = WEIR_OFF),
                                                OPTIONS(.yield_per = 10, .cursor_mode = WEIR_CURSOR_DECLARE) };
    for (size_t i = 0; i < 3; i++) {
        scene s = { .db = db, .options = options[i] };
        perform(&s, cancel_between_batches);
    }
    assert_nobody_is_out(db);
}

/* A batch that takes long is on its way while the program works; then the close is cancelled. */
static int close_with_slow_batch(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    weir_result *result = test_query(connection, "SELECT id, CASE WHEN id > 15 THEN pg_sleep(20)::text END FROM orders ORDER BY id",
                                     OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 3);
    int64_t before = test_now_ms();
    s->ready = true;
    assert_status(weir_result_close(&result), WEIR_OK);
    assert_in_range(test_now_ms() - before, 100, 2500);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_sleep(10), WEIR_CANCELLED);
    assert_usable_again(connection);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_close_that_is_cancelled_still_closes(void **state)
{
    scene s = { .db = *state, .after_ms = 250 };
    test_fixture(s.db, 100);
    perform(&s, close_with_slow_batch);
    assert_nobody_is_out(s.db);
    assert_int_equal(test_pool_status(s.db->engine).connects, 1);
}

/* ---- what ends something, and tells nobody ------------------------------------------------------------------------------------------- */

/* The cancel came between two calls. One that did its work says so, and the wait behind it is told; each time once. */
static int assert_told_once(int status)
{
    if (status == WEIR_OK)
        assert_status(weir_sleep(10), WEIR_CANCELLED);
    else
        assert_status(status, WEIR_CANCELLED);
    assert_status(weir_sleep(1), WEIR_OK);
    return status;
}

static void cancel_here(void) { weir_task_cancel(weir_task_current()); }

static int cancel_before_ends(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", s->options);
    assert_next_ids(result, 1, 20);
    cancel_here();                              /* every row is here: what is left is to see that, and to close the portal */
    assert_null(weir_result_next(result));
    if (assert_told_once(weir_result_close(&result)) != WEIR_OK)
        assert_usable_again(connection);

    result = test_query(connection, "SELECT id FROM orders ORDER BY id", s->options);
    assert_next_ids(result, 1, 1);
    cancel_here();
    assert_status(assert_told_once(weir_result_close(&result)), WEIR_OK);

    run_ok(connection, "INSERT INTO orders(id) VALUES (21)");
    cancel_here();
    int status = assert_told_once(weir_connection_commit(connection));
    assert_usable_again(connection);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), status == WEIR_OK ? 21 : 20);
    run_ok(connection, "DELETE FROM orders WHERE id = 21");
    assert_status(weir_connection_commit(connection), WEIR_OK);

    run_ok(connection, "INSERT INTO orders(id) VALUES (22)");
    cancel_here();
    assert_status(assert_told_once(weir_connection_rollback(connection)), WEIR_OK);

    run_ok(connection, "INSERT INTO orders(id) VALUES (22)");
    cancel_here();                              /* rolled back on its way to the pool, and kept there */
    assert_status(assert_told_once(weir_connection_close(&connection)), WEIR_OK);
    connection = connect_ok(s->engine);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 20);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_cancel_that_meets_an_end_is_told_by_the_next_wait(void **state)
{
    test_database *db = *state;
    const weir_execution_options *options[] = { OPTIONS(.yield_per = 20), OPTIONS(.yield_per = 10), OPTIONS(.yield_per = 20, .prefetch = WEIR_OFF),
                                                OPTIONS(.yield_per = 50), OPTIONS(.yield_per = 20, .cursor_mode = WEIR_CURSOR_DECLARE) };
    test_side_run(db, "CREATE TABLE orders(id integer PRIMARY KEY)");
    test_side_run(db, "INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT i FROM n");
    for (size_t i = 0; i < 5; i++) {
        scene s = { .db = db, .options = options[i] };
        perform(&s, cancel_before_ends);
    }
    assert_nobody_is_out(db);
    assert_int_equal(test_pool_status(db->engine).connects, 1);
}

/* ---- COMMIT ----------------------------------------------------------------------------------------------------------------------- */

static int commit_slowly(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    run_ok(connection, "INSERT INTO t VALUES (1)");
    int64_t before = test_now_ms();
    s->ready = true;
    assert_status(weir_connection_commit(connection), WEIR_CANCELLED);
    assert_in_range(test_now_ms() - before, 50, 2200);
    assert_contains(weir_connection_error(connection)->message, "cancelled by weir_task_cancel");
    assert_false(weir_connection_error(connection)->disconnect);
    assert_usable_again(connection);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM t"), 0);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_commit_is_cancelled(void **state)
{
    scene s = { .db = *state, .after_ms = 200 };
    test_side_run(s.db, "CREATE TABLE t(id integer)");
    if (s.db->postgresql) {
        test_side_run(s.db, "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN NULL; END'");
        test_side_run(s.db, "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()");
        perform(&s, commit_slowly);
    } else {                            /* a reader keeps the COMMIT waiting */
        weir_engine *other = test_engine(s.db, NULL);
        weir_connection *reader = connect_ok(other);
        weir_result *reading = test_query(reader, "SELECT 1 FROM t UNION ALL SELECT 2", OPTIONS(.yield_per = 1));
        assert_non_null(weir_result_next(reading));
        perform(&s, commit_slowly);
        close_result_ok(&reading);
        close_connection_ok(&reader);
        weir_engine_close(&other);
    }
    assert_nobody_is_out(s.db);
}

/* ---- dialling ----------------------------------------------------------------------------------------------------------------------- */

static int dial_a_mute_server(void *argument)
{
    scene *s = argument;
    int64_t before = test_now_ms();
    s->ready = true;
    weir_connection *connection = weir_engine_connect(s->engine);
    assert_error(weir_connection_error(connection), WEIR_CANCELLED);
    assert_in_range(test_now_ms() - before, 100, 1000);
    assert_status(weir_connection_close(&connection), WEIR_CANCELLED);
    assert_pool(s->engine, 5, 0, -5, 0);
    test_proxy_set(s->proxy, (test_fault){ 0 });
    connection = connect_ok(s->engine);
    assert_int_equal(test_query_int(connection, "SELECT 5"), 5);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_dial_is_cancelled(void **state)
{
    scene s = { .db = *state, .after_ms = 150 };
    test_fault faults[] = { { .mute = true }, { .stall = true } };
    for (int i = 0; i < 2; i++) {
        s.proxy = test_proxy_start(s.db->url, TEST_PROXY_TCP);
        s.engine = test_proxied_engine(s.db, s.proxy, NULL);
        test_proxy_set(s.proxy, faults[i]);
        assert_true(perform(&s, dial_a_mute_server) > 10);
        weir_engine_close(&s.engine);
        test_proxy_stop(&s.proxy);
    }
}

/* ---- a server that does not answer -------------------------------------------------------------------------------------------------- */

static int stall_in_a_query(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    run_ok(connection, "SELECT 1");
    test_proxy_set(s->proxy, (test_fault){ .stall = true });
    int64_t before = test_now_ms();
    s->ready = true;
    assert_status((int)weir_connection_run(connection, "SELECT pg_sleep(0)"), s->after_ms ? WEIR_CANCELLED : WEIR_DEADLINE_EXCEEDED);
    assert_in_range(test_now_ms() - before, 1900, 3500);
    assert_true(weir_connection_error(connection)->disconnect);
    assert_contains(weir_connection_error(connection)->message, "the server did not answer and the connection was given up");
    assert_true(weir_connection_invalidated(connection));
    test_proxy_set(s->proxy, (test_fault){ 0 });
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_PENDING_ROLLBACK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
    assert_pool(s->engine, 5, 1, -4, 0);
    return end(s);
}

static void test_a_server_that_stalls_is_given_up(void **state)
{
    for (int world = 0; world < 3; world++) {   /* cancelled in a task; a time-out in a task, in a thread */
        scene s = { .db = *state, .after_ms = world ? 0 : 200 };
        s.proxy = test_proxy_start(s.db->url, TEST_PROXY_TCP);
        s.engine = test_proxied_engine(s.db, s.proxy, world ? POOL(.execution_options = OPTIONS(.timeout_ms = 200)) : NULL);
        if (world < 2)
            assert_true(perform(&s, stall_in_a_query) > 100);
        else
            assert_int_equal(stall_in_a_query(&s), WEIR_OK);
        weir_engine_close(&s.engine);
        test_proxy_stop(&s.proxy);
    }
}

/* ---- the pool -------------------------------------------------------------------------------------------------------------------------- */

static int wait_in_the_pool(void *argument)
{
    scene *s = argument;
    int64_t before = test_now_ms();
    s->ready = true;
    weir_connection *connection = weir_engine_connect(s->engine);
    assert_error(weir_connection_error(connection), WEIR_CANCELLED);
    assert_in_range(test_now_ms() - before, 50, 1000);
    assert_status(weir_connection_close(&connection), WEIR_CANCELLED);
    assert_int_equal(test_pool_status(s->engine).waiters, 0);
    close_connection_ok(&s->connection);
    connection = connect_ok(s->engine);
    close_connection_ok(&connection);
    return end(s);
}

static void test_waiting_in_the_pool_is_cancelled(void **state)
{
    scene s = { .db = *state, .after_ms = 100 };
    s.engine = test_engine(s.db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO));
    s.connection = connect_ok(s.engine);
    perform(&s, wait_in_the_pool);
    assert_pool(s.engine, 1, 1, 0, 0);
    weir_engine_close(&s.engine);
}

/* Cancelled at the very moment at which it is given a connection, or a place to make one: it may still get it, and whoever is next in
 * line gets it then. */
static int next_in_line(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    close_connection_ok(&connection);
    return end(s);
}

static int first_in_line(void *argument)
{
    weir_connection *connection = weir_engine_connect(((scene *)argument)->engine);
    int status = weir_connection_error(connection)->status;
    assert_true(status == WEIR_OK || status == WEIR_CANCELLED);
    assert_int_equal(weir_connection_close(&connection), status);
    assert_true(weir_task_cancelled());
    return WEIR_OK;
}

static int give_and_cancel(void *argument)
{
    scene *s = argument;
    weir_task *first = weir_task_spawn(s->loop, first_in_line, s);
    spawn(s->loop, next_in_line, s);
    weir_sleep(50);
    assert_int_equal(test_pool_status(s->engine).waiters, 2);
    if (s->options)                     /* a place, not a connection */
        assert_status(weir_connection_detach(s->connection), WEIR_OK);
    else
        close_connection_ok(&s->connection);
    weir_task_cancel(first);
    int result = 1;
    assert_status(weir_task_join(&first, &result), WEIR_OK);
    assert_int_equal(result, WEIR_OK);
    if (s->connection)
        close_connection_ok(&s->connection);
    return WEIR_OK;
}

static void test_what_a_cancelled_waiter_was_given_is_passed_on(void **state)
{
    for (int place = 0; place < 2; place++) {
        scene s = { .db = *state, .options = place ? OPTIONS(.timeout_ms = 1) : NULL };
        s.engine = test_engine(s.db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO));
        s.connection = connect_ok(s.engine);
        perform(&s, give_and_cancel);
        assert_pool(s.engine, 1, 1, 0, 0);
        weir_engine_close(&s.engine);
    }
}

/* ---- locks -------------------------------------------------------------------------------------------------------------------------------- */

static int wait_for_a_lock(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    int64_t before = test_now_ms();
    s->ready = true;
    int wanted = s->after_ms ? WEIR_CANCELLED : WEIR_DEADLINE_EXCEEDED;
    assert_status((int)weir_connection_run(connection, "UPDATE t SET id = 3"), wanted);
    assert_in_range(test_now_ms() - before, 100, 2600);
    assert_false(weir_connection_error(connection)->disconnect);
    assert_usable_again(connection);
    close_connection_ok(&connection);
    return end(s);
}

static void test_waiting_for_a_lock_is_ended(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(id integer)");
    test_side_run(db, "INSERT INTO t VALUES (1)");
    const char *const twenty_seconds[] = { "busy_timeout", "20000", NULL };
    for (int world = 0; world < 3; world++) {
        scene s = { .db = db, .after_ms = world ? 0 : 200 };
        s.engine = test_engine(db, POOL(.connect_args = db->postgresql ? NULL : twenty_seconds,
                                        .execution_options = world ? OPTIONS(.timeout_ms = 200) : NULL));
        weir_connection *holder = connect_ok(db->engine);
        run_ok(holder, "UPDATE t SET id = 2");
        if (world < 2)
            assert_true(perform(&s, wait_for_a_lock) > 10);
        else
            assert_int_equal(wait_for_a_lock(&s), WEIR_OK);
        assert_status(weir_connection_rollback(holder), WEIR_OK);
        close_connection_ok(&holder);
        assert_pool(s.engine, 5, 1, -4, 0);
        weir_engine_close(&s.engine);
    }
    assert_int_equal(test_side_int(db, "SELECT id FROM t"), 1);
}

/* ---- time-outs -------------------------------------------------------------------------------------------------------------------------------- */

static void in_both_worlds(scene *s, int (*body)(void *scene))
{
    s->engine = s->engine ? s->engine : s->db->engine;
    s->ended = 0;
    assert_int_equal(body(s), WEIR_OK);
    perform(s, body);
}

static void assert_timed_out(weir_connection *connection, const char *sql, const weir_execution_options *options)
{
    int64_t before = test_now_ms();
    weir_result *result = test_query(connection, sql, options);
    while (weir_result_next(result)) {}
    assert_error(weir_result_error(result), WEIR_DEADLINE_EXCEEDED);
    assert_contains(weir_result_error(result)->message, "the statement's timeout_ms passed");
    assert_false(weir_result_error(result)->disconnect);
    assert_in_range(test_now_ms() - before, 150, 2200);
    assert_status(weir_result_close(&result), WEIR_DEADLINE_EXCEEDED);
    assert_usable_again(connection);
}

static int time_out(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    assert_timed_out(connection, ENDLESS, OPTIONS(.timeout_ms = 200));
    assert_timed_out(connection, ENDLESS, OPTIONS(.timeout_ms = 200, .yield_per = 10));
    assert_timed_out(connection, MILLIONS, OPTIONS(.timeout_ms = 200));
    weir_connection_options(connection, OPTIONS(.timeout_ms = 200));
    assert_timed_out(connection, ENDLESS, NULL);
    /* -1: none; what ends in time is not touched */
    assert_int_equal(test_query_int(connection, "SELECT 8"), 8);
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.timeout_ms = -1, .yield_per = 7));
    assert_ids_to_end(result, 1, 1000);
    close_result_ok(&result);
    result = test_query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.timeout_ms = 5000, .yield_per = 7));
    assert_ids_to_end(result, 1, 1000);
    close_result_ok(&result);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_statement_times_out(void **state)
{
    scene s = { .db = *state };
    test_fixture(s.db, 1000);
    in_both_worlds(&s, time_out);
    assert_nobody_is_out(s.db);
    assert_int_equal(test_pool_status(s.db->engine).connects, 1);
    weir_connection *connection = connect_ok(s.db->engine);
    weir_result *result = test_query(connection, "SELECT 1", OPTIONS(.timeout_ms = -2));
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    close_connection_ok(&connection);
}

/* The time of the program between two batches does not count; a batch that takes long does. */
static int time_out_in_a_fetch(void *argument)
{
    scene *s = argument;
    const char *sql = s->db->postgresql
        ? "SELECT id, CASE WHEN id > 15 THEN pg_sleep(20)::text END FROM orders ORDER BY id"
        : "SELECT id, CASE WHEN id > 15 THEN (" ENDLESS ") END FROM orders ORDER BY id";
    weir_connection *connection = connect_ok(s->engine);
    weir_result *result = test_query(connection, sql, OPTIONS(.yield_per = 10, .timeout_ms = 300, .prefetch = s->after_ms ? WEIR_OFF : WEIR_ON));
    assert_next_ids(result, 1, 10);
    weir_sleep(400);
    int64_t before = test_now_ms();
    s->ready = true;
    int rows = 0;
    while (weir_result_next(result))
        rows++;
    assert_in_range(test_now_ms() - before, 200, 2500);
    assert_error(weir_result_error(result), WEIR_DEADLINE_EXCEEDED);
    assert_false(weir_result_error(result)->disconnect);
    assert_int_equal(rows, 0);
    assert_status(weir_result_close(&result), WEIR_DEADLINE_EXCEEDED);
    assert_usable_again(connection);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_fetch_times_out(void **state)
{
    scene s = { .db = *state };
    test_fixture(s.db, 1000);
    in_both_worlds(&s, time_out_in_a_fetch);
    assert_nobody_is_out(s.db);
    assert_int_equal(test_pool_status(s.db->engine).connects, 1);
}

static int meet_the_deadline(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    run_ok(connection, "INSERT INTO t VALUES (1)");
    assert_status(weir_connection_deadline(connection, 300), WEIR_OK);
    int64_t before = test_now_ms();
    s->ready = true;
    weir_result *result = test_query(connection, ENDLESS, NULL);
    assert_error(weir_result_error(result), WEIR_DEADLINE_EXCEEDED);
    assert_contains(weir_result_error(result)->message, "weir_connection_deadline");
    assert_status(weir_result_close(&result), WEIR_DEADLINE_EXCEEDED);
    assert_in_range(test_now_ms() - before, 250, 2200);
    /* from now on nothing begins, but what ends something is done */
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_DEADLINE_EXCEEDED);
    if (s->db->postgresql)
        assert_status(weir_connection_commit(connection), WEIR_DEADLINE_EXCEEDED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_DEADLINE_EXCEEDED);
    assert_status(weir_connection_deadline(connection, -1), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM t"), 0);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_connection_has_a_deadline(void **state)
{
    scene s = { .db = *state };
    test_side_run(s.db, "CREATE TABLE t(id integer)");
    in_both_worlds(&s, meet_the_deadline);
    assert_nobody_is_out(s.db);
    assert_int_equal(test_pool_status(s.db->engine).connects, 1);
}

static int meet_the_deadline_in_a_session(void *argument)
{
    scene *s = argument;
    weir_connection *holder = connect_ok(s->engine);
    weir_session *session = weir_session_open(s->engine);
    assert_status(weir_session_deadline(session, 300), WEIR_OK);
    int64_t before = test_now_ms();
    s->ready = true;
    weir_stmt *stmt = weir_sql(ENDLESS);
    weir_result *result = weir_session_execute(session, stmt);          /* no connection is free */
    assert_error(weir_result_error(result), WEIR_DEADLINE_EXCEEDED);
    assert_in_range(test_now_ms() - before, 250, 1500);
    assert_status(weir_result_close(&result), WEIR_DEADLINE_EXCEEDED);
    close_connection_ok(&holder);
    assert_status(weir_session_deadline(session, 300), WEIR_OK);
    result = weir_session_execute(session, stmt);
    assert_error(weir_result_error(result), WEIR_DEADLINE_EXCEEDED);
    assert_status(weir_result_close(&result), WEIR_DEADLINE_EXCEEDED);
    weir_stmt_free(&stmt);
    assert_in_range(test_now_ms() - before, 550, 4000);
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_status(weir_session_close(&session), WEIR_OK);
    return end(s);
}

static void test_a_session_has_a_deadline(void **state)
{
    scene s = { .db = *state };
    s.engine = test_engine(s.db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO));
    in_both_worlds(&s, meet_the_deadline_in_a_session);
    assert_pool(s.engine, 1, 1, 0, 0);
    weir_engine_close(&s.engine);
}

static int expire(void *argument)
{
    scene *s = argument;
    weir_connection *connection = connect_ok(s->engine);
    weir_task_cancel_after(s->victim, 200);
    int64_t before = test_now_ms();
    s->ready = true;
    assert_status((int)weir_connection_run(connection, ENDLESS), WEIR_DEADLINE_EXCEEDED);
    assert_contains(weir_connection_error(connection)->message, "weir_task_cancel_after");
    assert_in_range(test_now_ms() - before, 150, 2200);
    assert_usable_again(connection);
    close_connection_ok(&connection);
    return end(s);
}

static void test_a_task_expires_in_a_query(void **state)
{
    scene s = { .db = *state };
    perform(&s, expire);
    assert_nobody_is_out(s.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_query_that_runs_is_cancelled),
        ON_BOTH(test_a_long_fetch_is_cancelled),
        ON_BOTH(test_a_cancel_between_batches_meets_the_next),
        ON_POSTGRESQL(test_a_close_that_is_cancelled_still_closes),
        ON_BOTH(test_a_cancel_that_meets_an_end_is_told_by_the_next_wait),
        ON_BOTH(test_a_commit_is_cancelled),
        ON_POSTGRESQL(test_a_dial_is_cancelled),
        ON_POSTGRESQL(test_a_server_that_stalls_is_given_up),
        ON_BOTH(test_waiting_in_the_pool_is_cancelled),
        ON_BOTH(test_what_a_cancelled_waiter_was_given_is_passed_on),
        ON_BOTH(test_waiting_for_a_lock_is_ended),
        ON_BOTH(test_a_statement_times_out),
        ON_BOTH(test_a_fetch_times_out),
        ON_BOTH(test_a_connection_has_a_deadline),
        ON_BOTH(test_a_session_has_a_deadline),
        ON_BOTH(test_a_task_expires_in_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
