/* weir export --jobs, --worker and --job-status: several connections or processes at one export. */
#ifndef WEIR_CLI_EXPORT_JOBS_H
#define WEIR_CLI_EXPORT_JOBS_H
#include "export.h"

/* Whether the settings ask for one of them. */
bool jobs_wanted(const export_settings *settings);
/* Options that do not go together. 0 or EXIT_USAGE. */
int jobs_check_settings(const export_settings *settings);
/* Does it all, from the engine to the last line. The exit code; figures are in run->stats. */
int jobs_export(export_run *run);
/* What is left behind when a signal ends it: for signals_start. A constant. */
const char *jobs_outcome(const export_settings *settings);
/* The same where a second one ends it at once; NULL: no difference. */
const char *jobs_outcome_at_once(const export_settings *settings);
#endif
