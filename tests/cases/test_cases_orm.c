/* Cases of parts C, D and F varied: other batch sizes and keys, empty results, several aliases, ends in mid-stream under loaders. */
#include "loading.h"

/* Keys of a text and a number, on both sides of a relationship; fixed characters and a NULL in it. */
WEIR_ENTITY_DECLARE(book);
WEIR_ENTITY_DECLARE(copy);
struct book { char isbn[8]; int32_t edition; const char *title; WEIR_MANY(struct copy) copies; };
struct copy { const char *label; const char *isbn; weir_opt_int32 edition; struct book *book; };
WEIR_ENTITY(book, "books", WEIR_COLUMN(book, isbn, .primary_key = true), WEIR_COLUMN(book, edition, .primary_key = true),
    WEIR_COLUMN(book, title),
    WEIR_TO_MANY(book, copies, copy, .order_by = "label",
        .pairs = WEIR_PAIRS(WEIR_PAIR(book, isbn, copy, isbn), WEIR_PAIR(book, edition, copy, edition))));
WEIR_ENTITY(copy, "copies", WEIR_COLUMN(copy, label, .primary_key = true), WEIR_COLUMN(copy, isbn), WEIR_COLUMN(copy, edition),
    WEIR_TO_ONE(copy, book, book,
        .pairs = WEIR_PAIRS(WEIR_PAIR(copy, isbn, book, isbn), WEIR_PAIR(copy, edition, book, edition))));

/* An order's line whose text does not fit. */
WEIR_ENTITY_DECLARE(parent);
WEIR_ENTITY_DECLARE(child);
struct parent { int64_t id; WEIR_MANY(struct child) children; };
struct child { int64_t id, parent_id; char name[4]; };
WEIR_ENTITY(parent, "parents", WEIR_COLUMN(parent, id, .primary_key = true), WEIR_HAS_MANY(parent, children, child, parent_id, .order_by = "id"));
WEIR_ENTITY(child, "children", WEIR_COLUMN(child, id, .primary_key = true), WEIR_COLUMN(child, parent_id), WEIR_COLUMN(child, name));

typedef void (*loader)(weir_stmt *stmt);
static void by_selectin(weir_stmt *stmt) { weir_selectinload(stmt, WEIR_COL(order, lines)); }
static void by_subquery(weir_stmt *stmt) { weir_subqueryload(stmt, WEIR_COL(order, lines)); }
static void one_by_one(weir_stmt *stmt) { weir_immediateload(stmt, WEIR_COL(order, lines)); }
static void by_join(weir_stmt *stmt) { weir_joinedload_contiguous(stmt, WEIR_COL(order, lines)); }
static void lazily(weir_stmt *stmt) { weir_lazyload(stmt, WEIR_COL(order, lines)); }
static const loader loaders[] = { by_selectin, by_subquery, one_by_one, by_join, lazily };
enum { LOADERS = sizeof loaders / sizeof *loaders };

static weir_stmt *orders_by(loader load, int64_t yield_per)
{
    weir_stmt *stmt = ORDERS(yield_per);
    load(stmt);
    return stmt;
}

static void check_order(struct order *order, int64_t id)
{
    assert_non_null(order);
    assert_int_equal(order->id, id);
    assert_string_equal(order->state, "pending");
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_three_lines(order);
}

/* ---- sizes and styles --------------------------------------------------------------------------------------------------------- */

/* Reads all in partitions of `size`; checks their sizes, too. 0: as next_instance gives them. */
static void read_in(weir_result *result, size_t size, size_t yield_per, int64_t rows)
{
    int64_t id = 0;
    const weir_partition *partition;
    if (size == 0)
        for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
            check_order(order, ++id);
    else
        while ((partition = weir_result_next_partition(result, size == SIZE_MAX ? 0 : size)) != NULL) {
            size_t wanted = size == SIZE_MAX ? yield_per : size;
            assert_true(partition->count == wanted || id + (int64_t)partition->count == rows);
            for (size_t i = 0; i < partition->count; i++)
                check_order(partition->instances[i], ++id);
        }
    assert_error(weir_result_error(result), WEIR_OK);
    assert_int_equal(id, rows);
}

static void test_case_033_035_049_any_batch_any_partition_any_loader(void **state)
{
    test_database *db = *state;
    const int64_t batches[] = { 1, 2, 3, 5, 11, 12, 13, 100 };
    const size_t partitions[] = { 0, 1, 4, 5, 12, 13, SIZE_MAX };
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (size_t l = 0; l < LOADERS; l++)
        for (size_t b = 0; b < 8; b++)
            for (size_t p = 0; p < 7; p++) {
                weir_stmt *stmt = orders_by(loaders[l], batches[b]);
                test_log_clear(db->log);
                weir_result *result = scalars(session, &stmt);
                read_in(result, partitions[p], (size_t)batches[b], 12);
                if (l < 2)
                    assert_statements(db, 1 + (size_t)((12 + batches[b] - 1) / batches[b]));
                close_result_ok(&result);
                assert_int_equal(weir_session_count(session), 0);
            }
    close_session_ok(&session);
}

static void test_case_026_nothing_matches_under_any_loader(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (size_t l = 0; l < LOADERS; l++)
        for (int64_t yield_per = 0; yield_per <= 5; yield_per += 5)
            for (int style = 0; style < 4; style++) {
                weir_stmt *stmt = orders_by(l == 3 && !yield_per ? by_selectin : loaders[l], yield_per);
                weir_where(stmt, WEIR_LT(WEIR_COL(order, id), 0));
                test_log_clear(db->log);
                weir_result *result = scalars(session, &stmt);
                if (style == 0)
                    assert_null(WEIR_NEXT(order, result));
                else if (style == 1)
                    assert_null(weir_result_next_partition(result, 0));
                else if (style == 2)
                    assert_int_equal(weir_result_all(result)->count, 0);
                else
                    assert_null(weir_result_one_or_none(result));
                assert_statements(db, 1);
                close_result_ok(&result);
            }
    close_session_ok(&session);
}

static void test_case_031_unique_before_or_after_by_option_or_method(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int way = 0; way < 4; way++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = ORDERS(way < 2 ? 5 : 0);
        weir_result *result = scalars(session, &stmt);
        if (way == 3)
            assert_status(weir_result_yield_per(result, 5), WEIR_OK);
        assert_status(weir_result_unique(result), WEIR_OK);
        if (way == 2)
            assert_status(weir_result_yield_per(result, 5), WEIR_OK);
        if (way == 1)
            assert_null(weir_result_next_partition(result, 5));
        else
            assert_null(WEIR_NEXT(order, result));
        assert_contains(weir_result_error(result)->message, "Can't use the ORM yield_per feature in conjunction with unique()");
        assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
        close_session_ok(&session);
        weir_pool_status pool;
        weir_engine_pool_status(db->engine, &pool);
        assert_int_equal(pool.checked_out, 0);
    }
}

/* Case 12 for results of rows with instances: too late once a row was read; before, it is the size of their partitions. */
static void test_case_012_yield_per_of_a_result_that_has_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (int stream = 0; stream < 2; stream++) {
        weir_stmt *stmt = ORDERS(0);
        by_selectin(stmt);
        if (stream)
            weir_stream_results(stmt, WEIR_ON);
        weir_result *result = weir_session_execute(session, stmt);
        assert_status(weir_result_yield_per(result, 5), WEIR_OK);
        assert_partitions(result, 0, 5, 5, 2);
        close_result_ok(&result);
        result = weir_session_execute(session, stmt);
        weir_stmt_free(&stmt);
        check_order(WEIR_ROW(order, weir_result_next(result)), 1);
        assert_status(weir_result_yield_per(result, 5), WEIR_INVALID_REQUEST);
        for (int64_t id = 2; id <= 12; id++)
            check_order(WEIR_ROW(order, weir_result_next(result)), id);
        assert_null(weir_result_next(result));
        close_result_ok(&result);
        weir_session_expunge_all(session);
    }
    close_session_ok(&session);
}

/* ---- keys --------------------------------------------------------------------------------------------------------------------- */

static void book_fixture(test_database *db)
{
    test_side_run(db, "CREATE TABLE books(isbn varchar(7) NOT NULL, edition integer NOT NULL, title text NOT NULL, PRIMARY KEY(isbn, edition));"
                      "CREATE TABLE copies(label text PRIMARY KEY, isbn varchar(7), edition integer);"
                      "INSERT INTO books VALUES ('a', 1, 'A'), ('a', 2, 'A again'), ('b', 1, 'B'), ('it''s', 1, 'quoted'), ('z', 9, 'none');"
                      "INSERT INTO copies VALUES ('1', 'a', 1), ('2', 'a', 2), ('3', 'a', 1), ('4', 'b', 1), ('5', 'it''s', 1),"
                      "('6', NULL, 1), ('7', 'a', NULL), ('8', NULL, NULL), ('9', 'gone', 1);");
}

static void test_case_055_keys_of_a_text_and_a_number(void **state)
{
    test_database *db = *state;
    const size_t copies[] = { 2, 1, 1, 1, 0 };
    book_fixture(db);
    for (int64_t yield_per = 0; yield_per <= 6; yield_per++)
        for (int how = 0; how < 4; how++) {
            weir_session *session = weir_session_open(db->engine);
            weir_stmt *stmt = select_by_id(&book_entity, WEIR_COL(book, isbn), yield_per);
            weir_order_by(stmt, WEIR_COL(book, edition));
            if (how == 0)
                weir_selectinload(stmt, WEIR_COL(book, copies), WEIR_COL(copy, book));
            else if (how == 1)
                weir_subqueryload(stmt, WEIR_COL(book, copies));
            else if (how == 2)
                weir_joinedload_contiguous(stmt, WEIR_COL(book, copies));
            weir_result *result = scalars(session, &stmt);
            if (how == 2 && !yield_per)
                assert_status(weir_result_unique(result), WEIR_OK);
            size_t count = 0;
            for (struct book *book; (book = WEIR_NEXT(book, result)) != NULL; count++) {
                assert_status(weir_load(book, copies), WEIR_OK);
                assert_int_equal(book->copies.count, copies[count]);
                for (size_t i = 0; i < book->copies.count; i++) {
                    assert_string_equal(book->copies.items[i]->isbn, book->isbn);
                    assert_int_equal(book->copies.items[i]->edition.value, book->edition);
                    if (how == 0)
                        assert_ptr_equal(book->copies.items[i]->book, book);
                }
            }
            close_result_ok(&result);
            assert_int_equal(count, 5);
            close_session_ok(&session);
        }
}

static void test_case_052_to_ones_whose_keys_are_partly_null(void **state)
{
    test_database *db = *state;
    book_fixture(db);
    for (int how = 0; how < 4; how++)
        for (int64_t yield_per = 1; yield_per <= 10; yield_per += 3) {
            weir_session *session = weir_session_open(db->engine);
            weir_stmt *stmt = select_by_id(&copy_entity, WEIR_COL(copy, label), yield_per);
            if (how == 0)
                weir_selectinload(stmt, WEIR_COL(copy, book));
            else if (how == 1)
                weir_joinedload(stmt, WEIR_COL(copy, book));
            else if (how == 2)
                weir_immediateload(stmt, WEIR_COL(copy, book));
            weir_result *result = scalars(session, &stmt);
            char label[2] = "1";
            for (struct copy *copy; (copy = WEIR_NEXT(copy, result)) != NULL; label[0]++) {
                assert_string_equal(copy->label, label);
                assert_status(weir_load(copy, book), WEIR_OK);
                assert_true(weir_loaded(copy, book));
                if (label[0] >= '6')
                    assert_null(copy->book);
                else
                    assert_string_equal(copy->book->isbn, copy->isbn);
            }
            assert_error(weir_result_error(result), WEIR_OK);
            assert_int_equal(label[0], '9' + 1);
            close_result_ok(&result);
            struct book *book = WEIR_GET(book, session, "it's", 1);
            assert_string_equal(book->title, "quoted");
            assert_ptr_equal(WEIR_GET(book, session, "it's", 1), book);
            assert_null(WEIR_GET(book, session, "it's", 2));
            close_session_ok(&session);
        }
}

/* ---- graphs ------------------------------------------------------------------------------------------------------------------- */

static void test_case_058_a_tree_loaded_three_levels_deep_and_up_again(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    for (int64_t yield_per = 1; yield_per <= 6; yield_per++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = roots(yield_per);
        weir_selectinload(stmt, WEIR_COL(node, children), WEIR_COL(node, children), WEIR_COL(node, children));
        weir_selectinload(stmt, WEIR_COL(node, children), WEIR_COL(node, parent));
        weir_selectinload(stmt, WEIR_COL(node, parent));
        weir_result *result = scalars(session, &stmt);
        int64_t id = 0;
        for (struct node *root; (root = WEIR_NEXT(node, result)) != NULL;) {
            assert_int_equal(root->id, ++id);
            assert_true(weir_loaded(root, parent));
            assert_null(root->parent);
            assert_int_equal(root->children.count, 3);
            for (size_t k = 0; k < 3; k++) {
                struct node *child = root->children.items[k];
                assert_int_equal(child->id, 10 * id + (int64_t)k + 1);
                assert_ptr_equal(child->parent, root);
                assert_int_equal(child->children.count, 1);
                assert_string_equal(child->children.items[0]->name, "grandchild");
                assert_true(weir_loaded(child->children.items[0], children));
                assert_int_equal(child->children.items[0]->children.count, 0);
                assert_non_null(child->children.items[0]->children.items);
            }
        }
        close_result_ok(&result);
        assert_int_equal(id, 5);
        assert_int_equal(weir_session_count(session), 0);
        close_session_ok(&session);
    }
}

static void test_two_aliases_of_one_entity_in_one_row(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    for (int64_t yield_per = 0; yield_per <= 20; yield_per += 4) {
        weir_session *session = weir_session_open(db->engine);
        weir_source *upper = weir_alias(&node_entity, "upper"), *lower = weir_alias(&node_entity, "lower");
        weir_stmt *stmt = weir_select_columns(WEIR_ALIAS_OF(upper, node), WEIR_ALIAS_OF(lower, node), WEIR_SCOL(lower, node, id), WEIR_SCOL(upper, node, id));
        weir_join_on(stmt, WEIR_ALIAS_OF(lower, node), WEIR_EQ(WEIR_SCOL(lower, node, parent_id), WEIR_SCOL(upper, node, id)));
        weir_order_by(stmt, WEIR_SCOL(lower, node, id));
        weir_selectinload(stmt, WEIR_SCOL(lower, node, children));
        weir_selectinload(stmt, WEIR_SCOL(lower, node, parent));
        weir_yield_per(stmt, yield_per);
        weir_result *result = weir_session_execute(session, stmt);
        weir_stmt_free(&stmt);
        weir_source_free(&upper);
        weir_source_free(&lower);
        int count = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL; count++) {
            struct node *high = WEIR_ROW_AS(node, row, "upper"), *low = WEIR_ROW_AS(node, row, "lower");
            assert_int_equal(low->parent_id.value, high->id);
            assert_int_equal(weir_row_int64(row, "id"), low->id);
            assert_int_equal(weir_row_int64_at(row, 3), high->id);
            assert_int_equal(weir_row_int64(row, "id_1"), high->id);
            assert_ptr_equal(low->parent, high);
            assert_true(weir_loaded(low, children));
            assert_ptr_equal(WEIR_ROW(node, row), high);
        }
        assert_error(weir_result_error(result), WEIR_OK);
        assert_int_equal(count, 30);
        close_result_ok(&result);
        close_session_ok(&session);
    }
}

static void test_an_entity_twice_in_the_select_list(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (int64_t yield_per = 0; yield_per <= 10; yield_per += 5) {
        weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_COL(order, id), WEIR_ENTITY_OF(order), WEIR_COL(order, id));
        weir_order_by(stmt, WEIR_COL(order, id));
        weir_selectinload(stmt, WEIR_COL(order, lines));
        weir_yield_per(stmt, yield_per);
        weir_result *result = weir_session_execute(session, stmt);
        weir_stmt_free(&stmt);
        int64_t id = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
            assert_int_equal(weir_row_count(row), 4);
            check_order(WEIR_ROW(order, row), ++id);
            assert_ptr_equal(WEIR_ROW_AS(order, row, "order"), WEIR_ROW(order, row));
            assert_int_equal(weir_row_int64(row, "id"), id);
            assert_int_equal(weir_row_int64_at(row, 3), id);
        }
        assert_int_equal(id, 12);
        close_result_ok(&result);
    }
    close_session_ok(&session);
}

static void test_many_to_many_shares_its_targets(void **state)
{
    test_database *db = *state;
    node_fixture(db);
    test_side_run(db, "INSERT INTO nodes VALUES (1, NULL, 'a'), (2, NULL, 'b'), (3, NULL, 'c'), (4, NULL, 'd'), (5, 4, 'e');"
                      "INSERT INTO node_tags VALUES (1, 3), (1, 1), (2, 1), (2, 2), (2, 3), (4, 2), (5, 2)");
    const char *const labels[] = { "red,blue,", "red,green,blue,", "", "green,", "green," };
    for (int how = 0; how < 5; how++)
        for (int64_t yield_per = 1; yield_per <= 6; yield_per++) {
            weir_session *session = weir_session_open(db->engine);
            weir_stmt *stmt = select_by_id(&node_entity, WEIR_COL(node, id), yield_per);
            const weir_expr *tags = WEIR_COL(node, tags);
            if (how == 0)
                weir_selectinload(stmt, tags);
            else if (how == 1)
                weir_subqueryload(stmt, tags);
            else if (how == 2)
                weir_joinedload_contiguous(stmt, tags);
            else if (how == 3)
                weir_immediateload(stmt, tags);
            weir_result *result = scalars(session, &stmt);
            struct node *kept[6] = { NULL };
            int64_t id = 0;
            for (struct node *node; (node = WEIR_NEXT(node, result)) != NULL;) {
                char text[64] = "";
                assert_int_equal(node->id, ++id);
                assert_status(weir_load(node, tags), WEIR_OK);
                for (size_t i = 0; i < node->tags.count; i++)
                    strcat(strcat(text, node->tags.items[i]->label), ",");
                assert_string_equal(text, labels[id - 1]);
                kept[id] = weir_retain(node);
            }
            assert_int_equal(id, 5);
            close_result_ok(&result);
            assert_ptr_equal(kept[1]->tags.items[0], kept[2]->tags.items[0]);
            assert_ptr_equal(kept[4]->tags.items[0], kept[5]->tags.items[0]);
            assert_int_equal(weir_session_count(session), 8);
            close_session_ok(&session);
            assert_string_equal(kept[5]->tags.items[0]->label, "green");
            for (id = 1; id <= 5; id++)
                weir_release(kept[id]);
        }
}

/* ---- ends in mid-stream ---------------------------------------------------------------------------------------------------------- */

enum ending { COMMIT, ROLLBACK, CLOSE, ENDINGS };

/* Whatever ends the transaction ends the stream from the very next read on, in the middle of a batch, too; what was retained stays. */
static void test_case_111_ends_of_the_transaction_under_loaders(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int ending = COMMIT; ending < ENDINGS; ending++)
        for (size_t l = 0; l < LOADERS; l++)
            for (int64_t taken = 1; taken <= 12; taken += taken == 4 ? 1 : 3) {
                weir_session *session = weir_session_open(db->engine);
                weir_stmt *stmt = orders_by(loaders[l], 5);
                weir_result *result = weir_session_scalars(session, stmt);
                struct order *kept = NULL;
                for (int64_t id = 1; id <= taken; id++) {
                    struct order *order = WEIR_NEXT(order, result);
                    check_order(order, id);
                    if (id == taken)
                        kept = weir_retain(order);
                }
                if (ending == CLOSE)
                    close_session_ok(&session);
                else
                    assert_status(ending == COMMIT ? weir_session_commit(session) : weir_session_rollback(session), WEIR_OK);
                assert_null(WEIR_NEXT(order, result));
                assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
                weir_pool_status pool;
                weir_engine_pool_status(db->engine, &pool);
                assert_int_equal(pool.checked_out, 0);
                assert_int_equal(kept->id, taken);
                assert_int_equal(kept->lines.items[2]->id, 10 * taken + 3);
                if (ending != CLOSE) {
                    result = scalars(session, &stmt);
                    for (int64_t id = 1; id <= 12; id++) {
                        struct order *order = WEIR_NEXT(order, result);
                        assert_true((order == kept) == (id == taken));
                        check_order(order, id);
                    }
                    close_result_ok(&result);
                    close_session_ok(&session);
                }
                weir_stmt_free(&stmt);
                assert_string_equal(kept->state, "pending");
                assert_int_equal(kept->lines.items[0]->quantity, 1);
                weir_release(kept);
            }
}

static void test_case_042_a_child_that_cannot_be_hydrated_fails_its_batch(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE parents(id bigint PRIMARY KEY); CREATE TABLE children(id bigint PRIMARY KEY, parent_id bigint, name text)");
    for (int i = 1; i <= 12; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "INSERT INTO parents VALUES (%d); INSERT INTO children VALUES (%d, %d, '%s')", i, i, i, i == 7 ? "long" : "abc");
        test_side_run(db, sql);
    }
    for (int how = 0; how < 4; how++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = select_by_id(&parent_entity, WEIR_COL(parent, id), 5);
        if (how == 0)
            weir_selectinload(stmt, WEIR_COL(parent, children));
        else if (how == 1)
            weir_subqueryload(stmt, WEIR_COL(parent, children));
        else if (how == 2)
            weir_immediateload(stmt, WEIR_COL(parent, children));
        else
            weir_joinedload_contiguous(stmt, WEIR_COL(parent, children));
        weir_result *result = scalars(session, &stmt);
        int64_t id = 0;
        for (struct parent *parent; (parent = WEIR_NEXT(parent, result)) != NULL;) {
            assert_int_equal(parent->id, ++id);
            assert_string_equal(parent->children.items[0]->name, "abc");
        }
        assert_in_range(id, 4, 6);
        assert_error(weir_result_error(result), WEIR_DATA);
        assert_contains(weir_result_error(result)->message, "child.name");
        assert_null(WEIR_NEXT(parent, result));
        if (db->postgresql)
            assert_int_equal(test_open_cursors(weir_session_connection(session)), 0);
        assert_status(weir_result_close(&result), WEIR_DATA);
        assert_int_equal(weir_session_count(session), 0);
        assert_int_equal(test_query_int(weir_session_connection(session), "SELECT count(*) FROM parents"), 12);
        close_session_ok(&session);
    }
}

/* A lazy load that the database refuses is the load's error; the stream tells on SQLite goes on, on PostgreSQL that it is aborted. */
static void test_a_lazy_load_that_fails_in_mid_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "ALTER TABLE order_lines RENAME COLUMN quantity TO number");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(5);
    weir_result *result = scalars(session, &stmt);
    struct order *order = WEIR_NEXT(order, result);
    assert_status(weir_load(order, lines), WEIR_DATABASE);
    assert_false(weir_loaded(order, lines));
    assert_status(weir_load(order, lines), WEIR_ERROR);
    int64_t id = 1;
    while ((order = WEIR_NEXT(order, result)) != NULL)
        assert_int_equal(order->id, ++id);
    if (db->postgresql) {
        assert_string_equal(weir_result_error(result)->sqlstate, "25P02");
        assert_status(weir_result_close(&result), WEIR_INTERNAL);
    } else {
        assert_int_equal(id, 12);
        close_result_ok(&result);
    }
    assert_status(weir_session_rollback(session), WEIR_OK);
    close_session_ok(&session);
}

/* ---- what outlives --------------------------------------------------------------------------------------------------------------- */

static void test_retained_rows_and_frozen_results_keep_values_not_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_LABEL(WEIR_CONCAT(WEIR_COL(order, state), "!"), "loud"), WEIR_COL(order, id));
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_yield_per(stmt, 3);
    weir_result *result = weir_session_execute(session, stmt);
    const weir_row *kept = weir_row_retain(weir_result_next(result));
    assert_non_null(kept);
    while (weir_result_next(result))
        continue;
    close_result_ok(&result);
    result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    assert_null(weir_result_freeze(result));
    assert_status(weir_result_close(&result), WEIR_NOT_SUPPORTED);
    stmt = weir_select_columns(WEIR_COL(order, id));
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_yield_per(stmt, 5);
    result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    weir_frozen *frozen = weir_result_freeze(result);
    assert_non_null(frozen);
    close_result_ok(&result);
    close_session_ok(&session);
    assert_string_equal(weir_row_cstr(kept, "loud"), "pending!");
    assert_int_equal(weir_row_int64(kept, "id"), 1);
    assert_null(WEIR_ROW(order, kept));
    weir_row_release(&kept);
    result = weir_frozen_result(frozen);
    for (int64_t id = 1; id <= 12; id++)
        assert_int_equal(weir_row_int64(weir_result_next(result), "id"), id);
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    weir_frozen_free(&frozen);
}

/* One of each batch, with the graph behind it, beyond session and engine. */
static void test_retained_graphs_outlive_session_and_engine(void **state)
{
    test_database *db = *state;
    test_fixture(db, 30);
    for (size_t l = 0; l < LOADERS; l++) {
        weir_engine *engine = test_engine(db, NULL);
        weir_session *session = weir_session_open(engine);
        weir_stmt *stmt = orders_by(loaders[l], 4);
        weir_result *result = scalars(session, &stmt);
        struct order *kept[10] = { NULL };
        int64_t id = 0;
        for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;) {
            check_order(order, ++id);
            if (id % 3 == 0)
                kept[id / 3 - 1] = weir_retain(order);
        }
        assert_int_equal(id, 30);
        close_result_ok(&result);
        assert_int_equal(weir_session_count(session), 40);
        close_session_ok(&session);
        weir_engine_close(&engine);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(weir_state_of(kept[i]), WEIR_DETACHED);
            assert_three_lines(kept[i]);
            assert_string_equal(kept[i]->state, "pending");
            assert_status(weir_load(kept[i], by_quantity), WEIR_DETACHED_INSTANCE);
            struct order_line *line = weir_retain(kept[i]->lines.items[1]);
            weir_release(kept[i]);
            assert_int_equal(line->quantity, 2);
            weir_release(line);
        }
    }
}

/* WEIR_DEBUG=lifetimes ends an order at the next row; the lines that it alone reached go, too. */
static void test_lifetimes_that_end_early_leave_no_children(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (size_t l = 0; l < LOADERS; l++) {
        setenv("WEIR_DEBUG", "lifetimes", 1);
        weir_session *session = weir_session_open(db->engine);
        unsetenv("WEIR_DEBUG");
        weir_stmt *stmt = orders_by(loaders[l], 5);
        weir_result *result = scalars(session, &stmt);
        for (int64_t id = 1; id <= 12; id++)
            check_order(WEIR_NEXT(order, result), id);
        close_result_ok(&result);
        assert_int_equal(weir_session_count(session), 0);
        close_session_ok(&session);
    }
}

/* ---- sessions, as far as nothing is written ---------------------------------------------------------------------------------------- */

static void test_case_101_after_a_rollback_changes_read_their_old_values(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    struct order *order = WEIR_GET(order, session, 4);
    WEIR_SET(order, amount_cents, 1);
    WEIR_SET(order, state, "mine");
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_int_equal(weir_session_dirty_count(session), 0);
    int64_t before = weir_session_statements(session);
    assert_ptr_equal(WEIR_GET(order, session, 4), order);
    assert_int_equal(weir_session_statements(session), before + 1);
    assert_int_equal(order->amount_cents, 40);
    assert_string_equal(order->state, "pending");
    close_session_ok(&session);
}

static void test_case_108_changed_instances_stay_in_the_map(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    weir_stmt *stmt = ORDERS(3);
    by_selectin(stmt);
    weir_result *result = scalars(session, &stmt);
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        WEIR_SET(order, amount_cents, order->amount_cents + 1);
    close_result_ok(&result);
    assert_int_equal(weir_session_dirty_count(session), 10);
    assert_int_equal(weir_session_count(session), 40);          /* with the lines that they reach */
    for (int64_t id = 1; id <= 10; id++)
        assert_int_equal(WEIR_GET(order, session, id)->amount_cents, 10 * id + 1);
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_int_equal(weir_session_dirty_count(session), 0);
    close_session_ok(&session);
}

/* Case 104 beside other holders: what is retained is detached by expunge_all and comes again as another instance. */
static void test_case_104_expunge_all_beside_retained_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = ORDERS(3);
    by_selectin(stmt);
    weir_result *result = weir_session_scalars(session, stmt);
    struct order *kept[10];
    const weir_partition *partition;
    size_t count = 0;
    while ((partition = weir_result_next_partition(result, 4)) != NULL) {
        for (size_t i = 0; i < partition->count; i++)
            kept[count++] = weir_retain(partition->instances[i]);
        weir_session_expunge_all(session);
        assert_int_equal(weir_session_count(session), 0);
    }
    close_result_ok(&result);
    assert_int_equal(count, 10);
    result = scalars(session, &stmt);
    weir_stmt_free(&stmt);
    for (size_t i = 0; i < 10; i++) {
        struct order *again = WEIR_NEXT(order, result);
        assert_ptr_not_equal(again, kept[i]);
        assert_int_equal(again->id, kept[i]->id);
        assert_int_equal(weir_state_of(kept[i]), WEIR_DETACHED);
        assert_three_lines(kept[i]);
        weir_release(kept[i]);
        assert_three_lines(again);
    }
    close_result_ok(&result);
    close_session_ok(&session);
}

/* first, one, scalar and views of a result of instances. */
static void test_case_070_071_single_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    for (int64_t yield_per = 0; yield_per <= 5; yield_per += 5) {
        weir_stmt *stmt = ORDERS(yield_per), *single = ORDERS(yield_per);
        by_selectin(stmt);
        by_selectin(single);
        weir_where(single, WEIR_EQ(WEIR_COL(order, id), 7));
        weir_result *result = weir_session_scalars(session, stmt);
        const weir_row *row = weir_result_first(result);
        check_order(WEIR_ROW(order, row), 1);
        assert_true(weir_result_closed(result));
        assert_null(WEIR_NEXT(order, result));
        assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
        result = weir_session_scalars(session, stmt);
        assert_null(weir_result_one(result));
        assert_status(weir_result_close(&result), WEIR_MULTIPLE_RESULTS_FOUND);
        result = weir_session_scalars(session, single);
        check_order(WEIR_ROW(order, weir_result_one(result)), 7);
        close_result_ok(&result);
        result = weir_session_scalars(session, single);
        check_order(WEIR_ROW(order, weir_result_one_or_none(result)), 7);
        close_result_ok(&result);
        weir_stmt_free(&stmt);
        weir_stmt_free(&single);
    }
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_033_035_049_any_batch_any_partition_any_loader),
        ON_BOTH(test_case_026_nothing_matches_under_any_loader),
        ON_BOTH(test_case_031_unique_before_or_after_by_option_or_method),
        ON_BOTH(test_case_012_yield_per_of_a_result_that_has_instances),
        ON_BOTH(test_case_055_keys_of_a_text_and_a_number),
        ON_BOTH(test_case_052_to_ones_whose_keys_are_partly_null),
        ON_BOTH(test_case_058_a_tree_loaded_three_levels_deep_and_up_again),
        ON_BOTH(test_two_aliases_of_one_entity_in_one_row),
        ON_BOTH(test_an_entity_twice_in_the_select_list),
        ON_BOTH(test_many_to_many_shares_its_targets),
        ON_BOTH(test_case_111_ends_of_the_transaction_under_loaders),
        ON_BOTH(test_case_042_a_child_that_cannot_be_hydrated_fails_its_batch),
        ON_BOTH(test_a_lazy_load_that_fails_in_mid_stream),
        ON_BOTH(test_retained_rows_and_frozen_results_keep_values_not_instances),
        ON_BOTH(test_retained_graphs_outlive_session_and_engine),
        ON_BOTH(test_lifetimes_that_end_early_leave_no_children),
        ON_BOTH(test_case_101_after_a_rollback_changes_read_their_old_values),
        ON_BOTH(test_case_108_changed_instances_stay_in_the_map),
        ON_BOTH(test_case_104_expunge_all_beside_retained_instances),
        ON_BOTH(test_case_070_071_single_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
