/* Identifiers in SQL text: quoted where either database would read them as anything else. */
#include "sql/identifier.h"
#include <stdlib.h>
#include <string.h>

/* Reserved in PostgreSQL or SQLite; in order. */
static const char *const reserved[] = {
    "add", "all", "alter", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "autoincrement",
    "between", "binary", "both", "case", "cast", "check", "collate", "collation", "column", "commit", "concurrently", "constraint",
    "create", "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
    "current_user", "default", "deferrable", "delete", "desc", "distinct", "do", "drop", "else", "end", "escape", "except", "exists",
    "false", "fetch", "for", "foreign", "freeze", "from", "full", "grant", "group", "having", "ilike", "in", "index", "initially",
    "inner", "insert", "intersect", "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime",
    "localtimestamp", "natural", "not", "nothing", "notnull", "null", "offset", "on", "only", "or", "order", "outer", "overlaps",
    "placing", "primary", "references", "returning", "right", "select", "session_user", "set", "similar", "some", "symmetric",
    "system_user", "table", "tablesample", "then", "to", "trailing", "transaction", "true", "union", "unique", "update", "user",
    "using", "values", "variadic", "verbose", "when", "where", "window", "with",
};

static int compare_words(const void *word, const void *entry)
{
    return strcmp(word, *(const char *const *)entry);
}

static bool is_plain(const char *name, size_t length)
{
    char word[32];
    if (!length || (*name >= '0' && *name <= '9'))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || name[i] == '_' || (name[i] >= '0' && name[i] <= '9')))
            return false;
    if (length >= sizeof word)
        return true;                    /* longer than any reserved word */
    memcpy(word, name, length);
    word[length] = 0;
    return !bsearch(word, reserved, sizeof reserved / sizeof *reserved, sizeof *reserved, compare_words);
}

void weir_identifier_append_n(weir_buffer *text, const char *name, size_t length)
{
    if (is_plain(name, length)) {
        weir_buffer_append(text, name, length);
        return;
    }
    weir_buffer_byte(text, '"');
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '"')
            weir_buffer_byte(text, '"');
        weir_buffer_byte(text, name[i]);
    }
    weir_buffer_byte(text, '"');
}

void weir_identifier_append(weir_buffer *text, const char *name) { weir_identifier_append_n(text, name, strlen(name)); }

const char *weir_table_without_schema(const char *table)
{
    const char *point = strchr(table, '.');
    return point && point != table && point[1] ? point + 1 : table;
}

void weir_table_append(weir_buffer *text, const char *table)
{
    const char *name = weir_table_without_schema(table);
    if (name != table) {
        weir_identifier_append_n(text, table, (size_t)(name - table) - 1);
        weir_buffer_byte(text, '.');
    }
    weir_identifier_append(text, name);
}

/* ---- names in parts ---------------------------------------------------------------------------------------------- */
weir_table_name weir_table_name_of(const char *table)
{
    const char *name = weir_table_without_schema(table);
    weir_text schema = { name == table ? NULL : table, name == table ? 0 : (size_t)(name - table) - 1 };
    return (weir_table_name){ table, schema, { name, strlen(name) } };
}

/* One part from *from on, unquoted into `to`; *from is moved behind it. Empty: it is none, or not well quoted. */
static weir_text take_part(const char **from, char *to)
{
    const char *p = *from;
    weir_text part = { to, 0 };
    bool quoted = *p == '"', closed = !quoted;
    for (p += quoted; *p && (quoted || *p != '.'); p++) {
        if (quoted && *p == '"' && *++p != '"') {
            closed = true;
            break;
        }
        to[part.len++] = *p;
    }
    *from = p;
    return closed && (!*p || *p == '.') ? part : (weir_text){ to, 0 };
}

bool weir_table_name_written(weir_table_name *out, const char *table, weir_arena *arena)
{
    *out = weir_table_name_of(table);
    if (!strchr(table, '"'))
        return true;
    char *copy = weir_arena_bytes(arena, strlen(table) + 1);
    if (!copy)
        return false;
    const char *from = table;
    weir_text first = take_part(&from, copy), second = { NULL, 0 };
    bool two = first.len && *from == '.';
    if (two) {
        from++;
        second = take_part(&from, copy + first.len);
    }
    if (first.len && !*from && (!two || second.len))
        *out = (weir_table_name){ table, two ? first : (weir_text){ NULL, 0 }, two ? second : first };
    return true;
}

void weir_table_name_append(weir_buffer *text, const weir_table_name *table)
{
    if (table->schema.ptr) {
        weir_identifier_append_n(text, table->schema.ptr, table->schema.len);
        weir_buffer_byte(text, '.');
    }
    weir_identifier_append_n(text, table->name.ptr, table->name.len);
}
