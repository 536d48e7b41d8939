/* Engines for the URLs of the command line. */
#include "database.h"
#include <string.h>
#include "failure.h"
#include "signals.h"
#include "text.h"

/* SQLite would make an empty database of a mistyped name. */
static void refuse_new_file(const char *url, text *out)
{
    bool has_path = strcmp(url, "sqlite://") && strcmp(url, "sqlite:///") && strcmp(url, "sqlite:///:memory:");
    text_add(out, url);
    if (text_begins(url, "sqlite://") && has_path && !strstr(url, "?mode=") && !strstr(url, "&mode="))
        text_add(out, strchr(url, '?') ? "&mode=rw" : "?mode=rw");
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
