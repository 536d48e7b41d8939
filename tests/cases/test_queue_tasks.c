/* Queues between tasks, and between tasks and threads: waiting that does not hold up the loop, cancelled waits, streams that push
 * into them. */
#include "loading.h"
#include "loops.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { MOST = 16 };

/* A loop with a timer of 1 ms, and the tasks that the test spawns on it. */
typedef struct world {
    const loop_kind *kind;
    void      *own;
    weir_loop *tasks;
    weir_task *all[MOST];
    size_t     count;
    int        ticks;
    void     (*beside)(void *argument);         /* by the timer, outside of tasks */
    void      *argument;
} world;

static void on_tick(void *argument)
{
    world *w = argument;
    w->ticks++;
    if (w->beside)
        w->beside(w->argument);
}

/* A failed assertion must not leave its task. */
static void open_world(world *w)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    *w = (world){ .kind = loop_under_test() };
    w->own = w->kind->make(&w->tasks);
    w->kind->start_ticks(w->own, on_tick, w);
}

static weir_task *spawn(world *w, weir_task_fn run, void *argument)
{
    assert_true(w->count < MOST);
    return w->all[w->count++] = weir_task_spawn(w->tasks, run, argument);
}

/* Runs the loop until all tasks have ended. */
static void run_world(world *w)
{
    w->kind->run(w->own, w->tasks);
    for (size_t i = 0; i < w->count; i++) {
        int result;
        assert_status(weir_task_join(&w->all[i], &result), WEIR_OK);
        assert_status(result, WEIR_OK);
    }
    assert_status(w->kind->close(&w->tasks), WEIR_OK);
    w->kind->stop_ticks(w->own);
    w->kind->drop(w->own);
    unsetenv("CMOCKA_TEST_ABORT");
}

static weir_queue_figures info(const weir_queue *queue)
{
    weir_queue_figures figures;
    weir_queue_info(queue, &figures);
    return figures;
}

/* ---- many of both kinds -------------------------------------------------------------------------------------------------------------- */

enum { SIDES = 4, EACH = 1000 };
typedef struct side { weir_queue *queue; test_database *db; int number, status; int64_t count, sum; pthread_t thread; } side;
static _Atomic char seen[SIDES * EACH + 1];

static int produce(void *argument)
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
    return s->status;
}

static int consume(void *argument)
{
    side *s = argument;
    void *item;
    while ((s->status = weir_queue_get(s->queue, &item, -1)) == WEIR_OK) {
        const struct order *order = item;
        s->count++;
        s->sum += order->amount_cents;
        seen[order->id]++;
        assert_string_equal(order->state, "pending");
    }
    return s->status == WEIR_RESOURCE_CLOSED ? WEIR_OK : s->status;
}

static void *produce_in_thread(void *argument) { produce(argument); return NULL; }
static void *consume_in_thread(void *argument) { consume(argument); return NULL; }

/* Closes the queue once all have produced. */
typedef struct closing { weir_queue *queue; weir_task *tasks[2]; side *producers; } closing;

static void join_threads(void *argument)
{
    closing *c = argument;
    for (int i = 0; i < SIDES; i += 2)
        pthread_join(c->producers[i].thread, NULL);
}

static int close_after_all(void *argument)
{
    closing *c = argument;
    int status = weir_blocking(join_threads, c);
    for (int i = 1; i < SIDES; i += 2) {
        int result = WEIR_OK;
        status = status ? status : weir_task_join(&c->tasks[i / 2], &result);
        status = status ? status : result;
    }
    weir_queue_close(c->queue);
    return status;
}

static void test_threads_and_tasks_pass_each_item_once(void **state)
{
    test_database *db = *state;
    const int64_t all = SIDES * EACH;
    test_fixture(db, all);
    memset((void *)seen, 0, sizeof seen);
    world w;
    open_world(&w);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, WEIR_QUEUE_OPTIONS(.max_items = 20));
    side producers[SIDES], consumers[SIDES];
    for (int i = 0; i < SIDES; i++)
        producers[i] = (side){ .queue = queue, .db = db, .number = i };
    closing c = { .queue = queue, .producers = producers };
    for (int i = 0; i < SIDES; i++)
        if (i % 2)
            c.tasks[i / 2] = weir_task_spawn(w.tasks, produce, &producers[i]);
        else
            pthread_create(&producers[i].thread, NULL, produce_in_thread, &producers[i]);
    spawn(&w, close_after_all, &c);
    for (int i = 0; i < SIDES; i++) {
        consumers[i] = (side){ .queue = queue };
        if (i % 2)
            spawn(&w, consume, &consumers[i]);
        else
            pthread_create(&consumers[i].thread, NULL, consume_in_thread, &consumers[i]);
    }
    run_world(&w);
    int64_t got = 0, sum = 0;
    for (int i = 0; i < SIDES; i++) {
        if (i % 2 == 0)
            pthread_join(consumers[i].thread, NULL);
        assert_status(producers[i].status, WEIR_OK);
        assert_status(consumers[i].status, WEIR_RESOURCE_CLOSED);
        got += consumers[i].count;
        sum += consumers[i].sum;
    }
    assert_int_equal(got, all);
    assert_int_equal(sum, 10 * all * (all + 1) / 2);
    for (int64_t id = 1; id <= all; id++)
        assert_int_equal(seen[id], 1);
    assert_true(info(queue).peak_items <= 20);
    weir_queue_free(&queue);
}

/* ---- outside of tasks ----------------------------------------------------------------------------------------------------------------------- */

typedef struct outside { weir_queue *queue; bool turned; int done; } outside;

static void call_outside(void *argument)
{
    outside *o = argument;
    int numbers[3];
    void *item;
    if (!o->turned || o->done++)        /* before its first turn a loop's thread may still wait */
        return;
    assert_status(weir_queue_get(o->queue, &item, -1), WEIR_WOULD_BLOCK);
    assert_contains(weir_queue_error(o->queue)->message, "weir_task_spawn");
    assert_status(weir_queue_get(o->queue, &item, 10), WEIR_WOULD_BLOCK);
    assert_status(weir_queue_get(o->queue, &item, 0), WEIR_TIMEOUT);
    assert_status(weir_queue_put(o->queue, &numbers[0]), WEIR_OK);
    assert_status(weir_queue_try_put(o->queue, &numbers[1]), WEIR_OK);
    assert_status(weir_queue_put(o->queue, &numbers[2]), WEIR_WOULD_BLOCK);
    assert_status(weir_queue_try_put(o->queue, &numbers[2]), WEIR_TIMEOUT);
    assert_status(weir_queue_drain(o->queue, -1), WEIR_WOULD_BLOCK);
    for (int i = 0; i < 2; i++) {
        assert_status(weir_queue_get(o->queue, &item, -1), WEIR_OK);
        assert_ptr_equal(item, &numbers[i]);
    }
    assert_status(weir_queue_drain(o->queue, -1), WEIR_OK);
}

static int wait_a_little(void *argument)
{
    outside *o = argument;
    o->turned = true;
    return weir_sleep(50);
}

static void test_outside_of_tasks_only_what_is_at_hand(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    outside o = { .queue = weir_queue_of_pointers(NULL, WEIR_QUEUE_OPTIONS(.max_items = 2)) };
    w.beside = call_outside;
    w.argument = &o;
    spawn(&w, wait_a_little, &o);
    run_world(&w);
    assert_true(o.done > 0);
    weir_queue_free(&o.queue);
}

/* ---- waiting, and waits that end early ---------------------------------------------------------------------------------------------------------- */

typedef struct wait { weir_queue *queue; int64_t timeout; void *item; int status; bool ended; } wait;

static int wait_to_get(void *argument)
{
    wait *x = argument;
    x->status = weir_queue_get(x->queue, &x->item, x->timeout);
    x->ended = true;
    return WEIR_OK;
}

static int wait_to_put(void *argument)
{
    wait *x = argument;
    x->status = weir_queue_put(x->queue, x->item);
    x->ended = true;
    return WEIR_OK;
}

static void test_a_task_that_waits_does_not_hold_up_its_loop(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    weir_queue *queue = weir_queue_of_pointers(NULL, NULL);
    wait first = { .queue = queue, .timeout = 60 };
    spawn(&w, wait_to_get, &first);
    run_world(&w);
    assert_status(first.status, WEIR_TIMEOUT);
    assert_true(w.ticks >= 20);                 /* RULES T5 */
    weir_queue_free(&queue);
}

typedef struct cancels { world *w; weir_queue *queue; wait waits[3]; int step; bool putting; int numbers[4]; } cancels;

/* All three wait in line when this begins. The second leaves, then the first, in the very turn in which it is its turn. */
static int cancel_two(void *argument)
{
    cancels *c = argument;
    void *item;
    int status = weir_sleep(10);
    assert_false(c->waits[0].ended || c->waits[1].ended || c->waits[2].ended);
    weir_task_cancel(c->w->all[1]);
    weir_task_cancel(c->w->all[0]);
    if (c->putting)
        assert_status(weir_queue_get(c->queue, &item, 0), WEIR_OK);
    else
        assert_status(weir_queue_put(c->queue, &c->numbers[3]), WEIR_OK);
    if (status == WEIR_OK)
        status = weir_sleep(10);
    weir_queue_close(c->queue);
    return status;
}

/* The one item, or place, is somebody's. */
static void run_cancels(bool putting)
{
    world w;
    open_world(&w);
    cancels c = { .w = &w, .putting = putting, .queue = weir_queue_of_pointers(NULL, WEIR_QUEUE_OPTIONS(.max_items = 1)) };
    if (putting)
        assert_status(weir_queue_put(c.queue, &c.numbers[3]), WEIR_OK);
    for (int i = 0; i < 3; i++) {
        c.waits[i] = (wait){ .queue = c.queue, .timeout = -1, .item = putting ? &c.numbers[i] : NULL };
        spawn(&w, putting ? wait_to_put : wait_to_get, &c.waits[i]);
    }
    spawn(&w, cancel_two, &c);
    run_world(&w);
    int well = 0;
    for (int i = 0; i < 3; i++)
        well += c.waits[i].status == WEIR_OK;
    assert_int_equal(well, 1);
    assert_status(c.waits[1].status, WEIR_CANCELLED);
    assert_status(c.waits[2].status, c.waits[0].status == WEIR_OK ? WEIR_RESOURCE_CLOSED : WEIR_OK);
    assert_int_equal(info(c.queue).items, putting);
    weir_queue_free(&c.queue);
}

static void test_who_is_cancelled_in_line_leaves_it(void **state)
{
    (void)state;
    run_cancels(false);
    run_cancels(true);
}

enum { STORM = 5000 };
typedef struct storm { world *w; weir_queue *queue; int got, cancelled, ended; char items[STORM]; } storm;

static void *put_storm(void *argument)
{
    storm *s = argument;
    for (int i = 0; i < STORM; i++)
        if (weir_queue_put(s->queue, &s->items[i]) != WEIR_OK)
            return s;
    weir_queue_close(s->queue);
    return NULL;
}

static int get_in_storm(void *argument)
{
    storm *s = argument;
    void *item;
    int status;
    while ((status = weir_queue_get(s->queue, &item, -1)) == WEIR_OK || status == WEIR_CANCELLED) {
        if (status == WEIR_OK) {
            ++*(char *)item;
            s->got++;
        } else {
            s->cancelled++;
        }
    }
    s->ended++;
    return status == WEIR_RESOURCE_CLOSED ? WEIR_OK : status;
}

static int cancel_in_storm(void *argument)
{
    storm *s = argument;
    for (size_t i = 0; s->ended < 3; i++) {
        weir_task_cancel(s->w->all[i % 3]);
        (void)weir_task_yield();
    }
    return WEIR_OK;
}

/* Waits are cancelled while a thread wakes them: a lost wake-up would stop it all, a lost item would be missed. */
static void test_no_wake_up_is_lost_with_a_wait_that_is_cancelled(void **state)
{
    (void)state;
    static storm s;
    world w;
    open_world(&w);
    memset(&s, 0, sizeof s);
    s.w = &w;
    s.queue = weir_queue_of_pointers(NULL, WEIR_QUEUE_OPTIONS(.max_items = 2));
    for (int i = 0; i < 3; i++)
        spawn(&w, get_in_storm, &s);
    spawn(&w, cancel_in_storm, &s);
    pthread_t thread;
    void *failed;
    pthread_create(&thread, NULL, put_storm, &s);
    run_world(&w);
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_int_equal(s.got, STORM);
    assert_true(s.cancelled > 0);
    for (int i = 0; i < STORM; i++)
        assert_int_equal(s.items[i], 1);
    weir_queue_free(&s.queue);
}

static int get_with_deadline(void *argument)
{
    wait *x = argument;
    weir_task_cancel_after(weir_task_current(), 15);
    x->status = weir_queue_get(x->queue, &x->item, -1);
    assert_int_equal(weir_sleep(1), WEIR_OK);           /* one wait */
    return WEIR_OK;
}

static void *close_soon(void *argument)
{
    nanosleep(&(struct timespec){ .tv_nsec = 60000000 }, NULL);
    weir_queue_close(argument);
    return NULL;
}

static void test_deadlines_and_a_close_from_a_thread_end_waits(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    weir_queue *queue = weir_queue_of_pointers(NULL, NULL);
    wait late = { .queue = queue }, closed = { .queue = queue, .timeout = -1 }, other = closed;
    spawn(&w, get_with_deadline, &late);
    spawn(&w, wait_to_get, &closed);
    spawn(&w, wait_to_get, &other);
    pthread_t thread;
    pthread_create(&thread, NULL, close_soon, queue);
    run_world(&w);
    pthread_join(thread, NULL);
    assert_status(late.status, WEIR_DEADLINE_EXCEEDED);
    assert_status(closed.status, WEIR_RESOURCE_CLOSED);
    assert_status(other.status, WEIR_RESOURCE_CLOSED);
    weir_queue_free(&queue);
}

/* ---- streams that push into a queue ---------------------------------------------------------------------------------------------------------------- */

typedef struct feed {
    test_database *db;
    weir_session  *session;
    weir_queue    *queue;
    weir_stream   *stream;
    int64_t        put, done, sum, in_work, most_in_work;
    int            ends;
} feed;

static weir_flow put_all(weir_stream *stream, const weir_partition *partition, void *context)
{
    feed *f = context;
    (void)stream;
    for (size_t i = 0; i < partition->count; i++) {
        assert_status(weir_queue_put(f->queue, partition->instances[i]), WEIR_OK);      /* waits here while it is full */
        f->put++;
    }
    assert_true(weir_session_count(f->session) <= 4 * (50 + 20 + 3 + 1));
    return WEIR_CONTINUE;
}

static void close_queue(weir_stream *stream, const weir_error *error, void *context)
{
    feed *f = context;
    (void)stream;
    assert_null(error);
    f->ends++;
    weir_queue_close(f->queue);
    close_session_ok(&f->session);
}

/* A worker that takes its time; what it has is its own meanwhile. */
static int do_work(void *argument)
{
    feed *f = argument;
    void *item;
    int status;
    while ((status = weir_queue_get(f->queue, &item, -1)) == WEIR_OK) {
        struct order *order = item;
        if (++f->in_work > f->most_in_work)
            f->most_in_work = f->in_work;
        int64_t id = order->id;
        status = id % 20 == 0 ? weir_sleep(1) : weir_task_yield();
        assert_status(status, WEIR_OK);
        assert_int_equal(order->id, id);
        assert_three_lines(order);
        f->sum += order->lines.items[2]->quantity;
        f->done++;
        f->in_work--;
    }
    return status == WEIR_RESOURCE_CLOSED ? WEIR_OK : status;
}

static int drain(void *argument)
{
    feed *f = argument;
    int status = weir_sleep(5);
    if (status == WEIR_OK)
        status = weir_queue_drain(f->queue, -1);
    assert_int_equal(f->in_work, 0);
    return status;
}

/* The article's "feed an external queue": session closed before the last items are done. */
static void test_a_stream_feeds_workers_through_a_queue(void **state)
{
    test_database *db = *state;
    test_fixture(db, 600);
    world w;
    open_world(&w);
    feed f = { .db = db, .session = weir_session_open(db->engine) };
    f.queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_SHARED, WEIR_QUEUE_OPTIONS(.max_items = 20));
    weir_stmt *stmt = ORDERS(50);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    f.stream = weir_session_stream_scalars(f.session, stmt, w.tasks, NULL, &(weir_stream_handlers){ put_all, close_queue, &f });
    weir_stmt_free(&stmt);
    for (int i = 0; i < 3; i++)
        spawn(&w, do_work, &f);
    spawn(&w, drain, &f);
    run_world(&w);
    assert_int_equal(f.ends, 1);
    assert_int_equal(f.put, 600);
    assert_int_equal(f.done, 600);
    assert_int_equal(f.sum, 3 * 600);
    assert_int_equal(f.most_in_work, 3);
    assert_true(info(f.queue).peak_items == 20);
    assert_true(w.ticks > 5);
    weir_queue_free(&f.queue);
}

/* Pausing instead of waiting in the callback: a full queue pauses the stream, and the worker's thread resumes it. */
typedef struct paused { feed f; size_t next; const weir_partition *partition; _Atomic int pauses; pthread_t thread; } paused;

static weir_flow put_or_pause(weir_stream *stream, const weir_partition *partition, void *context)
{
    paused *p = context;
    (void)stream;
    for (size_t i = 0; i < partition->count; i++) {
        int status = weir_queue_try_put(p->f.queue, partition->instances[i]);
        if (status == WEIR_TIMEOUT)
            status = weir_queue_put(p->f.queue, partition->instances[i]);
        assert_status(status, WEIR_OK);
    }
    p->pauses++;
    return WEIR_PAUSE;
}

static void *work_and_resume(void *argument)
{
    paused *p = argument;
    void *item;
    while (weir_queue_get(p->f.queue, &item, -1) == WEIR_OK) {
        p->f.sum += ((const struct order *)item)->id;
        if (++p->f.done % 25 == 0)
            weir_stream_resume(p->f.stream);
    }
    return NULL;
}

static void test_a_thread_resumes_the_stream_that_feeds_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, 500);
    world w;
    open_world(&w);
    paused p = { .f = { .db = db, .session = weir_session_open(db->engine) } };
    p.f.queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, WEIR_QUEUE_OPTIONS(.max_items = 30));
    weir_stmt *stmt = ORDERS(25);
    p.f.stream = weir_session_stream_scalars(p.f.session, stmt, w.tasks, NULL, &(weir_stream_handlers){ put_or_pause, close_queue, &p.f });
    weir_stmt_free(&stmt);
    pthread_create(&p.thread, NULL, work_and_resume, &p);
    run_world(&w);
    pthread_join(p.thread, NULL);
    assert_int_equal(p.pauses, 20);
    assert_int_equal(p.f.done, 500);
    assert_int_equal(p.f.sum, 500 * 501 / 2);
    weir_queue_free(&p.f.queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_threads_and_tasks_pass_each_item_once),
        cmocka_unit_test(test_outside_of_tasks_only_what_is_at_hand),
        cmocka_unit_test(test_a_task_that_waits_does_not_hold_up_its_loop),
        cmocka_unit_test(test_who_is_cancelled_in_line_leaves_it),
        cmocka_unit_test(test_no_wake_up_is_lost_with_a_wait_that_is_cancelled),
        cmocka_unit_test(test_deadlines_and_a_close_from_a_thread_end_waits),
        ON_BOTH(test_a_stream_feeds_workers_through_a_queue),
        ON_BOTH(test_a_thread_resumes_the_stream_that_feeds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
