/* Reading in parallel and working at jobs in tasks: a cancel or a deadline ends them at once, also where they have all of the loop's worker
 * threads, whoever says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "trouble.h"
#include "support_task.h"

enum { RUNS = 4 };                      /* what loops have worker threads by default */
#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)

typedef enum ending { BY_TASK, BY_DEADLINE, BY_HANDLE, ENDINGS } ending;
typedef struct scene {
    test_database *db;
    weir_engine   *engine;
    weir_loop     *loop;
    const char    *sql;
    char           directory[64];       /* of the workers; nothing stays in it */
    bool           working;             /* weir_worker, not weir_parallel */
    weir_parallel *parallel[RUNS];
    weir_worker   *worker[RUNS];
    int            ended;
} scene;
typedef struct run { scene *scene; int number; } run;

static ending ending_of(int number) { return (ending)(number % ENDINGS); }

static void assert_ended(scene *s, int number, int status, const weir_error *error)
{
    ending how = ending_of(number);
    assert_status(status, how == BY_DEADLINE ? WEIR_DEADLINE_EXCEEDED : WEIR_CANCELLED);
    assert_int_equal(error->status, status);
    assert_contains(error->message, how == BY_TASK ? "weir_task_cancel" : how == BY_DEADLINE ? "weir_task_cancel_after"
                                    : s->working ? "weir_worker_cancel" : "weir_parallel_cancel");
    s->ended++;
}

static int read_all(void *argument)
{
    const run *r = argument;
    scene *s = r->scene;
    weir_stmt *stmt = weir_sql(s->sql);
    weir_parallel *parallel = weir_parallel_open(s->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 2, .order = "id"));
    s->parallel[r->number] = parallel;
    int status = weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.context = NULL));
    assert_ended(s, r->number, status, weir_parallel_error(parallel));
    int closing = weir_parallel_close(&parallel);
    assert_int_equal(closing, status);
    weir_stmt_free(&stmt);
    return WEIR_OK;
}

static int work_at_a_job(void *argument)
{
    const run *r = argument;
    scene *s = r->scene;
    char job[16];
    snprintf(job, sizeof job, "job%d", r->number);
    weir_stmt *stmt = weir_sql(s->sql);
    weir_worker *worker = weir_worker_open(s->engine, stmt, WEIR_WORKER_OPTIONS(.job = job, .directory = s->directory, .order = "id"));
    s->worker[r->number] = worker;
    int status = weir_worker_run(worker);
    assert_ended(s, r->number, status, weir_worker_error(worker));
    int closing = weir_worker_close(&worker);
    assert_int_equal(closing, status);
    weir_stmt_free(&stmt);
    return WEIR_OK;
}

static void end_it(scene *s, int number, weir_task *task)
{
    if (ending_of(number) == BY_TASK)
        weir_task_cancel(task);
    else if (ending_of(number) == BY_DEADLINE)
        weir_task_cancel_after(task, 1);
    else if (s->working)
        weir_worker_cancel(s->worker[number]);
    else
        weir_parallel_cancel(s->parallel[number]);
}

/* Each run waits at the server by then: so none has given its worker thread back. */
static int end_all(void *argument)
{
    scene *s = argument;
    run runs[RUNS];
    weir_task *tasks[RUNS];
    for (int i = 0; i < RUNS; i++) {
        runs[i] = (run){ s, i };
        tasks[i] = weir_task_spawn(s->loop, s->working ? work_at_a_job : read_all, &runs[i]);
    }
    while (test_side_int(s->db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") < RUNS)
        assert_status(weir_sleep(10), WEIR_OK);
    for (int i = 0; i < RUNS; i++)
        end_it(s, i, tasks[i]);
    for (int i = 0; i < RUNS; i++)
        assert_status(weir_task_join(&tasks[i], NULL), WEIR_OK);
    return WEIR_OK;
}

static void begin(weir_loop *loop, void *argument)
{
    ((scene *)argument)->loop = loop;
    weir_task *task = weir_task_spawn(loop, end_all, argument);
    weir_task_detach(&task);
}

/* Somebody else holds the lock that the statement waits for: of the table, where it is planned, or one that each row asks for. */
static void end_them(test_database *db, bool working, const char *sql, const char *lock)
{
    scene s = { .db = db, .sql = sql, .working = working, .directory = "/tmp/weir-parallel-tasks-XXXXXX" };
    assert_non_null(mkdtemp(s.directory));
    test_side_run(db, "DROP SCHEMA IF EXISTS weir_jobs CASCADE; DROP TABLE IF EXISTS t; CREATE TABLE t(id integer PRIMARY KEY); "
                      "INSERT INTO t SELECT generate_series(1, 100); ANALYZE t");
    weir_connection *holder = connect_ok(db->engine);
    run_ok(holder, lock);
    s.engine = test_engine(db, POOL(.pool_size = 3 * RUNS));
    assert_true(run_on_loop(begin, &s) > 10);
    assert_int_equal(s.ended, RUNS);
    weir_pool_status pool;
    weir_engine_pool_status(s.engine, &pool);
    assert_int_equal(pool.checked_out, 0);
    weir_engine_close(&s.engine);
    close_connection_ok(&holder);
    assert_int_equal(rmdir(s.directory), 0);
}

static void test_runs_that_have_all_worker_threads_are_cancelled(void **state)
{
    end_them(*state, false, "SELECT id, pg_advisory_xact_lock_shared(7)::text AS v FROM t", "SELECT pg_advisory_xact_lock(7)");
    end_them(*state, false, "SELECT id FROM t", "LOCK TABLE t");
}

static void test_workers_that_have_all_worker_threads_are_cancelled(void **state)
{
    end_them(*state, true, "SELECT id, pg_advisory_xact_lock_shared(7)::text AS v FROM t", "SELECT pg_advisory_xact_lock(7)");
    end_them(*state, true, "SELECT id FROM t", "LOCK TABLE t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_runs_that_have_all_worker_threads_are_cancelled),
        ON_POSTGRESQL(test_workers_that_have_all_worker_threads_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
