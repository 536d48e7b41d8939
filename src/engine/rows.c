/* Rows: views of columns, finding columns by name, exact getters, rows that are kept for longer. */
#include "engine/rows.h"
#include "base/values.h"
#include "engine/result.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* ---- views --------------------------------------------------------------------------------------------------------- */

static weir_view *make_view(weir_arena *arena, size_t count)
{
    size_t hints = 16;
    while (hints < count * 2 && hints < 1024)
        hints *= 2;
    weir_view *view = weir_arena_take(arena, sizeof *view);
    weir_hint *table = weir_arena_take(arena, hints * sizeof *table);
    if (!view || !table)
        return NULL;
    memset(table, 0, hints * sizeof *table);
    *view = (weir_view){ .count = count, .hints = table, .hint_mask = hints - 1 };
    return view;
}

weir_view *weir_view_new(weir_arena *arena, const weir_column_info *columns, const weir_declared_column *declared, size_t count,
                         weir_result *result, weir_error *error)
{
    weir_view *view = make_view(arena, count);
    if (!view)
        return NULL;
    view->direct = declared ? 0 : count;
    view->columns = columns;
    view->declared = declared;
    view->result = result;
    view->error = error;
    return view;
}

weir_view *weir_view_select(weir_arena *arena, const weir_view *from, const size_t *columns, size_t count)
{
    weir_view *view = make_view(arena, count);
    int *cells = weir_arena_take(arena, count * sizeof *cells);
    weir_column_info *infos = weir_arena_take(arena, count * sizeof *infos);
    weir_declared_column *declared = from->declared ? weir_arena_take(arena, count * sizeof *declared) : NULL;
    if (!view || !cells || !infos || (from->declared && !declared))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        cells[i] = (int)weir_view_cell(from, columns[i]);
        infos[i] = from->columns[columns[i]];
        if (declared)
            declared[i] = from->declared[columns[i]];
    }
    view->cells = cells;
    view->columns = infos;
    view->declared = declared;
    view->result = from->result;
    view->error = from->error;
    return view;
}

int64_t weir_view_index(const weir_view *view, int index)
{
    int64_t count = (int64_t)view->count, position = index < 0 ? index + count : index;
    return position >= 0 && position < count ? position : -1;
}

/* ---- errors of reading ------------------------------------------------------------------------------------------------ */

static void keep_error(const weir_view *view, const weir_row *row, const char *column, const weir_error *error)
{
    weir_error located = *error;
    located.row = row->number;
    if (column)
        weir_error_text(located.column, sizeof located.column, column, strlen(column));
    weir_error_keep(view->error, &located);
    if (view->result)
        weir_result_stop(view->result);
}

static void fail_data(const weir_view *view, const weir_row *row, size_t column, const char *reason)
{
    weir_error error;
    const char *name = view->columns[column].name;
    weir_error_set(&error, WEIR_DATA, "column '%s' of row %lld: %s", name, (long long)row->number, reason);
    keep_error(view, row, name, &error);
}

static void fail_null(const weir_row *row, int index, const char *getter)
{
    int64_t column = weir_view_index(row->view, index);
    weir_error error;
    const char *name = row->view->columns[column].name;
    weir_error_set(&error, WEIR_DATA, "column '%s' of row %lld is NULL; weir_row_opt_%s reads it", name, (long long)row->number, getter);
    keep_error(row->view, row, name, &error);
}

static void fail_getter(const weir_row *row, int index, const char *reason)
{
    fail_data(row->view, row, (size_t)weir_view_index(row->view, index), reason);
}

/* ---- declared types ---------------------------------------------------------------------------------------------------- */

#define READ_AS(getter, member)                                                                                         \
    static int as_##getter(const weir_value *v, weir_value *out, char *reason) { return weir_value_as_##getter(v, &out->as.member, reason); }
READ_AS(bool, b)
READ_AS(int64, i)
READ_AS(double, d)
READ_AS(text, text)
READ_AS(blob, blob)
READ_AS(date, date)
READ_AS(time, time)
READ_AS(timetz, timetz)
READ_AS(timestamp, timestamp)
READ_AS(timestamptz, timestamptz)
READ_AS(interval, interval)
READ_AS(uuid, uuid)
READ_AS(array, array)

static int as_numeric(const weir_value *v, weir_value *out, char *reason)
{
    weir_numeric numeric;
    int status = weir_value_as_numeric(v, &numeric, reason);
    if (status == WEIR_OK)
        out->as.text = (weir_text){ numeric.ptr, numeric.len };
    return status;
}

static int as_int32(const weir_value *v, weir_value *out, char *reason)
{
    int32_t number;
    int status = weir_value_as_int32(v, &number, reason);
    if (status == WEIR_OK)
        out->as.i = number;
    return status;
}

static int as_int16(const weir_value *v, weir_value *out, char *reason)
{
    int status = as_int32(v, out, reason);
    if (status != WEIR_OK || (out->as.i >= INT16_MIN && out->as.i <= INT16_MAX))
        return status;
    strcpy(reason, "the number does not fit 16 bits");
    return WEIR_DATA;
}

/* Decimals round to the nearest, as they do to a double; a double must be one that a float can hold. */
static int as_float(const weir_value *v, weir_value *out, char *reason)
{
    double wide;
    int status = weir_value_as_double(v, &wide, reason);
    if (status != WEIR_OK)
        return status;
    bool fits = isnan(wide) || isinf(wide) || fabs(wide) <= (double)FLT_MAX, decimal = weir_type_is_text(v->type);
    if (!fits || (!decimal && !isnan(wide) && (double)(float)wide != wide)) {
        strcpy(reason, "the number does not fit a float exactly");
        return WEIR_DATA;
    }
    out->as.d = (double)(float)wide;
    return WEIR_OK;
}

static int (*const declared_readers[WEIR_T_COUNT_])(const weir_value *v, weir_value *out, char *reason) = {
    [WEIR_T_BOOL] = as_bool, [WEIR_T_INT16] = as_int16, [WEIR_T_INT32] = as_int32, [WEIR_T_INT64] = as_int64,
    [WEIR_T_FLOAT] = as_float, [WEIR_T_DOUBLE] = as_double, [WEIR_T_NUMERIC] = as_numeric, [WEIR_T_TEXT] = as_text,
    [WEIR_T_BLOB] = as_blob, [WEIR_T_DATE] = as_date, [WEIR_T_TIME] = as_time, [WEIR_T_TIMETZ] = as_timetz,
    [WEIR_T_TIMESTAMP] = as_timestamp, [WEIR_T_TIMESTAMPTZ] = as_timestamptz, [WEIR_T_INTERVAL] = as_interval,
    [WEIR_T_UUID] = as_uuid, [WEIR_T_JSON] = as_text, [WEIR_T_INET] = as_text, [WEIR_T_ENUM] = as_text,
    [WEIR_T_ARRAY] = as_array, [WEIR_T_OTHER] = as_text,
};

/* ---- reading cells ------------------------------------------------------------------------------------------------------ */

const weir_value *weir_view_value(const weir_view *view, const weir_row *row, size_t column)
{
    const weir_value *cell = &row->cells[weir_view_cell(view, column)];
    weir_type declared = view->declared ? view->declared[column].type : WEIR_T_NULL;
    if (declared == WEIR_T_NULL || cell->type == declared || cell->type == WEIR_T_NULL || declared >= WEIR_T_COUNT_)
        return cell;
    char reason[WEIR_REASON_SIZE] = "";
    weir_value converted = { .type = declared };
    if (declared_readers[declared](cell, &converted, reason) != WEIR_OK) {
        fail_data(view, row, column, reason);
        return NULL;
    }
    /* Converted once, in its place: the row is the result's own memory. */
    weir_value *place = (weir_value *)(uintptr_t)cell;
    *place = converted;
    return place;
}

static const weir_value *cell_by_index(const weir_row *row, int index)
{
    int64_t column = weir_view_index(row->view, index);
    if (column >= 0)
        return weir_view_value(row->view, row, (size_t)column);
    weir_error error;
    weir_error_set(&error, WEIR_OUT_OF_RANGE, "column index %d is out of range: the row has %zu columns", index, row->view->count);
    keep_error(row->view, row, NULL, &error);
    return NULL;
}

/* The cell that a getter reads, or NULL after an error. */
static inline const weir_value *cell_at(const weir_row *row, int index)
{
    return (size_t)index < row->view->direct ? &row->cells[index] : cell_by_index(row, index);
}

static bool has_name(const weir_view *view, size_t column, const char *name)
{
    if (strcmp(view->columns[column].name, name) == 0)
        return true;
    return view->declared && view->declared[column].name && strcmp(view->declared[column].name, name) == 0;
}

static int search_name(const weir_row *row, const char *name)
{
    const weir_view *view = row->view;
    int found = -1;
    for (size_t i = 0; i < view->count; i++) {
        if (!has_name(view, i, name))
            continue;
        if (found < 0) {
            found = (int)i;
            continue;
        }
        weir_error error;
        weir_error_set(&error, WEIR_AMBIGUOUS_COLUMN, "Ambiguous column name '%s' in result set column descriptions", name);
        keep_error(view, row, name, &error);
        return -1;
    }
    if (found < 0) {
        weir_error error;
        weir_error_set(&error, WEIR_NO_SUCH_COLUMN, "Could not locate column in row for column '%s'", name);
        keep_error(view, row, name, &error);
    }
    return found;
}

/* The index of the named column, or -1 after an error. */
static int column_named(const weir_row *row, const char *name)
{
    weir_view *view = row->view;
    if (!view->hints || view->declared)     /* a column of two names cannot be hinted by one */
        return search_name(row, name);
    uintptr_t address = (uintptr_t)name;
    weir_hint *hint = &view->hints[(address ^ address >> 5) & view->hint_mask];
    /* The address may hold another text by now, so the name is compared all the same. */
    if (hint->asked == name && has_name(view, (size_t)hint->column, name))
        return hint->column;
    int column = search_name(row, name);
    if (column >= 0)
        *hint = (weir_hint){ name, column };
    return column;
}

/* ---- getters --------------------------------------------------------------------------------------------------------------- */

static const weir_value null_value = { .type = WEIR_T_NULL };

size_t weir_row_count(const weir_row *row) { return row->view->count; }

const weir_value *weir_row_value_at(const weir_row *row, int index)
{
    const weir_value *value = cell_at(row, index);
    return value ? value : &null_value;
}

const weir_value *weir_row_value(const weir_row *row, const char *name)
{
    int column = column_named(row, name);
    return column < 0 ? &null_value : weir_row_value_at(row, column);
}

bool weir_row_is_null_at(const weir_row *row, int index) { return weir_row_value_at(row, index)->type == WEIR_T_NULL; }
bool weir_row_is_null(const weir_row *row, const char *name) { return weir_row_value(row, name)->type == WEIR_T_NULL; }

/* Values that are as the getter wants them: what most reads meet. */
#define IS_bool(v)        ((v)->type == WEIR_T_BOOL)
#define IS_int32(v)       ((v)->type == WEIR_T_INT32 || (v)->type == WEIR_T_INT16)
#define IS_int64(v)       ((v)->type >= WEIR_T_INT16 && (v)->type <= WEIR_T_INT64)
#define IS_double(v)      ((v)->type == WEIR_T_DOUBLE || (v)->type == WEIR_T_FLOAT)
#define IS_date(v)        ((v)->type == WEIR_T_DATE)
#define IS_time(v)        ((v)->type == WEIR_T_TIME)
#define IS_timetz(v)      ((v)->type == WEIR_T_TIMETZ)
#define IS_timestamp(v)   ((v)->type == WEIR_T_TIMESTAMP)
#define IS_timestamptz(v) ((v)->type == WEIR_T_TIMESTAMPTZ)
#define IS_interval(v)    ((v)->type == WEIR_T_INTERVAL)
#define IS_uuid(v)        ((v)->type == WEIR_T_UUID)
#define IS_text(v)        (weir_type_is_text((v)->type) && (v)->as.text.ptr && weir_text_is_utf8((v)->as.text))
#define IS_blob(v)        ((v)->type == WEIR_T_BLOB && (v)->as.blob.ptr)
#define IS_cstr(v)        false
#define IS_numeric(v)     ((v)->type == WEIR_T_NUMERIC && (v)->as.text.ptr)
#define IS_array(v)       false
#define GET_bool(v)        ((v)->as.b)
#define GET_int32(v)       ((int32_t)(v)->as.i)
#define GET_int64(v)       ((v)->as.i)
#define GET_double(v)      ((v)->as.d)
#define GET_date(v)        ((v)->as.date)
#define GET_time(v)        ((v)->as.time)
#define GET_timetz(v)      ((v)->as.timetz)
#define GET_timestamp(v)   ((v)->as.timestamp)
#define GET_timestamptz(v) ((v)->as.timestamptz)
#define GET_interval(v)    ((v)->as.interval)
#define GET_uuid(v)        ((v)->as.uuid)
#define GET_text(v)        ((v)->as.text)
#define GET_blob(v)        ((v)->as.blob)
#define GET_cstr(v)        (NULL)
#define GET_numeric(v)     ((weir_numeric){ (v)->as.text.ptr, (v)->as.text.len })
#define GET_array(v)       (NULL)

#define BY_NAME(result_type, getter)                                            \
    result_type weir_row##getter(const weir_row *row, const char *column)       \
    {                                                                           \
        int index = column_named(row, column);                                  \
        return index < 0 ? (result_type){ 0 } : weir_row##getter##_at(row, index); \
    }

/* Each getter has two halves, so that what most reads meet needs no room for a reason. NULL_: what stands for NULL, if anything. */
#define AS_IT_IS(result_type, getter, is, get, NULL_)                               \
    result_type weir_row##getter##_at(const weir_row *row, int index)           \
    {                                                                           \
        if ((size_t)index < row->view->direct) {                                \
            const weir_value *v = &row->cells[index];                           \
            if (is(v))                                                          \
                return get(v);                                                  \
            NULL_                                                               \
        }                                                                       \
        return convert##getter(row, index);                                     \
    }                                                                           \
    BY_NAME(result_type, getter)
#define NONE_FOR_NULL(result_type) if (v->type == WEIR_T_NULL) return (result_type){ 0 };

#define GETTER(getter, c_type)                                                  \
    static __attribute__((noinline)) c_type convert_##getter(const weir_row *row, int index) \
    {                                                                           \
        c_type out = { 0 };                                                     \
        char reason[WEIR_REASON_SIZE];                                          \
        const weir_value *v = cell_at(row, index);                              \
        if (!v)                                                                 \
            return out;                                                         \
        if (v->type == WEIR_T_NULL)                                             \
            fail_null(row, index, #getter);                                     \
        else if (weir_value_as_##getter(v, &out, reason) != WEIR_OK)            \
            fail_getter(row, index, reason);                                    \
        return out;                                                             \
    }                                                                           \
    AS_IT_IS(c_type, _##getter, IS_##getter, GET_##getter, )    /* pasted, since bool is a macro */

#define NULLABLE_GETTER(getter, c_type)                                         \
    static __attribute__((noinline)) c_type convert_##getter(const weir_row *row, int index) \
    {                                                                           \
        c_type out = { 0 };                                                     \
        char reason[WEIR_REASON_SIZE];                                          \
        const weir_value *v = cell_at(row, index);                              \
        if (v && v->type != WEIR_T_NULL && weir_value_as_##getter(v, &out, reason) != WEIR_OK) \
            fail_getter(row, index, reason);                                    \
        return out;                                                             \
    }                                                                           \
    AS_IT_IS(c_type, _##getter, IS_##getter, GET_##getter, NONE_FOR_NULL(c_type))

#define OPTIONAL_GETTER(getter, c_type)                                         \
    static __attribute__((noinline)) weir_opt_##getter convert_opt_##getter(const weir_row *row, int index) \
    {                                                                           \
        weir_opt_##getter out = { .present = false };                           \
        char reason[WEIR_REASON_SIZE];                                          \
        const weir_value *v = cell_at(row, index);                              \
        if (!v || v->type == WEIR_T_NULL)                                       \
            return out;                                                         \
        if (weir_value_as_##getter(v, &out.value, reason) == WEIR_OK)           \
            out.present = true;                                                 \
        else                                                                    \
            fail_getter(row, index, reason);                                    \
        return out;                                                             \
    }                                                                           \
    static inline weir_opt_##getter give_opt_##getter(const weir_value *v) { return (weir_opt_##getter){ GET_##getter(v), true }; } \
    AS_IT_IS(weir_opt_##getter, _opt_##getter, IS_##getter, give_opt_##getter, NONE_FOR_NULL(weir_opt_##getter))

WEIR_ROW_GETTERS(GETTER)
WEIR_ROW_NULLABLE_GETTERS(NULLABLE_GETTER)
WEIR_ROW_GETTERS(OPTIONAL_GETTER)

const weir_error *weir_row_error(const weir_row *row) { return row->view->error; }

/* ---- rows that are kept -------------------------------------------------------------------------------------------------------- */

/* A kept row is one block: this, the row, and all that the row points to. */
struct kept_row {
    weir_error error;
    weir_view  view;
    _Alignas(max_align_t) char row[];
};

static size_t text_size(const char *text) { return text ? strlen(text) + 1 : 0; }

static size_t extent_of(const weir_row *row)
{
    const weir_view *view = row->view;
    size_t slack = _Alignof(max_align_t);
    size_t size = sizeof(struct kept_row) + weir_row_stride(view->count) + view->count * sizeof(weir_column_info) + 2 * slack;
    if (view->declared)
        size += view->count * sizeof(weir_declared_column) + slack;
    for (size_t i = 0; i < view->count; i++) {
        size += weir_value_extent(&row->cells[weir_view_cell(view, i)]);
        size += text_size(view->columns[i].name) + text_size(view->columns[i].database_type);
        size += view->declared ? text_size(view->declared[i].name) : 0;
    }
    return size;
}

static const char *copy_name(weir_arena *room, const char *text)
{
    char *copy = text ? weir_arena_bytes(room, strlen(text) + 1) : NULL;
    return copy ? strcpy(copy, text) : NULL;
}

static int copy_row(weir_arena *room, const weir_row *from, struct kept_row *to)
{
    size_t count = from->view->count;
    weir_row *row = (weir_row *)(void *)to->row;
    const weir_declared_column *declared = from->view->declared;
    weir_column_info *columns = weir_arena_take(room, count * sizeof *columns);
    weir_declared_column *declared_copy = declared ? weir_arena_take(room, count * sizeof *declared_copy) : NULL;
    if (!columns || (declared && !declared_copy))
        return WEIR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (weir_value_copy(room, &from->cells[weir_view_cell(from->view, i)], &row->cells[i]) != WEIR_OK)
            return WEIR_OUT_OF_MEMORY;
        columns[i] = from->view->columns[i];
        columns[i].name = copy_name(room, columns[i].name);
        columns[i].database_type = copy_name(room, columns[i].database_type);
        if (declared)
            declared_copy[i] = (weir_declared_column){ copy_name(room, declared[i].name), declared[i].type };
    }
    /* No hints: a kept row may be read by several threads. */
    to->view = (weir_view){ .direct = declared ? 0 : count, .count = count, .columns = columns, .declared = declared_copy,
                            .error = &to->error };
    row->view = &to->view;
    row->number = from->number;
    return WEIR_OK;
}

const weir_row *weir_row_retain(const weir_row *row)
{
    size_t size = extent_of(row);
    struct kept_row *kept = weir_alloc(weir_ledger_root(), WEIR_MEMORY_BATCH, size);
    if (kept) {
        /* An arena that lives inside the block: it never asks for more, the extent is an upper bound. */
        weir_arena room = { .ledger = weir_ledger_root(), .purpose = WEIR_MEMORY_BATCH, .first_size = 1024,
                            .next = kept->row + weir_row_stride(row->view->count), .end = (char *)kept + size };
        weir_error_clear(&kept->error);
        if (copy_row(&room, row, kept) == WEIR_OK && !room.blocks)
            return (const weir_row *)(void *)kept->row;
        weir_arena_free(&room);
        weir_free(kept);
    }
    weir_error error;
    weir_error_out_of_memory(&error);
    keep_error(row->view, row, NULL, &error);
    return NULL;
}

size_t weir_row_kept_bytes(const weir_row *row) { return weir_block_bytes((const char *)row - offsetof(struct kept_row, row)); }

void weir_row_release(const weir_row **row)
{
    if (!row || !*row)
        return;
    weir_free((char *)(uintptr_t)*row - offsetof(struct kept_row, row));
    *row = NULL;
}
