/* Two writers of the same rows, each in an order of its own: neither waits for the other for ever (RULES U1). */
#include "support.h"
#include <pthread.h>
#include <stdlib.h>

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

static weir_stmt *upsert_totals(void)
{
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_on_conflict_do_update(insert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(invoice, id))));
    weir_conflict_set(insert, WEIR_COL(invoice, total_cents), WEIR_EXCLUDED(invoice, total_cents));
    return insert;
}

/* ---- two writers ------------------------------------------------------------------------------------------------------------------------- */
enum { KEYS = 120, ROUNDS = 1000 };
typedef struct writer { weir_engine *engine; unsigned seed; bool upserts; int failures; weir_error error; } writer;

static void shuffle(struct invoice *invoices, size_t count, unsigned *seed)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)rand_r(seed) % i;
        struct invoice kept = invoices[i - 1];
        invoices[i - 1] = invoices[other];
        invoices[other] = kept;
    }
}

static void *write_rounds(void *argument)
{
    writer *w = argument;
    struct invoice *invoices = make_invoices(KEYS, 1);
    weir_stmt *stmt = w->upserts ? upsert_totals() : update_totals();
    weir_connection *connection = weir_engine_connect(w->engine);
    for (int round = 0; round < ROUNDS && !w->failures; round++) {
        shuffle(invoices, KEYS, &w->seed);
        int64_t rows = weir_connection_execute_many_with(connection, stmt, invoices, KEYS - 20, WEIR_MANY_OPTIONS(.page_size = 30));
        if (rows < 0 || weir_connection_commit(connection) != WEIR_OK) {
            w->failures++;
            w->error = *weir_connection_error(connection);
        }
    }
    weir_stmt_free(&stmt);
    if (weir_connection_close(&connection) != WEIR_OK)
        w->failures++;
    free(invoices);
    return NULL;
}

static void test_two_writers_do_not_deadlock(void **state)
{
    test_database *db = *state;
    test_fixture(db, KEYS);
    test_side_run(db, "ANALYZE invoices");
    for (int upserts = 0; upserts < 2; upserts++) {
        writer writers[2] = { { .engine = db->engine, .seed = 1, .upserts = upserts }, { .engine = db->engine, .seed = 2, .upserts = upserts } };
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, write_rounds, &writers[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < 2; i++)
            assert_error(&writers[i].error, WEIR_OK);
    }
}

/* Texts as keys: the collation's order is not that of the bytes, and pages end anywhere. */
struct label { const char *name; int64_t n; };
WEIR_ENTITY(label, "labels", WEIR_COLUMN(label, name, .primary_key = true), WEIR_COLUMN(label, n));
static void *write_labels(void *argument)
{
    writer *w = argument;
    static const char *const names[] = { "a", "B", "c", "D", "\xC3\xA4", "e", "F", "\xC3\xA9", "g", "H", "_i", "j k", "J", "k", "L" };
    enum { NAMES = sizeof names / sizeof *names };
    struct label labels[NAMES];
    weir_stmt *stmt = weir_update(&label_entity);
    weir_set_columns(stmt, WEIR_COL(label, n));
    weir_connection *connection = weir_engine_connect(w->engine);
    for (int round = 0; round < ROUNDS && !w->failures; round++) {
        int count = 0;
        for (int i = 0; i < NAMES; i++)
            if (rand_r(&w->seed) % 3)
                labels[count++] = (struct label){ names[(i * 7 + round) % NAMES], round };
        int64_t rows = weir_connection_execute_many_with(connection, stmt, labels, (size_t)count, WEIR_MANY_OPTIONS(.page_size = 4));
        if (rows != count || weir_connection_commit(connection) != WEIR_OK) {
            w->failures++;
            w->error = *weir_connection_error(connection);
        }
    }
    weir_stmt_free(&stmt);
    if (weir_connection_close(&connection) != WEIR_OK)
        w->failures++;
    return NULL;
}

static void test_two_writers_of_texts(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE COLLATION words (provider = icu, locale = 'de'); CREATE TABLE labels (name text COLLATE words PRIMARY KEY, n bigint);"
                      "INSERT INTO labels SELECT unnest(ARRAY['a', 'B', 'c', 'D', '\xC3\xA4', 'e', 'F', '\xC3\xA9', 'g', 'H', '_i', 'j k', 'J', 'k', 'L'])");
    writer writers[2] = { { .engine = db->engine, .seed = 1 }, { .engine = db->engine, .seed = 2 } };
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_labels, &writers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++)
        assert_error(&writers[i].error, WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_two_writers_do_not_deadlock),
        ON_POSTGRESQL(test_two_writers_of_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
