/* Decimal digits: writing integers two digits at a time, and taking a decimal apart. */
#ifndef WEIR_BASE_DECIMAL_H
#define WEIR_BASE_DECIMAL_H
#include <string.h>
#include <weir/value.h>

extern const char weir_digit_pairs[201];            /* "000102…99" */
extern const uint64_t weir_powers_of_ten[20];       /* 10^0 to 10^19 */

/* `n` below 100, as two digits. Returns what follows. */
static inline char *weir_put_pair(char *out, unsigned n)
{
    memcpy(out, &weir_digit_pairs[n * 2], 2);
    return out + 2;
}

/* How many digits `v` has: 1 for 0. */
static inline unsigned weir_digit_count(uint64_t v)
{
    unsigned bits = 64u - (unsigned)__builtin_clzll(v | 1), about = bits * 1233 >> 12;     /* 1233 / 4096: log10(2) */
    return about + (v >= weir_powers_of_ten[about]) + (about == 0 && v == 0);
}

/* At most 20 digits, no NUL. Returns the length. */
size_t weir_put_uint64(char *out, uint64_t v);

/* A finite number with six digits behind a point, whatever the program's locale puts there; at most WEIR_FIXED_SIZE bytes. Returns the length. */
enum { WEIR_FIXED_SIZE = 330 };
size_t weir_put_fixed(char out[WEIR_FIXED_SIZE], double v);

/* A finite decimal without what does not change its value: no zeros at either end. 0 has no digits and is not negative. */
typedef struct weir_decimal {
    bool negative, has_point;
    weir_text whole, fraction;
} weir_decimal;

/* False when `text` is not plain digits with an optional sign and point (NaN and Infinity are not). */
bool weir_decimal_split(weir_text text, weir_decimal *out);
#endif
