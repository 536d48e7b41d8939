/* Networks that cut, delay and lie, where a certain moment matters: a COMMIT without an answer, giant rows, batches in flight. Every byte of a
 * whole program is tried by tests/wire. */
#include "trouble.h"
#include "support_apart.h"
#include "budget.h"
#include <stdio.h>
#include <string.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)

/* Rows larger than any buffer, and the bulk path, in portions of a network. */
static void test_large_rows_and_batches_come_in_any_portions(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    test_proxy_set(proxy, (test_fault){ .delay_ms = 1 });
    weir_connection *connection = connect_ok(engine);
    weir_result *result = test_query(connection, "SELECT id, repeat(md5(id::text), 20000) "
                                     "FROM generate_series(1, 6) AS id ORDER BY id", OPTIONS(.yield_per = 2));
    for (int64_t id = 1; id <= 6; id++) {
        const weir_row *row = weir_result_next(result);
        assert_non_null(row);
        assert_int_equal(weir_row_int64_at(row, 0), id);
        assert_int_equal(weir_row_text_at(row, 1).len, 640000);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    result = test_query(connection, "SELECT id FROM generate_series(1, 20000) AS id ORDER BY id", OPTIONS(.yield_per = 5000));
    assert_ids_to_end(result, 1, 20000);
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* What follows a large batch is small: nobody may wait for more bytes than will come. */
static void test_a_stream_left_with_a_batch_in_flight_ends_at_once(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 5000));
    weir_connection *connection = connect_ok(engine);
    for (int64_t rows = 2000; rows <= 40000; rows += 1450) {
        test_proxy_set(proxy, (test_fault){ .delay_ms = (int)(rows / 50 % 3) });
        int64_t before = test_now_ms();
        weir_result *result = test_query(connection, "SELECT id FROM generate_series(1, 90000) AS id ORDER BY id",
                                         OPTIONS(.yield_per = rows));
        assert_next_ids(result, 1, rows + 1);
        assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
        close_result_ok(&result);
        assert_int_equal(test_query_int(connection, "SELECT 2"), 2);
        assert_true(test_now_ms() - before < 4000);
    }
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void cut_giant(test_database *db, test_proxy *proxy, weir_engine *engine, int64_t at)
{
    (void)db;
    test_proxy_set(proxy, (test_fault){ 0 });
    weir_connection *connection = connect_ok(engine);
    run_ok(connection, "SELECT 1");
    test_proxy_set(proxy, (test_fault){ .cut_after = at, .reset = true });
    weir_result *result = test_query(connection, "SELECT id, repeat('y', 300000) FROM generate_series(1, 4) AS id ORDER BY id",
                                     OPTIONS(.yield_per = 1));
    int64_t rows = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++)
        assert_int_equal(weir_row_text_at(row, 1).len, 300000);
    assert_true(rows < 4);
    assert_error(weir_result_error(result), WEIR_OPERATIONAL);
    assert_true(weir_result_error(result)->disconnect);
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_connection_close(&connection), WEIR_OK);
}

static void test_a_connection_cut_inside_a_giant_row_leaves_nothing_behind(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    for (int64_t at = 1000; at < 1200000; at += 97001)
        cut_giant(db, proxy, engine, at);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* Time that passes while rows come is no stall. */
static void test_a_slow_network_is_no_stalled_one(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 400));
    weir_connection *connection = connect_ok(engine);
    test_proxy_set(proxy, (test_fault){ .delay_ms = 60 });
    int64_t before = test_now_ms();
    weir_result *result = test_query(connection, "SELECT id FROM generate_series(1, 100) AS id ORDER BY id", OPTIONS(.yield_per = 5));
    assert_ids_to_end(result, 1, 100);
    assert_true(test_now_ms() - before > 400);
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* ---- a COMMIT without an answer --------------------------------------------------------------------------------------------------- */

/* The network ends when so many bytes of COMMIT, or of its answer, have passed: whoever asks afterwards finds the row, or does not. */
static void lose_commit(test_database *db, test_fault fault, bool textual, int64_t written)
{
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 400));
    weir_connection *connection = connect_ok(engine);
    run_ok(connection, "SELECT 1");
    run_ok(connection, "COMMIT");               /* prepared: the next one is one exchange */
    run_ok(connection, "INSERT INTO paid VALUES (1)");
    test_proxy_set(proxy, fault);
    int status = textual ? (int)weir_connection_run(connection, "COMMIT") : weir_connection_commit(connection);
    assert_status(status, WEIR_OPERATIONAL);
    assert_true(weir_connection_error(connection)->disconnect);
    assert_string_equal(weir_connection_error(connection)->hint, "the connection was lost before the server answered: whether this was committed "
                        "is not known; look before repeating it");
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
    for (int i = 0; i < 400 && test_side_int(db, "SELECT count(*) FROM paid") != written; i++)
        test_sleep_ms(5);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM paid"), written);
    test_side_run(db, "DELETE FROM paid");
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void test_a_commit_without_an_answer_says_that_nobody_knows(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE paid (id int)");
    for (int textual = 0; textual < 2; textual++) {
        lose_commit(db, (test_fault){ .cut_after = 5 }, textual, 1);
        lose_commit(db, (test_fault){ .cut_after = 5, .reset = true }, textual, 1);
        lose_commit(db, (test_fault){ .stall_after = 5 }, textual, 1);
        lose_commit(db, (test_fault){ .cut_after_sent = 5 }, textual, 0);
    }
}

/* A write that is a transaction by itself; one inside a transaction is known to be lost. */
static void test_only_what_may_be_committed_is_in_doubt(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 400));
    test_side_run(db, "CREATE TABLE paid (id int)");
    static const struct { weir_isolation level; const char *sql; bool doubt; } rows[] = {
        { WEIR_AUTOCOMMIT, "INSERT INTO paid VALUES (1)", true }, { WEIR_AUTOCOMMIT, "SELECT 1 FROM paid", false },
        { WEIR_READ_COMMITTED, "INSERT INTO paid VALUES (1)", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test_proxy_set(proxy, (test_fault){ 0 });
        weir_connection *connection = connect_ok(engine);
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = rows[i].level)), WEIR_OK);
        weir_stmt *stmt = weir_sql(rows[i].sql);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);   /* prepared, so that the next is one exchange */
        close_result_ok(&result);
        test_proxy_set(proxy, (test_fault){ .cut_after = 5 });
        result = weir_connection_execute(connection, stmt, NULL);
        assert_error(weir_result_error(result), WEIR_OPERATIONAL);
        assert_int_equal(strstr(weir_result_error(result)->hint, "is not known") != NULL, rows[i].doubt);
        assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
        weir_stmt_free(&stmt);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        close_connection_ok(&connection);
    }
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* ---- what a message says of itself ---------------------------------------------------------------------------------------------- */

/* Memory for a row is taken as its bytes come: of the largest that a server can send none does. */
static void test_an_announced_length_is_not_believed(void **state)
{
    test_database *db = *state;
    test_proxy *proxy = test_proxy_start(test_environment("WEIR_TEST_PG_SCRAM"), TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 300));
    for (int message = 1; message < 14; message++) {
        test_proxy_set(proxy, (test_fault){ 0 });
        weir_connection *connection = connect_ok(engine);
        assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
        test_proxy_set(proxy, (test_fault){ .huge_message = message, .huge_length = 1u << 30 });
        weir_result *result = test_query(connection, "SELECT id, repeat('z', 100000) FROM generate_series(1, 30) AS id", NULL);
        assert_error(weir_result_error(result), WEIR_DBAPI);
        assert_true(weir_result_error(result)->disconnect);
        assert_status(weir_result_close(&result), WEIR_DBAPI);
        weir_memory_figures memory;
        weir_engine_memory(engine, &memory);
        assert_in_range(memory.peak_bytes, 1, 12 * 1024 * 1024);
        assert_int_equal(weir_connection_close(&connection), WEIR_OK);
    }
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* A row that says it is 1 GiB, and ten bytes: what a process takes for it is nothing to speak of, with and without a budget. */
enum { TOLD_MESSAGES = 15 };
typedef struct announced { const char *url; uint32_t length; int64_t memory; int message; } announced;
typedef struct grown { int64_t rss, ledger; int status; char text[640]; } grown;

static void read_announced(const void *argument, void *out)
{
    const announced *a = argument;
    grown *g = out;
    weir_engine *engine;
    weir_memory_figures memory;
    test_proxy *proxy = test_proxy_start(a->url, TEST_PROXY_TCP);
    assert_status(weir_engine_open(&engine, test_proxy_url(proxy), POOL(.read_timeout_ms = 300)), WEIR_OK);
    weir_connection *connection = weir_engine_connect(engine);
    test_query_int(connection, "SELECT 1");
    size_t rss = test_rss();
    test_proxy_set(proxy, (test_fault){ .huge_message = a->message, .huge_length = a->length });
    weir_result *result = test_query(connection, "SELECT 'ten bytes!'", OPTIONS(.memory = a->memory, .yield_per = 10));
    while (weir_result_next(result))
        continue;
    snprintf(g->text, sizeof g->text, "%s", weir_result_error(result)->message);
    g->rss = (int64_t)test_peak_rss() - (int64_t)rss;
    weir_engine_memory(engine, &memory);
    g->ledger = (int64_t)memory.peak_bytes;
    g->status = weir_result_close(&result);
    assert_status(weir_connection_close(&connection), WEIR_OK);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

static void test_a_gigabyte_announced_is_none_in_memory(void **state)
{
    (void)state;
    const char *url = test_environment("WEIR_TEST_PG_SCRAM");
    int refusals = 0;
    for (int message = 1; message <= TOLD_MESSAGES; message++)
        for (int i = 0; i < 3; i++) {
            announced a = { url, i == 2 ? (1u << 30) + 1 : 1u << 30, i == 1 ? 2 * MIB : 0, message };
            grown g = { 0 };
            test_apart(read_announced, &a, &g, sizeof g);
            bool refused = i == 1 && g.status == WEIR_BUDGET_EXCEEDED;
            if ((!refused && !weir_status_is(g.status, WEIR_DBAPI)) || (i == 2 && !strstr(g.text, "impossible length")) || g.ledger > 3 * MIB || (RSS_IS_OURS && g.rss > 4 * MIB))
                fail_msg("message %d, run %d: %d, %s; the ledger's peak was %lld, the process grew by %lld", message, i, g.status, g.text,
                         (long long)g.ledger, (long long)g.rss);
            refusals += refused;
        }
    assert_int_equal(refusals, 1);              /* the row was among the messages */
}

/* ---- what never comes to an end -------------------------------------------------------------------------------------------------- */

/* Always something to read, and never an answer: connecting, and the look at a connection before it is handed out, end in their time. */
static void test_a_server_that_only_chatters(void **state)
{
    test_database *db = *state;
    weir_error error;
    test_proxy *proxy = test_proxy_start(test_environment("WEIR_TEST_PG_SCRAM"), TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.connect_timeout_ms = 2000, .pool_pre_ping = WEIR_ON, .pool_size = 1));
    weir_connection *connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_int_equal(weir_connection_close(&connection), WEIR_OK);
    test_proxy_set(proxy, (test_fault){ .chatter_after = -1 });
    int64_t before = test_now_ms();
    assert_true(test_connect_fails(engine, &error) < 0);        /* the old one, and a new one whose server says nothing else either */
    assert_in_range(test_now_ms() - before, 0, 30000);
    test_proxy_set(proxy, (test_fault){ .chatter_after = 1 });
    before = test_now_ms();
    assert_status(test_connect_fails(engine, &error), WEIR_DEADLINE_EXCEEDED);
    assert_contains(error.message, "did not answer in time after connecting");
    assert_in_range(test_now_ms() - before, 1500, 30000);
    test_proxy_set(proxy, (test_fault){ 0 });
    connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    assert_int_equal(weir_connection_close(&connection), WEIR_OK);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* ---- what a server counts ----------------------------------------------------------------------------------------------------------- */

/* 52 rows by 20: the last Execute's 12 are PostgreSQL's count, the portal's 52 that of others; any other number is an error, as rows may
 * be missing. */
static void test_a_server_counts_by_execute_or_by_portal(void **state)
{
    test_database *db = *state;
    static const struct { const char *says; bool right; } counts[] = { { "12", true }, { "52", true }, { "32", false }, { "13", false } };
    test_proxy *proxy = test_proxy_start(test_environment("WEIR_TEST_PG_SCRAM"), TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, NULL);
    for (size_t i = 0; i < 4 * sizeof counts / sizeof *counts; i++) {
        bool right = counts[i / 4].right, ahead = i % 2, declared = i % 4 >= 2;
        if (declared && !strcmp(counts[i / 4].says, "52"))
            continue;
        weir_connection *connection = connect_ok(engine);
        test_proxy_set(proxy, (test_fault){ .select_says = counts[i / 4].says });
        weir_result *result = test_query(connection, "SELECT id FROM generate_series(1, 52) AS id ORDER BY id",
                                         OPTIONS(.yield_per = 20, .prefetch = ahead ? WEIR_ON : WEIR_OFF,
                                                 .cursor_mode = declared ? WEIR_CURSOR_DECLARE : 0));
        if (right || declared) {                /* the tag of FETCH is left as it is */
            assert_ids_to_end(result, 1, 52);
            close_result_ok(&result);
            assert_int_equal(test_query_int(connection, "SELECT 41 + 1"), 42);
        } else {
            assert_next_ids(result, 1, 40);
            while (weir_result_next(result))
                continue;
            assert_error(weir_result_error(result), WEIR_INTERFACE);
            assert_contains(weir_result_error(result)->message, "rows, of which 12 came");
            assert_status(weir_result_close(&result), WEIR_INTERFACE);
        }
        test_proxy_set(proxy, (test_fault){ 0 });
        assert_int_equal(weir_connection_close(&connection), WEIR_OK);
    }
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

/* 40 MB in one row, past each size at which its memory grows. */
static void test_a_row_that_grows_as_it_comes_is_whole(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    for (int ahead = 0; ahead < 2; ahead++) {
        weir_result *result = test_query(connection, "SELECT id, repeat(md5(id::text), 400000 * id) FROM generate_series(1, 3) AS id ORDER BY id",
                                         OPTIONS(.yield_per = 1));
        for (int64_t id = 1; id <= 3; id++) {
            const weir_row *row = weir_result_next(result);
            assert_non_null(row);
            weir_text text = weir_row_text_at(row, 1);
            assert_int_equal(text.len, 12800000 * id);
            assert_memory_equal(text.ptr, text.ptr + 32, text.len - 32);
            if (ahead)                          /* what follows is kept raw */
                assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
        }
        assert_null(weir_result_next(result));
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
}

/* Each ReadyForQuery lies once about the transaction, in each way: whatever comes of it, no row is missing or doubled without an error, and the
 * result that goes with "the transaction is over" is no longer used. The server is dialled again where it cannot be believed. */
static void test_a_state_of_the_transaction_that_is_a_lie(void **state)
{
    test_database *db = *state;
    const weir_execution_options *options[] = { OPTIONS(.yield_per = 5), OPTIONS(.memory = 1 << 20), NULL };
    test_proxy *proxy = test_proxy_start(test_environment("WEIR_TEST_PG_SCRAM"), TEST_PROXY_TCP);
    weir_engine *engine = test_proxied_engine(db, proxy, POOL(.read_timeout_ms = 5000));
    int refused = 0;
    for (int i = 0; i < 3 * 3 * 10; i++) {
        weir_connection *connection = connect_ok(engine);
        test_proxy_set(proxy, (test_fault){ .ready_message = 1 + i / 9, .ready_state = "ITE"[i % 3] });
        int64_t rows = 0, before = weir_connection_run(connection, i & 1 ? "SELECT 1" : "CREATE TEMPORARY TABLE t(id int)");
        weir_result *result = test_query(connection, "SELECT id FROM generate_series(1, 23) AS id ORDER BY id", options[i / 3 % 3]);
        for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
            assert_int_equal(weir_row_int64_at(row, 0), ++rows);
        int status = weir_result_error(result)->status;
        assert_true(rows == 23 || status != WEIR_OK);
        refused += before < 0 || status == WEIR_INTERFACE;
        (void)!weir_result_close(&result);
        (void)!weir_connection_rollback(connection);
        test_proxy_set(proxy, (test_fault){ 0 });
        (void)!weir_connection_close(&connection);
    }
    assert_true(refused > 0);
    weir_connection *connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    test_proxy_stop(&proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_large_rows_and_batches_come_in_any_portions),
        ON_POSTGRESQL(test_a_stream_left_with_a_batch_in_flight_ends_at_once),
        ON_POSTGRESQL(test_a_connection_cut_inside_a_giant_row_leaves_nothing_behind),
        ON_POSTGRESQL(test_a_slow_network_is_no_stalled_one),
        ON_POSTGRESQL(test_a_commit_without_an_answer_says_that_nobody_knows),
        ON_POSTGRESQL(test_only_what_may_be_committed_is_in_doubt),
        ON_POSTGRESQL(test_an_announced_length_is_not_believed),
        ON_POSTGRESQL(test_a_gigabyte_announced_is_none_in_memory),
        ON_POSTGRESQL(test_a_server_that_only_chatters),
        ON_POSTGRESQL(test_a_server_counts_by_execute_or_by_portal),
        ON_POSTGRESQL(test_a_row_that_grows_as_it_comes_is_whole),
        ON_POSTGRESQL(test_a_state_of_the_transaction_that_is_a_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
