/* The hybrid pipeline: instances are streamed in one transaction, their totals updated by key, 2000 at a time, in others.
 * usage: weir_hybrid URL; the sum of what was written is checked by bench/write. */
#include "peer.h"
#include <weir/weir.h>

struct invoice { int64_t id, tenant_id, total_cents; weir_text status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

enum { BATCH = 2000 };
static struct invoice pending[BATCH];

static int write_batch(weir_engine *engine, const weir_stmt *update, size_t count)
{
    weir_connection *writer = weir_engine_begin(engine);
    int64_t written = weir_connection_execute_many(writer, update, pending, count);
    if (written < 0)
        fprintf(stderr, "%s\n", weir_connection_error(writer)->message);
    int committed = weir_connection_close(&writer);
    return written < 0 ? (int)written : committed;
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    size_t count = 0;
    long long rows = 0;
    int status = WEIR_OK;
    peer_start();
    if (argc < 2 || weir_engine_open(&engine, argv[1], NULL) != WEIR_OK)
        return 1;
    weir_session *session = weir_session_open(engine);
    weir_session_connection(session);
    peer_connected();
    weir_stmt *query = weir_select(&invoice_entity);
    weir_order_by(query, WEIR_ASC(WEIR_COL(invoice, id)));
    weir_yield_per(query, BATCH);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set_columns(update, WEIR_COL(invoice, total_cents));
    weir_result *invoices = weir_session_scalars(session, query);
    for (struct invoice *invoice; status == WEIR_OK && (invoice = WEIR_NEXT(invoice, invoices)) != NULL; rows++) {
        peer_hash(invoice->id, invoice->tenant_id, invoice->total_cents, invoice->status.ptr, invoice->status.len);
        peer_first();
        pending[count++] = (struct invoice){ .id = invoice->id, .total_cents = invoice->total_cents + 1 };
        if (count == BATCH) {
            status = write_batch(engine, update, count);
            count = 0;
        }
    }
    if (status == WEIR_OK && count)
        status = write_batch(engine, update, count);
    weir_stmt_free(&update);
    weir_stmt_free(&query);
    int read = weir_result_close(&invoices), closed = weir_session_close(&session);
    weir_engine_close(&engine);
    if (status || read || closed)
        return 1;
    peer_report(rows);
    return 0;
}
