/* An allocator that fails at the chosen call, and the loop over the calls. */
#include "support_memory.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/adapters/uv.h>

enum { POINTS = 16, LONGEST_RUN_S = 150 };

/* Programs have threads. */
static struct {
    atomic_long calls, fail_at, live, failures;
    atomic_bool from_there_on;
    atomic_int  paused;
} memory;

/* ---- the allocator ------------------------------------------------------------------------------------------------------ */

static bool fails(void)
{
    if (atomic_load(&memory.paused))
        return false;
    long call = atomic_fetch_add(&memory.calls, 1) + 1, at = atomic_load(&memory.fail_at);
    if (!at || call < at || (call > at && !atomic_load(&memory.from_there_on)))
        return false;
    atomic_fetch_add(&memory.failures, 1);
    return true;
}

static void *allocate(size_t size, void *context)
{
    (void)context;
    void *block = fails() ? NULL : malloc(size);
    atomic_fetch_add(&memory.live, block ? 1 : 0);
    return block;
}

static void *resize(void *block, size_t size, void *context)
{
    (void)context;
    return fails() ? NULL : realloc(block, size);
}

static void release(void *block, void *context)
{
    (void)context;
    atomic_fetch_sub(&memory.live, 1);
    free(block);
}

bool test_memory_install(void)
{
    static const weir_allocator allocator = { allocate, resize, release, NULL };
    return weir_set_allocator(&allocator) == WEIR_OK;
}

void test_memory_pause(void) { atomic_fetch_add(&memory.paused, 1); }
void test_memory_resume(void) { atomic_fetch_sub(&memory.paused, 1); }

/* ---- one run ------------------------------------------------------------------------------------------------------------ */

typedef struct scenario {
    const char    *name;
    test_database *db;
    test_program   program;
    unsigned       flags;
    bool           in_task;
} scenario;

static scenario running;        /* for the watchdog's message */

static void tell_of_a_hang(int signal)
{
    char text[300];
    (void)signal;
    int length = snprintf(text, sizeof text, "hangs: %s [%s], allocation %ld%s\n", running.name, running.db->dialect,
                          atomic_load(&memory.fail_at), atomic_load(&memory.from_there_on) ? " and all behind it" : "");
    if (write(2, text, (size_t)length) < 0)
        _exit(2);
    abort();
}

int test_still_works(weir_connection *connection, int status)
{
    test_memory_pause();
    if (status != WEIR_OK && weir_connection_number(connection) != 0) {      /* else there is none */
        if (weir_connection_rollback(connection) != WEIR_OK)
            assert_error(weir_connection_error(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT 42"), 42);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    test_memory_resume();
    return status;
}

/* All connections are back in the pool, and those that it kept are good. */
static void look_at_pool(weir_engine *engine)
{
    weir_pool_status status;
    weir_connection *connections[4];
    if (weir_engine_error(engine)->status != WEIR_OK)
        return;
    weir_engine_pool_status(engine, &status);
    assert_int_equal(status.checked_out, 0);
    int count = status.checked_in < 1 ? 1 : status.checked_in > 4 ? 4 : status.checked_in;
    for (int i = 0; i < count; i++) {
        connections[i] = weir_engine_connect(engine);
        assert_error(weir_connection_error(connections[i]), WEIR_OK);
        assert_int_equal(test_query_int(connections[i], "SELECT 42"), 42);
    }
    for (int i = 0; i < count; i++)
        close_connection_ok(&connections[i]);
}

static void ignore_log(const weir_log_event *event, void *context) { (void)event, (void)context; }

static int run_program(void *argument)
{
    const scenario *s = argument;
    bool cold = s->flags & TEST_COLD;
    weir_engine *engine;
    if (!cold)
        test_memory_pause();
    int first = weir_engine_open(&engine, s->db->url,
                                 WEIR_ENGINE_OPTIONS(.pool_size = s->flags & TEST_POOL_OF_FOUR ? 4 : 3, .max_overflow = WEIR_ZERO, .log = ignore_log));
    if (!cold) {
        weir_connection *connection = weir_engine_connect(engine);
        close_connection_ok(&connection);
        test_memory_resume();
    }
    first = test_first(first, s->program(engine, s->db));
    test_memory_pause();
    look_at_pool(engine);
    test_memory_resume();
    weir_engine_close(&engine);
    return first;
}

/* On a loop of its own, whose memory may fail as well. */
static int run_in_a_task(scenario *s)
{
    uv_loop_t loop;
    int result = WEIR_ERROR;
    assert_int_equal(uv_loop_init(&loop), 0);
    weir_loop *tasks = weir_uv_open(&loop);
    weir_task *task = weir_task_spawn_with(tasks, run_program, s, WEIR_TASK_OPTIONS(.stack_size = 1 << 20));
    uv_run(&loop, UV_RUN_DEFAULT);
    int joined = weir_task_join(&task, &result);
    assert_status(weir_uv_close(&tasks), WEIR_OK);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return joined != WEIR_OK ? joined : result;
}

static int run_once(scenario *s, long fail_at, bool from_there_on)
{
    atomic_store(&memory.calls, 0);
    atomic_store(&memory.failures, 0);
    atomic_store(&memory.from_there_on, from_there_on);
    atomic_store(&memory.fail_at, fail_at);
    alarm(LONGEST_RUN_S);
    int status = s->in_task ? run_in_a_task(s) : run_program(s);
    alarm(0);
    atomic_store(&memory.fail_at, 0);
    assert_int_equal(atomic_load(&memory.paused), 0);
    return status;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------- */

typedef struct tally { long points, told, without; } tally;

static void try_point(scenario *s, long at, long calls, bool from_there_on, tally *t)
{
    long live = atomic_load(&memory.live);
    int status = run_once(s, at, from_there_on);
    long stay = atomic_load(&memory.live) - live, failures = atomic_load(&memory.failures);
    if (stay != 0 || (status != WEIR_OUT_OF_MEMORY && status != WEIR_OK) || (status != WEIR_OK && failures == 0))
        fail_msg("%s: allocation %ld of %ld%s: status %d, %ld blocks stay, %ld failures", s->name, at, calls,
                 from_there_on ? " and all behind it" : "", status, stay, failures);
    t->points += failures > 0;
    t->told += status == WEIR_OUT_OF_MEMORY;
    t->without += failures > 0 && status == WEIR_OK;
}

static long step_of(long calls)
{
    const char *every = getenv("WEIR_TEST_EVERY");
    long step = every && *every ? strtol(every, NULL, 10) : calls / POINTS;
    return step < 1 ? 1 : step;
}

static void fail_in_a_world(scenario *s)
{
    tally once = { 0 }, on = { 0 };
    long live = atomic_load(&memory.live);
    running = *s;
    run_once(s, 0, false);      /* what is loaded or looked up once in a process */
    assert_status(run_once(s, 0, false), WEIR_OK);
    long calls = atomic_load(&memory.calls), step = step_of(calls);
    assert_int_equal(atomic_load(&memory.live), live);
    assert_true(calls > 4);
    for (long at = 1; at <= calls; at += step)
        try_point(s, at, calls, false, &once);
    /* Where one is enough for an error, the others only follow. */
    long on_step = getenv("WEIR_TEST_EVERY") ? step : 2 * step;
    for (long at = 1 + on_step / 2; at <= calls; at += on_step)
        try_point(s, at, calls, true, &on);
    print_message("allocations | %s | %s | %s | %ld | %ld | %ld | %ld | %ld | %ld | %ld |\n", s->name, s->db->dialect,
                  s->in_task ? "task" : "thread", calls, once.points, once.told, once.without, on.points, on.told, on.without);
    /* Buffers that only make things faster may be missing without a word. */
    assert_true(s->flags & TEST_DOES_WITHOUT || once.told >= once.points / 4);
}

void test_fail_allocations(test_database *db, const char *name, test_program program, unsigned flags)
{
    scenario s = { .name = name, .db = db, .program = program, .flags = flags };
    atomic_store(&memory.fail_at, 0);       /* after a test that failed */
    atomic_store(&memory.paused, 0);
    signal(SIGALRM, tell_of_a_hang);
    fail_in_a_world(&s);
    if (flags & TEST_THREADS_ONLY)
        return;
    setenv("CMOCKA_TEST_ABORT", "1", 1);        /* nobody jumps out of a task */
    s.in_task = true;
    fail_in_a_world(&s);
    unsetenv("CMOCKA_TEST_ABORT");
}
