/* Mapped instances stream through memory that stays flat, with loaders and without, whatever is retained, written over or expunged
 * meanwhile (case 222 with instances; RULES I4, N4). What the kernel says is measured in a process of its own for each run: a peak never goes down again. */
#include "support_apart.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

WEIR_ENTITY_DECLARE(parent);
WEIR_ENTITY_DECLARE(child);
struct parent {
    int64_t id, tenant_id, total_cents;
    const char *status;
    WEIR_MANY(struct child) children;
};
struct child { int64_t id, parent_id; const char *name; struct parent *parent; };
WEIR_ENTITY(parent, "parents",
    WEIR_COLUMN(parent, id, .primary_key = true),
    WEIR_COLUMN(parent, tenant_id),
    WEIR_COLUMN(parent, total_cents),
    WEIR_COLUMN(parent, status),
    WEIR_HAS_MANY(parent, children, child, parent_id));
WEIR_ENTITY(child, "children",
    WEIR_COLUMN(child, id, .primary_key = true),
    WEIR_COLUMN(child, parent_id),
    WEIR_COLUMN(child, name),
    WEIR_BELONGS_TO(child, parent, parent, parent_id));

/* Parents of one width; two children each. */
static void make_tables(test_database *db, int64_t rows, bool children)
{
    char sql[1024];
    const char *numbers = db->postgresql ? "" : "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g LIMIT %lld) ";
    const char *from = db->postgresql ? "generate_series(1, %lld) AS id" : "g";
    char with[160], source[160];
    snprintf(with, sizeof with, numbers, (long long)rows);
    snprintf(source, sizeof source, from, (long long)rows);
    test_side_run(db, "CREATE TABLE parents(id bigint PRIMARY KEY, tenant_id bigint, total_cents bigint, status text);"
                      "CREATE TABLE children(id bigint PRIMARY KEY, parent_id bigint, name text)");
    snprintf(sql, sizeof sql, "%sINSERT INTO parents SELECT id, id %% 7, 10 * id, 'draft' FROM %s", with, source);
    test_side_run(db, sql);
    for (int k = 0; k < 2 && children; k++) {
        snprintf(sql, sizeof sql, "%sINSERT INTO children SELECT 2 * id + %d, id, 'child' FROM %s", with, k, source);
        test_side_run(db, sql);
    }
    test_side_run(db, "CREATE INDEX children_parent_id ON children(parent_id)");
    if (db->postgresql)
        test_side_run(db, "ANALYZE");
}

/* One run over the first rows. */
typedef struct run {
    int64_t rows, yield_per;
    bool    loads, by_partition, expunges, populates, held;     /* held: the session has each instance of the first batch already */
    bool    keeps_ids;                  /* the program's only memory of them */
    int64_t retain_each;                /* one of so many; 0: none */
} run;

/* What it took. */
typedef struct cost {
    int64_t rows, sum, late_allocations;        /* the last: after the first two batches */
    size_t  ledger_peak, rss_peak;              /* the kernel's: above what it was when connected */
    size_t  retained;                           /* bytes of the ledger that go with all that is retained */
} cost;

enum { RETAINED_MOST = 256 };
typedef struct reader {
    const run     *what;
    cost          *out;
    int64_t        mark;
    struct parent *kept[RETAINED_MOST];
    size_t         kept_count;
    int64_t       *ids;                 /* touched before the baseline */
} reader;

static int64_t allocations(void)
{
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    return figures.allocations;
}

static size_t bytes_of(weir_engine *engine)
{
    weir_memory_figures figures;
    weir_engine_memory(engine, &figures);
    return figures.bytes;
}

static void take(reader *r, struct parent *parent)
{
    cost *out = r->out;
    if (r->ids)
        r->ids[out->rows] = parent->id;
    out->rows++;
    out->sum += parent->id;
    assert_string_equal(parent->status, "draft");
    if (r->what->loads) {
        assert_int_equal(parent->children.count, 2);
        assert_int_equal(parent->children.items[1]->parent_id, parent->id);
        assert_string_equal(parent->children.items[0]->name, "child");
    }
    if (r->what->retain_each && out->rows % r->what->retain_each == 0) {
        assert_true(r->kept_count < RETAINED_MOST);
        r->kept[r->kept_count++] = weir_retain(parent);
    }
    if (out->rows == 2 * r->what->yield_per)
        r->mark = allocations();
    if (out->rows > 2 * r->what->yield_per)
        out->late_allocations = allocations() - r->mark;
}

static weir_result *execute(weir_session *session, const run *r)
{
    weir_stmt *stmt = weir_select(&parent_entity);
    weir_where(stmt, WEIR_LE(WEIR_COL(parent, id), r->rows));
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(parent, id)));
    if (r->yield_per)
        weir_yield_per(stmt, r->yield_per);
    weir_populate_existing(stmt, r->populates ? WEIR_ON : WEIR_OFF);
    if (r->loads)
        weir_selectinload(stmt, WEIR_COL(parent, children));
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static void read_all(reader *r, weir_session *session, weir_result *result)
{
    if (!r->what->by_partition) {
        for (struct parent *parent; (parent = WEIR_NEXT(parent, result)) != NULL;)
            take(r, parent);
        return;
    }
    for (const weir_partition *partition; (partition = weir_result_next_partition(result, 0)) != NULL;) {
        for (size_t i = 0; i < partition->count; i++)
            take(r, partition->instances[i]);
        if (r->what->expunges)
            weir_session_expunge_all(session);
    }
}

/* What goes when all that is retained goes. The slabs' chunks go with the session. */
static void release_all(reader *r, weir_engine *engine, weir_session *session)
{
    size_t before = bytes_of(engine);
    for (size_t i = 0; i < r->kept_count; i++) {
        assert_int_equal(r->kept[i]->id, (int64_t)(i + 1) * r->what->retain_each);
        assert_string_equal(r->kept[i]->status, "draft");
        if (r->what->loads)
            assert_string_equal(r->kept[i]->children.items[1]->name, "child");
        weir_release(r->kept[i]);
    }
    weir_session_expunge_all(session);
    r->out->retained = before - bytes_of(engine);
}

static void measure(const char *url, const run *what, cost *out)
{
    weir_engine *engine;
    reader r = { .what = what, .out = out };
    memset(out, 0, sizeof *out);
    assert_status(weir_engine_open(&engine, url, NULL), WEIR_OK);
    weir_session *session = weir_session_open(engine);
    assert_int_equal(test_query_int(weir_session_connection(session), "SELECT 1"), 1);
    for (int64_t id = 1; what->held && id <= what->yield_per; id++)
        assert_non_null(WEIR_GET(parent, session, id));
    if (what->keeps_ids) {
        r.ids = malloc((size_t)what->rows * sizeof *r.ids);
        assert_non_null(r.ids);
        memset(r.ids, 1, (size_t)what->rows * sizeof *r.ids);
    }
    size_t baseline = test_rss();
    weir_result *result = execute(session, what);
    read_all(&r, session, result);
    weir_memory_figures figures;
    weir_engine_memory(engine, &figures);
    out->ledger_peak = figures.peak_bytes;
    size_t peak = test_peak_rss();
    out->rss_peak = peak > baseline ? peak - baseline : 0;
    close_result_ok(&result);
    release_all(&r, engine, session);
    assert_int_equal(weir_session_count(session), 0);
    for (int64_t i = 0; r.ids && i < what->rows; i++)
        assert_int_equal(r.ids[i], i + 1);
    free(r.ids);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_engine_close(&engine);
}

typedef struct one { const char *url; const run *r; } one;

static void measure_one(const void *argument, void *out)
{
    const one *o = argument;
    measure(o->url, o->r, out);
}

static cost measure_apart(const test_database *db, run r)
{
    cost out = { 0 };
    test_apart(measure_one, &(one){ db->url, &r }, &out, sizeof out);
    assert_int_equal(out.rows, r.rows);
    assert_int_equal(out.sum, r.rows * (r.rows + 1) / 2);
    return out;
}

static size_t distance(size_t a, size_t b) { return a > b ? a - b : b - a; }

/* ---- the ledger -------------------------------------------------------------------------------------------------- */

/* Gives the allocations after the second batch, of the 1,000 batches. */
static int64_t assert_flat(test_database *db, run r)
{
    cost costs[2];
    for (int i = 0; i < 2; i++) {
        r.rows = (i ? 1000 : 10) * r.yield_per;
        measure(db->url, &r, &costs[i]);
        assert_int_equal(costs[i].rows, r.rows);
        assert_int_equal(costs[i].sum, r.rows * (r.rows + 1) / 2);
    }
    if (distance(costs[0].ledger_peak, costs[1].ledger_peak) > 64)
        fail_msg("peaks of %zu and %zu bytes", costs[0].ledger_peak, costs[1].ledger_peak);
    return costs[1].late_allocations;
}

static void test_10_and_1000_batches_of_instances_have_the_same_peak_and_allocate_nothing_after_the_second(void **state)
{
    test_database *db = *state;
    make_tables(db, 50000, false);
    assert_int_equal(assert_flat(db, (run){ .yield_per = 50 }), 0);
    assert_int_equal(assert_flat(db, (run){ .yield_per = 50, .by_partition = true }), 0);
    assert_int_equal(assert_flat(db, (run){ .yield_per = 50, .by_partition = true, .expunges = true }), 0);
    assert_int_equal(assert_flat(db, (run){ .yield_per = 50, .populates = true }), 0);
    assert_flat(db, (run){ .yield_per = 50, .populates = true, .held = true });
}

/* Each batch sends statements of its own, which are made and freed: the peak is the same all the same. */
static void test_10_and_1000_batches_with_loads_have_the_same_peak(void **state)
{
    test_database *db = *state;
    make_tables(db, 20000, true);
    assert_flat(db, (run){ .yield_per = 20, .loads = true });
    assert_flat(db, (run){ .yield_per = 20, .loads = true, .by_partition = true, .expunges = true });
    assert_flat(db, (run){ .yield_per = 20, .loads = true, .populates = true, .held = true });
}

/* A buffered result's batches are kept whole while the session holds their instances; for the few that outlive it they are not. */
static void test_retained_parents_of_a_buffered_result_keep_no_batch(void **state)
{
    test_database *db = *state;
    struct parent *kept[4] = { NULL };
    make_tables(db, 2000, true);
    test_side_run(db, db->postgresql ? "UPDATE children SET name = repeat('x', 1000)" : "UPDATE children SET name = hex(zeroblob(500))");
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = execute(session, &(const run){ .rows = 2000, .loads = true });
    close_result_ok(&result);
    weir_session_expunge_all(session);
    size_t before = bytes_of(db->engine);                       /* with what the connection keeps */
    result = execute(session, &(const run){ .rows = 2000, .loads = true });
    for (struct parent *parent; (parent = WEIR_NEXT(parent, result)) != NULL;)
        if (parent->id % 500 == 0)
            kept[parent->id / 500 - 1] = weir_retain(parent);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 6000);
    weir_session_expunge_all(session);
    assert_int_equal(weir_session_count(session), 0);
    /* At most a chunk of a slab for each, and for each of its children; no batch of 1,000 children, which takes a mebibyte. */
    assert_true(bytes_of(db->engine) - before < 13 * 64 * 1024);
    assert_status(weir_session_close(&session), WEIR_OK);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(kept[i]->status, "draft");
        assert_int_equal(strlen(kept[i]->children.items[1]->name), 1000);
        weir_release(kept[i]);
    }
}

/* ---- the kernel's word ------------------------------------------------------------------------------------------- */

static void assert_level(test_database *db, run few, run many)
{
    cost short_run = measure_apart(db, few), long_run = measure_apart(db, many);
    print_message("peak above baseline: %zu KiB for %lld instances, %zu KiB for %lld; ledger %zu KiB\n", short_run.rss_peak / 1024,
                  (long long)few.rows, long_run.rss_peak / 1024, (long long)many.rows, long_run.ledger_peak / 1024);
    assert_true(distance(long_run.ledger_peak, short_run.ledger_peak) <= short_run.ledger_peak / 16);
    assert_true(long_run.ledger_peak < 8 * MIB);
    if (!RSS_IS_OURS)
        return;
    assert_true(long_run.rss_peak < 16 * MIB);
    assert_true(distance(long_run.rss_peak, short_run.rss_peak) < 2 * MIB);
}

static void test_case_222_a_million_instances_take_no_more_than_a_tenth_of_them(void **state)
{
    test_database *db = *state;
    make_tables(db, 1000000, false);
    assert_level(db, (run){ .rows = 100000, .yield_per = 5000 }, (run){ .rows = 1000000, .yield_per = 5000 });
    assert_level(db, (run){ .rows = 100000, .yield_per = 1000, .by_partition = true, .expunges = true, .keeps_ids = true },
                 (run){ .rows = 1000000, .yield_per = 1000, .by_partition = true, .expunges = true, .keeps_ids = true });
    /* One of each 5,000 is retained: it costs 200 instances (and the chunks of slabs that they lie in), not 200 batches. */
    cost kept = measure_apart(db, (run){ .rows = 1000000, .yield_per = 5000, .retain_each = 5000 });
    print_message("200 of a million retained: %zu bytes\n", kept.retained);
    assert_true(kept.retained < 2 * MIB);
    if (RSS_IS_OURS)
        assert_true(kept.rss_peak < 16 * MIB);
}

static void test_instances_with_their_children_take_no_more_for_ten_times_as_many(void **state)
{
    test_database *db = *state;
    make_tables(db, 200000, true);
    assert_level(db, (run){ .rows = 20000, .yield_per = 2000, .loads = true }, (run){ .rows = 200000, .yield_per = 2000, .loads = true });
    cost kept = measure_apart(db, (run){ .rows = 200000, .yield_per = 2000, .loads = true, .retain_each = 2000 });
    print_message("100 of 200,000 retained with their children: %zu bytes\n", kept.retained);
    assert_true(kept.retained < 3 * MIB);
    if (RSS_IS_OURS)
        assert_true(kept.rss_peak < 16 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_10_and_1000_batches_of_instances_have_the_same_peak_and_allocate_nothing_after_the_second),
        ON_BOTH(test_10_and_1000_batches_with_loads_have_the_same_peak),
        ON_BOTH(test_retained_parents_of_a_buffered_result_keep_no_batch),
        ON_BOTH(test_case_222_a_million_instances_take_no_more_than_a_tenth_of_them),
        ON_BOTH(test_instances_with_their_children_take_no_more_for_ten_times_as_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
