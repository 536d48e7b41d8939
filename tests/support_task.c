/* Running a test's body in a task, or on a loop's thread outside of tasks, beside a timer. */
#include "support_task.h"
#include "support.h"
#include <stdlib.h>
#include <time.h>
#include <weir/adapters/uv.h>

/* A loop of its own, and the timer that must not be kept waiting. */
typedef struct ground {
    uv_loop_t  loop;
    uv_timer_t timer, first;
    weir_loop *tasks;
    int        ticks;
    bool       turned;
    int64_t    last_us, worst_us;
    void     (*callback)(weir_loop *loop, void *argument);
    void      *argument;
} ground;

static int64_t worst;

int64_t worst_tick_us(void) { return worst; }

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void tick(uv_timer_t *timer)
{
    ground *g = timer->data;
    int64_t now = now_us();
    g->ticks++;
    if (g->last_us && now - g->last_us > g->worst_us)
        g->worst_us = now - g->last_us;
    g->last_us = now;
}

static void begin(ground *g)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(uv_loop_init(&g->loop), 0);
    uv_timer_init(&g->loop, &g->timer);
    g->timer.data = g;
    uv_timer_start(&g->timer, tick, 1, 1);
    uv_unref((uv_handle_t *)&g->timer);
    g->tasks = weir_uv_open(&g->loop);
    assert_error(weir_loop_error(g->tasks), WEIR_OK);
}

static int end(ground *g)
{
    assert_status(weir_uv_close(&g->tasks), WEIR_OK);
    uv_close((uv_handle_t *)&g->timer, NULL);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&g->loop), 0);
    unsetenv("CMOCKA_TEST_ABORT");
    worst = g->worst_us;
    return g->ticks;
}

int run_in_task_for(int (*body)(void *argument), void *argument, size_t stack_size, int *result)
{
    ground g = { .ticks = 0 };
    begin(&g);
    weir_task *task = weir_task_spawn_with(g.tasks, body, argument, WEIR_TASK_OPTIONS(.stack_size = stack_size, .name = "test"));
    uv_run(&g.loop, UV_RUN_DEFAULT);
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

static void call(uv_timer_t *timer)
{
    ground *g = timer->data;
    if (!g->turned)
        return;
    uv_close((uv_handle_t *)timer, NULL);
    g->callback(g->tasks, g->argument);
}

int run_on_loop(void (*callback)(weir_loop *loop, void *argument), void *argument)
{
    ground g = { .callback = callback, .argument = argument };
    begin(&g);
    uv_timer_init(&g.loop, &g.first);
    g.first.data = &g;
    weir_task *task = weir_task_spawn(g.tasks, note_turn, &g);
    weir_task_detach(&task);
    uv_timer_start(&g.first, call, 5, 1);
    uv_run(&g.loop, UV_RUN_DEFAULT);
    return end(&g);
}
