/* Keeping a connection in step with its server: what each operation did to the transaction, lost links, cancels, and the
 * cleaning before a connection goes back. */
#include "engine/connection.h"
#include <stdio.h>
#include <string.h>
#include "engine/copy.h"

/* ---- what happens on the link ---------------------------------------------------------------------------------------------------- */
static void on_notice(void *context, const char *severity, const char *message)
{
    weir_connection *connection = context;
    char text[1024];
    snprintf(text, sizeof text, "%s: %s", severity, message);
    weir_log_event_out(&connection->core->log, WEIR_LOG_NOTICE, connection->slot->number, text, "", 0);
}

static void on_notification(void *context, const char *channel, const char *payload, int pid)
{
    weir_connection *connection = context;
    if (connection->on_notification)
        connection->on_notification(channel, payload, pid, connection->notification_context);
}

static void on_round_trip(void *context, const char *what, int64_t rows)
{
    weir_connection *connection = context;
    weir_log_event_out(&connection->core->log, WEIR_LOG_ROUND_TRIP, connection->slot->number, what, "", rows);
}

void weir_connection_attach(weir_connection *connection)
{
    weir_link *link = connection->slot->link;
    link->listener = (weir_link_listener){ .notice = on_notice, .notification = on_notification, .context = connection,
                                           .round_trip = connection->core->log.fn ? on_round_trip : NULL };
    connection->server = link->transaction;
    connection->begin_queued = false;
    connection->last_used = weir_now();
    /* Reset on return may be off: then the transaction of the one before goes on. */
    if (connection->server != WEIR_LINK_IDLE)
        connection->in_transaction = true;
}

/* ---- errors ------------------------------------------------------------------------------------------------------------------------ */
void weir_connection_name_cause(weir_error *error, const weir_error *cause)
{
    char detail[sizeof cause->message + 16];
    if (cause->status == WEIR_OK || strstr(error->detail, "aborted by"))
        return;
    snprintf(detail, sizeof detail, "aborted by: %s", cause->message);
    weir_error_text(error->detail, sizeof error->detail, detail, strlen(detail));
}

/* The error of an operation that was ended early; what the server said about it is its detail. */
static int name_ending(const weir_ending *ending, int status, weir_error *error)
{
    weir_error words;
    weir_ending_error(ending, &words);
    if (status == WEIR_OK) {
        *error = words;
        return words.status;
    }
    weir_error_text(error->detail, sizeof error->detail, error->message, strlen(error->message));
    weir_error_text(error->message, sizeof error->message, words.message, strlen(words.message));
    return error->status = words.status;
}

/* While the cancel flag was up, or later in the same transaction, an interrupted statement is one that the user cancelled. One that
 * came between two fetches of a stream found nothing to interrupt: the next fetch is told. */
static int name_cancel(weir_connection *connection, const weir_call *call, const weir_ending *ending, int status, weir_error *error)
{
    bool ended = ending->outcome != WEIR_READY;
    if (atomic_load_explicit(&connection->slot->link->cancelled, memory_order_relaxed)) {
        weir_pool_settle_cancels(connection->slot);
        connection->was_cancelled = true;
        connection->cancel_missed = !ended && status == WEIR_OK;
    }
    if (ended && (status == WEIR_QUERY_CANCELED || (status == WEIR_OK && call->reads)))
        return name_ending(ending, status, error);
    if ((!connection->was_cancelled && !connection->slot->link->cancels.astray) || status != WEIR_QUERY_CANCELED)
        return status;
    weir_error_text(error->detail, sizeof error->detail, error->message, strlen(error->message));
    snprintf(error->message, sizeof error->message, "cancelled by weir_connection_cancel");
    return error->status = WEIR_CANCELLED;
}

/* ---- the transaction --------------------------------------------------------------------------------------------------------------- */
void weir_connection_end_transaction(weir_connection *connection)
{
    for (weir_result *result = connection->results; result; result = ((weir_open_result *)(void *)result)->next)
        ((weir_open_result *)(void *)result)->committed = ((weir_open_result *)(void *)result)->hold;
    connection->in_transaction = connection->begun_explicitly = connection->needs_rollback = connection->was_cancelled = connection->cancel_missed = false;
    connection->savepoint_depth = 0;
    connection->last_used = 0;
    weir_error_clear(&connection->abort_cause);
}

/* The database ended the transaction because of an error: what was done before is gone, and the user has to say that he knows. */
static void transaction_vanished(weir_connection *connection, const weir_error *error)
{
    weir_connection_end_results(connection, WEIR_COMMITTED_SURVIVE);
    weir_error_keep(&connection->abort_cause, error);
    connection->needs_rollback = true;
    connection->savepoint_depth = 0;
}

static void follow(weir_connection *connection, int started, int status, const weir_error *error)
{
    weir_link_transaction was = connection->server, now = connection->slot->link->transaction;
    connection->server = now;
    if (now != WEIR_LINK_IDLE) {
        connection->in_transaction = true;
        connection->begin_queued = false;
        if (now == WEIR_LINK_IN_TRANSACTION)
            weir_error_clear(&connection->abort_cause);
        else if (status != WEIR_OK)
            weir_error_keep(&connection->abort_cause, error);
    } else if (was != WEIR_LINK_IDLE && status != WEIR_OK) {
        transaction_vanished(connection, error);
    } else if (was != WEIR_LINK_IDLE) {
        weir_connection_end_results(connection, WEIR_HELD_SURVIVE);
        weir_connection_end_transaction(connection);
    } else if (connection->begin_queued && status == WEIR_OK && started != WEIR_DONE) {
        /* BEGIN went out with a textual COMMIT. If it did not go out at all, it is asked for again by the next statement. */
        connection->in_transaction = connection->begun_explicitly = false;
    }
}

void weir_connection_drop_link(weir_connection *connection, weir_invalidation how)
{
    weir_connection_end_results(connection, WEIR_NONE_SURVIVE);
    if (connection->copy)
        weir_copy_link_goes(connection->copy);
    for (size_t i = 0; i < WEIR_MAX_CURSORS; i++)
        weir_connection_forget_cursor(connection, connection->cursors[i]);
    weir_pool_invalidate(connection->slot, how);
    connection->server = WEIR_LINK_IDLE;
    connection->begin_queued = connection->held = connection->was_cancelled = false;
    connection->savepoint_depth = 0;
    connection->needs_rollback = connection->in_transaction;
}

#define GRACE_NS (2 * 1000000000LL)        /* for what ends something, behind the connection's deadline */

/* The server may have done it, or not: whoever writes again without looking may write twice. */
static void name_doubt(weir_error *error)
{
    static const char hint[] = "the connection was lost before the server answered: whether this was committed is not known; look before repeating it";
    weir_error_text(error->hint, sizeof error->hint, hint, sizeof hint - 1);
}

static weir_limits limits_of(const weir_connection *connection, const weir_call *call)
{
    weir_limits limits = { .answer_by = call->answer_by ? call->answer_by : WEIR_NO_DEADLINE, .give_up_by = WEIR_NO_DEADLINE, .slot = connection->slot, .ends = call->ends,
                           .what = "the statement's timeout_ms passed" };
    int64_t deadline = connection->deadline, soonest = call->ends && deadline ? weir_now() + GRACE_NS : 0;
    if (soonest > deadline)
        deadline = soonest;
    if (deadline && deadline < limits.answer_by) {
        limits.answer_by = deadline;
        limits.what = WEIR_DEADLINE_TEXT;
    }
    return limits;
}

int weir_connection_drive(weir_connection *connection, int started, const weir_call *call, weir_error *error)
{
    static const weir_call any = { 0 };
    weir_link *link = connection->slot->link;
    call = call ? call : &any;
    weir_limits limits = limits_of(connection, call);
    weir_ending ending;
    int done = weir_link_drive(link, started, &limits, &ending);
    if (done != WEIR_OK) {
        *error = link->error;
        weir_error_clear(&link->error);
    }
    if (link->forgotten > 1)
        weir_pool_note_forgetful(connection->slot);
    int status = name_cancel(connection, call, &ending, done, error);
    if (call->unheard || (status != WEIR_CANCELLED && status != WEIR_DEADLINE_EXCEEDED))
        weir_interrupt_again(ending.outcome);       /* it was done all the same, or failed for another reason */
    if (status != WEIR_OK && (link->lost || error->disconnect)) {
        if (link->commits)
            name_doubt(error);
        error->disconnect = true;
        link->lost = true;
        if (connection->in_transaction)
            weir_error_keep(&connection->abort_cause, error);
        weir_connection_drop_link(connection, status == WEIR_CANCELLED ? WEIR_INVALIDATE_HARD : WEIR_INVALIDATE_ALL);
        return status;
    }
    if (status != WEIR_OK && strcmp(error->sqlstate, "25P02") == 0)
        weir_connection_name_cause(error, &connection->abort_cause);
    follow(connection, started, done, error);
    connection->last_used = connection->server == WEIR_LINK_IDLE ? 0 : weir_now();
    connection->was_cancelled = connection->was_cancelled && connection->in_transaction;
    connection->cancel_missed = connection->cancel_missed && connection->in_transaction;
    return status;
}

int weir_connection_nonsense(weir_connection *connection, weir_error *error)
{
    weir_error_set(error, WEIR_INTERFACE, "the server ended the transaction under a statement that does not");
    error->disconnect = true;
    connection->slot->link->lost = true;
    connection->in_transaction = true;      /* what was done in it is in doubt: the program has to say that it knows */
    weir_error_keep(&connection->abort_cause, error);
    weir_connection_drop_link(connection, WEIR_INVALIDATE_ALL);
    return WEIR_INTERFACE;
}

void weir_connection_note_idle(const weir_connection *connection)
{
    if (connection->last_used && connection->server != WEIR_LINK_IDLE)
        weir_pool_note_idle(connection->slot->pool, weir_now() - connection->last_used);
}

int weir_connection_command(weir_connection *connection, const char *sql, weir_error *error)
{
    weir_link *link = connection->slot->link;
    weir_connection_note_idle(connection);
    /* A cancel that came before this command is not meant for it. */
    if (atomic_load_explicit(&link->cancelled, memory_order_relaxed)) {
        weir_pool_settle_cancels(connection->slot);
        connection->was_cancelled = true;
        connection->cancel_missed = connection->results;
    }
    return weir_connection_drive(connection, link->driver->command(link, sql), WEIR_CALL(.ends = !strncmp(sql, "ROLLBACK", 8)), error);
}

/* ---- cleaning ------------------------------------------------------------------------------------------------------------------------ */
/* A late cancel may hit any exchange, but only one (RULES L4): that one is made again. */
static bool exchange(const weir_connection *connection, const char *sql)
{
    weir_slot *slot = connection->slot;
    weir_link *link = slot->link;
    weir_limits limits = limits_of(connection, WEIR_CALL(.ends = true));
    weir_ending ending;
    limits.slot = NULL;                 /* nothing to be cancelled: a link that does not answer is given up */
    for (int attempt = 0; attempt < 2; attempt++) {
        int status = weir_link_drive(link, sql ? link->driver->command(link, sql) : link->driver->ping(link), &limits, &ending);
        if (status != WEIR_QUERY_CANCELED || link->lost || !slot->was_cancelled)
            return status == WEIR_OK && !link->lost;
    }
    return false;
}

static const char *reset_text(const weir_connection *connection, const weir_link *link)
{
    if (link->transaction == WEIR_LINK_IDLE)
        return connection->begin_queued ? "ROLLBACK" : NULL;        /* takes the BEGIN out of the driver */
    if (connection->core->reset == WEIR_RESET_NONE)
        return NULL;
    return connection->core->reset == WEIR_RESET_COMMIT && link->transaction == WEIR_LINK_IN_TRANSACTION ? "COMMIT" : "ROLLBACK";
}

bool weir_connection_clean(weir_connection *connection)
{
    weir_slot *slot = connection->slot;
    weir_link *link = slot->link;
    if (!link)
        return true;
    weir_connection_note_idle(connection);
    weir_pool_settle_cancels(slot);
    bool was_idle = link->transaction == WEIR_LINK_IDLE, usable = !link->lost && !link->cancels.astray;
    const char *reset = reset_text(connection, link);
    if (usable && reset)
        usable = exchange(connection, reset) || (was_idle && !link->lost);
    if (usable && connection->held)
        usable = exchange(connection, "CLOSE ALL");
    if (usable && connection->listening)
        usable = exchange(connection, "UNLISTEN *");
    if (usable && slot->was_cancelled)
        usable = exchange(connection, NULL);
    link->listener = (weir_link_listener){ 0 };
    return usable && (link->transaction == WEIR_LINK_IDLE || connection->core->reset == WEIR_RESET_NONE);
}
