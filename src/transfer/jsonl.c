/* JSON lines: one object per row and line.
 * Numbers are numbers with all their digits, NaN and infinities strings; JSON columns are embedded (what a database calls JSON
 * and is none becomes a string); arrays are arrays (those of JSON with several dimensions strings, for nobody could tell dimensions
 * from items); blobs base64; all else the text form as a string. Columns of the same name get a number: id, id_1. */
#include "transfer/encode.h"
#include "transfer/json_text.h"

/* ---- strings ----------------------------------------------------------------------------------------------------- */
/* What follows the backslash; 'u': the long form; 0: needs no escape. */
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    ['"'] = '"', ['\\'] = '\\', [0x7F] = 'u',
};

/* The length of the beginning that needs no escape. */
static size_t plain_length(const char *text, size_t length)
{
    size_t i = 0;
    for (; length - i >= 8; i += 8) {
        uint64_t word = weir_load_word(text + i);
        /* The middle term has a high bit for a byte below 0x20 (and, harmlessly, for some behind it). */
        if (weir_has_byte(word, '"') | weir_has_byte(word, '\\') | weir_has_byte(word, 0x7F) |
            ((word - WEIR_ONES * 0x20) & ~word & WEIR_HIGH_BITS))
            break;
    }
    while (i < length && !escapes[(unsigned char)text[i]])
        i++;
    return i;
}

/* The escape of one byte; returns its length. */
static size_t escape(char out[6], unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = escapes[byte];
    if (out[1] != 'u')
        return 2;
    memcpy(out + 2, "00", 2);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return 6;
}

/* Valid UTF-8 between quotes. */
void weir_json_put_string(weir_output *output, weir_text text)
{
    weir_output_byte(output, '"');
    for (;;) {
        size_t run = plain_length(text.ptr, text.len);
        weir_output_bytes(output, text.ptr, run);
        if (run == text.len)
            break;
        output->next += escape(weir_output_room(output, 6), (unsigned char)text.ptr[run]);
        text.ptr += run + 1;
        text.len -= run + 1;
    }
    weir_output_byte(output, '"');
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */
/* A decimal in plain digits as a JSON number: without "+", leading zeros and a bare point. Other texts (NaN) as strings. */
static void put_numeric(weir_output *output, weir_text text)
{
    if (weir_json_number_length(text.ptr, text.len) == text.len) {
        weir_output_bytes(output, text.ptr, text.len);
        return;
    }
    weir_text digits = text;
    bool negative = digits.len && digits.ptr[0] == '-';
    if (digits.len && (negative || digits.ptr[0] == '+'))
        digits.ptr++, digits.len--;
    while (digits.len > 1 && digits.ptr[0] == '0' && digits.ptr[1] != '.')
        digits.ptr++, digits.len--;
    if (digits.len > 1 && digits.ptr[digits.len - 1] == '.')
        digits.len--;
    bool bare_point = digits.len > 1 && digits.ptr[0] == '.';
    for (size_t i = 0, points = 0; i < digits.len; i++)
        if ((digits.ptr[i] < '0' || digits.ptr[i] > '9') && (digits.ptr[i] != '.' || ++points > 1)) {
            weir_json_put_string(output, text);
            return;
        }
    if (negative)
        weir_output_byte(output, '-');
    if (bare_point)
        weir_output_byte(output, '0');
    weir_output_bytes(output, digits.ptr, digits.len);
}

static bool is_number(const weir_value *value)
{
    if (value->type == WEIR_T_FLOAT || value->type == WEIR_T_DOUBLE)
        return value->as.d - value->as.d == 0;      /* neither NaN nor infinite */
    return value->type == WEIR_T_BOOL || value->type == WEIR_T_INT16 || value->type == WEIR_T_INT32 ||
           value->type == WEIR_T_INT64;
}

/* ---- values ------------------------------------------------------------------------------------------------------- */
static int put_json(weir_sheet *sheet, size_t column, weir_text text)
{
    bool one_line = true;
    if (weir_check_text(sheet, column, &text) != WEIR_OK)
        return sheet->error->status;
    if (!weir_json_valid(text.ptr, text.len, &one_line)) {
        weir_json_put_string(sheet->output, text);
        return WEIR_OK;
    }
    if (one_line) {
        weir_output_bytes(sheet->output, text.ptr, text.len);
        return WEIR_OK;
    }
    for (size_t i = 0; i < text.len; i++)
        weir_output_byte(sheet->output, text.ptr[i] == '\n' || text.ptr[i] == '\r' ? ' ' : text.ptr[i]);
    return WEIR_OK;
}

static int put_value(weir_sheet *sheet, size_t column, const weir_value *value);

/* What needs no more than its text form, in quotes unless it is a number. */
static int put_other(weir_sheet *sheet, size_t column, const weir_value *value)
{
    weir_output *output = sheet->output;
    weir_text text;
    char *place = weir_output_room(output, WEIR_SHORT_TEXT_SIZE + 2);
    bool number = is_number(value);
    size_t length = weir_short_text(place + !number, value);
    if (length) {
        if (!number)
            place[0] = place[length + 1] = '"';
        output->next += number ? length : length + 2;
        return WEIR_OK;
    }
    int status = weir_long_text(sheet, column, value, &text);
    if (status == WEIR_OK)
        weir_json_put_string(output, text);
    return status;
}

/* One dimension of an array; *item is the next of its items, in row-major order. */
static int put_dimension(weir_sheet *sheet, size_t column, const weir_array *array, int32_t dimension, size_t *item)
{
    weir_output_byte(sheet->output, '[');
    for (int32_t i = 0; i < array->lengths[dimension]; i++) {
        if (i)
            weir_output_byte(sheet->output, ',');
        int status = dimension + 1 < array->dimensions ? put_dimension(sheet, column, array, dimension + 1, item)
                                                       : put_value(sheet, column, &array->items[(*item)++]);
        if (status != WEIR_OK)
            return status;
    }
    weir_output_byte(sheet->output, ']');
    return WEIR_OK;
}

static int put_array(weir_sheet *sheet, size_t column, const weir_array *array)
{
    size_t item = 0;
    if (array->dimensions == 0) {
        weir_output_bytes(sheet->output, "[]", 2);
        return WEIR_OK;
    }
    if (array->dimensions > 1 && array->element_type == WEIR_T_JSON) {
        weir_value value = weir_value_array(array);
        weir_text text;
        int status = weir_long_text(sheet, column, &value, &text);
        if (status == WEIR_OK)
            weir_json_put_string(sheet->output, text);
        return status;
    }
    return put_dimension(sheet, column, array, 0, &item);
}

static int put_value(weir_sheet *sheet, size_t column, const weir_value *value)
{
    weir_output *output = sheet->output;
    weir_text text;
    switch (value->type) {
    case WEIR_T_NULL:
        weir_output_bytes(output, "null", 4);
        return WEIR_OK;
    case WEIR_T_NUMERIC:
        put_numeric(output, value->as.text);
        return WEIR_OK;
    case WEIR_T_JSON:
        return put_json(sheet, column, value->as.text);
    case WEIR_T_ARRAY:
        return put_array(sheet, column, value->as.array);
    case WEIR_T_TEXT:
        if (weir_long_text(sheet, column, value, &text) == WEIR_OK)
            weir_json_put_string(output, text);
        return sheet->error->status;
    default:
        return put_other(sheet, column, value);
    }
}

static int jsonl_row(weir_sheet *sheet, const weir_value *const *values)
{
    size_t from = 0;
    for (size_t i = 0; i < sheet->column_count; i++) {
        weir_output_bytes(sheet->output, sheet->prefixes.data + from, sheet->prefix_ends[i] - from);
        from = sheet->prefix_ends[i];
        if (put_value(sheet, i, values[i]) != WEIR_OK)
            return sheet->error->status;
    }
    weir_output_bytes(sheet->output, "}\n", 2);
    return WEIR_OK;
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */
static void append_string(weir_buffer *buffer, weir_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char escaped[6];
        unsigned char byte = (unsigned char)text.ptr[i];
        if (escapes[byte])
            weir_buffer_append(buffer, escaped, escape(escaped, byte));
        else
            weir_buffer_byte(buffer, text.ptr[i]);
    }
}

static bool same_text(weir_text a, weir_text b) { return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len)); }

/* Whether a column has this name, or, in front of `end`, got this key: `"key":` at the end of its prefix. */
static bool key_taken(const weir_sheet *sheet, size_t end, weir_text key)
{
    size_t from = 0;
    for (size_t i = 0; i < sheet->column_count; i++)
        if (same_text(sheet->names[i], key))
            return true;
    for (size_t i = 0; i < end; from = sheet->prefix_ends[i++]) {
        /* Each prefix is {" or ," and then the key and ": */
        weir_text other = { sheet->prefixes.data + from + 2, sheet->prefix_ends[i] - from - 4 };
        if (same_text(other, key))
            return true;
    }
    return false;
}

/* The key of a column: its name, or its name with the first number that makes it a new one. In sheet->scratch. */
static int make_key(weir_sheet *sheet, size_t column)
{
    weir_text name = sheet->names[column];
    weir_buffer *key = &sheet->scratch;
    if (weir_check_text(sheet, column, &name) != WEIR_OK)
        return sheet->error->status;
    key->length = 0;
    append_string(key, name);
    size_t bare = key->length;
    size_t number = 0;                  /* of earlier columns with this name */
    for (size_t i = 0; i < column; i++)
        number += same_text(sheet->names[i], sheet->names[column]);
    for (bool repeated = number > 0; repeated && !key->failed; number++) {
        key->length = bare;
        weir_buffer_printf(key, "_%zu", number);
        repeated = !key->failed && key_taken(sheet, column, (weir_text){ key->data, key->length });
    }
    return key->failed ? weir_error_out_of_memory(sheet->error) : WEIR_OK;
}

static int jsonl_begin(weir_sheet *sheet)
{
    sheet->prefix_ends = weir_alloc(sheet->ledger, WEIR_MEMORY_OUTPUT, sheet->column_count * sizeof *sheet->prefix_ends);
    if (!sheet->prefix_ends)
        return weir_error_out_of_memory(sheet->error);
    for (size_t i = 0; i < sheet->column_count; i++) {
        if (make_key(sheet, i) != WEIR_OK)
            return sheet->error->status;
        weir_buffer_text(&sheet->prefixes, i ? ",\"" : "{\"");
        weir_buffer_append(&sheet->prefixes, sheet->scratch.data, sheet->scratch.length);
        weir_buffer_text(&sheet->prefixes, "\":");
        sheet->prefix_ends[i] = sheet->prefixes.length;
        if (sheet->prefixes.failed)     /* the next key is compared with those written */
            return weir_error_out_of_memory(sheet->error);
    }
    return WEIR_OK;
}

const weir_format weir_format_jsonl = { "jsonl", { ".jsonl", ".ndjson", ".json" }, NULL, jsonl_begin, jsonl_row, .lines = true };
