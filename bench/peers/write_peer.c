/* What weir_write is compared with, by hand: write_peer unnest|single|pipeline URL ROWS updates invoices by key with libpq (1,000 keys as
 * binary arrays; one prepared UPDATE per round trip; the same pipelined by 1,000), write_peer sqlite FILE ROWS inserts with a prepared
 * loop in one transaction. */
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { PAGE = 1000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void put(char *at, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (char)(v >> (8 * (bytes - 1 - i)));
}

static void check(PGconn *conn, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC) {
        fprintf(stderr, "write_peer: %s\n", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
}

static int begin_array(char *at, int count)
{
    put(at, 1, 4);
    put(at + 4, 0, 4);
    put(at + 8, 20, 4);
    put(at + 12, (uint64_t)count, 4);
    put(at + 16, 1, 4);
    return 20;
}

static void by_unnest(PGconn *conn, long long rows)
{
    static char keys[20 + PAGE * 12], totals[20 + PAGE * 12];
    check(conn, PQprepare(conn, "u", "UPDATE invoices SET total_cents = s.b FROM unnest($1::bigint[], $2::bigint[]) AS s(a, b) WHERE invoices.id = s.a",
                          0, NULL));
    for (long long at = 1; at <= rows; at += PAGE) {
        int count = (int)(rows - at + 1 < PAGE ? rows - at + 1 : PAGE), k = begin_array(keys, count), t = begin_array(totals, count);
        for (int i = 0; i < count; i++, k += 12, t += 12) {
            put(keys + k, 8, 4);
            put(keys + k + 4, (uint64_t)(at + i), 8);
            put(totals + t, 8, 4);
            put(totals + t + 4, (uint64_t)((at + i) * 7 + 1), 8);
        }
        const char *values[] = { keys, totals };
        const int lengths[] = { k, t }, formats[] = { 1, 1 };
        check(conn, PQexecPrepared(conn, "u", 2, values, lengths, formats, 1));
    }
}

static void one_by_one(PGconn *conn, long long rows, int pipelined)
{
    char key[8], total[8];
    const char *values[] = { total, key };
    const int lengths[] = { 8, 8 }, formats[] = { 1, 1 };
    check(conn, PQprepare(conn, "u", "UPDATE invoices SET total_cents = $1::bigint WHERE id = $2::bigint", 0, NULL));
    if (pipelined)
        PQenterPipelineMode(conn);
    for (long long at = 1; at <= rows; at++) {
        put(key, (uint64_t)at, 8);
        put(total, (uint64_t)(at * 7 + 1), 8);
        if (!pipelined) {
            check(conn, PQexecPrepared(conn, "u", 2, values, lengths, formats, 1));
            continue;
        }
        PQsendQueryPrepared(conn, "u", 2, values, lengths, formats, 1);
        if (at % PAGE && at != rows)
            continue;
        PQpipelineSync(conn);
        for (long long i = (at - 1) / PAGE * PAGE; i < at; i++) {
            check(conn, PQgetResult(conn));
            PQgetResult(conn);
        }
        check(conn, PQgetResult(conn));
    }
    if (pipelined)
        PQexitPipelineMode(conn);
}

static void sqlite_loop(const char *path, long long rows)
{
    static const char *const states[] = { "draft", "sent", "paid", "overdue" };
    sqlite3 *db;
    sqlite3_stmt *stmt;
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO invoices (id, tenant_id, total_cents, status) VALUES (?1, ?2, ?3, ?4)", -1, &stmt, NULL) != SQLITE_OK)
        exit(1);
    for (long long i = 1; i <= rows; i++) {
        sqlite3_bind_int64(stmt, 1, i);
        sqlite3_bind_int64(stmt, 2, i % 97);
        sqlite3_bind_int64(stmt, 3, i * 7);
        sqlite3_bind_text(stmt, 4, states[i % 4], -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) != SQLITE_DONE)
            exit(1);
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: write_peer unnest|single|pipeline|sqlite URL ROWS\n"), 2;
    long long rows = atoll(argv[3]);
    double start = now();
    if (strcmp(argv[1], "sqlite") == 0) {
        sqlite_loop(argv[2], rows);
    } else {
        PGconn *conn = PQconnectdb(argv[2]);
        check(conn, PQexec(conn, "BEGIN"));
        if (strcmp(argv[1], "unnest") == 0)
            by_unnest(conn, rows);
        else
            one_by_one(conn, rows, strcmp(argv[1], "pipeline") == 0);
        check(conn, PQexec(conn, "COMMIT"));
        PQfinish(conn);
    }
    double wall = now() - start;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    long peak = 0;                      /* VmHWM: ru_maxrss comes over exec from whoever forked this process */
    char line[256];
    FILE *status_file = fopen("/proc/self/status", "r");
    while (status_file && fgets(line, sizeof line, status_file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    if (status_file)
        fclose(status_file);
    printf("{\"contender\": \"%s\", \"rows\": %lld, \"wall_s\": %.4f, \"cpu_s\": %.4f, \"max_rss_kb\": %ld}\n", argv[1], rows, wall,
           (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6, peak);
    return 0;
}
