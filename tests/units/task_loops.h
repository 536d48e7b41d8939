/* The loops that the tests of tasks run on, behind one small table: each test runs on each of them. */
#ifndef TASK_LOOPS_H
#define TASK_LOOPS_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <weir/loop.h>

/* A loop under test. Every function but make is given what make returned. */
typedef struct loop_kind {
    const char *name;
    void      *(*make)(weir_loop **loop);           /* opens the loop and weir's over it */
    void       (*run)(void *own, weir_loop *loop);  /* until there are no tasks left */
    int        (*close)(weir_loop **loop);
    void       (*drop)(void *own);                  /* after close */
    /* A timer of the loop's own that calls tick(argument) each millisecond until stop. */
    void       (*start_ticks)(void *own, void (*tick)(void *argument), void *argument);
    void       (*stop_ticks)(void *own);
} loop_kind;

typedef struct loop_fixture {
    const loop_kind *kind;
    void            *own;
    weir_loop       *loop;
    size_t           bytes_before;
} loop_fixture;

extern const loop_kind loop_of_uv, loop_of_glib;
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
