/* What the command says when something fails. */
#include "failure.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "progress.h"
#include "text.h"

enum { LINE_SIZE = 2400, SECRETS = 8, SECRET_SIZE = 256, SHORTEST_SECRET = 3 };

static char secrets[SECRETS][SECRET_SIZE];
static size_t secret_count;

/* ---- passwords ------------------------------------------------------------------------------------------------------- */
static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

static void hide(const char *secret, size_t length)
{
    if (length >= SHORTEST_SECRET && length < SECRET_SIZE && secret_count < SECRETS) {
        memcpy(secrets[secret_count], secret, length);
        secrets[secret_count++][length] = 0;
    }
}

/* As written in the URL, and without its percent signs. */
static void hide_both(const char *written, size_t length)
{
    char decoded[SECRET_SIZE];
    size_t n = 0;
    hide(written, length);
    for (size_t i = 0; i < length && n < sizeof decoded - 1; i++) {
        int high = i + 2 < length && written[i] == '%' ? hex_digit(written[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(written[i + 2]) : -1;
        decoded[n++] = low >= 0 ? (char)(high * 16 + low) : written[i];
        i += low >= 0 ? 2 : 0;
    }
    if (n != length)
        hide(decoded, n);
}

void failure_hide_password(const char *url)
{
    const char *body = strstr(url, "://");
    body = body ? body + 3 : url;
    const char *question = strchr(body, '?'), *at = NULL;
    /* Somebody may have left an @ or / of the password as it is: the last @ in front of the parameters ends it. */
    for (const char *p = body; *p && p != question; p++)
        at = *p == '@' ? p : at;
    const char *colon = memchr(body, ':', at ? (size_t)(at - body) : 0);
    if (colon)
        hide_both(colon + 1, (size_t)(at - colon - 1));
    for (const char *p = question; p && (p = strcasestr(p, "password=")) != NULL; ) {
        p += strlen("password=");
        hide_both(p, strcspn(p, "&"));
    }
}

static void blot_out(char line[LINE_SIZE])
{
    for (size_t i = 0; i < secret_count; i++) {
        size_t length = strlen(secrets[i]);
        for (char *p = line; (p = strstr(p, secrets[i])) != NULL; p += 3) {
            memmove(p + 3, p + length, strlen(p + length) + 1);
            memcpy(p, "***", 3);
        }
    }
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */
static int say(int code, char line[LINE_SIZE])
{
    blot_out(line);
    text_tame(line);
    progress_clear();
    fprintf(stderr, "weir: %s\n", line);
    return code;
}

int failure_say(int code, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return say(code, line);
}

/* ---- advice ------------------------------------------------------------------------------------------------------------- */
static const char *command = "export", *advice_on_values = "", *advice_on_read_only = "weir {} only reads: give it a SELECT";

void failure_command(const char *name, const char *on_values)
{
    command = name;
    advice_on_values = on_values;
}

void failure_command_writes(void)
{
    advice_on_read_only = "the database may not be written to: check the file's permissions, or name the primary server";
}

/* {} is the command's name, * what it says of values, ! what of a database that is only read. What to do, by the SQLSTATE's beginning and a part of the message (NULL: any), the first that fits. */
static const struct advice { const char *sqlstate, *message, *advice; } advices[] = {
    { "28", NULL, "check the user and the password (in the URL, PGPASSWORD, a password file or service=)" },
    { NULL, "password authentication failed",
      "check the user and the password (in the URL, PGPASSWORD, a password file or service=)" },
    { NULL, "no password supplied", "give a password in PGPASSWORD, a password file, service= or the URL" },
    { NULL, "pg_hba.conf", "the server does not let this user in from here: ask its administrator, or try sslmode=require" },
    { NULL, "cannot open",
      "check the file's path and permissions (sqlite:///relative.db, sqlite:////absolute.db)" },
    { NULL, "Connection refused", "check that the server runs and that host and port are right" },
    { NULL, "could not translate host name", "check the host's name" },
    { NULL, "No such file or directory", "check that the server runs and that the socket's directory and port are right" },
    { "3D", NULL, "check the database's name" },
    { "42P01", NULL, "check the table's name and schema (capital letters count in --table)" },
    { "3F", NULL, "check the schema's name" },
    { "42703", NULL, "check the column's name (capital letters count in --columns)" },
    { NULL, "generated column", "leave that column out: the database computes it" },
    { NULL, "ON CONFLICT", "name the columns of a primary key or a unique index with --upsert" },
    { "42601", NULL, "check the SQL text" },
    { "42501", NULL, "ask for the right to do that (GRANT)" },
    { "42P18", NULL, "give the parameter a type in the SQL, as in CAST(:name AS integer)" },
    { "22", NULL, "*" },
    { "25006", NULL, "!" },
    { "P0001", NULL, "*" },
    { "57014", "timeout", "raise the limit, as with ?options=-c%20statement_timeout%3D0 in the URL" },
    { "57P", NULL, "the server ended the connection: run the {} again when it is up" },
    { "23", NULL, "*" },
    { "40", NULL, "run the {} again" },
    { "53300", NULL, "wait until other connections end, or raise max_connections" },
    { NULL, "no such table", "check the table's name" },
    { NULL, "no such column", "check the column's name" },
    { NULL, "syntax error", "check the SQL text" },
    { NULL, "incomplete input", "check the SQL text" },
    { NULL, "file is not a database", "name a SQLite database file" },
    { NULL, "image is malformed", "the database file is damaged: restore it, or try sqlite3's .recover" },
    { NULL, "database is locked", "another program is writing: run the {} again when it is done" },
    { NULL, "readonly database", "!" },
    { NULL, "has no column named", "check the column's name" },
    { NULL, " of the record", "mend the record, or convert the file, as by iconv -f LATIN1 -t UTF-8" },
    { NULL, "not valid UTF-8 (", "*" },
    { NULL, "not valid UTF-8", "mend the data, or write U+FFFD in its place with --replace-invalid" },
};

static const struct status_advice { int status; const char *advice; } status_advices[] = {
    { WEIR_BUDGET_EXCEEDED, "give a larger --memory, or leave the wide column out" },
    { WEIR_OUT_OF_MEMORY, "use a smaller --yield-per (not 0), or free some memory" },
    { WEIR_DEADLINE_EXCEEDED, "check the network and the server, then run the {} again" },
    { WEIR_TIMEOUT, "check that the server runs" },
    { WEIR_DATA, "*" },
    { WEIR_INTEGRITY, "*" },
    { WEIR_PROGRAMMING, "check the SQL text" },
    { WEIR_OPERATIONAL, "check the database, then run the {} again" },
    { WEIR_IO, "check where the data is written to" },
    { WEIR_ARGUMENT, "see weir help {}" },
    { WEIR_INVALID_REQUEST, "see weir help {}" },
};

static const char *find_advice(const weir_error *error)
{
    bool is_sqlstate = strlen(error->sqlstate) == 5;     /* not SQLite's number */
    if (is_sqlstate && error->hint[0])
        return error->hint;             /* the server knows the very name that was meant */
    if (error->status == WEIR_IO)       /* of a file, not of a server's socket */
        return error->hint[0] ? error->hint : "check where the data is written to";
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
        if ((!advices[i].sqlstate || (is_sqlstate && text_begins(error->sqlstate, advices[i].sqlstate))) &&
            (!advices[i].message || strstr(error->message, advices[i].message)))
            return advices[i].advice;
    if (error->disconnect)
        return "the connection to the server was lost: run the {} again";
    if (error->hint[0])
        return error->hint;
    for (size_t i = 0; i < sizeof status_advices / sizeof *status_advices; i++)
        if (weir_status_is(error->status, status_advices[i].status))
            return status_advices[i].advice;
    return "see weir help {}";
}

static const char *fill_in(const char *advice, char *buffer, size_t size)
{
    if (!strcmp(advice, "*"))
        return advice_on_values;
    if (!strcmp(advice, "!"))
        advice = advice_on_read_only;
    const char *place = strstr(advice, "{}");
    if (!place)
        return advice;
    snprintf(buffer, size, "%.*s%s%s", (int)(place - advice), advice, command, place + 2);
    return buffer;
}

int failure_report(const char *what, const weir_error *error)
{
    char line[LINE_SIZE], filled[300];
    const char *advice = fill_in(find_advice(error), filled, sizeof filled);
    bool detail = error->detail[0] != 0;
    bool complete = error->status == WEIR_IO;           /* says itself what failed */
    snprintf(line, sizeof line, "%s%s%s%s%s%s; %s", complete ? "" : what, complete ? "" : ": ", error->message,
             detail ? " (" : "", error->detail, detail ? ")" : "", advice);
    return say(weir_status_is(error->status, WEIR_ARGUMENT) ? EXIT_USAGE : EXIT_FAILED, line);
}
