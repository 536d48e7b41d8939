/* What stands in a JSON string: its escapes (RFC 8259, section 7) as UTF-8. */
#include "transfer/json_text.h"
#include <string.h>

static bool hex4(const char **next, const char *end, unsigned *out)
{
    *out = 0;
    if (end - *next < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *(*next)++, low = (char)(c | 32);
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : low >= 'a' && low <= 'f' ? (unsigned)(low - 'a') + 10 : 16;
        if (digit == 16)
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* Behind \\u: one character, of two escapes where it is a surrogate pair. */
static bool code_point(const char **next, const char *end, unsigned *code)
{
    unsigned low;
    if (!hex4(next, end, code) || (*code >= 0xDC00 && *code < 0xE000))
        return false;
    if (*code < 0xD800 || *code >= 0xE000)
        return true;
    if (end - *next < 6 || (*next)[0] != '\\' || (*next)[1] != 'u')
        return false;
    *next += 2;
    if (!hex4(next, end, &low) || low < 0xDC00 || low > 0xDFFF)
        return false;
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static char *put_utf8(char *to, unsigned code)
{
    static const unsigned marks[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    int count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = count - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(marks[count] | code);
    return to + count;
}

bool weir_json_unescape(weir_text string, char *to, weir_text *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *next = string.ptr, *end = string.ptr + string.len;
    char *put = to;
    while (next < end) {
        if (*next != '\\') {
            *put++ = *next++;
            continue;
        }
        if (++next == end)
            return false;
        char letter = *next++;
        const char *found = memchr(letters, letter, sizeof letters - 1);
        unsigned code;
        if (found)
            *put++ = meanings[found - letters];
        else if (letter == 'u' && code_point(&next, end, &code))
            put = put_utf8(put, code);
        else
            return false;
    }
    *out = (weir_text){ to, (size_t)(put - to) };
    return true;
}
