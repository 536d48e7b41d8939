/* What PostgreSQL's catalogue and statistics know of the table that a key is of. */
#include "transfer/parallel_table.h"
#include <stdio.h>
#include <string.h>
#include "base/decimal.h"
#include "base/values.h"
#include "transfer/explain.h"
#include "transfer/order_parts.h"
#include "base/buffer.h"

enum { PAGE = 8192, PAGES_PER_RANGE = 4, FEWEST_PAGES = 64 };

/* Leaves: the table itself, or its partitions to any depth. An index serves when it is a complete btree that begins with the column. */
static const char facts_sql[] =
    "WITH leaves AS (SELECT l.oid, l.relkind, l.relpages FROM pg_catalog.pg_class l WHERE l.oid = :oid AND l.relkind <> 'p' "
    "UNION ALL SELECT l.oid, l.relkind, l.relpages FROM pg_catalog.pg_partition_tree(CAST(:oid AS oid)::regclass) t "
    "JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE t.isleaf AND l.oid <> :oid) "
    "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name, c.relkind::text AS kind, "
    "(SELECT coalesce(sum(CASE WHEN l.relkind = 'f' THEN l.relpages::bigint * 8192 ELSE pg_catalog.pg_relation_size(l.oid) END), 0)::bigint "
    "FROM leaves l) AS bytes, "
    "(SELECT coalesce(sum(l.relpages), 0)::bigint FROM leaves l) AS analysed, "
    "coalesce((SELECT bool_or(l.relkind = 'f') FROM leaves l), false) AS distant, "
    "EXISTS (SELECT 1 FROM leaves l WHERE l.relkind IN ('r', 'm') AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index i "
    "JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam "
    "JOIN pg_catalog.pg_attribute k ON k.attrelid = l.oid AND k.attnum = i.indkey[0] "
    "WHERE i.indrelid = l.oid AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree' AND k.attname = a.attname)) AS unindexed, "
    "coalesce((SELECT pg_catalog.max(pg_catalog.array_length(s.histogram_bounds::text::text[], 1)) FROM pg_catalog.pg_stats s "
    "WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname), 0) AS steps, "
    "coalesce((SELECT t.partstrat = 'r' AND t.partnatts = 1 AND t.partattrs[0] = a.attnum FROM pg_catalog.pg_partitioned_table t "
    "WHERE t.partrelid = c.oid), false) AS by_range "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = :attribute WHERE c.oid = :oid";

/* Behind a savepoint: what the user may not look at, or what this server does not know, makes other ranges, not an error. */
static bool is_passed_over(const weir_error *error)
{
    return weir_status_is(error->status, WEIR_DATABASE) && !error->disconnect && !weir_status_is(error->status, WEIR_QUERY_CANCELED) &&
           !weir_status_is(error->status, WEIR_DEADLINE_EXCEEDED);
}

static int end_savepoint(weir_connection *connection, int savepoint, bool passed_over, weir_error *error)
{
    int ended = passed_over ? weir_connection_savepoint_rollback(connection, savepoint)
                            : weir_connection_savepoint_release(connection, savepoint);
    if (ended != WEIR_OK)
        *error = *weir_connection_error(connection);
    return ended;
}

static int read_facts(weir_connection *connection, weir_table_facts *facts, weir_error *error)
{
    weir_stmt *stmt = weir_sql(facts_sql);
    weir_bind(stmt, "oid", weir_value_int(facts->oid));
    weir_bind(stmt, "attribute", weir_value_int(facts->columns[0]));
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    if (row) {
        weir_text name = weir_row_text(row, "name"), kind = weir_row_text(row, "kind");
        char is = kind.len ? *kind.ptr : 'v';
        snprintf(facts->name, sizeof facts->name, "%.*s", (int)name.len, name.ptr);
        facts->bytes = weir_row_int64(row, "bytes");
        facts->foreign = weir_row_bool(row, "distant");
        facts->unindexed = weir_row_bool(row, "unindexed");
        facts->steps = weir_row_int64(row, "steps");
        facts->by_range = weir_row_bool(row, "by_range");
        facts->unknown = facts->bytes == 0 && (is == 'v' || facts->foreign);
        facts->sampled = (is == 'r' || is == 'm' || is == 'p') && !facts->foreign;
        facts->stale = facts->sampled && facts->bytes / PAGE > weir_row_int64(row, "analysed") * 6 / 5;
    }
    *error = *weir_result_error(result);
    weir_stmt_free(&stmt);
    return weir_result_close(&result);
}

int weir_table_facts_read(weir_connection *connection, weir_table_facts *facts, weir_error *error)
{
    weir_error_clear(error);
    facts->unknown = true;
    if (!facts->oid || facts->columns[0] <= 0)
        return WEIR_OK;
    int savepoint = weir_connection_savepoint(connection);
    if (savepoint < 0) {
        *error = *weir_connection_error(connection);
        return savepoint;
    }
    int status = read_facts(connection, facts, error);
    bool passed_over = is_passed_over(error);
    if (status != WEIR_OK && !passed_over)
        return status;
    if (passed_over) {
        weir_error_clear(error);
        facts->oid = 0;                 /* then nothing more is asked about it */
    }
    return end_savepoint(connection, savepoint, passed_over, error);
}

/* Row level security and rights are the parent's when it is read, and the partition's when that is. Range partitions by the key are in its order:
 * there, cuts at their bounds keep files in order (add_partitions). Names with line ends would not fit a checkpoint's lines. */
static const char partitions_sql[] =
    "WITH tree AS (SELECT l.oid, l.relname, l.relnamespace, l.relrowsecurity, t.isleaf FROM pg_catalog.pg_partition_tree(CAST(:oid AS oid)::regclass) t "
    "JOIN pg_catalog.pg_class l ON l.oid = t.relid) "
    "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.relname) FROM tree t "
    "JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace "
    "WHERE t.isleaf AND t.oid <> :oid AND NOT EXISTS (SELECT 1 FROM tree x JOIN pg_catalog.pg_namespace m ON m.oid = x.relnamespace "
    "WHERE x.relrowsecurity OR NOT pg_catalog.has_table_privilege(x.oid, 'SELECT') OR NOT pg_catalog.has_schema_privilege(m.oid, 'USAGE') "
    "OR m.nspname || x.relname ~ '[[:cntrl:]]') "
    "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = :oid AND p.partstrat = 'r' AND p.partnatts = 1 "
    "AND p.partattrs[0] = :attribute) ORDER BY t.oid";

static int read_partitions(weir_connection *connection, uint32_t oid, int column, weir_buffer *names, weir_error *error)
{
    weir_stmt *stmt = weir_sql(partitions_sql);
    weir_bind(stmt, "oid", weir_value_int(oid));
    weir_bind(stmt, "attribute", weir_value_int(column));
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
        weir_text name = weir_row_text_at(row, 0);
        weir_buffer_append(names, name.ptr, name.len);
        weir_buffer_byte(names, 0);
    }
    *error = *weir_result_error(result);
    weir_stmt_free(&stmt);
    int status = weir_result_close(&result);
    return status == WEIR_OK && names->failed ? weir_error_out_of_memory(error) : status;
}

int weir_table_partitions(weir_connection *connection, uint32_t oid, int column, weir_buffer *names, weir_error *error)
{
    int savepoint = oid ? weir_connection_savepoint(connection) : 0;
    weir_error_clear(error);
    if (!oid)
        return WEIR_OK;
    if (savepoint < 0) {
        *error = *weir_connection_error(connection);
        return savepoint;
    }
    int status = read_partitions(connection, oid, column, names, error);
    bool passed_over = is_passed_over(error);
    if (status != WEIR_OK && !passed_over)
        return status;
    if (passed_over) {
        names->length = 0;
        weir_error_clear(error);
    }
    return end_savepoint(connection, savepoint, passed_over, error);
}

/* A sort of all that the order has. A sort of its later columns only, behind an index of the first, says something else there. */
static int look_at_plan(weir_connection *connection, const weir_order *order, weir_table_facts *facts, weir_error *error)
{
    static const char sorts[] = "USE TEMP B-TREE FOR ORDER BY";
    const weir_rewrite explain = { .before = "EXPLAIN QUERY PLAN ", .buffered = true };
    weir_stmt *stmt = weir_order_statement(order, &(weir_order_range){ .after = NULL });
    weir_result *result = weir_execute_rewritten(connection, stmt, &explain, NULL);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
        weir_text detail = weir_row_text(row, "detail");
        facts->unindexed = facts->unindexed || (detail.len >= sizeof sorts - 1 && memcmp(detail.ptr, sorts, sizeof sorts - 1) == 0);
    }
    *error = *weir_result_error(result);
    weir_stmt_free(&stmt);
    return weir_result_close(&result);
}

int weir_table_facts_of_file(weir_connection *connection, const weir_order *order, weir_table_facts *facts, weir_error *error)
{
    if (look_at_plan(connection, order, facts, error) != WEIR_OK)
        return error->status;
    weir_stmt *stmt = weir_sql("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_value *bytes = weir_result_scalar(result);
    if (bytes)
        weir_value_as_int64(bytes, &facts->bytes, NULL);
    *error = *weir_result_error(result);
    weir_stmt_free(&stmt);
    return weir_result_close(&result);
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------------- */
/* What is read from the catalogue about one column, in SQL text. */
typedef struct column_texts { char name[140], type[300]; bool integer; } column_texts;

typedef struct finder {
    const weir_table_question *ask;
    weir_arena      *arena;
    weir_table_keys *out;
    weir_error      *error;
    column_texts     columns[WEIR_TABLE_KEYS];
    weir_buffer      sql;
} finder;

/* As pg_dump would write them: "bpchar" and not "character", which would be cut to one character. */
static const char column_sql[] =
    "SELECT pg_catalog.quote_ident(a.attname) AS name, pg_catalog.format_type(a.atttypid, -1) AS type, "
    "a.atttypid IN (20, 21, 23) AS integer FROM pg_catalog.pg_attribute a WHERE a.attrelid = :oid AND a.attnum = :attribute";

static int read_column(finder *f, size_t index)
{
    weir_stmt *stmt = weir_sql(column_sql);
    column_texts *column = &f->columns[index];
    weir_bind(stmt, "oid", weir_value_int(f->ask->facts->oid));
    weir_bind(stmt, "attribute", weir_value_int(f->ask->facts->columns[index]));
    weir_result *result = weir_connection_execute(f->ask->connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    if (row) {
        weir_text name = weir_row_text(row, "name"), type = weir_row_text(row, "type");
        snprintf(column->name, sizeof column->name, "%.*s", (int)name.len, name.ptr);
        snprintf(column->type, sizeof column->type, "%.*s", (int)type.len, type.ptr);
        column->integer = weir_row_bool(row, "integer");
    }
    *f->error = *weir_result_error(result);
    weir_stmt_free(&stmt);
    return weir_result_close(&result);
}

static int take_keys(finder *f, weir_result *result)
{
    size_t keys = f->ask->keys, room = 0, count = 0;
    weir_value *all = NULL;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; count++) {
        if (count == room) {
            room = room ? 2 * room : 64;
            weir_value *more = weir_arena_take(f->arena, room * keys * sizeof *more);
            if (!more)
                return weir_error_out_of_memory(f->error);
            if (count)
                memcpy(more, all, count * keys * sizeof *more);
            all = more;
        }
        for (size_t i = 0; i < keys; i++)
            if (weir_value_copy(f->arena, weir_row_value_at(row, (int)i), &all[count * keys + i]) != WEIR_OK)
                return weir_error_out_of_memory(f->error);
    }
    f->out->keys = all;
    f->out->count = count;
    return WEIR_OK;
}

static int ask(finder *f, const char *source)
{
    weir_connection *connection = f->ask->connection;
    const char *text = weir_buffer_cstr(&f->sql);
    int savepoint = text ? weir_connection_savepoint(connection) : WEIR_OUT_OF_MEMORY;
    if (savepoint < 0) {
        *f->error = *weir_connection_error(connection);
        return text ? savepoint : weir_error_out_of_memory(f->error);
    }
    weir_stmt *stmt = weir_sql(text);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    int status = take_keys(f, result);
    weir_error error = *weir_result_error(result);
    if (weir_result_close(&result) != WEIR_OK && status == WEIR_OK)
        status = error.status;
    weir_stmt_free(&stmt);
    bool passed_over = status != WEIR_OK && is_passed_over(&error);
    if (status != WEIR_OK && !passed_over) {
        *f->error = error.status != WEIR_OK ? error : *f->error;
        return status;
    }
    f->out->count = passed_over ? 0 : f->out->count;
    f->out->source = source;
    return end_savepoint(connection, savepoint, passed_over, f->error);
}

static const char *direction(const finder *f, size_t i) { return f->ask->order->columns[i].descending ? " DESC" : ""; }

/* Upper bounds of range partitions as keys that end a range: 100 excluded is 99 included, for integers; for others one key more. */
static void add_partitions(finder *f)
{
    const column_texts *c = &f->columns[0];
    weir_buffer_printf(&f->sql, "SELECT CASE WHEN b.t = 'MAXVALUE' OR b.t ~ '^E' THEN NULL WHEN b.t ~ '^''' THEN "
                       "replace(substr(b.t, 2, length(b.t) - 2), '''''', '''') ELSE b.t END::%s%s FROM "
                       "(SELECT (regexp_match(pg_catalog.pg_get_expr(p.relpartbound, p.oid), 'TO \\((.*)\\)$'))[1] AS t "
                       "FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = %u) b",
                       c->type, c->integer ? " - 1" : "", f->ask->facts->oid);
}

static int by_histogram(finder *f)
{
    const weir_table_facts *facts = f->ask->facts;
    size_t step = (size_t)facts->steps / f->ask->ranges;
    bool histogram = facts->steps > 2;
    weir_buffer_text(&f->sql, "SELECT DISTINCT k FROM (");
    if (histogram)
        weir_buffer_printf(&f->sql, "SELECT u.k FROM pg_catalog.pg_stats s, LATERAL unnest(s.histogram_bounds::text::%s[]) WITH ORDINALITY AS u(k, n) "
                           "WHERE pg_catalog.quote_ident(s.schemaname) || '.' || pg_catalog.quote_ident(s.tablename) = (SELECT "
                           "pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c JOIN "
                           "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %u) AND pg_catalog.quote_ident(s.attname) = (SELECT "
                           "pg_catalog.quote_ident(a.attname) FROM pg_catalog.pg_attribute a WHERE a.attrelid = %u AND a.attnum = %d) AND u.n %% %zu = 0",
                           f->columns[0].type, facts->oid, facts->oid, facts->columns[0], step ? step : 1);
    if (histogram && facts->by_range)
        weir_buffer_text(&f->sql, " UNION ALL ");
    if (facts->by_range)
        add_partitions(f);
    weir_buffer_printf(&f->sql, ") AS q(k) WHERE k IS NOT NULL ORDER BY k%s", direction(f, 0));
    return ask(f, histogram ? "statistics" : "partitions");
}

static int by_sample(finder *f)
{
    const weir_table_question *q = f->ask;
    double pages = (double)q->facts->bytes / PAGE, wanted = (double)(q->ranges * PAGES_PER_RANGE);
    double percent = 100 * (wanted < FEWEST_PAGES ? FEWEST_PAGES : wanted) / (pages < 1 ? 1 : pages);
    char shown[WEIR_FIXED_SIZE];
    weir_put_fixed(shown, percent > 100 ? 100 : percent);
    weir_buffer_text(&f->sql, "SELECT ");
    for (size_t i = 0; i < q->keys; i++)
        weir_buffer_printf(&f->sql, "%ss.k%zu", i ? ", " : "", i);
    weir_buffer_text(&f->sql, " FROM (SELECT ");
    for (size_t i = 0; i < q->keys; i++)
        weir_buffer_printf(&f->sql, "t.%s AS k%zu, ", f->columns[i].name, i);
    weir_buffer_text(&f->sql, "row_number() OVER (ORDER BY ");
    for (size_t i = 0; i < q->keys; i++)
        weir_buffer_printf(&f->sql, "%st.%s%s", i ? ", " : "", f->columns[i].name, direction(f, i));
    weir_buffer_printf(&f->sql, ") AS n, count(*) OVER () AS m FROM %s AS t TABLESAMPLE SYSTEM (%s) WHERE ", q->facts->name, shown);
    for (size_t i = 0; i < q->keys; i++)
        weir_buffer_printf(&f->sql, "%st.%s IS NOT NULL", i ? " AND " : "", f->columns[i].name);
    weir_buffer_printf(&f->sql, ") AS s WHERE s.n %% greatest(s.m / %zu, 1) = 0 ORDER BY s.n", q->ranges);
    return ask(f, "sample");
}

static bool knows_all_columns(const weir_table_question *q)
{
    for (size_t i = 0; i < q->keys; i++)
        if (i >= WEIR_TABLE_KEYS || q->facts->columns[i] <= 0)
            return false;
    return true;
}

int weir_table_keys_find(const weir_table_question *question, weir_arena *arena, weir_table_keys *out, weir_error *error)
{
    finder f = { .ask = question, .arena = arena, .out = out, .error = error };
    const weir_table_facts *facts = question->facts;
    *out = (weir_table_keys){ .source = "" };
    if (!knows_all_columns(question))
        return WEIR_OK;
    for (size_t i = 0; i < question->keys; i++)
        if (read_column(&f, i) != WEIR_OK)
            return error->status;
    weir_buffer_init(&f.sql, arena->ledger, WEIR_MEMORY_STATEMENTS, 1 << 20);
    bool enough = facts->steps > 2 && (size_t)facts->steps >= question->ranges && !facts->stale;
    bool alone = question->keys == 1;
    int status = WEIR_OK;
    if (alone && (enough || facts->by_range || (facts->steps > 2 && !facts->sampled)))
        status = by_histogram(&f);
    else if (facts->sampled)
        status = by_sample(&f);
    weir_buffer_free(&f.sql);
    return status;
}
