/* weir export --resume and --retry. Rows are written and acknowledged in order; now and then the file is brought to disk, and behind it the place. */
#include "export_resume.h"
#include <stdlib.h>
#include <string.h>
#include "database.h"
#include "failure.h"
#include "progress.h"
#include "signals.h"
#include "stats.h"
#include "unique.h"

#define DEFAULT_SECONDS 5.0
enum { DEFAULT_BYTES = 64 * 1024 * 1024 };

/* ---- options ------------------------------------------------------------------------------------------------------------------ */
/* "10000", "64M", "5s". */
bool resume_read_interval(const char *given, save_interval *out)
{
    static const struct { const char *suffix; int64_t factor; } sizes[] = { { "K", 1024 }, { "M", 1024 * 1024 }, { "G", 1024 * 1024 * 1024 } };
    char *end;
    *out = (save_interval){ 0 };
    if (!given) {
        *out = (save_interval){ .bytes = DEFAULT_BYTES, .seconds = DEFAULT_SECONDS };
        return true;
    }
    long long number = *given >= '0' && *given <= '9' ? strtoll(given, &end, 10) : 0;
    if (number < 1 || number > 1000000000)
        return false;
    if (!*end)
        out->rows = number;
    else if (!strcmp(end, "s"))
        out->seconds = (double)number;
    for (size_t i = 0; *end && i < sizeof sizes / sizeof *sizes; i++)
        if (!strcmp(end, sizes[i].suffix))
            out->bytes = number * sizes[i].factor;
    return out->rows || out->bytes || out->seconds > 0;
}

int resume_check_interval(const export_settings *s)
{
    save_interval unused;
    if (s->resume && !strcmp(s->to, "-"))
        return failure_say(EXIT_USAGE, "wrong usage: standard output cannot be gone on with; give --to FILE with --resume");
    if (!s->resume && s->checkpoint_every)
        return failure_say(EXIT_USAGE, "wrong usage: --checkpoint-every is about --resume; give both, or leave it away");
    if (!resume_read_interval(s->checkpoint_every, &unused))
        return failure_say(EXIT_USAGE, "wrong value for --checkpoint-every: \"%s\" is no number of rows, bytes or seconds; give 10000, 64M or 5s",
                           s->checkpoint_every);
    return 0;
}

int resume_check_settings(const export_settings *s)
{
    int code = resume_check_interval(s);
    if (code != 0)
        return code;
    bool survives = s->resume || s->retry;
    if (!survives && s->key)
        return failure_say(EXIT_USAGE, "wrong usage: --key is about --resume and --retry; give one of them, or --order-by");
    if (s->key && s->order_by)
        return failure_say(EXIT_USAGE, "wrong usage: --key and --order-by exclude each other; the key is the order");
    if (survives && s->query && !s->key)
        return failure_say(EXIT_USAGE, "wrong usage: %s needs to know which columns of the query no two rows share; name them with --key",
                           s->resume ? "--resume" : "--retry");
    return 0;
}

/* ---- the place ------------------------------------------------------------------------------------------------------------------ */
/* The place is a row's: its key's columns must be in it. */
int resume_check_columns(const export_run *run, const char *key)
{
    const export_settings *s = run->settings;
    char **columns = s->columns && strcmp(s->columns, "*") != 0 ? names_split(s->columns) : NULL;
    text name = { 0 };
    const char *end;
    int code = 0;
    for (const char *at = key; columns && code == 0 && unique_next_column(&at, !run->sqlite, &name, &end); ) {
        bool found = false;
        for (char **c = columns; *c && !found; c++)
            found = !strcmp(*c, name.data);
        if (!found)
            code = failure_say(EXIT_USAGE, "wrong usage: the key's column %s is not in --columns; add it there", name.data);
    }
    names_free(columns);
    text_free(&name);
    return code;
}

/* Where the data is, without who asks for it and how: the URL's host, database and those parameters that say the same. */
static void add_scope(const char *url, text *out)
{
    static const char *const kept[] = { "host=", "hostaddr=", "port=", "dbname=", "service=" };
    const char *body = strstr(url, "://"), *at = NULL;
    body = body && body < url + strcspn(url, "?") ? body + 3 : url;
    for (const char *p = body; *p && *p != '/'; p++)       /* a password may have a '?' as it is */
        at = *p == '@' ? p : at;
    size_t length = (size_t)((at ? at : url) - url);
    length += strcspn(url + length, "?");
    text_add_n(out, url, (size_t)(body - url));
    body = at ? at + 1 : body;
    text_add_n(out, body, (size_t)(url + length - body));
    for (const char *p = url + length; *p; ) {
        p++;
        size_t item = strcspn(p, "&");
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (text_begins(p, kept[i])) {
                text_add(out, " ");
                text_add_n(out, p, item);
            }
        p += item;
    }
}

int resume_find_place(export_run *run, text *key)
{
    const export_settings *s = run->settings;
    const char *wanted = s->key ? s->key : s->order_by;
    text scope = { 0 };
    int code = 0;
    if (s->table)
        code = unique_key(run, wanted, key);
    else
        text_add(key, wanted);
    weir_connection_rollback(run->connection);
    if (code == 0)
        code = resume_check_columns(run, key->data);
    if (code == 0) {
        add_scope(s->url, &scope);
        run->checkpoint = weir_checkpoint_new(run->engine, run->stmt, WEIR_CHECKPOINT_OPTIONS(.key = key->data, .scope = scope.data));
        if (weir_checkpoint_error(run->checkpoint)->status != WEIR_OK)
            code = database_failed("cannot order the rows", weir_checkpoint_error(run->checkpoint));
    }
    text_free(&scope);
    return code;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------- */
/* A connection was lost: says so once for each attempt, and ends the waiting after a signal. */
static int waiting(const weir_resume_wait *wait, void *context)
{
    const export_run *run = context;
    static int told;                    /* the attempt that a line was said about */
    if (told != wait->attempt && wait->left_ms > 0 && !run->settings->quiet) {
        weir_error error = *wait->error;
        failure_say(0, "connection lost: %s; attempt %d of %d in %.1f seconds", error.message, wait->attempt, wait->attempts,
                    (double)wait->left_ms / 1000);
    }
    told = wait->left_ms > 0 ? wait->attempt : 0;
    return signals_caught() ? WEIR_CANCELLED : WEIR_OK;
}

/* What was saved last. */
typedef struct saved { save_interval every; int64_t rows, bytes; double at; } saved;

static bool is_due(const export_run *run, const saved *last, bool look_at_clock)
{
    const save_interval *every = &last->every;
    return (every->rows && weir_writer_rows(run->writer) - last->rows >= every->rows) ||
           (every->bytes && weir_writer_bytes(run->writer) - last->bytes >= every->bytes) ||
           (look_at_clock && every->seconds > 0 && stats_clock() - last->at >= every->seconds);
}

static int save(export_run *run, saved *last)
{
    int status = weir_writer_save(run->writer);
    last->rows = weir_writer_rows(run->writer);
    last->bytes = weir_writer_bytes(run->writer);
    last->at = stats_clock();
    return status;
}

static int write_partition(export_run *run, const weir_partition *partition, saved *last)
{
    int status = WEIR_OK;
    bool saves = run->settings->resume && !run->settings->partition_rows;      /* parts save themselves */
    if (!saves)
        status = weir_writer_many(run->writer, partition->rows, partition->count);
    for (size_t i = 0; status == WEIR_OK && saves && i < partition->count; i++) {
        status = weir_writer_row(run->writer, partition->rows[i]);
        if (status == WEIR_OK && is_due(run, last, false) && (status = weir_resume_ack(run->stream, i + 1)) == WEIR_OK)
            status = save(run, last);
    }
    if (status == WEIR_OK)
        status = weir_resume_ack(run->stream, partition->count);
    if (status == WEIR_OK && saves && is_due(run, last, true))
        status = save(run, last);
    return status;
}

static int write_all(export_run *run, saved *last)
{
    int status = weir_writer_columns(run->writer, weir_resume_result(run->stream));
    for (const weir_partition *p; status == WEIR_OK && (p = weir_resume_fetchmany(run->stream, 0)) != NULL; ) {
        status = write_partition(run, p, last);
        progress_rows(weir_writer_rows(run->writer));
        if (signals_caught())
            break;                      /* reported by the caller */
    }
    return status;
}

int resume_write_rows(export_run *run)
{
    const export_settings *s = run->settings;
    run->stream = weir_resume_open(run->checkpoint, run->connection,
                                   WEIR_RESUME_OPTIONS(.execution = export_execution(s), .retry = (int)s->retry,
                                                       .waiting = waiting, .context = run));
    if (weir_resume_error(run->stream)->status != WEIR_OK)
        return database_failed("the query failed", weir_resume_error(run->stream));
    saved last = { .rows = weir_writer_rows(run->writer), .bytes = weir_writer_bytes(run->writer), .at = stats_clock() };
    resume_read_interval(s->checkpoint_every, &last.every);
    run->stats.resumed = last.rows > 0;
    int status = write_all(run, &last);
    /* The first error is told: what fails behind it, as the last save, follows from it or is met again by the next run. */
    const weir_error reading = *weir_resume_error(run->stream), writing = *weir_writer_error(run->writer);
    if (writing.status != WEIR_OK)
        return database_failed("cannot write the rows", &writing);
    if (s->resume && (reading.status != WEIR_OK || signals_caught()) && weir_writer_rows(run->writer) > 0)
        weir_writer_save(run->writer);  /* all that was written counts */
    if (reading.status != WEIR_OK || signals_caught())
        return database_failed("reading rows failed", &reading);
    return status == WEIR_OK ? 0 : database_failed("the place cannot be kept", weir_checkpoint_error(run->checkpoint));
}

void resume_close(export_run *run)
{
    weir_checkpoint_figures figures;
    if (!run->stream)
        return;
    export_take_figures(run, weir_resume_result(run->stream));
    weir_checkpoint_info(run->checkpoint, &figures);
    run->stats.runs = figures.runs;
    run->stats.reconnects = figures.reconnects;
    if (weir_resume_close(&run->stream) != WEIR_OK) {
        /* known, and reported, when it happened */
    }
    run->stream = NULL;
}
