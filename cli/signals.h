/* Ctrl-C and SIGTERM: a thread waits for them, since stopping a connection is safe from a thread and not from a handler. */
#ifndef WEIR_CLI_SIGNALS_H
#define WEIR_CLI_SIGNALS_H
#include <weir/weir.h>

/* Before any other thread is made. Without a thread, signals end the command as they always do. What is interrupted, and what that
 * leaves behind, is said then; both are constants. */
void signals_start(const char *command, const char *outcome);
/* Another outcome from here on. */
void signals_outcome(const char *outcome);
/* What is said where a second signal, or a server that does not answer, ends the command at once; NULL: the same. */
void signals_outcome_at_once(const char *outcome);
/* The connection that a signal stops; NULL takes it back (and waits until nobody uses it any more). As long as there is none, a
 * signal ends the command at once. */
void signals_watch_connection(weir_connection *connection);
/* The same of anything that can be stopped from another thread. */
void signals_watch(void (*stop)(void *argument), void *argument);
/* The file to remove when the command must end at once; "" for none. Those that the library is writing to are found without this. */
void signals_watch_file(const char *temporary_path);
/* From here on one signal comes too late, and only a second one ends the command. */
void signals_finishing(void);
/* The signal that came, or 0. */
int signals_caught(void);
/* Says once that a signal ended the command. Returns the exit code. */
int signals_report(int number);
#endif
