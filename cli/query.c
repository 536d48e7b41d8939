/* The SQL text that an export runs. Names are quoted here: any name is safe, whatever is in it. */
#include "query.h"
#include "database.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "failure.h"

static void add_quoted(text *out, const char *name, size_t length)
{
    text_add(out, "\"");
    for (size_t i = 0; i < length; i++)
        text_add_n(out, name[i] == '"' ? "\"\"" : &name[i], name[i] == '"' ? 2 : 1);
    text_add(out, "\"");
}

void query_name(const char *name, text *out) { add_quoted(out, name, strlen(name)); }

/* Where a name that begins with a quote ends: behind its closing quote; NULL: there is none. */
static const char *end_of_quoted(const char *name)
{
    for (const char *p = name + 1; *p; p++) {
        if (*p == '"' && p[1] == '"')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

/* One name up to `separator`: as the user quoted it, or quoted here. NULL: malformed. */
static const char *add_name(text *out, const char *name, char separator)
{
    if (*name == '"') {
        const char *end = end_of_quoted(name);
        if (!end || end - name < 3 || (*end && *end != separator))
            return NULL;
        text_add_n(out, name, (size_t)(end - name));
        return end;
    }
    const char *end = strchr(name, separator);
    size_t length = end ? (size_t)(end - name) : strlen(name);
    if (length == 0)
        return NULL;
    add_quoted(out, name, length);
    return name + length;
}

int query_table(const char *table, text *out, size_t *last)
{
    for (const char *name = table; ; ) {
        *last = out->length;
        name = add_name(out, name, '.');
        if (!name)
            return failure_say(EXIT_USAGE, "wrong table name: \"%s\" is no name, nor schema.name; put names with points in them "
                                           "into double quotes", table);
        if (!*name)
            return 0;
        text_add(out, ".");
        name++;
    }
    return 0;
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* Each with the table in front of it: SQLite takes a lone "name" that is no column for a text. */
static int add_columns(const char *columns, const char *table, text *out)
{
    if (!strcmp(columns, "*")) {
        text_add(out, "*");
        return 0;
    }
    for (const char *name = columns; ; ) {
        text_add(out, table);
        text_add(out, ".");
        const char *end = add_name(out, skip_spaces(name), ',');
        if (!end)
            return failure_say(EXIT_USAGE, "wrong column names: \"%s\" is no list of names; give --columns a,b,c", columns);
        if (!*end)
            return 0;
        text_add(out, ", ");
        name = end + 1;
    }
}

int query_check(const export_settings *s)
{
    if (!s->table == !s->query)
        return failure_say(EXIT_USAGE, "wrong usage: %s; give one of them", s->table ? "--table and --query exclude each other"
                                                                                     : "neither --table nor --query is given");
    const char *companion = s->columns ? "--columns" : s->where ? "--where" : s->order_by ? "--order-by" : NULL;
    if (s->query && companion)
        return failure_say(EXIT_USAGE, "wrong usage: %s goes with --table only; write it into the query", companion);
    return 0;
}

/* Line ends around the texts of the user, so that a comment in them does not swallow what follows. */
int query_build(const export_settings *settings, text *sql)
{
    text table = { 0 };
    size_t last = 0;
    if (settings->query) {
        text_add(sql, settings->query);
        return 0;
    }
    text_add(sql, "SELECT ");
    int status = query_table(settings->table, &table, &last);
    if (status == 0)
        status = add_columns(settings->columns ? settings->columns : "*", table.data + last, sql);
    text_add(sql, " FROM ");
    if (settings->partition) {
        text_add(sql, settings->partition);     /* by the table's name, which the user's texts may have */
        text_add(sql, " AS ");
    }
    text_add(sql, status != 0 ? "" : settings->partition ? table.data + last : table.data);
    text_free(&table);
    if (settings->where) {
        text_add(sql, " WHERE (");
        text_add(sql, settings->where);
        text_add(sql, "\n)");
    }
    if (settings->order_by) {
        text_add(sql, " ORDER BY ");
        text_add(sql, settings->order_by);
    }
    return status;
}

/* ---- parameters ------------------------------------------------------------------------------------------------------ */
/* PostgreSQL knows the type that a parameter must have and reads the text as that. SQLite knows none, and to it the text '5' is
 * not the number 5: there, what looks like a number is sent as one. 01234 and +49 do not: they are what texts are, and a column of
 * numbers finds them all the same. */
static weir_value parameter_value(const char *given, bool sqlite)
{
    const char *first = given + (*given == '-');
    size_t digits = strspn(first, "0123456789+-.eE");
    bool number = sqlite && !first[digits] && strpbrk(first, "0123456789") != NULL && *first != '+' && !(*first == '0' && strspn(first, "0123456789") > 1);
    char *end = NULL;
    if (number) {
        errno = 0;
        long long integer = strtoll(given, &end, 10);
        if (!*end && !errno)
            return weir_value_int(integer);
        double decimal = strtod(given, &end);
        if (!*end && strpbrk(given, ".eE"))
            return weir_value_double(decimal);
    }
    return weir_value_cstr(given);
}

static bool has_parameter(const weir_stmt *stmt, const char *name, size_t length)
{
    for (size_t i = 0; i < weir_stmt_parameter_count(stmt); i++) {
        const char *known = weir_stmt_parameter_name(stmt, i);
        if (strlen(known) == length && !memcmp(known, name, length))
            return true;
    }
    return false;
}

static int bind_parameter(weir_stmt *stmt, const char *given, bool sqlite)
{
    const char *equals = strchr(given, '=');
    if (!equals || equals == given)
        return failure_say(EXIT_USAGE, "wrong parameter: \"%s\" is not name=value; give --param name=value", given);
    if (!has_parameter(stmt, given, (size_t)(equals - given)))
        return failure_say(EXIT_USAGE, "unknown parameter %.*s: the SQL text has no :%.*s; check both",
                           (int)(equals - given), given, (int)(equals - given), given);
    text name = { 0 };
    text_add_n(&name, given, (size_t)(equals - given));
    weir_bind(stmt, name.data, parameter_value(equals + 1, sqlite));
    text_free(&name);
    return 0;
}

/* What is a parameter, the database decides: a :name in a dollar quote is one to SQLite only. */
static int check_all_given(const weir_stmt *stmt, const text_list *given, bool sqlite)
{
    weir_error error;
    weir_stmt_text(stmt, sqlite ? "sqlite" : "postgresql", false, NULL, 0, &error);
    for (size_t i = 0; error.status != WEIR_OK && i < weir_stmt_parameter_count(stmt); i++) {
        const char *name = weir_stmt_parameter_name(stmt, i);
        size_t length = strlen(name);
        text quoted = { 0 };
        text_add(&quoted, "'");
        text_add(&quoted, name);
        text_add(&quoted, "'");
        bool found = strstr(error.message, quoted.data) == NULL;
        text_free(&quoted);
        for (size_t j = 0; j < given->count && !found; j++)
            found = !strncmp(given->items[j], name, length) && given->items[j][length] == '=';
        if (!found)
            return failure_say(EXIT_USAGE, "parameter :%s has no value: no --param names it; give --param %s=VALUE (or write \\: "
                                           "for a plain colon)", name, name);
    }
    return 0;
}

weir_stmt *query_statement(const export_settings *settings, const char *sql, bool sqlite, int *code)
{
    weir_stmt *stmt = weir_sql(sql);
    *code = weir_stmt_error(stmt)->status == WEIR_OK ? 0 : failure_report("cannot use the query", weir_stmt_error(stmt));
    for (size_t i = 0; *code == 0 && i < settings->parameters.count; i++)
        *code = bind_parameter(stmt, settings->parameters.items[i], sqlite);
    if (*code == 0 && weir_stmt_error(stmt)->status != WEIR_OK)
        *code = failure_report("cannot use the parameters", weir_stmt_error(stmt));
    if (*code == 0)
        *code = check_all_given(stmt, &settings->parameters, sqlite);
    if (*code != 0)
        weir_stmt_free(&stmt);
    return *code == 0 ? stmt : NULL;
}

int query_open(const export_settings *s, weir_engine **engine, bool *sqlite, weir_stmt **stmt)
{
    text sql = { 0 };
    int code = query_build(s, &sql);
    if (code == 0)
        code = database_open(engine, s->url, false, sqlite);
    if (code == 0)
        *stmt = query_statement(s, sql.data, *sqlite, &code);
    text_free(&sql);
    return code;
}
