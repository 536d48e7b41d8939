/* Draws client memory over rows as SVG. Colours are in a style sheet with a second set for dark backgrounds. */
#include "figure.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 820, LEFT = 76, RIGHT = 24, TOP = 64, PLOT = 300, ROW = 24, COLUMNS = 6 };
static const double right = WIDTH - RIGHT, bottom = TOP + PLOT;

typedef struct scale { double rows, bytes, row_step, byte_step; } scale;

__attribute__((format(printf, 2, 3))) static void put(text *out, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_add(out, line);
}

static void put_escaped(text *out, const char *given)
{
    for (; *given; given++) {
        const char *entity = *given == '&' ? "&amp;" : *given == '<' ? "&lt;" : *given == '>' ? "&gt;" : *given == '"' ? "&quot;" : NULL;
        if (entity)
            text_add(out, entity);
        else if ((unsigned char)*given >= 0x20)
            text_add_n(out, given, 1);
    }
}

const char *figure_run_name(char out[64], const figure_run *run)
{
    char rows[32];
    if (run->yield_per == 0)
        snprintf(out, 64, "buffered whole");
    else
        snprintf(out, 64, "yield_per %s", text_grouped(rows, run->yield_per));
    return out;
}

const char *figure_megabytes(char out[32], int64_t bytes)
{
    snprintf(out, 32, bytes < 100000000 ? "%.1f MB" : "%.0f MB", (double)bytes / 1e6);
    return out;
}

/* ---- scales ------------------------------------------------------------------------------------------------------------ */

/* 1, 2 or 5 times a power of ten, so that there are at most so many of them. */
static double step_for(double range, int most)
{
    double step = 1;
    while (step * most * 10 < range)
        step *= 10;
    static const double factors[] = { 1, 2, 5, 10 };
    for (size_t i = 0; i < 4; i++)
        if (step * factors[i] * most >= range)
            return step * factors[i];
    return step * 10;
}

static scale scale_of(const figure_run *runs, size_t count)
{
    int64_t rows = 1, bytes = 1;
    for (size_t i = 0; i < count; i++) {
        rows = runs[i].rows > rows ? runs[i].rows : rows;
        bytes = runs[i].peak_rss > bytes ? runs[i].peak_rss : bytes;
    }
    scale s = { .rows = (double)rows, .row_step = step_for((double)rows, 10), .byte_step = step_for((double)bytes / 1e6, 6) * 1e6 };
    for (s.bytes = s.byte_step; s.bytes < (double)bytes * 1.02; )
        s.bytes += s.byte_step;
    return s;
}

static double x_of(const scale *s, int64_t rows) { return LEFT + (double)rows / s->rows * (right - LEFT); }
static double y_of(const scale *s, double bytes) { return bottom - bytes / s->bytes * PLOT; }

/* ---- parts --------------------------------------------------------------------------------------------------------------- */

static const char style[] =
    "<style>\n"
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328}\n"
    ".h{font-size:17px;font-weight:600}.s,.t{fill:#59636e}.n{font-variant-numeric:tabular-nums}\n"
    ".bg{fill:#fff}.g{stroke:#d1d9e0;stroke-width:1}.a{stroke:#59636e;stroke-width:1}.l{fill:none;stroke-width:2.5;stroke-linejoin:round}\n"
    ".c0{stroke:#cf222e}.c1{stroke:#0969da}.c2{stroke:#1a7f37}.c3{stroke:#8250df}.c4{stroke:#9a6700}.c5{stroke:#0a7d8c}\n"
    ".f{fill:#cf222e;opacity:.08}\n"
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.s,.t{fill:#9198a1}.bg{fill:#0d1117}.g{stroke:#2f353d}.a{stroke:#9198a1}\n"
    ".c0{stroke:#ff7b72}.c1{stroke:#58a6ff}.c2{stroke:#56d364}.c3{stroke:#d2a8ff}.c4{stroke:#e3b341}.c5{stroke:#39c5cf}.f{fill:#ff7b72;opacity:.14}}\n"
    "</style>\n";

static void put_description(const figure_run *runs, size_t count, text *out)
{
    text_add(out, "<desc id=\"d\">A line for each run shows the resident memory of the client over the rows fetched.");
    for (size_t i = 0; i < count; i++) {
        char name[64], rss[32], rows[32];
        put(out, " %s: peak %s, %s rows in %.2f s.", figure_run_name(name, &runs[i]), figure_megabytes(rss, runs[i].peak_rss),
            text_grouped(rows, runs[i].rows), runs[i].seconds);
    }
    text_add(out, "</desc>\n");
}

static void put_axes(const scale *s, text *out)
{
    bool millions = s->rows >= 2e6, thousands = !millions && s->rows >= 2e3;
    double unit = millions ? 1e6 : thousands ? 1e3 : 1;
    for (double bytes = 0; bytes <= s->bytes * 1.0001; bytes += s->byte_step)
        put(out, "<line class=\"%s\" x1=\"%d\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"t n\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n",
            bytes > 0 ? "g" : "a", LEFT, right, y_of(s, bytes), y_of(s, bytes), LEFT - 8, y_of(s, bytes) + 4, bytes / 1e6);
    for (double rows = 0; rows <= s->rows * 1.0001; rows += s->row_step)
        put(out, "<line class=\"a\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/><text class=\"t n\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%g</text>\n",
            x_of(s, (int64_t)rows), x_of(s, (int64_t)rows), bottom, bottom + 5, x_of(s, (int64_t)rows), bottom + 20, rows / unit);
    put(out, "<text class=\"t\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">rows fetched%s</text>\n", (LEFT + right) / 2, bottom + 40,
        millions ? " (millions)" : thousands ? " (thousands)" : "");
    put(out, "<text class=\"t\" transform=\"translate(20 %.0f) rotate(-90)\" text-anchor=\"middle\">resident memory (MB)</text>\n", TOP + PLOT / 2.0);
}

/* The run's colour: red is for the buffered one. */
static size_t colour_of(const figure_run *runs, size_t index)
{
    size_t colour = 1;
    for (size_t i = 0; i < index; i++)
        colour += runs[i].yield_per != 0;
    return runs[index].yield_per == 0 ? 0 : colour;
}

static void put_points(const scale *s, const figure_run *run, text *out)
{
    for (size_t i = 0; i < run->sample_count; i++)
        put(out, "%s%.1f,%.1f", i ? " " : "", x_of(s, run->samples[i].rows), y_of(s, (double)run->samples[i].rss));
}

static void put_line(const scale *s, const figure_run *run, size_t colour, text *out)
{
    if (run->sample_count == 0)
        return;
    if (run->yield_per == 0) {
        put(out, "<polygon class=\"f\" points=\"%.1f,%.0f ", x_of(s, run->samples[0].rows), bottom);
        put_points(s, run, out);
        put(out, " %.1f,%.0f\"/>\n", x_of(s, run->samples[run->sample_count - 1].rows), bottom);
    }
    put(out, "<polyline class=\"l c%zu\" points=\"", colour);
    put_points(s, run, out);
    text_add(out, "\"/>\n");
}

static const double column_ends[COLUMNS] = { LEFT + 30, 330, 450, 550, 680, WIDTH - RIGHT };

static void put_cell(text *out, int column, double y, const char *class, const char *value)
{
    put(out, "<text class=\"%s\" x=\"%.0f\" y=\"%.0f\"%s>%s</text>", class, column_ends[column], y, column ? " text-anchor=\"end\"" : "", value);
}

static void put_table(const figure_run *runs, size_t count, text *out)
{
    static const char *const heads[COLUMNS] = { "run", "peak resident", "peak in weir", "seconds", "rows/s", "round trips" };
    double y = bottom + 74;
    for (int i = 0; i < COLUMNS; i++)
        put_cell(out, i, y, "t", heads[i]);
    text_add(out, "\n");
    for (size_t i = 0; i < count; i++) {
        const figure_run *run = &runs[i];
        char value[64];
        y += ROW;
        put(out, "<line class=\"l c%zu\" x1=\"%d\" x2=\"%d\" y1=\"%.0f\" y2=\"%.0f\"/>", colour_of(runs, i), LEFT, LEFT + 22, y - 4, y - 4);
        put_cell(out, 0, y, "n", figure_run_name(value, run));
        put_cell(out, 1, y, "n", figure_megabytes(value, run->peak_rss));
        put_cell(out, 2, y, "n", figure_megabytes(value, run->peak_ledger));
        snprintf(value, sizeof value, "%.2f", run->seconds);
        put_cell(out, 3, y, "n", value);
        put_cell(out, 4, y, "n", text_grouped(value, run->seconds > 0 ? (int64_t)((double)run->rows / run->seconds) : 0));
        put_cell(out, 5, y, "n", run->round_trips ? text_grouped(value, run->round_trips) : "none");
        text_add(out, "\n");
    }
}

void figure_draw(const figure_run *runs, size_t count, const char *subtitle, text *out)
{
    const scale s = scale_of(runs, count);
    char rows[32];
    int height = TOP + PLOT + 92 + ROW * (int)count;
    text_grouped(rows, count ? (int64_t)s.rows : 0);
    put(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"t d\">\n",
        WIDTH, height, WIDTH, height);
    put(out, "<title id=\"t\">Client memory while %s rows are read</title>\n", rows);
    put_description(runs, count, out);
    text_add(out, style);
    put(out, "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", WIDTH, height);
    put(out, "<text class=\"h\" x=\"%d\" y=\"28\">Client memory while %s rows are read</text>\n<text class=\"s\" x=\"%d\" y=\"48\">", LEFT, rows, LEFT);
    put_escaped(out, subtitle);
    text_add(out, "</text>\n");
    put_axes(&s, out);
    for (size_t i = 0; i < count; i++)
        put_line(&s, &runs[i], colour_of(runs, i), out);
    put_table(runs, count, out);
    text_add(out, "</svg>\n");
}
