/* Building select statements: how the relationships of what is selected are loaded. */
#include "sql/tree.h"

/* ---- paths ---- */

typedef struct path {
    weir_stmt       *stmt;
    const weir_expr *step;              /* the one looked at, and its member */
    const weir_member *member;
} path;

static bool same_source(const weir_source *a, const weir_source *b) { return (a ? a->identity : NULL) == (b ? b->identity : NULL); }

/* Whether instances of what the step belongs to come with the select's rows; *any: whether instances of anything do. */
static bool is_selected(const weir_select_tree *tree, const weir_expr *step, bool *any)
{
    while (tree->set && tree->left->tree)
        tree = tree->left->tree;
    for (size_t i = 0; i < tree->columns.count; i++) {
        const weir_expr *column = tree->columns.items[i];
        *any |= column->op == WEIR_OP_ENTITY;
        if (column->op == WEIR_OP_ENTITY && column->entity == step->entity && same_source(column->source, step->source))
            return true;
    }
    return false;
}

static bool check_root(const path *p)
{
    bool any = false;
    const char *entity = p->step->entity->name, *member = p->member->name;
    if (is_selected(p->stmt->tree, p->step, &any))
        return true;
    if (!any)
        weir_error_set(&p->stmt->error, WEIR_ARGUMENT,
                       "Query has only expression-based entities, which do not apply to relationship property \"%s.%s\"", entity, member);
    else
        weir_error_set(&p->stmt->error, WEIR_ARGUMENT,
                       "Mapped class %s does not apply to any of the root entities in this query. Please specify the full path from one of "
                       "the root entities to the target attribute \"%s.%s\".", entity, entity, member);
    return false;
}

static bool check_link(const path *p, const path *before)
{
    if (!before->member)
        return check_root(p);
    if (before->member->target == p->step->entity)
        return true;
    weir_error_set(&p->stmt->error, WEIR_ARGUMENT, "Attribute \"%s.%s\" does not link from relationship \"%s.%s\"", p->step->entity->name,
                   p->member->name, before->step->entity->name, before->member->name);
    return false;
}

static const weir_expr *take_step(path *p, const weir_expr *step)
{
    path before = *p;
    if (step->op != WEIR_OP_COLUMN) {
        weir_error_set(&p->stmt->error, WEIR_ARGUMENT, "a load path is made of relationships: WEIR_COL(order, lines)");
        return NULL;
    }
    p->step = weir_tree_path_step(p->stmt, step);
    if (!p->step)
        return NULL;
    p->member = weir_entity_member(p->step->entity, p->step->offset);
    if (p->member->kind == WEIR_MEMBER_COLUMN) {
        weir_error_set(&p->stmt->error, WEIR_ARGUMENT, "%s.%s is a column; a load path is made of relationships", p->step->entity->name,
                       p->member->name);
        return NULL;
    }
    return weir_tree_use_entity(p->stmt, p->member->target) && check_link(p, &before) ? p->step : NULL;
}

/* There is no FROM of its own that a join could be added to. */
static bool check_joinable(const path *p, weir_lazy how)
{
    const weir_select_tree *tree = p->stmt->tree;
    if (how != WEIR_LAZY_JOINED || (!tree->set && !tree->text))
        return true;
    weir_error_set(&p->stmt->error, WEIR_INVALID_REQUEST, "weir_joinedload: nothing can be joined to %s; load \"%s.%s\" with weir_selectinload",
                   tree->set ? "a union" : "textual SQL", p->step->entity->name, p->member->name);
    return false;
}

static void add_path(weir_stmt *stmt, weir_lazy how, const weir_expr *const *steps, bool contiguous)
{
    weir_select_tree *tree = stmt->tree;
    size_t count = 0;
    while (steps && steps[count])
        count++;
    if (!count) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "a load option has no relationship");
        return;
    }
    path p = { .stmt = stmt };
    weir_load_path *loads = weir_tree_room(stmt, tree->loads, tree->load_count, sizeof *loads);
    const weir_expr **copies = loads ? weir_arena_take(&stmt->arena, (count + 1) * sizeof *copies) : NULL;
    if (!copies)
        weir_error_out_of_memory(&stmt->error);
    for (size_t i = 0; copies && i < count; i++)
        if (!(copies[i] = take_step(&p, steps[i])) || !check_joinable(&p, how))
            return;
    if (!copies)
        return;
    copies[count] = NULL;
    tree->loads = loads;
    tree->loads[tree->load_count++] = (weir_load_path){ .how = how, .steps = copies, .step_count = count, .contiguous = contiguous };
}

/* ---- options ---- */

void weir_load_option_(weir_stmt *stmt, weir_lazy how, const weir_expr *const *path_steps)
{
    if (!weir_tree_ready(stmt, "a load option", WEIR_REACH_ALL))
        return;
    if (how <= WEIR_LAZY_DEFAULT || how > WEIR_LAZY_NOLOAD)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "a load option has the unknown kind %d", (int)how);
    else
        add_path(stmt, how, path_steps, false);
}

void weir_joinedload_contiguous_(weir_stmt *stmt, const weir_expr *const *path_steps)
{
    if (weir_tree_ready(stmt, "weir_joinedload_contiguous", WEIR_REACH_ALL))
        add_path(stmt, WEIR_LAZY_JOINED, path_steps, true);
}

void weir_selectin_chunk(weir_stmt *stmt, int64_t keys)
{
    if (!weir_tree_ready(stmt, "weir_selectin_chunk", WEIR_REACH_ALL))
        return;
    if (keys < 1) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_selectin_chunk: %lld is not an appropriate input, please use a positive non-zero "
                       "integer.", (long long)keys);
        return;
    }
    for (size_t i = stmt->tree->load_count; i > 0; i--)
        if (stmt->tree->loads[i - 1].how == WEIR_LAZY_SELECTIN) {
            stmt->tree->loads[i - 1].chunk = keys;
            return;
        }
    weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_selectin_chunk: there is no weir_selectinload that it could belong to");
}

void weir_disable_eagerloads(weir_stmt *stmt)
{
    if (weir_tree_ready(stmt, "weir_disable_eagerloads", WEIR_REACH_ALL))
        stmt->tree->disable_eagerloads = true;
}
