/* Connections: their handles, errors and options, becoming ready for an operation, and the results open on them. */
#include "engine/connection.h"
#include <string.h>
#include "engine/copy.h"

static const weir_connection closed = {
    .error = { .status = WEIR_RESOURCE_CLOSED, .message = "This Connection is closed" },
    .unreported = { .status = WEIR_RESOURCE_CLOSED, .message = "This Connection is closed" },
};
static const weir_connection no_memory = {
    .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory" },
    .unreported = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory" },
};

/* Handles are not const, but nothing writes to these. */
static weir_connection *constant(const weir_connection *object) { return (weir_connection *)(uintptr_t)object; }
static bool is_constant(const weir_connection *connection) { return connection == &closed || connection == &no_memory; }

weir_connection *weir_connection_closed(void) { return constant(&closed); }

/* ---- errors ------------------------------------------------------------------------------------------------------------------- */
int weir_connection_report(weir_connection *connection, int status, const weir_error *error)
{
    if (status != WEIR_OK && !is_constant(connection))
        connection->error = *error;
    return status;
}

void weir_connection_failed(weir_connection *connection, const weir_error *error)
{
    weir_connection_report(connection, error->status, error);
    /* What was refused has changed nothing. */
    if (is_constant(connection) || !connection->commit_on_close || connection->unreported.status != WEIR_OK ||
        error->status == WEIR_WOULD_BLOCK)
        return;
    connection->unreported = *error;
    connection->unreported_depth = connection->savepoint_depth;
}

const weir_error *weir_connection_error(const weir_connection *connection) { return &connection->error; }

/* ---- opening ------------------------------------------------------------------------------------------------------------------- */
static int take_slot(weir_connection *connection, const weir_engine *engine, const char *where)
{
    weir_error *error = &connection->unreported;
    if (!engine->core) {
        *error = engine->error;
        return error->status;
    }
    weir_engine_core_hold(engine->core);
    connection->core = engine->core;
    connection->options = engine->options;
    int status = weir_engine_core_check_process(engine->core, error);
    if (status == WEIR_OK)
        status = weir_may_wait(error);
    if (status == WEIR_OK)
        status = weir_pool_take_by(engine->core->pool, where, connection->deadline ? connection->deadline : WEIR_NO_DEADLINE,
                                   &connection->slot, error);
    if (status == WEIR_OK)
        weir_connection_attach(connection);
    return status;
}

static weir_connection *connect(const weir_engine *engine, const char *where, bool begin, int64_t deadline)
{
    weir_connection *connection = weir_alloc_zero(engine->core ? &engine->core->ledger : NULL, WEIR_MEMORY_HANDLES, sizeof *connection);
    if (!connection)
        return constant(&no_memory);
    connection->commit_on_close = begin;
    connection->deadline = deadline;
    if (take_slot(connection, engine, where) != WEIR_OK)
        connection->error = connection->unreported;
    else if (begin && !connection->in_transaction)
        connection->in_transaction = connection->begun_explicitly = true;
    return connection;
}

weir_connection *weir_engine_connect_at_(weir_engine *engine, const char *where) { return connect(engine, where, false, 0); }
weir_connection *weir_engine_begin_at_(weir_engine *engine, const char *where) { return connect(engine, where, true, 0); }

weir_connection *weir_engine_connect_by(weir_engine *engine, const char *where, int64_t deadline)
{
    return connect(engine, where, false, deadline);
}

/* ---- closing -------------------------------------------------------------------------------------------------------------------- */
/* In a forked child link and slot are the parent's: results only lose sight of the connection. */
static void let_go_of_results(weir_connection *connection)
{
    while (connection->results) {
        weir_open_result *open = (weir_open_result *)(void *)connection->results;
        connection->results = open->next;
        open->connection = NULL;
        open->next = open->previous = NULL;
    }
}

static void give_back(weir_connection *connection)
{
    weir_error error;
    if (connection->copy) {
        weir_copy_cut_off(connection->copy, WEIR_RESOURCE_CLOSED, "the connection of this COPY was closed");
        connection->commit_on_close = false;    /* what it had sent is not to stay */
    }
    if (connection->roll_back)
        weir_connection_rollback(connection);
    if (connection->commit_on_close && connection->unreported.status == WEIR_OK && weir_connection_commit_now(connection, &error) != WEIR_OK)
        connection->unreported = error;
    weir_connection_end_results(connection, WEIR_NONE_SURVIVE);
    /* A database that lives in its one connection is not thrown away because that could not be tidied up. */
    bool keep = weir_connection_clean(connection) || connection->core->plan.in_memory;
    weir_pool_give_back(connection->slot, keep);
}

static int close_now(weir_connection *connection)
{
    weir_engine_core *core = connection->core;
    weir_error error;
    if (core && weir_engine_core_check_process(core, &error) != WEIR_OK) {
        weir_error_keep(&connection->unreported, &error);
        let_go_of_results(connection);
    } else if (connection->slot) {
        give_back(connection);
    }
    int status = connection->unreported.status;
    weir_free(connection);
    if (core)
        weir_engine_core_release(core);
    return status;
}

/* What the program was not told is logged. */
static void close_later(void *argument)
{
    weir_connection *connection = argument;
    weir_engine_core *core = connection->core;
    int64_t number = connection->slot->number;
    bool told = connection->unreported.status != WEIR_OK;
    weir_engine_core_hold(core);
    int status = close_now(connection);
    if (status != WEIR_OK && !told)
        weir_warn(&core->log, number, NULL, "closing a connection outside a task failed afterwards: %s", weir_status_name(status));
    weir_engine_core_release(core);
}

/* Whether something has to be waited for before it can go back to the pool. In a forked child the slot may be gone. */
static bool has_to_wait(const weir_connection *connection)
{
    weir_error ignored;
    if (weir_connection_usable(connection, &ignored) != WEIR_OK || !weir_connection_link(connection))
        return false;
    const weir_link *link = connection->slot->link;
    return link->transaction != WEIR_LINK_IDLE || connection->begin_queued || connection->held || connection->listening ||
           connection->slot->was_cancelled;
}

/* Outside a task: its results end at once, the rest is a task's. */
static bool hand_over(weir_connection *connection)
{
    weir_error ignored;
    if (!has_to_wait(connection) || weir_may_wait(&ignored) == WEIR_OK)
        return false;
    weir_connection_end_results(connection, WEIR_NONE_SURVIVE);
    connection->on_notification = NULL;
    return weir_defer(close_later, connection);
}

int weir_connection_close(weir_connection **handle)
{
    weir_connection *connection = handle ? *handle : NULL;
    if (!connection || connection == &closed)
        return WEIR_OK;
    *handle = constant(&closed);
    if (connection == &no_memory)
        return WEIR_OUT_OF_MEMORY;
    int status = connection->unreported.status;
    return hand_over(connection) ? status : close_now(connection);
}

int weir_connection_roll_back_and_close(weir_connection **handle)
{
    if (*handle && !is_constant(*handle))
        (*handle)->roll_back = true;
    return weir_connection_close(handle);
}

/* ---- being ready ----------------------------------------------------------------------------------------------------------------- */
int weir_connection_usable(const weir_connection *connection, weir_error *error)
{
    if (connection->core && connection->slot)
        return weir_engine_core_check_process(connection->core, error);
    *error = connection->unreported;
    return error->status;
}

int weir_connection_copy_check(const weir_connection *connection, weir_error *error)
{
    return connection->copy ? weir_error_set(error, WEIR_INVALID_REQUEST, "a COPY is open on this connection: finish or abort it first")
                            : WEIR_OK;
}

static int pending_rollback(const weir_connection *connection, weir_error *error)
{
    weir_error_set(error, WEIR_PENDING_ROLLBACK,
                   "Can't reconnect until invalid transaction is rolled back.  Please rollback() fully before proceeding");
    if (connection->abort_cause.status != WEIR_OK)
        weir_error_text(error->detail, sizeof error->detail, connection->abort_cause.message, strlen(connection->abort_cause.message));
    return WEIR_PENDING_ROLLBACK;
}

static int reconnect(weir_connection *connection, weir_error *error)
{
    int status = weir_pool_reconnect(connection->slot, connection->deadline ? connection->deadline : WEIR_NO_DEADLINE, error);
    if (status == WEIR_OK)
        weir_connection_attach(connection);
    return status;
}

/* A cancel that came while nothing ran is meant for the stream that was being read; without one it came too late for anything. */
static int look_at_cancel(weir_connection *connection, weir_error *error)
{
    weir_pool_settle_cancels(connection->slot);
    connection->cancel_missed = false;
    if (!connection->in_transaction)
        return WEIR_OK;
    connection->was_cancelled = true;
    if (!connection->results)
        return WEIR_OK;
    return weir_error_set(error, WEIR_CANCELLED, "cancelled by weir_connection_cancel");
}

static int begin_if_needed(weir_connection *connection, weir_error *error)
{
    weir_link *link = connection->slot->link;
    weir_isolation isolation = connection->options.isolation_level;
    char buffer[96];
    if (isolation == WEIR_AUTOCOMMIT) {
        if (!connection->begun_explicitly)
            return WEIR_OK;
        isolation = WEIR_ISOLATION_DEFAULT;
    }
    connection->in_transaction = true;
    if (link->transaction != WEIR_LINK_IDLE)
        return WEIR_OK;
    /* Again, if it was asked for before and nothing has taken it along yet: the driver keeps one. */
    const char *text = link->driver->begin_text(isolation, connection->options.read_only == WEIR_ON, buffer, sizeof buffer);
    int status = link->driver->begin(link, text);
    if (status != WEIR_OK)
        *error = link->error;
    connection->begin_queued = status == WEIR_OK;
    return status;
}

int weir_connection_may_begin(const weir_connection *connection, weir_error *error)
{
    int status = weir_may_wait(error);
    if (status == WEIR_OK && connection->deadline && weir_now() >= connection->deadline)
        status = weir_error_set(error, WEIR_DEADLINE_EXCEEDED, WEIR_DEADLINE_TEXT);
    return status;
}

int weir_connection_ready(weir_connection *connection, bool autobegin, weir_error *error)
{
    int status = weir_connection_usable(connection, error);
    if (status == WEIR_OK)
        status = weir_connection_copy_check(connection, error);
    if (status == WEIR_OK)
        status = weir_connection_may_begin(connection, error);
    if (status != WEIR_OK)
        return status;
    if (connection->needs_rollback)
        return pending_rollback(connection, error);
    if (!connection->slot->link && !autobegin)
        return weir_error_set(error, WEIR_RESOURCE_CLOSED, "The connection to the database was lost or invalidated; the next "
                              "statement uses a new one");
    if (!connection->slot->link && (status = reconnect(connection, error)) != WEIR_OK)
        return status;
    bool cancelled = connection->cancel_missed || atomic_load_explicit(&connection->slot->link->cancelled, memory_order_relaxed);
    if (cancelled && (status = look_at_cancel(connection, error)) != WEIR_OK)
        return status;
    weir_connection_note_idle(connection);
    return autobegin ? begin_if_needed(connection, error) : WEIR_OK;
}

/* ---- open results ------------------------------------------------------------------------------------------------------------------ */
static weir_open_result *opened(weir_result *result) { return (weir_open_result *)(void *)result; }

void weir_connection_add_result(weir_connection *connection, weir_result *result, bool hold)
{
    weir_open_result *open = opened(result);
    int depth = connection->savepoint_depth;
    *open = (weir_open_result){ .next = connection->results, .connection = connection, .hold = hold,
                                .savepoint = depth ? connection->savepoints[depth - 1] : 0,
                                .committed = hold && !connection->in_transaction };
    if (open->next)
        opened(open->next)->previous = result;
    connection->results = result;
}

void weir_connection_remove_result(weir_result *result)
{
    weir_open_result *open = opened(result);
    if (!open->connection)
        return;
    *(open->previous ? &opened(open->previous)->next : &open->connection->results) = open->next;
    if (open->next)
        opened(open->next)->previous = open->previous;
    open->connection = NULL;
    open->next = open->previous = NULL;
}

void weir_connection_end_results(weir_connection *connection, weir_survivors survivors)
{
    for (weir_result *result = connection->results, *next; result; result = next) {
        const weir_open_result *open = opened(result);
        next = open->next;
        if (open->committed ? survivors != WEIR_NONE_SURVIVE : open->hold && survivors == WEIR_HELD_SURVIVE)
            continue;
        connection->held = connection->held || open->committed;
        weir_result_end(result);
    }
}

/* ---- cursors of no result ----------------------------------------------------------------------------------------------------------- */
void weir_connection_keep_cursor(weir_connection *connection, weir_cursor *cursor)
{
    for (size_t i = 0; i < WEIR_MAX_CURSORS; i++)
        if (!connection->cursors[i]) {
            connection->cursors[i] = cursor;
            return;
        }
}

void weir_connection_forget_cursor(weir_connection *connection, weir_cursor *cursor)
{
    for (size_t i = 0; cursor && i < WEIR_MAX_CURSORS; i++)
        if (connection->cursors[i] == cursor) {
            connection->cursors[i] = NULL;
            cursor->link->driver->forget(cursor->link, cursor);
        }
}

/* ---- options and figures ------------------------------------------------------------------------------------------------------------ */
static int change_options(weir_connection *connection, const weir_execution_options *options, weir_error *error)
{
    weir_execution_options checked;
    int status = weir_connection_usable(connection, error);
    if (status == WEIR_OK)
        status = weir_options_check(options, true, &checked, error);
    if (status == WEIR_OK)
        status = weir_isolation_check(checked.isolation_level, connection->core->driver->dialect, error);
    if (status != WEIR_OK)
        return status;
    if (connection->in_transaction && (checked.isolation_level || checked.read_only))
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "This connection has already initialized a SQLAlchemy Transaction() object via begin() or autobegin; "
                              "%s may not be altered unless rollback() or commit() is called first.",
                              checked.isolation_level ? "isolation_level" : "read_only");
    weir_options_merge(&connection->options, &checked);
    return WEIR_OK;
}

int weir_connection_options(weir_connection *connection, const weir_execution_options *options)
{
    weir_error error;
    return weir_connection_report(connection, change_options(connection, options, &error), &error);
}

int weir_connection_deadline(weir_connection *connection, int64_t milliseconds)
{
    weir_error error;
    int status = weir_connection_usable(connection, &error);
    if (status == WEIR_OK)
        connection->deadline = milliseconds < 0 ? 0 : weir_deadline_ms(milliseconds);
    return weir_connection_report(connection, status, &error);
}

void weir_connection_get_options(const weir_connection *connection, weir_execution_options *out)
{
    *out = connection->options;
    out->struct_size = sizeof *out;
}

/* In a forked child slot and link are the parent's, and gone once the engine was abandoned. */
static const weir_slot *own_slot(const weir_connection *connection)
{
    weir_error ignored;
    return weir_connection_usable(connection, &ignored) == WEIR_OK ? connection->slot : NULL;
}

int64_t weir_connection_number(const weir_connection *connection)
{
    const weir_slot *slot = own_slot(connection);
    return slot ? slot->number : 0;
}

int weir_connection_backend_pid(const weir_connection *connection)
{
    const weir_slot *slot = own_slot(connection);
    return slot && slot->link ? slot->link->backend_pid : 0;
}

bool weir_connection_invalidated(const weir_connection *connection)
{
    const weir_slot *slot = own_slot(connection);
    return slot && !slot->link;
}
