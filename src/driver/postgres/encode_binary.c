/* Values in PostgreSQL's binary form, each written as the type that it has already. */
#include "driver/postgres/codec.h"
#include <inttypes.h>
#include <stdio.h>
#include "base/values.h"

typedef int (*write_fn)(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error);
enum { WRITTEN = 1, NOT_WRITTEN = 0 };

/* What the server can hold, counted from its own epoch: 4714-11-24 BC to 5874897-12-31 and 294276-12-31. */
#define LEAST_DAYS (-2451545)
#define MOST_DAYS 2145031948
#define LEAST_USEC INT64_C(-211813488000000000)
#define MOST_USEC INT64_C(9223371331199999999)

static int write_bool(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type, (void)error;
    weir_buffer_byte(out, value->as.b ? 1 : 0);
    return WRITTEN;
}

static int write_integer(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)error;
    switch (type->base_oid) {
    case WEIR_PG_OID_INT2: weir_buffer_u16(out, (uint16_t)value->as.i); return WRITTEN;
    case WEIR_PG_OID_INT4:
    case WEIR_PG_OID_OID:  weir_buffer_u32(out, (uint32_t)value->as.i); return WRITTEN;
    case WEIR_PG_OID_INT8: weir_buffer_u64(out, (uint64_t)value->as.i); return WRITTEN;
    default:               return NOT_WRITTEN;
    }
}

static int write_float(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type, (void)error;
    float number = (float)value->as.d;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    weir_buffer_u32(out, bits);
    return WRITTEN;
}

static int write_double(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type, (void)error;
    uint64_t bits;
    memcpy(&bits, &value->as.d, sizeof bits);
    weir_buffer_u64(out, bits);
    return WRITTEN;
}

static int write_numeric(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type;
    char digits[24];
    weir_text text = value->as.text;
    if (value->type != WEIR_T_NUMERIC)
        text = (weir_text){ digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, value->as.i) };
    else if (!weir_numeric_valid(text))
        return weir_error_set(error, WEIR_DATA, "the text of the numeric is not a decimal number in plain digits");
    return weir_pg_encode_numeric(text, out) ? WRITTEN : NOT_WRITTEN;
}

static int write_blob(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type, (void)error;
    weir_buffer_append(out, value->as.blob.ptr, value->as.blob.len);
    return WRITTEN;
}

static int write_date(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type;
    int64_t days = value->as.date.days;
    if (days != WEIR_DATE_INFINITY && days != WEIR_DATE_MINUS_INFINITY) {
        days -= WEIR_PG_EPOCH_DAYS;
        if (days < LEAST_DAYS || days > MOST_DAYS)
            return weir_error_set(error, WEIR_DATA, "the date is out of PostgreSQL's range (4714-11-24 BC to 5874897-12-31)");
    }
    weir_buffer_u32(out, (uint32_t)days);
    return WRITTEN;
}

static bool is_time_of_day(int64_t usec) { return usec >= 0 && usec <= WEIR_PG_DAY_USEC; }

static int write_time(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    if (!is_time_of_day(value->as.time.usec))
        return weir_error_set(error, WEIR_DATA, "the %s is not within a day", type->name);
    weir_buffer_u64(out, (uint64_t)value->as.time.usec);
    return WRITTEN;
}

static int write_timetz(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    weir_timetz time = value->as.timetz;
    if (!is_time_of_day(time.usec))
        return weir_error_set(error, WEIR_DATA, "the %s is not within a day", type->name);
    if (time.offset <= -WEIR_PG_ZONE_LIMIT || time.offset >= WEIR_PG_ZONE_LIMIT)
        return weir_error_set(error, WEIR_DATA, "the %s has an offset of 16 hours or more", type->name);
    weir_buffer_u64(out, (uint64_t)time.usec);
    weir_buffer_u32(out, (uint32_t)-time.offset);       /* PostgreSQL counts west of UTC */
    return WRITTEN;
}

static int write_timestamp(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    int64_t usec = value->type == WEIR_T_TIMESTAMPTZ ? value->as.timestamptz.usec : value->as.timestamp.usec;
    if (usec != WEIR_TIMESTAMP_INFINITY && usec != WEIR_TIMESTAMP_MINUS_INFINITY
        && (__builtin_sub_overflow(usec, WEIR_PG_EPOCH_USEC, &usec) || usec < LEAST_USEC || usec > MOST_USEC))
        return weir_error_set(error, WEIR_DATA, "the %s is out of PostgreSQL's range (4714-11-24 BC to 294276-12-31)",
                              type->name);
    weir_buffer_u64(out, (uint64_t)usec);
    return WRITTEN;
}

static int write_interval(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type, (void)error;
    weir_buffer_u64(out, (uint64_t)value->as.interval.usec);
    weir_buffer_u32(out, (uint32_t)value->as.interval.days);
    weir_buffer_u32(out, (uint32_t)value->as.interval.months);
    return WRITTEN;
}

static int write_uuid(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    (void)type, (void)error;
    weir_buffer_append(out, value->as.uuid.bytes, sizeof value->as.uuid.bytes);
    return WRITTEN;
}

/* By the type wanted, which the value has (an integer may stand for a numeric). */
static const write_fn writers[WEIR_T_COUNT_] = {
    [WEIR_T_BOOL] = write_bool, [WEIR_T_INT16] = write_integer, [WEIR_T_INT32] = write_integer, [WEIR_T_INT64] = write_integer,
    [WEIR_T_FLOAT] = write_float, [WEIR_T_DOUBLE] = write_double, [WEIR_T_NUMERIC] = write_numeric, [WEIR_T_BLOB] = write_blob,
    [WEIR_T_DATE] = write_date, [WEIR_T_TIME] = write_time, [WEIR_T_TIMETZ] = write_timetz,
    [WEIR_T_TIMESTAMP] = write_timestamp, [WEIR_T_TIMESTAMPTZ] = write_timestamp, [WEIR_T_INTERVAL] = write_interval,
    [WEIR_T_UUID] = write_uuid,
};

int weir_pg_encode_binary(const weir_value *value, const weir_pg_type *type, weir_buffer *out, weir_error *error)
{
    write_fn write = writers[type->type];
    return write ? write(value, type, out, error) : NOT_WRITTEN;
}
