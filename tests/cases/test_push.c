/* Streams that push (weir/stream.h): partitions, pausing, ends of every kind, what callbacks may do. */
#include "loading.h"
#include "loops.h"
#include "support_task.h"
#include <pthread.h>
#include <time.h>

enum { SIZES = 64 };

typedef struct push push;
struct push {
    test_database *db;
    weir_session *session;
    weir_connection *connection;        /* instead of the session */
    weir_stmt *stmt;                    /* freed once the stream has begun: it has a copy */
    const weir_execution_options *options;
    bool rows;                          /* rows, not instances */
    weir_flow (*at)(push *p, const weir_partition *partition);      /* after counting; NULL: go on */
    void (*last)(push *p);              /* in on_end */
    void (*beside)(push *p);            /* by the timer of 1 ms, outside of tasks */
    weir_stream *stream;
    size_t partitions, sizes[SIZES], count;
    int64_t sum;                        /* of ids */
    int ends, ticks, step;
    weir_error error;
    weir_result_figures figures;        /* of the last partition */
    pthread_t thread;
};

static weir_flow on_partition(weir_stream *stream, const weir_partition *partition, void *context)
{
    push *p = context;
    assert_int_equal(p->ends, 0);
    assert_ptr_equal(stream, p->stream);
    assert_non_null(weir_task_current());
    assert_true(partition->count > 0);
    if (p->partitions < SIZES)
        p->sizes[p->partitions] = partition->count;
    p->partitions++;
    p->count += partition->count;
    for (size_t i = 0; i < partition->count; i++)
        if (p->rows)
            p->sum += weir_row_int64_at(partition->rows[i], 0);
        else
            p->sum += ((const struct order *)partition->instances[i])->id;
    weir_result_info(weir_stream_result(stream), &p->figures);
    return p->at ? p->at(p, partition) : WEIR_CONTINUE;
}

static void on_end(weir_stream *stream, const weir_error *error, void *context)
{
    push *p = context;
    assert_ptr_equal(stream, p->stream);
    assert_null(weir_stream_result(stream));
    assert_false(weir_stream_paused(stream));
    p->ends++;
    if (error)
        p->error = *error;
    if (p->last)
        p->last(p);
}

static void on_tick(void *argument)
{
    push *p = argument;
    p->ticks++;
    if (p->beside)
        p->beside(p);
}

static void begin(push *p, weir_loop *loop)
{
    const weir_stream_handlers handlers = { on_partition, on_end, p };
    if (p->connection)
        p->stream = weir_connection_stream(p->connection, p->stmt, loop, p->options, &handlers);
    else if (p->rows)
        p->stream = weir_session_stream(p->session, p->stmt, loop, p->options, &handlers);
    else
        p->stream = weir_session_stream_scalars(p->session, p->stmt, loop, p->options, &handlers);
    assert_non_null(p->stream);
    assert_int_equal(p->partitions + (size_t)p->ends, 0);
    weir_stmt_free(&p->stmt);
}

/* Runs the streams on a loop to their ends. A failed assertion in a callback must not leave its task. */
static void run_all(push *p, size_t count)
{
    const loop_kind *kind = loop_under_test();
    weir_loop *tasks;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    void *own = kind->make(&tasks);
    kind->start_ticks(own, on_tick, p);
    for (size_t i = 0; i < count; i++)
        begin(&p[i], tasks);
    kind->run(own, tasks);
    assert_status(kind->close(&tasks), WEIR_OK);
    kind->stop_ticks(own);
    kind->drop(own);
    unsetenv("CMOCKA_TEST_ABORT");
    for (size_t i = 0; i < count; i++)
        assert_int_equal(p[i].ends, 1);
}

static void run(push *p) { run_all(p, 1); }

static void open_session(push *p)
{
    p->session = weir_session_open(p->db->engine);
    assert_error(weir_session_error(p->session), WEIR_OK);
}

static void end_well(push *p)
{
    assert_error(&p->error, WEIR_OK);
    if (p->session)
        close_session_ok(&p->session);
}

static int checked_out(const test_database *db)
{
    weir_pool_status pool;
    weir_engine_pool_status(db->engine, &pool);
    return pool.checked_out;
}

static int64_t sum_to(int64_t n) { return n * (n + 1) / 2; }

/* The database works as before: no connection is missing or broken. */
static void assert_usable(test_database *db)
{
    assert_int_equal(checked_out(db), 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), test_side_int(db, "SELECT count(*) FROM orders"));
    close_connection_ok(&connection);
}

/* ---- partitions ---------------------------------------------------------------------------------------------------------------- */

static void test_each_row_comes_in_partitions_of_yield_per(void **state)
{
    test_database *db = *state;
    test_fixture(db, 300);
    const weir_execution_options by_100 = *WEIR_EXECUTION_OPTIONS(.yield_per = 100);
    for (int rows = 0; rows < 2; rows++)
        for (int64_t n = 0; n <= 300; n += n % 100 == 0 || n % 100 == 99 ? 1 : 98) {
            push p = { .db = db, .rows = rows };
            open_session(&p);
            p.stmt = ORDERS(100);
            weir_where(p.stmt, WEIR_LE(WEIR_COL(order, id), n));
            if (rows) {
                weir_stmt_free(&p.stmt);
                p.stmt = weir_sql("SELECT id FROM orders WHERE id <= :n ORDER BY id");
                WEIR_BIND(p.stmt, "n", n);
                p.options = &by_100;
            }
            run(&p);
            assert_int_equal(p.partitions, (n + 99) / 100);
            for (int64_t i = 0; i < n / 100; i++)
                assert_int_equal(p.sizes[i], 100);
            assert_int_equal(p.count, n);
            assert_int_equal(p.sum, sum_to(n));
            assert_true(weir_session_in_transaction(p.session));       /* the program's to end */
            end_well(&p);
        }
    assert_usable(db);
}

/* ASY-3 */
static void test_without_a_word_it_streams_by_1000(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2500);
    push p = { .db = db, .stmt = ORDERS(0) };
    open_session(&p);
    run(&p);
    assert_int_equal(p.partitions, 3);
    assert_int_equal(p.sizes[0], 1000);
    assert_int_equal(p.sizes[2], 500);
    assert_int_equal(p.figures.yield_per, 1000);
    assert_int_equal(p.figures.stream_results, WEIR_ON);
    assert_true(p.figures.rows_held <= 1000);
    end_well(&p);
    push of = { .db = db, .stmt = ORDERS(0), .options = WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 300) };
    open_session(&of);
    run(&of);
    assert_int_equal(of.sum, sum_to(2500));
    assert_int_equal(of.figures.yield_per, 0);
    end_well(&of);
    weir_engine *engine = weir_engine_with_options(db->engine, WEIR_EXECUTION_OPTIONS(.yield_per = 700));
    push from_engine = { .db = db, .rows = true, .stmt = weir_sql("SELECT id FROM orders") };
    from_engine.connection = weir_engine_connect(engine);
    run(&from_engine);
    assert_int_equal(from_engine.partitions, 4);
    assert_int_equal(from_engine.sizes[0], 700);
    assert_int_equal(from_engine.sum, sum_to(2500));
    end_well(&from_engine);
    assert_int_equal(checked_out(db), 1);
    close_connection_ok(&from_engine.connection);
    weir_engine_close(&engine);
    assert_usable(db);
}

/* The article's revenue by tenant. */
static weir_flow add_revenue(push *p, const weir_partition *partition)
{
    for (size_t i = 0; i < partition->count; i++) {
        const weir_row *row = partition->rows[i];
        assert_int_equal(weir_row_int64(row, "tenant_id"), p->step++);
        p->count = (size_t)weir_row_int64(row, "revenue");
        assert_int_equal(p->count, test_side_int(p->db, p->step == 1 ? "SELECT sum(amount_cents) FROM orders WHERE tenant_id = 0"
                                                                    : "SELECT sum(amount_cents) FROM orders WHERE tenant_id = 1"));
    }
    return WEIR_CONTINUE;
}

static void test_rows_with_aggregates_are_read_by_name(void **state)
{
    test_database *db = *state;
    test_fixture(db, 500);
    push p = { .db = db, .rows = true, .at = add_revenue };
    open_session(&p);
    p.stmt = weir_sql("SELECT tenant_id, sum(amount_cents) AS revenue FROM orders GROUP BY tenant_id ORDER BY tenant_id");
    run(&p);
    assert_int_equal(p.step, 2);
    end_well(&p);
}

static weir_flow look_at_lines(push *p, const weir_partition *partition)
{
    for (size_t i = 0; i < partition->count; i++) {
        struct order *order = partition->instances[i];
        assert_three_lines(order);
        if (p->step && order->id % 7 == 0) {            /* statements in the callback: its task waits, the stream stands still */
            assert_status(weir_load(order, by_quantity), WEIR_OK);
            assert_int_equal(order->by_quantity.items[0]->quantity, 3);
            struct order *other = WEIR_GET(order, p->session, order->id > 150 ? 1 : 300);
            assert_int_equal(other->id, order->id > 150 ? 1 : 300);
        }
    }
    return WEIR_CONTINUE;
}

static void test_instances_come_loaded_and_may_load_in_the_callback(void **state)
{
    test_database *db = *state;
    test_fixture(db, 300);
    for (int lazily = 0; lazily < 2; lazily++) {
        push p = { .db = db, .stmt = ORDERS(40), .at = look_at_lines, .step = lazily };
        weir_selectinload(p.stmt, WEIR_COL(order, lines));
        open_session(&p);
        run(&p);
        assert_int_equal(p.sum, sum_to(300));
        assert_int_equal(p.partitions, 8);
        if (!lazily)
            assert_int_equal(weir_session_statements(p.session), 1 + 8);
        end_well(&p);
    }
    assert_usable(db);
}

static void test_streams_run_beside_each_other(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    push p[4];
    for (int i = 0; i < 4; i++) {
        p[i] = (push){ .db = db, .stmt = ORDERS(50 + i) };
        open_session(&p[i]);
    }
    run_all(p, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(p[i].sum, sum_to(1000));
        end_well(&p[i]);
    }
    assert_usable(db);
}

/* ---- pausing ---------------------------------------------------------------------------------------------------------------------- */

static void *resume_later(void *argument)
{
    push *p = argument;
    nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
    weir_stream_resume(p->stream);
    return NULL;
}

static weir_flow pause_for_a_thread(push *p, const weir_partition *partition)
{
    assert_true(p->figures.rows_held <= 100);
    (void)partition;
    if (p->partitions % 4 != 1)
        return WEIR_CONTINUE;
    if (p->partitions > 1)
        pthread_join(p->thread, NULL);
    assert_int_equal(pthread_create(&p->thread, NULL, resume_later, p), 0);
    return WEIR_PAUSE;
}

static void look_while_paused(push *p)
{
    if (p->ends == 0 && p->stream && weir_stream_paused(p->stream)) {
        p->step++;
        weir_result_info(weir_stream_result(p->stream), &p->figures);
        assert_true(p->figures.rows_held <= 100);
    }
}

static void test_a_paused_stream_waits_for_a_thread_and_its_loop_does_not(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2000);
    push p = { .db = db, .stmt = ORDERS(100), .at = pause_for_a_thread, .beside = look_while_paused };
    open_session(&p);
    run(&p);
    pthread_join(p.thread, NULL);
    assert_int_equal(p.partitions, 20);
    assert_int_equal(p.sum, sum_to(2000));
    assert_true(p.step >= 5 * 5);               /* five pauses of 30 ms */
    assert_true(p.ticks >= 5 * 5);
    end_well(&p);
    assert_usable(db);
}

static weir_flow resume_and_pause(push *p, const weir_partition *partition)
{
    (void)partition;
    if (p->partitions == 3)
        return WEIR_CONTINUE;
    for (int i = 0; i < 3; i++)
        weir_stream_resume(p->stream);
    return WEIR_PAUSE;
}

/* One resume is kept, so the third pause of three would wait: it is not asked for. */
static void test_a_resume_before_its_pause_is_kept(void **state)
{
    test_database *db = *state;
    test_fixture(db, 30);
    push p = { .db = db, .stmt = ORDERS(10), .at = resume_and_pause };
    open_session(&p);
    run(&p);
    assert_int_equal(p.sum, sum_to(30));
    end_well(&p);
}

static weir_flow pause_once(push *p, const weir_partition *partition)
{
    (void)partition;
    if (p->partitions == 1)
        for (int i = 0; i < 3; i++)
            weir_stream_resume(p->stream);
    return p->partitions <= 2 ? WEIR_PAUSE : WEIR_CONTINUE;
}

static void resume_the_second(push *p)
{
    if (p->ends || !weir_stream_paused(p->stream))
        return;
    assert_int_equal(p->partitions, 2);         /* three resumes are one: the first pause used it up */
    if (++p->step == 5)
        weir_stream_resume(p->stream);
}

static void test_many_resumes_are_kept_as_one(void **state)
{
    test_database *db = *state;
    test_fixture(db, 30);
    push p = { .db = db, .stmt = ORDERS(10), .at = pause_once, .beside = resume_the_second };
    open_session(&p);
    run(&p);
    assert_int_equal(p.sum, sum_to(30));
    assert_true(p.step >= 5);
    end_well(&p);
}

/* ---- ends ------------------------------------------------------------------------------------------------------------------------------ */

static weir_flow stop_at_three(push *p, const weir_partition *partition)
{
    (void)partition;
    return p->partitions == 3 ? WEIR_STOP : WEIR_CONTINUE;
}

/* AVS-6: the connection is the session's until its transaction ends. */
static void use_session(push *p)
{
    assert_int_equal(checked_out(p->db), 1);
    if (p->db->postgresql)
        assert_int_equal(test_open_cursors(weir_session_connection(p->session)), 0);
    weir_result *result = weir_session_scalars(p->session, p->stmt = ORDERS(0));
    weir_stmt_free(&p->stmt);
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    close_result_ok(&result);
    assert_int_equal(weir_session_commit(p->session), WEIR_OK);
    assert_int_equal(checked_out(p->db), 0);
}

static void test_stopping_midway_is_a_good_end(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    push p = { .db = db, .stmt = ORDERS(10), .at = stop_at_three, .last = use_session };
    open_session(&p);
    run(&p);
    assert_int_equal(p.sum, sum_to(30));
    end_well(&p);
    assert_usable(db);
}

static void close_session(push *p) { close_session_ok(&p->session); }

static void test_the_session_may_be_closed_in_on_end(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    push p = { .db = db, .stmt = ORDERS(10), .last = close_session };
    open_session(&p);
    run(&p);
    assert_int_equal(p.sum, sum_to(100));
    assert_error(&p.error, WEIR_OK);
    assert_usable(db);
}

static void test_an_error_midway_is_told_with_its_text(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    push p = { .db = db, .rows = true, .last = close_session, .options = WEIR_EXECUTION_OPTIONS(.yield_per = 20) };
    p.stmt = weir_sql(db->postgresql ? "SELECT id, 10 / (50 - id) FROM orders ORDER BY id"
                                     : "SELECT id, abs(CASE id WHEN 50 THEN -9223372036854775808 ELSE id END) FROM orders ORDER BY id");
    open_session(&p);
    run(&p);
    assert_error(&p.error, WEIR_DATABASE);
    assert_contains(p.error.message, db->postgresql ? "division by zero" : "integer overflow");
    assert_contains(p.error.sql, "SELECT id");
    if (db->postgresql)
        assert_string_equal(p.error.sqlstate, "22012");
    assert_true(p.count >= 40 && p.count < 50);
    assert_int_equal(p.sum, sum_to((int64_t)p.count));
    assert_usable(db);
}

/* A value that its member cannot hold. */
static void test_an_error_of_data_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    test_side_run(db, db->postgresql ? "ALTER TABLE orders ALTER tenant_id DROP NOT NULL; UPDATE orders SET tenant_id = NULL WHERE id = 77"
                                     : "UPDATE orders SET tenant_id = 'many' WHERE id = 77");
    push p = { .db = db, .stmt = ORDERS(25), .last = close_session };
    open_session(&p);
    run(&p);
    assert_error(&p.error, WEIR_DATA);
    assert_contains(p.error.message, "tenant_id");
    assert_int_equal(p.error.row, 77);
    assert_int_equal(p.sum, sum_to(75));
    assert_usable(db);
}

static void test_what_cannot_begin_ends_with_its_error(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    push closed = { .db = db, .stmt = ORDERS(0) };
    open_session(&closed);
    weir_session *rest = closed.session;
    close_session_ok(&closed.session);
    (void)rest;
    run(&closed);
    assert_error(&closed.error, WEIR_RESOURCE_CLOSED);
    push wrong = { .db = db, .stmt = weir_sql(NULL), .rows = true };
    open_session(&wrong);
    run(&wrong);
    assert_error(&wrong.error, WEIR_ARGUMENT);
    close_session_ok(&wrong.session);
    push missing = { .db = db, .stmt = weir_sql("SELECT id FROM no_such_table"), .rows = true };
    open_session(&missing);
    run(&missing);
    assert_error(&missing.error, WEIR_DATABASE);
    assert_contains(missing.error.message, "no_such_table");
    close_session_ok(&missing.session);
    push options = { .db = db, .stmt = ORDERS(0), .options = WEIR_EXECUTION_OPTIONS(.yield_per = -1) };
    open_session(&options);
    run(&options);
    assert_error(&options.error, WEIR_ARGUMENT);
    assert_contains(options.error.message, "yield_per must not be negative");
    close_session_ok(&options.session);
    push connection = { .db = db, .stmt = ORDERS(0), .connection = weir_engine_connect(db->engine) };
    close_connection_ok(&connection.connection);
    run(&connection);
    assert_error(&connection.error, WEIR_RESOURCE_CLOSED);
    assert_usable(db);
}

static void connect_outside(weir_loop *loop, void *argument)
{
    push *p = argument;
    p->connection = weir_engine_connect(p->db->engine);
    assert_error(weir_connection_error(p->connection), WEIR_WOULD_BLOCK);
    begin(p, loop);
}

/* The stream is in a task, as it should be: what it is told is the connection's own refusal. */
static void test_a_connection_that_was_refused_outside_a_task(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    push p = { .db = db, .stmt = ORDERS(2) };
    run_on_loop(connect_outside, &p);
    assert_int_equal(p.ends, 1);
    assert_error(&p.error, WEIR_WOULD_BLOCK);
    assert_contains(p.error.message, "This call would have to wait");
    assert_status(weir_connection_close(&p.connection), WEIR_WOULD_BLOCK);
    assert_usable(db);
}

static weir_flow answer_nonsense(push *p, const weir_partition *partition)
{
    (void)p;
    (void)partition;
    return (weir_flow)0;
}

static void test_an_answer_that_is_none_ends_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    push p = { .db = db, .stmt = ORDERS(10), .at = answer_nonsense, .last = close_session };
    open_session(&p);
    run(&p);
    assert_error(&p.error, WEIR_ARGUMENT);
    assert_contains(p.error.message, "WEIR_CONTINUE");
    assert_int_equal(p.partitions, 1);
    const weir_stream_handlers none = { NULL, on_end, &p }, silent = { on_partition, NULL, &p };
    assert_null(weir_session_stream(p.session, p.stmt, NULL, NULL, &none));
    assert_null(weir_session_stream(p.session, p.stmt, NULL, NULL, &silent));
    assert_null(weir_session_stream(p.session, p.stmt, NULL, NULL, NULL));
    assert_usable(db);
}

static weir_flow close_under_it(push *p, const weir_partition *partition)
{
    (void)partition;
    close_session_ok(&p->session);
    return WEIR_CONTINUE;
}

static void test_a_session_closed_in_the_callback_ends_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    push p = { .db = db, .stmt = ORDERS(10), .at = close_under_it };
    open_session(&p);
    run(&p);
    assert_error(&p.error, WEIR_RESOURCE_CLOSED);
    assert_int_equal(p.partitions, 1);
    assert_usable(db);
}

/* ---- cancelling --------------------------------------------------------------------------------------------------------------------------- */

static void *cancel_later(void *argument)
{
    push *p = argument;
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    weir_stream_cancel(p->stream);
    weir_stream_cancel(p->stream);
    return NULL;
}

static weir_flow always_pause(push *p, const weir_partition *partition)
{
    (void)partition;
    if (!p->beside)
        assert_int_equal(pthread_create(&p->thread, NULL, cancel_later, p), 0);
    return WEIR_PAUSE;
}

static void cancel_at_20(push *p)
{
    bool is_there = p->rows || (p->ends == 0 && weir_stream_paused(p->stream));
    if (p->ends == 0 && is_there && ++p->step == 20)
        weir_stream_cancel(p->stream);
}

/* What is left of a cancel must not meet the waits of on_end. */
static void commit_and_close(push *p)
{
    assert_int_equal(weir_sleep(2), WEIR_OK);
    assert_int_equal(weir_session_rollback(p->session), WEIR_OK);
    struct order *order = WEIR_GET(order, p->session, 1);
    assert_non_null(order);
    close_session_ok(&p->session);
}

static void test_a_paused_stream_can_be_cancelled(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    for (int by_thread = 0; by_thread < 2; by_thread++) {
        push p = { .db = db, .stmt = ORDERS(10), .at = always_pause, .last = commit_and_close, .beside = by_thread ? NULL : cancel_at_20 };
        open_session(&p);
        run(&p);
        if (by_thread)
            pthread_join(p.thread, NULL);
        assert_error(&p.error, WEIR_CANCELLED);
        assert_int_equal(p.partitions, 1);
        assert_usable(db);
    }
}

static void test_a_query_that_runs_is_cancelled_at_the_server(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    push p = { .db = db, .rows = true, .last = commit_and_close, .beside = cancel_at_20 };
    p.stmt = weir_sql(db->postgresql ? "SELECT id, pg_sleep(3) FROM orders"
                                     : "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000000) SELECT max(i) FROM n");
    open_session(&p);
    time_t begun = time(NULL);
    run(&p);
    assert_true(time(NULL) - begun < 10);
    assert_error(&p.error, WEIR_CANCELLED);
    assert_int_equal(p.partitions, 0);
    assert_true(p.ticks >= 20);
    if (db->postgresql)
        assert_int_equal(test_side_int(db, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(3)%' "
                                           "AND pid <> pg_backend_pid()"), 0);
    assert_usable(db);
}

static weir_flow cancel_itself(push *p, const weir_partition *partition)
{
    (void)partition;
    if (p->partitions == 2)
        weir_stream_cancel(p->stream);
    return WEIR_CONTINUE;
}

static weir_flow cancel_at_the_last(push *p, const weir_partition *partition)
{
    (void)partition;
    if (p->partitions < 10)
        return WEIR_CONTINUE;
    weir_stream_cancel(p->stream);
    assert_int_equal(weir_sleep(1000), WEIR_CANCELLED);
    return WEIR_STOP;
}

static void test_a_callback_may_cancel_its_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    push p = { .db = db, .stmt = ORDERS(10), .at = cancel_itself, .last = commit_and_close };
    open_session(&p);
    run(&p);
    assert_error(&p.error, WEIR_CANCELLED);
    assert_contains(p.error.message, "weir_stream_cancel");
    assert_int_equal(p.partitions, 2);
    push last = { .db = db, .stmt = ORDERS(10), .at = cancel_at_the_last, .last = commit_and_close };
    open_session(&last);
    run(&last);
    assert_error(&last.error, WEIR_CANCELLED);
    assert_int_equal(last.partitions, 10);
    assert_usable(db);
}

static weir_flow set_deadline(push *p, const weir_partition *partition)
{
    (void)p;
    (void)partition;
    weir_task_cancel_after(weir_task_current(), 20);
    return WEIR_PAUSE;
}

static void test_a_deadline_of_its_task_ends_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    push p = { .db = db, .stmt = ORDERS(10), .at = set_deadline, .last = commit_and_close };
    open_session(&p);
    run(&p);
    assert_error(&p.error, WEIR_DEADLINE_EXCEEDED);
    assert_usable(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_each_row_comes_in_partitions_of_yield_per),
        ON_BOTH(test_without_a_word_it_streams_by_1000),
        ON_BOTH(test_rows_with_aggregates_are_read_by_name),
        ON_BOTH(test_instances_come_loaded_and_may_load_in_the_callback),
        ON_BOTH(test_streams_run_beside_each_other),
        ON_BOTH(test_a_paused_stream_waits_for_a_thread_and_its_loop_does_not),
        ON_BOTH(test_a_resume_before_its_pause_is_kept),
        ON_BOTH(test_many_resumes_are_kept_as_one),
        ON_BOTH(test_stopping_midway_is_a_good_end),
        ON_BOTH(test_the_session_may_be_closed_in_on_end),
        ON_BOTH(test_an_error_midway_is_told_with_its_text),
        ON_BOTH(test_an_error_of_data_is_told),
        ON_BOTH(test_what_cannot_begin_ends_with_its_error),
        ON_BOTH(test_a_connection_that_was_refused_outside_a_task),
        ON_BOTH(test_an_answer_that_is_none_ends_it),
        ON_BOTH(test_a_session_closed_in_the_callback_ends_it),
        ON_BOTH(test_a_paused_stream_can_be_cancelled),
        ON_BOTH(test_a_query_that_runs_is_cancelled_at_the_server),
        ON_BOTH(test_a_callback_may_cancel_its_stream),
        ON_BOTH(test_a_deadline_of_its_task_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
