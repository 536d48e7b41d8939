/* weir_estimate_rows and weir_advise on both databases: what they say is held against what a stream then does. */
#include "support.h"
#include <stdio.h>
#include <string.h>

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id),
            WEIR_COLUMN(invoice, total_cents), WEIR_COLUMN(invoice, status));
struct advise_line { int64_t id, order_id, quantity; };
struct advise_order { int64_t id, tenant_id; WEIR_MANY(struct advise_line) lines; };
WEIR_ENTITY(advise_line, "order_lines", WEIR_COLUMN(advise_line, id, .primary_key = true), WEIR_COLUMN(advise_line, order_id),
            WEIR_COLUMN(advise_line, quantity));
WEIR_ENTITY(advise_order, "orders", WEIR_COLUMN(advise_order, id, .primary_key = true), WEIR_COLUMN(advise_order, tenant_id),
            WEIR_HAS_MANY(advise_order, lines, advise_line, order_id));

static int64_t estimate(weir_connection *connection, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    int64_t rows = weir_connection_estimate_rows(connection, stmt);
    weir_stmt_free(&stmt);
    return rows;
}

/* ---- estimates ------------------------------------------------------------------------------------------------------------------- */

static void test_estimates_and_leaves_no_trace(void **state)
{
    test_database *db = *state;
    test_fixture(db, 500);
    test_side_run(db, "ANALYZE");
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(estimate(connection, "SELECT * FROM orders ORDER BY id;  -- all"), 500);
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(estimate(connection, "UPDATE orders SET tenant_id = -5"), -1);
    assert_status(weir_connection_error(connection)->status, WEIR_OK);
    assert_int_equal(estimate(connection, "SELECT * FROM nowhere"), db->postgresql ? -1 : -1);
    if (db->postgresql)
        assert_error(weir_connection_error(connection), WEIR_PROGRAMMING);
    assert_false(weir_connection_in_transaction(connection));
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE tenant_id = -5"), 0);
}

static void test_estimates_inside_a_transaction_beside_a_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 500);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO orders VALUES (501, 1, 1, 'new')");
    weir_stmt *stmt = weir_sql("SELECT id FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 100));
    assert_next_ids(result, 1, 150);
    assert_true(weir_connection_estimate_rows(connection, stmt) > 0);
    assert_int_equal(estimate(connection, "SELECT nonsense FROM nowhere"), -1);
    assert_true(weir_connection_in_transaction(connection));
    assert_ids_to_end(result, 151, 501);
    close_result_ok(&result);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 501);       /* the transaction was not rolled back */
    assert_status(weir_connection_commit(connection), WEIR_OK);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 501);
}

static void test_a_session_estimates_a_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 300);
    test_side_run(db, "ANALYZE");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&invoice_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(invoice, id)));
    weir_yield_per(stmt, 100);
    assert_int_equal(weir_estimate_rows(session, stmt), 300);
    assert_false(weir_session_in_transaction(session));
    struct invoice *first = WEIR_GET(invoice, session, 1);
    assert_int_equal(weir_estimate_rows(session, stmt), 300);
    assert_true(weir_session_in_transaction(session));
    assert_int_equal(first->id, 1);
    assert_int_equal(weir_state_of(first) & 0xf, WEIR_PERSISTENT);
    if (db->postgresql) {
        weir_where(stmt, WEIR_LE(WEIR_COL(invoice, id), 30));
        int64_t rows = weir_estimate_rows(session, stmt);
        assert_in_range(rows, 20, 40);
    }
    weir_stmt_free(&stmt);
    assert_status(weir_session_close(&session), WEIR_OK);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_WARNING, ""), 0);
}

static void test_sqlite_knows_what_is_cheap(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE big (id INTEGER PRIMARY KEY, t TEXT);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO big SELECT i * 2, '' FROM n;"
                      "CREATE TABLE small AS SELECT * FROM big LIMIT 77; CREATE VIEW v AS SELECT * FROM big;"
                      "CREATE TABLE \"dotted.name\" (id INTEGER); INSERT INTO \"dotted.name\" VALUES (1);"
                      "CREATE TABLE keyed (k TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO keyed SELECT id FROM big;");
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(estimate(connection, "SELECT * FROM small"), 77);
    assert_int_equal(estimate(connection, "SELECT * FROM main.small AS s ORDER BY id"), 77);
    assert_int_equal(estimate(connection, "SELECT * FROM \"main\".\"dotted.name\""), 1);
    assert_int_equal(estimate(connection, "SELECT * FROM \"dotted.name\""), 1);
    assert_int_equal(estimate(connection, "SELECT * FROM big"), 40000);
    assert_int_equal(estimate(connection, "SELECT * FROM big WHERE id < 9"), -1);
    assert_int_equal(estimate(connection, "SELECT * FROM big LIMIT 9"), -1);
    static const char *const one_row[] = { "SELECT count(*) FROM small", "SELECT 1 + coalesce(max(id), 0) FROM small",
                                            "SELECT Sum (id) FILTER (WHERE true) FROM small" };
    for (size_t i = 0; i < sizeof one_row / sizeof *one_row; i++)
        assert_int_equal(estimate(connection, one_row[i]), -1);
    assert_int_equal(estimate(connection, "SELECT (SELECT count(*) FROM big), sum(id) FILTER (WHERE id > 1) OVER (), count.id AS max FROM small count"), 77);
    assert_int_equal(estimate(connection, "SELECT * FROM v"), -1);
    assert_int_equal(estimate(connection, "SELECT * FROM keyed"), -1);
    assert_status(weir_connection_error(connection)->status, WEIR_OK);
    test_side_run(db, "ANALYZE");
    assert_int_equal(estimate(connection, "SELECT * FROM big"), 20000);
    assert_int_equal(estimate(connection, "SELECT * FROM keyed"), 20000);
    close_connection_ok(&connection);
}

/* ---- advice ------------------------------------------------------------------------------------------------------------------------ */

static weir_advice *advise(test_database *db, const char *sql, int64_t memory)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_advice *advice = weir_advise(db->engine, stmt, WEIR_ADVISE_OPTIONS(.memory = memory, .trial_rows = 20000));
    weir_stmt_free(&stmt);
    return advice;
}

static const weir_remark *remark_of(const weir_advice *advice, const char *code)
{
    const weir_advice_figures *figures = weir_advice_result(advice);
    for (size_t i = 0; i < figures->remark_count; i++)
        if (!strcmp(figures->remarks[i].code, code))
            return &figures->remarks[i];
    return NULL;
}

/* The advice about the SQL has remarks of exactly these codes, in any order: "sort no-order". */
static void assert_codes(test_database *db, const char *sql, const char *codes)
{
    weir_advice *advice = advise(db, sql, 1 << 24);
    const weir_advice_figures *figures = weir_advice_result(advice);
    assert_error(weir_advice_error(advice), WEIR_OK);
    size_t wanted = *codes ? 1 : 0;
    for (const char *p = codes; *p; p++)
        wanted += *p == ' ';
    for (size_t i = 0; i < figures->remark_count; i++)
        if (!strstr(codes, figures->remarks[i].code))
            fail_msg("%s: %s: %s", sql, figures->remarks[i].code, figures->remarks[i].text);
    if (figures->remark_count != wanted)
        fail_msg("%s: %zu remarks instead of [%s]", sql, figures->remark_count, codes);
    weir_advice_free(&advice);
}

static void make_wide(test_database *db, int rows)
{
    char sql[600];
    snprintf(sql, sizeof sql,
             "CREATE TABLE wide (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, t TEXT NOT NULL);"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO wide SELECT i, i %% 10, '%0300d' FROM n",
             rows, 7);
    test_side_run(db, sql);
    test_side_run(db, "ANALYZE");
}

/* The stream at the recommended size holds what was promised: its own ledger is asked, not the advice. */
static void test_the_recommended_batch_fits(void **state)
{
    test_database *db = *state;
    make_wide(db, 20000);
    static const int64_t budgets[] = { 600 << 10, 1 << 20, 4 << 20 };
    for (size_t i = 0; i < 3; i++) {
        int64_t memory = budgets[i];
        weir_engine_dispose(db->engine);
        weir_advice *advice = advise(db, "SELECT * FROM wide ORDER BY id", memory);
        const weir_advice_figures *f = weir_advice_result(advice);
        assert_error(weir_advice_error(advice), WEIR_OK);
        assert_in_range(f->yield_per, 100, 50000);
        assert_in_range(f->row_bytes, 350, memory < 4 << 20 ? 2500 : 1200);       /* of few rows, in blocks */
        assert_int_equal(f->rows, 20000);
        assert_true(f->expected_peak_bytes <= memory * 7 / 10 && f->fits);
        assert_true(f->trial_peak_bytes > 0 && f->trial_peak_bytes <= f->expected_peak_bytes);
        assert_true(f->yield_per * 3 > f->fitting_rows);
        if (f->yield_per < 20000)
            assert_true(f->expected_peak_bytes * 2 >= memory * 7 / 10);       /* and does not leave most of it unused */
        assert_true(f->sample_rows >= 100 && f->seconds >= 0);
        if (db->postgresql) {
            assert_true(f->random_sample);
            assert_in_range(f->stored_bytes, 320, 400);
            assert_true(f->widest_bytes >= f->stored_bytes);
        }
        weir_engine *engine = test_engine(db, NULL);
        weir_memory_figures held;
        weir_connection *connection = weir_engine_connect(engine);
        weir_stmt *stmt = weir_sql("SELECT * FROM wide ORDER BY id");
        weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = f->yield_per));
        while (weir_result_next(result))
            continue;
        weir_result_figures info;
        weir_result_info(result, &info);
        assert_int_equal(info.rows, 20000);
        if (db->postgresql)
            assert_in_range(info.round_trips, f->round_trips - 1, f->round_trips);   /* of slices, one fewer behind the end */
        close_result_ok(&result);
        weir_engine_memory(engine, &held);
        assert_true(held.peak_bytes <= (size_t)(memory * 7 / 10));
        weir_stmt_free(&stmt);
        close_connection_ok(&connection);
        weir_engine_close(&engine);
        weir_advice_free(&advice);
    }
}

static void test_bounds_of_the_batch_size(void **state)
{
    test_database *db = *state;
    make_wide(db, 3000);
    weir_advice *advice = advise(db, "SELECT * FROM wide ORDER BY id", (int64_t)1 << 40);
    assert_int_equal(weir_advice_result(advice)->yield_per, 50000);
    assert_true(weir_advice_result(advice)->fits);
    weir_advice_free(&advice);
    advice = advise(db, "SELECT * FROM wide ORDER BY id", 1000);
    assert_int_equal(weir_advice_result(advice)->yield_per, 100);
    assert_false(weir_advice_result(advice)->fits);
    assert_non_null(remark_of(advice, "memory"));
    assert_int_equal(remark_of(advice, "memory")->weight, WEIR_REMARK_WARNING);
    weir_advice_free(&advice);
}

/* Rows that grow along the key: the first ones are no sample of them, the trial finds that out. */
static void test_the_trial_corrects_the_sample(void **state)
{
    test_database *db = *state;
    test_side_run(db, db->postgresql ? "CREATE TABLE grows AS SELECT i AS id, repeat('x', i) AS t FROM generate_series(1, 9000) i;"
                                       "ALTER TABLE grows ADD PRIMARY KEY (id); ANALYZE grows"
                                     : "CREATE TABLE grows (id INTEGER PRIMARY KEY, t TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                       "FROM n WHERE i < 9000) INSERT INTO grows SELECT i, substr(hex(zeroblob(4500)), 1, i) FROM n");
    weir_advice *advice = advise(db, "SELECT id, t FROM grows ORDER BY id", 6 << 20);
    const weir_advice_figures *f = weir_advice_result(advice);
    assert_error(weir_advice_error(advice), WEIR_OK);
    assert_true(f->trial_whole && f->fits);
    assert_true(f->trial_peak_bytes <= (6 << 20) * 7 / 10);
    assert_true(f->yield_per < 500);
    weir_advice_free(&advice);
}

/* Rows of a megabyte: neither sample nor trial holds more than the memory that was said. */
static void test_wide_rows_stay_within_the_memory(void **state)
{
    test_database *db = *state;
    test_side_run(db, db->postgresql ? "CREATE TABLE giant AS SELECT i AS id, repeat(md5(i::text), 32768) AS t FROM generate_series(1, 60) i;"
                                       "ALTER TABLE giant ADD PRIMARY KEY (id); ANALYZE giant"
                                     : "CREATE TABLE giant (id INTEGER PRIMARY KEY, t TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                       "FROM n WHERE i < 60) INSERT INTO giant SELECT i, hex(zeroblob(524288)) FROM n");
    weir_engine *engine = test_engine(db, NULL);
    weir_memory_figures held;
    weir_stmt *stmt = weir_sql("SELECT id, t FROM giant ORDER BY id");
    weir_advice *advice = weir_advise(engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 12 << 20));
    const weir_advice_figures *f = weir_advice_result(advice);
    assert_error(weir_advice_error(advice), WEIR_OK);
    assert_true(f->row_bytes > 1 << 20);
    assert_int_equal(f->yield_per, 100);
    assert_true(!f->fits && remark_of(advice, "memory"));
    assert_int_equal(f->trial_rows, 0);
    weir_engine_memory(engine, &held);
    assert_true(held.peak_bytes < 12 << 20);
    weir_advice_free(&advice);
    advice = weir_advise(engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 400 << 20));
    assert_true(weir_advice_result(advice)->fits);
    assert_true(weir_advice_result(advice)->trial_whole);
    weir_advice_free(&advice);
    weir_stmt_free(&stmt);
    weir_engine_close(&engine);
}

static void test_remarks_from_live_plans(void **state)
{
    test_database *db = *state;
    make_wide(db, 12000);
    test_side_run(db, "CREATE TABLE empty_one (id INTEGER PRIMARY KEY); CREATE VIEW seen AS SELECT * FROM wide");
    assert_codes(db, "SELECT * FROM wide ORDER BY id", "");
    assert_codes(db, "SELECT w.id AS \"Sort\", 'GROUP BY DISTINCT ORDER BY' AS \"Unique\" FROM wide w WHERE t <> 'Sort' ORDER BY w.id", "");
    assert_codes(db, "SELECT * FROM wide", "no-order");
    assert_codes(db, "SELECT count(*) FROM wide", db->postgresql ? "aggregate" : "");
    assert_codes(db, "SELECT * FROM wide ORDER BY a", "sort order-not-unique no-index-for-order");
    assert_codes(db, "SELECT * FROM wide ORDER BY a, id", "sort no-index-for-order");
    assert_codes(db, "SELECT DISTINCT t, a FROM wide ORDER BY a", db->postgresql ? "sort distinct" : "sort distinct");
    assert_codes(db, "SELECT t, a, count(*) FROM wide GROUP BY t, a ORDER BY count(*)", "sort group-by");
    assert_codes(db, "SELECT * FROM seen ORDER BY id", "order-not-known");
    test_side_run(db, "CREATE INDEX wide_a ON wide (a, id); ANALYZE");
    if (db->postgresql) {
        assert_codes(db, "SELECT id, a FROM wide ORDER BY a, id", "sort index-not-used");
        test_side_run(db, "VACUUM wide");           /* the index alone is enough then */
    }
    weir_engine_dispose(db->engine);                /* a connection of SQLite keeps the statistics that it has read */
    assert_codes(db, "SELECT id, a FROM wide ORDER BY a, id", "");
    assert_codes(db, "SELECT id, a FROM wide ORDER BY a DESC, id DESC", "");
}

static void test_remarks_of_postgresql(void **state)
{
    test_database *db = *state;
    make_wide(db, 12000);
    assert_codes(db, "SELECT i FROM generate_series(1, 20000) i ORDER BY i", "sort function-scan order-not-known");
    assert_codes(db, "WITH c AS MATERIALIZED (SELECT id, a FROM wide) SELECT * FROM c", "materialized-cte no-order");
    assert_codes(db, "SELECT id FROM wide ORDER BY id FOR UPDATE", "locks-rows not-measured");
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM (SELECT id FROM wide FOR UPDATE NOWAIT) s"), 12000);
    assert_codes(db, "SELECT id, (SELECT w.id FROM wide w WHERE w.a = wide.a ORDER BY w.t LIMIT 1) AS other FROM wide WHERE id < 5 ORDER BY id", "");
    test_side_run(db, "CREATE TABLE fresh (id INTEGER PRIMARY KEY)");
    assert_codes(db, "SELECT id FROM fresh ORDER BY id", "no-statistics not-measured");
}

static void test_timeouts_of_the_server(void **state)
{
    test_database *db = *state;
    make_wide(db, 3000);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = (const char *const[]){
        "statement_timeout", "100ms", "idle_in_transaction_session_timeout", "20s", NULL }));
    weir_stmt *stmt = weir_sql("SELECT id, pg_sleep(0.0002) IS NULL FROM wide ORDER BY id");
    weir_advice *advice = weir_advise(engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 1 << 20));
    assert_error(weir_advice_error(advice), WEIR_OK);
    assert_non_null(remark_of(advice, "statement-timeout"));
    assert_contains(remark_of(advice, "statement-timeout")->text, "100 ms");
    assert_contains(remark_of(advice, "statement-timeout")->advice, "?options=-c%20statement_timeout%3D0 ");     /* libpq takes no other = there */
    assert_non_null(remark_of(advice, "slow-first-row"));
    assert_non_null(remark_of(advice, "idle-timeout"));
    weir_advice_free(&advice);
    weir_stmt_free(&stmt);
    weir_engine_close(&engine);
}

static void test_a_select_with_loads(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    test_side_run(db, "ANALYZE");
    weir_stmt *stmt = weir_select(&advise_order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(advise_order, id)));
    weir_selectinload(stmt, WEIR_COL(advise_order, lines));
    weir_advice *advice = weir_advise(db->engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 1 << 20));
    const weir_advice_figures *f = weir_advice_result(advice);
    assert_error(weir_advice_error(advice), WEIR_OK);
    assert_int_equal(f->rows, 3000);
    assert_true(f->row_bytes > 400);            /* three lines come with each */
    assert_true(f->fits && f->yield_per < 3000);
    assert_int_equal(f->remark_count, 0);
    if (db->postgresql)
        assert_true(f->round_trips >= 2 * f->batches);
    weir_advice_free(&advice);
    weir_joinedload(stmt, WEIR_COL(advise_order, lines));
    advice = weir_advise(db->engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 1 << 20));
    assert_error(weir_advice_error(advice), WEIR_INVALID_REQUEST);
    assert_contains(weir_advice_error(advice)->message, "Can't use yield_per with joined eager loading");
    weir_advice_free(&advice);
    weir_stmt_free(&stmt);
}

static void test_what_cannot_be_advised_on(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_stmt *stmt = weir_sql("DELETE FROM orders");
    weir_advice *advice = weir_advise(db->engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 1 << 20));
    assert_error(weir_advice_error(advice), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_advice_result(advice)->yield_per, 0);
    weir_advice_free(&advice);
    assert_null(advice);
    assert_int_equal(weir_advice_error(NULL)->status, WEIR_RESOURCE_CLOSED);
    weir_stmt_free(&stmt);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 5);
    stmt = weir_sql("SELECT * FROM orders WHERE id = :id");
    advice = weir_advise(db->engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 1 << 20));
    assert_error(weir_advice_error(advice), WEIR_INVALID_REQUEST);
    weir_advice_free(&advice);
    WEIR_BIND(stmt, "id", 3);
    advice = weir_advise(db->engine, stmt, NULL);
    assert_error(weir_advice_error(advice), WEIR_ARGUMENT);
    weir_advice_free(&advice);
    advice = weir_advise(db->engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 0));
    assert_error(weir_advice_error(advice), WEIR_ARGUMENT);
    weir_advice_free(&advice);
    advice = weir_advise(db->engine, stmt, WEIR_ADVISE_OPTIONS(.memory = 1 << 20));
    assert_error(weir_advice_error(advice), WEIR_OK);
    assert_int_equal(weir_advice_result(advice)->rows, 1);
    weir_advice_free(&advice);
    weir_stmt_free(&stmt);
    advice = advise(db, "SELECT * FROM nowhere", 1 << 20);
    assert_error(weir_advice_error(advice), db->postgresql ? WEIR_PROGRAMMING : WEIR_OPERATIONAL);
    weir_advice_free(&advice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_estimates_and_leaves_no_trace),
        ON_BOTH(test_estimates_inside_a_transaction_beside_a_stream),
        ON_BOTH(test_a_session_estimates_a_select),
        ON_SQLITE(test_sqlite_knows_what_is_cheap),
        ON_BOTH(test_the_recommended_batch_fits),
        ON_BOTH(test_bounds_of_the_batch_size),
        ON_BOTH(test_the_trial_corrects_the_sample),
        ON_BOTH(test_wide_rows_stay_within_the_memory),
        ON_BOTH(test_remarks_from_live_plans),
        ON_POSTGRESQL(test_remarks_of_postgresql),
        ON_POSTGRESQL(test_timeouts_of_the_server),
        ON_BOTH(test_a_select_with_loads),
        ON_BOTH(test_what_cannot_be_advised_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
