/* Joined collections of a stream: a parent's rows are together, so each parent is delivered once, in the batch where the row behind
 * its last one comes. Until then it is carried: its row as a copy, its children held. */
#include "orm/inside.h"
#include "orm/load.h"
#include <string.h>

enum { FIRST_CHILDREN = 64 };

typedef struct passage {
    weir_reading    *reading;
    weir_load_work  *work;
    weir_load_carry *carry;
    weir_batch      *batch;
    const weir_item_plan *parents, *children;
    const weir_mapped_relationship *relationship;
    weir_chunk      *out;               /* where the next row that stays goes */
    size_t           out_index, out_count;
} passage;

/* ---- what is carried ------------------------------------------------------------------------------------------------------------------ */

static void let_go(weir_instance *instance)
{
    instance->holds--;
    weir_instance_let_go(instance);
}

static void let_children_go(weir_load_carry *carry)
{
    while (carry->count > 0)
        let_go(carry->children[--carry->count]);
}

void weir_load_carry_drop(weir_load_carry *carry)
{
    let_children_go(carry);
    if (carry->parent)
        let_go(carry->parent);
    weir_free(carry->children);
    weir_free(carry->row);
    carry->parent = NULL;
    carry->children = NULL;
    carry->row = NULL;
    carry->capacity = 0;
}

static int add_child(passage *p, weir_instance *child)
{
    weir_load_carry *carry = p->carry;
    if (!child)
        return WEIR_OK;
    if (carry->count == carry->capacity) {
        size_t capacity = carry->capacity ? 2 * carry->capacity : FIRST_CHILDREN;
        weir_instance **children = weir_resize(&p->reading->result->ledger, WEIR_MEMORY_BATCH, carry->children, capacity * sizeof *children);
        if (!children)
            return weir_error_out_of_memory(p->work->error);
        carry->children = children;
        carry->capacity = capacity;
    }
    carry->children[carry->count++] = child;
    child->holds++;
    return WEIR_OK;
}

/* Cells of the row that are values of their own may point into a batch that goes. */
static int copy_cells(passage *p, weir_row *row, weir_arena *arena)
{
    const weir_select_shape *shape = p->reading->shape;
    for (size_t i = 0; i < shape->visible_count; i++)
        if (shape->items[i].kind == WEIR_ITEM_VALUE) {
            weir_value cell = row->cells[p->reading->plans[i].first];
            if (weir_value_copy(arena, &cell, &row->cells[p->reading->plans[i].first]) != WEIR_OK)
                return weir_error_out_of_memory(p->work->error);
        }
    return WEIR_OK;
}

static int begin_parent(passage *p, weir_instance *parent, const weir_row *row)
{
    weir_load_carry *carry = p->carry;
    size_t stride = p->batch->sink.stride;
    if (!carry->row && !(carry->row = weir_alloc(&p->reading->result->ledger, WEIR_MEMORY_BATCH, stride)))
        return weir_error_out_of_memory(p->work->error);
    memcpy(carry->row, row, stride);
    weir_arena_reset(&carry->values, 64 * 1024);
    if (copy_cells(p, (weir_row *)(void *)carry->row, &carry->values) != WEIR_OK)
        return p->work->error->status;
    carry->parent = parent;
    parent->holds++;
    return WEIR_OK;
}

/* ---- delivering --------------------------------------------------------------------------------------------------------------------------- */

static int attach(passage *p)
{
    weir_load_carry *carry = p->carry;
    if (weir_is_loaded(carry->parent, p->relationship) && !p->work->populate_existing)
        return WEIR_OK;
    void **items = weir_arena_take(p->work->arena, (carry->count + 1) * sizeof *items);
    if (!items)
        return weir_error_out_of_memory(p->work->error);
    for (size_t i = 0; i < carry->count; i++)
        items[i] = weir_instance_struct(carry->children[i]);
    size_t count = p->relationship->pairs.through_association ? weir_load_drop_repeated(p->work, items, carry->count) : carry->count;
    return weir_load_attach_many(p->work, carry->parent, p->relationship, items, count);
}

/* The parent is whole: its row takes the next place, and this batch holds what it reaches. There are never more rows than came,
 * but for one that was carried into an empty batch: weir_load_contiguous makes room for it. */
static int deliver(passage *p)
{
    weir_load_carry *carry = p->carry;
    if (!carry->parent)
        return WEIR_OK;
    int status = attach(p);
    if (status == WEIR_OK && weir_holding_add(p->work->holding, carry->parent) != WEIR_OK)
        status = weir_error_out_of_memory(p->work->error);
    if (status == WEIR_OK)
        status = copy_cells(p, (weir_row *)(void *)carry->row, &p->batch->arena);
    if (status != WEIR_OK)
        return status;
    WEIR_HOLDS(p->out);
    while (p->out_index == p->out->capacity) {
        p->out = p->out->next;
        p->out_index = 0;
        WEIR_HOLDS(p->out);
    }
    memcpy(p->out->places + p->out_index++ * p->batch->sink.stride, carry->row, p->batch->sink.stride);
    p->out_count++;
    let_go(carry->parent);
    carry->parent = NULL;
    let_children_go(carry);
    return WEIR_OK;
}

/* expunge_all between two batches ends the membership of what is carried: the rest of its rows then come as a new instance. */
static bool is_carried(const weir_load_carry *carry, const weir_instance *parent)
{
    const weir_instance *carried = carry->parent;
    if (!carried || parent == carried || weir_instance_state(carried) == WEIR_PERSISTENT)
        return parent == carried;
    const weir_mapper *mapper = weir_mapper_of(parent);
    bool same = parent->key == carried->key;
    for (size_t i = 0; i < mapper->key_count && same; i++) {
        weir_value a, b;
        weir_member_value(mapper->keys[i], parent + 1, &a);
        weir_member_value(mapper->keys[i], carried + 1, &b);
        same = weir_value_equal(&a, &b);
    }
    return same;
}

/* A row is read before the place that it stands in can be written: what is written is at most one row ahead of what was read. */
static int pass_row(passage *p, const weir_row *row)
{
    weir_instance *parent = weir_row_instance(row, p->parents), *child = weir_row_instance(row, p->children);
    char *next = NULL;
    if (!parent)
        return WEIR_OK;
    int status = WEIR_OK;
    if (!is_carried(p->carry, parent)) {
        next = weir_arena_take(p->work->arena, p->batch->sink.stride);
        if (!next)
            return weir_error_out_of_memory(p->work->error);
        memcpy(next, row, p->batch->sink.stride);
        status = deliver(p);
        if (status == WEIR_OK)
            status = begin_parent(p, parent, (const weir_row *)(const void *)next);
    }
    return status == WEIR_OK ? add_child(p, child) : status;
}

/* ---- a batch ---------------------------------------------------------------------------------------------------------------------------------- */

void weir_load_name_carried(const weir_reading *reading, weir_error *error)
{
    const weir_loaders *loaders = reading->loaders;
    char name[160], was[sizeof error->message];
    weir_instance_name(loaders->carry.parent, name, sizeof name);
    memcpy(was, error->message, sizeof was);
    int64_t row = error->row;
    weir_error_set(error, WEIR_BUDGET_EXCEEDED, "the collection that is joined to %s does not fit the memory budget: after %zu of it, %.300s",
                   name, loaders->carry.count, was);
    error->row = row;
}

/* One place more than rows came, counted as empty. */
static int make_room(passage *p)
{
    weir_sink *sink = &p->batch->sink;
    p->batch->limit += p->batch->limit ? 1 : 0;
    if (sink->next == sink->end && sink->grow(sink) != WEIR_OK)
        return weir_error_out_of_memory(p->work->error);
    weir_batch_end(p->batch);
    return WEIR_OK;
}

static void keep_rows(passage *p, size_t count)
{
    for (weir_chunk *chunk = p->batch->chunks; chunk; chunk = chunk->next) {
        chunk->count = count < chunk->capacity ? count : chunk->capacity;
        count -= chunk->count;
    }
}

static const weir_select_item *collection_of(const weir_select_shape *shape, size_t *index)
{
    for (size_t i = 0; i < shape->item_count; i++)
        if (shape->items[i].hidden && shape->items[i].relationship->kind == WEIR_MEMBER_MANY) {
            *index = i;
            return &shape->items[i];
        }
    return NULL;
}

int weir_load_contiguous_check(const weir_select_shape *shape, weir_error *error)
{
    size_t first = 0, count = 0;
    const weir_select_item *item = collection_of(shape, &first);
    for (size_t i = 0; i < shape->item_count; i++)
        count += shape->items[i].hidden && shape->items[i].relationship->kind == WEIR_MEMBER_MANY;
    if (count == 1 && item->parent_item < shape->visible_count)
        return WEIR_OK;
    return weir_error_set(error, WEIR_INVALID_REQUEST, "weir_joinedload_contiguous loads one collection of a selected entity, and no other "
                                                       "joined collection goes with it: use weir_selectinload for the others");
}

int weir_load_contiguous(weir_reading *reading, weir_load_work *work, weir_load_carry *carry)
{
    size_t index = 0;
    const weir_select_item *item = collection_of(reading->shape, &index);
    passage p = { .reading = reading, .work = work, .carry = carry, .batch = work->holding->batch };
    p.parents = &reading->plans[item->parent_item];
    p.children = &reading->plans[index];
    p.relationship = weir_mapper_relationship(p.parents->mapper, item->relationship->offset);
    int status = make_room(&p);
    p.out = p.batch->chunks;
    for (weir_chunk *chunk = p.batch->chunks; chunk && status == WEIR_OK; chunk = chunk->next)
        for (size_t i = 0, count = chunk->count; i < count && status == WEIR_OK; i++)
            status = pass_row(&p, (const weir_row *)(const void *)(chunk->places + i * p.batch->sink.stride));
    if (status == WEIR_OK && reading->result->ended)
        status = deliver(&p);
    keep_rows(&p, p.out_count);
    return status;
}
