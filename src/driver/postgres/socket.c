/* Bytes to and from the server's socket, plain or TLS, without waiting; and what to wait for (RULES L2, L3, W10). */
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "base/error.h"
#include "driver/postgres/pg.h"

enum {
    LOW_WATER = 64 * 1024, LOW_WATER_MS = 2,    /* TCP: not woken for less while a batch is on its way, unless nothing came for so long; */
    HIGH_WATER = 128 * 1024, HIGH_WATER_MS = 4, /* with another batch behind this one */
    LOCAL_PAUSE_NS = 50 * 1000,         /* Unix sockets: let the server fill the socket before looking again; */
    LONG_PAUSE_NS = 200 * 1000,         /* again, with another batch behind: there is enough to come that nobody waits for the end */
    SHORT_READ = 48 * 1024,
    LISTEN_LOOK_MS = 100
};

int weir_pg_lost(weir_pg_link *link, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error_set_v(&link->base.error, status, format, arguments);
    va_end(arguments);
    link->base.error.disconnect = true;
    link->base.lost = true;
    return status;
}

int weir_pg_lost_by_errno(weir_pg_link *link, int number, const char *doing)
{
    char text[128];
    return weir_pg_lost(link, WEIR_OPERATIONAL, "connection to the server lost while %s: %s", doing,
                        weir_error_of_system(number, text, sizeof text));
}

static int lost_by_tls(weir_pg_link *link, const char *doing)
{
    char text[160] = "unknown TLS error";
    unsigned long code = ERR_get_error();
    if (code)
        ERR_error_string_n(code, text, sizeof text);
    return weir_pg_lost(link, WEIR_OPERATIONAL, "connection to the server lost while %s: %s", doing, text);
}

/* A server that hung up may have said why: the bytes count as sent, and reading finds its last words, or the end. */
static int64_t send_failed(weir_pg_link *link, size_t length)
{
    if (errno != EPIPE && errno != ECONNRESET)
        return weir_pg_lost_by_errno(link, errno, "sending");
    link->send_errno = errno;
    return (int64_t)length;
}

static int64_t send_tls(weir_pg_link *link, const char *bytes, size_t length)
{
    ERR_clear_error();
    int n = SSL_write(link->ssl, bytes, length > INT32_MAX ? INT32_MAX : (int)length);
    if (n > 0)
        return n;
    switch (SSL_get_error(link->ssl, n)) {
    case SSL_ERROR_WANT_WRITE:
        return 0;
    case SSL_ERROR_WANT_READ:
        link->write_wants_read = true;
        return 0;
    case SSL_ERROR_SYSCALL:
        return send_failed(link, length);
    default:
        return lost_by_tls(link, "sending");
    }
}

static int64_t send_plain(weir_pg_link *link, const char *bytes, size_t length)
{
    ssize_t n = send(link->fd, bytes, length, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    return send_failed(link, length);
}

int weir_pg_flush(weir_pg_link *link)
{
    link->write_wants_read = false;
    if (link->out.failed)
        return weir_pg_lost(link, WEIR_OUT_OF_MEMORY, "no memory for a message to the server");
    while (link->out_sent < link->out.length) {
        const char *bytes = link->out.data + link->out_sent;
        size_t length = link->out.length - link->out_sent;
        int64_t n = link->ssl ? send_tls(link, bytes, length) : send_plain(link, bytes, length);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return 0;
        link->out_sent += (size_t)n;
    }
    if (link->out.capacity > 64 * 1024 && !link->copy)
        weir_buffer_free(&link->out);   /* a large parameter does not stay */
    link->out.length = 0;
    link->out_sent = 0;
    return 1;
}

static int64_t receive_tls(weir_pg_link *link, void *to, size_t size)
{
    ERR_clear_error();
    int n = SSL_read(link->ssl, to, size > INT32_MAX ? INT32_MAX : (int)size);
    if (n > 0)
        return n;
    switch (SSL_get_error(link->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        link->read_wants_write = true;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        link->end_of_stream = true;
        return -1;
    case SSL_ERROR_SYSCALL:
        if (errno == 0) {
            link->end_of_stream = true;
            return -1;
        }
        return weir_pg_lost_by_errno(link, errno, "reading");
    default:
        return lost_by_tls(link, "reading");
    }
}

static int64_t receive_plain(weir_pg_link *link, void *to, size_t size)
{
    ssize_t n = recv(link->fd, to, size, 0);
    if (n > 0)
        return n;
    if (n == 0) {
        link->end_of_stream = true;
        return -1;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    return weir_pg_lost_by_errno(link, errno, "reading");
}

int64_t weir_pg_receive(weir_pg_link *link, void *to, size_t size)
{
    link->read_wants_write = false;
    int64_t n = link->ssl ? receive_tls(link, to, size) : receive_plain(link, to, size);
    if (n > 0) {
        link->last_progress = weir_now();
        if (n < SHORT_READ)
            link->short_reads++;
    }
    return n;
}

bool weir_pg_grow_input(weir_pg_link *link, size_t capacity)
{
    if (link->in_capacity >= capacity)
        return true;
    uint8_t *grown = weir_resize(link->base.ledger, WEIR_MEMORY_NETWORK, link->in, capacity);
    if (!grown)
        return false;
    link->in = grown;
    link->in_capacity = capacity;
    return true;
}

static void shrink_input(weir_pg_link *link, size_t capacity)
{
    size_t pending = link->in_end - link->in_start;
    if (link->in_capacity <= capacity || pending > capacity)
        return;
    memmove(link->in, link->in + link->in_start, pending);
    link->in_start = 0;
    link->in_end = pending;
    uint8_t *small = weir_resize(link->base.ledger, WEIR_MEMORY_NETWORK, link->in, capacity);
    if (small) {
        link->in = small;
        link->in_capacity = capacity;
    }
}

void weir_pg_shrink_input(weir_pg_link *link) { shrink_input(link, WEIR_PG_SMALL_BUFFER); }

void weir_pg_set_input(weir_pg_link *link, size_t capacity)
{
    shrink_input(link, capacity);
    weir_pg_grow_input(link, capacity); /* without it the smaller one works, too */
}

int64_t weir_pg_fill(weir_pg_link *link)
{
    if (link->in_start == link->in_end) {
        link->in_start = link->in_end = 0;
    } else if (link->in_start > 0) {
        memmove(link->in, link->in + link->in_start, link->in_end - link->in_start);
        link->in_end -= link->in_start;
        link->in_start = 0;
    }
    int64_t n = weir_pg_receive(link, link->in + link->in_end, link->in_capacity - link->in_end);
    if (n > 0)
        link->in_end += (size_t)n;
    return n;
}

static void set_low_water(weir_pg_link *link, int bytes)
{
    int mark = bytes ? bytes : 1;
    if (!link->local && link->low_water != bytes && setsockopt(link->fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) == 0)
        link->low_water = bytes;
}

void weir_pg_drop_low_water(weir_pg_link *link) { set_low_water(link, 0); }

void weir_pg_want(weir_pg_link *link, weir_want *want)
{
    bool unsent = link->out_sent < link->out.length && !link->write_wants_read;
    *want = (weir_want){ .fd = link->fd, .events = POLLIN, .deadline = WEIR_NO_DEADLINE, .cancelled = &link->base.cancelled };
    if (unsent || link->read_wants_write)
        want->events |= POLLOUT;
    if (link->read_timeout_ms > 0)
        want->deadline = link->last_progress + (int64_t)link->read_timeout_ms * 1000000;
    if (link->operation == WEIR_PG_LISTEN) {
        int64_t look = weir_now() + LISTEN_LOOK_MS * 1000000LL;     /* nobody answers a cancel while nothing runs */
        want->deadline = look < link->listen_deadline ? look : link->listen_deadline;
        want->soft = true;
    }
    /* Each wake-up costs a switch here and slows the server: in the middle of a batch, let some more come first. */
    if (unsent || !link->bulk) {
        set_low_water(link, 0);         /* of a batch before: what comes now may be less than that for good */
        return;
    }
    bool more_behind = link->group_count > 1 || (link->cursor && link->cursor->far);
    if (link->short_reads >= 2 && link->local)
        want->pause = more_behind ? LONG_PAUSE_NS : LOCAL_PAUSE_NS;
    else if (link->short_reads >= 2 || link->low_water)
        set_low_water(link, more_behind ? HIGH_WATER : LOW_WATER);
    if (link->low_water) {
        int64_t soon = weir_now() + (more_behind ? HIGH_WATER_MS : LOW_WATER_MS) * 1000000LL;
        if (soon < want->deadline) {
            want->deadline = soon;
            want->soft = true;
        }
    }
}
