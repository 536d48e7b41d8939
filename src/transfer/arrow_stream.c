/* A result as an ArrowArrayStream: batches are made as they are asked for, and own their memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/ledger.h"
#include "engine/result.h"
#include "transfer/arrow.h"

typedef struct stream {
    weir_ledger        ledger;          /* of the plan; what batches hold counts in the root, since they may outlive the stream */
    weir_arena         arena;
    weir_result       *result;
    size_t             batch_rows, column_count;
    weir_arrow_column *columns;
    const weir_partition *partition;    /* whose rows the columns have, and that was not handed out yet */
    bool               ended;
    int64_t            row;             /* before the batch that is made */
    weir_error         error;
    char               text[sizeof((weir_error *)0)->message + 96];
} stream;

/* ---- what the consumer gets and releases --------------------------------------------------------------------------------- */
/* One allocation: the children, the pointers to them, the buffers. */
typedef struct array_block { struct ArrowArray **pointers; struct ArrowArray *children; const void *buffers[3]; } array_block;

static void release_array(struct ArrowArray *array)
{
    array_block *block = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release)
            array->children[i]->release(array->children[i]);
    for (int64_t i = 0; i < array->n_buffers; i++)
        weir_free((void *)(uintptr_t)block->buffers[i]);
    weir_free(block->children);
    weir_free(block->pointers);
    weir_free(block);
    array->release = NULL;
}

/* An array with room for children, none of which is to be released yet. */
static bool make_array(struct ArrowArray *array, size_t children)
{
    array_block *block = weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, sizeof *block);
    *array = (struct ArrowArray){ .private_data = block };
    if (!block)
        return false;
    array->release = release_array;
    array->buffers = block->buffers;
    if (children == 0)
        return true;
    block->children = weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, children * sizeof *block->children);
    block->pointers = weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, children * sizeof *block->pointers);
    if (!block->children || !block->pointers)
        return false;
    for (size_t i = 0; i < children; i++)
        block->pointers[i] = &block->children[i];
    array->children = block->pointers;
    array->n_children = (int64_t)children;
    return true;
}

/* Buffers must not be absent where there are rows or offsets, and are the array's own to free. */
static bool give_buffers(struct ArrowArray *array, weir_arrow_column *column)
{
    array_block *block = array->private_data;
    weir_arrow_buffer buffers[3];
    size_t count = weir_arrow_buffers(column, buffers);
    bool whole = true;
    for (size_t i = 0; i < count; i++) {
        bool ours = buffers[i].bytes == column->validity || buffers[i].bytes == column->values || buffers[i].bytes == column->offsets ||
                    buffers[i].bytes == column->bytes;
        block->buffers[i] = ours ? buffers[i].bytes : weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, buffers[i].length);
        whole = whole && (ours || block->buffers[i]);
    }
    array->n_buffers = (int64_t)count;
    weir_arrow_give(column);
    return whole;
}

/* The column's values become the array's. */
static bool give_column(weir_arrow_column *column, struct ArrowArray *array)
{
    if (!make_array(array, column->item ? 1 : 0))
        return false;
    array->length = column->length;
    array->null_count = column->nulls;
    bool whole = give_buffers(array, column);
    if (column->item)
        whole = give_column(column->item, array->children[0]) && whole;
    return whole;
}

typedef struct schema_block { char format[32]; struct ArrowSchema **pointers, *children; char *name, *metadata; } schema_block;

static void release_schema(struct ArrowSchema *schema)
{
    schema_block *block = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
    weir_free(block->children);
    weir_free(block->pointers);
    weir_free(block->name);
    weir_free(block->metadata);
    weir_free(block);
    schema->release = NULL;
}

/* One pair, as the specification lays it out: counts in the machine's byte order in front of what they count. */
static char *extension_metadata(const char *extension)
{
    static const char key[] = "ARROW:extension:name";
    int32_t pairs = 1, key_length = sizeof key - 1, length = (int32_t)strlen(extension);
    char *metadata = weir_alloc(NULL, WEIR_MEMORY_OUTPUT, 12 + (size_t)key_length + (size_t)length), *at = metadata;
    if (!metadata)
        return NULL;
    memcpy(at, &pairs, 4);
    memcpy(at + 4, &key_length, 4);
    memcpy(at + 8, key, (size_t)key_length);
    at += 8 + key_length;
    memcpy(at, &length, 4);
    memcpy(at + 4, extension, (size_t)length);
    return metadata;
}

static bool make_schema(struct ArrowSchema *schema, const char *format, const char *name, size_t children)
{
    schema_block *block = weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, sizeof *block);
    *schema = (struct ArrowSchema){ .private_data = block };
    if (!block)
        return false;
    schema->release = release_schema;
    snprintf(block->format, sizeof block->format, "%s", format);
    block->name = weir_copy_text(NULL, WEIR_MEMORY_OUTPUT, name, strlen(name));
    schema->format = block->format;
    schema->name = block->name;
    if (!block->name)
        return false;
    if (children == 0)
        return true;
    block->children = weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, children * sizeof *block->children);
    block->pointers = weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, children * sizeof *block->pointers);
    if (!block->children || !block->pointers)
        return false;
    for (size_t i = 0; i < children; i++)
        block->pointers[i] = &block->children[i];
    schema->children = block->pointers;
    schema->n_children = (int64_t)children;
    return true;
}

static bool describe_column(const weir_arrow_column *column, struct ArrowSchema *schema)
{
    char format[32];
    const char *extension = weir_arrow_extension(column);
    weir_arrow_format(column, format);
    if (!make_schema(schema, format, column->name, column->item ? 1 : 0))
        return false;
    schema->flags = ARROW_FLAG_NULLABLE;
    if (extension) {
        schema->metadata = ((schema_block *)schema->private_data)->metadata = extension_metadata(extension);
        if (!schema->metadata)
            return false;
    }
    return !column->item || describe_column(column->item, schema->children[0]);
}

/* ---- batches ------------------------------------------------------------------------------------------------------------------ */
static int refuse_value(stream *s, size_t column, size_t row, int status, const char *reason)
{
    if (status == WEIR_OUT_OF_MEMORY)
        return weir_error_out_of_memory(&s->error);
    return weir_error_set(&s->error, status, "row %" PRId64 ", column %s: %s", s->row + (int64_t)row + 1, s->columns[column].name, reason);
}

/* Through the view, which converts to declared types or reorders. */
static int append_seen(stream *s, weir_arrow_column *column, size_t at, size_t *done, char *reason)
{
    const weir_partition *p = s->partition;
    int status = weir_arrow_reserve(column, (int64_t)p->count);
    for (*done = 0; status == WEIR_OK && *done < p->count; *done += status == WEIR_OK) {
        const weir_value *value = weir_view_value(p->rows[*done]->view, p->rows[*done], at);
        if (!value)
            return weir_error_keep(&s->error, weir_result_error(s->result));
        status = weir_arrow_append(column, value, reason);
    }
    return status;
}

static int fill_column(stream *s, size_t at)
{
    const weir_partition *p = s->partition;
    weir_arrow_column *column = &s->columns[at];
    char reason[WEIR_REASON_SIZE] = "";
    size_t done;
    int status = p->rows[0]->view->direct == s->column_count ? weir_arrow_append_rows(column, p->rows, p->count, at, &done, reason)
                                                             : append_seen(s, column, at, &done, reason);
    return status == WEIR_OK || s->error.status != WEIR_OK ? s->error.status : refuse_value(s, at, done, status, reason);
}

/* The next rows in the columns, unless they are there. A status. */
static int read_on(stream *s)
{
    if (s->error.status != WEIR_OK || s->partition || s->ended)
        return s->error.status;
    s->partition = weir_result_fetchmany(s->result, s->batch_rows);
    s->ended = !s->partition;
    weir_error_keep(&s->error, weir_result_error(s->result));
    for (size_t i = 0; s->error.status == WEIR_OK && i < s->column_count; i++) {
        if (!s->ended)
            fill_column(s, i);
        weir_arrow_settle(&s->columns[i]);
    }
    return s->error.status;
}

static int give_batch(stream *s, struct ArrowArray *out)
{
    bool whole = make_array(out, s->column_count);
    for (size_t i = 0; whole && i < s->column_count; i++) {
        whole = give_column(&s->columns[i], out->children[i]);
        weir_arrow_clear(&s->columns[i]);
    }
    if (!whole) {
        if (out->release)
            out->release(out);
        *out = (struct ArrowArray){ 0 };
        return weir_error_out_of_memory(&s->error);
    }
    out->n_buffers = 1;                 /* a struct's validity: absent */
    out->length = (int64_t)s->partition->count;
    s->row += out->length;
    s->partition = NULL;
    return WEIR_OK;
}

static bool all_known(const stream *s)
{
    for (size_t i = 0; i < s->column_count; i++)
        if (!s->columns[i].settled && !weir_arrow_is_known(&s->columns[i]))
            return false;
    return true;
}

/* ---- the stream's functions ----------------------------------------------------------------------------------------------------- */
static int error_number(const stream *s)
{
    switch (s->error.status) {
    case WEIR_OK: return 0;
    case WEIR_OUT_OF_MEMORY: return ENOMEM;
    case WEIR_DATA: return EINVAL;
    case WEIR_CANCELLED: case WEIR_QUERY_CANCELED: return ECANCELED;
    case WEIR_DEADLINE_EXCEEDED: return ETIMEDOUT;
    default: return EIO;
    }
}

static int get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out)
{
    stream *s = self->private_data;
    *out = (struct ArrowSchema){ 0 };
    if (!all_known(s) && read_on(s) != WEIR_OK)
        return error_number(s);
    bool whole = make_schema(out, "+s", "", s->column_count);
    for (size_t i = 0; whole && i < s->column_count; i++)
        whole = describe_column(&s->columns[i], out->children[i]);
    if (whole)
        return 0;
    if (out->release)
        out->release(out);
    *out = (struct ArrowSchema){ 0 };
    weir_error_out_of_memory(&s->error);
    return error_number(s);
}

static int get_next(struct ArrowArrayStream *self, struct ArrowArray *out)
{
    stream *s = self->private_data;
    *out = (struct ArrowArray){ 0 };
    if (read_on(s) == WEIR_OK && !s->ended)
        give_batch(s, out);
    return error_number(s);
}

static const char *get_last_error(struct ArrowArrayStream *self)
{
    stream *s = self->private_data;
    if (s->error.status == WEIR_OK)
        return NULL;
    snprintf(s->text, sizeof s->text, "%s: %s", weir_status_name(s->error.status), s->error.message);
    return s->text;
}

static void drop(stream *s)
{
    for (size_t i = 0; i < s->column_count; i++)
        weir_arrow_column_free(&s->columns[i]);
    weir_arena_free(&s->arena);
    weir_free(s);
}

static void release_stream(struct ArrowArrayStream *self)
{
    stream *s = self->private_data;
    int status = weir_result_close(&s->result);
    (void)status;                       /* the stream's user was told by get_next */
    drop(s);
    self->release = NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------------ */
static int take_options(const weir_arrow_options *given, weir_arrow_options *options, weir_error *error)
{
    *options = (weir_arrow_options){ 0 };
    if (given && (given->struct_size == 0 || given->struct_size > sizeof *options))
        return weir_error_set(error, WEIR_ARGUMENT, "Arrow options of %zu bytes: make them with WEIR_ARROW_OPTIONS", given->struct_size);
    if (given)
        memcpy(options, given, given->struct_size);
    if (options->batch_rows < 0)
        return weir_error_set(error, WEIR_ARGUMENT, "batch_rows is %" PRId64 ": give a positive number, or 0 for the result's yield_per",
                              options->batch_rows);
    return WEIR_OK;
}

static int plan_columns(stream *s, const weir_result *result)
{
    s->column_count = weir_result_column_count(result);
    s->columns = weir_arena_take(&s->arena, s->column_count * sizeof *s->columns);
    if (!s->columns)
        s->column_count = 0;
    for (size_t i = 0; i < s->column_count; i++) {
        if (weir_arrow_column_init(&s->columns[i], &s->arena, NULL, weir_result_column(result, i)) != WEIR_OK) {
            s->column_count = i;
            return WEIR_OUT_OF_MEMORY;
        }
    }
    return s->columns ? WEIR_OK : WEIR_OUT_OF_MEMORY;
}

int weir_result_arrow(weir_result **handle, const weir_arrow_options *given, struct ArrowArrayStream *out)
{
    weir_arrow_options options;
    weir_error error = { 0 };
    if (!handle || !*handle || !out)
        return WEIR_ARGUMENT;
    weir_result *result = *handle;
    int status = weir_result_check(result);
    if (status != WEIR_OK)
        return status;
    if (take_options(given, &options, &error) != WEIR_OK)
        return weir_result_fail(result, &error);
    if (weir_result_column_count(result) == 0 || result->has_instances) {
        weir_error_set(&error, WEIR_INVALID_REQUEST, result->has_instances
            ? "instances cannot be put into Arrow batches: select the columns" : "a result without columns cannot be put into Arrow batches");
        return weir_result_fail(result, &error);
    }
    stream *s = weir_alloc_zero(NULL, WEIR_MEMORY_OUTPUT, sizeof *s);
    if (!s) {
        weir_error_out_of_memory(&error);
        return weir_result_fail(result, &error);
    }
    weir_ledger_init(&s->ledger, NULL);
    weir_arena_init(&s->arena, &s->ledger, WEIR_MEMORY_OUTPUT, 1024);
    if (plan_columns(s, result) != WEIR_OK) {
        drop(s);
        weir_error_out_of_memory(&error);
        return weir_result_fail(result, &error);
    }
    s->batch_rows = (size_t)options.batch_rows;
    s->result = result;
    *handle = (weir_result *)(uintptr_t)&weir_result_constant_closed;
    *out = (struct ArrowArrayStream){ .get_schema = get_schema, .get_next = get_next, .get_last_error = get_last_error,
                                      .release = release_stream, .private_data = s };
    return WEIR_OK;
}
