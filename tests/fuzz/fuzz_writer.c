/* Files of any values: CSV, JSON lines, Parquet, Arrow. What was written is whole where a look can tell: CSV and JSON lines are read back,
 * JSON is JSON, Parquet and Arrow begin, end and add up as their formats say.
 * Input: format, options, number of columns, a type for each (255: the database tells none), then rows of values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/rows.h"
#include "fuzz.h"
#include "transfer/json_text.h"
#include "transfer/records.h"
#include "transfer/writer.h"

enum { MOST_COLUMNS = 8, MOST_ROWS = 300 };

static int take_bytes(void *context, const char *bytes, size_t length, weir_error *error)
{
    weir_buffer *file = context;
    weir_buffer_append(file, bytes, length);
    return file->failed ? weir_error_out_of_memory(error) : WEIR_OK;
}

/* A value that the column may have: mostly of its type, NULL now and then; in SQLite's columns anything. */
static weir_value cell_for(fuzz_script *script, weir_arena *arena, weir_type type)
{
    weir_value value = fuzz_value(script, arena, 2);
    return type == WEIR_T_NULL || value.type == type ? value : weir_value_null();
}

/* ---- what was written ---- */
static void check_records(const char *format, const weir_buffer *file, size_t columns, size_t rows)
{
    weir_records records;
    weir_error error = { .status = WEIR_OK };
    char path[64];
    size_t count = 0;
    int outcome, fd = memfd_create("written", MFD_CLOEXEC);
    if (fd < 0 || write(fd, file->data, file->length) != (ssize_t)file->length)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    FUZZ_DEMAND(weir_records_open(&records, weir_ledger_root(), path, format, NULL, 1 << 26, &error) == WEIR_OK, "%s", error.message);
    records.header = true;
    FUZZ_DEMAND(weir_records_begin(&records, &error) == WEIR_OK, "%s", error.message);
    while ((outcome = weir_records_next(&records, &error)) > 0) {
        FUZZ_DEMAND(outcome != WEIR_RECORD_BAD, "row %zu: %s", count + 1, records.reason);
        count++;
    }
    FUZZ_DEMAND(outcome == WEIR_RECORD_END && count == rows, "%zu rows of %zu: %s", count, rows, error.message);
    FUZZ_DEMAND(rows == 0 || records.column_count == columns, "%zu columns of %zu", records.column_count, columns);
    weir_records_close(&records);
    close(fd);
}

static void check_lines(const weir_buffer *file, size_t rows)
{
    const char *at = file->data, *end = at + file->length, *stop;
    for (; at < end; at = stop + 1, rows--) {
        bool one_line;
        stop = memchr(at, '\n', (size_t)(end - at));
        FUZZ_DEMAND(stop && rows && weir_json_valid(at, (size_t)(stop - at), &one_line) && one_line, "no JSON: %.*s", (int)(end - at), at);
    }
    FUZZ_DEMAND(rows == 0, "%zu lines are missing", rows);
}

static uint32_t le32(const char *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static void check_parquet(const weir_buffer *file)
{
    const char *end = file->data + file->length;
    FUZZ_DEMAND(file->length > 12 && !memcmp(file->data, "PAR1", 4) && !memcmp(end - 4, "PAR1", 4), "no Parquet");
    FUZZ_DEMAND(le32(end - 8) > 0 && le32(end - 8) <= file->length - 12, "a footer of %u bytes in %zu", (unsigned)le32(end - 8), file->length);
}

/* Messages of a stream: a mark, a length, metadata, a body whose end is the next mark; eight bytes of end. */
static void check_arrow(const weir_buffer *file)
{
    FUZZ_DEMAND(file->length % 8 == 0 && file->length >= 16, "%zu bytes", file->length);
    FUZZ_DEMAND(le32(file->data) == 0xFFFFFFFFu && le32(file->data + file->length - 8) == 0xFFFFFFFFu && !le32(file->data + file->length - 4),
                "no stream of messages");
    FUZZ_DEMAND(le32(file->data + 4) % 8 == 0 && le32(file->data + 4) + 8 <= file->length, "a schema of %u bytes", (unsigned)le32(file->data + 4));
}

static void check(const char *format, const weir_buffer *file, size_t columns, size_t rows)
{
    if (!strcmp(format, "csv"))
        check_records("csv", file, columns, rows);
    else if (!strcmp(format, "jsonl"))
        check_lines(file, rows);
    else if (!strcmp(format, "parquet"))
        check_parquet(file);
    else
        check_arrow(file);
}

/* ---- writing ---- */
typedef struct table {
    weir_arena       arena;
    weir_column_info columns[MOST_COLUMNS];
    size_t           count;
    weir_view       *view;
    weir_error       error;
} table;

static bool make_table(table *t, fuzz_script *script, bool same_names)
{
    static const char *const names[MOST_COLUMNS] = { "id", "name", "a \"b\"", "c,d", "e\nf", "\xC3\xA4", "g'h", "-" };
    weir_arena_init(&t->arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 4096);
    t->count = 1 + fuzz_byte(script) % MOST_COLUMNS;
    for (size_t i = 0; i < t->count; i++) {
        unsigned type = fuzz_byte(script);
        t->columns[i] = (weir_column_info){ .name = names[same_names ? 0 : i], .database_type = "", .type = (weir_type)(type % WEIR_T_COUNT_),
                                            .modifier = type & 128 ? (int32_t)(fuzz_byte(script) << 16 | (fuzz_byte(script) % 20)) + 4 : -1,
                                            .element_type = (weir_type)(type % 7) };
    }
    t->view = weir_view_new(&t->arena, t->columns, NULL, t->count, NULL, &t->error);
    return t->view != NULL;
}

static size_t write_rows(weir_writer *writer, table *t, fuzz_script *script)
{
    const weir_row *rows[MOST_ROWS];
    size_t count = 0, written = 0;
    while (count < MOST_ROWS && (count == 0 || script->next < script->end)) {
        weir_row *row = weir_arena_take(&t->arena, weir_row_stride(t->count));
        if (!row)
            break;
        row->view = t->view;
        row->number = (int64_t)count + 1;
        for (size_t i = 0; i < t->count; i++)
            row->cells[i] = cell_for(script, &t->arena, t->columns[i].type);
        rows[count++] = row;
    }
    while (written < count && weir_writer_error(writer)->status == WEIR_OK) {
        size_t some = written % 2 ? 1 : (count - written + 1) / 2;
        if (some == 1 ? weir_writer_row(writer, rows[written]) : weir_writer_many(writer, rows + written, some))
            break;
        written += some;
    }
    return written;
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const char *const formats[] = { "csv", "jsonl", "parquet", "arrow" };
    static const char *const codecs[] = { "none", "zstd", "none", "none" };
    fuzz_script script = { data, data + size };
    const char *format = formats[fuzz_byte(&script) % 4];
    unsigned flags = fuzz_byte(&script);
    table t = { .count = 0 };
    weir_buffer file;
    weir_buffer_init(&file, weir_ledger_root(), WEIR_MEMORY_OUTPUT, 1 << 26);
    if (make_table(&t, &script, flags & 1)) {
        bool parquet = !strcmp(format, "parquet");
        weir_writer *writer = weir_writer_open_to(take_bytes, &file, "-", WEIR_WRITER_OPTIONS(.format = format,
            .replace_invalid_text = flags & 2 ? WEIR_ON : WEIR_OFF, .compression = parquet ? codecs[flags >> 2 & 3] : NULL,
            .row_group_bytes = parquet && flags & 16 ? 2000 : 0, .dictionary = parquet && flags & 32 ? WEIR_OFF : WEIR_UNSET,
            .decimal = parquet && flags & 64 ? "18,4" : NULL));
        size_t rows = write_rows(writer, &t, &script);
        int status = weir_writer_close(&writer);
        FUZZ_DEMAND(status == WEIR_OK || status == WEIR_DATA || status == WEIR_NOT_SUPPORTED || status == WEIR_INVALID_REQUEST ||
                    status == WEIR_OUT_OF_MEMORY || status == WEIR_ARGUMENT, "status %d", status);
        bool readable = !(flags & 1) || t.count == 1 || *format == 'p' || *format == 'a';      /* columns of one name cannot be read back */
        if (status == WEIR_OK && readable)
            check(format, &file, t.count, rows);
    }
    weir_arena_free(&t.arena);
    weir_buffer_free(&file);
}
