/* What the text formats share: scanning text eight bytes at a time, integers by hand, UTF-8 put right, texts of values. */
#ifndef WEIR_TRANSFER_ENCODE_H
#define WEIR_TRANSFER_ENCODE_H
#include "transfer/format.h"

enum { WEIR_INTEGER_SIZE = 20 };        /* most bytes of an int64 */
enum { WEIR_SHORT_TEXT_SIZE = 64 };     /* most bytes of what weir_short_text writes */

#define WEIR_ONES UINT64_C(0x0101010101010101)
#define WEIR_HIGH_BITS UINT64_C(0x8080808080808080)

/* Not zero when one of the eight bytes is `byte`. */
static inline uint64_t weir_has_byte(uint64_t word, unsigned char byte)
{
    word ^= WEIR_ONES * byte;
    return (word - WEIR_ONES) & ~word & WEIR_HIGH_BITS;
}

static inline uint64_t weir_load_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Writes the number's digits; returns their end. */
char *weir_put_integer(char *out, int64_t value);
/* The text form of bool, numbers but numeric, date, time, interval and uuid: at most WEIR_SHORT_TEXT_SIZE bytes. Returns its
 * length, 0 for the types that have no such bound. */
size_t weir_short_text(char *out, const weir_value *value);
/* The bytes of a value whose text has no bound: its own where it is kept as text, else made in sheet->scratch (base64,
 * arrays). UTF-8 is checked: *text may come to lie in sheet->clean. WEIR_OK, WEIR_DATA, WEIR_OUT_OF_MEMORY. */
int weir_long_text(weir_sheet *sheet, size_t column, const weir_value *value, weir_text *text);
/* A JSON string with its quotes; the text is UTF-8. */
void weir_json_put_string(weir_output *output, weir_text text);
/* Checks UTF-8; invalid text is put right in sheet->clean, or is WEIR_DATA naming row and column. */
int weir_check_text(weir_sheet *sheet, size_t column, weir_text *text);
#endif
