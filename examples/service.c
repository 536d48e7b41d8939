/* A small HTTP service on one libuv loop: GET /invoices streams a table as JSON lines to many slow clients at once, in flat memory.
 *
 *     service URL PORT [POOL_SIZE]        (port 0: any; it is printed)
 *
 * Each request is a session and a pushed stream. While more than HIGH_MARK bytes wait for the client its stream is paused; a client
 * that goes away cancels it. GET /status tells the pool's figures. service_http.c has the HTTP; docs/how-to/service.md walks through. */
#include "service_http.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/adapters/uv.h>
#include <weir/weir.h>

#define JSON_LINES "application/x-ndjson"
enum {
    BATCH = 500, HIGH_MARK = 64 * 1024,
    GRACE_MS = 10 * 1000                /* for streams that run when the service is told to stop */
};

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id, .indexed = true),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

static struct {
    uv_loop_t    loop;
    uv_signal_t  interrupt, terminate;
    uv_timer_t   grace;
    weir_loop   *tasks;
    weir_engine *engine;
    bool         stopping;
} service;

/* ---- GET /invoices ------------------------------------------------------------------------------------------------------------ */
typedef struct download { client *client; weir_session *session; weir_stream *stream; } download;

static void format_invoice(text *t, const struct invoice *invoice)
{
    format(t, "{\"id\": %" PRId64 ", \"tenant_id\": %" PRId64 ", \"total_cents\": %" PRId64 ", \"status\": ", invoice->id,
           invoice->tenant_id, invoice->total_cents);
    if (invoice->status)
        append_json(t, invoice->status);
    else
        append(t, "null", 4);
    append(t, "}\n", 2);
}

/* A partition is a chunk. */
static weir_flow on_partition(weir_stream *stream, const weir_partition *partition, void *context)
{
    download *d = context;
    text lines = { 0 };
    (void)stream;
    for (size_t i = 0; i < partition->count; i++)
        format_invoice(&lines, partition->instances[i]);
    http_chunk(d->client, JSON_LINES, &lines);
    free(lines.data);
    return http_gone(d->client) ? WEIR_STOP : http_waiting(d->client) > HIGH_MARK ? WEIR_PAUSE : WEIR_CONTINUE;
}

static void end_answer(client *c, const weir_error *error)
{
    if (!error) {
        http_end(c, JSON_LINES);
    } else if (http_begun(c)) {         /* too late for a status */
        fprintf(stderr, "service: a stream broke off: %s\n", error->message);
        http_break_off(c);
    } else if (weir_status_is(error->status, WEIR_TIMEOUT)) {
        http_answer_error(c, 503, "Retry-After: 1\r\n", error->message);       /* "QueuePool limit of size …" */
    } else {
        http_answer_error(c, 500, "", error->message);
    }
}

static int close_session(weir_session **session)
{
    int status = weir_session_close(session);
    if (status != WEIR_OK)
        fprintf(stderr, "service: closing a session: %s\n", weir_status_name(status));
    return status;
}

/* In the stream's task: closing the session may wait. Its connection is back in the pool before the answer ends. */
static void on_end(weir_stream *stream, const weir_error *error, void *context)
{
    download *d = context;
    client *c = d->client;
    (void)stream;
    close_session(&d->session);
    if (!http_gone(c))
        end_answer(c, error);
    free(d);
    http_unhold(c);
}

static void on_gone(client *c, void *work)
{
    (void)c;
    weir_stream_cancel(((download *)work)->stream);
}

static void on_drained(client *c, void *work)
{
    weir_stream *stream = ((download *)work)->stream;
    (void)c;
    if (weir_stream_paused(stream))
        weir_stream_resume(stream);
}

static bool begin_download(download *d)
{
    weir_stmt *query = weir_select(&invoice_entity);
    weir_order_by(query, WEIR_ASC(WEIR_COL(invoice, id)));
    weir_yield_per(query, BATCH);
    d->session = weir_session_open(service.engine);
    d->stream = weir_session_stream_scalars(d->session, query, service.tasks, NULL, &(weir_stream_handlers){ on_partition, on_end, d });
    weir_stmt_free(&query);
    if (!d->stream)
        close_session(&d->session);
    return d->stream != NULL;
}

static void stream_invoices(client *c)
{
    download *d = calloc(1, sizeof *d);
    if (d)
        d->client = c;
    if (d && begin_download(d)) {
        http_hold(c, d);
        return;
    }
    free(d);
    http_answer_error(c, 500, "", "no memory for a stream");
}

/* ---- other requests ---------------------------------------------------------------------------------------------------------------- */
static void tell_status(client *c)
{
    weir_pool_status pool;
    text body = { 0 };
    weir_engine_pool_status(service.engine, &pool);
    format(&body, "{\"clients\": %d, \"pool_size\": %d, \"checked_out\": %d, \"connects\": %" PRId64 ", \"waiting\": %" PRId64 "}\n",
           http_clients(), pool.size, pool.checked_out, pool.connects, pool.waiters);
    http_answer(c, 200, "", &body);
    free(body.data);
}

static void on_get(client *c, const char *url)
{
    size_t path = strcspn(url, "?");
    if (path == 9 && !strncmp(url, "/invoices", path))
        stream_invoices(c);
    else if (path == 7 && !strncmp(url, "/status", path))
        tell_status(c);
    else
        http_answer_error(c, 404, "", "there is /invoices and /status");
}

/* ---- beginning and ending ---------------------------------------------------------------------------------------------------------- */
static void stop_now(uv_timer_t *timer)
{
    (void)timer;
    http_stop(true);
}

/* The first signal lets running streams end, the second does not; then uv_run has nothing left to do. */
static void on_signal(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    http_stop(service.stopping);
    service.stopping = true;
    uv_timer_start(&service.grace, stop_now, GRACE_MS, 0);
}

static void watch_signal(uv_signal_t *handle, int number)
{
    uv_signal_init(&service.loop, handle);
    uv_signal_start(handle, on_signal, number);
    uv_unref((uv_handle_t *)handle);
}

static void open_loop(void)
{
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&service.loop);
    service.tasks = weir_uv_open(&service.loop);
    uv_timer_init(&service.loop, &service.grace);
    uv_unref((uv_handle_t *)&service.grace);
    watch_signal(&service.interrupt, SIGINT);
    watch_signal(&service.terminate, SIGTERM);
}

/* libuv closes its handles in a turn of its own. */
static int close_loop(void)
{
    int status = weir_uv_close(&service.tasks);
    uv_close((uv_handle_t *)&service.interrupt, NULL);
    uv_close((uv_handle_t *)&service.terminate, NULL);
    uv_close((uv_handle_t *)&service.grace, NULL);
    uv_run(&service.loop, UV_RUN_DEFAULT);
    return status != WEIR_OK ? status : uv_loop_close(&service.loop);
}

static void write_log(const weir_log_event *event, void *context)
{
    (void)context;
    if (event->kind == WEIR_LOG_WARNING)
        fprintf(stderr, "service: %s\n", event->message);
}

static int open_engine(const char *url, int pool_size)
{
    bool sqlite = !strncmp(url, "sqlite:", 7);
    int status = weir_engine_open(&service.engine, url, WEIR_ENGINE_OPTIONS(
        .pool_size = pool_size, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 1000, .checkout_limit_ms = 5 * 60 * 1000, .log = write_log,
        .connect_args = sqlite ? (const char *const[]){ "cache_size", "-256", NULL } : NULL));  /* KiB for each connection, not 2 MB */
    if (status != WEIR_OK)
        fprintf(stderr, "service: %s\n", weir_engine_error(service.engine)->message);
    return status;
}

static int serve(int port)
{
    int listening = http_listen(&service.loop, port, &(http_handlers){ on_get, on_gone, on_drained });
    if (listening < 0) {
        fprintf(stderr, "service: %s\n", uv_strerror(listening));
        return listening;
    }
    printf("listening on http://127.0.0.1:%d\n", listening);
    fflush(stdout);
    return uv_run(&service.loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s URL PORT [POOL_SIZE]\n", argv[0]);
        return 2;
    }
    open_loop();
    int failed = open_engine(argv[1], argc > 3 ? atoi(argv[3]) : 10);
    if (!failed)
        failed = serve(atoi(argv[2]));
    weir_engine_close(&service.engine);
    int closed = close_loop();
    return failed || closed;
}
