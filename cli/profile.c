/* weir profile: streams and, if asked, fetches whole; memory over rows becomes a figure, with the numbers beside it. */
#include "profile.h"
#include "whole.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "database.h"
#include "export.h"
#include "failure.h"
#include "figure.h"
#include "json.h"
#include "profile_run.h"
#include "query.h"
#include "signals.h"

typedef struct profile_settings {
    export_settings query;              /* url, table and the like */
    text_list   yield_per;
    bool        buffered;
    const char *svg, *json, *title;
    const char *measure;                /* of a child: the batch size of its run */
} profile_settings;

#define ROW(name, value, kind, member, choices, help) { name, value, kind, offsetof(profile_settings, member), choices, help }
static const option_row rows[] = {
    QUERY_ROWS(ROW),
    ROW("--yield-per", "N", OPTION_LIST, yield_per, NULL, "a run with this batch size; may be repeated; default 5000"),
    ROW("--buffered", NULL, OPTION_ON, buffered, NULL, "one more run, which reads the whole result into memory"),
    ROW("--svg", "FILE", OPTION_TEXT, svg, NULL, "the figure"),
    ROW("--json", "FILE", OPTION_TEXT, json, NULL, "the runs with all their samples"),
    ROW("--title", "TEXT", OPTION_TEXT, title, NULL, "the figure's second line; default: version and database"),
    ROW("--help", NULL, OPTION_HELP, query.url, NULL, "this text"),
};
static const char measure_word[] = "--measure";       /* what a child is started with: no option that people see */

static int run_profile(int count, char **words);

const command_spec profile_command = {
    .name = "profile",
    .usage = "URL (--table T | --query SQL) --svg FILE [options]",
    .summary = "measure memory over rows, streamed and buffered, as a figure",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .argument_offset = offsetof(profile_settings, query.url),
    .arguments = { "URL" },
    .notes =
        "Each run has a process of its own, so that its peak is its own. Resident memory is the system's figure (/proc/self/statm,\n"
        "the peak VmHWM), \"in weir\" what its ledger counts. A run's time is from sending the query to its last row; the rows are\n"
        "read and dropped. While a buffered fetch runs nobody sees its rows: how many there are at a sample is told from the\n"
        "ledger, the whole being all rows.\n"
        "--buffered needs memory for all rows: weir advise tells what a row takes.\n"
        "\n"
        "Exit codes: 0 all files are written; 1 failed; 2 wrong usage; 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.\n",
    .run = run_profile,
};

/* ---- runs ---------------------------------------------------------------------------------------------------------------- */

typedef struct profile { figure_run runs[FIGURE_RUNS]; size_t count; int64_t sizes[FIGURE_RUNS]; size_t wanted; } profile;

static int parse_size(const char *given, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(given, &end, 10);
    if (errno || end == given || *end || number < 0 || number > INT32_MAX)
        return failure_say(EXIT_USAGE, "wrong value for --yield-per: \"%s\" is not a number from 1 to %d; give digits only", given, INT32_MAX);
    *out = number;
    return 0;
}

static int plan_runs(const profile_settings *s, profile *p)
{
    if (s->yield_per.count + s->buffered > FIGURE_RUNS)
        return failure_say(EXIT_USAGE, "too many runs: a figure has room for %d; leave some --yield-per away", FIGURE_RUNS);
    if (s->buffered)
        p->sizes[p->wanted++] = 0;
    if (s->yield_per.count == 0)
        p->sizes[p->wanted++] = 5000;
    for (size_t i = 0; i < s->yield_per.count; i++) {
        int code = parse_size(s->yield_per.items[i], &p->sizes[p->wanted]);
        if (code == 0 && p->sizes[p->wanted] == 0)
            code = failure_say(EXIT_USAGE, "wrong value for --yield-per: 0 is no batch size; give --buffered to read the whole result at once");
        if (code != 0)
            return code;
        p->wanted++;
    }
    return 0;
}

/* The words of this command, and which run it is. */
static int run_one(int count, char **words, int64_t size, figure_run *run)
{
    char measure[sizeof measure_word], name[] = "weir", command[] = "profile", number[32];
    char **all = calloc((size_t)count + 5, sizeof *all);
    if (!all)
        return failure_say(EXIT_FAILED, "out of memory: none is left for the command itself; close other programs and try again");
    snprintf(number, sizeof number, "%" PRId64, size);
    memcpy(measure, measure_word, sizeof measure);
    all[0] = name;
    all[1] = command;
    all[2] = measure;
    all[3] = number;
    memcpy(all + 4, words, (size_t)count * sizeof *all);
    int code = profile_child(all, size, run);
    free(all);
    return code;
}

/* ---- what comes out ---------------------------------------------------------------------------------------------------------- */

static void write_json(const profile *p, text *out)
{
    json_open(out, NULL, '{');
    json_open(out, "runs", '[');
    for (size_t i = 0; i < p->count; i++) {
        const figure_run *run = &p->runs[i];
        json_open(out, NULL, '{');
        json_int(out, "yield_per", run->yield_per);
        json_bool(out, "buffered", run->yield_per == 0);
        json_int(out, "rows", run->rows);
        json_double(out, "seconds", run->seconds, 6);
        json_double(out, "rows_per_second", run->seconds > 0 ? (double)run->rows / run->seconds : 0, 0);
        json_int(out, "peak_rss_bytes", run->peak_rss);
        json_int(out, "peak_ledger_bytes", run->peak_ledger);
        json_int(out, "round_trips", run->round_trips);
        json_open(out, "samples", '[');
        for (size_t j = 0; j < run->sample_count; j++) {
            json_open(out, NULL, '{');
            json_int(out, "rows", run->samples[j].rows);
            json_int(out, "rss_bytes", run->samples[j].rss);
            json_int(out, "ledger_bytes", run->samples[j].ledger);
            json_close(out, '}');
        }
        json_close(out, ']');
        json_close(out, '}');
    }
    json_close(out, ']');
    json_close(out, '}');
    text_add(out, "\n");
}

static void print_table(const profile *p)
{
    printf("%-22s %14s %14s %10s %14s %12s\n", "run", "peak resident", "peak in weir", "seconds", "rows/s", "round trips");
    for (size_t i = 0; i < p->count; i++) {
        const figure_run *run = &p->runs[i];
        char name[64], rss[32], ledger[32], speed[32], trips[32];
        printf("%-22s %14s %14s %10.2f %14s %12s\n", figure_run_name(name, run), figure_megabytes(rss, run->peak_rss),
               figure_megabytes(ledger, run->peak_ledger), run->seconds,
               text_grouped(speed, run->seconds > 0 ? (int64_t)((double)run->rows / run->seconds) : 0), run->round_trips ? text_grouped(trips, run->round_trips) : "none");
    }
}

static int write_all(const profile_settings *s, const profile *p)
{
    text svg = { 0 }, json = { 0 }, subtitle = { 0 };
    if (s->title) {
        text_add(&subtitle, s->title);
    } else {
        text_add(&subtitle, "weir ");
        text_add(&subtitle, weir_version());
        text_add(&subtitle, text_begins(s->query.url, "sqlite") ? ", SQLite" : ", PostgreSQL");
        text_add(&subtitle, s->query.table ? ", table " : "");
        text_add(&subtitle, s->query.table ? s->query.table : "");
    }
    figure_draw(p->runs, p->count, subtitle.data, &svg);
    int code = whole_write(s->svg, &svg);
    if (code == 0 && s->json) {
        write_json(p, &json);
        code = whole_write(s->json, &json);
    }
    if (code == 0)
        print_table(p);
    text_free(&svg);
    text_free(&json);
    text_free(&subtitle);
    return code;
}

/* ---- the command ---------------------------------------------------------------------------------------------------------------- */

static int profile_all(const profile_settings *s, int count, char **words)
{
    static profile p;
    int code = plan_runs(s, &p);
    for (; code == 0 && p.count < p.wanted; p.count++)
        code = run_one(count, words, p.sizes[p.count], &p.runs[p.count]);
    if (code == 0)
        code = write_all(s, &p);
    for (size_t i = 0; i < p.wanted; i++)
        free(p.runs[i].samples);
    return code;
}

static int measure_one(const profile_settings *s)
{
    int64_t size = 0;
    int code = parse_size(s->measure, &size);
    if (code != 0)
        return code;
    signals_start("profile", "nothing was written");
    profile_end_with_parent();
    code = profile_measure(&s->query, size, dup(STDOUT_FILENO));
    return signals_caught() ? signals_report(signals_caught()) : code;
}

static int run_profile(int count, char **words)
{
    profile_settings settings = { .svg = NULL };
    bool is_child = count >= 2 && !strcmp(words[0], measure_word);
    if (is_child)
        settings.measure = words[1];
    int code = options_parse(&profile_command, is_child ? count - 2 : count, is_child ? words + 2 : words, &settings);
    failure_command("profile", "name the columns you need with --columns, or convert the value in --query");
    if (code == 0)
        failure_hide_password(settings.query.url);
    if (code == 0)
        code = query_check(&settings.query);
    if (code == 0 && !settings.svg)
        code = failure_say(EXIT_USAGE, "wrong usage: --svg is missing; give the figure's file, as in --svg memory.svg");
    if (code == 0)
        code = database_keep_apart(settings.query.url, settings.svg, "--svg");
    if (code == 0)
        code = database_keep_apart(settings.query.url, settings.json, "--json");
    if (code == 0)
        code = is_child ? measure_one(&settings) : profile_all(&settings, count, words);
    text_list_free(&settings.query.parameters);
    text_list_free(&settings.yield_per);
    return code == OPTIONS_HELP_SHOWN ? 0 : code;
}
