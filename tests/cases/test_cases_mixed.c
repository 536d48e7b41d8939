/* Cases of parts C, D and F beside each other: several streams with loaders, other statements between their batches, de-duplicated
 * parents in every style of reading, views of rows with instances. */
#include "loading.h"

static weir_stmt *with_lines(int64_t yield_per)
{
    weir_stmt *stmt = ORDERS(yield_per);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    return stmt;
}

/* Lines by a view that fails for order 7: PostgreSQL divides by zero, SQLite gives a NULL that the member cannot hold. */
WEIR_ENTITY_DECLARE(frail_order);
WEIR_ENTITY_DECLARE(frail_line);
struct frail_order { int64_t id; WEIR_MANY(struct frail_line) lines; };
struct frail_line { int64_t id, order_id, share; struct frail_order *order; };
WEIR_ENTITY(frail_order, "orders", WEIR_COLUMN(frail_order, id, .primary_key = true),
    WEIR_HAS_MANY(frail_order, lines, frail_line, order_id, .order_by = "id"));
WEIR_ENTITY(frail_line, "frail_lines", WEIR_COLUMN(frail_line, id, .primary_key = true), WEIR_COLUMN(frail_line, order_id),
    WEIR_COLUMN(frail_line, share), WEIR_BELONGS_TO(frail_line, order, frail_order, order_id));

static int64_t run_in(weir_session *session, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    int64_t rows = weir_result_rowcount(result);
    close_result_ok(&result);
    return rows;
}

/* ---- beside a stream ------------------------------------------------------------------------------------------------------------- */

/* Three streams by turns, closed in any order, one of them early: each goes on. */
static void test_case_202_streams_with_loaders_by_turns(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int first_closed = 0; first_closed < 3; first_closed++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmts[3] = { with_lines(3), with_lines(5), ORDERS(4) };
        weir_joinedload_contiguous(stmts[2], WEIR_COL(order, lines));
        weir_result *results[3];
        for (int i = 0; i < 3; i++)
            results[i] = scalars(session, &stmts[i]);
        for (int64_t id = 1; id <= 12; id++)
            for (int i = 0; i < 3; i++) {
                if (i == first_closed && id == 6)
                    close_result_ok(&results[i]);
                if (i == first_closed && id >= 6)
                    continue;
                struct order *order = WEIR_NEXT(order, results[i]);
                assert_int_equal(order->id, id);
                assert_three_lines(order);
            }
        for (int i = 0; i < 3; i++) {
            if (i == first_closed)
                continue;
            assert_null(WEIR_NEXT(order, results[i]));
            close_result_ok(&results[i]);
        }
        assert_int_equal(weir_session_count(session), 0);
        close_session_ok(&session);
    }
}

/* get, refresh, expire, a lazy load, a scalar, an update and a savepoint between the rows of one stream. */
static void test_a_session_works_between_the_rows_of_its_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = with_lines(3), *update = weir_sql("UPDATE invoices SET status = 'sent' WHERE id = :id");
    weir_result *result = scalars(session, &stmt);
    int64_t id = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;) {
        assert_int_equal(order->id, ++id);
        assert_three_lines(order);
        assert_ptr_equal(WEIR_GET(order, session, id), order);
        struct order *other = WEIR_GET(order, session, 13 - id);
        assert_int_equal(other->id, 13 - id);
        assert_status(weir_session_refresh(session, order), WEIR_OK);
        assert_status(weir_session_expire(session, order), WEIR_OK);
        assert_status(weir_load(order, by_quantity), WEIR_OK);
        assert_int_equal(order->by_quantity.count, 3);
        assert_int_equal(order->by_quantity.items[0]->quantity, 3);
        assert_status(weir_load(order, lines), WEIR_OK);
        assert_three_lines(order);
        WEIR_BIND(update, "id", id);
        int nested = weir_session_begin_nested(session);
        assert_true(nested > 0);
        weir_result *updated = weir_session_execute(session, update);
        assert_int_equal(weir_result_rowcount(updated), 1);
        close_result_ok(&updated);
        if (id % 2)
            assert_status(weir_session_rollback_nested(session, nested), WEIR_OK);
        else
            assert_status(weir_session_release_nested(session, nested), WEIR_OK);
        assert_string_equal(order->state, "pending");
    }
    assert_error(weir_result_error(result), WEIR_OK);
    close_result_ok(&result);
    assert_int_equal(id, 12);
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices WHERE status = 'sent'"), 6);
    weir_stmt_free(&update);
    close_session_ok(&session);
}

/* A stream opened inside a savepoint that is rolled back ends; one that is older reads on, with its loads. */
static void test_streams_and_savepoints(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = with_lines(3);
    weir_result *older = weir_session_scalars(session, stmt);
    assert_int_equal(WEIR_NEXT(order, older)->id, 1);
    int nested = weir_session_begin_nested(session);
    weir_result *inner = weir_session_scalars(session, stmt);
    for (int64_t id = 1; id <= 4; id++)
        assert_int_equal(WEIR_NEXT(order, inner)->id, id);
    assert_status(weir_session_rollback_nested(session, nested), WEIR_OK);
    assert_null(WEIR_NEXT(order, inner));
    assert_status(weir_result_close(&inner), WEIR_RESOURCE_CLOSED);
    for (int64_t id = 2; id <= 12; id++) {
        struct order *order = WEIR_NEXT(order, older);
        assert_int_equal(order->id, id);
        assert_three_lines(order);
    }
    assert_null(WEIR_NEXT(order, older));
    close_result_ok(&older);
    weir_stmt_free(&stmt);
    close_session_ok(&session);
}

/* Case 37 with children: what is there stays as it is; populate_existing takes the row's values, the children's, too. */
static void test_case_037_populate_existing_reaches_the_loaders(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int populate = 0; populate < 2; populate++) {
        weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
        struct order *order = WEIR_GET(order, session, 5);
        assert_status(weir_load(order, lines), WEIR_OK);
        WEIR_SET(order, amount_cents, 7);
        WEIR_SET(order->lines.items[0], quantity, 70);
        assert_int_equal(weir_session_dirty_count(session), 2);
        weir_stmt *stmt = with_lines(3);
        if (populate)
            weir_populate_existing(stmt, WEIR_ON);
        weir_result *result = scalars(session, &stmt);
        for (int64_t id = 1; id <= 12; id++) {
            struct order *next = WEIR_NEXT(order, result);
            assert_int_equal(next->id, id);
            assert_true((next == order) == (id == 5));
            assert_int_equal(next->lines.items[0]->quantity, id == 5 && !populate ? 70 : 1);
        }
        close_result_ok(&result);
        assert_int_equal(order->amount_cents, populate ? 50 : 7);
        assert_int_equal(weir_session_dirty_count(session), populate ? 0 : 2);
        assert_status(weir_session_rollback(session), WEIR_OK);
        close_session_ok(&session);
    }
}

static void test_a_locking_stream_loads_its_relationships(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = with_lines(5);
    weir_with_for_update(stmt, WEIR_LOCK_OPTIONS(.skip_locked = true));
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, 12);
    close_result_ok(&result);
    close_session_ok(&session);
}

/* ---- to-one joins ------------------------------------------------------------------------------------------------------------------- */

static void test_case_045_joined_to_ones_two_levels_up_with_none(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    for (int64_t yield_per = 0; yield_per <= 36; yield_per += 7) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = select_by_id(&node_entity, WEIR_COL(node, id), yield_per);
        weir_joinedload(stmt, WEIR_COL(node, parent), WEIR_COL(node, parent));
        test_log_clear(db->log);
        weir_result *result = scalars(session, &stmt);
        int count = 0;
        for (struct node *node; (node = WEIR_NEXT(node, result)) != NULL; count++) {
            assert_true(weir_loaded(node, parent));
            assert_true((node->parent == NULL) == !node->parent_id.present);
            if (!node->parent)
                continue;
            assert_int_equal(node->parent->id, node->parent_id.value);
            assert_status(weir_load(node->parent, parent), WEIR_OK);
            if (node->id > 100)
                assert_string_equal(node->parent->parent->name, "root");
            else
                assert_null(node->parent->parent);
        }
        assert_error(weir_result_error(result), WEIR_OK);
        assert_int_equal(count, 35);
        assert_statements(db, 1);
        close_result_ok(&result);
        close_session_ok(&session);
    }
}

/* ---- de-duplicated parents ------------------------------------------------------------------------------------------------------------ */

static void test_case_047_unique_parents_in_every_style(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int style = 0; style < 6; style++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = ORDERS(0);
        weir_joinedload(stmt, WEIR_COL(order, lines));
        if (style == 5)
            weir_where(stmt, WEIR_EQ(WEIR_COL(order, id), 1));
        weir_result *result = scalars(session, &stmt);
        assert_status(weir_result_unique(result), WEIR_OK);
        const weir_partition *partition;
        int64_t id = 0;
        if (style == 0) {
            while (WEIR_NEXT(order, result))
                id++;
        } else if (style == 1) {
            partition = weir_result_all(result);
            for (; id < (int64_t)partition->count; id++) {
                assert_int_equal(((struct order *)partition->instances[id])->id, id + 1);
                assert_three_lines(partition->instances[id]);
            }
        } else if (style == 2 || style == 3) {
            while ((partition = style == 2 ? weir_result_next_partition(result, 5) : weir_result_fetchmany(result, 5)) != NULL) {
                assert_int_equal(partition->count, id < 10 ? 5 : 2);
                for (size_t i = 0; i < partition->count; i++)
                    assert_int_equal(((struct order *)partition->instances[i])->id, ++id);
            }
        } else {
            struct order *order = WEIR_ROW(order, style == 4 ? weir_result_first(result) : weir_result_one(result));
            assert_int_equal(order->id, 1);
            assert_three_lines(order);
            id = 12;
        }
        assert_int_equal(id, 12);
        close_result_ok(&result);
        close_session_ok(&session);
    }
}

/* Rows of an entity and a column are one row when both are the same. */
static void test_unique_rows_of_an_entity_and_a_column(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_LABEL(WEIR_MODULO(WEIR_COL(order_line, quantity), 2), "odd"));
    weir_join(stmt, WEIR_COL(order, lines));
    weir_order_by(stmt, WEIR_COL(order_line, id));
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    assert_status(weir_result_unique(result), WEIR_OK);
    int64_t count = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; count++) {
        assert_int_equal(WEIR_ROW(order, row)->id, count / 2 + 1);
        assert_int_equal(weir_row_int64(row, "odd"), count % 2 == 0);
    }
    assert_int_equal(count, 24);
    close_result_ok(&result);
    close_session_ok(&session);
}

/* ---- groups of keys ------------------------------------------------------------------------------------------------------------------- */

/* Keys of a text and a number; 1201 parents, each with one item, every third with two. */
WEIR_ENTITY_DECLARE(shelf);
WEIR_ENTITY_DECLARE(item);
struct shelf { const char *name; int16_t level; WEIR_MANY(struct item) items; };
struct item { weir_uuid id; const char *shelf_name; int16_t shelf_level; struct shelf *shelf; };
WEIR_ENTITY(shelf, "shelves", WEIR_COLUMN(shelf, name, .primary_key = true), WEIR_COLUMN(shelf, level, .primary_key = true),
    WEIR_TO_MANY(shelf, items, item, .order_by = "id",
        .pairs = WEIR_PAIRS(WEIR_PAIR(shelf, name, item, shelf_name), WEIR_PAIR(shelf, level, item, shelf_level))));
WEIR_ENTITY(item, "items", WEIR_COLUMN(item, id, .primary_key = true), WEIR_COLUMN(item, shelf_name), WEIR_COLUMN(item, shelf_level),
    WEIR_TO_ONE(item, shelf, shelf,
        .pairs = WEIR_PAIRS(WEIR_PAIR(item, shelf_name, shelf, name), WEIR_PAIR(item, shelf_level, shelf, level))));

static void shelf_fixture(test_database *db)
{
    assert_status(weir_create_all(db->engine, (const weir_entity *const[]){ &shelf_entity, &item_entity, NULL }, NULL), WEIR_OK);
    weir_connection *connection = weir_engine_begin(db->engine);
    weir_stmt *shelf = weir_sql("INSERT INTO shelves VALUES (:name, :level)");
    weir_stmt *item = weir_sql("INSERT INTO items VALUES (:id, :name, :level)");
    for (int i = 0; i < 1201; i++) {
        char name[32];
        snprintf(name, sizeof name, "s%05d '%%", i / 3);
        WEIR_BIND(shelf, "name", name);
        WEIR_BIND(shelf, "level", i % 3);
        weir_result *result = weir_connection_execute(connection, shelf, NULL);
        close_result_ok(&result);
        for (int k = 0; k <= (i % 3 == 0); k++) {
            weir_uuid id = { .bytes = { (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)k } };
            WEIR_BIND(item, "id", id);
            WEIR_BIND(item, "name", name);
            WEIR_BIND(item, "level", i % 3);
            result = weir_connection_execute(connection, item, NULL);
            close_result_ok(&result);
        }
    }
    weir_stmt_free(&shelf);
    weir_stmt_free(&item);
    close_connection_ok(&connection);
}

static void test_case_055_058_groups_of_composite_keys(void **state)
{
    test_database *db = *state;
    static const struct { int64_t yield_per, chunk; size_t statements; } wanted[] = {
        { 0, 0, 4 }, { 0, 1, 1202 }, { 0, 1200, 3 }, { 0, 5000, 2 }, { 600, 0, 6 }, { 600, 300, 6 }, { 1201, 0, 4 }, { 1200, 0, 5 }, { 501, 0, 6 },
    };
    shelf_fixture(db);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = select_by_id(&shelf_entity, WEIR_COL(shelf, name), wanted[i].yield_per);
        weir_order_by(stmt, WEIR_COL(shelf, level));
        weir_selectinload(stmt, WEIR_COL(shelf, items));
        if (wanted[i].chunk)
            weir_selectin_chunk(stmt, wanted[i].chunk);
        test_log_clear(db->log);
        weir_result *result = scalars(session, &stmt);
        int count = 0;
        for (struct shelf *shelf; (shelf = WEIR_NEXT(shelf, result)) != NULL; count++) {
            assert_int_equal(shelf->level, count % 3);
            assert_int_equal(shelf->items.count, count % 3 == 0 ? 2 : 1);
            for (size_t k = 0; k < shelf->items.count; k++) {
                assert_int_equal(shelf->items.items[k]->id.bytes[1], (uint8_t)count);
                assert_int_equal(shelf->items.items[k]->id.bytes[2], k);
                assert_string_equal(shelf->items.items[k]->shelf_name, shelf->name);
            }
        }
        assert_error(weir_result_error(result), WEIR_OK);
        assert_int_equal(count, 1201);
        close_result_ok(&result);
        assert_statements(db, wanted[i].statements);
        close_session_ok(&session);
    }
}

/* The other way, by keys of their targets: 1602 items on 1201 shelves. */
static void test_case_052_to_ones_by_composite_keys_and_uuids(void **state)
{
    test_database *db = *state;
    shelf_fixture(db);
    for (int64_t yield_per = 0; yield_per <= 1602; yield_per += 801) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = select_by_id(&item_entity, WEIR_COL(item, id), yield_per);
        weir_selectinload(stmt, WEIR_COL(item, shelf));
        test_log_clear(db->log);
        weir_result *result = scalars(session, &stmt);
        int count = 0;
        weir_uuid id = { .bytes = { 0 } };
        for (struct item *item; (item = WEIR_NEXT(item, result)) != NULL; count++) {
            assert_string_equal(item->shelf->name, item->shelf_name);
            assert_int_equal(item->shelf->level, item->shelf_level);
            id = item->id;
        }
        assert_error(weir_result_error(result), WEIR_OK);
        assert_int_equal(count, 1602);
        close_result_ok(&result);
        assert_statements(db, yield_per == 801 ? 1 + 2 + 2 : 1 + 3);
        struct item *last = WEIR_GET(item, session, id);
        assert_non_null(last);
        assert_memory_equal(last->id.bytes, id.bytes, sizeof id.bytes);
        close_session_ok(&session);
    }
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------------------- */

static void test_case_042_a_loader_that_fails_at_the_second_batch(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "CREATE VIEW frail_lines AS SELECT id, order_id, 100 / (order_id - 7) AS share FROM order_lines");
    for (int how = 0; how < 4; how++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = select_by_id(&frail_order_entity, WEIR_COL(frail_order, id), 5);
        if (how == 0)
            weir_selectinload(stmt, WEIR_COL(frail_order, lines));
        else if (how == 1)
            weir_subqueryload(stmt, WEIR_COL(frail_order, lines));
        else if (how == 2)
            weir_immediateload(stmt, WEIR_COL(frail_order, lines));
        else
            weir_selectinload(stmt, WEIR_COL(frail_order, lines), WEIR_COL(frail_line, order), WEIR_COL(frail_order, lines));
        weir_result *result = weir_session_scalars(session, stmt);
        struct frail_order *kept = NULL;
        int64_t id = 0;
        for (struct frail_order *order; (order = WEIR_NEXT(frail_order, result)) != NULL;) {
            assert_int_equal(order->id, ++id);
            assert_int_equal(order->lines.items[1]->share, 100 / (id - 7));
            if (id == 3)
                kept = weir_retain(order);
        }
        assert_int_equal(id, 5);
        assert_error(weir_result_error(result), WEIR_DATA);
        assert_null(WEIR_NEXT(frail_order, result));
        assert_null(weir_result_all(result));
        assert_status(weir_result_close(&result), WEIR_DATA);
        assert_int_equal(weir_session_count(session), 4);
        assert_int_equal(kept->lines.items[0]->share, -25);
        assert_status(weir_session_rollback(session), WEIR_OK);
        weir_where(stmt, WEIR_NE(WEIR_COL(frail_order, id), 7));
        result = weir_session_scalars(session, stmt);
        for (id = 0; WEIR_NEXT(frail_order, result); id++)
            continue;
        assert_int_equal(id, 11);
        close_result_ok(&result);
        weir_stmt_free(&stmt);
        weir_release(kept);
        assert_int_equal(weir_session_count(session), 0);
        close_session_ok(&session);
    }
}

/* ---- transactions of sessions, by statements -------------------------------------------------------------------------------------------- */

static void test_case_096_098_what_a_session_wrote_is_there_after_commit_alone(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    assert_int_equal(run_in(session, "INSERT INTO orders VALUES (50, 0, 1, 'new')"), 1);
    assert_non_null(WEIR_GET(order, session, 50));
    close_session_ok(&session);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 2);
    session = weir_session_open(db->engine);
    assert_status(weir_session_begin(session), WEIR_OK);
    run_in(session, "INSERT INTO orders VALUES (51, 0, 1, 'new')");
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 3);
    assert_status(weir_session_begin(session), WEIR_OK);
    run_in(session, "INSERT INTO orders VALUES (52, 0, 1, 'new')");
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 3);
    close_session_ok(&session);
}

static void test_case_099_100_nested_in_a_session(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    for (int release = 0; release < 2; release++) {
        weir_session *session = weir_session_open(db->engine);
        struct order *order = WEIR_GET(order, session, 1);
        int nested = weir_session_begin_nested(session);
        assert_true(nested > 0);
        run_in(session, "UPDATE orders SET state = 'renamed'");
        run_in(session, "INSERT INTO orders VALUES (60, 0, 1, 'new')");
        assert_status(weir_session_refresh(session, order), WEIR_OK);
        assert_string_equal(order->state, "renamed");
        assert_status(release ? weir_session_release_nested(session, nested) : weir_session_rollback_nested(session, nested), WEIR_OK);
        assert_status(weir_session_refresh(session, order), WEIR_OK);
        assert_string_equal(order->state, release ? "renamed" : "pending");
        assert_true((WEIR_GET(order, session, 60) != NULL) == release);
        nested = weir_session_begin_nested(session);
        run_in(session, "INSERT INTO orders VALUES (61, 0, 1, 'new')");
        assert_status(weir_session_rollback(session), WEIR_OK);
        assert_false(weir_session_in_transaction(session));
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 2);
        assert_status(weir_session_release_nested(session, nested), WEIR_INVALID_REQUEST);
        close_session_ok(&session);
    }
}

/* ---- locks ------------------------------------------------------------------------------------------------------------------------------ */

static void test_case_180_181_locks_on_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *holder = weir_session_open(db->engine), *session = weir_session_open(db->engine);
    weir_stmt *lock = ORDERS(0), *skip = with_lines(4), *nowait = with_lines(4), *grouped = weir_select_columns(WEIR_COL(order, tenant_id));
    weir_where(lock, WEIR_LE(WEIR_COL(order, id), 3));
    weir_with_for_update(lock, NULL);
    weir_with_for_update(skip, WEIR_LOCK_OPTIONS(.skip_locked = true));
    weir_with_for_update(nowait, WEIR_LOCK_OPTIONS(.nowait = true));
    weir_group_by(grouped, WEIR_COL(order, tenant_id));
    weir_with_for_update(grouped, NULL);
    weir_result *result = scalars(holder, &lock);
    assert_int_equal(weir_result_all(result)->count, 3);
    close_result_ok(&result);
    result = scalars(session, &skip);
    for (int64_t id = 4; id <= 12; id++) {
        struct order *order = WEIR_NEXT(order, result);
        assert_int_equal(order->id, id);
        assert_three_lines(order);
    }
    assert_null(WEIR_NEXT(order, result));
    close_result_ok(&result);
    result = scalars(session, &nowait);
    assert_null(WEIR_NEXT(order, result));
    assert_string_equal(weir_result_error(result)->sqlstate, "55P03");
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_session_rollback(session), WEIR_OK);
    result = weir_session_execute(session, grouped);
    weir_stmt_free(&grouped);
    assert_null(weir_result_next(result));
    assert_string_equal(weir_result_error(result)->sqlstate, "0A000");
    assert_status(weir_result_close(&result), WEIR_NOT_SUPPORTED);
    close_session_ok(&holder);
    close_session_ok(&session);
}

/* ---- views --------------------------------------------------------------------------------------------------------------------------- */

static void test_case_076_077_views_of_rows_with_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_LABEL(WEIR_ADD(WEIR_COL(order, id), 100), "more"), WEIR_COL(order, state));
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_yield_per(stmt, 5);
    weir_result *result = weir_session_execute(session, stmt);
    for (int64_t id = 1; id <= 4; id++)
        assert_int_equal(weir_scalars_next(weir_result_scalars(result, 1))->as.i, 100 + id);
    const weir_value_list *values = weir_scalars_fetchmany(weir_result_scalars(result, -2), 3);
    assert_int_equal(values->count, 3);
    assert_int_equal(values->values[2]->as.i, 107);
    assert_status(weir_result_columns(result, (const int[]){ 2, 1 }, 2), WEIR_OK);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_row_count(row), 2);
    assert_string_equal(weir_row_cstr_at(row, 0), "pending");
    assert_int_equal(weir_row_int64(row, "more"), 108);
    assert_status(weir_result_columns(result, (const int[]){ 1 }, 1), WEIR_OK);
    const weir_partition *rest = weir_result_all(result);
    assert_int_equal(rest->count, 4);
    assert_int_equal(weir_row_int64_at(rest->rows[3], 0), 112);
    close_result_ok(&result);
    result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    int64_t id = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        assert_int_equal(order->id, ++id);
    assert_int_equal(id, 12);
    close_result_ok(&result);
    close_session_ok(&session);
}

/* An entity's column is read by WEIR_ROW: its getters say so, and end the reading as they do for any value that does not fit. */
static void test_getters_of_a_column_that_is_an_instance(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (int64_t yield_per = 0; yield_per <= 5; yield_per += 5) {
        weir_stmt *stmt = ORDERS(yield_per);
        weir_result *result = scalars(session, &stmt);
        const weir_row *row = weir_result_next(result);
        assert_false(weir_row_is_null(row, "order"));
        assert_int_equal(weir_row_int64_at(row, 0), 0);
        assert_contains(weir_result_error(result)->message, "an instance is not an integer");
        assert_int_equal(WEIR_ROW(order, row)->id, 1);
        assert_null(WEIR_NEXT(order, result));
        assert_status(weir_result_close(&result), WEIR_DATA);
    }
    close_session_ok(&session);
}

/* A missing entity before one that is there, a union and a limited subquery of an entity: all load their relationships. */
static void test_sources_of_instances_with_loaders(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int64_t yield_per = 0; yield_per <= 6; yield_per += 3) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order_line), WEIR_COL(order, id));
        weir_from(stmt, WEIR_ENTITY_OF(order));
        weir_outer_join_on(stmt, WEIR_ENTITY_OF(order_line), WEIR_EQ(WEIR_COL(order_line, id), WEIR_ADD(WEIR_MULTIPLY(WEIR_COL(order, id), 20), 1)));
        weir_order_by(stmt, WEIR_COL(order, id));
        weir_selectinload(stmt, WEIR_COL(order_line, order));
        weir_yield_per(stmt, yield_per);
        weir_result *result = weir_session_execute(session, stmt);
        weir_stmt_free(&stmt);
        int64_t id = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
            struct order_line *line = WEIR_ROW(order_line, row);
            assert_int_equal(weir_row_int64(row, "id"), ++id);
            assert_true((line != NULL) == (id <= 6));
            if (line)
                assert_int_equal(line->order->id, 2 * id);
        }
        assert_int_equal(id, 12);
        close_result_ok(&result);

        weir_stmt *low = weir_select(&order_entity), *high = weir_select(&order_entity);
        weir_where(low, WEIR_LT(WEIR_COL(order, id), 4));
        weir_where(high, WEIR_GT(WEIR_COL(order, id), 10));
        stmt = weir_combine(WEIR_UNION_ALL, low, high);
        weir_order_by(stmt, WEIR_COL(order, id));
        weir_selectinload(stmt, WEIR_COL(order, lines));
        weir_yield_per(stmt, yield_per);
        result = scalars(session, &stmt);
        weir_stmt_free(&low);
        weir_stmt_free(&high);
        const int64_t both[] = { 1, 2, 3, 11, 12 };
        for (int i = 0; i < 5; i++) {
            struct order *order = WEIR_NEXT(order, result);
            assert_int_equal(order->id, both[i]);
            assert_three_lines(order);
        }
        assert_null(WEIR_NEXT(order, result));
        close_result_ok(&result);

        weir_stmt *few = ORDERS(0);
        weir_limit(few, 4);
        weir_offset(few, 2);
        weir_source *source = weir_subquery(few, "few", &order_entity);
        stmt = weir_select_columns(WEIR_ALIAS_OF(source, order));
        weir_order_by(stmt, WEIR_SCOL(source, order, id));
        weir_selectinload(stmt, WEIR_SCOL(source, order, lines));
        weir_yield_per(stmt, yield_per);
        result = scalars(session, &stmt);
        weir_stmt_free(&few);
        weir_source_free(&source);
        for (id = 3; id <= 6; id++) {
            struct order *order = WEIR_NEXT(order, result);
            assert_int_equal(order->id, id);
            assert_three_lines(order);
        }
        assert_null(WEIR_NEXT(order, result));
        close_result_ok(&result);
        close_session_ok(&session);
    }
}

/* scalars() of a select whose first column is none of the entity's: values, and no instances. */
static void test_case_077_scalars_of_columns_are_values(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_COL(order, id), WEIR_ENTITY_OF(order));
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_yield_per(stmt, 5);
    weir_result *result = weir_session_scalars(session, stmt);
    for (int64_t id = 1; id <= 12; id++)
        assert_int_equal(weir_row_int64_at(weir_result_next(result), 0), id);
    close_result_ok(&result);
    result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    assert_null(WEIR_NEXT(order, result));
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    stmt = weir_select_columns(WEIR_COUNT());
    weir_from(stmt, WEIR_ENTITY_OF(order));
    result = scalars(session, &stmt);
    assert_int_equal(weir_result_scalar_one(result)->as.i, 12);
    close_result_ok(&result);
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_202_streams_with_loaders_by_turns),
        ON_BOTH(test_a_session_works_between_the_rows_of_its_stream),
        ON_BOTH(test_streams_and_savepoints),
        ON_BOTH(test_case_037_populate_existing_reaches_the_loaders),
        ON_BOTH(test_a_locking_stream_loads_its_relationships),
        ON_BOTH(test_case_045_joined_to_ones_two_levels_up_with_none),
        ON_BOTH(test_case_047_unique_parents_in_every_style),
        ON_BOTH(test_unique_rows_of_an_entity_and_a_column),
        ON_BOTH(test_case_055_058_groups_of_composite_keys),
        ON_BOTH(test_case_052_to_ones_by_composite_keys_and_uuids),
        ON_BOTH(test_case_042_a_loader_that_fails_at_the_second_batch),
        ON_BOTH(test_case_096_098_what_a_session_wrote_is_there_after_commit_alone),
        ON_BOTH(test_case_099_100_nested_in_a_session),
        ON_POSTGRESQL(test_case_180_181_locks_on_instances),
        ON_BOTH(test_case_076_077_views_of_rows_with_instances),
        ON_BOTH(test_getters_of_a_column_that_is_an_instance),
        ON_BOTH(test_sources_of_instances_with_loaders),
        ON_BOTH(test_case_077_scalars_of_columns_are_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
