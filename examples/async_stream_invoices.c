/* The article's asynchronous stream, in a task of a libuv loop: the code of stream_invoices.c, and the loop turns meanwhile. Behind the
 * close of the result, which is the end of the article's `async with`, reading is WEIR_RESOURCE_CLOSED, and the connection stays with
 * the session until its transaction ends. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/adapters/uv.h>
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
        process(invoice);                       /* may wait, too: the task is parked, never the loop */
    weir_stmt_free(&query);
    int status = weir_result_close(&invoices);
    if (WEIR_NEXT(invoice, invoices) || weir_result_error(invoices)->status != WEIR_RESOURCE_CLOSED)
        fputs("a closed result was read\n", stderr);
    return status;
}

static int run(void *url)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, url, NULL);
    weir_session *session = weir_session_open(engine);
    if (status == WEIR_OK)
        status = stream_invoices(session, 42);
    if (status != WEIR_OK)
        fprintf(stderr, "%s: %s\n", weir_status_name(status), weir_session_error(session)->message);
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return status != WEIR_OK ? status : closed;
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    weir_loop *tasks = weir_uv_open(&loop);
    weir_task *task = weir_task_spawn(tasks, run, argc > 1 ? argv[1] : "sqlite:///billing.db");
    uv_run(&loop, UV_RUN_DEFAULT);              /* until the task has ended */
    int result = WEIR_OK, joined = weir_task_join(&task, &result), closed = weir_uv_close(&tasks);
    uv_run(&loop, UV_RUN_DEFAULT);              /* libuv closes handles in its next turn */
    uv_loop_close(&loop);
    return result != WEIR_OK || joined != WEIR_OK || closed != WEIR_OK;
}
