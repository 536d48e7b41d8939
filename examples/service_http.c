/* The HTTP of the example service: connections, parsing by http_parser, limits, sending. */
#include "service_http.h"
#include <http_parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEND_BUFFER = 64 * 1024, LOW_MARK = 16 * 1024, MAX_HEADERS = 8 * 1024, MAX_URL = 1024, MAX_CLIENTS = 1000,
    PATIENCE_MS = 60 * 1000             /* with a client that neither reads nor asks */
};

struct client {
    uv_tcp_t    tcp;
    uv_timer_t  patience;
    http_parser parser;
    char        in[MAX_HEADERS], url[MAX_URL];
    size_t      in_length, url_length;
    int         refusal;                /* the status of a request that was refused while it was parsed */
    bool        complete, answering, keep, begun, leaving, closing;
    void       *work;                   /* of who makes the answer */
    int         users;                  /* its two handles, and who makes its answer */
    client     *next, *previous;
};

static struct {
    uv_loop_t    *loop;
    uv_tcp_t      listener;
    http_handlers handlers;
    client       *clients;
    int           count;
    bool          stopping, crowded;
} http;

/* ---- texts that grow ---------------------------------------------------------------------------------------------------------- */
void append(text *t, const char *bytes, size_t length)
{
    if (t->length + length > t->room) {
        size_t room = 2 * (t->length + length);
        char *data = t->failed ? NULL : realloc(t->data, room);
        t->failed = !data;
        if (!data)
            return;
        t->data = data;
        t->room = room;
    }
    memcpy(t->data + t->length, bytes, length);
    t->length += length;
}

void format(text *t, const char *pattern, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, pattern);
    int length = vsnprintf(line, sizeof line, pattern, arguments);
    va_end(arguments);
    append(t, line, length < (int)sizeof line ? (size_t)length : sizeof line - 1);
}

void append_json(text *t, const char *string)
{
    append(t, "\"", 1);
    for (const char *s = string; *s; s++)
        if (*s == '"' || *s == '\\')
            append(t, (const char[]){ '\\', *s }, 2);
        else if ((unsigned char)*s < ' ')
            format(t, "\\u%04x", *s);
        else
            append(t, s, 1);
    append(t, "\"", 1);
}

/* ---- a client's life ------------------------------------------------------------------------------------------------------------ */
static void parse(client *c);
static void on_client(uv_stream_t *listener, int status);

static void release(client *c)
{
    if (--c->users > 0)
        return;
    *(c->previous ? &c->previous->next : &http.clients) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    http.count--;
    free(c);
    if (http.crowded && !http.stopping)
        on_client((uv_stream_t *)&http.listener, 0);
}

static void on_closed(uv_handle_t *handle) { release(handle->data); }

/* Who makes an answer is told, and ends in its own time. */
static void hang_up(client *c)
{
    if (c->closing)
        return;
    c->closing = true;
    if (c->work)
        http.handlers.on_gone(c, c->work);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    uv_close((uv_handle_t *)&c->patience, on_closed);
}

size_t http_waiting(const client *c) { return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp); }
bool http_gone(const client *c) { return c->closing; }
bool http_begun(const client *c) { return c->begun; }

void http_hold(client *c, void *work)
{
    c->users++;
    c->work = work;
}

/* The next request may be there already. */
void http_unhold(client *c)
{
    if (!c->answering)
        parse(c);
    release(c);
}

/* A client whose answer is still being made may take its time; one that does not read, or says nothing, may not. */
static void on_impatient(uv_timer_t *timer)
{
    client *c = timer->data;
    if (!c->answering || http_waiting(c) > 0)
        hang_up(c);
}

/* ---- sending --------------------------------------------------------------------------------------------------------------------- */
typedef struct sending { uv_write_t request; client *client; char *data; } sending;

static void on_sent(uv_write_t *request, int status)
{
    sending *s = (sending *)request;
    client *c = s->client;
    free(s->data);
    free(s);
    if (c->closing)
        return;
    uv_timer_again(&c->patience);
    if (status < 0 || (c->leaving && http_waiting(c) == 0))
        hang_up(c);
    else if (c->work && http_waiting(c) <= LOW_MARK)
        http.handlers.on_drained(c, c->work);
}

/* Takes the text's memory. */
static void send_text(client *c, text *t)
{
    sending *s = t->failed || c->closing ? NULL : malloc(sizeof *s);
    if (s) {
        *s = (sending){ .client = c, .data = t->data };
        uv_buf_t buffer = uv_buf_init(t->data, (unsigned)t->length);
        if (uv_write(&s->request, (uv_stream_t *)&c->tcp, &buffer, 1, on_sent) == 0)
            return;
    }
    free(s);
    free(t->data);
    hang_up(c);
}

static void end_answer(client *c)
{
    c->answering = c->begun = false;
    c->work = NULL;
    c->leaving = !c->keep || http.stopping;
}

static void format_head(client *c, text *t, int status, const char *more)
{
    bool stays = c->keep && !http.stopping;
    format(t, "HTTP/1.1 %d %s\r\nConnection: %s\r\n%s", status, http_status_str((enum http_status)status), stays ? "keep-alive" : "close", more);
}

void http_answer(client *c, int status, const char *more, const text *body)
{
    text t = { 0 };
    format_head(c, &t, status, more);
    format(&t, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body->length);
    append(&t, body->data, body->length);
    t.failed = t.failed || body->failed;
    end_answer(c);
    send_text(c, &t);
}

void http_answer_error(client *c, int status, const char *more, const char *why)
{
    text body = { 0 };
    append(&body, "{\"error\": ", 10);
    append_json(&body, why);
    append(&body, "}\n", 2);
    http_answer(c, status, more, &body);
    free(body.data);
}

/* ---- answers in chunks ---------------------------------------------------------------------------------------------------------- */
static void begin_chunks(client *c, text *t, const char *type)
{
    if (c->begun)
        return;
    format_head(c, t, 200, "Transfer-Encoding: chunked\r\n");
    format(t, "Content-Type: %s\r\n\r\n", type);
    c->begun = true;
}

void http_chunk(client *c, const char *type, const text *body)
{
    text t = { 0 };
    begin_chunks(c, &t, type);
    format(&t, "%zx\r\n", body->length);
    append(&t, body->data, body->length);
    append(&t, "\r\n", 2);
    t.failed = t.failed || body->failed;
    send_text(c, &t);
}

void http_end(client *c, const char *type)
{
    text t = { 0 };
    begin_chunks(c, &t, type);
    format(&t, "0\r\n\r\n");
    end_answer(c);
    send_text(c, &t);
}

void http_break_off(client *c)
{
    c->work = NULL;
    c->leaving = true;
    if (http_waiting(c) == 0)
        hang_up(c);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------------ */
static void respond(client *c)
{
    c->answering = true;
    c->keep = http_should_keep_alive(&c->parser) && !c->parser.upgrade;
    http.handlers.on_get(c, c->url);
}

static int on_begin(http_parser *parser)
{
    client *c = parser->data;
    c->url_length = 0;
    c->refusal = 0;
    return 0;
}

static int refuse(client *c, int status)
{
    c->refusal = status;
    return -1;
}

static int on_url(http_parser *parser, const char *bytes, size_t length)
{
    client *c = parser->data;
    if (c->url_length + length >= sizeof c->url)
        return refuse(c, 414);
    memcpy(c->url + c->url_length, bytes, length);
    c->url[c->url_length += length] = 0;
    return 0;
}

static int on_headers(http_parser *parser)
{
    bool chunks = parser->http_major == 1 && parser->http_minor >= 1;
    return parser->method != HTTP_GET ? refuse(parser->data, 405) : chunks ? 0 : refuse(parser->data, 505);
}

static int on_body(http_parser *parser, const char *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    return refuse(parser->data, 413);
}

static int on_complete(http_parser *parser)
{
    ((client *)parser->data)->complete = true;
    http_parser_pause(parser, 1);       /* what follows waits until this one was answered */
    return 0;
}

static const http_parser_settings on_request = { .on_message_begin = on_begin, .on_url = on_url, .on_headers_complete = on_headers,
                                                 .on_body = on_body, .on_message_complete = on_complete };

static void reject(client *c)
{
    enum http_errno error = HTTP_PARSER_ERRNO(&c->parser);
    int status = c->refusal ? c->refusal : error == HPE_HEADER_OVERFLOW ? 431 : 400;
    c->keep = false;
    c->in_length = 0;
    http_answer_error(c, status, status == 405 ? "Allow: GET\r\n" : "", c->refusal ? http_status_str((enum http_status)status) : http_errno_description(error));
}

static void parse(client *c)
{
    while (c->in_length > 0 && !c->answering && !c->leaving && !c->closing) {
        size_t used = http_parser_execute(&c->parser, &on_request, c->in, c->in_length);
        enum http_errno error = HTTP_PARSER_ERRNO(&c->parser);
        if (error != HPE_OK && error != HPE_PAUSED) {
            reject(c);
            return;
        }
        http_parser_pause(&c->parser, 0);
        c->in_length -= used;
        memmove(c->in, c->in + used, c->in_length);
        if (c->complete) {
            c->complete = false;
            respond(c);
        }
    }
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    client *c = handle->data;
    (void)suggested;                    /* no room: requests were sent ahead without end, and reading fails with UV_ENOBUFS */
    *buffer = uv_buf_init(c->in + c->in_length, (unsigned)(sizeof c->in - c->in_length));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    client *c = stream->data;
    (void)buffer;
    if (count < 0) {
        hang_up(c);
        return;
    }
    c->in_length = c->leaving ? 0 : c->in_length + (size_t)count;
    uv_timer_again(&c->patience);
    parse(c);
}

static void on_client(uv_stream_t *listener, int status)
{
    client *c = status < 0 || http.count >= MAX_CLIENTS ? NULL : calloc(1, sizeof *c);
    http.crowded = !c;               /* it waits in the backlog until another one goes */
    if (!c)
        return;
    c->next = http.clients;
    if (c->next)
        c->next->previous = c;
    http.clients = c;
    http.count++;
    c->users = 2;
    uv_tcp_init(http.loop, &c->tcp);
    uv_timer_init(http.loop, &c->patience);
    c->tcp.data = c->patience.data = c->parser.data = c;
    uv_timer_start(&c->patience, on_impatient, PATIENCE_MS, PATIENCE_MS);
    http_parser_init(&c->parser, HTTP_REQUEST);
    c->parser.data = c;
    int room = SEND_BUFFER;             /* the kernel's memory counts, too: it would take megabytes for each slow client */
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || uv_send_buffer_size((uv_handle_t *)&c->tcp, &room) != 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, give_room, on_read) != 0)
        hang_up(c);
}

/* ---- beginning and ending ----------------------------------------------------------------------------------------------------------- */
int http_listen(uv_loop_t *loop, int port, const http_handlers *handlers)
{
    struct sockaddr_in address;
    int length = sizeof address, failed = uv_ip4_addr("127.0.0.1", port, &address);
    http.loop = loop;
    http.handlers = *handlers;
    http_parser_set_max_header_size(MAX_HEADERS);
    uv_tcp_init(loop, &http.listener);
    if (!failed)
        failed = uv_tcp_bind(&http.listener, (struct sockaddr *)&address, 0);
    if (!failed)
        failed = uv_listen((uv_stream_t *)&http.listener, 511, on_client);
    if (!failed)
        failed = uv_tcp_getsockname(&http.listener, (struct sockaddr *)&address, &length);
    if (failed)
        uv_close((uv_handle_t *)&http.listener, NULL);
    return failed ? failed : ntohs(address.sin_port);
}

int http_clients(void) { return http.count; }

void http_stop(bool now)
{
    if (!http.stopping)
        uv_close((uv_handle_t *)&http.listener, NULL);
    http.stopping = true;
    for (client *c = http.clients; c; c = c->next)
        if (now || !c->answering)
            hang_up(c);
}
