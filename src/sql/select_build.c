/* Building select statements: the calls that fill the tree. */
#include <string.h>
#include "sql/statement.h"

static bool add(weir_stmt *stmt, weir_expr_list *list, const weir_expr *item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4;
        const weir_expr **items = weir_arena_take(&stmt->arena, capacity * sizeof *items);
        if (!items)
            return false;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static weir_stmt *new_select(void)
{
    weir_stmt *stmt = weir_sql("");
    if (stmt->error.status != WEIR_OK)
        return stmt;
    stmt->tree = weir_arena_take(&stmt->arena, sizeof *stmt->tree);
    if (!stmt->tree)
        weir_error_out_of_memory(&stmt->error);
    else
        memset(stmt->tree, 0, sizeof *stmt->tree);
    return stmt;
}

weir_stmt *weir_select(const weir_entity *entity)
{
    weir_stmt *stmt = new_select();
    if (stmt->error.status != WEIR_OK)
        return stmt;
    weir_expr *item = weir_arena_take(&stmt->arena, sizeof *item);
    if (item)
        *item = (weir_expr){ .op = WEIR_OP_ENTITY, .entity = entity };
    if (!item || !add(stmt, &stmt->tree->columns, item))
        weir_error_out_of_memory(&stmt->error);
    return stmt;
}

weir_stmt *weir_select_list(const weir_expr *const *columns)
{
    weir_stmt *stmt = new_select();
    for (size_t i = 0; stmt->error.status == WEIR_OK && columns[i]; i++)
        if (!add(stmt, &stmt->tree->columns, columns[i]))
            weir_error_out_of_memory(&stmt->error);
    return stmt;
}

void weir_where(weir_stmt *stmt, const weir_expr *condition)
{
    if (stmt && stmt->error.status == WEIR_OK && !add(stmt, &stmt->tree->where, condition))
        weir_error_out_of_memory(&stmt->error);
}

void weir_order_by(weir_stmt *stmt, const weir_expr *order)
{
    if (stmt && stmt->error.status == WEIR_OK && !add(stmt, &stmt->tree->order_by, order))
        weir_error_out_of_memory(&stmt->error);
}

void weir_load_option_(weir_stmt *stmt, weir_lazy how, const weir_expr *const *path)
{
    if (!stmt || stmt->error.status != WEIR_OK)
        return;
    weir_select_tree *tree = stmt->tree;
    weir_load_path *loads = weir_arena_take(&stmt->arena, (tree->load_count + 1) * sizeof *loads);
    size_t steps = 0;
    while (path[steps])
        steps++;
    const weir_expr **copy = weir_arena_take(&stmt->arena, (steps + 1) * sizeof *copy);
    if (!loads || !copy) {
        weir_error_out_of_memory(&stmt->error);
        return;
    }
    memcpy(copy, path, (steps + 1) * sizeof *copy);
    if (tree->load_count)
        memcpy(loads, tree->loads, tree->load_count * sizeof *loads);
    loads[tree->load_count] = (weir_load_path){ .how = how, .steps = copy, .step_count = steps };
    tree->loads = loads;
    tree->load_count++;
}
