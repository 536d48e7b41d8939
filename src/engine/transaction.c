/* Transactions and savepoints of a connection. */
#include "engine/connection.h"
#include <stdio.h>
#include <string.h>
#include "engine/copy.h"

/* ---- begin, commit, rollback ------------------------------------------------------------------------------------------------------- */
static int begin(weir_connection *connection, weir_error *error)
{
    int status = weir_connection_usable(connection, error);
    if (status != WEIR_OK)
        return status;
    if (connection->in_transaction)
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "This connection has already initialized a SQLAlchemy Transaction() object via begin() or autobegin; "
                              "can't call begin() here unless rollback() or commit() is called first.");
    connection->in_transaction = connection->begun_explicitly = true;
    return WEIR_OK;
}

int weir_connection_begin(weir_connection *connection)
{
    weir_error error;
    return weir_connection_report(connection, begin(connection, &error), &error);
}

/* Nothing ran in the transaction; at most its BEGIN waits in the driver, and goes away together with this ROLLBACK. */
static void end_unsent(weir_connection *connection)
{
    weir_error ignored;
    if (connection->begin_queued && weir_connection_link(connection))
        (void)weir_connection_command(connection, "ROLLBACK", &ignored);
    connection->begin_queued = false;
    weir_connection_end_transaction(connection);
}

/* Whether ending the transaction says something to the server. */
static bool has_to_talk(const weir_connection *connection)
{
    const weir_link *link = weir_connection_link(connection);
    return link && (link->transaction != WEIR_LINK_IDLE || connection->begin_queued);
}

/* The database would answer ROLLBACK to a COMMIT, which is no success. */
static int refuse_commit(weir_connection *connection, weir_error *error)
{
    weir_error cause = connection->abort_cause;
    weir_connection_end_results(connection, WEIR_COMMITTED_SURVIVE);
    int status = weir_connection_command(connection, "ROLLBACK", error);
    if (status != WEIR_OK)
        return status;
    weir_error_set(error, WEIR_INTERNAL, "the transaction was aborted by an error: it has been rolled back instead of committed");
    snprintf(error->sqlstate, sizeof error->sqlstate, "25P02");
    weir_connection_name_cause(error, &cause);
    return WEIR_INTERNAL;
}

static int commit_on_link(weir_connection *connection, weir_error *error)
{
    int status = weir_connection_command(connection, "COMMIT", error);
    /* A COMMIT that fails has ended the transaction, too, and this error says so; unless it was the connection that failed. */
    if (status != WEIR_OK && weir_connection_link(connection) && connection->server == WEIR_LINK_IDLE)
        weir_connection_end_transaction(connection);
    return status;
}

int weir_connection_commit_now(weir_connection *connection, weir_error *error)
{
    int status = weir_connection_usable(connection, error);
    if (status == WEIR_OK)
        status = weir_connection_copy_check(connection, error);
    if (status != WEIR_OK || !connection->in_transaction)
        return status;
    if (connection->needs_rollback)
        return weir_connection_ready(connection, false, error);
    if (has_to_talk(connection) && (status = weir_connection_may_begin(connection, error)) != WEIR_OK)
        return status;
    weir_link *link = weir_connection_link(connection);
    if (link && link->transaction == WEIR_LINK_FAILED)
        return refuse_commit(connection, error);
    weir_connection_end_results(connection, WEIR_HELD_SURVIVE);
    if (link && link->transaction != WEIR_LINK_IDLE)
        return commit_on_link(connection, error);
    end_unsent(connection);
    return WEIR_OK;
}

int weir_connection_commit(weir_connection *connection)
{
    weir_error error;
    return weir_connection_report(connection, weir_connection_commit_now(connection, &error), &error);
}

static int rollback(weir_connection *connection, weir_error *error)
{
    int status = weir_connection_usable(connection, error);
    if (status == WEIR_OK && connection->in_transaction && has_to_talk(connection))
        status = weir_may_wait(error);
    if (status != WEIR_OK || !connection->in_transaction)
        return status;
    if (connection->copy)
        weir_copy_cut_off(connection->copy, WEIR_INVALID_REQUEST, "the transaction of this COPY was rolled back");
    weir_connection_end_results(connection, WEIR_COMMITTED_SURVIVE);
    /* The user knows of what failed in it. */
    weir_error_clear(&connection->unreported);
    weir_link *link = weir_connection_link(connection);
    if (!link || link->transaction == WEIR_LINK_IDLE) {
        end_unsent(connection);
        return WEIR_OK;
    }
    status = weir_connection_command(connection, "ROLLBACK", error);
    link = weir_connection_link(connection);
    if (!link || link->transaction == WEIR_LINK_IDLE)
        weir_connection_end_transaction(connection);
    return status;
}

int weir_connection_rollback(weir_connection *connection)
{
    weir_error error;
    return weir_connection_report(connection, rollback(connection, &error), &error);
}

bool weir_connection_in_transaction(const weir_connection *connection) { return connection->in_transaction; }

/* ---- savepoints ------------------------------------------------------------------------------------------------------------------------ */
static int savepoint_command(weir_connection *connection, const char *verb, int number, weir_error *error)
{
    char sql[64];
    snprintf(sql, sizeof sql, "%s weir_sp_%d", verb, number);
    int status = weir_connection_command(connection, sql, error);
    if (status != WEIR_OK)
        weir_connection_failed(connection, error);
    return status;
}

static int open_savepoint(weir_connection *connection, weir_error *error)
{
    int status = weir_connection_usable(connection, error);
    if (status != WEIR_OK)
        return status;
    if (connection->savepoint_depth == WEIR_MAX_SAVEPOINTS)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "%d savepoints are open already; there can be no more", WEIR_MAX_SAVEPOINTS);
    /* A savepoint needs a real transaction, under AUTOCOMMIT too. */
    if (!connection->in_transaction)
        connection->begun_explicitly = true;
    status = weir_connection_ready(connection, true, error);
    if (status != WEIR_OK) {
        connection->begun_explicitly = connection->begun_explicitly && connection->in_transaction;
        return status;
    }
    int number = ++connection->last_savepoint;
    status = savepoint_command(connection, "SAVEPOINT", number, error);
    if (status == WEIR_OK)
        connection->savepoints[connection->savepoint_depth++] = number;
    return status;
}

int weir_connection_savepoint(weir_connection *connection)
{
    weir_error error;
    int status = weir_connection_report(connection, open_savepoint(connection, &error), &error);
    return status == WEIR_OK ? connection->last_savepoint : status;
}

/* *index is the savepoint's place among the open ones. */
static int find_savepoint(weir_connection *connection, int savepoint, int *index, weir_error *error)
{
    int status = weir_connection_usable(connection, error);
    if (status == WEIR_OK)
        status = weir_connection_copy_check(connection, error);
    if (status == WEIR_OK && connection->needs_rollback)
        status = weir_connection_ready(connection, false, error);
    if (status != WEIR_OK)
        return status;
    for (*index = connection->savepoint_depth - 1; *index >= 0; --*index)
        if (connection->savepoints[*index] == savepoint)
            return weir_may_wait(error);
    return weir_error_set(error, WEIR_INVALID_REQUEST, "there is no open savepoint %d", savepoint);
}

/* Results of the savepoint and of those inside it: numbers only grow, so theirs are not below its own. */
static void leave_savepoint(weir_connection *connection, int index, bool end_results)
{
    int number = connection->savepoints[index], outer = index > 0 ? connection->savepoints[index - 1] : 0;
    for (weir_result *result = connection->results, *next; result; result = next) {
        weir_open_result *open = (weir_open_result *)(void *)result;
        next = open->next;
        if (open->savepoint < number || open->committed)
            continue;
        if (end_results)
            weir_result_end(result);
        else
            open->savepoint = outer;
    }
}

static int release(weir_connection *connection, int savepoint, weir_error *error)
{
    int index, status = find_savepoint(connection, savepoint, &index, error);
    if (status == WEIR_OK)
        status = weir_connection_may_begin(connection, error);
    if (status == WEIR_OK)
        status = savepoint_command(connection, "RELEASE SAVEPOINT", savepoint, error);
    if (status != WEIR_OK)
        return status;
    leave_savepoint(connection, index, false);
    connection->savepoint_depth = index;
    return WEIR_OK;
}

int weir_connection_savepoint_release(weir_connection *connection, int savepoint)
{
    weir_error error;
    return weir_connection_report(connection, release(connection, savepoint, &error), &error);
}

static int rollback_to(weir_connection *connection, int savepoint, weir_error *error)
{
    int index, status = find_savepoint(connection, savepoint, &index, error);
    if (status != WEIR_OK)
        return status;
    leave_savepoint(connection, index, true);
    status = savepoint_command(connection, "ROLLBACK TO SAVEPOINT", savepoint, error);
    if (status != WEIR_OK)
        return status;
    /* What failed inside of it is undone. */
    if (connection->unreported_depth > index)
        weir_error_clear(&connection->unreported);
    /* The savepoint itself is still there; one that stayed in each round of a long loop would pile up at the server. */
    status = savepoint_command(connection, "RELEASE SAVEPOINT", savepoint, error);
    connection->savepoint_depth = status == WEIR_OK ? index : connection->savepoint_depth;
    return status;
}

int weir_connection_savepoint_rollback(weir_connection *connection, int savepoint)
{
    weir_error error;
    return weir_connection_report(connection, rollback_to(connection, savepoint, &error), &error);
}
