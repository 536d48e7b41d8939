/* Members of structs as values, and lanes of parameter sets: reading one field of one set. */
#include "base/lanes.h"
#include <stdio.h>
#include <string.h>

#define AT(type, object, member) (*(type *)(void *)((char *)(uintptr_t)(object) + (member)->offset))

static weir_value text_value(weir_type type, const char *ptr, size_t length)
{
    return ptr ? (weir_value){ .type = type, .as.text = { ptr, length } } : (weir_value){ .type = WEIR_T_NULL };
}

static void read_enum(const weir_member *member, const void *object, weir_value *out)
{
    int number = AT(int, object, member);
    const char *label = number >= 0 && (size_t)number < member->enum_count ? member->enum_names[number] : NULL;
    *out = text_value(WEIR_T_TEXT, label, label ? strlen(label) : 0);
}

static void read_chars(const weir_member *member, const void *object, weir_value *out)
{
    const char *text = (const char *)object + member->offset;
    *out = text_value(WEIR_T_TEXT, text, strnlen(text, member->size));
}

#define READ_OPTIONAL(c_type, sql_type, as_member)                                                              \
    if (AT(c_type, object, member).present)                                                                     \
        *out = (weir_value){ .type = sql_type, .as.as_member = AT(c_type, object, member).value };              \
    else                                                                                                        \
        *out = (weir_value){ .type = WEIR_T_NULL };                                                             \
    return

void weir_member_value(const weir_member *member, const void *object, weir_value *out)
{
    switch (member->type) {
    case WEIR_M_BOOL: *out = (weir_value){ .type = WEIR_T_BOOL, .as.b = AT(bool, object, member) }; return;
    case WEIR_M_INT16: *out = (weir_value){ .type = WEIR_T_INT64, .as.i = AT(int16_t, object, member) }; return;
    case WEIR_M_INT32: *out = (weir_value){ .type = WEIR_T_INT64, .as.i = AT(int32_t, object, member) }; return;
    case WEIR_M_INT64: *out = (weir_value){ .type = WEIR_T_INT64, .as.i = AT(int64_t, object, member) }; return;
    case WEIR_M_FLOAT: *out = (weir_value){ .type = WEIR_T_DOUBLE, .as.d = (double)AT(float, object, member) }; return;
    case WEIR_M_DOUBLE: *out = (weir_value){ .type = WEIR_T_DOUBLE, .as.d = AT(double, object, member) }; return;
    case WEIR_M_CSTR: {
        const char *text = AT(const char *, object, member);
        *out = text_value(WEIR_T_TEXT, text, text ? strlen(text) : 0);
        return;
    }
    case WEIR_M_TEXT: *out = text_value(WEIR_T_TEXT, AT(weir_text, object, member).ptr, AT(weir_text, object, member).len); return;
    case WEIR_M_NUMERIC:
        *out = text_value(WEIR_T_NUMERIC, AT(weir_numeric, object, member).ptr, AT(weir_numeric, object, member).len);
        return;
    case WEIR_M_BLOB:
        *out = (weir_value){ .type = AT(weir_blob, object, member).ptr ? WEIR_T_BLOB : WEIR_T_NULL, .as.blob = AT(weir_blob, object, member) };
        return;
    case WEIR_M_ARRAY: {
        const weir_array *array = AT(const weir_array *, object, member);
        *out = (weir_value){ .type = array ? WEIR_T_ARRAY : WEIR_T_NULL, .as.array = array };
        return;
    }
    case WEIR_M_DATE: *out = (weir_value){ .type = WEIR_T_DATE, .as.date = AT(weir_date, object, member) }; return;
    case WEIR_M_TIME: *out = (weir_value){ .type = WEIR_T_TIME, .as.time = AT(weir_time, object, member) }; return;
    case WEIR_M_TIMETZ: *out = (weir_value){ .type = WEIR_T_TIMETZ, .as.timetz = AT(weir_timetz, object, member) }; return;
    case WEIR_M_TIMESTAMP: *out = (weir_value){ .type = WEIR_T_TIMESTAMP, .as.timestamp = AT(weir_timestamp, object, member) }; return;
    case WEIR_M_TIMESTAMPTZ:
        *out = (weir_value){ .type = WEIR_T_TIMESTAMPTZ, .as.timestamptz = AT(weir_timestamptz, object, member) };
        return;
    case WEIR_M_INTERVAL: *out = (weir_value){ .type = WEIR_T_INTERVAL, .as.interval = AT(weir_interval, object, member) }; return;
    case WEIR_M_UUID: *out = (weir_value){ .type = WEIR_T_UUID, .as.uuid = AT(weir_uuid, object, member) }; return;
    case WEIR_M_OPT_BOOL: READ_OPTIONAL(weir_opt_bool, WEIR_T_BOOL, b);
    case WEIR_M_OPT_INT32: READ_OPTIONAL(weir_opt_int32, WEIR_T_INT64, i);
    case WEIR_M_OPT_INT64: READ_OPTIONAL(weir_opt_int64, WEIR_T_INT64, i);
    case WEIR_M_OPT_DOUBLE: READ_OPTIONAL(weir_opt_double, WEIR_T_DOUBLE, d);
    case WEIR_M_OPT_DATE: READ_OPTIONAL(weir_opt_date, WEIR_T_DATE, date);
    case WEIR_M_OPT_TIME: READ_OPTIONAL(weir_opt_time, WEIR_T_TIME, time);
    case WEIR_M_OPT_TIMETZ: READ_OPTIONAL(weir_opt_timetz, WEIR_T_TIMETZ, timetz);
    case WEIR_M_OPT_TIMESTAMP: READ_OPTIONAL(weir_opt_timestamp, WEIR_T_TIMESTAMP, timestamp);
    case WEIR_M_OPT_TIMESTAMPTZ: READ_OPTIONAL(weir_opt_timestamptz, WEIR_T_TIMESTAMPTZ, timestamptz);
    case WEIR_M_OPT_INTERVAL: READ_OPTIONAL(weir_opt_interval, WEIR_T_INTERVAL, interval);
    case WEIR_M_OPT_UUID: READ_OPTIONAL(weir_opt_uuid, WEIR_T_UUID, uuid);
    case WEIR_M_CHARS: read_chars(member, object, out); return;
    case WEIR_M_ENUM: read_enum(member, object, out); return;
    case WEIR_M_NONE: case WEIR_M_COUNT_: break;
    }
    *out = (weir_value){ .type = WEIR_T_NULL };
}

/* ---- lanes ------------------------------------------------------------------------------------------------------------------- */
int weir_lane_value(const weir_lane *lane, const void *at, weir_value *out, char *reason)
{
    if (lane->member.type == WEIR_M_NONE) {
        *out = *(const weir_value *)at;
        if ((weir_type_is_text(out->type) && !out->as.text.ptr) || (out->type == WEIR_T_BLOB && !out->as.blob.ptr) ||
            (out->type == WEIR_T_ARRAY && !out->as.array))
            out->type = WEIR_T_NULL;
        return WEIR_OK;
    }
    weir_member_value(&lane->member, at, out);
    if (lane->member.type == WEIR_M_FLOAT)
        out->type = WEIR_T_FLOAT;       /* its digits are those of a float */
    if (lane->member.type == WEIR_M_ENUM && out->type == WEIR_T_NULL) {
        snprintf(reason, WEIR_REASON_SIZE, "the number %d has no name in the enum", *(const int *)at);
        return WEIR_DATA;
    }
    return WEIR_OK;
}

weir_lane weir_lane_of_member(const weir_member *member, const char *column)
{
    weir_lane lane = { .member = *member, .name = column, .offset = member->offset };
    lane.member.offset = 0;
    return lane;
}
