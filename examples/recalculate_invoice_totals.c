/* The article's hybrid pipeline: mapped instances are read in one transaction, their new totals written in bulk in others.
 * usage: recalculate_invoice_totals [URL [task]]; with "task" the same function runs on a libuv loop. SQLite needs WAL mode for it,
 * since a reader otherwise locks writers out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
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

enum { BATCH = 2000 };

static int64_t compute_total(const struct invoice *invoice) { return invoice->total_cents + invoice->total_cents / 10; }

/* Each batch in a transaction of its own, committed by the close: by primary key, and only total_cents. */
static int write_batch(weir_engine *engine, const weir_stmt *update, const struct invoice *pending, size_t count)
{
    weir_connection *writer = weir_engine_begin(engine);
    int64_t written = weir_connection_execute_many(writer, update, pending, count);
    if (written < 0)
        fprintf(stderr, "%s\n", weir_connection_error(writer)->message);
    int committed = weir_connection_close(&writer);
    return written < 0 ? (int)written : committed;
}

static int recalculate_invoice_totals(weir_session *session, weir_engine *engine, int64_t tenant_id, int64_t *changed)
{
    static struct invoice pending[BATCH];
    size_t count = 0;
    int written = WEIR_OK;

    weir_stmt *drafts = weir_select(&invoice_entity);
    weir_where(drafts, WEIR_AND(WEIR_EQ(WEIR_COL(invoice, tenant_id), tenant_id), WEIR_EQ(WEIR_COL(invoice, status), "draft")));
    weir_order_by(drafts, WEIR_ASC(WEIR_COL(invoice, id)));
    weir_yield_per(drafts, BATCH);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set_columns(update, WEIR_COL(invoice, total_cents));

    weir_result *invoices = weir_session_scalars(session, drafts);
    for (struct invoice *invoice = NULL; written == WEIR_OK; ) {
        invoice = WEIR_NEXT(invoice, invoices);
        if (invoice)
            pending[count++] = (struct invoice){ .id = invoice->id, .total_cents = compute_total(invoice) };
        if (count == BATCH || (!invoice && count > 0)) {
            written = write_batch(engine, update, pending, count);
            *changed += (int64_t)count;
            count = 0;
        }
        if (!invoice)
            break;
    }
    weir_stmt_free(&update);
    weir_stmt_free(&drafts);
    int read = weir_result_close(&invoices);
    return written != WEIR_OK ? written : read;
}

static int run(void *url)
{
    weir_engine *engine;
    bool wal = strncmp(url, "sqlite:", 7) == 0;
    int64_t changed = 0;
    int status = weir_engine_open(&engine, url, WEIR_ENGINE_OPTIONS(
        .connect_args = wal ? (const char *const[]){ "journal_mode", "wal", NULL } : NULL));
    weir_session *session = weir_session_open(engine);
    if (status == WEIR_OK)
        status = recalculate_invoice_totals(session, engine, 42, &changed);
    if (status != WEIR_OK)
        fprintf(stderr, "%s: %s\n", weir_status_name(status), weir_session_error(session)->message);
    else
        printf("%" PRId64 " invoices\n", changed);
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return status != WEIR_OK ? status : closed;
}

static int run_in_task(void *url)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    weir_loop *tasks = weir_uv_open(&loop);
    weir_task *task = weir_task_spawn(tasks, run, url);
    uv_run(&loop, UV_RUN_DEFAULT);
    int result = WEIR_OK, joined = weir_task_join(&task, &result), closed = weir_uv_close(&tasks);
    uv_run(&loop, UV_RUN_DEFAULT);      /* libuv closes handles in its next turn */
    uv_loop_close(&loop);
    return joined != WEIR_OK ? joined : result != WEIR_OK ? result : closed;
}

int main(int argc, char **argv)
{
    char *url = argc > 1 ? argv[1] : "sqlite:///billing.db";
    return (argc > 2 && !strcmp(argv[2], "task") ? run_in_task(url) : run(url)) != WEIR_OK;
}
