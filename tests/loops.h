/* The loops that tests of tasks run on, behind one small table: what is said once runs on each of them. */
#ifndef TEST_LOOPS_H
#define TEST_LOOPS_H
#include <weir/loop.h>

/* A loop under test. Every function but make is given what make returned. */
typedef struct loop_kind {
    const char *name;
    void      *(*make)(weir_loop **loop);           /* opens the loop and weir's over it */
    void       (*run)(void *own, weir_loop *loop);  /* until there are no tasks left, and no calls to come */
    int        (*close)(weir_loop **loop);
    void       (*drop)(void *own);                  /* after close; the ticks have been stopped */
    /* A timer of the loop's own that calls tick(argument) each millisecond until stop; it does not keep `run` running. */
    void       (*start_ticks)(void *own, void (*tick)(void *argument), void *argument);
    void       (*stop_ticks)(void *own);
    /* Calls callback(argument) once, outside of tasks, after so many milliseconds. */
    void       (*call_after)(void *own, unsigned milliseconds, void (*callback)(void *argument), void *argument);
} loop_kind;

extern const loop_kind loop_of_uv, loop_of_glib;
/* The one that WEIR_TEST_LOOP in the environment names: "glib", else libuv's. */
const loop_kind *loop_under_test(void);
#endif
