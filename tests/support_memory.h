/* For tests of programs without memory: an allocator that fails at one call, or from one call on, and the loop that lets each call of a
 * program be that one, in a thread and in a task.
 *
 * WEIR_TEST_EVERY=n tries every n-th call; 1: each (make check-faults). By default some 16 of each scenario, spread over it. */
#ifndef TEST_SUPPORT_MEMORY_H
#define TEST_SUPPORT_MEMORY_H
#include "support.h"

/* Before weir is first used. */
bool test_memory_install(void);
/* The first status that is an error. */
static inline int test_first(int first, int status) { return first != WEIR_OK ? first : status < 0 ? status : WEIR_OK; }

/* What is run again and again: gives the first error that it met, leaves the database as it was, and checks by itself that what came
 * without an error was whole. Its engine is closed by who called. */
typedef int (*test_program)(weir_engine *engine, test_database *db);
enum {
    TEST_COLD = 1,          /* the engine's opening and its first connection may fail, too; else they are there before */
    TEST_POOL_OF_FOUR = 2,  /* for programs of several threads; else three */
    TEST_THREADS_ONLY = 8,  /* no run in a task: it has threads or loops of its own */
    TEST_DOES_WITHOUT = 4,  /* most of what fails is done again or done without: no share of it must be told */
};
/* Runs the program, which must succeed, and then with one allocation failing, and once more with all from that one on: it gives
 * WEIR_OUT_OF_MEMORY, or WEIR_OK where it can do without, and leaves no block behind; the engine's pool has all its connections back and
 * they work. Then the same with each run in a task of a loop of its own. Prints how many were tried:
 * scenario | database | world | allocations | one fails: tried | told | done without | all from there on: tried | told | done without */
void test_fail_allocations(test_database *db, const char *scenario, test_program program, unsigned flags);
/* Nothing fails in between: to look at what a failure has left. */
void test_memory_pause(void);
void test_memory_resume(void);
/* The connection, after a rollback, works. Gives `status` back. */
int test_still_works(weir_connection *connection, int status);
#endif
