/* Joined loads: hidden items of the rows become the relationships of the items that they belong to. A collection is gathered over
 * the rows of a buffered result; or, when a parent's rows are together, over its rows as they stream by (contiguous). */
#include "orm/inside.h"
#include "orm/load.h"
#include <string.h>

static weir_row *row_at(const weir_batch *batch, const weir_chunk *chunk, size_t index)
{
    return (weir_row *)(uintptr_t)(chunk->places + index * batch->sink.stride);
}

static size_t rows_of(const weir_batch *batch)
{
    size_t count = 0;
    for (const weir_chunk *chunk = batch->chunks; chunk; chunk = chunk->next)
        count += chunk->count;
    return count;
}

static const weir_mapped_relationship *relationship_of(const weir_reading *reading, const weir_select_item *item)
{
    return weir_mapper_relationship(reading->plans[item->parent_item].mapper, item->relationship->offset);
}

/* ---- to-one ------------------------------------------------------------------------------------------------------------------------ */

static void attach_ones(weir_reading *reading, const weir_load_work *work, size_t item)
{
    const weir_batch *batch = work->holding->batch;
    const weir_item_plan *own = &reading->plans[item], *parents = &reading->plans[own->item->parent_item];
    const weir_mapped_relationship *relationship = relationship_of(reading, own->item);
    uint32_t visit = ++reading->store->visit;
    for (const weir_chunk *chunk = batch->chunks; chunk; chunk = chunk->next)
        for (size_t i = 0; i < chunk->count; i++) {
            const weir_row *row = row_at(batch, chunk, i);
            weir_instance *parent = weir_row_instance(row, parents);
            if (parent && weir_load_first_visit(parent, visit) && (work->populate_existing || !weir_is_loaded(parent, relationship)))
                weir_attach_one(parent, relationship, weir_row_instance(row, own));
        }
}

/* ---- collections over all rows of a batch --------------------------------------------------------------------------------------------- */

/* Parents and their children by number: a child counts once for its parent, however often other joins repeat it. */
typedef struct gathering {
    weir_load_keys parents, couples;    /* by address; couples: parent's number and child's address */
    size_t        *begin;               /* of each parent's children; one more for the last one's end */
    void         **children;
} gathering;

static weir_value address(const void *pointer) { return weir_value_int((int64_t)(uintptr_t)pointer); }

static int gather(weir_reading *reading, weir_load_work *work, size_t item, gathering *g)
{
    const weir_batch *batch = work->holding->batch;
    const weir_item_plan *own = &reading->plans[item], *parents = &reading->plans[own->item->parent_item];
    size_t rows = rows_of(batch);
    if (!weir_load_keys_init(&g->parents, work->arena, 1, rows) || !weir_load_keys_init(&g->couples, work->arena, 2, rows))
        return weir_error_out_of_memory(work->error);
    for (const weir_chunk *chunk = batch->chunks; chunk; chunk = chunk->next)
        for (size_t i = 0; i < chunk->count; i++) {
            const weir_row *row = row_at(batch, chunk, i);
            weir_instance *parent = weir_row_instance(row, parents), *child = weir_row_instance(row, own);
            if (!parent)
                continue;
            weir_value key[2] = { address(parent), address(child) };
            key[0] = weir_value_int(weir_load_keys_add(&g->parents, key));
            if (child)
                weir_load_keys_add(&g->couples, key);
        }
    return WEIR_OK;
}

/* The children side by side for each parent, in the order of the rows. */
static int sort_children(weir_load_work *work, gathering *g)
{
    size_t parents = g->parents.count, couples = g->couples.count;
    g->begin = weir_arena_take(work->arena, (parents + 2) * sizeof *g->begin);
    g->children = weir_arena_take(work->arena, (couples + 1) * sizeof *g->children);
    if (!g->begin || !g->children)
        return weir_error_out_of_memory(work->error);
    memset(g->begin, 0, (parents + 2) * sizeof *g->begin);
    for (size_t i = 0; i < couples; i++)
        g->begin[g->couples.values[2 * i].as.i + 2]++;
    for (size_t i = 2; i < parents + 2; i++)
        g->begin[i] += g->begin[i - 1];
    /* Each parent's begin lies one behind: filling moves it to its place. */
    for (size_t i = 0; i < couples; i++) {
        const weir_value *couple = &g->couples.values[2 * i];
        g->children[g->begin[couple[0].as.i + 1]++] = weir_instance_struct((weir_instance *)(uintptr_t)couple[1].as.i);
    }
    return WEIR_OK;
}

static int attach_collections(weir_reading *reading, weir_load_work *work, size_t item)
{
    gathering g;
    const weir_mapped_relationship *relationship = relationship_of(reading, reading->plans[item].item);
    int status = gather(reading, work, item, &g);
    if (status == WEIR_OK)
        status = sort_children(work, &g);
    for (size_t i = 0; status == WEIR_OK && i < g.parents.count; i++) {
        weir_instance *parent = (weir_instance *)(uintptr_t)g.parents.values[i].as.i;
        if (work->populate_existing || !weir_is_loaded(parent, relationship))
            status = weir_load_attach_many(work, parent, relationship, g.children + g.begin[i], g.begin[i + 1] - g.begin[i]);
    }
    return status;
}

int weir_load_joined(weir_reading *reading, weir_load_work *work, bool collections)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < reading->shape->item_count && status == WEIR_OK; i++) {
        const weir_select_item *item = &reading->shape->items[i];
        if (!item->hidden)
            continue;
        if (item->relationship->kind != WEIR_MEMBER_MANY)
            attach_ones(reading, work, i);
        else if (collections)
            status = attach_collections(reading, work, i);
    }
    return status;
}
