/* Statements as objects: making, copying and freeing them, binding values, declaring columns, their options. */
#include "sql/statement.h"
#include <stdio.h>
#include <string.h>
#include "base/values.h"
#include "sql/lexer.h"
#include "sql/tree.h"

enum {
    DEEPEST = 400,                      /* as when it is compiled */
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
static bool is_open(const weir_stmt *stmt) { return stmt && stmt->error.status == WEIR_OK; }

bool weir_stmt_can_build(weir_stmt *stmt)
{
    if (!is_open(stmt))
        return false;
    weir_stmt_drop_kept(stmt);
    return true;
}

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

static void find_first(struct finder *finder, const char *text, size_t length)
{
    weir_lexer_init(&finder->lexers[0], &weir_dialect_postgresql, text, length);
    weir_lexer_init(&finder->lexers[1], &weir_dialect_sqlite, text, length);
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

static bool add_parameter(weir_stmt *stmt, const char *name, size_t length)
{
    uint32_t *slot = find_slot(stmt, name, length);
    if (*slot)
        return true;
    char *copy = weir_arena_bytes(&stmt->arena, length + 1);
    if (!copy)
        return false;
    memcpy(copy, name, length);
    copy[length] = 0;
    weir_parameter *parameter = &stmt->parameters[stmt->parameter_count++];
    *parameter = (weir_parameter){ .name = copy, .length = length };
    weir_arena_init(&parameter->storage, stmt->arena.ledger, WEIR_MEMORY_STATEMENTS, 0);
    *slot = (uint32_t)stmt->parameter_count;
    return true;
}

/* A parameter's values may point into the parameter itself. */
static void move_parameters(weir_stmt *stmt, weir_parameter *to)
{
    for (size_t i = 0; i < stmt->parameter_count; i++) {
        to[i] = stmt->parameters[i];
        if (to[i].bound && !to[i].list)
            to[i].values = &to[i].single;
    }
    stmt->parameters = to;
}

/* Room for `more` parameters. A text's are counted before, so it takes no more than it needs; a tree's room doubles. */
static int make_room(weir_stmt *stmt, size_t more)
{
    size_t capacity = stmt->parameter_count + more, slots = 4;
    if (capacity <= stmt->parameter_capacity)
        return WEIR_OK;
    if (capacity < stmt->parameter_capacity * 2)
        capacity = stmt->parameter_capacity * 2;
    if (capacity >= UINT32_MAX)
        return weir_error_set(&stmt->error, WEIR_ARGUMENT, "the SQL text has too many parameters");
    while (slots < capacity * 2)
        slots *= 2;
    weir_parameter *parameters = weir_arena_take(&stmt->arena, capacity * sizeof *parameters);
    uint32_t *table = weir_arena_take(&stmt->arena, slots * sizeof *table);
    if (!parameters || !table)
        return weir_error_out_of_memory(&stmt->error);
    move_parameters(stmt, parameters);
    memset(table, 0, slots * sizeof *table);
    stmt->parameter_capacity = capacity;
    stmt->slots = table;
    stmt->slot_mask = slots - 1;
    for (size_t i = 0; i < stmt->parameter_count; i++)
        *find_slot(stmt, parameters[i].name, parameters[i].length) = (uint32_t)i + 1;
    return WEIR_OK;
}

int weir_stmt_add_parameters(weir_stmt *stmt, const char *text, size_t length)
{
    struct finder finder;
    weir_token name;
    size_t most = 0;
    if (!length || !memchr(text, ':', length))
        return WEIR_OK;
    for (find_first(&finder, text, length); find_next(&finder, &name);)
        most++;
    if (make_room(stmt, most) != WEIR_OK)
        return stmt->error.status;
    for (find_first(&finder, text, length); find_next(&finder, &name);)
        if (!add_parameter(stmt, name.text, name.length))
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
    return weir_stmt_add_parameters(stmt, stmt->text, stmt->length);
}

weir_stmt *weir_sql_n(const char *sql, size_t length)
{
    weir_stmt *stmt = new_statement(length);
    if (!stmt)
        return (weir_stmt *)&statement_without_memory;
    take_text(stmt, sql, length);
    return stmt;
}

weir_stmt *weir_sql_taken(weir_buffer *text)
{
    weir_stmt *stmt = text->failed ? (weir_stmt *)&statement_without_memory : weir_sql_n(text->data, text->length);
    weir_buffer_free(text);
    return stmt;
}

weir_stmt *weir_sql(const char *sql) { return weir_sql_n(sql, sql ? strlen(sql) : 0); }

weir_stmt *weir_stmt_new_tree(weir_stmt_kind kind)
{
    weir_stmt *stmt = new_statement(512);
    if (!stmt)
        return (weir_stmt *)&statement_without_memory;
    stmt->kind = kind;
    stmt->tree = weir_arena_take(&stmt->arena, sizeof *stmt->tree);
    if (stmt->tree)
        memset(stmt->tree, 0, sizeof *stmt->tree);
    else
        weir_error_out_of_memory(&stmt->error);
    return stmt;
}

void weir_stmt_free(weir_stmt **stmt)
{
    if (!stmt)
        return;
    weir_stmt *old = *stmt;
    *stmt = (weir_stmt *)&closed_statement;
    if (!old || !old->arena.ledger)
        return;
    weir_stmt_drop_kept(old);
    weir_tree_release(&old->parts);
    for (size_t i = 0; i < old->parameter_count; i++)
        weir_arena_free(&old->parameters[i].storage);
    weir_arena_free(&old->declared_storage);
    weir_arena_free(&old->arena);
    weir_free(old);
}

const char *weir_stmt_kind_name(weir_stmt_kind kind)
{
    static const char *const names[] = {
        [WEIR_STMT_TEXT] = "textual SQL", [WEIR_STMT_SELECT] = "a select", [WEIR_STMT_INSERT] = "an insert",
        [WEIR_STMT_UPDATE] = "an update", [WEIR_STMT_DELETE] = "a delete",
    };
    return names[kind];
}

const weir_error *weir_stmt_error(const weir_stmt *stmt) { return &or_closed(stmt)->error; }

size_t weir_stmt_parameter_count(const weir_stmt *stmt) { return or_closed(stmt)->parameter_count; }

const char *weir_stmt_parameter_name(const weir_stmt *stmt, size_t index)
{
    stmt = or_closed(stmt);
    return index < stmt->parameter_count ? stmt->parameters[index].name : NULL;
}

/* ---- values ---- */

weir_value weir_stmt_normal_value(const weir_value *value)
{
    bool text = value->type == WEIR_T_NUMERIC || value->type == WEIR_T_TEXT || value->type == WEIR_T_JSON ||
                value->type == WEIR_T_INET || value->type == WEIR_T_ENUM || value->type == WEIR_T_OTHER;
    bool null = (text && !value->as.text.ptr) || (value->type == WEIR_T_BLOB && !value->as.blob.ptr) ||
                (value->type == WEIR_T_ARRAY && !value->as.array);
    return null ? weir_value_null() : *value;
}

static int refuse_value(weir_error *error, const char *name, const char *what)
{
    if (!name)
        return weir_error_set(error, WEIR_ARGUMENT, "a value of an expression %s", what);
    return weir_error_set(error, WEIR_ARGUMENT, "the value of parameter '%.*s' %s", SHOWN_NAME, name, what);
}

int weir_stmt_check_value(const char *name, const weir_value *value, weir_error *error)
{
    char what[160];
    if ((unsigned)value->type >= WEIR_T_COUNT_) {
        snprintf(what, sizeof what, "has the unknown type %d", (int)value->type);
        return refuse_value(error, name, what);
    }
    if (value->type == WEIR_T_NUMERIC && value->as.text.ptr && !weir_numeric_valid(value->as.text)) {
        int shown = value->as.text.len < 60 ? (int)value->as.text.len : 60;
        snprintf(what, sizeof what, "is no numeric: '%.*s' (plain decimal digits, NaN or Infinity)", shown, value->as.text.ptr);
        return refuse_value(error, name, what);
    }
    const weir_array *array = value->type == WEIR_T_ARRAY ? value->as.array : NULL;
    if (array && (array->dimensions < 0 || (array->count && !array->items) || (array->dimensions > 1 && !array->lengths)))
        return weir_error_set(error, WEIR_ARGUMENT, "the value of parameter '%.*s' is an array without its %s", SHOWN_NAME, name,
                              array->count && !array->items ? "items" : "lengths");
    for (size_t i = 0; array && i < array->count; i++) {
        if (array->items[i].type == WEIR_T_ARRAY)
            return refuse_value(error, name, "is an array of arrays; give it dimensions");
        if (weir_stmt_check_value(name, &array->items[i], error) != WEIR_OK)
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
        weir_value value = weir_stmt_normal_value(&values[i]);
        size += weir_value_extent(&value);
    }
    if (!parameter->storage.blocks)
        parameter->storage.first_size = size;           /* all of it in one block */
    parameter->values = count ? weir_arena_take(&parameter->storage, count * sizeof *values) : NULL;
    if (count && !parameter->values)
        return false;
    for (size_t i = 0; i < count; i++) {
        weir_value value = weir_stmt_normal_value(&values[i]);
        if (weir_value_copy(&parameter->storage, &value, &parameter->values[i]) != WEIR_OK)
            return false;
    }
    return true;
}

static bool store_single(weir_parameter *parameter, const weir_value *from)
{
    weir_value value = weir_stmt_normal_value(from);
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

/* Names of subqueries are the outer statement's too: a value goes to each that has it. */
static int store_everywhere(weir_stmt *stmt, const char *name, size_t length, const weir_value *values, size_t count, bool list,
                            weir_error *error)
{
    weir_parameter *parameter = weir_stmt_find(stmt, name, length);
    int status = parameter ? store(parameter, values, count, list, error) : WEIR_OK;
    for (size_t i = 0; parameter && i < stmt->parts.owned_count && status == WEIR_OK; i++)
        status = store_everywhere(stmt->parts.owned[i], name, length, values, count, list, error);
    return status;
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
    if (!is_open(stmt))
        return;
    if (!name || (!values && count)) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "a parameter is bound without its %s", name ? "values" : "name");
        return;
    }
    if (!weir_stmt_find(stmt, name, strlen(name))) {
        unknown_parameter(name, &stmt->error);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (weir_stmt_check_value(name, &values[i], &stmt->error) != WEIR_OK)
            return;
    weir_stmt_rebinds(stmt, name, strlen(name), count, list);
    store_everywhere(stmt, name, strlen(name), values, count, list, &stmt->error);
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
    if (!weir_stmt_can_build(stmt))
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

/* ---- options: no part of what is compiled ---- */

void weir_stmt_options(weir_stmt *stmt, const weir_execution_options *options)
{
    weir_execution_options checked;
    if (is_open(stmt) && weir_options_check(options, false, &checked, &stmt->error) == WEIR_OK)
        weir_options_merge(&stmt->options, &checked);
}

void weir_stmt_get_options(const weir_stmt *stmt, weir_execution_options *out) { *out = or_closed(stmt)->options; }

/* Shorthands set one option, also to its default: they replace the member where merging would keep it. */
void weir_yield_per(weir_stmt *stmt, int64_t rows)
{
    weir_execution_options checked;
    if (is_open(stmt) && weir_options_check(WEIR_EXECUTION_OPTIONS(.yield_per = rows), false, &checked, &stmt->error) == WEIR_OK)
        stmt->options.yield_per = rows;
}

void weir_memory(weir_stmt *stmt, size_t bytes)
{
    weir_execution_options checked;
    int64_t memory = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
    if (is_open(stmt) && weir_options_check(WEIR_EXECUTION_OPTIONS(.memory = memory), false, &checked, &stmt->error) == WEIR_OK)
        stmt->options.memory = memory;
}

void weir_stream_results(weir_stmt *stmt, weir_switch on)
{
    weir_execution_options checked;
    if (is_open(stmt) && weir_options_check(WEIR_EXECUTION_OPTIONS(.stream_results = on), false, &checked, &stmt->error) == WEIR_OK)
        stmt->options.stream_results = on;
}

void weir_max_row_buffer(weir_stmt *stmt, int64_t rows)
{
    weir_execution_options checked;
    if (is_open(stmt) && weir_options_check(WEIR_EXECUTION_OPTIONS(.max_row_buffer = rows), false, &checked, &stmt->error) == WEIR_OK)
        stmt->options.max_row_buffer = rows;
}

/* ---- copying ---- */

static int copy_parameters(weir_stmt *copy, const weir_stmt *from)
{
    for (size_t i = 0; i < from->parameter_count; i++) {
        const weir_parameter *parameter = &from->parameters[i];
        weir_parameter *to = weir_stmt_find(copy, parameter->name, parameter->length);
        if (parameter->bound && to &&
            store(to, parameter->values, parameter->count, parameter->list, &copy->error) != WEIR_OK)
            break;
    }
    return copy->error.status;
}

weir_stmt *weir_stmt_copy(const weir_stmt *stmt)
{
    stmt = or_closed(stmt);
    if (!stmt->arena.ledger)
        return (weir_stmt *)stmt;
    weir_stmt *copy = stmt->kind ? weir_stmt_new_tree(stmt->kind) : weir_sql_n(stmt->text, stmt->length);
    if (!weir_stmt_can_build(copy))
        return copy;
    bool whole = stmt->error.status == WEIR_OK;         /* a mistake may have left half a tree behind */
    if (stmt->tree && whole && weir_tree_copy(copy, stmt->tree) != WEIR_OK)
        return copy;
    if (stmt->write && whole)
        weir_write_copy(copy, stmt->write);
    if (copy->error.status != WEIR_OK)
        return copy;
    if (copy_parameters(copy, stmt) != WEIR_OK)
        return copy;
    if (stmt->declared_count && declare(copy, stmt->declared, stmt->declared_count) != WEIR_OK)
        return copy;
    copy->options = stmt->options;
    copy->error = stmt->error;
    return copy;
}

/* Names of the part become the owner's; a value that the owner has for one goes to the part. */
static int share_parameters(weir_stmt *owner, weir_stmt *part)
{
    if (make_room(owner, part->parameter_count) != WEIR_OK)
        return owner->error.status;
    for (size_t i = 0; i < part->parameter_count; i++) {
        const weir_parameter *parameter = &part->parameters[i];
        if (!add_parameter(owner, parameter->name, parameter->length))
            return weir_error_out_of_memory(&owner->error);
        const weir_parameter *outer = weir_stmt_find(owner, parameter->name, parameter->length);
        if (!parameter->bound && outer->bound)
            store_everywhere(part, outer->name, outer->length, outer->values, outer->count, outer->list, &owner->error);
    }
    return owner->error.status;
}

weir_stmt *weir_stmt_own(weir_stmt *owner, const weir_stmt *given)
{
    weir_stmt_parts *parts = &owner->parts;
    if (given && given->depth >= DEEPEST) {
        weir_error_set(&owner->error, WEIR_ARGUMENT, "statements are nested more than %d deep (a long union: combine pairs, and pairs of pairs)",
                       DEEPEST);
        return NULL;
    }
    weir_stmt **owned = weir_tree_room(owner, parts->owned, parts->owned_count, sizeof *owned);
    if (!owned)
        return NULL;
    weir_stmt *part = weir_stmt_copy(given);
    parts->owned = owned;
    parts->owned[parts->owned_count++] = part;
    owner->depth = owner->depth > part->depth ? owner->depth : part->depth + 1;
    if (weir_error_keep(&owner->error, &part->error) != WEIR_OK || share_parameters(owner, part) != WEIR_OK)
        return NULL;
    return part;
}
