/* Memory that stays flat however many rows flow through it: by the ledger and by the kernel's word (cases.md 222, 224; RULES
 * N3, N4). What the kernel says is measured in a process of its own for each run: a peak never goes down again. */
#include "support_apart.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define MIB ((size_t)1 << 20)

/* narrow(id, tenant_id, total_cents, status): rows of one width. */
static void make_narrow(test_database *db, int64_t rows)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             db->postgresql ? "CREATE TABLE narrow(id bigint PRIMARY KEY, tenant_id bigint, total_cents bigint, status text);"
                              "INSERT INTO narrow SELECT id, id %% 7, 10 * id, 'draft' FROM generate_series(1, %lld) AS id"
                            : "CREATE TABLE narrow(id INTEGER PRIMARY KEY, tenant_id bigint, total_cents bigint, status text);"
                              "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g LIMIT %lld) "
                              "INSERT INTO narrow SELECT id, id %% 7, 10 * id, 'draft' FROM g", (long long)rows);
    test_side_run(db, sql);
}

/* One run over a query. */
typedef struct run {
    const char *sql;
    weir_execution_options options;
    bool    by_partition;
    bool    statement_between;          /* another statement after each 1,000 rows */
} run;

/* What it took. */
typedef struct cost {
    int64_t rows, sum, late_allocations;        /* the last: after the first two batches */
    size_t  ledger_peak, result_peak;           /* of the engine, of the result */
    size_t  rss_peak;                           /* above what it was when connected */
} cost;

static int64_t allocations(void)
{
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    return figures.allocations;
}

static void take_row(const weir_row *row, cost *out)
{
    out->rows++;
    out->sum += weir_row_int64_at(row, 0);
    assert_true(weir_row_text_at(row, (int)weir_row_count(row) - 1).len > 0);
}

static void read_all(weir_connection *connection, weir_result *result, const run *r, cost *out)
{
    int64_t mark = 0, warm = 2 * r->options.yield_per;
    while (true) {
        int64_t before = out->rows;
        if (r->by_partition) {
            const weir_partition *rows = weir_result_next_partition(result, 0);
            for (size_t i = 0; rows && i < rows->count; i++)
                take_row(rows->rows[i], out);
        } else {
            const weir_row *row = weir_result_next(result);
            if (row)
                take_row(row, out);
        }
        if (out->rows == before)
            break;
        if (before < warm && out->rows >= warm)
            mark = allocations();
        if (out->rows > warm)
            out->late_allocations = allocations() - mark;
        if (r->statement_between && out->rows % 1000 == 0)
            assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    }
}

static void measure(const char *url, const run *r, cost *out)
{
    weir_engine *engine;
    weir_stmt *stmt = weir_sql(r->sql);
    memset(out, 0, sizeof *out);
    assert_status(weir_engine_open(&engine, url, NULL), WEIR_OK);
    weir_connection *connection = weir_engine_connect(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    size_t baseline = test_rss();
    weir_result *result = weir_connection_execute(connection, stmt, &r->options);
    read_all(connection, result, r, out);
    weir_result_figures result_figures;
    weir_memory_figures figures;
    weir_result_info(result, &result_figures);
    weir_engine_memory(engine, &figures);
    out->result_peak = result_figures.ledger_peak_bytes;
    out->ledger_peak = figures.peak_bytes;
    size_t peak = test_peak_rss();
    out->rss_peak = peak > baseline ? peak - baseline : 0;
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

typedef struct one { const char *url; const run *r; } one;

static void measure_one(const void *argument, void *out)
{
    const one *o = argument;
    measure(o->url, o->r, out);
}

static cost measure_apart(const test_database *db, run r)
{
    cost out = { 0 };
    r.options.struct_size = sizeof r.options;
    test_apart(measure_one, &(one){ db->url, &r }, &out, sizeof out);
    return out;
}

static size_t distance(size_t a, size_t b) { return a > b ? a - b : b - a; }

/* ---- the ledger -------------------------------------------------------------------------------------------------- */

static void assert_flat(test_database *db, run r)
{
    char few[128], many[128];
    cost costs[2];
    snprintf(few, sizeof few, "SELECT * FROM narrow WHERE id <= 1000 ORDER BY id");
    snprintf(many, sizeof many, "SELECT * FROM narrow WHERE id <= 100000 ORDER BY id");
    r.options.struct_size = sizeof r.options;
    for (int i = 0; i < 2; i++) {
        r.sql = i ? many : few;
        measure(db->url, &r, &costs[i]);
        int64_t rows = i ? 100000 : 1000;
        assert_int_equal(costs[i].rows, rows);
        assert_int_equal(costs[i].sum, rows * (rows + 1) / 2);
        assert_int_equal(costs[i].late_allocations, 0);
    }
    assert_int_equal(costs[0].result_peak, costs[1].result_peak);
    /* The text of the statement is two bytes longer. */
    assert_true(distance(costs[0].ledger_peak, costs[1].ledger_peak) <= 64);
}

static void test_10_and_1000_batches_have_the_same_peak_and_allocate_nothing_after_the_second(void **state)
{
    test_database *db = *state;
    make_narrow(db, 100000);
    assert_flat(db, (run){ .options = { .yield_per = 100 } });
    assert_flat(db, (run){ .options = { .yield_per = 100 }, .by_partition = true });
    assert_flat(db, (run){ .options = { .yield_per = 100, .prefetch = WEIR_OFF } });
    assert_flat(db, (run){ .options = { .yield_per = 100, .prepared = WEIR_OFF } });
    if (db->postgresql)
        assert_flat(db, (run){ .options = { .yield_per = 100, .cursor_mode = WEIR_CURSOR_DECLARE } });
}

/* ---- the kernel's word ------------------------------------------------------------------------------------------- */

static void assert_level(test_database *db, run r)
{
    r.sql = "SELECT * FROM narrow WHERE id <= 100000 ORDER BY id";
    cost short_run = measure_apart(db, r);
    r.sql = "SELECT * FROM narrow WHERE id <= 1000000 ORDER BY id";
    cost long_run = measure_apart(db, r);
    assert_int_equal(short_run.rows, 100000);
    assert_int_equal(long_run.rows, 1000000);
    assert_int_equal(long_run.sum, INT64_C(500000500000));
    print_message("peak above baseline: %zu KiB for 100,000 rows, %zu KiB for 1,000,000; ledger %zu KiB\n",
                  short_run.rss_peak / 1024, long_run.rss_peak / 1024, long_run.ledger_peak / 1024);
    assert_true(long_run.ledger_peak < 2 * MIB);
    if (!RSS_IS_OURS)
        return;
    assert_true(long_run.rss_peak < 16 * MIB);
    assert_true(distance(long_run.rss_peak, short_run.rss_peak) < 4 * MIB);
}

static void test_case_222_a_million_rows_take_no_more_than_a_tenth_of_them(void **state)
{
    test_database *db = *state;
    make_narrow(db, 1000000);
    assert_level(db, (run){ .options = { .yield_per = 1000 } });
    assert_level(db, (run){ .options = { .yield_per = 1000 }, .by_partition = true });
    assert_level(db, (run){ .options = { .yield_per = 1000 }, .statement_between = true });
    assert_level(db, (run){ .options = { .stream_results = WEIR_ON } });
}

static void test_case_224_wide_rows_are_streamed_within_32_mib(void **state)
{
    test_database *db = *state;
    /* A little over 1 MiB each, so that what was there before does not hide the last of them. */
    test_side_run(db, db->postgresql
                          ? "CREATE TABLE wide AS SELECT id, repeat('x', 1114112) AS body FROM generate_series(1, 200) AS id;"
                            "CREATE INDEX ON wide(id)"
                          : "CREATE TABLE wide(id INTEGER PRIMARY KEY, body text);"
                            "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g LIMIT 200) "
                            "INSERT INTO wide SELECT id, hex(zeroblob(557056)) FROM g");
    const char *wide = "SELECT id, body FROM wide ORDER BY id";
    cost streamed = measure_apart(db, (run){ .sql = wide, .options = { .yield_per = 5 } });
    cost buffered = measure_apart(db, (run){ .sql = wide });
    assert_int_equal(streamed.rows, 200);
    assert_int_equal(buffered.rows, 200);
    print_message("peak above baseline: %zu KiB streamed, %zu KiB buffered; ledger %zu and %zu KiB\n", streamed.rss_peak / 1024,
                  buffered.rss_peak / 1024, streamed.ledger_peak / 1024, buffered.ledger_peak / 1024);
    assert_true(streamed.ledger_peak < 32 * MIB);
    assert_true(buffered.ledger_peak > 200 * MIB);
    if (!RSS_IS_OURS)
        return;
    assert_true(streamed.rss_peak < 32 * MIB);
    assert_true(buffered.rss_peak > 200 * MIB);         /* or the measurement proves nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_10_and_1000_batches_have_the_same_peak_and_allocate_nothing_after_the_second),
        ON_BOTH(test_case_222_a_million_rows_take_no_more_than_a_tenth_of_them),
        ON_BOTH(test_case_224_wide_rows_are_streamed_within_32_mib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
