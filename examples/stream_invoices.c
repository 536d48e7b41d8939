/* The article's first example: all invoices of a tenant as instances, 2000 at a time. */
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

static void process(const struct invoice *invoice)
{
    printf("invoice %" PRId64 ": %" PRId64 " cents, %s\n", invoice->id, invoice->total_cents, invoice->status);
}

static int stream_invoices(weir_session *session, int64_t tenant_id)
{
    weir_stmt *query = weir_select(&invoice_entity);
    weir_where(query, WEIR_EQ(WEIR_COL(invoice, tenant_id), tenant_id));
    weir_order_by(query, WEIR_ASC(WEIR_COL(invoice, id)));
    weir_yield_per(query, 2000);

    weir_result *invoices = weir_session_scalars(session, query);
    for (struct invoice *invoice; (invoice = WEIR_NEXT(invoice, invoices)) != NULL; )
        process(invoice);
    weir_stmt_free(&query);
    return weir_result_close(&invoices);        /* 0, or why the stream ended early */
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    weir_session *session = weir_session_open(engine);
    if (status == WEIR_OK)
        status = stream_invoices(session, 42);
    if (status != WEIR_OK)
        fprintf(stderr, "%s: %s\n", weir_status_name(status), weir_session_error(session)->message);
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return (status ? status : closed) != WEIR_OK;
}
