/* Select trees as text: the clauses in their order, unions, locks, statements inside of statements. */
#include "sql/compile.h"
#include <inttypes.h>
#include <string.h>
#include "base/values.h"

/* ---- ORDER BY, GROUP BY ---- */

/* The same expression with parameters of its own would be another one to PostgreSQL. */
static bool repeat_selected(weir_renderer *r, const weir_expr *e)
{
    size_t index = weir_label_of(r->scope, e);
    const weir_label *label = index != SIZE_MAX ? &r->scope->labels[index] : NULL;
    if (!label || !label->expression || !label->length || !weir_buffer_reserve(r->text, label->length))
        return false;
    weir_buffer_append(r->text, r->text->data + label->start, label->length);
    return true;
}

void weir_render_group(weir_renderer *r, const weir_expr *e)
{
    e = weir_without_label(e);
    if (e->op == WEIR_OP_ENTITY && e->entity) {
        size_t written = 0;
        for (size_t i = 0; i < e->entity->member_count; i++) {
            if (e->entity->members[i].kind != WEIR_MEMBER_COLUMN)
                continue;
            weir_expr column = { .op = WEIR_OP_COLUMN, .entity = e->entity, .source = e->source,
                                 .offset = e->entity->members[i].offset };
            weir_buffer_text(r->text, written++ ? ", " : "");
            weir_render_column(r, &column);
        }
    } else if (!repeat_selected(r, e)) {
        weir_render_expression(r, e, WEIR_BIND_NONE, true);
    }
}

void weir_render_order(weir_renderer *r, const weir_expr *e)
{
    static const struct direction { weir_op op; const char *text; } directions[] = {
        { WEIR_OP_ASC, " ASC" }, { WEIR_OP_DESC, " DESC" },
        { WEIR_OP_NULLS_FIRST, " NULLS FIRST" }, { WEIR_OP_NULLS_LAST, " NULLS LAST" },
    };
    if (e->op >= WEIR_OP_ASC && e->op <= WEIR_OP_NULLS_LAST && e->args && e->args[0]) {
        weir_render_order(r, e->args[0]);
        weir_buffer_text(r->text, directions[e->op - WEIR_OP_ASC].text);
    } else if (e->op == WEIR_OP_LABEL_REF && e->name) {
        weir_identifier_append(r->text, e->name);
    } else if (!repeat_selected(r, weir_without_label(e))) {
        weir_render_expression(r, e, WEIR_BIND_NONE, true);
    }
}

static void write_list(weir_renderer *r, const char *before, const weir_expr_list *list,
                       void (*write)(weir_renderer *, const weir_expr *))
{
    for (size_t i = 0; i < list->count && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? ", " : before);
        write(r, list->items[i]);
    }
}

void weir_render_conditions(weir_renderer *r, const char *before, const weir_expr_list *list)
{
    for (size_t i = 0; i < list->count && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? " AND " : before);
        weir_render_expression(r, list->items[i], list->count > 1 ? WEIR_BIND_AND : WEIR_BIND_OR, false);
    }
}

/* ---- the end of a select ---- */

static void write_limit(weir_renderer *r, const weir_select_tree *tree)
{
    weir_value limit = weir_value_int(tree->limit), offset = weir_value_int(tree->offset);
    if (tree->has_limit) {
        weir_buffer_text(r->text, " LIMIT ");
        if (tree->limit_in_text)
            weir_buffer_printf(r->text, "%" PRId64, tree->limit);
        else
            weir_render_value(r, &limit, false);
    } else if (tree->has_offset && r->dialect->offset_needs_limit) {
        weir_buffer_text(r->text, " LIMIT -1");
    }
    if (tree->has_offset) {
        weir_buffer_text(r->text, " OFFSET ");
        weir_render_value(r, &offset, false);
    }
}

static void write_locked_name(weir_renderer *r, const weir_entity *entity, const weir_source *source)
{
    if (source)
        weir_identifier_append(r->text, weir_source_name(r, source));
    else if (entity && entity->table)
        weir_identifier_append(r->text, weir_table_without_schema(entity->table));
}

static bool is_optional(const weir_scope *scope, size_t element)
{
    for (size_t i = 0; i < scope->stmt->tree->join_count; i++)
        if (scope->joins[i].target == element)
            return scope->joins[i].join->kind != WEIR_JOIN_INNER;
    return false;
}

static bool write_locked_element(weir_renderer *r, const weir_scope *scope, size_t element, bool more)
{
    const weir_element *from = &scope->froms[element];
    if (from->correlated || is_optional(scope, element) || (from->source && from->source->kind == WEIR_SOURCE_CTE))
        return false;
    weir_buffer_text(r->text, more ? ", " : " OF ");
    write_locked_name(r, from->entity, from->source);
    return true;
}

static void write_locked_names(weir_renderer *r, const weir_scope *scope, const weir_lock_options *lock)
{
    size_t written = 0, named = 0;
    for (size_t i = 0; lock->of && lock->of[i]; i++) {
        bool before = false;
        for (size_t k = 0; k < i; k++)
            before = before || (lock->of[k]->entity == lock->of[i]->entity &&
                                weir_source_identity(lock->of[k]->source) == weir_source_identity(lock->of[i]->source));
        if (before)
            continue;
        weir_buffer_text(r->text, written++ ? ", " : " OF ");
        write_locked_name(r, lock->of[i]->entity, lock->of[i]->source);
    }
    /* What joined loads add is optional, and PostgreSQL locks nothing optional. */
    for (size_t i = 0; !written && scope->eager_count && !scope->wrapper && i < scope->from_count; i++)
        named += write_locked_element(r, scope, i, named);
}

static void write_lock(weir_renderer *r, const weir_scope *scope, const weir_lock_options *lock)
{
    if (!lock)
        return;
    if (!r->dialect->row_locks) {
        if (lock->strict)
            weir_render_fail(r, WEIR_COMPILE, "%s has no row locks: FOR UPDATE would lock nothing", r->dialect->name);
        return;
    }
    if (lock->nowait && lock->skip_locked) {
        weir_render_fail(r, WEIR_ARGUMENT, "with_for_update takes nowait or skip_locked, not both");
        return;
    }
    static const char *const words[2][2] = { { " FOR UPDATE", " FOR NO KEY UPDATE" }, { " FOR SHARE", " FOR KEY SHARE" } };
    weir_buffer_text(r->text, words[lock->read][lock->key_share]);
    write_locked_names(r, scope, lock);
    weir_buffer_text(r->text, lock->nowait ? " NOWAIT" : lock->skip_locked ? " SKIP LOCKED" : "");
}

/* ---- a plain select ---- */

static void write_distinct(weir_renderer *r, const weir_select_tree *tree)
{
    if (tree->distinct_on.count && !r->dialect->distinct_on) {
        weir_render_fail(r, WEIR_COMPILE, "DISTINCT ON is PostgreSQL's: %s has no such thing", r->dialect->name);
        return;
    }
    if (!tree->distinct_on.count) {
        weir_buffer_text(r->text, tree->distinct ? "DISTINCT " : "");
        return;
    }
    write_list(r, "DISTINCT ON (", &tree->distinct_on, weir_render_group);
    weir_buffer_text(r->text, ") ");
}

static void write_plain(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    size_t start = r->text->length;
    weir_from_collect(r, scope, tree);
    weir_buffer_text(r->text, "SELECT ");
    write_distinct(r, tree);
    weir_shape_columns(r, scope, tree);
    scope->orders = tree->order_by;
    if (!scope->outer && r->status == WEIR_OK)
        weir_eager_plan(r, scope, tree);
    if (weir_eager_needs_wrapper(scope, tree)) {
        scope->wrapper = weir_render_name(r, "anon");
        weir_eager_order_columns(r, scope);
    } else {
        weir_eager_columns(r, scope);
    }
    weir_render_from(r, scope, " FROM ");
    weir_render_conditions(r, " WHERE ", &tree->where);
    write_list(r, " GROUP BY ", &tree->group_by, weir_render_group);
    weir_render_conditions(r, " HAVING ", &tree->having);
    write_list(r, " ORDER BY ", &scope->orders, weir_render_order);
    if (!scope->wrapper)
        weir_eager_orders(r, scope, !scope->orders.count);
    write_limit(r, tree);
    write_lock(r, scope, tree->lock);
    weir_from_check(r, scope, tree);
    if (scope->wrapper && r->status == WEIR_OK && !r->text->failed)
        weir_eager_wrap(r, scope, start);
}

/* ---- unions ---- */

static bool stands_alone(const weir_stmt *stmt, weir_set_operation within, bool left)
{
    const weir_select_tree *tree = stmt->tree;
    if (!tree)
        return true;
    bool ended = tree->order_by.count || tree->has_limit || tree->has_offset || tree->lock;
    return !ended && (!tree->set || (left && tree->set == within));
}

static void refuse_write(weir_renderer *r, const weir_stmt *stmt)
{
    weir_render_fail(r, WEIR_ARGUMENT, "%s inside of another statement: only weir_cte takes one", weir_stmt_kind_name(stmt->kind));
}

static void write_member(weir_renderer *r, const weir_stmt *stmt, weir_scope *inner, bool alone)
{
    const char *before = alone ? "" : r->dialect->members_in_parentheses ? "(" : "SELECT * FROM (";
    weir_buffer_text(r->text, before);
    if (stmt->write)
        refuse_write(r, stmt);
    else if (stmt->tree)
        weir_render_select(r, inner);
    else
        weir_render_text(r, stmt->text, stmt->length, true);
    weir_buffer_text(r->text, alone ? "" : ")");
}

static void write_set(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    static const char *const words[] = {
        [WEIR_UNION] = " UNION ", [WEIR_UNION_ALL] = " UNION ALL ", [WEIR_INTERSECT] = " INTERSECT ", [WEIR_EXCEPT] = " EXCEPT ",
    };
    weir_scope left = { .outer = scope, .stmt = tree->left, .correlates = scope->correlates };
    weir_scope right = { .outer = scope, .stmt = tree->right, .correlates = scope->correlates };
    if (!tree->left || !tree->right || (unsigned)tree->set > WEIR_EXCEPT) {
        weir_render_fail(r, WEIR_ARGUMENT, "a union lacks one of its statements, or has an unknown operation");
        return;
    }
    r->scope = &left;
    write_member(r, tree->left, &left, stands_alone(tree->left, tree->set, true));
    weir_buffer_text(r->text, words[tree->set]);
    r->scope = &right;
    write_member(r, tree->right, &right, stands_alone(tree->right, tree->set, false));
    scope->items = left.items;
    scope->item_sources = left.item_sources;
    scope->item_count = left.item_count;
    scope->visible_count = left.visible_count;
    scope->names_only = true;
    r->scope = scope;
    write_list(r, " ORDER BY ", &tree->order_by, weir_render_order);
    write_limit(r, tree);
    write_lock(r, scope, tree->lock);
}

/* ---- an entity from textual SQL ---- */

static void write_from_text(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    weir_scope text = { .outer = scope->outer, .stmt = tree->text }, *outer = scope->outer;
    scope->outer = &text;
    weir_render_text(r, tree->text->text, tree->text->length, false);
    scope->outer = outer;
    const weir_expr *column = tree->columns.count ? tree->columns.items[0] : NULL;
    scope->items = weir_render_take(r, sizeof *scope->items);
    scope->item_sources = weir_render_take(r, sizeof *scope->item_sources);
    if (!scope->items || !scope->item_sources || !column)
        return;
    scope->items[0] = (weir_select_item){ .kind = WEIR_ITEM_ENTITY, .entity = column->entity, .name = column->entity->name };
    for (size_t i = 0; i < column->entity->member_count; i++)
        scope->items[0].column_count += column->entity->members[i].kind == WEIR_MEMBER_COLUMN;
    scope->item_count = scope->visible_count = 1;
}

/* ---- statements ---- */

void weir_render_select(weir_renderer *r, weir_scope *scope)
{
    const weir_select_tree *tree = scope->stmt->tree;
    weir_scope *outer = r->scope;
    if (!weir_render_deeper(r))
        return;
    r->scope = scope;
    r->depth++;
    if (tree->text)
        write_from_text(r, scope, tree);
    else if (tree->set)
        write_set(r, scope, tree);
    else
        write_plain(r, scope, tree);
    r->depth--;
    r->scope = outer;
}

static bool has_options(const weir_execution_options *o)
{
    return o->stream_results || o->max_row_buffer || o->yield_per || o->prefetch || o->parallel_plan || o->cursor_mode ||
           o->prepared || o->strict_loading || o->memory || o->spill;
}

void weir_render_statement(weir_renderer *r, const weir_stmt *stmt, bool correlates)
{
    weir_scope scope = { .outer = r->scope, .stmt = stmt, .correlates = correlates };
    const weir_error *error = weir_stmt_error(stmt);
    if (error->status != WEIR_OK) {
        if (r->status == WEIR_OK)
            *r->error = *error;
        r->status = r->status == WEIR_OK ? error->status : r->status;
        return;
    }
    r->subquery_options += has_options(&stmt->options);
    if (stmt->write) {
        weir_render_write(r, &scope, NULL);
        return;
    }
    if (stmt->tree) {
        weir_render_select(r, &scope);
        return;
    }
    r->scope = &scope;
    weir_render_text(r, stmt->text, stmt->length, true);
    r->scope = scope.outer;
}

void weir_render_subquery(weir_renderer *r, const weir_stmt *stmt, bool correlates)
{
    if (stmt->write)
        refuse_write(r, stmt);
    weir_buffer_byte(r->text, '(');
    weir_render_statement(r, stmt, correlates);
    weir_buffer_byte(r->text, ')');
}
