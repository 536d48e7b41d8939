/* The format "arrow": an Arrow IPC stream. Rows are gathered in columns; a record batch is written when there are enough of them. */
#include <stdio.h>
#include "transfer/arrow_message.h"
#include "transfer/format.h"

enum { BATCH_ROWS = 65536, BATCH_BYTES = 4 * 1024 * 1024 };

typedef struct ipc {
    weir_arena         arena;
    weir_flat          flat;
    weir_arrow_column *columns;
    size_t             column_count;
    size_t             bytes;           /* of the values in them */
    bool               begun;           /* the schema is written */
} ipc;

static int check(weir_sheet *sheet)
{
    ipc *a = weir_alloc_zero(sheet->ledger, WEIR_MEMORY_OUTPUT, sizeof *a);
    if (!a)
        return weir_error_out_of_memory(sheet->error);
    weir_arena_init(&a->arena, sheet->ledger, WEIR_MEMORY_OUTPUT, 1024);
    a->flat.ledger = sheet->ledger;
    sheet->state = a;
    return WEIR_OK;
}

static int begin(weir_sheet *sheet)
{
    ipc *a = sheet->state;
    a->begun = false;
    if (a->columns)
        return WEIR_OK;                 /* another file with the same columns */
    a->columns = weir_arena_take(&a->arena, sheet->column_count * sizeof *a->columns);
    if (!a->columns)
        return weir_error_out_of_memory(sheet->error);
    for (; a->column_count < sheet->column_count; a->column_count++)
        if (weir_arrow_column_init(&a->columns[a->column_count], &a->arena, sheet->ledger, &sheet->columns[a->column_count]) != WEIR_OK)
            return weir_error_out_of_memory(sheet->error);
    return WEIR_OK;
}

/* With the first batch, since its values may have to say what a column is. */
static int write_schema(weir_sheet *sheet)
{
    ipc *a = sheet->state;
    for (size_t i = 0; i < a->column_count; i++)
        weir_arrow_settle(&a->columns[i]);
    a->begun = true;
    if (weir_arrow_write_schema(&a->flat, sheet->output, a->columns, a->column_count) != WEIR_OK)
        return weir_error_out_of_memory(sheet->error);
    return WEIR_OK;
}

static int write_batch(weir_sheet *sheet)
{
    ipc *a = sheet->state;
    int64_t rows = a->columns[0].length;
    if (!a->begun && write_schema(sheet) != WEIR_OK)
        return sheet->error->status;
    if (rows && weir_arrow_write_batch(&a->flat, sheet->output, a->columns, a->column_count, rows) != WEIR_OK)
        return weir_error_out_of_memory(sheet->error);
    for (size_t i = 0; i < a->column_count; i++)
        weir_arrow_clear(&a->columns[i]);
    a->bytes = 0;
    return WEIR_OK;
}

/* One more value, and what it takes. */
static int append(ipc *a, weir_arrow_column *column, const weir_value *value, char *reason)
{
    size_t before = weir_arrow_bytes(column);
    int status = weir_arrow_append(column, value, reason);
    a->bytes += weir_arrow_bytes(column) - before;
    return status;
}

static int row(weir_sheet *sheet, const weir_value *const *values)
{
    ipc *a = sheet->state;
    char reason[WEIR_REASON_SIZE] = "";
    for (size_t i = 0; i < a->column_count; i++) {
        int status = append(a, &a->columns[i], values[i], reason);
        if (status == WEIR_OUT_OF_MEMORY)
            return weir_error_out_of_memory(sheet->error);
        if (status != WEIR_OK) {
            weir_error_set(sheet->error, status, "row %lld, column %.*s: %s", (long long)sheet->rows + 1, (int)sheet->names[i].len,
                           sheet->names[i].ptr, reason);
            sheet->error->row = sheet->rows + 1;
            return status;
        }
    }
    return a->bytes >= BATCH_BYTES || a->columns[0].length >= BATCH_ROWS ? write_batch(sheet) : WEIR_OK;
}

static int finish(weir_sheet *sheet)
{
    if (write_batch(sheet) != WEIR_OK)
        return sheet->error->status;
    weir_arrow_write_end(sheet->output);
    return WEIR_OK;
}

static void remember(const weir_sheet *sheet, weir_buffer *text)
{
    const ipc *a = sheet->state;
    for (size_t i = 0; i < a->column_count; i++) {
        int type, depth;
        weir_arrow_decided(&a->columns[i], &type, &depth);
        weir_buffer_printf(text, "%d.%d ", type, depth);
    }
}

static bool recall(weir_sheet *sheet, const char *text)
{
    ipc *a = sheet->state;
    for (size_t i = 0; i < a->column_count; i++) {
        int type, depth, length = 0;
        if (sscanf(text, "%9d.%9d %n", &type, &depth, &length) != 2 || !length || !weir_arrow_decide(&a->columns[i], type, depth))
            return false;
        text += length;
    }
    return !*text;
}

static void drop(weir_sheet *sheet)
{
    ipc *a = sheet->state;
    if (!a)
        return;
    for (size_t i = 0; i < a->column_count; i++)
        weir_arrow_column_free(&a->columns[i]);
    weir_flat_free(&a->flat);
    weir_arena_free(&a->arena);
    weir_free(a);
    sheet->state = NULL;
}

const weir_format weir_format_arrow = {
    .name = "arrow", .suffixes = { ".arrows", ".arrow", ".ipc" },
    .check = check, .begin = begin, .row = row, .finish = finish, .drop = drop, .remember = remember, .recall = recall,
};
