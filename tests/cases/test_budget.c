/* The byte budget of a stream (RULES B1): rows of hostile widths come all the same, and never more than the budget is held, by the
 * ledger's word and by the kernel's. What the kernel says is measured in a process of its own for each run. */
#include "support_apart.h"
#include "budget.h"
#include "trouble.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    int64_t  rows, largest_partition, error_row;
    int      status;
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
    if (value->type >= WEIR_T_INT16 && value->type <= WEIR_T_INT64)
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

typedef struct one { const char *url; const run *r; } one;

static void measure_one(const void *argument, void *out)
{
    const one *o = argument;
    measure(o->url, o->r, out);
}

static outcome measure_apart(const test_database *db, run r)
{
    outcome out = { 0 };
    r.options.struct_size = sizeof r.options;
    test_apart(measure_one, &(one){ db->url, &r }, &out, sizeof out);
    return out;
}

/* Never more than the budget, whoever counts; besides: what other statements take on the connection. */
static void assert_held(const char *what, const outcome *out, int64_t budget, int64_t besides)
{
    if (out->figures.memory != budget || (int64_t)out->figures.ledger_peak_bytes > budget || out->engine_growth > budget + besides ||
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
            assert_held(what, &out, runs[i].memory, runs[i].statement_each ? 256 * KIB : 0);
            if (runs[i].yield_per && runs[i].by == BY_PARTITION)
                assert_true(out.largest_partition <= runs[i].yield_per);
        }
    }
}

/* One value of 50 MB among narrow ones: it comes where the budget has room for it, and is an error where not. */
static void make_giant(test_database *db, int64_t giant_bytes)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             db->postgresql ? "DROP TABLE IF EXISTS hostile; CREATE TABLE hostile(id bigint PRIMARY KEY, words text, note jsonb);"
                              "ALTER TABLE hostile ALTER words SET STORAGE EXTERNAL;"
                              "INSERT INTO hostile SELECT id, repeat('w', CASE WHEN id = 2500 THEN %lld ELSE 20 END) FROM generate_series(1, 5000) AS id"
                            : "DROP TABLE IF EXISTS hostile; CREATE TABLE hostile(id INTEGER PRIMARY KEY, words text, note text);"
                              "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g LIMIT 5000) "
                              "INSERT INTO hostile SELECT id, printf('%%.*c', CASE WHEN id = 2500 THEN %lld ELSE 20 END, 'w'), NULL FROM g",
             (long long)giant_bytes);
    test_side_run(db, sql);
}

static void test_a_single_giant_row_fits_or_is_told(void **state)
{
    test_database *db = *state;
    make_giant(db, 50 * MIB);
    outcome plain = measure_apart(db, (run){ .sql = all_rows, .options = { .yield_per = 10 } });
    outcome fits = measure_apart(db, (run){ .sql = all_rows, .options = { .memory = 64 * MIB } });
    assert_int_equal(fits.status, WEIR_OK);
    assert_int_equal(fits.rows, 5000);
    assert_true(fits.hash == plain.hash && fits.figures.widest_row >= 50 * MIB);
    if (db->postgresql)                 /* SQLite's own copy of the row is outside of the budget */
        assert_held("50 MB in 64", &fits, 64 * MIB, 0);
    for (int by = BY_ROW; by <= BY_PARTITION; by++) {
        outcome told = measure_apart(db, (run){ .sql = all_rows, .by = (way)by, .options = { .memory = 2 * MIB } });
        assert_status(told.status, WEIR_BUDGET_EXCEEDED);
        assert_contains(told.message, "row 2500 (id = 2500) takes 5242");
        assert_contains(told.message, "does not fit the memory budget of 2097152 bytes");
        assert_int_equal(told.error_row, 2500);
        assert_int_equal(told.rows, 2499);
        assert_true(told.usable);
        if (db->postgresql)
            assert_held("50 MB in 2", &told, 2 * MIB, 0);
    }
}

/* The transaction that met the row goes on: what it wrote is committed. */
static void test_the_transaction_lives_on_behind_a_row_that_does_not_fit(void **state)
{
    test_database *db = *state;
    make_giant(db, 3 * MIB);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO hostile(id) VALUES (9001)");
    weir_stmt *stmt = weir_sql(all_rows);
    weir_memory(stmt, MIB);
    for (int i = 0; i < 3; i++) {
        int64_t rows = 0;
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        while (weir_result_next(result))
            rows++;
        assert_int_equal(rows, 2499);
        assert_error(weir_result_error(result), WEIR_BUDGET_EXCEEDED);
        assert_status(weir_result_close(&result), WEIR_BUDGET_EXCEEDED);
        run_ok(connection, "UPDATE hostile SET words = 'again' WHERE id = 9001");
    }
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM hostile WHERE id = 9001 AND words = 'again'"), 1);
}

/* ---- spilling -------------------------------------------------------------------------------------------------------------------------- */

static size_t open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (const struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        count++;
    if (folder)
        closedir(folder);
    return count;
}

/* In front of the C library's: which thread waits for the disk. */
static _Atomic int disk_calls, disk_calls_of_loops;
ssize_t spied_write(int file, const void *bytes, size_t length, off_t at) __asm__("pwrite64");
ssize_t spied_read(int file, void *bytes, size_t length, off_t at) __asm__("pread64");

static void spy(void)
{
    disk_calls++;
    if (weir_task_current())            /* on a worker thread there is none */
        disk_calls_of_loops++;
}

ssize_t spied_write(int file, const void *bytes, size_t length, off_t at)
{
    spy();
    return syscall(SYS_pwrite64, file, bytes, length, at);
}

ssize_t spied_read(int file, void *bytes, size_t length, off_t at)
{
    spy();
    return syscall(SYS_pread64, file, bytes, length, at);
}

/* A batch that ends inside of what was asked for: its rest is in the way of the next statement. */
static weir_result *end_inside(weir_connection *connection, weir_switch spill)
{
    weir_stmt *stmt = weir_sql("SELECT id, repeat('w', CASE WHEN id < 200 THEN 10 ELSE 20000 END) FROM generate_series(1, 3000) AS id");
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = 512 * KIB, .spill = spill));
    weir_stmt_free(&stmt);
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(weir_row_int64_at(weir_result_next(result), 0), id);
    return result;
}

static void test_what_is_in_the_way_is_spilled_and_read_back(void **state)
{
    test_database *db = *state;
    char folder[] = "/tmp/weir-spill-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("TMPDIR", folder, 1), 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    size_t files = open_files();
    disk_calls = disk_calls_of_loops = 0;
    weir_result *result = end_inside(connection, WEIR_UNSET);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    assert_int_equal(open_files(), files + 1);
    assert_int_equal(rmdir(folder), 0);         /* nothing has a name in it */
    weir_result_figures figures;
    weir_result_info(result, &figures);
    assert_true(figures.spilled_bytes > 25 * 20000);
    assert_true(figures.ledger_peak_bytes <= 512 * KIB);
    assert_next_ids(result, 4, 3000);
    assert_null(weir_result_next(result));
    assert_true(disk_calls > 0);
    assert_int_equal(disk_calls_of_loops, 0);   /* a loop never waits for the disk */
    assert_int_equal(open_files(), files);
    close_result_ok(&result);
    assert_int_equal(mkdir(folder, 0700), 0);
    result = end_inside(connection, WEIR_ON);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    assert_int_equal(open_files(), files + 1);
    close_result_ok(&result);                   /* unread */
    assert_int_equal(open_files(), files);
    close_connection_ok(&connection);
    assert_int_equal(rmdir(folder), 0);
    unsetenv("TMPDIR");
}

static void test_spill_off_ends_the_stream_and_nothing_else(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = end_inside(connection, WEIR_OFF);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    while (weir_result_next(result))
        continue;
    assert_error(weir_result_error(result), WEIR_BUDGET_EXCEEDED);
    assert_contains(weir_result_error(result)->message, "spill is off");
    assert_status(weir_result_close(&result), WEIR_BUDGET_EXCEEDED);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    result = end_inside(connection, WEIR_OFF);  /* nothing in between: nothing to spill */
    assert_next_ids(result, 4, 3000);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_a_file_that_cannot_be_made_ends_the_stream_alone(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    weir_result *result = end_inside(connection, WEIR_UNSET);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    unsetenv("TMPDIR");
    while (weir_result_next(result))
        continue;
    assert_error(weir_result_error(result), WEIR_IO);
    assert_contains(weir_result_error(result)->message, "temporary file in /nowhere/at/all");
    assert_status(weir_result_close(&result), WEIR_IO);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    close_connection_ok(&connection);
}

/* While a time-out is in force the server's clock runs as long as it waits for us: the rest of a full batch is taken at once. */
static void test_a_timeout_does_not_meet_a_batch_that_ended_early(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, repeat('w', CASE WHEN id < 200 THEN 10 ELSE 60000 END) FROM generate_series(1, 600) AS id");
    int64_t begun = test_now_ms();
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = 512 * KIB));
    assert_ids_to_end(result, 1, 600);
    close_result_ok(&result);
    int64_t needed = 10 * (test_now_ms() - begun), timeout = needed < 400 ? 400 : needed;       /* a slow machine's batch takes longer */
    char sql[64];
    snprintf(sql, sizeof sql, "SET statement_timeout = %lld", (long long)timeout);
    run_ok(connection, sql);
    result = weir_connection_execute(connection, stmt, OPTIONS(.memory = 512 * KIB));
    assert_next_ids(result, 1, 150);
    weir_sleep(2 * timeout + 100);
    assert_next_ids(result, 151, 600);
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

/* What is taken at once has room beside the batch, at any budget; so has what a declared cursor's FETCH brings. */
static void test_the_rest_of_a_batch_has_room_while_a_timeout_is_in_force(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, repeat('w', CASE WHEN id * 7919 % 11 = 0 THEN id * 31 % 9000 ELSE id % 40 END) FROM generate_series(1, 2000) AS id");
    run_ok(connection, "SET statement_timeout = '1h'");
    for (int declared = 0; declared < 2; declared++)
        for (int64_t memory = 64 * KIB; memory <= 320 * KIB; memory += 16 * KIB) {
            weir_result_figures figures;
            weir_result *result = weir_connection_execute(
                connection, stmt, OPTIONS(.memory = memory, .cursor_mode = declared ? WEIR_CURSOR_DECLARE : WEIR_CURSOR_DEFAULT));
            assert_ids_to_end(result, 1, 2000);
            weir_result_info(result, &figures);
            assert_true((int64_t)figures.ledger_peak_bytes <= memory);
            close_result_ok(&result);
        }
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

/* ---- bounds and options ---------------------------------------------------------------------------------------------------------------------- */

static void test_a_partition_has_as_many_rows_as_yield_per_where_they_fit(void **state)
{
    test_database *db = *state;
    make_hostile(db, &shapes[0], 3);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, words FROM hostile WHERE id <= 3000 ORDER BY id");
    weir_yield_per(stmt, 1000);
    weir_memory(stmt, 16 * MIB);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_partitions(result, 0, 1000, 1000, 1000);
    weir_result_figures figures;
    weir_result_info(result, &figures);
    assert_int_equal(figures.yield_per, 1000);
    assert_int_equal(figures.batches, 3);
    assert_int_equal(figures.ended_early, 0);
    assert_int_equal(figures.mode, db->postgresql ? WEIR_MODE_PORTAL : WEIR_MODE_STEPPING);
    close_result_ok(&result);
    weir_memory(stmt, 0);
    weir_yield_per(stmt, 0);
    weir_result *buffered = weir_connection_execute(connection, stmt, NULL);
    weir_result_info(buffered, &figures);
    assert_int_equal(figures.memory, 0);
    assert_int_equal(figures.mode, WEIR_MODE_BUFFERED);
    close_result_ok(&buffered);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_memory_alone_streams_and_holds_no_more_by_other_ways(void **state)
{
    test_database *db = *state;
    make_hostile(db, &shapes[0], 3);
    outcome all = measure_apart(db, (run){ .sql = all_rows, .by = BY_VALUE, .options = { .memory = 256 * KIB } });
    assert_int_equal(all.rows, 20000);
    assert_held("values", &all, 256 * KIB, 0);
    assert_true(all.figures.yield_per == 0 && all.figures.batches > 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(all_rows);
    weir_memory(stmt, (size_t)(256 * KIB));
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_null(weir_result_all(result));       /* what asks for more than the budget does not get it */
    assert_error(weir_result_error(result), WEIR_BUDGET_EXCEEDED);
    assert_status(weir_result_close(&result), WEIR_BUDGET_EXCEEDED);
    result = weir_connection_execute(connection, stmt, NULL);
    assert_status(weir_result_unique(result), WEIR_OK);
    int64_t rows = 0;
    while (weir_result_next(result))
        rows++;
    assert_true(rows > 100 && rows < 20000);    /* rows that were seen are remembered, within the budget */
    assert_status(weir_result_close(&result), WEIR_BUDGET_EXCEEDED);
    result = weir_connection_execute(connection, stmt, OPTIONS(.parallel_plan = WEIR_ON));
    assert_status(weir_result_close(&result), WEIR_BUDGET_EXCEEDED);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_a_budget_that_is_too_small_says_what_is_not(void **state)
{
    test_database *db = *state;
    weir_stmt *stmt = weir_sql("SELECT 1");
    weir_memory(stmt, 1000);
    assert_error(weir_stmt_error(stmt), WEIR_ARGUMENT);
    assert_contains(weir_stmt_error(stmt)->message, "memory is 1000 bytes: the least that a stream can do with is 65536");
    weir_stmt_free(&stmt);
    char sql[16384] = "SELECT 1 AS c0";
    for (int i = 1; i < 900; i++)
        snprintf(sql + strlen(sql), sizeof sql - strlen(sql), ", %d AS c%d", i, i);
    weir_connection *connection = weir_engine_connect(db->engine);
    int64_t memory[] = { WEIR_MEMORY_LEAST, 0, 0 };
    for (int i = 0; i < 3; i++) {               /* a statement that was executed before shares what was compiled, and takes less */
        stmt = weir_sql(sql);
        weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = memory[i]));
        weir_stmt_free(&stmt);
        if (i == 2) {
            assert_non_null(weir_result_next(result));
            assert_null(weir_result_next(result));
            close_result_ok(&result);
            break;
        }
        assert_error(weir_result_error(result), WEIR_ARGUMENT);
        const char *number = strstr(weir_result_error(result)->message, "at least ");
        assert_non_null(number);
        memory[2] = strtoll(number + 9, NULL, 10);
        memory[1] = memory[2] - 1;
        assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    }
    close_connection_ok(&connection);
}

static void test_the_option_comes_from_engine_connection_and_call(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.execution_options = OPTIONS(.memory = 1 * MIB)));
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql("SELECT 1");
    const struct { int64_t call, in_force; } calls[] = { { 0, MIB }, { 2 * MIB, 2 * MIB }, { WEIR_ZERO, 0 } };
    weir_result_figures figures;
    for (size_t i = 0; i < 3; i++) {
        weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = calls[i].call));
        weir_result_info(result, &figures);
        assert_int_equal(figures.memory, calls[i].in_force);
        close_result_ok(&result);
    }
    run_ok(connection, "CREATE TABLE written(id bigint)");      /* what is no stream is none of its business */
    run_ok(connection, "INSERT INTO written VALUES (1), (2)");
    assert_status(weir_connection_options(connection, OPTIONS(.memory = 3 * MIB)), WEIR_OK);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_result_info(result, &figures);
    assert_int_equal(figures.memory, 3 * MIB);
    close_result_ok(&result);
    assert_status(weir_connection_options(connection, OPTIONS(.memory = -5)), WEIR_ARGUMENT);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_a_stream_may_be_left_anywhere(void **state)
{
    test_database *db = *state;
    make_hostile(db, &shapes[4], 11);
    for (int64_t stop = 1; stop < 6000; stop = stop * 3 + 1) {
        outcome out = measure_apart(db, (run){ .sql = all_rows, .stop_after = stop, .options = { .memory = 256 * KIB } });
        assert_int_equal(out.status, WEIR_OK);
        assert_true(out.usable);
        assert_held("left", &out, 256 * KIB, 0);
    }
}

static void test_an_error_of_the_server_inside_a_credit_is_told_at_its_row(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, repeat('w', 3000), 1 / (1000 - id) FROM generate_series(1, 2000) AS id");
    for (int between = 0; between < 2; between++) {
        weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = 128 * KIB));
        int64_t rows = 0;
        while (weir_result_next(result)) {
            rows++;
            if (between && rows % 100 == 0 && rows < 800)
                assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
        }
        assert_true(rows > 0 && rows < 1000);
        assert_error(weir_result_error(result), WEIR_DATA);
        assert_status(weir_result_close(&result), WEIR_DATA);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_a_cancel_meets_a_budgeted_stream(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(db->postgresql ? "SELECT id, repeat('w', 3000) FROM generate_series(1, 200000) AS id"
                                              : "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g) SELECT id, hex(zeroblob(1500)) FROM g");
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = 128 * KIB));
    for (int i = 0; i < 50; i++)
        assert_non_null(weir_result_next(result));
    assert_status(weir_connection_cancel(connection), WEIR_OK);
    while (weir_result_next(result))
        continue;
    assert_error(weir_result_error(result), WEIR_CANCELLED);
    assert_status(weir_result_close(&result), WEIR_CANCELLED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

/* Numerics and arrays take more room than their bytes: a row that is refused half-way comes with the next batch. */
static void test_values_that_grow_when_they_are_decoded(void **state)
{
    test_database *db = *state;
    outcome plain = measure_apart(db, (run){ .sql = "SELECT id, (repeat('9', (id % 50 * 100)::int) || '1')::numeric, "
                                                    "CASE WHEN id % 7 = 0 THEN '3' ELSE NULL END FROM generate_series(1, 3000) AS id",
                                             .options = { .yield_per = 100 } });
    outcome out = measure_apart(db, (run){ .sql = "SELECT id, (repeat('9', (id % 50 * 100)::int) || '1')::numeric, "
                                                  "CASE WHEN id % 7 = 0 THEN '3' ELSE NULL END FROM generate_series(1, 3000) AS id",
                                           .options = { .memory = 128 * KIB } });
    assert_int_equal(out.rows, 3000);
    assert_true(out.hash == plain.hash);
    assert_held("numerics", &out, 128 * KIB, 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, array_fill(NULL::int, ARRAY[(id % 40 * 50)::int]) FROM generate_series(1, 2000) AS id");
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = 512 * KIB));
    int64_t id = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
        assert_int_equal(weir_row_int64_at(row, 0), ++id);
        assert_int_equal(weir_row_array_at(row, 1)->count, id % 40 * 50);
    }
    assert_int_equal(id, 2000);
    weir_result_figures figures;
    weir_result_info(result, &figures);
    assert_true(figures.ledger_peak_bytes <= 512 * KIB);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_rows_of_any_width_come_within_the_budget),
        ON_BOTH(test_a_single_giant_row_fits_or_is_told),
        ON_BOTH(test_the_transaction_lives_on_behind_a_row_that_does_not_fit),
        ON_POSTGRESQL(test_what_is_in_the_way_is_spilled_and_read_back),
        ON_POSTGRESQL(test_spill_off_ends_the_stream_and_nothing_else),
        ON_POSTGRESQL(test_a_file_that_cannot_be_made_ends_the_stream_alone),
        ON_POSTGRESQL(test_a_timeout_does_not_meet_a_batch_that_ended_early),
        ON_POSTGRESQL(test_the_rest_of_a_batch_has_room_while_a_timeout_is_in_force),
        ON_BOTH(test_a_partition_has_as_many_rows_as_yield_per_where_they_fit),
        ON_BOTH(test_memory_alone_streams_and_holds_no_more_by_other_ways),
        ON_BOTH(test_a_budget_that_is_too_small_says_what_is_not),
        ON_BOTH(test_the_option_comes_from_engine_connection_and_call),
        ON_BOTH(test_a_stream_may_be_left_anywhere),
        ON_POSTGRESQL(test_an_error_of_the_server_inside_a_credit_is_told_at_its_row),
        ON_BOTH(test_a_cancel_meets_a_budgeted_stream),
        ON_POSTGRESQL(test_values_that_grow_when_they_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
