/* What the tests of byte budgets share: units, and whether the kernel's figure is weir's. */
#ifndef TEST_BUDGET_H
#define TEST_BUDGET_H
#include <stdint.h>

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

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#endif
