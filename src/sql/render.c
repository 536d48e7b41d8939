/* What all rendering needs: the sticky failure, memory, values with their placeholders, names of sources. */
#include "sql/render.h"
#include <stdio.h>
#include <string.h>
#include "base/values.h"

enum { DEEPEST = 400 };                 /* SQLite's own limit is 1000 levels, of which one of ours takes up to two */

void weir_render_fail(weir_renderer *r, int status, const char *format, ...)
{
    if (r->status != WEIR_OK)
        return;
    va_list arguments;
    va_start(arguments, format);
    r->status = weir_error_set_v(r->error, status, format, arguments);
    va_end(arguments);
}

static void *no_memory(weir_renderer *r)
{
    if (r->status == WEIR_OK)
        r->status = weir_error_out_of_memory(r->error);
    return NULL;
}

void *weir_render_take(weir_renderer *r, size_t size)
{
    void *p = weir_arena_take(r->arena, size);
    return p ? memset(p, 0, size) : no_memory(r);
}

const char *weir_render_copy(weir_renderer *r, const char *text, size_t length)
{
    char *copy = weir_arena_bytes(r->arena, length + 1);
    if (!copy)
        return no_memory(r);
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

bool weir_render_grow(weir_renderer *r, void *list, size_t count, size_t *capacity, size_t size)
{
    void *old;
    if (count < *capacity)
        return true;
    size_t larger = *capacity ? *capacity * 2 : 8;
    void *copy = weir_render_take(r, larger * size);
    if (!copy)
        return false;
    memcpy(&old, list, sizeof old);     /* list points to a pointer of any type */
    if (count)
        memcpy(copy, old, count * size);
    memcpy(list, &copy, sizeof copy);
    *capacity = larger;
    return true;
}

bool weir_render_deeper(weir_renderer *r)
{
    if (r->depth >= DEEPEST)
        weir_render_fail(r, WEIR_COMPILE, "the statement is nested more than %d levels deep", DEEPEST);
    return r->status == WEIR_OK;
}

/* ---- values ---- */

static const char *next_name(weir_renderer *r)
{
    char name[32];
    int length = snprintf(name, sizeof name, "param_%zu", ++r->made_up);
    return weir_render_copy(r, name, (size_t)length);
}

static bool reserve_values(weir_renderer *r, size_t count)
{
    size_t needed = r->value_count + count, capacity = r->value_capacity ? r->value_capacity : 8;
    if (needed <= r->value_capacity)
        return true;
    while (capacity < needed)
        capacity *= 2;
    weir_value *values = weir_arena_take(r->arena, capacity * sizeof *values);
    const char **names = weir_arena_take(r->arena, capacity * sizeof *names);
    if (!values || !names)
        return no_memory(r);
    if (r->value_count) {
        memcpy(values, r->values, r->value_count * sizeof *values);
        memcpy(names, r->names, r->value_count * sizeof *names);
    }
    r->values = values;
    r->names = names;
    r->value_capacity = capacity;
    return true;
}

size_t weir_render_number(weir_renderer *r, const weir_value *values, size_t count, const char *name)
{
    size_t first = r->value_count;
    if (r->status != WEIR_OK)
        return 0;
    if (count > r->dialect->maximum_parameters || first + count > r->dialect->maximum_parameters) {
        weir_render_fail(r, WEIR_INVALID_REQUEST,
                         "the statement has %zu parameters, and %s takes at most %zu; split the list, or join with a table",
                         first + count, r->dialect->name, r->dialect->maximum_parameters);
        return 0;
    }
    if (!reserve_values(r, count) || !(name = name ? name : next_name(r)))
        return 0;
    for (size_t i = 0; i < count; i++) {
        r->names[first + i] = name;
        if (weir_value_copy(r->arena, &values[i], &r->values[first + i]) != WEIR_OK) {
            no_memory(r);
            return 0;
        }
    }
    r->value_count += count;
    return first + 1;
}

bool weir_value_is_null(const weir_value *value)
{
    return value->type == WEIR_T_NULL || (weir_type_is_text(value->type) && !value->as.text.ptr) ||
           (value->type == WEIR_T_BLOB && !value->as.blob.ptr) || (value->type == WEIR_T_ARRAY && !value->as.array);
}

static void write_literal_text(weir_renderer *r, const char *text, size_t length)
{
    bool escaped = r->dialect->backslash_strings && memchr(text, '\\', length);    /* right whatever standard_conforming_strings is */
    if (memchr(text, 0, length))
        weir_render_fail(r, WEIR_ARGUMENT, "a text with a NUL byte cannot stand in a statement");
    weir_buffer_text(r->text, escaped ? "E'" : "'");
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\'' || (escaped && text[i] == '\\'))
            weir_buffer_byte(r->text, text[i]);
        weir_buffer_byte(r->text, text[i]);
    }
    weir_buffer_byte(r->text, '\'');
}

static void write_literal_blob(weir_renderer *r, const weir_blob *blob)
{
    const unsigned char *bytes = blob->ptr;
    weir_buffer_text(r->text, r->dialect->typed_parameters ? "'\\x" : "X'");
    for (size_t i = 0; i < blob->len; i++)
        weir_buffer_printf(r->text, "%02x", bytes[i]);
    weir_buffer_byte(r->text, '\'');
}

static void write_literal(weir_renderer *r, const weir_value *value)
{
    weir_buffer scratch;
    if (weir_value_is_null(value)) {
        weir_buffer_text(r->text, "NULL");
        return;
    }
    if (value->type == WEIR_T_BLOB) {
        write_literal_blob(r, &value->as.blob);
        return;
    }
    weir_buffer_init(&scratch, r->arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 4);
    weir_value_append(&scratch, value);
    bool plain = value->type == WEIR_T_BOOL || (value->type >= WEIR_T_INT16 && value->type <= WEIR_T_INT64) ||
                 ((value->type >= WEIR_T_FLOAT && value->type <= WEIR_T_NUMERIC) && scratch.length &&
                  strspn(scratch.data, "-0123456789.e+") >= scratch.length);
    if (scratch.failed)
        r->text->failed = true;
    else if (plain)
        weir_buffer_append(r->text, scratch.data, scratch.length);
    else
        write_literal_text(r, scratch.data ? scratch.data : "", scratch.length);
    weir_buffer_free(&scratch);
}

void weir_render_placeholder(weir_renderer *r, size_t number)
{
    char digits[24], *start = digits + sizeof digits;
    if (!number)
        return;
    if (r->literals) {
        write_literal(r, &r->values[number - 1]);
        return;
    }
    do
        *--start = (char)('0' + number % 10);
    while (number /= 10);
    *--start = r->dialect->placeholder;
    weir_buffer_append(r->text, start, (size_t)(digits + sizeof digits - start));
}

const char *weir_pg_type_of(const weir_value *value)
{
    static const char *const names[WEIR_T_COUNT_] = {
        [WEIR_T_BOOL] = "boolean", [WEIR_T_FLOAT] = "real", [WEIR_T_DOUBLE] = "float8", [WEIR_T_NUMERIC] = "numeric",
        [WEIR_T_BLOB] = "bytea", [WEIR_T_DATE] = "date", [WEIR_T_TIME] = "time", [WEIR_T_TIMETZ] = "timetz",
        [WEIR_T_TIMESTAMP] = "timestamp", [WEIR_T_TIMESTAMPTZ] = "timestamptz", [WEIR_T_INTERVAL] = "interval", [WEIR_T_UUID] = "uuid",
    };
    if (value->type >= WEIR_T_INT16 && value->type <= WEIR_T_INT64)
        return value->as.i >= INT32_MIN && value->as.i <= INT32_MAX ? "integer" : "bigint";
    return (unsigned)value->type < WEIR_T_COUNT_ ? names[value->type] : NULL;
}

void weir_render_value(weir_renderer *r, const weir_value *value, bool typed)
{
    static const weir_value null = { .type = WEIR_T_NULL };
    bool is_null = weir_value_is_null(value);
    weir_render_placeholder(r, weir_render_number(r, is_null ? &null : value, 1, NULL));
    const char *type = typed && r->dialect->typed_parameters && !r->literals && !is_null ? weir_pg_type_of(value) : NULL;
    if (!type)
        return;
    weir_buffer_text(r->text, "::");
    weir_buffer_text(r->text, type);
}

/* ---- names ---- */

const void *weir_source_identity(const weir_source *source)
{
    return !source ? NULL : source->identity ? source->identity : source;
}

static weir_named *find_named(weir_renderer *r, const void *identity)
{
    for (weir_named *named = r->named; named; named = named->next)
        if (named->identity == identity)
            return named;
    return NULL;
}

static bool name_is_taken(const weir_renderer *r, const char *name)
{
    for (const weir_named *named = r->named; named; named = named->next)
        if (!strcmp(named->name, name))
            return true;
    for (const weir_scope *scope = r->scope; scope; scope = scope->outer)
        for (size_t i = 0; i < scope->from_count; i++)
            if (!scope->froms[i].source && scope->froms[i].entity->table &&
                !strcmp(weir_table_without_schema(scope->froms[i].entity->table), name))
                return true;
    return false;
}

static const char *add_named(weir_renderer *r, const void *identity, const char *name)
{
    weir_named *named = weir_render_take(r, sizeof *named);
    if (!named || !name)
        return "";
    *named = (weir_named){ .next = r->named, .identity = identity, .name = name };
    r->named = named;
    return name;
}

const char *weir_render_name(weir_renderer *r, const char *base)
{
    char name[128];
    size_t number = 0;
    do
        snprintf(name, sizeof name, "%.100s_%zu", base, ++number);
    while (name_is_taken(r, name));
    return add_named(r, NULL, weir_render_copy(r, name, strlen(name)));
}

const char *weir_source_name(weir_renderer *r, const weir_source *source)
{
    const void *identity = weir_source_identity(source);
    weir_named *named = find_named(r, identity);
    if (named)
        return named->name;
    if (source->error.status != WEIR_OK && r->status == WEIR_OK) {
        *r->error = source->error;
        r->status = source->error.status;
    }
    if (source->name && *source->name)
        return add_named(r, identity, weir_render_copy(r, source->name, strlen(source->name)));
    const char *made = weir_render_name(r, source->kind == WEIR_SOURCE_ALIAS && source->entity ? source->entity->name : "anon");
    if (r->status == WEIR_OK)
        r->named->identity = identity;
    return made;
}

void weir_render_qualifier(weir_renderer *r, const weir_entity *entity, const weir_source *source)
{
    if (source)
        weir_identifier_append(r->text, weir_source_name(r, source));
    else if (!entity)
        weir_render_fail(r, WEIR_ARGUMENT, "a column names neither an entity nor a source");
    else if (!entity->table)
        weir_render_fail(r, WEIR_ARGUMENT, "the entity %s has no table: it can be selected from textual SQL, subqueries and CTEs only",
                         entity->name);
    else
        weir_table_append(r->text, entity->table);
}
