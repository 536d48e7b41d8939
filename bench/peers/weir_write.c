/* Writes rows with weir: weir_write copy|insert|update|ordered URL ROWS. The table invoices is filled (copy, insert) or updated by key
 * (ordered: as the sets lie, without locking rows first).
 * Prints one line: rows, seconds from before connecting to behind the commit, of them in calls that write, CPU, peak memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <weir/weir.h>

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

enum { BATCH = 10000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fill(struct invoice *invoices, int64_t first, int64_t count, int64_t add)
{
    static const char *const states[] = { "draft", "sent", "paid", "overdue" };
    for (int64_t i = 0; i < count; i++)
        invoices[i] = (struct invoice){ first + i, (first + i) % 97, (first + i) * 7 + add, states[(first + i) % 4] };
}

static int stop(const weir_error *error)
{
    char text[1200];
    weir_error_format(error, text, sizeof text);
    fprintf(stderr, "weir_write: %s\n", text);
    return 1;
}

static int copy_rows(weir_connection *connection, int64_t rows)
{
    struct invoice invoices[1000];
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &invoice_entity));
    for (int64_t at = 1; at <= rows; at += 1000) {
        int64_t count = rows - at + 1 < 1000 ? rows - at + 1 : 1000;
        fill(invoices, at, count, 0);
        if (weir_copy_structs(copy, invoices, (size_t)count) != WEIR_OK) {
            int status = stop(weir_copy_error(copy));
            weir_copy_abort(&copy);
            return status;
        }
    }
    return weir_copy_finish(&copy) == rows ? 0 : stop(weir_connection_error(connection));
}

static int many_rows(weir_connection *connection, const char *mode, int64_t rows)
{
    struct invoice *invoices = malloc(BATCH * sizeof *invoices);
    weir_stmt *stmt = strcmp(mode, "insert") != 0 ? weir_update(&invoice_entity) : weir_insert(&invoice_entity);
    if (strcmp(mode, "insert") != 0)
        weir_set_columns(stmt, WEIR_COL(invoice, total_cents));
    int status = 0;
    for (int64_t at = 1; at <= rows && !status; at += BATCH) {
        int64_t count = rows - at + 1 < BATCH ? rows - at + 1 : BATCH;
        fill(invoices, at, count, 1);
        weir_switch keep = strcmp(mode, "ordered") == 0 ? WEIR_ON : WEIR_OFF;
        if (weir_connection_execute_many_with(connection, stmt, invoices, (size_t)count, WEIR_MANY_OPTIONS(.keep_order = keep)) != count)
            status = stop(weir_connection_error(connection));
    }
    weir_stmt_free(&stmt);
    free(invoices);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: weir_write copy|insert|update|ordered URL ROWS\n"), 2;
    int64_t rows = atoll(argv[3]);
    double start = now();
    weir_engine *engine;
    if (weir_engine_open(&engine, argv[2], NULL) != WEIR_OK)
        return stop(weir_engine_error(engine));
    weir_connection *connection = weir_engine_begin(engine);
    int status = strcmp(argv[1], "copy") == 0 ? copy_rows(connection, rows) : many_rows(connection, argv[1], rows);
    if (weir_connection_close(&connection) != WEIR_OK)
        status = 1;
    double wall = now() - start;
    weir_engine_close(&engine);
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
    printf("{\"contender\": \"weir %s\", \"rows\": %lld, \"wall_s\": %.4f, \"cpu_s\": %.4f, \"max_rss_kb\": %ld}\n", argv[1], (long long)rows, wall,
           (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6, peak);
    return status;
}
