/* The article's "feed an external queue": a task streams pending orders into a bounded queue, and three others work on them at their own
 * pace. Putting waits while the queue is full, so the stream is as fast as the workers, and no more than the queue is in memory. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/adapters/uv.h>
#include <weir/weir.h>

struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id, .indexed = true),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state));

enum { WORKERS = 3 };
static weir_queue *queue;
static weir_engine *engine;
static int64_t orders_done, cents_done;

static int stream_into_queue(weir_session *session, int64_t tenant_id, int64_t batch_size)
{
    weir_stmt *query = weir_select(&order_entity);
    weir_where(query, WEIR_AND(WEIR_EQ(WEIR_COL(order, tenant_id), tenant_id), WEIR_EQ(WEIR_COL(order, state), "pending")));
    weir_order_by(query, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(query, batch_size);

    int put = WEIR_OK;
    weir_result *orders = weir_session_scalars(session, query);
    for (struct order *order; put == WEIR_OK && (order = WEIR_NEXT(order, orders)) != NULL; )
        put = weir_queue_put(queue, order);     /* the queue holds it: it outlives its batch, the stream and the session */
    weir_stmt_free(&query);
    int read = weir_result_close(&orders);
    return put != WEIR_OK ? put : read;
}

static int enqueue_pending_orders(void *unused)
{
    (void)unused;
    weir_session *session = weir_session_open(engine);
    int status = stream_into_queue(session, 7, 1000);
    if (status != WEIR_OK)
        weir_queue_fail(queue, status, weir_session_error(session));
    int closed = weir_session_close(&session);
    weir_queue_close(queue);                    /* the workers take what is left, and end */
    return status != WEIR_OK ? status : closed;
}

static int work(void *unused)
{
    void *item;
    int status;
    (void)unused;
    while ((status = weir_queue_get(queue, &item, -1)) == WEIR_OK) {
        const struct order *order = item;
        orders_done++;
        cents_done += order->amount_cents;
        weir_sleep(order->id % 50 == 0 ? 1 : 0);        /* some take longer */
    }
    weir_queue_done(queue);
    return status == WEIR_RESOURCE_CLOSED ? WEIR_OK : status;
}

static int join(weir_task **task)
{
    int result = WEIR_OK, joined = weir_task_join(task, &result);
    return joined != WEIR_OK ? joined : result;
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_SHARED, WEIR_QUEUE_OPTIONS(.max_items = 100));
    uv_loop_init(&loop);
    weir_loop *tasks = weir_uv_open(&loop);
    weir_task *stream = weir_task_spawn(tasks, enqueue_pending_orders, NULL), *workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        workers[i] = weir_task_spawn(tasks, work, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    int streamed = join(&stream);
    for (int i = 0; i < WORKERS; i++)
        streamed = join(&workers[i]) != WEIR_OK ? WEIR_ERROR : streamed;
    if (status == WEIR_OK && streamed == WEIR_OK)
        printf("%" PRId64 " orders, %" PRId64 " cents\n", orders_done, cents_done);
    else
        fprintf(stderr, "%s\n", weir_queue_error(queue)->message);
    int closed = weir_uv_close(&tasks);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    weir_queue_free(&queue);
    weir_engine_close(&engine);
    return status != WEIR_OK || streamed != WEIR_OK || closed != WEIR_OK;
}
