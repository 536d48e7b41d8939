/* Unique keys of tables. An index counts when its columns cannot be NULL (or NULLs are no exception), when it covers all rows, and when it
 * compares as the column does. */
#include "unique.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "database.h"
#include "failure.h"
#include "query.h"

/* Each row: an index, whether it is the primary key's, one of its columns, whether that cannot be NULL. A partitioned table's index is one of
 * all its partitions; the index of a parent by inheritance is not one of its children. */
static const char postgresql_indexes[] =
    "SELECT CAST(i.indexrelid AS bigint), CAST(CAST(i.indisprimary AS integer) AS bigint), CAST(a.attname AS text),"
    " CAST(CAST(a.attnotnull AS integer) AS bigint) "
    "FROM pg_catalog.pg_index AS i"
    " JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid"
    " CROSS JOIN LATERAL unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS k(attnum, n)"
    " JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
    "WHERE i.indrelid = CAST(CAST(:t AS text) AS regclass) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
    " AND NOT (c.relkind = 'r' AND c.relhassubclass) AND k.n <= i.indnkeyatts"
    " AND NOT EXISTS (SELECT 1 FROM unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS e(attnum, n)"
    "  JOIN pg_catalog.pg_attribute AS b ON b.attrelid = i.indrelid AND b.attnum = e.attnum"
    "  WHERE e.n <= i.indnkeyatts AND (i.indcollation[e.n - 1] <> b.attcollation"
    "   OR NOT (b.attnotnull OR coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'true'))) "
    "ORDER BY i.indisprimary DESC, i.indexrelid, k.n";
static const char postgresql_kind[] =
    "SELECT CAST(relkind IN ('r', 'p') AS integer) FROM pg_catalog.pg_class WHERE oid = CAST(CAST(:t AS text) AS regclass)";

/* PRAGMA functions take the table's bare name. The rowid's own column has no index. SQLite lets other primary keys be NULL, and columns may have
 * a collation that an index of CREATE UNIQUE INDEX does not share: then texts that differ by letter case alone would be one place. */
static const char sqlite_indexes[] =
    "SELECT 0, 1, name, 1, 0 FROM pragma_table_info(:t)"
    " WHERE pk = 1 AND upper(type) = 'INTEGER' AND (SELECT count(*) FROM pragma_table_info(:t) WHERE pk > 0) = 1"
    " AND NOT EXISTS (SELECT 1 FROM pragma_index_list(:t) WHERE origin = 'pk') "
    "UNION ALL "
    "SELECT i.seq + 1, i.origin = 'pk', k.name, 1, k.seqno FROM pragma_index_list(:t) AS i, pragma_index_xinfo(i.name) AS k"
    " WHERE i.\"unique\" AND NOT i.partial AND k.key AND NOT EXISTS ("
    "  SELECT 1 FROM pragma_index_xinfo(i.name) AS e LEFT JOIN pragma_table_info(:t) AS c ON c.cid = e.cid WHERE e.key"
    "  AND (c.cid IS NULL OR NOT c.\"notnull\" OR (e.coll = 'BINARY' AND upper(c.type) NOT LIKE '%INT%' AND EXISTS ("
    "   SELECT 1 FROM sqlite_master WHERE name = :t COLLATE NOCASE AND sql LIKE '%COLLATE%')))) "
    "ORDER BY 2 DESC, 1, 5";
static const char sqlite_kind[] = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = :t COLLATE NOCASE";

/* ---- a key's text -------------------------------------------------------------------------------------------------------------- */
static const char *skip_spaces(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* Behind the closing quote; `name` gets what is between. */
static const char *take_quoted(const char *at, text *name)
{
    for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
        text_add_n(name, at, 1);
        at += *at == '"';
    }
    return *at ? at + 1 : at;
}

bool unique_next_column(const char **at, bool folds, text *name, const char **end)
{
    const char *p = skip_spaces(*at);
    text_free(name);
    text_add(name, "");
    if (!*p)
        return false;
    if (*p == '"')
        p = take_quoted(p, name);
    else
        for (; *p && *p != ',' && !isspace((unsigned char)*p); p++) {
            char letter = folds ? (char)tolower((unsigned char)*p) : *p;
            text_add_n(name, &letter, 1);
        }
    p += strcspn(p, ",");
    *end = p;
    *at = *p ? p + 1 : p;
    return true;
}

/* ---- the catalogue ----------------------------------------------------------------------------------------------------------------- */
/* What the catalogue knows the table by: PostgreSQL its quoted name, SQLite the last part of it, bare. */
static int catalogue_name(const export_run *run, text *out)
{
    text quoted = { 0 };
    size_t last = 0;
    int code = query_table(run->settings->table, &quoted, &last);
    if (code == 0 && run->sqlite)
        take_quoted(quoted.data + last, out);
    else if (code == 0)
        text_add(out, quoted.data);
    text_free(&quoted);
    return code;
}

static weir_result *ask(export_run *run, const char *sql, const char *table)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_bind(stmt, "t", weir_value_cstr(table));
    weir_result *result = weir_connection_execute(run->connection, stmt, NULL);
    weir_stmt_free(&stmt);
    return result;
}

static bool same_name(const char *a, const char *b, bool sqlite) { return sqlite ? !strcasecmp(a, b) : !strcmp(a, b); }

/* Whether the key's text names the column; *item, *end: where. */
static bool names(const char *key, const char *column, bool sqlite, const char **end)
{
    text name = { 0 };
    bool found = false;
    for (const char *at = key; !found && unique_next_column(&at, !sqlite, &name, end); )
        found = same_name(name.data, column, sqlite);
    text_free(&name);
    return found;
}

static bool has_word(const char *from, const char *end, const char *word)
{
    size_t length = strlen(word);
    for (; from + length <= end; from++)
        if (!strncasecmp(from, word, length))
            return true;
    return false;
}

/* "a desc, b" with " not null" behind what the index says cannot be NULL, so that the order can go by an index. */
static void say_not_null(const char *wanted, const text_list *proven, bool sqlite, text *key)
{
    text name = { 0 };
    const char *end, *from = wanted;
    for (const char *at = wanted; unique_next_column(&at, !sqlite, &name, &end); from = end) {
        bool known = false;
        for (size_t i = 0; i < proven->count && !known; i++)
            known = same_name(proven->items[i], name.data, sqlite);
        text_add_n(key, from, (size_t)(end - from));
        if (known && !has_word(from, end, "nulls ") && !has_word(from, end, " not "))
            text_add(key, " not null");
    }
    text_free(&name);
}

/* The columns of one index: a run of rows. */
typedef struct candidate { int64_t index; bool fits, not_null; text_list columns; } candidate;

/* The first index whose columns all stand in `wanted`, or with NULL the primary key's, else the first one. False: none. */
static bool find_index(const weir_partition *rows, const char *wanted, bool sqlite, candidate *best)
{
    const char *end;
    for (size_t i = 0; i < rows->count; ) {
        candidate c = { .index = weir_row_int64_at(rows->rows[i], 0), .fits = true, .not_null = true };
        for (; i < rows->count && weir_row_int64_at(rows->rows[i], 0) == c.index; i++) {
            const char *column = weir_row_cstr_at(rows->rows[i], 2);
            text_list_add(&c.columns, column);
            c.fits = c.fits && (!wanted || names(wanted, column, sqlite, &end));
            c.not_null = c.not_null && weir_row_int64_at(rows->rows[i], 3) == 1;
        }
        if (c.fits) {
            *best = c;
            return true;
        }
        text_list_free(&c.columns);
    }
    return false;
}

static int make_key(const candidate *found, const char *wanted, bool sqlite, text *key)
{
    for (size_t i = 0; !wanted && i < found->columns.count; i++) {
        text_add(key, i ? ", " : "");
        query_name(found->columns.items[i], key);
        text_add(key, found->not_null ? " not null" : "");
    }
    if (wanted)
        say_not_null(wanted, found->not_null ? &found->columns : &(text_list){ 0 }, sqlite, key);
    return 0;
}

static int no_index(export_run *run, const char *table, const char *wanted, text *key)
{
    weir_result *result = ask(run, run->sqlite ? sqlite_kind : postgresql_kind, table);
    const weir_value *kind = weir_result_scalar(result);
    int64_t is_table = 0;
    if (kind && weir_value_as_int64(kind, &is_table, NULL) != WEIR_OK)
        is_table = 0;
    int code = weir_result_error(result)->status == WEIR_OK ? 0 : database_failed("cannot look the table up", weir_result_error(result));
    if (weir_result_close(&result) != WEIR_OK && code == 0)
        code = EXIT_FAILED;
    if (code != 0)
        return code;
    if (!is_table && wanted) {
        text_add(key, wanted);          /* neighbours will be compared */
        return 0;
    }
    if (wanted)
        return failure_say(EXIT_FAILED, "cannot order the rows: no unique index of %s has its columns (which cannot be NULL) all in \"%s\", so two rows may "
                                        "have the same place; add the primary key's columns to it", run->settings->table, wanted);
    return failure_say(EXIT_FAILED, "cannot order the rows: %s has no primary key or unique index of columns that cannot be NULL; %s",
                       run->settings->table, is_table ? "give it one, or use --query with a --key of which you know that it is unique"
                                                      : "name columns with --key of which you know that they are unique");
}

int unique_key(export_run *run, const char *wanted, text *key)
{
    text table = { 0 };
    candidate found = { 0 };
    int code = catalogue_name(run, &table);
    if (code != 0)
        return code;
    weir_result *result = ask(run, run->sqlite ? sqlite_indexes : postgresql_indexes, table.data);
    const weir_partition *rows = weir_result_all(result);
    if (!rows)
        code = database_failed("cannot look the table up", weir_result_error(result));
    else if (find_index(rows, wanted, run->sqlite, &found))
        code = make_key(&found, wanted, run->sqlite, key);
    else
        code = no_index(run, table.data, wanted, key);
    text_list_free(&found.columns);
    if (weir_result_close(&result) != WEIR_OK && code == 0)
        code = EXIT_FAILED;
    text_free(&table);
    return code;
}
