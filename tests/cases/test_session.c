/* Sessions: their transactions, the identity map, expiry and refresh (cases.md F, as far as nothing is written). */
#include "support.h"
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

static weir_stmt *orders(int64_t yield_per)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    if (yield_per)
        weir_yield_per(stmt, yield_per);
    return stmt;
}

static weir_result *scalars(weir_session *session, weir_stmt *stmt)
{
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static int checked_out(const test_database *db)
{
    weir_pool_status pool;
    weir_engine_pool_status(db->engine, &pool);
    return pool.checked_out;
}

/* Ten orders, each retained. */
static void keep_ten(weir_session *session, struct order **kept)
{
    weir_result *result = scalars(session, orders(3));
    for (int i = 0; i < 10; i++) {
        kept[i] = weir_retain(WEIR_NEXT(order, result));
        assert_non_null(kept[i]);
    }
    close_result_ok(&result);
}

static void release_ten(struct order **kept)
{
    for (int i = 0; i < 10; i++)
        weir_release(kept[i]);
}

#define close_session_ok(session) assert_status(weir_session_close(session), WEIR_OK)

/* ---- transactions ------------------------------------------------------------------------------------------------------------- */

static void test_case_093_a_session_begins_with_its_first_statement(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    assert_false(weir_session_in_transaction(session));
    assert_int_equal(checked_out(db), 0);
    weir_result *result = scalars(session, orders(0));
    close_result_ok(&result);
    assert_true(weir_session_in_transaction(session));
    assert_int_equal(checked_out(db), 1);
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_false(weir_session_in_transaction(session));
    assert_int_equal(checked_out(db), 0);
    assert_status(weir_session_commit(session), WEIR_OK);
    close_session_ok(&session);
    assert_status(weir_session_begin(session), WEIR_RESOURCE_CLOSED);
}

static void test_case_094_begin_after_a_statement_is_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(0));
    close_result_ok(&result);
    assert_status(weir_session_begin(session), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_session_error(session)->message, "A transaction is already begun on this Session.");
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_status(weir_session_begin(session), WEIR_OK);
    assert_status(weir_session_begin(session), WEIR_INVALID_REQUEST);
    close_session_ok(&session);
}

static void test_case_095_autobegin_may_be_off(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autobegin = WEIR_OFF));
    weir_result *result = scalars(session, orders(0));
    assert_string_equal(weir_result_error(result)->message,
                        "Autobegin is disabled on this Session; please call session.begin() to start a new transaction");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_status(weir_session_begin(session), WEIR_OK);
    result = scalars(session, orders(0));
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_streaming_under_autocommit_needs_a_begin(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session_factory *factory = weir_session_factory_new(db->engine, WEIR_SESSION_OPTIONS(.autocommit = WEIR_ON));
    weir_session *session = weir_session_factory_open(factory);
    weir_result *result = scalars(session, orders(5));
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_status(weir_session_begin(session), WEIR_OK);
    result = scalars(session, orders(5));
    for (int64_t id = 1; id <= 12; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    close_result_ok(&result);
    assert_status(weir_session_commit(session), WEIR_OK);
    close_session_ok(&session);
    weir_session_factory_free(&factory);
}

static void test_commit_ends_streams(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(3));
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_null(WEIR_NEXT(order, result));
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    close_session_ok(&session);
}

static void test_rolling_back_a_savepoint_expires_what_changed_inside(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    struct order *one = WEIR_GET(order, session, 1), *two = WEIR_GET(order, session, 2);
    WEIR_SET(one, amount_cents, 1);
    int nested = weir_session_begin_nested(session);
    assert_true(nested > 0);
    WEIR_SET(two, amount_cents, 2);
    assert_int_equal(weir_session_dirty_count(session), 1);     /* beginning flushed the first */
    assert_status(weir_session_rollback_nested(session, nested), WEIR_OK);
    assert_int_equal(weir_state_of(one), WEIR_PERSISTENT);
    assert_int_equal(one->amount_cents, 1);
    assert_int_equal(weir_state_of(two), WEIR_PERSISTENT | WEIR_STATE_EXPIRED);
    assert_status(weir_session_refresh(session, two), WEIR_OK);
    assert_int_equal(two->amount_cents, 20);
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_int_equal(weir_session_dirty_count(session), 0);
    close_session_ok(&session);
}

/* ---- membership ------------------------------------------------------------------------------------------------------------------ */

static void test_case_110_expunging_twice_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *order = weir_retain(WEIR_GET(order, session, 7));
    assert_status(weir_session_expunge(session, order), WEIR_OK);
    assert_int_equal(weir_state_of(order), WEIR_DETACHED);
    assert_status(weir_session_expunge(session, order), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_session_error(session)->message, "Instance <order 7> is not present in this Session");
    weir_release(order);
    close_session_ok(&session);
}

static void test_case_111_closing_the_session_ends_its_streams(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(3));
    (void)WEIR_NEXT(order, result);
    struct order *second = WEIR_NEXT(order, result);
    close_session_ok(&session);
    assert_int_equal(checked_out(db), 0);
    assert_int_equal(second->id, 2);
    assert_string_equal(second->state, "pending");
    assert_int_equal(weir_state_of(second), WEIR_DETACHED);
    assert_null(WEIR_NEXT(order, result));
    int status = weir_result_close(&result);
    assert_status(status, WEIR_RESOURCE_CLOSED);
    assert_true(weir_status_is(status, WEIR_INVALID_REQUEST));
}

/* ---- expiry ---------------------------------------------------------------------------------------------------------------------- */

/* Each case reads an attribute: that is making sure that the instance is loaded, by any relationship of it or by a refresh. */
static int read_one(struct order *order) { return weir_load(order, lines); }

static void test_case_113_commit_expires_unless_told_otherwise(void **state)
{
    test_database *db = *state;
    struct order *kept[10];
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    keep_ten(session, kept);
    assert_status(weir_session_commit(session), WEIR_OK);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(weir_state_of(kept[i]), WEIR_PERSISTENT | WEIR_STATE_EXPIRED);
        assert_int_equal(kept[i]->id, i + 1);
        assert_string_equal(kept[i]->state, "pending");
    }
    assert_false(weir_session_in_transaction(session));
    int64_t before = weir_session_statements(session);
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(WEIR_GET(order, session, i + 1), kept[i]);
    assert_int_equal(weir_session_statements(session) - before, 10);
    assert_true(weir_session_in_transaction(session));
    release_ten(kept);
    close_session_ok(&session);

    session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    keep_ten(session, kept);
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_int_equal(weir_state_of(kept[4]), WEIR_PERSISTENT);
    before = weir_session_statements(session);
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(WEIR_GET(order, session, i + 1), kept[i]);
    assert_int_equal(weir_session_statements(session), before);
    assert_false(weir_session_in_transaction(session));
    release_ten(kept);
    close_session_ok(&session);
}

static void test_case_114_a_change_after_expiry_survives_the_reload(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    struct order *order = WEIR_GET(order, session, 3);
    test_side_run(db, "SELECT 1");
    assert_status(weir_session_expire(session, order), WEIR_OK);
    int64_t before = weir_session_statements(session);
    assert_ptr_equal(WEIR_GET(order, session, 3), order);
    assert_ptr_equal(WEIR_GET(order, session, 3), order);
    assert_int_equal(weir_session_statements(session), before + 1);
    assert_status(weir_session_expire(session, order), WEIR_OK);
    char text[] = "mine";
    WEIR_SET(order, state, text);
    memset(text, 'x', 4);
    order->amount_cents = 5;        /* written, and not said */
    assert_ptr_equal(WEIR_GET(order, session, 3), order);
    assert_string_equal(order->state, "mine");
    assert_int_equal(order->amount_cents, 30);
    assert_int_equal(weir_state_of(order), WEIR_PERSISTENT | WEIR_STATE_MODIFIED);
    close_session_ok(&session);
}

static void test_case_115_expired_instances_stay_members(void **state)
{
    test_database *db = *state;
    struct order *kept[10];
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(3));
    for (int i = 0; i < 10; i++) {
        kept[i] = weir_retain(WEIR_NEXT(order, result));
        assert_status(weir_session_expire(session, kept[i]), WEIR_OK);
    }
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 10);
    int64_t before = weir_session_statements(session);
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(WEIR_GET(order, session, i + 1), kept[i]);
    assert_int_equal(weir_session_statements(session), before + 10);
    release_ten(kept);
    close_session_ok(&session);
}

static void test_case_116_refresh_overwrites_and_misses(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    struct order *order = WEIR_GET(order, session, 7);
    WEIR_SET(order, amount_cents, 1);
    int64_t before = weir_session_statements(session);
    assert_status(weir_session_refresh(session, order), WEIR_OK);
    assert_int_equal(weir_session_statements(session), before + 1);
    assert_int_equal(order->amount_cents, 70);
    assert_int_equal(weir_state_of(order), WEIR_PERSISTENT);
    assert_status(weir_session_rollback(session), WEIR_OK);
    test_side_run(db, "DELETE FROM orders WHERE id = 7");
    assert_status(weir_session_refresh(session, order), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_session_error(session)->message, "Could not refresh instance '<order 7>'");
    assert_status(weir_session_expire(session, order), WEIR_OK);
    assert_status(read_one(order), WEIR_OBJECT_DELETED);
    assert_string_equal(weir_session_error(session)->message, "Instance '<order 7>' has been deleted, or its row is otherwise not present.");
    close_session_ok(&session);
}

static void test_case_117_get_asks_the_session_first(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *order = WEIR_GET(order, session, 1);
    assert_ptr_equal(WEIR_GET(order, session, 1), order);
    assert_int_equal(weir_session_statements(session), 1);
    weir_session_expire_all(session);
    assert_ptr_equal(WEIR_GET(order, session, 1), order);
    assert_ptr_equal(WEIR_GET(order, session, 1), order);
    assert_int_equal(weir_session_statements(session), 2);
    assert_null(WEIR_GET(order, session, 99));
    assert_status(weir_session_error(session)->status, WEIR_OK);
    assert_status(weir_session_rollback(session), WEIR_OK);
    test_side_run(db, "DELETE FROM orders WHERE id = 1");
    assert_null(WEIR_GET(order, session, 1));
    assert_int_equal(weir_session_count(session), 0);
    assert_null(WEIR_GET(order, session, "seven"));
    close_session_ok(&session);
}

static void test_case_118_detached_instances_do_not_load(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *order = weir_retain(WEIR_GET(order, session, 1));
    assert_status(weir_session_expire(session, order), WEIR_OK);
    assert_status(weir_session_expunge(session, order), WEIR_OK);
    assert_status(read_one(order), WEIR_DETACHED_INSTANCE);
    weir_release(order);
    order = weir_retain(WEIR_GET(order, session, 2));
    close_session_ok(&session);
    assert_status(weir_load(order, lines), WEIR_DETACHED_INSTANCE);
    assert_string_equal(order->state, "pending");
    weir_release(order);
}

static void test_case_119_expire_all_in_a_batch_delivers_its_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(5));
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    weir_session_expire_all(session);
    struct order *second = WEIR_NEXT(order, result);
    assert_int_equal(second->id, 2);
    assert_int_equal(weir_state_of(second), WEIR_PERSISTENT | WEIR_STATE_EXPIRED);
    int64_t before = weir_session_statements(session);
    assert_ptr_equal(WEIR_GET(order, session, 2), second);
    assert_int_equal(weir_session_statements(session), before + 1);
    assert_string_equal(second->state, "pending");
    for (int64_t id = 3; id <= 12; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    close_result_ok(&result);
    close_session_ok(&session);
}

/* ---- what is held ------------------------------------------------------------------------------------------------------------------ */

static void test_changed_instances_are_held_until_they_are_written_or_given_up(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    weir_result *result = scalars(session, orders(3));
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        WEIR_SET(order, amount_cents, 1);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 10);
    assert_int_equal(weir_session_dirty_count(session), 10);
    weir_session_expire_all(session);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_a_cycle_of_relationships_dies_with_its_last_holder(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = orders(3);
    weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
    weir_result *result = scalars(session, stmt);
    struct order *kept = NULL;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;) {
        assert_int_equal(order->lines.count, 3);
        assert_ptr_equal(order->lines.items[2]->order, order);
        if (order->id == 4)
            kept = weir_retain(order);
        assert_true(weir_session_count(session) <= 16);
    }
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 4);
    assert_int_equal(kept->lines.items[1]->id, 42);
    assert_string_equal(kept->lines.items[1]->order->state, "pending");
    weir_release(kept);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_093_a_session_begins_with_its_first_statement),
        ON_BOTH(test_case_094_begin_after_a_statement_is_refused),
        ON_BOTH(test_case_095_autobegin_may_be_off),
        ON_BOTH(test_streaming_under_autocommit_needs_a_begin),
        ON_BOTH(test_commit_ends_streams),
        ON_BOTH(test_rolling_back_a_savepoint_expires_what_changed_inside),
        ON_BOTH(test_case_110_expunging_twice_is_told),
        ON_BOTH(test_case_111_closing_the_session_ends_its_streams),
        ON_BOTH(test_case_113_commit_expires_unless_told_otherwise),
        ON_BOTH(test_case_114_a_change_after_expiry_survives_the_reload),
        ON_BOTH(test_case_115_expired_instances_stay_members),
        ON_BOTH(test_case_116_refresh_overwrites_and_misses),
        ON_BOTH(test_case_117_get_asks_the_session_first),
        ON_BOTH(test_case_118_detached_instances_do_not_load),
        ON_BOTH(test_case_119_expire_all_in_a_batch_delivers_its_rows),
        ON_BOTH(test_changed_instances_are_held_until_they_are_written_or_given_up),
        ON_BOTH(test_a_cycle_of_relationships_dies_with_its_last_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
