/* Fields of PostgreSQL results in binary into values: numbers, text, bytes, dates and times. */
#include "driver/postgres/codec.h"
#include <stdio.h>

__attribute__((cold)) int weir_pg_malformed(weir_decode *decode, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decode->reason, sizeof decode->reason, format, arguments);
    va_end(arguments);
    return WEIR_DATA;
}

__attribute__((cold)) int weir_pg_wrong_length(weir_decode *decode, const char *what, size_t length, size_t right_length)
{
    return weir_pg_malformed(decode, "the server sent %s in %zu bytes, not %zu", what, length, right_length);
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------- */
int weir_pg_decode_bool(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 1)
        return weir_pg_wrong_length(decode, "a boolean", length, 1);
    value->type = WEIR_T_BOOL;
    value->as.b = *(const uint8_t *)source != 0;
    return WEIR_OK;
}

int weir_pg_decode_int2(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 2)
        return weir_pg_wrong_length(decode, "a smallint", length, 2);
    value->type = WEIR_T_INT16;
    value->as.i = (int16_t)weir_pg_load16(source);
    return WEIR_OK;
}

int weir_pg_decode_int4(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 4)
        return weir_pg_wrong_length(decode, "an integer", length, 4);
    value->type = WEIR_T_INT32;
    value->as.i = (int32_t)weir_pg_load32(source);
    return WEIR_OK;
}

int weir_pg_decode_int8(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 8)
        return weir_pg_wrong_length(decode, "a bigint", length, 8);
    value->type = WEIR_T_INT64;
    value->as.i = (int64_t)weir_pg_load64(source);
    return WEIR_OK;
}

int weir_pg_decode_oid(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 4)
        return weir_pg_wrong_length(decode, "an oid", length, 4);
    value->type = WEIR_T_INT64;
    value->as.i = weir_pg_load32(source);
    return WEIR_OK;
}

int weir_pg_decode_float4(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    float number;
    if (length != 4)
        return weir_pg_wrong_length(decode, "a real", length, 4);
    uint32_t bits = weir_pg_load32(source);
    memcpy(&number, &bits, sizeof number);
    value->type = WEIR_T_FLOAT;
    value->as.d = (double)number;
    return WEIR_OK;
}

int weir_pg_decode_float8(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 8)
        return weir_pg_wrong_length(decode, "a double precision", length, 8);
    uint64_t bits = weir_pg_load64(source);
    value->type = WEIR_T_DOUBLE;
    memcpy(&value->as.d, &bits, sizeof bits);
    return WEIR_OK;
}

/* ---- text and bytes --------------------------------------------------------------------------------------------------- */
/* The field's bytes where they may stay, ended by a NUL; NULL: no memory. */
static inline char *keep_bytes(weir_decode *decode, const void *source, size_t length)
{
    char *bytes = (char *)(uintptr_t)source;    /* the batch's memory, which is the decoder's to write when it may borrow */
    if (!decode->borrow) {
        bytes = weir_arena_bytes(decode->arena, length + 1);
        if (!bytes)
            return NULL;
        memcpy(bytes, source, length);
    }
    bytes[length] = 0;
    return bytes;
}

int weir_pg_decode_text(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    weir_value *value = target;
    char *text = keep_bytes(decode, source, length);
    if (!text)
        return WEIR_OUT_OF_MEMORY;
    value->type = step->type;
    value->as.text = (weir_text){ text, length };
    return WEIR_OK;
}

int weir_pg_decode_bytea(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    char *bytes = keep_bytes(decode, source, length);
    if (!bytes)
        return WEIR_OUT_OF_MEMORY;
    value->type = WEIR_T_BLOB;
    value->as.blob = (weir_blob){ bytes, length };
    return WEIR_OK;
}

int weir_pg_decode_jsonb(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    const uint8_t *bytes = source;
    if (length < 1 || bytes[0] != 1)
        return weir_pg_malformed(decode, "the server sent a jsonb of a version that is not known");
    return weir_pg_decode_text(decode, step, bytes + 1, length - 1, target);
}

/* One byte of any value: 0 stands for the empty text, and one that is not ASCII is shown as the server's text form does
 * since version 16, since by itself it is not UTF-8. */
int weir_pg_decode_char(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    weir_value *value = target;
    if (length != 1)
        return weir_pg_wrong_length(decode, "a \"char\"", length, 1);
    uint8_t byte = *(const uint8_t *)source;
    char *text = weir_arena_bytes(decode->arena, 5);
    if (!text)
        return WEIR_OUT_OF_MEMORY;
    size_t written = 0;
    if (byte >= 0x80) {
        text[written++] = '\\';
        text[written++] = (char)('0' + (byte >> 6));
        text[written++] = (char)('0' + (byte >> 3 & 7));
        text[written++] = (char)('0' + (byte & 7));
    } else if (byte) {
        text[written++] = (char)byte;
    }
    text[written] = 0;
    value->type = step->type;
    value->as.text = (weir_text){ text, written };
    return WEIR_OK;
}

int weir_pg_decode_uuid(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 16)
        return weir_pg_wrong_length(decode, "a uuid", length, 16);
    value->type = WEIR_T_UUID;
    memcpy(value->as.uuid.bytes, source, 16);
    return WEIR_OK;
}

/* ---- dates and times -------------------------------------------------------------------------------------------------- */
int weir_pg_decode_date(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 4)
        return weir_pg_wrong_length(decode, "a date", length, 4);
    int32_t days = (int32_t)weir_pg_load32(source);
    if (days != WEIR_DATE_INFINITY && days != WEIR_DATE_MINUS_INFINITY) {
        if (days >= INT32_MAX - WEIR_PG_EPOCH_DAYS)
            return weir_pg_malformed(decode, "the date is past what weir_date can hold");
        days += WEIR_PG_EPOCH_DAYS;
    }
    value->type = WEIR_T_DATE;
    value->as.date.days = days;
    return WEIR_OK;
}

int weir_pg_decode_timestamp(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    weir_value *value = target;
    if (length != 8)
        return weir_pg_wrong_length(decode, "a timestamp", length, 8);
    int64_t usec = (int64_t)weir_pg_load64(source);
    if (usec != WEIR_TIMESTAMP_INFINITY && usec != WEIR_TIMESTAMP_MINUS_INFINITY) {
        if (usec >= INT64_MAX - WEIR_PG_EPOCH_USEC)     /* the server goes to 294276, an int64 from 1970 to 294247 */
            return weir_pg_malformed(decode, "the timestamp is past what weir_timestamp can hold (the year 294247)");
        usec += WEIR_PG_EPOCH_USEC;
    }
    value->type = step->type;
    if (step->type == WEIR_T_TIMESTAMPTZ)
        value->as.timestamptz.usec = usec;
    else
        value->as.timestamp.usec = usec;
    return WEIR_OK;
}

static inline bool is_time_of_day(int64_t usec) { return usec >= 0 && usec <= WEIR_PG_DAY_USEC; }

int weir_pg_decode_time(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 8)
        return weir_pg_wrong_length(decode, "a time", length, 8);
    int64_t usec = (int64_t)weir_pg_load64(source);
    if (!is_time_of_day(usec))
        return weir_pg_malformed(decode, "the server sent a time that is not within a day");
    value->type = WEIR_T_TIME;
    value->as.time.usec = usec;
    return WEIR_OK;
}

int weir_pg_decode_timetz(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 12)
        return weir_pg_wrong_length(decode, "a time with time zone", length, 12);
    int64_t usec = (int64_t)weir_pg_load64(source);
    int32_t west = (int32_t)weir_pg_load32((const char *)source + 8);
    if (!is_time_of_day(usec) || west <= -WEIR_PG_ZONE_LIMIT || west >= WEIR_PG_ZONE_LIMIT)
        return weir_pg_malformed(decode, "the server sent a time with time zone that does not exist");
    value->type = WEIR_T_TIMETZ;
    value->as.timetz = (weir_timetz){ .usec = usec, .offset = -west };
    return WEIR_OK;
}

int weir_pg_decode_interval(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    (void)step;
    weir_value *value = target;
    if (length != 16)
        return weir_pg_wrong_length(decode, "an interval", length, 16);
    const char *bytes = source;
    value->type = WEIR_T_INTERVAL;      /* infinities of version 17 and later are in it as the server sends them */
    value->as.interval = (weir_interval){ .usec = (int64_t)weir_pg_load64(bytes), .days = (int32_t)weir_pg_load32(bytes + 8),
                                          .months = (int32_t)weir_pg_load32(bytes + 12) };
    return WEIR_OK;
}
