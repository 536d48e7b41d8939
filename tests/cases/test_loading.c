/* Eager loading: how many statements joined and select-in loads send, with which keys, and what they leave in the instances (cases.md D). */
#include "loading.h"

/* ---- joined ---------------------------------------------------------------------------------------------------------------- */

static void test_case_043_a_joined_collection_cannot_be_streamed(void **state)
{
    test_database *db = *state;
    weir_pool_status pool;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(1);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_error(weir_result_error(result), WEIR_INVALID_REQUEST);
    assert_contains(weir_result_error(result)->message, "Can't use yield_per with joined eager loading.");
    assert_contains(weir_result_error(result)->message, "order.lines");
    assert_null(WEIR_NEXT(order, result));
    assert_statements(db, 0);
    weir_engine_pool_status(db->engine, &pool);
    assert_int_equal(pool.checked_out, 0);
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    close_session_ok(&session);
}

static void test_case_045_a_joined_to_one_streams(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = LINES(4);
    weir_joinedload(stmt, WEIR_COL(order_line, order));
    weir_result *result = scalars(session, &stmt);
    struct order_line *line;
    int count = 0;
    while ((line = WEIR_NEXT(order_line, result)) != NULL) {
        assert_true(weir_loaded(line, order));
        assert_status(weir_load(line, order), WEIR_OK);
        assert_non_null(line->order);
        assert_int_equal(line->order->id, line->order_id);
        assert_int_equal(line->order->amount_cents, 10 * line->order_id);
        count++;
    }
    close_result_ok(&result);
    assert_int_equal(count, 36);
    assert_statements(db, 1);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_a_joined_to_one_without_target_is_loaded_and_none(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    test_side_run(db, "INSERT INTO order_lines VALUES (99, 77, 1)");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = LINES(0);
    weir_joinedload(stmt, WEIR_COL(order_line, order));
    weir_where(stmt, WEIR_EQ(WEIR_COL(order_line, id), 99));
    weir_result *result = scalars(session, &stmt);
    struct order_line *line = WEIR_NEXT(order_line, result);
    assert_non_null(line);
    assert_null(line->order);
    assert_true(weir_loaded(line, order));
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_046_disabled_eager_loads_leave_collections_unloaded(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(1);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_disable_eagerloads(stmt);
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    int count = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_false(weir_loaded(order, lines));
        assert_null(order->lines.items);
        count++;
    }
    close_result_ok(&result);
    assert_int_equal(count, 12);
    assert_statements(db, 1);
    close_session_ok(&session);
}

static void test_case_047_a_joined_collection_wants_unique(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_result *result = weir_session_scalars(session, stmt);
    assert_null(WEIR_NEXT(order, result));
    assert_error(weir_result_error(result), WEIR_INVALID_REQUEST);
    assert_contains(weir_result_error(result)->message, "The unique() method must be invoked on this Result, as it contains results "
                                                        "that include joined eager loads against collections");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    test_log_clear(db->log);
    result = scalars(session, &stmt);
    assert_status(weir_result_unique(result), WEIR_OK);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    assert_statements(db, 1);
    close_session_ok(&session);
}

static void test_case_048_a_joined_collection_with_a_limit_limits_parents(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_limit(stmt, 2);
    weir_result *result = scalars(session, &stmt);
    assert_status(weir_result_unique(result), WEIR_OK);
    assert_orders_with_lines(result, 2);
    close_result_ok(&result);
    assert_statements(db, 1);
    close_session_ok(&session);
}

static void test_a_joined_collection_without_rows_is_empty(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    test_side_run(db, "DELETE FROM order_lines WHERE order_id = 2");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_status(weir_result_unique(result), WEIR_OK);
    const struct order *first = WEIR_NEXT(order, result);
    const struct order *second = WEIR_NEXT(order, result);
    assert_three_lines(first);
    assert_true(weir_loaded(second, lines));
    assert_non_null(second->lines.items);
    assert_int_equal(second->lines.count, 0);
    close_result_ok(&result);
    close_session_ok(&session);
}

/* ---- select-in -------------------------------------------------------------------------------------------------------------- */

static void test_case_049_selectin_loads_each_batch_by_its_keys(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    assert_statements(db, 4);
    assert_keys(db, 1, 1, 2, 3, 4, 5);
    assert_keys(db, 2, 6, 7, 8, 9, 10);
    assert_keys(db, 3, 11, 12);
    assert_int_equal(weir_session_statements(session), 4);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_sel_3_one_to_many_does_not_touch_the_parents_table(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 3);
    assert_null(strstr(test_log_at(db->log, WEIR_LOG_STATEMENT, 1)->message, "orders"));
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_sel_1_keys_go_in_groups_of_500(void **state)
{
    test_database *db = *state;
    int64_t keys[600];
    test_fixture(db, 1001);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 1001);
    close_result_ok(&result);
    assert_statements(db, 4);
    assert_int_equal(keys_of(db, 3, keys, 600), 1);
    assert_int_equal(keys[0], 1001);
    close_session_ok(&session);
}

static void test_case_052_many_to_one_by_the_targets_distinct_keys(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = LINES(5);
    weir_selectinload(stmt, WEIR_COL(order_line, order));
    weir_result *result = scalars(session, &stmt);
    struct order_line *line;
    int count = 0;
    while ((line = WEIR_NEXT(order_line, result)) != NULL) {
        assert_true(weir_loaded(line, order));
        assert_non_null(line->order);
        assert_int_equal(line->order->id, line->order_id);
        count++;
    }
    close_result_ok(&result);
    assert_int_equal(count, 36);
    assert_statements(db, 9);
    assert_keys(db, 1, 1, 2);
    assert_keys(db, 2, 2, 3, 4);
    assert_keys(db, 3, 4, 5);
    close_session_ok(&session);
}

static void test_sel_4_null_and_dangling_keys_give_none(void **state)
{
    test_database *db = *state;
    node_fixture(db);
    test_side_run(db, "INSERT INTO nodes VALUES (1, NULL, 'a'), (2, 1, 'b'), (3, 77, 'c')");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = select_by_id(&node_entity, WEIR_COL(node, id), 0);
    weir_selectinload(stmt, WEIR_COL(node, parent));
    weir_result *result = scalars(session, &stmt);
    const struct node *one = WEIR_NEXT(node, result), *two = WEIR_NEXT(node, result), *three = WEIR_NEXT(node, result);
    assert_true(weir_loaded(one, parent));
    assert_null(one->parent);
    assert_ptr_equal(two->parent, one);
    assert_true(weir_loaded(three, parent));
    assert_null(three->parent);
    close_result_ok(&result);
    assert_statements(db, 2);
    assert_keys(db, 1, 1, 77);
    close_session_ok(&session);
}

static void test_sel_4_no_statement_when_every_key_is_null(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = roots(2);
    weir_selectinload(stmt, WEIR_COL(node, parent));
    weir_result *result = scalars(session, &stmt);
    const struct node *node;
    while ((node = WEIR_NEXT(node, result)) != NULL) {
        assert_true(weir_loaded(node, parent));
        assert_null(node->parent);
    }
    close_result_ok(&result);
    assert_statements(db, 1);
    close_session_ok(&session);
}

static void test_case_054_a_parent_without_rows_has_an_empty_collection(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    test_side_run(db, "DELETE FROM order_lines WHERE order_id = 2");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_three_lines(WEIR_NEXT(order, result));
    struct order *second = WEIR_NEXT(order, result);
    assert_true(weir_loaded(second, lines));
    assert_non_null(second->lines.items);
    assert_int_equal(second->lines.count, 0);
    assert_status(weir_load(second, lines), WEIR_OK);
    assert_statements(db, 2);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_055_keys_of_two_columns(void **state)
{
    test_database *db = *state;
    char sql[256];
    test_side_run(db, "CREATE TABLE pairs(a bigint NOT NULL, b bigint NOT NULL, PRIMARY KEY (a, b));"
                      "CREATE TABLE pair_items(id bigint PRIMARY KEY, pair_a bigint NOT NULL, pair_b bigint NOT NULL);");
    for (int i = 1; i <= 19; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO pairs VALUES (%d, %d)", i, i + 2);
        test_side_run(db, sql);
        for (int k = 0; k < 6; k++) {
            snprintf(sql, sizeof sql, "INSERT INTO pair_items VALUES (%d, %d, %d)", 10 * i + k, i, i + 2);
            test_side_run(db, sql);
        }
    }
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = select_by_id(&pair_entity, WEIR_COL(pair, a), 0);
    weir_selectinload(stmt, WEIR_COL(pair, items));
    weir_result *result = scalars(session, &stmt);
    const struct pair *pair;
    int count = 0;
    while ((pair = WEIR_NEXT(pair, result)) != NULL) {
        count++;
        assert_int_equal(pair->items.count, 6);
        for (size_t k = 0; k < 6; k++)
            assert_int_equal(pair->items.items[k]->id, 10 * pair->a + (int64_t)k);
    }
    close_result_ok(&result);
    assert_int_equal(count, 19);
    assert_statements(db, 2);
    int64_t keys[64];
    assert_int_equal(keys_of(db, 1, keys, 64), 38);
    /* and the other way round */
    test_log_clear(db->log);
    stmt = select_by_id(&pair_item_entity, WEIR_COL(pair_item, id), 50);
    weir_selectinload(stmt, WEIR_COL(pair_item, pair));
    result = scalars(session, &stmt);
    const struct pair_item *item;
    while ((item = WEIR_NEXT(pair_item, result)) != NULL) {
        assert_non_null(item->pair);
        assert_int_equal(item->pair->a, item->pair_a);
        assert_int_equal(item->pair->b, item->pair_b);
    }
    close_result_ok(&result);
    assert_statements(db, 1 + 3);
    close_session_ok(&session);
}

static void test_case_056_nested_selectin_finds_the_streamed_parent(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    int count = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        count++;
        assert_three_lines(order);
        for (size_t k = 0; k < 3; k++)
            assert_ptr_equal(order->lines.items[k]->order, order);
    }
    close_result_ok(&result);
    assert_int_equal(count, 12);
    assert_statements(db, 7);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_case_057_a_collection_has_its_relationships_order(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_selectinload(stmt, WEIR_COL(order, by_quantity));
    weir_result *result = scalars(session, &stmt);
    const struct order *order;
    while ((order = WEIR_NEXT(order, result)) != NULL)
        for (int64_t k = 0; k < 3; k++)
            assert_int_equal(order->by_quantity.items[k]->quantity, 3 - k);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_058_a_chunk_size_is_its_options_own(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = roots(0);
    weir_selectinload(stmt, WEIR_COL(node, children));
    weir_selectin_chunk(stmt, 3);
    weir_selectinload(stmt, WEIR_COL(node, children), WEIR_COL(node, children));
    weir_result *result = scalars(session, &stmt);
    const struct node *root;
    int64_t id = 0;
    while ((root = WEIR_NEXT(node, result)) != NULL) {
        assert_int_equal(root->id, ++id);
        assert_int_equal(root->children.count, 3);
        for (size_t k = 0; k < 3; k++) {
            const struct node *child = root->children.items[k];
            assert_int_equal(child->id, 10 * id + (int64_t)k + 1);
            assert_int_equal(child->children.count, 1);
            assert_int_equal(child->children.items[0]->id, 100 * id + (int64_t)k + 1);
            assert_false(weir_loaded(child->children.items[0], children));
        }
    }
    close_result_ok(&result);
    assert_int_equal(id, 5);
    assert_statements(db, 4);
    assert_keys(db, 1, 1, 2, 3);
    assert_keys(db, 2, 4, 5);
    assert_keys(db, 3, 11, 12, 13, 21, 22, 23, 31, 32, 33, 41, 42, 43, 51, 52, 53);
    close_session_ok(&session);
}

static void test_case_059_a_chunk_size_must_be_positive(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 0, -250 };
    test_fixture(db, 1);
    weir_session *session = weir_session_open(db->engine);
    for (size_t i = 0; i < 2; i++) {
        weir_stmt *stmt = ORDERS(0);
        weir_selectinload(stmt, WEIR_COL(order, lines));
        weir_selectin_chunk(stmt, sizes[i]);
        weir_result *result = scalars(session, &stmt);
        assert_error(weir_result_error(result), WEIR_ARGUMENT);
        assert_contains(weir_result_error(result)->message, "please use a positive non-zero integer.");
        assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    }
    assert_statements(db, 0);
    close_session_ok(&session);
}

static void test_sel_11_a_parent_that_comes_again_is_asked_for_again(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_join_on(stmt, WEIR_ENTITY_OF(order_line), WEIR_EQ(WEIR_COL(order, id), WEIR_COL(order_line, order_id)));
    weir_order_by(stmt, WEIR_COL(order_line, id));
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    const struct order *order;
    int count = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_int_equal(order->id, 1 + count++ / 3);
        assert_three_lines(order);
    }
    close_result_ok(&result);
    assert_int_equal(count, 36);
    assert_statements(db, 9);
    assert_keys(db, 1, 1, 2);
    assert_keys(db, 2, 2, 3, 4);
    assert_keys(db, 3, 4, 5);
    close_session_ok(&session);
}

static void test_sel_11_a_loaded_collection_stays_unless_populate_existing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = weir_session_scalars(session, stmt);
    struct order *order = weir_retain(WEIR_NEXT(order, result));
    assert_three_lines(order);
    close_result_ok(&result);
    assert_status(weir_session_commit(session), WEIR_OK);
    test_side_run(db, "DELETE FROM order_lines WHERE id = 13");
    test_log_clear(db->log);
    weir_session *other = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    result = weir_session_scalars(other, stmt);
    struct order *kept = weir_retain(WEIR_NEXT(order, result));
    assert_int_equal(kept->lines.count, 2);
    close_result_ok(&result);
    assert_status(weir_session_commit(other), WEIR_OK);
    test_side_run(db, "DELETE FROM order_lines WHERE id = 12");
    test_log_clear(db->log);
    result = weir_session_scalars(other, stmt);
    assert_ptr_equal(WEIR_NEXT(order, result), kept);
    assert_int_equal(kept->lines.count, 2);
    close_result_ok(&result);
    assert_statements(db, 2);
    weir_populate_existing(stmt, WEIR_ON);
    result = weir_session_scalars(other, stmt);
    assert_ptr_equal(WEIR_NEXT(order, result), kept);
    assert_int_equal(kept->lines.count, 1);
    close_result_ok(&result);
    assert_statements(db, 4);
    weir_release(kept);
    weir_release(order);
    weir_stmt_free(&stmt);
    close_session_ok(&other);
    close_session_ok(&session);
}

static void test_many_to_many_through_the_association_table_only(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    test_side_run(db, "INSERT INTO node_tags VALUES (1, 1), (1, 3), (2, 3), (4, 2)");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = roots(3);
    weir_selectinload(stmt, WEIR_COL(node, tags));
    weir_result *result = scalars(session, &stmt);
    const struct node *one = WEIR_NEXT(node, result), *two = WEIR_NEXT(node, result), *three = WEIR_NEXT(node, result);
    assert_int_equal(one->tags.count, 2);
    assert_string_equal(one->tags.items[0]->label, "red");
    assert_string_equal(one->tags.items[1]->label, "blue");
    assert_int_equal(two->tags.count, 1);
    assert_ptr_equal(two->tags.items[0], one->tags.items[1]);
    assert_true(weir_loaded(three, tags));
    assert_int_equal(three->tags.count, 0);
    assert_null(strstr(test_log_at(db->log, WEIR_LOG_STATEMENT, 1)->message, "nodes"));
    while (WEIR_NEXT(node, result) != NULL)
        ;
    close_result_ok(&result);
    assert_statements(db, 3);
    assert_keys(db, 1, 1, 2, 3);
    close_session_ok(&session);
}

static void test_the_mappings_own_loading_stops_where_it_came_from(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = select_by_id(&eager_order_entity, WEIR_COL(eager_order, id), 0);
    weir_result *result = scalars(session, &stmt);
    const struct eager_order *order = WEIR_NEXT(eager_order, result);
    assert_int_equal(order->lines.count, 3);
    assert_false(weir_loaded(order->lines.items[0], order));
    close_result_ok(&result);
    assert_statements(db, 2);
    close_session_ok(&session);
}

static void test_an_option_beats_the_mapping(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = select_by_id(&eager_order_entity, WEIR_COL(eager_order, id), 0);
    weir_lazyload(stmt, WEIR_COL(eager_order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_false(weir_loaded(WEIR_NEXT(eager_order, result), lines));
    close_result_ok(&result);
    assert_statements(db, 1);
    close_session_ok(&session);
}

static void test_several_entities_of_a_row_are_loaded_each(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_ENTITY_OF(order_line));
    weir_join_on(stmt, WEIR_ENTITY_OF(order_line), WEIR_EQ(WEIR_COL(order, id), WEIR_COL(order_line, order_id)));
    weir_order_by(stmt, WEIR_COL(order_line, id));
    weir_yield_per(stmt, 6);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_selectinload(stmt, WEIR_COL(order_line, order));
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    const weir_row *row;
    int count = 0;
    while ((row = weir_result_next(result)) != NULL) {
        assert_three_lines(WEIR_ROW(order, row));
        assert_ptr_equal(WEIR_ROW(order_line, row)->order, WEIR_ROW(order, row));
        count++;
    }
    close_result_ok(&result);
    assert_int_equal(count, 12);
    assert_statements(db, 5);
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_043_a_joined_collection_cannot_be_streamed),
        ON_BOTH(test_case_045_a_joined_to_one_streams),
        ON_BOTH(test_a_joined_to_one_without_target_is_loaded_and_none),
        ON_BOTH(test_case_046_disabled_eager_loads_leave_collections_unloaded),
        ON_BOTH(test_case_047_a_joined_collection_wants_unique),
        ON_BOTH(test_case_048_a_joined_collection_with_a_limit_limits_parents),
        ON_BOTH(test_a_joined_collection_without_rows_is_empty),
        ON_BOTH(test_case_049_selectin_loads_each_batch_by_its_keys),
        ON_BOTH(test_sel_3_one_to_many_does_not_touch_the_parents_table),
        ON_BOTH(test_sel_1_keys_go_in_groups_of_500),
        ON_BOTH(test_case_052_many_to_one_by_the_targets_distinct_keys),
        ON_BOTH(test_sel_4_null_and_dangling_keys_give_none),
        ON_BOTH(test_sel_4_no_statement_when_every_key_is_null),
        ON_BOTH(test_case_054_a_parent_without_rows_has_an_empty_collection),
        ON_BOTH(test_case_055_keys_of_two_columns),
        ON_BOTH(test_case_056_nested_selectin_finds_the_streamed_parent),
        ON_BOTH(test_case_057_a_collection_has_its_relationships_order),
        ON_BOTH(test_case_058_a_chunk_size_is_its_options_own),
        ON_BOTH(test_case_059_a_chunk_size_must_be_positive),
        ON_BOTH(test_sel_11_a_parent_that_comes_again_is_asked_for_again),
        ON_BOTH(test_sel_11_a_loaded_collection_stays_unless_populate_existing),
        ON_BOTH(test_many_to_many_through_the_association_table_only),
        ON_BOTH(test_the_mappings_own_loading_stops_where_it_came_from),
        ON_BOTH(test_an_option_beats_the_mapping),
        ON_BOTH(test_several_entities_of_a_row_are_loaded_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
