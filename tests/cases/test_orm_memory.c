/* Memory of sessions: flat while they stream, given back afterwards, and every failed allocation is told. */
#include "support_memory.h"
#include <stdlib.h>
#include <string.h>

struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state));

static weir_result *scalars(weir_session *session, int64_t yield_per)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    if (yield_per)
        weir_yield_per(stmt, yield_per);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

/* ---- failing ------------------------------------------------------------------------------------------------------------- */

static int stream(weir_session *session, int64_t yield_per, struct order **kept)
{
    weir_result *result = scalars(session, yield_per);
    int64_t id = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;) {
        assert_int_equal(order->id, ++id);
        assert_string_equal(order->state, order->id == 2 && weir_state_of(order) & WEIR_STATE_MODIFIED ? "mine" : "pending");
        if (order->id == 2)
            WEIR_SET(order, state, "mine");
        if (order->id == 5 && !*kept)
            *kept = weir_retain(order);
    }
    int status = weir_result_close(&result);
    if (status == WEIR_OK)
        assert_int_equal(id, 12);       /* never fewer instances without an error */
    return status;
}

static int run_session(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = WEIR_OK;
    struct order *kept = NULL;
    weir_session *session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    first = test_first(first, stream(session, 5, &kept));
    first = test_first(first, stream(session, 0, &kept));
    struct order *second = first == WEIR_OK ? WEIR_GET(order, session, 2) : NULL;
    if (first == WEIR_OK && !second)
        first = weir_session_error(session)->status;
    if (second)
        first = test_first(first, weir_session_refresh(session, second));
    if (kept) {
        if (first == WEIR_OK)
            first = test_first(first, weir_session_expire(session, kept));
        assert_string_equal(kept->state, "pending");
    }
    first = test_first(first, weir_session_rollback(session));
    int closed = weir_session_close(&session);
    first = test_first(first, closed);
    if (kept) {
        assert_int_equal(kept->id, 5);
        assert_string_equal(kept->state, "pending");
        weir_release(kept);
    }
    return first;
}

static void test_each_allocation_that_fails_in_a_session_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_fail_allocations(db, "streams of instances", run_session, 0);
}

/* ---- flat ---------------------------------------------------------------------------------------------------------------- */

static size_t ledger_bytes(const test_database *db)
{
    weir_memory_figures figures;
    weir_engine_memory(db->engine, &figures);
    return figures.bytes;
}

static void test_a_stream_of_instances_is_flat(void **state)
{
    test_database *db = *state;
    test_fixture(db, 60000);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, 500);
    size_t early = 0, most = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;) {
        if (order->id % 500 != 1)
            continue;
        size_t now = ledger_bytes(db);
        if (order->id <= 5000)
            early = now > early ? now : early;
        most = now > most ? now : most;
    }
    close_result_ok(&result);
    assert_true(most <= early);
    assert_int_equal(weir_session_count(session), 0);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_retaining_one_of_many_costs_that_one(void **state)
{
    test_database *db = *state;
    struct order *kept[60];
    size_t count = 0;
    test_fixture(db, 60000);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, 500);
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        if (order->id % 1000 == 0)
            kept[count++] = weir_retain(order);
    close_result_ok(&result);
    assert_int_equal(count, 60);
    assert_int_equal(weir_session_count(session), 60);
    size_t with = ledger_bytes(db);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(kept[i]->id, 1000 * (int64_t)(i + 1));
        assert_string_equal(kept[i]->state, "pending");
        weir_release(kept[i]);
    }
    assert_int_equal(weir_session_count(session), 0);
    weir_session_expunge_all(session);
    /* Slabs of a batch or two, and 60 small blocks: not 60 batches of 500. */
    assert_true(with - ledger_bytes(db) < 300 * 1024);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_what_a_large_buffered_result_took_is_given_back(void **state)
{
    test_database *db = *state;
    test_fixture(db, 20000);
    weir_session *session = weir_session_open(db->engine);
    size_t before = ledger_bytes(db);
    weir_result *result = scalars(session, 0);
    const weir_partition *all = weir_result_all(result);
    assert_int_equal(all->count, 20000);
    struct order *last = all->instances[19999];
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 20000);
    assert_string_equal(last->state, "pending");
    size_t full = ledger_bytes(db);
    assert_status(weir_session_expunge(session, last), WEIR_OK);
    weir_session_expunge_all(session);
    assert_int_equal(weir_session_count(session), 0);
    assert_true(ledger_bytes(db) - before < (full - before) / 8);
    assert_status(weir_session_close(&session), WEIR_OK);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_each_allocation_that_fails_in_a_session_is_told),
        ON_BOTH(test_a_stream_of_instances_is_flat),
        ON_BOTH(test_retaining_one_of_many_costs_that_one),
        ON_BOTH(test_what_a_large_buffered_result_took_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
