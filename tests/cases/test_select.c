/* Cases of parts J and K: select() statements executed on both databases. */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id, quantity; struct order *order; };
struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
struct odd { int64_t id; const char *select; };
struct word { int64_t id; const char *text; };
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state), WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));
WEIR_ENTITY(order_line, "order_lines", WEIR_COLUMN(order_line, id, .primary_key = true), WEIR_COLUMN(order_line, order_id),
            WEIR_COLUMN(order_line, quantity), WEIR_BELONGS_TO(order_line, order, order, order_id));
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id),
            WEIR_COLUMN(invoice, total_cents), WEIR_COLUMN(invoice, status));
WEIR_ENTITY(odd, "we\"ird :t", WEIR_COLUMN(odd, id, .primary_key = true), WEIR_COLUMN(odd, select));
WEIR_ENTITY(word, "words", WEIR_COLUMN(word, id, .primary_key = true), WEIR_COLUMN(word, text));

#define ID WEIR_COL(order, id)

/* The rows are those of `expected`: values with commas, rows with semicolons. Frees the statement. */
static void gives(test_database *db, weir_stmt *stmt, const char *expected)
{
    char rows[4096] = "", value[256];
    size_t length = 0;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL && length < sizeof rows - 300;)
        for (size_t i = 0; i < weir_row_count(row); i++) {
            const weir_value *v = weir_row_value_at(row, (int)i);
            weir_value_format(v, value, sizeof value);
            length += (size_t)snprintf(rows + length, sizeof rows - length, "%s%s", i ? "," : length ? ";" : "", v->type == WEIR_T_NULL ? "NULL" : value);
        }
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
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

/* select(id).where(condition).order_by(id) */
static weir_stmt *ids_where(const weir_expr *condition)
{
    weir_stmt *stmt = weir_select_columns(ID);
    weir_where(stmt, condition);
    weir_order_by(stmt, ID);
    return stmt;
}

static void test_case_184_null_and_negations(void **state)
{
    test_database *db = *state;
    const weir_value some[] = { weir_value_int(1), weir_value_int(2), weir_value_int(12) };
    const weir_expr *nothing = WEIR_CAST(WEIR_NULL, "integer");
    test_fixture(db, 4);
    gives(db, ids_where(WEIR_EQ(WEIR_COL(order, state), WEIR_NULL)), "");
    gives(db, ids_where(WEIR_NOT(WEIR_EQ(WEIR_COL(order, state), WEIR_NULL))), "1;2;3;4");
    gives(db, ids_where(WEIR_NOT(WEIR_BETWEEN(ID, 2, 3))), "1;4");
    gives(db, ids_where(WEIR_NOT(WEIR_IN(ID, 1, 3))), "2;4");
    gives(db, ids_where(WEIR_IN_VALUES(ID, some, 3)), "1;2");
    gives(db, ids_where(WEIR_NOT_IN_VALUES(ID, some, 3)), "3;4");
    gives(db, ids_where(WEIR_NOT(WEIR_LIKE(WEIR_COL(order, state), "pend%"))), "");
    gives(db, ids_where(WEIR_IN_VALUES(nothing, NULL, 0)), "");
    gives(db, ids_where(WEIR_NOT_IN_VALUES(nothing, NULL, 0)), "1;2;3;4");
    gives(db, ids_where(WEIR_NOT_IN_VALUES(WEIR_TUPLE(ID, nothing), NULL, 0)), "1;2;3;4");
    gives(db, ids_where(WEIR_OR(WEIR_AND(WEIR_EQ(ID, 1), WEIR_EQ(ID, 2)), WEIR_NOT(WEIR_OR(WEIR_LT(ID, 3), WEIR_EQ(ID, 4))))), "3");
}

/* PostgreSQL refuses "ORDER BY false" and "GROUP BY false". */
static void test_an_empty_list_orders_and_groups(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    const weir_expr *pinned = WEIR_IN_VALUES(ID, NULL, 0);
    weir_stmt *stmt = weir_select_columns(ID);
    weir_order_by(stmt, WEIR_DESC(pinned));
    weir_order_by(stmt, WEIR_NOT(pinned));
    weir_order_by(stmt, WEIR_DESC(ID));
    gives(db, stmt, "3;2;1");
    stmt = weir_select_columns(WEIR_CASE(pinned, "pinned", "other"), WEIR_COUNT());
    weir_from(stmt, WEIR_ENTITY_OF(order));
    weir_group_by(stmt, pinned);
    gives(db, stmt, "other,3");
}

static void test_case_185_contains_means_its_text(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE words(id bigint PRIMARY KEY, text text);"
                      "INSERT INTO words VALUES (1, 'a 50%_off b'), (2, 'a 50x_off b'), (3, 'a 50%xoff b'), (4, '50%_off'), (5, '5/0')");
    weir_stmt *stmt = weir_select_columns(WEIR_COL(word, id));
    weir_where(stmt, WEIR_CONTAINS(WEIR_COL(word, text), "50%_off"));
    weir_order_by(stmt, WEIR_COL(word, id));
    gives(db, stmt, "1;4");
    stmt = weir_select_columns(WEIR_COL(word, id));
    weir_where(stmt, WEIR_OR(WEIR_STARTS_WITH(WEIR_COL(word, text), "50%_"), WEIR_ENDS_WITH(WEIR_COL(word, text), "/0")));
    weir_order_by(stmt, WEIR_COL(word, id));
    gives(db, stmt, "4;5");
    stmt = weir_select_columns(WEIR_COL(word, id));
    weir_where(stmt, WEIR_AND(WEIR_CONTAINS(WEIR_COL(word, text), WEIR_COL(word, text)), WEIR_ILIKE(WEIR_COL(word, text), "A 50X%")));
    gives(db, stmt, "2");
}

static void test_case_186_orders_limits_offsets(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "CREATE TABLE words(id bigint PRIMARY KEY, text text); INSERT INTO words VALUES (1, 'a'), (2, NULL), (3, 'b')");
    weir_stmt *stmt = weir_select_columns(WEIR_COL(word, id));
    weir_order_by(stmt, WEIR_NULLS_LAST(WEIR_DESC(WEIR_COL(word, text))));
    gives(db, stmt, "3;1;2");
    stmt = weir_select_columns(WEIR_COL(word, id));
    weir_order_by(stmt, WEIR_NULLS_FIRST(WEIR_ASC(WEIR_COL(word, text))));
    gives(db, stmt, "2;1;3");
    stmt = ids_where(WEIR_GT(ID, 0));
    weir_limit(stmt, 0);
    gives(db, stmt, "");
    stmt = ids_where(WEIR_GT(ID, 0));
    weir_offset(stmt, 3);
    gives(db, stmt, "4;5;6;7;8;9;10;11;12");
    stmt = ids_where(WEIR_GT(ID, 0));
    weir_offset(stmt, 3);
    weir_limit(stmt, 2);
    gives(db, stmt, "4;5");
}

static void test_case_187_window(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_stmt *stmt = weir_select_columns(ID, WEIR_OVER(WEIR_FUNC0("row_number"), .partition_by = WEIR_EXPRS(WEIR_COL(order, tenant_id)),
                                                        .order_by = WEIR_EXPRS(WEIR_DESC(ID))),
                                          WEIR_OVER(WEIR_COUNT(), .order_by = WEIR_EXPRS(ID), .frame = WEIR_FRAME_ROWS, .from = -1, .to = WEIR_UNBOUNDED));
    weir_order_by(stmt, ID);
    gives(db, stmt, "1,3,5;2,2,5;3,2,4;4,1,3;5,1,2");
}

static void test_case_187_recursive_cte(void **state)
{
    test_database *db = *state;
    weir_source *numbers = weir_cte_recursive("numbers");
    weir_stmt *base = weir_select_columns(WEIR_LABEL(1, "n")), *next = weir_select_columns(WEIR_ADD(WEIR_FIELD(numbers, "n"), 1));
    weir_where(next, WEIR_LT(WEIR_FIELD(numbers, "n"), 10));
    weir_cte_define(numbers, base, next, true);
    weir_stmt *stmt = weir_select_columns(WEIR_FIELD(numbers, "n"));
    weir_order_by(stmt, WEIR_FIELD(numbers, "n"));
    weir_source_free(&numbers);
    weir_stmt_free(&base);
    weir_stmt_free(&next);
    gives(db, stmt, "1;2;3;4;5;6;7;8;9;10");
}

static void test_case_187_correlated_exists(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6);
    test_side_run(db, "DELETE FROM order_lines WHERE order_id IN (2, 5)");
    weir_stmt *lines = weir_select_columns(WEIR_COL(order_line, id));
    weir_where(lines, WEIR_EQ(WEIR_COL(order_line, order_id), ID));
    gives(db, ids_where(WEIR_EXISTS(lines)), "1;3;4;6");
    gives(db, ids_where(WEIR_NOT(WEIR_EXISTS(lines))), "2;5");
    weir_stmt_free(&lines);
    weir_stmt *count = weir_select_columns(WEIR_COUNT());
    weir_where(count, WEIR_EQ(WEIR_COL(order_line, order_id), ID));
    weir_stmt *stmt = weir_select_columns(ID, WEIR_LABEL(WEIR_SCALAR(count), "n"));
    weir_order_by(stmt, ID);
    weir_stmt_free(&count);
    gives(db, stmt, "1,3;2,0;3,3;4,3;5,0;6,3");
    weir_stmt *ids = weir_select_columns(ID);
    weir_where(ids, WEIR_GT(ID, 4));
    gives(db, ids_where(WEIR_IN_STMT(ID, ids)), "5;6");
    weir_stmt_free(&ids);
}

static void test_case_187_self_join(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    weir_source *other = weir_alias(&order_entity, "other");
    weir_stmt *stmt = weir_select_columns(ID, WEIR_SCOL(other, order, id));
    weir_join_on(stmt, WEIR_ALIAS_OF(other, order),
                 WEIR_AND(WEIR_EQ(WEIR_SCOL(other, order, tenant_id), WEIR_COL(order, tenant_id)), WEIR_GT(WEIR_SCOL(other, order, id), ID)));
    weir_order_by(stmt, ID);
    weir_source_free(&other);
    gives(db, stmt, "1,3;2,4");
}

static void test_case_187_union_all(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_stmt *left = weir_select_columns(ID), *right = weir_select_columns(WEIR_COL(invoice, id)), *stmt;
    stmt = weir_combine(WEIR_UNION_ALL, left, right);
    weir_order_by(stmt, WEIR_DESC(ID));
    weir_limit(stmt, 3);
    gives(db, stmt, "3;3;2");
    weir_where(right, WEIR_GT(WEIR_COL(invoice, id), 1));
    weir_order_by(right, WEIR_COL(invoice, id));
    weir_limit(right, 1);
    gives(db, weir_combine(WEIR_INTERSECT, left, right), "2");
    stmt = weir_combine(WEIR_EXCEPT, left, right);
    weir_order_by(stmt, WEIR_LABEL_REF("id"));
    gives(db, stmt, "1;3");
    weir_stmt_free(&left);
    weir_stmt_free(&right);
}

static void test_case_188_tuples(void **state)
{
    test_database *db = *state;
    const weir_value rows[] = { weir_value_int(1), weir_value_cstr("pending"), weir_value_int(2), weir_value_cstr("paid"),
                                weir_value_int(4), weir_value_cstr("pending") };
    test_fixture(db, 12);
    weir_stmt *stmt = weir_select_columns(ID);
    weir_where(stmt, WEIR_GT(WEIR_TUPLE(WEIR_COL(order, tenant_id), ID), WEIR_TUPLE(0, 8)));
    weir_order_by(stmt, WEIR_COL(order, tenant_id));
    weir_order_by(stmt, ID);
    weir_limit(stmt, 3);
    gives(db, stmt, "10;12;1");
    gives(db, ids_where(WEIR_IN_VALUES(WEIR_TUPLE(ID, WEIR_COL(order, state)), rows, 6)), "1;4");
    gives(db, ids_where(WEIR_IN(WEIR_TUPLE(ID, WEIR_COL(order, tenant_id)), WEIR_TUPLE(3, 1), WEIR_TUPLE(4, 1))), "3");
}

static void test_case_189_a_cartesian_product_warns(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_stmt *stmt = weir_select_columns(ID, WEIR_COL(invoice, id));
    weir_order_by(stmt, ID);
    weir_order_by(stmt, WEIR_COL(invoice, id));
    test_log_clear(db->log);
    gives(db, stmt, "1,1;1,2;2,1;2,2");
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_WARNING, "cartesian product between FROM element(s) \"orders\" and FROM element \"invoices\""), 1);
}

static void test_case_009_options_of_a_subquery_warn(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_stmt *inner = weir_select_columns(ID);
    weir_yield_per(inner, 5);
    weir_source *source = weir_subquery(inner, NULL, NULL);
    weir_stmt *stmt = weir_select_columns(WEIR_FIELD(source, "id"));
    weir_order_by(stmt, WEIR_FIELD(source, "id"));
    test_log_clear(db->log);
    weir_source_free(&source);
    weir_stmt_free(&inner);
    gives(db, stmt, "1;2;3");
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
}

static void test_case_190_a_missing_bind(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    test_log_clear(db->log);
    fails(db, ids_where(WEIR_SQL("id = :x")), WEIR_INVALID_REQUEST, "A value is required for bind parameter 'x'");
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
}

static void test_case_194_values_and_names(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE \"we\"\"ird :t\"(id bigint PRIMARY KEY, \"select\" text)");
    test_side_run(db, "INSERT INTO \"we\"\"ird :t\" VALUES (1, 'b'), (2, 'a')");
    weir_stmt *stmt = weir_select_columns(WEIR_COL(odd, select), WEIR_COL(odd, id));
    weir_where(stmt, WEIR_NE(WEIR_COL(odd, select), "'); DROP TABLE orders;--"));
    weir_order_by(stmt, WEIR_COL(odd, select));
    gives(db, stmt, "a,2;b,1");
    gives(db, weir_select_columns(WEIR_LABEL("'); DROP TABLE orders;--", "a"), WEIR_LABEL("%s %% \\", "b"), WEIR_LABEL("x\ny", "c"), WEIR_LABEL("", "d"),
                                  WEIR_LABEL(INT64_MIN, "e"), WEIR_LABEL(WEIR_NULL, "f")),
          "'); DROP TABLE orders;--,%s %% \\,x\ny,,-9223372036854775808,NULL");
}

static void test_groups_functions_and_case(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_expr *rest = WEIR_MODULO(ID, 3);
    weir_stmt *stmt = weir_select_columns(WEIR_LABEL(rest, "rest"), WEIR_LABEL(WEIR_COUNT(), "n"), WEIR_SUM(WEIR_COL(order, amount_cents)),
                                          WEIR_FILTER(WEIR_COUNT(), WEIR_GT(ID, 6)), WEIR_COUNT_OF(WEIR_DISTINCT(WEIR_COL(order, tenant_id))));
    weir_group_by(stmt, rest);
    weir_having(stmt, WEIR_GT(WEIR_COUNT(), 1));
    weir_order_by(stmt, WEIR_DESC(WEIR_LABEL_REF("n")));
    weir_order_by(stmt, rest);
    gives(db, stmt, "0,4,300,2,2;1,4,220,2,2;2,4,260,2,2");
    stmt = weir_select_columns(ID, WEIR_CASE(WEIR_LT(ID, 2), "small", WEIR_EQ(ID, 2), "two", "big"), WEIR_COALESCE(WEIR_CAST(WEIR_NULL, "integer"), 7),
                               WEIR_CAST("12", "integer"));
    weir_order_by(stmt, ID);
    weir_limit(stmt, 3);
    gives(db, stmt, "1,small,7,12;2,two,7,12;3,big,7,12");
    stmt = weir_select_columns(WEIR_COUNT());
    weir_join(stmt, WEIR_COL(order, lines));
    weir_where(stmt, WEIR_EQ(WEIR_COL(order_line, quantity), 3));
    gives(db, stmt, "12");
}

static void test_case_180_rows_locked_elsewhere(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *holder = weir_engine_connect(db->engine);
    run_ok(holder, "UPDATE orders SET state = 'held' WHERE id <= 3");
    weir_stmt *skip = ids_where(WEIR_GT(ID, 0)), *nowait = ids_where(WEIR_GT(ID, 0));
    weir_with_for_update(skip, WEIR_LOCK_OPTIONS(.skip_locked = true));
    weir_yield_per(skip, 4);
    weir_with_for_update(nowait, WEIR_LOCK_OPTIONS(.nowait = true));
    gives(db, skip, "4;5;6;7;8;9;10;11;12");
    fails(db, nowait, WEIR_OPERATIONAL, "could not obtain lock");
    close_connection_ok(&holder);
}

static void test_case_181_locks_and_distinct(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_stmt *stmt = weir_select_columns(WEIR_COL(order, tenant_id));
    weir_distinct(stmt);
    weir_with_for_update(stmt, NULL);
    fails(db, stmt, WEIR_NOT_SUPPORTED, "FOR UPDATE is not allowed with DISTINCT");
}

static void test_case_178_strict_locks(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_stmt *stmt = ids_where(WEIR_GT(ID, 0)), *strict = ids_where(WEIR_GT(ID, 0));
    weir_with_for_update(stmt, NULL);
    gives(db, stmt, "1;2");
    weir_with_for_update(strict, WEIR_LOCK_OPTIONS(.strict = true));
    fails(db, strict, WEIR_COMPILE, "no row locks");
}

static void test_case_048_a_joined_collection_with_limit(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_order_by(stmt, WEIR_DESC(ID));
    weir_limit(stmt, 2);
    gives(db, stmt, "3,1,30,pending,31,3,1;3,1,30,pending,32,3,2;3,1,30,pending,33,3,3;2,0,20,pending,21,2,1;2,0,20,pending,22,2,2;2,0,20,pending,23,2,3");
}

static void test_sources_of_entities(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6);
    weir_stmt *late = weir_select(&order_entity);
    weir_where(late, WEIR_GT(ID, 3));
    weir_source *subquery = weir_subquery(late, "late", &order_entity), *cte = weir_cte(late, "late_too", &order_entity);
    weir_stmt *stmt = weir_select_columns(WEIR_SCOL(subquery, order, id), WEIR_COL(order_line, id));
    weir_join(stmt, WEIR_SCOL(subquery, order, lines));
    weir_where(stmt, WEIR_EQ(WEIR_COL(order_line, quantity), 2));
    weir_order_by(stmt, WEIR_SCOL(subquery, order, id));
    gives(db, stmt, "4,42;5,52;6,62");
    weir_stmt *most = weir_select_columns(WEIR_MAX(WEIR_SCOL(cte, order, id)));
    weir_from_source(most, cte);
    stmt = weir_select_columns(WEIR_SCOL(cte, order, id), WEIR_LABEL(WEIR_SCALAR(most), "most"));
    weir_order_by(stmt, WEIR_SCOL(cte, order, id));
    gives(db, stmt, "4,6;5,6;6,6");
    weir_stmt_free(&most);
    weir_stmt_free(&late);
    weir_source_free(&subquery);
    weir_source_free(&cte);
}

static void test_a_textual_subquery_keeps_its_values(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6);
    weir_stmt *text = weir_sql("SELECT id FROM orders WHERE id IN :ids; -- the end");
    weir_bind_list(text, "ids", (const weir_value[]){ weir_value_int(2), weir_value_int(5) }, 2);
    weir_stmt *stmt = ids_where(WEIR_AND(WEIR_IN_STMT(ID, text), WEIR_GT(ID, 2)));
    weir_stmt_free(&text);
    gives(db, stmt, "5");
}

static void test_outer_and_full_joins(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    test_side_run(db, "DELETE FROM order_lines WHERE order_id = 2 OR quantity > 1; INSERT INTO order_lines VALUES (99, 9, 1)");
    weir_stmt *stmt = weir_select_columns(ID, WEIR_COL(order_line, id));
    weir_outer_join(stmt, WEIR_COL(order, lines));
    weir_order_by(stmt, ID);
    gives(db, stmt, "1,11;2,NULL;3,31");
    stmt = weir_select_columns(WEIR_COUNT());
    weir_join_(stmt, WEIR_JOIN_FULL, WEIR_COL(order, lines), NULL, NULL);
    gives(db, stmt, "4");
}

static void test_distinct_on(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_stmt *stmt = weir_select_columns(WEIR_COL(order, tenant_id), ID);
    weir_distinct_on(stmt, WEIR_COL(order, tenant_id));
    weir_order_by(stmt, WEIR_COL(order, tenant_id));
    weir_order_by(stmt, WEIR_DESC(ID));
    gives(db, stmt, "0,4;1,5");
}

static void test_locks_beside_a_joined_load(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_stmt *stmt = weir_select(&order_line_entity);
    weir_joinedload(stmt, WEIR_COL(order_line, order));
    weir_with_for_update(stmt, NULL);
    weir_order_by(stmt, WEIR_COL(order_line, id));
    gives(db, stmt, "11,1,1,1,1,10,pending;12,1,2,1,1,10,pending;13,1,3,1,1,10,pending");
    stmt = weir_select(&order_entity);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_with_for_update(stmt, NULL);
    weir_limit(stmt, 1);
    gives(db, stmt, "1,1,10,pending,11,1,1;1,1,10,pending,12,1,2;1,1,10,pending,13,1,3");
}

static void test_arithmetic_takes_the_values_type(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_stmt *stmt = weir_select_columns(ID, WEIR_MULTIPLY(ID, 1.5), WEIR_ADD(ID, INT64_C(5000000000)), WEIR_CONCAT(WEIR_COL(order, state), "!"),
                                          WEIR_FUNC("substr", WEIR_COL(order, state), 2, 3), WEIR_NEGATE(WEIR_NEGATE(ID)));
    weir_where(stmt, WEIR_EQ(1, 1));
    weir_order_by(stmt, WEIR_DESC(WEIR_ADD(ID, 1)));
    gives(db, stmt, "2,3,5000000002,pending!,end,2;1,1.5,5000000001,pending!,end,1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_sources_of_entities),
        ON_BOTH(test_a_textual_subquery_keeps_its_values),
        ON_BOTH(test_outer_and_full_joins),
        ON_POSTGRESQL(test_distinct_on),
        ON_POSTGRESQL(test_locks_beside_a_joined_load),
        ON_BOTH(test_arithmetic_takes_the_values_type),
        ON_BOTH(test_case_184_null_and_negations),
        ON_BOTH(test_an_empty_list_orders_and_groups),
        ON_BOTH(test_case_185_contains_means_its_text),
        ON_BOTH(test_case_186_orders_limits_offsets),
        ON_BOTH(test_case_187_window),
        ON_BOTH(test_case_187_recursive_cte),
        ON_BOTH(test_case_187_correlated_exists),
        ON_BOTH(test_case_187_self_join),
        ON_BOTH(test_case_187_union_all),
        ON_BOTH(test_case_188_tuples),
        ON_BOTH(test_case_189_a_cartesian_product_warns),
        ON_BOTH(test_case_009_options_of_a_subquery_warn),
        ON_BOTH(test_case_190_a_missing_bind),
        ON_BOTH(test_case_194_values_and_names),
        ON_BOTH(test_groups_functions_and_case),
        ON_POSTGRESQL(test_case_180_rows_locked_elsewhere),
        ON_POSTGRESQL(test_case_181_locks_and_distinct),
        ON_SQLITE(test_case_178_strict_locks),
        ON_BOTH(test_case_048_a_joined_collection_with_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
