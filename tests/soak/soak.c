/* The soak's main program: `soak URL SECONDS [SEED]` lets 32 threads and 200 tasks work on one pool of 8, then counts everything. */
#include "soak.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
    POOL = 8, LOOPS = 2, THINK_MS = 12,
    WARM_UP = 12,                       /* pieces of work of each, on the average, before memory is looked at */
    ENOUGH = 3000,                      /* pieces of work for each kind to come */
    SAMPLES = 50000, FEW = 10,          /* of memory, ten a second */
    LEVEL_KB = 4096,                    /* the second half may hold so much more than the first */
    PATIENCE_S = SANITIZED ? 240 : 90,  /* for the last piece of work of each */
    CHANGED = STATUSES - 1,
};

typedef struct kind { const char *name; int (*run)(worker *w); int weight; bool writes; int cancelled_in; } kind;
static const kind kinds[] = {
    { "stream",      soak_stream,     20, false, 12 },
    { "abort",       soak_abort,      12, false, 12 },
    { "load",        soak_load,       14, false, 12 },
    { "buffer",      soak_buffer,      6, false, 12 },
    { "abandon",     soak_abandon,     4, false,  0 },
    { "cancel",      soak_cancel,      2, false,  1 },
    { "deadline",    soak_expire,      4, false,  0 },
    { "unit",        soak_write_unit, 12, true,  12 },
    { "many",        soak_write_many, 12, true,  12 },
    { "copy",        soak_write_copy, 12, true,  12 },
    { "transfer",    soak_transfer,   16, true,  12 },
    { "settle",      soak_settle,     12, true,  12 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- workers ---------------------------------------------------------------------------------------------------------------------- */

int64_t soak_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* splitmix64 */
int64_t soak_random(worker *w, int64_t limit)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)limit);
}

bool soak_chance(worker *w, int64_t in) { return soak_random(w, in) == 0; }

void soak_fail(worker *w, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int doing = atomic_load(&w->doing);
    if (atomic_fetch_add(&w->soak->failures, 1) < 20)
        fprintf(stderr, "soak: worker %d (%s), %s: %s\n", w->number, w->in_task ? "task" : "thread", doing < 0 ? "idle" : kinds[doing].name, text);
    atomic_store(&w->soak->failed, true);
    atomic_store(&w->soak->stop, true);
}

int soak_keep(worker *w, const weir_error *error)
{
    if (error->status != WEIR_OK)
        w->error = *error;
    return error->status;
}

int soak_first(int one, int other) { return one != WEIR_OK ? one : other; }

static void arm(worker *w, weir_connection *connection)
{
    pthread_mutex_lock(&w->lock);
    w->connection = connection;
    w->cancel_at = w->wish_ms < 0 ? 0 : soak_now_ms() + w->wish_ms;
    pthread_mutex_unlock(&w->lock);
}

static void disarm(worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->connection = NULL;
    w->cancel_at = 0;
    pthread_mutex_unlock(&w->lock);
}

void soak_publish(worker *w, weir_connection *connection)
{
    if (!w->in_task)
        arm(w, connection);
}

void soak_withdraw(worker *w)
{
    if (!w->in_task)
        disarm(w);
}

/* A stream that is closed does not tell; the transaction's next statement does. */
static bool lost_connection(const worker *w, int status)
{
    return (status == WEIR_OPERATIONAL && w->error.disconnect) || (status == WEIR_PENDING_ROLLBACK && !w->cancelled && !w->may_expire);
}

static bool expected(const worker *w, int status)
{
    if (status >= WEIR_OK)
        return true;
    if (status == WEIR_CANCELLED)
        return w->cancelled;
    if (status == WEIR_PENDING_ROLLBACK && (w->cancelled || w->may_expire))
        return true;                    /* the server did not say in time what became of it, and the connection was dropped */
    if (status == WEIR_DEADLINE_EXCEEDED)
        return w->may_expire;
    return lost_connection(w, status) && w->soak->postgresql;       /* they are counted in the end */
}


void soak_calm(worker *w)
{
    disarm(w);
    if (w->in_task)
        (void)weir_task_yield();        /* takes a cancel that came behind the last wait */
}

static void perform(worker *w, int number)
{
    const kind *k = &kinds[number];
    bool wish = k->cancelled_in > 0 && soak_chance(w, k->cancelled_in);
    w->wish_ms = wish ? soak_random(w, 25) : -1;
    w->again = wish && (!w->in_task || soak_chance(w, 3));
    w->cancelled = w->may_expire = false;
    w->error = (weir_error){ .status = WEIR_OK };
    atomic_store(&w->since, soak_now_ms());
    atomic_store(&w->doing, number);
    if (w->in_task)
        arm(w, NULL);
    int status = k->run(w);
    soak_calm(w);
    if (!expected(w, status)) {
        char text[900];
        weir_error_format(&w->error, text, sizeof text);
        soak_fail(w, "ended as %s: %s", weir_status_name(status), text);
    }
    w->lost += lost_connection(w, status);
    w->outcomes[number][status > 0 ? CHANGED : -status]++;
    atomic_fetch_add(&w->soak->performed, 1);
    atomic_store(&w->doing, -1);
}

static int choose(worker *w)
{
    for (;;) {
        int64_t at = 0, total = 0;
        for (int i = 0; i < KINDS; i++)
            total += kinds[i].weight;
        int number = 0;
        for (at = soak_random(w, total); at >= kinds[number].weight; number++)
            at -= kinds[number].weight;
        if (w->writes || !kinds[number].writes)
            return number;
    }
}

void soak_work(worker *w)
{
    atomic_store(&w->doing, -1);
    while (!atomic_load(&w->soak->stop)) {
        perform(w, choose(w));
        (void)weir_sleep(soak_random(w, THINK_MS));
    }
    atomic_fetch_sub(&w->soak->working, 1);
}

static void *work_in_thread(void *argument)
{
    soak_work(argument);
    return NULL;
}

static void prepare_workers(soak *s)
{
    int count = s->threads + s->tasks;
    s->workers = calloc((size_t)count, sizeof *s->workers);
    for (int i = 0; s->workers && i < count; i++) {
        worker *w = &s->workers[i];
        w->soak = s;
        w->number = i + 1;
        w->in_task = i >= s->threads;
        w->writes = s->postgresql || i % 8 == 0;
        w->random = s->seed * 1000003 + (uint64_t)i;
        w->wish_ms = -1;
        w->entries = calloc(MOST_ENTRIES, sizeof *w->entries);
        w->notes = calloc(1, 64 * 1024);
        pthread_mutex_init(&w->lock, NULL);
        if (!w->entries || !w->notes)
            abort();
    }
    atomic_store(&s->working, count);
}

static void free_workers(soak *s)
{
    for (int i = 0; i < s->threads + s->tasks; i++) {
        pthread_mutex_destroy(&s->workers[i].lock);
        free(s->workers[i].entries);
        free(s->workers[i].notes);
    }
    free(s->workers);
}

/* ---- the one who cancels ------------------------------------------------------------------------------------------------------------ */

static void cancel_if_due(worker *w, int64_t now)
{
    pthread_mutex_lock(&w->lock);
    if (w->cancel_at > 0 && now >= w->cancel_at) {
        w->cancelled = true;
        w->cancel_at = w->again ? now + 30 : 0;     /* a connection at rest was not cancelled by it */
        if (w->in_task)
            weir_task_cancel(w->task);
        else
            (void)weir_connection_cancel(w->connection);
        atomic_fetch_add(&w->soak->cancels, 1);
    }
    pthread_mutex_unlock(&w->lock);
}

static void *cancel_all(void *argument)
{
    soak *s = argument;
    while (atomic_load(&s->working) > 0) {
        for (int i = 0; i < s->threads + s->tasks; i++)
            cancel_if_due(&s->workers[i], soak_now_ms());
        weir_sleep(2);
    }
    return NULL;
}

/* ---- what is watched meanwhile --------------------------------------------------------------------------------------------------------- */

static long resident_kb(void)
{
    long pages = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (statm)
        fclose(statm);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void report_moment(const soak *s, int64_t ms, long resident)
{
    weir_memory_figures memory;
    weir_memory_usage(&memory);
    printf("%6.0f s  %9lld pieces of work  RSS %6.1f MB  ledger %5.1f MB\n", (double)ms / 1e3, (long long)atomic_load(&s->performed),
           (double)resident / 1024, (double)memory.bytes / 1048576);
    fflush(stdout);
}

/* Resident memory since everybody has done some of everything. */
typedef struct level { size_t count; long kb[SAMPLES]; int64_t from; } level;

static void sample(soak *s, level *l, long kb)
{
    int64_t performed = atomic_load(&s->performed);
    if (performed < (int64_t)WARM_UP * (s->threads + s->tasks))
        return;
    if (l->count == 0)
        l->from = performed;
    if (l->count < SAMPLES)
        l->kb[l->count++] = kb;
}

static bool check_level(const soak *s, const level *l)
{
    long halves[2] = { 0, 0 };
    for (size_t i = 0; i < l->count; i++) {
        long *half = &halves[i >= l->count / 2];
        *half = l->kb[i] > *half ? l->kb[i] : *half;
    }
    if (l->count < FEW || atomic_load(&s->performed) < 2 * l->from) {        /* as much as the warm-up */
        printf("too little work to tell whether memory grows\n");
        return true;
    }
    printf("RSS at most %.1f MB in the first half, %.1f MB in the second\n", (double)halves[0] / 1024, (double)halves[1] / 1024);
    /* A sanitizer keeps what was freed. */
    if (SANITIZED || halves[1] <= halves[0] + LEVEL_KB)
        return true;
    fprintf(stderr, "soak: the memory grows\n");
    return false;
}

/* Until the time is over or something is wrong. */
static void watch(soak *s, level *l)
{
    int64_t begin = soak_now_ms(), length = (int64_t)s->seconds * 1000, tidy = 0, terminate = 0, report = 0;
    int64_t step = length / 10 < 60000 ? length / 10 : 60000;
    for (int64_t at; (at = soak_now_ms() - begin) < length && !atomic_load(&s->stop); weir_sleep(100)) {
        long now = resident_kb();
        sample(s, l, now);
        if (at >= terminate) {
            atomic_fetch_add(&s->terminated, outside_terminate_one());
            terminate = at + 900;
        }
        if (at >= tidy) {
            outside_tidy();
            tidy = at + 4000;
        }
        if (at >= report) {
            report_moment(s, at, now);
            report += step;
        }
    }
    atomic_store(&s->stop, true);
}

/* Nobody may hang. */
static void wait_for_workers(soak *s)
{
    int64_t begin = soak_now_ms();
    while (atomic_load(&s->working) > 0) {
        weir_sleep(20);
        if (soak_now_ms() - begin < PATIENCE_S * 1000)
            continue;
        for (int i = 0; i < s->threads + s->tasks; i++)
            if (atomic_load(&s->workers[i].doing) >= 0)
                fprintf(stderr, "soak: worker %d (%s) hangs in %s for %.1f s\n", i + 1, s->workers[i].in_task ? "task" : "thread",
                        kinds[atomic_load(&s->workers[i].doing)].name, (double)(soak_now_ms() - atomic_load(&s->workers[i].since)) / 1e3);
        weir_pool_status pool;
        weir_engine_pool_status(s->engine, &pool);
        fprintf(stderr, "soak: %s, %" PRId64 " wait\n", pool.text, pool.waiters);
        abort();
    }
}

static void count_warning(const weir_log_event *event, void *context)
{
    soak *s = context;
    if (event->kind == WEIR_LOG_WARNING && atomic_fetch_add(&s->warnings, 1) < 5)
        fprintf(stderr, "soak: warning: %.300s\n", event->message);
}

/* ---- the end ------------------------------------------------------------------------------------------------------------------------------ */

/* Whether each kind was done, if there was time for it. */
static bool print_outcomes(const soak *s)
{
    int missing = 0;
    printf("%-10s %9s  %s\n", "kind", "times", "outcomes");
    for (int k = 0; k < KINDS; k++) {
        int64_t sums[STATUSES] = { 0 }, total = 0;
        for (int i = 0; i < s->threads + s->tasks; i++)
            for (int status = 0; status < STATUSES; status++)
                sums[status] += s->workers[i].outcomes[k][status];
        for (int status = 0; status < STATUSES; status++)
            total += sums[status];
        printf("%-10s %9" PRId64 " ", kinds[k].name, total);
        for (int status = 0; status < STATUSES; status++)
            if (sums[status] > 0)
                printf(" %s %" PRId64 ",", status == CHANGED ? "changed its mind" : weir_status_name(-status), sums[status]);
        printf("\b \n");
        missing += total == 0;
    }
    if (missing == 0 || atomic_load(&s->performed) < ENOUGH)
        return true;
    fprintf(stderr, "soak: %d kinds of work were never done\n", missing);
    return false;
}

static bool check_pool(soak *s)
{
    weir_pool_status pool;
    weir_engine_pool_status(s->engine, &pool);
    bool right = pool.checked_out == 0 && pool.waiters == 0 && pool.checked_in <= POOL && pool.overflow == pool.checked_in - POOL &&
                 pool.connects - pool.disconnects == pool.checked_in;
    if (s->postgresql)
        right &= outside_check_connections(pool.checked_in);
    printf("pool: %s; %" PRId64 " connects, %" PRId64 " disconnects, longest check-out %.1f s\n", pool.text, pool.connects, pool.disconnects,
           (double)pool.longest_checkout_ms / 1e3);
    weir_engine_dispose(s->engine);
    weir_engine_pool_status(s->engine, &pool);
    right &= pool.checked_in == 0 && pool.checked_out == 0 && pool.overflow == -POOL && pool.connects == pool.disconnects;
    if (!right)
        fprintf(stderr, "soak: the pool's figures are wrong\n");
    return right;
}

static bool check_end(soak *s, const level *l)
{
    int64_t lost = 0, calls = 0, rows = 0;
    for (int i = 0; i < s->threads + s->tasks; i++) {
        lost += s->workers[i].lost;
        calls += s->workers[i].calls;
        rows += s->workers[i].rows;
    }
    bool right = check_pool(s);
    right &= outside_check_rows(s);
    printf("%" PRId64 " calls wrote %" PRId64 " entries, all accounted for; %lld cancels; %lld connections ended by the server, %" PRId64 " pieces of work met that\n",
           calls, rows, atomic_load(&s->cancels), atomic_load(&s->terminated), lost);
    if (lost > atomic_load(&s->terminated)) {
        fprintf(stderr, "soak: more connections were lost than were ended\n");
        right = false;
    }
    return check_level(s, l) && right;
}

static bool check_leavings(size_t before)
{
    weir_memory_figures memory;
    weir_memory_usage(&memory);
    if (memory.bytes != before)
        fprintf(stderr, "soak: %zu bytes are left in the ledger, %zu of them stacks\n", memory.bytes - before, memory.by_purpose[WEIR_MEMORY_STACKS]);
    return outside_check_connections(0) && memory.bytes == before;
}

static void run(soak *s, level *l)
{
    pthread_t threads[64], canceller;
    struct grounds *grounds[LOOPS];
    prepare_workers(s);
    for (int i = 0; i < s->threads; i++)
        if (pthread_create(&threads[i], NULL, work_in_thread, &s->workers[i]) != 0)
            abort();
    for (int i = 0; i < LOOPS; i++)
        grounds[i] = soak_grounds_start(i, s->workers + s->threads + i * (s->tasks / LOOPS), s->tasks / LOOPS);
    if (pthread_create(&canceller, NULL, cancel_all, s) != 0)
        abort();
    watch(s, l);
    wait_for_workers(s);
    for (int i = 0; i < s->threads; i++)
        pthread_join(threads[i], NULL);
    pthread_join(canceller, NULL);
    for (int i = 0; i < LOOPS; i++)
        if (soak_grounds_end(&grounds[i]) < s->seconds)
            soak_fail(s->workers, "a loop's timer hardly ever fired");
}

static bool open_engine(soak *s)
{
    static const char *const server[] = { "log_statement", "none", NULL }, *const file[] = { "busy_timeout", "120000", "synchronous", "off", NULL };
    if (weir_engine_open(&s->engine, s->url, WEIR_ENGINE_OPTIONS(.pool_size = POOL, .max_overflow = WEIR_ZERO, .pool_timeout_ms = PATIENCE_S * 1000,
            .application_name = "weir soak", .connect_args = s->postgresql ? server : file, .log = count_warning, .log_context = s)) == WEIR_OK)
        return true;
    fprintf(stderr, "soak: %s\n", weir_engine_error(s->engine)->message);
    return false;
}

int main(int argc, char **argv)
{
    soak s = { .threads = 32, .tasks = 200 };
    static level resident;
    if (argc < 3) {
        fprintf(stderr, "usage: soak URL SECONDS [SEED]\n");
        return 2;
    }
    s.url = argv[1];
    s.seconds = atoi(argv[2]);
    s.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    s.postgresql = strncmp(s.url, "sqlite:", 7) != 0;
    weir_memory_figures before;
    weir_memory_usage(&before);
    outside_open(s.url);
    outside_prepare(s.threads + s.tasks);
    printf("%d threads and %d tasks on a pool of %d for %d s, seed %" PRIu64 ", %s\n", s.threads, s.tasks, POOL, s.seconds, s.seed,
           s.postgresql ? "PostgreSQL" : "SQLite");
    bool right = open_engine(&s);
    if (right) {
        run(&s, &resident);
        right = print_outcomes(&s);
        right = check_end(&s, &resident) && right && !atomic_load(&s.failed);
    }
    weir_engine_close(&s.engine);
    right &= check_leavings(before.bytes);
    free_workers(&s);
    outside_close();
    printf("%s\n", right ? "all is as it should be" : "FAILED");
    return right ? 0 : 1;
}
