/* weir copy: a table's rows from one database into another. */
#include "copy.h"
#include <stdio.h>
#include <string.h>
#include "database.h"
#include "export.h"
#include "failure.h"
#include "progress.h"
#include "query.h"
#include "signals.h"
#include "stats.h"
#include "text.h"

typedef struct copy_settings {
    const char *source, *target;        /* in this order: the arguments */
    const char *table, *to_table, *columns, *where, *upsert, *stats;
    bool        create, quiet;
    int64_t     memory;                 /* bytes; 0: no budget */
    int64_t     yield_per;              /* -1: not given */
} copy_settings;

#define ROW(name, value, kind, member, choices, help) { name, value, kind, offsetof(copy_settings, member), choices, help }
static const option_row rows[] = {
    ROW("--table", "T", OPTION_TEXT, table, NULL, "the source's table or view: name, or schema.name (a name with a point in it\n"
        "in double quotes)"),
    ROW("--to-table", "T", OPTION_TEXT, to_table, NULL, "the target's table; default: of the same name"),
    ROW("--create", NULL, OPTION_ON, create, NULL,
        "make the target's table first: columns, NOT NULL and primary key as in the\n"
        "source, types as the target calls them"),
    ROW("--columns", "A,B", OPTION_TEXT, columns, NULL, "only these columns (not with --create)"),
    ROW("--where", "SQL", OPTION_TEXT, where, NULL, "only rows of the source for which this condition holds"),
    ROW("--upsert", "COL,...", OPTION_TEXT, upsert, NULL, "rows whose values of these columns (a unique key) are in the target are updated"),
    ROW("--yield-per", "N", OPTION_COUNT, yield_per, NULL, "rows held at a time, default 5000"),
    ROW("--memory", "SIZE", OPTION_SIZE, memory, NULL,
        "what the stream may hold, as in 64M: batches end before they would take more,\n"
        "however wide rows are; with --yield-per, too, whichever ends a batch first"),
    ROW("--stats", "json", OPTION_TEXT, stats, "json", "print one line of JSON about the run on standard error at the end"),
    ROW("--quiet", NULL, OPTION_ON, quiet, NULL, "no progress line"),
    ROW("--help", NULL, OPTION_HELP, source, NULL, "this text"),
};

static int run_copy(int count, char **words);

const command_spec copy_command = {
    .name = "copy",
    .usage = "SOURCE-URL TARGET-URL --table T [options]",
    .summary = "copy a table from one database into another",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .argument_offset = offsetof(copy_settings, source),
    .arguments = { "SOURCE-URL", "TARGET-URL" },
    .notes =
        "The source is read in one snapshot (PostgreSQL: REPEATABLE READ READ ONLY), the target written in one transaction: after a\n"
        "failure it is as it was. Rows are on their way from the one while the other takes those before; memory stays flat.\n"
        "Values are taken exactly or not at all; SQLite columns may hold values that their declared type does not have, which\n"
        "PostgreSQL refuses: the message names column and row.\n"
        "\n"
        "Exit codes: 0 all is copied; 1 failed; 2 wrong usage; 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.\n",
    .run = run_copy,
};

typedef struct copy_run {
    const copy_settings *settings;
    export_settings  query;             /* what is read */
    text             sql;
    weir_engine     *source, *target;
    weir_connection *from, *to;
    bool             source_sqlite, target_sqlite;
    weir_stmt       *stmt;
    weir_result     *result;
    int64_t          rows, batches;
} copy_run;

static int check_settings(const copy_settings *s)
{
    if (!s->table)
        return failure_say(EXIT_USAGE, "wrong usage: --table is missing; give --table T");
    if (s->create && s->columns)
        return failure_say(EXIT_USAGE, "wrong usage: --create makes all columns; leave --columns away, or make the table yourself");
    if (s->yield_per == 0)
        return failure_say(EXIT_USAGE, "wrong value for --yield-per: 0 would read the whole table into memory; give 1 or more");
    return 0;
}

static int connect_both(copy_run *run)
{
    const copy_settings *s = run->settings;
    int code = database_open(&run->source, s->source, false, &run->source_sqlite);
    if (code == 0)
        code = database_open(&run->target, s->target, s->create, &run->target_sqlite);
    if (code == 0)
        code = database_connect(run->source, &run->from);
    if (code == 0)
        code = database_connect(run->target, &run->to);
    if (code != 0)
        return code;
    signals_watch_connection(run->from);
    weir_execution_options options = {
        .struct_size = sizeof options,
        .isolation_level = run->source_sqlite ? WEIR_ISOLATION_DEFAULT : WEIR_REPEATABLE_READ,
        .read_only = WEIR_ON,
    };
    if (weir_connection_options(run->from, &options) != WEIR_OK)
        return database_failed("cannot begin to read", weir_connection_error(run->from));
    return 0;
}

static int make_table(copy_run *run)
{
    const copy_settings *s = run->settings;
    weir_error error = { 0 };
    if (s->create && weir_create_like(run->from, s->table, run->to, s->to_table ? s->to_table : s->table, &error) != WEIR_OK)
        return database_failed("cannot make the table", &error);
    return 0;
}

/* SQLite has no arrays: they become texts, as PostgreSQL writes them. */
static int arrays_as_texts(copy_run *run)
{
    text question = { 0 }, list = { 0 };
    bool any = false;
    text_add(&question, run->sql.data);
    text_add(&question, run->query.where ? " AND false" : " WHERE false");
    weir_stmt *stmt = weir_sql(question.data);
    weir_result *described = weir_connection_execute(run->from, stmt, NULL);
    for (size_t i = 0; i < weir_result_column_count(described); i++) {
        const weir_column_info *column = weir_result_column(described, i);
        bool is_array = column->type == WEIR_T_ARRAY;
        text_add(&list, i ? ", " : "");
        query_name(column->name, &list);
        text_add(&list, is_array ? "::text AS " : "");
        if (is_array)
            query_name(column->name, &list);
        any = any || is_array;
    }
    int code = weir_result_error(described)->status == WEIR_OK ? 0 : database_failed("cannot read the source", weir_result_error(described));
    if (weir_result_close(&described) != WEIR_OK && code == 0)
        code = EXIT_FAILED;
    weir_stmt_free(&stmt);
    if (code == 0 && any) {
        text wrapped = { 0 };
        text_add(&wrapped, "SELECT ");
        text_add(&wrapped, list.data);
        text_add(&wrapped, " FROM (");
        text_add(&wrapped, run->sql.data);
        text_add(&wrapped, ") AS rows");
        text_free(&run->sql);
        run->sql = wrapped;
    }
    text_free(&question);
    text_free(&list);
    return code;
}

static int execute(copy_run *run)
{
    int code = query_build(&run->query, &run->sql);
    if (code == 0 && run->target_sqlite && !run->source_sqlite)
        code = arrays_as_texts(run);
    if (code != 0 || !(run->stmt = query_statement(&run->query, run->sql.data, run->source_sqlite, &code)))
        return code;
    if (!run->settings->quiet && progress_possible())
        progress_start(weir_connection_estimate_rows(run->from, run->stmt));
    run->result = weir_connection_execute(run->from, run->stmt, export_execution(&run->query));
    if (weir_result_error(run->result)->status != WEIR_OK)
        return database_failed("cannot read the source", weir_result_error(run->result));
    return 0;
}

static void show_progress(int64_t copied, void *unused)
{
    (void)unused;
    progress_rows(copied);
}

/* The names of the result's columns, NULL-terminated, in memory that lives as long as the result; to be freed. */
static const char **column_names(const weir_result *result, text_list *list)
{
    for (size_t i = 0; i < weir_result_column_count(result); i++)
        text_list_add(list, weir_result_column(result, i)->name);
    text_list_add(list, NULL);
    return list->items;
}

static int refused(const weir_error *error)
{
    char what[80] = "cannot write into the target";
    if (error->row > 0)
        snprintf(what, sizeof what, "cannot write into the target: row %lld", (long long)error->row);
    return database_failed(what, error);
}

static int copy_rows(copy_run *run)
{
    const copy_settings *s = run->settings;
    text_list columns = { 0 };
    char **upsert = names_split(s->upsert);
    weir_copy *copy = weir_copy_open(run->to, WEIR_COPY_OPTIONS(
        .table = s->to_table ? s->to_table : s->table, .columns = column_names(run->result, &columns),
        .upsert = (const char *const *)upsert, .progress = show_progress));
    int code = 0, status = weir_copy_result(copy, run->result);
    if (weir_result_error(run->result)->status != WEIR_OK)
        code = database_failed("reading the source failed", weir_result_error(run->result));
    else if (status != WEIR_OK)
        code = refused(weir_copy_error(copy));
    if (code != 0)
        weir_copy_abort(&copy);
    else if ((run->rows = weir_copy_finish(&copy)) < 0)
        code = refused(weir_connection_error(run->to));
    text_list_free(&columns);
    names_free(upsert);
    return code;
}

/* The source is let go of first: where it is the same SQLite file, its reader would keep the writer from committing. */
static int commit(copy_run *run)
{
    signals_finishing();
    signals_watch_connection(NULL);
    weir_result_figures figures = { 0 };
    weir_result_info(run->result, &figures);
    run->batches = figures.batches;
    int closed = weir_result_close(&run->result);
    run->result = NULL;
    if (closed != WEIR_OK || weir_connection_rollback(run->from) != WEIR_OK)
        return failure_say(EXIT_FAILED, "reading the source failed at its end: nothing is copied; run the copy again");
    return weir_connection_commit(run->to) == WEIR_OK ? 0 : database_failed("cannot commit", weir_connection_error(run->to));
}

static int close_all(copy_run *run)
{
    int code = 0;
    signals_watch_connection(NULL);
    if (run->result && weir_result_close(&run->result) != WEIR_OK)
        code = EXIT_FAILED;             /* known, and reported, when it happened */
    if (run->stmt)
        weir_stmt_free(&run->stmt);
    if (run->from) {
        weir_connection_rollback(run->from);
        if (weir_connection_close(&run->from) != WEIR_OK)
            code = EXIT_FAILED;
    }
    if (run->to && weir_connection_close(&run->to) != WEIR_OK)
        code = EXIT_FAILED;
    weir_engine_close(&run->source);
    weir_engine_close(&run->target);
    text_free(&run->sql);
    return code;
}

static int run_copy(int count, char **words)
{
    copy_settings settings = { .yield_per = -1 };
    copy_run run = { .settings = &settings };
    double began = stats_clock();
    int code = options_parse(&copy_command, count, words, &settings);
    if (code == 0)
        code = check_settings(&settings);
    if (code != 0)
        return code == OPTIONS_HELP_SHOWN ? 0 : code;
    run.query = (export_settings){ .table = settings.table, .columns = settings.columns, .where = settings.where,
                                   .yield_per = settings.yield_per, .memory = settings.memory };
    failure_command("copy", "mend the value in the source, or leave it out with --columns or --where");
    failure_command_writes();
    signals_start("copy", "the target is as it was");
    code = connect_both(&run);
    if (code == 0)
        code = make_table(&run);
    if (code == 0)
        code = execute(&run);
    if (code == 0)
        code = copy_rows(&run);
    if (code == 0)
        code = commit(&run);
    int closed = close_all(&run);
    if (code == 0 && closed != 0)
        code = failure_say(closed, "all is copied, but closing the connections failed; check the target's table");
    if (code == 0)
        progress_end(run.rows);
    if (code == 0 && settings.stats)
        stats_print_json(&(export_stats){ .rows = run.rows, .batches = run.batches, .seconds = stats_clock() - began });
    return code;
}
