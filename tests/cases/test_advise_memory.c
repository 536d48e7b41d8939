/* Estimates and advice without memory: every allocation that fails is told, or done without, and nothing stays. */
#include "support_memory.h"

static int ask(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = WEIR_OK;
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders WHERE id < :n ORDER BY id");
    WEIR_BIND(stmt, "n", 1000);
    weir_connection *connection = weir_engine_connect(engine);
    if (first == WEIR_OK && weir_connection_estimate_rows(connection, stmt) < 0)
        first = weir_connection_error(connection)->status;
    int closed = weir_connection_close(&connection);
    first = test_first(first, closed);
    if (first == WEIR_OK) {
        weir_advice *advice = weir_advise(engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 1 << 20));
        first = weir_advice_error(advice)->status;
        if (first == WEIR_OK)
            assert_in_range(weir_advice_result(advice)->yield_per, 100, 50000);
        weir_advice_free(&advice);
    }
    weir_stmt_free(&stmt);
    return first;
}

static void test_each_allocation_that_fails_in_advice_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_fail_allocations(db, "advise, estimate", ask, 0);
}

int main(void)
{
    if (!test_memory_install())
        return 1;
    const struct CMUnitTest tests[] = { ON_BOTH(test_each_allocation_that_fails_in_advice_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
