/* weir: orders with their lines by selectinload; the URL in PEER_URL, argument: yield_per (default 500). */
#include <weir/weir.h>
#include "peer.h"

struct order_line { int64_t id, order_id, product_id, quantity; };
struct order {
  int64_t id, tenant_id, amount_cents;
  weir_text state;
  WEIR_MANY(struct order_line) lines;
};
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true),
    WEIR_COLUMN(order_line, order_id),
    WEIR_COLUMN(order_line, product_id),
    WEIR_COLUMN(order_line, quantity));
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id));

static void take(const struct order *order) {
  uint64_t lines = 0;
  for (size_t i = 0; i < order->lines.count; i++) {
    const struct order_line *line = order->lines.items[i];
    lines += peer_line(line->id, line->order_id, line->product_id, line->quantity);
  }
  peer_hash(order->id, order->tenant_id, order->amount_cents, order->state.ptr, order->state.len);
  peer_hash_lines(lines);
  peer_first();
}
static weir_stmt *orders_query(int64_t batch) {
  const char *limit = getenv("PEER_LIMIT");
  weir_stmt *query = weir_select(&order_entity);
  weir_selectinload(query, WEIR_COL(order, lines));
  if (limit && atoll(limit) > 0)
    weir_where(query, WEIR_LE(WEIR_COL(order, id), atoll(limit)));
  weir_order_by(query, WEIR_ASC(WEIR_COL(order, id)));
  weir_yield_per(query, batch);
  return query;
}
int main(int argc, char **argv) {
  const char *url = getenv("PEER_URL");
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
  weir_stmt *query = orders_query(argc > 1 ? atoll(argv[1]) : 500);
  weir_result *orders = weir_session_scalars(session, query);
  for (struct order *order; (order = WEIR_NEXT(order, orders)) != NULL; rows++)
    take(order);
  weir_stmt_free(&query);
  char message[1024];
  weir_error_format(weir_result_error(orders), message, sizeof message);
  int status = weir_result_close(&orders), closed = weir_session_close(&session);
  weir_engine_close(&engine);
  if (status || closed) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  peer_report(rows);
  return 0;
}
