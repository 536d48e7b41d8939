/* The byte budget of a stream (RULES B1): rows of hostile widths come all the same, and never more than the budget is held, by the
 * ledger's word and by the kernel's. What the kernel says is measured in a process of its own for each run. */
#include "support.h"
#include "support_task.h"
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sanitizers hold on to freed memory: then only the ledger's figures are weir's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { RSS_IS_OURS = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
enum { RSS_IS_OURS = 0 };
#else
enum { RSS_IS_OURS = 1 };
#endif
#else
enum { RSS_IS_OURS = 1 };
#endif

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)

/* ---- rows of hostile widths ---------------------------------------------------------------------------------------------------- */

/* The width of the text in row `id`; `seed` is one of the test's. */
typedef struct shape { const char *name; const char *width; int64_t rows; } shape;
#define RANDOM "((id * 2654435761 + %1$lld * 40503) %% 65536)"
static const shape shapes[] = {
    { "uniform", "40", 20000 },
    { "growing", "id * 3", 6000 },
    { "shrinking", "3 * (6000 - id)", 6000 },
    { "random", RANDOM " / 16", 8000 },
    { "skewed", "CASE WHEN " RANDOM " < 300 THEN 60000 WHEN " RANDOM " < 6000 THEN 3000 ELSE 10 END", 8000 },
    { "waves", "CASE WHEN (id / 700 + %1$lld) %% 2 = 0 THEN 20 ELSE 9000 END", 4200 },
    { "nulls", "CASE WHEN " RANDOM " < 64000 THEN NULL ELSE 30000 END", 20000 },
    { "empty", "0", 0 },
};

/* hostile(id, words, note): words is `width` letters. */
static void make_hostile(test_database *db, const shape *s, int64_t seed)
{
    char width[512], sql[2048];
    snprintf(width, sizeof width, s->width, (long long)seed);
    snprintf(sql, sizeof sql,
             db->postgresql ? "DROP TABLE IF EXISTS hostile; CREATE TABLE hostile(id bigint PRIMARY KEY, words text, note jsonb);"
                              "INSERT INTO hostile SELECT id, repeat('w', (%s)::int), "
                              "CASE WHEN id %% 5 = 0 THEN jsonb_build_object('k', id, 'list', jsonb_build_array(1, 2.5, 'x')) END "
                              "FROM generate_series(1, %lld) AS id"
                            : "DROP TABLE IF EXISTS hostile; CREATE TABLE hostile(id INTEGER PRIMARY KEY, words text, note text);"
                              "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g) "
                              "INSERT INTO hostile SELECT id, replace(hex(zeroblob(%s)), '00', 'w'), "
                              "CASE WHEN id %% 5 = 0 THEN '{\"k\": 1}' END FROM (SELECT id FROM g LIMIT %lld)",
             width, (long long)s->rows);
    test_side_run(db, sql);
    if (!db->postgresql)                /* hex of a NULL is "" there */
        test_side_run(db, "UPDATE hostile SET words = NULL WHERE words = '' AND id % 2 = 0");
}

/* ---- one run ---------------------------------------------------------------------------------------------------------------------- */

typedef enum way { BY_ROW, BY_PARTITION, BY_VALUE } way;
typedef struct run {
    const char *sql;
    weir_execution_options options;
    way     by;
    size_t  partition;
    int64_t statement_each;             /* another statement on the connection after so many rows; 0: none */
    int64_t stop_after;                 /* rows; 0: read to the end */
} run;

typedef struct outcome {
    uint64_t hash;
    int64_t  rows, largest_partition, status, error_row;
    int64_t  engine_growth;             /* the engine's peak above what it held before the stream */
    int64_t  rss_growth;
    bool     usable;                    /* the connection and its transaction, afterwards */
    char     message[640];
    weir_result_figures figures;
} outcome;

static void add(outcome *out, const void *bytes, size_t length)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < length; i++)
        out->hash = (out->hash ^ p[i]) * UINT64_C(1099511628211);
}

static void add_value(outcome *out, const weir_value *value)
{
    add(out, &value->type, sizeof value->type);
    if (value->type == WEIR_T_INT64)
        add(out, &value->as.i, sizeof value->as.i);
    else if (value->type != WEIR_T_NULL)
        add(out, value->as.text.ptr, value->as.text.len);
}

static void add_row(outcome *out, const weir_row *row)
{
    out->rows++;
    for (int i = 0; i < (int)weir_row_count(row); i++)
        add_value(out, weir_row_value_at(row, i));
}

static bool read_some(const run *r, weir_result *result, outcome *out)
{
    if (r->by == BY_ROW) {
        const weir_row *row = weir_result_next(result);
        if (row)
            add_row(out, row);
        return row != NULL;
    }
    if (r->by == BY_VALUE) {
        const weir_value *value = weir_scalars_next(weir_result_scalars(result, 0));
        if (value) {
            add_value(out, value);
            out->rows++;
        }
        return value != NULL;
    }
    const weir_partition *rows = weir_result_next_partition(result, r->partition);
    for (size_t i = 0; rows && i < rows->count; i++)
        add_row(out, rows->rows[i]);
    if (rows && (int64_t)rows->count > out->largest_partition)
        out->largest_partition = (int64_t)rows->count;
    return rows != NULL;
}

static void measure(const char *url, const run *r, outcome *out)
{
    weir_engine *engine;
    weir_stmt *stmt = weir_sql(r->sql);
    weir_memory_figures before, after;
    memset(out, 0, sizeof *out);
    out->hash = 1469598103934665603u;
    assert_status(weir_engine_open(&engine, url, NULL), WEIR_OK);
    weir_connection *connection = weir_engine_connect(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    weir_engine_memory(engine, &before);
    size_t rss = test_rss();
    weir_result *result = weir_connection_execute(connection, stmt, &r->options);
    while ((r->stop_after == 0 || out->rows < r->stop_after) && read_some(r, result, out))
        if (r->statement_each && out->rows % r->statement_each == 0)
            assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    weir_engine_memory(engine, &after);
    size_t peak = test_peak_rss();
    weir_result_info(result, &out->figures);
    const weir_error *error = weir_result_error(result);
    snprintf(out->message, sizeof out->message, "%s", error->message);
    out->error_row = error->row;
    out->status = weir_result_close(&result);
    out->usable = test_query_int(connection, "SELECT 1") == 1;
    out->engine_growth = (int64_t)after.peak_bytes - (int64_t)before.bytes;
    out->rss_growth = peak > rss ? (int64_t)(peak - rss) : 0;
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

typedef struct apart { const char *url; const run *r; outcome *out; } apart;

static int measure_in_task(void *argument)
{
    const apart *a = argument;
    measure(a->url, a->r, a->out);
    return WEIR_OK;
}

/* In a child, whose peak is its own. It makes an engine of its own. */
static outcome measure_apart(const test_database *db, run r)
{
    int ends[2];
    outcome out = { 0 };
    assert_int_equal(pipe(ends), 0);
    r.options.struct_size = sizeof r.options;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        apart a = { db->url, &r, &out };
        if (test_world_is_task())
            run_in_task(measure_in_task, &a, 0);
        else
            measure(db->url, &r, &out);
        bool told = write(ends[1], &out, sizeof out) == sizeof out;
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    assert_status(weir_wait_fd(ends[0], POLLIN, -1), WEIR_OK);
    bool heard = read(ends[0], &out, sizeof out) == sizeof out;
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(heard);
    return out;
}

/* Never more than the budget, whoever counts. */
static void assert_held(const char *what, const outcome *out, int64_t budget)
{
    if (out->figures.memory != budget || (int64_t)out->figures.ledger_peak_bytes > budget || out->engine_growth > budget ||
        (RSS_IS_OURS && out->rss_growth > budget + 8 * MIB))
        fail_msg("%s: budget %lld (%lld in force): the stream's peak was %zu, the engine grew by %lld, the process by %lld", what,
                 (long long)budget, (long long)out->figures.memory, out->figures.ledger_peak_bytes, (long long)out->engine_growth,
                 (long long)out->rss_growth);
}

static const char all_rows[] = "SELECT id, words, note FROM hostile ORDER BY id";

/* ---- the tests ----------------------------------------------------------------------------------------------------------------------- */

static void test_rows_of_any_width_come_within_the_budget(void **state)
{
    test_database *db = *state;
    const struct { int64_t memory; way by; size_t partition; int64_t yield_per, statement_each; } runs[] = {
        { 256 * KIB, BY_ROW, 0, 0, 0 }, { 1 * MIB, BY_PARTITION, 0, 0, 0 }, { 512 * KIB, BY_PARTITION, 100, 0, 0 },
        { 512 * KIB, BY_PARTITION, 0, 300, 0 }, { 512 * KIB, BY_ROW, 0, 0, 777 }, { 4 * MIB, BY_ROW, 0, 50, 0 },
    };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        make_hostile(db, &shapes[s], (int64_t)s + 7);
        outcome plain = measure_apart(db, (run){ .sql = all_rows, .options = { .yield_per = 100 } });
        assert_int_equal(plain.status, WEIR_OK);
        assert_int_equal(plain.rows, shapes[s].rows);
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            char what[64];
            snprintf(what, sizeof what, "%s, run %zu", shapes[s].name, i);
            outcome out = measure_apart(db, (run){ .sql = all_rows, .by = runs[i].by, .partition = runs[i].partition,
                                                   .statement_each = runs[i].statement_each,
                                                   .options = { .memory = runs[i].memory, .yield_per = runs[i].yield_per } });
            if (out.status != WEIR_OK || out.rows != plain.rows || out.hash != plain.hash || !out.usable)
                fail_msg("%s: %lld of %lld rows, hash %s: %s", what, (long long)out.rows, (long long)plain.rows,
                         out.hash == plain.hash ? "right" : "wrong", out.message);
            assert_held(what, &out, runs[i].memory);
            if (runs[i].yield_per && runs[i].by == BY_PARTITION)
                assert_true(out.largest_partition <= runs[i].yield_per);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_rows_of_any_width_come_within_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
