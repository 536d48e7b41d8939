/* Many workers at one job: whatever happens to some of them, the manifest's files together are the rows, each once (RULES K5). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "trouble.h"

enum { ROWS = 4000, LEASE_MS = 1000, ENDED_WELL = 10, MOST_FENCED = 9 };

/* Each row takes its time at the server, so that there is a middle in which things happen. */
#define SLOW_QUERY "SELECT id, v FROM t WHERE pg_sleep(0.0003) IS NOT NULL"
#define SLOWER_QUERY "SELECT id, v FROM t WHERE pg_sleep(0.001) IS NOT NULL"
#define QUERY "SELECT id, v FROM t"

static char directory[64];

static void make_directory(void)
{
    snprintf(directory, sizeof directory, "/tmp/weir-workers-XXXXXX");
    assert_non_null(mkdtemp(directory));
}

static void remove_directory(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

static void make_table(test_database *db)
{
    char sql[256];
    test_side_run(db, "CREATE TABLE t(id integer PRIMARY KEY, v text)");
    snprintf(sql, sizeof sql, "INSERT INTO t SELECT i * 3, 'value ' || i || repeat('x', i %% 90) FROM generate_series(1, %d) AS i; ANALYZE t", ROWS);
    test_side_run(db, sql);
}

/* What tests add to the options. */
static struct { int64_t memory; const char *schema; weir_stmt *(*partition)(const char *name, void *context); } more;

static weir_worker *open_worker(weir_engine *engine, const char *sql, const char *job)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_worker *worker = weir_worker_open(engine, stmt, WEIR_WORKER_OPTIONS(.job = job, .directory = directory, .order = "id not null",
                                           .range_bytes = 32768, .lease_ms = LEASE_MS, .yield_per = more.memory ? 0 : 100, .memory = more.memory, .schema = more.schema, .partition = more.partition, .writer = WEIR_WRITER_OPTIONS(.header = WEIR_OFF)));
    weir_stmt_free(&stmt);
    return worker;
}

/* A process of its own, as on another machine. Its exit code tells how it went, and how often it was fenced off. */
static pid_t start_worker(test_database *db, const char *sql, const char *job)
{
    pid_t process = fork();
    assert_true(process >= 0);
    if (process > 0)
        return process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);       /* stopped or not, it does not outlive a test that fails */
    weir_engine *engine;
    weir_worker_figures figures;
    if (weir_engine_open(&engine, db->url, NULL) != WEIR_OK)
        _exit(2);
    weir_worker *worker = open_worker(engine, sql, job);
    int status = weir_worker_run(worker);
    weir_worker_info(worker, &figures);
    if (getenv("WEIR_TEST_TALKS"))
        fprintf(stderr, "%s: %lld ranges, %lld fenced, %lld failed\n", figures.owner, (long long)figures.ranges, (long long)figures.fenced,
                (long long)figures.failed);
    if (status != WEIR_OK)
        fprintf(stderr, "worker: %s\n", weir_worker_error(worker)->message);
    _exit(status != WEIR_OK ? 1 : ENDED_WELL + (figures.fenced < MOST_FENCED ? (int)figures.fenced : MOST_FENCED));
}

static int wait_for(pid_t process)
{
    int status;
    while (waitpid(process, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char *read_all(const char *command)
{
    FILE *pipe = popen(command, "r");
    size_t length = 0, capacity = 1 << 20;
    char *text = malloc(capacity);
    assert_non_null(pipe);
    for (size_t n; (n = fread(text + length, 1, capacity - length - 1, pipe)) > 0; )
        if ((length += n) + 1 == capacity)
            text = realloc(text, capacity *= 2);
    text[length] = 0;
    assert_int_equal(pclose(pipe), 0);
    return text;
}

/* What the manifest says, checked with tools that are not weir's: the files' SHA-256, all of them one behind the other. */
static void check_manifest(test_database *db, const char *job)
{
    char command[1024];
    snprintf(command, sizeof command, "cd %s && sed -n 's/.*\"file\":\"\\([^\"]*\\)\".*\"sha256\":\"\\([^\"]*\\)\".*/\\2  \\1/p' %s.manifest.json | sha256sum -c --quiet",
             directory, job);
    char *sums = read_all(command);
    assert_string_equal(sums, "");
    free(sums);
    snprintf(command, sizeof command, "cd %s && cat $(sed -n 's/.*\"file\":\"\\([^\"]*\\)\".*/\\1/p' %s.manifest.json) %s", directory, job,
             more.partition ? "| sort -n" : "");
    char *rows = read_all(command);
    char *wanted = malloc(ROWS * 160);
    size_t length = 0;
    (void)db;
    for (int i = 1; i <= ROWS; i++) {
        length += (size_t)sprintf(wanted + length, "%d,value %d", i * 3, i);
        memset(wanted + length, 'x', (size_t)(i % 90));
        length += (size_t)(i % 90);
        wanted[length++] = '\n';
    }
    wanted[length] = 0;
    assert_int_equal(strlen(rows), length);
    assert_string_equal(rows, wanted);
    free(rows);
    free(wanted);
}

static weir_job_figures job_status(test_database *db, const char *job)
{
    weir_job_figures figures;
    weir_error error;
    int status = weir_job_status(db->engine, NULL, job, &figures, &error);
    assert_error(&error, WEIR_OK);
    assert_int_equal(status, WEIR_OK);
    return figures;
}

/* Until so many ranges are done. */
static void wait_for_ranges(test_database *db, const char *job, int64_t done)
{
    weir_job_figures figures;
    weir_error error;
    for (int i = 0; i < 4000; i++) {
        if (weir_job_status(db->engine, NULL, job, &figures, &error) == WEIR_OK && figures.done >= done)
            return;
        test_sleep_ms(25);
    }
    fail_msg("the job does not come forward");
}

/* Stops the process while it has a range. */
static void stop_with_a_lease(test_database *db, pid_t process)
{
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM weir_jobs.ranges WHERE state = 'leased' AND owner LIKE '%%:%ld:%%'", (long)process);
    for (int i = 0; i < 4000; i++) {
        kill(process, SIGSTOP);
        if (test_side_int(db, "SELECT count(*) FROM pg_class WHERE relname = 'ranges'") && test_side_int(db, sql) == 1)
            return;
        kill(process, SIGCONT);
        test_sleep_ms(5);
    }
    fail_msg("the worker has no range");
}

static void test_a_killed_and_a_paused_worker(void **state)
{
    test_database *db = *state;
    make_directory();
    make_table(db);
    pid_t killed = start_worker(db, SLOW_QUERY, "nightly"), paused = start_worker(db, SLOW_QUERY, "nightly"), good = start_worker(db, SLOW_QUERY, "nightly");
    stop_with_a_lease(db, killed);
    kill(killed, SIGKILL);
    stop_with_a_lease(db, paused);
    assert_int_equal(wait_for(killed), -SIGKILL);
    assert_int_equal(wait_for(good), ENDED_WELL);       /* when their leases were over it took their ranges */
    kill(paused, SIGCONT);
    assert_true(wait_for(paused) >= ENDED_WELL);
    weir_job_figures figures = job_status(db, "nightly");
    assert_string_equal(figures.state, "done");
    assert_int_equal(figures.rows, ROWS);
    assert_int_equal(figures.done, figures.ranges);
    assert_true(figures.ranges >= 8);
    assert_true(figures.takeovers >= 1);
    check_manifest(db, "nightly");
    /* one that comes late writes the manifest again, and nothing else */
    assert_int_equal(wait_for(start_worker(db, SLOW_QUERY, "nightly")), ENDED_WELL);
    check_manifest(db, "nightly");
    remove_directory();
}

static void test_who_lost_a_range_removes_its_file(void **state)
{
    test_database *db = *state;
    char command[256];
    make_directory();
    make_table(db);
    /* the paused one wakes up with its lease gone, in the middle of a range that somebody else has done */
    pid_t paused = start_worker(db, SLOWER_QUERY, "job.2");
    wait_for_ranges(db, "job.2", 1);
    stop_with_a_lease(db, paused);
    assert_int_equal(wait_for(start_worker(db, SLOWER_QUERY, "job.2")), ENDED_WELL);
    kill(paused, SIGCONT);
    assert_int_equal(wait_for(paused), ENDED_WELL + 1);
    check_manifest(db, "job.2");
    snprintf(command, sizeof command, "cd %s && ls -A | wc -l", directory);
    char *files = read_all(command);
    assert_int_equal(atoi(files), job_status(db, "job.2").ranges + 1);     /* and the manifest */
    free(files);
    remove_directory();
}

static void test_another_query_is_refused(void **state)
{
    test_database *db = *state;
    make_directory();
    make_table(db);
    weir_worker *worker = open_worker(db->engine, QUERY, "one");
    assert_status(weir_worker_run(worker), WEIR_OK);
    weir_worker_cancel(worker);         /* too late */
    assert_error(weir_worker_error(worker), WEIR_OK);
    assert_status(weir_worker_run(worker), WEIR_INVALID_REQUEST);
    assert_status(weir_worker_close(&worker), WEIR_OK);
    check_manifest(db, "one");
    worker = open_worker(db->engine, "SELECT id, v FROM t WHERE id > 3", "one");
    assert_status(weir_worker_run(worker), WEIR_INVALID_REQUEST);
    assert_contains(weir_worker_error(worker)->message, "another statement");
    assert_status(weir_worker_close(&worker), WEIR_INVALID_REQUEST);
    worker = open_worker(db->engine, QUERY, "no/name");
    assert_status(weir_worker_close(&worker), WEIR_ARGUMENT);
    weir_job_figures figures;
    weir_error error;
    assert_status(weir_job_status(db->engine, NULL, "other", &figures, &error), WEIR_INVALID_REQUEST);
    remove_directory();
}

static void test_a_range_that_fails_ends_the_job(void **state)
{
    test_database *db = *state;
    make_directory();
    make_table(db);
    weir_worker *worker = open_worker(db->engine, "SELECT id, v, 1 / (id - 6000) AS x FROM t", "bad");
    assert_status(weir_worker_run(worker), WEIR_ERROR);
    assert_contains(weir_worker_error(worker)->message, "failed 3 times");
    assert_contains(weir_worker_error(worker)->message, "division by zero");
    assert_status(weir_worker_close(&worker), WEIR_ERROR);
    weir_job_figures figures = job_status(db, "bad");
    assert_string_equal(figures.state, "failed");
    assert_int_equal(figures.failed, 1);
    assert_contains(figures.reason, "division by zero");
    remove_directory();
}

typedef struct cancelling { test_database *db; weir_worker *worker; const char *job; } cancelling;

/* Behind its first range. */
static void *cancel_midway(void *argument)
{
    cancelling *c = argument;
    weir_job_figures figures;
    weir_error error;
    for (int i = 0; i < 3000; i++) {
        if (weir_job_status(c->db->engine, NULL, c->job, &figures, &error) == WEIR_OK && figures.done >= 1 && figures.leased == 1)
            break;
        test_sleep_ms(10);
    }
    weir_worker_cancel(c->worker);
    return NULL;
}

static void test_a_cancelled_worker_gives_its_range_back(void **state)
{
    test_database *db = *state;
    pthread_t thread;
    make_directory();
    make_table(db);
    weir_worker *worker = open_worker(db->engine, SLOW_QUERY, "c");
    cancelling c = { db, worker, "c" };
    pthread_create(&thread, NULL, cancel_midway, &c);
    assert_status(weir_worker_run(worker), WEIR_CANCELLED);
    pthread_join(thread, NULL);
    assert_status(weir_worker_close(&worker), WEIR_CANCELLED);
    weir_job_figures figures = job_status(db, "c");
    assert_string_equal(figures.state, "running");
    assert_int_equal(figures.leased, 0);
    assert_int_equal(figures.takeovers, 0);
    assert_true(figures.open > 0);
    assert_int_equal(wait_for(start_worker(db, SLOW_QUERY, "c")), ENDED_WELL);
    check_manifest(db, "c");
    remove_directory();
}

/* Whenever it comes, also while nothing runs at the server that could be cancelled: the first batch would take minutes. */
#define ENDLESS_QUERY "SELECT id, v FROM t WHERE pg_sleep(1) IS NOT NULL"

typedef struct timed_cancel { weir_worker *worker; int delay_us; } timed_cancel;

static void *cancel_after_a_while(void *argument)
{
    const timed_cancel *c = argument;
    usleep((useconds_t)c->delay_us);
    weir_worker_cancel(c->worker);
    return NULL;
}

static void test_a_cancel_is_heard_at_any_moment(void **state)
{
    test_database *db = *state;
    make_directory();
    make_table(db);
    for (int i = 0; i < 40; i++) {
        pthread_t thread;
        weir_worker *worker = open_worker(db->engine, ENDLESS_QUERY, "endless");
        timed_cancel c = { worker, i * 1500 };
        int64_t begun = test_now_ms();
        pthread_create(&thread, NULL, cancel_after_a_while, &c);
        assert_status(weir_worker_run(worker), WEIR_CANCELLED);
        pthread_join(thread, NULL);
        assert_true(test_now_ms() - begun < 60000);
        assert_status(weir_worker_close(&worker), WEIR_CANCELLED);
        weir_job_figures figures;
        weir_error error;
        if (weir_job_status(db->engine, NULL, "endless", &figures, &error) == WEIR_OK) {
            assert_int_equal(figures.leased, 0);
            assert_int_equal(figures.takeovers, 0);
        }
    }
    remove_directory();
}

/* Somebody holds the tables' lock: the worker does not wait for him once it is cancelled. */
static void test_a_cancel_is_heard_behind_a_lock(void **state)
{
    test_database *db = *state;
    pthread_t thread;
    make_directory();
    make_table(db);
    weir_worker *worker = open_worker(db->engine, QUERY, "locked");
    assert_status(weir_worker_run(worker), WEIR_OK);
    assert_status(weir_worker_close(&worker), WEIR_OK);
    weir_connection *locker = weir_engine_begin(db->engine);
    run_ok(locker, "LOCK TABLE weir_jobs.ranges IN ACCESS EXCLUSIVE MODE");
    worker = open_worker(db->engine, QUERY, "locked");
    timed_cancel c = { worker, 100000 };
    pthread_create(&thread, NULL, cancel_after_a_while, &c);
    assert_status(weir_worker_run(worker), WEIR_CANCELLED);
    pthread_join(thread, NULL);
    assert_status(weir_worker_close(&worker), WEIR_CANCELLED);
    assert_status(weir_connection_rollback(locker), WEIR_OK);
    close_connection_ok(&locker);
    remove_directory();
}

/* ---- what counts as an attempt ------------------------------------------------------------------------------------------------------- */
enum { CUTS = 4 };                      /* more than attempts */

typedef struct cutting { test_database *db; test_proxy *proxy; } cutting;

static void *cut_in_the_first_range(void *argument)
{
    const cutting *c = argument;
    weir_job_figures figures;
    weir_error error;
    for (int cuts = 0, tries = 0; cuts < CUTS && tries < 6000; tries++) {
        test_sleep_ms(5);
        if (weir_job_status(c->db->engine, NULL, "cut", &figures, &error) != WEIR_OK || figures.leased != 1 || figures.takeovers != cuts)
            continue;
        test_sleep_ms(20);
        test_proxy_cut_all(c->proxy);
        for (int waits = 0; waits < 2000 && (weir_job_status(c->db->engine, NULL, "cut", &figures, &error) != WEIR_OK || figures.takeovers == cuts); waits++)
            test_sleep_ms(5);
        cuts++;
    }
    return NULL;
}

static void test_a_lost_connection_is_no_attempt(void **state)
{
    test_database *db = *state;
    pthread_t thread;
    weir_worker_figures figures;
    make_directory();
    make_table(db);
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    weir_worker *worker = open_worker(engine, SLOWER_QUERY, "cut");
    cutting c = { db, proxy };
    pthread_create(&thread, NULL, cut_in_the_first_range, &c);
    int status = weir_worker_run(worker);
    pthread_join(thread, NULL);
    assert_error(weir_worker_error(worker), WEIR_OK);
    weir_worker_info(worker, &figures);
    assert_int_equal(figures.failed, 0);
    assert_int_equal(figures.rows, ROWS);
    assert_int_equal(weir_worker_close(&worker), status);
    assert_true(job_status(db, "cut").takeovers >= CUTS);
    check_manifest(db, "cut");
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
    remove_directory();
}

/* ---- budgets -------------------------------------------------------------------------------------------------------------------------- */
static void test_a_budget(void **state)
{
    test_database *db = *state;
    weir_worker_figures figures;
    make_directory();
    make_table(db);
    more.memory = 1000;
    weir_worker *worker = open_worker(db->engine, QUERY, "small");
    assert_contains(weir_worker_error(worker)->message, "too small");
    assert_status(weir_worker_close(&worker), WEIR_ARGUMENT);
    more.memory = 128 * 1024;
    worker = open_worker(db->engine, QUERY, "small");
    assert_status(weir_worker_run(worker), WEIR_OK);
    weir_worker_info(worker, &figures);
    assert_true(figures.memory_peak > 0 && figures.memory_peak <= more.memory);
    assert_status(weir_worker_close(&worker), WEIR_OK);
    check_manifest(db, "small");
    /* a row that does not fit is this worker's matter: another one has room for it */
    worker = open_worker(db->engine, "SELECT id, CASE WHEN id = 6000 THEN substr(repeat(v, 20000), 1, length(v)) ELSE v END AS v, "
                                     "CASE WHEN id = 6000 THEN repeat('x', 1000000) END AS w FROM t", "wide");
    assert_status(weir_worker_run(worker), WEIR_BUDGET_EXCEEDED);
    assert_status(weir_worker_close(&worker), WEIR_BUDGET_EXCEEDED);
    weir_job_figures job = job_status(db, "wide");
    assert_string_equal(job.state, "running");
    assert_int_equal(job.takeovers, 0);
    assert_int_equal(job.leased, 0);
    more.memory = 0;
    worker = open_worker(db->engine, "SELECT id, CASE WHEN id = 6000 THEN substr(repeat(v, 20000), 1, length(v)) ELSE v END AS v, "
                                     "CASE WHEN id = 6000 THEN repeat('x', 1000000) END AS w FROM t", "wide");
    assert_status(weir_worker_run(worker), WEIR_OK);
    assert_status(weir_worker_close(&worker), WEIR_OK);
    assert_int_equal(job_status(db, "wide").rows, ROWS);
    remove_directory();
}

/* ---- partitions ------------------------------------------------------------------------------------------------------------------------ */
static void make_partitions(test_database *db)
{
    make_table(db);
    test_side_run(db, "CREATE TABLE h(id integer NOT NULL, v text) PARTITION BY HASH (id); CREATE TABLE h_0 PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER 0);"
                      "CREATE TABLE \"H \"\"1'%é\" (v text, id integer NOT NULL);"
                      "ALTER TABLE h ATTACH PARTITION \"H \"\"1'%é\" FOR VALUES WITH (MODULUS 3, REMAINDER 1);"
                      "CREATE TABLE h_2 PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER 2); CREATE UNIQUE INDEX ON h(id); INSERT INTO h SELECT * FROM t; ANALYZE");
}

static weir_stmt *slow_partition(const char *name, void *context)
{
    char sql[512];
    (void)context;
    snprintf(sql, sizeof sql, "SELECT id, v FROM %s WHERE pg_sleep(0.001) IS NOT NULL", name);
    return weir_sql(sql);
}

#define PARTED_QUERY "SELECT id, v FROM h WHERE pg_sleep(0.001) IS NOT NULL"

/* Each part has rows of one partition. */
static void check_parts(test_database *db, const char *job)
{
    char sql[512], listed[64];
    check_manifest(db, job);
    snprintf(sql, sizeof sql, "SELECT count(DISTINCT partition) || ' ' || count(*) FILTER (WHERE partition IS NULL) FROM weir_jobs.ranges WHERE job = '%s'", job);
    assert_string_equal(test_side_text(db, sql, listed, sizeof listed), "3 0");
    snprintf(sql, sizeof sql, "cd %s && cat $(sed -n 's/.*\"range\":0,.*\"file\":\"\\([^\"]*\\)\".*/\\1/p' %s.manifest.json) | cut -d, -f1 | sort -n | head -n 1", directory,
             job);
    char *first = read_all(sql);
    snprintf(sql, sizeof sql, "SELECT min(id) FROM h_0");
    assert_int_equal(atoi(first), test_side_int(db, sql));
    free(first);
}

static void test_partitions_two_workers_one_killed_one_paused(void **state)
{
    test_database *db = *state;
    make_directory();
    make_partitions(db);
    more.partition = slow_partition;
    pid_t killed = start_worker(db, PARTED_QUERY, "parts"), paused = start_worker(db, PARTED_QUERY, "parts"), good = start_worker(db, PARTED_QUERY, "parts");
    stop_with_a_lease(db, killed);
    kill(killed, SIGKILL);
    stop_with_a_lease(db, paused);
    assert_int_equal(wait_for(killed), -SIGKILL);
    assert_int_equal(wait_for(good), ENDED_WELL);
    kill(paused, SIGCONT);
    assert_true(wait_for(paused) >= ENDED_WELL);
    assert_int_equal(job_status(db, "parts").rows, ROWS);
    check_parts(db, "parts");
    more.partition = NULL;
    remove_directory();
}

/* One that cannot read partitions gives the range back, and ends; the job goes on without it. */
static void test_partitions_need_a_program_that_reads_them(void **state)
{
    test_database *db = *state;
    pthread_t thread;
    make_directory();
    make_partitions(db);
    more.partition = slow_partition;
    weir_worker *worker = open_worker(db->engine, PARTED_QUERY, "left");
    cancelling c = { db, worker, "left" };
    pthread_create(&thread, NULL, cancel_midway, &c);
    int status = weir_worker_run(worker);
    pthread_join(thread, NULL);
    assert_error(weir_worker_error(worker), WEIR_CANCELLED);
    assert_int_equal(weir_worker_close(&worker), status);
    more.partition = NULL;
    worker = open_worker(db->engine, PARTED_QUERY, "left");
    assert_status(weir_worker_run(worker), WEIR_INVALID_REQUEST);
    assert_contains(weir_worker_error(worker)->message, "reads no partitions");
    assert_status(weir_worker_close(&worker), WEIR_INVALID_REQUEST);
    assert_int_equal(job_status(db, "left").leased, 0);
    assert_int_equal(job_status(db, "left").takeovers, 0);
    more.partition = slow_partition;
    assert_int_equal(wait_for(start_worker(db, PARTED_QUERY, "left")), ENDED_WELL);
    check_parts(db, "left");
    more.partition = NULL;
    remove_directory();
}

/* ---- names ------------------------------------------------------------------------------------------------------------------------------ */
static void test_hostile_names(void **state)
{
    test_database *db = *state;
    static const char *const schemas[] = {
        "we\"ird 'x'; DROP TABLE t; --", "line\nend %s %n @ :job", "sch\303\244fer \346\274\242", "x23456789012345678901234567890123456789012345678901234567890123",
    };
    static const char *const refused_schemas[] = { "", "x234567890123456789012345678901234567890123456789012345678901234" };
    static const char *const refused_jobs[] = { "", ".", "..", "../up", "a/b", "a b", "a\nb", "a'b", "a\"b", "%s\n", "j\303\266b",
                                                "x2345678901234567890123456789012345678901234567890123456789012345" };
    weir_job_figures figures;
    weir_error error;
    make_table(db);
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        make_directory();
        more.schema = schemas[i];
        weir_worker *worker = open_worker(db->engine, QUERY, "a.b_c-9");
        int status = weir_worker_run(worker);
        assert_error(weir_worker_error(worker), WEIR_OK);
        assert_int_equal(weir_worker_close(&worker), status);
        assert_int_equal(weir_job_status(db->engine, schemas[i], "a.b_c-9", &figures, &error), WEIR_OK);
        assert_int_equal(figures.rows, ROWS);
        check_manifest(db, "a.b_c-9");
        remove_directory();
    }
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM t"), ROWS);
    for (size_t i = 0; i < sizeof refused_schemas / sizeof *refused_schemas; i++) {
        more.schema = refused_schemas[i];
        weir_worker *worker = open_worker(db->engine, QUERY, "j");
        assert_contains(weir_worker_error(worker)->message, "1 to 63 bytes");
        assert_status(weir_worker_close(&worker), WEIR_ARGUMENT);
        assert_status(weir_job_status(db->engine, refused_schemas[i], "j", &figures, &error), WEIR_ARGUMENT);
    }
    more.schema = NULL;
    for (size_t i = 0; i < sizeof refused_jobs / sizeof *refused_jobs; i++) {
        weir_worker *worker = open_worker(db->engine, QUERY, refused_jobs[i]);
        assert_contains(weir_worker_error(worker)->message, "a job's name has 1 to 64");
        assert_status(weir_worker_close(&worker), WEIR_ARGUMENT);
        assert_status(weir_job_status(db->engine, NULL, refused_jobs[i], &figures, &error), WEIR_INVALID_REQUEST);
    }
}

/* A part's name may be a link that somebody left: nothing is written through it, nor through the manifest's. */
static void test_links_are_not_followed(void **state)
{
    test_database *db = *state;
    static const char *const names[] = { "linked.r000000.a1.csv", "linked.manifest.json" };
    char command[512];
    make_table(db);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        make_directory();
        snprintf(command, sizeof command, "cd %s && echo precious > kept && ln -s kept %s", directory, names[i]);
        assert_int_equal(system(command), 0);
        weir_worker *worker = open_worker(db->engine, QUERY, "linked");
        assert_status(weir_worker_run(worker), WEIR_IO);
        assert_contains(weir_worker_error(worker)->hint, "a symbolic link stands in the file's place");
        assert_status(weir_worker_close(&worker), WEIR_IO);
        snprintf(command, sizeof command, "cd %s && test \"$(cat kept)\" = precious && rm kept %s", directory, names[i]);
        assert_int_equal(system(command), 0);
        worker = open_worker(db->engine, QUERY, "linked");
        assert_status(weir_worker_run(worker), WEIR_OK);
        assert_status(weir_worker_close(&worker), WEIR_OK);
        if (i == 0)
            check_manifest(db, "linked");
        remove_directory();
        test_side_run(db, "DELETE FROM weir_jobs.jobs");
    }
}

static void test_sqlite_has_no_jobs(void **state)
{
    test_database *db = *state;
    weir_worker *worker = open_worker(db->engine, QUERY, "one");
    assert_status(weir_worker_close(&worker), WEIR_NOT_SUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_killed_and_a_paused_worker),
        ON_POSTGRESQL(test_who_lost_a_range_removes_its_file),
        ON_POSTGRESQL(test_another_query_is_refused),
        ON_POSTGRESQL(test_a_range_that_fails_ends_the_job),
        ON_POSTGRESQL(test_a_cancelled_worker_gives_its_range_back),
        ON_POSTGRESQL(test_a_cancel_is_heard_at_any_moment),
        ON_POSTGRESQL(test_a_cancel_is_heard_behind_a_lock),
        ON_POSTGRESQL(test_a_lost_connection_is_no_attempt),
        ON_POSTGRESQL(test_a_budget),
        ON_POSTGRESQL(test_hostile_names),
        ON_POSTGRESQL(test_links_are_not_followed),
        ON_POSTGRESQL(test_partitions_two_workers_one_killed_one_paused),
        ON_POSTGRESQL(test_partitions_need_a_program_that_reads_them),
        ON_SQLITE(test_sqlite_has_no_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
