/* weir export: a query's rows into a file. */
#include "export.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "database.h"
#include "export_file.h"
#include "export_jobs.h"
#include "export_resume.h"
#include "failure.h"
#include "progress.h"
#include "query.h"
#include "signals.h"
#include "stats.h"

#define ROW(name, value, kind, member, choices, help) { name, value, kind, offsetof(export_settings, member), choices, help }
static const option_row rows[] = {
    ROW("--table", "T", OPTION_TEXT, table, NULL,
        "the table or view: name, or schema.name; quoted for you, so capital letters\n"
        "count (put a name with a point in it into double quotes)"),
    ROW("--query", "SQL", OPTION_TEXT, query, NULL, "the query, instead of --table"),
    ROW("--param", "NAME=VALUE", OPTION_LIST, parameters, NULL, "the value of :NAME in --query or --where; may be repeated"),
    ROW("--columns", "A,B", OPTION_TEXT, columns, NULL, "with --table: only these columns, in this order"),
    ROW("--where", "SQL", OPTION_TEXT, where, NULL, "with --table: only rows for which this condition holds"),
    ROW("--order-by", "SQL", OPTION_TEXT, order_by, NULL, "with --table: the order, as in \"id, created_at desc\""),
    ROW("--resume", NULL, OPTION_ON, resume, NULL,
        "go on where an interrupted export of this command stopped, or begin; repeat the\n"
        "command until it ends well (csv, jsonl; with --split or --partition-rows all formats, part by\n"
        "part). Data and place stay beside the file, or in its directory, meanwhile"),
    ROW("--retry", "N", OPTION_COUNT, retry, NULL,
        "replace a lost connection up to N times in a row and go on behind the last row;\n"
        "rows that follow are of a later moment"),
    ROW("--key", "A,B", OPTION_TEXT, key, NULL,
        "with --resume or --retry: the columns whose values no two rows share, and the\n"
        "order, as in \"created_at desc, id\"; default: --order-by, else the primary key"),
    ROW("--checkpoint-every", "N", OPTION_TEXT, checkpoint_every, NULL,
        "with --resume: save the place after so many rows (10000), bytes (64M) or\n"
        "seconds (5s); default: 5s or 64M, what comes first"),
    ROW("--jobs", "N", OPTION_COUNT, jobs, NULL,
        "read by N connections at once, in ranges of --key, --order-by or the primary key,\n"
        "under one snapshot; the file is the one that a single connection writes"),
    ROW("--split", NULL, OPTION_ON, split, NULL,
        "with --jobs: a file per range, FILE's name with the range's number in it, and a\n"
        "manifest with rows and checksums, which is what counts"),
    ROW("--worker", "JOB", OPTION_TEXT, worker, NULL,
        "take part in the job of that name, or begin it: any number of workers on any machines\n"
        "share its ranges by tables in the same PostgreSQL; --to is this one's directory"),
    ROW("--job-status", "JOB", OPTION_TEXT, job_status, NULL, "show how far that job is; nothing else but the URL is needed"),
    ROW("--job-schema", "NAME", OPTION_TEXT, job_schema, NULL, "the schema of the jobs' tables, default weir_jobs; made if it is missing"),
    ROW("--lease", "SECONDS", OPTION_COUNT, lease, NULL,
        "with --worker: after so long without a sign its range is taken over, default 60"),
    ROW("--attempts", "N", OPTION_COUNT, attempts, NULL, "of the worker that begins a job: a range that failed so often ends it, default 3"),
    ROW("--range-bytes", "N", OPTION_COUNT, range_bytes, NULL, "with --jobs and --worker: of the table in one range, default 16777216 (16 MiB)"),
    ROW("--to", "FILE|-", OPTION_TEXT, to, NULL,
        "where to; - is standard output. A file gets its name when it is whole"),
    ROW("--format", "csv|jsonl|parquet|arrow", OPTION_TEXT, format, NULL,
        "default: by the file's suffix (.csv; .jsonl, .ndjson, .json; .parquet;\n"
        ".arrows, .arrow, .ipc), else csv"),
    ROW("--partition-rows", "N", OPTION_COUNT, partition_rows, NULL,
        "FILE is a directory of files with N rows each: part-00000.parquet and so on"),
    ROW("--compression", "zstd|snappy|none", OPTION_TEXT, compression, NULL, "parquet: default zstd"),
    ROW("--row-group-bytes", "N", OPTION_COUNT, row_group_bytes, NULL,
        "parquet: memory of a row group that is being built, default 16777216 (16 MiB), or a\n"
        "quarter of --memory, if that is less, which then bounds both"),
    ROW("--no-dictionary", NULL, OPTION_ON, no_dictionary, NULL, "parquet: no dictionaries"),
    ROW("--decimal", "P,S", OPTION_TEXT, decimal, NULL,
        "parquet: numerics without precision become decimals of P digits, S of them behind\n"
        "the point; default: text, which holds them all"),
    ROW("--metadata", "KEY=VALUE", OPTION_LIST, metadata, NULL, "parquet: key/value metadata of the file; may be repeated"),
    ROW("--yield-per", "N", OPTION_COUNT, yield_per, NULL,
        "rows held at a time, default 5000; 0 reads the whole result into memory"),
    ROW("--memory", "SIZE", OPTION_SIZE, memory, NULL,
        "what the stream may hold, as in 64M: batches end before they would take more,\n"
        "however wide rows are; with --yield-per, too, whichever ends a batch first;\n"
        "with --jobs for all of them together; not with --worker"),
    ROW("--null", "TEXT", OPTION_TEXT, null_text, NULL,
        "csv: what NULL is written as; default: nothing, and the empty string is \"\""),
    ROW("--header", NULL, OPTION_ON, header, NULL, "csv: a first line with the columns' names (the default)"),
    ROW("--no-header", NULL, OPTION_OFF, header, NULL, "csv: no such line"),
    ROW("--replace-invalid", NULL, OPTION_ON, replace_invalid, NULL,
        "write U+FFFD where a text is not valid UTF-8, instead of failing"),
    ROW("--stats", "json", OPTION_TEXT, stats, "json", "print one line of JSON about the run on standard error at the end"),
    ROW("--quiet", NULL, OPTION_ON, quiet, NULL, "no progress line"),
    ROW("--help", NULL, OPTION_HELP, url, NULL, "this text"),
};

static int run_export(int count, char **words);

const command_spec export_command = {
    .name = "export",
    .usage = "URL (--table T | --query SQL) --to FILE|- [options]",
    .summary = "write a table or a query's rows to a file",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .argument_offset = offsetof(export_settings, url),
    .arguments = { "URL" },
    .notes =
        "URLs:\n"
        "  sqlite:///relative.db  sqlite:////absolute.db\n"
        "  postgresql://user@host:port/database?parameter=value (all of libpq's parameters, as service=, sslmode=)\n"
        "Passwords need not stand in the URL: PGPASSWORD, ~/.pgpass and service= work.\n"
        "\n"
        "Parameters are sent as values, never put into the SQL text. PostgreSQL reads them as the type that the query wants; to\n"
        "SQLite, integers and decimals are sent as numbers, all else, and what has leading zeros or a +, as text.\n"
        "PostgreSQL exports run in one REPEATABLE READ READ ONLY transaction: one snapshot of the data.\n"
        "CSV is RFC 4180 with LF line ends. In a file of one column, NULL is written \"\" unless --null is given, since readers\n"
        "skip empty lines.\n"
        "\n"
        "--resume needs rows whose order is sure: a table's primary key or a unique index without NULLs, a query's --key. While it is not\n"
        "whole, FILE is FILE.weir-part and FILE.weir-checkpoint. A changed query, table, file or option is refused: remove both to begin\n"
        "anew. What goes on sees the data of its own moment: rows before the place are not looked at again. With --partition-rows finished\n"
        "parts stay, and the one under way is written again; with --jobs --split, so do the files of finished ranges.\n"
        "\n"
        "Parquet's types are those of the columns; a value that its column cannot hold ends the export, naming row and column. With\n"
        "--partition-rows parts that are finished keep their names after a failure; a directory that holds parts is refused.\n"
        "\n"
        "--jobs and --worker cut the table by its statistics into ranges of some 16 MiB. Ranges decide about sizes, never about rows: each row\n"
        "is in exactly one, in the order of a single stream. A query's order is its --key. Workers read each range in a snapshot of its own;\n"
        "JOB.manifest.json, written at the end, lists the files that count.\n"
        "\n"
        "Exit codes: 0 all is written; 1 failed; 2 wrong usage; 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM. After a failure no file is left, but with\n"
        "--resume what the same command goes on with.\n",
    .run = run_export,
};

/* A budget alone decides how many rows a batch has. */
const weir_execution_options *export_execution(const export_settings *s)
{
    static weir_execution_options options;
    int64_t row_group = s->memory && !s->row_group_bytes ? export_row_group_bytes(s) : 0;
    options = *WEIR_EXECUTION_OPTIONS(.yield_per = s->yield_per >= 0 ? s->yield_per : s->memory ? 0 : EXPORT_YIELD_PER,
                                      .memory = s->memory - row_group);
    return &options;
}

void export_take_figures(export_run *run, const weir_result *result)
{
    weir_result_figures figures = { 0 };
    weir_result_info(result, &figures);
    run->stats.batches += figures.batches;
    run->stats.spilled += figures.spilled_bytes;
}

static int check_settings(const export_settings *s)
{
    if (s->job_status)
        return 0;
    int code = query_check(s);
    if (code == 0 && s->memory && s->yield_per == 0)
        return failure_say(EXIT_USAGE, "wrong usage: --yield-per 0 reads all rows into memory, which --memory bounds; leave one of them away");
    if (code == 0 && !s->to)
        return failure_say(EXIT_USAGE, "wrong usage: --to is missing; give --to FILE, or --to - for standard output");
    if (code == 0)
        code = export_check_file(s);
    if (code == 0)
        code = database_keep_apart(s->url, s->to, "--to");
    return code != 0 ? code : jobs_wanted(s) ? jobs_check_settings(s) : resume_check_settings(s);
}

static int open_engine(export_run *run)
{
    return database_open(&run->engine, run->settings->url, false, &run->sqlite);
}

/* One snapshot for the whole export, and no way to change anything. SQLite's transactions are that by themselves. */
static int connect_to(export_run *run)
{
    run->connection = weir_engine_connect(run->engine);
    if (weir_connection_error(run->connection)->status != WEIR_OK)
        return database_failed("cannot connect to the database", weir_connection_error(run->connection));
    signals_watch_connection(run->connection);
    weir_execution_options options = {
        .struct_size = sizeof options,
        .isolation_level = run->sqlite ? WEIR_ISOLATION_DEFAULT : WEIR_REPEATABLE_READ,
        .read_only = WEIR_ON,
    };
    if (weir_connection_options(run->connection, &options) != WEIR_OK)
        return database_failed("cannot begin to read", weir_connection_error(run->connection));
    return 0;
}

static int execute(export_run *run)
{
    const weir_execution_options *streamed = export_execution(run->settings);
    run->result = weir_connection_execute(run->connection, run->stmt, streamed);
    if (weir_result_error(run->result)->status != WEIR_OK)
        return database_failed("the query failed", weir_result_error(run->result));
    if (!weir_result_returns_rows(run->result))
        return failure_say(EXIT_FAILED, "the query failed: it returns no rows; weir export only reads, give it a SELECT");
    return 0;
}

static int write_rows(export_run *run)
{
    int status = weir_writer_columns(run->writer, run->result);
    for (const weir_partition *p; status == WEIR_OK && (p = weir_result_fetchsome(run->result)) != NULL; ) {
        status = weir_writer_many(run->writer, p->rows, p->count);
        export_watch_file(run);
        progress_rows(weir_writer_rows(run->writer));
        if (signals_caught())
            return EXIT_FAILED;         /* reported by the caller */
    }
    if (weir_result_error(run->result)->status != WEIR_OK)
        return database_failed("reading rows failed", weir_result_error(run->result));
    return status == WEIR_OK ? 0 : database_failed("cannot write the rows", weir_writer_error(run->writer));
}

/* The connection is given back before the file is finished: bringing it to disk may take long. */
static int close_connection(export_run *run)
{
    int code = 0;
    resume_close(run);
    if (!run->connection)
        return 0;
    if (run->result) {
        export_take_figures(run, run->result);
        if (weir_result_close(&run->result) != WEIR_OK)
            code = EXIT_FAILED;         /* known, and reported, when it happened */
    }
    signals_watch_connection(NULL);
    weir_connection_rollback(run->connection);
    if (weir_connection_close(&run->connection) != WEIR_OK)
        code = EXIT_FAILED;
    return code;
}

static int finish_file(export_run *run)
{
    run->stats.rows = weir_writer_rows(run->writer);
    if (weir_writer_finish(run->writer) != WEIR_OK)
        return database_failed("cannot finish the file", weir_writer_error(run->writer));
    run->stats.bytes_written = weir_writer_bytes(run->writer);
    return 0;
}

static bool wants_progress(const export_settings *s)
{
    return !s->quiet && progress_possible() && !(!strcmp(s->to, "-") && isatty(STDOUT_FILENO));
}

static void show_progress(export_run *run)
{
    if (wants_progress(run->settings))
        progress_start_at(weir_writer_rows(run->writer), weir_connection_estimate_rows(run->connection, run->stmt));
}

/* Rows of one execution, which end with it. The file is opened before the connection, so that a wrong path is told first. */
static int export_once(export_run *run)
{
    int code = export_open_file(run);
    if (code == 0)
        code = connect_to(run);
    if (code == 0)
        show_progress(run);
    if (code == 0)
        code = execute(run);
    return code == 0 ? write_rows(run) : code;
}

/* Rows behind a place. The key, and so the checkpoint and the file, are known once the database told of the table. */
static int export_surviving(export_run *run)
{
    text key = { 0 };
    int code = connect_to(run);
    if (code == 0)
        code = resume_find_place(run, &key);
    text_free(&key);
    if (code == 0)
        code = export_open_file(run);
    if (code != 0 || weir_writer_complete(run->writer))
        return code;
    show_progress(run);
    return resume_write_rows(run);
}

static int export_rows(export_run *run)
{
    const export_settings *s = run->settings;
    export_settings unordered = *s;
    bool survives = s->resume || s->retry;
    if (survives)
        unordered.order_by = NULL;      /* the stream orders by its key */
    int code = query_build(&unordered, &run->sql);
    if (code == 0)
        code = open_engine(run);
    if (code == 0 && (run->stmt = query_statement(s, run->sql.data, run->sqlite, &code)) == NULL)
        return code;
    if (code != 0)
        return code;
    return survives ? export_surviving(run) : export_once(run);
}

static void free_run(export_run *run)
{
    if (run->writer)
        weir_writer_abort(&run->writer);
    weir_checkpoint_free(&run->checkpoint);
    if (run->stmt)
        weir_stmt_free(&run->stmt);
    if (run->engine)
        weir_engine_close(&run->engine);
    text_free(&run->sql);
    text_free(&run->columns);
}

static int run_export(int count, char **words)
{
    export_settings settings = { .header = true, .yield_per = -1 };
    export_run export = { .settings = &settings };
    double started = stats_clock();
    int code = options_parse(&export_command, count, words, &settings);
    if (code == 0)
        code = check_settings(&settings);
    if (code != 0) {
        text_list_free(&settings.parameters);
        text_list_free(&settings.metadata);
        return code == OPTIONS_HELP_SHOWN ? 0 : code;
    }
    failure_command("export", "name the columns you need with --columns, or convert the value in --query");
    signals_start("export", settings.resume && settings.partition_rows ? "parts that were finished stay, run the same command again to go on"
                            : settings.resume ? "what is written stays beside the file, run the same command again to go on"
                            : settings.partition_rows ? "parts that were finished are there, remove them to run it again"
                            : "no file was left behind, run it again when you like");
    if (jobs_wanted(&settings)) {
        signals_outcome(jobs_outcome(&settings));
        signals_outcome_at_once(jobs_outcome_at_once(&settings));
        code = jobs_export(&export);
    } else {
        code = export_rows(&export);
    }
    signals_finishing();
    close_connection(&export);
    if (signals_caught())
        code = signals_report(signals_caught());
    if (code == 0 && !jobs_wanted(&settings))
        code = finish_file(&export);
    export.stats.seconds = stats_clock() - started;
    if (code == 0)
        progress_end(export.stats.rows);
    if (code == 0 && settings.stats)
        stats_print_json(&export.stats);
    free_run(&export);
    text_list_free(&settings.parameters);
    text_list_free(&settings.metadata);
    return code;
}
