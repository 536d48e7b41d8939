/* Stacks of tasks: ten thousand at once, reuse, what they hold of memory, and the guard area at their end; and many threads at
 * once that spawn, wake and cancel. */
#include "task_loops.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/wait.h"
#include "task/inside.h"

#ifdef __has_include
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#endif

#if defined(__SANITIZE_THREAD__)
#define MANY 300                        /* its fibers are few and large */
#else
#define MANY 10000
#endif

static long number_in(const char *path, const char *key)
{
    char line[256];
    long number = -1;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            number = strtol(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    return number;
}

static long resident_kib(void) { return number_in("/proc/self/status", "VmRSS:"); }

/* ---- ten thousand */
typedef struct crowd { weir_parker gate; int parked, passed; weir_parker *parkers; } crowd;

static int park_in_the_crowd(void *argument)
{
    crowd *c = argument;
    weir_parker *parker = &c->parkers[c->parked++];
    weir_parker_init(parker);
    assert_int_equal(weir_park(parker, WEIR_NO_DEADLINE), WEIR_READY);
    weir_parker_destroy(parker);
    c->passed++;
    return WEIR_OK;
}

static int let_the_crowd_go(void *argument)
{
    crowd *c = argument;
    assert_int_equal(c->parked, MANY);
    assert_int_equal(c->passed, 0);
    for (int i = 0; i < MANY; i++)
        weir_unpark(&c->parkers[i]);
    return WEIR_OK;
}

static void test_ten_thousand_parked_tasks(void **state)
{
    loop_fixture *f = *state;
    long limit = number_in("/proc/sys/vm/max_map_count", ""), before = resident_kib();
    if (limit > 0 && limit < 3 * MANY) {
        print_message("vm.max_map_count is %ld: too few mappings\n", limit);
        skip();
    }
    crowd c = { .parkers = calloc(MANY, sizeof *c.parkers) };
    for (int i = 0; i < MANY; i++) {
        weir_task *task = weir_task_spawn_with(f->loop, park_in_the_crowd, &c, WEIR_TASK_OPTIONS(.stack_size = 64 * 1024));
        weir_task_detach(&task);
    }
    weir_task_figures figures;
    weir_memory_figures memory;
    weir_task_usage(&figures);
    weir_memory_usage(&memory);
    assert_int_equal(figures.tasks, MANY);
    assert_int_equal(figures.stack_bytes, (size_t)MANY * 64 * 1024 + WEIR_STACK_DEFAULT);       /* and the spare one */
    weir_task *task = weir_task_spawn(f->loop, let_the_crowd_go, &c);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    print_message("%d tasks: %zu KiB of stacks mapped, %ld KiB resident, %zu KiB of structs\n", MANY, figures.stack_bytes / 1024,
                  (long)number_in("/proc/self/status", "VmHWM:") - before, memory.by_purpose[WEIR_MEMORY_HANDLES] / 1024);
    assert_int_equal(c.passed, MANY);
    weir_task_usage(&figures);
    assert_int_equal(figures.tasks, 0);
    free(c.parkers);
}

static int sleep_briefly(void *argument)
{
    int status = weir_sleep((int64_t)((uintptr_t)argument % 97 + 1));
    return status;
}

static void test_ten_thousand_sleeps(void **state)
{
    loop_fixture *f = *state;
    for (int i = 0; i < MANY; i++) {
        weir_task *task = weir_task_spawn_with(f->loop, sleep_briefly, (void *)(uintptr_t)(i * 7919), WEIR_TASK_OPTIONS(.stack_size = 65536));
        weir_task_detach(&task);
    }
    loop_run(f);
    assert_int_equal(weir_loop_tasks(f->loop), 0);
}

/* ---- reuse */
static int touch_much(void *argument)
{
    volatile char much[180 * 1024];
    memset((char *)much, 1, sizeof much);
    *(uintptr_t *)argument = (uintptr_t)&much[0];
    return much[100] == 1 ? WEIR_OK : WEIR_ERROR;
}

static void test_stacks_are_reused_and_give_their_memory_back(void **state)
{
    loop_fixture *f = *state;
    uintptr_t places[200];
    weir_task_figures figures;
    for (int i = 0; i < 200; i++) {
        weir_task *task = weir_task_spawn(f->loop, touch_much, &places[i]);
        loop_run(f);
        int result = -1;
        assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
        assert_int_equal(result, WEIR_OK);
#ifndef __SANITIZE_ADDRESS__            /* its frames lie elsewhere */
        assert_int_equal(places[i], places[0]);
#endif
    }
    weir_task_usage(&figures);
    assert_int_equal(figures.stack_bytes, 2 * WEIR_STACK_DEFAULT);      /* one kept, one spare */
    long before = resident_kib();
    weir_task *tasks[300];
    for (int i = 0; i < 300; i++)
        tasks[i] = weir_task_spawn(f->loop, touch_much, &places[0]);
    loop_run(f);
    weir_task_usage(&figures);
    assert_int_equal(figures.stack_bytes, (WEIR_STACKS_KEPT + 1) * WEIR_STACK_DEFAULT);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (!RUNNING_ON_VALGRIND)           /* its own memory is counted too */
        assert_in_range(resident_kib() - before, 0, WEIR_STACKS_KEPT * 20 + 2000);
#else
    (void)before;
#endif
    for (int i = 0; i < 300; i++)
        assert_int_equal(weir_task_join(&tasks[i], NULL), WEIR_OK);
}

/* ---- the guard area */
static int recurse(volatile char *above, int depth)
{
    volatile char frame[1000];
    frame[0] = above ? above[0] : 1;
    return depth == 0 ? frame[0] : recurse(frame, depth - 1) + frame[0];
}

static int run_over_its_stack(void *argument) { return recurse(NULL, *(int *)argument); }

static void test_running_over_a_stack_ends_at_the_guard(void **state)
{
    loop_fixture *f = *state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        if (!freopen("/dev/null", "w", stderr))
            _exit(0);
        int depth = 100000;
        weir_loop *loop;                /* one of its own: the parent's is shared with the parent */
        void *own = f->kind->make(&loop);
        weir_task *first = weir_task_spawn(loop, run_over_its_stack, &depth);
        weir_task_detach(&first);
        f->kind->run(own, loop);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
#else
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
#endif
    int depth = 30;                     /* the parent's stacks are as they were */
    weir_task *task = weir_task_spawn(f->loop, run_over_its_stack, &depth);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
}

/* ---- threads */
enum { THREADS = 4, EACH = 200 };
typedef struct busy { loop_fixture *fixture; atomic_int runs; weir_parker over; } busy;

static int count_run(void *argument)
{
    busy *b = argument;
    int status = weir_task_yield();
    if (status == WEIR_OK)
        status = weir_sleep(1);
    atomic_fetch_add(&b->runs, 1);
    return status == WEIR_OK || status == WEIR_CANCELLED ? WEIR_OK : status;
}

static void *spawn_many(void *argument)
{
    busy *b = argument;
    for (int i = 0; i < EACH; i++) {
        int result = -1;
        weir_task *task = weir_task_spawn(b->fixture->loop, count_run, b);
        if (i % 3 == 0) {
            weir_task_detach(&task);
            continue;
        }
        if (i % 3 == 1)
            weir_task_cancel(task);
        assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
        assert_int_equal(result, WEIR_OK);
    }
    weir_unpark(&b->over);
    return NULL;
}

static int wait_for_threads(void *argument)
{
    busy *all = argument;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(weir_park(&all[i].over, WEIR_NO_DEADLINE), WEIR_READY);
    return WEIR_OK;
}

static void test_threads_spawn_cancel_and_join(void **state)
{
    loop_fixture *f = *state;
    busy all[THREADS];
    pthread_t threads[THREADS];
    weir_task *waits = weir_task_spawn(f->loop, wait_for_threads, all);
    for (int i = 0; i < THREADS; i++) {
        all[i] = (busy){ .fixture = f };
        weir_parker_init(&all[i].over);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, spawn_many, &all[i]);
    loop_run(f);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    loop_run(f);
    assert_int_equal(weir_task_join(&waits, NULL), WEIR_OK);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(atomic_load(&all[i].runs), EACH);
        weir_parker_destroy(&all[i].over);
    }
}

/* Two loops on two threads pass a token to and fro. */
typedef struct player { weir_parker turn; struct player *other; int rounds; const loop_kind *kind; } player;

static int play(void *argument)
{
    player *p = argument;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(weir_park(&p->turn, WEIR_NO_DEADLINE), WEIR_READY);
        p->rounds++;
        weir_unpark(&p->other->turn);
    }
    return WEIR_OK;
}

static void *run_player(void *argument)
{
    player *p = argument;
    weir_loop *loop;
    void *own = p->kind->make(&loop);
    weir_task *task = weir_task_spawn(loop, play, p);
    p->kind->run(own, loop);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(p->kind->close(&loop), WEIR_OK);
    p->kind->drop(own);
    return NULL;
}

static void test_tasks_of_two_threads_wake_each_other(void **state)
{
    loop_fixture *f = *state;
    player one = { .kind = f->kind }, two = { .kind = &loop_of_uv, .other = &one };
    one.other = &two;
    weir_parker_init(&one.turn);
    weir_parker_init(&two.turn);
    pthread_t thread;
    pthread_create(&thread, NULL, run_player, &two);
    weir_task *task = weir_task_spawn(f->loop, play, &one);
    weir_unpark(&one.turn);
    loop_run(f);
    pthread_join(thread, NULL);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(one.rounds, 500);
    assert_int_equal(two.rounds, 500);
    weir_parker_destroy(&one.turn);
    weir_parker_destroy(&two.turn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LOOPS(test_ten_thousand_parked_tasks),
        ON_LOOPS(test_ten_thousand_sleeps),
        ON_LOOPS(test_stacks_are_reused_and_give_their_memory_back),
        ON_LOOPS(test_running_over_a_stack_ends_at_the_guard),
        ON_LOOPS(test_threads_spawn_cancel_and_join),
        ON_LOOPS(test_tasks_of_two_threads_wake_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
