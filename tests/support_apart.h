/* For tests that measure how much memory something takes at its peak. */
#ifndef TEST_SUPPORT_APART_H
#define TEST_SUPPORT_APART_H
#include "support.h"

/* Runs measure(argument, out) in a child process, whose peak of memory is its own, in a task where this is one. It makes an engine of its
 * own and fills `size` bytes of plain data at `out`. */
void test_apart(void (*measure)(const void *argument, void *out), const void *argument, void *out, size_t size);
#endif
