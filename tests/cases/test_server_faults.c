/* Servers that die, stop, start again, are out of connections or of disk, hand over to another one, or are a standby that takes a
 * reader's rows away: what the program sees, and the pool afterwards. The servers are this program's own (tests/faulty). */
#include "trouble.h"
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define MANY(...) WEIR_MANY_OPTIONS(__VA_ARGS__)
#define ORDERS "SELECT id FROM orders ORDER BY id"
enum { ORDER_COUNT = 4000 };

struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state));

/* crash, quit, continue, promote */
static void control(const char *what, const char *server)
{
    char command[2048];
    snprintf(command, sizeof command, "'%s' %s '%s' %s", test_environment("WEIR_TEST_SERVERS"), what, test_environment("WEIR_TEST_FAULTY_DIR"), server);
    assert_int_equal(system(command), 0);
}

static struct order *make_orders(int64_t first, size_t count)
{
    struct order *orders = calloc(count, sizeof *orders);
    assert_non_null(orders);
    for (size_t i = 0; i < count; i++)
        orders[i] = (struct order){ first + (int64_t)i, 7, 1, "written" };
    return orders;
}

/* Reads orders from the first-th on to where the stream ends; the last one. */
static int64_t read_to_end(weir_result *result, int64_t first)
{
    const weir_row *row;
    int64_t id = first;
    for (; (row = weir_result_next(result)) != NULL; id++)
        assert_int_equal(weir_row_int64_at(row, 0), id);
    return id - 1;
}

/* The server's word comes before the end of the connection, if it comes. */
static void assert_lost(const weir_error *error, const char *sqlstate)
{
    assert_error(error, WEIR_OPERATIONAL);
    assert_true(error->disconnect);
    if (error->sqlstate[0])
        assert_string_equal(error->sqlstate, sqlstate);
}

static void assert_works(weir_connection *connection)
{
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), ORDER_COUNT);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders WHERE state <> 'pending'"), 0);
    assert_false(weir_connection_invalidated(connection));
}

/* ---- all connections end ------------------------------------------------------------------------------------------------------------ */

/* One that streams, one that wrote and did not commit, one at rest. */
typedef struct trio { weir_engine *engine; weir_connection *reader, *writer; weir_result *result; } trio;

static void begin_trio(trio *t, test_database *db, weir_switch pre_ping)
{
    t->engine = test_engine(db, POOL(.pool_size = 3, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 500, .pool_pre_ping = pre_ping));
    t->reader = connect_ok(t->engine);
    t->writer = connect_ok(t->engine);
    weir_connection *resting = connect_ok(t->engine);
    run_ok(resting, "SELECT 1");
    close_connection_ok(&resting);
    run_ok(t->writer, "UPDATE orders SET state = 'lost' WHERE id <= 100");
    t->result = test_query(t->reader, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(t->result, 1, 15);
    assert_pool(t->engine, 3, 1, 0, 2);
}

/* What was read is right, what was written is gone, and both say so once. */
static void meet_the_end(trio *t, const char *sqlstate)
{
    int64_t last = read_to_end(t->result, 16);
    assert_in_range(last, 20, 40);
    assert_lost(weir_result_error(t->result), sqlstate);
    assert_status(weir_result_close(&t->result), WEIR_OPERATIONAL);
    assert_true(weir_connection_invalidated(t->reader));
    assert_status(weir_connection_commit(t->writer), WEIR_OPERATIONAL);
    assert_lost(weir_connection_error(t->writer), sqlstate);
    assert_status((int)weir_connection_run(t->writer, "SELECT 1"), WEIR_PENDING_ROLLBACK);
    assert_pool(t->engine, 3, 1, 0, 2);
}

static void end_trio(trio *t)
{
    assert_works(t->reader);
    close_connection_ok(&t->reader);
    close_connection_ok(&t->writer);
    weir_connection *all[3];
    for (int i = 0; i < 3; i++)
        all[i] = connect_ok(t->engine);             /* those at rest are replaced unseen */
    for (int i = 0; i < 3; i++)
        assert_works(all[i]);
    assert_pool(t->engine, 3, 0, 0, 3);
    for (int i = 0; i < 3; i++)
        close_connection_ok(&all[i]);
    weir_pool_status status = test_pool_status(t->engine);
    assert_int_equal(status.connects, 6);
    assert_int_equal(status.disconnects, 3);
    assert_pool(t->engine, 3, 3, 0, 0);
    weir_engine_close(&t->engine);
}

/* A killed process may have left anything in the memory that they share: the server ends all others and starts anew by itself. */
static void test_a_killed_backend_takes_all_with_it(void **state)
{
    test_database *db = *state;
    trio t;
    test_fixture(db, ORDER_COUNT);
    begin_trio(&t, db, WEIR_OFF);
    assert_int_equal(kill(weir_connection_backend_pid(t.reader), SIGKILL), 0);
    test_side_again();
    meet_the_end(&t, "57P02");
    end_trio(&t);
}

/* With a test of each used connection nobody but who was in the middle of something notices. */
static void test_a_crash_between_two_uses_is_not_noticed(void **state)
{
    test_database *db = *state;
    test_fixture(db, ORDER_COUNT);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 2, .pool_pre_ping = WEIR_ON));
    weir_session *session = weir_session_open(engine);
    struct order *order = WEIR_GET(order, session, 7);
    assert_non_null(order);
    int pid = weir_connection_backend_pid(weir_session_connection(session));
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_int_equal(kill(pid, SIGKILL), 0);
    test_side_again();
    WEIR_SET(order, amount_cents, 5);
    assert_status(weir_session_commit(session), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT amount_cents FROM orders WHERE id = 7"), 5);
    assert_status(weir_session_close(&session), WEIR_OK);
    assert_int_equal(test_pool_status(engine).connects, 2);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    assert_pool(engine, 2, 1, -1, 0);
    weir_engine_close(&engine);
}

/* While it is away a check-out fails at once, and takes no place with it. */
static void assert_nobody_there(const trio *t)
{
    weir_error error;
    weir_connection *resting = NULL;
    for (int i = 0; i < 4; i++) {
        resting = weir_engine_connect(t->engine);
        error = *weir_connection_error(resting);
        assert_status(weir_connection_close(&resting), WEIR_OPERATIONAL);
        assert_error(&error, WEIR_OPERATIONAL);
        assert_contains(error.message, "cannot connect to PostgreSQL: ");
        assert_contains(error.hint, "is a server running at ");
        assert_pool(t->engine, 3, 1, 0, 2);                  /* the one at rest keeps its place */
    }
    assert_status(weir_connection_rollback(t->reader), WEIR_OK);
    assert_status((int)weir_connection_run(t->reader, "SELECT 1"), WEIR_OPERATIONAL);
    assert_contains(weir_connection_error(t->reader)->message, "cannot connect to PostgreSQL: ");
}

static void test_a_server_that_stops_and_starts_again(void **state)
{
    static const struct { const char *how, *sqlstate; } ways[] = { { "crash", "57P02" }, { "quit", "57P01" } };
    test_database *db = *state;
    test_fixture(db, ORDER_COUNT);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        trio t;
        begin_trio(&t, db, WEIR_OFF);
        control(ways[i].how, "primary");
        meet_the_end(&t, ways[i].sqlstate);
        assert_nobody_there(&t);
        control("continue", "primary");
        test_side_again();
        end_trio(&t);
    }
}

/* ---- in the middle of a write --------------------------------------------------------------------------------------------------------- */

typedef struct killing { int pid; int64_t when; bool done; } killing;

static void kill_midway(int64_t done, void *context)
{
    killing *k = context;
    if (k->done || done < k->when)
        return;
    k->done = true;
    assert_int_equal(kill(k->pid, SIGKILL), 0);
}

static weir_stmt *update_by_key(void)
{
    weir_stmt *update = weir_update(&order_entity);
    weir_set_columns(update, WEIR_COL(order, amount_cents), WEIR_COL(order, state));
    return update;
}

static weir_stmt *upsert(void)
{
    weir_stmt *insert = weir_insert(&order_entity);
    weir_on_conflict_do_update(insert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(order, id))));
    return insert;
}

static int64_t write_many(weir_connection *connection, weir_stmt *stmt, const struct order *orders, killing *k)
{
    int64_t rows = weir_connection_execute_many_with(connection, stmt, orders, ORDER_COUNT, MANY(.page_size = 500, .progress = kill_midway, .context = k));
    weir_stmt_free(&stmt);
    return rows;
}

static int64_t write_copy(weir_connection *connection, const char *const *key, const struct order *orders, killing *k)
{
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &order_entity, .upsert = key));
    for (size_t i = 0; i < ORDER_COUNT; i += 500) {
        (void)weir_copy_structs(copy, orders + i, 500);
        kill_midway((int64_t)i, k);
    }
    return weir_copy_finish(&copy);
}

/* Half of the keys are there already, for what changes rows all. */
static int64_t write_by(int way, weir_connection *connection, killing *k)
{
    static const char *const key[] = { "id", NULL };
    struct order *orders = make_orders(way == 0 ? 1 : way == 2 ? 1 + ORDER_COUNT : 1 + ORDER_COUNT / 2, ORDER_COUNT);
    int64_t rows = way == 0 ? write_many(connection, update_by_key(), orders, k) : way == 1 ? write_many(connection, upsert(), orders, k)
                                                                                : write_copy(connection, way == 2 ? NULL : key, orders, k);
    free(orders);
    return rows;
}

static void test_a_backend_killed_in_the_middle_of_a_write(void **state)
{
    test_database *db = *state;
    test_fixture(db, ORDER_COUNT);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1));
    for (int way = 0; way < 4; way++) {
        weir_connection *connection = connect_ok(engine);
        run_ok(connection, "UPDATE orders SET state = 'lost' WHERE id = 1");
        killing k = { weir_connection_backend_pid(connection), ORDER_COUNT / 2, false };
        assert_status((int)write_by(way, connection, &k), WEIR_OPERATIONAL);
        assert_true(k.done);
        assert_lost(weir_connection_error(connection), "57P02");
        assert_status(weir_connection_commit(connection), WEIR_PENDING_ROLLBACK);
        test_side_again();
        assert_works(connection);
        close_connection_ok(&connection);
        assert_pool(engine, 1, 1, 0, 0);
    }
    assert_int_equal(test_pool_status(engine).connects, 5);
    weir_engine_close(&engine);
}

typedef struct patient { PGconn *connection; int pid; bool waited; } patient;

/* Until the writer waits for the lock that this one has; then it is killed where it waits. */
static void *kill_who_waits(void *argument)
{
    patient *p = argument;
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT 1 FROM pg_stat_activity WHERE pid = %d AND wait_event_type = 'Lock'", p->pid);
    for (int i = 0; i < 3000 && !p->waited; i++) {
        PGresult *result = PQexec(p->connection, sql);
        p->waited = PQntuples(result) == 1;
        PQclear(result);
        test_sleep_ms(10);
    }
    kill(p->pid, SIGKILL);
    return NULL;
}

static void test_a_backend_killed_while_it_works_on_a_page(void **state)
{
    test_database *db = *state;
    test_fixture(db, ORDER_COUNT);
    weir_connection *connection = connect_ok(db->engine);
    run_ok(connection, "SELECT 1");
    patient p = { .connection = PQconnectdb(db->url), .pid = weir_connection_backend_pid(connection) };
    PQclear(PQexec(p.connection, "BEGIN"));
    PGresult *locked = PQexec(p.connection, "SELECT id FROM orders WHERE id = 1234 FOR UPDATE");
    assert_int_equal(PQntuples(locked), 1);
    PQclear(locked);
    pthread_t thread;
    killing never = { .when = INT64_MAX };
    assert_int_equal(pthread_create(&thread, NULL, kill_who_waits, &p), 0);
    int64_t rows = write_by(0, connection, &never);
    pthread_join(thread, NULL);
    PQfinish(p.connection);
    assert_true(p.waited);
    assert_status((int)rows, WEIR_OPERATIONAL);
    assert_lost(weir_connection_error(connection), "57P02");
    test_side_again();
    assert_works(connection);
    close_connection_ok(&connection);
}

/* What was committed on the way stays, to the border of a page. */
static void test_committed_pages_outlive_the_crash(void **state)
{
    test_database *db = *state;
    test_fixture(db, ORDER_COUNT);
    weir_connection *connection = connect_ok(db->engine);
    run_ok(connection, "SELECT 1");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    killing k = { weir_connection_backend_pid(connection), ORDER_COUNT / 2, false };
    struct order *orders = make_orders(1, ORDER_COUNT);
    weir_stmt *update = update_by_key();
    int64_t rows = weir_connection_execute_many_with(connection, update, orders, ORDER_COUNT,
                                                     MANY(.page_size = 500, .commit_every = 1000, .progress = kill_midway, .context = &k));
    assert_status((int)rows, WEIR_OPERATIONAL);
    assert_lost(weir_connection_error(connection), "57P02");
    weir_stmt_free(&update);
    free(orders);
    test_side_again();
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'written'"), ORDER_COUNT / 2);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders WHERE state = 'written'"), ORDER_COUNT / 2);
    close_connection_ok(&connection);
}

/* ---- an idle transaction, through a session ---------------------------------------------------------------------------------------------- */

static void test_an_idle_session_that_the_server_ends(void **state)
{
    test_database *db = *state;
    test_fixture(db, ORDER_COUNT);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1));
    weir_session *session = weir_session_open(engine);
    run_ok(weir_session_connection(session), "SET idle_in_transaction_session_timeout = 50");
    assert_status(weir_session_commit(session), WEIR_OK);
    struct order *order = WEIR_GET(order, session, 7);
    assert_non_null(order);
    while (test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()") > 0)
        test_sleep_ms(10);
    WEIR_SET(order, amount_cents, 5);
    assert_status(weir_session_commit(session), WEIR_OPERATIONAL);
    assert_lost(weir_session_error(session), "25P03");
    assert_string_equal(weir_session_error(session)->sqlstate, "25P03");
    assert_status(weir_session_commit(session), WEIR_PENDING_ROLLBACK);
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_pool(engine, 1, 1, 0, 0);
    order = WEIR_GET(order, session, 7);
    assert_int_equal(order->amount_cents, 70);
    assert_status(weir_session_close(&session), WEIR_OK);
    assert_pool(engine, 1, 1, 0, 0);
    assert_int_equal(test_pool_status(engine).connects, 2);
    assert_int_equal(test_pool_status(engine).disconnects, 1);
    weir_engine_close(&engine);
}

/* ---- no more connections ---------------------------------------------------------------------------------------------------------------- */

static void test_a_server_without_room_for_more_connections(void **state)
{
    test_database *db = *state;
    test_side_run(db, "DROP ROLE IF EXISTS guest");
    test_side_run(db, "CREATE ROLE guest LOGIN");           /* some places are for superusers */
    weir_engine *engine = test_engine(db, POOL(.pool_size = 40, .connect_args = (const char *const[]){ "user", "guest", NULL }));
    weir_connection *all[40];
    weir_error error = { .status = WEIR_OK };
    int count = 0;
    for (; count < 40 && error.status == WEIR_OK; count++) {
        all[count] = weir_engine_connect(engine);
        error = *weir_connection_error(all[count]);
    }
    assert_status(weir_connection_close(&all[--count]), WEIR_OPERATIONAL);
    assert_in_range(count, 5, 24);
    for (int i = 0; i < 3; i++) {
        assert_error(&error, WEIR_OPERATIONAL);
        assert_string_equal(error.sqlstate, "53300");
        assert_contains(error.message, "cannot connect to PostgreSQL: ");
        assert_contains(error.message, "FATAL:  ");
        assert_null(strstr(error.message, "53300"));
        assert_null(strstr(error.message, ".c:"));
        assert_contains(error.hint, "max_connections");
        assert_pool(engine, 40, 0, count - 40, count);
        assert_int_equal(test_connect_fails(engine, &error), WEIR_OPERATIONAL);
    }
    int pid = weir_connection_backend_pid(all[0]);
    close_connection_ok(&all[0]);
    all[0] = connect_ok(engine);                            /* the one at rest serves */
    assert_int_equal(weir_connection_backend_pid(all[0]), pid);
    weir_session *session = weir_session_open(engine);
    assert_null(weir_session_get_(session, &order_entity, (weir_value[]){ WEIR_VALUE(1) }, 1));
    assert_string_equal(weir_session_error(session)->sqlstate, "53300");
    assert_status(weir_session_close(&session), WEIR_OK);
    for (int i = 0; i < count; i++)
        close_connection_ok(&all[i]);
    assert_int_equal(test_pool_status(engine).connects, count);
    weir_engine_close(&engine);
}

/* The server's SQLSTATE and words, without what it says of its own source. */
static void test_a_server_that_refuses(void **state)
{
    static const struct { const char *key, *value, *sqlstate, *words; } refusals[] = {
        { "dbname", "no_such_database", "3D000", "database \"no_such_database\" does not exist" },
        { "user", "no_such_user", "28000", "role \"no_such_user\" does not exist" },
        { "options", "-c work_mem=nonsense", "22023", "invalid value for parameter \"work_mem\": \"nonsense\"" },
    };
    test_database *db = *state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        weir_error error;
        weir_engine *engine = test_engine(db, POOL(.connect_args = (const char *const[]){ refusals[i].key, refusals[i].value, NULL }));
        assert_int_equal(test_connect_fails(engine, &error), WEIR_OPERATIONAL);
        assert_string_equal(error.sqlstate, refusals[i].sqlstate);
        assert_contains(error.message, "failed: FATAL:  ");
        assert_contains(error.message, refusals[i].words);
        assert_null(strstr(error.message, refusals[i].sqlstate));
        assert_null(strstr(error.message, ".c:"));
        assert_null(strchr(error.message, '\n'));
        assert_string_equal(error.hint, "");
        assert_false(error.disconnect);
        assert_pool(engine, 5, 0, -5, 0);
        weir_engine_close(&engine);
    }
}

/* ---- a standby ------------------------------------------------------------------------------------------------------------------------------ */

static void url_of(const char *ports, const char *more, char *url, size_t size)
{
    const char *sockets = test_environment("WEIR_TEST_SOCKETS");
    char name[64];
    snprintf(name, sizeof name, "weir_%ld", (long)getpid());        /* as support.c calls it */
    snprintf(url, size, "postgresql://weir@/%s?host=%s%s%s&port=%s%s", name, sockets, strchr(ports, ',') ? "," : "", strchr(ports, ',') ? sockets : "", ports, more);
}

static weir_engine *open_url(test_database *db, const char *url, int pool_size)
{
    weir_engine *engine;
    assert_int_equal(weir_engine_open(&engine, url, POOL(.pool_size = pool_size, .log = test_log_write, .log_context = db->log)), WEIR_OK);
    return engine;
}

/* Asks the standby, whose readers may be thrown out meanwhile, until the answer is that one. */
static void wait_for_answer(weir_engine *standby, const char *sql, int64_t wanted)
{
    int64_t answer = wanted - 1;
    for (int i = 0; i < 3000 && answer != wanted; i++) {
        weir_connection *connection = weir_engine_connect(standby);
        weir_result *result = test_query(connection, sql, NULL);
        const weir_row *row = weir_result_next(result);
        answer = row ? weir_row_int64_at(row, 0) : wanted - 1;
        (void)!weir_result_close(&result);
        (void)!weir_connection_close(&connection);
        test_sleep_ms(10);
    }
    assert_int_equal(answer, wanted);
}

/* Until it has all that the primary has. */
static void wait_for_replay(test_database *db, weir_engine *standby)
{
    char position[32], sql[120];
    test_side_text(db, "SELECT pg_current_wal_lsn()", position, sizeof position);
    snprintf(sql, sizeof sql, "SELECT (pg_last_wal_replay_lsn() >= '%s'::pg_lsn)::int", position);
    wait_for_answer(standby, sql, 1);
}

typedef struct remover { PGconn *primary, *standby; int reader; bool seen; } remover;

/* When the reader has its snapshot. */
static void *remove_from_reader(void *argument)
{
    remover *r = argument;
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT 1 FROM pg_stat_activity WHERE pid = %d AND state = 'active' AND wait_event = 'PgSleep'", r->reader);
    for (int i = 0; i < 3000 && !r->seen; i++) {
        PGresult *result = PQexec(r->standby, sql);
        r->seen = PQntuples(result) == 1;
        PQclear(result);
        test_sleep_ms(10);
    }
    PQclear(PQexec(r->primary, "DELETE FROM orders WHERE id > 1000"));
    PQclear(PQexec(r->primary, "VACUUM (TRUNCATE false) orders"));
    return NULL;
}

/* In the middle of a statement that is one: the connection stays. */
static void assert_conflict_in_a_statement(test_database *db, const char *url, weir_engine *standby)
{
    pthread_t thread;
    weir_connection *connection = connect_ok(standby);
    int pid = weir_connection_backend_pid(connection);
    remover r = { .primary = PQconnectdb(db->url), .standby = PQconnectdb(url), .reader = pid };
    assert_int_equal(pthread_create(&thread, NULL, remove_from_reader, &r), 0);
    weir_result *result = test_query(connection, "SELECT id, pg_sleep(0.05) FROM orders ORDER BY id", OPTIONS(.yield_per = 2000));
    assert_null(weir_result_next(result));
    pthread_join(thread, NULL);
    PQfinish(r.primary);
    PQfinish(r.standby);
    assert_true(r.seen);
    assert_error(weir_result_error(result), WEIR_OPERATIONAL);
    assert_string_equal(weir_result_error(result)->sqlstate, "40001");
    assert_contains(weir_result_error(result)->message, "canceling statement due to conflict with recovery");
    assert_false(weir_result_error(result)->disconnect);
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 1000);
    assert_int_equal(weir_connection_backend_pid(connection), pid);
    close_connection_ok(&connection);
}

/* Between two batches: the server has nothing to cancel, and ends the connection. */
static void assert_conflict_between_batches(test_database *db, weir_engine *standby)
{
    weir_connection *connection = connect_ok(standby);
    weir_result *result = test_query(connection, ORDERS, OPTIONS(.yield_per = 10));
    assert_next_ids(result, 1, 15);
    int pid = weir_connection_backend_pid(connection);
    char sql[100];
    test_side_run(db, "DELETE FROM orders WHERE id > 500");
    test_side_run(db, "VACUUM (TRUNCATE false) orders");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", pid);
    wait_for_answer(standby, sql, 0);
    int64_t last = read_to_end(result, 16);
    assert_in_range(last, 20, 40);
    assert_error(weir_result_error(result), WEIR_OPERATIONAL);
    assert_true(weir_result_error(result)->disconnect);
    assert_string_equal(weir_result_error(result)->sqlstate, "40001");
    assert_contains(weir_result_error(result)->message, "conflict with recovery");
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 500);
    assert_int_not_equal(weir_connection_backend_pid(connection), pid);
    close_connection_ok(&connection);
}

static void test_a_standby_takes_rows_away_from_a_stream(void **state)
{
    test_database *db = *state;
    char url[1024];
    test_fixture(db, ORDER_COUNT);
    url_of(test_environment("WEIR_TEST_STANDBY_PORT"), "", url, sizeof url);
    weir_engine *standby = open_url(db, url, 2);
    wait_for_replay(db, standby);
    assert_conflict_in_a_statement(db, url, standby);
    assert_conflict_between_batches(db, standby);
    weir_pool_status status = test_pool_status(standby);
    assert_int_equal(status.checked_out, 0);
    assert_int_equal(status.connects - status.disconnects, status.checked_in);
    weir_connection *connection = connect_ok(standby);
    assert_status((int)weir_connection_run(connection, "DELETE FROM orders"), WEIR_INTERNAL);
    assert_string_equal(weir_connection_error(connection)->sqlstate, "25006");
    close_connection_ok(&connection);
    weir_engine_close(&standby);
}

/* The URL names both, and wants the one that takes writes. Behind this test the primary is gone, and the standby is in its place. */
static void test_a_standby_takes_over(void **state)
{
    test_database *db = *state;
    char ports[32], url[1024], new_url[1024];
    test_fixture(db, ORDER_COUNT);
    snprintf(ports, sizeof ports, "%s,%s", test_environment("WEIR_TEST_STANDBY_PORT"), test_environment("WEIR_TEST_PRIMARY_PORT"));
    url_of(test_environment("WEIR_TEST_STANDBY_PORT"), "", new_url, sizeof new_url);
    url_of(ports, "&target_session_attrs=read-write", url, sizeof url);
    weir_engine *standby = open_url(db, new_url, 1);
    wait_for_replay(db, standby);
    weir_engine_close(&standby);
    trio t;
    strcpy(db->url, url);
    begin_trio(&t, db, WEIR_OFF);
    control("crash", "primary");
    meet_the_end(&t, "57P02");
    weir_error error;
    assert_int_equal(test_connect_fails(t.engine, &error), WEIR_OPERATIONAL);       /* nobody takes writes */
    assert_contains(error.message, "read-only");
    assert_string_equal(error.sqlstate, "");
    control("promote", "standby");
    snprintf(new_url, sizeof new_url, "postgresql://weir@/postgres?host=%s&port=%s", test_environment("WEIR_TEST_SOCKETS"), test_environment("WEIR_TEST_STANDBY_PORT"));
    setenv("WEIR_TEST_PG", new_url, 1);
    test_side_again();
    assert_works(t.reader);
    run_ok(t.reader, "UPDATE orders SET state = 'promoted' WHERE id = 1");
    assert_status(weir_connection_commit(t.reader), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders WHERE state = 'promoted'"), 1);
    test_side_run(db, "UPDATE orders SET state = 'pending'");
    end_trio(&t);
}

/* ---- no more room on the disk ------------------------------------------------------------------------------------------------------------------ */

static void assert_no_room_as(const weir_error *error, const char *sqlstate, const char *words)
{
    assert_error(error, WEIR_OPERATIONAL);
    assert_string_equal(error->sqlstate, sqlstate);
    assert_contains(error->message, words);
    assert_false(error->disconnect);
}

static void assert_no_room(const weir_error *error) { assert_no_room_as(error, "53100", "No space left on device"); }

static void fill_by_sets(weir_connection *connection, const struct order *orders, size_t count)
{
    weir_stmt *insert = weir_insert(&order_entity);
    assert_status((int)weir_connection_execute_many(connection, insert, orders, count), WEIR_OPERATIONAL);
    assert_no_room(weir_connection_error(connection));
    weir_stmt_free(&insert);
}

static void fill_by_copy(weir_connection *connection, const struct order *orders, size_t count)
{
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &order_entity));
    (void)weir_copy_structs(copy, orders, count);
    assert_status((int)weir_copy_finish(&copy), WEIR_OPERATIONAL);
    assert_no_room(weir_connection_error(connection));
}

/* A sort that goes to disk in a stream. */
static void fill_by_sort(weir_connection *connection, const char *setting, const char *sqlstate, const char *words)
{
    run_ok(connection, setting);
    weir_result *result = test_query(connection, "SELECT n, repeat(n::text, 20) FROM generate_series(1, 300000) AS n ORDER BY 2", OPTIONS(.yield_per = 100));
    assert_null(weir_result_next(result));
    assert_no_room_as(weir_result_error(result), sqlstate, words);
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
}

/* The server's own limit, which is always there. */
static void test_temporary_files_beyond_their_limit(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_ok(db->engine);
    int64_t number = weir_connection_number(connection);
    fill_by_sort(connection, "SET LOCAL temp_file_limit = '1MB'", "53400", "temporary file size exceeds temp_file_limit");
    assert_int_equal(weir_connection_number(connection), number);
    close_connection_ok(&connection);
    assert_pool(db->engine, 5, 1, -4, 0);
}

/* Nothing of the call stays, the transaction goes on, and connection and pool are as before. */
static void test_a_full_disk(void **state)
{
    test_database *db = *state;
    const char *disk = getenv("WEIR_TEST_SMALL_DISK");
    char sql[256];
    if (!disk || !*disk) {
        print_message("SKIPPED: only root can mount a small disk, and not in every container\n");
        skip();
    }
    snprintf(sql, sizeof sql, "CREATE TABLESPACE small LOCATION '%s/table'", disk);
    test_side_run(db, sql);
    snprintf(sql, sizeof sql, "CREATE TABLESPACE temporary LOCATION '%s/temporary'", disk);
    test_side_run(db, sql);
    enum { MANY_ORDERS = 200000 };
    struct order *orders = make_orders(1, MANY_ORDERS);
    weir_engine *engine = test_engine(db, POOL(.pool_size = 1));
    weir_connection *connection = connect_ok(engine);
    int64_t number = weir_connection_number(connection);
    for (int round = 0; round < 2; round++) {
        test_side_run(db, "CREATE TABLE orders(id bigint PRIMARY KEY, tenant_id bigint, amount_cents bigint, state text) TABLESPACE small");
        run_ok(connection, "INSERT INTO orders VALUES (-1, 1, 1, 'before')");
        if (round == 0)
            fill_by_sets(connection, orders, MANY_ORDERS);
        else
            fill_by_copy(connection, orders, MANY_ORDERS);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 1);
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_int_equal(test_side_int(db, "SELECT id FROM orders"), -1);
        test_side_run(db, "DROP TABLE orders");         /* room again */
    }
    fill_by_sort(connection, "SET LOCAL temp_tablespaces = 'temporary'", "53100", "No space left on device");
    assert_int_equal(weir_connection_number(connection), number);
    close_connection_ok(&connection);
    assert_pool(engine, 1, 1, 0, 0);
    weir_engine_close(&engine);
    free(orders);
    test_side_run(db, "DROP TABLESPACE small");
    test_side_run(db, "DROP TABLESPACE temporary");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_killed_backend_takes_all_with_it),
        ON_POSTGRESQL(test_a_crash_between_two_uses_is_not_noticed),
        ON_POSTGRESQL(test_a_server_that_stops_and_starts_again),
        ON_POSTGRESQL(test_a_backend_killed_in_the_middle_of_a_write),
        ON_POSTGRESQL(test_a_backend_killed_while_it_works_on_a_page),
        ON_POSTGRESQL(test_committed_pages_outlive_the_crash),
        ON_POSTGRESQL(test_an_idle_session_that_the_server_ends),
        ON_POSTGRESQL(test_a_server_without_room_for_more_connections),
        ON_POSTGRESQL(test_a_server_that_refuses),
        ON_POSTGRESQL(test_temporary_files_beyond_their_limit),
        ON_POSTGRESQL(test_a_standby_takes_rows_away_from_a_stream),
        /* without the standby from here on, which would want the same disk */
        ON_POSTGRESQL(test_a_standby_takes_over),
        ON_POSTGRESQL(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
