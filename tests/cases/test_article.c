/* What the article promises of the synchronous session: eviction between partitions, rows that mix entities and aggregates, and its
 * table of pitfalls with their remedies. */
#include "support.h"
#include <string.h>

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);
struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id, quantity; struct order *order; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id),
            WEIR_COLUMN(invoice, total_cents), WEIR_COLUMN(invoice, status));
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state), WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));
WEIR_ENTITY(order_line, "order_lines", WEIR_COLUMN(order_line, id, .primary_key = true), WEIR_COLUMN(order_line, order_id),
            WEIR_COLUMN(order_line, quantity), WEIR_BELONGS_TO(order_line, order, order, order_id));

#define close_session_ok(session) assert_status(weir_session_close(session), WEIR_OK)

static weir_stmt *invoices(int64_t yield_per)
{
    weir_stmt *stmt = weir_select(&invoice_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(invoice, id)));
    weir_yield_per(stmt, yield_per);
    return stmt;
}

static weir_stmt *orders(int64_t yield_per)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_yield_per(stmt, yield_per);
    return stmt;
}

static weir_result *execute(weir_session *session, weir_stmt *stmt)
{
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static weir_result *scalars(weir_session *session, weir_stmt *stmt)
{
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static size_t statements(test_database *db) { return test_log_count(db->log, WEIR_LOG_STATEMENT); }

/* ---- eviction -------------------------------------------------------------------------------------------------------------------- */

/* The article's loop: rows in partitions, expunge_all after each; partitions of the batch's size and of others. */
static void test_case_104_the_articles_loop_works_for_any_number_of_partitions(void **state)
{
    test_database *db = *state;
    const size_t batches[] = { 1, 7, 100, 499, 500, 501 }, partitions[] = { 0, 7, 50, 499, 500, 501 };
    test_fixture(db, 1000);
    weir_session *session = weir_session_open(db->engine);
    for (size_t b = 0; b < 6; b++) {
        weir_result *result = execute(session, invoices((int64_t)batches[b]));
        size_t size = partitions[b] ? partitions[b] : batches[b];
        int64_t id = 0;
        const weir_partition *chunk;
        while ((chunk = weir_result_next_partition(result, partitions[b])) != NULL) {
            assert_true(chunk->count == size || id + (int64_t)chunk->count == 1000);
            for (size_t i = 0; i < chunk->count; i++) {
                struct invoice *invoice = WEIR_ROW(invoice, chunk->rows[i]);
                assert_int_equal(invoice->id, ++id);
                assert_int_equal(invoice->total_cents, 10 * id);
                assert_string_equal(invoice->status, "draft");
            }
            weir_session_expunge_all(session);
            assert_int_equal(weir_session_count(session), 0);
            struct invoice *last = WEIR_ROW(invoice, chunk->rows[chunk->count - 1]);
            assert_int_equal(last->id, id);
            assert_int_equal(weir_state_of(last), WEIR_DETACHED);
        }
        close_result_ok(&result);
        assert_int_equal(id, 1000);
        assert_int_equal(weir_session_count(session), 0);
    }
    close_session_ok(&session);
}

/* Pitfall 3: nothing grows, with expunge_all or without, whether the program goes by rows or by instances. */
static void test_pitfall_3_the_identity_map_does_not_grow(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_memory_figures early, late;
    weir_session *session = weir_session_open(db->engine);
    for (int evict = 0; evict < 2; evict++) {
        weir_result *result = scalars(session, invoices(50));
        for (int64_t id = 1; id <= 3000; id++) {
            struct invoice *invoice = WEIR_NEXT(invoice, result);
            assert_int_equal(invoice->id, id);
            assert_true(weir_session_count(session) <= 50);
            if (id == 325)
                weir_memory_usage(&early);
            if (id == 2925)
                weir_memory_usage(&late);
            if (evict && id % 50 == 0)
                weir_session_expunge_all(session);
        }
        assert_null(WEIR_NEXT(invoice, result));
        close_result_ok(&result);
        assert_int_equal(late.bytes, early.bytes);
        if (!evict)
            assert_int_equal(late.allocations, early.allocations);
        assert_int_equal(weir_session_count(session), 0);
    }
    close_session_ok(&session);
}

/* The same pitfall's second remedy: a commit expires all, ends the streams, and the next page goes on behind the last key. */
static void test_pitfall_3_expire_on_commit_between_pages(void **state)
{
    test_database *db = *state;
    test_fixture(db, 25);
    weir_session *session = weir_session_open(db->engine);
    int64_t last = 0;
    for (bool more = true; more; ) {
        weir_stmt *stmt = invoices(5);
        weir_where(stmt, WEIR_GT(WEIR_COL(invoice, id), last));
        weir_limit(stmt, 10);
        weir_result *result = scalars(session, stmt);
        more = false;
        for (struct invoice *invoice; (invoice = WEIR_NEXT(invoice, result)) != NULL; more = true) {
            assert_int_equal(invoice->id, last + 1);
            last = invoice->id;
        }
        close_result_ok(&result);
        assert_status(weir_session_commit(session), WEIR_OK);
        assert_int_equal(weir_session_count(session), 0);
    }
    assert_int_equal(last, 25);
    close_session_ok(&session);
}

/* ---- rows by name ------------------------------------------------------------------------------------------------------------------ */

/* row.Invoice and row[0]; beside it a label, an aggregate and a plain column. */
static void test_rows_mix_entities_columns_and_aggregates_by_name(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int64_t yield_per = 0; yield_per <= 13; yield_per += yield_per < 5 ? 1 : 4) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_LABEL(WEIR_COUNT_OF(WEIR_COL(order_line, id)), "n"),
                                              WEIR_LABEL(WEIR_SUM(WEIR_COL(order_line, quantity)), "pieces"), WEIR_COL(order, tenant_id));
        weir_join(stmt, WEIR_COL(order, lines));
        weir_group_by(stmt, WEIR_COL(order, id));
        weir_order_by(stmt, WEIR_COL(order, id));
        weir_yield_per(stmt, yield_per);
        weir_result *result = execute(session, stmt);
        assert_int_equal(weir_result_column_count(result), 4);
        assert_string_equal(weir_result_column(result, 0)->name, "order");
        assert_string_equal(weir_result_column(result, 2)->name, "pieces");
        int64_t id = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
            struct order *order = WEIR_ROW_AS(order, row, "order");
            assert_int_equal(order->id, ++id);
            assert_ptr_equal(WEIR_ROW(order, row), order);
            assert_string_equal(order->state, "pending");
            assert_int_equal(weir_row_count(row), 4);
            assert_int_equal(weir_row_int64(row, "n"), 3);
            assert_int_equal(weir_row_int64_at(row, 2), 6);
            assert_int_equal(weir_row_int64(row, "tenant_id"), id % 2);
            assert_int_equal(weir_row_int64_at(row, -1), id % 2);
            assert_false(weir_row_is_null(row, "order"));
        }
        close_result_ok(&result);
        assert_int_equal(id, 12);
        close_session_ok(&session);
    }
}

static void test_rows_of_two_entities_and_a_wrong_name(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_LABEL(WEIR_MULTIPLY(WEIR_COL(invoice, total_cents), 2), "twice"), WEIR_ENTITY_OF(invoice),
                                          WEIR_ENTITY_OF(order));
    weir_join_on(stmt, WEIR_ENTITY_OF(order), WEIR_EQ(WEIR_COL(order, id), WEIR_COL(invoice, id)));
    weir_order_by(stmt, WEIR_COL(invoice, id));
    weir_yield_per(stmt, 4);
    weir_result *result = execute(session, stmt);
    const weir_partition *rows = weir_result_next_partition(result, 6);
    assert_int_equal(rows->count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(WEIR_ROW(invoice, rows->rows[i])->id, i + 1);
        assert_int_equal(WEIR_ROW_AS(order, rows->rows[i], "order")->amount_cents, 10 * (int64_t)(i + 1));
        assert_int_equal(weir_row_int64(rows->rows[i], "twice"), 20 * (int64_t)(i + 1));
    }
    assert_null(WEIR_ROW_AS(order, rows->rows[0], "Order"));
    assert_error(weir_result_error(result), WEIR_NO_SUCH_COLUMN);
    assert_status(weir_result_close(&result), WEIR_NO_SUCH_COLUMN);
    close_session_ok(&session);
}

/* ---- pitfalls ------------------------------------------------------------------------------------------------------------------------ */

static void test_pitfall_1_joined_collections_are_refused_and_two_loaders_replace_them(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_pool_status pool;
    for (int in_rows = 0; in_rows < 2; in_rows++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = orders(5);
        weir_joinedload(stmt, WEIR_COL(order, lines));
        test_log_clear(db->log);
        weir_result *result = in_rows ? execute(session, stmt) : scalars(session, stmt);
        assert_contains(weir_result_error(result)->message, "Can't use yield_per with joined eager loading.");
        assert_null(weir_result_next(result));
        assert_int_equal(statements(db), 0);
        weir_engine_pool_status(db->engine, &pool);
        assert_int_equal(pool.checked_out, 0);
        assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
        for (int subquery = 0; subquery < 2; subquery++) {
            stmt = orders(5);
            if (subquery)
                weir_subqueryload(stmt, WEIR_COL(order, lines));
            else
                weir_selectinload(stmt, WEIR_COL(order, lines));
            test_log_clear(db->log);
            result = execute(session, stmt);
            int64_t id = 0;
            for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
                struct order *order = WEIR_ROW(order, row);
                assert_int_equal(order->id, ++id);
                assert_int_equal(order->lines.count, 3);
                assert_int_equal(order->lines.items[2]->id, 10 * id + 3);
            }
            close_result_ok(&result);
            assert_int_equal(id, 12);
            assert_int_equal(statements(db), 4);
        }
        close_session_ok(&session);
    }
}

static void test_pitfall_2_autocommit_is_refused_and_a_begin_is_the_remedy(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int by_level = 0; by_level < 2; by_level++) {
        weir_session *session = by_level
            ? weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.execution_options = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)))
            : weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autocommit = WEIR_ON));
        test_log_clear(db->log);
        weir_result *result = scalars(session, invoices(5));
        assert_null(WEIR_NEXT(invoice, result));
        assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
        assert_int_equal(statements(db), 0);
        assert_status(weir_session_rollback(session), WEIR_OK);
        assert_status(weir_session_begin(session), WEIR_OK);
        result = execute(session, invoices(5));
        int64_t id = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL;)
            assert_int_equal(WEIR_ROW(invoice, row)->id, ++id);
        assert_int_equal(id, 12);
        close_result_ok(&result);
        assert_status(weir_session_commit(session), WEIR_OK);
        close_session_ok(&session);
    }
}

static void test_pitfall_5_a_stream_without_order_by_warns_once(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (int columns = 0; columns < 2; columns++) {
        weir_stmt *stmt = columns ? weir_select_columns(WEIR_COL(invoice, id)) : weir_select(&invoice_entity);
        weir_yield_per(stmt, 5);
        test_log_clear(db->log);
        weir_result *result = execute(session, stmt);
        assert_partitions(result, 5, 5, 5, 2);
        close_result_ok(&result);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
        assert_int_equal(test_log_matching(db->log, WEIR_LOG_WARNING, "without ORDER BY"), 1);
    }
    test_log_clear(db->log);
    weir_result *result = execute(session, invoices(5));
    assert_partitions(result, 5, 5, 5, 2);
    close_result_ok(&result);
    result = execute(session, weir_select(&invoice_entity));
    assert_partitions(result, 5, 5, 5, 2);
    close_result_ok(&result);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 0);
    close_session_ok(&session);
}

static void refused(test_database *db, weir_stmt *stmt)
{
    weir_session *session = weir_session_open(db->engine);
    weir_pool_status pool;
    test_log_clear(db->log);
    weir_result *result = execute(session, stmt);
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_INVALID_REQUEST);
    assert_contains(weir_result_error(result)->message, "select its columns");
    assert_int_equal(statements(db), 0);
    weir_engine_pool_status(db->engine, &pool);
    assert_int_equal(pool.checked_out, 0);
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    close_session_ok(&session);
}

static void test_pitfall_6_entities_without_their_key_do_not_stream_and_columns_do(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_stmt *stmt = weir_select(&invoice_entity);
    weir_group_by(stmt, WEIR_COL(invoice, tenant_id));
    weir_order_by(stmt, WEIR_COL(invoice, tenant_id));
    weir_yield_per(stmt, 5);
    refused(db, stmt);
    stmt = weir_select_columns(WEIR_LABEL(WEIR_COUNT(), "n"), WEIR_ENTITY_OF(invoice));
    weir_group_by(stmt, WEIR_COL(invoice, status));
    weir_yield_per(stmt, 1);
    refused(db, stmt);
    if (db->postgresql) {
        stmt = invoices(5);
        weir_distinct_on(stmt, WEIR_COL(invoice, tenant_id));
        refused(db, stmt);
    }
    weir_session *session = weir_session_open(db->engine);
    stmt = invoices(5);
    weir_distinct(stmt);
    weir_result *result = execute(session, stmt);
    assert_partitions(result, 5, 5, 5, 2);
    close_result_ok(&result);
    stmt = invoices(5);
    weir_group_by(stmt, WEIR_COL(invoice, id));
    result = scalars(session, stmt);
    for (int64_t id = 1; id <= 12; id++)
        assert_int_equal(WEIR_NEXT(invoice, result)->id, id);
    close_result_ok(&result);
    close_session_ok(&session);
    weir_connection *connection = weir_engine_connect(db->engine);
    stmt = weir_select_columns(WEIR_COL(invoice, tenant_id), WEIR_LABEL(WEIR_SUM(WEIR_COL(invoice, total_cents)), "revenue"));
    weir_group_by(stmt, WEIR_COL(invoice, tenant_id));
    weir_order_by(stmt, WEIR_COL(invoice, tenant_id));
    result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_ON));
    weir_stmt_free(&stmt);
    const weir_partition *rows = weir_result_fetchmany(result, 500);
    assert_int_equal(rows->count, 2);
    assert_int_equal(weir_row_int64(rows->rows[0], "revenue"), 420);
    assert_int_equal(weir_row_int64(rows->rows[1], "revenue"), 360);
    close_result_ok(&result);
    stmt = weir_select_columns(WEIR_COL(invoice, tenant_id), WEIR_COL(invoice, status));
    weir_distinct(stmt);
    weir_order_by(stmt, WEIR_COL(invoice, tenant_id));
    weir_yield_per(stmt, 1);
    result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    assert_partitions(result, 0, 1, 1);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* "Attach it in a helper, conditionally": one builder, options by the estimated number of rows. */
static void test_options_are_attached_conditionally(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (int64_t estimate = 1; estimate < 1000000; estimate *= 1000) {
        weir_stmt *stmt = weir_select(&invoice_entity);
        weir_order_by(stmt, WEIR_COL(invoice, id));
        if (estimate > 10)
            weir_stmt_options(stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 5));
        weir_result *result = scalars(session, stmt);
        weir_result_figures info;
        weir_result_info(result, &info);
        assert_int_equal(info.yield_per, estimate > 10 ? 5 : 0);
        int64_t id = 0;
        for (struct invoice *invoice; (invoice = WEIR_NEXT(invoice, result)) != NULL;)
            assert_int_equal(invoice->id, ++id);
        assert_int_equal(id, 12);
        close_result_ok(&result);
    }
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_104_the_articles_loop_works_for_any_number_of_partitions),
        ON_BOTH(test_pitfall_3_the_identity_map_does_not_grow),
        ON_BOTH(test_pitfall_3_expire_on_commit_between_pages),
        ON_BOTH(test_rows_mix_entities_columns_and_aggregates_by_name),
        ON_BOTH(test_rows_of_two_entities_and_a_wrong_name),
        ON_BOTH(test_pitfall_1_joined_collections_are_refused_and_two_loaders_replace_them),
        ON_BOTH(test_pitfall_2_autocommit_is_refused_and_a_begin_is_the_remedy),
        ON_BOTH(test_pitfall_5_a_stream_without_order_by_warns_once),
        ON_BOTH(test_pitfall_6_entities_without_their_key_do_not_stream_and_columns_do),
        ON_BOTH(test_options_are_attached_conditionally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
