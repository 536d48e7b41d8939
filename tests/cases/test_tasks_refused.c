/* On a loop's thread outside of tasks nothing waits: calls that would are refused before any SQL and leave everything as it was (cases
 * 122, 128 and 134), and closing is handed over to a task. */
#include "trouble.h"
#include "support_task.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id, quantity; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true),
    WEIR_COLUMN(order_line, order_id),
    WEIR_COLUMN(order_line, quantity));

/* What the parts of a test share: some of it happens before the loop turns, some in a callback, the rest in a task. */
typedef struct play {
    test_database   *db;
    weir_connection *connection;
    weir_session    *session;
    weir_result     *result, *second;
    struct order    *order;
    int              savepoint;
    long             log_end;
    int             (*rest)(void *play);
    void            (*outside)(struct play *play);
} play;

static void in_callback(weir_loop *loop, void *argument)
{
    play *p = argument;
    p->log_end = p->db->postgresql ? test_server_log_end() : 0;
    test_log_clear(p->db->log);
    p->outside(p);
    if (!p->rest)
        return;
    weir_task *task = weir_task_spawn(loop, p->rest, p);
    weir_task_detach(&task);
}

static void perform(play *p, void (*outside)(play *play), int (*rest)(void *play))
{
    p->outside = outside;
    p->rest = rest;
    run_on_loop(in_callback, p);
}

/* Nothing was said to the database since the callback began. */
static void assert_silence(const play *p)
{
    assert_int_equal(test_log_count(p->db->log, WEIR_LOG_STATEMENT), 0);
    assert_int_equal(test_log_count(p->db->log, WEIR_LOG_ROUND_TRIP), 0);
    assert_int_equal(test_log_count(p->db->log, WEIR_LOG_CONNECT), 0);
    if (p->db->postgresql)
        assert_int_equal(test_server_log_count(p->log_end, "execute"), 0);
}

static void assert_refused(const weir_error *error)
{
    assert_int_equal(error->status, WEIR_WOULD_BLOCK);
    assert_true(weir_status_is(error->status, WEIR_INVALID_REQUEST));
    assert_contains(error->message, "weir_task_spawn");
}

#define refused(connection, call) (assert_int_equal((call), WEIR_WOULD_BLOCK), assert_refused(weir_connection_error(connection)))

static void assert_nobody_is_out(test_database *db)
{
    assert_int_equal(test_pool_status(db->engine).checked_out, 0);
    if (db->postgresql)
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                           "pid <> pg_backend_pid() AND state <> 'idle'"), 0);
}

/* ---- check-out ------------------------------------------------------------------------------------------------------------- */

static void connect_outside(play *p)
{
    weir_connection *connection = weir_engine_connect(p->db->engine);
    assert_refused(weir_connection_error(connection));
    assert_status(weir_connection_close(&connection), WEIR_WOULD_BLOCK);
    connection = weir_engine_begin(p->db->engine);
    assert_refused(weir_connection_error(connection));
    assert_status(weir_connection_close(&connection), WEIR_WOULD_BLOCK);
    assert_silence(p);
    assert_pool(p->db->engine, 5, 0, -5, 0);
}

static int connect_inside(void *argument)
{
    play *p = argument;
    weir_connection *connection = connect_ok(p->db->engine);
    assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
    close_connection_ok(&connection);
    return WEIR_OK;
}

static void test_check_out_is_refused(void **state)
{
    play p = { .db = *state };
    perform(&p, connect_outside, connect_inside);
    assert_pool(p.db->engine, 5, 1, -4, 0);
}

/* ---- operations -------------------------------------------------------------------------------------------------------------- */

static void assert_execution_refused(weir_connection *connection, const weir_execution_options *options, const char *words)
{
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", options);
    assert_refused(weir_result_error(result));
    assert_contains(weir_result_error(result)->message, words);
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_WOULD_BLOCK);
    assert_refused(weir_connection_error(connection));
}

static void operate_outside(play *p)
{
    weir_connection *connection = p->connection;
    assert_execution_refused(connection, NULL, "weir_task_spawn");
    assert_execution_refused(connection, OPTIONS(.stream_results = WEIR_ON), "weir_connection_stream");       /* case 134 */
    assert_execution_refused(connection, OPTIONS(.yield_per = 10), "server-side cursor");
    refused(connection, (int)weir_connection_run(connection, "INSERT INTO t VALUES (2)"));
    refused(connection, weir_connection_commit(connection));
    refused(connection, weir_connection_rollback(connection));
    refused(connection, weir_connection_savepoint(connection));
    refused(connection, weir_connection_savepoint_release(connection, p->savepoint));
    refused(connection, weir_connection_savepoint_rollback(connection, p->savepoint));
    refused(connection, weir_connection_poll(connection, 1000));
    assert_true(weir_connection_in_transaction(connection));
    assert_silence(p);
}

static int operate_inside(void *argument)
{
    play *p = argument;
    if (p->db->postgresql)
        assert_int_equal(test_open_cursors(p->connection), 0);
    assert_int_equal(test_query_int(p->connection, "SELECT id FROM t"), 1);
    assert_status(weir_connection_savepoint_release(p->connection, p->savepoint), WEIR_OK);
    run_ok(p->connection, "INSERT INTO t VALUES (3)");
    assert_status(weir_connection_commit(p->connection), WEIR_OK);
    close_connection_ok(&p->connection);
    return WEIR_OK;
}

static void test_operations_are_refused_and_the_transaction_is_as_before(void **state)
{
    for (int begun = 0; begun < 2; begun++) {
        play p = { .db = *state };
        test_side_run(p.db, "DROP TABLE IF EXISTS t");
        test_side_run(p.db, "CREATE TABLE t(id integer)");
        p.connection = begun ? weir_engine_begin(p.db->engine) : connect_ok(p.db->engine);
        run_ok(p.connection, "INSERT INTO t VALUES (1)");
        p.savepoint = weir_connection_savepoint(p.connection);
        perform(&p, operate_outside, operate_inside);
        assert_int_equal(test_side_int(p.db, "SELECT count(*) FROM t"), 2);
        assert_nobody_is_out(p.db);
    }
}

/* A transaction of which the server knows nothing ends without it. */
static void end_unsent_outside(play *p)
{
    assert_status(weir_connection_begin(p->connection), WEIR_OK);
    assert_status(weir_connection_commit(p->connection), WEIR_OK);
    assert_status(weir_connection_rollback(p->connection), WEIR_OK);
    assert_status(weir_connection_detach(p->connection), WEIR_OK);
    close_connection_ok(&p->connection);
    assert_pool(p->db->engine, 5, 0, -5, 0);
    assert_silence(p);
}

static void test_what_needs_no_server_works(void **state)
{
    play p = { .db = *state };
    p.connection = connect_ok(p.db->engine);
    perform(&p, end_unsent_outside, NULL);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------- */

static void read_outside(play *p)
{
    assert_next_ids(p->result, 4, 10);
    assert_null(weir_result_next(p->result));
    assert_refused(weir_result_error(p->result));
    assert_null(weir_result_next(p->result));
    assert_refused(weir_connection_error(p->connection));
    /* all rows of this one are there */
    assert_ids_to_end(p->second, 1, 100);
    assert_status(weir_result_close(&p->second), WEIR_OK);
}

static int read_inside(void *argument)
{
    play *p = argument;
    assert_status(weir_result_error(p->result)->status, WEIR_WOULD_BLOCK);
    assert_status(weir_result_close(&p->result), WEIR_WOULD_BLOCK);
    if (p->db->postgresql)
        assert_int_equal(test_open_cursors(p->connection), 0);
    assert_true(weir_connection_in_transaction(p->connection));
    weir_result *again = test_query(p->connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
    assert_ids_to_end(again, 1, 100);
    close_result_ok(&again);
    close_connection_ok(&p->connection);
    return WEIR_OK;
}

static void test_rows_at_hand_are_read_and_the_next_batch_is_refused(void **state)
{
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        play p = { .db = *state };
        if (!prefetch)
            test_fixture(p.db, 100);
        p.connection = connect_ok(p.db->engine);
        p.second = test_query(p.connection, "SELECT id FROM orders ORDER BY id", NULL);
        p.result = test_query(p.connection, "SELECT id FROM orders ORDER BY id",
                              OPTIONS(.yield_per = 10, .prefetch = prefetch ? WEIR_ON : WEIR_OFF));
        assert_next_ids(p.result, 1, 3);
        perform(&p, read_outside, read_inside);
        assert_nobody_is_out(p.db);
    }
}

/* The last row was handed out; the end closes the server's cursor, which waits for nothing. */
static void read_end_outside(play *p)
{
    assert_ids_to_end(p->result, 4, 7);
    close_result_ok(&p->result);
}

static int read_end_inside(void *argument)
{
    play *p = argument;
    if (p->db->postgresql)
        assert_int_equal(test_open_cursors(p->connection), 0);
    close_connection_ok(&p->connection);
    return WEIR_OK;
}

static void test_the_end_of_the_rows_needs_no_task(void **state)
{
    play p = { .db = *state };
    test_fixture(p.db, 7);
    p.connection = connect_ok(p.db->engine);
    p.result = test_query(p.connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
    assert_next_ids(p.result, 1, 3);
    perform(&p, read_end_outside, read_end_inside);
    assert_nobody_is_out(p.db);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------------ */

static weir_stmt *orders(int64_t yield_per)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    if (yield_per)
        weir_yield_per(stmt, yield_per);
    return stmt;
}

static void assert_session_refuses(play *p, int64_t yield_per, const char *words)
{
    weir_stmt *stmt = orders(yield_per);
    weir_result *result = weir_session_scalars(p->session, stmt);
    assert_refused(weir_result_error(result));
    assert_contains(weir_result_error(result)->message, words);
    assert_null(WEIR_NEXT(order, result));
    assert_refused(weir_session_error(p->session));
    assert_status(weir_result_close(&result), WEIR_WOULD_BLOCK);
    weir_stmt_free(&stmt);
}

static void use_session_outside(play *p)
{
    assert_session_refuses(p, 0, "weir_session_stream");
    assert_session_refuses(p, 2000, "Can't use weir_session_execute() with a server-side cursor");      /* case 122 */
    assert_session_refuses(p, 2000, "weir_session_stream()");
    assert_null(WEIR_GET(order, p->session, 8));
    assert_refused(weir_session_error(p->session));
    if (p->order) {                                                                                       /* case 128 */
        assert_int_equal(weir_load(p->order, lines), WEIR_WOULD_BLOCK);
        assert_refused(weir_session_error(p->session));
        assert_false(weir_loaded(p->order, lines));
        assert_int_equal(weir_session_refresh(p->session, p->order), WEIR_WOULD_BLOCK);
        assert_ptr_equal(WEIR_GET(order, p->session, 7), p->order);     /* no SQL */
        assert_int_equal(weir_session_commit(p->session), WEIR_WOULD_BLOCK);
        assert_int_equal(weir_session_rollback(p->session), WEIR_WOULD_BLOCK);
        assert_int_equal(weir_session_begin_nested(p->session), WEIR_WOULD_BLOCK);
        assert_true(weir_session_in_transaction(p->session));
        assert_int_equal(weir_state_of(p->order), WEIR_PERSISTENT);
        assert_int_equal(p->order->id, 7);
    } else {
        assert_status(weir_connection_error(weir_session_connection(p->session))->status, WEIR_RESOURCE_CLOSED);
        assert_refused(weir_session_error(p->session));
        assert_false(weir_session_in_transaction(p->session));
    }
    assert_silence(p);
}

static int use_session_inside(void *argument)
{
    play *p = argument;
    struct order *order = p->order ? p->order : WEIR_GET(order, p->session, 7);
    assert_non_null(order);
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_int_equal(order->lines.count, 3);
    weir_stmt *stmt = orders(20);
    weir_result *result = weir_session_scalars(p->session, stmt);
    int64_t id = 0;
    for (struct order *each; (each = WEIR_NEXT(order, result)) != NULL; )
        assert_int_equal(each->id, ++id);
    assert_int_equal(id, 100);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    assert_status(weir_session_commit(p->session), WEIR_OK);
    assert_status(weir_session_close(&p->session), WEIR_OK);
    return WEIR_OK;
}

static void test_case_122_128_sessions_are_refused_and_work_in_a_task(void **state)
{
    for (int used = 0; used < 2; used++) {
        play p = { .db = *state };
        if (!used)
            test_fixture(p.db, 100);
        p.session = weir_session_open(p.db->engine);
        if (used)
            p.order = WEIR_GET(order, p.session, 7);
        perform(&p, use_session_outside, use_session_inside);
        assert_nobody_is_out(p.db);
    }
}

/* ---- closing --------------------------------------------------------------------------------------------------------------------- */

static void close_result_outside(play *p)
{
    assert_status(weir_result_close(&p->result), WEIR_OK);
    assert_true(weir_result_closed(p->result));
    assert_null(weir_result_next(p->result));
    assert_status(weir_result_error(p->result)->status, WEIR_RESOURCE_CLOSED);
}

static void test_a_result_is_closed_outside(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        play p = { .db = *state };
        if (!kind)
            test_fixture(p.db, 100);
        p.connection = connect_ok(p.db->engine);
        p.result = test_query(p.connection, "SELECT id FROM orders ORDER BY id",
                              kind == 0 ? OPTIONS(.yield_per = 10) : kind == 1 ? OPTIONS(.yield_per = 10, .prefetch = WEIR_OFF)
                              : kind == 2 ? OPTIONS(.stream_results = WEIR_ON)
                              : OPTIONS(.yield_per = 10, .cursor_mode = WEIR_CURSOR_DECLARE));
        assert_next_ids(p.result, 1, 1);
        perform(&p, close_result_outside, read_end_inside);
        assert_nobody_is_out(p.db);
    }
}

/* More than there is room for answers. */
static void close_many_outside(play *p)
{
    weir_result **results = (weir_result **)(void *)p->order;
    for (int i = 0; i < 60; i++)
        assert_status(weir_result_close(&results[i]), WEIR_OK);
}

static void test_many_results_are_closed_outside(void **state)
{
    weir_result *results[60];
    play p = { .db = *state, .order = (void *)results };
    test_fixture(p.db, 100);
    p.connection = connect_ok(p.db->engine);
    for (int i = 0; i < 60; i++) {
        results[i] = test_query(p.connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
        assert_next_ids(results[i], 1, 1);
    }
    perform(&p, close_many_outside, read_end_inside);
    assert_nobody_is_out(p.db);
}

static void close_connection_outside(play *p)
{
    weir_result *result = p->result;
    assert_status(weir_connection_close(&p->connection), WEIR_OK);
    assert_int_equal(weir_connection_run(p->connection, "SELECT 1"), WEIR_RESOURCE_CLOSED);
    if (!result)
        return;
    assert_null(weir_result_next(result));
    assert_status(weir_result_error(result)->status, WEIR_RESOURCE_CLOSED);
    (void)!weir_result_close(&result);
}

static void test_a_connection_is_closed_outside(void **state)
{
    for (int commits = 0; commits < 2; commits++) {
        play p = { .db = *state };
        if (!commits)
            test_fixture(p.db, 100);
        p.connection = commits ? weir_engine_begin(p.db->engine) : connect_ok(p.db->engine);
        run_ok(p.connection, "UPDATE orders SET tenant_id = 77 WHERE id = 1");
        p.result = test_query(p.connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
        assert_next_ids(p.result, 1, 3);
        perform(&p, close_connection_outside, NULL);
        assert_nobody_is_out(p.db);
        assert_int_equal(test_side_int(p.db, "SELECT count(*) FROM orders WHERE tenant_id = 77"), commits);
        assert_int_equal(test_pool_status(p.db->engine).connects, 1);
    }
}

static void test_what_fails_in_closing_outside_is_a_warning(void **state)
{
    play p = { .db = *state };
    test_side_run(p.db, "CREATE TABLE parent(id integer PRIMARY KEY)");
    test_side_run(p.db, "CREATE TABLE child(id integer REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)");
    p.connection = weir_engine_begin(p.db->engine);
    run_ok(p.connection, "INSERT INTO child VALUES (5)");
    perform(&p, close_connection_outside, NULL);
    assert_nobody_is_out(p.db);
    assert_int_equal(test_log_matching(p.db->log, WEIR_LOG_WARNING, "closing a connection outside a task failed"), 1);
    assert_int_equal(test_side_int(p.db, "SELECT count(*) FROM child"), 0);
}

static void close_session_outside(play *p)
{
    assert_status(weir_session_close(&p->session), WEIR_OK);
    assert_null(WEIR_GET(order, p->session, 1));
    assert_status(weir_session_error(p->session)->status, WEIR_RESOURCE_CLOSED);
    assert_null(WEIR_NEXT(order, p->result));
    (void)!weir_result_close(&p->result);
}

static void test_a_session_is_closed_outside(void **state)
{
    play p = { .db = *state };
    test_fixture(p.db, 100);
    p.session = weir_session_open(p.db->engine);
    weir_stmt *stmt = orders(10);
    p.result = weir_session_scalars(p.session, stmt);
    weir_stmt_free(&stmt);
    assert_non_null(WEIR_NEXT(order, p.result));
    perform(&p, close_session_outside, NULL);
    assert_nobody_is_out(p.db);
}

static void close_engine_outside(play *p)
{
    weir_engine *engine = (weir_engine *)(void *)p->order;
    weir_engine_dispose(engine);
    assert_pool(engine, 5, 0, -5, 0);
    weir_engine_close(&engine);
    assert_status(weir_connection_close(&p->connection), WEIR_OK);
}

/* A server's process ends a moment after its client has hung up. */
static void assert_server_is_left(test_database *db)
{
    int64_t left = 1;
    for (int i = 0; left > 0 && i < 200; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000000L }, NULL);
        left = test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'weir'");
    }
    assert_int_equal(left, 0);
}

static void test_an_engine_is_closed_outside(void **state)
{
    play p = { .db = *state };
    weir_engine *engine = test_engine(p.db, NULL);
    weir_connection *idle = connect_ok(engine);
    p.connection = connect_ok(engine);
    run_ok(p.connection, "CREATE TABLE t(id integer)");
    close_connection_ok(&idle);
    p.order = (void *)engine;
    perform(&p, close_engine_outside, NULL);
    if (p.db->postgresql)
        assert_server_is_left(p.db);
}

static void invalidate_outside(play *p)
{
    assert_status(weir_connection_invalidate(p->connection), WEIR_OK);
    assert_true(weir_connection_invalidated(p->connection));
    assert_null(weir_result_next(p->result));
    (void)!weir_result_close(&p->result);
    assert_status(weir_connection_rollback(p->connection), WEIR_OK);     /* there is nothing to say */
}

static int use_invalidated_inside(void *argument)
{
    play *p = argument;
    assert_int_equal(test_query_int(p->connection, "SELECT 3"), 3);
    close_connection_ok(&p->connection);
    return WEIR_OK;
}

static void test_a_connection_is_invalidated_outside(void **state)
{
    play p = { .db = *state };
    test_fixture(p.db, 100);
    p.connection = connect_ok(p.db->engine);
    p.result = test_query(p.connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
    perform(&p, invalidate_outside, use_invalidated_inside);
    assert_nobody_is_out(p.db);
    assert_int_equal(test_pool_status(p.db->engine).connects, 2);
}

static void cancel_outside(play *p)
{
    int64_t before = test_now_ms();
    assert_status(weir_connection_cancel(p->connection), WEIR_OK);
    assert_in_range(test_now_ms() - before, 0, 50);
}

static int read_cancelled_inside(void *argument)
{
    play *p = argument;
    weir_sleep(50);
    while (weir_result_next(p->result)) {}
    assert_status(weir_result_close(&p->result), WEIR_CANCELLED);
    assert_status(weir_connection_rollback(p->connection), WEIR_OK);
    assert_int_equal(test_query_int(p->connection, "SELECT 3"), 3);
    close_connection_ok(&p->connection);
    return WEIR_OK;
}

static void test_a_cancel_outside_is_sent_by_a_task(void **state)
{
    play p = { .db = *state };
    test_fixture(p.db, 100);
    p.connection = connect_ok(p.db->engine);
    p.result = test_query(p.connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 10));
    assert_next_ids(p.result, 1, 3);
    perform(&p, cancel_outside, read_cancelled_inside);
    assert_nobody_is_out(p.db);
    assert_int_equal(test_pool_status(p.db->engine).connects, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_check_out_is_refused),
        ON_BOTH(test_operations_are_refused_and_the_transaction_is_as_before),
        ON_BOTH(test_what_needs_no_server_works),
        ON_BOTH(test_rows_at_hand_are_read_and_the_next_batch_is_refused),
        ON_BOTH(test_the_end_of_the_rows_needs_no_task),
        ON_BOTH(test_case_122_128_sessions_are_refused_and_work_in_a_task),
        ON_BOTH(test_a_result_is_closed_outside),
        ON_BOTH(test_many_results_are_closed_outside),
        ON_BOTH(test_a_connection_is_closed_outside),
        ON_POSTGRESQL(test_what_fails_in_closing_outside_is_a_warning),
        ON_BOTH(test_a_session_is_closed_outside),
        ON_BOTH(test_an_engine_is_closed_outside),
        ON_BOTH(test_a_connection_is_invalidated_outside),
        ON_BOTH(test_a_cancel_outside_is_sent_by_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
