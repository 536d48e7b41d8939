/* Expressions as text: operators with as few parentheses as are right on both databases, negations folded in. */
#include "sql/render.h"
#include <string.h>
#include "base/values.h"

/* ---- columns ---- */

void weir_render_column(weir_renderer *r, const weir_expr *e)
{
    const char *name = e->name;
    if (e->op == WEIR_OP_COLUMN) {
        const weir_member *member = weir_entity_member(e->entity, e->offset);
        if (!member || member->kind != WEIR_MEMBER_COLUMN) {
            weir_render_fail(r, WEIR_ARGUMENT, "%s.%s is no column, and only joins and loading options take relationships",
                             e->entity->name, member ? member->name : "?");
            return;
        }
        name = weir_member_column(member);
    }
    if (!name) {
        weir_render_fail(r, WEIR_ARGUMENT, "a column has no name");
        return;
    }
    if (!r->scope->names_only) {
        weir_render_qualifier(r, e->entity, e->source);
        weir_buffer_byte(r->text, '.');
    }
    weir_identifier_append(r->text, name);
}

static void write_excluded(weir_renderer *r, const weir_expr *e)
{
    const weir_member *member = weir_entity_member(e->entity, e->offset);
    const weir_scope *scope = r->scope;
    while (scope && !scope->excluded)
        scope = scope->outer;
    if (!scope || scope->excluded != e->entity) {
        weir_render_fail(r, WEIR_ARGUMENT, "WEIR_EXCLUDED(%s, %s) is not within the do update of an insert into %s", e->entity->name,
                         member ? member->name : "?", e->entity->table ? e->entity->table : e->entity->name);
        return;
    }
    weir_buffer_text(r->text, "excluded.");
    weir_identifier_append(r->text, weir_member_column(member));
}

static void write_star(weir_renderer *r, const weir_expr *e)
{
    if (e->entity || e->source) {
        weir_render_qualifier(r, e->entity, e->source);
        weir_buffer_byte(r->text, '.');
    }
    weir_buffer_byte(r->text, '*');
}

/* ---- operators ---- */

typedef struct operator_row {
    const char *text, *negated;         /* negated NULL: NOT (…) */
    int binding, left, right;           /* what an operand must bind at least as strongly as */
    bool typed;
} operator_row;

static const operator_row operators[WEIR_OP_COUNT_] = {
    [WEIR_OP_EQ] = { " = ", " != ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_NE] = { " != ", " = ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_LT] = { " < ", " >= ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_LE] = { " <= ", " > ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_GT] = { " > ", " <= ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_GE] = { " >= ", " < ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_LIKE] = { " LIKE ", " NOT LIKE ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_NOT_LIKE] = { " NOT LIKE ", " LIKE ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_ILIKE] = { " ILIKE ", " NOT ILIKE ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_NOT_ILIKE] = { " NOT ILIKE ", " ILIKE ", WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_CONCAT, false },
    [WEIR_OP_ADD] = { " + ", NULL, WEIR_BIND_ADD, WEIR_BIND_ADD, WEIR_BIND_MULTIPLY, true },
    [WEIR_OP_SUBTRACT] = { " - ", NULL, WEIR_BIND_ADD, WEIR_BIND_ADD, WEIR_BIND_MULTIPLY, true },
    [WEIR_OP_MULTIPLY] = { " * ", NULL, WEIR_BIND_MULTIPLY, WEIR_BIND_MULTIPLY, WEIR_BIND_UNARY, true },
    [WEIR_OP_DIVIDE] = { " / ", NULL, WEIR_BIND_MULTIPLY, WEIR_BIND_MULTIPLY, WEIR_BIND_UNARY, true },
    [WEIR_OP_MODULO] = { " % ", NULL, WEIR_BIND_MULTIPLY, WEIR_BIND_MULTIPLY, WEIR_BIND_UNARY, true },
    /* SQLite's || binds more strongly than *, PostgreSQL's more weakly than +. */
    [WEIR_OP_CONCAT] = { " || ", NULL, WEIR_BIND_CONCAT, WEIR_BIND_UNARY, WEIR_BIND_UNARY, true },
};

static const weir_expr *argument(weir_renderer *r, const weir_expr *e, size_t index)
{
    for (size_t i = 0; e->args && e->args[i]; i++)
        if (i == index)
            return e->args[i];
    weir_render_fail(r, WEIR_ARGUMENT, "an operator (%d) has fewer than %zu operands", (int)e->op, index + 1);
    return NULL;
}

static bool is_value(const weir_expr *e) { return weir_without_label(e)->op == WEIR_OP_VALUE; }

static bool is_null(const weir_expr *e) { return e->op == WEIR_OP_VALUE && weir_value_is_null(&e->value); }

static void open_if(weir_renderer *r, bool needed)
{
    if (needed)
        weir_buffer_byte(r->text, '(');
}

static void close_if(weir_renderer *r, bool needed)
{
    if (needed)
        weir_buffer_byte(r->text, ')');
}

static void write_null_test(weir_renderer *r, const weir_expr *operand, int binding, bool negated)
{
    open_if(r, binding > WEIR_BIND_COMPARE);
    weir_render_expression(r, operand, WEIR_BIND_CONCAT, true);
    weir_buffer_text(r->text, negated ? " IS NOT NULL" : " IS NULL");
    close_if(r, binding > WEIR_BIND_COMPARE);
}

static void write_lowered(weir_renderer *r, const weir_expr *e)
{
    weir_buffer_text(r->text, "lower(");
    weir_render_expression(r, e, WEIR_BIND_NONE, false);
    weir_buffer_byte(r->text, ')');
}

static void write_operator(weir_renderer *r, const weir_expr *e, int binding, bool negated)
{
    const operator_row *row = &operators[e->op];
    const weir_expr *left = argument(r, e, 0), *right = argument(r, e, 1);
    if (!left || !right)
        return;
    bool equal = e->op == WEIR_OP_EQ || e->op == WEIR_OP_NE;
    if (equal && (is_null(right) || is_null(left))) {
        write_null_test(r, is_null(right) ? left : right, binding, (e->op == WEIR_OP_NE) != negated);
        return;
    }
    bool lowered = !r->dialect->ilike && (e->op == WEIR_OP_ILIKE || e->op == WEIR_OP_NOT_ILIKE);
    const char *text = negated ? row->negated : row->text;
    bool typed = row->typed || (is_value(left) && is_value(right));
    int left_binding = e->op == WEIR_OP_CONCAT && left->op == WEIR_OP_CONCAT ? WEIR_BIND_CONCAT : row->left;
    open_if(r, binding > row->binding);
    if (lowered) {
        write_lowered(r, left);
        weir_buffer_text(r->text, (e->op == WEIR_OP_ILIKE) != negated ? " LIKE " : " NOT LIKE ");
        write_lowered(r, right);
    } else {
        weir_render_expression(r, left, left_binding, typed);
        weir_buffer_text(r->text, text);
        weir_render_expression(r, right, row->right, typed);
    }
    close_if(r, binding > row->binding);
}

/* De Morgan is left to the reader: NOT (a AND b). */
static void write_junction(weir_renderer *r, const weir_expr *e, int binding)
{
    int own = e->op == WEIR_OP_AND ? WEIR_BIND_AND : WEIR_BIND_OR;
    size_t count = 0;
    while (e->args && e->args[count])
        count++;
    if (!count) {
        weir_buffer_text(r->text, e->op == WEIR_OP_AND ? "true" : "false");
        return;
    }
    if (count == 1) {
        weir_render_expression(r, e->args[0], binding, false);
        return;
    }
    open_if(r, binding > own);
    for (size_t i = 0; i < count; i++) {
        if (i)
            weir_buffer_text(r->text, own == WEIR_BIND_AND ? " AND " : " OR ");
        weir_render_expression(r, e->args[i], own, false);
    }
    close_if(r, binding > own);
}

static void write_between(weir_renderer *r, const weir_expr *e, int binding, bool negated)
{
    const weir_expr *operand = argument(r, e, 0), *low = argument(r, e, 1), *high = argument(r, e, 2);
    if (!operand || !low || !high)
        return;
    bool typed = is_value(operand);
    open_if(r, binding > WEIR_BIND_COMPARE);
    weir_render_expression(r, operand, WEIR_BIND_CONCAT, typed);
    weir_buffer_text(r->text, (e->op == WEIR_OP_BETWEEN) != negated ? " BETWEEN " : " NOT BETWEEN ");
    weir_render_expression(r, low, WEIR_BIND_CONCAT, typed);
    weir_buffer_text(r->text, " AND ");
    weir_render_expression(r, high, WEIR_BIND_CONCAT, typed);
    close_if(r, binding > WEIR_BIND_COMPARE);
}

/* ---- literal text in LIKE ---- */

static void write_pattern_of_value(weir_renderer *r, const weir_value *value, bool open_start, bool open_end)
{
    weir_buffer pattern;
    weir_value as_text = *value;
    if (weir_value_is_null(value)) {
        weir_render_value(r, value, false);
        return;
    }
    if (!weir_type_is_text(value->type)) {
        weir_render_fail(r, WEIR_ARGUMENT, "contains, starts with and ends with take a text, and no %s", weir_type_name(value->type));
        return;
    }
    weir_buffer_init(&pattern, r->arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 4);
    weir_buffer_text(&pattern, open_start ? "%" : "");
    for (size_t i = 0; i < value->as.text.len; i++) {
        char c = value->as.text.ptr[i];
        if (c == '%' || c == '_' || c == '/')
            weir_buffer_byte(&pattern, '/');
        weir_buffer_byte(&pattern, c);
    }
    weir_buffer_text(&pattern, open_end ? "%" : "");
    as_text.type = WEIR_T_TEXT;
    as_text.as.text = (weir_text){ pattern.data ? pattern.data : "", pattern.length };
    if (pattern.failed)
        r->text->failed = true;
    else
        weir_render_value(r, &as_text, false);
    weir_buffer_free(&pattern);
}

static void write_pattern(weir_renderer *r, const weir_expr *e, bool open_start, bool open_end)
{
    if (e->op == WEIR_OP_VALUE) {
        write_pattern_of_value(r, &e->value, open_start, open_end);
        return;
    }
    weir_buffer_text(r->text, open_start ? "'%' || replace(replace(replace(" : "replace(replace(replace(");
    weir_render_expression(r, e, WEIR_BIND_NONE, false);
    weir_buffer_text(r->text, ", '/', '//'), '%', '/%'), '_', '/_')");
    weir_buffer_text(r->text, open_end ? " || '%'" : "");
}

static void write_literal_like(weir_renderer *r, const weir_expr *e, int binding, bool negated)
{
    const weir_expr *operand = argument(r, e, 0), *part = argument(r, e, 1);
    if (!operand || !part)
        return;
    open_if(r, binding > WEIR_BIND_COMPARE);
    weir_render_expression(r, operand, WEIR_BIND_CONCAT, false);
    weir_buffer_text(r->text, negated ? " NOT LIKE " : " LIKE ");
    write_pattern(r, part, e->op != WEIR_OP_STARTS_WITH, e->op != WEIR_OP_ENDS_WITH);
    weir_buffer_text(r->text, " ESCAPE '/'");
    close_if(r, binding > WEIR_BIND_COMPARE);
}

/* ---- the whole ---- */

bool weir_is_conditional(weir_op op)
{
    return operators[op].negated || (op >= WEIR_OP_IN && op <= WEIR_OP_NOT_IN_STMT) || op == WEIR_OP_BETWEEN ||
           op == WEIR_OP_NOT_BETWEEN || (op >= WEIR_OP_CONTAINS && op <= WEIR_OP_IS_NOT_NULL);
}

/* What is its own negation's other half. */
static void write_conditional(weir_renderer *r, const weir_expr *e, int binding, bool negated)
{
    const weir_expr *operand;
    if (operators[e->op].text) {
        write_operator(r, e, binding, negated);
    } else if (e->op == WEIR_OP_BETWEEN || e->op == WEIR_OP_NOT_BETWEEN) {
        write_between(r, e, binding, negated);
    } else if (e->op >= WEIR_OP_CONTAINS && e->op <= WEIR_OP_ENDS_WITH) {
        write_literal_like(r, e, binding, negated);
    } else if (e->op == WEIR_OP_IS_NULL || e->op == WEIR_OP_IS_NOT_NULL) {
        if ((operand = argument(r, e, 0)) != NULL)
            write_null_test(r, operand, binding, (e->op == WEIR_OP_IS_NOT_NULL) != negated);
    } else {
        open_if(r, binding > WEIR_BIND_COMPARE);
        weir_render_in(r, e, negated);
        close_if(r, binding > WEIR_BIND_COMPARE);
    }
}

void weir_render_condition(weir_renderer *r, const weir_expr *e, int binding, bool negated)
{
    e = weir_without_label(e);
    if (e->op == WEIR_OP_NOT) {
        const weir_expr *operand = argument(r, e, 0);
        if (operand && weir_render_deeper(r)) {
            r->depth++;
            weir_render_condition(r, operand, binding, !negated);
            r->depth--;
        }
        return;
    }
    if (weir_is_conditional(e->op)) {
        write_conditional(r, e, binding, negated);
        return;
    }
    open_if(r, negated && binding > WEIR_BIND_NOT);
    weir_buffer_text(r->text, negated ? "NOT " : "");
    weir_render_expression(r, e, negated ? WEIR_BIND_COMPARE : binding, false);
    close_if(r, negated && binding > WEIR_BIND_NOT);
}

static void write_label_reference(weir_renderer *r, const weir_expr *e, int binding)
{
    for (size_t i = 0; i < r->scope->label_count; i++) {
        const weir_label *label = &r->scope->labels[i];
        if (label->name && label->expression && e->name && !strcmp(label->name, e->name)) {
            weir_render_expression(r, label->expression, binding, true);
            return;
        }
    }
    weir_identifier_append(r->text, e->name ? e->name : "");
}

static void write_fragment(weir_renderer *r, const weir_expr *e, int binding)
{
    open_if(r, binding > WEIR_BIND_NONE);
    if (e->name && e->entity)
        weir_render_order_text(r, e->name, e->entity, e->source);
    else if (e->name)
        weir_render_text(r, e->name, strlen(e->name), true);
    else
        weir_render_fail(r, WEIR_ARGUMENT, "a piece of SQL is NULL");
    close_if(r, binding > WEIR_BIND_NONE);
}

static void write_negative(weir_renderer *r, const weir_expr *e, int binding)
{
    const weir_expr *operand = argument(r, e, 0);
    open_if(r, binding > WEIR_BIND_UNARY);
    bool enclosed = operand && r->literals && is_value(operand);       /* --5 would be a comment */
    weir_buffer_text(r->text, enclosed ? "-(" : "-");
    if (operand)
        weir_render_expression(r, operand, WEIR_BIND_ATOM, true);
    close_if(r, enclosed);
    close_if(r, binding > WEIR_BIND_UNARY);
}

static void write_values(weir_renderer *r, const weir_expr *e)
{
    weir_buffer_byte(r->text, '(');
    if (e->args && e->args[0])
        weir_render_list(r, e->args, "");
    for (size_t i = 0; i < e->count && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i || (e->args && e->args[0]) ? ", " : "");
        weir_render_value(r, &e->values[i], false);
    }
    weir_buffer_byte(r->text, ')');
}

static void write_expression(weir_renderer *r, const weir_expr *e, int binding, bool typed)
{
    switch (e->op) {
    case WEIR_OP_VALUE: weir_render_value(r, &e->value, typed); break;
    case WEIR_OP_COLUMN:
    case WEIR_OP_SOURCE_COLUMN: weir_render_column(r, e); break;
    case WEIR_OP_EXCLUDED: write_excluded(r, e); break;
    case WEIR_OP_STAR: write_star(r, e); break;
    case WEIR_OP_FRAGMENT: write_fragment(r, e, binding); break;
    case WEIR_OP_AND:
    case WEIR_OP_OR: write_junction(r, e, binding); break;
    case WEIR_OP_NEGATE: write_negative(r, e, binding); break;
    case WEIR_OP_LIST:
    case WEIR_OP_TUPLE: write_values(r, e); break;
    case WEIR_OP_LABEL_REF: write_label_reference(r, e, binding); break;
    case WEIR_OP_SCALAR_STMT: weir_render_subquery(r, e->stmt, true); break;
    case WEIR_OP_EXISTS:
        weir_buffer_text(r->text, "EXISTS ");
        weir_render_subquery(r, e->stmt, true);
        break;
    case WEIR_OP_ADD: case WEIR_OP_SUBTRACT: case WEIR_OP_MULTIPLY: case WEIR_OP_DIVIDE: case WEIR_OP_MODULO: case WEIR_OP_CONCAT:
        write_operator(r, e, binding, false);
        break;
    case WEIR_OP_ENTITY:
        weir_render_fail(r, WEIR_ARGUMENT, "the entity %s stands where a column or a value is wanted", e->entity ? e->entity->name : "?");
        break;
    default: weir_render_call(r, e);
    }
}

void weir_render_expression(weir_renderer *r, const weir_expr *e, int binding, bool typed)
{
    e = weir_without_label(e);
    if (!weir_render_deeper(r))
        return;
    if ((unsigned)e->op >= WEIR_OP_COUNT_ || e->op == WEIR_OP_NONE) {
        weir_render_fail(r, WEIR_ARGUMENT, "an expression has the unknown operator %d", (int)e->op);
        return;
    }
    r->depth++;
    if (e->op == WEIR_OP_NOT || weir_is_conditional(e->op))
        weir_render_condition(r, e, binding, false);
    else
        write_expression(r, e, binding, typed);
    r->depth--;
}
