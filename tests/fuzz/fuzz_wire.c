/* The PostgreSQL wire: what a server says, any bytes of it in any pieces, to each operation of the driver; without a server, over a pair of
 * sockets. Input: the scenario; flags (1: plain bytes, else messages are given a right length; 2: rows straight into an object; 4: a budget;
 * 8: hurried, the server has hung up when all is said); bytes in a piece (0: all at once); then what the server says.
 * A message of the input is its type, a length of one byte (255: two more), its body. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "driver/postgres/fields.h"
#include "driver/postgres/pg.h"
#include "fuzz.h"

enum { MOST_BYTES = 1 << 17, MOST_COLUMNS = 64, MOST_PLACES = 4096, MOST_FETCHES = 6 };

typedef struct server {
    int      ours, theirs;              /* sockets: the driver's, the server's */
    uint8_t *bytes;
    size_t   length, said, piece;
    bool     hung_up;
    weir_link *link;
    weir_dial_plan plan;
    size_t   patience;                  /* advances until it counts as hanging */
} server;

/* ---- the server ---- */
static void gather(server *s, fuzz_script *script, bool plain)
{
    s->bytes = malloc(MOST_BYTES);
    FUZZ_DEMAND(s->bytes, "no memory");
    while (script->next < script->end && s->length + 70000 < MOST_BYTES) {
        if (plain) {
            s->bytes[s->length++] = *script->next++;
            continue;
        }
        uint8_t type = (uint8_t)fuzz_byte(script);
        weir_text body = fuzz_text(script);
        uint32_t length = __builtin_bswap32((uint32_t)body.len + 4);
        s->bytes[s->length] = type;
        memcpy(s->bytes + s->length + 1, &length, 4);
        memcpy(s->bytes + s->length + 5, body.ptr, body.len);
        s->length += 5 + body.len;
    }
}

/* The next piece; at the end it hangs up. False: that was all, or all that the sockets take for now. */
static bool speak(server *s)
{
    char heard[4096];
    while (recv(s->theirs, heard, sizeof heard, MSG_DONTWAIT) > 0)
        ;
    if (s->said < s->length) {
        size_t n = s->piece && s->piece < s->length - s->said ? s->piece : s->length - s->said;
        ssize_t sent = send(s->theirs, s->bytes + s->said, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        s->said += sent > 0 ? (size_t)sent : 0;
        return sent > 0;
    }
    shutdown(s->theirs, SHUT_WR);
    s->hung_up = true;
    return false;
}

static void dial(server *s, fuzz_script *script)
{
    int pair[2];
    unsigned flags = fuzz_byte(script);
    s->piece = fuzz_byte(script);
    gather(s, script, flags & 1);
    s->patience = 4 * s->length + 2000;
    FUZZ_DEMAND(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "no sockets");
    s->ours = pair[0];
    s->theirs = pair[1];
    weir_pg_link *link = weir_alloc_zero(weir_ledger_root(), WEIR_MEMORY_HANDLES, sizeof *link);
    FUZZ_DEMAND(link, "no memory");
    s->plan = (weir_dial_plan){ .ledger = weir_ledger_root() };
    link->base.driver = &weir_driver_postgresql;
    link->base.ledger = weir_ledger_root();
    link->fd = s->ours;
    link->local = true;
    link->plan = &s->plan;
    weir_buffer_init(&link->out, weir_ledger_root(), WEIR_MEMORY_NETWORK, (size_t)1 << 31);
    weir_arena_init(&link->type_arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 256);
    FUZZ_DEMAND(weir_pg_grow_input(link, WEIR_PG_SMALL_BUFFER), "no memory");
    s->link = &link->base;
    while (flags & 8 && speak(s))
        ;
}

/* Each operation comes to an end: done, or an error that has its words. */
static int drive(server *s, int status)
{
    weir_want want;
    if (status < 0 || status == WEIR_DONE)
        return status < 0 ? status : WEIR_OK;
    while ((status = s->link->driver->advance(s->link, &want)) == WEIR_WANTS) {
        FUZZ_DEMAND(s->patience-- > 0, "it hangs");
        if (want.work)
            want.work(want.argument);
        else if (!want.breathe)
            speak(s);
    }
    FUZZ_DEMAND(status == WEIR_DONE || (status < 0 && s->link->error.status != WEIR_OK && *s->link->error.message), "status %d without an error: %d %s", status, s->link->error.status, s->link->error.message);
    return status < 0 ? status : WEIR_OK;
}

/* ---- rows ---- */
/* An object for rows that go past the cells: a text or number for each column. */
typedef union slot { int64_t i64; int32_t i32; weir_text text; } slot;
typedef struct places {
    weir_sink    sink;
    weir_arena   arena;
    weir_budget  budget;
    weir_charge  charge;
    weir_ledger  ledger;
    char        *cells;
    size_t       columns, took;
    slot         object[MOST_COLUMNS];
    weir_direct_kind kinds[MOST_COLUMNS];
} places;

static int no_more(weir_sink *sink)
{
    sink->full = true;
    return WEIR_OUT_OF_MEMORY;
}

static bool store(const weir_direct *direct, void *object, const weir_value *cell)
{
    (void)direct, (void)object;
    fuzz_touch(cell);
    return true;
}

static bool took(weir_sink *sink)
{
    places *p = (places *)sink;
    for (size_t i = 0; i < p->columns; i++)
        if (p->kinds[i] == WEIR_DIRECT_TEXT && p->object[i].text.ptr)
            for (size_t at = 0; at < p->object[i].text.len; at++)
                (void)*(const volatile char *)&p->object[i].text.ptr[at];
    memset(p->object, 0, sizeof p->object);
    p->took++;
    return true;
}

static void look_at_rows(places *p)
{
    for (size_t row = 0; row < p->sink.count; row++)
        for (size_t i = 0; i < p->columns; i++)
            fuzz_touch((const weir_value *)(void *)(p->cells + row * p->sink.stride) + i);
    p->sink.next = p->cells;
    p->sink.count = 0;
    p->sink.full = false;
    p->budget.refused = false;
    weir_arena_reset(&p->arena, 1 << 16);
}

static void places_init(places *p, const weir_cursor *cursor, unsigned flags)
{
    memset(p, 0, sizeof *p);
    p->columns = cursor->column_count < MOST_COLUMNS ? cursor->column_count : MOST_COLUMNS;
    p->sink.stride = (cursor->column_count + 1) * sizeof(weir_value);
    weir_ledger_init(&p->ledger, NULL);
    weir_arena_init(&p->arena, &p->ledger, WEIR_MEMORY_BATCH, 1024);
    size_t room = p->sink.stride > 100000 ? 2 : MOST_PLACES * sizeof(weir_value) * 2 / p->sink.stride + 2;
    p->cells = p->sink.next = calloc(room, p->sink.stride);
    FUZZ_DEMAND(p->cells, "no memory");
    p->sink.end = p->cells + room * p->sink.stride;
    p->sink.arena = &p->arena;
    p->sink.grow = no_more;
    if (flags & 4) {
        p->budget.limit = 20000;
        weir_ledger_charge(&p->ledger, &p->charge, &p->budget, false);
        p->budget.busy = true;
        p->sink.budget = &p->budget;
    }
    if (flags & 2 && cursor->column_count && cursor->column_count <= MOST_COLUMNS) {
        p->sink.object = p->object;
        p->sink.took = took;
    }
}

static void places_free(places *p, unsigned flags)
{
    weir_arena_free(&p->arena);
    if (flags & 4)
        weir_ledger_discharge(&p->ledger, &p->charge);
    free(p->cells);
}

/* ---- statements ---- */
typedef struct query { weir_arena arena; weir_compiled compiled; weir_pg_cursor cursor; places places; bool placed; unsigned flags; } query;

static int prepare(server *s, query *q, const char *sql, weir_mode mode, unsigned flags)
{
    static const weir_value values[] = { { .type = WEIR_T_INT32, .as = { .i = 7 } }, { .type = WEIR_T_TEXT, .as = { .text = { "x", 1 } } } };
    static const char *const names[] = { "a", "b" };
    memset(q, 0, sizeof *q);
    q->flags = flags;
    weir_arena_init(&q->arena, NULL, WEIR_MEMORY_HANDLES, 1024);
    q->compiled = (weir_compiled){ .sql = sql, .sql_length = strlen(sql), .values = values, .names = names, .value_count = strchr(sql, '$') ? 2 : 0 };
    q->cursor.base = (weir_cursor){ .link = s->link, .arena = &q->arena, .statement = &q->compiled, .mode = mode, .named = true,
                                    .raw = flags & 4 ? 500 : 0, .spills = flags & 4 };
    return drive(s, s->link->driver->prepare(s->link, &q->cursor.base));
}

static int open_query(server *s, query *q, int64_t rows)
{
    weir_cursor *c = &q->cursor.base;
    places_init(&q->places, c, q->flags);
    q->placed = true;
    c->sink = &q->places.sink;
    c->steps = weir_arena_take(&q->arena, (c->column_count + 1) * sizeof *c->steps);
    if (!c->steps)
        return WEIR_OUT_OF_MEMORY;
    for (size_t i = 0; i < c->column_count; i++) {
        c->steps[i] = (weir_step){ .offset = i * sizeof(weir_value) };
        int status = s->link->driver->plan_cell(s->link, c, i, &q->arena, &c->steps[i]);
        if (status != WEIR_OK)
            return status;
        weir_direct_kind kind = c->steps[i].type == WEIR_T_INT64 ? WEIR_DIRECT_INT64 : c->steps[i].type == WEIR_T_INT32 ? WEIR_DIRECT_INT32
                              : c->steps[i].type == WEIR_T_TEXT ? WEIR_DIRECT_TEXT : WEIR_DIRECT_OTHER;
        c->steps[i].direct = (weir_direct){ .kind = kind, .offset = i * sizeof(slot), .store = store };
        if (i < MOST_COLUMNS)
            q->places.kinds[i] = kind;
    }
    return drive(s, s->link->driver->open(s->link, c, rows));
}

static int fetch(server *s, query *q, int64_t rows)
{
    look_at_rows(&q->places);
    return drive(s, s->link->driver->fetch(s->link, &q->cursor.base, rows));
}

static void finish(server *s, query *q)
{
    if (q->placed)
        look_at_rows(&q->places);
    if (!s->link->lost)
        drive(s, s->link->driver->close(s->link, &q->cursor.base));
    s->link->driver->forget(s->link, &q->cursor.base);
    if (q->placed)
        places_free(&q->places, q->flags);
    weir_arena_free(&q->arena);
}

/* ---- scenarios ---- */
static void run_commands(server *s, unsigned flags)
{
    (void)flags;
    static const char *const commands[] = { "BEGIN", "SET client_encoding = LATIN1", "COMMIT" };
    for (size_t i = 0; i < 3 && !s->link->lost; i++)
        drive(s, s->link->driver->command(s->link, commands[i]));
    if (!s->link->lost)
        drive(s, s->link->driver->ping(s->link));
}

static void read_whole(server *s, unsigned flags)
{
    query q;
    if (prepare(s, &q, "SELECT * FROM things WHERE a = $1 AND b = $2", WEIR_MODE_BUFFERED, flags) == WEIR_OK)
        open_query(s, &q, 0);
    finish(s, &q);
}

/* Batches, the next one asked for ahead, and another statement in between, so that one is taken raw. */
static void read_batches(server *s, unsigned flags)
{
    query q, other;
    s->link->driver->begin(s->link, "BEGIN");
    if (prepare(s, &q, "SELECT * FROM things", flags & 16 ? WEIR_MODE_DECLARED : WEIR_MODE_PORTAL, flags) == WEIR_OK && open_query(s, &q, 3) == WEIR_OK)
        for (int i = 0; i < MOST_FETCHES && !q.cursor.base.ended && !s->link->lost; i++) {
            if (flags & 32)
                s->link->driver->read_ahead(s->link, &q.cursor.base, 3);
            if (i == 1 && flags & 64 && !s->link->lost) {
                if (prepare(s, &other, "SELECT 1", WEIR_MODE_BUFFERED, flags) == WEIR_OK)
                    open_query(s, &other, 0);
                finish(s, &other);
            }
            if (s->link->lost || fetch(s, &q, 3) != WEIR_OK)
                break;
        }
    finish(s, &q);
    if (!s->link->lost)
        drive(s, s->link->driver->command(s->link, "COMMIT"));
}

static void read_ahead_of_others(server *s, unsigned flags)
{
    query first, second;
    bool prepared = prepare(s, &first, "SELECT 1", WEIR_MODE_BUFFERED, flags) == WEIR_OK;
    if (prepared)
        prepared = open_query(s, &first, 0) == WEIR_OK;
    finish(s, &first);
    if (!prepared)
        return;
    prepared = prepare(s, &first, "SELECT 1", WEIR_MODE_BUFFERED, flags) == WEIR_OK;
    if (prepared && prepare(s, &second, "SELECT 2", WEIR_MODE_BUFFERED, flags) == WEIR_OK) {
        s->link->driver->open_ahead(s->link, &first.cursor.base, 0);
        if (!s->link->lost)
            open_query(s, &second, 0);
        if (!s->link->lost)
            open_query(s, &first, 0);
        finish(s, &second);
    } else if (prepared) {
        finish(s, &second);
    }
    finish(s, &first);
}

static void listen_to(server *s, unsigned flags)
{
    (void)flags;
    drive(s, s->link->driver->listen(s->link, WEIR_NO_DEADLINE));
}

/* Sets of two columns. */
static const weir_value sets[2][2] = {
    { { .type = WEIR_T_INT32, .as = { .i = 1 } }, { .type = WEIR_T_TEXT, .as = { .text = { "one", 3 } } } },
    { { .type = WEIR_T_INT32, .as = { .i = 2 } }, { .type = WEIR_T_NULL } },
};
static const weir_lane lanes[2] = {
    { .name = "a", .at = (const char *)&sets[0][0], .stride = sizeof sets[0] }, { .name = "b", .at = (const char *)&sets[0][1], .stride = sizeof sets[0] },
};
static const weir_feed feed = { .lanes = lanes, .lane_count = 2, .count = 2 };

static void copy_in(server *s, unsigned flags)
{
    query q;
    weir_copy_in copy = { .table = "things", .columns = "a, b" };
    if (prepare(s, &q, "SELECT a, b FROM things WHERE false", WEIR_MODE_BUFFERED, flags) == WEIR_OK && q.cursor.base.column_count == 2) {
        copy.described = &q.cursor.base;
        if (drive(s, s->link->driver->copy_begin(s->link, &copy)) == WEIR_OK) {
            int status = WEIR_OK;
            for (int i = 0; i < 3 && !copy.over && !s->link->lost && (status == WEIR_OK || copy.refused); i++)
                status = drive(s, s->link->driver->copy_put(s->link, &copy, &feed));
            if (!copy.over && !s->link->lost)
                drive(s, s->link->driver->copy_end(s->link, &copy, flags & 16 ? "enough" : NULL));
        }
    }
    finish(s, &q);
}

static void run_page(server *s, unsigned flags)
{
    query q;
    size_t ends[2];
    if (prepare(s, &q, "UPDATE things SET b = $2 WHERE a = $1 RETURNING *", WEIR_MODE_BUFFERED, flags) == WEIR_OK) {
        places_init(&q.places, &q.cursor.base, flags & ~2u);
        q.flags = flags & ~2u;
        q.placed = true;
        weir_cursor *c = &q.cursor.base;
        c->sink = &q.places.sink;
        c->steps = weir_arena_take(&q.arena, (c->column_count + 1) * sizeof *c->steps);
        bool planned = c->steps != NULL;
        for (size_t i = 0; planned && i < c->column_count; i++) {
            c->steps[i] = (weir_step){ .offset = i * sizeof(weir_value) };
            planned = s->link->driver->plan_cell(s->link, c, i, &q.arena, &c->steps[i]) == WEIR_OK;
        }
        if (planned && flags & 16)
            drive(s, s->link->driver->ask_order(s->link, c));
        weir_page_run run = { .write = c, .feed = &feed, .arrays = flags & 32, .guarded = true, .release = true, .ends = flags & 32 ? NULL : ends };
        if (planned && !s->link->lost)
            drive(s, s->link->driver->run_page(s->link, &run));
    }
    finish(s, &q);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static void (*const scenarios[])(server *s, unsigned flags) = { run_commands, read_whole, read_batches, read_ahead_of_others, listen_to, copy_in, run_page };
    fuzz_script script = { data, data + size };
    server s = { .ours = -1 };
    unsigned scenario = fuzz_byte(&script) % 7, flags = script.next < script.end ? *script.next : 0;
    dial(&s, &script);
    scenarios[scenario](&s, flags);
    s.link->driver->hang_up(s.link);
    close(s.ours);
    close(s.theirs);
    free(s.bytes);
}
