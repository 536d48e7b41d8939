/* The one interface of the drivers. A driver moves bytes and values; it never waits: an operation is started, then `advance` is
 * called until it says WEIR_DONE, and what it wants in between is waited for by the engine (base/wait.h).
 * One operation at a time per connection; only `cancel` may come from another thread. */
#ifndef WEIR_DRIVER_DRIVER_H
#define WEIR_DRIVER_DRIVER_H
#include <weir/engine.h>
#include "base/arena.h"
#include "base/error.h"
#include "base/lanes.h"
#include "base/url.h"
#include "base/wait.h"
#include "sql/text.h"

typedef struct weir_driver weir_driver;
typedef struct weir_link weir_link;             /* a connection to a database; a driver's own struct begins with it */
typedef struct weir_cursor weir_cursor;         /* a statement in execution; a driver's own struct begins with it */

/* ---- where rows go ------------------------------------------------------------------------------------------------- */
/* A sink gives the driver the place of each row, which it fills with cells. Where something is made of each row as it comes, the
 * sink takes it from its place at once; where the steps say how (weir_step.direct), a row may go past the cells, straight into an
 * object. */
typedef struct weir_sink weir_sink;
struct weir_sink {
    char       *next, *end;             /* free places for rows */
    size_t      stride;                 /* bytes of one place */
    size_t      count;                  /* rows placed since the sink was set up */
    weir_arena *arena;                  /* for the values' bytes: dies with the batch */
    int       (*grow)(weir_sink *sink); /* next == end: make room for at least one; WEIR_OK or WEIR_OUT_OF_MEMORY */
    void      (*came)(weir_sink *sink); /* NULL, or: the row placed last has all its cells. Makes the sink full: it is not taken */
    void       *object;                 /* for the next row's direct values; NULL: it goes by cells. May change with each call */
    bool      (*took)(weir_sink *sink); /* object has all of a row. False: that row is wanted as cells after all */
    weir_budget *budget;                /* NULL: none. A row that finds no memory because of it is not taken: the batch ends before it */
    bool        full;                   /* set where a row finds no place: the batch ends before it */
};
/* Gives the place back that weir_sink_row gave last. */
static inline void weir_sink_take_back(weir_sink *sink)
{
    sink->next -= sink->stride;
    sink->count--;
}
/* A row could not be placed, for this reason: whether the batch ends before it, and the next begins with it. */
static inline bool weir_sink_ends(const weir_sink *sink, int status)
{
    return sink->full || (status == WEIR_OUT_OF_MEMORY && sink->budget && sink->budget->refused);
}
static inline void *weir_sink_row(weir_sink *sink)
{
    if (sink->next == sink->end && sink->grow(sink) != WEIR_OK)
        return NULL;
    void *row = sink->next;
    sink->next += sink->stride;
    sink->count++;
    return row;
}

/* One step of a plan: how one field of each row gets into its place. The driver fills decode; the engine chose offset. */
typedef struct weir_step weir_step;
/* Where a value goes in the sink's object. What the driver cannot put there as it is goes through `store`, as a cell. */
typedef enum weir_direct_kind {
    WEIR_DIRECT_OTHER = 0, WEIR_DIRECT_INT64, WEIR_DIRECT_INT32, WEIR_DIRECT_DOUBLE,
    WEIR_DIRECT_TEXT,                   /* a weir_text: bytes in the sink's arena, valid UTF-8 */
    WEIR_DIRECT_OPT_INT64, WEIR_DIRECT_OPT_INT32, WEIR_DIRECT_OPT_DOUBLE, WEIR_DIRECT_OPT_BOOL,     /* weir_opt_…: NULL is all zeros */
    WEIR_DIRECT_OPT_TIMESTAMP, WEIR_DIRECT_OPT_TIMESTAMPTZ
} weir_direct_kind;
typedef struct weir_direct weir_direct;
struct weir_direct {
    weir_direct_kind kind;
    bool        nullable;               /* of a text: NULL is all zeros; else a NULL is for store */
    int         way;                    /* the driver's own: which short way its values can take there */
    size_t      offset;                 /* in the object */
    const void *member;                 /* for store */
    bool      (*store)(const weir_direct *direct, void *object, const weir_value *cell);    /* false: not this value */
};
typedef struct weir_decode {
    weir_arena *arena;
    bool        borrow;                 /* source lies in the batch's arena itself and may be pointed to; the byte behind a
                                           field may be overwritten by a NUL */
    char        reason[160];            /* why a value could not be decoded */
} weir_decode;
/* PostgreSQL: source is the field's bytes. SQLite: source is the sqlite3_value, length unused. target is a weir_value.
 * WEIR_OK, WEIR_DATA (reason says why) or WEIR_OUT_OF_MEMORY. Never called for NULL: the driver sets that itself. */
typedef int (*weir_decode_fn)(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target);
struct weir_step {
    weir_decode_fn decode;
    size_t         offset;              /* of the target in the row's place */
    weir_type      type;                /* of the column, or of an array's element */
    const weir_step *element;           /* of an array */
    int         way;                    /* the driver's own: as direct.way, for cells */
    weir_direct direct;                 /* for rows that go into the sink's object */
};

/* ---- connections ------------------------------------------------------------------------------------------------------ */
typedef enum weir_link_transaction { WEIR_LINK_IDLE = 0, WEIR_LINK_IN_TRANSACTION, WEIR_LINK_FAILED } weir_link_transaction;

/* What happens on a link that its user should hear of. */
typedef struct weir_link_listener {
    void (*notice)(void *context, const char *severity, const char *message);
    void (*notification)(void *context, const char *channel, const char *payload, int pid);
    void (*round_trip)(void *context, const char *what, int64_t rows);      /* each exchange, before it is sent */
    void *context;
} weir_link_listener;

struct weir_link {
    const weir_driver    *driver;
    weir_ledger          *ledger;               /* the engine's */
    weir_link_transaction transaction;          /* as the server says after each operation */
    bool                  lost;                 /* of no use any more: hang up */
    bool                  commits;              /* the operation that runs, or was the last, may commit what was written: if the link is
                                                   lost before its answer, nobody knows */
    atomic_bool           cancelled;            /* weir_connection_cancel was called; cleared by the engine */
    int64_t               limit;                /* of the operation that runs, monotonic ns: blocking work ends itself then, as if cancelled;
                                                   0: none */
    struct {                                    /* cancel requests; the pool's, under its lock */
        int          on_way;
        bool         astray;                    /* one was not answered in time and may still arrive: not for another user */
        bool         hang_up;                   /* nobody has the link any more: the last request hangs up */
        weir_parker *ended;                     /* of the thread that waits for them to end */
    } cancels;
    bool                  pooled;               /* a pooler is in between: from one transaction to the next the session may be another */
    int                   forgotten;            /* so often the server knew nothing of what had been prepared by name, and nobody had said so */
    int                   backend_pid;
    weir_error            error;                /* of the last operation that failed */
    weir_link_listener    listener;             /* set at each check-out; members may be NULL */
};

/* How to connect: made once per engine, checked by the driver, lives as long as the engine. */
typedef struct weir_dial_plan {
    weir_url           url;
    const char *const *connect_args;            /* NULL-terminated pairs, or NULL */
    const char        *application_name;        /* NULL: the URL's, else "weir" */
    int                connect_timeout_ms, read_timeout_ms;     /* read_timeout_ms 0: none */
    bool               read_only;
    bool               in_memory;               /* set by the driver's check: the database lives in its one connection */
    weir_ledger       *ledger;
} weir_dial_plan;

/* What may end a dial early: looked at now and then, from the thread that dials. */
typedef struct weir_dial_watch {
    int64_t     deadline;                       /* WEIR_NO_DEADLINE: none but the plan's */
    atomic_bool stop;
    bool        locked;                         /* set when it failed because of somebody's lock: dial again in a while, until */
    int64_t     patience_ends;                  /* this; set with the first such failure */
} weir_dial_watch;

enum { WEIR_REFUSED_VALUE = 40 };

/* ---- cursors ----------------------------------------------------------------------------------------------------------- */
struct weir_cursor {
    weir_link           *link;
    weir_arena          *arena;                 /* of the result: for what lives as long as the cursor */
    const weir_compiled *statement;             /* lives as long as the cursor */
    weir_mode            mode;                  /* asked for: buffered, portal, declared, stepping */
    bool                 loads;                 /* other statements run after each batch: fetch does not ask for the next one by itself */
    bool                 hold, parallel_plan, named;        /* WITH HOLD; parallel_plan option; prepared statements may be named */
    bool                 hide_values;           /* the driver's own errors must not show values of parameters */
    /* filled by prepare */
    weir_column_info    *columns;               /* in the arena; texts too */
    size_t               column_count;
    bool                 returns_rows;
    /* set by the engine between prepare and open */
    weir_step           *steps;                 /* one per column */
    weir_sink           *sink;                  /* where the operation that runs puts its rows; set before open and each fetch */
    int64_t              behind;                /* rows that a fetch of what was asked for ahead asks for behind it; 0: as many; < 0: none */
    size_t               slice;                 /* bytes of a batch after which it may end, short of its rows: the rest comes with the next
                                                   fetch, whatever that asks for. 0: it does not */
    size_t               network;               /* bytes of the buffer that rows come in; 0: as the driver likes */
    size_t               raw;                   /* with a budget: bytes of what is taken raw that stay in memory */
    bool                 spills;                /* with a budget: the rest of it goes to a file; else it is WEIR_BUDGET_EXCEEDED */
    const int           *key_columns; size_t key_count;     /* for naming a row that was not taken */
    /* kept by the driver */
    bool                 open;                  /* the server's cursor or SQLite's statement exists */
    bool                 ended;                 /* no rows are left: all were put into the sink */
    bool                 may_prefetch;          /* no statement or transaction time-out is in force (RULES W5) */
    bool                 stale;                 /* open failed because a prepared statement no longer fits the database: prepare
                                                   and open again once, if the transaction began with this very execution */
    bool                 unsent;                /* besides: nothing of it was sent, so that no transaction stands in the way */
    bool                 in_order;              /* of ask_order: the plan of a page's write, under which run_page executes it, stays and
                                                   meets the rows in the order of the sets */
    int64_t              row_count;             /* rows affected; -1: a SELECT */
    int64_t              rows, round_trips, bytes;
    int64_t              widest;                /* bytes of the widest row since this was set to 0 */
    int64_t              spilled;               /* bytes */
    /* the row before which a batch without rows ended: the sink is full, or its budget refused something */
    int64_t              refused_bytes;
    char                 refused_key[128];      /* "id = 7", or ""; values of less than WEIR_REFUSED_VALUE bytes */
};

/* Adds a column of the row that was not taken; value "": it is not known. */
void weir_cursor_show_key(weir_cursor *cursor, int column, const char *value);

/* ---- rows in ------------------------------------------------------------------------------------------------------------ */
/* A COPY into a table: the engine fills it, the driver keeps the rest; both live as long as the COPY. */
typedef struct weir_copy_in {
    const char  *table, *columns;               /* SQL: quoted names */
    weir_cursor *described;                     /* prepared: SELECT columns FROM table WHERE false; closed after the COPY */
    bool         numbered;                      /* the table has one column more behind the feed's: the row's number, a bigint */
    int64_t      taken;                         /* rows that were taken, sent or not */
    int64_t      written;                       /* rows that the server counted; after the end */
    bool         refused;                       /* put failed because of a value: nothing of that row was sent, the COPY goes on */
    bool         over;                          /* the server ended it: nothing more can be put */
    void        *inside;                        /* the driver's */
} weir_copy_in;

/* One page of parameter sets on its way, all or nothing: what fails in the middle leaves the transaction as the database has it. */
typedef struct weir_page_run {
    weir_cursor     *lock;              /* prepared; executed first, with an array per lane of lock_feed; NULL: none */
    const weir_feed *lock_feed;
    weir_cursor     *write;             /* prepared; the lanes are its first parameters, its own values follow. With rows: sink is set,
                                           or they are dropped */
    const weir_feed *feed;
    bool             arrays;            /* executed once, with an array per lane; else once per set */
    bool             guarded;           /* inside of WEIR_PAGE_SAVEPOINT: when the page fails it is there, for ROLLBACK TO */
    bool             release_before, release;   /* that of the page before is released first; this page's at the end */
    /* filled */
    size_t          *ends;              /* NULL, or for each set: how many rows were in the sink when it was done. Not by arrays */
    size_t           done;              /* sets executed; when one fails: its place in the feed. Not by arrays */
    size_t           missed;            /* the first that matched no row; SIZE_MAX: none. Not by arrays */
    int64_t          matched;           /* rows */
    bool             refused;           /* a value of the set `done` cannot be sent */
    bool             unsent;            /* it failed before anything of it was sent: there is no savepoint of it, either */
} weir_page_run;
#define WEIR_PAGE_SAVEPOINT "weir_page"

/* ---- operations ----------------------------------------------------------------------------------------------------------- */
typedef enum weir_progress { WEIR_DONE = 1, WEIR_WANTS = 2 } weir_progress;     /* or a negative status */

struct weir_driver {
    const char         *name;
    const char *const  *schemes;                /* NULL-terminated */
    const weir_dialect *dialect;
    weir_mode           stream_mode;            /* what a streamed SELECT is by default: portal or stepping */
    size_t              cursor_size;            /* of the driver's cursor struct */

    /* At weir_engine_open: WEIR_ARGUMENT for a URL or connect_args that make no sense. May set plan->in_memory. */
    int (*check)(weir_dial_plan *plan, weir_error *error);
    /* Connects. Blocks, at most connect_timeout_ms per host: the engine runs it as blocking work. Ends soon once the watch (may be
     * NULL) says so: WEIR_CANCELLED or WEIR_DEADLINE_EXCEEDED. */
    int (*dial)(const weir_dial_plan *plan, weir_dial_watch *watch, weir_link **out, weir_error *error);
    /* Closes and frees. Never waits for the server; in the middle of a message the socket is shut down first. */
    void (*hang_up)(weir_link *link);
    bool  on_workers;                           /* its operations and its hanging up are blocking work: in a task they run on another
                                                   thread */
    /* For a forked child: frees without a word to the server. */
    void (*abandon)(weir_link *link);

    /* Each starts an operation; then advance until WEIR_DONE or an error (which is then in link->error). */
    /* A command without rows or parameters (COMMIT, SAVEPOINT …). */
    int (*command)(weir_link *link, const char *sql);
    /* Makes `sql` (a BEGIN) travel with the next operation, in front of it, for no round trip of its own. Immediate. */
    int (*begin)(weir_link *link, const char *sql);
    /* Finds out the columns; done at once when the statement is known to the link. */
    int (*prepare)(weir_link *link, weir_cursor *cursor);
    /* Executes and fetches the first `rows` rows (0: all) into cursor->sink. */
    int (*open)(weir_link *link, weir_cursor *cursor, int64_t rows);
    /* Fetches up to `rows` more (0: all). A batch that read_ahead asked for comes as it was asked for, whatever `rows` says. */
    int (*fetch)(weir_link *link, weir_cursor *cursor, int64_t rows);
    /* Closes the server's side of the cursor, if it is open, and frees what the driver holds for it (safe to repeat). */
    int (*close)(weir_link *link, weir_cursor *cursor);
    /* The same without waiting for an answer: what has to be said travels now, or with the next operation. Immediate. */
    void (*drop)(weir_link *link, weir_cursor *cursor);
    /* A trivial exchange: is the other side alive? */
    int (*ping)(weir_link *link);
    /* Reads what has come unasked, until plan.deadline: notifications. */
    int (*listen)(weir_link *link, int64_t deadline);
    int (*advance)(weir_link *link, weir_want *want);

    /* Asks for the next batch of `rows` without waiting for it. Immediate; sends what the socket takes now. NULL: cannot.
     * A fetch of a batch that was read ahead asks for the one after it by itself, so that the server never pauses. */
    int (*read_ahead)(weir_link *link, weir_cursor *cursor, int64_t rows);
    /* Sends what open would send for a buffered, prepared SELECT, behind what is under way, and does not wait: the open of this cursor
     * then takes the answer (one that comes while another operation runs is kept for it). Immediate. 1: sent; 0: not now, open does
     * it all; negative: the link is lost. NULL: cannot. */
    int (*open_ahead)(weir_link *link, weir_cursor *cursor, int64_t rows);
    /* Forgets a cursor whose transaction ended: what the driver holds for it is freed, nothing is sent. Immediate. */
    void (*forget)(weir_link *link, weir_cursor *cursor);
    /* COPY. NULL: this database has none. Nothing else may run on the link until it is over, and everything else is refused. */
    int (*copy_begin)(weir_link *link, weir_copy_in *copy);
    /* Takes the feed's sets; they are on their way when enough of them have come together. The feed has a lane for each column. */
    int (*copy_put)(weir_link *link, weir_copy_in *copy, const weir_feed *feed);
    /* All rows were put; or, with a reason, none of them shall be written (which then is no error). */
    int (*copy_end)(weir_link *link, weir_copy_in *copy, const char *abort_reason);
    /* Executes the page; see weir_page_run. */
    int (*run_page)(weir_link *link, weir_page_run *run);
    /* Finds out whether a prepared, named write over arrays, whose keys are compared as weir_page.in_order has it, meets its rows in the
     * order of the sets whatever the table's statistics become (cursor->in_order). Inside of a transaction. NULL: it cannot. */
    int (*ask_order)(weir_link *link, weir_cursor *cursor);
    /* The type of a described column as arrays of it are cast to, without "[]"; NULL: no array can hold its values. Immediate.
     * The function NULL: this database has no arrays. */
    const char *(*array_type)(weir_link *link, const weir_cursor *described, size_t column);
    /* Fills step->decode for a column whose values become weir_value cells. */
    int (*plan_cell)(weir_link *link, const weir_cursor *cursor, size_t column, weir_arena *arena, weir_step *step);
    /* The text that begins a transaction: isolation as in weir_isolation, in `buffer`. */
    const char *(*begin_text)(weir_isolation isolation, bool read_only, char *buffer, size_t size);
    /* Interrupts the running operation. From any thread; may block as long as the server does, unless it is immediate. */
    int (*cancel)(weir_link *link);
    bool  cancel_is_immediate;
    /* Whether the server has something to answer, so that a cancel has an aim. NULL: it always has. */
    bool (*awaits)(const weir_link *link);
    /* Whether the server answers new connections before the deadline: cancel would not block for long. Waits. NULL: it never does. */
    bool (*reachable)(weir_link *link, int64_t deadline);
    /* The libraries that run underneath, with their versions, as snprintf writes. */
    int (*libraries)(char *buffer, size_t size);
};

extern const weir_driver weir_driver_sqlite, weir_driver_postgresql;
#endif
