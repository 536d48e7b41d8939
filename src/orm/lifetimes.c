/* Lifetimes: who still holds an instance, and what happens to those that nobody holds. Relationships hold too, in cycles even, so
 * what only they hold is found by a walk from all that is held otherwise. */
#include "orm/inside.h"
#include <string.h>

enum { LOOK_ALWAYS = 4096, SHARE = 4, DROPS_AHEAD = 8 };

/* ---- dropping --------------------------------------------------------------------------------------------------------------------- */

static void drop(weir_instance *instance)
{
    weir_mapper *mapper = weir_mapper_of(instance);
    weir_recall_check(instance);
    weir_recall_forget(instance);
    if (weir_instance_state(instance) == WEIR_PERSISTENT)
        weir_identity_remove(mapper, instance);
    if (instance->flags & (WEIR_INSTANCE_OWNS | WEIR_INSTANCE_SIDED))
        weir_instance_drop_values(instance);
    else if (instance->home)
        weir_holding_leave(instance);
    if (instance->loaded >> WEIR_REACHES)
        mapper->store->loosened++;
    weir_slab_give(instance);
}

void weir_instance_let_go(weir_instance *instance)
{
    if (weir_instance_held(instance))
        return;
    if (!(instance->flags & (WEIR_INSTANCE_TARGET | WEIR_INSTANCE_LINGERS))) {
        drop(instance);
        return;
    }
    weir_store *store = weir_mapper_of(instance)->store;
    store->loosened++;
    if (instance->flags & WEIR_INSTANCE_LINGERS)
        return;
    instance->flags |= WEIR_INSTANCE_LINGERS;
    weir_rest_of(instance)->link = store->lingering;
    store->lingering = instance;
    store->lingering_count++;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------------------------ */

static void forget_visit(weir_instance *instance, void *context)
{
    (void)context;
    instance->visit = 0;
}

uint32_t weir_store_next_visit(weir_store *store)
{
    if (++store->visit == 0) {
        weir_store_each(store, forget_visit, NULL);
        store->visit = 1;
    }
    return store->visit;
}

static void visit(weir_store *store, weir_instance *instance, weir_instance **work)
{
    if (instance->visit == store->visit)
        return;
    instance->visit = store->visit;
    if (!(instance->loaded >> WEIR_REACHES))
        return;
    weir_rest_of(instance)->mark_link = *work;
    *work = instance;
}

static void follow(weir_store *store, weir_instance *instance, weir_instance **work)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        const weir_mapped_relationship *relationship = &mapper->relationships[i];
        if (!(instance->loaded >> (relationship->bit + WEIR_REACHES) & 1))
            continue;
        const char *at = (const char *)(instance + 1) + relationship->member->offset;
        void **items = (void **)(uintptr_t)at;
        size_t count = 1;
        if (relationship->pairs.to_many) {
            memcpy(&items, at, sizeof items);
            memcpy(&count, at + sizeof items, sizeof count);
        }
        for (size_t k = 0; k < count; k++)
            if (items[k])
                visit(store, (weir_instance *)items[k] - 1, work);
    }
}

static void walk(weir_store *store)
{
    weir_instance *work = NULL;
    weir_store_next_visit(store);
    for (weir_mapper *mapper = store->mappers; mapper; mapper = mapper->next) {
        if (!mapper->relationship_count)
            continue;
        for (weir_slab_chunk *chunk = mapper->slab.chunks; chunk; chunk = chunk->next) {
            if (!chunk->used)
                continue;
            for (size_t i = 0; i < chunk->fresh; i++) {
                weir_instance *instance = (weir_instance *)(void *)(chunk->slots + i * mapper->slab.slot_size);
                if (weir_instance_state(instance) && (instance->loaded >> WEIR_REACHES) && weir_instance_held(instance))
                    visit(store, instance, &work);
            }
        }
    }
    while (work) {
        weir_instance *instance = work;
        work = weir_rest_of(instance)->mark_link;
        follow(store, instance, &work);
    }
}

static void drop_all(weir_instance *dead)
{
    weir_instance *soon = dead;
    for (int i = 0; i < DROPS_AHEAD && soon; i++)
        soon = weir_rest_of(soon)->link;
    while (dead) {
        weir_instance *instance = dead;
        dead = weir_rest_of(instance)->link;
        if (soon) {
            weir_identity_expect(&weir_mapper_of(soon)->map, soon->key);
            soon = weir_rest_of(soon)->link;
        }
        drop(instance);
    }
}

static void sort_out(weir_store *store)
{
    weir_instance *list = store->lingering, *dead = NULL;
    store->lingering = NULL;
    store->lingering_count = 0;
    while (list) {
        weir_instance *instance = list;
        list = weir_rest_of(instance)->link;
        if (weir_instance_held(instance)) {
            instance->flags &= ~(uint32_t)WEIR_INSTANCE_LINGERS;
        } else if (instance->visit == store->visit) {
            weir_rest_of(instance)->link = store->lingering;
            store->lingering = instance;
            store->lingering_count++;
        } else {
            weir_rest_of(instance)->link = dead;
            dead = instance;
        }
    }
    drop_all(dead);
}

/* A batch that ended whole, and of which few are left, goes too: those get blocks of their own. Without memory it stays. */
static void settle_straggler(weir_instance *instance, void *context)
{
    (void)context;
    if (instance->home && weir_holding_is_sparse(instance->home))
        (void)weir_instance_settle(instance);
}

static void free_store(weir_store *store)
{
    weir_engine_core *core = store->core;
    for (weir_mapper *mapper = store->mappers; mapper; mapper = mapper->next) {
        weir_slab_free(&mapper->slab);
        weir_free(mapper->map.entries);
    }
    weir_recall_free(store);
    weir_arena_free(&store->arena);
    weir_free(store);
    weir_engine_core_release(core);
}

/* A walk costs as much as all that lives: with much alive it is made when enough may have died to pay for it. */
static bool is_worth_it(const weir_store *store, bool thorough)
{
    size_t fresh = store->lingering_count - store->lingering_kept + store->loosened;
    if (!store->lingering_count)
        return false;
    return thorough || (fresh && (store->live <= LOOK_ALWAYS || fresh >= store->live / SHARE));
}

static void look(weir_store *store, bool thorough)
{
    if (!is_worth_it(store, thorough))
        return;
    walk(store);
    sort_out(store);
    store->lingering_kept = store->lingering_count;
    store->loosened = 0;
}

void weir_store_look_only(weir_store *store)
{
    if (!store->busy)
        look(store, false);
}

void weir_store_look(weir_store *store, bool thorough)
{
    if (store->busy)
        return;
    look(store, thorough);
    if (thorough)
        weir_store_each(store, settle_straggler, NULL);
    if (!store->session && !store->live && !store->readings) {
        free_store(store);
        return;
    }
    bool all = thorough && !store->readings;    /* a stream will want it for its next batch */
    for (weir_mapper *mapper = store->mappers; mapper; mapper = mapper->next) {
        weir_slab_trim(&mapper->slab, all);
        weir_identity_trim(mapper, all);
    }
}

/* ---- all that lives -------------------------------------------------------------------------------------------------------------------- */

/* Slots may be given back meanwhile, chunks not: the store is busy. */
void weir_store_each(weir_store *store, void (*act)(weir_instance *instance, void *context), void *context)
{
    store->busy++;
    for (weir_mapper *mapper = store->mappers; mapper; mapper = mapper->next)
        for (weir_slab_chunk *chunk = mapper->slab.chunks; chunk; chunk = chunk->next)
            for (size_t i = 0; i < chunk->fresh && chunk->used; i++) {
                weir_instance *instance = (weir_instance *)(void *)(chunk->slots + i * mapper->slab.slot_size);
                if (weir_instance_state(instance))
                    act(instance, context);
            }
    store->busy--;
}
