/* Sessions: opening, closing, the connection of a transaction, and executing. */
#include "orm/inside.h"
#include "orm/bulk_sync.h"
#include "orm/unit.h"
#include "sql/statement.h"
#include <stdlib.h>
#include <string.h>

static const weir_session constant_closed = { .error = { .status = WEIR_RESOURCE_CLOSED, .message = "This Session is closed" } };
static const weir_session constant_no_memory = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory" } };

/* Constants are handed out as handles; nothing writes to them. */
static weir_session *as_handle(const weir_session *constant) { return (weir_session *)(uintptr_t)constant; }
static bool is_constant(const weir_session *session) { return session == &constant_closed || session == &constant_no_memory; }

/* ---- opening -------------------------------------------------------------------------------------------------------------------- */

static weir_store *make_store(weir_engine_core *core)
{
    weir_store *store = weir_alloc_zero(&core->ledger, WEIR_MEMORY_HANDLES, sizeof *store);
    if (!store)
        return NULL;
    weir_ledger_init(&store->ledger, &core->ledger);
    weir_ledger_init(&store->own, &store->ledger);
    weir_arena_init(&store->arena, &store->ledger, WEIR_MEMORY_HANDLES, 2048);
    weir_engine_core_hold(core);
    store->core = core;
    const char *debug = getenv("WEIR_DEBUG");   /* NOLINT(concurrency-mt-unsafe): as in spill.c */
    store->poison = debug && strstr(debug, "lifetimes");
    store->seen.on = debug && strstr(debug, "changes");
    return store;
}

/* An engine of the session's own, so that its connections have the session's options. */
static weir_engine *make_engine(weir_engine *engine, const weir_session_options *options)
{
    weir_engine *made = weir_engine_with_options(engine, options->execution_options);
    if (options->autocommit != WEIR_ON || weir_engine_error(made)->status != WEIR_OK)
        return made;
    weir_engine *committing = weir_engine_with_options(made, WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_AUTOCOMMIT));
    weir_engine_close(&made);
    return committing;
}

static int read_options(const weir_session_options *given, weir_session_options *out, weir_error *error)
{
    *out = (weir_session_options){ .struct_size = sizeof *out };
    if (!given)
        return WEIR_OK;
    if (given->struct_size == 0 || given->struct_size > sizeof *out)
        return weir_error_set(error, WEIR_ARGUMENT, "session options have struct_size %zu: make them with WEIR_SESSION_OPTIONS", given->struct_size);
    memcpy(out, given, given->struct_size);
    return WEIR_OK;
}

weir_session *weir_session_open_at_(weir_engine *engine, const weir_session_options *given, const char *where)
{
    weir_session *session = weir_alloc_zero(engine->core ? &engine->core->ledger : NULL, WEIR_MEMORY_HANDLES, sizeof *session);
    if (!session)
        return as_handle(&constant_no_memory);
    weir_session_options options;
    if (read_options(given, &options, &session->error) != WEIR_OK)
        return session;
    session->where = where;
    session->autoflush = options.autoflush;
    session->expire_on_commit = options.expire_on_commit;
    session->autobegin = options.autobegin;
    session->autocommit = options.autocommit;
    session->engine = make_engine(engine, &options);
    if (weir_engine_error(session->engine)->status != WEIR_OK || !session->engine->core) {
        weir_error_keep(&session->error, weir_engine_error(session->engine));
        return session;
    }
    session->store = make_store(session->engine->core);
    if (!session->store)
        weir_error_out_of_memory(&session->error);
    else
        session->store->session = session;
    return session;
}

/* ---- factories -------------------------------------------------------------------------------------------------------------------- */

struct weir_session_factory {
    weir_engine           *engine;
    weir_session_options   options;
    weir_execution_options execution_options;
    weir_error             error;
};

weir_session_factory *weir_session_factory_new(weir_engine *engine, const weir_session_options *given)
{
    weir_session_factory *factory = weir_alloc_zero(engine->core ? &engine->core->ledger : NULL, WEIR_MEMORY_HANDLES, sizeof *factory);
    if (!factory)
        return NULL;
    factory->engine = engine;
    if (read_options(given, &factory->options, &factory->error) != WEIR_OK || !factory->options.execution_options)
        return factory;
    if (weir_options_check(factory->options.execution_options, true, &factory->execution_options, &factory->error) == WEIR_OK)
        factory->execution_options.struct_size = sizeof factory->execution_options;
    factory->options.execution_options = &factory->execution_options;
    return factory;
}

weir_session *weir_session_factory_open_at_(const weir_session_factory *factory, const char *where)
{
    if (!factory)
        return as_handle(&constant_no_memory);
    if (factory->error.status == WEIR_OK)
        return weir_session_open_at_(factory->engine, &factory->options, where);
    weir_session *session = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *session);
    if (!session)
        return as_handle(&constant_no_memory);
    session->error = factory->error;
    return session;
}

void weir_session_factory_free(weir_session_factory **factory)
{
    if (!factory)
        return;
    weir_free(*factory);
    *factory = NULL;
}

/* ---- closing ------------------------------------------------------------------------------------------------------------------------ */

static void detach(weir_instance *instance, void *context)
{
    (void)context;
    weir_instance_detach(instance);
    weir_instance_let_go(instance);
}

void weir_session_forget_instances(weir_session *session)
{
    session->store->generation++;
    weir_store_each(session->store, detach, NULL);
}

int weir_session_close(weir_session **handle)
{
    if (!handle || !*handle)
        return WEIR_OK;
    weir_session *session = *handle;
    *handle = as_handle(&constant_closed);
    if (is_constant(session))
        return session == &constant_no_memory ? WEIR_OUT_OF_MEMORY : WEIR_OK;
    int status = session->unreported.status;
    weir_store *store = session->store;
    if (!store)
        status = session->error.status;
    if (session->connection) {
        int closing = weir_connection_roll_back_and_close(&session->connection);
        status = status != WEIR_OK ? status : closing;
    }
    for (weir_reading *reading = session->readings; reading; reading = reading->next)
        if (reading->streaming)         /* of a buffered one all instances are there: detached, they can be read on */
            weir_result_hard_close(reading->result);
    if (store) {
        weir_session_forget_instances(session);
        store->session = NULL;
        weir_store_look(store, true);
    }
    /* The session's memory is counted in a core that its engine may be the last to hold. */
    weir_engine_core *core = session->engine ? session->engine->core : NULL;
    if (core)
        weir_engine_core_hold(core);
    if (session->engine)
        weir_engine_close(&session->engine);
    weir_free(session);
    if (core)
        weir_engine_core_release(core);
    return status;
}

/* ---- errors --------------------------------------------------------------------------------------------------------------------------- */

const weir_error *weir_session_error(const weir_session *session) { return &session->error; }

const char *weir_session_dialect(const weir_session *session) { return session->engine ? weir_engine_dialect(session->engine) : ""; }

int weir_session_report(weir_session *session, const weir_error *error)
{
    if (!is_constant(session) && session->store && error->status != WEIR_OK)
        session->error = *error;
    return error->status;
}

int weir_session_usable(const weir_session *session, weir_error *error)
{
    if (!session->store)
        *error = session->error;
    else
        weir_error_clear(error);
    return error->status;
}

/* ---- the connection --------------------------------------------------------------------------------------------------------------------- */

static int check_out(weir_session *session, weir_error *error)
{
    if (session->autobegin == WEIR_OFF && !session->begun)
        return weir_error_set(error, WEIR_INVALID_REQUEST,
                              "Autobegin is disabled on this Session; please call session.begin() to start a new transaction");
    session->connection = weir_engine_connect_by(session->engine, session->where, session->deadline);
    *error = *weir_connection_error(session->connection);
    if (error->status == WEIR_OK)
        return WEIR_OK;
    int told = weir_connection_close(&session->connection);
    (void)told;
    session->connection = NULL;
    return error->status;
}

weir_connection *weir_session_ready(weir_session *session, weir_error *error)
{
    if (weir_session_active(session, error) != WEIR_OK)
        return NULL;
    if (!session->connection && check_out(session, error) != WEIR_OK)
        return NULL;
    if (session->begun && !weir_connection_in_transaction(session->connection) &&
        weir_connection_begin(session->connection) != WEIR_OK) {
        *error = *weir_connection_error(session->connection);
        return NULL;
    }
    return session->connection;
}

weir_connection *weir_session_connection(weir_session *session)
{
    weir_error error;
    weir_connection *connection = weir_session_ready(session, &error);
    if (!connection)
        weir_session_report(session, &error);
    return connection ? connection : weir_connection_closed();
}

int weir_session_deadline(weir_session *session, int64_t milliseconds)
{
    weir_error error;
    if (weir_session_usable(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    session->deadline = milliseconds < 0 ? 0 : weir_deadline_ms(milliseconds);
    if (session->connection)
        session->connection->deadline = session->deadline;
    return WEIR_OK;
}

/* ---- executing ---------------------------------------------------------------------------------------------------------------------------- */

static int read_early_options(weir_session *session, const weir_stmt *stmt, const weir_execution_options *call,
                              weir_execution_options *out, weir_error *error)
{
    weir_execution_options checked;
    int status = weir_options_check(call, false, &checked, error);
    if (status != WEIR_OK)
        return status;
    weir_stmt_get_options(stmt, out);
    weir_options_merge(out, &session->engine->options);
    weir_options_merge(out, &checked);
    weir_options_effective(out);
    return WEIR_OK;
}

/* What can be told from the statement alone is told before a connection is taken. */
static int check_early(weir_session *session, const weir_stmt *stmt, const weir_execution_options *call, weir_error *error)
{
    if (session->connection || !stmt->tree)
        return WEIR_OK;
    weir_execution_options options;
    int status = read_early_options(session, stmt, call, &options, error);
    if (status != WEIR_OK || options.yield_per == 0)
        return status;
    weir_arena arena;
    weir_compiled compiled;
    weir_arena_init(&arena, &session->store->ledger, WEIR_MEMORY_HANDLES, 2048);
    status = weir_stmt_compile(stmt, session->engine->core->driver->dialect, &arena, &compiled, error);
    if (status == WEIR_OK && compiled.shape)
        status = weir_reading_check_shape(compiled.shape, error);
    weir_arena_free(&arena);
    return status;
}

/* A stream that is refused names what streams here. */
static void name_stream(weir_session *session, const weir_stmt *stmt, const weir_execution_options *call, weir_error *error)
{
    weir_error ignored;
    weir_execution_options options;
    if (read_early_options(session, stmt, call, &options, &ignored) == WEIR_OK && options.stream_results == WEIR_ON)
        weir_refuse_stream("weir_session_execute", error);
}

static weir_reading *begin_reading(weir_session *session, const weir_reading *like)
{
    weir_store *store = session->store;
    weir_reading *reading = weir_alloc_zero(&store->ledger, WEIR_MEMORY_HANDLES, sizeof *reading);
    if (!reading)
        return NULL;
    *reading = *like;
    reading->store = store;
    reading->next = session->readings;
    if (session->readings)
        session->readings->previous = reading;
    session->readings = reading;
    store->readings++;
    return reading;
}

static weir_result *failed(weir_session *session, const weir_error *error)
{
    weir_session_report(session, error);
    return weir_result_failed(error, session->store ? &session->store->core->ledger : NULL);
}

typedef weir_result *execute_fn(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options,
                                const weir_batch_hooks *hooks, void *context);

static weir_result *read_as(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options, const weir_reading *like,
                            execute_fn *execute)
{
    weir_error error;
    if (weir_session_usable(session, &error) != WEIR_OK || check_early(session, stmt, options, &error) != WEIR_OK)
        return failed(session, &error);
    weir_connection *connection = weir_session_ready(session, &error);
    if (!connection && error.status == WEIR_WOULD_BLOCK)
        name_stream(session, stmt, options, &error);
    if (!connection || (!like->is_load && weir_session_autoflush(session, stmt, &error) != WEIR_OK))
        return failed(session, &error);
    weir_reading *reading = begin_reading(session, like);
    if (!reading) {
        weir_error_out_of_memory(&error);
        return failed(session, &error);
    }
    session->store->readings++;         /* so that closing the reading does not look at a store that is being used */
    weir_result *result = execute(connection, stmt, options, &weir_reading_hooks, reading);
    session->store->readings--;
    if (result->hooks == &weir_reading_hooks)
        reading->result = result;       /* also where nothing was compiled: closing the session closes it */
    else
        weir_reading_hooks.closed(reading, result);
    if (result->cursor)
        session->statements++;
    if (result->error.status != WEIR_OK)
        weir_session_report(session, &result->error);
    return result;
}

weir_result *weir_session_read(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options, bool is_load,
                               bool populate_existing)
{
    return read_as(session, stmt, options, &(const weir_reading){ .is_load = is_load, .populate_existing = populate_existing },
                   weir_connection_execute_hooked);
}

weir_result *weir_session_execute_with(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options)
{
    return weir_bulk_changes(stmt) ? weir_bulk_execute(session, stmt, options) : weir_session_read(session, stmt, options, false, false);
}

weir_result *weir_session_execute(weir_session *session, const weir_stmt *stmt) { return weir_session_execute_with(session, stmt, NULL); }

weir_result *weir_session_scalars_with(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options)
{
    weir_result *result = weir_session_execute_with(session, stmt, options);
    const weir_reading *reading = weir_result_reading(result);
    if (!reading || result->error.status != WEIR_OK || !result->view)
        return result;
    if (result->view->count > 1) {
        const int first = 0;
        if (weir_result_columns(result, &first, 1) != WEIR_OK)
            return result;
    }
    if (reading->plans && reading->plans[0].mapper) {
        result->instance_entity = reading->plans[0].mapper->entity;
        result->instance_cell = reading->plans[0].first;
        result->instance_header = sizeof(weir_instance);
    }
    return result;
}

weir_result *weir_session_scalars(weir_session *session, const weir_stmt *stmt) { return weir_session_scalars_with(session, stmt, NULL); }

weir_result *weir_session_load_send(weir_session *session, const weir_stmt *stmt, bool populate_existing, weir_result *within)
{
    const weir_execution_options *options = WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_OFF);
    return read_as(session, stmt, options, &(const weir_reading){ .is_load = true, .populate_existing = populate_existing, .within = within },
                   weir_connection_execute_ahead);
}

int weir_session_load_await(weir_session *session, weir_result *result)
{
    bool told = result->error.status != WEIR_OK;
    session->store->readings++;         /* as when it was sent */
    int status = weir_result_await(result);
    session->store->readings--;
    return told ? status : weir_session_report(session, &result->error);
}

weir_result *weir_session_load_by_key(weir_session *session, const weir_stmt *stmt)
{
    const weir_execution_options *options = WEIR_EXECUTION_OPTIONS(.stream_results = WEIR_OFF);
    return read_as(session, stmt, options, &(const weir_reading){ .is_load = true, .by_key = true }, weir_connection_execute_hooked);
}

int64_t weir_session_statements(const weir_session *session) { return session->statements; }
size_t weir_session_dirty_count(const weir_session *session) { return session->store ? session->store->dirty : 0; }

size_t weir_session_count(const weir_session *session)
{
    size_t count = 0;
    for (const weir_mapper *mapper = session->store ? session->store->mappers : NULL; mapper; mapper = mapper->next)
        count += mapper->map.count;
    return count;
}
