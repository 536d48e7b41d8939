/* Tasks without memory: tasks in tasks, sleeping, blocking work, queues between tasks and threads, streams that push, cancels and
 * deadlines. Each allocation fails: alone, and with all that come behind it. */
#include "support_memory.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <weir/adapters/uv.h>

enum { ROWS = 12 };

/* ---- a loop for one run -------------------------------------------------------------------------------------------------------------------- */

typedef struct ground { uv_loop_t loop; weir_loop *tasks; weir_engine *engine; int first; } ground;

static void tell(ground *g, int status) { g->first = test_first(g->first, status); }

static int on_a_loop(weir_engine *engine, void (*begin)(ground *g))
{
    ground g = { .engine = engine };
    assert_int_equal(uv_loop_init(&g.loop), 0);
    g.tasks = weir_uv_open(&g.loop);
    tell(&g, weir_loop_error(g.tasks)->status);
    begin(&g);
    uv_run(&g.loop, UV_RUN_DEFAULT);
    assert_status(weir_uv_close(&g.tasks), WEIR_OK);
    uv_run(&g.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&g.loop), 0);
    return g.first;
}

static void spawn(ground *g, int (*run)(void *argument), void *argument)
{
    weir_task *task = weir_task_spawn_with(g->tasks, run, argument, WEIR_TASK_OPTIONS(.stack_size = 512 << 10));
    if (weir_task_ended(task))                  /* it could not be begun */
        tell(g, weir_task_join(&task, NULL));
    else
        weir_task_detach(&task);
}

/* ---- tasks that read side by side, wait, work --------------------------------------------------------------------------------------------- */

static void compute(void *argument) { ++*(int *)argument; }

static int read_orders(void *argument)
{
    ground *g = argument;
    int64_t id = 0;
    weir_connection *connection = weir_engine_connect(g->engine);
    weir_stmt *stmt = weir_sql("SELECT id FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 3));
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
        assert_int_equal(weir_row_int64_at(row, 0), ++id);
    int first = weir_result_close(&result);
    if (first == WEIR_OK)
        assert_int_equal(id, ROWS);
    weir_stmt_free(&stmt);
    first = test_still_works(connection, first);
    return test_first(first, weir_connection_close(&connection));
}

static int many_tasks(void *argument)
{
    ground *g = argument;
    weir_task *tasks[3];
    int worked = 0;
    for (int i = 0; i < 3; i++)
        tasks[i] = weir_task_spawn_with(g->tasks, read_orders, g, WEIR_TASK_OPTIONS(.stack_size = 512 << 10));
    int status = weir_blocking(compute, &worked);
    tell(g, status);
    assert_int_equal(worked, status == WEIR_OK);
    tell(g, weir_sleep(1));
    for (int i = 0; i < 3; i++) {
        int result = WEIR_OK;
        int joined = weir_task_join(&tasks[i], &result);
        tell(g, joined);
        tell(g, result);
    }
    return WEIR_OK;
}

static void begin_tasks(ground *g) { spawn(g, many_tasks, g); }
static int run_tasks(weir_engine *engine, test_database *db) { (void)db; return on_a_loop(engine, begin_tasks); }

/* ---- cancelled, and out of time -------------------------------------------------------------------------------------------------------------- */

static int wait_at_the_server(void *argument)
{
    ground *g = argument;
    weir_connection *connection = weir_engine_connect(g->engine);
    int64_t status = weir_connection_error(connection)->status;
    if (status == WEIR_OK)
        status = weir_connection_run(connection, "SELECT pg_sleep(60)");
    /* Not looked at further: a cancel that comes late is meant for the next wait. */
    return test_first((int)status, weir_connection_close(&connection));
}

static void join_stopped(ground *g, weir_task **task, int wanted)
{
    int result = WEIR_OK, joined = weir_task_join(task, &result);
    tell(g, joined);
    if (result != wanted)
        tell(g, joined == WEIR_OK && result == WEIR_OK ? WEIR_INTERNAL : result);
}

static int stop_tasks(void *argument)
{
    ground *g = argument;
    weir_task *one = weir_task_spawn_with(g->tasks, wait_at_the_server, g, WEIR_TASK_OPTIONS(.stack_size = 512 << 10));
    weir_task *two = weir_task_spawn_with(g->tasks, wait_at_the_server, g, WEIR_TASK_OPTIONS(.stack_size = 512 << 10));
    weir_task_cancel_after(two, 20);
    int slept = weir_sleep(20);
    tell(g, slept);
    weir_task_cancel(one);
    join_stopped(g, &one, WEIR_CANCELLED);
    join_stopped(g, &two, WEIR_DEADLINE_EXCEEDED);
    return WEIR_OK;
}

static void begin_stopping(ground *g) { spawn(g, stop_tasks, g); }
static int run_stopped(weir_engine *engine, test_database *db) { (void)db; return on_a_loop(engine, begin_stopping); }

/* ---- streams that push --------------------------------------------------------------------------------------------------------------------------- */

typedef struct push { ground *g; weir_session *session; weir_stream *stream; int64_t rows; int ends; } push;

static weir_flow on_partition(weir_stream *stream, const weir_partition *partition, void *context)
{
    push *p = context;
    for (size_t i = 0; i < partition->count; i++)
        assert_int_equal(weir_row_int64_at(partition->rows[i], 0), ++p->rows);
    weir_stream_resume(stream);
    return WEIR_PAUSE;
}

static void on_end(weir_stream *stream, const weir_error *error, void *context)
{
    push *p = context;
    (void)stream;
    p->ends++;
    tell(p->g, error ? error->status : WEIR_OK);
    if (!error)
        assert_int_equal(p->rows, ROWS);
    tell(p->g, weir_session_close(&p->session));
}

static push pushed;

static void begin_push(ground *g)
{
    pushed = (push){ .g = g, .session = weir_session_open(g->engine) };
    weir_stmt *stmt = weir_sql("SELECT id FROM orders ORDER BY id");
    pushed.stream = weir_session_stream(pushed.session, stmt, g->tasks, WEIR_EXECUTION_OPTIONS(.yield_per = 5),
                                        &(weir_stream_handlers){ on_partition, on_end, &pushed });
    weir_stmt_free(&stmt);
    if (!pushed.stream) {
        tell(g, WEIR_OUT_OF_MEMORY);
        tell(g, weir_session_close(&pushed.session));
    }
}

static int run_push(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = on_a_loop(engine, begin_push);
    assert_int_equal(pushed.ends, pushed.stream != NULL);
    return first;
}

/* ---- queues ---------------------------------------------------------------------------------------------------------------------------------------- */

static weir_queue *rows_queue, *pointers;

static int put_rows(void *argument)
{
    ground *g = argument;
    weir_connection *connection = weir_engine_connect(g->engine);
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 3));
    int put = WEIR_OK;
    for (const weir_row *row; put == WEIR_OK && (row = weir_result_next(result)) != NULL; )
        put = weir_queue_put_row(rows_queue, row);
    weir_error error = *weir_result_error(result);
    int first = test_first(put, weir_result_close(&result));
    weir_stmt_free(&stmt);
    first = test_first(first, weir_connection_close(&connection));
    if (first == WEIR_OK)
        weir_queue_close(rows_queue);
    else
        weir_queue_fail(rows_queue, first, error.status != WEIR_OK ? &error : NULL);
    tell(g, first);
    return WEIR_OK;
}

static int get_rows(void *argument)
{
    ground *g = argument;
    const weir_row *row;
    int64_t id = 0;
    int status;
    while ((status = weir_queue_get_row(rows_queue, &row, -1)) == WEIR_OK)
        assert_int_equal(weir_row_int64_at(row, 0), ++id);
    weir_queue_done(rows_queue);
    if (status == WEIR_RESOURCE_CLOSED)
        assert_int_equal(id, ROWS);
    else
        tell(g, status);
    weir_queue_cancel(rows_queue);              /* who waits to put waits no longer */
    return WEIR_OK;
}

static void begin_queue(ground *g)
{
    weir_task *getter = weir_task_spawn_with(g->tasks, get_rows, g, WEIR_TASK_OPTIONS(.stack_size = 512 << 10));
    if (weir_task_ended(getter)) {
        tell(g, weir_task_join(&getter, NULL));
        return;
    }
    weir_task *putter = weir_task_spawn_with(g->tasks, put_rows, g, WEIR_TASK_OPTIONS(.stack_size = 512 << 10));
    weir_task_detach(&getter);
    if (weir_task_ended(putter)) {
        int status = weir_task_join(&putter, NULL);
        tell(g, status);
        weir_queue_fail(rows_queue, status, NULL);
        return;
    }
    weir_task_detach(&putter);
}

static int run_queue(weir_engine *engine, test_database *db)
{
    (void)db;
    rows_queue = weir_queue_of_rows(WEIR_QUEUE_OPTIONS(.max_items = 4));
    int first = weir_queue_error(rows_queue)->status;
    first = test_first(first, on_a_loop(engine, begin_queue));
    weir_queue_free(&rows_queue);
    return first;
}

static void *get_pointers(void *sum)
{
    void *item;
    int status;
    while ((status = weir_queue_get(pointers, &item, -1)) == WEIR_OK)
        *(int64_t *)sum += *(int64_t *)item;
    if (status != WEIR_RESOURCE_CLOSED) {
        *(int64_t *)sum = status;
        weir_queue_cancel(pointers);
    }
    return NULL;
}

static int run_threads(weir_engine *engine, test_database *db)
{
    static int64_t numbers[ROWS];
    int64_t sum = 0, wanted = 0;
    pthread_t thread;
    int first = WEIR_OK;
    (void)engine, (void)db;
    pointers = weir_queue_of_pointers(NULL, WEIR_QUEUE_OPTIONS(.max_items = 2));
    assert_int_equal(pthread_create(&thread, NULL, get_pointers, &sum), 0);
    for (int i = 0; i < ROWS && first == WEIR_OK; i++) {
        wanted += numbers[i] = i + 1;
        first = weir_queue_put(pointers, &numbers[i]);
    }
    weir_queue_close(pointers);
    pthread_join(thread, NULL);
    weir_queue_free(&pointers);
    if (first == WEIR_OK && sum != wanted) {
        assert_true(sum < 0);
        first = (int)sum;
    }
    return first == WEIR_RESOURCE_CLOSED && sum < 0 ? (int)sum : first;
}

/* ---- the tests ------------------------------------------------------------------------------------------------------------------------------------- */

static void test_tasks_without_memory(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    setenv("CMOCKA_TEST_ABORT", "1", 1);        /* nobody jumps out of a task */
    test_fail_allocations(db, "tasks: spawned, joined, blocking work", run_tasks, TEST_THREADS_ONLY);
    test_fail_allocations(db, "streams that push", run_push, TEST_THREADS_ONLY);
    test_fail_allocations(db, "queue of rows between tasks", run_queue, TEST_THREADS_ONLY);
    unsetenv("CMOCKA_TEST_ABORT");
}

static void test_stopped_tasks_without_memory(void **state)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    test_fail_allocations(*state, "tasks: cancelled, out of time", run_stopped, TEST_THREADS_ONLY);
    /* Without memory to cancel at the server by, the connection is given up alone. */
    test_side_run(*state, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'");
    unsetenv("CMOCKA_TEST_ABORT");
}

static void test_threads_without_memory(void **state)
{
    test_fail_allocations(*state, "queue of pointers between threads", run_threads, TEST_COLD | TEST_THREADS_ONLY);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_tasks_without_memory),
        ON_POSTGRESQL(test_stopped_tasks_without_memory),
        ON_SQLITE(test_threads_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
