/* Decimal text: integers written fast, numerics checked and converted, text to double without the process's locale. */
#include "base/decimal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/values.h"

const char weir_digit_pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354"
    "5556575859606162636465666768697071727374757677787980818283848586878889909192939495969798" "99";

const uint64_t weir_powers_of_ten[20] = {
    1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u, 10000000000u, 100000000000u,
    1000000000000u, 10000000000000u, 100000000000000u, 1000000000000000u, 10000000000000000u, 100000000000000000u,
    1000000000000000000u, 10000000000000000000u,
};

size_t weir_put_uint64(char *out, uint64_t v)
{
    size_t length = weir_digit_count(v);
    char *p = out + length;
    while (v >= 100) {
        p -= 2;
        weir_put_pair(p, (unsigned)(v % 100));
        v /= 100;
    }
    if (v >= 10)
        weir_put_pair(p - 2, (unsigned)v);
    else
        p[-1] = (char)('0' + v);
    return length;
}

size_t weir_format_int64(char *out, int64_t v)
{
    size_t sign = v < 0;
    *out = '-';
    return sign + weir_put_uint64(out + sign, sign ? 0 - (uint64_t)v : (uint64_t)v);
}

static bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

static bool take_sign(const char **p, const char *end)
{
    bool negative = *p < end && **p == '-';
    *p += *p < end && (**p == '-' || **p == '+');
    return negative;
}

static weir_text take_digits(const char **p, const char *end)
{
    const char *begin = *p;
    while (*p < end && is_digit(**p))
        ++*p;
    return (weir_text){ begin, (size_t)(*p - begin) };
}

bool weir_decimal_split(weir_text text, weir_decimal *out)
{
    if (!text.ptr)
        return false;
    const char *p = text.ptr, *end = p + text.len;
    out->negative = take_sign(&p, end);
    out->whole = take_digits(&p, end);
    out->has_point = p < end && *p == '.';
    p += out->has_point;
    out->fraction = take_digits(&p, end);
    if (p != end || out->whole.len + out->fraction.len == 0)
        return false;
    for (; out->whole.len && *out->whole.ptr == '0'; out->whole.len--)
        out->whole.ptr++;
    while (out->fraction.len && out->fraction.ptr[out->fraction.len - 1] == '0')
        out->fraction.len--;
    if (out->whole.len + out->fraction.len == 0)
        out->negative = false;
    return true;
}

static bool text_is(weir_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

static const struct special { const char *word; double value; } specials[] = {
    { "NaN", (double)NAN }, { "Infinity", (double)INFINITY }, { "-Infinity", -(double)INFINITY },
};

static const struct special *find_special(weir_text text)
{
    for (size_t i = 0; text.ptr && i < sizeof specials / sizeof *specials; i++)
        if (text_is(text, specials[i].word))
            return &specials[i];
    return NULL;
}

bool weir_numeric_valid(weir_text text)
{
    weir_decimal ignored;
    return weir_decimal_split(text, &ignored) || find_special(text);
}

/* Sums up towards the sign, so that -2^63 is no special case. */
static bool digits_to_int64(weir_text digits, bool negative, int64_t *out)
{
    int64_t sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digits.ptr[i] - '0';
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, negative ? -digit : digit, &sum))
            return false;
    }
    *out = sum;
    return true;
}

bool weir_numeric_to_int64(weir_text text, int64_t *out)
{
    weir_decimal decimal;
    return weir_decimal_split(text, &decimal) && decimal.fraction.len == 0 &&
           digits_to_int64(decimal.whole, decimal.negative, out);
}

bool weir_parse_int64(weir_text text, int64_t *out)
{
    weir_decimal decimal;
    return weir_decimal_split(text, &decimal) && !decimal.has_point &&
           digits_to_int64(decimal.whole, decimal.negative, out);
}

size_t weir_put_fixed(char out[WEIR_FIXED_SIZE], double v)
{
    double size = fabs(v), whole = floor(size);
    unsigned millionths = (unsigned)((size - whole) * 1e6 + 0.5);
    if (millionths == 1000000) {
        millionths = 0;
        whole += 1;
    }
    return (size_t)snprintf(out, WEIR_FIXED_SIZE, "%s%.0f.%06u", v < 0 ? "-" : "", whole, millionths);
}

/* No double lies so close to a half-way point that a digit behind the 770th could matter otherwise than by being there. */
enum { SIGNIFICANT = 800, EXPONENT_LIMIT = 1000000 };

/* Digits without zeros at the ends, and a power of ten: what strtod reads the same in every locale. */
typedef struct scanned {
    char    digits[SIGNIFICANT + 32];
    size_t  kept;
    int64_t exponent;
} scanned;

static bool scan_digits(const char **p, const char *end, scanned *s)
{
    bool any = false, point = false, more = false;
    for (; *p < end; ++*p) {
        char c = **p;
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c))
            break;
        any = true;
        if (s->kept == SIGNIFICANT) {
            more |= c != '0';
            s->exponent += !point;
            continue;
        }
        if (s->kept || c != '0')
            s->digits[s->kept++] = c;
        s->exponent -= point;
    }
    if (more) {
        s->digits[s->kept++] = '1';
        s->exponent--;
    }
    for (; s->kept && s->digits[s->kept - 1] == '0'; s->kept--)
        s->exponent++;
    return any;
}

static bool scan_exponent(const char **p, const char *end, scanned *s)
{
    if (*p == end || (**p | 0x20) != 'e')
        return true;
    ++*p;
    bool negative = take_sign(p, end);
    weir_text digits = take_digits(p, end);
    int64_t exponent = 0;
    for (size_t i = 0; i < digits.len && exponent < EXPONENT_LIMIT; i++)
        exponent = exponent * 10 + (digits.ptr[i] - '0');
    s->exponent += negative ? -exponent : exponent;
    return digits.len > 0;
}

static double scanned_to_double(scanned *s)
{
    static const double exact[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (s->kept <= 15 && s->exponent >= -22 && s->exponent <= 22) {
        /* Both sides are exact doubles, so the one operation rounds as the decimal itself would. */
        int64_t whole = 0;
        digits_to_int64((weir_text){ s->digits, s->kept }, false, &whole);
        return s->exponent < 0 ? (double)whole / exact[-s->exponent] : (double)whole * exact[s->exponent];
    }
    snprintf(s->digits + s->kept, sizeof s->digits - s->kept, "e%lld", (long long)s->exponent);
    return strtod(s->digits, NULL);
}

bool weir_parse_double(weir_text text, double *out)
{
    const struct special *special = find_special(text);
    if (special || !text.ptr) {
        if (special)
            *out = special->value;
        return special != NULL;
    }
    const char *p = text.ptr, *end = p + text.len;
    scanned s;
    s.kept = 0;
    s.exponent = 0;
    bool negative = take_sign(&p, end);
    if (!scan_digits(&p, end, &s) || !scan_exponent(&p, end, &s) || p != end)
        return false;
    double magnitude = s.kept ? scanned_to_double(&s) : 0.0;
    *out = negative ? -magnitude : magnitude;
    return true;
}
