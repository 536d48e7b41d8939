/* The byte budget under hostile widths: rows, instances and queues behind a stream, drawn at random; one parent of very many children among
 * parents of two (RULES B1, B2). Pushed streams: test_budget_push.c. WEIR_TEST_ROUNDS: how many tables (4); WEIR_TEST_SEED: the first one's seed. */
#include "hostile.h"
#include "owners.h"
#include <pthread.h>

/* ---- queues ---------------------------------------------------------------------------------------------------------------------------- */
enum { ENDED = 1 };                            /* the stream has no more to be put */
typedef struct line { const run *run; outcome *out; weir_queue *queue; pthread_t thread; } line;

static bool get_one(line *l, int64_t timeout_ms)
{
    void *item = NULL;
    const weir_row *row = NULL;
    bool rows = l->run->way == QUEUED_ROWS;
    int status = rows ? weir_queue_get_row(l->queue, &row, timeout_ms) : weir_queue_get(l->queue, &item, timeout_ms);
    l->out->queue_status = status;
    if (status != WEIR_OK)
        return false;
    if (rows)
        take_row(l->run, l->out, row);
    else
        take_instance(l->run, l->out, item);
    return true;
}

static void *consume(void *argument)
{
    while (get_one(argument, -1))
        continue;
    return NULL;
}

static void drain(line *l)
{
    while (get_one(l, 0))
        continue;
    weir_queue_done(l->queue);
}

static int put(line *l, weir_result *result)
{
    if (l->run->way == QUEUED_ROWS) {
        const weir_row *row = weir_result_next(result);
        return row ? weir_queue_put_row(l->queue, row) : ENDED;
    }
    struct page *page = WEIR_NEXT(page, result);
    if (!page || l->run->way == QUEUED_COPIES)
        return page ? weir_queue_put(l->queue, page) : ENDED;
    int status = weir_queue_try_put(l->queue, page);
    if (status != WEIR_TIMEOUT)
        return status;
    drain(l);                                   /* what is shared stays in one thread */
    return weir_queue_try_put(l->queue, page);
}

static weir_queue *make_queue(const run *r)
{
    const weir_queue_options *options = WEIR_QUEUE_OPTIONS(.max_items = r->queue_items, .max_bytes = r->queue_bytes);
    if (r->way == QUEUED_ROWS)
        return weir_queue_of_rows(options);
    return WEIR_QUEUE_OF(page, r->way == QUEUED_SHARED ? WEIR_QUEUE_SHARED : WEIR_QUEUE_COPIED, options);
}

static void read_through_queue(const run *r, outcome *out, weir_session *session, weir_result *result)
{
    line l = { r, out, make_queue(r), 0 };
    int status, count = 0;
    if (r->way != QUEUED_SHARED)
        assert_int_equal(pthread_create(&l.thread, NULL, consume, &l), 0);
    while ((status = put(&l, result)) == WEIR_OK)
        if (r->between && ++count % r->between == 0 && !answers(session))
            snprintf(out->wrong, sizeof out->wrong, "no answer in between");
    if (status != ENDED)
        snprintf(out->wrong, sizeof out->wrong, "put gave %d: %.100s", status, weir_queue_error(l.queue)->message);
    weir_queue_fail(l.queue, weir_result_error(result)->status, weir_result_error(result));
    if (r->way != QUEUED_SHARED)
        pthread_join(l.thread, NULL);
    else
        drain(&l);
    weir_queue_info(l.queue, &out->queue);
    snprintf(out->queue_message, sizeof out->queue_message, "%s", weir_queue_error(l.queue)->message);
    weir_queue_free(&l.queue);
}

/* ---- streams ---------------------------------------------------------------------------------------------------------------------------- */
static bool read_partition(const run *r, outcome *out, weir_result *result)
{
    const weir_partition *p = weir_result_next_partition(result, r->partition);
    for (size_t i = 0; p && i < p->count; i++)
        if (r->way == INSTANCE_PARTITIONS)
            take_instance(r, out, p->instances[i]);
        else
            take_row(r, out, p->rows[i]);
    return p != NULL;
}

static bool read_some(const run *r, outcome *out, weir_result *result)
{
    if (r->way == ROW_PARTITIONS || r->way == INSTANCE_PARTITIONS)
        return read_partition(r, out, result);
    const weir_row *row = r->way == ROWS ? weir_result_next(result) : NULL;
    const struct page *page = r->way == INSTANCES ? WEIR_NEXT(page, result) : NULL;
    if (row)
        take_row(r, out, row);
    if (page)
        take_instance(r, out, page);
    return row || page;
}

static void stream(const run *r, outcome *out, weir_session *session)
{
    weir_stmt *stmt = pages_query(r->way);
    weir_memory(stmt, (size_t)r->memory);
    if (r->yield_per)
        weir_yield_per(stmt, r->yield_per);
    weir_result *result = is_of_rows(r->way) ? weir_session_execute(session, stmt) : weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    if (is_queued(r->way))
        read_through_queue(r, out, session, result);
    else
        while (read_some(r, out, result))
            comes_between(r, out, session);
    weir_result_info(result, &out->figures);
    snprintf(out->message, sizeof out->message, "%s", weir_result_error(result)->message);
    out->error_row = weir_result_error(result)->row;
    out->status = weir_result_close(&result);
}

static void measure(const void *argument, void *out) { measure_stream(argument, out, stream); }

static outcome run_apart(const run *r)
{
    outcome out = { 0 };
    test_apart(measure, r, &out, sizeof out);
    return out;
}

/* ---- the tests --------------------------------------------------------------------------------------------------------------------------- */
static void test_pages_of_any_width_come_within_the_budget(void **state)
{
    test_database *db = *state;
    static const int64_t budgets[] = { 1024, 1500, 2048, 4096, 12000 }, batches[] = { 0, 0, 1, 50, 1000 }, each[] = { 0, 0, 1, 97, 500 };
    static const size_t sizes[] = { 0, 1, 100, 5000 }, bytes[] = { 100000, 1000000 }, items[] = { 1, 7, 100 };
    int64_t rounds = number_of("WEIR_TEST_ROUNDS", 4), first = number_of("WEIR_TEST_SEED", 20261123);
    pages *p = calloc(1, sizeof *p);
    assert_non_null(p);
    for (int64_t seed = first; seed < first + rounds; seed++) {
        chance_begin(seed);
        draw_pages(p);
        make_pages(db, p);
        for (way w = ROWS; w <= QUEUED_COPIES; w++) {
            char what[300];
            run r = { .url = db->url, .pages = p, .way = w, .memory = DRAW(budgets) * KIB, .yield_per = DRAW(batches), .between = DRAW(each),
                      .partition = DRAW(sizes), .queue_items = DRAW(items), .queue_bytes = DRAW(bytes) + (size_t)p->widest * 2 + 4096 };
            describe(what, sizeof what, seed, &r);
            outcome out = run_apart(&r);
            assert_came(what, db, &r, &out, p->widest > r.memory / 5);
        }
    }
    free(p);
}

/* 50 MB in one value: it comes where the budget has room, and is named where not, whatever way it goes. */
static void test_a_giant_among_narrow_ones_by_every_way(void **state)
{
    test_database *db = *state;
    enum { PAGES = 3000, GIANT = 1700 };
    pages *p = calloc(1, sizeof *p);
    assert_non_null(p);
    narrow_but_one(p, PAGES, GIANT - 1, 50 * MIB);
    make_pages(db, p);
    for (way w = ROWS; w <= QUEUED_COPIES; w++)
        for (int fits = 0; fits < 2; fits++) {
            char what[300];
            run r = { .url = db->url, .pages = p, .way = w, .memory = (fits ? 64 : 2) * MIB, .partition = 100, .queue_items = 5, .queue_bytes = 60 * (size_t)MIB };
            describe(what, sizeof what, 0, &r);
            outcome out = run_apart(&r);
            assert_came(what, db, &r, &out, !fits);
            assert_int_equal(out.rows, fits ? PAGES : GIANT - 1);
        }
    free(p);
}

/* ---- collections -------------------------------------------------------------------------------------------------------------------------- */
enum { OWNERS = 2000, OWNER_OF_MANY = 777, MANY = 100000 };
typedef enum load { SELECT_IN, SUBQUERY, CONTIGUOUS, LOADS } load;
typedef struct skewed { const char *url; load load; int64_t memory, yield_per; } skewed;
typedef struct loaded { int64_t owners, items, letters, engine_growth, rss_growth; int status; bool usable; char message[640]; weir_result_figures figures; } loaded;

static void make_skewed(test_database *db)
{
    char sql[1600];
    const char *key = db->postgresql ? "bigint" : "INTEGER";
    snprintf(sql, sizeof sql,
             "CREATE TABLE owners(id %s PRIMARY KEY, name text NOT NULL); CREATE TABLE items(id %s PRIMARY KEY, owner_id bigint NOT NULL, text text NOT NULL, number bigint);"
             "CREATE TABLE numbers(n %s PRIMARY KEY);"
             "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < %d) INSERT INTO numbers SELECT n FROM g;"
             "INSERT INTO owners SELECT n, 'owner ' || n FROM numbers WHERE n <= %d;"
             "INSERT INTO items SELECT n * 2 - i, n, 'item of ' || n, NULL FROM numbers, (SELECT 0 AS i UNION ALL SELECT 1) AS twice WHERE n <= %d AND n <> %d;"
             "INSERT INTO items SELECT 1000000 + n, %d, 'item of %d', n FROM numbers;"
             "CREATE INDEX of_owner ON items(owner_id, id)%s",
             key, key, key, MANY, OWNERS, OWNERS, OWNER_OF_MANY, OWNER_OF_MANY, OWNER_OF_MANY, db->postgresql ? "; ANALYZE owners; ANALYZE items" : "");
    test_side_run(db, sql);
}

static void take_owner(loaded *out, const struct owner *owner)
{
    char text[40];
    size_t length = (size_t)snprintf(text, sizeof text, "item of %lld", (long long)owner->id);
    out->owners++;
    bool right = owner->id == out->owners && owner->items.count == (owner->id == OWNER_OF_MANY ? MANY : 2);
    for (size_t i = 0; right && i < owner->items.count; i++) {
        const struct item *item = owner->items.items[i];
        right = item->owner_id == owner->id && item->text.len == length && memcmp(item->text.ptr, text, length) == 0 &&
                (owner->id != OWNER_OF_MANY || item->id == 1000001 + (int64_t)i);
        out->items++;
    }
    if (!right && !out->message[0])
        snprintf(out->message, sizeof out->message, "owner %lld is wrong", (long long)owner->id);
}

static void measure_loads(const void *argument, void *result_of)
{
    const skewed *s = argument;
    loaded *out = result_of;
    weir_engine *engine;
    weir_memory_figures before, after;
    assert_status(weir_engine_open(&engine, s->url, NULL), WEIR_OK);
    weir_session *session = weir_session_open(engine);
    bool begun = weir_session_begin(session) == WEIR_OK && answers(session);
    weir_stmt *stmt = weir_select(&owner_entity);
    weir_order_by(stmt, WEIR_COL(owner, id));
    if (s->load == SELECT_IN)
        weir_selectinload(stmt, WEIR_COL(owner, items));
    else if (s->load == SUBQUERY)
        weir_subqueryload(stmt, WEIR_COL(owner, items));
    else
        weir_joinedload_contiguous(stmt, WEIR_COL(owner, items));
    weir_memory(stmt, (size_t)s->memory);
    if (s->yield_per)
        weir_yield_per(stmt, s->yield_per);
    weir_engine_memory(engine, &before);
    size_t rss = test_rss();
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    for (const struct owner *owner; (owner = WEIR_NEXT(owner, result)) != NULL;)
        take_owner(out, owner);
    size_t peak = test_peak_rss();
    weir_engine_memory(engine, &after);
    weir_result_info(result, &out->figures);
    if (!out->message[0])
        snprintf(out->message, sizeof out->message, "%s", weir_result_error(result)->message);
    out->status = weir_result_close(&result);
    out->engine_growth = (int64_t)after.peak_bytes - (int64_t)before.bytes;
    out->rss_growth = peak > rss ? (int64_t)(peak - rss) : 0;
    out->usable = begun && answers(session) && weir_session_count(session) == 0 && weir_session_close(&session) == WEIR_OK;
    weir_engine_close(&engine);
}

static void assert_loads_held(const test_database *db, const skewed *s, const loaded *out)
{
    if ((int64_t)out->figures.ledger_peak_bytes > s->memory || out->engine_growth > s->memory ||
        (RSS_IS_OURS && out->rss_growth > s->memory + 8 * MIB + kept_in_arenas(db->postgresql)))
        fail_msg("load %d, memory %lld, yield_per %lld: the stream's peak was %zu, the engine grew by %lld, the process by %lld", s->load,
                 (long long)s->memory, (long long)s->yield_per, out->figures.ledger_peak_bytes, (long long)out->engine_growth, (long long)out->rss_growth);
}

/* Its 100,000 children come together; the others are none the wiser. */
static void test_one_parent_of_very_many_children(void **state)
{
    test_database *db = *state;
    make_skewed(db);
    for (load how = SELECT_IN; how < LOADS; how++)
        for (int i = 0; i < 2; i++) {
            skewed s = { db->url, how, (how == CONTIGUOUS ? 96 : 48) * MIB, i == 1 ? 100 : 0 };
            loaded out = { 0 };
            test_apart(measure_loads, &s, &out, sizeof out);
            if (out.status != WEIR_OK || out.owners != OWNERS || out.items != MANY + 2 * (OWNERS - 1) || out.message[0] || !out.usable)
                fail_msg("load %d, memory %lld: %lld owners, %lld items: %s", how, (long long)s.memory, (long long)out.owners, (long long)out.items, out.message);
            assert_loads_held(db, &s, &out);
            s.memory = 4 * MIB;
            out = (loaded){ 0 };
            test_apart(measure_loads, &s, &out, sizeof out);
            assert_int_equal(out.status, WEIR_BUDGET_EXCEEDED);
            assert_contains(out.message, "owner 777");
            assert_int_equal(out.owners, OWNER_OF_MANY - 1);
            assert_true(out.usable);
            assert_loads_held(db, &s, &out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_pages_of_any_width_come_within_the_budget),
        ON_BOTH(test_a_giant_among_narrow_ones_by_every_way),
        ON_BOTH(test_one_parent_of_very_many_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
