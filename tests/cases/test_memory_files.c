/* Files out without memory: every format, Arrow streams, many connections, workers. Each allocation fails: alone, and with all that come
 * behind it. A file has its final name only when it is whole. */
#include "support_memory.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 60, LARGEST = 1 << 20 };
static char folder[200];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s/weir-memory-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : test_environment("WEIR_TEST_DIR"));
    assert_non_null(mkdtemp(folder));
}

/* Whatever is in it; gives how many there were whose names contain `part`. */
static int empty_folder(const char *part)
{
    char path[600];
    int count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL; ) {
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.'))
            continue;
        count += strstr(entry->d_name, part) != NULL;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(directory);
    return count;
}

static void remove_folder(void)
{
    empty_folder("");
    assert_int_equal(rmdir(folder), 0);
}

static size_t read_whole(const char *path, char *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t length = fread(bytes, 1, LARGEST, file);
    fclose(file);
    return length;
}

/* ---- one format after the other ----------------------------------------------------------------------------------------------------- */

static const struct way { const char *name, *file, *compression; } ways[] = {
    { "export: csv", "out.csv", NULL }, { "export: jsonl", "out.jsonl", NULL }, { "export: arrow", "out.arrow", NULL },
    { "export: parquet, zstd", "out.parquet", "zstd" }, { "export: parquet, snappy", "out.parquet", "snappy" },
    { "export: parquet, none", "out.parquet", "none" },
};
static const struct way *now;
static char first_bytes[LARGEST], these_bytes[LARGEST];
static size_t first_length;

static int export_rows(weir_engine *engine, test_database *db)
{
    char path[300];
    (void)db;
    snprintf(path, sizeof path, "%s/%s", folder, now->file);
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql("SELECT id, tenant_id, amount_cents, state FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 25));
    weir_writer *writer = weir_writer_open(path, WEIR_WRITER_OPTIONS(.compression = now->compression, .row_group_bytes = now->compression ? 4096 : 0));
    int first = weir_writer_result(writer, result);
    first = test_first(first, weir_writer_close(&writer));
    first = test_first(first, weir_result_close(&result));
    weir_stmt_free(&stmt);
    first = test_still_works(connection, first);
    first = test_first(first, weir_connection_close(&connection));
    size_t length = read_whole(path, these_bytes);
    if (length && !first_length)
        memcpy(first_bytes, these_bytes, first_length = length);
    /* Under its name: whole. Without memory for a dictionary a Parquet file has plain values. */
    if (length && !now->compression)
        assert_true(length == first_length && memcmp(first_bytes, these_bytes, length) == 0);
    else if (length)
        assert_true(length > 8 && memcmp(these_bytes, "PAR1", 4) == 0 && memcmp(these_bytes + length - 4, "PAR1", 4) == 0);
    if (first == WEIR_OK)
        assert_true(length > 0);
    assert_int_equal(empty_folder(""), length > 0);     /* and no temporary file stays */
    return first;
}

/* ---- Arrow streams --------------------------------------------------------------------------------------------------------------------- */

static int read_arrow(weir_engine *engine, test_database *db)
{
    (void)db;
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 25));
    struct ArrowArrayStream stream = { .release = NULL };
    struct ArrowSchema schema = { .release = NULL };
    int64_t rows = 0;
    int failed = 0, first = weir_result_arrow(&result, NULL, &stream);
    if (first == WEIR_OK) {
        failed = stream.get_schema(&stream, &schema);
        for (struct ArrowArray array = { 0 }; !failed && (failed = stream.get_next(&stream, &array)) == 0 && array.release; array.release(&array))
            rows += array.length;
        if (failed) {
            assert_int_equal(failed, ENOMEM);
            assert_non_null(stream.get_last_error(&stream));
            first = WEIR_OUT_OF_MEMORY;
        } else {
            assert_int_equal(rows, ROWS);
        }
        if (schema.release)
            schema.release(&schema);
        stream.release(&stream);
    }
    int closed = weir_result_close(&result);
    if (closed != WEIR_RESOURCE_CLOSED)
        first = test_first(first, closed);
    weir_stmt_free(&stmt);
    first = test_still_works(connection, first);
    return test_first(first, weir_connection_close(&connection));
}

/* ---- many connections, many workers ----------------------------------------------------------------------------------------------------- */

static int write_parallel(weir_engine *engine, bool split)
{
    char path[300];
    snprintf(path, sizeof path, "%s/many.csv", folder);
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders");
    weir_parallel *parallel = weir_parallel_open(engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 2, .order = "id not null", .range_bytes = 4096, .yield_per = 10));
    int first = split ? weir_parallel_write_split(parallel, path, NULL) : weir_parallel_write(parallel, path, NULL);
    int closed = weir_parallel_close(&parallel);
    first = test_first(first, closed);
    weir_stmt_free(&stmt);
    int there = empty_folder(split ? "manifest" : "many.csv");
    if (first == WEIR_OK)
        assert_int_equal(there, 1);
    else
        assert_int_equal(there, 0);
    return first;
}

static int write_one_file(weir_engine *engine, test_database *db) { (void)db; return write_parallel(engine, false); }
static int write_many_files(weir_engine *engine, test_database *db) { (void)db; return write_parallel(engine, true); }

/* A range that failed is tried again: then all is well in the end, or the job has failed, for want of memory. */
static int work(weir_engine *engine, test_database *db)
{
    char reason[640] = "";
    test_memory_pause();
    test_side_run(db, "DROP SCHEMA IF EXISTS weir_jobs CASCADE");
    test_memory_resume();
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders");
    weir_worker *worker = weir_worker_open(engine, stmt, WEIR_WORKER_OPTIONS(.job = "memory", .directory = folder, .order = "id not null", .attempts = 2));
    int first = weir_worker_run(worker);
    snprintf(reason, sizeof reason, "%s", weir_worker_error(worker)->message);
    int closed = weir_worker_close(&worker);
    first = test_first(first, closed);
    weir_stmt_free(&stmt);
    int manifests = empty_folder("manifest");
    if (first == WEIR_OK)
        assert_int_equal(manifests, 1);
    if (first == WEIR_ERROR && strstr(reason, "memory"))
        first = WEIR_OUT_OF_MEMORY;
    return first;
}

/* ---- the tests --------------------------------------------------------------------------------------------------------------------------- */

static void test_exports_without_memory(void **state)
{
    test_database *db = *state;
    make_folder();
    test_fixture(db, ROWS);
    for (now = ways; now < ways + sizeof ways / sizeof *ways; now++) {
        first_length = 0;
        test_fail_allocations(db, now->name, export_rows, 0);
    }
    remove_folder();
}

static void test_arrow_streams_without_memory(void **state)
{
    test_fixture(*state, ROWS);
    test_fail_allocations(*state, "Arrow streams", read_arrow, 0);
}

static void test_many_connections_without_memory(void **state)
{
    test_database *db = *state;
    make_folder();
    test_fixture(db, ROWS * 10);
    if (db->postgresql)
        test_side_run(db, "ANALYZE orders");
    test_fail_allocations(db, "several connections, one file", write_one_file, TEST_THREADS_ONLY | TEST_POOL_OF_FOUR);
    test_fail_allocations(db, "several connections, split files", write_many_files, TEST_THREADS_ONLY | TEST_POOL_OF_FOUR);
    remove_folder();
}

static void test_workers_without_memory(void **state)
{
    test_database *db = *state;
    make_folder();
    test_fixture(db, ROWS);
    test_fail_allocations(db, "worker: job, range, manifest", work, TEST_THREADS_ONLY | TEST_POOL_OF_FOUR | TEST_DOES_WITHOUT);
    remove_folder();
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_exports_without_memory),
        ON_BOTH(test_arrow_streams_without_memory),
        ON_BOTH(test_many_connections_without_memory),
        ON_POSTGRESQL(test_workers_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
