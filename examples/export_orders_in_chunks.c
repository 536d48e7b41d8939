/* The article's chunks: orders of a tenant in partitions of exactly batch_size rows, each written as one piece. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>

struct order {
    int64_t     id;
    int64_t     tenant_id;
    int64_t     amount_cents;
    const char *state;
};
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id, .indexed = true),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state));

/* Where a file, a message broker or another database would take the chunk. */
static void write_chunk(const weir_partition *chunk)
{
    int64_t cents = 0;
    for (size_t i = 0; i < chunk->count; i++)
        cents += WEIR_ROW(order, chunk->rows[i])->amount_cents;
    printf("%zu orders, %" PRId64 " cents\n", chunk->count, cents);
}

static int export_orders_in_chunks(weir_session *session, int64_t tenant_id, size_t batch_size)
{
    weir_stmt *query = weir_select(&order_entity);
    weir_where(query, WEIR_EQ(WEIR_COL(order, tenant_id), tenant_id));
    weir_order_by(query, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(query, (int64_t)batch_size);

    weir_result *orders = weir_session_execute(session, query);
    for (const weir_partition *chunk; (chunk = weir_result_next_partition(orders, batch_size)) != NULL; )
        write_chunk(chunk);
    weir_stmt_free(&query);
    return weir_result_close(&orders);
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    weir_session *session = weir_session_open(engine);
    if (status == WEIR_OK)
        status = export_orders_in_chunks(session, 42, 1000);
    if (status != WEIR_OK)
        fprintf(stderr, "%s: %s\n", weir_status_name(status), weir_session_error(session)->message);
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return (status ? status : closed) != WEIR_OK;
}
