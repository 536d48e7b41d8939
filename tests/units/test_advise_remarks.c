/* Remarks of advice: each from a plan, a line or a setting that has it, and none from one that only mentions the word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "transfer/advise.h"

typedef struct fixture { weir_arena arena; weir_remarks remarks; weir_query_text text; } fixture;

static int setup(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    weir_arena_init(&f.arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 1024);
    f.remarks.arena = &f.arena;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    weir_memory_figures held;
    weir_arena_free(&f->arena);
    weir_memory_usage(&held);
    return held.bytes == 0 ? 0 : -1;
}

static const weir_remark *find(const fixture *f, const char *code)
{
    for (size_t i = 0; i < f->remarks.count; i++)
        if (!strcmp(f->remarks.items[i].code, code))
            return &f->remarks.items[i];
    return NULL;
}

static void assert_remark(const fixture *f, const char *code, weir_remark_weight weight, const char *part)
{
    const weir_remark *remark = find(f, code);
    if (!remark)
        fail_msg("no remark %s", code);
    else if (remark->weight != weight || !strstr(remark->text, part))
        fail_msg("%s: weight %d, text: %s", code, (int)remark->weight, remark->text);
}

/* ---- the JSON reader ------------------------------------------------------------------------------------------------------------ */

static void test_json_tree(void **state)
{
    fixture *f = *state;
    weir_error error = { .status = WEIR_OK };
    const char text[] = " [ {\"a\\u0022\\n\": [1, -2.5e3, {}], \"b\": {\"c\": null, \"d\": true, \"e\": false}, \"f\": \"x\\ud83d\\ude00\"} , [] ]";
    const weir_json *list = weir_json_read(text, sizeof text - 1, &f->arena, &error);
    assert_non_null(list);
    assert_int_equal(list->kind, WEIR_JSON_ARRAY);
    const weir_json *object = list->first, *a = weir_json_member(object, "a\"\n"), *b = weir_json_member(object, "b");
    assert_int_equal(a->kind, WEIR_JSON_ARRAY);
    assert_true(weir_json_number(a->first, 0) == 1 && weir_json_number(a->first->next, 0) == -2500);
    assert_int_equal(a->first->next->next->kind, WEIR_JSON_OBJECT);
    assert_null(a->first->next->next->next);
    assert_ptr_equal(b->parent, object);
    assert_int_equal(weir_json_member(b, "c")->kind, WEIR_JSON_NULL);
    assert_int_equal(weir_json_member(b, "d")->kind, WEIR_JSON_TRUE);
    assert_int_equal(weir_json_member(b, "e")->kind, WEIR_JSON_FALSE);
    assert_true(weir_json_is(weir_json_member(object, "f"), "x\xf0\x9f\x98\x80"));
    assert_null(weir_json_member(object, "a"));
    assert_null(weir_json_member(a, "a"));
    assert_null(weir_json_member(NULL, "a"));
    assert_int_equal(object->next->kind, WEIR_JSON_ARRAY);
    assert_null(object->next->next);
    static const char *const wrong[] = { "", "{", "[1,]", "{\"a\"}", "[1] 2", "nul" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error.status = WEIR_OK;
        assert_null(weir_json_read(wrong[i], strlen(wrong[i]), &f->arena, &error));
        assert_int_equal(error.status, WEIR_DATA);
    }
}

static void test_json_as_deep_as_it_gets(void **state)
{
    fixture *f = *state;
    enum { DEPTH = 8000 };
    char text[2 * DEPTH];
    weir_error error = { .status = WEIR_OK };
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    const weir_json *inner = weir_json_read(text, sizeof text, &f->arena, &error);
    size_t depth = 0;
    for (; inner; inner = inner->first)
        depth++;
    assert_int_equal(depth, DEPTH);
}

/* ---- plans ------------------------------------------------------------------------------------------------------------------------- */

static const weir_json *look_at(fixture *f, const char *sql, const char *json)
{
    weir_error error = { .status = WEIR_OK };
    const weir_json *plan = weir_json_read(json, strlen(json), &f->arena, &error);
    assert_non_null(plan);
    plan = weir_json_member(plan->first, "Plan");
    f->remarks.count = 0;
    weir_query_text_read(sql, strlen(sql), &weir_dialect_postgresql, &f->text);
    weir_remarks_of_plan(&f->remarks, plan, &f->text);
    return plan;
}

#define PLAN(inner) "[{\"Plan\": {" inner "}, \"Settings\": {}}]"
#define SCAN(rows) "\"Node Type\": \"Seq Scan\", \"Relation Name\": \"t\", \"Plan Rows\": " #rows
#define OVER(type, more, rows) PLAN("\"Node Type\": \"" type "\", " more "\"Plan Rows\": 5, \"Plans\": [{" SCAN(rows) "}]")

static void test_nodes_make_remarks(void **state)
{
    fixture *f = *state;
    static const struct { const char *sql, *plan, *code, *part; weir_remark_weight weight; } cases[] = {
        { "SELECT 1", OVER("Sort", "\"Sort Key\": [\"t.a DESC\", \"t.b\"],", 20000), "sort", "about 20,000 rows by t.a DESC, t.b;", WEIR_REMARK_WARNING },
        { "SELECT 1", OVER("Sort", "", 20), "sort", "about 20 rows", WEIR_REMARK_NOTE },
        { "SELECT a", OVER("Aggregate", "\"Strategy\": \"Hashed\", \"Group Key\": [\"a\"],", 20000), "group-by", "hash", WEIR_REMARK_WARNING },
        { "SELECT a", OVER("Aggregate", "\"Strategy\": \"Mixed\", \"Grouping Sets\": [],", 20000), "group-by", "hash", WEIR_REMARK_WARNING },
        { "SELECT a", OVER("Aggregate", "\"Strategy\": \"Sorted\", \"Group Key\": [\"a\"],", 20000), "group-by", "one by one", WEIR_REMARK_NOTE },
        { "SELECT a", OVER("Group", "\"Group Key\": [\"a\"],", 20000), "group-by", "one by one", WEIR_REMARK_NOTE },
        { "SELECT DISTINCT a FROM t", OVER("Aggregate", "\"Strategy\": \"Hashed\", \"Group Key\": [\"a\"],", 20000), "distinct", "DISTINCT", WEIR_REMARK_WARNING },
        { "SELECT a FROM t UNION SELECT b FROM u", OVER("Aggregate", "\"Strategy\": \"Hashed\", \"Group Key\": [\"a\"],", 20000), "set-operation", "UNION", WEIR_REMARK_WARNING },
        { "SELECT 1", OVER("Unique", "", 20), "distinct", "DISTINCT", WEIR_REMARK_NOTE },
        { "SELECT 1", OVER("Aggregate", "\"Strategy\": \"Plain\",", 20000), "aggregate", "one row", WEIR_REMARK_NOTE },
        { "SELECT 1", OVER("SetOp", "", 20000), "set-operation", "20,000", WEIR_REMARK_WARNING },
        { "SELECT 1", OVER("WindowAgg", "", 20000), "window", "20,000", WEIR_REMARK_NOTE },
        { "SELECT 1", PLAN("\"Node Type\": \"CTE Scan\", \"CTE Name\": \"recent\", \"Plan Rows\": 30000"), "materialized-cte", "recent is kept", WEIR_REMARK_WARNING },
        { "SELECT 1", OVER("Recursive Union", "", 2), "recursive-cte", "recursive", WEIR_REMARK_NOTE },
        { "SELECT 1", PLAN("\"Node Type\": \"Function Scan\", \"Function Name\": \"generate_series\", \"Plan Rows\": 30000"), "function-scan", "generate_series", WEIR_REMARK_WARNING },
        { "SELECT 1", OVER("LockRows", "", 2), "locks-rows", "FOR UPDATE", WEIR_REMARK_WARNING },
        { "SELECT 1", PLAN("\"Node Type\": \"Foreign Scan\", \"Plan Rows\": 30000"), "foreign-scan", "30,000", WEIR_REMARK_WARNING },
        { "SELECT 1", OVER("Hash", "", 100000), "hash", "100,000", WEIR_REMARK_NOTE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        look_at(f, cases[i].sql, cases[i].plan);
        assert_int_equal(f->remarks.count, 1);
        assert_remark(f, cases[i].code, cases[i].weight, cases[i].part);
        assert_true(*f->remarks.items[0].advice != 0);
    }
}

/* Columns, tables, filters and aliases that are called like nodes are none. */
static void test_words_make_no_remarks(void **state)
{
    fixture *f = *state;
    look_at(f, "SELECT \"Sort\", 'GROUP BY' AS \"Aggregate\" FROM \"Hash\"",
            PLAN("\"Node Type\": \"Index Scan\", \"Relation Name\": \"Sort\", \"Alias\": \"HashAggregate\", \"Index Name\": \"Unique\", "
                 "\"Filter\": \"(\\\"Node Type\\\" = '\\\"Node Type\\\": \\\"Sort\\\"'::text)\", \"Output\": [\"Sort\", \"Aggregate\", \"LockRows\", "
                 "\"{\\\"Node Type\\\": \\\"SetOp\\\"}\"], \"Plan Rows\": 1000000"));
    assert_int_equal(f->remarks.count, 0);
    look_at(f, "SELECT 1", OVER("Hash", "", 99999));
    assert_int_equal(f->remarks.count, 0);
}

static void test_nodes_at_any_depth_the_largest_counts(void **state)
{
    fixture *f = *state;
    look_at(f, "SELECT 1",
            PLAN("\"Node Type\": \"Merge Join\", \"Plan Rows\": 9, \"Plans\": ["
                 "{\"Node Type\": \"Sort\", \"Plan Rows\": 10, \"Plans\": [{" SCAN(10) "}]},"
                 "{\"Node Type\": \"Materialize\", \"Plan Rows\": 70000, \"Plans\": [{\"Node Type\": \"Sort\", \"Plan Rows\": 70000, \"Plans\": [{" SCAN(70000) "}]}]},"
                 "{\"Node Type\": \"Sort\", \"Plan Rows\": 30, \"Plans\": [{" SCAN(30) "}]}]"));
    assert_int_equal(f->remarks.count, 1);
    assert_remark(f, "sort", WEIR_REMARK_WARNING, "70,000");
}

/* A subquery of the select list runs once for each row: no first row waits for it. */
static void test_what_runs_for_each_row_blocks_none(void **state)
{
    fixture *f = *state;
    look_at(f, "SELECT 1",
            PLAN(SCAN(50000) ", \"Plans\": [{\"Node Type\": \"Limit\", \"Parent Relationship\": \"SubPlan\", \"Plan Rows\": 1, \"Plans\": "
                 "[{\"Node Type\": \"Sort\", \"Plan Rows\": 90000, \"Plans\": [{" SCAN(90000) "}]}]}]"));
    assert_int_equal(f->remarks.count, 0);
    look_at(f, "SELECT 1",
            PLAN(SCAN(50000) ", \"Plans\": [{\"Node Type\": \"Sort\", \"Parent Relationship\": \"InitPlan\", \"Plan Rows\": 90000}]"));
    assert_remark(f, "sort", WEIR_REMARK_WARNING, "90,000");
}

static void test_the_sort_of_the_order(void **state)
{
    fixture *f = *state;
    assert_non_null(weir_plan_order_sort(look_at(f, "SELECT 1", OVER("Sort", "", 5))));
    assert_non_null(weir_plan_order_sort(look_at(f, "SELECT 1", PLAN("\"Node Type\": \"Limit\", \"Plans\": [{\"Node Type\": \"Sort\", \"Plan Rows\": 1}]"))));
    assert_null(weir_plan_order_sort(look_at(f, "SELECT 1", OVER("Unique", "", 5))));
    assert_null(weir_plan_order_sort(look_at(f, "SELECT 1", PLAN("\"Node Type\": \"Merge Join\", \"Plans\": [{\"Node Type\": \"Sort\", \"Plan Rows\": 1}]"))));
}

static void test_lines_of_sqlite(void **state)
{
    fixture *f = *state;
    static const struct { const char *line, *code; bool order; } cases[] = {
        { "USE TEMP B-TREE FOR ORDER BY", "sort", true },
        { "USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "sort", true },
        { "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY", "sort", true },
        { "USE TEMP B-TREE FOR GROUP BY", "group-by", false },
        { "USE TEMP B-TREE FOR DISTINCT", "distinct", false },
        { "UNION USING TEMP B-TREE", "set-operation", false },
        { "MATERIALIZE recent", "materialized-cte", false },
        { "SCAN USE TEMP B-TREE FOR ORDER BY", NULL, false },
        { "SEARCH t USING INDEX USE TEMP B-TREE FOR GROUP BY (a=?)", NULL, false },
        { "SCAN MATERIALIZE x", NULL, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->remarks.count = 0;
        assert_int_equal(weir_remark_of_lite_plan(&f->remarks, (weir_text){ cases[i].line, strlen(cases[i].line) }), cases[i].order);
        assert_int_equal(f->remarks.count, cases[i].code ? 1 : 0);
        if (cases[i].code)
            assert_non_null(find(f, cases[i].code));
    }
}

/* ---- settings -------------------------------------------------------------------------------------------------------------------------- */

static void look_at_settings(fixture *f, weir_server_settings settings, double seconds, double longest)
{
    f->remarks.count = 0;
    weir_remarks_of_settings(&f->remarks, &settings, seconds, longest);
}

static void test_timeouts(void **state)
{
    fixture *f = *state;
    look_at_settings(f, (weir_server_settings){ .statement_timeout = 30000 }, 45, 0.1);
    assert_remark(f, "statement-timeout", WEIR_REMARK_WARNING, "30 s and the whole stream is estimated to take 45 s: read whole it would be cancelled");
    look_at_settings(f, (weir_server_settings){ .statement_timeout = 30000 }, 20, 15);
    assert_remark(f, "statement-timeout", WEIR_REMARK_WARNING, "a batch may be cancelled");
    look_at_settings(f, (weir_server_settings){ .statement_timeout = 30000 }, -1, 0.1);
    assert_remark(f, "statement-timeout", WEIR_REMARK_WARNING, "an unknown time");
    look_at_settings(f, (weir_server_settings){ .statement_timeout = 30000 }, 20, 0.1);
    assert_int_equal(f->remarks.count, 0);
    look_at_settings(f, (weir_server_settings){ .statement_timeout = 0 }, 2000, 500);
    assert_int_equal(f->remarks.count, 0);
    look_at_settings(f, (weir_server_settings){ .transaction_timeout = 60000 }, 61, 0.1);      /* PostgreSQL 17 */
    assert_remark(f, "transaction-timeout", WEIR_REMARK_WARNING, "60 s");
    look_at_settings(f, (weir_server_settings){ .transaction_timeout = 60000 }, 59, 0.1);
    assert_int_equal(f->remarks.count, 0);
    look_at_settings(f, (weir_server_settings){ .idle_in_transaction_timeout = 5000 }, 1, 0.1);
    assert_remark(f, "idle-timeout", WEIR_REMARK_NOTE, "5.0 s");
}

static void test_standby(void **state)
{
    fixture *f = *state;
    look_at_settings(f, (weir_server_settings){ .in_recovery = true, .standby_delay = 30000 }, 45, 0.1);
    assert_remark(f, "standby-conflict", WEIR_REMARK_WARNING, "30 s");
    look_at_settings(f, (weir_server_settings){ .in_recovery = true, .standby_delay = 30000, .standby_feedback = true }, 45, 0.1);
    assert_remark(f, "standby-conflict", WEIR_REMARK_NOTE, "rare");
    look_at_settings(f, (weir_server_settings){ .in_recovery = true, .standby_delay = 30000 }, 5, 0.1);
    assert_int_equal(f->remarks.count, 0);
    look_at_settings(f, (weir_server_settings){ .in_recovery = true, .standby_delay = -1 }, 45, 0.1);
    assert_int_equal(f->remarks.count, 0);
    look_at_settings(f, (weir_server_settings){ .in_recovery = false, .standby_delay = 30000 }, 45, 0.1);
    assert_int_equal(f->remarks.count, 0);
}

/* ---- texts of queries ------------------------------------------------------------------------------------------------------------------ */

static const weir_query_text *read_text(fixture *f, const char *sql, bool sqlite)
{
    weir_query_text_read(sql, strlen(sql), sqlite ? &weir_dialect_sqlite : &weir_dialect_postgresql, &f->text);
    return &f->text;
}

static void test_the_one_table(void **state)
{
    fixture *f = *state;
    static const struct { const char *sql, *table, *name; } cases[] = {
        { "SELECT * FROM Invoices", "Invoices", "invoices" },
        { "SELECT * FROM \"Invoices\" -- FROM other", "\"Invoices\"", "Invoices" },
        { "select a, (select b from u) from Shop.\"we\"\"ird\" as w where x = 'FROM y' order by 1; ", "Shop.\"we\"\"ird\"", "we\"ird" },
        { "SELECT a IS DISTINCT FROM b FROM t LIMIT 3", "t", "t" },
        { "SELECT extract(year FROM d) FROM t i ORDER BY i.d", "t", "t" },
        { "SELECT * FROM a, b", NULL, "" },
        { "SELECT * FROM a JOIN b USING (id)", NULL, "" },
        { "SELECT * FROM a NATURAL JOIN b", NULL, "" },
        { "SELECT * FROM a x CROSS JOIN b", NULL, "" },
        { "SELECT * FROM (SELECT 1) s", NULL, "" },
        { "SELECT * FROM generate_series(1, 3)", NULL, "" },
        { "WITH t AS (SELECT 1) SELECT * FROM t", NULL, "" },
        { "SELECT a FROM t UNION ALL SELECT a FROM t", NULL, "" },
        { "SELECT 1", NULL, "" },
        { "", NULL, "" },
        { "((((", NULL, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_query_text *text = read_text(f, cases[i].sql, false);
        if (!cases[i].table) {
            assert_null(text->table.ptr);
            continue;
        }
        assert_non_null(text->table.ptr);
        assert_int_equal(text->table.len, strlen(cases[i].table));
        assert_memory_equal(text->table.ptr, cases[i].table, text->table.len);
        assert_string_equal(text->table_name, cases[i].name);
    }
    assert_string_equal(read_text(f, "SELECT * FROM [my t] x", true)->table_name, "my t");
    const char sql[] = "SELECT a FROM t AS x /* c */ ; -- end\n";
    read_text(f, sql, false);
    assert_int_equal(f->text.behind_table, strlen("SELECT a FROM t AS x"));
    assert_int_equal(f->text.end, strlen("SELECT a FROM t AS x"));
}

static void assert_order(fixture *f, const char *sql, size_t index, const char *column)
{
    char name[WEIR_NAME_SIZE];
    read_text(f, sql, false);
    assert_true(f->text.order_count > index);
    bool known = weir_query_order_column(sql, &f->text, &weir_dialect_postgresql, &f->text.order[index], name);
    if (known != (column != NULL) || (known && strcmp(name, column) != 0))
        fail_msg("%s: [%s]", sql, known ? name : "an expression");
}

static void test_the_columns_of_an_order(void **state)
{
    fixture *f = *state;
    assert_order(f, "SELECT * FROM t ORDER BY A, t.\"B\" DESC NULLS LAST LIMIT 5", 0, "a");
    assert_order(f, "SELECT * FROM t ORDER BY A, t.\"B\" DESC NULLS LAST LIMIT 5", 1, "B");
    assert_true(f->text.order[1].descending && f->text.order[1].nulls_said && !f->text.order[1].nulls_first && f->text.order_count == 2);
    assert_order(f, "SELECT * FROM t ORDER BY lower(a)", 0, NULL);
    assert_order(f, "SELECT * FROM t ORDER BY a + 1", 0, NULL);
    assert_order(f, "SELECT * FROM t ORDER BY a COLLATE \"C\"", 0, NULL);
    assert_order(f, "SELECT id, lower(a) AS id2 FROM t ORDER BY id2", 0, NULL);
    assert_order(f, "SELECT status AS id FROM t ORDER BY id", 0, "status");
    assert_order(f, "SELECT status id FROM t ORDER BY id", 0, "status");
    assert_order(f, "SELECT a, t.b, c + 1 FROM t ORDER BY 2", 0, "b");
    assert_order(f, "SELECT a, t.b, c + 1 FROM t ORDER BY 3", 0, NULL);
    assert_order(f, "SELECT a, t.* FROM t ORDER BY 2", 0, NULL);
    assert_order(f, "SELECT a, t.* FROM t ORDER BY 1", 0, "a");
    assert_int_equal(read_text(f, "SELECT row_number() OVER (ORDER BY a) FROM t", false)->order_count, 0);
    assert_true(read_text(f, "SELECT 1 FROM t ORDER BY a = $1", false)->order_has_parameters);
}

/* ---- orders ---------------------------------------------------------------------------------------------------------------------------- */

static void look_at_order(fixture *f, const char *sql, bool sorted, bool known)
{
    weir_advice_index indexes[] = {
        { .name = "t_pkey", .unique = true, .primary = true, .ordered = true, .count = 1, .columns = { { .name = "id" } } },
        { .name = "t_a_b", .ordered = true, .count = 2, .columns = { { .name = "a" }, { .name = "b", .descending = true, .nulls_first = true } } },
        { .name = "t_partial", .count = 1, .columns = { { .name = "c" } } },
        { .name = "t_ab", .unique = true, .ordered = true, .count = 2, .columns = { { .name = "d" }, { .name = "e" } } },
    };
    weir_advice_table table = { .known = known, .rows = 100, .index_count = known ? 4 : 0, .indexes = indexes };
    read_text(f, sql, false);
    weir_compiled compiled = { .sql = sql, .sql_length = strlen(sql), .facts = { .ordered = f->text.order_count > 0 } };
    f->remarks.count = 0;
    weir_remarks_of_order(&f->remarks, &f->text, &compiled, &weir_dialect_postgresql, &table, sorted);
}

static void test_orders(void **state)
{
    fixture *f = *state;
    look_at_order(f, "SELECT 'ORDER BY id' FROM t", false, true);
    assert_remark(f, "no-order", WEIR_REMARK_WARNING, "no ORDER BY");
    look_at_order(f, "SELECT * FROM t ORDER BY id", false, true);
    assert_int_equal(f->remarks.count, 0);
    look_at_order(f, "SELECT * FROM t ORDER BY a, id DESC", false, true);
    assert_int_equal(f->remarks.count, 0);
    look_at_order(f, "SELECT * FROM t ORDER BY e, d", false, true);
    assert_int_equal(f->remarks.count, 0);
    look_at_order(f, "SELECT * FROM t ORDER BY d", false, true);
    assert_remark(f, "order-not-unique", WEIR_REMARK_WARNING, "its key lacks id");
    look_at_order(f, "SELECT a AS id FROM t ORDER BY id", false, true);
    assert_remark(f, "order-not-unique", WEIR_REMARK_WARNING, "not unique");
    look_at_order(f, "SELECT a, b FROM t ORDER BY 1", false, true);
    assert_remark(f, "order-not-unique", WEIR_REMARK_WARNING, "its key lacks id");
    look_at_order(f, "SELECT * FROM t ORDER BY 1", false, true);            /* id, for all that the text says */
    assert_remark(f, "order-not-known", WEIR_REMARK_NOTE, "the number of a column");
    assert_null(find(f, "order-not-unique"));
    look_at_order(f, "SELECT * FROM v ORDER BY id", false, false);
    assert_remark(f, "order-not-known", WEIR_REMARK_NOTE, "cannot be told");
    look_at_order(f, "SELECT a, count(*) FROM t GROUP BY a ORDER BY a", true, true);
    assert_int_equal(f->remarks.count, 0);
    look_at_order(f, "SELECT * FROM t ORDER BY a DESC, b", true, true);     /* backwards */
    assert_remark(f, "index-not-used", WEIR_REMARK_NOTE, "t_a_b");
    look_at_order(f, "SELECT * FROM t ORDER BY a, b", true, true);
    assert_remark(f, "no-index-for-order", WEIR_REMARK_WARNING, "t has the order (a, b)");
    assert_remark(f, "order-not-unique", WEIR_REMARK_WARNING, "its key lacks id");      /* an index that is not unique proves nothing */
    look_at_order(f, "SELECT * FROM t ORDER BY c", true, true);              /* that index is partial */
    assert_remark(f, "no-index-for-order", WEIR_REMARK_WARNING, "(c)");
    look_at_order(f, "SELECT * FROM t ORDER BY lower(a) DESC", true, true);
    assert_remark(f, "no-index-for-order", WEIR_REMARK_WARNING, "(an expression) DESC");
    look_at_order(f, "SELECT * FROM t ORDER BY id", false, true);
    assert_null(find(f, "no-index-for-order"));
}

static void test_warnings_come_first(void **state)
{
    fixture *f = *state;
    weir_remark_add(&f->remarks, "a", WEIR_REMARK_NOTE, 0, "", "one %d", 1);
    weir_remark_add(&f->remarks, "b", WEIR_REMARK_WARNING, 0, "", "two");
    weir_remark_add(&f->remarks, "a", WEIR_REMARK_NOTE, 0, "", "less");
    weir_remarks_sort(&f->remarks);
    assert_int_equal(f->remarks.count, 2);
    assert_string_equal(f->remarks.items[0].code, "b");
    assert_string_equal(f->remarks.items[1].text, "one 1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_json_tree), TEST(test_json_as_deep_as_it_gets), TEST(test_nodes_make_remarks), TEST(test_words_make_no_remarks),
        TEST(test_nodes_at_any_depth_the_largest_counts), TEST(test_what_runs_for_each_row_blocks_none), TEST(test_the_sort_of_the_order),
        TEST(test_lines_of_sqlite), TEST(test_timeouts), TEST(test_standby), TEST(test_the_one_table), TEST(test_the_columns_of_an_order),
        TEST(test_orders), TEST(test_warnings_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
