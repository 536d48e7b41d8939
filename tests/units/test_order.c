/* The order of a statement's rows (transfer/order.h) on SQLite and on a real server (WEIR_TEST_PG): uniqueness, conditions behind a
 * place against the whole select, texts of keys, fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>
#include "base/arena.h"
#include "base/values.h"
#include "sql/dialect.h"
#include "transfer/order_parts.h"

struct holder { int64_t id; const char *name; };
struct thing {
    int64_t id;
    weir_opt_int64 k;
    const char *s;
    double d;
    int64_t holder_id;
    struct holder *holder;
    WEIR_MANY(struct part) parts;
};
struct part { int64_t id, thing_id, number; struct thing *thing; };
struct pair { int64_t a, b; int32_t code; };
WEIR_ENTITY_DECLARE(part);
WEIR_ENTITY(holder, "holders", WEIR_COLUMN(holder, id, .primary_key = true), WEIR_COLUMN(holder, name));
WEIR_ENTITY(thing, "things",
    WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, k), WEIR_COLUMN(thing, s), WEIR_COLUMN(thing, d),
    WEIR_COLUMN(thing, holder_id, .foreign_key = "holders.id"),
    WEIR_BELONGS_TO(thing, holder, holder, holder_id), WEIR_HAS_MANY(thing, parts, part, thing_id));
WEIR_ENTITY(part, "parts",
    WEIR_COLUMN(part, id, .primary_key = true), WEIR_COLUMN(part, thing_id, .foreign_key = "things.id"), WEIR_COLUMN(part, number),
    WEIR_BELONGS_TO(part, thing, thing, thing_id));
WEIR_ENTITY(pair, "pairs", WEIR_COLUMN(pair, a, .primary_key = true), WEIR_COLUMN(pair, b, .primary_key = true),
    WEIR_COLUMN(pair, code, .unique = true));

enum { MOST = 64, MOST_COLUMNS = 4 };

typedef struct place { weir_engine *engine; weir_connection *connection; const weir_dialect *dialect; weir_arena arena; } place;

static int set_up_on(void **state, const char *url, const weir_dialect *dialect)
{
    place *p = calloc(1, sizeof *p);
    p->dialect = dialect;
    weir_arena_init(&p->arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 0);
    if (weir_engine_open(&p->engine, url, NULL) != WEIR_OK)
        return -1;
    p->connection = weir_engine_connect(p->engine);
    *state = p;
    return 0;
}
static int set_up_sqlite(void **state) { return set_up_on(state, "sqlite://", &weir_dialect_sqlite); }
static int set_up_postgresql(void **state) { return set_up_on(state, getenv("WEIR_TEST_PG"), &weir_dialect_postgresql); }

static int tear_down(void **state)
{
    place *p = *state;
    int status = weir_connection_close(&p->connection);
    weir_engine_close(&p->engine);
    weir_arena_free(&p->arena);
    free(p);
    return status;
}

#define ON_BOTH(test) \
    cmocka_unit_test_setup_teardown(test, set_up_sqlite, tear_down), cmocka_unit_test_setup_teardown(test, set_up_postgresql, tear_down)

static void run(place *p, const char *sql)
{
    int64_t done = weir_connection_run(p->connection, sql);
    if (done < 0)
        fail_msg("%s: %s", sql, weir_connection_error(p->connection)->message);
}

static weir_order *order_of(place *p, const weir_stmt *stmt, const char *text, bool complete)
{
    weir_error error;
    const weir_order_options options = { .dialect = p->dialect, .text = text, .complete = complete, .unchecked = text != NULL };
    weir_order *order = weir_order_of(stmt, &options, weir_ledger_root(), &error);
    if (!order)
        fail_msg("%s", error.message);
    return order;
}

static int refusal(place *p, const weir_stmt *stmt, const char *text, weir_error *error)
{
    const weir_order_options options = { .dialect = p->dialect, .text = text, .unchecked = text != NULL };
    weir_order *order = weir_order_of(stmt, &options, weir_ledger_root(), error);
    assert_null(order);
    return error->status;
}

static bool in_parts;                   /* pages as unions of ranges, where they can be */

/* The ids (first column) of a range, and the key of the last row; how many. */
static size_t read_range(place *p, const weir_order *order, const weir_order_range *range, int64_t *ids, weir_value *last)
{
    weir_error error;
    weir_value key[MOST_COLUMNS];
    weir_stmt *stmt = in_parts ? weir_order_page(order, range, false, true) : weir_order_statement(order, range);
    weir_result *result = weir_connection_execute(p->connection, stmt, NULL);
    size_t count = 0;
    const weir_row *row;
    weir_stmt_free(&stmt);
    while ((row = weir_result_next(result)) != NULL) {
        assert_true(count < MOST);
        ids[count++] = weir_row_int64_at(row, 0);
        if (weir_order_key(order, row, key, &error) != WEIR_OK)
            fail_msg("%s", error.message);
        for (size_t i = 0; last && i < weir_order_count(order); i++)
            assert_int_equal(weir_value_copy(&p->arena, &key[i], &last[i]), WEIR_OK);
    }
    if (weir_result_error(result)->status != WEIR_OK)
        fail_msg("%s\n%s", weir_result_error(result)->message, weir_result_error(result)->sql);
    assert_int_equal(weir_result_close(&result), WEIR_OK);
    return count;
}

/* Page after page in one direction is the whole. */
static void check_pages(place *p, const weir_order *order, int64_t size, bool backwards)
{
    int64_t whole[MOST], paged[2 * MOST];
    size_t count = read_range(p, order, &(const weir_order_range){ .backwards = backwards }, whole, NULL), got = 0, more;
    weir_value last[MOST_COLUMNS];
    weir_order_range range = { .limit = size, .backwards = backwards };
    while ((more = read_range(p, order, &range, paged + got, last)) > 0) {
        got += more;
        assert_true(got <= count);
        range.after = last;
        weir_value again[MOST_COLUMNS];
        memcpy(again, last, sizeof again);
        memcpy(last, again, sizeof again);
    }
    assert_int_equal(got, count);
    assert_memory_equal(paged, whole, count * sizeof *whole);
}

/* Cut behind every row, the two halves are the whole. */
static void check_cuts(place *p, const weir_order *order)
{
    int64_t whole[MOST], head[MOST], tail[MOST];
    weir_value last[MOST_COLUMNS];
    size_t count = read_range(p, order, &(const weir_order_range){ .limit = 0 }, whole, NULL);
    for (size_t at = 1; at <= count; at += 3) {
        assert_int_equal(read_range(p, order, &(const weir_order_range){ .limit = (int64_t)at }, head, last), at);
        assert_int_equal(read_range(p, order, &(const weir_order_range){ .through = last }, head, NULL), at);
        assert_memory_equal(head, whole, at * sizeof *whole);
        assert_int_equal(read_range(p, order, &(const weir_order_range){ .after = last }, tail, NULL), count - at);
        assert_memory_equal(tail, whole + at, (count - at) * sizeof *whole);
        assert_int_equal(read_range(p, order, &(const weir_order_range){ .after = last, .backwards = true }, tail, NULL), at - 1);
        for (size_t i = 0; i + 1 < at; i++)
            assert_int_equal(tail[i], whole[at - 2 - i]);
    }
}

static void check_order(place *p, const weir_stmt *stmt, const char *text, bool complete)
{
    weir_order *order = order_of(p, stmt, text, complete);
    for (int64_t size = 1; size <= 11; size += 1 + size / 4)
        for (int way = 0; way < 4; way++) {
            in_parts = way & 2;
            check_pages(p, order, size, way & 1);
        }
    in_parts = false;
    check_cuts(p, order);
    weir_order_free(order);
}

static uint64_t random_state = 88172645463325252u;
static uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static void make_things(place *p, int rows)
{
    run(p, "DROP TABLE IF EXISTS things");
    run(p, "CREATE TEMP TABLE things(id bigint PRIMARY KEY, k bigint, s text, d double precision NOT NULL, holder_id bigint NOT NULL)");
    static const char *const texts[] = { "NULL", "''", "'a'", "'A'", "'ä'", "'b%_'", "'it''s'", "'\xf0\x9f\x90\x98'" };
    for (int i = 1; i <= rows; i++) {
        char sql[256], k[24] = "NULL";
        if (random_below(4))
            snprintf(k, sizeof k, "%d", (int)random_below(5) - 2);
        snprintf(sql, sizeof sql, "INSERT INTO things VALUES (%d, %s, %s, %d.5, %d)", (int)(i * 7 % 101), k, texts[random_below(8)],
                 (int)random_below(3), (int)random_below(3) + 1);
        run(p, sql);
    }
}

static const weir_expr *column_of(size_t which)
{
    static const weir_expr columns[] = {
        { .op = WEIR_OP_COLUMN, .entity = &thing_entity, .offset = offsetof(struct thing, k) },
        { .op = WEIR_OP_COLUMN, .entity = &thing_entity, .offset = offsetof(struct thing, s) },
        { .op = WEIR_OP_COLUMN, .entity = &thing_entity, .offset = offsetof(struct thing, d) },
        { .op = WEIR_OP_COLUMN, .entity = &thing_entity, .offset = offsetof(struct thing, id) },
    };
    return &columns[which];
}

/* Random columns in random directions, the id always among them. */
static void add_random_order(weir_stmt *stmt)
{
    bool used[4] = { false };
    for (size_t count = 1 + random_below(4); count-- > 0;) {
        size_t which = count ? random_below(4) : 3;
        if (used[which])
            continue;
        used[which] = true;
        const weir_expr *directed = random_below(2) ? WEIR_DESC(column_of(which)) : WEIR_ASC(column_of(which));
        switch (random_below(4)) {
        case 0: weir_order_by(stmt, WEIR_NULLS_FIRST(directed)); break;
        case 1: weir_order_by(stmt, WEIR_NULLS_LAST(directed)); break;
        case 2: weir_order_by(stmt, directed); break;
        default: weir_order_by(stmt, column_of(which));
        }
    }
    if (!used[3])
        weir_order_by(stmt, column_of(3));
}

/* The order that weir writes is the one that the statement itself has. */
static void check_same_as_itself(place *p, const weir_stmt *stmt)
{
    int64_t whole[MOST];
    size_t at = 0;
    weir_order *order = order_of(p, stmt, NULL, false);
    size_t count = read_range(p, order, &(const weir_order_range){ .limit = 0 }, whole, NULL);
    weir_result *result = weir_connection_execute(p->connection, stmt, NULL);
    const weir_row *row;
    while ((row = weir_result_next(result)) != NULL)
        assert_int_equal(weir_row_int64_at(row, 0), whole[at++]);
    assert_int_equal(at, count);
    assert_int_equal(weir_result_close(&result), WEIR_OK);
    weir_order_free(order);
}

static void test_random_orders_page_as_the_whole_select(void **state)
{
    place *p = *state;
    for (int round = 0; round < 25; round++) {
        if (round % 5 == 0)
            make_things(p, (int)random_below(40));
        weir_stmt *stmt = weir_select(&thing_entity);
        if (random_below(2))
            weir_where(stmt, WEIR_LE(WEIR_COL(thing, d), 2.0));
        add_random_order(stmt);
        check_same_as_itself(p, stmt);
        check_order(p, stmt, NULL, false);
        weir_stmt_free(&stmt);
    }
}

static void test_random_texts_page_as_the_whole(void **state)
{
    place *p = *state;
    static const char *const orders[] = {
        "id", "id desc not null", "k, id", "k desc nulls last, id", "k nulls first, id desc", "\"s\" desc, K ASC nulls last, id not null",
        "d not null, id not null", "d desc not null, id not null",
    };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        make_things(p, 30);
        weir_stmt *stmt = weir_sql("SELECT * FROM things WHERE id <> :none ORDER BY d; -- the end");
        WEIR_BIND(stmt, "none", 1000);
        check_order(p, stmt, orders[i], false);
        weir_stmt_free(&stmt);
    }
}

/* Case 214. */
static void test_case_214_nulls_and_duplicates(void **state)
{
    place *p = *state;
    static const char *const k[] = { "5", "5", "5", "NULL", "1", "NULL", "3", "3", "9", "NULL" };
    static const int64_t last[] = { 9, 1, 2, 3, 7, 8, 5, 4, 6, 10 }, first[] = { 10, 6, 4, 5, 8, 7, 3, 2, 1, 9 };
    int64_t ids[MOST];
    make_things(p, 0);
    for (int i = 0; i < 10; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO things VALUES (%d, %s, NULL, 0, 1)", i + 1, k[i]);
        run(p, sql);
    }
    for (int which = 0; which < 2; which++) {
        weir_stmt *stmt = weir_select(&thing_entity);
        weir_order_by(stmt, which ? WEIR_NULLS_FIRST(WEIR_ASC(WEIR_COL(thing, k))) : WEIR_NULLS_LAST(WEIR_DESC(WEIR_COL(thing, k))));
        weir_order_by(stmt, which ? WEIR_DESC(WEIR_COL(thing, id)) : WEIR_ASC(WEIR_COL(thing, id)));
        weir_order *order = order_of(p, stmt, NULL, false);
        assert_int_equal(read_range(p, order, &(const weir_order_range){ .limit = 0 }, ids, NULL), 10);
        assert_memory_equal(ids, which ? first : last, sizeof first);
        weir_order_free(order);
        check_order(p, stmt, NULL, false);
        weir_stmt_free(&stmt);
    }
}

/* ---- uniqueness (RULES K1) ---- */

static void by(weir_stmt *stmt, const weir_expr *order) { if (order) weir_order_by(stmt, order); }

static void expect_unique(place *p, weir_stmt *stmt, bool unique)
{
    weir_error error;
    if (unique)
        weir_order_free(order_of(p, stmt, NULL, false));
    else
        assert_true(weir_status_is(refusal(p, stmt, NULL, &error), WEIR_INVALID_REQUEST));
    weir_stmt_free(&stmt);
}

static void expect(place *p, weir_stmt *stmt, const weir_expr *first, const weir_expr *second, bool unique)
{
    by(stmt, first);
    by(stmt, second);
    expect_unique(p, stmt, unique);
}

static weir_stmt *things_with_parts(bool outer)
{
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(thing), WEIR_COL(part, id));
    weir_join_(stmt, outer ? WEIR_JOIN_LEFT : WEIR_JOIN_INNER, WEIR_COL(thing, parts), NULL, NULL);
    return stmt;
}

static void test_which_orders_are_unique(void **state)
{
    place *p = *state;
    expect(p, weir_select(&thing_entity), NULL, NULL, false);                                           /* case 215: no order */
    expect(p, weir_select(&thing_entity), WEIR_COL(thing, k), NULL, false);                             /* case 215: k only */
    expect(p, weir_select(&thing_entity), WEIR_COL(thing, k), WEIR_COL(thing, id), true);
    expect(p, weir_select(&pair_entity), WEIR_COL(pair, a), NULL, false);
    expect(p, weir_select(&pair_entity), WEIR_COL(pair, b), WEIR_DESC(WEIR_COL(pair, a)), true);
    expect(p, weir_select(&pair_entity), WEIR_COL(pair, code), NULL, true);                             /* unique, NOT NULL */
    weir_stmt *fixed = weir_select(&pair_entity);
    weir_where(fixed, WEIR_EQ(WEIR_COL(pair, a), 1));
    expect(p, fixed, WEIR_COL(pair, b), NULL, true);
    expect(p, things_with_parts(false), WEIR_COL(thing, id), NULL, false);                              /* a collection multiplies */
    expect(p, things_with_parts(false), WEIR_COL(part, id), NULL, true);                                /* a part has one thing */
    expect(p, things_with_parts(false), WEIR_COL(thing, id), WEIR_COL(part, id), true);
    expect(p, things_with_parts(true), WEIR_COL(part, id), NULL, false);        /* things without parts have none */
    expect(p, things_with_parts(true), WEIR_COL(thing, id), WEIR_COL(part, id), true);
    weir_stmt *to_one = weir_select_columns(WEIR_ENTITY_OF(thing), WEIR_COL(holder, name));
    weir_outer_join(to_one, WEIR_COL(thing, holder));
    expect(p, to_one, WEIR_COL(holder, name), WEIR_COL(thing, id), true);
    weir_stmt *product = weir_select_columns(WEIR_ENTITY_OF(thing), WEIR_COL(holder, name));
    expect(p, product, WEIR_COL(thing, id), NULL, false);
    weir_stmt *equated = weir_select_columns(WEIR_ENTITY_OF(thing), WEIR_COL(holder, name));
    weir_where(equated, WEIR_EQ(WEIR_COL(thing, holder_id), WEIR_COL(holder, id)));
    expect(p, equated, WEIR_COL(thing, id), NULL, true);
    weir_source *other = weir_alias(&thing_entity, "other");
    weir_stmt *self = weir_select_columns(WEIR_ENTITY_OF(thing));
    weir_join_on(self, WEIR_ALIAS_OF(other, thing), WEIR_EQ(WEIR_SCOL(other, thing, k), WEIR_COL(thing, k)));
    expect(p, self, WEIR_COL(thing, id), NULL, false);
    weir_source_free(&other);
    weir_stmt *limited = weir_select(&thing_entity);
    weir_limit(limited, 5);
    expect(p, limited, WEIR_COL(thing, id), NULL, false);
    weir_stmt *grouped = weir_select_columns(WEIR_COL(thing, id), WEIR_COUNT());
    weir_group_by(grouped, WEIR_COL(thing, id));
    expect(p, grouped, WEIR_COL(thing, id), NULL, false);
}

static void test_completed_by_the_primary_key(void **state)
{
    place *p = *state;
    make_things(p, 30);
    weir_stmt *stmt = weir_select(&thing_entity);
    weir_order *order = order_of(p, stmt, NULL, true);
    assert_int_equal(weir_order_count(order), 1);
    weir_order_free(order);
    weir_order_by(stmt, WEIR_DESC(WEIR_COL(thing, k)));
    order = order_of(p, stmt, NULL, true);
    assert_int_equal(weir_order_count(order), 2);
    assert_string_equal(weir_order_name(order, 1), "id");
    weir_order_free(order);
    check_order(p, stmt, NULL, true);
    weir_stmt_free(&stmt);
    stmt = things_with_parts(true);
    weir_order_by(stmt, WEIR_COL(thing, k));
    order = order_of(p, stmt, NULL, true);
    assert_int_equal(weir_order_count(order), 3);
    weir_order_free(order);
    weir_stmt_free(&stmt);
}

static void test_outer_joined_columns_may_be_null(void **state)
{
    place *p = *state;
    make_things(p, 25);
    run(p, "DROP TABLE IF EXISTS parts");
    run(p, "CREATE TEMP TABLE parts(id bigint PRIMARY KEY, thing_id bigint NOT NULL, number bigint NOT NULL)");
    run(p, "INSERT INTO parts SELECT id * 10, id, 1 FROM things WHERE id % 3 = 0");
    run(p, "INSERT INTO parts SELECT id * 10 + 1, id, 2 FROM things WHERE id % 3 = 0 AND id % 2 = 0");
    for (int which = 0; which < 4; which++) {
        weir_stmt *stmt = weir_select_columns(WEIR_COL(thing, id), WEIR_COL(part, id), WEIR_COL(part, number));
        weir_join_(stmt, WEIR_JOIN_LEFT, WEIR_COL(thing, parts), NULL, NULL);
        weir_order_by(stmt, which & 1 ? WEIR_DESC(WEIR_COL(part, number)) : WEIR_ASC(WEIR_COL(part, number)));
        weir_order_by(stmt, which & 2 ? WEIR_DESC(WEIR_COL(part, id)) : WEIR_ASC(WEIR_COL(part, id)));
        weir_order_by(stmt, WEIR_COL(thing, id));
        check_same_as_itself(p, stmt);
        check_order(p, stmt, NULL, false);
        weir_stmt_free(&stmt);
    }
}

static void test_texts_of_orders_that_are_none(void **state)
{
    place *p = *state;
    weir_error error;
    weir_stmt *stmt = weir_sql("SELECT 1 AS id"), *two = weir_sql("SELECT 1; SELECT 2"), *write = weir_sql("DELETE FROM things");
    static const char *const wrong[] = { ",", "id,", "id desc nulls", "id not", "id id", "lower(id)", "1", "id, id", "id; drop", "\"\"", "t.id" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(refusal(p, stmt, wrong[i], &error), WEIR_ARGUMENT);
    assert_int_equal(refusal(p, stmt, "", &error), WEIR_INVALID_REQUEST);
    assert_int_equal(refusal(p, stmt, NULL, &error), WEIR_INVALID_REQUEST);
    assert_int_equal(refusal(p, two, "id", &error), WEIR_INVALID_REQUEST);
    assert_int_equal(refusal(p, write, "id", &error), WEIR_INVALID_REQUEST);
    weir_stmt *select = weir_select(&thing_entity);
    assert_int_equal(refusal(p, select, "id", &error), WEIR_ARGUMENT);
    weir_stmt_free(&select);
    weir_stmt_free(&stmt);
    weir_stmt_free(&two);
    weir_stmt_free(&write);
}

/* A NULL where the order says that there is none is told, not lost. */
static void test_null_against_the_order_is_an_error(void **state)
{
    place *p = *state;
    weir_error error;
    weir_value key[1];
    weir_stmt *stmt = weir_sql("SELECT NULL AS id");
    weir_order *order = order_of(p, stmt, "id not null", false);
    weir_stmt *whole = weir_order_statement(order, &(const weir_order_range){ .limit = 1 });
    weir_result *result = weir_connection_execute(p->connection, whole, NULL);
    const weir_row *row = weir_result_next(result);
    assert_non_null(row);
    assert_int_equal(weir_order_key(order, row, key, &error), WEIR_DATA);
    assert_int_equal(weir_result_close(&result), WEIR_OK);
    weir_stmt_free(&whole);
    weir_stmt_free(&stmt);
    weir_order_free(order);
}

/* ---- what an index can use (RULES K2) ---- */

static void test_bounds_for_an_index(void **state)
{
    place *p = *state;
    char text[2048];
    weir_value key[2] = { weir_value_int(5), weir_value_int(7) };
    static const struct { bool first, second; const char *wanted; } cases[] = {
        { false, false, "WHERE (things.d, things.id) > (5, 7) ORDER BY things.d ASC, things.id ASC" },
        { true, true, "WHERE (things.d, things.id) < (5, 7) ORDER BY things.d DESC, things.id DESC" },
        { true, false, "WHERE things.d <= 5 AND (things.d < 5 OR things.id > 7) ORDER BY things.d DESC, things.id ASC" },
    };
    for (size_t i = 0; i < 3; i++) {
        weir_stmt *stmt = weir_select(&thing_entity);
        weir_order_by(stmt, cases[i].first ? WEIR_DESC(WEIR_COL(thing, d)) : WEIR_ASC(WEIR_COL(thing, d)));
        weir_order_by(stmt, cases[i].second ? WEIR_DESC(WEIR_COL(thing, id)) : WEIR_ASC(WEIR_COL(thing, id)));
        weir_order *order = order_of(p, stmt, NULL, false);
        weir_stmt *page = weir_order_statement(order, &(const weir_order_range){ .after = key });
        weir_stmt_text(page, p->dialect->name, true, text, sizeof text, NULL);
        assert_non_null(strstr(text, cases[i].wanted));
        weir_stmt_free(&page);
        weir_order_free(order);
        weir_stmt_free(&stmt);
    }
}

/* What the database says that it would do. */
static void explain(place *p, const weir_order *order, const weir_order_range *range, bool split, char *plan, size_t size)
{
    char sql[4096];
    weir_stmt *page = weir_order_page(order, range, false, split);
    size_t begun = (size_t)snprintf(sql, sizeof sql, p->dialect == &weir_dialect_sqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN (COSTS OFF) ");
    assert_true(weir_stmt_text(page, p->dialect->name, true, sql + begun, sizeof sql - begun, NULL) > 0);
    weir_stmt_free(&page);
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(p->connection, stmt, NULL);
    const weir_row *row;
    *plan = 0;
    while ((row = weir_result_next(result)) != NULL)
        snprintf(plan + strlen(plan), size - strlen(plan), "%s\n", weir_row_cstr_at(row, (int)weir_row_count(row) - 1));
    if (weir_result_error(result)->status != WEIR_OK)
        fail_msg("%s\n%s", weir_result_error(result)->message, sql);
    assert_int_equal(weir_result_close(&result), WEIR_OK);
    weir_stmt_free(&stmt);
}

static void want(const char *plan, const char *part, bool there)
{
    if ((strstr(plan, part) != NULL) != there)
        fail_msg("%s in the plan: %s\n%s", part, there ? "missing" : "not wanted", plan);
}

static void make_many(place *p)
{
    make_things(p, 0);
    run(p, "INSERT INTO things SELECT i, CASE WHEN i % 300 > 0 THEN i % 500 END, 'text ' || i % 1000, i % 400, 1 FROM "
           "(WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n) AS numbers");
    run(p, "CREATE INDEX things_d ON things(d, id)");
    run(p, "CREATE INDEX things_d_mixed ON things(d DESC, id)");
    run(p, "CREATE INDEX things_k ON things(k, id)");
    run(p, "CREATE INDEX things_s ON things(s, id)");
    run(p, "ANALYZE things");
}

/* A page costs the same at any depth: an index begins at the place, and nothing that lies in front of it is read and dropped. */
static void test_an_index_begins_at_the_place(void **state)
{
    place *p = *state;
    char plan[8192];
    const weir_value number = weir_value_double(2), null = weir_value_null(), text = weir_value_cstr("text 5"), id = weir_value_int(9000);
    const weir_value by_d[] = { number, id }, by_null[] = { null, id }, by_k[] = { weir_value_int(3), id }, by_s[] = { text, id };
    const struct { const weir_expr *first, *second; const weir_value *key; bool one; } cases[] = {
        { WEIR_ASC(column_of(2)), WEIR_ASC(column_of(3)), by_d, true },
        { WEIR_DESC(column_of(2)), WEIR_ASC(column_of(3)), by_d, false },
        { WEIR_ASC(column_of(0)), WEIR_ASC(column_of(3)), by_k, false },
        { WEIR_ASC(column_of(0)), WEIR_ASC(column_of(3)), by_null, false },
        { WEIR_ASC(column_of(1)), WEIR_ASC(column_of(3)), by_s, false },
        { WEIR_DESC(column_of(1)), WEIR_DESC(column_of(3)), by_s, false },
    };
    bool lite = p->dialect == &weir_dialect_sqlite;
    make_many(p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_stmt *stmt = weir_select(&thing_entity);
        weir_order_by(stmt, cases[i].first);
        weir_order_by(stmt, cases[i].second);
        weir_order *order = order_of(p, stmt, NULL, false);
        for (int backwards = 0; backwards < 2; backwards++) {
            explain(p, order, &(const weir_order_range){ .after = cases[i].key, .limit = 11, .backwards = backwards }, true, plan, sizeof plan);
            want(plan, lite ? "SEARCH things USING" : "Index Cond", true);
            want(plan, lite ? "SCAN things" : "Seq Scan", false);
            want(plan, "Filter", false);
            if (cases[i].one)
                want(plan, lite ? "MERGE" : "Append", false);
        }
        weir_order_free(order);
        weir_stmt_free(&stmt);
    }
    /* One statement, as a whole range is read: the bound on the leading column is there all the same. */
    weir_stmt *stmt = weir_select(&thing_entity);
    weir_order_by(stmt, WEIR_DESC(column_of(2)));
    weir_order_by(stmt, WEIR_ASC(column_of(3)));
    weir_order *order = order_of(p, stmt, NULL, false);
    explain(p, order, &(const weir_order_range){ .after = by_d, .limit = 11 }, false, plan, sizeof plan);
    want(plan, lite ? "SEARCH things USING INDEX things_d_mixed (d<?)" : "Index Cond: (d <= '2'::double precision)", true);
    weir_order_free(order);
    weir_stmt_free(&stmt);
}

/* ---- fingerprints ---- */

static void fingerprint_of(place *p, weir_stmt *stmt, char out[WEIR_FINGERPRINT_SIZE])
{
    weir_order *order = order_of(p, stmt, NULL, false);
    weir_order_fingerprint(order, out);
    assert_int_equal(strlen(out), 64);
    weir_order_free(order);
    weir_stmt_free(&stmt);
}

static weir_stmt *by_id(void)
{
    weir_stmt *stmt = weir_select(&thing_entity);
    weir_order_by(stmt, WEIR_COL(thing, id));
    return stmt;
}

static void test_fingerprints_are_of_what_decides_the_rows(void **state)
{
    place *p = *state;
    char first[WEIR_FINGERPRINT_SIZE], other[WEIR_FINGERPRINT_SIZE];
    fingerprint_of(p, by_id(), first);
    weir_stmt *stmt = by_id();
    weir_yield_per(stmt, 7);
    weir_selectinload(stmt, WEIR_COL(thing, parts));
    weir_joinedload(stmt, WEIR_COL(thing, holder));
    fingerprint_of(p, stmt, other);
    assert_string_equal(first, other);                  /* batches and loads are no part of it: case 220 */
    for (int which = 0; which < 4; which++) {
        stmt = which == 2 ? weir_select(&thing_entity) : by_id();
        if (which < 2)
            weir_where(stmt, WEIR_GT(WEIR_COL(thing, k), which));
        else if (which == 2)
            weir_order_by(stmt, WEIR_DESC(WEIR_COL(thing, id)));
        else
            weir_order_by(stmt, WEIR_COL(thing, k));
        char before[WEIR_FINGERPRINT_SIZE];
        memcpy(before, other, sizeof before);
        fingerprint_of(p, stmt, other);
        assert_string_not_equal(first, other);
        assert_string_not_equal(before, other);
    }
}

/* ---- keys as texts ---- */

static size_t write_key(const weir_value *key, size_t count, char *out)
{
    weir_buffer text;
    weir_error error;
    weir_buffer_init(&text, weir_ledger_root(), WEIR_MEMORY_BATCH, 1 << 20);
    assert_int_equal(weir_key_write(key, count, &text, &error), WEIR_OK);
    size_t length = text.length;
    memcpy(out, text.data, length);
    weir_buffer_free(&text);
    return length;
}

static void test_keys_as_texts(void **state)
{
    (void)state;
    weir_arena arena;
    weir_error error;
    weir_uuid uuid = { { 1, 2, 3, 255 } };
    weir_array array = { .element_type = WEIR_T_INT32 };
    const weir_value key[] = {
        weir_value_null(), weir_value_bool(true), weir_value_int(INT64_MIN), weir_value_double(-0.0), weir_value_double(NAN),
        weir_value_double(5e-324), weir_value_cstr(""), weir_value_text((weir_text){ "a\0\xc3\xa4", 4 }),
        weir_value_blob((weir_blob){ "\xff\0", 2 }), weir_value_numeric((weir_numeric){ "-12.50", 6 }), weir_value_date((weir_date){ INT32_MIN }),
        weir_value_time((weir_time){ 86400000000 }), weir_value_timetz((weir_timetz){ 5, -3600 }),
        weir_value_timestamp((weir_timestamp){ INT64_MAX }), weir_value_timestamptz((weir_timestamptz){ -1 }),
        weir_value_interval((weir_interval){ 1, -2, 3 }), weir_value_uuid(uuid), { .type = WEIR_T_INT32, .as.i = -5 },
        { .type = WEIR_T_FLOAT, .as.d = 0.5 }, { .type = WEIR_T_ENUM, .as.text = { "mood", 4 } },
    };
    enum { COUNT = sizeof key / sizeof *key };
    weir_value back[COUNT];
    char text[1024];
    size_t length = write_key(key, COUNT, text);
    for (size_t i = 0; i < length; i++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[i]));
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 0);
    assert_int_equal(weir_key_read(text, length, &arena, back, COUNT, &error), WEIR_OK);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(weir_value_equal(&key[i], &back[i]));
    assert_true(signbit(back[3].as.d));
    assert_int_equal(weir_key_read(text, length, &arena, back, COUNT - 1, &error), WEIR_DATA);
    weir_value refused = weir_value_array(&array);
    weir_buffer none;
    weir_buffer_init(&none, weir_ledger_root(), WEIR_MEMORY_BATCH, 100);
    assert_int_equal(weir_key_write(&refused, 1, &none, &error), WEIR_NOT_SUPPORTED);
    weir_buffer_free(&none);
    weir_arena_free(&arena);
}

/* Any change is told, or gives values that write themselves as that text again: nothing is read past its end, nothing is made up. */
static void test_damaged_keys(void **state)
{
    (void)state;
    weir_error error;
    weir_value back[3];
    const weir_value key[] = { weir_value_int(123456789), weir_value_cstr("a text of some length"), weir_value_numeric((weir_numeric){ "1.5", 3 }) };
    char text[512], again[512];
    size_t length = write_key(key, 3, text);
    for (size_t cut = 0; cut < length; cut++) {
        weir_arena arena;
        char *exact = malloc(cut + 1);              /* so that a sanitizer sees reads behind it */
        memcpy(exact, text, cut);
        weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 0);
        assert_int_equal(weir_key_read(exact, cut, &arena, back, 3, &error), WEIR_DATA);
        weir_arena_free(&arena);
        free(exact);
    }
    for (size_t at = 0; at < length; at++)
        for (int c = 0; c < 256; c++) {
            weir_arena arena;
            char changed[512];
            memcpy(changed, text, length);
            changed[at] = (char)c;
            weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 0);
            int status = weir_key_read(changed, length, &arena, back, 3, &error);
            assert_true(status == WEIR_OK || status == WEIR_DATA);
            if (status == WEIR_OK) {
                assert_int_equal(write_key(back, 3, again), length);
                assert_memory_equal(again, changed, length);
            }
            weir_arena_free(&arena);
        }
    assert_int_equal(weir_key_read(NULL, 0, NULL, back, 3, &error), WEIR_DATA);
}

static void test_same_places(void **state)
{
    place *p = *state;
    weir_stmt *stmt = weir_sql("SELECT 1 AS x");
    weir_order *order = order_of(p, stmt, "x", false);
    weir_value a = weir_value_numeric((weir_numeric){ "1.50", 4 }), b = weir_value_numeric((weir_numeric){ "01.5", 4 });
    assert_true(weir_order_same(order, &a, &b));
    b = weir_value_numeric((weir_numeric){ "-1.5", 4 });
    assert_false(weir_order_same(order, &a, &b));
    a = weir_value_double(0.0);
    b = weir_value_double(-0.0);
    assert_true(weir_order_same(order, &a, &b));
    a = weir_value_interval((weir_interval){ .months = 1 });
    b = weir_value_interval((weir_interval){ .days = 30 });
    assert_true(weir_order_same(order, &a, &b));
    a = weir_value_null();
    assert_false(weir_order_same(order, &a, &b));
    b = weir_value_null();
    assert_true(weir_order_same(order, &a, &b));
    weir_order_free(order);
    weir_stmt_free(&stmt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_214_nulls_and_duplicates),
        ON_BOTH(test_random_orders_page_as_the_whole_select),
        ON_BOTH(test_random_texts_page_as_the_whole),
        ON_BOTH(test_which_orders_are_unique),
        ON_BOTH(test_completed_by_the_primary_key),
        ON_BOTH(test_outer_joined_columns_may_be_null),
        ON_BOTH(test_texts_of_orders_that_are_none),
        ON_BOTH(test_null_against_the_order_is_an_error),
        ON_BOTH(test_bounds_for_an_index),
        ON_BOTH(test_an_index_begins_at_the_place),
        ON_BOTH(test_fingerprints_are_of_what_decides_the_rows),
        ON_BOTH(test_same_places),
        cmocka_unit_test(test_keys_as_texts),
        cmocka_unit_test(test_damaged_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
