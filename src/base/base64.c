/* Base64 (RFC 4648 section 4). */
#include "base/values.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t weir_base64_put(char *out, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    char *p = out;
    for (; length >= 3; from += 3, length -= 3, p += 4) {
        uint32_t three = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        p[0] = letters[three >> 18];
        p[1] = letters[three >> 12 & 63];
        p[2] = letters[three >> 6 & 63];
        p[3] = letters[three & 63];
    }
    if (length) {
        uint32_t rest = (uint32_t)from[0] << 16 | (length > 1 ? (uint32_t)from[1] << 8 : 0);
        p[0] = letters[rest >> 18];
        p[1] = letters[rest >> 12 & 63];
        p[2] = length > 1 ? letters[rest >> 6 & 63] : '=';
        p[3] = '=';
        p += 4;
    }
    return (size_t)(p - out);
}

void weir_base64_append(weir_buffer *buffer, const void *bytes, size_t length)
{
    if (length > SIZE_MAX / 4 * 3 - 3) {
        buffer->failed = true;
        return;
    }
    if (length && weir_buffer_reserve(buffer, (length + 2) / 3 * 4))
        buffer->length += weir_base64_put(buffer->data + buffer->length, bytes, length);
}

bool weir_base64_read(weir_text text, uint8_t *out, size_t *length)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = text.len;
    while (n && text.ptr[n - 1] == '=' && text.len - n < 2)
        n--;
    *length = 0;
    if ((n != text.len && text.len % 4 != 0) || n % 4 == 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *found = text.ptr[i] ? strchr(letters, text.ptr[i]) : NULL;
        if (!found)
            return false;
        bits = bits << 6 | (uint32_t)(found - letters);
        held += 6;
        if (held >= 8)
            out[(*length)++] = (uint8_t)(bits >> (held -= 8));
    }
    return (bits & ((1u << held) - 1)) == 0;    /* bits beyond the last byte would be lost */
}
