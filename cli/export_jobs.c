/* weir export --jobs, --worker and --job-status. */
#include "export_jobs.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "database.h"
#include "export_file.h"
#include "export_resume.h"
#include "failure.h"
#include "progress.h"
#include "query.h"
#include "signals.h"
#include "text.h"
#include "unique.h"

enum { MOST_JOBS = 256, CONNECTIONS_OF_A_WORKER = 3 };

bool jobs_wanted(const export_settings *s)
{
    return s->jobs || s->split || s->range_bytes || s->worker || s->job_status || s->job_schema || s->lease || s->attempts;
}

const char *jobs_outcome(const export_settings *s)
{
    return s->worker ? "its range was given back, the files of finished ranges count; run it again when you like"
         : s->resume ? "what is written stays beside the file, run the same command again to go on"
                     : "no file was left behind, run it again when you like";
}

const char *jobs_outcome_at_once(const export_settings *s)
{
    return s->worker ? "its range is taken over when its lease has ended, the files of finished ranges count; run it again when you like"
         : s->split && !s->resume ? "files of finished ranges are there and count for nothing without a manifest, remove them or run it again"
                                  : NULL;
}

/* ---- options -------------------------------------------------------------------------------------------------------------------- */
static int check_alone(const export_settings *s, const char *option)
{
    const struct { bool given; const char *name, *why; } others[] = {
        { s->worker && s->resume, "--resume", "a job's ranges survive by themselves" },
        { s->retry != 0, "--retry", s->worker ? "a job's ranges are tried again by themselves" : "repeat the command with --resume instead" },
        { s->partition_rows != 0, "--partition-rows", "--split makes a file of each range" },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].given)
            return failure_say(EXIT_USAGE, "wrong usage: %s and %s exclude each other; leave one of them away (%s)", option, others[i].name,
                               others[i].why);
    if (s->split && s->checkpoint_every)
        return failure_say(EXIT_USAGE, "wrong usage: with --split each range that is done is on record; leave --checkpoint-every away");
    return resume_check_interval(s);
}

static int check_order(const export_settings *s, const char *option)
{
    if (s->key && s->order_by)
        return failure_say(EXIT_USAGE, "wrong usage: --key and --order-by exclude each other; the key is the order");
    if (s->query && !s->key)
        return failure_say(EXIT_USAGE, "wrong usage: %s needs to know the order by which the query's rows are cut into ranges; name columns of it "
                                       "with --key", option);
    return 0;
}

int jobs_check_settings(const export_settings *s)
{
    const char *option = s->worker ? "--worker" : s->jobs ? "--jobs" : "--split";
    int code = check_alone(s, option);
    if (code != 0)
        return code;
    if (s->worker && (s->jobs || s->split))
        return failure_say(EXIT_USAGE, "wrong usage: --worker is one connection that writes a file per range; start several of them instead of %s",
                           s->jobs ? "--jobs" : "--split");
    if (!s->worker && (s->job_schema || s->lease || s->attempts))
        return failure_say(EXIT_USAGE, "wrong usage: --job-schema, --lease and --attempts are about --worker; give it, or leave them away");
    if (!s->worker && !s->jobs)
        return failure_say(EXIT_USAGE, "wrong usage: %s is about --jobs; give --jobs N, 1 if you like", s->split ? "--split" : "--range-bytes");
    if (s->jobs > MOST_JOBS)
        return failure_say(EXIT_USAGE, "wrong value for --jobs: %" PRId64 " connections are too many; give 1 to %d", s->jobs, MOST_JOBS);
    if ((s->split || s->worker) && !strcmp(s->to, "-"))
        return failure_say(EXIT_USAGE, "wrong usage: %s makes many files; give --to %s", option, s->worker ? "DIRECTORY" : "FILE");
    return check_order(s, option);
}

/* ---- partitions ------------------------------------------------------------------------------------------------------------------------- */
/* What the callbacks of a parallel run need. */
typedef struct together {
    export_run    *run;
    weir_parallel *parallel;
    text           columns;             /* of the table, for partitions that have them in another order */
} together;

/* The table's columns as --columns has them. */
static int read_columns(export_run *run, text *columns)
{
    text sql = { 0 };
    size_t last = 0;
    text_add(&sql, "SELECT * FROM ");
    int code = query_table(run->settings->table, &sql, &last);
    text_add(&sql, " LIMIT 0");
    if (code != 0)
        return code;
    weir_stmt *stmt = weir_sql(sql.data);
    text_free(&sql);
    weir_result *result = weir_connection_execute(run->connection, stmt, NULL);
    for (size_t i = 0; i < weir_result_column_count(result); i++) {
        text_add(columns, i ? "," : "");
        query_name(weir_result_column(result, i)->name, columns);
    }
    code = weir_result_error(result)->status == WEIR_OK ? 0 : database_failed("the query failed", weir_result_error(result));
    weir_stmt_free(&stmt);
    if (weir_result_close(&result) != WEIR_OK && code == 0)
        code = EXIT_FAILED;
    return code;
}

static weir_stmt *read_partition(const char *name, void *context)
{
    const together *t = context;
    export_settings one = *t->run->settings;
    text sql = { 0 };
    int code = 0;
    one.partition = name;
    one.order_by = NULL;
    one.columns = one.columns && strcmp(one.columns, "*") != 0 ? one.columns : t->columns.data;
    weir_stmt *stmt = one.columns && query_build(&one, &sql) == 0 ? query_statement(&one, sql.data, t->run->sqlite, &code) : NULL;
    text_free(&sql);
    return stmt;
}

/* A condition that names the table by its schema cannot be said of a partition. */
static bool reads_partitions(const export_settings *s)
{
    return (s->split || s->worker) && s->table && !(s->where && strchr(s->table, '.'));
}

/* ---- what both need ----------------------------------------------------------------------------------------------------------------- */
/* The order as the library reads it: as given, or the primary key. */
static int find_key(export_run *run, text *key)
{
    const export_settings *s = run->settings;
    const char *wanted = s->key ? s->key : s->order_by;
    int code = 0;
    if (s->resume)
        return resume_find_place(run, key);
    if (wanted)
        text_add(key, wanted);
    else
        code = unique_key(run, NULL, key);
    weir_connection_rollback(run->connection);
    return code == 0 ? resume_check_columns(run, key->data) : code;
}

static void show_progress(export_run *run)
{
    const export_settings *s = run->settings;
    if (!s->quiet && progress_possible() && !(!strcmp(s->to, "-") && isatty(STDOUT_FILENO)))
        progress_start(weir_connection_estimate_rows(run->connection, run->stmt));
}

static int prepare(export_run *run, int connections, text *key)
{
    export_settings unordered = *run->settings;
    unordered.order_by = NULL;          /* ranges order by their key */
    int code = query_build(&unordered, &run->sql);
    if (code == 0)
        code = database_open_many(&run->engine, run->settings->url, connections, &run->sqlite);
    if (code == 0 && (run->stmt = query_statement(run->settings, run->sql.data, run->sqlite, &code)) == NULL)
        return code;
    if (code == 0)
        code = database_connect(run->engine, &run->connection);
    if (code != 0)
        return code;
    signals_watch_connection(run->connection);
    code = find_key(run, key);
    if (code == 0 && reads_partitions(run->settings) && !run->sqlite)
        code = read_columns(run, &run->columns);
    if (code == 0)
        show_progress(run);
    signals_watch_connection(NULL);
    if (weir_connection_close(&run->connection) != WEIR_OK && code == 0)
        code = EXIT_FAILED;
    return signals_caught() ? signals_report(signals_caught()) : code;
}

static void remark(const char *words, void *unused)
{
    (void)unused;
    failure_say(0, "note: %s", words);
}

/* ---- --jobs ----------------------------------------------------------------------------------------------------------------------------- */
static void tell(void *context)
{
    weir_parallel_figures figures;
    weir_parallel_info(((together *)context)->parallel, &figures);
    progress_rows(figures.rows);
}

static void stop_parallel(void *parallel) { weir_parallel_cancel(parallel); }

static void take_figures(export_run *run, const weir_parallel *parallel)
{
    weir_parallel_figures figures;
    weir_checkpoint_figures place = { .rows = 0 };
    weir_parallel_info(parallel, &figures);
    if (run->checkpoint)
        weir_checkpoint_info(run->checkpoint, &place);
    run->stats.rows = run->checkpoint ? place.rows : figures.rows;
    run->stats.resumed = place.restored;
    run->stats.runs = place.runs;
    run->stats.batches = figures.batches;
    run->stats.bytes_written = figures.bytes;
    run->stats.jobs = figures.jobs;
    run->stats.ranges = figures.ranges;
    run->stats.spilled = figures.spilled;
}

static int write_ranges(export_run *run, const char *key, weir_writer_options *writer)
{
    const export_settings *s = run->settings;
    together t = { .run = run, .columns = run->columns };
    save_interval every = { .rows = 0 };
    resume_read_interval(s->checkpoint_every, &every);
    writer->checkpoint = run->checkpoint;
    weir_parallel *parallel = t.parallel = weir_parallel_open(run->engine, run->stmt, WEIR_PARALLEL_OPTIONS(
        .jobs = (int)s->jobs, .order = key, .yield_per = export_execution(s)->yield_per, .memory = export_execution(s)->memory,
        .range_bytes = s->range_bytes, .save_rows = every.rows,
        .save_bytes = every.bytes, .save_ms = (int64_t)(1000 * every.seconds), .remark = s->quiet ? NULL : remark, .progress = tell,
        .partition = reads_partitions(s) ? read_partition : NULL, .context = &t));
    signals_watch(stop_parallel, parallel);
    int status = weir_parallel_error(parallel)->status;
    if (status == WEIR_OK && !signals_caught())
        status = s->split ? weir_parallel_write_split(parallel, s->to, writer) : weir_parallel_write(parallel, s->to, writer);
    signals_finishing();
    signals_watch(NULL, NULL);
    int code = status == WEIR_OK ? 0 : database_failed("the export failed", weir_parallel_error(parallel));
    take_figures(run, parallel);
    return weir_parallel_close(&parallel) != WEIR_OK && code == 0 ? EXIT_FAILED : code;
}

/* ---- --worker ------------------------------------------------------------------------------------------------------------------------------ */
static void stop_worker(void *worker) { weir_worker_cancel(worker); }

static int work(export_run *run, const char *key, const weir_writer_options *writer)
{
    const export_settings *s = run->settings;
    weir_worker_figures figures;
    together t = { .run = run, .columns = run->columns };
    weir_worker *worker = weir_worker_open(run->engine, run->stmt, WEIR_WORKER_OPTIONS(.job = s->worker, .schema = s->job_schema, .directory = s->to,
                                           .order = key, .range_bytes = s->range_bytes, .yield_per = export_execution(s)->yield_per, .lease_ms = 1000 * s->lease,
                                           .attempts = (int)s->attempts, .memory = export_execution(s)->memory, .writer = writer, .remark = remark,
                                           .partition = reads_partitions(s) ? read_partition : NULL, .context = &t));
    signals_watch(stop_worker, worker);
    int status = signals_caught() ? WEIR_OK : weir_worker_run(worker);
    signals_finishing();
    signals_watch(NULL, NULL);
    int code = status == WEIR_OK ? 0 : database_failed("the job did not end well", weir_worker_error(worker));
    weir_worker_info(worker, &figures);
    run->stats.rows = figures.rows;
    run->stats.bytes_written = figures.bytes;
    run->stats.ranges = figures.ranges;
    return weir_worker_close(&worker) != WEIR_OK && code == 0 ? EXIT_FAILED : code;
}

/* ---- --job-status ---------------------------------------------------------------------------------------------------------------------------- */
static int show_status(export_run *run)
{
    const export_settings *s = run->settings;
    weir_job_figures f;
    weir_error error;
    char rows[32];
    int code = database_open_many(&run->engine, s->url, 1, &run->sqlite);
    if (code != 0)
        return code;
    if (weir_job_status(run->engine, s->job_schema, s->job_status, &f, &error) != WEIR_OK)
        return database_failed("cannot tell of the job", &error);
    text_tame(f.state);
    text_tame(f.reason);
    printf("job       %s: %s%s%s\n", s->job_status, f.state, *f.reason ? ", " : "", f.reason);
    printf("ranges    %" PRId64 " of %" PRId64 " done (%d %%), %" PRId64 " leased, %" PRId64 " open, %" PRId64 " failed\n", f.done, f.ranges,
           f.ranges ? (int)(100 * f.done / f.ranges) : 0, f.leased, f.open, f.failed);
    printf("rows      %s in %.1f MB\n", text_grouped(rows, f.rows), (double)f.bytes / 1e6);
    printf("workers   %" PRId64 " at work; %" PRId64 " attempts failed or were taken over\n", f.workers, f.takeovers);
    printf("time      %" PRId64 " s\n", f.seconds);
    return 0;
}

/* ---- all --------------------------------------------------------------------------------------------------------------------------------------- */
int jobs_export(export_run *run)
{
    const export_settings *s = run->settings;
    export_writer writer;
    text key = { 0 };
    if (s->job_status)
        return show_status(run);
    if (!export_writer_make(s, &writer))
        return failure_say(EXIT_FAILED, "cannot write the file: there is no memory; close other programs");
    int code = prepare(run, s->worker ? CONNECTIONS_OF_A_WORKER : (int)s->jobs + 1, &key);
    if (code == 0)
        code = s->worker ? work(run, key.data, &writer.options) : write_ranges(run, key.data, &writer.options);
    export_writer_free(&writer);
    text_free(&key);
    return signals_caught() ? signals_report(signals_caught()) : code;
}
