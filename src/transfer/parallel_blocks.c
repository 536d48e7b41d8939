/* Blocks of bytes from jobs to the one that takes them in order of the ranges. What comes before its turn waits in memory, up to a bound,
 * and beyond that in unlinked files, one per lane. Nothing is locked per row: whole blocks change hands. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "transfer/parallel.h"
#include "base/lock.h"
#include "base/spill.h"

enum { OWN_ROOM = 8 * WEIR_BLOCK_SIZE, MOST_SPARE = 16, PATIENCE_MS = 200 };

int weir_blocks_init(weir_blocks *blocks, size_t window, size_t most_in_memory, bool spill, const char *directory, weir_ledger *ledger)
{
    pthread_condattr_t monotonic;
    *blocks = (weir_blocks){ .ledger = ledger, .window = window, .most_in_memory = most_in_memory, .spill = spill };
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

weir_block *weir_blocks_new(weir_blocks *blocks, size_t size)
{
    size_t capacity = size > WEIR_BLOCK_SIZE ? size : WEIR_BLOCK_SIZE;
    weir_block *block = capacity == WEIR_BLOCK_SIZE ? take_spare(blocks) : NULL;
    if (!block)
        block = weir_alloc(blocks->ledger, WEIR_MEMORY_OUTPUT, sizeof *block + capacity);
    if (block)
        *block = (weir_block){ .capacity = capacity, .spilled_at = -1 };
    return block;
}

void weir_blocks_give_back(weir_blocks *blocks, weir_block *block)
{
    if (!block)
        return;
    bool kept = false;
    weir_free(block->mark);
    block->mark = NULL;
    if (block->capacity == WEIR_BLOCK_SIZE) {
        weir_lock(&blocks->mutex);
        kept = blocks->spare_count < MOST_SPARE;
        if (kept) {
            block->next = blocks->spare;
            blocks->spare = block;
            blocks->spare_count++;
        }
        weir_unlock(&blocks->mutex);
    }
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

/* Only the range's own job writes to its lane's file. The block that is left stands for the bytes there. */
static weir_block *spill(weir_blocks *blocks, weir_lane_out *lane, weir_block *block, weir_error *error)
{
    if (lane->fd < 0 && (lane->fd = weir_unnamed_file(blocks->directory)) < 0) {
        disk_failed(blocks, "make", errno, error);
        return NULL;
    }
    for (size_t done = 0; done < block->length; ) {
        ssize_t n = pwrite(lane->fd, block->bytes + done, block->length - done, lane->file_end + (off_t)done);
        if (n < 0 && errno != EINTR) {
            disk_failed(blocks, "write", errno, error);
            return NULL;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    weir_block *stub = weir_alloc(blocks->ledger, WEIR_MEMORY_OUTPUT, sizeof *stub);
    if (!stub) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    *stub = (weir_block){ .length = block->length, .spilled_at = lane->file_end, .mark = block->mark };
    block->mark = NULL;
    lane->file_end += (int64_t)block->length;
    return stub;
}

static weir_block *bring_back(weir_blocks *blocks, const weir_lane_out *lane, const weir_block *stub, weir_error *error)
{
    weir_block *block = weir_blocks_new(blocks, stub->length);
    if (!block) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    while (block->length < stub->length) {
        ssize_t n = pread(lane->fd, block->bytes + block->length, stub->length - block->length,
                          stub->spilled_at + (off_t)block->length);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            disk_failed(blocks, "read", n == 0 ? EIO : errno, error);
            weir_blocks_give_back(blocks, block);
            return NULL;
        }
        block->length += n > 0 ? (size_t)n : 0;
    }
    return block;
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

/* The range whose turn it is always has some room, so that all goes on whatever the others hold. */
static bool has_room(const weir_blocks *blocks, const weir_lane_out *lane, int64_t range, size_t size)
{
    return range == blocks->taking ? lane->in_memory == 0 || lane->in_memory + size <= OWN_ROOM
                                   : blocks->in_memory + size <= blocks->most_in_memory;
}

int weir_blocks_hand(weir_blocks *blocks, int64_t range, weir_block *block, weir_error *error)
{
    weir_lane_out *lane = lane_of(blocks, range);
    weir_lock(&blocks->mutex);
    bool room;
    while (!(room = has_room(blocks, lane, range, block->capacity)) && !blocks->stopped &&
           (!blocks->spill || range == blocks->taking))
        wait_a_while(blocks, &blocks->room);
    if (room && !blocks->stopped) {
        lane->in_memory += block->capacity;
        blocks->in_memory += block->capacity;
        add(blocks, lane, range, block);
        weir_unlock(&blocks->mutex);
        return WEIR_OK;
    }
    bool stopped = blocks->stopped;
    weir_unlock(&blocks->mutex);
    weir_block *stub = stopped ? NULL : spill(blocks, lane, block, error);
    size_t length = block->length;
    weir_blocks_give_back(blocks, block);
    if (!stub)
        return stopped ? weir_error_set(error, WEIR_CANCELLED, "the run was stopped") : error->status;
    weir_lock(&blocks->mutex);
    add(blocks, lane, range, stub);
    blocks->spilled += (int64_t)length;
    weir_unlock(&blocks->mutex);
    return WEIR_OK;
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

weir_block *weir_blocks_take(weir_blocks *blocks, bool *ended, weir_error *error)
{
    weir_lane_out *lane = lane_of(blocks, blocks->taking);      /* changed by this thread only */
    *ended = false;
    weir_lock(&blocks->mutex);
    if (!lane->first && !lane->done && !blocks->stopped && !blocks->draining)
        wait_a_while(blocks, &blocks->filled);
    weir_block *block = blocks->stopped ? NULL : lane->first;
    if (block) {
        lane->first = block->next;
        if (block->spilled_at < 0) {
            lane->in_memory -= block->capacity;
            blocks->in_memory -= block->capacity;
            pthread_cond_broadcast(&blocks->room);
        }
    } else if (lane->done && !blocks->stopped) {
        *ended = true;
        next_range(blocks, lane);
    }
    weir_unlock(&blocks->mutex);
    if (!block || block->spilled_at < 0)
        return block;
    weir_block *back = bring_back(blocks, lane, block, error);
    if (back)
        back->mark = block->mark;
    else
        weir_free(block->mark);
    weir_free(block);
    return back;
}
