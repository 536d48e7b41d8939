/* The tests' own ground: the fixture F(R), the log and the checks past weir give what cases.md says they do. */
#include "support.h"

static void test_fixture_has_the_rows_of_the_cases(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices"), 12);
    assert_int_equal(test_side_int(db, "SELECT sum(amount_cents) FROM orders WHERE tenant_id = 0"), 420);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM order_lines"), 36);
    assert_int_equal(test_side_int(db, "SELECT quantity FROM order_lines WHERE id = 123"), 3);
}

static void test_fixture_may_be_empty(void **state)
{
    test_database *db = *state;
    test_fixture(db, 0);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices"), 0);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM order_lines"), 0);
}

static void test_each_test_finds_its_database_empty(void **state)
{
    test_database *db = *state;
    const char *tables = db->postgresql ? "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
                                        : "SELECT count(*) FROM sqlite_master";
    assert_int_equal(test_side_int(db, tables), 0);
}

static void test_weir_reads_what_the_side_wrote(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *query = weir_sql("SELECT id FROM invoices ORDER BY id");
    weir_result *result = weir_connection_execute(connection, query, WEIR_EXECUTION_OPTIONS(.yield_per = 5));
    weir_stmt_free(&query);
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
    close_connection_ok(&connection);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "FROM invoices"), 1);
}

static void test_the_server_logs_what_weir_sends(void **state)
{
    test_database *db = *state;
    long since = test_server_log_end();
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(test_query_int(connection, "SELECT 4711"), 4711);
    assert_int_equal(test_open_cursors(connection), 0);
    close_connection_ok(&connection);
    assert_int_equal(test_server_log_count(since, "SELECT 4711"), 1);
    assert_int_equal(test_server_log_count(since, "SELECT 4712"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_fixture_has_the_rows_of_the_cases),
        ON_BOTH(test_fixture_may_be_empty),
        ON_BOTH(test_each_test_finds_its_database_empty),
        ON_BOTH(test_weir_reads_what_the_side_wrote),
        ON_POSTGRESQL(test_the_server_logs_what_weir_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
