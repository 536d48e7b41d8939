/* Streams that replace a connection which was lost in the middle: every row once, in order, or an error; and weir export doing the same over a
 * network that cuts anywhere. */
#include "trouble.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 60 };
#define QUERY "SELECT id, repeat('x', id::int) AS text FROM orders"
#define READ_ONLY WEIR_EXECUTION_OPTIONS(.read_only = WEIR_ON, .isolation_level = WEIR_REPEATABLE_READ)
/* RETRY(attempts, more options) */
#define RETRY(...) WEIR_RESUME_OPTIONS(.delay_ms = 1, .max_delay_ms = 20, .execution = WEIR_EXECUTION_OPTIONS(.yield_per = 7), \
                                       .retry = __VA_ARGS__)

typedef struct order { int64_t id, tenant_id, amount_cents; const char *state; } order;
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state));

static weir_checkpoint *new_checkpoint(weir_engine *engine, bool instances)
{
    weir_stmt *stmt = instances ? weir_select(&order_entity) : weir_sql(QUERY);
    if (instances)
        weir_order_by(stmt, WEIR_COL(order, id));
    weir_checkpoint *checkpoint = weir_checkpoint_new(engine, stmt, instances ? NULL : WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    weir_stmt_free(&stmt);
    assert_error(weir_checkpoint_error(checkpoint), WEIR_OK);
    return checkpoint;
}

static int64_t id_at(const weir_partition *p, size_t i)
{
    return p->instances ? ((const order *)p->instances[i])->id : weir_row_int64_at(p->rows[i], 0);
}

/* Reads to the end; calls `trouble` behind each partition. Rows must be 1, 2, 3, …; gives how many came. */
static int64_t read_all(weir_resume *stream, void (*trouble)(int64_t rows, void *context), void *context)
{
    int64_t seen = 0;
    for (const weir_partition *p; (p = weir_resume_fetchmany(stream, 0)) != NULL; ) {
        for (size_t i = 0; i < p->count; i++) {
            assert_int_equal(id_at(p, i), ++seen);
            if (!p->instances)
                assert_int_equal(weir_row_text_at(p->rows[i], 1).len, seen);
        }
        assert_int_equal(weir_resume_ack(stream, p->count), WEIR_OK);
        if (trouble)
            trouble(seen, context);
    }
    return seen;
}

/* ---- a killed backend --------------------------------------------------------------------------------------------------------- */
typedef struct killing { test_database *db; weir_connection *connection; weir_session *session; int64_t next; int kills; } killing;

static void kill_it(int64_t rows, void *context)
{
    killing *k = context;
    weir_connection *connection = k->session ? weir_session_connection(k->session) : k->connection;
    if (rows < k->next || rows >= ROWS - 14)        /* what was prefetched must not hold the end */
        return;
    test_kill_backend(k->db, weir_connection_backend_pid(connection));
    k->kills++;
    k->next = rows + 10;
}

static void test_a_killed_backend_is_replaced(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.execution_options = READ_ONLY));
    for (int instances = 0; instances < 2; instances++) {
        weir_checkpoint *checkpoint = new_checkpoint(engine, instances);
        killing k = { .db = db, .next = 7 };
        if (instances)
            k.session = weir_session_open(engine);
        else
            k.connection = connect_ok(engine);
        weir_resume *stream = instances ? weir_resume_open_session(checkpoint, k.session, RETRY(2))
                                        : weir_resume_open(checkpoint, k.connection, RETRY(2));
        assert_int_equal(read_all(stream, kill_it, &k), ROWS);
        assert_error(weir_resume_error(stream), WEIR_OK);
        assert_true(k.kills >= 3);
        assert_int_equal(weir_resume_reconnects(stream), k.kills);
        weir_checkpoint_figures figures;
        weir_checkpoint_info(checkpoint, &figures);
        assert_int_equal(figures.rows, ROWS);
        assert_int_equal(figures.runs, 1);
        assert_int_equal(figures.reconnects, k.kills);
        assert_int_equal(weir_resume_close(&stream), WEIR_OK);
        if (instances)
            assert_int_equal(weir_session_close(&k.session), WEIR_OK);
        else
            close_connection_ok(&k.connection);
        weir_checkpoint_free(&checkpoint);
    }
    weir_engine_close(&engine);
}

static void test_without_retry_it_is_an_error_and_the_place_is_known(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_checkpoint *checkpoint = new_checkpoint(db->engine, false);
    killing k = { .db = db, .connection = connect_ok(db->engine), .next = 20 };
    weir_resume *stream = weir_resume_open(checkpoint, k.connection, RETRY(0));
    int64_t seen = read_all(stream, kill_it, &k);
    assert_true(seen >= 20 && seen < ROWS);
    assert_true(weir_resume_error(stream)->disconnect);
    assert_status(weir_resume_close(&stream), WEIR_OPERATIONAL);
    assert_int_equal(weir_connection_rollback(k.connection), WEIR_OK);
    stream = weir_resume_open(checkpoint, k.connection, RETRY(0));
    const weir_partition *p = weir_resume_fetchmany(stream, 0);
    assert_int_equal(id_at(p, 0), seen + 1);
    assert_int_equal(weir_resume_close(&stream), WEIR_OK);
    close_connection_ok(&k.connection);
    weir_checkpoint_free(&checkpoint);
}

/* ---- what a replaced connection would lose -------------------------------------------------------------------------------------- */
static void test_retry_wants_a_connection_that_can_be_replaced(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_checkpoint *checkpoint = new_checkpoint(db->engine, false);
    weir_connection *connection = connect_ok(db->engine);
    size_t before = test_log_count(db->log, WEIR_LOG_STATEMENT);
    weir_resume *stream = weir_resume_open(checkpoint, connection, RETRY(1));
    assert_error(weir_resume_error(stream), WEIR_INVALID_REQUEST);
    assert_contains(weir_resume_error(stream)->message, "read_only");
    assert_int_equal(weir_resume_close(&stream), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_connection_options(connection, WEIR_EXECUTION_OPTIONS(.read_only = WEIR_ON)), WEIR_OK);
    assert_int_equal(weir_connection_begin(connection), WEIR_OK);
    stream = weir_resume_open(checkpoint, connection, RETRY(1));
    assert_contains(weir_resume_error(stream)->message, "no transaction");
    assert_int_equal(weir_resume_close(&stream), WEIR_INVALID_REQUEST);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), before);
    close_connection_ok(&connection);
    weir_session *session = weir_session_open(db->engine);
    stream = weir_resume_open_session(checkpoint, session, RETRY(1));
    assert_contains(weir_resume_error(stream)->message, "read_only");
    assert_int_equal(weir_resume_close(&stream), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_session_close(&session), WEIR_OK);
    weir_checkpoint_free(&checkpoint);
}

/* It has an error of its own, which says more than that it is not read only. */
static void test_a_connection_that_was_never_made(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = WEIR_ZERO));
    weir_checkpoint *checkpoint = new_checkpoint(engine, false);
    weir_connection *taken = connect_ok(engine), *none = weir_engine_connect(engine);
    for (int retry = 0; retry < 2; retry++) {
        weir_resume *stream = weir_resume_open(checkpoint, none, RETRY(retry));
        assert_error(weir_resume_error(stream), WEIR_TIMEOUT);
        assert_status(weir_resume_close(&stream), WEIR_TIMEOUT);
    }
    assert_status(weir_connection_close(&none), WEIR_TIMEOUT);
    close_connection_ok(&taken);
    weir_checkpoint_free(&checkpoint);
    weir_engine_close(&engine);
}

/* ---- networks --------------------------------------------------------------------------------------------------------------------- */
static void test_a_network_that_cuts_anywhere(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    int64_t reconnects = 0;
    for (int64_t at = 1; at < 6000; at += 173) {
        test_proxy_set(proxy, (test_fault){ 0 });
        weir_engine *engine = test_proxied_engine(db, proxy, WEIR_ENGINE_OPTIONS(.execution_options = READ_ONLY));
        weir_connection *connection = connect_ok(engine);
        weir_checkpoint *checkpoint = new_checkpoint(engine, false);
        test_proxy_set(proxy, (test_fault){ .cut_after = at });     /* connecting again takes fewer bytes than the rows */
        weir_resume *stream = weir_resume_open(checkpoint, connection, RETRY(6));
        int64_t seen = read_all(stream, NULL, NULL);
        if (weir_resume_error(stream)->status == WEIR_OK)
            assert_int_equal(seen, ROWS);
        else
            assert_true(at < 1500);                                 /* too few for any row: the attempts were used up */
        reconnects += weir_resume_reconnects(stream);
        int status = weir_resume_error(stream)->status;
        assert_int_equal(weir_resume_close(&stream), status);
        (void)!weir_connection_close(&connection);
        weir_checkpoint_free(&checkpoint);
        weir_engine_close(&engine);
    }
    assert_true(reconnects > 10);
    test_proxy_stop(&proxy);
}

typedef struct witness { test_proxy *proxy; int calls, most, back_at, stop_at; int64_t longest; } witness;

static int watch(const weir_resume_wait *wait, void *context)
{
    witness *w = context;
    w->calls++;
    w->most = wait->attempt > w->most ? wait->attempt : w->most;
    w->longest = wait->left_ms > w->longest ? wait->left_ms : w->longest;
    assert_true(wait->error->disconnect || weir_status_is(wait->error->status, WEIR_OPERATIONAL));
    assert_int_equal(wait->attempts, 4);
    if (w->back_at && wait->attempt == w->back_at)
        test_proxy_refuse(w->proxy, false);
    return w->stop_at && wait->attempt == w->stop_at ? WEIR_ERROR : WEIR_OK;
}

static void go_away(int64_t rows, void *context)
{
    witness *w = context;
    if (rows < 14 || w->calls)
        return;
    test_proxy_refuse(w->proxy, true);
    test_proxy_cut_all(w->proxy);
}

/* The server is away; it comes back at the third attempt, never, or the program gives up. */
static void test_attempts_are_bounded_and_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    static const struct { int back_at, stop_at, most, status; } rounds[] = {
        { 3, 0, 3, WEIR_OK }, { 0, 0, 4, WEIR_OPERATIONAL }, { 0, 2, 2, WEIR_CANCELLED },
    };
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        witness w = { .proxy = proxy, .back_at = rounds[i].back_at, .stop_at = rounds[i].stop_at };
        test_proxy_refuse(proxy, false);
        weir_engine *engine = test_proxied_engine(db, proxy, WEIR_ENGINE_OPTIONS(.execution_options = READ_ONLY));
        weir_connection *connection = connect_ok(engine);
        weir_checkpoint *checkpoint = new_checkpoint(engine, false);
        weir_resume *stream = weir_resume_open(checkpoint, connection, RETRY(4, .waiting = watch, .context = &w));
        int64_t seen = read_all(stream, go_away, &w);
        int status = weir_resume_error(stream)->status;
        assert_status(status, rounds[i].status);
        assert_int_equal(w.most, rounds[i].most);
        assert_true(w.longest <= 20);
        assert_true(rounds[i].status == WEIR_OK ? seen == ROWS : seen < ROWS);
        assert_int_equal(weir_resume_close(&stream), status);
        (void)!weir_connection_close(&connection);
        weir_checkpoint_free(&checkpoint);
        weir_engine_close(&engine);
    }
    test_proxy_stop(&proxy);
}

/* ---- the command ---------------------------------------------------------------------------------------------------------------------- */
static int command(const char *format, const char *url, const char *file, const char *more)
{
    char line[3000];
    snprintf(line, sizeof line, "'%s' export '%s' --table orders --to '%s.%s' --quiet --yield-per 50 %s 2>> '%s.log'", test_environment("WEIR_COMMAND"),
             url, file, format, more, file);
    return system(line);
}

static void test_export_over_a_network_that_cuts_anywhere(void **state)
{
    test_database *db = *state;
    static const char *const formats[] = { "csv", "jsonl" };
    char file[400], reference[420], line[1800];
    if (test_world_is_task())
        return;                         /* it waits for processes */
    test_fixture(db, 2000);
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    snprintf(file, sizeof file, "%s/network-%d-%d", test_environment("WEIR_TEST_DIR"), (int)getpid(), test_world_is_task());
    snprintf(reference, sizeof reference, "%s-reference", file);
    for (int f = 0; f < 2; f++) {
        assert_int_equal(command(formats[f], db->url, reference, "--order-by id"), 0);
        int rounds = 0, runs;
        for (int64_t at = 12000; at < 60000; at += 17989, rounds++) {
            test_proxy_set(proxy, (test_fault){ .cut_after = at });
            for (runs = 1; command(formats[f], test_proxy_url(proxy), file, "--resume --checkpoint-every 100") != 0; runs++)
                assert_true(runs < 40);
            assert_true(runs > 1);
            snprintf(line, sizeof line, "cmp '%s.%s' '%s.%s' && rm '%s.%s' && ! ls '%s.%s'* 2> /dev/null", file, formats[f], reference, formats[f], file,
                     formats[f], file, formats[f]);
            assert_int_equal(system(line), 0);
            if (at < 40000)
                continue;
            /* The same in one run, over as many connections. */
            assert_int_equal(command(formats[f], test_proxy_url(proxy), file, "--retry 5"), 0);
            assert_int_equal(system(line), 0);
        }
    }
    snprintf(line, sizeof line, "rm -f '%s'*", file);
    assert_int_equal(system(line), 0);
    test_proxy_stop(&proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_killed_backend_is_replaced),
        ON_POSTGRESQL(test_without_retry_it_is_an_error_and_the_place_is_known),
        ON_BOTH(test_retry_wants_a_connection_that_can_be_replaced),
        ON_BOTH(test_a_connection_that_was_never_made),
        ON_POSTGRESQL(test_a_network_that_cuts_anywhere),
        ON_POSTGRESQL(test_attempts_are_bounded_and_told),
        ON_POSTGRESQL(test_export_over_a_network_that_cuts_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
