/* Reading values as C types, exactly or not at all. */
#include <stdio.h>
#include <string.h>
#include "base/decimal.h"
#include "base/values.h"

/* ---- saying why not ---- */

/* Control characters and what is not UTF-8 become '?', so that the reason is one line of clean text. */
static void make_printable(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = '?';
    for (size_t i = 0; (i += weir_utf8_valid_length((weir_text){ text + i, length - i })) < length;)
        text[i] = '?';
}

/* The value's type and text, shortened: "numeric 300.5", "text 'abc'". */
static void describe(char *out, size_t size, const weir_value *v)
{
    enum { SHOWN = 56 };
    char shown[SHOWN + 2];
    const char *quote = weir_type_is_text(v->type) && v->type != WEIR_T_NUMERIC ? "'" : "";
    if (v->type == WEIR_T_BLOB) {
        snprintf(out, size, "blob of %zu bytes", v->as.blob.len);
        return;
    }
    if (v->type == WEIR_T_INSTANCE) {
        snprintf(out, size, "an instance");
        return;
    }
    size_t whole = weir_value_format(v, shown, sizeof shown), length = whole < SHOWN ? whole : SHOWN;
    while (whole > length && length > SHOWN - 4 && ((unsigned char)shown[length] & 0xC0) == 0x80)
        length--;                               /* not in the middle of a character */
    shown[length] = 0;
    make_printable(shown, length);
    snprintf(out, size, "%s %s%s%s%s", weir_type_name(v->type), quote, shown, whole > length ? "..." : "", quote);
}

static bool is_null(const weir_value *v)
{
    return v->type == WEIR_T_NULL || (weir_type_is_text(v->type) && !v->as.text.ptr) ||
           (v->type == WEIR_T_BLOB && !v->as.blob.ptr) || (v->type == WEIR_T_ARRAY && !v->as.array);
}

/* WEIR_DATA, with "numeric 300.5 has a fraction" as the reason. `why` has at most 70 bytes. */
static int refuse(const weir_value *v, char *reason, const char *why)
{
    char description[WEIR_REASON_SIZE - 72];
    if (!reason)
        return WEIR_DATA;
    if (is_null(v)) {
        snprintf(reason, WEIR_REASON_SIZE, "NULL; use the opt getter");
        return WEIR_DATA;
    }
    describe(description, sizeof description, v);
    snprintf(reason, WEIR_REASON_SIZE, "%s %s", description, why);
    return WEIR_DATA;
}

/* What is read as the type asked for: a text, or a type that weir knows only by its text. */
static bool is_readable(const weir_value *v)
{
    return (v->type == WEIR_T_TEXT || v->type == WEIR_T_OTHER) && v->as.text.ptr;
}

/* ---- numbers ---- */

static bool word_to_bool(weir_text text, bool *out)
{
    static const struct word { const char *text; bool value; } words[] = {
        { "t", true }, { "f", false }, { "true", true }, { "false", false }, { "1", true }, { "0", false },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (text.len == strlen(words[i].text) && memcmp(text.ptr, words[i].text, text.len) == 0) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

int weir_value_as_bool(const weir_value *v, bool *out, char *reason)
{
    if (v->type == WEIR_T_BOOL) {
        *out = v->as.b;
        return WEIR_OK;
    }
    bool integer = v->type == WEIR_T_INT16 || v->type == WEIR_T_INT32 || v->type == WEIR_T_INT64;
    if (integer && (v->as.i == 0 || v->as.i == 1)) {
        *out = v->as.i == 1;
        return WEIR_OK;
    }
    if (is_readable(v) && word_to_bool(v->as.text, out))
        return WEIR_OK;
    return refuse(v, reason, integer ? "is not a bool: neither 0 nor 1" : "is not a bool");
}

static int double_as_int64(const weir_value *v, int64_t *out, char *reason)
{
    double d = v->as.d;
    if (d != d)
        return refuse(v, reason, "is not an integer");
    if (!(d >= -0x1p63 && d < 0x1p63))
        return refuse(v, reason, "is beyond int64");
    if ((double)(int64_t)d != d)
        return refuse(v, reason, "has a fraction");
    *out = (int64_t)d;
    return WEIR_OK;
}

static int numeric_as_int64(const weir_value *v, int64_t *out, char *reason)
{
    weir_decimal decimal;
    if (weir_numeric_to_int64(v->as.text, out))
        return WEIR_OK;
    if (!weir_decimal_split(v->as.text, &decimal))
        return refuse(v, reason, "is not an integer");
    return refuse(v, reason, decimal.fraction.len ? "has a fraction" : "is beyond int64");
}

static int text_as_int64(const weir_value *v, int64_t *out, char *reason)
{
    weir_decimal decimal;
    if (weir_parse_int64(v->as.text, out))
        return WEIR_OK;
    bool digits = weir_decimal_split(v->as.text, &decimal) && !decimal.has_point;
    return refuse(v, reason, digits ? "is beyond int64" : "is not an integer");
}

int weir_value_as_int64(const weir_value *v, int64_t *out, char *reason)
{
    switch ((int)v->type) {
    case WEIR_T_INT16: case WEIR_T_INT32: case WEIR_T_INT64:
        *out = v->as.i;
        return WEIR_OK;
    case WEIR_T_BOOL:
        *out = v->as.b;
        return WEIR_OK;
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE:
        return double_as_int64(v, out, reason);
    case WEIR_T_NUMERIC:
        return numeric_as_int64(v, out, reason);
    default:
        return is_readable(v) ? text_as_int64(v, out, reason) : refuse(v, reason, "is not an integer");
    }
}

int weir_value_as_int32(const weir_value *v, int32_t *out, char *reason)
{
    int64_t wide;
    int status = weir_value_as_int64(v, &wide, reason);
    if (status != WEIR_OK)
        return status;
    if (wide != (int32_t)wide)
        return refuse(v, reason, "is beyond int32");
    *out = (int32_t)wide;
    return WEIR_OK;
}

static int int_as_double(const weir_value *v, double *out, char *reason)
{
    double d = (double)v->as.i;
    if (d >= 0x1p63 || (int64_t)d != v->as.i)       /* 2^63 itself would not convert back */
        return refuse(v, reason, "is no double exactly");
    *out = d;
    return WEIR_OK;
}

static int text_as_double(const weir_value *v, double *out, char *reason)
{
    double d;
    weir_text text = v->as.text;
    if (!weir_parse_double(text, &d))
        return refuse(v, reason, "is not a number");
    if ((d > 0x1.fffffffffffffp1023 || d < -0x1.fffffffffffffp1023) && text.ptr[text.len - 1] != 'y')
        return refuse(v, reason, "is beyond double");       /* too big, not the word Infinity */
    *out = d;
    return WEIR_OK;
}

int weir_value_as_double(const weir_value *v, double *out, char *reason)
{
    switch ((int)v->type) {
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE:
        *out = v->as.d;
        return WEIR_OK;
    case WEIR_T_INT16: case WEIR_T_INT32: case WEIR_T_INT64:
        return int_as_double(v, out, reason);
    default:
        if (is_readable(v) || (v->type == WEIR_T_NUMERIC && v->as.text.ptr))
            return text_as_double(v, out, reason);
        return refuse(v, reason, "is not a number");
    }
}

int weir_value_as_numeric(const weir_value *v, weir_numeric *out, char *reason)
{
    bool numeric = v->type == WEIR_T_NUMERIC && v->as.text.ptr;
    if (!numeric && !(is_readable(v) && weir_numeric_valid(v->as.text)))
        return refuse(v, reason, is_readable(v) ? "is not a numeric: plain digits" : "is not kept as a numeric");
    *out = (weir_numeric){ v->as.text.ptr, v->as.text.len };
    return WEIR_OK;
}

/* ---- text and bytes ---- */

int weir_value_as_text(const weir_value *v, weir_text *out, char *reason)
{
    if (!weir_type_is_text(v->type) || !v->as.text.ptr)
        return refuse(v, reason, "is not kept as text");
    size_t valid = weir_utf8_valid_length(v->as.text);
    if (valid < v->as.text.len) {
        char why[64];
        snprintf(why, sizeof why, "is not UTF-8 at byte %zu", valid + 1);
        return refuse(v, reason, why);
    }
    *out = v->as.text;
    return WEIR_OK;
}

int weir_value_as_cstr(const weir_value *v, const char **out, char *reason)
{
    weir_text text;
    int status = weir_value_as_text(v, &text, reason);
    if (status != WEIR_OK)
        return status;
    const char *nul = memchr(text.ptr, 0, text.len);
    if (nul) {
        char why[64];
        snprintf(why, sizeof why, "has a NUL at byte %zu; use the text getter", (size_t)(nul - text.ptr) + 1);
        return refuse(v, reason, why);
    }
    *out = text.ptr;
    return WEIR_OK;
}

int weir_value_as_blob(const weir_value *v, weir_blob *out, char *reason)
{
    if (v->type == WEIR_T_BLOB && v->as.blob.ptr)
        *out = v->as.blob;
    else if (weir_type_is_text(v->type) && v->as.text.ptr)
        *out = (weir_blob){ v->as.text.ptr, v->as.text.len };
    else
        return refuse(v, reason, "is neither blob nor text");
    return WEIR_OK;
}

int weir_value_as_uuid(const weir_value *v, weir_uuid *out, char *reason)
{
    if (v->type == WEIR_T_UUID)
        *out = v->as.uuid;
    else if (v->type == WEIR_T_BLOB && v->as.blob.ptr && v->as.blob.len == sizeof out->bytes)
        memcpy(out->bytes, v->as.blob.ptr, sizeof out->bytes);
    else if (!is_readable(v) || !weir_parse_uuid(v->as.text, out))
        return refuse(v, reason, "is not a uuid");
    return WEIR_OK;
}

int weir_value_as_array(const weir_value *v, const weir_array **out, char *reason)
{
    if (v->type != WEIR_T_ARRAY || !v->as.array)
        return refuse(v, reason, "is not an array");
    *out = v->as.array;
    return WEIR_OK;
}

/* ---- dates and times ---- */

static const int64_t MICROSECONDS_OF_DAY = INT64_C(86400000000);

/* SQLite's two other ways of keeping a moment are numbers of which only the program knows what they count. */
static int refuse_moment(const weir_value *v, char *reason, const char *why)
{
    bool number = v->type == WEIR_T_INT16 || v->type == WEIR_T_INT32 || v->type == WEIR_T_INT64 ||
                  v->type == WEIR_T_FLOAT || v->type == WEIR_T_DOUBLE;
    return refuse(v, reason, number ? "is a number, not a date or time; convert it in SQL" : why);
}

static int moment_as_date(const weir_value *v, int64_t usec, weir_date *out, char *reason)
{
    if (usec == WEIR_TIMESTAMP_INFINITY || usec == WEIR_TIMESTAMP_MINUS_INFINITY)
        out->days = usec < 0 ? WEIR_DATE_MINUS_INFINITY : WEIR_DATE_INFINITY;
    else if (usec % MICROSECONDS_OF_DAY)
        return refuse(v, reason, "is not midnight, so not a date");
    else
        out->days = (int32_t)(usec / MICROSECONDS_OF_DAY);
    return WEIR_OK;
}

int weir_value_as_date(const weir_value *v, weir_date *out, char *reason)
{
    int64_t usec;
    bool zoned;
    if (v->type == WEIR_T_DATE) {
        *out = v->as.date;
        return WEIR_OK;
    }
    if (v->type == WEIR_T_TIMESTAMP)
        return moment_as_date(v, v->as.timestamp.usec, out, reason);
    if (!is_readable(v))
        return refuse_moment(v, reason, "is not a date");
    if (weir_parse_date(v->as.text, out))
        return WEIR_OK;
    if (!weir_parse_timestamp(v->as.text, &usec, &zoned))
        return refuse(v, reason, "is not a date");
    return zoned ? refuse(v, reason, "has a zone, so not a date") : moment_as_date(v, usec, out, reason);
}

int weir_value_as_time(const weir_value *v, weir_time *out, char *reason)
{
    if (v->type == WEIR_T_TIME)
        *out = v->as.time;
    else if (!is_readable(v) || !weir_parse_time(v->as.text, out))
        return refuse_moment(v, reason, "is not a time");
    return WEIR_OK;
}

int weir_value_as_timetz(const weir_value *v, weir_timetz *out, char *reason)
{
    if (v->type == WEIR_T_TIMETZ)
        *out = v->as.timetz;
    else if (!is_readable(v) || !weir_parse_timetz(v->as.text, out))
        return refuse_moment(v, reason, v->type == WEIR_T_TIME ? "has no zone" : "is not a time with zone");
    return WEIR_OK;
}

static int date_as_moment(const weir_value *v, weir_date date, int64_t *usec, char *reason)
{
    if (date.days == WEIR_DATE_INFINITY || date.days == WEIR_DATE_MINUS_INFINITY)
        *usec = date.days < 0 ? WEIR_TIMESTAMP_MINUS_INFINITY : WEIR_TIMESTAMP_INFINITY;
    else if (__builtin_mul_overflow((int64_t)date.days, MICROSECONDS_OF_DAY, usec))
        return refuse(v, reason, "is beyond timestamp");
    return WEIR_OK;
}

/* A text with or without zone, or a date alone: its midnight. */
static int text_as_moment(const weir_value *v, int64_t *usec, bool *zoned, char *reason)
{
    weir_date date;
    if (weir_parse_timestamp(v->as.text, usec, zoned))
        return WEIR_OK;
    *zoned = false;
    if (weir_parse_date(v->as.text, &date))
        return date_as_moment(v, date, usec, reason);
    return refuse(v, reason, "is not a timestamp");
}

int weir_value_as_timestamp(const weir_value *v, weir_timestamp *out, char *reason)
{
    int64_t usec = v->as.timestamp.usec;
    bool zoned = false;
    int status = WEIR_OK;
    if (v->type == WEIR_T_DATE)
        status = date_as_moment(v, v->as.date, &usec, reason);
    else if (is_readable(v))
        status = text_as_moment(v, &usec, &zoned, reason);
    else if (v->type == WEIR_T_TIMESTAMPTZ)
        zoned = true;
    else if (v->type != WEIR_T_TIMESTAMP)
        status = refuse_moment(v, reason, "is not a timestamp");
    if (status == WEIR_OK && zoned)
        status = refuse(v, reason, "has a zone; use the timestamptz getter");
    if (status == WEIR_OK)
        out->usec = usec;
    return status;
}

int weir_value_as_timestamptz(const weir_value *v, weir_timestamptz *out, char *reason)
{
    int64_t usec = v->as.timestamptz.usec;
    bool zoned;
    int status = WEIR_OK;
    if (is_readable(v))
        status = text_as_moment(v, &usec, &zoned, reason);
    else if (v->type == WEIR_T_TIMESTAMP || v->type == WEIR_T_DATE)
        status = refuse(v, reason, "has no zone; use the timestamp getter");
    else if (v->type != WEIR_T_TIMESTAMPTZ)
        status = refuse_moment(v, reason, "is not a timestamp with zone");
    if (status == WEIR_OK)
        out->usec = usec;
    return status;
}

int weir_value_as_interval(const weir_value *v, weir_interval *out, char *reason)
{
    if (v->type == WEIR_T_INTERVAL)
        *out = v->as.interval;
    else if (!is_readable(v) || !weir_parse_interval(v->as.text, out))
        return refuse_moment(v, reason, "is not an interval");
    return WEIR_OK;
}
