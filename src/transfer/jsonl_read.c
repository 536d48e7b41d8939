/* JSON lines read: one object per line (RFC 8259), keys are columns. */
#include "transfer/records.h"
#include "transfer/json_text.h"

typedef struct walk { weir_records *records; const char *next, *end; } walk;

static bool is_blank(weir_text record)
{
    for (size_t i = 0; i < record.len; i++)
        if (!strchr(" \t\r", record.ptr[i]))
            return false;
    return true;
}

static void skip_space(walk *w)
{
    while (w->next < w->end && (*w->next == ' ' || *w->next == '\t' || *w->next == '\r' || *w->next == '\n'))
        w->next++;
}

static bool take(walk *w, char wanted)
{
    skip_space(w);
    if (w->next == w->end || *w->next != wanted)
        return false;
    w->next++;
    return true;
}

static bool misplaced(walk *w, const char *expected)
{
    return weir_records_reject(w->records, "not JSON at byte %zu: %s expected", (size_t)(w->next - w->records->raw.ptr) + 1, expected);
}

/* ---- strings --------------------------------------------------------------------------------------------------------------- */

/* Behind the opening quote. The text is the record's own bytes where nothing is escaped, else in scratch. */
static bool take_string(walk *w, weir_text *out)
{
    weir_buffer *scratch = &w->records->scratch;
    const char *first = w->next;
    bool escaped = false;
    for (; w->next < w->end && *w->next != '"'; w->next++) {
        if ((unsigned char)*w->next < 0x20)
            return misplaced(w, "an escape instead of a control character");
        if (*w->next == '\\' && w->next + 1 < w->end) {
            escaped = true;
            w->next++;
        }
    }
    if (w->next >= w->end)
        return misplaced(w, "a closing quote");
    *out = (weir_text){ first, (size_t)(w->next++ - first) };
    if (!escaped)
        return true;
    if (!weir_json_unescape(*out, scratch->data + scratch->length, out)) {
        w->next = first;
        return misplaced(w, "a string whose escapes JSON knows");
    }
    scratch->length += out->len;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

/* An object or array: to the bracket that closes it; what is between is looked at as a whole. */
static bool take_nested(walk *w, weir_field *field)
{
    const char *first = w->next;
    size_t depth = 0, deepest = 0;
    bool inside = false, one_line;
    for (; w->next < w->end; w->next++) {
        char c = *w->next;
        if (inside) {
            if (c == '\\')
                w->next++;
            else if (c == '"')
                inside = false;
        } else if (c == '"') {
            inside = true;
        } else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            break;
        }
    }
    if (w->next >= w->end)
        return w->next = w->end, misplaced(w, "a closing bracket");
    w->next++;
    *field = (weir_field){ .kind = WEIR_FIELD_JSON, .ptr = first, .length = (size_t)(w->next - first) };
    if (weir_json_valid(first, field->length, &one_line))
        return true;
    w->next = first;
    if (deepest > WEIR_JSON_DEEPEST)
        return weir_records_reject(w->records, "an object or array is nested more than %d levels deep", WEIR_JSON_DEEPEST);
    return misplaced(w, "an object or array that is JSON");
}

static bool take_word(walk *w, const char *word, weir_field_kind kind, weir_field *field)
{
    size_t length = strlen(word);
    if ((size_t)(w->end - w->next) < length || memcmp(w->next, word, length))
        return misplaced(w, "a value");
    *field = (weir_field){ .kind = kind, .ptr = w->next, .length = length };
    w->next += length;
    return true;
}

static bool take_value(walk *w, weir_field *field)
{
    skip_space(w);
    const char *first = w->next;
    char c = w->next < w->end ? *w->next : 0;
    bool good;
    weir_text text;
    size_t length;
    switch (c) {
    case '"':
        w->next++;
        good = take_string(w, &text);
        if (good)
            *field = (weir_field){ .kind = WEIR_FIELD_TEXT, .ptr = text.ptr, .length = text.len };
        break;
    case '{': case '[':
        good = take_nested(w, field);
        break;
    case 't': good = take_word(w, "true", WEIR_FIELD_TRUE, field); break;
    case 'f': good = take_word(w, "false", WEIR_FIELD_FALSE, field); break;
    case 'n': good = take_word(w, "null", WEIR_FIELD_NULL, field); break;
    default:
        length = weir_json_number_length(w->next, (size_t)(w->end - w->next));
        good = length > 0 || misplaced(w, "a value");
        if (good)
            *field = (weir_field){ .kind = WEIR_FIELD_NUMBER, .ptr = w->next, .length = length };
        w->next += length;
    }
    if (good)
        field->raw = (weir_text){ first, (size_t)(w->next - first) };
    return good;
}

/* ---- records --------------------------------------------------------------------------------------------------------------- */

/* The column of a key; most records have their keys in the same order. */
static size_t column_of(const weir_records *records, weir_text key, size_t expected)
{
    size_t count = records->column_count;
    for (size_t i = 0; i < count; i++) {
        size_t at = (expected + i) % count;
        if (strlen(records->columns[at]) == key.len && !memcmp(records->columns[at], key.ptr, key.len))
            return at;
    }
    return SIZE_MAX;
}

/* Calls `each` for key and value, in order. */
static bool take_object(walk *w, bool (*each)(walk *w, weir_text key, const weir_field *field, size_t number, void *context), void *context)
{
    if (!take(w, '{'))
        return misplaced(w, "{");
    if (!take(w, '}')) {
        size_t number = 0;
        do {
            weir_text key = { "", 0 };
            weir_field field;
            if (!take(w, '"'))
                return misplaced(w, "a key in quotes");
            if (!take_string(w, &key))
                return false;
            if (!take(w, ':'))
                return misplaced(w, ":");
            if (!take_value(w, &field) || !each(w, key, &field, number++, context))
                return false;
        } while (take(w, ','));
        if (!take(w, '}'))
            return misplaced(w, ", or }");
    }
    skip_space(w);
    return w->next == w->end || misplaced(w, "the end of the line");
}

static bool name_one(walk *w, weir_text key, const weir_field *field, size_t number, void *context)
{
    (void)field, (void)number;
    return weir_records_name(w->records, key.ptr, key.len, context) == WEIR_OK;
}

static int name_columns(weir_records *records, weir_text record, bool *only_names, weir_error *error)
{
    walk w = { records, record.ptr, record.ptr + record.len };
    *only_names = false;
    weir_error_clear(error);
    records->raw = record;
    bool good = take_object(&w, name_one, error);
    records->raw.ptr = NULL;
    if (!good && error->status == WEIR_OK)
        weir_error_set(error, WEIR_DATA, "%s", records->reason);
    return error->status;
}

static bool keep_one(walk *w, weir_text key, const weir_field *field, size_t number, void *context)
{
    weir_records *records = w->records;
    size_t column = records->column_count ? column_of(records, key, number) : SIZE_MAX;
    int shown = (int)weir_utf8_cut(key, 60);
    (void)context;
    if (column == SIZE_MAX)
        return weir_records_reject(records, "there is no column for the key '%.*s'", shown, key.ptr);
    if (records->fields[column].raw.ptr)
        return weir_records_reject(records, "the key '%.*s' stands there twice", shown, key.ptr);
    records->fields[column] = *field;
    return true;
}

static bool parse(weir_records *records, weir_text record)
{
    walk w = { records, record.ptr, record.ptr + record.len };
    weir_text raw = records->raw;
    records->raw = record;              /* what positions in messages count from */
    bool good = take_object(&w, keep_one, NULL);
    records->raw = raw;
    return good;
}

const weir_record_format weir_records_jsonl = {
    .name = "jsonl", .suffixes = { ".jsonl", ".ndjson", ".json", NULL }, .quotes = false,
    .is_blank = is_blank, .name_columns = name_columns, .parse = parse,
};
