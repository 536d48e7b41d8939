/* Building select statements: what is selected, which rows, in what order, how many. */
#include <string.h>
#include "sql/text.h"
#include "sql/tree.h"

/* ---- help for all builders ---- */

static bool reaches(weir_stmt_kind kind, weir_tree_reach reach)
{
    return kind == WEIR_STMT_SELECT || reach == WEIR_REACH_ANY || (reach == WEIR_REACH_ROWS && kind != WEIR_STMT_INSERT);
}

bool weir_tree_ready(weir_stmt *stmt, const char *call, weir_tree_reach reach)
{
    if (!weir_stmt_can_build(stmt))
        return false;
    const weir_select_tree *tree = stmt->tree;
    if (!tree)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s is for select statements; this one is textual SQL", call);
    else if (!reaches(stmt->kind, reach))
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s does not apply to %s", call, weir_stmt_kind_name(stmt->kind));
    else if (tree->text && reach != WEIR_REACH_ALL && reach != WEIR_REACH_ANY)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s cannot change a select that takes its rows from textual SQL", call);
    else if (tree->set && (reach == WEIR_REACH_PLAIN || reach == WEIR_REACH_ROWS))
        weir_error_set(&stmt->error, WEIR_ARGUMENT,
                       "%s does not apply to a combined select as a whole: use it on the selects that are combined", call);
    return stmt->error.status == WEIR_OK;
}

void *weir_tree_room(weir_stmt *stmt, const void *items, size_t count, size_t item_size)
{
    if (count && (count < 4 || (count & (count - 1))))
        return (void *)items;
    size_t room = count ? count * 2 : 4;
    void *moved = weir_arena_take(&stmt->arena, room * item_size);
    if (!moved)
        weir_error_out_of_memory(&stmt->error);
    else if (count)
        memcpy(moved, items, count * item_size);
    return moved;
}

char *weir_tree_text(weir_stmt *stmt, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = weir_arena_bytes(&stmt->arena, size);
    if (!copy)
        weir_error_out_of_memory(&stmt->error);
    return copy ? memcpy(copy, text, size) : NULL;
}

static bool append(weir_stmt *stmt, weir_expr_list *list, const weir_expr *item)
{
    const weir_expr **items = item ? weir_tree_room(stmt, list->items, list->count, sizeof *items) : NULL;
    if (!items)
        return false;
    list->items = items;
    list->items[list->count++] = item;
    return true;
}

bool weir_tree_add(weir_stmt *stmt, weir_expr_list *list, const weir_expr *expr) { return append(stmt, list, weir_tree_expr(stmt, expr)); }

static void add_list(weir_stmt *stmt, weir_expr_list *list, const weir_expr *const *exprs, const char *call)
{
    if (!exprs || !*exprs)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: there is nothing in its list", call);
    for (size_t i = 0; stmt->error.status == WEIR_OK && exprs[i]; i++)
        weir_tree_add(stmt, list, exprs[i]);
}

/* ---- making ---- */

weir_stmt *weir_select(const weir_entity *entity)
{
    weir_stmt *stmt = weir_stmt_new_tree(WEIR_STMT_SELECT);
    if (weir_stmt_can_build(stmt))
        weir_tree_add(stmt, &stmt->tree->columns, &(const weir_expr){ .op = WEIR_OP_ENTITY, .entity = entity });
    return stmt;
}

weir_stmt *weir_select_list(const weir_expr *const *columns)
{
    weir_stmt *stmt = weir_stmt_new_tree(WEIR_STMT_SELECT);
    if (weir_stmt_can_build(stmt))
        add_list(stmt, &stmt->tree->columns, columns, "weir_select_list");
    return stmt;
}

weir_stmt *weir_select_from_sql(const weir_entity *entity, const weir_stmt *text)
{
    weir_stmt *stmt = weir_stmt_new_tree(WEIR_STMT_SELECT);
    if (!weir_stmt_can_build(stmt))
        return stmt;
    if (text && text->tree) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_select_from_sql takes textual SQL, not %s: weir_subquery takes a select",
                       weir_stmt_kind_name(text->kind));
        return stmt;
    }
    stmt->tree->text = weir_stmt_own(stmt, text);
    if (stmt->tree->text) {
        stmt->options = stmt->tree->text->options;
        weir_tree_add(stmt, &stmt->tree->columns, &(const weir_expr){ .op = WEIR_OP_ENTITY, .entity = entity });
    }
    return stmt;
}

weir_stmt *weir_combine(weir_set_operation operation, const weir_stmt *left, const weir_stmt *right)
{
    weir_stmt *stmt = weir_stmt_new_tree(WEIR_STMT_SELECT);
    if (!weir_stmt_can_build(stmt))
        return stmt;
    if (operation < WEIR_UNION || operation > WEIR_EXCEPT) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_combine: the operation %d is unknown", (int)operation);
        return stmt;
    }
    stmt->tree->set = operation;
    stmt->tree->left = weir_stmt_own(stmt, left);
    if (stmt->tree->left)
        stmt->tree->right = weir_stmt_own(stmt, right);
    return stmt;
}

/* ---- columns, conditions, order ---- */

void weir_add_columns_(weir_stmt *stmt, const weir_expr *const *columns)
{
    if (weir_tree_ready(stmt, "weir_add_columns", WEIR_REACH_PLAIN))
        add_list(stmt, &stmt->tree->columns, columns, "weir_add_columns");
}

static void add_one(weir_stmt *stmt, weir_expr_list *list, const weir_expr *expr, const char *call)
{
    if (!expr)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: its expression is NULL", call);
    else
        weir_tree_add(stmt, list, expr);
}

void weir_where(weir_stmt *stmt, const weir_expr *condition)
{
    if (weir_tree_ready(stmt, "weir_where", WEIR_REACH_ROWS))
        add_one(stmt, &stmt->tree->where, condition, "weir_where");
}

void weir_order_by(weir_stmt *stmt, const weir_expr *order)
{
    if (!weir_tree_ready(stmt, "weir_order_by", WEIR_REACH_WHOLE))
        return;
    if (order)
        weir_tree_add(stmt, &stmt->tree->order_by, order);
    else
        stmt->tree->order_by = (weir_expr_list){ .count = 0 };
}

void weir_group_by(weir_stmt *stmt, const weir_expr *column)
{
    if (weir_tree_ready(stmt, "weir_group_by", WEIR_REACH_PLAIN))
        add_one(stmt, &stmt->tree->group_by, column, "weir_group_by");
}

void weir_having(weir_stmt *stmt, const weir_expr *condition)
{
    if (weir_tree_ready(stmt, "weir_having", WEIR_REACH_PLAIN))
        add_one(stmt, &stmt->tree->having, condition, "weir_having");
}

void weir_distinct(weir_stmt *stmt)
{
    if (weir_tree_ready(stmt, "weir_distinct", WEIR_REACH_PLAIN))
        stmt->tree->distinct = true;
}

void weir_distinct_on_(weir_stmt *stmt, const weir_expr *const *columns)
{
    if (weir_tree_ready(stmt, "weir_distinct_on", WEIR_REACH_PLAIN))
        add_list(stmt, &stmt->tree->distinct_on, columns, "weir_distinct_on");
}

static bool check_rows(weir_stmt *stmt, const char *call, int64_t rows)
{
    if (rows < 0)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: the number of rows must not be negative: %lld", call, (long long)rows);
    return rows >= 0;
}

void weir_limit(weir_stmt *stmt, int64_t rows)
{
    if (!weir_tree_ready(stmt, "weir_limit", WEIR_REACH_WHOLE) || !check_rows(stmt, "weir_limit", rows))
        return;
    stmt->tree->has_limit = true;
    stmt->tree->limit = rows;
}

void weir_offset(weir_stmt *stmt, int64_t rows)
{
    if (!weir_tree_ready(stmt, "weir_offset", WEIR_REACH_WHOLE) || !check_rows(stmt, "weir_offset", rows))
        return;
    stmt->tree->has_offset = true;
    stmt->tree->offset = rows;
}

/* ---- locks ---- */

static bool check_lock(weir_stmt *stmt, const weir_lock_options *options)
{
    if (options->struct_size < sizeof options->struct_size || options->struct_size > sizeof *options)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "struct_size of the lock options is %s: make them by WEIR_LOCK_OPTIONS",
                       options->struct_size > sizeof *options ? "too large" : "not set");
    else if (options->nowait && options->skip_locked)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_with_for_update: nowait and skip_locked exclude each other");
    return stmt->error.status == WEIR_OK;
}

static bool copy_locked(weir_stmt *stmt, weir_lock_options *lock)
{
    for (size_t i = 0; lock->of && lock->of[i]; i++)
        if (lock->of[i]->op != WEIR_OP_ENTITY && lock->of[i]->op != WEIR_OP_COLUMN)
            return weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_with_for_update: .of takes entities and columns") == WEIR_OK;
    return !lock->of || (lock->of = weir_tree_exprs(stmt, lock->of, NULL));
}

void weir_with_for_update(weir_stmt *stmt, const weir_lock_options *options)
{
    static const weir_lock_options plain = { .struct_size = sizeof plain };
    options = options ? options : &plain;
    if (!weir_tree_ready(stmt, "weir_with_for_update", WEIR_REACH_PLAIN) || !check_lock(stmt, options))
        return;
    weir_lock_options *lock = weir_arena_take(&stmt->arena, sizeof *lock);
    if (!lock) {
        weir_error_out_of_memory(&stmt->error);
        return;
    }
    memset(lock, 0, sizeof *lock);
    memcpy(lock, options, options->struct_size);
    lock->struct_size = sizeof *lock;
    if (copy_locked(stmt, lock))
        stmt->tree->lock = lock;
}

/* ---- switches of the session's ---- */

static void set_switch(weir_stmt *stmt, const char *call, weir_switch *to, weir_switch on)
{
    if (on < WEIR_UNSET || on > WEIR_OFF)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s has the unknown value %d", call, (int)on);
    else
        *to = on;
}

void weir_populate_existing(weir_stmt *stmt, weir_switch on)
{
    if (weir_tree_ready(stmt, "weir_populate_existing", WEIR_REACH_ANY))
        set_switch(stmt, "weir_populate_existing", &stmt->tree->populate_existing, on);
}

void weir_autoflush(weir_stmt *stmt, weir_switch on)
{
    if (weir_tree_ready(stmt, "weir_autoflush", WEIR_REACH_ANY))
        set_switch(stmt, "weir_autoflush", &stmt->tree->autoflush, on);
}
