/* Tasks on each loop: spawning, parking, joining, yielding, sleeping, and errors of all of them. */
#include "task_loops.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/wait.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LOOPS(test_a_task_runs_and_gives_its_result),
        ON_LOOPS(test_a_task_parks_until_another_unparks_it),
        ON_LOOPS(test_a_thread_unparks_a_task),
        ON_LOOPS(test_a_park_ends_at_its_deadline),
        ON_LOOPS(test_tasks_and_threads_join_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
