/* The article's `session.stream(stmt)` with partitions, for programs that prefer callbacks: rows with an aggregate, by name, pushed to a
 * function that may say WEIR_PAUSE when it has enough; here a timer of the loop resumes the stream. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/adapters/uv.h>
#include <weir/weir.h>

struct invoice { int64_t id, tenant_id, total_cents; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id, .indexed = true),
    WEIR_COLUMN(invoice, total_cents));

typedef struct report {
    weir_session *session;
    weir_stream  *stream;               /* until its end */
    uv_timer_t    timer;
    int           status;
} report;

static void resume(uv_timer_t *timer)
{
    report *r = timer->data;
    weir_stream_resume(r->stream);
}

static weir_flow on_partition(weir_stream *stream, const weir_partition *partition, void *context)
{
    report *r = context;
    (void)stream;
    for (size_t i = 0; i < partition->count; i++)
        printf("tenant %" PRId64 ": %" PRId64 "\n", weir_row_int64(partition->rows[i], "tenant_id"),
               weir_row_int64(partition->rows[i], "revenue"));
    uv_timer_start(&r->timer, resume, 1, 0);    /* as a socket would that has been written to */
    return WEIR_PAUSE;
}

static void on_end(weir_stream *stream, const weir_error *error, void *context)
{
    report *r = context;
    (void)stream;
    if (error)
        fprintf(stderr, "%s\n", error->message);
    r->stream = NULL;
    r->status = error ? error->status : WEIR_OK;
    int closed = weir_session_close(&r->session);
    r->status = r->status != WEIR_OK ? r->status : closed;
    uv_close((uv_handle_t *)&r->timer, NULL);
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    uv_loop_t loop;
    report r = { .status = WEIR_ERROR };
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    weir_stmt *query =
        weir_select_columns(WEIR_COL(invoice, tenant_id), WEIR_LABEL(WEIR_SUM(WEIR_COL(invoice, total_cents)), "revenue"));
    weir_group_by(query, WEIR_COL(invoice, tenant_id));
    weir_order_by(query, WEIR_COL(invoice, tenant_id));
    weir_yield_per(query, 40);
    uv_loop_init(&loop);
    uv_timer_init(&loop, &r.timer);
    r.timer.data = &r;
    weir_loop *tasks = weir_uv_open(&loop);
    r.session = weir_session_open(engine);
    r.stream = weir_session_stream(r.session, query, tasks, NULL,
                                   &(weir_stream_handlers){ .on_partition = on_partition, .on_end = on_end, .context = &r });
    weir_stmt_free(&query);
    if (r.stream)
        uv_run(&loop, UV_RUN_DEFAULT);
    int closed = weir_uv_close(&tasks);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    weir_engine_close(&engine);
    return status != WEIR_OK || r.status != WEIR_OK || closed != WEIR_OK;
}
