/* Tasks on a libuv loop, by the installed weir-uv: a task says that it ran. */
#include <stdio.h>
#include <weir/adapters/uv.h>

static int task(void *context)
{
    (void)context;
    puts("ran");
    return WEIR_OK;
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    weir_loop *tasks = weir_uv_open(loop);
    weir_task *running = weir_task_spawn(tasks, task, NULL);
    weir_task_detach(&running);
    uv_run(loop, UV_RUN_DEFAULT);
    int status = weir_uv_close(&tasks);
    uv_run(loop, UV_RUN_DEFAULT);
    return status != WEIR_OK;
}
