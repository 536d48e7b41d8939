/* Conditions and values evaluated in C, over the members of an instance, as the database would over its row. What might come out
 * otherwise there (collations, functions, conversions) is left to it. */
#include "orm/bulk_sync.h"
#include <string.h>

/* ---- values ------------------------------------------------------------------------------------------------------------------------- */

static bool is_integer(const weir_value *v) { return v->type >= WEIR_T_INT16 && v->type <= WEIR_T_INT64; }

static bool read_column(const weir_expr *e, const weir_mapper *mapper, const void *object, weir_value *out)
{
    const weir_member *member = e->entity == mapper->entity && !e->source ? weir_entity_member(e->entity, e->offset) : NULL;
    if (!member || member->kind != WEIR_MEMBER_COLUMN)
        return false;
    weir_member_value(member, object, out);
    return true;
}

static bool compute(const weir_expr *e, const weir_mapper *mapper, const void *object, weir_value *out)
{
    weir_value a, b;
    int64_t number;
    if (!weir_evaluate(e->args[0], mapper, object, &a) || !weir_evaluate(e->args[1], mapper, object, &b))
        return false;
    if (a.type == WEIR_T_NULL || b.type == WEIR_T_NULL) {
        *out = (weir_value){ .type = WEIR_T_NULL };
        return true;
    }
    if (!is_integer(&a) || !is_integer(&b))
        return false;
    bool over = e->op == WEIR_OP_ADD ? __builtin_add_overflow(a.as.i, b.as.i, &number) : __builtin_sub_overflow(a.as.i, b.as.i, &number);
    *out = (weir_value){ .type = WEIR_T_INT64, .as.i = number };
    return !over;
}

bool weir_evaluate(const weir_expr *e, const weir_mapper *mapper, const void *object, weir_value *out)
{
    switch (e->op) {
    case WEIR_OP_VALUE: *out = e->value; return true;
    case WEIR_OP_COLUMN: return read_column(e, mapper, object, out);
    case WEIR_OP_ADD: case WEIR_OP_SUBTRACT: return compute(e, mapper, object, out);
    default: return false;
    }
}

/* ---- comparisons ---------------------------------------------------------------------------------------------------------------------- */

static weir_truth of(bool b) { return b ? WEIR_TRUE : WEIR_FALSE; }

static weir_truth negate(weir_truth t) { return t == WEIR_TRUE ? WEIR_FALSE : t == WEIR_FALSE ? WEIR_TRUE : t; }

/* < 0, 0, > 0; false: not in C. Which text comes first is the collation's affair. */
static bool compare(const weir_value *a, const weir_value *b, bool ordered, int *out)
{
    if (is_integer(a) && is_integer(b)) {
        *out = a->as.i < b->as.i ? -1 : a->as.i > b->as.i;
        return true;
    }
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case WEIR_T_BOOL: *out = (int)a->as.b - (int)b->as.b; return true;
    case WEIR_T_DATE: *out = a->as.date.days < b->as.date.days ? -1 : a->as.date.days > b->as.date.days; return true;
    case WEIR_T_TIMESTAMP:
        *out = a->as.timestamp.usec < b->as.timestamp.usec ? -1 : a->as.timestamp.usec > b->as.timestamp.usec;
        return true;
    case WEIR_T_TIMESTAMPTZ:
        *out = a->as.timestamptz.usec < b->as.timestamptz.usec ? -1 : a->as.timestamptz.usec > b->as.timestamptz.usec;
        return true;
    case WEIR_T_TEXT: case WEIR_T_BLOB: case WEIR_T_UUID: *out = !weir_value_equal(a, b); return !ordered;
    default: return false;
    }
}

static weir_truth compare_as(weir_op op, const weir_value *a, const weir_value *b)
{
    int order;
    bool ordered = op != WEIR_OP_EQ && op != WEIR_OP_NE;
    if (a->type == WEIR_T_NULL || b->type == WEIR_T_NULL)
        return WEIR_UNKNOWN;
    if (!compare(a, b, ordered, &order))
        return WEIR_CANNOT;
    switch (op) {
    case WEIR_OP_EQ: return of(order == 0);
    case WEIR_OP_NE: return of(order != 0);
    case WEIR_OP_LT: return of(order < 0);
    case WEIR_OP_LE: return of(order <= 0);
    case WEIR_OP_GT: return of(order > 0);
    case WEIR_OP_GE: return of(order >= 0);
    default: return WEIR_CANNOT;
    }
}

static bool is_null_literal(const weir_expr *e) { return e->op == WEIR_OP_VALUE && e->value.type == WEIR_T_NULL; }

static weir_truth compare_operands(const weir_expr *e, const weir_mapper *mapper, const void *object)
{
    weir_value a, b;
    bool equality = e->op == WEIR_OP_EQ || e->op == WEIR_OP_NE;
    if (!weir_evaluate(e->args[0], mapper, object, &a) || !weir_evaluate(e->args[1], mapper, object, &b))
        return WEIR_CANNOT;
    /* `= NULL` is IS NULL (weir/expression.h). */
    if (equality && (is_null_literal(e->args[0]) || is_null_literal(e->args[1])))
        return of((a.type == WEIR_T_NULL && b.type == WEIR_T_NULL) == (e->op == WEIR_OP_EQ));
    return compare_as(e->op, &a, &b);
}

static weir_truth both(weir_truth a, weir_truth b)
{
    if (a == WEIR_FALSE || b == WEIR_FALSE)
        return WEIR_FALSE;
    if (a == WEIR_CANNOT || b == WEIR_CANNOT)
        return WEIR_CANNOT;
    return a == WEIR_UNKNOWN || b == WEIR_UNKNOWN ? WEIR_UNKNOWN : WEIR_TRUE;
}

static weir_truth either(weir_truth a, weir_truth b) { return negate(both(negate(a), negate(b))); }

static weir_truth is_in(const weir_expr *e, const weir_mapper *mapper, const void *object)
{
    weir_value a, b;
    weir_truth truth = WEIR_FALSE;
    if (!weir_evaluate(e->args[0], mapper, object, &a))
        return WEIR_CANNOT;
    for (size_t i = 0; i < e->count; i++)
        truth = either(truth, compare_as(WEIR_OP_EQ, &a, &e->values[i]));
    for (size_t i = 1; !e->values && e->args[i]; i++)
        truth = weir_evaluate(e->args[i], mapper, object, &b) ? either(truth, compare_as(WEIR_OP_EQ, &a, &b)) : WEIR_CANNOT;
    return truth;
}

static weir_truth is_between(const weir_expr *e, const weir_mapper *mapper, const void *object)
{
    weir_value a, low, high;
    if (!weir_evaluate(e->args[0], mapper, object, &a) || !weir_evaluate(e->args[1], mapper, object, &low) ||
        !weir_evaluate(e->args[2], mapper, object, &high))
        return WEIR_CANNOT;
    return both(compare_as(WEIR_OP_GE, &a, &low), compare_as(WEIR_OP_LE, &a, &high));
}

static weir_truth is_null(const weir_expr *e, const weir_mapper *mapper, const void *object)
{
    weir_value a;
    return weir_evaluate(e->args[0], mapper, object, &a) ? of(a.type == WEIR_T_NULL) : WEIR_CANNOT;
}

weir_truth weir_evaluate_condition(const weir_expr *e, const weir_mapper *mapper, const void *object)
{
    weir_truth truth;
    weir_value value;
    switch (e->op) {
    case WEIR_OP_EQ: case WEIR_OP_NE: case WEIR_OP_LT: case WEIR_OP_LE: case WEIR_OP_GT: case WEIR_OP_GE:
        return compare_operands(e, mapper, object);
    case WEIR_OP_AND:
        truth = WEIR_TRUE;
        for (size_t i = 0; e->args[i]; i++)
            truth = both(truth, weir_evaluate_condition(e->args[i], mapper, object));
        return truth;
    case WEIR_OP_OR:
        truth = WEIR_FALSE;
        for (size_t i = 0; e->args[i]; i++)
            truth = either(truth, weir_evaluate_condition(e->args[i], mapper, object));
        return truth;
    case WEIR_OP_NOT: return negate(weir_evaluate_condition(e->args[0], mapper, object));
    case WEIR_OP_IN: return is_in(e, mapper, object);
    case WEIR_OP_NOT_IN: return negate(is_in(e, mapper, object));
    case WEIR_OP_BETWEEN: return is_between(e, mapper, object);
    case WEIR_OP_NOT_BETWEEN: return negate(is_between(e, mapper, object));
    case WEIR_OP_IS_NULL: return is_null(e, mapper, object);
    case WEIR_OP_IS_NOT_NULL: return negate(is_null(e, mapper, object));
    case WEIR_OP_COLUMN: case WEIR_OP_VALUE:
        if (!weir_evaluate(e, mapper, object, &value))
            return WEIR_CANNOT;
        return value.type == WEIR_T_NULL ? WEIR_UNKNOWN : value.type == WEIR_T_BOOL ? of(value.as.b) : WEIR_CANNOT;
    default: return WEIR_CANNOT;
    }
}
