/* Cases 122 to 134: sessions, connections and results on an event loop, pulled in a task and pushed to callbacks. Each scenario in a
 * task goes on for a while, and the loop's timer must fire beside it (RULES T5). */
#include "loading.h"
#include "support_task.h"
#include "trouble.h"

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
#define BY_ID "SELECT id, tenant_id, state FROM orders ORDER BY id"
enum { SCENE_MS = 40, SCENE_MOST_MS = 10000, LEAST_TICKS = 4 };

/* ---- in a task: a scenario, again and again ------------------------------------------------------------------------------- */

typedef struct scene { test_database *db; weir_engine *engine; void (*play)(struct scene *scene); int plays; } scene;

/* Longer than SCENE_MS where a busy machine keeps the loop from the processor. */
static int play_for_a_while(void *argument)
{
    scene *s = argument;
    int64_t begun = test_now_ms(), passed;
    do {
        s->play(s);
        s->plays++;
        passed = test_now_ms() - begun;
    } while (passed < SCENE_MS || (ticks_so_far() < LEAST_TICKS && passed < SCENE_MOST_MS));
    return WEIR_OK;
}

static int checked_out(const scene *s) { return test_pool_status(s->engine).checked_out; }

static void perform_on(test_database *db, weir_engine *engine, void (*play)(scene *))
{
    scene s = { .db = db, .engine = engine, .play = play };
    int ticks = run_in_task(play_for_a_while, &s, 0);
    assert_true(s.plays > 0);
    assert_true(ticks >= LEAST_TICKS);
    assert_int_equal(checked_out(&s), 0);
}

static void perform(test_database *db, void (*play)(scene *)) { perform_on(db, db->engine, play); }

static weir_session *open_session(const scene *s)
{
    weir_session *session = weir_session_open(s->engine);
    assert_error(weir_session_error(session), WEIR_OK);
    return session;
}

static weir_result *execute(weir_session *session, const char *sql, const weir_execution_options *options)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_session_execute_with(session, stmt, options);
    weir_stmt_free(&stmt);
    return result;
}

static void assert_closed(const weir_error *error)
{
    assert_error(error, WEIR_RESOURCE_CLOSED);
    assert_true(weir_status_is(error->status, WEIR_INVALID_REQUEST));
    assert_string_equal(error->message, "This result object is closed.");
}

/* ---- pushed: a stream to its end ----------------------------------------------------------------------------------------------- */

typedef struct push {
    weir_session *session;
    weir_connection *connection;
    weir_stmt *stmt;
    const weir_execution_options *options;
    bool rows;
    size_t stop_after;                  /* rows or instances; 0: never */
    int consumer;                       /* the consumer's own error */
    size_t count, partitions, last;
    bool in_order;
    int ends, status;
    weir_stream *stream;
} push;

static weir_flow on_partition(weir_stream *stream, const weir_partition *partition, void *context)
{
    push *p = context;
    (void)stream;
    for (size_t i = 0; i < partition->count; i++) {
        int64_t id = p->rows ? weir_row_int64(partition->rows[i], "id") : ((const struct order *)partition->instances[i])->id;
        p->in_order = p->in_order && id == (int64_t)++p->count;
        if (p->count == p->stop_after) {
            p->consumer = -4711;
            return WEIR_STOP;
        }
    }
    p->last = partition->count;
    p->partitions++;
    return WEIR_CONTINUE;
}

static void on_end(weir_stream *stream, const weir_error *error, void *context)
{
    push *p = context;
    assert_null(weir_stream_result(stream));
    p->ends++;
    p->status = error ? error->status : WEIR_OK;
}

static void begin_push(weir_loop *loop, void *argument)
{
    push *p = argument;
    const weir_stream_handlers handlers = { on_partition, on_end, p };
    p->in_order = true;
    p->stream = p->connection ? weir_connection_stream(p->connection, p->stmt, loop, p->options, &handlers)
              : p->rows ? weir_session_stream(p->session, p->stmt, loop, p->options, &handlers)
              : weir_session_stream_scalars(p->session, p->stmt, loop, p->options, &handlers);
    assert_non_null(p->stream);
    weir_stmt_free(&p->stmt);
}

static void run_push(push *p, int status)
{
    assert_true(run_on_loop(begin_push, p) > 0);
    assert_int_equal(p->ends, 1);
    assert_true(p->in_order);
    assert_status(p->status, status);
}

/* ---- 122, 128, 134: outside of tasks -------------------------------------------------------------------------------------------- */

typedef struct outside {
    test_database *db;
    weir_session *session;
    weir_connection *connection;
    struct order *order;
    int (*rest)(void *argument);
} outside;

static void assert_refused(const weir_error *error, const char *call, const char *instead)
{
    assert_error(error, WEIR_WOULD_BLOCK);
    assert_true(weir_status_is(error->status, WEIR_INVALID_REQUEST));
    assert_contains(error->message, call);
    assert_contains(error->message, instead);
    assert_contains(error->message, "weir_task_spawn");
}

static void assert_silence(test_database *db)
{
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), 0);
}

static void go_on_in_a_task(weir_loop *loop, outside *o)
{
    weir_task *task = weir_task_spawn(loop, o->rest, o);
    weir_task_detach(&task);
}

static void stream_in_callback(weir_loop *loop, void *argument)
{
    outside *o = argument;
    const weir_execution_options *streams[] = { OPTIONS(.yield_per = 2000), OPTIONS(.stream_results = WEIR_ON) };
    test_log_clear(o->db->log);
    for (int i = 0; i < 2; i++) {
        weir_result *result = execute(o->session, BY_ID, streams[i]);
        assert_refused(weir_result_error(result), "Can't use weir_session_execute() with a server-side cursor", "weir_session_stream()");
        assert_null(weir_result_next(result));
        assert_status(weir_result_close(&result), WEIR_WOULD_BLOCK);
    }
    weir_stmt *stmt = ORDERS(2000);
    weir_result *result = scalars(o->session, &stmt);
    assert_refused(weir_result_error(result), "server-side cursor", "weir_session_stream()");
    assert_status(weir_result_close(&result), WEIR_WOULD_BLOCK);
    assert_silence(o->db);
    go_on_in_a_task(loop, o);
}

static int stream_in_task(void *argument)
{
    outside *o = argument;
    if (o->db->postgresql)
        assert_int_equal(test_open_cursors(weir_session_connection(o->session)), 0);
    weir_stmt *stmt = ORDERS(2000);
    weir_result *result = scalars(o->session, &stmt);
    int64_t id = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL; )
        assert_int_equal(order->id, ++id);
    assert_int_equal(id, 5000);
    close_result_ok(&result);
    close_session_ok(&o->session);
    return WEIR_OK;
}

static void test_case_122_streams_are_refused_outside_of_tasks(void **state)
{
    outside o = { .db = *state, .rest = stream_in_task };
    test_fixture(o.db, 5000);
    o.session = weir_session_open(o.db->engine);
    run_on_loop(stream_in_callback, &o);
    assert_int_equal(test_pool_status(o.db->engine).checked_out, 0);
}

static void load_in_callback(weir_loop *loop, void *argument)
{
    outside *o = argument;
    test_log_clear(o->db->log);
    assert_int_equal(weir_load(o->order, lines), WEIR_WOULD_BLOCK);
    assert_refused(weir_session_error(o->session), "This call would have to wait", "weir_session_stream");
    assert_false(weir_loaded(o->order, lines));
    assert_silence(o->db);
    go_on_in_a_task(loop, o);
}

static int load_in_task(void *argument)
{
    outside *o = argument;
    assert_status(weir_load(o->order, lines), WEIR_OK);
    return WEIR_OK;
}

static void read_in_callback(weir_loop *loop, void *argument)
{
    outside *o = argument;
    (void)loop;
    test_log_clear(o->db->log);
    assert_status(weir_load(o->order, lines), WEIR_OK);
    assert_three_lines(o->order);
    assert_silence(o->db);
}

static void test_case_128_a_lazy_load_parks_a_task_and_is_refused_outside(void **state)
{
    outside o = { .db = *state, .rest = load_in_task };
    test_fixture(o.db, 12);
    o.session = weir_session_open(o.db->engine);
    o.order = WEIR_GET(order, o.session, 7);
    assert_non_null(o.order);
    run_on_loop(load_in_callback, &o);
    run_on_loop(read_in_callback, &o);
    close_session_ok(&o.session);
}

static void core_in_callback(weir_loop *loop, void *argument)
{
    outside *o = argument;
    test_log_clear(o->db->log);
    weir_result *result = test_query(o->connection, BY_ID, OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 2000));
    assert_refused(weir_result_error(result), "Can't use weir_connection_execute() with a server-side cursor", "weir_connection_stream()");
    assert_status(weir_result_close(&result), WEIR_WOULD_BLOCK);
    assert_silence(o->db);
    go_on_in_a_task(loop, o);
}

static void fetch_piece(weir_result *result, size_t wanted, int64_t *id)
{
    weir_result_figures figures;
    const weir_partition *piece = weir_result_fetchmany(result, 2000);
    assert_int_equal(piece ? piece->count : 0, wanted);
    for (size_t i = 0; piece && i < piece->count; i++)
        assert_int_equal(weir_row_int64_at(piece->rows[i], 0), ++*id);
    weir_result_info(result, &figures);
    assert_true(figures.rows_held <= 2000);
}

static int core_in_task(void *argument)
{
    outside *o = argument;
    int64_t id = 0;
    weir_result *result = test_query(o->connection, BY_ID, OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 2000));
    fetch_piece(result, 2000, &id);
    fetch_piece(result, 2000, &id);
    fetch_piece(result, 1000, &id);
    fetch_piece(result, 0, &id);
    assert_int_equal(id, 5000);
    close_result_ok(&result);
    return WEIR_OK;
}

static void test_case_134_core_streams_are_refused_outside_and_come_in_pieces(void **state)
{
    outside o = { .db = *state, .rest = core_in_task };
    test_fixture(o.db, 5000);
    o.connection = connect_ok(o.db->engine);
    run_on_loop(core_in_callback, &o);
    push p = { .connection = o.connection, .stmt = weir_sql(BY_ID), .rows = true,
               .options = OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 2000) };
    run_push(&p, WEIR_OK);
    assert_int_equal(p.count, 5000);
    close_connection_ok(&o.connection);
}

/* ---- 123: the article's stream ----------------------------------------------------------------------------------------------------- */

static void read_5000(scene *s)
{
    weir_session *session = open_session(s);
    weir_stmt *stmt = ORDERS(2000);
    weir_result *result = scalars(session, &stmt);
    int64_t id = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL; )
        assert_int_equal(order->id, ++id);
    assert_int_equal(id, 5000);
    close_result_ok(&result);
    assert_true(weir_result_closed(result));
    close_session_ok(&session);
}

static void test_case_123_5000_instances_in_order(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5000);
    perform(db, read_5000);
    push p = { .session = weir_session_open(db->engine), .stmt = ORDERS(2000) };
    run_push(&p, WEIR_OK);
    assert_int_equal(p.count, 5000);
    assert_int_equal(p.partitions, 3);
    assert_int_equal(p.last, 1000);
    close_session_ok(&p.session);
}

/* ---- 124, 125, 126: leaving the scope ------------------------------------------------------------------------------------------------ */

static void assert_left(const scene *s, weir_session *session)
{
    assert_true(weir_session_in_transaction(session));
    assert_int_equal(checked_out(s), 1);
    if (s->db->postgresql)
        assert_int_equal(test_open_cursors(weir_session_connection(session)), 0);
}

static weir_result *read_some(weir_session *session, int rows)
{
    weir_stmt *stmt = ORDERS(5);
    weir_result *result = scalars(session, &stmt);
    for (int id = 1; id <= rows; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    return result;
}

static void leave_in_each_way(scene *s)
{
    weir_session *session = open_session(s);
    weir_result *result = read_some(session, 12);
    assert_null(WEIR_NEXT(order, result));
    close_result_ok(&result);
    assert_left(s, session);
    result = read_some(session, 3);                     /* early */
    close_result_ok(&result);
    assert_left(s, session);
    result = execute(session, BY_ID, OPTIONS(.yield_per = 5));
    weir_row_int64(weir_result_next(result), "state");  /* by an error: 'pending' is no number */
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_left(s, session);
    close_session_ok(&session);
    assert_int_equal(checked_out(s), 0);
}

static void test_case_124_the_scope_ends_and_the_session_goes_on(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    perform(db, leave_in_each_way);
}

static void fetch_after_close(scene *s)
{
    weir_session *session = open_session(s);
    for (int read = 0; read < 3; read++) {
        weir_result *result = read_some(session, read * 6);
        close_result_ok(&result);
        assert_null(WEIR_NEXT(order, result));
        assert_closed(weir_result_error(result));
        assert_null(weir_result_fetchmany(result, 2));
        assert_null(weir_result_next_partition(result, 2));
        assert_null(weir_result_all(result));
        assert_null(weir_result_first(result));
        assert_null(weir_result_one(result));
        assert_null(weir_result_scalar(result));
        assert_closed(weir_result_error(result));
        close_result_ok(&result);               /* again */
    }
    close_session_ok(&session);
}

static void test_case_125_fetching_after_the_scope(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    perform(db, fetch_after_close);
}

/* A consumer that fails at its third order, as a program writes it. */
static int consume(weir_session *session)
{
    weir_stmt *stmt = ORDERS(5);
    weir_result *result = scalars(session, &stmt);
    int status = WEIR_OK, seen = 0;
    for (struct order *order; status == WEIR_OK && (order = WEIR_NEXT(order, result)) != NULL; )
        status = ++seen == 3 ? -4711 : WEIR_OK;
    int closed = weir_result_close(&result);
    return status != WEIR_OK ? status : closed;
}

static void fail_in_the_loop(scene *s)
{
    weir_session *session = open_session(s);
    assert_int_equal(consume(session), -4711);
    weir_result *result = read_some(session, 12);
    close_result_ok(&result);
    assert_left(s, session);
    close_session_ok(&session);
}

static void test_case_126_the_consumers_error_and_the_same_session(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    perform(db, fail_in_the_loop);
    push p = { .session = weir_session_open(db->engine), .stmt = ORDERS(5), .stop_after = 3 };
    run_push(&p, WEIR_OK);
    assert_int_equal(p.consumer, -4711);
    assert_int_equal(p.count, 3);
    push again = { .session = p.session, .stmt = ORDERS(5) };
    run_push(&again, WEIR_OK);
    assert_int_equal(again.count, 12);
    assert_true(weir_session_in_transaction(p.session));
    close_session_ok(&p.session);
}

/* ---- 129, 130, 132, 133 ------------------------------------------------------------------------------------------------------------------ */

typedef enum reading_form { ROWS, SCALARS, MAPPINGS, FORMS } reading_form;

static int64_t id_of(const weir_partition *partition, size_t i, reading_form form)
{
    return form == ROWS ? weir_row_int64_at(partition->rows[i], 0)
         : form == MAPPINGS ? weir_row_int64(partition->rows[i], "id") : ((const struct order *)partition->instances[i])->id;
}

static weir_result *open_form(weir_session *session, reading_form form, int64_t by_option)
{
    weir_stmt *stmt = ORDERS(by_option);
    if (form == SCALARS)
        return scalars(session, &stmt);
    weir_stmt_free(&stmt);
    return execute(session, BY_ID, by_option ? OPTIONS(.yield_per = by_option) : OPTIONS(.stream_results = WEIR_ON));
}

static void read_partitions(weir_session *session, reading_form form, size_t size, bool by_option)
{
    weir_result *result = open_form(session, form, by_option ? (int64_t)size : 0);
    int64_t id = 0;
    size_t partitions = 0;
    for (const weir_partition *p; (p = weir_result_next_partition(result, by_option ? 0 : size)) != NULL; partitions++) {
        assert_int_equal(p->count, partitions < 19 / size ? size : 19 % size);
        for (size_t i = 0; i < p->count; i++)
            assert_int_equal(id_of(p, i, form), ++id);
    }
    assert_int_equal(id, 19);
    assert_int_equal(partitions, (19 + size - 1) / size);
    close_result_ok(&result);
}

static void read_all_partitions(scene *s)
{
    const size_t sizes[] = { 2, 5, 10 };
    weir_session *session = open_session(s);
    for (reading_form form = ROWS; form < FORMS; form++)
        for (int i = 0; i < 6; i++)
            read_partitions(session, form, sizes[i / 2], i % 2);
    close_session_ok(&session);
}

static void test_case_129_partitions_of_19_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 19);
    perform(db, read_all_partitions);
    weir_session *session = weir_session_open(db->engine);
    for (int i = 0; i < 6; i++) {
        const size_t size = (size_t[]){ 2, 5, 10 }[i / 2];
        push p = { .session = session, .rows = i % 2, .stmt = i % 2 ? weir_sql(BY_ID) : ORDERS(0),
                   .options = OPTIONS(.yield_per = (int64_t)size) };
        run_push(&p, WEIR_OK);
        assert_int_equal(p.count, 19);
        assert_int_equal(p.partitions, (19 + size - 1) / size);
        assert_int_equal(p.last, 19 % size);
    }
    close_session_ok(&session);
}

static void fetch_22_then_all(scene *s)
{
    const size_t sizes[] = { 5, 10, 7 };
    const weir_execution_options *options[] = { OPTIONS(.stream_results = WEIR_ON), OPTIONS(.yield_per = 6), NULL };
    weir_session *session = open_session(s);
    for (int o = 0; o < 3; o++) {
        weir_result *result = execute(session, BY_ID, options[o]);
        int64_t id = 0;
        for (int i = 0; i < 3; i++) {
            const weir_partition *p = weir_result_fetchmany(result, sizes[i]);
            assert_non_null(p);
            assert_int_equal(p->count, sizes[i]);
            for (size_t k = 0; k < p->count; k++)
                assert_int_equal(weir_row_int64_at(p->rows[k], 0), ++id);
        }
        const weir_partition *rest = weir_result_all(result);
        assert_non_null(rest);
        assert_int_equal(rest->count, 339);
        for (size_t k = 0; k < rest->count; k++)
            assert_int_equal(weir_row_int64_at(rest->rows[k], 0), ++id);
        close_result_ok(&result);
    }
    close_session_ok(&session);
}

static void test_case_130_fetch_sizes_add_up(void **state)
{
    test_database *db = *state;
    test_fixture(db, 361);
    perform(db, fetch_22_then_all);
}

static void check_out_a_second(scene *s, const char *timeout, int64_t at_least, int64_t at_most)
{
    weir_error error;
    char words[160];
    weir_session *session = open_session(s);
    weir_result *result = read_some(session, 3);
    int64_t before = test_now_ms();
    assert_int_equal(test_connect_fails(s->engine, &error), WEIR_TIMEOUT);
    assert_in_range(test_now_ms() - before, at_least, at_most);
    snprintf(words, sizeof words, "QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout %s", timeout);
    assert_contains(error.message, words);
    assert_int_equal(WEIR_NEXT(order, result)->id, 4);  /* the stream is as before */
    close_result_ok(&result);
    close_session_ok(&session);
    weir_connection *connection = connect_ok(s->engine);
    close_connection_ok(&connection);
}

static void wait_for_a_second(scene *s) { check_out_a_second(s, "0.10", 100, 1500); }
static void ask_once_for_a_second(scene *s) { check_out_a_second(s, "0.00", 0, 90); }

static void test_case_132_the_pool_is_exhausted_by_a_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 100));
    perform_on(db, engine, wait_for_a_second);
    weir_engine_close(&engine);
    engine = test_engine(db, WEIR_ENGINE_OPTIONS(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = WEIR_ZERO));
    perform_on(db, engine, ask_once_for_a_second);
    weir_engine_close(&engine);
}

static void read_after_the_session(scene *s)
{
    weir_session *session = open_session(s);
    weir_stmt *stmt = ORDERS(0);
    weir_result *result = scalars(session, &stmt);
    close_session_ok(&session);
    assert_int_equal(checked_out(s), 0);
    const weir_partition *all = weir_result_all(result);
    assert_non_null(all);
    assert_int_equal(all->count, 12);
    for (size_t i = 0; i < 12; i++) {
        struct order *order = all->instances[i];
        assert_int_equal(order->id, i + 1);
        assert_string_equal(order->state, "pending");
        assert_int_equal(weir_state_of(order) & 0xf, WEIR_DETACHED);
        assert_status(weir_load(order, lines), WEIR_DETACHED_INSTANCE);
    }
    close_result_ok(&result);
}

static void test_case_133_a_buffered_result_outlives_its_session(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    perform(db, read_after_the_session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_122_streams_are_refused_outside_of_tasks),
        ON_BOTH(test_case_123_5000_instances_in_order),
        ON_BOTH(test_case_124_the_scope_ends_and_the_session_goes_on),
        ON_BOTH(test_case_125_fetching_after_the_scope),
        ON_BOTH(test_case_126_the_consumers_error_and_the_same_session),
        ON_BOTH(test_case_128_a_lazy_load_parks_a_task_and_is_refused_outside),
        ON_BOTH(test_case_129_partitions_of_19_rows),
        ON_BOTH(test_case_130_fetch_sizes_add_up),
        ON_BOTH(test_case_132_the_pool_is_exhausted_by_a_stream),
        ON_BOTH(test_case_133_a_buffered_result_outlives_its_session),
        ON_BOTH(test_case_134_core_streams_are_refused_outside_and_come_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
