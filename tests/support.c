/* The tests' databases: made fresh for each test, filled with the fixture, asked past weir, checked for leavings. */
#include "support.h"
#include "support_task.h"
#include <dirent.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One PostgreSQL database per program; each test finds it empty. */
static PGconn *side;
static char database_name[64];

const char *test_environment(const char *name)
{
    const char *value = getenv(name);
    if (!value || !*value) {
        fail_msg("%s is not set: this test needs the servers that `make check` (scripts/check) starts", name);
        abort();
    }
    return value;
}

/* ---- past weir ---------------------------------------------------------------------------------------------------- */
static void side_result_ok(PGresult *result, const char *sql)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return;
    print_error("%s: %s\n", sql, PQerrorMessage(side));
    PQclear(result);
    fail();
}

/* Copies the first value into buffer. */
static void side_postgresql(const char *sql, char *buffer, size_t size)
{
    PGresult *result = PQexec(side, sql);
    side_result_ok(result, sql);
    if (buffer)
        snprintf(buffer, size, "%s", PQntuples(result) < 1 ? "(none)" : PQgetisnull(result, 0, 0) ? "(null)" : PQgetvalue(result, 0, 0));
    PQclear(result);
}

typedef struct first_value { char *buffer; size_t size; bool seen; } first_value;

static int keep_first_value(void *context, int count, char **values, char **names)
{
    first_value *first = context;
    (void)names;
    if (!first->seen && first->buffer && count > 0)
        snprintf(first->buffer, first->size, "%s", values[0] ? values[0] : "(null)");
    first->seen = true;
    return 0;
}

static void side_sqlite(const char *path, const char *sql, char *buffer, size_t size)
{
    sqlite3 *file = NULL;
    char *message = NULL;
    first_value first = { buffer, size, false };
    if (buffer)
        snprintf(buffer, size, "(none)");
    int rc = sqlite3_open(path, &file);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(file, 5000);
        rc = sqlite3_exec(file, sql, keep_first_value, &first, &message);
    }
    if (rc != SQLITE_OK)
        print_error("%s: %s\n", sql, message ? message : sqlite3_errmsg(file));
    sqlite3_free(message);
    sqlite3_close(file);
    assert_int_equal(rc, SQLITE_OK);
}

const char *test_side_text(test_database *db, const char *sql, char *buffer, size_t size)
{
    if (db->postgresql)
        side_postgresql(sql, buffer, size);
    else
        side_sqlite(db->path, sql, buffer, size);
    return buffer;
}

void test_side_run(test_database *db, const char *sql) { test_side_text(db, sql, NULL, 0); }

int64_t test_side_int(test_database *db, const char *sql)
{
    char text[64], *end;
    test_side_text(db, sql, text, sizeof text);
    long long number = strtoll(text, &end, 10);
    if (end == text || *end)
        fail_msg("%s: gives \"%s\", no integer", sql, text);
    return number;
}

int64_t test_open_cursors(weir_connection *connection)
{
    return test_query_int(connection, "SELECT count(*) FROM pg_cursors WHERE name <> ''");
}

long test_server_log_end(void)
{
    FILE *log = fopen(test_environment("WEIR_TEST_PG_LOG"), "r");
    assert_non_null(log);
    fseek(log, 0, SEEK_END);
    long end = ftell(log);
    fclose(log);
    return end;
}

size_t test_server_log_count(long since, const char *text)
{
    char *line = NULL, mark[80];
    size_t size = 0, count = 0;
    FILE *log = fopen(test_environment("WEIR_TEST_PG_LOG"), "r");
    assert_non_null(log);
    snprintf(mark, sizeof mark, "] %s ", database_name);    /* log_line_prefix of tests/servers */
    fseek(log, since, SEEK_SET);
    while (getline(&line, &size, log) > 0)
        count += strstr(line, mark) && strstr(line, text);
    free(line);
    fclose(log);
    return count;
}

static size_t status_kilobytes(const char *key)
{
    char line[256];
    size_t kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status))
        if (strncmp(line, key, strlen(key)) == 0)
            kilobytes = strtoul(line + strlen(key), NULL, 10);
    fclose(status);
    return kilobytes * 1024;
}

size_t test_peak_rss(void) { return status_kilobytes("VmHWM:"); }
size_t test_rss(void) { return status_kilobytes("VmRSS:"); }

/* ---- the fixture --------------------------------------------------------------------------------------------------- */
void test_fixture(test_database *db, int64_t rows)
{
    const char *key = db->postgresql ? "bigint" : "INTEGER";    /* SQLite: another name for the rowid */
    char ids[200], sql[2048];
    snprintf(ids, sizeof ids,
             db->postgresql ? "SELECT id FROM generate_series(1::bigint, %lld) AS id"
                            : "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g LIMIT %lld) SELECT id FROM g",
             (long long)rows);
    snprintf(sql, sizeof sql,
        "BEGIN;"
        "CREATE TABLE invoices(id %s PRIMARY KEY, tenant_id bigint NOT NULL, total_cents bigint NOT NULL, status text NOT NULL);"
        "CREATE TABLE orders(id %s PRIMARY KEY, tenant_id bigint NOT NULL, amount_cents bigint NOT NULL, state text NOT NULL);"
        "CREATE TABLE order_lines(id %s PRIMARY KEY, order_id bigint NOT NULL, quantity bigint NOT NULL);"
        "CREATE TABLE ids AS %s;"
        "INSERT INTO invoices SELECT id, id %% 2, 10 * id, 'draft' FROM ids ORDER BY id;"
        "INSERT INTO orders SELECT id, id %% 2, 10 * id, 'pending' FROM ids ORDER BY id;"
        "INSERT INTO order_lines SELECT 10 * id + k, id, k FROM ids, (SELECT 1 AS k UNION SELECT 2 UNION SELECT 3) AS ks ORDER BY 1;"
        "DROP TABLE ids;"
        "COMMIT;", key, key, key, ids);
    test_side_run(db, sql);
}

/* ---- a fresh database per test ------------------------------------------------------------------------------------- */
static void drop_side(void)
{
    PQfinish(side);
    side = NULL;
}

/* `url` with another database in place of "/postgres". */
static void url_of_database(const char *url, char *out, size_t size)
{
    const char *old = strstr(url, "/postgres?");
    if (!old && strlen(url) > 9 && strcmp(url + strlen(url) - 9, "/postgres") == 0)
        old = url + strlen(url) - 9;
    if (!old) {
        fail_msg("WEIR_TEST_PG=%s does not name the database postgres", url);
        abort();
    }
    snprintf(out, size, "%.*s/%s%s", (int)(old - url), url, database_name, old + 9);
}

static void settle_side(void)
{
    side_postgresql("SET client_min_messages = warning; SET application_name = 'test side'; SET lock_timeout = '10s'", NULL, 0);
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

void test_side_again(void)
{
    char own_url[1024];
    url_of_database(test_environment("WEIR_TEST_PG"), own_url, sizeof own_url);
    PQsetNoticeProcessor(side, ignore_notice, NULL);
    for (int i = 0; i < 3000 && PQstatus(side) == CONNECTION_OK; i++) {
        PQclear(PQexec(side, "SELECT 1"));
        nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000000L }, NULL);
    }
    for (int i = 0; i < 3000 && PQstatus(side) != CONNECTION_OK; i++) {
        drop_side();
        side = PQconnectdb(own_url);
        nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000000L }, NULL);
    }
    if (PQstatus(side) != CONNECTION_OK)
        print_error("%s: %s\n", own_url, PQerrorMessage(side));
    settle_side();
}

static PGconn *dial(const char *url)
{
    PGconn *connection = PQconnectdb(url);
    if (PQstatus(connection) != CONNECTION_OK) {
        print_error("%s: %s\n", url, PQerrorMessage(connection));
        PQfinish(connection);
        fail();
    }
    return connection;
}

static void create_program_database(const char *url)
{
    char sql[160], own_url[1024];
    snprintf(database_name, sizeof database_name, "weir_%ld", (long)getpid());
    side = dial(url);
    side_postgresql("SET client_min_messages = warning", NULL, 0);
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", database_name);    /* of an earlier process of this number */
    side_postgresql(sql, NULL, 0);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE template0", database_name);
    side_postgresql(sql, NULL, 0);
    PQfinish(side);
    url_of_database(url, own_url, sizeof own_url);
    side = dial(own_url);
    settle_side();
    atexit(drop_side);
}

static test_database *new_database(bool postgresql)
{
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    test_database *db = calloc(1, sizeof *db);
    if (!db)
        abort();
    db->postgresql = postgresql;
    db->dialect = postgresql ? "postgresql" : "sqlite";
    db->ledger_before = figures.bytes;
    db->log = test_log_new();
    return db;
}

weir_engine *test_engine(test_database *db, const weir_engine_options *options)
{
    weir_engine *engine;
    weir_engine_options own = options ? *options : (weir_engine_options){ .struct_size = sizeof own };
    own.log = test_log_write;
    own.log_context = db->log;
    int status = weir_engine_open(&engine, db->url, &own);
    if (status != WEIR_OK)
        assert_error(weir_engine_error(engine), WEIR_OK);
    return engine;
}

static void remove_files(const test_database *db)
{
    static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
    char path[800];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s%s", db->path, endings[i]);
        unlink(path);
    }
}

int test_setup_sqlite(void **state)
{
    static int number;
    const char *folder = getenv("WEIR_TEST_DIR");
    test_database *db = new_database(false);
    snprintf(db->path, sizeof db->path, "%s/test-%ld-%d.db", folder && *folder ? folder : "/tmp", (long)getpid(), ++number);
    snprintf(db->url, sizeof db->url, "sqlite:///%s", db->path);    /* the path's own slash is the fourth */
    remove_files(db);               /* of an earlier process of this number */
    db->engine = test_engine(db, NULL);
    db->body = *state;
    *state = db;
    return 0;
}

int test_setup_postgresql(void **state)
{
    const char *url = test_environment("WEIR_TEST_PG");
    test_database *db = new_database(true);
    if (!side)
        create_program_database(url);
    else if (PQstatus(side) != CONNECTION_OK)
        test_side_again();
    url_of_database(url, db->url, sizeof db->url);
    side_postgresql("DROP SCHEMA IF EXISTS public CASCADE", NULL, 0);
    side_postgresql("CREATE SCHEMA public", NULL, 0);
    db->engine = test_engine(db, NULL);
    db->body = *state;
    *state = db;
    return 0;
}

/* ---- in a thread or in a task --------------------------------------------------------------------------------------------- */
enum { TASK_STACK = 1 << 20, LONG_SLEEP_MS = 200 };     /* test functions have arrays that users' tasks have not */

bool test_world_is_task(void)
{
    const char *world = getenv("WEIR_TEST_WORLD");
    return world && !strcmp(world, "task");
}

static int run_body(void *state)
{
    const test_database *db = *(void **)state;
    db->body->run(state);
    return WEIR_OK;
}

static double ms_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* How long this thread slept since a time of its own: neither did it compute, nor was it kept from that by a busy machine. */
static double slept_ms(void)
{
    long long ran, in_line = 0;
    FILE *figures = fopen("/proc/thread-self/schedstat", "r");
    if (figures) {
        if (fscanf(figures, "%lld %lld", &ran, &in_line) != 2)
            in_line = 0;
        fclose(figures);
    }
    return ms_of(CLOCK_MONOTONIC) - ms_of(CLOCK_THREAD_CPUTIME_ID) - 1e-6 * (double)in_line;
}

void test_in_its_world(void **state)
{
    const test_database *db = *state;
    if (!test_world_is_task()) {
        db->body->run(state);
        return;
    }
    double before = slept_ms();
    int ticks = run_in_task(run_body, state, TASK_STACK);
    double slept = slept_ms() - before;
    if (ticks == 0 && slept > LONG_SLEEP_MS)
        fail_msg("the loop's timer never fired while its thread slept %.0f ms: something waited without parking", slept);
}

/* ---- what a test must not leave behind ------------------------------------------------------------------------------- */
static int64_t open_files_of(const char *path)
{
    char link[512], target[1024];
    int64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL; ) {
        snprintf(link, sizeof link, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length > 0 && strncmp(target, path, strlen(path)) == 0)
            count++;
    }
    closedir(folder);
    return count;
}

static int64_t connections_left(test_database *db)
{
    if (!db->postgresql)
        return open_files_of(db->path);
    return test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
}

/* A server's process ends a moment after its client has hung up. */
static bool connections_gone(test_database *db)
{
    for (int i = 0; i < 100; i++) {
        if (connections_left(db) == 0)
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000000L }, NULL);
    }
    return false;
}

int test_teardown(void **state)
{
    test_database *db = *state;
    weir_memory_figures figures;
    int failures = 0;
    weir_engine_close(&db->engine);
    if (!connections_gone(db)) {
        print_error("the test leaves connections open\n");
        failures++;
        if (db->postgresql)
            test_side_run(db, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                              "WHERE datname = current_database() AND pid <> pg_backend_pid()");
    }
    weir_memory_usage(&figures);
    if (figures.bytes != db->ledger_before) {
        print_error("the test leaves %zu bytes in weir's ledger\n", figures.bytes - db->ledger_before);
        failures++;
    }
    if (!db->postgresql)
        remove_files(db);
    test_log_free(db->log);
    free(db);
    *state = NULL;
    return failures;
}
