/* weir_advise: samples a statement, finds the batch size that fits the memory, tries it, and says what will hurt. */
#include "transfer/advise.h"
#include <stdio.h>
#include <string.h>
#include "base/decimal.h"
#include "base/holds.h"
#include "engine/connection.h"
#include "sql/statement.h"
#include "transfer/estimate.h"

enum {
    LEAST = 100, MOST = 50000,                  /* rows: the article's bounds */
    USUAL = 5000,                               /* where nothing can be measured */
    SAMPLE = 2000,                              /* rows */
    LARGEST_BATCH = 1000,                       /* of a sample */
    SLOW_SECONDS = 1,                           /* a sample that takes longer is not made larger */
    TRIAL_ROWS = 100000, LIMIT_MS = 10000, ATTEMPTS = 4,
    BESIDES = 3,                                /* round trips: preparing it, what is asked for ahead of the end, closing it */
    HYDRATION = 4                               /* a row held for one as the planner counts it: the article says 3 to 5 */
};
static const double margin = 0.7;               /* of the memory: the article leaves 30 % */

struct weir_advice {
    weir_error   error;
    weir_arena   arena;
    weir_advice_figures figures;
    weir_remarks remarks;
    /* while it is made */
    weir_engine *engine;
    const weir_stmt *stmt;
    const weir_dialect *dialect;
    bool         postgresql;
    weir_advise_options options;
    size_t       before;                        /* what the engine held */
    weir_compiled compiled;
    weir_query_text text;
    weir_advice_table table;
    weir_server_settings settings;
    const weir_json *plan;
    double       planned_width;                 /* PostgreSQL's, bytes; 0: none */
    bool         sorted;                        /* by the plan, for ORDER BY */
    bool         out_of_time;                   /* a sample took too long */
    double       idle;                          /* what the connection alone holds */
    double       row_guess;                     /* of what a row holds: no more than it does */
};

static const weir_advice no_memory = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for advice" } };

static int fail(weir_advice *advice, const weir_error *error)
{
    advice->error = *error;
    return error->status;
}

/* ---- what is asked for -------------------------------------------------------------------------------------------------------------- */

static int read_options(weir_advice *advice, const weir_advise_options *given)
{
    weir_advise_options *options = &advice->options;
    weir_error *error = &advice->error;
    if (!given || given->struct_size == 0 || given->struct_size > sizeof *given)
        return weir_error_set(error, WEIR_ARGUMENT, "advice needs options, made with WEIR_ADVISE_OPTIONS(.memory = …)");
    memcpy(options, given, given->struct_size);
    if (options->memory < 1)
        return weir_error_set(error, WEIR_ARGUMENT, "memory must be a number of bytes above 0, not %lld", (long long)options->memory);
    if (options->trial_rows < 0 || options->limit_ms < 0 || options->limit_ms > INT32_MAX)
        return weir_error_set(error, WEIR_ARGUMENT, "trial_rows and limit_ms are not negative, limit_ms at most %d", INT32_MAX);
    options->trial_rows = options->trial_rows ? options->trial_rows : TRIAL_ROWS;
    options->limit_ms = options->limit_ms ? options->limit_ms : LIMIT_MS;
    return WEIR_OK;
}

static int read_statement(weir_advice *advice, const weir_stmt *stmt)
{
    weir_error *error = &advice->error;
    if (weir_stmt_compile(stmt, advice->dialect, &advice->arena, &advice->compiled, error) != WEIR_OK)
        return error->status;
    if (advice->compiled.facts.kind != WEIR_SQL_SELECT)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "advice is about statements that give rows and change nothing: give it a SELECT");
    weir_query_text_read(advice->compiled.sql, advice->compiled.sql_length, advice->dialect, &advice->text);
    return WEIR_OK;
}

/* ---- questions before any row is read --------------------------------------------------------------------------------------------------- */

static int ask_postgresql(weir_advice *advice, weir_connection *connection)
{
    weir_error *error = &advice->error;
    int status = weir_server_settings_read(connection, &advice->settings, error);
    if (status == WEIR_OK)
        status = weir_explain(connection, advice->stmt, true, &advice->arena, &advice->plan, error);
    if (status != WEIR_OK)
        return status;
    advice->planned_width = weir_json_number(weir_json_member(advice->plan, "Plan Width"), 0);
    advice->figures.rows = (int64_t)weir_json_number(weir_json_member(advice->plan, "Plan Rows"), -1);
    advice->figures.rows_from = "planner";
    weir_remarks_of_plan(&advice->remarks, advice->plan, &advice->text);
    advice->sorted = weir_plan_order_sort(advice->plan) != NULL;
    return WEIR_OK;
}

static int ask_sqlite(weir_advice *advice, weir_connection *connection)
{
    weir_error *error = &advice->error;
    const weir_rewrite explain = { .before = "EXPLAIN QUERY PLAN ", .buffered = true };
    weir_result *result = weir_execute_rewritten(connection, advice->stmt, &explain, NULL);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
        advice->sorted = weir_remark_of_lite_plan(&advice->remarks, weir_row_text(row, "detail")) || advice->sorted;
    *error = *weir_result_error(result);
    if (weir_result_close(&result) == WEIR_OK)
        advice->figures.rows = weir_estimate_lite(connection, &advice->text, &advice->figures.rows_from, error);
    weir_connection_rollback(connection);
    return error->status;
}

/* ---- stored widths (PostgreSQL) ------------------------------------------------------------------------------------------------------------ */

static bool can_sample(const weir_advice *advice)
{
    const weir_query_text *text = &advice->text;
    return advice->table.can_sample && !text->grouped && !text->distinct && !text->limited;
}

/* The statement over a part of its table, in no order: what a row costs does not depend on that. */
static weir_rewrite sample_of(const weir_advice *advice, char *middle, size_t size)
{
    const weir_query_text *text = &advice->text;
    weir_rewrite rewrite = { .end = text->end };
    double share = advice->table.rows > 0 ? 100.0 * 3 * SAMPLE / advice->table.rows : 100;
    if (can_sample(advice)) {
        char percent[WEIR_FIXED_SIZE];
        size_t length = weir_put_fixed(percent, share < 0.000001 ? 0.000001 : share < 100 ? share : 100.0);
        snprintf(middle, size, " TABLESAMPLE SYSTEM (%.*s)", (int)(length < 10 ? length : 10), percent);
        rewrite.middle = middle;
        rewrite.middle_at = text->behind_table;
    }
    if (!text->order_has_parameters && !text->limited && !text->distinct && !text->combined) {
        rewrite.cut = text->order_start;
        rewrite.cut_end = text->order_end;
    }
    return rewrite;
}

static void measure_widths(weir_advice *advice, weir_connection *connection)
{
    char middle[64];
    weir_rewrite rewrite = sample_of(advice, middle, sizeof middle);
    rewrite.before = "SELECT avg(pg_column_size(weir_q.*))::float8, max(pg_column_size(weir_q.*))::float8 FROM (SELECT * FROM (";
    rewrite.after = "\n) weir_s LIMIT 2000) weir_q";
    rewrite.buffered = true;
    weir_result *result = weir_execute_rewritten(connection, advice->stmt, &rewrite, WEIR_EXECUTION_OPTIONS(.timeout_ms = advice->options.limit_ms));
    const weir_row *row = weir_result_next(result);
    if (row && !weir_row_is_null_at(row, 0)) {
        advice->figures.stored_bytes = weir_row_double_at(row, 0);
        advice->figures.widest_bytes = weir_row_double_at(row, 1);
    }
    const weir_error *error = weir_result_error(result);
    advice->out_of_time = error->status == WEIR_DEADLINE_EXCEEDED || error->status == WEIR_QUERY_CANCELED;
    if (weir_result_close(&result) != WEIR_OK)          /* without these two figures the advice is as good */
        advice->figures.stored_bytes = advice->figures.widest_bytes = -1;
    weir_connection_rollback(connection);
}

static int ask(weir_advice *advice)
{
    const weir_execution_options transaction = weir_advise_transaction(advice->engine);
    weir_connection *connection = weir_engine_connect(advice->engine);
    weir_error *error = &advice->error;
    int status = weir_connection_options(connection, &transaction);
    if (status != WEIR_OK)
        *error = *weir_connection_error(connection);
    if (status == WEIR_OK)
        status = advice->postgresql ? ask_postgresql(advice, connection) : ask_sqlite(advice, connection);
    if (status == WEIR_OK)
        status = weir_advice_table_read(connection, &advice->text, &advice->arena, &advice->table, error);
    if (status == WEIR_OK && advice->postgresql && !advice->compiled.facts.locks_rows)
        measure_widths(advice, connection);
    int closed = weir_connection_close(&connection);
    if (closed != WEIR_OK && status == WEIR_OK)
        status = weir_error_set(error, closed, "the connection could not be given back");
    return status;
}

/* ---- what a row costs ------------------------------------------------------------------------------------------------------------------------ */

/* Whether the trial ended early for a reason that is advice, not failure. */
static bool ran_out(const weir_trial *trial)
{
    return trial->error.status == WEIR_DEADLINE_EXCEEDED || trial->error.status == WEIR_QUERY_CANCELED;
}

static int try_at(weir_advice *advice, int64_t yield_per, int64_t rows, const weir_rewrite *rewrite, weir_trial *out)
{
    *out = (weir_trial){ .yield_per = yield_per, .max_rows = rows, .limit_ms = advice->options.limit_ms, .rewrite = rewrite };
    weir_trial_run(advice->engine, advice->stmt, advice->before, out);
    if (out->error.status != WEIR_OK && !ran_out(out))
        return fail(advice, &out->error);
    advice->out_of_time = advice->out_of_time || ran_out(out);
    return WEIR_OK;
}

/* What one more row may take, before it is known. The ledger says too much of a few rows, since memory comes in blocks, and of the
 * first ones everything that the statement itself needs. */
static double guess_row(const weir_trial *trial, double row, bool first)
{
    double by_bytes = trial->rows ? 2.5 * (double)trial->bytes / (double)trial->rows : 0;
    return first || by_bytes > row / 2 ? by_bytes : row / 2;
}

/* Growing batches, as long as the next one should stay within the memory: what a row takes is the difference that the last step's
 * rows made. Wide rows end it early, and so does a statement that is slow to begin. */
static int measure_rows(weir_advice *advice)
{
    static const int64_t sizes[] = { 2, 10, 50, 250, LARGEST_BATCH };
    enum { STEPS = sizeof sizes / sizeof *sizes };
    char middle[64];
    weir_advice_figures *figures = &advice->figures;
    weir_rewrite rewrite = sample_of(advice, middle, sizeof middle);
    const weir_rewrite *used = advice->stmt->tree ? NULL : &rewrite;
    weir_memory_figures held;
    weir_engine_memory(advice->engine, &held);
    double before = held.bytes > advice->before ? (double)(held.bytes - advice->before) : 0, row = 0, guess = 0;
    int64_t rows_before = 0;
    advice->idle = before;
    for (int i = 0; i < STEPS; i++) {
        weir_trial trial;
        if (before + guess * (double)(sizes[i] - rows_before) > (double)advice->options.memory)
            break;
        if (try_at(advice, sizes[i], 2 * sizes[i], used, &trial) != WEIR_OK)
            return advice->error.status;
        int64_t rows = trial.rows < sizes[i] ? trial.rows : sizes[i];
        if (rows > rows_before && (double)trial.peak > before)
            row = ((double)trial.peak - before) / (double)(rows - rows_before);
        figures->sample_rows = trial.rows;
        figures->fixed_bytes = (double)trial.peak - row * (double)rows;
        before = (double)trial.peak;
        rows_before = rows;
        guess = guess_row(&trial, row, i == 0);
        if (trial.ended && !(used && rewrite.middle)) {
            figures->rows = trial.rows;         /* that was all of them */
            figures->rows_from = "counted";
        }
        if (trial.rows < sizes[i] || trial.seconds > SLOW_SECONDS || ran_out(&trial) || before > (double)advice->options.memory * margin)
            break;
    }
    advice->row_guess = guess;
    figures->row_bytes = figures->sample_rows ? row : 0;
    figures->fixed_bytes = figures->fixed_bytes > 0 ? figures->fixed_bytes : 0;
    figures->random_sample = used && rewrite.middle;
    return WEIR_OK;
}

/* Rounded down to one digit and zeros, within the bounds: 38,214 is 30,000. */
static int64_t bounded(double rows)
{
    int64_t unit = 1, whole = rows >= MOST ? MOST : rows < 1 ? 0 : (int64_t)rows;
    while (whole / unit >= 10)
        unit *= 10;
    whole = whole / unit * unit;
    return whole < LEAST ? LEAST : whole;
}

static int choose(weir_advice *advice)
{
    weir_advice_figures *figures = &advice->figures;
    double memory = (double)advice->options.memory * margin;
    if (!advice->compiled.facts.locks_rows && measure_rows(advice) != WEIR_OK)
        return advice->error.status;
    if (figures->row_bytes <= 0) {
        figures->sample_rows = 0;
        figures->random_sample = false;
        figures->row_bytes = advice->planned_width * HYDRATION;
    }
    double fits = figures->row_bytes > 0 ? (memory - figures->fixed_bytes) / figures->row_bytes : USUAL;
    figures->fitting_rows = fits < 0 ? 0 : fits < 9e18 ? (int64_t)fits : INT64_MAX;
    figures->yield_per = bounded(fits);
    return WEIR_OK;
}

/* ---- the trial --------------------------------------------------------------------------------------------------------------------------------- */

static void take_trial(weir_advice_figures *figures, const weir_trial *trial)
{
    figures->trial_rows = trial->rows;
    figures->trial_peak_bytes = trial->peak;
    figures->trial_whole = trial->ended;
    figures->trial_seconds = trial->seconds;
    figures->first_batch_seconds = trial->first;
    figures->longest_batch_seconds = trial->longest;
}

/* Rows of one batch, where fewer than that are expected. */
static double batch_rows(const weir_advice_figures *figures)
{
    return figures->rows >= 0 && figures->rows < figures->yield_per ? (double)figures->rows : (double)figures->yield_per;
}

static void expect(weir_advice *advice, const weir_trial *trial)
{
    weir_advice_figures *figures = &advice->figures;
    WEIR_HOLDS(figures->yield_per > 0);
    int64_t batches = figures->rows < 0 ? -1 : figures->rows / figures->yield_per + 1;
    bool full = trial->ended || trial->rows >= 2 * figures->yield_per;      /* the trial has held all that a stream of that size holds */
    figures->expected_peak_bytes = (int64_t)(figures->fixed_bytes + figures->row_bytes * batch_rows(figures));
    if (full || trial->peak > figures->expected_peak_bytes)
        figures->expected_peak_bytes = trial->peak;
    figures->fits = (double)figures->expected_peak_bytes <= (double)advice->options.memory * margin;
    figures->batches = batches;
    int64_t each = trial->batches > 0 ? (trial->statements - 1 + trial->batches - 1) / trial->batches : 0;
    figures->round_trips = !advice->postgresql ? 0 : batches < 0 ? -1 : batches * (1 + each) + BESIDES;
    double behind = trial->seconds - trial->first, rows_behind = (double)(trial->rows - figures->yield_per);
    if (trial->ended)
        figures->seconds = trial->seconds;
    else if (figures->rows >= 0 && trial->rows > 0 && rows_behind > 0)
        figures->seconds = trial->first + behind / rows_behind * (double)(figures->rows - figures->yield_per);
    else if (figures->rows >= 0 && trial->rows > 0)
        figures->seconds = trial->seconds / (double)trial->rows * (double)figures->rows;
    if (figures->seconds >= 0 && figures->seconds < trial->seconds)
        figures->seconds = trial->seconds;
}

/* Another size to try, from what the last one held: smaller where that is more than the margin allows, larger where much is left.
 * `largest`: below what was too much. */
static int64_t next_size(const weir_advice *advice, const weir_trial *trial, int64_t largest)
{
    double allowed = (double)advice->options.memory * margin, peak = (double)trial->peak, idle = advice->idle < peak ? advice->idle : 0;
    int64_t size = trial->yield_per;
    if (peak > allowed) {
        double smaller = (double)size * allowed / peak * 0.95;
        return bounded(smaller < (double)size ? smaller : (double)size / 2);
    }
    int64_t larger = bounded((allowed - idle) / (peak - idle) * (double)size);
    bool more_rows = !trial->ended || trial->rows > size;
    return more_rows && larger > size * 3 / 2 && larger < largest ? larger : size;
}

/* Streams the statement itself, at a few sizes, until one holds what the margin allows and not much less. */
static int try_it(weir_advice *advice)
{
    weir_advice_figures *figures = &advice->figures;
    double allowed = (double)advice->options.memory * margin;
    weir_trial trial = { .rows = 0 }, best = { .rows = 0 };
    int64_t largest = INT64_MAX;
    bool too_much = figures->fixed_bytes + advice->row_guess * batch_rows(figures) > (double)advice->options.memory;
    for (int i = 0; i < ATTEMPTS && !advice->compiled.facts.locks_rows && !too_much; i++) {
        int64_t size = figures->yield_per, rows = advice->options.trial_rows > 2 * size ? advice->options.trial_rows : 2 * size;
        if (try_at(advice, size, rows, NULL, &trial) != WEIR_OK)
            return advice->error.status;
        bool fits = (double)trial.peak <= allowed;
        if (!fits && size < largest)
            largest = size;
        if (best.yield_per == 0 || (fits && (size > best.yield_per || (double)best.peak > allowed)) || (!fits && trial.peak < best.peak))
            best = trial;
        figures->yield_per = next_size(advice, &trial, largest);
        if (figures->yield_per == size || ran_out(&trial))
            break;
    }
    figures->yield_per = best.yield_per ? best.yield_per : figures->yield_per;
    take_trial(figures, &best);
    if (best.ended) {
        figures->rows = best.rows;
        figures->rows_from = "counted";
    }
    expect(advice, &best);
    return WEIR_OK;
}

/* ---- remarks about the measurement --------------------------------------------------------------------------------------------------------- */

static void remark(weir_advice *advice)
{
    const weir_advice_figures *figures = &advice->figures;
    weir_remarks *remarks = &advice->remarks;
    bool single = figures->trial_whole && figures->trial_rows <= 1;
    char bytes[WEIR_GROUPED_SIZE];
    if (!single)
        weir_remarks_of_order(remarks, &advice->text, &advice->compiled, advice->dialect, &advice->table, advice->sorted);
    if (advice->postgresql)
        weir_remarks_of_settings(remarks, &advice->settings, figures->seconds, figures->longest_batch_seconds);
    if (!figures->fits)
        weir_remark_add(remarks, "memory", WEIR_REMARK_WARNING, 0, "give it more memory, or read fewer and narrower columns",
                        "even batches of %lld rows hold %s bytes, more than 70 %% of the memory", (long long)figures->yield_per,
                        weir_grouped(bytes, (double)figures->expected_peak_bytes));
    if (advice->out_of_time)
        weir_remark_add(remarks, "slow-first-row", WEIR_REMARK_WARNING, 0, "read the plan (EXPLAIN): what it does before its first row is what takes long",
                        "a trial was ended after %s without having read what it should",
                        weir_duration(bytes, (double)advice->options.limit_ms));
    if (advice->compiled.facts.locks_rows)
        weir_remark_add(remarks, "not-measured", WEIR_REMARK_NOTE, 0, "ask about the same query without FOR UPDATE",
                        "the query locks rows, so it was planned and not executed: a row is taken for %d times the planner's width", HYDRATION);
    else if (figures->sample_rows == 0 && !(figures->trial_whole && figures->trial_rows > 0))
        weir_remark_add(remarks, "not-measured", WEIR_REMARK_NOTE, 0, "ask again when there are rows",
                        "no rows could be measured: the batch size is what rows below 1 KB usually get, or %d times the planner's width", HYDRATION);
    if (advice->postgresql && advice->table.known && advice->table.rows < 0)
        weir_remark_add(remarks, "no-statistics", WEIR_REMARK_NOTE, 0, "ANALYZE the table",
                        "the table %s was never analysed: the planner guesses how many rows there are", advice->text.table_name);
    weir_remarks_sort(remarks);
}

/* ---- the handle --------------------------------------------------------------------------------------------------------------------------------- */

static void make(weir_advice *advice, weir_engine *engine, const weir_stmt *stmt, const weir_advise_options *options)
{
    weir_memory_figures held;
    if (weir_engine_error(engine)->status != WEIR_OK || !engine->core) {
        weir_error_keep(&advice->error, weir_engine_error(engine));
        if (advice->error.status == WEIR_OK)
            weir_error_set(&advice->error, WEIR_RESOURCE_CLOSED, "This Engine is closed");
        return;
    }
    weir_engine_memory(engine, &held);
    advice->before = held.bytes;
    advice->engine = engine;
    advice->stmt = stmt;
    advice->dialect = engine->core->driver->dialect;
    advice->postgresql = advice->dialect == &weir_dialect_postgresql;
    if (read_options(advice, options) != WEIR_OK || read_statement(advice, stmt) != WEIR_OK || ask(advice) != WEIR_OK ||
        choose(advice) != WEIR_OK || try_it(advice) != WEIR_OK)
        return;
    remark(advice);
    if (advice->remarks.failed)
        weir_error_out_of_memory(&advice->error);
}

weir_advice *weir_advise(weir_engine *engine, const weir_stmt *stmt, const weir_advise_options *options)
{
    weir_advice *advice = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *advice);
    if (!advice)
        return (weir_advice *)(uintptr_t)&no_memory;        /* nothing writes to it */
    weir_arena_init(&advice->arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 4096);
    advice->remarks.arena = &advice->arena;
    advice->figures = (weir_advice_figures){ .rows = -1, .rows_from = "", .batches = -1, .round_trips = -1, .seconds = -1,
                                             .stored_bytes = -1, .widest_bytes = -1 };
    make(advice, engine, stmt, options);
    if (advice->error.status != WEIR_OK)
        advice->figures = (weir_advice_figures){ .rows_from = "" };
    else
        advice->figures.remarks = advice->remarks.items, advice->figures.remark_count = advice->remarks.count;
    return advice;
}

const weir_advice_figures *weir_advice_result(const weir_advice *advice)
{
    static const weir_advice_figures none = { .rows_from = "" };
    return advice && advice != &no_memory ? &advice->figures : &none;
}

const weir_error *weir_advice_error(const weir_advice *advice)
{
    static const weir_error closed = { .status = WEIR_RESOURCE_CLOSED, .message = "This advice was freed." };
    return advice ? &advice->error : &closed;
}

void weir_advice_free(weir_advice **advice)
{
    if (!advice || !*advice)
        return;
    if (*advice != &no_memory) {
        weir_arena_free(&(*advice)->arena);
        weir_free(*advice);
    }
    *advice = NULL;
}
