/* A session's transactions: begin, commit, rollback, savepoints, and what they do to its instances. */
#include "orm/inside.h"

bool weir_session_in_transaction(const weir_session *session)
{
    return session->store && (session->begun || (session->connection && weir_connection_in_transaction(session->connection)));
}

int weir_session_savepoint(const weir_session *session)
{
    const weir_connection *connection = session->connection;
    return connection && connection->savepoint_depth ? connection->savepoints[connection->savepoint_depth - 1] : 0;
}

int weir_session_begin(weir_session *session)
{
    weir_error error;
    if (weir_session_usable(session, &error) == WEIR_OK && weir_session_in_transaction(session))
        weir_error_set(&error, WEIR_INVALID_REQUEST, "A transaction is already begun on this Session.");
    if (error.status == WEIR_OK)
        session->begun = true;
    return weir_session_report(session, &error);
}

static void give_connection_back(weir_session *session, weir_error *error)
{
    session->begun = false;
    if (!session->connection)
        return;
    int status = weir_connection_close(&session->connection);
    session->connection = NULL;
    if (status != WEIR_OK && error->status == WEIR_OK)
        weir_error_set(error, status, "the connection could not be given back cleanly");
}

static void expire(weir_instance *instance, void *context)
{
    (void)context;
    if (weir_instance_state(instance) == WEIR_PERSISTENT)
        weir_instance_expire(instance);
    /* The session may have held it for its changes alone. */
    weir_instance_let_go(instance);
}

static void expire_all(weir_session *session)
{
    weir_store_each(session->store, expire, session->store);
    weir_store_look(session->store, false);
}

int weir_session_commit(weir_session *session)
{
    weir_error error;
    if (weir_session_usable(session, &error) != WEIR_OK || weir_session_write(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    if (!weir_session_in_transaction(session) && !session->connection)
        return WEIR_OK;
    bool had_connection = session->connection != NULL;
    if (had_connection && weir_connection_commit(session->connection) != WEIR_OK) {
        error = *weir_connection_error(session->connection);
        if (error.status == WEIR_WOULD_BLOCK)
            return weir_session_report(session, &error);
        weir_connection_rollback(session->connection);
    }
    give_connection_back(session, &error);
    if (had_connection && (session->expire_on_commit != WEIR_OFF || error.status != WEIR_OK))
        expire_all(session);
    return weir_session_report(session, &error);
}

int weir_session_rollback(weir_session *session)
{
    weir_error error;
    if (weir_session_usable(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    if (!weir_session_in_transaction(session) && !session->connection)
        return WEIR_OK;
    if (session->connection && weir_connection_rollback(session->connection) != WEIR_OK)
        error = *weir_connection_error(session->connection);
    if (error.status == WEIR_WOULD_BLOCK)
        return weir_session_report(session, &error);
    give_connection_back(session, &error);
    weir_error_clear(&session->unreported);
    expire_all(session);
    return weir_session_report(session, &error);
}

/* ---- savepoints ------------------------------------------------------------------------------------------------------------------ */

static int end_nested(weir_session *session, int status, weir_error *error)
{
    if (status < 0)
        *error = *weir_connection_error(session->connection);
    weir_session_report(session, error);
    return status;
}

int weir_session_begin_nested(weir_session *session)
{
    weir_error error;
    if (!weir_session_ready(session, &error) || weir_session_autoflush(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    return end_nested(session, weir_connection_savepoint(session->connection), &error);
}

static int no_savepoint(weir_session *session, weir_error *error, int nested)
{
    if (weir_session_usable(session, error) == WEIR_OK)
        weir_error_set(error, WEIR_INVALID_REQUEST, "there is no savepoint %d in this Session", nested);
    return weir_session_report(session, error);
}

int weir_session_release_nested(weir_session *session, int nested)
{
    weir_error error = { 0 };
    if (!session->connection)
        return no_savepoint(session, &error, nested);
    return end_nested(session, weir_connection_savepoint_release(session->connection, nested), &error);
}

static void expire_changed_inside(weir_instance *instance, void *context)
{
    const int *nested = context;
    if (!(instance->flags & WEIR_INSTANCE_MODIFIED) || (int)(instance->flags >> WEIR_INSTANCE_CHANGED_IN) < *nested ||
        weir_instance_state(instance) != WEIR_PERSISTENT)
        return;
    weir_instance_expire(instance);
    weir_instance_let_go(instance);
}

int weir_session_rollback_nested(weir_session *session, int nested)
{
    weir_error error = { 0 };
    if (!session->connection)
        return no_savepoint(session, &error, nested);
    int status = weir_connection_savepoint_rollback(session->connection, nested);
    if (status == WEIR_OK) {
        weir_store_each(session->store, expire_changed_inside, &nested);
        weir_store_look(session->store, false);
    }
    return end_nested(session, status, &error);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------ */

int weir_session_autoflush(weir_session *session, weir_error *error)
{
    (void)session;
    weir_error_clear(error);
    return WEIR_OK;
}

int weir_session_write(weir_session *session, weir_error *error)
{
    if (!session->store->dirty)
        return WEIR_OK;
    return weir_error_set(error, WEIR_NOT_SUPPORTED, "%zu changed instances would have to be written, which this version cannot do: expire or "
                          "expunge them, or roll back", session->store->dirty);
}
