/* Random walks of a session: streams with every loader, holders, expiry, ends of transactions in any order. Whatever happens, an
 * instance that somebody holds reads as its row, and in the end nothing is left. Each walk can be run again by its seed. */
#include "loading.h"

enum { RESULTS = 4, KEPT = 12, STEPS = 400, WALKS = 25, ROWS = 12 };

typedef struct walk {
    test_database *db;
    weir_session  *session;
    weir_result   *results[RESULTS];
    struct order  *kept[KEPT];
    int            nested;
    uint64_t       random;
    int64_t        seen;            /* instances that streams delivered */
} walk;

static unsigned pick(walk *w, unsigned count)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(w->random >> 33) % count;
}

static void check(struct order *order)
{
    assert_in_range(order->id, 1, ROWS);
    assert_int_equal(order->tenant_id, order->id % 2);
    assert_int_equal(order->amount_cents, 10 * order->id);
    assert_string_equal(order->state, "pending");
    assert_true(weir_state_of(order) != 0);
    if (!weir_loaded(order, lines))
        return;
    assert_three_lines(order);
    for (size_t i = 0; i < 3; i++)
        if (weir_loaded(order->lines.items[i], order))
            assert_int_equal(order->lines.items[i]->order->id, order->id);
}

/* ---- streams ---------------------------------------------------------------------------------------------------------------------- */

static weir_stmt *any_select(walk *w, bool *unique)
{
    const int64_t sizes[] = { 0, 1, 2, 3, 5, 12, 13 };
    const weir_expr *lines = WEIR_COL(order, lines);
    weir_stmt *stmt = ORDERS(sizes[pick(w, 7)]);
    *unique = false;
    switch (pick(w, 8)) {
    case 0: weir_selectinload(stmt, lines); break;
    case 1: weir_selectinload(stmt, lines, WEIR_COL(order_line, order)); break;
    case 2: weir_subqueryload(stmt, lines); break;
    case 3: weir_immediateload(stmt, lines); break;
    case 4: weir_joinedload_contiguous(stmt, lines); break;
    case 5:
        weir_yield_per(stmt, 0);
        weir_joinedload(stmt, lines);
        *unique = true;
        break;
    case 6: weir_populate_existing(stmt, WEIR_ON); break;
    default: break;
    }
    weir_execution_options options = { .struct_size = sizeof options };
    weir_stmt_get_options(stmt, &options);
    if (!options.yield_per && pick(w, 2))
        weir_where(stmt, WEIR_GT(WEIR_COL(order, id), (int64_t)pick(w, ROWS)));
    return stmt;
}

static void open_one(walk *w, unsigned at)
{
    bool unique;
    weir_stmt *stmt = any_select(w, &unique);
    weir_execution_options options = { .struct_size = sizeof options };
    weir_stmt_get_options(stmt, &options);
    w->results[at] = scalars(w->session, &stmt);
    assert_error(weir_result_error(w->results[at]), WEIR_OK);
    if (unique || !options.yield_per)
        assert_status(weir_result_unique(w->results[at]), WEIR_OK);
}

static void close_one(walk *w, unsigned at)
{
    int status = weir_result_close(&w->results[at]);
    if (status != WEIR_OK)
        assert_status(status, WEIR_RESOURCE_CLOSED);
    w->results[at] = NULL;
}

static void keep(walk *w, struct order *order)
{
    unsigned at = pick(w, KEPT);
    weir_release(w->kept[at]);
    w->kept[at] = weir_retain(order);
    assert_ptr_equal(w->kept[at], order);
}

static void read_some(walk *w, unsigned at)
{
    if (pick(w, 2)) {
        struct order *order = WEIR_NEXT(order, w->results[at]);
        if (!order) {
            close_one(w, at);
            return;
        }
        check(order);
        w->seen++;
        if (pick(w, 3) == 0)
            keep(w, order);
        return;
    }
    const weir_partition *partition = weir_result_next_partition(w->results[at], 1 + pick(w, 7));
    for (size_t i = 0; partition && i < partition->count; i++) {
        check(partition->instances[i]);
        w->seen++;
        if (pick(w, 5) == 0)
            keep(w, partition->instances[i]);
    }
    if (!partition)
        close_one(w, at);
}

/* ---- steps ---------------------------------------------------------------------------------------------------------------------------- */

static void treat_one(walk *w, struct order *order)
{
    bool member = (weir_state_of(order) & 0xf) == WEIR_PERSISTENT;
    switch (pick(w, 5)) {
    case 0:
        assert_status(weir_session_refresh(w->session, order), member ? WEIR_OK : WEIR_INVALID_REQUEST);
        break;
    case 1:
        assert_status(weir_session_expire(w->session, order), member ? WEIR_OK : WEIR_INVALID_REQUEST);
        break;
    case 2:
        assert_status(weir_session_expunge(w->session, order), member ? WEIR_OK : WEIR_INVALID_REQUEST);
        break;
    case 3:
        if (member)
            assert_status(weir_load(order, lines), WEIR_OK);
        break;
    default:
        if (member)
            assert_status(weir_load(order, by_quantity), WEIR_OK);
    }
    check(order);
}

static void reopen(walk *w)
{
    assert_status(weir_session_close(&w->session), WEIR_OK);
    w->session = weir_session_open_with(w->db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = pick(w, 2) ? WEIR_ON : WEIR_OFF));
    w->nested = 0;
}

static void end_transaction(walk *w)
{
    unsigned way = pick(w, 4);
    if (way == 0) {
        reopen(w);
    } else if (way == 1 && !w->nested) {
        w->nested = weir_session_begin_nested(w->session);
        assert_true(w->nested > 0);
    } else if (way == 1) {
        assert_status(pick(w, 2) ? weir_session_release_nested(w->session, w->nested)
                                 : weir_session_rollback_nested(w->session, w->nested), WEIR_OK);
        w->nested = 0;
    } else {
        assert_status(way == 2 ? weir_session_commit(w->session) : weir_session_rollback(w->session), WEIR_OK);
        w->nested = 0;
    }
}

static void step(walk *w)
{
    unsigned result = pick(w, RESULTS), kept = pick(w, KEPT);
    switch (pick(w, 16)) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6:
        if (w->results[result])
            read_some(w, result);
        else
            open_one(w, result);
        break;
    case 7:
        if (w->results[result])
            close_one(w, result);
        break;
    case 8: case 9: case 10:
        if (w->kept[kept])
            treat_one(w, w->kept[kept]);
        break;
    case 11: case 12:
        weir_release(w->kept[kept]);
        w->kept[kept] = NULL;
        break;
    case 13: {
        struct order *order = WEIR_GET(order, w->session, (int64_t)pick(w, ROWS) + 1);
        assert_non_null(order);
        check(order);
        break;
    }
    case 14:
        if (pick(w, 2))
            weir_session_expunge_all(w->session);
        else
            weir_session_expire_all(w->session);
        break;
    default:
        if (pick(w, 4) == 0)
            end_transaction(w);
    }
}

static void test_random_walks_end_with_nothing_left(void **state)
{
    test_database *db = *state;
    int64_t seen = 0;
    test_fixture(db, ROWS);
    for (uint64_t seed = 1; seed <= WALKS; seed++) {
        walk w = { .db = db, .random = seed * UINT64_C(0x9e3779b97f4a7c15) };
        w.session = weir_session_open(db->engine);
        for (int i = 0; i < STEPS; i++) {
            step(&w);
            for (int k = 0; k < KEPT; k++)
                if (w.kept[k])
                    check(w.kept[k]);
        }
        seen += w.seen;
        bool close_first = pick(&w, 2);
        for (unsigned i = 0; !close_first && i < RESULTS; i++)
            if (w.results[i])
                close_one(&w, i);
        assert_status(weir_session_close(&w.session), WEIR_OK);
        for (int k = 0; k < KEPT; k++) {
            if (w.kept[k])
                check(w.kept[k]);
            weir_release(w.kept[k]);
        }
        for (unsigned i = 0; i < RESULTS; i++)
            if (w.results[i])
                close_one(&w, i);
    }
    assert_true(seen > 40 * WALKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { ON_BOTH(test_random_walks_end_with_nothing_left) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
