/* Intervals as ISO 8601 durations, each part with its own sign, as PostgreSQL keeps them. */
#include "base/decimal.h"
#include "base/values.h"

static const int64_t SECOND = 1000000, MINUTE = 60 * INT64_C(1000000), HOUR = 3600 * INT64_C(1000000);

/* What PostgreSQL 17 sends for infinity and -infinity. */
static const weir_interval infinities[] = { { INT64_MAX, INT32_MAX, INT32_MAX }, { INT64_MIN, INT32_MIN, INT32_MIN } };
static const char *const infinity_words[] = { "infinity", "-infinity" };

static char *put_part(char *p, int64_t count, char unit)
{
    if (!count)
        return p;
    p += weir_format_int64(p, count);
    *p++ = unit;
    return p;
}

static char *put_seconds(char *p, int64_t usec)
{
    if (!usec)
        return p;
    if (usec < 0)
        *p++ = '-';
    unsigned magnitude = (unsigned)(usec < 0 ? -usec : usec), fraction = magnitude % 1000000;
    p += weir_put_uint64(p, magnitude / 1000000);
    if (fraction) {
        *p++ = '.';
        p = weir_put_pair(p, fraction / 10000);
        p = weir_put_pair(p, fraction / 100 % 100);
        p = weir_put_pair(p, fraction % 100);
        while (p[-1] == '0')
            p--;
    }
    *p++ = 'S';
    return p;
}

static bool same_interval(weir_interval a, weir_interval b)
{
    return a.usec == b.usec && a.days == b.days && a.months == b.months;
}

size_t weir_format_interval(char *out, weir_interval v)
{
    for (size_t i = 0; i < 2; i++) {
        if (same_interval(v, infinities[i])) {
            size_t length = strlen(infinity_words[i]);
            memcpy(out, infinity_words[i], length + 1);
            return length;
        }
    }
    char *p = out;
    *p++ = 'P';
    p = put_part(p, v.months / 12, 'Y');
    p = put_part(p, v.months % 12, 'M');
    p = put_part(p, v.days, 'D');
    if (v.usec || p == out + 1) {
        *p++ = 'T';
        char *time = p;
        p = put_part(p, v.usec / HOUR, 'H');
        p = put_part(p, v.usec % HOUR / MINUTE, 'M');
        p = put_seconds(p, v.usec % MINUTE);
        if (p == time) {
            *p++ = '0';
            *p++ = 'S';
        }
    }
    *p = 0;
    return (size_t)(p - out);
}

typedef struct part {
    int64_t count, usec;        /* usec: the fraction of a second, with the same sign */
    bool    has_fraction;
    char    unit;
} part;

/* A signed number and its unit. */
static bool take_part(const char **p, const char *end, part *out)
{
    bool negative = *p < end && **p == '-';
    *out = (part){ 0 };
    *p += *p < end && (**p == '-' || **p == '+');
    const char *digits = *p;
    for (; *p < end && (unsigned char)(**p - '0') < 10; ++*p) {
        int digit = **p - '0';
        if (__builtin_mul_overflow(out->count, 10, &out->count) ||
            __builtin_add_overflow(out->count, negative ? -digit : digit, &out->count))
            return false;
    }
    if (*p == digits)
        return false;
    if (*p < end && **p == '.') {
        int64_t weight = SECOND;
        out->has_fraction = true;
        for (digits = ++*p; *p < end && (unsigned char)(**p - '0') < 10; ++*p) {
            int digit = **p - '0';
            weight /= 10;
            if (weight == 0 && digit)
                return false;           /* below the microsecond */
            out->usec += weight * (negative ? -digit : digit);
        }
        if (*p == digits)
            return false;
    }
    if (*p == end)
        return false;
    out->unit = *(*p)++;
    return true;
}

/* Units in the order in which they must come, and what each counts for. */
static const struct unit { char letter; bool timely; int64_t months, days, usec; } units[] = {
    { 'Y', false, 12, 0, 0 }, { 'M', false, 1, 0, 0 }, { 'W', false, 0, 7, 0 }, { 'D', false, 0, 1, 0 },
    { 'H', true, 0, 0, 3600 * INT64_C(1000000) }, { 'M', true, 0, 0, 60 * INT64_C(1000000) },
    { 'S', true, 0, 0, INT64_C(1000000) },
};
enum { UNITS = sizeof units / sizeof *units };

static bool add_times(int64_t *sum, int64_t count, int64_t weight)
{
    int64_t product;
    return !__builtin_mul_overflow(count, weight, &product) && !__builtin_add_overflow(*sum, product, sum);
}

static bool parse_duration(weir_text text, weir_interval *out)
{
    const char *p = text.ptr, *end = p + text.len;
    int64_t months = 0, days = 0, usec = 0;
    size_t next = 0, last = UNITS;
    bool timely = false;
    if (p == end || *p++ != 'P')
        return false;
    while (p < end || last == UNITS) {
        if (p < end && *p == 'T' && !timely) {
            timely = true;
            p++;                        /* something must follow: take_part wants it */
        }
        part item;
        if (!take_part(&p, end, &item))
            return false;
        while (next < UNITS && (units[next].letter != item.unit || units[next].timely != timely))
            next++;
        if (next == UNITS || (item.has_fraction && item.unit != 'S'))
            return false;
        if (!add_times(&months, item.count, units[next].months) || !add_times(&days, item.count, units[next].days) ||
            !add_times(&usec, item.count, units[next].usec) || !add_times(&usec, item.usec, 1))
            return false;
        last = next++;
    }
    if (months != (int32_t)months || days != (int32_t)days)
        return false;
    *out = (weir_interval){ .usec = usec, .days = (int32_t)days, .months = (int32_t)months };
    return true;
}

bool weir_parse_interval(weir_text text, weir_interval *out)
{
    for (size_t i = 0; text.ptr && i < 2; i++) {
        if (text.len == strlen(infinity_words[i]) && memcmp(text.ptr, infinity_words[i], text.len) == 0) {
            *out = infinities[i];
            return true;
        }
    }
    return text.ptr && parse_duration(text, out);
}
