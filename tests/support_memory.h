/* For tests of programs without memory: an allocator that fails at one call, and the loop that has each call fail once. */
#ifndef TEST_SUPPORT_MEMORY_H
#define TEST_SUPPORT_MEMORY_H
#include "support.h"

/* Before weir is first used. */
bool test_memory_install(void);
/* The first status that is an error. */
static inline int test_first(int first, int status) { return first != WEIR_OK ? first : status < 0 ? status : WEIR_OK; }
/* Runs the program, which must succeed, and then once for each allocation that it made, with that one failing: it gives
 * WEIR_OUT_OF_MEMORY, or WEIR_OK where it can do without, and leaves no block behind. At least so many quarters are told. */
void test_fail_each_allocation(test_database *db, int (*program)(const char *url), int quarters);
#endif
