/* Batches in parts (RULES B2): where a budget has no room for what is made of a batch's rows, or loaded for them, a part of the rows
 * is made ready, and the others when the program has read those. What the rows' values take stays until the batch ends. */
#include "orm/parts.h"
#include <string.h>
#include "orm/load.h"

enum { TABLE_BYTES = 4096, RESULT_BYTES = 16 * 1024 };     /* of a fresh identity map and lists; of a loader's result */

static bool refused(const weir_reading *reading, int status)
{
    const weir_budget *budget = reading->result->budget;
    return budget && budget->refused && (status == WEIR_OUT_OF_MEMORY || status == WEIR_BUDGET_EXCEEDED);
}

/* ---- what is needed at least --------------------------------------------------------------------------------------------------- */

static int64_t least_of_targets(const weir_load_node *node)
{
    int64_t bytes = 0;
    for (size_t i = 0; node && i < node->mapper->relationship_count; i++)
        if (node->steps[i].target)
            bytes += (int64_t)weir_slab_chunk_bytes(node->steps[i].target->mapper) + TABLE_BYTES + RESULT_BYTES +
                     least_of_targets(node->steps[i].target);
    return bytes;
}

int64_t weir_parts_least(weir_reading *reading, weir_result *result)
{
    const weir_loaders *loaders = reading->loaders;
    int64_t bytes = 0, made = 0;
    for (size_t i = 0; i < reading->entity_count; i++) {
        weir_mapper *mapper = reading->entities[i]->mapper;
        bytes += (int64_t)weir_slab_chunk_bytes(mapper) + TABLE_BYTES;
        made += (int64_t)(sizeof(weir_instance) + sizeof(weir_rest) + mapper->entity->size + sizeof(void *) + 4 * sizeof(weir_identity_entry));
    }
    for (size_t i = 0; loaders && i < reading->shape->item_count; i++)
        bytes += least_of_targets(loaders->nodes[i]);
    result->bounds.made_of_row = made;
    return bytes;
}

void weir_parts_shed(weir_reading *reading)
{
    if (reading->intake)
        weir_intake_pause(reading->intake);
    for (weir_mapper *mapper = reading->store->mappers; mapper; mapper = mapper->next) {
        weir_slab_trim(&mapper->slab, true);
        weir_identity_trim(mapper, true);
    }
    weir_holding_drop_spare(reading);
    if (reading->intake)
        weir_intake_resume(reading->intake);
}

/* ---- rows by number --------------------------------------------------------------------------------------------------------------- */

static size_t items_of(const weir_reading *reading, const weir_holding *holding, size_t from, size_t to)
{
    size_t items = 0;
    weir_walk walk = weir_walk_from(holding->batch, from, to);
    for (const weir_row *row; (row = weir_walk_next(&walk)) != NULL;)
        for (size_t i = 0; i < reading->entity_count; i++)
            items += weir_row_instance(row, reading->entities[i]) != NULL;
    return items;
}

/* ---- loading, and taking it back -------------------------------------------------------------------------------------------------- */

typedef struct saved { weir_instance *instance; uint64_t loaded; } saved;

static saved *save_loaded(const weir_holding *holding)
{
    weir_store *store = holding->reading->store;
    saved *all = weir_alloc(&store->core->ledger, WEIR_MEMORY_BATCH, (holding->count + 1) * sizeof *all);
    for (size_t i = 0; all && i < holding->count; i++)
        all[i] = (saved){ holding->items[i], holding->items[i]->loaded };
    return all;
}

static void unload(weir_holding *holding, const saved *all, size_t count, size_t loads)
{
    weir_store *store = holding->reading->store;
    for (size_t i = 0; i < count; i++) {
        all[i].instance->loaded = all[i].loaded;
        store->loosened++;
    }
    store->busy--;                      /* all that lives is held: those that were loaded go now, to make room */
    weir_holding_drop_loads(holding, loads);
    store->busy++;
}

static int tell(const weir_reading *reading, const weir_holding *holding, size_t first_item, weir_error *error)
{
    const weir_result *result = reading->result;
    char relationship[160], name[160];
    bool named = error->status == WEIR_BUDGET_EXCEEDED && error->column[0];
    weir_error_text(relationship, sizeof relationship, named ? error->column : "a relationship", named ? strlen(error->column) : 14);
    weir_instance_name(holding->items[first_item], name, sizeof name);
    weir_error_set(error, WEIR_BUDGET_EXCEEDED, "%s of %s does not fit the memory budget of %lld bytes", relationship, name,
                   (long long)result->bounds.memory);
    return error->status;
}

/* Loads for as many of the rows that are made as there is room for. */
static int load_part(weir_reading *reading, weir_holding *holding, weir_error *error)
{
    weir_result *result = reading->result;
    weir_loaders *loaders = reading->loaders;
    bool whole = !result->bounds.memory || (loaders && loaders->contiguous) || !reading->loads;
    saved *all = whole ? NULL : save_loaded(holding);
    size_t items = holding->count, loads = holding->load_count, before = holding->part_end;
    int status;
    holding->part_end = holding->made;
    for (;;) {
        status = weir_loaders_came(reading, holding, before, whole ? SIZE_MAX : holding->part_end, error);     /* whole: one more may be carried in */
        if (status == WEIR_OK || !refused(reading, status) || !all)
            break;
        size_t rows = holding->part_end - before;
        unload(holding, all, items, loads);
        if (rows <= 1) {
            status = tell(reading, holding, items_of(reading, holding, 0, before) - holding->items_gone, error);
            break;
        }
        holding->part_end = before + rows / 2;
        result->budget->refused = false;
        if (reading->intake && !weir_intake_make_rows(reading->intake)) {       /* parts are made of rows */
            status = weir_error_out_of_memory(error);
            break;
        }
        weir_bounds_note_split(result, (int64_t)rows / 2);
    }
    weir_free(all);
    return status;
}

/* ---- parts ------------------------------------------------------------------------------------------------------------------------- */

static int make_more(weir_reading *reading, weir_holding *holding, weir_error *error)
{
    const weir_loaders *loaders = reading->loaders;
    size_t before = holding->made;
    int status = weir_hydrate(reading, holding, &holding->made, error);
    bool whole = !reading->result->bounds.memory || (loaders && loaders->contiguous);   /* those take a batch's rows together */
    if (status == WEIR_OK || holding->made == before || whole || !refused(reading, status))
        return status;
    reading->result->budget->refused = false;
    reading->result->bounds.ended_early++;
    return WEIR_OK;
}

static int make_part(weir_reading *reading, weir_batch *batch, weir_error *error)
{
    weir_holding *holding = batch->attached;
    const weir_loaders *loaders = reading->loaders;
    int status = reading->intake || holding->made > holding->part_end ? WEIR_OK : make_more(reading, holding, error);
    if (status == WEIR_OK)
        status = load_part(reading, holding, error);
    if (status == WEIR_OK)
        batch->ready = holding->part_end < batch->sink.count ? holding->part_end : SIZE_MAX;
    else if (loaders && loaders->contiguous && loaders->carry.parent && refused(reading, status))
        weir_load_name_carried(reading, error);
    return status;
}

int weir_parts_first(weir_reading *reading, weir_batch *batch, weir_error *error)
{
    weir_holding *holding = batch->attached;
    holding->made = reading->intake ? weir_intake_count(reading->intake) : 0;
    return make_part(reading, batch, error);
}

int weir_parts_next(weir_reading *reading, weir_batch *batch, weir_error *error)
{
    weir_holding *holding = batch->attached;
    if (!batch->kept) {                 /* else the list that is being filled has some of them */
        size_t gone = items_of(reading, holding, 0, holding->part_end) - holding->items_gone;
        holding->items_gone += gone;
        weir_holding_end_part(holding, gone);
    }
    return make_part(reading, batch, error);
}

/* ---- what is not the stream's ---------------------------------------------------------------------------------------------------- */

/* Instances that live between two batches are held by others: the program, another stream. Not so those of a collection that is
 * gathered from batch to batch. */
void weir_parts_leave_out(weir_reading *reading)
{
    const weir_loaders *loaders = reading->loaders;
    const weir_store *store = reading->store;
    weir_budget *budget = reading->result->budget;
    budget->gathers = loaders && loaders->contiguous;
    if (budget->gathers)
        return;
    int64_t most = (int64_t)atomic_load_explicit(&store->ledger.bytes, memory_order_relaxed) -
                   (int64_t)atomic_load_explicit(&store->own.bytes, memory_order_relaxed);
    for (const weir_mapper *mapper = store->mappers; mapper; mapper = mapper->next)
        most -= (int64_t)(mapper->map.count * (mapper->slab.slot_size + 4 * sizeof(weir_identity_entry)));
    weir_budget_bound_shared(budget, most);
}
