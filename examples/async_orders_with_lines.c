/* The article's asynchronous stream of orders with their lines: each batch's lines come by one more SELECT while the task is parked. Two
 * such streams run at once on one loop, and a timer of the program's own beside them. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/adapters/uv.h>
#include <weir/weir.h>

struct line { int64_t id, order_id, product_id, quantity; };
struct order { int64_t id; WEIR_MANY(struct line) lines; };
WEIR_ENTITY(line, "order_lines",
    WEIR_COLUMN(line, id, .primary_key = true),
    WEIR_COLUMN(line, order_id, .indexed = true),
    WEIR_COLUMN(line, product_id),
    WEIR_COLUMN(line, quantity));
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_HAS_MANY(order, lines, line, order_id, .order_by = "id"));

typedef struct work { weir_engine *engine; int64_t orders, lines, quantity; } work;

static int stream_orders_with_lines(void *argument)
{
    work *w = argument;
    weir_session *session = weir_session_open(w->engine);
    weir_stmt *query = weir_select(&order_entity);
    weir_selectinload(query, WEIR_COL(order, lines));
    weir_order_by(query, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(query, 500);
    weir_result *orders = weir_session_scalars(session, query);
    for (struct order *order; (order = WEIR_NEXT(order, orders)) != NULL; w->orders++)
        for (size_t i = 0; i < order->lines.count; i++, w->lines++)
            w->quantity += order->lines.items[i]->quantity;
    weir_stmt_free(&query);
    int status = weir_result_close(&orders), closed = weir_session_close(&session);
    return status != WEIR_OK ? status : closed;
}

static void tick(uv_timer_t *timer) { ++*(int *)timer->data; }

int main(int argc, char **argv)
{
    uv_loop_t loop;
    uv_timer_t timer;
    int ticks = 0, results[2] = { WEIR_ERROR, WEIR_ERROR };
    weir_engine *engine;
    if (weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL) != WEIR_OK)
        fprintf(stderr, "%s\n", weir_engine_error(engine)->message);
    uv_loop_init(&loop);
    uv_timer_init(&loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, tick, 1, 1);
    uv_unref((uv_handle_t *)&timer);            /* it is not what the loop lives for */
    weir_loop *tasks = weir_uv_open(&loop);
    work first = { .engine = engine }, second = { .engine = engine };
    weir_task *one = weir_task_spawn(tasks, stream_orders_with_lines, &first);
    weir_task *other = weir_task_spawn(tasks, stream_orders_with_lines, &second);
    uv_run(&loop, UV_RUN_DEFAULT);
    int joined = weir_task_join(&one, &results[0]), also = weir_task_join(&other, &results[1]), closed = weir_uv_close(&tasks);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    weir_engine_close(&engine);
    if (first.orders == second.orders && first.quantity == second.quantity && ticks > 0)
        printf("%" PRId64 " orders, %" PRId64 " lines, quantity %" PRId64 "\n", first.orders, first.lines, first.quantity);
    return joined != WEIR_OK || also != WEIR_OK || results[0] != WEIR_OK || results[1] != WEIR_OK || closed != WEIR_OK;
}
