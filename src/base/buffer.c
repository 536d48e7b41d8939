/* A growing byte buffer with a hard maximum. */
#include "base/buffer.h"
#include <stdio.h>
#include <string.h>

void weir_buffer_init(weir_buffer *buffer, weir_ledger *ledger, weir_purpose purpose, size_t maximum)
{
    *buffer = (weir_buffer){ .ledger = ledger, .purpose = purpose, .maximum = maximum };
}

void weir_buffer_free(weir_buffer *buffer)
{
    weir_free(buffer->data);
    weir_buffer_init(buffer, buffer->ledger, buffer->purpose, buffer->maximum);
}

bool weir_buffer_reserve(weir_buffer *buffer, size_t extra)
{
    if (buffer->failed)
        return false;
    if (buffer->capacity - buffer->length >= extra)
        return true;
    if (extra > buffer->maximum - buffer->length)
        return !(buffer->failed = true);
    size_t wanted = buffer->capacity ? buffer->capacity * 2 : 256;
    if (wanted < buffer->length + extra)
        wanted = buffer->length + extra;
    if (wanted > buffer->maximum)
        wanted = buffer->maximum;
    char *grown = weir_resize(buffer->ledger, buffer->purpose, buffer->data, wanted);
    if (!grown)
        return !(buffer->failed = true);
    buffer->data = grown;
    buffer->capacity = wanted;
    return true;
}

void weir_buffer_append(weir_buffer *buffer, const void *bytes, size_t length)
{
    if (!length || !weir_buffer_reserve(buffer, length))
        return;
    memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
}

void weir_buffer_text(weir_buffer *buffer, const char *text) { weir_buffer_append(buffer, text, strlen(text)); }
void weir_buffer_byte(weir_buffer *buffer, char byte) { weir_buffer_append(buffer, &byte, 1); }

void weir_buffer_printf(weir_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length >= 0 && weir_buffer_reserve(buffer, (size_t)length + 1)) {
        vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    } else {
        buffer->failed = true;
    }
    va_end(again);
    va_end(arguments);
}

void weir_buffer_u16(weir_buffer *buffer, uint16_t v)
{
    weir_buffer_append(buffer, (const uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

void weir_buffer_u32(weir_buffer *buffer, uint32_t v)
{
    weir_buffer_append(buffer, (const uint8_t[]){ (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v }, 4);
}

void weir_buffer_u64(weir_buffer *buffer, uint64_t v)
{
    weir_buffer_u32(buffer, (uint32_t)(v >> 32));
    weir_buffer_u32(buffer, (uint32_t)v);
}

const char *weir_buffer_cstr(weir_buffer *buffer)
{
    if (!weir_buffer_reserve(buffer, 1))
        return NULL;
    buffer->data[buffer->length] = 0;
    return buffer->data;
}
