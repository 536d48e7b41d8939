/* Results of sessions: guards before any SQL, the plan of each row's entities, and the hooks that hydrate batches. */
#include "orm/inside.h"
#include "orm/load.h"
#include "orm/parts.h"
#include <string.h>

#define UNIQUE_AND_YIELD_PER "Can't use the ORM yield_per feature in conjunction with unique()"
#define UNIQUE_NEEDED "The unique() method must be invoked on this Result, as it contains results that include joined eager loads " \
                      "against collections"

/* ---- before any SQL ------------------------------------------------------------------------------------------------------------- */

static bool is_contiguous(const weir_select_shape *shape)
{
    for (size_t i = 0; i < shape->load_count; i++)
        if (shape->loads[i].contiguous)
            return true;
    return false;
}

int weir_reading_check_shape(const weir_select_shape *shape, weir_error *error)
{
    if (shape->joined_collection && !is_contiguous(shape))
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "Can't use yield_per with joined eager loading. '%s' is a collection whose rows would have to be collected "
                              "first: load it with selectinload (weir_selectinload)", shape->joined_name);
    if (shape->entity_without_key)
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "Can't use yield_per with GROUP BY or DISTINCT ON that lack the primary key of %s, which is selected as an "
                              "entity: select its columns instead, and stream those rows", shape->entity_without_key);
    return WEIR_OK;
}

/* Loaders take their rows at once, and a joined collection is whole when all rows are there, whatever the connection's options say. */
static bool wants_all_rows(const weir_reading *reading, const weir_result *result)
{
    const weir_select_shape *shape = reading->shape;
    return reading->is_load || (shape && shape->joined_collection && !result->yield_per);
}

static void buffer(weir_result *result)
{
    result->yield_per = 0;
    result->streaming = result->prefetch = false;
    result->mode = WEIR_MODE_BUFFERED;
    weir_bounds_end(result);
}

static int compiled(void *context, weir_result *result, weir_error *error)
{
    weir_reading *reading = context;
    reading->result = result;
    reading->shape = result->compiled.shape;
    if (wants_all_rows(reading, result))
        buffer(result);
    reading->streaming = result->streaming;
    result->one_by_one = reading->store->poison;
    reading->session_holds = !result->streaming && !reading->is_load;
    if (!reading->shape)
        return WEIR_OK;
    reading->populate_existing = reading->populate_existing || reading->shape->populate_existing == WEIR_ON;
    int status = result->yield_per ? weir_reading_check_shape(reading->shape, error) : WEIR_OK;
    return status == WEIR_OK ? weir_loaders_plan(reading, error) : status;
}

/* ---- the plan of a row -------------------------------------------------------------------------------------------------------------- */

static int find_column(const weir_result *result, const weir_entity *entity, const weir_member *member, weir_error *error)
{
    const weir_view *view = result->whole;
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(view->columns[i].name, weir_member_column(member)) == 0)
            return (int)i;
    weir_error_set(error, WEIR_NO_SUCH_COLUMN, "Could not locate column in row for column '%s.%s'", entity->table ? entity->table : entity->name,
                   weir_member_column(member));
    return -1;
}

static int plan_entity(weir_reading *reading, weir_result *result, weir_item_plan *plan, weir_error *error)
{
    const weir_select_item *item = plan->item;
    plan->mapper = weir_store_mapper(reading->store, item->entity, error);
    if (!plan->mapper)
        return error->status;
    if (!reading->is_load)
        weir_identity_begin(plan->mapper);
    size_t columns = plan->mapper->column_count, keys = 0;
    int *cells = weir_arena_take(&result->arena, (columns + plan->mapper->key_count + 1) * sizeof *cells);
    weir_place *places = weir_arena_take(&result->arena, (columns + 1) * sizeof *places);
    if (!cells || !places)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < columns; i++) {
        cells[i] = (int)(item->first_column + i);
        if (reading->shape->by_name && (cells[i] = find_column(result, item->entity, plan->mapper->columns[i], error)) < 0)
            return error->status;
        if (plan->mapper->columns[i]->primary_key)
            cells[columns + keys++] = cells[i];
        places[i] = (weir_place){ plan->mapper->columns[i]->offset, cells[i], plan->mapper->columns[i]->type };
    }
    plan->places = places;
    plan->cells = cells;
    plan->key_cells = cells + columns;
    plan->first = columns ? (size_t)cells[0] : item->first_column;
    return WEIR_OK;
}

static int plan_items(weir_reading *reading, weir_result *result, weir_error *error)
{
    const weir_select_shape *shape = reading->shape;
    reading->plans = weir_arena_take(&result->arena, (shape->item_count + 1) * sizeof *reading->plans);
    reading->entities = weir_arena_take(&result->arena, (shape->item_count + 1) * sizeof(weir_item_plan *));
    if (!reading->plans || !reading->entities)
        return weir_error_out_of_memory(error);
    reading->entity_count = 0;
    for (size_t i = 0; i < shape->item_count; i++) {
        weir_item_plan *plan = &reading->plans[i];
        *plan = (weir_item_plan){ .item = &shape->items[i], .first = shape->items[i].first_column };
        if (plan->item->kind != WEIR_ITEM_ENTITY)
            continue;
        reading->entities[reading->entity_count++] = plan;
        int status = plan_entity(reading, result, plan, error);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

/* One column per visible item, under its name; an entity's is its first cell. */
static int plan_view(weir_reading *reading, weir_result *result, weir_error *error)
{
    const weir_select_shape *shape = reading->shape;
    size_t *columns = weir_arena_take(&result->arena, (shape->visible_count + 1) * sizeof *columns);
    if (!columns)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < shape->visible_count; i++) {
        columns[i] = reading->plans[i].first;
        if (reading->plans[i].mapper && result->whole->declared)
            ((weir_declared_column *)(uintptr_t)result->whole->declared)[columns[i]].type = WEIR_T_NULL;
    }
    weir_view *view = weir_view_select(&result->arena, result->whole, columns, shape->visible_count);
    if (!view)
        return weir_error_out_of_memory(error);
    weir_column_info *infos = (weir_column_info *)(uintptr_t)view->columns;
    for (size_t i = 0; i < shape->visible_count; i++) {
        if (shape->items[i].name)
            infos[i].name = shape->items[i].name;
        if (reading->plans[i].mapper)
            infos[i] = (weir_column_info){ .name = infos[i].name, .database_type = "", .modifier = -1 };
    }
    result->view = view;
    return WEIR_OK;
}

static int described(void *context, weir_result *result, weir_error *error)
{
    weir_reading *reading = context;
    if (!reading->shape)
        return WEIR_OK;
    int status = plan_items(reading, result, error);
    result->has_instances = reading->entity_count > 0;
    if (status == WEIR_OK)
        status = plan_view(reading, result, error);
    if (status == WEIR_OK)
        status = weir_intake_plan(reading, result, error);
    if (status == WEIR_OK && result->cursor)
        result->cursor->loads = reading->loads;
    return status;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------------------- */

/* Only what is delivered: a batch that fails leaves nothing with the session. */
static void let_session_hold(const weir_holding *holding)
{
    for (size_t i = 0; i < holding->count; i++)
        holding->items[i]->flags |= WEIR_INSTANCE_SESSION_HOLDS;
}

static weir_sink *sink_for(void *context, weir_result *result, weir_batch *batch)
{
    weir_reading *reading = context;
    if (result->bounds.memory && reading->entity_count && !result->batch && !result->kept)
        weir_parts_leave_out(reading);
    return reading->intake ? weir_intake_begin(reading->intake, batch) : &batch->sink;
}

static int came(void *context, weir_result *result, weir_batch *batch, weir_error *error)
{
    weir_reading *reading = context;
    if (!reading->entity_count)
        return WEIR_OK;
    reading->store->busy++;
    int status = WEIR_OK;
    if (reading->intake)
        status = weir_intake_end(reading->intake, error);
    else if (!(batch->attached = weir_holding_new(reading, batch)))
        status = weir_error_out_of_memory(error);
    if (status == WEIR_OK)
        status = weir_parts_first(reading, batch, error);
    if (status == WEIR_OK && reading->session_holds)
        let_session_hold(batch->attached);
    if (status == WEIR_OK && reading->intake && weir_intake_is_bare(reading->intake)) {
        const weir_holding *holding = batch->attached;
        result->bare = result->bare_limit = (void *const *)holding->items;
        result->bare_end = result->bare + holding->count;
    }
    reading->store->busy--;
    return status;
}

static int part(void *context, weir_result *result, weir_batch *batch, weir_error *error)
{
    weir_reading *reading = context;
    (void)result;
    return weir_parts_next(reading, batch, error);
}

static int64_t least(void *context, weir_result *result)
{
    weir_reading *reading = context;
    if (!reading->entity_count)
        return 0;
    weir_ledger_charge(&reading->store->ledger, &reading->charge, result->budget, true);
    if (reading->entity_count == 1) {   /* a row that is refused is named by its key */
        result->cursor->key_columns = reading->entities[0]->key_cells;
        result->cursor->key_count = reading->entities[0]->mapper->key_count;
    }
    return weir_parts_least(reading, result);
}

static void shed(void *context, weir_result *result)
{
    weir_reading *reading = context;
    (void)result;
    if (reading->entity_count)
        weir_parts_shed(reading);
}

/* A collection that goes on from batch to batch. */
static void blame(void *context, weir_result *result, weir_error *error)
{
    const weir_reading *reading = context;
    const weir_loaders *loaders = reading->loaders;
    (void)result;
    if (loaders && loaders->carry.parent)
        weir_load_name_carried(reading, error);
}

static weir_result *within(void *context) { return ((const weir_reading *)context)->within; }

/* WEIR_DEBUG=lifetimes: what was handed out by the read before is dead now, if this row alone held it. */
static void end_shown(weir_reading *reading)
{
    weir_instance *instance = reading->shown;
    reading->shown = NULL;
    if (!instance || instance->holds != 1 || !reading->store->session ||
        (instance->flags & (WEIR_INSTANCE_RETAINED | WEIR_INSTANCE_SESSION_HOLDS | WEIR_INSTANCE_MODIFIED | WEIR_INSTANCE_TARGET)))
        return;
    weir_instance_detach(instance);
    if (instance->loaded >> WEIR_REACHES)
        reading->store->loosened++;
    instance->loaded = 0;
    weir_instance_poison(instance);
}

static int before_read(void *context, weir_result *result, weir_error *error)
{
    weir_reading *reading = context;
    if (!reading->entity_count)
        return WEIR_OK;
    if (reading->shown)
        end_shown(reading);
    if (result->unique && (reading->streaming || result->yield_per))
        return weir_error_set(error, WEIR_INVALID_REQUEST, UNIQUE_AND_YIELD_PER);
    if (reading->shape->joined_collection && !reading->streaming && !reading->is_load && !result->unique)
        return weir_error_set(error, WEIR_INVALID_REQUEST, UNIQUE_NEEDED);
    return WEIR_OK;
}

static bool gone(void *context, weir_result *result, weir_batch *batch)
{
    weir_reading *reading = context;
    weir_error told;
    (void)result;
    if (reading->intake)
        (void)weir_intake_end(reading->intake, &told);  /* the batch failed: that is what is told */
    weir_holding *holding = batch->attached;
    batch->attached = NULL;
    holding->reading->shown = NULL;
    return weir_holding_end(holding);
}

static void closed(void *context, weir_result *result)
{
    weir_reading *reading = context;
    weir_store *store = reading->store;
    (void)result;
    weir_loaders_closed(reading);
    weir_holding_drop_spare(reading);
    weir_ledger_discharge(&store->ledger, &reading->charge);
    if (store->session) {
        *(reading->previous ? &reading->previous->next : &store->session->readings) = reading->next;
        if (reading->next)
            reading->next->previous = reading->previous;
    }
    weir_free(reading);
    store->readings--;
    weir_store_look(store, false);
}

const weir_batch_hooks weir_reading_hooks = {
    .compiled = compiled, .described = described, .sink = sink_for, .came = came, .least = least, .part = part, .shed = shed,
    .blame = blame, .within = within, .reading = before_read, .gone = gone, .closed = closed,
};

weir_reading *weir_result_reading(const weir_result *result)
{
    return result->hooks == &weir_reading_hooks ? result->hooks_context : NULL;
}

/* ---- what the program reads ---------------------------------------------------------------------------------------------------------------- */

static void *fail_delivery(weir_result *result, const weir_entity *expected)
{
    weir_error error;
    const weir_entity *has = result->instance_entity;
    if (has)
        weir_error_set(&error, WEIR_INVALID_REQUEST, "this result delivers instances of %s, not of %s", has->name, expected->name);
    else
        weir_error_set(&error, WEIR_INVALID_REQUEST, "this result does not deliver instances of %s: read its rows", expected->name);
    weir_result_fail(result, &error);
    return NULL;
}

static void *deliver(weir_result *result, const weir_row *row)
{
    void *object = weir_row_delivers(row, result);
    if (object)
        return object;
    weir_error error;
    weir_error_set(&error, WEIR_INVALID_REQUEST, "row %lld has no instance: all of its primary key is NULL; read rows, where that can be told",
                   (long long)row->number);
    weir_result_fail(result, &error);
    return NULL;
}

static void *next_instance_slowly(weir_result *result, const weir_entity *expected)
{
    if (weir_result_begin_read(result) != WEIR_OK)
        return NULL;
    if (result->instance_entity != expected)
        return fail_delivery(result, expected);
    if (!weir_result_has_more(result, 0))
        return NULL;
    weir_instance *instance = weir_result_take_bare(result);
    if (instance)
        return weir_instance_struct(instance);
    const weir_row *row = weir_result_take(result, 0, WEIR_WHOLE_ROW);
    void *object = row ? deliver(result, row) : NULL;
    weir_reading *reading = weir_result_reading(result);
    if (object && reading->streaming && reading->store->poison)
        reading->shown = weir_instance_of(object);
    return object;
}

void *weir_result_next_instance(weir_result *result, const weir_entity *expected)
{
    if (result->bare != result->bare_limit && result->instance_entity == expected) {
        result->taken++;
        return weir_instance_struct(*result->bare++);
    }
    if (result->at == result->limit || result->instance_entity != expected)
        return next_instance_slowly(result, expected);
    return deliver(result, weir_result_hand_out(result));
}

void *weir_row_entity(const weir_row *row, const weir_entity *entity, const char *name)
{
    weir_result *result = row->view->result;
    const weir_reading *reading = result ? weir_result_reading(result) : NULL;
    for (size_t i = 0; reading && i < reading->entity_count; i++) {
        const weir_item_plan *plan = reading->entities[i];
        if (plan->item->hidden || plan->item->entity != entity || (name && strcmp(plan->item->name, name) != 0))
            continue;
        weir_instance *instance = weir_row_instance(row, plan);
        return instance ? instance + 1 : NULL;
    }
    weir_error error;
    weir_error_set(&error, WEIR_NO_SUCH_COLUMN, "Could not locate column in row for column '%s'", name ? name : entity->name);
    if (result)
        weir_result_fail(result, &error);
    else if (row->view->error)
        weir_error_keep(row->view->error, &error);
    return NULL;
}
