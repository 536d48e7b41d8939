/* What the tests of pools, cancels and faults share. */
#include "trouble.h"
#include <stdio.h>
#include <time.h>

int64_t test_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void test_sleep_ms(int ms) { nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL); }

weir_pool_status test_pool_status(const weir_engine *engine)
{
    weir_pool_status status;
    weir_engine_pool_status(engine, &status);
    return status;
}

void test_assert_pool(const weir_engine *engine, int size, int in, int overflow, int out, const char *file, int line)
{
    weir_pool_status s = test_pool_status(engine);
    if (s.size == size && s.checked_in == in && s.overflow == overflow && s.checked_out == out)
        return;
    print_error("the pool is (%d, %d, %d, %d), wanted (%d, %d, %d, %d)\n", s.size, s.checked_in, s.overflow, s.checked_out,
                size, in, overflow, out);
    _fail(file, line);
}

weir_connection *test_connected(weir_connection *connection, const char *file, int line)
{
    test_assert_error(weir_connection_error(connection), WEIR_OK, file, line);
    return connection;
}

int test_connect_fails(weir_engine *engine, weir_error *error)
{
    weir_connection *connection = weir_engine_connect(engine);
    *error = *weir_connection_error(connection);
    assert_int_equal(weir_connection_close(&connection), error->status);
    assert_int_not_equal(error->status, WEIR_OK);
    return error->status;
}

weir_result *test_query(weir_connection *connection, const char *sql, const weir_execution_options *options)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, options);
    weir_stmt_free(&stmt);
    return result;
}

void test_kill_backend(test_database *db, int pid)
{
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)::int", pid);
    assert_int_equal(test_side_int(db, sql), 1);
}

weir_engine *test_proxied_engine(test_database *db, const test_proxy *proxy, const weir_engine_options *options)
{
    weir_engine *engine;
    weir_engine_options own = options ? *options : (weir_engine_options){ .struct_size = sizeof own };
    own.log = test_log_write;
    own.log_context = db->log;
    if (weir_engine_open(&engine, test_proxy_url(proxy), &own) != WEIR_OK)
        assert_error(weir_engine_error(engine), WEIR_OK);
    return engine;
}
