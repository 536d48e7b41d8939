/* Tasks on a libuv loop. Whatever asks for a turn (a descriptor, the timer, a wake) is noted, and the turn runs in the loop's check
 * phase, after input and output were polled; while one is due an idle handle keeps that poll from waiting. */
#include <weir/adapters/uv.h>

typedef struct watched { uv_poll_t handle; weir_watch *watch; int events; struct adapter *adapter; struct watched *next; } watched;
typedef struct errand {
    uv_work_t request;
    void    (*work)(void *argument), (*done)(void *argument);
    void     *argument;
    struct adapter *adapter;
    struct errand  *next;
} errand;

typedef struct adapter {
    uv_loop_t  *loop;
    uv_async_t  wake;                   /* the one handle that keeps the loop alive, while there are tasks */
    uv_timer_t  timer;
    uv_idle_t   idle;
    uv_check_t  check;
    int         open;                   /* handles, those of descriptors too */
    watched    *spare_watched;          /* what was used before: a stream allocates nothing per wait and piece of work (RULES N4) */
    errand     *spare_errands;
    bool        due;
    weir_loop  *tasks;
} adapter;

/* libuv closes handles one by one, in turns of its own: the adapter goes with the last. */
static void handle_closed(adapter *a)
{
    if (--a->open > 0)
        return;
    for (watched *w; (w = a->spare_watched) != NULL; ) {
        a->spare_watched = w->next;
        weir_loop_return(w);
    }
    for (errand *e; (e = a->spare_errands) != NULL; ) {
        a->spare_errands = e->next;
        weir_loop_return(e);
    }
    weir_loop_return(a);
}

/* ---- turns */
static void do_nothing(uv_idle_t *idle) { (void)idle; }

static void ask_turn(adapter *a)
{
    if (a->due)
        return;
    a->due = true;
    uv_idle_start(&a->idle, do_nothing);
}

static void on_wake(uv_async_t *handle) { ask_turn(handle->data); }
static void on_timer(uv_timer_t *handle) { ask_turn(handle->data); }

static void on_check(uv_check_t *handle)
{
    adapter *a = handle->data;
    if (!a->due)
        return;
    a->due = false;
    uv_idle_stop(&a->idle);
    weir_loop_turn(a->tasks);
}

/* ---- descriptors */
static void on_event(uv_poll_t *handle, int status, int events)
{
    watched *w = handle->data;
    (void)events;
    if (status < 0)                     /* libuv has stopped it: go on, as the table's contract says */
        uv_poll_start(&w->handle, w->events, on_event);
    weir_loop_ready(w->watch);
}

static void spare_watched(adapter *a, watched *w)
{
    w->next = a->spare_watched;
    a->spare_watched = w;
}

/* They come in threes: the first is for the loop's own fine timer, and while libuv still closes the handle of one operation, the next
 * may want another; when that first happens, depends on who is faster. */
static watched *take_watched(adapter *a)
{
    for (int more = a->spare_watched ? 0 : 3; more > 0; more--) {
        watched *made = weir_loop_allocate(sizeof *made);
        if (made)
            spare_watched(a, made);
    }
    watched *w = a->spare_watched;
    if (w)
        a->spare_watched = w->next;
    return w;
}

static void *watch_fd(void *loop, int fd, weir_watch *watch)
{
    adapter *a = loop;
    watched *w = take_watched(a);
    if (!w)
        return NULL;
    if (uv_poll_init(a->loop, &w->handle, fd) != 0) {
        spare_watched(a, w);
        return NULL;
    }
    w->handle.data = w;
    w->watch = watch;
    w->adapter = a;
    a->open++;
    uv_unref((uv_handle_t *)&w->handle);
    return w;
}

static int listen_fd(void *handle, int events)
{
    watched *w = handle;
    w->events = (events & WEIR_LOOP_READ ? UV_READABLE : 0) | (events & WEIR_LOOP_WRITE ? UV_WRITABLE : 0);
    int failed = w->events ? uv_poll_start(&w->handle, w->events, on_event) : uv_poll_stop(&w->handle);
    return failed ? WEIR_OUT_OF_MEMORY : WEIR_OK;
}

static void end_watched(uv_handle_t *handle)
{
    watched *w = handle->data;
    spare_watched(w->adapter, w);
    handle_closed(w->adapter);
}

static void unwatch_fd(void *handle)
{
    watched *w = handle;
    uv_close((uv_handle_t *)&w->handle, end_watched);
}

/* ---- the timer, wakes, work */
/* libuv counts whole milliseconds from the time it last looked at the clock, which may be a while ago. */
static void set_timer(void *loop, int64_t nanoseconds)
{
    adapter *a = loop;
    if (nanoseconds == 0)
        ask_turn(a);
    if (nanoseconds <= 0) {
        uv_timer_stop(&a->timer);
        return;
    }
    uint64_t due = (uv_hrtime() + (uint64_t)nanoseconds + 999999) / 1000000, seen = uv_now(a->loop);
    uv_timer_start(&a->timer, on_timer, due > seen ? due - seen : 0, 0);
}

static void wake_loop(void *loop) { uv_async_send(&((adapter *)loop)->wake); }

static void run_work(uv_work_t *request)
{
    errand *e = request->data;
    e->work(e->argument);
}

static void spare_errand(adapter *a, errand *e)
{
    e->next = a->spare_errands;
    a->spare_errands = e;
}

static void end_work(uv_work_t *request, int status)
{
    errand *e = request->data;
    (void)status;                       /* nobody but us has the request to cancel it */
    e->done(e->argument);
    spare_errand(e->adapter, e);
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
    *e = (errand){ .work = work, .done = done, .argument = argument, .adapter = a };
    e->request.data = e;
    if (uv_queue_work(a->loop, &e->request, run_work, end_work) == 0)
        return WEIR_OK;
    spare_errand(a, e);
    return WEIR_OUT_OF_MEMORY;
}

static void keep_alive(void *loop, bool alive)
{
    uv_handle_t *wake = (uv_handle_t *)&((adapter *)loop)->wake;
    if (alive)
        uv_ref(wake);
    else
        uv_unref(wake);
}

static const weir_loop_table table = {
    .struct_size = sizeof table, .name = "libuv",
    .watch = watch_fd, .listen = listen_fd, .unwatch = unwatch_fd,
    .timer = set_timer, .wake = wake_loop, .work = run_on_worker, .keep = keep_alive,
};

/* ---- opening and closing */
static void on_closed(uv_handle_t *handle) { handle_closed(handle->data); }

static void close_handles(adapter *a)
{
    uv_handle_t *handles[] = { (uv_handle_t *)&a->wake, (uv_handle_t *)&a->timer, (uv_handle_t *)&a->idle, (uv_handle_t *)&a->check };
    for (int i = 0; i < 4; i++)
        uv_close(handles[i], on_closed);
}

weir_loop *weir_uv_open(uv_loop_t *loop)
{
    if (!loop)
        return weir_loop_failed(WEIR_ARGUMENT, "weir_uv_open: the loop is NULL");
    adapter *a = weir_loop_allocate(sizeof *a);
    if (!a)
        return weir_loop_failed(WEIR_OUT_OF_MEMORY, "");
    a->loop = loop;
    int failed = uv_async_init(loop, &a->wake, on_wake);
    if (failed) {
        weir_loop_return(a);
        return weir_loop_failed(WEIR_IO, uv_strerror(failed));
    }
    uv_timer_init(loop, &a->timer);
    uv_idle_init(loop, &a->idle);
    uv_check_init(loop, &a->check);
    uv_check_start(&a->check, on_check);
    a->open = 4;
    a->wake.data = a->timer.data = a->idle.data = a->check.data = a;
    uv_unref((uv_handle_t *)&a->wake);
    uv_unref((uv_handle_t *)&a->timer);
    uv_unref((uv_handle_t *)&a->idle);
    uv_unref((uv_handle_t *)&a->check);
    weir_loop *tasks = a->tasks = weir_loop_new(&table, a);
    if (weir_loop_error(tasks)->status != WEIR_OK)
        close_handles(a);
    return tasks;
}

int weir_uv_close(weir_loop **loop)
{
    if (!loop || !*loop)
        return WEIR_OK;
    adapter *a = weir_loop_of(*loop, &table);
    if (!a && weir_loop_error(*loop)->status == WEIR_OK)
        return WEIR_INVALID_REQUEST;
    int status = weir_loop_free(loop);
    if (status == WEIR_OK && a)
        close_handles(a);
    return status;
}
