/* Deep copies of values into an arena. */
#include <string.h>
#include "base/values.h"

/* Bytes with a NUL behind them. */
static char *copy_bytes(weir_arena *arena, const void *from, size_t length)
{
    char *to = weir_arena_bytes(arena, length + 1);
    if (!to)
        return NULL;
    if (length)
        memcpy(to, from, length);
    to[length] = 0;
    return to;
}

static size_t array_size(const weir_array *array)
{
    return sizeof *array + array->count * sizeof *array->items + 2 * (size_t)array->dimensions * sizeof *array->lengths;
}

/* One block: the struct, its items, its lengths, its lower bounds; what the items point to follows. */
static int copy_array(weir_arena *arena, const weir_array *from, const weir_array **to)
{
    weir_array *array = weir_arena_take(arena, array_size(from));
    if (!array)
        return WEIR_OUT_OF_MEMORY;
    size_t dimensions = (size_t)from->dimensions;
    weir_value *items = (weir_value *)(array + 1);
    int32_t *lengths = (int32_t *)(items + from->count), *lower_bounds = lengths + dimensions;
    *array = *from;
    array->items = items;
    array->lengths = lengths;
    array->lower_bounds = lower_bounds;
    for (size_t i = 0; i < dimensions; i++) {           /* a program may leave out what goes without saying */
        lengths[i] = from->lengths ? from->lengths[i] : (int32_t)from->count;
        lower_bounds[i] = from->lower_bounds ? from->lower_bounds[i] : 1;
    }
    for (size_t i = 0; i < from->count; i++)
        if (weir_value_copy(arena, &from->items[i], &items[i]) != WEIR_OK)
            return WEIR_OUT_OF_MEMORY;
    *to = array;
    return WEIR_OK;
}
_Static_assert(sizeof(weir_array) % _Alignof(weir_value) == 0, "items lie behind the array");

/* A NULL pointer is SQL NULL, whatever type stands beside it. */
static bool is_null(const weir_value *v)
{
    return (weir_type_is_text(v->type) && !v->as.text.ptr) || (v->type == WEIR_T_BLOB && !v->as.blob.ptr) ||
           (v->type == WEIR_T_ARRAY && !v->as.array);
}

int weir_value_copy(weir_arena *arena, const weir_value *from, weir_value *to)
{
    weir_value copy = *from;
    if (is_null(from)) {
        copy = weir_value_null();
    } else if (weir_type_is_text(from->type)) {
        if (!(copy.as.text.ptr = copy_bytes(arena, from->as.text.ptr, from->as.text.len)))
            return WEIR_OUT_OF_MEMORY;
    } else if (from->type == WEIR_T_BLOB) {
        if (!(copy.as.blob.ptr = copy_bytes(arena, from->as.blob.ptr, from->as.blob.len)))
            return WEIR_OUT_OF_MEMORY;
    } else if (from->type == WEIR_T_ARRAY) {
        int status = copy_array(arena, from->as.array, &copy.as.array);
        if (status != WEIR_OK)
            return status;
    }
    *to = copy;
    return WEIR_OK;
}

size_t weir_value_extent(const weir_value *v)
{
    if (weir_type_is_text(v->type))
        return v->as.text.ptr ? v->as.text.len + 1 : 0;
    if (v->type == WEIR_T_BLOB)
        return v->as.blob.ptr ? v->as.blob.len + 1 : 0;
    if (v->type != WEIR_T_ARRAY || !v->as.array)
        return 0;
    size_t extent = array_size(v->as.array) + _Alignof(max_align_t) - 1;
    for (size_t i = 0; i < v->as.array->count; i++)
        extent += weir_value_extent(&v->as.array->items[i]);
    return extent;
}
