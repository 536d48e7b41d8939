/* PostgreSQL's types as the tests write and read them: for each, a literal and the value that it is. */
#ifndef TEST_TYPE_SAMPLES_H
#define TEST_TYPE_SAMPLES_H
#include "support.h"
#include <math.h>

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
    { "\"char\"", "", NULL, STRING(TEXT, "") },
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
    { "int2vector", "1 -2", NULL, STRING(OTHER, "1 -2") },
    { "oidvector", "1 2", NULL, STRING(OTHER, "1 2") },
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
#endif
