/* Files that are imported, read from where any block may end, and their fields as values of each type. Built twice: of CSV and of JSON lines.
 * Input: flags (1: no header line; 2: another delimiter; 4: a text for NULL; the rest: how long records may be), then the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"
#include "transfer/import_values.h"

static void convert(const weir_field *field)
{
    char reason[WEIR_REASON_SIZE];
    for (int type = 0; type < WEIR_T_COUNT_; type++) {
        weir_arena arena;
        weir_value value = { .type = WEIR_T_NULL };
        weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 256);
        int status = weir_field_value(field, (weir_type)type, type == WEIR_T_ARRAY ? WEIR_T_INT32 : WEIR_T_NULL, &arena, &value, reason);
        FUZZ_DEMAND(status == WEIR_OK || status == WEIR_DATA || status == WEIR_OUT_OF_MEMORY, "status %d", status);
        if (status == WEIR_OK)
            fuzz_touch(&value);
        else
            FUZZ_DEMAND(strnlen(reason, sizeof reason) < sizeof reason, "a reason without an end");
        weir_arena_free(&arena);
    }
}

static void read_all(weir_records *records, size_t size)
{
    weir_error error = { .status = WEIR_OK };
    size_t count = 0;
    int64_t line = 0;
    int outcome = weir_records_begin(records, &error);
    while (outcome == WEIR_OK && (outcome = weir_records_next(records, &error)) > 0) {
        FUZZ_DEMAND(++count <= size + 1, "more records than bytes");
        FUZZ_DEMAND(records->line > line, "line %lld behind line %lld", (long long)records->line, (long long)line);
        line = records->line;
        if (outcome == WEIR_RECORD_BAD)
            FUZZ_DEMAND(*records->reason, "a bad record without a reason");
        for (size_t i = 0; outcome != WEIR_RECORD_BAD && i < records->column_count; i++)
            convert(&records->fields[i]);
        outcome = WEIR_OK;
    }
    FUZZ_DEMAND(outcome == WEIR_RECORD_END || outcome == error.status, "outcome %d: %s", outcome, error.message);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    fuzz_script script = { data, data + size };
    unsigned flags = fuzz_byte(&script);
    weir_records records;
    weir_error error = { .status = WEIR_OK };
    char path[64];
    size_t length = (size_t)(script.end - script.next);
    static const char *const columns[] = { "a", "b", NULL };
    int file = memfd_create("records", MFD_CLOEXEC);
    if (file < 0 || write(file, script.next, length) != (ssize_t)length)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (weir_records_open(&records, weir_ledger_root(), path, FORMAT, flags & 1 ? columns : NULL, 16 + (flags >> 3) * 64, &error) == WEIR_OK) {
        records.header = !(flags & 1);
        if (flags & 2)
            records.delimiter = ';';
        if (flags & 4)
            records.null_text = "\\N";
        read_all(&records, length);
    }
    weir_records_close(&records);
    close(file);
}
