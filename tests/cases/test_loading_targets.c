/* Which of a statement's rows a load option is for: an entity beside its aliases; and what cannot be joined to: unions, textual SQL,
 * a second collection of a stream. */
#include "loading.h"

/* What the mapping loads by joins. */
WEIR_ENTITY_DECLARE(joined_order);
WEIR_ENTITY_DECLARE(joined_line);
struct joined_order { int64_t id; WEIR_MANY(struct joined_line) lines; };
struct joined_line { int64_t id, order_id; struct joined_order *order; };
WEIR_ENTITY(joined_order, "orders",
    WEIR_COLUMN(joined_order, id, .primary_key = true),
    WEIR_HAS_MANY(joined_order, lines, joined_line, order_id, .order_by = "id"));
WEIR_ENTITY(joined_line, "order_lines",
    WEIR_COLUMN(joined_line, id, .primary_key = true),
    WEIR_COLUMN(joined_line, order_id),
    WEIR_BELONGS_TO(joined_line, order, joined_order, order_id, .lazy = WEIR_LAZY_JOINED));

/* ---- aliases ---------------------------------------------------------------------------------------------------------------- */

/* First lines (11, 21, …) beside the second ones of the same orders, by an alias. */
static weir_stmt *lines_side_by_side(const weir_source *second)
{
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order_line), WEIR_ALIAS_OF(second, order_line));
    weir_where(stmt, WEIR_EQ(WEIR_SCOL(second, order_line, id), WEIR_ADD(WEIR_COL(order_line, id), 1)));
    weir_where(stmt, WEIR_EQ(WEIR_MODULO(WEIR_COL(order_line, id), 10), 1));
    weir_order_by(stmt, WEIR_COL(order_line, id));
    return stmt;
}

static void load(weir_stmt *stmt, weir_lazy how, const weir_expr *relationship)
{
    weir_load_option_(stmt, how, (const weir_expr *const[]){ relationship, NULL });
    assert_status(weir_stmt_error(stmt)->status, WEIR_OK);
}

static void assert_loaded(test_database *db, weir_stmt *stmt, bool first, bool second)
{
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = weir_session_execute(session, stmt);
    const weir_row *row;
    int rows = 0;
    for (; (row = weir_result_next(result)) != NULL; rows++) {
        const struct order_line *a = WEIR_ROW_AS(order_line, row, "order_line"), *b = WEIR_ROW_AS(order_line, row, "second");
        assert_int_equal(b->id, a->id + 1);
        assert_int_equal(weir_loaded(a, order), first);
        assert_int_equal(weir_loaded(b, order), second);
        if (first)
            assert_int_equal(a->order->id, a->order_id);
        if (second)
            assert_int_equal(b->order->id, b->order_id);
    }
    close_result_ok(&result);
    assert_int_equal(rows, 7);
    close_session_ok(&session);
}

static void test_an_option_is_for_the_alias_that_it_names(void **state)
{
    test_database *db = *state;
    static const weir_lazy ways[] = { WEIR_LAZY_SELECTIN, WEIR_LAZY_JOINED, WEIR_LAZY_SUBQUERY, WEIR_LAZY_IMMEDIATE };
    test_fixture(db, 7);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (int which = 0; which < 4; which++)
            for (int64_t yield_per = 0; yield_per <= 3; yield_per += 3) {
                weir_source *second = weir_alias(&order_line_entity, "second");
                weir_stmt *stmt = lines_side_by_side(second);
                if (which & 1)
                    load(stmt, ways[i], WEIR_COL(order_line, order));
                if (which & 2)
                    load(stmt, ways[i], WEIR_SCOL(second, order_line, order));
                if (yield_per)
                    weir_yield_per(stmt, yield_per);
                weir_source_free(&second);
                assert_loaded(db, stmt, which & 1, which & 2);
                weir_stmt *copy = weir_stmt_copy(stmt);
                assert_loaded(db, copy, which & 1, which & 2);
                weir_stmt_free(&copy);
                weir_stmt_free(&stmt);
            }
}

static void test_each_alias_is_loaded_in_its_own_way(void **state)
{
    test_database *db = *state;
    test_fixture(db, 7);
    weir_source *second = weir_alias(&order_line_entity, "second");
    weir_stmt *stmt = lines_side_by_side(second);
    weir_raiseload(stmt, WEIR_COL(order_line, order));
    weir_selectinload(stmt, WEIR_SCOL(second, order_line, order), WEIR_COL(order, lines));
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = weir_session_execute(session, stmt);
    const weir_row *row;
    while ((row = weir_result_next(result)) != NULL) {
        struct order_line *a = WEIR_ROW_AS(order_line, row, "order_line"), *b = WEIR_ROW_AS(order_line, row, "second");
        assert_status(weir_load(a, order), WEIR_INVALID_REQUEST);
        assert_status(weir_load(b, order), WEIR_OK);
        assert_three_lines(b->order);           /* what stands behind the alias on the path, too */
    }
    close_result_ok(&result);
    weir_source_free(&second);
    weir_stmt_free(&stmt);
    close_session_ok(&session);
}

/* An alias that is not selected, or the entity when only its alias is. */
static void test_an_option_for_what_is_not_selected_is_a_mistake(void **state)
{
    (void)state;
    weir_source *second = weir_alias(&order_line_entity, "second"), *third = weir_alias(&order_line_entity, "third");
    const weir_expr *wrong[] = { WEIR_SCOL(third, order_line, order), WEIR_COL(order_line, order) };
    for (size_t i = 0; i < 2; i++) {
        weir_stmt *stmt = i ? weir_select_columns(WEIR_ALIAS_OF(second, order_line)) : lines_side_by_side(second);
        weir_selectinload(stmt, wrong[i]);
        assert_error(weir_stmt_error(stmt), WEIR_ARGUMENT);
        assert_contains(weir_stmt_error(stmt)->message, "does not apply to any of the root entities in this query");
        weir_stmt_free(&stmt);
    }
    weir_source_free(&second);
    weir_source_free(&third);
}

/* ---- unions and textual SQL --------------------------------------------------------------------------------------------------- */

static weir_stmt *union_of(const weir_entity *entity, const weir_expr *id)
{
    weir_stmt *low = weir_select(entity), *high = weir_select(entity);
    weir_where(low, WEIR_LT(id, 40));
    weir_where(high, WEIR_GT(id, 40));
    weir_stmt *stmt = weir_combine(WEIR_UNION_ALL, low, high);
    weir_order_by(stmt, id);
    weir_stmt_free(&low);
    weir_stmt_free(&high);
    return stmt;
}

static weir_stmt *from_text(const weir_entity *entity)
{
    weir_stmt *text = weir_sql("SELECT * FROM order_lines ORDER BY id"), *stmt = weir_select_from_sql(entity, text);
    weir_stmt_free(&text);
    return stmt;
}

static void test_nothing_can_be_joined_to_a_union_or_to_textual_sql(void **state)
{
    test_database *db = *state;
    test_fixture(db, 7);
    for (int way = 0; way < 4; way++) {
        weir_stmt *stmt = way & 1 ? from_text(&order_line_entity) : union_of(&order_line_entity, WEIR_COL(order_line, id));
        if (way & 2)
            weir_joinedload_contiguous(stmt, WEIR_COL(order_line, order));
        else
            weir_joinedload(stmt, WEIR_COL(order_line, order));
        assert_error(weir_stmt_error(stmt), WEIR_INVALID_REQUEST);
        assert_contains(weir_stmt_error(stmt)->message, way & 1 ? "textual SQL" : "a union");
        assert_contains(weir_stmt_error(stmt)->message, "load \"order_line.order\" with weir_selectinload");
        weir_session *session = weir_session_open(db->engine);
        weir_result *result = weir_session_scalars(session, stmt);
        assert_null(WEIR_NEXT(order_line, result));
        assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
        assert_statements(db, 0);
        weir_stmt_free(&stmt);
        close_session_ok(&session);
    }
}

/* The way out that the message names, and what a mapping asks for. */
static void test_they_are_loaded_by_keys_instead(void **state)
{
    test_database *db = *state;
    test_fixture(db, 7);
    for (int way = 0; way < 4; way++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = way & 1 ? from_text(&joined_line_entity) : union_of(&joined_line_entity, WEIR_COL(joined_line, id));
        if (way & 2)
            weir_selectinload(stmt, WEIR_COL(joined_line, order));
        test_log_clear(db->log);
        weir_result *result = scalars(session, &stmt);
        struct joined_line *line;
        int lines = 0;
        for (; (line = WEIR_NEXT(joined_line, result)) != NULL; lines++) {
            assert_true(weir_loaded(line, order));
            assert_int_equal(line->order->id, line->order_id);
        }
        close_result_ok(&result);
        assert_int_equal(lines, 21);
        assert_statements(db, 2);
        close_session_ok(&session);
    }
}

static void test_disabled_eager_loads_are_so_there_too(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = from_text(&joined_line_entity);
    weir_disable_eagerloads(stmt);
    weir_result *result = scalars(session, &stmt);
    for (struct joined_line *line; (line = WEIR_NEXT(joined_line, result)) != NULL;)
        assert_false(weir_loaded(line, order));
    close_result_ok(&result);
    assert_statements(db, 1);
    close_session_ok(&session);
}

/* ---- contiguous -------------------------------------------------------------------------------------------------------------- */

static void test_a_to_one_is_joined_beside_a_contiguous_collection(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    for (int64_t yield_per = 1; yield_per <= 25; yield_per++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = select_by_id(&node_entity, WEIR_COL(node, id), yield_per);
        weir_where(stmt, WEIR_LT(WEIR_COL(node, id), 100));     /* roots and children; each but the children's own has three or one */
        weir_joinedload(stmt, WEIR_COL(node, parent));
        weir_joinedload_contiguous(stmt, WEIR_COL(node, children));
        test_log_clear(db->log);
        weir_result *result = scalars(session, &stmt);
        struct node *node;
        int nodes = 0;
        for (; (node = WEIR_NEXT(node, result)) != NULL; nodes++) {
            bool root = node->id < 10;
            assert_true(weir_loaded(node, parent));
            assert_int_equal(node->parent ? node->parent->id : 0, root ? 0 : node->id / 10);
            assert_int_equal(node->children.count, root ? 3 : 1);
            assert_int_equal(node->children.items[0]->id, root ? 10 * node->id + 1 : 100 * (node->id / 10) + node->id % 10);
        }
        close_result_ok(&result);
        assert_int_equal(nodes, 20);
        assert_statements(db, 1);
        assert_int_equal(weir_session_count(session), 0);
        close_session_ok(&session);
    }
}

static void test_two_contiguous_collections_are_refused(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    for (int contiguous = 0; contiguous < 2; contiguous++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = select_by_id(&node_entity, WEIR_COL(node, id), 4);
        weir_joinedload_contiguous(stmt, WEIR_COL(node, children));
        if (contiguous)
            weir_joinedload_contiguous(stmt, WEIR_COL(node, tags));
        else
            weir_joinedload(stmt, WEIR_COL(node, tags));
        weir_result *result = scalars(session, &stmt);
        assert_error(weir_result_error(result), WEIR_INVALID_REQUEST);
        assert_contains(weir_result_error(result)->message, "loads one collection of a selected entity, and no other joined collection goes "
                                                            "with it: use weir_selectinload for the others");
        assert_null(WEIR_NEXT(node, result));
        assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
        assert_statements(db, 0);
        close_session_ok(&session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_an_option_is_for_the_alias_that_it_names),
        ON_BOTH(test_each_alias_is_loaded_in_its_own_way),
        ON_SQLITE(test_an_option_for_what_is_not_selected_is_a_mistake),
        ON_BOTH(test_nothing_can_be_joined_to_a_union_or_to_textual_sql),
        ON_BOTH(test_they_are_loaded_by_keys_instead),
        ON_BOTH(test_disabled_eager_loads_are_so_there_too),
        ON_BOTH(test_a_to_one_is_joined_beside_a_contiguous_collection),
        ON_BOTH(test_two_contiguous_collections_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
