/* Parquet files written by a program, in a thread and in a task: files, parts, what is refused. What is in
 * the files is tested by other programs' readers (tests/readers). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "support.h"

enum { ROWS = 150000 };

static char directory[] = "/tmp/weir-parquet-case-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static weir_result *numbers(weir_connection *connection, weir_stmt **query, int rows)
{
    char sql[256];
    snprintf(sql, sizeof sql, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
             "SELECT i, i * 7919 %% 10007 AS spread, CASE WHEN i %% 3 = 0 THEN NULL ELSE 'text ' || i END AS t FROM n", rows);
    *query = weir_sql(sql);
    weir_yield_per(*query, 1000);
    return weir_connection_execute(connection, *query, NULL);
}

static int64_t export_numbers(weir_engine *engine, const char *path, int rows, const weir_writer_options *options)
{
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *query;
    weir_result *result = numbers(connection, &query, rows);
    weir_writer *writer = weir_writer_open(path, options);
    assert_status(weir_writer_result(writer, result), WEIR_OK);
    int64_t written = weir_writer_rows(writer), bytes = weir_writer_bytes(writer);
    assert_true(bytes >= 4);
    assert_status(weir_writer_close(&writer), WEIR_OK);
    close_result_ok(&result);
    weir_stmt_free(&query);
    close_connection_ok(&connection);
    return written;
}

static void assert_parquet(const char *path)
{
    char marks[8] = "";
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(marks, 1, 4, f), 4);
    assert_int_equal(fseek(f, -4, SEEK_END), 0);
    assert_int_equal(fread(marks + 4, 1, 4, f), 4);
    fclose(f);
    assert_memory_equal(marks, "PAR1PAR1", 8);
    assert_int_equal(unlink(path), 0);
}

static void test_a_stream_becomes_a_parquet_file(void **state)
{
    test_database *db = *state;
    static const int sizes[] = { 1, 999, 1001, ROWS };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(export_numbers(db->engine, path_of("n.parquet"), sizes[i], NULL), sizes[i]);
        assert_parquet(path_of("n.parquet"));
    }
    assert_int_equal(export_numbers(db->engine, path_of("n"), 5000, WEIR_WRITER_OPTIONS(.format = "parquet", .compression = "snappy",
        .row_group_bytes = 30000, .dictionary = WEIR_OFF)), 5000);
    assert_parquet(path_of("n"));
}

static void test_a_stream_becomes_parts(void **state)
{
    test_database *db = *state;
    assert_int_equal(export_numbers(db->engine, path_of("parts/"), 2500, WEIR_WRITER_OPTIONS(.format = "parquet", .partition_rows = 1000)), 2500);
    assert_parquet(path_of("parts/part-00000.parquet"));
    assert_parquet(path_of("parts/part-00001.parquet"));
    weir_writer *writer = weir_writer_open(path_of("parts"), WEIR_WRITER_OPTIONS(.format = "parquet", .partition_rows = 1000));
    assert_error(weir_writer_error(writer), WEIR_INVALID_REQUEST);
    assert_non_null(strstr(weir_writer_error(writer)->message, "holds parts already, as part-00002.parquet"));
    weir_writer_abort(&writer);
    assert_parquet(path_of("parts/part-00002.parquet"));
    assert_int_equal(rmdir(path_of("parts")), 0);
}

static void test_options_of_other_formats_are_refused(void **state)
{
    (void)state;
    const struct { const char *path; weir_writer_options options; const char *message; } cases[] = {
        { "x.csv", { .compression = "zstd" }, "options of parquet, not of csv" },
        { "x.jsonl", { .decimal = "9,2" }, "options of parquet, not of jsonl" },
        { "x.parquet", { .null_text = "NULL" }, "an option of csv" },
        { "x.jsonl", { .null_text = "NULL" }, "an option of csv" },
        { "x.arrow", { .null_text = "NULL" }, "an option of csv" },
        { "x.parquet", { .compression = "gzip" }, "unknown compression 'gzip'" },
        { "x.parquet", { .decimal = "9,10" }, "no precision and scale" },
        { "x.parquet", { .decimal = "9,2x" }, "no precision and scale" },
        { "x.parquet", { .metadata = (const char *const[]){ "key", NULL } }, "'key', has no value" },
        { "x.parquet", { .partition_rows = -1 }, "parts of -1 rows" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_writer_options options = cases[i].options;
        options.struct_size = sizeof options;
        weir_writer *writer = weir_writer_open(path_of(cases[i].path), &options);
        assert_error(weir_writer_error(writer), WEIR_ARGUMENT);
        assert_non_null(strstr(weir_writer_error(writer)->message, cases[i].message));
        assert_status(weir_writer_close(&writer), WEIR_ARGUMENT);
        assert_int_not_equal(access(path_of(cases[i].path), F_OK), 0);
    }
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_stream_becomes_a_parquet_file),
        ON_BOTH(test_a_stream_becomes_parts),
        ON_BOTH(test_options_of_other_formats_are_refused),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
