/* The loops that the tests of tasks run on. */
#include "task_loops.h"
#include <stdlib.h>
#include <weir/adapters/uv.h>
#ifdef WITH_GLIB
#include <weir/adapters/glib.h>
#endif

typedef struct ticks { void (*tick)(void *argument); void *argument; } ticks;

/* ---- libuv */
typedef struct uv_own { uv_loop_t loop; uv_timer_t timer; ticks ticks; } uv_own;

static void *make_uv(weir_loop **loop)
{
    uv_own *own = calloc(1, sizeof *own);
    assert_int_equal(uv_loop_init(&own->loop), 0);
    uv_timer_init(&own->loop, &own->timer);
    uv_unref((uv_handle_t *)&own->timer);
    *loop = weir_uv_open(&own->loop);
    return own;
}

static void run_uv(void *own, weir_loop *loop)
{
    uv_run(&((uv_own *)own)->loop, UV_RUN_DEFAULT);
    assert_int_equal(weir_loop_tasks(loop), 0);
}

static void drop_uv(void *argument)
{
    uv_own *own = argument;
    uv_close((uv_handle_t *)&own->timer, NULL);
    uv_run(&own->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&own->loop), 0);
    free(own);
}

static void uv_tick(uv_timer_t *timer)
{
    uv_own *own = timer->data;
    own->ticks.tick(own->ticks.argument);
}

static void start_uv_ticks(void *argument, void (*tick)(void *argument), void *tick_argument)
{
    uv_own *own = argument;
    own->ticks = (ticks){ tick, tick_argument };
    own->timer.data = own;
    uv_timer_start(&own->timer, uv_tick, 1, 1);
}

static void stop_uv_ticks(void *own) { uv_timer_stop(&((uv_own *)own)->timer); }

const loop_kind loop_of_uv = { "libuv", make_uv, run_uv, weir_uv_close, drop_uv, start_uv_ticks, stop_uv_ticks };

/* ---- GLib */
#ifdef WITH_GLIB
typedef struct glib_own { GMainContext *context; GSource *timer; ticks ticks; } glib_own;

static void *make_glib(weir_loop **loop)
{
    glib_own *own = calloc(1, sizeof *own);
    own->context = g_main_context_new();
    *loop = weir_glib_open(own->context, 0);
    return own;
}

static void run_glib(void *own, weir_loop *loop)
{
    do
        g_main_context_iteration(((glib_own *)own)->context, weir_loop_tasks(loop) > 0);
    while (weir_loop_tasks(loop) > 0);
}

static void drop_glib(void *argument)
{
    glib_own *own = argument;
    g_main_context_unref(own->context);
    free(own);
}

static gboolean glib_tick(void *argument)
{
    glib_own *own = argument;
    own->ticks.tick(own->ticks.argument);
    return G_SOURCE_CONTINUE;
}

static void start_glib_ticks(void *argument, void (*tick)(void *argument), void *tick_argument)
{
    glib_own *own = argument;
    own->ticks = (ticks){ tick, tick_argument };
    own->timer = g_timeout_source_new(1);
    g_source_set_callback(own->timer, glib_tick, own, NULL);
    g_source_attach(own->timer, own->context);
}

static void stop_glib_ticks(void *argument)
{
    glib_own *own = argument;
    g_source_destroy(own->timer);
    g_source_unref(own->timer);
}

const loop_kind loop_of_glib = { "GLib", make_glib, run_glib, weir_glib_close, drop_glib, start_glib_ticks, stop_glib_ticks };
#endif

/* ---- fixtures */
static int setup(void **state, const loop_kind *kind)
{
    loop_fixture *fixture = calloc(1, sizeof *fixture);
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    fixture->bytes_before = figures.bytes;
    fixture->kind = kind;
    fixture->own = kind->make(&fixture->loop);
    assert_int_equal(weir_loop_error(fixture->loop)->status, WEIR_OK);
    *state = fixture;
    setenv("CMOCKA_TEST_ABORT", "1", 1);        /* a failed assertion must not leave a task by longjmp: it ends the program */
    return 0;
}

int loop_setup_uv(void **state) { return setup(state, &loop_of_uv); }
#ifdef WITH_GLIB
int loop_setup_glib(void **state) { return setup(state, &loop_of_glib); }
#endif

void loop_run(loop_fixture *fixture) { fixture->kind->run(fixture->own, fixture->loop); }

int loop_teardown(void **state)
{
    loop_fixture *fixture = *state;
    if (fixture->loop)
        assert_int_equal(fixture->kind->close(&fixture->loop), WEIR_OK);
    fixture->kind->drop(fixture->own);
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    assert_int_equal(figures.bytes, fixture->bytes_before);
    free(fixture);
    unsetenv("CMOCKA_TEST_ABORT");
    return 0;
}
