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
