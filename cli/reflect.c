/* weir reflect: a C header of entities from a live schema. */
#include "reflect.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "database.h"
#include "failure.h"
#include "signals.h"
#include "text.h"
#include "whole.h"

typedef struct reflect_settings {
    const char *url, *to, *prefix;
    text_list   tables, schemas;
} reflect_settings;

#define ROW(name, value, kind, member, help) { name, value, kind, offsetof(reflect_settings, member), NULL, help }
static const option_row rows[] = {
    ROW("--table", "T", OPTION_LIST, tables, "only this table: name, or schema.name; may be repeated"),
    ROW("--schema", "S", OPTION_LIST, schemas, "the tables of this schema, not of the default one; may be repeated"),
    ROW("--to", "FILE", OPTION_TEXT, to, "the header, written over; - is standard output, the default"),
    ROW("--prefix", "P", OPTION_TEXT, prefix, "in front of the names of structs and enums, as in shop_"),
    ROW("--help", NULL, OPTION_HELP, url, "this text"),
};

static int run_reflect(int count, char **words);

const command_spec reflect_command = {
    .name = "reflect",
    .usage = "URL [--table T]... [--schema S]... [--to FILE]",
    .summary = "a C header of mapped structs from the live tables",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .argument_offset = offsetof(reflect_settings, url),
    .arguments = { "URL" },
    .notes =
        "Each table with a primary key becomes a struct and its WEIR_ENTITY: columns by the types of docs/how-to/map-tables.md, foreign\n"
        "keys as relationships of both sides, tables of two foreign keys and nothing else as many-to-many. What cannot be mapped stands\n"
        "in the header as a comment that says why. The same schema gives the same bytes.\n"
        "One C file of the program defines the entities: #define SHOP_ENTITIES before #include \"shop.h\" (for --to shop.h; on standard\n"
        "output it is REFLECTED_ENTITIES).\n"
        "\n"
        "Exit codes: 0 written; 1 failed, and no file was touched; 2 wrong usage; 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.\n",
    .run = run_reflect,
};

/* ---- the file ------------------------------------------------------------------------------------------------------------ */
static int take_text(const char *bytes, size_t length, void *context)
{
    text_add_n(context, bytes, length);
    return WEIR_OK;
}

static int write_header(const reflect_settings *settings, const text *header)
{
    if (settings->to && strcmp(settings->to, "-") != 0)
        return whole_write(settings->to, header);
    if (fwrite(header->data, 1, header->length, stdout) != header->length || fflush(stdout) != 0)
        return failure_say(EXIT_FAILED, "cannot write to standard output: it is closed or full; check where it goes");
    return 0;
}

/* ---- the run ------------------------------------------------------------------------------------------------------------- */
/* "src/shop.h": shop.h, which the library makes SHOP_H of. NULL: standard output. */
static const char *guard_of(const char *to)
{
    const char *slash = to ? strrchr(to, '/') : NULL;
    return !to || !strcmp(to, "-") ? NULL : slash ? slash + 1 : to;
}

static int reflect(const reflect_settings *settings, text *header)
{
    weir_engine *engine = NULL;
    weir_connection *connection = NULL;
    weir_error error;
    bool sqlite = false;
    int code = database_open(&engine, settings->url, false, &sqlite);
    if (code == 0)
        code = database_connect(engine, &connection);
    if (code == 0) {
        signals_watch_connection(connection);
        const weir_reflect_options *options = WEIR_REFLECT_OPTIONS(
            .tables = settings->tables.items, .table_count = settings->tables.count, .schemas = settings->schemas.items,
            .schema_count = settings->schemas.count, .prefix = settings->prefix, .guard = guard_of(settings->to));
        if (weir_schema_reflect(connection, options, take_text, header, &error) != WEIR_OK)
            code = database_failed("cannot read the schema", &error);
        signals_watch_connection(NULL);
    }
    if (connection && weir_connection_close(&connection) != WEIR_OK && code == 0)
        code = failure_say(EXIT_FAILED, "cannot read the schema: the connection broke; run it again");
    if (engine)
        weir_engine_close(&engine);
    return code;
}

static int run_reflect(int count, char **words)
{
    reflect_settings settings = { .to = NULL };
    text header = { 0 };
    int code = options_parse(&reflect_command, count, words, &settings);
    if (code == 0 && !settings.url)
        code = failure_say(EXIT_USAGE, "wrong usage: the URL is missing; see weir help reflect");
    if (code == 0 && settings.to && guard_of(settings.to) && !*guard_of(settings.to))
        code = failure_say(EXIT_USAGE, "wrong value for --to: \"%s\" names no file; give one, as in --to shop.h", settings.to);
    if (code == 0)
        code = database_keep_apart(settings.url, settings.to, "--to");
    if (code == 0) {
        failure_command("reflect", "check the names of --table and --schema");
        signals_start("reflect", "nothing was written");
        code = reflect(&settings, &header);
    }
    if (code == 0)
        code = write_header(&settings, &header);
    text_free(&header);
    text_list_free(&settings.tables);
    text_list_free(&settings.schemas);
    return code == OPTIONS_HELP_SHOWN ? 0 : code;
}
