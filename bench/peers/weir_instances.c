/* weir into instances: the URL in PEER_URL, arguments: yield_per (default 5000; 0: buffered), and a memory
 * budget in bytes (default: none; with yield_per 0 it streams alone). */
#include <stddef.h>
#include <weir/weir.h>
#include "peer.h"

struct invoice { int64_t id, tenant_id, total_cents; weir_text status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

int main(int argc, char **argv) {
  int64_t batch = argc > 1 ? atoll(argv[1]) : 5000;
  const char *url = getenv("PEER_URL"), *limit = getenv("PEER_LIMIT");
  weir_engine *engine;
  long long rows = 0;
  peer_start();
  if (weir_engine_open(&engine, url ? url : "postgresql:///bench", NULL) != WEIR_OK) {
    fprintf(stderr, "%s\n", weir_engine_error(engine)->message);
    return 1;
  }
  weir_session *session = weir_session_open(engine);
  weir_session_connection(session);
  peer_connected();
  weir_stmt *query = weir_select(&invoice_entity);
  if (limit && atoll(limit) > 0)
    weir_where(query, WEIR_LE(WEIR_COL(invoice, id), atoll(limit)));
  weir_order_by(query, WEIR_ASC(WEIR_COL(invoice, id)));
  if (batch > 0) weir_yield_per(query, batch);
  if (argc > 2) weir_memory(query, (size_t)atoll(argv[2]));
  weir_result *invoices = weir_session_scalars(session, query);
  for (struct invoice *invoice; (invoice = WEIR_NEXT(invoice, invoices)) != NULL; rows++) {
    peer_hash(invoice->id, invoice->tenant_id, invoice->total_cents, invoice->status.ptr, invoice->status.len);
    peer_first();
  }
  weir_stmt_free(&query);
  char message[1024];
  weir_error_format(weir_result_error(invoices), message, sizeof message);
  int status = weir_result_close(&invoices), closed = weir_session_close(&session);
  weir_engine_close(&engine);
  if (status || closed) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  peer_report(rows);
  return 0;
}
