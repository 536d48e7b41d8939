/* Copying and freeing the trees of select statements. */
#include <string.h>
#include "sql/tree.h"

/* The copy of a statement's tree being made. */
typedef struct copier {
    weir_stmt              *to;
    const weir_select_tree *from;
} copier;

static bool copy_exprs(copier *c)
{
    const weir_select_tree *from = c->from;
    weir_select_tree *tree = c->to->tree;
    const struct { const weir_expr_list *from; weir_expr_list *to; } lists[] = {
        { &from->columns, &tree->columns }, { &from->where, &tree->where }, { &from->order_by, &tree->order_by },
        { &from->group_by, &tree->group_by }, { &from->having, &tree->having }, { &from->distinct_on, &tree->distinct_on },
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < lists[i].from->count; k++)
            if (!weir_tree_add(c->to, lists[i].to, lists[i].from->items[k]))
                return false;
    return true;
}

static bool copy_part(copier *c, weir_stmt **to, const weir_stmt *from) { return !from || (*to = weir_stmt_own(c->to, from)); }

/* Before anything else: columns of an entity without a table are fine in a select of textual SQL alone. */
static bool copy_parts(copier *c)
{
    weir_select_tree *tree = c->to->tree;
    tree->set = c->from->set;
    return copy_part(c, &tree->left, c->from->left) && copy_part(c, &tree->right, c->from->right) && copy_part(c, &tree->text, c->from->text);
}

static bool copy_from(copier *c)
{
    for (size_t i = 0; i < c->from->from_count; i++)
        weir_from(c->to, c->from->from[i]);
    for (size_t i = 0; i < c->from->from_source_count; i++)
        weir_from_source(c->to, c->from->from_sources[i]);
    return c->to->error.status == WEIR_OK;
}

static bool copy_join(copier *c, const weir_join *from, weir_join *to)
{
    *to = (weir_join){ .kind = from->kind };
    return (!from->target || (to->target = weir_tree_path_step(c->to, from->target))) &&
           (!from->source || (to->source = weir_tree_source(c->to, from->source))) &&
           (!from->as || (to->as = weir_tree_source(c->to, from->as))) && (!from->on || (to->on = weir_tree_expr(c->to, from->on)));
}

static bool copy_joins(copier *c)
{
    weir_select_tree *tree = c->to->tree;
    for (size_t i = 0; i < c->from->join_count; i++) {
        weir_join *joins = weir_tree_room(c->to, tree->joins, i, sizeof *joins);
        if (!joins || !copy_join(c, &c->from->joins[i], &joins[i]))
            return false;
        tree->joins = joins;
        tree->join_count = i + 1;
    }
    return true;
}

static bool copy_loads(copier *c)
{
    for (size_t i = 0; i < c->from->load_count; i++) {
        const weir_load_path *from = &c->from->loads[i];
        if (from->contiguous)
            weir_joinedload_contiguous_(c->to, from->steps);
        else
            weir_load_option_(c->to, from->how, from->steps);
        if (c->to->error.status != WEIR_OK)
            return false;
        c->to->tree->loads[i].chunk = from->chunk;
    }
    return true;
}

static bool copy_lock(copier *c)
{
    if (c->from->lock)
        weir_with_for_update(c->to, c->from->lock);
    return c->to->error.status == WEIR_OK;
}

int weir_tree_copy(weir_stmt *to, const weir_select_tree *from)
{
    static bool (*const steps[])(copier *) = { copy_parts, copy_exprs, copy_from, copy_joins, copy_loads, copy_lock };
    copier c = { to, from };
    weir_select_tree *tree = to->tree;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!steps[i](&c))
            return to->error.status;
    tree->distinct = from->distinct;
    tree->has_limit = from->has_limit;
    tree->has_offset = from->has_offset;
    tree->limit = from->limit;
    tree->limit_in_text = from->limit_in_text;
    tree->offset = from->offset;
    tree->disable_eagerloads = from->disable_eagerloads;
    tree->populate_existing = from->populate_existing;
    tree->autoflush = from->autoflush;
    return WEIR_OK;
}

void weir_tree_release(weir_stmt_parts *parts)
{
    for (size_t i = 0; i < parts->owned_count; i++)
        weir_stmt_free(&parts->owned[i]);
    for (size_t i = 0; i < parts->source_count; i++)
        weir_source_let_go(parts->sources[i]);
}
