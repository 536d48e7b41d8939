/* The soak's loops: each on a thread of its own, with a number of tasks, a timer beside them, and sessions that tasks left open for the
 * timer's callback, which is no task, to close. */
#include "soak.h"
#include <stdio.h>
#include <stdlib.h>
#include <weir/adapters/uv.h>

enum { LEFT_MOST = 16, TICK_MS = 5 };

typedef struct left { weir_session *session; weir_result *result; } left;

struct grounds {
    soak      *soak;
    worker    *workers;
    int        count, ended;
    pthread_t  thread;
    uv_loop_t  loop;
    uv_timer_t timer;
    weir_loop *tasks;
    left       left[LEFT_MOST];
    int        left_count;
    int64_t    ticks, abandoned, last_ms, worst_ms;
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

/* Nothing may wait here, and what would is refused. */
static void tick(uv_timer_t *timer)
{
    struct grounds *g = timer->data;
    int64_t now = soak_now_ms();
    if (g->ticks++ > 0 && now - g->last_ms > g->worst_ms)
        g->worst_ms = now - g->last_ms;
    g->last_ms = now;
    close_left(g);
    if (g->ended == g->count)
        uv_close((uv_handle_t *)timer, NULL);
}

static int work_in_task(void *argument)
{
    worker *w = argument;
    w->task = weir_task_current();
    soak_work(w);
    w->grounds->ended++;
    return WEIR_OK;
}

static void *run(void *argument)
{
    struct grounds *g = argument;
    weir_task **tasks = calloc((size_t)g->count, sizeof(weir_task *));
    if (!tasks || uv_loop_init(&g->loop) != 0)
        abort();
    uv_timer_init(&g->loop, &g->timer);
    g->timer.data = g;
    uv_timer_start(&g->timer, tick, TICK_MS, TICK_MS);
    g->tasks = weir_uv_open(&g->loop);
    for (int i = 0; i < g->count; i++)
        tasks[i] = weir_task_spawn(g->tasks, work_in_task, &g->workers[i]);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < g->count; i++) {
        int status = weir_task_join(&tasks[i], NULL);
        if (status != WEIR_OK)
            soak_fail(&g->workers[i], "its task cannot be joined: %s", weir_status_name(status));
    }
    if (weir_uv_close(&g->tasks) != WEIR_OK)
        soak_fail(g->workers, "its loop cannot be closed");
    uv_run(&g->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&g->loop) != 0)
        soak_fail(g->workers, "the loop has handles left");
    free(tasks);
    return NULL;
}

struct grounds *soak_grounds_start(soak *s, worker *workers, int count)
{
    struct grounds *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    *g = (struct grounds){ .soak = s, .workers = workers, .count = count };
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

int64_t soak_grounds_end(struct grounds **g, int64_t *abandoned, int64_t *worst_ms)
{
    pthread_join((*g)->thread, NULL);
    int64_t ticks = (*g)->ticks;
    *abandoned += (*g)->abandoned;
    if ((*g)->worst_ms > *worst_ms)
        *worst_ms = (*g)->worst_ms;
    free(*g);
    *g = NULL;
    return ticks;
}
