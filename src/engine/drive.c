/* Driving a driver's operation to its end: advance, wait for what it wants, advance. */
#include "engine/pool.h"

#define PATIENCE_NS (2 * 1000000000LL)     /* with a cancelled operation that goes on and on */

/* The other side did not answer: the link cannot be used any more, since its answer may still come. */
static int give_up(weir_link *link, int status, const char *message)
{
    weir_error_set(&link->error, status, "%s", message);
    link->error.disconnect = true;
    link->lost = true;
    return status;
}

/* Waits for what the driver wants: WEIR_OK to advance again. */
static int satisfy(weir_link *link, weir_want *want, int64_t deadline)
{
    if (want->work) {
        weir_run_blocking(want->work, NULL, want->argument);
        return WEIR_OK;
    }
    if (!want->cancelled)
        want->cancelled = &link->cancelled;
    if (deadline < want->deadline) {
        want->deadline = deadline;
        want->soft = false;
    }
    int outcome = weir_wait(want);
    if (outcome == WEIR_LATE && !want->soft)
        return give_up(link, WEIR_DEADLINE_EXCEEDED, "the server did not answer in time; the connection was given up");
    if (outcome == WEIR_WAIT_CANCELLED)
        return give_up(link, WEIR_CANCELLED, "cancelled by weir_connection_cancel; the server did not answer and the connection was given up");
    return WEIR_OK;
}

/* A request that reached the server between two messages is lost there, and rows may keep coming: no wait would end that. */
static int look_at_cancel(weir_link *link, int64_t *cancelled_at)
{
    if (!atomic_load_explicit(&link->cancelled, memory_order_relaxed))
        return WEIR_OK;
    int64_t now = weir_now();
    if (!*cancelled_at)
        *cancelled_at = now;
    if (now - *cancelled_at < PATIENCE_NS)
        return WEIR_OK;
    return give_up(link, WEIR_CANCELLED, "cancelled by weir_connection_cancel; the server went on and the connection was given up");
}

/* A driver that could not even fill in an error (no memory) still gets one shown that fits its status. */
static int failed(weir_link *link, int status)
{
    if (link->error.status == status)
        return status;
    if (status == WEIR_OUT_OF_MEMORY)
        return weir_error_out_of_memory(&link->error);
    return weir_error_set(&link->error, status, "%s", weir_status_name(status));
}

int weir_link_drive_until(weir_link *link, int started, int64_t deadline)
{
    if (started < 0)
        return failed(link, started);
    if (started == WEIR_DONE)
        return WEIR_OK;
    for (int64_t cancelled_at = 0;;) {
        weir_want want = { .fd = -1, .deadline = WEIR_NO_DEADLINE };
        int progress = link->driver->advance(link, &want);
        if (progress < 0)
            return failed(link, progress);
        if (progress == WEIR_DONE)
            return WEIR_OK;
        int status = satisfy(link, &want, deadline);
        if (status == WEIR_OK)
            status = look_at_cancel(link, &cancelled_at);
        if (status != WEIR_OK)
            return status;
    }
}

int weir_link_drive(weir_link *link, int started) { return weir_link_drive_until(link, started, WEIR_NO_DEADLINE); }
