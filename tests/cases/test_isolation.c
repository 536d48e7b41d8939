/* Isolation levels, AUTOCOMMIT, read-only transactions, and options that read back (cases.md 196, 198, 199; semantics TXN-1 to
 * TXN-6, AVS-10). */
#include "connections.h"
#include <stdio.h>

/* ---- isolation levels and AUTOCOMMIT ----------------------------------------------------------------------------- */

static void test_case_198_where_isolation_levels_may_be_set(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(ORDERS);
    weir_stmt_options(stmt, OPTIONS(.isolation_level = WEIR_SERIALIZABLE));
    assert_error(weir_stmt_error(stmt), WEIR_ARGUMENT);
    assert_string_equal(
        weir_stmt_error(stmt)->message,
        "'isolation_level' execution option may only be specified on Connection.execution_options(), or per-engine "
        "using the isolation_level argument to create_engine().");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    weir_stmt_free(&stmt);
    result = query(connection, ORDERS, OPTIONS(.isolation_level_name = "SERIALIZABLE"));
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    result = query(connection, ORDERS, OPTIONS(.read_only = WEIR_ON));
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);

    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level_name = "FOO")), WEIR_ARGUMENT);
    assert_contains(weir_connection_error(connection)->message, "FOO");
    assert_contains(weir_connection_error(connection)->message,
                    "AUTOCOMMIT, READ COMMITTED, READ UNCOMMITTED, REPEATABLE READ, SERIALIZABLE");
    if (!db->postgresql) {
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level_name = "repeatable_read")), WEIR_ARGUMENT);
        assert_contains(weir_connection_error(connection)->message, "READ UNCOMMITTED, SERIALIZABLE, AUTOCOMMIT");
    }
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level_name = "serializable")), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_connection_error(connection)->message,
                        "This connection has already initialized a SQLAlchemy Transaction() object via begin() or autobegin; "
                        "isolation_level may not be altered unless rollback() or commit() is called first.");
    assert_status(weir_connection_options(connection, OPTIONS(.read_only = WEIR_ON)), WEIR_INVALID_REQUEST);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = 3)), WEIR_OK);   /* any other option may */
    close_connection_ok(&connection);
}

static const char *setting(weir_connection *connection, const char *name, char *buffer, size_t size)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SHOW %s", name);
    weir_result *result = query(connection, sql, NULL);
    const weir_value *value = weir_result_scalar(result);
    assert_error(weir_result_error(result), WEIR_OK);
    weir_value_format(value, buffer, size);
    close_result_ok(&result);
    return buffer;
}

static void assert_isolation(weir_connection *connection, const char *level)
{
    char seen[64];
    assert_string_equal(setting(connection, "transaction_isolation", seen, sizeof seen), level);
    assert_status(weir_connection_commit(connection), WEIR_OK);
}

static void test_the_isolation_level_is_in_force_on_the_server(void **state)
{
    test_database *db = *state;
    static const struct { weir_isolation level; const char *name, *shown; } levels[] = {
        { WEIR_READ_UNCOMMITTED, "read_uncommitted", "read uncommitted" },
        { WEIR_READ_COMMITTED, "Read Committed", "read committed" },
        { WEIR_REPEATABLE_READ, "repeatable_read", "repeatable read" },
        { WEIR_SERIALIZABLE, "SERIALIZABLE", "serializable" },
    };
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_isolation(connection, "read committed");
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = levels[i].level)), WEIR_OK);
        assert_isolation(connection, levels[i].shown);
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_READ_COMMITTED)), WEIR_OK);
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level_name = levels[i].name)), WEIR_OK);
        assert_isolation(connection, levels[i].shown);
        assert_isolation(connection, levels[i].shown);      /* of the next transaction too */
        weir_execution_options options;
        weir_connection_get_options(connection, &options);
        assert_int_equal(options.isolation_level, levels[i].level);

        const weir_execution_options *engine_options = OPTIONS(.isolation_level = levels[i].level);
        weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.execution_options = engine_options));
        weir_connection *other = weir_engine_begin(engine);
        assert_isolation(other, levels[i].shown);
        close_connection_ok(&other);
        weir_engine_close(&engine);
        engine = weir_engine_with_options(db->engine, engine_options);
        other = weir_engine_connect(engine);
        assert_isolation(other, levels[i].shown);
        close_connection_ok(&other);
        weir_engine_close(&engine);
    }
    close_connection_ok(&connection);
}

static void test_case_199_the_level_of_one_checkout_is_not_the_next_ones(void **state)
{
    test_database *db = *state;
    char seen[64];
    weir_connection *connection = weir_engine_connect(db->engine);
    int64_t number = weir_connection_number(connection);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_SERIALIZABLE, .yield_per = 3)), WEIR_OK);
    if (db->postgresql)
        assert_string_equal(setting(connection, "transaction_isolation", seen, sizeof seen), "serializable");
    else
        assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
    connection = weir_engine_connect(db->engine);
    assert_int_equal(weir_connection_number(connection), number);
    weir_execution_options options;
    weir_connection_get_options(connection, &options);
    assert_int_equal(options.isolation_level, WEIR_ISOLATION_DEFAULT);
    assert_int_equal(options.yield_per, 0);
    if (db->postgresql)
        assert_string_equal(setting(connection, "transaction_isolation", seen, sizeof seen), "read committed");
    close_connection_ok(&connection);
}

static void test_autocommit_of_one_checkout_is_not_the_next_ones(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    run_ok(connection, INSERT_ORDER(13));
    assert_false(weir_connection_in_transaction(connection));
    close_connection_ok(&connection);
    connection = weir_engine_connect(db->engine);
    run_ok(connection, INSERT_ORDER(14));
    close_connection_ok(&connection);
    assert_int_equal(orders_outside(db), 13);
}

static void test_under_autocommit_each_statement_stands_and_begin_is_real(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    run_ok(connection, INSERT_ORDER(13));
    assert_int_equal(orders_outside(db), 13);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(orders_outside(db), 13);
    assert_status(weir_connection_begin(connection), WEIR_OK);
    assert_true(weir_connection_in_transaction(connection));
    run_ok(connection, INSERT_ORDER(14));
    assert_int_equal(orders_outside(db), 13);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(orders_outside(db), 13);
    run_ok(connection, INSERT_ORDER(15));
    assert_int_equal(orders_outside(db), 14);
    run_fails(connection, INSERT_ORDER(15), WEIR_INTEGRITY);
    assert_false(weir_connection_in_transaction(connection));
    run_ok(connection, INSERT_ORDER(16));
    assert_int_equal(orders_outside(db), 15);
    close_connection_ok(&connection);
}

/* The refused statement is known to the connection: nothing of it, nor the BEGIN, was sent. */
static void test_a_begin_stands_though_its_first_statement_was_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int autocommit = 0; autocommit < 2; autocommit++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_stmt *stmt = weir_sql("INSERT INTO orders VALUES (:id, 1, 1, 'new')");
        WEIR_BIND(stmt, "id", 20);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        close_result_ok(&result);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        if (autocommit)
            assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
        assert_status(weir_connection_begin(connection), WEIR_OK);
        WEIR_BIND(stmt, "id", 0.5);
        result = weir_connection_execute(connection, stmt, NULL);
        assert_true(weir_result_close(&result) < 0);
        assert_true(weir_connection_in_transaction(connection));
        WEIR_BIND(stmt, "id", 21);
        result = weir_connection_execute(connection, stmt, NULL);
        close_result_ok(&result);
        assert_int_equal(orders_outside(db), 12);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(orders_outside(db), 12);
        assert_false(weir_connection_in_transaction(connection));
        weir_stmt_free(&stmt);
        close_connection_ok(&connection);
    }
}

static void assert_refused_before_sql(test_database *db, weir_connection *connection, const weir_execution_options *options)
{
    test_log_clear(db->log);
    weir_result *result = query(connection, ORDERS, options);
    assert_null(weir_result_next_partition(result, 0));
    assert_contains(weir_result_error(result)->message, "weir_connection_begin");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 0);
    assert_false(weir_connection_in_transaction(connection));
}

static void assert_streams(weir_connection *connection, const weir_execution_options *options)
{
    weir_result *result = query(connection, ORDERS, options);
    weir_result_figures figures;
    weir_result_info(result, &figures);
    assert_true(figures.mode == WEIR_MODE_PORTAL || figures.mode == WEIR_MODE_STEPPING);
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
}

static void test_case_196_no_stream_under_autocommit_wherever_it_was_asked_for(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_execution_options *everything = OPTIONS(.isolation_level = WEIR_AUTOCOMMIT, .yield_per = 3);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.execution_options = everything));
    weir_connection *connection = weir_engine_connect(engine);
    assert_refused_before_sql(db, connection, NULL);
    assert_refused_before_sql(db, connection, OPTIONS(.stream_results = WEIR_ON));
    assert_status(weir_connection_begin(connection), WEIR_OK);
    assert_streams(connection, NULL);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_refused_before_sql(db, connection, NULL);
    int savepoint = weir_connection_savepoint(connection);
    assert_streams(connection, OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 3));
    assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_refused_before_sql(db, connection, NULL);
    /* What cannot be a cursor is not refused. */
    assert_int_equal(run_ok(connection, "UPDATE orders SET state = 'open'"), 12);
    close_connection_ok(&connection);

    connection = weir_engine_begin(engine);
    assert_streams(connection, NULL);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_read_only_transactions_write_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.read_only = WEIR_ON)), WEIR_OK);
    run_fails(connection, INSERT_ORDER(13), WEIR_DATABASE);
    if (db->postgresql)
        assert_string_equal(weir_connection_error(connection)->sqlstate, "25006");
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_streams(connection, OPTIONS(.yield_per = 5));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_status(weir_connection_options(connection, OPTIONS(.read_only = WEIR_OFF)), WEIR_OK);
    run_ok(connection, INSERT_ORDER(13));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_status(weir_connection_options(connection, OPTIONS(.read_only = WEIR_ON)), WEIR_OK);
    run_fails(connection, INSERT_ORDER(14), WEIR_DATABASE);
    close_connection_ok(&connection);
    connection = weir_engine_connect(db->engine);       /* the same one, writing again */
    run_ok(connection, INSERT_ORDER(15));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(orders_outside(db), 14);
}

static void test_a_read_only_engine_writes_nothing_under_autocommit_either(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_execution_options *options = OPTIONS(.isolation_level = WEIR_AUTOCOMMIT, .read_only = WEIR_ON);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.execution_options = options));
    weir_connection *connection = weir_engine_connect(engine);
    run_fails(connection, INSERT_ORDER(13), WEIR_DATABASE);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    assert_int_equal(orders_outside(db), 12);
}

static void test_options_read_back_as_they_were_set(void **state)
{
    test_database *db = *state;
    const weir_execution_options *base = OPTIONS(.yield_per = 7, .read_only = WEIR_ON);
    weir_engine *engine = weir_engine_with_options(db->engine, base);
    weir_connection *connection = weir_engine_connect(engine);
    weir_execution_options seen;
    weir_connection_get_options(connection, &seen);
    assert_int_equal(seen.struct_size, sizeof seen);
    assert_int_equal(seen.yield_per, 7);
    assert_int_equal(seen.read_only, WEIR_ON);
    assert_int_equal(seen.isolation_level, WEIR_ISOLATION_DEFAULT);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = 3, .max_row_buffer = 9, .stream_results = WEIR_OFF,
                                                              .prefetch = WEIR_OFF, .parallel_plan = WEIR_ON,
                                                              .prepared = WEIR_OFF, .cursor_mode = WEIR_CURSOR_DECLARE,
                                                              .isolation_level_name = "autocommit", .read_only = WEIR_OFF)),
                  WEIR_OK);
    assert_status(weir_connection_options(connection, OPTIONS(.max_row_buffer = 11)), WEIR_OK);     /* merges */
    weir_connection_get_options(connection, &seen);
    assert_int_equal(seen.yield_per, 3);
    assert_int_equal(seen.max_row_buffer, 11);
    assert_int_equal(seen.stream_results, WEIR_OFF);
    assert_int_equal(seen.prefetch, WEIR_OFF);
    assert_int_equal(seen.parallel_plan, WEIR_ON);
    assert_int_equal(seen.prepared, WEIR_OFF);
    assert_int_equal(seen.cursor_mode, WEIR_CURSOR_DECLARE);
    assert_int_equal(seen.isolation_level, WEIR_AUTOCOMMIT);
    assert_int_equal(seen.read_only, WEIR_OFF);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = -1)), WEIR_ARGUMENT);
    weir_connection_get_options(connection, &seen);
    assert_int_equal(seen.yield_per, 3);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_198_where_isolation_levels_may_be_set),
        ON_POSTGRESQL(test_the_isolation_level_is_in_force_on_the_server),
        ON_BOTH(test_case_199_the_level_of_one_checkout_is_not_the_next_ones),
        ON_BOTH(test_autocommit_of_one_checkout_is_not_the_next_ones),
        ON_BOTH(test_under_autocommit_each_statement_stands_and_begin_is_real),
        ON_BOTH(test_a_begin_stands_though_its_first_statement_was_refused),
        ON_BOTH(test_case_196_no_stream_under_autocommit_wherever_it_was_asked_for),
        ON_BOTH(test_read_only_transactions_write_nothing),
        ON_BOTH(test_a_read_only_engine_writes_nothing_under_autocommit_either),
        ON_BOTH(test_options_read_back_as_they_were_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
