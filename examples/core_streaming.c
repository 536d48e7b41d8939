/* The article's Core stream: stream_results with max_row_buffer, rows taken 2000 at a time, an aggregate read by name. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>

static int revenue_by_tenant(weir_engine *engine)
{
    weir_stmt *query = weir_sql("SELECT tenant_id, sum(total_cents) AS revenue FROM invoices GROUP BY tenant_id ORDER BY tenant_id");
    weir_connection *connection = weir_engine_connect(engine);
    weir_result *result = weir_connection_execute(connection, query,
        WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 2000));
    for (const weir_partition *part; (part = weir_result_fetchmany(result, 2000)) != NULL; )
        for (size_t i = 0; i < part->count; i++)
            printf("tenant %" PRId64 ": %" PRId64 "\n", weir_row_int64(part->rows[i], "tenant_id"), weir_row_int64(part->rows[i], "revenue"));
    weir_stmt_free(&query);
    int status = weir_result_close(&result);
    int closed = weir_connection_close(&connection);
    return status ? status : closed;
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///invoices.db",
        WEIR_ENGINE_OPTIONS(.pool_size = 10, .max_overflow = 5, .pool_pre_ping = WEIR_ON));
    if (status == WEIR_OK)
        status = revenue_by_tenant(engine);
    weir_engine_close(&engine);
    if (status != WEIR_OK)
        fprintf(stderr, "%s\n", weir_status_name(status));
    return status != WEIR_OK;
}
