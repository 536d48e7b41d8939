/* In which order a page of updates or deletes takes its locks: that of the sorted sets, whether the rows are locked first or the plan of the
 * statement itself keeps to it (RULES U1, decision 0025). A row in the middle is locked by somebody else: which ones are locked by then? */
#include "support.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETS = 300, PAGE = 100, HELD = 250, FIRST = 5000 };
struct ware { int64_t id, n; };
WEIR_ENTITY(ware, "wares", WEIR_COLUMN(ware, id, .primary_key = true), WEIR_COLUMN(ware, n));

/* Rows lie in the opposite order of their keys: a scan of the table meets them so. */
#define WARES "CREATE TABLE wares (id bigint %s, n bigint NOT NULL DEFAULT 0)"
#define FILL ";INSERT INTO wares SELECT generate_series(5000, 1, -1); ANALYZE wares"

/* ---- a writer that waits for a row ------------------------------------------------------------------------------------------------------ */
typedef struct order {
    test_database *db;
    bool           deletes, unprepared, criteria;
    const char    *before;              /* run on the writer's connection */
    const char    *midway[4];           /* run by somebody else behind the first page, and committed */
    weir_error     error;
    char           settings[200];       /* of the writer's connection, behind the write */
} order;

static void progress(int64_t done, void *context)
{
    order *o = context;
    if (done != PAGE || !o->midway[0])
        return;
    weir_connection *other = weir_engine_connect(o->db->engine);
    for (int i = 0; o->midway[i]; i++)
        run_ok(other, o->midway[i]);
    assert_int_equal(weir_connection_commit(other), WEIR_OK);
    close_connection_ok(&other);
}

static weir_stmt *statement_of(const order *o)
{
    weir_stmt *stmt = o->deletes ? weir_delete(&ware_entity) : weir_update(&ware_entity);
    if (!o->deletes)
        weir_set_columns(stmt, WEIR_COL(ware, n));
    if (o->criteria)
        weir_where(stmt, WEIR_GE(WEIR_COL(ware, n), 0));
    return stmt;
}

static void show_settings(weir_connection *connection, char *out, size_t size)
{
    weir_stmt *stmt = weir_sql("SELECT concat_ws(' ', current_setting('plan_cache_mode'), current_setting('enable_seqscan'), "
                               "current_setting('enable_bitmapscan'), current_setting('enable_indexscan')) AS shown");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    snprintf(out, size, "%s", row ? weir_row_cstr(row, "shown") : "");
    (void)!weir_result_close(&result);
    weir_stmt_free(&stmt);
}

static void *write_wares(void *argument)
{
    order *o = argument;
    struct ware wares[SETS];
    for (int64_t i = 0; i < SETS; i++)
        wares[i] = (struct ware){ i * 7 % SETS + 1, i };
    weir_stmt *stmt = statement_of(o);
    weir_connection *connection = weir_engine_connect(o->db->engine);
    if (o->unprepared)
        (void)!weir_connection_options(connection, WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF));
    if (o->before)
        run_ok(connection, o->before);
    if (weir_connection_execute_many_with(connection, stmt, wares, SETS, WEIR_MANY_OPTIONS(.page_size = PAGE, .progress = progress, .context = o)) != SETS)
        o->error = *weir_connection_error(connection);
    show_settings(connection, o->settings, sizeof o->settings);
    if (weir_connection_commit(connection) != WEIR_OK)
        o->error = *weir_connection_error(connection);
    (void)!weir_connection_close(&connection);
    weir_stmt_free(&stmt);
    return NULL;
}

static void wait_for_the_writer(test_database *db)
{
    for (int i = 0; i < 1000; i++, usleep(10000))
        if (test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
            return;
    fail_msg("the writer does not wait for the row that is locked");
}

/* Locks are taken up to the row that is held, and none behind it; `locked_first` by a statement before. */
static void assert_order(order *o, bool locked_first)
{
    test_database *db = o->db;
    pthread_t thread;
    long since = test_server_log_end();
    weir_connection *holder = weir_engine_connect(db->engine);
    run_ok(holder, "UPDATE wares SET n = n WHERE id = 250");
    assert_int_equal(pthread_create(&thread, NULL, write_wares, o), 0);
    wait_for_the_writer(db);
    int64_t before = test_side_int(db, "SELECT count(*) FROM (SELECT 1 FROM wares WHERE id < 250 FOR NO KEY UPDATE SKIP LOCKED) AS free");
    int64_t behind = test_side_int(db, "SELECT count(*) FROM (SELECT 1 FROM wares WHERE id > 250 AND id <= 300 FOR NO KEY UPDATE SKIP LOCKED) AS free");
    assert_int_equal(weir_connection_rollback(holder), WEIR_OK);
    pthread_join(thread, NULL);
    close_connection_ok(&holder);
    assert_error(&o->error, WEIR_OK);
    assert_int_equal(before, 0);
    assert_int_equal(behind, SETS - HELD);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM wares WHERE id <= 300 AND n = 0"), o->deletes ? 0 : 1);
    assert_int_equal(test_server_log_count(since, "FOR UPDATE) AS locked") > 0, locked_first);
}

static void make_wares(test_database *db, const char *key)
{
    char sql[400];
    snprintf(sql, sizeof sql, WARES FILL, key);
    test_side_run(db, sql);
}

/* ---- tests --------------------------------------------------------------------------------------------------------------------------------- */
static void test_plan_in_order_needs_no_lock(void **state)
{
    test_database *db = *state;
    make_wares(db, "PRIMARY KEY");
    assert_order(&(order){ .db = db }, false);
    assert_order(&(order){ .db = db, .deletes = true }, false);
}

/* The table shrinks and is analysed between two pages: for a plan made anew another join would be cheaper. */
static void test_statistics_change_midway(void **state)
{
    test_database *db = *state;
    make_wares(db, "PRIMARY KEY");
    assert_order(&(order){ .db = db, .midway = { "DELETE FROM wares WHERE id > 300", "ANALYZE wares",
                                                 "UPDATE pg_class SET relpages = 1, reltuples = 2 WHERE relname = 'wares'" } }, false);
    assert_order(&(order){ .db = db, .midway = { "ANALYZE wares" } }, false);
}

/* What the program has set is the same behind it, and does not change the plan. */
static void test_settings_of_the_program(void **state)
{
    test_database *db = *state;
    order set = { .db = db, .before = "SELECT set_config('enable_indexscan', 'off', false), set_config('enable_nestloop', 'off', false), "
                                      "set_config('plan_cache_mode', 'force_custom_plan', true)" }, unset = { .db = db };
    make_wares(db, "PRIMARY KEY");
    assert_order(&unset, false);
    assert_string_equal(unset.settings, "auto on on on");
    assert_order(&set, false);
    assert_string_equal(set.settings, "force_custom_plan on on off");
}

static void test_other_plans_lock_first(void **state)
{
    test_database *db = *state;
    make_wares(db, "PRIMARY KEY");
    assert_order(&(order){ .db = db, .unprepared = true }, true);
    assert_order(&(order){ .db = db, .criteria = true }, true);
    test_side_run(db, "DROP TABLE wares");
    make_wares(db, "NOT NULL");
    assert_order(&(order){ .db = db }, true);
    test_side_run(db, "DROP TABLE wares; CREATE TABLE wares (id bigint PRIMARY KEY, n bigint NOT NULL DEFAULT 0) PARTITION BY RANGE (id);"
                      "CREATE TABLE wares_1 PARTITION OF wares FOR VALUES FROM (1) TO (220); CREATE TABLE wares_2 PARTITION OF wares DEFAULT;"
                      "INSERT INTO wares SELECT generate_series(5000, 1, -1); ANALYZE wares");
    assert_order(&(order){ .db = db }, true);
}

/* A user who may write some rows only: the policy is a filter of the plan. The text that would ask for the plan may fail, too. */
static void test_policies_lock_first(void **state)
{
    test_database *db = *state;
    make_wares(db, "PRIMARY KEY");
    test_side_run(db, "DO $$ BEGIN CREATE ROLE weir_clerk; EXCEPTION WHEN OTHERS THEN NULL; END $$;"
                      "ALTER TABLE wares ENABLE ROW LEVEL SECURITY; CREATE POLICY some_rows ON wares USING (n >= 0); GRANT ALL ON wares TO weir_clerk;"
                      "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO weir_clerk', current_schema()); END $$");
    assert_order(&(order){ .db = db, .before = "SELECT set_config('search_path', current_schema(), false), set_config('role', 'weir_clerk', false)" }, true);
}

/* Few sets do not ask. */
static void test_few_sets_lock_first(void **state)
{
    test_database *db = *state;
    struct ware wares[20];
    long since = test_server_log_end();
    make_wares(db, "PRIMARY KEY");
    for (int64_t i = 0; i < 20; i++)
        wares[i] = (struct ware){ 20 - i, 1 };
    order plain = { .db = db };
    weir_stmt *stmt = statement_of(&plain);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(weir_connection_execute_many(connection, stmt, wares, 20), 20);
    assert_int_equal(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
    assert_int_equal(test_server_log_count(since, "FOR UPDATE) AS locked"), 1);
    assert_int_equal(test_server_log_count(since, "EXPLAIN"), 0);
}

/* Asking may fail: then the rows are locked first, in the same transaction, and the next call asks again. */
static void test_plan_that_cannot_be_had(void **state)
{
    test_database *db = *state;
    struct ware wares[SETS];
    make_wares(db, "PRIMARY KEY");
    test_side_run(db, "CREATE FUNCTION forget() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN 1; END $$");
    for (int64_t i = 0; i < SETS; i++)
        wares[i] = (struct ware){ SETS - i, 1 };
    order plain = { .db = db };
    weir_stmt *stmt = statement_of(&plain);
    weir_connection *connection = weir_engine_connect(db->engine);
    static const bool locks[] = { false, true, false };
    for (int call = 0; call < 3; call++) {
        long since = test_server_log_end();
        if (call == 1)
            run_ok(connection, "SELECT forget()");
        assert_int_equal(weir_connection_execute_many(connection, stmt, wares, SETS), SETS);
        assert_int_equal(test_server_log_count(since, "FOR UPDATE) AS locked") > 0, locks[call]);
    }
    assert_int_equal(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
}

/* A page that fails leaves no setting behind, and the set is found. */
static void test_failing_set_is_found(void **state)
{
    test_database *db = *state;
    struct ware wares[SETS];
    char settings[200];
    make_wares(db, "PRIMARY KEY");
    test_side_run(db, "ALTER TABLE wares ADD CHECK (n < 1000)");
    for (int64_t i = 0; i < SETS; i++)
        wares[i] = (struct ware){ SETS - i, i == 77 ? 1000 : i };
    order plain = { .db = db };
    weir_stmt *stmt = statement_of(&plain);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "SELECT set_config('enable_bitmapscan', 'off', true)");
    assert_true(weir_connection_execute_many_with(connection, stmt, wares, SETS, WEIR_MANY_OPTIONS(.page_size = PAGE)) < 0);
    assert_error(weir_connection_error(connection), WEIR_INTEGRITY);
    assert_int_equal(weir_connection_error(connection)->row, 78);
    show_settings(connection, settings, sizeof settings);
    assert_string_equal(settings, "auto on off on");
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM wares WHERE n <> 0"), 0);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_plan_in_order_needs_no_lock), ON_POSTGRESQL(test_statistics_change_midway), ON_POSTGRESQL(test_settings_of_the_program),
        ON_POSTGRESQL(test_other_plans_lock_first),      ON_POSTGRESQL(test_policies_lock_first),      ON_POSTGRESQL(test_few_sets_lock_first),
        ON_POSTGRESQL(test_failing_set_is_found),        ON_POSTGRESQL(test_plan_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
