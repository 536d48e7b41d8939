/* A session's transactions: begin, commit, rollback, savepoints, and what they do to its instances. */
#include "orm/inside.h"
#include "orm/unit.h"
#include "sql/statement.h"

bool weir_session_in_transaction(const weir_session *session)
{
    return session->store && (session->begun || session->broken || (session->connection && weir_connection_in_transaction(session->connection)));
}

int weir_session_savepoint(const weir_session *session)
{
    const weir_connection *connection = session->connection;
    return connection && connection->savepoint_depth ? connection->savepoints[connection->savepoint_depth - 1] : 0;
}

int weir_session_active(const weir_session *session, weir_error *error)
{
    if (weir_session_usable(session, error) != WEIR_OK)
        return error->status;
    if (session->block == WEIR_BLOCK_ENDED)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "Can't operate on closed transaction inside context manager.  Please complete the "
                              "context manager before emitting further commands.");
    if (session->broken)
        return weir_error_set(error, WEIR_PENDING_ROLLBACK, "This Session's transaction has been rolled back due to a previous exception during "
                              "flush. To begin a new transaction with this Session, first issue Session.rollback(). Original exception was: %s",
                              session->broken_by.message);
    return WEIR_OK;
}

int weir_session_autobegin(weir_session *session, weir_error *error)
{
    if (session->begun || session->autocommit == WEIR_ON)
        return WEIR_OK;
    if (session->autobegin == WEIR_OFF)
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "Autobegin is disabled on this Session; please call session.begin() to start a new transaction");
    session->begun = true;
    return WEIR_OK;
}

int weir_session_begin(weir_session *session)
{
    weir_error error;
    if (weir_session_active(session, &error) == WEIR_OK && weir_session_in_transaction(session))
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
    weir_instance_let_go(instance);
}

/* The end of the whole transaction, in the instances. */
static void end_in_instances(weir_session *session, bool committed)
{
    if (committed)
        weir_unit_commit(session);
    else
        weir_unit_undo(session, 0);
    if (committed && session->expire_on_commit != WEIR_OFF)
        weir_store_each(session->store, expire, NULL);
    weir_store_look(session->store, false);
    if (session->block == WEIR_BLOCK_OPEN)
        session->block = WEIR_BLOCK_ENDED;
}

int weir_session_commit(weir_session *session)
{
    weir_error error;
    if (weir_session_active(session, &error) != WEIR_OK || weir_session_write(session, &error) != WEIR_OK)
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
    bool committed = error.status == WEIR_OK;
    give_connection_back(session, &error);
    if (had_connection)
        end_in_instances(session, committed);
    return weir_session_report(session, &error);
}

int weir_session_rollback(weir_session *session)
{
    weir_error error;
    if (weir_session_usable(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    if (!weir_session_in_transaction(session) && !session->connection && !session->unit.count)
        return WEIR_OK;
    if (session->connection && weir_connection_rollback(session->connection) != WEIR_OK)
        error = *weir_connection_error(session->connection);
    if (error.status == WEIR_WOULD_BLOCK)
        return weir_session_report(session, &error);
    give_connection_back(session, &error);
    weir_error_clear(&session->unreported);
    session->broken = false;
    end_in_instances(session, false);
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
    if (!weir_session_ready(session, &error) || weir_session_write(session, &error) != WEIR_OK)
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
    if (weir_session_active(session, &error) != WEIR_OK || weir_session_write(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    return end_nested(session, weir_connection_savepoint_release(session->connection, nested), &error);
}

int weir_session_rollback_nested(weir_session *session, int nested)
{
    weir_error error = { 0 };
    if (!session->connection)
        return no_savepoint(session, &error, nested);
    /* The flush that failed took the savepoint with it: the connection was lost. */
    if (session->broken && session->broken_in < nested && weir_session_active(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    int status = weir_connection_savepoint_rollback(session->connection, nested);
    if (status == WEIR_OK) {
        session->broken = session->broken && session->broken_in < nested;
        weir_unit_undo(session, nested);
        weir_store_look(session->store, false);
    }
    return end_nested(session, status, &error);
}
