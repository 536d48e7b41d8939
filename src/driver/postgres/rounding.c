/* What a server would round, or cut off, to make it fit a column: numeric(6,2), timestamp(0), interval day to minute, and arrays of them. The
 * modifiers are those of numerictypmodin, anytimestamp_typmodin and intervaltypmodin in PostgreSQL's sources. */
#include <stdio.h>
#include "base/decimal.h"
#include "driver/postgres/fields.h"

enum { FINEST = 6 };                    /* digits of a second */
#define MINUTE_USEC INT64_C(60000000)

/* The fields that an interval's modifier names, in its upper half; the lower one has the digits of a second. */
enum { MONTH = 1 << 1, YEAR = 1 << 2, DAY = 1 << 3, HOUR = 1 << 10, MINUTE = 1 << 11, SECOND = 1 << 12, ALL_FIELDS = 0x7FFF, ALL_DIGITS = 0xFFFF };

static bool is_time(weir_type type)
{
    return type == WEIR_T_TIME || type == WEIR_T_TIMETZ || type == WEIR_T_TIMESTAMP || type == WEIR_T_TIMESTAMPTZ;
}

static const weir_pg_type *item_of(const weir_pg_type *type) { return type->type == WEIR_T_ARRAY && type->element ? type->element : type; }

int32_t weir_pg_rounding(const weir_pg_type *type, int32_t modifier)
{
    weir_type item = item_of(type)->type;
    bool rounds = modifier >= 0 && (item == WEIR_T_NUMERIC || item == WEIR_T_INTERVAL || (is_time(item) && modifier < FINEST));
    return rounds ? modifier : -1;
}

static bool numeric_fits(int32_t modifier, const weir_value *value)
{
    char digits[WEIR_PG_MOST_PLAIN];
    weir_decimal decimal;
    int scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024;
    bool floating = value->type == WEIR_T_DOUBLE || value->type == WEIR_T_FLOAT;
    weir_text text = floating ? weir_pg_plain_digits(value, digits) : value->as.text;
    bool integer = value->type == WEIR_T_INT64 || value->type == WEIR_T_INT32 || value->type == WEIR_T_INT16;
    if (integer)
        text = (weir_text){ digits, weir_value_format(value, digits, sizeof digits) };
    if ((!floating && !integer && value->type != WEIR_T_NUMERIC && !weir_pg_holds_text(value->type)) || !weir_decimal_split(text, &decimal))
        return true;                    /* NaN, or nothing for this column anyway */
    bool fits = decimal.fraction.len <= (scale < 0 ? 0 : (size_t)scale);
    for (size_t i = 0; scale < 0 && i < (size_t)-scale && i < decimal.whole.len; i++)
        fits = fits && decimal.whole.ptr[decimal.whole.len - 1 - i] == '0';
    return fits;
}

static bool has_digits(int64_t usec, int digits) { return digits >= FINEST || usec % (int64_t)weir_powers_of_ten[FINEST - digits] == 0; }

static bool interval_fits(int32_t modifier, weir_interval interval)
{
    int fields = modifier >> 16 & ALL_FIELDS, digits = modifier & ALL_DIGITS;
    if (interval.usec == INT64_MAX || interval.usec == INT64_MIN)       /* infinity, from PostgreSQL 17 on */
        return true;
    if (fields == ALL_FIELDS || fields & SECOND)
        return has_digits(interval.usec, digits);
    int64_t step = fields & MINUTE ? MINUTE_USEC : fields & HOUR ? 60 * MINUTE_USEC : INT64_MAX;
    bool keeps_days = fields & (DAY | HOUR | MINUTE), keeps_months = keeps_days || fields & MONTH;
    return interval.usec % step == 0 && (keeps_days || interval.days == 0) && (keeps_months || interval.months % 12 == 0);
}

static bool time_fits(int32_t modifier, const weir_value *value)
{
    int64_t usec = value->type == WEIR_T_TIME ? value->as.time.usec : value->type == WEIR_T_TIMETZ ? value->as.timetz.usec
                 : value->type == WEIR_T_TIMESTAMP ? value->as.timestamp.usec : value->type == WEIR_T_TIMESTAMPTZ ? value->as.timestamptz.usec : 0;
    return usec == WEIR_TIMESTAMP_INFINITY || usec == WEIR_TIMESTAMP_MINUS_INFINITY || has_digits(usec, modifier);
}

static int would_round(const weir_pg_type *type, int32_t modifier, const weir_value *value, weir_error *error)
{
    char text[64], shape[32] = "";
    size_t length = weir_value_format(value, text, sizeof text);
    if (type->type == WEIR_T_NUMERIC)
        snprintf(shape, sizeof shape, " (%d,%d)", (modifier - 4) >> 16 & 0xFFFF, (((modifier - 4) & 0x7FF) ^ 1024) - 1024);
    else if (type->type != WEIR_T_INTERVAL)
        snprintf(shape, sizeof shape, " (%d)", modifier);
    else if ((modifier & ALL_DIGITS) != ALL_DIGITS)
        snprintf(shape, sizeof shape, " (%d)", modifier & ALL_DIGITS);
    weir_error_set(error, WEIR_DATA, "%s%s would be rounded by a column of type %s%s", text, length >= sizeof text ? "..." : "", type->name, shape);
    snprintf(error->hint, sizeof error->hint, "round it, or widen the column");
    return WEIR_DATA;
}

static int value_fits(const weir_pg_type *type, int32_t modifier, const weir_value *value, weir_error *error)
{
    weir_error ignored = { .status = WEIR_OK };
    weir_value read = *value;
    bool fits = true;
    if (type->type == WEIR_T_NUMERIC)
        fits = numeric_fits(modifier, value);
    else if (weir_pg_holds_text(value->type) && weir_pg_convert_text(value, type, &read, &ignored) != WEIR_OK)
        return WEIR_OK;                 /* told where it is put */
    else
        fits = type->type == WEIR_T_INTERVAL ? read.type != WEIR_T_INTERVAL || interval_fits(modifier, read.as.interval) : time_fits(modifier, &read);
    return fits ? WEIR_OK : would_round(type, modifier, value, error);
}

int weir_pg_field_fits(const weir_pg_field *field, const void *at, weir_error *error)
{
    char reason[WEIR_REASON_SIZE];
    weir_value value;
    if (weir_lane_value(field->lane, at, &value, reason) != WEIR_OK || value.type == WEIR_T_NULL)
        return WEIR_OK;                 /* told where it is put */
    bool listed = value.type == WEIR_T_ARRAY;
    const weir_pg_type *item = item_of(field->type);
    int status = WEIR_OK;
    for (size_t i = 0; i < (listed ? value.as.array->count : 1) && status == WEIR_OK; i++)
        status = value_fits(item, field->modifier, listed ? &value.as.array->items[i] : &value, error);
    return status;
}
