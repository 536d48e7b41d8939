/* Checking UTF-8. */
#include <string.h>
#include "base/values.h"

/* The lengths of sequences by their first byte, and the second byte's range, which is what rules out overlong forms,
 * surrogates and what is beyond U+10FFFF. */
static const struct lead { uint8_t first, last, length, low, high; } leads[] = {
    { 0xE1, 0xEC, 3, 0x80, 0xBF }, { 0xC2, 0xDF, 2, 0x80, 0xBF }, { 0xF0, 0xF0, 4, 0x90, 0xBF },
    { 0xE0, 0xE0, 3, 0xA0, 0xBF }, { 0xEE, 0xEF, 3, 0x80, 0xBF }, { 0xED, 0xED, 3, 0x80, 0x9F },
    { 0xF1, 0xF3, 4, 0x80, 0xBF }, { 0xF4, 0xF4, 4, 0x80, 0x8F },
};

/* The length of the valid sequence at p, or 0. */
static size_t sequence_length(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    if (left >= 2 && p[0] >= 0xC2 && p[0] <= 0xDF)      /* most of what is not ASCII in most languages */
        return (p[1] & 0xC0) == 0x80 ? 2 : 0;
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const struct lead *lead = &leads[i];
        if (p[0] < lead->first || p[0] > lead->last)
            continue;
        if (left < lead->length || p[1] < lead->low || p[1] > lead->high)
            return 0;
        for (size_t k = 2; k < lead->length; k++)
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return lead->length;
    }
    return 0;
}

static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
    for (uint64_t words[4]; end - p >= 32; p += 32) {
        memcpy(words, p, 32);
        if ((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080))
            break;
    }
    for (uint64_t word; end - p >= 8; p += 8) {
        memcpy(&word, p, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

size_t weir_utf8_valid_length(weir_text text)
{
    if (!text.ptr)
        return 0;
    const uint8_t *begin = (const uint8_t *)text.ptr, *end = begin + text.len, *p = begin;
    for (size_t length; (p = skip_ascii(p, end)) < end; p += length) {
        length = sequence_length(p, end);
        if (!length)
            break;
    }
    return (size_t)(p - begin);
}

size_t weir_utf8_cut(weir_text text, size_t limit)
{
    if (text.len <= limit)
        return text.len;
    while (limit > 0 && ((unsigned char)text.ptr[limit] & 0xC0) == 0x80)
        limit--;
    return limit;
}
