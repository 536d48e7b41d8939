/* The progress line. */
#include "progress.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "stats.h"
#include "text.h"

#define INTERVAL_S 0.2

static atomic_bool shown;               /* a line stands there that is not ended */
static bool active;
static int64_t estimated, before;       /* before: rows that an earlier run had done */
static double started_at, shown_at;

bool progress_possible(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && (!terminal || strcmp(terminal, "dumb") != 0);
}

/* "1 h 02 min", "3 min 20 s", "12 s". */
static void put_duration(char *out, size_t size, double seconds)
{
    int64_t s = (int64_t)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, size, "%lld h %02d min", (long long)(s / 3600), (int)(s / 60 % 60));
    else if (s >= 60)
        snprintf(out, size, "%d min %02d s", (int)(s / 60), (int)(s % 60));
    else
        snprintf(out, size, "%d s", (int)s);
}

static void put_memory(char *out, size_t size)
{
    memory_now memory = stats_memory();
    snprintf(out, size, "memory %.1f MB (peak %.1f MB)", (double)memory.rss_bytes / 1e6, (double)memory.peak_rss_bytes / 1e6);
}

/* Percent and time left, where there is an estimate; once the rows have passed it, nobody knows how long it takes. */
static void put_rest(char *out, size_t size, int64_t rows, double seconds)
{
    char left[32] = "";
    out[0] = 0;
    if (estimated <= 0 || rows <= before)
        return;
    if (rows >= estimated) {
        snprintf(out, size, "  99 %%");
        return;
    }
    put_duration(left, sizeof left, seconds * (double)(estimated - rows) / (double)(rows - before));
    snprintf(out, size, "  %d %%  %s left", (int)(100 * (double)rows / (double)estimated), left);
}

static void show(int64_t rows, bool last)
{
    char line[256], grouped[32], rate[32], rest[64] = "", memory[64];
    struct winsize window = { 0 };
    double seconds = stats_clock() - started_at;
    int64_t per_second = seconds > 0 ? (int64_t)((double)(rows - before) / seconds) : 0;
    put_memory(memory, sizeof memory);
    if (last)
        snprintf(rest, sizeof rest, "  in %.1f s", seconds);
    else
        put_rest(rest, sizeof rest, rows, seconds);
    int length = snprintf(line, sizeof line, "%s rows  %s rows/s%s  %s", text_grouped(grouped, rows),
                          text_grouped(rate, per_second), rest, memory);
    /* A line that wraps could not be wiped off. */
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 && length >= window.ws_col)
        length = window.ws_col - 1;
    fprintf(stderr, "\r%.*s\033[K%s", length, line, last ? "\n" : "");
    fflush(stderr);
    atomic_store(&shown, !last);
}

void progress_start_at(int64_t rows, int64_t estimate)
{
    active = true;
    before = rows;
    estimated = estimate;
    started_at = shown_at = stats_clock();
    show(rows, false);
}

void progress_start(int64_t estimate) { progress_start_at(0, estimate); }

void progress_rows(int64_t rows)
{
    double now = active ? stats_clock() : 0;
    if (!active || now - shown_at < INTERVAL_S)
        return;
    shown_at = now;
    show(rows, false);
}

void progress_end(int64_t rows)
{
    if (active)
        show(rows, true);
    active = false;
}

void progress_clear(void)
{
    if (atomic_exchange(&shown, false))
        fputs("\r\033[K", stderr);
}
