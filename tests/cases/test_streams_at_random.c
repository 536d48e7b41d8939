/* Streams at random: tables, options, ways of reading and what comes between are drawn from a seed, several streams of a session at once;
 * each row is compared with what a formula says. WEIR_TEST_ROUNDS: how many tables (12); WEIR_TEST_SEED: the first one's seed. */
#include "support.h"
#include "chance.h"
#include "owners.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tables, and what is in them ---------------------------------------------------------------------------------------------- */
/* Owners 1 … owners, the o-th with count_of(o) items, numbered o * 1000 + 1 and so on. */
typedef struct world { int64_t owners, most, every, wide, each, narrow; } world;
enum { APART = 1000 };

static int64_t count_of(const world *w, int64_t owner) { return owner % w->every == 0 ? w->most : owner * 7 % 4; }
static int64_t width_of(const world *w, int64_t id) { return id % w->each == 3 ? w->wide : id % w->narrow; }
static bool is_null(int64_t id) { return id % 5 == 0; }

static world make_world(test_database *db)
{
    static const int64_t owners[] = { 0, 1, 2, 99, 100, 101, 250, 600 }, most[] = { 0, 1, 40, 150 }, every[] = { 7, 50, 101 };
    static const int64_t wide[] = { 10, 3000, 9000, 70000 }, each[] = { 11, 97, 400 };
    world w = { DRAW(owners), DRAW(most), DRAW(every), DRAW(wide), DRAW(each), draw(1, 40) };
    char sql[2048];
    snprintf(sql, sizeof sql,
             "DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS owners; DROP TABLE IF EXISTS numbers;"
             "CREATE TABLE owners(id bigint PRIMARY KEY, name text NOT NULL);"
             "CREATE TABLE items(id bigint PRIMARY KEY, owner_id bigint NOT NULL, text text NOT NULL, number bigint);"
             "CREATE TABLE numbers(n bigint PRIMARY KEY);"
             "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 999) INSERT INTO numbers SELECT n FROM g;"
             "INSERT INTO owners SELECT n, 'owner ' || n FROM numbers WHERE n <= %lld;"
             "INSERT INTO items SELECT id, owner_id, %s, CASE WHEN id %% 5 = 0 THEN NULL ELSE id * 3 END FROM"
             " (SELECT o.id * 1000 + n AS id, o.id AS owner_id FROM owners o JOIN numbers ON"
             "  n <= CASE WHEN o.id %% %lld = 0 THEN %lld ELSE o.id * 7 %% 4 END) AS made;"
             "CREATE INDEX of_owner ON items(owner_id)",
             (long long)w.owners, db->postgresql ? "repeat('t', (CASE WHEN id % EACH = 3 THEN WIDE ELSE id % NARROW END)::int)"
                                                 : "replace(hex(zeroblob(CASE WHEN id % EACH = 3 THEN WIDE ELSE id % NARROW END)), '00', 't')",
             (long long)w.every, (long long)w.most);
    static const char *const names[] = { "EACH", "WIDE", "NARROW" };
    const int64_t values[] = { w.each, w.wide, w.narrow };
    for (size_t i = 0; i < 3; i++) {
        char *at = strstr(sql, names[i]), rest[2048];
        snprintf(rest, sizeof rest, "%s", at + strlen(names[i]));
        snprintf(at, sizeof sql - (size_t)(at - sql), "%lld%s", (long long)values[i], rest);
    }
    test_side_run(db, sql);
    return w;
}

/* ---- streams ------------------------------------------------------------------------------------------------------------------------ */
typedef enum kind { ROWS, ITEMS, ITEM_ROWS, MIXED, OUTER, OWNERS, SELECTIN, CONTIGUOUS, KINDS } kind;
typedef struct stream {
    kind         kind;
    weir_result *result;
    weir_execution_options options;
    int64_t      owner, place;          /* of what was seen last */
    int64_t      seen;
    bool         gathers;               /* a list of any size is read at once, which a budget may have no room for */
} stream;

/* Moves to what comes next; false: that was all. */
static bool expect(const world *w, stream *s)
{
    if (s->kind >= OWNERS)
        return ++s->owner <= w->owners;
    if (s->owner && s->place < count_of(w, s->owner)) {
        s->place++;
        return true;
    }
    while (++s->owner <= w->owners) {
        s->place = count_of(w, s->owner) ? 1 : 0;
        if (s->place || s->kind == OUTER)
            return true;
    }
    return false;
}

static void check_text(const world *w, int64_t id, weir_text text)
{
    assert_int_equal(text.len, width_of(w, id));
    assert_true(text.len == 0 || (text.ptr[0] == 't' && text.ptr[text.len - 1] == 't'));
}

static void check_item(const world *w, const struct item *item, int64_t owner, int64_t place)
{
    int64_t id = owner * APART + place;
    assert_non_null(item);
    assert_int_equal(item->id, id);
    assert_int_equal(item->owner_id, owner);
    assert_int_equal(item->number.present, !is_null(id));
    assert_true(is_null(id) || item->number.value == id * 3);
    check_text(w, id, item->text);
}

static void check_owner(const world *w, const stream *s, const struct owner *owner)
{
    char name[32];
    int length = snprintf(name, sizeof name, "owner %lld", (long long)s->owner);
    assert_non_null(owner);
    assert_int_equal(owner->id, s->owner);
    assert_true(owner->name.len == (size_t)length && memcmp(owner->name.ptr, name, (size_t)length) == 0);
    if (s->kind < SELECTIN)
        return;
    assert_int_equal(owner->items.count, count_of(w, s->owner));
    for (size_t i = 0; i < owner->items.count; i++)
        check_item(w, owner->items.items[i], s->owner, (int64_t)i + 1);
}

static void check_row(const world *w, const stream *s, const weir_row *row)
{
    int64_t id = s->owner * APART + s->place;
    if (s->kind == ROWS) {
        assert_int_equal(weir_row_int64_at(row, 0), id);
        check_text(w, id, weir_row_text_at(row, 1));
        assert_int_equal(weir_row_is_null_at(row, 2), is_null(id));
        assert_int_equal(weir_row_opt_int64(row, "number").value, is_null(id) ? 0 : id * 3);
    } else if (s->kind == OUTER && s->place == 0) {
        assert_null(WEIR_ROW(item, row));
    } else if (s->kind >= OWNERS) {
        check_owner(w, s, WEIR_ROW(owner, row));
    } else {
        check_item(w, WEIR_ROW(item, row), s->owner, s->place);
        if (s->kind == MIXED) {
            assert_int_equal(WEIR_ROW(owner, row)->id, s->owner);
            check_text(w, id, weir_row_text(row, "again"));
        }
    }
}

static void took(const world *w, stream *s)
{
    s->seen++;
    if (!expect(w, s))
        fail_msg("stream %d has more than %lld rows", s->kind, (long long)s->seen - 1);
}

static weir_stmt *statement(kind k)
{
    weir_stmt *stmt = NULL;
    switch (k) {
    case ROWS: return weir_sql("SELECT id, text, number FROM items ORDER BY id");
    case ITEMS: case ITEM_ROWS: stmt = weir_select(&item_entity); break;
    case MIXED:
        stmt = weir_select_columns(WEIR_ENTITY_OF(item), WEIR_ENTITY_OF(owner), WEIR_LABEL(WEIR_COL(item, text), "again"));
        weir_join_on(stmt, WEIR_ENTITY_OF(owner), WEIR_EQ(WEIR_COL(item, owner_id), WEIR_COL(owner, id)));
        break;
    case OUTER:
        stmt = weir_select(&item_entity);
        weir_from(stmt, WEIR_ENTITY_OF(owner));
        weir_outer_join(stmt, WEIR_COL(owner, items));
        weir_order_by(stmt, WEIR_COL(owner, id));
        break;
    case OWNERS: case SELECTIN: case CONTIGUOUS: case KINDS:
        stmt = weir_select(&owner_entity);
        weir_order_by(stmt, WEIR_COL(owner, id));
        if (k == SELECTIN)
            weir_selectinload(stmt, WEIR_COL(owner, items));
        else if (k == CONTIGUOUS)
            weir_joinedload_contiguous(stmt, WEIR_COL(owner, items));
        return stmt;
    }
    weir_order_by(stmt, WEIR_COL(item, id));
    return stmt;
}

static weir_execution_options draw_options(kind k)
{
    static const int64_t batches[] = { 0, 1, 2, 3, 10, 97, 100, 1000 };
    static const int64_t budgets[] = { 256, 300, 512, 1000, 3000, 9000 };       /* KiB */
    weir_execution_options options = { .struct_size = sizeof options, .yield_per = DRAW(batches) };
    if (once_in(2))
        options.memory = DRAW(budgets) * 1024 * (k == SELECTIN || k == CONTIGUOUS ? 3 : 1);
    if (k == CONTIGUOUS && !options.memory && !options.yield_per)
        options.yield_per = 7;
    options.prefetch = once_in(4) ? WEIR_OFF : WEIR_UNSET;
    options.spill = once_in(4) ? WEIR_OFF : WEIR_UNSET;
    options.stream_results = once_in(3) ? WEIR_ON : WEIR_UNSET;
    options.prepared = once_in(5) ? WEIR_OFF : WEIR_UNSET;
    return options;
}

static void begin(weir_session *session, stream *s)
{
    *s = (stream){ .kind = (kind)draw(0, KINDS - 1) };
    s->options = draw_options(s->kind);
    weir_stmt *stmt = statement(s->kind);
    bool scalars = s->kind == ITEMS || (s->kind >= OWNERS && once_in(2));
    s->result = scalars ? weir_session_scalars_with(session, stmt, &s->options) : weir_session_execute_with(session, stmt, &s->options);
    weir_stmt_free(&stmt);
}

/* What a budget may be too small for: all else must come to its end. */
static void end(const world *w, stream *s)
{
    const weir_error *error = weir_result_error(s->result);
    bool too_small = error->status == WEIR_ARGUMENT && s->seen == 0 && s->options.memory;
    bool narrow = s->gathers || s->options.spill == WEIR_OFF || s->options.memory < 9000 * 1024;
    bool too_wide = error->status == WEIR_BUDGET_EXCEEDED && s->options.memory && narrow;
    if (error->status != WEIR_OK && !too_small && !too_wide)
        fail_msg("stream %d, yield_per %lld, memory %lld, row %lld: %s", s->kind, (long long)s->options.yield_per, (long long)s->options.memory,
                 (long long)s->seen, error->message);
    if (error->status == WEIR_OK && expect(w, s))
        fail_msg("stream %d, yield_per %lld, memory %lld ended after %lld rows", s->kind, (long long)s->options.yield_per,
                 (long long)s->options.memory, (long long)s->seen);
    assert_int_equal(weir_result_close(&s->result), too_small ? WEIR_ARGUMENT : too_wide ? WEIR_BUDGET_EXCEEDED : WEIR_OK);
}

static bool read_one(const world *w, stream *s)
{
    if (s->kind == ITEMS) {
        const struct item *item = WEIR_NEXT(item, s->result);
        if (!item)
            return false;
        took(w, s);
        check_item(w, item, s->owner, s->place);
        return true;
    }
    const weir_row *row = weir_result_next(s->result);
    if (!row)
        return false;
    took(w, s);
    check_row(w, s, row);
    return true;
}

static bool read_many(const world *w, stream *s, int64_t way)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 50, 100, 5000 };
    size_t size = DRAW(sizes);
    s->gathers = way > 0;
    const weir_partition *p = way == 0 ? weir_result_fetchmany(s->result, size) : way == 1 ? weir_result_next_partition(s->result, size)
                            : weir_result_all(s->result);
    for (size_t i = 0; p && i < p->count; i++) {
        took(w, s);
        check_row(w, s, p->rows[i]);
    }
    return p && p->count && way < 2;
}

/* False: it has ended, and is closed. */
static bool step(const world *w, stream *s)
{
    int64_t way = draw(0, 9);
    bool more = true;
    s->gathers = false;
    for (int64_t i = way > 2 || (way == 2 && !once_in(10)) ? draw(1, 60) : 0; i > 0 && more; i--)
        more = read_one(w, s);
    if (way <= 1 || (way == 2 && more))
        more = read_many(w, s, way == 2 && !once_in(8) ? 0 : way);
    if (more && once_in(60)) {
        assert_status(weir_result_close(&s->result), WEIR_OK);
        return false;
    }
    if (!more)
        end(w, s);
    return more;
}

/* Another statement on the connection: what was read ahead has to wait aside. */
static void come_between(weir_session *session, const world *w)
{
    weir_stmt *stmt = weir_sql("SELECT count(*) FROM owners");
    weir_result *result = weir_session_execute(session, stmt);
    assert_int_equal(weir_row_int64_at(weir_result_one(result), 0), w->owners);
    assert_status(weir_result_close(&result), WEIR_OK);
    weir_stmt_free(&stmt);
}

static void run_session(weir_engine *engine, const world *w)
{
    enum { STREAMS = 3, BEGUN = 8 };
    stream streams[STREAMS];
    size_t open = 0;
    weir_session *session = weir_session_open(engine);
    assert_status(weir_session_begin(session), WEIR_OK);
    for (int begun = 0; begun < BEGUN || open > 0;) {
        if (begun < BEGUN && open < STREAMS && (!open || once_in(6))) {
            begin(session, &streams[open++]);
            begun++;
        }
        size_t which = (size_t)draw(0, (int64_t)open - 1);
        if (!step(w, &streams[which]))
            streams[which] = streams[--open];
        if (once_in(12))
            come_between(session, w);
    }
    weir_session_expunge_all(session);          /* what buffered results brought */
    assert_int_equal(weir_session_count(session), 0);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_streams_at_random(void **state)
{
    test_database *db = *state;
    int64_t rounds = number_of("WEIR_TEST_ROUNDS", 12), first = number_of("WEIR_TEST_SEED", 20261123);
    for (int64_t seed = first; seed < first + rounds; seed++) {
        chance_begin(seed);
        world w = make_world(db);
        print_message("seed %lld: %lld owners\n", (long long)seed, (long long)w.owners);
        for (int i = 0; i < 4; i++)
            run_session(db->engine, &w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { ON_BOTH(test_streams_at_random) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
