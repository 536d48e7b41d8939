/* PostgreSQL's binary arrays into weir_array. */
#include "driver/postgres/codec.h"

enum { HEADER_BYTES = 12, DIMENSION_BYTES = 8, LENGTH_BYTES = 4 };

typedef struct array_field {
    const char *at, *end;               /* what is left to read */
    int32_t     dimensions;
    int32_t     lengths[WEIR_PG_MAX_DIMENSIONS], lower_bounds[WEIR_PG_MAX_DIMENSIONS];
    size_t      count;
} array_field;

static inline size_t bytes_left(const array_field *field) { return (size_t)(field->end - field->at); }

static int read_dimensions(weir_decode *decode, array_field *field)
{
    field->count = field->dimensions ? 1 : 0;
    for (int32_t i = 0; i < field->dimensions; i++, field->at += DIMENSION_BYTES) {
        int32_t length = (int32_t)weir_pg_load32(field->at), lower = (int32_t)weir_pg_load32(field->at + 4), upper;
        if (length < 0 || __builtin_add_overflow(lower, length, &upper)
            || __builtin_mul_overflow(field->count, (size_t)length, &field->count))
            return weir_pg_malformed(decode, "the server sent an array with a dimension of %d items", (int)length);
        field->lengths[i] = length;
        field->lower_bounds[i] = lower;
    }
    if (!field->count)
        field->dimensions = 0;          /* PostgreSQL has one empty array only */
    if (field->count > bytes_left(field) / LENGTH_BYTES)        /* each item has a length word at least */
        return weir_pg_malformed(decode, "the server sent an array of %zu items in %zu bytes", field->count, bytes_left(field));
    return WEIR_OK;
}

static int read_header(weir_decode *decode, const char *bytes, size_t length, array_field *field)
{
    if (length < HEADER_BYTES)
        return weir_pg_malformed(decode, "the server sent an array in %zu bytes", length);
    field->at = bytes + HEADER_BYTES;
    field->end = bytes + length;
    field->dimensions = (int32_t)weir_pg_load32(bytes);
    if (field->dimensions < 0 || field->dimensions > WEIR_PG_MAX_DIMENSIONS
        || bytes_left(field) < (size_t)field->dimensions * DIMENSION_BYTES)
        return weir_pg_malformed(decode, "the server sent an array of %d dimensions in %zu bytes",
                                 (int)field->dimensions, length);
    return read_dimensions(decode, field);
}

/* One block for the array, its dimensions and its items, which come first for their alignment. */
static weir_array *make_array(weir_arena *arena, const array_field *field, weir_type element_type)
{
    size_t dimensions = (size_t)field->dimensions, items_size, size;
    if (__builtin_mul_overflow(field->count, sizeof(weir_value), &items_size)
        || __builtin_add_overflow(items_size, sizeof(weir_array) + 2 * dimensions * sizeof(int32_t), &size))
        return NULL;
    weir_array *array = weir_arena_take(arena, size);
    if (!array)
        return NULL;
    weir_value *items = (weir_value *)(array + 1);
    int32_t *lengths = (int32_t *)(items + field->count);
    memcpy(lengths, field->lengths, dimensions * sizeof(int32_t));
    memcpy(lengths + dimensions, field->lower_bounds, dimensions * sizeof(int32_t));
    *array = (weir_array){ .element_type = element_type, .dimensions = field->dimensions, .lengths = lengths,
                           .lower_bounds = lengths + dimensions, .count = field->count, .items = items };
    return array;
}

/* The length word in front of an item; false when it is cut off or says more than is there. */
static bool read_length(array_field *field, int32_t *length)
{
    if (bytes_left(field) < LENGTH_BYTES)
        return false;
    *length = (int32_t)weir_pg_load32(field->at);
    field->at += LENGTH_BYTES;
    return *length == -1 || (*length >= 0 && (size_t)*length <= bytes_left(field));
}

/* Each item's length is read before the item in front of it is decoded: a borrowing decoder ends its text by a NUL in the
 * byte behind it, which is where the next length stood. */
static int read_items(weir_decode *decode, const weir_step *element, array_field *field, weir_value *items)
{
    int32_t length = 0;
    bool whole = field->count == 0 || read_length(field, &length);
    for (size_t i = 0; whole && i < field->count; i++) {
        const char *item = field->at;
        int32_t item_length = length;
        if (item_length > 0)
            field->at += item_length;
        if (i + 1 < field->count)
            whole = read_length(field, &length);
        items[i].type = WEIR_T_NULL;
        if (item_length == -1)
            continue;
        int status = element->decode(decode, element, item, (size_t)item_length, &items[i]);
        if (status != WEIR_OK)
            return status;
    }
    if (!whole || field->at != field->end)
        return weir_pg_malformed(decode, "the server sent an array whose items do not fill it");
    return WEIR_OK;
}

int weir_pg_decode_array(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target)
{
    weir_value *value = target;
    array_field field = { .count = 0 };
    int status = read_header(decode, source, length, &field);
    if (status != WEIR_OK)
        return status;
    weir_array *array = make_array(decode->arena, &field, step->element->type);
    if (!array)
        return WEIR_OUT_OF_MEMORY;
    status = read_items(decode, step->element, &field, (weir_value *)(array + 1));
    if (status != WEIR_OK)
        return status;
    value->type = WEIR_T_ARRAY;
    value->as.array = array;
    return WEIR_OK;
}
