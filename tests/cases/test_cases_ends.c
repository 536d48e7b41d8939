/* Cases 226 and 227: streams that are cut short in the middle, each way, and what is used after its session or engine is gone. Run under the
 * sanitizers, too, these are what looks for memory that is used after it was freed on the paths that errors take. */
#include "loading.h"
#include "support_task.h"
#include "trouble.h"

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
enum { ROWS = 300, BAD = 211, KEPT_MOST = 8 };

/* ---- case 226: cut short --------------------------------------------------------------------------------------------------------- */

typedef enum ending { STATEMENT_FAILS, ROW_DOES_NOT_FIT, CHILD_DOES_NOT_FIT, COMMITTED, ROLLED_BACK, SESSION_CLOSED, ENGINE_CLOSED, TASK_CANCELLED, BACKEND_KILLED } ending;
typedef enum reading { BARE_ROWS, INSTANCES, WITH_LINES, READINGS } reading;

typedef struct cut {
    test_database *db;
    ending   how;
    reading  reads;
    int64_t  taken;                     /* rows before it */
    bool     ahead;                     /* prefetch */
    bool     session_first;             /* it is closed before the result is */
    bool     expunges;                  /* in between */
    weir_engine  *engine;
    weir_session *session;
    weir_result  *result;
    struct order *kept[KEPT_MOST];
    int64_t  rows;
} cut;

/* Behind row 210 the statement fails, or a row or its line is none; rows come as they lie there, so that nothing is computed before its turn. */
static void make_bad(test_database *db, ending how)
{
    char sql[600];
    const char *fails = db->postgresql ? "1 / (id - 211)" : "abs(-9223372036854775807 - (id = 211))";
    test_fixture(db, ROWS);
    if (how == CHILD_DOES_NOT_FIT) {
        test_side_run(db, "ALTER TABLE order_lines RENAME TO lines_kept;"
                          "CREATE VIEW order_lines AS SELECT id, order_id, CASE WHEN id = 2112 THEN NULL ELSE quantity END AS quantity FROM lines_kept");
        return;
    }
    snprintf(sql, sizeof sql,
             "ALTER TABLE orders RENAME TO orders_kept;"
             "CREATE VIEW orders AS SELECT id, tenant_id, CASE WHEN id = 211 THEN %s ELSE amount_cents END AS amount_cents, state FROM orders_kept",
             how == STATEMENT_FAILS ? fails : "NULL");
    test_side_run(db, sql);
}

static void check_and_keep(cut *c, struct order *order)
{
    assert_int_equal(order->id, ++c->rows);
    assert_string_equal(order->state, "pending");
    if (c->reads == WITH_LINES)
        assert_three_lines(order);
    if (c->rows % 2 && c->rows / 2 < KEPT_MOST)
        c->kept[c->rows / 2] = weir_retain(order);
}

static bool next(cut *c)
{
    if (c->reads == BARE_ROWS) {
        const weir_row *row = weir_result_next(c->result);
        if (row) {
            assert_int_equal(weir_row_int64(row, "id"), ++c->rows);
            (void)weir_row_int64(row, "amount_cents");
            assert_int_equal(weir_row_text(row, "state").len, strlen("pending"));
        }
        return row != NULL;
    }
    struct order *order = WEIR_NEXT(order, c->result);
    if (order)
        check_and_keep(c, order);
    return order != NULL;
}

static void begin(cut *c)
{
    c->engine = test_engine(c->db, NULL);
    c->session = weir_session_open(c->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    if (c->how > CHILD_DOES_NOT_FIT)
        weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    if (c->reads == WITH_LINES)
        weir_selectinload(stmt, WEIR_COL(order, lines));
    if (c->reads == BARE_ROWS) {
        weir_stmt_free(&stmt);
        stmt = weir_sql(c->how > CHILD_DOES_NOT_FIT ? "SELECT id, amount_cents, state FROM orders ORDER BY id" : "SELECT id, amount_cents, state FROM orders");
    }
    weir_stmt_options(stmt, OPTIONS(.yield_per = 5, .prefetch = c->ahead ? WEIR_UNSET : WEIR_OFF));
    c->result = c->reads == BARE_ROWS ? weir_session_execute(c->session, stmt) : weir_session_scalars(c->session, stmt);
    weir_stmt_free(&stmt);
}

static void do_harm(cut *c)
{
    switch (c->how) {
    case COMMITTED: assert_status(weir_session_commit(c->session), WEIR_OK); break;
    case ROLLED_BACK: assert_status(weir_session_rollback(c->session), WEIR_OK); break;
    case SESSION_CLOSED: close_session_ok(&c->session); break;
    case ENGINE_CLOSED: weir_engine_close(&c->engine); break;
    case TASK_CANCELLED: weir_task_cancel(weir_task_current()); break;
    case BACKEND_KILLED: test_kill_backend(c->db, weir_connection_backend_pid(weir_session_connection(c->session))); break;
    default: break;
    }
}

/* The error, of the right class; or, where the harm may come too late or is none to an open stream, all rows. */
static int judge(const cut *c)
{
    const weir_error *error = weir_result_error(c->result);
    switch (c->how) {
    case STATEMENT_FAILS: assert_error(error, c->db->postgresql ? WEIR_DATA : WEIR_OPERATIONAL); break;
    case ROW_DOES_NOT_FIT: case CHILD_DOES_NOT_FIT: assert_error(error, WEIR_DATA); break;
    case COMMITTED: case ROLLED_BACK: case SESSION_CLOSED: assert_error(error, WEIR_RESOURCE_CLOSED); break;
    case ENGINE_CLOSED: assert_error(error, WEIR_OK); break;
    case TASK_CANCELLED:                /* where all batches were there already, the next wait is told */
        assert_status(error->status == WEIR_OK ? weir_sleep(1) : error->status, WEIR_CANCELLED);
        break;
    case BACKEND_KILLED:
        assert_error(error, WEIR_OPERATIONAL);
        assert_true(error->disconnect);
        break;
    }
    if (error->status == WEIR_OK)
        assert_int_equal(c->rows, ROWS);
    else if (c->how <= CHILD_DOES_NOT_FIT)
        assert_in_range(c->rows, BAD - 1 - 5, BAD - 1);
    else if (c->how <= SESSION_CLOSED)
        assert_int_equal(c->rows, c->taken);
    else
        assert_true(c->rows < ROWS);
    return error->status;
}

/* What a program on its way out may still ask of what it has. */
static void use_what_is_left(cut *c)
{
    if (c->expunges)
        weir_session_expunge_all(c->session);
    for (size_t i = 0; i < KEPT_MOST; i++)
        if (c->kept[i]) {
            (void)weir_load(c->kept[i], by_quantity);
            (void)weir_session_refresh(c->session, c->kept[i]);
        }
    (void)weir_session_count(c->session);
}

static void end_and_look_back(cut *c, int status)
{
    weir_session **session = &c->session;
    if (c->session_first)
        (void)!weir_session_close(session);
    if (status != WEIR_OK)
        assert_false(next(c));                              /* an error stays one, and no row comes behind it */
    assert_status(weir_result_close(&c->result), status);
    (void)!weir_session_close(session);
    weir_engine_close(&c->engine);
    for (size_t i = 0; i < KEPT_MOST; i++) {
        struct order *order = c->kept[i];
        if (!order)
            continue;
        assert_int_equal(order->id, 2 * i + 1);
        assert_int_equal(order->amount_cents, 10 * order->id);
        assert_string_equal(order->state, "pending");
        assert_int_equal(weir_state_of(order) & 0xf, WEIR_DETACHED);
        if (c->reads == WITH_LINES && weir_loaded(order, lines))
            assert_three_lines(order);
        if (!weir_loaded(order, by_quantity))
            assert_status(weir_load(order, by_quantity), WEIR_DETACHED_INSTANCE);
        weir_release(order);
    }
}

static int run_cut(void *argument)
{
    cut *c = argument;
    begin(c);
    while (c->rows < c->taken)
        assert_true(next(c));
    do_harm(c);
    while (next(c))
        ;
    int status = judge(c);
    if (status != WEIR_OK)
        use_what_is_left(c);
    weir_pool_status pool = test_pool_status(c->engine);
    assert_in_range(pool.checked_out, 0, 1);
    end_and_look_back(c, status);
    return WEIR_OK;
}

static void cut_short(test_database *db, ending how)
{
    static const int64_t places[] = { 1, 5, 7 };
    for (int i = 0; i < READINGS * 3 * 4; i++) {
        cut c = { .db = db, .how = how, .reads = (reading)(i % READINGS), .taken = places[i / READINGS % 3], .ahead = i / 9 & 1,
                  .session_first = i / 18 & 1, .expunges = (i / 9 ^ i / 18) & 1 };
        if ((how == ROW_DOES_NOT_FIT && c.reads == BARE_ROWS) || (how == CHILD_DOES_NOT_FIT && c.reads != WITH_LINES))
            continue;                                       /* nothing is wrong with those */
        if (how == TASK_CANCELLED && !test_world_is_task())
            (void)run_in_task(run_cut, &c, 0);
        else
            (void)run_cut(&c);
    }
    /* Nothing of it is left at the server, and the test's own engine is not the worse for it. */
    weir_connection *connection = connect_ok(db->engine);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM order_lines"), 3 * ROWS);
    if (db->postgresql)
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in%'"), 0);
    close_connection_ok(&connection);
}

#define CUT(name, how)                                              \
    static void test_case_226_##name(void **state)                  \
    {                                                               \
        if ((how) <= CHILD_DOES_NOT_FIT)                            \
            make_bad(*state, (how));                                \
        else                                                        \
            test_fixture(*state, ROWS);                             \
        cut_short(*state, (how));                                   \
    }
CUT(a_fetch_fails_in_mid_stream, STATEMENT_FAILS)
CUT(a_row_does_not_fit_its_struct, ROW_DOES_NOT_FIT)
CUT(a_row_of_a_collection_does_not_fit, CHILD_DOES_NOT_FIT)
CUT(the_transaction_is_committed_in_mid_stream, COMMITTED)
CUT(the_transaction_is_rolled_back_in_mid_stream, ROLLED_BACK)
CUT(the_session_is_closed_in_mid_stream, SESSION_CLOSED)
CUT(the_engine_is_closed_in_mid_stream, ENGINE_CLOSED)
CUT(the_task_is_cancelled_in_mid_fetch, TASK_CANCELLED)
CUT(the_backend_is_killed_in_mid_stream, BACKEND_KILLED)

/* ---- case 227: used afterwards ------------------------------------------------------------------------------------------------------ */

typedef struct used {
    weir_engine  *engine;
    weir_session *session;
    weir_result  *result;
    const weir_row *row;                /* retained */
    struct order *retained, *fresh, *borrowed;      /* borrowed: the open result holds it */
} used;

static used take_handles(test_database *db, int64_t yield_per)
{
    used u = { .engine = test_engine(db, NULL) };
    u.session = weir_session_open(u.engine);
    weir_stmt *rows = weir_sql("SELECT id, state FROM orders WHERE id = 3");
    weir_result *one = weir_session_execute(u.session, rows);
    weir_stmt_free(&rows);
    u.row = weir_row_retain(weir_result_next(one));
    close_result_ok(&one);
    weir_stmt *stmt = ORDERS(yield_per);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    u.result = scalars(u.session, &stmt);
    u.retained = weir_retain(WEIR_NEXT(order, u.result));
    u.borrowed = WEIR_NEXT(order, u.result);
    u.fresh = weir_retain(WEIR_NEW(order, u.session));
    u.fresh->state = "made";
    return u;
}

/* Members of all that somebody holds can be read; what would need the session says which error it is. */
static void read_detached(used *u, bool borrowed_too, bool has_session)
{
    struct order *both[] = { u->retained, borrowed_too ? u->borrowed : NULL };
    for (int64_t i = 0; i < 2 && both[i]; i++) {
        struct order *order = both[i];
        assert_int_equal(order->id, i + 1);
        assert_string_equal(order->state, "pending");
        assert_three_lines(order);
        assert_int_equal(weir_state_of(order), WEIR_DETACHED);
        assert_int_equal(weir_state_of(order->lines.items[2]), WEIR_DETACHED);
        assert_status(weir_load(order, lines), WEIR_OK);                        /* loaded already: nothing happens */
        assert_status(weir_load(order, id), WEIR_OK);
        assert_false(weir_loaded(order, by_quantity));
        assert_status(weir_load(order, by_quantity), WEIR_DETACHED_INSTANCE);
        assert_status(weir_load(order->lines.items[0], order), WEIR_DETACHED_INSTANCE);
        if (!has_session) {
            assert_status(weir_link(order->lines.items[0], order, order), WEIR_DETACHED_INSTANCE);
            assert_status(weir_collection_remove(order, lines, order->lines.items[1]), WEIR_DETACHED_INSTANCE);
            assert_three_lines(order);
        }
    }
    assert_string_equal(u->fresh->state, "made");
    assert_int_equal(weir_row_int64(u->row, "id"), 3);
    assert_string_equal(weir_row_cstr(u->row, "state"), "pending");
}

static void release_all(used *u)
{
    weir_release(u->retained);
    weir_release(u->fresh);
    weir_row_release(&u->row);
}

static void test_case_227_after_expunge_all(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int64_t yield_per = 0; yield_per <= 4; yield_per += 4) {
        used u = take_handles(db, yield_per);
        weir_session_expunge_all(u.session);
        assert_int_equal(weir_session_count(u.session), 0);
        read_detached(&u, true, true);
        WEIR_SET(u.retained, amount_cents, 77);             /* nobody's any more: written nowhere */
        assert_status(weir_session_expunge(u.session, u.retained), WEIR_INVALID_REQUEST);
        assert_status(weir_session_expire(u.session, u.retained), WEIR_INVALID_REQUEST);
        assert_status(weir_session_refresh(u.session, u.retained), WEIR_INVALID_REQUEST);
        assert_false(weir_session_has(u.session, u.retained));
        assert_status(weir_session_flush(u.session), WEIR_OK);
        assert_non_null(WEIR_NEXT(order, u.result));        /* the stream goes on */
        struct order *again = WEIR_GET(order, u.session, 1);
        assert_true(again && again != u.retained);
        assert_int_equal(again->amount_cents, 10);
        close_result_ok(&u.result);
        assert_int_equal(u.retained->amount_cents, 77);
        close_session_ok(&u.session);
        weir_engine_close(&u.engine);
        release_all(&u);
    }
}

/* Every call on a session that was closed. */
static void assert_session_closed(used *u)
{
    struct order plain = { .id = 5 };
    weir_stmt *stmt = ORDERS(0);
    weir_session *s = u->session;
    assert_status(weir_session_begin(s), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_begin_nested(s), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_commit(s), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_rollback(s), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_flush(s), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_refresh(s, u->retained), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_expire(s, u->retained), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_expunge(s, u->retained), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_add(s, u->retained), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_delete(s, u->retained), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_deadline(s, 50), WEIR_RESOURCE_CLOSED);
    assert_null(weir_session_merge(s, u->retained));
    assert_null(WEIR_MERGE(order, s, &plain));
    assert_null(WEIR_GET(order, s, 1));
    assert_null(WEIR_NEW(order, s));
    assert_error(weir_connection_error(weir_session_connection(s)), WEIR_RESOURCE_CLOSED);
    weir_session_expire_all(s);
    weir_session_expunge_all(s);
    assert_int_equal(weir_session_count(s) + weir_session_dirty_count(s) + weir_session_new_count(s) + weir_session_deleted_count(s), 0);
    assert_false(weir_session_in_transaction(s) || weir_session_has(s, u->retained) || weir_session_is_modified(s, u->retained));
    assert_string_equal(weir_session_dialect(s), "");
    weir_result *none = weir_session_scalars(s, stmt);
    assert_null(WEIR_NEXT(order, none));
    assert_status(weir_result_close(&none), WEIR_RESOURCE_CLOSED);
    assert_error(weir_session_error(s), WEIR_RESOURCE_CLOSED);
    weir_stmt_free(&stmt);
}

static void test_case_227_after_the_session_is_closed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int64_t yield_per = 0; yield_per <= 4; yield_per += 4) {
        used u = take_handles(db, yield_per);
        close_session_ok(&u.session);
        read_detached(&u, true, false);
        assert_session_closed(&u);
        if (yield_per) {
            assert_null(WEIR_NEXT(order, u.result));
            assert_status(weir_result_close(&u.result), WEIR_RESOURCE_CLOSED);
        } else {
            for (int64_t id = 3; id <= 12; id++)
                assert_int_equal(WEIR_NEXT(order, u.result)->id, id);
            assert_null(WEIR_NEXT(order, u.result));
            close_result_ok(&u.result);
        }
        read_detached(&u, false, false);
        weir_engine_close(&u.engine);
        read_detached(&u, false, false);
        release_all(&u);
    }
}

/* Disposing of the pool, and closing the engine, leave what is checked out as it is; behind a closed engine there is nothing to check out. */
static void test_case_227_after_the_engine_is_disposed_of_or_closed(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int i = 0; i < 4; i++) {
        bool closes = i & 1;
        used u = take_handles(db, i & 2 ? 4 : 0);
        weir_connection *connection = connect_ok(u.engine);
        if (closes)
            weir_engine_close(&u.engine);
        else
            weir_engine_dispose(u.engine);
        for (int64_t id = 3; id <= 12; id++)
            assert_three_lines(WEIR_NEXT(order, u.result));
        assert_null(WEIR_NEXT(order, u.result));
        close_result_ok(&u.result);
        assert_status(weir_load(u.retained, by_quantity), WEIR_OK);             /* its session is open */
        assert_int_equal(u.retained->by_quantity.items[0]->quantity, 3);
        assert_int_equal(test_query_int(connection, "SELECT 5"), 5);
        close_connection_ok(&connection);
        close_session_ok(&u.session);
        assert_three_lines(u.retained);
        assert_int_equal(u.retained->by_quantity.count, 3);
        weir_session *later = weir_session_open(u.engine);
        if (closes) {
            assert_null(WEIR_GET(order, later, 1));
            assert_error(weir_session_error(later), WEIR_RESOURCE_CLOSED);
        } else {
            assert_int_equal(WEIR_GET(order, later, 1)->id, 1);
        }
        assert_status(weir_session_close(&later), closes ? WEIR_RESOURCE_CLOSED : WEIR_OK);
        weir_engine_close(&u.engine);
        release_all(&u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_226_a_fetch_fails_in_mid_stream),
        ON_BOTH(test_case_226_a_row_does_not_fit_its_struct),
        ON_BOTH(test_case_226_a_row_of_a_collection_does_not_fit),
        ON_BOTH(test_case_226_the_transaction_is_committed_in_mid_stream),
        ON_BOTH(test_case_226_the_transaction_is_rolled_back_in_mid_stream),
        ON_BOTH(test_case_226_the_session_is_closed_in_mid_stream),
        ON_BOTH(test_case_226_the_engine_is_closed_in_mid_stream),
        ON_BOTH(test_case_226_the_task_is_cancelled_in_mid_fetch),
        ON_POSTGRESQL(test_case_226_the_backend_is_killed_in_mid_stream),
        ON_BOTH(test_case_227_after_expunge_all),
        ON_BOTH(test_case_227_after_the_session_is_closed),
        ON_BOTH(test_case_227_after_the_engine_is_disposed_of_or_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
