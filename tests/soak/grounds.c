/* The soak's loops, one of libuv and one of GLib: each on a thread of its own, with a number of tasks, a timer beside them, and sessions
 * that tasks left open for the timer's callback, which is no task, to close. */
#include "soak.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "../loops.h"

enum { LEFT_MOST = 16 };

typedef struct left { weir_session *session; weir_result *result; } left;

struct grounds {
    worker          *workers;
    int              count;
    const loop_kind *kind;
    pthread_t        thread;
    void            *own;
    weir_loop       *tasks;
    left             left[LEFT_MOST];
    int              left_count;
    int64_t          ticks, abandoned, last_ms, worst_ms;
};

static void close_left(struct grounds *g)
{
    while (g->left_count > 0) {
        left *l = &g->left[--g->left_count];
        bool session_first = g->abandoned++ % 2 == 0;
        int status = session_first ? weir_session_close(&l->session) : weir_result_close(&l->result);
        int other = session_first ? weir_result_close(&l->result) : weir_session_close(&l->session);
        if (status != WEIR_OK || (other != WEIR_OK && other != WEIR_RESOURCE_CLOSED))
            soak_fail(g->workers, "closing outside of tasks gives %s, %s", weir_status_name(status), weir_status_name(other));
    }
}

/* Nothing may wait here. */
static void tick(void *argument)
{
    struct grounds *g = argument;
    int64_t now = soak_now_ms();
    if (g->ticks++ > 0 && now - g->last_ms > g->worst_ms)
        g->worst_ms = now - g->last_ms;
    g->last_ms = now;
    close_left(g);
}

static int work_in_task(void *argument)
{
    worker *w = argument;
    w->task = weir_task_current();
    soak_work(w);
    return WEIR_OK;
}

static void *run(void *argument)
{
    struct grounds *g = argument;
    weir_task **tasks = calloc((size_t)g->count, sizeof(weir_task *));
    if (!tasks)
        abort();
    g->own = g->kind->make(&g->tasks);
    g->kind->start_ticks(g->own, tick, g);
    for (int i = 0; i < g->count; i++)
        tasks[i] = weir_task_spawn(g->tasks, work_in_task, &g->workers[i]);
    do {
        g->kind->run(g->own, g->tasks);
        close_left(g);                  /* by further tasks */
    } while (weir_loop_tasks(g->tasks) > 0);
    g->kind->stop_ticks(g->own);
    for (int i = 0; i < g->count; i++) {
        int status = weir_task_join(&tasks[i], NULL);
        if (status != WEIR_OK)
            soak_fail(&g->workers[i], "its task cannot be joined: %s", weir_status_name(status));
    }
    if (g->kind->close(&g->tasks) != WEIR_OK)
        soak_fail(g->workers, "its loop of %s cannot be closed", g->kind->name);
    g->kind->drop(g->own);
    free(tasks);
    return NULL;
}

static const loop_kind *kind_of(int number)
{
#ifdef WITH_GLIB
    if (number % 2 == 1)
        return &loop_of_glib;
#endif
    (void)number;
    return &loop_of_uv;
}

struct grounds *soak_grounds_start(int number, worker *workers, int count)
{
    struct grounds *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    *g = (struct grounds){ .workers = workers, .count = count, .kind = kind_of(number) };
    for (int i = 0; i < count; i++)
        workers[i].grounds = g;
    if (pthread_create(&g->thread, NULL, run, g) != 0)
        abort();
    return g;
}

bool soak_grounds_leave(struct grounds *g, weir_session *session, weir_result *result)
{
    if (g->left_count == LEFT_MOST)
        return false;
    g->left[g->left_count++] = (left){ session, result };
    return true;
}

int64_t soak_grounds_end(struct grounds **g)
{
    pthread_join((*g)->thread, NULL);
    int64_t ticks = (*g)->ticks;
    printf("%s: %d tasks, %" PRId64 " sessions closed outside of them, the timer came %" PRId64 " times, at most %" PRId64 " ms apart\n", (*g)->kind->name,
           (*g)->count, (*g)->abandoned, ticks, (*g)->worst_ms);
    free(*g);
    *g = NULL;
    return ticks;
}
