/* Memory of keyset pages: every failed allocation is told, and page after page takes no more. */
#include "support_memory.h"
#include <stdlib.h>
#include <string.h>

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id, quantity; struct order *order; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents), WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true), WEIR_COLUMN(order_line, order_id), WEIR_COLUMN(order_line, quantity),
    WEIR_BELONGS_TO(order_line, order, order, order_id));

/* By a text that may be NULL, and back: pages are unions. */
static weir_stmt *orders(void)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_DESC(WEIR_COL(order, state)));
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    return stmt;
}

static const weir_keyset_options *options(void)
{
    static const weir_keyset_options five = { .struct_size = sizeof five, .page_size = 5, .secret = "0123456789abcdef", .secret_length = 16 };
    return &five;
}

static int walk_session(weir_engine *engine)
{
    int64_t id = 0;
    weir_session *session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    weir_stmt *stmt = orders();
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_keyset *keyset = weir_session_stream_by_keyset(session, stmt, options());
    for (struct order *order; (order = WEIR_KEYSET_NEXT(order, keyset)) != NULL;) {
        assert_int_equal(order->id, ++id);
        assert_int_equal(order->lines.count, 3);
    }
    int first = weir_keyset_close(&keyset);
    if (first == WEIR_OK)
        assert_int_equal(id, 12);       /* never fewer without an error */
    weir_stmt_free(&stmt);
    int closed = weir_session_close(&session);
    return test_first(first, closed);
}

static int walk_text(weir_engine *engine)
{
    int64_t id = 12;
    weir_stmt *text = weir_sql("SELECT id, state FROM orders");
    const weir_keyset_options how = { .struct_size = sizeof how, .page_size = 5, .order = "state, id not null" };
    weir_keyset *keyset = weir_stream_by_keyset(engine, text, &how);
    for (const weir_keyset_page *page = weir_keyset_last(keyset); page && page->count; page = weir_keyset_previous(keyset, page->previous))
        for (size_t i = page->count; i-- > 0;)
            assert_int_equal(weir_row_int64_at(page->rows[i], 0), id--);
    int first = weir_keyset_close(&keyset);
    if (first == WEIR_OK)
        assert_int_equal(id, 0);
    weir_stmt_free(&text);
    return first;
}

static int run_pages(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = WEIR_OK;
    first = test_first(first, walk_session(engine));
    first = test_first(first, walk_text(engine));
    return first;
}

static void test_each_allocation_that_fails_in_pages_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_fail_allocations(db, "keyset pages, streams by keyset", run_pages, 0);
}

static void test_pages_of_instances_are_flat(void **state)
{
    test_database *db = *state;
    test_fixture(db, 20000);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    weir_stmt *stmt = orders();
    weir_keyset *keyset = weir_session_stream_by_keyset(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 200));
    size_t early = 0, most = 0;
    int64_t id = 0;
    for (struct order *order; (order = WEIR_KEYSET_NEXT(order, keyset)) != NULL;) {
        weir_memory_figures figures;
        assert_int_equal(order->id, ++id);
        if (id % 200 != 1)
            continue;
        weir_memory_usage(&figures);
        if (id <= 5000)
            early = figures.bytes > early ? figures.bytes : early;
        most = figures.bytes > most ? figures.bytes : most;
    }
    assert_int_equal(id, 20000);
    assert_true(most <= early);
    assert_true(weir_session_count(session) <= 201);
    assert_status(weir_keyset_close(&keyset), WEIR_OK);
    assert_int_equal(weir_session_count(session), 0);
    weir_stmt_free(&stmt);
    assert_status(weir_session_close(&session), WEIR_OK);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_each_allocation_that_fails_in_pages_is_told),
        ON_BOTH(test_pages_of_instances_are_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
