/* IN: operands, lists of values, rows of values, subqueries; empty lists are legal, and one text serves any number of values. */
#include "sql/render.h"
#include <string.h>
#include <strings.h>
#include "base/values.h"

static size_t width_of(const weir_expr *left)
{
    size_t width = 0;
    while (left->op == WEIR_OP_TUPLE && left->args && left->args[width])
        width++;
    return width ? width : 1;
}

static void write_left(weir_renderer *r, const weir_expr *left)
{
    weir_render_expression(r, left, WEIR_BIND_CONCAT, left->op == WEIR_OP_VALUE);
}

static weir_type element_type(const weir_value *values, size_t count, size_t step)
{
    for (size_t i = 0; i < count; i += step)
        if (!weir_value_is_null(&values[i]))
            return values[i].type;
    return WEIR_T_TEXT;
}

/* ---- lists as arrays ---- */

/* Every step-th value as one array, numbered. */
static void write_array(weir_renderer *r, const weir_value *values, size_t count, size_t step)
{
    weir_value *items = weir_render_take(r, (count + step - 1) / step * sizeof *items);
    int32_t length = 0, lower_bound = 1;
    for (size_t i = 0; items && i < count; i += step)
        items[length++] = weir_value_is_null(&values[i]) ? (weir_value){ .type = WEIR_T_NULL } : values[i];
    weir_array array = { .element_type = element_type(values, count, step), .dimensions = 1, .lengths = &length,
                         .lower_bounds = &lower_bound, .count = (size_t)length, .items = items };
    weir_value value = { .type = WEIR_T_ARRAY, .as.array = &array };
    if (items)
        weir_render_placeholder(r, weir_render_number(r, &value, 1, NULL));
}

static bool fits_array(const weir_renderer *r, const weir_expr *e)
{
    if (!r->dialect->array_lists || e->count > INT32_MAX)
        return false;
    for (size_t i = 0; i < e->count; i++)
        if (e->values[i].type == WEIR_T_ARRAY)
            return false;
    return true;
}

static bool is_text_type(const char *name)
{
    return !strncasecmp(name, "text", 4) || !strncasecmp(name, "varchar", 7) || !strncasecmp(name, "char", 4);
}

/* What unnest cannot find out by itself. */
static void write_array_type(weir_renderer *r, const weir_expr *column, const weir_value *values, size_t count, size_t step)
{
    weir_value sample = { .type = element_type(values, count, step) };
    sample.as.i = INT64_MAX;            /* an integer may be any */
    const char *type = weir_pg_type_of(&sample);
    const weir_member *member = column->op == WEIR_OP_COLUMN ? weir_entity_member(column->entity, column->offset) : NULL;
    if (!type)
        type = member && member->sql_type && !is_text_type(member->sql_type) ? member->sql_type : "text";
    weir_buffer_text(r->text, "::");
    weir_buffer_text(r->text, type);
    weir_buffer_text(r->text, "[]");
}

static void write_rows_as_arrays(weir_renderer *r, const weir_expr *left, const weir_expr *e, size_t width)
{
    weir_buffer_text(r->text, "(SELECT * FROM unnest(");
    for (size_t i = 0; i < width && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? ", " : "");
        write_array(r, e->values + i, e->count - i, width);
        write_array_type(r, left->args[i], e->values + i, e->count - i, width);
    }
    weir_buffer_text(r->text, "))");
}

/* ---- lists one by one ---- */

static void write_values(weir_renderer *r, const weir_expr *e, size_t width)
{
    size_t number = weir_render_number(r, e->values, e->count, NULL);
    weir_buffer_text(r->text, width > 1 && r->dialect->rows_as_values ? "(VALUES " : "(");
    for (size_t i = 0; i < e->count && number && !r->text->failed; i++) {
        weir_buffer_text(r->text, i ? ", " : "");
        weir_buffer_text(r->text, width > 1 && i % width == 0 ? "(" : "");
        weir_render_placeholder(r, number + i);
        weir_buffer_text(r->text, width > 1 && i % width == width - 1 ? ")" : "");
    }
    weir_buffer_byte(r->text, ')');
}

static void write_value_list(weir_renderer *r, const weir_expr *left, const weir_expr *e, bool negated)
{
    size_t width = width_of(left);
    if (e->count % width) {
        weir_render_fail(r, WEIR_ARGUMENT, "a list of %zu values is no list of rows of %zu", e->count, width);
        return;
    }
    bool array = fits_array(r, e);
    write_left(r, left);
    if (array && width == 1) {
        weir_buffer_text(r->text, negated ? " <> ALL (" : " = ANY (");
        write_array(r, e->values, e->count, 1);
        weir_buffer_byte(r->text, ')');
        return;
    }
    weir_buffer_text(r->text, negated ? " NOT IN " : " IN ");
    if (array)
        write_rows_as_arrays(r, left, e, width);
    else
        write_values(r, e, width);
}

static void write_operands(weir_renderer *r, const weir_expr *left, const weir_expr *const *operands, bool negated)
{
    write_left(r, left);
    weir_buffer_text(r->text, negated ? " NOT IN " : " IN ");
    weir_buffer_text(r->text, width_of(left) > 1 && r->dialect->rows_as_values ? "(VALUES " : "(");
    for (size_t i = 0; operands[i] && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? ", " : "");
        weir_render_expression(r, operands[i], WEIR_BIND_NONE, left->op == WEIR_OP_VALUE);
    }
    weir_buffer_byte(r->text, ')');
}

void weir_render_in(weir_renderer *r, const weir_expr *e, bool negated)
{
    const weir_expr *left = e->args ? e->args[0] : NULL;
    const weir_expr *const *operands = left ? e->args + 1 : NULL;
    if (!left) {
        weir_render_fail(r, WEIR_ARGUMENT, "an IN lacks its operand");
        return;
    }
    if (e->op == WEIR_OP_IN_STMT || e->op == WEIR_OP_NOT_IN_STMT) {
        write_left(r, left);
        weir_buffer_text(r->text, (e->op == WEIR_OP_NOT_IN_STMT) != negated ? " NOT IN " : " IN ");
        weir_render_subquery(r, e->stmt, true);
        return;
    }
    negated = (e->op == WEIR_OP_NOT_IN) != negated;
    if (operands[0] && operands[0]->op == WEIR_OP_LIST && !operands[1]) {
        e = operands[0];
        operands = e->args;
    }
    if (operands && operands[0])
        write_operands(r, left, operands, negated);
    else if (e->count)
        write_value_list(r, left, e, negated);
    else
        weir_buffer_text(r->text, negated ? "1 = 1" : "1 = 0");     /* also where the operand is NULL; ORDER BY takes no bare false */
}
