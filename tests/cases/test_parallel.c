/* One statement read by several connections: its rows are those of a single stream, in its order, whatever kind the key is and whatever
 * the statistics say; files; snapshots; failures. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "trouble.h"

enum { SMALL_RANGE = 16 * 1024 };

static void path_of(char path[128], const char *suffix)
{
    snprintf(path, 128, "/tmp/weir-parallel-%ld%s", (long)getpid(), suffix);
}

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}

static void assert_same_file(const char *path, const char *wanted)
{
    size_t a_length, b_length;
    char *a = read_file(path, &a_length), *b = read_file(wanted, &b_length);
    if (a_length != b_length || memcmp(a, b, a_length) != 0) {
        size_t at = 0;
        while (at < a_length && at < b_length && a[at] == b[at])
            at++;
        fail_msg("%s has %zu bytes, %s %zu; they differ from byte %zu on", path, a_length, wanted, b_length, at);
    }
    free(a);
    free(b);
}

/* The single stream's file. */
static int64_t write_alone(test_database *db, const char *sql, const char *order, const char *path)
{
    char text[1024];
    snprintf(text, sizeof text, "SELECT * FROM (%s) AS q ORDER BY %s", sql, order);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(text);
    weir_yield_per(stmt, 1000);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_writer *writer = weir_writer_open(path, NULL);
    assert_status(weir_writer_result(writer, result), WEIR_OK);
    int64_t rows = weir_writer_rows(writer);
    assert_status(weir_writer_close(&writer), WEIR_OK);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    return rows;
}

typedef struct remarks { int count; char last[400]; } remarks;
static void note_remark(const char *text, void *context)
{
    remarks *r = context;
    r->count++;
    snprintf(r->last, sizeof r->last, "%s", text);
}

/* Exports `sql` in `order` both ways and wants the same bytes. `spelled`: the order as weir reads it; NULL: the same. */
static weir_parallel_figures same_as_alone(test_database *db, const char *sql, const char *order, const char *spelled, int jobs, remarks *said)
{
    char alone[128], together[128], text[1024];
    weir_parallel_figures figures;
    remarks unused = { 0 };
    path_of(alone, "-alone.csv");
    path_of(together, "-together.csv");
    int64_t rows = write_alone(db, sql, order, alone);
    snprintf(text, sizeof text, "%s", sql);
    weir_stmt *stmt = weir_sql(text);
    weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = jobs, .order = spelled ? spelled : order,
                                                 .range_bytes = SMALL_RANGE, .yield_per = 300, .remark = note_remark, .context = said ? said : &unused));
    assert_error(weir_parallel_error(parallel), WEIR_OK);
    int status = weir_parallel_write(parallel, together, NULL);
    assert_error(weir_parallel_error(parallel), WEIR_OK);
    assert_int_equal(status, WEIR_OK);
    weir_parallel_info(parallel, &figures);
    assert_int_equal(figures.rows, rows);
    assert_int_equal(figures.ranges_done, figures.ranges);
    assert_status(weir_parallel_close(&parallel), WEIR_OK);
    weir_stmt_free(&stmt);
    assert_same_file(together, alone);
    unlink(alone);
    unlink(together);
    return figures;
}

static void numbers(test_database *db, const char *table, const char *columns, const char *values, int from, int to)
{
    char sql[1024];
    snprintf(sql, sizeof sql, "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s (%s) SELECT %s FROM n",
             from, to, table, columns, values);
    test_side_run(db, sql);
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------------ */
static void test_integer_keys(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(id bigint PRIMARY KEY, v text)");
    numbers(db, "t", "id, v", "i * 3 - 20000, 'value ' || i", 1, 20000);
    weir_parallel_figures before = same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, NULL);
    assert_true(before.ranges > 8);
    if (db->postgresql) {
        assert_string_equal(before.source, "sample");
        test_side_run(db, "ANALYZE t");
        assert_string_equal(same_as_alone(db, "SELECT * FROM t", "id", "id not null", 3, NULL).source, "statistics");
    }
    assert_true(same_as_alone(db, "SELECT * FROM t", "id DESC", NULL, 2, NULL).ranges > 8);
    same_as_alone(db, "SELECT v, id FROM t WHERE id % 7 <> 0", "id", NULL, 4, NULL);
}

static void test_other_kinds_of_keys(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE names(name varchar(40) PRIMARY KEY, v integer)");
    numbers(db, "names", "name, v", "'user-' || (i * 7919 % 20011) || '-x', i", 1, 15000);
    same_as_alone(db, "SELECT * FROM names", "name", NULL, 2, NULL);
    test_side_run(db, "CREATE TABLE moments(at timestamp PRIMARY KEY, v integer)");
    numbers(db, "moments", "at, v", db->postgresql ? "timestamp '2024-01-01' + i * interval '37 seconds', i"
                                                   : "datetime('2024-01-01', (i * 37) || ' seconds'), i", 1, 12000);
    same_as_alone(db, "SELECT * FROM moments", "at", NULL, 2, NULL);
    test_side_run(db, "CREATE TABLE pairs(a integer, b varchar(20), v integer, PRIMARY KEY (a, b))");
    numbers(db, "pairs", "a, b, v", "i % 3, 'b' || i, i", 1, 15000);
    same_as_alone(db, "SELECT * FROM pairs", "a, b DESC", NULL, 3, NULL);
    same_as_alone(db, "SELECT * FROM pairs", "a, b", "a not null, b not null", 3, NULL);
    if (!db->postgresql)
        return;
    test_side_run(db, "CREATE TABLE tokens(token uuid PRIMARY KEY, v integer)");
    numbers(db, "tokens", "token, v", "md5(i::text)::uuid, i", 1, 15000);
    assert_true(same_as_alone(db, "SELECT * FROM tokens", "token", NULL, 2, NULL).ranges > 4);
    test_side_run(db, "CREATE TABLE amounts(amount numeric(20, 3) PRIMARY KEY, v integer); CREATE TABLE places(p text COLLATE \"und-x-icu\" PRIMARY KEY)");
    numbers(db, "amounts", "amount, v", "i * 1.25, i", 1, 15000);
    same_as_alone(db, "SELECT * FROM amounts", "amount", NULL, 2, NULL);
    numbers(db, "places", "p", "chr(65 + i % 26) || chr(97 + i % 23) || i", 1, 9000);
    same_as_alone(db, "SELECT * FROM places", "p", NULL, 2, NULL);
    same_as_alone(db, "SELECT p COLLATE \"C\" AS p FROM places", "p", NULL, 2, NULL);
    /* even steps between "A…" and "z…" are not in this collation's order, where a comes before B */
    test_side_run(db, "CREATE TABLE cased(p text COLLATE \"und-x-icu\")");
    numbers(db, "cased", "p", "chr(CASE WHEN i % 2 = 0 THEN 65 ELSE 97 END + i % 26) || i", 1, 5000);
    assert_true(same_as_alone(db, "SELECT p || '' AS p FROM cased", "p", NULL, 8, NULL).ranges > 2);
    /* steps between reals are reals */
    assert_int_equal(same_as_alone(db, "SELECT (v / 7.0)::real AS k, v FROM tokens", "k", "k not null", 3, NULL).ranges, 3);
    same_as_alone(db, "SELECT (v / 7.0)::real AS k, v FROM tokens", "k DESC", "k desc", 3, NULL);
}

static void test_nulls_in_keys(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(k integer UNIQUE, id integer PRIMARY KEY)");
    numbers(db, "t", "k, id", "CASE WHEN i % 5 = 0 THEN NULL ELSE i END, i", 1, 15000);
    for (int analysed = 0; analysed < (db->postgresql ? 2 : 1); analysed++) {
        static const char *const orders[] = { "k NULLS LAST, id", "k NULLS FIRST, id", "k DESC NULLS LAST, id", "k DESC NULLS FIRST, id DESC" };
        for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
            same_as_alone(db, "SELECT * FROM t", orders[i], NULL, 3, NULL);
        if (db->postgresql)
            test_side_run(db, "ANALYZE t");
    }
}

/* ---- statistics ------------------------------------------------------------------------------------------------------------------------ */
static void test_no_row_and_one_row(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(id bigint PRIMARY KEY, v text)");
    assert_int_equal(same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, NULL).ranges, 1);
    test_side_run(db, "INSERT INTO t VALUES (-9223372036854775807, 'x')");
    same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, NULL);
    test_side_run(db, "INSERT INTO t VALUES (9223372036854775807, 'y')");
    same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, NULL);
    numbers(db, "t", "id, v", "i, 'some text that takes room'", 1, 3000);
    same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, NULL);
}

static void test_statistics_that_are_wrong(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(id bigint PRIMARY KEY, v text)");
    numbers(db, "t", "id, v", "i, 'v'", 1, 12000);
    test_side_run(db, "ANALYZE t; DELETE FROM t WHERE id % 11 <> 0 OR id > 9000");
    numbers(db, "t", "id, v", "-i, 'new'", 100000, 103000);
    same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, NULL);
    numbers(db, "t", "id, v", "i * 1000, 'far'", 1000000, 1006000);     /* grown since: stale */
    weir_parallel_figures figures = same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, NULL);
    assert_string_equal(figures.source, "sample");
    /* nearly all rows have one value in the leading column */
    test_side_run(db, "CREATE TABLE skewed(a integer, id integer PRIMARY KEY); CREATE INDEX ON skewed(a, id)");
    numbers(db, "skewed", "a, id", "CASE WHEN i % 100 = 0 THEN i ELSE 7 END, i", 1, 20000);
    test_side_run(db, "ANALYZE skewed");
    assert_true(same_as_alone(db, "SELECT * FROM skewed", "a, id", "a, id not null", 3, NULL).ranges > 8);
}

static void test_what_no_index_serves_is_one_range(void **state)
{
    test_database *db = *state;
    remarks said = { 0 };
    test_side_run(db, "CREATE TABLE t(id bigint, v text)");
    numbers(db, "t", "id, v", "i, 'v'", 1, 5000);
    assert_int_equal(same_as_alone(db, "SELECT * FROM t", "id", NULL, 3, &said).ranges, 1);
    assert_int_equal(said.count, 1);
    assert_contains(said.last, "no index");
    if (!db->postgresql) {              /* nor one that the WHERE keeps from serving it */
        test_side_run(db, "CREATE TABLE k(id integer PRIMARY KEY, kind integer); CREATE INDEX by_kind ON k(kind)");
        numbers(db, "k", "id, kind", "i, 1", 1, 5000);
        assert_int_equal(same_as_alone(db, "SELECT * FROM k WHERE kind = 1 AND +id >= 0", "id", NULL, 3, &said).ranges == 1, said.count == 2);
    }
    test_side_run(db, "CREATE INDEX by_id ON t(id)");
    int before = said.count;
    assert_true(same_as_alone(db, "SELECT * FROM t", "id", "id not null", 3, &said).ranges > 1);
    assert_true(same_as_alone(db, "SELECT * FROM t", "id, v", "id not null, v not null", 3, &said).ranges > 1);
    assert_int_equal(said.count, before);
}

static void test_partitioned_tables(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE r(id integer, v text) PARTITION BY RANGE (id);"
                      "CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (MINVALUE) TO (-5);"
                      "CREATE TABLE r2 PARTITION OF r FOR VALUES FROM (-5) TO (4000);"
                      "CREATE TABLE r3 PARTITION OF r DEFAULT; CREATE INDEX ON r(id)");
    numbers(db, "r", "id, v", "i - 6000, 'v' || i", 1, 15000);
    weir_parallel_figures figures = same_as_alone(db, "SELECT * FROM r", "id", NULL, 3, NULL);
    assert_true(figures.ranges >= 3);
    test_side_run(db, "ANALYZE r");
    assert_true(same_as_alone(db, "SELECT * FROM r", "id", "id not null", 3, NULL).ranges > 4);
    test_side_run(db, "CREATE TABLE l(id integer, kind text) PARTITION BY LIST (kind);"
                      "CREATE TABLE l1 PARTITION OF l FOR VALUES IN ('a');"
                      "CREATE TABLE l2 PARTITION OF l FOR VALUES IN ('b', NULL);"
                      "CREATE TABLE l3 PARTITION OF l DEFAULT; CREATE INDEX ON l(id)");
    numbers(db, "l", "id, kind", "i, CASE i % 4 WHEN 0 THEN 'a' WHEN 1 THEN 'b' WHEN 2 THEN NULL ELSE 'z' END", 1, 15000);
    assert_true(same_as_alone(db, "SELECT * FROM l", "id", "id not null", 3, NULL).ranges > 4);
}

/* ---- one snapshot ------------------------------------------------------------------------------------------------------------------- */
typedef struct counted { _Atomic int64_t rows, sum; } counted;
static int count_rows(weir_range_read *read, const weir_partition *rows, weir_error *error)
{
    counted *c = read->context;
    (void)error;
    for (size_t i = 0; i < rows->count; i++)
        c->sum += weir_row_int64(rows->rows[i], "id");
    c->rows += (int64_t)rows->count;
    return WEIR_OK;
}

static weir_parallel *open_on(weir_engine *engine, int jobs, int64_t window)
{
    weir_stmt *stmt = weir_sql("SELECT * FROM t");
    weir_parallel *parallel = weir_parallel_open(engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = jobs, .order = "id not null", .range_bytes = SMALL_RANGE,
                                                 .yield_per = 200, .window_bytes = window));
    weir_stmt_free(&stmt);
    return parallel;
}

static void make_t(test_database *db, int rows)
{
    test_side_run(db, "CREATE TABLE t(id bigint PRIMARY KEY, v text)");
    numbers(db, "t", "id, v", "i, 'value ' || i || ' and more of it, so that it takes some room'", 1, rows);
}

static void test_all_jobs_see_one_moment(void **state)
{
    test_database *db = *state;
    counted c = { 0 };
    if (!db->postgresql)
        test_side_run(db, "PRAGMA journal_mode = wal");
    make_t(db, 10000);
    weir_parallel *parallel = open_on(db->engine, 3, 0);
    assert_status(weir_parallel_plan(parallel), WEIR_OK);
    test_side_run(db, "DELETE FROM t WHERE id % 2 = 0");
    numbers(db, "t", "id, v", "i, 'new'", 20001, 21000);
    assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.rows = count_rows, .context = &c)), WEIR_OK);
    assert_int_equal(c.rows, 10000);
    assert_int_equal(c.sum, INT64_C(10000) * 10001 / 2);
    assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.rows = count_rows, .context = &c)), WEIR_INVALID_REQUEST);
    assert_status(weir_parallel_close(&parallel), WEIR_INVALID_REQUEST);
    assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.context = &c)), WEIR_RESOURCE_CLOSED);
}

/* ---- the ordered variant -------------------------------------------------------------------------------------------------------------- */
typedef struct taken { int64_t last_range, numbers, next_id; int sleep_ms; } taken;
static int put_ids(weir_range_read *read, const weir_partition *rows, weir_error *error)
{
    (void)error;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t id[64] = { weir_row_int64(rows->rows[i], "id") };
        int status = weir_range_put(read, id, sizeof id);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

static int take_ids(int64_t range, const void *bytes, size_t length, void *context, weir_error *error)
{
    taken *t = context;
    const int64_t *ids = bytes;
    if (range < t->last_range || length % 512 != 0)
        return error->status = WEIR_INTERNAL;
    t->last_range = range;
    for (size_t i = 0; i < length / sizeof *ids; i += 64)
        if (ids[i] != ++t->next_id)
            return error->status = WEIR_INTERNAL;
    if (t->sleep_ms)
        test_sleep_ms(t->sleep_ms);
    return WEIR_OK;
}

/* A taker that is slow, and hardly any room in memory: what comes early waits on disk, and comes in order all the same. */
static void test_bytes_in_order_by_way_of_the_disk(void **state)
{
    test_database *db = *state;
    for (int spills = 0; spills < 2; spills++) {
        weir_parallel_figures figures;
        weir_memory_figures memory;
        taken t = { .sleep_ms = 3 };
        if (!spills)
            make_t(db, 12000);
        weir_stmt *stmt = weir_sql("SELECT * FROM t");
        weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 4, .order = "id not null",
            .range_bytes = 4 * SMALL_RANGE, .window_bytes = 300000, .spill = spills ? WEIR_UNSET : WEIR_OFF));
        weir_stmt_free(&stmt);
        assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.rows = put_ids, .bytes = take_ids, .context = &t)), WEIR_OK);
        assert_int_equal(t.next_id, 12000);
        weir_parallel_info(parallel, &figures);
        weir_memory_usage(&memory);
        assert_int_equal(figures.bytes, 12000 * 512);
        assert_true(spills ? figures.spilled > 0 : figures.spilled == 0);
        assert_true(memory.by_purpose[WEIR_MEMORY_OUTPUT] < 4 << 20);
        assert_status(weir_parallel_close(&parallel), WEIR_OK);
    }
}

/* All jobs together keep a budget, whatever rows look like, and the file is the same. */
static void test_a_budget_for_all_jobs(void **state)
{
    test_database *db = *state;
    static const struct { int jobs; int64_t memory; } rounds[] = { { 1, 1 << 20 }, { 2, 1 << 20 }, { 3, 3 << 20 }, { 4, 2 << 20 } };
    char alone[128], together[128];
    test_side_run(db, "CREATE TABLE t(id bigint PRIMARY KEY, v text)");
    numbers(db, "t", "id, v", db->postgresql ? "i, CASE WHEN i % 400 = 7 THEN repeat('wide ', 9000) ELSE repeat('x', i % 300) END"
                                             : "i, CASE WHEN i % 400 = 7 THEN printf('%45000d', i) ELSE printf('%*d', i % 300, i) END", 1, 8000);
    path_of(alone, "-alone.csv");
    path_of(together, "-together.csv");
    write_alone(db, "SELECT * FROM t", "id", alone);
    weir_stmt *stmt = weir_sql("SELECT * FROM t");
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        weir_parallel_figures figures;
        weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = rounds[i].jobs, .order = "id not null",
                                                     .range_bytes = 4 * SMALL_RANGE, .memory = rounds[i].memory));
        int status = weir_parallel_write(parallel, together, NULL);
        assert_error(weir_parallel_error(parallel), WEIR_OK);
        assert_status(status, WEIR_OK);
        weir_parallel_info(parallel, &figures);
        assert_true(figures.memory_peak > 0 && figures.memory_peak <= rounds[i].memory);
        assert_status(weir_parallel_close(&parallel), WEIR_OK);
        assert_same_file(together, alone);
        unlink(together);
    }
    /* a row that no share has room for; and shares that are none */
    weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 2, .order = "id not null", .memory = 208 << 10));
    test_side_run(db, db->postgresql ? "UPDATE t SET v = repeat('x', 200000) WHERE id = 4000" : "UPDATE t SET v = printf('%200000d', 1) WHERE id = 4000");
    assert_status(weir_parallel_write(parallel, together, NULL), WEIR_BUDGET_EXCEEDED);
    assert_contains(weir_parallel_error(parallel)->message, "id = 4000");
    assert_status(weir_parallel_close(&parallel), WEIR_BUDGET_EXCEEDED);
    parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 4, .order = "id not null", .memory = 100 << 10));
    assert_error(weir_parallel_error(parallel), WEIR_ARGUMENT);
    assert_status(weir_parallel_close(&parallel), WEIR_ARGUMENT);
    weir_stmt_free(&stmt);
    unlink(alone);
}

/* ---- failures --------------------------------------------------------------------------------------------------------------------------- */
static int give_up(weir_range_read *read, const weir_partition *rows, weir_error *error)
{
    (void)rows;
    if (read->number < 2)
        return WEIR_OK;
    snprintf(error->message, sizeof error->message, "enough of it");
    return error->status = WEIR_DATA;
}

static int dropped;
static pthread_mutex_t drop_mutex = PTHREAD_MUTEX_INITIALIZER;
static int begin_counted(weir_range_read *read, const weir_result *result, weir_error *error)
{
    (void)read, (void)result, (void)error;
    pthread_mutex_lock(&drop_mutex);
    dropped++;
    pthread_mutex_unlock(&drop_mutex);
    return WEIR_OK;
}
static int end_counted(weir_range_read *read, weir_error *error) { return begin_counted(read, NULL, error); }
static void drop_counted(weir_range_read *read) { begin_counted(read, NULL, NULL); }

/* What was begun was ended or dropped, and nothing hangs. */
static void test_the_first_error_wins(void **state)
{
    test_database *db = *state;
    make_t(db, 12000);
    for (int i = 0; i < 2; i++) {
        dropped = 0;
        weir_parallel *parallel = open_on(db->engine, 3, 0);
        assert_status(weir_parallel_run(parallel, i ? WEIR_PARALLEL_CALLS(.begin = begin_counted, .rows = give_up, .end = end_counted, .drop = drop_counted)
                                                    : WEIR_PARALLEL_CALLS(.rows = give_up)), WEIR_DATA);
        assert_contains(weir_parallel_error(parallel)->message, "enough of it");
        assert_contains(weir_parallel_error(parallel)->message, "range ");
        assert_int_equal(dropped % 2, 0);
        assert_status(weir_parallel_close(&parallel), WEIR_DATA);
    }
    /* a value that cannot be computed, in the middle: no file is left */
    char path[128];
    path_of(path, "-failed.csv");
    weir_stmt *stmt = weir_sql(db->postgresql ? "SELECT id, 1 / (id - 7000) AS v FROM t" : "SELECT id, CASE WHEN id = 7000 THEN CAST(x'FF' AS text) END AS v FROM t");
    for (int split = 0; split < 2; split++) {
        char command[256];
        weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.order = "id", .range_bytes = SMALL_RANGE));
        int status = split ? weir_parallel_write_split(parallel, path, NULL) : weir_parallel_write(parallel, path, NULL);
        assert_status(status, WEIR_DATA);
        assert_status(weir_parallel_close(&parallel), WEIR_DATA);
        snprintf(command, sizeof command, "test -z \"$(ls -A /tmp | grep weir-parallel-%ld)\"", (long)getpid());
        assert_int_equal(system(command), 0);
    }
    weir_stmt_free(&stmt);
}

static void *cancel_soon(void *parallel)
{
    test_sleep_ms(300);
    weir_parallel_cancel(parallel);
    return NULL;
}

static void test_a_cancel_and_a_dead_server(void **state)
{
    test_database *db = *state;
    pthread_t thread;
    make_t(db, 4000);
    weir_stmt *stmt = weir_sql("SELECT * FROM t WHERE pg_sleep(0.01) IS NOT NULL");
    for (int killed = 0; killed < 2; killed++) {
        weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 3, .order = "id", .range_bytes = 4 * SMALL_RANGE));
        assert_status(weir_parallel_plan(parallel), WEIR_OK);
        int64_t started = test_now_ms();
        if (killed)
            test_side_run(db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND "
                              "datname = current_database() AND pid <> pg_backend_pid() ORDER BY backend_start LIMIT 1");
        else
            pthread_create(&thread, NULL, cancel_soon, parallel);
        int status = weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.context = NULL));
        assert_status(status, killed ? WEIR_OPERATIONAL : WEIR_CANCELLED);
        assert_true(test_now_ms() - started < 4000);
        if (!killed)
            pthread_join(thread, NULL);
        assert_status(weir_parallel_close(&parallel), killed ? WEIR_OPERATIONAL : WEIR_CANCELLED);
    }
    weir_stmt_free(&stmt);
}

#define END_OTHERS "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE state = 'idle in transaction' AND " \
                   "datname = current_database() AND pid <> pg_backend_pid()"

typedef struct losing { test_database *db; weir_parallel *parallel; } losing;

/* Behind the last row of the first range, which alone has no lower bound; the others wait for what comes of it. */
static int lose_the_connection(weir_range_read *read, const weir_partition *rows, weir_error *error)
{
    const losing *l = read->context;
    (void)rows, (void)error;
    if (read->number == 0)
        assert_true(test_side_int(l->db, END_OTHERS " AND query NOT LIKE '%$2%'") > 0);
    for (int i = 0; read->number > 0 && i < 2000 && weir_parallel_error(l->parallel)->status == WEIR_OK; i++)
        test_sleep_ms(5);
    return WEIR_OK;
}

static void lose_the_first(const weir_log_event *event, void *context)
{
    if (event->kind == WEIR_LOG_STATEMENT && strstr(event->message, "SET TRANSACTION SNAPSHOT"))
        assert_int_equal(test_side_int(context, END_OTHERS), 1);
}

/* It is told as that, whatever met it: not as a transaction that wants a rollback, nor as a snapshot with a wrong name. */
static void test_a_lost_connection_is_told_as_one(void **state)
{
    test_database *db = *state;
    weir_engine *engine;
    make_t(db, 12000);
    weir_stmt *stmt = weir_sql("SELECT * FROM t");
    weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 2, .order = "id not null", .range_bytes = SMALL_RANGE));
    weir_stmt_free(&stmt);
    losing l = { db, parallel };
    assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.rows = lose_the_connection, .context = &l)), WEIR_OPERATIONAL);
    assert_true(weir_parallel_error(parallel)->disconnect);
    assert_string_equal(weir_parallel_error(parallel)->sqlstate, "57P01");
    assert_status(weir_parallel_close(&parallel), WEIR_OPERATIONAL);
    assert_status(weir_engine_open(&engine, db->url, WEIR_ENGINE_OPTIONS(.log = lose_the_first, .log_context = db)), WEIR_OK);
    parallel = open_on(engine, 2, 0);
    assert_status(weir_parallel_plan(parallel), WEIR_OPERATIONAL);
    assert_true(weir_parallel_error(parallel)->disconnect);
    assert_string_equal(weir_parallel_error(parallel)->sqlstate, "57P01");
    assert_status(weir_parallel_close(&parallel), WEIR_OPERATIONAL);
    weir_engine_close(&engine);
}

static void test_a_cancel_that_comes_too_late(void **state)
{
    test_database *db = *state;
    make_t(db, 4000);
    weir_parallel *parallel = open_on(db->engine, 2, 0);
    assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.context = NULL)), WEIR_OK);
    weir_parallel_cancel(parallel);
    assert_error(weir_parallel_error(parallel), WEIR_OK);
    assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.context = NULL)), WEIR_INVALID_REQUEST);
    assert_status(weir_parallel_close(&parallel), WEIR_INVALID_REQUEST);
}

static void test_what_cannot_be_cut_is_refused(void **state)
{
    test_database *db = *state;
    static const struct { const char *sql, *order; int jobs, status; } cases[] = {
        { "SELECT * FROM t", NULL, 2, WEIR_INVALID_REQUEST },
        { "SELECT * FROM t", "id +", 2, WEIR_ARGUMENT },
        { "SELECT * FROM t", "id", 257, WEIR_ARGUMENT },
        { "SELECT * FROM t; SELECT 1", "id", 2, WEIR_INVALID_REQUEST },
        { "SELECT v FROM t", "id", 2, WEIR_DBAPI },
    };
    make_t(db, 3000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_stmt *stmt = weir_sql(cases[i].sql);
        weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = cases[i].jobs, .order = cases[i].order));
        assert_status(weir_parallel_run(parallel, WEIR_PARALLEL_CALLS(.context = NULL)), cases[i].status);
        assert_status(weir_parallel_close(&parallel), cases[i].status);
        weir_stmt_free(&stmt);
    }
}

static void test_a_file_per_range(void **state)
{
    test_database *db = *state;
    char path[128], alone[128], command[512];
    make_t(db, 6000);
    path_of(path, ".csv");
    path_of(alone, "-alone");
    write_alone(db, "SELECT * FROM t", "id", alone);
    weir_parallel *parallel = open_on(db->engine, 3, 0);
    assert_status(weir_parallel_write_split(parallel, path, NULL), WEIR_OK);
    assert_status(weir_parallel_close(&parallel), WEIR_OK);
    path[strlen(path) - 4] = 0;
    snprintf(command, sizeof command, "cd /tmp && head -n 1 %s.000000.csv > %s.all && for f in $(sed -n 's/.*\"file\":\"\\([^\"]*\\)\".*/\\1/p' %s.manifest.json); "
             "do tail -n +2 $f >> %s.all; done && cmp %s.all %s && sed -n 's/.*\"file\":\"\\([^\"]*\\)\".*\"sha256\":\"\\([^\"]*\\)\".*/\\2  \\1/p' "
             "%s.manifest.json | sha256sum -c --quiet", path, path, path, path, path, alone, path);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "rm -f %s* %s", path, alone);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_integer_keys),
        ON_BOTH(test_other_kinds_of_keys),
        ON_BOTH(test_nulls_in_keys),
        ON_BOTH(test_no_row_and_one_row),
        ON_POSTGRESQL(test_statistics_that_are_wrong),
        ON_BOTH(test_what_no_index_serves_is_one_range),
        ON_POSTGRESQL(test_partitioned_tables),
        ON_BOTH(test_all_jobs_see_one_moment),
        ON_BOTH(test_bytes_in_order_by_way_of_the_disk),
        ON_BOTH(test_a_budget_for_all_jobs),
        ON_BOTH(test_the_first_error_wins),
        ON_POSTGRESQL(test_a_cancel_and_a_dead_server),
        ON_POSTGRESQL(test_a_lost_connection_is_told_as_one),
        ON_BOTH(test_a_cancel_that_comes_too_late),
        ON_BOTH(test_what_cannot_be_cut_is_refused),
        ON_BOTH(test_a_file_per_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
