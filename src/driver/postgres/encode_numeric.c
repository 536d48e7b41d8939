/* Plain decimal digits into PostgreSQL's binary numeric. */
#include "driver/postgres/codec.h"

/* The server's binary input takes 3,000 groups of four digits at most; its text input takes more. */
enum { MOST_DIGITS = 8000 };

static bool write_word(weir_text digits, weir_buffer *out)
{
    uint16_t sign;
    if (digits.ptr[0] == 'N')
        sign = WEIR_PG_NUMERIC_NAN;
    else if (digits.ptr[0] == '-')
        sign = WEIR_PG_NUMERIC_MINUS_INFINITY;
    else
        sign = WEIR_PG_NUMERIC_INFINITY;
    weir_buffer_u16(out, 0);
    weir_buffer_u16(out, 0);
    weir_buffer_u16(out, sign);
    weir_buffer_u16(out, 0);
    return true;
}

/* Digits `whole` and, behind the point, `fraction`, cut into groups of four that begin at the point. */
static void write_groups(weir_text whole, weir_text fraction, weir_buffer *out)
{
    unsigned group = 0;
    size_t filled = (4 - whole.len % 4) % 4;
    for (size_t i = 0; i < whole.len + fraction.len; i++) {
        char digit = i < whole.len ? whole.ptr[i] : fraction.ptr[i - whole.len];
        group = group * 10 + (unsigned)(digit - '0');
        if (++filled == 4) {
            weir_buffer_u16(out, (uint16_t)group);
            group = 0;
            filled = 0;
        }
    }
    if (!filled)
        return;
    for (; filled < 4; filled++)
        group *= 10;
    weir_buffer_u16(out, (uint16_t)group);
}

bool weir_pg_encode_numeric(weir_text digits, weir_buffer *out)
{
    const char *at = digits.ptr, *end = digits.ptr + digits.len;
    if (digits.len > MOST_DIGITS)
        return false;
    if (memchr(at, 'N', digits.len) || memchr(at, 'I', digits.len))
        return write_word(digits, out);
    bool negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    const char *point = memchr(at, '.', (size_t)(end - at));
    weir_text whole = { at, (size_t)((point ? point : end) - at) };
    weir_text fraction = { point ? point + 1 : end, point ? (size_t)(end - point) - 1 : 0 };
    while (whole.len && *whole.ptr == '0') {
        whole.ptr++;
        whole.len--;
    }
    size_t whole_groups = (whole.len + 3) / 4, groups = whole_groups + (fraction.len + 3) / 4;
    weir_buffer_u16(out, (uint16_t)groups);
    weir_buffer_u16(out, (uint16_t)(whole_groups - 1));         /* -1 for a pure fraction */
    weir_buffer_u16(out, negative ? WEIR_PG_NUMERIC_NEGATIVE : 0);
    weir_buffer_u16(out, (uint16_t)fraction.len);
    write_groups(whole, fraction, out);
    return true;
}
