/* How many rows a statement will give, where that is cheap to know: weir_estimate_rows. */
#include "transfer/estimate.h"
#include <string.h>
#include <weir/advise.h>
#include "base/buffer.h"
#include "base/error.h"
#include "engine/connection.h"
#include "sql/statement.h"
#include "sql/text.h"
#include "transfer/explain.h"
#include "transfer/json_tree.h"

enum { COUNTED = 10000 };               /* rows that are counted rather than estimated: some ten pages of an index */

static bool is_lite(const weir_connection *connection) { return connection->core->driver->stream_mode == WEIR_MODE_STEPPING; }

/* ---- SQLite ------------------------------------------------------------------------------------------------------------------------ */

static int64_t ask(weir_connection *connection, weir_arena *arena, const char *before, weir_text table, const char *after, const char *name,
                   weir_error *error)
{
    weir_buffer sql;
    weir_buffer_init(&sql, arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    weir_buffer_text(&sql, before);
    weir_buffer_append(&sql, table.ptr, table.len);
    weir_buffer_text(&sql, after);
    weir_stmt *stmt = weir_sql_taken(&sql);
    if (name)
        weir_bind(stmt, "name", weir_value_cstr(name));
    int64_t answer = weir_question_int(weir_connection_execute(connection, stmt, NULL), -1, error);
    weir_stmt_free(&stmt);
    return answer;
}

/* The table's name with its schema in front, if it has one. */
static weir_text schema_of(const weir_query_text *text)
{
    size_t length = text->table.len;
    if (!text->table_schema[0])
        return (weir_text){ "main.", 5 };
    while (length && text->table.ptr[length - 1] != '.')
        length--;
    size_t quoted = strlen(text->table_name);           /* a point inside of a quoted name is no separator */
    return length + quoted > text->table.len ? (weir_text){ "main.", 5 } : (weir_text){ text->table.ptr, length };
}

int64_t weir_estimate_lite(weir_connection *connection, const weir_query_text *text, const char **from, weir_error *error)
{
    weir_arena arena;
    weir_error ignored = { .status = WEIR_OK };
    const weir_text schema = schema_of(text);
    *from = "";
    if (!text->table.ptr || text->where || text->grouped || text->distinct || text->limited)
        return -1;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 256);
    int64_t rows = -1;
    int64_t real = ask(connection, &arena, "SELECT count(*) FROM ", schema,
                       "sqlite_master WHERE name = :name COLLATE NOCASE AND type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL %'", text->table_name, error);
    if (real == 1)
        rows = ask(connection, &arena, "SELECT count(*) FROM (SELECT 1 FROM ", text->table, " LIMIT 10001)", NULL, error);
    *from = rows >= 0 ? "counted" : "";
    if (rows > COUNTED) {
        rows = ask(connection, &arena, "SELECT CAST(stat AS INTEGER) FROM ", schema,
                   "sqlite_stat1 WHERE tbl = :name COLLATE NOCASE AND CAST(stat AS INTEGER) > 0 LIMIT 1", text->table_name, &ignored);
        *from = "statistics";
        if (rows < 0) {
            rows = ask(connection, &arena, "SELECT max(rowid) FROM ", text->table, "", NULL, &ignored);
            *from = rows >= 0 ? "rowid" : "";
        }
    }
    weir_arena_free(&arena);
    return rows;
}

static int64_t estimate_lite(weir_connection *connection, const weir_compiled *compiled, weir_error *error)
{
    weir_query_text text;
    weir_question question;
    const char *from;
    weir_query_text_read(compiled->sql, compiled->sql_length, connection->core->driver->dialect, &text);
    if (!text.table.ptr || weir_question_begin(&question, connection, error) != WEIR_OK)
        return -1;
    int64_t rows = weir_estimate_lite(connection, &text, &from, error);
    weir_question_end(&question);
    return rows;
}

/* ---- both -------------------------------------------------------------------------------------------------------------------------- */

static int64_t estimate_planned(weir_connection *connection, const weir_stmt *stmt, weir_arena *arena, weir_error *error)
{
    const weir_json *plan;
    if (weir_explain(connection, stmt, false, arena, &plan, error) != WEIR_OK)
        return -1;
    double rows = weir_json_number(weir_json_member(plan, "Plan Rows"), -1);
    return rows < 9e18 ? (int64_t)rows : INT64_MAX;
}

int64_t weir_connection_estimate_rows(weir_connection *connection, const weir_stmt *stmt)
{
    weir_error error = { .status = WEIR_OK };
    weir_compiled compiled;
    weir_arena arena;
    int64_t rows = -1;
    if (!connection->core)
        return -1;
    weir_error_clear(&connection->error);
    weir_arena_init(&arena, &connection->core->ledger, WEIR_MEMORY_STATEMENTS, 4096);
    if (weir_stmt_compile(stmt, connection->core->driver->dialect, &arena, &compiled, &error) == WEIR_OK &&
        compiled.facts.kind == WEIR_SQL_SELECT)
        rows = is_lite(connection) ? estimate_lite(connection, &compiled, &error) : estimate_planned(connection, stmt, &arena, &error);
    weir_arena_free(&arena);
    weir_error_clear(&connection->error);           /* of a question that may fail */
    weir_connection_report(connection, error.status, &error);
    return error.status == WEIR_OK ? rows : -1;
}

int64_t weir_estimate_rows(weir_session *session, const weir_stmt *stmt)
{
    return weir_connection_estimate_rows(weir_session_connection(session), stmt);
}
