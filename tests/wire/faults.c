/* wire_faults short|long: each kind of fault at many points of a program, by several workers at once, in threads and in tasks, in clear and
 * under TLS; then what the tables must have. Prints kinds, points and outcomes. Environment: WEIR_WIRE=1 tries every byte of the short
 * program (2: every second) and thousands of the long one; WEIR_WIRE_SEED (1); WEIR_WIRE_POINT tries that one only, as the message of a failure names it;
 * WEIR_WIRE_FROM those from that one on. */
#include "wire.h"
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/adapters/uv.h>

enum {
    WORKERS = 16, MOST_WORKERS = 40,    /* each point is mostly waited for */
    WORLDS = 4,                         /* thread or task, clear or TLS */
    IMPATIENT_MS = 300, PATIENT_MS = 120000, /* read time-outs: where the network falls silent, and where it does not, however busy the machine is */
    HANGS_S = 240,
    MOST_BYTES = 4 * 1024 * 1024,       /* of weir's memory, for each worker */
    SLACK = 24                          /* bytes by which one run of a program may differ from another: TLS's signatures have no fixed length */
};

/* ---- kinds of faults --------------------------------------------------------------------------------------------------------------- */

typedef enum side { SERVERS, CLIENTS, MESSAGES, NOTHING } side;        /* what the points of a kind are counted in */
enum { HARMLESS = 1, SILENT = 2, GARBLES = 4, CLEAR_ONLY = 8, SHORT_ONLY = 16, LIES = 32, MIXED = 64 };

typedef struct kind {
    const char *name;
    side        counts;
    int         flags;
    void      (*make)(test_fault *fault, int64_t at, uint64_t random);
} kind;

static void make_cut(test_fault *f, int64_t at, uint64_t r) { (void)r; f->cut_after = at; }
static void make_cut_sent(test_fault *f, int64_t at, uint64_t r) { (void)r; f->cut_after_sent = at; }
static void make_reset(test_fault *f, int64_t at, uint64_t r) { (void)r; f->cut_after = at; f->reset = true; }
static void make_reset_sent(test_fault *f, int64_t at, uint64_t r) { (void)r; f->cut_after_sent = at; f->reset = true; }
static void make_half(test_fault *f, int64_t at, uint64_t r) { (void)r; f->half_after = at; }
static void make_half_sent(test_fault *f, int64_t at, uint64_t r) { (void)r; f->half_after_sent = at; }
static void make_stall(test_fault *f, int64_t at, uint64_t r) { (void)r; f->stall_after = at; }
static void make_stall_sent(test_fault *f, int64_t at, uint64_t r) { (void)r; f->stall_after_sent = at; }
static void make_delay(test_fault *f, int64_t at, uint64_t r) { (void)at; f->delay_ms = 1 + (int)(r % 4); }
static void make_single(test_fault *f, int64_t at, uint64_t r) { (void)at; (void)r; f->single_bytes = true; }

static void make_garbled(test_fault *f, int64_t at, uint64_t r)
{
    f->garble = at;
    f->garble_with = (unsigned char)(1 + r % 255);
}

static void make_garbled_sent(test_fault *f, int64_t at, uint64_t r)
{
    f->garble_sent = at;
    f->garble_with = (unsigned char)(1 + r % 255);
}

static void make_huge(test_fault *f, int64_t at, uint64_t r)
{
    static const uint32_t lengths[] = { 0x3fffffff, 0x40000000, 0x7fffffff, 0xffffffff, 100000000, 0x80000004, 70000, 0 };
    f->huge_message = (int)at;
    f->huge_length = lengths[r % (sizeof lengths / sizeof *lengths)];
}

/* Two to four at once. */
static void make_mixed(test_fault *f, int64_t at, uint64_t r)
{
    if (r & 1) f->delay_ms = 1;
    if (r & 2) f->garble = at - (int64_t)(r >> 8 & 63);
    if (r & 4) f->garble_sent = 1 + (int64_t)(r >> 16 & 2047);
    if ((r & 24) == 0) f->cut_after = at;
    if ((r & 24) == 8) f->half_after = at;
    if ((r & 24) == 16) f->stall_after = at;
    if ((r & 24) == 24) f->cut_after_sent = 1 + (int64_t)(r >> 32 & 4095);
    f->reset = r >> 5 & 1;
    f->garble_with = (unsigned char)(1 + (r >> 24) % 255);
}

static const kind kinds[] = {
    { "cut, of the server's bytes",                     SERVERS,  0,                    make_cut },
    { "cut, of the client's bytes",                     CLIENTS,  0,                    make_cut_sent },
    { "reset, of the server's bytes",                   SERVERS,  0,                    make_reset },
    { "reset, of the client's bytes",                   CLIENTS,  0,                    make_reset_sent },
    { "half closed towards the client",                 SERVERS,  0,                    make_half },
    { "half closed towards the server",                 CLIENTS,  0,                    make_half_sent },
    { "silent for ever, of the server's bytes",         SERVERS,  SILENT,               make_stall },
    { "silent for ever, of the client's bytes",         CLIENTS,  SILENT,               make_stall_sent },
    { "one byte of the server garbled",                 SERVERS,  GARBLES | SILENT,     make_garbled },
    { "one byte of the client garbled",                 CLIENTS,  GARBLES | SILENT,     make_garbled_sent },
    { "a length that lies",                             MESSAGES, CLEAR_ONLY | SILENT | LIES, make_huge },
    { "several at once, at random",                     SERVERS,  GARBLES | SILENT | MIXED,   make_mixed },
    { "late",                                           NOTHING,  HARMLESS,             make_delay },
    { "byte by byte",                                   NOTHING,  HARMLESS | SHORT_ONLY, make_single },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- outcomes ------------------------------------------------------------------------------------------------------------------------ */

typedef enum outcome { RIGHT, OPERATIONAL, DEADLINE, IN_DOUBT, PENDING, INTERFACE, OTHER, WRONG, OUTCOMES } outcome;
static const char *const outcome_names[OUTCOMES] = {
    "right", "operational", "deadline", "in doubt", "rolled back", "interface", "other", "WRONG"
};
typedef enum fate { NOT_WRITTEN, WRITTEN, UNKNOWN } fate;

typedef struct point { int kind, world; int64_t at; uint64_t random; } point;

static struct {
    bool            is_long;
    int64_t         step;               /* 0: a few points of each kind */
    uint64_t        seed;
    int64_t         only, base;         /* numbers of attempts begin at base */
    int             rows;               /* that an attempt writes */
    int             workers;
    const char     *urls[2];            /* clear, TLS */
    int64_t         totals[4][3];       /* by world: bytes of the server, of the client, messages */
    point          *points;
    size_t          count, room;
    unsigned char  *fates;
    atomic_size_t   next;
    atomic_int      failures;
    pthread_mutex_t lock;               /* guards: */
    int64_t         tried[KINDS][WORLDS], table[KINDS][OUTCOMES];
} run = { .seed = 1, .only = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

typedef struct worker {
    pthread_t    thread;
    int          number;
    test_proxy  *proxies[2];
    atomic_llong since, at;             /* the point that it is at began then; 0: none */
} worker;

static bool in_task(int world) { return world & 1; }
static bool under_tls(int world) { return world >> 1 & 1; }

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* splitmix64 */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void complain(size_t index, const char *format, ...)
{
    const point *p = &run.points[index];
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (atomic_fetch_add(&run.failures, 1) < 30)
        fprintf(stderr, "wire: WEIR_WIRE_SEED=%" PRIu64 " WEIR_WIRE=%" PRId64 " WEIR_WIRE_POINT=%zu (%s, in a %s, %s, %s at %" PRId64 "): %s\n", run.seed,
                run.step, index, run.is_long ? "long" : "short", in_task(p->world) ? "task" : "thread",
                under_tls(p->world) ? "TLS" : "in clear", kinds[p->kind].name, p->at, text);
}

static bool garbles_in_clear(const point *p) { return kinds[p->kind].flags & GARBLES && !under_tls(p->world); }

static outcome classify(const attempt *a)
{
    const weir_error *e = &a->error;
    if (a->wrong[0])
        return WRONG;
    if (e->status == WEIR_OK)
        return a->committed ? RIGHT : WRONG;
    if (strstr(e->hint, "is not known"))
        return IN_DOUBT;
    if (e->status == WEIR_DEADLINE_EXCEEDED && (e->disconnect || strstr(e->message, "while connecting")))
        return DEADLINE;
    if (weir_status_is(e->status, WEIR_OPERATIONAL) && (e->disconnect || !strncmp(e->message, "cannot connect", 14)))
        return strstr(e->message, "timeout expired") ? DEADLINE : OPERATIONAL;
    if (e->status == WEIR_PENDING_ROLLBACK && e->detail[0])
        return PENDING;
    return e->status == WEIR_INTERFACE && e->disconnect ? INTERFACE : OTHER;
}

/* What the kind of fault must not give. */
static const char *judge(const point *p, const attempt *a, outcome o)
{
    int flags = kinds[p->kind].flags;
    if (o == WRONG)
        return a->wrong[0] ? a->wrong : "no error, and nothing was committed";
    if (flags & HARMLESS && o != RIGHT)
        return "a slow network is no error";
    if (o == OTHER && !garbles_in_clear(p))
        return "an error of the wrong class";
    if (o == INTERFACE && !(flags & LIES) && !garbles_in_clear(p))
        return "the server is told to have sent what it did not";
    if (o == DEADLINE && !(flags & SILENT))
        return "a connection that ends is waited for";
    bool struck = kinds[p->kind].counts == NOTHING || p->at + SLACK < run.totals[p->world][kinds[p->kind].counts];
    if (o == RIGHT && flags & GARBLES && !(flags & MIXED) && under_tls(p->world) && struck && !test_proxy_garbled_for_nothing(a->proxy))
        return "a garbled byte under TLS, and no error";
    if (o == RIGHT && struck && !(flags & (HARMLESS | GARBLES | LIES)))
        return "the fault had no effect: it is none, or the test cannot see it";
    return NULL;
}

/* ---- one point -------------------------------------------------------------------------------------------------------------------------- */

static void run_in_loop(weir_task_fn program, attempt *a)
{
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0)
        abort();
    weir_loop *tasks = weir_uv_open(&loop);
    weir_task *task = weir_task_spawn(tasks, program, a);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (weir_task_join(&task, NULL) != WEIR_OK || weir_uv_close(&tasks) != WEIR_OK)
        wire_wrong(a, "the task cannot be joined, or its loop not be closed");
    uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) != 0)
        wire_wrong(a, "the loop has handles left");
}

static void run_program(attempt *a, bool task)
{
    weir_task_fn program = run.is_long ? wire_long : wire_short;
    if (task)
        run_in_loop(program, a);
    else
        program(a);
}

static attempt prepare(worker *w, const point *p, int64_t number)
{
    attempt a = { .proxy = w->proxies[under_tls(p->world)], .number = number, .mode = (int)(p->random >> 40) % WIRE_MODES,
                  .cancels = (p->random >> 44) % 4 == 0, .may_differ = garbles_in_clear(p) };
    a.url = test_proxy_url(a.proxy);
    a.schema = a.may_differ ? "wire_garbled" : "wire_sound";
    a.read_timeout_ms = kinds[p->kind].flags & SILENT ? IMPATIENT_MS : PATIENT_MS;
    return a;
}

static void try_point(worker *w, size_t index)
{
    const point *p = &run.points[index];
    attempt a = prepare(w, p, run.base + (int64_t)index);
    test_fault fault = { 0 };
    kinds[p->kind].make(&fault, p->at, p->random);
    test_proxy_set(a.proxy, fault);
    run_program(&a, in_task(p->world));
    outcome o = classify(&a);
    const char *complaint = judge(p, &a, o);
    char text[900] = "no error";
    if (complaint && a.error.status != WEIR_OK)
        weir_error_format(&a.error, text, sizeof text);
    if (complaint)
        complain(index, "%s (%s)", complaint, text);
    run.fates[index] = a.may_differ ? UNKNOWN : a.committed ? WRITTEN : a.committing && strstr(a.error.hint, "is not known") ? UNKNOWN : NOT_WRITTEN;
    pthread_mutex_lock(&run.lock);
    run.tried[p->kind][p->world]++;
    run.table[p->kind][complaint ? WRONG : o]++;
    pthread_mutex_unlock(&run.lock);
}

/* ---- workers ------------------------------------------------------------------------------------------------------------------------------ */

static void show_progress(size_t index)
{
    if (run.step && index % 1000 == 0) {
        printf("%zu of %zu points\n", index, run.count);
        fflush(stdout);
    }
}

static void *work(void *argument)
{
    worker *w = argument;
    for (size_t index; (index = atomic_fetch_add(&run.next, 1)) < run.count; ) {
        if (run.only >= 0 && (int64_t)index != run.only)
            continue;
        show_progress(index);
        atomic_store(&w->at, (long long)index);
        atomic_store(&w->since, now_ms());
        try_point(w, index);
        atomic_store(&w->since, 0);
    }
    return NULL;
}

static void open_worker(worker *w, int number)
{
    w->number = number;
    for (int tls = 0; tls < 2; tls++)
        w->proxies[tls] = test_proxy_start(run.urls[tls], TEST_PROXY_TCP);
}

static void close_worker(worker *w)
{
    for (int tls = 0; tls < 2; tls++)
        test_proxy_stop(&w->proxies[tls]);
}

/* Nobody may hang. */
static void watch(worker *workers)
{
    for (bool busy = true; busy; usleep(50000)) {
        busy = atomic_load(&run.next) < run.count;
        for (int i = 0; i < run.workers; i++) {
            int64_t since = atomic_load(&workers[i].since);
            busy = busy || since;
            if (since && now_ms() - since > HANGS_S * 1000) {
                complain((size_t)atomic_load(&workers[i].at), "it hangs");
                abort();
            }
        }
    }
}

static void try_all(worker *workers)
{
    for (int i = 0; i < run.workers; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    watch(workers);
    for (int i = 0; i < run.workers; i++)
        pthread_join(workers[i].thread, NULL);
}

/* ---- points -------------------------------------------------------------------------------------------------------------------------------- */

/* How long the program is on the wire, when nothing happens. Under TLS two runs differ by some bytes: the shorter one counts. */
static void measure(worker *w)
{
    for (int world = 0; world < WORLDS; world++)
        for (int64_t i = 0; i < 2 * WIRE_MODES; i++) {
            point p = { .kind = KINDS - 1, .world = world, .random = (uint64_t)(i % WIRE_MODES) << 40 };
            attempt a = prepare(w, &p, run.base - 1 - world * 2 * WIRE_MODES - i);
            a.cancels = false;
            test_proxy_set(a.proxy, (test_fault){ 0 });
            run_program(&a, in_task(world));
            if (classify(&a) != RIGHT) {
                fprintf(stderr, "wire: without a fault: %s %s\n", a.wrong, a.error.message);
                exit(1);
            }
            int64_t now[] = { a.bytes, a.bytes_sent, a.messages };
            for (int k = 0; k < 3; k++)
                if (i == 0 || now[k] < run.totals[world][k])
                    run.totals[world][k] = now[k];
        }
}

static void add_point(point p)
{
    if (run.count == run.room) {
        run.room = run.room ? run.room * 2 : 1024;
        run.points = realloc(run.points, run.room * sizeof *run.points);
        if (!run.points)
            abort();
    }
    p.random = mix(run.seed * 1000003 + run.count);
    run.points[run.count++] = p;
}

static int64_t points_of(const kind *k, int64_t length)
{
    if (k->flags & HARMLESS)
        return run.step ? 40 : 4;
    if (run.is_long)
        return run.step ? 300 / run.step : 4;
    if (run.step)
        return (length + run.step - 1) / run.step;
    int64_t few = k->flags == SILENT ? 8 : 14;          /* those wait for their time-outs */
    return length < few ? length : few;
}

/* The short program: each byte, or every so many from another beginning in each world; the long one: by the seed. */
static void choose_points(void)
{
    for (int kind_number = 0; kind_number < KINDS; kind_number++)
        for (int world = 0; world < WORLDS; world++) {
            const kind *k = &kinds[kind_number];
            if ((k->flags & CLEAR_ONLY && under_tls(world)) || (k->flags & SHORT_ONLY && run.is_long))
                continue;
            int64_t length = k->counts == NOTHING ? 1 : run.totals[world][k->counts], points = points_of(k, length);
            for (int64_t i = 0; i < points; i++) {
                uint64_t random = mix(run.seed * 7919 + (uint64_t)(kind_number * WORLDS + world) * 1000000 + (uint64_t)i);
                int64_t at = run.is_long ? 1 + (int64_t)(random % (uint64_t)length) : 1 + (i * length + kind_number * 7 + world * 3) / points;
                add_point((point){ .kind = kind_number, .world = world, .at = at > length ? length : at });
            }
        }
    run.fates = calloc(run.count, 1);
    if (!run.fates)
        abort();
}

/* ---- tables ----------------------------------------------------------------------------------------------------------------------------------- */

static PGresult *side_run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "wire: %s: %s", sql, PQerrorMessage(conn));
        exit(1);
    }
    return result;
}

static PGconn *open_side(int tls)
{
    PGconn *conn = PQconnectdb(run.urls[tls]);
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "wire: %s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(side_run(conn, "SET client_min_messages = warning"));
    return conn;
}

static void make_tables(int tls)
{
    static const char *const schemas[] = { "wire_sound", "wire_garbled" };
    PGconn *conn = open_side(tls);
    PQclear(side_run(conn, "SELECT pg_advisory_lock(7134)"));
    for (size_t i = 0; i < 2; i++) {
        char sql[1600];
        snprintf(sql, sizeof sql, "SELECT 1 FROM pg_namespace WHERE nspname = '%s'", schemas[i]);
        PGresult *found = side_run(conn, sql);
        snprintf(sql, sizeof sql, "BEGIN; CREATE SCHEMA %s; SET LOCAL search_path = %s; %s; COMMIT", schemas[i], schemas[i], wire_tables);
        if (PQntuples(found) == 0)
            PQclear(side_run(conn, sql));
        PQclear(found);
    }
    PQfinish(conn);
}

/* Each attempt's rows are there once, or none of them is. */
static void account(int tls)
{
    char sql[300];
    PGconn *conn = open_side(tls);
    unsigned char *found = calloc(run.count + 1, 1);
    snprintf(sql, sizeof sql, "SELECT attempt, count(*) FROM wire_sound.wire_written WHERE attempt >= %" PRId64 " AND attempt < %" PRId64 " GROUP BY 1",
             run.base, run.base + (int64_t)run.count);
    PGresult *result = side_run(conn, sql);
    for (int row = 0; found && row < PQntuples(result); row++) {
        size_t index = (size_t)(strtoll(PQgetvalue(result, row, 0), NULL, 10) - run.base);
        found[index] = 1;
        if (atoi(PQgetvalue(result, row, 1)) != run.rows || run.fates[index] == NOT_WRITTEN)
            complain(index, "%s rows of it are in the table", PQgetvalue(result, row, 1));
    }
    for (size_t i = 0; found && i < run.count; i++)
        if (under_tls(run.points[i].world) == tls && run.fates[i] == WRITTEN && !found[i])
            complain(i, "it was committed, and its rows are not in the table");
    free(found);
    PQclear(result);
    snprintf(sql, sizeof sql, "DELETE FROM wire_sound.wire_written WHERE attempt < %" PRId64 " AND attempt >= %" PRId64 "", run.base + (int64_t)run.count,
             run.base - 100);
    PQclear(side_run(conn, sql));
    PQclear(side_run(conn, "DELETE FROM wire_garbled.wire_written"));
    PQfinish(conn);
}

/* ---- the end ------------------------------------------------------------------------------------------------------------------------------------ */

static void print_table(int64_t ms)
{
    weir_memory_figures memory;
    weir_memory_usage(&memory);
    printf("the %s program; in clear %" PRId64 " bytes of the server in %" PRId64 " messages, %" PRId64 " of the client; under TLS %" PRId64 " and %" PRId64
           "; seed %" PRIu64 "\n\n| fault | points |", run.is_long ? "long" : "short", run.totals[0][SERVERS], run.totals[0][MESSAGES],
           run.totals[0][CLIENTS], run.totals[2][SERVERS], run.totals[2][CLIENTS], run.seed);
    for (int o = 0; o < OUTCOMES; o++)
        printf(" %s |", outcome_names[o]);
    printf("\n|---|---|");
    for (int o = 0; o < OUTCOMES; o++)
        printf("---|");
    int64_t sum = 0;
    for (int k = 0; k < KINDS; k++) {
        int64_t points = 0;
        for (int world = 0; world < WORLDS; world++)
            points += run.tried[k][world];
        sum += points;
        if (points == 0)
            continue;
        printf("\n| %s | %" PRId64 " |", kinds[k].name, points);
        for (int o = 0; o < OUTCOMES; o++)
            printf(" %" PRId64 " |", run.table[k][o]);
    }
    printf("\n\n%" PRId64 " points in %.0f s; weir held at most %.1f MB in %d workers\n", sum, (double)ms / 1e3, (double)memory.peak_bytes / 1048576,
           run.workers);
}

static bool check_memory(size_t before)
{
    weir_memory_figures memory;
    weir_memory_usage(&memory);
    if (memory.bytes != before)
        fprintf(stderr, "wire: %zu bytes are held in the end, %zu at the beginning\n", memory.bytes, before);
    if (memory.peak_bytes > (size_t)run.workers * MOST_BYTES)
        fprintf(stderr, "wire: %zu bytes were held at once: a length was believed\n", memory.peak_bytes);
    return memory.bytes == before && memory.peak_bytes <= (size_t)run.workers * MOST_BYTES;
}

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    if (value && *value)
        return value;
    if (!otherwise) {
        fprintf(stderr, "wire: %s is not set: this test needs the servers that scripts/check starts\n", name);
        exit(1);
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    static worker workers[MOST_WORKERS];
    setenv("CMOCKA_TEST_ABORT", "1", 1);        /* the proxy's assertions */
    setenv("UV_THREADPOOL_SIZE", "64", 1);      /* connecting is blocking work: else four of the tasks wait for a silent server, and all others for them */
    run.is_long = argc > 1 && !strcmp(argv[1], "long");
    run.rows = run.is_long ? COPIED + MANY : 1;
    run.step = strtoll(environment("WEIR_WIRE", "0"), NULL, 10);
    run.seed = strtoull(environment("WEIR_WIRE_SEED", "1"), NULL, 10);
    run.only = strtoll(environment("WEIR_WIRE_POINT", "-1"), NULL, 10);
    run.urls[0] = environment("WEIR_TEST_PG_SCRAM", NULL);
    run.urls[1] = environment("WEIR_TEST_PG_TLS", NULL);
    run.base = (int64_t)getpid() << 32;
    atomic_store(&run.next, strtoull(environment("WEIR_WIRE_FROM", "0"), NULL, 10));
    run.workers = run.step ? MOST_WORKERS : WORKERS;
    for (int tls = 0; tls < 2; tls++)
        make_tables(tls);
    int64_t begin = now_ms();
    for (int i = 0; i < run.workers; i++)
        open_worker(&workers[i], i);
    measure(&workers[0]);
    weir_memory_figures before;
    weir_memory_usage(&before);
    choose_points();
    try_all(workers);
    for (int tls = 0; tls < 2; tls++)
        account(tls);
    print_table(now_ms() - begin);
    if (!check_memory(before.bytes))
        atomic_fetch_add(&run.failures, 1);
    for (int i = 0; i < run.workers; i++)
        close_worker(&workers[i]);
    free(run.points);
    free(run.fates);
    printf("%s\n", atomic_load(&run.failures) ? "FAILED" : "nothing was lost, doubled or left hanging");
    return atomic_load(&run.failures) ? 1 : 0;
}
