/* Tests of tasks: each runs on each loop that there is an adapter for. */
#ifndef TASK_LOOPS_H
#define TASK_LOOPS_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../loops.h"

typedef struct loop_fixture {
    const loop_kind *kind;
    void            *own;
    weir_loop       *loop;
    size_t           bytes_before;
} loop_fixture;

int loop_setup_uv(void **state);
int loop_setup_glib(void **state);
/* Closes the loop; every byte must be given back. */
int loop_teardown(void **state);
void loop_run(loop_fixture *fixture);

/* Entries of the array of tests. */
#define ON_UV(test)   { #test " [libuv]", test, loop_setup_uv, loop_teardown, NULL }
#ifdef WITH_GLIB
#define ON_GLIB(test) { #test " [GLib]", test, loop_setup_glib, loop_teardown, NULL }
#define ON_LOOPS(test) ON_UV(test), ON_GLIB(test)
#else
#define ON_LOOPS(test) ON_UV(test)
#endif
#endif
