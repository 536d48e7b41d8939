/* An allocator that fails at the chosen call. */
#include "support_memory.h"
#include <stdlib.h>

static struct { long calls, fail_at, live; bool failed; } memory;

static bool fails(void)
{
    if (++memory.calls != memory.fail_at)
        return false;
    memory.failed = true;
    return true;
}

static void *allocate(size_t size, void *context)
{
    (void)context;
    void *block = fails() ? NULL : malloc(size);
    memory.live += block ? 1 : 0;
    return block;
}

static void *resize(void *block, size_t size, void *context)
{
    (void)context;
    return fails() ? NULL : realloc(block, size);
}

static void release(void *block, void *context)
{
    (void)context;
    memory.live--;
    free(block);
}

bool test_memory_install(void)
{
    static const weir_allocator allocator = { allocate, resize, release, NULL };
    return weir_set_allocator(&allocator) == WEIR_OK;
}

void test_fail_each_allocation(test_database *db, int (*program)(const char *url), int quarters)
{
    long live = memory.live;
    memory.calls = 0;
    assert_int_equal(program(db->url), WEIR_OK);
    long calls = memory.calls, told = 0;
    assert_int_equal(memory.live, live);
    assert_true(calls > 40);
    for (long at = 1; at <= calls; at++) {
        memory.calls = 0;
        memory.failed = false;
        memory.fail_at = at;
        int status = program(db->url);
        memory.fail_at = 0;
        if (memory.live != live || (status != WEIR_OUT_OF_MEMORY && status != WEIR_OK))
            fail_msg("allocation %ld of %ld: status %d, %ld blocks stay", at, calls, status, memory.live - live);
        assert_true(memory.failed || status == WEIR_OK);
        told += status == WEIR_OUT_OF_MEMORY;
    }
    /* Buffers that only make things faster may be missing without a word. */
    assert_true(told >= calls * quarters / 4);
}
