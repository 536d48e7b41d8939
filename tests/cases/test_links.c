/* Links that share columns, children that move, rows of association tables that are asked for twice, keys that change places, keys of
 * fixed width. */
#include "support.h"
#include <stdio.h>
#include <string.h>

WEIR_ENTITY_DECLARE(shelf);
WEIR_ENTITY_DECLARE(vendor);
WEIR_ENTITY_DECLARE(item);
WEIR_ENTITY_DECLARE(box);
WEIR_ENTITY_DECLARE(toy);
WEIR_ENTITY_DECLARE(mark);
WEIR_ENTITY_DECLARE(place);
WEIR_ENTITY_DECLARE(land);
WEIR_ENTITY_DECLARE(town);

/* Everything belongs to a tenant, whose number is part of each key and each reference. */
struct shelf { int64_t tenant, id; WEIR_MANY(struct item) items; };
struct vendor { int64_t tenant, id; WEIR_MANY(struct item) items; };
struct item { int64_t tenant, id; weir_opt_int64 shelf_id, vendor_id; struct shelf *shelf; struct vendor *vendor; };
WEIR_ENTITY(shelf, "shelves", WEIR_COLUMN(shelf, tenant, .primary_key = true), WEIR_COLUMN(shelf, id, .primary_key = true),
    WEIR_TO_MANY(shelf, items, item, .pairs = WEIR_PAIRS(WEIR_PAIR(shelf, tenant, item, tenant), WEIR_PAIR(shelf, id, item, shelf_id)), .order_by = "id"));
WEIR_ENTITY(vendor, "vendors", WEIR_COLUMN(vendor, tenant, .primary_key = true), WEIR_COLUMN(vendor, id, .primary_key = true),
    WEIR_TO_MANY(vendor, items, item, .pairs = WEIR_PAIRS(WEIR_PAIR(vendor, tenant, item, tenant), WEIR_PAIR(vendor, id, item, vendor_id)), .order_by = "id"));
WEIR_ENTITY(item, "items", WEIR_COLUMN(item, tenant, .primary_key = true), WEIR_COLUMN(item, id, .primary_key = true),
    WEIR_COLUMN(item, shelf_id), WEIR_COLUMN(item, vendor_id),
    WEIR_TO_ONE(item, shelf, shelf, .pairs = WEIR_PAIRS(WEIR_PAIR(item, tenant, shelf, tenant), WEIR_PAIR(item, shelf_id, shelf, id))),
    WEIR_TO_ONE(item, vendor, vendor, .pairs = WEIR_PAIRS(WEIR_PAIR(item, tenant, vendor, tenant), WEIR_PAIR(item, vendor_id, vendor, id))));

struct box { int64_t id; const char *name; WEIR_MANY(struct toy) toys; WEIR_MANY(struct mark) marks; };
struct toy { int64_t id; weir_opt_int64 box_id; struct box *box; };
struct mark { int64_t id; const char *name; WEIR_MANY(struct box) boxes; };
WEIR_ENTITY(box, "boxes", WEIR_COLUMN(box, id, .primary_key = true), WEIR_COLUMN(box, name),
    WEIR_HAS_MANY(box, toys, toy, box_id, .order_by = "id", .cascade = WEIR_CASCADE_ALL | WEIR_CASCADE_DELETE_ORPHAN),
    WEIR_MANY_TO_MANY(box, marks, mark, "box_marks", "box_id", "mark_id", .order_by = "id"));
WEIR_ENTITY(toy, "toys", WEIR_COLUMN(toy, id, .primary_key = true), WEIR_COLUMN(toy, box_id), WEIR_BELONGS_TO(toy, box, box, box_id));
WEIR_ENTITY(mark, "marks", WEIR_COLUMN(mark, id, .primary_key = true), WEIR_COLUMN(mark, name),
    WEIR_MANY_TO_MANY(mark, boxes, box, "box_marks", "mark_id", "box_id", .order_by = "id"));

struct place { int64_t number; const char *who; int32_t version; };
WEIR_ENTITY(place, "places", WEIR_COLUMN(place, number, .primary_key = true), WEIR_COLUMN(place, who),
    WEIR_COLUMN(place, version, .version = true));

struct land { const char *code; const char *name; WEIR_MANY(struct town) towns; };
struct town { int64_t id; const char *land_code; struct land *land; };
WEIR_ENTITY(land, "lands", WEIR_COLUMN(land, code, .primary_key = true), WEIR_COLUMN(land, name),
    WEIR_HAS_MANY(land, towns, town, land_code, .order_by = "id"));
WEIR_ENTITY(town, "towns", WEIR_COLUMN(town, id, .primary_key = true), WEIR_COLUMN(town, land_code), WEIR_BELONGS_TO(town, land, land, land_code));

#define CALL_OK(session, call) assert_error(((call) == WEIR_OK ? &(const weir_error){ 0 } : weir_session_error(session)), WEIR_OK)
#define CLOSE_OK(session) assert_int_equal(weir_session_close(&(session)), WEIR_OK)

static void test_references_that_share_a_column_are_set_both(void **state)
{
    test_database *db = *state;
    char text[64];
    test_side_run(db, "CREATE TABLE shelves (tenant bigint, id bigint, PRIMARY KEY (tenant, id));"
                      "CREATE TABLE vendors (tenant bigint, id bigint, PRIMARY KEY (tenant, id));"
                      "CREATE TABLE items (tenant bigint, id bigint, shelf_id bigint, vendor_id bigint, PRIMARY KEY (tenant, id));"
                      "INSERT INTO shelves VALUES (7, 1); INSERT INTO vendors VALUES (7, 2); INSERT INTO items VALUES (7, 10, NULL, NULL)");
    weir_session *session = weir_session_open(db->engine);
    struct shelf *shelf = WEIR_GET(shelf, session, 7, 1);
    struct vendor *vendor = WEIR_GET(vendor, session, 7, 2);
    struct item *item = WEIR_GET(item, session, 7, 10), *fresh = WEIR_NEW(item, session);
    CALL_OK(session, weir_link(item, shelf, shelf));
    CALL_OK(session, weir_link(item, vendor, vendor));
    fresh->id = 11;
    CALL_OK(session, weir_collection_add(shelf, items, fresh));
    CALL_OK(session, weir_collection_add(vendor, items, fresh));
    CALL_OK(session, weir_session_commit(session));
    assert_string_equal(test_side_text(db, "SELECT tenant || '/' || coalesce(shelf_id, -1) || '/' || coalesce(vendor_id, -1) FROM items WHERE id = 10", text, sizeof text), "7/1/2");
    assert_string_equal(test_side_text(db, "SELECT tenant || '/' || coalesce(shelf_id, -1) || '/' || coalesce(vendor_id, -1) FROM items WHERE id = 11", text, sizeof text), "7/1/2");
    CLOSE_OK(session);
}

static void make_boxes(test_database *db)
{
    test_side_run(db, "CREATE TABLE boxes (id bigint PRIMARY KEY, name text); CREATE TABLE toys (id bigint PRIMARY KEY, box_id bigint REFERENCES boxes);"
                      "CREATE TABLE marks (id bigint PRIMARY KEY, name text); CREATE TABLE box_marks (box_id bigint, mark_id bigint, PRIMARY KEY (box_id, mark_id));"
                      "INSERT INTO boxes VALUES (1, 'a'), (2, 'b'); INSERT INTO toys VALUES (1, 1), (2, 1), (3, 2);"
                      "INSERT INTO marks VALUES (1, 'x'), (2, 'y'); INSERT INTO box_marks VALUES (1, 1)");
}

static void test_a_child_taken_out_and_put_elsewhere_stays(void **state)
{
    test_database *db = *state;
    for (int linked = 0; linked <= 1; linked++) {
        make_boxes(db);
        weir_session *session = weir_session_open(db->engine);
        struct box *a = WEIR_GET(box, session, 1), *b = WEIR_GET(box, session, 2);
        CALL_OK(session, weir_load(a, toys));
        struct toy *toy = a->toys.items[0];
        if (!linked)
            CALL_OK(session, weir_load(b, toys));
        CALL_OK(session, weir_collection_remove(a, toys, toy));
        CALL_OK(session, linked ? weir_link(toy, box, b) : weir_collection_add(b, toys, toy));
        CALL_OK(session, weir_session_commit(session));
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM toys"), 3);
        assert_int_equal(test_side_int(db, "SELECT box_id FROM toys WHERE id = 1"), 2);
        CLOSE_OK(session);
        test_side_run(db, "DROP TABLE box_marks; DROP TABLE toys; DROP TABLE marks; DROP TABLE boxes");
    }
}

static void test_taking_a_child_from_one_that_has_it_no_more(void **state)
{
    test_database *db = *state;
    make_boxes(db);
    weir_session *session = weir_session_open(db->engine);
    struct box *a = WEIR_GET(box, session, 1), *b = WEIR_GET(box, session, 2);
    CALL_OK(session, weir_load(a, toys));
    CALL_OK(session, weir_load(b, toys));
    struct toy *toy = a->toys.items[0];
    CALL_OK(session, weir_collection_add(b, toys, toy));
    assert_int_equal(a->toys.count, 1);
    assert_int_equal(b->toys.count, 2);
    CALL_OK(session, weir_collection_remove(a, toys, toy));
    assert_status(weir_collection_remove(a, toys, b->toys.items[0]), WEIR_INVALID_REQUEST);
    assert_contains(weir_session_error(session)->message, "Instance '<toy 3>' is not in 'toys' of instance '<box 1>'");
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM toys"), 3);
    assert_int_equal(test_side_int(db, "SELECT box_id FROM toys WHERE id = 1"), 2);
    CLOSE_OK(session);
}

static void test_what_is_in_a_collection_is_not_added_again(void **state)
{
    test_database *db = *state;
    make_boxes(db);
    weir_session *session = weir_session_open(db->engine);
    struct box *a = WEIR_GET(box, session, 1);
    CALL_OK(session, weir_load(a, marks));
    CALL_OK(session, weir_collection_add(a, marks, a->marks.items[0]));
    assert_int_equal(a->marks.count, 1);
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM box_marks"), 1);
    CLOSE_OK(session);
}

static void test_both_sides_of_an_association_say_the_same(void **state)
{
    test_database *db = *state;
    make_boxes(db);
    weir_session *session = weir_session_open(db->engine);
    struct box *b = WEIR_GET(box, session, 2);
    struct mark *y = WEIR_GET(mark, session, 2);
    CALL_OK(session, weir_load(b, marks));
    CALL_OK(session, weir_load(y, boxes));
    CALL_OK(session, weir_collection_add(b, marks, y));
    assert_int_equal(y->boxes.count, 1);
    CALL_OK(session, weir_collection_add(y, boxes, b));
    CALL_OK(session, weir_session_flush(session));
    assert_int_equal(y->boxes.count, 1);
    CALL_OK(session, weir_collection_remove(b, marks, y));
    CALL_OK(session, weir_collection_remove(y, boxes, b));
    CALL_OK(session, weir_session_commit(session));
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM box_marks"), 1);
    CLOSE_OK(session);
}

static void assert_places(weir_session *session, const struct place *one, const struct place *two, const struct place *three)
{
    assert_ptr_equal(WEIR_GET(place, session, 1), one);
    assert_ptr_equal(WEIR_GET(place, session, 2), two);
    assert_ptr_equal(WEIR_GET(place, session, 3), three);
    assert_int_equal(weir_session_count(session), 3);
    assert_int_equal(one->number, 1);
    assert_int_equal(three->number, 3);
}

static void test_keys_that_change_places(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE places (number bigint PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, who text, version int);"
                      "INSERT INTO places VALUES (1, 'a', 1), (2, 'b', 5), (3, 'c', 9)");
    weir_session *session = weir_session_open(db->engine);
    struct place *a = WEIR_GET(place, session, 1), *b = WEIR_GET(place, session, 2), *c = WEIR_GET(place, session, 3);
    char text[64];
    WEIR_SET(a, number, 2);
    WEIR_SET(b, number, 3);
    WEIR_SET(c, number, 1);
    CALL_OK(session, weir_session_flush(session));
    assert_places(session, c, a, b);
    CALL_OK(session, weir_session_rollback(session));
    assert_places(session, a, b, c);
    WEIR_SET(a, number, 2);
    WEIR_SET(b, number, 1);
    CALL_OK(session, weir_session_commit(session));
    assert_places(session, b, a, c);
    assert_string_equal(test_side_text(db, "SELECT string_agg(who, '' ORDER BY number) FROM places", text, sizeof text), "bac");
    /* Two rows of one key and version, for a while: the second UPDATE cannot tell them apart, and nothing of it stays. */
    test_side_run(db, "UPDATE places SET version = number + 2");
    CALL_OK(session, weir_session_rollback(session));
    assert_places(session, b, a, c);
    WEIR_SET(b, number, 2);
    WEIR_SET(a, number, 3);
    WEIR_SET(c, number, 1);
    assert_status(weir_session_flush(session), WEIR_STALE_DATA);
    CALL_OK(session, weir_session_rollback(session));
    assert_places(session, b, a, c);
    CLOSE_OK(session);
}

static void test_keys_of_fixed_width(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE lands (code char(5) PRIMARY KEY, name text); CREATE TABLE towns (id bigint PRIMARY KEY, land_code char(5));"
                      "INSERT INTO lands VALUES ('DE', 'x'), ('FR', 'y'), ('ABCDE', 'z'); INSERT INTO towns VALUES (1, 'DE'), (2, 'FR'), (3, 'FR'), (4, 'ABCDE')");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&land_entity);
    weir_order_by(stmt, WEIR_COL(land, code));
    weir_selectinload(stmt, WEIR_COL(land, towns));
    weir_yield_per(stmt, 2);
    weir_result *result = weir_session_scalars(session, stmt);
    struct land *land;
    size_t expect[] = { 1, 1, 2 }, i = 0;
    while ((land = WEIR_NEXT(land, result)))
        assert_int_equal(land->towns.count, expect[i++]);
    assert_int_equal(i, 3);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    land = WEIR_GET(land, session, "DE");
    assert_non_null(land);
    CALL_OK(session, weir_load(land, towns));
    assert_int_equal(land->towns.count, 1);
    struct town *town = land->towns.items[0];
    CALL_OK(session, weir_load(town, land));
    assert_ptr_equal(town->land, land);
    WEIR_SET(land, name, "n");
    CALL_OK(session, weir_session_flush(session));
    CALL_OK(session, weir_session_commit(session));
    CALL_OK(session, weir_load(land, name));
    assert_string_equal(land->name, "n");
    struct land *again = WEIR_GET(land, session, "DE");
    assert_ptr_equal(again, land);
    CLOSE_OK(session);
}

/* The database takes 'de' and 'DE' for one key. */
static void test_keys_that_the_database_alone_takes_for_equal(void **state)
{
    test_database *db = *state;
    if (db->postgresql)
        test_side_run(db, "CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
    const char *type = db->postgresql ? "text COLLATE anycase" : "text COLLATE NOCASE";
    char sql[400];
    snprintf(sql, sizeof sql, "CREATE TABLE lands (code %s PRIMARY KEY, name text); CREATE TABLE towns (id bigint PRIMARY KEY, land_code %s);"
             "INSERT INTO lands VALUES ('de', 'x'), ('FR', 'y'), ('it', 'z');"
             "INSERT INTO towns VALUES (1, 'DE'), (2, 'fr'), (3, 'FR'), (4, 'De'), (5, 'xx')", type, type);
    test_side_run(db, sql);
    const size_t expect[] = { 2, 2, 0 };
    for (int64_t batch = 0; batch <= 3; batch++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select(&land_entity), *children = weir_select(&town_entity);
        weir_order_by(stmt, WEIR_COL(land, code));
        weir_selectinload(stmt, WEIR_COL(land, towns));
        weir_selectinload(children, WEIR_COL(town, land));
        weir_order_by(children, WEIR_COL(town, id));
        weir_yield_per(stmt, batch);
        weir_result *result = weir_session_scalars(session, stmt);
        struct land *land;
        size_t i = 0;
        while ((land = WEIR_NEXT(land, result)))
            assert_int_equal(land->towns.count, expect[i++]);
        assert_int_equal(i, 3);
        close_result_ok(&result);
        result = weir_session_scalars(session, children);
        for (struct town *town; (town = WEIR_NEXT(town, result)) != NULL;)
            assert_true(town->id == 5 ? !town->land : town->land && weir_loaded(town, land) && town->land->name[0] == (town->id % 3 == 1 ? 'x' : 'y'));
        close_result_ok(&result);
        weir_stmt_free(&stmt);
        weir_stmt_free(&children);
        land = WEIR_GET(land, session, "de");
        CALL_OK(session, weir_load(land, towns));
        assert_int_equal(land->towns.count, 2);
        CLOSE_OK(session);
    }
}

/* An association table without a key says it twice: it is in the collection once, whatever loads it. */
static void test_rows_of_an_association_that_come_twice(void **state)
{
    test_database *db = *state;
    make_boxes(db);
    test_side_run(db, "DROP TABLE box_marks; CREATE TABLE box_marks (box_id bigint, mark_id bigint);"
                      "INSERT INTO box_marks VALUES (1, 1), (1, 2), (1, 1), (2, 1), (2, 1)");
    static const weir_lazy how[] = { WEIR_LAZY_SELECTIN, WEIR_LAZY_SUBQUERY, WEIR_LAZY_IMMEDIATE, WEIR_LAZY_SELECT, WEIR_LAZY_JOINED };
    for (size_t i = 0; i <= sizeof how / sizeof *how; i++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select(&box_entity);
        weir_order_by(stmt, WEIR_COL(box, id));
        if (i < sizeof how / sizeof *how)
            weir_load_option_(stmt, how[i], WEIR_EXPRS(WEIR_COL(box, marks)));
        else
            weir_joinedload_contiguous(stmt, WEIR_COL(box, marks));
        if (i != 4)
            weir_yield_per(stmt, 1);
        weir_result *result = weir_session_scalars(session, stmt);
        weir_stmt_free(&stmt);
        if (i == 4)
            weir_result_unique(result);
        for (int id = 1; id <= 2; id++) {
            struct box *box = WEIR_NEXT(box, result);
            assert_non_null(box);
            CALL_OK(session, weir_load(box, marks));
            assert_int_equal(box->marks.count, 3 - id);
            assert_int_equal(box->marks.items[0]->id, 1);
        }
        assert_null(WEIR_NEXT(box, result));
        close_result_ok(&result);
        CLOSE_OK(session);
    }
}

/* A rollback leaves values in the struct that the row has not: setting and linking the same again is a change all the same. */
static void test_what_was_rolled_back_can_be_done_again(void **state)
{
    test_database *db = *state;
    make_boxes(db);
    weir_session *session = weir_session_open(db->engine);
    struct box *b = WEIR_GET(box, session, 2);
    struct toy *toy = WEIR_GET(toy, session, 1);
    char text[64];
    for (int i = 0; i < 2; i++) {
        WEIR_SET(b, name, "again");
        CALL_OK(session, weir_link(toy, box, b));
        CALL_OK(session, i ? weir_session_commit(session) : weir_session_flush(session));
        CALL_OK(session, weir_session_rollback(session));
    }
    assert_string_equal(test_side_text(db, "SELECT name FROM boxes WHERE id = 2", text, sizeof text), "again");
    assert_int_equal(test_side_int(db, "SELECT box_id FROM toys WHERE id = 1"), 2);
    CLOSE_OK(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_references_that_share_a_column_are_set_both),
        ON_BOTH(test_a_child_taken_out_and_put_elsewhere_stays),
        ON_BOTH(test_taking_a_child_from_one_that_has_it_no_more),
        ON_BOTH(test_what_is_in_a_collection_is_not_added_again),
        ON_BOTH(test_both_sides_of_an_association_say_the_same),
        ON_POSTGRESQL(test_keys_that_change_places),
        ON_BOTH(test_keys_of_fixed_width),
        ON_BOTH(test_keys_that_the_database_alone_takes_for_equal),
        ON_BOTH(test_rows_of_an_association_that_come_twice),
        ON_BOTH(test_what_was_rolled_back_can_be_done_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
