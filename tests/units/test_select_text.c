/* Select trees as text: the exact SQL for both databases, its parameters, and the shape of the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <weir/select.h>
#include "base/values.h"
#include "sql/compile.h"

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(line);
WEIR_ENTITY_DECLARE(tag);
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct line) lines; WEIR_MANY(struct tag) tags; };
struct line { int64_t id, order_id; int32_t quantity; struct order *order; };
struct tag { int64_t id; const char *label; };
struct invoice { int64_t id, tenant_id; };
struct pair { int64_t a; const char *b; };
struct odd { int64_t id, select; };
struct short_order { int64_t id; const char *state; };
WEIR_ENTITY(short_order, "orders", WEIR_COLUMN(short_order, id, .primary_key = true), WEIR_COLUMN(short_order, state));
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state), WEIR_HAS_MANY(order, lines, line, order_id, .order_by = "quantity DESC, id"),
            WEIR_MANY_TO_MANY(order, tags, tag, "order_tags", "order_id", "tag_id"));
WEIR_ENTITY(line, "order_lines", WEIR_COLUMN(line, id, .primary_key = true), WEIR_COLUMN(line, order_id, .foreign_key = "orders.id"),
            WEIR_COLUMN(line, quantity), WEIR_BELONGS_TO(line, order, order, order_id));
WEIR_ENTITY(tag, "app.tags", WEIR_COLUMN(tag, id, .primary_key = true), WEIR_COLUMN(tag, label));
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id));
WEIR_ENTITY(pair, "pairs", WEIR_COLUMN(pair, a, .primary_key = true), WEIR_COLUMN(pair, b, .primary_key = true));
WEIR_ENTITY(odd, "we\"ird :t", WEIR_COLUMN(odd, id, .primary_key = true), WEIR_COLUMN(odd, select));

static bool counting;
static long allocations_left;

static bool may_allocate(void) { return !counting || allocations_left-- > 0; }
static void *take(size_t size, void *context) { (void)context; return may_allocate() ? malloc(size) : NULL; }
static void *resize(void *block, size_t size, void *context) { (void)context; return may_allocate() ? realloc(block, size) : NULL; }
static void release(void *block, void *context) { (void)context; free(block); }

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

/* From the second time on what is kept is used: nothing may differ. */
static void is_kept_text(const weir_dialect *dialect, const char *expected)
{
    for (int time = 0; time < 3; time++) {
        weir_compiled kept;
        assert_int_equal(weir_stmt_compile_kept(stmt, dialect, &arena, &kept, &error), WEIR_OK);
        assert_string_equal(kept.sql, expected);
        assert_int_equal(kept.value_count, compiled.value_count);
        for (size_t i = 0; i < kept.value_count; i++) {
            assert_true(weir_value_equal(&kept.values[i], &compiled.values[i]) || kept.values[i].type == WEIR_T_NULL);
            assert_string_equal(kept.names[i], compiled.names[i]);
        }
        assert_int_equal(kept.kept != NULL, time > 0);
        weir_kept_let_go(kept.kept);
    }
}

static void is_text(const weir_dialect *dialect, const char *expected)
{
    if (weir_stmt_compile(stmt, dialect, &arena, &compiled, &error) != WEIR_OK)
        fail_msg("%s: %s", expected, error.message);
    assert_string_equal(compiled.sql, expected);
    assert_int_equal(compiled.sql_length, strlen(expected));
    weir_stmt *copy = weir_stmt_copy(stmt), *built = stmt;  /* which was not executed before */
    stmt = copy;
    is_kept_text(dialect, expected);
    stmt = built;
    weir_stmt_free(&copy);
}

/* Checks the text for both dialects; lite NULL: the same but for ? where PostgreSQL has $. Leaves PostgreSQL's in `compiled`. */
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
    is_text(&weir_dialect_sqlite, lite);
    is_text(&weir_dialect_postgresql, postgresql);
}

static void refused(const weir_dialect *dialect, int status, const char *part)
{
    assert_int_equal(weir_stmt_compile(stmt, dialect, &arena, &compiled, &error), status);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
}

#define ORDER_COLUMNS "orders.id, orders.tenant_id, orders.amount_cents, orders.state"
/* select(order.id).where(…) */
#define WHERE(condition_) (stmt = weir_select_columns(WEIR_COL(order, id)), weir_where(stmt, (condition_)))
static void where_is(const char *postgresql, const char *lite)
{
    char texts[2][1024];
    snprintf(texts[0], sizeof texts[0], "SELECT orders.id FROM orders WHERE %s", postgresql);
    snprintf(texts[1], sizeof texts[1], "SELECT orders.id FROM orders WHERE %s", lite ? lite : "");
    becomes(texts[0], lite ? texts[1] : NULL);
    weir_stmt_free(&stmt);
}

/* ---- conditions ---- */

static void test_an_entity_is_selected_by_its_columns(void **state)
{
    (void)state;
    stmt = weir_select(&order_entity);
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, tenant_id), 1));
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, state), "paid"));
    weir_order_by(stmt, WEIR_COL(order, id));
    becomes("SELECT " ORDER_COLUMNS " FROM orders WHERE orders.tenant_id = $1 AND orders.state = $2 ORDER BY orders.id", NULL);
    assert_int_equal(compiled.value_count, 2);
    assert_string_equal(compiled.names[1], "param_2");
    assert_true(compiled.values[1].type == WEIR_T_TEXT && !strcmp(compiled.values[1].as.text.ptr, "paid"));
    assert_int_equal(compiled.facts.kind, WEIR_SQL_SELECT);
    assert_true(compiled.facts.ordered && !compiled.facts.locks_rows);
    assert_int_equal(compiled.shape->item_count, 1);
    assert_true(compiled.shape->items[0].kind == WEIR_ITEM_ENTITY && compiled.shape->items[0].entity == &order_entity);
    assert_int_equal(compiled.shape->items[0].column_count, 4);
}

static void test_case_184_null_and_negations(void **state)
{
    (void)state;
    const weir_value two[] = { weir_value_int(1), weir_value_int(2) };
    WHERE(WEIR_EQ(WEIR_COL(order, state), WEIR_NULL)); where_is("orders.state IS NULL", NULL);
    WHERE(WEIR_NE(WEIR_COL(order, state), (const char *)NULL)); where_is("orders.state IS NOT NULL", NULL);
    WHERE(WEIR_NOT(WEIR_EQ(WEIR_COL(order, state), WEIR_NULL))); where_is("orders.state IS NOT NULL", NULL);
    WHERE(WEIR_NOT(WEIR_IS_NULL(WEIR_COL(order, state)))); where_is("orders.state IS NOT NULL", NULL);
    WHERE(WEIR_NOT(WEIR_LIKE(WEIR_COL(order, state), "p%"))); where_is("orders.state NOT LIKE $1", NULL);
    WHERE(WEIR_NOT(WEIR_BETWEEN(WEIR_COL(order, id), 1, 2))); where_is("orders.id NOT BETWEEN $1 AND $2", NULL);
    WHERE(WEIR_NOT(WEIR_IN(WEIR_COL(order, id), 1, 2))); where_is("orders.id NOT IN ($1, $2)", NULL);
    WHERE(WEIR_NOT(WEIR_NOT_IN_VALUES(WEIR_COL(order, id), two, 2))); where_is("orders.id = ANY ($1)", "orders.id IN (?1, ?2)");
    WHERE(WEIR_NOT(WEIR_LT(WEIR_COL(order, id), 3))); where_is("orders.id >= $1", NULL);
    WHERE(WEIR_NOT(WEIR_NOT(WEIR_COL(order, id)))); where_is("orders.id", NULL);
    WHERE(WEIR_NOT(WEIR_AND(WEIR_COL(order, id), WEIR_COL(order, state)))); where_is("NOT (orders.id AND orders.state)", NULL);
}

static void test_parentheses_are_as_few_as_are_right(void **state)
{
    (void)state;
    const weir_expr *a = WEIR_EQ(WEIR_COL(order, id), 1), *b = WEIR_EQ(WEIR_COL(order, id), 2), *c = WEIR_EQ(WEIR_COL(order, id), 3);
    WHERE(WEIR_OR(WEIR_AND(a, b), c)); where_is("orders.id = $1 AND orders.id = $2 OR orders.id = $3", NULL);
    WHERE(WEIR_AND(WEIR_OR(a, b), c)); where_is("(orders.id = $1 OR orders.id = $2) AND orders.id = $3", NULL);
    WHERE(WEIR_EQ(WEIR_MULTIPLY(WEIR_ADD(WEIR_COL(order, id), 1), 2), 3));
    where_is("(orders.id + $1::integer) * $2::integer = $3", "(orders.id + ?1) * ?2 = ?3");
    WHERE(WEIR_EQ(WEIR_SUBTRACT(WEIR_COL(order, id), WEIR_SUBTRACT(WEIR_COL(order, id), WEIR_COL(order, id))), 3));
    where_is("orders.id - (orders.id - orders.id) = $1", NULL);
    WHERE(WEIR_EQ(WEIR_NEGATE(WEIR_NEGATE(WEIR_COL(order, id))), 3)); where_is("-(-orders.id) = $1", NULL);
    WHERE(WEIR_EQ(WEIR_EQ(WEIR_COL(order, id), 1), true)); where_is("(orders.id = $1) = $2", NULL);
    WHERE(WEIR_EQ(WEIR_CONCAT(WEIR_ADD(WEIR_COL(order, id), WEIR_COL(order, id)), WEIR_COL(order, state)), "x"));
    where_is("(orders.id + orders.id) || orders.state = $1", NULL);
}

static void test_case_185_contains_escapes_its_text(void **state)
{
    (void)state;
    WHERE(WEIR_CONTAINS(WEIR_COL(order, state), "50%_off/")); where_is("orders.state LIKE $1 ESCAPE '/'", NULL);
    assert_string_equal(compiled.values[0].as.text.ptr, "%50/%/_off//%");
    WHERE(WEIR_STARTS_WITH(WEIR_COL(order, state), "p")); where_is("orders.state LIKE $1 ESCAPE '/'", NULL);
    assert_string_equal(compiled.values[0].as.text.ptr, "p%");
    WHERE(WEIR_ILIKE(WEIR_COL(order, state), "P%")); where_is("orders.state ILIKE $1", "lower(orders.state) LIKE lower(?1)");
}

static void test_lists(void **state)
{
    (void)state;
    const weir_value rows[] = { weir_value_int(1), weir_value_cstr("x"), weir_value_int(2), weir_value_cstr("y") };
    WHERE(WEIR_IN_VALUES(WEIR_COL(order, id), NULL, 0)); where_is("1 = 0", NULL);
    WHERE(WEIR_NOT_IN_VALUES(WEIR_COL(order, id), NULL, 0)); where_is("1 = 1", NULL);
    WHERE(WEIR_NOT_IN_VALUES(WEIR_COL(order, id), rows, 1)); where_is("orders.id <> ALL ($1)", "orders.id NOT IN (?1)");
    assert_true(compiled.values[0].type == WEIR_T_ARRAY && compiled.values[0].as.array->count == 1);
    WHERE(WEIR_IN_VALUES(WEIR_TUPLE(WEIR_COL(order, id), WEIR_COL(order, state)), rows, 4));
    where_is("(orders.id, orders.state) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))", "(orders.id, orders.state) IN (VALUES (?1, ?2), (?3, ?4))");
    assert_int_equal(compiled.value_count, 2);
    WHERE(WEIR_GT(WEIR_TUPLE(WEIR_COL(order, tenant_id), WEIR_COL(order, id)), WEIR_TUPLE(0, 8)));
    where_is("(orders.tenant_id, orders.id) > ($1, $2)", NULL);
    WHERE(WEIR_IN_VALUES(WEIR_TUPLE(WEIR_COL(order, id), WEIR_COL(order, state)), rows, 3));
    refused(&weir_dialect_postgresql, WEIR_ARGUMENT, "no list of rows of 2");
}

static void test_fragments_bind_their_names(void **state)
{
    (void)state;
    WHERE(WEIR_AND(WEIR_SQL("amount_cents > :least OR :least IS NULL -- why"), WEIR_EQ(WEIR_COL(order, id), 7)));
    weir_bind(stmt, "least", weir_value_int(5));
    becomes("SELECT orders.id FROM orders WHERE (amount_cents > $1 OR $1 IS NULL -- why\n) AND orders.id = $2", NULL);
    assert_string_equal(compiled.names[0], "least");
    assert_int_equal(compiled.values[0].as.i, 5);
}

static void test_case_190_a_missing_bind(void **state)
{
    (void)state;
    WHERE(WEIR_SQL("id = :x"));
    refused(&weir_dialect_postgresql, WEIR_INVALID_REQUEST, "A value is required for bind parameter 'x'");
}

static void test_a_fragment_cannot_end_the_statement(void **state)
{
    (void)state;
    WHERE(WEIR_SQL("1=1"));
    becomes("SELECT orders.id FROM orders WHERE (1=1)", NULL);
    weir_where(stmt, WEIR_FUNC0("x); DROP TABLE orders; --"));
    assert_int_not_equal(weir_stmt_compile(stmt, &weir_dialect_postgresql, &arena, &compiled, &error), WEIR_OK);
}

/* ---- the select list ---- */

static void test_case_090_names_of_columns_are_unique(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_COL(order, id), WEIR_COL(line, id), WEIR_COL(line, quantity), WEIR_COUNT(), WEIR_SUM(WEIR_COL(line, quantity)),
                               WEIR_LABEL(WEIR_COL(order, state), "select"));
    weir_join(stmt, WEIR_COL(order, lines));
    becomes("SELECT orders.id, order_lines.id AS id_1, order_lines.quantity, count(*) AS count_1, sum(order_lines.quantity) AS sum_1, "
            "orders.state AS \"select\" FROM orders JOIN order_lines ON orders.id = order_lines.order_id", NULL);
    assert_int_equal(compiled.shape->item_count, 6);
    assert_string_equal(compiled.shape->items[1].name, "id_1");
    assert_string_equal(compiled.shape->items[5].name, "select");
    assert_int_equal(compiled.shape->items[5].first_column, 5);
}

static void test_case_194_odd_names_are_quoted(void **state)
{
    (void)state;
    stmt = weir_select(&odd_entity);
    weir_order_by(stmt, WEIR_DESC(WEIR_COL(odd, select)));
    becomes("SELECT \"we\"\"ird :t\".id, \"we\"\"ird :t\".\"select\" FROM \"we\"\"ird :t\" ORDER BY \"we\"\"ird :t\".\"select\" DESC", NULL);
}

static void test_constants_functions_case_and_cast(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_LABEL(1, "one"), WEIR_NOW(), WEIR_CAST("2024-05-01", "date"), WEIR_COALESCE(WEIR_COL(order, amount_cents), 0),
                               WEIR_CASE(WEIR_GT(WEIR_COL(order, id), 5), "big", "small"));
    becomes("SELECT $1::integer AS one, CURRENT_TIMESTAMP AS now_1, CAST($2 AS date) AS anon_1, coalesce(orders.amount_cents, $3::integer) AS coalesce_1, "
            "CASE WHEN orders.id > $4 THEN $5 ELSE $6 END AS anon_2 FROM orders",
            "SELECT ?1 AS one, CURRENT_TIMESTAMP AS now_1, CAST(?2 AS date) AS anon_1, coalesce(orders.amount_cents, ?3) AS coalesce_1, "
            "CASE WHEN orders.id > ?4 THEN ?5 ELSE ?6 END AS anon_2 FROM orders");
}

static void test_groups_repeat_the_selected_text(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_LABEL(WEIR_MODULO(WEIR_COL(order, id), 7), "rest"), WEIR_LABEL(WEIR_COUNT(), "n"));
    weir_group_by(stmt, WEIR_MODULO(WEIR_COL(order, id), 7));
    weir_having(stmt, WEIR_GT(WEIR_COUNT(), 1));
    weir_order_by(stmt, WEIR_DESC(WEIR_LABEL_REF("n")));
    weir_order_by(stmt, WEIR_MODULO(WEIR_COL(order, id), 7));
    becomes("SELECT orders.id % $1::integer AS rest, count(*) AS n FROM orders GROUP BY orders.id % $1::integer HAVING count(*) > $2 "
            "ORDER BY n DESC, orders.id % $1::integer",
            "SELECT orders.id % ?1 AS rest, count(*) AS n FROM orders GROUP BY orders.id % ?1 HAVING count(*) > ?2 ORDER BY n DESC, orders.id % ?1");
}

static void test_case_187_windows(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_LABEL(WEIR_OVER(WEIR_FUNC0("row_number"), .partition_by = WEIR_EXPRS(WEIR_COL(order, tenant_id)),
                                                    .order_by = WEIR_EXPRS(WEIR_DESC(WEIR_COL(order, id)))), "n"),
                               WEIR_LABEL(WEIR_OVER(WEIR_FILTER(WEIR_SUM(WEIR_COL(order, id)), WEIR_GT(WEIR_COL(order, id), 2)),
                                                    .order_by = WEIR_EXPRS(WEIR_COL(order, id)), .frame = WEIR_FRAME_ROWS, .from = -2, .to = 0), "s"),
                               WEIR_COUNT_OF(WEIR_DISTINCT(WEIR_COL(order, tenant_id))));
    becomes("SELECT row_number() OVER (PARTITION BY orders.tenant_id ORDER BY orders.id DESC) AS n, sum(orders.id) FILTER (WHERE orders.id > $1) "
            "OVER (ORDER BY orders.id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s, count(DISTINCT orders.tenant_id) AS count_1 FROM orders", NULL);
}

static void test_case_186_orders_and_limits(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_order_by(stmt, WEIR_NULLS_LAST(WEIR_DESC(WEIR_COL(order, state))));
    weir_order_by(stmt, WEIR_NULLS_FIRST(WEIR_ASC(WEIR_COL(order, id))));
    weir_offset(stmt, 3);
    becomes("SELECT orders.id FROM orders ORDER BY orders.state DESC NULLS LAST, orders.id ASC NULLS FIRST OFFSET $1",
            "SELECT orders.id FROM orders ORDER BY orders.state DESC NULLS LAST, orders.id ASC NULLS FIRST LIMIT -1 OFFSET ?1");
    weir_limit(stmt, 0);
    becomes("SELECT orders.id FROM orders ORDER BY orders.state DESC NULLS LAST, orders.id ASC NULLS FIRST LIMIT $1 OFFSET $2", NULL);
    assert_int_equal(compiled.values[0].as.i, 0);
}

static void test_distinct_and_distinct_on(void **state)
{
    (void)state;
    stmt = weir_select(&order_entity);
    weir_distinct(stmt);
    becomes("SELECT DISTINCT " ORDER_COLUMNS " FROM orders", NULL);
    assert_null(compiled.shape->entity_without_key);
    weir_stmt_free(&stmt);
    stmt = weir_select(&order_entity);
    weir_distinct_on(stmt, WEIR_COL(order, tenant_id));
    is_text(&weir_dialect_postgresql, "SELECT DISTINCT ON (orders.tenant_id) " ORDER_COLUMNS " FROM orders");
    assert_string_equal(compiled.shape->entity_without_key, "order");
    refused(&weir_dialect_sqlite, WEIR_COMPILE, "DISTINCT ON");
}

/* ---- from ---- */

static void test_joins(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_COL(line, id), WEIR_COL(order, state));
    weir_join(stmt, WEIR_COL(line, order));
    becomes("SELECT order_lines.id, orders.state FROM order_lines JOIN orders ON order_lines.order_id = orders.id", NULL);
    weir_stmt_free(&stmt);
    stmt = weir_select_columns(WEIR_COL(order, id), WEIR_COL(tag, label));
    weir_outer_join(stmt, WEIR_COL(order, tags));
    becomes("SELECT orders.id, app.tags.label FROM orders LEFT OUTER JOIN (order_tags AS order_tags_1 JOIN app.tags "
            "ON order_tags_1.tag_id = app.tags.id) ON orders.id = order_tags_1.order_id", NULL);
    weir_stmt_free(&stmt);
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_join(stmt, WEIR_ENTITY_OF(line));
    weir_outer_join_on(stmt, WEIR_ENTITY_OF(invoice), WEIR_EQ(WEIR_COL(invoice, id), WEIR_COL(order, id)));
    becomes("SELECT orders.id FROM orders JOIN order_lines ON orders.id = order_lines.order_id LEFT OUTER JOIN invoices ON invoices.id = orders.id", NULL);
}

static void test_a_self_join_by_alias(void **state)
{
    (void)state;
    weir_source *other = weir_alias(&order_entity, NULL);
    stmt = weir_select_columns(WEIR_COL(order, id), WEIR_SCOL(other, order, id));
    weir_join_on(stmt, WEIR_ALIAS_OF(other, order), WEIR_LT(WEIR_SCOL(other, order, id), WEIR_COL(order, id)));
    weir_source_free(&other);
    becomes("SELECT orders.id, order_1.id AS id_1 FROM orders JOIN orders AS order_1 ON order_1.id < orders.id", NULL);
}

static void test_subqueries_correlate(void **state)
{
    (void)state;
    weir_stmt *lines = weir_select_columns(WEIR_COL(line, id)), *ids = weir_select_columns(WEIR_COL(order, id));
    weir_where(lines, WEIR_EQ(WEIR_COL(line, order_id), WEIR_COL(order, id)));
    WHERE(WEIR_EXISTS(lines));
    becomes("SELECT orders.id FROM orders WHERE EXISTS (SELECT order_lines.id FROM order_lines WHERE order_lines.order_id = orders.id)", NULL);
    assert_null(compiled.shape->cartesian);
    weir_stmt_free(&stmt);
    WHERE(WEIR_NOT(WEIR_EXISTS(lines)));
    becomes("SELECT orders.id FROM orders WHERE NOT EXISTS (SELECT order_lines.id FROM order_lines WHERE order_lines.order_id = orders.id)", NULL);
    weir_stmt_free(&stmt);
    weir_yield_per(ids, 5);
    WHERE(WEIR_IN_STMT(WEIR_COL(order, id), ids));
    becomes("SELECT orders.id FROM orders WHERE orders.id IN (SELECT orders.id FROM orders)", NULL);
    assert_int_equal(compiled.shape->subquery_options, 1);
    weir_stmt_free(&lines);
    weir_stmt_free(&ids);
}

/* All that it names the statement around it has, too: read once more, it would have nothing to do with the row outside. */
static void test_a_subquery_without_a_table_of_its_own(void **state)
{
    (void)state;
    weir_stmt *lines = weir_select_columns(WEIR_COL(line, id));
    weir_where(lines, WEIR_EQ(WEIR_COL(line, order_id), WEIR_COL(order, id)));
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_join(stmt, WEIR_COL(order, lines));
    weir_where(stmt, WEIR_EXISTS(lines));
    refused(&weir_dialect_postgresql, WEIR_INVALID_REQUEST, "has no table of its own left");
    weir_stmt_free(&stmt);
    weir_from(lines, WEIR_ENTITY_OF(line));
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_join(stmt, WEIR_COL(order, lines));
    weir_where(stmt, WEIR_EXISTS(lines));
    becomes("SELECT orders.id FROM orders JOIN order_lines ON orders.id = order_lines.order_id WHERE EXISTS (SELECT order_lines.id FROM order_lines WHERE "
            "order_lines.order_id = orders.id)", NULL);
    weir_stmt_free(&stmt);
    weir_stmt_free(&lines);
}

static void test_ctes_and_subqueries_stand_once(void **state)
{
    (void)state;
    weir_stmt *one = weir_select_columns(WEIR_LABEL(1, "n")), *next;
    weir_source *numbers = weir_cte_recursive("numbers");
    next = weir_select_columns(WEIR_ADD(WEIR_FIELD(numbers, "n"), 1));
    weir_where(next, WEIR_LT(WEIR_FIELD(numbers, "n"), 10));
    weir_cte_define(numbers, one, next, true);
    stmt = weir_select_columns(WEIR_FIELD(numbers, "n"));
    weir_order_by(stmt, WEIR_FIELD(numbers, "n"));
    weir_source_free(&numbers);
    becomes("WITH RECURSIVE numbers AS (SELECT $1::integer AS n UNION ALL SELECT numbers.n + $2::integer AS anon_1 FROM numbers WHERE numbers.n < $3) "
            "SELECT numbers.n FROM numbers ORDER BY numbers.n",
            "WITH RECURSIVE numbers AS (SELECT ?1 AS n UNION ALL SELECT numbers.n + ?2 AS anon_1 FROM numbers WHERE numbers.n < ?3) "
            "SELECT numbers.n FROM numbers ORDER BY numbers.n");
    weir_stmt_free(&stmt);
    weir_source *inner = weir_subquery(one, NULL, NULL);
    stmt = weir_select_columns(WEIR_FIELD(inner, "n"));
    weir_source_free(&inner);
    becomes("SELECT anon_1.n FROM (SELECT $1::integer AS n) AS anon_1", "SELECT anon_1.n FROM (SELECT ?1 AS n) AS anon_1");
    weir_stmt_free(&one);
    weir_stmt_free(&next);
}

static void test_unions(void **state)
{
    (void)state;
    weir_stmt *orders = weir_select_columns(WEIR_COL(order, id)), *invoices = weir_select_columns(WEIR_COL(invoice, id));
    stmt = weir_combine(WEIR_UNION_ALL, orders, invoices);
    weir_order_by(stmt, WEIR_DESC(WEIR_COL(order, id)));
    weir_limit(stmt, 3);
    becomes("SELECT orders.id FROM orders UNION ALL SELECT invoices.id FROM invoices ORDER BY id DESC LIMIT $1", NULL);
    weir_stmt_free(&stmt);
    weir_limit(invoices, 2);
    stmt = weir_combine(WEIR_EXCEPT, orders, invoices);
    becomes("SELECT orders.id FROM orders EXCEPT (SELECT invoices.id FROM invoices LIMIT $1)",
            "SELECT orders.id FROM orders EXCEPT SELECT * FROM (SELECT invoices.id FROM invoices LIMIT ?1)");
    weir_stmt_free(&orders);
    weir_stmt_free(&invoices);
}

static void test_case_189_a_cartesian_product_is_told(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_COL(order, id), WEIR_COL(invoice, id));
    becomes("SELECT orders.id, invoices.id AS id_1 FROM orders, invoices", NULL);
    assert_string_equal(compiled.shape->cartesian,
                        "SELECT statement has a cartesian product between FROM element(s) \"orders\" and FROM element \"invoices\".  "
                        "Apply join condition(s) between each element to resolve.");
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, id), WEIR_COL(invoice, id)));
    becomes("SELECT orders.id, invoices.id AS id_1 FROM orders, invoices WHERE orders.id = invoices.id", NULL);
    assert_null(compiled.shape->cartesian);
}

/* ---- locks ---- */

static void test_case_178_locks(void **state)
{
    (void)state;
    static const struct { weir_lock_options options; const char *text; } cases[] = {
        { { .struct_size = sizeof(weir_lock_options) }, " FOR UPDATE" },
        { { .struct_size = sizeof(weir_lock_options), .read = true }, " FOR SHARE" },
        { { .struct_size = sizeof(weir_lock_options), .key_share = true }, " FOR NO KEY UPDATE" },
        { { .struct_size = sizeof(weir_lock_options), .key_share = true, .read = true }, " FOR KEY SHARE" },
        { { .struct_size = sizeof(weir_lock_options), .nowait = true }, " FOR UPDATE NOWAIT" },
        { { .struct_size = sizeof(weir_lock_options), .skip_locked = true }, " FOR UPDATE SKIP LOCKED" },
    };
    char expected[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stmt = weir_select_columns(WEIR_COL(order, id));
        weir_with_for_update(stmt, &cases[i].options);
        snprintf(expected, sizeof expected, "SELECT orders.id FROM orders%s", cases[i].text);
        becomes(expected, "SELECT orders.id FROM orders");
        assert_true(compiled.facts.locks_rows);
        weir_stmt_free(&stmt);
    }
    stmt = weir_select_columns(WEIR_COL(order, id), WEIR_COL(tag, id));
    weir_join(stmt, WEIR_COL(order, tags));
    weir_with_for_update(stmt, WEIR_LOCK_OPTIONS(.of = WEIR_EXPRS(WEIR_COL(order, id), WEIR_ENTITY_OF(tag), WEIR_COL(order, state)), .strict = true));
    is_text(&weir_dialect_postgresql, "SELECT orders.id, app.tags.id AS id_1 FROM orders JOIN (order_tags AS order_tags_1 JOIN app.tags "
                                      "ON order_tags_1.tag_id = app.tags.id) ON orders.id = order_tags_1.order_id FOR UPDATE OF orders, tags");
    refused(&weir_dialect_sqlite, WEIR_COMPILE, "no row locks");
}

/* ---- joined loads ---- */

#define JOINED_LINES " LEFT OUTER JOIN order_lines AS line_1 ON "

static void test_case_045_a_joined_to_one(void **state)
{
    (void)state;
    stmt = weir_select(&line_entity);
    weir_joinedload(stmt, WEIR_COL(line, order));
    weir_limit(stmt, 2);
    becomes("SELECT order_lines.id, order_lines.order_id, order_lines.quantity, order_1.id AS id_1, order_1.tenant_id, order_1.amount_cents, order_1.state "
            "FROM order_lines LEFT OUTER JOIN orders AS order_1 ON order_lines.order_id = order_1.id LIMIT $1", NULL);
    assert_int_equal(compiled.shape->visible_count, 1);
    assert_int_equal(compiled.shape->item_count, 2);
    const weir_select_item *hidden = &compiled.shape->items[1];
    assert_true(hidden->hidden && hidden->entity == &order_entity && hidden->parent_item == 0 && hidden->first_column == 3 && hidden->column_count == 4);
    assert_string_equal(hidden->relationship->name, "order");
    assert_false(compiled.shape->joined_collection);
}

static void test_case_046_disabled_eager_loads(void **state)
{
    (void)state;
    stmt = weir_select(&order_entity);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_disable_eagerloads(stmt);
    becomes("SELECT " ORDER_COLUMNS " FROM orders", NULL);
    assert_true(compiled.shape->disable_eagerloads && compiled.shape->item_count == 1);
}

static void test_case_047_a_joined_collection_in_its_order(void **state)
{
    (void)state;
    stmt = weir_select(&order_entity);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_order_by(stmt, WEIR_COL(order, id));
    becomes("SELECT " ORDER_COLUMNS ", line_1.id AS id_1, line_1.order_id, line_1.quantity FROM orders" JOINED_LINES "orders.id = line_1.order_id "
            "ORDER BY orders.id, line_1.quantity DESC, line_1.id", NULL);
    assert_true(compiled.shape->joined_collection);
    assert_string_equal(compiled.shape->joined_name, "order.lines");
}

static void test_case_048_a_limit_counts_parents(void **state)
{
    (void)state;
    stmt = weir_select(&order_entity);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_order_by(stmt, WEIR_DESC(WEIR_ADD(WEIR_COL(order, id), WEIR_COL(order, tenant_id))));
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_limit(stmt, 2);
    becomes("SELECT anon_1.id, anon_1.tenant_id, anon_1.amount_cents, anon_1.state, line_1.id AS id_1, line_1.order_id, line_1.quantity FROM "
            "(SELECT " ORDER_COLUMNS ", orders.id + orders.tenant_id AS anon_1 FROM orders ORDER BY orders.id + orders.tenant_id DESC, orders.id "
            "LIMIT $1) AS anon_1" JOINED_LINES "anon_1.id = line_1.order_id "
            "ORDER BY anon_1.anon_1 DESC, anon_1.id, line_1.quantity DESC, line_1.id", NULL);
}

static void test_contiguous_loads_want_the_key_first(void **state)
{
    (void)state;
    stmt = weir_select(&order_entity);
    weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
    becomes("SELECT " ORDER_COLUMNS ", line_1.id AS id_1, line_1.order_id, line_1.quantity FROM orders" JOINED_LINES "orders.id = line_1.order_id "
            "ORDER BY orders.id, line_1.quantity DESC, line_1.id", NULL);
    assert_true(compiled.facts.ordered);
    weir_order_by(stmt, WEIR_COL(order, state));
    refused(&weir_dialect_postgresql, WEIR_INVALID_REQUEST, "primary key first");
}

static void test_joined_loads_of_an_alias_nested_and_through_an_association(void **state)
{
    (void)state;
    weir_source *old = weir_alias(&line_entity, "old");
    stmt = weir_select_columns(WEIR_COL(invoice, id), WEIR_ALIAS_OF(old, line));
    weir_join_on(stmt, WEIR_ALIAS_OF(old, line), WEIR_EQ(WEIR_SCOL(old, line, id), WEIR_COL(invoice, id)));
    weir_joinedload(stmt, WEIR_SCOL(old, line, order), WEIR_COL(order, tags));
    weir_with_for_update(stmt, NULL);
    weir_source_free(&old);
    is_text(&weir_dialect_postgresql,
            "SELECT invoices.id, old.id AS id_1, old.order_id, old.quantity, order_1.id AS id_2, order_1.tenant_id, order_1.amount_cents, order_1.state, "
            "tag_1.id AS id_3, tag_1.label FROM invoices JOIN order_lines AS old ON old.id = invoices.id "
            "LEFT OUTER JOIN orders AS order_1 ON old.order_id = order_1.id "
            "LEFT OUTER JOIN (order_tags AS order_tags_1 JOIN app.tags AS tag_1 ON order_tags_1.tag_id = tag_1.id) ON order_1.id = order_tags_1.order_id "
            "FOR UPDATE OF old, invoices");
    assert_int_equal(compiled.shape->item_count, 4);
    assert_int_equal(compiled.shape->items[2].parent_item, 1);
    assert_int_equal(compiled.shape->items[3].parent_item, 2);
    assert_int_equal(compiled.shape->items[3].first_column, 8);
    assert_string_equal(compiled.shape->joined_name, "order.tags");
}

static void test_two_entities_of_one_table_are_one_element(void **state)
{
    (void)state;
    stmt = weir_select_columns(WEIR_COL(order, id), WEIR_COL(short_order, state));
    becomes("SELECT orders.id, orders.state FROM orders", NULL);
    weir_join_on(stmt, WEIR_ENTITY_OF(short_order), WEIR_EQ(WEIR_COL(order, id), WEIR_COL(short_order, id)));
    refused(&weir_dialect_postgresql, WEIR_INVALID_REQUEST, "names nothing but the join's target");
}

static void test_nesting_has_a_limit(void **state)
{
    (void)state;
    static weir_expr chain[1000];
    static const weir_expr *arguments[1000][2];
    for (size_t i = 0; i < 1000; i++) {
        arguments[i][0] = i ? &chain[i - 1] : WEIR_COL(order, id);
        chain[i] = (weir_expr){ .op = WEIR_OP_NEGATE, .args = arguments[i] };
    }
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_where(stmt, WEIR_EQ(&chain[999], 1));
    assert_int_not_equal(weir_stmt_compile(stmt, &weir_dialect_postgresql, &arena, &compiled, &error), WEIR_OK);
}

/* ---- the rest ---- */

static void test_an_entity_from_text(void **state)
{
    (void)state;
    weir_stmt *text = weir_sql("SELECT * FROM orders WHERE id = :id ORDER BY id");
    stmt = weir_select_from_sql(&order_entity, text);
    weir_stmt_free(&text);
    weir_bind(stmt, "id", weir_value_int(3));
    becomes("SELECT * FROM orders WHERE id = $1 ORDER BY id", NULL);
    assert_true(compiled.shape->by_name && compiled.facts.ordered);
    assert_string_equal(compiled.names[0], "id");
}

static void test_the_text_for_reading(void **state)
{
    (void)state;
    char buffer[200];
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_where(stmt, WEIR_AND(WEIR_EQ(WEIR_COL(order, state), "it's"), WEIR_GT(WEIR_COL(order, id), 5)));
    const char *expected = "SELECT orders.id FROM orders WHERE orders.state = 'it''s' AND orders.id > 5";
    assert_int_equal(weir_stmt_text(stmt, "postgresql", true, buffer, sizeof buffer, NULL), strlen(expected));
    assert_string_equal(buffer, expected);
    weir_where(stmt, WEIR_NE(WEIR_NEGATE(-5), WEIR_COL(order, id)));     /* no comment begins */
    assert_int_not_equal(weir_stmt_text(stmt, "sqlite", true, buffer, sizeof buffer, NULL), 0);
    assert_non_null(strstr(buffer, " AND -(-5) != orders.id"));
    assert_int_equal(weir_stmt_text(stmt, "oracle", true, buffer, sizeof buffer, &error), 0);
    assert_int_equal(error.status, WEIR_ARGUMENT);
    assert_string_equal(buffer, "");
}

static void build_much(void)
{
    const weir_value rows[] = { weir_value_int(1), weir_value_cstr("x"), weir_value_int(2), weir_value_cstr("y") };
    weir_stmt *one = weir_select_columns(WEIR_LABEL(1, "n")), *lines = weir_select_columns(WEIR_COL(line, id));
    weir_source *numbers = weir_cte(one, NULL, NULL), *other = weir_alias(&order_entity, NULL);
    weir_where(lines, WEIR_EQ(WEIR_COL(line, order_id), WEIR_COL(order, id)));
    stmt = weir_select(&order_entity);
    weir_add_columns(stmt, WEIR_FIELD(numbers, "n"), WEIR_COL(tag, id));
    weir_join(stmt, WEIR_COL(order, tags));
    weir_join_on(stmt, WEIR_ALIAS_OF(other, order), WEIR_EQ(WEIR_SCOL(other, order, id), WEIR_COL(order, id)));
    weir_where(stmt, WEIR_AND(WEIR_EXISTS(lines), WEIR_IN_VALUES(WEIR_TUPLE(WEIR_COL(order, id), WEIR_COL(order, state)), rows, 4),
                              WEIR_CONTAINS(WEIR_COL(order, state), "50%"), WEIR_SQL("amount_cents > :least")));
    weir_bind(stmt, "least", weir_value_cstr("a text"));
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_order_by(stmt, WEIR_ADD(WEIR_COL(order, id), 1));
    weir_limit(stmt, 3);
    weir_source_free(&other);
    weir_source_free(&numbers);
    weir_stmt_free(&lines);
    weir_stmt_free(&one);
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    int status = WEIR_OUT_OF_MEMORY;
    build_much();
    for (long n = 0; status != WEIR_OK; n++) {
        weir_arena_free(&arena);
        weir_arena_init(&arena, NULL, WEIR_MEMORY_STATEMENTS, 16);
        counting = true;
        allocations_left = n;
        status = weir_stmt_compile(stmt, n % 2 ? &weir_dialect_sqlite : &weir_dialect_postgresql, &arena, &compiled, &error);
        counting = false;
        if (status != (allocations_left < 0 ? WEIR_OUT_OF_MEMORY : WEIR_OK))
            fail_msg("after %ld allocations: %d, %s", n, status, error.message);
        assert_true(n < 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)

int main(void)
{
    static const weir_allocator allocator = { take, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(test_each_allocation_may_fail), TEST(test_an_entity_is_selected_by_its_columns), TEST(test_case_184_null_and_negations), TEST(test_parentheses_are_as_few_as_are_right),
        TEST(test_case_185_contains_escapes_its_text), TEST(test_lists), TEST(test_fragments_bind_their_names), TEST(test_case_190_a_missing_bind),
        TEST(test_a_fragment_cannot_end_the_statement), TEST(test_case_090_names_of_columns_are_unique), TEST(test_case_194_odd_names_are_quoted),
        TEST(test_constants_functions_case_and_cast), TEST(test_groups_repeat_the_selected_text), TEST(test_case_187_windows),
        TEST(test_case_186_orders_and_limits), TEST(test_distinct_and_distinct_on), TEST(test_joins), TEST(test_a_self_join_by_alias),
        TEST(test_subqueries_correlate), TEST(test_a_subquery_without_a_table_of_its_own),
        TEST(test_ctes_and_subqueries_stand_once), TEST(test_unions), TEST(test_case_189_a_cartesian_product_is_told),
        TEST(test_case_178_locks), TEST(test_case_045_a_joined_to_one), TEST(test_case_046_disabled_eager_loads),
        TEST(test_case_047_a_joined_collection_in_its_order), TEST(test_case_048_a_limit_counts_parents), TEST(test_contiguous_loads_want_the_key_first),
        TEST(test_joined_loads_of_an_alias_nested_and_through_an_association), TEST(test_two_entities_of_one_table_are_one_element),
        TEST(test_nesting_has_a_limit), TEST(test_an_entity_from_text), TEST(test_the_text_for_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
