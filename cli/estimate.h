/* How many rows a query will give, where that is cheap to know. */
#ifndef WEIR_CLI_ESTIMATE_H
#define WEIR_CLI_ESTIMATE_H
#include "export.h"

/* The planner's estimate on PostgreSQL; the greatest rowid of a bare table on SQLite. 0: unknown, or a failure, which the query
 * itself will meet again. No transaction is left behind. */
int64_t estimate_rows(weir_connection *connection, const export_settings *settings, const char *sql, bool sqlite);
#endif
