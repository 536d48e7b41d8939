/* A transaction as a function: begun, committed, and made again when others were in its way. */
#include "orm/inside.h"
#include "orm/unit.h"
#include "base/wait.h"
#include <string.h>

enum { ATTEMPTS = 5, DELAY_MS = 20, MAX_DELAY_MS = 1000 };

static int read_options(const weir_run_options *given, weir_run_options *out, weir_error *error)
{
    *out = (weir_run_options){ .struct_size = sizeof *out };
    if (given && (given->struct_size == 0 || given->struct_size > sizeof *out))
        return weir_error_set(error, WEIR_ARGUMENT, "run options have struct_size %zu: make them with WEIR_RUN_OPTIONS", given->struct_size);
    if (given)
        memcpy(out, given, given->struct_size);
    if (out->attempts < 0 || out->delay_ms < 0 || out->max_delay_ms < 0)
        return weir_error_set(error, WEIR_ARGUMENT, "attempts and delays are not negative");
    out->attempts = out->attempts ? out->attempts : ATTEMPTS;
    out->delay_ms = out->delay_ms ? out->delay_ms : DELAY_MS;
    out->max_delay_ms = out->max_delay_ms ? out->max_delay_ms : MAX_DELAY_MS;
    return WEIR_OK;
}

/* Serialization failure, deadlock; SQLite: busy or locked, whatever the rest of the extended code says. */
static bool is_conflict(const weir_error *error, bool postgresql)
{
    if (postgresql)
        return !strcmp(error->sqlstate, "40001") || !strcmp(error->sqlstate, "40P01");
    int code = 0;
    for (const char *at = error->sqlstate; *at >= '0' && *at <= '9'; at++)
        code = code * 10 + (*at - '0');
    return (code & 0xff) == 5 || (code & 0xff) == 6;
}

/* Whether what went wrong in the attempt is a conflict with others: the session, its connection, or what aborted the transaction says so. */
static bool lost_to_others(const weir_session *session)
{
    bool postgresql = !strcmp(weir_engine_dialect(session->engine), "postgresql");
    const weir_connection *connection = session->connection;
    return is_conflict(&session->error, postgresql) ||
           (connection && (is_conflict(&connection->error, postgresql) || is_conflict(&connection->abort_cause, postgresql)));
}

static void expunge_transient(weir_instance *instance, void *context)
{
    (void)context;
    if (weir_instance_state(instance) != WEIR_TRANSIENT)
        return;
    weir_instance_detach(instance);
    weir_instance_let_go(instance);
}

/* The function's status, or the commit's; *again: it failed because of others. */
static int attempt(weir_session *session, int (*function)(weir_session *, void *), void *context, bool *again)
{
    weir_error_clear(&session->error);
    session->begun = true;
    session->block = WEIR_BLOCK_OPEN;
    int status = function(session, context);
    bool open = session->block == WEIR_BLOCK_OPEN;
    session->block = WEIR_BLOCK_NONE;
    if (status == WEIR_OK && open)
        status = weir_session_commit(session);
    *again = status < 0 && lost_to_others(session);
    if (status != WEIR_OK && weir_session_in_transaction(session)) {
        const weir_error why = session->error;
        if (weir_session_rollback(session) == WEIR_OK || why.status != WEIR_OK)
            session->error = why;
    }
    return status;
}

static int64_t delay(const weir_run_options *options, int made)
{
    int64_t milliseconds = options->delay_ms;
    for (int i = 1; i < made && milliseconds < options->max_delay_ms; i++)
        milliseconds *= 2;
    milliseconds = milliseconds < options->max_delay_ms ? milliseconds : options->max_delay_ms;
    uint64_t random = (uint64_t)weir_now() * UINT64_C(0x9E3779B97F4A7C15) >> 32;
    return milliseconds - (int64_t)(random % (uint64_t)(milliseconds / 2 + 1));
}

/* Not beyond the session's deadline. */
static int pause_for(weir_session *session, int64_t milliseconds)
{
    weir_error error = { 0 };
    int64_t until = weir_deadline_ms(milliseconds);
    bool in_time = session->deadline == 0 || until < session->deadline;
    if (weir_may_wait(&error) == WEIR_OK) {
        int outcome = weir_wait(&(weir_want){ .fd = -1, .deadline = in_time ? until : session->deadline });
        if (outcome != WEIR_LATE)
            weir_interrupted(outcome, &error);
        else if (!in_time)
            weir_error_set(&error, WEIR_DEADLINE_EXCEEDED, WEIR_DEADLINE_TEXT);
    }
    return weir_session_report(session, &error);
}

int weir_session_run(weir_session *session, int (*function)(weir_session *session, void *context), void *context,
                     const weir_run_options *given)
{
    weir_error error = { 0 };
    weir_run_options options = { 0 };
    int status = WEIR_OK, made = 0;
    if (weir_session_active(session, &error) == WEIR_OK && read_options(given, &options, &error) == WEIR_OK &&
        (session->block != WEIR_BLOCK_NONE || weir_session_in_transaction(session)))
        weir_error_set(&error, WEIR_INVALID_REQUEST, "A transaction is already begun on this Session.");
    if (options.attempts_made)
        *options.attempts_made = 0;
    if (error.status != WEIR_OK)
        return weir_session_report(session, &error);
    for (bool again = true; again;) {
        status = attempt(session, function, context, &again);
        again = ++made < options.attempts && again;
        if (!again)
            break;
        weir_store_each(session->store, expunge_transient, NULL);
        weir_store_look(session->store, false);
        int paused = pause_for(session, delay(&options, made));
        again = paused == WEIR_OK;
        status = again ? status : paused;
    }
    if (options.attempts_made)
        *options.attempts_made = made;
    return status;
}
