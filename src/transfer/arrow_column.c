/* Arrow columns: appending values to buffers in Arrow's layout. */
#include "transfer/arrow.h"
#include <limits.h>
#include <stdio.h>
#include "base/decimal.h"
#include "base/holds.h"
#include "transfer/numeric_shape.h"

enum { FIRST_BYTES = 4096, MOST_KEPT = 8 * 1024 * 1024, MOST_DIGITS = 38, MOST_DIMENSIONS = 6, UUID_SIZE = 16 };

/* Bytes of a value of fixed width; 0: bits, offsets and nothing. */
static const size_t widths[] = {
    [WEIR_ARROW_INT16] = 2, [WEIR_ARROW_INT32] = 4, [WEIR_ARROW_INT64] = 8, [WEIR_ARROW_FLOAT] = 4, [WEIR_ARROW_DOUBLE] = 8,
    [WEIR_ARROW_DECIMAL] = 16, [WEIR_ARROW_DATE] = 4, [WEIR_ARROW_TIME] = 8, [WEIR_ARROW_TIMESTAMP] = 8, [WEIR_ARROW_INTERVAL] = 16,
    [WEIR_ARROW_UUID] = UUID_SIZE, [WEIR_ARROW_LIST] = 0
};

static const struct { weir_arrow_layout layout; const char *format, *extension; } of_types[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = { WEIR_ARROW_NULL, "n", NULL }, [WEIR_T_BOOL] = { WEIR_ARROW_BIT, "b", NULL },
    [WEIR_T_INT16] = { WEIR_ARROW_INT16, "s", NULL }, [WEIR_T_INT32] = { WEIR_ARROW_INT32, "i", NULL },
    [WEIR_T_INT64] = { WEIR_ARROW_INT64, "l", NULL }, [WEIR_T_FLOAT] = { WEIR_ARROW_FLOAT, "f", NULL },
    [WEIR_T_DOUBLE] = { WEIR_ARROW_DOUBLE, "g", NULL }, [WEIR_T_NUMERIC] = { WEIR_ARROW_TEXT, "u", NULL },
    [WEIR_T_TEXT] = { WEIR_ARROW_TEXT, "u", NULL }, [WEIR_T_BLOB] = { WEIR_ARROW_BINARY, "z", NULL },
    [WEIR_T_DATE] = { WEIR_ARROW_DATE, "tdD", NULL }, [WEIR_T_TIME] = { WEIR_ARROW_TIME, "ttu", NULL },
    [WEIR_T_TIMETZ] = { WEIR_ARROW_FORMATTED, "u", NULL }, [WEIR_T_TIMESTAMP] = { WEIR_ARROW_TIMESTAMP, "tsu:", NULL },
    [WEIR_T_TIMESTAMPTZ] = { WEIR_ARROW_TIMESTAMP, "tsu:UTC", NULL }, [WEIR_T_INTERVAL] = { WEIR_ARROW_INTERVAL, "tin", NULL },
    [WEIR_T_UUID] = { WEIR_ARROW_UUID, "w:16", "arrow.uuid" }, [WEIR_T_JSON] = { WEIR_ARROW_TEXT, "u", "arrow.json" },
    [WEIR_T_INET] = { WEIR_ARROW_TEXT, "u", NULL }, [WEIR_T_ENUM] = { WEIR_ARROW_TEXT, "u", NULL },
    [WEIR_T_ARRAY] = { WEIR_ARROW_LIST, "+l", NULL }, [WEIR_T_OTHER] = { WEIR_ARROW_TEXT, "u", NULL }
};

/* ---- what a column is ---------------------------------------------------------------------------------------------- */
static void become(weir_arrow_column *column, weir_type type)
{
    column->type = type;
    column->layout = of_types[type].layout;
}

void weir_arrow_settle(weir_arrow_column *column)
{
    column->settled = true;
    if (column->item)
        weir_arrow_settle(column->item);
}

static int depth_of(const weir_arrow_column *column) { return column->item ? 1 + depth_of(column->item) : 0; }
static const weir_arrow_column *innermost(const weir_arrow_column *column) { return column->item ? innermost(column->item) : column; }

/* Puts one more list around the items. */
static bool deepen(weir_arrow_column *column)
{
    weir_arrow_column *list = weir_arena_take(column->arena, sizeof *list);
    if (!list)
        return false;
    *list = (weir_arrow_column){ .name = "item", .ledger = column->ledger, .arena = column->arena, .item = column->item };
    become(list, WEIR_T_ARRAY);
    column->item = list;
    return true;
}

void weir_arrow_decided(const weir_arrow_column *column, int *type, int *depth)
{
    *type = (int)innermost(column)->type;
    *depth = depth_of(column);
}

bool weir_arrow_decide(weir_arrow_column *column, int type, int depth)
{
    weir_arrow_column *values = column;
    if (depth > MOST_DIMENSIONS || (depth > 0) != (column->item != NULL) || type < 0 || type >= WEIR_T_COUNT_)
        return false;
    for (int i = depth_of(column); i < depth; i++)
        if (!deepen(column))
            return false;
    while (values->item)
        values = values->item;
    if (type != (int)values->type && (values->layout != WEIR_ARROW_NULL || type == WEIR_T_ARRAY))
        return false;
    if (type != (int)values->type)
        become(values, (weir_type)type);
    weir_arrow_settle(column);
    return true;
}

bool weir_arrow_is_known(const weir_arrow_column *column)
{
    return column->layout != WEIR_ARROW_NULL && (!column->item || column->settled);     /* how deep lists are, only values tell */
}

static void look_at_digits(weir_arrow_column *column, const weir_column_info *info)
{
    int32_t precision, scale;
    if (column->type != WEIR_T_NUMERIC || !weir_numeric_shape(info, MOST_DIGITS, &precision, &scale))
        return;
    column->layout = WEIR_ARROW_DECIMAL;
    column->precision = precision;
    column->scale = scale;
}

int weir_arrow_column_init(weir_arrow_column *column, weir_arena *arena, weir_ledger *ledger, const weir_column_info *info)
{
    const char *name = info->name ? info->name : "";
    size_t length = strlen(name) + 1;
    char *copy = weir_arena_bytes(arena, length);
    if (!copy)
        return WEIR_OUT_OF_MEMORY;
    *column = (weir_arrow_column){ .name = memcpy(copy, name, length), .ledger = ledger, .arena = arena };
    become(column, info->type);
    look_at_digits(column, info);
    if (column->layout != WEIR_ARROW_LIST)
        return WEIR_OK;
    column->item = weir_arena_take(arena, sizeof *column->item);
    if (!column->item)
        return WEIR_OUT_OF_MEMORY;
    *column->item = (weir_arrow_column){ .name = "item", .ledger = ledger, .arena = arena };
    become(column->item, info->element_type == WEIR_T_ARRAY ? WEIR_T_OTHER : info->element_type);
    look_at_digits(column->item, info);
    return WEIR_OK;
}

void weir_arrow_format(const weir_arrow_column *column, char format[32])
{
    if (column->layout == WEIR_ARROW_DECIMAL)
        snprintf(format, 32, "d:%d,%d", column->precision, column->scale);
    else
        snprintf(format, 32, "%s", of_types[column->type].format);
}

const char *weir_arrow_extension(const weir_arrow_column *column) { return of_types[column->type].extension; }

/* ---- room ---------------------------------------------------------------------------------------------------------------- */
static bool has_offsets(weir_arrow_layout layout)
{
    return layout == WEIR_ARROW_TEXT || layout == WEIR_ARROW_FORMATTED || layout == WEIR_ARROW_BINARY || layout == WEIR_ARROW_LIST;
}

/* Values are wider than bytes: an allocation of theirs counts as output of a writer. */
static bool resize(weir_arrow_column *column, void *buffer, size_t size)
{
    void **place = buffer, *grown = weir_resize(column->ledger, WEIR_MEMORY_OUTPUT, *place, size);
    if (grown)
        *place = grown;
    return grown != NULL;
}

static size_t bitmap_bytes(int64_t rows) { return ((size_t)rows + 63) / 64 * 8; }

int weir_arrow_reserve(weir_arrow_column *column, int64_t rows)
{
    int64_t room = column->length + rows;
    if (column->layout == WEIR_ARROW_NULL || room <= column->room)
        return WEIR_OK;
    if (column->room && room < column->room * 2)
        room = column->room * 2;
    size_t bits = bitmap_bytes(room), before = bitmap_bytes(column->room);
    if (column->validity) {
        if (!resize(column, &column->validity, bits))
            return WEIR_OUT_OF_MEMORY;
        memset(column->validity + before, 0, bits - before);
    }
    if (column->layout == WEIR_ARROW_BIT) {
        if (!resize(column, &column->values, bits))
            return WEIR_OUT_OF_MEMORY;
        memset(column->values + before, 0, bits - before);
    } else if (has_offsets(column->layout)) {
        if (!resize(column, &column->offsets, ((size_t)room + 1) * sizeof *column->offsets))
            return WEIR_OUT_OF_MEMORY;
        if (column->length == 0)
            column->offsets[0] = 0;
    } else if (!resize(column, &column->values, (size_t)room * widths[column->layout])) {
        return WEIR_OUT_OF_MEMORY;
    }
    column->room = room;
    return WEIR_OK;
}

static int reserve_bytes(weir_arrow_column *column, size_t extra, char *reason)
{
    if (column->bytes_used + extra > INT32_MAX) {
        snprintf(reason, WEIR_REASON_SIZE, "more than 2 GiB of text in one record batch: ask for fewer rows in each");
        return WEIR_DATA;
    }
    if (column->bytes_used + extra <= column->bytes_room)
        return WEIR_OK;
    size_t room = column->bytes_room ? column->bytes_room : FIRST_BYTES;
    while (room < column->bytes_used + extra)
        room += room / 2;
    if (!resize(column, &column->bytes, room))
        return WEIR_OUT_OF_MEMORY;
    column->bytes_room = room;
    return WEIR_OK;
}

/* ---- NULLs ---------------------------------------------------------------------------------------------------------------- */
static void set_bit(uint8_t *bits, int64_t at) { bits[at >> 3] = (uint8_t)(bits[at >> 3] | 1u << (at & 7)); }

/* The first NULL: all before it are values. */
static bool begin_validity(weir_arrow_column *column)
{
    size_t bytes = bitmap_bytes(column->room);
    if (!resize(column, &column->validity, bytes))
        return false;
    memset(column->validity, 0, bytes);
    memset(column->validity, 0xFF, (size_t)(column->length >> 3));
    for (int64_t i = column->length & ~INT64_C(7); i < column->length; i++)
        set_bit(column->validity, i);
    return true;
}

static int append_null(weir_arrow_column *column)
{
    int64_t at = column->length++;
    column->nulls++;
    if (column->layout == WEIR_ARROW_NULL)
        return WEIR_OK;
    column->length--;                   /* what begin_validity marks */
    if (!column->validity && !begin_validity(column))
        return WEIR_OUT_OF_MEMORY;
    column->length++;
    if (has_offsets(column->layout))
        column->offsets[at + 1] = column->offsets[at];
    else if (column->layout != WEIR_ARROW_BIT)
        memset(column->values + (size_t)at * widths[column->layout], 0, widths[column->layout]);
    return WEIR_OK;
}

/* ---- values of one layout --------------------------------------------------------------------------------------------------- */
static int refuse(char *reason, const char *text)
{
    snprintf(reason, WEIR_REASON_SIZE, "%s", text);
    return WEIR_DATA;
}

static int put_bytes(weir_arrow_column *column, int64_t at, const void *bytes, size_t length, char *reason)
{
    if (column->bytes_room - column->bytes_used < length) {
        int status = reserve_bytes(column, length, reason);
        if (status != WEIR_OK)
            return status;
    }
    if (length)
        memcpy(column->bytes + column->bytes_used, bytes, length);
    column->bytes_used += length;
    if (column->bytes_used > INT32_MAX)
        return reserve_bytes(column, 0, reason);
    column->offsets[at + 1] = (int32_t)column->bytes_used;
    return WEIR_OK;
}

static int put_text(weir_arrow_column *column, int64_t at, weir_text text, char *reason)
{
    if (!weir_text_is_utf8(text))
        return refuse(reason, "the text is not valid UTF-8");
    return put_bytes(column, at, text.ptr, text.len, reason);
}

static int put_formatted(weir_arrow_column *column, int64_t at, const weir_value *value, char *reason)
{
    char text[WEIR_FORMATTED_SIZE];
    return put_bytes(column, at, text, weir_value_format(value, text, sizeof text), reason);
}

__extension__ typedef unsigned __int128 wide;

/* Digits of both sides of the point as one integer, without a point: the point is `scale` digits from the right. */
static int put_decimal(weir_arrow_column *column, int64_t at, weir_text text, char *reason)
{
    weir_decimal decimal;
    if (!weir_decimal_split(text, &decimal))
        return refuse(reason, "a decimal cannot be NaN or infinite");
    if (decimal.fraction.len > (size_t)column->scale || decimal.whole.len > (size_t)(column->precision - column->scale))
        return refuse(reason, "the number has more digits than its column");
    wide digits = 0;
    for (size_t i = 0; i < decimal.whole.len; i++)
        digits = digits * 10 + (unsigned)(decimal.whole.ptr[i] - '0');
    for (size_t i = 0; i < (size_t)column->scale; i++)
        digits = digits * 10 + (i < decimal.fraction.len ? (unsigned)(decimal.fraction.ptr[i] - '0') : 0);
    if (decimal.negative)
        digits = -digits;
    memcpy(column->values + (size_t)at * sizeof digits, &digits, sizeof digits);
    return WEIR_OK;
}

static int put_interval(weir_arrow_column *column, int64_t at, weir_interval interval, char *reason)
{
    struct { int32_t months, days; int64_t nanoseconds; } value = { .months = interval.months, .days = interval.days };
    if (__builtin_mul_overflow(interval.usec, 1000, &value.nanoseconds))
        return refuse(reason, "the interval's time does not fit 64 bits of nanoseconds");
    memcpy(column->values + (size_t)at * sizeof value, &value, sizeof value);
    return WEIR_OK;
}

/* The items of one dimension, from the array's item `first` on. */
static int put_items(weir_arrow_column *column, int64_t at, const weir_array *array, int dimension, size_t first, char *reason)
{
    weir_arrow_column *item = column->item;
    size_t length = array->lengths && array->dimensions ? (size_t)array->lengths[dimension] : array->count, below = 1;
    bool last = dimension + 1 >= array->dimensions;
    WEIR_HOLDS(last || array->lengths);
    for (int i = dimension + 1; i < array->dimensions; i++)
        below *= (size_t)array->lengths[i];
    int status = weir_arrow_reserve(item, (int64_t)length);
    for (size_t i = 0; status == WEIR_OK && i < length; i++) {
        if (last) {
            status = weir_arrow_append(item, &array->items[first + i], reason);
            continue;
        }
        status = put_items(item, item->length, array, dimension + 1, first + i * below, reason);
        if (status == WEIR_OK && item->validity)
            set_bit(item->validity, item->length);
        item->length += status == WEIR_OK;
    }
    if (status != WEIR_OK)
        return status;
    if (item->length > INT32_MAX)
        return refuse(reason, "more than 2^31 array items in one record batch: ask for fewer rows in each");
    column->offsets[at + 1] = (int32_t)item->length;
    return WEIR_OK;
}

/* Lists are equally deep in every row: the first array that is not empty says how deep. */
static int put_list(weir_arrow_column *column, int64_t at, const weir_array *array, char *reason)
{
    if (array->count == 0 || array->dimensions == 0) {
        column->offsets[at + 1] = column->offsets[at];
        return WEIR_OK;
    }
    while (!column->settled && column->item->length == 0 && depth_of(column) < array->dimensions)
        if (!deepen(column))
            return WEIR_OUT_OF_MEMORY;
    if (depth_of(column) != array->dimensions) {
        snprintf(reason, WEIR_REASON_SIZE, "an array of %d dimensions in a column of %d: unnest it in the query, or give it as text", (int)array->dimensions,
                 depth_of(column));
        return WEIR_DATA;
    }
    return put_items(column, at, array, 0, 0, reason);
}

#define PUT(column, at, type, value) (((type *)(void *)(column)->values)[at] = (type)(value))

static int put_date(weir_arrow_column *column, int64_t at, weir_date date, char *reason)
{
    if (date.days == WEIR_DATE_INFINITY || date.days == WEIR_DATE_MINUS_INFINITY)
        return refuse(reason, "Arrow has no infinite dates: replace them in the query");
    PUT(column, at, int32_t, date.days);
    return WEIR_OK;
}

static int put_timestamp(weir_arrow_column *column, int64_t at, int64_t usec, char *reason)
{
    if (usec == WEIR_TIMESTAMP_INFINITY || usec == WEIR_TIMESTAMP_MINUS_INFINITY)
        return refuse(reason, "Arrow has no infinite timestamps: replace them in the query");
    PUT(column, at, int64_t, usec);
    return WEIR_OK;
}

static int put_time(weir_arrow_column *column, int64_t at, weir_time time, char *reason)
{
    if (time.usec >= INT64_C(86400000000))
        return refuse(reason, "Arrow's day ends before 24:00:00: replace that time in the query");
    PUT(column, at, int64_t, time.usec);
    return WEIR_OK;
}

/* ---- any value --------------------------------------------------------------------------------------------------------------- */
/* Numbers where a numeric belongs, as SQLite keeps them. */
static bool number_as_text(const weir_value *from, char digits[WEIR_FORMATTED_SIZE], weir_text *text)
{
    bool number = from->type == WEIR_T_INT64 || from->type == WEIR_T_INT32 || from->type == WEIR_T_INT16 || from->type == WEIR_T_DOUBLE;
    *text = (weir_text){ digits, number ? weir_value_format(from, digits, WEIR_FORMATTED_SIZE) : 0 };
    return number && weir_numeric_valid(*text);
}

/* A value of another type than the column's (SQLite's may be of any): as the column's, if that is exact. */
static int convert(const weir_value *from, weir_type type, weir_value *to, char digits[WEIR_FORMATTED_SIZE], char *reason)
{
    int32_t narrow = 0;
    int status = WEIR_DATA;
    *to = (weir_value){ .type = type };
    switch (type) {
    case WEIR_T_BOOL: return weir_value_as_bool(from, &to->as.b, reason);
    case WEIR_T_INT16: case WEIR_T_INT32:
        status = weir_value_as_int32(from, &narrow, reason);
        to->as.i = narrow;
        return status == WEIR_OK && type == WEIR_T_INT16 && narrow != (int16_t)narrow ? refuse(reason, "the number does not fit 16 bits")
                                                                                       : status;
    case WEIR_T_INT64: return weir_value_as_int64(from, &to->as.i, reason);
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE: return weir_value_as_double(from, &to->as.d, reason);
    case WEIR_T_DATE: return weir_value_as_date(from, &to->as.date, reason);
    case WEIR_T_TIME: return weir_value_as_time(from, &to->as.time, reason);
    case WEIR_T_TIMETZ: return weir_value_as_timetz(from, &to->as.timetz, reason);
    case WEIR_T_TIMESTAMP: return weir_value_as_timestamp(from, &to->as.timestamp, reason);
    case WEIR_T_TIMESTAMPTZ: return weir_value_as_timestamptz(from, &to->as.timestamptz, reason);
    case WEIR_T_INTERVAL: return weir_value_as_interval(from, &to->as.interval, reason);
    case WEIR_T_UUID: return weir_value_as_uuid(from, &to->as.uuid, reason);
    case WEIR_T_BLOB: return weir_value_as_blob(from, &to->as.blob, reason);
    default:
        if (type == WEIR_T_NUMERIC && number_as_text(from, digits, &to->as.text))
            return WEIR_OK;
        if (weir_type_is_text(type) && weir_type_is_text(from->type) && (type != WEIR_T_NUMERIC || weir_numeric_valid(from->as.text))) {
            to->as.text = from->as.text;
            return WEIR_OK;
        }
        snprintf(reason, WEIR_REASON_SIZE, "a %s in a column of %s: convert it in the query", weir_type_name(from->type),
                 weir_type_name(type));
        return WEIR_DATA;
    }
}

static int append_as_it_is(weir_arrow_column *column, const weir_value *value, char *reason)
{
    int64_t at = column->length;
    switch (column->layout) {
    case WEIR_ARROW_NULL: return refuse(reason, "a value in a column whose first batch had none, so that its type is not known: CAST it in "
                                                 "the query");
    case WEIR_ARROW_BIT:
        if (value->as.b)
            set_bit(column->values, at);
        return WEIR_OK;
    case WEIR_ARROW_INT16: PUT(column, at, int16_t, value->as.i); return WEIR_OK;
    case WEIR_ARROW_INT32: PUT(column, at, int32_t, value->as.i); return WEIR_OK;
    case WEIR_ARROW_INT64: PUT(column, at, int64_t, value->as.i); return WEIR_OK;
    case WEIR_ARROW_FLOAT: PUT(column, at, float, value->as.d); return WEIR_OK;
    case WEIR_ARROW_DOUBLE: PUT(column, at, double, value->as.d); return WEIR_OK;
    case WEIR_ARROW_DECIMAL: return put_decimal(column, at, value->as.text, reason);
    case WEIR_ARROW_TEXT: return put_text(column, at, value->as.text, reason);
    case WEIR_ARROW_FORMATTED: return put_formatted(column, at, value, reason);
    case WEIR_ARROW_BINARY: return put_bytes(column, at, value->as.blob.ptr, value->as.blob.len, reason);
    case WEIR_ARROW_DATE: return put_date(column, at, value->as.date, reason);
    case WEIR_ARROW_TIME: return put_time(column, at, value->as.time, reason);
    case WEIR_ARROW_TIMESTAMP: return put_timestamp(column, at, value->as.timestamp.usec, reason);
    case WEIR_ARROW_INTERVAL: return put_interval(column, at, value->as.interval, reason);
    case WEIR_ARROW_UUID: memcpy(column->values + at * UUID_SIZE, value->as.uuid.bytes, UUID_SIZE); return WEIR_OK;
    case WEIR_ARROW_LIST: return put_list(column, at, value->as.array, reason);
    }
    return WEIR_DATA;
}

/* The first value of a column that nothing tells of: it has been NULLs so far. */
static int become_known(weir_arrow_column *column, weir_type type)
{
    int64_t nulls = column->length;
    become(column, type);
    column->length = column->nulls = 0;
    int status = weir_arrow_reserve(column, nulls + 1);
    while (status == WEIR_OK && column->length < nulls)
        status = append_null(column);
    return status;
}

int weir_arrow_append(weir_arrow_column *column, const weir_value *value, char *reason)
{
    weir_value converted;
    char digits[WEIR_FORMATTED_SIZE];
    if (column->length == column->room && weir_arrow_reserve(column, 1) != WEIR_OK)
        return WEIR_OUT_OF_MEMORY;
    if (value->type == WEIR_T_NULL)
        return append_null(column);
    if (column->layout == WEIR_ARROW_NULL && !column->settled && value->type != WEIR_T_ARRAY) {
        int known = become_known(column, value->type);
        if (known != WEIR_OK)
            return known;
    }
    if (value->type != column->type && column->layout != WEIR_ARROW_NULL) {
        int status = convert(value, column->type, &converted, digits, reason);
        if (status != WEIR_OK)
            return status;
        value = &converted;
    }
    int status = append_as_it_is(column, value, reason);
    if (status != WEIR_OK)
        return status;
    if (column->validity)
        set_bit(column->validity, column->length);
    column->length++;
    return WEIR_OK;
}

/* What most columns are, without a look at each value's layout: those appended, up to the first NULL or value of another type. */
static size_t append_int64s(weir_arrow_column *column, const weir_row *const *rows, size_t count, size_t cell)
{
    int64_t *out = (int64_t *)(void *)column->values + column->length;
    size_t i = 0;
    for (; i < count && rows[i]->cells[cell].type == WEIR_T_INT64; i++)
        out[i] = rows[i]->cells[cell].as.i;
    return i;
}

static size_t append_texts(weir_arrow_column *column, const weir_row *const *rows, size_t count, size_t cell)
{
    int32_t *ends = column->offsets + column->length + 1;
    char reason[WEIR_REASON_SIZE];
    size_t i = 0;
    for (; i < count; i++) {
        const weir_value *value = &rows[i]->cells[cell];
        if (value->type != column->type || !weir_text_is_utf8(value->as.text))
            break;
        if (column->bytes_room - column->bytes_used < value->as.text.len && reserve_bytes(column, value->as.text.len, reason) != WEIR_OK)
            break;                      /* told by whoever goes on */
        if (value->as.text.len)
            memcpy(column->bytes + column->bytes_used, value->as.text.ptr, value->as.text.len);
        column->bytes_used += value->as.text.len;
        if (column->bytes_used > INT32_MAX) {
            column->bytes_used -= value->as.text.len;
            break;
        }
        ends[i] = (int32_t)column->bytes_used;
    }
    return i;
}

int weir_arrow_append_rows(weir_arrow_column *column, const weir_row *const *rows, size_t count, size_t cell, size_t *done, char *reason)
{
    int status = weir_arrow_reserve(column, (int64_t)count);
    for (*done = 0; status == WEIR_OK && *done < count;) {
        bool quick = !column->validity;
        size_t some = quick && column->layout == WEIR_ARROW_INT64 ? append_int64s(column, rows + *done, count - *done, cell)
                    : quick && column->layout == WEIR_ARROW_TEXT ? append_texts(column, rows + *done, count - *done, cell) : 0;
        column->length += (int64_t)some;
        *done += some;
        if (*done < count && (status = weir_arrow_append(column, &rows[*done]->cells[cell], reason)) == WEIR_OK)
            ++*done;
    }
    return status;
}

/* ---- the end of a batch -------------------------------------------------------------------------------------------------------- */
void weir_arrow_give(weir_arrow_column *column)
{
    column->validity = column->values = column->bytes = NULL;
    column->offsets = NULL;
    column->room = 0;
    column->bytes_room = 0;
}

void weir_arrow_clear(weir_arrow_column *column)
{
    if (column->layout == WEIR_ARROW_BIT && column->values)
        memset(column->values, 0, bitmap_bytes(column->room));
    weir_free(column->validity);        /* the next batch may have no NULLs */
    column->validity = NULL;
    column->length = column->nulls = 0;
    column->bytes_used = 0;
    if (column->bytes_room > MOST_KEPT) {       /* one wide row shall not stay in memory */
        weir_free(column->bytes);
        column->bytes = NULL;
        column->bytes_room = 0;
    }
    if (column->item)
        weir_arrow_clear(column->item);
}

void weir_arrow_column_free(weir_arrow_column *column)
{
    weir_free(column->validity);
    weir_free(column->values);
    weir_free(column->offsets);
    weir_free(column->bytes);
    weir_arrow_give(column);
    if (column->item)
        weir_arrow_column_free(column->item);
}

size_t weir_arrow_bytes(const weir_arrow_column *column)
{
    size_t fixed = has_offsets(column->layout) ? sizeof *column->offsets : widths[column->layout];
    return (size_t)column->length * fixed + column->bytes_used + (column->item ? weir_arrow_bytes(column->item) : 0);
}

/* A column without rows has no offsets yet. */
static const int32_t no_offsets[1];

size_t weir_arrow_buffers(const weir_arrow_column *column, weir_arrow_buffer buffers[3])
{
    size_t length = (size_t)column->length;
    if (column->layout == WEIR_ARROW_NULL)
        return 0;
    buffers[0] = (weir_arrow_buffer){ column->nulls ? column->validity : NULL, column->nulls ? (length + 7) / 8 : 0 };
    if (!has_offsets(column->layout)) {
        buffers[1] = (weir_arrow_buffer){ column->values, column->layout == WEIR_ARROW_BIT ? (length + 7) / 8 : length * widths[column->layout] };
        return 2;
    }
    buffers[1] = (weir_arrow_buffer){ column->offsets ? column->offsets : no_offsets, (length + 1) * sizeof *column->offsets };
    if (column->layout == WEIR_ARROW_LIST)
        return 2;
    buffers[2] = (weir_arrow_buffer){ column->bytes, column->bytes_used };
    return 3;
}
