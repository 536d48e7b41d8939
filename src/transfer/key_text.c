/* Keys as bytes: typed, versioned, written as base64url; read back without trusting anything. */
#include <math.h>
#include <string.h>
#include "base/error.h"
#include "base/holds.h"
#include "base/values.h"
#include "transfer/order_parts.h"

enum { VERSION = 1, MOST_VALUES = 255 };

/* ---- writing ---- */

static void put_array(weir_buffer *out, const weir_array *array)
{
    WEIR_HOLDS(array);                  /* one without is NULL */
    weir_buffer_byte(out, (char)array->element_type);
    weir_buffer_u32(out, (uint32_t)array->dimensions);
    for (int32_t i = 0; i < array->dimensions; i++) {
        weir_buffer_u32(out, (uint32_t)(array->lengths ? array->lengths[i] : (int32_t)array->count));
        weir_buffer_u32(out, (uint32_t)(array->lower_bounds ? array->lower_bounds[i] : 1));
    }
    weir_buffer_u64(out, array->count);
    for (size_t i = 0; i < array->count; i++)
        weir_key_put(out, &array->items[i]);
}

static void put_bytes(weir_buffer *out, const void *bytes, size_t length)
{
    weir_buffer_u64(out, length);
    weir_buffer_append(out, bytes, length);
}

void weir_key_put(weir_buffer *out, const weir_value *value)
{
    uint64_t bits;
    weir_type type = weir_value_is_null(value) ? WEIR_T_NULL : value->type;
    weir_buffer_byte(out, (char)type);
    if (weir_type_is_text(type)) {
        put_bytes(out, value->as.text.ptr, value->as.text.len);
        return;
    }
    switch (type) {
    case WEIR_T_BOOL: weir_buffer_byte(out, value->as.b); break;
    case WEIR_T_INT16: case WEIR_T_INT32: case WEIR_T_INT64: weir_buffer_u64(out, (uint64_t)value->as.i); break;
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE:
        memcpy(&bits, &value->as.d, sizeof bits);
        weir_buffer_u64(out, bits);
        break;
    case WEIR_T_BLOB: put_bytes(out, value->as.blob.ptr, value->as.blob.len); break;
    case WEIR_T_DATE: weir_buffer_u32(out, (uint32_t)value->as.date.days); break;
    case WEIR_T_TIME: weir_buffer_u64(out, (uint64_t)value->as.time.usec); break;
    case WEIR_T_TIMETZ:
        weir_buffer_u64(out, (uint64_t)value->as.timetz.usec);
        weir_buffer_u32(out, (uint32_t)value->as.timetz.offset);
        break;
    case WEIR_T_TIMESTAMP: weir_buffer_u64(out, (uint64_t)value->as.timestamp.usec); break;
    case WEIR_T_TIMESTAMPTZ: weir_buffer_u64(out, (uint64_t)value->as.timestamptz.usec); break;
    case WEIR_T_INTERVAL:
        weir_buffer_u64(out, (uint64_t)value->as.interval.usec);
        weir_buffer_u32(out, (uint32_t)value->as.interval.days);
        weir_buffer_u32(out, (uint32_t)value->as.interval.months);
        break;
    case WEIR_T_UUID: weir_buffer_append(out, value->as.uuid.bytes, sizeof value->as.uuid.bytes); break;
    case WEIR_T_ARRAY: put_array(out, value->as.array); break;
    default: break;
    }
}

void weir_base64url_append(weir_buffer *text, const void *bytes, size_t length)
{
    size_t start = text->length;
    weir_base64_append(text, bytes, length);
    if (text->failed)
        return;
    while (text->length > start && text->data[text->length - 1] == '=')
        text->length--;
    for (char *c = text->data + start; c < text->data + text->length; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
}

int weir_key_append(const weir_value *key, size_t count, weir_buffer *bytes, weir_error *error)
{
    if (!count || count > MOST_VALUES)
        return weir_error_set(error, WEIR_ARGUMENT, "a key has from 1 to %d values, not %zu", MOST_VALUES, count);
    for (size_t i = 0; i < count; i++)
        if (key[i].type == WEIR_T_ARRAY && key[i].as.array)
            return weir_error_set(error, WEIR_NOT_SUPPORTED, "an array cannot be part of a key");
    weir_buffer_byte(bytes, VERSION);
    weir_buffer_byte(bytes, (char)count);
    for (size_t i = 0; i < count; i++)
        weir_key_put(bytes, &key[i]);
    return bytes->failed ? weir_error_out_of_memory(error) : WEIR_OK;
}

int weir_key_write(const weir_value *key, size_t count, weir_buffer *text, weir_error *error)
{
    weir_buffer bytes;
    weir_buffer_init(&bytes, text->ledger, text->purpose, SIZE_MAX / 4);
    int status = weir_key_append(key, count, &bytes, error);
    if (status == WEIR_OK) {
        weir_base64url_append(text, bytes.data, bytes.length);
        status = text->failed ? weir_error_out_of_memory(error) : WEIR_OK;
    }
    weir_buffer_free(&bytes);
    return status;
}

/* ---- reading ---- */

typedef struct reader { const uint8_t *at, *end; bool broken; } reader;

static uint64_t take(reader *r, size_t size)
{
    uint64_t number = 0;
    if ((size_t)(r->end - r->at) < size) {
        r->broken = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        number = number << 8 | *r->at++;
    return number;
}

static weir_text take_bytes(reader *r)
{
    uint64_t length = take(r, 8);
    if (r->broken || length > (uint64_t)(r->end - r->at)) {
        r->broken = true;
        return (weir_text){ NULL, 0 };
    }
    weir_text text = { (const char *)r->at, (size_t)length };
    r->at += length;
    return text;
}

static void take_text(reader *r, weir_value *out)
{
    out->as.text = take_bytes(r);
    if (r->broken)
        return;
    bool good = out->type == WEIR_T_NUMERIC ? weir_numeric_valid(out->as.text)
                                            : weir_utf8_valid_length(out->as.text) == out->as.text.len;
    r->broken = !good;
}

static void take_int(reader *r, weir_value *out)
{
    int64_t i = out->as.i = (int64_t)take(r, 8);
    r->broken = r->broken || (out->type == WEIR_T_INT16 && (i < INT16_MIN || i > INT16_MAX)) ||
                (out->type == WEIR_T_INT32 && (i < INT32_MIN || i > INT32_MAX));
}

static void take_double(reader *r, weir_value *out)
{
    uint64_t bits = take(r, 8);
    memcpy(&out->as.d, &bits, sizeof bits);
    if (out->type == WEIR_T_FLOAT && !isnan(out->as.d) && !isinf(out->as.d))
        r->broken = r->broken || fabs(out->as.d) > (double)3.402823466e+38f || (double)(float)out->as.d != out->as.d;
}

static int64_t take_usec_of_day(reader *r)
{
    int64_t usec = (int64_t)take(r, 8);
    r->broken = r->broken || usec < 0 || usec > INT64_C(86400000000);
    return usec;
}

static void take_value(reader *r, weir_value *out)
{
    uint64_t type = take(r, 1);
    if (type >= WEIR_T_COUNT_) {
        r->broken = true;
        return;
    }
    *out = (weir_value){ .type = (weir_type)type };
    if (weir_type_is_text(out->type)) {
        take_text(r, out);
        return;
    }
    switch (out->type) {
    case WEIR_T_NULL: break;
    case WEIR_T_BOOL: {
        uint64_t truth = take(r, 1);
        r->broken = r->broken || truth > 1;
        out->as.b = truth == 1;
        break;
    }
    case WEIR_T_INT16: case WEIR_T_INT32: case WEIR_T_INT64: take_int(r, out); break;
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE: take_double(r, out); break;
    case WEIR_T_BLOB: {
        weir_text bytes = take_bytes(r);
        out->as.blob = (weir_blob){ bytes.ptr, bytes.len };
        break;
    }
    case WEIR_T_DATE: out->as.date.days = (int32_t)(uint32_t)take(r, 4); break;
    case WEIR_T_TIME: out->as.time.usec = take_usec_of_day(r); break;
    case WEIR_T_TIMETZ:
        out->as.timetz.usec = take_usec_of_day(r);
        out->as.timetz.offset = (int32_t)(uint32_t)take(r, 4);
        r->broken = r->broken || out->as.timetz.offset <= -86400 || out->as.timetz.offset >= 86400;
        break;
    case WEIR_T_TIMESTAMP: out->as.timestamp.usec = (int64_t)take(r, 8); break;
    case WEIR_T_TIMESTAMPTZ: out->as.timestamptz.usec = (int64_t)take(r, 8); break;
    case WEIR_T_INTERVAL:
        out->as.interval.usec = (int64_t)take(r, 8);
        out->as.interval.days = (int32_t)(uint32_t)take(r, 4);
        out->as.interval.months = (int32_t)(uint32_t)take(r, 4);
        break;
    case WEIR_T_UUID:
        for (size_t i = 0; i < sizeof out->as.uuid.bytes; i++)
            out->as.uuid.bytes[i] = (uint8_t)take(r, 1);
        break;
    default: r->broken = true;
    }
}

int weir_base64url_read(const char *text, size_t length, weir_arena *arena, const uint8_t **bytes, size_t *count)
{
    char *letters = weir_arena_bytes(arena, length + 1);
    uint8_t *out = letters ? weir_arena_bytes(arena, length + 1) : NULL;
    if (!out)
        return WEIR_OUT_OF_MEMORY;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '+' || text[i] == '/' || text[i] == '=')
            return WEIR_DATA;
        letters[i] = text[i];
        if (text[i] == '-' || text[i] == '_')
            letters[i] = text[i] == '-' ? '+' : '/';
    }
    *bytes = out;
    return weir_base64_read((weir_text){ letters, length }, out, count) ? WEIR_OK : WEIR_DATA;
}

int weir_key_take(const uint8_t *bytes, size_t length, weir_value *key, size_t count, weir_error *error)
{
    reader r = { .at = bytes, .end = bytes + length };
    uint64_t version = take(&r, 1), values = take(&r, 1);
    if (!r.broken && version != VERSION)
        return weir_error_set(error, WEIR_DATA, "the key is of version %d, this weir reads version %d", (int)version, VERSION);
    if (!r.broken && values != count)
        return weir_error_set(error, WEIR_DATA, "the key has %d values, and the order %zu columns", (int)values, count);
    for (size_t i = 0; i < count && !r.broken; i++)
        take_value(&r, &key[i]);
    if (r.broken || r.at != r.end)
        return weir_error_set(error, WEIR_DATA, "the key is damaged: its values are cut or changed");
    return WEIR_OK;
}

int weir_key_read(const char *text, size_t length, weir_arena *arena, weir_value *key, size_t count, weir_error *error)
{
    const uint8_t *bytes;
    size_t size;
    int status = text ? weir_base64url_read(text, length, arena, &bytes, &size) : WEIR_DATA;
    if (status == WEIR_OK)
        return weir_key_take(bytes, size, key, count, error);
    return status == WEIR_DATA ? weir_error_set(error, WEIR_DATA, "the key is damaged: it is no base64url text")
                               : weir_error_out_of_memory(error);
}
