/* Execution options: what a set may hold, which set wins, what the options imply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sql/text.h"

static const weir_dialect *const postgresql = &weir_dialect_postgresql, *const sqlite = &weir_dialect_sqlite;

static weir_error error;

static void assert_kept(const weir_stmt *stmt, int status, const char *message)
{
    assert_int_equal(weir_stmt_error(stmt)->status, status);
    if (!strstr(weir_stmt_error(stmt)->message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, weir_stmt_error(stmt)->message);
}

static void test_case_002_the_stronger_set_wins(void **state)
{
    (void)state;
    weir_execution_options options;
    weir_stmt *stmt = weir_sql("SELECT 1");
    weir_yield_per(stmt, 4);
    weir_max_row_buffer(stmt, 50);
    weir_stmt_get_options(stmt, &options);
    weir_options_merge(&options, WEIR_EXECUTION_OPTIONS(.yield_per = 3, .prefetch = WEIR_OFF));
    assert_int_equal(options.yield_per, 3);
    assert_int_equal(options.max_row_buffer, 50);
    weir_options_merge(&options, WEIR_EXECUTION_OPTIONS(.yield_per = 5));
    assert_int_equal(options.yield_per, 5);
    assert_int_equal(options.prefetch, WEIR_OFF);
    weir_stmt_free(&stmt);
}

static void test_case_003_yield_per_implies_the_other_two(void **state)
{
    (void)state;
    weir_execution_options options = *WEIR_EXECUTION_OPTIONS(.yield_per = 3, .max_row_buffer = 9, .stream_results = WEIR_OFF);
    weir_options_effective(&options);
    assert_int_equal(options.yield_per, 3);
    assert_int_equal(options.max_row_buffer, 3);
    assert_int_equal(options.stream_results, WEIR_ON);
}

static void test_case_007_yield_per_0_is_unset(void **state)
{
    (void)state;
    weir_execution_options options;
    weir_stmt *stmt = weir_sql("SELECT 1");
    weir_stmt_options(stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 7));
    weir_stmt_options(stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 0, .cursor_mode = WEIR_CURSOR_DECLARE));
    weir_stmt_get_options(stmt, &options);
    assert_int_equal(options.yield_per, 7);
    weir_yield_per(stmt, 0);
    weir_stmt_get_options(stmt, &options);
    assert_int_equal(options.cursor_mode, WEIR_CURSOR_DECLARE);
    weir_options_effective(&options);
    assert_int_equal(options.yield_per, 0);
    assert_int_equal(options.stream_results, WEIR_UNSET);
    weir_stmt_free(&stmt);
}

static void test_bad_row_counts_are_refused_where_they_are_set(void **state)
{
    (void)state;
    static const int64_t bad[] = { -1, INT64_MIN, WEIR_ZERO, (int64_t)INT32_MAX + 1 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_stmt *stmt = weir_sql("SELECT 1");
        weir_yield_per(stmt, bad[i]);
        assert_kept(stmt, WEIR_ARGUMENT, "yield_per");
        weir_stmt_free(&stmt);
        stmt = weir_sql("SELECT 1");
        weir_max_row_buffer(stmt, bad[i]);
        assert_kept(stmt, WEIR_ARGUMENT, "max_row_buffer");
        weir_stmt_free(&stmt);
        stmt = weir_sql("SELECT 1");
        weir_stmt_options(stmt, WEIR_EXECUTION_OPTIONS(.yield_per = bad[i]));
        assert_kept(stmt, WEIR_ARGUMENT, "yield_per");
        weir_stmt_free(&stmt);
    }
}

static void test_case_198_isolation_level_on_a_statement(void **state)
{
    (void)state;
    static const char words[] = "'isolation_level' execution option may only be specified on Connection.execution_options(), or "
                                "per-engine using the isolation_level argument to create_engine().";
    weir_stmt *stmt = weir_sql("SELECT 1");
    weir_stmt_options(stmt, WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_SERIALIZABLE));
    assert_kept(stmt, WEIR_ARGUMENT, words);
    weir_stmt_free(&stmt);
    weir_execution_options out;
    assert_int_equal(weir_options_check(WEIR_EXECUTION_OPTIONS(.isolation_level_name = "FOO"), false, &out, &error), WEIR_ARGUMENT);
    assert_string_equal(error.message, words);
    assert_int_equal(weir_options_check(WEIR_EXECUTION_OPTIONS(.read_only = WEIR_OFF), false, &out, &error), WEIR_ARGUMENT);
}

static void test_case_198_isolation_names(void **state)
{
    (void)state;
    static const struct { const char *name; weir_isolation level; } cases[] = {
        { "repeatable_read", WEIR_REPEATABLE_READ }, { "REPEATABLE READ", WEIR_REPEATABLE_READ }, { "Serializable", WEIR_SERIALIZABLE },
        { "read committed", WEIR_READ_COMMITTED },   { "READ_UNCOMMITTED", WEIR_READ_UNCOMMITTED }, { "autocommit", WEIR_AUTOCOMMIT },
    };
    static const char *const unknown[] = { "FOO", "", "READ", "SERIALIZABLE ", "REPEATABLE  READ" };
    weir_execution_options out, base = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_execution_options *options = WEIR_EXECUTION_OPTIONS(.isolation_level_name = cases[i].name);
        assert_int_equal(weir_options_check(options, true, &out, &error), WEIR_OK);
        assert_int_equal(out.isolation_level, cases[i].level);
        assert_null(out.isolation_level_name);
        weir_options_merge(&base, &out);
        assert_int_equal(base.isolation_level, cases[i].level);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const weir_execution_options *options = WEIR_EXECUTION_OPTIONS(.isolation_level_name = unknown[i]);
        assert_int_equal(weir_options_check(options, true, &out, &error), WEIR_ARGUMENT);
        assert_non_null(strstr(error.message, "AUTOCOMMIT, READ COMMITTED, READ UNCOMMITTED, REPEATABLE READ, SERIALIZABLE"));
    }
    const weir_execution_options *same = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_AUTOCOMMIT, .isolation_level_name = "AUTOCOMMIT");
    assert_int_equal(weir_options_check(same, true, &out, &error), WEIR_OK);
    const weir_execution_options *two = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_AUTOCOMMIT, .isolation_level_name = "SERIALIZABLE");
    assert_int_equal(weir_options_check(two, true, &out, &error), WEIR_ARGUMENT);
    assert_int_equal(weir_isolation_check(WEIR_REPEATABLE_READ, postgresql, &error), WEIR_OK);
    assert_int_equal(weir_isolation_check(WEIR_ISOLATION_DEFAULT, sqlite, &error), WEIR_OK);
    assert_int_equal(weir_isolation_check(WEIR_REPEATABLE_READ, sqlite, &error), WEIR_ARGUMENT);
    assert_string_equal(error.message, "Invalid value 'REPEATABLE READ' for isolation_level. Valid isolation levels for 'sqlite' are "
                                       "READ UNCOMMITTED, SERIALIZABLE, AUTOCOMMIT");
}

static void test_option_structs_of_other_sizes_and_odd_values(void **state)
{
    (void)state;
    struct { weir_execution_options options; char more[8]; } later = { .options = { .struct_size = sizeof later } };
    weir_execution_options out, older = { .struct_size = offsetof(weir_execution_options, prefetch), .yield_per = 3,
                                          .prefetch = WEIR_ON, .read_only = WEIR_ON };
    assert_int_equal(weir_options_check(&older, false, &out, &error), WEIR_OK);
    assert_int_equal(out.yield_per, 3);
    assert_int_equal(out.prefetch, WEIR_UNSET);
    assert_int_equal(out.struct_size, sizeof out);
    assert_int_equal(weir_options_check(&later.options, false, &out, &error), WEIR_ARGUMENT);
    assert_int_equal(weir_options_check(&(weir_execution_options){ .yield_per = 3 }, false, &out, &error), WEIR_ARGUMENT);
    assert_non_null(strstr(error.message, "WEIR_EXECUTION_OPTIONS"));
    assert_int_equal(weir_options_check(NULL, false, &out, &error), WEIR_OK);
    assert_int_equal(out.struct_size, sizeof out);
    assert_int_equal(weir_options_check(WEIR_EXECUTION_OPTIONS(.prefetch = (weir_switch)3), false, &out, &error), WEIR_ARGUMENT);
    assert_int_equal(weir_options_check(WEIR_EXECUTION_OPTIONS(.cursor_mode = (weir_cursor_mode)4), false, &out, &error), WEIR_ARGUMENT);
    assert_int_equal(weir_options_check(WEIR_EXECUTION_OPTIONS(.isolation_level = (weir_isolation)6), true, &out, &error), WEIR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_002_the_stronger_set_wins),
        cmocka_unit_test(test_case_003_yield_per_implies_the_other_two),
        cmocka_unit_test(test_case_007_yield_per_0_is_unset),
        cmocka_unit_test(test_bad_row_counts_are_refused_where_they_are_set),
        cmocka_unit_test(test_case_198_isolation_level_on_a_statement),
        cmocka_unit_test(test_case_198_isolation_names),
        cmocka_unit_test(test_option_structs_of_other_sizes_and_odd_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
