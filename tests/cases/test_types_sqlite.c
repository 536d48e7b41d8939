/* SQLite's values through the public API: declared types, what is really stored, and getters that convert exactly or fail. */
#include "connections.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The one row of a query; the result stays open for its errors. */
static const weir_row *only_row(weir_connection *connection, const char *sql, weir_result **result)
{
    *result = query(connection, sql, NULL);
    const weir_row *row = weir_result_next(*result);
    assert_error(weir_result_error(*result), WEIR_OK);
    assert_non_null(row);
    return row;
}

/* ---- what is declared ------------------------------------------------------------------------------------------------- */

static void test_sqlite_columns_have_their_declared_types(void **state)
{
    static const struct { const char *declared; weir_type type; } columns[] = {
        { "INTEGER", WEIR_T_INT64 }, { "bigint", WEIR_T_INT64 }, { "UNSIGNED BIG INT", WEIR_T_INT64 }, { "INT2", WEIR_T_INT64 },
        { "BOOLEAN", WEIR_T_BOOL }, { "bool", WEIR_T_BOOL }, { "REAL", WEIR_T_DOUBLE }, { "double precision", WEIR_T_DOUBLE },
        { "FLOAT", WEIR_T_DOUBLE }, { "NUMERIC(10,2)", WEIR_T_NUMERIC }, { "decimal(5)", WEIR_T_NUMERIC }, { "TEXT", WEIR_T_TEXT },
        { "VARCHAR(20)", WEIR_T_TEXT }, { "NATIVE CHARACTER(70)", WEIR_T_TEXT }, { "CLOB", WEIR_T_TEXT }, { "BLOB", WEIR_T_BLOB },
        { "DATE", WEIR_T_DATE }, { "DATETIME", WEIR_T_TIMESTAMP }, { "TIMESTAMP", WEIR_T_TIMESTAMP }, { "TIME", WEIR_T_TIME },
        { "TIMESTAMPTZ", WEIR_T_TIMESTAMPTZ }, { "timestamp with time zone", WEIR_T_TIMESTAMPTZ }, { "INTERVAL", WEIR_T_INTERVAL },
        { "UUID", WEIR_T_UUID }, { "JSON", WEIR_T_JSON }, { "STRANGE", WEIR_T_NULL }, { "", WEIR_T_NULL },
    };
    enum { COUNT = sizeof columns / sizeof *columns };
    test_database *db = *state;
    char sql[4096] = "CREATE TABLE t(";
    for (size_t i = 0; i < COUNT; i++) {
        size_t length = strlen(sql);
        snprintf(sql + length, sizeof sql - length, "%sc%zu %s", i ? ", " : "", i, columns[i].declared);
    }
    strcat(sql, ")");
    test_side_run(db, sql);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT * FROM t", NULL);
    assert_int_equal(weir_result_column_count(result), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const weir_column_info *column = weir_result_column(result, i);
        assert_string_equal(column->database_type, columns[i].declared);
        if (column->type != columns[i].type)
            fail_msg("%s: %s, wanted %s", columns[i].declared, weir_type_name(column->type), weir_type_name(columns[i].type));
        assert_int_equal(column->database_oid, 0);
        assert_int_equal(column->modifier, -1);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    result = query(connection, "SELECT c0 + 1 AS sum, count(*) FROM t", NULL);
    assert_string_equal(weir_result_column(result, 0)->database_type, "");
    assert_int_equal(weir_result_column(result, 0)->type, WEIR_T_NULL);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* ---- both ways -------------------------------------------------------------------------------------------------------- */

static void assert_comes_back(weir_connection *connection, const char *type, weir_value value)
{
    char sql[128], seen[256];
    weir_result *result;
    run_ok(connection, "DROP TABLE IF EXISTS kept");
    snprintf(sql, sizeof sql, "CREATE TABLE kept(v %s)", type);
    run_ok(connection, sql);
    weir_stmt *insert = weir_sql("INSERT INTO kept VALUES (:v)");
    weir_bind(insert, "v", value);
    result = weir_connection_execute(connection, insert, NULL);
    weir_stmt_free(&insert);
    close_result_ok(&result);
    const weir_row *row = only_row(connection, "SELECT v FROM kept", &result);
    const weir_value *back = weir_row_value_at(row, 0);
    weir_value_format(back, seen, sizeof seen);
    switch ((int)value.type) {
    case WEIR_T_DATE: assert_int_equal(weir_row_date_at(row, 0).days, value.as.date.days); break;
    case WEIR_T_TIME: assert_int_equal(weir_row_time_at(row, 0).usec, value.as.time.usec); break;
    case WEIR_T_TIMETZ:
        assert_int_equal(weir_row_timetz_at(row, 0).usec, value.as.timetz.usec);
        assert_int_equal(weir_row_timetz_at(row, 0).offset, value.as.timetz.offset);
        break;
    case WEIR_T_TIMESTAMP: assert_int_equal(weir_row_timestamp_at(row, 0).usec, value.as.timestamp.usec); break;
    case WEIR_T_TIMESTAMPTZ: assert_int_equal(weir_row_timestamptz_at(row, 0).usec, value.as.timestamptz.usec); break;
    case WEIR_T_INTERVAL:
        assert_int_equal(weir_row_interval_at(row, 0).usec, value.as.interval.usec);
        assert_int_equal(weir_row_interval_at(row, 0).days, value.as.interval.days);
        assert_int_equal(weir_row_interval_at(row, 0).months, value.as.interval.months);
        break;
    case WEIR_T_UUID: {
        weir_uuid uuid = weir_row_uuid_at(row, 0);
        assert_memory_equal(uuid.bytes, value.as.uuid.bytes, 16);
        break;
    }
    case WEIR_T_BOOL: assert_int_equal(weir_row_bool_at(row, 0), value.as.b); break;
    case WEIR_T_NUMERIC: {
        weir_numeric numeric = weir_row_numeric_at(row, 0);
        assert_int_equal(numeric.len, value.as.text.len);
        assert_memory_equal(numeric.ptr, value.as.text.ptr, numeric.len);
        break;
    }
    default:
        if (!weir_value_equal(back, &value))
            fail_msg("%s: %s \"%s\" came back", type, weir_type_name(back->type), seen);
    }
    assert_error(weir_row_error(row), WEIR_OK);
    close_result_ok(&result);
}

static void test_sqlite_values_come_back_as_they_went(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_comes_back(connection, "INTEGER", WEIR_VALUE(INT64_MIN));
    assert_comes_back(connection, "INTEGER", WEIR_VALUE(INT64_MAX));
    assert_comes_back(connection, "REAL", WEIR_VALUE(5e-324));
    assert_comes_back(connection, "REAL", WEIR_VALUE((double)INFINITY));
    assert_comes_back(connection, "REAL", WEIR_VALUE((double)-INFINITY));
    assert_comes_back(connection, "TEXT", WEIR_VALUE(""));
    assert_comes_back(connection, "TEXT", weir_value_text((weir_text){ "a\0b", 3 }));
    assert_comes_back(connection, "BLOB", weir_value_blob((weir_blob){ "", 0 }));
    assert_comes_back(connection, "BLOB", weir_value_blob((weir_blob){ "\0\1\377", 3 }));
    assert_comes_back(connection, "BOOLEAN", WEIR_VALUE((bool)true));
    assert_comes_back(connection, "BOOLEAN", WEIR_VALUE((bool)false));
    assert_comes_back(connection, "TEXT", weir_value_numeric((weir_numeric){ "-123456789012345678901234567890.50", 33 }));
    static const int32_t days[] = { 0, -1, 19844, -719162, 2932896, WEIR_DATE_INFINITY, WEIR_DATE_MINUS_INFINITY };
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        assert_comes_back(connection, "DATE", WEIR_VALUE((weir_date){ days[i] }));
    static const int64_t moments[] = { 0, -1, 1714566600250000, WEIR_TIMESTAMP_INFINITY, WEIR_TIMESTAMP_MINUS_INFINITY };
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        assert_comes_back(connection, "TIMESTAMP", WEIR_VALUE((weir_timestamp){ moments[i] }));
        assert_comes_back(connection, "TIMESTAMPTZ", WEIR_VALUE((weir_timestamptz){ moments[i] }));
    }
    assert_comes_back(connection, "TIME", WEIR_VALUE((weir_time){ 86400000000 }));
    assert_comes_back(connection, "TIME", WEIR_VALUE((weir_time){ 1 }));
    assert_comes_back(connection, "TIMETZ", WEIR_VALUE(((weir_timetz){ 45000000000, -19800 })));
    assert_comes_back(connection, "INTERVAL", WEIR_VALUE(((weir_interval){ .usec = -1500000, .days = 3, .months = -14 })));
    assert_comes_back(connection, "UUID", WEIR_VALUE(((weir_uuid){ { 1, 2, 3, 0xff } })));
    close_connection_ok(&connection);
}

static void test_sqlite_dates_as_other_programs_keep_them(void **state)
{
    test_database *db = *state;
    weir_result *result;
    test_side_run(db, "CREATE TABLE t(d DATE, t TIME, s DATETIME, z TIMESTAMPTZ, j TEXT);"
                      "INSERT INTO t VALUES (date('2024-05-01'), time('12:30'), datetime('2024-05-01 12:30:05'), "
                      "'2024-05-01T12:30:05.250+02:00', '2024-05-01'), (2460432.5, 1714566600, 1714566600, 'soon', '2024-02-30')");
    weir_connection *connection = weir_engine_connect(db->engine);
    const weir_row *row = only_row(connection, "SELECT * FROM t", &result);
    assert_int_equal(weir_row_date(row, "d").days, 19844);
    assert_int_equal(weir_row_time(row, "t").usec, 45000000000);
    assert_int_equal(weir_row_timestamp(row, "s").usec, 1714566605000000);
    assert_int_equal(weir_row_timestamptz(row, "s").usec, 1714566605000000);
    assert_int_equal(weir_row_timestamptz(row, "z").usec, 1714559405250000);
    assert_int_equal(weir_row_date(row, "j").days, 19844);
    row = weir_result_next(result);
    assert_false(weir_row_opt_date(row, "d").present);              /* a julian day: what it counts only the program knows */
    assert_error(weir_row_error(row), WEIR_DATA);
    assert_contains(weir_row_error(row)->message, "convert it in SQL");
    assert_status(weir_result_close(&result), WEIR_DATA);
    static const char *const bad[] = { "SELECT s FROM t WHERE typeof(s) = 'integer'", "SELECT z FROM t WHERE z = 'soon'",
                                       "SELECT j FROM t WHERE j LIKE '%30'" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        row = only_row(connection, bad[i], &result);
        assert_int_equal(weir_row_timestamp_at(row, 0).usec, 0);
        assert_status(weir_result_close(&result), WEIR_DATA);
    }
    close_connection_ok(&connection);
}

/* ---- what is stored is not what is declared ---------------------------------------------------------------------------- */

/* One getter on one stored value: `fits`, or a data error that names row and column. */
#define GETS(expression, getter, fits) gets_value(connection, expression, #getter, fits)

static void read_with(const weir_row *row, const char *getter)
{
    if (!strcmp(getter, "int64")) (void)weir_row_int64_at(row, 0);
    else if (!strcmp(getter, "int32")) (void)weir_row_int32_at(row, 0);
    else if (!strcmp(getter, "bool")) (void)weir_row_bool_at(row, 0);
    else if (!strcmp(getter, "double")) (void)weir_row_double_at(row, 0);
    else if (!strcmp(getter, "text")) (void)weir_row_text_at(row, 0);
    else if (!strcmp(getter, "cstr")) (void)weir_row_cstr_at(row, 0);
    else if (!strcmp(getter, "blob")) (void)weir_row_blob_at(row, 0);
    else if (!strcmp(getter, "numeric")) (void)weir_row_numeric_at(row, 0);
    else if (!strcmp(getter, "uuid")) (void)weir_row_uuid_at(row, 0);
    else fail_msg("no getter %s", getter);
}

static void gets_value(weir_connection *connection, const char *expression, const char *getter, bool fits)
{
    char sql[512];
    weir_result *result;
    snprintf(sql, sizeof sql, "SELECT %s AS it", expression);
    const weir_row *row = only_row(connection, sql, &result);
    read_with(row, getter);
    weir_error error = *weir_result_error(result);
    if ((error.status == WEIR_OK) != fits)
        fail_msg("%s as %s: %s", expression, getter, error.status ? error.message : "was taken");
    if (!fits) {
        assert_error(&error, WEIR_DATA);
        assert_contains(error.message, "column 'it' of row 1");
        assert_string_equal(error.column, "it");
        assert_int_equal(error.row, 1);
    }
    assert_status(weir_result_close(&result), fits ? WEIR_OK : WEIR_DATA);
}

static void test_sqlite_getters_convert_exactly_or_fail(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    GETS("2147483647", int32, true);
    GETS("2147483648", int32, false);
    GETS("-2147483649", int32, false);
    GETS("300.0", int64, true);
    GETS("300.5", int64, false);
    GETS("9223372036854775808.0", int64, false);
    GETS("9e999", int64, false);
    GETS("'300'", int64, true);
    GETS("'300 '", int64, false);
    GETS("'abc'", int64, false);
    GETS("''", int64, false);
    GETS("'9223372036854775808'", int64, false);
    GETS("x'01'", int64, false);
    GETS("NULL", int64, false);
    GETS("1", bool, true);
    GETS("2", bool, false);
    GETS("'true'", bool, true);
    GETS("'yes'", bool, false);
    GETS("1.0", bool, false);
    GETS("9007199254740993", double, false);
    GETS("9007199254740992", double, true);
    GETS("9223372036854775807", double, false);
    GETS("-9223372036854775808", double, true);
    GETS("'1.5e3'", double, true);
    GETS("'1e400'", double, false);
    GETS("'x'", double, false);
    GETS("5", text, false);
    GETS("x'61'", text, false);
    GETS("CAST(x'6100ff' AS TEXT)", text, false);
    GETS("CAST(x'610062' AS TEXT)", text, true);
    GETS("CAST(x'610062' AS TEXT)", cstr, false);
    GETS("CAST(x'6100ff' AS TEXT)", blob, true);
    GETS("CAST(x'eda080' AS TEXT)", cstr, false);       /* a surrogate */
    GETS("CAST(x'c080' AS TEXT)", text, false);         /* a NUL in two bytes */
    GETS("5", blob, false);
    GETS("'12.50'", numeric, true);
    GETS("'1e5'", numeric, false);
    GETS("12.5", numeric, false);
    GETS("zeroblob(16)", uuid, true);
    GETS("zeroblob(15)", uuid, false);
    GETS("NULL", text, true);
    GETS("NULL", blob, true);
    GETS("NULL", numeric, true);
    close_connection_ok(&connection);
}

static void test_sqlite_stored_class_wins_over_the_declared(void **state)
{
    test_database *db = *state;
    weir_result *result;
    test_side_run(db, "CREATE TABLE t(i INTEGER, b BOOLEAN, x TEXT, r REAL, n NUMERIC, j JSON);"
                      "INSERT INTO t VALUES ('abc', 2, x'00ff', 'z', 1e300, '{\"a\":1}'), (1.5, 'true', 5, 3, '12.50', x'7b7d'),"
                      "('42', 1, 'x', 2.5, 7, NULL), ('9223372036854775808', NULL, '', 1, '123456789012345678901234567890', 'null')");
    weir_connection *connection = weir_engine_connect(db->engine);
    static const weir_type types[4][6] = {
        { WEIR_T_TEXT, WEIR_T_INT64, WEIR_T_BLOB, WEIR_T_TEXT, WEIR_T_DOUBLE, WEIR_T_JSON },
        { WEIR_T_DOUBLE, WEIR_T_TEXT, WEIR_T_TEXT, WEIR_T_DOUBLE, WEIR_T_DOUBLE, WEIR_T_BLOB },
        { WEIR_T_INT64, WEIR_T_BOOL, WEIR_T_TEXT, WEIR_T_DOUBLE, WEIR_T_INT64, WEIR_T_NULL },
        { WEIR_T_DOUBLE, WEIR_T_NULL, WEIR_T_TEXT, WEIR_T_DOUBLE, WEIR_T_DOUBLE, WEIR_T_JSON },
    };
    for (int streamed = 0; streamed < 2; streamed++) {
        result = query(connection, "SELECT * FROM t ORDER BY rowid", streamed ? WEIR_EXECUTION_OPTIONS(.yield_per = 3) : NULL);
        for (int row_number = 0; row_number < 4; row_number++) {
            const weir_row *row = weir_result_next(result);
            assert_non_null(row);
            for (int i = 0; i < 6; i++)
                if (weir_row_value_at(row, i)->type != types[row_number][i])
                    fail_msg("row %d, column %d: %s, wanted %s", row_number + 1, i, weir_type_name(weir_row_value_at(row, i)->type),
                             weir_type_name(types[row_number][i]));
        }
        close_result_ok(&result);
    }
    result = query(connection, "SELECT i FROM t ORDER BY rowid DESC", WEIR_EXECUTION_OPTIONS(.yield_per = 2));
    const weir_row *row = weir_result_next(result);             /* 9.2e18: no int64 */
    assert_int_equal(weir_row_int64(row, "i"), 0);
    assert_null(weir_result_next(result));                       /* sticky */
    assert_contains(weir_result_error(result)->message, "column 'i' of row 1");
    assert_status(weir_result_close(&result), WEIR_DATA);
    close_connection_ok(&connection);
}

static void test_sqlite_utf16_database(void **state)
{
    test_database *db = *state;
    test_side_run(db, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(v TEXT, \"na\xC3\xAFve\" TEXT)");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result;
    static const char *const texts[] = { "", "plain", "h\xC3\xA9llo", "\xF0\x9F\x90\x98 elephant", "a\xEF\xBF\xBD" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_stmt *insert = weir_sql("INSERT INTO t VALUES (:v, :v)");
        WEIR_BIND(insert, "v", texts[i]);
        result = weir_connection_execute(connection, insert, NULL);
        weir_stmt_free(&insert);
        close_result_ok(&result);
    }
    const weir_row *row = only_row(connection, "PRAGMA encoding", &result);
    assert_string_equal(weir_row_cstr_at(row, 0), "UTF-16le");
    close_result_ok(&result);
    result = query(connection, "SELECT v, \"na\xC3\xAFve\" FROM t ORDER BY rowid", WEIR_EXECUTION_OPTIONS(.yield_per = 2));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        row = weir_result_next(result);
        assert_string_equal(weir_row_cstr(row, "v"), texts[i]);
        assert_string_equal(weir_row_cstr(row, "na\xC3\xAFve"), texts[i]);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* ---- parameters that SQLite cannot keep --------------------------------------------------------------------------------- */

static void test_sqlite_refuses_parameters_that_it_would_change(void **state)
{
    test_database *db = *state;
    static const int32_t length = 1, lower = 1;
    const weir_value one = weir_value_int(1);
    const weir_array array = { WEIR_T_INT64, 1, &length, &lower, 1, &one };
    const weir_value values[] = { weir_value_double(NAN), weir_value_array(&array) };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < 2; i++) {
        weir_stmt *stmt = weir_sql("SELECT :number");
        weir_bind(stmt, "number", values[i]);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        weir_stmt_free(&stmt);
        assert_contains(weir_result_error(result)->message, "'number'");
        assert_status(weir_result_close(&result), WEIR_DATA);
    }
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SQLITE(test_sqlite_columns_have_their_declared_types),
        ON_SQLITE(test_sqlite_values_come_back_as_they_went),
        ON_SQLITE(test_sqlite_dates_as_other_programs_keep_them),
        ON_SQLITE(test_sqlite_getters_convert_exactly_or_fail),
        ON_SQLITE(test_sqlite_stored_class_wins_over_the_declared),
        ON_SQLITE(test_sqlite_utf16_database),
        ON_SQLITE(test_sqlite_refuses_parameters_that_it_would_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
