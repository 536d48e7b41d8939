/* Connections against a scripted driver: what they send, and how they follow a server that fails, vanishes or is cancelled at
 * moments that no real one can be made to hit. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <poll.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine/connection.h"

/* ---- the scripted driver ------------------------------------------------------------------------------------------------------- */
static struct script {
    char        sent[4096];             /* what went out, each with a ';' */
    char        queued[64];
    int         dials, hang_ups;
    /* the next exchanges fail: so many, with this status and state, and what the transaction is afterwards */
    int         failures, status;
    const char *sqlstate;
    weir_link_transaction after;
    bool        loses, cancels;         /* loses: the link; cancels: somebody cancels while it runs */
    const weir_slot *slot;              /* that somebody cancels */
    int         late;                   /* 1: a soft deadline passes, 2: a hard one */
    int         silence[2];             /* a pipe into which nobody writes: the server that does not answer */
} script;

static int fake_dial(const weir_dial_plan *plan, weir_dial_watch *watch, weir_link **out, weir_error *error)
{
    (void)watch;
    extern const weir_driver fake_driver;
    weir_link *link = weir_alloc_zero(plan->ledger, WEIR_MEMORY_HANDLES, sizeof *link);
    if (!link)
        return weir_error_out_of_memory(error);
    link->driver = &fake_driver;
    script.dials++;
    *out = link;
    return WEIR_OK;
}

static void fake_hang_up(weir_link *link)
{
    script.hang_ups++;
    script.queued[0] = 0;
    weir_free(link);
}

static int fake_begin(weir_link *link, const char *sql)
{
    (void)link;
    strcpy(script.queued, sql);
    return WEIR_OK;
}

static void send_text(const char *sql)
{
    strcat(script.sent, sql);
    strcat(script.sent, ";");
}

static int fake_command(weir_link *link, const char *sql)
{
    if (script.queued[0]) {
        send_text(script.queued);
        script.queued[0] = 0;
        link->transaction = WEIR_LINK_IN_TRANSACTION;
    }
    send_text(sql);
    if (script.failures > 0)
        return WEIR_OK;
    if (!strcmp(sql, "COMMIT") || !strcmp(sql, "ROLLBACK"))
        link->transaction = WEIR_LINK_IDLE;
    if (!strncmp(sql, "ROLLBACK TO", 11))
        link->transaction = WEIR_LINK_IN_TRANSACTION;
    return WEIR_OK;
}

static int fake_ping(weir_link *link)
{
    (void)link;
    send_text("ping");
    return WEIR_OK;
}

static int fake_listen(weir_link *link, int64_t deadline)
{
    (void)deadline;
    link->listener.notification(link->listener.context, "channel", "payload", 7);
    return WEIR_DONE;
}

static int fake_advance(weir_link *link, weir_want *want)
{
    if (script.late) {
        want->fd = script.silence[0];
        want->events = POLLIN;
        want->deadline = weir_now() - 1;
        want->soft = script.late == 1;
        script.late -= script.late == 1;
        return WEIR_WANTS;
    }
    if (script.cancels) {
        script.cancels = false;
        weir_pool_cancel((weir_slot *)(uintptr_t)script.slot);
    }
    if (script.failures == 0)
        return WEIR_DONE;
    script.failures--;
    weir_error_set(&link->error, script.status, "failed by the script");
    if (script.sqlstate)
        strcpy(link->error.sqlstate, script.sqlstate);
    link->transaction = script.after;
    link->lost = script.loses;
    return script.status;
}

static const char *fake_begin_text(weir_isolation isolation, bool read_only, char *buffer, size_t size)
{
    snprintf(buffer, size, "BEGIN%s%s", isolation == WEIR_SERIALIZABLE ? " SERIALIZABLE" : "", read_only ? " READ ONLY" : "");
    return buffer;
}

static int fake_cancel(weir_link *link)
{
    (void)link;
    return WEIR_OK;
}

extern const weir_driver fake_driver;
const weir_driver fake_driver = { .name = "postgresql", .dialect = &weir_dialect_postgresql, .dial = fake_dial, .hang_up = fake_hang_up,
                                  .begin = fake_begin, .command = fake_command, .ping = fake_ping, .listen = fake_listen,
                                  .advance = fake_advance, .begin_text = fake_begin_text, .cancel = fake_cancel };

/* ---- an engine over it ------------------------------------------------------------------------------------------------------------ */
static weir_engine *open_engine(void)
{
    memset(&script, 0, sizeof script);
    weir_error error;
    weir_engine *engine = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *engine);
    weir_engine_core *core = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *core);
    assert_non_null(engine);
    assert_non_null(core);
    weir_ledger_init(&core->ledger, NULL);
    weir_arena_init(&core->arena, &core->ledger, WEIR_MEMORY_HANDLES, 256);
    core->references = core->engines = 1;
    core->process = (int)getpid();
    core->driver = &fake_driver;
    core->plan.ledger = &core->ledger;
    weir_pool_options options = { .size = 2, .timeout_ms = 0 };
    assert_int_equal(weir_pool_open(&core->pool, &fake_driver, &core->plan, &options, &core->log, &core->ledger, &error), WEIR_OK);
    engine->core = core;
    return engine;
}

static void close_engine(weir_engine *engine)
{
    weir_memory_figures figures;
    weir_engine_close(&engine);
    weir_engine_close(&engine);
    assert_int_equal(script.dials, script.hang_ups);
    weir_memory_usage(&figures);
    assert_int_equal(figures.bytes, 0);
}

/* A statement, as executing one does it. */
static int run(weir_connection *connection, weir_error *error)
{
    weir_error_clear(error);
    int status = weir_connection_ready(connection, true, error);
    if (status == WEIR_OK)
        status = weir_connection_command(connection, "work", error);
    if (status != WEIR_OK)
        weir_connection_failed(connection, error);
    return status;
}

static void fail_next(int status, const char *sqlstate, weir_link_transaction after)
{
    script.failures = 1;
    script.status = status;
    script.sqlstate = sqlstate;
    script.after = after;
}

static void assert_sent(const char *text)
{
    assert_string_equal(script.sent, text);
    script.sent[0] = 0;
}

/* ---- transactions ------------------------------------------------------------------------------------------------------------------ */
static void test_begin_travels_with_the_first_statement(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(weir_connection_begin(c), WEIR_OK);
    assert_int_equal(weir_connection_commit(c), WEIR_OK);
    assert_int_equal(weir_connection_rollback(c), WEIR_OK);
    assert_sent("");
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(weir_connection_commit(c), WEIR_OK);
    assert_sent("BEGIN;work;work;COMMIT;");
    assert_int_equal(weir_connection_options(c, WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_SERIALIZABLE, .read_only = WEIR_ON)), WEIR_OK);
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_sent("BEGIN SERIALIZABLE READ ONLY;work;ROLLBACK;");
    close_engine(engine);
}

static void test_a_begin_that_nothing_took_along_does_not_reach_the_next_user(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(weir_connection_ready(c, true, &error), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_string_equal(script.queued, "");
    assert_int_equal(script.hang_ups, 0);
    close_engine(engine);
}

static void test_case_094_begin_after_a_statement(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(weir_connection_begin(c), WEIR_INVALID_REQUEST);
    assert_string_equal(weir_connection_error(c)->message,
                        "This connection has already initialized a SQLAlchemy Transaction() object via begin() or autobegin; can't call "
                        "begin() here unless rollback() or commit() is called first.");
    assert_int_equal(weir_connection_options(c, WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_SERIALIZABLE)), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    close_engine(engine);
}

static void test_an_aborted_transaction_is_not_committed(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(run(c, &error), WEIR_OK);
    fail_next(WEIR_DATA, "22012", WEIR_LINK_FAILED);
    assert_int_equal(run(c, &error), WEIR_DATA);
    fail_next(WEIR_INTERNAL, "25P02", WEIR_LINK_FAILED);
    assert_int_equal(run(c, &error), WEIR_INTERNAL);
    assert_string_equal(error.detail, "aborted by: failed by the script");
    assert_int_equal(weir_connection_commit(c), WEIR_INTERNAL);
    assert_string_equal(weir_connection_error(c)->sqlstate, "25P02");
    assert_string_equal(weir_connection_error(c)->detail, "aborted by: failed by the script");
    assert_sent("BEGIN;work;work;work;ROLLBACK;");
    assert_false(weir_connection_in_transaction(c));
    assert_int_equal(weir_connection_commit(c), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    close_engine(engine);
}

static void test_a_transaction_that_the_database_ended_must_be_rolled_back(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(run(c, &error), WEIR_OK);
    fail_next(WEIR_OPERATIONAL, NULL, WEIR_LINK_IDLE);
    assert_int_equal(run(c, &error), WEIR_OPERATIONAL);
    assert_int_equal(run(c, &error), WEIR_PENDING_ROLLBACK);
    assert_int_equal(weir_connection_commit(c), WEIR_PENDING_ROLLBACK);
    assert_int_equal(weir_connection_rollback(c), WEIR_OK);
    assert_sent("BEGIN;work;work;");
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    close_engine(engine);
}

static void test_engine_begin_commits_or_rolls_back_and_tells_why(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_error error;
    weir_connection *c = weir_engine_begin(engine);
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_sent("BEGIN;work;COMMIT;");
    c = weir_engine_begin(engine);
    fail_next(WEIR_INTEGRITY, "23505", WEIR_LINK_FAILED);
    assert_int_equal(run(c, &error), WEIR_INTEGRITY);
    assert_int_equal(weir_connection_close(&c), WEIR_INTEGRITY);
    assert_sent("BEGIN;work;ROLLBACK;");
    c = weir_engine_begin(engine);      /* what was undone by a savepoint does not count */
    int savepoint = weir_connection_savepoint(c);
    fail_next(WEIR_INTEGRITY, "23505", WEIR_LINK_FAILED);
    assert_int_equal(run(c, &error), WEIR_INTEGRITY);
    assert_int_equal(weir_connection_savepoint_rollback(c, savepoint), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_sent("BEGIN;SAVEPOINT weir_sp_1;work;ROLLBACK TO SAVEPOINT weir_sp_1;RELEASE SAVEPOINT weir_sp_1;COMMIT;");
    close_engine(engine);
}

static void test_savepoints_end_from_the_inside_out(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    int first = weir_connection_savepoint(c), second = weir_connection_savepoint(c);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_int_equal(weir_connection_savepoint_release(c, first), WEIR_OK);
    assert_int_equal(weir_connection_savepoint_release(c, second), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_connection_savepoint_rollback(c, first), WEIR_INVALID_REQUEST);
    for (int i = 0; i < WEIR_MAX_SAVEPOINTS; i++)
        assert_int_equal(weir_connection_savepoint(c), i + 3);
    assert_int_equal(weir_connection_savepoint(c), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_connection_rollback(c), WEIR_OK);
    assert_int_equal(weir_connection_savepoint_release(c, 3), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    close_engine(engine);
}

/* ---- trouble --------------------------------------------------------------------------------------------------------------------------- */
static void test_a_lost_connection_is_pending_until_rollback(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(run(c, &error), WEIR_OK);
    fail_next(WEIR_OPERATIONAL, "57P01", WEIR_LINK_IDLE);
    script.loses = true;
    assert_int_equal(run(c, &error), WEIR_OPERATIONAL);
    assert_true(error.disconnect);
    assert_true(weir_connection_invalidated(c));
    assert_int_equal(script.hang_ups, 1);
    assert_int_equal(run(c, &error), WEIR_PENDING_ROLLBACK);
    assert_string_equal(error.message, "Can't reconnect until invalid transaction is rolled back.  Please rollback() fully before proceeding");
    assert_int_equal(weir_connection_rollback(c), WEIR_OK);
    assert_int_equal(weir_connection_poll(c, 0), WEIR_RESOURCE_CLOSED);
    script.loses = false;
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(script.dials, 2);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    close_engine(engine);
}

static void test_deadlines_soft_and_hard(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(pipe(script.silence), 0);
    script.late = 1;
    assert_int_equal(run(c, &error), WEIR_OK);
    script.late = 2;
    assert_int_equal(run(c, &error), WEIR_DEADLINE_EXCEEDED);
    assert_true(error.disconnect);
    assert_true(weir_connection_invalidated(c));
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    close(script.silence[0]);
    close(script.silence[1]);
    close_engine(engine);
}

static void test_an_interrupted_statement_was_cancelled_only_if_somebody_did(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    fail_next(WEIR_QUERY_CANCELED, "57014", WEIR_LINK_FAILED);
    assert_int_equal(run(c, &error), WEIR_QUERY_CANCELED);
    assert_int_equal(weir_connection_rollback(c), WEIR_OK);
    fail_next(WEIR_QUERY_CANCELED, "57014", WEIR_LINK_FAILED);
    script.cancels = true;
    script.slot = c->slot;
    assert_int_equal(run(c, &error), WEIR_CANCELLED);
    assert_string_equal(error.message, "cancelled by weir_connection_cancel");
    assert_false(atomic_load(&c->slot->link->cancelled));
    assert_int_equal(weir_connection_rollback(c), WEIR_OK);
    assert_int_equal(weir_connection_cancel(c), WEIR_OK);       /* too late for anything */
    assert_int_equal(run(c, &error), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    close_engine(engine);
}

static void test_a_late_cancel_does_not_reach_the_next_user(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    assert_int_equal(weir_connection_cancel(c), WEIR_OK);
    fail_next(WEIR_QUERY_CANCELED, "57014", WEIR_LINK_IDLE);    /* it hits the ping, which is made again */
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_sent("ping;ping;");
    assert_int_equal(script.hang_ups, 0);
    c = weir_engine_connect(engine);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_sent("");                    /* the next one was not cancelled */
    c = weir_engine_connect(engine);
    assert_int_equal(weir_connection_cancel(c), WEIR_OK);
    fail_next(WEIR_QUERY_CANCELED, "57014", WEIR_LINK_IDLE);
    script.failures = 2;                /* more than one: nothing to rely on */
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_int_equal(script.hang_ups, 1);
    close_engine(engine);
}

static void test_case_146_reset_on_return(void **state)
{
    (void)state;
    static const struct { weir_reset reset; const char *sent; } modes[] = {
        { WEIR_RESET_DEFAULT, "BEGIN;work;ROLLBACK;" }, { WEIR_RESET_ROLLBACK, "BEGIN;work;ROLLBACK;" },
        { WEIR_RESET_COMMIT, "BEGIN;work;COMMIT;" },    { WEIR_RESET_NONE, "BEGIN;work;" },
    };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        weir_engine *engine = open_engine();
        weir_error error;
        engine->core->reset = modes[i].reset;
        weir_connection *c = weir_engine_connect(engine);
        assert_int_equal(run(c, &error), WEIR_OK);
        assert_int_equal(weir_connection_close(&c), WEIR_OK);
        assert_sent(modes[i].sent);
        c = weir_engine_connect(engine);
        assert_int_equal(weir_connection_in_transaction(c), modes[i].reset == WEIR_RESET_NONE);
        assert_int_equal(weir_connection_close(&c), WEIR_OK);
        assert_sent("");                /* nothing is open: nothing is sent */
        close_engine(engine);
    }
}

static void test_a_failed_reset_discards_the_connection_silently(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(run(c, &error), WEIR_OK);
    fail_next(WEIR_OPERATIONAL, NULL, WEIR_LINK_IN_TRANSACTION);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_int_equal(script.hang_ups, 1);
    close_engine(engine);
}

static void count_notification(const char *channel, const char *payload, int pid, void *context)
{
    assert_string_equal(channel, "channel");
    assert_string_equal(payload, "payload");
    assert_int_equal(pid, 7);
    ++*(int *)context;
}

static void test_notifications_end_with_the_checkout(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    int count = 0;
    assert_int_equal(weir_connection_on_notification(c, count_notification, &count), WEIR_OK);
    assert_int_equal(weir_connection_poll(c, 0), WEIR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_sent("UNLISTEN *;");
    close_engine(engine);
}

/* ---- handles ---------------------------------------------------------------------------------------------------------------------------- */
static void test_connections_outlive_their_engine(void **state)
{
    (void)state;
    weir_engine *engine = open_engine(), *second = weir_engine_with_options(engine, WEIR_EXECUTION_OPTIONS(.yield_per = 6));
    weir_connection *one = weir_engine_connect(engine), *two = weir_engine_connect(second);
    weir_execution_options options;
    weir_pool_status status;
    weir_error error;
    weir_connection_get_options(one, &options);
    assert_int_equal(options.yield_per, 0);
    weir_connection_get_options(two, &options);
    assert_int_equal(options.yield_per, 6);
    weir_engine_pool_status(engine, &status);
    assert_int_equal(status.checked_out, 2);
    weir_engine_close(&second);
    assert_int_equal(run(two, &error), WEIR_OK);
    weir_engine *last = engine;
    weir_engine_close(&last);
    assert_int_equal(script.hang_ups, 0);
    assert_int_equal(run(one, &error), WEIR_OK);
    assert_int_equal(weir_connection_close(&one), WEIR_OK);
    assert_int_equal(script.hang_ups, 1);
    assert_int_equal(weir_connection_close(&two), WEIR_OK);
    assert_int_equal(script.hang_ups, 2);
    close_engine(last);
}

static void test_closed_handles_give_resource_closed(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_int_equal(run(c, &error), WEIR_RESOURCE_CLOSED);
    assert_string_equal(weir_connection_error(c)->message, "This Connection is closed");
    assert_int_equal(weir_connection_begin(c), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_commit(c), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_rollback(c), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_savepoint(c), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_savepoint_release(c, 1), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_savepoint_rollback(c, 1), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_cancel(c), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_detach(c), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_invalidate(c), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_poll(c, 0), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_options(c, NULL), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_on_notification(c, NULL, NULL), WEIR_RESOURCE_CLOSED);
    assert_false(weir_connection_invalidated(c));
    assert_int_equal(weir_connection_number(c), 0);
    assert_int_equal(weir_connection_backend_pid(c), 0);
    weir_engine *closed = engine;
    weir_engine_close(&closed);
    assert_int_equal(weir_engine_error(closed)->status, WEIR_RESOURCE_CLOSED);
    c = weir_engine_connect(closed);
    assert_int_equal(run(c, &error), WEIR_RESOURCE_CLOSED);
    assert_int_equal(weir_connection_close(&c), WEIR_RESOURCE_CLOSED);
    weir_engine_dispose(closed);
    assert_string_equal(weir_engine_dialect(closed), "");
    close_engine(closed);
}

static void test_in_a_forked_child_nothing_but_abandon(void **state)
{
    (void)state;
    weir_engine *engine = open_engine();
    weir_connection *c = weir_engine_connect(engine);
    weir_error error;
    engine->core->process++;
    assert_int_equal(run(c, &error), WEIR_INVALID_REQUEST);
    assert_int_equal(weir_connection_cancel(c), WEIR_INVALID_REQUEST);
    weir_connection *other = weir_engine_connect(engine);
    assert_int_equal(weir_connection_close(&other), WEIR_INVALID_REQUEST);
    engine->core->process--;
    assert_int_equal(weir_connection_close(&c), WEIR_OK);
    assert_sent("");
    close_engine(engine);
}

/* ---- engine options ------------------------------------------------------------------------------------------------------------------------ */
static void test_engine_options_are_checked_by_name(void **state)
{
    (void)state;
    const struct { weir_engine_options options; const char *word; } bad[] = {
        { { .struct_size = 0 }, "struct_size" },
        { { .struct_size = sizeof(weir_engine_options) + 8 }, "later version" },
#define BAD(option, value) { { .struct_size = sizeof(weir_engine_options), .option = value }, #option }
        BAD(pool_size, -1), BAD(max_overflow, -2), BAD(pool_timeout_ms, -2), BAD(pool_recycle_ms, -1), BAD(checkout_limit_ms, WEIR_ZERO),
        BAD(connect_timeout_ms, -5), BAD(read_timeout_ms, -5), BAD(pool_pre_ping, 3), BAD(pool_reset_on_return, 9),
#undef BAD
        { { .struct_size = sizeof(weir_engine_options), .connect_args = (const char *const[]){ "timeout", NULL } }, "timeout" },
    };
    weir_engine *engine;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(weir_engine_open(&engine, "sqlite://", &bad[i].options), WEIR_ARGUMENT);
        assert_non_null(strstr(weir_engine_error(engine)->message, bad[i].word));
        weir_connection *c = weir_engine_connect(engine);
        assert_int_equal(weir_connection_error(c)->status, WEIR_ARGUMENT);
        assert_int_equal(weir_connection_close(&c), WEIR_ARGUMENT);
        weir_engine_close(&engine);
    }
    assert_int_equal(weir_engine_open(&engine, NULL, NULL), WEIR_ARGUMENT);
    weir_engine_close(&engine);
    assert_int_equal(weir_engine_open(&engine, "sqlite:///x", WEIR_ENGINE_OPTIONS(.pool_size = 3, .max_overflow = WEIR_ZERO)), WEIR_OK);
    weir_pool_status status;
    weir_engine_pool_status(engine, &status);
    assert_string_equal(status.text, "Pool size: 3  Connections in pool: 0 Current Overflow: -3 Current Checked out connections: 0");
    weir_engine_close(&engine);
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    assert_int_equal(figures.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin_travels_with_the_first_statement),
        cmocka_unit_test(test_a_begin_that_nothing_took_along_does_not_reach_the_next_user),
        cmocka_unit_test(test_case_094_begin_after_a_statement),
        cmocka_unit_test(test_an_aborted_transaction_is_not_committed),
        cmocka_unit_test(test_a_transaction_that_the_database_ended_must_be_rolled_back),
        cmocka_unit_test(test_engine_begin_commits_or_rolls_back_and_tells_why),
        cmocka_unit_test(test_savepoints_end_from_the_inside_out),
        cmocka_unit_test(test_a_lost_connection_is_pending_until_rollback),
        cmocka_unit_test(test_deadlines_soft_and_hard),
        cmocka_unit_test(test_an_interrupted_statement_was_cancelled_only_if_somebody_did),
        cmocka_unit_test(test_a_late_cancel_does_not_reach_the_next_user),
        cmocka_unit_test(test_case_146_reset_on_return),
        cmocka_unit_test(test_a_failed_reset_discards_the_connection_silently),
        cmocka_unit_test(test_notifications_end_with_the_checkout),
        cmocka_unit_test(test_connections_outlive_their_engine),
        cmocka_unit_test(test_closed_handles_give_resource_closed),
        cmocka_unit_test(test_in_a_forked_child_nothing_but_abandon),
        cmocka_unit_test(test_engine_options_are_checked_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
