/* Running a test's body in a task, or on a loop's thread outside of tasks, beside a timer. */
#include "support_task.h"
#include "loops.h"
#include "support.h"
#include <stdlib.h>
#include <time.h>

/* A loop of its own, and the timer that must not be kept waiting. */
typedef struct ground {
    const loop_kind *kind;
    void      *own;
    weir_loop *tasks;
    int        ticks;
    bool       turned;
    int64_t    last_us, worst_us;
    void     (*callback)(weir_loop *loop, void *argument);
    void      *argument;
} ground;

static int64_t worst;
static const ground *running;

int64_t worst_tick_us(void) { return worst; }
int ticks_so_far(void) { return running->ticks; }

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void tick(void *argument)
{
    ground *g = argument;
    int64_t now = now_us();
    g->ticks++;
    if (g->last_us && now - g->last_us > g->worst_us)
        g->worst_us = now - g->last_us;
    g->last_us = now;
}

static void begin(ground *g)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    g->kind = loop_under_test();
    g->own = g->kind->make(&g->tasks);
    g->kind->start_ticks(g->own, tick, g);
    assert_error(weir_loop_error(g->tasks), WEIR_OK);
    running = g;
}

static int end(ground *g)
{
    assert_status(g->kind->close(&g->tasks), WEIR_OK);
    g->kind->stop_ticks(g->own);
    g->kind->drop(g->own);
    unsetenv("CMOCKA_TEST_ABORT");
    worst = g->worst_us;
    return g->ticks;
}

int run_in_task_for(int (*body)(void *argument), void *argument, size_t stack_size, int *result)
{
    ground g = { .ticks = 0 };
    begin(&g);
    weir_task *task = weir_task_spawn_with(g.tasks, body, argument, WEIR_TASK_OPTIONS(.stack_size = stack_size, .name = "test"));
    g.kind->run(g.own, g.tasks);
    assert_status(weir_task_join(&task, result), WEIR_OK);
    return end(&g);
}

int run_in_task(int (*body)(void *argument), void *argument, size_t stack_size)
{
    int result = WEIR_ERROR, ticks = run_in_task_for(body, argument, stack_size, &result);
    assert_status(result, WEIR_OK);
    return ticks;
}

/* Before the loop's first turn its thread is an ordinary one. */
static int note_turn(void *argument)
{
    ((ground *)argument)->turned = true;
    return WEIR_OK;
}

static void call(void *argument)
{
    ground *g = argument;
    if (g->turned)
        g->callback(g->tasks, g->argument);
    else
        g->kind->call_after(g->own, 1, call, g);
}

int run_on_loop(void (*callback)(weir_loop *loop, void *argument), void *argument)
{
    ground g = { .callback = callback, .argument = argument };
    begin(&g);
    weir_task *task = weir_task_spawn(g.tasks, note_turn, &g);
    weir_task_detach(&task);
    g.kind->call_after(g.own, 5, call, &g);
    g.kind->run(g.own, g.tasks);
    return end(&g);
}
