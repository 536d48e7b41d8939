/* Tasks on each loop: spawning, parking, joining, closing, and the errors of all of them. */
#include "task_loops.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/adapters/uv.h>
#include "base/wait.h"
#include "task/inside.h"

static void pause_ms(long milliseconds) { nanosleep(&(struct timespec){ .tv_nsec = milliseconds * 1000000 }, NULL); }

/* ---- spawn, park, join */
static int add_one(void *argument)
{
    *(int *)argument += 1;
    return 41 + *(int *)argument;
}

static void test_a_task_runs_and_gives_its_result(void **state)
{
    loop_fixture *f = *state;
    int count = 0, result = 0;
    weir_task *task = weir_task_spawn(f->loop, add_one, &count);
    assert_int_equal(count, 0);
    assert_int_equal(weir_loop_tasks(f->loop), 1);
    assert_false(weir_task_ended(task));
    loop_run(f);
    assert_int_equal(count, 1);
    assert_true(weir_task_ended(task));
    assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
    assert_null(task);
    assert_int_equal(result, 42);
}

typedef struct parking { weir_parker parker; int outcome, steps; } parking;

static int park_there(void *argument)
{
    parking *p = argument;
    p->steps = 1;
    p->outcome = weir_park(&p->parker, WEIR_NO_DEADLINE);
    p->steps = 2;
    return 7;
}

static int unpark_there(void *argument)
{
    parking *p = argument;
    assert_int_equal(p->steps, 1);
    weir_unpark(&p->parker);
    assert_int_equal(p->steps, 1);
    return 0;
}

static void test_a_task_parks_until_another_unparks_it(void **state)
{
    loop_fixture *f = *state;
    parking p = { .outcome = -1 };
    weir_parker_init(&p.parker);
    weir_task *parks = weir_task_spawn(f->loop, park_there, &p), *unparks = weir_task_spawn(f->loop, unpark_there, &p);
    loop_run(f);
    int result = 0;
    assert_int_equal(weir_task_join(&parks, &result), WEIR_OK);
    assert_int_equal(result, 7);
    assert_int_equal(weir_task_join(&unparks, NULL), WEIR_OK);
    assert_int_equal(p.outcome, WEIR_READY);
    assert_int_equal(p.steps, 2);
    weir_parker_destroy(&p.parker);
}

static void *unpark_later(void *argument)
{
    pause_ms(20);
    weir_unpark(&((parking *)argument)->parker);
    return NULL;
}

static void test_a_thread_unparks_a_task(void **state)
{
    loop_fixture *f = *state;
    parking p = { .outcome = -1 };
    weir_parker_init(&p.parker);
    pthread_t thread;
    weir_task *task = weir_task_spawn(f->loop, park_there, &p);
    pthread_create(&thread, NULL, unpark_later, &p);
    loop_run(f);
    pthread_join(thread, NULL);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(p.outcome, WEIR_READY);
    weir_parker_destroy(&p.parker);
}

static int park_for_5_ms(void *argument)
{
    parking *p = argument;
    int64_t began = weir_now();
    p->outcome = weir_park(&p->parker, weir_deadline_ms(5));
    assert_true(weir_now() - began >= 5 * WEIR_NS_PER_MS);
    return 0;
}

static void test_a_park_ends_at_its_deadline(void **state)
{
    loop_fixture *f = *state;
    parking p = { .outcome = -1 };
    weir_parker_init(&p.parker);
    weir_task *task = weir_task_spawn(f->loop, park_for_5_ms, &p);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(p.outcome, WEIR_LATE);
    weir_parker_destroy(&p.parker);
}

static int sleep_20_ms(void *argument)
{
    int status = weir_sleep(20);
    *(bool *)argument = true;
    return status;
}

typedef struct joining { weir_task *task; int status, result; bool *done; } joining;

static int join_it(void *argument)
{
    joining *j = argument;
    j->status = weir_task_join(&j->task, &j->result);
    assert_true(*j->done);
    return 0;
}

static void *join_in_thread(void *argument)
{
    join_it(argument);
    return NULL;
}

static void test_tasks_and_threads_join_tasks(void **state)
{
    loop_fixture *f = *state;
    bool one = false, two = false;
    joining a = { .task = weir_task_spawn(f->loop, sleep_20_ms, &one), .status = -1, .result = -1, .done = &one };
    joining b = { .task = weir_task_spawn(f->loop, sleep_20_ms, &two), .status = -1, .result = -1, .done = &two };
    weir_task *joins = weir_task_spawn(f->loop, join_it, &a);
    pthread_t thread;
    pthread_create(&thread, NULL, join_in_thread, &b);
    loop_run(f);
    pthread_join(thread, NULL);
    assert_int_equal(weir_task_join(&joins, NULL), WEIR_OK);
    assert_int_equal(a.status, WEIR_OK);
    assert_int_equal(a.result, WEIR_OK);
    assert_int_equal(b.status, WEIR_OK);
    assert_null(a.task);
    assert_null(b.task);
}

/* ---- handles and errors */
static int return_its_argument(void *argument) { return *(int *)argument; }

static void test_detached_tasks_free_themselves(void **state)
{
    loop_fixture *f = *state;
    int three = 3;
    for (int i = 0; i < 100; i++) {
        weir_task *task = weir_task_spawn(f->loop, return_its_argument, &three);
        weir_task_detach(&task);
        assert_null(task);
    }
    assert_int_equal(weir_loop_tasks(f->loop), 100);
    loop_run(f);
    weir_task *none = NULL;
    weir_task_detach(&none);
    weir_task_detach(NULL);
}

static void assert_refused(weir_task *task, int status)
{
    assert_non_null(task);
    assert_true(weir_task_ended(task));
    weir_task_cancel(task);
    weir_task_cancel_after(task, 1);
    assert_int_equal(weir_task_join(&task, NULL), status);
    assert_null(task);
}

static void test_spawning_wrongly_is_told_by_join(void **state)
{
    loop_fixture *f = *state;
    assert_refused(weir_task_spawn(NULL, add_one, NULL), WEIR_ARGUMENT);
    assert_refused(weir_task_spawn(f->loop, NULL, NULL), WEIR_ARGUMENT);
    assert_refused(weir_task_spawn_with(f->loop, add_one, NULL, WEIR_TASK_OPTIONS(.stack_size = 1000)), WEIR_ARGUMENT);
    assert_refused(weir_task_spawn_with(f->loop, add_one, NULL, WEIR_TASK_OPTIONS(.stack_size = SIZE_MAX)), WEIR_ARGUMENT);
    assert_refused(weir_task_spawn_with(f->loop, add_one, NULL, WEIR_TASK_OPTIONS(.stack_size = SIZE_MAX / 8)), WEIR_OUT_OF_MEMORY);
    weir_task_options options = { .struct_size = 0 };
    assert_refused(weir_task_spawn_with(f->loop, add_one, NULL, &options), WEIR_ARGUMENT);
    options.struct_size = sizeof options + 1;
    assert_refused(weir_task_spawn_with(f->loop, add_one, NULL, &options), WEIR_ARGUMENT);
    assert_int_equal(weir_task_join(NULL, NULL), WEIR_ARGUMENT);
    weir_task *none = NULL;
    assert_int_equal(weir_task_join(&none, NULL), WEIR_ARGUMENT);
    assert_int_equal(weir_loop_tasks(f->loop), 0);
}

static int look_around(void *argument)
{
    weir_task *task = weir_task_current();
    assert_non_null(task);
    assert_ptr_equal(task, *(weir_task **)argument);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_INVALID_REQUEST);
    assert_string_equal(task->name, "a name of more than thirty-one ");
    assert_false(weir_task_cancelled());
    return WEIR_OK;
}

static void test_a_task_knows_itself_and_cannot_join_itself(void **state)
{
    loop_fixture *f = *state;
    weir_task *task = NULL;
    assert_null(weir_task_current());
    task = weir_task_spawn_with(f->loop, look_around, &task, WEIR_TASK_OPTIONS(.name = "a name of more than thirty-one bytes"));
    loop_run(f);
    int result = -1;
    assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
    assert_int_equal(result, WEIR_OK);
    assert_null(weir_task_current());
}

static int spawn_a_chain(void *argument)
{
    weir_loop *loop = weir_task_current()->loop;
    if (--*(int *)argument == 0)
        return WEIR_OK;
    weir_task *next = weir_task_spawn(loop, spawn_a_chain, argument);
    int result = -1, status = weir_task_join(&next, &result);
    return status == WEIR_OK ? result : status;
}

static void test_tasks_spawn_and_join_tasks(void **state)
{
    loop_fixture *f = *state;
    int depth = 200, result = -1;
    weir_task *first = weir_task_spawn(f->loop, spawn_a_chain, &depth);
    loop_run(f);
    assert_int_equal(weir_task_join(&first, &result), WEIR_OK);
    assert_int_equal(result, WEIR_OK);
    assert_int_equal(depth, 0);
}

/* A wrong table keeps its error; nothing but that can be had from it. */
static void test_loops_that_could_not_be_opened(void **state)
{
    (void)state;
    weir_loop_table hole = { .struct_size = sizeof hole };
    weir_loop *loop = weir_loop_new(&hole, NULL);
    assert_int_equal(weir_loop_error(loop)->status, WEIR_ARGUMENT);
    assert_refused(weir_task_spawn(loop, add_one, NULL), WEIR_ARGUMENT);
    weir_loop_turn(loop);
    assert_int_equal(weir_loop_free(&loop), WEIR_OK);
    assert_null(loop);
    assert_int_equal(weir_loop_free(&loop), WEIR_OK);
    loop = weir_loop_failed(WEIR_IO, "too many open files");
    assert_string_equal(weir_loop_error(loop)->message, "too many open files");
    assert_refused(weir_task_spawn(loop, add_one, NULL), WEIR_IO);
    assert_int_equal(weir_uv_close(&loop), WEIR_OK);
    loop = weir_uv_open(NULL);
    assert_int_equal(weir_loop_error(loop)->status, WEIR_ARGUMENT);
    assert_int_equal(weir_uv_close(&loop), WEIR_OK);
    assert_int_equal(weir_uv_close(&loop), WEIR_OK);
}

static void test_a_loop_with_tasks_is_not_closed(void **state)
{
    loop_fixture *f = *state;
    bool done = false;
    weir_task *task = weir_task_spawn(f->loop, sleep_20_ms, &done);
    assert_int_equal(f->kind->close(&f->loop), WEIR_INVALID_REQUEST);
    assert_non_null(f->loop);
    loop_run(f);
    assert_true(done);
    assert_int_equal(f->kind->close(&f->loop), WEIR_OK);
    assert_null(f->loop);
    weir_task_cancel(task);             /* its handle outlives the loop */
    int result = -1;
    assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
    assert_int_equal(result, WEIR_OK);
}

static void test_the_wrong_adapter_does_not_close_a_loop(void **state)
{
    loop_fixture *f = *state;
    if (f->kind != &loop_of_uv)
        assert_int_equal(weir_uv_close(&f->loop), WEIR_INVALID_REQUEST);
    assert_non_null(f->loop);
}

static int close_its_loop(void *argument)
{
    loop_fixture *f = argument;
    return f->kind->close(&f->loop);
}

static void test_a_task_cannot_close_its_loop(void **state)
{
    loop_fixture *f = *state;
    weir_task *task = weir_task_spawn(f->loop, close_its_loop, f);
    loop_run(f);
    int result = WEIR_OK;
    assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
    assert_int_equal(result, WEIR_INVALID_REQUEST);
}

/* ---- the loop's thread outside of tasks (RULES T1) */
static void do_nothing(void *argument) { (void)argument; }

static void test_waiting_outside_of_tasks(void **state)
{
    loop_fixture *f = *state;
    int count = 0;
    weir_error error;
    assert_int_equal(weir_sleep(1), WEIR_OK);                   /* set-up may block */
    assert_int_equal(weir_may_wait(&error), WEIR_OK);
    weir_task *task = weir_task_spawn(f->loop, add_one, &count);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);     /* it has ended: nothing to wait for */
    assert_int_equal(weir_sleep(1), WEIR_WOULD_BLOCK);
    assert_int_equal(weir_wait_fd(0, 1, 0), WEIR_WOULD_BLOCK);
    assert_int_equal(weir_blocking(do_nothing, NULL), WEIR_WOULD_BLOCK);
    assert_int_equal(weir_task_yield(), WEIR_OK);
    assert_int_equal(weir_may_wait(&error), WEIR_WOULD_BLOCK);
    assert_int_equal(error.status, WEIR_WOULD_BLOCK);
    assert_string_equal(error.message, "This call would have to wait, and this is the thread of an event loop outside a task: call it "
                        "in a task (weir_task_spawn), or use weir_session_stream");
    task = weir_task_spawn(f->loop, add_one, &count);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_WOULD_BLOCK);
    assert_non_null(task);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(f->kind->close(&f->loop), WEIR_OK);
    assert_int_equal(weir_sleep(1), WEIR_OK);                   /* an ordinary thread again */
}

typedef struct closings { int done, outcomes[100]; } closings;

static void close_slowly(void *argument)
{
    closings *c = argument;
    assert_non_null(weir_task_current());
    c->outcomes[c->done] = weir_sleep(1);
    c->done++;
}

static bool failing;
static void *allocate(size_t size, void *context) { (void)context; return failing ? NULL : malloc(size); }
static void *resize(void *block, size_t size, void *context) { (void)context; return failing ? NULL : realloc(block, size); }
static void release(void *block, void *context) { (void)context; free(block); }

/* More than stand in line, so that the last ones find no place. */
static void close_many(loop_fixture *f, closings *c, int count, int deferred)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(weir_defer(close_slowly, c), i < deferred);
    assert_int_equal(c->done, 0);
    failing = false;
    loop_run(f);
    assert_int_equal(c->done, deferred);
    for (int i = 0; i < c->done; i++)
        assert_int_equal(c->outcomes[i], WEIR_OK);
}

static void test_closing_is_handed_to_a_task_even_without_memory(void **state)
{
    loop_fixture *f = *state;
    closings none = { 0 }, few = { 0 }, again = { 0 };
    int count = 0;
    assert_false(weir_defer(close_slowly, &none));              /* set-up closes by itself */
    weir_task *task = weir_task_spawn(f->loop, add_one, &count);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    close_many(f, &none, 10, 10);
    failing = true;
    close_many(f, &few, WEIR_CLOSINGS + 3, WEIR_CLOSINGS + 1);
    failing = true;
    close_many(f, &again, 5, 5);
}

/* The spare task was used, and there was no memory for another one: nobody would do what is handed over then. */
static void test_closing_without_memory_and_without_a_task(void **state)
{
    loop_fixture *f = *state;
    closings c = { 0 };
    int count = 0;
    weir_task *task = weir_task_spawn(f->loop, add_one, &count);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    failing = true;
    assert_true(weir_defer(close_slowly, &c));
    loop_run(f);
    assert_int_equal(c.done, 1);
    bool deferred = weir_defer(close_slowly, &c);
    failing = false;
    assert_false(deferred);
    task = weir_task_spawn(f->loop, add_one, &count);           /* with it comes a spare one again */
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    c.done = 0;
    failing = true;
    close_many(f, &c, 3, 3);
}

static void test_spawning_and_opening_without_memory(void **state)
{
    loop_fixture *f = *state;
    failing = true;
    assert_refused(weir_task_spawn(f->loop, add_one, NULL), WEIR_OUT_OF_MEMORY);
    void *own = NULL;
    weir_loop *loop = NULL;
    if (f->kind == &loop_of_uv) {
        own = f->kind->make(&loop);
        assert_int_equal(weir_loop_error(loop)->status, WEIR_OUT_OF_MEMORY);
        assert_int_equal(f->kind->close(&loop), WEIR_OK);
        f->kind->drop(own);
    }
    failing = false;
}

static void test_figures(void **state)
{
    loop_fixture *f = *state;
    weir_task_figures before, during, after;
    int count = 0;
    weir_task_usage(&before);
    weir_task *one = weir_task_spawn(f->loop, add_one, &count), *two = weir_task_spawn(f->loop, add_one, &count);
    weir_task_usage(&during);
    loop_run(f);
    weir_task_usage(&after);
    assert_int_equal(during.tasks, before.tasks + 2);
    assert_int_equal(during.spawned, before.spawned + 2);
    assert_int_equal(during.stack_bytes, before.stack_bytes + 2 * WEIR_STACK_DEFAULT);
    assert_int_equal(after.tasks, before.tasks);
    assert_int_equal(after.stack_bytes, during.stack_bytes);    /* kept for reuse */
    assert_int_equal(weir_task_join(&one, NULL), WEIR_OK);
    assert_int_equal(weir_task_join(&two, NULL), WEIR_OK);
}

int main(void)
{
    const weir_allocator allocator = { allocate, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        ON_LOOPS(test_a_task_runs_and_gives_its_result),
        ON_LOOPS(test_a_task_parks_until_another_unparks_it),
        ON_LOOPS(test_a_thread_unparks_a_task),
        ON_LOOPS(test_a_park_ends_at_its_deadline),
        ON_LOOPS(test_tasks_and_threads_join_tasks),
        ON_LOOPS(test_detached_tasks_free_themselves),
        ON_LOOPS(test_spawning_wrongly_is_told_by_join),
        ON_LOOPS(test_a_task_knows_itself_and_cannot_join_itself),
        ON_LOOPS(test_tasks_spawn_and_join_tasks),
        cmocka_unit_test(test_loops_that_could_not_be_opened),
        ON_LOOPS(test_a_loop_with_tasks_is_not_closed),
        ON_LOOPS(test_the_wrong_adapter_does_not_close_a_loop),
        ON_LOOPS(test_a_task_cannot_close_its_loop),
        ON_LOOPS(test_waiting_outside_of_tasks),
        ON_LOOPS(test_closing_is_handed_to_a_task_even_without_memory),
        ON_LOOPS(test_closing_without_memory_and_without_a_task),
        ON_LOOPS(test_spawning_and_opening_without_memory),
        ON_LOOPS(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
