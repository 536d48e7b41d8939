/* CSV read: RFC 4180, with LF or CRLF line ends. Nothing between two delimiters is NULL, "" is the empty text. */
#include <stdio.h>
#include "transfer/records.h"

static bool is_blank(weir_text record) { return record.len == 0; }

/* One field, read from *next on: true with *next behind its delimiter (NULL: it was the last). */
static bool take_field(weir_records *records, const char **next, const char *end, size_t number, weir_field *field)
{
    const char *p = *next, *stop;
    if (p < end && *p == '"') {
        size_t before = records->scratch.length;
        for (const char *from = ++p;; from = p) {
            if (!(stop = memchr(p, '"', (size_t)(end - p))))
                return weir_records_reject(records, "field %zu has no closing quote", number);
            bool doubled = stop + 1 < end && stop[1] == '"';
            if (!doubled && records->scratch.length == before) {        /* nothing to take out: the record's own bytes do */
                *field = (weir_field){ .kind = WEIR_FIELD_TEXT, .ptr = from, .length = (size_t)(stop - from) };
                break;
            }
            weir_buffer_append(&records->scratch, from, (size_t)(stop - from) + doubled);
            p = stop + 2;
            if (doubled)
                continue;
            size_t length = records->scratch.length - before;
            *field = (weir_field){ .kind = WEIR_FIELD_TEXT, .ptr = weir_records_scratch(records, length), .length = length };
            break;
        }
        p = stop + 1;
        if (p < end && *p != records->delimiter)
            return weir_records_reject(records, "field %zu goes on behind its closing quote", number);
        *next = p < end ? p + 1 : NULL;
        return true;
    }
    stop = p < end ? memchr(p, records->delimiter, (size_t)(end - p)) : NULL;
    size_t length = (size_t)((stop ? stop : end) - p);
    if (length && memchr(p, '"', length))
        return weir_records_reject(records, "a quote stands inside of field %zu, which does not begin with one", number);
    *field = (weir_field){ .kind = WEIR_FIELD_TEXT, .ptr = p, .length = length };
    const char *null_text = records->null_text ? records->null_text : "";
    if (strlen(null_text) == length && !memcmp(null_text, p, length))
        field->kind = WEIR_FIELD_NULL;
    *next = stop ? stop + 1 : NULL;
    return true;
}

static int name_columns(weir_records *records, weir_text record, bool *only_names, weir_error *error)
{
    const char *next = record.ptr, *end = record.ptr + record.len;
    char made_up[32];
    *only_names = records->header;
    for (size_t number = 1; next; number++) {
        weir_field field = { 0 };
        if (!take_field(records, &next, end, number, &field))
            return weir_error_set(error, WEIR_DATA, "%s", records->reason);
        int length = snprintf(made_up, sizeof made_up, "%zu", number);
        int status = records->header ? weir_records_name(records, field.ptr, field.length, error)
                                     : weir_records_name(records, made_up, (size_t)length, error);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

static bool parse(weir_records *records, weir_text record)
{
    const char *next = record.ptr, *end = record.ptr + record.len;
    size_t count = 0, wanted = records->column_count;
    weir_field beyond;
    for (; next; count++)
        if (!take_field(records, &next, end, count + 1, count < wanted ? &records->fields[count] : &beyond))
            return false;
    if (count != wanted)
        return weir_records_reject(records, "%zu field%s, but there are %zu columns", count, count == 1 ? "" : "s", wanted);
    /* Where it is the only field, NULL is written "": readers pass over empty lines. */
    if (wanted == 1 && !records->null_text && records->fields[0].length == 0)
        records->fields[0].kind = WEIR_FIELD_NULL;
    return true;
}

const weir_record_format weir_records_csv = {
    .name = "csv", .suffixes = { ".csv", NULL }, .quotes = true,
    .is_blank = is_blank, .name_columns = name_columns, .parse = parse,
};
