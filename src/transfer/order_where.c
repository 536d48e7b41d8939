/* The condition for the rows behind a place in an order: mixed directions, NULLs, and bounds that an index can use (RULES K2).
 *
 * Column by column, from the left:  c1 >= v1 AND (c1 > v1 OR (c2 >= v2 AND (c2 > v2 OR …)))
 * The bound in front says nothing that the rest does not, but it is what an index can begin at. Where no column can be NULL and all
 * directions are the same, it is a comparison of rows, (c1, c2) > (v1, v2), which an index takes whole. */
#include <string.h>
#include "transfer/order_parts.h"

typedef struct maker {
    const weir_order *order;
    const weir_value *key;
    bool              reversed, itself;
    bool              first_is_bound;   /* the other end of the range keeps NULLs out of the first column */
    weir_arena       *arena;
    bool              failed;
} maker;

static const weir_expr *make(maker *m, weir_op op, const weir_expr *a, const weir_expr *b)
{
    weir_expr *e = weir_arena_take(m->arena, sizeof *e);
    const weir_expr **args = weir_arena_take(m->arena, 3 * sizeof *args);
    if (!e || !args) {
        m->failed = true;
        return NULL;
    }
    args[0] = a;
    args[1] = b;
    args[2] = NULL;
    *e = (weir_expr){ .op = op, .args = args };
    return e;
}

/* NULL operands are what is always true for AND, and never for OR: the other one remains. */
static const weir_expr *join(maker *m, weir_op op, const weir_expr *a, const weir_expr *b)
{
    return a && b ? make(m, op, a, b) : a ? a : b;
}

static const weir_expr *value_of(maker *m, size_t i)
{
    weir_expr *e = weir_arena_take(m->arena, sizeof *e);
    m->failed |= !e;
    if (e)
        *e = (weir_expr){ .op = WEIR_OP_VALUE, .value = m->key[i] };
    return e;
}

static bool is_descending(const maker *m, size_t i) { return m->order->columns[i].descending != m->reversed; }
static bool is_null(const maker *m, size_t i) { return weir_value_is_null(&m->key[i]); }
static bool nulls_behind(const maker *m, size_t i) { return m->order->columns[i].nulls_first == m->reversed; }

static const weir_expr *compare(maker *m, size_t i, bool or_equal)
{
    static const weir_op ops[2][2] = { { WEIR_OP_GT, WEIR_OP_GE }, { WEIR_OP_LT, WEIR_OP_LE } };
    const weir_order_column *column = &m->order->columns[i];
    const weir_expr *beyond = make(m, ops[is_descending(m, i)][or_equal], column->expr, value_of(m, i));
    if (!column->nullable || !nulls_behind(m, i) || (i == 0 && m->first_is_bound))
        return beyond;
    return make(m, WEIR_OP_OR, beyond, make(m, WEIR_OP_IS_NULL, column->expr, NULL));
}

/* The column is behind its value; NULL: it never is. */
static const weir_expr *behind(maker *m, size_t i)
{
    if (!is_null(m, i))
        return compare(m, i, false);
    return nulls_behind(m, i) ? NULL : make(m, WEIR_OP_IS_NOT_NULL, m->order->columns[i].expr, NULL);
}

/* It is, or is at it; NULL: it always is. */
static const weir_expr *not_in_front(maker *m, size_t i)
{
    if (!is_null(m, i))
        return compare(m, i, true);
    return nulls_behind(m, i) ? make(m, WEIR_OP_IS_NULL, m->order->columns[i].expr, NULL) : NULL;
}

/* Whether the columns from i on can be compared as rows. */
static bool is_plain(const maker *m, size_t i)
{
    bool plain = m->order->count - i > 1;
    for (size_t k = i; k < m->order->count && plain; k++)
        plain = !m->order->columns[k].nullable && !is_null(m, k) && is_descending(m, k) == is_descending(m, i);
    return plain;
}

static const weir_expr *tuple(maker *m, size_t i, bool of_values)
{
    size_t count = m->order->count - i;
    weir_expr *e = weir_arena_take(m->arena, sizeof *e);
    const weir_expr **args = weir_arena_take(m->arena, (count + 1) * sizeof *args);
    m->failed |= !e || !args;
    if (!e || !args)
        return NULL;
    for (size_t k = 0; k < count; k++)
        args[k] = of_values ? value_of(m, i + k) : m->order->columns[i + k].expr;
    args[count] = NULL;
    *e = (weir_expr){ .op = WEIR_OP_TUPLE, .args = args };
    return e;
}

static const weir_expr *rows_from(maker *m, size_t i)
{
    static const weir_op ops[2][2] = { { WEIR_OP_GT, WEIR_OP_GE }, { WEIR_OP_LT, WEIR_OP_LE } };
    if (is_plain(m, i))
        return make(m, ops[is_descending(m, i)][m->itself], tuple(m, i, false), tuple(m, i, true));
    if (i + 1 == m->order->count && m->itself)
        return not_in_front(m, i);
    if (i + 1 == m->order->count)
        return behind(m, i);
    const weir_expr *bound = not_in_front(m, i), *first = behind(m, i), *rest = rows_from(m, i + 1);
    bool all = !rest && m->itself, none = !rest && !m->itself;          /* what the rest says when it says nothing */
    if (all)
        return bound;
    if (none)
        return first;
    return join(m, WEIR_OP_AND, bound, join(m, WEIR_OP_OR, first, rest));
}

const weir_expr *weir_order_condition(const weir_order *order, const weir_value *key, const weir_value *other_end, bool reversed,
                                      bool itself, weir_arena *arena)
{
    static const weir_value truths[2] = { { .type = WEIR_T_INT64, .as.i = 0 }, { .type = WEIR_T_INT64, .as.i = 1 } };
    maker m = { .order = order, .key = key, .reversed = reversed, .itself = itself, .arena = arena };
    m.first_is_bound = other_end && !weir_value_is_null(&other_end[0]) && !weir_value_is_null(&key[0]);
    const weir_expr *condition = rows_from(&m, 0);
    if (!condition && !m.failed) {      /* all rows, or none: 1 = 1 is right on any database */
        weir_expr *sides = weir_arena_take(arena, 2 * sizeof *sides);
        if (!sides)
            return NULL;
        sides[0] = (weir_expr){ .op = WEIR_OP_VALUE, .value = truths[1] };
        sides[1] = (weir_expr){ .op = WEIR_OP_VALUE, .value = truths[itself] };
        condition = make(&m, WEIR_OP_EQ, &sides[0], &sides[1]);
    }
    return m.failed ? NULL : condition;
}

/* ---- as ranges of an index ---- */

typedef struct splitter { maker m; const weir_expr **parts; size_t count; } splitter;

static void add_part(splitter *s, const weir_expr *prefix, const weir_expr *last)
{
    s->parts[s->count++] = join(&s->m, WEIR_OP_AND, prefix, last);
}

static const weir_expr *at_value(maker *m, size_t i)
{
    const weir_expr *column = m->order->columns[i].expr;
    return is_null(m, i) ? make(m, WEIR_OP_IS_NULL, column, NULL) : make(m, WEIR_OP_EQ, column, value_of(m, i));
}

/* The ranges behind the place among the rows that have its values in the columns before i: nearest first. */
static void split_from(splitter *s, size_t i, const weir_expr *prefix)
{
    static const weir_op ops[2][2] = { { WEIR_OP_GT, WEIR_OP_GE }, { WEIR_OP_LT, WEIR_OP_LE } };
    maker *m = &s->m;
    const weir_order_column *column = &m->order->columns[i];
    if (is_plain(m, i)) {
        add_part(s, prefix, rows_from(m, i));
        return;
    }
    bool last = i + 1 == m->order->count, itself = last && m->itself;
    if (!last)
        split_from(s, i + 1, join(m, WEIR_OP_AND, prefix, at_value(m, i)));
    if (!is_null(m, i))
        add_part(s, prefix, make(m, ops[is_descending(m, i)][itself], column->expr, value_of(m, i)));
    else if (itself)
        add_part(s, prefix, at_value(m, i));
    if (is_null(m, i) && !nulls_behind(m, i))
        add_part(s, prefix, make(m, WEIR_OP_IS_NOT_NULL, column->expr, NULL));
    if (!is_null(m, i) && column->nullable && nulls_behind(m, i))
        add_part(s, prefix, make(m, WEIR_OP_IS_NULL, column->expr, NULL));
}

size_t weir_order_ranges(const weir_order *order, const weir_value *key, bool reversed, bool itself, weir_arena *arena, const weir_expr **parts)
{
    splitter s = { .m = { .order = order, .key = key, .reversed = reversed, .itself = itself, .arena = arena }, .parts = parts };
    split_from(&s, 0, NULL);
    return s.m.failed ? 0 : s.count;
}
