/* The unit of work: adding, changing and deleting single instances, autoflush, failed flushes, rollbacks (cases.md C, F). */
#include "support.h"
#include <stdio.h>
#include <string.h>

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id, quantity; struct order *order; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true),
    WEIR_COLUMN(order_line, order_id),
    WEIR_COLUMN(order_line, quantity),
    WEIR_BELONGS_TO(order_line, order, order, order_id));

static weir_session *session_with(test_database *db, weir_switch autoflush)
{
    return weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = autoflush));
}

#define CALL_OK(session, call) assert_error(((call) == WEIR_OK ? &(const weir_error){ 0 } : weir_session_error(session)), WEIR_OK)
#define CLOSE_OK(session) assert_int_equal(weir_session_close(&(session)), WEIR_OK)

static struct order *new_order(weir_session *session, int64_t id, int64_t amount, const char *state)
{
    struct order *order = WEIR_NEW(order, session);
    assert_non_null(order);
    order->id = id;
    order->amount_cents = amount;
    order->state = state;
    return order;
}

static struct order *add_order(weir_session *session, int64_t id)
{
    struct order *order = new_order(session, id, 10 * id, "pending");
    CALL_OK(session, weir_session_add(session, order));
    return order;
}

static int checked_out(const test_database *db)
{
    weir_pool_status pool;
    weir_engine_pool_status(db->engine, &pool);
    return pool.checked_out;
}

static int64_t stream_all(weir_session *session, weir_switch autoflush)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(stmt, 5);
    weir_autoflush(stmt, autoflush);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    int64_t count = 0;
    while (WEIR_NEXT(order, result))
        count++;
    int status = weir_result_close(&result);
    return status == WEIR_OK ? count : status;
}

/* Case 93. */
static void test_case_093_what_begins_a_transaction(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    assert_false(weir_session_in_transaction(session));
    assert_int_equal(checked_out(db), 0);
    CALL_OK(session, weir_session_flush(session));
    assert_false(weir_session_in_transaction(session));
    assert_int_equal(stream_all(session, WEIR_UNSET), 3);
    assert_true(weir_session_in_transaction(session));
    assert_int_equal(checked_out(db), 1);
    CALL_OK(session, weir_session_commit(session));
    assert_false(weir_session_in_transaction(session));
    assert_int_equal(checked_out(db), 0);
    add_order(session, 500);
    CALL_OK(session, weir_session_flush(session));
    assert_true(weir_session_in_transaction(session));
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE id = 500 AND amount_cents = 5000 AND state = 'pending'"), 1);
}

static void test_an_added_instance_goes_through_its_states(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    char text[16] = "typed";
    struct order *order = new_order(session, 7, 70, text);
    assert_int_equal(weir_state_of(order), WEIR_TRANSIENT);
    assert_false(weir_session_has(session, order));
    CALL_OK(session, weir_session_add(session, order));
    strcpy(text, "gone");                       /* it was copied */
    assert_int_equal(weir_state_of(order), WEIR_PENDING);
    assert_true(weir_session_has(session, order));
    assert_true(weir_session_is_modified(session, order));
    assert_int_equal(weir_session_new_count(session), 1);
    assert_int_equal(weir_session_count(session), 0);
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(weir_state_of(order), WEIR_PERSISTENT);
    assert_int_equal(weir_session_new_count(session), 0);
    assert_int_equal(weir_session_count(session), 1);
    assert_false(weir_session_is_modified(session, order));
    assert_ptr_equal(WEIR_GET(order, session, 7), order);
    CALL_OK(session, weir_session_delete(session, order));
    assert_int_equal(weir_session_deleted_count(session), 1);
    assert_true(weir_session_has(session, order));
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(weir_state_of(order), WEIR_DELETED);
    assert_false(weir_session_has(session, order));
    assert_int_equal(weir_session_count(session), 0);
    assert_string_equal(order->state, "typed");
    assert_ptr_equal(weir_retain(order), order);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(weir_state_of(order), WEIR_DETACHED);
    weir_release(order);
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 3);
}

/* Case 36. */
static void test_case_036_a_stream_flushes_what_is_pending_first(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    add_order(session, 500);
    test_log_clear(db->log);
    assert_int_equal(stream_all(session, WEIR_UNSET), 13);
    assert_contains(test_log_at(db->log, WEIR_LOG_STATEMENT, 0)->message, "INSERT INTO orders");
    assert_contains(test_log_at(db->log, WEIR_LOG_STATEMENT, 1)->message, "SELECT");
    CLOSE_OK(session);
    /* By the session's option, and by the statement's. */
    for (int by_statement = 0; by_statement < 2; by_statement++) {
        session = session_with(db, by_statement ? WEIR_ON : WEIR_OFF);
        add_order(session, 500);
        test_log_clear(db->log);
        assert_int_equal(stream_all(session, by_statement ? WEIR_OFF : WEIR_UNSET), 12);
        assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "INSERT"), 0);
        CLOSE_OK(session);
    }
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 12);
}

static void test_an_update_has_the_changed_columns_alone(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    struct order *order = WEIR_GET(order, session, 2);
    CALL_OK(session, weir_session_commit(session));
    test_side_run(db, "UPDATE orders SET state = 'other', tenant_id = 77 WHERE id = 2");
    WEIR_SET(order, amount_cents, 777);
    assert_true(weir_session_is_modified(session, order));
    assert_int_equal(weir_session_dirty_count(session), 1);
    test_log_clear(db->log);
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(weir_session_dirty_count(session), 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 1);
    assert_contains(test_log_at(db->log, WEIR_LOG_STATEMENT, 0)->message, "UPDATE orders SET amount_cents = ");
    /* The same value again is no change; texts are compared, not pointers. */
    char same[8] = "pending";
    WEIR_SET(order, amount_cents, 777);
    WEIR_SET(order, state, same);
    test_log_clear(db->log);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE id = 2 AND state = 'other' AND tenant_id = 77 AND amount_cents = 777"), 1);
}

static void test_members_written_by_hand_are_written_whole(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    struct order *order = WEIR_GET(order, session, 2);
    order->amount_cents = 5;
    order->state = "by hand";
    weir_changed(order);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(weir_load(order, amount_cents), WEIR_OK);
    assert_int_equal(order->amount_cents, 5);
    assert_string_equal(order->state, "by hand");
    CLOSE_OK(session);
}

/* Case 101. */
static void test_case_101_a_rollback_undoes_in_the_instances_too(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    test_side_run(db, "DELETE FROM order_lines");
    weir_session *session = weir_session_open(db->engine);
    struct order *changed = WEIR_GET(order, session, 1), *deleted = WEIR_GET(order, session, 2), *marked = WEIR_GET(order, session, 3);
    struct order *pending = new_order(session, 50, 1, "x"), *inserted = new_order(session, 51, 1, "x");
    CALL_OK(session, weir_session_add(session, inserted));
    WEIR_SET(changed, amount_cents, 999);
    CALL_OK(session, weir_session_delete(session, deleted));
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(weir_state_of(deleted), WEIR_DELETED);
    CALL_OK(session, weir_session_add(session, pending));
    CALL_OK(session, weir_session_delete(session, marked));
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_state_of(pending), WEIR_TRANSIENT);
    assert_int_equal(weir_state_of(inserted), WEIR_TRANSIENT);
    assert_false(weir_session_has(session, pending) || weir_session_has(session, inserted));
    assert_true(weir_session_has(session, deleted) && weir_session_has(session, marked));
    assert_int_equal(weir_session_deleted_count(session), 0);
    assert_int_equal(weir_session_count(session), 3);
    int64_t before = weir_session_statements(session);
    assert_int_equal(weir_load(changed, amount_cents), WEIR_OK);
    assert_int_equal(changed->amount_cents, 10);
    assert_int_equal(weir_session_statements(session) - before, 1);
    assert_int_equal(weir_load(deleted, amount_cents), WEIR_OK);
    assert_ptr_equal(WEIR_GET(order, session, 2), deleted);
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 3);
}

/* Case 102. */
static void test_case_102_a_failed_flush_waits_for_the_rollback(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    add_order(session, 400);
    add_order(session, 2);
    add_order(session, 401);
    assert_error(weir_session_flush(session) == WEIR_OK ? NULL : weir_session_error(session), WEIR_INTEGRITY);
    for (int i = 0; i < 5; i++) {
        assert_status(weir_session_commit(session), WEIR_PENDING_ROLLBACK);
        assert_contains(weir_session_error(session)->message,
                        "This Session's transaction has been rolled back due to a previous exception during flush. To begin a new transaction "
                        "with this Session, first issue Session.rollback(). Original exception was: ");
        assert_status((int)stream_all(session, WEIR_UNSET), WEIR_PENDING_ROLLBACK);
    }
    assert_true(weir_session_in_transaction(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 3);
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_session_new_count(session), 0);
    add_order(session, 402);
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 4);
}

/* Case 121. */
static void test_case_121_a_pending_mistake_and_a_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    add_order(session, 2);
    assert_status((int)stream_all(session, WEIR_UNSET), WEIR_INTEGRITY);
    assert_contains(weir_session_error(session)->message, "autoflush");
    assert_status((int)stream_all(session, WEIR_UNSET), WEIR_PENDING_ROLLBACK);
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(stream_all(session, WEIR_UNSET), 12);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(checked_out(db), 0);
    CLOSE_OK(session);
}

/* Case 120. */
static void test_case_120_members_of_another_session(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *one = weir_session_open(db->engine), *other = weir_session_open(db->engine);
    struct order *order = WEIR_GET(order, one, 1);
    assert_status(weir_session_add(other, order), WEIR_INVALID_REQUEST);
    assert_contains(weir_session_error(other)->message, "is already attached to session");
    /* A second one with the same key. */
    assert_ptr_equal(weir_retain(order), order);
    CALL_OK(one, weir_session_expunge(one, order));
    struct order *again = WEIR_GET(order, one, 1);
    assert_non_null(again);
    assert_status(weir_session_add(one, order), WEIR_INVALID_REQUEST);
    assert_contains(weir_session_error(one)->message, "Can't attach instance <order 1>; another instance with key");
    CALL_OK(one, weir_session_expunge(one, again));
    CALL_OK(one, weir_session_add(one, order));
    assert_int_equal(weir_state_of(order), WEIR_PERSISTENT);
    assert_ptr_equal(WEIR_GET(order, one, 1), order);
    weir_release(order);
    CLOSE_OK(one);
    CLOSE_OK(other);
}

/* Case 108. */
static void test_case_108_changed_ones_stay_until_they_are_flushed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = session_with(db, WEIR_OFF);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_yield_per(stmt, 3);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        WEIR_SET(order, amount_cents, order->amount_cents + 1);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 10);
    assert_int_equal(weir_session_dirty_count(session), 10);
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(weir_session_count(session), 0);
    assert_int_equal(weir_session_dirty_count(session), 0);
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE amount_cents = 10 * id + 1"), 10);
}

/* Case 99. */
static void test_case_099_savepoints_undo_the_inner_part_alone(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    for (int release = 0; release < 2; release++) {
        weir_session *session = weir_session_open(db->engine);
        struct order *ed = WEIR_GET(order, session, 1), *jack = WEIR_GET(order, session, 2);
        WEIR_SET(ed, tenant_id, 5);             /* outside: it stays */
        int nested = weir_session_begin_nested(session);
        assert_true(nested > 0);
        assert_int_equal(weir_session_dirty_count(session), 0);
        WEIR_SET(ed, state, "edward");
        WEIR_SET(jack, state, "jackward");
        struct order *third = add_order(session, 103);
        CALL_OK(session, weir_session_flush(session));
        add_order(session, 104);
        CALL_OK(session, release ? weir_session_release_nested(session, nested) : weir_session_rollback_nested(session, nested));
        assert_int_equal(weir_state_of(third) & 0xf, release ? WEIR_PERSISTENT : WEIR_TRANSIENT);
        assert_int_equal(weir_load(ed, state), WEIR_OK);
        assert_string_equal(ed->state, release ? "edward" : "pending");
        assert_int_equal(ed->tenant_id, 5);
        CALL_OK(session, weir_session_commit(session));
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), release ? 4 : 2);
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'pending'"), release ? 2 : 2);
        assert_int_equal(test_side_int(db, "SELECT tenant_id FROM orders WHERE id = 1"), 5);
        CLOSE_OK(session);
    }
}

static void test_a_flush_that_fails_inside_a_savepoint(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    add_order(session, 50);
    int nested = weir_session_begin_nested(session);
    add_order(session, 2);
    assert_status(weir_session_flush(session), WEIR_INTEGRITY);
    assert_status(weir_session_commit(session), WEIR_PENDING_ROLLBACK);
    CALL_OK(session, weir_session_rollback_nested(session, nested));
    assert_int_equal(stream_all(session, WEIR_UNSET), 3);
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_093_what_begins_a_transaction), ON_BOTH(test_an_added_instance_goes_through_its_states),
        ON_BOTH(test_case_036_a_stream_flushes_what_is_pending_first), ON_BOTH(test_an_update_has_the_changed_columns_alone),
        ON_BOTH(test_members_written_by_hand_are_written_whole), ON_BOTH(test_case_101_a_rollback_undoes_in_the_instances_too),
        ON_BOTH(test_case_102_a_failed_flush_waits_for_the_rollback), ON_BOTH(test_case_121_a_pending_mistake_and_a_stream),
        ON_BOTH(test_case_120_members_of_another_session), ON_BOTH(test_case_108_changed_ones_stay_until_they_are_flushed),
        ON_BOTH(test_case_099_savepoints_undo_the_inner_part_alone), ON_BOTH(test_a_flush_that_fails_inside_a_savepoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
