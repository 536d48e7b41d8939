/* A growing byte buffer with a hard maximum and a sticky failure: append freely, check once. */
#ifndef WEIR_BASE_BUFFER_H
#define WEIR_BASE_BUFFER_H
#include <stdarg.h>
#include "base/ledger.h"

typedef struct weir_buffer {
    weir_ledger *ledger;
    weir_purpose purpose;
    char  *data;                        /* NULL until the first append; not ended by NUL */
    size_t length, capacity, maximum;
    bool   failed;                      /* no memory, or over the maximum; data stays as it was */
} weir_buffer;

void weir_buffer_init(weir_buffer *buffer, weir_ledger *ledger, weir_purpose purpose, size_t maximum);
void weir_buffer_free(weir_buffer *buffer);             /* and ready for use again */
bool weir_buffer_reserve(weir_buffer *buffer, size_t extra);    /* room for `extra` more bytes; false: failed */
void weir_buffer_append(weir_buffer *buffer, const void *bytes, size_t length);
void weir_buffer_text(weir_buffer *buffer, const char *text);
void weir_buffer_byte(weir_buffer *buffer, char byte);
void weir_buffer_printf(weir_buffer *buffer, const char *format, ...) WEIR_PRINTF_(2, 3);
void weir_buffer_u16(weir_buffer *buffer, uint16_t value);      /* big-endian */
void weir_buffer_u32(weir_buffer *buffer, uint32_t value);
void weir_buffer_u64(weir_buffer *buffer, uint64_t value);
/* Ends data by a NUL that does not count; NULL when failed. */
const char *weir_buffer_cstr(weir_buffer *buffer);
#endif
