/* What a task waits for, on each loop: time, descriptors, work on other threads; and cancelling each of these waits. */
#include "task_loops.h"
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/error.h"
#include "base/wait.h"
#include "task/inside.h"

static void pause_ms(long milliseconds) { nanosleep(&(struct timespec){ .tv_nsec = milliseconds * 1000000 }, NULL); }
static void tick(void *argument) { ++*(int *)argument; }

/* ---- time */
enum { SLEEPERS = 500 };
typedef struct sleeper { int milliseconds, *order; int *woken; int place; int64_t due; } sleeper;

static int sleep_a_while(void *argument)
{
    sleeper *s = argument;
    s->due = weir_now() + s->milliseconds * WEIR_NS_PER_MS;
    assert_int_equal(weir_wait(&(weir_want){ .fd = -1, .deadline = s->due }), WEIR_LATE);
    assert_true(weir_now() >= s->due);
    s->order[(*s->woken)++] = s->place;
    return WEIR_OK;
}

/* The later the deadline, the later a task wakes; those of one moment wake in the order they slept. Long enough that all sleep before
 * the first wakes, on a busy machine too. */
static void test_sleeps_end_in_order(void **state)
{
    loop_fixture *f = *state;
    static sleeper sleepers[SLEEPERS];
    int order[SLEEPERS], woken = 0;
    weir_task *tasks[SLEEPERS];
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (sleeper){ .milliseconds = 300 + i * 7919 % 50 * 4, .order = order, .woken = &woken, .place = i };
        tasks[i] = weir_task_spawn(f->loop, sleep_a_while, &sleepers[i]);
    }
    loop_run(f);
    assert_int_equal(woken, SLEEPERS);
    for (int i = 1; i < SLEEPERS; i++) {
        const sleeper *before = &sleepers[order[i - 1]], *after = &sleepers[order[i]];
        assert_true(before->due < after->due || (before->due == after->due && before->place < after->place));
    }
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(weir_task_join(&tasks[i], NULL), WEIR_OK);
}

/* The heap alone, against sorting. */
static int64_t last_due;
static uint64_t last_order;
static void take_note(weir_alarm *alarm)
{
    assert_true(alarm->due > last_due || (alarm->due == last_due && alarm->order > last_order));
    last_due = alarm->due;
    last_order = alarm->order;
}

static void test_alarms_ring_in_order(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    weir_alarms alarms = { 0 };
    weir_alarm *all = calloc(COUNT, sizeof *all);
    uint64_t random = 12345;
    for (int i = 0; i < COUNT; i++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        all[i].ring = take_note;
        weir_alarm_set(&alarms, &all[i], (int64_t)(random >> 52));
    }
    for (int i = 0; i < COUNT; i += 3)
        weir_alarm_clear(&alarms, &all[i]);
    for (int i = 0; i < COUNT; i += 5)
        weir_alarm_set(&alarms, &all[i], all[(i + 1) % COUNT].due);
    int expected = 0, rung = 0;
    for (int i = 0; i < COUNT; i++)
        expected += all[i].armed;
    for (last_due = -1; alarms.first; rung++) {
        weir_alarm *first = alarms.first;
        weir_alarm_clear(&alarms, first);
        first->ring(first);
    }
    assert_int_equal(rung, expected);
    free(all);
}

/* ---- taking turns */
typedef struct yielding { int yields, order[400], count, letter; struct yielding *shared; } yielding;

static int yield_often(void *argument)
{
    yielding *y = argument;
    for (int i = 0; i < 100; i++) {
        y->shared->order[y->shared->count++] = y->letter;
        assert_int_equal(weir_task_yield(), WEIR_OK);
    }
    return WEIR_OK;
}

static void test_tasks_that_yield_take_turns(void **state)
{
    loop_fixture *f = *state;
    static yielding shared;
    memset(&shared, 0, sizeof shared);
    yielding all[4];
    weir_task *tasks[4];
    for (int i = 0; i < 4; i++) {
        all[i] = (yielding){ .letter = i, .shared = &shared };
        tasks[i] = weir_task_spawn(f->loop, yield_often, &all[i]);
    }
    loop_run(f);
    assert_int_equal(shared.count, 400);
    for (int i = 0; i < 400; i++)
        assert_int_equal(shared.order[i], i % 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(weir_task_join(&tasks[i], NULL), WEIR_OK);
}

/* A task that always has something to do keeps neither timers nor descriptors of the loop waiting, if it breathes. */
static int be_busy(void *argument)
{
    int64_t until = weir_now() + 100 * WEIR_NS_PER_MS;
    bool by_want = *(bool *)argument;
    while (weir_now() < until) {
        if (by_want)
            assert_int_equal(weir_wait(&(weir_want){ .fd = -1, .breathe = true }), WEIR_READY);
        else
            weir_breathe();
    }
    return WEIR_OK;
}

static void test_breathing_lets_the_loop_turn(void **state)
{
    loop_fixture *f = *state;
    for (int by_want = 0; by_want < 2; by_want++) {
        int ticks = 0;
        bool argument = by_want;
        f->kind->start_ticks(f->own, tick, &ticks);
        weir_task *task = weir_task_spawn(f->loop, be_busy, &argument);
        loop_run(f);
        f->kind->stop_ticks(f->own);
        assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
        assert_in_range(ticks, 2, 101);
    }
}

enum { PAUSE_NS = 50000, PAUSES = 1000 };

static int pause_often(void *argument)
{
    int *pauses = argument;
    for (; *pauses < PAUSES; ++*pauses)
        assert_int_equal(weir_wait(&(weir_want){ .fd = -1, .pause = PAUSE_NS, .deadline = WEIR_NO_DEADLINE }), WEIR_READY);
    return WEIR_OK;
}

static int count_turns(void *argument)
{
    const int *pauses = *(int **)argument;
    int *turns = ((int **)argument)[1];
    while (*pauses < PAUSES) {
        ++*turns;
        weir_task_yield();
    }
    return WEIR_OK;
}

/* As long as it is meant, at the least, and the thread stays free: others run meanwhile, often. */
static void test_a_pause_leaves_the_loop_free(void **state)
{
    loop_fixture *f = *state;
    int pauses = 0, turns = 0, *both[2] = { &pauses, &turns };
    int64_t began = weir_now();
    weir_task *pausing = weir_task_spawn(f->loop, pause_often, &pauses);
    weir_task *counting = weir_task_spawn(f->loop, count_turns, both);
    loop_run(f);
    assert_true(weir_now() - began >= (int64_t)PAUSES * PAUSE_NS);
    assert_true(turns > PAUSES);
    assert_int_equal(weir_task_join(&pausing, NULL), WEIR_OK);
    assert_int_equal(weir_task_join(&counting, NULL), WEIR_OK);
}

/* Alone on its loop: parked in each pause, so the loop turns once for it and the processor is given away as often. */
static void test_a_pause_is_no_spinning(void **state)
{
    loop_fixture *f = *state;
    int pauses = 0;
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    weir_task *task = weir_task_spawn(f->loop, pause_often, &pauses);
    loop_run(f);
    getrusage(RUSAGE_THREAD, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw > PAUSES / 2);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
}

/* No timer for it: the loop turns, and that is the pause. */
static void test_pauses_without_descriptors(void **state)
{
    loop_fixture *f = *state;
    struct rlimit before, none;
    int pauses = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);                  /* the lowest that is free: there shall be no more than those below it */
    close(next);
    none = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    weir_task *task = weir_task_spawn(f->loop, pause_often, &pauses);
    loop_run(f);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(pauses, PAUSES);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
}

/* ---- descriptors */
typedef struct piping { int ends[2]; int64_t timeout; int status, got; char byte; } piping;

static void open_pipe(piping *p)
{
    *p = (piping){ .timeout = -1, .status = -1 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p->ends), 0);
}

static void close_pipe(piping *p)
{
    close(p->ends[0]);
    if (p->ends[1] >= 0)
        close(p->ends[1]);
}

static int read_from_it(void *argument)
{
    piping *p = argument;
    p->status = weir_wait_fd(p->ends[0], POLLIN, p->timeout);
    p->got = p->status == WEIR_OK ? (int)read(p->ends[0], &p->byte, 1) : -1;
    return WEIR_OK;
}

static int write_to_it(void *argument)
{
    piping *p = argument;
    assert_int_equal(weir_sleep(20), WEIR_OK);
    assert_int_equal(weir_wait_fd(p->ends[1], POLLOUT, -1), WEIR_OK);
    assert_int_equal(write(p->ends[1], "x", 1), 1);
    return WEIR_OK;
}

static int hang_up(void *argument)
{
    piping *p = argument;
    assert_int_equal(weir_sleep(10), WEIR_OK);
    close(p->ends[1]);
    p->ends[1] = -1;
    return WEIR_OK;
}

static void run_two(loop_fixture *f, weir_task_fn one, weir_task_fn two, void *argument)
{
    weir_task *first = weir_task_spawn(f->loop, one, argument), *second = weir_task_spawn(f->loop, two, argument);
    loop_run(f);
    assert_int_equal(weir_task_join(&first, NULL), WEIR_OK);
    assert_int_equal(weir_task_join(&second, NULL), WEIR_OK);
}

static void test_a_task_waits_for_a_descriptor(void **state)
{
    loop_fixture *f = *state;
    piping p;
    int ticks = 0;
    open_pipe(&p);
    f->kind->start_ticks(f->own, tick, &ticks);
    run_two(f, read_from_it, write_to_it, &p);
    f->kind->stop_ticks(f->own);
    assert_int_equal(p.status, WEIR_OK);
    assert_int_equal(p.byte, 'x');
    assert_in_range(ticks, 1, 5000);
    close_pipe(&p);
    open_pipe(&p);
    run_two(f, read_from_it, hang_up, &p);
    assert_int_equal(p.status, WEIR_OK);
    assert_int_equal(p.got, 0);
    close_pipe(&p);
}

static void test_a_descriptor_that_is_not_ready_in_time(void **state)
{
    loop_fixture *f = *state;
    piping p;
    open_pipe(&p);
    p.timeout = 10;
    int64_t began = weir_now();
    weir_task *task = weir_task_spawn(f->loop, read_from_it, &p);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(p.status, WEIR_DEADLINE_EXCEEDED);
    assert_true(weir_now() - began >= 10 * WEIR_NS_PER_MS);
    close_pipe(&p);
}

/* Not even for a moment: what is ready when the deadline has passed already is ready. */
static int look_at_once(void *argument)
{
    piping *p = argument;
    assert_int_equal(weir_wait_fd(p->ends[0], POLLIN, 0), WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(write(p->ends[1], "x", 1), 1);
    assert_int_equal(weir_wait_fd(p->ends[0], POLLIN, 0), WEIR_OK);
    assert_int_equal(weir_wait_fd(-1, POLLIN, 0), WEIR_ARGUMENT);
    assert_int_equal(weir_wait_fd(p->ends[0], 0, 0), WEIR_ARGUMENT);
    return WEIR_OK;
}

static void test_waiting_for_no_time(void **state)
{
    loop_fixture *f = *state;
    piping p;
    open_pipe(&p);
    weir_task *task = weir_task_spawn(f->loop, look_at_once, &p);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    close_pipe(&p);
}

typedef struct sharing { piping p; int reads, writes; } sharing;

static int read_shared(void *argument)
{
    sharing *s = argument;
    char byte;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(weir_wait_fd(s->p.ends[0], POLLIN, -1), WEIR_OK);
        s->reads += read(s->p.ends[0], &byte, 1) == 1;
    }
    return WEIR_OK;
}

static int write_shared(void *argument)
{
    sharing *s = argument;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(weir_wait_fd(s->p.ends[0], POLLOUT, -1), WEIR_OK);
        s->writes += write(s->p.ends[0], "y", 1) == 1;
    }
    return WEIR_OK;
}

static int feed(void *argument)
{
    sharing *s = argument;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(write(s->p.ends[1], "z", 1), 1);
        assert_int_equal(i % 2 ? weir_sleep(1) : weir_task_yield(), WEIR_OK);
    }
    return WEIR_OK;
}

/* One watch for a descriptor, whoever waits for what. */
static void test_two_tasks_wait_for_one_descriptor(void **state)
{
    loop_fixture *f = *state;
    sharing s = { .reads = 0 };
    open_pipe(&s.p);
    weir_task *tasks[] = { weir_task_spawn(f->loop, read_shared, &s), weir_task_spawn(f->loop, write_shared, &s),
                           weir_task_spawn(f->loop, feed, &s) };
    loop_run(f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_task_join(&tasks[i], NULL), WEIR_OK);
    assert_int_equal(s.reads, 50);
    assert_int_equal(s.writes, 50);
    close_pipe(&s.p);
}

/* An engine's way: the watch is kept from wait to wait, and forgotten before the descriptor is closed; its number is then another's. */
static int reuse_numbers(void *argument)
{
    piping *p = argument;
    for (int i = 0; i < 20; i++) {
        open_pipe(p);
        for (int k = 0; k < 5; k++) {
            char byte;
            assert_int_equal(write(p->ends[1], "a", 1), 1);
            assert_int_equal(weir_wait(&(weir_want){ .fd = p->ends[0], .events = POLLIN, .deadline = WEIR_NO_DEADLINE }), WEIR_READY);
            assert_non_null(weir_task_current()->watch);
            assert_int_equal(read(p->ends[0], &byte, 1), 1);
            assert_int_equal(weir_wait(&(weir_want){ .fd = p->ends[0], .events = POLLIN, .deadline = weir_deadline_ms(1) }), WEIR_LATE);
        }
        weir_wait_forget(p->ends[0]);
        assert_null(weir_task_current()->watch);
        close_pipe(p);
    }
    return WEIR_OK;
}

static void test_a_watch_is_kept_until_it_is_forgotten(void **state)
{
    loop_fixture *f = *state;
    piping p;
    weir_task *task = weir_task_spawn(f->loop, reuse_numbers, &p);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
}

/* What comes while the task is busy elsewhere must not spin the loop: nobody listens. */
static int leave_it_readable(void *argument)
{
    piping *p = argument;
    weir_want read_want = { .fd = p->ends[0], .events = POLLIN, .deadline = WEIR_NO_DEADLINE };
    assert_int_equal(write(p->ends[1], "abc", 3), 3);
    assert_int_equal(weir_wait(&read_want), WEIR_READY);
    struct timespec before, after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    assert_int_equal(weir_sleep(100), WEIR_OK);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec < 20 * WEIR_NS_PER_MS);
    assert_int_equal(weir_task_current()->watch->listening, 0);
    assert_int_equal(weir_wait(&read_want), WEIR_READY);
    return WEIR_OK;                     /* its watch ends with it */
}

static void test_a_readable_descriptor_that_nobody_waits_for(void **state)
{
    loop_fixture *f = *state;
    piping p;
    open_pipe(&p);
    weir_task *task = weir_task_spawn(f->loop, leave_it_readable, &p);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    close_pipe(&p);
}

/* A plain file is always ready and cannot be watched; nor can anything without memory. */
static bool failing;
static void *allocate(size_t size, void *context) { (void)context; return failing ? NULL : malloc(size); }
static void *resize(void *block, size_t size, void *context) { (void)context; return failing ? NULL : realloc(block, size); }
static void release(void *block, void *context) { (void)context; free(block); }

static int wait_without_memory(void *argument)
{
    failing = true;
    return read_from_it(argument);
}

static void test_descriptors_that_cannot_be_watched(void **state)
{
    loop_fixture *f = *state;
    piping p = { .ends = { fileno(tmpfile()), -1 }, .timeout = -1 };
    weir_task *task = weir_task_spawn(f->loop, read_from_it, &p);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(p.status, WEIR_OK);
    assert_int_equal(p.got, 0);
    open_pipe(&p);
    run_two(f, wait_without_memory, write_to_it, &p);
    failing = false;
    assert_int_equal(p.status, WEIR_OK);
    assert_int_equal(p.byte, 'x');
    close_pipe(&p);
}

/* ---- work on other threads */
typedef struct toil { int status; pthread_t thread; bool done, interrupted, cancelled; int milliseconds; } toil;

static void do_work(void *argument)
{
    toil *w = argument;
    w->thread = pthread_self();
    pause_ms(w->milliseconds);
    w->done = true;
}

static int have_work_done(void *argument)
{
    toil *w = argument;
    w->status = weir_blocking(do_work, w);
    assert_true(w->done);
    w->cancelled = weir_task_cancelled();
    return WEIR_OK;
}

static void test_blocking_work_runs_beside_the_loop(void **state)
{
    loop_fixture *f = *state;
    toil w = { .status = -1, .milliseconds = 30 };
    int ticks = 0;
    f->kind->start_ticks(f->own, tick, &ticks);
    weir_task *task = weir_task_spawn(f->loop, have_work_done, &w);
    loop_run(f);
    f->kind->stop_ticks(f->own);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(w.status, WEIR_OK);
    assert_false(pthread_equal(w.thread, pthread_self()));
    assert_in_range(ticks, 1, 5000);
    assert_int_equal(f->kind->close(&f->loop), WEIR_OK);
    w = (toil){ .status = -1 };
    have_work_done(&w);                 /* in a thread: right here */
    assert_int_equal(w.status, WEIR_OK);
    assert_true(pthread_equal(w.thread, pthread_self()));
}

static int have_work_done_without_memory(void *argument)
{
    toil *w = argument;
    failing = true;
    w->status = weir_blocking(do_work, w);
    failing = false;
    assert_false(w->done);
    return WEIR_OK;
}

static void test_blocking_work_without_memory(void **state)
{
    loop_fixture *f = *state;
    toil w = { .status = -1 };
    weir_task *task = weir_task_spawn(f->loop, have_work_done_without_memory, &w);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(w.status, WEIR_OUT_OF_MEMORY);
}

/* ---- cancelling */
static void interrupt_work(void *argument, int outcome)
{
    assert_int_equal(outcome, WEIR_WAIT_INTERRUPTED);
    ((toil *)argument)->interrupted = true;
}

static int run_interrupted(void *argument)
{
    toil *w = argument;
    w->status = weir_run_blocking(do_work, interrupt_work, w);
    assert_true(w->done);
    return WEIR_OK;
}

typedef struct victim { weir_task *task; weir_task_fn run; void *argument; bool by_thread; } victim;

static int cancel_it_later(void *argument)
{
    victim *v = argument;
    assert_int_equal(weir_sleep(10), WEIR_OK);
    weir_task_cancel(v->task);
    return WEIR_OK;
}

static void *cancel_it_from_a_thread(void *argument)
{
    pause_ms(10);
    weir_task_cancel(((victim *)argument)->task);
    return NULL;
}

static int64_t run_and_cancel(loop_fixture *f, weir_task_fn run, void *argument, bool by_thread)
{
    victim v = { .task = weir_task_spawn(f->loop, run, argument) };
    weir_task *canceller = NULL;
    pthread_t thread;
    int64_t began = weir_now();
    if (by_thread)
        pthread_create(&thread, NULL, cancel_it_from_a_thread, &v);
    else
        canceller = weir_task_spawn(f->loop, cancel_it_later, &v);
    loop_run(f);
    if (by_thread)
        pthread_join(thread, NULL);
    else
        assert_int_equal(weir_task_join(&canceller, NULL), WEIR_OK);
    int result = -1;
    assert_int_equal(weir_task_join(&v.task, &result), WEIR_OK);
    assert_int_equal(result, WEIR_OK);
    return (weir_now() - began) / WEIR_NS_PER_MS;
}

static int sleep_and_clean_up(void *argument)
{
    (void)argument;
    assert_int_equal(weir_sleep(60000), WEIR_CANCELLED);
    assert_true(weir_task_cancelled());
    assert_int_equal(weir_sleep(1), WEIR_OK);                   /* it was one wait */
    assert_int_equal(weir_task_yield(), WEIR_OK);
    return WEIR_OK;
}

/* So long that the clock never gets there: for ever. */
static int sleep_for_ever(void *argument)
{
    const piping *p = argument;
    assert_int_equal(weir_sleep(INT64_MAX), WEIR_CANCELLED);
    weir_task_cancel(weir_task_current());
    assert_int_equal(weir_wait_fd(p->ends[0], POLLIN, INT64_MAX / 1000000 + 1), WEIR_CANCELLED);
    return WEIR_OK;
}

static int wait_and_be_cancelled(void *argument)
{
    piping *p = argument;
    assert_int_equal(weir_wait_fd(p->ends[0], POLLIN, -1), WEIR_CANCELLED);
    assert_int_equal(weir_wait_fd(p->ends[0], POLLIN, 1), WEIR_DEADLINE_EXCEEDED);
    return WEIR_OK;
}

static int park_and_be_cancelled(void *argument)
{
    weir_parker parker;
    weir_error error;
    (void)argument;
    weir_parker_init(&parker);
    int outcome = weir_park(&parker, WEIR_NO_DEADLINE);
    assert_int_equal(outcome, WEIR_WAIT_INTERRUPTED);
    assert_int_equal(weir_interrupted(outcome, &error), WEIR_CANCELLED);
    assert_int_equal(weir_park(&parker, weir_deadline_ms(1)), WEIR_LATE);
    weir_unpark(&parker);
    assert_int_equal(weir_park(&parker, WEIR_NO_DEADLINE), WEIR_READY);
    weir_parker_destroy(&parker);
    return WEIR_OK;
}

static bool may_end;

static int sleep_until_told(void *argument)
{
    (void)argument;
    while (!may_end)
        assert_int_equal(weir_sleep(1), WEIR_OK);
    return WEIR_OK;
}

static int join_and_be_cancelled(void *argument)
{
    may_end = false;
    weir_task *other = weir_task_spawn(weir_task_current()->loop, sleep_until_told, argument);
    assert_int_equal(weir_task_join(&other, NULL), WEIR_CANCELLED);
    assert_non_null(other);
    may_end = true;
    assert_int_equal(weir_task_join(&other, NULL), WEIR_OK);
    return WEIR_OK;
}

static int yield_until_cancelled(void *argument)
{
    int status;
    (void)argument;
    while ((status = weir_task_yield()) == WEIR_OK)
        continue;
    assert_int_equal(status, WEIR_CANCELLED);
    assert_int_equal(weir_task_yield(), WEIR_OK);
    return WEIR_OK;
}

static void test_each_wait_can_be_cancelled(void **state)
{
    loop_fixture *f = *state;
    for (int by_thread = 0; by_thread < 2; by_thread++) {
        piping p;
        open_pipe(&p);
        toil w = { .status = -1, .milliseconds = 50 };
        assert_in_range(run_and_cancel(f, sleep_and_clean_up, NULL, by_thread), 9, 5000);
        assert_in_range(run_and_cancel(f, sleep_for_ever, &p, by_thread), 9, 5000);
        assert_in_range(run_and_cancel(f, wait_and_be_cancelled, &p, by_thread), 9, 5000);
        run_and_cancel(f, park_and_be_cancelled, NULL, by_thread);
        run_and_cancel(f, join_and_be_cancelled, NULL, by_thread);
        run_and_cancel(f, yield_until_cancelled, NULL, by_thread);
        /* work that has begun ends by itself */
        assert_in_range(run_and_cancel(f, have_work_done, &w, by_thread), 49, 5000);
        assert_int_equal(w.status, WEIR_CANCELLED);
        assert_true(w.cancelled);
        w = (toil){ .status = -1, .milliseconds = 50 };
        run_and_cancel(f, run_interrupted, &w, by_thread);
        assert_int_equal(w.status, WEIR_WAIT_INTERRUPTED);
        assert_true(w.interrupted);
        close_pipe(&p);
    }
}

static int expect_cancelled_at_once(void *argument)
{
    int64_t began = weir_now();
    (void)argument;
    assert_true(weir_task_cancelled());
    assert_int_equal(weir_sleep(60000), WEIR_CANCELLED);
    assert_true(weir_now() - began < 5000 * WEIR_NS_PER_MS);
    weir_task_cancel(weir_task_current());                      /* oneself: the next wait */
    assert_int_equal(weir_task_yield(), WEIR_CANCELLED);
    return WEIR_OK;
}

static void test_cancelling_before_the_first_wait(void **state)
{
    loop_fixture *f = *state;
    weir_task *task = weir_task_spawn(f->loop, expect_cancelled_at_once, NULL);
    weir_task_cancel(task);
    loop_run(f);
    int result = -1;
    weir_task_cancel(task);
    assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
    assert_int_equal(result, WEIR_OK);
}

static int expect_deadline(void *argument)
{
    (void)argument;
    int64_t began = weir_now();
    assert_int_equal(weir_sleep(60000), WEIR_DEADLINE_EXCEEDED);
    assert_true(weir_now() - began < 5000 * WEIR_NS_PER_MS);
    assert_true(weir_task_cancelled());
    assert_int_equal(weir_sleep(1), WEIR_OK);
    weir_task_cancel_after(weir_task_current(), 5);
    assert_int_equal(weir_sleep(60000), WEIR_DEADLINE_EXCEEDED);
    weir_task_cancel_after(weir_task_current(), 1);
    weir_task_cancel_after(weir_task_current(), -1);
    assert_int_equal(weir_sleep(10), WEIR_OK);
    weir_task_cancel_after(weir_task_current(), INT64_MAX);
    assert_int_equal(weir_sleep(1), WEIR_OK);
    weir_task_cancel_after(weir_task_current(), 60000);         /* it ends before */
    return WEIR_OK;
}

static void test_a_task_has_a_deadline(void **state)
{
    loop_fixture *f = *state;
    weir_task *task = weir_task_spawn(f->loop, expect_deadline, NULL);
    weir_task_cancel_after(task, 60000);
    weir_task_cancel_after(task, 10);
    loop_run(f);
    int result = -1;
    assert_int_equal(weir_task_join(&task, &result), WEIR_OK);
    assert_int_equal(result, WEIR_OK);
}

/* A cancel flag of a connection: looked at now and then, and given up on after two seconds without an answer. */
typedef struct flagged { piping p; atomic_bool cancelled; int outcome; int64_t took; } flagged;

static int wait_flagged(void *argument)
{
    flagged *w = argument;
    int64_t began = weir_now();
    w->outcome = weir_wait(&(weir_want){ .fd = w->p.ends[0], .events = POLLIN, .deadline = WEIR_NO_DEADLINE, .cancelled = &w->cancelled });
    w->took = (weir_now() - began) / WEIR_NS_PER_MS;
    weir_wait_forget(w->p.ends[0]);
    return WEIR_OK;
}

static void test_a_flag_that_nobody_answers(void **state)
{
    loop_fixture *f = *state;
    flagged w = { .outcome = -1 };
    open_pipe(&w.p);
    atomic_store(&w.cancelled, true);
    weir_task *task = weir_task_spawn(f->loop, wait_flagged, &w);
    loop_run(f);
    assert_int_equal(weir_task_join(&task, NULL), WEIR_OK);
    assert_int_equal(w.outcome, WEIR_WAIT_CANCELLED);
    assert_in_range(w.took, 2000, 5000);
    close_pipe(&w.p);
}

int main(void)
{
    const weir_allocator allocator = { allocate, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        ON_LOOPS(test_sleeps_end_in_order),
        cmocka_unit_test(test_alarms_ring_in_order),
        ON_LOOPS(test_tasks_that_yield_take_turns),
        ON_LOOPS(test_breathing_lets_the_loop_turn),
        ON_LOOPS(test_a_pause_leaves_the_loop_free),
        ON_LOOPS(test_a_pause_is_no_spinning),
        ON_LOOPS(test_pauses_without_descriptors),
        ON_LOOPS(test_a_task_waits_for_a_descriptor),
        ON_LOOPS(test_a_descriptor_that_is_not_ready_in_time),
        ON_LOOPS(test_waiting_for_no_time),
        ON_LOOPS(test_two_tasks_wait_for_one_descriptor),
        ON_LOOPS(test_a_watch_is_kept_until_it_is_forgotten),
        ON_LOOPS(test_a_readable_descriptor_that_nobody_waits_for),
        ON_LOOPS(test_descriptors_that_cannot_be_watched),
        ON_LOOPS(test_blocking_work_runs_beside_the_loop),
        ON_LOOPS(test_blocking_work_without_memory),
        ON_LOOPS(test_each_wait_can_be_cancelled),
        ON_LOOPS(test_cancelling_before_the_first_wait),
        ON_LOOPS(test_a_task_has_a_deadline),
        ON_LOOPS(test_a_flag_that_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
