/* The figure of weir profile: client memory over rows, one line per run, and the runs' numbers below it. The same runs give the same
 * bytes. */
#ifndef WEIR_CLI_FIGURE_H
#define WEIR_CLI_FIGURE_H
#include <stdint.h>
#include "text.h"

typedef struct figure_sample { int64_t rows, rss, ledger; } figure_sample;     /* bytes */
typedef struct figure_run {
    int64_t yield_per;                  /* 0: buffered whole */
    int64_t rows, peak_rss, peak_ledger;
    int64_t round_trips;                /* 0: the database is in the process */
    double  seconds;
    figure_sample *samples;
    size_t  sample_count;
} figure_run;

enum { FIGURE_RUNS = 6 };
/* SVG. subtitle: where the rows came from; any text. */
void figure_draw(const figure_run *runs, size_t count, const char *subtitle, text *out);
/* "buffered whole" or "yield_per 5,000". */
const char *figure_run_name(char out[64], const figure_run *run);
/* 12345678 bytes as "12.3 MB". */
const char *figure_megabytes(char out[32], int64_t bytes);
#endif
