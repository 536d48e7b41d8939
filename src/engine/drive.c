/* Driving a driver's operation to its end: advance, wait for what it wants, advance; and what ends it before: a cancelled task, a
 * deadline, a server that does not answer. */
#include "engine/pool.h"
#include <stdio.h>

#define PATIENCE_NS (2 * 1000000000LL)     /* with a cancelled operation that goes on and on */
#define GRACE_NS (100 * WEIR_NS_PER_MS)    /* for an end before what it waits for is cancelled: most are quick */
#define REACH_NS (1 * 1000000000LL)        /* of that, for finding out whether the server takes a cancel request */
#define AGAIN_NS (250 * WEIR_NS_PER_MS)    /* then the request is sent again, and after twice as long again */

/* One operation on its way. */
typedef struct drive {
    weir_link        *link;
    const weir_limits *limits;
    weir_ending      *ending;
    int64_t           cancelled_at, stopped_at, interrupted_at;     /* 0: not */
    int64_t           again_at, pause;                  /* when the cancel request is sent again, so long after the last; 0: not */
    int               interrupt;                        /* came while something was ended: for the next wait */
    bool              silent;                           /* nothing came when last waited for */
    int               fd;                               /* was waited for; -1: none */
} drive;

/* The other side did not answer: the link cannot be used any more, since its answer may still come. */
static int give_up(weir_link *link, int status, const char *message)
{
    weir_error_set(&link->error, status, "%s", message);
    link->error.disconnect = true;
    link->lost = true;
    return status;
}

static bool is_interrupt(int outcome) { return outcome == WEIR_WAIT_INTERRUPTED || outcome == WEIR_WAIT_EXPIRED; }
static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- ending it early -------------------------------------------------------------------------------------------------------- */

int weir_ending_error(const weir_ending *ending, weir_error *error)
{
    if (ending->outcome != WEIR_LATE)
        return weir_interrupted(ending->outcome, error);
    return weir_error_set(error, WEIR_DEADLINE_EXCEEDED, "%s", ending->what);
}

static int give_up_stopped(drive *d)
{
    weir_error words;
    char message[256];
    int status = weir_ending_error(d->ending, &words);
    snprintf(message, sizeof message, "%.160s; the server did not answer and the connection was given up", words.message);
    return give_up(d->link, status, message);
}

static void wait_before_another(drive *d)
{
    d->pause = d->pause ? 2 * d->pause : AGAIN_NS;
    d->again_at = weir_now() + d->pause;
}

/* A request that reaches the server between two messages, or before ours, is lost there: what it was meant for would go on, after we
 * have hung up even. */
static void send_another(drive *d, int64_t since)
{
    if (!d->again_at || weir_now() < d->again_at)
        return;
    weir_pool_stop(d->limits->slot, earlier(weir_now() + REACH_NS, since + PATIENCE_NS));
    wait_before_another(d);
}

static int stop_now(drive *d, int outcome, const char *what)
{
    d->stopped_at = weir_now();
    *d->ending = (weir_ending){ .outcome = outcome, .what = what };
    if (!d->limits->slot)
        return give_up_stopped(d);
    weir_pool_stop(d->limits->slot, d->stopped_at + REACH_NS);
    wait_before_another(d);
    return WEIR_OK;
}

/* The task is told later, and this gets only so much more time: two seconds where nothing can be cancelled. */
static int64_t grace_of(const drive *d) { return d->limits->slot ? GRACE_NS : PATIENCE_NS; }

static int put_off(drive *d, int interrupt)
{
    d->interrupt = interrupt;
    if (!d->interrupted_at)
        d->interrupted_at = weir_now();
    return WEIR_OK;
}

/* The interrupt that was put off is why this is ended. */
static int take_over(drive *d)
{
    int interrupt = d->interrupt;
    d->interrupt = WEIR_READY;
    return interrupt;
}

/* The task was cancelled, or a limit passed: has the server stop, and its answer is waited for, but not for ever. Once: what comes
 * while it is waited for changes nothing here. */
static int stop(drive *d, int outcome, const char *what)
{
    if (is_interrupt(outcome) && (d->limits->ends || d->stopped_at))
        return put_off(d, outcome);
    return d->stopped_at ? WEIR_OK : stop_now(d, outcome, what);
}

static int give_up_late(weir_link *link)
{
    return give_up(link, WEIR_DEADLINE_EXCEEDED, "the server did not answer in time; the connection was given up");
}

/* Also where the server says something all the time: no wait would end that. */
static int look_at_limit(drive *d)
{
    int64_t now = weir_now();
    if (d->stopped_at) {
        send_another(d, d->stopped_at);
        return now - d->stopped_at < PATIENCE_NS ? WEIR_OK : give_up_stopped(d);
    }
    if (d->interrupted_at && now - d->interrupted_at >= grace_of(d))
        return stop_now(d, take_over(d), NULL);
    if (now >= d->limits->answer_by)
        return stop(d, WEIR_LATE, d->limits->what);
    return now < d->limits->give_up_by ? WEIR_OK : give_up_late(d->link);
}

static int give_up_cancelled(drive *d)
{
    return give_up(d->link, WEIR_CANCELLED, d->silent ? "cancelled by weir_connection_cancel; the server did not answer and the connection was given up"
                                                      : "cancelled by weir_connection_cancel; the server went on and the connection was given up");
}

/* Where the request was lost rows may keep coming: no wait would end that. */
static int look_at_cancel(drive *d)
{
    if (d->stopped_at || !atomic_load_explicit(&d->link->cancelled, memory_order_relaxed))
        return WEIR_OK;
    int64_t now = weir_now();
    if (!d->cancelled_at) {
        d->cancelled_at = now;
        if (d->limits->slot)
            wait_before_another(d);
        if (d->again_at && d->silent)
            d->again_at = now;          /* it was waited for already */
    }
    send_another(d, d->cancelled_at);
    if (now - d->cancelled_at < PATIENCE_NS)
        return WEIR_OK;
    return give_up_cancelled(d);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------------ */

typedef struct blocking { weir_want want; weir_link *link; } blocking;

static void run_work(void *argument)
{
    const blocking *b = argument;
    b->want.work(b->want.argument);
}

/* On the loop's thread, while the work runs on another. */
static void interrupt_work(void *argument, int outcome)
{
    (void)outcome;
    weir_link *link = ((blocking *)argument)->link;
    atomic_store(&link->cancelled, true);
    link->driver->cancel(link);
}

static int do_work(drive *d, const weir_want *want)
{
    blocking b = { .want = *want, .link = d->link };
    bool all = d->link->driver->on_workers;     /* else it is a piece of work on the disk, short, and done where it cannot be handed over */
    int outcome = weir_run_blocking(run_work, all && !d->limits->ends ? interrupt_work : NULL, &b);
    if (outcome == WEIR_LATE && all)
        return weir_error_out_of_memory(&d->link->error);
    if (outcome == WEIR_LATE)
        run_work(&b);
    else if (outcome != WEIR_READY && (!all || d->limits->ends || d->stopped_at))
        return stop(d, outcome, NULL);
    else if (outcome != WEIR_READY) {
        d->stopped_at = weir_now();
        *d->ending = (weir_ending){ .outcome = outcome };
    }
    return WEIR_OK;
}

/* Until when the answer is waited for. */
static int64_t bound_of(const drive *d)
{
    if (d->stopped_at)
        return earlier(d->stopped_at + PATIENCE_NS, d->again_at ? d->again_at : WEIR_NO_DEADLINE);
    int64_t bound = earlier(d->limits->answer_by, d->limits->give_up_by);
    return d->interrupted_at ? earlier(bound, d->interrupted_at + grace_of(d)) : bound;
}

/* Waits for what the driver wants: WEIR_OK to advance again. */
static int satisfy(drive *d, weir_want *want)
{
    if (want->breathe) {
        int turned = weir_wait(want);
        return is_interrupt(turned) ? stop(d, turned, NULL) : WEIR_OK;
    }
    if (want->work)
        return do_work(d, want);
    if (!want->cancelled && !d->stopped_at)
        want->cancelled = &d->link->cancelled;
    want->grace = d->limits->slot ? AGAIN_NS : 0;
    int64_t bound = bound_of(d);
    bool ours = bound < want->deadline;
    want->deadline = earlier(bound, want->deadline);
    if (want->fd >= 0)
        d->fd = want->fd;
    int outcome = weir_wait(want);
    if (is_interrupt(outcome))
        return stop(d, outcome, NULL);
    d->silent = outcome == WEIR_WAIT_CANCELLED;
    if (d->silent && !d->stopped_at && !d->limits->slot)
        return give_up_cancelled(d);
    if (outcome != WEIR_LATE || (ours && weir_now() < d->limits->give_up_by) || (!ours && want->soft))
        return WEIR_OK;
    return give_up_late(d->link);
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

static int run(drive *d)
{
    for (;;) {
        weir_want want = { .fd = -1, .deadline = WEIR_NO_DEADLINE };
        int progress = d->link->driver->advance(d->link, &want);
        if (progress < 0)
            return failed(d->link, progress);
        if (progress == WEIR_DONE)
            return WEIR_OK;
        int status = satisfy(d, &want);
        if (status == WEIR_OK)
            status = look_at_limit(d);
        if (status == WEIR_OK)
            status = look_at_cancel(d);
        if (status != WEIR_OK)
            return status;
    }
}

int weir_link_drive(weir_link *link, int started, const weir_limits *limits, weir_ending *ending)
{
    *ending = (weir_ending){ 0 };
    if (started < 0)
        return failed(link, started);
    if (started == WEIR_DONE)
        return WEIR_OK;
    drive d = { .link = link, .limits = limits, .ending = ending, .fd = -1 };
    weir_breathe();
    link->limit = limits->answer_by == WEIR_NO_DEADLINE ? 0 : limits->answer_by;
    int status = run(&d);
    /* Blocking work ends itself when its limit passes. */
    if (status == WEIR_QUERY_CANCELED && !d.stopped_at && link->limit && weir_now() >= link->limit)
        *ending = (weir_ending){ .outcome = WEIR_LATE, .what = limits->what };
    link->limit = 0;
    if (d.fd >= 0)
        weir_wait_forget(d.fd);
    weir_interrupt_again(d.interrupt);
    return status;
}
