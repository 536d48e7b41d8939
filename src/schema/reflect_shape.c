/* Tables as entities: names in C, the types of members, which tables cannot be mapped and why. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "schema/reflect.h"
#include "schema/types.h"

/* What a live type is in C, where it never is NULL and where it may be. A type that has no optional is widened, and says its own type,
 * so that it is not taken for the wider one. */
static const struct c_types { weir_member_type never_null, nullable; } c_types[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = { WEIR_M_NONE, WEIR_M_NONE },
    [WEIR_T_BOOL] = { WEIR_M_BOOL, WEIR_M_OPT_BOOL },
    [WEIR_T_INT16] = { WEIR_M_INT16, WEIR_M_OPT_INT32 },
    [WEIR_T_INT32] = { WEIR_M_INT32, WEIR_M_OPT_INT32 },
    [WEIR_T_INT64] = { WEIR_M_INT64, WEIR_M_OPT_INT64 },
    [WEIR_T_FLOAT] = { WEIR_M_FLOAT, WEIR_M_OPT_DOUBLE },
    [WEIR_T_DOUBLE] = { WEIR_M_DOUBLE, WEIR_M_OPT_DOUBLE },
    [WEIR_T_NUMERIC] = { WEIR_M_NUMERIC, WEIR_M_NUMERIC },
    [WEIR_T_TEXT] = { WEIR_M_CSTR, WEIR_M_CSTR },
    [WEIR_T_BLOB] = { WEIR_M_BLOB, WEIR_M_BLOB },
    [WEIR_T_DATE] = { WEIR_M_DATE, WEIR_M_OPT_DATE },
    [WEIR_T_TIME] = { WEIR_M_TIME, WEIR_M_OPT_TIME },
    [WEIR_T_TIMETZ] = { WEIR_M_TIMETZ, WEIR_M_OPT_TIMETZ },
    [WEIR_T_TIMESTAMP] = { WEIR_M_TIMESTAMP, WEIR_M_OPT_TIMESTAMP },
    [WEIR_T_TIMESTAMPTZ] = { WEIR_M_TIMESTAMPTZ, WEIR_M_OPT_TIMESTAMPTZ },
    [WEIR_T_INTERVAL] = { WEIR_M_INTERVAL, WEIR_M_OPT_INTERVAL },
    [WEIR_T_UUID] = { WEIR_M_UUID, WEIR_M_OPT_UUID },
    [WEIR_T_JSON] = { WEIR_M_CSTR, WEIR_M_CSTR },
    [WEIR_T_INET] = { WEIR_M_CSTR, WEIR_M_CSTR },
    [WEIR_T_ENUM] = { WEIR_M_CSTR, WEIR_M_CSTR },
    [WEIR_T_ARRAY] = { WEIR_M_ARRAY, WEIR_M_ARRAY },
    [WEIR_T_OTHER] = { WEIR_M_CSTR, WEIR_M_CSTR },
};

/* PostgreSQL's long names of types that weir calls by the short ones. */
static const struct alias { const char *declared, *sql_type; } aliases[] = {
    { "timestamp without time zone", "timestamp" }, { "timestamp with time zone", "timestamptz" },
    { "time without time zone", "time" }, { "time with time zone", "timetz" },
};

weir_member weir_reflect_member(const weir_reflected_column *column)
{
    return (weir_member){ .kind = WEIR_MEMBER_COLUMN, .name = column->member, .type = column->type, .column = column->info->name,
                          .sql_type = column->sql_type, .primary_key = column->key };
}

size_t weir_reflect_key_count(const weir_reflected_table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < table->column_count; i++)
        count += table->columns[i].key;
    return count;
}

/* ---- types ------------------------------------------------------------------------------------------------------------------- */
static bool fits(const weir_reflection *r, weir_reflected_column *column, const char *sql_type)
{
    const char *why;
    column->sql_type = sql_type;
    weir_member member = weir_reflect_member(column);
    return weir_schema_compare(&member, column->info, r->postgresql, &why) == 0;
}

/* What weir_create_all would make of the member alone. */
static bool is_default_type(const weir_reflection *r, const weir_reflected_column *column)
{
    weir_error unread;
    weir_buffer sql;
    weir_member member = weir_reflect_member(column);
    const char *declared = column->declared;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        declared = strcmp(declared, aliases[i].declared) ? declared : aliases[i].sql_type;
    member.sql_type = NULL;
    weir_buffer_init(&sql, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    bool none = member.type == WEIR_M_ENUM || weir_schema_sql_type("", &member, r->postgresql, &sql, &unread) != WEIR_OK;
    const char *text = none ? NULL : weir_buffer_cstr(&sql);
    bool same = text && !strcasecmp(text, declared);
    if (sql.failed)
        weir_error_out_of_memory(r->error);
    weir_buffer_free(&sql);
    return same;
}

/* SQLite keeps whatever stood there as a type; a mapping's type becomes part of a statement. */
static bool is_plain_type(const char *type)
{
    return type[strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ (,)")] == 0;
}

static void choose_type(weir_reflection *r, weir_reflected_column *column)
{
    const struct c_types *types = &c_types[column->info->type];
    const char *declared = column->declared ? column->declared : "";
    bool quotable = r->postgresql || is_plain_type(declared);
    column->declared = declared;
    column->type = column->not_null ? types->never_null : types->nullable;
    if (column->labels && column->not_null)
        column->type = WEIR_M_ENUM;
    else if (column->labels)
        column->note = "may be NULL, which no enum can be: its label as text";
    if (column->key && !column->not_null && !r->postgresql)
        column->note = "SQLite lets this part of the key be NULL";
    if (column->info->type == WEIR_T_NULL) {
        column->type = WEIR_M_NONE;
        column->note = "its declared type says nothing of its values, which may be of any kind: read it by a statement of its own";
        return;
    }
    if (r->postgresql && !is_default_type(r, column) && fits(r, column, declared))
        return;
    if (fits(r, column, NULL))
        return;
    if (column->type == WEIR_M_NUMERIC && !r->postgresql) {
        column->type = column->not_null ? WEIR_M_DOUBLE : WEIR_M_OPT_DOUBLE;
        column->note = "SQLite keeps a binary number in a column of this type, not the digits";
    }
    if (quotable && fits(r, column, declared))
        return;
    if (fits(r, column, column->info->database_type) && quotable)
        return;
    column->type = WEIR_M_NONE;
    column->sql_type = NULL;
    column->note = "no C type fits this column: read it by a statement of its own";
}

/* ---- names ------------------------------------------------------------------------------------------------------------------- */
static int name_columns(weir_reflection *r, weir_reflected_table *table)
{
    weir_taken_name *taken = NULL;
    for (size_t i = 0; i < table->column_count && r->error->status == WEIR_OK; i++) {
        weir_reflected_column *column = &table->columns[i];
        choose_type(r, column);
        if (!*column->info->name) {
            column->type = WEIR_M_NONE;
            column->note = "a column without a name cannot be mapped";
        }
        const char *name = weir_reflect_identifier(r, NULL, column->info->name, false);
        column->member = name ? weir_reflect_unique(r, &taken, name) : NULL;
        if (column->key && (column->type == WEIR_M_NONE || column->type == WEIR_M_ARRAY))
            table->why = weir_reflect_text(r, "its primary key has the column \"%s\", which cannot be part of an entity's key", column->info->name);
    }
    if (!table->why && weir_reflect_key_count(table) == 0)
        table->why = "it has no primary key: give it one, or map it by hand with columns of which you know that they tell its rows apart";
    return r->error->status;
}

/* Another schema's tables have its name in front, whatever else there is, so that a new table changes no other's name. */
static const char *tag_of(weir_reflection *r, const char *schema, const char *name, bool foreign_schema)
{
    const char *whole = foreign_schema ? weir_reflect_text(r, "%s_%s", schema, name) : name;
    return whole ? weir_reflect_identifier(r, r->options->prefix, whole, false) : NULL;
}

static int name_enum(weir_reflection *r, weir_reflected_enum *labels, weir_taken_name **taken)
{
    const char *tag = tag_of(r, labels->schema, labels->name, labels->foreign_schema);
    labels->tag = tag ? weir_reflect_unique(r, taken, tag) : NULL;
    const char *table = labels->tag ? weir_reflect_text(r, "%s_names", labels->tag) : NULL;
    labels->names_table = table ? weir_reflect_unique(r, taken, table) : NULL;
    labels->enumerators = weir_reflect_take(r, labels->label_count * sizeof *labels->enumerators);
    for (size_t i = 0; labels->enumerators && i < labels->label_count && r->error->status == WEIR_OK; i++) {
        const char *whole = weir_reflect_text(r, "%s_%s", labels->tag, labels->labels[i]);
        const char *name = whole ? weir_reflect_identifier(r, NULL, whole, true) : NULL;
        labels->enumerators[i] = name ? weir_reflect_unique(r, taken, name) : NULL;
    }
    return r->error->status;
}

int weir_reflect_shape(weir_reflection *r)
{
    weir_taken_name *taken = NULL;
    for (size_t i = 0; i < r->table_count && r->error->status == WEIR_OK; i++) {
        weir_reflected_table *table = &r->tables[i];
        if (table->why || name_columns(r, table) != WEIR_OK || table->why)
            continue;
        const char *tag = tag_of(r, table->schema, table->name, table->foreign_schema);
        table->tag = tag ? weir_reflect_unique(r, &taken, tag) : NULL;
    }
    for (weir_reflected_enum *labels = r->enums; labels && r->error->status == WEIR_OK; labels = labels->next)
        name_enum(r, labels, &taken);
    return r->error->status == WEIR_OK ? weir_reflect_relate(r) : r->error->status;
}
