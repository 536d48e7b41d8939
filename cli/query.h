/* The SQL text that an export runs. */
#ifndef WEIR_CLI_QUERY_H
#define WEIR_CLI_QUERY_H
#include "export.h"
#include "text.h"

/* Whether what says which rows is given once and goes together. 0, or EXIT_USAGE when a line was said. */
int query_check(const export_settings *settings);
/* The query of --query, or the one made from --table and its companions. 0, or EXIT_USAGE when a line was said. */
int query_build(const export_settings *settings, text *sql);
/* The table's name quoted for SQL; *last: where in `out` its last part, the table without its schema, begins. 0 or EXIT_USAGE. */
int query_table(const char *table, text *out, size_t *last);
/* The name quoted for SQL, whatever is in it. */
void query_name(const char *name, text *out);
/* Which rows, as options of a command whose settings have them in the member `query`; ROW as its table has it. */
#define QUERY_ROWS(ROW) \
    ROW("--table", "T", OPTION_TEXT, query.table, NULL, "the table or view: name, or schema.name"), \
    ROW("--query", "SQL", OPTION_TEXT, query.query, NULL, "the query, instead of --table"), \
    ROW("--param", "NAME=VALUE", OPTION_LIST, query.parameters, NULL, "the value of :NAME in --query or --where; may be repeated"), \
    ROW("--columns", "A,B", OPTION_TEXT, query.columns, NULL, "with --table: only these columns"), \
    ROW("--where", "SQL", OPTION_TEXT, query.where, NULL, "with --table: only rows for which this condition holds"), \
    ROW("--order-by", "SQL", OPTION_TEXT, query.order_by, NULL, "with --table: the order, as in \"id, created_at desc\"")

/* An engine for the settings' URL and the statement of its query. 0, or an exit code when a line was said; all that is not NULL then is the
 * caller's to free. */
int query_open(const export_settings *settings, weir_engine **engine, bool *sqlite, weir_stmt **stmt);
/* A statement with the values of --param, or NULL when a line was said and *code set. */
weir_stmt *query_statement(const export_settings *settings, const char *sql, bool sqlite, int *code);
#endif
