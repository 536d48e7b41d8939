/* Values themselves: names of types, making values, equality and hashing. */
#include <string.h>
#include "base/decimal.h"
#include "base/values.h"

static const char *const type_names[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = "null", [WEIR_T_BOOL] = "bool", [WEIR_T_INT16] = "int16", [WEIR_T_INT32] = "int32",
    [WEIR_T_INT64] = "int64", [WEIR_T_FLOAT] = "float", [WEIR_T_DOUBLE] = "double", [WEIR_T_NUMERIC] = "numeric",
    [WEIR_T_TEXT] = "text", [WEIR_T_BLOB] = "blob", [WEIR_T_DATE] = "date", [WEIR_T_TIME] = "time",
    [WEIR_T_TIMETZ] = "timetz", [WEIR_T_TIMESTAMP] = "timestamp", [WEIR_T_TIMESTAMPTZ] = "timestamptz",
    [WEIR_T_INTERVAL] = "interval", [WEIR_T_UUID] = "uuid", [WEIR_T_JSON] = "json", [WEIR_T_INET] = "inet",
    [WEIR_T_ENUM] = "enum", [WEIR_T_ARRAY] = "array", [WEIR_T_OTHER] = "other",
};

const char *weir_type_name(weir_type type)
{
    return (unsigned)type < WEIR_T_COUNT_ ? type_names[type] : "unknown type";
}

weir_value weir_value_null(void) { return (weir_value){ .type = WEIR_T_NULL }; }

#define MAKES(function, c_type, name, member) \
    weir_value function(c_type v) { return (weir_value){ .type = name, .as.member = v }; }
MAKES(weir_value_bool, bool, WEIR_T_BOOL, b)
MAKES(weir_value_int, int64_t, WEIR_T_INT64, i)
MAKES(weir_value_double, double, WEIR_T_DOUBLE, d)
MAKES(weir_value_date, weir_date, WEIR_T_DATE, date)
MAKES(weir_value_time, weir_time, WEIR_T_TIME, time)
MAKES(weir_value_timetz, weir_timetz, WEIR_T_TIMETZ, timetz)
MAKES(weir_value_timestamp, weir_timestamp, WEIR_T_TIMESTAMP, timestamp)
MAKES(weir_value_timestamptz, weir_timestamptz, WEIR_T_TIMESTAMPTZ, timestamptz)
MAKES(weir_value_interval, weir_interval, WEIR_T_INTERVAL, interval)
MAKES(weir_value_uuid, weir_uuid, WEIR_T_UUID, uuid)
#undef MAKES

weir_value weir_value_text(weir_text v)
{
    return v.ptr ? (weir_value){ .type = WEIR_T_TEXT, .as.text = v } : weir_value_null();
}

weir_value weir_value_cstr(const char *v) { return weir_value_text((weir_text){ v, v ? strlen(v) : 0 }); }

weir_value weir_value_blob(weir_blob v)
{
    return v.ptr ? (weir_value){ .type = WEIR_T_BLOB, .as.blob = v } : weir_value_null();
}

weir_value weir_value_numeric(weir_numeric v)
{
    return v.ptr ? (weir_value){ .type = WEIR_T_NUMERIC, .as.text = { v.ptr, v.len } } : weir_value_null();
}

weir_value weir_value_array(const weir_array *v)
{
    return v ? (weir_value){ .type = WEIR_T_ARRAY, .as.array = v } : weir_value_null();
}

/* ---- equality ---- */

static bool same_bytes(const void *a, size_t a_length, const void *b, size_t b_length)
{
    return !a == !b && a_length == b_length && (a_length == 0 || !a || memcmp(a, b, a_length) == 0);
}

static bool same_text(weir_text a, weir_text b) { return same_bytes(a.ptr, a.len, b.ptr, b.len); }

/* 12.5 and 12.50 are the same number, as they are to the database: a key that is numeric must find its like. */
static bool same_numeric(weir_text a, weir_text b)
{
    weir_decimal x, y;
    if (!weir_decimal_split(a, &x) || !weir_decimal_split(b, &y))
        return same_text(a, b);
    return x.negative == y.negative && same_text(x.whole, y.whole) && same_text(x.fraction, y.fraction);
}

static bool same_double(double a, double b) { return a == b || (a != a && b != b); }

/* What an array that is made to be bound leaves out (weir/value.h). */
static int32_t length_of(const weir_array *array, int32_t dimension)
{
    return array->lengths ? array->lengths[dimension] : (int32_t)array->count;
}
static int32_t bound_of(const weir_array *array, int32_t dimension) { return array->lower_bounds ? array->lower_bounds[dimension] : 1; }

static bool same_array(const weir_array *a, const weir_array *b)
{
    if (a == b || !a || !b)
        return a == b;
    if (a->element_type != b->element_type || a->dimensions != b->dimensions || a->count != b->count)
        return false;
    for (int32_t i = 0; i < a->dimensions; i++)
        if (length_of(a, i) != length_of(b, i) || bound_of(a, i) != bound_of(b, i))
            return false;
    for (size_t i = 0; i < a->count; i++)
        if (!weir_value_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

bool weir_value_equal(const weir_value *a, const weir_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case WEIR_T_NULL: return true;
    case WEIR_T_BOOL: return a->as.b == b->as.b;
    case WEIR_T_INT16: case WEIR_T_INT32: case WEIR_T_INT64: return a->as.i == b->as.i;
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE: return same_double(a->as.d, b->as.d);
    case WEIR_T_NUMERIC: return same_numeric(a->as.text, b->as.text);
    case WEIR_T_TEXT: case WEIR_T_JSON: case WEIR_T_INET: case WEIR_T_ENUM: case WEIR_T_OTHER:
        return same_text(a->as.text, b->as.text);
    case WEIR_T_BLOB: return same_bytes(a->as.blob.ptr, a->as.blob.len, b->as.blob.ptr, b->as.blob.len);
    case WEIR_T_DATE: return a->as.date.days == b->as.date.days;
    case WEIR_T_TIME: return a->as.time.usec == b->as.time.usec;
    case WEIR_T_TIMETZ: return a->as.timetz.usec == b->as.timetz.usec && a->as.timetz.offset == b->as.timetz.offset;
    case WEIR_T_TIMESTAMP: return a->as.timestamp.usec == b->as.timestamp.usec;
    case WEIR_T_TIMESTAMPTZ: return a->as.timestamptz.usec == b->as.timestamptz.usec;
    case WEIR_T_INTERVAL:
        return a->as.interval.usec == b->as.interval.usec && a->as.interval.days == b->as.interval.days &&
               a->as.interval.months == b->as.interval.months;
    case WEIR_T_UUID: return memcmp(a->as.uuid.bytes, b->as.uuid.bytes, sizeof a->as.uuid.bytes) == 0;
    case WEIR_T_ARRAY: return same_array(a->as.array, b->as.array);
    case WEIR_T_INSTANCE: return a->as.blob.ptr == b->as.blob.ptr;
    }
    return false;
}

/* ---- hashing ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

static uint64_t mix_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const char *p = bytes;
    uint64_t word;
    hash = mix(hash, length);
    for (; length >= sizeof word; p += sizeof word, length -= sizeof word) {
        memcpy(&word, p, sizeof word);
        hash = mix(hash, word);
    }
    if (length) {
        word = 0;
        memcpy(&word, p, length);
        hash = mix(hash, word);
    }
    return hash;
}

static uint64_t mix_numeric(uint64_t hash, weir_text text)
{
    weir_decimal decimal;
    if (!weir_decimal_split(text, &decimal))
        return mix_bytes(hash, text.ptr, text.len);
    hash = mix_bytes(mix(hash, decimal.negative), decimal.whole.ptr, decimal.whole.len);
    return mix_bytes(hash, decimal.fraction.ptr, decimal.fraction.len);
}

static uint64_t mix_double(uint64_t hash, double v)
{
    uint64_t bits = 0;
    if (v != v)
        bits = UINT64_C(0x7FF8000000000000);    /* one for every NaN */
    else if (v < 0 || v > 0)                    /* and one for both zeros */
        memcpy(&bits, &v, sizeof bits);
    return mix(hash, bits);
}

static uint64_t mix_value(uint64_t hash, const weir_value *v)
{
    hash = mix(hash, v->type);
    switch (v->type) {
    case WEIR_T_NULL: return hash;
    case WEIR_T_INSTANCE: return mix(hash, (uint64_t)(uintptr_t)v->as.blob.ptr);
    case WEIR_T_BOOL: return mix(hash, v->as.b);
    case WEIR_T_INT16: case WEIR_T_INT32: case WEIR_T_INT64: return mix(hash, (uint64_t)v->as.i);
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE: return mix_double(hash, v->as.d);
    case WEIR_T_NUMERIC: return mix_numeric(hash, v->as.text);
    case WEIR_T_TEXT: case WEIR_T_JSON: case WEIR_T_INET: case WEIR_T_ENUM: case WEIR_T_OTHER:
        return mix_bytes(hash, v->as.text.ptr, v->as.text.len);
    case WEIR_T_BLOB: return mix_bytes(hash, v->as.blob.ptr, v->as.blob.len);
    case WEIR_T_DATE: return mix(hash, (uint32_t)v->as.date.days);
    case WEIR_T_TIME: return mix(hash, (uint64_t)v->as.time.usec);
    case WEIR_T_TIMETZ: return mix(mix(hash, (uint64_t)v->as.timetz.usec), (uint32_t)v->as.timetz.offset);
    case WEIR_T_TIMESTAMP: return mix(hash, (uint64_t)v->as.timestamp.usec);
    case WEIR_T_TIMESTAMPTZ: return mix(hash, (uint64_t)v->as.timestamptz.usec);
    case WEIR_T_INTERVAL:
        return mix(mix(hash, (uint64_t)v->as.interval.usec),
                   (uint64_t)(uint32_t)v->as.interval.days << 32 | (uint32_t)v->as.interval.months);
    case WEIR_T_UUID: return mix_bytes(hash, v->as.uuid.bytes, sizeof v->as.uuid.bytes);
    case WEIR_T_ARRAY: break;
    }
    hash = mix(hash, v->as.array ? v->as.array->count : 0);
    for (size_t i = 0; v->as.array && i < v->as.array->count; i++)
        hash = mix_value(hash, &v->as.array->items[i]);
    return hash;
}

uint64_t weir_value_hash(const weir_value *v)
{
    uint64_t hash = mix_value(0, v);
    return mix(hash ^ hash >> 29, UINT64_C(0xBF58476D1CE4E5B9));
}
