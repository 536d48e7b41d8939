/* weir's keyset pages: the URL in PEER_URL; arguments: first or deep (which page), id or mixed (the order), how many rows to read in pages
 * of 100 (default 1000000). Reads the same page again and again: the first one, or a page before the table's end. */
#include <weir/weir.h>
#include "peer.h"

enum { PAGE = 100 };

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

static const weir_keyset_page *wanted(const weir_keyset *keyset, const weir_keyset_page *page) {
  if (page && page->count == PAGE) return page;
  fprintf(stderr, "no full page: %s\n", weir_keyset_error(keyset)->message);
  exit(1);
}
/* The token of a place with a page behind it: a row into the last page but one. */
static void find_place(weir_keyset *keyset, char *token, size_t size) {
  wanted(keyset, weir_keyset_last(keyset));
  snprintf(token, size, "%s", wanted(keyset, weir_keyset_previous(keyset, NULL))->previous);
}
int main(int argc, char **argv) {
  int deep = argc > 1 && strcmp(argv[1], "deep") == 0, mixed = argc > 2 && strcmp(argv[2], "mixed") == 0;
  long long most = argc > 3 ? atoll(argv[3]) : 1000000, rows = 0;
  const char *url = getenv("PEER_URL");
  char token[512];
  weir_engine *engine;
  peer_start();
  if (weir_engine_open(&engine, url ? url : "postgresql:///bench", NULL) != WEIR_OK) {
    fprintf(stderr, "%s\n", weir_engine_error(engine)->message);
    return 1;
  }
  weir_connection *connection = weir_engine_connect(engine);
  peer_connected();
  weir_stmt *query = weir_select(&invoice_entity);
  if (mixed) weir_order_by(query, WEIR_DESC(WEIR_COL(invoice, total_cents)));
  weir_order_by(query, WEIR_ASC(WEIR_COL(invoice, id)));
  weir_keyset *keyset = weir_connection_keyset(connection, query, WEIR_KEYSET_OPTIONS(.page_size = PAGE));
  weir_stmt_free(&query);
  if (deep) find_place(keyset, token, sizeof token);
  while (rows < most) {
    const weir_keyset_page *page = wanted(keyset, deep ? weir_keyset_next(keyset, token) : weir_keyset_first(keyset));
    for (size_t i = 0; i < page->count; i++, rows++) /* rows differ from depth to depth: that each was read is all that is summed up */
      peer_hash((int64_t)i, weir_row_int64_at(page->rows[i], 0) > 0, weir_row_int64_at(page->rows[i], 2) >= 0, "page", 4);
    peer_first();
  }
  int status = weir_keyset_close(&keyset), closed = weir_connection_close(&connection);
  weir_engine_close(&engine);
  if (status || closed) return 1;
  peer_report(rows);
  return 0;
}
