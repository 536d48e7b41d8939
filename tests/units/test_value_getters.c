/* Values read as C types: exactly, or refused with a reason. */
#include <float.h>
#include <math.h>
#include "value_help.h"

DEFINES_REFUSAL(int32, int32_t)
DEFINES_REFUSAL(int64, int64_t)
DEFINES_REFUSAL(double, double)
DEFINES_REFUSAL(text, weir_text)
DEFINES_REFUSAL(cstr, const char *)
DEFINES_REFUSAL(numeric, weir_numeric)
DEFINES_REFUSAL(blob, weir_blob)
DEFINES_REFUSAL(date, weir_date)
DEFINES_REFUSAL(time, weir_time)
DEFINES_REFUSAL(timetz, weir_timetz)
DEFINES_REFUSAL(timestamp, weir_timestamp)
DEFINES_REFUSAL(timestamptz, weir_timestamptz)
DEFINES_REFUSAL(interval, weir_interval)
DEFINES_REFUSAL(uuid, weir_uuid)
DEFINES_REFUSAL(array, const weir_array *)

static void refuses_bool(weir_value v, const char *expected)
{
    char reason[WEIR_REASON_SIZE];
    bool out;
    assert_int_equal(weir_value_as_bool(&v, &out, reason), WEIR_DATA);
    assert_string_equal(reason, expected);
}

static int64_t as_int64(weir_value v)
{
    int64_t out = 0;
    assert_int_equal(weir_value_as_int64(&v, &out, NULL), WEIR_OK);
    return out;
}

static double as_double(weir_value v)
{
    double out = 0;
    assert_int_equal(weir_value_as_double(&v, &out, NULL), WEIR_OK);
    return out;
}

static bool as_bool(weir_value v)
{
    bool out = false;
    assert_int_equal(weir_value_as_bool(&v, &out, NULL), WEIR_OK);
    return out;
}

/* ---- making ---- */

static void test_c_types_become_values(void **state)
{
    (void)state;
    assert_int_equal(WEIR_VALUE((bool)true).type, WEIR_T_BOOL);
    assert_int_equal(WEIR_VALUE(1).type, WEIR_T_INT64);
    assert_true(WEIR_VALUE(UINT32_MAX).as.i == UINT32_MAX);
    assert_int_equal(WEIR_VALUE(1.5f).type, WEIR_T_DOUBLE);
    assert_int_equal(WEIR_VALUE("x").type, WEIR_T_TEXT);
    assert_int_equal(WEIR_VALUE((const char *)NULL).type, WEIR_T_NULL);
    assert_int_equal(WEIR_VALUE(((weir_text){ NULL, 0 })).type, WEIR_T_NULL);
    assert_int_equal(WEIR_VALUE(((weir_blob){ NULL, 0 })).type, WEIR_T_NULL);
    assert_int_equal(WEIR_VALUE(((weir_blob){ "", 0 })).type, WEIR_T_BLOB);
    assert_int_equal(WEIR_VALUE(((weir_numeric){ NULL, 0 })).type, WEIR_T_NULL);
    assert_int_equal(WEIR_VALUE((const weir_array *)NULL).type, WEIR_T_NULL);
    assert_int_equal(WEIR_VALUE((weir_uuid){ { 0 } }).type, WEIR_T_UUID);
    assert_int_equal(WEIR_NULL.type, WEIR_T_NULL);
}

static void test_every_type_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < WEIR_T_COUNT_; i++) {
        const char *name = weir_type_name((weir_type)i);
        assert_non_null(name);
        assert_string_not_equal(name, "unknown type");
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, weir_type_name((weir_type)k));
    }
    assert_string_equal(weir_type_name(WEIR_T_TIMESTAMPTZ), "timestamptz");
    assert_string_equal(weir_type_name(WEIR_T_COUNT_), "unknown type");
}

/* ---- numbers ---- */

static void test_null_fits_no_getter(void **state)
{
    (void)state;
    const char *why = "NULL; use the opt getter";
    refuses_bool(WEIR_NULL, why);
    refuses_int32(WEIR_NULL, why);
    refuses_int64(WEIR_NULL, why);
    refuses_double(WEIR_NULL, why);
    refuses_text(WEIR_NULL, why);
    refuses_cstr((weir_value){ .type = WEIR_T_TEXT, .as.text = { NULL, 0 } }, why);
    refuses_numeric(WEIR_NULL, why);
    refuses_blob((weir_value){ .type = WEIR_T_BLOB, .as.blob = { NULL, 0 } }, why);
    refuses_date(WEIR_NULL, why);
    refuses_time(WEIR_NULL, why);
    refuses_timetz(WEIR_NULL, why);
    refuses_timestamp(WEIR_NULL, why);
    refuses_timestamptz(WEIR_NULL, why);
    refuses_interval(WEIR_NULL, why);
    refuses_uuid(WEIR_NULL, why);
    refuses_array(WEIR_NULL, why);
}

static void test_integers_convert_exactly(void **state)
{
    (void)state;
    assert_true(as_int64(WEIR_VALUE(INT64_MIN)) == INT64_MIN);
    assert_true(as_int64(numeric("-9223372036854775808")) == INT64_MIN);
    assert_true(as_int64(numeric("9223372036854775807.000")) == INT64_MAX);
    assert_true(as_int64(numeric("300.00")) == 300);
    assert_true(as_int64(numeric("-0")) == 0);
    assert_true(as_int64(numeric("000000000000000000000000000012")) == 12);
    assert_true(as_int64(WEIR_VALUE("-42")) == -42);
    assert_true(as_int64(WEIR_VALUE("+42")) == 42);
    assert_true(as_int64(WEIR_VALUE((bool)true)) == 1);
    assert_true(as_int64(WEIR_VALUE(-0x1p63)) == INT64_MIN);
    assert_true(as_int64(WEIR_VALUE(3.0)) == 3);
    refuses_int64(numeric("300.5"), "numeric 300.5 has a fraction");
    refuses_int64(numeric("9223372036854775808"), "numeric 9223372036854775808 is beyond int64");
    refuses_int64(numeric("-9223372036854775809"), "numeric -9223372036854775809 is beyond int64");
    refuses_int64(numeric("NaN"), "numeric NaN is not an integer");
    refuses_int64(WEIR_VALUE("abc"), "text 'abc' is not an integer");
    refuses_int64(WEIR_VALUE("3.0"), "text '3.0' is not an integer");
    refuses_int64(WEIR_VALUE(""), "text '' is not an integer");
    refuses_int64(WEIR_VALUE(" 1"), "text ' 1' is not an integer");
    refuses_int64(WEIR_VALUE("9223372036854775808"), "text '9223372036854775808' is beyond int64");
    refuses_int64(WEIR_VALUE(0x1p63), "double 9.223372036854776e+18 is beyond int64");
    refuses_int64(WEIR_VALUE(0.5), "double 0.5 has a fraction");
    refuses_int64(WEIR_VALUE((double)NAN), "double NaN is not an integer");
    refuses_int64(WEIR_VALUE((weir_date){ 0 }), "date 1970-01-01 is not an integer");
    refuses_int64(typed(WEIR_T_JSON, "5"), "json '5' is not an integer");
    refuses_int64(WEIR_VALUE(((weir_blob){ "abc", 3 })), "blob of 3 bytes is not an integer");
    refuses_int32(WEIR_VALUE(INT64_C(2147483648)), "int64 2147483648 is beyond int32");
    refuses_int32(WEIR_VALUE(INT64_C(-2147483649)), "int64 -2147483649 is beyond int32");
    int32_t narrow = 0;
    assert_int_equal(weir_value_as_int32(AT(INT32_MIN), &narrow, NULL), WEIR_OK);
    assert_int_equal(narrow, INT32_MIN);
}

static void test_reasons_are_short_clean_text(void **state)
{
    (void)state;
    refuses_int64(WEIR_VALUE("a\nb\x7F" "c\xFF"), "text 'a?b?c?' is not an integer");
    weir_text nul = { "a\0b", 3 };
    refuses_int64(WEIR_VALUE(nul), "text 'a?b' is not an integer");
    /* 55 letters, then a character of two bytes across the cut */
    char long_text[101];
    memset(long_text, 'x', 100);
    long_text[100] = 0;
    memcpy(long_text + 55, "\xC3\xA9", 2);
    refuses_int64(WEIR_VALUE(long_text), "text 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is not an integer");
}

static void test_doubles_convert_exactly(void **state)
{
    (void)state;
    assert_true(as_double(WEIR_VALUE(INT64_C(9007199254740992))) == 9007199254740992.0);
    assert_true(as_double(WEIR_VALUE(INT64_MIN)) == -0x1p63);
    refuses_double(WEIR_VALUE(INT64_C(9007199254740993)), "int64 9007199254740993 is no double exactly");
    refuses_double(WEIR_VALUE(INT64_MAX), "int64 9223372036854775807 is no double exactly");
    assert_true(as_double(numeric("0.1")) == 0.1);
    assert_true(as_double(numeric("-12.50")) == -12.5);
    assert_true(as_double(numeric("9007199254740993")) == 9007199254740992.0);       /* half-way: to even */
    assert_true(as_double(numeric("9007199254740993.0000000000000000000000000000000000001")) == 9007199254740994.0);
    assert_true(as_double(WEIR_VALUE("1.7976931348623157e308")) == DBL_MAX);
    assert_true(as_double(WEIR_VALUE("5e-324")) == 0x1p-1074);
    assert_true(as_double(WEIR_VALUE("1e-400")) == 0.0);
    assert_true(isinf(as_double(numeric("-Infinity"))) && as_double(numeric("-Infinity")) < 0);
    assert_true(isnan(as_double(numeric("NaN"))));
    assert_true(signbit(as_double(WEIR_VALUE("-0"))));
    refuses_double(WEIR_VALUE("1e309"), "text '1e309' is beyond double");
    refuses_double(WEIR_VALUE("12,5"), "text '12,5' is not a number");
    refuses_double(WEIR_VALUE("1e"), "text '1e' is not a number");
    refuses_double(WEIR_VALUE("."), "text '.' is not a number");
    refuses_double(WEIR_VALUE("0x10"), "text '0x10' is not a number");
    refuses_double(WEIR_VALUE((bool)true), "bool true is not a number");
}

static void test_numerics_of_any_length_convert(void **state)
{
    (void)state;
    enum { WHOLE = 131072, FRACTION = 16383 };
    char *digits = malloc(WHOLE + FRACTION + 1);
    assert_non_null(digits);
    memset(digits, '0', WHOLE + FRACTION + 1);
    digits[WHOLE] = '.';
    weir_value v = { .type = WEIR_T_NUMERIC, .as.text = { digits, WHOLE + FRACTION + 1 } };
    assert_true(as_int64(v) == 0);
    assert_true(weir_numeric_valid(v.as.text));
    memcpy(digits + WHOLE - 19, "9223372036854775807", 19);
    assert_true(as_int64(v) == INT64_MAX);
    assert_true(as_double(v) == 0x1p63);
    digits[WHOLE + FRACTION] = '1';
    int64_t out = 0;
    assert_int_equal(weir_value_as_int64(&v, &out, NULL), WEIR_DATA);
    /* half-way between two doubles, but for the last of 16383 digits */
    memset(digits, '0', WHOLE);
    memcpy(digits + WHOLE - 16, "9007199254740993", 16);
    assert_true(as_double(v) == 9007199254740994.0);
    digits[0] = '1';
    double d = 0;
    char reason[WEIR_REASON_SIZE];
    assert_int_equal(weir_value_as_double(&v, &d, reason), WEIR_DATA);
    assert_non_null(strstr(reason, "... is beyond double"));
    free(digits);
}

static void test_numeric_text_is_plain_digits(void **state)
{
    (void)state;
    static const char *const good[] = { "0", "-12.50", "+1", ".5", "5.", "NaN", "Infinity", "-Infinity", "00.10" };
    static const char *const bad[] = { "", "-", ".", "1e5", "1.2.3", " 1", "1 ", "nan", "inf", "+Infinity", "1,5", "--1",
        "0x1", "1-" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(weir_numeric_valid(text_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_numeric_valid(text_of(bad[i])));
    assert_false(weir_numeric_valid((weir_text){ NULL, 0 }));
    weir_numeric out = { NULL, 0 };
    assert_int_equal(weir_value_as_numeric(AT("12.50"), &out, NULL), WEIR_OK);
    assert_memory_equal(out.ptr, "12.50", out.len);
    refuses_numeric(WEIR_VALUE("1e5"), "text '1e5' is not a numeric: plain digits");
    refuses_numeric(WEIR_VALUE(5), "int64 5 is not kept as a numeric");
}

static void test_bools_are_read_from_words_and_0_and_1(void **state)
{
    (void)state;
    assert_true(as_bool(WEIR_VALUE((bool)true)));
    assert_true(as_bool(WEIR_VALUE(1)));
    assert_false(as_bool(WEIR_VALUE(0)));
    assert_true(as_bool(WEIR_VALUE("t")) && as_bool(WEIR_VALUE("true")) && as_bool(WEIR_VALUE("1")));
    assert_false(as_bool(WEIR_VALUE("f")) || as_bool(WEIR_VALUE("false")) || as_bool(WEIR_VALUE("0")));
    refuses_bool(WEIR_VALUE(2), "int64 2 is not a bool: neither 0 nor 1");
    refuses_bool(WEIR_VALUE("yes"), "text 'yes' is not a bool");
    refuses_bool(WEIR_VALUE(1.0), "double 1 is not a bool");
}

/* ---- text ---- */

static void test_utf8_is_checked(void **state)
{
    (void)state;
    static const struct sample { const char *text; size_t length, valid; } samples[] = {
        { "", 0, 0 }, { "plain ascii, long enough for words", 34, 34 }, { "a\0b", 3, 3 },
        { "\xC3\xA9", 2, 2 }, { "\xE2\x82\xAC", 3, 3 }, { "\xF0\x9F\x98\x80", 4, 4 },
        { "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 24, 24 },
        { "ab\x80", 3, 2 }, { "\xC0\x80", 2, 0 }, { "\xC1\xBF", 2, 0 }, { "\xE0\x9F\xBF", 3, 0 },
        { "\xF0\x8F\xBF\xBF", 4, 0 }, { "\xED\xA0\x80", 3, 0 }, { "\xED\xBF\xBF", 3, 0 }, { "\xF4\x90\x80\x80", 4, 0 },
        { "\xF5\x80\x80\x80", 4, 0 }, { "\xFF", 1, 0 }, { "a\xC3", 2, 1 }, { "a\xE2\x82", 3, 1 }, { "a\xF0\x9F\x98", 4, 1 },
        { "\xC3(", 2, 0 }, { "\xE2\x28\xA1", 3, 0 }, { "\xE2\x82\x28", 3, 0 }, { "\xF1\x80\x80\xC0", 4, 0 },
        { "0123456789\xC3\xA9" "0123456789\xFE", 23, 22 }, { "\xF1\x80\x80\x80\xF3\xBF\xBF\xBF\xE1\x80\x80\xEC\xBF\xBF", 14, 14 },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        assert_int_equal(weir_utf8_valid_length((weir_text){ samples[i].text, samples[i].length }), samples[i].valid);
    assert_int_equal(weir_utf8_valid_length((weir_text){ NULL, 0 }), 0);
    refuses_text(WEIR_VALUE("caf\xE9"), "text 'caf?' is not UTF-8 at byte 4");
}

/* The valid length by looking at one character after the other, each alone. */
static size_t valid_one_by_one(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t bytes = 1;
        while (bytes <= 4 && at + bytes <= length && weir_utf8_valid_length((weir_text){ text + at, bytes }) != bytes)
            bytes++;
        if (bytes > 4 || at + bytes > length)
            break;
        at += bytes;
    }
    return at;
}

/* Long texts are checked many bytes at a time: whatever stands anywhere in them is found, and where it is. */
static void test_utf8_is_checked_in_long_texts(void **state)
{
    (void)state;
    enum { LONGEST = 200 };
    static const char *const fillers[] = { "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "ab\xC3\xA9" "defghijklmnopqrstuvwxyz\xE2\x82\xAC" "0123456789" };
    static const char *const pieces[] = {
        "", "\xC3\xA9", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
        "\x80", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFF", "\xC3\xA9\xA9", "\xE2\x82\xAC\x80", "\xF0\x9F\x98\x80\x80", "\xE2\xE2\x82\xAC", "\xC3(",
    };
    char text[LONGEST + 64];
    for (size_t f = 0; f < sizeof fillers / sizeof *fillers; f++) {
        for (size_t at = 0; at <= LONGEST - 40; at++) {
            for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
                size_t unit = strlen(fillers[f]), piece = strlen(pieces[p]), length = 0;
                while (length < at)
                    text[length] = fillers[f][length % unit], length++;
                memcpy(text + length, pieces[p], piece);
                for (length += piece; length < LONGEST; length++)
                    text[length] = fillers[f][length % unit];
                size_t expected = valid_one_by_one(text, length);
                assert_int_equal(weir_utf8_valid_length((weir_text){ text, length }), expected);
                assert_int_equal(weir_text_is_utf8((weir_text){ text, length }), expected == length);
                length -= at % 70;                      /* and ended in the middle of something */
                assert_int_equal(weir_utf8_valid_length((weir_text){ text, length }), expected < length ? expected : valid_one_by_one(text, length));
            }
        }
    }
}

static void test_what_is_kept_as_text_reads_as_text(void **state)
{
    (void)state;
    static const weir_type kept[] = { WEIR_T_NUMERIC, WEIR_T_TEXT, WEIR_T_JSON, WEIR_T_INET, WEIR_T_ENUM, WEIR_T_OTHER };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        weir_value v = typed(kept[i], "10");
        weir_text text = { NULL, 0 };
        weir_blob blob = { NULL, 0 };
        const char *cstr = NULL;
        assert_int_equal(weir_value_as_text(&v, &text, NULL), WEIR_OK);
        assert_int_equal(weir_value_as_blob(&v, &blob, NULL), WEIR_OK);
        assert_int_equal(weir_value_as_cstr(&v, &cstr, NULL), WEIR_OK);
        assert_ptr_equal(text.ptr, v.as.text.ptr);
        assert_int_equal(text.len, 2);
        assert_int_equal(blob.len, 2);
        assert_string_equal(cstr, "10");
    }
    weir_value nul = WEIR_VALUE(((weir_text){ "a\0b", 3 }));
    weir_text text;
    assert_int_equal(weir_value_as_text(&nul, &text, NULL), WEIR_OK);
    assert_int_equal(text.len, 3);
    refuses_cstr(nul, "text 'a?b' has a NUL at byte 2; use the text getter");
    refuses_text(WEIR_VALUE(5), "int64 5 is not kept as text");
    refuses_text(WEIR_VALUE(((weir_blob){ "x", 1 })), "blob of 1 bytes is not kept as text");
    refuses_blob(WEIR_VALUE(5), "int64 5 is neither blob nor text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c_types_become_values),
        cmocka_unit_test(test_every_type_has_a_name),
        cmocka_unit_test(test_null_fits_no_getter),
        cmocka_unit_test(test_integers_convert_exactly),
        cmocka_unit_test(test_reasons_are_short_clean_text),
        cmocka_unit_test(test_doubles_convert_exactly),
        cmocka_unit_test(test_numerics_of_any_length_convert),
        cmocka_unit_test(test_numeric_text_is_plain_digits),
        cmocka_unit_test(test_bools_are_read_from_words_and_0_and_1),
        cmocka_unit_test(test_utf8_is_checked),
        cmocka_unit_test(test_utf8_is_checked_in_long_texts),
        cmocka_unit_test(test_what_is_kept_as_text_reads_as_text),
    };
    return cmocka_run_group_tests_name("value getters", tests, NULL, NULL);
}
