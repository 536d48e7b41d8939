/* weir advise: which batch size fits a memory budget, and what in plan, order and settings will hurt a stream. */
#include "advise.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "database.h"
#include "export.h"
#include "failure.h"
#include "json.h"
#include "query.h"
#include "signals.h"
#include "text.h"

typedef struct advise_settings {
    export_settings query;              /* url, table and the like */
    int64_t     memory;
    int64_t     trial_rows, limit_ms;
    bool        json;
} advise_settings;

#define ROW(name, value, kind, member, choices, help) { name, value, kind, offsetof(advise_settings, member), choices, help }
static const option_row rows[] = {
    QUERY_ROWS(ROW),
    ROW("--memory", "SIZE", OPTION_SIZE, memory, NULL, "what the stream may hold: 256M, 64MiB, 1G, or bytes (powers of 1024)"),
    ROW("--trial-rows", "N", OPTION_COUNT, trial_rows, NULL, "rows that the trial reads, default 100000"),
    ROW("--limit-ms", "N", OPTION_COUNT, limit_ms, NULL, "longest for each question and each trial, default 10000"),
    ROW("--json", NULL, OPTION_ON, json, NULL, "one line of JSON instead of text"),
    ROW("--help", NULL, OPTION_HELP, query.url, NULL, "this text"),
};

static int run_advise(int count, char **words);

const command_spec advise_command = {
    .name = "advise",
    .usage = "URL (--table T | --query SQL) --memory SIZE [options]",
    .summary = "which batch size fits a memory budget, and what will hurt a stream",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .argument_offset = offsetof(advise_settings, query.url),
    .arguments = { "URL" },
    .notes =
        "What is done: the plan is read, some 2000 rows are sampled (PostgreSQL: TABLESAMPLE of a plain table, pg_column_size),\n"
        "small streams tell what a row costs in weir's ledger, and the query itself is streamed at the recommended batch size. All\n"
        "of it in READ ONLY transactions that are rolled back; a query with FOR UPDATE is planned only.\n"
        "The recommended --yield-per holds at most 70 % of the memory, is rounded down to one digit and zeros, and lies within 100\n"
        "and 50000. The time is that of the trial to its first batch, and its speed for the rest of the estimated rows: a reader\n"
        "that takes no time.\n"
        "Remarks have a code that does not change, for scripts: docs/how-to/size-the-batch.md lists them.\n"
        "\n"
        "Exit codes: 0 advice was given, whatever it says; 1 failed; 2 wrong usage; 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.\n",
    .run = run_advise,
};

/* ---- text ------------------------------------------------------------------------------------------------------------ */

static const char *shown_bytes(char out[32], double bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++)
        bytes /= 1024;
    snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return out;
}

static const char *shown_seconds(char out[32], double seconds)
{
    if (seconds < 1)
        snprintf(out, 32, "%.0f ms", seconds * 1000);
    else if (seconds < 120)
        snprintf(out, 32, "%.1f s", seconds);
    else
        snprintf(out, 32, "%.0f min", seconds / 60);
    return out;
}

static void line(const char *name, const char *value, const char *note) { printf("%-22s %s%s%s\n", name, value, *note ? "  " : "", note); }

static const char *rows_known(const weir_advice_figures *f)
{
    return !strcmp(f->rows_from, "planner") ? "(the planner's estimate)" : !strcmp(f->rows_from, "statistics") ? "(by ANALYZE)"
         : !strcmp(f->rows_from, "rowid") ? "(the greatest rowid)" : !strcmp(f->rows_from, "counted") ? "(counted)" : "";
}

static void print_row_sizes(const weir_advice_figures *f)
{
    char value[32], stored[32], widest[32], note[160];
    snprintf(note, sizeof note, "in weir's ledger, from %" PRId64 " rows (%s)", f->sample_rows,
             f->sample_rows == 0 ? "not measured" : f->random_sample ? "sampled from the whole table" : "the first ones");
    line("bytes per row", shown_bytes(value, f->row_bytes), note);
    if (f->stored_bytes < 0)
        return;
    snprintf(note, sizeof note, "pg_column_size: average; the widest %s", shown_bytes(widest, f->widest_bytes));
    line("bytes stored", shown_bytes(stored, f->stored_bytes), note);
}

static void print_text(const weir_advice_figures *f, bool sqlite)
{
    char value[32], first[32], note[160];
    snprintf(note, sizeof note, "(70 %% of the memory hold %s rows)", text_grouped(first, f->fitting_rows));
    line("yield_per", text_grouped(value, f->yield_per), note);
    line("expected peak", shown_bytes(value, (double)f->expected_peak_bytes), "");
    line("rows", f->rows < 0 ? "unknown" : text_grouped(value, f->rows), f->rows < 0 ? "" : rows_known(f));
    if (!sqlite)
        line("round trips", f->round_trips < 0 ? "unknown" : text_grouped(value, f->round_trips), "");
    line("time", f->seconds < 0 ? "unknown" : shown_seconds(value, f->seconds), f->seconds < 0 ? "" : "(by the trial's speed; a reader that takes no time)");
    print_row_sizes(f);
    if (f->trial_rows > 0) {
        char rows_read[32], took[32], peak[32];
        snprintf(note, sizeof note, "%s in %s, first batch after %s, peak %s", f->trial_whole ? "all of them" : "read",
                 shown_seconds(took, f->trial_seconds), shown_seconds(first, f->first_batch_seconds), shown_bytes(peak, (double)f->trial_peak_bytes));
        snprintf(value, sizeof value, "%.20s rows", text_grouped(rows_read, f->trial_rows));
        line("trial", value, note);
    }
    text said = { 0 }, advice = { 0 };
    for (size_t i = 0; i < f->remark_count; i++) {
        const weir_remark *r = &f->remarks[i];
        printf("\n%s [%s]: %s.\n  -> %s.\n", r->weight == WEIR_REMARK_WARNING ? "warning" : "note", r->code, text_tamed(&said, r->text),
               text_tamed(&advice, r->advice));
    }
    text_free(&said);
    text_free(&advice);
    if (f->remark_count == 0)
        printf("\nNothing in plan, order or settings stands in the way of this stream.\n");
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------- */

static void print_json(const weir_advice_figures *f, int64_t memory)
{
    text out = { 0 };
    json_open(&out, NULL, '{');
    json_int(&out, "memory", memory);
    json_int(&out, "yield_per", f->yield_per);
    json_int(&out, "fitting_rows", f->fitting_rows);
    json_int(&out, "expected_peak_bytes", f->expected_peak_bytes);
    json_bool(&out, "fits", f->fits);
    json_double(&out, "rows", (double)f->rows, 0);
    json_text(&out, "rows_from", *f->rows_from ? f->rows_from : NULL);
    json_double(&out, "batches", (double)f->batches, 0);
    json_double(&out, "round_trips", (double)f->round_trips, 0);
    json_double(&out, "seconds", f->seconds, 6);
    json_double(&out, "row_bytes", f->row_bytes, 1);
    json_double(&out, "fixed_bytes", f->fixed_bytes, 0);
    json_double(&out, "stored_bytes", f->stored_bytes, 1);
    json_double(&out, "widest_bytes", f->widest_bytes, 0);
    json_int(&out, "sample_rows", f->sample_rows);
    json_bool(&out, "random_sample", f->random_sample);
    json_int(&out, "trial_rows", f->trial_rows);
    json_bool(&out, "trial_whole", f->trial_whole);
    json_int(&out, "trial_peak_bytes", f->trial_peak_bytes);
    json_double(&out, "trial_seconds", f->trial_seconds, 6);
    json_double(&out, "first_batch_seconds", f->first_batch_seconds, 6);
    json_double(&out, "longest_batch_seconds", f->longest_batch_seconds, 6);
    json_open(&out, "remarks", '[');
    for (size_t i = 0; i < f->remark_count; i++) {
        json_open(&out, NULL, '{');
        json_text(&out, "code", f->remarks[i].code);
        json_text(&out, "weight", f->remarks[i].weight == WEIR_REMARK_WARNING ? "warning" : "note");
        json_text(&out, "text", f->remarks[i].text);
        json_text(&out, "advice", f->remarks[i].advice);
        json_close(&out, '}');
    }
    json_close(&out, ']');
    json_close(&out, '}');
    puts(out.data);
    text_free(&out);
}

/* ---- the run ------------------------------------------------------------------------------------------------------------ */

static int advise(const advise_settings *settings, int64_t memory)
{
    weir_engine *engine = NULL;
    weir_stmt *stmt = NULL;
    weir_advice *advice = NULL;
    bool sqlite = false;
    int code = query_open(&settings->query, &engine, &sqlite, &stmt);
    if (code == 0) {
        advice = weir_advise(engine, stmt, WEIR_ADVISE_OPTIONS(.memory = memory, .trial_rows = settings->trial_rows, .limit_ms = settings->limit_ms));
        if (weir_advice_error(advice)->status != WEIR_OK)
            code = database_failed("cannot advise", weir_advice_error(advice));
        else if (settings->json)
            print_json(weir_advice_result(advice), memory);
        else
            print_text(weir_advice_result(advice), sqlite);
    }
    weir_advice_free(&advice);
    weir_stmt_free(&stmt);
    if (engine)
        weir_engine_close(&engine);
    return code;
}

static int run_advise(int count, char **words)
{
    advise_settings settings = { .trial_rows = 0 };
    int code = options_parse(&advise_command, count, words, &settings);
    if (code == 0)
        code = query_check(&settings.query);
    if (code == 0 && !settings.memory)
        code = failure_say(EXIT_USAGE, "wrong usage: --memory is missing; give what the stream may hold, as in --memory 256M");
    if (code == 0) {
        failure_command("advise", "name the columns you need with --columns, or convert the value in --query");
        signals_start("advise", "nothing was changed");
        code = advise(&settings, settings.memory);
    }
    text_list_free(&settings.query.parameters);
    return code == OPTIONS_HELP_SHOWN ? 0 : code;
}
