/* UUIDs as text: 8-4-4-4-12 hexadecimal digits. */
#include "base/values.h"

enum { UUID_LENGTH = 36 };

static bool hyphen_at(size_t place) { return place == 8 || place == 13 || place == 18 || place == 23; }

size_t weir_format_uuid(char *out, weir_uuid v)
{
    static const char digits[] = "0123456789abcdef";
    size_t place = 0;
    for (size_t i = 0; i < sizeof v.bytes; i++) {
        if (hyphen_at(place))
            out[place++] = '-';
        out[place++] = digits[v.bytes[i] >> 4];
        out[place++] = digits[v.bytes[i] & 15];
    }
    out[place] = 0;
    return place;
}

/* -1: no hexadecimal digit. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool weir_parse_uuid(weir_text text, weir_uuid *out)
{
    if (!text.ptr || text.len != UUID_LENGTH)
        return false;
    weir_uuid v;
    size_t place = 0;
    for (size_t i = 0; i < sizeof v.bytes; i++) {
        if (hyphen_at(place) && text.ptr[place++] != '-')
            return false;
        int high = digit_value(text.ptr[place]), low = digit_value(text.ptr[place + 1]);
        if (high < 0 || low < 0)
            return false;
        v.bytes[i] = (uint8_t)(high << 4 | low);
        place += 2;
    }
    *out = v;
    return true;
}
