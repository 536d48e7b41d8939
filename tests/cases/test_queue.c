/* Queues between threads: order, bounds, ends, lending, lines of those who wait. The copies they make: test_queue_copies.c; in tasks:
 * test_queue_tasks.c. */
#include "loading.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static void nap(int milliseconds) { nanosleep(&(struct timespec){ .tv_nsec = milliseconds * 1000000L }, NULL); }

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static weir_queue_figures info(const weir_queue *queue)
{
    weir_queue_figures figures;
    weir_queue_info(queue, &figures);
    return figures;
}

static int numbers[64];
static void *number(int i) { return &numbers[i]; }
static int number_of(const void *item) { return item ? (int)((const int *)item - numbers) : -1; }

static _Atomic int dropped;
static void count_drop(void *item)
{
    (void)item;
    dropped++;
}

/* ---- making and refusing ------------------------------------------------------------------------------------------------------ */

static void assert_refuses(weir_queue *queue, int status, const char *text)
{
    void *item = &item;
    const weir_row *row;
    assert_status(weir_queue_error(queue)->status, status);
    assert_contains(weir_queue_error(queue)->message, text);
    assert_status(weir_queue_put(queue, number(1)), status);
    assert_status(weir_queue_try_put(queue, number(1)), status);
    assert_status(weir_queue_put_row(queue, NULL), status);
    assert_status(weir_queue_try_put_row(queue, NULL), status);
    assert_status(weir_queue_get(queue, &item, -1), status);
    assert_null(item);
    assert_status(weir_queue_get_row(queue, &row, -1), status);
    assert_null(row);
    assert_status(weir_queue_drain(queue, -1), status);
    weir_queue_done(queue);
    weir_queue_close(queue);
    weir_queue_fail(queue, WEIR_DATA, NULL);
    weir_queue_cancel(queue);
    assert_int_equal(info(queue).items, 0);
    weir_queue_free(&queue);
    weir_queue_free(&queue);
    assert_status(weir_queue_put(queue, number(1)), WEIR_RESOURCE_CLOSED);
}

static void test_mistakes_of_making_are_kept(void **state)
{
    (void)state;
    assert_refuses(weir_queue_of_pointers(NULL, WEIR_QUEUE_OPTIONS(.max_items = (size_t)WEIR_ZERO)), WEIR_ARGUMENT, "max_items");
    assert_refuses(weir_queue_of_pointers(NULL, &(weir_queue_options){ .max_items = 3 }), WEIR_ARGUMENT, "WEIR_QUEUE_OPTIONS");
    assert_refuses(WEIR_QUEUE_OF(order, (weir_queue_kind)3, NULL), WEIR_ARGUMENT, "WEIR_QUEUE_COPIED");
    weir_queue *queue = weir_queue_of_rows(NULL);
    weir_queue_free(&queue);
    assert_refuses(queue, WEIR_RESOURCE_CLOSED, "This queue is closed.");
    weir_queue_free(NULL);
}

static void test_what_does_not_belong_into_a_queue_is_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    struct order *order = WEIR_GET(order, session, 1);
    struct order_line *line = WEIR_GET(order_line, session, 11);
    struct { char front[256]; struct order order; } plain = { .order.id = 1 };
    const weir_row *row;
    void *item;
    for (int kind = WEIR_QUEUE_SHARED; kind <= WEIR_QUEUE_COPIED; kind++) {
        weir_queue *queue = WEIR_QUEUE_OF(order, (weir_queue_kind)kind, NULL);
        assert_status(weir_queue_put(queue, line), WEIR_ARGUMENT);
        assert_string_equal(weir_queue_error(queue)->message, "This queue holds instances of order, and what was put is one of order_line");
        assert_status(weir_queue_put(queue, &plain.order), WEIR_ARGUMENT);
        assert_status(weir_queue_put(queue, NULL), WEIR_ARGUMENT);
        assert_status(weir_queue_put_row(queue, (const weir_row *)(const void *)order), WEIR_ARGUMENT);
        assert_status(weir_queue_get_row(queue, &row, 0), WEIR_ARGUMENT);
        assert_int_equal(info(queue).items, 0);
        assert_status(weir_queue_put(queue, order), WEIR_OK);
        assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
        assert_int_equal(((struct order *)item)->id, 1);
        weir_queue_free(&queue);
    }
    weir_queue *rows = weir_queue_of_rows(NULL);
    assert_status(weir_queue_put(rows, order), WEIR_ARGUMENT);
    assert_string_equal(weir_queue_error(rows)->message, "This queue holds rows: use the calls for rows");
    assert_status(weir_queue_get(rows, &item, 0), WEIR_ARGUMENT);
    weir_queue_free(&rows);
    close_session_ok(&session);
}

/* ---- order, fullness, ends ------------------------------------------------------------------------------------------------------ */

static void test_items_come_out_in_order_and_a_full_queue_times_out(void **state)
{
    (void)state;
    void *item;
    dropped = 0;
    weir_queue *queue = weir_queue_of_pointers(count_drop, WEIR_QUEUE_OPTIONS(.max_items = 3));
    assert_status(weir_queue_get(queue, &item, 0), WEIR_TIMEOUT);
    int64_t begun = now_ms();
    assert_status(weir_queue_get(queue, &item, 60), WEIR_TIMEOUT);
    assert_null(item);
    assert_true(now_ms() - begun >= 60);
    for (int i = 1; i <= 3; i++)
        assert_status(weir_queue_put(queue, number(i)), WEIR_OK);
    assert_status(weir_queue_try_put(queue, number(4)), WEIR_TIMEOUT);
    assert_int_equal(dropped, 0);               /* what was not put is still the caller's */
    for (int i = 1; i <= 2; i++) {
        assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
        assert_int_equal(number_of(item), i);
    }
    assert_status(weir_queue_try_put(queue, number(4)), WEIR_OK);
    weir_queue_close(queue);
    weir_queue_close(queue);
    assert_status(weir_queue_put(queue, number(5)), WEIR_RESOURCE_CLOSED);
    assert_string_equal(weir_queue_error(queue)->message, "This queue is closed.");
    assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
    assert_int_equal(number_of(item), 3);
    weir_queue_figures figures = info(queue);
    assert_true(figures.closed);
    assert_int_equal(figures.items, 1);
    assert_int_equal(figures.peak_items, 3);
    assert_int_equal(figures.puts, 4);
    assert_int_equal(figures.gets, 3);
    assert_int_equal(figures.lent, 0);          /* pointers are the getter's */
    assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
    assert_status(weir_queue_get(queue, &item, -1), WEIR_RESOURCE_CLOSED);
    assert_null(item);
    assert_int_equal(dropped, 0);
    weir_queue_free(&queue);
}

static void test_a_failure_is_told_behind_the_items(void **state)
{
    (void)state;
    void *item;
    const weir_error failure = { .status = WEIR_OPERATIONAL, .message = "the server went away", .sqlstate = "08006", .detail = "really" };
    weir_queue *queue = weir_queue_of_pointers(NULL, NULL);
    assert_status(weir_queue_put(queue, number(1)), WEIR_OK);
    weir_queue_close(queue);
    weir_queue_fail(queue, WEIR_DATA, &failure);        /* closed already, and yet no quiet end */
    weir_queue_fail(queue, WEIR_INTERNAL, NULL);        /* the first counts */
    assert_status(weir_queue_put(queue, number(2)), WEIR_RESOURCE_CLOSED);
    assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_queue_get(queue, &item, -1), WEIR_DATA);
    assert_int_equal(weir_queue_error(queue)->status, WEIR_DATA);
    assert_string_equal(weir_queue_error(queue)->message, "the server went away");
    assert_string_equal(weir_queue_error(queue)->sqlstate, "08006");
    assert_string_equal(weir_queue_error(queue)->detail, "really");
    weir_queue_free(&queue);

    queue = weir_queue_of_pointers(NULL, NULL);
    weir_queue_fail(queue, WEIR_INTERNAL, NULL);
    assert_int_equal(weir_queue_get(queue, &item, -1), WEIR_INTERNAL);
    assert_string_equal(weir_queue_error(queue)->message, "internal error");
    weir_queue_free(&queue);

    queue = weir_queue_of_pointers(NULL, NULL);
    weir_queue_fail(queue, WEIR_OK, NULL);
    assert_int_equal(weir_queue_get(queue, &item, -1), WEIR_RESOURCE_CLOSED);
    assert_status(weir_queue_error(queue)->status, WEIR_OK);
    weir_queue_free(&queue);
}

static void test_cancel_and_free_drop_what_is_in_it(void **state)
{
    (void)state;
    void *item;
    dropped = 0;
    weir_queue *queue = weir_queue_of_pointers(count_drop, NULL);
    for (int i = 1; i <= 5; i++)
        assert_status(weir_queue_put(queue, number(i)), WEIR_OK);
    assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
    weir_queue_cancel(queue);
    assert_int_equal(dropped, 4);
    assert_status(weir_queue_get(queue, &item, -1), WEIR_RESOURCE_CLOSED);
    assert_int_equal(info(queue).items, 0);
    weir_queue_free(&queue);
    assert_int_equal(dropped, 4);
    queue = weir_queue_of_pointers(count_drop, NULL);
    for (int i = 1; i <= 5; i++)
        assert_status(weir_queue_put(queue, number(i)), WEIR_OK);
    weir_queue_free(&queue);
    assert_int_equal(dropped, 9);
}

/* ---- those who wait ---------------------------------------------------------------------------------------------------------------- */

typedef struct call { weir_queue *queue; pthread_t thread; int item, status; int64_t timeout; _Atomic bool begun, ended; } call;

static void *run_put(void *argument)
{
    call *c = argument;
    c->begun = true;
    c->status = weir_queue_put(c->queue, number(c->item));
    c->ended = true;
    return NULL;
}

static void *run_get(void *argument)
{
    call *c = argument;
    void *item;
    c->begun = true;
    c->status = weir_queue_get(c->queue, &item, c->timeout);
    c->item = number_of(item);
    c->ended = true;
    return NULL;
}

static void *run_drain(void *argument)
{
    call *c = argument;
    c->begun = true;
    c->status = weir_queue_drain(c->queue, c->timeout);
    c->ended = true;
    return NULL;
}

/* Has it wait in the queue before it returns. */
static void begin(call *c, void *(*run)(void *argument))
{
    assert_int_equal(pthread_create(&c->thread, NULL, run, c), 0);
    while (!c->begun)
        nap(1);
    nap(30);
    assert_false(c->ended);
}

static void end(call *c, int status)
{
    pthread_join(c->thread, NULL);
    assert_status(c->status, status);
}

static void test_closing_ends_all_who_wait(void **state)
{
    (void)state;
    weir_queue *full = weir_queue_of_pointers(NULL, WEIR_QUEUE_OPTIONS(.max_items = 1)), *empty = weir_queue_of_pointers(NULL, NULL);
    assert_status(weir_queue_put(full, number(1)), WEIR_OK);
    call putters[3], getters[3];
    for (int i = 0; i < 3; i++) {
        putters[i] = (call){ .queue = full, .item = 2 + i };
        begin(&putters[i], run_put);
        getters[i] = (call){ .queue = empty, .timeout = i == 1 ? 60000 : -1 };
        begin(&getters[i], run_get);
    }
    weir_queue_close(full);
    weir_queue_fail(empty, WEIR_DATA, NULL);
    for (int i = 0; i < 3; i++) {
        end(&putters[i], WEIR_RESOURCE_CLOSED);
        end(&getters[i], WEIR_DATA);
    }
    assert_int_equal(info(full).items, 1);
    weir_queue_free(&full);
    weir_queue_free(&empty);
}

static void test_who_waits_is_served_in_turn(void **state)
{
    (void)state;
    void *item;
    weir_queue *queue = weir_queue_of_pointers(NULL, WEIR_QUEUE_OPTIONS(.max_items = 1));
    call waiting[4];
    for (int i = 0; i < 4; i++) {
        waiting[i] = (call){ .queue = queue, .timeout = i == 1 ? 100 : -1 };
        begin(&waiting[i], run_get);
    }
    end(&waiting[1], WEIR_TIMEOUT);                     /* leaves the middle of the line */
    for (int i = 1; i <= 3; i++) {
        assert_status(weir_queue_put(queue, number(i)), WEIR_OK);
        assert_status(weir_queue_get(queue, &item, 0), WEIR_TIMEOUT);       /* spoken for */
    }
    for (int i = 0; i < 4; i++)
        if (i != 1) {
            end(&waiting[i], WEIR_OK);
            assert_int_equal(waiting[i].item, i == 0 ? 1 : i);
        }
    assert_status(weir_queue_put(queue, number(10)), WEIR_OK);
    for (int i = 0; i < 3; i++) {
        waiting[i] = (call){ .queue = queue, .item = 11 + i };
        begin(&waiting[i], run_put);
    }
    for (int i = 10; i <= 13; i++) {
        assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
        assert_int_equal(number_of(item), i);
    }
    for (int i = 0; i < 3; i++)
        end(&waiting[i], WEIR_OK);
    assert_int_equal(info(queue).peak_items, 1);
    weir_queue_free(&queue);
}

static void test_drain_waits_for_what_is_lent(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_session *session = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, NULL);
    void *item;
    assert_status(weir_queue_drain(queue, 0), WEIR_OK);
    for (int id = 1; id <= 3; id++)
        assert_status(weir_queue_put(queue, WEIR_GET(order, session, id)), WEIR_OK);
    assert_status(weir_queue_drain(queue, 0), WEIR_TIMEOUT);
    call drain = { .queue = queue, .timeout = -1 };
    begin(&drain, run_drain);
    for (int id = 1; id <= 3; id++)
        assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
    assert_int_equal(info(queue).lent, 1);
    nap(30);
    assert_false(drain.ended);
    weir_queue_done(queue);
    weir_queue_done(queue);
    end(&drain, WEIR_OK);
    assert_status(weir_queue_put(queue, WEIR_GET(order, session, 1)), WEIR_OK);
    assert_status(weir_queue_get(queue, &item, -1), WEIR_OK);
    assert_status(weir_queue_drain(queue, -1), WEIR_OK);        /* one's own is given back */
    weir_queue_free(&queue);
    close_session_ok(&session);
}

/* ---- sharing in one thread ------------------------------------------------------------------------------------------------------------- */

static void test_shared_instances_are_held_while_they_are_in_it_or_lent(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_SHARED, NULL);
    weir_stmt *stmt = ORDERS(2);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_result *result = scalars(session, &stmt);
    struct order *order, *kept;
    void *item;
    while ((order = WEIR_NEXT(order, result)) != NULL)
        if (order->id <= 5)
            assert_status(weir_queue_put(queue, order), WEIR_OK);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 5 * 4);
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    kept = weir_retain(item);
    for (int id = 2; id <= 3; id++)
        assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_int_equal(weir_session_count(session), 4 * 4);       /* 2 was given back */
    assert_int_equal(weir_session_close(&session), WEIR_OK);
    assert_int_equal(((struct order *)item)->id, 3);
    assert_three_lines(item);
    assert_int_equal(weir_state_of(item), WEIR_DETACHED);
    for (int id = 4; id <= 5; id++) {
        assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
        assert_int_equal(((struct order *)item)->id, id);
        assert_three_lines(item);
    }
    weir_queue_free(&queue);
    assert_three_lines(kept);
    weir_release(kept);
}

/* ---- many at once -------------------------------------------------------------------------------------------------------------------------- */

enum { SIDES = 4, EACH = 2000 };
typedef struct side { weir_queue *queue; test_database *db; int number, status; int64_t count, sum; pthread_t thread; } side;

static void *produce(void *argument)
{
    side *s = argument;
    weir_session *session = weir_session_open(s->db->engine);
    weir_stmt *stmt = ORDERS(64);
    weir_where(stmt, WEIR_AND(WEIR_GT(WEIR_COL(order, id), (int64_t)(s->number * EACH)),
                              WEIR_LE(WEIR_COL(order, id), (int64_t)((s->number + 1) * EACH))));
    weir_result *result = scalars(session, &stmt);
    for (struct order *order; s->status == WEIR_OK && (order = WEIR_NEXT(order, result)) != NULL;)
        s->status = weir_queue_put(s->queue, order);
    int status = weir_result_close(&result);
    s->status = s->status ? s->status : status;
    status = weir_session_close(&session);
    s->status = s->status ? s->status : status;
    return NULL;
}

static _Atomic char seen[SIDES * EACH + 1];

static void *consume(void *argument)
{
    side *s = argument;
    void *item;
    while ((s->status = weir_queue_get(s->queue, &item, -1)) == WEIR_OK) {
        const struct order *order = item;
        s->count++;
        s->sum += order->amount_cents;
        seen[order->id]++;
        if (strcmp(order->state, "pending") != 0 || order->tenant_id != order->id % 2)
            s->sum = INT64_MIN / 2;
    }
    return NULL;
}

static void test_each_of_many_items_goes_to_one_of_many_threads(void **state)
{
    test_database *db = *state;
    const int64_t all = SIDES * EACH;
    test_fixture(db, all);
    memset((void *)seen, 0, sizeof seen);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, WEIR_QUEUE_OPTIONS(.max_items = 50));
    side producers[SIDES], consumers[SIDES];
    for (int i = 0; i < SIDES; i++) {
        producers[i] = (side){ .queue = queue, .db = db, .number = i };
        consumers[i] = (side){ .queue = queue };
        pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
        pthread_create(&consumers[i].thread, NULL, consume, &consumers[i]);
    }
    for (int i = 0; i < SIDES; i++) {
        pthread_join(producers[i].thread, NULL);
        assert_status(producers[i].status, WEIR_OK);
    }
    weir_queue_close(queue);
    int64_t count = 0, sum = 0;
    for (int i = 0; i < SIDES; i++) {
        pthread_join(consumers[i].thread, NULL);
        assert_status(consumers[i].status, WEIR_RESOURCE_CLOSED);
        count += consumers[i].count;
        sum += consumers[i].sum;
    }
    assert_int_equal(count, all);
    assert_int_equal(sum, 10 * all * (all + 1) / 2);
    for (int64_t id = 1; id <= all; id++)
        assert_int_equal(seen[id], 1);
    assert_true(info(queue).peak_items <= 50);
    weir_queue_free(&queue);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------------------------------- */

static void *consume_slowly(void *argument)
{
    side *s = argument;
    const weir_row *row;
    while ((s->status = weir_queue_get_row(s->queue, &row, -1)) == WEIR_OK) {
        s->sum += weir_row_int64_at(row, 0);
        if (++s->count % 100 == 0)
            nap(1);
    }
    return NULL;
}

static size_t ledger(void)
{
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    return figures.bytes;
}

/* The peak of the ledger while rows go through a queue to a consumer that is slower than the stream. */
static size_t pass_slowly(test_database *db, int64_t rows, bool *slowed)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT id, amount_cents, state FROM orders WHERE id <= %lld ORDER BY id", (long long)rows);
    weir_queue *queue = weir_queue_of_rows(WEIR_QUEUE_OPTIONS(.max_items = 20));
    side consumer = { .queue = queue };
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(sql);
    weir_yield_per(stmt, 50);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    pthread_create(&consumer.thread, NULL, consume_slowly, &consumer);
    size_t peak = 0;
    weir_result_figures figures;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
        assert_status(weir_queue_put_row(queue, row), WEIR_OK);
        peak = ledger() > peak ? ledger() : peak;
        weir_result_info(result, &figures);
        assert_true(figures.rows_held <= 50);
        *slowed = *slowed || info(queue).items == 20;
    }
    close_result_ok(&result);
    weir_queue_close(queue);
    pthread_join(consumer.thread, NULL);
    assert_int_equal(consumer.count, rows);
    assert_int_equal(consumer.sum, rows * (rows + 1) / 2);
    assert_true(info(queue).peak_items <= 20);
    weir_queue_free(&queue);
    close_connection_ok(&connection);
    return peak;
}

static void test_a_slow_consumer_slows_the_stream_and_memory_stays_flat(void **state)
{
    test_database *db = *state;
    bool slowed = false;
    test_fixture(db, 20000);
    pass_slowly(db, 200, &slowed);
    size_t few = pass_slowly(db, 1000, &slowed), many = pass_slowly(db, 20000, &slowed);
    assert_true(slowed);
    assert_true(many <= few + 4096);
}

static void test_the_bytes_in_it_are_bounded(void **state)
{
    test_database *db = *state;
    enum { MOST = 20000, ROWS = 300 };
    test_side_run(db, "CREATE TABLE wide(id bigint PRIMARY KEY, text text)");
    char *filler = malloc(9001), sql[10000];
    memset(filler, 'x', 9000);
    filler[9000] = 0;
    for (int id = 1; id <= ROWS; id++) {
        snprintf(sql, sizeof sql, "INSERT INTO wide VALUES (%d, '%s')", id, filler + (id % 7 ? 9000 - id : 0));
        test_side_run(db, sql);
    }
    free(filler);
    weir_queue *queue = weir_queue_of_rows(WEIR_QUEUE_OPTIONS(.max_bytes = MOST));
    side consumer = { .queue = queue };
    pthread_create(&consumer.thread, NULL, consume_slowly, &consumer);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, text FROM wide ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL;)
        assert_status(weir_queue_put_row(queue, row), WEIR_OK);
    close_result_ok(&result);
    weir_queue_close(queue);
    pthread_join(consumer.thread, NULL);
    assert_int_equal(consumer.sum, ROWS * (ROWS + 1) / 2);
    weir_queue_figures figures = info(queue);
    assert_true(figures.peak_bytes <= MOST);
    assert_true(figures.peak_bytes > 9000);
    assert_int_equal(figures.bytes, 0);
    weir_queue_free(&queue);

    queue = weir_queue_of_rows(WEIR_QUEUE_OPTIONS(.max_bytes = 9000));
    result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    const weir_row *row;
    for (int id = 1; id <= 7; id++) {
        assert_status(weir_queue_put_row(queue, weir_result_next(result)), id == 7 ? WEIR_BUDGET_EXCEEDED : WEIR_OK);
        assert_status(weir_queue_get_row(queue, &row, 0), id == 7 ? WEIR_TIMEOUT : WEIR_OK);
    }
    assert_contains(weir_queue_error(queue)->message, "max_bytes 9000");
    assert_status(weir_queue_put_row(queue, weir_result_next(result)), WEIR_OK);    /* the queue works on */
    assert_status(weir_queue_get_row(queue, &row, 0), WEIR_OK);
    assert_int_equal(weir_row_int64(row, "id"), 8);
    close_result_ok(&result);
    close_connection_ok(&connection);
    assert_int_equal(weir_row_int64(row, "id"), 8);
    weir_queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes_of_making_are_kept),
        ON_BOTH(test_what_does_not_belong_into_a_queue_is_refused),
        cmocka_unit_test(test_items_come_out_in_order_and_a_full_queue_times_out),
        cmocka_unit_test(test_a_failure_is_told_behind_the_items),
        cmocka_unit_test(test_cancel_and_free_drop_what_is_in_it),
        cmocka_unit_test(test_closing_ends_all_who_wait),
        cmocka_unit_test(test_who_waits_is_served_in_turn),
        ON_BOTH(test_drain_waits_for_what_is_lent),
        ON_BOTH(test_shared_instances_are_held_while_they_are_in_it_or_lent),
        ON_BOTH(test_each_of_many_items_goes_to_one_of_many_threads),
        ON_BOTH(test_a_slow_consumer_slows_the_stream_and_memory_stays_flat),
        ON_BOTH(test_the_bytes_in_it_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
