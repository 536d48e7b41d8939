/* A live table as the database describes it. */
#include "schema/live.h"
#include <string.h>
#include <strings.h>
#include "sql/identifier.h"

enum { LONGEST_STATEMENT = 1 << 16 };

/* Each gives a row per column: name, whether it never is NULL, whether it is of the primary key, whether this is no table. */
static const char postgresql_columns[] =
    "SELECT a.attname::text, (a.attnotnull OR t.typnotnull)::int, coalesce(a.attnum = ANY (i.indkey), false)::int, "
    "(c.relkind IN ('v', 'm', 'f'))::int "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary "
    "WHERE c.oid = pg_catalog.to_regclass(:quoted) ORDER BY a.attnum";
/* The row number is never NULL, though SQLite does not say so; INTEGER PRIMARY KEY DESC is none, has an index, and may be. */
static const char sqlite_columns[] =
    "SELECT name, \"notnull\" <> 0 OR (pk > 0 AND lower(type) = 'integer' AND "
    "(SELECT count(*) FROM pragma_table_info(:bare, :schema) AS k WHERE k.pk > 0) = 1 AND "
    "NOT EXISTS (SELECT 1 FROM pragma_index_list(:bare, :schema) AS o WHERE o.origin = 'pk')), pk > 0, 0 "
    "FROM pragma_table_xinfo(:bare, :schema) WHERE hidden <> 1 ORDER BY cid";
static const char sqlite_views[] =
    "SELECT count(*) FROM %s WHERE type = 'view' AND name = :bare COLLATE NOCASE ORDER BY 1";

/* What else has the name that an index of the table is to have; one statement for each database. */
static const char postgresql_taken[] =
    "SELECT count(*) FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid "
    "WHERE c.relname = :index AND i.indrelid IS DISTINCT FROM pg_catalog.to_regclass(:quoted) AND c.relnamespace = "
    "(SELECT t.relnamespace FROM pg_catalog.pg_class t WHERE t.oid = pg_catalog.to_regclass(:quoted)) ORDER BY 1";
static const char sqlite_taken[] =
    "SELECT count(*) FROM %s WHERE name = :index COLLATE NOCASE AND (type <> 'index' OR tbl_name <> :bare COLLATE NOCASE) ORDER BY 1";

typedef struct reader {
    weir_connection *connection;
    bool             postgresql;
    weir_table_name  name;
    weir_text        index;             /* the name of one; only where a statement asks for it */
    weir_buffer      quoted;            /* the name as SQL text */
    weir_arena      *arena;
    weir_live_table *table;
    weir_error      *error;
} reader;

static char *keep(reader *r, const char *text, size_t length)
{
    char *copy = weir_arena_bytes(r->arena, length + 1);
    if (!copy) {
        weir_error_out_of_memory(r->error);
        return NULL;
    }
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

/* ---- the catalog ------------------------------------------------------------------------------------------ */
/* Binds those of the names that the text asks for. Nothing is left prepared: a table may change before the next look. */
static weir_result *ask(reader *r, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    if (strstr(sql, ":quoted"))
        weir_bind(stmt, "quoted", weir_value_text((weir_text){ r->quoted.data, r->quoted.length }));
    if (strstr(sql, ":bare"))
        weir_bind(stmt, "bare", weir_value_text(r->name.name));
    if (strstr(sql, ":index"))
        weir_bind(stmt, "index", weir_value_text(r->index));
    if (strstr(sql, ":schema"))
        weir_bind(stmt, "schema", r->name.schema.ptr ? weir_value_text(r->name.schema) : weir_value_null());
    weir_result *result = weir_connection_execute(r->connection, stmt, WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF));
    weir_stmt_free(&stmt);
    return result;
}

/* Closes the result; its error is the reader's. */
static int finish(reader *r, weir_result **result)
{
    if (r->error->status == WEIR_OK)
        weir_error_keep(r->error, weir_result_error(*result));
    int status = weir_result_close(result);
    if (r->error->status == WEIR_OK && status != WEIR_OK)
        weir_error_set(r->error, status, "reading the schema failed: %s", weir_status_name(status));
    return r->error->status;
}

static int read_columns(reader *r)
{
    weir_live_table *table = r->table;
    weir_result *result = ask(r, r->postgresql ? postgresql_columns : sqlite_columns);
    const weir_partition *rows = weir_result_all(result);
    if (rows && rows->count > 0) {
        table->columns = weir_arena_take(r->arena, rows->count * sizeof *table->columns);
        if (!table->columns)
            weir_error_out_of_memory(r->error);
    }
    for (size_t i = 0; rows && i < rows->count && r->error->status == WEIR_OK; i++) {
        weir_text name = weir_row_text_at(rows->rows[i], 0);
        table->columns[i] = (weir_live_column){
            .info.name = name.ptr ? keep(r, name.ptr, name.len) : "",
            .not_null = weir_row_int64_at(rows->rows[i], 1) != 0,
            .key = weir_row_int64_at(rows->rows[i], 2) != 0,
        };
        table->view = weir_row_int64_at(rows->rows[i], 3) != 0;
        table->column_count = i + 1;
    }
    table->exists = table->column_count > 0;
    return finish(r, &result);
}

/* The count that a statement gives; `sql` of SQLite has %s where the catalog is named, which each schema has its own of. */
static int count(reader *r, const char *sql, bool *any)
{
    weir_buffer whole, master;
    weir_buffer_init(&whole, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    weir_buffer_init(&master, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    if (r->name.schema.ptr) {
        weir_identifier_append_n(&master, r->name.schema.ptr, r->name.schema.len);
        weir_buffer_byte(&master, '.');
    }
    weir_buffer_text(&master, "sqlite_master");
    const char *from = weir_buffer_cstr(&master), *place = strstr(sql, "%s");
    weir_buffer_append(&whole, sql, place ? (size_t)(place - sql) : strlen(sql));
    weir_buffer_text(&whole, place && from ? from : "");
    weir_buffer_text(&whole, place ? place + 2 : "");
    const char *text = weir_buffer_cstr(&whole);
    if (!from || !text) {
        weir_error_out_of_memory(r->error);
    } else {
        weir_result *result = ask(r, text);
        const weir_value *found = weir_result_scalar(result);
        *any = found && found->as.i > 0;
        finish(r, &result);
    }
    weir_buffer_free(&master);
    weir_buffer_free(&whole);
    return r->error->status;
}

/* ---- types ------------------------------------------------------------------------------------------------ */
static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

static int keep_type(reader *r, const weir_column_info *info)
{
    for (size_t i = 0; i < r->table->column_count; i++) {
        weir_column_info *mine = &r->table->columns[i].info;
        if (strcmp(mine->name, info->name) != 0)
            continue;
        const char *name = mine->name;
        char *type = keep(r, info->database_type, strlen(info->database_type));
        if (!type)
            return r->error->status;
        *mine = *info;
        mine->name = name;
        mine->database_type = type;
        if (!r->postgresql)             /* which writes the types that it knows in capitals, whatever was declared */
            lower(type);
    }
    return WEIR_OK;
}

/* Asks for no row of the table: a result's columns say what weir makes of each type, domains and arrays too. The order, by
 * nothing, is for engines that stream all they select: a stream without an order gives a warning. */
static int read_types(reader *r)
{
    weir_buffer sql;
    weir_buffer_init(&sql, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    weir_buffer_text(&sql, "SELECT * FROM ");
    weir_buffer_append(&sql, r->quoted.data, r->quoted.length);
    weir_buffer_text(&sql, " ORDER BY 1 + 0 LIMIT 0");
    const char *text = weir_buffer_cstr(&sql);
    weir_result *result = text ? ask(r, text) : NULL;
    weir_buffer_free(&sql);
    if (!result)
        return weir_error_out_of_memory(r->error);
    int status = weir_result_error(result)->status;
    for (size_t i = 0; status == WEIR_OK && i < weir_result_column_count(result); i++)
        status = keep_type(r, weir_result_column(result, i));
    return finish(r, &result);
}

/* ---- the whole -------------------------------------------------------------------------------------------- */
int weir_live_table_read(weir_connection *connection, bool postgresql, const weir_table_name *name, weir_arena *arena, weir_live_table *out,
                         weir_error *error)
{
    reader r = { connection, postgresql, *name, .arena = arena, .table = out, .error = error };
    *out = (weir_live_table){ .exists = false };
    weir_buffer_init(&r.quoted, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    weir_table_name_append(&r.quoted, name);
    int status = r.quoted.failed ? weir_error_out_of_memory(error) : read_columns(&r);
    if (status == WEIR_OK && out->exists && !postgresql)
        status = count(&r, sqlite_views, &out->view);
    if (status == WEIR_OK && out->exists)
        status = read_types(&r);
    weir_buffer_free(&r.quoted);
    if (status != WEIR_OK)
        weir_error_context(error, "reading the schema of %s", name->spelled);
    return status;
}

int weir_live_index_name_taken(weir_connection *connection, bool postgresql, const char *table, weir_text index, bool *taken, weir_error *error)
{
    reader r = { .connection = connection, .postgresql = postgresql, .name = weir_table_name_of(table), .index = index,
                 .error = error };
    *taken = false;
    weir_buffer_init(&r.quoted, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    weir_table_name_append(&r.quoted, &r.name);
    int status = r.quoted.failed ? weir_error_out_of_memory(error) : count(&r, postgresql ? postgresql_taken : sqlite_taken, taken);
    weir_buffer_free(&r.quoted);
    return status;
}

const weir_live_column *weir_live_table_column(const weir_live_table *table, const char *name, bool postgresql)
{
    for (size_t i = 0; i < table->column_count; i++)
        if ((postgresql ? strcmp : strcasecmp)(table->columns[i].info.name, name) == 0)
            return &table->columns[i];
    return NULL;
}
