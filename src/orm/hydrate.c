/* Hydrating: from the cells of a batch's rows to instances, each entity's key looked up in the identity map first. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

enum { AHEAD = 12, FEW = 8 };           /* rows; entities in a row */

static int fail_member(weir_error *error, const weir_mapper *mapper, const weir_member *member, int64_t row, const char *reason)
{
    weir_error_set(error, WEIR_DATA, "%s.%s in row %lld: %s", mapper->entity->name, member->name, (long long)row, reason);
    weir_error_text(error->column, sizeof error->column, weir_member_column(member), strlen(weir_member_column(member)));
    error->row = row;
    return WEIR_DATA;
}

/* What nearly every row is made of is stored here; false: weir_member_store has to. */
static inline bool store(const weir_place *place, void *object, const weir_value *cell)
{
    void *at = (char *)object + place->offset;
    if (place->type == WEIR_M_INT64 && cell->type == WEIR_T_INT64)
        memcpy(at, &cell->as.i, sizeof cell->as.i);
    else if (place->type == WEIR_M_TEXT && cell->type == WEIR_T_TEXT && weir_text_is_utf8(cell->as.text))
        memcpy(at, &cell->as.text, sizeof cell->as.text);
    else
        return false;
    return true;
}

static int fill(const weir_item_plan *plan, void *object, const weir_row *row, int64_t number, weir_error *error)
{
    const weir_mapper *mapper = plan->mapper;
    char reason[WEIR_REASON_SIZE];
    const weir_place *place = plan->places, *end = place + mapper->column_count;
    for (; place != end; place++) {
        const weir_value *cell = &row->cells[place->cell];
        if (store(place, object, cell))
            continue;
        const weir_member *member = mapper->columns[place - plan->places];
        if (weir_member_store(member, object, cell, reason) != WEIR_OK)
            return fail_member(error, mapper, member, number, reason);
    }
    return WEIR_OK;
}

static bool has_key(const weir_item_plan *plan, const weir_row *row)
{
    for (size_t i = 0; i < plan->mapper->key_count; i++)
        if (row->cells[plan->key_cells[i]].type != WEIR_T_NULL)
            return true;
    return false;
}

static inline bool read_integer_key(const weir_item_plan *plan, const weir_row *row, uint64_t *key)
{
    const weir_value *first = &row->cells[plan->key_cells[0]];
    *key = (uint64_t)first->as.i;
    return plan->mapper->integer_key && first->type >= WEIR_T_INT16 && first->type <= WEIR_T_INT64;
}

/* The key that the members make which are stored in the mapper's scratch struct. */
static int read_key(const weir_item_plan *plan, const weir_row *row, int64_t number, uint64_t *key, weir_error *error)
{
    const weir_mapper *mapper = plan->mapper;
    char reason[WEIR_REASON_SIZE];
    for (size_t i = 0; i < mapper->key_count; i++)
        if (weir_member_store(mapper->keys[i], mapper->scratch, &row->cells[plan->key_cells[i]], reason) != WEIR_OK)
            return fail_member(error, mapper, mapper->keys[i], number, reason);
    *key = weir_identity_key(mapper, mapper->scratch);
    return WEIR_OK;
}

static weir_instance *make(const weir_item_plan *plan, weir_holding *holding, weir_identity_entry *entry, uint64_t key,
                           const weir_row *row, int64_t number, weir_error *error)
{
    weir_mapper *mapper = plan->mapper;
    weir_instance *instance = weir_slab_take(mapper);
    if (!instance) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    instance->key = key;
    if (fill(plan, weir_instance_struct(instance), row, number, error) != WEIR_OK) {
        weir_slab_give(instance);
        return NULL;
    }
    weir_identity_put(mapper, entry, instance);
    instance->flags = WEIR_PERSISTENT;
    if (mapper->has_pointers)
        weir_holding_take(instance, holding);
    weir_recall_note(instance);
    return instance;
}

static int fill_unchanged(const weir_item_plan *plan, weir_instance *instance, const weir_row *row, int64_t number, weir_error *error)
{
    const weir_mapper *mapper = plan->mapper;
    char reason[WEIR_REASON_SIZE];
    for (size_t i = 0; i < mapper->column_count; i++)
        if (!weir_before_changed(instance, i) &&
            weir_member_store(mapper->columns[i], weir_instance_struct(instance), &row->cells[plan->cells[i]], reason) != WEIR_OK)
            return fail_member(error, mapper, mapper->columns[i], number, reason);
    return WEIR_OK;
}

/* Overwrites a member that is in the session already: it is expired, or the statement populates existing ones. What was changed
 * or linked after it expired stays. */
static int fill_again(const weir_item_plan *plan, weir_holding *holding, weir_instance *instance, const weir_row *row, int64_t number,
                      weir_error *error)
{
    bool expired = instance->flags & WEIR_INSTANCE_EXPIRED;
    bool overwrite = holding->reading->populate_existing;
    if (!overwrite && !expired)
        return WEIR_OK;
    const weir_side *side = weir_side_of(instance);
    bool changed = instance->flags & WEIR_INSTANCE_MODIFIED || (side && side->links);
    weir_mapper *mapper = plan->mapper;
    int status;
    weir_recall_check(instance);
    /* What is not overwritten, collections for one, must not stay behind in a batch that ends before this one. */
    if (instance->home && instance->home != holding && weir_instance_settle(instance) != WEIR_OK)
        return weir_error_out_of_memory(error);
    if (mapper->has_pointers)
        weir_holding_take(instance, holding);
    instance->flags &= ~(uint32_t)(WEIR_INSTANCE_EXPIRED | WEIR_INSTANCE_HIT);
    if (!overwrite && changed)
        status = fill_unchanged(plan, instance, row, number, error);
    else if ((status = fill(plan, weir_instance_struct(instance), row, number, error)) == WEIR_OK)
        weir_instance_clean(instance);
    if (status == WEIR_OK) {
        weir_before_drop(instance);
        weir_recall_note(instance);
    } else {
        instance->flags |= expired ? WEIR_INSTANCE_EXPIRED : 0;
    }
    return status;
}

static int hydrate_item(const weir_item_plan *plan, weir_holding *holding, weir_row *row, int64_t number, weir_error *error)
{
    weir_value *cell = &row->cells[plan->first];
    uint64_t key;
    int status;
    if (!read_integer_key(plan, row, &key)) {
        if (!has_key(plan, row)) {
            *cell = (weir_value){ .type = WEIR_T_NULL };
            return WEIR_OK;
        }
        if ((status = read_key(plan, row, number, &key, error)) != WEIR_OK)
            return status;
    }
    weir_identity_entry *entry = weir_identity_entry_of(plan->mapper, key, plan->mapper->scratch);
    if (!entry)
        return weir_error_out_of_memory(error);
    weir_instance *instance = entry->instance;
    if (!instance && !(instance = make(plan, holding, entry, key, row, number, error)))
        return error->status;
    if (weir_holding_add(holding, instance) != WEIR_OK) {
        weir_instance_let_go(instance);
        return weir_error_out_of_memory(error);
    }
    if (instance->flags & WEIR_INSTANCE_EXPIRED || holding->reading->populate_existing)
        if ((status = fill_again(plan, holding, instance, row, number, error)) != WEIR_OK)
            return status;
    *cell = (weir_value){ .type = WEIR_T_INSTANCE, .as.blob = { instance, 0 } };
    return WEIR_OK;
}

/* A row that is hydrated soon: the places of its keys come into the cache meanwhile. */
__attribute__((always_inline)) static inline void expect(const weir_reading *reading, const weir_row *row)
{
    uint64_t key;
    for (size_t i = 0; i < reading->entity_count; i++)
        if (read_integer_key(reading->entities[i], row, &key))
            weir_identity_expect(&reading->entities[i]->mapper->map, key);
}

int weir_hydrate_row(weir_reading *reading, weir_holding *holding, weir_row *row, weir_error *error)
{
    for (size_t i = 0; i < reading->entity_count; i++) {
        int status = hydrate_item(reading->entities[i], holding, row, reading->rows, error);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

/* A row that found no room half-way is as it was: its cells are wanted again. */
static void unmake_row(const weir_reading *reading, weir_holding *holding, weir_row *row, const weir_value *firsts, size_t items)
{
    for (size_t i = 0; i < reading->entity_count; i++)
        row->cells[reading->entities[i]->first] = firsts[i];
    while (holding->count > items) {
        weir_instance *instance = holding->items[--holding->count];
        instance->holds--;
        weir_instance_let_go(instance);
    }
}

static int make_row(weir_reading *reading, weir_holding *holding, weir_row *row, weir_error *error)
{
    weir_value firsts[FEW];
    size_t items = holding->count;
    bool again = reading->result->bounds.memory && reading->entity_count <= FEW;
    for (size_t i = 0; again && i < reading->entity_count; i++)
        firsts[i] = row->cells[reading->entities[i]->first];
    reading->rows++;
    int status = weir_hydrate_row(reading, holding, row, error);
    if (again && status == WEIR_OUT_OF_MEMORY) {
        unmake_row(reading, holding, row, firsts, items);
        reading->rows--;
    }
    return status;
}

int weir_hydrate(weir_reading *reading, weir_holding *holding, size_t *made, weir_error *error)
{
    size_t stride = reading->result->stride, skip = *made;
    for (weir_chunk *chunk = holding->batch->chunks; chunk; chunk = chunk->next) {
        char *end = chunk->places + chunk->count * stride;
        weir_breathe();                 /* a buffered result has any number of them */
        if (skip >= chunk->count) {
            skip -= chunk->count;
            continue;
        }
        for (char *at = chunk->places + skip * stride; at != end; at += stride, ++*made) {
            weir_row *row = (weir_row *)(void *)at;
            if ((size_t)(end - at) > AHEAD * stride)
                expect(reading, (const weir_row *)(const void *)(at + AHEAD * stride));
            int status = make_row(reading, holding, row, error);
            if (status != WEIR_OK)
                return status;
        }
        skip = 0;
    }
    return WEIR_OK;
}
