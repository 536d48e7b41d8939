/* Many parameter sets: inserts, updates, deletes, upserts and textual SQL, from structs, arrays and dictionaries (cases 155 to 177). */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

static struct invoice *make_invoices(size_t count, int64_t first)
{
    struct invoice *invoices = calloc(count + 1, sizeof *invoices);
    assert_non_null(invoices);
    for (size_t i = 0; i < count; i++)
        invoices[i] = (struct invoice){ first + (int64_t)i, (int64_t)i % 7, 3 * (first + (int64_t)i), i % 2 ? "draft" : "paid" };
    return invoices;
}

static weir_stmt *update_totals(void)
{
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set_columns(update, WEIR_COL(invoice, total_cents));
    return update;
}

static int64_t count_of(test_database *db) { return test_side_int(db, "SELECT count(*) FROM invoices"); }

static void commit_and_close(weir_connection **connection)
{
    assert_status(weir_connection_commit(*connection), WEIR_OK);
    test_close_connection(connection, __FILE__, __LINE__);
}

/* ---- structs ---------------------------------------------------------------------------------------------------------------------- */
static void test_insert_update_delete_structs(void **state)
{
    static const size_t counts[] = { 0, 1, 2, 999, 1000, 1001, 2500 };
    test_database *db = *state;
    test_fixture(db, 10);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t n = counts[i];
        weir_connection *connection = weir_engine_connect(db->engine);
        struct invoice *invoices = make_invoices(n, 100);
        weir_stmt *insert = weir_insert(&invoice_entity), *update = update_totals(), *delete = weir_delete(&invoice_entity);
        test_log_clear(db->log);
        assert_int_equal(weir_connection_execute_many(connection, insert, invoices, n), (int64_t)n);
        assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "INSERT INTO invoices"), (n + 999) / 1000);
        for (size_t k = 0; k < n; k++)
            invoices[k].total_cents = -(int64_t)k;
        assert_int_equal(weir_connection_execute_many(connection, update, invoices, n), (int64_t)n);
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_int_equal(count_of(db), 10 + (int64_t)n);
        assert_int_equal(test_side_int(db, "SELECT coalesce(sum(total_cents), 0) FROM invoices WHERE id >= 100"), -(int64_t)(n * (n - (n > 0)) / 2));
        assert_int_equal(test_side_int(db, "SELECT sum(total_cents) FROM invoices WHERE id < 100"), 550);
        assert_int_equal(weir_connection_execute_many(connection, delete, invoices, n), (int64_t)n);
        weir_stmt_free(&insert);
        weir_stmt_free(&update);
        weir_stmt_free(&delete);
        commit_and_close(&connection);
        assert_int_equal(count_of(db), 10);
        free(invoices);
    }
}

/* ---- dictionaries ------------------------------------------------------------------------------------------------------------------ */
#define DICTS(...) (const weir_dict[]){ __VA_ARGS__ }, sizeof((const weir_dict[]){ __VA_ARGS__ }) / sizeof(weir_dict)

static int64_t run_dicts(weir_connection *connection, weir_stmt *stmt, const weir_dict *dicts, size_t count)
{
    int64_t rows = weir_connection_execute_dicts(connection, stmt, dicts, count, NULL);
    weir_stmt_free(&stmt);
    return rows;
}

static void test_case_155_dicts_sum_their_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(run_dicts(connection, weir_sql("UPDATE invoices SET status = :s WHERE tenant_id = :t"),
                               DICTS(WEIR_DICT({ "s", WEIR_VALUE("one") }, { "t", WEIR_VALUE(1) }))), 6);
    assert_int_equal(run_dicts(connection, weir_sql("UPDATE invoices SET status = :s WHERE tenant_id = :t"),
                               DICTS(WEIR_DICT({ "s", WEIR_VALUE("a") }, { "t", WEIR_VALUE(1) }),
                                     WEIR_DICT({ "t", WEIR_VALUE(0) }, { "s", WEIR_VALUE("b") }),
                                     WEIR_DICT({ "s", WEIR_VALUE("c") }, { "t", WEIR_VALUE(1) }))), 18);
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices WHERE status = 'c'"), 6);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices WHERE status = 'b'"), 6);
}

static void test_case_156_157_158_columns_of_dicts(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
#define INVOICE(i) { "id", WEIR_VALUE(i) }, { "tenant_id", WEIR_VALUE(1) }, { "total_cents", WEIR_VALUE(5) }
    int64_t rows = run_dicts(connection, weir_insert(&invoice_entity),
                             DICTS(WEIR_DICT(INVOICE(101), { "status", WEIR_VALUE("x") }), WEIR_DICT({ "status", WEIR_VALUE("x") }, INVOICE(102)),
                                   WEIR_DICT(INVOICE(103))));
    assert_status((int)rows, WEIR_STATEMENT);
    assert_contains(weir_connection_error(connection)->message, "A value is required for bind parameter 'status', in parameter group 2");
    rows = run_dicts(connection, weir_sql("UPDATE invoices SET status = :s WHERE id = :i"),
                     DICTS(WEIR_DICT({ "s", WEIR_VALUE("x") }, { "i", WEIR_VALUE(1) }), WEIR_DICT({ "i", WEIR_VALUE(1) })));
    assert_status((int)rows, WEIR_STATEMENT);
    assert_contains(weir_connection_error(connection)->message, "A value is required for bind parameter 's', in parameter group 1");
    /* 157 */
    rows = run_dicts(connection, weir_insert(&invoice_entity),
                     DICTS(WEIR_DICT(INVOICE(101), { "status", WEIR_VALUE("x") }),
                           WEIR_DICT(INVOICE(102), { "status", WEIR_VALUE("x") }, { "z", WEIR_VALUE(1) })));
    assert_status((int)rows, WEIR_COMPILE);
    assert_contains(weir_connection_error(connection)->message, "Unconsumed column names: z");
    rows = run_dicts(connection, update_totals(), DICTS(WEIR_DICT({ "id", WEIR_VALUE(1) }, { "total_cents", WEIR_VALUE(1) }),
                                                        WEIR_DICT({ "id", WEIR_VALUE(1) }, { "nothing", WEIR_VALUE(1) })));
    assert_status((int)rows, WEIR_COMPILE);
    assert_contains(weir_connection_error(connection)->message, "Unconsumed column names: nothing");
    /* 158 */
    rows = run_dicts(connection, weir_insert(&invoice_entity), DICTS(WEIR_DICT(INVOICE(101), { "z", WEIR_VALUE("x") })));
    assert_status((int)rows, WEIR_COMPILE);
    assert_contains(weir_connection_error(connection)->message, "Unconsumed column names: z");
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    assert_false(weir_connection_in_transaction(connection));
    close_connection_ok(&connection);
    assert_int_equal(count_of(db), 12);
}

static void test_case_159_no_sets(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmts[] = { weir_insert(&invoice_entity), update_totals(), weir_delete(&invoice_entity) };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_connection_execute_many(connection, stmts[i], NULL, 0), 0);
        assert_int_equal(weir_connection_execute_dicts(connection, stmts[i], NULL, 0, NULL), 0);
        assert_int_equal(weir_connection_execute_columns(connection, stmts[i], NULL, 0, 0, NULL), 0);
        weir_stmt_free(&stmts[i]);
    }
    assert_int_equal(run_dicts(connection, weir_sql("DELETE FROM invoices WHERE id = :i"), NULL, 0), 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    close_connection_ok(&connection);
    assert_int_equal(count_of(db), 12);
}

#define TOTAL(i, v) WEIR_DICT({ "id", WEIR_VALUE(i) }, { "total_cents", WEIR_VALUE(v) })
static void test_case_160_164_166_updates_by_key(void **state)
{
    test_database *db = *state;
    char text[64];
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(run_dicts(connection, weir_update(&invoice_entity), DICTS(TOTAL(1, 111), TOTAL(2, 222))), 2);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 1);
    assert_null(strstr(test_log_at(db->log, WEIR_LOG_STATEMENT, 0)->message, "SET id"));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT sum(total_cents) FROM invoices"), 111 + 222 + 780 - 30);
    /* 164: a statement for each change of columns. */
    test_log_clear(db->log);
    assert_int_equal(run_dicts(connection, weir_update(&invoice_entity),
                               DICTS(TOTAL(1, 5), WEIR_DICT({ "id", WEIR_VALUE(1) }, { "status", WEIR_VALUE("paid") }), TOTAL(3, 7))), 3);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 3);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_string_equal(test_side_text(db, "SELECT status FROM invoices WHERE id = 1", text, sizeof text), "paid");
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 1"), 5);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 3"), 7);
    /* 166: only the key. */
    test_log_clear(db->log);
    assert_int_equal(run_dicts(connection, weir_update(&invoice_entity), DICTS(WEIR_DICT({ "id", WEIR_VALUE(1) }))), 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    /* A key that comes twice: the later value wins, whatever the order. */
    assert_int_equal(run_dicts(connection, weir_update(&invoice_entity), DICTS(TOTAL(9, 1), TOTAL(4, 2), TOTAL(9, 3), TOTAL(4, 4), TOTAL(9, 5))), 5);
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 9"), 5);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 4"), 4);
}

static void test_case_162_165_keys_that_match_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "UPDATE invoices SET status = 'before' WHERE id = 1");
    int64_t rows = run_dicts(connection, weir_update(&invoice_entity), DICTS(TOTAL(7, 5)));
    assert_status((int)rows, WEIR_STALE_DATA);
    const weir_error *error = weir_connection_error(connection);
    assert_string_equal(error->message, "UPDATE statement on table 'invoices' expected to update 1 row(s); 0 were matched.");
    assert_contains(error->detail, "set 1 (id = 7)");
    rows = run_dicts(connection, weir_update(&invoice_entity), DICTS(TOTAL(9999, 5), TOTAL(1, 5)));
    assert_status((int)rows, WEIR_STALE_DATA);
    error = weir_connection_error(connection);
    assert_string_equal(error->message, "UPDATE statement on table 'invoices' expected to update 2 row(s); 1 were matched.");
    assert_contains(error->detail, "set 1 (id = 9999)");
    assert_int_equal(error->row, 1);
    weir_stmt *update = update_totals();
    assert_int_equal(weir_connection_execute_dicts(connection, update, DICTS(TOTAL(9999, 5), TOTAL(1, 6)),
                                                   WEIR_MANY_OPTIONS(.count_missing = WEIR_ON)), 1);
    weir_stmt_free(&update);
    rows = run_dicts(connection, weir_delete(&invoice_entity), DICTS(WEIR_DICT({ "id", WEIR_VALUE(1) }), WEIR_DICT({ "id", WEIR_VALUE(2) })));
    assert_status((int)rows, WEIR_STALE_DATA);
    assert_contains(weir_connection_error(connection)->detail, "set 2 (id = 2)");
    commit_and_close(&connection);      /* what the transaction did otherwise stays */
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 1 AND status = 'before'"), 6);
    assert_int_equal(count_of(db), 1);
}

static void test_case_167_additional_criteria(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_where(update, WEIR_GT(WEIR_COL(invoice, id), 1));
    assert_int_equal(run_dicts(connection, update, DICTS(TOTAL(1, 1), TOTAL(2, 2), TOTAL(3, 3))), 2);
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT sum(total_cents) FROM invoices"), 10 + 2 + 3);
}

struct part { int64_t a, b, x; };
WEIR_ENTITY(part, "t", WEIR_COLUMN(part, a, .primary_key = true), WEIR_COLUMN(part, b, .primary_key = true), WEIR_COLUMN(part, x));

static void test_case_169_composite_keys(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t (a bigint, b bigint, x bigint, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 1, 0), (1, 2, 0), (2, 1, 0)");
    weir_connection *connection = weir_engine_connect(db->engine);
    int64_t rows = run_dicts(connection, weir_update(&part_entity), DICTS(WEIR_DICT({ "a", WEIR_VALUE(1) }, { "x", WEIR_VALUE(1) })));
    assert_status((int)rows, WEIR_INVALID_REQUEST);
    assert_string_equal(weir_connection_error(connection)->message, "No primary key value supplied for column(s) t.b; per-row ORM Bulk UPDATE by "
                        "Primary Key requires that records contain primary key values");
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    struct part parts[] = { { 2, 1, 21 }, { 1, 2, 12 }, { 1, 1, 11 } };
    weir_stmt *update = weir_update(&part_entity);
    weir_set_columns(update, WEIR_COL(part, x));
    assert_int_equal(weir_connection_execute_many(connection, update, parts, 3), 3);
    weir_stmt_free(&update);
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT sum(x - 10 * a - b) FROM t"), 0);
}

/* ---- RETURNING ------------------------------------------------------------------------------------------------------------------------ */
static void test_case_170_172_returned_in_input_order(void **state)
{
    static const struct { size_t rows, page, pages; } cases[] = { { 2500, 0, 3 }, { 2500, 100, 25 }, { 1274, 0, 2 }, { 1, 0, 1 } };
    test_database *db = *state;
    test_fixture(db, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        struct invoice *invoices = make_invoices(cases[i].rows, 1);
        for (size_t k = 0; k < cases[i].rows; k++)
            invoices[k].id = 1 + (int64_t)((k * 1117) % cases[i].rows);     /* shuffled */
        weir_stmt *insert = weir_insert(&invoice_entity);
        weir_returning(insert, WEIR_COL(invoice, id), WEIR_COL(invoice, status));
        weir_result *returned;
        test_log_clear(db->log);
        int64_t rows = weir_connection_execute_many_with(connection, insert, invoices, cases[i].rows,
                                                         WEIR_MANY_OPTIONS(.returned = &returned, .page_size = cases[i].page));
        assert_int_equal(rows, (int64_t)cases[i].rows);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), cases[i].pages);
        const weir_row *row;
        size_t k = 0;
        for (; (row = weir_result_next(returned)) != NULL; k++) {
            assert_int_equal(weir_row_int64(row, "id"), invoices[k].id);
            assert_string_equal(weir_row_cstr(row, "status"), invoices[k].status);
        }
        assert_int_equal(k, cases[i].rows);
        close_result_ok(&returned);
        weir_stmt_free(&insert);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        close_connection_ok(&connection);
        free(invoices);
    }
}

/* 100,000 values: more than a statement may have parameters. */
struct wide {
    int32_t id;
    int64_t c01, c02, c03, c04, c05, c06, c07, c08, c09, c10, c11, c12, c13, c14, c15, c16,
        c17, c18, c19, c20, c21, c22, c23, c24, c25, c26, c27, c28, c29, c30, c31, c32,
        c33, c34, c35, c36, c37, c38, c39, c40, c41, c42, c43, c44, c45, c46, c47, c48,
        c49;
};
#define C(member) WEIR_COLUMN(wide, member)
WEIR_ENTITY(wide, "wide",
    WEIR_COLUMN(wide, id, .primary_key = true),
    C(c01), C(c02), C(c03), C(c04), C(c05), C(c06), C(c07), C(c08), C(c09), C(c10), C(c11), C(c12), C(c13), C(c14),
    C(c15), C(c16), C(c17), C(c18), C(c19), C(c20), C(c21), C(c22), C(c23), C(c24), C(c25), C(c26), C(c27), C(c28),
    C(c29), C(c30), C(c31), C(c32), C(c33), C(c34), C(c35), C(c36), C(c37), C(c38), C(c39), C(c40), C(c41), C(c42),
    C(c43), C(c44), C(c45), C(c46), C(c47), C(c48), C(c49));
#undef C

static void test_case_171_fifty_columns_have_no_limit_of_parameters(void **state)
{
    test_database *db = *state;
    enum { COUNT = 2000 };
    weir_error error;
    weir_result *returned;
    assert_status(weir_create_all(db->engine, (const weir_entity *const[]){ &wide_entity, NULL }, &error), WEIR_OK);
    struct wide *rows = calloc(COUNT, sizeof *rows);
    for (int i = 0; i < COUNT; i++)
        rows[i] = (struct wide){ .id = i + 1, .c01 = i, .c49 = -i };
    weir_stmt *insert = weir_insert(&wide_entity);
    weir_returning(insert, WEIR_COL(wide, id), WEIR_COL(wide, c49));
    weir_connection *connection = weir_engine_begin(db->engine);
    test_log_clear(db->log);
    assert_int_equal(weir_connection_execute_many_with(connection, insert, rows, COUNT, WEIR_MANY_OPTIONS(.returned = &returned)), COUNT);
    assert_true(test_log_count(db->log, WEIR_LOG_STATEMENT) <= 4);
    int64_t k = 0;
    for (const weir_row *row; (row = weir_result_next(returned)) != NULL; k++) {
        assert_int_equal(weir_row_int64_at(row, 0), k + 1);
        assert_int_equal(weir_row_int64_at(row, 1), -k);
    }
    assert_int_equal(k, COUNT);
    close_result_ok(&returned);
    close_connection_ok(&connection);
    weir_stmt_free(&insert);
    free(rows);
    assert_int_equal(test_side_int(db, "SELECT sum(c49 + c01) + count(*) FROM wide"), COUNT);
}

/* Wide rows come back while others go out (RULES W10). */
static void test_wide_rows_returned(void **state)
{
    test_database *db = *state;
    enum { WIDTH = 1024 * 1024, COUNT = 40 };
    test_fixture(db, 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(COUNT, 1);
    char *wide = malloc(WIDTH + 1);
    memset(wide, 'w', WIDTH);
    wide[WIDTH] = 0;
    for (int i = 0; i < COUNT; i++)
        invoices[i].status = wide;
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_returning(insert, WEIR_COL(invoice, id), WEIR_COL(invoice, status));
    weir_result *returned;
    assert_int_equal(weir_connection_execute_many_with(connection, insert, invoices, COUNT, WEIR_MANY_OPTIONS(.returned = &returned)), COUNT);
    assert_true(test_log_count(db->log, WEIR_LOG_STATEMENT) > 5);       /* pages are bounded in bytes, too */
    const weir_row *row;
    for (int i = 1; (row = weir_result_next(returned)) != NULL; i++) {
        assert_int_equal(weir_row_int64(row, "id"), i);
        assert_int_equal(weir_row_text(row, "status").len, WIDTH);
    }
    close_result_ok(&returned);
    weir_stmt_free(&insert);
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT sum(length(status)) FROM invoices"), (int64_t)WIDTH * COUNT);
    free(wide);
    free(invoices);
}

static void test_case_177_update_returning_of_many(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_returning(update, WEIR_COL(invoice, id));
    int64_t rows = run_dicts(connection, update, DICTS(TOTAL(1, 1), TOTAL(2, 2)));
    assert_status((int)rows, WEIR_STATEMENT);
    assert_contains(weir_connection_error(connection)->message, "does not support UPDATE..RETURNING when executemany is used");
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    close_connection_ok(&connection);
}

/* ---- what fails ------------------------------------------------------------------------------------------------------------------------ */
/* A duplicate key in set k: which one it was is told, the table is as before, the transaction goes on. */
static void test_case_173_failing_set(void **state)
{
    static const size_t places[] = { 0, 1, 499, 999, 1000, 1500, 1999 }, pages[] = { 0, 1, 7, 2000 };
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *insert = weir_insert(&invoice_entity);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t p = 0; p < sizeof pages / sizeof *pages; p++) {
            struct invoice *invoices = make_invoices(2000, 1000);
            char place[64];
            run_ok(connection, "UPDATE invoices SET status = 'before' WHERE id = 1");
            invoices[places[i]].id = 7;
            int64_t rows = weir_connection_execute_many_with(connection, insert, invoices, 2000, WEIR_MANY_OPTIONS(.page_size = pages[p]));
            assert_status((int)rows, WEIR_INTEGRITY);
            const weir_error *error = weir_connection_error(connection);
            assert_int_equal(error->row, (int64_t)places[i] + 1);
            snprintf(place, sizeof place, "set %zu (id = 7)", places[i] + 1);
            assert_contains(error->detail, place);
            assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 10);
            assert_status(weir_connection_commit(connection), WEIR_OK);
            free(invoices);
        }
    weir_stmt_free(&insert);
    close_connection_ok(&connection);
    assert_int_equal(count_of(db), 10);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices WHERE status = 'before'"), 1);
}

/* Two sets with the same key: the second fails only because of the first. */
static void test_a_set_that_fails_by_one_before(void **state)
{
    test_database *db = *state;
    test_fixture(db, 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *insert = weir_insert(&invoice_entity);
    struct invoice *invoices = make_invoices(1000, 1);
    invoices[800].id = 100;
    int64_t rows = weir_connection_execute_many(connection, insert, invoices, 1000);
    assert_status((int)rows, WEIR_INTEGRITY);
    assert_int_equal(weir_connection_error(connection)->row, 801);
    weir_stmt_free(&insert);
    commit_and_close(&connection);
    assert_int_equal(count_of(db), 0);
    free(invoices);
}

static void test_stale_in_a_later_page(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(3000, 1);
    invoices[123].id = 5000;            /* sorted, it is the last */
    weir_stmt *update = update_totals();
    int64_t rows = weir_connection_execute_many(connection, update, invoices, 3000);
    assert_status((int)rows, WEIR_STALE_DATA);
    const weir_error *error = weir_connection_error(connection);
    assert_string_equal(error->message, "UPDATE statement on table 'invoices' expected to update 1000 row(s); 999 were matched.");
    assert_contains(error->detail, "set 124 (id = 5000)");
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT sum(total_cents) FROM invoices"), 10LL * 3000 * 3001 / 2);
    weir_stmt_free(&update);
    free(invoices);
}

static void test_refused_values(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(2500, 100);
    invoices[1700].status = "bad \xFF";
    weir_stmt *insert = weir_insert(&invoice_entity);
    int64_t rows = weir_connection_execute_many(connection, insert, invoices, 2500);
    assert_status((int)rows, WEIR_DATA);
    assert_int_equal(weir_connection_error(connection)->row, 1701);
    assert_string_equal(weir_connection_error(connection)->column, "status");
    assert_contains(weir_connection_error(connection)->detail, "set 1701");
    weir_stmt_free(&insert);
    commit_and_close(&connection);
    assert_int_equal(count_of(db), 10);
    free(invoices);
}

static void kill_backend(test_database *db, int pid)
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", pid);
    test_side_run(db, sql);
}

typedef struct killing { test_database *db; int pid; } killing;
static void kill_after_two_pages(int64_t done, void *context)
{
    killing *k = context;
    if (done == 2000)
        kill_backend(k->db, k->pid);
}

static void test_killed_backend(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(10000, 100);
    weir_stmt *insert = weir_insert(&invoice_entity);
    run_ok(connection, "SELECT 1");
    killing k = { db, weir_connection_backend_pid(connection) };
    int64_t rows = weir_connection_execute_many_with(connection, insert, invoices, 10000,
                                                     WEIR_MANY_OPTIONS(.progress = kill_after_two_pages, .context = &k));
    assert_status((int)rows, WEIR_OPERATIONAL);
    assert_true(weir_connection_error(connection)->disconnect);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 10);
    close_connection_ok(&connection);
    weir_stmt_free(&insert);
    free(invoices);
}

/* ---- upsert ---------------------------------------------------------------------------------------------------------------------------- */
static weir_stmt *upsert_totals(void)
{
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_on_conflict_do_update(insert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(invoice, id))));
    weir_conflict_set(insert, WEIR_COL(invoice, total_cents), WEIR_EXCLUDED(invoice, total_cents));
    return insert;
}

/* They are written in the order of their keys; a key that comes twice is returned twice, a row that stays as it was not at all. */
static void test_upserts_returned_in_input_order(void **state)
{
    enum { ROWS = 1500, OLD = 300 };
    test_database *db = *state;
    test_fixture(db, OLD);
    struct invoice *invoices = make_invoices(ROWS, 1);
    for (size_t i = 0; i < ROWS; i++)
        invoices[i] = (struct invoice){ 1 + (int64_t)(i * 1117 % ROWS), 1, (int64_t)i, "paid" };
    invoices[ROWS - 1].id = invoices[0].id;
    invoices[ROWS - 2].id = invoices[7].id;
    weir_stmt *upsert = weir_insert(&invoice_entity);
    weir_on_conflict_do_update(upsert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(invoice, id)), .where = WEIR_NE(WEIR_COL(invoice, id), 7)));
    weir_conflict_set(upsert, WEIR_COL(invoice, total_cents), WEIR_EXCLUDED(invoice, total_cents));
    weir_returning(upsert, WEIR_COL(invoice, id), WEIR_COL(invoice, total_cents));
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *returned;
    assert_int_equal(weir_connection_execute_many_with(connection, upsert, invoices, ROWS, WEIR_MANY_OPTIONS(.returned = &returned, .page_size = 400)),
                     ROWS - 1);
    for (size_t i = 0; i < ROWS; i++) {
        if (invoices[i].id == 7)
            continue;
        const weir_row *row = weir_result_next(returned);
        assert_non_null(row);
        assert_int_equal(weir_row_int64(row, "id"), invoices[i].id);
        assert_int_equal(weir_row_int64(row, "total_cents"), i);
    }
    assert_null(weir_result_next(returned));
    close_result_ok(&returned);
    commit_and_close(&connection);
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM invoices WHERE (id = %lld AND total_cents = %d) OR (id = %lld AND total_cents = %d)",
             (long long)invoices[0].id, ROWS - 1, (long long)invoices[7].id, ROWS - 2);
    assert_int_equal(test_side_int(db, sql), 2);
    weir_stmt_free(&upsert);
    free(invoices);
}

static void test_case_174_176_upserts(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *upsert = upsert_totals(), *nothing = weir_insert(&invoice_entity);
    weir_on_conflict_do_nothing(nothing, NULL);
    struct invoice two[] = { { 77777, 5, 500, "new" }, { 1, 5, 111, "changed" } };
    assert_int_equal(weir_connection_execute_many(connection, upsert, two, 2), 2);
    struct invoice again[] = { { 77778, 5, 500, "new" }, { 1, 5, 112, "changed" } };
    assert_int_equal(weir_connection_execute_many(connection, nothing, again, 2), 1);
    /* 176: the later value wins. */
    struct invoice thrice[] = { { 3, 1, 1, "" }, { 2, 1, 2, "" }, { 3, 1, 3, "" }, { 88888, 1, 4, "a" }, { 3, 1, 5, "" }, { 88888, 1, 6, "b" } };
    assert_int_equal(weir_connection_execute_many(connection, upsert, thrice, 6), 6);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 1 AND status = 'draft' AND tenant_id = 1"), 111);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 77777 AND status = 'new'"), 500);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 3"), 5);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 88888 AND status = 'a'"), 6);
    assert_int_equal(count_of(db), 13);
    weir_stmt_free(&upsert);
    weir_stmt_free(&nothing);
    close_connection_ok(&connection);
}

static void test_case_175_upsert_with_a_false_where(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_on_conflict_do_update(insert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(invoice, id)),
                                                             .where = WEIR_LT(WEIR_COL(invoice, id), 0)));
    weir_returning(insert, WEIR_COL(invoice, id));
    struct invoice two[] = { { 2, 5, 500, "new" }, { 1, 5, 111, "changed" } };
    weir_result *returned;
    assert_int_equal(weir_connection_execute_many_with(connection, insert, two, 2, WEIR_MANY_OPTIONS(.returned = &returned)), 0);
    assert_null(weir_result_next(returned));
    close_result_ok(&returned);
    weir_stmt_free(&insert);
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices WHERE status = 'draft'"), 10);
}

/* ---- beside other things ------------------------------------------------------------------------------------------------------------------- */
static void test_beside_an_open_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *query = weir_sql("SELECT id FROM invoices ORDER BY id"), *update = update_totals();
    weir_result *result = weir_connection_execute(connection, query, WEIR_EXECUTION_OPTIONS(.yield_per = 500));
    struct invoice *invoices = make_invoices(1500, 1);
    assert_next_ids(result, 1, 700);
    assert_int_equal(weir_connection_execute_many(connection, update, invoices, 1500), 1500);
    assert_next_ids(result, 701, 1700);
    assert_int_equal(weir_connection_execute_many(connection, update, invoices, 1), 1);
    assert_ids_to_end(result, 1701, 5000);
    close_result_ok(&result);
    weir_stmt_free(&query);
    weir_stmt_free(&update);
    commit_and_close(&connection);
    free(invoices);
}

static void test_arrays_by_column(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2000);
    weir_connection *connection = weir_engine_connect(db->engine);
    struct pair { int32_t id; int64_t other; } pairs[1500];
    int16_t totals[1500];
    for (int i = 0; i < 1500; i++) {
        pairs[i] = (struct pair){ 1500 - i, 0 };
        totals[i] = (int16_t)(1500 - i);
    }
    weir_stmt *update = weir_update(&invoice_entity);
    const weir_column_values columns[] = { { "id", WEIR_M_INT32, &pairs[0].id, sizeof *pairs }, { "total_cents", WEIR_M_INT16, totals, 0 } };
    assert_int_equal(weir_connection_execute_columns(connection, update, columns, 2, 1500, NULL), 1500);
    const weir_column_values wrong[] = { { "total_cents", WEIR_M_INT16, totals, 0 } };
    assert_status((int)weir_connection_execute_columns(connection, update, wrong, 1, 1500, NULL), WEIR_INVALID_REQUEST);
    assert_contains(weir_connection_error(connection)->message, "invoices.id");
    weir_stmt_free(&update);
    commit_and_close(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices WHERE total_cents = id"), 1500);
}

static void count_commits(int64_t done, void *context) { *(int64_t *)context = done; }

static void test_commit_every(void **state)
{
    test_database *db = *state;
    test_fixture(db, 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *insert = weir_insert(&invoice_entity);
    struct invoice *invoices = make_invoices(5000, 1);
    int64_t done = 0;
    invoices[3456].id = 1;
    int64_t rows = weir_connection_execute_many_with(connection, insert, invoices, 5000,
                                                     WEIR_MANY_OPTIONS(.commit_every = 1000, .page_size = 500, .progress = count_commits, .context = &done));
    assert_status((int)rows, WEIR_INTEGRITY);
    assert_int_equal(weir_connection_error(connection)->row, 3457);
    assert_int_equal(done, 3000);
    assert_int_equal(count_of(db), 3000);
    assert_int_equal(weir_connection_execute_many_with(connection, insert, invoices + 3457, 5000 - 3457, WEIR_MANY_OPTIONS(.commit_every = 1000)),
                     5000 - 3457);
    assert_int_equal(count_of(db), 3000 + 5000 - 3457);
    assert_false(weir_connection_in_transaction(connection));
    run_ok(connection, "SELECT 1");
    rows = weir_connection_execute_many_with(connection, insert, invoices, 10, WEIR_MANY_OPTIONS(.commit_every = 1000));
    assert_status((int)rows, WEIR_INVALID_REQUEST);
    weir_stmt_free(&insert);
    close_connection_ok(&connection);
    free(invoices);
}

static void test_update_from_structs_names_its_columns(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *update = weir_update(&invoice_entity);
    struct invoice one = { 1, 1, 1, "x" };
    assert_status((int)weir_connection_execute_many(connection, update, &one, 1), WEIR_INVALID_REQUEST);
    assert_contains(weir_connection_error(connection)->message, "weir_set_columns");
    weir_stmt_free(&update);
    close_connection_ok(&connection);
}

/* ---- a database that ends the transaction ------------------------------------------------------------------------------------------------ */

static void assert_ended(weir_connection *connection, int64_t rows, bool in_transaction)
{
    assert_status((int)rows, WEIR_INTEGRITY);
    assert_error(weir_connection_error(connection), WEIR_INTEGRITY);
    assert_string_equal(weir_connection_error(connection)->message, "ended by the database");
    assert_int_equal(weir_connection_in_transaction(connection), in_transaction);
    if (in_transaction)
        assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_PENDING_ROLLBACK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 5);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
}

/* SQLite takes the whole transaction back, with all savepoints, by RAISE(ROLLBACK), when a write is interrupted, when the disk is full:
 * the error is that one, not that of a savepoint which is not there any more. */
static void test_a_transaction_that_the_database_ends(void **state)
{
    static const size_t pages[] = { 0, 1, 7 };
    test_database *db = *state;
    test_fixture(db, 5);
    test_side_run(db, "CREATE TRIGGER ends BEFORE INSERT ON invoices WHEN NEW.id = 117 BEGIN SELECT RAISE(ROLLBACK, 'ended by the database'); END");
    weir_stmt *insert = weir_insert(&invoice_entity);
    struct invoice *invoices = make_invoices(40, 100);
    for (size_t i = 0; i < 2 * sizeof pages / sizeof *pages; i++) {
        bool autocommit = i % 2;
        weir_connection *connection = weir_engine_connect(db->engine);
        if (autocommit)
            weir_connection_options(connection, WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_AUTOCOMMIT));
        else
            run_ok(connection, "UPDATE invoices SET status = 'lost'");
        int64_t rows = weir_connection_execute_many_with(connection, insert, invoices, 40, WEIR_MANY_OPTIONS(.page_size = pages[i / 2]));
        assert_ended(connection, rows, !autocommit);
        weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &invoice_entity));
        (void)weir_copy_structs(copy, invoices, 40);
        assert_ended(connection, weir_copy_finish(&copy), !autocommit);
        close_connection_ok(&connection);
    }
    free(invoices);
    weir_stmt_free(&insert);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices WHERE status = 'lost'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_insert_update_delete_structs),
        ON_BOTH(test_case_155_dicts_sum_their_rows),
        ON_BOTH(test_case_156_157_158_columns_of_dicts),
        ON_BOTH(test_case_159_no_sets),
        ON_BOTH(test_case_160_164_166_updates_by_key),
        ON_BOTH(test_case_162_165_keys_that_match_nothing),
        ON_BOTH(test_case_167_additional_criteria),
        ON_BOTH(test_case_169_composite_keys),
        ON_BOTH(test_case_170_172_returned_in_input_order),
        ON_BOTH(test_case_171_fifty_columns_have_no_limit_of_parameters),
        ON_BOTH(test_upserts_returned_in_input_order),
        ON_BOTH(test_wide_rows_returned),
        ON_BOTH(test_case_173_failing_set),
        ON_BOTH(test_a_set_that_fails_by_one_before),
        ON_BOTH(test_stale_in_a_later_page),
        ON_POSTGRESQL(test_refused_values),
        ON_POSTGRESQL(test_killed_backend),
        ON_BOTH(test_case_174_176_upserts),
        ON_BOTH(test_case_175_upsert_with_a_false_where),
        ON_BOTH(test_case_177_update_returning_of_many),
        ON_BOTH(test_beside_an_open_stream),
        ON_BOTH(test_arrays_by_column),
        ON_BOTH(test_commit_every),
        ON_BOTH(test_update_from_structs_names_its_columns),
        ON_SQLITE(test_a_transaction_that_the_database_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
