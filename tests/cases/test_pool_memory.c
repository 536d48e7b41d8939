/* Allocations that fail under a pool that lives on: told, places and connections come back, the next user is served. */
#include "trouble.h"
#include <stdio.h>
#include <stdlib.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)

/* ---- an allocator that fails at the chosen call ------------------------------------------------------------------------ */

static struct { long calls, fail_at; bool failed; } memory;

static bool fails(void)
{
    if (++memory.calls != memory.fail_at)
        return false;
    memory.failed = true;
    return true;
}

static void *allocate(size_t size, void *context)
{
    (void)context;
    return fails() ? NULL : malloc(size);
}

static void *resize(void *block, size_t size, void *context)
{
    (void)context;
    return fails() ? NULL : realloc(block, size);
}

static void release(void *block, void *context)
{
    (void)context;
    free(block);
}

/* ---- sessions: each gives the first error that it met ------------------------------------------------------------------------ */

static int keep(int first, int64_t status) { return first != WEIR_OK ? first : status < 0 ? (int)status : WEIR_OK; }

/* Rows are right, and fewer only with an error. */
static int read_rows(weir_connection *connection, const char *sql, const weir_execution_options *options, int64_t rows,
                     const char *between)
{
    weir_result *result = test_query(connection, sql, options);
    int64_t read = 0;
    int first = WEIR_OK;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
        assert_int_equal(weir_row_int64_at(row, 0), ++read);
        if (between && read == 3)
            first = keep(first, weir_connection_run(connection, between));
    }
    int status = weir_result_close(&result);
    if (status == WEIR_OK)
        assert_int_equal(read, rows);
    return keep(first, status);
}

#define NUMBERS "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 40) " \
                "SELECT id, 'text ' || id FROM n ORDER BY id"

static int use(weir_connection *connection, bool postgresql)
{
    int first = read_rows(connection, NUMBERS, NULL, 40, NULL);
    first = keep(first, read_rows(connection, NUMBERS, OPTIONS(.yield_per = 7), 40, NULL));
    first = keep(first, read_rows(connection, NUMBERS, OPTIONS(.yield_per = 7), 40, "SELECT 1"));   /* a batch is taken raw */
    int savepoint = weir_connection_savepoint(connection);
    first = keep(first, savepoint);
    if (savepoint > 0)
        first = keep(first, weir_connection_savepoint_rollback(connection, savepoint));
    if (!postgresql)
        return first;
    first = keep(first, read_rows(connection, NUMBERS, OPTIONS(.yield_per = 7, .cursor_mode = WEIR_CURSOR_DECLARE), 40, NULL));
    first = keep(first, read_rows(connection, "SELECT id, repeat('g', 400000), ARRAY[id, 2], NULL::mood "
                                              "FROM generate_series(1, 5) AS id ORDER BY id",
                                  OPTIONS(.yield_per = 2), 5, "SELECT repeat('h', 300000)"));
    return first;
}

static int run_session(weir_engine *engine, bool postgresql)
{
    weir_connection *connection = weir_engine_begin(engine), *other = weir_engine_connect(engine);
    int first = weir_connection_error(connection)->status;
    if (first == WEIR_OK)
        first = use(connection, postgresql);
    first = keep(first, weir_connection_close(&other));
    return keep(first, weir_connection_close(&connection));
}

static void test_a_pool_outlives_each_allocation_that_fails(void **state)
{
    test_database *db = *state;
    long told = 0;
    test_side_run(db, db->postgresql ? "CREATE TYPE mood AS ENUM ('sad', 'happy')" : "CREATE TABLE t(id integer)");
    weir_engine *engine;
    assert_int_equal(weir_engine_open(&engine, db->url, POOL(.pool_size = 1, .pool_pre_ping = WEIR_ON)), WEIR_OK);
    assert_int_equal(run_session(engine, db->postgresql), WEIR_OK);
    weir_engine_dispose(engine);
    memory.calls = 0;
    assert_int_equal(run_session(engine, db->postgresql), WEIR_OK);
    long calls = memory.calls;
    for (long at = 1; at <= calls; at++) {
        if (at % 3 == 0)                /* else the connection stays, with all that it has learned */
            weir_engine_dispose(engine);
        memory.calls = 0;
        memory.failed = false;
        memory.fail_at = at;
        int status = run_session(engine, db->postgresql);
        memory.fail_at = 0;
        if (status != WEIR_OK && status != WEIR_OUT_OF_MEMORY)
            fail_msg("allocation %ld of %ld: %s", at, calls, weir_status_name(status));
        assert_true(memory.failed || status == WEIR_OK);
        told += status == WEIR_OUT_OF_MEMORY;
        assert_int_equal(test_pool_status(engine).checked_out, 0);
        assert_int_equal(test_pool_status(engine).waiters, 0);
        if (at % 5 == 0)
            assert_int_equal(run_session(engine, db->postgresql), WEIR_OK);
    }
    assert_true(told > calls / 4);
    weir_engine_close(&engine);
}

int main(void)
{
    static const weir_allocator allocator = { allocate, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = { ON_BOTH(test_a_pool_outlives_each_allocation_that_fails) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
