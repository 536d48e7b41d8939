/* The loops that the tests of tasks run on. */
#include "loops.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <weir/adapters/uv.h>
#ifdef WITH_GLIB
#include <weir/adapters/glib.h>
#endif

typedef struct call { void (*function)(void *argument); void *argument; } call;

/* ---- libuv */
typedef struct uv_own { uv_loop_t loop; uv_timer_t timer; call tick; } uv_own;

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
    own->tick.function(own->tick.argument);
}

static void start_uv_ticks(void *argument, void (*tick)(void *argument), void *tick_argument)
{
    uv_own *own = argument;
    own->tick = (call){ tick, tick_argument };
    own->timer.data = own;
    uv_timer_start(&own->timer, uv_tick, 1, 1);
}

static void stop_uv_ticks(void *own) { uv_timer_stop(&((uv_own *)own)->timer); }

typedef struct uv_call { uv_timer_t timer; call call; } uv_call;

static void end_uv_call(uv_handle_t *handle) { free(handle->data); }

static void run_uv_call(uv_timer_t *timer)
{
    uv_call *c = timer->data;
    call what = c->call;
    uv_close((uv_handle_t *)timer, end_uv_call);
    what.function(what.argument);
}

static void call_after_uv(void *own, unsigned milliseconds, void (*callback)(void *argument), void *argument)
{
    uv_call *c = calloc(1, sizeof *c);
    c->call = (call){ callback, argument };
    uv_timer_init(&((uv_own *)own)->loop, &c->timer);
    c->timer.data = c;
    uv_timer_start(&c->timer, run_uv_call, milliseconds, 0);
}

const loop_kind loop_of_uv = { "libuv", make_uv, run_uv, weir_uv_close, drop_uv, start_uv_ticks, stop_uv_ticks, call_after_uv };

/* ---- GLib */
#ifdef WITH_GLIB
typedef struct glib_own { GMainContext *context; GSource *timer; call tick; int calls; } glib_own;

static void *make_glib(weir_loop **loop)
{
    glib_own *own = calloc(1, sizeof *own);
    own->context = g_main_context_new();
    *loop = weir_glib_open(own->context, 0);
    return own;
}

static void run_glib(void *argument, weir_loop *loop)
{
    glib_own *own = argument;
    do
        g_main_context_iteration(own->context, own->calls > 0 || weir_loop_tasks(loop) > 0);
    while (own->calls > 0 || weir_loop_tasks(loop) > 0);
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
    own->tick.function(own->tick.argument);
    return G_SOURCE_CONTINUE;
}

static void start_glib_ticks(void *argument, void (*tick)(void *argument), void *tick_argument)
{
    glib_own *own = argument;
    own->tick = (call){ tick, tick_argument };
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

typedef struct glib_call { glib_own *own; call call; } glib_call;

static gboolean run_glib_call(void *argument)
{
    glib_call *c = argument;
    c->call.function(c->call.argument);
    c->own->calls--;
    return G_SOURCE_REMOVE;
}

static void call_after_glib(void *argument, unsigned milliseconds, void (*callback)(void *argument), void *callback_argument)
{
    glib_own *own = argument;
    glib_call *c = malloc(sizeof *c);
    *c = (glib_call){ own, { callback, callback_argument } };
    own->calls++;
    GSource *timer = g_timeout_source_new(milliseconds);
    g_source_set_callback(timer, run_glib_call, c, free);
    g_source_attach(timer, own->context);
    g_source_unref(timer);
}

const loop_kind loop_of_glib = { "GLib", make_glib, run_glib, weir_glib_close, drop_glib, start_glib_ticks, stop_glib_ticks, call_after_glib };
#endif

const loop_kind *loop_under_test(void)
{
    const char *name = getenv("WEIR_TEST_LOOP");
    if (!name || strcmp(name, "libuv") == 0)
        return &loop_of_uv;
#ifdef WITH_GLIB
    if (strcmp(name, "glib") == 0)
        return &loop_of_glib;
#endif
    fail_msg("WEIR_TEST_LOOP=%s: no such loop in this build", name);
    return NULL;
}

