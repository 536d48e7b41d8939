/* One statement read by several connections: its rows are those of a single stream, in its order, whatever kind the key is and whatever
 * the statistics say; files; snapshots; failures. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_integer_keys),
        ON_BOTH(test_other_kinds_of_keys),
        ON_BOTH(test_nulls_in_keys),
        ON_BOTH(test_no_row_and_one_row),
        ON_POSTGRESQL(test_statistics_that_are_wrong),
        ON_POSTGRESQL(test_what_no_index_serves_is_one_range),
        ON_POSTGRESQL(test_partitioned_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
