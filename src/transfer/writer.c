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
    writer->checkpoint = options.checkpoint;
    if (writer->checkpoint && !writer->format->lines)
        return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "a file of the format %s cannot be gone on with", writer->format->name);
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
    return writer->format->check ? writer->format->check(&writer->sheet) : WEIR_OK;
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
    writer->output.fd = -1;
    init_sheet(writer);
    if (!path)
        weir_error_set(&writer->error, WEIR_ARGUMENT, "a writer needs a path; \"-\" is standard output");
    else if (take_options(writer, path, options) == WEIR_OK && sink && writer->checkpoint)
        weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "only a file can be gone on with");
    else if (writer->error.status == WEIR_OK && sink)
        weir_output_open_to(&writer->output, &writer->ledger, sink, context);
    else if (writer->error.status == WEIR_OK)
        weir_output_open(&writer->output, &writer->ledger, path, writer->checkpoint != NULL);
    weir_error_keep(&writer->error, &writer->output.error);
    if (writer->checkpoint && writer->error.status == WEIR_OK)
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
    writer->values = weir_arena_take(&writer->arena, count * sizeof *writer->values);
    if (!sheet->names || !writer->values)
        return weir_error_out_of_memory(&writer->error);
    for (size_t i = 0; i < count; i++) {
        const char *name = view ? view->columns[i].name : weir_result_column(result, i)->name;
        size_t length = name ? strlen(name) : 0;
        char *copy = weir_arena_bytes(&writer->arena, length + 1);
        if (!copy)
            return weir_error_out_of_memory(&writer->error);
        memcpy(copy, name ? name : "", length + 1);
        sheet->names[i] = (weir_text){ copy, length };
    }
    sheet->column_count = count;
    writer->begun = true;
    if (writer->format->begin(sheet) == WEIR_OK)
        weir_error_keep(&writer->error, &writer->output.error);
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

static int collect_values(weir_writer *writer, const weir_row *row)
{
    size_t count = row->view->count;
    bool direct = row->view->direct == count;
    for (size_t i = 0; i < count; i++) {
        writer->values[i] = direct ? &row->cells[i] : weir_view_value(row->view, row, i);
        if (!writer->values[i])
            return weir_error_keep(&writer->error, row->view->error);
    }
    return WEIR_OK;
}

int weir_writer_row(weir_writer *writer, const weir_row *row)
{
    if (ready(writer) != WEIR_OK || (!writer->begun && begin(writer, NULL, row->view) != WEIR_OK))
        return writer->error.status;
    if (row->view->count != writer->sheet.column_count)
        return weir_error_set(&writer->error, WEIR_INVALID_REQUEST, "a row of %zu columns in a file of %zu", row->view->count,
                              writer->sheet.column_count);
    if (collect_values(writer, row) != WEIR_OK)
        return writer->error.status;
    int status = writer->format->row(&writer->sheet, writer->values);
    shrink(&writer->sheet.scratch);
    shrink(&writer->sheet.clean);
    if (status == WEIR_OK && (status = writer->output.error.status) != WEIR_OK)
        weir_error_keep(&writer->error, &writer->output.error);
    writer->sheet.rows += status == WEIR_OK;
    return status;
}

int weir_writer_result(weir_writer *writer, weir_result *result)
{
    int status = weir_writer_columns(writer, result);
    for (const weir_partition *p; status == WEIR_OK && (p = weir_result_fetchmany(result, 0)) != NULL; )
        for (size_t i = 0; status == WEIR_OK && i < p->count; i++)
            status = weir_writer_row(writer, p->rows[i]);
    /* Kept here, so that a result which broke off never becomes a file that looks whole. */
    return status == WEIR_OK ? weir_error_keep(&writer->error, weir_result_error(result)) : status;
}

/* ---- about, and the end ---------------------------------------------------------------------------------------------- */
int64_t weir_writer_bytes(const weir_writer *writer)
{
    return writer->output.flushed + (writer->output.next - writer->output.block);
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
    weir_output_drop(&w->output);
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
        return weir_writer_finish_part(writer);
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
