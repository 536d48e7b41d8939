/* weir export --resume and --retry: rows behind a place, and the file that belongs to it. */
#ifndef WEIR_CLI_EXPORT_RESUME_H
#define WEIR_CLI_EXPORT_RESUME_H
#include "export.h"

/* Options that do not go together. 0 or EXIT_USAGE. */
int resume_check_settings(const export_settings *settings);
/* Those of --resume alone, whoever reads. The same. */
int resume_check_interval(const export_settings *settings);
/* When the place is saved: 0: not by that. "10000", "64M", "5s", NULL: the default. False: it is none of these. */
typedef struct save_interval { int64_t rows, bytes; double seconds; } save_interval;
bool resume_read_interval(const char *given, save_interval *out);
/* Finds the key and makes run->checkpoint; the connection is open, and in no transaction afterwards. 0, or the exit code when a line was said. */
int resume_find_place(export_run *run, text *key);
/* Whether --columns has the key's columns. 0 or EXIT_USAGE. */
int resume_check_columns(const export_run *run, const char *key);
/* Opens run->stream and writes its rows, with checkpoints. The same. */
int resume_write_rows(export_run *run);
/* Takes the figures and closes the stream. */
void resume_close(export_run *run);
#endif
