/* The statement of one page: with the key columns that its rows lack, and, where one condition would not let an index begin at the
 * place, as a union of ranges that each are one of an index (RULES K2).
 *
 * Behind (5, 7) in the order "k asc nulls last, id desc" lie, nearest first:  k = 5 AND id < 7;  k > 5;  k IS NULL.  Their merge reads
 * a page's rows from each at most, however many rows share a leading value. */
#include <stdio.h>
#include "sql/tree.h"
#include "transfer/order_parts.h"

enum { MOST_COLUMNS = 8 };              /* of an order that is split: parts are statements */

void weir_order_hidden_name(size_t index, char name[WEIR_HIDDEN_NAME_SIZE])
{
    snprintf(name, WEIR_HIDDEN_NAME_SIZE, "weir_key_%zu", index + 1);
}

static void add_hidden(const weir_order *order, bool in_session, weir_stmt *stmt)
{
    char name[WEIR_HIDDEN_NAME_SIZE];
    for (size_t i = 0; i < order->count; i++) {
        if (weir_order_has(order, i, in_session))
            continue;
        weir_order_hidden_name(i, name);
        weir_add_columns(stmt, WEIR_LABEL(order->columns[i].expr, name));
    }
}

/* With the page's size in its text PostgreSQL keeps one plan of a prepared statement for all pages; of LIMIT $1 it expects a tenth of all
 * rows, and so plans each page anew. Where the statement has values of its own, which may be rare or frequent ones, that is better. */
static void limit_page(const weir_order *order, weir_stmt *stmt, int64_t rows)
{
    weir_limit(stmt, rows);
    if (weir_stmt_error(stmt)->status == WEIR_OK)
        stmt->tree->limit_in_text = !order->has_values;
}

/* PostgreSQL gets the order and limit of the page for each part, so that it sorts no more than a page of one; SQLite merges parts as their
 * indexes have them, and would sort what has a limit of its own once more. */
static weir_stmt *make_part(const weir_order *order, const weir_order_range *range, bool in_session, const weir_expr *condition, bool alone)
{
    weir_stmt *stmt = weir_stmt_copy(order->stmt);
    if (weir_stmt_error(stmt)->status == WEIR_OK) {
        stmt->tree->load_count = 0;
        stmt->options = (weir_execution_options){ .struct_size = sizeof stmt->options };
    }
    if (condition)
        weir_where(stmt, condition);
    add_hidden(order, in_session, stmt);
    bool whole = alone || order->dialect->members_in_parentheses;
    for (size_t i = 0; i < order->count && whole; i++)
        weir_order_add_direction(stmt, &order->columns[i], order->columns[i].expr, range->backwards);
    if (whole)
        limit_page(order, stmt, range->limit);
    return stmt;
}

/* What the select says of its instances, for the union. */
static void copy_loading(const weir_order *order, weir_stmt *to)
{
    const weir_select_tree *from = order->stmt->tree;
    for (size_t i = 0; i < from->load_count && weir_stmt_error(to)->status == WEIR_OK; i++) {
        weir_load_option_(to, from->loads[i].how, from->loads[i].steps);
        if (weir_stmt_error(to)->status == WEIR_OK)
            to->tree->loads[i].chunk = from->loads[i].chunk;
    }
    if (weir_stmt_error(to)->status != WEIR_OK)
        return;
    to->tree->disable_eagerloads = from->disable_eagerloads;
    to->tree->populate_existing = from->populate_existing;
    to->tree->autoflush = from->autoflush;
    to->options = order->stmt->options;
}

/* The union is ordered by the numbers of its columns, which are the same in every part. */
static void order_by_numbers(const weir_order *order, bool in_session, bool backwards, weir_stmt *stmt)
{
    size_t behind = order->width;
    for (size_t i = 0; i < order->count; i++) {
        char number[24];
        bool has = weir_order_has(order, i, in_session);
        snprintf(number, sizeof number, "%zu", has ? (size_t)order->columns[i].column + 1 : ++behind);
        weir_order_add_direction(stmt, &order->columns[i], WEIR_SQL(number), backwards);
    }
}

static weir_stmt *unite(const weir_order *order, const weir_order_range *range, bool in_session, const weir_expr *const *parts, size_t count)
{
    weir_stmt *whole = make_part(order, range, in_session, parts[0], count == 1);
    for (size_t i = 1; i < count; i++) {
        weir_stmt *part = make_part(order, range, in_session, parts[i], false), *before = whole;
        whole = weir_combine(WEIR_UNION_ALL, before, part);
        weir_stmt_free(&part);
        weir_stmt_free(&before);
    }
    if (count > 1) {
        order_by_numbers(order, in_session, range->backwards, whole);
        limit_page(order, whole, range->limit);
    }
    copy_loading(order, whole);
    return whole;
}

/* A union's columns must be known by number, and its rows cannot be locked. */
static bool can_split(const weir_order *order, const weir_order_range *range, bool in_session)
{
    const weir_select_tree *tree = order->stmt->tree;
    bool can = !order->textual && range->after && !range->through && range->limit && order->count <= MOST_COLUMNS && !tree->lock &&
               !tree->distinct && !order->stmt->declared_count;
    for (size_t i = 0; i < tree->load_count && can; i++)
        can = tree->loads[i].how != WEIR_LAZY_JOINED;
    for (size_t i = 0; i < order->count && can; i++)
        can = order->width && (!weir_order_has(order, i, in_session) || order->columns[i].column >= 0);
    return can;
}

weir_stmt *weir_order_page(const weir_order *order, const weir_order_range *range, bool in_session, bool split)
{
    const weir_expr *parts[2 * MOST_COLUMNS + 1];
    weir_stmt *stmt = NULL;
    if (split && can_split(order, range, in_session)) {
        weir_arena arena;
        weir_arena_init(&arena, order->ledger, WEIR_MEMORY_STATEMENTS, 2048);
        size_t count = weir_order_ranges(order, range->after, range->backwards, range->at, &arena, parts);
        if (count)
            stmt = unite(order, range, in_session, parts, count);
        weir_arena_free(&arena);
    }
    if (stmt)
        return stmt;
    stmt = weir_order_statement(order, range);
    if (range->limit)
        limit_page(order, stmt, range->limit);
    add_hidden(order, in_session, stmt);
    return stmt;
}
