/* The shortest text of a double or float that reads back the same.
 *
 * v = f * 2^e lies between two half-way points; every decimal between them reads back as v. Scaled by a power of ten such
 * that they are 1 to 10 apart, at most one multiple of ten lies between them: it, or else the integer nearest to v, is the
 * shortest. The scaling has 64 bits behind the point, with an error of a few of the last; where that leaves doubt (a decimal
 * within the error of a half-way point) printf and strtod, slow but exact, decide. */
#include <stdio.h>
#include <stdlib.h>
#include "base/decimal.h"
#include "base/values.h"

__extension__ typedef unsigned __int128 u128;

enum { FIRST_POWER = -304, POWER_STEP = 16, DOUBT = 8 };

/* 10^-304, 10^-288 … 10^320: the upper 128 bits, rounded down. */
static const struct power { uint64_t high, low; } powers[] = {
    { 0x8C71DCD9BA0B4925, 0x9FF0C08B7F1D0B14 }, { 0x9BECCE62836AC577, 0x4EE367F9430AEC32 },
    { 0xAD1C8EAB5EE43B66, 0xDA3243650005EECF }, { 0xC0314325637A1939, 0xFA911155FEFB5308 },
    { 0xD5605FCDCF32E1D6, 0xFB1E4A9A90880A64 }, { 0xECE53CEC4A314EBD, 0xA4F8BF5635246428 },
    { 0x8380DEA93DA4BC60, 0x4247CB9E59F71E6D }, { 0x91FF83775423CC06, 0x7B6306A34627DDCF },
    { 0xA21727DB38CB002F, 0xB8ADA00E5A506A7C }, { 0xB3F4E093DB73A093, 0x59ED216765690F56 },
    { 0xC7CABA6E7C5382C8, 0xFE64A52EE96B8FC0 }, { 0xDDD0467C64BCE4A0, 0xAC7CB3F6D05DDBDE },
    { 0xF64335BCF065D37D, 0x4D4617B5FF4A16D5 }, { 0x88B402F7FD75539B, 0x11DBCB0218EBB414 },
    { 0x97C560BA6B0919A5, 0xDCCD879FC967D41A }, { 0xA87FEA27A539E9A5, 0x3F2398D747B36224 },
    { 0xBB127C53B17EC159, 0x5560C018580D5D52 }, { 0xCFB11EAD453994BA, 0x67DE18EDA5814AF2 },
    { 0xE69594BEC44DE15B, 0x4C2EBE687989A9B3 }, { 0x8000000000000000, 0x0000000000000000 },
    { 0x8E1BC9BF04000000, 0x0000000000000000 }, { 0x9DC5ADA82B70B59D, 0xF020000000000000 },
    { 0xAF298D050E4395D6, 0x9670B12B7F410000 }, { 0xC2781F49FFCFA6D5, 0x3CBF6B71C76B25FB },
    { 0xD7E77A8F87DAF7FB, 0xDC33745EC97BE906 }, { 0xEFB3AB16C59B14A2, 0xC5CFE94EF3EA101E },
    { 0x850FADC09923329E, 0x03E2CF6BC604DDB0 }, { 0x93BA47C980E98CDF, 0xC66F336C36B10137 },
    { 0xA402B9C5A8D3A6E7, 0x5F16206C9C6209A6 }, { 0xB616A12B7FE617AA, 0x577B986B314D6009 },
    { 0xCA28A291859BBF93, 0x7D7B8F7503CFDCFE }, { 0xE070F78D3927556A, 0x85BBE253F47B1417 },
    { 0xF92E0C3537826145, 0xA7709A56CCDF8A82 }, { 0x8A5296FFE33CC92F, 0x82BD6B70D99AAA6F },
    { 0x9991A6F3D6BF1765, 0xACCA6DA1E0A8EF29 }, { 0xAA7EEBFB9DF9DE8D, 0xDDBB901B98FEEAB7 },
    { 0xBD49D14AA79DBC82, 0x4B2D8644D8A74E18 }, { 0xD226FC195C6A2F8C, 0x73832EEC6FFF3111 },
    { 0xE950DF20247C83FD, 0x47C6B82EF32A2069 }, { 0x81842F29F2CCE375, 0xE6A1158300D46640 },
};

/* digits * 10^exponent */
typedef struct shortest {
    uint64_t digits;
    int      exponent;
} shortest;

/* The upper 128 bits of 10^q, a few too low at most. */
static struct power power_of_ten(int q)
{
    const struct power *coarse = &powers[(q - FIRST_POWER) / POWER_STEP];
    uint64_t fine = weir_powers_of_ten[(q - FIRST_POWER) % POWER_STEP];
    fine <<= __builtin_clzll(fine);
    u128 high = (u128)coarse->high * fine, low = (u128)coarse->low * fine;
    u128 product = high + (uint64_t)(low >> 64);
    uint64_t below = (uint64_t)low;
    if (!(product >> 127))
        product = product << 1 | below >> 63;
    return (struct power){ (uint64_t)(product >> 64), (uint64_t)product };
}

/* f * 2^e * 10^-k with 64 bits behind the point, at most 2 of the last too low. */
static u128 scale(uint64_t f, int shift, struct power p)
{
    u128 low = (u128)f * p.low, upper = (u128)f * p.high + (uint64_t)(low >> 64);
    if (shift >= 64)
        return upper >> (shift - 64);
    return upper << (64 - shift) | (uint64_t)low >> shift;
}

/* 1: closer than `gap`; -1: not; 0: in doubt. */
static int is_within(u128 distance, u128 gap)
{
    if (distance + DOUBT < gap)
        return 1;
    return distance > gap + DOUBT ? -1 : 0;
}

/* False: in doubt. `narrow`: f is the least of its binade, the gap below it is half as wide. */
static bool find_fast(uint64_t f, int e, bool narrow, shortest *out)
{
    int k = (int)(((int64_t)e * 1262611) >> 22);                        /* floor(log10(2^e)) */
    struct power p = power_of_ten(-k);
    int shift = 63 - (e + (int)(((int64_t)-k * 1741647) >> 19));        /* the second: floor(log2(10^-k)) */
    u128 v = scale(f, shift, p), above = scale(1, shift + 1, p), below = narrow ? above >> 1 : above;
    uint64_t whole = (uint64_t)(v >> 64), ten = whole - whole % 10;
    int down = is_within(v - ((u128)ten << 64), below), up = is_within(((u128)(ten + 10) << 64) - v, above);
    if (down == 1 || up == 1) {
        *out = (shortest){ down == 1 ? ten : ten + 10, k };
        return down != up;
    }
    uint64_t half = UINT64_C(1) << 63, fraction = (uint64_t)v;
    if (down == 0 || up == 0 || fraction - (half - DOUBT) <= 2 * DOUBT)
        return false;
    bool round_up = fraction > half;
    *out = (shortest){ whole + round_up, k };
    return is_within(round_up ? (u128)(0 - fraction) : fraction, round_up ? above : below) == 1;
}

static bool reads_back(shortest s, double v, bool single)
{
    char text[64];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)s.digits, s.exponent);
    return single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v;
}

/* Fewest digits by trying. Reads only the digits that printf wrote: the point is the locale's. One more is tried too, as the
 * gap above a power of two is wider than the one below. */
static void find_slowly(double v, bool single, shortest *out)
{
    for (int precision = 0; precision < (single ? 9 : 17); precision++) {
        char text[64];
        snprintf(text, sizeof text, "%.*e", precision, v);
        const char *p = text;
        for (out->digits = 0; *p && *p != 'e'; p++)
            if (*p >= '0' && *p <= '9')
                out->digits = out->digits * 10 + (uint64_t)(*p - '0');
        out->exponent = (int)strtol(p + (*p != 0), NULL, 10) - precision;
        shortest next = { out->digits + 1, out->exponent };
        if (reads_back(*out, v, single))
            return;
        if (reads_back(next, v, single)) {
            *out = next;
            return;
        }
    }
}

static size_t put_exponent(char *out, int exponent)
{
    char *p = out;
    unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    if (size >= 100)
        *p++ = (char)('0' + size / 100);
    return (size_t)(weir_put_pair(p, size % 100) - out);
}

/* As PostgreSQL does: an exponent when the first digit's power of ten is below -4 or at least `limit`. */
static size_t put_decimal(char *out, shortest s, int limit)
{
    while (s.digits % 10 == 0) {
        s.digits /= 10;
        s.exponent++;
    }
    char digits[24];
    size_t count = weir_put_uint64(digits, s.digits), length = 0;
    int first = s.exponent + (int)count - 1;
    if (first < -4 || first >= limit) {
        out[length++] = digits[0];
        if (count > 1)
            out[length++] = '.';
        memcpy(out + length, digits + 1, count - 1);
        length += count - 1;
        return length + put_exponent(out + length, first);
    }
    if (first < 0) {
        memcpy(out, "0.0000", 6);
        length = (size_t)(1 - first);
        memcpy(out + length, digits, count);
        return length + count;
    }
    size_t whole = (size_t)first + 1;
    if (whole >= count) {
        memcpy(out, digits, count);
        memset(out + count, '0', whole - count);
        return whole;
    }
    memcpy(out, digits, whole);
    out[whole] = '.';
    memcpy(out + whole + 1, digits + whole, count - whole);
    return count + 1;
}

/* Writes the sign, and all the rest when that needs no search: true then. */
static bool put_simple(char **out, double v, double limit)
{
    double magnitude = v < 0 ? -v : v;
    if (v != v) {
        memcpy(*out, "NaN", 3);
        *out += 3;
        return true;
    }
    if (__builtin_signbit(v))
        *(*out)++ = '-';
    if (magnitude > 1.7976931348623157e308) {
        memcpy(*out, "Infinity", 8);
        *out += 8;
        return true;
    }
    if (magnitude >= limit || magnitude != (double)(uint64_t)magnitude)
        return false;
    *out += weir_put_uint64(*out, (uint64_t)magnitude);
    return true;
}

/* The layout of a binary format, and from where on PostgreSQL writes its values with an exponent. */
struct layout { int fraction_bits, exponent_bits, lowest_exponent, limit; };

static size_t put_bits(char *out, uint64_t bits, struct layout layout, double v, bool single)
{
    uint64_t hidden = UINT64_C(1) << layout.fraction_bits, fraction = bits & (hidden - 1);
    int biased = (int)(bits >> layout.fraction_bits) & ((1 << layout.exponent_bits) - 1);
    uint64_t f = biased ? fraction | hidden : fraction;
    int e = (biased ? biased - 1 : 0) + layout.lowest_exponent;
    shortest s;
    if (!find_fast(f, e, fraction == 0 && biased > 1, &s))
        find_slowly(v < 0 ? -v : v, single, &s);
    return put_decimal(out, s, layout.limit);
}

size_t weir_format_double(char *out, double v)
{
    char *p = out;
    if (!put_simple(&p, v, 1e15)) {
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        p += put_bits(p, bits, (struct layout){ 52, 11, -1074, 15 }, v, false);
    }
    *p = 0;
    return (size_t)(p - out);
}

size_t weir_format_float(char *out, float v)
{
    char *p = out;
    if (!put_simple(&p, (double)v, 1e6)) {
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        p += put_bits(p, bits, (struct layout){ 23, 8, -149, 6 }, (double)v, true);
    }
    *p = 0;
    return (size_t)(p - out);
}
