/* A transaction with a savepoint: weir_engine_begin commits when it is closed, or rolls back if a statement failed. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>

static int64_t run(weir_connection *connection, const char *sql)
{
    int64_t rows = weir_connection_run(connection, sql);
    if (rows < 0)
        fprintf(stderr, "%s: %s\n", sql, weir_connection_error(connection)->message);
    return rows;
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    if (weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite://", NULL) != WEIR_OK) {
        fprintf(stderr, "%s\n", weir_engine_error(engine)->message);
        weir_engine_close(&engine);
        return 1;
    }
    weir_connection *connection = weir_engine_begin(engine);
    run(connection, "CREATE TABLE weir_example(id integer PRIMARY KEY, note text)");
    run(connection, "INSERT INTO weir_example VALUES (1, 'stays')");
    int savepoint = weir_connection_savepoint(connection);
    run(connection, "INSERT INTO weir_example VALUES (2, 'is taken back')");
    if (savepoint < 0 || weir_connection_savepoint_rollback(connection, savepoint) != WEIR_OK)
        fprintf(stderr, "%s\n", weir_connection_error(connection)->message);

    weir_stmt *count = weir_sql("SELECT count(*) FROM weir_example");
    weir_result *result = weir_connection_execute(connection, count, NULL);
    int64_t rows = -1;
    const weir_value *value = weir_result_scalar(result);
    if (value && weir_value_as_int64(value, &rows, NULL) == WEIR_OK)
        printf("%" PRId64 " row\n", rows);
    weir_stmt_free(&count);
    int status = weir_result_close(&result);
    run(connection, "DROP TABLE weir_example");
    int closed = weir_connection_close(&connection);    /* commits */
    weir_engine_close(&engine);
    return status != WEIR_OK || closed != WEIR_OK || rows != 1;
}
