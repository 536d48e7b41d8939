/* What the command says when something fails: one line on standard error, "weir: what failed: why; what to do". */
#ifndef WEIR_CLI_FAILURE_H
#define WEIR_CLI_FAILURE_H
#include <weir/weir.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

/* Passwords in this URL are blotted out of all that is said from now on. */
void failure_hide_password(const char *url);
/* The command that runs, and what to do when a value cannot be taken: for advice. Constants. */
void failure_command(const char *name, const char *on_values);
/* It writes into the database: advice on one that is only read differs. */
void failure_command_writes(void);
/* Says a line. Returns `code`, so that a failing function can `return failure_say(…)`. */
int failure_say(int code, const char *format, ...) WEIR_PRINTF_(2, 3);
/* Says what the error tells, with advice. Returns EXIT_USAGE for a status that is the caller's mistake, else EXIT_FAILED. */
int failure_report(const char *what, const weir_error *error);
#endif
