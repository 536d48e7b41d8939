/* The unit of work where a new instance takes the row of one that is deleted in the same flush, and where rows that refer to each
 * other are deleted together. */
#include "support.h"
#include <stdio.h>
#include <string.h>

WEIR_ENTITY_DECLARE(hen);
WEIR_ENTITY_DECLARE(egg);
WEIR_ENTITY_DECLARE(fox);
WEIR_ENTITY_DECLARE(vixen);
WEIR_ENTITY_DECLARE(country);
WEIR_ENTITY_DECLARE(town);
WEIR_ENTITY_DECLARE(label);
WEIR_ENTITY_DECLARE(pair);

struct hen { int64_t id; weir_opt_int64 egg_id; struct egg *egg; };
struct egg { int64_t id, hen_id; struct hen *hen; };
struct fox { int64_t id, vixen_id; struct vixen *vixen; };
struct vixen { int64_t id, fox_id; struct fox *fox; };
struct country { const char *code, *name; int64_t version; weir_opt_int64 since; WEIR_MANY(struct town) towns; WEIR_MANY(struct label) labels; };
struct town { const char *code; int64_t number; const char *name; struct country *country; };
struct label { int64_t id; const char *text; };
struct pair { int64_t one, other; };
WEIR_ENTITY(hen, "hens",
    WEIR_COLUMN(hen, id, .primary_key = true),
    WEIR_COLUMN(hen, egg_id),
    WEIR_BELONGS_TO(hen, egg, egg, egg_id));
WEIR_ENTITY(egg, "eggs",
    WEIR_COLUMN(egg, id, .primary_key = true),
    WEIR_COLUMN(egg, hen_id),
    WEIR_BELONGS_TO(egg, hen, hen, hen_id));
WEIR_ENTITY(fox, "foxes",
    WEIR_COLUMN(fox, id, .primary_key = true),
    WEIR_COLUMN(fox, vixen_id),
    WEIR_BELONGS_TO(fox, vixen, vixen, vixen_id));
WEIR_ENTITY(vixen, "vixens",
    WEIR_COLUMN(vixen, id, .primary_key = true),
    WEIR_COLUMN(vixen, fox_id),
    WEIR_BELONGS_TO(vixen, fox, fox, fox_id));
WEIR_ENTITY(country, "countries",
    WEIR_COLUMN(country, code, .primary_key = true),
    WEIR_COLUMN(country, name),
    WEIR_COLUMN(country, version, .version = true),
    WEIR_COLUMN(country, since, .server_generated = true),
    WEIR_HAS_MANY(country, towns, town, code, .order_by = "number", .cascade = WEIR_CASCADE_ALL | WEIR_CASCADE_DELETE_ORPHAN),
    WEIR_MANY_TO_MANY(country, labels, label, "country_labels", "code", "label_id", .order_by = "id"));
WEIR_ENTITY(town, "towns",
    WEIR_COLUMN(town, code, .primary_key = true, .foreign_key = "countries.code"),
    WEIR_COLUMN(town, number, .primary_key = true),
    WEIR_COLUMN(town, name),
    WEIR_BELONGS_TO(town, country, country, code));
WEIR_ENTITY(label, "labels",
    WEIR_COLUMN(label, id, .primary_key = true),
    WEIR_COLUMN(label, text));
WEIR_ENTITY(pair, "pairs",
    WEIR_COLUMN(pair, one, .primary_key = true),
    WEIR_COLUMN(pair, other, .primary_key = true));

#define CALL_OK(session, call) assert_error(((call) == WEIR_OK ? &(const weir_error){ 0 } : weir_session_error(session)), WEIR_OK)
#define CLOSE_OK(session) assert_int_equal(weir_session_close(&(session)), WEIR_OK)

static void make_tables(test_database *db)
{
    static const char *const tables[] = {
        "CREATE TABLE countries (code text PRIMARY KEY, name text, version bigint NOT NULL, since bigint DEFAULT 1800)",
        "CREATE TABLE towns (code text NOT NULL REFERENCES countries, number bigint NOT NULL, name text, PRIMARY KEY (code, number))",
        "CREATE TABLE labels (id bigint PRIMARY KEY, text text)",
        ("CREATE TABLE country_labels (code text NOT NULL REFERENCES countries, label_id bigint NOT NULL REFERENCES labels, "
         "PRIMARY KEY (code, label_id))"),
        "CREATE TABLE pairs (one bigint, other bigint, PRIMARY KEY (one, other))",
        "INSERT INTO countries VALUES ('at', 'Austria', 7, 996), ('ch', 'Switzerland', 3, 1291)",
        "INSERT INTO towns VALUES ('at', 1, 'Wien'), ('at', 2, 'Graz'), ('at', 3, 'Linz'), ('ch', 1, 'Bern')",
        "INSERT INTO labels VALUES (1, 'alps'), (2, 'danube'), (3, 'rhine')",
        "INSERT INTO country_labels VALUES ('at', 1), ('at', 2), ('ch', 1)",
        "INSERT INTO pairs VALUES (1, 2)",
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        test_side_run(db, tables[i]);
}

/* Two tables that refer to each other; rows 1 to `rows`, each with its like. */
static void make_cycle(test_database *db, const char *one, const char *key, const char *other, const char *back, int rows)
{
    char sql[400];
    const char *later = db->postgresql ? "" : " REFERENCES ";
    snprintf(sql, sizeof sql, "CREATE TABLE %s (id bigint PRIMARY KEY, %s bigint%s%s)", one, key, later, db->postgresql ? "" : other);
    test_side_run(db, sql);
    snprintf(sql, sizeof sql, "CREATE TABLE %s (id bigint PRIMARY KEY, %s bigint NOT NULL REFERENCES %s)", other, back, one);
    test_side_run(db, sql);
    for (int i = 1; i <= rows; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (%d, NULL)", one, i);
        test_side_run(db, sql);
        snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (%d, %d)", other, i, i);
        test_side_run(db, sql);
    }
    snprintf(sql, sizeof sql, "UPDATE %s SET %s = id", one, key);
    test_side_run(db, sql);
    snprintf(sql, sizeof sql, "ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %s", one, key, other);
    if (db->postgresql)
        test_side_run(db, sql);
}

static weir_session *open_session(test_database *db)
{
    const char *const enforce[] = { "foreign_keys", "on", NULL };
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = db->postgresql ? NULL : enforce));
    weir_session *session = weir_session_open(engine);
    weir_engine_close(&engine);
    return session;
}

static void test_rows_that_refer_to_each_other_are_deleted_together(void **state)
{
    test_database *db = *state;
    enum { ROWS = 40 };
    make_cycle(db, "hens", "egg_id", "eggs", "hen_id", ROWS);
    weir_session *session = open_session(db);
    struct hen *hens[ROWS];
    struct egg *eggs[ROWS];
    for (int64_t i = 0; i < ROWS; i++) {
        hens[i] = WEIR_GET(hen, session, i + 1);
        eggs[i] = WEIR_GET(egg, session, i + 1);
    }
    for (int round = 0; round < 2; round++) {           /* once to be rolled back */
        for (int i = 0; i < ROWS; i++) {
            CALL_OK(session, weir_session_delete(session, hens[i]));
            CALL_OK(session, weir_session_delete(session, eggs[i]));
        }
        CALL_OK(session, weir_session_flush(session));
        if (round == 0) {
            CALL_OK(session, weir_session_rollback(session));
            assert_int_equal(weir_load(hens[3], egg_id), WEIR_OK);
            assert_true(hens[3]->egg_id.present);
            assert_int_equal(hens[3]->egg_id.value, 4);
        }
    }
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT (SELECT count(*) FROM hens) + (SELECT count(*) FROM eggs)"), 0);
    CLOSE_OK(session);
}

static void test_a_cycle_without_null_is_named(void **state)
{
    test_database *db = *state;
    make_cycle(db, "foxes", "vixen_id", "vixens", "fox_id", 1);
    weir_session *session = open_session(db);
    struct fox *fox = WEIR_GET(fox, session, 1);
    struct vixen *vixen = WEIR_GET(vixen, session, 1);
    CALL_OK(session, weir_session_delete(session, fox));
    CALL_OK(session, weir_session_delete(session, vixen));
    assert_status(weir_session_flush(session), WEIR_FLUSH);
    assert_contains(weir_session_error(session)->message, "Circular dependency detected: <fox 1> before <vixen 1>, <vixen 1> before <fox 1>");
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM foxes"), 1);
    CLOSE_OK(session);
}

static struct country *new_country(weir_session *session, const char *code, const char *name)
{
    struct country *country = WEIR_NEW(country, session);
    country->code = code;
    country->name = name;
    CALL_OK(session, weir_session_add(session, country));
    return country;
}

static struct town *new_town(weir_session *session, struct country *country, int64_t number, const char *name)
{
    struct town *town = WEIR_NEW(town, session);
    town->number = number;
    town->name = name;
    CALL_OK(session, weir_collection_add(country, towns, town));
    return town;
}

/* Its row is updated, all of it; what the database made up stays; versions go on. */
static void test_a_new_instance_takes_the_row_of_a_deleted_one(void **state)
{
    test_database *db = *state;
    make_tables(db);
    weir_session *session = open_session(db);
    struct town *old = WEIR_GET(town, session, "ch", 1), *town = WEIR_NEW(town, session);
    struct pair *old_pair = WEIR_GET(pair, session, 1, 2), *pair = WEIR_NEW(pair, session);
    weir_retain(old);
    weir_retain(town);
    *pair = (struct pair){ 1, 2 };
    town->code = "ch";
    town->number = 1;
    CALL_OK(session, weir_session_delete(session, old));
    CALL_OK(session, weir_session_add(session, town));
    CALL_OK(session, weir_session_add(session, pair));          /* in whatever order */
    CALL_OK(session, weir_session_delete(session, old_pair));
    test_log_clear(db->log);
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "UPDATE towns SET name = "), 1);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 2);
    assert_int_equal(weir_state_of(old) & 0xf, WEIR_DELETED);
    assert_ptr_equal(WEIR_GET(town, session, "ch", 1), town);
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_state_of(town) & 0xf, WEIR_TRANSIENT);
    assert_int_equal(weir_state_of(old) & 0xf, WEIR_PERSISTENT);
    assert_ptr_equal(WEIR_GET(town, session, "ch", 1), old);
    assert_string_equal(old->name, "Bern");
    /* In a savepoint that is rolled back, then for good. */
    int nested = weir_session_begin_nested(session);
    assert_true(nested > 0);
    CALL_OK(session, weir_session_delete(session, old));
    CALL_OK(session, weir_session_add(session, town));
    CALL_OK(session, weir_session_flush(session));
    CALL_OK(session, weir_session_rollback_nested(session, nested));
    assert_ptr_equal(WEIR_GET(town, session, "ch", 1), old);
    CALL_OK(session, weir_session_delete(session, old));
    CALL_OK(session, weir_session_add(session, town));
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(weir_state_of(old) & 0xf, WEIR_DETACHED);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM towns WHERE code = 'ch' AND number = 1 AND name IS NULL"), 1);
    weir_release(old);
    weir_release(town);
    CLOSE_OK(session);
}

static void test_a_replaced_row_keeps_its_version_and_what_was_generated(void **state)
{
    test_database *db = *state;
    make_tables(db);
    weir_session *session = open_session(db);
    struct country *old = WEIR_GET(country, session, "ch"), *country = new_country(session, "ch", "Schweiz");
    CALL_OK(session, weir_session_delete(session, old));
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(country->version, 4);
    assert_true(country->since.present);
    assert_int_equal(country->since.value, 1291);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM countries WHERE code = 'ch' AND name = 'Schweiz' AND version = 4 AND since = 1291"), 1);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM towns WHERE code = 'ch'"), 0);      /* those of the deleted one */
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM country_labels WHERE code = 'ch'"), 0);
    /* Again, from one that is expired. */
    CALL_OK(session, weir_session_delete(session, country));
    new_country(session, "ch", "Svizzera");
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM countries WHERE name = 'Svizzera' AND version = 5 AND since = 1291"), 1);
    CLOSE_OK(session);
}

/* A version that is not the row's: nothing is replaced. */
static void test_a_row_that_another_one_wrote_is_not_replaced(void **state)
{
    test_database *db = *state;
    make_tables(db);
    weir_engine *engine = test_engine(db, NULL);
    weir_session *session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    weir_engine_close(&engine);
    struct country *old = WEIR_GET(country, session, "ch");
    assert_int_equal(weir_load(old, towns), WEIR_OK);
    CALL_OK(session, weir_session_commit(session));
    test_side_run(db, "UPDATE countries SET version = 9 WHERE code = 'ch'");
    CALL_OK(session, weir_session_delete(session, old));
    new_country(session, "ch", "Schweiz");
    assert_status(weir_session_flush(session), WEIR_STALE_DATA);
    assert_string_equal(weir_session_error(session)->message, "UPDATE statement on table 'countries' expected to update 1 row(s); 0 were matched.");
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_state_of(old) & 0xf, WEIR_PERSISTENT);
    CLOSE_OK(session);
}

/* A parent with its children and its rows of an association, all by keys of their own. */
static void test_a_whole_graph_is_replaced(void **state)
{
    test_database *db = *state;
    make_tables(db);
    weir_session *session = open_session(db);
    struct country *old = WEIR_GET(country, session, "at"), *country = new_country(session, "at", "Österreich");
    CALL_OK(session, weir_session_delete(session, old));
    new_town(session, country, 2, "Steyr");
    new_town(session, country, 3, "Wels");
    new_town(session, country, 4, "Enns");
    CALL_OK(session, weir_collection_add(country, labels, WEIR_GET(label, session, 2)));
    CALL_OK(session, weir_collection_add(country, labels, WEIR_GET(label, session, 3)));
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM countries WHERE code = 'at' AND name = 'Österreich' AND version = 8"), 1);
    assert_int_equal(test_side_int(db, "SELECT sum(CASE number || name WHEN '2Steyr' THEN 1 WHEN '3Wels' THEN 10 WHEN '4Enns' THEN 100 ELSE 1000 END) "
                                       "FROM towns WHERE code = 'at'"), 111);
    assert_int_equal(test_side_int(db, "SELECT sum(CASE label_id WHEN 2 THEN 1 WHEN 3 THEN 10 ELSE 100 END) FROM country_labels WHERE code = 'at'"), 11);
    CLOSE_OK(session);
}

/* A collection with delete-orphan that is made anew. */
static void test_the_items_of_a_collection_are_replaced(void **state)
{
    test_database *db = *state;
    make_tables(db);
    weir_session *session = open_session(db);
    struct country *country = WEIR_GET(country, session, "at");
    assert_int_equal(weir_load(country, towns), WEIR_OK);
    while (country->towns.count)
        CALL_OK(session, weir_collection_remove(country, towns, country->towns.items[0]));
    for (int64_t i = 2; i <= 5; i++)
        new_town(session, country, i, "new");
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM towns WHERE code = 'at' AND number BETWEEN 2 AND 5 AND name = 'new'"), 4);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM towns"), 5);
    assert_int_equal(weir_load(country, towns), WEIR_OK);
    assert_int_equal(country->towns.count, 4);
    CLOSE_OK(session);
}

/* One that is not being deleted keeps its row: the database says so. */
static void test_a_key_that_somebody_has_is_refused(void **state)
{
    test_database *db = *state;
    make_tables(db);
    weir_session *session = open_session(db);
    struct pair *had = WEIR_GET(pair, session, 1, 2), *pair = WEIR_NEW(pair, session);
    *pair = (struct pair){ 1, 2 };
    CALL_OK(session, weir_session_add(session, pair));
    assert_status(weir_session_flush(session), WEIR_INTEGRITY);
    CALL_OK(session, weir_session_rollback(session));
    assert_int_equal(weir_state_of(had) & 0xf, WEIR_PERSISTENT);
    CLOSE_OK(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_rows_that_refer_to_each_other_are_deleted_together), ON_BOTH(test_a_cycle_without_null_is_named),
        ON_BOTH(test_a_new_instance_takes_the_row_of_a_deleted_one),
        ON_BOTH(test_a_replaced_row_keeps_its_version_and_what_was_generated), ON_BOTH(test_a_row_that_another_one_wrote_is_not_replaced),
        ON_BOTH(test_a_whole_graph_is_replaced), ON_BOTH(test_the_items_of_a_collection_are_replaced),
        ON_BOTH(test_a_key_that_somebody_has_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
