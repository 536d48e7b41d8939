/* The work on the instances of one node of the plan, and on those that it reaches: level by level, so that the keys of a level
 * go together however many statements the level before took. Also the engine's hooks: a result's plan, its batches, its end. */
#include "orm/inside.h"
#include "orm/load.h"
#include <string.h>

/* ---- results of loaders ------------------------------------------------------------------------------------------------------ */

int weir_load_keep_result(weir_load_work *work, weir_result *result)
{
    if (work->holding)
        return weir_holding_adopt(work->holding, result) == WEIR_OK ? WEIR_OK : weir_error_out_of_memory(work->error);
    if (work->result_count == work->result_capacity) {
        size_t capacity = work->result_capacity ? 2 * work->result_capacity : 4;
        weir_result **results = weir_resize(work->arena->ledger, WEIR_MEMORY_HANDLES, work->results, capacity * sizeof *results);
        if (!results)
            return weir_error_out_of_memory(work->error);
        work->results = results;
        work->result_capacity = capacity;
    }
    work->results[work->result_count++] = result;
    return WEIR_OK;
}

void weir_load_work_end(weir_load_work *work)
{
    while (work->result_count > 0)
        weir_result_drop(&work->results[--work->result_count]);
    weir_free(work->results);
    work->results = NULL;
    work->result_capacity = 0;
}

/* ---- one node ------------------------------------------------------------------------------------------------------------------ */

static int load_immediately(weir_load_work *work, const weir_load_node *node, const weir_load_step *step, weir_instances instances)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < instances.count && status == WEIR_OK; i++)
        if (work->populate_existing || !weir_is_loaded(instances.items[i], step->relationship))
            status = weir_load_one(work, node, step, instances.items[i]);
    return status;
}

static int leave_empty(weir_load_work *work, const weir_mapped_relationship *relationship, weir_instances instances)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < instances.count && status == WEIR_OK; i++) {
        if (weir_is_loaded(instances.items[i], relationship))
            continue;
        if (relationship->pairs.to_many)
            status = weir_load_attach_many(work, instances.items[i], relationship, NULL, 0);
        else
            weir_attach_one(instances.items[i], relationship, NULL);
    }
    return status;
}

/* What weir_load will do: as the mapping says, or turned round by the statement. */
static void set_raising(const weir_load_step *step, weir_instances instances)
{
    uint64_t bit = UINT64_C(1) << step->relationship->bit;
    bool turned = (step->how == WEIR_LAZY_RAISE) != (step->relationship->member->lazy == WEIR_LAZY_RAISE);
    for (size_t i = 0; i < instances.count; i++) {
        weir_instance *instance = instances.items[i];
        uint64_t before = weir_overrides_of(instance), after = turned ? before | bit : before & ~bit;
        if (after == before)
            continue;
        weir_rest_of(instance)->overrides = after;
        instance->flags |= WEIR_INSTANCE_TURNED;
    }
}

static int do_step(weir_load_work *work, const weir_load_node *node, const weir_load_step *step, weir_instances instances)
{
    if (step->said)
        set_raising(step, instances);
    switch (step->how) {
    case WEIR_LAZY_SELECTIN: return weir_load_by_keys(work, node, step, instances, step->chunk);
    case WEIR_LAZY_SUBQUERY: return weir_load_by_keys(work, node, step, instances, weir_load_subquery_group(work));
    case WEIR_LAZY_IMMEDIATE: return load_immediately(work, node, step, instances);
    case WEIR_LAZY_NOLOAD: return leave_empty(work, step->relationship, instances);
    default: return WEIR_OK;
    }
}

static size_t reached_by(const weir_instance *instance, const weir_mapped_relationship *relationship, void *const **items)
{
    const char *place = (const char *)(instance + 1) + relationship->member->offset;
    if (!weir_is_loaded(instance, relationship))
        return 0;
    if (!relationship->pairs.to_many) {
        *items = (void *const *)(const void *)place;
        return **items ? 1 : 0;
    }
    const WEIR_MANY(void) *many = (const void *)place;
    *items = many->items;
    return many->count;
}

/* All instances that the relationship reaches, each once. */
static int collect_reached(weir_load_work *work, const weir_mapped_relationship *relationship, weir_instances from, weir_instances *out)
{
    void *const *items = NULL;
    size_t most = 0;
    for (size_t i = 0; i < from.count; i++)
        most += reached_by(from.items[i], relationship, &items);
    *out = (weir_instances){ weir_arena_take(work->arena, (most + 1) * sizeof(weir_instance *)), 0 };
    if (!out->items)
        return weir_error_out_of_memory(work->error);
    uint32_t visit = ++work->session->store->visit;
    for (size_t i = 0; i < from.count; i++) {
        size_t count = reached_by(from.items[i], relationship, &items);
        for (size_t k = 0; k < count; k++) {
            weir_instance *target = weir_instance_of(items[k]);
            if (target && weir_load_first_visit(target, visit))
                out->items[out->count++] = target;
        }
    }
    return WEIR_OK;
}

int weir_load_behind(weir_load_work *work, const weir_load_step *step, weir_instances instances)
{
    weir_instances reached;
    if (!step->target || !step->target->busy)
        return WEIR_OK;
    int status = collect_reached(work, step->relationship, instances, &reached);
    return status == WEIR_OK ? weir_load_node_run(work, step->target, reached) : status;
}

int weir_load_node_run(weir_load_work *work, const weir_load_node *node, weir_instances instances)
{
    int status = WEIR_OK;
    size_t count = node->mapper->relationship_count;
    if (!node->busy || instances.count == 0)
        return WEIR_OK;
    for (size_t i = 0; i < count && status == WEIR_OK; i++)
        status = do_step(work, node, &node->steps[i], instances);
    for (size_t i = 0; i < count && status == WEIR_OK; i++)
        status = weir_load_behind(work, &node->steps[i], instances);
    return status;
}

/* ---- a result's loads ------------------------------------------------------------------------------------------------------------ */

static int plan_items(weir_reading *reading, weir_loaders *loaders, weir_error *error)
{
    const weir_select_shape *shape = reading->shape;
    for (size_t i = 0; i < shape->item_count; i++) {
        if (shape->items[i].hidden) {
            loaders->joined = true;
            continue;
        }
        if ((reading->is_load && !reading->by_key) || shape->items[i].kind != WEIR_ITEM_ENTITY)
            continue;
        weir_mapper *mapper = weir_store_mapper(reading->store, shape->items[i].entity, error);
        if (!mapper)
            return error->status;
        const weir_load_root root = { shape->loads, shape->load_count, shape->items[i].source, !shape->disable_eagerloads, shape->unjoined };
        loaders->nodes[i] = weir_load_plan_node(&loaders->plan, mapper, &root, error);
        if (!loaders->nodes[i])
            return error->status;
        reading->loads = reading->loads || loaders->nodes[i]->busy;
        if (reading->result->strict_loading && reading->result->yield_per && weir_load_subquery_refuse(loaders->nodes[i], error) != WEIR_OK)
            return error->status;
    }
    for (size_t i = 0; i < shape->load_count && !shape->disable_eagerloads; i++)
        loaders->contiguous = loaders->contiguous || shape->loads[i].contiguous;
    return loaders->contiguous ? weir_load_contiguous_check(shape, error) : WEIR_OK;
}

int weir_loaders_plan(weir_reading *reading, weir_error *error)
{
    weir_ledger *ledger = &reading->result->ledger;
    weir_loaders *loaders = weir_alloc_zero(ledger, WEIR_MEMORY_HANDLES, sizeof *loaders);
    if (!loaders)
        return weir_error_out_of_memory(error);
    reading->loaders = loaders;
    weir_arena_init(&loaders->plan, ledger, WEIR_MEMORY_HANDLES, 1024);
    weir_arena_init(&loaders->work, ledger, WEIR_MEMORY_BATCH, 4096);
    weir_arena_init(&loaders->carry.values, ledger, WEIR_MEMORY_BATCH, 1024);
    size_t size = (reading->shape->item_count + 1) * sizeof *loaders->nodes;
    loaders->nodes = weir_arena_take(&loaders->plan, size);
    if (!loaders->nodes)
        return weir_error_out_of_memory(error);
    memset(loaders->nodes, 0, size);
    return plan_items(reading, loaders, error);
}

static int collect_all(weir_reading *reading, weir_load_work *work, weir_instances *out)
{
    const weir_holding *holding = work->holding;
    *out = (weir_instances){ weir_arena_take(work->arena, (holding->count + 1) * sizeof(weir_instance *)), 0 };
    if (!out->items)
        return weir_error_out_of_memory(work->error);
    uint32_t visit = ++reading->store->visit;
    for (size_t i = 0; i < holding->count; i++)
        if (weir_load_first_visit(holding->items[i], visit))
            out->items[out->count++] = holding->items[i];
    return WEIR_OK;
}

static int collect_item(weir_reading *reading, weir_load_work *work, size_t item, weir_instances *out)
{
    size_t most = 0;
    for (const weir_chunk *chunk = work->holding->batch->chunks; chunk; chunk = chunk->next)
        most += chunk->count;
    if (most > work->to - work->from)
        most = work->to - work->from;
    *out = (weir_instances){ weir_arena_take(work->arena, (most + 1) * sizeof(weir_instance *)), 0 };
    if (!out->items)
        return weir_error_out_of_memory(work->error);
    uint32_t visit = ++reading->store->visit;
    weir_walk walk = weir_walk_from(work->holding->batch, work->from, work->to);
    for (const weir_row *row; (row = weir_walk_next(&walk)) != NULL;) {
        weir_instance *instance = weir_row_instance(row, &reading->plans[item]);
        if (instance && weir_load_first_visit(instance, visit))
            out->items[out->count++] = instance;
    }
    return WEIR_OK;
}

static int run_items(weir_reading *reading, const weir_loaders *loaders, weir_load_work *work)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < reading->shape->item_count && status == WEIR_OK; i++) {
        weir_instances instances;
        if (!loaders->nodes[i] || !loaders->nodes[i]->busy)
            continue;
        status = reading->intake && weir_intake_is_bare(reading->intake) ? collect_all(reading, work, &instances) : collect_item(reading, work, i, &instances);
        if (status == WEIR_OK)
            status = weir_load_node_run(work, loaders->nodes[i], instances);
    }
    return status;
}

int weir_loaders_came(weir_reading *reading, weir_holding *holding, size_t from, size_t to, weir_error *error)
{
    weir_loaders *loaders = reading->loaders;
    int status = WEIR_OK;
    if (!loaders || (!loaders->joined && !reading->loads))
        return WEIR_OK;
    weir_load_work work = { .session = reading->store->session, .holding = holding, .from = from, .to = to, .paths = reading->shape->loads,
                            .path_count = reading->shape->load_count, .populate_existing = reading->populate_existing,
                            .whole = reading->result->yield_per == 0, .arena = &loaders->work, .error = error };
    if (loaders->joined)
        status = weir_load_joined(reading, &work, !loaders->contiguous);
    if (status == WEIR_OK && loaders->contiguous)
        status = weir_load_contiguous(reading, &work, &loaders->carry);
    if (status == WEIR_OK && reading->loads)
        status = run_items(reading, loaders, &work);
    weir_load_work_end(&work);
    weir_arena_reset(&loaders->work, 1024 * 1024);
    return status;
}

void weir_loaders_closed(weir_reading *reading)
{
    weir_loaders *loaders = reading->loaders;
    if (!loaders)
        return;
    reading->loaders = NULL;
    weir_load_carry_drop(&loaders->carry);
    weir_arena_free(&loaders->carry.values);
    weir_arena_free(&loaders->work);
    weir_arena_free(&loaders->plan);
    weir_free(loaders);
}
