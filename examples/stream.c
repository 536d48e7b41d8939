/* The first example of the README: every paid invoice of a tenant, in batches of 2000, whatever their number. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>

int main(int argc, char **argv)
{
    weir_engine *engine;
    if (weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///invoices.db", NULL) != WEIR_OK)
        fprintf(stderr, "%s\n", weir_engine_error(engine)->message);

    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *query = weir_sql("SELECT id, total_cents FROM invoices WHERE tenant_id = :tenant AND status = :status ORDER BY id");
    WEIR_BIND(query, "tenant", 42);
    WEIR_BIND(query, "status", "paid");
    weir_yield_per(query, 2000);

    int64_t rows = 0, sum = 0;
    weir_result *invoices = weir_connection_execute(connection, query, NULL);
    for (const weir_row *row; (row = weir_result_next(invoices)) != NULL; rows++)
        sum += weir_row_int64(row, "total_cents");

    char why[1024];
    weir_error_format(weir_result_error(invoices), why, sizeof why);
    int status = weir_result_close(&invoices);          /* 0, or why the stream ended early */
    weir_stmt_free(&query);
    int closed = weir_connection_close(&connection);
    weir_engine_close(&engine);
    if (status != WEIR_OK || closed != WEIR_OK) {
        fprintf(stderr, "%s\n", status ? why : weir_status_name(closed));
        return 1;
    }
    printf("%" PRId64 " invoices, %" PRId64 " cents\n", rows, sum);
    return 0;
}
