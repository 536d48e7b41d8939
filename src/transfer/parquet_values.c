/* Parquet: values into columns, as the format's plain bytes; NULLs and the ends of lists as levels. */
#include "transfer/parquet.h"
#include <math.h>
#include <stdio.h>
#include "base/decimal.h"
#include "base/values.h"
#include "transfer/encode.h"
#include "transfer/json_text.h"

__extension__ typedef unsigned __int128 wide;

/* Where a value comes from, for messages. */
typedef struct place { weir_parquet *parquet; weir_parquet_column *column; size_t number; int64_t row; } place;

static int refuse(const place *at, const char *reason, const char *hint)
{
    weir_sheet *sheet = at->parquet->sheet;
    weir_text name = at->column->name;
    weir_error_set(sheet->error, WEIR_DATA, "row %lld, column %.*s: %s", (long long)sheet->rows + (long long)at->row + 1,
                   (int)(name.len < 128 ? name.len : 128), name.ptr, reason);
    sheet->error->row = sheet->rows + at->row + 1;
    weir_error_text(sheet->error->column, sizeof sheet->error->column, name.ptr, name.len);
    if (hint)
        weir_error_text(sheet->error->hint, sizeof sheet->error->hint, hint, strlen(hint));
    return WEIR_DATA;
}

/* ---- bytes of a value ------------------------------------------------------------------------------------------------------- */
/* Room for so many bytes more. Buffers of many columns stand side by side, so they grow by a quarter, not to twice their size. */
static bool reserve(weir_buffer *values, size_t size)
{
    size_t wanted = values->length + size + values->length / 4;
    if (values->capacity - values->length >= size)
        return true;
    if (size > WEIR_PARQUET_PAGE || values->failed)
        return weir_buffer_reserve(values, size);
    char *grown = weir_resize(values->ledger, values->purpose, values->data, wanted);
    if (!grown)
        return !(values->failed = true);
    values->data = grown;
    values->capacity = wanted;
    return true;
}

/* Room for a plain value of `size` bytes; the value then counts. NULL: no memory, which is found by the buffer's failure. */
static inline char *room(weir_parquet_column *column, size_t size)
{
    weir_buffer *values = &column->values;
    if (values->capacity - values->length < size && !reserve(values, size))
        return NULL;
    char *to = values->data + values->length;
    values->length += size;
    column->count++;
    return to;
}

static inline int put4(weir_parquet_column *column, uint32_t bits)
{
    char *to = room(column, 4);
    if (to)
        weir_store_le32(to, bits);
    return WEIR_OK;
}

static inline int put8(weir_parquet_column *column, uint64_t bits)
{
    char *to = room(column, 8);
    if (to)
        weir_store_le64(to, bits);
    return WEIR_OK;
}

static inline int put_bytes(const place *at, const void *bytes, size_t length)
{
    if (length > INT32_MAX / 2)
        return refuse(at, "the value has more than a gigabyte", "Parquet's pages end at two gigabytes: leave the column away or cut the value");
    char *to = room(at->column, 4 + length);
    if (to) {
        weir_store_le32(to, (uint32_t)length);
        if (length)
            memcpy(to + 4, bytes, length);
    }
    return WEIR_OK;
}

/* Its UTF-8 is checked, or put right, as in the text formats. */
static inline int put_text(const place *at, weir_text text)
{
    if (!weir_text_is_utf8(text)) {
        weir_sheet *sheet = at->parquet->sheet;
        sheet->rows += at->row;
        int status = weir_check_text(sheet, at->number, &text);
        sheet->rows -= at->row;
        if (status != WEIR_OK)
            return status;
    }
    return put_bytes(at, text.ptr, text.len);
}

/* ---- by the column's type ------------------------------------------------------------------------------------------------------ */
static int put_string(const place *at, const weir_value *value)
{
    char text[WEIR_SHORT_TEXT_SIZE];
    size_t length;
    if (weir_type_is_text(value->type))
        return put_text(at, value->as.text);
    if ((length = weir_short_text(text, value)) > 0)
        return put_bytes(at, text, length);
    if (value->type == WEIR_T_ARRAY) {
        weir_buffer *scratch = &at->parquet->sheet->scratch;
        scratch->length = 0;
        weir_value_append(scratch, value);
        return scratch->failed ? weir_error_out_of_memory(at->parquet->sheet->error)
                               : put_text(at, (weir_text){ scratch->data, scratch->length });
    }
    return refuse(at, "a blob in a column of texts", "convert the column in the query");
}

static int put_json(const place *at, const weir_value *value)
{
    bool one_line;
    if (value->type != WEIR_T_JSON && value->type != WEIR_T_TEXT)
        return refuse(at, "the value is no JSON", "convert the column to text in the query");
    if (!at->column->database_json && !weir_json_valid(value->as.text.ptr, value->as.text.len, &one_line))
        return refuse(at, "the text is no JSON", "convert the column to text in the query");
    return put_text(at, value->as.text);
}

static const char not_finite_hint[] = "give such values another form in the query: nullif(column, 'infinity'), or the column as text";

/* The digits of a finite decimal as one whole number, `scale` of them behind the point. What is wrong, or NULL. */
static const char *unscaled(weir_text text, const weir_parquet_type *type, wide *out, bool *negative)
{
    weir_decimal d;
    if (!weir_decimal_split(text, &d))
        return "the value is no finite decimal";
    if (d.fraction.len > (size_t)type->scale)
        return "the value has more digits behind the point than the column";
    if (d.whole.len > (size_t)(type->precision - type->scale))
        return "the value has more digits than the column";
    *out = 0;
    *negative = d.negative;
    for (size_t i = 0; i < d.whole.len; i++)
        *out = *out * 10 + (unsigned)(d.whole.ptr[i] - '0');
    for (size_t i = 0; i < (size_t)type->scale; i++)
        *out = *out * 10 + (i < d.fraction.len ? (unsigned)(d.fraction.ptr[i] - '0') : 0);
    return NULL;
}

static int put_decimal(const place *at, const weir_value *value)
{
    const weir_parquet_type *type = &at->column->type;
    char digits[WEIR_SHORT_TEXT_SIZE], reason[160];
    weir_text text = { digits, 0 };
    wide number = 0;
    bool negative = false;
    if (weir_type_is_text(value->type))
        text = value->as.text;
    else
        text.len = weir_short_text(digits, value);
    const char *wrong = unscaled(text, type, &number, &negative);
    if (wrong) {
        snprintf(reason, sizeof reason, "%s: %.*s in decimal(%d, %d)", wrong, (int)(text.len < 48 ? text.len : 48), text.ptr,
                 (int)type->precision, (int)type->scale);
        return refuse(at, reason, "cast the column in the query, to numeric(p, s) of other sizes, double precision or text");
    }
    if (negative)
        number = 0 - number;
    if (type->width == 4)
        return put4(at->column, (uint32_t)number);
    if (type->width == 8)
        return put8(at->column, (uint64_t)number);
    char *to = room(at->column, type->width);
    for (size_t i = type->width; to && i-- > 0; number >>= 8)
        to[i] = (char)number;
    return WEIR_OK;
}

static int put_integer(const place *at, const weir_value *value)
{
    int64_t number = 0;
    char reason[WEIR_REASON_SIZE];
    if (weir_value_as_int64(value, &number, reason) != WEIR_OK)
        return refuse(at, reason, NULL);
    if (at->column->type.leaf == WEIR_LEAF_INT64)
        return put8(at->column, (uint64_t)number);
    int64_t most = at->column->type.leaf == WEIR_LEAF_INT16 ? INT16_MAX : INT32_MAX;
    if (number > most || number < -most - 1)
        return refuse(at, "the number is too large for its column", "cast the column to bigint in the query");
    return put4(at->column, (uint32_t)number);
}

static int put_real(const place *at, const weir_value *value)
{
    double number = 0;
    char reason[WEIR_REASON_SIZE];
    if (weir_value_as_double(value, &number, reason) != WEIR_OK)
        return refuse(at, reason, NULL);
    uint64_t bits8;
    memcpy(&bits8, &number, 8);
    if (at->column->type.leaf == WEIR_LEAF_DOUBLE)
        return put8(at->column, bits8);
    float narrow = (float)number;
    if ((double)narrow != number && !isnan(number))
        return refuse(at, "the number is none that a float holds", "cast the column to double precision in the query");
    uint32_t bits4;
    memcpy(&bits4, &narrow, 4);
    return put4(at->column, bits4);
}

static int put_moment(const place *at, const weir_value *value)
{
    char reason[WEIR_REASON_SIZE];
    int64_t usec = 0;
    int status;
    if (at->column->type.leaf == WEIR_LEAF_TIMESTAMP) {
        weir_timestamp t = { 0 };
        status = weir_value_as_timestamp(value, &t, reason);
        usec = t.usec;
    } else {
        weir_timestamptz t = { 0 };
        status = weir_value_as_timestamptz(value, &t, reason);
        usec = t.usec;
    }
    if (status != WEIR_OK)
        return refuse(at, reason, NULL);
    if (usec == WEIR_TIMESTAMP_INFINITY || usec == WEIR_TIMESTAMP_MINUS_INFINITY)
        return refuse(at, "Parquet's timestamps know no infinity", not_finite_hint);
    return put8(at->column, (uint64_t)usec);
}

static int put_date(const place *at, const weir_value *value)
{
    char reason[WEIR_REASON_SIZE];
    weir_date date = { 0 };
    if (weir_value_as_date(value, &date, reason) != WEIR_OK)
        return refuse(at, reason, NULL);
    if (date.days == WEIR_DATE_INFINITY || date.days == WEIR_DATE_MINUS_INFINITY)
        return refuse(at, "Parquet's dates know no infinity", not_finite_hint);
    return put4(at->column, (uint32_t)date.days);
}

static int put_time(const place *at, const weir_value *value)
{
    char reason[WEIR_REASON_SIZE];
    weir_time time = { 0 };
    if (weir_value_as_time(value, &time, reason) != WEIR_OK)
        return refuse(at, reason, NULL);
    if (time.usec >= INT64_C(86400000000))
        return refuse(at, "Parquet's times of day end before 24:00:00", "give the column as text in the query");
    return put8(at->column, (uint64_t)time.usec);
}

static int put_other(const place *at, const weir_value *value)
{
    char reason[WEIR_REASON_SIZE], *to;
    bool truth;
    weir_blob blob;
    weir_uuid uuid;
    switch (at->column->type.leaf) {
    case WEIR_LEAF_BOOL:
        if (weir_value_as_bool(value, &truth, reason) != WEIR_OK)
            return refuse(at, reason, NULL);
        if ((to = room(at->column, 1)) != NULL)
            *to = truth;
        return WEIR_OK;
    case WEIR_LEAF_BLOB:
        if (weir_value_as_blob(value, &blob, reason) != WEIR_OK)
            return refuse(at, reason, NULL);
        return put_bytes(at, blob.ptr, blob.len);
    default:                            /* WEIR_LEAF_UUID */
        if (weir_value_as_uuid(value, &uuid, reason) != WEIR_OK)
            return refuse(at, reason, NULL);
        if ((to = room(at->column, sizeof uuid.bytes)) != NULL)
            memcpy(to, uuid.bytes, sizeof uuid.bytes);
        return WEIR_OK;
    }
}

/* A value that is not NULL and no array, exactly or not at all. */
static int put_value(const place *at, const weir_value *value)
{
    if (at->column->type.leaf == WEIR_LEAF_UNKNOWN)
        weir_parquet_decide(at->parquet, at->column, value->type == WEIR_T_ARRAY ? WEIR_T_TEXT : value->type);
    switch (at->column->type.leaf) {
    case WEIR_LEAF_INT16:
    case WEIR_LEAF_INT32:
    case WEIR_LEAF_INT64:       return put_integer(at, value);
    case WEIR_LEAF_FLOAT:
    case WEIR_LEAF_DOUBLE:      return put_real(at, value);
    case WEIR_LEAF_DECIMAL:     return put_decimal(at, value);
    case WEIR_LEAF_STRING:      return put_string(at, value);
    case WEIR_LEAF_JSON:        return put_json(at, value);
    case WEIR_LEAF_DATE:        return put_date(at, value);
    case WEIR_LEAF_TIME:        return put_time(at, value);
    case WEIR_LEAF_TIMESTAMP:
    case WEIR_LEAF_TIMESTAMPTZ: return put_moment(at, value);
    default:                    return put_other(at, value);
    }
}

/* ---- levels ---------------------------------------------------------------------------------------------------------------------- */
/* A NULL of a column that is no list. What came before it in the page was there. */
static void put_null(weir_parquet_column *column)
{
    weir_buffer *levels = &column->definitions;
    if (levels->length == 0 && column->entries > 0 && weir_buffer_reserve(levels, (size_t)column->entries + 1)) {
        memset(levels->data, 1, (size_t)column->entries);
        levels->length = (size_t)column->entries;
    }
    weir_buffer_byte(levels, 0);
    column->entries++;
    column->nulls++;
}

static void put_present(weir_parquet_column *column)
{
    if (column->definitions.length)
        weir_buffer_byte(&column->definitions, 1);
    column->entries++;
}

static void put_levels(weir_parquet_column *column, int repetition, int definition, bool there)
{
    weir_buffer_byte(&column->repetitions, (char)repetition);
    weir_buffer_byte(&column->definitions, (char)definition);
    column->entries++;
    column->nulls += !there;
}

/* A list's first item in each dimension repeats less deeply: 0 begins a row. */
static int repetition_of(const weir_array *array, size_t item)
{
    int level = array->dimensions;
    size_t group = 1;
    for (; level > 0; level--) {
        group *= (size_t)array->lengths[level - 1];
        if (item % group != 0)
            break;
    }
    return level;
}

static int put_list(const place *at, const weir_array *array)
{
    weir_parquet_column *column = at->column;
    if (array->dimensions == 0 || array->count == 0) {
        put_levels(column, 0, 1, false);
        return WEIR_OK;
    }
    if (column->type.leaf == WEIR_LEAF_UNKNOWN && array->element_type != WEIR_T_NULL)
        weir_parquet_decide(at->parquet, column, array->element_type);
    if (!column->depth)
        column->depth = array->dimensions;
    if (column->depth != array->dimensions) {
        char reason[96];
        snprintf(reason, sizeof reason, "an array of %d dimensions in a column of %d", (int)array->dimensions, column->depth);
        return refuse(at, reason, "Parquet's lists are equally deep in every row: export the column as text or as JSON (to_json)");
    }
    for (size_t i = 0; i < array->count; i++) {
        bool there = array->items[i].type != WEIR_T_NULL;
        put_levels(column, repetition_of(array, i), 2 * column->depth + there, there);
        if (there && put_value(at, &array->items[i]) != WEIR_OK)
            return at->parquet->sheet->error->status;
    }
    return WEIR_OK;
}

/* Any value of any column. */
static int put_any(const place *at, const weir_value *value)
{
    weir_parquet_column *column = at->column;
    if (value->type == WEIR_T_ARRAY && column->type.leaf == WEIR_LEAF_UNKNOWN && !column->list && column->nulls == column->entries &&
        !column->pages && at->parquet->groups == 0) {
        /* Nothing was written of this column, and it held NULLs only. */
        weir_parquet_decide(at->parquet, column, WEIR_T_ARRAY);
        weir_buffer_reserve(&column->repetitions, (size_t)column->entries + 1);
        if (column->repetitions.failed)
            return weir_error_out_of_memory(at->parquet->sheet->error);
        memset(column->repetitions.data, 0, (size_t)column->entries);
        column->repetitions.length = (size_t)column->entries;
    }
    if (!column->list) {
        if (value->type == WEIR_T_NULL)
            put_null(column);
        else if (put_value(at, value) == WEIR_OK)
            put_present(column);
        return at->parquet->sheet->error->status;
    }
    if (value->type == WEIR_T_ARRAY)
        return put_list(at, value->as.array);
    if (value->type != WEIR_T_NULL)
        return refuse(at, "the value is no array", NULL);
    put_levels(column, 0, 0, false);
    return WEIR_OK;
}

/* ---- many at a time ----------------------------------------------------------------------------------------------------------------- */
/* The ways for what most values are: of the column's own type, within the bounds of what needs no second look. They are stored one behind
 * the other and counted when another one comes. */
static void count_stored(weir_parquet_column *column, const char *end)
{
    size_t bytes = (size_t)(end - column->values.data) - column->values.length, count = bytes / column->type.width;
    column->values.length += bytes;
    column->count += (int64_t)count;
    column->entries += (int64_t)count;
    if (column->definitions.length && weir_buffer_reserve(&column->definitions, count)) {
        memset(column->definitions.data + column->definitions.length, 1, count);
        column->definitions.length += count;
    }
}

static inline int put_plain(place *at, const weir_value *const *values, size_t stride, size_t rows, size_t width, int64_t above, int64_t below)
{
    weir_parquet_column *column = at->column;
    weir_type from = column->from;
    while (at->row < (int64_t)rows) {
        if (!reserve(&column->values, width * (rows - (size_t)at->row)))
            return WEIR_OK;             /* found behind the rows */
        char *to = column->values.data + column->values.length;
        const weir_value *v = *values;
        while (v->type == from && v->as.i > above && v->as.i < below) {       /* times are one int64_t, too */
            if (width == 8)
                weir_store_le64(to, (uint64_t)v->as.i);
            else
                weir_store_le32(to, (uint32_t)v->as.i);
            to += width;
            values += stride;
            if (++at->row == (int64_t)rows)
                break;
            v = *values;
        }
        count_stored(column, to);
        if (at->row == (int64_t)rows)
            break;
        if (put_any(at, v) != WEIR_OK)
            return at->parquet->sheet->error->status;
        values += stride;
        at->row++;
    }
    return WEIR_OK;
}

static int put_wide(place *at, const weir_value *const *values, size_t stride, size_t rows, int64_t above, int64_t below)
{
    return put_plain(at, values, stride, rows, 8, above, below);
}

static int put_narrow(place *at, const weir_value *const *values, size_t stride, size_t rows)
{
    return put_plain(at, values, stride, rows, 4, INT64_MIN, INT64_MAX);
}

static int put_texts(place *at, const weir_value *const *values, size_t stride, size_t rows)
{
    weir_parquet_column *column = at->column;
    for (; at->row < (int64_t)rows; at->row++, values += stride) {
        const weir_value *v = *values;
        if (v->type == WEIR_T_TEXT) {
            if (put_text(at, v->as.text) != WEIR_OK)
                return at->parquet->sheet->error->status;
            put_present(column);
        } else if (put_any(at, v) != WEIR_OK) {
            return at->parquet->sheet->error->status;
        }
    }
    return WEIR_OK;
}

static int put_rows(place *at, const weir_value *const *values, size_t stride, size_t rows)
{
    switch (at->column->list ? WEIR_LEAF_UNKNOWN : at->column->type.leaf) {
    case WEIR_LEAF_INT64:
        return put_wide(at, values, stride, rows, INT64_MIN, INT64_MAX);
    case WEIR_LEAF_DOUBLE:
        return put_wide(at, values, stride, rows, INT64_MIN, INT64_MAX);
    case WEIR_LEAF_TIMESTAMP:
    case WEIR_LEAF_TIMESTAMPTZ:
        return put_wide(at, values, stride, rows, WEIR_TIMESTAMP_MINUS_INFINITY, WEIR_TIMESTAMP_INFINITY);
    case WEIR_LEAF_TIME:
        return put_wide(at, values, stride, rows, -1, INT64_C(86400000000));
    case WEIR_LEAF_INT32:
        return put_narrow(at, values, stride, rows);
    case WEIR_LEAF_STRING:
        return put_texts(at, values, stride, rows);
    default:
        for (; at->row < (int64_t)rows; at->row++, values += stride)
            if (put_any(at, *values) != WEIR_OK)
                return at->parquet->sheet->error->status;
        return WEIR_OK;
    }
}

int weir_parquet_put(weir_parquet *parquet, size_t number, const weir_value *const *values, size_t stride, size_t rows)
{
    weir_parquet_column *column = &parquet->columns[number];
    place at = { .parquet = parquet, .column = column, .number = number };
    int status = put_rows(&at, values, stride, rows);
    if (status == WEIR_OK && (column->values.failed || column->definitions.failed || column->repetitions.failed))
        return weir_error_out_of_memory(parquet->sheet->error);
    return status;
}
