/* weir/queue.h: the bounded queue between tasks, and between tasks and threads.
 *
 * A queue holds instances of one entity, rows, or pointers of the program's own, and owns what is in it. Putting waits while it is
 * full: so a slow consumer slows the stream, and memory stays flat. Getting waits while it is empty. Items outlive the stream,
 * session and engine that they came from.
 *
 * Threads: any thread, any task, any mix of them. Instances have one thread or task at a time, so the kind is chosen when a queue
 * is made:
 *   WEIR_QUEUE_SHARED  between tasks of one loop, or inside one thread: put retains the instance (weir_retain). Who puts, gets,
 *                      cancels or frees is on that thread; info, close and fail may come from any.
 *   WEIR_QUEUE_COPIED  between threads: put copies the instance with all that its relationships reach, to any depth (what is
 *                      shared or goes in circles stays so within one item). Copies are detached instances, expired if the
 *                      original is (weir_state_of), and belong to who got them; weir_load of what is not loaded is
 *                      WEIR_DETACHED_INSTANCE. A copy is one block of memory: weir_retain of any instance in it keeps it whole.
 *                      Members that are not mapped are copied as they are.
 * Rows are copied as weir_row_retain does: their values, not instances in them.
 *
 * Those who wait are served first come, first served. A task that is cancelled in the line leaves it, and nothing is lost. */
#ifndef WEIR_QUEUE_H
#define WEIR_QUEUE_H
#include <weir/loop.h>
#include <weir/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_queue weir_queue;
typedef enum weir_queue_kind { WEIR_QUEUE_SHARED = 1, WEIR_QUEUE_COPIED } weir_queue_kind;

typedef struct weir_queue_options {
    size_t struct_size;
    size_t max_items;           /* default 1000; WEIR_ZERO: WEIR_ARGUMENT */
    size_t max_bytes;           /* of rows and copied instances, as the ledger counts them; default: no bound. A single larger item
                                   is WEIR_BUDGET_EXCEEDED. What is lent does not count, nor the one item of each who waits to put */
} weir_queue_options;
#define WEIR_QUEUE_OPTIONS(...) (&(const weir_queue_options){ .struct_size = sizeof(weir_queue_options), __VA_ARGS__ })

/* The caller's, never NULL; errors are kept and given by each call: WEIR_ARGUMENT for options or the kind, and those of the entity
 * (WEIR_MAPPING and its like). options: NULL for the defaults; copied. */
#define WEIR_QUEUE_OF(E, kind, options) weir_queue_of_instances(&E##_entity, (kind), (options))
WEIR_API weir_queue *weir_queue_of_instances(const weir_entity *entity, weir_queue_kind kind, const weir_queue_options *options);
WEIR_API weir_queue *weir_queue_of_rows(const weir_queue_options *options);
/* Pointers of the program's own: `release` (may be NULL) frees one that is dropped; the queue owns them from a put that succeeded. */
WEIR_API weir_queue *weir_queue_of_pointers(void (*release)(void *item), const weir_queue_options *options);

/* Puts an item in, waiting while the queue is full. WEIR_OK; WEIR_RESOURCE_CLOSED when it was closed ("This queue is closed.");
 * WEIR_CANCELLED or WEIR_DEADLINE_EXCEEDED by the task's; WEIR_WOULD_BLOCK (on a loop's thread outside a task, full); WEIR_ARGUMENT:
 * NULL, an instance of another entity, or the wrong call for what the queue holds; WEIR_BUDGET_EXCEEDED; WEIR_OUT_OF_MEMORY. Nothing
 * was put unless it is WEIR_OK: a pointer is still the caller's then. */
WEIR_API WEIR_MUST_CHECK int weir_queue_put(weir_queue *queue, void *item);
WEIR_API WEIR_MUST_CHECK int weir_queue_put_row(weir_queue *queue, const weir_row *row);
/* The same without waiting: WEIR_TIMEOUT when it is full, or others wait to put. */
WEIR_API WEIR_MUST_CHECK int weir_queue_try_put(weir_queue *queue, void *item);
WEIR_API WEIR_MUST_CHECK int weir_queue_try_put_row(weir_queue *queue, const weir_row *row);

/* Takes the next item, waiting while the queue is empty; timeout_ms -1: for ever, 0: not at all. What it lends lives until the same
 * thread or task gets again from this queue (whatever that gives), calls weir_queue_done or weir_queue_drain, or the queue is freed;
 * weir_retain keeps an instance, weir_row_retain a row. Of pointers, the caller owns them. *item is NULL unless WEIR_OK;
 * WEIR_RESOURCE_CLOSED: closed and empty (the end); the status given to weir_queue_fail; WEIR_TIMEOUT; WEIR_CANCELLED or
 * WEIR_DEADLINE_EXCEEDED by the task's; WEIR_WOULD_BLOCK (as for put, empty); WEIR_ARGUMENT: the wrong call for what it holds. Several
 * may get: each item goes to one. */
WEIR_API WEIR_MUST_CHECK int weir_queue_get(weir_queue *queue, void **item, int64_t timeout_ms);
WEIR_API WEIR_MUST_CHECK int weir_queue_get_row(weir_queue *queue, const weir_row **row, int64_t timeout_ms);
/* Gives back what the calling thread or task was lent last: to be called before a thread or task that got something ends, unless it
 * met the end of the queue. Nothing lent: nothing happens. */
WEIR_API void weir_queue_done(weir_queue *queue);

/* No more puts; those who wait to put get WEIR_RESOURCE_CLOSED; what is in it can still be got (drain). Idempotent. */
WEIR_API void weir_queue_close(weir_queue *queue);
/* Closes it because of an error: after the items that are in it, getting gives `status`; `error`'s texts (may be NULL; copied) are weir_queue_error's. The
 * first failure counts, also on a queue that was closed before. A `status` that is no error: as weir_queue_close. */
WEIR_API void weir_queue_fail(weir_queue *queue, int status, const weir_error *error);
/* Closes it and drops all that is in it; what is lent stays lent. */
WEIR_API void weir_queue_cancel(weir_queue *queue);
/* Waits until nobody waits to put, it is empty and nothing is lent: all work was taken and done. The caller's own is given back
 * first. timeout_ms and statuses as for get; WEIR_OK also when it was closed or failed. */
WEIR_API WEIR_MUST_CHECK int weir_queue_drain(weir_queue *queue, int64_t timeout_ms);

typedef struct weir_queue_figures { size_t items, bytes, peak_items, peak_bytes, lent; int64_t puts, gets; bool closed; } weir_queue_figures;
/* A moment's figures; bytes as max_bytes counts them, `lent` items besides those in it. */
WEIR_API void weir_queue_info(const weir_queue *queue, weir_queue_figures *out);
/* That of weir_queue_fail or of the queue's making; else the first mistake of a call (a refused item, no memory, a put after close:
 * not timeouts, cancels and ends); status WEIR_OK if none. Valid as long as the queue. */
WEIR_API const weir_error *weir_queue_error(const weir_queue *queue);
/* Drops what is in it and frees it; sets *queue to a constant closed one. Nobody may wait in it or use it any more. What was lent ends with it. */
WEIR_API void weir_queue_free(weir_queue **queue);

#ifdef __cplusplus
}
#endif
#endif
