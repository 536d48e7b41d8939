/* Inserts, updates and deletes as text: the exact SQL for both databases, clause by clause and mistake by mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <weir/write.h>
#include "sql/compile.h"
#include "sql/write.h"

enum state { PENDING, PAID };
static const char *const state_names[] = { "pending", "paid" };
struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
struct order { int64_t id, tenant_id; enum state state; weir_opt_int64 discount; const weir_array *tags; char code[8]; };
struct numbered { int64_t id; const char *label; };
struct odd { int64_t id, select; };
struct pair { int64_t a; const char *b; int64_t n; };
struct result_only { int64_t id; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id),
            WEIR_COLUMN(invoice, total_cents), WEIR_COLUMN(invoice, status));
WEIR_ENTITY(order, "shop.orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id, .column = "tenant"),
            WEIR_ENUM_COLUMN(order, state, state_names), WEIR_COLUMN(order, discount), WEIR_COLUMN(order, tags), WEIR_COLUMN(order, code));
WEIR_ENTITY(numbered, "numbered", WEIR_COLUMN(numbered, id, .primary_key = true, .server_generated = true), WEIR_COLUMN(numbered, label));
WEIR_ENTITY(odd, "we\"ird :t", WEIR_COLUMN(odd, id, .primary_key = true), WEIR_COLUMN(odd, select));
WEIR_ENTITY(pair, "pairs", WEIR_COLUMN(pair, a, .primary_key = true), WEIR_COLUMN(pair, b, .primary_key = true), WEIR_COLUMN(pair, n));
WEIR_ENTITY(result_only, NULL, WEIR_COLUMN(result_only, id));

#define ID WEIR_COL(invoice, id)
#define TENANT WEIR_COL(invoice, tenant_id)
#define TOTAL WEIR_COL(invoice, total_cents)
#define STATUS WEIR_COL(invoice, status)

static weir_arena arena;
static weir_error error;
static weir_compiled compiled;
static weir_stmt *stmt;

static int make_arena(void **state)
{
    (void)state;
    weir_arena_init(&arena, NULL, WEIR_MEMORY_STATEMENTS, 256);
    memset(&error, 0, sizeof error);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    weir_memory_figures figures;
    weir_stmt_free(&stmt);
    weir_arena_free(&arena);
    weir_memory_usage(&figures);
    return figures.bytes == 0 ? 0 : -1;
}

static void is_text(const weir_stmt *built, const weir_dialect *dialect, const char *expected)
{
    if (weir_stmt_compile(built, dialect, &arena, &compiled, &error) != WEIR_OK)
        fail_msg("%s: %s", expected, error.message);
    assert_string_equal(compiled.sql, expected);
    assert_int_equal(compiled.facts.kind, WEIR_SQL_DML);
}

/* Checks the text for both dialects, of the statement and of a copy, and frees it; lite NULL: the same but for ? where PostgreSQL has $.
 * Leaves PostgreSQL's in `compiled`. */
static void becomes(const char *postgresql, const char *lite)
{
    char same[4096];
    if (!lite) {
        snprintf(same, sizeof same, "%s", postgresql);
        for (char *c = same; *c; c++)
            if (*c == '$')
                *c = '?';
        lite = same;
    }
    weir_stmt *copy = weir_stmt_copy(stmt);
    is_text(copy, &weir_dialect_sqlite, lite);
    is_text(copy, &weir_dialect_postgresql, postgresql);
    is_text(stmt, &weir_dialect_sqlite, lite);
    is_text(stmt, &weir_dialect_postgresql, postgresql);
    weir_stmt_free(&copy);
    weir_stmt_free(&stmt);
}

/* The mistake is kept by the statement, and by its copies. */
static void is_refused(const char *part)
{
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_ARGUMENT);
    if (!strstr(weir_stmt_error(stmt)->message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, weir_stmt_error(stmt)->message);
    weir_stmt *copy = weir_stmt_copy(stmt);
    assert_string_equal(weir_stmt_error(copy)->message, weir_stmt_error(stmt)->message);
    weir_stmt_free(&copy);
    weir_stmt_free(&stmt);
}

static void cannot_compile(const weir_dialect *dialect, int status, const char *part)
{
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_OK);
    assert_int_equal(weir_stmt_compile(stmt, dialect, &arena, &compiled, &error), status);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
}

/* ---- insert ---- */

static void test_an_insert_of_values(void **state)
{
    (void)state;
    stmt = weir_insert(&invoice_entity);
    weir_set(stmt, ID, 7);
    weir_set(stmt, STATUS, "draft");
    weir_set(stmt, TOTAL, WEIR_ADD(1, WEIR_FUNC("abs", -2)));
    becomes("INSERT INTO invoices (id, status, total_cents) VALUES ($1, $2, $3::integer + abs($4::integer))",
            "INSERT INTO invoices (id, status, total_cents) VALUES (?1, ?2, ?3 + abs(?4))");
    assert_int_equal(compiled.value_count, 4);
    assert_null(compiled.shape);
}

static void test_an_insert_of_defaults(void **state)
{
    (void)state;
    stmt = weir_insert(&numbered_entity);
    weir_returning(stmt, WEIR_COL(numbered, id));
    becomes("INSERT INTO numbered DEFAULT VALUES RETURNING numbered.id", "INSERT INTO numbered DEFAULT VALUES RETURNING id");
    stmt = weir_insert(&numbered_entity);
    weir_on_conflict_do_nothing(stmt, NULL);
    is_text(stmt, &weir_dialect_postgresql, "INSERT INTO numbered DEFAULT VALUES ON CONFLICT DO NOTHING");
    cannot_compile(&weir_dialect_sqlite, WEIR_COMPILE, "insert of defaults");
}

static void test_rows_of_values(void **state)
{
    (void)state;
    stmt = weir_insert(&numbered_entity);
    weir_insert_row(stmt, "a");
    weir_insert_row(stmt, WEIR_NULL);
    becomes("INSERT INTO numbered (label) VALUES ($1), ($2)", NULL);
    assert_int_equal(compiled.values[1].type, WEIR_T_NULL);
    stmt = weir_insert(&invoice_entity);
    weir_set_columns(stmt, STATUS, ID);
    weir_insert_row(stmt, "a", 1);
    weir_insert_row(stmt, WEIR_CONCAT("b", "c"), WEIR_SUBTRACT(3, 1));
    becomes("INSERT INTO invoices (status, id) VALUES ($1, $2), ($3 || $4, $5::integer - $6::integer)",
            "INSERT INTO invoices (status, id) VALUES (?1, ?2), (?3 || ?4, ?5 - ?6)");
}

static void test_an_insert_of_a_select(void **state)
{
    (void)state;
    weir_stmt *select = weir_select_columns(WEIR_ADD(ID, 100), STATUS);
    weir_where(select, WEIR_LT(ID, 3));
    stmt = weir_insert(&invoice_entity);
    weir_set_columns(stmt, ID, STATUS);
    weir_insert_select(stmt, select);
    weir_stmt_free(&select);
    becomes("INSERT INTO invoices (id, status) SELECT invoices.id + $1::integer AS anon_1, invoices.status FROM invoices WHERE invoices.id < $2",
            "INSERT INTO invoices (id, status) SELECT invoices.id + ?1 AS anon_1, invoices.status FROM invoices WHERE invoices.id < ?2");
    stmt = weir_insert(&numbered_entity);
    select = weir_select_columns(STATUS);
    weir_order_by(select, ID);
    weir_insert_select(stmt, select);
    weir_stmt_free(&select);
    weir_on_conflict_do_nothing(stmt, NULL);
    becomes("INSERT INTO numbered (label) SELECT invoices.status FROM invoices ORDER BY invoices.id ON CONFLICT DO NOTHING", NULL);
    stmt = weir_insert(&numbered_entity);
    select = weir_sql("SELECT :label AS label");
    WEIR_BIND(select, "label", "x");
    weir_insert_select(stmt, select);
    weir_stmt_free(&select);
    weir_on_conflict_do_nothing(stmt, NULL);
    becomes("INSERT INTO numbered (label) SELECT $1 AS label ON CONFLICT DO NOTHING",
            "INSERT INTO numbered (label) SELECT * FROM (SELECT ?1 AS label) WHERE true ON CONFLICT DO NOTHING");
}

static void test_a_subquery_in_values_is_its_own(void **state)
{
    (void)state;
    weir_source *other = weir_alias(&invoice_entity, "other");
    weir_stmt *highest = weir_select_columns(WEIR_MAX(ID));
    weir_where(highest, WEIR_EQ(TENANT, WEIR_SCOL(other, invoice, tenant_id)));
    stmt = weir_insert(&invoice_entity);
    weir_set(stmt, ID, WEIR_SCALAR(highest));
    becomes("INSERT INTO invoices (id) VALUES ((SELECT max(invoices.id) AS max_1 FROM invoices, invoices AS other WHERE invoices.tenant_id = "
            "other.tenant_id))", NULL);
    weir_stmt_free(&highest);
    weir_source_free(&other);
}

static void test_a_cte_of_an_insert_comes_first(void **state)
{
    (void)state;
    weir_stmt *inner = weir_select_columns(ID, STATUS);
    weir_source *cte = weir_cte(inner, "data", NULL);
    weir_stmt *select = weir_select_columns(WEIR_FIELD(cte, "status"));
    stmt = weir_insert(&numbered_entity);
    weir_insert_select(stmt, select);
    becomes("WITH data AS (SELECT invoices.id, invoices.status FROM invoices) INSERT INTO numbered (label) SELECT data.status FROM data", NULL);
    weir_stmt_free(&inner);
    weir_stmt_free(&select);
    weir_source_free(&cte);
}

/* ---- what columns take ---- */

static void test_values_of_every_kind_of_member(void **state)
{
    (void)state;
    struct order values = { .code = "ab", .discount = { .present = false } };
    const weir_value tags[] = { weir_value_cstr("a"), weir_value_null() };
    const weir_array array = { .element_type = WEIR_T_TEXT, .dimensions = 1, .count = 2, .items = tags };
    stmt = weir_insert(&order_entity);
    weir_set(stmt, WEIR_COL(order, tenant_id), 1);
    weir_set(stmt, WEIR_COL(order, state), PAID);
    weir_set(stmt, WEIR_COL(order, discount), values.discount);
    weir_set(stmt, WEIR_COL(order, tags), &array);
    weir_set(stmt, WEIR_COL(order, code), values.code);
    becomes("INSERT INTO shop.orders (tenant, state, discount, tags, code) VALUES ($1, $2, $3, $4, $5)", NULL);
    assert_string_equal(compiled.values[1].as.text.ptr, "paid");
    assert_int_equal(compiled.values[2].type, WEIR_T_NULL);
    assert_int_equal(compiled.values[3].as.array->count, 2);
    assert_string_equal(compiled.values[4].as.text.ptr, "ab");
    stmt = weir_update(&order_entity);
    weir_set(stmt, WEIR_COL(order, state), "pending");
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, tenant_id), 1));
    becomes("UPDATE shop.orders SET state = $1 WHERE shop.orders.tenant = $2", NULL);
    const weir_value both[] = { weir_value_int(PENDING), weir_value_cstr("paid") };
    stmt = weir_delete(&order_entity);
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, state), PAID));
    weir_where(stmt, WEIR_IN(WEIR_COL(order, state), PENDING, WEIR_NULL));
    weir_where(stmt, WEIR_NOT_IN_VALUES(WEIR_COL(order, state), both, 2));
    weir_where(stmt, WEIR_LT(1, WEIR_COL(order, id)));
    becomes("DELETE FROM shop.orders WHERE shop.orders.state = $1 AND shop.orders.state IN ($2, $3) AND shop.orders.state <> ALL ($4) AND "
            "$5 < shop.orders.id",
            "DELETE FROM shop.orders WHERE shop.orders.state = ?1 AND shop.orders.state IN (?2, ?3) AND shop.orders.state NOT IN (?4, ?5) AND "
            "?6 < shop.orders.id");
    assert_string_equal(compiled.values[0].as.text.ptr, "paid");
    assert_string_equal(compiled.values[1].as.text.ptr, "pending");
    assert_string_equal(compiled.values[3].as.array->items[0].as.text.ptr, "pending");
    stmt = weir_delete(&order_entity);
    weir_where(stmt, WEIR_EQ(-1, WEIR_COL(order, state)));
    is_refused("-1 is no value of the enum state");
    stmt = weir_update(&order_entity);
    weir_set(stmt, WEIR_COL(order, state), 2);
    is_refused("2 is no value of the enum state: it has 2 labels");
}

static void test_case_194_names_are_quoted(void **state)
{
    (void)state;
    stmt = weir_insert(&odd_entity);
    weir_set(stmt, WEIR_COL(odd, select), 1);
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(odd, select))));
    weir_conflict_set(stmt, WEIR_COL(odd, select), WEIR_EXCLUDED(odd, select));
    becomes("INSERT INTO \"we\"\"ird :t\" (\"select\") VALUES ($1) ON CONFLICT (\"select\") DO UPDATE SET \"select\" = excluded.\"select\"", NULL);
    stmt = weir_update(&odd_entity);
    weir_set(stmt, WEIR_COL(odd, select), WEIR_ADD(WEIR_COL(odd, select), 1));
    weir_where(stmt, WEIR_EQ(WEIR_COL(odd, id), 1));
    becomes("UPDATE \"we\"\"ird :t\" SET \"select\" = \"we\"\"ird :t\".\"select\" + $1::integer WHERE \"we\"\"ird :t\".id = $2",
            "UPDATE \"we\"\"ird :t\" SET \"select\" = \"we\"\"ird :t\".\"select\" + ?1 WHERE \"we\"\"ird :t\".id = ?2");
}

/* ---- update, delete ---- */

static void test_an_update(void **state)
{
    (void)state;
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, WEIR_ADD(TOTAL, 100));
    weir_set(stmt, STATUS, WEIR_NULL);
    weir_where(stmt, WEIR_OR(WEIR_EQ(ID, 1), WEIR_EQ(ID, 2)));
    weir_where(stmt, WEIR_EQ(TENANT, 0));
    weir_returning(stmt, ID, WEIR_LABEL(WEIR_MULTIPLY(TOTAL, 2), "twice"));
    becomes("UPDATE invoices SET total_cents = invoices.total_cents + $1::integer, status = $2 WHERE (invoices.id = $3 OR invoices.id = $4) AND "
            "invoices.tenant_id = $5 RETURNING invoices.id, invoices.total_cents * $6::integer AS twice",
            "UPDATE invoices SET total_cents = invoices.total_cents + ?1, status = ?2 WHERE (invoices.id = ?3 OR invoices.id = ?4) AND "
            "invoices.tenant_id = ?5 RETURNING id, total_cents * ?6 AS twice");
    assert_int_equal(compiled.shape->item_count, 2);
    assert_string_equal(compiled.shape->items[1].name, "twice");
}

static void test_an_update_from_another_table(void **state)
{
    (void)state;
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, WEIR_COL(pair, n));
    weir_where(stmt, WEIR_EQ(WEIR_COL(pair, a), ID));
    becomes("UPDATE invoices SET total_cents = pairs.n FROM pairs WHERE pairs.a = invoices.id", NULL);
    weir_source *other = weir_alias(&invoice_entity, NULL);
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, WEIR_SCOL(other, invoice, total_cents));
    weir_from(stmt, WEIR_ENTITY_OF(invoice));
    weir_from(stmt, WEIR_ENTITY_OF(pair));
    weir_where(stmt, WEIR_EQ(WEIR_SCOL(other, invoice, id), WEIR_ADD(ID, 1)));
    weir_where(stmt, WEIR_EQ(WEIR_COL(pair, a), ID));
    becomes("UPDATE invoices SET total_cents = invoice_1.total_cents FROM invoices AS invoice_1, pairs WHERE invoice_1.id = invoices.id + "
            "$1::integer AND pairs.a = invoices.id",
            "UPDATE invoices SET total_cents = invoice_1.total_cents FROM invoices AS invoice_1, pairs WHERE invoice_1.id = invoices.id + "
            "?1 AND pairs.a = invoices.id");
    weir_source_free(&other);
}

static void test_subqueries_correlate_to_the_changed_table(void **state)
{
    (void)state;
    weir_stmt *sum = weir_select_columns(WEIR_SUM(WEIR_COL(pair, n)));
    weir_where(sum, WEIR_EQ(WEIR_COL(pair, a), ID));
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, WEIR_SCALAR(sum));
    weir_where(stmt, WEIR_EXISTS(sum));
    becomes("UPDATE invoices SET total_cents = (SELECT sum(pairs.n) AS sum_1 FROM pairs WHERE pairs.a = invoices.id) WHERE EXISTS "
            "(SELECT sum(pairs.n) AS sum_1 FROM pairs WHERE pairs.a = invoices.id)", NULL);
    stmt = weir_delete(&invoice_entity);
    weir_where(stmt, WEIR_EXISTS(sum));
    becomes("DELETE FROM invoices WHERE EXISTS (SELECT sum(pairs.n) AS sum_1 FROM pairs WHERE pairs.a = invoices.id)", NULL);
    weir_stmt_free(&sum);
}

static void test_a_delete(void **state)
{
    (void)state;
    stmt = weir_delete(&invoice_entity);
    becomes("DELETE FROM invoices", NULL);
    stmt = weir_delete(&invoice_entity);
    weir_where(stmt, WEIR_IN(ID, 1, 2));
    weir_returning(stmt, WEIR_ENTITY_OF(invoice));
    becomes("DELETE FROM invoices WHERE invoices.id IN ($1, $2) RETURNING invoices.id, invoices.tenant_id, invoices.total_cents, invoices.status",
            "DELETE FROM invoices WHERE invoices.id IN (?1, ?2) RETURNING id, tenant_id, total_cents, status");
    assert_int_equal(compiled.shape->items[0].kind, WEIR_ITEM_ENTITY);
    assert_int_equal(compiled.shape->items[0].column_count, 4);
    stmt = weir_delete(&invoice_entity);
    weir_where(stmt, WEIR_EQ(ID, WEIR_COL(pair, a)));
    is_text(stmt, &weir_dialect_postgresql, "DELETE FROM invoices USING pairs WHERE invoices.id = pairs.a");
    cannot_compile(&weir_dialect_sqlite, WEIR_COMPILE, "no DELETE … USING");
    assert_non_null(strstr(error.hint, "subquery"));
}

static void test_case_189_an_update_with_a_cartesian_product_warns(void **state)
{
    (void)state;
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, 1);
    weir_where(stmt, WEIR_EQ(WEIR_COL(pair, n), 1));
    weir_returning(stmt, ID);
    is_text(stmt, &weir_dialect_postgresql, "UPDATE invoices SET total_cents = $1 FROM pairs WHERE pairs.n = $2 RETURNING invoices.id");
    assert_non_null(strstr(compiled.shape->cartesian, "UPDATE statement has a cartesian product"));
}

/* ---- upserts ---- */

static weir_stmt *insert_of_one(void)
{
    weir_stmt *made = weir_insert(&invoice_entity);
    weir_set(made, ID, 1);
    weir_set(made, TENANT, 2);
    weir_set(made, TOTAL, 3);
    return made;
}

#define ONE "INSERT INTO invoices (id, tenant_id, total_cents) VALUES ($1, $2, $3)"

static void test_targets_of_conflicts(void **state)
{
    (void)state;
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID, TENANT)));
    becomes(ONE " ON CONFLICT (id, tenant_id) DO NOTHING", NULL);
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.constraint = "invoices pkey"));
    is_text(stmt, &weir_dialect_postgresql, ONE " ON CONFLICT ON CONSTRAINT \"invoices pkey\" DO NOTHING");
    cannot_compile(&weir_dialect_sqlite, WEIR_COMPILE, "ON CONSTRAINT");
    weir_stmt_free(&stmt);
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_FUNC("lower", STATUS)),
                                                          .index_where = WEIR_AND(WEIR_EQ(STATUS, "it's"), WEIR_GT(TOTAL, 5)),
                                                          .where = WEIR_LT(TOTAL, WEIR_EXCLUDED(invoice, total_cents))));
    weir_conflict_set(stmt, TOTAL, WEIR_ADD(TOTAL, WEIR_EXCLUDED(invoice, total_cents)));
    weir_conflict_set(stmt, STATUS, "again");
    becomes(ONE " ON CONFLICT ((lower(status))) WHERE status = 'it''s' AND total_cents > 5 DO UPDATE SET total_cents = invoices.total_cents + "
            "excluded.total_cents, status = $4 WHERE invoices.total_cents < excluded.total_cents", NULL);
    assert_int_equal(compiled.value_count, 4);
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID), .index_where = WEIR_EQ(STATUS, "a\\'b")));
    becomes(ONE " ON CONFLICT (id) WHERE status = E'a\\\\''b' DO NOTHING", "INSERT INTO invoices (id, tenant_id, total_cents) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (id) WHERE status = 'a\\''b' DO NOTHING");
}

static void test_what_a_conflict_sets_by_itself(void **state)
{
    (void)state;
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    becomes(ONE " ON CONFLICT (id) DO UPDATE SET tenant_id = excluded.tenant_id, total_cents = excluded.total_cents", NULL);
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(TENANT)));
    becomes(ONE " ON CONFLICT (tenant_id) DO UPDATE SET total_cents = excluded.total_cents", NULL);      /* never the primary key */
    stmt = weir_insert(&invoice_entity);
    weir_set(stmt, ID, 1);
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    cannot_compile(&weir_dialect_sqlite, WEIR_INVALID_REQUEST, "weir_on_conflict_do_nothing");
}

static void test_case_175_mistakes_of_conflicts(void **state)
{
    (void)state;
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID), .constraint = "invoices_pkey"));
    is_refused("use one");
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, NULL);
    is_refused("it needs a target");
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.index_where = WEIR_EQ(ID, 1)));
    is_refused(".columns are missing");
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID), .where = WEIR_EQ(ID, 1)));
    is_refused(".where is of do update");
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, &(weir_conflict_options){ .constraint = "x" });
    is_refused("struct_size");
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(pair, a))));
    is_refused("its target is of invoice alone");
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, NULL);
    weir_on_conflict_do_nothing(stmt, NULL);
    is_refused("has been said already");
    stmt = insert_of_one();
    weir_conflict_set(stmt, TOTAL, 1);
    is_refused("comes before it");
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    weir_conflict_set(stmt, TOTAL, 1);
    weir_conflict_set(stmt, TOTAL, 1);
    is_refused("total_cents is set twice");
    stmt = weir_update(&invoice_entity);
    weir_on_conflict_do_nothing(stmt, NULL);
    is_refused("weir_on_conflict_do_nothing does not apply to an update");
    stmt = insert_of_one();
    weir_on_conflict_do_nothing(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID), .index_where = WEIR_SQL("status = :x")));
    WEIR_BIND(stmt, "x", "draft");
    cannot_compile(&weir_dialect_postgresql, WEIR_INVALID_REQUEST, "the target of a conflict has a parameter");
}

static void test_excluded_has_its_place(void **state)
{
    (void)state;
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, WEIR_EXCLUDED(invoice, total_cents));
    cannot_compile(&weir_dialect_sqlite, WEIR_ARGUMENT, "WEIR_EXCLUDED(invoice, total_cents) is not within");
    weir_stmt_free(&stmt);
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    weir_conflict_set(stmt, TOTAL, WEIR_EXCLUDED(pair, n));
    cannot_compile(&weir_dialect_sqlite, WEIR_ARGUMENT, "WEIR_EXCLUDED(pair, n) is not within");
}

/* ---- mistakes ---- */

static void test_mistakes_of_values(void **state)
{
    (void)state;
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, WEIR_COL(pair, n), 1);
    is_refused("weir_set takes columns of invoice alone");
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, 1);
    weir_set(stmt, TOTAL, 2);
    is_refused("invoice.total_cents is set twice");
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, (const weir_expr *)NULL);
    is_refused("NULL");
    stmt = weir_update(&invoice_entity);
    weir_set_columns(stmt, ID);
    is_refused("of the primary key");
    stmt = weir_update(&invoice_entity);
    weir_set_columns(stmt, TOTAL, TOTAL);
    is_refused("total_cents is set twice");
    stmt = weir_update(&invoice_entity);
    weir_set_columns(stmt, TOTAL);
    weir_set(stmt, TOTAL, 1);
    is_refused("total_cents is set twice");
    stmt = weir_insert(&invoice_entity);
    weir_insert_row(stmt, 1, 2);
    is_refused("2 values for 4 columns of invoice");
    stmt = insert_of_one();
    weir_insert_row(stmt, 1, 2, 3, "x");
    is_refused("values of weir_set already");
    stmt = weir_insert(&invoice_entity);
    weir_insert_row(stmt, 1, 2, 3, "x");
    weir_set(stmt, ID, 1);
    is_refused("rows of weir_insert_row already");
    stmt = weir_insert(&result_only_entity);
    is_refused("result_only has no table");
    stmt = weir_delete(&invoice_entity);
    weir_set(stmt, ID, 1);
    is_refused("weir_set does not apply to a delete");
    stmt = weir_insert(&invoice_entity);
    weir_where(stmt, WEIR_EQ(ID, 1));
    is_refused("weir_where does not apply to an insert");
    stmt = weir_update(&invoice_entity);
    weir_order_by(stmt, ID);
    is_refused("weir_order_by does not apply to an update");
    stmt = weir_select(&invoice_entity);
    weir_returning(stmt, ID);
    is_refused("weir_returning does not apply to a select");
    stmt = weir_sql("SELECT 1");
    weir_set(stmt, ID, 1);
    is_refused("weir_set does not apply to textual SQL");
}

static void test_mistakes_of_whole_statements(void **state)
{
    (void)state;
    stmt = weir_update(&invoice_entity);
    cannot_compile(&weir_dialect_sqlite, WEIR_INVALID_REQUEST, "the update of invoices has no values to set");
    weir_set_columns(stmt, TOTAL);
    cannot_compile(&weir_dialect_sqlite, WEIR_INVALID_REQUEST, "no values to set");
    weir_set(stmt, STATUS, "x");
    cannot_compile(&weir_dialect_sqlite, WEIR_INVALID_REQUEST, "nothing gives their values");
    weir_stmt_free(&stmt);
    stmt = weir_insert(&invoice_entity);
    weir_set_columns(stmt, TOTAL);
    cannot_compile(&weir_dialect_sqlite, WEIR_INVALID_REQUEST, "nothing gives their values");
    weir_stmt_free(&stmt);
    stmt = weir_update(&invoice_entity);
    weir_set(stmt, TOTAL, 1);
    weir_where(stmt, WEIR_EQ(ID, WEIR_COL(pair, a)));
    weir_returning(stmt, WEIR_COL(pair, n));
    cannot_compile(&weir_dialect_sqlite, WEIR_COMPILE, "RETURNING has columns of invoices alone on sqlite");
    is_text(stmt, &weir_dialect_postgresql, "UPDATE invoices SET total_cents = $1 FROM pairs WHERE invoices.id = pairs.a RETURNING pairs.n");
}

static void test_writes_inside_of_statements(void **state)
{
    (void)state;
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, 1);
    weir_returning(update, ID);
    weir_source *cte = weir_cte(update, "changed", NULL), *subquery = weir_subquery(update, "changed", NULL);
    stmt = weir_select_columns(WEIR_FIELD(cte, "id"));
    is_text(stmt, &weir_dialect_postgresql, "WITH changed AS (UPDATE invoices SET total_cents = $1 RETURNING invoices.id) SELECT changed.id FROM changed");
    cannot_compile(&weir_dialect_sqlite, WEIR_COMPILE, "sqlite has no WITH … AS (an update)");
    weir_stmt_free(&stmt);
    stmt = weir_select_columns(WEIR_FIELD(subquery, "id"));
    cannot_compile(&weir_dialect_postgresql, WEIR_ARGUMENT, "an update inside of another statement");
    weir_stmt_free(&stmt);
    stmt = weir_select_columns(WEIR_SCALAR(update));
    cannot_compile(&weir_dialect_postgresql, WEIR_ARGUMENT, "an update inside of another statement");
    weir_stmt_free(&stmt);
    stmt = weir_combine(WEIR_UNION, update, update);
    cannot_compile(&weir_dialect_postgresql, WEIR_ARGUMENT, "an update inside of another statement");
    weir_stmt_free(&stmt);
    stmt = weir_insert(&invoice_entity);
    weir_insert_select(stmt, update);
    is_refused("weir_insert_select takes a select, not an update");
    stmt = weir_select_from_sql(&invoice_entity, update);
    is_refused("textual SQL, not an update");
    weir_source_free(&cte);
    weir_source_free(&subquery);
    weir_stmt_free(&update);
}

/* ---- pages ---- */

static const weir_member *member(const weir_entity *entity, const char *name) { return weir_write_named(entity, name); }

static void page_is(const weir_dialect *dialect, const weir_page *page, const char *expected)
{
    if (weir_page_compile(stmt, dialect, page, &arena, &compiled, &error) != WEIR_OK)
        fail_msg("%s: %s", expected, error.message);
    assert_string_equal(compiled.sql, expected);
    assert_int_equal(compiled.facts.kind, WEIR_SQL_DML);
}

static void test_pages_of_inserts(void **state)
{
    (void)state;
    const weir_member *columns[] = { member(&invoice_entity, "id"), member(&invoice_entity, "total_cents") };
    const char *types[] = { "bigint", "integer" };
    const weir_member *key[] = { columns[0] };
    weir_page page = { .columns = columns, .types = types, .column_count = 2, .rows = 2 };
    stmt = weir_insert(&invoice_entity);
    weir_set(stmt, STATUS, "new");
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    weir_returning(stmt, TENANT);
    page_is(&weir_dialect_sqlite, &page, "INSERT INTO invoices (id, total_cents, status) VALUES (?1, ?2, ?5), (?3, ?4, ?6) ON CONFLICT (id) "
            "DO UPDATE SET total_cents = excluded.total_cents, status = excluded.status RETURNING tenant_id");
    assert_int_equal(compiled.value_count, 6);
    assert_int_equal(compiled.values[3].type, WEIR_T_NULL);
    assert_string_equal(compiled.values[5].as.text.ptr, "new");
    page.column_count = 1;
    columns[0] = member(&invoice_entity, "status");
    assert_int_equal(weir_page_compile(stmt, &weir_dialect_sqlite, &page, &arena, &compiled, &error), WEIR_ARGUMENT);
    columns[0] = key[0];
    page.column_count = 2;
    page.rows = 0;
    page_is(&weir_dialect_postgresql, &page, "INSERT INTO invoices (id, total_cents, status) SELECT sets_1.p1, sets_1.p2, $3 FROM "
            "unnest($1::bigint[], $2::integer[]) AS sets_1(p1, p2) ON CONFLICT (id) DO UPDATE SET total_cents = excluded.total_cents, "
            "status = excluded.status RETURNING invoices.tenant_id");
    page.ordered = true;
    page.sentinels = key;
    page.sentinel_count = 1;
    page.no_returning = true;
    page_is(&weir_dialect_postgresql, &page, "INSERT INTO invoices (id, total_cents, status) SELECT sets_1.p1, sets_1.p2, $3 FROM "
            "unnest($1::bigint[], $2::integer[]) WITH ORDINALITY AS sets_1(p1, p2, n) ORDER BY sets_1.n ON CONFLICT (id) DO UPDATE SET "
            "total_cents = excluded.total_cents, status = excluded.status RETURNING invoices.id");
    assert_null(compiled.shape);
    assert_int_equal(weir_page_compile(stmt, &weir_dialect_sqlite, &page, &arena, &compiled, &error), WEIR_COMPILE);
}

static void test_pages_of_updates_and_deletes(void **state)
{
    (void)state;
    const weir_member *columns[] = { member(&pair_entity, "b"), member(&pair_entity, "n"), member(&pair_entity, "a") };
    const weir_member *key[] = { columns[2], columns[0] };
    const char *types[] = { "text", "bigint", "bigint" };
    weir_page page = { .columns = columns, .types = types, .column_count = 3, .rows = 1 };
    stmt = weir_update(&pair_entity);
    weir_where(stmt, WEIR_GT(WEIR_COL(pair, n), 1));
    page_is(&weir_dialect_sqlite, &page, "UPDATE pairs SET n = ?2 WHERE pairs.b = ?1 AND pairs.a = ?3 AND pairs.n > ?4");
    page.rows = 0;
    page_is(&weir_dialect_postgresql, &page, "UPDATE pairs SET n = sets_1.p2 FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS "
            "sets_1(p1, p2, p3) WHERE pairs.b = sets_1.p1 AND pairs.a = sets_1.p3 AND pairs.n > $4");
    page.column_count = 2;
    assert_int_equal(weir_page_compile(stmt, &weir_dialect_postgresql, &page, &arena, &compiled, &error), WEIR_INVALID_REQUEST);
    weir_stmt_free(&stmt);
    stmt = weir_delete(&pair_entity);
    page = (weir_page){ .columns = key, .types = types + 1, .column_count = 2, .rows = 1 };
    page_is(&weir_dialect_sqlite, &page, "DELETE FROM pairs WHERE pairs.a = ?1 AND pairs.b = ?2");
    page = (weir_page){ .columns = key, .types = (const char *[]){ "bigint", "text" }, .column_count = 2 };
    page_is(&weir_dialect_postgresql, &page, "DELETE FROM pairs USING unnest($1::bigint[], $2::text[]) AS sets_1(p1, p2) WHERE pairs.a = "
            "sets_1.p1 AND pairs.b = sets_1.p2");
    page.in_order = true;
    page_is(&weir_dialect_postgresql, &page, "DELETE FROM pairs USING unnest($1::bigint[], $2::text[]) AS sets_1(p1, p2) WHERE pairs.a = "
            "ANY (ARRAY[sets_1.p1]) AND pairs.b = ANY (ARRAY[sets_1.p2])");
}

static void test_locks_and_types_of_pages(void **state)
{
    (void)state;
    const weir_member *key[] = { member(&pair_entity, "a"), member(&pair_entity, "b") };
    const weir_member *id[] = { member(&order_entity, "id") };
    weir_page page = { .columns = key, .types = (const char *[]){ "bigint", "text" }, .column_count = 2 };
    assert_int_equal(weir_page_compile_lock(&pair_entity, &weir_dialect_postgresql, &page, &arena, &compiled, &error), WEIR_OK);
    assert_string_equal(compiled.sql, "SELECT count(*) FROM (SELECT 1 FROM pairs, unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS sets_1(p1, p2, "
                                      "n) WHERE pairs.a = sets_1.p1 AND pairs.b = sets_1.p2 ORDER BY sets_1.n FOR UPDATE) AS locked");
    assert_true(compiled.facts.locks_rows && compiled.value_count == 2);
    assert_int_equal(weir_page_compile_lock(&pair_entity, &weir_dialect_sqlite, &page, &arena, &compiled, &error), WEIR_COMPILE);
    page = (weir_page){ .columns = id, .types = (const char *[]){ "bigint" }, .column_count = 1 };
    assert_int_equal(weir_page_compile_lock(&order_entity, &weir_dialect_postgresql, &page, &arena, &compiled, &error), WEIR_OK);
    assert_string_equal(compiled.sql, "SELECT count(*) FROM (SELECT 1 FROM shop.orders, unnest($1::bigint[]) WITH ORDINALITY AS sets_1(p1, n) WHERE "
                                      "shop.orders.id = sets_1.p1 ORDER BY sets_1.n FOR UPDATE) AS locked");
    assert_int_equal(weir_page_compile_types(&order_entity, &weir_dialect_postgresql, &page, &arena, &compiled, &error), WEIR_OK);
    assert_string_equal(compiled.sql, "SELECT shop.orders.id FROM shop.orders WHERE false");
}

static void test_text_for_reading(void **state)
{
    (void)state;
    char text[512];
    stmt = insert_of_one();
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)));
    weir_conflict_set(stmt, STATUS, "it's");
    assert_true(weir_stmt_text(stmt, "postgresql", true, text, sizeof text, NULL) > 0);
    assert_string_equal(text, "INSERT INTO invoices (id, tenant_id, total_cents) VALUES (1, 2, 3) ON CONFLICT (id) DO UPDATE SET status = 'it''s'");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        TEST(test_an_insert_of_values),
        TEST(test_an_insert_of_defaults),
        TEST(test_rows_of_values),
        TEST(test_an_insert_of_a_select),
        TEST(test_a_subquery_in_values_is_its_own),
        TEST(test_a_cte_of_an_insert_comes_first),
        TEST(test_values_of_every_kind_of_member),
        TEST(test_case_194_names_are_quoted),
        TEST(test_an_update),
        TEST(test_an_update_from_another_table),
        TEST(test_subqueries_correlate_to_the_changed_table),
        TEST(test_a_delete),
        TEST(test_case_189_an_update_with_a_cartesian_product_warns),
        TEST(test_targets_of_conflicts),
        TEST(test_what_a_conflict_sets_by_itself),
        TEST(test_case_175_mistakes_of_conflicts),
        TEST(test_excluded_has_its_place),
        TEST(test_mistakes_of_values),
        TEST(test_mistakes_of_whole_statements),
        TEST(test_writes_inside_of_statements),
        TEST(test_pages_of_inserts),
        TEST(test_pages_of_updates_and_deletes),
        TEST(test_locks_and_types_of_pages),
        TEST(test_text_for_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
