/* Several connections that see the same data. PostgreSQL: the first exports its snapshot, the others begin with it. SQLite has no such
 * thing in its usual builds: all begin to read while one connection holds the right to write, so that nothing changes in between. */
#include <stdio.h>
#include <string.h>
#include "transfer/parallel.h"

static int failed(weir_connection *connection, const char *what, weir_error *error)
{
    *error = *weir_connection_error(connection);
    if (error->status == WEIR_OK)
        weir_error_set(error, WEIR_INTERNAL, "no error is known");
    weir_error_context(error, "%s", what);
    return error->status;
}

/* Under the mutex, so that a cancel finds a handle that is whole. */
static int connect_to(weir_engine *engine, weir_connection **place, bool postgresql, pthread_mutex_t *mutex, weir_error *error)
{
    weir_connection *connection = weir_engine_connect(engine);
    pthread_mutex_lock(mutex);
    *place = connection;
    pthread_mutex_unlock(mutex);
    if (weir_connection_error(connection)->status != WEIR_OK)
        return failed(connection, "cannot connect", error);
    weir_execution_options options = {
        .struct_size = sizeof options,
        .isolation_level = postgresql ? WEIR_REPEATABLE_READ : WEIR_ISOLATION_DEFAULT,
        .read_only = WEIR_ON,
    };
    return weir_connection_options(connection, &options) == WEIR_OK ? WEIR_OK : failed(connection, "cannot begin to read", error);
}

/* ---- PostgreSQL -------------------------------------------------------------------------------------------------------------------- */
static int export_snapshot(weir_connection *connection, char name[64], weir_error *error)
{
    weir_stmt *stmt = weir_sql("SELECT pg_catalog.pg_export_snapshot()");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_value *value = weir_result_scalar(result);
    weir_text text = { "", 0 };
    if (value)
        weir_value_as_text(value, &text, NULL);
    /* It goes into SQL text as it is: digits and dashes, or nothing at all. */
    bool plain = text.len > 0 && text.len < 64 && strspn(text.ptr, "0123456789ABCDEFabcdef-") >= text.len;
    snprintf(name, 64, "%.*s", plain ? (int)text.len : 0, text.ptr);
    *error = *weir_result_error(result);
    if (weir_result_close(&result) == WEIR_OK && !plain)
        weir_error_set(error, WEIR_NOT_SUPPORTED, "the server gave its snapshot no name that can be used");
    weir_stmt_free(&stmt);
    if (error->status != WEIR_OK)
        weir_error_context(error, "cannot export a snapshot for the other connections");
    return error->status;
}

/* A snapshot that is not known any more went with the connection that exported it: that is the error then. */
static int join_snapshot(weir_connection *first, weir_connection *connection, const char *name, weir_error *error)
{
    static const char what[] = "cannot read by the snapshot of the first connection";
    char sql[128];
    snprintf(sql, sizeof sql, "SET TRANSACTION SNAPSHOT '%s'", name);
    if (weir_connection_run(connection, sql) >= 0)
        return WEIR_OK;
    failed(connection, what, error);
    return !error->disconnect && weir_connection_run(first, "SELECT 1") < 0 ? failed(first, what, error) : error->status;
}

static int look_at_stop(const atomic_bool *stop, weir_error *error)
{
    return atomic_load(stop) ? weir_error_set(error, WEIR_CANCELLED, "cancelled while the connections were made") : WEIR_OK;
}

static int take_postgresql(weir_engine *engine, weir_connection **connections, size_t count, pthread_mutex_t *mutex, const atomic_bool *stop,
                           char name[64], weir_error *error)
{
    int status = connect_to(engine, &connections[0], true, mutex, error);
    if (status == WEIR_OK && count > 1)
        status = export_snapshot(connections[0], name, error);
    for (size_t i = 1; i < count && status == WEIR_OK; i++) {
        status = look_at_stop(stop, error);
        if (status == WEIR_OK)
            status = connect_to(engine, &connections[i], true, mutex, error);
        if (status == WEIR_OK)
            status = join_snapshot(connections[0], connections[i], name, error);
    }
    return status;
}

/* ---- SQLite ------------------------------------------------------------------------------------------------------------------------ */
static int keep_writers_out(weir_engine *engine, weir_connection **guard, weir_error *error)
{
    *guard = weir_engine_connect(engine);
    weir_execution_options options = { .struct_size = sizeof options, .isolation_level = WEIR_AUTOCOMMIT };
    if (weir_connection_error(*guard)->status != WEIR_OK || weir_connection_options(*guard, &options) != WEIR_OK ||
        weir_connection_run(*guard, "BEGIN IMMEDIATE") < 0) {
        failed(*guard, "cannot keep writers out while the jobs begin to read", error);
        if (strstr(error->message, "readonly") || strstr(error->message, "read-only"))
            weir_error_text(error->hint, sizeof error->hint, "read it by one job, or open it so that it may be written", 50);
        return error->status;
    }
    return WEIR_OK;
}

static int begin_to_read(weir_connection *connection, weir_error *error)
{
    weir_stmt *stmt = weir_sql("SELECT count(*) FROM sqlite_master");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_result_scalar(result);
    *error = *weir_result_error(result);
    weir_stmt_free(&stmt);
    return weir_result_close(&result);
}

static int take_sqlite(weir_engine *engine, weir_connection **connections, size_t count, pthread_mutex_t *mutex, const atomic_bool *stop,
                       weir_error *error)
{
    weir_connection *guard = NULL;
    int status = count > 1 ? keep_writers_out(engine, &guard, error) : WEIR_OK;
    for (size_t i = 0; i < count && status == WEIR_OK; i++) {
        status = look_at_stop(stop, error);
        if (status == WEIR_OK)
            status = connect_to(engine, &connections[i], false, mutex, error);
        if (status == WEIR_OK)
            status = begin_to_read(connections[i], error);
    }
    if (guard && weir_connection_run(guard, "ROLLBACK") < 0 && status == WEIR_OK)
        status = failed(guard, "cannot let writers in again", error);
    weir_error closing = { 0 };
    if (weir_give_back(&guard, &closing) != WEIR_OK && status == WEIR_OK)
        status = weir_error_keep(error, &closing);
    return status;
}

int weir_snapshot_take(weir_engine *engine, weir_connection **connections, size_t count, pthread_mutex_t *mutex, const atomic_bool *stop,
                       char name[64], weir_error *error)
{
    name[0] = 0;
    if (strcmp(weir_engine_dialect(engine), "postgresql") == 0)
        return take_postgresql(engine, connections, count, mutex, stop, name, error);
    return take_sqlite(engine, connections, count, mutex, stop, error);
}

int weir_give_back(weir_connection **connection, weir_error *error)
{
    if (!*connection)
        return error->status;
    weir_error why = *weir_connection_error(*connection);
    if (weir_connection_close(connection) == WEIR_OK)
        return error->status;
    if (why.status == WEIR_OK)
        weir_error_set(&why, WEIR_OPERATIONAL, "a connection could not be given back");
    return weir_error_keep(error, &why);
}
