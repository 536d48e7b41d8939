/* Connections and their statements: what tests of them begin with. */
#ifndef TEST_CONNECTIONS_H
#define TEST_CONNECTIONS_H
#include "support.h"

#define ORDERS "SELECT id FROM orders ORDER BY id"
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define INSERT_ORDER(id) "INSERT INTO orders VALUES (" #id ", 1, 1, 'new')"

static inline weir_result *query(weir_connection *connection, const char *sql, const weir_execution_options *options)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, options);
    weir_stmt_free(&stmt);
    return result;
}

/* Runs a statement that must fail with this class. */
static inline void run_fails(weir_connection *connection, const char *sql, int kind)
{
    int64_t status = weir_connection_run(connection, sql);
    assert_true(status < 0);
    assert_error(weir_connection_error(connection), kind);
    assert_int_equal(weir_connection_error(connection)->status, status);
}

static inline int64_t orders_outside(test_database *db) { return test_side_int(db, "SELECT count(*) FROM orders"); }

/* The first value of a query's only row as text. */
static inline const char *text_of(weir_connection *connection, const char *sql, char *buffer, size_t size)
{
    weir_result *result = query(connection, sql, NULL);
    const weir_value *value = weir_result_scalar_one(result);
    assert_error(weir_result_error(result), WEIR_OK);
    weir_value_format(value, buffer, size);
    close_result_ok(&result);
    return buffer;
}

static inline void assert_text(weir_connection *connection, const char *sql, const char *wanted)
{
    char seen[256];
    assert_string_equal(text_of(connection, sql, seen, sizeof seen), wanted);
}

static inline weir_connection *connect_with(test_database *db, weir_engine **engine, const char *const *args)
{
    *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = args));
    return weir_engine_connect(*engine);
}

static inline void close_both(weir_connection **connection, weir_engine **engine)
{
    close_connection_ok(connection);
    weir_engine_close(engine);
}
#endif
