/* PostgreSQL's type table, decoders and parameter encoders, against hand-made bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/values.h"
#include "driver/postgres/codec.h"

enum { OID_ENUM = 90001, OID_DOMAIN = 90002, OID_ENUMS = 90003, OID_DOMAINS = 90004, OID_POINT = 90005, OID_POINTS = 90006 };

static weir_arena arena;

/* ---- memory that can run out ---------------------------------------------------------------------------------------- */
static long allocations_left = LONG_MAX;

static void *allocate(size_t size, void *context)
{
    (void)context;
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void *resize(void *block, size_t size, void *context)
{
    (void)context;
    return allocations_left-- > 0 ? realloc(block, size) : NULL;
}

static void release(void *block, void *context)
{
    (void)context;
    free(block);
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

/* ---- bytes ------------------------------------------------------------------------------------------------------------ */
/* "00 01 'ab'": pairs of hexadecimal digits, and text in quotes. Returns a block of exactly the length (plus `extra`). */
static uint8_t *bytes_of(const char *text, size_t *length, size_t extra)
{
    uint8_t *bytes = malloc(strlen(text) + 1);
    size_t n = 0;
    for (const char *p = text; *p;) {
        if (*p == ' ') {
            p++;
        } else if (*p == '\'') {
            for (p++; *p != '\''; p++)
                bytes[n++] = (uint8_t)*p;
            p++;
        } else {
            unsigned byte;
            assert_int_equal(sscanf(p, "%2x", &byte), 1);
            bytes[n++] = (uint8_t)byte;
            p += 2;
        }
    }
    uint8_t *exact = malloc(n + extra ? n + extra : 1);
    memcpy(exact, bytes, n);
    free(bytes);
    *length = n;
    return exact;
}

/* ---- types from a catalog --------------------------------------------------------------------------------------------- */
static weir_pg_type mood, percent, moods, percents, point, points;

static int make_types(void **state)
{
    weir_pg_type_from_catalog(&mood, OID_ENUM, "mood", 'e', 0, NULL, NULL);
    weir_pg_type_from_catalog(&percent, OID_DOMAIN, "percent", 'd', 0, NULL, weir_pg_type_find(23));
    weir_pg_type_from_catalog(&moods, OID_ENUMS, "mood[]", 'b', OID_ENUM, &mood, NULL);
    weir_pg_type_from_catalog(&percents, OID_DOMAINS, "percent[]", 'b', OID_DOMAIN, &percent, NULL);
    weir_pg_type_from_catalog(&point, OID_POINT, "point", 'b', 0, NULL, NULL);
    weir_pg_type_from_catalog(&points, OID_POINTS, "point[]", 'b', OID_POINT, &point, NULL);
    (void)state;
    return 0;
}

static const weir_pg_type *find_type(uint32_t oid)
{
    const weir_pg_type *made[] = { &mood, &percent, &moods, &percents, &point, &points };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (made[i]->oid == oid)
            return made[i];
    const weir_pg_type *type = weir_pg_type_find(oid);
    assert_non_null(type);
    return type;
}

/* ---- decoding --------------------------------------------------------------------------------------------------------- */
typedef struct vector {
    uint32_t    oid;
    weir_type   type;
    const char *bytes, *text;       /* text: as weir_value_format writes it */
} vector;

static const vector vectors[] = {
    { 16, WEIR_T_BOOL, "00", "false" },
    { 16, WEIR_T_BOOL, "01", "true" },
    { 21, WEIR_T_INT16, "8000", "-32768" },
    { 21, WEIR_T_INT16, "7FFF", "32767" },
    { 23, WEIR_T_INT32, "80000000", "-2147483648" },
    { 23, WEIR_T_INT32, "00000102", "258" },
    { 20, WEIR_T_INT64, "8000000000000000", "-9223372036854775808" },
    { 20, WEIR_T_INT64, "7FFFFFFFFFFFFFFF", "9223372036854775807" },
    { 20, WEIR_T_INT64, "0102030405060708", "72623859790382856" },
    { 26, WEIR_T_INT64, "FFFFFFFF", "4294967295" },
    { 700, WEIR_T_FLOAT, "3FC00000", "1.5" },
    { 700, WEIR_T_FLOAT, "3DCCCCCD", "0.1" },
    { 700, WEIR_T_FLOAT, "7FC00000", "NaN" },
    { 701, WEIR_T_DOUBLE, "3FB999999999999A", "0.1" },
    { 701, WEIR_T_DOUBLE, "FFF0000000000000", "-Infinity" },
    { 1700, WEIR_T_NUMERIC, "0000 0000 0000 0000", "0" },
    { 1700, WEIR_T_NUMERIC, "0000 0000 0000 0002", "0.00" },
    { 1700, WEIR_T_NUMERIC, "0001 0000 0000 0000 0001", "1" },
    { 1700, WEIR_T_NUMERIC, "0002 0000 4000 0002 000C 1388", "-12.50" },
    { 1700, WEIR_T_NUMERIC, "0001 0001 0000 0000 0001", "10000" },
    { 1700, WEIR_T_NUMERIC, "0002 0001 0000 0001 0001 0002", "10002.0" },
    { 1700, WEIR_T_NUMERIC, "0001 FFFF 0000 0004 0001", "0.0001" },
    { 1700, WEIR_T_NUMERIC, "0001 FFFE 0000 0007 03E8", "0.0000100" },
    { 1700, WEIR_T_NUMERIC, "0001 FFFE 0000 0005 03E8", "0.00001" },
    { 1700, WEIR_T_NUMERIC, "0003 0001 0000 0003 270F 0000 270F", "99990000.999" },
    { 1700, WEIR_T_NUMERIC, "0000 0000 C000 0000", "NaN" },
    { 1700, WEIR_T_NUMERIC, "0000 0000 D000 0000", "Infinity" },
    { 1700, WEIR_T_NUMERIC, "0000 0000 F000 0000", "-Infinity" },
    { 25, WEIR_T_TEXT, "", "" },
    { 25, WEIR_T_TEXT, "'na' C3AF 've'", "na\xC3\xAFve" },
    { 1043, WEIR_T_TEXT, "'abc'", "abc" },
    { 1042, WEIR_T_TEXT, "'abc  '", "abc  " },
    { 19, WEIR_T_TEXT, "'pg_type'", "pg_type" },
    { 705, WEIR_T_TEXT, "'x'", "x" },
    { 18, WEIR_T_TEXT, "'r'", "r" },
    { 18, WEIR_T_TEXT, "00", "" },
    { 18, WEIR_T_TEXT, "E9", "\\351" },
    { 142, WEIR_T_OTHER, "'<a/>'", "<a/>" },
    { 2278, WEIR_T_OTHER, "", "" },
    { 17, WEIR_T_BLOB, "", "" },
    { 17, WEIR_T_BLOB, "00FF00", "AP8A" },
    { 1082, WEIR_T_DATE, "00000000", "2000-01-01" },
    { 1082, WEIR_T_DATE, "FFFFD533", "1970-01-01" },
    { 1082, WEIR_T_DATE, "7FFFFFFF", "infinity" },
    { 1082, WEIR_T_DATE, "80000000", "-infinity" },
    { 1083, WEIR_T_TIME, "0000000000000000", "00:00:00" },
    { 1083, WEIR_T_TIME, "000000141DD76000", "24:00:00" },
    { 1266, WEIR_T_TIMETZ, "0000000000000000 FFFFE3E0", "00:00:00+02:00" },
    { 1266, WEIR_T_TIMETZ, "0000000000000000 00004D58", "00:00:00-05:30" },
    { 1114, WEIR_T_TIMESTAMP, "0000000000000000", "2000-01-01T00:00:00" },
    { 1114, WEIR_T_TIMESTAMP, "000000000003D090", "2000-01-01T00:00:00.25" },
    { 1114, WEIR_T_TIMESTAMP, "7FFFFFFFFFFFFFFF", "infinity" },
    { 1114, WEIR_T_TIMESTAMP, "8000000000000000", "-infinity" },
    { 1184, WEIR_T_TIMESTAMPTZ, "FFFCA2FEC4C82000", "1970-01-01T00:00:00Z" },
    { 1184, WEIR_T_TIMESTAMPTZ, "7FFFFFFFFFFFFFFF", "infinity" },
    { 1186, WEIR_T_INTERVAL, "0000000000000000 00000000 00000000", "PT0S" },
    { 1186, WEIR_T_INTERVAL, "00000000000F4240 00000002 0000000D", "P1Y1M2DT1S" },
    { 1186, WEIR_T_INTERVAL, "FFFFFFFFFFF0BDC0 FFFFFFFE 00000000", "P-2DT-1S" },
    { 2950, WEIR_T_UUID, "00112233445566778899AABBCCDDEEFF", "00112233-4455-6677-8899-aabbccddeeff" },
    { 114, WEIR_T_JSON, "'{\"a\": 1}'", "{\"a\": 1}" },
    { 3802, WEIR_T_JSON, "01'{\"a\": 1}'", "{\"a\": 1}" },
    { 869, WEIR_T_INET, "02 20 00 04 0A000001", "10.0.0.1" },
    { 869, WEIR_T_INET, "02 08 00 04 0A0000FF", "10.0.0.255/8" },
    { 650, WEIR_T_INET, "02 20 01 04 0A000001", "10.0.0.1/32" },
    { 650, WEIR_T_INET, "02 00 01 04 00000000", "0.0.0.0/0" },
    { 869, WEIR_T_INET, "03 80 00 10 00000000000000000000000000000000", "::" },
    { 869, WEIR_T_INET, "03 80 00 10 00000000000000000000000000000001", "::1" },
    { 869, WEIR_T_INET, "03 80 00 10 00000000000000000000FFFF01020304", "::ffff:1.2.3.4" },
    { 869, WEIR_T_INET, "03 40 00 10 20010DB8000000000001000000000000", "2001:db8:0:0:1::/64" },
    { 869, WEIR_T_INET, "03 80 00 10 20010DB8000000000000000000000000", "2001:db8::" },
    { 869, WEIR_T_INET, "03 80 00 10 00010000000200030004000500060007", "1:0:2:3:4:5:6:7" },
    { 650, WEIR_T_INET, "03 80 01 10 0000000000000000000000000A000001", "::10.0.0.1/128" },
    { 1007, WEIR_T_ARRAY, "00000000 00000000 00000017", "{}" },
    { 1007, WEIR_T_ARRAY, "00000001 00000001 00000017 00000003 00000001 00000004 00000001 FFFFFFFF 00000004 00000003",
      "{1,NULL,3}" },
    { 1007, WEIR_T_ARRAY, "00000002 00000000 00000017 00000002 00000001 00000001 00000001 00000004 00000001 00000004 00000002",
      "{{1},{2}}" },
    { 1007, WEIR_T_ARRAY, "00000001 00000000 00000017 00000001 00000000 00000004 00000007", "[0:0]={7}" },
    { 1007, WEIR_T_ARRAY, "00000001 00000000 00000017 00000000 00000001", "{}" },
    { 1009, WEIR_T_ARRAY, "00000001 00000000 00000019 00000003 00000001 00000001 'a' 00000000 00000002 'bc'", "{a,\"\",bc}" },
    { 1001, WEIR_T_ARRAY, "00000001 00000000 00000011 00000001 00000001 00000001 00", "{\"\\\\x00\"}" },
    { 1231, WEIR_T_ARRAY, "00000001 00000000 000006A4 00000001 00000001 0000000A 0001 0000 0000 0000 0005", "{5}" },
    { 3807, WEIR_T_ARRAY, "00000001 00000000 00000EDA 00000001 00000001 00000003 01'{}'", "{\"{}\"}" },
    { OID_ENUM, WEIR_T_ENUM, "'happy'", "happy" },
    { OID_DOMAIN, WEIR_T_INT32, "00000063", "99" },
    { OID_ENUMS, WEIR_T_ARRAY, "00000001 00000000 00015F91 00000002 00000001 00000002 'ok' 00000003 'sad'", "{ok,sad}" },
    { OID_DOMAINS, WEIR_T_ARRAY, "00000001 00000000 00015F92 00000001 00000001 00000004 00000005", "{5}" },
    { OID_POINT, WEIR_T_OTHER, "'(1,2)'", "(1,2)" },
    { OID_POINTS, WEIR_T_OTHER, "'{\"(1,2)\"}'", "{\"(1,2)\"}" },
};
enum { VECTOR_COUNT = sizeof vectors / sizeof *vectors };

static int decode_bytes(uint32_t oid, bool borrow, const uint8_t *bytes, size_t length, weir_value *value, char *reason)
{
    weir_step step = { 0 };
    assert_int_equal(weir_pg_type_plan(find_type(oid), &arena, &step), WEIR_OK);
    weir_decode decode = { .arena = &arena, .borrow = borrow };
    memset(value, 0xA5, sizeof *value);
    int status = step.decode(&decode, &step, bytes, length, value);
    if (reason)
        memcpy(reason, decode.reason, sizeof decode.reason);
    if (status != WEIR_OK) {
        assert_int_equal(status, WEIR_DATA);
        assert_true(decode.reason[0] != 0);
    }
    return status;
}

static void check_format(const weir_value *value, const char *expected)
{
    char text[512];
    size_t length = weir_value_format(value, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

static bool is_kept_as_text(weir_type type)
{
    return type == WEIR_T_TEXT || type == WEIR_T_JSON || type == WEIR_T_INET || type == WEIR_T_ENUM || type == WEIR_T_OTHER
        || type == WEIR_T_NUMERIC;
}

static void test_each_type_decodes_to_its_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        for (int borrow = 0; borrow <= 1; borrow++) {
            size_t length;
            weir_value value;
            uint8_t *bytes = bytes_of(vectors[i].bytes, &length, borrow ? 1 : 0);
            assert_int_equal(decode_bytes(vectors[i].oid, borrow, bytes, length, &value, NULL), WEIR_OK);
            assert_int_equal(value.type, vectors[i].type);
            assert_int_equal(value.type, find_type(vectors[i].oid)->type);
            check_format(&value, vectors[i].text);
            if (is_kept_as_text(value.type))
                assert_int_equal(value.as.text.ptr[value.as.text.len], 0);
            free(bytes);
        }
    }
}

static void test_decoders_change_no_byte_when_they_may_not_borrow(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        size_t length;
        weir_value value;
        uint8_t *bytes = bytes_of(vectors[i].bytes, &length, 0), *before = bytes_of(vectors[i].bytes, &length, 0);
        assert_int_equal(decode_bytes(vectors[i].oid, false, bytes, length, &value, NULL), WEIR_OK);
        assert_memory_equal(bytes, before, length ? length : 0);
        memset(bytes, 0xEE, length);        /* the value must not point there */
        check_format(&value, vectors[i].text);
        free(bytes);
        free(before);
    }
}

static void test_borrowed_text_stays_where_it_is(void **state)
{
    (void)state;
    uint8_t bytes[] = { 'a', 'b', 'c', 'X', 'Y' };
    weir_value value;
    assert_int_equal(decode_bytes(25, true, bytes, 3, &value, NULL), WEIR_OK);
    assert_ptr_equal(value.as.text.ptr, bytes);
    assert_memory_equal(bytes, "abc\0Y", 5);
    assert_int_equal(decode_bytes(17, true, bytes, 3, &value, NULL), WEIR_OK);
    assert_ptr_equal(value.as.blob.ptr, bytes);
}

/* Types whose bytes may be of any number. */
static bool takes_any_length(uint32_t oid)
{
    weir_type type = find_type(oid)->type;
    return type == WEIR_T_BLOB || type == WEIR_T_ENUM || type == WEIR_T_OTHER || type == WEIR_T_JSON
        || (type == WEIR_T_TEXT && oid != 18);
}

static void test_every_truncated_field_is_a_data_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        size_t length, cut;
        free(bytes_of(vectors[i].bytes, &length, 0));
        for (size_t n = 0; n < length; n++) {
            weir_value value;
            uint8_t *whole = bytes_of(vectors[i].bytes, &cut, 0), *bytes = malloc(n ? n : 1);
            memcpy(bytes, whole, n);
            int status = decode_bytes(vectors[i].oid, false, bytes, n, &value, NULL);
            if (!takes_any_length(vectors[i].oid))
                assert_int_equal(status, WEIR_DATA);
            free(bytes);
            free(whole);
        }
    }
}

static void test_every_field_with_a_byte_too_many_is_a_data_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        size_t length;
        weir_value value;
        if (takes_any_length(vectors[i].oid))
            continue;
        uint8_t *bytes = bytes_of(vectors[i].bytes, &length, 1);
        bytes[length] = 0;
        assert_int_equal(decode_bytes(vectors[i].oid, false, bytes, length + 1, &value, NULL), WEIR_DATA);
        free(bytes);
    }
}

static void test_malformed_fields_are_data_errors(void **state)
{
    (void)state;
    static const struct { uint32_t oid; const char *bytes; } wrong[] = {
        { 1700, "0001 0000 0000 0000 2710" },                       /* a group of 10000 */
        { 1700, "0001 0000 1234 0000 0001" },                       /* a sign that is none */
        { 1700, "0001 0000 0000 4000 0001" },                       /* a scale of 16384 */
        { 1700, "FFFF 0000 0000 0000 0001" },                       /* more groups than there are */
        { 869, "04 20 00 04 0A000001" },                            /* family */
        { 869, "02 21 00 04 0A000001" },                            /* bits */
        { 869, "03 20 00 04 0A000001" },                            /* size */
        { 869, "02 20 00 10 0A000001" },
        { 3802, "02'{}'" },                                         /* version */
        { 1082, "7FFFFFFE" },
        { 1114, "7FFFFFFFFFFFFFFE" },                               /* past INT64_MAX from 1970 */
        { 1184, "7FFCA2FEC4C82000" },
        { 1114, "7FFCA2FEC4C81FFF" },                               /* would read as infinity */
        { 1083, "FFFFFFFFFFFFFFFF" },
        { 1083, "000000141DD76001" },
        { 1266, "0000000000000000 80000000" },
        { 1266, "0000000000000000 0000E100" },
        { 1007, "00000007 00000000 00000017" },                     /* seven dimensions */
        { 1007, "FFFFFFFF 00000000 00000017" },
        { 1007, "00000006 00000000 00000017" },                     /* dimensions that are not there */
        { 1007, "00000001 00000000 00000017 FFFFFFFF 00000001" },   /* negative length */
        { 1007, "00000001 00000000 00000017 7FFFFFFF 00000001 00000004 00000001" },
        { 1007, "00000001 00000000 00000017 7FFFFFFF 7FFFFFFF" },   /* upper bound out of range */
        { 1007, "00000004 00000000 00000017 7FFFFFFF 00000001 7FFFFFFF 00000001 7FFFFFFF 00000001 7FFFFFFF 00000001" },
        { 1007, "00000004 00000000 00000017 00010000 00000001 00010000 00000001 00010000 00000001 00010000 00000001" },
        { 1007, "00000001 00000000 00000017 00000001 00000001 00000005 00000001" },     /* an item past the end */
        { 1007, "00000001 00000000 00000017 00000001 00000001 00000003 000001" },       /* an integer of three bytes */
        { 1007, "00000001 00000000 00000017 00000001 00000001 FFFFFFFE" },
        { 1007, "00000000 00000000 00000017 00000000" },            /* bytes behind an empty array */
        { 3807, "00000001 00000000 00000EDA 00000001 00000001 00000000" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (int borrow = 0; borrow <= 1; borrow++) {
            size_t length;
            weir_value value;
            uint8_t *bytes = bytes_of(wrong[i].bytes, &length, borrow ? 1 : 0);
            assert_int_equal(decode_bytes(wrong[i].oid, borrow, bytes, length, &value, NULL), WEIR_DATA);
            free(bytes);
        }
    }
}

/* Whatever comes, decoders stay within the field (the sanitizers watch) and what they give can be formatted. */
static void test_damaged_fields_never_break_a_decoder(void **state)
{
    (void)state;
    uint64_t random = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        for (int round = 0; round < 150; round++) {
            size_t length;
            weir_value value;
            uint8_t *bytes = bytes_of(vectors[i].bytes, &length, 1);
            for (int hit = 0; hit < 1 + round % 3 && length; hit++) {
                random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                bytes[random % length] = (uint8_t)(random >> 32 & 1 ? random >> 40 : (random >> 40 & 1 ? 0xFF : 0x00));
            }
            if (decode_bytes(vectors[i].oid, round & 1, bytes, length, &value, NULL) == WEIR_OK)
                weir_value_format(&value, NULL, 0);
            free(bytes);
            weir_arena_reset(&arena, 1 << 16);
        }
    }
}

static void test_numeric_of_the_greatest_size(void **state)
{
    (void)state;
    uint8_t bytes[] = { 0, 1, 0x7F, 0xFF, 0, 0, 0x3F, 0xFF, 0, 9 };
    weir_value value;
    assert_int_equal(decode_bytes(1700, false, bytes, sizeof bytes, &value, NULL), WEIR_OK);
    assert_int_equal(value.as.text.len, 1 + 4 * 32767 + 1 + 16383);
    assert_int_equal(value.as.text.ptr[0], '9');
    assert_int_equal(value.as.text.ptr[value.as.text.len - 1], '0');
    assert_int_equal(value.as.text.ptr[value.as.text.len], 0);
    bytes[2] = 0x80, bytes[3] = 0x00;       /* 10000 to the power of -32768 */
    assert_int_equal(decode_bytes(1700, false, bytes, sizeof bytes, &value, NULL), WEIR_OK);
    assert_int_equal(value.as.text.len, 2 + 16383);
}

static void test_the_table_is_in_order_and_finds_each_type(void **state)
{
    (void)state;
    size_t count = 0;
    for (const weir_pg_type *type; (type = weir_pg_type_at(count)); count++) {
        assert_ptr_equal(weir_pg_type_find(type->oid), type);
        assert_true(count == 0 || weir_pg_type_at(count - 1)->oid < type->oid);
        assert_int_equal(type->base_oid, type->oid);
        assert_non_null(type->decode);
        if (type->type == WEIR_T_ARRAY)
            assert_ptr_equal(type->element, weir_pg_type_find(type->element_oid));
        else
            assert_true(!type->element && !type->element_oid);
    }
    assert_true(count > 50);
    assert_null(weir_pg_type_find(0));
    assert_null(weir_pg_type_find(15));
    assert_null(weir_pg_type_find(600));
    assert_null(weir_pg_type_find(UINT32_MAX));
    assert_string_equal(weir_pg_type_find(1016)->name, "bigint[]");
}

static void test_types_of_the_catalog_are_described(void **state)
{
    (void)state;
    weir_pg_type lost, nested;
    weir_pg_type_from_catalog(&lost, 5, "lost", 'd', 0, NULL, NULL);
    assert_int_equal(lost.type, WEIR_T_OTHER);
    assert_false(lost.binary);
    assert_int_equal(percent.oid, OID_DOMAIN);
    assert_int_equal(percent.base_oid, 23);
    assert_string_equal(percent.name, "percent");
    assert_false(point.binary);
    assert_int_equal(points.type, WEIR_T_OTHER);
    assert_int_equal(points.element_oid, 0);
    weir_pg_type_from_catalog(&nested, 6, "percents", 'd', 0, NULL, &percents);     /* a domain over an array */
    assert_int_equal(nested.type, WEIR_T_ARRAY);
    assert_ptr_equal(nested.element, &percent);
}

/* ---- encoding --------------------------------------------------------------------------------------------------------- */
enum { REFUSED = -1, TEXT = 0, BINARY = 1 };
typedef struct parameter {
    weir_value  value;
    uint32_t    oid;                /* 0: no type is known */
    int         format;
    const char *bytes;              /* as in bytes_of; or a part of the error's message */
} parameter;

static weir_value of_type(weir_type type, const char *text)
{
    return (weir_value){ .type = type, .as.text = { text, strlen(text) } };
}

static void check_parameter(const parameter *p, size_t line)
{
    weir_buffer out;
    weir_error error = { 0 };
    int16_t format = 7;
    weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_NETWORK, 1 << 20);
    weir_buffer_text(&out, "before");
    int status = weir_pg_encode(&p->value, p->oid ? find_type(p->oid) : NULL, &out, &format, &error);
    if (p->format == REFUSED) {
        if (status != WEIR_DATA || !strstr(error.message, p->bytes))
            fail_msg("parameter %zu: status %d, message '%s' (wanted '%s')", line, status, error.message, p->bytes);
        assert_int_equal(out.length, 6);
    } else {
        size_t length;
        uint8_t *bytes = bytes_of(p->bytes, &length, 0);
        if (status != WEIR_OK || format != p->format || out.length != 6 + length || memcmp(out.data + 6, bytes, length) != 0)
            fail_msg("parameter %zu: status %d (%s), format %d, '%.*s'", line, status, error.message, format,
                     (int)out.length - 6, out.data + 6);
        free(bytes);
    }
    weir_buffer_free(&out);
}
#define CHECK_PARAMETERS(list)                                      \
    for (size_t i_ = 0; i_ < sizeof (list) / sizeof *(list); i_++)  \
        check_parameter(&(list)[i_], i_)

static void test_numbers_convert_exactly_or_not_at_all(void **state)
{
    (void)state;
    const parameter list[] = {
        { WEIR_VALUE(258), 21, BINARY, "0102" },
        { WEIR_VALUE(-1), 23, BINARY, "FFFFFFFF" },
        { WEIR_VALUE(INT64_MIN), 20, BINARY, "8000000000000000" },
        { WEIR_VALUE(UINT32_MAX), 26, BINARY, "FFFFFFFF" },
        { WEIR_VALUE(32768), 21, REFUSED, "32768 is not exactly a value of type smallint" },
        { WEIR_VALUE(INT64_C(2147483648)), 23, REFUSED, "integer" },
        { WEIR_VALUE(INT64_C(-2147483649)), 23, REFUSED, "integer" },
        { WEIR_VALUE(-1), 26, REFUSED, "oid" },
        { WEIR_VALUE(3.0), 20, BINARY, "0000000000000003" },
        { WEIR_VALUE(-9223372036854775808.0), 20, BINARY, "8000000000000000" },
        { WEIR_VALUE(9223372036854775808.0), 20, REFUSED, "bigint" },
        { WEIR_VALUE(3.5), 20, REFUSED, "3.5 is not exactly" },
        { WEIR_VALUE((double)NAN), 20, REFUSED, "NaN" },
        { WEIR_VALUE((double)INFINITY), 23, REFUSED, "integer" },
        { of_type(WEIR_T_NUMERIC, "300.00"), 23, BINARY, "0000012C" },
        { of_type(WEIR_T_NUMERIC, "300.5"), 23, REFUSED, "300.5 is not exactly" },
        { of_type(WEIR_T_NUMERIC, "9223372036854775808"), 20, REFUSED, "bigint" },
        { of_type(WEIR_T_NUMERIC, "NaN"), 20, REFUSED, "NaN" },
        { WEIR_VALUE(INT64_C(9007199254740992)), 701, BINARY, "4340000000000000" },
        { WEIR_VALUE(INT64_C(9007199254740993)), 701, REFUSED, "double precision" },
        { WEIR_VALUE(INT64_MAX), 701, REFUSED, "double precision" },
        { WEIR_VALUE(16777217), 700, REFUSED, "real" },
        { WEIR_VALUE(16777216), 700, BINARY, "4B800000" },
        { WEIR_VALUE(0.1), 701, BINARY, "3FB999999999999A" },
        { WEIR_VALUE(0.1f), 700, BINARY, "3DCCCCCD" },
        { WEIR_VALUE(0.1), 700, REFUSED, "real" },
        { WEIR_VALUE(1e300), 700, REFUSED, "real" },
        { WEIR_VALUE(-(double)INFINITY), 700, BINARY, "FF800000" },
        { of_type(WEIR_T_NUMERIC, "12.5"), 701, TEXT, "'12.5'" },
        { WEIR_VALUE(1), 16, BINARY, "01" },
        { WEIR_VALUE(0), 16, BINARY, "00" },
        { WEIR_VALUE((bool)1), 16, BINARY, "01" },
        { WEIR_VALUE(2), 16, REFUSED, "boolean" },
        { WEIR_VALUE(1.0), 16, REFUSED, "boolean" },
        { WEIR_VALUE((bool)1), 23, REFUSED, "integer" },
        { WEIR_VALUE(5), 1082, REFUSED, "date" },
        { WEIR_VALUE(5), 3802, REFUSED, "jsonb" },
        { WEIR_VALUE(99), OID_DOMAIN, BINARY, "00000063" },
        { WEIR_VALUE(INT64_MAX), OID_DOMAIN, REFUSED, "percent" },
    };
    CHECK_PARAMETERS(list);
}

static void test_numerics_are_sent_digit_by_digit(void **state)
{
    (void)state;
    const parameter list[] = {
        { of_type(WEIR_T_NUMERIC, "-12.50"), 1700, BINARY, "0002 0000 4000 0002 000C 1388" },
        { of_type(WEIR_T_NUMERIC, "0"), 1700, BINARY, "0000 FFFF 0000 0000" },
        { of_type(WEIR_T_NUMERIC, "0.0001"), 1700, BINARY, "0001 FFFF 0000 0004 0001" },
        { of_type(WEIR_T_NUMERIC, "10002.00000"), 1700, BINARY, "0004 0001 0000 0005 0001 0002 0000 0000" },
        { of_type(WEIR_T_NUMERIC, "0012345"), 1700, BINARY, "0002 0001 0000 0000 0001 0929" },
        { of_type(WEIR_T_NUMERIC, "NaN"), 1700, BINARY, "0000 0000 C000 0000" },
        { of_type(WEIR_T_NUMERIC, "Infinity"), 1700, BINARY, "0000 0000 D000 0000" },
        { of_type(WEIR_T_NUMERIC, "-Infinity"), 1700, BINARY, "0000 0000 F000 0000" },
        { WEIR_VALUE(-12345), 1700, BINARY, "0002 0001 4000 0000 0001 0929" },
        { WEIR_VALUE(0.1), 1700, TEXT, "'0.1'" },
        { of_type(WEIR_T_NUMERIC, "12x"), 1700, REFUSED, "plain digits" },
        { of_type(WEIR_T_NUMERIC, "12x"), 25, REFUSED, "plain digits" },
        { of_type(WEIR_T_NUMERIC, "12x"), 701, REFUSED, "plain digits" },
        { of_type(WEIR_T_NUMERIC, "12x"), 23, REFUSED, "integer" },
        { of_type(WEIR_T_NUMERIC, ""), 1700, REFUSED, "plain digits" },
    };
    CHECK_PARAMETERS(list);
    char digits[9001];
    memset(digits, '7', sizeof digits - 1);
    digits[sizeof digits - 1] = 0;
    char quoted[sizeof digits + 2];
    snprintf(quoted, sizeof quoted, "'%s'", digits);
    check_parameter(&(parameter){ of_type(WEIR_T_NUMERIC, digits), 1700, TEXT, quoted }, 100);      /* more than binary takes */
}

static void test_text_goes_as_text_to_any_type(void **state)
{
    (void)state;
    const parameter list[] = {
        { WEIR_VALUE("12"), 23, TEXT, "'12'" },
        { WEIR_VALUE("x"), 25, TEXT, "'x'" },
        { WEIR_VALUE(""), 25, TEXT, "" },
        { WEIR_VALUE("x"), 0, TEXT, "'x'" },
        { WEIR_VALUE("\\x00"), 17, TEXT, "'\\x00'" },
        { WEIR_VALUE("{1,2}"), 1007, TEXT, "'{1,2}'" },
        { WEIR_VALUE("happy"), OID_ENUM, TEXT, "'happy'" },
        { of_type(WEIR_T_JSON, "{}"), 114, TEXT, "'{}'" },
        { of_type(WEIR_T_JSON, "{}"), 3802, TEXT, "'{}'" },
        { of_type(WEIR_T_INET, "::1"), 869, TEXT, "'::1'" },
        { WEIR_VALUE(((weir_text){ "a\0b", 3 })), 25, REFUSED, "NUL" },
        { WEIR_VALUE(((weir_text){ "a\xC3", 2 })), 25, REFUSED, "not valid UTF-8 (at byte 2)" },
        { WEIR_VALUE("\xFF"), 23, REFUSED, "UTF-8" },
    };
    CHECK_PARAMETERS(list);
}

static void test_values_of_a_type_go_in_binary(void **state)
{
    (void)state;
    const weir_uuid uuid = { { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF } };
    const parameter list[] = {
        { WEIR_VALUE(((weir_blob){ "\0\xFF", 2 })), 17, BINARY, "00FF" },
        { WEIR_VALUE(((weir_blob){ "", 0 })), 17, BINARY, "" },
        { WEIR_VALUE(((weir_date){ 10957 })), 1082, BINARY, "00000000" },
        { WEIR_VALUE(((weir_date){ WEIR_DATE_MINUS_INFINITY })), 1082, BINARY, "80000000" },
        { WEIR_VALUE(((weir_date){ 10957 })), 1114, BINARY, "0000000000000000" },
        { WEIR_VALUE(((weir_date){ WEIR_DATE_INFINITY })), 1114, BINARY, "7FFFFFFFFFFFFFFF" },
        { WEIR_VALUE(((weir_time){ 86400000000 })), 1083, BINARY, "000000141DD76000" },
        { WEIR_VALUE(((weir_timetz){ 0, 7200 })), 1266, BINARY, "0000000000000000 FFFFE3E0" },
        { WEIR_VALUE(((weir_timestamp){ 0 })), 1114, BINARY, "FFFCA2FEC4C82000" },
        { WEIR_VALUE(((weir_timestamptz){ 0 })), 1184, BINARY, "FFFCA2FEC4C82000" },
        { WEIR_VALUE(((weir_timestamptz){ WEIR_TIMESTAMP_INFINITY })), 1184, BINARY, "7FFFFFFFFFFFFFFF" },
        { WEIR_VALUE(((weir_interval){ 1000000, 2, 13 })), 1186, BINARY, "00000000000F4240 00000002 0000000D" },
        { WEIR_VALUE(uuid), 2950, BINARY, "00112233445566778899AABBCCDDEEFF" },
        { WEIR_VALUE(((weir_date){ INT32_MAX - 1 })), 1082, REFUSED, "range" },
        { WEIR_VALUE(((weir_date){ INT32_MAX - 1 })), 1114, REFUSED, "timestamp" },
        { WEIR_VALUE(((weir_timestamp){ INT64_MIN + 1 })), 1114, REFUSED, "range" },
        { WEIR_VALUE(((weir_time){ -1 })), 1083, REFUSED, "within a day" },
        { WEIR_VALUE(((weir_timetz){ 86400000001, 0 })), 1266, REFUSED, "within a day" },
        { WEIR_VALUE(((weir_timetz){ 0, INT32_MIN })), 1266, REFUSED, "16 hours" },
        { WEIR_VALUE(((weir_timestamp){ 0 })), 1184, REFUSED, "a timestamp cannot be sent as timestamp with time zone" },
        { WEIR_VALUE(((weir_timestamptz){ 0 })), 1114, REFUSED, "a timestamptz cannot be sent as timestamp without time zone" },
        { WEIR_VALUE(((weir_date){ 0 })), 1184, REFUSED, "a date cannot be sent as timestamp with time zone" },
        { WEIR_VALUE(((weir_blob){ "x", 1 })), 25, REFUSED, "text" },
        { WEIR_VALUE(uuid), 23, REFUSED, "integer" },
    };
    CHECK_PARAMETERS(list);
}

static void test_any_value_has_a_text_form_for_text_and_unknown_types(void **state)
{
    (void)state;
    const parameter list[] = {
        { WEIR_VALUE(5), 25, TEXT, "'5'" },
        { WEIR_VALUE(5), 0, TEXT, "'5'" },
        { WEIR_VALUE(((weir_date){ 0 })), 1043, TEXT, "'1970-01-01'" },
        { WEIR_VALUE(((weir_timestamptz){ 0 })), 25, TEXT, "'1970-01-01T00:00:00Z'" },
        { WEIR_VALUE(((weir_interval){ 0, 2, 0 })), 25, TEXT, "'P2D'" },
        { WEIR_VALUE(((weir_blob){ "\0\xFF", 2 })), 0, TEXT, "'\\x00ff'" },
        { WEIR_VALUE(((weir_blob){ "\0\xFF", 2 })), OID_POINT, TEXT, "'\\x00ff'" },
    };
    CHECK_PARAMETERS(list);
}

static void test_arrays_go_in_binary_item_by_item(void **state)
{
    (void)state;
    const weir_value numbers[] = { WEIR_VALUE(1), WEIR_NULL, WEIR_VALUE(3.0) }, large[] = { WEIR_VALUE(1), WEIR_VALUE(70000) };
    const weir_value words[] = { WEIR_VALUE("a"), WEIR_VALUE("") };
    const weir_array plain = { WEIR_T_INT64, 1, (int32_t[]){ 3 }, (int32_t[]){ 1 }, 3, numbers };
    const weir_array bare = { WEIR_T_INT64, 1, NULL, NULL, 3, numbers };
    const weir_array matrix = { WEIR_T_INT64, 2, (int32_t[]){ 3, 1 }, (int32_t[]){ 0, 5 }, 3, numbers };
    const weir_array empty = { WEIR_T_INT64, 0, NULL, NULL, 0, NULL };
    const weir_array hollow = { WEIR_T_INT64, 1, (int32_t[]){ 0 }, NULL, 0, NULL };
    const weir_array too_large = { WEIR_T_INT64, 1, NULL, NULL, 2, large }, texts = { WEIR_T_TEXT, 1, NULL, NULL, 2, words };
    const parameter list[] = {
        { WEIR_VALUE(&plain), 1005, BINARY,
          "00000001 00000001 00000015 00000003 00000001 00000002 0001 FFFFFFFF 00000002 0003" },
        { WEIR_VALUE(&bare), OID_DOMAINS, BINARY,
          "00000001 00000001 00015F92 00000003 00000001 00000004 00000001 FFFFFFFF 00000004 00000003" },
        { WEIR_VALUE(&matrix), 1005, BINARY,
          "00000002 00000001 00000015 00000003 00000000 00000001 00000005 00000002 0001 FFFFFFFF 00000002 0003" },
        { WEIR_VALUE(&empty), 1016, BINARY, "00000000 00000000 00000014" },
        { WEIR_VALUE(&hollow), 1016, BINARY, "00000000 00000000 00000014" },
        { WEIR_VALUE(&texts), 1009, BINARY, "00000001 00000000 00000019 00000002 00000001 00000001 'a' 00000000" },
        { WEIR_VALUE(&texts), OID_ENUMS, BINARY, "00000001 00000000 00015F91 00000002 00000001 00000001 'a' 00000000" },
        { WEIR_VALUE(&too_large), 1005, REFUSED, "array item 2: the int64 70000 is not exactly" },
        { WEIR_VALUE(&plain), 23, REFUSED, "integer" },
        { WEIR_VALUE(5), 1007, REFUSED, "integer[]" },
    };
    CHECK_PARAMETERS(list);
}

static void test_arrays_with_items_that_go_as_text_go_as_text(void **state)
{
    (void)state;
    const weir_value mixed[] = { WEIR_VALUE(1), WEIR_NULL, WEIR_VALUE("2") };
    const weir_value odd[] = { WEIR_VALUE("a\"b\\"), WEIR_VALUE("NULL"), WEIR_VALUE("") };
    const weir_value blobs[] = { WEIR_VALUE(((weir_blob){ "\1", 1 })), WEIR_VALUE("\\x02") };
    const weir_value wide[] = { WEIR_VALUE(1e15), WEIR_VALUE("5") };
    const weir_value inner[] = { weir_value_array(&(weir_array){ WEIR_T_INT64, 1, NULL, NULL, 3, mixed }) };
    const weir_array plain = { WEIR_T_INT64, 1, NULL, NULL, 3, mixed }, names = { WEIR_T_TEXT, 1, NULL, NULL, 3, odd };
    const weir_array cube = { WEIR_T_INT64, 3, (int32_t[]){ 1, 3, 1 }, (int32_t[]){ 1, 0, -2 }, 3, mixed };
    const weir_array bytes = { WEIR_T_BLOB, 1, NULL, NULL, 2, blobs }, big = { WEIR_T_DOUBLE, 1, NULL, NULL, 2, wide };
    const weir_array nested = { WEIR_T_ARRAY, 1, NULL, NULL, 1, inner }, empty = { WEIR_T_INT64, 0, NULL, NULL, 0, NULL };
    const parameter list[] = {
        { WEIR_VALUE(&plain), 1007, TEXT, "'{\"1\",NULL,\"2\"}'" },
        { WEIR_VALUE(&plain), 0, TEXT, "'{\"1\",NULL,\"2\"}'" },
        { WEIR_VALUE(&plain), 25, TEXT, "'{\"1\",NULL,\"2\"}'" },
        { WEIR_VALUE(&empty), 25, TEXT, "'{}'" },
        { WEIR_VALUE(&cube), 1007, TEXT, "'[1:1][0:2][-2:-2]={{{\"1\"},{NULL},{\"2\"}}}'" },
        { WEIR_VALUE(&names), 1003, TEXT, "'{\"a\\\"b\\\\\",\"NULL\",\"\"}'" },
        { WEIR_VALUE(&bytes), 1001, TEXT, "'{\"\\\\x01\",\"\\\\x02\"}'" },
        { WEIR_VALUE(&big), 1016, TEXT, "'{\"1000000000000000\",\"5\"}'" },
        { WEIR_VALUE(&nested), 1007, REFUSED, "array item 1: a value of type array cannot be sent as integer" },
        { WEIR_VALUE(&nested), 25, REFUSED, "more dimensions" },
    };
    CHECK_PARAMETERS(list);
}

static void test_arrays_whose_shape_is_wrong_are_data_errors(void **state)
{
    (void)state;
    const weir_value items[] = { WEIR_VALUE(1), WEIR_VALUE(2) };
    const weir_array shapes[] = {
        { WEIR_T_INT64, 1, (int32_t[]){ 3 }, NULL, 2, items },
        { WEIR_T_INT64, 0, NULL, NULL, 2, items },
        { WEIR_T_INT64, 7, (int32_t[]){ 2, 1, 1, 1, 1, 1, 1 }, NULL, 2, items },
        { WEIR_T_INT64, -1, NULL, NULL, 2, items },
        { WEIR_T_INT64, 1, (int32_t[]){ -2 }, NULL, 2, items },
        { WEIR_T_INT64, 1, (int32_t[]){ 2 }, (int32_t[]){ INT32_MAX }, 2, items },
        { WEIR_T_INT64, 6, (int32_t[]){ INT_MAX, INT_MAX, INT_MAX, INT_MAX, INT_MAX, INT_MAX }, NULL, 2, items },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_parameter(&(parameter){ WEIR_VALUE(&shapes[i]), 1007, REFUSED, "array" }, i);
}

static void test_parameters_are_declared_by_their_c_type(void **state)
{
    (void)state;
    const weir_array numbers = { WEIR_T_INT64, 0, NULL, NULL, 0, NULL }, words = { WEIR_T_TEXT, 0, NULL, NULL, 0, NULL };
    const weir_array arrays = { WEIR_T_ARRAY, 0, NULL, NULL, 0, NULL };
    const struct { weir_value value; uint32_t oid; } list[] = {
        { WEIR_VALUE(1), 20 }, { WEIR_VALUE(1.0), 701 }, { WEIR_VALUE((bool)1), 16 }, { WEIR_VALUE("x"), 25 },
        { WEIR_VALUE(((weir_blob){ "", 0 })), 17 }, { WEIR_VALUE(((weir_date){ 0 })), 1082 },
        { WEIR_VALUE(((weir_timestamptz){ 0 })), 1184 }, { WEIR_VALUE(((weir_numeric){ "1", 1 })), 1700 },
        { WEIR_VALUE(((weir_uuid){ { 0 } })), 2950 }, { WEIR_VALUE(&numbers), 1016 }, { WEIR_VALUE(&words), 1009 },
        { WEIR_VALUE(&arrays), 0 }, { WEIR_NULL, 25 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        assert_int_equal(weir_pg_declared_oid(&list[i].value), list[i].oid);
}

/* Every vector that decodes also encodes, to the same bytes where the format is binary. */
static void test_what_was_decoded_encodes_to_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        size_t length;
        weir_value value, again;
        uint8_t *bytes = bytes_of(vectors[i].bytes, &length, 0);
        weir_buffer out;
        weir_error error = { 0 };
        int16_t format;
        weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_NETWORK, 1 << 20);
        assert_int_equal(decode_bytes(vectors[i].oid, false, bytes, length, &value, NULL), WEIR_OK);
        assert_int_equal(weir_pg_encode(&value, find_type(vectors[i].oid), &out, &format, &error), WEIR_OK);
        if (format == 1) {
            const uint8_t *sent = out.length ? (const uint8_t *)out.data : bytes;
            assert_int_equal(decode_bytes(vectors[i].oid, false, sent, out.length, &again, NULL), WEIR_OK);
            assert_true(weir_value_equal(&value, &again));
        } else {
            assert_true(is_kept_as_text(value.type) || value.type == WEIR_T_ARRAY);
        }
        weir_buffer_free(&out);
        free(bytes);
    }
}

static void test_a_full_buffer_is_out_of_memory_and_keeps_its_length(void **state)
{
    (void)state;
    weir_buffer out;
    weir_error error = { 0 };
    int16_t format;
    weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_NETWORK, 6);
    weir_buffer_text(&out, "1234");
    weir_value number = WEIR_VALUE(5);
    assert_int_equal(weir_pg_encode(&number, weir_pg_type_find(20), &out, &format, &error), WEIR_OUT_OF_MEMORY);
    assert_int_equal(out.length, 4);
    assert_int_equal(error.status, WEIR_OUT_OF_MEMORY);
    weir_buffer_free(&out);
}

/* Decodes and encodes again with an arena and a buffer that have nothing yet; the first error, or WEIR_OK. */
static int go_both_ways(const vector *v, const uint8_t *bytes, size_t length)
{
    weir_arena small;
    weir_buffer out;
    weir_error error = { 0 };
    weir_value value = { 0 };
    weir_step step = { 0 };
    int16_t format;
    weir_arena_init(&small, weir_ledger_root(), WEIR_MEMORY_BATCH, 16);
    weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_NETWORK, 1 << 20);
    weir_decode decode = { .arena = &small };
    int status = weir_pg_type_plan(find_type(v->oid), &small, &step);
    if (status == WEIR_OK)
        status = step.decode(&decode, &step, bytes, length, &value);
    if (status == WEIR_OK)
        status = weir_pg_encode(&value, &point, &out, &format, &error);
    if (status == WEIR_OK)
        status = weir_pg_encode(&value, find_type(v->oid), &out, &format, &error);
    weir_buffer_free(&out);
    weir_arena_free(&small);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        size_t length;
        uint8_t *bytes = bytes_of(vectors[i].bytes, &length, 0);
        int status = WEIR_OUT_OF_MEMORY;
        for (long k = 0; k < 30 && status != WEIR_OK; k++) {
            allocations_left = k;
            status = go_both_ways(&vectors[i], bytes, length);
            allocations_left = LONG_MAX;
            assert_true(status == WEIR_OK || status == WEIR_OUT_OF_MEMORY);
        }
        assert_int_equal(status, WEIR_OK);
        free(bytes);
    }
}

int main(void)
{
    weir_set_allocator(&(weir_allocator){ allocate, resize, release, NULL });
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_the_table_is_in_order_and_finds_each_type),
        TEST(test_types_of_the_catalog_are_described),
        TEST(test_each_type_decodes_to_its_value),
        TEST(test_decoders_change_no_byte_when_they_may_not_borrow),
        TEST(test_borrowed_text_stays_where_it_is),
        TEST(test_every_truncated_field_is_a_data_error),
        TEST(test_every_field_with_a_byte_too_many_is_a_data_error),
        TEST(test_malformed_fields_are_data_errors),
        TEST(test_damaged_fields_never_break_a_decoder),
        TEST(test_numeric_of_the_greatest_size),
        TEST(test_numbers_convert_exactly_or_not_at_all),
        TEST(test_numerics_are_sent_digit_by_digit),
        TEST(test_text_goes_as_text_to_any_type),
        TEST(test_values_of_a_type_go_in_binary),
        TEST(test_any_value_has_a_text_form_for_text_and_unknown_types),
        TEST(test_arrays_go_in_binary_item_by_item),
        TEST(test_arrays_with_items_that_go_as_text_go_as_text),
        TEST(test_arrays_whose_shape_is_wrong_are_data_errors),
        TEST(test_parameters_are_declared_by_their_c_type),
        TEST(test_what_was_decoded_encodes_to_the_same_bytes),
        TEST(test_every_allocation_may_fail),
        TEST(test_a_full_buffer_is_out_of_memory_and_keeps_its_length),
    };
    return cmocka_run_group_tests(tests, make_types, NULL);
}
