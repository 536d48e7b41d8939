/* PostgreSQL's types through the public API, both ways: as a result's column, as a bound parameter, in a table, in a stream. */
#include "support.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BYTES(s) { s, sizeof s - 1 }
#define BOOL(v) { .type = WEIR_T_BOOL, .as.b = v }
#define INT(bits, v) { .type = WEIR_T_INT##bits, .as.i = v }
#define FLOATING(kind, v) { .type = WEIR_T_##kind, .as.d = v }
#define STRING(kind, s) { .type = WEIR_T_##kind, .as.text = BYTES(s) }
#define BLOB(s) { .type = WEIR_T_BLOB, .as.blob = BYTES(s) }
#define DATE(v) { .type = WEIR_T_DATE, .as.date.days = v }
#define TIME(v) { .type = WEIR_T_TIME, .as.time.usec = v }
#define TIMETZ(v, o) { .type = WEIR_T_TIMETZ, .as.timetz = { v, o } }
#define TIMESTAMP(v) { .type = WEIR_T_TIMESTAMP, .as.timestamp.usec = v }
#define TIMESTAMPTZ(v) { .type = WEIR_T_TIMESTAMPTZ, .as.timestamptz.usec = v }
#define INTERVAL(m, d, u) { .type = WEIR_T_INTERVAL, .as.interval = { .usec = u, .days = d, .months = m } }
#define UUID(...) { .type = WEIR_T_UUID, .as.uuid.bytes = { __VA_ARGS__ } }
#define ARRAY(a) { .type = WEIR_T_ARRAY, .as.array = &a }
#define NONE { .type = WEIR_T_NULL }

/* One dimension from 1. */
#define LIST(name, kind, ...)                                                                                       \
    static const weir_value name##_items[] = { __VA_ARGS__ };                                                       \
    static const int32_t name##_length = sizeof name##_items / sizeof *name##_items, name##_lower = 1;              \
    static const weir_array name = { .element_type = WEIR_T_##kind, .dimensions = 1, .lengths = &name##_length,     \
                                     .lower_bounds = &name##_lower, .count = sizeof name##_items / sizeof *name##_items, \
                                     .items = name##_items }
LIST(bools, BOOL, BOOL(true), NONE, BOOL(false));
LIST(shorts, INT16, INT(16, -32768), INT(16, 32767));
LIST(ints, INT32, INT(32, 1), NONE, INT(32, -2147483647 - 1));
LIST(longs, INT64, INT(64, INT64_MIN), INT(64, INT64_MAX));
LIST(floats, FLOAT, FLOATING(FLOAT, 1.5), FLOATING(FLOAT, NAN));
LIST(doubles, DOUBLE, FLOATING(DOUBLE, -0.1), FLOATING(DOUBLE, -INFINITY));
LIST(numerics, NUMERIC, STRING(NUMERIC, "1.50"), STRING(NUMERIC, "NaN"), NONE);
LIST(texts, TEXT, STRING(TEXT, ""), STRING(TEXT, "NULL"), NONE, STRING(TEXT, "a\"b\\c,{}'\n"), STRING(TEXT, "h\xC3\xA9"));
LIST(blobs, BLOB, BLOB(""), BLOB("\0\377\\"), NONE);
LIST(dates, DATE, DATE(0), DATE(WEIR_DATE_INFINITY));
LIST(times, TIME, TIME(0), TIME(86400000000));
LIST(timetzs, TIMETZ, TIMETZ(1, -3600));
LIST(timestamps, TIMESTAMP, TIMESTAMP(-1), NONE);
LIST(timestamptzs, TIMESTAMPTZ, TIMESTAMPTZ(1714566600250000), TIMESTAMPTZ(WEIR_TIMESTAMP_MINUS_INFINITY), NONE);
LIST(intervals, INTERVAL, INTERVAL(1, -2, 3), NONE);
LIST(uuids, UUID, UUID(0), NONE);
LIST(jsons, JSON, STRING(JSON, "{\"a\": 1}"), STRING(JSON, "null"), NONE);
LIST(inets, INET, STRING(INET, "10.0.0.0/8"), STRING(INET, "::1"));
LIST(moods, ENUM, STRING(ENUM, "so so"), NONE, STRING(ENUM, "happy"));
LIST(years, INT32, INT(32, 1999), NONE);
static const weir_array nothing = { .element_type = WEIR_T_INT32 };

static const int32_t grid_lengths[] = { 2, 3 }, grid_lower[] = { 1, 1 }, shifted_lower[] = { -5, 7 };
static const weir_value grid_items[] = { INT(32, 1), INT(32, 2), NONE, INT(32, 4), INT(32, 5), INT(32, 6) };
static const weir_array grid = { WEIR_T_INT32, 2, grid_lengths, grid_lower, 6, grid_items };
static const weir_array shifted = { WEIR_T_INT32, 2, grid_lengths, shifted_lower, 6, grid_items };

#define NINES "999999999999999999999999999999999999999999999999999999999999999999999999"

/* As `type`, `literal` is `value`, and the column's type is called `name` (NULL: as the type). */
static const struct sample {
    const char *type, *literal, *name;
    weir_value  value;
} samples[] = {
    { "boolean", "true", NULL, BOOL(true) },
    { "boolean", "false", NULL, BOOL(false) },
    { "smallint", "-32768", NULL, INT(16, INT16_MIN) },
    { "smallint", "32767", NULL, INT(16, INT16_MAX) },
    { "integer", "-2147483648", NULL, INT(32, INT32_MIN) },
    { "integer", "2147483647", NULL, INT(32, INT32_MAX) },
    { "bigint", "-9223372036854775808", NULL, INT(64, INT64_MIN) },
    { "bigint", "9223372036854775807", NULL, INT(64, INT64_MAX) },
    { "oid", "4294967295", NULL, INT(64, 4294967295) },
    { "real", "-3.4028235e38", NULL, FLOATING(FLOAT, -3.4028234663852886e38) },
    { "real", "NaN", NULL, FLOATING(FLOAT, NAN) },
    { "real", "-0.5", NULL, FLOATING(FLOAT, -0.5) },
    { "double precision", "0.1", NULL, FLOATING(DOUBLE, 0.1) },
    { "double precision", "5e-324", NULL, FLOATING(DOUBLE, 5e-324) },
    { "double precision", "1.7976931348623157e308", NULL, FLOATING(DOUBLE, 1.7976931348623157e308) },
    { "double precision", "NaN", NULL, FLOATING(DOUBLE, NAN) },
    { "double precision", "Infinity", NULL, FLOATING(DOUBLE, INFINITY) },
    { "double precision", "-Infinity", NULL, FLOATING(DOUBLE, -INFINITY) },
    { "numeric", "0", NULL, STRING(NUMERIC, "0") },
    { "numeric", "0.00", NULL, STRING(NUMERIC, "0.00") },
    { "numeric", "-12.50", NULL, STRING(NUMERIC, "-12.50") },
    { "numeric", "100000000", NULL, STRING(NUMERIC, "100000000") },
    { "numeric", "10000.0001", NULL, STRING(NUMERIC, "10000.0001") },
    { "numeric", "0.00000000000000000001", NULL, STRING(NUMERIC, "0.00000000000000000001") },
    { "numeric", NINES NINES NINES "." NINES, NULL, STRING(NUMERIC, NINES NINES NINES "." NINES) },
    { "numeric(12,4)", "3", "numeric", STRING(NUMERIC, "3.0000") },
    { "numeric", "NaN", NULL, STRING(NUMERIC, "NaN") },
    { "text", "", NULL, STRING(TEXT, "") },
    { "text", "h\xC3\xA9llo \xF0\x9F\x90\x98\n\t", NULL, STRING(TEXT, "h\xC3\xA9llo \xF0\x9F\x90\x98\n\t") },
    { "varchar(20)", "abc ", "character varying", STRING(TEXT, "abc ") },
    { "char(5)", "ab", "character", STRING(TEXT, "ab   ") },
    { "name", "pg_class", NULL, STRING(TEXT, "pg_class") },
    { "\"char\"", "x", NULL, STRING(TEXT, "x") },
    { "bytea", "\\x", NULL, BLOB("") },
    { "bytea", "\\x00ff005c27", NULL, BLOB("\0\377\0\\'") },
    { "date", "1970-01-01", NULL, DATE(0) },
    { "date", "4713-01-01 BC", NULL, DATE(-2440550) },
    { "date", "5874897-12-31", NULL, DATE(2145042905) },
    { "date", "infinity", NULL, DATE(WEIR_DATE_INFINITY) },
    { "date", "-infinity", NULL, DATE(WEIR_DATE_MINUS_INFINITY) },
    { "time", "24:00:00", "time without time zone", TIME(86400000000) },
    { "time", "12:30:00.000001", "time without time zone", TIME(45000000001) },
    { "timetz", "00:00:00+15:59:59", "time with time zone", TIMETZ(0, 57599) },
    { "timetz", "23:59:59.999999-08", "time with time zone", TIMETZ(86399999999, -28800) },
    { "timestamp", "2024-05-01 12:30:00.25", "timestamp without time zone", TIMESTAMP(1714566600250000) },
    { "timestamp", "1969-12-31 23:59:59.999999", "timestamp without time zone", TIMESTAMP(-1) },
    { "timestamp", "infinity", "timestamp without time zone", TIMESTAMP(WEIR_TIMESTAMP_INFINITY) },
    { "timestamptz", "2024-05-01 12:30:00.25+00", "timestamp with time zone", TIMESTAMPTZ(1714566600250000) },
    { "timestamptz", "-infinity", "timestamp with time zone", TIMESTAMPTZ(WEIR_TIMESTAMP_MINUS_INFINITY) },
    { "interval", "1 year 2 mons 3 days 04:05:06.5", NULL, INTERVAL(14, 3, 14706500000) },
    { "interval", "-1 mons +2 days -00:00:00.000001", NULL, INTERVAL(-1, 2, -1) },
    { "interval", "0", NULL, INTERVAL(0, 0, 0) },
    { "uuid", "00112233-4455-6677-8899-aabbccddeeff", NULL,
      UUID(0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff) },
    { "json", "{\"a\" :  [1,null]}", NULL, STRING(JSON, "{\"a\" :  [1,null]}") },
    { "jsonb", "{\"a\": [1, null]}", NULL, STRING(JSON, "{\"a\": [1, null]}") },
    { "inet", "10.1.2.3", NULL, STRING(INET, "10.1.2.3") },
    { "inet", "10.1.2.3/8", NULL, STRING(INET, "10.1.2.3/8") },
    { "inet", "2001:db8::1", NULL, STRING(INET, "2001:db8::1") },
    { "cidr", "10.0.0.0/8", NULL, STRING(INET, "10.0.0.0/8") },
    { "cidr", "2001:db8::/32", NULL, STRING(INET, "2001:db8::/32") },
    { "mood", "so so", NULL, STRING(ENUM, "so so") },
    { "year", "1999", "integer", INT(32, 1999) },               /* the protocol describes a domain as its base type */
    { "amount", "1.10", "numeric", STRING(NUMERIC, "1.10") },
    { "moods", "{\"so so\",NULL,happy}", "mood[]", ARRAY(moods) },
    { "pair", "(1,\"a b\")", NULL, STRING(OTHER, "(1,\"a b\")") },
    { "int4range", "[1,5)", NULL, STRING(OTHER, "[1,5)") },
    { "tsvector", "'cat':2 'fat':1", NULL, STRING(OTHER, "'cat':2 'fat':1") },
    { "money", "$1,234.50", NULL, STRING(OTHER, "$1,234.50") },
    { "bit(5)", "10101", "bit", STRING(OTHER, "10101") },
    { "varbit", "", "bit varying", STRING(OTHER, "") },
    { "point", "(1,2.5)", NULL, STRING(OTHER, "(1,2.5)") },
    { "macaddr", "08:00:2b:01:02:03", NULL, STRING(OTHER, "08:00:2b:01:02:03") },
    { "regclass", "pg_class", NULL, STRING(OTHER, "pg_class") },
    { "pair[]", "{\"(1,a)\",NULL}", NULL, STRING(OTHER, "{\"(1,a)\",NULL}") },
    { "money[]", "{$1.00,$2.00}", NULL, STRING(OTHER, "{$1.00,$2.00}") },
    { "boolean[]", "{t,NULL,f}", NULL, ARRAY(bools) },
    { "smallint[]", "{-32768,32767}", NULL, ARRAY(shorts) },
    { "integer[]", "{1,NULL,-2147483648}", NULL, ARRAY(ints) },
    { "integer[]", "{}", NULL, ARRAY(nothing) },
    { "integer[]", "{{1,2,NULL},{4,5,6}}", NULL, ARRAY(grid) },
    { "integer[]", "[-5:-4][7:9]={{1,2,NULL},{4,5,6}}", NULL, ARRAY(shifted) },
    { "bigint[]", "{-9223372036854775808,9223372036854775807}", NULL, ARRAY(longs) },
    { "real[]", "{1.5,NaN}", NULL, ARRAY(floats) },
    { "double precision[]", "{-0.1,-Infinity}", NULL, ARRAY(doubles) },
    { "numeric[]", "{1.50,NaN,NULL}", NULL, ARRAY(numerics) },
    { "text[]", "{\"\",\"NULL\",NULL,\"a\\\"b\\\\c,{}'\n\",h\xC3\xA9}", NULL, ARRAY(texts) },
    { "varchar(12)[]", "{\"\",\"NULL\",NULL,\"a\\\"b\\\\c,{}'\n\",h\xC3\xA9}", "character varying[]", ARRAY(texts) },
    { "bytea[]", "{\"\\\\x\",\"\\\\x00ff5c\",NULL}", NULL, ARRAY(blobs) },
    { "date[]", "{1970-01-01,infinity}", NULL, ARRAY(dates) },
    { "time[]", "{00:00:00,24:00:00}", "time without time zone[]", ARRAY(times) },
    { "timetz[]", "{00:00:00.000001-01}", "time with time zone[]", ARRAY(timetzs) },
    { "timestamp[]", "{\"1969-12-31 23:59:59.999999\",NULL}", "timestamp without time zone[]", ARRAY(timestamps) },
    { "timestamptz[]", "{\"2024-05-01 12:30:00.25+00\",-infinity,NULL}", "timestamp with time zone[]", ARRAY(timestamptzs) },
    { "interval[]", "{\"1 mon -2 days 00:00:00.000003\",NULL}", NULL, ARRAY(intervals) },
    { "uuid[]", "{00000000-0000-0000-0000-000000000000,NULL}", NULL, ARRAY(uuids) },
    { "json[]", "{\"{\\\"a\\\": 1}\",\"null\",NULL}", NULL, ARRAY(jsons) },
    { "jsonb[]", "{\"{\\\"a\\\": 1}\",\"null\",NULL}", NULL, ARRAY(jsons) },
    { "inet[]", "{10.0.0.0/8,::1}", NULL, ARRAY(inets) },
    { "mood[]", "{\"so so\",NULL,happy}", NULL, ARRAY(moods) },
    { "year[]", "{1999,NULL}", NULL, ARRAY(years) },
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static weir_connection *connect_with_types(test_database *db)
{
    test_side_run(db, "CREATE TYPE mood AS ENUM ('sad', 'so so', 'happy'); CREATE TYPE pair AS (a integer, b text);"
                      "CREATE DOMAIN year AS integer CHECK (VALUE > 1900); CREATE DOMAIN amount AS numeric(10,2);"
                      "CREATE DOMAIN moods AS mood[]");
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "SET TIME ZONE 'Asia/Kolkata'");         /* must make no difference to any value */
    run_ok(connection, "SET lc_monetary = 'C'");
    return connection;
}

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
