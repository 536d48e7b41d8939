/* Members from values: storing a cell's value into a struct's member (base/lanes.h reads them). */
#include "orm/orm.h"
#include <stdio.h>
#include <string.h>

#define AT(type, object, member) (*(type *)(void *)((char *)(uintptr_t)(object) + (member)->offset))

/* ---- storing ----------------------------------------------------------------------------------------------------------------- */

static int store_null(const weir_member *member, void *object, char *reason)
{
    bool pointer = member->type >= WEIR_M_CSTR && member->type <= WEIR_M_ARRAY;
    if (!pointer && !(member->type >= WEIR_M_OPT_BOOL && member->type <= WEIR_M_OPT_UUID)) {
        strcpy(reason, "NULL, and the member's type has none");
        return WEIR_DATA;
    }
    memset((char *)object + member->offset, 0, member->size);
    return WEIR_OK;
}

static int store_int16(const weir_member *member, void *object, const weir_value *cell, char *reason)
{
    int32_t number;
    int status = weir_value_as_int32(cell, &number, reason);
    if (status == WEIR_OK && (number < INT16_MIN || number > INT16_MAX)) {
        snprintf(reason, WEIR_REASON_SIZE, "%d does not fit 16 bits", number);
        return WEIR_DATA;
    }
    if (status == WEIR_OK)
        AT(int16_t, object, member) = (int16_t)number;
    return status;
}

static int store_float(const weir_member *member, void *object, const weir_value *cell, char *reason)
{
    double number;
    int status = weir_value_as_double(cell, &number, reason);
    if (status == WEIR_OK)
        AT(float, object, member) = (float)number;
    return status;
}

static int store_chars(const weir_member *member, void *object, const weir_value *cell, char *reason)
{
    const char *text;
    int status = weir_value_as_cstr(cell, &text, reason);
    if (status != WEIR_OK)
        return status;
    size_t length = strlen(text);
    if (length >= member->size) {
        snprintf(reason, WEIR_REASON_SIZE, "a text of %zu bytes does not fit char[%zu]", length, member->size);
        return WEIR_DATA;
    }
    memcpy((char *)object + member->offset, text, length + 1);
    return WEIR_OK;
}

static int store_enum(const weir_member *member, void *object, const weir_value *cell, char *reason)
{
    weir_text label;
    int status = weir_value_as_text(cell, &label, reason);
    if (status != WEIR_OK)
        return status;
    for (size_t i = 0; i < member->enum_count; i++)
        if (member->enum_names[i] && strlen(member->enum_names[i]) == label.len && memcmp(member->enum_names[i], label.ptr, label.len) == 0) {
            AT(int, object, member) = (int)i;
            return WEIR_OK;
        }
    snprintf(reason, WEIR_REASON_SIZE, "'%.*s' is not among its names", (int)(label.len < 60 ? label.len : 60), label.ptr);
    return WEIR_DATA;
}

#define STORE(c_type, getter) return weir_value_as_##getter(cell, &AT(c_type, object, member), reason)
#define STORE_OPTIONAL(c_type, getter)                                                       \
    do {                                                                                     \
        int status = weir_value_as_##getter(cell, &AT(c_type, object, member).value, reason); \
        AT(c_type, object, member).present = status == WEIR_OK;                              \
        return status;                                                                       \
    } while (0)

static int convert(const weir_member *member, void *object, const weir_value *cell, char *reason)
{
    switch (member->type) {
    case WEIR_M_BOOL: STORE(bool, bool);
    case WEIR_M_INT16: return store_int16(member, object, cell, reason);
    case WEIR_M_INT32: STORE(int32_t, int32);
    case WEIR_M_INT64: STORE(int64_t, int64);
    case WEIR_M_FLOAT: return store_float(member, object, cell, reason);
    case WEIR_M_DOUBLE: STORE(double, double);
    case WEIR_M_CSTR: STORE(const char *, cstr);
    case WEIR_M_TEXT: STORE(weir_text, text);
    case WEIR_M_BLOB: STORE(weir_blob, blob);
    case WEIR_M_NUMERIC: STORE(weir_numeric, numeric);
    case WEIR_M_ARRAY: STORE(const weir_array *, array);
    case WEIR_M_DATE: STORE(weir_date, date);
    case WEIR_M_TIME: STORE(weir_time, time);
    case WEIR_M_TIMETZ: STORE(weir_timetz, timetz);
    case WEIR_M_TIMESTAMP: STORE(weir_timestamp, timestamp);
    case WEIR_M_TIMESTAMPTZ: STORE(weir_timestamptz, timestamptz);
    case WEIR_M_INTERVAL: STORE(weir_interval, interval);
    case WEIR_M_UUID: STORE(weir_uuid, uuid);
    case WEIR_M_OPT_BOOL: STORE_OPTIONAL(weir_opt_bool, bool);
    case WEIR_M_OPT_INT32: STORE_OPTIONAL(weir_opt_int32, int32);
    case WEIR_M_OPT_INT64: STORE_OPTIONAL(weir_opt_int64, int64);
    case WEIR_M_OPT_DOUBLE: STORE_OPTIONAL(weir_opt_double, double);
    case WEIR_M_OPT_DATE: STORE_OPTIONAL(weir_opt_date, date);
    case WEIR_M_OPT_TIME: STORE_OPTIONAL(weir_opt_time, time);
    case WEIR_M_OPT_TIMETZ: STORE_OPTIONAL(weir_opt_timetz, timetz);
    case WEIR_M_OPT_TIMESTAMP: STORE_OPTIONAL(weir_opt_timestamp, timestamp);
    case WEIR_M_OPT_TIMESTAMPTZ: STORE_OPTIONAL(weir_opt_timestamptz, timestamptz);
    case WEIR_M_OPT_INTERVAL: STORE_OPTIONAL(weir_opt_interval, interval);
    case WEIR_M_OPT_UUID: STORE_OPTIONAL(weir_opt_uuid, uuid);
    case WEIR_M_CHARS: return store_chars(member, object, cell, reason);
    case WEIR_M_ENUM: return store_enum(member, object, cell, reason);
    case WEIR_M_NONE: case WEIR_M_COUNT_: break;
    }
    strcpy(reason, "the member has no type");
    return WEIR_DATA;
}

int weir_member_store(const weir_member *member, void *object, const weir_value *cell, char *reason)
{
    if (cell->type == WEIR_T_NULL)
        return store_null(member, object, reason);
    /* What nearly every row is made of. */
    if (member->type == WEIR_M_INT64 && (cell->type == WEIR_T_INT64 || cell->type == WEIR_T_INT32)) {
        AT(int64_t, object, member) = cell->as.i;
        return WEIR_OK;
    }
    return convert(member, object, cell, reason);
}

/* ---- naming -------------------------------------------------------------------------------------------------------------------- */

void weir_instance_name(const weir_instance *instance, char *out, size_t size)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    const void *object = instance + 1;
    bool many = mapper->key_count > 1;
    size_t used = (size_t)snprintf(out, size, "%s %s", mapper->entity->name, many ? "(" : "");
    for (size_t i = 0; i < mapper->key_count && used < size; i++) {
        weir_value value;
        weir_member_value(mapper->keys[i], object, &value);
        if (i > 0)
            used += (size_t)snprintf(out + used, size - used, ", ");
        if (used < size)
            used += weir_value_format(&value, out + used, size - used);
    }
    if (many && used < size)
        snprintf(out + used, size - used, ")");
}

void weir_object_name(const void *object, char *out, size_t size)
{
    const weir_instance *instance = weir_instance_of(object);
    if (instance)
        weir_instance_name(instance, out, size);
    else
        snprintf(out, size, "no instance");
}
