/* Running a test's body in a task beside a timer. */
#include "support_task.h"
#include "support.h"
#include <stdlib.h>
#include <weir/adapters/uv.h>

static void tick(uv_timer_t *timer) { ++*(int *)timer->data; }

int run_in_task_for(int (*body)(void *argument), void *argument, size_t stack_size, int *result)
{
    uv_loop_t loop;
    uv_timer_t timer;
    int ticks = 0;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, tick, 1, 1);
    uv_unref((uv_handle_t *)&timer);
    weir_loop *tasks = weir_uv_open(&loop);
    assert_error(weir_loop_error(tasks), WEIR_OK);
    weir_task *task = weir_task_spawn_with(tasks, body, argument, WEIR_TASK_OPTIONS(.stack_size = stack_size, .name = "test"));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_status(weir_task_join(&task, result), WEIR_OK);
    assert_status(weir_uv_close(&tasks), WEIR_OK);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    unsetenv("CMOCKA_TEST_ABORT");
    return ticks;
}

int run_in_task(int (*body)(void *argument), void *argument, size_t stack_size)
{
    int result = WEIR_ERROR, ticks = run_in_task_for(body, argument, stack_size, &result);
    assert_status(result, WEIR_OK);
    return ticks;
}
