/* Loading on demand, by subquery and one by one; raise and noload; lives of what was loaded; loaders that fail (cases.md D). */
#include "loading.h"

/* ---- subquery ----------------------------------------------------------------------------------------------------------------- */

static void test_case_061_subqueryload_streams_by_batch(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_subqueryload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    assert_statements(db, 4);
    close_session_ok(&session);
}

static void test_case_061_subqueryload_is_refused_when_strict(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_subqueryload(stmt, WEIR_COL(order, lines));
    weir_result *result = weir_session_scalars_with(session, stmt, WEIR_EXECUTION_OPTIONS(.strict_loading = WEIR_ON));
    assert_error(weir_result_error(result), WEIR_INVALID_REQUEST);
    assert_contains(weir_result_error(result)->message, "Can't use yield_per with eager loaders that require uniquing or row buffering");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_statements(db, 0);
    weir_stmt_free(&stmt);
    stmt = ORDERS(0);
    weir_subqueryload(stmt, WEIR_COL(order, lines));
    result = weir_session_scalars_with(session, stmt, WEIR_EXECUTION_OPTIONS(.strict_loading = WEIR_ON));
    assert_orders_with_lines(result, 12);
    weir_stmt_free(&stmt);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_subqueryload_of_a_limited_select_is_one_more_statement(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_limit(stmt, 7);
    weir_subqueryload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 7);
    close_result_ok(&result);
    assert_statements(db, 2);
    close_session_ok(&session);
}

/* ---- lazy and immediate ---------------------------------------------------------------------------------------------------------- */

static void test_case_063_lazy_loads_one_by_one(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_false(weir_loaded(order, lines));
        assert_status(weir_load(order, lines), WEIR_OK);
        assert_three_lines(order);
        assert_status(weir_load(order, lines), WEIR_OK);
    }
    close_result_ok(&result);
    assert_statements(db, 13);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_case_063_immediate_loads_one_by_one_without_asking(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_immediateload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    assert_statements(db, 13);
    close_session_ok(&session);
}

static void test_case_064_raise_forbids_and_the_stream_goes_on(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_raiseload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    int count = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_status(weir_load(order, lines), WEIR_INVALID_REQUEST);
        assert_contains(weir_session_error(session)->message, "'order.lines' is not available due to lazy='raise'");
        count++;
    }
    close_result_ok(&result);
    assert_int_equal(count, 12);
    assert_statements(db, 1);
    close_session_ok(&session);
}

static void test_case_065_a_to_one_that_matches_two_rows_warns(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE persons(id bigint PRIMARY KEY); CREATE TABLE passports(id bigint PRIMARY KEY, person_id bigint NOT NULL);"
                      "INSERT INTO persons VALUES (1), (2); INSERT INTO passports VALUES (10, 1), (11, 1), (12, 2);");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = select_by_id(&person_entity, WEIR_COL(person, id), 0);
    weir_selectinload(stmt, WEIR_COL(person, passport));
    weir_result *result = scalars(session, &stmt);
    const struct person *person = WEIR_NEXT(person, result);
    assert_non_null(person->passport);
    assert_int_equal(person->passport->person_id, 1);
    person = WEIR_NEXT(person, result);
    assert_int_equal(person->passport->id, 12);
    close_result_ok(&result);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_WARNING,
                                       "Multiple rows returned with uselist=False for eagerly-loaded attribute 'person.passport'"), 1);
    close_session_ok(&session);
}

static void test_case_066_a_lazy_many_to_one_looks_into_the_session_first(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    node_fixture(db);
    test_side_run(db, "INSERT INTO nodes VALUES (1, NULL, 'a')");
    weir_session *session = weir_session_open(db->engine);
    struct order_line *first = WEIR_GET(order_line, session, 11);
    struct order_line *second = WEIR_GET(order_line, session, 12);
    assert_statements(db, 2);
    assert_status(weir_load(first, order), WEIR_OK);
    assert_statements(db, 3);
    assert_int_equal(first->order->id, 1);
    assert_status(weir_load(second, order), WEIR_OK);
    assert_statements(db, 3);
    assert_ptr_equal(second->order, first->order);
    struct node *node = WEIR_GET(node, session, 1);
    test_log_clear(db->log);
    assert_status(weir_load(node, parent), WEIR_OK);
    assert_true(weir_loaded(node, parent));
    assert_null(node->parent);
    assert_statements(db, 0);
    close_session_ok(&session);
}

static void test_eag_8_a_detached_instance_loads_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_session *session = weir_session_open(db->engine);
    struct order *order = weir_retain(WEIR_GET(order, session, 1));
    weir_session_expunge_all(session);
    assert_status(weir_load(order, lines), WEIR_DETACHED_INSTANCE);
    assert_statements(db, 1);
    weir_release(order);
    close_session_ok(&session);
}

static void test_noload_is_loaded_and_empty(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_noload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    struct order *order = WEIR_NEXT(order, result);
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_int_equal(order->lines.count, 0);
    assert_statements(db, 1);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_068_a_relationship_without_column_pairs_is_no_foreign_keys(void **state)
{
    test_database *db = *state;
    weir_error error = { 0 };
    assert_status(weir_entity_check(&lost_entity, &error), WEIR_NO_FOREIGN_KEYS);
    assert_contains(error.message, "lost.lines");
    test_fixture(db, 1);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&lost_entity);
    weir_result *result = scalars(session, &stmt);
    assert_error(weir_result_error(result), WEIR_NO_FOREIGN_KEYS);
    assert_status(weir_result_close(&result), WEIR_NO_FOREIGN_KEYS);
    assert_statements(db, 0);
    close_session_ok(&session);
}

/* ---- lives and failures -------------------------------------------------------------------------------------------------------------- */

static void test_a_retained_parent_keeps_its_collection(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(2);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    struct order *order = weir_retain(WEIR_NEXT(order, result));
    while (WEIR_NEXT(order, result) != NULL)
        ;
    close_result_ok(&result);
    assert_three_lines(order);
    assert_int_equal(weir_session_count(session), 4);
    close_session_ok(&session);
    assert_three_lines(order);
    weir_release(order);
}

static void test_a_failing_loader_ends_the_stream_once(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "DROP TABLE order_lines");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_null(WEIR_NEXT(order, result));
    assert_error(weir_result_error(result), WEIR_DATABASE);
    assert_contains(weir_result_error(result)->message, "order_lines");
    assert_null(WEIR_NEXT(order, result));
    assert_status(weir_result_close(&result), WEIR_DATABASE);
    assert_status(weir_session_rollback(session), WEIR_OK);
    close_session_ok(&session);
}

static void test_a_stream_with_loaders_is_flat(void **state)
{
    test_database *db = *state;
    weir_memory_figures figures;
    size_t early = 0;
    test_fixture(db, 3000);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(100);
    weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
    weir_result *result = scalars(session, &stmt);
    const struct order *order;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_three_lines(order);
        weir_engine_memory(db->engine, &figures);
        if (order->id == 1000)
            early = figures.peak_bytes;
    }
    close_result_ok(&result);
    assert_in_range(figures.peak_bytes, 0, early + early / 20);
    close_session_ok(&session);
}

static void test_contiguous_joins_stream_whole_parents(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "DELETE FROM order_lines WHERE order_id = 12");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_yield_per(stmt, 4);
    weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    int64_t id = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_int_equal(order->id, ++id);
        assert_true(weir_loaded(order, lines));
        if (id < 12)
            assert_three_lines(order);
        else
            assert_int_equal(order->lines.count, 0);
    }
    close_result_ok(&result);
    assert_int_equal(id, 12);
    assert_statements(db, 1);
    close_session_ok(&session);
}

/* ---- gets and refreshes bring what the mapping loads eagerly ------------------------------------------------------------------------ */

struct joined_order { int64_t id; WEIR_MANY(struct order_line) lines; };
WEIR_ENTITY(joined_order, "orders",
    WEIR_COLUMN(joined_order, id, .primary_key = true),
    WEIR_HAS_MANY(joined_order, lines, order_line, order_id, .order_by = "id", .lazy = WEIR_LAZY_JOINED));
struct selectin_order { int64_t id; WEIR_MANY(struct order_line) lines; };
WEIR_ENTITY(selectin_order, "orders",
    WEIR_COLUMN(selectin_order, id, .primary_key = true),
    WEIR_HAS_MANY(selectin_order, lines, order_line, order_id, .order_by = "id", .lazy = WEIR_LAZY_SELECTIN));

static void test_exp_4_get_and_refresh_load_joined_collections(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct joined_order *order = WEIR_GET(joined_order, session, 7);
    assert_non_null(order);
    assert_true(weir_loaded(order, lines));
    assert_int_equal(order->lines.count, 3);
    assert_int_equal(weir_session_statements(session), 1);
    assert_status(weir_session_refresh(session, order), WEIR_OK);
    assert_true(weir_loaded(order, lines));
    assert_int_equal(order->lines.count, 3);
    assert_int_equal(weir_session_statements(session), 2);
    weir_session_expire_all(session);
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_int_equal(order->lines.items[2]->order_id, 7);
    assert_int_equal(weir_session_statements(session), 3);
    close_session_ok(&session);
}

static void test_sel_13_get_and_refresh_load_selectin_collections(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct selectin_order *order = WEIR_GET(selectin_order, session, 7);
    assert_non_null(order);
    assert_true(weir_loaded(order, lines));
    assert_int_equal(weir_session_statements(session), 2);
    assert_status(weir_session_refresh(session, order), WEIR_OK);
    assert_int_equal(order->lines.items[0]->order_id, 7);
    assert_int_equal(order->lines.count, 3);
    assert_int_equal(weir_session_statements(session), 4);
    weir_session_expunge_all(session);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_061_subqueryload_streams_by_batch),
        ON_BOTH(test_case_061_subqueryload_is_refused_when_strict),
        ON_BOTH(test_subqueryload_of_a_limited_select_is_one_more_statement),
        ON_BOTH(test_case_063_lazy_loads_one_by_one),
        ON_BOTH(test_case_063_immediate_loads_one_by_one_without_asking),
        ON_BOTH(test_case_064_raise_forbids_and_the_stream_goes_on),
        ON_BOTH(test_case_065_a_to_one_that_matches_two_rows_warns),
        ON_BOTH(test_case_066_a_lazy_many_to_one_looks_into_the_session_first),
        ON_BOTH(test_eag_8_a_detached_instance_loads_nothing),
        ON_BOTH(test_noload_is_loaded_and_empty),
        ON_BOTH(test_case_068_a_relationship_without_column_pairs_is_no_foreign_keys),
        ON_BOTH(test_a_retained_parent_keeps_its_collection),
        ON_BOTH(test_a_failing_loader_ends_the_stream_once),
        ON_BOTH(test_a_stream_with_loaders_is_flat),
        ON_BOTH(test_contiguous_joins_stream_whole_parents),
        ON_BOTH(test_exp_4_get_and_refresh_load_joined_collections),
        ON_BOTH(test_sel_13_get_and_refresh_load_selectin_collections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
