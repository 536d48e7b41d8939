/* CSV: RFC 4180 with LF line ends, quoting only what needs it.
 * NULL is the null text (by default nothing) without quotes; a text that could be taken for it is quoted. Two rules go beyond
 * that: fields with a space at either end are quoted, since readers trim; and in a file with one column a NULL that would be
 * an empty line is written "", since readers skip empty lines: there, give a null text to tell NULL from the empty string. */
#include "transfer/encode.h"

/* Bytes that make quotes necessary. */
static const unsigned char special[256] = { [','] = 1, ['"'] = 1, ['\n'] = 1, ['\r'] = 1 };

static bool has_special(const char *p, size_t length)
{
    const char *end = p + length;
    for (; end - p >= 8; p += 8) {
        uint64_t word = weir_load_word(p);
        if (weir_has_byte(word, ',') | weir_has_byte(word, '"') | weir_has_byte(word, '\n') | weir_has_byte(word, '\r'))
            return true;
    }
    unsigned char seen = 0;
    while (p < end)
        seen |= special[(unsigned char)*p++];
    return seen;
}

/* At the beginning of a file readers would take it for a byte order mark. */
static bool begins_with_mark(weir_text text) { return text.len >= 3 && !memcmp(text.ptr, "\xEF\xBB\xBF", 3); }

/* PostgreSQL reads a lone \. as the end of the data. */
static bool is_end_marker(weir_text text) { return text.len == 2 && text.ptr[0] == '\\' && text.ptr[1] == '.'; }

static bool is_null_text(const weir_sheet *sheet, const char *text, size_t length)
{
    return length == sheet->null_length && !memcmp(text, sheet->null_text, length);
}

static bool needs_quotes(const weir_sheet *sheet, weir_text text)
{
    return text.len == 0 || text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ' || has_special(text.ptr, text.len) ||
           (sheet->null_length && is_null_text(sheet, text.ptr, text.len)) || is_end_marker(text) || begins_with_mark(text);
}

static void put_quoted(weir_output *output, weir_text text)
{
    weir_output_byte(output, '"');
    while (text.len) {
        const char *quote = memchr(text.ptr, '"', text.len);
        size_t run = quote ? (size_t)(quote - text.ptr) + 1 : text.len;
        weir_output_bytes(output, text.ptr, run);
        if (quote)
            weir_output_byte(output, '"');
        text.ptr += run;
        text.len -= run;
    }
    weir_output_byte(output, '"');
}

static void put_text(weir_sheet *sheet, weir_text text)
{
    if (needs_quotes(sheet, text))
        put_quoted(sheet->output, text);
    else
        weir_output_bytes(sheet->output, text.ptr, text.len);
}

static void put_null(weir_sheet *sheet)
{
    if (sheet->null_length == 0 && sheet->column_count == 1)
        weir_output_bytes(sheet->output, "\"\"", 2);
    else
        weir_output_bytes(sheet->output, sheet->null_text, sheet->null_length);
}

/* Numbers, dates and their like need quotes only where they look like the null text. */
static void end_short(weir_sheet *sheet, const char *place, size_t length)
{
    char copy[WEIR_SHORT_TEXT_SIZE];
    if (sheet->null_length && is_null_text(sheet, place, length)) {
        memcpy(copy, place, length);
        put_quoted(sheet->output, (weir_text){ copy, length });
    } else {
        sheet->output->next += length;
    }
}

static int put_value(weir_sheet *sheet, size_t column, const weir_value *value)
{
    weir_text text;
    if (value->type == WEIR_T_NULL) {
        put_null(sheet);
        return WEIR_OK;
    }
    if (value->type != WEIR_T_TEXT) {
        char *place = weir_output_room(sheet->output, WEIR_SHORT_TEXT_SIZE);
        size_t length = weir_short_text(place, value);
        if (length) {
            end_short(sheet, place, length);
            return WEIR_OK;
        }
    }
    if (weir_long_text(sheet, column, value, &text) != WEIR_OK)
        return sheet->error->status;
    put_text(sheet, text);
    return WEIR_OK;
}

static int csv_row(weir_sheet *sheet, const weir_value *const *values)
{
    for (size_t i = 0; i < sheet->column_count; i++) {
        if (i)
            weir_output_byte(sheet->output, ',');
        if (put_value(sheet, i, values[i]) != WEIR_OK)
            return sheet->error->status;
    }
    weir_output_byte(sheet->output, '\n');
    return WEIR_OK;
}

static int csv_check(weir_sheet *sheet)
{
    if (has_special(sheet->null_text, sheet->null_length))
        return weir_error_set(sheet->error, WEIR_ARGUMENT,
                              "the text for NULL may hold no comma, quote or line end: quotes would make it a text");
    return WEIR_OK;
}

static int csv_begin(weir_sheet *sheet)
{
    bool header = sheet->header && !sheet->continued;
    for (size_t i = 0; header && i < sheet->column_count; i++) {
        weir_text name = sheet->names[i];
        if (weir_check_text(sheet, i, &name) != WEIR_OK)
            return sheet->error->status;
        if (i)
            weir_output_byte(sheet->output, ',');
        put_text(sheet, name);
    }
    if (header)
        weir_output_byte(sheet->output, '\n');
    return WEIR_OK;
}

const weir_format weir_format_csv = { "csv", { ".csv" }, csv_check, csv_begin, csv_row, .texts = true, .lines = true };
