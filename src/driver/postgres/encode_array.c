/* Arrays as parameters: in PostgreSQL's binary form, or as its text "{…}" where an item has no binary form. */
#include "driver/postgres/codec.h"

/* The array's dimensions, as they are sent: those that the program left out (NULL) filled in. */
typedef struct array_shape {
    int32_t dimensions;
    int32_t lengths[WEIR_PG_MAX_DIMENSIONS], lower_bounds[WEIR_PG_MAX_DIMENSIONS];
} array_shape;

static int read_shape(const weir_array *array, array_shape *shape, weir_error *error)
{
    size_t count = 1;
    *shape = (array_shape){ .dimensions = array->dimensions };
    if (array->dimensions < 0 || array->dimensions > WEIR_PG_MAX_DIMENSIONS)
        return weir_error_set(error, WEIR_DATA, "the array has %d dimensions; PostgreSQL has at most 6", (int)array->dimensions);
    if (array->count > INT32_MAX)
        return weir_error_set(error, WEIR_DATA, "the array has too many items");
    for (int32_t i = 0; i < array->dimensions; i++) {
        int32_t length = array->lengths ? array->lengths[i] : (int32_t)array->count, upper;
        int32_t lower = array->lower_bounds ? array->lower_bounds[i] : 1;
        if (length < 0 || __builtin_mul_overflow(count, (size_t)length, &count) || __builtin_add_overflow(lower, length, &upper))
            return weir_error_set(error, WEIR_DATA, "the array's lengths and lower bounds are out of range");
        shape->lengths[i] = length;
        shape->lower_bounds[i] = lower;
    }
    if (array->count != (array->dimensions ? count : 0))
        return weir_error_set(error, WEIR_DATA, "the array has %zu items, but its lengths give %zu", array->count,
                              array->dimensions ? count : 0);
    if (!array->count)
        shape->dimensions = 0;      /* PostgreSQL has one empty array only */
    return WEIR_OK;
}

static int in_item(int status, size_t index, weir_error *error)
{
    if (status != WEIR_OK)
        weir_error_context(error, "array item %zu", index + 1);
    return status;
}

/* ---- binary ----------------------------------------------------------------------------------------------------------- */
static void write_header(const weir_array *array, const array_shape *shape, uint32_t element_oid, weir_buffer *out)
{
    bool has_null = false;
    for (size_t i = 0; i < array->count && !has_null; i++)
        has_null = array->items[i].type == WEIR_T_NULL;
    weir_buffer_u32(out, (uint32_t)shape->dimensions);
    weir_buffer_u32(out, has_null);
    weir_buffer_u32(out, element_oid);
    for (int32_t i = 0; i < shape->dimensions; i++) {
        weir_buffer_u32(out, (uint32_t)shape->lengths[i]);
        weir_buffer_u32(out, (uint32_t)shape->lower_bounds[i]);
    }
}

/* Writes the length of what came behind `mark`, where room was left for it. */
static void set_length(weir_buffer *out, size_t mark)
{
    if (out->failed)
        return;
    size_t length = out->length - mark - 4;
    out->data[mark] = (char)(length >> 24);
    out->data[mark + 1] = (char)(length >> 16);
    out->data[mark + 2] = (char)(length >> 8);
    out->data[mark + 3] = (char)length;
}

/* *whole: every item has a binary form; otherwise what was appended is of no use. */
static int write_binary(const weir_array *array, const array_shape *shape, const weir_pg_type *element, weir_buffer *out,
                        bool *whole, weir_error *error)
{
    *whole = true;
    write_header(array, shape, element->oid, out);
    for (size_t i = 0; i < array->count && *whole && !out->failed; i++) {
        size_t mark = out->length;
        weir_buffer_u32(out, UINT32_MAX);       /* NULL, unless a length takes its place */
        if (array->items[i].type == WEIR_T_NULL)
            continue;
        weir_pg_form form;
        int status = weir_pg_encode_value(&array->items[i], element, false, out, &form, error);
        if (status != WEIR_OK)
            return in_item(status, i, error);
        *whole = form != WEIR_PG_FORM_TEXT;
        set_length(out, mark);
    }
    return WEIR_OK;
}

/* ---- text ------------------------------------------------------------------------------------------------------------- */
static void write_bounds(const array_shape *shape, weir_buffer *out)
{
    bool usual = true;
    for (int32_t i = 0; i < shape->dimensions; i++)
        usual = usual && shape->lower_bounds[i] == 1;
    if (usual)
        return;
    for (int32_t i = 0; i < shape->dimensions; i++)
        weir_buffer_printf(out, "[%d:%d]", (int)shape->lower_bounds[i], (int)(shape->lower_bounds[i] + (shape->lengths[i] - 1)));
    weir_buffer_byte(out, '=');
}

/* How many dimensions begin at item `index` (or end behind it, when index counts the items so far). */
static int32_t dimensions_at(const array_shape *shape, size_t index)
{
    size_t span = 1;
    int32_t begun = 0;
    for (int32_t i = shape->dimensions - 1; i >= 0; i--) {
        span *= (size_t)shape->lengths[i];
        if (!span || index % span)
            break;
        begun++;
    }
    return begun;
}

static void write_braces(weir_buffer *out, char brace, int32_t count)
{
    for (; count > 0; count--)
        weir_buffer_byte(out, brace);
}

static void write_quoted(const weir_buffer *text, weir_buffer *out)
{
    weir_buffer_byte(out, '"');
    for (size_t i = 0; i < text->length && !out->failed; i++) {
        if (text->data[i] == '"' || text->data[i] == '\\')
            weir_buffer_byte(out, '\\');
        weir_buffer_byte(out, text->data[i]);
    }
    weir_buffer_byte(out, '"');
}

static int write_item(const weir_value *item, const weir_pg_type *element, weir_buffer *scratch, weir_buffer *out,
                      weir_error *error)
{
    if (item->type == WEIR_T_NULL) {
        weir_buffer_text(out, "NULL");
        return WEIR_OK;
    }
    if (item->type == WEIR_T_ARRAY && element->type != WEIR_T_ARRAY)
        return weir_error_set(error, WEIR_DATA, "an array cannot be an item of an array: use more dimensions");
    weir_pg_form form;
    scratch->length = 0;
    int status = weir_pg_encode_value(item, element, true, scratch, &form, error);
    if (status == WEIR_OK && scratch->failed)
        status = weir_error_out_of_memory(error);
    if (status == WEIR_OK)
        write_quoted(scratch, out);
    return status;
}

static int write_text(const weir_array *array, const array_shape *shape, const weir_pg_type *element, weir_buffer *out,
                      weir_error *error)
{
    if (!array->count) {
        weir_buffer_text(out, "{}");
        return WEIR_OK;
    }
    weir_buffer scratch;
    int status = WEIR_OK;
    weir_buffer_init(&scratch, out->ledger, out->purpose, out->maximum);
    write_bounds(shape, out);
    for (size_t i = 0; i < array->count && status == WEIR_OK && !out->failed; i++) {
        if (i)
            weir_buffer_byte(out, ',');
        write_braces(out, '{', dimensions_at(shape, i));
        status = in_item(write_item(&array->items[i], element, &scratch, out, error), i, error);
        write_braces(out, '}', dimensions_at(shape, i + 1));
    }
    weir_buffer_free(&scratch);
    return status;
}

int weir_pg_encode_array(const weir_array *array, const weir_pg_type *type, bool text_only, weir_buffer *out,
                         weir_pg_form *form, weir_error *error)
{
    array_shape shape;
    const weir_pg_type *element = type->element ? type->element : &weir_pg_type_other;
    size_t start = out->length;
    int status = read_shape(array, &shape, error);
    if (status != WEIR_OK)
        return status;
    if (type->element && !text_only) {
        bool whole;
        *form = WEIR_PG_FORM_BINARY;
        status = write_binary(array, &shape, element, out, &whole, error);
        if (status != WEIR_OK || whole)
            return status;
        out->length = start;
    }
    *form = WEIR_PG_FORM_TEXT;
    return write_text(array, &shape, element, out, error);
}
