/* WEIR_DEBUG=changes: members that were written and not marked are told where the change gets lost. */
#include "support.h"
#include <stdlib.h>
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

#define CALL_OK(session, call) assert_error(((call) == WEIR_OK ? &(const weir_error){ 0 } : weir_session_error(session)), WEIR_OK)
#define CLOSE_OK(session) assert_int_equal(weir_session_close(&(session)), WEIR_OK)

static weir_session *open_session(test_database *db, const char *debug, weir_switch expire_on_commit)
{
    test_fixture(db, 12);
    test_log_clear(db->log);
    if (debug)
        setenv("WEIR_DEBUG", debug, 1);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = expire_on_commit));
    unsetenv("WEIR_DEBUG");
    return session;
}

static size_t told(const test_database *db) { return test_log_count(db->log, WEIR_LOG_WARNING); }

static void assert_told(const test_database *db, const char *text, size_t all)
{
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_WARNING, text), 1);
    assert_int_equal(told(db), all);
}

static struct order *get(weir_session *session, int64_t id)
{
    struct order *order = WEIR_GET(order, session, id);
    assert_non_null(order);
    return order;
}

static weir_result *stream(weir_session *session)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(stmt, 5);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static void test_a_batch_that_ends_tells_of_unmarked_writes(void **state)
{
    test_database *db = *state;
    weir_session *session = open_session(db, "changes", WEIR_UNSET);
    weir_result *result = stream(session);
    struct order *retained = NULL;
    for (int64_t id = 1; id <= 12; id++) {
        struct order *order = WEIR_NEXT(order, result);
        assert_int_equal(order->id, id);
        if (id == 2)
            order->amount_cents++;
        if (id == 3)
            order->state = "elsewhere";
        if (id == 4)
            retained = weir_retain(order);
        if (id == 11)
            ((char *)(uintptr_t)order->state)[0]++;
        assert_int_equal(told(db), id < 6 ? 0 : 2);
    }
    assert_null(WEIR_NEXT(order, result));
    close_result_ok(&result);
    assert_told(db, "order 2: amount_cents was written but not marked: use WEIR_SET or weir_changed; the change will not be saved", 3);
    assert_told(db, "order 3: state was written", 3);
    assert_told(db, "order 11: state was written", 3);
    retained->tenant_id += 5;
    assert_int_equal(told(db), 3);
    weir_release(retained);
    assert_told(db, "order 4: tenant_id was written", 4);
    assert_int_equal(weir_session_count(session), 0);
    CLOSE_OK(session);
    assert_int_equal(told(db), 4);
}

static void test_flush_commit_rollback_expunge_and_close_tell(void **state)
{
    test_database *db = *state;
    weir_session *session = open_session(db, "lifetimes,changes", WEIR_OFF);
    struct order *order = get(session, 1);
    order->amount_cents += 7;
    CALL_OK(session, weir_session_flush(session));
    assert_told(db, "order 1: amount_cents was written", 1);
    order->amount_cents++;                      /* told once */
    order->tenant_id++;
    CALL_OK(session, weir_session_commit(session));
    assert_told(db, "order 1: tenant_id was written", 2);
    struct order *second = get(session, 2);
    second->state = "lost";
    CALL_OK(session, weir_session_rollback(session));
    assert_told(db, "order 2: state was written", 3);
    struct order *third = get(session, 3), *fourth = weir_retain(get(session, 4));
    third->amount_cents = -1;
    CALL_OK(session, weir_session_expunge(session, third));
    assert_told(db, "order 3: amount_cents was written", 4);
    fourth->amount_cents = -1;
    get(session, 5)->amount_cents = -1;
    CALL_OK(session, weir_session_refresh(session, get(session, 5)));
    assert_told(db, "order 5: amount_cents was written", 5);
    CLOSE_OK(session);
    assert_told(db, "order 4: amount_cents was written", 6);
    fourth->tenant_id = -1;                     /* nobody's any more */
    weir_release(fourth);
    assert_int_equal(told(db), 6);
}

static void test_marked_and_own_writes_are_not_told(void **state)
{
    test_database *db = *state;
    weir_session *session = open_session(db, "changes", WEIR_UNSET);
    struct order *order = get(session, 1), *second = get(session, 2);
    WEIR_SET(order, amount_cents, 5);
    weir_changed(second);
    second->tenant_id = second->tenant_id;
    CALL_OK(session, weir_session_flush(session));
    WEIR_SET(order, state, "paid");
    WEIR_SET(order, id, 900);
    CALL_OK(session, weir_session_flush(session));
    WEIR_SET(order, amount_cents, 6);
    CALL_OK(session, weir_session_rollback(session));
    order = get(session, 1);
    assert_int_equal(order->id, 1);
    weir_stmt *stmt = weir_update(&order_entity);
    weir_set(stmt, WEIR_COL(order, amount_cents), 77);
    weir_set(stmt, WEIR_COL(order, state), "bulk");
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, id), 1));
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    close_result_ok(&result);
    assert_int_equal(order->amount_cents, 77);
    struct order *made = WEIR_NEW(order, session);
    *made = (struct order){ .id = 700, .state = "new", .lines = made->lines };
    CALL_OK(session, weir_session_add(session, made));
    CALL_OK(session, weir_session_commit(session));
    order = get(session, 1);
    order->lines.count = 0;                     /* relationships are no columns */
    weir_session_delete(session, get(session, 700));
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(told(db), 0);
}

static void test_without_being_asked_nothing_is_told(void **state)
{
    test_database *db = *state;
    weir_session *session = open_session(db, NULL, WEIR_UNSET);
    get(session, 1)->amount_cents = -1;
    CALL_OK(session, weir_session_commit(session));
    CLOSE_OK(session);
    assert_int_equal(told(db), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_batch_that_ends_tells_of_unmarked_writes), ON_BOTH(test_flush_commit_rollback_expunge_and_close_tell),
        ON_BOTH(test_marked_and_own_writes_are_not_told), ON_BOTH(test_without_being_asked_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
