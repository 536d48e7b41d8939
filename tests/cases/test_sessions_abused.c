/* Sessions used wrongly, or hard: failed results that outlive them, keys of every type, giants, handles closed in any order. */
#include "support.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state));

/* The same table again: its keys are those of the other, its instances are not. */
struct sale { int64_t id, amount_cents; };
WEIR_ENTITY(sale, "orders", WEIR_COLUMN(sale, id, .primary_key = true), WEIR_COLUMN(sale, amount_cents));

struct misnamed { int64_t id; };
WEIR_ENTITY(misnamed, "orders", WEIR_COLUMN(misnamed, id, .column = "nowhere", .primary_key = true));

struct keyless { int64_t id; };
WEIR_ENTITY(keyless, "orders", WEIR_COLUMN(keyless, id));

struct by_text { const char *code; int64_t number; };
WEIR_ENTITY(by_text, "by_text", WEIR_COLUMN(by_text, code, .primary_key = true), WEIR_COLUMN(by_text, number));
struct by_uuid { weir_uuid code; int64_t number; };
WEIR_ENTITY(by_uuid, "by_uuid", WEIR_COLUMN(by_uuid, code, .primary_key = true), WEIR_COLUMN(by_uuid, number));
struct by_both { const char *code; int64_t number; weir_date day; };
WEIR_ENTITY(by_both, "by_both", WEIR_COLUMN(by_both, code, .primary_key = true), WEIR_COLUMN(by_both, number, .primary_key = true),
    WEIR_COLUMN(by_both, day));

struct giant { int64_t id; const char *body; };
WEIR_ENTITY(giant, "giants", WEIR_COLUMN(giant, id, .primary_key = true), WEIR_COLUMN(giant, body));

static weir_result *orders(weir_session *session, int64_t yield_per)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    if (yield_per)
        weir_yield_per(stmt, yield_per);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static size_t ledger_bytes(const test_database *db)
{
    weir_memory_figures figures;
    weir_engine_memory(db->engine, &figures);
    return figures.bytes;
}

/* ---- handles in any order -------------------------------------------------------------------------------------------------- */

static void close_around(test_database *db, weir_stmt *stmt, int wanted, bool session_first)
{
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = weir_session_execute(session, stmt);
    assert_status(weir_result_error(result)->status, wanted);
    if (session_first)
        assert_status(weir_session_close(&session), WEIR_OK);
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), wanted);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_stmt_free(&stmt);
}

static void test_failed_results_outlive_their_session(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    for (int session_first = 0; session_first < 2; session_first++) {
        weir_stmt *stmt = weir_select(&misnamed_entity);
        close_around(db, stmt, WEIR_DATABASE, session_first);
        close_around(db, weir_select(&keyless_entity), WEIR_MAPPING, session_first);
        close_around(db, weir_sql("SELECT :a, 1"), WEIR_ERROR, session_first);
        close_around(db, weir_sql("SELECT 1; SELECT 2"), WEIR_INVALID_REQUEST, session_first);
        stmt = weir_select(&order_entity);
        weir_where(stmt, WEIR_EQ(WEIR_COL(sale, id), 1));
        weir_limit(stmt, -5);
        close_around(db, stmt, WEIR_ERROR, session_first);
    }
}

static void test_handles_close_in_any_order(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int order = 0; order < 6; order++)
        for (int64_t yield_per = 0; yield_per <= 5; yield_per += 5) {
            static const int orders_of_three[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
            weir_engine *engine = test_engine(db, NULL);
            weir_session *session = weir_session_open(engine);
            weir_result *result = orders(session, yield_per);
            struct order *first = WEIR_NEXT(order, result), *second = WEIR_NEXT(order, result);
            assert_ptr_equal(weir_retain(second), second);
            for (int i = 0; i < 3; i++) {
                switch (orders_of_three[order][i]) {
                case 0: assert_status(weir_session_close(&session), WEIR_OK); break;
                case 1: assert_status(weir_result_close(&result), WEIR_OK); break;
                default: weir_engine_close(&engine); break;
                }
                if (orders_of_three[order][0] != 1 && i == 0)
                    assert_string_equal(first->state, "pending");       /* the open result still holds it */
                assert_int_equal(second->id, 2);
                assert_string_equal(second->state, "pending");
            }
            assert_null(WEIR_NEXT(order, result));
            assert_status(weir_load_(second, 0), WEIR_OK);
            weir_release(second);
        }
}

static void test_200_streams_in_one_process_leave_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 60);
    size_t before = 0;
    for (int i = 0; i < 200; i++) {
        weir_session *session = weir_session_open(db->engine);
        weir_result *result = orders(session, 7);
        int64_t rows = i % 3 == 0 ? 20 : 60;
        for (int64_t id = 1; id <= rows; id++)
            assert_int_equal(WEIR_NEXT(order, result)->id, id);
        if (i % 2)
            close_result_ok(&result);
        assert_status(weir_session_close(&session), WEIR_OK);
        int told = weir_result_close(&result);
        assert_true(told == WEIR_OK);
        if (i == 10)
            before = ledger_bytes(db);
    }
    assert_int_equal(ledger_bytes(db), before);
}

typedef struct worker {
    weir_session_factory *factory;
    const weir_stmt      *stmt;
    int64_t               sum;
    int                   status;
} worker;

static void *stream_beside(void *context)
{
    worker *w = context;
    for (int round = 0; round < 5 && w->status == WEIR_OK; round++) {
        weir_session *session = weir_session_factory_open(w->factory);
        weir_result *result = weir_session_scalars(session, w->stmt);
        for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
            w->sum += order->id;
        w->status = weir_result_close(&result);
        int closed = weir_session_close(&session);
        w->status = w->status != WEIR_OK ? w->status : closed;
    }
    return NULL;
}

static void test_threads_share_a_factory_an_entity_and_a_statement(void **state)
{
    test_database *db = *state;
    worker workers[4];
    pthread_t threads[4];
    test_fixture(db, 100);
    weir_session_factory *factory = weir_session_factory_new(db->engine, NULL);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(stmt, 7);
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){ .factory = factory, .stmt = stmt };
        assert_int_equal(pthread_create(&threads[i], NULL, stream_beside, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_status(workers[i].status, WEIR_OK);
        assert_int_equal(workers[i].sum, 5 * 5050);
    }
    weir_stmt_free(&stmt);
    weir_session_factory_free(&factory);
}

/* ---- other sessions, other entities ---------------------------------------------------------------------------------------- */

static void test_an_instance_of_another_session_is_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_session *one = weir_session_open(db->engine), *other = weir_session_open(db->engine);
    struct order *mine = WEIR_GET(order, one, 1), *theirs = WEIR_GET(order, other, 1);
    assert_true(mine && theirs && mine != theirs);
    assert_status(weir_session_refresh(other, mine), WEIR_INVALID_REQUEST);
    assert_status(weir_session_expire(other, mine), WEIR_INVALID_REQUEST);
    assert_status(weir_session_expunge(other, mine), WEIR_INVALID_REQUEST);
    assert_status(weir_session_expunge(other, NULL), WEIR_INVALID_REQUEST);
    weir_session_expunge_all(other);
    assert_int_equal(weir_state_of(mine), WEIR_PERSISTENT);
    assert_string_equal(mine->state, "pending");
    assert_status(weir_session_close(&other), WEIR_OK);
    assert_status(weir_session_refresh(other, mine), WEIR_RESOURCE_CLOSED);
    assert_status(weir_session_refresh(one, mine), WEIR_OK);
    assert_status(weir_session_close(&one), WEIR_OK);
}

static void test_two_entities_of_one_table_share_no_instance(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_session *session = weir_session_open(db->engine);
    struct order *order = WEIR_GET(order, session, 3);
    struct sale *sale = WEIR_GET(sale, session, 3);
    assert_true((void *)order != (void *)sale);
    assert_int_equal(order->amount_cents, 30);
    assert_int_equal(sale->amount_cents, 30);
    assert_int_equal(weir_session_count(session), 2);
    assert_status(weir_session_expunge(session, sale), WEIR_OK);
    assert_ptr_equal(WEIR_GET(order, session, 3), order);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* ---- keys ---------------------------------------------------------------------------------------------------------------------- */

enum { KEYS = 3000 };

static void make_keys(test_database *db)
{
    char sql[2048];
    const char *numbers = db->postgresql ? "generate_series(1, %d) AS n" : "(WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g LIMIT %d) SELECT n FROM g)";
    char from[256];
    snprintf(from, sizeof from, numbers, KEYS);
    const char *uuid = db->postgresql ? "(lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000')::uuid"
                                      : "printf('%08x-0000-4000-8000-000000000000', n)";
    snprintf(sql, sizeof sql,
             "CREATE TABLE by_text(code text PRIMARY KEY, number bigint);"
             "CREATE TABLE by_uuid(code %s PRIMARY KEY, number bigint);"
             "CREATE TABLE by_both(code text, number bigint, day date, PRIMARY KEY(code, number));"
             "INSERT INTO by_text SELECT 'key number ' || n, n FROM %s;"
             "INSERT INTO by_uuid SELECT %s, n FROM %s;"
             "INSERT INTO by_both SELECT 'k' || (n %% 7), n, '2024-02-29' FROM %s;",
             db->postgresql ? "uuid" : "text", from, uuid, from, from);
    test_side_run(db, sql);
}

#define READ_ALL(E, session, populate, yield, total)                                            \
    do {                                                                                        \
        weir_stmt *stmt = weir_select(&E##_entity);                                             \
        weir_order_by(stmt, WEIR_ASC(WEIR_COL(E, number)));                                     \
        if (yield)                                                                              \
            weir_yield_per(stmt, (yield));                                                      \
        weir_populate_existing(stmt, (populate) ? WEIR_ON : WEIR_OFF);                          \
        weir_result *result = weir_session_scalars((session), stmt);                            \
        weir_stmt_free(&stmt);                                                                  \
        for (struct E *E; (E = WEIR_NEXT(E, result)) != NULL;)                                  \
            assert_int_equal(E->number, ++(total));                                             \
        close_result_ok(&result);                                                               \
    } while (0)

static void test_keys_of_text_uuid_and_two_columns_find_their_instances(void **state)
{
    test_database *db = *state;
    make_keys(db);
    weir_session *session = weir_session_open(db->engine);
    int64_t texts = 0, uuids = 0, both = 0;
    READ_ALL(by_text, session, false, 0, texts);
    READ_ALL(by_uuid, session, false, 0, uuids);
    READ_ALL(by_both, session, false, 0, both);
    assert_true(texts == KEYS && uuids == KEYS && both == KEYS);
    assert_int_equal(weir_session_count(session), 3 * KEYS);
    int64_t sent = weir_session_statements(session);
    for (int n = 1; n <= KEYS; n += 7) {
        char code[64];
        snprintf(code, sizeof code, "key number %d", n);
        assert_int_equal(WEIR_GET(by_text, session, code)->number, n);
        weir_uuid uuid = { .bytes = { 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0x40, 0, 0x80 } };
        assert_int_equal(WEIR_GET(by_uuid, session, uuid)->number, n);
        snprintf(code, sizeof code, "k%d", n % 7);
        assert_int_equal(WEIR_GET(by_both, session, code, n)->number, n);
    }
    assert_int_equal(weir_session_statements(session), sent);
    /* Read again over what is there, and let go in another order: each key still leads to one instance. */
    texts = both = 0;
    READ_ALL(by_text, session, true, 100, texts);
    READ_ALL(by_both, session, true, 100, both);
    assert_true(texts == KEYS && both == KEYS);
    assert_int_equal(weir_session_count(session), 3 * KEYS);
    for (int n = KEYS; n >= 1; n -= 3) {
        char code[64];
        snprintf(code, sizeof code, "key number %d", n);
        assert_status(weir_session_expunge(session, WEIR_GET(by_text, session, code)), WEIR_OK);
    }
    assert_int_equal(weir_session_count(session), 3 * KEYS - KEYS / 3);
    assert_int_equal(weir_session_statements(session), sent + 2);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_a_key_that_is_half_null_is_told(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE by_both(code text, number bigint, day date)");
    test_side_run(db, "INSERT INTO by_both VALUES ('a', 1, '2024-01-01'), (NULL, 2, '2024-01-01')");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&by_both_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(by_both, number)));
    weir_result *result = weir_session_scalars(session, stmt);
    assert_int_equal(WEIR_NEXT(by_both, result)->number, 1);
    struct by_both *half = WEIR_NEXT(by_both, result);
    assert_non_null(half);
    assert_null(half->code);
    close_result_ok(&result);
    assert_status(weir_session_rollback(session), WEIR_OK);
    test_side_run(db, "INSERT INTO by_both VALUES ('c', NULL, '2024-01-01'), (NULL, NULL, NULL)");
    weir_session_expunge_all(session);
    result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_int_equal(weir_session_count(session), 0);           /* nothing of a batch that was not delivered */
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */

static void test_instances_that_are_got_one_by_one_keep_no_results(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2000);
    weir_session *session = weir_session_open(db->engine);
    assert_non_null(WEIR_GET(order, session, 1));
    size_t before = ledger_bytes(db);
    for (int64_t id = 2; id <= 2000; id++)
        assert_int_equal(WEIR_GET(order, session, id)->id, id);
    size_t each = (ledger_bytes(db) - before) / 1999;
    print_message("%zu bytes for each instance\n", each);
    assert_true(each < 600);
    weir_session_expunge_all(session);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_giant_values_are_held_by_their_batch_alone(void **state)
{
    test_database *db = *state;
    test_side_run(db, db->postgresql
                          ? "CREATE TABLE giants AS SELECT id, repeat(chr(96 + id::int), 1048576) AS body FROM generate_series(1, 24) AS id"
                          : "CREATE TABLE giants(id INTEGER PRIMARY KEY, body text);"
                            "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g LIMIT 24) "
                            "INSERT INTO giants SELECT id, replace(hex(zeroblob(524288)), '0', char(96 + id)) FROM g");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&giant_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(giant, id)));
    weir_yield_per(stmt, 2);
    struct giant *kept = NULL;
    for (int round = 0; round < 2; round++) {
        weir_result *result = weir_session_scalars(session, stmt);
        size_t peak = 0;
        for (struct giant *giant; (giant = WEIR_NEXT(giant, result)) != NULL;) {
            assert_int_equal(strlen(giant->body), 1048576);
            assert_true(giant->body[0] == (char)(96 + giant->id) && giant->body[1048575] == giant->body[0]);
            if (round == 0 && giant->id == 3)
                kept = weir_retain(giant);
            peak = ledger_bytes(db) > peak ? ledger_bytes(db) : peak;
        }
        close_result_ok(&result);
        assert_true(peak < (size_t)10 << 20);
        weir_populate_existing(stmt, WEIR_ON);          /* the second round writes over the one that is kept */
    }
    weir_stmt_free(&stmt);
    assert_non_null(kept);
    assert_true(ledger_bytes(db) < (size_t)5 << 19);
    assert_status(weir_session_close(&session), WEIR_OK);
    assert_true(kept->body[0] == 'c' && kept->body[1048575] == 'c');
    weir_release(kept);
}

static void test_a_row_that_fails_to_populate_leaves_the_instance_readable(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    struct order *seventh = WEIR_GET(order, session, 7);
    assert_string_equal(seventh->state, "pending");
    weir_stmt *text = weir_sql("SELECT id, tenant_id, CASE WHEN id = 7 THEN NULL ELSE amount_cents END AS amount_cents, state FROM orders ORDER BY id");
    weir_stmt *stmt = weir_select_from_sql(&order_entity, text);
    weir_stmt_free(&text);
    weir_populate_existing(stmt, WEIR_ON);
    weir_yield_per(stmt, 5);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    for (int64_t id = 1; id <= 5; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    assert_null(WEIR_NEXT(order, result));
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_string_equal(seventh->state, "pending");
    assert_status(weir_session_refresh(session, seventh), WEIR_OK);
    assert_int_equal(seventh->amount_cents, 70);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_a_retained_row_has_no_instance(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_COL(order, amount_cents));
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    const weir_row *row = weir_result_next(result), *kept = weir_row_retain(row);
    assert_int_equal(WEIR_ROW(order, row)->id, 1);
    assert_int_equal(weir_row_int64_at(row, 1), 10);
    assert_int_equal(weir_row_int64_at(row, 0), 0);             /* told, and read as nothing */
    assert_int_equal(weir_row_text_at(kept, 0).len, 0);
    assert_int_equal(weir_row_int64_at(kept, 1), 10);
    assert_null(WEIR_ROW(order, kept));
    assert_status(weir_row_error(kept)->status, WEIR_ERROR);
    char text[64];
    weir_value_format(weir_row_value_at(kept, 0), text, sizeof text);
    weir_row_release(&kept);
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_status(weir_session_close(&session), WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_failed_results_outlive_their_session),
        ON_BOTH(test_handles_close_in_any_order),
        ON_BOTH(test_200_streams_in_one_process_leave_nothing),
        ON_BOTH(test_threads_share_a_factory_an_entity_and_a_statement),
        ON_BOTH(test_an_instance_of_another_session_is_refused),
        ON_BOTH(test_two_entities_of_one_table_share_no_instance),
        ON_BOTH(test_keys_of_text_uuid_and_two_columns_find_their_instances),
        ON_BOTH(test_a_key_that_is_half_null_is_told),
        ON_BOTH(test_instances_that_are_got_one_by_one_keep_no_results),
        ON_BOTH(test_giant_values_are_held_by_their_batch_alone),
        ON_BOTH(test_a_row_that_fails_to_populate_leaves_the_instance_readable),
        ON_BOTH(test_a_retained_row_has_no_instance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
