/* COPY in: rows of structs, values and results into tables of both databases; what fails takes all of it back. */
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
        invoices[i] = (struct invoice){ first + (int64_t)i, (int64_t)i % 7, 10 * (first + (int64_t)i), i % 2 ? "draft" : "paid \xC3\xA9" };
    return invoices;
}

static weir_copy *open_invoices(weir_connection *connection)
{
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &invoice_entity));
    assert_error(weir_copy_error(copy), WEIR_OK);
    return copy;
}

static int64_t count_of(test_database *db) { return test_side_int(db, "SELECT count(*) FROM invoices"); }

/* ---- structs --------------------------------------------------------------------------------------------------------------------- */
static void test_structs_of_any_number(void **state)
{
    static const size_t counts[] = { 0, 1, 2, 999, 1000, 1001, 16383, 16384, 16385, 100000 };
    test_database *db = *state;
    test_fixture(db, 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        struct invoice *invoices = make_invoices(counts[i], 1);
        weir_copy *copy = open_invoices(connection);
        assert_status(weir_copy_structs(copy, invoices, counts[i]), WEIR_OK);
        assert_int_equal(weir_copy_rows(copy), (int64_t)counts[i]);
        assert_int_equal(weir_copy_finish(&copy), (int64_t)counts[i]);
        if (db->postgresql || counts[i] < 2000)         /* SQLite locks readers out when its cache is full */
            assert_int_equal(count_of(db), 0);          /* the program has not committed */
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_int_equal(count_of(db), (int64_t)counts[i]);
        if (counts[i] > 1) {
            char text[64];
            assert_int_equal(test_side_int(db, "SELECT sum(total_cents) FROM invoices"), (int64_t)(10 * counts[i] * (counts[i] + 1) / 2));
            assert_string_equal(test_side_text(db, "SELECT status FROM invoices WHERE id = 1", text, sizeof text), "paid \xC3\xA9");
        }
        run_ok(connection, "DELETE FROM invoices");
        assert_status(weir_connection_commit(connection), WEIR_OK);
        close_connection_ok(&connection);
        free(invoices);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_structs_of_any_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
