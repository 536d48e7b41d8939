/* What the catalogues say of a schema: its tables, their columns and foreign keys, the enums that they use. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/holds.h"
#include "schema/live.h"
#include "schema/reflect.h"
#include "sql/identifier.h"

enum { LONGEST_STATEMENT = 1 << 16 };

/* Rows: name, what it is: 'r' a table, 'p' a partitioned one, 'c' a partition, 'v' 'm' views, 'f' a foreign table; schema; whether that is
 * the default one. A NULL :schema is the default one. */
static const char postgresql_tables[] =
    "SELECT c.relname::text, CASE WHEN c.relispartition THEN 'c' ELSE c.relkind::text END, n.nspname::text, "
    "(n.nspname IS NOT DISTINCT FROM pg_catalog.current_schema())::int "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = coalesce(:schema::text, pg_catalog.current_schema()::text) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
    "ORDER BY c.relname::text COLLATE \"C\"";
static const char sqlite_tables[] =
    "SELECT name, CASE WHEN type = 'view' THEN 'v' WHEN sql LIKE 'CREATE VIRTUAL%%' THEN 'x' ELSE 'r' END, "
    "coalesce(:schema, 'main'), lower(coalesce(:schema, 'main')) = 'main' "
    "FROM %ssqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite^_%%' ESCAPE '^' ORDER BY name COLLATE BINARY";

/* Rows, one for a column: name, type as SQL has it, whether the database makes its values, whether a unique index has it alone, whether
 * any index has, the enum's oid or 0. A domain over an enum is one. */
static const char postgresql_columns[] =
    "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), "
    "(a.attidentity <> '' OR a.attgenerated <> '' OR (i.indexrelid IS NOT NULL AND a.atthasdef))::int, "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_index u WHERE u.indrelid = a.attrelid AND u.indisunique AND u.indisvalid AND u.indpred IS NULL "
    " AND u.indnkeyatts = 1 AND u.indkey[0] = a.attnum)::int, "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_index u WHERE u.indrelid = a.attrelid AND u.indisvalid AND u.indpred IS NULL "
    " AND u.indnkeyatts = 1 AND u.indkey[0] = a.attnum)::int, "
    "CASE WHEN b.typtype = 'e' THEN b.oid::bigint ELSE 0 END "
    "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
    "JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END "
    "LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey) "
    "WHERE a.attrelid = pg_catalog.to_regclass(:quoted) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
static const char sqlite_columns[] =
    "SELECT c.name, c.type, c.hidden > 1 OR (c.pk > 0 AND lower(c.type) = 'integer' AND "
    "(SELECT count(*) FROM pragma_table_info(:bare, :schema) AS k WHERE k.pk > 0) = 1 "
    " AND NOT EXISTS (SELECT 1 FROM pragma_index_list(:bare, :schema) AS o WHERE o.origin = 'pk')), "
    "EXISTS (SELECT 1 FROM pragma_index_list(:bare, :schema) AS l WHERE l.\"unique\" AND NOT l.partial AND "
    " (SELECT count(*) FROM pragma_index_info(l.name, :schema)) = 1 AND "
    " (SELECT k.cid FROM pragma_index_info(l.name, :schema) AS k) = c.cid), "
    "EXISTS (SELECT 1 FROM pragma_index_list(:bare, :schema) AS l WHERE NOT l.partial AND "
    " (SELECT count(*) FROM pragma_index_info(l.name, :schema)) = 1 AND "
    " (SELECT k.cid FROM pragma_index_info(l.name, :schema) AS k) = c.cid), 0 "
    "FROM pragma_table_xinfo(:bare, :schema) AS c WHERE c.hidden <> 1 ORDER BY c.cid";

/* Rows, one for a column of a foreign key: its constraint, the other schema and table, the column here, the one there (SQLite: NULL is
 * the primary key's). Those that PostgreSQL makes for partitions are none of the program's. */
static const char postgresql_keys[] =
    "SELECT k.conname::text, n.nspname::text, c.relname::text, a.attname::text, b.attname::text "
    "FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.confrelid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS p(near, far, place) "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.near "
    "JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = p.far "
    "WHERE k.contype = 'f' AND k.conrelid = pg_catalog.to_regclass(:quoted) AND k.conparentid = 0 "
    "ORDER BY k.conname::text COLLATE \"C\", p.place";
static const char sqlite_keys[] =
    "SELECT 'foreign key ' || id, coalesce(:schema, 'main'), \"table\", \"from\", \"to\" "
    "FROM pragma_foreign_key_list(:bare, :schema) ORDER BY id DESC, seq";

static const char postgresql_enum[] =
    "SELECT n.nspname::text, t.typname::text, e.enumlabel::text, (n.nspname IS NOT DISTINCT FROM pg_catalog.current_schema())::int "
    "FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace "
    "LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid WHERE t.oid = :oid ORDER BY e.enumsortorder";

/* ---- asking ----------------------------------------------------------------------------------------------------------------- */
typedef struct question {
    const char *schema, *bare;          /* schema NULL: the default one */
    int64_t     oid;
} question;

static weir_result *ask(weir_reflection *r, const char *sql, const question *q)
{
    weir_buffer quoted;
    weir_stmt *stmt = weir_sql(sql);
    weir_buffer_init(&quoted, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    if (strstr(sql, ":quoted")) {
        if (q->schema) {
            weir_identifier_append(&quoted, q->schema);
            weir_buffer_byte(&quoted, '.');
        }
        weir_identifier_append(&quoted, q->bare);
        if (quoted.failed)
            weir_error_out_of_memory(r->error);
        weir_bind(stmt, "quoted", weir_value_text((weir_text){ quoted.data, quoted.length }));
    }
    if (strstr(sql, ":bare"))
        weir_bind(stmt, "bare", weir_value_cstr(q->bare));
    if (strstr(sql, ":schema"))
        weir_bind(stmt, "schema", q->schema ? weir_value_cstr(q->schema) : weir_value_null());
    if (strstr(sql, ":oid"))
        weir_bind(stmt, "oid", weir_value_int(q->oid));
    weir_result *result = weir_connection_execute(r->connection, stmt, WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF));
    weir_stmt_free(&stmt);
    weir_buffer_free(&quoted);
    return result;
}

/* Closes the result; its error is the reflection's. */
static int finish(weir_reflection *r, weir_result **result)
{
    if (r->error->status == WEIR_OK)
        weir_error_keep(r->error, weir_result_error(*result));
    int status = weir_result_close(result);
    if (r->error->status == WEIR_OK && status != WEIR_OK)
        weir_error_set(r->error, status, "reading the schema failed: %s", weir_status_name(status));
    return r->error->status;
}

static const char *cell(weir_reflection *r, const weir_row *row, int column)
{
    weir_text text = weir_row_is_null_at(row, column) ? (weir_text){ NULL, 0 } : weir_row_text_at(row, column);
    return text.ptr ? weir_reflect_text(r, "%.*s", (int)text.len, text.ptr) : NULL;
}

/* ---- enums ------------------------------------------------------------------------------------------------------------------- */
static int compare_enums(const weir_reflected_enum *a, const weir_reflected_enum *b)
{
    WEIR_HOLDS(a->schema && a->name && b->schema && b->name);
    int order = strcmp(a->schema, b->schema);
    return order ? order : strcmp(a->name, b->name);
}

/* By schema and name, so that the header does not depend on the tables' order. */
static void insert_enum(weir_reflection *r, weir_reflected_enum *labels)
{
    weir_reflected_enum **at = &r->enums;
    while (*at && compare_enums(*at, labels) < 0)
        at = &(*at)->next;
    labels->next = *at;
    *at = labels;
}

static weir_reflected_enum *find_enum(weir_reflection *r, int64_t oid)
{
    weir_reflected_enum *labels = r->enums;
    while (labels && labels->oid != oid)
        labels = labels->next;
    return labels;
}

/* NULL when it has no labels, too. */
static weir_reflected_enum *read_enum(weir_reflection *r, int64_t oid)
{
    weir_reflected_enum *labels = find_enum(r, oid);
    if (labels)
        return labels;
    weir_result *result = ask(r, postgresql_enum, &(question){ .oid = oid });
    const weir_partition *rows = weir_result_all(result);
    if (rows && rows->count > 0 && !weir_row_is_null_at(rows->rows[0], 2) && (labels = weir_reflect_take(r, sizeof *labels)) != NULL) {
        *labels = (weir_reflected_enum){ .oid = oid, .schema = cell(r, rows->rows[0], 0), .name = cell(r, rows->rows[0], 1),
                                         .foreign_schema = !weir_row_int64_at(rows->rows[0], 3),
                                         .labels = weir_reflect_take(r, rows->count * sizeof *labels->labels) };
        for (size_t i = 0; labels->labels && i < rows->count; i++)
            labels->labels[labels->label_count++] = cell(r, rows->rows[i], 2);
        if (r->error->status == WEIR_OK)
            insert_enum(r, labels);
    }
    return finish(r, &result) == WEIR_OK ? labels : NULL;
}

/* ---- columns ----------------------------------------------------------------------------------------------------------------- */
static void take_columns(weir_reflection *r, weir_reflected_table *table, const weir_live_table *live, const weir_partition *rows,
                         int64_t *oids)
{
    for (size_t i = 0; i < live->column_count && i < rows->count && r->error->status == WEIR_OK; i++) {
        const weir_row *row = rows->rows[i];
        table->columns[i] = (weir_reflected_column){
            .info = &live->columns[i].info, .not_null = live->columns[i].not_null, .key = live->columns[i].key,
            .declared = cell(r, row, 1), .generated = weir_row_int64_at(row, 2) != 0,
            .unique = weir_row_int64_at(row, 3) != 0, .indexed = weir_row_int64_at(row, 4) != 0,
        };
        oids[i] = weir_row_int64_at(row, 5);
        table->column_count = i + 1;
    }
    if (live->column_count != rows->count)
        table->why = "it changed while it was read";
}

static int read_columns(weir_reflection *r, weir_reflected_table *table, const question *q)
{
    weir_live_table live;
    weir_table_name name = weir_table_name_of(table->spelled);
    if (weir_live_table_read(r->connection, r->postgresql, &name, &r->arena, &live, r->error) != WEIR_OK)
        return r->error->status;
    weir_result *result = ask(r, r->postgresql ? postgresql_columns : sqlite_columns, q);
    const weir_partition *rows = weir_result_all(result);
    table->columns = weir_reflect_take(r, (live.column_count + 1) * sizeof *table->columns);
    int64_t *oids = weir_reflect_take(r, (live.column_count + 1) * sizeof *oids);
    if (rows && table->columns && oids)
        take_columns(r, table, &live, rows, oids);
    if (live.column_count == 0)
        table->why = "it has no columns";
    if (finish(r, &result) != WEIR_OK)
        return r->error->status;
    for (size_t i = 0; oids && i < table->column_count && r->error->status == WEIR_OK; i++)
        table->columns[i].labels = oids[i] ? read_enum(r, oids[i]) : NULL;
    return r->error->status;
}

/* ---- foreign keys ------------------------------------------------------------------------------------------------------------- */
static weir_reflected_key *begin_key(weir_reflection *r, weir_reflected_table *table, const weir_row *row, size_t room)
{
    weir_reflected_key *key = weir_reflect_take(r, sizeof *key);
    if (!key)
        return NULL;
    *key = (weir_reflected_key){ .constraint = cell(r, row, 0), .target_schema = cell(r, row, 1), .target_name = cell(r, row, 2),
                                 .near_names = weir_reflect_take(r, room * sizeof *key->near_names),
                                 .far_names = weir_reflect_take(r, room * sizeof *key->far_names),
                                 .near = weir_reflect_take(r, room * sizeof *key->near), .far = weir_reflect_take(r, room * sizeof *key->far) };
    *table->keys_end = key;
    table->keys_end = &key->next;
    return key;
}

static int read_keys(weir_reflection *r, weir_reflected_table *table, const question *q)
{
    weir_result *result = ask(r, r->postgresql ? postgresql_keys : sqlite_keys, q);
    const weir_partition *rows = weir_result_all(result);
    weir_reflected_key *key = NULL;
    for (size_t i = 0; rows && i < rows->count && r->error->status == WEIR_OK; i++) {
        const char *constraint = cell(r, rows->rows[i], 0);
        if (constraint && (!key || strcmp(key->constraint, constraint) != 0))
            key = begin_key(r, table, rows->rows[i], rows->count);
        const char *near = cell(r, rows->rows[i], 3), *far = cell(r, rows->rows[i], 4);
        if (r->error->status == WEIR_OK && key) {
            key->near_names[key->count] = near;
            key->far_names[key->count++] = far;
        }
    }
    return finish(r, &result);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------------- */
static const struct kind { char letter; const char *why; } kinds[] = {
    { 'v', "it is a view, which has no primary key: map what you need of it by hand, as a struct of results" },
    { 'm', "it is a materialized view, which has no primary key: map what you need of it by hand, as a struct of results" },
    { 'f', "it is a foreign table, which has no primary key: map it by hand" },
    { 'c', "it is a partition: its rows are those of the partitioned table" },
    { 'x', "it is a virtual table, which has no primary key: map it by hand" },
};

static const char *why_not(char letter, const char *schema, const char *name, bool foreign_schema)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].letter == letter)
            return kinds[i].why;
    if (!*name || strchr(name, '.') || (foreign_schema && strchr(schema, '.')))
        return "an entity's table is \"table\" or \"schema.table\", so that no name can be empty or have a point";
    return NULL;
}

static bool is_wanted(const weir_reflection *r, const char *schema, const char *name)
{
    const weir_reflect_options *o = r->options;
    for (size_t i = 0; i < o->table_count; i++) {
        const char *want = o->tables[i];
        size_t length = strlen(schema);
        bool behind = !strncmp(want, schema, length) && want[length] == '.' && weir_reflect_same(r, want + length + 1, name);
        if (behind || weir_reflect_same(r, want, name))
            return true;
    }
    return o->table_count == 0;
}

static weir_reflected_table *room_for_one(weir_reflection *r)
{
    if (r->table_count == r->table_room) {
        size_t room = r->table_room ? 2 * r->table_room : 64;
        weir_reflected_table *more = weir_reflect_take(r, room * sizeof *more);
        if (!more)
            return NULL;
        if (r->table_count)
            memcpy(more, r->tables, r->table_count * sizeof *more);
        r->tables = more;
        r->table_room = room;
    }
    return &r->tables[r->table_count];
}

static int take_table(weir_reflection *r, const weir_row *row)
{
    const char *name = cell(r, row, 0), *kind = cell(r, row, 1), *schema = cell(r, row, 2);
    bool foreign_schema = !weir_row_int64_at(row, 3);
    if (r->error->status != WEIR_OK || !is_wanted(r, schema, name) || weir_reflect_find(r, schema, name))
        return r->error->status;
    weir_reflected_table *table = room_for_one(r);
    if (!table)
        return r->error->status;
    *table = (weir_reflected_table){ .schema = schema, .name = name, .foreign_schema = foreign_schema,
                                     .spelled = foreign_schema ? weir_reflect_text(r, "%s.%s", schema, name) : name,
                                     .why = why_not(*kind, schema, name, foreign_schema) };
    r->table_count++;
    return r->error->status;
}

static int read_tables(weir_reflection *r, const char *schema)
{
    weir_buffer sql, quoted;
    weir_buffer_init(&sql, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    weir_buffer_init(&quoted, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_STATEMENT);
    if (schema && !r->postgresql) {
        weir_identifier_append(&quoted, schema);
        weir_buffer_byte(&quoted, '.');
    }
    const char *from = weir_buffer_cstr(&quoted);
    if (from && !r->postgresql) {       /* the catalogue of each of SQLite's schemas is a table of its own */
        weir_buffer_printf(&sql, sqlite_tables, from);
    } else {
        weir_buffer_text(&sql, postgresql_tables);
    }
    const char *text = weir_buffer_cstr(&sql);
    if (!from || !text) {
        weir_error_out_of_memory(r->error);
    } else {
        weir_result *result = ask(r, text, &(question){ .schema = schema });
        const weir_partition *rows = weir_result_all(result);
        for (size_t i = 0; rows && i < rows->count && r->error->status == WEIR_OK; i++)
            take_table(r, rows->rows[i]);
        bool empty = rows && rows->count == 0;
        if (finish(r, &result) == WEIR_OK && schema && empty && r->options->table_count == 0)
            weir_error_set(r->error, WEIR_PROGRAMMING, "there is no table in the schema %s; check its name", schema);
    }
    weir_buffer_free(&quoted);
    weir_buffer_free(&sql);
    return r->error->status;
}

/* A table that was asked for and is not there would be missed late. */
static int check_wanted(weir_reflection *r)
{
    weir_reflect_options one = *r->options;
    const weir_reflect_options *all = r->options;
    for (size_t i = 0; i < all->table_count; i++) {
        bool found = false;
        one.tables = &all->tables[i];
        one.table_count = 1;
        r->options = &one;
        for (size_t k = 0; k < r->table_count && !found; k++)
            found = is_wanted(r, r->tables[k].schema, r->tables[k].name);
        r->options = all;
        if (!found)
            return weir_error_set(r->error, WEIR_PROGRAMMING, "there is no table %s in %s; check its name and schema", all->tables[i],
                                  all->schema_count ? "the given schemas" : "the default schema");
    }
    return WEIR_OK;
}

/* Schemas and, in them, tables in the order of bytes, however they were given. */
static void sort_tables(weir_reflection *r)
{
    for (size_t i = 1; i < r->table_count; i++) {
        weir_reflected_table table = r->tables[i];
        size_t k = i;
        for (; k > 0 && strcmp(r->tables[k - 1].schema, table.schema) > 0; k--)
            r->tables[k] = r->tables[k - 1];
        r->tables[k] = table;
    }
}

int weir_reflect_read(weir_reflection *r)
{
    const weir_reflect_options *o = r->options;
    for (size_t i = 0; i < (o->schema_count ? o->schema_count : 1) && r->error->status == WEIR_OK; i++)
        read_tables(r, o->schema_count ? o->schemas[i] : NULL);
    if (r->error->status == WEIR_OK)
        check_wanted(r);
    if (r->error->status == WEIR_OK)
        sort_tables(r);
    for (size_t i = 0; i < r->table_count && r->error->status == WEIR_OK; i++) {
        weir_reflected_table *table = &r->tables[i];
        const question q = { .schema = table->foreign_schema ? table->schema : NULL, .bare = table->name };
        table->keys_end = &table->keys;
        table->relations_end = &table->relations;
        if (!table->why && read_columns(r, table, &q) == WEIR_OK)
            read_keys(r, table, &q);
    }
    return r->error->status;
}
