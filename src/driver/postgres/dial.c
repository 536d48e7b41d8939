/* libpq dials, weir talks: connecting through libpq, then taking its socket over for good (DESIGN D2, RULES L1-L6). */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "driver/postgres/pg.h"

enum { OLDEST_SERVER = 120000, MAX_WORDS = 64, HAND_OVER_MS = 10000, TCP_USER_TIMEOUT_MS = 60000, LOOK_MS = 50 };

/* libpq's messages have several lines, and may end in one. */
static void one_line(char *text)
{
    size_t length = strlen(text);
    while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
        text[--length] = 0;
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
}

/* libpq looks at it only where it waits itself; what is no number would be no limit. */
static int check_timeout(const char *value, weir_error *error)
{
    size_t digits = value ? strspn(value + (*value == '-'), "0123456789") : 1;
    bool number = !value || (digits > 0 && digits < 10 && !value[digits + (*value == '-')]);
    return number ? WEIR_OK : weir_error_set(error, WEIR_ARGUMENT, "connect_timeout is a number of seconds, not '%s'", value);
}

/* Words of libpq since its version 12, for one that is older than they are. */
static const char *const words_of_libpq[] = {
    "channel_binding", "gssdelegation", "load_balance_hosts", "max_protocol_version", "min_protocol_version", "oauth_ca_file", "oauth_client_id",
    "oauth_client_secret", "oauth_issuer", "oauth_scope", "require_auth", "scram_client_key", "scram_server_key", "servicefile", "ssl", "ssl_max_protocol_version",
    "ssl_min_protocol_version", "sslcertmode", "sslcrldir", "sslkeylogfile", "sslnegotiation", "sslpassword", "sslsni", NULL,
};

/* A word that says how to connect would promise nothing as a setting, behind the password: a hostile server takes any. */
static int check_word(const char *key, weir_error *error)
{
    PQconninfoOption *options = PQconndefaults();
    bool misspelt = false;
    for (PQconninfoOption *o = options; o && o->keyword; o++)
        misspelt = misspelt || !strcasecmp(o->keyword, key);
    PQconninfoFree(options);
    if (misspelt)
        return weir_error_set(error, WEIR_ARGUMENT, "connect_args: '%s' is no setting of a server: write the key in small letters", key);
    for (const char *const *word = words_of_libpq; *word; word++)
        if (!strcasecmp(*word, key))
            return weir_error_set(error, WEIR_ARGUMENT, "connect_args: '%s' is no setting of a server, and this libpq (version %d) does not know it", key,
                                  PQlibVersion() / 10000);
    return WEIR_OK;
}

/* What would go to the server, and into its messages, as something else. */
static int check_argument(const char *key, const char *value, weir_error *error)
{
    if (value && !strcmp(key, "connect_timeout"))
        return check_timeout(value, error);
    if (!value)
        return weir_error_set(error, WEIR_ARGUMENT, "connect_args: the key '%s' has no value", key);
    if (!weir_pg_libpq_knows(key))
        return check_word(key, error);
    if (!strcmp(key, "dbname") && (strchr(value, '=') || strstr(value, "://")))
        return weir_error_set(error, WEIR_ARGUMENT, "connect_args: dbname is a database's name here, not a connection string; the URL takes those");
    return WEIR_OK;
}

int weir_pg_check(weir_dial_plan *plan, weir_error *error)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(plan->url.whole, &message);
    if (!options) {
        bool secret = strcmp(plan->url.whole, plan->url.shown) != 0;    /* the message may quote the password */
        int status = weir_error_set(error, WEIR_ARGUMENT, "the URL %s is none that libpq understands%s%s", plan->url.shown,
                                    message && !secret ? ": " : "", message && !secret ? message : "");
        one_line(error->message);
        PQfreemem(message);
        return status;
    }
    char *seconds = NULL;
    for (PQconninfoOption *option = options; option->keyword; option++)
        seconds = strcmp(option->keyword, "connect_timeout") ? seconds : option->val;
    int status = check_timeout(seconds, error);
    PQconninfoFree(options);
    for (const char *const *arg = plan->connect_args; status == WEIR_OK && arg && arg[0]; arg += 2)
        status = check_argument(arg[0], arg[1], error);
    return status;
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

typedef struct words { const char *keys[MAX_WORDS], *values[MAX_WORDS]; size_t count; } words;

static void add_word(words *w, const char *key, const char *value)
{
    if (w->count < MAX_WORDS - 1) {
        w->keys[w->count] = key;
        w->values[w->count++] = value;
    }
}

/* The hosts that are left to try, as libpq's words take them; empty: what the URL says. */
typedef struct host_lists { char host[2048], hostaddr[2048], port[1024]; } host_lists;

/* Later words win over earlier ones, and all win over the URL's where the word is the same; ours that only are defaults come
 * first, for libpq expands the URL at its place. */
static PGconn *start_libpq(const weir_dial_plan *plan, const host_lists *left)
{
    words w = { .count = 0 };
    char seconds[16], user_timeout[16];
    int ms = plan->connect_timeout_ms;
    snprintf(seconds, sizeof seconds, "%d", ms < 2000 ? 2 : (ms + 999) / 1000);
    snprintf(user_timeout, sizeof user_timeout, "%d", TCP_USER_TIMEOUT_MS);
    add_word(&w, "connect_timeout", seconds);
    add_word(&w, "tcp_user_timeout", user_timeout);
    add_word(&w, "keepalives", "1");
    add_word(&w, "keepalives_idle", "60");
    add_word(&w, "fallback_application_name", "weir");
    add_word(&w, "dbname", plan->url.whole);
    if (plan->application_name)
        add_word(&w, "application_name", plan->application_name);
    for (const char *const *arg = plan->connect_args; arg && arg[0]; arg += 2)
        if (weir_pg_libpq_knows(arg[0]))
            add_word(&w, arg[0], arg[1]);
    add_word(&w, "client_encoding", "UTF8");
    add_word(&w, "gssencmode", "disable");
    if (left->host[0] || left->hostaddr[0]) {
        add_word(&w, "host", left->host);
        add_word(&w, "hostaddr", left->hostaddr);
        add_word(&w, "port", left->port);
    }
    w.keys[w.count] = w.values[w.count] = NULL;
    PGconn *conn = PQconnectStartParams(w.keys, w.values, 1);
    if (conn) {
        PQsetNoticeProcessor(conn, ignore_notice, NULL);
        PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);    /* the only way to the SQLSTATE of a refusal */
    }
    return conn;
}

/* ---- connecting without blocking for longer than is wanted --------------------------------------------------------------- */
static bool must_stop(const weir_dial_watch *watch)
{
    return watch && (atomic_load(&watch->stop) || weir_now() >= watch->deadline);
}

/* Until the descriptor is ready, the deadline passes (WEIR_LATE), or the watch says stop; also where there always is more to read. */
static int wait_watched(weir_want *want, int64_t deadline, const weir_dial_watch *watch)
{
    for (;;) {
        int64_t now = weir_now(), look = now + LOOK_MS * 1000000LL;
        if (now >= deadline || must_stop(watch))
            return WEIR_LATE;
        want->deadline = look < deadline ? look : deadline;
        int outcome = weir_wait(want);
        if (outcome != WEIR_LATE)
            return outcome;
    }
}

static char *option_of(PQconninfoOption *options, const char *keyword)
{
    for (PQconninfoOption *option = options; option && option->keyword; option++)
        if (!strcmp(option->keyword, keyword))
            return option->val;
    return NULL;
}

/* libpq's rule: seconds, at least 2; none, 0 or less: for ever. */
static int64_t patience_of(PGconn *conn)
{
    PQconninfoOption *options = PQconninfo(conn);
    const char *seconds = option_of(options, "connect_timeout");
    long n = seconds ? strtol(seconds, NULL, 10) : 0;
    PQconninfoFree(options);
    return n <= 0 ? WEIR_NO_DEADLINE : (n < 2 ? 2 : n) * 1000000000LL;
}

/* Connects as libpq's blocking function does: so much patience with each host. WEIR_READY when libpq has finished, WEIR_LATE when the
 * host at which it is did not answer in time, or the watch says stop. */
static int poll_libpq(PGconn *conn, const weir_dial_watch *watch)
{
    char at[600] = "", now_at[600];
    int64_t patience = patience_of(conn), deadline = WEIR_NO_DEADLINE;
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    while (PQstatus(conn) != CONNECTION_BAD && (wants == PGRES_POLLING_READING || wants == PGRES_POLLING_WRITING)) {
        snprintf(now_at, sizeof now_at, "%s %s %s", PQhost(conn), PQhostaddr(conn), PQport(conn));
        if (strcmp(at, now_at) != 0 && patience != WEIR_NO_DEADLINE)
            deadline = weir_now() + patience;
        strcpy(at, now_at);
        weir_want want = { .fd = PQsocket(conn), .events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT };
        if (wait_watched(&want, deadline, watch) == WEIR_LATE)
            return WEIR_LATE;
        wants = PQconnectPoll(conn);
    }
    return WEIR_READY;
}

/* ---- several hosts ---------------------------------------------------------------------------------------------------------- */
static size_t count_items(const char *list)
{
    size_t count = *list != 0;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

static const char *item_at(const char *list, size_t index, size_t *length)
{
    for (; index && *list; list++)
        index -= *list == ',';
    *length = strcspn(list, ",");
    return list;
}

static bool item_is(const char *list, size_t index, const char *text)
{
    size_t length;
    const char *item = item_at(list, index, &length);
    return strlen(text) == length && !strncmp(item, text, length);
}

static void drop_item(char *list, size_t index)
{
    size_t length, count = count_items(list);
    char *item = list + (item_at(list, index, &length) - list);
    if (count < 2)                      /* one port for all hosts */
        return;
    if (index + 1 < count)
        memmove(item, item + length + 1, strlen(item + length + 1) + 1);
    else
        item[-1] = 0;
}

static bool take_lists(PGconn *conn, host_lists *out)
{
    PQconninfoOption *options = PQconninfo(conn);
    const char *host = option_of(options, "host"), *hostaddr = option_of(options, "hostaddr"), *port = option_of(options, "port");
    bool fit = (!host || strlen(host) < sizeof out->host) && (!hostaddr || strlen(hostaddr) < sizeof out->hostaddr) &&
               (!port || strlen(port) < sizeof out->port);
    if (fit) {
        strcpy(out->host, host ? host : "");
        strcpy(out->hostaddr, hostaddr ? hostaddr : "");
        strcpy(out->port, port ? port : "");
    }
    PQconninfoFree(options);
    return fit;
}

/* Takes the host at which libpq is out of the lists. False: it was the last. */
static bool drop_silent_host(PGconn *conn, host_lists *left)
{
    if (!left->host[0] && !left->hostaddr[0] && !take_lists(conn, left))
        return false;
    size_t hosts = count_items(left->host), addresses = count_items(left->hostaddr), count = hosts > addresses ? hosts : addresses;
    for (size_t i = 0; i < count && count > 1; i++) {
        if (!item_is(hosts == count ? left->host : left->hostaddr, i, PQhost(conn)) ||
            (count_items(left->port) == count && !item_is(left->port, i, PQport(conn))))
            continue;
        drop_item(left->host, i);
        drop_item(left->hostaddr, i);
        drop_item(left->port, i);
        return true;
    }
    return false;
}

/* Tries the hosts that libpq would try. WEIR_OK: *out is libpq's connection, open or failed; else *error says why there is none. */
static int connect_libpq(const weir_dial_plan *plan, const weir_dial_watch *watch, PGconn **out, weir_error *error)
{
    host_lists left = { .host = "" };
    for (;;) {
        PGconn *conn = *out = start_libpq(plan, &left);
        if (!conn)
            return weir_error_out_of_memory(error);
        if (poll_libpq(conn, watch) == WEIR_READY)
            return WEIR_OK;
        bool stopped = must_stop(watch), again = !stopped && drop_silent_host(conn, &left);
        if (stopped)
            weir_error_set(error, WEIR_DEADLINE_EXCEEDED, "the deadline passed while connecting to PostgreSQL");
        else if (!again)
            weir_error_set(error, WEIR_OPERATIONAL, "cannot connect to PostgreSQL: connection to server at \"%s\", port %s failed: "
                           "timeout expired", PQhost(conn), PQport(conn));
        PQfinish(conn);
        if (!again)
            return error->status;
    }
}

/* ---- refused ------------------------------------------------------------------------------------------------------------------ */

/* "FATAL:  53300: sorry, too many clients already": where the SQLSTATE is in a line, NULL if there is none. Severities and other words
 * may be in the user's language. */
static char *sqlstate_in(char *line)
{
    char *found = strstr(line, ":  ");
    for (size_t i = 3; found && i < 8; i++)
        if (!(found[i] >= '0' && found[i] <= '9') && !(found[i] >= 'A' && found[i] <= 'Z'))
            return NULL;
    return found && found[8] == ':' && found[9] == ' ' ? found + 3 : NULL;
}

/* "LOCATION:  InitProcess, proc.c:364" */
static bool is_location(const char *line, size_t length)
{
    size_t digits = length;
    while (digits > 0 && line[digits - 1] >= '0' && line[digits - 1] <= '9')
        digits--;
    return digits < length && digits > 3 && !strncmp(line + digits - 3, ".c:", 3) && strstr(line, ":  ") && strstr(line, ", ");
}

/* Takes out of libpq's verbose message what is not for the user; the SQLSTATE that the last host gave, if it gave one. */
static void read_refusal(char *message, char sqlstate[6])
{
    char *to = message;
    sqlstate[0] = 0;
    for (char *line = message, *next; *line; line = next) {
        size_t length = strcspn(line, "\n"), skipped = 0;
        next = line + length + (line[length] != 0);
        char end = line[length];
        line[length] = 0;
        char *state = sqlstate_in(line);
        bool gone = is_location(line, length);
        if (state) {
            memcpy(sqlstate, state, 5);
            sqlstate[5] = 0;
            memmove(state, state + 7, strlen(state + 7) + 1);
            skipped = 7;
        } else if (!strncmp(line, "connection to server", 20)) {
            sqlstate[0] = 0;            /* the next host, which said nothing */
        }
        if (gone)
            continue;
        memmove(to, line, length - skipped);
        to += length - skipped;
        if (end)
            *to++ = end;
    }
    *to = 0;
}

static void connect_failed(PGconn *conn, weir_error *error)
{
    static const char password[] = "check user and password; a password file, service= or PGPASSWORD work too";
    static const char room[] = "the server has no room for more: make the pools of all programs smaller together than max_connections";
    const char *host = PQhost(conn), *port = PQport(conn);
    char message[2048], sqlstate[6];
    snprintf(message, sizeof message, "%s", PQerrorMessage(conn));
    read_refusal(message, sqlstate);
    weir_error_set(error, WEIR_OPERATIONAL, "cannot connect to PostgreSQL: %s", message);
    one_line(error->message);
    weir_error_text(error->sqlstate, sizeof error->sqlstate, sqlstate, strlen(sqlstate));
    if (!strcmp(sqlstate, "53300"))
        weir_error_text(error->hint, sizeof error->hint, room, strlen(room));
    else if (strstr(error->message, "password"))
        weir_error_text(error->hint, sizeof error->hint, password, strlen(password));
    else if (!*sqlstate && host && *host)
        snprintf(error->hint, sizeof error->hint, "is a server running at %s port %s?", host, port && *port ? port : "5432");
}

static int check_server(PGconn *conn, weir_error *error)
{
    int version = PQserverVersion(conn);
    if (PQprotocolVersion(conn) != 3)
        return weir_error_set(error, WEIR_NOT_SUPPORTED, "the server speaks protocol %d; weir needs 3.0", PQprotocolVersion(conn));
    if (version < OLDEST_SERVER)
        return weir_error_set(error, WEIR_NOT_SUPPORTED, "the server is PostgreSQL %d.%d; weir needs 12 or later", version / 10000, version % 10000);
    if (PQsslInUse(conn)) {
        const char *library = PQsslAttribute(conn, "library");
        if (!library || strcmp(library, "OpenSSL") != 0 || !PQsslStruct(conn, "OpenSSL"))
            return weir_error_set(error, WEIR_NOT_SUPPORTED, "libpq's TLS is made by %s; weir can only take OpenSSL's over", library ? library : "an unknown library");
    }
    return WEIR_OK;
}

static void free_link(weir_pg_link *link)
{
    weir_pg_copy_forget(link);
    if (link->cancel_key)
        PQfreeCancel(link->cancel_key);
    if (link->conn)
        PQfinish(link->conn);
    weir_pg_statements_free(link);
    weir_arena_free(&link->type_arena);
    weir_free(link->types);
    weir_buffer_free(&link->out);
    weir_free(link->in);
    weir_free(link);
}

static void make_mark(weir_pg_link *link)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = (uint64_t)weir_now() ^ (uint64_t)getpid() << 40 ^ (uintptr_t)link;
    snprintf(link->mark, sizeof link->mark, "%016llx", (unsigned long long)random);
}

static weir_pg_link *take_over(PGconn *conn, const weir_dial_plan *plan, weir_error *error)
{
    weir_pg_link *link = weir_alloc_zero(plan->ledger, WEIR_MEMORY_HANDLES, sizeof *link);
    if (!link) {
        weir_error_out_of_memory(error);
        PQfinish(conn);
        return NULL;
    }
    struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
    socklen_t size = sizeof address;
    link->base.driver = &weir_driver_postgresql;
    link->base.ledger = plan->ledger;
    link->base.backend_pid = PQbackendPID(conn);
    atomic_init(&link->base.cancelled, false);
    link->conn = conn;
    make_mark(link);
    link->fd = PQsocket(conn);
    link->ssl = PQsslInUse(conn) ? PQsslStruct(conn, "OpenSSL") : NULL;
    link->local = getsockname(link->fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX;
    link->read_timeout_ms = plan->read_timeout_ms;
    link->plan = plan;
    link->cancel_key = PQgetCancel(conn);
    weir_buffer_init(&link->out, plan->ledger, WEIR_MEMORY_NETWORK, (size_t)1 << 31);
    weir_arena_init(&link->type_arena, plan->ledger, WEIR_MEMORY_STATEMENTS, 256);
    fcntl(link->fd, F_SETFL, fcntl(link->fd, F_GETFL) | O_NONBLOCK);
    if (!weir_pg_grow_input(link, WEIR_PG_SMALL_BUFFER) || !link->cancel_key) {
        weir_error_out_of_memory(error);
        free_link(link);
        return NULL;
    }
    return link;
}

/* How long the dial may last. */
typedef struct dial_limits { int64_t deadline; const weir_dial_watch *watch; } dial_limits;

/* Drives the operation that was started on the new link to its end. */
static int drive(weir_pg_link *link, int status, const dial_limits *limits)
{
    weir_want want;
    while (status == WEIR_OK && (status = weir_pg_advance(&link->base, &want)) == WEIR_WANTS) {
        bool ready = wait_watched(&want, limits->deadline, limits->watch) == WEIR_READY;
        status = ready ? WEIR_OK : weir_pg_lost(link, WEIR_DEADLINE_EXCEEDED, "the server did not answer in time after connecting");
    }
    return status < 0 ? status : WEIR_OK;
}

/* The first exchange is ours: what settles the forms of texts, up to a Sync. If libpq had read on, its framing fails. */
static int shake_hands(weir_pg_link *link, const dial_limits *limits, weir_error *error)
{
    weir_pg_operation_begin(link, WEIR_PG_COMMAND, NULL);
    weir_pg_send_text_forms(link);
    int status = drive(link, weir_pg_send_sync(link, WEIR_PG_GROUP_OPERATION, NULL), limits);
    if (status != WEIR_OK)
        *error = link->base.error;
    return status;
}

/* A misspelt password is no setting, and still one. */
static bool may_be_secret(const char *key) { return strcasestr(key, "pass") || strcasestr(key, "secret") || strcasestr(key, "pwd"); }

static int apply_setting(weir_pg_link *link, const char *key, const char *value, const dial_limits *limits, weir_error *error)
{
    weir_buffer sql;
    weir_buffer_init(&sql, link->base.ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    int status = weir_pg_setting_text(link, key, value, &sql);
    bool sent = status == WEIR_OK;
    if (sent)
        status = drive(link, weir_pg_command(&link->base, weir_buffer_cstr(&sql)), limits);
    if (status != WEIR_OK && !link->base.lost && sent)
        status = weir_error_set(error, WEIR_ARGUMENT, "connect_args: the server refuses the setting %s = '%s': %s", key, may_be_secret(key) ? "***" : value,
                                link->base.error.message);
    else if (status != WEIR_OK)
        *error = link->base.error;
    weir_buffer_free(&sql);
    return status;
}

/* The keys that libpq does not know are settings of the server. */
static int apply_settings(weir_pg_link *link, const weir_dial_plan *plan, const dial_limits *limits, weir_error *error)
{
    int status = WEIR_OK;
    for (const char *const *arg = plan->connect_args; arg && arg[0] && status == WEIR_OK; arg += 2)
        if (!weir_pg_libpq_knows(arg[0]))
            status = apply_setting(link, arg[0], arg[1], limits, error);
    return status;
}

/* With a slash or @ as it is in the password or a parameter of the URL, libpq takes a part of it for a host or port, and would say so. */
static void tell_torn_password(const weir_dial_plan *plan, weir_error *error)
{
    if (error->status == WEIR_OPERATIONAL && plan->url.torn)
        weir_error_set(error, error->status, "cannot connect to PostgreSQL by the URL %s: check host, port and user; parameters begin behind a '?', and where its "
                       "password or one of them has a '/' or '@', write %%2F or %%40", plan->url.shown);
}

/* libpq's part. NULL: *error says why. */
static PGconn *connect_to_server(const weir_dial_plan *plan, const weir_dial_watch *watch, weir_error *error)
{
    PGconn *conn = NULL;
    if (connect_libpq(plan, watch, &conn, error) != WEIR_OK) {
        tell_torn_password(plan, error);
        return NULL;
    }
    if (PQstatus(conn) != CONNECTION_OK) {
        connect_failed(conn, error);
        tell_torn_password(plan, error);
    } else if (check_server(conn, error) == WEIR_OK) {
        return conn;
    }
    PQfinish(conn);
    return NULL;
}

static int dial_once(const weir_dial_plan *plan, const weir_dial_watch *watch, weir_link **out, weir_error *error)
{
    PGconn *conn = connect_to_server(plan, watch, error);
    weir_pg_link *link = conn ? take_over(conn, plan, error) : NULL;
    if (!link)
        return error->status;
    int64_t patience = patience_of(conn);
    dial_limits limits = { weir_now() + (patience == WEIR_NO_DEADLINE ? HAND_OVER_MS * 1000000LL : patience), watch };
    int status = shake_hands(link, &limits, error);
    if (status == WEIR_OK)
        status = apply_settings(link, plan, &limits, error);
    if (status != WEIR_OK) {
        weir_pg_hang_up(&link->base);
        return status;
    }
    *out = &link->base;
    return WEIR_OK;
}

int weir_pg_dial(const weir_dial_plan *plan, weir_dial_watch *watch, weir_link **out, weir_error *error)
{
    int status = dial_once(plan, watch, out, error);
    return status == WEIR_INTERFACE ? dial_once(plan, watch, out, error) : status;
}

void weir_pg_hang_up(weir_link *base)
{
    weir_pg_link *link = (weir_pg_link *)base;
    bool mid_message = link->out_sent > 0 && link->out_sent < link->out.length;
    weir_wait_forget(link->fd);
    if (mid_message || link->group_count || link->base.lost)
        shutdown(link->fd, SHUT_RDWR);          /* so that libpq's farewell cannot wait, nor be taken for our message's rest */
    free_link(link);
}

/* The parent still talks over this socket: libpq's farewell must go nowhere. */
void weir_pg_abandon(weir_link *base)
{
    weir_pg_link *link = (weir_pg_link *)base;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere >= 0) {
        dup2(nowhere, link->fd);
        close(nowhere);
    }
    free_link(link);
}
