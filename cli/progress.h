/* The progress line: on a terminal only, at most five times a second. */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

/* Whether a line would be seen: standard error is a terminal. */
bool progress_possible(void);
/* From here on progress_rows shows the line. estimate: of all rows; <= 0: none. */
void progress_start(int64_t estimate);
/* The same where an earlier run did so many rows. */
void progress_start_at(int64_t rows, int64_t estimate);
void progress_rows(int64_t rows);
/* The last line, which stays. */
void progress_end(int64_t rows);
/* Wipes the line off, for good: something else is to be said. Safe at any time, from any thread. */
void progress_clear(void);
#endif
