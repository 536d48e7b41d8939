/* Batches: growing, recycling, and how much room is kept from one fetch to the next. */
#include <string.h>
#include "engine/batch.h"

enum { SMALLEST_CHUNK = 4096, CHUNK_DOUBLINGS = 8, FIRST_TEXT_BLOCK = 1024, KEPT_AT_LEAST = 64 * 1024 };

static weir_chunk *add_chunk(weir_batch *batch)
{
    int doublings = 0;
    for (const weir_chunk *chunk = batch->chunks; chunk && doublings < CHUNK_DOUBLINGS; chunk = chunk->next)
        doublings++;
    size_t places = ((size_t)SMALLEST_CHUNK << doublings) / batch->sink.stride;
    size_t most = batch->expected > batch->places ? batch->expected : batch->limit;
    if (most > batch->places && places > most - batch->places)
        places = most - batch->places;
    size_t room = weir_ledger_room(batch->ledger.parent) / 2 / batch->sink.stride;
    if (places > room)
        places = room;
    if (places == 0)
        places = 1;
    weir_chunk *chunk = weir_alloc(batch->ledger.parent, WEIR_MEMORY_BATCH, sizeof *chunk + places * batch->sink.stride);
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->capacity = places;
    batch->places += places;
    if (batch->filling)
        batch->filling->next = chunk;
    else
        batch->chunks = chunk;
    return chunk;
}

static void count_rows(weir_batch *batch)
{
    weir_chunk *chunk = batch->filling;
    if (chunk)
        chunk->count = (size_t)(batch->sink.next - chunk->places) / batch->sink.stride;
}

static int grow(weir_sink *sink)
{
    weir_batch *batch = (weir_batch *)(void *)sink;
    count_rows(batch);
    weir_chunk *chunk = batch->filling ? batch->filling->next : batch->chunks;
    sink->full = sink->budget && batch->limit && sink->count >= batch->limit;
    if (sink->full || (!chunk && !(chunk = add_chunk(batch))))
        return WEIR_OUT_OF_MEMORY;
    batch->filling = chunk;
    sink->next = chunk->places;
    sink->end = chunk->places + chunk->capacity * sink->stride;
    return WEIR_OK;
}

weir_batch *weir_batch_new(weir_ledger *ledger, size_t stride)
{
    weir_batch *batch = weir_alloc_zero(ledger, WEIR_MEMORY_BATCH, sizeof *batch);
    if (!batch)
        return NULL;
    weir_ledger_init(&batch->ledger, ledger);
    weir_arena_init(&batch->arena, &batch->ledger, WEIR_MEMORY_BATCH, FIRST_TEXT_BLOCK);
    batch->sink = (weir_sink){ .stride = stride, .arena = &batch->arena, .grow = grow };
    return batch;
}

/* Frees the chunks that a fetch of `rows` rows has no use for. */
static void trim_chunks(weir_batch *batch, size_t rows)
{
    size_t places = 0;
    weir_chunk **link = &batch->chunks;
    while (*link && (rows == 0 || places < rows)) {
        places += (*link)->capacity;
        link = &(*link)->next;
    }
    batch->places = places;
    while (*link) {
        weir_chunk *chunk = *link;
        *link = chunk->next;
        weir_free(chunk);
    }
}

/* Room for values is judged by the smaller of the last two fetches: what a single giant needed is given back at once. */
static void recycle_values(weir_batch *batch)
{
    weir_arena *arena = &batch->arena;
    if (!arena->blocks)
        return;
    size_t used = atomic_load(&batch->ledger.bytes) - (size_t)(arena->end - arena->next);
    size_t usual = batch->usual && batch->usual < used ? batch->usual : used;
    batch->usual = used;
    weir_arena_reset(arena, 4 * usual + KEPT_AT_LEAST);
    if (arena->blocks)
        return;
    arena->first_size = usual + usual / 8 + FIRST_TEXT_BLOCK;
}

void weir_batch_begin(weir_batch *batch, size_t rows)
{
    trim_chunks(batch, rows);
    batch->limit = rows;
    batch->expected = 0;
    batch->filling = NULL;
    batch->kept = false;
    batch->sink.next = batch->sink.end = NULL;
    batch->sink.count = 0;
    batch->sink.full = false;
    for (weir_chunk *chunk = batch->chunks; chunk; chunk = chunk->next)
        chunk->count = 0;
    recycle_values(batch);
}

void weir_batch_shed(weir_batch *batch)
{
    weir_batch_drop_rows(batch);
    weir_arena_free(&batch->arena);
    batch->arena.first_size = FIRST_TEXT_BLOCK;
    batch->sink.next = batch->sink.end = NULL;
}

size_t weir_batch_end(weir_batch *batch)
{
    count_rows(batch);
    batch->ready = SIZE_MAX;
    return batch->sink.count;
}

/* From a row of the batch on, one place after the other. */
typedef struct walk { weir_chunk *chunk; size_t row; } walk;

static walk walk_from(const weir_batch *batch, size_t row)
{
    walk w = { batch->chunks, row };
    while (w.chunk && w.row >= w.chunk->count) {
        w.row -= w.chunk->count;
        w.chunk = w.chunk->next;
    }
    return w;
}

static void *walk_on(walk *w, size_t stride)
{
    while (w->row == w->chunk->count) {
        w->chunk = w->chunk->next;
        w->row = 0;
    }
    return w->chunk->places + w->row++ * stride;
}

int weir_batch_rearrange(weir_batch *batch, size_t before, const size_t *ends, const uint32_t *places, size_t count)
{
    size_t stride = batch->sink.stride, rows = count ? ends[count - 1] - before : 0;
    if (rows < 2)
        return WEIR_OK;
    weir_batch_end(batch);
    uint32_t *groups = weir_alloc(batch->ledger.parent, WEIR_MEMORY_BATCH, count * sizeof *groups);
    char *copy = weir_alloc(batch->ledger.parent, WEIR_MEMORY_BATCH, rows * stride);
    if (groups && copy) {
        walk from = walk_from(batch, before), to = from;
        for (size_t i = 0; i < rows; i++)
            memcpy(copy + i * stride, walk_on(&from, stride), stride);
        for (size_t i = 0; i < count; i++)
            groups[places[i]] = (uint32_t)i;
        for (size_t i = 0; i < count; i++)
            for (size_t row = groups[i] ? ends[groups[i] - 1] : before; row < ends[groups[i]]; row++)
                memcpy(walk_on(&to, stride), copy + (row - before) * stride, stride);
    }
    int status = groups && copy ? WEIR_OK : WEIR_OUT_OF_MEMORY;
    weir_free(copy);
    weir_free(groups);
    return status;
}

void weir_batch_drop_rows(weir_batch *batch)
{
    while (batch->chunks) {
        weir_chunk *chunk = batch->chunks;
        batch->chunks = chunk->next;
        weir_free(chunk);
    }
    batch->filling = NULL;
    batch->places = 0;
}

void weir_batch_free(weir_batch *batch)
{
    if (!batch)
        return;
    weir_batch_drop_rows(batch);
    weir_arena_free(&batch->arena);
    weir_free(batch);
}

void weir_batch_free_list(weir_batch **list)
{
    while (*list) {
        weir_batch *batch = *list;
        *list = batch->next;
        weir_batch_free(batch);
    }
}
