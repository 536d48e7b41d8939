/* The article's select-in loading: orders streamed 500 at a time, the lines of each batch by one more SELECT. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>

struct order_line {
    int64_t id, order_id, product_id, quantity;
};
struct order {
    int64_t     id;
    int64_t     tenant_id;
    int64_t     amount_cents;
    const char *state;
    WEIR_MANY(struct order_line) lines;
};
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true),
    WEIR_COLUMN(order_line, order_id, .indexed = true),
    WEIR_COLUMN(order_line, product_id),
    WEIR_COLUMN(order_line, quantity));
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id, .indexed = true),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));

static void process_line(const struct order *order, const struct order_line *line)
{
    printf("order %" PRId64 ", line %" PRId64 ": %" PRId64 " of product %" PRId64 "\n", order->id, line->id, line->quantity,
           line->product_id);
}

static int orders_with_lines(weir_session *session)
{
    weir_stmt *query = weir_select(&order_entity);
    weir_selectinload(query, WEIR_COL(order, lines));   /* weir_joinedload here: an error, before a row is read */
    weir_order_by(query, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(query, 500);

    weir_result *orders = weir_session_scalars(session, query);
    for (struct order *order; (order = WEIR_NEXT(order, orders)) != NULL; )
        for (size_t i = 0; i < order->lines.count; i++)
            process_line(order, order->lines.items[i]);
    weir_stmt_free(&query);
    return weir_result_close(&orders);
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    weir_session *session = weir_session_open(engine);
    if (status == WEIR_OK)
        status = orders_with_lines(session);
    if (status != WEIR_OK)
        fprintf(stderr, "%s: %s\n", weir_status_name(status), weir_session_error(session)->message);
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return (status ? status : closed) != WEIR_OK;
}
