/* weir/loop.h: tasks and event loops: the same calls as in a thread, without blocking the loop.
 *
 * A task is a function with a stack of its own that runs on the thread of an event loop. Wherever a call of weir would wait (for
 * the database, a free connection, a queue, a timer), the task is parked, the loop goes on with its other work, and the task
 * continues when what it waited for is there. So code that streams, loads and writes is the same in a thread and in a task.
 *
 * On a loop's thread outside a task (in the program's own callbacks) a call that would have to wait is refused with
 * WEIR_WOULD_BLOCK (a WEIR_INVALID_REQUEST) before any SQL; before the loop's first turn set-up code may block. Calls that find
 * what they need at hand work there: reading rows and instances that are loaded, weir_queue_try_put, weir_task_cancel. Closing
 * never waits there: the handle is closed for the caller, and a task of the loop does the rest; what that finds wrong goes to the
 * log as a warning.
 *
 * Rules of tasks: a task stays on its loop's thread. It must not be left by longjmp, a C++ exception or pthread_exit. Its stack is
 * as large as it was made and ends in a guard area: running over it is a segmentation fault at once, never a neighbour's
 * corruption. Code of the program that computes for long keeps the loop waiting as it would in a callback: weir_task_yield.
 *
 * A build may have no tasks (a C library without makecontext, and no libucontext: docs/how-to/install.md). Opening a loop then gives
 * WEIR_NOT_SUPPORTED, and so does what is spawned on it; everything else works.
 *
 * Threads: each function says where it may be called. "The loop's thread" is the one that runs the loop. */
#ifndef WEIR_LOOP_H
#define WEIR_LOOP_H
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_loop weir_loop;
typedef struct weir_task weir_task;

/* ---- tasks --------------------------------------------------------------------------------------------------------- */
/* What a task runs. Its result is what weir_task_join gives: WEIR_OK or a status, by convention. */
typedef int (*weir_task_fn)(void *argument);

typedef struct weir_task_options {
    size_t      struct_size;
    size_t      stack_size;     /* bytes that may be used, rounded up to pages; default 256 KiB, at least 64 KiB */
    const char *name;           /* for messages and debuggers; copied, cut at 31 bytes */
} weir_task_options;
#define WEIR_TASK_OPTIONS(...) (&(const weir_task_options){ .struct_size = sizeof(weir_task_options), __VA_ARGS__ })

/* Makes a task that runs `run(argument)` from the loop's next turn on. Any thread; from another one the loop must be kept alive by
 * something else until then (adapters: libuv's loops end when they have nothing to do). The caller's, never NULL: to be joined or
 * detached. Errors (kept; joining gives them): WEIR_RESOURCE_CLOSED for a loop that is being closed, WEIR_ARGUMENT for options or
 * NULL, the error of a loop that could not be opened, WEIR_OUT_OF_MEMORY (a stack could not be mapped, too: the process may have too many mappings, vm.max_map_count). */
WEIR_API weir_task *weir_task_spawn(weir_loop *loop, weir_task_fn run, void *argument);
WEIR_API weir_task *weir_task_spawn_with(weir_loop *loop, weir_task_fn run, void *argument, const weir_task_options *options);
/* Waits until the task ended and frees it; *task becomes NULL; *result (may be NULL) is what its function returned. In another
 * task it parks, in another thread it blocks. WEIR_WOULD_BLOCK on a loop's thread outside a task while it has not ended (*task
 * stays); WEIR_CANCELLED or WEIR_DEADLINE_EXCEEDED when the waiting task was cancelled (*task stays); WEIR_INVALID_REQUEST for a task that joins itself; the
 * kept error of a spawn that failed (*task is freed). NULL: WEIR_ARGUMENT. One thread or task joins. */
WEIR_API WEIR_MUST_CHECK int weir_task_join(weir_task **task, int *result);
/* Nobody will join it: it is freed when it ends. Sets *task to NULL. Any thread. */
WEIR_API void weir_task_detach(weir_task **task);
/* Whether its function has returned. Any thread. */
WEIR_API bool weir_task_ended(const weir_task *task);
/* Cancels the wait that the task is in, or the next one: that call gives WEIR_CANCELLED. A query that runs is cancelled at the
 * server too (SQLite: interrupted), and its connection goes back clean or is replaced. It is one wait: what the task does then
 * (closing, rolling back) waits as usual, and can be cancelled by a further call. What is done all the same (a close, the end of a
 * result behind its last row, a COMMIT that the server did, a file that got its name) says so, and the next wait is told. A task that never waits is not stopped:
 * weir_task_cancelled asks. Any thread, until the task is joined or detached. */
WEIR_API void weir_task_cancel(weir_task *task);
/* The same when so many milliseconds have passed, unless it has ended by then; that call gives WEIR_DEADLINE_EXCEEDED. A later call
 * sets the deadline anew; < 0 takes it back. The loop's thread. */
WEIR_API void weir_task_cancel_after(weir_task *task, int64_t milliseconds);
/* The running task, borrowed; NULL outside tasks. */
WEIR_API weir_task *weir_task_current(void);
/* Whether the running task was ever cancelled. false outside tasks. */
WEIR_API bool weir_task_cancelled(void);
/* Lets the loop turn once, and so other tasks and callbacks run. WEIR_OK, or WEIR_CANCELLED. In a thread: nothing, WEIR_OK. */
WEIR_API int weir_task_yield(void);
/* Waits so long; in a thread, too. WEIR_OK or WEIR_CANCELLED; WEIR_WOULD_BLOCK. */
WEIR_API int weir_sleep(int64_t milliseconds);
/* Waits until a descriptor of the program's own is ready: events as poll(2)'s POLLIN and POLLOUT. Closing a descriptor that a task
 * waits for is forbidden. libuv makes the descriptor non-blocking. In a thread, too. WEIR_OK, WEIR_DEADLINE_EXCEEDED after timeout_ms (-1: never), WEIR_CANCELLED,
 * WEIR_WOULD_BLOCK. */
WEIR_API int weir_wait_fd(int fd, int events, int64_t timeout_ms);
/* Runs `work(argument)`, which may block, on one of the loop's worker threads while the task is parked; in a thread, right here.
 * Returns when it has returned: also when the task is cancelled meanwhile (WEIR_CANCELLED, and `work` is done). WEIR_WOULD_BLOCK;
 * WEIR_OUT_OF_MEMORY (not run). `work` must not use handles of the task. */
WEIR_API int weir_blocking(void (*work)(void *argument), void *argument);

/* What this process's tasks hold. Any thread. */
typedef struct weir_task_figures {
    int64_t tasks;              /* alive */
    int64_t spawned;            /* since the start */
    size_t  stack_bytes;        /* mapped for stacks, those kept for reuse included; guard areas are not (no memory is behind them) */
} weir_task_figures;
WEIR_API void weir_task_usage(weir_task_figures *out);

/* ---- for adapters: how an event loop of any kind carries tasks -------------------------------------------------------
 * An adapter (weir/adapters/uv.h, weir/adapters/glib.h) fills this table with the functions of its loop. All are called on the
 * loop's thread but `wake`; none may run tasks or callbacks from inside. `loop` is the pointer given to weir_loop_new. */
enum { WEIR_LOOP_READ = 1, WEIR_LOOP_WRITE = 2 };
typedef struct weir_watch weir_watch;               /* weir's side of a watched descriptor */
typedef struct weir_loop_table {
    size_t      struct_size;
    const char *name;                               /* "libuv" */
    /* Begins to watch `fd` for nothing yet; the adapter's handle, or NULL without memory. The same descriptor is watched by one
     * handle at a time. */
    void *(*watch)(void *loop, int fd, weir_watch *watch);
    /* From now on watch for `events` (WEIR_LOOP_READ | WEIR_LOOP_WRITE; 0: nothing), level-triggered: when one is there, or an error
     * or hang-up, call weir_loop_ready(watch) on each turn until the events are set anew. WEIR_OK, or WEIR_OUT_OF_MEMORY. */
    int   (*listen)(void *handle, int events);
    /* Ends it; `watch` is not used again. The descriptor may be closed right afterwards. */
    void  (*unwatch)(void *handle);
    /* Call weir_loop_turn once after so many nanoseconds, rounded up, in place of the time set before. < 0: not at all. */
    void  (*timer)(void *loop, int64_t nanoseconds);
    /* Any thread, also before the loop runs: call weir_loop_turn soon. Several wakes may become one turn. */
    void  (*wake)(void *loop);
    /* Runs work(argument) on a worker thread, then done(argument) on the loop's thread. WEIR_OK, or WEIR_OUT_OF_MEMORY: not run. */
    int   (*work)(void *loop, void (*work)(void *argument), void (*done)(void *argument), void *argument);
    /* While true the loop stays alive although it has nothing else to do: there are tasks. */
    void  (*keep)(void *loop, bool alive);
} weir_loop_table;

/* A loop of weir's over one of the program's. The table must live as long. The caller's; never NULL: an error is kept
 * (weir_loop_error). WEIR_ARGUMENT for a table with a hole, WEIR_NOT_SUPPORTED in a build without tasks. Wakes the loop once, so that
 * its first turn is seen. */
WEIR_API weir_loop *weir_loop_new(const weir_loop_table *table, void *loop);
WEIR_API const weir_error *weir_loop_error(const weir_loop *loop);      /* borrowed; valid as long as the loop */
/* To be called by the adapter, on the loop's thread. Runs the tasks that are ready, each until it parks. */
WEIR_API void weir_loop_turn(weir_loop *loop);
WEIR_API void weir_loop_ready(weir_watch *watch);
/* How many tasks it has that have not ended, those that close handles included. The loop's thread. */
WEIR_API size_t weir_loop_tasks(const weir_loop *loop);
/* A loop that only keeps this error, for an adapter that could not set itself up. The caller's, never NULL; weir_loop_free. */
WEIR_API weir_loop *weir_loop_failed(int status, const char *message);
/* The pointer given to weir_loop_new; NULL when the loop was made with another table. Borrowed; any thread. */
WEIR_API void *weir_loop_of(const weir_loop *loop, const weir_loop_table *table);
/* Memory for an adapter's own structs, zeroed, from weir's ledger; NULL without memory. Given back by weir_loop_return (NULL is
 * fine). Any thread. */
WEIR_API void *weir_loop_allocate(size_t size);
WEIR_API void weir_loop_return(void *block);
/* Frees it and sets *loop to NULL; afterwards the thread is an ordinary one again. WEIR_INVALID_REQUEST while tasks have not ended
 * (nothing happens: let the loop run on), WEIR_OK for NULL. The loop's thread, outside tasks. */
WEIR_API WEIR_MUST_CHECK int weir_loop_free(weir_loop **loop);

#ifdef __cplusplus
}
#endif
#endif
