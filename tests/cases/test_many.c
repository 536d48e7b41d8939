/* Many parameter sets: inserts, updates, deletes, upserts and textual SQL, from structs, arrays and dictionaries (cases 155 to 177). */
#include "support.h"
#include <pthread.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_insert_update_delete_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
