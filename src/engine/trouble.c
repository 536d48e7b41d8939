/* Connections in trouble or asked for more than statements: cancel, detach, invalidate, notifications. */
#include "engine/connection.h"
#include <string.h>

static void release_core(void *core) { weir_engine_core_release(core); }

/* From any thread: touches nothing that the connection's own thread writes. A request that hangs may outlast the connection. */
int weir_connection_cancel(weir_connection *connection)
{
    weir_error error;
    weir_engine_core *core = connection->core;
    int status = weir_connection_usable(connection, &error);
    if (status != WEIR_OK)
        return status;
    weir_engine_core_hold(core);
    if (weir_may_wait(&error) != WEIR_OK)
        return weir_pool_cancel_later(connection->slot, release_core, core);
    status = weir_pool_cancel(connection->slot);
    weir_engine_core_release(core);
    return status;
}

int weir_connection_detach(weir_connection *connection)
{
    weir_error error;
    int status = weir_connection_usable(connection, &error);
    if (status == WEIR_OK)
        weir_pool_detach(connection->slot);
    return weir_connection_report(connection, status, &error);
}

int weir_connection_invalidate(weir_connection *connection)
{
    weir_error error;
    int status = weir_connection_usable(connection, &error);
    if (status == WEIR_OK && connection->slot->link)
        weir_connection_drop_link(connection, WEIR_INVALIDATE_HARD);
    return weir_connection_report(connection, status, &error);
}

/* ---- notifications --------------------------------------------------------------------------------------------------------------- */
static int set_notification(weir_connection *connection, weir_notification_fn fn, void *context, weir_error *error)
{
    int status = weir_connection_usable(connection, error);
    if (status != WEIR_OK)
        return status;
    if (strcmp(connection->core->driver->name, "postgresql") != 0)
        return weir_error_set(error, WEIR_NOT_SUPPORTED, "%s has no notifications", connection->core->driver->name);
    connection->on_notification = fn;
    connection->notification_context = context;
    connection->listening = connection->listening || fn;
    return WEIR_OK;
}

int weir_connection_on_notification(weir_connection *connection, weir_notification_fn fn, void *context)
{
    weir_error error;
    return weir_connection_report(connection, set_notification(connection, fn, context, &error), &error);
}

static int poll_link(weir_connection *connection, int timeout_ms, weir_error *error)
{
    int status = weir_connection_ready(connection, false, error);
    if (status != WEIR_OK)
        return status;
    weir_link *link = connection->slot->link;
    return weir_connection_drive(connection, link->driver->listen(link, weir_deadline_ms(timeout_ms)), WEIR_CALL(.reads = true), error);
}

int weir_connection_poll(weir_connection *connection, int timeout_ms)
{
    weir_error error;
    return weir_connection_report(connection, poll_link(connection, timeout_ms, &error), &error);
}
