/* The byte budget of streams of instances, and of what their relationships load (RULES B1, B2). */
#include "budget.h"
#include "loading.h"
#include "owners.h"

/* Owners 1 … owners; each has `count` items with texts of `width` letters, both SQL over the owner's id o.id; each third item a note. */
static void make_owners(test_database *db, int owners, const char *count, const char *width)
{
    char sql[2048];
    const char *repeat = db->postgresql ? "repeat('t', (%s)::int)" : "replace(hex(zeroblob(%s)), '00', 't')";
    char text[256];
    snprintf(text, sizeof text, repeat, width);
    snprintf(sql, sizeof sql,
             "DROP TABLE IF EXISTS notes; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS owners; DROP TABLE IF EXISTS numbers;"
             "CREATE TABLE owners(id bigint PRIMARY KEY, name text); CREATE TABLE items(id bigint PRIMARY KEY, owner_id bigint, text text, number bigint);"
             "CREATE TABLE notes(id bigint PRIMARY KEY, item_id bigint, text text); CREATE TABLE numbers(id bigint PRIMARY KEY);"
             "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g WHERE id < 20000) INSERT INTO numbers SELECT id FROM g;"
             "INSERT INTO owners SELECT id, 'owner ' || id FROM numbers WHERE id <= %d;"
             "INSERT INTO items SELECT o.id * 100000 + n.id, o.id, %s, n.id FROM owners o JOIN numbers n ON n.id <= (%s);"
             "INSERT INTO notes SELECT id, id, 'a note' FROM items WHERE id %% 3 = 0;"
             "CREATE INDEX by_owner ON items(owner_id); CREATE INDEX by_item ON notes(item_id)",
             owners, text, count);
    test_side_run(db, sql);
}

typedef enum load { NOTHING, SELECT_IN, NESTED, CONTIGUOUS, BOTH_WAYS } load;
typedef struct outcome {
    int64_t owners, items, notes, letters, names, status, growth;
    weir_result_figures figures;
    char message[640];
} outcome;

static weir_stmt *owners_query(load how)
{
    weir_stmt *stmt = weir_select(&owner_entity);
    weir_order_by(stmt, WEIR_COL(owner, id));
    if (how == SELECT_IN)
        weir_selectinload(stmt, WEIR_COL(owner, items));
    if (how == NESTED)
        weir_selectinload(stmt, WEIR_COL(owner, items), WEIR_COL(item, notes));
    if (how == BOTH_WAYS)
        weir_selectinload(stmt, WEIR_COL(owner, items), WEIR_COL(item, owner));
    if (how == CONTIGUOUS)
        weir_joinedload_contiguous(stmt, WEIR_COL(owner, items));
    return stmt;
}

static void take(outcome *out, const struct owner *owner, load how)
{
    out->owners++;
    out->names += (int64_t)owner->name.len;
    for (size_t i = 0; how != NOTHING && i < owner->items.count; i++) {
        const struct item *item = owner->items.items[i];
        assert_int_equal(item->owner_id, owner->id);
        out->items++;
        out->letters += (int64_t)item->text.len;
        if (how == NESTED)
            out->notes += (int64_t)item->notes.count;
        if (how == BOTH_WAYS)
            assert_ptr_equal(item->owner, owner);
    }
}

/* A fresh engine, whose figures are this stream's. */
static outcome run(test_database *db, load how, const weir_execution_options *options, bool by_partition)
{
    outcome out = { 0 };
    weir_memory_figures before, after;
    weir_engine *engine = test_engine(db, NULL);
    weir_session *session = weir_session_open(engine);
    assert_status(weir_session_begin(session), WEIR_OK);
    weir_stmt *stmt = owners_query(how);
    weir_engine_memory(engine, &before);
    weir_result *result = weir_session_scalars_with(session, stmt, options);
    weir_stmt_free(&stmt);
    if (by_partition) {
        for (const weir_partition *p; (p = weir_result_next_partition(result, 0)) != NULL;)
            for (size_t i = 0; i < p->count; i++)
                take(&out, p->instances[i], how);
    } else {
        for (struct owner *owner; (owner = WEIR_NEXT(owner, result)) != NULL;)
            take(&out, owner, how);
    }
    weir_engine_memory(engine, &after);
    weir_result_info(result, &out.figures);
    snprintf(out.message, sizeof out.message, "%s", weir_result_error(result)->message);
    out.status = weir_result_close(&result);
    out.growth = (int64_t)after.peak_bytes - (int64_t)before.bytes;
    stmt = weir_sql("SELECT 41 + 1");           /* the transaction is usable, whatever happened */
    result = weir_session_execute(session, stmt);
    assert_int_equal(weir_row_int64_at(weir_result_one(result), 0), 42);
    assert_status(weir_result_close(&result), WEIR_OK);
    weir_stmt_free(&stmt);
    assert_int_equal(weir_session_count(session), 0);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_engine_close(&engine);
    return out;
}

static void assert_same(const char *what, const outcome *plain, const outcome *out, int64_t budget)
{
    if (out->status != WEIR_OK || out->owners != plain->owners || out->items != plain->items || out->letters != plain->letters ||
        out->notes != plain->notes || out->names != plain->names)
        fail_msg("%s: %lld of %lld owners, %lld of %lld items: %s", what, (long long)out->owners, (long long)plain->owners,
                 (long long)out->items, (long long)plain->items, out->message);
    if (out->figures.memory != budget || (int64_t)out->figures.ledger_peak_bytes > budget || out->growth > budget)
        fail_msg("%s: budget %lld: the stream's peak was %zu, the engine grew by %lld", what, (long long)budget,
                 out->figures.ledger_peak_bytes, (long long)out->growth);
}

static const struct skew { const char *name, *count, *width; int owners; } skews[] = {
    { "even", "5", "20", 3000 },
    { "none", "0", "0", 3000 },
    { "one in fifty has many", "CASE WHEN o.id % 50 = 7 THEN 400 ELSE 2 END", "30", 1500 },
    { "growing", "o.id / 10", "40", 600 },
    { "wide", "CASE WHEN o.id % 90 = 3 THEN 30 ELSE 1 END", "CASE WHEN o.id % 90 = 3 THEN 9000 ELSE 5 END", 900 },
    { "the last", "CASE WHEN o.id = 800 THEN 1200 ELSE 1 END", "60", 800 },
};

static void test_instances_and_skewed_collections_come_within_the_budget(void **state)
{
    test_database *db = *state;
    for (size_t s = 0; s < sizeof skews / sizeof *skews; s++) {
        make_owners(db, skews[s].owners, skews[s].count, skews[s].width);
        for (int how = NOTHING; how <= BOTH_WAYS; how++) {
            outcome plain = run(db, (load)how, OPTIONS(.yield_per = 50), false);
            assert_int_equal(plain.status, WEIR_OK);
            assert_int_equal(plain.owners, skews[s].owners);
            for (int i = 0; i < 4; i++) {
                char what[128];
                int64_t budget = i == 0 ? 2 * MIB : i == 1 ? 3 * MIB : 8 * MIB;
                if (how == CONTIGUOUS)          /* rows are twice there: as cells and as instances */
                    budget *= 2;
                snprintf(what, sizeof what, "%s, load %d, run %d", skews[s].name, how, i);
                outcome out = run(db, (load)how, OPTIONS(.memory = budget, .yield_per = i == 3 ? 100 : 0), i % 2 == 1);
                assert_same(what, &plain, &out, budget);
            }
        }
    }
}

static void test_a_collection_that_does_not_fit_is_named(void **state)
{
    test_database *db = *state;
    make_owners(db, 60, "CASE WHEN o.id = 42 THEN 15000 ELSE 2 END", "200");
    for (int how = SELECT_IN; how <= CONTIGUOUS; how++) {
        outcome out = run(db, (load)how, OPTIONS(.memory = 2 * MIB), false);
        if (out.status != WEIR_BUDGET_EXCEEDED)
            fail_msg("load %d: status %lld, %s", how, (long long)out.status, out.message);
        assert_contains(out.message, "owner 42");
        if (how != CONTIGUOUS)
            assert_contains(out.message, "owner.items of owner 42 does not fit the memory budget of 2097152 bytes");
        assert_int_equal(out.owners, 41);
        assert_int_equal(out.items, 82);
        assert_true(out.growth <= 2 * MIB && (int64_t)out.figures.ledger_peak_bytes <= 2 * MIB);
    }
}

/* An instance's own row is named by the entity's key, wherever that stands. */
static void test_a_row_that_does_not_fit_is_named_by_its_key(void **state)
{
    test_database *db = *state;
    make_owners(db, 500, "0", "0");
    test_side_run(db, db->postgresql ? "UPDATE owners SET name = repeat('n', 3000000) WHERE id = 321"
                                     : "UPDATE owners SET name = replace(hex(zeroblob(3000000)), '00', 'n') WHERE id = 321");
    outcome out = run(db, NOTHING, OPTIONS(.memory = MIB), false);
    assert_int_equal(out.status, WEIR_BUDGET_EXCEEDED);
    assert_contains(out.message, "row 321 (id = 321) takes 30000");
    assert_int_equal(out.owners, 320);
    outcome fits = run(db, NOTHING, OPTIONS(.memory = 8 * MIB), false);
    assert_int_equal(fits.status, WEIR_OK);
    assert_int_equal(fits.owners, 500);
    assert_true(fits.growth <= 8 * MIB);
}

/* What the program retains is its own, and does not count: the stream goes on. */
static void test_retained_instances_are_not_the_streams(void **state)
{
    test_database *db = *state;
    enum { KEPT = 1500 };
    struct owner *kept[KEPT] = { 0 };
    size_t count = 0;
    make_owners(db, 15000, "0", "0");
    test_side_run(db, db->postgresql ? "UPDATE owners SET name = repeat('n', 900)"
                                     : "UPDATE owners SET name = replace(hex(zeroblob(900)), '00', 'n')");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = owners_query(NOTHING);
    weir_memory(stmt, MIB);
    weir_result *result = weir_session_scalars(session, stmt);
    int64_t owners = 0;
    for (struct owner *owner; (owner = WEIR_NEXT(owner, result)) != NULL;)
        if (++owners % 10 == 0)
            kept[count++] = weir_retain(owner);
    assert_int_equal(owners, 15000);
    close_result_ok(&result);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(kept[i]->id, 10 * (i + 1));
        assert_int_equal(kept[i]->name.len, 900);
        weir_release(kept[i]);
    }
    weir_stmt_free(&stmt);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_two_budgeted_streams_of_one_session(void **state)
{
    test_database *db = *state;
    make_owners(db, 2000, "3", "100");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = owners_query(SELECT_IN);
    weir_memory(stmt, (size_t)(3 * MIB));
    weir_result *results[2] = { weir_session_scalars(session, stmt), weir_session_scalars(session, stmt) };
    weir_result_figures figures;
    for (int64_t id = 1; id <= 2000; id++)
        for (int k = 0; k < 2; k++) {
            const struct owner *owner = WEIR_NEXT(owner, results[k]);
            assert_non_null(owner);
            assert_int_equal(owner->id, id);
            assert_int_equal(owner->items.count, 3);
        }
    for (int k = 0; k < 2; k++) {
        assert_null(WEIR_NEXT(owner, results[k]));
        weir_result_info(results[k], &figures);
        assert_true((int64_t)figures.ledger_peak_bytes <= 3 * MIB);
        close_result_ok(&results[k]);
    }
    weir_stmt_free(&stmt);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* Entities beside values: rows come as cells, and instances are made of as many as there is room for. */
static void test_rows_of_entities_and_values_are_made_in_parts(void **state)
{
    test_database *db = *state;
    make_owners(db, 700, "5", "CASE WHEN o.id % 100 = 9 THEN 4000 ELSE 10 END");
    for (int pass = 0; pass < 2; pass++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(item), WEIR_ENTITY_OF(owner), WEIR_LABEL(WEIR_COL(item, text), "again"));
        weir_join(stmt, WEIR_COL(item, owner));
        weir_order_by(stmt, WEIR_COL(item, id));
        if (pass)
            weir_memory(stmt, (size_t)MIB);
        else
            weir_yield_per(stmt, 100);
        weir_result *result = weir_session_execute(session, stmt);
        int64_t rows = 0, letters = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL; rows++) {
            const struct item *item = WEIR_ROW(item, row);
            const struct owner *owner = WEIR_ROW(owner, row);
            assert_int_equal(item->id, 100000 * (rows / 5 + 1) + rows % 5 + 1);
            assert_int_equal(item->owner_id, owner->id);
            weir_text again = weir_row_text(row, "again");
            assert_int_equal(again.len, item->text.len);
            letters += (int64_t)again.len;
        }
        assert_int_equal(rows, 3500);
        assert_int_equal(letters, 5 * (7 * 4000 + 693 * 10));
        weir_result_figures figures;
        weir_result_info(result, &figures);
        assert_true(!pass || (int64_t)figures.ledger_peak_bytes <= MIB);
        close_result_ok(&result);
        weir_stmt_free(&stmt);
        assert_status(weir_session_close(&session), WEIR_OK);
    }
}

/* A row without an instance makes rows of all that came before it in its batch: where there is no room for those, it comes later. */
static void test_rows_without_an_instance_come_within_the_budget(void **state)
{
    test_database *db = *state;
    make_owners(db, 4000, "CASE WHEN o.id % 71 = 0 THEN 0 ELSE 1 END", "o.id % 13");
    for (int64_t budget = 256 * KIB; budget <= 384 * KIB; budget += 8 * KIB) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select(&item_entity);
        weir_from(stmt, WEIR_ENTITY_OF(owner));
        weir_outer_join(stmt, WEIR_COL(owner, items));
        weir_order_by(stmt, WEIR_COL(owner, id));
        weir_memory(stmt, (size_t)budget);
        weir_result *result = weir_session_execute(session, stmt);
        int64_t rows = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
            const struct item *item = WEIR_ROW(item, row);
            rows++;
            if (rows % 71 == 0)
                assert_null(item);
            else
                assert_int_equal(item->owner_id, rows);
        }
        bool too_small = weir_result_error(result)->status == WEIR_ARGUMENT;    /* for the statement's own buffers */
        assert_true(too_small || rows == 4000);
        assert_status(weir_result_close(&result), too_small ? WEIR_ARGUMENT : WEIR_OK);
        weir_stmt_free(&stmt);
        assert_status(weir_session_close(&session), WEIR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_instances_and_skewed_collections_come_within_the_budget),
        ON_BOTH(test_a_collection_that_does_not_fit_is_named),
        ON_BOTH(test_a_row_that_does_not_fit_is_named_by_its_key),
        ON_BOTH(test_retained_instances_are_not_the_streams),
        ON_BOTH(test_two_budgeted_streams_of_one_session),
        ON_BOTH(test_rows_of_entities_and_values_are_made_in_parts),
        ON_BOTH(test_rows_without_an_instance_come_within_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
