/* Entities: members found, column pairs of relationships, and each mistake of a mapping by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "sql/select.h"

/* The mistakes below overwrite on purpose what the macros say. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#elif defined(__GNUC__)
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

static weir_arena arena;
static weir_error error;

static int make_arena(void **state)
{
    (void)state;
    weir_arena_init(&arena, NULL, WEIR_MEMORY_STATEMENTS, 256);
    memset(&error, 0, sizeof error);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    weir_memory_figures figures;
    weir_arena_free(&arena);
    weir_memory_usage(&figures);
    return figures.bytes == 0 ? 0 : -1;
}

static void assert_wrong(const weir_entity *entity, int status, const char *message)
{
    assert_int_equal(weir_entity_check(entity, NULL), status);
    assert_int_equal(weir_entity_check(entity, &error), status);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
}

static weir_relationship resolved(const weir_entity *entity, size_t offset)
{
    weir_relationship relationship;
    assert_int_equal(weir_relationship_resolve(entity, weir_entity_member(entity, offset), &arena, &relationship, &error), WEIR_OK);
    return relationship;
}

/* ---- a mapping without mistakes ---- */

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(line);
WEIR_ENTITY_DECLARE(tag);
enum mood { CALM, CROSS };
static const char *const moods[] = { "calm", "cross" };
struct order {
    int64_t id;
    char state[16];
    enum mood mood;
    weir_opt_int64 parent_id;
    WEIR_MANY(struct line) lines;
    WEIR_MANY(struct tag) tags;
    WEIR_MANY(struct order) parts;
    struct order *parent;
};
struct line { int32_t nr; int64_t order_id; struct order *order; };
struct tag { int64_t id; };

WEIR_ENTITY(order, "shop.orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, state, .column = "status"),
    WEIR_ENUM_COLUMN(order, mood, moods),
    WEIR_COLUMN(order, parent_id, .foreign_key = "shop.orders.id", .nullable = true),
    WEIR_HAS_MANY(order, lines, line, order_id),
    WEIR_MANY_TO_MANY(order, tags, tag, "order_tags", "order_id", "tag_id"),
    WEIR_TO_MANY(order, parts, order),
    WEIR_TO_ONE(order, parent, order));
WEIR_ENTITY(line, "lines",
    WEIR_COLUMN(line, order_id, .primary_key = true, .foreign_key = "shop.orders.id"),
    WEIR_COLUMN(line, nr, .primary_key = true),
    WEIR_BELONGS_TO(line, order, order, order_id));
WEIR_ENTITY(tag, "tags", WEIR_COLUMN(tag, id, .primary_key = true));

struct report { int64_t tenant; double total; };
WEIR_ENTITY(report, NULL, WEIR_COLUMN(report, tenant), WEIR_COLUMN(report, total));

static void test_members_are_found(void **state)
{
    (void)state;
    assert_int_equal(weir_entity_check(&order_entity, &error), WEIR_OK);
    assert_int_equal(weir_entity_check(&line_entity, &error), WEIR_OK);
    assert_int_equal(weir_entity_check(&report_entity, NULL), WEIR_OK);
    assert_string_equal(weir_member_column(weir_entity_member(&order_entity, offsetof(struct order, state))), "status");
    assert_string_equal(weir_member_column(weir_entity_key(&order_entity, 0)), "id");
    assert_null(weir_entity_member(&order_entity, 1));
    assert_int_equal(weir_entity_key_count(&line_entity), 2);
    assert_string_equal(weir_entity_key(&line_entity, 1)->name, "nr");
    assert_null(weir_entity_key(&line_entity, 2));
    assert_int_equal(weir_entity_key_count(&report_entity), 0);
}

static void test_pairs_by_primary_key(void **state)
{
    (void)state;
    weir_relationship lines = resolved(&order_entity, offsetof(struct order, lines));
    assert_true(lines.to_many && lines.local_is_key && !lines.remote_is_key && !lines.through_association);
    assert_int_equal(lines.pair_count, 1);
    assert_string_equal(lines.local[0]->name, "id");
    assert_string_equal(lines.remote[0]->name, "order_id");
    weir_relationship order = resolved(&line_entity, offsetof(struct line, order));
    assert_true(!order.to_many && !order.local_is_key && order.remote_is_key);
    assert_string_equal(order.local[0]->name, "order_id");
    assert_ptr_equal(order.target, &order_entity);
    weir_relationship tags = resolved(&order_entity, offsetof(struct order, tags));
    assert_true(tags.to_many && tags.through_association && tags.local_is_key && !tags.remote_is_key);
    assert_string_equal(tags.remote[0]->name, "id");
}

static void test_pairs_by_foreign_key_in_either_direction_of_one_table(void **state)
{
    (void)state;
    weir_relationship parts = resolved(&order_entity, offsetof(struct order, parts));
    assert_string_equal(parts.local[0]->name, "id");
    assert_string_equal(parts.remote[0]->name, "parent_id");
    weir_relationship parent = resolved(&order_entity, offsetof(struct order, parent));
    assert_string_equal(parent.local[0]->name, "parent_id");
    assert_string_equal(parent.remote[0]->name, "id");
    assert_true(parent.remote_is_key);
}

/* ---- composite keys ---- */

struct shelf { int64_t room; int64_t nr; WEIR_MANY(struct book) books; };
struct book { int64_t id; int64_t shelf_nr; int64_t shelf_room; struct shelf *shelf; };
WEIR_ENTITY_DECLARE(book);
WEIR_ENTITY(shelf, "shelves",
    WEIR_COLUMN(shelf, room, .primary_key = true),
    WEIR_COLUMN(shelf, nr, .primary_key = true),
    WEIR_TO_MANY(shelf, books, book));
WEIR_ENTITY(book, "books",
    WEIR_COLUMN(book, id, .primary_key = true),
    WEIR_COLUMN(book, shelf_nr, .foreign_key = "shelves.nr"),
    WEIR_COLUMN(book, shelf_room, .foreign_key = "shelves.room"),
    WEIR_TO_ONE(book, shelf, shelf,
        .pairs = WEIR_PAIRS(WEIR_PAIR(book, shelf_room, shelf, room), WEIR_PAIR(book, shelf_nr, shelf, nr))));

static void test_composite_keys_pair_column_by_column(void **state)
{
    (void)state;
    assert_int_equal(weir_entity_check(&shelf_entity, &error), WEIR_OK);
    assert_int_equal(weir_entity_check(&book_entity, &error), WEIR_OK);
    weir_relationship books = resolved(&shelf_entity, offsetof(struct shelf, books));
    assert_int_equal(books.pair_count, 2);
    assert_string_equal(books.local[0]->name, "nr");
    assert_string_equal(books.remote[0]->name, "shelf_nr");
    assert_string_equal(books.local[1]->name, "room");
    assert_true(books.local_is_key);
    weir_relationship shelf = resolved(&book_entity, offsetof(struct book, shelf));
    assert_int_equal(shelf.pair_count, 2);
    assert_string_equal(shelf.local[0]->name, "shelf_room");
    assert_true(shelf.remote_is_key && !shelf.local_is_key);
}

/* ---- relationships whose pairs cannot be found ---- */

struct loose { int64_t id; WEIR_MANY(struct tag) tags; };
WEIR_ENTITY(loose, "loose", WEIR_COLUMN(loose, id, .primary_key = true), WEIR_TO_MANY(loose, tags, tag));

struct person { int64_t id; int64_t home_id, work_id; struct tag *home; };
WEIR_ENTITY(person, "people",
    WEIR_COLUMN(person, id, .primary_key = true),
    WEIR_COLUMN(person, home_id, .foreign_key = "tags.id"),
    WEIR_COLUMN(person, work_id, .foreign_key = "tags.id"),
    WEIR_TO_ONE(person, home, tag));

struct astray { int64_t id; int64_t tag_nr; struct tag *tag; };
WEIR_ENTITY(astray, "astray",
    WEIR_COLUMN(astray, id, .primary_key = true),
    WEIR_COLUMN(astray, tag_nr, .foreign_key = "tags.nr"),
    WEIR_TO_ONE(astray, tag, tag));

struct boxed { int64_t id; WEIR_MANY(struct book) books; };
WEIR_ENTITY(boxed, "boxed", WEIR_COLUMN(boxed, id), WEIR_COLUMN(boxed, id, .name = "x", .primary_key = true));

struct drawer { int64_t id; struct shelf *shelf; };
WEIR_ENTITY(drawer, "drawers", WEIR_COLUMN(drawer, id, .primary_key = true), WEIR_BELONGS_TO(drawer, shelf, shelf, id));

struct uneven { const char *id; struct tag *tag; };
WEIR_ENTITY(uneven, "uneven", WEIR_COLUMN(uneven, id, .primary_key = true), WEIR_BELONGS_TO(uneven, tag, tag, id));

struct tagged { int64_t id; const char *tag_id; struct tag *tag; };
WEIR_ENTITY(tagged, "tagged",
    WEIR_COLUMN(tagged, id, .primary_key = true),
    WEIR_COLUMN(tagged, tag_id, .foreign_key = "tags.id"),
    WEIR_TO_ONE(tagged, tag, tag));

struct unmapped { int64_t id; int64_t tag_id; struct tag *tag; };
WEIR_ENTITY(unmapped, "unmapped", WEIR_COLUMN(unmapped, id, .primary_key = true), WEIR_BELONGS_TO(unmapped, tag, tag, tag_id));

struct summed { int64_t id; struct report *report; };
WEIR_ENTITY(summed, "summed", WEIR_COLUMN(summed, id, .primary_key = true), WEIR_BELONGS_TO(summed, report, report, id));

static void test_case_068_relationships_without_pairs_and_foreign_keys(void **state)
{
    (void)state;
    assert_wrong(&loose_entity, WEIR_NO_FOREIGN_KEYS,
                 "Could not determine join condition between parent/child tables on relationship loose.tags");
    assert_true(weir_status_is(error.status, WEIR_ARGUMENT));
}

static void test_relationships_with_several_foreign_keys_are_ambiguous(void **state)
{
    (void)state;
    assert_wrong(&person_entity, WEIR_AMBIGUOUS_FOREIGN_KEYS, "person.home - there are multiple foreign key paths");
}

static void test_pairs_that_make_no_sense(void **state)
{
    (void)state;
    assert_wrong(&astray_entity, WEIR_MAPPING, "astray.tag_nr: its foreign key \"tags.nr\" names a column that tag does not map");
    assert_wrong(&boxed_entity, WEIR_MAPPING, "boxed.x: it overlaps boxed.id");
    assert_wrong(&drawer_entity, WEIR_MAPPING, "drawer.shelf: the primary key of shelf has 2 columns");
    assert_wrong(&uneven_entity, WEIR_MAPPING, "uneven.tag: it pairs uneven.id with tag.id");
    assert_wrong(&tagged_entity, WEIR_MAPPING, "tagged.tag: it pairs tagged.tag_id with tag.id");
    assert_wrong(&unmapped_entity, WEIR_MAPPING, "unmapped.tag: one of its pairs names a member of unmapped");
    assert_wrong(&summed_entity, WEIR_MAPPING, "summed.report: its target report has no table");
}

/* ---- tables of members with one mistake each ---- */

struct plain { int64_t id; int64_t other; char one[1]; enum mood mood; struct plain *next; WEIR_MANY(struct plain) all; };
static const char *const twice[] = { "a", "b", "a" };
static const char *const holes[] = { "a", NULL };
WEIR_ENTITY_DECLARE(plain);
#define KEY WEIR_COLUMN(plain, id, .primary_key = true)

static const struct { weir_member members[3]; const char *message; } mistakes[] = {
    { { WEIR_COLUMN(plain, id) }, "plain: it has no primary key" },
    { { KEY, { .kind = WEIR_MEMBER_COLUMN } }, "plain: the 2. of its members has no name" },
    { { KEY, WEIR_COLUMN(plain, other, .kind = (weir_member_kind)9) }, "plain.other: it is neither a column nor a relationship" },
    { { KEY, WEIR_COLUMN(plain, other, .offset = 1000) }, "plain.other: it does not lie in the entity's struct" },
    { { KEY, WEIR_COLUMN(plain, other, .name = "id") }, "plain.id: it is mapped twice" },
    { { KEY, WEIR_COLUMN(plain, other, .column = "id") }, "plain.other: it has the column \"id\", as plain.id has" },
    { { KEY, WEIR_COLUMN(plain, other, .column = "") }, "plain.other: the name of its column is empty" },
    { { KEY, WEIR_COLUMN(plain, other, .type = WEIR_M_COUNT_) }, "plain.other: the type of its member is not known" },
    { { KEY, WEIR_COLUMN(plain, other, .type = WEIR_M_INT32) }, "plain.other: its size is not that of its type" },
    { { KEY, WEIR_COLUMN(plain, other, .nullable = true) }, "plain.other: it is nullable, but its C type has no NULL" },
    { { WEIR_COLUMN(plain, id, .primary_key = true, .nullable = true) }, "plain.id: a primary key cannot be nullable" },
    { { KEY, WEIR_COLUMN(plain, one) }, "plain.one: a char[1] has room for nothing" },
    { { KEY, WEIR_COLUMN(plain, other, .foreign_key = "tags") }, "plain.other: its foreign key \"tags\" is not of the form" },
    { { KEY, WEIR_COLUMN(plain, other, .foreign_key = "tags.") }, "plain.other: its foreign key \"tags.\"" },
    { { KEY, WEIR_ENUM_COLUMN(plain, mood, twice) }, "plain.mood: its names table has 'a' twice" },
    { { KEY, WEIR_ENUM_COLUMN(plain, mood, holes) }, "plain.mood: its names table has no name for 1" },
    { { KEY, WEIR_ENUM_COLUMN(plain, mood, moods, .enum_names = NULL) }, "plain.mood: an enum needs the table of its names" },
    { { KEY, WEIR_BELONGS_TO(plain, next, plain, id, .target = NULL) }, "plain.next: its target is no entity" },
    { { KEY, WEIR_BELONGS_TO(plain, next, plain, id, .lazy = (weir_lazy)77) }, "plain.next: its .lazy is unknown" },
    { { KEY, WEIR_BELONGS_TO(plain, next, plain, id, .association = "x") }, "plain.next: a relationship to one has no association" },
    { { KEY, WEIR_MANY_TO_MANY(plain, all, plain, "", "a", "b") }, "plain.all: its association table needs a name" },
    { { KEY, WEIR_MANY_TO_MANY(plain, all, plain, "x", "a", NULL) }, "plain.all: a column of its association table has no name" },
};
WEIR_ENTITY(plain, "plain", KEY);

static void test_each_mistake_names_entity_and_member(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        size_t count = 3;
        while (!mistakes[i].members[count - 1].kind)
            count--;
        weir_entity entity = plain_entity;
        entity.members = mistakes[i].members;
        entity.member_count = count;
        assert_wrong(&entity, WEIR_MAPPING, mistakes[i].message);
    }
}

static void test_entities_that_are_none(void **state)
{
    (void)state;
    weir_entity entity = plain_entity;
    assert_wrong(NULL, WEIR_ARGUMENT, "the entity is NULL");
    entity.member_count = 0;
    assert_wrong(&entity, WEIR_MAPPING, "plain: it maps no members");
    static const char *const tables[] = { "", ".x", "x.", "a.b.c" };
    for (size_t i = 0; i < 4; i++) {
        entity = plain_entity;
        entity.table = tables[i];
        assert_wrong(&entity, WEIR_MAPPING, "is neither \"table\" nor \"schema.table\"");
    }
    entity = plain_entity;
    entity.name = NULL;
    assert_wrong(&entity, WEIR_MAPPING, "an entity has no name");
}

int main(void)
{
#define ENTITY_TEST(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        ENTITY_TEST(test_members_are_found),
        ENTITY_TEST(test_pairs_by_primary_key),
        ENTITY_TEST(test_pairs_by_foreign_key_in_either_direction_of_one_table),
        ENTITY_TEST(test_composite_keys_pair_column_by_column),
        ENTITY_TEST(test_case_068_relationships_without_pairs_and_foreign_keys),
        ENTITY_TEST(test_relationships_with_several_foreign_keys_are_ambiguous),
        ENTITY_TEST(test_pairs_that_make_no_sense),
        ENTITY_TEST(test_each_mistake_names_entity_and_member),
        ENTITY_TEST(test_entities_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
