/* Updates and deletes of many rows by a session, and its instances (cases.md 167, 168); flushes of streams, in flat memory; connections
 * that break, and memory that runs out, in a flush. */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

WEIR_ENTITY_DECLARE(order);
struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state));

#define CALL_OK(session, call) assert_error(((call) == WEIR_OK ? &(const weir_error){ 0 } : weir_session_error(session)), WEIR_OK)
#define CLOSE_OK(session) assert_int_equal(weir_session_close(&(session)), WEIR_OK)

static int64_t execute(weir_session *session, weir_stmt *stmt)
{
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    int64_t rows = weir_result_rowcount(result);
    int status = weir_result_close(&result);
    return status == WEIR_OK ? rows : status;
}

/* Case 168, BUK-7. */
static void test_case_168_parameter_sets_reach_the_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *one = WEIR_GET(order, session, 1), *two = WEIR_GET(order, session, 2), *three = WEIR_GET(order, session, 3);
    weir_stmt *update = weir_update(&order_entity);
    const weir_dict dicts[] = { WEIR_DICT({ "id", WEIR_VALUE(1) }, { "amount_cents", WEIR_VALUE(4242) }, { "state", WEIR_VALUE("bulk") }),
                                WEIR_DICT({ "id", WEIR_VALUE(7) }, { "amount_cents", WEIR_VALUE(4242) }, { "state", WEIR_VALUE("bulk") }) };
    assert_int_equal(weir_session_execute_dicts(session, update, dicts, 2, NULL), 2);
    int64_t statements = weir_session_statements(session);
    assert_int_equal(weir_load(one, amount_cents), WEIR_OK);
    assert_int_equal(one->amount_cents, 4242);
    assert_string_equal(one->state, "bulk");
    assert_int_equal(two->amount_cents, 20);
    assert_int_equal(weir_session_statements(session), statements);
    assert_false(weir_session_is_modified(session, one));
    /* Structs; and none of it with synchronization off. */
    const struct order structs[] = { { .id = 2, .amount_cents = 43 }, { .id = 3, .amount_cents = 44 } };
    weir_set_columns(update, WEIR_COL(order, amount_cents));
    assert_int_equal(weir_session_execute_many(session, update, structs, 2, NULL), 2);
    assert_int_equal(two->amount_cents, 43);
    weir_synchronize(update, WEIR_SYNC_NONE);
    const struct order again[] = { { .id = 3, .amount_cents = 99 } };
    assert_int_equal(weir_session_execute_many(session, update, again, 1, NULL), 1);
    assert_int_equal(three->amount_cents, 44);
    weir_stmt_free(&update);
    weir_stmt *delete = weir_delete(&order_entity);
    const weir_dict gone[] = { WEIR_DICT({ "id", WEIR_VALUE(2) }) };
    assert_int_equal(weir_session_execute_dicts(session, delete, gone, 1, NULL), 1);
    assert_int_equal(weir_state_of(two) & 0xf, WEIR_DELETED);
    weir_stmt_free(&delete);
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_state_of(two) & 0xf, WEIR_PERSISTENT);
    assert_int_equal(weir_load(one, amount_cents), WEIR_OK);
    assert_int_equal(one->amount_cents, 10);
    CLOSE_OK(session);
}

/* Case 167, BUK-6. */
static void test_case_167_additional_criteria_need_synchronization_off(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *update = weir_update(&order_entity);
    weir_where(update, WEIR_GT(WEIR_COL(order, amount_cents), 10));
    const weir_dict dicts[] = { WEIR_DICT({ "id", WEIR_VALUE(1) }, { "state", WEIR_VALUE("x") }),
                                WEIR_DICT({ "id", WEIR_VALUE(2) }, { "state", WEIR_VALUE("x") }),
                                WEIR_DICT({ "id", WEIR_VALUE(3) }, { "state", WEIR_VALUE("x") }) };
    assert_status((int)weir_session_execute_dicts(session, update, dicts, 3, NULL), WEIR_INVALID_REQUEST);
    assert_contains(weir_session_error(session)->message, "bulk synchronize of persistent objects not supported when using bulk update with "
                    "additional WHERE criteria right now.  add synchronize_session=None execution option to bypass synchronize of persistent "
                    "objects.");
    weir_synchronize(update, WEIR_SYNC_NONE);
    assert_int_equal(weir_session_execute_dicts(session, update, dicts, 3, NULL), 2);
    weir_stmt_free(&update);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'x'"), 2);
    CLOSE_OK(session);
}

static void test_updates_with_criteria_reach_the_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const weir_sync ways[] = { WEIR_SYNC_AUTO, WEIR_SYNC_EVALUATE, WEIR_SYNC_FETCH };
    for (size_t i = 0; i < 3; i++) {
        weir_session *session = weir_session_open(db->engine);
        struct order *orders[13];
        for (int64_t id = 1; id <= 12; id++)
            orders[id] = WEIR_GET(order, session, id);
        WEIR_SET(orders[9], state, "mine");     /* flushed before */
        int64_t before = weir_session_statements(session);
        weir_stmt *update = weir_update(&order_entity);
        weir_set(update, WEIR_COL(order, amount_cents), WEIR_ADD(WEIR_COL(order, amount_cents), 1000));
        weir_set(update, WEIR_COL(order, state), "bulk");
        weir_where(update, WEIR_OR(WEIR_BETWEEN(WEIR_COL(order, id), 3, 5), WEIR_EQ(WEIR_COL(order, state), "mine")));
        weir_where(update, WEIR_NOT_IN(WEIR_COL(order, id), 4));
        weir_synchronize(update, ways[i]);
        assert_int_equal(execute(session, update), 3);
        assert_int_equal(weir_session_statements(session) - before, ways[i] == WEIR_SYNC_FETCH ? 3 : 2);
        assert_int_equal(orders[3]->amount_cents, 1030);
        assert_string_equal(orders[9]->state, "bulk");
        assert_int_equal(orders[4]->amount_cents, 40);
        assert_int_equal(weir_session_dirty_count(session), 0);
        /* What only SQL can tell is reloaded when it is asked for. */
        update = weir_update(&order_entity);
        weir_set(update, WEIR_COL(order, state), WEIR_FUNC("upper", WEIR_COL(order, state)));
        weir_where(update, WEIR_EQ(WEIR_COL(order, id), 3));
        weir_synchronize(update, ways[i]);
        assert_int_equal(execute(session, update), 1);
        assert_int_equal(weir_load(orders[3], state), WEIR_OK);
        assert_string_equal(orders[3]->state, "BULK");
        weir_stmt *delete = weir_delete(&order_entity);
        weir_where(delete, WEIR_LE(WEIR_COL(order, id), 2));
        weir_synchronize(delete, ways[i]);
        assert_int_equal(execute(session, delete), 2);
        assert_int_equal(weir_state_of(orders[2]) & 0xf, WEIR_DELETED);
        assert_int_equal(weir_session_count(session), 10);
        CALL_OK(session, weir_session_rollback(session));
        assert_int_equal(weir_state_of(orders[2]) & 0xf, WEIR_PERSISTENT);
        assert_int_equal(weir_load(orders[3], amount_cents), WEIR_OK);
        assert_int_equal(orders[3]->amount_cents, 30);
        CLOSE_OK(session);
    }
}

static void test_criteria_for_sql_alone_are_fetched_or_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *three = WEIR_GET(order, session, 3), *four = WEIR_GET(order, session, 4);
    for (int refuse = 0; refuse < 2; refuse++) {
        weir_stmt *update = weir_update(&order_entity);
        weir_set(update, WEIR_COL(order, amount_cents), 5);
        weir_where(update, WEIR_SQL("mod(orders.id, :n) = 0"));
        WEIR_BIND(update, "n", 3);
        if (!db->postgresql) {          /* Debian's SQLite has no mod() */
            weir_stmt_free(&update);
            update = weir_update(&order_entity);
            weir_set(update, WEIR_COL(order, amount_cents), 5);
            weir_where(update, WEIR_SQL("orders.id % :n = 0"));
            WEIR_BIND(update, "n", 3);
        }
        weir_synchronize(update, refuse ? WEIR_SYNC_EVALUATE : WEIR_SYNC_AUTO);
        int64_t before = weir_session_statements(session);
        if (refuse) {
            assert_status((int)execute(session, update), WEIR_INVALID_REQUEST);
            assert_contains(weir_session_error(session)->message, "Could not evaluate current criteria");
            assert_int_equal(weir_session_statements(session), before);
        } else {
            assert_int_equal(execute(session, update), 4);
        }
    }
    assert_int_equal(three->amount_cents, 5);
    assert_int_equal(four->amount_cents, 40);
    CLOSE_OK(session);
}

/* A stream that changes each instance, flushed partition by partition: as much memory for many partitions as for few. */
static size_t peak_of(test_database *db, int64_t rows)
{
    weir_engine *engine = test_engine(db, NULL);
    weir_session *session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    weir_stmt *stmt = weir_select(&order_entity);
    weir_where(stmt, WEIR_LE(WEIR_COL(order, id), rows));
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(stmt, 100);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    int64_t seen = 0;
    for (const weir_partition *partition; (partition = weir_result_next_partition(result, 0)) != NULL && partition->count;) {
        for (size_t i = 0; i < partition->count; i++, seen++) {
            struct order *order = partition->instances[i];
            WEIR_SET(order, state, seen % 2 ? "odd" : "even");
            WEIR_SET(order, amount_cents, order->amount_cents + 1);
        }
        CALL_OK(session, weir_session_flush(session));
    }
    close_result_ok(&result);
    assert_int_equal(seen, rows);
    assert_int_equal(weir_session_count(session), 0);
    CALL_OK(session, weir_session_rollback(session));
    CLOSE_OK(session);
    weir_memory_figures figures;
    weir_engine_memory(engine, &figures);
    weir_engine_close(&engine);
    return figures.peak_bytes;
}

static void test_a_stream_that_is_changed_and_flushed_is_flat(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6000);
    size_t few = peak_of(db, 600), many = peak_of(db, 6000);
    assert_in_range(many, few - 1024, few + 1024);
}

/* ---- many rows of a flush --------------------------------------------------------------------------------------------------------------- */

static struct order **load_orders(weir_session *session, size_t count, weir_result **result)
{
    struct order **orders = calloc(count, sizeof(struct order *));
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_DESC(WEIR_COL(order, id)));
    *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    for (size_t i = 0; i < count; i++)
        assert_non_null(orders[i] = WEIR_NEXT(order, *result));
    return orders;
}

/* Instances with the same columns to be written go as parameter sets, a thousand to a page; the others as before, in one flush. */
static void test_many_changes_go_in_pages(void **state)
{
    enum { ROWS = 3000 };
    test_database *db = *state;
    weir_result *result;
    test_fixture(db, ROWS);
    weir_session *session = weir_session_open(db->engine);
    struct order **orders = load_orders(session, ROWS, &result);
    for (size_t i = 0; i < ROWS; i++) {
        if (i < 2500 || i % 2)
            WEIR_SET(orders[i], amount_cents, orders[i]->id);
        if (i >= 2500)
            WEIR_SET(orders[i], state, i % 2 ? "odd" : "even");
    }
    WEIR_SET(orders[5], id, 9001);              /* found by its old key; five are before it, too few for a page */
    int64_t before = weir_session_statements(session);
    test_log_clear(db->log);
    CALL_OK(session, weir_session_flush(session));
    assert_true(weir_session_statements(session) - before < 520);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "UPDATE orders SET amount_cents = "), 5 + 3 + 250);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE amount_cents = id OR (id = 9001 AND amount_cents = 2995)"), 2750);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'even' AND amount_cents = 10 * id"), 250);
    close_result_ok(&result);
    CLOSE_OK(session);
    free(orders);
}

static void test_many_deletions_go_in_pages(void **state)
{
    enum { ROWS = 2500 };
    test_database *db = *state;
    weir_result *result;
    test_fixture(db, ROWS);
    test_side_run(db, "DELETE FROM order_lines");
    weir_session *session = weir_session_open(db->engine);
    struct order **orders = load_orders(session, ROWS, &result);
    for (size_t i = 0; i < 2400; i++)
        CALL_OK(session, weir_session_delete(session, orders[i]));
    int64_t before = weir_session_statements(session);
    CALL_OK(session, weir_session_flush(session));
    assert_true(weir_session_statements(session) - before < 10);
    assert_int_equal(weir_state_of(orders[0]) & 0xf, WEIR_DELETED);
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_state_of(orders[0]) & 0xf, WEIR_PERSISTENT);
    for (size_t i = 0; i < 2400; i++)
        CALL_OK(session, weir_session_delete(session, orders[i]));
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 100);
    close_result_ok(&result);
    CLOSE_OK(session);
    free(orders);
}

/* A row that is gone, and a value that is refused: nothing stays, and the message is that of any flush. */
static void test_pages_of_a_flush_that_fail(void **state)
{
    enum { ROWS = 1200 };
    test_database *db = *state;
    weir_result *result;
    test_fixture(db, ROWS);
    test_side_run(db, "DELETE FROM order_lines; DELETE FROM orders WHERE id = 1100");
    test_side_run(db, "CREATE UNIQUE INDEX amounts ON orders (amount_cents)");
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    struct order **orders = load_orders(session, ROWS - 1, &result);
    close_result_ok(&result);
    CALL_OK(session, weir_session_commit(session));
    test_side_run(db, "DELETE FROM orders WHERE id = 700");
    for (size_t i = 0; i < ROWS - 1; i++)
        WEIR_SET(orders[i], amount_cents, 100000 + (int64_t)i);
    assert_status(weir_session_flush(session), WEIR_STALE_DATA);
    assert_string_equal(weir_session_error(session)->message, "UPDATE statement on table 'orders' expected to update 1199 row(s); 1198 were matched.");
    CALL_OK(session, weir_session_rollback(session));
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE amount_cents = 10 * id"), ROWS - 2);
    session = weir_session_open(db->engine);
    free(orders);
    orders = load_orders(session, ROWS - 2, &result);
    for (size_t i = 0; i < ROWS - 2; i++)
        WEIR_SET(orders[i], amount_cents, i == 1000 ? 100001 : 100000 + (int64_t)i);
    assert_status(weir_session_flush(session), WEIR_INTEGRITY);
    assert_int_equal(weir_session_error(session)->row, 0);
    CALL_OK(session, weir_session_rollback(session));
    close_result_ok(&result);
    CLOSE_OK(session);
    free(orders);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE amount_cents = 10 * id"), ROWS - 2);
}

/* ---- faults ---------------------------------------------------------------------------------------------------------------------------- */

static void test_a_backend_killed_before_a_flush(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *one = WEIR_GET(order, session, 1);
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", weir_connection_backend_pid(weir_session_connection(session)));
    test_side_run(db, sql);
    WEIR_SET(one, amount_cents, 1);
    struct order *fresh = WEIR_NEW(order, session);
    fresh->id = 90;
    fresh->state = "new";
    CALL_OK(session, weir_session_add(session, fresh));
    assert_status(weir_session_flush(session), WEIR_OPERATIONAL);
    assert_true(weir_session_error(session)->disconnect);
    assert_status(weir_session_commit(session), WEIR_PENDING_ROLLBACK);
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_state_of(fresh), WEIR_TRANSIENT);
    assert_int_equal(weir_load(one, amount_cents), WEIR_OK);
    assert_int_equal(one->amount_cents, 10);
    CALL_OK(session, weir_session_add(session, fresh));
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 13);
}

/* The middle of many rows under way fails: nothing of any of them stays, and the next flush is clean. */
static void test_a_violation_in_the_middle_of_many_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 150);
    weir_session *session = weir_session_open(db->engine);
    for (int64_t i = 1; i <= 400; i++) {
        struct order *order = WEIR_NEW(order, session);
        order->id = 1000 + i;
        order->state = "new";
        if (i == 200)
            order->id = 150;
        CALL_OK(session, weir_session_add(session, order));
    }
    assert_status(weir_session_flush(session), WEIR_INTEGRITY);
    assert_int_equal(weir_session_count(session), 0);
    CALL_OK(session, weir_session_rollback(session));
    weir_session_expunge_all(session);
    struct order *order = WEIR_NEW(order, session);
    order->id = 999;
    order->state = "new";
    CALL_OK(session, weir_session_add(session, order));
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 151);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_168_parameter_sets_reach_the_instances), ON_BOTH(test_case_167_additional_criteria_need_synchronization_off),
        ON_BOTH(test_updates_with_criteria_reach_the_instances), ON_BOTH(test_criteria_for_sql_alone_are_fetched_or_refused),
        ON_BOTH(test_a_stream_that_is_changed_and_flushed_is_flat), ON_POSTGRESQL(test_a_backend_killed_before_a_flush),
        ON_BOTH(test_a_violation_in_the_middle_of_many_rows), ON_BOTH(test_many_changes_go_in_pages),
        ON_BOTH(test_many_deletions_go_in_pages), ON_BOTH(test_pages_of_a_flush_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
