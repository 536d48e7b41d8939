/* Parameters: values converted exactly to the type that the server inferred, and sent in binary or as text. */
#include "driver/postgres/codec.h"
#include <float.h>
#include <math.h>
#include "base/values.h"

/* ---- conversion: to a value of the wanted type, exactly, or a data error -------------------------------------------------- *
 * A value whose type stays another one than the wanted is sent as text, for the server to read. */
typedef int (*convert_fn)(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error);

static int refuse(const weir_value *from, const weir_pg_type *type, weir_error *error)
{
    return weir_error_set(error, WEIR_DATA, "a value of type %s cannot be sent as %s", weir_type_name(from->type), type->name);
}

/* Says which value it was: numbers and dates only, whose text is short. */
static int refuse_number(const weir_value *from, const weir_pg_type *type, weir_error *error)
{
    char text[64];
    size_t length = weir_value_format(from, text, sizeof text);
    return weir_error_set(error, WEIR_DATA, "the %s %s%s is not exactly a value of type %s", weir_type_name(from->type), text,
                          length >= sizeof text ? "..." : "", type->name);
}

static bool is_integer(weir_type type) { return type == WEIR_T_INT16 || type == WEIR_T_INT32 || type == WEIR_T_INT64; }
static bool is_floating(weir_type type) { return type == WEIR_T_FLOAT || type == WEIR_T_DOUBLE; }

static int convert_same(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    *to = *from;
    return from->type == type->type ? WEIR_OK : refuse(from, type, error);
}

static int convert_none(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    (void)to;
    return refuse(from, type, error);
}

static int convert_any(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    (void)type, (void)error;
    *to = *from;
    return WEIR_OK;
}

static int convert_to_text(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    *to = *from;
    return from->type == WEIR_T_BLOB ? refuse(from, type, error) : WEIR_OK;
}

static int convert_to_bool(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    if (!is_integer(from->type))
        return convert_same(from, type, to, error);
    if (from->as.i != 0 && from->as.i != 1)
        return refuse_number(from, type, error);
    *to = (weir_value){ .type = WEIR_T_BOOL, .as.b = from->as.i == 1 };
    return WEIR_OK;
}

static bool double_to_int64(double from, int64_t *to)
{
    if (!(from >= -9223372036854775808.0 && from < 9223372036854775808.0) || from != trunc(from))
        return false;
    *to = (int64_t)from;
    return true;
}

static bool fits_integer(int64_t number, uint32_t base_oid)
{
    switch (base_oid) {
    case WEIR_PG_OID_INT2: return number >= INT16_MIN && number <= INT16_MAX;
    case WEIR_PG_OID_INT4: return number >= INT32_MIN && number <= INT32_MAX;
    case WEIR_PG_OID_OID:  return number >= 0 && number <= UINT32_MAX;
    default:               return true;
    }
}

static int convert_to_integer(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    int64_t number;
    bool exact;
    if (is_integer(from->type)) {
        number = from->as.i;
        exact = true;
    } else if (is_floating(from->type)) {
        exact = double_to_int64(from->as.d, &number);
    } else if (from->type == WEIR_T_NUMERIC) {
        exact = weir_numeric_valid(from->as.text) && weir_numeric_to_int64(from->as.text, &number);
    } else {
        return refuse(from, type, error);
    }
    if (!exact || !fits_integer(number, type->base_oid))
        return refuse_number(from, type, error);
    *to = (weir_value){ .type = type->type, .as.i = number };
    return WEIR_OK;
}

static bool is_exactly_float(double number)
{
    return !isfinite(number) || (fabs(number) <= (double)FLT_MAX && (double)(float)number == number);
}

/* A numeric goes as text: the server reads it as the nearest number, as it does a literal. */
static int convert_to_floating(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    *to = *from;
    if (from->type == WEIR_T_NUMERIC)
        return WEIR_OK;
    if (is_integer(from->type)) {
        int64_t back;
        to->as.d = (double)from->as.i;
        if (!double_to_int64(to->as.d, &back) || back != from->as.i)
            return refuse_number(from, type, error);
    } else if (!is_floating(from->type)) {
        return refuse(from, type, error);
    }
    if (type->type == WEIR_T_FLOAT && !is_exactly_float(to->as.d))
        return refuse_number(from, type, error);
    to->type = type->type;
    return WEIR_OK;
}

/* A double goes as text, with the fewest digits that read back the same: 0.1 is the numeric 0.1. */
static int convert_to_numeric(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    *to = *from;
    return is_integer(from->type) || is_floating(from->type) ? WEIR_OK : convert_same(from, type, to, error);
}

static int refuse_zone(const weir_value *from, const weir_pg_type *type, weir_error *error)
{
    return weir_error_set(error, WEIR_DATA,
                          "a %s cannot be sent as %s: one has a time zone and the other has not; convert it first",
                          weir_type_name(from->type), type->name);
}

static int convert_to_timestamp(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    if (from->type == WEIR_T_TIMESTAMPTZ)
        return refuse_zone(from, type, error);
    if (from->type != WEIR_T_DATE)
        return convert_same(from, type, to, error);
    int64_t days = from->as.date.days, usec;
    if (days == WEIR_DATE_INFINITY)
        usec = WEIR_TIMESTAMP_INFINITY;
    else if (days == WEIR_DATE_MINUS_INFINITY)
        usec = WEIR_TIMESTAMP_MINUS_INFINITY;
    else if (__builtin_mul_overflow(days, WEIR_PG_DAY_USEC, &usec))
        return refuse_number(from, type, error);
    *to = (weir_value){ .type = WEIR_T_TIMESTAMP, .as.timestamp.usec = usec };
    return WEIR_OK;
}

static int convert_to_timestamptz(const weir_value *from, const weir_pg_type *type, weir_value *to, weir_error *error)
{
    if (from->type == WEIR_T_TIMESTAMP || from->type == WEIR_T_DATE)
        return refuse_zone(from, type, error);
    return convert_same(from, type, to, error);
}

/* By the wanted type. Values that are text themselves never come here. */
static const convert_fn converters[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = convert_none, [WEIR_T_BOOL] = convert_to_bool, [WEIR_T_INT16] = convert_to_integer,
    [WEIR_T_INT32] = convert_to_integer, [WEIR_T_INT64] = convert_to_integer, [WEIR_T_FLOAT] = convert_to_floating,
    [WEIR_T_DOUBLE] = convert_to_floating, [WEIR_T_NUMERIC] = convert_to_numeric, [WEIR_T_TEXT] = convert_to_text,
    [WEIR_T_BLOB] = convert_same, [WEIR_T_DATE] = convert_same, [WEIR_T_TIME] = convert_same, [WEIR_T_TIMETZ] = convert_same,
    [WEIR_T_TIMESTAMP] = convert_to_timestamp, [WEIR_T_TIMESTAMPTZ] = convert_to_timestamptz,
    [WEIR_T_INTERVAL] = convert_same, [WEIR_T_UUID] = convert_same, [WEIR_T_JSON] = convert_none, [WEIR_T_INET] = convert_none,
    [WEIR_T_ENUM] = convert_none, [WEIR_T_ARRAY] = convert_same, [WEIR_T_OTHER] = convert_any,
};

/* ---- text ------------------------------------------------------------------------------------------------------------- */
static bool is_text(weir_type type)
{
    return type == WEIR_T_TEXT || type == WEIR_T_JSON || type == WEIR_T_INET || type == WEIR_T_ENUM || type == WEIR_T_OTHER;
}

bool weir_pg_is_text_in_binary(const weir_pg_type *type)
{
    if (type->type == WEIR_T_JSON)
        return type->base_oid == WEIR_PG_OID_JSON;
    return type->type == WEIR_T_ENUM
        || (type->type == WEIR_T_TEXT && type->base_oid != WEIR_PG_OID_CHAR && type->base_oid != WEIR_PG_OID_NAME);
}

int weir_pg_append_text(weir_text text, weir_buffer *out, weir_error *error)
{
    size_t valid = weir_utf8_valid_length(text);
    if (valid != text.len)
        return weir_error_set(error, WEIR_DATA, "the text is not valid UTF-8 (at byte %zu)", valid + 1);
    const char *zero = text.len ? memchr(text.ptr, 0, text.len) : NULL;
    if (zero)
        return weir_error_set(error, WEIR_DATA, "the text has a NUL in it (at byte %zu), which PostgreSQL cannot store",
                              (size_t)(zero - text.ptr) + 1);
    weir_buffer_append(out, text.ptr, text.len);
    return WEIR_OK;
}

static int append_text_form(const weir_value *value, weir_buffer *out, weir_error *error)
{
    static const char digits[] = "0123456789abcdef";
    if (value->type == WEIR_T_NUMERIC && !weir_numeric_valid(value->as.text))
        return weir_error_set(error, WEIR_DATA, "the text of the numeric is not a decimal number in plain digits");
    if (value->type != WEIR_T_BLOB) {
        weir_value_append(out, value);
        return WEIR_OK;
    }
    const uint8_t *bytes = value->as.blob.ptr;
    weir_buffer_text(out, "\\x");
    for (size_t i = 0; i < value->as.blob.len && !out->failed; i++) {
        weir_buffer_byte(out, digits[bytes[i] >> 4]);
        weir_buffer_byte(out, digits[bytes[i] & 15]);
    }
    return WEIR_OK;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */
int weir_pg_encode_value(const weir_value *value, const weir_pg_type *type, bool text_only, weir_buffer *out,
                         weir_pg_form *form, weir_error *error)
{
    *form = weir_pg_is_text_in_binary(type) ? WEIR_PG_FORM_EITHER : WEIR_PG_FORM_TEXT;
    if (is_text(value->type))
        return weir_pg_append_text(value->as.text, out, error);
    weir_value exact = { 0 };
    int status = converters[type->type](value, type, &exact, error);
    if (status != WEIR_OK)
        return status;
    if (exact.type == WEIR_T_ARRAY)
        return weir_pg_encode_array(exact.as.array, type, text_only, out, form, error);
    if (!text_only && (exact.type == type->type || (type->type == WEIR_T_NUMERIC && is_integer(exact.type)))) {
        int appended = weir_pg_encode_binary(&exact, type, out, error);
        if (appended < 0)
            return appended;
        if (appended) {
            *form = WEIR_PG_FORM_BINARY;
            return WEIR_OK;
        }
    }
    return append_text_form(&exact, out, error);
}

int weir_pg_encode(const weir_value *value, const weir_pg_type *type, weir_buffer *out, int16_t *format, weir_error *error)
{
    size_t start = out->length;
    weir_pg_form form = WEIR_PG_FORM_TEXT;
    int status = weir_pg_encode_value(value, type ? type : &weir_pg_type_other, false, out, &form, error);
    if (status == WEIR_OK && out->failed)
        status = weir_error_out_of_memory(error);
    if (status != WEIR_OK)
        out->length = start;
    *format = form == WEIR_PG_FORM_BINARY;
    return status;
}
