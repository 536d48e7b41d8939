/* The article's aggregate: a column and a sum under a label, streamed in partitions of 500, rows read by name. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>

struct invoice {
    int64_t     id;
    int64_t     tenant_id;
    int64_t     total_cents;
    const char *status;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id, .indexed = true),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

static void record_revenue(int64_t tenant_id, int64_t revenue)
{
    printf("tenant %" PRId64 ": %" PRId64 "\n", tenant_id, revenue);
}

static int revenue_by_tenant(weir_session *session)
{
    weir_stmt *query =
        weir_select_columns(WEIR_COL(invoice, tenant_id), WEIR_LABEL(WEIR_SUM(WEIR_COL(invoice, total_cents)), "revenue"));
    weir_group_by(query, WEIR_COL(invoice, tenant_id));
    weir_order_by(query, WEIR_COL(invoice, tenant_id));
    weir_yield_per(query, 500);

    weir_result *result = weir_session_execute(session, query);
    for (const weir_partition *partition; (partition = weir_result_next_partition(result, 500)) != NULL; )
        for (size_t i = 0; i < partition->count; i++)
            record_revenue(weir_row_int64(partition->rows[i], "tenant_id"), weir_row_int64(partition->rows[i], "revenue"));
    weir_stmt_free(&query);
    return weir_result_close(&result);
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    weir_session *session = weir_session_open(engine);
    if (status == WEIR_OK)
        status = revenue_by_tenant(session);
    if (status != WEIR_OK)
        fprintf(stderr, "%s: %s\n", weir_status_name(status), weir_session_error(session)->message);
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return (status ? status : closed) != WEIR_OK;
}
