/* Tasks on a GLib main context: one source whose dispatch is a turn, a source for each watched descriptor, threads of its own for
 * blocking work: GLib's thread pools share threads across the process, and never run anything again in a child that was forked. What
 * was used before is kept for the next time, so that a stream allocates nothing per wait and piece of work (RULES N4). */
#include <weir/adapters/glib.h>
#include <glib-unix.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { MOST_WORKERS = 1024 };

typedef struct adapter adapter;
typedef struct turn_source { GSource source; adapter *adapter; } turn_source;
typedef struct watch_source {
    GSource     source;
    GPollFD     poll;
    bool        polled;
    weir_watch *watch;
    struct adapter *adapter;
    struct watch_source *next;
} watch_source;

typedef struct errand {
    struct errand *next;
    void (*work)(void *argument), (*done)(void *argument);
    void *argument;
} errand;
typedef struct line { errand *first, *last; } errand_line;

struct adapter {
    GMainContext   *context;
    turn_source    *turns;
    weir_loop      *tasks;
    atomic_bool     woken;
    errand         *spare_errands;
    watch_source   *spare_watches;
    pthread_mutex_t lock;               /* of what follows */
    pthread_cond_t  come;
    errand_line     waiting, done;
    unsigned        count_waiting, idle, started, most;
    bool            closing;
    pthread_t       workers[];
};

static void enter(errand_line *line, errand *e)
{
    e->next = NULL;
    if (line->last)
        line->last->next = e;
    else
        line->first = e;
    line->last = e;
}

static errand *leave(errand_line *line)
{
    errand *e = line->first;
    line->first = e->next;
    if (!e->next)
        line->last = NULL;
    return e;
}

/* ---- turns */
static gboolean is_woken(adapter *a) { return atomic_load(&a->woken); }

static gboolean prepare_turn(GSource *source, gint *timeout)
{
    *timeout = -1;
    return is_woken(((turn_source *)source)->adapter);
}

static gboolean check_turn(GSource *source) { return is_woken(((turn_source *)source)->adapter); }

static void tell_done(adapter *a)
{
    pthread_mutex_lock(&a->lock);
    errand *list = a->done.first;
    a->done = (errand_line){ NULL, NULL };
    pthread_mutex_unlock(&a->lock);
    while (list) {
        errand *e = list;
        list = e->next;
        e->done(e->argument);
        e->next = a->spare_errands;
        a->spare_errands = e;
    }
}

static gboolean run_turn(GSource *source, GSourceFunc callback, gpointer data)
{
    adapter *a = ((turn_source *)source)->adapter;
    (void)callback;
    (void)data;
    atomic_store(&a->woken, false);
    gint64 ready = g_source_get_ready_time(source);
    if (ready >= 0 && ready <= g_get_monotonic_time())
        g_source_set_ready_time(source, -1);
    tell_done(a);
    weir_loop_turn(a->tasks);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs turn_functions = { .prepare = prepare_turn, .check = check_turn, .dispatch = run_turn };

/* ---- descriptors */
static bool has_event(const GPollFD *poll) { return (poll->revents & (poll->events | G_IO_ERR | G_IO_HUP | G_IO_NVAL)) != 0; }

static gboolean check_watch(GSource *source)
{
    const watch_source *w = (watch_source *)source;
    return w->polled && has_event(&w->poll);
}

/* GLib polls all sources, then dispatches them one by one: in a turn before this one a task may have taken what was there, or have
 * given the descriptor back. */
static gboolean tell_ready(GSource *source, GSourceFunc callback, gpointer data)
{
    watch_source *w = (watch_source *)source;
    (void)callback;
    (void)data;
    if (w->polled && g_poll(&w->poll, 1, 0) > 0)
        weir_loop_ready(w->watch);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_functions = { .check = check_watch, .dispatch = tell_ready };

static void *watch_fd(void *loop, int fd, weir_watch *watch)
{
    adapter *a = loop;
    watch_source *w = a->spare_watches;
    if (w) {
        a->spare_watches = w->next;
    } else {
        w = (watch_source *)g_source_new(&watch_functions, sizeof *w);
        w->polled = false;
        w->adapter = a;
        g_source_attach(&w->source, a->context);
    }
    w->poll = (GPollFD){ .fd = fd };
    w->watch = watch;
    return w;
}

/* Errors and hang-ups are told whatever the events: for none of them the descriptor must be out of the poll. */
static int listen_fd(void *handle, int events)
{
    watch_source *w = handle;
    w->poll.events = (gushort)((events & WEIR_LOOP_READ ? G_IO_IN : 0) | (events & WEIR_LOOP_WRITE ? G_IO_OUT : 0));
    w->poll.revents = 0;
    if (events && !w->polled)
        g_source_add_poll(&w->source, &w->poll);
    else if (!events && w->polled)
        g_source_remove_poll(&w->source, &w->poll);
    w->polled = events != 0;
    return WEIR_OK;
}

static void unwatch_fd(void *handle)
{
    watch_source *w = handle;
    listen_fd(w, 0);
    w->next = w->adapter->spare_watches;
    w->adapter->spare_watches = w;
}

/* ---- the timer, wakes, work */
static void set_timer(void *loop, int64_t nanoseconds)
{
    GSource *turns = &((adapter *)loop)->turns->source;
    g_source_set_ready_time(turns, nanoseconds <= 0 ? nanoseconds < 0 ? -1 : 0 : g_get_monotonic_time() + (nanoseconds + 999) / 1000);
}

static void wake_loop(void *loop)
{
    adapter *a = loop;
    atomic_store(&a->woken, true);
    g_main_context_wakeup(a->context);
}

static void *run_errands(void *adapter_of)
{
    adapter *a = adapter_of;
    pthread_mutex_lock(&a->lock);
    while (true) {
        a->idle++;
        while (!a->waiting.first && !a->closing)
            pthread_cond_wait(&a->come, &a->lock);
        a->idle--;
        if (!a->waiting.first)
            break;
        errand *e = leave(&a->waiting);
        a->count_waiting--;
        pthread_mutex_unlock(&a->lock);
        e->work(e->argument);
        pthread_mutex_lock(&a->lock);
        enter(&a->done, e);
        wake_loop(a);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* The program's signals are for its own threads. With a->lock held, so that the new thread sees what was entered. */
static void start_worker(adapter *a)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&a->workers[a->started], NULL, run_errands, a) == 0)
        a->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int run_on_worker(void *loop, void (*work)(void *argument), void (*done)(void *argument), void *argument)
{
    adapter *a = loop;
    errand *e = a->spare_errands;
    if (e)
        a->spare_errands = e->next;
    else
        e = weir_loop_allocate(sizeof *e);
    if (!e)
        return WEIR_OUT_OF_MEMORY;
    *e = (errand){ .work = work, .done = done, .argument = argument };
    pthread_mutex_lock(&a->lock);
    if (a->count_waiting >= a->idle && a->started < a->most)
        start_worker(a);
    bool taken = a->started > 0;
    if (taken) {
        enter(&a->waiting, e);
        a->count_waiting++;
        pthread_cond_signal(&a->come);
    }
    pthread_mutex_unlock(&a->lock);
    if (taken)
        return WEIR_OK;
    e->next = a->spare_errands;
    a->spare_errands = e;
    return WEIR_OUT_OF_MEMORY;
}

/* A GLib loop runs until it is told to quit. */
static void keep_alive(void *loop, bool alive)
{
    (void)loop;
    (void)alive;
}

static const weir_loop_table table = {
    .struct_size = sizeof table, .name = "GLib",
    .watch = watch_fd, .listen = listen_fd, .unwatch = unwatch_fd,
    .timer = set_timer, .wake = wake_loop, .work = run_on_worker, .keep = keep_alive,
};

/* ---- opening and closing */
static void drop_adapter(adapter *a)
{
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    pthread_cond_broadcast(&a->come);
    pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->started; i++)
        pthread_join(a->workers[i], NULL);
    pthread_cond_destroy(&a->come);
    pthread_mutex_destroy(&a->lock);
    for (errand *e; (e = a->spare_errands) != NULL; ) {
        a->spare_errands = e->next;
        weir_loop_return(e);
    }
    for (watch_source *w; (w = a->spare_watches) != NULL; ) {
        a->spare_watches = w->next;
        g_source_destroy(&w->source);
        g_source_unref(&w->source);
    }
    g_source_destroy(&a->turns->source);
    g_source_unref(&a->turns->source);
    g_main_context_unref(a->context);
    weir_loop_return(a);
}

weir_loop *weir_glib_open(GMainContext *context, unsigned workers)
{
    unsigned most = workers == 0 ? 4 : workers < MOST_WORKERS ? workers : MOST_WORKERS;
    adapter *a = weir_loop_allocate(sizeof *a + most * sizeof a->workers[0]);
    if (!a)
        return weir_loop_failed(WEIR_OUT_OF_MEMORY, "");
    a->most = most;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->come, NULL);
    a->context = g_main_context_ref(context ? context : g_main_context_default());
    a->turns = (turn_source *)g_source_new(&turn_functions, sizeof *a->turns);
    a->turns->adapter = a;
    weir_loop *tasks = a->tasks = weir_loop_new(&table, a);
    if (weir_loop_error(tasks)->status != WEIR_OK)
        drop_adapter(a);
    else
        g_source_attach(&a->turns->source, a->context);
    return tasks;
}

int weir_glib_close(weir_loop **loop)
{
    if (!loop || !*loop)
        return WEIR_OK;
    adapter *a = weir_loop_of(*loop, &table);
    if (!a && weir_loop_error(*loop)->status == WEIR_OK)
        return WEIR_INVALID_REQUEST;
    int status = weir_loop_free(loop);
    if (status == WEIR_OK && a)
        drop_adapter(a);
    return status;
}
