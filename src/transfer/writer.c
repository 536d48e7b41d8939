/* Writers: a result's rows through a format into an output. */
#include "transfer/writer.h"
#include "engine/rows.h"

static const weir_writer closed_writer = {
    .error = { .status = WEIR_RESOURCE_CLOSED, .message = "this writer is closed" }
};
static const weir_writer no_memory_writer = {
    .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a writer" }
};

static weir_writer *constant(const weir_writer *writer) { return (weir_writer *)(uintptr_t)writer; }
static bool is_constant(const weir_writer *writer) { return !writer || writer == &closed_writer || writer == &no_memory_writer; }

/* ---- opening ----------------------------------------------------------------------------------------------------- */
static int take_options(weir_writer *writer, const char *path, const weir_writer_options *given)
{
    weir_writer_options options = { 0 };
    char names[64];
    if (given && (given->struct_size == 0 || given->struct_size > sizeof options))
        return weir_error_set(&writer->error, WEIR_ARGUMENT, "writer options of %zu bytes: make them with WEIR_WRITER_OPTIONS",
                              given->struct_size);
    if (given)
        memcpy(&options, given, given->struct_size);
    writer->format = options.format ? weir_format_find(options.format) : weir_format_of_path(path);
    if (!writer->format) {
        weir_format_names(names, sizeof names);
        return weir_error_set(&writer->error, WEIR_ARGUMENT, "unknown format '%s'; there are %s", options.format, names);
    }
    if (options.partition_rows < 0)
        return weir_error_set(&writer->error, WEIR_ARGUMENT, "parts of %lld rows", (long long)options.partition_rows);
    if (!writer->format->rows && (options.compression || options.row_group_bytes || options.dictionary || options.decimal || options.metadata))
        return weir_error_set(&writer->error, WEIR_ARGUMENT,
                              "compression, row groups, dictionaries, decimals and metadata are options of parquet, not of %s", writer->format->name);
    if (!writer->format->texts && options.null_text)
        return weir_error_set(&writer->error, WEIR_ARGUMENT, "a text for NULL is an option of csv: %s has NULLs", writer->format->name);
    writer->partition_rows = options.partition_rows;
    writer->checkpoint = options.checkpoint;
    if (writer->checkpoint && !writer->partition_rows && !writer->format->lines) {
        weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "a file of the format %s cannot be gone on with", writer->format->name);
        weir_writer_advise(writer, "write a directory of parts (--partition-rows, partition_rows): those that are finished are kept");
        return writer->error.status;
    }
    const char *null_text = options.null_text ? options.null_text : "";
    size_t length = strlen(null_text);
    char *copy = weir_arena_bytes(&writer->arena, length + 1);
    if (!copy)
        return weir_error_out_of_memory(&writer->error);
    memcpy(copy, null_text, length + 1);
    writer->sheet.null_text = copy;
    writer->sheet.null_length = length;
    writer->sheet.header = options.header != WEIR_OFF;
    writer->sheet.replace_invalid_text = options.replace_invalid_text == WEIR_ON;
    writer->sheet.options = &options;
    int status = writer->format->check ? writer->format->check(&writer->sheet) : WEIR_OK;
    writer->sheet.options = NULL;
    return status;
}

static void init_sheet(weir_writer *writer)
{
    weir_sheet *sheet = &writer->sheet;
    sheet->ledger = &writer->ledger;
    sheet->output = &writer->output;
    sheet->error = &writer->error;
    weir_buffer_init(&sheet->scratch, &writer->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    weir_buffer_init(&sheet->clean, &writer->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
    weir_buffer_init(&sheet->prefixes, &writer->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
}

/* Into the sink, or else into the file of that path. */
static weir_writer *open_writer(const char *path, weir_output_sink sink, void *context, const weir_writer_options *options)
{
    weir_writer *writer = weir_alloc_zero(weir_ledger_root(), WEIR_MEMORY_OUTPUT, sizeof *writer);
    if (!writer)
        return constant(&no_memory_writer);
    weir_ledger_init(&writer->ledger, weir_ledger_root());
    weir_arena_init(&writer->arena, &writer->ledger, WEIR_MEMORY_OUTPUT, 1024);
    writer->output.fd = writer->lock.fd = -1;
    init_sheet(writer);
    if (!path)
        weir_error_set(&writer->error, WEIR_ARGUMENT, "a writer needs a path; \"-\" is standard output");
    else if (take_options(writer, path, options) == WEIR_OK && sink && writer->checkpoint)
        weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "only a file can be gone on with");
    else if (writer->error.status == WEIR_OK && sink)
        weir_output_open_to(&writer->output, &writer->ledger, sink, context);
    else if (writer->error.status == WEIR_OK)
        weir_writer_open_file(writer, path);
    weir_error_keep(&writer->error, &writer->output.error);
    if (writer->checkpoint && !writer->partition_rows && writer->error.status == WEIR_OK)
        weir_writer_continue(writer);
    return writer;
}

weir_writer *weir_writer_open(const char *path, const weir_writer_options *options) { return open_writer(path, NULL, NULL, options); }

weir_writer *weir_writer_open_to(weir_output_sink sink, void *context, const char *path, const weir_writer_options *options)
{
    return open_writer(path, sink, context, options);
}

/* ---- columns ------------------------------------------------------------------------------------------------------- */
/* Takes the columns' names, from a result or from the first row's view, and writes what stands in front of the rows. */
static int begin(weir_writer *writer, const weir_result *result, const weir_view *view)
{
    weir_sheet *sheet = &writer->sheet;
    size_t count = view ? view->count : weir_result_column_count(result);
    if (count == 0)
        return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "a %s without columns cannot be written",
                              view ? "row" : "result");
    sheet->names = weir_arena_take(&writer->arena, count * sizeof *sheet->names);
    writer->block = !writer->format->rows || count >= WEIR_SHEET_BLOCK ? 1 : WEIR_SHEET_BLOCK / count;
    writer->values = weir_arena_take(&writer->arena, writer->block * count * sizeof *writer->values);
    weir_column_info *columns = weir_arena_take(&writer->arena, count * sizeof *columns);
    if (!sheet->names || !writer->values || !columns)
        return weir_error_out_of_memory(&writer->error);
    for (size_t i = 0; i < count; i++) {
        columns[i] = view ? view->columns[i] : *weir_result_column(result, i);
        const char *name = columns[i].name;
        size_t length = name ? strlen(name) : 0;
        char *copy = weir_arena_bytes(&writer->arena, length + 1);
        if (!copy)
            return weir_error_out_of_memory(&writer->error);
        memcpy(copy, name ? name : "", length + 1);
        sheet->names[i] = (weir_text){ copy, length };
    }
    sheet->column_count = count;
    sheet->columns = columns;
    writer->begun = true;
    if (writer->format->begin(sheet) == WEIR_OK)
        weir_error_keep(&writer->error, &writer->output.error);
    if (writer->error.status == WEIR_OK && writer->remembered && writer->format->recall && !writer->format->recall(sheet, writer->remembered))
        weir_writer_refuse(writer, "%s does not say what the parts' columns are%s", "");
    sheet->columns = NULL;
    return writer->error.status;
}

/* WEIR_OK, or why nothing can be written any more. */
static int ready(weir_writer *writer)
{
    if (writer->error.status == WEIR_OK && writer->finished)
        return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "the file is finished");
    return writer->error.status;
}

int weir_writer_columns(weir_writer *writer, const weir_result *result)
{
    if (ready(writer) != WEIR_OK || weir_error_keep(&writer->error, weir_result_error(result)) != WEIR_OK || writer->begun)
        return writer->error.status;
    return begin(writer, result, NULL);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */
/* What a row needed beyond this is given back, so that one wide row does not stay in memory. */
static void shrink(weir_buffer *buffer)
{
    if (buffer->capacity > 2 * WEIR_OUTPUT_SIZE)
        weir_buffer_free(buffer);
}

static int collect_values(weir_writer *writer, const weir_row *row, const weir_value **values)
{
    size_t count = row->view->count;
    bool direct = row->view->direct == count;
    for (size_t i = 0; i < count; i++) {
        values[i] = direct ? &row->cells[i] : weir_view_value(row->view, row, i);
        if (!values[i])
            return weir_error_keep(&writer->error, row->view->error);
    }
    return WEIR_OK;
}

/* As many rows as the block holds, all of one file. */
static int write_block(weir_writer *writer, const weir_row *const *rows, size_t count)
{
    weir_sheet *sheet = &writer->sheet;
    for (size_t i = 0; i < count; i++) {
        if (rows[i]->view->count != sheet->column_count)
            return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "a row of %zu columns in a file of %zu", rows[i]->view->count,
                                  sheet->column_count);
        if (collect_values(writer, rows[i], writer->values + i * sheet->column_count) != WEIR_OK)
            return writer->error.status;
    }
    int status = writer->format->rows ? writer->format->rows(sheet, writer->values, count) : writer->format->row(sheet, writer->values);
    shrink(&sheet->scratch);
    shrink(&sheet->clean);
    if (status == WEIR_OK && (status = writer->output.error.status) != WEIR_OK)
        weir_error_keep(&writer->error, &writer->output.error);
    sheet->rows += status == WEIR_OK && !writer->format->rows;
    return status;
}

int weir_writer_many(weir_writer *writer, const weir_row *const *rows, size_t count)
{
    int status = ready(writer);
    if (status == WEIR_OK && count && !writer->begun)
        status = begin(writer, NULL, rows[0]->view);
    while (status == WEIR_OK && count) {
        if (weir_writer_is_full(writer) && (status = weir_writer_next_file(writer)) != WEIR_OK)
            break;
        int64_t room = weir_writer_room(writer);
        size_t n = count < writer->block ? count : writer->block;
        n = (int64_t)n > room ? (size_t)room : n;
        int64_t before = writer->sheet.rows;
        status = write_block(writer, rows, n);
        n = (size_t)(writer->sheet.rows - before);      /* a format may end its file early */
        rows += n;
        count -= n;
    }
    return status;
}

int weir_writer_row(weir_writer *writer, const weir_row *row) { return weir_writer_many(writer, &row, 1); }

int weir_writer_result(weir_writer *writer, weir_result *result)
{
    int status = weir_writer_columns(writer, result);
    for (const weir_partition *p; status == WEIR_OK && (p = weir_result_fetchsome(result)) != NULL; )
        status = weir_writer_many(writer, p->rows, p->count);
    /* Kept here, so that a result which broke off never becomes a file that looks whole. */
    return status == WEIR_OK ? weir_error_keep(&writer->error, weir_result_error(result)) : status;
}

/* ---- about, and the end ---------------------------------------------------------------------------------------------- */
int64_t weir_writer_bytes(const weir_writer *writer)
{
    return writer->bytes_before + writer->output.flushed + (writer->output.next - writer->output.block);
}

int64_t weir_writer_rows(const weir_writer *writer) { return writer->sheet.rows; }
bool weir_writer_makes_lines(const weir_writer *writer) { return writer->format && writer->format->lines; }
const weir_error *weir_writer_error(const weir_writer *writer) { return &writer->error; }

const char *weir_writer_temporary_path(const weir_writer *writer)
{
    return writer->output.temporary_path && !writer->checkpoint ? writer->output.temporary_path : "";
}

static void drop(weir_writer **writer)
{
    if (!writer)
        return;
    weir_writer *w = *writer;
    *writer = constant(&closed_writer);
    if (is_constant(w))
        return;
    if (w->checkpoint && w->partition_rows)
        weir_writer_leave_parts(w);
    else if (w->checkpoint && !w->finished)
        weir_writer_leave_part(w);
    weir_output_drop(&w->output);
    weir_output_drop(&w->lock);
    if (w->format && w->format->drop)
        w->format->drop(&w->sheet);
    weir_free(w->target);
    weir_free(w->checkpoint_path);
    weir_buffer_free(&w->sheet.scratch);
    weir_buffer_free(&w->sheet.clean);
    weir_buffer_free(&w->sheet.prefixes);
    weir_free(w->sheet.prefix_ends);
    weir_arena_free(&w->arena);
    weir_free(w);
}

int weir_writer_finish(weir_writer *writer)
{
    if (writer->error.status != WEIR_OK || writer->finished)
        return writer->error.status;
    writer->finished = true;
    if (writer->checkpoint)
        return writer->partition_rows ? weir_writer_finish_parts(writer) : weir_writer_finish_part(writer);
    if (weir_writer_end_file(writer) != WEIR_OK)
        return writer->error.status;
    weir_output_finish(&writer->output);
    return weir_error_keep(&writer->error, &writer->output.error);
}

int weir_writer_close(weir_writer **writer)
{
    int status = weir_writer_finish(writer && *writer ? *writer : constant(&closed_writer));
    drop(writer);
    return status;
}

void weir_writer_abort(weir_writer **writer) { drop(writer); }
