/* Driving a driver's operation to its end: advance, wait for what it wants, advance. */
#include "engine/pool.h"

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
        weir_run_blocking(want->work, want->argument);
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
    for (;;) {
        weir_want want = { .fd = -1, .deadline = WEIR_NO_DEADLINE };
        int progress = link->driver->advance(link, &want);
        if (progress < 0)
            return failed(link, progress);
        if (progress == WEIR_DONE)
            return WEIR_OK;
        int status = satisfy(link, &want, deadline);
        if (status != WEIR_OK)
            return status;
    }
}

int weir_link_drive(weir_link *link, int started) { return weir_link_drive_until(link, started, WEIR_NO_DEADLINE); }
