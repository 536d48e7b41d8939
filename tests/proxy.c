/* The tests' proxy: one thread, one poll loop over the listener and all pairs of sockets. */
#include "proxy.h"
#include "support.h"
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PAIRS = 256, BUFFER = 16 * 1024, CLIENT = 0, SERVER = 1, TRACE = 256 * 1024, NAME = 24, HELD_MS = 2000 };

/* A message that passes: its head, the beginning of its body, and how much of it is still to come. */
typedef struct message {
    unsigned char head[5];
    size_t        have, left, named;
    char          name[NAME];
} passing_message;

/* Bytes on their way in one direction. */
typedef struct flow {
    char    bytes[BUFFER];
    size_t  start, end;
    bool    ended;                      /* the source has no more */
    bool    shut;                       /* the target was told that no more comes */
    int64_t passed, taken;              /* handed on; read */
    int64_t messages, readies;          /* SERVER's: begun so far; ReadyForQuery among them */
    int64_t heard;                      /* SERVER's: one more than the client's bytes when chatter was due */
    unsigned char head[5];              /* … and of the one that passes, … */
    uint32_t headed, left, length;      /* … bytes of the head so far, of the body still to come, and of the whole body */
    bool    selects;                    /* its body begins as far as it passed with "SELECT " */
    int64_t due;                        /* when the bytes may go on */
} flow;

typedef struct pair {
    int  fds[2];                        /* CLIENT's and SERVER's; -1: a mute one has no server */
    int64_t served_from;                /* held until then */
    flow flows[2];                      /* what came from CLIENT, from SERVER */
} pair;

struct test_proxy {
    pthread_t       thread;
    pthread_mutex_t lock;               /* guards all below; held by the loop but while it polls */
    int             wake[2];
    bool            stopping;
    char            url[1200], target[108], socket_path[108], socket_folder[64];
    int             target_port, port, listener;
    test_proxy_kind kind;
    test_fault      fault;
    int64_t         bytes[2];           /* of clients, of servers */
    int64_t         messages;           /* of servers */
    bool            garbled_for_nothing;
    int             accepted, pair_count;
    pair           *pairs[MAX_PAIRS];
    bool            tracing;
    char           *trace, *shown;      /* TRACE bytes each */
    size_t          trace_length;
    passing_message passing[2];
    int             readies, executes;  /* executes: since readies came to fault.hold_after_ready */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void must(bool fine, const char *what)
{
    if (fine)
        return;
    print_error("the proxy: %s: %s\n", what, strerror(errno));
    fail();
}

static void make_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

/* ---- addresses ---------------------------------------------------------------------------------------------------------- */
typedef union address { struct sockaddr any; struct sockaddr_in ip; struct sockaddr_un local; } address;

static socklen_t local_address(address *out, const char *path)
{
    *out = (address){ .local = { .sun_family = AF_UNIX } };
    snprintf(out->local.sun_path, sizeof out->local.sun_path, "%s", path);
    return sizeof out->local;
}

static socklen_t ip_address(address *out, const char *host, int port)
{
    *out = (address){ .ip = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) } };
    must(inet_pton(AF_INET, host, &out->ip.sin_addr) == 1, "the server's address is none");
    return sizeof out->ip;
}

static void find_target(test_proxy *proxy, const char *url)
{
    char *message = NULL;
    const char *host = "", *hostaddr = "", *port = "5432";
    PQconninfoOption *options = PQconninfoParse(url, &message);
    must(options != NULL, url);
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (!o->val)
            continue;
        if (!strcmp(o->keyword, "host")) host = o->val;
        if (!strcmp(o->keyword, "hostaddr")) hostaddr = o->val;
        if (!strcmp(o->keyword, "port")) port = o->val;
    }
    proxy->target_port = atoi(port);
    if (*hostaddr)
        host = hostaddr;
    if (*host == '/')
        snprintf(proxy->target, sizeof proxy->target, "%.80s/.s.PGSQL.%s", host, port);
    else
        snprintf(proxy->target, sizeof proxy->target, "%s", host);
    PQconninfoFree(options);
}

static int connect_target(const test_proxy *proxy)
{
    address to;
    bool local = proxy->target[0] == '/';
    socklen_t size = local ? local_address(&to, proxy->target) : ip_address(&to, proxy->target, proxy->target_port);
    int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &to.any, size) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* On the port that it had before, if it had one. */
static void start_listening(test_proxy *proxy)
{
    address at;
    int on = 1;
    socklen_t size = proxy->kind == TEST_PROXY_UNIX ? local_address(&at, proxy->socket_path)
                                                    : ip_address(&at, "127.0.0.1", proxy->port);
    proxy->listener = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(proxy->listener >= 0, "socket");
    setsockopt(proxy->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    must(bind(proxy->listener, &at.any, size) == 0 && listen(proxy->listener, 64) == 0, "listening");
    if (proxy->kind == TEST_PROXY_TCP) {
        getsockname(proxy->listener, &at.any, &size);
        proxy->port = ntohs(at.ip.sin_port);
    }
}

static void stop_listening(test_proxy *proxy)
{
    if (proxy->listener < 0)
        return;
    close(proxy->listener);
    proxy->listener = -1;
    if (proxy->kind == TEST_PROXY_UNIX)
        unlink(proxy->socket_path);
}

/* ---- what passes, written down -------------------------------------------------------------------------------------------- */
static void write_down(test_proxy *proxy, int from, const passing_message *m)
{
    char word[NAME + 8];
    size_t length = (size_t)snprintf(word, sizeof word, "%c%c", "><"[from], m->head[0]);
    if (from == CLIENT && m->head[0] == 'E')
        length += (size_t)snprintf(word + length, sizeof word - length, "(%s)", m->name);
    bool again = from == SERVER && m->head[0] == 'D' && proxy->trace_length >= 3 &&
                 !memcmp(proxy->trace + proxy->trace_length - 3, "<D ", 3);
    if (!again && proxy->trace_length + length + 2 < TRACE) {
        memcpy(proxy->trace + proxy->trace_length, word, length);
        proxy->trace_length += length;
        proxy->trace[proxy->trace_length++] = ' ';
        proxy->trace[proxy->trace_length] = 0;
    }
    proxy->executes += from == CLIENT && m->head[0] == 'E' && proxy->readies >= proxy->fault.hold_after_ready;
    proxy->readies += from == SERVER && m->head[0] == 'Z';
}

static void trace(test_proxy *proxy, int from, const char *bytes, size_t length)
{
    passing_message *m = &proxy->passing[from];
    for (size_t i = 0; proxy->tracing && i < length; i++) {
        if (m->have < sizeof m->head) {
            m->head[m->have++] = (unsigned char)bytes[i];
            if (m->have == sizeof m->head)
                m->left = ((size_t)m->head[1] << 24 | (size_t)m->head[2] << 16 | (size_t)m->head[3] << 8 | m->head[4]) - 4;
        } else {
            if (m->named + 1 < NAME)
                m->name[m->named++] = bytes[i];
            m->left--;
        }
        if (m->have == sizeof m->head && m->left == 0) {
            m->name[m->named] = 0;
            write_down(proxy, from, m);
            *m = (passing_message){ .have = 0 };
        }
    }
}

static bool is_held(const test_proxy *proxy, const flow *f)
{
    const test_fault *fault = &proxy->fault;
    return proxy->tracing && fault->hold_executes && proxy->readies >= fault->hold_after_ready && proxy->executes < fault->hold_executes &&
           now_ms() < f->due;
}

/* ---- pairs ---------------------------------------------------------------------------------------------------------------- */
static void close_pair(test_proxy *proxy, int index, bool reset)
{
    pair *p = proxy->pairs[index];
    for (int side = CLIENT; side <= SERVER; side++) {
        if (p->fds[side] < 0)
            continue;
        if (reset)
            setsockopt(p->fds[side], SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
        close(p->fds[side]);
    }
    free(p);
    proxy->pairs[index] = proxy->pairs[--proxy->pair_count];
}

static void take_client(test_proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;
    if (client < 0)
        return;
    pair *p = proxy->pair_count < MAX_PAIRS ? calloc(1, sizeof *p) : NULL;
    int server = proxy->fault.mute ? -1 : connect_target(proxy);
    if (!p || (server < 0 && !proxy->fault.mute)) {
        free(p);
        close(client);
        return;
    }
    p->fds[CLIENT] = client;
    p->fds[SERVER] = server;
    p->served_from = proxy->fault.hold_ms ? now_ms() + proxy->fault.hold_ms : 0;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);       /* fails on Unix sockets, where nothing waits anyway */
    if (server >= 0) {
        setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        make_nonblocking(server);
    }
    proxy->accepted++;
    proxy->pairs[proxy->pair_count++] = p;
}

static bool stalls(const test_proxy *proxy, const pair *p)
{
    const test_fault *f = &proxy->fault;
    return p->fds[SERVER] < 0 || f->stall || now_ms() < p->served_from ||
           (f->stall_after > 0 && p->flows[SERVER].passed >= f->stall_after) ||
           (f->stall_after_sent > 0 && p->flows[CLIENT].passed >= f->stall_after_sent);
}

/* The next bytes of a body: a CommandComplete may tell another number of rows. */
static void say_rows(const test_fault *fault, flow *f, unsigned char *bytes, size_t length)
{
    static const char verb[] = "SELECT ";
    enum { VERB = sizeof verb - 1 };
    if (!fault->select_says || f->head[0] != 'C' || f->length != VERB + strlen(fault->select_says) + 1)
        return;
    for (size_t i = 0; i < length; i++) {
        size_t at = f->length - f->left + i;
        if (at < VERB)
            f->selects = (at == 0 || f->selects) && bytes[i] == (unsigned char)verb[at];
        else if (f->selects)
            bytes[i] = (unsigned char)fault->select_says[at - VERB];
    }
}

/* The server's messages, counted; one of them may lie about its length. */
static void look_at_messages(test_proxy *proxy, flow *f, unsigned char *bytes, size_t length)
{
    const test_fault *fault = &proxy->fault;
    for (size_t i = 0; i < length; i++) {
        if (f->left > 0) {
            size_t n = length - i < f->left ? length - i : f->left;
            if (f->head[0] == 'Z' && f->left == 1 && ++f->readies == fault->ready_message)
                bytes[i] = (unsigned char)fault->ready_state;
            say_rows(fault, f, bytes + i, n);
            f->left -= (uint32_t)n;
            i += n - 1;
            continue;
        }
        if (f->headed == 0) {
            f->messages++;
            proxy->messages++;
        }
        f->head[f->headed] = bytes[i];
        if (fault->huge_message && f->messages == fault->huge_message && f->headed > 0)
            bytes[i] = (unsigned char)(fault->huge_length >> 8 * (4 - f->headed));
        if (++f->headed == sizeof f->head) {
            uint32_t said = (uint32_t)f->head[1] << 24 | (uint32_t)f->head[2] << 16 | (uint32_t)f->head[3] << 8 | f->head[4];
            f->left = f->length = said > 4 ? said - 4 : 0;
            f->headed = 0;
        }
    }
}

/* A record of TLS in clear: a ChangeCipherSpec, or a handshake's ClientHello or ServerHello, of less than 64 KiB. */
static bool is_record_in_clear(const unsigned char *r, size_t length)
{
    return (length >= 6 && r[0] == 20 && !r[3] && r[4] == 1 && r[5] == 1) ||
           (length >= 7 && r[0] == 22 && (r[5] == 1 || r[5] == 2) && !r[6]);
}

/* Whether the byte at that place has no meaning: the version of a record in clear, which peers must ignore (RFC 8446, 5.1). */
static bool is_ignored(const unsigned char *bytes, size_t length, size_t at)
{
    for (size_t part = 1; part <= 2; part++)
        if (at >= part && bytes[at + 1 - part] == 3 && is_record_in_clear(bytes + at - part, length - (at - part)))
            return true;
    return false;
}

/* What was just read, as it is to be handed on. */
static void spoil(test_proxy *proxy, flow *f, int from)
{
    int64_t at = from == SERVER ? proxy->fault.garble : proxy->fault.garble_sent;
    size_t length = f->end - f->start;
    if (from == SERVER)
        look_at_messages(proxy, f, (unsigned char *)f->bytes + f->start, length);
    if (at > f->taken && at <= f->taken + (int64_t)length) {
        size_t place = (size_t)(at - f->taken - 1);
        proxy->garbled_for_nothing = is_ignored((const unsigned char *)f->bytes + f->start, length, place);
        f->bytes[f->start + place] ^= (char)proxy->fault.garble_with;
    }
    f->taken += (int64_t)length;
    if (f->shut)
        f->start = f->end;
}

static void end_direction(pair *p, flow *f, int from)
{
    if (!f->shut)
        shutdown(p->fds[1 - from], SHUT_WR);
    f->shut = true;
    f->start = f->end;
}

static int64_t half_after(const test_proxy *proxy, int from)
{
    return from == SERVER ? proxy->fault.half_after : proxy->fault.half_after_sent;
}

/* How many bytes of the flow may go on now. */
static size_t allowed(const test_proxy *proxy, const pair *p, int from)
{
    const flow *f = &p->flows[from];
    const test_fault *fault = &proxy->fault;
    size_t waiting = f->end - f->start;
    int64_t cut = from == SERVER ? fault->cut_after : fault->cut_after_sent;
    int64_t stop = from == SERVER ? fault->stall_after : fault->stall_after_sent, half = half_after(proxy, from);
    if (stalls(proxy, p))
        return 0;
    if (cut != 0 && (int64_t)waiting > cut - f->passed)
        waiting = cut > f->passed ? (size_t)(cut - f->passed) : 0;
    if (stop > 0 && (int64_t)waiting > stop - f->passed)
        waiting = (size_t)(stop - f->passed);
    if (half > 0 && (int64_t)waiting > half - f->passed)
        waiting = half > f->passed ? (size_t)(half - f->passed) : 0;
    if (from == SERVER && fault->single_bytes && waiting > 0) {
        int unread = 0;
        waiting = ioctl(p->fds[CLIENT], SIOCOUTQ, &unread) == 0 && unread > 0 ? 0 : 1;
    }
    if (from == SERVER && fault->hold_executes)
        return is_held(proxy, f) ? 0 : waiting;
    return now_ms() < f->due ? 0 : waiting;
}

static bool is_cut(const test_proxy *proxy, const pair *p)
{
    const test_fault *f = &proxy->fault;
    return (f->cut_after != 0 && p->flows[SERVER].passed >= f->cut_after) ||
           (f->cut_after_sent != 0 && p->flows[CLIENT].passed >= f->cut_after_sent);
}

/* The server closes the connection of a request whether it had anything to cancel or not. */
static bool is_lost(test_proxy *proxy, const flow *f)
{
    static const unsigned char request[] = { 0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e };
    if (!proxy->fault.lose_requests || f->passed || f->end - f->start < sizeof request || memcmp(f->bytes + f->start, request, sizeof request) != 0)
        return false;
    proxy->fault.lose_requests--;
    return true;
}

/* Notices instead of what the server says; behind a ReadyForQuery not before the client asks: libpq would read them with it. */
static void chatter(const test_proxy *proxy, flow *f, int64_t heard)
{
    static const char notice[] = "N\0\0\0 SNOTICE\0VNOTICE\0C00000\0Mah\0";
    int after = proxy->fault.chatter_after;
    if (!after || f->readies < after || f->left || f->headed || f->start != f->end)
        return;
    f->heard = f->heard ? f->heard : heard + 1;
    if (after > 0 && f->heard == heard + 1)
        return;
    f->start = f->end = 0;
    while (f->end + sizeof notice <= BUFFER) {
        memcpy(f->bytes + f->end, notice, sizeof notice);
        f->end += sizeof notice;
    }
}

/* False: the pair is at its end. */
static bool move_bytes(test_proxy *proxy, pair *p, int from)
{
    flow *f = &p->flows[from];
    if (from == SERVER)
        chatter(proxy, f, p->flows[CLIENT].taken);
    if (!stalls(proxy, p) && f->start == f->end && !f->ended) {
        ssize_t n = read(p->fds[from], f->bytes, sizeof f->bytes);
        f->ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        if (n > 0) {
            f->start = 0;
            f->end = (size_t)n;
            if (from == CLIENT && is_lost(proxy, f))
                return false;
            spoil(proxy, f, from);
            int wait = proxy->fault.hold_executes ? HELD_MS : proxy->fault.delay_ms;
            f->due = from == SERVER && wait ? now_ms() + wait : 0;
        }
    }
    size_t may = allowed(proxy, p, from);
    if (may > 0) {
        ssize_t n = send(p->fds[1 - from], f->bytes + f->start, may, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            f->start = f->end;          /* nobody takes them; what the other side still has to say goes on */
            return from == CLIENT;
        }
        if (n > 0) {
            trace(proxy, from, f->bytes + f->start, (size_t)n);
            f->start += (size_t)n;
            f->passed += n;
            proxy->bytes[from] += n;
            if (from == SERVER)
                chatter(proxy, f, p->flows[CLIENT].taken);
        }
    }
    if (half_after(proxy, from) > 0 && f->passed >= half_after(proxy, from))
        end_direction(p, f, from);
    return !(f->ended && f->start == f->end);
}

/* A stalled client that hangs up ends its pair all the same. */
static bool hung_up(const pair *p)
{
    struct pollfd client = { .fd = p->fds[CLIENT], .events = POLLRDHUP };
    return poll(&client, 1, 0) > 0 && client.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void serve_pairs(test_proxy *proxy)
{
    for (int i = proxy->pair_count - 1; i >= 0; i--) {
        pair *p = proxy->pairs[i];
        bool goes_on = stalls(proxy, p) ? !hung_up(p) : move_bytes(proxy, p, CLIENT) && move_bytes(proxy, p, SERVER);
        bool cut = is_cut(proxy, p);
        if (!goes_on || cut)
            close_pair(proxy, i, cut && proxy->fault.reset);
    }
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------------- */
/* What to poll for; the time-out in milliseconds. */
static int fill_polls(test_proxy *proxy, struct pollfd *polls, nfds_t *count)
{
    int timeout = 1000;
    *count = 0;
    polls[(*count)++] = (struct pollfd){ .fd = proxy->wake[0], .events = POLLIN };
    polls[(*count)++] = (struct pollfd){ .fd = proxy->listener, .events = POLLIN };
    for (int i = 0; i < proxy->pair_count; i++) {
        const pair *p = proxy->pairs[i];
        if (stalls(proxy, p)) {
            timeout = p->served_from && timeout > 10 ? 10 : timeout;
            polls[(*count)++] = (struct pollfd){ .fd = p->fds[CLIENT], .events = POLLRDHUP };
            continue;
        }
        for (int side = CLIENT; side <= SERVER; side++) {
            const flow *in = &p->flows[side], *out = &p->flows[1 - side];
            bool reads = in->start == in->end && !in->ended, writes = out->start < out->end;
            bool waits = writes && allowed(proxy, p, 1 - side) == 0;
            polls[(*count)++] = (struct pollfd){ .fd = reads || (writes && !waits) ? p->fds[side] : -1,
                                                 .events = (short)((reads ? POLLIN : 0) | (writes && !waits ? POLLOUT : 0)) };
            if (waits)
                timeout = proxy->fault.single_bytes ? 0 : 1;
        }
    }
    return timeout;
}

static void *run(void *argument)
{
    test_proxy *proxy = argument;
    struct pollfd polls[2 + 2 * MAX_PAIRS];
    char drain[64];
    nfds_t count;
    pthread_mutex_lock(&proxy->lock);
    while (!proxy->stopping) {
        int timeout = fill_polls(proxy, polls, &count);
        pthread_mutex_unlock(&proxy->lock);
        poll(polls, count, timeout);
        pthread_mutex_lock(&proxy->lock);
        if (polls[0].revents)
            (void)!read(proxy->wake[0], drain, sizeof drain);
        if (proxy->listener >= 0)
            take_client(proxy);
        serve_pairs(proxy);
    }
    pthread_mutex_unlock(&proxy->lock);
    return NULL;
}

/* ---- what tests call ------------------------------------------------------------------------------------------------------------ */
static void wake_up(test_proxy *proxy) { (void)!write(proxy->wake[1], "", 1); }

test_proxy *test_proxy_start(const char *url, test_proxy_kind kind)
{
    test_proxy *proxy = calloc(1, sizeof *proxy);
    must(proxy != NULL, "memory");
    proxy->kind = kind;
    pthread_mutex_init(&proxy->lock, NULL);
    find_target(proxy, url);
    must(pipe2(proxy->wake, O_CLOEXEC | O_NONBLOCK) == 0, "pipe");
    if (kind == TEST_PROXY_UNIX) {
        snprintf(proxy->socket_folder, sizeof proxy->socket_folder, "/tmp/weir-proxy.XXXXXX");
        must(mkdtemp(proxy->socket_folder) != NULL, "mkdtemp");
        snprintf(proxy->socket_path, sizeof proxy->socket_path, "%s/.s.PGSQL.5432", proxy->socket_folder);
    }
    start_listening(proxy);
    /* Later words of a URL win over earlier ones. */
    char mark = strchr(url, '?') ? '&' : '?';
    if (kind == TEST_PROXY_UNIX)
        snprintf(proxy->url, sizeof proxy->url, "%s%chost=%s&port=5432", url, mark, proxy->socket_folder);
    else
        snprintf(proxy->url, sizeof proxy->url, "%s%chostaddr=127.0.0.1&port=%d", url, mark, proxy->port);
    must(pthread_create(&proxy->thread, NULL, run, proxy) == 0, "thread");
    return proxy;
}

const char *test_proxy_url(const test_proxy *proxy) { return proxy->url; }

void test_proxy_set(test_proxy *proxy, test_fault fault)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->fault = fault;
    proxy->garbled_for_nothing = false;
    proxy->bytes[CLIENT] = proxy->bytes[SERVER] = proxy->messages = 0;
    for (int i = 0; i < proxy->pair_count; i++)
        for (int side = CLIENT; side <= SERVER; side++) {
            flow *f = &proxy->pairs[i]->flows[side];
            f->passed = f->taken = f->messages = f->readies = f->heard = 0;
        }
    pthread_mutex_unlock(&proxy->lock);
    wake_up(proxy);
}

void test_proxy_refuse(test_proxy *proxy, bool refuse)
{
    pthread_mutex_lock(&proxy->lock);
    if (refuse)
        stop_listening(proxy);
    else if (proxy->listener < 0)
        start_listening(proxy);
    pthread_mutex_unlock(&proxy->lock);
    wake_up(proxy);
}

void test_proxy_cut_all(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    while (proxy->pair_count)
        close_pair(proxy, 0, proxy->fault.reset);
    pthread_mutex_unlock(&proxy->lock);
    wake_up(proxy);
}

static int64_t bytes_of(test_proxy *proxy, int side)
{
    pthread_mutex_lock(&proxy->lock);
    int64_t bytes = proxy->bytes[side];
    pthread_mutex_unlock(&proxy->lock);
    return bytes;
}

int64_t test_proxy_bytes(test_proxy *proxy) { return bytes_of(proxy, SERVER); }
int64_t test_proxy_bytes_sent(test_proxy *proxy) { return bytes_of(proxy, CLIENT); }

int64_t test_proxy_messages(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    int64_t messages = proxy->messages;
    pthread_mutex_unlock(&proxy->lock);
    return messages;
}

int test_proxy_accepted(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    int accepted = proxy->accepted;
    pthread_mutex_unlock(&proxy->lock);
    return accepted;
}

bool test_proxy_garbled_for_nothing(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    bool for_nothing = proxy->garbled_for_nothing;
    pthread_mutex_unlock(&proxy->lock);
    return for_nothing;
}

int test_proxy_open(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    int open = proxy->pair_count;
    pthread_mutex_unlock(&proxy->lock);
    return open;
}

void test_proxy_trace(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    if (!proxy->trace) {
        proxy->trace = malloc(TRACE);
        proxy->shown = malloc(TRACE);
        must(proxy->trace && proxy->shown, "memory");
    }
    proxy->tracing = true;
    proxy->trace[proxy->trace_length = 0] = 0;
    proxy->readies = proxy->executes = 0;
    memset(proxy->passing, 0, sizeof proxy->passing);
    pthread_mutex_unlock(&proxy->lock);
}

const char *test_proxy_traced(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    memcpy(proxy->shown, proxy->trace, proxy->trace_length + 1);
    pthread_mutex_unlock(&proxy->lock);
    return proxy->shown;
}

void test_proxy_stop(test_proxy **handle)
{
    test_proxy *proxy = *handle;
    if (!proxy)
        return;
    *handle = NULL;
    pthread_mutex_lock(&proxy->lock);
    proxy->stopping = true;
    pthread_mutex_unlock(&proxy->lock);
    wake_up(proxy);
    pthread_join(proxy->thread, NULL);
    while (proxy->pair_count)
        close_pair(proxy, 0, false);
    stop_listening(proxy);
    if (proxy->kind == TEST_PROXY_UNIX)
        rmdir(proxy->socket_folder);
    close(proxy->wake[0]);
    close(proxy->wake[1]);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy->trace);
    free(proxy->shown);
    free(proxy);
}
