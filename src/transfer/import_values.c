/* Fields as values: one function per type in a table. A text is read as the type only where that is exact. */
#include "transfer/import_values.h"
#include <math.h>
#include <stdio.h>
#include "base/decimal.h"

typedef int (*take_fn)(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason);

enum { EXPONENT_MAX = 1000 };

int weir_field_refuse(const weir_field *field, const char *why, char *reason)
{
    size_t shown = weir_utf8_cut((weir_text){ field->ptr, field->length }, 40);
    snprintf(reason, WEIR_REASON_SIZE, "'%.*s%s' %s", (int)shown, field->ptr, shown < field->length ? "…" : "", why);
    return WEIR_DATA;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------------- */

static int take_bool(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    (void)arena;
    bool truth = field->kind == WEIR_FIELD_TRUE;
    if (!truth && field->kind != WEIR_FIELD_FALSE) {
        if (field->length == 1 && (field->ptr[0] == '0' || field->ptr[0] == '1'))
            truth = field->ptr[0] == '1';
        else if (weir_value_as_bool(text, &truth, NULL) != WEIR_OK)
            return weir_field_refuse(field, "is neither true nor false", reason);
    }
    *out = weir_value_bool(truth);
    return WEIR_OK;
}

static int take_int(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    (void)arena;
    int64_t number;
    if (!weir_parse_int64(text->as.text, &number) && !weir_numeric_to_int64(text->as.text, &number))
        return weir_field_refuse(field, "is no integer, or too large for one", reason);
    *out = weir_value_int(number);
    return WEIR_OK;
}

/* Digits that became none, or infinity: not words that say so, and not 0.0e-5. */
static bool out_of_range(weir_text text, double number)
{
    bool digits = text.len && text.ptr[text.len - 1] >= '0' && text.ptr[text.len - 1] <= '9';
    if (number != 0)
        return isinf(number) && digits;
    for (size_t i = 0; i < text.len && (text.ptr[i] | 32) != 'e'; i++)
        if (text.ptr[i] >= '1' && text.ptr[i] <= '9')
            return true;
    return false;
}

static int take_double(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    (void)arena;
    double number;
    if (!weir_parse_double(text->as.text, &number))
        return weir_field_refuse(field, "is no number", reason);
    *out = weir_value_double(number);
    return out_of_range(text->as.text, number) ? weir_field_refuse(field, "is beyond the range of a double", reason) : WEIR_OK;
}

/* Rounded as the program that wrote it did: its shortest digits are those of a float. */
static int take_float(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    int status = take_double(field, text, arena, out, reason);
    if (status != WEIR_OK)
        return status;
    out->type = WEIR_T_FLOAT;
    out->as.d = (double)(float)out->as.d;
    return out_of_range(text->as.text, out->as.d) ? weir_field_refuse(field, "is beyond the range of a real", reason) : WEIR_OK;
}

static const char no_number[] = "is no decimal number";
static char *put(char *to, const char *from, size_t count) { return (char *)memcpy(to, from, count) + count; }
static char *put_zeros(char *to, int64_t count) { return (char *)memset(to, '0', (size_t)count) + count; }

/* 12.5e3 as plain digits: 12500. What is wrong, or NULL. */
static const char *expand(weir_text text, weir_arena *arena, weir_text *out)
{
    const char *e = memchr(text.ptr, 'e', text.len), *point;
    if (!e && !(e = memchr(text.ptr, 'E', text.len)))
        return no_number;
    weir_text number = { text.ptr, (size_t)(e - text.ptr) }, power = { e + 1, text.len - number.len - 1 };
    int64_t exponent;
    if (power.len && *power.ptr == '+')
        power = (weir_text){ power.ptr + 1, power.len - 1 };
    if (!weir_parse_int64(power, &exponent) || !weir_numeric_valid(number))
        return no_number;
    if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
        return "has an exponent beyond 1000";
    char *digits = weir_arena_bytes(arena, number.len), *to = weir_arena_bytes(arena, number.len + EXPONENT_MAX + 4), *p = to;
    if (!digits || !to)
        return no_number;
    if (*number.ptr == '-')
        *p++ = '-';
    if (*number.ptr == '-' || *number.ptr == '+')
        number = (weir_text){ number.ptr + 1, number.len - 1 };
    point = memchr(number.ptr, '.', number.len);
    size_t whole = point ? (size_t)(point - number.ptr) : number.len, fraction = point ? number.len - whole - 1 : 0;
    int64_t count = (int64_t)(whole + fraction), at = (int64_t)whole + exponent;        /* where the point goes */
    put(put(digits, number.ptr, whole), point ? point + 1 : "", fraction);
    if (at <= 0)
        p = put(put_zeros(put(p, "0.", 2), -at), digits, (size_t)count);
    else if (at >= count)
        p = put_zeros(put(p, digits, (size_t)count), at - count);
    else
        p = put(put(put(p, digits, (size_t)at), ".", 1), digits + at, (size_t)(count - at));
    *out = (weir_text){ to, (size_t)(p - to) };
    return weir_numeric_valid(*out) ? NULL : no_number;
}

static int take_numeric(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    weir_text digits = text->as.text;
    const char *wrong = weir_numeric_valid(digits) ? NULL : expand(digits, arena, &digits);
    if (wrong)
        return weir_field_refuse(field, wrong, reason);
    *out = weir_value_numeric((weir_numeric){ digits.ptr, digits.len });
    return WEIR_OK;
}

/* Digits of both sides of the point, or of what stands in front of an exponent, without zeros at either end. */
static size_t significant(weir_text text, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] != 'e'; i++)
        if (text.ptr[i] >= (length ? '0' : '1') && text.ptr[i] <= '9')
            out[length++] = text.ptr[i];
    while (length && out[length - 1] == '0')
        length--;
    return length;
}

int weir_numeric_to_binary(const weir_field *field, weir_value *value, char *reason)
{
    enum { MOST = 1200 };
    char shortest[WEIR_FORMATTED_SIZE], digits[MOST], kept[WEIR_FORMATTED_SIZE];
    weir_text text = value->as.text;
    weir_decimal decimal;
    int64_t whole;
    double number;
    if (!weir_decimal_split(text, &decimal) || !weir_parse_double(text, &number))
        return WEIR_OK;                 /* NaN and infinities are texts there */
    if (weir_numeric_to_int64(text, &whole)) {
        *value = weir_value_int(whole);
        return WEIR_OK;
    }
    size_t length = decimal.whole.len + decimal.fraction.len < MOST ? significant(text, digits) : MOST;
    size_t left = significant((weir_text){ shortest, weir_format_double(shortest, number) }, kept);
    if (length != left || memcmp(digits, kept, left) != 0)
        return weir_field_refuse(field, "loses digits: make it numeric_text", reason);
    *value = weir_value_double(number);
    return WEIR_OK;
}

/* ---- times, identifiers ------------------------------------------------------------------------------------------------------- */

#define TAKE(name, c_type, make, words)                                                                                     \
    static int take_##name(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason) \
    {                                                                                                                       \
        c_type value;                                                                                                       \
        (void)arena;                                                                                                        \
        if (weir_value_as_##name(text, &value, NULL) != WEIR_OK)                                                            \
            return weir_field_refuse(field, words, reason);                                                                 \
        *out = make(value);                                                                                                 \
        return WEIR_OK;                                                                                                     \
    }
TAKE(date, weir_date, weir_value_date, "is no date (2024-05-01)")
TAKE(time, weir_time, weir_value_time, "is no time of day (12:30:00)")
TAKE(timetz, weir_timetz, weir_value_timetz, "is no time with a zone (12:30:00+02)")
TAKE(timestamp, weir_timestamp, weir_value_timestamp, "is no timestamp without a zone (2024-05-01T12:30:00)")
TAKE(timestamptz, weir_timestamptz, weir_value_timestamptz, "is no timestamp (2024-05-01T12:30:00Z)")
TAKE(interval, weir_interval, weir_value_interval, "is no interval (P1DT2H)")
TAKE(uuid, weir_uuid, weir_value_uuid, "is no uuid")

/* ---- texts and bytes ----------------------------------------------------------------------------------------------------------- */

static int take_text(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    (void)field, (void)arena, (void)reason;
    *out = *text;
    return WEIR_OK;
}

/* Of JSON lines the value as it stands there; of CSV the text, which the database looks at. */
static int take_json(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    (void)arena, (void)reason;
    out->type = WEIR_T_JSON;
    out->as.text = field->raw.ptr ? field->raw : text->as.text;
    return WEIR_OK;
}

static int digit_of_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static bool bytes_of_hex(weir_text text, uint8_t *to)
{
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of_hex(text.ptr[i]);
        if (digit < 0)
            return false;
        to[i / 2] = (uint8_t)(i & 1 ? to[i / 2] << 4 | digit : digit);
    }
    return (text.len & 1) == 0;
}

static int take_blob(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    weir_text from = text->as.text;
    bool hex = from.len >= 2 && from.ptr[0] == '\\' && from.ptr[1] == 'x';
    uint8_t *to = weir_arena_bytes(arena, from.len + 1);
    size_t length = 0;
    if (!to)
        return WEIR_OUT_OF_MEMORY;
    if (hex) {
        from = (weir_text){ from.ptr + 2, from.len - 2 };
        length = from.len / 2;
    }
    if (hex ? !bytes_of_hex(from, to) : !weir_base64_read(from, to, &length))
        return weir_field_refuse(field, "is neither base64 nor \\x and hexadecimal digits", reason);
    *out = weir_value_blob((weir_blob){ to, length });
    return WEIR_OK;
}

/* A column that takes anything: numbers of JSON stay numbers, all else is text. */
static int take_any(const weir_field *field, const weir_value *text, weir_arena *arena, weir_value *out, char *reason)
{
    if (field->kind == WEIR_FIELD_TRUE || field->kind == WEIR_FIELD_FALSE)
        return take_bool(field, text, arena, out, reason);
    if (field->kind == WEIR_FIELD_NUMBER)
        return take_int(field, text, arena, out, reason) == WEIR_OK ? WEIR_OK : take_double(field, text, arena, out, reason);
    return take_text(field, text, arena, out, reason);
}

static const take_fn takes[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = take_any, [WEIR_T_BOOL] = take_bool,
    [WEIR_T_INT16] = take_int, [WEIR_T_INT32] = take_int, [WEIR_T_INT64] = take_int,
    [WEIR_T_FLOAT] = take_float, [WEIR_T_DOUBLE] = take_double, [WEIR_T_NUMERIC] = take_numeric,
    [WEIR_T_TEXT] = take_text, [WEIR_T_BLOB] = take_blob,
    [WEIR_T_DATE] = take_date, [WEIR_T_TIME] = take_time, [WEIR_T_TIMETZ] = take_timetz,
    [WEIR_T_TIMESTAMP] = take_timestamp, [WEIR_T_TIMESTAMPTZ] = take_timestamptz, [WEIR_T_INTERVAL] = take_interval,
    [WEIR_T_UUID] = take_uuid, [WEIR_T_JSON] = take_json, [WEIR_T_INET] = take_text, [WEIR_T_ENUM] = take_text,
    [WEIR_T_OTHER] = take_text,
};

static int take_array(const weir_field *field, weir_type element, weir_arena *arena, weir_value *out, char *reason)
{
    int status = weir_field_array(field, element, arena, out, reason);
    if (status != WEIR_OK || !takes[element])
        return status;
    weir_array *array = (weir_array *)(uintptr_t)out->as.array;     /* made here */
    weir_value *items = (weir_value *)(uintptr_t)array->items;
    array->element_type = element;
    for (size_t i = 0; status == WEIR_OK && i < array->count; i++) {
        if (items[i].type == WEIR_T_NULL)
            continue;
        weir_value text = items[i];
        weir_field item = { .kind = WEIR_FIELD_TEXT, .ptr = text.as.text.ptr, .length = text.as.text.len };
        status = takes[element](&item, &text, arena, &items[i], reason);
    }
    return status;
}

int weir_field_value(const weir_field *field, weir_type type, weir_type element, weir_arena *arena, weir_value *out, char *reason)
{
    if (field->kind == WEIR_FIELD_NULL) {
        *out = weir_value_null();
        return WEIR_OK;
    }
    if (type == WEIR_T_ARRAY)
        return take_array(field, element, arena, out, reason);
    weir_value text = weir_value_text((weir_text){ field->ptr, field->length });
    return takes[type](field, &text, arena, out, reason);
}
