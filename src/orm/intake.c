/* The intake: rows become instances as they come. A result whose rows are one entity each keeps nothing else of them: the driver puts
 * a row's values straight into the next free slot of the slab, and what cannot go that way (a NULL where the type has none, a row
 * that overwrites an instance, a text that is no UTF-8) comes as one row of cells, to be hydrated like any other. */
#include "orm/inside.h"
#include <string.h>
#include "base/wait.h"

enum {
    PATIENCE = 64                       /* rows by cells, before it is asked whether the other way pays */
};

struct weir_intake {
    weir_sink      sink;                /* first: the driver knows only this */
    weir_reading  *reading;
    weir_mapper   *mapper;
    weir_batch    *batch;               /* that is filled */
    weir_holding  *holding;
    weir_instance *slot;                /* free; its struct is the sink's object */
    weir_row      *row;                 /* for one row of cells */
    bool           direct, filling;
    bool           bare;                /* the batch has no rows; else one for each, with one cell, for the instance */
    bool           plain;               /* the batch is bare and direct, its key one int64_t, its structs nothing but columns */
    bool           plain_key;           /* one int64_t */
    size_t         key_offset;          /* … at this place of the struct */
    size_t         most;                /* rows of the batch, under a budget */
    int64_t        rows_before;         /* of the reading, when the batch began */
    int64_t        by_cells;
    weir_error     error;               /* of the first row that became no instance: it waits until the batch is here */
};

/* ---- the slot ------------------------------------------------------------------------------------------------------------------- */

static inline void offer(weir_intake *intake)
{
    weir_instance *slot = intake->direct ? weir_slab_look_up_free(intake->mapper) : NULL;
    intake->slot = slot;
    intake->sink.object = slot ? slot + 1 : NULL;
    if (slot && intake->mapper->has_gaps)
        memset(slot + 1, 0, intake->mapper->entity->size);
}

static void take_back_offer(weir_intake *intake)
{
    if (intake->slot && weir_slab_head(&intake->mapper->slab) == intake->slot)
        weir_slab_leave_free(intake->mapper, intake->slot);
    intake->slot = NULL;
    intake->sink.object = NULL;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

/* The row that the program will get. NULL: none. */
static bool place_row(weir_batch *batch, weir_instance *instance)
{
    weir_row *row = weir_sink_row(&batch->sink);
    if (row)
        row->cells[0] = (weir_value){ .type = instance ? WEIR_T_INSTANCE : WEIR_T_NULL, .as.blob = { instance, 0 } };
    return row != NULL;
}

/* A row without an instance is one all the same: from now on, and for what came before it in this batch. False: no memory, and there are
 * no rows as before. */
static bool place_rows(weir_intake *intake)
{
    const weir_holding *holding = intake->holding;
    weir_batch *batch = intake->batch;
    size_t placed = 0;
    while (placed < holding->count && place_row(batch, holding->items[placed]))
        placed++;
    intake->bare = placed < holding->count;
    intake->plain = false;
    if (!intake->bare)
        return true;
    weir_batch_drop_rows(batch);
    batch->sink.next = batch->sink.end = NULL;
    batch->sink.count = 0;
    return false;
}

/* As took: any row. */
static __attribute__((noinline)) bool took_any(weir_intake *intake)
{
    weir_mapper *mapper = intake->mapper;
    weir_holding *holding = intake->holding;
    weir_instance *slot = intake->slot;
    if (!intake->bare || intake->sink.count == intake->most || !weir_holding_room(holding) || weir_slab_head(&mapper->slab) != slot)
        return false;
    WEIR_HOLDS(slot);                   /* else the rows would come as cells */
    uint64_t key;
    weir_identity_entry *entry;
    if (intake->plain_key) {
        memcpy(&key, (const char *)(slot + 1) + intake->key_offset, sizeof key);
        entry = weir_identity_integer_entry(mapper, key);
    } else {
        key = weir_identity_key(mapper, slot + 1);
        entry = weir_identity_entry_of(mapper, key, slot + 1);
    }
    if (!entry)
        return false;
    weir_instance *instance = entry->instance;
    if (!instance) {
        weir_slab_claim(mapper, slot);
        slot->key = key;
        slot->flags = WEIR_PERSISTENT;
        if (mapper->has_pointers) {
            slot->home = holding;
            holding->users++;
        }
        weir_identity_put(mapper, entry, slot);
        instance = slot;
        offer(intake);
    } else if (instance->flags & WEIR_INSTANCE_EXPIRED || intake->reading->populate_existing) {
        return false;
    }
    instance->holds++;
    holding->items[holding->count++] = instance;
    intake->sink.count++;
    return true;
}

/* A whole row is in the slot. False: it has to come as cells, to overwrite an instance or to say what is wrong. What nearly all rows of a
 * stream are is done here without a call: the next key of a list, a slot behind which its chunk has another one. */
static bool took(weir_sink *sink)
{
    weir_intake *intake = (weir_intake *)(void *)sink;
    weir_mapper *mapper = intake->mapper;
    weir_holding *holding = intake->holding;
    weir_instance *slot = intake->slot;
    weir_slab_chunk *chunk = mapper->slab.room;
    weir_identity_map *map = &mapper->map;
    int64_t key;
    if (!intake->plain || !chunk || chunk->free != slot || !chunk->used || !slot->next_free || holding->count == holding->capacity ||
        sink->count == intake->most)
        return took_any(intake);
    memcpy(&key, (const char *)(slot + 1) + intake->key_offset, sizeof key);
    if (map->listed >= map->room || key <= map->last)
        return took_any(intake);
    weir_instance *next = weir_slab_claim_listed(mapper, chunk, slot);
    slot->key = (uint64_t)key;
    slot->home = mapper->has_pointers ? holding : NULL;
    slot->holds = 1;
    slot->flags = WEIR_PERSISTENT;
    weir_identity_append(map, key, slot);
    holding->users += mapper->has_pointers;
    holding->items[holding->count++] = slot;
    WEIR_UNPOISON(next + 1, mapper->entity->size);
    intake->slot = next;
    sink->object = next + 1;
    sink->count++;
    return true;
}

/* The row found no place: the batch does not hold its instance either. */
static void unhold(weir_holding *holding, size_t items)
{
    while (holding->count > items) {
        weir_instance *instance = holding->items[--holding->count];
        instance->holds--;
        weir_instance_let_go(instance);
    }
}

static void make_of_cells(weir_intake *intake)
{
    weir_reading *reading = intake->reading;
    size_t items = intake->holding->count;
    if (weir_hydrate_row(reading, intake->holding, intake->row, &intake->error) != WEIR_OK)
        return;
    weir_instance *instance = weir_row_instance(intake->row, &reading->plans[0]);
    if ((instance || !intake->bare || place_rows(intake)) && (intake->bare || place_row(intake->batch, instance)))
        return;
    unhold(intake->holding, items);
    weir_error_out_of_memory(&intake->error);
}

static void came_as_cells(weir_sink *sink)
{
    weir_intake *intake = (weir_intake *)(void *)sink;
    weir_reading *reading = intake->reading;
    sink->next = (char *)intake->row;
    reading->rows = intake->rows_before + (int64_t)sink->count;
    if (intake->error.status != WEIR_OK)
        return;
    take_back_offer(intake);
    if (sink->count > intake->most)
        weir_error_out_of_memory(&intake->error);
    else
        make_of_cells(intake);
    if (sink->count > intake->most || weir_sink_ends(sink, intake->error.status)) {
        weir_error_clear(&intake->error);
        sink->count--;
        sink->full = true;
    }
    if (sink->full || intake->error.status != WEIR_OK)
        return;
    if (++intake->by_cells % PATIENCE == 0 && intake->by_cells > reading->rows / 2)
        intake->direct = intake->plain = false;     /* this stream's rows are not made for it */
    offer(intake);
}

/* ---- batches ---------------------------------------------------------------------------------------------------------------------- */

weir_sink *weir_intake_begin(weir_intake *intake, weir_batch *batch)
{
    weir_reading *reading = intake->reading;
    weir_holding *holding = weir_holding_new(reading, batch);
    if (!holding)
        return NULL;
    batch->attached = holding;
    intake->batch = batch;
    intake->holding = holding;
    intake->sink.arena = &batch->arena;
    intake->sink.next = (char *)intake->row;
    intake->sink.count = 0;
    intake->rows_before = reading->rows;
    intake->bare = true;
    intake->plain = intake->plain_key && intake->direct && !intake->mapper->has_gaps;
    intake->most = reading->result->bounds.memory ? batch->limit : SIZE_MAX;
    weir_error_clear(&intake->error);
    intake->filling = true;
    reading->store->busy++;             /* no memory of free slots is given back meanwhile, whatever a callback does */
    offer(intake);
    return &intake->sink;
}

void weir_intake_pause(weir_intake *intake) { take_back_offer(intake); }
void weir_intake_resume(weir_intake *intake)
{
    if (intake->filling)
        offer(intake);
}

int weir_intake_end(weir_intake *intake, weir_error *error)
{
    if (!intake->filling)
        return WEIR_OK;
    take_back_offer(intake);
    intake->filling = false;
    intake->reading->rows = intake->rows_before + (int64_t)intake->sink.count;
    intake->reading->store->busy--;
    if (intake->error.status != WEIR_OK)
        *error = intake->error;
    return intake->error.status;
}

size_t weir_intake_count(const weir_intake *intake) { return intake->sink.count; }

bool weir_intake_make_rows(weir_intake *intake)
{
    bool made = !intake->bare || place_rows(intake);
    (void)weir_batch_end(intake->batch);
    return made;
}

bool weir_intake_is_bare(const weir_intake *intake) { return intake->bare; }

/* ---- the plan ------------------------------------------------------------------------------------------------------------------------ */

static bool store_nowhere(const weir_direct *direct, void *object, const weir_value *cell)
{
    (void)direct, (void)object, (void)cell;
    return true;
}

static bool store_member(const weir_direct *direct, void *object, const weir_value *cell)
{
    char reason[WEIR_REASON_SIZE];
    return weir_member_store(direct->member, object, cell, reason) == WEIR_OK;
}

static bool store_key(const weir_direct *direct, void *object, const weir_value *cell)
{
    return cell->type != WEIR_T_NULL && store_member(direct, object, cell);
}

static weir_direct direct_to(const weir_member *member)
{
    static const weir_direct_kind kinds[WEIR_M_COUNT_] = {
        [WEIR_M_INT64] = WEIR_DIRECT_INT64, [WEIR_M_INT32] = WEIR_DIRECT_INT32, [WEIR_M_DOUBLE] = WEIR_DIRECT_DOUBLE, [WEIR_M_TEXT] = WEIR_DIRECT_TEXT,
        [WEIR_M_OPT_INT64] = WEIR_DIRECT_OPT_INT64, [WEIR_M_OPT_INT32] = WEIR_DIRECT_OPT_INT32, [WEIR_M_OPT_DOUBLE] = WEIR_DIRECT_OPT_DOUBLE,
        [WEIR_M_OPT_BOOL] = WEIR_DIRECT_OPT_BOOL, [WEIR_M_OPT_TIMESTAMP] = WEIR_DIRECT_OPT_TIMESTAMP,
        [WEIR_M_OPT_TIMESTAMPTZ] = WEIR_DIRECT_OPT_TIMESTAMPTZ,
    };
    bool optional_key = member->primary_key && kinds[member->type] >= WEIR_DIRECT_OPT_INT64;   /* which NULL has to be looked at */
    return (weir_direct){ .kind = optional_key ? WEIR_DIRECT_OTHER : kinds[member->type], .nullable = !member->primary_key,
                          .offset = member->offset, .member = member, .store = member->primary_key ? store_key : store_member };
}

/* In a task SQLite fills batches on a worker thread, while other tasks of the loop may give slots of the same slab back (queues that
 * share instances): there rows come as cells. */
static bool fills_elsewhere(const weir_result *result) { return weir_here_now()->task && result->core->driver->on_workers; }

/* Rows of one entity and nothing else, whose first cell is theirs; loaders look at the cells of their own rows. */
static bool is_for_intake(const weir_reading *reading, const weir_result *result)
{
    return result->cursor && !fills_elsewhere(result) && !reading->is_load && reading->shape->item_count == 1 && reading->entity_count == 1 &&
           reading->plans[0].cells[0] == 0;
}

int weir_intake_plan(weir_reading *reading, weir_result *result, weir_error *error)
{
    reading->intake = NULL;
    if (!is_for_intake(reading, result))
        return WEIR_OK;
    weir_cursor *cursor = result->cursor;
    const weir_item_plan *plan = &reading->plans[0];
    weir_intake *intake = weir_arena_take(&result->arena, sizeof *intake);
    size_t stride = result->stride;
    weir_row *row = weir_arena_take(&result->arena, stride);
    if (!intake || !row)
        return weir_error_out_of_memory(error);
    *intake = (weir_intake){ .sink = { .stride = stride, .end = (char *)row + stride, .came = came_as_cells, .took = took },
                             .reading = reading, .mapper = plan->mapper, .row = row, .direct = !reading->store->poison && !reading->store->seen.on,
                             .key_offset = plan->mapper->integer_key ? plan->mapper->keys[0]->offset : 0,
                             .plain_key = plan->mapper->integer_key && plan->mapper->keys[0]->type == WEIR_M_INT64 };
    for (size_t i = 0; i < cursor->column_count; i++)
        cursor->steps[i].direct = (weir_direct){ .store = store_nowhere };
    for (size_t i = 0; i < plan->mapper->column_count; i++)
        cursor->steps[plan->cells[i]].direct = direct_to(plan->mapper->columns[i]);
    result->stride = weir_row_stride(1);
    reading->intake = intake;
    return WEIR_OK;
}
