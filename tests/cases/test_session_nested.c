/* Savepoints of sessions that are released: what was done inside stays, as part of what is around it. */
#include "loading.h"

static weir_session *quiet_session(test_database *db)
{
    return weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
}

static void run_in(weir_session *session, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    close_result_ok(&result);
}

static int begin_nested(weir_session *session)
{
    int nested = weir_session_begin_nested(session);
    assert_true(nested > 0);
    return nested;
}

static void test_what_was_done_inside_is_committed_with_the_rest(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = quiet_session(db);
    run_in(session, "UPDATE orders SET state = 'outer' WHERE id = 1");
    int nested = begin_nested(session);
    run_in(session, "UPDATE orders SET state = 'inner' WHERE id = 2");
    assert_status(weir_session_release_nested(session, nested), WEIR_OK);
    assert_error(weir_session_error(session), WEIR_OK);
    assert_true(weir_session_in_transaction(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state IN ('outer', 'inner')"), 0);
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state IN ('outer', 'inner')"), 2);
    close_session_ok(&session);
}

/* At the server: the number of the savepoint is gone with the release, and the ones inside of it too. */
static void test_a_savepoint_is_released_once_with_those_inside(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = quiet_session(db);
    assert_status(weir_session_release_nested(session, 1), WEIR_INVALID_REQUEST);       /* none was ever begun */
    int outer = begin_nested(session), inner = begin_nested(session);
    assert_int_not_equal(outer, inner);
    assert_status(weir_session_release_nested(session, inner + 10), WEIR_INVALID_REQUEST);
    assert_status(weir_session_release_nested(session, outer), WEIR_OK);
    assert_status(weir_session_release_nested(session, outer), WEIR_INVALID_REQUEST);
    assert_error(weir_session_error(session), WEIR_INVALID_REQUEST);
    assert_status(weir_session_release_nested(session, inner), WEIR_INVALID_REQUEST);
    assert_status(weir_session_rollback_nested(session, inner), WEIR_INVALID_REQUEST);
    assert_true(weir_session_in_transaction(session));
    assert_int_equal(WEIR_GET(order, session, 1)->id, 1);       /* the transaction stands */
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_status(weir_session_release_nested(session, outer), WEIR_INVALID_REQUEST);
    close_session_ok(&session);
    assert_status(weir_session_release_nested(session, outer), WEIR_RESOURCE_CLOSED);
}

static int64_t amount_of(weir_session *session, int64_t id)
{
    weir_stmt *stmt = weir_sql("SELECT amount_cents FROM orders WHERE id = :id");
    weir_bind(stmt, "id", weir_value_int(id));
    weir_result *result = weir_session_execute(session, stmt);
    const weir_value *value = weir_result_scalar(result);
    assert_non_null(value);
    int64_t amount = value->as.i;
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    return amount;
}

/* Instances changed inside count as changed in the savepoint around it, and in no later one. */
static void test_instances_changed_inside_belong_to_what_is_around(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    for (int again = 0; again < 2; again++) {
        weir_session *session = quiet_session(db);
        struct order *one = WEIR_GET(order, session, 1), *two = WEIR_GET(order, session, 2), *three = WEIR_GET(order, session, 3);
        int outer = begin_nested(session);
        WEIR_SET(one, amount_cents, 1);
        int inner = begin_nested(session);
        WEIR_SET(two, amount_cents, 2);
        assert_status(weir_session_release_nested(session, inner), WEIR_OK);
        assert_int_equal(two->amount_cents, 2);
        assert_int_equal(amount_of(session, 2), 2);             /* written with the release */
        if (again) {
            inner = begin_nested(session);
            WEIR_SET(three, amount_cents, 3);
            assert_status(weir_session_flush(session), WEIR_OK);
            assert_int_equal(amount_of(session, 3), 3);
            assert_status(weir_session_rollback_nested(session, inner), WEIR_OK);
            assert_int_equal(weir_state_of(three), WEIR_PERSISTENT | WEIR_STATE_EXPIRED);
            assert_int_equal(amount_of(session, 3), 30);
            assert_int_equal(weir_state_of(two) & WEIR_STATE_EXPIRED, 0);
            assert_int_equal(amount_of(session, 2), 2);
        }
        assert_status(weir_session_rollback_nested(session, outer), WEIR_OK);
        assert_int_equal(weir_state_of(one), WEIR_PERSISTENT | WEIR_STATE_EXPIRED);
        assert_int_equal(weir_state_of(two), WEIR_PERSISTENT | WEIR_STATE_EXPIRED);
        assert_int_equal(amount_of(session, 1), 10);
        assert_status(weir_session_refresh(session, two), WEIR_OK);
        assert_int_equal(two->amount_cents, 20);
        close_session_ok(&session);
    }
}

/* A stream that was begun inside goes on behind the release, its loads too. */
static void test_streams_survive_the_release(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = quiet_session(db);
    int nested = begin_nested(session);
    weir_stmt *stmt = ORDERS(5);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    assert_status(weir_session_release_nested(session, nested), WEIR_OK);
    struct order *order;
    int64_t id = 3;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_int_equal(order->id, ++id);
        assert_three_lines(order);
    }
    assert_int_equal(id, 12);
    close_result_ok(&result);
    close_session_ok(&session);
}

/* After an error inside there is nothing to release: PostgreSQL's transaction is aborted until it is rolled back that far. */
static void test_a_savepoint_in_trouble_is_rolled_back_not_released(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = quiet_session(db);
    run_in(session, "UPDATE orders SET state = 'outer' WHERE id = 1");
    int nested = begin_nested(session);
    weir_stmt *stmt = weir_sql("INSERT INTO orders VALUES (1, 0, 1, 'twice')");
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    assert_status(weir_result_close(&result), WEIR_INTEGRITY);
    if (db->postgresql) {
        assert_true(weir_session_release_nested(session, nested) < 0);
        assert_string_equal(weir_session_error(session)->sqlstate, "25P02");
        assert_contains(weir_session_error(session)->detail, "duplicate key");
        assert_status(weir_session_rollback_nested(session, nested), WEIR_OK);
    } else {
        assert_status(weir_session_release_nested(session, nested), WEIR_OK);
    }
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'outer'"), 1);
    close_session_ok(&session);
}

/* The savepoint went with the connection that its flush lost: who rolls it back is told why, not that he made a mistake. */
static void test_a_savepoint_that_is_lost_with_its_connection(void **state)
{
    test_database *db = *state;
    char sql[96];
    test_fixture(db, 3);
    weir_session *session = quiet_session(db);
    struct order *one = WEIR_GET(order, session, 1);
    int outer = begin_nested(session), inner = begin_nested(session);
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)::integer", weir_connection_backend_pid(weir_session_connection(session)));
    assert_int_equal(test_side_int(db, sql), 1);
    WEIR_SET(one, amount_cents, 1);
    assert_status(weir_session_flush(session), WEIR_OPERATIONAL);
    assert_status(weir_session_rollback_nested(session, inner), WEIR_PENDING_ROLLBACK);
    assert_contains(weir_session_error(session)->message, "terminating connection");
    assert_status(weir_session_release_nested(session, outer), WEIR_PENDING_ROLLBACK);
    assert_status(weir_session_rollback_nested(session, outer), WEIR_PENDING_ROLLBACK);
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_status(weir_session_rollback_nested(session, outer), WEIR_INVALID_REQUEST);
    assert_status(weir_load(one, amount_cents), WEIR_OK);
    assert_int_equal(one->amount_cents, 10);
    close_session_ok(&session);
}

/* An instance, and a collection, that were read again in between are what they were before the outer one all the same. */
static void test_a_rollback_inside_does_not_hide_what_is_around(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    weir_session *session = quiet_session(db);
    struct order *one = WEIR_GET(order, session, 1), *two = WEIR_GET(order, session, 2);
    assert_status(weir_load(one, lines), WEIR_OK);
    assert_status(weir_load(two, lines), WEIR_OK);
    struct order_line *line = one->lines.items[0];
    int outer = begin_nested(session);
    WEIR_SET(one, amount_cents, 1);
    assert_status(weir_collection_add(two, lines, line), WEIR_OK);
    assert_int_equal(one->lines.count, 2);
    int inner = begin_nested(session);
    WEIR_SET(one, amount_cents, 2);
    assert_status(weir_session_flush(session), WEIR_OK);
    assert_status(weir_session_rollback_nested(session, inner), WEIR_OK);
    assert_status(weir_load(one, amount_cents), WEIR_OK);
    assert_int_equal(one->amount_cents, 1);
    assert_status(weir_session_refresh(session, two), WEIR_OK);
    assert_status(weir_load(two, lines), WEIR_OK);
    assert_int_equal(two->lines.count, 4);
    assert_status(weir_session_rollback_nested(session, outer), WEIR_OK);
    assert_status(weir_load(one, amount_cents), WEIR_OK);
    assert_int_equal(one->amount_cents, 10);
    assert_status(weir_load(one, lines), WEIR_OK);
    assert_status(weir_load(two, lines), WEIR_OK);
    assert_int_equal(one->lines.count, 3);
    assert_int_equal(two->lines.count, 3);
    assert_status(weir_load(line, order), WEIR_OK);
    assert_ptr_equal(line->order, one);
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_what_was_done_inside_is_committed_with_the_rest),
        ON_BOTH(test_a_savepoint_is_released_once_with_those_inside),
        ON_BOTH(test_instances_changed_inside_belong_to_what_is_around),
        ON_BOTH(test_a_rollback_inside_does_not_hide_what_is_around),
        ON_BOTH(test_streams_survive_the_release),
        ON_BOTH(test_a_savepoint_in_trouble_is_rolled_back_not_released),
        ON_POSTGRESQL(test_a_savepoint_that_is_lost_with_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
