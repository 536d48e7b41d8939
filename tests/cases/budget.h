/* What the tests of byte budgets share. */
#ifndef TEST_BUDGET_H
#define TEST_BUDGET_H
#include <stdint.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#endif
