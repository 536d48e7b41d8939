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
/* A statement with the values of --param, or NULL when a line was said and *code set. */
weir_stmt *query_statement(const export_settings *settings, const char *sql, bool sqlite, int *code);
#endif
