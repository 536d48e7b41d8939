/* PostgreSQL's types through the public API, both ways: as a result's column, as a bound parameter, in a table, in a stream. */
#include "support.h"
#include "type_samples.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *column_name(const struct sample *sample) { return sample->name ? sample->name : sample->type; }

static void assert_sample(const struct sample *sample, const weir_value *value, const char *how)
{
    char seen[512], wanted[512];
    if (value && weir_value_equal(value, &sample->value))
        return;
    weir_value_format(&sample->value, wanted, sizeof wanted);
    seen[0] = 0;
    if (value)
        weir_value_format(value, seen, sizeof seen);
    fail_msg("%s '%s' %s: %s \"%s\", wanted %s \"%s\"", sample->type, sample->literal, how, value ? weir_type_name(value->type) : "none",
             seen, weir_type_name(sample->value.type), wanted);
}

/* Equality knows 1.5 and 1.50 for the same number; a numeric must keep its digits, too. */
static void assert_digits(const struct sample *sample, const weir_value *value)
{
    if (sample->value.type != WEIR_T_NUMERIC)
        return;
    assert_int_equal(value->as.text.len, sample->value.as.text.len);
    assert_memory_equal(value->as.text.ptr, sample->value.as.text.ptr, value->as.text.len);
}

static void check_column(const struct sample *sample, weir_result *result, const char *how)
{
    const weir_row *row = weir_result_next(result);
    if (!row)
        fail_msg("%s '%s' %s: %s", sample->type, sample->literal, how, weir_result_error(result)->message);
    const weir_column_info *column = weir_result_column(result, 0);
    assert_sample(sample, weir_row_value_at(row, 0), how);
    assert_digits(sample, weir_row_value_at(row, 0));
    assert_string_equal(column->database_type, column_name(sample));
    assert_int_equal(column->type, sample->value.type);
    assert_true(column->database_oid != 0);
    const weir_row *kept = weir_row_retain(row);
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    assert_sample(sample, weir_row_value_at(kept, -1), "kept beyond its result");
    weir_row_release(&kept);
}

static const weir_execution_options *streamed(int i)
{
    static const weir_execution_options options = { .struct_size = sizeof options, .yield_per = 2 };
    return i % 2 ? &options : NULL;
}

static void test_types_each_comes_as_a_column(void **state)
{
    weir_connection *connection = connect_with_types(*state);
    char sql[1024];
    for (int i = 0; i < 2 * SAMPLES; i++) {
        const struct sample *sample = &samples[i / 2];
        snprintf(sql, sizeof sql, "SELECT $weir$%s$weir$::%s AS v ORDER BY 1=1", sample->literal, sample->type);
        weir_stmt *query = weir_sql(sql);
        check_column(sample, weir_connection_execute(connection, query, streamed(i)), i % 2 ? "streamed" : "buffered");
        weir_stmt_free(&query);
    }
    close_connection_ok(&connection);
}

/* The server says itself that it got the very value: IS NOT DISTINCT FROM where the type has =, else its text. */
static void test_types_each_goes_as_a_parameter(void **state)
{
    weir_connection *connection = connect_with_types(*state);
    char sql[2048];
    for (int i = 0; i < 2 * SAMPLES; i++) {
        const struct sample *sample = &samples[i / 2];
        snprintf(sql, sizeof sql, "SELECT :v::%s AS v, (:v::%s)::text IS NOT DISTINCT FROM ($weir$%s$weir$::%s)::text ORDER BY 2",
                 sample->type, sample->type, sample->literal, sample->type);
        weir_stmt *query = weir_sql(sql);
        weir_bind(query, "v", sample->value);
        weir_result *result = weir_connection_execute(connection, query, streamed(i));
        weir_stmt_free(&query);
        const weir_row *row = weir_result_next(result);
        if (!row)
            fail_msg("%s '%s' as parameter: %s", sample->type, sample->literal, weir_result_error(result)->message);
        assert_sample(sample, weir_row_value(row, "v"), "as parameter");
        if (!weir_row_bool_at(row, 1))
            fail_msg("%s '%s': the server got something else", sample->type, sample->literal);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

static void test_types_each_is_kept_by_a_table_and_may_be_null(void **state)
{
    weir_connection *connection = connect_with_types(*state);
    char sql[512];
    for (int i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        run_ok(connection, "DROP TABLE IF EXISTS kept");
        snprintf(sql, sizeof sql, "CREATE TEMP TABLE kept(n integer, v %s)", sample->type);
        run_ok(connection, sql);
        weir_stmt *insert = weir_sql("INSERT INTO kept VALUES (1, :value), (2, :null)");
        weir_bind(insert, "value", sample->value);
        weir_bind(insert, "null", WEIR_NULL);
        weir_result *result = weir_connection_execute(connection, insert, NULL);
        weir_stmt_free(&insert);
        if (weir_result_rowcount(result) != 2)
            fail_msg("%s '%s' into a table: %s", sample->type, sample->literal, weir_result_error(result)->message);
        close_result_ok(&result);
        weir_stmt *query = weir_sql("SELECT v FROM kept ORDER BY n");
        result = weir_connection_execute(connection, query, streamed(i));
        weir_stmt_free(&query);
        const weir_partition *rows = weir_result_all(result);
        assert_int_equal(rows->count, 2);
        assert_sample(sample, weir_row_value_at(rows->rows[0], 0), "from a table");
        assert_true(weir_row_is_null_at(rows->rows[1], 0));
        assert_null(weir_row_text_at(rows->rows[1], 0).ptr);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

/* What weir read, bound again as it is, must be the same to the server: a copied table has the same rows. */
static void test_types_a_value_that_was_read_can_be_bound(void **state)
{
    weir_connection *connection = connect_with_types(*state);
    char sql[1024];
    for (int i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        snprintf(sql, sizeof sql, "SELECT $weir$%s$weir$::%s", sample->literal, sample->type);
        weir_stmt *query = weir_sql(sql);
        weir_result *first = weir_connection_execute(connection, query, NULL);
        weir_stmt_free(&query);
        const weir_value *value = weir_result_scalar(first);
        assert_non_null(value);
        snprintf(sql, sizeof sql, "SELECT :v::%s", sample->type);
        query = weir_sql(sql);
        weir_bind(query, "v", *value);
        check_column(sample, weir_connection_execute(connection, query, NULL), "bound as it was read");
        weir_stmt_free(&query);
        close_result_ok(&first);
    }
    close_connection_ok(&connection);
}

/* All in one row: fields of every width side by side, as in a wide table. */
static void test_types_all_in_one_row(void **state)
{
    weir_connection *connection = connect_with_types(*state);
    char sql[16384] = "SELECT ";
    for (int i = 0; i < SAMPLES; i++) {
        size_t length = strlen(sql);
        snprintf(sql + length, sizeof sql - length, "%s:p%d::%s", i ? ", " : "", i, samples[i].type);
    }
    strcat(sql, " FROM generate_series(1, 7) ORDER BY 1");
    weir_stmt *query = weir_sql(sql);
    for (int i = 0; i < SAMPLES; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        weir_bind(query, name, samples[i].value);
    }
    weir_result *result = weir_connection_execute(connection, query, WEIR_EXECUTION_OPTIONS(.yield_per = 3));
    weir_stmt_free(&query);
    int rows = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++)
        for (int i = 0; i < SAMPLES; i++)
            assert_sample(&samples[i], weir_row_value_at(row, i), "in a wide row");
    close_result_ok(&result);
    assert_int_equal(rows, 7);
    close_connection_ok(&connection);
}

/* A program need not say what goes without saying, and what makes no sense is refused when it is bound. */
static void test_types_arrays_as_programs_make_them(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    const weir_value items[] = { weir_value_cstr("a"), { .type = WEIR_T_TEXT }, WEIR_NULL, weir_value_int(5) };
    static const int32_t short_length[] = { 3 }, negative[] = { -4 };
    const weir_array plain = { .element_type = WEIR_T_TEXT, .dimensions = 1, .count = 4, .items = items };
    const struct { weir_array array; int bound, executed; const char *message; } arrays[] = {
        { plain, WEIR_OK, WEIR_OK, "" },
        { { WEIR_T_TEXT, 1, NULL, NULL, 4, NULL }, WEIR_ARGUMENT, WEIR_ARGUMENT, "'v'" },
        { { WEIR_T_TEXT, 2, NULL, NULL, 4, items }, WEIR_ARGUMENT, WEIR_ARGUMENT, "'v'" },
        { { WEIR_T_TEXT, -1, NULL, NULL, 4, items }, WEIR_ARGUMENT, WEIR_ARGUMENT, "'v'" },
        { { WEIR_T_TEXT, 1, short_length, NULL, 4, items }, WEIR_OK, WEIR_DATA, "4 items" },
        { { WEIR_T_TEXT, 1, negative, NULL, 4, items }, WEIR_OK, WEIR_DATA, "lengths" },
        { { WEIR_T_TEXT, 0, NULL, NULL, 4, items }, WEIR_OK, WEIR_DATA, "4 items" },
    };
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        weir_stmt *stmt = weir_sql("SELECT :v::text[], (:v::text[])::text");
        weir_bind(stmt, "v", weir_value_array(&arrays[i].array));
        assert_error(weir_stmt_error(stmt), arrays[i].bound);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        weir_stmt_free(&stmt);
        assert_error(weir_result_error(result), arrays[i].executed);
        assert_contains(weir_result_error(result)->message, arrays[i].message);
        if (i == 0) {
            const weir_row *row = weir_result_one(result);
            assert_string_equal(weir_row_cstr_at(row, 1), "{a,NULL,NULL,5}");
            assert_int_equal(weir_row_array_at(row, 0)->lengths[0], 4);
            assert_int_equal(weir_row_array_at(row, 0)->items[1].type, WEIR_T_NULL);
        }
        assert_status(weir_result_close(&result), arrays[i].executed);
    }
    close_connection_ok(&connection);
}

/* ---- what differs between versions ------------------------------------------------------------------------------------ */

static void test_types_numeric_infinities(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    if (test_query_int(connection, "SELECT current_setting('server_version_num')") >= 140000) {
        weir_stmt *query = weir_sql("SELECT :v::numeric, -(:v::numeric), :v::numeric = 'Infinity'");
        weir_bind(query, "v", weir_value_numeric((weir_numeric){ "Infinity", 8 }));
        weir_result *result = weir_connection_execute(connection, query, NULL);
        weir_stmt_free(&query);
        const weir_row *row = weir_result_one(result);
        assert_error(weir_result_error(result), WEIR_OK);
        weir_numeric minus = weir_row_numeric_at(row, 1);
        assert_int_equal(weir_row_numeric_at(row, 0).len, 8);
        assert_int_equal(minus.len, 9);
        assert_memory_equal(minus.ptr, "-Infinity", 9);
        assert_true(weir_row_bool_at(row, 2));
        assert_true(isinf(weir_row_double_at(row, 1)) && weir_row_double_at(row, 1) < 0);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

static void test_types_xml_where_the_server_has_it(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *query = weir_sql("SELECT :v::xml, ARRAY[:v::xml]");
    weir_bind(query, "v", weir_value_cstr("<a>\xC3\xA9</a>"));
    weir_result *result = weir_connection_execute(connection, query, NULL);
    weir_stmt_free(&query);
    const weir_row *row = weir_result_one(result);
    if (row) {
        assert_string_equal(weir_row_cstr_at(row, 0), "<a>\xC3\xA9</a>");
        assert_int_equal(weir_row_value_at(row, 0)->type, WEIR_T_OTHER);
        assert_string_equal(weir_result_column(result, 0)->database_type, "xml");
        assert_int_equal(weir_row_array_at(row, 1)->element_type, WEIR_T_OTHER);
        close_result_ok(&result);
    } else {
        assert_status(weir_result_close(&result), WEIR_NOT_SUPPORTED);
    }
    close_connection_ok(&connection);
}

/* The server goes to the year 294276, weir's microseconds since 1970 to 294247: never a wrong value, a data error. */
static void test_types_a_timestamp_past_int64_is_a_data_error(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *query = weir_sql("SELECT n, CASE n WHEN 3 THEN timestamp '294276-12-31' ELSE '2000-01-01' END AS late "
                                "FROM generate_series(1, 5) n ORDER BY n");
    weir_result *result = weir_connection_execute(connection, query, NULL);
    weir_stmt_free(&query);
    assert_null(weir_result_all(result));
    assert_error(weir_result_error(result), WEIR_DATA);
    assert_int_equal(weir_result_error(result)->row, 3);
    assert_string_equal(weir_result_error(result)->column, "late");
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_types_each_comes_as_a_column),
        ON_POSTGRESQL(test_types_each_goes_as_a_parameter),
        ON_POSTGRESQL(test_types_each_is_kept_by_a_table_and_may_be_null),
        ON_POSTGRESQL(test_types_a_value_that_was_read_can_be_bound),
        ON_POSTGRESQL(test_types_all_in_one_row),
        ON_POSTGRESQL(test_types_arrays_as_programs_make_them),
        ON_POSTGRESQL(test_types_numeric_infinities),
        ON_POSTGRESQL(test_types_xml_where_the_server_has_it),
        ON_POSTGRESQL(test_types_a_timestamp_past_int64_is_a_data_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
