/* Records of CSV and JSON lines, cut from files at any block border, and their fields as values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "transfer/import_values.h"

static weir_ledger ledger;
static weir_records records;
static weir_error error;
static char path[] = "/tmp/weir-records-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    weir_ledger_init(&ledger, NULL);
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static int begin(const char *format, const char *text, size_t length, size_t maximum)
{
    write_file(text, length);
    memset(&error, 0, sizeof error);
    assert_int_equal(weir_records_open(&records, &ledger, path, format, NULL, maximum, &error), WEIR_OK);
    return weir_records_begin(&records, &error);
}

static void end(void)
{
    weir_memory_figures figures;
    weir_records_close(&records);
    weir_ledger_figures(&ledger, &figures);
    assert_int_equal(figures.bytes, 0);
}

/* The fields of all records as one line each: N for NULL, [text], and !reason for what is none. */
static void assert_reads(const char *format, const char *text, const char *expected)
{
    char seen[4096] = "";
    int outcome;
    assert_int_equal(begin(format, text, strlen(text), 1 << 20), WEIR_OK);
    while ((outcome = weir_records_next(&records, &error)) > 0) {
        char *at = seen + strlen(seen);
        size_t room = sizeof seen - (size_t)(at - seen);
        int n = snprintf(at, room, "%lld:", (long long)records.line);
        if (outcome == WEIR_RECORD_BAD)
            snprintf(at + n, room - (size_t)n, "!%s", records.reason);
        for (size_t i = 0; outcome == WEIR_RECORD && i < records.column_count; i++) {
            const weir_field *f = &records.fields[i];
            n += f->kind == WEIR_FIELD_NULL ? snprintf(at + n, room - (size_t)n, "N")
                                            : snprintf(at + n, room - (size_t)n, "[%.*s]", (int)f->length, f->ptr);
        }
        strcat(seen, ";");
    }
    assert_int_equal(outcome, WEIR_RECORD_END);
    assert_string_equal(seen, expected);
    end();
}

static void test_csv(void **state)
{
    (void)state;
    assert_reads("csv", "a,b\n1,2\n3,4\n", "2:[1][2];3:[3][4];");
    assert_reads("csv", "a,b\n1,2\n3,4", "2:[1][2];3:[3][4];");
    assert_reads("csv", "a,b\r\n1,2\r\n3,4\r\n", "2:[1][2];3:[3][4];");
    assert_reads("csv", "\xEF\xBB\xBF" "a,b\n1,2\n", "2:[1][2];");
    assert_reads("jsonl", "\xEF\xBB\xBF{\"a\":1}\n{\"a\":2}", "1:[1];2:[2];");
    assert_reads("csv", "\xEF\xBB\xBF\n\"a\"\n\xEF\xBB\xBF\n", "3:[\xEF\xBB\xBF];");
    assert_reads("csv", "\xEF\xBB\xBF", "");
    assert_reads("csv", "a,b\n,\"\"\n", "2:N[];");
    assert_reads("csv", "a,b\n\"x\"\"y\",\"\"\"\"\n", "2:[x\"y][\"];");
    assert_reads("csv", "a,b\n\"x\ny\",2\n3,4\n", "2:[x\ny][2];4:[3][4];");
    assert_reads("csv", "a,b\n\"x,y\",\" z \"\n", "2:[x,y][ z ];");
    assert_reads("csv", "a,b\n\n1,2\n\n", "3:[1][2];");
    assert_reads("csv", "a\n\"\"\nx\n", "2:N;3:[x];");
    assert_reads("csv", "a,b\n", "");
    assert_reads("csv", "a,b", "");
}

static void test_bad_csv_is_told_and_passed_over(void **state)
{
    (void)state;
    assert_reads("csv", "a,b\n1\n2,3\n", "2:!1 field, but there are 2 columns;3:[2][3];");
    assert_reads("csv", "a,b\n1,2,3\n4,5\n", "2:!3 fields, but there are 2 columns;3:[4][5];");
    assert_reads("csv", "a,b\n\"x\"y,2\n4,5\n", "2:!field 1 goes on behind its closing quote;3:[4][5];");
    assert_reads("csv", "a,b\nx\"y\",2\n4,5\n", "2:!a quote stands inside of field 1, which does not begin with one;3:[4][5];");
    assert_reads("csv", "a,b\n1,\"x\n4,5\n", "2:!field 2 has no closing quote;");
    assert_reads("csv", "a,b\n\xff,2\n4,5\n", "2:!not valid UTF-8 at byte 1 of the record;3:[4][5];");
}

static void test_json_lines(void **state)
{
    (void)state;
    assert_reads("jsonl", "{\"a\":1,\"b\":\"x\"}\n{\"b\":null,\"a\":-2.5e3}\n", "1:[1][x];2:[-2.5e3]N;");
    assert_reads("jsonl", "{\"a\":1,\"b\":2}\n{\"a\":3}\n", "1:[1][2];2:[3]N;");
    assert_reads("jsonl", " { \"a\" : true , \"b\" : [1, {\"c\":\"]\"}] } \n", "1:[true][[1, {\"c\":\"]\"}]];");
    assert_reads("jsonl", "{\"a\":\"\\u00e9\\ud83d\\ude00\\n\\\\\",\"b\":{}}\n", "1:[\xc3\xa9\xf0\x9f\x98\x80\n\\][{}];");
    assert_reads("jsonl", "\n{\"a\":1}\n\n{\"a\":2}", "2:[1];4:[2];");
    assert_reads("jsonl", "", "");
}

static void test_bad_json_is_told_and_passed_over(void **state)
{
    (void)state;
    assert_reads("jsonl", "{\"a\":1}\n{\"b\":1}\n{\"a\":2}\n", "1:[1];2:!there is no column for the key 'b';3:[2];");
    assert_reads("jsonl", "{\"a\":1}\n{\"a\":1,\"a\":1}\n", "1:[1];2:!the key 'a' stands there twice;");
    assert_reads("jsonl", "{\"a\":1}\n{\"a\":01}\n", "1:[1];2:!not JSON at byte 6: a value expected;");
    assert_reads("jsonl", "{\"a\":1}\n[1]\n", "1:[1];2:!not JSON at byte 1: { expected;");
    assert_reads("jsonl", "{\"a\":1}\n{\"a\":\"x}\n", "1:[1];2:!not JSON at byte 9: a closing quote expected;");
    assert_reads("jsonl", "{\"a\":1}\n{\"a\":\"\\ud800\"}\n", "1:[1];2:!not JSON at byte 7: a string whose escapes JSON knows expected;");
    assert_reads("jsonl", "{\"a\":1}\n{\"a\":[1}\n{\"a\":2} x\n", "1:[1];2:!not JSON at byte 6: an object or array that is JSON expected;3:!not JSON at byte 9: the end of the line expected;");
}

static void test_headers_that_cannot_be(void **state)
{
    (void)state;
    static const struct { const char *format, *text, *part; } cases[] = {
        { "csv", "a,a\n", "column 'a' is named twice" }, { "csv", "a,,b\n", "column 2 has no name" },
        { "csv", "a,\"b\n", "field 2 has no closing quote" }, { "jsonl", "{\"a\":}\n", "a value expected" },
        { "jsonl", "{\"a\":1,\"a\":2}\n", "column 'a' is named twice" }, { "jsonl", "{\"a\\u0000\":1}\n", "the name of column 1 has a NUL in it" },
        { "csv", "a,b\xff\n", "not valid UTF-8 at byte 4 of the record" }, { "jsonl", "{\"\xc3\":1}\n", "not valid UTF-8 at byte 3 of the record" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(begin(cases[i].format, cases[i].text, strlen(cases[i].text), 1 << 20), WEIR_DATA);
        assert_non_null(strstr(error.message, cases[i].part));
        assert_non_null(strstr(error.message, "line 1 of "));
        end();
    }
}

/* Records on both sides of each block border, and longer than a block. */
static void test_any_length(void **state)
{
    (void)state;
    for (size_t length = 262000; length < 262300; length += 7) {
        size_t total = 2 + length + 1 + 2;
        char *text = malloc(total + 1);
        memcpy(text, "a\n", 2);
        memset(text + 2, 'x', length);
        memcpy(text + 2 + length, "\ny\n", 4);
        assert_int_equal(begin("csv", text, total, 1 << 20), WEIR_OK);
        assert_int_equal(weir_records_next(&records, &error), WEIR_RECORD);
        assert_int_equal(records.fields[0].length, length);
        assert_int_equal(weir_records_next(&records, &error), WEIR_RECORD);
        assert_int_equal(records.fields[0].length, 1);
        assert_int_equal(weir_records_next(&records, &error), WEIR_RECORD_END);
        end();
        free(text);
    }
}

static void test_too_long_is_passed_over_in_flat_memory(void **state)
{
    (void)state;
    enum { LENGTH = 8 << 20 };
    char *text = malloc(LENGTH + 8);
    memcpy(text, "a\n", 2);
    memset(text + 2, 'x', LENGTH);
    memcpy(text + 2 + LENGTH, "\ny\n", 3);
    assert_int_equal(begin("csv", text, LENGTH + 5, 1000), WEIR_OK);
    assert_int_equal(weir_records_next(&records, &error), WEIR_RECORD_BAD);
    assert_string_equal(records.reason, "the record is longer than 1000 bytes");
    assert_int_equal(weir_records_next(&records, &error), WEIR_RECORD);
    assert_int_equal(records.line, 3);
    assert_int_equal(records.fields[0].length, 1);
    weir_memory_figures figures;
    weir_ledger_figures(&ledger, &figures);
    assert_true(figures.peak_bytes < 1 << 20);
    assert_int_equal(weir_records_next(&records, &error), WEIR_RECORD_END);
    end();
    free(text);
}

static void assert_value(weir_field_kind kind, const char *text, weir_type type, const char *expected)
{
    weir_arena arena;
    weir_arena_init(&arena, &ledger, WEIR_MEMORY_OUTPUT, 256);
    weir_field field = { .kind = kind, .ptr = text, .length = strlen(text), .raw = { text, strlen(text) } };
    weir_value value;
    char reason[WEIR_REASON_SIZE], shown[256];
    int status = weir_field_value(&field, type, WEIR_T_TEXT, &arena, &value, reason);
    if (status == WEIR_OK)
        weir_value_format(&value, shown, sizeof shown);
    else
        snprintf(shown, sizeof shown, "!%s", reason);
    assert_string_equal(shown, expected);
    weir_arena_free(&arena);
}

static void test_values(void **state)
{
    (void)state;
    assert_value(WEIR_FIELD_TEXT, "9223372036854775807", WEIR_T_INT64, "9223372036854775807");
    assert_value(WEIR_FIELD_TEXT, "300.00", WEIR_T_INT32, "300");
    assert_value(WEIR_FIELD_TEXT, "1.5", WEIR_T_INT64, "!'1.5' is no integer, or too large for one");
    assert_value(WEIR_FIELD_TEXT, "9223372036854775808", WEIR_T_INT64, "!'9223372036854775808' is no integer, or too large for one");
    assert_value(WEIR_FIELD_NUMBER, "12.5e3", WEIR_T_NUMERIC, "12500");
    assert_value(WEIR_FIELD_NUMBER, "-12.5e-3", WEIR_T_NUMERIC, "-0.0125");
    assert_value(WEIR_FIELD_NUMBER, "12.5e1", WEIR_T_NUMERIC, "125");
    assert_value(WEIR_FIELD_NUMBER, "1234.5E-2", WEIR_T_NUMERIC, "12.345");
    assert_value(WEIR_FIELD_NUMBER, "1e+5", WEIR_T_NUMERIC, "100000");
    assert_value(WEIR_FIELD_NUMBER, "1e99999", WEIR_T_NUMERIC, "!'1e99999' has an exponent beyond 1000");
    assert_value(WEIR_FIELD_NUMBER, "1e-1001", WEIR_T_NUMERIC, "!'1e-1001' has an exponent beyond 1000");
    assert_value(WEIR_FIELD_TEXT, "1e99999999999999999999", WEIR_T_NUMERIC, "!'1e99999999999999999999' is no decimal number");
    assert_value(WEIR_FIELD_TEXT, "xe1", WEIR_T_NUMERIC, "!'xe1' is no decimal number");
    /* Cut between characters: 39 bytes and then one of three. */
    assert_value(WEIR_FIELD_TEXT, "012345678901234567890123456789012345678\xe8\xaa\x9e", WEIR_T_DATE,
                 "!'012345678901234567890123456789012345678…' is no date (2024-05-01)");
    assert_value(WEIR_FIELD_TEXT, "12345678901234567890.123456789", WEIR_T_NUMERIC, "12345678901234567890.123456789");
    assert_value(WEIR_FIELD_NUMBER, "0.14285715", WEIR_T_FLOAT, "0.14285715");
    assert_value(WEIR_FIELD_NUMBER, "1e39", WEIR_T_FLOAT, "!'1e39' is beyond the range of a real");
    assert_value(WEIR_FIELD_NUMBER, "1e-46", WEIR_T_FLOAT, "!'1e-46' is beyond the range of a real");
    assert_value(WEIR_FIELD_NUMBER, "1e-45", WEIR_T_FLOAT, "1e-45");
    assert_value(WEIR_FIELD_NUMBER, "-1e999", WEIR_T_DOUBLE, "!'-1e999' is beyond the range of a double");
    assert_value(WEIR_FIELD_NUMBER, "0.1e-400", WEIR_T_DOUBLE, "!'0.1e-400' is beyond the range of a double");
    assert_value(WEIR_FIELD_NUMBER, "5e-324", WEIR_T_DOUBLE, "5e-324");
    assert_value(WEIR_FIELD_NUMBER, "-0.0e-999", WEIR_T_DOUBLE, "-0");
    assert_value(WEIR_FIELD_TEXT, "-Infinity", WEIR_T_FLOAT, "-Infinity");
    assert_value(WEIR_FIELD_TRUE, "true", WEIR_T_BOOL, "true");
    assert_value(WEIR_FIELD_TEXT, "f", WEIR_T_BOOL, "false");
    assert_value(WEIR_FIELD_NUMBER, "1", WEIR_T_BOOL, "true");
    assert_value(WEIR_FIELD_TEXT, "yes or no", WEIR_T_BOOL, "!'yes or no' is neither true nor false");
    assert_value(WEIR_FIELD_TEXT, "2024-05-01T12:30:00.25Z", WEIR_T_TIMESTAMPTZ, "2024-05-01T12:30:00.25Z");
    assert_value(WEIR_FIELD_TEXT, "2024-02-30", WEIR_T_DATE, "!'2024-02-30' is no date (2024-05-01)");
    assert_value(WEIR_FIELD_TEXT, "P1Y2M3DT4H5M6.5S", WEIR_T_INTERVAL, "P1Y2M3DT4H5M6.5S");
    assert_value(WEIR_FIELD_TEXT, "AQID", WEIR_T_BLOB, "AQID");
    assert_value(WEIR_FIELD_TEXT, "AQI=", WEIR_T_BLOB, "AQI=");
    assert_value(WEIR_FIELD_TEXT, "\\x010203", WEIR_T_BLOB, "AQID");
    assert_value(WEIR_FIELD_TEXT, "", WEIR_T_BLOB, "");
    assert_value(WEIR_FIELD_TEXT, "AQI", WEIR_T_BLOB, "AQI=");
    assert_value(WEIR_FIELD_TEXT, "AQ==A", WEIR_T_BLOB, "!'AQ==A' is neither base64 nor \\x and hexadecimal digits");
    assert_value(WEIR_FIELD_TEXT, "\\x01020", WEIR_T_BLOB, "!'\\x01020' is neither base64 nor \\x and hexadecimal digits");
    assert_value(WEIR_FIELD_JSON, "{\"a\":1}", WEIR_T_JSON, "{\"a\":1}");
    assert_value(WEIR_FIELD_NUMBER, "7", WEIR_T_NULL, "7");
    assert_value(WEIR_FIELD_NULL, "", WEIR_T_INT64, "");
}

static void test_arrays(void **state)
{
    (void)state;
    assert_value(WEIR_FIELD_TEXT, "{1,NULL,3}", WEIR_T_ARRAY, "{1,NULL,3}");
    assert_value(WEIR_FIELD_TEXT, "{}", WEIR_T_ARRAY, "{}");
    assert_value(WEIR_FIELD_TEXT, "{\"a \\\"b\\\\\",\"NULL\", c d }", WEIR_T_ARRAY, "{\"a \\\"b\\\\\",\"NULL\",\"c d\"}");
    assert_value(WEIR_FIELD_TEXT, "{{1,2},{3,4}}", WEIR_T_ARRAY, "{{1,2},{3,4}}");
    assert_value(WEIR_FIELD_TEXT, "[0:1][-2:-1]={{1,2},{3,4}}", WEIR_T_ARRAY, "[0:1][-2:-1]={{1,2},{3,4}}");
    assert_value(WEIR_FIELD_TEXT, "[\"a=b\"]", WEIR_T_ARRAY, "{a=b}");
    assert_value(WEIR_FIELD_JSON, "[1,null,\"x\\u00e9\"]", WEIR_T_ARRAY, "{1,NULL,x\xc3\xa9}");
    assert_value(WEIR_FIELD_JSON, "[[1],[2]]", WEIR_T_ARRAY, "{{1},{2}}");
    assert_value(WEIR_FIELD_TEXT, "{{{{{{1}}}}}}", WEIR_T_ARRAY, "{{{{{{1}}}}}}");
    assert_value(WEIR_FIELD_TEXT, "{{{{{{{1}}}}}}}", WEIR_T_ARRAY, "!'{{{{{{{1}}}}}}}' has more than 6 dimensions");
    assert_value(WEIR_FIELD_JSON, "[[[[[[[1]]]]]]]", WEIR_T_ARRAY, "!'[[[[[[[1]]]]]]]' has more than 6 dimensions");
    weir_arena numbers;
    weir_arena_init(&numbers, &ledger, WEIR_MEMORY_OUTPUT, 256);
    weir_field of_numbers = { .kind = WEIR_FIELD_TEXT, .ptr = "{1,NULL,x}", .length = 10 };
    weir_value array;
    char why[WEIR_REASON_SIZE];
    assert_int_equal(weir_field_value(&of_numbers, WEIR_T_ARRAY, WEIR_T_INT32, &numbers, &array, why), WEIR_DATA);
    assert_string_equal(why, "'x' is no integer, or too large for one");
    of_numbers.ptr = "{1,NULL,7}";
    assert_int_equal(weir_field_value(&of_numbers, WEIR_T_ARRAY, WEIR_T_INT32, &numbers, &array, why), WEIR_OK);
    assert_int_equal(array.as.array->items[2].as.i, 7);
    of_numbers = (weir_field){ .kind = WEIR_FIELD_JSON, .ptr = "[{\"a\": [1, \"]\"]}, [2,3],null,\"s,\\\"\" , 3 ]", .length = 41 };
    assert_int_equal(weir_field_value(&of_numbers, WEIR_T_ARRAY, WEIR_T_JSON, &numbers, &array, why), WEIR_OK);
    static const char *const items[] = { "{\"a\": [1, \"]\"]}", "[2,3]", NULL, "\"s,\\\"\"", "3" };
    assert_int_equal(array.as.array->count, 5);
    for (size_t i = 0; i < 5; i++) {
        weir_text item = array.as.array->items[i].as.text;
        assert_int_equal(array.as.array->items[i].type, items[i] ? WEIR_T_JSON : WEIR_T_NULL);
        if (items[i])
            assert_true(item.len == strlen(items[i]) && !memcmp(item.ptr, items[i], item.len));
    }
    weir_arena_free(&numbers);
    static const char *const bad[] = { "[1:2]={1}", "[1:2]={}", "[2:1]={1,2}", "[1:2]{1,2}", "[1:2][1:1]={1,2}", "[1:2147483647]={1}", "[:2]={1,2}",
                                       "[99999999999:99999999999]={1}", "[1:2]=[1,2]", "{1,2", "{1,,2}", "{1,}", "{{1},2}", "{1,{2}}", "{{1,2},{3}}", "{1}x", "1", "", "{\"a}", "{1 2 \"x\"}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_arena arena;
        weir_arena_init(&arena, &ledger, WEIR_MEMORY_OUTPUT, 256);
        weir_field field = { .kind = WEIR_FIELD_TEXT, .ptr = bad[i], .length = strlen(bad[i]) };
        weir_value value;
        char reason[WEIR_REASON_SIZE] = "";
        if (weir_field_value(&field, WEIR_T_ARRAY, WEIR_T_TEXT, &arena, &value, reason) != WEIR_DATA || !reason[0])
            fail_msg("%s was taken", bad[i]);
        weir_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_bad_csv_is_told_and_passed_over),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_bad_json_is_told_and_passed_over),
        cmocka_unit_test(test_headers_that_cannot_be),
        cmocka_unit_test(test_any_length),
        cmocka_unit_test(test_too_long_is_passed_over_in_flat_memory),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_arrays),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
