/* Figures: the clock, the process's memory, and the JSON object of --stats. */
#ifndef WEIR_CLI_STATS_H
#define WEIR_CLI_STATS_H
#include <stdbool.h>
#include <stdint.h>

/* Monotonic seconds. */
double stats_clock(void);

typedef struct memory_now { int64_t rss_bytes, peak_rss_bytes; } memory_now;
/* VmRSS and VmHWM of this process; zeros where the system does not tell. */
memory_now stats_memory(void);

typedef struct export_stats {
    int64_t rows, batches, bytes_written;
    bool    resumed;                    /* an earlier run had written some of it */
    int64_t runs, reconnects;           /* of all runs together; runs 0: one */
    int64_t jobs, ranges, spilled;      /* of an export by several connections; jobs 0: one. spilled: bytes, also under a budget */
    double  seconds;
} export_stats;
/* One line of JSON on standard error. */
void stats_print_json(const export_stats *stats);
#endif
