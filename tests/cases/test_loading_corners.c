/* Relationship loading in odd corners: keys of other types, mixed loaders, contiguous joins at batch ends, loads while things end. */
#include "loading.h"

/* Text keys; the foreign key is the first column; many-to-many within one table. */
WEIR_ENTITY_DECLARE(country);
WEIR_ENTITY_DECLARE(city);
struct country { const char *code; weir_date since; WEIR_MANY(struct city) cities; WEIR_MANY(struct city) founded; WEIR_MANY(struct country) friends; };
struct city { const char *country_code; int64_t id; weir_date founded; struct country *country; };
WEIR_ENTITY(country, "countries",
    WEIR_COLUMN(country, code, .primary_key = true),
    WEIR_COLUMN(country, since),
    WEIR_HAS_MANY(country, cities, city, country_code, .order_by = "id"),
    WEIR_TO_MANY(country, founded, city, .pairs = WEIR_PAIRS(WEIR_PAIR(country, since, city, founded)), .order_by = "id"),
    WEIR_MANY_TO_MANY(country, friends, country, "friendships", "a", "b", .order_by = "code"));
WEIR_ENTITY(city, "cities",
    WEIR_COLUMN(city, country_code),
    WEIR_COLUMN(city, id, .primary_key = true),
    WEIR_COLUMN(city, founded),
    WEIR_BELONGS_TO(city, country, country, country_code));

static void country_fixture(test_database *db)
{
    test_side_run(db,
        "CREATE TABLE countries(code text PRIMARY KEY, since date NOT NULL);"
        "CREATE TABLE cities(country_code text, id bigint PRIMARY KEY, founded date NOT NULL);"
        "CREATE TABLE friendships(a text NOT NULL, b text NOT NULL);"
        "INSERT INTO countries VALUES ('at', '1955-05-15'), ('de', '1949-05-23'), ('fr', '1958-10-04');"
        "INSERT INTO cities VALUES ('de', 1, '1949-05-23'), ('fr', 2, '1900-01-01'), ('de', 3, '1958-10-04'), (NULL, 4, '1949-05-23');"
        "INSERT INTO friendships VALUES ('de', 'fr'), ('fr', 'de'), ('de', 'at');");
}

static void test_keys_may_be_texts_and_dates(void **state)
{
    test_database *db = *state;
    country_fixture(db);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = select_by_id(&country_entity, WEIR_COL(country, code), 2);
    weir_selectinload(stmt, WEIR_COL(country, cities), WEIR_COL(city, country));
    weir_selectinload(stmt, WEIR_COL(country, founded));
    weir_selectinload(stmt, WEIR_COL(country, friends));
    weir_result *result = scalars(session, &stmt);
    struct country *at = WEIR_NEXT(country, result);
    assert_non_null(at);
    assert_int_equal(at->cities.count, 0);
    assert_int_equal(at->friends.count, 0);
    struct country *de = WEIR_NEXT(country, result);
    assert_non_null(de);
    assert_int_equal(de->cities.count, 2);
    assert_int_equal(de->cities.items[1]->id, 3);
    assert_ptr_equal(de->cities.items[0]->country, de);
    assert_int_equal(de->founded.count, 2);
    assert_int_equal(de->founded.items[1]->id, 4);
    assert_int_equal(de->friends.count, 2);
    assert_ptr_equal(de->friends.items[0], at);
    assert_string_equal(de->friends.items[1]->code, "fr");
    struct country *fr = WEIR_NEXT(country, result);
    assert_non_null(fr);
    assert_int_equal(fr->friends.count, 1);
    assert_string_equal(fr->friends.items[0]->code, "de");
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_the_row_says_which_collection_a_child_is_in(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    struct order_line *line = WEIR_GET(order_line, session, 11);
    WEIR_SET(line, order_id, 2);                /* not written yet */
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    struct order *order = WEIR_NEXT(order, result);
    assert_int_equal(order->lines.count, 3);
    assert_ptr_equal(order->lines.items[0], line);
    close_result_ok(&result);
    weir_session_expunge_all(session);
    close_session_ok(&session);
}

static void test_loaders_ignore_the_engines_yield_per(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_engine *engine = test_engine(db, &(weir_engine_options){ .struct_size = sizeof(weir_engine_options),
        .execution_options = WEIR_EXECUTION_OPTIONS(.yield_per = 2) });
    weir_session *session = weir_session_open(engine);
    weir_stmt *stmt = ORDERS(5);
    weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
    weir_result *result = weir_session_scalars_with(session, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 5));
    weir_stmt_free(&stmt);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    assert_statements(db, 7);
    close_session_ok(&session);
    weir_engine_close(&engine);
}

static void test_joined_below_selectin_is_part_of_its_statement(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_joinedload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    int count = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        count++;
        assert_three_lines(order);
        assert_ptr_equal(order->lines.items[2]->order, order);
        assert_true(weir_loaded(order->lines.items[0], order));
    }
    close_result_ok(&result);
    assert_int_equal(count, 12);
    assert_statements(db, 4);
    close_session_ok(&session);
}

static void test_a_joined_collection_below_selectin_repeats_nothing(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = roots(2);
    weir_joinedload(stmt, WEIR_COL(node, children), WEIR_COL(node, children));
    weir_selectinload(stmt, WEIR_COL(node, children));
    test_side_run(db, "INSERT INTO nodes VALUES (1000, 11, 'second grandchild')");
    weir_result *result = scalars(session, &stmt);
    struct node *root = WEIR_NEXT(node, result);
    assert_non_null(root);
    assert_int_equal(root->children.count, 3);
    assert_int_equal(root->children.items[0]->children.count, 2);
    assert_int_equal(root->children.items[1]->children.count, 1);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_selectin_below_joined_runs_for_each_batch(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = LINES(9);
    weir_selectinload(stmt, WEIR_COL(order_line, order), WEIR_COL(order, lines));
    weir_joinedload(stmt, WEIR_COL(order_line, order));
    weir_result *result = scalars(session, &stmt);
    struct order_line *line;
    int count = 0;
    while ((line = WEIR_NEXT(order_line, result)) != NULL) {
        count++;
        assert_three_lines(line->order);
    }
    close_result_ok(&result);
    assert_int_equal(count, 36);
    assert_statements(db, 5);
    assert_keys(db, 1, 1, 2, 3);
    close_session_ok(&session);
}

static void test_two_joined_collections_do_not_multiply(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_joinedload(stmt, WEIR_COL(order, by_quantity));
    weir_result *result = scalars(session, &stmt);
    assert_status(weir_result_unique(result), WEIR_OK);
    struct order *order;
    int count = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        count++;
        assert_three_lines(order);
        assert_int_equal(order->by_quantity.count, 3);
    }
    close_result_ok(&result);
    assert_int_equal(count, 3);
    close_session_ok(&session);
}

static void test_a_joined_collection_is_whole_under_stream_results(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_result *result = weir_session_scalars_with(session, stmt, WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_ON));
    weir_stmt_free(&stmt);
    assert_status(weir_result_unique(result), WEIR_OK);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_an_entity_from_text_and_a_union_are_loaded_too(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *text = weir_sql("SELECT state, id, amount_cents, tenant_id FROM orders ORDER BY id");
    weir_stmt *stmt = weir_select_from_sql(&order_entity, text);
    weir_yield_per(stmt, 5);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    weir_stmt_free(&text);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    assert_statements(db, 4);
    close_session_ok(&session);
}

static void test_batches_with_their_lines_go_whole_and_leave_what_others_hold(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *held = WEIR_GET(order, session, 12);
    struct order_line *line = WEIR_GET(order_line, session, 121);
    assert_non_null(held);
    weir_stmt *stmt = ORDERS(5);
    weir_where(stmt, WEIR_LE(WEIR_COL(order, id), 10));
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 10);
    close_result_ok(&result);
    assert_ptr_equal(WEIR_GET(order, session, 12), held);
    assert_ptr_equal(WEIR_GET(order_line, session, 121), line);
    weir_session_expunge_all(session);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_lazy_loads_of_all_shapes(void **state)
{
    test_database *db = *state;
    country_fixture(db);
    weir_session *session = weir_session_open(db->engine);
    struct country *de = WEIR_GET(country, session, "de");
    struct city *city = WEIR_GET(city, session, 4);
    assert_status(weir_load(de, friends), WEIR_OK);
    assert_int_equal(de->friends.count, 2);
    assert_status(weir_load(de->friends.items[0], cities), WEIR_OK);
    assert_int_equal(de->friends.items[0]->cities.count, 0);
    assert_status(weir_load(city, country), WEIR_OK);
    assert_null(city->country);
    assert_statements(db, 4);
    assert_int_equal(weir_session_count(session), 4);
    weir_session_expunge_all(session);
    close_session_ok(&session);
}

static void test_a_lazy_load_that_matches_several_rows_warns(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE persons(id bigint PRIMARY KEY); CREATE TABLE passports(id bigint PRIMARY KEY, person_id bigint NOT NULL);"
                      "INSERT INTO persons VALUES (1); INSERT INTO passports VALUES (10, 1), (11, 1);");
    weir_session *session = weir_session_open(db->engine);
    struct person *person = WEIR_GET(person, session, 1);
    assert_status(weir_load(person, passport), WEIR_OK);
    assert_non_null(person->passport);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_WARNING,
                                       "Multiple rows returned with uselist=False for lazily-loaded attribute 'person.passport'"), 1);
    close_session_ok(&session);
}

static void test_an_expired_instance_is_reloaded_by_weir_load(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    struct order *order = WEIR_GET(order, session, 1);
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_three_lines(order);
    assert_status(weir_session_expire(session, order), WEIR_OK);
    assert_false(weir_loaded(order, lines));
    assert_status(weir_session_commit(session), WEIR_OK);
    test_side_run(db, "DELETE FROM order_lines WHERE id = 13");
    test_log_clear(db->log);
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_int_equal(order->lines.count, 2);
    assert_statements(db, 2);
    assert_status(weir_session_expire(session, order), WEIR_OK);
    assert_status(weir_session_commit(session), WEIR_OK);
    test_side_run(db, "DELETE FROM orders WHERE id = 1");
    assert_status(weir_load(order, state), WEIR_OBJECT_DELETED);
    close_session_ok(&session);
}

static void test_subqueryload_of_many_parents_stays_one_statement(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1200);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_subqueryload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 1200);
    close_result_ok(&result);
    assert_statements(db, 2);
    close_session_ok(&session);
}

static void test_a_chunk_larger_than_the_database_takes(void **state)
{
    test_database *db = *state;
    test_fixture(db, 33000);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_selectin_chunk(stmt, 1000000);
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 33000);
    close_result_ok(&result);
    assert_statements(db, db->postgresql ? 2 : 3);
    close_session_ok(&session);
}

static void test_contiguous_joins_with_a_limit_limit_parents(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(4);
    weir_limit(stmt, 5);
    weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 5);
    close_result_ok(&result);
    assert_statements(db, 1);
    close_session_ok(&session);
}

static void test_an_alias_is_loaded_like_its_entity(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_source *other = weir_alias(&order_entity, "other");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ALIAS_OF(other, order));
    weir_order_by(stmt, WEIR_SCOL(other, order, id));
    weir_yield_per(stmt, 5);
    weir_selectinload(stmt, WEIR_SCOL(other, order, lines), WEIR_COL(order_line, order));
    weir_result *result = scalars(session, &stmt);
    weir_source_free(&other);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    assert_statements(db, 7);
    close_session_ok(&session);
}

static void test_a_refused_warning_fails_the_stream(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE persons(id bigint PRIMARY KEY); CREATE TABLE passports(id bigint PRIMARY KEY, person_id bigint NOT NULL);"
                      "INSERT INTO persons VALUES (1); INSERT INTO passports VALUES (10, 1), (11, 1);");
    weir_engine *engine = test_engine(db, &(weir_engine_options){ .struct_size = sizeof(weir_engine_options), .warnings_as_errors = WEIR_ON });
    weir_session *session = weir_session_open(engine);
    weir_stmt *stmt = select_by_id(&person_entity, WEIR_COL(person, id), 5);
    weir_selectinload(stmt, WEIR_COL(person, passport));
    weir_result *result = scalars(session, &stmt);
    assert_null(WEIR_NEXT(person, result));
    assert_status(weir_result_close(&result), WEIR_WARNING);
    close_session_ok(&session);
    weir_engine_close(&engine);
}

static void test_expunge_all_between_partitions_with_loads(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(3);
    weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
    weir_result *result = scalars(session, &stmt);
    const weir_partition *partition;
    int64_t id = 0;
    while ((partition = weir_result_next_partition(result, 3)) != NULL && partition->count) {
        for (size_t i = 0; i < partition->count; i++) {
            const struct order *order = partition->instances[i];
            assert_int_equal(order->id, ++id);
            assert_three_lines(order);
            assert_ptr_equal(order->lines.items[0]->order, order);
        }
        weir_session_expunge_all(session);
        assert_int_equal(weir_session_count(session), 0);
    }
    close_result_ok(&result);
    assert_int_equal(id, 10);
    close_session_ok(&session);
}

static void test_a_lazy_load_of_a_stream_with_the_batch_in_flight(void **state)
{
    test_database *db = *state;
    test_fixture(db, 50);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(10);
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    int64_t id = 0;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_int_equal(order->id, ++id);
        if (id % 7 != 0)
            continue;
        assert_status(weir_load(order, lines), WEIR_OK);
        assert_three_lines(order);
    }
    assert_int_equal(id, 50);
    close_result_ok(&result);
    assert_statements(db, 8);
    close_session_ok(&session);
}

/* ---- contiguous ------------------------------------------------------------------------------------------------------------- */

/* Order n has n % 5 lines; with every batch size parents end, begin and go on at its end. */
static void test_contiguous_joins_for_every_batch_size(void **state)
{
    test_database *db = *state;
    test_fixture(db, 23);
    test_side_run(db, "DELETE FROM order_lines; INSERT INTO order_lines SELECT 10 * o.id + k.id, o.id, k.id FROM orders o, orders k WHERE k.id <= o.id % 5");
    for (int64_t size = 1; size <= 12; size++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = ORDERS(size);
        weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
        weir_selectinload(stmt, WEIR_COL(order, by_quantity));
        weir_result *result = scalars(session, &stmt);
        struct order *order;
        int64_t id = 0;
        while ((order = WEIR_NEXT(order, result)) != NULL) {
            assert_int_equal(order->id, ++id);
            assert_int_equal(order->lines.count, id % 5);
            assert_int_equal(order->by_quantity.count, id % 5);
            assert_string_equal(order->state, "pending");
            for (size_t k = 0; k < order->lines.count; k++)
                assert_int_equal(order->lines.items[k]->quantity, k + 1);
        }
        close_result_ok(&result);
        assert_int_equal(id, 23);
        assert_int_equal(weir_session_count(session), 0);
        close_session_ok(&session);
    }
}

static void test_contiguous_joins_carry_other_columns(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int64_t size = 1; size <= 7; size++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_LABEL(WEIR_CONCAT(WEIR_COL(order, state), "-a text of some length"), "label"));
        weir_order_by(stmt, WEIR_COL(order, id));
        weir_yield_per(stmt, size);
        weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
        weir_result *result = weir_session_execute(session, stmt);
        weir_stmt_free(&stmt);
        const weir_row *row;
        int64_t id = 0;
        while ((row = weir_result_next(result)) != NULL) {
            assert_int_equal(WEIR_ROW(order, row)->id, ++id);
            assert_three_lines(WEIR_ROW(order, row));
            assert_string_equal(weir_row_cstr(row, "label"), "pending-a text of some length");
        }
        close_result_ok(&result);
        assert_int_equal(id, 12);
        close_session_ok(&session);
    }
}

static void test_contiguous_joins_end_early(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
    weir_result *result = weir_session_scalars(session, stmt);
    struct order *order = WEIR_NEXT(order, result);
    assert_three_lines(order);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    result = weir_session_scalars(session, stmt);
    assert_three_lines(WEIR_NEXT(order, result));
    weir_session_expunge_all(session);
    int64_t id = 1;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        assert_int_equal(order->id, ++id);
        assert_int_equal(order->lines.count, 3);
    }
    assert_int_equal(id, 12);
    weir_stmt_free(&stmt);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_contiguous_joins_want_the_parents_order(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_COL(order, amount_cents));
    weir_yield_per(stmt, 2);
    weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    assert_error(weir_result_error(result), WEIR_INVALID_REQUEST);
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_statements(db, 0);
    stmt = ORDERS(2);
    weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
    weir_joinedload(stmt, WEIR_COL(order, by_quantity));
    result = scalars(session, &stmt);
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_statements(db, 0);
    close_session_ok(&session);
}

static void test_a_session_that_closes_in_mid_stream_drops_what_is_carried(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int way = 0; way < 2; way++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = ORDERS(5);
        if (way == 0)
            weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
        else
            weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
        weir_result *result = scalars(session, &stmt);
        struct order *order = weir_retain(WEIR_NEXT(order, result));
        assert_non_null(order);
        if (way == 0)
            assert_status(weir_session_rollback(session), WEIR_OK);
        close_session_ok(&session);
        assert_null(WEIR_NEXT(order, result));
        assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
        assert_int_equal(order->lines.count, 3);
        assert_int_equal(order->lines.items[2]->id, 13);
        assert_status(weir_load(order, by_quantity), WEIR_DETACHED_INSTANCE);
        weir_release(order);
    }
}

/* The peak after the first tenth of the stream, and at its end. */
static void assert_flat(test_database *db, weir_stmt *stmt, bool lazily)
{
    weir_memory_figures early = { 0 }, late;
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    while ((order = WEIR_NEXT(order, result)) != NULL) {
        if (lazily)
            assert_status(weir_load(order, lines), WEIR_OK);
        assert_int_equal(order->lines.count, 3);
        if (order->id == 300)
            weir_engine_memory(db->engine, &early);
    }
    weir_engine_memory(db->engine, &late);
    close_result_ok(&result);
    close_session_ok(&session);
    assert_in_range(late.peak_bytes, 0, early.peak_bytes + early.peak_bytes / 20);
}

static void test_contiguous_and_lazy_streams_are_flat(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_stmt *stmt = ORDERS(50);
    weir_joinedload_contiguous(stmt, WEIR_COL(order, lines));
    assert_flat(db, stmt, false);
    assert_flat(db, ORDERS(50), true);
    stmt = ORDERS(50);
    weir_immediateload(stmt, WEIR_COL(order, lines));
    assert_flat(db, stmt, false);
}

/* The retained one costs itself and what it reaches, not the batches that it came in. */
static void test_one_retained_of_each_batch_keeps_no_batch(void **state)
{
    test_database *db = *state;
    weir_memory_figures before, after;
    struct order *kept[30];
    size_t count = 0;
    test_fixture(db, 3000);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(100);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_engine_memory(db->engine, &before);
    weir_result *result = scalars(session, &stmt);
    struct order *order;
    while ((order = WEIR_NEXT(order, result)) != NULL)
        if (order->id % 100 == 50)
            kept[count++] = weir_retain(order);
    close_result_ok(&result);
    weir_engine_memory(db->engine, &after);
    assert_int_equal(count, 30);
    assert_int_equal(weir_session_count(session), 30 * 4);
    for (size_t i = 0; i < count; i++) {
        assert_three_lines(kept[i]);
        weir_release(kept[i]);
    }
    assert_in_range(after.bytes, 0, before.bytes + 600 * 1024);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_keys_may_be_texts_and_dates),
        ON_BOTH(test_the_row_says_which_collection_a_child_is_in),
        ON_BOTH(test_loaders_ignore_the_engines_yield_per),
        ON_BOTH(test_joined_below_selectin_is_part_of_its_statement),
        ON_BOTH(test_a_joined_collection_below_selectin_repeats_nothing),
        ON_BOTH(test_selectin_below_joined_runs_for_each_batch),
        ON_BOTH(test_two_joined_collections_do_not_multiply),
        ON_BOTH(test_a_joined_collection_is_whole_under_stream_results),
        ON_BOTH(test_an_entity_from_text_and_a_union_are_loaded_too),
        ON_BOTH(test_batches_with_their_lines_go_whole_and_leave_what_others_hold),
        ON_BOTH(test_lazy_loads_of_all_shapes),
        ON_BOTH(test_a_lazy_load_that_matches_several_rows_warns),
        ON_BOTH(test_an_expired_instance_is_reloaded_by_weir_load),
        ON_BOTH(test_subqueryload_of_many_parents_stays_one_statement),
        ON_BOTH(test_a_chunk_larger_than_the_database_takes),
        ON_BOTH(test_contiguous_joins_with_a_limit_limit_parents),
        ON_BOTH(test_an_alias_is_loaded_like_its_entity),
        ON_BOTH(test_a_refused_warning_fails_the_stream),
        ON_BOTH(test_a_session_that_closes_in_mid_stream_drops_what_is_carried),
        ON_BOTH(test_contiguous_and_lazy_streams_are_flat),
        ON_BOTH(test_one_retained_of_each_batch_keeps_no_batch),
        ON_BOTH(test_expunge_all_between_partitions_with_loads),
        ON_BOTH(test_a_lazy_load_of_a_stream_with_the_batch_in_flight),
        ON_BOTH(test_contiguous_joins_for_every_batch_size),
        ON_BOTH(test_contiguous_joins_carry_other_columns),
        ON_BOTH(test_contiguous_joins_end_early),
        ON_BOTH(test_contiguous_joins_want_the_parents_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
