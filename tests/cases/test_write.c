/* Cases of part I that are one statement each: inserts, updates, deletes and upserts executed on both databases. */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id),
            WEIR_COLUMN(invoice, total_cents), WEIR_COLUMN(invoice, status));
WEIR_ENTITY_DECLARE(order_line);
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id, quantity; struct order *order; };
enum colour { RED, GREEN };
static const char *const colour_names[] = { "red", "green" };
struct thing {
    int64_t id; enum colour colour; char code[8]; weir_opt_int64 count; weir_numeric price; const weir_array *tags; weir_uuid uuid;
    weir_opt_timestamptz made;
};
struct numbered { int64_t id; const char *label; };
struct odd { int64_t id; const char *select; };
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state), WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id", .lazy = WEIR_LAZY_SELECTIN));
WEIR_ENTITY(order_line, "order_lines", WEIR_COLUMN(order_line, id, .primary_key = true), WEIR_COLUMN(order_line, order_id),
            WEIR_COLUMN(order_line, quantity), WEIR_BELONGS_TO(order_line, order, order, order_id, .lazy = WEIR_LAZY_JOINED));
WEIR_ENTITY(thing, "shop.things", WEIR_COLUMN(thing, id, .primary_key = true), WEIR_ENUM_COLUMN(thing, colour, colour_names, .column = "kind"),
            WEIR_COLUMN(thing, code), WEIR_COLUMN(thing, count), WEIR_COLUMN(thing, price), WEIR_COLUMN(thing, tags), WEIR_COLUMN(thing, uuid),
            WEIR_COLUMN(thing, made));
WEIR_ENTITY(numbered, "numbered", WEIR_COLUMN(numbered, id, .primary_key = true, .server_generated = true), WEIR_COLUMN(numbered, label));
WEIR_ENTITY(odd, "we\"ird :t", WEIR_COLUMN(odd, id, .primary_key = true), WEIR_COLUMN(odd, select));

#define ID WEIR_COL(invoice, id)
#define TOTAL WEIR_COL(invoice, total_cents)
#define STATUS WEIR_COL(invoice, status)

/* Values with commas, rows with semicolons. */
static void print_rows(weir_result *result, char *rows, size_t size)
{
    char value[256];
    size_t length = 0;
    rows[0] = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL && length < size - 300;)
        for (size_t i = 0; i < weir_row_count(row); i++) {
            const weir_value *v = weir_row_value_at(row, (int)i);
            weir_value_format(v, value, sizeof value);
            length += (size_t)snprintf(rows + length, size - length, "%s%s", i ? "," : length ? ";" : "", v->type == WEIR_T_NULL ? "NULL" : value);
        }
}

/* Executes it in a transaction of its own, committed; its rows (NULL: gives none), and its count (-1: not looked at). Frees the statement. */
static void writes(test_database *db, weir_stmt *stmt, int64_t count, const char *expected)
{
    char rows[4096];
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    if (expected)
        print_rows(result, rows, sizeof rows);
    if (weir_result_error(result)->status != WEIR_OK)
        fail_msg("%s (%s)", weir_result_error(result)->message, weir_result_error(result)->sql);
    if (count >= 0)
        assert_int_equal(weir_result_rowcount(result), count);
    close_result_ok(&result);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
    if (expected)
        assert_string_equal(rows, expected);
}

static void fails(test_database *db, weir_stmt *stmt, int status, const char *part)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), status);
    assert_contains(weir_result_error(result)->message, part);
    (void)!weir_result_close(&result);
    (void)!weir_connection_close(&connection);
    weir_stmt_free(&stmt);
}

static void is_now(test_database *db, const char *sql, int64_t expected) { assert_int_equal(test_side_int(db, sql), expected); }

static void test_insert_update_delete(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_set(insert, ID, 7);
    weir_set(insert, WEIR_COL(invoice, tenant_id), 1);
    weir_set(insert, TOTAL, WEIR_ADD(30, 40));
    weir_set(insert, STATUS, "sent");
    weir_returning(insert, ID, WEIR_LABEL(WEIR_MULTIPLY(TOTAL, 2), "twice"));
    writes(db, insert, 1, "7,140");
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, WEIR_ADD(TOTAL, 100));
    weir_where(update, WEIR_GE(ID, 3));
    writes(db, update, 2, NULL);
    is_now(db, "SELECT sum(total_cents) FROM invoices", 10 + 20 + 130 + 170);
    weir_stmt *delete = weir_delete(&invoice_entity);
    weir_where(delete, WEIR_EQ(STATUS, "sent"));
    weir_returning(delete, ID);
    writes(db, delete, 1, "7");
    is_now(db, "SELECT count(*) FROM invoices", 3);
}

/* A single set of values without a key is an ordinary update of all rows. */
static void test_case_163_an_update_of_all_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, 5);
    writes(db, update, 12, NULL);
    is_now(db, "SELECT sum(total_cents) FROM invoices", 60);
}

static weir_stmt *upsert_of_two(const weir_conflict_options *options, bool update)
{
    weir_stmt *stmt = weir_insert(&invoice_entity);
    weir_insert_row(stmt, 1, 1, 999, "late");
    weir_insert_row(stmt, 77777, 1, 888, "new");
    if (update) {
        weir_on_conflict_do_update(stmt, options);
        weir_conflict_set(stmt, TOTAL, WEIR_EXCLUDED(invoice, total_cents));
    } else {
        weir_on_conflict_do_nothing(stmt, options);
    }
    return stmt;
}

static void test_case_174_upserts(void **state)
{
    test_database *db = *state;
    char status[32];
    test_fixture(db, 12);
    writes(db, upsert_of_two(WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)), true), 2, NULL);
    is_now(db, "SELECT total_cents FROM invoices WHERE id = 1", 999);
    assert_string_equal(test_side_text(db, "SELECT status FROM invoices WHERE id = 1", status, sizeof status), "draft");
    is_now(db, "SELECT total_cents FROM invoices WHERE id = 77777", 888);
}

static void test_case_174_do_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    writes(db, upsert_of_two(NULL, false), 1, NULL);
    is_now(db, "SELECT total_cents FROM invoices WHERE id = 1", 10);
    is_now(db, "SELECT count(*) FROM invoices", 13);
}

/* One statement with one set of values is one execution. */
static void test_case_155_one_execution(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, 5);
    weir_where(update, WEIR_SQL("id <= :last"));
    weir_yield_per(update, 2);                          /* nothing that writes is streamed */
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int64_t last = 1; last <= 3; last++) {
        WEIR_BIND(update, "last", last);
        weir_result *result = weir_connection_execute(connection, update, NULL);
        assert_int_equal(weir_result_rowcount(result), last);
        assert_false(weir_result_returns_rows(result));
        close_result_ok(&result);
    }
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "UPDATE invoices SET"), 3);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&update);
    is_now(db, "SELECT sum(total_cents) FROM invoices", 780);
}

static void test_rows_returned_are_read_before_the_commit(void **state)
{
    test_database *db = *state;
    test_fixture(db, 300);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, WEIR_NEGATE(TOTAL));
    weir_returning(update, ID);
    weir_yield_per(update, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = weir_connection_execute(connection, update, NULL);
    int64_t seen = 0;
    while (seen < 5 && weir_result_next(result))
        seen++;
    close_result_ok(&result);                           /* leaving early takes nothing back */
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&update);
    is_now(db, "SELECT count(*) FROM invoices WHERE total_cents < 0", 300);
}

/* ---- sources of rows ---- */

static void test_rows_selects_and_defaults(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    test_side_run(db, db->postgresql ? "CREATE TABLE numbered(id bigserial PRIMARY KEY, label text DEFAULT 'none')"
                                     : "CREATE TABLE numbered(id integer PRIMARY KEY, label text DEFAULT 'none')");
    weir_stmt *insert = weir_insert(&numbered_entity);
    weir_returning(insert, WEIR_ENTITY_OF(numbered));
    writes(db, insert, 1, "1,none");
    insert = weir_insert(&numbered_entity);
    weir_insert_row(insert, "a");
    weir_insert_row(insert, WEIR_CONCAT("b", "c"));
    weir_insert_row(insert, WEIR_NULL);
    weir_returning(insert, WEIR_COL(numbered, label));
    writes(db, insert, 3, "a;bc;NULL");
    weir_stmt *select = weir_select_columns(WEIR_CONCAT(STATUS, "!"));
    weir_where(select, WEIR_IN(ID, 1, 3));
    insert = weir_insert(&numbered_entity);
    weir_insert_select(insert, select);
    weir_on_conflict_do_nothing(insert, NULL);
    weir_stmt_free(&select);
    weir_returning(insert, WEIR_COL(numbered, label));
    writes(db, insert, 2, "draft!;draft!");
    is_now(db, "SELECT count(DISTINCT id) FROM numbered", 6);
    select = weir_select_columns(WEIR_CAST(ID, "text"));
    weir_order_by(select, WEIR_DESC(ID));               /* new keys follow the order */
    insert = weir_insert(&numbered_entity);
    weir_insert_select(insert, select);
    weir_on_conflict_do_nothing(insert, NULL);
    weir_stmt_free(&select);
    writes(db, insert, 4, NULL);
    is_now(db, "SELECT count(*) FROM numbered a, numbered b WHERE a.id < b.id AND a.label IN ('1','2','3','4') AND b.label IN ('1','2','3','4') "
               "AND a.label < b.label", 0);
    weir_stmt *all[] = { weir_select_columns(STATUS), weir_select_columns(STATUS) };
    select = weir_combine(WEIR_UNION_ALL, all[0], all[1]);
    insert = weir_insert(&numbered_entity);
    weir_insert_select(insert, select);
    weir_on_conflict_do_nothing(insert, NULL);
    weir_stmt_free(&select);
    weir_stmt_free(&all[0]);
    weir_stmt_free(&all[1]);
    writes(db, insert, 8, NULL);
}

/* Into the table that it reads, by a CTE with LIMIT and ORDER BY. */
static void test_an_insert_from_its_own_table(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_stmt *inner = weir_select(&invoice_entity);
    weir_order_by(inner, WEIR_DESC(ID));
    weir_limit(inner, 2);
    weir_source *last = weir_cte(inner, "latest", &invoice_entity);
    weir_stmt *select = weir_select_columns(WEIR_ADD(WEIR_SCOL(last, invoice, id), 100), WEIR_SCOL(last, invoice, tenant_id),
                                            WEIR_SCOL(last, invoice, total_cents), WEIR_LABEL(WEIR_CAST("copy", "text"), "status"));
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_insert_select(insert, select);
    weir_on_conflict_do_update(insert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    writes(db, insert, 2, NULL);
    is_now(db, "SELECT sum(id) FROM invoices WHERE status = 'copy'", 104 + 105);
    weir_source_free(&last);
    weir_stmt_free(&inner);
    weir_stmt_free(&select);
}

/* ---- updates and deletes with other tables ---- */

static void test_an_update_from_another_table(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, WEIR_ADD(WEIR_COL(order, amount_cents), TOTAL));
    weir_where(update, WEIR_EQ(WEIR_COL(order, id), ID));
    weir_where(update, WEIR_GT(WEIR_COL(order, id), 4));
    weir_returning(update, ID, TOTAL);
    writes(db, update, 2, "5,100;6,120");
    weir_source *next = weir_alias(&invoice_entity, NULL);
    update = weir_update(&invoice_entity);
    weir_set(update, STATUS, WEIR_SCOL(next, invoice, status));
    weir_set(update, TOTAL, WEIR_SCOL(next, invoice, total_cents));
    weir_where(update, WEIR_EQ(WEIR_SCOL(next, invoice, id), WEIR_ADD(ID, 1)));
    writes(db, update, 5, NULL);
    is_now(db, "SELECT total_cents FROM invoices WHERE id = 4", 100);
    weir_source_free(&next);
}

static void test_subqueries_in_writes(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    weir_stmt *lines = weir_select_columns(WEIR_SUM(WEIR_COL(order_line, quantity)));
    weir_where(lines, WEIR_EQ(WEIR_COL(order_line, order_id), WEIR_COL(order, id)));
    weir_stmt *update = weir_update(&order_entity);
    weir_set(update, WEIR_COL(order, amount_cents), WEIR_SCALAR(lines));
    weir_where(update, WEIR_EQ(WEIR_COL(order, id), 2));
    weir_returning(update, WEIR_COL(order, amount_cents), WEIR_LABEL(WEIR_SCALAR(lines), "sum"));
    writes(db, update, 1, "6,6");
    weir_stmt_free(&lines);
    lines = weir_select_columns(WEIR_COL(order_line, order_id));
    weir_where(lines, WEIR_EQ(WEIR_COL(order_line, id), 31));
    weir_stmt *delete = weir_delete(&order_entity);
    weir_where(delete, WEIR_IN_STMT(WEIR_COL(order, id), lines));
    writes(db, delete, 1, NULL);
    weir_stmt_free(&lines);
    lines = weir_select_columns(WEIR_COL(order_line, id));
    weir_where(lines, WEIR_AND(WEIR_EQ(WEIR_COL(order_line, order_id), WEIR_COL(order, id)), WEIR_GT(WEIR_COL(order_line, id), 40)));
    delete = weir_delete(&order_entity);
    weir_where(delete, WEIR_EXISTS(lines));
    weir_returning(delete, WEIR_COL(order, id));
    writes(db, delete, 1, "4");
    weir_stmt_free(&lines);
    is_now(db, "SELECT sum(id) FROM orders", 3);
}

static void test_a_delete_using_another_table(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    weir_stmt *delete = weir_delete(&invoice_entity);
    weir_where(delete, WEIR_AND(WEIR_EQ(WEIR_COL(order, id), ID), WEIR_EQ(WEIR_COL(order, tenant_id), 1)));
    if (!db->postgresql) {
        fails(db, delete, WEIR_COMPILE, "DELETE … USING");
        return;
    }
    weir_returning(delete, ID, WEIR_COL(order, amount_cents));
    writes(db, delete, 2, "1,10;3,30");
}

static void test_a_cte_that_writes(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    weir_stmt *delete = weir_delete(&invoice_entity);
    weir_where(delete, WEIR_LE(ID, 2));
    weir_returning(delete, ID, TOTAL);
    weir_source *gone = weir_cte(delete, "gone", NULL);
    weir_stmt *select = weir_select_columns(WEIR_SUM(WEIR_FIELD(gone, "total_cents")));
    weir_yield_per(select, 1);                          /* what writes is not streamed */
    writes(db, select, -1, "30");
    is_now(db, "SELECT count(*) FROM invoices", 2);
    weir_source_free(&gone);
    weir_stmt_free(&delete);
}

/* ---- upserts ---- */

static weir_stmt *upsert(int64_t id, int64_t total, const weir_expr *where)
{
    weir_stmt *stmt = weir_insert(&invoice_entity);
    weir_set(stmt, ID, id);
    weir_set(stmt, WEIR_COL(invoice, tenant_id), 9);
    weir_set(stmt, TOTAL, total);
    weir_set(stmt, STATUS, "upserted");
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID), .where = where));
    weir_returning(stmt, ID, TOTAL);
    return stmt;
}

static void test_case_175_where_false(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    writes(db, upsert(1, 5, WEIR_LT(TOTAL, WEIR_EXCLUDED(invoice, total_cents))), 0, "");
    writes(db, upsert(1, 50, WEIR_LT(TOTAL, WEIR_EXCLUDED(invoice, total_cents))), 1, "1,50");
    writes(db, upsert(3, 5, WEIR_SQL("false")), 1, "3,5");
    is_now(db, "SELECT sum(total_cents) FROM invoices", 50 + 20 + 5);
    is_now(db, "SELECT tenant_id FROM invoices WHERE id = 1", 9);
    is_now(db, "SELECT count(*) FROM invoices WHERE status = 'upserted'", 2);
    weir_stmt *sum = weir_select_columns(WEIR_SUM(WEIR_COL(order, amount_cents)));
    weir_where(sum, WEIR_LE(WEIR_COL(order, id), WEIR_EXCLUDED(invoice, total_cents)));
    weir_stmt *stmt = upsert(2, 1, NULL);
    weir_conflict_set(stmt, TOTAL, WEIR_SCALAR(sum));
    writes(db, stmt, 1, "2,10");
    weir_stmt_free(&sum);
}

static void test_case_175_mistakes_send_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_stmt *stmt = weir_insert(&invoice_entity);
    weir_set(stmt, ID, 1);
    weir_on_conflict_do_update(stmt, NULL);
    fails(db, stmt, WEIR_ARGUMENT, "it needs a target");
    stmt = weir_insert(&invoice_entity);
    weir_set(stmt, ID, 1);
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID), .constraint = "invoices_pkey"));
    fails(db, stmt, WEIR_ARGUMENT, "use one");
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "INSERT"), 0);
}

static void test_case_176_a_key_twice(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_stmt *stmt = weir_insert(&invoice_entity);
    weir_insert_row(stmt, 5, 1, 100, "a");
    weir_insert_row(stmt, 5, 1, 200, "b");
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    if (!db->postgresql) {
        writes(db, stmt, 2, NULL);
        is_now(db, "SELECT total_cents FROM invoices WHERE id = 5", 200);
        return;
    }
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_string_equal(weir_result_error(result)->sqlstate, "21000");
    assert_true(weir_status_is(weir_result_error(result)->status, WEIR_DBAPI));
    (void)!weir_result_close(&result);
    (void)!weir_connection_close(&connection);
    weir_stmt_free(&stmt);
    is_now(db, "SELECT count(*) FROM invoices", 1);
}

static weir_stmt *insert_in_state(int64_t id, int64_t tenant, const char *status)
{
    weir_stmt *stmt = weir_insert(&invoice_entity);
    weir_insert_row(stmt, id, tenant, 7, status);
    return stmt;
}

static void test_targets_of_upserts(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    test_side_run(db, "CREATE UNIQUE INDEX one_sent ON invoices(tenant_id) WHERE status = 'it''s \\ sent';"
                      "CREATE UNIQUE INDEX by_word ON invoices(lower(status)) WHERE total_cents = 7 AND status <> 'it''s \\ sent'");
    writes(db, insert_in_state(10, 1, "it's \\ sent"), 1, NULL);
    weir_stmt *stmt = insert_in_state(11, 1, "it's \\ sent");
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(invoice, tenant_id)),
                                                          .index_where = WEIR_EQ(STATUS, "it's \\ sent")));
    weir_conflict_set(stmt, TOTAL, WEIR_ADD(TOTAL, WEIR_EXCLUDED(invoice, total_cents)));
    weir_returning(stmt, ID, TOTAL);
    writes(db, stmt, 1, "10,14");
    writes(db, insert_in_state(12, 1, "Word"), 1, NULL);
    stmt = insert_in_state(13, 1, "wORD");
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_FUNC("lower", STATUS)), .index_where =
                                                           WEIR_AND(WEIR_EQ(TOTAL, 7), WEIR_NE(STATUS, "it's \\ sent"))));
    writes(db, stmt, 0, NULL);
    stmt = insert_in_state(1, 1, "other");
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.constraint = "invoices_pkey"));
    if (db->postgresql)
        writes(db, stmt, 1, NULL);
    else
        fails(db, stmt, WEIR_COMPILE, "ON CONSTRAINT");
    is_now(db, "SELECT count(*) FROM invoices", 4);
}

/* ---- names and types ---- */

static void test_case_194_names_and_values(void **state)
{
    test_database *db = *state;
    const char *value = "'); DROP TABLE orders;--%s %% \\\n\"";
    test_side_run(db, "CREATE TABLE \"we\"\"ird :t\"(id bigint PRIMARY KEY, \"select\" text)");
    weir_stmt *stmt = weir_insert(&odd_entity);
    weir_set(stmt, WEIR_COL(odd, id), 1);
    weir_set(stmt, WEIR_COL(odd, select), value);
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(odd, id)),
                                                          .where = WEIR_NE(WEIR_COL(odd, select), "x")));
    weir_conflict_set(stmt, WEIR_COL(odd, select), WEIR_EXCLUDED(odd, select));
    weir_returning(stmt, WEIR_COL(odd, select));
    writes(db, weir_stmt_copy(stmt), 1, value);
    writes(db, stmt, 1, value);
    stmt = weir_update(&odd_entity);
    weir_set(stmt, WEIR_COL(odd, select), WEIR_CONCAT("<", WEIR_COL(odd, select)));
    weir_where(stmt, WEIR_EQ(WEIR_COL(odd, select), value));
    writes(db, stmt, 1, NULL);
    stmt = weir_delete(&odd_entity);
    weir_where(stmt, WEIR_STARTS_WITH(WEIR_COL(odd, select), "<"));
    writes(db, stmt, 1, NULL);
}

static void test_types_of_members(void **state)
{
    test_database *db = *state;
    const weir_value tags[] = { weir_value_cstr("a"), weir_value_null() };
    const weir_array array = { .element_type = WEIR_T_TEXT, .dimensions = 1, .count = 2, .items = tags };
    const struct thing thing = { .id = 1, .colour = GREEN, .code = "ab", .price = { "12.50", 5 }, .uuid = { { 1, 2 } } };
    test_side_run(db, "CREATE SCHEMA shop; CREATE TYPE shop.colour AS ENUM ('red', 'green');"
                      "CREATE TABLE shop.things(id bigint PRIMARY KEY, kind shop.colour NOT NULL, code varchar(7), count bigint,"
                      " price numeric(10,2), tags text[], uuid uuid, made timestamptz)");
    weir_stmt *stmt = weir_insert(&thing_entity);
    weir_insert_row(stmt, thing.id, thing.colour, thing.code, thing.count, thing.price, &array, thing.uuid, thing.made);
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(thing, id)),
                                                          .where = WEIR_EQ(WEIR_COL(thing, colour), "green")));
    weir_returning(stmt, WEIR_COL(thing, colour), WEIR_COL(thing, code), WEIR_COL(thing, count), WEIR_COL(thing, price), WEIR_COL(thing, tags),
                   WEIR_COL(thing, made));
    writes(db, weir_stmt_copy(stmt), 1, "green,ab,NULL,12.50,{a,NULL},NULL");
    writes(db, stmt, 1, "green,ab,NULL,12.50,{a,NULL},NULL");
    stmt = weir_insert(&thing_entity);                   /* of several rows, too, PostgreSQL finds the types by the columns */
    weir_insert_row(stmt, 2, RED, "c", 5, WEIR_NULL, WEIR_NULL, thing.uuid, WEIR_NOW());
    weir_insert_row(stmt, 3, "green", WEIR_NULL, WEIR_NULL, 7, &array, WEIR_NULL, WEIR_NULL);
    weir_returning(stmt, WEIR_COL(thing, colour), WEIR_COL(thing, count), WEIR_COL(thing, price), WEIR_COL(thing, tags));
    writes(db, stmt, 2, "red,5,NULL,NULL;green,NULL,7.00,{a,NULL}");
    stmt = weir_delete(&thing_entity);
    weir_where(stmt, WEIR_GT(WEIR_COL(thing, id), 1));
    writes(db, stmt, 2, NULL);
    stmt = weir_update(&thing_entity);
    weir_set(stmt, WEIR_COL(thing, colour), RED);
    weir_set(stmt, WEIR_COL(thing, count), ((weir_opt_int64){ 5, true }));
    weir_set(stmt, WEIR_COL(thing, price), WEIR_MULTIPLY(WEIR_COL(thing, price), 2));
    weir_set(stmt, WEIR_COL(thing, made), WEIR_NOW());
    weir_where(stmt, WEIR_EQ(WEIR_COL(thing, uuid), thing.uuid));
    weir_where(stmt, WEIR_EQ(WEIR_COL(thing, colour), GREEN));
    weir_returning(stmt, WEIR_COL(thing, colour), WEIR_COL(thing, count), WEIR_COL(thing, price));
    writes(db, stmt, 1, "red,5,25.00");
}

/* ---- sessions ---- */

static void test_returning_gives_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *select = weir_select(&order_entity), *update = weir_update(&order_entity);
    weir_where(select, WEIR_EQ(WEIR_COL(order, id), 1));
    weir_result *result = weir_session_scalars(session, select);
    struct order *first = WEIR_NEXT(order, result);
    close_result_ok(&result);
    weir_set(update, WEIR_COL(order, amount_cents), WEIR_ADD(WEIR_COL(order, amount_cents), 1));
    weir_where(update, WEIR_LE(WEIR_COL(order, id), 2));
    weir_returning(update, WEIR_ENTITY_OF(order));
    weir_populate_existing(update, WEIR_ON);
    result = weir_session_scalars(session, update);
    size_t seen = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL; seen++) {
        assert_int_equal(order->amount_cents, order->id * 10 + 1);
        assert_true(order->id != 1 || order == first);
        assert_int_equal(order->lines.count, 3);        /* eager, as the mapping says */
    }
    assert_int_equal(seen, 2);
    assert_int_equal(weir_result_rowcount(result), 2);
    close_result_ok(&result);
    /* One that is expired is filled from its row, too, and the sum is not made again from what the row says. */
    assert_status(weir_session_expire(session, first), WEIR_OK);
    weir_populate_existing(update, WEIR_OFF);
    result = weir_session_scalars(session, update);
    while (WEIR_NEXT(order, result))
        continue;
    assert_int_equal(first->amount_cents, 12);
    close_result_ok(&result);
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_stmt_free(&select);
    weir_stmt_free(&update);
    is_now(db, "SELECT sum(amount_cents) FROM orders", 64);
}

/* A relationship that the mapping joins is loaded by a statement of its own where rows come from RETURNING. */
static void test_returning_with_a_joined_relationship(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *insert = weir_insert(&order_line_entity);
    weir_insert_row(insert, 501, 1, 5);
    weir_insert_row(insert, 502, 2, 5);
    weir_returning(insert, WEIR_ENTITY_OF(order_line), WEIR_LABEL(WEIR_MULTIPLY(WEIR_COL(order_line, quantity), 2), "twice"));
    weir_result *result = weir_session_execute(session, insert);
    size_t seen = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; seen++) {
        struct order_line *line = weir_row_entity(row, &order_line_entity, "order_line");
        assert_int_equal(line->quantity, 5);
        assert_int_equal(weir_row_int64(row, "twice"), 10);
        assert_status(weir_load(line, order), WEIR_OK);
        assert_int_equal(line->order->id, line->id - 500);
    }
    assert_int_equal(seen, 2);
    close_result_ok(&result);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_stmt_free(&insert);
    is_now(db, "SELECT count(*) FROM order_lines", 6);   /* closed without a commit */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_insert_update_delete),
        ON_BOTH(test_case_163_an_update_of_all_rows),
        ON_BOTH(test_case_174_upserts),
        ON_BOTH(test_case_174_do_nothing),
        ON_BOTH(test_case_155_one_execution),
        ON_BOTH(test_rows_returned_are_read_before_the_commit),
        ON_BOTH(test_rows_selects_and_defaults),
        ON_BOTH(test_an_insert_from_its_own_table),
        ON_BOTH(test_an_update_from_another_table),
        ON_BOTH(test_subqueries_in_writes),
        ON_BOTH(test_a_delete_using_another_table),
        ON_POSTGRESQL(test_a_cte_that_writes),
        ON_BOTH(test_case_175_where_false),
        ON_BOTH(test_case_175_mistakes_send_nothing),
        ON_BOTH(test_case_176_a_key_twice),
        ON_BOTH(test_targets_of_upserts),
        ON_BOTH(test_case_194_names_and_values),
        ON_POSTGRESQL(test_types_of_members),
        ON_BOTH(test_returning_gives_instances),
        ON_BOTH(test_returning_with_a_joined_relationship),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
