/* The HTTP of the example service: requests without bodies, answers whole or in chunks, keep-alive, limits. One client is one
 * connection; its requests are answered one after the other. All calls are made on the loop's thread. */
#ifndef SERVICE_HTTP_H
#define SERVICE_HTTP_H
#include <stdbool.h>
#include <stddef.h>
#include <weir/adapters/uv.h>

/* Bytes that grow; what does not fit into memory any more is `failed`, and seen when it is sent. */
typedef struct text { char *data; size_t length, room; bool failed; } text;
void append(text *t, const char *bytes, size_t length);
void format(text *t, const char *pattern, ...) __attribute__((format(printf, 2, 3)));
void append_json(text *t, const char *string);      /* in quotes, escaped */

typedef struct client client;
typedef struct http_handlers {
    void (*on_get)(client *c, const char *url);     /* answer it, now or later */
    void (*on_gone)(client *c, void *work);         /* before its answer was whole */
    void (*on_drained)(client *c, void *work);      /* it has read most of what was sent */
} http_handlers;

/* While an answer is being made: the client is not freed, and the handlers get `work`. http_unhold may free it. */
void http_hold(client *c, void *work);
void http_unhold(client *c);
bool http_gone(const client *c);
bool http_begun(const client *c);                   /* whether the status was sent */
size_t http_waiting(const client *c);               /* bytes that were sent and not yet read by the client */

/* Whole answers. `more`: further header lines, each with its \r\n. */
void http_answer(client *c, int status, const char *more, const text *body);
void http_answer_error(client *c, int status, const char *more, const char *why);
/* An answer in chunks: any number of http_chunk, then http_end. http_break_off ends it without its last chunk, so that the client
 * sees that it is not whole. */
void http_chunk(client *c, const char *type, const text *body);
void http_end(client *c, const char *type);
void http_break_off(client *c);

int http_listen(uv_loop_t *loop, int port, const http_handlers *handlers);      /* the port, or a negative error of libuv's */
int http_clients(void);
/* Takes no more clients and requests; answers on their way come to their end, unless `now`. */
void http_stop(bool now);
#endif
