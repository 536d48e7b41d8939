/* What the tests of relationship loading share: entities over F and over tables of their own, statements, and checks. */
#ifndef TEST_LOADING_H
#define TEST_LOADING_H
#include "support.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- entities ----------------------------------------------------------------------------------------------------------- */

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);

struct order {
    int64_t     id, tenant_id, amount_cents;
    const char *state;
    WEIR_MANY(struct order_line) lines;
    WEIR_MANY(struct order_line) by_quantity;
};
struct order_line {
    int64_t       id, order_id, quantity;
    struct order *order;
};
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"),
    WEIR_HAS_MANY(order, by_quantity, order_line, order_id, .order_by = "quantity DESC"));
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true),
    WEIR_COLUMN(order_line, order_id),
    WEIR_COLUMN(order_line, quantity),
    WEIR_BELONGS_TO(order_line, order, order, order_id));

/* Case 55: keys of two columns. */
WEIR_ENTITY_DECLARE(pair);
WEIR_ENTITY_DECLARE(pair_item);
struct pair { int64_t a, b; WEIR_MANY(struct pair_item) items; };
struct pair_item { int64_t id, pair_a, pair_b; struct pair *pair; };
WEIR_ENTITY(pair, "pairs",
    WEIR_COLUMN(pair, a, .primary_key = true),
    WEIR_COLUMN(pair, b, .primary_key = true),
    WEIR_TO_MANY(pair, items, pair_item, .order_by = "id",
        .pairs = WEIR_PAIRS(WEIR_PAIR(pair, a, pair_item, pair_a), WEIR_PAIR(pair, b, pair_item, pair_b))));
WEIR_ENTITY(pair_item, "pair_items",
    WEIR_COLUMN(pair_item, id, .primary_key = true),
    WEIR_COLUMN(pair_item, pair_a),
    WEIR_COLUMN(pair_item, pair_b),
    WEIR_TO_ONE(pair_item, pair, pair,
        .pairs = WEIR_PAIRS(WEIR_PAIR(pair_item, pair_a, pair, a), WEIR_PAIR(pair_item, pair_b, pair, b))));

/* Trees: a node has children, perhaps a parent, and tags; three levels of it for nested loading. */
WEIR_ENTITY_DECLARE(node);
WEIR_ENTITY_DECLARE(tag);
struct node {
    int64_t      id;
    weir_opt_int64 parent_id;
    const char  *name;
    struct node *parent;
    WEIR_MANY(struct node) children;
    WEIR_MANY(struct tag) tags;
};
struct tag { int64_t id; const char *label; };
WEIR_ENTITY(node, "nodes",
    WEIR_COLUMN(node, id, .primary_key = true),
    WEIR_COLUMN(node, parent_id),
    WEIR_COLUMN(node, name),
    WEIR_BELONGS_TO(node, parent, node, parent_id),
    WEIR_HAS_MANY(node, children, node, parent_id, .order_by = "id"),
    WEIR_MANY_TO_MANY(node, tags, tag, "node_tags", "node_id", "tag_id", .order_by = "id"));
WEIR_ENTITY(tag, "tags",
    WEIR_COLUMN(tag, id, .primary_key = true),
    WEIR_COLUMN(tag, label));

/* Case 65: a to-one by a column that is not unique. */
WEIR_ENTITY_DECLARE(person);
WEIR_ENTITY_DECLARE(passport);
struct person { int64_t id; struct passport *passport; };
struct passport { int64_t id, person_id; };
WEIR_ENTITY(person, "persons",
    WEIR_COLUMN(person, id, .primary_key = true),
    WEIR_TO_ONE(person, passport, passport, .pairs = WEIR_PAIRS(WEIR_PAIR(person, id, passport, person_id)), .order_by = "id"));
WEIR_ENTITY(passport, "passports",
    WEIR_COLUMN(passport, id, .primary_key = true),
    WEIR_COLUMN(passport, person_id));

/* Case 68: neither pairs nor foreign keys. */
WEIR_ENTITY_DECLARE(lost);
WEIR_ENTITY_DECLARE(lost_line);
struct lost { int64_t id; WEIR_MANY(struct lost_line) lines; };
struct lost_line { int64_t id, lost_id; };
WEIR_ENTITY(lost, "orders", WEIR_COLUMN(lost, id, .primary_key = true), WEIR_TO_MANY(lost, lines, lost_line));
WEIR_ENTITY(lost_line, "order_lines", WEIR_COLUMN(lost_line, id, .primary_key = true), WEIR_COLUMN(lost_line, lost_id, .column = "order_id"));

/* The mapping's own way of loading. */
WEIR_ENTITY_DECLARE(eager_order);
WEIR_ENTITY_DECLARE(eager_line);
struct eager_order { int64_t id; WEIR_MANY(struct eager_line) lines; };
struct eager_line { int64_t id, order_id; struct eager_order *order; };
WEIR_ENTITY(eager_order, "orders",
    WEIR_COLUMN(eager_order, id, .primary_key = true),
    WEIR_HAS_MANY(eager_order, lines, eager_line, order_id, .order_by = "id", .lazy = WEIR_LAZY_SELECTIN));
WEIR_ENTITY(eager_line, "order_lines",
    WEIR_COLUMN(eager_line, id, .primary_key = true),
    WEIR_COLUMN(eager_line, order_id),
    WEIR_BELONGS_TO(eager_line, order, eager_order, order_id, .lazy = WEIR_LAZY_SELECTIN));

/* ---- help --------------------------------------------------------------------------------------------------------------- */

static inline size_t statements(test_database *db) { return test_log_count(db->log, WEIR_LOG_STATEMENT); }

static inline void assert_statements(test_database *db, size_t wanted)
{
    if (statements(db) == wanted)
        return;
    test_log_print(db->log);
    fail_msg("%zu statements instead of %zu", statements(db), wanted);
}

/* The integers among the values of the index-th statement, in order. */
static inline size_t keys_of(test_database *db, size_t index, int64_t *keys, size_t capacity)
{
    const test_log_entry *entry = test_log_at(db->log, WEIR_LOG_STATEMENT, index);
    size_t count = 0;
    assert_non_null(entry);
    for (const char *at = entry->parameters; *at; ) {
        bool in_name = at > entry->parameters && (isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (!isdigit((unsigned char)*at) || in_name) {
            at++;
            continue;
        }
        char *end;
        int64_t key = strtoll(at, &end, 10);
        if (count < capacity)
            keys[count] = key;
        count++;
        at = end;
    }
    return count;
}

#define assert_keys(db, index, ...) \
    check_keys((db), (index), (const int64_t[]){ __VA_ARGS__ }, sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), __LINE__)
static inline void check_keys(test_database *db, size_t index, const int64_t *wanted, size_t count, int line)
{
    int64_t keys[600];
    size_t found = keys_of(db, index, keys, 600);
    bool same = found == count;
    for (size_t i = 0; same && i < count; i++)
        same = keys[i] == wanted[i];
    if (same)
        return;
    test_log_print(db->log);
    fail_msg("line %d: statement %zu has other keys (%zu of them)", line, index, found);
}

static inline void close_session_ok(weir_session **session)
{
    int status = weir_session_close(session);
    assert_status(status, WEIR_OK);
}

static inline weir_stmt *select_by_id(const weir_entity *entity, const weir_expr *id, int64_t yield_per)
{
    weir_stmt *stmt = weir_select(entity);
    weir_order_by(stmt, id);
    if (yield_per)
        weir_yield_per(stmt, yield_per);
    return stmt;
}
#define ORDERS(n) select_by_id(&order_entity, WEIR_COL(order, id), (n))
#define LINES(n)  select_by_id(&order_line_entity, WEIR_COL(order_line, id), (n))

static inline weir_result *scalars(weir_session *session, weir_stmt **stmt)
{
    weir_result *result = weir_session_scalars(session, *stmt);
    weir_stmt_free(stmt);
    return result;
}

static inline void assert_three_lines(const struct order *order)
{
    assert_true(weir_loaded(order, lines));
    assert_non_null(order->lines.items);
    assert_int_equal(order->lines.count, 3);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(order->lines.items[k]->id, 10 * order->id + (int64_t)k + 1);
        assert_int_equal(order->lines.items[k]->order_id, order->id);
    }
}

/* Reads orders 1 to `rows`, each with its three lines. */
static inline void assert_orders_with_lines(weir_result *result, int64_t rows)
{
    struct order *order;
    int64_t id = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_int_equal(order->id, ++id);
        assert_three_lines(order);
        assert_status(weir_load(order, lines), WEIR_OK);
    }
    assert_error(weir_result_error(result), WEIR_OK);
    assert_int_equal(id, rows);
}

static inline void node_fixture(test_database *db)
{
    test_side_run(db,
        "CREATE TABLE nodes(id bigint PRIMARY KEY, parent_id bigint, name text NOT NULL);"
        "CREATE TABLE tags(id bigint PRIMARY KEY, label text NOT NULL);"
        "CREATE TABLE node_tags(node_id bigint NOT NULL, tag_id bigint NOT NULL);"
        "INSERT INTO tags VALUES (1, 'red'), (2, 'green'), (3, 'blue');");
}

/* Five roots 1..5, three children each (10 r + k), one grandchild each (100 r + k). */
static inline void tree_fixture(test_database *db)
{
    char sql[200];
    node_fixture(db);
    for (int r = 1; r <= 5; r++) {
        snprintf(sql, sizeof sql, "INSERT INTO nodes VALUES (%d, NULL, 'root')", r);
        test_side_run(db, sql);
        for (int k = 1; k <= 3; k++) {
            snprintf(sql, sizeof sql, "INSERT INTO nodes VALUES (%d, %d, 'child'), (%d, %d, 'grandchild')", 10 * r + k, r, 100 * r + k, 10 * r + k);
            test_side_run(db, sql);
        }
    }
}

static inline weir_stmt *roots(int64_t yield_per)
{
    weir_stmt *stmt = select_by_id(&node_entity, WEIR_COL(node, id), yield_per);
    weir_where(stmt, WEIR_IS_NULL(WEIR_COL(node, parent_id)));
    return stmt;
}

#endif
