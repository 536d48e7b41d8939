/* Measuring in a child process. */
#include "support_apart.h"
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "support_task.h"

typedef struct apart { void (*measure)(const void *argument, void *out); const void *argument; void *out; } apart;

static int measure_in_task(void *argument)
{
    const apart *a = argument;
    a->measure(a->argument, a->out);
    return WEIR_OK;
}

void test_apart(void (*measure)(const void *argument, void *out), const void *argument, void *out, size_t size)
{
    int ends[2], status;
    if (UNDER_TSAN) {
        measure(argument, out);
        return;
    }
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        apart a = { measure, argument, out };
        if (test_world_is_task())
            run_in_task(measure_in_task, &a, 0);
        else
            measure(argument, out);
        bool told = write(ends[1], out, size) == (ssize_t)size;
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    assert_status(weir_wait_fd(ends[0], POLLIN, -1), WEIR_OK);
    bool heard = read(ends[0], out, size) == (ssize_t)size;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(heard && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
