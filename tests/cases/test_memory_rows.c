/* Connections and rows without memory: every way to connect and to read, every kind of value, budgets, transactions; live tables
 * reflected and copied. Each allocation fails: alone, and with all that come behind it. */
#include "support_memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)

/* ---- the pool: several at once, dispose, options, detach, invalidate ----------------------------------------------------------- */

static int use_pool(weir_engine *engine, test_database *db)
{
    (void)db;
    weir_engine *serial = weir_engine_with_options(engine, OPTIONS(.isolation_level = WEIR_SERIALIZABLE));
    weir_connection *one = weir_engine_connect(serial), *two = weir_engine_begin(engine);
    int first = test_first(weir_engine_error(serial)->status, weir_connection_error(one)->status);
    first = test_first(first, weir_connection_error(two)->status);
    first = test_first(first, first == WEIR_OK ? (int)weir_connection_run(one, "SELECT 1") : first);
    first = test_first(first, first == WEIR_OK ? (int)weir_connection_run(two, "SELECT 1") : first);
    first = test_first(first, first == WEIR_OK ? weir_connection_invalidate(one) : first);
    if (first == WEIR_OK) {
        first = test_first(first, weir_connection_rollback(one));
        first = test_first(first, first == WEIR_OK ? (int)weir_connection_run(one, "SELECT 1") : first);
    }
    first = test_first(first, first == WEIR_OK ? weir_connection_detach(two) : first);
    first = test_still_works(one, first);
    int closed = test_first(weir_connection_close(&one), weir_connection_close(&two));
    weir_engine_dispose(engine);
    weir_engine_close(&serial);
    return test_first(first, closed);
}

/* ---- streams: each mode; two at once; a failing one ---------------------------------------------------------------------------------- */

enum { ROWS = 40 };

static int read_ids(weir_result *result, int64_t from, int64_t *read)
{
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ++*read)
        assert_int_equal(weir_row_int64_at(row, 0), ++from);
    return weir_result_error(result)->status;
}

static int stream_with(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options)
{
    int64_t read = 0;
    weir_result *result = weir_connection_execute(connection, stmt, options);
    read_ids(result, 0, &read);
    int first = weir_result_close(&result);
    if (first == WEIR_OK)
        assert_int_equal(read, ROWS);
    return first;
}

static int interleave(weir_connection *connection, const weir_stmt *stmt)
{
    weir_result *a = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 3)), *b = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 7));
    int64_t read = 0;
    const weir_row *x, *y;
    do {
        x = weir_result_next(a);
        y = weir_result_next(b);
        if (x)
            assert_int_equal(weir_row_int64_at(x, 0), read + 1);
        if (y)
            assert_int_equal(weir_row_int64_at(y, 0), read + 1);
        read += x && y;
    } while (x && y);
    /* When the connection is lost to the one, the other one is closed. */
    int first = weir_result_close(&a), second = weir_result_close(&b);
    if (first == WEIR_OK && second == WEIR_OK)
        assert_int_equal(read, ROWS);
    return first == WEIR_RESOURCE_CLOSED && second != WEIR_OK ? second : test_first(first, second);
}

static int read_streams(weir_engine *engine, test_database *db)
{
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders WHERE id <= :most ORDER BY id");
    WEIR_BIND(stmt, "most", (int64_t)1000);
    int first = weir_connection_error(connection)->status;
    static const weir_execution_options ways[] = {
        { .struct_size = sizeof *ways },
        { .struct_size = sizeof *ways, .yield_per = 4 },
        { .struct_size = sizeof *ways, .stream_results = WEIR_ON, .max_row_buffer = 8 },
        { .struct_size = sizeof *ways, .yield_per = 4, .prepared = WEIR_OFF, .prefetch = WEIR_OFF },
        { .struct_size = sizeof *ways, .memory = 256 << 10 },
        { .struct_size = sizeof *ways, .yield_per = 4, .cursor_mode = WEIR_CURSOR_DECLARE },
        { .struct_size = sizeof *ways, .yield_per = 4, .cursor_mode = WEIR_CURSOR_HOLD },
    };
    for (size_t i = 0; first == WEIR_OK && i < (db->postgresql ? 7 : 5); i++)
        first = stream_with(connection, stmt, &ways[i]);
    first = test_first(first, first == WEIR_OK ? interleave(connection, stmt) : first);
    if (first == WEIR_OK) {         /* the server's error is told, or that there was no memory */
        int64_t failed = weir_connection_run(connection, "SELECT nothing FROM nowhere");
        assert_true(failed < 0);
        first = failed == WEIR_OUT_OF_MEMORY ? WEIR_OUT_OF_MEMORY : weir_connection_rollback(connection);
    }
    first = test_still_works(connection, first);
    first = test_first(first, weir_connection_close(&connection));
    weir_stmt_free(&stmt);
    return first;
}

/* ---- rows too wide for what is held, under a budget: the rest is spilled ------------------------------------------------------------ */

static int read_under_a_budget(weir_engine *engine, test_database *db)
{
    (void)db;
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql(db->postgresql ? "SELECT id, repeat('w', CASE WHEN id < 30 THEN 10 ELSE 20000 END) FROM generate_series(1, 90) AS id"
                                              : "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g WHERE id < 90) "
                                                "SELECT id, replace(hex(zeroblob(CASE WHEN id < 30 THEN 10 ELSE 20000 END)), '00', 'w') FROM g");
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.memory = 512 << 10));
    int64_t read = 0;
    int first = WEIR_OK;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
        assert_int_equal(weir_row_int64_at(row, 0), ++read);
        assert_int_equal(weir_row_text_at(row, 1).len, read < 30 ? 10 : 20000);
        if (first == WEIR_OK && read % 30 == 3)
            first = test_first(first, (int)weir_connection_run(connection, "SELECT 1"));
    }
    first = test_first(first, weir_result_close(&result));
    if (first == WEIR_OK)
        assert_int_equal(read, 90);
    weir_stmt_free(&stmt);
    first = test_still_works(connection, first);
    return test_first(first, weir_connection_close(&connection));
}

/* ---- values of every kind, as texts, copied, retained -------------------------------------------------------------------------------- */

static int read_values(weir_engine *engine, test_database *db)
{
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql(db->postgresql
        ? "SELECT 12345678901234567890.5::numeric, '{1,2,NULL}'::int[], '{\"k\": [1, 2]}'::jsonb, 'x'::bytea, now(), current_date, '1 day'::interval,"
          " '00000000-0000-0000-0000-000000000001'::uuid, repeat('long ', 40000), '{a,\"b c\"}'::text[], '10.0.0.1'::inet FROM generate_series(1, 3)"
        : "SELECT 1.5, 'text', x'00ff', NULL, 7, replace(hex(zeroblob(100000)), '00', 'w') FROM (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3)");
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 2));
    int first = WEIR_OK;
    int64_t read = 0;
    const weir_row *kept = NULL;
    for (const weir_row *row; first == WEIR_OK && (row = weir_result_next(result)) != NULL; read++) {
        if (!kept)
            kept = weir_row_retain(row);
    }
    first = test_first(first, weir_result_close(&result));
    if (first == WEIR_OK)
        assert_int_equal(read, 3);
    weir_row_release(&kept);
    weir_stmt_free(&stmt);
    first = test_still_works(connection, first);
    return test_first(first, weir_connection_close(&connection));
}

/* ---- transactions ------------------------------------------------------------------------------------------------------------------------ */

static int use_savepoints(weir_engine *engine, test_database *db)
{
    (void)db;
    weir_connection *connection = weir_engine_connect(engine);
    int first = (int)weir_connection_run(connection, "INSERT INTO invoices(id, tenant_id, total_cents, status) VALUES (1001, 1, 1, 'x')");
    for (int i = 0; i < 3 && first >= WEIR_OK; i++) {
        int outer = weir_connection_savepoint(connection), inner = outer > 0 ? weir_connection_savepoint(connection) : outer;
        first = test_first(WEIR_OK, outer);
        first = test_first(first, inner);
        if (first == WEIR_OK)
            first = test_first(first, (int)weir_connection_run(connection, "DELETE FROM invoices WHERE id = 1001"));
        first = test_first(first, first == WEIR_OK ? weir_connection_savepoint_rollback(connection, inner) : first);
        first = test_first(first, first == WEIR_OK ? weir_connection_savepoint_release(connection, outer) : first);
    }
    first = first < 0 ? first : WEIR_OK;
    if (first == WEIR_OK) {
        test_memory_pause();
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices WHERE id = 1001"), 1);
        test_memory_resume();
        first = weir_connection_rollback(connection);
    }
    first = test_still_works(connection, first);
    return test_first(first, weir_connection_close(&connection));
}

/* ---- live tables -------------------------------------------------------------------------------------------------------------------------- */

static int take_text(const char *text, size_t length, void *context)
{
    (void)text;
    *(size_t *)context += length;
    return WEIR_OK;
}

static int reflect_all(weir_engine *engine, test_database *db)
{
    static size_t lengths[2];
    size_t *whole = &lengths[db->postgresql];
    weir_error error;
    size_t length = 0;
    weir_connection *connection = weir_engine_connect(engine);
    int first = weir_schema_reflect(connection, WEIR_REFLECT_OPTIONS(.prefix = "my_"), take_text, &length, &error);
    assert_true(length == 0 || !*whole || *whole == length);        /* never half of it */
    if (first == WEIR_OK)
        *whole = length;
    else
        assert_int_equal(error.status, first);
    first = test_still_works(connection, first);
    first = test_first(first, weir_connection_close(&connection));
    weir_connection *from = weir_engine_connect(engine), *to = weir_engine_connect(engine);
    first = test_first(first, first == WEIR_OK ? weir_create_like(from, "orders", to, "orders_like", &error) : first);
    if (first == WEIR_OK)
        first = weir_connection_rollback(to);
    first = test_first(first, weir_connection_close(&from));
    return test_first(first, weir_connection_close(&to));
}

/* ---- the tests --------------------------------------------------------------------------------------------------------------------------- */

static void test_pools_without_memory(void **state)
{
    test_fail_allocations(*state, "pool: several, invalidated, detached, disposed", use_pool, TEST_COLD);
}

static void test_tls_without_memory(void **state)
{
    test_database secure = *(test_database *)*state;
    snprintf(secure.url, sizeof secure.url, "%s", test_environment("WEIR_TEST_PG_TLS"));
    test_fail_allocations(&secure, "pool over TLS and SCRAM", use_pool, TEST_COLD);
}

static void test_streams_without_memory(void **state)
{
    test_fixture(*state, ROWS);
    test_fail_allocations(*state, "streams of rows, each mode; two at once", read_streams, 0);
}

static void test_budgets_without_memory(void **state)
{
    test_fail_allocations(*state, "budget, with spill", read_under_a_budget, 0);
}

static void test_values_without_memory(void **state)
{
    test_fail_allocations(*state, "values of every kind", read_values, 0);
}

static void test_savepoints_without_memory(void **state)
{
    test_fixture(*state, 1);
    test_fail_allocations(*state, "transactions, savepoints", use_savepoints, 0);
}

static void test_live_tables_without_memory(void **state)
{
    test_fixture(*state, 1);
    test_fail_allocations(*state, "reflect, tables like live ones", reflect_all, 0);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_pools_without_memory),
        ON_POSTGRESQL(test_tls_without_memory),
        ON_BOTH(test_streams_without_memory),
        ON_BOTH(test_budgets_without_memory),
        ON_BOTH(test_values_without_memory),
        ON_BOTH(test_savepoints_without_memory),
        ON_BOTH(test_live_tables_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
