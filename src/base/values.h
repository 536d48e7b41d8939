/* Inside help for values: copying, hashing, formatting into buffers, the calendar, decimals, UTF-8. */
#ifndef WEIR_BASE_VALUES_H
#define WEIR_BASE_VALUES_H
#include <string.h>
#include <weir/value.h>
#include "base/arena.h"
#include "base/buffer.h"

enum { WEIR_REASON_SIZE = 160 };        /* of the `reason` texts */
/* Not a SQL type: a cell in which the orm keeps an instance, as.blob.ptr. Equal when it is the same one; no getter reads it. */
#define WEIR_T_INSTANCE WEIR_T_COUNT_

/* Whether the type's values are in as.text. */
static inline bool weir_type_is_text(weir_type type)
{
    return (1u << type & (1u << WEIR_T_NUMERIC | 1u << WEIR_T_TEXT | 1u << WEIR_T_JSON | 1u << WEIR_T_INET |
                          1u << WEIR_T_ENUM | 1u << WEIR_T_OTHER)) != 0;
}

/* A deep copy in the arena; texts and blobs get a NUL behind them. WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_value_copy(weir_arena *arena, const weir_value *from, weir_value *to);
/* Bytes that weir_value_copy takes beyond the weir_value itself, alignment slack included. */
size_t weir_value_extent(const weir_value *v);
/* Equal values (weir_value_equal) have equal hashes. */
uint64_t weir_value_hash(const weir_value *v);
/* Appends what weir_value_format writes. */
void weir_value_append(weir_buffer *buffer, const weir_value *v);
/* Appends base64 (RFC 4648 section 4, with padding). */
void weir_base64_append(weir_buffer *buffer, const void *bytes, size_t length);
/* Writes base64 without a NUL behind it and returns its length: (length + 2) / 3 * 4. */
size_t weir_base64_put(char *out, const void *bytes, size_t length);
/* Reads base64, its padding may be missing, into `out`, which has room for text.len bytes; false: it is none. */
bool weir_base64_read(weir_text text, uint8_t *out, size_t *length);

/* The civil calendar (proleptic Gregorian), days since 1970-01-01. */
int64_t weir_days_from_civil(int64_t year, unsigned month, unsigned day);
void weir_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);
/* Room enough for what any one of the next writes, its NUL included. */
enum { WEIR_FORMATTED_SIZE = 64 };
/* ISO 8601 text; each ends it by a NUL and returns its length. "infinity"/"-infinity" where it applies.
 * Years before 1 are written "0044-03-15 BC", as PostgreSQL does. */
size_t weir_format_date(char *out, weir_date v);
size_t weir_format_time(char *out, weir_time v);
size_t weir_format_timetz(char *out, weir_timetz v);
size_t weir_format_timestamp(char *out, weir_timestamp v);         /* 2024-05-01T12:30:00.25 */
size_t weir_format_timestamptz(char *out, weir_timestamptz v);     /* 2024-05-01T12:30:00.25Z */
size_t weir_format_interval(char *out, weir_interval v);           /* P1Y2M3DT4H5M6.5S; PT0S */
size_t weir_format_uuid(char *out, weir_uuid v);
size_t weir_format_double(char *out, double v);     /* shortest text that reads back the same; NaN, Infinity, -Infinity */
size_t weir_format_float(char *out, float v);
size_t weir_format_int64(char *out, int64_t v);     /* at most 20 bytes; no NUL behind */
/* Parse the texts above, the whole of `text`; ' ' instead of 'T' is fine. False when it is none, or a date that does not
 * exist, or has more than microseconds. Also without seconds, and zones as PostgreSQL writes them (+02, +05:30:15). */
bool weir_parse_date(weir_text text, weir_date *out);
bool weir_parse_time(weir_text text, weir_time *out);
bool weir_parse_timetz(weir_text text, weir_timetz *out);
/* *zoned says whether a zone stood behind it; usec is UTC then, local otherwise. */
bool weir_parse_timestamp(weir_text text, int64_t *usec, bool *zoned);
bool weir_parse_interval(weir_text text, weir_interval *out);
bool weir_parse_uuid(weir_text text, weir_uuid *out);
/* Plain decimal digits with optional sign and point, or NaN, Infinity, -Infinity. */
bool weir_numeric_valid(weir_text text);
/* The numeric as an int64 when it is exactly one ("300", "300.00"). */
bool weir_numeric_to_int64(weir_text text, int64_t *out);
/* Digits with optional sign, without a point. */
bool weir_parse_int64(weir_text text, int64_t *out);
/* A numeric, also with an exponent, rounded to the nearest double: to an infinity when it is beyond. Any locale. */
bool weir_parse_double(weir_text text, double *out);

/* The length of the valid UTF-8 at the beginning of text: text.len when all is valid. An embedded NUL is valid. */
size_t weir_utf8_valid_length(weir_text text);
/* The greatest length up to limit at which the text can be cut without splitting a character; text.len when that is no more. */
size_t weir_utf8_cut(weir_text text, size_t limit);
/* What most texts are; nothing else is asked where that is enough. */
static inline bool weir_text_is_ascii(weir_text text)
{
    const char *p = text.ptr, *end = p + text.len;
    uint64_t bits = 0, word, words[2];
    uint32_t half;
    if (text.len >= 8) {
        for (; end - p > 16; p += 16) {
            memcpy(words, p, 16);
            bits |= words[0] | words[1];
        }
        if (end - p > 8) {
            memcpy(&word, p, 8);
            bits |= word;
        }
        memcpy(&word, end - 8, 8);              /* the rest, and some of what was seen */
        return !((bits | word) & UINT64_C(0x8080808080808080));
    }
    if (text.len >= 4) {
        memcpy(&half, p, 4);
        bits |= half;
        memcpy(&half, end - 4, 4);
        return !((bits | half) & UINT64_C(0x80808080));
    }
    for (; p < end; p++)
        bits |= (uint64_t)(unsigned char)*p;
    return !(bits & 0x80);
}
/* All of it. */
static inline bool weir_text_is_utf8(weir_text text)
{
    return (text.len < 64 && weir_text_is_ascii(text)) || weir_utf8_valid_length(text) == text.len;
}
#endif
