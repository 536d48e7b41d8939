/* The first program of somebody new: streams invoices of a SQLite file and adds them up. */
#include <stdio.h>
#include <weir/weir.h>

int main(void)
{
    weir_engine *engine;
    int opened = weir_engine_open(&engine, "sqlite:///shop.db", NULL);
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *query = weir_sql("SELECT id, total_cents FROM invoices ORDER BY id");
    weir_yield_per(query, 2000);
    weir_result *invoices = weir_connection_execute(connection, query, NULL);
    long long total = 0;
    for (const weir_row *row; (row = weir_result_next(invoices)) != NULL; )
        total += weir_row_int64(row, "total_cents");
    int status = weir_result_close(&invoices);
    weir_stmt_free(&query);
    int closed = weir_connection_close(&connection);
    weir_engine_close(&engine);
    printf("%lld\n", total);
    return opened != WEIR_OK || status != WEIR_OK || closed != WEIR_OK;
}
