/* PostgreSQL's type table, decoders and parameter encoders, against a real server (WEIR_TEST_PG, a libpq conninfo). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/values.h"
#include "driver/postgres/codec.h"

static PGconn *server;
static weir_arena arena;

/* ---- the server ------------------------------------------------------------------------------------------------------- */
static PGresult *check_result(PGresult *result, const char *sql)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s\n%s", sql, PQerrorMessage(server));
    return result;
}

static PGresult *run(const char *sql) { return check_result(PQexec(server, sql), sql); }

static PGresult *run_binary(const char *sql)
{
    return check_result(PQexecParams(server, sql, 0, NULL, NULL, NULL, NULL, 1), sql);
}

static void run_quietly(const char *sql) { PQclear(run(sql)); }

/* The first field of a query, as a number. */
static uint32_t run_number(const char *sql)
{
    PGresult *result = run(sql);
    uint32_t number = (uint32_t)strtoul(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

static int connect_to_server(void **state)
{
    (void)state;
    server = PQconnectdb(getenv("WEIR_TEST_PG"));
    if (PQstatus(server) != CONNECTION_OK) {
        fprintf(stderr, "test_pg_types_live: %s", PQerrorMessage(server));
        return -1;
    }
    run_quietly("SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET intervalstyle = 'iso_8601'; SET datestyle = 'ISO'; "
                "SET bytea_output = 'hex'; SET client_min_messages = 'warning'");
    return 0;
}

static int disconnect(void **state)
{
    (void)state;
    PQfinish(server);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 4096);
    return 0;
}

static int end(void **state)
{
    (void)state;
    weir_arena_free(&arena);
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    return figures.bytes == 0 ? 0 : -1;
}

/* ---- both ways -------------------------------------------------------------------------------------------------------- */
static weir_value decode_field(const weir_pg_type *type, const PGresult *result, int row, int column)
{
    weir_step step = { 0 };
    weir_value value = { 0 };
    if (PQgetisnull(result, row, column))
        return value;
    assert_int_equal(weir_pg_type_plan(type, &arena, &step), WEIR_OK);
    weir_decode decode = { .arena = &arena };
    int status = step.decode(&decode, &step, PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column), &value);
    if (status != WEIR_OK)
        fail_msg("%s: %s", type->name, decode.reason);
    assert_int_equal(value.type, type->type);
    return value;
}

static char *format_value(const weir_value *value)
{
    size_t length = weir_value_format(value, NULL, 0);
    char *text = weir_arena_bytes(&arena, length + 1);
    weir_value_format(value, text, length + 1);
    return text;
}

/* Runs `sql` with the value as $1, encoded for the type that the server infers. NULL: the server refused (its message in
 * `refusal`). */
static PGresult *run_with(const char *sql, const weir_value *value, const weir_pg_type *made, char *refusal)
{
    PQclear(check_result(PQprepare(server, "", sql, 0, NULL), sql));
    PGresult *description = check_result(PQdescribePrepared(server, ""), sql);
    const weir_pg_type *type = weir_pg_type_find(PQparamtype(description, 0));
    if (!type && made && made->oid == PQparamtype(description, 0))
        type = made;
    PQclear(description);
    weir_buffer out;
    weir_error error = { 0 };
    int16_t format;
    weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_NETWORK, 1 << 24);
    if (weir_pg_encode(value, type, &out, &format, &error) != WEIR_OK)
        fail_msg("%s: %s", sql, error.message);
    int length = (int)out.length, kind = format;
    const char *bytes = weir_buffer_cstr(&out);
    PGresult *result = PQexecPrepared(server, "", 1, &bytes, &length, &kind, 1);
    weir_buffer_free(&out);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && refusal) {
        snprintf(refusal, 256, "%s", PQerrorMessage(server));
        PQclear(result);
        return NULL;
    }
    return check_result(result, sql);
}

/* ---- what is tried ---------------------------------------------------------------------------------------------------- */
/* The text that weir must write for a value, as an expression of the server over v. */
#define SAME "v::text"
#define ISO "replace(to_json(v) #>> '{}', '+00:00', 'Z')"
#define BASE64 "replace(encode(v, 'base64'), E'\\n', '')"
#define NUMBER NULL     /* compared as a number */

typedef struct sample { const char *type, *text, *expected; int since; } sample;
static const sample samples[] = {
    { "bool", "true", SAME, 0 }, { "bool", "false", SAME, 0 }, { "int2", "-32768", SAME, 0 }, { "int2", "32767", SAME, 0 },
    { "int2", "0", SAME, 0 }, { "int4", "-2147483648", SAME, 0 }, { "int4", "2147483647", SAME, 0 },
    { "int8", "-9223372036854775808", SAME, 0 }, { "int8", "9223372036854775807", SAME, 0 }, { "oid", "0", SAME, 0 },
    { "oid", "4294967295", SAME, 0 }, { "float4", "0.1", NUMBER, 0 }, { "float4", "-0", NUMBER, 0 },
    { "float4", "1e-45", NUMBER, 0 }, { "float4", "3.4028235e38", NUMBER, 0 }, { "float4", "NaN", SAME, 0 },
    { "float4", "-Infinity", SAME, 0 }, { "float8", "0.1", SAME, 0 }, { "float8", "-0", NUMBER, 0 },
    { "float8", "5e-324", NUMBER, 0 }, { "float8", "1e300", NUMBER, 0 }, { "float8", "1.7976931348623157e308", NUMBER, 0 },
    { "float8", "123456789.125", SAME, 0 }, { "float8", "NaN", SAME, 0 }, { "float8", "Infinity", SAME, 0 },
    { "numeric", "0", SAME, 0 }, { "numeric", "0.00", SAME, 0 }, { "numeric", "-12.50", SAME, 0 },
    { "numeric", "10000", SAME, 0 }, { "numeric", "100000000", SAME, 0 }, { "numeric", "99990000.99990000", SAME, 0 },
    { "numeric", "0.0001", SAME, 0 }, { "numeric", "0.00010", SAME, 0 }, { "numeric", "0.00001", SAME, 0 },
    { "numeric", "-0.000000000000000000000000001", SAME, 0 },
    { "numeric", "123456789012345678901234567890.123456789012345678901234567890", SAME, 0 },
    { "numeric", "9223372036854775808", SAME, 0 }, { "numeric", "1e1000", SAME, 0 }, { "numeric", "1e-1000", SAME, 0 },
    { "numeric", "1e131071", SAME, 0 }, { "numeric", "-1e-16383", SAME, 0 }, { "numeric(10,3)", "1.5", SAME, 0 },
    { "numeric", "NaN", SAME, 0 }, { "numeric", "Infinity", SAME, 14 }, { "numeric", "-Infinity", SAME, 14 },
    { "text", "", SAME, 0 }, { "text", "na\xC3\xAFve \xF0\x9F\x98\x80 \"quoted\" \\ {}", SAME, 0 },
    { "varchar", "abc", SAME, 0 }, { "varchar(2)", "abc", SAME, 0 }, { "char(5)", "ab", "'ab   '", 0 },
    { "name", "pg_class", SAME, 0 }, { "\"char\"", "r", SAME, 0 }, { "\"char\"", "", "''", 0 },
    { "xml", "<a>b</a>", SAME, 0 }, { "xml", "<?xml version=\"1.0\" standalone=\"yes\"?><a/>", SAME, 0 },
    { "bytea", "", BASE64, 0 }, { "bytea", "\\x00ff10", BASE64, 0 },
    { "bytea", "\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526"
      "2728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e", BASE64, 0 },
    { "date", "2024-05-01", SAME, 0 }, { "date", "1970-01-01", SAME, 0 }, { "date", "2000-02-29", SAME, 0 },
    { "date", "0001-01-01", SAME, 0 }, { "date", "4713-01-01 BC", SAME, 0 }, { "date", "0044-03-15 BC", SAME, 0 },
    { "date", "12024-05-01", SAME, 0 }, { "date", "5874897-12-31", SAME, 0 }, { "date", "infinity", SAME, 0 },
    { "date", "-infinity", SAME, 0 }, { "time", "00:00:00", SAME, 0 }, { "time", "23:59:59.999999", SAME, 0 },
    { "time", "24:00:00", SAME, 0 }, { "time", "12:30:00.25", SAME, 0 },
    { "timetz", "12:30:00+02:00", "'12:30:00+02:00'", 0 }, { "timetz", "00:00:00-05:30", "v::text", 0 },
    { "timetz", "24:00:00+15:59:59", "v::text", 0 }, { "timetz", "12:00:00.000001-15:59:59", "v::text", 0 },
    { "timestamp", "2024-05-01 12:30:00.25", ISO, 0 }, { "timestamp", "1970-01-01 00:00:00", ISO, 0 },
    { "timestamp", "1969-12-31 23:59:59.999999", ISO, 0 }, { "timestamp", "0044-03-15 12:00:00 BC", ISO, 0 },
    { "timestamp", "4713-01-01 00:00:00 BC", ISO, 0 }, { "timestamp", "294246-12-31 23:59:59.999999", ISO, 0 },
    { "timestamp", "infinity", ISO, 0 }, { "timestamp", "-infinity", ISO, 0 },
    { "timestamptz", "2024-05-01 12:30:00.25+02", ISO, 0 }, { "timestamptz", "1999-12-31 23:59:59-08", ISO, 0 },
    { "timestamptz", "infinity", ISO, 0 }, { "timestamptz", "-infinity", ISO, 0 }, { "interval", "0", SAME, 0 },
    { "interval", "1 year 2 months 3 days 04:05:06.5", SAME, 0 }, { "interval", "-1 year -2 months", SAME, 0 },
    { "interval", "1 day -00:00:00.000001", SAME, 0 }, { "interval", "-178956970 years -8 months", SAME, 0 },
    { "interval", "-00:00:01.5", SAME, 0 }, { "interval", "2562047788 hours", SAME, 0 },
    { "interval", "1 month -1 day", SAME, 0 }, { "interval", "infinity", SAME, 17 }, { "interval", "-infinity", SAME, 17 },
    { "uuid", "00112233-4455-6677-8899-aabbccddeeff", SAME, 0 }, { "json", "{\"a\":  [1, 2]}", SAME, 0 },
    { "jsonb", "{\"a\":  [1, 2], \"b\": \"\\u00e9\"}", SAME, 0 }, { "jsonb", "null", SAME, 0 },
    { "inet", "10.0.0.1", "host(v)", 0 }, { "inet", "10.0.0.1/8", SAME, 0 }, { "inet", "0.0.0.0/0", SAME, 0 },
    { "inet", "::1", "host(v)", 0 }, { "inet", "::", "host(v)", 0 }, { "inet", "::ffff:1.2.3.4", "host(v)", 0 },
    { "inet", "::1.2.3.4", "host(v)", 0 }, { "inet", "::5:6", "host(v)", 0 }, { "inet", "2001:db8::1:0:0:1", "host(v)", 0 },
    { "inet", "2001:db8:0:0:1::/64", SAME, 0 }, { "inet", "fe80::1/10", SAME, 0 },
    { "inet", "1:0:2:3:4:5:6:7", "host(v)", 0 }, { "inet", "1:0:0:2::3:4", "host(v)", 0 },
    { "inet", "::2:3:4:5:6:7:8", "host(v)", 0 }, { "inet", "1:2:3:4:5:6:7::", "host(v)", 0 },
    { "inet", "0:0:0:0:0:fffe:1.2.3.4", "host(v)", 0 }, { "cidr", "10.0.0.0/8", SAME, 0 }, { "cidr", "10.0.0.1/32", SAME, 0 },
    { "cidr", "::1/128", SAME, 0 }, { "cidr", "2001:db8::/32", SAME, 0 }, { "int2[]", "{1,NULL,-3}", SAME, 0 },
    { "int4[]", "{}", SAME, 0 }, { "int4[]", "{{1,2},{3,NULL}}", SAME, 0 },
    { "int8[]", "[2:3]={9223372036854775807,0}", SAME, 0 }, { "int4[]", "[0:1][-1:0]={{1,2},{3,4}}", SAME, 0 },
    { "int4[]", "{{{{{{1}}}}}}", SAME, 0 }, { "oid[]", "{4294967295}", SAME, 0 },
    { "float8[]", "{0.1,NaN,-Infinity}", SAME, 0 }, { "float4[]", "{0.1,1.5}", SAME, 0 },
    { "numeric[]", "{1.50,NaN,-100000000000}", SAME, 0 }, { "bool[]", "{t,f,NULL}", SAME, 0 },
    { "text[]", "{a,\"b c\",\"\",NULL,\"NULL\",\"q\\\"\\\\\",\"{}\",\"x,y\"}", SAME, 0 }, { "varchar[]", "{abc}", SAME, 0 },
    { "bpchar[]", "{abc}", SAME, 0 }, { "name[]", "{abc,\"d e\"}", SAME, 0 }, { "\"char\"[]", "{a,b}", SAME, 0 },
    { "xml[]", "{<a/>}", SAME, 0 }, { "bytea[]", "{\"\\\\x00ff\",\"\\\\x\"}", SAME, 0 },
    { "date[]", "{2024-05-01,infinity}", SAME, 0 }, { "time[]", "{12:30:00}", SAME, 0 },
    { "timetz[]", "{12:30:00+02}", "'{12:30:00+02:00}'", 0 },
    { "timestamp[]", "{2024-05-01 12:30:00,infinity}", "'{2024-05-01T12:30:00,infinity}'", 0 },
    { "timestamptz[]", "{2024-05-01 12:30:00+00,-infinity}", "'{2024-05-01T12:30:00Z,-infinity}'", 0 },
    { "interval[]", "{P1D,PT0S}", SAME, 0 }, { "uuid[]", "{00112233-4455-6677-8899-aabbccddeeff}", SAME, 0 },
    { "json[]", "{\"{\\\"a\\\": 1}\"}", SAME, 0 }, { "jsonb[]", "{\"{\\\"a\\\": 1}\",1}", SAME, 0 },
    { "inet[]", "{10.0.0.1,10.0.0.0/8}", SAME, 0 }, { "cidr[]", "{10.0.0.0/8}", SAME, 0 },
};
enum { SAMPLE_COUNT = sizeof samples / sizeof *samples };

static bool is_here(const sample *s) { return PQserverVersion(server) / 10000 >= s->since; }

/* Column 0: the value in binary; column 1: the text that is expected, 2: the server's own text. */
static PGresult *select_sample(const sample *s)
{
    char sql[2048];
    char *literal = PQescapeLiteral(server, s->text, strlen(s->text));
    snprintf(sql, sizeof sql, "SELECT v, %s, v::text FROM (SELECT %s::%s AS v) AS s", s->expected ? s->expected : "v::text",
             literal, s->type);
    PQfreemem(literal);
    return run_binary(sql);
}

static bool same_number(const weir_value *value, const char *text)
{
    char *mine = format_value(value), *mine_end, *its_end;
    double a = strtod(mine, &mine_end), b = strtod(text, &its_end);
    if (value->type == WEIR_T_FLOAT)
        a = (double)strtof(mine, NULL), b = (double)strtof(text, NULL);
    return !*mine_end && !*its_end && memcmp(&a, &b, sizeof a) == 0;
}

static bool is_expected(const sample *s, const weir_value *value, const PGresult *result)
{
    const char *expected = PQgetvalue(result, 0, 1), *text = format_value(value);
    if (!s->expected)
        return same_number(value, expected);
    if (strcmp(text, expected) == 0)
        return true;
    /* the server leaves out what is zero of an offset: +02 for +02:00 */
    size_t length = strlen(expected);
    return strncmp(s->type, "timetz", 6) == 0 && strncmp(text, expected, length) == 0 && strcmp(text + length, ":00") == 0;
}

static void test_values_decode_to_the_servers_own_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        if (!is_here(&samples[i]))
            continue;
        PGresult *result = select_sample(&samples[i]);
        const weir_pg_type *type = weir_pg_type_find(PQftype(result, 0));
        assert_non_null(type);
        weir_value value = decode_field(type, result, 0, 0);
        if (!is_expected(&samples[i], &value, result))
            fail_msg("%s '%s': '%.200s', not '%.200s'", samples[i].type, samples[i].text, format_value(&value),
                     PQgetvalue(result, 0, 1));
        PQclear(result);
    }
}

static void check_round_trip(const sample *s, const char *cast)
{
    char sql[256];
    PGresult *result = select_sample(s);
    const weir_pg_type *type = weir_pg_type_find(PQftype(result, 0));
    weir_value value = decode_field(type, result, 0, 0);
    snprintf(sql, sizeof sql, "SELECT v, v::text FROM (SELECT $1::%s%s AS v) AS s", cast, s->type);
    PGresult *answer = run_with(sql, &value, NULL, NULL);
    weir_value back = decode_field(type, answer, 0, 0);
    if (!weir_value_equal(&value, &back) || strcmp(PQgetvalue(result, 0, 2), PQgetvalue(answer, 0, 1)) != 0)
        fail_msg("%s: '%.200s' came back as '%.200s'", sql, PQgetvalue(result, 0, 2), PQgetvalue(answer, 0, 1));
    PQclear(answer);
    PQclear(result);
}

static void test_values_sent_to_their_type_come_back_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        if (is_here(&samples[i]))
            check_round_trip(&samples[i], "");
}

static void test_values_sent_as_text_come_back_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        if (is_here(&samples[i]) && strcmp(samples[i].type, "bytea") != 0)
            check_round_trip(&samples[i], "text::");
}

static void test_the_table_is_the_servers(void **state)
{
    (void)state;
    const weir_pg_type *type;
    for (size_t i = 0; (type = weir_pg_type_at(i)); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT format_type(oid, NULL), typarray, typcategory, typelem FROM pg_type WHERE oid = %u",
                 (unsigned)type->oid);
        PGresult *result = run(sql);
        assert_int_equal(PQntuples(result), 1);
        assert_string_equal(PQgetvalue(result, 0, 0), type->name);
        uint32_t array_oid = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 10);
        if (type->element) {
            assert_string_equal(PQgetvalue(result, 0, 2), "A");
            assert_int_equal(strtoul(PQgetvalue(result, 0, 3), NULL, 10), type->element_oid);
        } else if (array_oid) {
            const weir_pg_type *array = weir_pg_type_find(array_oid);
            if (!array || array->element != type)
                fail_msg("the array of %s is not in the table", type->name);
        }
        PQclear(result);
    }
}

static void test_null_unknown_and_void_results(void **state)
{
    (void)state;
    PGresult *result = run_binary("SELECT NULL::int4, 'x', pg_sleep(0), ARRAY[NULL]::text[]");
    weir_value value = decode_field(weir_pg_type_find(PQftype(result, 1)), result, 0, 1);
    assert_int_equal(decode_field(weir_pg_type_find(PQftype(result, 0)), result, 0, 0).type, WEIR_T_NULL);
    assert_string_equal(format_value(&value), "x");
    value = decode_field(weir_pg_type_find(PQftype(result, 2)), result, 0, 2);
    assert_string_equal(format_value(&value), "");
    value = decode_field(weir_pg_type_find(PQftype(result, 3)), result, 0, 3);
    assert_int_equal(value.as.array->count, 1);
    assert_int_equal(value.as.array->items[0].type, WEIR_T_NULL);
    PQclear(result);
}

static void test_a_timestamp_past_the_int64_is_a_data_error(void **state)
{
    (void)state;
    PGresult *result = run_binary("SELECT '294276-12-31 23:59:59.999999'::timestamp");
    weir_step step = { 0 };
    weir_value value;
    weir_decode decode = { .arena = &arena };
    assert_int_equal(weir_pg_type_plan(weir_pg_type_find(1114), &arena, &step), WEIR_OK);
    assert_int_equal(step.decode(&decode, &step, PQgetvalue(result, 0, 0), 8, &value), WEIR_DATA);
    PQclear(result);
}

static void describe(weir_pg_type *type, const char *name, char typtype, const weir_pg_type *element, const weir_pg_type *base)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT '%s'::regtype::oid", name);
    weir_pg_type_from_catalog(type, run_number(sql), name, typtype, element ? element->oid : 0, element, base);
}

/* An enum, a domain over it and over an array, and arrays of them, as the catalog describes them. */
static void test_enums_domains_and_their_arrays_go_both_ways(void **state)
{
    (void)state;
    run_quietly("BEGIN; CREATE TYPE weir_mood AS ENUM ('sad', 'so \"so\"', 'happy'); CREATE DOMAIN weir_state AS weir_mood; "
                "CREATE DOMAIN weir_small AS int2 CHECK (VALUE < 100); CREATE DOMAIN weir_smalls AS weir_small[]");
    weir_pg_type mood, moods, small, smalls, smalls_domain, nested, state_domain;
    describe(&mood, "weir_mood", 'e', NULL, NULL);
    describe(&moods, "weir_mood[]", 'b', &mood, NULL);
    describe(&state_domain, "weir_state", 'd', NULL, &mood);
    describe(&small, "weir_small", 'd', NULL, weir_pg_type_find(21));
    describe(&smalls, "weir_small[]", 'b', &small, NULL);
    describe(&smalls_domain, "weir_smalls", 'd', NULL, &smalls);
    describe(&nested, "weir_smalls[]", 'b', &smalls_domain, NULL);
    const struct { const weir_pg_type *type; const char *sql, *text; } list[] = {
        { &mood, "SELECT 'so \"so\"'::weir_mood", "so \"so\"" },
        { &state_domain, "SELECT 'sad'::weir_state", "sad" },
        { &moods, "SELECT '{sad,NULL,happy,\"so \\\"so\\\"\"}'::weir_mood[]", "{sad,NULL,happy,\"so \\\"so\\\"\"}" },
        { &small, "SELECT 99::weir_small", "99" },
        { &smalls, "SELECT '{1,NULL,99}'::weir_small[]", "{1,NULL,99}" },
        { &smalls_domain, "SELECT '{1,2}'::weir_smalls", "{1,2}" },
        { &nested, "SELECT ARRAY['{1,2}', NULL, '{}']::weir_smalls[]", NULL },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char sql[256], refusal[256] = "";
        PGresult *result = run_binary(list[i].sql);
        weir_value value = decode_field(list[i].type, result, 0, 0), back;
        if (list[i].text)
            assert_string_equal(format_value(&value), list[i].text);
        const char *casts[] = { "", "text::" };
        for (size_t j = 0; j < (list[i].text ? 2 : 1); j++) {
            snprintf(sql, sizeof sql, "SELECT $1::%s%s", casts[j], list[i].type->name);
            PGresult *answer = run_with(sql, &value, list[i].type, refusal);
            if (!answer)
                fail_msg("%s: %s", sql, refusal);
            back = decode_field(list[i].type, answer, 0, 0);
            assert_true(weir_value_equal(&value, &back));
            PQclear(answer);
        }
        PQclear(result);
    }
    run_quietly("ROLLBACK");
}

/* A parameter whose type is declared comes back as a value of that type. */
static void test_declared_parameters_are_what_the_server_takes_them_for(void **state)
{
    (void)state;
    const weir_value items[] = { WEIR_VALUE(1), WEIR_NULL };
    const weir_array numbers = { WEIR_T_INT64, 1, NULL, NULL, 2, items };
    const weir_value list[] = {
        WEIR_VALUE(INT64_MIN), WEIR_VALUE(0.1), WEIR_VALUE((bool)1), WEIR_VALUE("x"), WEIR_VALUE(((weir_blob){ "\0\1", 2 })),
        WEIR_VALUE(((weir_numeric){ "12.50", 5 })), WEIR_VALUE(((weir_date){ 5 })), WEIR_VALUE(((weir_time){ 5 })),
        WEIR_VALUE(((weir_timetz){ 5, 3600 })), WEIR_VALUE(((weir_timestamp){ 5 })), WEIR_VALUE(((weir_timestamptz){ 5 })),
        WEIR_VALUE(((weir_interval){ 5, 6, 7 })), WEIR_VALUE(((weir_uuid){ { 1, 2, 3 } })), WEIR_VALUE(&numbers),
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        Oid oid = weir_pg_declared_oid(&list[i]);
        const weir_pg_type *type = weir_pg_type_find(oid);
        weir_buffer out;
        weir_error error = { 0 };
        int16_t format;
        weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_NETWORK, 1 << 20);
        assert_int_equal(weir_pg_encode(&list[i], type, &out, &format, &error), WEIR_OK);
        int length = (int)out.length, kind = format;
        const char *bytes = weir_buffer_cstr(&out);
        PGresult *result = check_result(PQexecParams(server, "SELECT $1", 1, &oid, &bytes, &length, &kind, 1), "SELECT $1");
        assert_int_equal(PQftype(result, 0), oid);
        weir_value back = decode_field(type, result, 0, 0);
        if (list[i].type == WEIR_T_ARRAY)
            assert_string_equal(format_value(&back), "{1,NULL}");
        else
            assert_true(weir_value_equal(&list[i], &back));
        weir_buffer_free(&out);
        PQclear(result);
    }
}

/* Numbers of another type than the server's, and numerics of many digits. */
static void test_numbers_reach_other_types_unchanged(void **state)
{
    (void)state;
    char digits[20001];
    memset(digits, '7', sizeof digits - 1);
    digits[sizeof digits - 1] = 0;
    digits[10000] = '.';
    const struct { weir_value value; const char *type, *text; } list[] = {
        { WEIR_VALUE(-12345), "numeric", "-12345" }, { WEIR_VALUE(INT64_MIN), "numeric", "-9223372036854775808" },
        { WEIR_VALUE(0.1), "numeric", "0.1" }, { WEIR_VALUE(1e22), "numeric", "10000000000000000000000" },
        { WEIR_VALUE(((weir_numeric){ "+0012.50", 8 })), "numeric", "12.50" },
        { WEIR_VALUE(((weir_numeric){ "-0.00", 5 })), "numeric", "0.00" },
        { WEIR_VALUE(((weir_numeric){ "300.00", 6 })), "int4", "300" },
        { WEIR_VALUE(((weir_numeric){ "0.1", 3 })), "float8", "0.1" }, { WEIR_VALUE(1e15), "int8", "1000000000000000" },
        { WEIR_VALUE(1), "bool", "true" }, { WEIR_VALUE(7), "text", "7" }, { WEIR_VALUE(7), "float4", "7" },
        { WEIR_VALUE(((weir_date){ 0 })), "timestamp", "1970-01-01 00:00:00" },
        { WEIR_VALUE(((weir_date){ 0 })), "text", "1970-01-01" }, { WEIR_VALUE("2024-05-01"), "date", "2024-05-01" },
        { WEIR_VALUE(((weir_numeric){ digits, sizeof digits - 1 })), "numeric", digits },
        { WEIR_VALUE(((weir_blob){ "\0\xFF", 2 })), "bytea", "\\x00ff" }, { WEIR_VALUE("\\xff"), "bytea", "\\xff" },
        { WEIR_VALUE("(1,2)"), "point", "(1,2)" }, { WEIR_VALUE(1259), "regclass", "pg_class" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT $1::%s::text", list[i].type);
        PGresult *result = run_with(sql, &list[i].value, NULL, NULL);
        assert_string_equal(PQgetvalue(result, 0, 0), list[i].text);
        PQclear(result);
    }
}

int main(void)
{
    if (!getenv("WEIR_TEST_PG")) {
        fprintf(stderr, "test_pg_types_live: SKIPPED, nothing was tested: WEIR_TEST_PG (a libpq conninfo) is not set\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_the_table_is_the_servers),
        TEST(test_values_decode_to_the_servers_own_text),
        TEST(test_values_sent_to_their_type_come_back_equal),
        TEST(test_values_sent_as_text_come_back_equal),
        TEST(test_null_unknown_and_void_results),
        TEST(test_a_timestamp_past_the_int64_is_a_data_error),
        TEST(test_enums_domains_and_their_arrays_go_both_ways),
        TEST(test_declared_parameters_are_what_the_server_takes_them_for),
        TEST(test_numbers_reach_other_types_unchanged),
    };
    return cmocka_run_group_tests(tests, connect_to_server, disconnect);
}
