/* Batches as holders: what each delivered, the results of its loaders, and the values that outlive its rows. */
#include "orm/inside.h"
#include <string.h>

/* Fewer than FEW survivors are cheaper in blocks of their own than with the result that brought them. */
enum { FIRST_ITEMS = 64, SETTLE_SHARE = 4, FEW = 32 };

weir_holding *weir_holding_new(weir_reading *reading, weir_batch *batch)
{
    weir_holding *holding = reading->spare;
    if (!holding)
        holding = weir_alloc_zero(&reading->store->ledger, WEIR_MEMORY_BATCH, sizeof *holding);
    if (!holding)
        return NULL;
    reading->spare = NULL;
    holding->reading = reading;
    holding->batch = batch;
    return holding;
}

static int make_room(weir_ledger *ledger, void **list, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return WEIR_OK;
    size_t grown = *capacity ? *capacity * 2 : FIRST_ITEMS;
    void *bigger = weir_resize(ledger, WEIR_MEMORY_BATCH, *list, grown * sizeof(void *));
    if (!bigger)
        return WEIR_OUT_OF_MEMORY;
    *list = bigger;
    *capacity = grown;
    return WEIR_OK;
}

bool weir_holding_grow(weir_holding *holding)
{
    void *items = holding->items;
    if (make_room(&holding->reading->store->ledger, &items, holding->count, &holding->capacity) != WEIR_OK)
        return false;
    holding->items = items;
    return true;
}

int weir_holding_add(weir_holding *holding, weir_instance *instance)
{
    if (!weir_holding_room(holding))
        return WEIR_OUT_OF_MEMORY;
    holding->items[holding->count++] = instance;
    instance->holds++;
    return WEIR_OK;
}

int weir_holding_adopt(weir_holding *holding, weir_result *result)
{
    void *loads = holding->loads;
    if (make_room(&holding->reading->store->ledger, &loads, holding->load_count, &holding->load_capacity) != WEIR_OK)
        return WEIR_OUT_OF_MEMORY;
    holding->loads = loads;
    holding->loads[holding->load_count++] = result;
    return WEIR_OK;
}

/* ---- values that outlive the rows --------------------------------------------------------------------------------------------------- */

void weir_holding_take(weir_instance *instance, weir_holding *holding)
{
    if (instance->home == holding)
        return;
    weir_holding_leave(instance);
    instance->home = holding;
    holding->users++;
}

static void free_holding(weir_holding *holding)
{
    weir_free(holding->items);
    weir_free(holding->loads);
    weir_free(holding);
}

/* The lists of one batch are as long as those of the next. */
static void put_aside(weir_holding *holding)
{
    weir_reading *reading = holding->reading;
    if (reading->spare) {
        free_holding(holding);
        return;
    }
    holding->count = 0;
    holding->made = holding->part_end = holding->items_gone = 0;
    holding->let_go = false;
    reading->spare = holding;
}

void weir_holding_drop_spare(weir_reading *reading)
{
    if (reading->spare)
        free_holding(reading->spare);
    reading->spare = NULL;
}

void weir_holding_leave(weir_instance *instance)
{
    weir_holding *holding = instance->home;
    if (!holding)
        return;
    instance->home = NULL;
    if (--holding->users || !holding->ended)
        return;
    weir_batch_free(holding->batch);
    weir_result_unreference(holding->result);
    free_holding(holding);
}

/* ---- the end of a batch ---------------------------------------------------------------------------------------------------------------- */

static void close_loads(weir_holding *holding, size_t from)
{
    for (size_t i = from; i < holding->load_count; i++)
        weir_result_drop(&holding->loads[i]);    /* what went wrong was told when it was read */
    holding->load_count = from;
}

/* Nobody but this batch ever held it, except for relationships. */
static inline bool is_ours(const weir_instance *instance, const weir_mapper *mapper, const weir_holding *holding)
{
    return (instance->flags & ~(uint32_t)(WEIR_INSTANCE_TARGET | WEIR_INSTANCE_TURNED)) == WEIR_PERSISTENT && instance->holds == 1 &&
           (instance->home == holding || !instance->home) && weir_mapper_of(instance) == mapper;
}

/* What nearly all of a stream is: it holds nothing, either. */
static inline bool is_ours_alone(const weir_instance *instance, const weir_mapper *mapper, const weir_holding *holding)
{
    return is_ours(instance, mapper, holding) && instance->flags == WEIR_PERSISTENT && !(instance->loaded >> WEIR_REACHES);
}

/* ---- a batch that is all there is ------------------------------------------------------------------------------------------------------
 * Where all that lives was brought by one batch and its loaders, and nothing else holds any of it, all goes, whoever points to whom. */

static weir_holding *load_of(const weir_holding *holding, size_t i)
{
    const weir_batch *batch = holding->loads[i]->batch;
    return batch ? batch->attached : NULL;
}

static size_t count_with_loads(const weir_holding *holding)
{
    size_t count = holding->let_go ? 0 : holding->count;
    for (size_t i = 0; i < holding->load_count; i++)
        if (load_of(holding, i))
            count += count_with_loads(load_of(holding, i));
    return count;
}

static bool is_ours_with_loads(const weir_holding *holding)
{
    const weir_mapper *mapper = holding->count ? weir_mapper_of(holding->items[0]) : NULL;
    for (size_t i = 0; i < holding->count; i++)
        if (!is_ours(holding->items[i], mapper, holding))
            return false;
    for (size_t i = 0; i < holding->load_count; i++)
        if (load_of(holding, i) && !is_ours_with_loads(load_of(holding, i)))
            return false;
    return true;
}

/* The last first, as slots are given back, so that they are taken again in order. */
static void give_with_loads(weir_holding *holding)
{
    for (size_t i = holding->load_count; i-- > 0;)
        if (load_of(holding, i))
            give_with_loads(load_of(holding, i));
    if (holding->count)
        weir_slab_give_all(holding->items, holding->count);
    holding->let_go = true;
    holding->delivered = holding->count;
    holding->count = holding->users = 0;
}

/* False: something else lives, or holds. Each that is ours is held once, so that as many items as live are all of them. */
static bool drop_all_there_is(weir_holding *holding)
{
    weir_store *store = holding->reading->store;
    if (!holding->load_count || store->poison || store->seen.on || count_with_loads(holding) != store->live || !is_ours_with_loads(holding))
        return false;
    for (weir_mapper *mapper = store->mappers; mapper; mapper = mapper->next)
        weir_identity_empty(mapper);
    give_with_loads(holding);
    return true;
}

/* Those go in one pass, the last first, so that slots are taken again in order. What has to be looked at one by one stays in the list. */
static void drop_those_alone(weir_holding *holding)
{
    weir_instance **items = holding->items;
    size_t alone = holding->count, users = 0;
    if (!alone || holding->reading->store->seen.on)
        return;
    weir_mapper *mapper = weir_mapper_of(items[0]);
    weir_slab_giving giving = { NULL, 0 };
    for (size_t i = alone; i-- > 0;) {
        weir_instance *instance = items[i];
        if (is_ours_alone(instance, mapper, holding)) {
            users += instance->home == holding;
            weir_slab_give_next(&giving, instance);
        } else {
            items[i] = items[--alone];
            items[alone] = instance;
        }
    }
    weir_slab_given(giving.chunk, giving.count);
    weir_identity_remove_all(mapper, items, alone);     /* their keys can still be read */
    holding->users -= users;
    holding->count -= alone;
    memmove(items, items + alone, holding->count * sizeof *items);
}

/* Lets go of all; what may live on stays in the list. The last comes first, so that keys that follow each other leave the identity
 * map with no entry behind them to be moved, and their slots are taken again in order. */
static void let_go_of_all(weir_holding *holding)
{
    size_t kept = holding->count;
    for (size_t i = holding->count; i-- > 0;) {
        weir_instance *instance = holding->items[i];
        instance->holds--;
        weir_instance_let_go(instance);
        if (weir_instance_state(instance))
            holding->items[--kept] = instance;
    }
    holding->count -= kept;
    if (holding->count)
        memmove(holding->items, holding->items + kept, holding->count * sizeof *holding->items);
}

/* What loaders brought goes with what it was loaded for: only then can be told which of it lives on. */
static void let_go_with_loads(weir_holding *holding)
{
    if (holding->let_go)
        return;
    holding->let_go = true;
    holding->delivered = holding->count;
    drop_those_alone(holding);
    let_go_of_all(holding);
    for (size_t i = 0; i < holding->load_count; i++)
        if (load_of(holding, i))
            let_go_with_loads(load_of(holding, i));
}

/* The rest of the batch is kept for values that are many, or that nothing can be allocated for. */
static void keep_batch(weir_holding *holding)
{
    weir_batch *batch = holding->batch;
    holding->ended = true;
    holding->result = holding->reading->result;
    weir_result_reference(holding->result);
    weir_batch_drop_rows(batch);
    batch->attached = NULL;
    weir_free(holding->items);
    holding->items = NULL;
    holding->count = 0;
}

static bool is_sparse(const weir_holding *holding)
{
    return holding->users < FEW || holding->users < holding->delivered / SETTLE_SHARE;
}

bool weir_holding_is_sparse(const weir_holding *holding) { return holding->ended && is_sparse(holding); }

static void settle_survivors(weir_holding *holding)
{
    size_t delivered = holding->users;
    for (size_t i = 0; i < holding->count && holding->users && delivered; i++) {
        weir_instance *instance = holding->items[i];
        if (weir_instance_state(instance) && instance->home == holding && weir_instance_settle(instance) != WEIR_OK)
            return;
    }
}

void weir_holding_drop_loads(weir_holding *holding, size_t from)
{
    weir_store *store = holding->reading->store;
    store->busy++;
    for (size_t i = from; i < holding->load_count; i++)
        if (load_of(holding, i))
            let_go_with_loads(load_of(holding, i));
    store->busy--;
    weir_store_look_only(store);
    store->busy++;
    close_loads(holding, from);
    store->busy--;
}

/* As the end of a batch whose values stay where they are: of the others. */
void weir_holding_end_part(weir_holding *holding, size_t count)
{
    weir_store *store = holding->reading->store;
    store->busy++;
    for (size_t i = count; i-- > 0;) {
        holding->items[i]->holds--;
        weir_instance_let_go(holding->items[i]);
    }
    store->busy--;
    weir_holding_drop_loads(holding, 0);
    for (size_t i = 0; i < count; i++) {
        weir_instance *instance = holding->items[i];
        if (weir_instance_state(instance) && instance->home == holding && weir_instance_settle(instance) != WEIR_OK)
            break;                      /* the batch is kept for it, then */
    }
    holding->count -= count;
    memmove(holding->items, holding->items + count, holding->count * sizeof *holding->items);
}

bool weir_holding_end(weir_holding *holding)
{
    weir_store *store = holding->reading->store;
    store->busy++;
    if (!drop_all_there_is(holding))
        let_go_with_loads(holding);
    store->busy--;
    weir_store_look_only(store);
    store->busy++;                      /* lists name dead slots until the last of these batches has ended */
    close_loads(holding, 0);
    if (holding->users && (holding->reading->streaming || is_sparse(holding)))
        settle_survivors(holding);
    store->busy--;
    bool kept = holding->users > 0;
    if (kept)
        keep_batch(holding);
    else
        put_aside(holding);
    weir_store_look(store, false);
    return kept;
}
