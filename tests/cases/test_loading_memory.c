/* Loaders without memory: every allocation of a program that loads relationships fails once; each time the error is told, nothing
 * is half loaded, and nothing stays behind. */
#include "loading.h"
#include "support_memory.h"

/* ---- the program: gives the first error that it met ---------------------------------------------------------------------- */

static void assert_whole(const struct node *node, bool children)
{
    if (!children)
        return;
    assert_true(weir_loaded(node, children));
    assert_int_equal(node->children.count, 3);
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(node->children.items[k]->id, 10 * node->id + (int64_t)k + 1);
}

/* Reads the five roots; what is delivered is whole. */
static int read_roots(weir_session *session, weir_stmt *stmt, bool unique, bool children)
{
    weir_result *result = weir_session_scalars(session, stmt);
    struct node *node, *kept = NULL;
    int64_t count = 0;
    if (unique)
        weir_result_unique(result);
    while ((node = WEIR_NEXT(node, result)) != NULL) {
        count++;
        assert_whole(node, children);
        if (count == 2)
            kept = weir_retain(node);
    }
    int first = weir_result_close(&result);
    if (first == WEIR_OK)
        assert_int_equal(count, 5);
    if (kept)
        assert_whole(kept, children);
    weir_release(kept);
    weir_stmt_free(&stmt);
    return first;
}

static int load_lazily(weir_session *session)
{
    struct node *node = WEIR_GET(node, session, 1);
    if (!node)
        return weir_session_error(session)->status;
    int first = test_first(weir_load(node, children), weir_load(node, tags));
    if (weir_loaded(node, children))
        assert_whole(node, true);
    return first;
}

static int run_program(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = WEIR_OK;
    weir_session *session = weir_session_open(engine);
    weir_stmt *stmt = roots(2);
    weir_selectinload(stmt, WEIR_COL(node, children), WEIR_COL(node, parent));
    weir_selectinload(stmt, WEIR_COL(node, tags));
    first = test_first(first, read_roots(session, stmt, false, true));
    stmt = roots(0);
    weir_joinedload(stmt, WEIR_COL(node, children));
    first = test_first(first, read_roots(session, stmt, true, true));
    stmt = roots(2);
    weir_joinedload_contiguous(stmt, WEIR_COL(node, children));
    first = test_first(first, read_roots(session, stmt, false, true));
    first = test_first(first, load_lazily(session));
    first = test_first(first, weir_session_close(&session));
    return first;
}

/* ---- the other loaders -------------------------------------------------------------------------------------------------------- */

static int run_others(weir_engine *engine, test_database *db)
{
    (void)db;
    weir_session *session = weir_session_open(engine);
    weir_stmt *stmt = roots(2);
    weir_subqueryload(stmt, WEIR_COL(node, children));
    int first = read_roots(session, stmt, false, true);
    weir_session_expunge_all(session);
    stmt = roots(0);
    weir_subqueryload(stmt, WEIR_COL(node, children), WEIR_COL(node, children));
    first = test_first(first, read_roots(session, stmt, false, true));
    weir_session_expunge_all(session);
    stmt = roots(3);
    weir_immediateload(stmt, WEIR_COL(node, children));
    weir_raiseload(stmt, WEIR_COL(node, tags));
    first = test_first(first, read_roots(session, stmt, false, true));
    weir_session_expunge_all(session);
    stmt = roots(3);
    weir_selectinload(stmt, WEIR_COL(node, children), WEIR_COL(node, children));
    weir_selectin_chunk(stmt, 2);
    weir_memory(stmt, 1 << 20);
    first = test_first(first, read_roots(session, stmt, false, true));
    return test_first(first, weir_session_close(&session));
}

/* ---- case 225: open, fetch, select-in, expunge_all, close ----------------------------------------------------------------------------- */

static int run_case(weir_engine *engine, test_database *db)
{
    (void)db;
    weir_session *session = weir_session_open(engine);
    weir_stmt *stmt = roots(2);
    weir_selectinload(stmt, WEIR_COL(node, children));
    weir_result *result = weir_session_scalars(session, stmt);
    int64_t count = 0;
    for (const weir_partition *p; (p = weir_result_fetchmany(result, 0)) != NULL; count += (int64_t)p->count) {
        weir_session_expunge_all(session);          /* the partition holds its own */
        for (size_t i = 0; i < p->count; i++)
            assert_whole(p->instances[i], true);
    }
    int first = weir_result_close(&result);
    if (first == WEIR_OK)
        assert_int_equal(count, 5);
    assert_int_equal(weir_session_count(session), 0);
    weir_stmt_free(&stmt);
    return test_first(first, weir_session_close(&session));
}

static void test_other_loaders_without_memory(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    test_fail_allocations(db, "loaders: subquery, immediate, nested, budget", run_others, 0);
}

static void test_case_225_each_allocation_fails(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    test_fail_allocations(db, "case 225: fetch, select-in, expunge_all", run_case, TEST_COLD);
}

static void test_each_allocation_that_fails_while_loading_is_told(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    test_side_run(db, "INSERT INTO node_tags VALUES (1, 1), (1, 3), (2, 3), (4, 2)");
    test_fail_allocations(db, "loaders: select-in, joined, contiguous, lazy, many-to-many", run_program, 0);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_each_allocation_that_fails_while_loading_is_told),
        ON_BOTH(test_other_loaders_without_memory),
        ON_BOTH(test_case_225_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
