/* Executing statements: options, guards, how rows will come, and the way from the text to the first rows. */
#include <string.h>
#include "engine/result.h"
#include "sql/text.h"

enum { DEFAULT_ROW_BUFFER = 1000, FIRST_GROWTH = 5, SHOWN_PARAMETERS = 4096, SLICE_BYTES = 1024 * 1024 };

/* One execution on its way. */
typedef struct execution {
    weir_connection *connection;
    weir_result     *result;
    weir_execution_options options;     /* in force */
    bool             began;             /* the server's transaction begins with this execution */
    bool             own;               /* and ends with it */
    int64_t          answer_by;         /* of this call */
    weir_error       error;
} execution;

static weir_log *log_of(const execution *run) { return &run->connection->core->log; }
static int64_t number_of(const execution *run) { return run->connection->slot ? run->connection->slot->number : 0; }

/* ---- options and guards ------------------------------------------------------------------------------------------------ */

static int merge_options(execution *run, const weir_stmt *stmt, const weir_execution_options *call)
{
    weir_execution_options checked;
    int status = weir_options_check(call, false, &checked, &run->error);
    if (status != WEIR_OK)
        return status;
    weir_stmt_get_options(stmt, &run->options);
    weir_options_merge(&run->options, &run->connection->options);
    weir_options_merge(&run->options, &checked);
    weir_options_effective(&run->options);
    return WEIR_OK;
}

static bool is_lite(const execution *run) { return run->connection->core->driver->stream_mode == WEIR_MODE_STEPPING; }

static weir_mode stream_mode(const execution *run)
{
    weir_cursor_mode asked = run->options.cursor_mode;
    if (!is_lite(run) && (asked == WEIR_CURSOR_DECLARE || asked == WEIR_CURSOR_HOLD))
        return WEIR_MODE_DECLARED;
    return run->connection->core->driver->stream_mode;
}

/* Only what can be a cursor is streamed: options that come from a connection must not break its other statements. */
static void decide_mode(execution *run)
{
    weir_result *result = run->result;
    const weir_execution_options *options = &run->options;
    result->mode = WEIR_MODE_BUFFERED;
    result->timeout_ms = options->timeout_ms;
    run->answer_by = weir_result_answer_by(result);
    if (result->compiled.facts.kind != WEIR_SQL_SELECT)
        return;
    if (options->memory > 0)
        weir_bounds_begin(result, options, options->yield_per == WEIR_ANY_ROWS);
    result->yield_per = options->yield_per;
    result->stream_results = options->stream_results;
    result->strict_loading = options->strict_loading == WEIR_ON;
    result->max_row_buffer = options->max_row_buffer == 0 ? DEFAULT_ROW_BUFFER
                           : options->max_row_buffer < 0 ? INT64_MAX : options->max_row_buffer;
    result->growth = FIRST_GROWTH;
    result->streaming = options->stream_results == WEIR_ON && options->parallel_plan != WEIR_ON;
    if (!result->streaming)
        return;
    result->mode = stream_mode(run);
    result->prefetch = options->yield_per > 0 && options->prefetch != WEIR_OFF && result->mode == WEIR_MODE_PORTAL &&
                       !result->compiled.facts.locks_rows;
}

static int check_guards(execution *run)
{
    const weir_result *result = run->result;
    if (result->compiled.facts.kind == WEIR_SQL_SELECT && run->options.cursor_mode == WEIR_CURSOR_HOLD && is_lite(run))
        return weir_error_set(&run->error, WEIR_NOT_SUPPORTED, "SQLite has no cursors that outlive their transaction (WEIR_CURSOR_HOLD)");
    if (result->streaming && run->connection->options.isolation_level == WEIR_AUTOCOMMIT && !run->connection->in_transaction)
        return weir_error_set(&run->error, WEIR_INVALID_REQUEST,
                              "A stream needs a transaction, and this connection is in AUTOCOMMIT: call weir_connection_begin first, "
                              "or execute without yield_per and stream_results");
    return WEIR_OK;
}

/* ---- telling ------------------------------------------------------------------------------------------------------------ */

static int warn_unordered(execution *run)
{
    const weir_result *result = run->result;
    if (!result->streaming || result->compiled.facts.ordered)
        return WEIR_OK;
    return weir_warn(log_of(run), number_of(run), &run->error,
                     "A stream without ORDER BY: its rows come in no defined order, which may differ between two runs");
}

static int warn_shape(execution *run)
{
    const weir_select_shape *shape = run->result->compiled.shape;
    int status = WEIR_OK;
    if (shape && shape->cartesian)
        status = weir_warn(log_of(run), number_of(run), &run->error, "%s", shape->cartesian);
    if (status == WEIR_OK && shape && shape->subquery_options)
        status = weir_warn(log_of(run), number_of(run), &run->error,
                           "Execution options of a subquery have no effect: set them on the whole statement");
    return status;
}

static void log_statement(const execution *run)
{
    const weir_compiled *compiled = &run->result->compiled;
    weir_log *log = log_of(run);
    if (!log->fn && !log->echo)
        return;
    char shown[SHOWN_PARAMETERS] = "";
    if (!log->hide_parameters)
        weir_compiled_show_parameters(compiled, shown, sizeof shown);
    weir_log_event_out(log, WEIR_LOG_STATEMENT, number_of(run), compiled->sql, shown, 0);
}

static int warn_declared(execution *run)
{
    const weir_result *result = run->result;
    size_t declared = result->compiled.declared_count, returned = result->cursor->column_count;
    if (!result->cursor->returns_rows || declared <= returned)
        return WEIR_OK;
    return weir_warn(log_of(run), number_of(run), &run->error,
                     "Number of columns in textual SQL (%zu) is smaller than number of columns requested (%zu)", declared, returned);
}

/* ---- the steps ----------------------------------------------------------------------------------------------------------- */

static int make_cursor(execution *run)
{
    weir_result *result = run->result;
    const weir_driver *driver = run->connection->core->driver;
    weir_cursor *cursor = weir_arena_take(&result->arena, driver->cursor_size);
    if (!cursor)
        return weir_error_out_of_memory(&run->error);
    memset(cursor, 0, driver->cursor_size);
    cursor->link = weir_connection_link(run->connection);
    cursor->arena = &result->arena;
    cursor->statement = &result->compiled;
    cursor->mode = result->mode;
    cursor->hold = result->mode == WEIR_MODE_DECLARED && run->options.cursor_mode == WEIR_CURSOR_HOLD;
    cursor->parallel_plan = run->options.parallel_plan == WEIR_ON;
    cursor->named = weir_pool_prepares(run->connection->slot, run->options.prepared);
    cursor->hide_values = log_of(run)->hide_parameters;
    cursor->row_count = -1;
    if (result->within && result->within->cursor) {
        const weir_cursor *like = result->within->cursor;
        cursor->network = like->network;
        cursor->raw = like->raw;
        cursor->spills = like->spills;
    }
    result->cursor = cursor;
    return WEIR_OK;
}

static int prepare(execution *run)
{
    weir_cursor *cursor = run->result->cursor;
    int started = cursor->link->driver->prepare(cursor->link, cursor);
    int status = weir_connection_drive(run->connection, started, WEIR_CALL(.answer_by = run->answer_by, .reads = true), &run->error);
    /* The result went with a transaction, of which the server says that it is over. */
    return status == WEIR_OK && !cursor->link ? weir_connection_nonsense(run->connection, &run->error) : status;
}

/* One step per column: how its field becomes a cell of the row. */
int weir_result_plan_rows(weir_result *result, weir_error *error)
{
    weir_cursor *cursor = result->cursor;
    const weir_compiled *compiled = &result->compiled;
    if (!cursor->returns_rows)
        return WEIR_OK;
    if (weir_result_describe(result, cursor->columns, cursor->column_count, compiled->declared, compiled->declared_count) != WEIR_OK)
        return weir_error_out_of_memory(error);
    cursor->steps = weir_arena_take(&result->arena, (cursor->column_count + 1) * sizeof *cursor->steps);
    if (!cursor->steps)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < cursor->column_count; i++) {
        weir_step *step = &cursor->steps[i];
        *step = (weir_step){ .offset = weir_row_stride(i), .type = cursor->columns[i].type };
        int status = cursor->link->driver->plan_cell(cursor->link, cursor, i, &result->arena, step);
        if (status == WEIR_OUT_OF_MEMORY)
            return weir_error_out_of_memory(error);
        if (status != WEIR_OK)
            return weir_error_set(error, status, "column '%s' has a type that cannot be read", cursor->columns[i].name);
    }
    const weir_batch_hooks *hooks = result->hooks;
    int status = hooks && hooks->described ? hooks->described(result->hooks_context, result, error) : WEIR_OK;
    if (status != WEIR_OK || !result->bounds.memory)
        return status;
    return weir_bounds_check(result, hooks && hooks->least ? hooks->least(result->hooks_context, result) : 0, error);
}

/* A growing buffer begins with a single row; a fixed one with itself; what is buffered comes whole. */
static int64_t first_rows(const weir_result *result)
{
    return !result->streaming ? 0 : result->bounds.memory ? weir_bounds_credit(result, 0) : result->yield_per ? result->yield_per : 1;
}

/* Rows live until the next read only, so that nobody is told where a batch ends: one of many bytes comes in slices, which stay in the
 * processor's cache, and the rest waits in the socket. Batches that lives of instances or loads depend on come whole. */
static size_t slice_of(const weir_result *result)
{
    bool in_steps = result->prefetch || (result->mode == WEIR_MODE_STEPPING && result->yield_per);
    return in_steps && !result->has_instances && !result->cursor->loads && !result->budget ? SLICE_BYTES : 0;
}

static int open_cursor(execution *run)
{
    weir_result *result = run->result;
    weir_cursor *cursor = result->cursor;
    weir_batch *batch = NULL;
    if (cursor->returns_rows) {
        batch = weir_result_batch_for(result, first_rows(result));
        cursor->sink = batch ? weir_result_sink_for(result, batch) : NULL;
        if (!cursor->sink) {
            weir_batch_free(batch);
            return weir_error_out_of_memory(&run->error);
        }
    }
    cursor->slice = result->slice = slice_of(result);
    weir_bounds_enter(result, WEIR_STAGE_ALL_ROWS);
    int64_t rows = first_rows(result);
    int started = cursor->link->driver->open(cursor->link, cursor, rows);
    int status = weir_result_fill(result, batch, started, rows, run->answer_by, &run->error);
    if (status == WEIR_OK && batch && result->budget && !result->streaming && !cursor->ended) {
        status = weir_error_out_of_memory(&run->error);
        weir_bounds_name(result, &run->error);
    }
    if (status != WEIR_OK) {
        weir_result_batch_failed(result, batch);
        return status;
    }
    /* What only gives rows (SHOW, EXPLAIN, PRAGMA) matches none, whatever the database counts. */
    result->row_count = cursor->returns_rows && result->compiled.facts.kind != WEIR_SQL_DML ? -1 : cursor->row_count;
    result->ended = cursor->ended || !cursor->returns_rows;
    return batch ? weir_result_batch_came(result, batch, &run->error) : WEIR_OK;
}

/* Under AUTOCOMMIT only a transaction of its own makes a statement read only; settings need none and may refuse one. */
static bool needs_own_transaction(const execution *run)
{
    const weir_connection *connection = run->connection;
    weir_sql_kind kind = run->result->compiled.facts.kind;
    return connection->options.isolation_level == WEIR_AUTOCOMMIT && connection->options.read_only == WEIR_ON &&
           !connection->in_transaction && kind != WEIR_SQL_TRANSACTION && kind != WEIR_SQL_SET;
}

int weir_refuse_stream(const char *call, weir_error *error)
{
    return weir_error_set(error, WEIR_WOULD_BLOCK, "Can't use %s() with a server-side cursor on the thread of an event loop, outside a "
                          "task. Use weir_%s_stream() for a streaming result set that is pushed, or run this code in a task "
                          "(weir_task_spawn)", call, strncmp(call, "weir_session", 12) == 0 ? "session" : "connection");
}

static int begin(execution *run)
{
    weir_connection *connection = run->connection;
    run->own = needs_own_transaction(run);
    if (run->own)
        connection->begun_explicitly = true;
    int status = weir_connection_ready(connection, true, &run->error);
    if (status == WEIR_WOULD_BLOCK && run->result->streaming && connection->slot)      /* else it is the connection that was refused, before */
        weir_refuse_stream(run->result->hooks ? "weir_session_execute" : "weir_connection_execute", &run->error);
    if (status != WEIR_OK) {
        connection->begun_explicitly = connection->begun_explicitly && connection->in_transaction;
        return status;
    }
    run->began = weir_connection_link(connection)->transaction == WEIR_LINK_IDLE;
    weir_connection_add_result(connection, run->result, run->result->mode == WEIR_MODE_DECLARED &&
                                                        run->options.cursor_mode == WEIR_CURSOR_HOLD);
    return WEIR_OK;
}

static int prepare_cursor(execution *run)
{
    int status = make_cursor(run);
    if (status == WEIR_OK)
        status = prepare(run);
    if (status == WEIR_OK)
        status = warn_declared(run);
    return status == WEIR_OK ? weir_result_plan_rows(run->result, &run->error) : status;
}

/* A prepared statement that no longer fits the database is prepared again once, if nothing of the transaction gets lost: it began
 * here, or has not heard of this statement. */
static int open_again(execution *run, int status)
{
    weir_result *result = run->result;
    if (!result->cursor || !result->cursor->stale || !result->cursor->link || !(run->began || result->cursor->unsent))
        return status;
    bool unsent = result->cursor->unsent, explicitly = run->connection->begun_explicitly;
    weir_result_release(result);
    weir_error ignored;
    if (!unsent && run->connection->in_transaction) {
        if (weir_connection_rollback(run->connection) != WEIR_OK)
            return status;
        run->connection->in_transaction = run->connection->begun_explicitly = explicitly;
    }
    if (weir_connection_ready(run->connection, true, &ignored) != WEIR_OK)
        return status;
    weir_connection_add_result(run->connection, result, result->mode == WEIR_MODE_DECLARED && run->options.cursor_mode == WEIR_CURSOR_HOLD);
    weir_error_clear(&run->error);
    status = prepare_cursor(run);
    return status == WEIR_OK ? open_cursor(run) : status;
}

static int end_own_transaction(execution *run, int status)
{
    if (!run->own || !run->connection->in_transaction)
        return status;
    if (status == WEIR_OK)
        return weir_connection_commit_now(run->connection, &run->error);
    weir_connection_rollback(run->connection);
    return status;
}

/* All that comes before the rows. */
static int start(execution *run, const weir_stmt *stmt, const weir_execution_options *options)
{
    weir_result *result = run->result;
    int status = weir_stmt_compile_kept(stmt, run->connection->core->driver->dialect, &result->arena, &result->compiled, &run->error);
    if (status != WEIR_OK || (status = merge_options(run, stmt, options)) != WEIR_OK)
        return status;
    decide_mode(run);
    const weir_batch_hooks *hooks = result->hooks;
    if (hooks && hooks->compiled && (status = hooks->compiled(result->hooks_context, result, &run->error)) != WEIR_OK)
        return status;
    if ((status = check_guards(run)) != WEIR_OK || (status = begin(run)) != WEIR_OK || (status = warn_unordered(run)) != WEIR_OK ||
        (status = warn_shape(run)) != WEIR_OK)
        return status;
    log_statement(run);
    return prepare_cursor(run);
}

/* The rows, or the first of them. */
static int finish(execution *run)
{
    weir_result *result = run->result;
    int status = open_cursor(run);
    if (status != WEIR_OK)
        status = open_again(run, status);
    if (status != WEIR_OK)
        return status;
    if (result->streaming && result->returns_rows)
        weir_result_read_ahead(result);
    else
        weir_result_release(result);
    return WEIR_OK;
}

static void keep_failure(execution *run)
{
    weir_result *result = run->result;
    weir_bounds_name(result, &run->error);
    if (!run->error.sql[0] && result->compiled.sql)
        weir_error_text(run->error.sql, sizeof run->error.sql, result->compiled.sql, result->compiled.sql_length);
    weir_result_fail(result, &run->error);
    weir_result_release(result);
    result->ended = true;
    weir_connection_failed(run->connection, &run->error);
}

/* The result of an execution that begins; or one that carries an error, and no connection is to be asked. */
static bool make_result(execution *run, const weir_batch_hooks *hooks, void *context)
{
    weir_connection *connection = run->connection;
    if (!connection->core) {            /* it only carries an error */
        weir_connection_usable(connection, &run->error);
        weir_connection_failed(connection, &run->error);
        run->result = weir_result_failed(&run->error, NULL);
        return false;
    }
    run->result = weir_result_new(connection->core);
    if (!run->result) {
        weir_error_out_of_memory(&run->error);
        weir_connection_failed(connection, &run->error);
        run->result = (weir_result *)(uintptr_t)&weir_result_constant_no_memory;
        return false;
    }
    run->result->hooks = hooks;
    run->result->hooks_context = context;
    weir_result *within = hooks && hooks->within ? hooks->within(context) : NULL;
    if (within && within->budget)
        weir_result_load_within(run->result, within);
    return true;
}

weir_result *weir_connection_execute_hooked(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options,
                                            const weir_batch_hooks *hooks, void *context)
{
    execution run = { .connection = connection };
    if (!make_result(&run, hooks, context))
        return run.result;
    int status = start(&run, stmt, options);
    if (status == WEIR_OK)
        status = finish(&run);
    if (end_own_transaction(&run, status) != WEIR_OK)
        keep_failure(&run);
    return run.result;
}

/* ---- ahead ------------------------------------------------------------------------------------------------------------------ */

/* What finishing needs to know of the execution that was started. */
struct weir_unfinished {
    weir_execution_options options;
    bool began, own;
};

static int send_ahead(execution *run)
{
    weir_result *result = run->result;
    weir_link *link = result->cursor->link;
    result->unfinished = weir_arena_take(&result->arena, sizeof *result->unfinished);
    if (!result->unfinished)
        return weir_error_out_of_memory(&run->error);
    *result->unfinished = (struct weir_unfinished){ run->options, run->began, run->own };
    if (!link->driver->open_ahead || run->own || result->streaming)
        return WEIR_OK;
    int sent = link->driver->open_ahead(link, result->cursor, first_rows(result));
    result->under_way = sent > 0;
    return sent < 0 ? weir_connection_drive(run->connection, sent, WEIR_CALL(.reads = true), &run->error) : WEIR_OK;
}

weir_result *weir_connection_execute_ahead(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options,
                                           const weir_batch_hooks *hooks, void *context)
{
    execution run = { .connection = connection };
    if (!make_result(&run, hooks, context))
        return run.result;
    int status = start(&run, stmt, options);
    if (status == WEIR_OK)
        status = send_ahead(&run);
    if (status != WEIR_OK && end_own_transaction(&run, status) != WEIR_OK)
        keep_failure(&run);
    return run.result;
}

int weir_result_await(weir_result *result)
{
    const struct weir_unfinished *unfinished = result->unfinished;
    if (!unfinished || result->error.status != WEIR_OK)
        return result->error.status;
    result->unfinished = NULL;
    result->under_way = false;
    execution run = { .connection = result->open.connection, .result = result, .options = unfinished->options,
                      .began = unfinished->began, .own = unfinished->own };
    run.answer_by = weir_result_answer_by(result);
    if (!run.connection) {              /* its transaction or its connection is gone */
        weir_error_set(&run.error, WEIR_RESOURCE_CLOSED, "This result object is closed.");
        return weir_result_fail(result, &run.error);
    }
    if (end_own_transaction(&run, finish(&run)) != WEIR_OK)
        keep_failure(&run);
    return result->error.status;
}

weir_result *weir_connection_execute(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options)
{
    return weir_connection_execute_hooked(connection, stmt, options, NULL, NULL);
}

int64_t weir_connection_run(weir_connection *connection, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    int64_t rows = weir_result_rowcount(result);
    int status = weir_result_close(&result);
    weir_stmt_free(&stmt);
    return status != WEIR_OK ? status : rows > 0 ? rows : 0;
}
