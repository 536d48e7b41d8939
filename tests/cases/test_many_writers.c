/* Two writers of the same rows, each in an order of its own: neither waits for the other for ever (RULES U1). */
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

static weir_stmt *upsert_totals(void)
{
    weir_stmt *insert = weir_insert(&invoice_entity);
    weir_on_conflict_do_update(insert, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(invoice, id))));
    weir_conflict_set(insert, WEIR_COL(invoice, total_cents), WEIR_EXCLUDED(invoice, total_cents));
    return insert;
}

/* ---- two writers ------------------------------------------------------------------------------------------------------------------------- */
enum { KEYS = 120, ROUNDS = 1000 };
typedef enum way { UPDATES, LOCKED_UPDATES, FEW_UPDATES, DICTIONARIES, DELETES, UPSERTS, RETURNING, COPIES } way;
typedef struct writer { weir_engine *engine; unsigned seed; way way; int rounds, failures; weir_error error; } writer;

static void shuffle(struct invoice *invoices, size_t count, unsigned *seed)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)rand_r(seed) % i;
        struct invoice kept = invoices[i - 1];
        invoices[i - 1] = invoices[other];
        invoices[other] = kept;
    }
}

/* Keys as texts, which other programs have as numbers. */
static int64_t write_dicts(weir_connection *connection, const weir_stmt *stmt, const struct invoice *invoices, size_t count, const weir_many_options *options)
{
    weir_entry entries[KEYS][2];
    weir_dict dicts[KEYS];
    char ids[KEYS][24];
    for (size_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "%lld", (long long)invoices[i].id);
        entries[i][0] = (weir_entry){ "id", { .type = WEIR_T_TEXT, .as.text = { ids[i], strlen(ids[i]) } } };
        entries[i][1] = (weir_entry){ "total_cents", { .type = WEIR_T_INT64, .as.i = invoices[i].total_cents } };
        dicts[i] = (weir_dict){ entries[i], 2 };
    }
    return weir_connection_execute_dicts(connection, stmt, dicts, count, options);
}

static int64_t write_round(const writer *w, weir_connection *connection, const weir_stmt *stmt, const struct invoice *invoices)
{
    size_t count = w->way == FEW_UPDATES ? 60 : KEYS - 20;
    weir_result *returned = NULL;
    const weir_many_options *options = WEIR_MANY_OPTIONS(.page_size = 30, .count_missing = WEIR_ON, .returned = w->way == RETURNING ? &returned : NULL);
    if (w->way == DICTIONARIES)
        return write_dicts(connection, stmt, invoices, count, options);
    int64_t rows = weir_connection_execute_many_with(connection, stmt, invoices, count, options);
    if (returned)
        (void)!weir_result_close(&returned);
    return rows;
}

static void *write_rounds(void *argument)
{
    writer *w = argument;
    struct invoice *invoices = make_invoices(KEYS, 1);
    weir_stmt *stmt = w->way == DELETES ? weir_delete(&invoice_entity) : w->way >= UPSERTS ? upsert_totals() : update_totals();
    weir_connection *connection = weir_engine_connect(w->engine);
    if (w->way == LOCKED_UPDATES)
        (void)!weir_connection_options(connection, WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF));
    if (w->way == RETURNING)
        weir_returning(stmt, WEIR_COL(invoice, id));
    for (int round = 0; round < w->rounds && !w->failures; round++) {
        shuffle(invoices, KEYS, &w->seed);
        int64_t rows = write_round(w, connection, stmt, invoices);
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

static void run_two(writer *writers, void *(*run)(void *))
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &writers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++)
        assert_error(&writers[i].error, WEIR_OK);
}

static void write_both_ways(test_database *db, way one, way other, int rounds)
{
    test_side_run(db, "ANALYZE invoices");
    run_two((writer[]){ { .engine = db->engine, .seed = 1, .way = one, .rounds = rounds }, { .engine = db->engine, .seed = 2, .way = other, .rounds = rounds } },
            write_rounds);
}

static void test_two_writers_do_not_deadlock(void **state)
{
    test_database *db = *state;
    test_fixture(db, KEYS);
    long since = test_server_log_end();
    write_both_ways(db, UPDATES, UPDATES, ROUNDS);
    assert_int_equal(test_server_log_count(since, "FOR UPDATE"), 0);
    write_both_ways(db, LOCKED_UPDATES, LOCKED_UPDATES, ROUNDS / 2);
    assert_true(test_server_log_count(since, "FOR UPDATE") > 0);
    write_both_ways(db, UPSERTS, UPSERTS, ROUNDS);
}

/* Both ways at a time: rows locked first, and a plan that needs no lock. And other statements of the same keys. */
static void test_two_ways_do_not_deadlock(void **state)
{
    test_database *db = *state;
    test_fixture(db, KEYS);
    write_both_ways(db, UPDATES, LOCKED_UPDATES, ROUNDS);
    write_both_ways(db, UPDATES, FEW_UPDATES, ROUNDS / 4);
    write_both_ways(db, UPDATES, DICTIONARIES, ROUNDS / 4);
    write_both_ways(db, UPDATES, UPSERTS, ROUNDS / 4);
    write_both_ways(db, RETURNING, UPSERTS, ROUNDS / 4);
    write_both_ways(db, RETURNING, LOCKED_UPDATES, ROUNDS / 4);
}

/* Rows that come and go: an upsert locks those that are there and adds the others, all in one order. */
static void test_upserts_and_deletes_do_not_deadlock(void **state)
{
    test_database *db = *state;
    test_fixture(db, KEYS);
    write_both_ways(db, UPSERTS, DELETES, ROUNDS / 2);
    write_both_ways(db, UPDATES, DELETES, ROUNDS / 4);
}

/* Texts as keys: the order of the collation, or of the enum, is not that of the bytes, and pages end anywhere. */
struct label { const char *name; int64_t n; };
WEIR_ENTITY(label, "labels", WEIR_COLUMN(label, name, .primary_key = true), WEIR_COLUMN(label, n));
#define NAMES_SQL "'a', 'B', 'c', 'D', '\xC3\xA4', 'e', 'F', '\xC3\xA9', 'g', 'H', '_i', 'j k', 'J', 'k', 'L'"
static const char *const names[] = { "a", "B", "c", "D", "\xC3\xA4", "e", "F", "\xC3\xA9", "g", "H", "_i", "j k", "J", "k", "L" };
enum { NAMES = sizeof names / sizeof *names };

/* All of them by COPY. */
static int64_t copy_labels(weir_connection *connection, const struct label *labels, size_t count)
{
    static const char *const key[] = { "name", NULL };
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &label_entity, .upsert = key));
    (void)!weir_copy_structs(copy, labels, count);
    return weir_copy_finish(&copy);
}

static void *write_labels(void *argument)
{
    writer *w = argument;
    struct label labels[NAMES];
    weir_stmt *stmt = weir_update(&label_entity);
    weir_set_columns(stmt, WEIR_COL(label, n));
    weir_connection *connection = weir_engine_connect(w->engine);
    for (int round = 0; round < ROUNDS && !w->failures; round++) {
        int count = 0;
        for (int i = 0; i < NAMES; i++)
            if (rand_r(&w->seed) % 3)
                labels[count++] = (struct label){ names[(i * 7 + round) % NAMES], round };
        int64_t rows = w->way == COPIES ? copy_labels(connection, labels, (size_t)count)
                                        : weir_connection_execute_many_with(connection, stmt, labels, (size_t)count, WEIR_MANY_OPTIONS(.page_size = 4));
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
                      "INSERT INTO labels SELECT unnest(ARRAY[" NAMES_SQL "])");
    run_two((writer[]){ { .engine = db->engine, .seed = 1 }, { .engine = db->engine, .seed = 2 } }, write_labels);
    run_two((writer[]){ { .engine = db->engine, .seed = 1 }, { .engine = db->engine, .seed = 2, .way = COPIES } }, write_labels);
}

static void test_two_writers_of_enums(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TYPE word AS ENUM (" NAMES_SQL "); CREATE TABLE labels (name word PRIMARY KEY, n bigint);"
                      "INSERT INTO labels SELECT unnest(ARRAY[" NAMES_SQL "])::word");
    run_two((writer[]){ { .engine = db->engine, .seed = 1 }, { .engine = db->engine, .seed = 2 } }, write_labels);
    run_two((writer[]){ { .engine = db->engine, .seed = 1 }, { .engine = db->engine, .seed = 2, .way = COPIES } }, write_labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_two_writers_do_not_deadlock),
        ON_POSTGRESQL(test_two_ways_do_not_deadlock),
        ON_POSTGRESQL(test_upserts_and_deletes_do_not_deadlock),
        ON_POSTGRESQL(test_two_writers_of_texts),
        ON_POSTGRESQL(test_two_writers_of_enums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
