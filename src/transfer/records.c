/* Records of any format: the table of formats, columns, and the step from one record to the next. */
#include "transfer/records.h"
#include <stdio.h>
#include <strings.h>

static const weir_record_format *const formats[] = {
    &weir_records_csv,                  /* the first is the default */
    &weir_records_jsonl,
};
enum { FORMATS = sizeof formats / sizeof *formats, FIRST_COLUMNS = 16, COLUMNS_MAX = 1664 };

static const weir_record_format *format_of_path(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < FORMATS; i++)
        for (const char *const *suffix = formats[i]->suffixes; *suffix; suffix++)
            if (length >= strlen(*suffix) && !strcasecmp(path + length - strlen(*suffix), *suffix))
                return formats[i];
    return formats[0];
}

static int find_format(weir_records *records, const char *path, const char *name, weir_error *error)
{
    if (!name)
        records->format = format_of_path(path);
    for (size_t i = 0; i < FORMATS && name && !records->format; i++)
        if (!strcmp(formats[i]->name, name))
            records->format = formats[i];
    return records->format ? WEIR_OK : weir_error_set(error, WEIR_ARGUMENT, "unknown format '%s'; csv and jsonl can be read", name);
}

int weir_records_open(weir_records *records, weir_ledger *ledger, const char *path, const char *format, const char *const *columns,
                      size_t maximum, weir_error *error)
{
    *records = (weir_records){ .ledger = ledger, .header = true, .delimiter = ',', .input.fd = -1 };
    weir_arena_init(&records->names, ledger, WEIR_MEMORY_OUTPUT, 1024);
    weir_buffer_init(&records->scratch, ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    int status = find_format(records, path, format, error);
    if (status == WEIR_OK)
        status = weir_input_open(&records->input, ledger, path, maximum, error);
    if (status == WEIR_OK)
        records->input.quotes = records->format->quotes;
    for (; status == WEIR_OK && columns && *columns; columns++)
        status = weir_records_name(records, *columns, strlen(*columns), error);
    return status;
}

void weir_records_close(weir_records *records)
{
    weir_input_close(&records->input);
    weir_buffer_free(&records->scratch);
    weir_arena_free(&records->names);
    records->columns = NULL;
    records->fields = NULL;
    records->column_count = 0;
}

bool weir_records_reject(weir_records *records, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(records->reason, sizeof records->reason, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- columns --------------------------------------------------------------------------------------------------------------- */

int weir_records_name(weir_records *records, const char *name, size_t length, weir_error *error)
{
    size_t count = records->column_count;
    if (length == 0)
        return weir_error_set(error, WEIR_DATA, "column %zu has no name", count + 1);
    if (memchr(name, 0, length))
        return weir_error_set(error, WEIR_DATA, "the name of column %zu has a NUL in it", count + 1);
    if (count == COLUMNS_MAX)
        return weir_error_set(error, WEIR_DATA, "more than %d columns", COLUMNS_MAX);
    for (size_t i = 0; i < count; i++)
        if (strlen(records->columns[i]) == length && !memcmp(records->columns[i], name, length))
            return weir_error_set(error, WEIR_DATA, "column '%.*s' is named twice", (int)weir_utf8_cut((weir_text){ name, length }, 60), name);
    if ((count & (count - 1)) == 0 && (count == 0 || count >= FIRST_COLUMNS)) {
        size_t room = count ? count * 2 : FIRST_COLUMNS;
        const char **columns = weir_arena_take(&records->names, room * sizeof *columns);
        if (!columns)
            return weir_error_out_of_memory(error);
        if (count)
            memcpy(columns, records->columns, count * sizeof *columns);
        records->columns = columns;
    }
    char *copy = weir_arena_bytes(&records->names, length + 1);
    if (!copy)
        return weir_error_out_of_memory(error);
    memcpy(copy, name, length);
    copy[length] = 0;
    records->columns[records->column_count++] = copy;
    return WEIR_OK;
}

static int take_names(weir_records *records, weir_text first, bool *only_names, weir_error *error)
{
    size_t given = records->column_count;
    if (!weir_buffer_reserve(&records->scratch, first.len + 1))
        return weir_error_out_of_memory(error);
    *only_names = false;
    if (given > 0) {                    /* the program says what the columns are; a header is passed over */
        *only_names = records->header && records->format == &weir_records_csv;
        return WEIR_OK;
    }
    size_t valid = weir_utf8_valid_length(first);
    int status = valid < first.len ? weir_error_set(error, WEIR_DATA, "not valid UTF-8 at byte %zu of the record", valid + 1)
                                   : records->format->name_columns(records, first, only_names, error);
    if (status == WEIR_DATA && !error->row) {
        weir_error_context(error, "line %lld of %s", (long long)records->input.line, records->input.name);
        error->row = records->input.line;
    }
    return status;
}

int weir_records_begin(weir_records *records, weir_error *error)
{
    weir_text first;
    int outcome;
    bool only_names = false;
    while ((outcome = weir_input_record(&records->input, &first, error)) == WEIR_RECORD && records->format->is_blank(first))
        weir_input_consume(&records->input);
    if (outcome < 0)
        return outcome;
    if (outcome == WEIR_RECORD_TOO_LONG && !records->column_count)
        return weir_error_set(error, WEIR_DATA, "line %lld of %s is longer than %zu bytes: it cannot tell the columns",
                              (long long)records->input.line, records->input.name, records->input.maximum);
    int status = outcome == WEIR_RECORD ? take_names(records, first, &only_names, error) : WEIR_OK;
    if (status != WEIR_OK)
        return status;
    if (only_names)
        weir_input_consume(&records->input);
    records->fields = weir_arena_take(&records->names, (records->column_count + 1) * sizeof *records->fields);
    return records->fields ? WEIR_OK : weir_error_out_of_memory(error);
}

/* ---- records --------------------------------------------------------------------------------------------------------------- */

bool weir_records_parse(weir_records *records, weir_text record)
{
    records->scratch.length = 0;
    if (!weir_buffer_reserve(&records->scratch, record.len + 1))
        return weir_records_reject(records, "no memory for a record of %zu bytes", record.len);
    if (!weir_text_is_ascii(record)) {
        size_t valid = weir_utf8_valid_length(record);
        if (valid < record.len)
            return weir_records_reject(records, "not valid UTF-8 at byte %zu of the record", valid + 1);
    }
    memset(records->fields, 0, records->column_count * sizeof *records->fields);
    return records->format->parse(records, record);
}

int weir_records_next(weir_records *records, weir_error *error)
{
    weir_input *input = &records->input;
    int outcome;
    /* The record before this one is given up only now: its bytes were lent. */
    if (records->raw.ptr)
        weir_input_consume(input);
    records->raw.ptr = NULL;
    while ((outcome = weir_input_record(input, &records->raw, error)) == WEIR_RECORD && records->format->is_blank(records->raw)) {
        weir_input_consume(input);
        records->raw.ptr = NULL;
    }
    records->line = input->line;
    if (outcome == WEIR_RECORD_TOO_LONG) {
        weir_records_reject(records, "the record is longer than %zu bytes", input->maximum);
        return WEIR_RECORD_BAD;
    }
    if (outcome != WEIR_RECORD) {
        records->raw.ptr = NULL;
        return outcome;
    }
    if (weir_records_parse(records, records->raw))
        return WEIR_RECORD;
    return records->scratch.failed ? weir_error_out_of_memory(error) : WEIR_RECORD_BAD;
}
