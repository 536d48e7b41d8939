/* One statement read by several connections: the handle, the threads, and who gives up when one fails. */
#include "transfer/parallel.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/lock.h"
#include "engine/result.h"
#include "sql/dialect.h"

enum { MOST_JOBS = 256, DEFAULT_JOBS = 2, DEFAULT_RANGE = 16 << 20, DEFAULT_WINDOW = 32 << 20, DEFAULT_ROWS = 5000, CANCEL_EVERY_MS = 200,
       LEAST_SHARE = 88 * 1024, LEAST_WAITING = 32 * 1024, LEAST_BLOCK = 4096 };

static const weir_parallel closed_parallel = { .error = { .status = WEIR_RESOURCE_CLOSED, .message = "this weir_parallel is closed" } };
static const weir_parallel no_memory_parallel = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory to read in parallel" } };

static weir_parallel *constant(const weir_parallel *parallel) { return (weir_parallel *)(uintptr_t)parallel; }
static bool is_constant(const weir_parallel *p) { return !p || p == &closed_parallel || p == &no_memory_parallel; }

/* ---- opening ------------------------------------------------------------------------------------------------------------------------ */
static int take_options(weir_parallel *p, const weir_parallel_options *given)
{
    weir_parallel_options *o = &p->options;
    if (given && (given->struct_size < sizeof given->struct_size || given->struct_size > sizeof *o))
        return weir_error_set(&p->error, WEIR_ARGUMENT, "parallel options of %zu bytes: make them with WEIR_PARALLEL_OPTIONS", given->struct_size);
    if (given)
        memcpy(o, given, given->struct_size);
    if (o->jobs < 0 || o->jobs > MOST_JOBS || o->range_bytes < 0 || o->yield_per < 0 || o->window_bytes < 0 || o->memory < 0)
        return weir_error_set(&p->error, WEIR_ARGUMENT, "jobs are 1 to %d; range_bytes, yield_per, memory and window_bytes are not negative", MOST_JOBS);
    if (o->memory && o->window_bytes)
        return weir_error_set(&p->error, WEIR_ARGUMENT, "memory bounds what waits, too: leave window_bytes away");
    o->jobs = o->jobs ? o->jobs : DEFAULT_JOBS;
    o->range_bytes = o->range_bytes ? o->range_bytes : DEFAULT_RANGE;
    o->window_bytes = o->window_bytes ? o->window_bytes : DEFAULT_WINDOW;
    o->yield_per = o->yield_per || o->memory ? o->yield_per : DEFAULT_ROWS;
    int64_t least = o->jobs * LEAST_SHARE + LEAST_WAITING;
    if (o->memory && o->memory < least)
        return weir_error_set(&p->error, WEIR_ARGUMENT, "a budget of %lld bytes is too small for %d jobs: give %lld, or fewer jobs", (long long)o->memory,
                              o->jobs, (long long)least);
    return WEIR_OK;
}

static const struct weir_dialect *dialect_of(bool postgresql)
{
    return postgresql ? &weir_dialect_postgresql : &weir_dialect_sqlite;
}

static int set_up(weir_parallel *p, weir_engine *engine, const weir_stmt *stmt, const weir_parallel_options *options)
{
    if (take_options(p, options) != WEIR_OK)
        return p->error.status;
    if (!engine || !stmt)
        return weir_error_set(&p->error, WEIR_ARGUMENT, "an engine and a statement are needed");
    if (weir_error_keep(&p->error, weir_engine_error(engine)) != WEIR_OK)
        return p->error.status;
    p->engine = engine;
    p->postgresql = !strcmp(weir_engine_dialect(engine), "postgresql");
    weir_order_options order = { .dialect = dialect_of(p->postgresql), .text = p->options.order, .unchecked = true };
    p->order = weir_order_of(stmt, &order, &p->ledger, &p->error);
    p->segments = (weir_segments){ &p->ledger, p->order, p->options.order, p->options.partition, p->options.context, NULL, 0, 0 };
    p->connections = weir_alloc_zero(&p->ledger, WEIR_MEMORY_HANDLES, (size_t)p->options.jobs * sizeof *p->connections);
    p->peaks = weir_alloc_zero(&p->ledger, WEIR_MEMORY_HANDLES, (size_t)p->options.jobs * sizeof *p->peaks);
    if (p->order && (!p->connections || !p->peaks))
        return weir_error_out_of_memory(&p->error);
    return p->error.status;
}

weir_parallel *weir_parallel_open(weir_engine *engine, const weir_stmt *stmt, const weir_parallel_options *options)
{
    pthread_condattr_t monotonic;
    weir_parallel *p = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *p);
    if (!p)
        return constant(&no_memory_parallel);
    weir_ledger_init(&p->ledger, weir_ledger_root());
    pthread_mutex_init(&p->mutex, NULL);
    pthread_mutex_init(&p->handles, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->ended, &monotonic);
    pthread_cond_init(&p->called, &monotonic);
    pthread_condattr_destroy(&monotonic);
    weir_arena_init(&p->kept, &p->ledger, WEIR_MEMORY_HANDLES, 512);
    atomic_store(&p->failed, set_up(p, engine, stmt, options) != WEIR_OK);
    return p;
}

/* ---- failing ------------------------------------------------------------------------------------------------------------------------ */
static int fail_locked(weir_parallel *p, const weir_error *error)
{
    if (!atomic_load(&p->failed)) {
        p->error = *error;
        atomic_store(&p->failed, true);     /* behind the error: who sees it may read that, which nobody changes any more */
    }
    atomic_store(&p->stop, true);
    pthread_cond_signal(&p->called);
    return p->error.status;
}

int weir_parallel_fail(weir_parallel *p, const weir_error *error)
{
    weir_lock(&p->mutex);
    int status = fail_locked(p, error);
    weir_unlock(&p->mutex);
    if (atomic_load(&p->has_blocks))
        weir_blocks_stop(&p->blocks);
    return status;
}

/* A connection that is between two statements does not hear it: wait_for_jobs says it again until all have ended, and planning looks at
 * `stop` before each question. Reaching the server may block, and no handle may go meanwhile: so this one mutex is held across it: on threads
 * of our own or the program's, never by a task of the loop that the work runs for, which would need a worker thread in turn (guard). Whoever
 * finds it taken knows that they are being cancelled. */
static void cancel_all(weir_parallel *p)
{
    if (pthread_mutex_trylock(&p->handles) != 0)
        return;
    for (int i = 0; p->connections && i < p->options.jobs; i++)
        if (p->connections[i])
            weir_connection_cancel(p->connections[i]);
    pthread_mutex_unlock(&p->handles);
}

/* The work of a task has this thread beside it: its cancels need no worker thread of the loop, the last of which may be the one that works. */
static void *guard(void *parallel)
{
    weir_parallel *p = parallel;
    weir_lock(&p->mutex);
    while (p->guarded) {
        if (!atomic_load(&p->stop)) {
            pthread_cond_wait(&p->called, &p->mutex);
            continue;
        }
        weir_unlock(&p->mutex);
        cancel_all(p);
        weir_lock(&p->mutex);
        int64_t until = weir_deadline_ms(CANCEL_EVERY_MS);
        struct timespec t = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
        if (p->guarded)
            pthread_cond_timedwait(&p->called, &p->mutex, &t);
    }
    weir_unlock(&p->mutex);
    return NULL;
}

static void set_guarded(weir_parallel *p, bool guarded)
{
    weir_lock(&p->mutex);
    p->guarded = guarded;
    pthread_cond_signal(&p->called);
    weir_unlock(&p->mutex);
}

/* Any thread. Too late for what is done. False: the guard says it to the servers, or there is nothing to be said. */
static bool stop_all(weir_parallel *p, const weir_error *why)
{
    weir_lock(&p->mutex);
    bool done = p->done, guarded = p->guarded;
    if (!done)
        fail_locked(p, why);
    weir_unlock(&p->mutex);
    if (!done && atomic_load(&p->has_blocks))
        weir_blocks_stop(&p->blocks);
    return !done && !guarded;
}

/* All was done, whatever came meanwhile. */
static void settle(weir_parallel *p)
{
    weir_lock(&p->mutex);
    p->done = true;
    atomic_store(&p->failed, false);
    weir_unlock(&p->mutex);
}

void weir_parallel_cancel(weir_parallel *p)
{
    weir_error error;
    if (is_constant(p))
        return;
    weir_error_set(&error, WEIR_CANCELLED, "cancelled by weir_parallel_cancel");
    if (stop_all(p, &error))
        cancel_all(p);
}

const weir_error *weir_parallel_error(const weir_parallel *p)
{
    static const weir_error none = { 0 };
    return is_constant(p) ? p ? &p->error : &closed_parallel.error : atomic_load(&p->failed) ? &p->error : &none;
}

/* ---- planning ------------------------------------------------------------------------------------------------------------------------ */
enum { MOST_FILES = 50000 };            /* what a directory, and the list of those that are done, are still handy with */

static int make_segments(weir_parallel *p, const weir_value *after, weir_error *error)
{
    const weir_parallel_options *o = &p->options;
    weir_range_wish wish = { o->range_bytes, p->split && o->jobs < 2 ? 2 : o->jobs, o->remark, o->context, &p->stop, after, p->split ? MOST_FILES : 0 };
    return weir_segments_make(&p->segments, p->connections[0], p->postgresql, p->split, &wish, error);
}

/* Any thread may ask while segments come and go. */
static void tell_plan(weir_parallel *p)
{
    const char *source = p->planned && p->segments.count ? p->segments.all[0].plan.source : "";
    weir_lock(&p->mutex);
    p->about.ranges = p->planned ? p->segments.ranges : 0;
    memcpy(p->about.snapshot, p->snapshot, sizeof p->about.snapshot);
    weir_error_text(p->about.source, sizeof p->about.source, source, strlen(source));
    weir_unlock(&p->mutex);
}

int weir_parallel_plan_here(weir_parallel *p, const weir_value *after)
{
    weir_error error = { 0 };
    int status = WEIR_OK;
    if (!p->connected)
        status = weir_snapshot_take(p->engine, p->connections, (size_t)p->options.jobs, &p->handles, &p->stop, p->snapshot, &error);
    p->connected = status == WEIR_OK;
    if (status == WEIR_OK && (!p->planned || after))
        status = make_segments(p, after, &error);
    p->planned = status == WEIR_OK;
    tell_plan(p);
    return status == WEIR_OK ? WEIR_OK : weir_parallel_fail(p, &error);
}

typedef struct call {
    weir_parallel *parallel;
    int          (*work)(weir_parallel *parallel, void *argument);
    void          *argument;
    bool           in_task;
    int            status;
} call;

/* Signals are the program's own threads' business. */
static bool start_thread(pthread_t *thread, void *(*run)(void *argument), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

static int no_thread(weir_parallel *p)
{
    weir_error error;
    weir_error_set(&error, WEIR_OUT_OF_MEMORY, "the system starts no thread");
    return weir_parallel_fail(p, &error);
}

static void work_here(void *argument)
{
    call *c = argument;
    weir_parallel *p = c->parallel;
    pthread_t thread;
    set_guarded(p, c->in_task);
    if (c->in_task && !start_thread(&thread, guard, p)) {
        set_guarded(p, false);
        c->status = no_thread(p);
        return;
    }
    c->status = c->work(p, c->argument);
    if (c->status == WEIR_OK && p->ran)
        settle(p);
    set_guarded(p, false);
    if (c->in_task)
        pthread_join(thread, NULL);
}

static void interrupt(void *argument, int outcome)
{
    weir_error error;
    weir_interrupted(outcome, &error);
    stop_all(((call *)argument)->parallel, &error);
}

int weir_parallel_block(weir_parallel *p, int (*work)(weir_parallel *parallel, void *argument), void *argument)
{
    call c = { .parallel = p, .work = work, .argument = argument, .in_task = weir_here_now()->task != NULL };
    weir_error error;
    if (weir_may_wait(&error) != WEIR_OK)
        return weir_parallel_fail(p, &error);
    int outcome = weir_run_blocking(work_here, interrupt, &c);
    if (p->done) {                      /* the next wait is told */
        weir_interrupt_again(outcome);
        return c.status;
    }
    if (outcome == WEIR_LATE)
        weir_error_out_of_memory(&error);
    else if (outcome != WEIR_READY)
        weir_interrupted(outcome, &error);
    return outcome == WEIR_READY ? c.status : weir_parallel_fail(p, &error);
}

static int plan_all(weir_parallel *p, void *unused)
{
    (void)unused;
    return weir_parallel_plan_here(p, NULL);
}

int weir_parallel_plan(weir_parallel *p)
{
    if (weir_parallel_error(p)->status != WEIR_OK)
        return weir_parallel_error(p)->status;
    return p->planned ? WEIR_OK : weir_parallel_block(p, plan_all, NULL);
}

/* ---- the jobs -------------------------------------------------------------------------------------------------------------------------- */
/* A range in the hands of its job. What the program sees comes first. */
typedef struct reading {
    weir_range_read seen;
    weir_parallel  *parallel;
    weir_block     *block;              /* being filled */
    weir_error      error;              /* of handing over; of the callbacks */
    bool            open;               /* `begin` had its turn, and `end` has not gone well: else `drop` follows */
} reading;

int weir_range_put(weir_range_read *read, const void *bytes, size_t length)
{
    reading *r = (reading *)(void *)read;
    weir_blocks *blocks = &r->parallel->blocks;
    if (!r->parallel->calls.bytes)
        return weir_error_set(&r->error, WEIR_INVALID_REQUEST, "nobody takes the bytes: weir_parallel_calls.bytes is not set");
    while (length) {
        if (r->block && r->block->length == r->block->capacity) {
            weir_block *full = r->block;
            r->block = NULL;
            if (weir_blocks_hand(blocks, read->number, full, &r->error) != WEIR_OK)
                return r->error.status;
        }
        if (!r->block && !(r->block = weir_blocks_new(blocks)))
            return weir_error_out_of_memory(&r->error);
        size_t room = r->block->capacity - r->block->length, portion = length < room ? length : room;
        memcpy(r->block->bytes + r->block->length, bytes, portion);
        r->block->length += portion;
        bytes = (const char *)bytes + portion;
        length -= portion;
        atomic_fetch_add_explicit(&r->parallel->bytes, (int64_t)portion, memory_order_relaxed);
    }
    return WEIR_OK;
}

const weir_error *weir_range_error(const weir_range_read *read) { return &((const reading *)(const void *)read)->error; }

int weir_range_mark(weir_range_read *read, const char *key, size_t length, int64_t rows)
{
    reading *r = (reading *)(void *)read;
    weir_blocks *blocks = &r->parallel->blocks;
    weir_mark *mark = weir_alloc(blocks->ledger, WEIR_MEMORY_OUTPUT, sizeof *mark + length + 1);
    if (!mark || (!r->block && !(r->block = weir_blocks_new(blocks)))) {
        weir_free(mark);
        return weir_error_out_of_memory(&r->error);
    }
    *mark = (weir_mark){ .rows = rows, .length = length };
    memcpy(mark->key, key, length);
    weir_block *block = r->block;
    block->mark = mark;
    r->block = NULL;
    return weir_blocks_hand(blocks, read->number, block, &r->error);
}

/* What a callback said; the words may be its own, or those of weir_range_put. */
static int told(reading *r, int status)
{
    if (status != WEIR_OK && r->error.status == WEIR_OK)
        weir_error_set(&r->error, status, "a callback gave up");
    if (status != WEIR_OK && !r->error.message[0])
        weir_error_text(r->error.message, sizeof r->error.message, "a callback gave up", 18);
    return status;
}

static int read_rows(reading *r, weir_result *result)
{
    weir_parallel *p = r->parallel;
    const weir_parallel_calls *calls = &p->calls;
    int status = weir_result_error(result)->status;
    r->open = status == WEIR_OK;
    if (status == WEIR_OK && calls->begin)
        status = told(r, calls->begin(&r->seen, result, &r->error));
    for (const weir_partition *rows; status == WEIR_OK && !atomic_load(&p->stop) && (rows = weir_result_fetchsome(result)) != NULL; ) {
        if (calls->rows)
            status = told(r, calls->rows(&r->seen, rows, &r->error));
        atomic_fetch_add_explicit(&p->rows, (int64_t)rows->count, memory_order_relaxed);
        atomic_fetch_add_explicit(&p->batches, 1, memory_order_relaxed);
    }
    if (status == WEIR_OK && atomic_load(&p->stop))
        return weir_error_set(&r->error, WEIR_CANCELLED, "the run was stopped");
    return status;
}

static int end_range(reading *r)
{
    weir_parallel *p = r->parallel;
    int status = p->calls.end ? told(r, p->calls.end(&r->seen, &r->error)) : WEIR_OK;
    r->open = status != WEIR_OK;
    if (status == WEIR_OK && r->block && r->block->length) {
        weir_block *last = r->block;
        r->block = NULL;
        status = weir_blocks_hand(&p->blocks, r->seen.number, last, &r->error);
    }
    if (status == WEIR_OK && p->has_blocks)
        weir_blocks_end(&p->blocks, r->seen.number);
    return status;
}

static void say_where(weir_error *error, int64_t range, int64_t count)
{
    if (count > 1 && error->status != WEIR_CANCELLED && error->status != WEIR_IO)
        weir_error_context(error, "range %lld of %lld", (long long)range + 1, (long long)count);
}

static void note_peak(const weir_parallel *p, int job, const weir_result *result)
{
    weir_result_figures figures;
    weir_result_info(result, &figures);
    int64_t peak = (int64_t)figures.ledger_peak_bytes;
    if (p->share && peak > atomic_load(&p->peaks[job]))
        atomic_store(&p->peaks[job], peak);
}

/* Behind the last row of the range before the connection was lost, and nobody was told. */
static void name_loss(const weir_connection *connection, weir_error *error)
{
    if (error->status == WEIR_PENDING_ROLLBACK && connection->abort_cause.status != WEIR_OK)
        *error = connection->abort_cause;
}

static int read_range(weir_parallel *p, int job, int64_t number)
{
    reading r = { .seen = { .number = number, .job = job, .context = p->calls.context }, .parallel = p };
    const weir_segment *segment = weir_segment_at(&p->segments, number);
    weir_order_range range = weir_range_plan_at(&segment->plan, (size_t)(number - segment->first));
    weir_execution_options options = { .struct_size = sizeof options, .yield_per = p->options.yield_per, .memory = p->share };
    weir_stmt *stmt = weir_order_statement(segment->order, &range);
    weir_result *result = weir_connection_execute(p->connections[job], stmt, &options);
    int status = read_rows(&r, result);
    weir_error_keep(&r.error, weir_result_error(result));
    name_loss(p->connections[job], &r.error);
    note_peak(p, job, result);
    weir_result_drop(&result);
    weir_stmt_free(&stmt);
    status = status == WEIR_OK || r.error.disconnect ? r.error.status : status;
    if (status == WEIR_OK)
        status = end_range(&r);
    if (status == WEIR_OK) {
        atomic_fetch_add(&p->ranges_done, 1);
    } else {
        r.error.status = r.error.status == WEIR_OK ? status : r.error.status;
        say_where(&r.error, number, p->segments.ranges);
        weir_parallel_fail(p, &r.error);
        if (r.open && p->calls.drop)
            p->calls.drop(&r.seen);
    }
    if (r.block)
        weir_blocks_give_back(&p->blocks, r.block);
    return status;
}

typedef struct job { weir_parallel *parallel; int number; pthread_t thread; bool runs; } job;

static int64_t next_range(weir_parallel *p)
{
    weir_lock(&p->mutex);
    int64_t range = p->next < p->segments.ranges && !atomic_load(&p->failed) ? p->next++ : -1;
    weir_unlock(&p->mutex);
    return range >= 0 && (!p->has_blocks || weir_blocks_may_begin(&p->blocks, range)) ? range : -1;
}

static void *run_job(void *argument)
{
    job *j = argument;
    weir_parallel *p = j->parallel;
    for (int64_t range; (range = next_range(p)) >= 0; ) {
        if (p->skips && p->skips(p->calls.context, range))
            atomic_fetch_add(&p->ranges_done, 1);
        else if (read_range(p, j->number, range) != WEIR_OK)
            break;
    }
    weir_lock(&p->mutex);
    p->running--;
    pthread_cond_signal(&p->ended);
    weir_unlock(&p->mutex);
    return NULL;
}

static int start_jobs(weir_parallel *p, job *jobs, int count)
{
    int started = 0;
    for (; started < count; started++) {
        jobs[started] = (job){ .parallel = p, .number = started };
        weir_lock(&p->mutex);
        p->running++;
        weir_unlock(&p->mutex);
        if (!start_thread(&jobs[started].thread, run_job, &jobs[started]))
            break;
    }
    if (started < count) {
        weir_lock(&p->mutex);
        p->running--;
        weir_unlock(&p->mutex);
    }
    return started;
}

static void tell_progress(const weir_parallel *p)
{
    if (p->options.progress)
        p->options.progress(p->options.context);
}

/* Gives a block to who takes them, and its mark. A status with *error. */
static int give(const weir_parallel *p, int64_t range, const weir_block *block, weir_error *error)
{
    int status = block->length ? p->calls.bytes(range, block->bytes, block->length, p->calls.context, error) : WEIR_OK;
    if (status == WEIR_OK && block->mark && p->marked)
        status = p->marked(p->calls.context, block->mark, error);
    if (status != WEIR_OK && error->status == WEIR_OK)
        weir_error_set(error, status, "a callback gave up");
    return status;
}

/* Takes the bytes of all ranges in order, from *range on. Ends early when the run is stopped; draining: where there are no more. A status:
 * that of taking itself. */
static int take_bytes(weir_parallel *p, int64_t *range, bool draining)
{
    int64_t told_at = weir_now();
    int status = WEIR_OK;
    while (status == WEIR_OK && *range < p->segments.ranges && (draining || !atomic_load(&p->stop))) {
        weir_error error = { 0 };
        bool ended = false;
        weir_block *block = weir_blocks_take(&p->blocks, &ended, &error);
        status = error.status;
        if (block)
            status = give(p, *range, block, &error);
        bool none = !block && !ended;
        weir_blocks_give_back(&p->blocks, block);
        if (status != WEIR_OK)
            weir_parallel_fail(p, &error);
        *range += ended;
        if (draining && none)
            break;
        if (!draining && weir_now() - told_at >= CANCEL_EVERY_MS * WEIR_NS_PER_MS) {
            tell_progress(p);
            told_at = weir_now();
        }
    }
    return status;
}

/* Until all jobs have ended; once the run is stopped, their queries are cancelled again and again. */
static void wait_for_jobs(weir_parallel *p)
{
    weir_lock(&p->mutex);
    while (p->running > 0) {
        int64_t until = weir_deadline_ms(CANCEL_EVERY_MS);
        struct timespec t = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
        if (atomic_load(&p->stop)) {
            weir_unlock(&p->mutex);
            cancel_all(p);
            weir_lock(&p->mutex);
        }
        if (p->running > 0)
            pthread_cond_timedwait(&p->ended, &p->mutex, &t);
        weir_unlock(&p->mutex);
        if (!atomic_load(&p->stop))
            tell_progress(p);
        weir_lock(&p->mutex);
    }
    weir_unlock(&p->mutex);
}

static int run_jobs(weir_parallel *p)
{
    job jobs[MOST_JOBS];
    int64_t range = 0;
    int count = p->options.jobs, status = WEIR_OK;
    if (p->segments.ranges < count)
        count = (int)p->segments.ranges;
    int started = start_jobs(p, jobs, count);
    if (started == 0)
        no_thread(p);
    if (p->has_blocks)
        status = take_bytes(p, &range, false);
    wait_for_jobs(p);
    for (int i = 0; i < started; i++)
        pthread_join(jobs[i].thread, NULL);
    /* What was read and can be kept need not be read again. */
    if (p->marked && status == WEIR_OK && atomic_load(&p->failed)) {
        weir_blocks_drain(&p->blocks);
        take_bytes(p, &range, true);
    }
    return weir_parallel_error(p)->status;
}

/* Where the bytes of ranges wait. Of a budget: blocks in lanes, one in the hands of each job and two in those of the taker together are within
 * the quarter; its ledger sees to that. */
static int make_room(weir_parallel *p)
{
    int64_t jobs = p->options.jobs, quarter = p->options.memory / 4, block = quarter / (4 * (jobs + 2)) / LEAST_BLOCK * LEAST_BLOCK;
    int64_t most = p->options.window_bytes;
    weir_ledger_init(&p->waiting, &p->ledger);
    if (p->options.memory) {
        block = block > WEIR_BLOCK_SIZE ? WEIR_BLOCK_SIZE : block < LEAST_BLOCK / 2 ? LEAST_BLOCK / 2 : block;
        most = quarter * 15 / 16 - (jobs + 2) * (block + 128);
        p->budget.limit = quarter;
        weir_ledger_charge(&p->waiting, &p->charge, &p->budget, false);
    }
    return weir_blocks_init(&p->blocks, 2 * (size_t)jobs, (size_t)most, p->options.memory ? (size_t)block : 0, p->options.spill != WEIR_OFF,
                            p->options.spill_directory, &p->waiting);
}

int weir_parallel_run_here(weir_parallel *p, const weir_parallel_calls *calls)
{
    weir_error error;
    memcpy(&p->calls, calls, calls->struct_size);
    p->ran = true;
    p->share = (p->calls.bytes ? p->options.memory - p->options.memory / 4 : p->options.memory) / p->options.jobs;
    if (p->calls.bytes && !atomic_load(&p->failed)) {
        bool made = make_room(p) == WEIR_OK;
        atomic_store(&p->has_blocks, true);     /* before `failed` is looked at: weir_parallel_fail sets that first */
        if (!made) {
            weir_error_out_of_memory(&error);
            return weir_parallel_fail(p, &error);
        }
    }
    return atomic_load(&p->failed) ? p->error.status : run_jobs(p);
}

static int run_calls(weir_parallel *p, void *calls) { return weir_parallel_run_here(p, calls); }

int weir_parallel_run(weir_parallel *p, const weir_parallel_calls *calls)
{
    weir_error error;
    int status = weir_parallel_plan(p);
    if (status != WEIR_OK)
        return status;
    if (!calls || calls->struct_size < sizeof calls->struct_size || calls->struct_size > sizeof *calls)
        weir_error_set(&error, WEIR_ARGUMENT, "calls are made with WEIR_PARALLEL_CALLS");
    else if (p->ran)
        weir_error_set(&error, WEIR_INVALID_REQUEST, "this weir_parallel has run: open another one");
    else
        return weir_parallel_block(p, run_calls, (void *)(uintptr_t)calls);
    return weir_parallel_fail(p, &error);
}

/* ---- about, and the end --------------------------------------------------------------------------------------------------------------------- */
void weir_parallel_info(const weir_parallel *parallel, weir_parallel_figures *out)
{
    weir_parallel *p = (weir_parallel *)(uintptr_t)parallel;
    *out = (weir_parallel_figures){ 0 };
    if (is_constant(p))
        return;
    weir_lock(&p->mutex);
    *out = p->about;
    weir_unlock(&p->mutex);
    out->jobs = p->options.jobs;
    out->ranges_done = atomic_load(&p->ranges_done);
    out->rows = atomic_load(&p->rows);
    out->batches = atomic_load(&p->batches);
    out->bytes = atomic_load(&p->bytes);
    if (atomic_load(&p->has_blocks)) {
        weir_lock(&p->blocks.mutex);
        out->spilled = p->blocks.spilled;
        weir_unlock(&p->blocks.mutex);
    }
    for (int i = 0; p->options.memory && i < p->options.jobs; i++)
        out->memory_peak += atomic_load(&p->peaks[i]);
    out->memory_peak += p->options.memory ? atomic_load(&p->budget.peak) : 0;
}

static void close_connections(weir_parallel *p)
{
    for (int i = 0; p->connections && i < p->options.jobs; i++) {
        pthread_mutex_lock(&p->handles);
        weir_connection *connection = p->connections[i];
        p->connections[i] = NULL;
        pthread_mutex_unlock(&p->handles);
        weir_error error = { 0 };
        weir_give_back(&connection, &error);
        if (error.status != WEIR_OK)
            weir_parallel_fail(p, &error);
    }
}

int weir_parallel_close(weir_parallel **parallel)
{
    weir_parallel *p = parallel ? *parallel : NULL;
    if (!p || p == &closed_parallel)
        return WEIR_OK;
    *parallel = constant(&closed_parallel);
    if (p == &no_memory_parallel)
        return WEIR_OUT_OF_MEMORY;
    close_connections(p);
    int status = weir_parallel_error(p)->status;
    if (p->has_blocks)
        weir_blocks_free(&p->blocks);
    if (p->charge.budget)
        weir_ledger_discharge(&p->waiting, &p->charge);
    weir_free(p->peaks);
    weir_segments_free(&p->segments);
    weir_arena_free(&p->kept);
    weir_order_free(p->order);
    weir_free(p->connections);
    pthread_cond_destroy(&p->ended);
    pthread_cond_destroy(&p->called);
    pthread_mutex_destroy(&p->mutex);
    pthread_mutex_destroy(&p->handles);
    weir_free(p);
    return status;
}
