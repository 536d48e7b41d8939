/* The byte budget of streams that push: rows and instances of hostile widths, paused, with other statements in the callback. Rows and instances
 * that are pulled: test_budget_hostile.c, which says what WEIR_TEST_ROUNDS (4) and WEIR_TEST_SEED are. */
#include "hostile.h"
#include "support_task.h"

typedef struct push { const run *run; outcome *out; weir_session *session; weir_stream *stream; int partitions; weir_execution_options options; } push;

static int resume_later(void *argument)
{
    push *p = argument;
    (void)weir_sleep(1);
    weir_stream_resume(p->stream);
    return WEIR_OK;
}

static weir_loop *loop_of_test;

static weir_flow on_partition(weir_stream *stream, const weir_partition *partition, void *context)
{
    push *p = context;
    for (size_t i = 0; i < partition->count; i++)
        if (is_of_rows(p->run->way))
            take_row(p->run, p->out, partition->rows[i]);
        else
            take_instance(p->run, p->out, partition->instances[i]);
    if (p->run->between && !answers(p->session))
        snprintf(p->out->wrong, sizeof p->out->wrong, "no answer in a callback");
    weir_result_info(weir_stream_result(stream), &p->out->figures);
    if (++p->partitions % 3 != 0)
        return WEIR_CONTINUE;
    weir_task *task = weir_task_spawn(loop_of_test, resume_later, p);
    weir_task_detach(&task);
    return WEIR_PAUSE;
}

static void on_end(weir_stream *stream, const weir_error *error, void *context)
{
    push *p = context;
    (void)stream;
    if (!error)
        return;
    p->out->status = error->status;
    p->out->error_row = error->row;
    snprintf(p->out->message, sizeof p->out->message, "%s", error->message);
}

static void begin(weir_loop *loop, void *argument)
{
    push *p = argument;
    const weir_stream_handlers handlers = { on_partition, on_end, p };
    weir_stmt *stmt = pages_query(p->run->way);
    loop_of_test = loop;
    if (p->run->way == PUSHED_BY_CONNECTION)
        p->stream = weir_connection_stream(weir_session_connection(p->session), stmt, loop, &p->options, &handlers);
    else if (p->run->way == PUSHED_ROWS)
        p->stream = weir_session_stream(p->session, stmt, loop, &p->options, &handlers);
    else
        p->stream = weir_session_stream_scalars(p->session, stmt, loop, &p->options, &handlers);
    assert_non_null(p->stream);
    weir_stmt_free(&stmt);
}

static void stream(const run *r, outcome *out, weir_session *session)
{
    push p = { .run = r, .out = out, .session = session };
    p.options = (weir_execution_options){ .struct_size = sizeof p.options, .memory = r->memory, .yield_per = r->yield_per };
    run_on_loop(begin, &p);
    if (p.partitions == 0)                        /* nothing came to tell it */
        out->figures.memory = r->memory;
}

static void measure(const void *argument, void *out) { measure_stream(argument, out, stream); }

static outcome run_apart(const run *r)
{
    outcome out = { 0 };
    test_apart(measure, r, &out, sizeof out);
    return out;
}

static void test_pushed_pages_of_any_width_come_within_the_budget(void **state)
{
    test_database *db = *state;
    static const int64_t budgets[] = { 1024, 1500, 2048, 4096, 12000 }, batches[] = { 0, 0, 1, 50, 1000 };
    int64_t rounds = number_of("WEIR_TEST_ROUNDS", 4), first = number_of("WEIR_TEST_SEED", 20261123);
    pages *p = calloc(1, sizeof *p);
    assert_non_null(p);
    for (int64_t seed = first; seed < first + rounds; seed++) {
        chance_begin(seed);
        draw_pages(p);
        make_pages(db, p);
        for (way w = PUSHED_ROWS; w <= PUSHED_BY_CONNECTION; w++) {
            char what[300];
            run r = { .url = db->url, .pages = p, .way = w, .memory = DRAW(budgets) * KIB, .yield_per = DRAW(batches), .between = draw(0, 1) };
            describe(what, sizeof what, seed, &r);
            outcome out = run_apart(&r);
            assert_came(what, db, &r, &out, p->widest > r.memory / 5);
        }
    }
    free(p);
}

static void test_a_giant_is_pushed_or_named(void **state)
{
    test_database *db = *state;
    enum { PAGES = 3000, GIANT = 1700 };
    pages *p = calloc(1, sizeof *p);
    assert_non_null(p);
    narrow_but_one(p, PAGES, GIANT - 1, 50 * MIB);
    make_pages(db, p);
    for (way w = PUSHED_ROWS; w <= PUSHED_BY_CONNECTION; w++)
        for (int fits = 0; fits < 2; fits++) {
            char what[300];
            run r = { .url = db->url, .pages = p, .way = w, .memory = (fits ? 64 : 2) * MIB, .between = 1 };
            describe(what, sizeof what, 0, &r);
            outcome out = run_apart(&r);
            assert_came(what, db, &r, &out, !fits);
            assert_int_equal(out.rows, fits ? PAGES : GIANT - 1);
        }
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_pushed_pages_of_any_width_come_within_the_budget),
        ON_BOTH(test_a_giant_is_pushed_or_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
