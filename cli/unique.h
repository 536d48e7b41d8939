/* Which columns of a table no two rows share: from the database's catalogue. */
#ifndef WEIR_CLI_UNIQUE_H
#define WEIR_CLI_UNIQUE_H
#include "export.h"

/* The key that orders the rows of --table, ready for a checkpoint: `wanted` ("created_at desc, id"), checked to be unique, or, when it is
 * NULL, the primary key. Views and their like have no index: there `wanted` is taken as it is. 0, or the exit code when a line was said. */
int unique_key(export_run *run, const char *wanted, text *key);
/* One column of a key's text, from *at on, which moves to the next: its name without quotes, as the database folds it, in `name`; *end: where
 * its item ends. False: there is none. */
bool unique_next_column(const char **at, bool folds, text *name, const char **end);
#endif
