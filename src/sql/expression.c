/* Expressions as statements keep them: deep copies, checked on the way. */
#include <string.h>
#include "base/values.h"
#include "sql/tree.h"
#include "sql/write.h"

enum {
    DEEPEST = 500,                      /* nested expressions; databases allow about as many */
    LONGEST = 1 << 24,                  /* operands of one AND or OR, however it was put together */
    ANY = 255,
    SHOWN_NAME = 200
};

/* What an operator needs. */
typedef struct op_facts {
    const char *name;
    uint8_t     least, most;            /* operands */
    bool        named, with_stmt;
} op_facts;

static const op_facts ops[WEIR_OP_COUNT_] = {
    [WEIR_OP_VALUE] = { "a value", 0, 0, false, false },
    [WEIR_OP_COLUMN] = { "WEIR_COL", 0, 0, false, false },
    [WEIR_OP_SOURCE_COLUMN] = { "WEIR_FIELD", 0, 0, true, false },
    [WEIR_OP_ENTITY] = { "WEIR_ENTITY_OF", 0, 0, false, false },
    [WEIR_OP_FRAGMENT] = { "WEIR_SQL", 0, 0, true, false },
    [WEIR_OP_STAR] = { "*", 0, 0, false, false },
    [WEIR_OP_EQ] = { "WEIR_EQ", 2, 2, false, false },
    [WEIR_OP_NE] = { "WEIR_NE", 2, 2, false, false },
    [WEIR_OP_LT] = { "WEIR_LT", 2, 2, false, false },
    [WEIR_OP_LE] = { "WEIR_LE", 2, 2, false, false },
    [WEIR_OP_GT] = { "WEIR_GT", 2, 2, false, false },
    [WEIR_OP_GE] = { "WEIR_GE", 2, 2, false, false },
    [WEIR_OP_AND] = { "WEIR_AND", 1, ANY, false, false },
    [WEIR_OP_OR] = { "WEIR_OR", 1, ANY, false, false },
    [WEIR_OP_NOT] = { "WEIR_NOT", 1, 1, false, false },
    [WEIR_OP_ADD] = { "WEIR_ADD", 2, 2, false, false },
    [WEIR_OP_SUBTRACT] = { "WEIR_SUBTRACT", 2, 2, false, false },
    [WEIR_OP_MULTIPLY] = { "WEIR_MULTIPLY", 2, 2, false, false },
    [WEIR_OP_DIVIDE] = { "WEIR_DIVIDE", 2, 2, false, false },
    [WEIR_OP_MODULO] = { "WEIR_MODULO", 2, 2, false, false },
    [WEIR_OP_NEGATE] = { "WEIR_NEGATE", 1, 1, false, false },
    [WEIR_OP_CONCAT] = { "WEIR_CONCAT", 2, 2, false, false },
    [WEIR_OP_IN] = { "WEIR_IN", 1, ANY, false, false },
    [WEIR_OP_NOT_IN] = { "WEIR_NOT_IN", 1, ANY, false, false },
    [WEIR_OP_IN_STMT] = { "WEIR_IN_STMT", 1, 1, false, true },
    [WEIR_OP_NOT_IN_STMT] = { "WEIR_NOT_IN_STMT", 1, 1, false, true },
    [WEIR_OP_LIST] = { "a list", 0, ANY, false, false },
    [WEIR_OP_BETWEEN] = { "WEIR_BETWEEN", 3, 3, false, false },
    [WEIR_OP_NOT_BETWEEN] = { "NOT BETWEEN", 3, 3, false, false },
    [WEIR_OP_LIKE] = { "WEIR_LIKE", 2, 2, false, false },
    [WEIR_OP_NOT_LIKE] = { "NOT LIKE", 2, 2, false, false },
    [WEIR_OP_ILIKE] = { "WEIR_ILIKE", 2, 2, false, false },
    [WEIR_OP_NOT_ILIKE] = { "NOT ILIKE", 2, 2, false, false },
    [WEIR_OP_CONTAINS] = { "WEIR_CONTAINS", 2, 2, false, false },
    [WEIR_OP_STARTS_WITH] = { "WEIR_STARTS_WITH", 2, 2, false, false },
    [WEIR_OP_ENDS_WITH] = { "WEIR_ENDS_WITH", 2, 2, false, false },
    [WEIR_OP_IS_NULL] = { "WEIR_IS_NULL", 1, 1, false, false },
    [WEIR_OP_IS_NOT_NULL] = { "WEIR_IS_NOT_NULL", 1, 1, false, false },
    [WEIR_OP_EXISTS] = { "WEIR_EXISTS", 0, 0, false, true },
    [WEIR_OP_TUPLE] = { "WEIR_TUPLE", 1, ANY, false, false },
    [WEIR_OP_FUNCTION] = { "WEIR_FUNC", 0, ANY, true, false },
    [WEIR_OP_COUNT_STAR] = { "WEIR_COUNT", 0, 0, false, false },
    [WEIR_OP_DISTINCT] = { "WEIR_DISTINCT", 1, 1, false, false },
    [WEIR_OP_FILTER] = { "WEIR_FILTER", 2, 2, false, false },
    [WEIR_OP_OVER] = { "WEIR_OVER", 1, 1, false, false },
    [WEIR_OP_CASE] = { "WEIR_CASE", 2, ANY, false, false },
    [WEIR_OP_CAST] = { "WEIR_CAST", 1, 1, true, false },
    [WEIR_OP_LABEL] = { "WEIR_LABEL", 1, 1, true, false },
    [WEIR_OP_LABEL_REF] = { "WEIR_LABEL_REF", 0, 0, true, false },
    [WEIR_OP_SCALAR_STMT] = { "WEIR_SCALAR", 0, 0, false, true },
    [WEIR_OP_ASC] = { "WEIR_ASC", 1, 1, false, false },
    [WEIR_OP_DESC] = { "WEIR_DESC", 1, 1, false, false },
    [WEIR_OP_NULLS_FIRST] = { "WEIR_NULLS_FIRST", 1, 1, false, false },
    [WEIR_OP_NULLS_LAST] = { "WEIR_NULLS_LAST", 1, 1, false, false },
    [WEIR_OP_EXCLUDED] = { "WEIR_EXCLUDED", 0, 0, false, false },
};

static const weir_expr *copy_expr(weir_stmt *stmt, const weir_expr *from, int depth);

static bool wrong(weir_stmt *stmt, const weir_expr *expr, const char *what)
{
    weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: %s", ops[expr->op].name, what);
    return false;
}

/* ---- operands ---- */

/* Copies a list ended by NULL. */
static const weir_expr *const *copy_list(weir_stmt *stmt, const weir_expr *const *from, size_t count, int depth)
{
    const weir_expr **copy = weir_arena_take(&stmt->arena, (count + 1) * sizeof *copy);
    if (!copy) {
        weir_error_out_of_memory(&stmt->error);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (!(copy[i] = copy_expr(stmt, from[i], depth)))
            return NULL;
    copy[count] = NULL;
    return copy;
}

static size_t list_length(const weir_expr *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

/* ---- chains of AND and OR ---- */

/* A list that grows, of places in lists of operands or of operands. */
typedef struct growing { const void **items; size_t count, capacity; } growing;

static bool grow(growing *list, const void *item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        const void **items = capacity > LONGEST ? NULL
                           : weir_resize(weir_ledger_root(), WEIR_MEMORY_STATEMENTS, list->items, capacity * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static bool continues(const weir_expr *chain, const weir_expr *operand)
{
    return operand && operand->op == chain->op && operand->args && operand->args[0];
}

static bool is_chain(const weir_expr *e)
{
    bool found = false;
    for (size_t i = 0; (e->op == WEIR_OP_AND || e->op == WEIR_OP_OR) && e->args && e->args[i]; i++)
        found = found || continues(e, e->args[i]);
    return found;
}

/* a AND (b AND c) is one list of three: a condition that a loop has built is as flat as one that was written, however long. */
static bool flatten(const weir_expr *chain, growing *operands)
{
    growing places = { 0 };
    bool done = grow(&places, chain->args);
    while (done && places.count) {
        const weir_expr *const *at = places.items[places.count - 1];
        if (at[1])
            places.items[places.count - 1] = at + 1;
        else
            places.count--;
        done = continues(chain, *at) ? grow(&places, (*at)->args) : grow(operands, *at);
    }
    weir_free(places.items);
    return done && grow(operands, NULL);
}

static const weir_expr *const *copy_chain(weir_stmt *stmt, const weir_expr *from, int depth)
{
    growing operands = { 0 };
    const weir_expr *const *copy = NULL;
    if (flatten(from, &operands))
        copy = copy_list(stmt, (const weir_expr *const *)operands.items, operands.count - 1, depth);
    else
        weir_error_out_of_memory(&stmt->error);
    weir_free(operands.items);
    return copy;
}

/* ---- operands of any ---- */

static bool copy_operands(weir_stmt *stmt, const weir_expr *from, weir_expr *to, int depth)
{
    const op_facts *op = &ops[from->op];
    if (is_chain(from))
        return (to->args = copy_chain(stmt, from, depth + 1)) != NULL;
    size_t count = list_length(from->args);
    if (count < op->least)
        return wrong(stmt, from, "one of its operands is NULL (SQL NULL is WEIR_NULL)");
    if (count > op->most && op->most != ANY)
        return wrong(stmt, from, "it has too many operands");
    to->args = copy_list(stmt, from->args, count, depth + 1);
    return to->args != NULL;
}

static bool copy_value(weir_stmt *stmt, const weir_value *from, weir_value *to)
{
    weir_value value = weir_stmt_normal_value(from);
    if (weir_stmt_check_value(NULL, &value, &stmt->error) != WEIR_OK)
        return false;
    return weir_value_copy(&stmt->arena, &value, to) == WEIR_OK || weir_error_out_of_memory(&stmt->error) == WEIR_OK;
}

static bool copy_values(weir_stmt *stmt, const weir_expr *from, weir_expr *to)
{
    if (!from->count)
        return true;
    if (!from->values)
        return wrong(stmt, from, "its list of values is NULL");
    weir_value *values = from->count < SIZE_MAX / sizeof *values ? weir_arena_take(&stmt->arena, from->count * sizeof *values) : NULL;
    if (!values)
        return weir_error_out_of_memory(&stmt->error) == WEIR_OK;
    for (size_t i = 0; i < from->count; i++)
        if (!copy_value(stmt, &from->values[i], &values[i]))
            return false;
    to->values = values;
    to->count = from->count;
    return true;
}

/* ---- enums ---- */

static bool compares(weir_op op)
{
    return (op >= WEIR_OP_EQ && op <= WEIR_OP_GE) || op == WEIR_OP_IN || op == WEIR_OP_NOT_IN || op == WEIR_OP_BETWEEN || op == WEIR_OP_NOT_BETWEEN;
}

static const weir_member *compared_enum(const weir_expr *expr)
{
    for (size_t i = 0; compares(expr->op) && expr->args[i]; i++) {
        const weir_expr *operand = expr->args[i];
        const weir_member *member = operand->op == WEIR_OP_COLUMN ? weir_entity_member(operand->entity, operand->offset) : NULL;
        if (member && member->type == WEIR_M_ENUM)
            return member;
    }
    return NULL;
}

/* Numbers that an enum's column is compared with are its labels. The copy's operands are its own. */
static bool label_numbers(weir_stmt *stmt, weir_expr *to)
{
    const weir_member *member = compared_enum(to);
    int status = WEIR_OK;
    for (size_t i = 0; member && to->args[i] && status == WEIR_OK; i++)
        if (to->args[i]->op == WEIR_OP_VALUE)
            status = weir_write_value(member, &((weir_expr *)(uintptr_t)to->args[i])->value, &stmt->error);
    for (size_t i = 0; member && i < to->count && status == WEIR_OK; i++)
        status = weir_write_value(member, &((weir_value *)(uintptr_t)to->values)[i], &stmt->error);
    return status == WEIR_OK;
}

/* ---- names, columns, sources ---- */

static bool copy_name(weir_stmt *stmt, const weir_expr *from, weir_expr *to)
{
    if (ops[from->op].named && (!from->name || !*from->name))
        return wrong(stmt, from, from->name ? "its name or text is empty" : "its name or text is NULL");
    if (!from->name)
        return true;
    to->name = weir_tree_text(stmt, from->name);
    if (to->name && from->op == WEIR_OP_FRAGMENT)
        weir_stmt_add_parameters(stmt, to->name, strlen(to->name));
    return stmt->error.status == WEIR_OK;
}

bool weir_tree_use_entity(weir_stmt *stmt, const weir_entity *entity)
{
    weir_stmt_parts *parts = &stmt->parts;
    for (size_t i = 0; i < parts->entity_count; i++)
        if (parts->entities[i] == entity)
            return true;
    if (weir_entity_check(entity, &stmt->error) != WEIR_OK)
        return false;
    const weir_entity **entities = weir_tree_room(stmt, parts->entities, parts->entity_count, sizeof *entities);
    if (!entities)
        return false;
    parts->entities = entities;
    parts->entities[parts->entity_count++] = entity;
    return true;
}

/* A subquery or CTE without an entity may be read as any: its columns are found by name. */
static bool check_source(weir_stmt *stmt, const weir_expr *expr)
{
    const weir_source *source = expr->source;
    if (source && source->entity && source->entity != expr->entity) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: the source is one of %s, not of %s", ops[expr->op].name, source->entity->name,
                       expr->entity->name);
        return false;
    }
    if (!source && !expr->entity->table && !stmt->tree->text) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s has no table to select from: use weir_select_from_sql, or a subquery as its source",
                       expr->entity->name);
        return false;
    }
    return true;
}

static bool check_entity(weir_stmt *stmt, const weir_expr *expr, bool may_be_relationship)
{
    if (!weir_tree_use_entity(stmt, expr->entity) || !check_source(stmt, expr))
        return false;
    if (expr->op == WEIR_OP_ENTITY)
        return true;
    const weir_member *member = weir_entity_member(expr->entity, expr->offset);
    if (!member) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: the member at offset %zu of struct %s is not mapped", ops[expr->op].name,
                       expr->offset, expr->entity->name);
        return false;
    }
    if (member->kind != WEIR_MEMBER_COLUMN && !may_be_relationship) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s.%s is a relationship: it can be joined and loaded, but is no value",
                       expr->entity->name, member->name);
        return false;
    }
    return true;
}

static bool copy_place(weir_stmt *stmt, const weir_expr *from, weir_expr *to, bool may_be_relationship)
{
    to->entity = from->entity;
    to->offset = from->offset;
    if (from->source && !(to->source = weir_tree_source(stmt, from->source)))
        return false;
    if (from->op == WEIR_OP_COLUMN || from->op == WEIR_OP_EXCLUDED || from->op == WEIR_OP_ENTITY)
        return check_entity(stmt, to, may_be_relationship);
    return from->op != WEIR_OP_SOURCE_COLUMN || from->source || wrong(stmt, from, "its source is NULL");
}

/* ---- subqueries and windows ---- */

static bool copy_stmt(weir_stmt *stmt, const weir_expr *from, weir_expr *to)
{
    if (ops[from->op].with_stmt)
        to->stmt = weir_stmt_own(stmt, from->stmt);
    return !ops[from->op].with_stmt || to->stmt;
}

static bool check_frame(weir_stmt *stmt, const weir_expr *from)
{
    const weir_window *w = from->window;
    if (w->frame < WEIR_FRAME_NONE || w->frame > WEIR_FRAME_RANGE)
        return wrong(stmt, from, "the kind of its frame is unknown");
    bool open = w->from == WEIR_UNBOUNDED || w->to == WEIR_UNBOUNDED;
    return open || w->from <= w->to || wrong(stmt, from, "its frame ends before it begins");
}

static bool copy_window(weir_stmt *stmt, const weir_expr *from, weir_expr *to, int depth)
{
    if (from->op != WEIR_OP_OVER)
        return true;
    if (!from->window)
        return wrong(stmt, from, "its window is NULL");
    if (!check_frame(stmt, from))
        return false;
    weir_window *copy = weir_arena_take(&stmt->arena, sizeof *copy);
    if (!copy)
        return weir_error_out_of_memory(&stmt->error) == WEIR_OK;
    *copy = *from->window;
    size_t partitions = list_length(copy->partition_by), orders = list_length(copy->order_by);
    if (copy->partition_by && !(copy->partition_by = copy_list(stmt, copy->partition_by, partitions, depth + 1)))
        return false;
    if (copy->order_by && !(copy->order_by = copy_list(stmt, copy->order_by, orders, depth + 1)))
        return false;
    to->window = copy;
    return true;
}

/* ---- one expression ---- */

static bool check_op(weir_stmt *stmt, const weir_expr *from, int depth)
{
    if (!from || from->op == WEIR_OP_NONE)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "an operand of an expression is NULL (SQL NULL is WEIR_NULL)");
    else if (from->op < WEIR_OP_NONE || from->op >= WEIR_OP_COUNT_)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "an expression has the unknown operator %d", (int)from->op);
    else if (depth > DEEPEST)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "an expression is nested more than %d deep", DEEPEST);
    return stmt->error.status == WEIR_OK;
}

static const weir_expr *copy_one(weir_stmt *stmt, const weir_expr *from, bool may_be_relationship, int depth)
{
    if (!check_op(stmt, from, depth))
        return NULL;
    weir_expr *to = weir_arena_take(&stmt->arena, sizeof *to);
    if (!to) {
        weir_error_out_of_memory(&stmt->error);
        return NULL;
    }
    *to = (weir_expr){ .op = from->op };
    bool done = copy_place(stmt, from, to, may_be_relationship) && copy_name(stmt, from, to) && copy_values(stmt, from, to) &&
                copy_stmt(stmt, from, to) && copy_window(stmt, from, to, depth) && copy_operands(stmt, from, to, depth) &&
                label_numbers(stmt, to) && (from->op != WEIR_OP_VALUE || copy_value(stmt, &from->value, &to->value));
    return done ? to : NULL;
}

static const weir_expr *copy_expr(weir_stmt *stmt, const weir_expr *from, int depth) { return copy_one(stmt, from, false, depth); }

const weir_expr *weir_tree_path_step(weir_stmt *stmt, const weir_expr *expr) { return copy_one(stmt, expr, true, 0); }

const weir_expr *weir_tree_expr(weir_stmt *stmt, const weir_expr *expr) { return copy_one(stmt, expr, false, 0); }

const weir_expr *const *weir_tree_exprs(weir_stmt *stmt, const weir_expr *const *list, size_t *count)
{
    size_t length = list_length(list);
    if (count)
        *count = length;
    return copy_list(stmt, list, length, 0);
}
