/* Many tasks on one engine: streams through a small pool, who gets which connection and when, threads beside tasks, locks of SQLite,
 * and loops that are never kept waiting. Cases 132 and 154 in tasks. */
#include "trouble.h"
#include "support_task.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)

typedef struct crowd {
    test_database *db;
    weir_engine   *engine;
    weir_loop     *loop;
    int          (*one)(void *member);
    int            count, ended;
    int            order[256];          /* of those who got a connection */
    int            got;
} crowd;
typedef struct member { crowd *crowd; int number; } member;
static member members[256];

static void spawn_all(weir_loop *loop, void *argument)
{
    crowd *c = argument;
    c->loop = loop;
    for (int i = 0; i < c->count; i++) {
        members[i] = (member){ c, i };
        weir_task *task = weir_task_spawn(loop, c->one, &members[i]);
        weir_task_detach(&task);
    }
}

static int perform(crowd *c, int count, int (*one)(void *member))
{
    c->count = count;
    c->one = one;
    c->ended = c->got = 0;
    int ticks = run_on_loop(spawn_all, c);
    assert_int_equal(c->ended, count);
    return ticks;
}

/* ---- 100 streams ----------------------------------------------------------------------------------------------------------------- */

static int stream_all(void *argument)
{
    member *m = argument;
    weir_connection *connection = connect_ok(m->crowd->engine);
    weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 50 + m->number));
    assert_ids_to_end(result, 1, 1000);
    close_result_ok(&result);
    close_connection_ok(&connection);
    m->crowd->ended++;
    return WEIR_OK;
}

static void test_a_hundred_streams_share_ten_connections(void **state)
{
    crowd c = { .db = *state };
    test_fixture(c.db, 1000);
    c.engine = test_engine(c.db, POOL(.pool_size = 4, .max_overflow = 6));
    assert_true(perform(&c, 100, stream_all) > 0);
    assert_pool(c.engine, 4, 4, 0, 0);
    assert_true(test_pool_status(c.engine).connects <= 100);
    weir_engine_close(&c.engine);
}

/* ---- the line ---------------------------------------------------------------------------------------------------------------------- */

static int take_a_turn(void *argument)
{
    member *m = argument;
    weir_connection *connection = connect_ok(m->crowd->engine);
    m->crowd->order[m->crowd->got++] = m->number;
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    weir_task_yield();
    close_connection_ok(&connection);
    m->crowd->ended++;
    return WEIR_OK;
}

static void test_first_come_first_served(void **state)
{
    crowd c = { .db = *state };
    c.engine = test_engine(c.db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO));
    perform(&c, 50, take_a_turn);
    for (int i = 0; i < 50; i++)
        assert_int_equal(c.order[i], i);
    assert_pool(c.engine, 1, 1, 0, 0);
    weir_engine_close(&c.engine);
}

/* The first is a slow consumer of an open stream, as slow as it takes the others to give up. */
static int time_out_in_line(void *argument)
{
    member *m = argument;
    crowd *c = m->crowd;
    if (m->number == 0) {
        weir_connection *connection = connect_ok(c->engine);
        weir_result *result = test_query(connection, "SELECT id FROM orders ORDER BY id", OPTIONS(.yield_per = 5));
        assert_next_ids(result, 1, 3);
        c->got = 1;
        while (c->ended < c->count - 1)
            weir_sleep(5);
        assert_ids_to_end(result, 4, 20);
        close_result_ok(&result);
        close_connection_ok(&connection);
        connection = connect_ok(c->engine);
        close_connection_ok(&connection);
    } else {
        while (!c->got)
            weir_sleep(1);
        int64_t before = test_now_ms();
        weir_error error;
        assert_int_equal(test_connect_fails(c->engine, &error), WEIR_TIMEOUT);
        assert_in_range(test_now_ms() - before, 100, 20000);
        assert_string_equal(error.message, "QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout 0.10");
        assert_contains(error.detail, "test_tasks_pool.c:");
        assert_contains(error.detail, " for ");
    }
    c->ended++;
    return WEIR_OK;
}

static int fail_at_once(void *argument)
{
    member *m = argument;
    weir_error error;
    weir_connection *holder = connect_ok(m->crowd->engine);
    int64_t before = test_now_ms();
    assert_int_equal(test_connect_fails(m->crowd->engine, &error), WEIR_TIMEOUT);
    assert_in_range(test_now_ms() - before, 0, 20000);          /* the default is 30 seconds */
    assert_contains(error.message, "timeout 0.00");
    close_connection_ok(&holder);
    m->crowd->ended++;
    return WEIR_OK;
}

static void test_case_132_154_a_task_times_out_in_line(void **state)
{
    crowd c = { .db = *state };
    test_fixture(c.db, 20);
    c.engine = test_engine(c.db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 100));
    assert_true(perform(&c, 2, time_out_in_line) > 10);
    assert_pool(c.engine, 1, 1, 0, 0);
    weir_engine_close(&c.engine);
    c.engine = test_engine(c.db, POOL(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = WEIR_ZERO));
    perform(&c, 1, fail_at_once);
    weir_engine_close(&c.engine);
}

/* ---- threads beside tasks ------------------------------------------------------------------------------------------------------------ */

static atomic_int outside, peak;

static void use_once(weir_engine *engine, int i)
{
    char sql[64];
    weir_connection *connection = connect_ok(engine);
    int now = atomic_fetch_add(&outside, 1) + 1, seen = atomic_load(&peak);
    while (now > seen && !atomic_compare_exchange_weak(&peak, &seen, now)) {}
    snprintf(sql, sizeof sql, "SELECT %d", i);
    assert_int_equal(test_query_int(connection, sql), i);
    atomic_fetch_sub(&outside, 1);
    close_connection_ok(&connection);
}

static void *use_in_thread(void *engine)
{
    for (int i = 0; i < 40; i++)
        use_once(engine, i);
    return NULL;
}

static int use_in_task(void *argument)
{
    member *m = argument;
    for (int i = 0; i < 20; i++)
        use_once(m->crowd->engine, i);
    m->crowd->ended++;
    return WEIR_OK;
}

static void test_threads_and_tasks_share_an_engine(void **state)
{
    crowd c = { .db = *state };
    pthread_t threads[4];
    atomic_store(&outside, 0);
    atomic_store(&peak, 0);
    c.engine = test_engine(c.db, POOL(.pool_size = 2, .max_overflow = 1));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_in_thread, c.engine), 0);
    perform(&c, 20, use_in_task);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&peak) <= 3);
    assert_int_equal(test_pool_status(c.engine).checked_out, 0);
    assert_int_equal(test_pool_status(c.engine).waiters, 0);
    weir_engine_close(&c.engine);
}

/* ---- locks of SQLite ------------------------------------------------------------------------------------------------------------------- */

/* More writers than the loop has workers: none of them sleeps on one. */
static int write_slowly(void *argument)
{
    member *m = argument;
    weir_connection *connection = connect_ok(m->crowd->engine);
    run_ok(connection, "UPDATE t SET id = id + 1");
    weir_sleep(20);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    m->crowd->ended++;
    return WEIR_OK;
}

static void test_writers_wait_for_each_other(void **state)
{
    crowd c = { .db = *state };
    const char *const patient[] = { "busy_timeout", "60000", NULL };
    test_side_run(c.db, "CREATE TABLE t(id integer)");
    test_side_run(c.db, "INSERT INTO t VALUES (0)");
    c.engine = test_engine(c.db, POOL(.pool_size = WEIR_ZERO, .connect_args = c.db->postgresql ? NULL : patient));
    assert_true(perform(&c, 12, write_slowly) > 50);
    assert_int_equal(test_side_int(c.db, "SELECT id FROM t"), 12);
    assert_int_equal(test_pool_status(c.engine).checked_out, 0);
    weir_engine_close(&c.engine);
}

/* ---- others have their turn --------------------------------------------------------------------------------------------------------------- */

#define TWO_MILLIONS "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000000) SELECT id FROM n"

static int buffer_millions(void *argument)
{
    member *m = argument;
    const char *sql = m->crowd->db->postgresql ? "SELECT generate_series(1, 2000000)" : TWO_MILLIONS;
    weir_connection *connection = connect_ok(m->crowd->engine);
    weir_result *result = test_query(connection, sql, NULL);
    int64_t rows = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++) {
        assert_int_equal(weir_row_int64_at(row, 0), rows + 1);
        if (rows % 5000 == 0)
            weir_task_yield();          /* the program's own work */
    }
    assert_int_equal(rows, 2000000);
    close_result_ok(&result);
    close_connection_ok(&connection);
    m->crowd->ended++;
    return WEIR_OK;
}

static void test_two_million_buffered_rows_keep_nobody_waiting(void **state)
{
    crowd c = { .db = *state };
    c.engine = c.db->engine;
    int64_t before = test_now_ms();
    int ticks = perform(&c, 1, buffer_millions);
    int64_t took = test_now_ms() - before;
    print_message("%d ticks of a millisecond, the longest pause %.1f ms\n", ticks, (double)worst_tick_us() / 1000);
    assert_true(ticks > 100);
    assert_true(worst_tick_us() / 1000 * 4 < took);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_hundred_streams_share_ten_connections),
        ON_BOTH(test_first_come_first_served),
        ON_BOTH(test_case_132_154_a_task_times_out_in_line),
        ON_BOTH(test_threads_and_tasks_share_an_engine),
        ON_BOTH(test_writers_wait_for_each_other),
        ON_BOTH(test_two_million_buffered_rows_keep_nobody_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
