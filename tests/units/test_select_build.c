/* Select statements as built: what is in the tree, that it is a copy, which mistakes are kept, and what happens without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sql/statement.h"

/* ---- an allocator that can run out ---- */

static bool counting;
static long allocations_left;

static bool may_allocate(void) { return !counting || allocations_left-- > 0; }
static void *take(size_t size, void *context) { (void)context; return may_allocate() ? malloc(size) : NULL; }
static void *resize(void *block, size_t size, void *context) { (void)context; return may_allocate() ? realloc(block, size) : NULL; }
static void release(void *block, void *context) { (void)context; free(block); }

static size_t bytes_held(void)
{
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    return figures.bytes;
}

static int nothing_is_held(void **state)
{
    (void)state;
    return bytes_held() == 0 ? 0 : -1;
}

/* ---- entities ---- */

struct line;
struct product;
struct order {
    int64_t id;
    int64_t tenant_id;
    const char *state;
    weir_opt_int64 parent_id;
    WEIR_MANY(struct line) lines;
    WEIR_MANY(struct order) parts;
};
struct line { int64_t id; int64_t order_id; int64_t product_id; int64_t substitute_id; struct order *order; struct product *product; };
struct product { int64_t id; weir_text name; };
struct report { int64_t tenant; double total; };
struct keyless { int64_t id; };
WEIR_ENTITY_DECLARE(line);
WEIR_ENTITY_DECLARE(product);
WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, state),
    WEIR_COLUMN(order, parent_id, .foreign_key = "orders.id"),
    WEIR_HAS_MANY(order, lines, line, order_id), WEIR_TO_MANY(order, parts, order));
WEIR_ENTITY(line, "lines",
    WEIR_COLUMN(line, id, .primary_key = true), WEIR_COLUMN(line, order_id, .foreign_key = "orders.id"),
    WEIR_COLUMN(line, product_id, .foreign_key = "products.id"), WEIR_COLUMN(line, substitute_id, .foreign_key = "products.id"),
    WEIR_BELONGS_TO(line, order, order, order_id), WEIR_BELONGS_TO(line, product, product, product_id));
WEIR_ENTITY(product, "products", WEIR_COLUMN(product, id, .primary_key = true), WEIR_COLUMN(product, name));
WEIR_ENTITY(report, NULL, WEIR_COLUMN(report, tenant), WEIR_COLUMN(report, total));
WEIR_ENTITY(keyless, "keyless", WEIR_COLUMN(keyless, id));

/* ---- trees as text ---- */

static char shown[20000];

static void put(const char *format, ...) WEIR_PRINTF_(1, 2);
static void put(const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(shown);
    va_start(arguments, format);
    vsnprintf(shown + length, sizeof shown - length, format, arguments);
    va_end(arguments);
}

static void put_tree(const weir_stmt *stmt);

static void put_source(const weir_source *source)
{
    static const char *const kinds[] = { "", "alias", "subquery", "cte" };
    put("<%s %s", kinds[source->kind], source->name ? source->name : "-");
    if (source->stmt)
        put_tree(source->stmt);
    if (source->recursive_stmt) {
        put(source->all ? " all" : " each");
        put_tree(source->recursive_stmt);
    }
    put(">");
}

static void put_expr(const weir_expr *e);

static void put_list(const char *what, const weir_expr *const *list)
{
    put(" %s[", what);
    for (size_t i = 0; list && list[i]; i++)
        put_expr(list[i]);
    put("]");
}

static void put_value(const weir_value *value)
{
    char text[100];
    weir_value_format(value, text, sizeof text);
    put(" %s:%s", weir_type_name(value->type), text);
}

static void put_expr(const weir_expr *e)
{
    put("(%d", (int)e->op);
    if (e->entity)
        put(" %s", e->entity->name);
    if (e->op == WEIR_OP_COLUMN)
        put(".%s", weir_entity_member(e->entity, e->offset)->name);
    if (e->source)
        put_source(e->source);
    if (e->name)
        put(" '%s'", e->name);
    if (e->op == WEIR_OP_VALUE)
        put_value(&e->value);
    for (size_t i = 0; i < e->count; i++)
        put_value(&e->values[i]);
    if (e->stmt)
        put_tree(e->stmt);
    if (e->window) {
        put_list("by", e->window->partition_by);
        put_list("order", e->window->order_by);
        put(" frame %d %d %d", (int)e->window->frame, e->window->from, e->window->to);
    }
    for (size_t i = 0; e->args && e->args[i]; i++)
        put_expr(e->args[i]);
    put(")");
}

static void put_exprs(const char *what, const weir_expr_list *list)
{
    put(" %s%s", list->count ? what : "", list->count ? ":" : "");
    for (size_t i = 0; i < list->count; i++)
        put_expr(list->items[i]);
}

static void put_tree(const weir_stmt *stmt)
{
    const weir_select_tree *tree = stmt->tree;
    put("{%s", stmt->text);
    for (size_t i = 0; i < stmt->parameter_count; i++) {
        put(" :%s=", stmt->parameters[i].name);
        for (size_t k = 0; stmt->parameters[i].bound && k < stmt->parameters[i].count; k++)
            put_value(&stmt->parameters[i].values[k]);
    }
    put(" options %lld", (long long)stmt->options.yield_per);
    if (tree) {
        put_exprs("columns", &tree->columns);
        put_exprs("where", &tree->where);
        put_exprs("order", &tree->order_by);
        put_exprs("group", &tree->group_by);
        put_exprs("having", &tree->having);
        put_exprs("on", &tree->distinct_on);
        put(" %d %d:%lld %d:%lld", tree->distinct, tree->has_limit, (long long)tree->limit, tree->has_offset, (long long)tree->offset);
        for (size_t i = 0; i < tree->from_count; i++)
            put_expr(tree->from[i]);
        for (size_t i = 0; i < tree->from_source_count; i++)
            put_source(tree->from_sources[i]);
        for (size_t i = 0; i < tree->join_count; i++) {
            const weir_join *join = &tree->joins[i];
            put(" join %d", (int)join->kind);
            if (join->target)
                put_expr(join->target);
            if (join->source)
                put_source(join->source);
            if (join->as)
                put_source(join->as);
            if (join->on)
                put_expr(join->on);
        }
        for (size_t i = 0; i < tree->load_count; i++) {
            put(" load %d %lld %d", (int)tree->loads[i].how, (long long)tree->loads[i].chunk, tree->loads[i].contiguous);
            put_list("steps", tree->loads[i].steps);
        }
        if (tree->set) {
            put(" set %d", (int)tree->set);
            put_tree(tree->left);
            put_tree(tree->right);
        }
        if (tree->text)
            put_tree(tree->text);
        if (tree->lock) {
            put(" lock %d%d%d%d", tree->lock->read, tree->lock->nowait, tree->lock->skip_locked, tree->lock->strict);
            put_list("of", tree->lock->of);
        }
        put(" %d%d%d", tree->disable_eagerloads, (int)tree->populate_existing, (int)tree->autoflush);
    }
    put("}");
}

static char *tree_text(const weir_stmt *stmt)
{
    shown[0] = 0;
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_OK);
    put_tree(stmt);
    char *text = malloc(strlen(shown) + 1);
    assert_non_null(text);
    return strcpy(text, shown);
}

/* ---- everything at once ---- */

static weir_stmt *lines_of(int64_t least)
{
    char fragment[] = "length(:word) > :least";
    weir_stmt *stmt = weir_select_columns(WEIR_COL(line, order_id));
    weir_where(stmt, WEIR_AND(WEIR_GT(WEIR_COL(line, id), (long long)least), WEIR_SQL(fragment)));
    memset(fragment, 'x', sizeof fragment - 1);
    weir_bind(stmt, "word", weir_value_cstr("inside"));
    return stmt;
}

static weir_source *make_tree_source(void)
{
    weir_source *tree = weir_cte_recursive("tree");
    weir_stmt *base = weir_select_columns(WEIR_COL(order, id));
    weir_stmt *next = weir_select_columns(WEIR_COL(order, id));
    weir_from_source(next, tree);
    weir_where(next, WEIR_EQ(WEIR_COL(order, parent_id), WEIR_FIELD(tree, "id")));
    weir_cte_define(tree, base, next, true);
    weir_stmt_free(&base);
    weir_stmt_free(&next);
    return tree;
}

/* A statement of all there is; everything that it was made from is gone when this returns. */
static weir_stmt *everything(void)
{
    weir_stmt *inner = lines_of(7);
    weir_source *alias = weir_alias(&order_entity, "other"), *recent = weir_subquery(inner, NULL, NULL), *tree = make_tree_source();
    char name[] = "paid";
    const weir_value states[] = { weir_value_cstr(name), weir_value_null() };
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_ALIAS_OF(alias, order), WEIR_LABEL(WEIR_COUNT(), "n"),
        WEIR_OVER(WEIR_SUM(WEIR_COL(order, id)), .partition_by = WEIR_EXPRS(WEIR_COL(order, tenant_id)),
                  .order_by = WEIR_EXPRS(WEIR_DESC(WEIR_COL(order, id))), .frame = WEIR_FRAME_ROWS, .from = WEIR_UNBOUNDED, .to = 0),
        WEIR_CASE(WEIR_EQ(WEIR_COL(order, state), name), 1, 0), WEIR_SCALAR(inner), WEIR_FIELD(tree, "id"));
    weir_where(stmt, WEIR_OR(WEIR_IN_VALUES(WEIR_COL(order, state), states, 2), WEIR_IN(WEIR_COL(order, id), 1, 2, 3),
                             WEIR_IN_STMT(WEIR_COL(order, id), inner), WEIR_EXISTS(inner)));
    weir_where(stmt, WEIR_SQL("orders.id > :first OR :word IS NULL"));
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, state), NULL));
    weir_order_by(stmt, WEIR_NULLS_LAST(WEIR_ASC(WEIR_CAST(WEIR_COL(order, state), "text"))));
    weir_group_by(stmt, WEIR_TUPLE(WEIR_COL(order, id), WEIR_SCOL(alias, order, id)));
    weir_having(stmt, WEIR_FILTER(WEIR_MAX(WEIR_COL(order, id)), WEIR_BETWEEN(WEIR_COL(order, id), 1, 9.5)));
    weir_distinct_on(stmt, WEIR_COL(order, tenant_id), WEIR_FUNC("lower", WEIR_COL(order, state)));
    weir_limit(stmt, 10);
    weir_offset(stmt, 0);
    weir_from(stmt, WEIR_ENTITY_OF(order));
    weir_from_source(stmt, tree);
    weir_join(stmt, WEIR_COL(order, lines));
    weir_join_(stmt, WEIR_JOIN_LEFT, WEIR_COL(order, parts), alias, NULL);
    weir_join_source(stmt, WEIR_JOIN_FULL, recent, WEIR_EQ(WEIR_FIELD(recent, "order_id"), WEIR_COL(order, id)));
    weir_with_for_update(stmt, WEIR_LOCK_OPTIONS(.nowait = true, .of = WEIR_EXPRS(WEIR_ENTITY_OF(order))));
    weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(line, product));
    weir_selectin_chunk(stmt, 20);
    weir_joinedload_contiguous(stmt, WEIR_SCOL(alias, order, lines));
    weir_populate_existing(stmt, WEIR_ON);
    weir_autoflush(stmt, WEIR_OFF);
    weir_yield_per(stmt, 500);
    weir_bind(stmt, "first", weir_value_int(3));
    memset(name, 'x', sizeof name - 1);
    weir_source_free(&alias);
    weir_source_free(&recent);
    weir_source_free(&tree);
    weir_stmt_free(&inner);
    return stmt;
}

static void test_the_tree_is_a_copy(void **state)
{
    (void)state;
    weir_stmt *stmt = everything();
    char *first = tree_text(stmt), *second;
    assert_non_null(strstr(first, "text:paid null:"));              /* not what the program made of it since */
    assert_non_null(strstr(first, "'length(:word) > :least'"));
    assert_non_null(strstr(first, "<cte tree{ options 0 columns:"));
    assert_int_equal(stmt->tree->columns.count, 7);
    assert_int_equal(stmt->tree->where.count, 3);
    assert_int_equal(stmt->parts.source_count, 3);                  /* each once, however often it is named */
    assert_int_equal(stmt->parts.owned_count, 6);                   /* SCALAR, IN, EXISTS, the subquery, two halves */
    weir_stmt *copy = weir_stmt_copy(stmt);
    weir_stmt_free(&stmt);
    second = tree_text(copy);
    assert_string_equal(second, first);
    weir_stmt_free(&copy);
    free(first);
    free(second);
}

static void test_sources_stay_the_same_in_copies(void **state)
{
    (void)state;
    weir_source *first = weir_alias(&order_entity, NULL), *second = weir_alias(&order_entity, NULL);
    weir_stmt *stmt = weir_select_columns(WEIR_ALIAS_OF(first, order), WEIR_ALIAS_OF(second, order), WEIR_SCOL(first, order, id));
    const weir_expr **items = stmt->tree->columns.items;
    assert_ptr_equal(items[0]->source, items[2]->source);
    assert_ptr_not_equal(items[0]->source->identity, items[1]->source->identity);
    assert_ptr_equal(items[0]->source->identity, first->identity);
    /* what is freed leaves no place where the next one could be taken for it */
    const void *old = first->identity;
    weir_source_free(&first);
    first = weir_alias(&order_entity, NULL);
    assert_ptr_not_equal(first->identity, old);
    weir_stmt *copy = weir_stmt_copy(stmt);
    weir_stmt_free(&stmt);
    assert_ptr_equal(copy->tree->columns.items[0]->source->identity, old);
    weir_stmt_free(&copy);
    weir_source_free(&first);
    weir_source_free(&second);
}

static void test_case_195_statements_from_one_base_change_nothing_but_themselves(void **state)
{
    (void)state;
    weir_stmt *base = everything(), *made[10];
    char *before = tree_text(base), *texts[10];
    for (int i = 0; i < 10; i++) {
        made[i] = weir_stmt_copy(base);
        weir_where(made[i], WEIR_EQ(WEIR_COL(order, tenant_id), i));
        weir_order_by(made[i], i % 2 ? NULL : WEIR_COL(order, id));
        weir_limit(made[i], i);
        weir_yield_per(made[i], i);
        weir_bind(made[i], "least", weir_value_int(i));
        weir_bind(made[i], "first", weir_value_int(i));
        weir_selectin_chunk(made[i], i + 1);
        texts[i] = tree_text(made[i]);
    }
    for (int i = 0; i < 10; i++) {
        char *again = tree_text(made[i]), expected[100];
        assert_string_equal(again, texts[i]);
        snprintf(expected, sizeof expected, ":word= :least= int64:%d :first= int64:%d options %d ", i, i, i);
        if (!strstr(again, expected))
            fail_msg("%s is not in %s", expected, again);
        free(again);
    }
    char *after = tree_text(base);
    assert_string_equal(after, before);
    weir_stmt_free(&base);
    for (int i = 0; i < 10; i++) {
        weir_stmt_free(&made[i]);
        free(texts[i]);
    }
    free(before);
    free(after);
}

static void test_case_195_sql_of_statements_from_one_base(void **state)
{
    (void)state;
    weir_stmt *base = weir_select(&order_entity), *made[10];
    char before[400], after[400], texts[10][400];
    weir_where(base, WEIR_SQL("orders.state = :state"));
    weir_bind(base, "state", weir_value_cstr("paid"));
    assert_true(weir_stmt_text(base, "sqlite", true, before, sizeof before, NULL) > 0);
    for (int i = 0; i < 10; i++) {
        made[i] = weir_stmt_copy(i % 3 ? made[i - 1] : base);
        if (i % 2)
            weir_where(made[i], WEIR_GT(WEIR_COL(order, id), i));
        else
            weir_order_by(made[i], WEIR_ADD(WEIR_COL(order, id), i));
        weir_limit(made[i], i);
        weir_bind(made[i], "state", weir_value_int(i));
        assert_true(weir_stmt_text(made[i], "sqlite", true, texts[i], sizeof texts[i], NULL) > 0);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(texts[k], texts[i]);
    }
    for (int i = 0; i < 10; i++) {
        weir_stmt_text(made[i], "sqlite", true, after, sizeof after, NULL);
        assert_string_equal(after, texts[i]);
        weir_stmt_free(&made[i]);
    }
    weir_stmt_text(base, "sqlite", true, after, sizeof after, NULL);
    assert_string_equal(after, before);
    assert_non_null(strstr(after, "'paid'"));
    weir_stmt_free(&base);
}

/* ---- parameters ---- */

static void test_parameters_of_fragments_and_subqueries_are_bound_by_name(void **state)
{
    (void)state;
    weir_stmt *inner = lines_of(1), *stmt = weir_select(&order_entity);
    weir_where(stmt, WEIR_SQL("a = :a AND ':no' <> 'x'"));
    weir_where(stmt, WEIR_SQL("b = :b::int"));
    weir_bind(stmt, "a", weir_value_int(1));
    weir_where(stmt, WEIR_SQL("c = :c OR a = :a"));
    weir_where(stmt, WEIR_EXISTS(inner));
    static const char *const names[] = { "a", "b", "c", "word", "least" };
    assert_int_equal(weir_stmt_parameter_count(stmt), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(weir_stmt_parameter_name(stmt, i), names[i]);
    assert_int_equal(weir_stmt_find(stmt, "a", 1)->values[0].as.i, 1);          /* bound before the table grew */
    weir_bind(stmt, "least", weir_value_int(5));
    const weir_stmt *part = stmt->parts.owned[0];
    assert_int_equal(weir_stmt_find(part, "least", 5)->values[0].as.i, 5);
    assert_string_equal(weir_stmt_find(part, "word", 4)->values[0].as.text.ptr, "inside");
    assert_false(weir_stmt_find(inner, "least", 5)->bound);
    weir_bind(stmt, "none", weir_value_int(5));
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_ARGUMENT);
    assert_non_null(strstr(weir_stmt_error(stmt)->message, "doesn't define a bound parameter named 'none'"));
    weir_stmt_free(&stmt);
    weir_stmt_free(&inner);
}

static void test_binding_again_and_again_does_not_grow(void **state)
{
    (void)state;
    weir_stmt *inner = lines_of(1), *stmt = weir_select(&order_entity);
    weir_where(stmt, WEIR_IN_STMT(WEIR_COL(order, id), inner));
    size_t held = 0;
    for (int i = 0; i < 1000; i++) {
        weir_bind(stmt, "word", weir_value_cstr(i % 2 ? "a word of some length, longer than the other" : "short"));
        if (i == 11)
            held = bytes_held();
    }
    assert_int_equal(bytes_held(), held);
    weir_stmt_free(&stmt);
    weir_stmt_free(&inner);
}

/* ---- FROM and joins ---- */

static void assert_kept_and_free(weir_stmt *stmt, int status, const char *message)
{
    const weir_error *error = weir_stmt_error(stmt);
    if (error->status != status || !strstr(error->message, message))
        fail_msg("\"%s\" (%d) is not in \"%s\" (%d)", message, status, error->message, error->status);
    weir_stmt *copy = weir_stmt_copy(stmt);
    assert_string_equal(weir_stmt_error(copy)->message, message ? error->message : "");
    weir_stmt_free(&copy);
    weir_stmt_free(&stmt);
}

static void test_the_on_of_entities_is_found_by_their_foreign_key(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_join(stmt, WEIR_ENTITY_OF(line));
    char *text = tree_text(stmt), expected[200];
    snprintf(expected, sizeof expected, "join 0(%d line)(%d(%d order.id)(%d line.order_id))", WEIR_OP_ENTITY, WEIR_OP_EQ, WEIR_OP_COLUMN,
             WEIR_OP_COLUMN);
    assert_non_null(strstr(text, expected));
    free(text);
    weir_stmt_free(&stmt);
    stmt = weir_select_columns(WEIR_SUM(WEIR_COL(line, id)));
    weir_outer_join(stmt, WEIR_ENTITY_OF(order));
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_OK);
    assert_string_equal(weir_entity_member(&line_entity, stmt->tree->joins[0].on->args[0]->offset)->name, "order_id");
    weir_stmt_free(&stmt);
}

static void test_joins_that_cannot_be_found(void **state)
{
    (void)state;
    weir_source *alias = weir_alias(&product_entity, NULL), *query;
    weir_stmt *stmt = weir_select(&order_entity), *inner = weir_select_columns(WEIR_COL(line, id));
    query = weir_subquery(inner, "q", NULL);
    weir_join(stmt, WEIR_ENTITY_OF(product));
    assert_kept_and_free(stmt, WEIR_NO_FOREIGN_KEYS, "Can't find any foreign key relationships between 'orders' and 'products'.");
    stmt = weir_select(&line_entity);
    weir_join(stmt, WEIR_ENTITY_OF(product));
    assert_kept_and_free(stmt, WEIR_AMBIGUOUS_FOREIGN_KEYS, "Can't determine join between 'lines' and 'products'");
    stmt = weir_select_columns(WEIR_COUNT());
    weir_join(stmt, WEIR_ENTITY_OF(product));
    assert_kept_and_free(stmt, WEIR_NO_FOREIGN_KEYS, "nothing to join it to");
    stmt = weir_select(&order_entity);
    weir_join_source(stmt, WEIR_JOIN_INNER, query, NULL);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "needs its ON");
    stmt = weir_select(&order_entity);
    weir_join(stmt, WEIR_COL(order, id));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "order.id is a column");
    stmt = weir_select(&order_entity);
    weir_join_(stmt, WEIR_JOIN_INNER, WEIR_COL(order, lines), alias, NULL);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "the alias for order.lines is not one of line");
    stmt = weir_select(&order_entity);
    weir_join_on(stmt, WEIR_COL(order, lines), WEIR_EQ(WEIR_COL(order, id), 1));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "order.lines is a relationship and has its ON");
    stmt = weir_select(&order_entity);
    weir_join(stmt, WEIR_COUNT());
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "weir_join takes a relationship");
    stmt = weir_select(&order_entity);
    weir_from(stmt, WEIR_COL(order, id));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "weir_from takes");
    weir_stmt_free(&inner);
    weir_source_free(&alias);
    weir_source_free(&query);
}

static void test_the_same_from_twice_stands_there_once(void **state)
{
    (void)state;
    weir_source *alias = weir_alias(&order_entity, NULL);
    weir_stmt *stmt = weir_select(&order_entity);
    for (int i = 0; i < 2; i++) {
        weir_from(stmt, WEIR_ENTITY_OF(order));
        weir_from(stmt, WEIR_ALIAS_OF(alias, order));
        weir_from_source(stmt, alias);
    }
    assert_int_equal(stmt->tree->from_count, 2);
    assert_int_equal(stmt->tree->from_source_count, 1);
    weir_stmt_free(&stmt);
    weir_source_free(&alias);
}

/* ---- loading ---- */

static void test_case_059_chunk_sizes_are_positive(void **state)
{
    (void)state;
    static const int64_t chunks[] = { 0, -250 };
    for (size_t i = 0; i < 2; i++) {
        weir_stmt *stmt = weir_select(&order_entity);
        weir_selectinload(stmt, WEIR_COL(order, lines));
        weir_selectin_chunk(stmt, chunks[i]);
        assert_kept_and_free(stmt, WEIR_ARGUMENT, "please use a positive non-zero integer.");
    }
    weir_stmt *stmt = weir_select(&order_entity);
    weir_selectin_chunk(stmt, 5);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "there is no weir_selectinload");
}

static void test_a_chunk_size_belongs_to_the_last_selectinload(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_selectinload(stmt, WEIR_COL(order, parts));
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_joinedload(stmt, WEIR_COL(order, lines), WEIR_COL(line, product));
    weir_selectin_chunk(stmt, 5);
    assert_int_equal(stmt->tree->loads[0].chunk, 0);
    assert_int_equal(stmt->tree->loads[1].chunk, 5);
    assert_int_equal(stmt->tree->loads[2].chunk, 0);
    assert_int_equal(stmt->tree->loads[2].step_count, 2);
    weir_stmt_free(&stmt);
}

static void test_load_paths_are_connected_relationships(void **state)
{
    (void)state;
    weir_source *alias = weir_alias(&order_entity, NULL);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_selectinload(stmt, WEIR_COL(order, parts), WEIR_COL(line, product));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "Attribute \"line.product\" does not link from relationship \"order.parts\"");
    stmt = weir_select(&order_entity);
    weir_selectinload(stmt, WEIR_COL(order, id));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "order.id is a column");
    stmt = weir_select(&order_entity);
    weir_noload(stmt, WEIR_COUNT());
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "a load path is made of relationships");
    stmt = weir_select(&order_entity);
    weir_lazyload(stmt, WEIR_COL(line, product));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "Mapped class line does not apply to any of the root entities");
    stmt = weir_select(&order_entity);
    weir_raiseload(stmt, WEIR_SCOL(alias, order, lines));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "Mapped class order does not apply");
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_subqueryload(stmt, WEIR_COL(order, lines));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "Query has only expression-based entities, which do not apply to relationship property \"order.lines\"");
    stmt = weir_select(&order_entity);
    weir_load_option_(stmt, WEIR_LAZY_SELECTIN, NULL);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "a load option has no relationship");
    weir_source_free(&alias);
}

/* ---- combined selects and textual SQL ---- */

static void test_combined_selects(void **state)
{
    (void)state;
    weir_stmt *left = weir_select(&order_entity), *right = weir_select(&order_entity), *both;
    weir_limit(left, 3);
    both = weir_combine(WEIR_UNION_ALL, left, right);
    weir_limit(left, 4);
    weir_order_by(both, WEIR_LABEL_REF("id"));
    weir_limit(both, 2);
    weir_selectinload(both, WEIR_COL(order, lines));
    assert_int_equal(weir_stmt_error(both)->status, WEIR_OK);
    assert_int_equal(both->tree->left->tree->limit, 3);
    assert_int_equal(both->tree->limit, 2);
    weir_where(both, WEIR_EQ(WEIR_COL(order, id), 1));
    assert_kept_and_free(both, WEIR_ARGUMENT, "weir_where does not apply to a combined select");
    assert_kept_and_free(weir_combine((weir_set_operation)9, left, right), WEIR_ARGUMENT, "the operation 9");
    weir_stmt_free(&right);
    assert_kept_and_free(weir_combine(WEIR_UNION, left, right), WEIR_RESOURCE_CLOSED, "closed");
    weir_stmt_free(&left);
}

static void test_entities_from_textual_sql(void **state)
{
    (void)state;
    weir_stmt *text = weir_sql("SELECT tenant, total FROM totals WHERE tenant > :least AND total > :most");
    weir_bind(text, "most", weir_value_int(8));
    weir_yield_per(text, 7);
    weir_stmt *stmt = weir_select_from_sql(&report_entity, text);       /* a struct without a table */
    weir_bind(stmt, "least", weir_value_int(9));
    weir_populate_existing(stmt, WEIR_ON);
    weir_stmt_free(&text);
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_OK);
    assert_int_equal(weir_stmt_find(stmt->tree->text, "least", 5)->values[0].as.i, 9);
    assert_int_equal(weir_stmt_find(stmt->tree->text, "most", 4)->values[0].as.i, 8);
    assert_int_equal(stmt->options.yield_per, 7);
    weir_stmt *copy = weir_stmt_copy(stmt);
    char *first = tree_text(stmt), *second = tree_text(copy);
    assert_string_equal(first, second);
    free(first);
    free(second);
    weir_stmt_free(&copy);
    weir_limit(stmt, 1);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "weir_limit cannot change a select that takes its rows from textual SQL");
    text = weir_select(&order_entity);
    assert_kept_and_free(weir_select_from_sql(&order_entity, text), WEIR_ARGUMENT, "takes textual SQL");
    weir_stmt_free(&text);
    text = weir_sql("SELECT 1");
    weir_where(text, WEIR_EQ(1, 1));
    assert_kept_and_free(text, WEIR_ARGUMENT, "weir_where is for select statements; this one is textual SQL");
}

/* ---- mistakes ---- */

static const weir_expr *nothing(void) { return NULL; }

static void test_null_operands_are_refused(void **state)
{
    (void)state;
    const weir_expr *const one[] = { WEIR_COL(order, id), NULL };
    const weir_expr mistakes[] = {
        *WEIR_AND(WEIR_EQ(WEIR_COL(order, id), 1), nothing(), WEIR_EQ(WEIR_COL(order, id), 2)),
        *WEIR_EQ(WEIR_COL(order, id), nothing()),
        *WEIR_NOT(nothing()),
        { .op = WEIR_OP_EQ, .args = one },
        { .op = WEIR_OP_EQ },
        { .op = WEIR_OP_NONE },
        { .op = WEIR_OP_OR, .args = &one[1] },
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        weir_stmt *stmt = weir_select(&order_entity);
        weir_where(stmt, &mistakes[i]);
        assert_kept_and_free(stmt, WEIR_ARGUMENT, "NULL");
    }
}

static void test_mistakes_in_expressions_are_kept(void **state)
{
    (void)state;
    weir_source *alias = weir_alias(&line_entity, NULL), *gone = weir_alias(&order_entity, NULL), *wrong = weir_alias(NULL, NULL);
    const weir_source *nobody = NULL;
    weir_source_free(&gone);
    weir_stmt *closed = weir_select(&order_entity);
    weir_stmt_free(&closed);
    const struct { const weir_expr *expr; int status; const char *message; } mistakes[] = {
        { WEIR_EQ(WEIR_COL(order, lines), 1), WEIR_ARGUMENT, "order.lines is a relationship" },
        { WEIR_SCOL(alias, order, id), WEIR_ARGUMENT, "the source is one of line, not of order" },
        { WEIR_SCOL(gone, order, id), WEIR_RESOURCE_CLOSED, "source is closed" },
        { WEIR_FIELD(wrong, "id"), WEIR_ARGUMENT, "an alias of no entity" },
        { WEIR_FIELD(nobody, "id"), WEIR_ARGUMENT, "WEIR_FIELD: its source is NULL" },
        { WEIR_EXISTS(closed), WEIR_RESOURCE_CLOSED, "closed" },
        { WEIR_COL(report, total), WEIR_ARGUMENT, "report has no table" },
        { WEIR_ENTITY_OF(keyless), WEIR_MAPPING, "keyless: it has no primary key" },
        { WEIR_E_(.op = WEIR_OP_COLUMN, .entity = &order_entity, .offset = 3), WEIR_ARGUMENT, "the member at offset 3 of struct order" },
        { WEIR_E_(.op = (weir_op)999), WEIR_ARGUMENT, "unknown operator 999" },
        { WEIR_SQL(NULL), WEIR_ARGUMENT, "WEIR_SQL: its name or text is NULL" },
        { WEIR_FUNC("", 1), WEIR_ARGUMENT, "WEIR_FUNC: its name or text is empty" },
        { WEIR_IN_VALUES(WEIR_COL(order, id), NULL, 3), WEIR_ARGUMENT, "list of values is NULL" },
        { WEIR_EQ(1, weir_value_numeric((weir_numeric){ "1,5", 3 })), WEIR_ARGUMENT, "a value of an expression is no numeric: '1,5'" },
        { WEIR_OVER(WEIR_COUNT(), .frame = WEIR_FRAME_ROWS, .from = 1, .to = -1), WEIR_ARGUMENT, "ends before it begins" },
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        weir_stmt *stmt = weir_select(&order_entity);
        weir_order_by(stmt, mistakes[i].expr);
        weir_limit(stmt, -1);                           /* the first mistake stays */
        assert_kept_and_free(stmt, mistakes[i].status, mistakes[i].message);
    }
    weir_source_free(&alias);
    weir_source_free(&wrong);
}

static void test_mistakes_of_builders_are_kept(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_limit(stmt, -1);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "weir_limit: the number of rows must not be negative: -1");
    stmt = weir_select(&order_entity);
    weir_offset(stmt, -2);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "weir_offset: the number of rows must not be negative: -2");
    stmt = weir_select(&order_entity);
    weir_where(stmt, NULL);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "weir_where: its expression is NULL");
    stmt = weir_select(&order_entity);
    weir_with_for_update(stmt, WEIR_LOCK_OPTIONS(.nowait = true, .skip_locked = true));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "exclude each other");
    stmt = weir_select(&order_entity);
    weir_with_for_update(stmt, &(const weir_lock_options){ .nowait = true });
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "struct_size of the lock options is not set");
    stmt = weir_select(&order_entity);
    weir_populate_existing(stmt, (weir_switch)5);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "weir_populate_existing has the unknown value 5");
    assert_kept_and_free(weir_select(NULL), WEIR_ARGUMENT, "the entity is NULL");
    assert_kept_and_free(weir_select(&report_entity), WEIR_ARGUMENT, "report has no table to select from");
    assert_kept_and_free(weir_select_list(NULL), WEIR_ARGUMENT, "nothing in its list");
}

static void test_nesting_has_an_end(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    weir_expr *chain = calloc(DEPTH, sizeof *chain);
    const weir_expr **args = calloc(2 * DEPTH, sizeof *args), *bottom = WEIR_X(1);
    assert_true(chain && args);
    for (size_t i = 0; i < DEPTH; i++) {
        args[2 * i] = i ? &chain[i - 1] : bottom;
        chain[i] = (weir_expr){ .op = WEIR_OP_NOT, .args = &args[2 * i] };
    }
    weir_stmt *stmt = weir_select(&order_entity);
    weir_where(stmt, &chain[400]);
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_OK);
    weir_where(stmt, &chain[DEPTH - 1]);
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "nested more than");
    free(chain);
    free(args);
}

static void test_order_can_be_cleared(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_order_by(stmt, NULL);
    assert_int_equal(stmt->tree->order_by.count, 0);
    for (int i = 0; i < 9; i++)
        weir_order_by(stmt, WEIR_ADD(WEIR_COL(order, id), i));
    assert_int_equal(stmt->tree->order_by.count, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(stmt->tree->order_by.items[i]->args[1]->value.as.i, i);
    weir_stmt_free(&stmt);
}

static void test_recursive_sources_are_defined_once(void **state)
{
    (void)state;
    weir_source *tree = make_tree_source();
    weir_stmt *base = weir_select_columns(WEIR_COL(order, id)), *stmt;
    weir_cte_define(tree, base, base, false);
    stmt = weir_select_columns(WEIR_FIELD(tree, "id"));
    assert_kept_and_free(stmt, WEIR_ARGUMENT, "defined already");
    weir_source_free(&tree);
    tree = weir_cte(base, "plain", NULL);
    weir_cte_define(tree, base, base, false);
    stmt = weir_select_columns(WEIR_FIELD(tree, "id"));
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_ARGUMENT);
    weir_stmt_free(&stmt);
    weir_source_free(&tree);
    weir_source_free(&tree);                                    /* closed already */
    weir_source_free(NULL);
    weir_stmt_free(&base);
}

static void test_a_source_named_before_it_was_defined_has_its_halves_afterwards(void **state)
{
    (void)state;
    weir_source *tree = weir_cte_recursive("tree");
    weir_stmt *base = weir_select_columns(WEIR_COL(order, id)), *stmt = weir_select_columns(WEIR_FIELD(tree, "id"));
    weir_cte_define(tree, base, base, false);
    assert_null(stmt->parts.sources[0]->stmt);
    weir_from_source(stmt, tree);
    assert_non_null(stmt->tree->columns.items[0]->source->recursive_stmt);
    weir_stmt_free(&stmt);
    weir_stmt_free(&base);
    weir_source_free(&tree);
}

static void test_calls_on_a_closed_select_are_safe(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_stmt_free(&stmt);
    weir_where(stmt, WEIR_EQ(1, 1));
    weir_limit(stmt, 1);
    weir_join(stmt, WEIR_COL(order, lines));
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_where(NULL, NULL);
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_RESOURCE_CLOSED);
}

/* ---- no memory ---- */

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    long n = 0;
    int status = WEIR_OUT_OF_MEMORY;
    for (; status != WEIR_OK; n++) {
        counting = true;
        allocations_left = n;
        weir_stmt *stmt = everything(), *copy = weir_stmt_copy(stmt), *joined = weir_select(&order_entity);
        weir_join(joined, WEIR_ENTITY_OF(line));
        weir_stmt *both = weir_combine(WEIR_UNION, joined, joined);
        counting = false;
        const weir_stmt *all[] = { stmt, copy, both };
        status = WEIR_OK;
        for (size_t i = 0; i < 3 && status == WEIR_OK; i++)
            status = weir_stmt_error(all[i])->status;
        assert_int_equal(status, allocations_left < 0 ? WEIR_OUT_OF_MEMORY : WEIR_OK);
        weir_stmt_free(&stmt);
        weir_stmt_free(&copy);
        weir_stmt_free(&joined);
        weir_stmt_free(&both);
        assert_int_equal(bytes_held(), 0);
        assert_true(n < 2000);
    }
    assert_true(n > 50);
}

int main(void)
{
    static const weir_allocator allocator = { take, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
#define BUILD_TEST(test) cmocka_unit_test_teardown(test, nothing_is_held)
    const struct CMUnitTest tests[] = {
        BUILD_TEST(test_the_tree_is_a_copy),
        BUILD_TEST(test_sources_stay_the_same_in_copies),
        BUILD_TEST(test_case_195_statements_from_one_base_change_nothing_but_themselves),
        BUILD_TEST(test_case_195_sql_of_statements_from_one_base),
        BUILD_TEST(test_parameters_of_fragments_and_subqueries_are_bound_by_name),
        BUILD_TEST(test_binding_again_and_again_does_not_grow),
        BUILD_TEST(test_the_on_of_entities_is_found_by_their_foreign_key),
        BUILD_TEST(test_joins_that_cannot_be_found),
        BUILD_TEST(test_the_same_from_twice_stands_there_once),
        BUILD_TEST(test_case_059_chunk_sizes_are_positive),
        BUILD_TEST(test_a_chunk_size_belongs_to_the_last_selectinload),
        BUILD_TEST(test_load_paths_are_connected_relationships),
        BUILD_TEST(test_combined_selects),
        BUILD_TEST(test_entities_from_textual_sql),
        BUILD_TEST(test_null_operands_are_refused),
        BUILD_TEST(test_mistakes_in_expressions_are_kept),
        BUILD_TEST(test_mistakes_of_builders_are_kept),
        BUILD_TEST(test_nesting_has_an_end),
        BUILD_TEST(test_order_can_be_cleared),
        BUILD_TEST(test_recursive_sources_are_defined_once),
        BUILD_TEST(test_a_source_named_before_it_was_defined_has_its_halves_afterwards),
        BUILD_TEST(test_calls_on_a_closed_select_are_safe),
        BUILD_TEST(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
