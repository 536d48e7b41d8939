/* For tests that measure how much memory something takes at its peak, or fork. */
#ifndef TEST_SUPPORT_APART_H
#define TEST_SUPPORT_APART_H
#include "support.h"

/* Sanitizers hold on to freed memory: then only the ledger's figures are weir's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { RSS_IS_OURS = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
enum { RSS_IS_OURS = 0 };
#else
enum { RSS_IS_OURS = 1 };
#endif
#else
enum { RSS_IS_OURS = 1 };
#endif

/* ThreadSanitizer in the child of a process with other threads, or fibers: it takes all but the one that forked for dead, and overlooks what
 * that one does, but not what fibers do that it switches to (ForkChildAfter in its tsan_rtl.cpp): races that are none, and fatal errors of its own. */
#if defined(__SANITIZE_THREAD__)
enum { UNDER_TSAN = 1 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { UNDER_TSAN = 1 };
#else
enum { UNDER_TSAN = 0 };
#endif
#else
enum { UNDER_TSAN = 0 };
#endif

/* Runs measure(argument, out) in a child process, whose peak of memory is its own, in a task where this is one; under ThreadSanitizer
 * right here. It makes an engine of its own and fills `size` bytes of plain data at `out`. */
void test_apart(void (*measure)(const void *argument, void *out), const void *argument, void *out, size_t size);
#endif
