/* Parquet: which type each column gets, and the schema that says so. */
#include "transfer/parquet.h"
#include <math.h>
#include <stdio.h>
#include "transfer/encode.h"
#include "transfer/numeric_shape.h"

/* What a leaf is in the file. Types are the format's physical ones; converted: its older annotations, -1 where there is none. */
enum { LOGICAL_NONE = 0, LOGICAL_STRING = 1, LOGICAL_LIST = 3, LOGICAL_DECIMAL = 5, LOGICAL_DATE = 6, LOGICAL_TIME = 7,
       LOGICAL_TIMESTAMP = 8, LOGICAL_INTEGER = 10, LOGICAL_JSON = 12, LOGICAL_UUID = 14 };
enum { CONVERTED_LIST = 3 };
enum { REPETITION_OPTIONAL = 1, REPETITION_REPEATED = 2 };

static const struct leaf_facts {
    weir_parquet_physical physical;
    uint32_t              width;
    int                   converted, logical;
} leaves[WEIR_LEAVES_] = {
    [WEIR_LEAF_UNKNOWN]     = { WEIR_PHYSICAL_BYTES, 0, -1, LOGICAL_NONE },
    [WEIR_LEAF_BOOL]        = { WEIR_PHYSICAL_BOOLEAN, 1, -1, LOGICAL_NONE },
    [WEIR_LEAF_INT16]       = { WEIR_PHYSICAL_INT32, 4, 16, LOGICAL_INTEGER },
    [WEIR_LEAF_INT32]       = { WEIR_PHYSICAL_INT32, 4, -1, LOGICAL_NONE },
    [WEIR_LEAF_INT64]       = { WEIR_PHYSICAL_INT64, 8, -1, LOGICAL_NONE },
    [WEIR_LEAF_FLOAT]       = { WEIR_PHYSICAL_FLOAT, 4, -1, LOGICAL_NONE },
    [WEIR_LEAF_DOUBLE]      = { WEIR_PHYSICAL_DOUBLE, 8, -1, LOGICAL_NONE },
    [WEIR_LEAF_DECIMAL]     = { WEIR_PHYSICAL_FIXED, 0, 5, LOGICAL_DECIMAL },       /* physical and width: by the precision */
    [WEIR_LEAF_STRING]      = { WEIR_PHYSICAL_BYTES, 0, 0, LOGICAL_STRING },
    [WEIR_LEAF_JSON]        = { WEIR_PHYSICAL_BYTES, 0, 19, LOGICAL_JSON },
    [WEIR_LEAF_BLOB]        = { WEIR_PHYSICAL_BYTES, 0, -1, LOGICAL_NONE },
    [WEIR_LEAF_DATE]        = { WEIR_PHYSICAL_INT32, 4, 6, LOGICAL_DATE },
    [WEIR_LEAF_TIME]        = { WEIR_PHYSICAL_INT64, 8, 8, LOGICAL_TIME },
    [WEIR_LEAF_TIMESTAMP]   = { WEIR_PHYSICAL_INT64, 8, 10, LOGICAL_TIMESTAMP },
    [WEIR_LEAF_TIMESTAMPTZ] = { WEIR_PHYSICAL_INT64, 8, 10, LOGICAL_TIMESTAMP },
    [WEIR_LEAF_UUID]        = { WEIR_PHYSICAL_FIXED, 16, -1, LOGICAL_UUID },
};

/* What values of each type become; a numeric of known precision a decimal; all that is missing here a string. */
static const weir_parquet_leaf leaf_of_type[WEIR_T_COUNT_] = {
    [WEIR_T_BOOL] = WEIR_LEAF_BOOL, [WEIR_T_INT16] = WEIR_LEAF_INT16, [WEIR_T_INT32] = WEIR_LEAF_INT32, [WEIR_T_INT64] = WEIR_LEAF_INT64,
    [WEIR_T_FLOAT] = WEIR_LEAF_FLOAT, [WEIR_T_DOUBLE] = WEIR_LEAF_DOUBLE, [WEIR_T_BLOB] = WEIR_LEAF_BLOB, [WEIR_T_DATE] = WEIR_LEAF_DATE,
    [WEIR_T_TIME] = WEIR_LEAF_TIME, [WEIR_T_TIMESTAMP] = WEIR_LEAF_TIMESTAMP, [WEIR_T_TIMESTAMPTZ] = WEIR_LEAF_TIMESTAMPTZ,
    [WEIR_T_UUID] = WEIR_LEAF_UUID, [WEIR_T_JSON] = WEIR_LEAF_JSON,
};

/* ---- decimals ------------------------------------------------------------------------------------------------------------- */
static weir_parquet_type decimal(int32_t precision, int32_t scale)
{
    weir_parquet_type type = { .leaf = WEIR_LEAF_DECIMAL, .precision = precision, .scale = scale };
    type.physical = precision <= 9 ? WEIR_PHYSICAL_INT32 : precision <= 18 ? WEIR_PHYSICAL_INT64 : WEIR_PHYSICAL_FIXED;
    /* So many bytes that 10^precision fits, with its sign. */
    type.width = precision <= 9 ? 4 : precision <= 18 ? 8 : (uint32_t)ceil((precision * 3.3219280948873626 + 1) / 8);
    return type;
}

static weir_parquet_type type_of_leaf(weir_parquet_leaf leaf)
{
    return (weir_parquet_type){ .leaf = leaf, .physical = leaves[leaf].physical, .width = leaves[leaf].width };
}

static weir_parquet_type numeric_type(const weir_parquet *parquet, const weir_column_info *info)
{
    int32_t precision = 0, scale = 0;
    if (info && weir_numeric_shape(info, WEIR_PARQUET_PRECISION, &precision, &scale))
        return decimal(precision, scale);
    if (parquet->precision)
        return decimal(parquet->precision, parquet->scale);
    return type_of_leaf(WEIR_LEAF_STRING);
}

/* ---- columns --------------------------------------------------------------------------------------------------------------- */
static void set_type(weir_parquet *parquet, weir_parquet_column *column, weir_type type, const weir_column_info *info)
{
    column->from = type;
    if (type == WEIR_T_NULL)
        column->type = type_of_leaf(WEIR_LEAF_UNKNOWN);
    else if (type == WEIR_T_NUMERIC)
        column->type = numeric_type(parquet, info);
    else
        column->type = type_of_leaf(type < WEIR_T_COUNT_ && leaf_of_type[type] ? leaf_of_type[type] : WEIR_LEAF_STRING);
}

void weir_parquet_decide(weir_parquet *parquet, weir_parquet_column *column, weir_type type)
{
    if (type == WEIR_T_ARRAY)
        column->list = true;                    /* and its items' type is told by the first array */
    else
        set_type(parquet, column, type, NULL);
}

void weir_parquet_settle(weir_parquet *parquet)
{
    for (size_t i = 0; i < parquet->column_count; i++) {
        weir_parquet_column *column = &parquet->columns[i];
        if (column->type.leaf == WEIR_LEAF_UNKNOWN)
            weir_parquet_decide(parquet, column, WEIR_T_TEXT);
        if (column->list && !column->depth)
            column->depth = 1;
    }
}

void weir_parquet_remember(const weir_parquet *parquet, weir_buffer *text)
{
    for (size_t i = 0; i < parquet->column_count; i++) {
        const weir_parquet_column *column = &parquet->columns[i];
        weir_buffer_printf(text, "%d.%d ", (int)column->from, column->list ? column->depth : 0);
    }
}

bool weir_parquet_recall(weir_parquet *parquet, const char *text)
{
    for (size_t i = 0; i < parquet->column_count; i++) {
        weir_parquet_column *column = &parquet->columns[i];
        int from, depth, length = 0;
        if (sscanf(text, "%9d.%9d %n", &from, &depth, &length) != 2 || !length || from < 0 || from >= WEIR_T_COUNT_ || depth < 0 ||
            depth > WEIR_PARQUET_DEPTH)
            return false;
        text += length;
        column->list = column->list || depth > 0;
        column->depth = depth;
        if (column->type.leaf == WEIR_LEAF_UNKNOWN)
            set_type(parquet, column, (weir_type)from, NULL);
    }
    return !*text;
}

static bool same_text(weir_text a, weir_text b) { return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len)); }

static bool name_taken(const weir_parquet *parquet, size_t column, weir_text name)
{
    for (size_t i = 0; i < parquet->sheet->column_count; i++)
        if (i != column && (same_text(parquet->sheet->names[i], name) || (i < column && same_text(parquet->columns[i].name, name))))
            return true;
    return false;
}

/* Readers find columns by name: one that has an earlier column's gets a number, as in JSON lines: id, id_1. */
static int name_column(weir_parquet *parquet, size_t column)
{
    weir_sheet *sheet = parquet->sheet;
    weir_text name = sheet->names[column];
    size_t number = 0;
    if (weir_check_text(sheet, column, &name) != WEIR_OK)
        return sheet->error->status;
    for (size_t i = 0; i < column; i++)
        number += same_text(sheet->names[i], sheet->names[column]);
    size_t room = name.len + 24;
    char *copy = weir_alloc(sheet->ledger, WEIR_MEMORY_OUTPUT, room);
    if (!copy)
        return weir_error_out_of_memory(sheet->error);
    memcpy(copy, name.ptr, name.len);
    parquet->columns[column].name = (weir_text){ copy, name.len };
    for (bool taken = number > 0; taken; number++) {
        size_t length = name.len + (size_t)snprintf(copy + name.len, room - name.len, "_%zu", number);
        parquet->columns[column].name = (weir_text){ copy, length };
        taken = name_taken(parquet, column, parquet->columns[column].name);
    }
    return WEIR_OK;
}

int weir_parquet_make_columns(weir_parquet *parquet)
{
    weir_sheet *sheet = parquet->sheet;
    parquet->columns = weir_alloc_zero(sheet->ledger, WEIR_MEMORY_OUTPUT, sheet->column_count * sizeof *parquet->columns);
    parquet->wide = weir_alloc(sheet->ledger, WEIR_MEMORY_OUTPUT, sheet->column_count * sizeof *parquet->wide);
    if (!parquet->columns || !parquet->wide)
        return weir_error_out_of_memory(sheet->error);
    for (size_t i = 0; i < sheet->column_count; i++) {
        weir_parquet_column *column = &parquet->columns[i];
        const weir_column_info *info = &sheet->columns[i];
        weir_buffer *buffers[] = { &column->values, &column->definitions, &column->repetitions };
        for (size_t b = 0; b < sizeof buffers / sizeof *buffers; b++)
            weir_buffer_init(buffers[b], sheet->ledger, WEIR_MEMORY_OUTPUT, SIZE_MAX / 4);
        weir_parquet_dictionary_init(&column->dictionary, sheet->ledger);
        column->last_page = &column->pages;
        column->database_json = info->database_oid != 0;
        column->list = info->type == WEIR_T_ARRAY;
        parquet->column_count = i + 1;
        set_type(parquet, column, column->list ? info->element_type : info->type, info);
        if (column->list || column->type.width == 0)
            parquet->wide[parquet->wide_count++] = i;
        if (name_column(parquet, i) != WEIR_OK)
            return sheet->error->status;
    }
    return WEIR_OK;
}

/* ---- the schema --------------------------------------------------------------------------------------------------------------- */
static void put_logical(const weir_parquet_type *type, weir_thrift *thrift)
{
    int logical = leaves[type->leaf].logical;
    if (logical == LOGICAL_NONE)
        return;
    weir_thrift_struct(thrift, 10);
    weir_thrift_struct(thrift, logical);
    switch (type->leaf) {
    case WEIR_LEAF_INT16:
        weir_thrift_byte(thrift, 1, 16);
        weir_thrift_bool(thrift, 2, true);
        break;
    case WEIR_LEAF_DECIMAL:
        weir_thrift_i32(thrift, 1, type->scale);
        weir_thrift_i32(thrift, 2, type->precision);
        break;
    case WEIR_LEAF_TIME:
    case WEIR_LEAF_TIMESTAMP:
    case WEIR_LEAF_TIMESTAMPTZ:
        weir_thrift_bool(thrift, 1, type->leaf == WEIR_LEAF_TIMESTAMPTZ);       /* adjusted to UTC */
        weir_thrift_struct(thrift, 2);
        weir_thrift_empty(thrift, 2);                                           /* microseconds */
        weir_thrift_end(thrift);
        break;
    default:
        break;
    }
    weir_thrift_end(thrift);
    weir_thrift_end(thrift);
}

static void put_leaf(const weir_parquet_type *type, const char *name, size_t length, weir_thrift *thrift)
{
    const struct leaf_facts *facts = &leaves[type->leaf];
    weir_thrift_item(thrift);
    weir_thrift_i32(thrift, 1, (int32_t)type->physical);
    if (type->physical == WEIR_PHYSICAL_FIXED)
        weir_thrift_i32(thrift, 2, (int32_t)type->width);
    weir_thrift_i32(thrift, 3, REPETITION_OPTIONAL);
    weir_thrift_binary(thrift, 4, name, length);
    if (facts->converted >= 0)
        weir_thrift_i32(thrift, 6, facts->converted);
    if (type->leaf == WEIR_LEAF_DECIMAL) {
        weir_thrift_i32(thrift, 7, type->scale);
        weir_thrift_i32(thrift, 8, type->precision);
    }
    put_logical(type, thrift);
    weir_thrift_end(thrift);
}

/* optional group NAME (LIST) { repeated group list { optional … element } } */
static void put_list_groups(const char *name, size_t length, weir_thrift *thrift)
{
    weir_thrift_item(thrift);
    weir_thrift_i32(thrift, 3, REPETITION_OPTIONAL);
    weir_thrift_binary(thrift, 4, name, length);
    weir_thrift_i32(thrift, 5, 1);
    weir_thrift_i32(thrift, 6, CONVERTED_LIST);
    weir_thrift_struct(thrift, 10);
    weir_thrift_empty(thrift, LOGICAL_LIST);
    weir_thrift_end(thrift);
    weir_thrift_end(thrift);
    weir_thrift_item(thrift);
    weir_thrift_i32(thrift, 3, REPETITION_REPEATED);
    weir_thrift_binary(thrift, 4, "list", 4);
    weir_thrift_i32(thrift, 5, 1);
    weir_thrift_end(thrift);
}

static int depth_of(const weir_parquet_column *column) { return column->list ? column->depth ? column->depth : 1 : 0; }

void weir_parquet_put_schema(const weir_parquet *parquet, weir_thrift *thrift)
{
    size_t elements = 1 + parquet->column_count;
    for (size_t i = 0; i < parquet->column_count; i++)
        elements += 2 * (size_t)depth_of(&parquet->columns[i]);
    weir_thrift_list(thrift, 2, WEIR_THRIFT_STRUCT, elements);
    weir_thrift_item(thrift);
    weir_thrift_binary(thrift, 4, "schema", 6);
    weir_thrift_i32(thrift, 5, (int32_t)parquet->column_count);
    weir_thrift_end(thrift);
    for (size_t i = 0; i < parquet->column_count; i++) {
        const weir_parquet_column *column = &parquet->columns[i];
        weir_text name = column->name;
        for (int level = 0; level < depth_of(column); level++, name = (weir_text){ "element", 7 })
            put_list_groups(name.ptr, name.len, thrift);
        put_leaf(&column->type, name.ptr, name.len, thrift);
    }
}

void weir_parquet_put_path(const weir_parquet_column *column, weir_thrift *thrift, int id)
{
    int depth = depth_of(column);
    weir_thrift_list(thrift, id, WEIR_THRIFT_BINARY, 1 + 2 * (size_t)depth);
    weir_thrift_list_binary(thrift, column->name.ptr, column->name.len);
    for (int level = 0; level < depth; level++) {
        weir_thrift_list_binary(thrift, "list", 4);
        weir_thrift_list_binary(thrift, "element", 7);
    }
}
