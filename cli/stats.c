/* Figures: the clock, the process's memory, and the JSON object of --stats. */
#include "stats.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

double stats_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t kilobytes(const char *status, const char *key)
{
    const char *line = strstr(status, key);
    return line ? 1024 * (int64_t)strtoll(line + strlen(key), NULL, 10) : 0;
}

memory_now stats_memory(void)
{
    char status[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof status - 1);
    if (fd >= 0)
        close(fd);
    status[n > 0 ? n : 0] = 0;
    return (memory_now){ kilobytes(status, "\nVmRSS:"), kilobytes(status, "\nVmHWM:") };
}

void stats_print_json(const export_stats *stats)
{
    weir_memory_figures ledger = { 0 };
    weir_memory_usage(&ledger);
    fprintf(stderr,
            "{\"rows\":%" PRId64 ",\"batches\":%" PRId64 ",\"seconds\":%.6f,\"rows_per_second\":%.0f,\"peak_rss_bytes\":%" PRId64
            ",\"peak_ledger_bytes\":%zu,\"bytes_written\":%" PRId64 ",\"resumed\":%s,\"runs\":%" PRId64 ",\"reconnects\":%" PRId64 ",\"jobs\":%" PRId64
            ",\"ranges\":%" PRId64 ",\"spilled_bytes\":%" PRId64 "}\n",
            stats->rows, stats->batches, stats->seconds, stats->seconds > 0 ? (double)stats->rows / stats->seconds : 0.0,
            stats_memory().peak_rss_bytes, ledger.peak_bytes, stats->bytes_written,
            stats->resumed ? "true" : "false", stats->runs ? stats->runs : 1, stats->reconnects, stats->jobs ? stats->jobs : 1, stats->ranges ? stats->ranges : 1,
            stats->spilled);
}
