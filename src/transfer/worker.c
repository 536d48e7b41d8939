/* A worker: leases ranges of a job one after the other, writes each into a file, and marks it done if it still has the lease. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/lock.h"
#include "engine/result.h"
#include "sql/dialect.h"
#include "transfer/format.h"
#include "transfer/job_table.h"
#include "transfer/parallel.h"

enum { DEFAULT_LEASE_MS = 60000, DEFAULT_ATTEMPTS = 3, DEFAULT_RANGE = 16 << 20, DEFAULT_ROWS = 5000, PLAN_JOBS = 4, LONGEST_NAME = 64,
       LONGEST_PAUSE_MS = 1000, CANCEL_EVERY_MS = 200, LONG_MS = 3600000, LEAST_MEMORY = 88 * 1024 };
enum { READER, ASKER, SEATS };          /* connections of the thread that runs */

struct weir_worker {
    weir_ledger         ledger;
    weir_engine        *engine;         /* the program's; NULL: it only carries an error */
    weir_worker_options options;
    weir_writer_options writer;
    const weir_format  *format;
    weir_order         *order;
    weir_job_table      table;
    weir_job_facts      facts;
    weir_worker_figures figures;
    pthread_mutex_t     mutex;          /* of error, figures, and what the heartbeat and the guard look at */
    pthread_mutex_t     handles;        /* of seats: held while connections come and go, and while they are cancelled */
    pthread_cond_t      changed;
    weir_connection    *seats[SEATS];
    weir_segments       parts;          /* the partition of the last lease, if it was of one */
    weir_job_lease      lease;          /* that the heartbeat prolongs */
    bool                leased, lost;   /* lost: somebody else has it */
    bool                ran, ended;     /* ended: the guard is to go */
    bool                done;           /* the run ended well: a cancel comes too late, and no error is kept any more */
    atomic_bool         stop;
    atomic_bool         failed;         /* `error` is set, by the first, and stays as it is */
    weir_error          error;
};

static const weir_worker closed_worker = { .error = { .status = WEIR_RESOURCE_CLOSED, .message = "this weir_worker is closed" } };
static const weir_worker no_memory_worker = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a worker" } };

static weir_worker *constant(const weir_worker *worker) { return (weir_worker *)(uintptr_t)worker; }
static bool is_constant(const weir_worker *w) { return !w || w == &closed_worker || w == &no_memory_worker; }

/* ---- opening ------------------------------------------------------------------------------------------------------------------------ */
/* It becomes a part of file names. */
static bool is_name(const char *job)
{
    size_t length = job ? strlen(job) : 0;
    return length > 0 && length <= LONGEST_NAME && *job != '.' &&
           strspn(job, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") == length;
}

static int take_writer(weir_worker *w)
{
    const weir_writer_options *given = w->options.writer;
    if (given && (given->struct_size == 0 || given->struct_size > sizeof w->writer))
        return weir_error_set(&w->error, WEIR_ARGUMENT, "make writer options with WEIR_WRITER_OPTIONS");
    if (given)
        memcpy(&w->writer, given, given->struct_size);
    w->writer.struct_size = sizeof w->writer;
    w->writer.format = w->writer.format ? w->writer.format : "csv";
    w->format = weir_format_find(w->writer.format);
    if (!w->format)
        return weir_error_set(&w->error, WEIR_ARGUMENT, "unknown format '%s'", w->writer.format);
    snprintf(w->facts.format, sizeof w->facts.format, "%s header=%d replace=%d null=%.120s", w->format->name, w->writer.header != WEIR_OFF,
             w->writer.replace_invalid_text == WEIR_ON, w->writer.null_text ? w->writer.null_text : "");
    return WEIR_OK;
}

static int take_options(weir_worker *w, const weir_worker_options *given)
{
    weir_worker_options *o = &w->options;
    if (!given || given->struct_size < sizeof given->struct_size || given->struct_size > sizeof *o)
        return weir_error_set(&w->error, WEIR_ARGUMENT, "worker options are made with WEIR_WORKER_OPTIONS");
    memcpy(o, given, given->struct_size);
    if (!is_name(o->job))
        return weir_error_set(&w->error, WEIR_ARGUMENT, "a job's name has 1 to %d letters, digits, '.', '_' and '-', and begins with no '.'", LONGEST_NAME);
    if (o->range_bytes < 0 || o->yield_per < 0 || o->lease_ms < 0 || o->attempts < 0 || o->memory < 0)
        return weir_error_set(&w->error, WEIR_ARGUMENT, "range_bytes, yield_per, memory, lease_ms and attempts are not negative");
    if (o->memory && o->memory < LEAST_MEMORY)
        return weir_error_set(&w->error, WEIR_ARGUMENT, "a budget of %lld bytes is too small: give %d", (long long)o->memory, LEAST_MEMORY);
    if (o->schema && !weir_job_is_schema(o->schema))
        return weir_error_set(&w->error, WEIR_ARGUMENT, "a schema's name has 1 to %d bytes: PostgreSQL would cut a longer one", WEIR_JOB_LONGEST_SCHEMA);
    o->range_bytes = o->range_bytes ? o->range_bytes : DEFAULT_RANGE;
    o->yield_per = o->yield_per || o->memory ? o->yield_per : DEFAULT_ROWS;
    o->schema = o->schema ? o->schema : "weir_jobs";
    o->directory = o->directory && *o->directory ? o->directory : ".";
    w->facts.lease_ms = o->lease_ms ? o->lease_ms : DEFAULT_LEASE_MS;
    w->facts.failures = o->attempts ? o->attempts : DEFAULT_ATTEMPTS;
    return take_writer(w);
}

static void make_owner(weir_worker *w)
{
    char host[64] = "";
    unsigned long long random = 0;
    if (gethostname(host, sizeof host - 1) != 0 || !*host)
        snprintf(host, sizeof host, "somewhere");
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (unsigned long long)weir_now();
    snprintf(w->figures.owner, sizeof w->figures.owner, "%s:%ld:%016llx", host, (long)getpid(), random);
}

static weir_segments segments_of(weir_worker *w)
{
    return (weir_segments){ &w->ledger, w->order, w->options.order, w->options.partition, w->options.context, NULL, 0, 0 };
}

static int set_up(weir_worker *w, weir_engine *engine, const weir_stmt *stmt, const weir_worker_options *options)
{
    if (take_options(w, options) != WEIR_OK)
        return w->error.status;
    if (!engine || !stmt)
        return weir_error_set(&w->error, WEIR_ARGUMENT, "an engine and a statement are needed");
    if (weir_error_keep(&w->error, weir_engine_error(engine)) != WEIR_OK)
        return w->error.status;
    if (strcmp(weir_engine_dialect(engine), "postgresql") != 0)
        return weir_error_set(&w->error, WEIR_NOT_SUPPORTED, "workers share their work out by tables in PostgreSQL; SQLite is read by one process");
    weir_order_options order = { .dialect = &weir_dialect_postgresql, .text = w->options.order, .unchecked = true };
    w->engine = engine;
    w->order = weir_order_of(stmt, &order, &w->ledger, &w->error);
    if (!w->order)
        return w->error.status;
    weir_order_fingerprint(w->order, w->facts.fingerprint);
    make_owner(w);
    w->table = (weir_job_table){ .engine = engine, .ledger = &w->ledger, .schema = w->options.schema, .job = w->options.job, .owner = w->figures.owner,
                                 .stop = &w->stop, .seat = &w->seats[ASKER], .seats = &w->handles };
    w->parts = segments_of(w);
    return WEIR_OK;
}

weir_worker *weir_worker_open(weir_engine *engine, const weir_stmt *stmt, const weir_worker_options *options)
{
    pthread_condattr_t monotonic;
    weir_worker *w = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *w);
    if (!w)
        return constant(&no_memory_worker);
    weir_ledger_init(&w->ledger, weir_ledger_root());
    pthread_mutex_init(&w->mutex, NULL);
    pthread_mutex_init(&w->handles, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    atomic_store(&w->failed, set_up(w, engine, stmt, options) != WEIR_OK);
    return w;
}

/* ---- failing ---------------------------------------------------------------------------------------------------------------------------- */
static int fail_locked(weir_worker *w, const weir_error *error)
{
    if (!atomic_load(&w->failed) && !w->done) {
        w->error = *error;
        atomic_store(&w->failed, true);     /* behind the error: who sees it may read that, which nobody changes any more */
    }
    pthread_cond_broadcast(&w->changed);
    return w->done ? error->status : w->error.status;
}

static int fail(weir_worker *w, const weir_error *error)
{
    weir_lock(&w->mutex);
    int status = fail_locked(w, error);
    weir_unlock(&w->mutex);
    return status;
}

/* Held across the cancel, which may block: see parallel.c. While it runs the guard alone does this. */
static void cancel_seats(weir_worker *w, int first, int end)
{
    if (pthread_mutex_trylock(&w->handles) != 0)
        return;
    for (int i = first; i < end; i++)
        if (w->seats[i])
            weir_connection_cancel(w->seats[i]);
    pthread_mutex_unlock(&w->handles);
}

/* The guard says it to the servers. Who sees that it is to stop finds the reason. */
static void stop(weir_worker *w, const weir_error *why)
{
    weir_lock(&w->mutex);
    if (!w->done) {
        fail_locked(w, why);
        atomic_store(&w->stop, true);
    }
    weir_unlock(&w->mutex);
}

void weir_worker_cancel(weir_worker *w)
{
    weir_error error;
    if (is_constant(w))
        return;
    weir_error_set(&error, WEIR_CANCELLED, "cancelled by weir_worker_cancel");
    stop(w, &error);
}

/* Under the mutex: until something changed (false), or the time has passed. */
static bool wait_under_mutex(weir_worker *w, int64_t milliseconds)
{
    int64_t until = weir_deadline_ms(milliseconds);
    struct timespec t = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
    return pthread_cond_timedwait(&w->changed, &w->mutex, &t) == ETIMEDOUT;
}

/* Waits, but not longer than until it is stopped. */
static void rest(weir_worker *w, int64_t milliseconds)
{
    int64_t until = weir_deadline_ms(milliseconds);
    weir_lock(&w->mutex);
    for (int64_t left; !atomic_load(&w->stop) && (left = (until - weir_now()) / WEIR_NS_PER_MS) > 0; )
        wait_under_mutex(w, left);
    weir_unlock(&w->mutex);
}

/* A connection that is between two statements does not hear a cancel: it is said again until the run has ended. */
static void *guard(void *worker)
{
    weir_worker *w = worker;
    weir_lock(&w->mutex);
    while (!w->ended) {
        wait_under_mutex(w, atomic_load(&w->stop) ? CANCEL_EVERY_MS : LONG_MS);
        bool cancels = !w->ended && atomic_load(&w->stop);
        weir_unlock(&w->mutex);
        if (cancels)
            cancel_seats(w, 0, SEATS);
        weir_lock(&w->mutex);
    }
    weir_unlock(&w->mutex);
    return NULL;
}

/* Signals are the program's own threads' business. */
static int start_thread(pthread_t *thread, void *(*run)(void *worker), weir_worker *w, weir_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number == 0 ? WEIR_OK : weir_error_set(error, WEIR_OUT_OF_MEMORY, "the system starts no thread");
}

/* Says so to the thread that looks at it, and waits for its end. */
static void stop_thread(weir_worker *w, pthread_t thread, bool *say, bool value)
{
    weir_lock(&w->mutex);
    *say = value;
    pthread_cond_broadcast(&w->changed);
    weir_unlock(&w->mutex);
    pthread_join(thread, NULL);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------------------ */
static void set_reader(weir_worker *w, weir_connection *connection)
{
    pthread_mutex_lock(&w->handles);
    w->seats[READER] = connection;
    pthread_mutex_unlock(&w->handles);
}

static int open_reader(weir_worker *w, weir_error *error)
{
    weir_connection *connection = weir_engine_connect(w->engine);
    weir_execution_options options = { .struct_size = sizeof options, .isolation_level = WEIR_REPEATABLE_READ, .read_only = WEIR_ON };
    set_reader(w, connection);
    if (weir_connection_error(connection)->status != WEIR_OK || weir_connection_options(connection, &options) != WEIR_OK)
        *error = *weir_connection_error(connection);
    /* Behind the seat: who stops it from now on finds the connection there. */
    if (error->status == WEIR_OK && atomic_load(&w->stop))
        weir_error_set(error, WEIR_CANCELLED, "cancelled while it connected");
    return error->status;
}

static void close_reader(weir_worker *w)
{
    weir_connection *connection = w->seats[READER];
    weir_error unused = { 0 };          /* what was read before counts; a connection that is lost is replaced */
    set_reader(w, NULL);
    weir_give_back(&connection, &unused);
}

/* ---- making the job ------------------------------------------------------------------------------------------------------------------------ */
static const char *write_key(const weir_value *key, size_t count, weir_arena *arena, weir_error *error)
{
    weir_buffer text;
    char *copy = NULL;
    weir_buffer_init(&text, arena->ledger, WEIR_MEMORY_HANDLES, 1 << 24);
    if (weir_key_write(key, count, &text, error) == WEIR_OK && (copy = weir_arena_bytes(arena, text.length + 1)) != NULL) {
        memcpy(copy, text.data, text.length);
        copy[text.length] = 0;
    }
    weir_buffer_free(&text);
    if (!copy && error->status == WEIR_OK)
        weir_error_out_of_memory(error);
    return copy;
}

/* The ranges as texts; partitions' names are those of the segments. */
static int write_ranges(const weir_segments *segments, weir_arena *arena, weir_job_range **out, weir_error *error)
{
    weir_job_range *range = *out = weir_arena_take(arena, (size_t)segments->ranges * sizeof *range);
    if (!range)
        return weir_error_out_of_memory(error);
    for (size_t s = 0; s < segments->count; s++) {
        const weir_segment *segment = &segments->all[s];
        const char *before = NULL;
        for (size_t i = 0; i <= segment->plan.count; i++, range++) {
            const char *end = i < segment->plan.count ? write_key(segment->plan.bounds[i], segment->plan.keys, arena, error) : NULL;
            if (error->status != WEIR_OK)
                return error->status;
            *range = (weir_job_range){ segment->partition, before, end };
            before = end;
        }
    }
    return WEIR_OK;
}

static int add_job(weir_worker *w, weir_error *error)
{
    weir_segments segments = segments_of(w);
    weir_arena texts;
    weir_job_range *ranges = NULL;
    weir_range_wish wish = { .range_bytes = w->options.range_bytes, .jobs = PLAN_JOBS, .remark = w->options.remark, .context = w->options.context,
                             .stop = &w->stop };
    weir_arena_init(&texts, &w->ledger, WEIR_MEMORY_HANDLES, 4096);
    int status = open_reader(w, error);
    if (status == WEIR_OK)
        status = weir_segments_make(&segments, w->seats[READER], true, true, &wish, error);
    close_reader(w);
    if (status == WEIR_OK)
        status = write_ranges(&segments, &texts, &ranges, error);
    if (status == WEIR_OK)
        status = weir_job_add(&w->table, &w->facts, ranges, (size_t)segments.ranges, error);
    weir_segments_free(&segments);
    weir_arena_free(&texts);
    return status;
}

static int check_job(weir_worker *w, const weir_job_facts *found, weir_error *error)
{
    const char *what = strcmp(found->fingerprint, w->facts.fingerprint) != 0 ? "another statement or order"
                     : strcmp(found->format, w->facts.format) != 0 ? "another format of files" : NULL;
    if (what)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "the job %s is of %s: give this worker the same as the others, or another job's name",
                              w->options.job, what);
    w->facts.failures = found->failures;
    return WEIR_OK;
}

/* Whoever is first makes it; the others find it. */
static int join_job(weir_worker *w, weir_error *error)
{
    weir_job_facts found = { .state = "" };
    bool there = false;
    int status = weir_job_make_tables(&w->table, error);
    for (int round = 0; status == WEIR_OK && !there; round++) {
        status = weir_job_find(&w->table, &found, &there, error);
        if (status != WEIR_OK || there)
            break;
        status = round < 5 ? add_job(w, error) : weir_error_set(error, WEIR_OPERATIONAL, "the job %s could not be made", w->options.job);
    }
    return status == WEIR_OK ? check_job(w, &found, error) : status;
}

/* ---- the heartbeat ---------------------------------------------------------------------------------------------------------------------------- */
/* Prolongs the lease three times in its time, and sooner again where that did not work. When it is somebody else's, reading is pointless. */
static void *beat(void *worker)
{
    weir_worker *w = worker;
    int64_t third = w->facts.lease_ms / 3 + 1, pause = third;
    weir_lock(&w->mutex);
    while (w->leased) {
        if (!wait_under_mutex(w, w->lost ? CANCEL_EVERY_MS : pause) || !w->leased)
            continue;
        weir_error error;
        bool lost = w->lost;
        weir_unlock(&w->mutex);
        int prolonged = lost ? 0 : weir_job_prolong(&w->table, &w->facts, &w->lease, &error);
        pause = prolonged < 0 ? third / 4 + 1 : third;
        if (prolonged == 0)
            cancel_seats(w, READER, READER + 1);
        weir_lock(&w->mutex);
        w->lost = w->lost || prolonged == 0;
    }
    weir_unlock(&w->mutex);
    return NULL;
}

static int start_heart(weir_worker *w, const weir_job_lease *lease, pthread_t *thread, weir_error *error)
{
    weir_lock(&w->mutex);
    w->lease = *lease;
    w->leased = true;
    w->lost = false;
    weir_unlock(&w->mutex);
    return start_thread(thread, beat, w, error);
}

/* ---- a range -------------------------------------------------------------------------------------------------------------------------------------- */
static bool is_over(weir_worker *w)
{
    weir_lock(&w->mutex);
    bool over = w->lost || atomic_load(&w->stop);
    weir_unlock(&w->mutex);
    return over;
}

static int read_key(weir_worker *w, const char *text, weir_arena *arena, const weir_value **out, weir_error *error)
{
    size_t count = weir_order_count(w->order);
    *out = NULL;
    if (!text)
        return WEIR_OK;
    weir_value *key = weir_arena_take(arena, count * sizeof *key);
    if (!key)
        return weir_error_out_of_memory(error);
    *out = key;
    return weir_key_read(text, strlen(text), arena, key, count, error);
}

static int read_rows(weir_worker *w, weir_result *result, weir_piece *piece, weir_error *error)
{
    int status = weir_result_error(result)->status;
    if (status == WEIR_OK)
        status = weir_piece_columns(piece, result, error);
    for (const weir_partition *rows; status == WEIR_OK && !is_over(w) && (rows = weir_result_fetchsome(result)) != NULL; )
        status = weir_piece_rows(piece, rows, error);
    weir_error_keep(error, weir_result_error(result));
    if (error->status == WEIR_OK && is_over(w))
        weir_error_set(error, WEIR_CANCELLED, "the range was given up");
    return error->status;
}

/* The order of what the range is of: of the statement, or of the program's for that partition. NULL with *error. */
static const weir_order *find_order(weir_worker *w, const char *partition, weir_error *error)
{
    weir_segments *parts = &w->parts;
    if (!partition)
        return w->order;
    if (parts->count && !strcmp(parts->all[0].partition, partition))
        return parts->all[0].order;
    weir_segments_free(parts);
    if (!w->options.partition)
        weir_error_set(error, WEIR_INVALID_REQUEST, "the job's ranges are of partitions, and this worker reads no partitions");
    else if (weir_segments_add(parts, partition, NULL, 0, error) == WEIR_OK)
        return parts->all[0].order;
    weir_segments_free(parts);
    return NULL;
}

static void note_peak(weir_worker *w, const weir_result *result)
{
    weir_result_figures figures;
    weir_result_info(result, &figures);
    weir_lock(&w->mutex);
    if ((int64_t)figures.ledger_peak_bytes > w->figures.memory_peak)
        w->figures.memory_peak = (int64_t)figures.ledger_peak_bytes;
    weir_unlock(&w->mutex);
}

static int export_range(weir_worker *w, const weir_order *order, const weir_job_range *texts, weir_piece *piece, const char *path, weir_arena *arena,
                        weir_error *error)
{
    weir_order_range range = { 0 };
    if (read_key(w, texts->after, arena, &range.after, error) != WEIR_OK || read_key(w, texts->through, arena, &range.through, error) != WEIR_OK ||
        weir_piece_open(piece, &w->ledger, path, &w->writer, false, error) != WEIR_OK || open_reader(w, error) != WEIR_OK)
        return error->status;
    weir_execution_options options = { .struct_size = sizeof options, .yield_per = w->options.yield_per, .memory = w->options.memory };
    weir_stmt *stmt = weir_order_statement(order, &range);
    weir_result *result = weir_connection_execute(w->seats[READER], stmt, &options);
    read_rows(w, result, piece, error);
    note_peak(w, result);
    weir_result_drop(&result);
    weir_stmt_free(&stmt);
    return error->status == WEIR_OK ? weir_piece_finish(piece, error) : error->status;
}

/* The file is there: is the range still ours? What is not known is left as it is. */
static int hand_in(weir_worker *w, const weir_job_lease *lease, const weir_piece *piece, const char *path, weir_error *error)
{
    const char *slash = strrchr(path, '/');
    int outcome = weir_job_finish(&w->table, lease, &piece->facts, slash ? slash + 1 : path, error);
    weir_lock(&w->mutex);
    if (outcome > 0) {
        w->figures.ranges++;
        w->figures.rows += piece->facts.rows;
        w->figures.bytes += piece->facts.bytes;
    }
    w->figures.fenced += outcome == 0;
    weir_unlock(&w->mutex);
    if (outcome == 0)
        unlink(path);
    return outcome < 0 ? outcome : WEIR_OK;
}

/* Who is to blame for a range that was not exported: the range itself, or its statement; this worker, which ends; or what comes and goes. */
typedef enum blame { BLAME_RANGE, BLAME_WORKER, BLAME_WAY } blame;

static blame who_is_to_blame(const weir_error *error)
{
    if (weir_status_is(error->status, WEIR_IO) || error->status == WEIR_OUT_OF_MEMORY || weir_status_is(error->status, WEIR_BUDGET_EXCEEDED))
        return BLAME_WORKER;
    return weir_job_passes(error) ? BLAME_WAY : BLAME_RANGE;
}

static void say_why(const weir_worker *w, const weir_job_lease *lease, const char *reason)
{
    char text[512];
    snprintf(text, sizeof text, "range %lld failed: %s", (long long)lease->number, reason);
    if (w->options.remark)
        w->options.remark(text, w->options.context);
}

static int give_back(weir_worker *w, const weir_job_lease *lease, const weir_error *why, blame who)
{
    static const weir_job_outcome outcomes[] = { WEIR_JOB_ATTEMPT, WEIR_JOB_UNTRIED, WEIR_JOB_LOSS };
    weir_error error = { 0 };
    char reason[400];
    bool stopped = atomic_load(&w->stop);
    weir_error_format(why, reason, sizeof reason);
    weir_lock(&w->mutex);
    bool lost = w->lost;
    w->figures.fenced += lost;
    w->figures.failed += !lost && !stopped && who == BLAME_RANGE;
    weir_unlock(&w->mutex);
    int status = lost ? WEIR_OK : weir_job_give_back(&w->table, lease, stopped ? WEIR_JOB_UNTRIED : outcomes[who], stopped ? NULL : reason, &error);
    if (stopped)
        return status;
    if (!lost && who == BLAME_WORKER)
        return fail(w, why);
    if (!lost)
        say_why(w, lease, reason);
    if (status == WEIR_OK && !lost && who == BLAME_WAY)
        rest(w, LONGEST_PAUSE_MS);
    return status == WEIR_OK ? WEIR_OK : fail(w, &error);
}

static int work_on(weir_worker *w, const weir_job_lease *lease, weir_arena *arena)
{
    char path[PATH_MAX];
    weir_error error = { 0 };
    weir_piece piece = { .output.fd = -1 };
    pthread_t heart;
    const weir_order *order = find_order(w, lease->range.partition, &error);
    blame who = BLAME_WORKER;
    weir_lock(&w->mutex);
    w->lost = false;
    weir_unlock(&w->mutex);
    if (order && snprintf(path, sizeof path, "%s/%s.r%06lld.a%lld%s", w->options.directory, w->options.job, (long long)lease->number,
                          (long long)lease->attempt, w->format->suffixes[0]) >= (int)sizeof path)
        weir_error_set(&error, WEIR_IO, "the directory's path is too long");
    else if (order && start_heart(w, lease, &heart, &error) == WEIR_OK) {
        export_range(w, order, &lease->range, &piece, path, arena, &error);
        who = who_is_to_blame(&error);
        close_reader(w);
        stop_thread(w, heart, &w->leased, false);
    }
    int status = error.status == WEIR_OK ? hand_in(w, lease, &piece, path, &error) : WEIR_OK;
    bool begun = piece.writer != NULL;
    if (begun)
        weir_piece_drop(&piece);
    if (status != WEIR_OK)
        return fail(w, &error);         /* nobody knows whether the range counts: the file stays */
    return error.status == WEIR_OK ? WEIR_OK : give_back(w, lease, &error, who);
}

/* ---- the run ------------------------------------------------------------------------------------------------------------------------------------------ */
static int write_manifest(weir_worker *w)
{
    char path[PATH_MAX];
    weir_error error = { 0 };
    if (snprintf(path, sizeof path, "%s/%s.manifest.json", w->options.directory, w->options.job) >= (int)sizeof path)
        weir_error_set(&error, WEIR_IO, "the directory's path is too long");
    else
        weir_job_write_manifest(&w->table, w->format->name, path, &error);
    return error.status == WEIR_OK ? WEIR_OK : fail(w, &error);
}

static int end_failed(weir_worker *w)
{
    weir_error error;
    weir_error_set(&error, WEIR_ERROR, "the job %s has failed: %s", w->options.job, w->facts.reason);
    return fail(w, &error);
}

static int work(weir_worker *w)
{
    weir_error error = { 0 };
    int64_t pause = w->facts.lease_ms / 4 < LONGEST_PAUSE_MS ? w->facts.lease_ms / 4 + 1 : LONGEST_PAUSE_MS;
    if (join_job(w, &error) != WEIR_OK)
        return fail(w, &error);
    while (!atomic_load(&w->stop) && !atomic_load(&w->failed)) {
        weir_arena arena;
        weir_job_lease lease;
        weir_arena_init(&arena, &w->ledger, WEIR_MEMORY_HANDLES, 1024);
        int state = weir_job_take(&w->table, &w->facts, &arena, &lease, &error);
        if (state == WEIR_JOB_RANGE)
            work_on(w, &lease, &arena);
        weir_arena_free(&arena);
        if (state == WEIR_JOB_DONE)
            return write_manifest(w);
        if (state == WEIR_JOB_FAILED)
            return end_failed(w);
        if (state < 0)
            return fail(w, &error);
        if (state == WEIR_JOB_WAIT)
            rest(w, pause);
    }
    return weir_worker_error(w)->status;
}

static void run_here(void *worker)
{
    weir_worker *w = worker;
    weir_error error;
    pthread_t thread;
    if (start_thread(&thread, guard, w, &error) != WEIR_OK) {
        fail(w, &error);
        return;
    }
    int status = work(w);
    weir_lock(&w->mutex);
    w->done = status == WEIR_OK;            /* whatever came meanwhile */
    if (w->done)
        atomic_store(&w->failed, false);
    weir_unlock(&w->mutex);
    stop_thread(w, thread, &w->ended, true);
}

static void interrupt(void *worker, int outcome)
{
    weir_error error;
    weir_interrupted(outcome, &error);
    stop(worker, &error);
}

int weir_worker_run(weir_worker *w)
{
    weir_error error;
    if (is_constant(w) || atomic_load(&w->failed))
        return weir_worker_error(w)->status;
    if (w->ran)
        weir_error_set(&error, WEIR_INVALID_REQUEST, "this weir_worker has run: open another one");
    else if (weir_may_wait(&error) == WEIR_OK) {
        w->ran = true;
        int outcome = weir_run_blocking(run_here, interrupt, w);
        if (w->done)                        /* the next wait is told */
            weir_interrupt_again(outcome);
        if (outcome == WEIR_READY || w->done)
            return weir_worker_error(w)->status;
        if (outcome == WEIR_LATE)
            weir_error_out_of_memory(&error);
        else
            weir_interrupted(outcome, &error);
    }
    return fail(w, &error);
}

/* ---- about, and the end ------------------------------------------------------------------------------------------------------------------------------------ */
void weir_worker_info(const weir_worker *worker, weir_worker_figures *out)
{
    weir_worker *w = (weir_worker *)(uintptr_t)worker;
    *out = (weir_worker_figures){ 0 };
    if (is_constant(w))
        return;
    weir_lock(&w->mutex);
    *out = w->figures;
    weir_unlock(&w->mutex);
}

const weir_error *weir_worker_error(const weir_worker *w)
{
    static const weir_error none = { 0 };
    return is_constant(w) ? w ? &w->error : &closed_worker.error : atomic_load(&w->failed) ? &w->error : &none;
}

int weir_worker_close(weir_worker **worker)
{
    weir_worker *w = worker ? *worker : NULL;
    if (!w || w == &closed_worker)
        return WEIR_OK;
    *worker = constant(&closed_worker);
    if (w == &no_memory_worker)
        return WEIR_OUT_OF_MEMORY;
    int status = weir_worker_error(w)->status;
    weir_segments_free(&w->parts);
    weir_order_free(w->order);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->handles);
    pthread_mutex_destroy(&w->mutex);
    weir_free(w);
    return status;
}
