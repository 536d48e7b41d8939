/* The article's eviction: every invoice in partitions, and expunge_all between two of them, any number of times. */
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

static int64_t invoices_seen, cents_seen;

static void process(const struct invoice *invoice)
{
    invoices_seen++;
    cents_seen += invoice->total_cents;
}

static int stream_and_evict(weir_session *session, size_t batch_size)
{
    weir_stmt *query = weir_select(&invoice_entity);
    weir_order_by(query, WEIR_ASC(WEIR_COL(invoice, id)));
    weir_yield_per(query, (int64_t)batch_size);

    weir_result *result = weir_session_execute(session, query);
    for (const weir_partition *chunk; (chunk = weir_result_next_partition(result, batch_size)) != NULL; ) {
        for (size_t i = 0; i < chunk->count; i++)
            process(WEIR_ROW(invoice, chunk->rows[i]));
        weir_session_expunge_all(session);      /* allowed, and not needed: a stream's instances go with their partition */
    }
    weir_stmt_free(&query);
    int status = weir_result_close(&result);
    if (status == WEIR_OK)
        printf("%" PRId64 " invoices, %" PRId64 " cents, %zu left in the session\n", invoices_seen, cents_seen,
               weir_session_count(session));
    return status;
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    weir_session *session = weir_session_open(engine);
    if (status == WEIR_OK)
        status = stream_and_evict(session, 2000);
    if (status != WEIR_OK)
        fprintf(stderr, "%s: %s\n", weir_status_name(status), weir_session_error(session)->message);
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return (status ? status : closed) != WEIR_OK;
}
