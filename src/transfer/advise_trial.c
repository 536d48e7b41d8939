/* A trial: the statement is streamed and its rows are read, while the engine's ledger and the clock are watched. */
#include <weir/session.h>
#include "base/wait.h"
#include "engine/connection.h"
#include "engine/result.h"
#include "sql/statement.h"
#include "transfer/advise.h"

weir_execution_options weir_advise_transaction(const weir_engine *engine)
{
    bool levels = engine->core->driver->stream_mode != WEIR_MODE_STEPPING;
    return (weir_execution_options){
        .struct_size = sizeof(weir_execution_options),
        .isolation_level = levels ? WEIR_REPEATABLE_READ : WEIR_ISOLATION_DEFAULT,
        .read_only = WEIR_ON,
    };
}

static double since(int64_t start) { return (double)(weir_now() - start) / 1e9; }

static void read_rows(weir_result *result, weir_trial *trial, int64_t start)
{
    for (bool more = true; more; ) {
        int64_t batch_start = weir_now();
        const weir_partition *partition = weir_result_fetchmany(result, 0);
        double took = since(batch_start);
        if (partition)
            trial->rows += (int64_t)partition->count;
        if (trial->batches++ == 0)
            trial->first = since(start);
        trial->longest = took > trial->longest ? took : trial->longest;
        more = partition && trial->rows < trial->max_rows && since(start) * 1000 < (double)trial->limit_ms;
        trial->ended = !partition;
    }
    weir_result_figures info;
    weir_result_info(result, &info);
    trial->batches = info.batches;
    trial->round_trips = info.round_trips;
    trial->bytes = info.bytes;
}

/* Reads and closes it. */
static void try_result(weir_result *result, weir_trial *trial, int64_t start)
{
    if (weir_result_error(result)->status == WEIR_OK)
        read_rows(result, trial, start);
    trial->error = *weir_result_error(result);
    trial->ended = trial->ended && trial->error.status == WEIR_OK;
    trial->seconds = since(start);
    trial->longest = trial->first > trial->longest ? trial->first : trial->longest;
    int closed = weir_result_close(&result);
    if (closed != WEIR_OK && trial->error.status == WEIR_OK)
        weir_error_set(&trial->error, closed, "a trial could not be ended");
}

static void try_on_connection(weir_engine *engine, const weir_stmt *stmt, const weir_execution_options *options, weir_trial *trial)
{
    const weir_execution_options transaction = weir_advise_transaction(engine);
    const weir_rewrite as_it_is = { .before = NULL };
    weir_connection *connection = weir_engine_connect(engine);
    if (weir_connection_options(connection, &transaction) != WEIR_OK) {
        trial->error = *weir_connection_error(connection);
    } else {
        int64_t start = weir_now();
        try_result(weir_execute_rewritten(connection, stmt, trial->rewrite ? trial->rewrite : &as_it_is, options), trial, start);
        trial->statements = 1;
        weir_connection_rollback(connection);
    }
    int closed = weir_connection_close(&connection);
    if (closed != WEIR_OK && trial->error.status == WEIR_OK)
        weir_error_set(&trial->error, closed, "the connection of a trial could not be given back");
}

static void try_in_session(weir_engine *engine, const weir_stmt *stmt, const weir_execution_options *options, weir_trial *trial)
{
    const weir_execution_options transaction = weir_advise_transaction(engine);
    weir_session *session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.execution_options = &transaction));
    int64_t start = weir_now();
    try_result(weir_session_execute_with(session, stmt, options), trial, start);
    trial->statements = weir_session_statements(session);
    int closed = weir_session_close(&session);
    if (closed != WEIR_OK && trial->error.status == WEIR_OK)
        weir_error_set(&trial->error, closed, "the session of a trial could not be closed");
}

void weir_trial_run(weir_engine *engine, const weir_stmt *stmt, size_t before, weir_trial *trial)
{
    const weir_execution_options *options = WEIR_EXECUTION_OPTIONS(.yield_per = trial->yield_per, .timeout_ms = trial->limit_ms);
    weir_ledger *ledger = &engine->core->ledger;
    size_t peak = weir_ledger_begin_peak(ledger);
    if (stmt->tree && !trial->rewrite)
        try_in_session(engine, stmt, options, trial);
    else
        try_on_connection(engine, stmt, options, trial);
    peak = weir_ledger_end_peak(ledger, peak);
    trial->peak = peak > before ? (int64_t)(peak - before) : 0;
}
