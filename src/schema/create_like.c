/* A table made like a live one, in another database: its columns, NOT NULL and primary key. */
#include <string.h>
#include <weir/schema.h>
#include "schema/live.h"
#include "sql/identifier.h"

enum { LONGEST_STATEMENT = 1 << 20 };

/* What a value's type is called where the table is made. A column of SQLite's that was declared without a type takes anything; one with TEXT
 * in its type does not make numbers of digits, be they a numeric's or JSON's. */
static const struct { const char *postgresql, *sqlite; } names[WEIR_T_COUNT_] = {
    [WEIR_T_NULL] = { "text", "" },
    [WEIR_T_BOOL] = { "boolean", "boolean" },
    [WEIR_T_INT16] = { "smallint", "smallint" },
    [WEIR_T_INT32] = { "integer", "integer" },
    [WEIR_T_INT64] = { "bigint", "bigint" },
    [WEIR_T_FLOAT] = { "real", "real" },
    [WEIR_T_DOUBLE] = { "double precision", "double precision" },
    [WEIR_T_NUMERIC] = { "numeric", "numeric_text" },
    [WEIR_T_TEXT] = { "text", "text" },
    [WEIR_T_BLOB] = { "bytea", "BLOB" },
    [WEIR_T_DATE] = { "date", "date" },
    [WEIR_T_TIME] = { "time", "time" },
    [WEIR_T_TIMETZ] = { "timetz", "timetz" },
    [WEIR_T_TIMESTAMP] = { "timestamp", "timestamp" },
    [WEIR_T_TIMESTAMPTZ] = { "timestamptz", "timestamptz" },
    [WEIR_T_INTERVAL] = { "interval", "interval" },
    [WEIR_T_UUID] = { "uuid", "uuid" },
    [WEIR_T_JSON] = { "jsonb", "json_text" },
    [WEIR_T_INET] = { "inet", "text" },
    [WEIR_T_ENUM] = { "text", "text" },
    [WEIR_T_ARRAY] = { "text", "text" },
    [WEIR_T_OTHER] = { "text", "text" },
};

typedef struct making {
    weir_connection *source, *target;
    bool             from_postgresql, to_postgresql;
    weir_table_name  table, name;       /* the source's, the target's */
    weir_arena       arena;
    weir_live_table  live;
    weir_buffer      sql;
    weir_error      *error;
} making;

static bool is_postgresql(weir_connection *connection)
{
    return weir_connection_backend_pid(connection) != 0;
}

/* Between two PostgreSQL servers a column keeps its type with its modifiers, numeric(10,2), mood[]: as the catalog writes it. */
static weir_result *ask_exact_types(const making *m)
{
    weir_buffer quoted;
    weir_buffer_init(&quoted, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    weir_table_name_append(&quoted, &m->table);
    weir_stmt *stmt = weir_sql("SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a "
                               "WHERE a.attrelid = pg_catalog.to_regclass(:quoted) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum");
    weir_bind(stmt, "quoted", weir_value_text((weir_text){ quoted.data, quoted.length }));
    weir_result *result = weir_connection_execute(m->source, stmt, WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF));
    weir_stmt_free(&stmt);
    weir_buffer_free(&quoted);
    return result;
}

/* SQLite keeps whatever stood in quotes as a type; what is more than words and numbers does not get into a statement. */
static bool is_plain(const char *type)
{
    return type[strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ (,)")] == 0;
}

static void append_type(making *m, const weir_live_column *column, const weir_row *exact)
{
    if (exact)
        weir_buffer_text(&m->sql, weir_row_cstr_at(exact, 1));
    else if (!m->from_postgresql && !m->to_postgresql && column->key && !strcmp(column->info.database_type, "integer"))
        weir_buffer_text(&m->sql, "int");       /* no row number in the source, and none here */
    else if (!m->from_postgresql && !m->to_postgresql && is_plain(column->info.database_type))
        weir_buffer_text(&m->sql, strcmp(column->info.database_type, "any") ? column->info.database_type : "");    /* STRICT's: as it is */
    else
        weir_buffer_text(&m->sql, m->to_postgresql ? names[column->info.type].postgresql : names[column->info.type].sqlite);
}

static size_t key_count(const making *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->live.column_count; i++)
        count += m->live.columns[i].key;
    return count;
}

/* The sole integer key of a SQLite table is its row number, which makes a number of NULL: not so where the source has NULLs or texts in it. */
static bool is_row_number(const making *m, const weir_live_column *column)
{
    bool integer = m->from_postgresql ? column->info.type >= WEIR_T_INT16 && column->info.type <= WEIR_T_INT64
                                      : !strcmp(column->info.database_type, "integer");
    return !m->to_postgresql && column->key && column->not_null && key_count(m) == 1 && integer;
}

static void append_columns(making *m, const weir_partition *exact)
{
    for (size_t i = 0; i < m->live.column_count; i++) {
        const weir_live_column *column = &m->live.columns[i];
        weir_buffer_text(&m->sql, i ? ", " : "");
        weir_identifier_append(&m->sql, column->info.name);
        weir_buffer_byte(&m->sql, ' ');
        if (is_row_number(m, column)) {
            weir_buffer_text(&m->sql, "INTEGER PRIMARY KEY");
            continue;
        }
        append_type(m, column, exact && i < exact->count ? exact->rows[i] : NULL);
        weir_buffer_text(&m->sql, column->not_null ? " NOT NULL" : "");
    }
}

static void append_key(making *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->live.column_count; i++) {
        if (!m->live.columns[i].key || is_row_number(m, &m->live.columns[i]))
            continue;
        weir_buffer_text(&m->sql, count++ ? ", " : ", PRIMARY KEY (");
        weir_identifier_append(&m->sql, m->live.columns[i].info.name);
    }
    weir_buffer_text(&m->sql, count ? ")" : "");
}

static int make_table(making *m)
{
    weir_result *types = m->from_postgresql && m->to_postgresql ? ask_exact_types(m) : NULL;
    const weir_partition *exact = types ? weir_result_all(types) : NULL;
    weir_buffer_text(&m->sql, "CREATE TABLE ");
    weir_table_name_append(&m->sql, &m->name);
    weir_buffer_text(&m->sql, " (");
    append_columns(m, exact);
    append_key(m);
    weir_buffer_text(&m->sql, ")");
    if (types && weir_result_error(types)->status != WEIR_OK)
        *m->error = *weir_result_error(types);
    int closed = types ? weir_result_close(&types) : WEIR_OK;
    if (m->error->status != WEIR_OK || closed != WEIR_OK)
        return m->error->status != WEIR_OK ? m->error->status : weir_error_set(m->error, closed, "the source's types cannot be read");
    const char *sql = weir_buffer_cstr(&m->sql);
    if (!sql)
        return weir_error_out_of_memory(m->error);
    if (weir_connection_run(m->target, sql) < 0) {
        *m->error = *weir_connection_error(m->target);
        weir_error_context(m->error, "making %s", m->name.spelled);
    }
    return m->error->status;
}

int weir_create_like(weir_connection *source, const char *table, weir_connection *target, const char *name, weir_error *error)
{
    weir_error ignored;
    making m = { .source = source, .target = target, .error = error ? error : &ignored };
    weir_error_clear(m.error);
    if (!table || !*table)
        return weir_error_set(m.error, WEIR_ARGUMENT, "a table to be made like another needs that one's name");
    m.from_postgresql = is_postgresql(source);
    m.to_postgresql = is_postgresql(target);
    weir_arena_init(&m.arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 1024);
    weir_buffer_init(&m.sql, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    bool named = weir_table_name_written(&m.table, table, &m.arena) && weir_table_name_written(&m.name, name ? name : table, &m.arena);
    int status = !named ? weir_error_out_of_memory(m.error) : weir_live_table_read(source, m.from_postgresql, &m.table, &m.arena, &m.live, m.error);
    if (status == WEIR_OK && !m.live.exists)
        status = weir_error_set(m.error, WEIR_PROGRAMMING, "there is no table %s in the source", table);
    if (status == WEIR_OK)
        status = make_table(&m);
    weir_buffer_free(&m.sql);
    weir_arena_free(&m.arena);
    return status;
}
