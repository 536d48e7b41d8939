/* The unit of work: adding, changing and deleting single instances, autoflush, failed flushes, rollbacks (cases.md C, F). */
#include "support.h"
#include "trouble.h"
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

/* ---- merging, and transactions as functions ------------------------------------------------------------------------------------ */

static void test_merging_structs_and_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine), *other = weir_session_open(db->engine);
    char text[8] = "merged";
    struct order given = { .id = 2, .tenant_id = 0, .amount_cents = 20, .state = text };
    struct order *two = WEIR_MERGE(order, session, &given);
    text[0] = 'M';
    assert_non_null(two);
    assert_ptr_not_equal(two, &given);
    assert_string_equal(two->state, "merged");
    assert_ptr_equal(WEIR_GET(order, session, 2), two);
    test_log_clear(db->log);
    CALL_OK(session, weir_session_flush(session));
    assert_contains(test_log_at(db->log, WEIR_LOG_STATEMENT, 0)->message, "UPDATE orders SET state = ");
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 1);
    assert_ptr_equal(weir_session_merge(session, two), two);
    /* Equal values are no change; a key that is not there is a new row. */
    struct order equal = { .id = 2, .tenant_id = 0, .amount_cents = 20, .state = "merged" };
    assert_ptr_equal(WEIR_MERGE(order, session, &equal), two);
    assert_false(weir_session_is_modified(session, two));
    given.id = 77;
    struct order *fresh = WEIR_MERGE(order, session, &given);
    assert_non_null(fresh);
    assert_int_equal(weir_state_of(fresh) & 0xf, WEIR_PENDING);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state IN ('merged', 'Merged')"), 2);
    /* From another session, with its changes. */
    struct order *theirs = WEIR_GET(order, other, 3);
    WEIR_SET(theirs, amount_cents, 333);
    struct order *mine = weir_session_merge(session, theirs);
    assert_non_null(mine);
    assert_ptr_not_equal(mine, theirs);
    assert_int_equal(mine->amount_cents, 333);
    CALL_OK(other, weir_session_rollback(other));
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT amount_cents FROM orders WHERE id = 3"), 333);
    CLOSE_OK(session);
    CLOSE_OK(other);
}

static int add_after_rollback(weir_session *session, void *context)
{
    struct order *order = new_order(session, 99, 1, "x");
    CALL_OK(session, weir_session_rollback(session));
    *(int *)context = weir_session_add(session, order);
    assert_string_equal(weir_session_error(session)->message, "Can't operate on closed transaction inside context manager.  Please complete "
                                                              "the context manager before emitting further commands.");
    assert_status(weir_session_flush(session), WEIR_INVALID_REQUEST);
    assert_status(weir_session_commit(session), WEIR_INVALID_REQUEST);
    assert_status((int)stream_all(session, WEIR_UNSET), WEIR_INVALID_REQUEST);
    return WEIR_OK;
}

static int add_one(weir_session *session, void *context)
{
    add_order(session, 600);
    return context ? -1234 : WEIR_OK;
}

/* Cases 96, 97. */
static void test_case_097_a_block_that_ended_inside(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    int added = WEIR_OK, made = 0;
    assert_status(weir_session_run(session, add_after_rollback, &added, NULL), WEIR_OK);
    assert_status(added, WEIR_INVALID_REQUEST);
    assert_int_equal(weir_session_run(session, add_one, &added, WEIR_RUN_OPTIONS(.attempts_made = &made)), -1234);
    assert_int_equal(made, 1);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 3);
    assert_false(weir_session_in_transaction(session));
    assert_status(weir_session_run(session, add_one, NULL, NULL), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 4);
    assert_int_equal(stream_all(session, WEIR_UNSET), 4);
    assert_status(weir_session_run(session, add_one, NULL, NULL), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_session_error(session)->message, "A transaction is already begun on this Session.");
    CLOSE_OK(session);
}

typedef struct contest { test_database *db; int rounds; int lost; bool by_task; } contest;

/* Another one changes the row between our look and our write, the first times. */
static int raise_amount(weir_session *session, void *context)
{
    contest *c = context;
    struct order *order = WEIR_GET(order, session, 1);
    if (!order)
        return weir_session_error(session)->status;
    if (c->rounds++ < c->lost)
        test_side_run(c->db, "UPDATE orders SET amount_cents = amount_cents + 100 WHERE id = 1");
    WEIR_SET(order, amount_cents, order->amount_cents + 1);
    new_order(session, 800 + c->rounds, 1, "never added");
    return weir_session_flush(session);
}

static void test_a_run_is_made_again_when_others_were_faster(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    const weir_execution_options *strict = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_REPEATABLE_READ);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.execution_options = strict));
    int made = 0;
    contest c = { db, 0, 2, false };
    assert_status(weir_session_run(session, raise_amount, &c, WEIR_RUN_OPTIONS(.delay_ms = 1, .attempts_made = &made)), WEIR_OK);
    assert_int_equal(made, 3);
    assert_int_equal(test_side_int(db, "SELECT amount_cents FROM orders WHERE id = 1"), 211);
    c = (contest){ db, 0, 100, false };
    assert_status(weir_session_run(session, raise_amount, &c, WEIR_RUN_OPTIONS(.attempts = 2, .delay_ms = 1, .attempts_made = &made)), WEIR_OPERATIONAL);
    assert_int_equal(c.rounds, 2);
    assert_int_equal(made, 2);
    assert_string_equal(weir_session_error(session)->sqlstate, "40001");
    assert_false(weir_session_in_transaction(session));
    CLOSE_OK(session);
}

/* The pause behind it would be a minute. */
static int lose_and_have_no_time(weir_session *session, void *context)
{
    int status = raise_amount(session, context);
    if (((contest *)context)->by_task)
        weir_task_cancel_after(weir_task_current(), 50);
    else
        weir_session_deadline(session, 50);
    return status;
}

static void test_a_run_does_not_pause_beyond_its_deadline(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    const weir_execution_options *strict = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_REPEATABLE_READ);
    for (int by_task = 0; by_task < (weir_task_current() ? 2 : 1); by_task++) {
        weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.execution_options = strict));
        contest c = { db, 0, 100, by_task };
        int made = 0;
        int64_t began = test_now_ms();
        int status = weir_session_run(session, lose_and_have_no_time, &c, WEIR_RUN_OPTIONS(.delay_ms = 120000, .max_delay_ms = 120000, .attempts_made = &made));
        assert_true(test_now_ms() - began < 30000);
        assert_status(status, WEIR_DEADLINE_EXCEEDED);
        assert_error(weir_session_error(session), WEIR_DEADLINE_EXCEEDED);
        assert_contains(weir_session_error(session)->message, by_task ? "weir_task_cancel_after" : "weir_session_deadline");
        assert_int_equal(made, 1);
        assert_int_equal(c.rounds, 1);
        CLOSE_OK(session);
    }
}

static int count_rounds(weir_session *session, void *context)
{
    contest *c = context;
    c->rounds++;
    add_order(session, 700);
    return weir_session_flush(session);
}

static void test_a_run_is_made_again_when_the_file_is_locked(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = (const char *const[]){ "busy_timeout", "1", NULL }));
    weir_connection *lock = weir_engine_connect(db->engine);
    run_ok(lock, "UPDATE orders SET amount_cents = 0 WHERE id = 1");
    weir_session *session = weir_session_open(engine);
    contest c = { db, 0, 0, false };
    assert_status(weir_session_run(session, count_rounds, &c, WEIR_RUN_OPTIONS(.attempts = 3, .delay_ms = 1)), WEIR_OPERATIONAL);
    assert_int_equal(c.rounds, 3);
    close_connection_ok(&lock);
    assert_status(weir_session_run(session, count_rounds, &c, NULL), WEIR_OK);
    CLOSE_OK(session);
    weir_engine_close(&engine);
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
        ON_BOTH(test_merging_structs_and_instances), ON_BOTH(test_case_097_a_block_that_ended_inside),
        ON_POSTGRESQL(test_a_run_is_made_again_when_others_were_faster), ON_POSTGRESQL(test_a_run_does_not_pause_beyond_its_deadline),
        ON_SQLITE(test_a_run_is_made_again_when_the_file_is_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
