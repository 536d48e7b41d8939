/* The tables of jobs: a range is done once, by whoever has its lease; who lost it changes nothing (RULES K5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/arena.h"
#include "transfer/job_table.h"

static char schema[64];
static weir_engine *engine;
static weir_error error;

static weir_job_table table_of(const char *owner)
{
    return (weir_job_table){ .engine = engine, .ledger = weir_ledger_root(), .schema = schema, .job = "job", .owner = owner };
}

static int set_up(void **state)
{
    (void)state;
    const char *url = getenv("WEIR_TEST_PG");
    if (!url)
        fail_msg("WEIR_TEST_PG is not set: run by scripts/check");
    snprintf(schema, sizeof schema, "weir_job_table_%ld", (long)getpid());
    assert_int_equal(weir_engine_open(&engine, url, NULL), WEIR_OK);
    weir_job_table table = table_of("nobody");
    assert_int_equal(weir_job_make_tables(&table, &error), WEIR_OK);
    assert_int_equal(weir_job_make_tables(&table, &error), WEIR_OK);
    weir_job_facts facts = { .fingerprint = "print", .format = "csv", .failures = 3 };
    assert_int_equal(weir_job_add(&table, &facts, (const weir_job_range[]){ { NULL, NULL, "m" }, { "p.q", "m", NULL } }, 2, &error), WEIR_OK);
    assert_int_equal(weir_job_add(&table, &facts, (const weir_job_range[]){ { NULL, NULL, "x" }, { NULL, "x", NULL } }, 2, &error), WEIR_OK);     /* comes too late */
    return 0;
}

static int tear_down(void **state)
{
    char sql[128];
    (void)state;
    weir_connection *connection = weir_engine_begin(engine);
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", schema);
    assert_true(weir_connection_run(connection, sql) >= 0);
    assert_int_equal(weir_connection_close(&connection), WEIR_OK);
    weir_engine_close(&engine);
    return 0;
}

static int take(const char *owner, int64_t lease_ms, weir_arena *arena, weir_job_lease *lease)
{
    weir_job_table table = table_of(owner);
    weir_job_facts facts = { .lease_ms = lease_ms, .failures = 3 };
    return weir_job_take(&table, &facts, arena, lease, &error);
}

static int finish(const char *owner, const weir_job_lease *lease, int64_t rows, const char *file)
{
    weir_job_table table = table_of(owner);
    return weir_job_finish(&table, lease, &(weir_piece_facts){ .rows = rows, .bytes = 1, .sha256 = "sum" }, file, &error);
}

static void test_who_lost_a_lease_changes_nothing(void **state)
{
    weir_arena arena;
    weir_job_lease first, second, other, none;
    weir_job_facts facts = { .lease_ms = 60000, .failures = 3 };
    weir_job_table a = table_of("a");
    weir_job_figures figures;
    (void)state;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 256);
    assert_int_equal(take("a", 50, &arena, &first), WEIR_JOB_RANGE);
    assert_null(first.range.after);
    assert_null(first.range.partition);
    assert_string_equal(first.range.through, "m");
    assert_int_equal(take("b", 60000, &arena, &other), WEIR_JOB_RANGE);
    assert_string_equal(other.range.after, "m");
    assert_string_equal(other.range.partition, "p.q");
    assert_null(other.range.through);
    assert_int_equal(take("c", 60000, &arena, &none), WEIR_JOB_WAIT);
    nanosleep(&(struct timespec){ .tv_nsec = 120000000 }, NULL);

    assert_int_equal(take("b", 60000, &arena, &second), WEIR_JOB_RANGE);       /* a's lease ran out */
    assert_int_equal(second.number, first.number);
    assert_int_equal(second.attempt, first.attempt + 1);
    assert_int_equal(weir_job_prolong(&a, &facts, &first, &error), 0);
    assert_int_equal(finish("a", &first, 7, "a.csv"), 0);
    assert_int_equal(weir_job_give_back(&a, &first, WEIR_JOB_ATTEMPT, "no", &error), WEIR_OK);
    assert_int_equal(finish("b", &second, 5, "b.csv"), 1);
    assert_int_equal(finish("b", &second, 5, "b.csv"), 1);              /* said again, after a connection was lost in the middle */
    assert_int_equal(finish("a", &first, 7, "a.csv"), 0);
    assert_int_equal(finish("a", &second, 7, "a.csv"), 0);              /* another owner with the right attempt */
    assert_int_equal(finish("b", &first, 7, "a.csv"), 0);               /* the right owner with another attempt */
    assert_int_equal(finish("b", &other, 2, "c.csv"), 1);
    assert_int_equal(take("c", 60000, &arena, &none), WEIR_JOB_DONE);
    assert_int_equal(weir_job_status(engine, schema, "job", &figures, &error), WEIR_OK);
    assert_int_equal(figures.rows, 7);
    assert_int_equal(figures.takeovers, 1);
    weir_arena_free(&arena);
}

static void test_failures_are_counted_and_polite_ends_are_not(void **state)
{
    weir_arena arena;
    weir_job_lease lease;
    weir_job_table a = table_of("a");
    weir_job_figures figures;
    (void)state;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 256);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(take("a", 60000, &arena, &lease), WEIR_JOB_RANGE);
        assert_int_equal(lease.attempt, i + 1);
        assert_int_equal(weir_job_give_back(&a, &lease, WEIR_JOB_UNTRIED, NULL, &error), WEIR_OK);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take("a", 60000, &arena, &lease), WEIR_JOB_RANGE);
        assert_int_equal(weir_job_give_back(&a, &lease, WEIR_JOB_ATTEMPT, "it is too dark", &error), WEIR_OK);
    }
    assert_int_equal(take("a", 60000, &arena, &lease), WEIR_JOB_FAILED);
    assert_int_equal(weir_job_status(engine, schema, "job", &figures, &error), WEIR_OK);
    assert_string_equal(figures.state, "failed");
    assert_string_equal(figures.reason, "range 0 failed 3 times: it is too dark");
    weir_arena_free(&arena);
}

/* A network that comes and goes does not use up a range's attempts; a range that always ends its connection ends the job in the end. */
static void test_lost_connections_are_counted_apart(void **state)
{
    weir_arena arena;
    weir_job_lease lease;
    weir_job_table a = table_of("a");
    weir_job_figures figures;
    (void)state;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 256);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(take("a", 60000, &arena, &lease), WEIR_JOB_RANGE);
        assert_int_equal(lease.number, 0);
        assert_int_equal(weir_job_give_back(&a, &lease, WEIR_JOB_LOSS, "the network is gone", &error), WEIR_OK);
    }
    assert_int_equal(take("a", 60000, &arena, &lease), WEIR_JOB_FAILED);
    assert_int_equal(weir_job_status(engine, schema, "job", &figures, &error), WEIR_OK);
    assert_string_equal(figures.reason, "range 0 lost its connection 30 times: the network is gone");
    assert_int_equal(figures.takeovers, 30);
    weir_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_lost_a_lease_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures_are_counted_and_polite_ends_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_connections_are_counted_apart, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
