/* Engines for the URLs of the command line. */
#ifndef WEIR_CLI_DATABASE_H
#define WEIR_CLI_DATABASE_H
#include <weir/weir.h>

/* Opens an engine with one connection; `create`: a SQLite file that does not exist is made, else it is an error. 0, or the exit code
 * when a line was said; the engine is to be closed in any case. */
int database_open(weir_engine **out, const char *url, bool create, bool *sqlite);
/* The same, of a database that exists, with so many connections. */
int database_open_many(weir_engine **out, const char *url, int connections, bool *sqlite);
/* Both are there, and one file. */
bool database_same_file(const char *a, const char *b);
/* 0; or EXIT_USAGE when a line was said: what is to be written to `path` (NULL: nothing) would replace a file of that SQLite database. */
int database_keep_apart(const char *url, const char *path, const char *option);
/* Checks a connection out. 0, or the exit code when a line was said; the connection is to be closed in any case. */
int database_connect(weir_engine *engine, weir_connection **out);
/* After a signal whatever fails is its consequence: then only the signal is told of. */
int database_failed(const char *what, const weir_error *error);
#endif
