/* One measured run of weir profile, in a process of its own. */
#ifndef WEIR_CLI_PROFILE_RUN_H
#define WEIR_CLI_PROFILE_RUN_H
#include "export.h"
#include "figure.h"

/* In the child: reads the rows (yield_per 0: buffered whole) and writes samples and figures to `fd`. The exit code. */
int profile_measure(const export_settings *query, int64_t yield_per, int fd);
/* In the parent: runs this program again with `words` (ended by NULL) and reads what it measured. 0, or the exit code when a line
 * was said. run->samples is the caller's to free. */
int profile_child(char *const *words, int64_t yield_per, figure_run *run);
/* In a child, behind signals_start: when the process that started it is gone, it ends as by SIGTERM, and stops its query. */
void profile_end_with_parent(void);
#endif
