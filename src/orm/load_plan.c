/* The plan of a select's loads: how each relationship on each path is loaded, by the statement's options over the mapping's defaults. */
#include "orm/load.h"
#include <string.h>

typedef struct planner {
    weir_arena           *arena;
    const weir_load_root *root;
    weir_error           *error;
} planner;

static bool step_is(const weir_expr *step, const weir_entity *entity, const weir_member *member)
{
    return step->entity == entity && step->offset == member->offset;
}

/* Copies of one source are the same source. */
static const void *source_of(const weir_expr *step) { return step->source ? step->source->identity : NULL; }

bool weir_load_path_fits(const weir_load_path *path, const weir_load_node *node, const weir_mapped_relationship *relationship)
{
    if (path->step_count <= node->depth || !step_is(path->steps[node->depth], node->mapper->entity, relationship->member))
        return false;
    for (; node->parent; node = node->parent)
        if (!step_is(path->steps[node->depth - 1], node->parent->mapper->entity, node->from->member))
            return false;
    return source_of(path->steps[0]) == node->source;
}

/* The last option of the statement for the relationship; its chunk size is that of the last one that ends with it. */
static void read_options(const planner *plan, const weir_load_node *node, weir_load_step *step)
{
    step->how = step->relationship->member->lazy;
    for (size_t i = 0; i < plan->root->path_count; i++) {
        const weir_load_path *path = &plan->root->paths[i];
        if (!weir_load_path_fits(path, node, step->relationship))
            continue;
        bool ends_here = path->step_count == node->depth + 1;
        step->how = path->how;
        step->said = true;
        step->contiguous = path->contiguous;
        if (ends_here)
            step->chunk = path->chunk;
    }
    if (step->how == WEIR_LAZY_JOINED && plan->root->unjoined && !node->parent)
        step->how = WEIR_LAZY_SELECTIN;         /* by the mapping alone: options are refused when they are given */
    if (step->how == WEIR_LAZY_DEFAULT || (!plan->root->eager && weir_lazy_is_eager(step->how)))
        step->how = WEIR_LAZY_SELECT;
    if (step->chunk < 1)
        step->chunk = WEIR_LOAD_GROUP;
}

static bool is_on_path(const weir_load_node *node, const weir_entity *entity)
{
    for (; node; node = node->parent)
        if (node->mapper->entity == entity)
            return true;
    return false;
}

static weir_load_node *new_node(const planner *plan, weir_mapper *mapper, const weir_load_node *parent, const weir_mapped_relationship *from)
{
    weir_load_node *node = weir_arena_take(plan->arena, sizeof *node);
    size_t size = (mapper->relationship_count + 1) * sizeof(weir_load_step);
    weir_load_step *steps = weir_arena_take(plan->arena, size);
    if (!node || !steps) {
        weir_error_out_of_memory(plan->error);
        return NULL;
    }
    memset(steps, 0, size);
    *node = (weir_load_node){ .mapper = mapper, .parent = parent, .from = from, .depth = parent ? parent->depth + 1 : 0, .steps = steps };
    return node;
}

static int fill_node(const planner *plan, weir_load_node *node);

/* A mapping whose defaults lead in a circle is followed until it meets an entity that is on its path already. */
static int plan_step(const planner *plan, weir_load_node *node, weir_load_step *step)
{
    weir_mapped_relationship *relationship = step->relationship;
    read_options(plan, node, step);
    if (!step->said && weir_lazy_is_eager(step->how) && is_on_path(node, relationship->pairs.target))
        step->how = WEIR_LAZY_SELECT;
    bool overrides = step->said && (step->how == WEIR_LAZY_RAISE) != (relationship->member->lazy == WEIR_LAZY_RAISE);
    bool eager = weir_lazy_is_eager(step->how);
    if (step->how == WEIR_LAZY_NOLOAD || overrides || (eager && step->how != WEIR_LAZY_JOINED))
        node->busy = true;
    if (!eager)
        return WEIR_OK;
    weir_mapper *target = weir_mapper_target(relationship, node->mapper, plan->error);
    if (!target)
        return plan->error->status;
    step->target = new_node(plan, target, node, relationship);
    if (!step->target)
        return plan->error->status;
    int status = fill_node(plan, step->target);
    if (status == WEIR_OK && step->target->busy)
        node->busy = true;
    return status;
}

static int fill_node(const planner *plan, weir_load_node *node)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < node->mapper->relationship_count && status == WEIR_OK; i++) {
        node->steps[i].relationship = &node->mapper->relationships[i];
        status = plan_step(plan, node, &node->steps[i]);
    }
    return status;
}

weir_load_node *weir_load_plan_node(weir_arena *arena, weir_mapper *mapper, const weir_load_root *root, weir_error *error)
{
    planner plan = { arena, root, error };
    weir_load_node *node = new_node(&plan, mapper, NULL, NULL);
    if (!node)
        return NULL;
    node->source = root->source;
    return fill_node(&plan, node) == WEIR_OK ? node : NULL;
}
