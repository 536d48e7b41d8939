/* A session with PostgreSQL: messages that come at any time, what a text may be, cursors' modes, settings, megabytes both ways
 * (RULES W7 to W10). */
#include "connections.h"
#include <stdio.h>
#include <string.h>

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* ---- W7: messages that come at any time -------------------------------------------------------------------------- */

static void test_w7_notices_go_to_the_log_wherever_they_come(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "CREATE FUNCTION speaks(id bigint) RETURNS bigint LANGUAGE plpgsql AS "
                      "$$ BEGIN RAISE NOTICE 'row %', id; RETURN id; END $$");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT speaks(id) FROM orders ORDER BY id", OPTIONS(.yield_per = 5));
    assert_next_ids(result, 1, 2);
    run_ok(connection, "DO $$ BEGIN RAISE WARNING 'beware'; END $$");
    assert_ids_to_end(result, 3, 12);
    close_result_ok(&result);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_NOTICE, "NOTICE: row "), 12);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_NOTICE, "WARNING: beware"), 1);
    close_connection_ok(&connection);
}

typedef struct heard { int count, pid; char channel[32], payload[64]; } heard;

static void hear(const char *channel, const char *payload, int pid, void *context)
{
    heard *h = context;
    h->count++;
    h->pid = pid;
    snprintf(h->channel, sizeof h->channel, "%s", channel);
    snprintf(h->payload, sizeof h->payload, "%s", payload);
}

static void test_w7_notifications_go_to_the_callback(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    heard h = { 0 };
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_on_notification(connection, hear, &h), WEIR_OK);
    run_ok(connection, "LISTEN news");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_status(weir_connection_poll(connection, 0), WEIR_OK);
    assert_int_equal(h.count, 0);
    test_side_run(db, "NOTIFY news, 'first'");
    assert_status(weir_connection_poll(connection, 5000), WEIR_OK);
    assert_int_equal(h.count, 1);
    assert_string_equal(h.channel, "news");
    assert_string_equal(h.payload, "first");
    assert_int_equal(h.pid, test_side_int(db, "SELECT pg_backend_pid()"));
    assert_false(weir_connection_in_transaction(connection));
    /* Between the messages of a statement, too. */
    test_side_run(db, "NOTIFY news, 'second'");
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_status(weir_connection_poll(connection, 100), WEIR_OK);
    assert_int_equal(h.count, 2);
    assert_string_equal(h.payload, "second");
    assert_status(weir_connection_poll(connection, 50), WEIR_OK);       /* nothing more: no error, no long wait */
    assert_status(weir_connection_on_notification(connection, NULL, NULL), WEIR_OK);
    test_side_run(db, "NOTIFY news, 'third'");
    assert_status(weir_connection_poll(connection, 200), WEIR_OK);
    assert_int_equal(h.count, 2);
    close_connection_ok(&connection);
    connection = weir_engine_connect(db->engine);       /* the next user of the connection hears nothing */
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM pg_listening_channels()"), 0);
    close_connection_ok(&connection);
}

static void test_w7_another_client_encoding_is_refused(void **state)
{
    test_database *db = *state;
    static const char *const texts[] = { "SET client_encoding TO 'LATIN1'", "SET NAMES 'SQL_ASCII'",
                                         "SET LOCAL client_encoding = 'LATIN1'",
                                         "SELECT set_config('client_encoding', 'LATIN1', false)",
                                         "DO $$ BEGIN EXECUTE 'SET client_encoding TO LATIN1'; END $$" };
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    int pid = weir_connection_backend_pid(connection);
    assert_text(connection, "SHOW client_encoding", "UTF8");
    for (int autocommit = 0; autocommit < 2; autocommit++) {
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            if (autocommit && strstr(texts[i], "LOCAL")) {
                run_ok(connection, texts[i]);           /* is nothing without a transaction */
            } else {
                run_fails(connection, texts[i], WEIR_INVALID_REQUEST);
                assert_contains(weir_connection_error(connection)->message, "client_encoding");
            }
            assert_text(connection, "SHOW client_encoding", "UTF8");
            assert_text(connection, "SELECT 'gr\xc3\xbc\xc3\x9f' || chr(8364)", "gr\xc3\xbc\xc3\x9f\xe2\x82\xac");
            assert_status(i % 2 ? weir_connection_rollback(connection) : weir_connection_commit(connection), WEIR_OK);
            assert_text(connection, "SHOW client_encoding", "UTF8");
            assert_status(weir_connection_rollback(connection), WEIR_OK);
        }
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    }
    run_ok(connection, "SET NAMES 'UTF8'");
    run_ok(connection, "SET client_encoding TO 'utf-8'");
    assert_int_equal(weir_connection_backend_pid(connection), pid);
    close_connection_ok(&connection);
    weir_result *result;
    weir_engine *engine;
    connection = connect_with(db, &engine, ARGS("client_encoding", "LATIN1"));     /* ours wins */
    result = query(connection, "SELECT chr(8364)", NULL);
    assert_string_equal(weir_row_cstr_at(weir_result_next(result), 0), "\xe2\x82\xac");
    close_result_ok(&result);
    close_both(&connection, &engine);
}

static void test_w7_copy_is_refused_and_the_connection_works_on(void **state)
{
    test_database *db = *state;
    static const char *const texts[] = { "COPY orders TO STDOUT", "copy orders from stdin",
                                         "/* x */ COPY (SELECT 1) TO STDOUT;" };
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO orders VALUES (13, 1, 1, 'x')");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        run_fails(connection, texts[i], WEIR_INVALID_REQUEST);
        assert_contains(weir_connection_error(connection)->message, "COPY");
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 13);    /* in the same transaction */
    }
    close_connection_ok(&connection);
}

/* ---- W8: one statement ------------------------------------------------------------------------------------------- */

static void test_w8_a_text_is_one_statement(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const char *const several[] = { "SELECT 1; SELECT 2", "SELECT 1;; -- x\n SELECT 2", "DELETE FROM orders; SELECT 1",
                                           "SELECT ';'; /* ; */ COMMIT" };
    static const char *const one[] = { "SELECT 12;", "SELECT 12 ; ; ;\n", "SELECT 12 -- ; SELECT 2",
                                       "SELECT 12 /* ; SELECT 2 */ ; -- end", "SELECT 12 WHERE ';' <> 'a;b'" };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < sizeof several / sizeof *several; i++) {
        test_log_clear(db->log);
        run_fails(connection, several[i], WEIR_INVALID_REQUEST);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 0);
    }
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        assert_int_equal(test_query_int(connection, one[i]), 12);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    close_connection_ok(&connection);
}

static void test_a_comment_at_the_end_disturbs_no_mode(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const char *const texts[] = { ORDERS " -- the end", ORDERS ";  -- the end", ORDERS " /* the end */ ;",
                                         ORDERS "; ; -- the end\n" };
    const weir_execution_options *modes[] = {
        NULL, OPTIONS(.yield_per = 5), OPTIONS(.stream_results = WEIR_ON), OPTIONS(.yield_per = 5, .prepared = WEIR_OFF),
        OPTIONS(.yield_per = 5, .cursor_mode = WEIR_CURSOR_DECLARE), OPTIONS(.yield_per = 5, .cursor_mode = WEIR_CURSOR_HOLD),
        OPTIONS(.stream_results = WEIR_ON, .cursor_mode = WEIR_CURSOR_DECLARE, .prepared = WEIR_OFF),
        OPTIONS(.yield_per = 5, .parallel_plan = WEIR_ON),
    };
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
            weir_connection *connection = weir_engine_connect(db->engine);
            weir_result *result = query(connection, texts[t], modes[m]);
            assert_ids_to_end(result, 1, 12);
            close_result_ok(&result);
            assert_int_equal(test_open_cursors(connection), 0);
            close_connection_ok(&connection);
        }
}

static void test_parameters_reach_a_declared_cursor(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const weir_cursor_mode modes[] = { WEIR_CURSOR_PORTAL, WEIR_CURSOR_DECLARE, WEIR_CURSOR_HOLD };
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt =
        weir_sql("SELECT id FROM orders WHERE id BETWEEN :least AND :most AND state = :state ORDER BY id -- :nothing");
    WEIR_BIND(stmt, "least", 3);
    WEIR_BIND(stmt, "most", 9);
    WEIR_BIND(stmt, "state", "pending");
    for (size_t i = 0; i < 3; i++) {
        weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 2, .cursor_mode = modes[i]));
        assert_ids_to_end(result, 3, 9);
        close_result_ok(&result);
    }
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_portals_are_open_exactly_as_long_as_their_results(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_execution_options *modes[] = { OPTIONS(.yield_per = 3),
                                              OPTIONS(.yield_per = 3, .prefetch = WEIR_OFF),
                                              OPTIONS(.yield_per = 12),
                                              OPTIONS(.yield_per = 100),
                                              OPTIONS(.stream_results = WEIR_ON),
                                              OPTIONS(.yield_per = 3, .cursor_mode = WEIR_CURSOR_DECLARE) };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        weir_result *first = query(connection, ORDERS, modes[m]), *second = query(connection, ORDERS, modes[m]);
        assert_int_equal(test_open_cursors(connection), 2);
        assert_next_ids(first, 1, 1);
        test_log_clear(db->log);
        close_result_ok(&first);                    /* rows unread: one round trip, whatever was on its way */
        assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 1);
        assert_int_equal(test_open_cursors(connection), 1);
        assert_ids_to_end(second, 1, 12);
        assert_int_equal(test_open_cursors(connection), 0);
        close_result_ok(&second);
        first = query(connection, ORDERS, modes[m]);
        assert_non_null(weir_result_first(first));
        assert_int_equal(test_open_cursors(connection), 0);
        close_result_ok(&first);
    }
    close_connection_ok(&connection);
}

/* ---- W9: connect_args -------------------------------------------------------------------------------------------- */

static void assert_settings(weir_connection *connection)
{
    assert_text(connection, "SHOW application_name", "mine");
    assert_text(connection, "SHOW work_mem", "7MB");
    assert_text(connection, "SHOW search_path", "pg_catalog, \"it's\"");
    assert_text(connection, "SHOW my.own", "a\\b'c");
    assert_text(connection, "SHOW statement_timeout", "1min");
}

static void test_w9_connect_args_go_to_libpq_or_the_server_and_come_back_after_a_reset(void **state)
{
    test_database *db = *state;
    static const char *const resets[] = { "DISCARD ALL", "RESET ALL", "RESET work_mem" };
    weir_engine *engine;
    weir_connection *connection = connect_with(db, &engine,
                                               ARGS("application_name", "mine", "work_mem", "7MB", "search_path",
                                                    "pg_catalog, \"it's\"", "my.own", "a\\b'c", "statement_timeout", "60000"));
    assert_error(weir_connection_error(connection), WEIR_OK);
    assert_settings(connection);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_INVALID_REQUEST);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_settings(connection);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    for (size_t i = 0; i < sizeof resets / sizeof *resets; i++) {
        run_ok(connection, "SET work_mem = '9MB'");
        assert_text(connection, "SHOW work_mem", "9MB");    /* the program's own wins until then */
        run_ok(connection, resets[i]);
        assert_settings(connection);
    }
    /* Taken back with its transaction, a reset has done nothing. */
    run_ok(connection, "SET work_mem = '9MB'");
    assert_status(weir_connection_begin(connection), WEIR_OK);
    run_ok(connection, "RESET ALL");
    assert_settings(connection);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_text(connection, "SHOW work_mem", "9MB");
    close_both(&connection, &engine);
}

/* What comes as text looks as any other server reads it, whatever the database, the role or the environment sets. */
static void test_forms_of_texts_are_not_the_servers(void **state)
{
    test_database *db = *state;
    static const char *const questions[][2] = {
        { "SELECT daterange('2020-02-01', '2020-03-04')", "[2020-02-01,2020-03-04)" },
        { "SELECT ROW(timestamp '2020-02-01 03:04:05', interval '-1 year +2 days -3:00')", "(\"2020-02-01 03:04:05\",\"-1 years +2 days -03:00:00\")" },
        { "SELECT array_to_string('{a,NULL}'::text[], ',', '-')", "a,-" },
        { "SELECT point(0.1::float8, 0.30000000000000004)", "(0.1,0.30000000000000004)" },
        { "SELECT ROW('\\x00ff5c'::bytea)", "(\"\\\\x00ff5c\")" },
        { "SELECT 'pg_class'::regclass", "pg_class" },
    };
    static const char *const resets[] = { "DISCARD ALL", "RESET ALL", "SET DateStyle TO DEFAULT" };
    char url[2048];
    snprintf(url, sizeof url, "%s%s", db->url, "&options=-c%20datestyle%3DSQL,DMY%20-c%20intervalstyle%3Dsql_standard"
                                               "%20-c%20extra_float_digits%3D-4%20-c%20bytea_output%3Descape%20-c%20array_nulls%3Doff%20-c%20quote_all_identifiers%3Don");
    weir_engine *engine;
    assert_status(weir_engine_open(&engine, url, NULL), WEIR_OK);
    weir_connection *connection = weir_engine_connect(engine);
    for (size_t i = 0; i <= sizeof resets / sizeof *resets; i++) {
        for (size_t q = 0; q < sizeof questions / sizeof *questions; q++)
            assert_text(connection, questions[q][0], questions[q][1]);
        assert_text(connection, "SELECT '[01/02/2020,04/03/2020)'::daterange", "[2020-02-01,2020-03-04)");     /* the server's order */
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
        if (i < sizeof resets / sizeof *resets)
            run_ok(connection, resets[i]);
    }
    close_both(&connection, &engine);
}

static void test_w9_what_the_server_does_not_know_is_an_argument_error(void **state)
{
    test_database *db = *state;
    static const char *const bad[][3] = { { "no_such_setting", "1", NULL },
                                          { "work_mem", "much", NULL },
                                          { "shared_buffers", "1GB", NULL } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_engine *engine;
        weir_connection *connection = connect_with(db, &engine, bad[i]);
        assert_error(weir_connection_error(connection), WEIR_ARGUMENT);
        assert_contains(weir_connection_error(connection)->message, bad[i][0]);
        assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_ARGUMENT);
        assert_status(weir_connection_close(&connection), WEIR_ARGUMENT);
        weir_pool_status pool;
        weir_engine_pool_status(engine, &pool);
        assert_int_equal(pool.checked_out, 0);
        weir_engine_close(&engine);
    }
    weir_engine *engine;
    assert_status(weir_engine_open(&engine, db->url, WEIR_ENGINE_OPTIONS(.connect_args = ARGS("work_mem"))), WEIR_ARGUMENT);
    weir_engine_close(&engine);
    assert_status(weir_engine_open(&engine, db->url, WEIR_ENGINE_OPTIONS(.connect_args = ARGS("connect_timeout", "5s"))), WEIR_ARGUMENT);
    assert_contains(weir_engine_error(engine)->message, "connect_timeout is a number of seconds, not '5s'");
    weir_engine_close(&engine);
    assert_status(weir_engine_open(&engine, "postgresql:///shop?connect_timeout=x", NULL), WEIR_ARGUMENT);
    weir_engine_close(&engine);
}

/* ---- W10: what is written is read meanwhile ---------------------------------------------------------------------- */

enum { MEGABYTE = 1 << 20 };

/* Inserts rows of `bytes` and gets them back, all in one statement. */
static void insert_returning(weir_connection *connection, const char *text, size_t bytes)
{
    weir_stmt *stmt =
        weir_sql("INSERT INTO big SELECT k, CAST(:body AS text) FROM generate_series(1, 8) AS k RETURNING id, body, upper(body)");
    weir_bind(stmt, "body", weir_value_text((weir_text){ text, bytes }));
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_error(weir_result_error(result), WEIR_OK);
    assert_int_equal(weir_result_rowcount(result), 8);
    for (int64_t id = 1; id <= 8; id++) {
        const weir_row *row = weir_result_next(result);
        assert_non_null(row);
        assert_int_equal(weir_row_int64_at(row, 0), id);
        weir_text body = weir_row_text_at(row, 1), upper = weir_row_text_at(row, 2);
        assert_int_equal(body.len, bytes);
        assert_memory_equal(body.ptr, text, bytes);
        assert_int_equal(upper.len, bytes);
        assert_int_equal(upper.ptr[bytes - 1], 'Z');
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    weir_stmt_free(&stmt);
}

static void megabytes_both_ways(test_database *db, const char *url)
{
    static char text[4 * MEGABYTE];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    text[MEGABYTE - 1] = text[sizeof text - 1] = 'z';
    weir_engine *engine;
    assert_status(weir_engine_open(&engine, url, WEIR_ENGINE_OPTIONS(.log = test_log_write, .log_context = db->log)), WEIR_OK);
    weir_connection *connection = weir_engine_connect(engine);
    insert_returning(connection, text, MEGABYTE);
    /* A batch of 8 MB on its way, which the server cannot get rid of, while 4 MB are sent to it. */
    weir_result *result =
        query(connection, "SELECT id, repeat(md5(id::text), 32768) FROM orders ORDER BY id", OPTIONS(.yield_per = 8));
    for (int64_t id = 1; id <= 40; id++) {
        assert_next_ids(result, id, id);
        if (id % 12 == 1)
            insert_returning(connection, text, id == 13 ? sizeof text : MEGABYTE);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_w10_megabytes_both_ways_do_not_lock_each_other_out(void **state)
{
    test_database *db = *state;
    test_fixture(db, 40);
    test_side_run(db, "CREATE TABLE big(id bigint, body text); ALTER TABLE big ALTER body SET STORAGE EXTERNAL");
    megabytes_both_ways(db, db->url);
    /* The same over TCP. */
    const char *tcp = test_environment("WEIR_TEST_PG_TCP"), *own = strrchr(db->url, '/'), *slash = strrchr(tcp, '/');
    char url[1024], name[128];
    assert_non_null(strstr(db->url, "/weir_"));
    own = strstr(db->url, "/weir_") + 1;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(own, "?"), own);
    snprintf(url, sizeof url, "%.*s/%s", (int)(slash - tcp), tcp, name);
    megabytes_both_ways(db, url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_w7_notices_go_to_the_log_wherever_they_come),
        ON_POSTGRESQL(test_w7_notifications_go_to_the_callback),
        ON_POSTGRESQL(test_w7_another_client_encoding_is_refused),
        ON_POSTGRESQL(test_w7_copy_is_refused_and_the_connection_works_on),
        ON_BOTH(test_w8_a_text_is_one_statement),
        ON_POSTGRESQL(test_a_comment_at_the_end_disturbs_no_mode),
        ON_POSTGRESQL(test_parameters_reach_a_declared_cursor),
        ON_POSTGRESQL(test_portals_are_open_exactly_as_long_as_their_results),
        ON_POSTGRESQL(test_w9_connect_args_go_to_libpq_or_the_server_and_come_back_after_a_reset),
        ON_POSTGRESQL(test_forms_of_texts_are_not_the_servers),
        ON_POSTGRESQL(test_w9_what_the_server_does_not_know_is_an_argument_error),
        ON_POSTGRESQL(test_w10_megabytes_both_ways_do_not_lock_each_other_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
