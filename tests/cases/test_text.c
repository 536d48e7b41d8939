/* Textual SQL executed on both databases: parameters, lists, what is no parameter, one statement only, declared columns
 * (cases.md K, TXT-1 to TXT-5), and statements that are no cursor under streaming options (OPT-14). */
#include "connections.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Executes what must fail before any SQL; the text of the error is copied into `message`. */
static void refuse(test_database *db, const weir_stmt *stmt, int status, const char *message)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_error(weir_result_error(result), status);
    assert_contains(weir_result_error(result)->message, message);
    assert_error(weir_connection_error(connection), status);
    assert_status(weir_result_close(&result), status);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 0);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
}

static int64_t int_of(weir_connection *connection, const weir_stmt *stmt)
{
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_result_one(result);
    assert_error(weir_result_error(result), WEIR_OK);
    int64_t value = weir_row_int64_at(row, 0);
    close_result_ok(&result);
    return value;
}

/* ---- parameters --------------------------------------------------------------------------------------------------------- */

static void test_case_190_a_missing_value(void **state)
{
    weir_stmt *stmt = weir_sql("SELECT * FROM nowhere WHERE y = :y AND x = :x");
    WEIR_BIND(stmt, "y", 1);
    refuse(*state, stmt, WEIR_INVALID_REQUEST, "A value is required for bind parameter 'x'");
    weir_stmt_free(&stmt);
}

static void test_case_192_an_unknown_name(void **state)
{
    weir_stmt *stmt = weir_sql("SELECT :foo");
    WEIR_BIND(stmt, "bar", 5);
    assert_error(weir_stmt_error(stmt), WEIR_ARGUMENT);
    refuse(*state, stmt, WEIR_ARGUMENT, "This text() construct doesn't define a bound parameter named 'bar'");
    weir_stmt_free(&stmt);
}

static void test_case_192_an_expanding_list(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_connection *connection = weir_engine_connect(db->engine);
    static const char *const forms[] = { "SELECT count(*) FROM orders WHERE id IN :ids", "SELECT count(*) FROM orders WHERE id IN (:ids)" };
    for (size_t i = 0; i < 2; i++) {
        weir_stmt *stmt = weir_sql(forms[i]);
        weir_bind_list(stmt, "ids", (const weir_value[]){ weir_value_int(1), weir_value_int(2) }, 2);
        assert_int_equal(int_of(connection, stmt), 2);
        weir_bind_list(stmt, "ids", NULL, 0);
        assert_int_equal(int_of(connection, stmt), 0);
        weir_bind_list(stmt, "ids", (const weir_value[]){ weir_value_int(5), WEIR_NULL, weir_value_int(77) }, 3);
        assert_int_equal(int_of(connection, stmt), 1);
        weir_stmt_free(&stmt);
    }
    weir_stmt *none = weir_sql("SELECT count(*) FROM orders WHERE id NOT IN :ids AND state NOT IN (:states)");
    weir_bind_list(none, "ids", NULL, 0);
    weir_bind_list(none, "states", NULL, 0);
    assert_int_equal(int_of(connection, none), 5);
    weir_value many[1000];
    for (int i = 0; i < 1000; i++)
        many[i] = weir_value_int(i + 4);
    weir_bind_list(none, "ids", many, 1000);
    assert_int_equal(int_of(connection, none), 3);
    weir_stmt_free(&none);
    close_connection_ok(&connection);
}

/* TXT-1: one name is one value, however often it stands there. */
static void test_a_name_bound_twice_has_one_value(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT CAST(:x AS integer) * 100 + CAST(:y AS integer) * 10 + CAST(:x AS integer)");
    assert_int_equal(weir_stmt_parameter_count(stmt), 2);
    assert_string_equal(weir_stmt_parameter_name(stmt, 0), "x");
    assert_string_equal(weir_stmt_parameter_name(stmt, 1), "y");
    assert_null(weir_stmt_parameter_name(stmt, 2));
    WEIR_BIND(stmt, "y", 2);
    WEIR_BIND(stmt, "x", 3);
    assert_int_equal(int_of(connection, stmt), 323);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

/* TXT-1, TXT-5: what looks like a parameter and is none. Each gives one text. */
static void test_colons_that_are_no_parameters(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    static const struct { const char *sql, *wanted, *only; } texts[] = {
        { "SELECT ':x'", ":x", NULL },
        { "SELECT 'it''s :x'", "it's :x", NULL },
        { "SELECT 'a\\:b'", "a\\:b", NULL },
        { "SELECT 'v' -- :x", "v", NULL },
        { "SELECT /* :x */ 'v' /* ; */;", "v", NULL },
        { "SELECT \":x\" FROM (SELECT 'v' AS \":x\") s", "v", NULL },
        { "SELECT 'a' || :v || ':v'", "av:v", NULL },
        { "SELECT '12:30:00'", "12:30:00", NULL },
        { "SELECT 'x'::text || ':y'", "x:y", "postgresql" },
        { "SELECT :v::text || '::text'", "v::text", "postgresql" },
        { "SELECT (:v\\:\\:text)", "v", "postgresql" },
        { "SELECT $$:x$$", ":x", "postgresql" },
        { "SELECT $tag$ :x $$ ; $tag$", " :x $$ ; ", "postgresql" },
        { "SELECT E'\\':x'", "':x", "postgresql" },
        { "SELECT /* /* :x */ :y */ 'v'", "v", "postgresql" },
        { "SELECT U&'\\003Ax'", ":x", "postgresql" },
        { "SELECT (ARRAY['a','v','c'])[2:2]::text", "{v}", "postgresql" },
        { "SELECT [:x] FROM (SELECT 'v' AS [:x])", "v", "sqlite" },
        { "SELECT `:x` FROM (SELECT 'v' AS `:x`)", "v", "sqlite" },
        { "SELECT /* /* :x */ 'v'", "v", "sqlite" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].only && strcmp(texts[i].only, db->dialect) != 0)
            continue;
        weir_stmt *stmt = weir_sql(texts[i].sql);
        if (weir_stmt_parameter_count(stmt) && strstr(texts[i].sql, ":v"))
            WEIR_BIND(stmt, "v", "v");
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        weir_stmt_free(&stmt);
        const weir_row *row = weir_result_one(result);
        if (!row)
            fail_msg("%s: %s", texts[i].sql, weir_result_error(result)->message);
        if (strcmp(weir_row_cstr_at(row, 0), texts[i].wanted) != 0)
            fail_msg("%s: \"%s\", wanted \"%s\"", texts[i].sql, weir_row_cstr_at(row, 0), texts[i].wanted);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

static void test_a_parameter_with_a_cast_behind(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT :x::int + :y :: int4 + (:z)::int");
    WEIR_BIND(stmt, "x", 1);
    WEIR_BIND(stmt, "y", 20);
    WEIR_BIND(stmt, "z", "300");
    assert_int_equal(int_of(connection, stmt), 321);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_a_statement_is_bound_anew_in_a_loop(void **state)
{
    test_database *db = *state;
    test_fixture(db, 20);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, amount_cents FROM orders WHERE id >= :low AND id < :high ORDER BY id");
    weir_memory_figures before, after;
    for (int i = 0; i < 200; i++) {
        int64_t low = i % 18 + 1;
        WEIR_BIND(stmt, "low", low);
        WEIR_BIND(stmt, "high", low + 2);
        weir_result *result = weir_connection_execute(connection, stmt, i % 2 ? OPTIONS(.yield_per = 1) : NULL);
        assert_ids_to_end(result, low, low + 1);
        close_result_ok(&result);
        weir_memory_usage(i == 20 ? &before : &after);
    }
    assert_int_equal(after.bytes, before.bytes);                /* nothing grows with the number of executions */
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

/* Case 4 for everything a statement has. */
static void test_case_004_copies_are_independent(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *s1 = weir_sql("SELECT id FROM orders WHERE id <= :most ORDER BY id");
    WEIR_BIND(s1, "most", 12);
    weir_stmt *s2 = weir_stmt_copy(s1);
    weir_yield_per(s2, 5);
    weir_execution_options options;
    weir_stmt_get_options(s1, &options);
    assert_int_equal(options.yield_per, 0);
    assert_int_equal(options.stream_results, WEIR_UNSET);
    WEIR_BIND(s1, "most", 3);
    weir_result *first = weir_connection_execute(connection, s1, NULL);
    weir_stmt_free(&s1);
    weir_result *second = weir_connection_execute(connection, s2, NULL);
    weir_stmt_free(&s2);
    assert_partitions(first, 0, 3);
    assert_partitions(second, 0, 5, 5, 2);
    close_result_ok(&first);
    close_result_ok(&second);
    close_connection_ok(&connection);
}

/* ---- one statement -------------------------------------------------------------------------------------------------------- */

static void test_more_than_one_statement_is_refused(void **state)
{
    static const char *const texts[] = { "SELECT 1; SELECT 2", "SELECT 1;;SELECT 2", "BEGIN; DELETE FROM orders; COMMIT",
                                         "SELECT ';'; DROP TABLE orders", "SELECT 1 /* ; */ ; -- x\n SELECT 2" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_stmt *stmt = weir_sql(texts[i]);
        refuse(*state, stmt, WEIR_INVALID_REQUEST, "more than one statement");
        weir_stmt_free(&stmt);
    }
}

static void test_an_empty_statement_is_refused(void **state)
{
    static const char *const texts[] = { "", "  \n\t ", ";", " ; ;", "-- nothing", "/* nothing */ ;" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_stmt *stmt = weir_sql(texts[i]);
        refuse(*state, stmt, WEIR_INVALID_REQUEST, "empty");
        weir_stmt_free(&stmt);
    }
    weir_stmt *null = weir_sql(NULL);
    refuse(*state, null, WEIR_ARGUMENT, "NULL");
    weir_stmt_free(&null);
    weir_stmt *nul = weir_sql_n("SELECT 1\0; DROP", 15);
    refuse(*state, nul, WEIR_ARGUMENT, "NUL");
    weir_stmt_free(&nul);
}

static void test_trailing_semicolons_and_comments_are_fine(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    static const char *const texts[] = { "SELECT 7;", "SELECT 7 ; ; ", "SELECT 7; -- done; SELECT 8", "/* ; */ SELECT 7; /* ; */",
                                         ";SELECT 7" };
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(test_query_int(connection, texts[i]), 7);
        weir_result *result = query(connection, texts[i], OPTIONS(.yield_per = 10));
        assert_ids_to_end(result, 7, 7);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

/* ---- all that is no SELECT, under streaming options (OPT-14) ---------------------------------------------------------------- */

static void test_streaming_options_never_touch_what_is_no_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = 2)), WEIR_OK);
    static const struct { const char *sql; int64_t rows, rowcount; const char *only; } statements[] = {
        { "CREATE TABLE made(id integer, t text)", -1, 0, NULL },
        { "INSERT INTO made VALUES (1, 'a'), (2, 'b'), (3, 'c')", -1, 3, NULL },
        { "INSERT INTO made VALUES (4, 'd'), (5, 'e'), (6, 'f') RETURNING id", 3, 3, NULL },
        { "UPDATE made SET t = t", -1, 6, NULL },
        { "UPDATE made SET t = t WHERE id > 2 RETURNING id, t", 4, 4, NULL },
        { "DELETE FROM made WHERE id = 6 RETURNING id", 1, 1, NULL },
        { "DELETE FROM made WHERE id = 77", -1, 0, NULL },
        { "WITH n AS (SELECT 8 AS id) INSERT INTO made SELECT id, 'h' FROM n", -1, 1, NULL },
        { "WITH n AS (SELECT 9 AS id UNION ALL SELECT 10) INSERT INTO made SELECT id, 'i' FROM n RETURNING id", 2, 2, NULL },
        { "WITH gone AS (DELETE FROM made WHERE id > 8 RETURNING id) SELECT id FROM gone", 2, -1, "postgresql" },
        { "EXPLAIN SELECT 1", 0, -1, "postgresql" },
        { "EXPLAIN SELECT 1", 0, 0, "sqlite" },
        { "SHOW server_version", 1, -1, "postgresql" },
        { "SET LOCAL work_mem = '4MB'", -1, 0, "postgresql" },
        { "PRAGMA user_version", 1, -1, "sqlite" },
        { "PRAGMA user_version = 3", -1, 0, "sqlite" },
        { "CREATE INDEX made_id ON made(id)", -1, 0, NULL },
        { "ALTER TABLE made ADD COLUMN more integer", -1, 0, NULL },
        { "CREATE TABLE copied AS SELECT * FROM made", -1, 0, "sqlite" },
        { "SELECT id INTO TEMP copied FROM made", -1, -1, "postgresql" },
        { "ANALYZE made", -1, 0, NULL },
        { "DROP TABLE made", -1, 0, NULL },
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (statements[i].only && strcmp(statements[i].only, db->dialect) != 0)
            continue;
        weir_result *result = query(connection, statements[i].sql, NULL);
        if (weir_result_error(result)->status != WEIR_OK)
            fail_msg("%s: %s", statements[i].sql, weir_result_error(result)->message);
        weir_result_figures figures;
        weir_result_info(result, &figures);
        assert_int_equal(figures.mode, WEIR_MODE_BUFFERED);
        assert_int_equal(weir_result_returns_rows(result), statements[i].rows >= 0);
        int64_t rows = 0;
        while (weir_result_returns_rows(result) && weir_result_next(result))
            rows++;
        if (statements[i].rows > 0)
            assert_int_equal(rows, statements[i].rows);
        int64_t rowcount = weir_result_rowcount(result);
        if (statements[i].rows != 0 && rowcount != statements[i].rowcount)
            fail_msg("%s: %lld rows, wanted %lld", statements[i].sql, (long long)rowcount, (long long)statements[i].rowcount);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_ROUND_TRIP, "fetch"), 0);
}

/* What can be a cursor is one, whatever it begins with. */
static void test_every_kind_of_select_is_streamed(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    static const char *const selects[] = {
        "SELECT 1 AS n UNION ALL SELECT 2 ORDER BY 1", "VALUES (1), (2)",
        "WITH a AS (SELECT 1 AS n UNION ALL SELECT 2) SELECT n FROM a ORDER BY n",
        "/* first */ select 1 as n union all select 2 order by 1",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2) SELECT n FROM r ORDER BY n",
        "(SELECT 1 AS n UNION ALL SELECT 2) ORDER BY 1",
    };
    for (size_t i = 0; i < sizeof selects / sizeof *selects - !db->postgresql; i++) {
        weir_result *result = query(connection, selects[i], OPTIONS(.yield_per = 1));
        weir_result_figures figures;
        weir_result_info(result, &figures);
        if (figures.mode != (db->postgresql ? WEIR_MODE_PORTAL : WEIR_MODE_STEPPING))
            fail_msg("%s: %s", selects[i], weir_result_error(result)->message);
        assert_ids_to_end(result, 1, 2);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

/* ---- weir_connection_run ----------------------------------------------------------------------------------------------------- */

static void test_case_086_run_gives_the_rows_matched(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(weir_connection_run(connection, "UPDATE orders SET state = state"), 12);
    assert_int_equal(weir_connection_run(connection, "UPDATE orders SET state = state WHERE id > 100"), 0);
    assert_int_equal(weir_connection_run(connection, "INSERT INTO invoices SELECT id + 1000, tenant_id, total_cents, status "
                                                     "FROM invoices"), 12);
    assert_int_equal(weir_connection_run(connection, "DELETE FROM invoices WHERE id > 1000"), 12);
    assert_int_equal(weir_connection_run(connection, "SELECT * FROM orders"), 0);
    assert_int_equal(weir_connection_run(connection, "CREATE TABLE other(id integer)"), 0);
    int64_t status = weir_connection_run(connection, "INSERT INTO nowhere VALUES (1)");
    assert_status((int)status, WEIR_DATABASE);
    assert_contains(weir_connection_error(connection)->message, "nowhere");
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status((int)weir_connection_run(connection, NULL), WEIR_ARGUMENT);
    assert_status((int)weir_connection_run(connection, "SELECT :x"), WEIR_INVALID_REQUEST);
    assert_status(weir_connection_close(&connection), WEIR_OK);
}

static void test_case_083_a_statement_without_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "UPDATE orders SET state = 'x'", NULL);
    assert_false(weir_result_returns_rows(result));
    assert_false(weir_result_closed(result));
    assert_int_equal(weir_result_rowcount(result), 2);
    assert_int_equal(weir_result_column_count(result), 0);
    assert_null(weir_result_column(result, 0));
    close_result_ok(&result);
    result = query(connection, "UPDATE orders SET state = 'y'", NULL);
    assert_null(weir_result_scalar(result));
    assert_error(weir_result_error(result), WEIR_RESOURCE_CLOSED);
    assert_string_equal(weir_result_error(result)->message, "This result object does not return rows. It has been closed automatically.");
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'y'"), 2);
    close_connection_ok(&connection);
}

/* ---- names and declared columns ------------------------------------------------------------------------------------------------ */

static void test_case_089_an_ambiguous_name(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT 1 AS x, 2 AS x, 3 AS y", NULL);
    weir_frozen *frozen = weir_result_freeze(result);
    close_result_ok(&result);
    for (int i = 0; i < 2; i++) {
        result = i ? weir_frozen_result(frozen) : query(connection, "SELECT 1 AS x, 2 AS x, 3 AS y", OPTIONS(.yield_per = 5));
        const weir_row *row = weir_result_next(result);
        assert_int_equal(weir_row_int64_at(row, 0), 1);
        assert_int_equal(weir_row_int64_at(row, 1), 2);
        assert_int_equal(weir_row_int64(row, "y"), 3);
        (void)weir_row_int64(row, "x");
        assert_error(weir_result_error(result), WEIR_AMBIGUOUS_COLUMN);
        assert_string_equal(weir_result_error(result)->message, "Ambiguous column name 'x' in result set column descriptions");
        assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    }
    weir_frozen_free(&frozen);
    close_connection_ok(&connection);
}

static void test_case_090_two_ids_of_a_join(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT o.id, l.id, o.state FROM orders o JOIN order_lines l ON l.order_id = o.id "
                                            "ORDER BY o.id, l.id", NULL);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_row_int64_at(row, 0), 1);
    assert_true(weir_row_int64_at(row, 1) > 0);
    assert_non_null(weir_row_cstr(row, "state"));
    assert_true(weir_row_is_null(row, "id"));
    assert_error(weir_row_error(row), WEIR_AMBIGUOUS_COLUMN);
    assert_status(weir_result_close(&result), WEIR_AMBIGUOUS_COLUMN);
    result = query(connection, "SELECT id FROM orders ORDER BY id", NULL);
    row = weir_result_next(result);
    (void)weir_row_cstr(row, "nothing");
    assert_error(weir_row_error(row), WEIR_NO_SUCH_COLUMN);
    assert_string_equal(weir_row_error(row)->message, "Could not locate column in row for column 'nothing'");
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_NO_SUCH_COLUMN);
    close_connection_ok(&connection);
}

static void test_case_193_more_columns_declared_than_returned(void **state)
{
    test_database *db = *state;
    static const weir_declared_column columns[] = { { "a", WEIR_T_INT64 }, { "b", WEIR_T_TEXT }, { "c", WEIR_T_INT64 },
                                                    { "d", WEIR_T_NULL } };
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT 5 AS x, 'five' AS y");
    weir_sql_columns(stmt, columns, 4);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    assert_int_equal(weir_result_column_count(result), 2);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_row_int64(row, "a"), 5);
    assert_int_equal(weir_row_int64(row, "x"), 5);
    assert_string_equal(weir_row_cstr(row, "b"), "five");
    assert_string_equal(weir_row_cstr(row, "y"), "five");
    close_result_ok(&result);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
    assert_string_equal(test_log_at(db->log, WEIR_LOG_WARNING, 0)->message,
                        "Number of columns in textual SQL (4) is smaller than number of columns requested (2)");
    assert_int_equal(weir_engine_warnings(db->engine), 1);
    close_connection_ok(&connection);
}

static void test_declared_types_convert_exactly_or_fail(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    static const weir_declared_column columns[] = { { "day", WEIR_T_DATE }, { NULL, WEIR_T_INT64 }, { "f", WEIR_T_FLOAT } };
    for (int i = 0; i < 4; i++) {
        static const char *const selects[] = { "SELECT '2024-05-01' AS d, '42' AS n, 0.5, 7 AS rest",
                                               "SELECT NULL AS d, NULL AS n, NULL",
                                               "SELECT '2024-05-01' AS d, '42.5' AS n, 1.5",
                                               "SELECT '2024-05-01' AS d, '42' AS n, CAST(0.1 AS double precision)" };
        weir_stmt *stmt = weir_sql(selects[i]);
        weir_sql_columns(stmt, columns, 3);
        weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 2));
        weir_stmt_free(&stmt);
        assert_int_equal(weir_result_column(result, 0)->type, WEIR_T_DATE);
        const weir_row *row = weir_result_next(result);
        if (i == 0) {
            assert_int_equal(weir_row_value(row, "day")->type, WEIR_T_DATE);
            assert_int_equal(weir_row_date(row, "d").days, 19844);
            assert_int_equal(weir_row_value(row, "n")->type, WEIR_T_INT64);
            assert_int_equal(weir_row_value_at(row, 1)->as.i, 42);
            assert_int_equal(weir_row_value(row, "f")->type, WEIR_T_FLOAT);
            assert_int_equal(weir_row_int64(row, "rest"), 7);
        } else if (i == 1) {
            assert_true(weir_row_is_null(row, "day") && weir_row_is_null_at(row, 1) && weir_row_is_null_at(row, 2));
        } else {
            (void)weir_row_value_at(row, i == 2 ? 1 : 2);
            assert_error(weir_result_error(result), WEIR_DATA);
            assert_int_equal(weir_result_error(result)->row, 1);
        }
        if (i < 2)
            close_result_ok(&result);
        else
            assert_status(weir_result_close(&result), WEIR_DATA);
    }
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_190_a_missing_value),
        ON_BOTH(test_case_192_an_unknown_name),
        ON_BOTH(test_case_192_an_expanding_list),
        ON_BOTH(test_a_name_bound_twice_has_one_value),
        ON_BOTH(test_colons_that_are_no_parameters),
        ON_POSTGRESQL(test_a_parameter_with_a_cast_behind),
        ON_BOTH(test_a_statement_is_bound_anew_in_a_loop),
        ON_BOTH(test_case_004_copies_are_independent),
        ON_BOTH(test_more_than_one_statement_is_refused),
        ON_BOTH(test_an_empty_statement_is_refused),
        ON_BOTH(test_trailing_semicolons_and_comments_are_fine),
        ON_BOTH(test_streaming_options_never_touch_what_is_no_select),
        ON_BOTH(test_every_kind_of_select_is_streamed),
        ON_BOTH(test_case_086_run_gives_the_rows_matched),
        ON_BOTH(test_case_083_a_statement_without_rows),
        ON_BOTH(test_case_089_an_ambiguous_name),
        ON_BOTH(test_case_090_two_ids_of_a_join),
        ON_BOTH(test_case_193_more_columns_declared_than_returned),
        ON_BOTH(test_declared_types_convert_exactly_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
