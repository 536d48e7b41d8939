/* What each test of tasks stands on: a loop of each kind, and an account of the memory. */
#include "task_loops.h"
#include <stdlib.h>

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
