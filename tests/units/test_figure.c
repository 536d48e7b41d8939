/* The figure of weir profile: the same runs give the same bytes, and what stands in it is what was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "cli/figure.h"

static figure_sample climbing[] = { { 0, 8000000, 1 }, { 5000000, 600000000, 2 }, { 10000000, 1200000000, 3 }, { 10000000, 9000000, 1 } };
static figure_sample level[] = { { 0, 8000000, 1 }, { 5000000, 11000000, 2 }, { 10000000, 11000000, 3 } };
static const figure_run runs[] = {
    { .rows = 10000000, .peak_rss = 1200000000, .peak_ledger = 1150000000, .round_trips = 2, .seconds = 6.25, .samples = climbing, .sample_count = 4 },
    { .yield_per = 5000, .rows = 10000000, .peak_rss = 11000000, .peak_ledger = 640000, .round_trips = 2004, .seconds = 2.5, .samples = level,
      .sample_count = 3 },
};

static char *draw(const figure_run *given, size_t count, const char *subtitle)
{
    text out = { 0 };
    figure_draw(given, count, subtitle, &out);
    return out.data;
}

static void assert_has(const char *svg, const char *part)
{
    if (!strstr(svg, part))
        fail_msg("[%s] is not in %s", part, svg);
}

static void test_the_same_runs_give_the_same_bytes(void **state)
{
    (void)state;
    char *first = draw(runs, 2, "here"), *second = draw(runs, 2, "here");
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void test_what_it_shows(void **state)
{
    (void)state;
    char *svg = draw(runs, 2, "a < b & \"c\"\n");
    assert_has(svg, "role=\"img\" aria-labelledby=\"t d\"");
    assert_has(svg, "<title id=\"t\">Client memory while 10,000,000 rows are read</title>");
    assert_has(svg, "buffered whole: peak 1200 MB, 10,000,000 rows in 6.25 s. yield_per 5,000: peak 11.0 MB, 10,000,000 rows in 2.50 s.</desc>");
    assert_has(svg, "prefers-color-scheme:dark");
    assert_has(svg, ">a &lt; b &amp; &quot;c&quot;</text>");
    assert_has(svg, ">rows fetched (millions)</text>");
    assert_has(svg, ">resident memory (MB)</text>");
    assert_has(svg, ">4,000,000</text>");           /* rows/s of the stream */
    assert_has(svg, ">2,004</text>");
    assert_has(svg, ">0.6 MB</text>");
    /* The left edge is x = 76, the right one 796; 0 MB is y = 364, and the scale ends at the first step above the peak: 1400 MB. */
    assert_has(svg, "<polyline class=\"l c0\" points=\"76.0,362.3 436.0,235.4 796.0,106.9 796.0,362.1\"/>");
    assert_has(svg, "<polyline class=\"l c1\" points=\"76.0,362.3 436.0,361.6 796.0,361.6\"/>");
    free(svg);
}

static void test_few_rows_and_none(void **state)
{
    (void)state;
    figure_sample one[] = { { 0, 1000, 0 }, { 7, 2000, 0 } };
    figure_run few = { .yield_per = 3, .rows = 7, .peak_rss = 2000, .samples = one, .sample_count = 2 };
    char *svg = draw(&few, 1, "");
    assert_has(svg, ">rows fetched</text>");
    assert_has(svg, ">none</text>");                /* round trips */
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    free(svg);
    figure_run empty = { .yield_per = 3 };
    svg = draw(&empty, 1, "");
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "<polyline"));
    free(svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_runs_give_the_same_bytes), cmocka_unit_test(test_what_it_shows), cmocka_unit_test(test_few_rows_and_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
