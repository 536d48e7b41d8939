/* Reading ISO 8601 dates and times. */
#include <string.h>
#include "base/values.h"

static const int64_t MICROSECONDS_OF_DAY = INT64_C(86400000000);
enum { ZONE_HOURS = 15 };       /* PostgreSQL's limit */

typedef struct cursor { const char *p, *end; } cursor;

static cursor cursor_of(weir_text text) { return (cursor){ text.ptr, text.ptr ? text.ptr + text.len : NULL }; }

static bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

static bool take(cursor *c, char wanted)
{
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

static bool take_pair(cursor *c, unsigned greatest, unsigned *out)
{
    if (c->end - c->p < 2 || !is_digit(c->p[0]) || !is_digit(c->p[1]))
        return false;
    *out = (unsigned)(c->p[0] - '0') * 10 + (unsigned)(c->p[1] - '0');
    c->p += 2;
    return *out <= greatest;
}

/* Takes " BC" off the end. */
static bool drop_era(cursor *c)
{
    if (c->end - c->p < 3 || memcmp(c->end - 3, " BC", 3) != 0)
        return false;
    c->end -= 3;
    return true;
}

static unsigned days_of_month(int64_t year, unsigned month)
{
    static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return lengths[month - 1] + (leap && month == 2 ? 1u : 0u);
}

static bool take_date(cursor *c, bool bc, int64_t *days)
{
    int64_t year = 0;
    unsigned month, day, digits = 0;
    for (; c->p < c->end && is_digit(*c->p) && digits < 7; digits++)
        year = year * 10 + (*c->p++ - '0');
    if (digits < 4 || !take(c, '-') || !take_pair(c, 12, &month) || !take(c, '-') || !take_pair(c, 31, &day))
        return false;
    if (bc && year == 0)
        return false;
    if (bc)
        year = 1 - year;
    if (month == 0 || day == 0 || day > days_of_month(year, month))
        return false;
    *days = weir_days_from_civil(year, month, day);
    return true;
}

/* The digits behind a second's point, in microseconds: more than six only when the rest are zeros. */
static bool take_fraction(cursor *c, unsigned *usec)
{
    unsigned sum = 0, digits = 0;
    for (; c->p < c->end && is_digit(*c->p); c->p++, digits++) {
        if (digits < 6)
            sum = sum * 10 + (unsigned)(*c->p - '0');
        else if (*c->p != '0')
            return false;
    }
    for (unsigned i = digits; i < 6; i++)
        sum *= 10;
    *usec = sum;
    return digits > 0;
}

/* HH:MM, HH:MM:SS or HH:MM:SS.fraction, up to 24:00:00. */
static bool take_time(cursor *c, int64_t *usec)
{
    unsigned hour, minute, second = 0, fraction = 0;
    if (!take_pair(c, 24, &hour) || !take(c, ':') || !take_pair(c, 59, &minute))
        return false;
    if (take(c, ':')) {
        if (!take_pair(c, 59, &second))
            return false;
        if (take(c, '.') && !take_fraction(c, &fraction))
            return false;
    }
    *usec = ((int64_t)hour * 3600 + minute * 60 + second) * 1000000 + fraction;
    return *usec <= MICROSECONDS_OF_DAY;
}

/* Z, or a sign with HH, HHMM, HH:MM or HH:MM:SS; *offset in seconds east. */
static bool take_zone(cursor *c, int32_t *offset)
{
    *offset = 0;
    if (take(c, 'Z') || take(c, 'z'))
        return true;
    bool west = take(c, '-');
    unsigned hours, minutes = 0, seconds = 0;
    if ((!west && !take(c, '+')) || !take_pair(c, ZONE_HOURS, &hours))
        return false;
    bool colon = take(c, ':');
    if ((colon || c->p < c->end) && !take_pair(c, 59, &minutes))
        return false;
    if (colon && take(c, ':') && !take_pair(c, 59, &seconds))
        return false;
    *offset = (int32_t)(hours * 3600 + minutes * 60 + seconds);
    if (west)
        *offset = -*offset;
    return true;
}

/* 1: infinity; -1: -infinity; 0: neither. */
static int infinity_of(cursor c)
{
    int sign = 1;
    if (c.p && take(&c, '-'))
        sign = -1;
    return c.end - c.p == 8 && memcmp(c.p, "infinity", 8) == 0 ? sign : 0;
}

bool weir_parse_date(weir_text text, weir_date *out)
{
    cursor c = cursor_of(text);
    int infinite = infinity_of(c);
    if (infinite) {
        out->days = infinite > 0 ? WEIR_DATE_INFINITY : WEIR_DATE_MINUS_INFINITY;
        return true;
    }
    int64_t days;
    bool bc = drop_era(&c);
    if (!take_date(&c, bc, &days) || c.p != c.end || days >= WEIR_DATE_INFINITY || days <= WEIR_DATE_MINUS_INFINITY)
        return false;
    out->days = (int32_t)days;
    return true;
}

bool weir_parse_time(weir_text text, weir_time *out)
{
    cursor c = cursor_of(text);
    int64_t usec;
    if (!take_time(&c, &usec) || c.p != c.end)
        return false;
    out->usec = usec;
    return true;
}

bool weir_parse_timetz(weir_text text, weir_timetz *out)
{
    cursor c = cursor_of(text);
    weir_timetz v;
    if (!take_time(&c, &v.usec) || !take_zone(&c, &v.offset) || c.p != c.end)
        return false;
    *out = v;
    return true;
}

bool weir_parse_timestamp(weir_text text, int64_t *usec, bool *zoned)
{
    cursor c = cursor_of(text);
    int infinite = infinity_of(c);
    if (infinite) {
        *usec = infinite > 0 ? WEIR_TIMESTAMP_INFINITY : WEIR_TIMESTAMP_MINUS_INFINITY;
        *zoned = false;
        return true;
    }
    int64_t days, time, sum;
    int32_t offset = 0;
    bool bc = drop_era(&c);
    if (!take_date(&c, bc, &days) || !(take(&c, 'T') || take(&c, ' ')) || !take_time(&c, &time))
        return false;
    bool has_zone = c.p < c.end;
    if (has_zone && (!take_zone(&c, &offset) || c.p != c.end))
        return false;
    /* Days are counted up to 1970 from either side: the product of the day before could not be represented near the ends. */
    if (days < 0) {
        days++;
        time -= MICROSECONDS_OF_DAY;
    }
    time -= (int64_t)offset * 1000000;
    if (__builtin_mul_overflow(days, MICROSECONDS_OF_DAY, &sum) || __builtin_add_overflow(sum, time, &sum) ||
        sum == WEIR_TIMESTAMP_INFINITY || sum == WEIR_TIMESTAMP_MINUS_INFINITY)
        return false;
    *usec = sum;
    *zoned = has_zone;
    return true;
}
