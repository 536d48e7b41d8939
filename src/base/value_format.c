/* The text form of values, into memory of fixed size or a growing buffer. */
#include <string.h>
#include "base/decimal.h"
#include "base/values.h"

/* ---- types whose text is short ---- */

static size_t put_word(char *out, const char *word)
{
    size_t length = strlen(word);
    memcpy(out, word, length);
    return length;
}

static size_t put_bool(char *out, const weir_value *v) { return put_word(out, v->as.b ? "true" : "false"); }
static size_t put_int(char *out, const weir_value *v) { return weir_format_int64(out, v->as.i); }
static size_t put_float(char *out, const weir_value *v) { return weir_format_float(out, (float)v->as.d); }
static size_t put_double(char *out, const weir_value *v) { return weir_format_double(out, v->as.d); }
static size_t put_date(char *out, const weir_value *v) { return weir_format_date(out, v->as.date); }
static size_t put_time(char *out, const weir_value *v) { return weir_format_time(out, v->as.time); }
static size_t put_timetz(char *out, const weir_value *v) { return weir_format_timetz(out, v->as.timetz); }
static size_t put_timestamp(char *out, const weir_value *v) { return weir_format_timestamp(out, v->as.timestamp); }
static size_t put_timestamptz(char *out, const weir_value *v) { return weir_format_timestamptz(out, v->as.timestamptz); }
static size_t put_interval(char *out, const weir_value *v) { return weir_format_interval(out, v->as.interval); }
static size_t put_uuid(char *out, const weir_value *v) { return weir_format_uuid(out, v->as.uuid); }

/* Each writes less than WEIR_FORMATTED_SIZE bytes. */
static size_t (*const short_forms[WEIR_T_COUNT_])(char *out, const weir_value *v) = {
    [WEIR_T_BOOL] = put_bool, [WEIR_T_INT16] = put_int, [WEIR_T_INT32] = put_int, [WEIR_T_INT64] = put_int,
    [WEIR_T_FLOAT] = put_float, [WEIR_T_DOUBLE] = put_double, [WEIR_T_DATE] = put_date, [WEIR_T_TIME] = put_time,
    [WEIR_T_TIMETZ] = put_timetz, [WEIR_T_TIMESTAMP] = put_timestamp, [WEIR_T_TIMESTAMPTZ] = put_timestamptz,
    [WEIR_T_INTERVAL] = put_interval, [WEIR_T_UUID] = put_uuid,
};

/* ---- where text goes ---- */

typedef struct sink {
    weir_buffer *buffer;            /* NULL: to `out` */
    char   *out;
    size_t  size, length;           /* of `out`; length goes on counting behind its end */
    int     quoted;                 /* so many quotation marks are open: each escapes what is in it once more */
} sink;

static void put_raw(sink *s, const char *bytes, size_t length)
{
    if (s->buffer) {
        weir_buffer_append(s->buffer, bytes, length);
        return;
    }
    if (length && s->length < s->size)
        memcpy(s->out + s->length, bytes, length < s->size - s->length ? length : s->size - s->length);
    s->length += length;
}

static bool needs_escape(char c) { return c == '"' || c == '\\'; }

static void put_escaped(sink *s, const char *bytes, size_t length, int quoted)
{
    if (quoted == 0) {
        put_raw(s, bytes, length);
        return;
    }
    for (const char *end = bytes + length; bytes < end;) {
        const char *special = bytes;
        while (special < end && !needs_escape(*special))
            special++;
        put_escaped(s, bytes, (size_t)(special - bytes), quoted - 1);
        bytes = special;
        if (bytes < end) {
            put_escaped(s, "\\", 1, quoted - 1);
            put_escaped(s, bytes++, 1, quoted - 1);
        }
    }
}

static void put(sink *s, const char *bytes, size_t length) { put_escaped(s, bytes, length, s->quoted); }

static void open_quote(sink *s)
{
    put(s, "\"", 1);
    s->quoted++;
}

static void close_quote(sink *s)
{
    s->quoted--;
    put(s, "\"", 1);
}

/* ---- arrays, as PostgreSQL writes and reads them ---- */

static bool needs_quotes(weir_text text)
{
    if (text.len == 0)
        return true;
    if (text.len == 4 && (text.ptr[0] | 0x20) == 'n' && (text.ptr[1] | 0x20) == 'u' && (text.ptr[2] | 0x20) == 'l' &&
        (text.ptr[3] | 0x20) == 'l')
        return true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '{' || c == '}' || c == ',' || c == ' ' || (c >= '\t' && c <= '\r') || needs_escape(c))
            return true;
    }
    return false;
}

static void put_item_text(sink *s, weir_text text)
{
    bool quotes = needs_quotes(text);
    if (quotes)
        open_quote(s);
    put(s, text.ptr, text.len);
    if (quotes)
        close_quote(s);
}

/* Not in base64, which PostgreSQL would take for other bytes. */
static void put_item_blob(sink *s, weir_blob blob)
{
    static const char digits[] = "0123456789abcdef";
    open_quote(s);
    put(s, "\\x", 2);
    for (size_t i = 0; i < blob.len; i++) {
        uint8_t byte = ((const uint8_t *)blob.ptr)[i];
        put(s, (const char[]){ digits[byte >> 4], digits[byte & 15] }, 2);
    }
    close_quote(s);
}

static void put_array(sink *s, const weir_array *array);

static void put_item(sink *s, const weir_value *v)
{
    char small[WEIR_FORMATTED_SIZE];
    if (v->type == WEIR_T_BOOL)
        put(s, v->as.b ? "t" : "f", 1);
    else if (v->type < WEIR_T_COUNT_ && short_forms[v->type])
        put_item_text(s, (weir_text){ small, short_forms[v->type](small, v) });
    else if (weir_type_is_text(v->type) && v->as.text.ptr)
        put_item_text(s, v->as.text);
    else if (v->type == WEIR_T_BLOB && v->as.blob.ptr)
        put_item_blob(s, v->as.blob);
    else if (v->type == WEIR_T_ARRAY && v->as.array) {
        open_quote(s);
        put_array(s, v->as.array);
        close_quote(s);
    } else {
        put(s, "NULL", 4);
    }
}

/* Of an array to be bound, neither lengths nor bounds need be there. */
static int32_t length_of(const weir_array *array, int32_t dimension)
{
    return array->lengths ? array->lengths[dimension] : (int32_t)array->count;
}

static int32_t bound_of(const weir_array *array, int32_t dimension) { return array->lower_bounds ? array->lower_bounds[dimension] : 1; }

static void put_dimension(sink *s, const weir_array *array, int32_t dimension, size_t *next)
{
    put(s, "{", 1);
    for (int32_t i = 0; i < length_of(array, dimension); i++) {
        if (i)
            put(s, ",", 1);
        if (dimension + 1 < array->dimensions)
            put_dimension(s, array, dimension + 1, next);
        else if (*next < array->count)
            put_item(s, &array->items[(*next)++]);
    }
    put(s, "}", 1);
}

/* "[2:4]=": only where a lower bound is not 1. */
static void put_bounds(sink *s, const weir_array *array)
{
    bool plain = true;
    for (int32_t i = 0; i < array->dimensions; i++)
        plain &= bound_of(array, i) == 1;
    if (plain)
        return;
    for (int32_t i = 0; i < array->dimensions; i++) {
        char text[48], *p = text;
        *p++ = '[';
        p += weir_format_int64(p, bound_of(array, i));
        *p++ = ':';
        p += weir_format_int64(p, (int64_t)bound_of(array, i) + length_of(array, i) - 1);
        *p++ = ']';
        put(s, text, (size_t)(p - text));
    }
    put(s, "=", 1);
}

static void put_array(sink *s, const weir_array *array)
{
    size_t next = 0;
    if (array->dimensions <= 0) {
        put(s, "{}", 2);
        return;
    }
    put_bounds(s, array);
    put_dimension(s, array, 0, &next);
}

/* ---- the two doors ---- */

void weir_value_append(weir_buffer *buffer, const weir_value *v)
{
    if (weir_type_is_text(v->type)) {
        if (v->as.text.ptr)
            weir_buffer_append(buffer, v->as.text.ptr, v->as.text.len);
    } else if (v->type < WEIR_T_COUNT_ && short_forms[v->type]) {
        char small[WEIR_FORMATTED_SIZE];
        /* Near the maximum there may be room for the text, but not for the longest that it could be. */
        if (buffer->maximum - buffer->length < sizeof small)
            weir_buffer_append(buffer, small, short_forms[v->type](small, v));
        else if (weir_buffer_reserve(buffer, sizeof small))
            buffer->length += short_forms[v->type](buffer->data + buffer->length, v);
    } else if (v->type == WEIR_T_BLOB) {
        if (v->as.blob.ptr)
            weir_base64_append(buffer, v->as.blob.ptr, v->as.blob.len);
    } else if (v->type == WEIR_T_ARRAY && v->as.array) {
        sink s = { .buffer = buffer };
        put_array(&s, v->as.array);
    }
}

static void put_base64(sink *s, weir_blob blob)
{
    enum { STEP = 48 };
    char text[STEP / 3 * 4];
    for (size_t done = 0; done < blob.len; done += STEP) {
        size_t step = blob.len - done < STEP ? blob.len - done : STEP;
        put(s, text, weir_base64_put(text, (const char *)blob.ptr + done, step));
    }
}

size_t weir_value_format(const weir_value *v, char *buffer, size_t size)
{
    char small[WEIR_FORMATTED_SIZE];
    sink s = { .out = buffer, .size = size ? size - 1 : 0 };
    if (weir_type_is_text(v->type) && v->as.text.ptr)
        put(&s, v->as.text.ptr, v->as.text.len);
    else if (v->type < WEIR_T_COUNT_ && short_forms[v->type])
        put(&s, small, short_forms[v->type](small, v));
    else if (v->type == WEIR_T_BLOB && v->as.blob.ptr)
        put_base64(&s, v->as.blob);
    else if (v->type == WEIR_T_ARRAY && v->as.array)
        put_array(&s, v->as.array);
    if (size)
        buffer[s.length < s.size ? s.length : s.size] = 0;
    return s.length;
}
