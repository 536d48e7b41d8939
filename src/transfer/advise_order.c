/* Whether an order is unique, and whether an index has it: the statement's ORDER BY beside what the catalogue says of its table. */
#include <stdio.h>
#include <string.h>
#include "transfer/advise.h"

/* ---- the catalogue --------------------------------------------------------------------------------------------------------------------- */

/* An index's columns in order, one row each. unique: as far as the catalogue says it; NULL columns make it untrue below. */
static const char postgresql_indexes[] =
    "SELECT ic.relname::text, i.indisprimary, i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL, "
    "am.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL, coalesce(a.attname::text, ''), "
    "coalesce(a.attnotnull, false) OR coalesce((to_jsonb(i)->>'indnullsnotdistinct')::boolean, false), "
    "(i.indoption[k] & 1) <> 0, (i.indoption[k] & 2) <> 0 "
    "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = ic.relam "
    "CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) k "
    "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND i.indkey[k] > 0 "
    "WHERE i.indrelid = to_regclass(:name) ORDER BY i.indisprimary DESC, ic.relname, i.indexrelid, k";
static const char postgresql_table[] =
    "SELECT c.relkind IN ('r', 'p', 'm'), c.reltuples::float8 FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(:name)";

/* SQLite: a table's own key comes first, the rowid being INTEGER PRIMARY KEY where there is one. NULLs come first in its indexes. */
static const char sqlite_indexes[] =
    "SELECT '(rowid)', p.pk = 1, true, true, p.name, true, false, true FROM pragma_table_info(:name, :schema) p "
    "WHERE p.pk = 1 AND lower(p.type) = 'integer' AND (SELECT count(*) FROM pragma_table_info(:name, :schema) WHERE pk > 0) = 1 "
    "UNION ALL SELECT * FROM (SELECT l.name, l.origin = 'pk', l.\"unique\" AND NOT l.partial, NOT l.partial, coalesce(x.name, ''), "
    "coalesce((SELECT t.\"notnull\" OR (t.pk > 0 AND (SELECT m.wr FROM pragma_table_list(:name) m WHERE m.schema = :schema)) "
    "FROM pragma_table_info(:name, :schema) t WHERE t.name = x.name), false), x.desc, NOT x.desc "
    "FROM pragma_index_list(:name, :schema) l JOIN pragma_index_xinfo(l.name, :schema) x WHERE x.key ORDER BY l.seq, x.seqno)";
static const char sqlite_table[] =
    "SELECT true, -1.0 FROM pragma_table_list(:name) WHERE schema = :schema AND type = 'table'";

static weir_result *ask(weir_connection *connection, const char *sql, const weir_query_text *text, bool postgresql)
{
    weir_stmt *stmt = weir_sql(sql);
    if (postgresql)
        weir_bind(stmt, "name", weir_value_text((weir_text){ text->table.ptr, text->table.len }));
    else
        weir_bind(stmt, "name", weir_value_cstr(text->table_name));
    if (strstr(sql, ":schema"))
        weir_bind(stmt, "schema", weir_value_cstr(text->table_schema[0] ? text->table_schema : "main"));
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    return result;
}

static void copy_text(char out[WEIR_NAME_SIZE], const weir_row *row, int column)
{
    weir_text text = weir_row_text_at(row, column);
    weir_error_text(out, WEIR_NAME_SIZE, text.ptr ? text.ptr : "", text.len);
}

static bool is_set(const weir_row *row, int column)
{
    bool set = false;
    return weir_value_as_bool(weir_row_value_at(row, column), &set, NULL) == WEIR_OK && set;
}

/* A new index, or a further column of the last one. */
static void take_index_row(weir_advice_table *out, const weir_row *row)
{
    char name[WEIR_NAME_SIZE];
    copy_text(name, row, 0);
    weir_advice_index *index = out->index_count ? &out->indexes[out->index_count - 1] : NULL;
    if (!index || strcmp(index->name, name) != 0) {
        index = &out->indexes[out->index_count++];
        *index = (weir_advice_index){ .primary = is_set(row, 1), .unique = is_set(row, 2), .ordered = is_set(row, 3) };
        memcpy(index->name, name, sizeof name);
    }
    if (index->count == WEIR_ORDER_ITEMS) {
        index->unique = false;
        return;
    }
    struct weir_advice_column *column = &index->columns[index->count++];
    copy_text(column->name, row, 4);
    index->unique = index->unique && is_set(row, 5) && column->name[0];
    column->descending = is_set(row, 6);
    column->nulls_first = is_set(row, 7);
}

int weir_advice_table_read(weir_connection *connection, const weir_query_text *text, weir_arena *arena, weir_advice_table *out, weir_error *error)
{
    weir_question question;
    bool postgresql = weir_connection_backend_pid(connection) != 0;
    *out = (weir_advice_table){ .rows = -1 };
    weir_error_clear(error);
    if (!text->table.ptr || weir_question_begin(&question, connection, error) != WEIR_OK)
        return error->status;
    weir_result *result = ask(connection, postgresql ? postgresql_table : sqlite_table, text, postgresql);
    const weir_row *row = weir_result_next(result);
    if (row) {
        out->known = is_set(row, 0);
        out->can_sample = postgresql && out->known;
        out->rows = weir_row_double_at(row, 1);
    }
    weir_error_keep(error, weir_result_error(result));
    if (weir_result_close(&result) == WEIR_OK && out->known) {
        result = ask(connection, postgresql ? postgresql_indexes : sqlite_indexes, text, postgresql);
        const weir_partition *all = weir_result_all(result);
        out->indexes = weir_arena_take(arena, (all ? all->count + 1 : 1) * sizeof *out->indexes);
        for (size_t i = 0; out->indexes && all && i < all->count; i++)
            take_index_row(out, all->rows[i]);
        weir_error_keep(error, weir_result_error(result));
        if (weir_result_close(&result) == WEIR_OK && !out->indexes)
            weir_error_out_of_memory(error);
    }
    weir_question_end(&question);
    return error->status;
}

/* ---- remarks ------------------------------------------------------------------------------------------------------------------------------ */

typedef struct ordering {
    size_t count;                               /* items */
    size_t known;                               /* leading ones that are columns of the table */
    char   names[WEIR_ORDER_ITEMS][WEIR_NAME_SIZE];     /* "": an expression */
    bool   folds;                               /* names are equal but for the case of letters */
} ordering;

static bool same_name(const ordering *order, const char *a, const char *b) { return (order->folds ? strcasecmp(a, b) : strcmp(a, b)) == 0; }

static void read_columns(ordering *out, const weir_query_text *text, const weir_compiled *compiled, const weir_dialect *dialect)
{
    *out = (ordering){ .count = text->order_count < WEIR_ORDER_ITEMS ? text->order_count : WEIR_ORDER_ITEMS, .folds = dialect == &weir_dialect_sqlite };
    for (size_t i = 0; i < out->count; i++) {
        char name[WEIR_NAME_SIZE];
        if (weir_query_order_column(compiled->sql, text, dialect, &text->order[i], name)) {
            memcpy(out->names[i], name, sizeof name);
            out->known += out->known == i;
        }
    }
}

static bool has_column(const ordering *order, const char *name)
{
    for (size_t i = 0; i < order->count; i++)
        if (order->names[i][0] && same_name(order, order->names[i], name))
            return true;
    return false;
}

static bool is_rowid(const char *name) { return !strcasecmp(name, "rowid") || !strcasecmp(name, "_rowid_") || !strcasecmp(name, "oid"); }

static bool is_unique(const ordering *order, const weir_advice_table *table, const weir_dialect *dialect)
{
    for (size_t i = 0; dialect == &weir_dialect_sqlite && i < order->count; i++)
        if (is_rowid(order->names[i]))
            return true;
    for (size_t i = 0; i < table->index_count; i++) {
        const weir_advice_index *index = &table->indexes[i];
        bool covered = index->unique && index->count > 0;
        for (size_t j = 0; covered && j < index->count; j++)
            covered = has_column(order, index->columns[j].name);
        if (covered)
            return true;
    }
    return false;
}

/* Whether the index gives rows in this order, forwards or backwards. */
static bool gives_order(const weir_advice_index *index, const ordering *order, const weir_query_text *text, const weir_dialect *dialect)
{
    bool forwards = true, backwards = true;
    if (!index->ordered || index->count < order->count || order->known < order->count)
        return false;
    for (size_t i = 0; i < order->count; i++) {
        const struct weir_advice_column *column = &index->columns[i];
        const weir_order_item *item = &text->order[i];
        bool lite = dialect == &weir_dialect_sqlite;
        bool first = item->nulls_said ? item->nulls_first : lite ? !item->descending : item->descending;
        if (!same_name(order, order->names[i], column->name))
            return false;
        forwards = forwards && item->descending == column->descending && first == column->nulls_first;
        backwards = backwards && item->descending != column->descending && first != column->nulls_first;
    }
    return forwards || backwards;
}

/* The key's columns that the order lacks, as "id" or "a, b"; "" when there is no key. */
static const char *missing_key(const ordering *order, const weir_advice_table *table, char *out, size_t size)
{
    const weir_advice_index *key = NULL;
    size_t length = 0;
    for (size_t i = 0; i < table->index_count; i++)
        if (table->indexes[i].unique && (!key || (table->indexes[i].primary && !key->primary)))
            key = &table->indexes[i];
    out[0] = 0;
    for (size_t i = 0; key && i < key->count; i++)
        if (!has_column(order, key->columns[i].name) && length + strlen(key->columns[i].name) + 3 < size)
            length += (size_t)snprintf(out + length, size - length, "%s%s", length ? ", " : "", key->columns[i].name);
    return out;
}

/* ORDER BY 1 behind a * may be any column. */
static bool has_unknown_number(const ordering *order, const weir_query_text *text)
{
    for (size_t i = 0; i < order->count; i++)
        if (text->order[i].ordinal && !order->names[i][0])
            return true;
    return false;
}

static void remark_on_uniqueness(weir_remarks *remarks, const ordering *order, const weir_query_text *text, const weir_advice_table *table,
                                 const weir_dialect *dialect)
{
    static const char advice[] = "add the primary key at the end of ORDER BY";
    char key[300];
    if (!table->known) {
        weir_remark_add(remarks, "order-not-known", WEIR_REMARK_NOTE, 0, "end ORDER BY with a key of each table that the query reads",
                        "the query does not read one plain table: whether its order is unique cannot be told, and only a unique one is "
                        "the same in each run and can be resumed");
    } else if (!is_unique(order, table, dialect) && has_unknown_number(order, text)) {
        weir_remark_add(remarks, "order-not-known", WEIR_REMARK_NOTE, 0, "name the columns in ORDER BY, with the primary key at the end",
                        "ORDER BY has the number of a column that cannot be told here: whether the order is unique cannot be either, and only a "
                        "unique one is the same in each run and can be resumed");
    } else if (!is_unique(order, table, dialect)) {
        missing_key(order, table, key, sizeof key);
        weir_remark_add(remarks, "order-not-unique", WEIR_REMARK_WARNING, 0, advice,
                        "the order is not unique: rows that are alike in it may change places from run to run, and a stream that goes on "
                        "behind such a row may lose or repeat some%s%s", key[0] ? "; its key lacks " : "", key);
    }
}

static void remark_on_index(weir_remarks *remarks, const ordering *order, const weir_query_text *text, const weir_advice_table *table,
                            const weir_dialect *dialect)
{
    char columns[300];
    size_t length = 0;
    for (size_t i = 0; i < table->index_count; i++) {
        if (gives_order(&table->indexes[i], order, text, dialect)) {
            weir_remark_add(remarks, "index-not-used", WEIR_REMARK_NOTE, 0,
                            "ANALYZE the table; compare the plan with random_page_cost = 1.1, or cursor_tuple_fraction as it is",
                            "the index %s has this order, but the planner would rather sort", table->indexes[i].name);
            return;
        }
    }
    columns[0] = 0;
    for (size_t i = 0; i < order->count && length + WEIR_NAME_SIZE + 8 < sizeof columns; i++)
        length += (size_t)snprintf(columns + length, sizeof columns - length, "%s%s%s", i ? ", " : "",
                                   order->names[i][0] ? order->names[i] : "(an expression)", text->order[i].descending ? " DESC" : "");
    weir_remark_add(remarks, "no-index-for-order", WEIR_REMARK_WARNING, 0,
                    "create an index on these columns, behind those that WHERE compares with =",
                    "no index of %s has the order (%s): the first row waits until all are sorted", table->known ? text->table_name : "the table",
                    columns);
}

void weir_remarks_of_order(weir_remarks *remarks, const weir_query_text *text, const weir_compiled *compiled, const weir_dialect *dialect,
                           const weir_advice_table *table, bool sorted)
{
    ordering columns;
    if (!compiled->facts.ordered) {
        weir_remark_add(remarks, "no-order", WEIR_REMARK_WARNING, 0, "add ORDER BY with an indexed key, typically the primary key",
                        "there is no ORDER BY: rows come in no defined order, which may differ from run to run, and a stream that ends early "
                        "cannot be resumed");
        return;
    }
    read_columns(&columns, text, compiled, dialect);
    if (!text->grouped && !text->distinct && !text->combined)
        remark_on_uniqueness(remarks, &columns, text, table, dialect);
    if (sorted && table->known && !text->grouped && !text->distinct)
        remark_on_index(remarks, &columns, text, table, dialect);
}
