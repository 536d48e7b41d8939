/* The text form of values: numbers, blobs, arrays, and numbers in any locale. */
#include <float.h>
#include <locale.h>
#include <math.h>
#include "value_help.h"
#include "base/decimal.h"

static double as_double(weir_value v)
{
    double out = 0;
    assert_int_equal(weir_value_as_double(&v, &out, NULL), WEIR_OK);
    return out;
}

DEFINES_REFUSAL(int64, int64_t)
DEFINES_REFUSAL(array, const weir_array *)

/* ---- doubles as text ---- */

static const struct double_text { double value; const char *text; } double_texts[] = {
    { 0.0, "0" }, { -0.0, "-0" }, { 1.0, "1" }, { -1.5, "-1.5" }, { 0.1, "0.1" }, { 0.3, "0.3" }, { 100.0, "100" },
    { 0.1 + 0.2, "0.30000000000000004" }, { 1e14, "100000000000000" }, { 999999999999999.0, "999999999999999" },
    { 1e15, "1e+15" }, { 0.0001, "0.0001" }, { 0.00012345, "0.00012345" }, { 0.00001, "1e-05" }, { 1e23, "1e+23" },
    { 9007199254740991.0, "9.007199254740991e+15" }, { 123456.789, "123456.789" }, { 5e-324, "5e-324" },
    { DBL_MAX, "1.7976931348623157e+308" }, { DBL_MIN, "2.2250738585072014e-308" }, { 1.0 / 3, "0.3333333333333333" },
    { 5.684341886080802e-14, "5.684341886080802e-14" }, { 18014398509481986.0, "1.8014398509481984e+16" },
    { 2e-44, "2e-44" }, { 1125899906842624.25, "1.1258999068426242e+15" }, { 1e100, "1e+100" },
};

static void check_double_texts(void)
{
    for (size_t i = 0; i < sizeof double_texts / sizeof *double_texts; i++) {
        double back = 0;
        assert_format(WEIR_VALUE(double_texts[i].value), double_texts[i].text);
        assert_true(weir_parse_double(text_of(double_texts[i].text), &back));
        assert_memory_equal(&back, &double_texts[i].value, sizeof back);
    }
    assert_format(WEIR_VALUE((double)NAN), "NaN");
    assert_format(WEIR_VALUE(-(double)NAN), "NaN");
    assert_format(WEIR_VALUE((double)INFINITY), "Infinity");
    assert_format(WEIR_VALUE(-(double)INFINITY), "-Infinity");
}

static void test_doubles_are_written_with_fewest_digits(void **state)
{
    (void)state;
    check_double_texts();
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int significant_digits(const char *text)
{
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (count == 0 && *text == '0'))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

static void test_any_double_reads_back_and_no_shorter_text_does(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&seed);
        double v, back;
        char text[WEIR_FORMATTED_SIZE], shorter[64];
        if (i % 4 == 0)
            bits &= ~UINT64_C(0) << (i % 52);               /* few bits set: half-way points and powers of two */
        if (i % 4 == 1)
            bits &= UINT64_C(0x801FFFFFFFFFFFFF);           /* subnormal or next to it */
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v) || v == 0)
            continue;
        size_t length = weir_format_double(text, v);
        assert_true(strtod(text, NULL) == v);
        assert_true(weir_parse_double((weir_text){ text, length }, &back) && back == v);
        int digits = significant_digits(text);
        snprintf(shorter, sizeof shorter, "%.*e", digits > 1 ? digits - 2 : 0, v);
        if (digits > 1)
            assert_true(strtod(shorter, NULL) != v);
    }
}

static void test_any_float_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 4101842887655102017u;
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)next_random(&seed);
        float v;
        char text[WEIR_FORMATTED_SIZE];
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        weir_format_float(text, v);
        assert_true(strtof(text, NULL) == v);
        assert_true(significant_digits(text) <= 9);
    }
    weir_value tenth = { .type = WEIR_T_FLOAT, .as.d = (double)0.1f };
    assert_format(tenth, "0.1");
    weir_value big = { .type = WEIR_T_FLOAT, .as.d = (double)FLT_MAX }, million = { .type = WEIR_T_FLOAT, .as.d = 1e6 };
    assert_format(big, "3.4028235e+38");
    assert_format(million, "1e+06");
}

static int run(const char *command, const char *directory)
{
    char line[512];
    snprintf(line, sizeof line, command, directory);
    return system(line);
}

static void test_the_locale_changes_nothing(void **state)
{
    (void)state;
    char directory[] = "/tmp/weir_locale_XXXXXX";
    assert_non_null(mkdtemp(directory));
    setenv("LOCPATH", directory, 1);
    bool comma = run("localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", directory) >= 0 &&
                 setlocale(LC_ALL, "de_DE.UTF-8") && strcmp(localeconv()->decimal_point, ",") == 0;
    if (comma) {
        char proof[16];
        snprintf(proof, sizeof proof, "%.1f", 1.5);
        assert_string_equal(proof, "1,5");
        check_double_texts();
        assert_true(as_double(numeric("3.14159265358979323846")) == 3.14159265358979323846);
        refuses_int64(WEIR_VALUE(0.5), "double 0.5 has a fraction");
        char text[WEIR_FORMATTED_SIZE];
        weir_format_double(text, 0x1p-44);                  /* by the slow way */
        assert_string_equal(text, "5.684341886080802e-14");
        char fixed[WEIR_FIXED_SIZE];
        assert_int_equal(weir_put_fixed(fixed, -1234.5), 12);
        assert_string_equal(fixed, "-1234.500000");
        assert_int_equal(weir_put_fixed(fixed, -DBL_MAX), 317);
        setlocale(LC_ALL, "C");
    }
    unsetenv("LOCPATH");
    run("rm -r %s", directory);
    if (!comma)
        skip();
}

/* ---- text forms ---- */

static void test_integers_are_written_in_decimals(void **state)
{
    (void)state;
    assert_format(WEIR_VALUE(INT64_MIN), "-9223372036854775808");
    assert_format(WEIR_VALUE(INT64_MAX), "9223372036854775807");
    assert_format(WEIR_VALUE(0), "0");
    int64_t power = 1;
    for (int digits = 1; digits <= 18; digits++, power *= 10) {
        char expected[24];
        const int64_t around[] = { power - 1, power, power + 1, -power, 1 - power, power * 9 };
        for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
            snprintf(expected, sizeof expected, "%lld", (long long)around[i]);
            assert_format(WEIR_VALUE(around[i]), expected);
        }
    }
}

static void test_format_cuts_as_snprintf_does(void **state)
{
    (void)state;
    char small[4] = { 'x', 'x', 'x', 'x' };
    assert_int_equal(weir_value_format(AT(123456), small, sizeof small), 6);
    assert_string_equal(small, "123");
    assert_int_equal(weir_value_format(AT("abcdef"), small, 1), 6);
    assert_string_equal(small, "");
    assert_int_equal(weir_value_format(AT("abcdef"), NULL, 0), 6);
    assert_int_equal(weir_value_format(at(WEIR_NULL), small, sizeof small), 0);
    assert_string_equal(small, "");
    weir_value blob = WEIR_VALUE(((weir_blob){ "abcdefgh", 8 }));
    assert_int_equal(weir_value_format(&blob, small, sizeof small), 12);
    assert_string_equal(small, "YWJ");
    assert_format(WEIR_VALUE((bool)true), "true");
    assert_format(WEIR_VALUE((bool)false), "false");
    assert_format(numeric("-12.50"), "-12.50");
}

static void test_blobs_are_written_in_base64(void **state)
{
    (void)state;
    static const struct sample { const char *bytes, *text; } samples[] = {
        { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" }, { "\xFF\xFE\xFB\xEF\xBE", "//77774=" },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        assert_format(WEIR_VALUE(((weir_blob){ samples[i].bytes, strlen(samples[i].bytes) })), samples[i].text);
    char bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t length = 140; length < 150; length++)       /* across the steps of the writer */
        assert_int_equal(strlen(format(WEIR_VALUE(((weir_blob){ bytes, length })))), (length + 2) / 3 * 4);
}

static void test_arrays_are_written_as_postgresql_does(void **state)
{
    (void)state;
    const int32_t three = 3, twelve = 12, five = 5;
    const weir_value numbers[] = { WEIR_VALUE(1), WEIR_NULL, WEIR_VALUE(-3) };
    weir_array array = array_of(WEIR_T_INT64, numbers, &three);
    assert_format(WEIR_VALUE(&array), "{1,NULL,-3}");
    const weir_value texts[] = { WEIR_VALUE("plain"), WEIR_VALUE(""), WEIR_VALUE("NULL"), WEIR_VALUE("null"), WEIR_VALUE("a b"),
        WEIR_VALUE("a,b"), WEIR_VALUE("{x}"), WEIR_VALUE("say \"hi\""), WEIR_VALUE("back\\slash"), WEIR_VALUE("tab\t"), WEIR_NULL,
        WEIR_VALUE("n\xC3\xBCll") };
    array = array_of(WEIR_T_TEXT, texts, &twelve);
    assert_format(WEIR_VALUE(&array),
        "{plain,\"\",\"NULL\",\"null\",\"a b\",\"a,b\",\"{x}\",\"say \\\"hi\\\"\",\"back\\\\slash\",\"tab\t\","
                                      "NULL,n\xC3\xBCll}");
    const weir_value mixed[] = { WEIR_VALUE((bool)true), WEIR_VALUE((bool)false), WEIR_VALUE(((weir_blob){ "\x01\xAB", 2 })),
                                 WEIR_VALUE((weir_date){ -735160 }), WEIR_VALUE(1.5) };
    array = array_of(WEIR_T_OTHER, mixed, &five);
    assert_format(WEIR_VALUE(&array), "{t,f,\"\\\\x01ab\",\"0044-03-15 BC\",1.5}");
    weir_array empty = { .element_type = WEIR_T_TEXT };
    assert_format(WEIR_VALUE(&empty), "{}");
}

static void test_arrays_of_more_dimensions_and_other_bounds(void **state)
{
    (void)state;
    const weir_value items[] = { WEIR_VALUE(1), WEIR_VALUE(2), WEIR_VALUE(3), WEIR_VALUE(4), WEIR_VALUE(5), WEIR_VALUE(6) };
    const int32_t lengths[] = { 2, 3, 1 }, ones[] = { 1, 1, 1 }, bounds[] = { -1, 1, 0 };
    weir_array array = { WEIR_T_INT32, 2, lengths, ones, 6, items };
    assert_format(WEIR_VALUE(&array), "{{1,2,3},{4,5,6}}");
    array.dimensions = 3;
    assert_format(WEIR_VALUE(&array), "{{{1},{2},{3}},{{4},{5},{6}}}");
    array.lower_bounds = bounds;
    assert_format(WEIR_VALUE(&array), "[-1:0][1:3][0:0]={{{1},{2},{3}},{{4},{5},{6}}}");
    array.count = 4;                                        /* fewer items than the lengths say: nothing is read beyond */
    assert_format(WEIR_VALUE(&array), "[-1:0][1:3][0:0]={{{1},{2},{3}},{{4},{},{}}}");
}

static void test_an_array_in_an_array_is_quoted_text(void **state)
{
    (void)state;
    const int32_t two = 2, one = 1;
    const weir_value texts[] = { WEIR_VALUE("a"), WEIR_VALUE("b \"c\"") };
    weir_array innermost = array_of(WEIR_T_TEXT, texts, &two);
    const weir_value middle_items[] = { WEIR_VALUE(&innermost) };
    weir_array middle = array_of(WEIR_T_ARRAY, middle_items, &one);
    assert_format(WEIR_VALUE(&middle), "{\"{a,\\\"b \\\\\\\"c\\\\\\\"\\\"}\"}");
    const weir_value outer_items[] = { WEIR_VALUE(&middle) };
    weir_array outer = array_of(WEIR_T_ARRAY, outer_items, &one);
    assert_format(WEIR_VALUE(&outer), "{\"{\\\"{a,\\\\\\\"b \\\\\\\\\\\\\\\"c\\\\\\\\\\\\\\\"\\\\\\\"}\\\"}\"}");
    const weir_array *read = NULL;
    assert_int_equal(weir_value_as_array(AT(&outer), &read, NULL), WEIR_OK);
    assert_ptr_equal(read, &outer);
    refuses_array(WEIR_VALUE("{1}"), "text '{1}' is not an array");
}

static void test_appending_fits_a_maximum_to_the_byte(void **state)
{
    (void)state;
    weir_buffer buffer;
    weir_buffer_init(&buffer, NULL, WEIR_MEMORY_OUTPUT, 10);
    weir_value_append(&buffer, AT(1234567890));
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, 10);
    weir_value_append(&buffer, AT(1));
    assert_true(buffer.failed);
    assert_int_equal(buffer.length, 10);
    weir_buffer_free(&buffer);
    weir_value blob = WEIR_VALUE(((weir_blob){ "123456789", 9 }));
    weir_value_append(&buffer, &blob);
    assert_true(buffer.failed);
    weir_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_are_written_with_fewest_digits),
        cmocka_unit_test(test_any_double_reads_back_and_no_shorter_text_does),
        cmocka_unit_test(test_any_float_reads_back),
        cmocka_unit_test(test_the_locale_changes_nothing),
        cmocka_unit_test(test_integers_are_written_in_decimals),
        cmocka_unit_test(test_format_cuts_as_snprintf_does),
        cmocka_unit_test(test_blobs_are_written_in_base64),
        cmocka_unit_test(test_arrays_are_written_as_postgresql_does),
        cmocka_unit_test(test_arrays_of_more_dimensions_and_other_bounds),
        cmocka_unit_test(test_an_array_in_an_array_is_quoted_text),
        cmocka_unit_test(test_appending_fits_a_maximum_to_the_byte),
    };
    return cmocka_run_group_tests_name("value texts", tests, NULL, NULL);
}
