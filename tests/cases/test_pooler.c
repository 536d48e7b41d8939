/* Behind a transaction pooler, a real PgBouncer (tests/pooled): each transaction may be in another session, and what one client prepared
 * there is no other's. */
#include "trouble.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
enum { CLIENTS = 6, ROUNDS = 60, ROWS = 20, SETS = 2000 };

typedef struct pair { int64_t id, value; } pair;
WEIR_ENTITY(pair, "pairs", WEIR_COLUMN(pair, id, .primary_key = true), WEIR_COLUMN(pair, value));

static weir_engine *pooled_engine(test_database *db)
{
    char url[512];
    weir_engine *engine;
    const char *name = strstr(db->url, "@/") + 2;
    snprintf(url, sizeof url, "%s%.*s", test_environment("WEIR_TEST_POOLER"), (int)strcspn(name, "?"), name);
    assert_status(weir_engine_open(&engine, url, POOL(.pool_size = CLIENTS)), WEIR_OK);
    return engine;
}

/* The pooler's sessions too: nothing is to be left at the server. */
static void close_pooled(test_database *db, weir_engine **engine)
{
    weir_engine_close(engine);
    while (test_side_int(db, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()") > 0)
        test_sleep_ms(5);
}

/* ---- each client has its own statements ------------------------------------------------------------------------------------------------ */

typedef struct client { weir_engine *engine; weir_switch prepared; int64_t number; int right, refused; bool wrong; } client;

/* The same number of parameters and columns as everybody else's: only the values tell. */
static void ask(client *c, weir_connection *connection, bool streamed)
{
    char sql[160];
    const weir_row *row;
    int64_t rows = 0;
    snprintf(sql, sizeof sql, "SELECT CAST(%lld AS bigint), i FROM generate_series(1, CAST(:n AS integer)) AS i", (long long)c->number);
    weir_stmt *stmt = weir_sql(sql);
    WEIR_BIND(stmt, "n", (int64_t)ROWS);
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = streamed ? 7 : 0, .prepared = c->prepared));
    weir_stmt_free(&stmt);
    while ((row = weir_result_next(result)) != NULL)
        c->wrong = c->wrong || weir_row_int64_at(row, 0) != c->number || weir_row_int64_at(row, 1) != ++rows;
    const char *state = weir_result_error(result)->sqlstate;
    bool named = !strcmp(state, "26000") || !strcmp(state, "42P05") || !strcmp(state, "25P02");
    int status = weir_result_close(&result);
    c->wrong = c->wrong || (status == WEIR_OK ? rows != ROWS : !named);
    c->right += status == WEIR_OK;
    c->refused += status != WEIR_OK;
}

static void *be_a_client(void *argument)
{
    client *c = argument;
    weir_connection *connection = weir_engine_connect(c->engine);
    for (int i = 0; i < ROUNDS; i++) {
        ask(c, connection, i % 2);
        ask(c, connection, i % 3 == 0);
        c->wrong = weir_connection_rollback(connection) != WEIR_OK || c->wrong;
    }
    c->wrong = weir_connection_close(&connection) != WEIR_OK || c->wrong;
    return NULL;
}

static int refused_in_all(test_database *db, weir_switch prepared)
{
    weir_engine *engine = pooled_engine(db);
    client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    int refused = 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (client){ .engine = engine, .prepared = prepared, .number = i + 1 };
        assert_int_equal(pthread_create(&threads[i], NULL, be_a_client, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(clients[i].wrong);
        refused += clients[i].refused;
    }
    close_pooled(db, &engine);
    return refused;
}

static void test_nobody_gets_rows_of_anothers_statement(void **state)
{
    test_database *db = *state;
    assert_int_equal(refused_in_all(db, WEIR_UNSET), 0);
    assert_int_equal(refused_in_all(db, WEIR_OFF), 0);
    /* Whoever insists has errors; no test can say how many. */
    (void)refused_in_all(db, WEIR_ON);
}

/* ---- what a transaction may hold -------------------------------------------------------------------------------------------------------- */

static int64_t sum_of(weir_connection *connection, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 100));
    const weir_row *row;
    int64_t sum = 0;
    while ((row = weir_result_next(result)) != NULL) {
        sum += weir_row_int64_at(row, 0);
        if (sum % 7 == 0)               /* another statement beside the stream */
            assert_int_equal(test_query_int(connection, "SELECT 40 + 2"), 42);
    }
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    return sum;
}

static void write_pairs(weir_connection *connection, int64_t first)
{
    static pair pairs[SETS];
    weir_stmt *insert = weir_insert(&pair_entity), *update = weir_update(&pair_entity);
    for (int64_t i = 0; i < SETS; i++)
        pairs[i] = (pair){ first + i, 1 };
    assert_int_equal(weir_connection_execute_many(connection, insert, pairs, SETS), SETS);
    for (int64_t i = 0; i < SETS; i++)
        pairs[SETS - 1 - i].value = 2;
    weir_set_columns(update, WEIR_COL(pair, value));
    assert_int_equal(weir_connection_execute_many(connection, update, pairs, SETS), SETS);
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &pair_entity));
    for (int64_t i = 0; i < SETS; i++)
        pairs[i] = (pair){ first + SETS + i, 3 };
    assert_status(weir_copy_structs(copy, pairs, SETS), WEIR_OK);
    assert_int_equal(weir_copy_finish(&copy), SETS);
    weir_stmt_free(&insert);
    weir_stmt_free(&update);
}

static void test_streams_sets_and_copy_in_transactions_that_wander(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE pairs (id bigint PRIMARY KEY, value bigint)");
    weir_engine *engine = pooled_engine(db);
    weir_connection *connections[2] = { connect_ok(engine), connect_ok(engine) };
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++)
            write_pairs(connections[i], (2 * round + i) * 2 * SETS);
        for (int i = 0; i < 2; i++)
            assert_status(weir_connection_commit(connections[1 - i]), WEIR_OK);
        for (int i = 0; i < 2; i++)
            assert_int_equal(sum_of(connections[i], "SELECT value FROM pairs ORDER BY id"), (round + 1) * 2 * SETS * (2 + 3));
        for (int i = 0; i < 2; i++)
            assert_status(weir_connection_rollback(connections[i]), WEIR_OK);
    }
    for (int i = 0; i < 2; i++)
        close_connection_ok(&connections[i]);
    close_pooled(db, &engine);
}

/* ---- cancelling ------------------------------------------------------------------------------------------------------------------------- */

static void *cancel_soon(void *connection)
{
    test_sleep_ms(300);
    (void)weir_connection_cancel(connection);
    return NULL;
}

static void test_a_cancel_finds_its_way(void **state)
{
    test_database *db = *state;
    weir_engine *engine = pooled_engine(db);
    weir_connection *connection = connect_ok(engine);
    pthread_t thread;
    int64_t before = test_now_ms();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, connection), 0);
    weir_result *result = test_query(connection, "SELECT pg_sleep(30)", NULL);
    assert_status(weir_result_close(&result), WEIR_CANCELLED);
    assert_true(test_now_ms() - before < 10000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 5"), 5);
    close_connection_ok(&connection);
    close_pooled(db, &engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_nobody_gets_rows_of_anothers_statement),
        ON_POSTGRESQL(test_streams_sets_and_copy_in_transactions_that_wander),
        ON_POSTGRESQL(test_a_cancel_finds_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
