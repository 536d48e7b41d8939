/* Cases of part I that are one statement each: inserts, updates, deletes and upserts executed on both databases. */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id),
            WEIR_COLUMN(invoice, total_cents), WEIR_COLUMN(invoice, status));
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state));

#define ID WEIR_COL(invoice, id)
#define TOTAL WEIR_COL(invoice, total_cents)
#define STATUS WEIR_COL(invoice, status)

/* Values with commas, rows with semicolons. */
static void print_rows(weir_result *result, char *rows, size_t size)
{
    char value[256];
    size_t length = 0;
    rows[0] = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL && length < size - 300;)
        for (size_t i = 0; i < weir_row_count(row); i++) {
            const weir_value *v = weir_row_value_at(row, (int)i);
            weir_value_format(v, value, sizeof value);
            length += (size_t)snprintf(rows + length, size - length, "%s%s", i ? "," : length ? ";" : "", v->type == WEIR_T_NULL ? "NULL" : value);
        }
}

/* Executes it in a transaction of its own, committed; its rows (NULL: gives none), and its count (-1: not looked at). Frees the statement. */
static void writes(test_database *db, weir_stmt *stmt, int64_t count, const char *expected)
{
    char rows[4096];
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    if (expected)
        print_rows(result, rows, sizeof rows);
    if (weir_result_error(result)->status != WEIR_OK)
        fail_msg("%s (%s)", weir_result_error(result)->message, weir_result_error(result)->sql);
    if (count >= 0)
        assert_int_equal(weir_result_rowcount(result), count);
    close_result_ok(&result);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
    if (expected)
        assert_string_equal(rows, expected);
}

static void fails(test_database *db, weir_stmt *stmt, int status, const char *part)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), status);
    assert_contains(weir_result_error(result)->message, part);
    (void)!weir_result_close(&result);
    (void)!weir_connection_close(&connection);
    weir_stmt_free(&stmt);
}

static void is_now(test_database *db, const char *sql, int64_t expected) { assert_int_equal(test_side_int(db, sql), expected); }

static void test_insert_update_delete(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_set(insert, ID, 7);
    weir_set(insert, WEIR_COL(invoice, tenant_id), 1);
    weir_set(insert, TOTAL, WEIR_ADD(30, 40));
    weir_set(insert, STATUS, "sent");
    weir_returning(insert, ID, WEIR_LABEL(WEIR_MULTIPLY(TOTAL, 2), "twice"));
    writes(db, insert, 1, "7,140");
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, WEIR_ADD(TOTAL, 100));
    weir_where(update, WEIR_GE(ID, 3));
    writes(db, update, 2, NULL);
    is_now(db, "SELECT sum(total_cents) FROM invoices", 10 + 20 + 130 + 170);
    weir_stmt *delete = weir_delete(&invoice_entity);
    weir_where(delete, WEIR_EQ(STATUS, "sent"));
    weir_returning(delete, ID);
    writes(db, delete, 1, "7");
    is_now(db, "SELECT count(*) FROM invoices", 3);
}

/* A single set of values without a key is an ordinary update of all rows. */
static void test_case_163_an_update_of_all_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_stmt *update = weir_update(&invoice_entity);
    weir_set(update, TOTAL, 5);
    writes(db, update, 12, NULL);
    is_now(db, "SELECT sum(total_cents) FROM invoices", 60);
}

static weir_stmt *upsert_of_two(const weir_conflict_options *options, bool update)
{
    weir_stmt *stmt = weir_insert(&invoice_entity);
    weir_insert_row(stmt, 1, 1, 999, "late");
    weir_insert_row(stmt, 77777, 1, 888, "new");
    if (update) {
        weir_on_conflict_do_update(stmt, options);
        weir_conflict_set(stmt, TOTAL, WEIR_EXCLUDED(invoice, total_cents));
    } else {
        weir_on_conflict_do_nothing(stmt, options);
    }
    return stmt;
}

static void test_case_174_upserts(void **state)
{
    test_database *db = *state;
    char status[32];
    test_fixture(db, 12);
    writes(db, upsert_of_two(WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(ID)), true), 2, NULL);
    is_now(db, "SELECT total_cents FROM invoices WHERE id = 1", 999);
    assert_string_equal(test_side_text(db, "SELECT status FROM invoices WHERE id = 1", status, sizeof status), "draft");
    is_now(db, "SELECT total_cents FROM invoices WHERE id = 77777", 888);
}

static void test_case_174_do_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    writes(db, upsert_of_two(NULL, false), 1, NULL);
    is_now(db, "SELECT total_cents FROM invoices WHERE id = 1", 10);
    is_now(db, "SELECT count(*) FROM invoices", 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_insert_update_delete),
        ON_BOTH(test_case_163_an_update_of_all_rows),
        ON_BOTH(test_case_174_upserts),
        ON_BOTH(test_case_174_do_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
