/* Statements as objects: making, copying and freeing them, binding values, declaring columns, their options. */
#include "sql/statement.h"
#include <string.h>
#include "base/values.h"
#include "sql/lexer.h"

enum {
    KEPT_STORAGE = 64 * 1024,           /* of a parameter's values, for the next ones */
    SHOWN_NAME = 200                    /* longest part of a name in a message */
};

static const weir_stmt closed_statement = {
    .options = { .struct_size = sizeof(weir_execution_options) },
    .error = { .status = WEIR_RESOURCE_CLOSED, .message = "This statement is closed." },
};
static const weir_stmt statement_without_memory = {
    .options = { .struct_size = sizeof(weir_execution_options) },
    .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a statement" },
};

static const weir_stmt *or_closed(const weir_stmt *stmt) { return stmt ? stmt : &closed_statement; }

/* Constant statements always carry an error, so what this lets through may be written to. */
static bool can_build(const weir_stmt *stmt) { return stmt && stmt->error.status == WEIR_OK; }

/* ---- parameters ---- */

static size_t hash_name(const char *name, size_t length)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of the name, or the free one where it belongs. */
static uint32_t *find_slot(const weir_stmt *stmt, const char *name, size_t length)
{
    for (size_t i = hash_name(name, length);; i++) {
        uint32_t *slot = &stmt->slots[i & stmt->slot_mask];
        if (!*slot)
            return slot;
        const weir_parameter *parameter = &stmt->parameters[*slot - 1];
        if (parameter->length == length && !memcmp(parameter->name, name, length))
            return slot;
    }
}

weir_parameter *weir_stmt_find(const weir_stmt *stmt, const char *name, size_t length)
{
    uint32_t *slot = stmt->slots ? find_slot(stmt, name, length) : NULL;
    return slot && *slot ? &stmt->parameters[*slot - 1] : NULL;
}

/* Parameters as either dialect sees them: the text learns its dialect only when it is compiled. */
struct finder {
    weir_lexer lexers[2];
    weir_token found[2];
};

static void look_further(struct finder *finder, int which)
{
    do
        finder->found[which] = weir_lexer_next(&finder->lexers[which]);
    while (finder->found[which].kind != WEIR_TOKEN_PARAMETER && finder->found[which].kind != WEIR_TOKEN_END);
}

static void find_first(struct finder *finder, const weir_stmt *stmt)
{
    weir_lexer_init(&finder->lexers[0], &weir_dialect_postgresql, stmt->text, stmt->length);
    weir_lexer_init(&finder->lexers[1], &weir_dialect_sqlite, stmt->text, stmt->length);
    look_further(finder, 0);
    look_further(finder, 1);
}

static bool find_next(struct finder *finder, weir_token *out)
{
    const weir_token *found = finder->found;
    int nearer = found[0].kind == WEIR_TOKEN_END || (found[1].kind != WEIR_TOKEN_END && found[1].text < found[0].text);
    *out = found[nearer];
    if (out->kind == WEIR_TOKEN_END)
        return false;
    bool both = found[!nearer].kind != WEIR_TOKEN_END && found[!nearer].text == out->text;
    look_further(finder, nearer);
    if (both)
        look_further(finder, !nearer);
    return true;
}

static bool add_parameter(weir_stmt *stmt, const weir_token *name)
{
    uint32_t *slot = find_slot(stmt, name->text, name->length);
    if (*slot)
        return true;
    char *copy = weir_arena_bytes(&stmt->arena, name->length + 1);
    if (!copy)
        return false;
    memcpy(copy, name->text, name->length);
    copy[name->length] = 0;
    weir_parameter *parameter = &stmt->parameters[stmt->parameter_count++];
    *parameter = (weir_parameter){ .name = copy, .length = name->length };
    weir_arena_init(&parameter->storage, stmt->arena.ledger, WEIR_MEMORY_STATEMENTS, 0);
    *slot = (uint32_t)stmt->parameter_count;
    return true;
}

static int find_parameters(weir_stmt *stmt)
{
    struct finder finder;
    weir_token name;
    size_t most = 0, slots = 4;
    if (!stmt->length || !memchr(stmt->text, ':', stmt->length))
        return WEIR_OK;
    for (find_first(&finder, stmt); find_next(&finder, &name);)
        most++;
    if (!most)
        return WEIR_OK;
    if (most >= UINT32_MAX)
        return weir_error_set(&stmt->error, WEIR_ARGUMENT, "the SQL text has too many parameters");
    while (slots < most * 2)
        slots *= 2;
    stmt->parameters = weir_arena_take(&stmt->arena, most * sizeof *stmt->parameters);
    stmt->slots = weir_arena_take(&stmt->arena, slots * sizeof *stmt->slots);
    if (!stmt->parameters || !stmt->slots) {
        stmt->slots = NULL;
        return weir_error_out_of_memory(&stmt->error);
    }
    memset(stmt->slots, 0, slots * sizeof *stmt->slots);
    stmt->slot_mask = slots - 1;
    for (find_first(&finder, stmt); find_next(&finder, &name);)
        if (!add_parameter(stmt, &name))
            return weir_error_out_of_memory(&stmt->error);
    return WEIR_OK;
}

/* ---- life ---- */

static weir_stmt *new_statement(size_t text_length)
{
    weir_stmt *stmt = weir_alloc_zero(NULL, WEIR_MEMORY_STATEMENTS, sizeof *stmt);
    if (!stmt)
        return NULL;
    size_t usual = text_length < 2048 ? text_length + 512 : 512;
    weir_arena_init(&stmt->arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, usual);
    weir_arena_init(&stmt->declared_storage, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 0);
    stmt->options.struct_size = sizeof stmt->options;
    stmt->text = "";
    return stmt;
}

static int take_text(weir_stmt *stmt, const char *sql, size_t length)
{
    if (!sql)
        return weir_error_set(&stmt->error, WEIR_ARGUMENT, "the SQL text is NULL");
    const char *nul = memchr(sql, 0, length);
    if (nul)
        return weir_error_set(&stmt->error, WEIR_ARGUMENT, "the SQL text has a NUL byte at offset %zu", (size_t)(nul - sql));
    char *copy = length < SIZE_MAX ? weir_arena_bytes(&stmt->arena, length + 1) : NULL;
    if (!copy)
        return weir_error_out_of_memory(&stmt->error);
    memcpy(copy, sql, length);
    copy[length] = 0;
    stmt->text = copy;
    stmt->length = length;
    return find_parameters(stmt);
}

weir_stmt *weir_sql_n(const char *sql, size_t length)
{
    weir_stmt *stmt = new_statement(length);
    if (!stmt)
        return (weir_stmt *)&statement_without_memory;
    take_text(stmt, sql, length);
    return stmt;
}

weir_stmt *weir_sql(const char *sql) { return weir_sql_n(sql, sql ? strlen(sql) : 0); }

void weir_stmt_free(weir_stmt **stmt)
{
    if (!stmt)
        return;
    weir_stmt *old = *stmt;
    *stmt = (weir_stmt *)&closed_statement;
    if (!old || !old->arena.ledger)
        return;
    for (size_t i = 0; i < old->parameter_count; i++)
        weir_arena_free(&old->parameters[i].storage);
    weir_arena_free(&old->declared_storage);
    weir_arena_free(&old->arena);
    weir_free(old);
}

const weir_error *weir_stmt_error(const weir_stmt *stmt) { return &or_closed(stmt)->error; }

size_t weir_stmt_parameter_count(const weir_stmt *stmt) { return or_closed(stmt)->parameter_count; }

const char *weir_stmt_parameter_name(const weir_stmt *stmt, size_t index)
{
    stmt = or_closed(stmt);
    return index < stmt->parameter_count ? stmt->parameters[index].name : NULL;
}

/* ---- values ---- */

/* A NULL pointer is SQL NULL, whatever type stands beside it. */
static weir_value normal_value(const weir_value *value)
{
    bool text = value->type == WEIR_T_NUMERIC || value->type == WEIR_T_TEXT || value->type == WEIR_T_JSON ||
                value->type == WEIR_T_INET || value->type == WEIR_T_ENUM || value->type == WEIR_T_OTHER;
    bool null = (text && !value->as.text.ptr) || (value->type == WEIR_T_BLOB && !value->as.blob.ptr) ||
                (value->type == WEIR_T_ARRAY && !value->as.array);
    return null ? weir_value_null() : *value;
}

static int check_value(const char *name, const weir_value *value, weir_error *error)
{
    if ((unsigned)value->type >= WEIR_T_COUNT_)
        return weir_error_set(error, WEIR_ARGUMENT, "the value of parameter '%.*s' has the unknown type %d", SHOWN_NAME, name,
                              (int)value->type);
    if (value->type == WEIR_T_NUMERIC && value->as.text.ptr && !weir_numeric_valid(value->as.text)) {
        int shown = value->as.text.len < 60 ? (int)value->as.text.len : 60;
        return weir_error_set(error, WEIR_ARGUMENT,
                              "the value of parameter '%.*s' is no numeric: '%.*s' (plain decimal digits, NaN or Infinity)",
                              SHOWN_NAME, name, shown, value->as.text.ptr);
    }
    const weir_array *array = value->type == WEIR_T_ARRAY ? value->as.array : NULL;
    if (array && (array->dimensions < 0 || (array->count && !array->items) || (array->dimensions > 1 && !array->lengths)))
        return weir_error_set(error, WEIR_ARGUMENT, "the value of parameter '%.*s' is an array without its %s", SHOWN_NAME, name,
                              array->count && !array->items ? "items" : "lengths");
    for (size_t i = 0; array && i < array->count; i++) {
        if (array->items[i].type == WEIR_T_ARRAY)
            return weir_error_set(error, WEIR_ARGUMENT, "the value of parameter '%.*s' is an array of arrays; give it dimensions",
                                  SHOWN_NAME, name);
        if (check_value(name, &array->items[i], error) != WEIR_OK)
            return error->status;
    }
    return WEIR_OK;
}

static bool store_list(weir_parameter *parameter, const weir_value *values, size_t count)
{
    if (count > SIZE_MAX / 2 / sizeof *values)
        return false;
    size_t size = count * sizeof *values + _Alignof(max_align_t);
    for (size_t i = 0; i < count; i++) {
        weir_value value = normal_value(&values[i]);
        size += weir_value_extent(&value);
    }
    if (!parameter->storage.blocks)
        parameter->storage.first_size = size;           /* all of it in one block */
    parameter->values = count ? weir_arena_take(&parameter->storage, count * sizeof *values) : NULL;
    if (count && !parameter->values)
        return false;
    for (size_t i = 0; i < count; i++) {
        weir_value value = normal_value(&values[i]);
        if (weir_value_copy(&parameter->storage, &value, &parameter->values[i]) != WEIR_OK)
            return false;
    }
    return true;
}

static bool store_single(weir_parameter *parameter, const weir_value *from)
{
    weir_value value = normal_value(from);
    if (!parameter->storage.blocks)
        parameter->storage.first_size = weir_value_extent(&value) + _Alignof(max_align_t);
    parameter->values = &parameter->single;
    return weir_value_copy(&parameter->storage, &value, &parameter->single) == WEIR_OK;
}

static int store(weir_parameter *parameter, const weir_value *values, size_t count, bool list, weir_error *error)
{
    parameter->bound = false;
    weir_arena_reset(&parameter->storage, KEPT_STORAGE);
    if (!(list ? store_list(parameter, values, count) : store_single(parameter, values)))
        return weir_error_out_of_memory(error);
    parameter->bound = true;
    parameter->list = list;
    parameter->count = count;
    return WEIR_OK;
}

static int unknown_parameter(const char *name, weir_error *error)
{
    int status = weir_error_set(error, WEIR_ARGUMENT, "This text() construct doesn't define a bound parameter named '%.*s'",
                                SHOWN_NAME, name);
    static const char advice[] = "give the name without the sign in front of it";
    if (*name == ':' || *name == '@' || *name == '$')
        weir_error_text(error->hint, sizeof error->hint, advice, sizeof advice - 1);
    return status;
}

static void bind_values(weir_stmt *stmt, const char *name, const weir_value *values, size_t count, bool list)
{
    if (!can_build(stmt))
        return;
    if (!name || (!values && count)) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "a parameter is bound without its %s", name ? "values" : "name");
        return;
    }
    weir_parameter *parameter = weir_stmt_find(stmt, name, strlen(name));
    if (!parameter) {
        unknown_parameter(name, &stmt->error);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (check_value(name, &values[i], &stmt->error) != WEIR_OK)
            return;
    store(parameter, values, count, list, &stmt->error);
}

void weir_bind(weir_stmt *stmt, const char *name, weir_value value) { bind_values(stmt, name, &value, 1, false); }

void weir_bind_list(weir_stmt *stmt, const char *name, const weir_value *values, size_t count)
{
    bind_values(stmt, name, values, count, true);
}

/* ---- declared columns ---- */

static int declare(weir_stmt *stmt, const weir_declared_column *columns, size_t count)
{
    size_t size = _Alignof(max_align_t), length = 0;
    if (count > SIZE_MAX / 2 / sizeof *columns)
        return weir_error_out_of_memory(&stmt->error);
    for (size_t i = 0; i < count; i++)
        size += sizeof *columns + (columns[i].name ? strlen(columns[i].name) + 1 : 0);
    stmt->declared = NULL;
    stmt->declared_count = 0;
    weir_arena_reset(&stmt->declared_storage, KEPT_STORAGE);
    if (!stmt->declared_storage.blocks)
        stmt->declared_storage.first_size = size;
    weir_declared_column *copy = weir_arena_take(&stmt->declared_storage, count * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = columns[i];
        if (!columns[i].name)
            continue;
        length = strlen(columns[i].name) + 1;
        char *name = weir_arena_bytes(&stmt->declared_storage, length);
        copy[i].name = name;
        if (!name)
            return weir_error_out_of_memory(&stmt->error);
        memcpy(name, columns[i].name, length);
    }
    if (!copy)
        return weir_error_out_of_memory(&stmt->error);
    stmt->declared = copy;
    stmt->declared_count = count;
    return WEIR_OK;
}

void weir_sql_columns(weir_stmt *stmt, const weir_declared_column *columns, size_t count)
{
    if (!can_build(stmt))
        return;
    if (!columns && count) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "columns are declared, but the list is NULL");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)columns[i].type < WEIR_T_COUNT_)
            continue;
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "declared column %zu has the unknown type %d", i + 1, (int)columns[i].type);
        return;
    }
    declare(stmt, columns, count);
}

/* ---- options ---- */

void weir_stmt_options(weir_stmt *stmt, const weir_execution_options *options)
{
    weir_execution_options checked;
    if (can_build(stmt) && weir_options_check(options, false, &checked, &stmt->error) == WEIR_OK)
        weir_options_merge(&stmt->options, &checked);
}

void weir_stmt_get_options(const weir_stmt *stmt, weir_execution_options *out) { *out = or_closed(stmt)->options; }

/* Shorthands set one option, also to its default: they replace the member where merging would keep it. */
void weir_yield_per(weir_stmt *stmt, int64_t rows)
{
    weir_execution_options checked;
    if (can_build(stmt) && weir_options_check(WEIR_EXECUTION_OPTIONS(.yield_per = rows), false, &checked, &stmt->error) == WEIR_OK)
        stmt->options.yield_per = rows;
}

void weir_stream_results(weir_stmt *stmt, weir_switch on)
{
    weir_execution_options checked;
    if (can_build(stmt) && weir_options_check(WEIR_EXECUTION_OPTIONS(.stream_results = on), false, &checked, &stmt->error) == WEIR_OK)
        stmt->options.stream_results = on;
}

void weir_max_row_buffer(weir_stmt *stmt, int64_t rows)
{
    weir_execution_options checked;
    if (can_build(stmt) && weir_options_check(WEIR_EXECUTION_OPTIONS(.max_row_buffer = rows), false, &checked, &stmt->error) == WEIR_OK)
        stmt->options.max_row_buffer = rows;
}

/* ---- copying ---- */

weir_stmt *weir_stmt_copy(const weir_stmt *stmt)
{
    stmt = or_closed(stmt);
    if (!stmt->arena.ledger)
        return (weir_stmt *)stmt;
    weir_stmt *copy = weir_sql_n(stmt->text, stmt->length);
    if (!can_build(copy))
        return copy;
    for (size_t i = 0; i < stmt->parameter_count; i++) {
        const weir_parameter *from = &stmt->parameters[i];
        weir_parameter *to = &copy->parameters[i];          /* the same text has the same parameters */
        if (from->bound && store(to, from->values, from->count, from->list, &copy->error) != WEIR_OK)
            return copy;
    }
    if (stmt->declared_count && declare(copy, stmt->declared, stmt->declared_count) != WEIR_OK)
        return copy;
    copy->options = stmt->options;
    copy->error = stmt->error;
    return copy;
}
