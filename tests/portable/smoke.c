/* What must work wherever weir builds: a stream from each database, in a thread and in a task on a libuv loop; or, in a build without
 * tasks, a loop that does not open and says why.
 * usage: smoke tasks|no-tasks URL… (scripts/check-portable) */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <weir/adapters/uv.h>
#include <weir/weir.h>

enum { ROWS = 20000 };

static int stream(void *url)
{
    weir_engine *engine;
    int64_t sum = 0;
    char text[256];
    snprintf(text, sizeof text, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n", ROWS);
    int status = weir_engine_open(&engine, url, NULL);
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql(text);
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 500));
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
        sum += weir_row_int64_at(row, 0);
    int closed = weir_result_close(&result);
    if (closed)
        printf("%s\n", weir_connection_error(connection)->message);
    weir_stmt_free(&stmt);
    int ended = weir_connection_close(&connection);
    weir_engine_close(&engine);
    printf("%" PRId64 " %s\n", sum, weir_task_current() ? "in a task" : "in a thread");
    return status ? status : closed ? closed : ended ? ended : sum == (int64_t)ROWS * (ROWS + 1) / 2 ? WEIR_OK : WEIR_DATA;
}

static int stream_in_a_task(char *url, bool tasks)
{
    uv_loop_t loop;
    int result = WEIR_ERROR;
    uv_loop_init(&loop);
    weir_loop *weir = weir_uv_open(&loop);
    int opened = weir_loop_error(weir)->status;
    printf("%s", opened ? weir_loop_error(weir)->message : "");
    weir_task *task = weir_task_spawn(weir, stream, url);
    uv_run(&loop, UV_RUN_DEFAULT);
    int joined = weir_task_join(&task, &result);
    int closed = weir_uv_close(&weir);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) != 0 || closed)
        return WEIR_ERROR;
    if (!tasks)
        return opened == WEIR_NOT_SUPPORTED && joined == WEIR_NOT_SUPPORTED ? puts(""), WEIR_OK : WEIR_ERROR;
    return joined ? joined : result;
}

int main(int count, char **arguments)
{
    int status = count < 3 ? WEIR_ARGUMENT : WEIR_OK;
    for (int i = 2; i < count && !status; i++) {
        status = stream(arguments[i]);
        if (!status)
            status = stream_in_a_task(arguments[i], strcmp(arguments[1], "tasks") == 0);
    }
    printf("smoke: %s\n", status ? weir_status_name(status) : "fine");
    return status != WEIR_OK;
}
