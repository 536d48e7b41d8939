/* A checkpoint as text: lines "name value" in a fixed order, a checksum in the last. What is read may come from anybody: every length is
 * looked at, and nothing is taken over until all of it was. */
#include "transfer/checkpoint.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/checksum.h"

#define FIRST_LINE "weir checkpoint 1\n"

enum line { STATEMENT = 0, SCOPE, COLUMNS, PLACE, ROWS, RUNS, RECONNECTS, DATA, CHECK, LINES };
static const char *const names[LINES] = { "statement", "scope", "columns", "place", "rows", "runs", "reconnects", "data", "check" };

/* ---- writing ----------------------------------------------------------------------------------------------------------- */
/* Bytes that would end a line, or begin an escape, as %XX. */
static void append_escaped(weir_buffer *text, const weir_buffer *bytes)
{
    for (size_t i = 0; i < bytes->length; i++) {
        unsigned char byte = (unsigned char)bytes->data[i];
        if (byte < 0x20 || byte == '%' || byte == 0x7F)
            weir_buffer_printf(text, "%%%02x", byte);
        else
            weir_buffer_byte(text, bytes->data[i]);
    }
}

static uint64_t checksum_of(const char *text, size_t length)
{
    weir_checksum checksum;
    weir_checksum_init(&checksum);
    weir_checksum_add(&checksum, text, length);
    return weir_checksum_value(&checksum);
}

void weir_checkpoint_write(const weir_checkpoint *checkpoint, weir_buffer *text)
{
    const weir_checkpoint_figures *figures = &checkpoint->figures;
    weir_buffer_text(text, FIRST_LINE);
    weir_buffer_printf(text, "%s %s\n%s ", names[STATEMENT], checkpoint->fingerprint, names[SCOPE]);
    append_escaped(text, &checkpoint->scope);
    weir_buffer_printf(text, "\n%s ", names[COLUMNS]);
    append_escaped(text, &checkpoint->columns);
    weir_buffer_printf(text, "\n%s ", names[PLACE]);
    if (checkpoint->place.length)
        weir_buffer_append(text, checkpoint->place.data, checkpoint->place.length);
    weir_buffer_printf(text, "\n%s %" PRId64 "\n%s %" PRId64 "\n%s %" PRId64 "\n%s ", names[ROWS], figures->rows, names[RUNS], figures->runs,
                       names[RECONNECTS], figures->reconnects, names[DATA]);
    append_escaped(text, &checkpoint->data);
    weir_buffer_byte(text, '\n');
    if (!text->failed)
        weir_buffer_printf(text, "%s %016" PRIx64 "\n", names[CHECK], checksum_of(text->data, text->length));
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */
typedef struct field { const char *at; size_t length; } field;

static int damaged(weir_error *error, const char *what)
{
    weir_error_set(error, WEIR_DATA, "this is no checkpoint, or it is damaged: %s", what);
    weir_checkpoint_advise(error);
    return WEIR_DATA;
}

/* The value of the line `name` that begins at *at; moves *at behind it. */
static bool take_line(const char **at, const char *end, const char *name, field *out)
{
    size_t length = strlen(name), left = (size_t)(end - *at);
    if (left <= length || memcmp(*at, name, length) != 0 || (*at)[length] != ' ')
        return false;
    const char *from = *at + length + 1, *stop = memchr(from, '\n', (size_t)(end - from));
    if (!stop)
        return false;
    *out = (field){ from, (size_t)(stop - from) };
    *at = stop + 1;
    return true;
}

static int cut(const char *text, size_t length, field lines[LINES], weir_error *error)
{
    const char *at = text, *end = text + length, *checked = text;
    size_t first = sizeof FIRST_LINE - 1;
    char sum[17];
    if (length < first || memcmp(text, FIRST_LINE, first - 2) != 0)
        return damaged(error, "it does not begin as one");
    if (memcmp(text, FIRST_LINE, first) != 0)
        return damaged(error, "it is of another version of weir");
    at += first;
    for (int i = 0; i < LINES; i++) {
        checked = at;
        if (!take_line(&at, end, names[i], &lines[i]))
            return damaged(error, "a line is missing");
    }
    snprintf(sum, sizeof sum, "%016" PRIx64, checksum_of(text, (size_t)(checked - text)));
    if (at != end || lines[CHECK].length != 16 || memcmp(sum, lines[CHECK].at, 16) != 0)
        return damaged(error, "its checksum is wrong");
    return WEIR_OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: no escape, or no memory (out->failed). */
static bool unescape(field from, weir_buffer *out)
{
    if (!weir_buffer_reserve(out, from.length + 1))
        return false;
    for (size_t i = 0; i < from.length; i++) {
        if (from.at[i] != '%') {
            weir_buffer_byte(out, from.at[i]);
            continue;
        }
        int high = i + 2 < from.length ? hex_digit(from.at[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(from.at[i + 2]) : -1;
        if (low < 0)
            return false;
        weir_buffer_byte(out, (char)(high * 16 + low));
        i += 2;
    }
    return true;
}

static bool read_count(field from, int64_t *out)
{
    *out = 0;
    if (from.length == 0 || from.length > 18)
        return false;
    for (size_t i = 0; i < from.length; i++) {
        if (from.at[i] < '0' || from.at[i] > '9')
            return false;
        *out = *out * 10 + (from.at[i] - '0');
    }
    return true;
}

/* Whether the place is a key of this order. */
static int check_place(const weir_checkpoint *checkpoint, field place, weir_error *error)
{
    weir_arena arena;
    size_t count = weir_order_count(checkpoint->order);
    int status = WEIR_OK;
    if (place.length == 0)
        return WEIR_OK;
    weir_arena_init(&arena, (weir_ledger *)(uintptr_t)&checkpoint->ledger, WEIR_MEMORY_HANDLES, 512);
    weir_value *key = weir_arena_take(&arena, count * sizeof *key);
    status = key ? weir_key_read(place.at, place.length, &arena, key, count, error) : weir_error_out_of_memory(error);
    weir_arena_free(&arena);
    return status;
}

static int compare(const weir_checkpoint *checkpoint, const field lines[LINES], const weir_buffer *scope, weir_error *error)
{
    if (lines[STATEMENT].length != WEIR_FINGERPRINT_SIZE - 1)
        return damaged(error, "it names no statement");
    if (memcmp(lines[STATEMENT].at, checkpoint->fingerprint, WEIR_FINGERPRINT_SIZE - 1) != 0)
        weir_error_set(error, WEIR_INVALID_REQUEST, "the checkpoint belongs to another statement: its text, its order or the values of its "
                       "parameters changed");
    else if (scope->length != checkpoint->scope.length || (scope->length && memcmp(scope->data, checkpoint->scope.data, scope->length) != 0))
        weir_error_set(error, WEIR_INVALID_REQUEST, "the checkpoint belongs to %.*s, this is %.*s", (int)(scope->length < 200 ? scope->length : 200),
                       scope->length ? scope->data : "", (int)(checkpoint->scope.length < 200 ? checkpoint->scope.length : 200),
                       checkpoint->scope.length ? checkpoint->scope.data : "");
    if (error->status != WEIR_OK) {
        weir_checkpoint_advise(error);
        return error->status;
    }
    return check_place(checkpoint, lines[PLACE], error);
}

/* What was read, until all of it was looked at. */
typedef struct draft { weir_buffer scope, columns, place, data; weir_checkpoint_figures figures; } draft;

static int read_draft(const weir_checkpoint *checkpoint, const char *text, size_t length, draft *d, weir_error *error)
{
    field lines[LINES];
    if (cut(text, length, lines, error) != WEIR_OK)
        return error->status;
    bool sound = unescape(lines[SCOPE], &d->scope) && unescape(lines[COLUMNS], &d->columns) && unescape(lines[DATA], &d->data) &&
                 read_count(lines[ROWS], &d->figures.rows) &&
                 read_count(lines[RUNS], &d->figures.runs) && read_count(lines[RECONNECTS], &d->figures.reconnects);
    if (lines[PLACE].length)
        weir_buffer_append(&d->place, lines[PLACE].at, lines[PLACE].length);
    if (d->scope.failed || d->columns.failed || d->data.failed || d->place.failed)
        return weir_error_out_of_memory(error);
    if (!sound)
        return damaged(error, "a line is none of a checkpoint's");
    d->figures.restored = true;
    d->figures.placed = lines[PLACE].length > 0;
    return compare(checkpoint, lines, &d->scope, error);
}

static void exchange(weir_buffer *a, weir_buffer *b)
{
    weir_buffer kept = *a;
    *a = *b;
    *b = kept;
}

int weir_checkpoint_read(weir_checkpoint *checkpoint, const char *text, size_t length, weir_error *error)
{
    draft d = { 0 };
    weir_buffer *const buffers[] = { &d.scope, &d.columns, &d.place, &d.data };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        weir_buffer_init(buffers[i], &checkpoint->ledger, WEIR_MEMORY_HANDLES, WEIR_CHECKPOINT_MAX);
    int status = length > WEIR_CHECKPOINT_MAX ? damaged(error, "it is too large") : read_draft(checkpoint, text, length, &d, error);
    if (status == WEIR_OK) {
        exchange(&checkpoint->columns, &d.columns);
        exchange(&checkpoint->place, &d.place);
        exchange(&checkpoint->data, &d.data);
        checkpoint->figures = d.figures;
    }
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        weir_buffer_free(buffers[i]);
    return status;
}
