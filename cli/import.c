/* weir import: a file's records into a table. */
#include "import.h"
#include <stdio.h>
#include <string.h>
#include "database.h"
#include "failure.h"
#include "progress.h"
#include "signals.h"
#include "stats.h"
#include "text.h"

typedef struct import_settings {
    const char *url;
    const char *table, *from, *format, *columns, *upsert, *on_error, *null_text, *delimiter, *stats;
    bool        header, quiet;
    int64_t     batch;
} import_settings;

#define ROW(name, value, kind, member, choices, help) { name, value, kind, offsetof(import_settings, member), choices, help }
static const option_row rows[] = {
    ROW("--table", "T", OPTION_TEXT, table, NULL, "the table: name, or schema.name (a name with a point in it in double quotes)"),
    ROW("--from", "FILE|-", OPTION_TEXT, from, NULL, "where from; - is standard input"),
    ROW("--format", "csv|jsonl", OPTION_TEXT, format, "csv|jsonl", "default: by the file's suffix (.csv; .jsonl, .ndjson, .json), else csv"),
    ROW("--columns", "A,B", OPTION_TEXT, columns, NULL, "the columns, in the file's order; default: its first line, or the first record's keys\n"
        "(a name with a comma in it in double quotes)"),
    ROW("--upsert", "COL,...", OPTION_TEXT, upsert, NULL,
        "rows whose values of these columns (a unique key) are in the table are\n"
        "updated, the others inserted; of a key that occurs twice the later wins"),
    ROW("--batch", "N", OPTION_COUNT, batch, NULL, "commit after each N records; default: all or nothing"),
    ROW("--on-error", "stop|skip:FILE", OPTION_TEXT, on_error, NULL,
        "stop at the first record that cannot be taken (the default), or write such\n"
        "records into FILE: line, reason, record, as CSV"),
    ROW("--null", "TEXT", OPTION_TEXT, null_text, NULL, "csv: what NULL is written as; default: nothing at all, and \"\" is the empty string"),
    ROW("--delimiter", "C", OPTION_TEXT, delimiter, NULL, "csv: what stands between two fields, one character or tab; default: a comma"),
    ROW("--header", NULL, OPTION_ON, header, NULL, "csv: the first line has the columns' names (the default)"),
    ROW("--no-header", NULL, OPTION_OFF, header, NULL, "csv: it has not; the columns are --columns, or the table's in order"),
    ROW("--stats", "json", OPTION_TEXT, stats, "json", "print one line of JSON about the run on standard error at the end"),
    ROW("--quiet", NULL, OPTION_ON, quiet, NULL, "no progress line"),
    ROW("--help", NULL, OPTION_HELP, url, NULL, "this text"),
};

static int run_import(int count, char **words);

const command_spec import_command = {
    .name = "import",
    .usage = "URL --table T --from FILE|- [options]",
    .summary = "read a file's records into a table",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .argument_offset = offsetof(import_settings, url),
    .arguments = { "URL" },
    .notes =
        "Files are read as weir export writes them: CSV is RFC 4180 (LF or CRLF), JSON lines have one object per line whose keys\n"
        "are columns. Values are taken exactly or not at all. PostgreSQL gets them by COPY.\n"
        "Without --batch all is one transaction: after a failure the table is as it was. With --batch what was committed stays,\n"
        "and the message says up to which line.\n"
        "\n"
        "Exit codes: 0 all is in the table; 1 failed; 2 wrong usage; 3 done, but records were skipped; 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.\n",
    .run = run_import,
};

enum { EXIT_SKIPPED = 3 };

static int check_settings(const import_settings *s)
{
    if (!s->table)
        return failure_say(EXIT_USAGE, "wrong usage: --table is missing; give --table T");
    if (!s->from)
        return failure_say(EXIT_USAGE, "wrong usage: --from is missing; give --from FILE, or --from - for standard input");
    if (s->on_error && strcmp(s->on_error, "stop") && (!text_begins(s->on_error, "skip:") || !s->on_error[5]))
        return failure_say(EXIT_USAGE, "wrong value for --on-error: \"%s\" is unknown; give stop or skip:FILE", s->on_error);
    const char *rejects = s->on_error && strcmp(s->on_error, "stop") ? s->on_error + 5 : NULL;
    if (rejects && database_same_file(rejects, s->from))
        return failure_say(EXIT_USAGE, "wrong value for --on-error: %s is the file that is read, which would be replaced; give another file", rejects);
    if (database_keep_apart(s->url, rejects, "--on-error") != 0)
        return EXIT_USAGE;
    if (s->delimiter && strcmp(s->delimiter, "tab") && strlen(s->delimiter) != 1)
        return failure_say(EXIT_USAGE, "wrong value for --delimiter: \"%s\" is not one character; give one, or tab", s->delimiter);
    return 0;
}

static void show_progress(const weir_import_figures *figures, void *context)
{
    bool *started = context;
    if (!*started && progress_possible() && figures->size > 0 && figures->bytes > 0)
        progress_start((int64_t)((double)figures->records * (double)figures->size / (double)figures->bytes));
    else if (!*started && progress_possible())
        progress_start(0);
    *started = true;
    progress_rows(figures->records);
}

static void print_stats(const weir_import_figures *figures, double seconds)
{
    weir_memory_figures ledger = { 0 };
    weir_memory_usage(&ledger);
    fprintf(stderr, "{\"records\":%lld,\"rows_written\":%lld,\"rejected\":%lld,\"seconds\":%.6f,\"bytes_read\":%lld,"
                    "\"peak_rss_bytes\":%lld,\"peak_ledger_bytes\":%zu}\n",
            (long long)figures->records, (long long)figures->written, (long long)figures->rejected, seconds,
            (long long)figures->bytes, (long long)stats_memory().peak_rss_bytes, ledger.peak_bytes);
}

static int import_into(weir_connection *connection, const import_settings *s, weir_import_figures *figures)
{
    weir_error error = { 0 };
    bool started = false;
    char **columns = names_split(s->columns), **upsert = names_split(s->upsert);
    signals_watch_connection(connection);
    int status = weir_import_file(connection, s->from, WEIR_IMPORT_OPTIONS(
        .table = s->table, .format = s->format, .columns = (const char *const *)columns, .header = s->header ? WEIR_ON : WEIR_OFF,
        .null_text = s->null_text, .delimiter = !s->delimiter ? 0 : s->delimiter[1] ? '\t' : s->delimiter[0],
        .upsert = (const char *const *)upsert, .batch = s->batch,
        .rejects = s->on_error && text_begins(s->on_error, "skip:") ? s->on_error + 5 : NULL,
        .progress = s->quiet ? NULL : show_progress, .context = &started), figures, &error);
    names_free(columns);
    names_free(upsert);
    if (status != WEIR_OK && s->batch > 0 && error.detail[0]) {
        static char stays[sizeof error.detail];         /* up to which line */
        snprintf(stays, sizeof stays, "%s", error.detail);
        signals_outcome(stays);
    }
    if (status != WEIR_OK)
        return database_failed("cannot import", &error);
    signals_finishing();
    if (weir_connection_commit(connection) != WEIR_OK)
        return database_failed("cannot commit", weir_connection_error(connection));
    return 0;
}

static int finish(int code, const import_settings *s, const weir_import_figures *figures, double seconds)
{
    char grouped[32];
    if (code == 0)
        progress_end(figures->records);
    if (code == 0 && figures->rejected > 0)
        code = failure_say(EXIT_SKIPPED, "%s records were not taken: see %s for their lines and the reasons",
                           text_grouped(grouped, figures->rejected), s->on_error + 5);
    if ((code == 0 || code == EXIT_SKIPPED) && s->stats)
        print_stats(figures, seconds);
    return code;
}

static int run_import(int count, char **words)
{
    import_settings settings = { .header = true };
    weir_engine *engine = NULL;
    weir_connection *connection = NULL;
    weir_import_figures figures = { 0 };
    bool sqlite;
    double began = stats_clock();
    int code = options_parse(&import_command, count, words, &settings);
    if (code == 0)
        code = check_settings(&settings);
    if (code != 0)
        return code == OPTIONS_HELP_SHOWN ? 0 : code;
    failure_command("import", "mend the record, or pass such records over with --on-error skip:FILE");
    failure_command_writes();
    signals_start("import", settings.batch > 0 ? "what was committed stays in the table" : "the table is as it was");
    code = database_open(&engine, settings.url, false, &sqlite);
    if (code == 0)
        code = database_connect(engine, &connection);
    if (code == 0)
        code = import_into(connection, &settings, &figures);
    signals_watch_connection(NULL);
    int closed = connection ? weir_connection_close(&connection) : WEIR_OK;
    if (closed != WEIR_OK && code == 0)
        code = failure_say(EXIT_FAILED, "all is imported, but closing the connection failed: %s; check the table", weir_status_name(closed));
    weir_engine_close(&engine);
    return finish(code, &settings, &figures, stats_clock() - began);
}
