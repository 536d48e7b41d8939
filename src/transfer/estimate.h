/* How many rows a statement will give: for advice, which wants to know from where, too. */
#ifndef WEIR_TRANSFER_ESTIMATE_H
#define WEIR_TRANSFER_ESTIMATE_H
#include <weir/engine.h>
#include "transfer/query_text.h"

/* SQLite: the rows of the statement's one table, inside a transaction; -1: unknown. *from says how it is known. */
int64_t weir_estimate_lite(weir_connection *connection, const weir_query_text *text, const char **from, weir_error *error);
#endif
