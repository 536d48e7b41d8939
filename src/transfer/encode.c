/* What the text formats share. */
#include "transfer/encode.h"
#include "base/values.h"

static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960"
    "616263646566676869707172737475767778798081828384858687888990919293949596979899";

char *weir_put_integer(char *out, int64_t value)
{
    char digits[WEIR_INTEGER_SIZE], *p = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    while (left >= 100) {
        p -= 2;
        memcpy(p, digit_pairs + 2 * (left % 100), 2);
        left /= 100;
    }
    if (left >= 10) {
        p -= 2;
        memcpy(p, digit_pairs + 2 * left, 2);
    } else {
        *--p = (char)('0' + left);
    }
    if (value < 0)
        *out++ = '-';
    size_t length = (size_t)(digits + sizeof digits - p);
    memcpy(out, p, length);
    return out + length;
}

size_t weir_short_text(char *out, const weir_value *value)
{
    switch (value->type) {
    case WEIR_T_BOOL:
        memcpy(out, value->as.b ? "true" : "false", 5);
        return value->as.b ? 4 : 5;
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:       return (size_t)(weir_put_integer(out, value->as.i) - out);
    case WEIR_T_FLOAT:       return weir_format_float(out, (float)value->as.d);
    case WEIR_T_DOUBLE:      return weir_format_double(out, value->as.d);
    case WEIR_T_DATE:        return weir_format_date(out, value->as.date);
    case WEIR_T_TIME:        return weir_format_time(out, value->as.time);
    case WEIR_T_TIMETZ:      return weir_format_timetz(out, value->as.timetz);
    case WEIR_T_TIMESTAMP:   return weir_format_timestamp(out, value->as.timestamp);
    case WEIR_T_TIMESTAMPTZ: return weir_format_timestamptz(out, value->as.timestamptz);
    case WEIR_T_INTERVAL:    return weir_format_interval(out, value->as.interval);
    case WEIR_T_UUID:        return weir_format_uuid(out, value->as.uuid);
    default:                 return 0;
    }
}

/* ---- UTF-8 ----------------------------------------------------------------------------------------------------------- */
/* How many bytes one U+FFFD stands for: a byte that begins nothing, or a beginning with the bytes that continue it. */
static size_t invalid_length(const char *bytes, size_t length)
{
    unsigned char lead = (unsigned char)bytes[0];
    size_t most = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0, n = 1;
    while (n < length && n <= most && ((unsigned char)bytes[n] & 0xC0) == 0x80)
        n++;
    return n;
}

static int put_right(weir_sheet *sheet, weir_text *text)
{
    weir_text rest = *text;
    sheet->clean.length = 0;
    while (rest.len) {
        size_t valid = weir_utf8_valid_length(rest);
        weir_buffer_append(&sheet->clean, rest.ptr, valid);
        rest.ptr += valid;
        rest.len -= valid;
        if (rest.len) {
            size_t bad = invalid_length(rest.ptr, rest.len);
            weir_buffer_append(&sheet->clean, "\xEF\xBF\xBD", 3);
            rest.ptr += bad;
            rest.len -= bad;
        }
    }
    if (sheet->clean.failed)
        return weir_error_out_of_memory(sheet->error);
    *text = (weir_text){ sheet->clean.data, sheet->clean.length };
    return WEIR_OK;
}

int weir_check_text(weir_sheet *sheet, size_t column, weir_text *text)
{
    if (weir_text_is_utf8(*text))
        return WEIR_OK;
    if (sheet->replace_invalid_text)
        return put_right(sheet, text);
    size_t valid = weir_utf8_valid_length(*text);
    weir_text name = sheet->names[column];
    weir_error_set(sheet->error, WEIR_DATA, "row %lld, column %.*s: the text is not valid UTF-8 at byte %zu",
                   (long long)sheet->rows + 1, (int)(name.len < 128 ? name.len : 128), name.ptr, valid + 1);
    sheet->error->row = sheet->rows + 1;
    weir_error_text(sheet->error->column, sizeof sheet->error->column, name.ptr, name.len);
    return WEIR_DATA;
}

int weir_long_text(weir_sheet *sheet, size_t column, const weir_value *value, weir_text *text)
{
    sheet->scratch.length = 0;
    switch (value->type) {
    case WEIR_T_BLOB:
        weir_base64_append(&sheet->scratch, value->as.blob.ptr, value->as.blob.len);
        break;
    case WEIR_T_ARRAY:
        weir_value_append(&sheet->scratch, value);
        break;
    default:
        *text = value->as.text;
        return weir_check_text(sheet, column, text);
    }
    if (sheet->scratch.failed)
        return weir_error_out_of_memory(sheet->error);
    *text = (weir_text){ sheet->scratch.data ? sheet->scratch.data : "", sheet->scratch.length };
    return value->type == WEIR_T_BLOB ? WEIR_OK : weir_check_text(sheet, column, text);
}
