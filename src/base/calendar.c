/* The civil calendar, and dates and times as ISO 8601 text. */
#include "base/decimal.h"
#include "base/values.h"

static const int64_t MICROSECONDS_OF_DAY = INT64_C(86400000000);

/* Both count years from March, so that the leap day is a year's last, in eras of 400 years, which are all alike. */
enum { DAYS_OF_ERA = 146097, DAYS_BEFORE_1970 = 719468 };       /* the second: from 0000-03-01 */

int64_t weir_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, year_of_era = year - era * 400;
    int64_t march_month = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
    return era * DAYS_OF_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_BEFORE_1970;
}

void weir_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += DAYS_BEFORE_1970;
    int64_t era = (days >= 0 ? days : days - (DAYS_OF_ERA - 1)) / DAYS_OF_ERA;
    unsigned day_of_era = (unsigned)(days - era * DAYS_OF_ERA);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * march_month + 2) / 5 + 1;
    *month = march_month < 10 ? march_month + 3 : march_month - 9;
    *year = era * 400 + year_of_era + (*month <= 2);
}

static size_t put_word(char *out, const char *word)
{
    size_t length = strlen(word);
    memcpy(out, word, length + 1);
    return length;
}

/* The date without its era; *bc says whether " BC" belongs behind it. */
static char *put_date(char *p, int64_t days, bool *bc)
{
    int64_t year;
    unsigned month, day;
    weir_civil_from_days(days, &year, &month, &day);
    *bc = year <= 0;
    uint64_t shown = (uint64_t)(*bc ? 1 - year : year);
    if (shown < 10000) {
        p = weir_put_pair(p, (unsigned)shown / 100);
        p = weir_put_pair(p, (unsigned)shown % 100);
    } else {
        p += weir_put_uint64(p, shown);
    }
    *p++ = '-';
    p = weir_put_pair(p, month);
    *p++ = '-';
    return weir_put_pair(p, day);
}

static char *put_time(char *p, uint64_t usec)
{
    uint64_t hours = usec / 3600000000u;
    unsigned seconds = (unsigned)(usec / 1000000 % 3600), fraction = (unsigned)(usec % 1000000);
    if (hours < 100)
        p = weir_put_pair(p, (unsigned)hours);
    else
        p += weir_put_uint64(p, hours);         /* no time of day, but shown for what it is */
    *p++ = ':';
    p = weir_put_pair(p, seconds / 60);
    *p++ = ':';
    p = weir_put_pair(p, seconds % 60);
    if (!fraction)
        return p;
    *p++ = '.';
    p = weir_put_pair(p, fraction / 10000);
    p = weir_put_pair(p, fraction / 100 % 100);
    p = weir_put_pair(p, fraction % 100);
    while (p[-1] == '0')
        p--;
    return p;
}

static char *put_signed_time(char *p, int64_t usec)
{
    if (usec < 0)
        *p++ = '-';
    return put_time(p, usec < 0 ? 0 - (uint64_t)usec : (uint64_t)usec);
}

static size_t finish(char *out, char *p)
{
    *p = 0;
    return (size_t)(p - out);
}

size_t weir_format_date(char *out, weir_date v)
{
    if (v.days == WEIR_DATE_INFINITY || v.days == WEIR_DATE_MINUS_INFINITY)
        return put_word(out, v.days < 0 ? "-infinity" : "infinity");
    bool bc;
    char *p = put_date(out, v.days, &bc);
    return finish(out, bc ? p + put_word(p, " BC") : p);
}

size_t weir_format_time(char *out, weir_time v) { return finish(out, put_signed_time(out, v.usec)); }

size_t weir_format_timetz(char *out, weir_timetz v)
{
    char *p = put_signed_time(out, v.usec);
    uint32_t offset = v.offset < 0 ? 0 - (uint32_t)v.offset : (uint32_t)v.offset, hours = offset / 3600;
    *p++ = v.offset < 0 ? '-' : '+';
    if (hours < 100)
        p = weir_put_pair(p, hours);
    else
        p += weir_put_uint64(p, hours);
    *p++ = ':';
    p = weir_put_pair(p, offset / 60 % 60);
    if (offset % 60) {
        *p++ = ':';
        p = weir_put_pair(p, offset % 60);
    }
    return finish(out, p);
}

static size_t format_moment(char *out, int64_t usec, bool utc)
{
    if (usec == WEIR_TIMESTAMP_INFINITY || usec == WEIR_TIMESTAMP_MINUS_INFINITY)
        return put_word(out, usec < 0 ? "-infinity" : "infinity");
    int64_t days = usec / MICROSECONDS_OF_DAY, rest = usec % MICROSECONDS_OF_DAY;
    if (rest < 0) {
        days--;
        rest += MICROSECONDS_OF_DAY;
    }
    bool bc;
    char *p = put_date(out, days, &bc);
    *p++ = 'T';
    p = put_time(p, (uint64_t)rest);
    if (utc)
        *p++ = 'Z';
    return finish(out, bc ? p + put_word(p, " BC") : p);
}

size_t weir_format_timestamp(char *out, weir_timestamp v) { return format_moment(out, v.usec, false); }
size_t weir_format_timestamptz(char *out, weir_timestamptz v) { return format_moment(out, v.usec, true); }
