/* Blocks of bytes from jobs to the one that takes them in order of the ranges. What comes before its turn waits in memory, up to a bound,
 * and beyond that in unlinked files, one per lane. Nothing is locked per row: whole blocks change hands. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "transfer/parallel.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/spill.h"

enum { OWN_BLOCKS = 8, MOST_SPARE = 16, PATIENCE_MS = 200 };

int weir_blocks_init(weir_blocks *blocks, size_t window, size_t most_in_memory, size_t block_size, bool spill, const char *directory, weir_ledger *ledger)
{
    pthread_condattr_t monotonic;
    *blocks = (weir_blocks){ .ledger = ledger, .window = window, .most_in_memory = most_in_memory, .spill = spill,
                             .block_size = block_size ? block_size : WEIR_BLOCK_SIZE };
    pthread_mutex_init(&blocks->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&blocks->room, &monotonic);
    pthread_cond_init(&blocks->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    blocks->directory = directory ? directory : weir_temporary_folder();
    blocks->lanes = weir_alloc_zero(ledger, WEIR_MEMORY_OUTPUT, window * sizeof *blocks->lanes);
    if (!blocks->lanes)
        return WEIR_OUT_OF_MEMORY;
    for (size_t i = 0; i < window; i++)
        blocks->lanes[i].fd = -1;
    return WEIR_OK;
}

static void free_list(weir_block *block)
{
    while (block) {
        weir_block *next = block->next;
        weir_free(block->mark);
        weir_free(block);
        block = next;
    }
}

void weir_blocks_free(weir_blocks *blocks)
{
    for (size_t i = 0; blocks->lanes && i < blocks->window; i++) {
        free_list(blocks->lanes[i].first);
        if (blocks->lanes[i].fd >= 0)
            close(blocks->lanes[i].fd);
    }
    free_list(blocks->spare);
    weir_free(blocks->lanes);
    pthread_cond_destroy(&blocks->room);
    pthread_cond_destroy(&blocks->filled);
    pthread_mutex_destroy(&blocks->mutex);
}

void weir_blocks_stop(weir_blocks *blocks)
{
    weir_lock(&blocks->mutex);
    blocks->stopped = true;
    pthread_cond_broadcast(&blocks->room);
    pthread_cond_broadcast(&blocks->filled);
    weir_unlock(&blocks->mutex);
}

/* ---- blocks --------------------------------------------------------------------------------------------------------------------- */
static weir_block *take_spare(weir_blocks *blocks)
{
    weir_lock(&blocks->mutex);
    weir_block *block = blocks->spare;
    if (block) {
        blocks->spare = block->next;
        blocks->spare_count--;
    }
    weir_unlock(&blocks->mutex);
    return block;
}

weir_block *weir_blocks_new(weir_blocks *blocks)
{
    weir_block *block = take_spare(blocks);
    if (!block)
        block = weir_alloc(blocks->ledger, WEIR_MEMORY_OUTPUT, sizeof *block + blocks->block_size);
    if (block)
        *block = (weir_block){ .capacity = blocks->block_size, .spilled_at = -1 };
    return block;
}

void weir_blocks_give_back(weir_blocks *blocks, weir_block *block)
{
    if (!block)
        return;
    weir_free(block->mark);
    block->mark = NULL;
    weir_lock(&blocks->mutex);
    bool kept = blocks->spare_count < MOST_SPARE;
    if (kept) {
        block->next = blocks->spare;
        blocks->spare = block;
        blocks->spare_count++;
    }
    weir_unlock(&blocks->mutex);
    if (!kept)
        weir_free(block);
}

/* ---- the spill file --------------------------------------------------------------------------------------------------------------- */
static int disk_failed(weir_blocks *blocks, const char *what, int number, weir_error *error)
{
    char text[128];
    return weir_error_set(error, WEIR_IO, "cannot %s a temporary file in %s: %s", what, blocks->directory,
                          weir_error_of_system(number, text, sizeof text));
}

/* Only the range's own job writes to its lane's file, at its end. */
static int spill(weir_blocks *blocks, weir_lane_out *lane, const weir_block *block, weir_error *error)
{
    if (lane->fd < 0 && (lane->fd = weir_unnamed_file(blocks->directory)) < 0) {
        return disk_failed(blocks, "make", errno, error);
    }
    int number = weir_pwrite_all(lane->fd, block->bytes, block->length, lane->file_end);
    return number ? disk_failed(blocks, "write", number, error) : WEIR_OK;
}

/* Bytes of the lane's file into the block, which may be NULL: no memory. */
static weir_block *bring_back(weir_blocks *blocks, const weir_lane_out *lane, weir_block *block, int64_t at, size_t length, weir_error *error)
{
    int number = block ? weir_pread_all(lane->fd, block->bytes, length, at) : 0;
    if (block && !number) {
        block->length = length;
        return block;
    }
    if (block)
        disk_failed(blocks, "read", number, error);
    else
        weir_error_out_of_memory(error);
    weir_blocks_give_back(blocks, block);
    return NULL;
}

/* ---- handing over ----------------------------------------------------------------------------------------------------------------- */
static weir_lane_out *lane_of(weir_blocks *blocks, int64_t range) { return &blocks->lanes[(size_t)range % blocks->window]; }

/* The lock is held. Never without a deadline (RULES L6): who waits looks again at what it waits for. */
static void wait_a_while(weir_blocks *blocks, pthread_cond_t *condition)
{
    int64_t until = weir_deadline_ms(PATIENCE_MS);
    struct timespec t = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
    pthread_cond_timedwait(condition, &blocks->mutex, &t);
}

static void add(weir_blocks *blocks, weir_lane_out *lane, int64_t range, weir_block *block)
{
    block->next = NULL;
    *(lane->first ? &lane->last->next : &lane->first) = block;
    lane->last = block;
    if (range == blocks->taking)
        pthread_cond_signal(&blocks->filled);
}

/* What was spilled becomes one piece of the file with what lies before it, so that there are few of them however small blocks are; only a mark
 * must stay where it is, unless the next one takes its rows over. False: no memory. The lock is held. */
static bool add_spilled(weir_blocks *blocks, weir_lane_out *lane, int64_t range, weir_block *block)
{
    weir_block *last = lane->first ? lane->last : NULL;
    bool joins = last && last->spilled_at >= 0 && (!last->mark || block->mark);
    if (joins) {
        if (last->mark)
            block->mark->rows += last->mark->rows;
        weir_free(last->mark);
    } else {
        last = weir_alloc(blocks->ledger, WEIR_MEMORY_OUTPUT, sizeof *last);
        if (!last)
            return false;
        *last = (weir_block){ .spilled_at = lane->file_end };
    }
    last->length += block->length;
    last->mark = block->mark;
    block->mark = NULL;
    lane->file_end += (int64_t)block->length;
    blocks->spilled += (int64_t)block->length;
    if (!joins)
        add(blocks, lane, range, last);
    return true;
}

/* The range whose turn it is always has some room, so that all goes on whatever the others hold. */
static bool has_room(const weir_blocks *blocks, const weir_lane_out *lane, int64_t range)
{
    size_t size = blocks->block_size, most = blocks->most_in_memory, own = OWN_BLOCKS * size;
    if (range == blocks->taking)
        return lane->in_memory == 0 || blocks->in_memory + size <= most;
    return blocks->in_memory + size <= most - (own < most / 2 ? own : most / 2);
}

int weir_blocks_hand(weir_blocks *blocks, int64_t range, weir_block *block, weir_error *error)
{
    weir_lane_out *lane = lane_of(blocks, range);
    weir_lock(&blocks->mutex);
    bool room;
    while (!(room = has_room(blocks, lane, range)) && !blocks->stopped &&
           (!blocks->spill || range == blocks->taking))
        wait_a_while(blocks, &blocks->room);
    if (room && !blocks->stopped) {
        lane->in_memory += blocks->block_size;
        blocks->in_memory += blocks->block_size;
        add(blocks, lane, range, block);
        weir_unlock(&blocks->mutex);
        return WEIR_OK;
    }
    bool stopped = blocks->stopped;
    weir_unlock(&blocks->mutex);
    int status = stopped ? weir_error_set(error, WEIR_CANCELLED, "the run was stopped") : spill(blocks, lane, block, error);
    if (status == WEIR_OK) {
        weir_lock(&blocks->mutex);
        bool added = add_spilled(blocks, lane, range, block);
        weir_unlock(&blocks->mutex);
        status = added ? WEIR_OK : weir_error_out_of_memory(error);
    }
    weir_blocks_give_back(blocks, block);
    return status;
}

void weir_blocks_end(weir_blocks *blocks, int64_t range)
{
    weir_lock(&blocks->mutex);
    lane_of(blocks, range)->done = true;
    if (range == blocks->taking)
        pthread_cond_signal(&blocks->filled);
    weir_unlock(&blocks->mutex);
}

bool weir_blocks_may_begin(weir_blocks *blocks, int64_t range)
{
    weir_lock(&blocks->mutex);
    while (!blocks->stopped && range >= blocks->taking + (int64_t)blocks->window)
        wait_a_while(blocks, &blocks->room);
    bool stopped = blocks->stopped;
    weir_unlock(&blocks->mutex);
    return !stopped;
}

void weir_blocks_drain(weir_blocks *blocks)
{
    weir_lock(&blocks->mutex);
    blocks->stopped = false;
    blocks->draining = true;
    weir_unlock(&blocks->mutex);
}

/* ---- taking ------------------------------------------------------------------------------------------------------------------------- */
/* The lane is ready for the range that comes after `window` others. */
static void next_range(weir_blocks *blocks, weir_lane_out *lane)
{
    lane->done = false;
    if (lane->file_end > 0 && ftruncate(lane->fd, 0) != 0) {    /* then its room is used again: nothing is lost */
    }
    lane->file_end = 0;
    blocks->taking++;
    pthread_cond_broadcast(&blocks->room);
}

/* Takes the first block out of its lane, or a block's worth of what was spilled: then *at and *length say which, and `into` gets the mark, if
 * it is the end. The lock is held. */
static weir_block *take_first(weir_blocks *blocks, weir_lane_out *lane, weir_block *into, int64_t *at, size_t *length)
{
    weir_block *first = lane->first;
    if (first->spilled_at < 0) {
        lane->first = first->next;
        lane->in_memory -= blocks->block_size;
        blocks->in_memory -= blocks->block_size;
        pthread_cond_broadcast(&blocks->room);
        return first;
    }
    *at = first->spilled_at;
    *length = !into || first->length < into->capacity ? first->length : into->capacity;
    first->spilled_at += (int64_t)*length;
    first->length -= *length;
    if (first->length == 0) {
        lane->first = first->next;
        if (into)
            into->mark = first->mark;
        else
            weir_free(first->mark);
        weir_free(first);
    }
    return NULL;
}

weir_block *weir_blocks_take(weir_blocks *blocks, bool *ended, weir_error *error)
{
    weir_lane_out *lane = lane_of(blocks, blocks->taking);      /* changed by this thread only */
    weir_block *block = NULL, *into = NULL;
    int64_t at = -1;
    size_t length = 0;
    *ended = false;
    weir_lock(&blocks->mutex);
    if (!lane->first && !lane->done && !blocks->stopped && !blocks->draining)
        wait_a_while(blocks, &blocks->filled);
    bool spilled = lane->first && lane->first->spilled_at >= 0;
    if (spilled && !blocks->stopped) {
        weir_unlock(&blocks->mutex);
        into = weir_blocks_new(blocks);
        weir_lock(&blocks->mutex);
    }
    if (lane->first && !blocks->stopped) {
        block = take_first(blocks, lane, into, &at, &length);
    } else if (lane->done && !blocks->stopped) {
        *ended = true;
        next_range(blocks, lane);
    }
    weir_unlock(&blocks->mutex);
    if (at >= 0)
        return bring_back(blocks, lane, into, at, length, error);
    weir_blocks_give_back(blocks, into);
    return block;
}
