/* The pool against a scripted driver: the one place where failures, hangs and races can be ordered at will. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <time.h>
#include <cmocka.h>
#include "engine/pool.h"

/* ---- the scripted driver ------------------------------------------------------------------------------------------------------- */
typedef struct fake_link {
    weir_link   base;
    int         id, pings;
    atomic_bool dead;                   /* pings fail */
} fake_link;

static struct fake {
    atomic_int  dials, hang_ups, abandoned, live, peak, cancels;
    atomic_bool refuses;                /* dial fails */
    atomic_bool silent;                 /* pings are not answered */
    atomic_int  hang_next_ms;           /* the next dial takes so long */
    atomic_int  cancel_ms;
    atomic_int  hung_up_while_cancelling;
    atomic_bool cancelling;
} fake;

static void sleep_ms(int milliseconds)
{
    nanosleep(&(struct timespec){ .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L }, NULL);
}

static int fake_dial(const weir_dial_plan *plan, weir_dial_watch *watch, weir_link **out, weir_error *error)
{
    (void)watch;
    sleep_ms(atomic_exchange(&fake.hang_next_ms, 0));
    if (atomic_load(&fake.refuses))
        return weir_error_set(error, WEIR_OPERATIONAL, "connection refused");
    fake_link *link = weir_alloc_zero(plan->ledger, WEIR_MEMORY_HANDLES, sizeof *link);
    extern const weir_driver fake_driver;
    link->base.driver = &fake_driver;
    link->id = atomic_fetch_add(&fake.dials, 1) + 1;
    int live = atomic_fetch_add(&fake.live, 1) + 1, peak = atomic_load(&fake.peak);
    while (live > peak && !atomic_compare_exchange_weak(&fake.peak, &peak, live)) {}
    *out = &link->base;
    return WEIR_OK;
}

static void fake_hang_up(weir_link *link)
{
    if (atomic_load(&fake.cancelling))
        atomic_fetch_add(&fake.hung_up_while_cancelling, 1);
    atomic_fetch_add(&fake.hang_ups, 1);
    atomic_fetch_sub(&fake.live, 1);
    weir_free(link);
}

static void fake_abandon(weir_link *link)
{
    atomic_fetch_add(&fake.abandoned, 1);
    atomic_fetch_sub(&fake.live, 1);
    weir_free(link);
}

static int fake_ping(weir_link *link)
{
    ((fake_link *)link)->pings++;
    return WEIR_WANTS;
}

static int fake_advance(weir_link *link, weir_want *want)
{
    (void)want;
    if (atomic_load(&fake.silent))
        return WEIR_WANTS;
    return atomic_load(&((fake_link *)link)->dead) ? weir_error_set(&link->error, WEIR_OPERATIONAL, "gone") : WEIR_DONE;
}

static int fake_cancel(weir_link *link)
{
    (void)link;
    atomic_store(&fake.cancelling, true);
    sleep_ms(atomic_load(&fake.cancel_ms));
    atomic_fetch_add(&fake.cancels, 1);
    atomic_store(&fake.cancelling, false);
    return WEIR_OK;
}

extern const weir_driver fake_driver;
const weir_driver fake_driver = { .name = "fake", .dial = fake_dial, .hang_up = fake_hang_up, .abandon = fake_abandon,
                                  .ping = fake_ping, .advance = fake_advance, .cancel = fake_cancel };

/* ---- a pool for each test ---------------------------------------------------------------------------------------------------------- */
typedef struct fixture {
    weir_pool     *pool;
    weir_log       log;
    weir_dial_plan plan;
    weir_ledger    ledger;
    int            connects, disconnects, warnings, slow;
    char           message[256];
} fixture;

static void on_event(const weir_log_event *event, void *context)
{
    fixture *f = context;
    f->connects += event->kind == WEIR_LOG_CONNECT;
    f->disconnects += event->kind == WEIR_LOG_DISCONNECT;
    f->warnings += event->kind == WEIR_LOG_WARNING;
    f->slow += event->kind == WEIR_LOG_SLOW_CHECKOUT;
    if (event->kind == WEIR_LOG_WARNING || event->kind == WEIR_LOG_SLOW_CHECKOUT)
        weir_error_text(f->message, sizeof f->message, event->message, strlen(event->message));
}

static fixture *open_pool(weir_pool_options options)
{
    memset(&fake, 0, sizeof fake);
    fixture *f = calloc(1, sizeof *f);
    weir_ledger_init(&f->ledger, NULL);
    f->plan.ledger = &f->ledger;
    weir_error error;
    assert_int_equal(weir_pool_open(&f->pool, &fake_driver, &f->plan, &options, &f->log, &f->ledger, &error), WEIR_OK);
    return f;
}

/* Every test ends here: all that was dialled was hung up, all memory came back. */
static void close_pool(fixture *f)
{
    weir_pool_close(f->pool);
    weir_pool_free(f->pool);
    assert_int_equal(atomic_load(&fake.live), 0);
    assert_int_equal(f->ledger.bytes, 0);
    free(f);
}

static weir_slot *take(fixture *f)
{
    weir_slot *slot = NULL;
    weir_error error = { 0 };
    int status = weir_pool_take(f->pool, "here.c:7", &slot, &error);
    if (status != WEIR_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, WEIR_OK);
    assert_non_null(slot->link);
    return slot;
}

static int take_fails(fixture *f, weir_error *error)
{
    weir_slot *slot = NULL;
    weir_error_clear(error);
    int status = weir_pool_take(f->pool, "there.c:9", &slot, error);
    assert_null(slot);
    assert_int_equal(status, error->status);
    return status;
}

static int id_of(const weir_slot *slot) { return ((const fake_link *)slot->link)->id; }

static void assert_counters(fixture *f, int size, int checked_in, int overflow, int checked_out)
{
    weir_pool_status s;
    weir_pool_get_status(f->pool, &s);
    assert_int_equal(s.size, size);
    assert_int_equal(s.checked_in, checked_in);
    assert_int_equal(s.overflow, overflow);
    assert_int_equal(s.checked_out, checked_out);
}

/* ---- counters and limits -------------------------------------------------------------------------------------------------------------- */
static void test_case_135_counters_follow_checkouts(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 3, .max_overflow = -1, .timeout_ms = 100 });
    weir_slot *slots[6];
    assert_counters(f, 3, 0, -3, 0);
    for (int i = 0; i < 6; i++) {
        slots[i] = take(f);
        assert_counters(f, 3, 0, i - 2, i + 1);
    }
    for (int i = 0; i < 3; i++)
        weir_pool_give_back(slots[i], true);
    assert_counters(f, 3, 3, 3, 3);
    for (int i = 3; i < 6; i++)
        weir_pool_give_back(slots[i], true);
    assert_counters(f, 3, 3, 0, 0);
    close_pool(f);
}

static void test_case_136_status_text(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .max_overflow = 1, .timeout_ms = 100 });
    weir_slot *slots[3] = { take(f), take(f), take(f) };
    weir_pool_status s;
    weir_pool_get_status(f->pool, &s);
    assert_string_equal(s.text, "Pool size: 2  Connections in pool: 0 Current Overflow: 1 Current Checked out connections: 3");
    for (int i = 0; i < 3; i++)
        weir_pool_give_back(slots[i], true);
    close_pool(f);
}

static void test_case_137_timeout_at_the_limit(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .max_overflow = 1, .timeout_ms = 400 });
    weir_slot *slots[3] = { take(f), take(f), take(f) };
    weir_error error;
    int64_t begun = weir_now();
    assert_int_equal(take_fails(f, &error), WEIR_TIMEOUT);
    assert_true(weir_now() - begun >= 400 * 1000000LL);
    assert_string_equal(error.message, "QueuePool limit of size 2 overflow 1 reached, connection timed out, timeout 0.40");
    assert_string_equal(error.detail, "here.c:7 for 0.4 s; here.c:7 for 0.4 s; here.c:7 for 0.4 s");
    assert_counters(f, 2, 0, 1, 3);
    for (int i = 0; i < 3; i++)
        weir_pool_give_back(slots[i], true);
    close_pool(f);
}

static void test_case_138_size_0_has_no_limit_and_keeps_all(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 0, .max_overflow = 1, .timeout_ms = 0 });
    weir_slot *slots[4] = { take(f), take(f), take(f), take(f) };
    assert_counters(f, 0, 0, 0, 4);
    for (int i = 0; i < 4; i++)
        weir_pool_give_back(slots[i], true);
    assert_counters(f, 0, 4, 0, 0);
    assert_int_equal(atomic_load(&fake.hang_ups), 0);
    close_pool(f);
}

static void test_case_139_overflow_is_closed_on_return(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .max_overflow = 2, .timeout_ms = 0 });
    for (int round = 0; round < 5; round++) {
        weir_slot *slots[4] = { take(f), take(f), take(f), take(f) };
        for (int i = 0; i < 4; i++)
            weir_pool_give_back(slots[i], true);
    }
    assert_int_equal(atomic_load(&fake.dials), 12);
    assert_int_equal(atomic_load(&fake.hang_ups), 10);
    assert_counters(f, 2, 2, 0, 0);
    close_pool(f);
}

static void test_case_140_failed_connect_gives_its_place_back(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .max_overflow = 3, .timeout_ms = 50 });
    weir_slot *slots[5] = { take(f), take(f), take(f) };
    weir_error error;
    atomic_store(&fake.refuses, true);
    assert_int_equal(take_fails(f, &error), WEIR_OPERATIONAL);
    assert_string_equal(error.message, "connection refused");
    assert_counters(f, 2, 0, 1, 3);
    atomic_store(&fake.refuses, false);
    slots[3] = take(f);
    slots[4] = take(f);
    assert_int_equal(take_fails(f, &error), WEIR_TIMEOUT);
    for (int i = 0; i < 5; i++)
        weir_pool_give_back(slots[i], true);
    close_pool(f);
}

/* ---- order, age, health ------------------------------------------------------------------------------------------------------------------ */
static void test_case_142_fifo_and_lifo(void **state)
{
    (void)state;
    for (int lifo = 0; lifo < 2; lifo++) {
        fixture *f = open_pool((weir_pool_options){ .size = 3, .timeout_ms = 0, .lifo = lifo });
        weir_slot *slots[3] = { take(f), take(f), take(f) };
        for (int i = 0; i < 3; i++)
            weir_pool_give_back(slots[i], true);
        weir_slot *one = take(f);
        assert_int_equal(id_of(one), lifo ? 3 : 1);
        weir_pool_give_back(one, true);
        one = take(f);
        assert_int_equal(id_of(one), lifo ? 3 : 2);
        weir_slot *two = take(f);
        assert_int_equal(id_of(two), lifo ? 2 : 3);
        weir_pool_give_back(one, true);
        weir_pool_give_back(two, true);
        close_pool(f);
    }
}

static void test_case_143_recycle_at_checkout_only(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .timeout_ms = 0, .recycle_ms = 30000 });
    weir_slot *slot = take(f);
    slot->connected_at -= 1000000000LL;
    weir_pool_give_back(slot, true);
    slot = take(f);
    assert_int_equal(id_of(slot), 1);
    slot->connected_at -= 34 * 1000000000LL;
    assert_int_equal(atomic_load(&fake.hang_ups), 0);       /* old, but in use */
    weir_pool_give_back(slot, true);
    assert_int_equal(atomic_load(&fake.hang_ups), 0);
    slot = take(f);
    assert_int_equal(id_of(slot), 2);
    assert_int_equal(atomic_load(&fake.hang_ups), 1);
    weir_pool_give_back(slot, true);
    close_pool(f);
}

static void test_case_144_pre_ping_replaces_unseen(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .timeout_ms = 0, .pre_ping = true });
    weir_slot *slot = take(f), *other = take(f);
    assert_int_equal(((fake_link *)slot->link)->pings, 0);
    weir_pool_give_back(other, true);
    weir_pool_give_back(slot, true);
    other = take(f);
    assert_int_equal(id_of(other), 2);
    assert_int_equal(((fake_link *)other->link)->pings, 1);
    atomic_store(&((fake_link *)slot->link)->dead, true);
    weir_pool_give_back(other, true);
    slot = take(f);                     /* 1 is dead: replaced by 3, and 2 is stale from now on */
    assert_int_equal(id_of(slot), 3);
    assert_counters(f, 2, 1, 0, 1);
    other = take(f);
    assert_int_equal(id_of(other), 4);
    assert_int_equal(atomic_load(&fake.hang_ups), 2);
    weir_pool_give_back(other, true);
    weir_pool_give_back(slot, true);
    close_pool(f);
}

/* Whoever has no time is told so; it is nobody else's connection that pays. */
static void test_a_passed_deadline_makes_no_connection_stale(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 3, .timeout_ms = 0, .pre_ping = true });
    weir_slot *slots[3] = { take(f), take(f), take(f) };
    weir_error error;
    for (int i = 0; i < 3; i++)
        weir_pool_give_back(slots[i], true);
    assert_int_equal(weir_pool_take_by(f->pool, "here", weir_now(), &slots[0], &error), WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(atomic_load(&fake.hang_ups), 0);
    atomic_store(&fake.silent, true);
    assert_int_equal(weir_pool_take_by(f->pool, "here", weir_deadline_ms(20), &slots[0], &error), WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(error.status, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(atomic_load(&fake.hang_ups), 1);           /* its answer may come yet */
    atomic_store(&fake.silent, false);
    slots[1] = take(f);
    slots[2] = take(f);
    assert_int_equal(id_of(slots[1]), 2);
    assert_int_equal(id_of(slots[2]), 3);
    assert_int_equal(atomic_load(&fake.hang_ups), 1);
    weir_pool_give_back(slots[1], true);
    weir_pool_give_back(slots[2], true);
    close_pool(f);
}

static void test_case_145_server_down_loses_no_place(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .max_overflow = 1, .timeout_ms = 20, .pre_ping = true });
    weir_error error;
    for (int round = 0; round < 20; round++) {
        weir_slot *slot = take(f);
        weir_pool_give_back(slot, true);
        assert_counters(f, 2, 1, -1, 0);
        atomic_store(&((fake_link *)slot->link)->dead, true);
        atomic_store(&fake.refuses, true);
        assert_int_equal(take_fails(f, &error), WEIR_OPERATIONAL);
        assert_int_equal(take_fails(f, &error), WEIR_OPERATIONAL);
        assert_counters(f, 2, 1, -1, 0);
        atomic_store(&fake.refuses, false);
    }
    weir_slot *slots[3] = { take(f), take(f), take(f) };
    for (int i = 0; i < 3; i++)
        weir_pool_give_back(slots[i], true);
    close_pool(f);
}

static void test_case_152_disconnect_makes_all_earlier_ones_stale(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .timeout_ms = 0 });
    f->log.fn = on_event;
    f->log.context = f;
    weir_slot *one = take(f), *two = take(f);
    weir_pool_give_back(two, true);
    weir_error error;
    weir_pool_invalidate(one, WEIR_INVALIDATE_ALL);
    assert_int_equal(f->disconnects, 1);
    weir_pool_status s;
    weir_pool_get_status(f->pool, &s);
    assert_int_equal(s.disconnects, 1);
    assert_int_equal(atomic_load(&fake.hang_ups), 1);
    assert_null(one->link);
    two = take(f);                      /* the idle one from before: closed and replaced */
    assert_int_equal(atomic_load(&fake.hang_ups), 2);
    assert_int_equal(atomic_load(&fake.dials), 3);
    assert_int_equal(weir_pool_reconnect(one, WEIR_NO_DEADLINE, &error), WEIR_OK);
    weir_pool_give_back(one, true);
    one = take(f);                      /* made after the loss: not stale */
    assert_int_equal(id_of(one), 4);
    weir_pool_give_back(one, true);
    weir_pool_give_back(two, true);
    close_pool(f);
}

static void test_invalidate_hard_and_soft(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .timeout_ms = 0 });
    f->log.fn = on_event;
    f->log.context = f;
    weir_slot *slot = take(f);
    weir_pool_invalidate(slot, WEIR_INVALIDATE_SOFT);
    assert_int_equal(atomic_load(&fake.hang_ups), 0);
    weir_pool_give_back(slot, true);
    slot = take(f);
    assert_int_equal(id_of(slot), 2);
    weir_pool_invalidate(slot, WEIR_INVALIDATE_HARD);
    assert_null(slot->link);
    assert_int_equal(atomic_load(&fake.hang_ups), 2);
    weir_pool_invalidate(slot, WEIR_INVALIDATE_HARD);
    assert_int_equal(f->warnings, 1);
    assert_string_equal(f->message, "Can't invalidate an already-closed connection.");
    weir_pool_give_back(slot, true);
    assert_counters(f, 1, 1, 0, 0);
    slot = take(f);
    assert_int_equal(id_of(slot), 3);
    weir_pool_give_back(slot, true);
    close_pool(f);
}

/* ---- leaving the pool ---------------------------------------------------------------------------------------------------------------------- */
static void test_case_148_detach_frees_the_place(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .max_overflow = 0, .timeout_ms = 0 });
    weir_slot *slot = take(f);
    weir_pool_detach(slot);
    weir_pool_detach(slot);
    assert_counters(f, 1, 0, -1, 0);
    weir_slot *other = take(f);
    assert_counters(f, 1, 0, 0, 1);
    weir_pool_give_back(slot, true);
    assert_int_equal(atomic_load(&fake.hang_ups), 1);
    assert_counters(f, 1, 0, 0, 1);
    weir_pool_give_back(other, true);
    assert_counters(f, 1, 1, 0, 0);
    close_pool(f);
}

static void test_case_150_double_return_warns(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .timeout_ms = 0 });
    f->log.fn = on_event;
    f->log.context = f;
    weir_slot *slot = take(f);
    weir_pool_give_back(slot, true);
    weir_pool_give_back(slot, true);
    assert_int_equal(f->warnings, 1);
    assert_int_equal(f->log.warnings, 1);
    assert_memory_equal(f->message, "Double checkin attempted on ", 28);
    assert_counters(f, 1, 1, 0, 0);
    close_pool(f);
}

static void test_dispose_starts_a_new_generation(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .max_overflow = 0, .timeout_ms = 0 });
    weir_slot *idle = take(f), *held = take(f);
    weir_pool_give_back(idle, true);
    weir_pool_dispose(f->pool);
    assert_int_equal(atomic_load(&fake.hang_ups), 1);
    assert_counters(f, 2, 0, -2, 0);
    weir_slot *new_one = take(f);
    assert_counters(f, 2, 0, -1, 1);
    weir_pool_give_back(held, true);
    assert_int_equal(atomic_load(&fake.hang_ups), 2);
    assert_counters(f, 2, 0, -1, 1);
    weir_pool_give_back(new_one, true);
    assert_counters(f, 2, 1, -1, 0);
    close_pool(f);
}

static void test_abandon_says_nothing_to_the_server(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .timeout_ms = 0 });
    weir_slot *idle = take(f);
    take(f);
    weir_pool_give_back(idle, true);
    weir_pool_abandon(f->pool);
    assert_int_equal(atomic_load(&fake.hang_ups), 0);
    assert_int_equal(atomic_load(&fake.abandoned), 2);
    weir_pool_free(f->pool);
    assert_int_equal(f->ledger.bytes, 0);
    free(f);
}

static void test_closed_while_checked_out(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .timeout_ms = 0 });
    weir_slot *slot = take(f);
    weir_pool_close(f->pool);
    assert_int_equal(atomic_load(&fake.hang_ups), 0);
    weir_error error;
    assert_int_equal(take_fails(f, &error), WEIR_RESOURCE_CLOSED);
    weir_pool_give_back(slot, true);
    assert_int_equal(atomic_load(&fake.hang_ups), 1);
    close_pool(f);
}

static void test_case_210_in_memory_has_one_connection_for_ever(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    fixture *f = calloc(1, sizeof *f);
    weir_ledger_init(&f->ledger, NULL);
    f->plan.ledger = &f->ledger;
    f->plan.in_memory = true;
    weir_pool_options options = { .size = 5, .max_overflow = 10, .timeout_ms = 50, .recycle_ms = 1, .pre_ping = true };
    weir_error error;
    assert_int_equal(weir_pool_open(&f->pool, &fake_driver, &f->plan, &options, &f->log, &f->ledger, &error), WEIR_OK);
    weir_slot *slot = take(f);
    assert_int_equal(take_fails(f, &error), WEIR_TIMEOUT);
    assert_string_equal(error.message, "QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout 0.05");
    slot->connected_at -= 1000000000LL;
    weir_pool_give_back(slot, true);
    slot = take(f);
    assert_int_equal(id_of(slot), 1);
    weir_pool_give_back(slot, true);
    close_pool(f);
}

/* ---- what is told ---------------------------------------------------------------------------------------------------------------------------- */
static void test_long_checkout_is_reported_once(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .timeout_ms = 0, .checkout_limit_ms = 1000 });
    f->log.fn = on_event;
    f->log.context = f;
    weir_slot *slot = take(f);
    slot->checked_out_at -= 1500 * 1000000LL;
    weir_slot *other = take(f);
    assert_int_equal(f->slow, 1);
    assert_string_equal(f->message, "connection checked out at here.c:7 is held for 1.5 s");
    weir_pool_give_back(slot, true);
    assert_int_equal(f->slow, 1);
    other->checked_out_at -= 2500 * 1000000LL;
    weir_pool_give_back(other, true);   /* noticed at its own return */
    assert_int_equal(f->slow, 2);
    weir_pool_note_idle(f->pool, 70 * 1000000LL);
    weir_pool_note_idle(f->pool, 60 * 1000000LL);
    weir_pool_status s;
    weir_pool_get_status(f->pool, &s);
    assert_in_range(s.longest_checkout_ms, 2500, 3000);
    assert_int_equal(s.longest_idle_in_transaction_ms, 70);
    assert_int_equal(f->connects, 2);
    close_pool(f);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------------------------ */
typedef struct worker {
    fixture   *f;
    pthread_t  thread;
    int        rounds, hold_ms, order, timeouts, early_timeouts;
    int        status;
    int64_t    elapsed;
    weir_slot *slot;
} worker;

static void *work_on(void *argument)
{
    worker *w = argument;
    for (int i = 0; i < w->rounds; i++) {
        weir_error error;
        int64_t begun = weir_now();
        w->status = weir_pool_take(w->f->pool, "worker.c:1", &w->slot, &error);
        w->elapsed = weir_now() - begun;
        if (w->status == WEIR_TIMEOUT) {
            w->timeouts++;
            w->early_timeouts += w->elapsed < 2000 * 1000000LL;
        } else if (w->status == WEIR_OK) {
            if (w->hold_ms >= 0)
                sleep_ms(w->hold_ms);
            weir_pool_give_back(w->slot, (i + w->order) % 7 != 0);
        }
    }
    return NULL;
}

static void test_case_151_forty_threads(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 3, .max_overflow = 5, .timeout_ms = 2000 });
    worker workers[40];
    for (int i = 0; i < 40; i++) {
        workers[i] = (worker){ .f = f, .rounds = 10, .hold_ms = i % 4, .order = i };
        pthread_create(&workers[i].thread, NULL, work_on, &workers[i]);
    }
    for (int i = 0; i < 40; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].early_timeouts, 0);
    }
    assert_true(atomic_load(&fake.peak) <= 8);
    weir_pool_status s;
    weir_pool_get_status(f->pool, &s);
    assert_int_equal(s.checked_out, 0);
    assert_int_equal(s.waiters, 0);
    assert_int_equal(s.connects - s.disconnects, atomic_load(&fake.live));
    close_pool(f);
}

/* A time-out of 1 ms against holders of 1 ms: gifts and time-outs meet all the time; none may be lost. */
static void test_a_gift_that_meets_a_timeout_is_not_lost(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .max_overflow = 1, .timeout_ms = 1 });
    worker workers[8];
    for (int i = 0; i < 8; i++) {
        workers[i] = (worker){ .f = f, .rounds = 100, .hold_ms = i % 2, .order = i };
        pthread_create(&workers[i].thread, NULL, work_on, &workers[i]);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(workers[i].thread, NULL);
    weir_pool_status s;
    weir_pool_get_status(f->pool, &s);
    assert_int_equal(s.checked_out, 0);
    weir_slot *slots[2] = { take(f), take(f) };
    weir_pool_give_back(slots[0], true);
    weir_pool_give_back(slots[1], true);
    close_pool(f);
}

static void wait_for_waiters(fixture *f, int count)
{
    for (int i = 0; i < 5000; i++) {
        weir_pool_status s;
        weir_pool_get_status(f->pool, &s);
        if (s.waiters == count)
            return;
        sleep_ms(1);
    }
    fail_msg("nobody waits");
}

static atomic_int served;
static void *wait_in_line(void *argument)
{
    worker *w = argument;
    weir_error error;
    w->status = weir_pool_take(w->f->pool, "line.c:1", &w->slot, &error);
    w->order = atomic_fetch_add(&served, 1);
    if (w->status == WEIR_OK)
        weir_pool_give_back(w->slot, true);
    return NULL;
}

static void line_up(fixture *f, worker *workers, int count)
{
    atomic_store(&served, 0);
    for (int i = 0; i < count; i++) {
        workers[i] = (worker){ .f = f, .status = 1 };
        pthread_create(&workers[i].thread, NULL, wait_in_line, &workers[i]);
        wait_for_waiters(f, i + 1);
    }
}

static void test_waiters_are_served_in_order(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .timeout_ms = 10000 });
    weir_slot *slot = take(f);
    worker workers[6];
    line_up(f, workers, 6);
    weir_pool_give_back(slot, true);
    slot = take(f);                     /* a later caller does not overtake them */
    assert_int_equal(atomic_load(&served), 6);
    weir_pool_give_back(slot, true);
    for (int i = 0; i < 6; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].status, WEIR_OK);
        assert_int_equal(workers[i].order, i);
    }
    assert_int_equal(atomic_load(&fake.dials), 1);
    close_pool(f);
}

static void test_freed_places_go_to_waiters(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .timeout_ms = 10000 });
    worker workers[3];
    weir_slot *slot = take(f);
    line_up(f, workers, 1);
    weir_pool_detach(slot);
    pthread_join(workers[0].thread, NULL);
    assert_int_equal(workers[0].status, WEIR_OK);
    weir_pool_give_back(slot, true);

    slot = take(f);
    line_up(f, workers, 1);
    weir_pool_dispose(f->pool);
    pthread_join(workers[0].thread, NULL);
    assert_int_equal(workers[0].status, WEIR_OK);
    weir_pool_give_back(slot, true);

    slot = take(f);                     /* a connect that fails in front of waiters: each gets its own try */
    line_up(f, workers, 3);
    atomic_store(&fake.refuses, true);
    weir_pool_give_back(slot, false);
    for (int i = 0; i < 3; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].status, WEIR_OPERATIONAL);
    }
    assert_counters(f, 1, 1, 0, 0);
    atomic_store(&fake.refuses, false);

    slot = take(f);
    line_up(f, workers, 2);
    weir_pool_close(f->pool);
    for (int i = 0; i < 2; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].status, WEIR_RESOURCE_CLOSED);
    }
    weir_pool_give_back(slot, true);
    close_pool(f);
}

static void test_case_141_a_hanging_connect_blocks_nobody(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 2, .max_overflow = 2, .timeout_ms = 5000 });
    worker hanging = { .f = f, .rounds = 1, .hold_ms = 0, .order = 1 };
    atomic_store(&fake.hang_next_ms, 2000);
    pthread_create(&hanging.thread, NULL, work_on, &hanging);
    while (atomic_load(&fake.hang_next_ms) != 0)
        sleep_ms(1);
    int64_t begun = weir_now();
    for (int i = 0; i < 100; i++) {
        weir_slot *one = take(f), *two = take(f);
        weir_pool_give_back(one, true);
        weir_pool_give_back(two, true);
    }
    assert_true(weir_now() - begun < 1000 * 1000000LL);
    pthread_join(hanging.thread, NULL);
    assert_int_equal(hanging.status, WEIR_OK);
    assert_true(hanging.elapsed >= 2000 * 1000000LL);
    close_pool(f);
}

static void test_case_154_a_slow_consumer_holds_its_place(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .max_overflow = 0, .timeout_ms = 200 });
    weir_slot *slow = take(f);
    weir_error error;
    assert_int_equal(take_fails(f, &error), WEIR_TIMEOUT);
    weir_pool_give_back(slow, true);
    weir_pool_give_back(take(f), true);
    close_pool(f);
}

static void *cancel_slot(void *argument)
{
    weir_pool_cancel(argument);
    return NULL;
}

static void test_a_link_outlives_its_cancel_requests(void **state)
{
    (void)state;
    fixture *f = open_pool((weir_pool_options){ .size = 1, .timeout_ms = 0 });
    for (int i = 0; i < 3; i++) {
        weir_slot *slot = take(f);
        pthread_t thread;
        atomic_store(&fake.cancel_ms, 100);
        pthread_create(&thread, NULL, cancel_slot, slot);
        while (!atomic_load(&fake.cancelling))
            sleep_ms(1);
        assert_true(atomic_load(&slot->link->cancelled));
        if (i == 0)
            weir_pool_settle_cancels(slot);
        else if (i == 1)
            weir_pool_invalidate(slot, WEIR_INVALIDATE_HARD);
        assert_true(slot->was_cancelled);
        weir_pool_give_back(slot, i != 2);
        assert_int_equal(atomic_load(&fake.cancels), i + 1);
        pthread_join(thread, NULL);
    }
    assert_int_equal(atomic_load(&fake.hung_up_while_cancelling), 0);
    weir_slot *slot = take(f);
    assert_false(slot->was_cancelled);
    assert_false(atomic_load(&slot->link->cancelled));
    weir_pool_give_back(slot, true);
    close_pool(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_135_counters_follow_checkouts),
        cmocka_unit_test(test_case_136_status_text),
        cmocka_unit_test(test_case_137_timeout_at_the_limit),
        cmocka_unit_test(test_case_138_size_0_has_no_limit_and_keeps_all),
        cmocka_unit_test(test_case_139_overflow_is_closed_on_return),
        cmocka_unit_test(test_case_140_failed_connect_gives_its_place_back),
        cmocka_unit_test(test_case_141_a_hanging_connect_blocks_nobody),
        cmocka_unit_test(test_case_142_fifo_and_lifo),
        cmocka_unit_test(test_case_143_recycle_at_checkout_only),
        cmocka_unit_test(test_case_144_pre_ping_replaces_unseen),
        cmocka_unit_test(test_a_passed_deadline_makes_no_connection_stale),
        cmocka_unit_test(test_case_145_server_down_loses_no_place),
        cmocka_unit_test(test_case_148_detach_frees_the_place),
        cmocka_unit_test(test_case_150_double_return_warns),
        cmocka_unit_test(test_case_151_forty_threads),
        cmocka_unit_test(test_case_152_disconnect_makes_all_earlier_ones_stale),
        cmocka_unit_test(test_case_154_a_slow_consumer_holds_its_place),
        cmocka_unit_test(test_case_210_in_memory_has_one_connection_for_ever),
        cmocka_unit_test(test_invalidate_hard_and_soft),
        cmocka_unit_test(test_dispose_starts_a_new_generation),
        cmocka_unit_test(test_abandon_says_nothing_to_the_server),
        cmocka_unit_test(test_closed_while_checked_out),
        cmocka_unit_test(test_long_checkout_is_reported_once),
        cmocka_unit_test(test_a_gift_that_meets_a_timeout_is_not_lost),
        cmocka_unit_test(test_waiters_are_served_in_order),
        cmocka_unit_test(test_freed_places_go_to_waiters),
        cmocka_unit_test(test_a_link_outlives_its_cancel_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
