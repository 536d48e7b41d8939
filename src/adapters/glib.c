/* Tasks on a GLib main context: one source whose dispatch is a turn, a source for each watched descriptor, a thread pool for
 * blocking work. */
#include <weir/adapters/glib.h>
#include <glib-unix.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct adapter adapter;
typedef struct turn_source { GSource source; adapter *adapter; } turn_source;
typedef struct watch_source { GSource source; gpointer tag; int fd; GIOCondition condition; weir_watch *watch; } watch_source;

typedef struct errand {
    struct errand *next;
    void (*work)(void *argument), (*done)(void *argument);
    void *argument;
    bool  taken_back;
} errand;

struct adapter {
    GMainContext   *context;
    turn_source    *turns;
    GThreadPool    *workers;
    weir_loop      *tasks;
    atomic_bool     woken;
    errand         *done, *last_done;
};

/* Of all errands: handed over and back under it. One for the process, so that thread sanitizers, which do not see GLib's own locks,
 * see how a worker comes to an adapter. */
static pthread_mutex_t errands = PTHREAD_MUTEX_INITIALIZER;

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
    pthread_mutex_lock(&errands);
    errand *list = a->done;
    a->done = a->last_done = NULL;
    pthread_mutex_unlock(&errands);
    while (list) {
        errand *e = list;
        list = e->next;
        e->done(e->argument);
        weir_loop_return(e);
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
/* GLib polls all sources, then dispatches them one by one: in a turn before this one a task may have taken what was there. */
static gboolean tell_ready(GSource *source, GSourceFunc callback, gpointer data)
{
    watch_source *w = (watch_source *)source;
    GPollFD now = { .fd = w->fd, .events = (gushort)w->condition };
    (void)callback;
    (void)data;
    if (g_poll(&now, 1, 0) > 0)
        weir_loop_ready(w->watch);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_functions = { .dispatch = tell_ready };

static void *watch_fd(void *loop, int fd, weir_watch *watch)
{
    adapter *a = loop;
    watch_source *w = (watch_source *)g_source_new(&watch_functions, sizeof *w);
    w->tag = NULL;
    w->fd = fd;
    w->watch = watch;
    g_source_attach(&w->source, a->context);
    return w;
}

/* Errors and hang-ups are told whatever the events: for none of them the descriptor must be out of the poll. */
static int listen_fd(void *handle, int events)
{
    watch_source *w = handle;
    GIOCondition condition = w->condition = (events & WEIR_LOOP_READ ? G_IO_IN : 0) | (events & WEIR_LOOP_WRITE ? G_IO_OUT : 0);
    if (!events && w->tag) {
        g_source_remove_unix_fd(&w->source, w->tag);
        w->tag = NULL;
    } else if (w->tag) {
        g_source_modify_unix_fd(&w->source, w->tag, condition);
    } else if (events) {
        w->tag = g_source_add_unix_fd(&w->source, w->fd, condition);
    }
    return WEIR_OK;
}

static void unwatch_fd(void *handle)
{
    watch_source *w = handle;
    g_source_destroy(&w->source);
    g_source_unref(&w->source);
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

static void run_errand(gpointer data, gpointer context)
{
    errand *e = data;
    adapter *a = context;
    pthread_mutex_lock(&errands);
    bool taken_back = e->taken_back;
    pthread_mutex_unlock(&errands);
    if (taken_back) {
        weir_loop_return(e);
        return;
    }
    e->work(e->argument);
    pthread_mutex_lock(&errands);
    if (a->last_done)
        a->last_done->next = e;
    else
        a->done = e;
    a->last_done = e;
    wake_loop(a);
    pthread_mutex_unlock(&errands);
}

/* A pool that has no thread and can start none keeps what was pushed for later: by then nobody wants it. */
static int run_on_worker(void *loop, void (*work)(void *argument), void (*done)(void *argument), void *argument)
{
    adapter *a = loop;
    errand *e = weir_loop_allocate(sizeof *e);
    if (!e)
        return WEIR_OUT_OF_MEMORY;
    pthread_mutex_lock(&errands);
    *e = (errand){ .work = work, .done = done, .argument = argument };
    bool pushed = g_thread_pool_push(a->workers, e, NULL) || g_thread_pool_get_num_threads(a->workers) > 0;
    e->taken_back = !pushed;
    pthread_mutex_unlock(&errands);
    return pushed ? WEIR_OK : WEIR_OUT_OF_MEMORY;
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
    g_thread_pool_free(a->workers, FALSE, TRUE);
    g_source_destroy(&a->turns->source);
    g_source_unref(&a->turns->source);
    g_main_context_unref(a->context);
    weir_loop_return(a);
}

weir_loop *weir_glib_open(GMainContext *context, unsigned workers)
{
    adapter *a = weir_loop_allocate(sizeof *a);
    if (!a)
        return weir_loop_failed(WEIR_OUT_OF_MEMORY, "");
    a->context = g_main_context_ref(context ? context : g_main_context_default());
    a->workers = g_thread_pool_new(run_errand, a, workers ? (gint)(workers < 1024 ? workers : 1024) : 4, FALSE, NULL);
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
