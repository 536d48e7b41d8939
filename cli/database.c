/* Engines for the URLs of the command line. */
#include "database.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "failure.h"
#include "signals.h"
#include "text.h"

/* SQLite would make an empty database of a mistyped name. */
static void refuse_new_file(const char *url, text *out)
{
    bool has_path = strcasecmp(url, "sqlite://") && strcasecmp(url, "sqlite:///") && strcasecmp(url, "sqlite:///:memory:");
    text_add(out, url);
    if (!strncasecmp(url, "sqlite://", 9) && has_path && !strstr(url, "?mode=") && !strstr(url, "&mode="))
        text_add(out, strchr(url, '?') ? "&mode=rw" : "?mode=rw");
}

bool database_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* The path of sqlite:///path?parameters; empty for another URL. */
static void take_path(const char *url, text *out)
{
    static const char scheme[] = "sqlite:///";
    text_add(out, "");
    if (strncasecmp(url, scheme, sizeof scheme - 1) != 0)
        return;
    for (const char *p = url + sizeof scheme - 1; *p && *p != '?'; p++) {
        char hex[3] = { p[0] == '%' ? p[1] : 0, p[0] == '%' && p[1] ? p[2] : 0, 0 }, *end = hex;
        char byte = hex[0] && hex[1] ? (char)strtol(hex, &end, 16) : *p;
        bool escaped = end == hex + 2;
        text_add_n(out, escaped ? &byte : p, 1);
        p += escaped ? 2 : 0;
    }
}

int database_keep_apart(const char *url, const char *path, const char *option)
{
    static const char *const files[] = { "", "-wal", "-shm", "-journal" };
    text database = { 0 };
    int code = 0;
    take_path(url, &database);
    size_t length = database.length;
    for (size_t i = 0; path && length && code == 0 && i < sizeof files / sizeof *files; i++) {
        text file = { 0 };
        text_add(&file, database.data);
        text_add(&file, files[i]);
        if (database_same_file(file.data, path))
            code = failure_say(EXIT_USAGE, "wrong value for %s: %s is the database itself, which would be replaced; give another file", option, path);
        text_free(&file);
    }
    text_free(&database);
    return code;
}

int database_failed(const char *what, const weir_error *error)
{
    return signals_caught() ? signals_report(signals_caught()) : failure_report(what, error);
}

static int open_engine(weir_engine **out, const char *url, bool create, int connections, bool *sqlite)
{
    text checked = { 0 };
    failure_hide_password(url);
    if (create)
        text_add(&checked, url);
    else
        refuse_new_file(url, &checked);
    int status = weir_engine_open(out, checked.data, WEIR_ENGINE_OPTIONS(.pool_size = connections));
    text_free(&checked);
    *sqlite = status == WEIR_OK && !strcmp(weir_engine_dialect(*out), "sqlite");
    return status == WEIR_OK ? 0 : database_failed("cannot use the database URL", weir_engine_error(*out));
}

int database_open(weir_engine **out, const char *url, bool create, bool *sqlite) { return open_engine(out, url, create, 1, sqlite); }

int database_open_many(weir_engine **out, const char *url, int connections, bool *sqlite)
{
    return open_engine(out, url, false, connections, sqlite);
}

int database_connect(weir_engine *engine, weir_connection **out)
{
    *out = weir_engine_connect(engine);
    if (weir_connection_error(*out)->status != WEIR_OK)
        return database_failed("cannot connect to the database", weir_connection_error(*out));
    return 0;
}
