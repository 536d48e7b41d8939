/* Queues without memory: every allocation that fails is told, and nothing stays. */
#include "loading.h"
#include "support_memory.h"

static int pass(weir_queue *queue, struct order *order)
{
    void *item;
    int status = weir_queue_put(queue, order);
    if (status != WEIR_OK)
        return status;
    assert_int_equal(weir_queue_get(queue, &item, 0), WEIR_OK);
    struct order *copy = item;
    assert_int_equal(copy->lines.count, 3);
    assert_non_null(weir_retain(copy));
    weir_queue_done(queue);
    assert_string_equal(copy->state, "pending");
    weir_release(copy);
    return WEIR_OK;
}

static int pass_orders(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = WEIR_OK;
    weir_session *session = weir_session_open(engine);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, NULL), *shared = WEIR_QUEUE_OF(order, WEIR_QUEUE_SHARED, NULL);
    weir_stmt *stmt = ORDERS(2);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    for (struct order *order; first == WEIR_OK && (order = WEIR_NEXT(order, result)) != NULL;) {
        first = pass(queue, order);
        if (first == WEIR_OK)
            first = pass(shared, order);
    }
    first = test_first(first, weir_result_close(&result));
    int closed = weir_session_close(&session);
    first = test_first(first, closed);
    weir_queue_free(&queue);
    weir_queue_free(&shared);
    return first;
}

static void test_each_allocation_that_fails_in_a_queue_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    test_fail_allocations(db, "queues of instances", pass_orders, 0);
}

int main(void)
{
    if (!test_memory_install())
        return 1;
    const struct CMUnitTest tests[] = { ON_BOTH(test_each_allocation_that_fails_in_a_queue_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
