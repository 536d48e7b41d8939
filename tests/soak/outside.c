/* What the soak does past weir: tables, connections that are ended, and what the database itself says of rows and connections. */
#include "soak.h"
#include <dirent.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static PGconn *server;
static sqlite3 *file;
static const char *path;

/* The first value as an integer; -1 for none and on an error, which is said. */
static int64_t ask_server(const char *sql)
{
    PGresult *result = PQexec(server, sql);
    ExecStatusType status = PQresultStatus(result);
    int64_t value = status == PGRES_TUPLES_OK && PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : -1;
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fprintf(stderr, "soak: %s: %s", sql, PQerrorMessage(server));
    PQclear(result);
    return value;
}

static int64_t ask_file(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    int rc = SQLITE_OK;
    for (const char *rest = sql; rc == SQLITE_OK && *rest; sqlite3_finalize(stmt)) {
        rc = sqlite3_prepare_v2(file, rest, -1, &stmt, &rest);
        int step = rc == SQLITE_OK && stmt ? sqlite3_step(stmt) : SQLITE_DONE;
        if (step == SQLITE_ROW)
            value = sqlite3_column_int64(stmt, 0);
        else if (step != SQLITE_DONE)
            rc = step;
    }
    if (rc != SQLITE_OK)
        fprintf(stderr, "soak: %s: %s\n", sql, sqlite3_errmsg(file));
    return value;
}

static int64_t ask(const char *sql) { return server ? ask_server(sql) : ask_file(sql); }

void outside_open(const char *url)
{
    if (strncmp(url, "sqlite:", 7) != 0) {
        server = PQconnectdb(url);
        if (PQstatus(server) != CONNECTION_OK) {
            fprintf(stderr, "soak: %s", PQerrorMessage(server));
            exit(2);
        }
        ask("SET client_min_messages = error");
        ask("SET log_statement = none");
        ask("SET application_name = 'soak, outside'");
        return;
    }
    path = url + strlen("sqlite:///");
    if (sqlite3_open(path, &file) != SQLITE_OK) {
        fprintf(stderr, "soak: %s: %s\n", path, sqlite3_errmsg(file));
        exit(2);
    }
    sqlite3_busy_timeout(file, 60000);
}

void outside_prepare(int writers)
{
    char sql[2048];
    if (file)
        ask("PRAGMA journal_mode = wal; PRAGMA synchronous = off");
    snprintf(sql, sizeof sql,
        "DROP TABLE IF EXISTS entries; DROP TABLE IF EXISTS batches; DROP TABLE IF EXISTS accounts; DROP TABLE IF EXISTS writers; DROP TABLE IF EXISTS slots;"
        "CREATE TABLE accounts(id %s PRIMARY KEY, balance bigint NOT NULL)%s;"
        "CREATE TABLE writers(id %s PRIMARY KEY, last_call bigint NOT NULL, calls bigint NOT NULL, entry_count bigint NOT NULL, amount bigint NOT NULL)%s;"
        "CREATE TABLE batches(id %s PRIMARY KEY, writer bigint NOT NULL, entry_count bigint NOT NULL, amount bigint NOT NULL);"
        "CREATE TABLE entries(id %s PRIMARY KEY, batch_id bigint NOT NULL REFERENCES batches, writer bigint NOT NULL, amount bigint NOT NULL, note text NOT NULL);"
        "CREATE TABLE slots(id %s PRIMARY KEY, writer bigint NOT NULL, value bigint NOT NULL);"
        "CREATE INDEX ON_batches ON batches(writer); CREATE INDEX ON_entries ON entries(batch_id); CREATE INDEX ON_writers ON entries(writer);"
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < %d) INSERT INTO accounts SELECT id, %d FROM n;"
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < %d) INSERT INTO writers SELECT id, 0, 0, 0, 0 FROM n",
        server ? "bigint" : "INTEGER", server ? " WITH (fillfactor = 20)" : "", server ? "bigint" : "INTEGER", server ? " WITH (fillfactor = 20)" : "",
        server ? "bigint" : "INTEGER", server ? "bigint" : "INTEGER", server ? "bigint" : "INTEGER", ACCOUNTS, BALANCE, writers);
    ask(sql);
}

void outside_tidy(void)
{
    if (server)
        ask("VACUUM (ANALYZE) accounts, writers, batches, entries, slots");
}

int outside_terminate_one(void)
{
    if (!server)
        return 0;
    return (int)ask("WITH one AS (SELECT pid FROM pg_stat_activity WHERE application_name = 'weir soak' AND datname = current_database() "
                    "ORDER BY random() LIMIT 1) SELECT count(*) FROM one WHERE pg_terminate_backend(pid)");
}

/* ---- what must be ----------------------------------------------------------------------------------------------------------------- */

static bool check(const char *what, const char *sql, int64_t wanted)
{
    int64_t found = ask(sql);
    if (found != wanted)
        fprintf(stderr, "soak: %s: %" PRId64 ", where %" PRId64 " is due (%s)\n", what, found, wanted, sql);
    return found == wanted;
}

static bool check_writer(const worker *w)
{
    char sql[512];
    bool right = true;
    snprintf(sql, sizeof sql, "SELECT calls + (SELECT count(*) FROM batches WHERE writer = %d) FROM writers WHERE id = %d", w->number, w->number);
    right &= check("calls of a writer", sql, w->calls);
    snprintf(sql, sizeof sql, "SELECT entry_count + (SELECT count(*) FROM entries WHERE writer = %d) FROM writers WHERE id = %d", w->number, w->number);
    right &= check("entries of a writer", sql, w->rows);
    snprintf(sql, sizeof sql, "SELECT amount + (SELECT coalesce(sum(amount), 0) FROM entries WHERE writer = %d) FROM writers WHERE id = %d", w->number, w->number);
    right &= check("amounts of a writer", sql, w->amount);
    for (int i = 0; i < SLOTS; i++) {
        snprintf(sql, sizeof sql, "SELECT coalesce((SELECT value FROM slots WHERE id = %d AND writer = %d), 0)", w->number * SLOTS + i, w->number);
        right &= check("a slot", sql, w->slots[i]);
    }
    return right;
}

bool outside_check_rows(const soak *s)
{
    bool right = check("accounts", "SELECT count(*) FROM accounts", ACCOUNTS);
    right &= check("balances", "SELECT sum(balance) FROM accounts", (int64_t)ACCOUNTS * BALANCE);
    right &= check("batches that are not as they were written",
        "SELECT count(*) FROM batches b WHERE entry_count <> (SELECT count(*) FROM entries e WHERE e.batch_id = b.id) "
        "OR amount <> (SELECT sum(amount) FROM entries e WHERE e.batch_id = b.id)", 0);
    right &= check("entries without a batch", "SELECT count(*) FROM entries WHERE batch_id NOT IN (SELECT id FROM batches)", 0);
    for (int i = 0; i < s->threads + s->tasks; i++)
        right &= check_writer(&s->workers[i]);
    if (file)
        right &= check("integrity", "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'", 0);
    return right;
}

static int64_t descriptors(void)
{
    char link[512], target[1024];
    int64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL; ) {
        snprintf(link, sizeof link, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        count += strcmp(target, path) == 0;
    }
    if (folder)
        closedir(folder);
    return count;
}

/* What the server's processes do that should not be there, for whoever looks for the reason. */
static void show_connections(const char *ours)
{
    char sql[800];
    snprintf(sql, sizeof sql, "SELECT concat_ws(' | ', pid, state, wait_event_type, wait_event, 'began ' || clock_timestamp() - backend_start, 'in a transaction ' || "
             "clock_timestamp() - xact_start, 'so since ' || clock_timestamp() - state_change, 'socket ' || client_port, left(query, 300))%s", ours);
    PGresult *result = server ? PQexec(server, sql) : NULL;
    for (int i = 0; i < PQntuples(result); i++)
        fprintf(stderr, "soak: %s\n", PQgetvalue(result, i, 0));
    PQclear(result);
}

bool outside_check_connections(int64_t most)
{
    static const char OURS[] = " FROM pg_stat_activity WHERE application_name = 'weir soak' AND datname = current_database()";
    char count[200], busy[300];
    snprintf(count, sizeof count, "SELECT count(*)%s", OURS);
    snprintf(busy, sizeof busy, "SELECT count(*)%s AND (state <> 'idle' OR xact_start IS NOT NULL)", OURS);
    int64_t there = 0, at_it = 0;
    if (file) {                         /* while we have the file open, SQLite keeps the descriptors of connections that were closed */
        sqlite3_close(file);
        file = NULL;
    }
    for (int i = 0; i < 500; i++) {     /* a server's process ends a moment after its client has hung up */
        there = server ? ask(count) : descriptors();
        at_it = server ? ask(busy) : 0;
        if (there <= most && at_it == 0)
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000000L }, NULL);
    }
    fprintf(stderr, "soak: %" PRId64 " connections are open, %" PRId64 " of them in a transaction; the pool has %" PRId64 "\n", there, at_it, most);
    show_connections(OURS);
    return false;
}

void outside_close(void)
{
    PQfinish(server);
    sqlite3_close(file);
    server = NULL;
}
