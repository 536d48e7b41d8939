/* A measured run: memory is sampled while rows are read. It has a process of its own, so that its peak is its own, too. */
#include "profile_run.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "database.h"
#include "failure.h"
#include "query.h"
#include "signals.h"
#include "stats.h"

enum { SAMPLES = 600, SAMPLE_MS = 4 };

/* ---- samples: at most so many, evenly; when they are full every second one goes ------------------------------------------ */

typedef struct recorder {
    figure_sample samples[SAMPLES];
    size_t count;
    int64_t stride, skipped;
    FILE  *statm;
    long   page;
} recorder;

static int64_t resident(recorder *r)
{
    long long size = 0, pages = 0;
    if (!r->statm)
        return 0;
    rewind(r->statm);
    fflush(r->statm);
    return fscanf(r->statm, "%lld %lld", &size, &pages) == 2 ? pages * r->page : 0;
}

static void record(recorder *r, int64_t rows, bool always)
{
    weir_memory_figures ledger;
    if (!always && ++r->skipped < r->stride)
        return;
    r->skipped = 0;
    if (r->count == SAMPLES) {
        for (size_t i = 0; i < SAMPLES / 2; i++)
            r->samples[i] = r->samples[2 * i];
        r->count = SAMPLES / 2;
        r->stride *= 2;
    }
    weir_memory_usage(&ledger);
    r->samples[r->count++] = (figure_sample){ rows, resident(r), (int64_t)ledger.bytes };
}

static void recorder_start(recorder *r)
{
    *r = (recorder){ .stride = 1, .statm = fopen("/proc/self/statm", "r"), .page = sysconf(_SC_PAGESIZE) };
    if (r->statm)
        setvbuf(r->statm, NULL, _IONBF, 0);
}

/* ---- a buffered fetch: nobody sees its rows while they come, so a thread looks at the clock ----------------------------------- */

typedef struct watcher { recorder *recorder; atomic_bool over; pthread_t thread; bool started; } watcher;

static void *watch(void *context)
{
    watcher *w = context;
    while (!atomic_load(&w->over)) {
        record(w->recorder, 0, false);
        nanosleep(&(const struct timespec){ .tv_nsec = SAMPLE_MS * 1000000 }, NULL);
    }
    return NULL;
}

/* How many rows were there at a sample is told by what weir's ledger held then: rows of one result take much the same. */
static void rows_by_ledger(recorder *r, int64_t rows)
{
    int64_t first = r->count ? r->samples[0].ledger : 0, most = first, so_far = 0;
    for (size_t i = 0; i < r->count; i++)
        most = r->samples[i].ledger > most ? r->samples[i].ledger : most;
    for (size_t i = 0; i < r->count; i++) {
        double share = most > first ? (double)(r->samples[i].ledger - first) / (double)(most - first) : 1;
        int64_t at = (int64_t)(share * (double)rows);
        so_far = at > so_far ? at : so_far;
        r->samples[i].rows = so_far;
    }
}

/* ---- the child -------------------------------------------------------------------------------------------------------------- */

typedef struct measured { bool sqlite; recorder recorder; weir_result_figures info; int64_t rows; double seconds; } measured;

static int read_all(weir_connection *connection, const weir_stmt *stmt, int64_t yield_per, measured *out)
{
    recorder *r = &out->recorder;
    watcher w = { .recorder = r };
    record(r, 0, true);
    double start = stats_clock();
    if (yield_per == 0)
        w.started = pthread_create(&w.thread, NULL, watch, &w) == 0;
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = yield_per));
    if (w.started) {
        atomic_store(&w.over, true);
        pthread_join(w.thread, NULL);
        record(r, 0, true);
    }
    for (const weir_partition *p; (p = weir_result_fetchmany(result, 0)) != NULL; ) {
        out->rows += (int64_t)p->count;
        if (yield_per > 0)
            record(r, out->rows, false);
    }
    out->seconds = stats_clock() - start;
    weir_result_info(result, &out->info);
    if (yield_per == 0)
        rows_by_ledger(r, out->rows);
    int code = weir_result_error(result)->status == WEIR_OK ? 0 : database_failed("reading rows failed", weir_result_error(result));
    if (code == 0 && !weir_result_returns_rows(result))
        code = failure_say(EXIT_FAILED, "the query failed: it returns no rows; weir profile only reads, give it a SELECT");
    if (weir_result_close(&result) != WEIR_OK && code == 0)
        code = failure_say(EXIT_FAILED, "reading rows failed: the result could not be closed; run the profile again");
    record(r, out->rows, true);
    return code;
}

static int tell(const measured *m, int fd)
{
    weir_memory_figures ledger;
    FILE *out = fdopen(fd, "w");
    if (!out)
        return failure_say(EXIT_FAILED, "cannot tell what was measured: %s; run the profile again", strerror(errno));
    weir_memory_usage(&ledger);
    for (size_t i = 0; i < m->recorder.count; i++)
        fprintf(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n", m->recorder.samples[i].rows, m->recorder.samples[i].rss, m->recorder.samples[i].ledger);
    fprintf(out, "total %" PRId64 " %" PRId64 " %zu %" PRId64 " %.9f\n", m->rows, stats_memory().peak_rss_bytes, ledger.peak_bytes,
            m->sqlite ? 0 : m->info.round_trips, m->seconds);
    return fclose(out) == 0 ? 0 : failure_say(EXIT_FAILED, "cannot tell what was measured: %s; run the profile again", strerror(errno));
}

int profile_measure(const export_settings *query, int64_t yield_per, int fd)
{
    static measured m;                          /* large, and one per process */
    weir_engine *engine = NULL;
    weir_connection *connection = NULL;
    weir_stmt *stmt = NULL;
    recorder_start(&m.recorder);
    int code = query_open(query, &engine, &m.sqlite, &stmt);
    if (code == 0)
        code = database_connect(engine, &connection);
    if (code == 0) {
        signals_watch_connection(connection);
        const weir_execution_options options = { .struct_size = sizeof options, .read_only = WEIR_ON,
                                                 .isolation_level = m.sqlite ? WEIR_ISOLATION_DEFAULT : WEIR_REPEATABLE_READ };
        if (weir_connection_options(connection, &options) != WEIR_OK)
            code = database_failed("cannot begin to read", weir_connection_error(connection));
        else
            code = read_all(connection, stmt, yield_per, &m);
        signals_watch_connection(NULL);
    }
    weir_stmt_free(&stmt);
    if (connection && weir_connection_close(&connection) != WEIR_OK && code == 0)
        code = failure_say(EXIT_FAILED, "reading rows failed: the connection could not be closed; run the profile again");
    if (engine)
        weir_engine_close(&engine);
    if (m.recorder.statm)
        fclose(m.recorder.statm);
    return code == 0 ? tell(&m, fd) : code;
}

/* ---- the parent ---------------------------------------------------------------------------------------------------------------- */

static int read_samples(FILE *in, figure_run *run)
{
    char line[256];
    bool whole = false;
    run->samples = calloc(SAMPLES, sizeof *run->samples);
    while (run->samples && fgets(line, sizeof line, in)) {
        figure_sample s;
        if (run->sample_count < SAMPLES && sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64, &s.rows, &s.rss, &s.ledger) == 3)
            run->samples[run->sample_count++] = s;
        else if (sscanf(line, "total %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %lf", &run->rows, &run->peak_rss, &run->peak_ledger,
                        &run->round_trips, &run->seconds) == 5)
            whole = true;
    }
    return whole ? 0 : EXIT_FAILED;
}

/* It says itself what failed; the words give it the descriptor's number. */
static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        return failure_say(EXIT_SIGNAL + WTERMSIG(status), "a run was ended by signal %d%s", WTERMSIG(status),
                           WTERMSIG(status) == 9 ? " (out of memory?); leave --buffered away, or use a smaller table" : "; run the profile again");
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* Signals go to the process that was started by the user; from a terminal to all. */
static void *watch_parent(void *parent)
{
    while (getppid() == (pid_t)(intptr_t)parent)
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    if (!signals_caught())
        kill(getpid(), SIGTERM);
    return NULL;
}

void profile_end_with_parent(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch_parent, (void *)(intptr_t)getppid()) == 0)
        pthread_detach(thread);
}

int profile_child(char *const *words, int64_t yield_per, figure_run *run)
{
    int ends[2];
    *run = (figure_run){ .yield_per = yield_per };
    if (pipe(ends) != 0)
        return failure_say(EXIT_FAILED, "cannot start a run: %s; close other programs and try again", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv("/proc/self/exe", words);
        _exit(EXIT_FAILED);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    int read_status = child > 0 && in ? read_samples(in, run) : EXIT_FAILED;
    if (in)
        fclose(in);
    int code = child > 0 ? wait_for(child) : failure_say(EXIT_FAILED, "cannot start a run: %s; close other programs and try again", strerror(errno));
    if (code == 0 && read_status != 0)
        code = failure_say(EXIT_FAILED, "a run ended without telling what it measured; run the profile again");
    return code;
}
