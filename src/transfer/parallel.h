/* Reading in parallel inside: the handle, the ranges, and the blocks of bytes on their way to who takes them in order. */
#ifndef WEIR_TRANSFER_PARALLEL_H
#define WEIR_TRANSFER_PARALLEL_H
#include <pthread.h>
#include <stdatomic.h>
#include <weir/parallel.h>
#include "base/arena.h"
#include "base/error.h"
#include "transfer/order.h"

/* ---- ranges (parallel_plan.c) ------------------------------------------------------------------------------------------------- */
typedef struct weir_range_plan {
    weir_arena         arena;           /* of the keys */
    size_t             keys;            /* values of a key */
    const weir_value **bounds;          /* `count` of them, in the order: a range is behind one and through the next */
    size_t             count;           /* of bounds; ranges are one more */
    const weir_value  *after;           /* where the first range begins; NULL: at the beginning */
    const char        *source;          /* where the bounds come from: a constant */
} weir_range_plan;

typedef struct weir_range_wish {
    int64_t range_bytes;
    int     jobs;
    void  (*remark)(const char *text, void *context);
    void   *context;
    const atomic_bool *stop;            /* planning ends once it is set; may be NULL */
    const weir_value  *after;           /* only the rows behind this key, borrowed by the plan; NULL: all */
    int64_t most;                       /* ranges; 0: no matter */
} weir_range_wish;

/* Cuts the order's rows into ranges, as seen by the connection. Whatever the plan holds, its ranges have each row once: every bound is
 * behind the one before it by the database's own order. A status; the plan is to be freed in any case. */
int weir_range_plan_make(weir_range_plan *plan, const weir_order *order, weir_connection *connection, bool postgresql,
                         const weir_range_wish *wish, weir_ledger *ledger, weir_error *error);
/* Which table the order's first column is of, and which of its columns; 0: none. A status. */
int weir_range_table(const weir_order *order, weir_connection *connection, uint32_t *oid, int *column, weir_error *error);
void weir_range_plan_free(weir_range_plan *plan);
weir_order_range weir_range_plan_at(const weir_range_plan *plan, size_t number);

/* parallel_cut.c: the n - 1 keys that cut the way from `low` to `high` into n even pieces, one value each; how many there are: 0 for
 * types that have no middle. Values live in the arena. */
size_t weir_cut_evenly(const weir_value *low, const weir_value *high, size_t n, weir_arena *arena, weir_value *out);
/* Whether values of the type have one order everywhere, so that it can be told here; and that order: < 0, 0, > 0. */
bool weir_cut_comparable(const weir_value *a, const weir_value *b);
int weir_cut_compare(const weir_value *a, const weir_value *b);

/* ---- one snapshot for several connections (parallel_snapshot.c) ------------------------------------------------------------------ */
/* Gives `count` connections in transactions that see the same data; name: of PostgreSQL's snapshot. Those that there are stand in
 * `connections` also after an error, the others are NULL. Each is put there under the mutex, so that it can be cancelled. */
int weir_snapshot_take(weir_engine *engine, weir_connection **connections, size_t count, pthread_mutex_t *mutex, const atomic_bool *stop,
                       char name[64], weir_error *error);
/* Closes a connection (NULL: none) and keeps the first error in its own words. The status. */
int weir_give_back(weir_connection **connection, weir_error *error);

/* ---- blocks in order (parallel_blocks.c) ----------------------------------------------------------------------------------------- */
enum { WEIR_BLOCK_SIZE = 128 * 1024 };
typedef struct weir_block weir_block;
/* A place that an export can be gone on from: behind the bytes of the block that has it, which are the rows up to this key. */
typedef struct weir_mark {
    int64_t rows;                       /* since the mark before it, of the same range */
    size_t  length;
    char    key[];                      /* weir_key_write's text, of the last of them */
} weir_mark;
struct weir_block {
    weir_block *next;
    size_t      length, capacity;
    int64_t     spilled_at;             /* in the lane's file; -1: the bytes are here */
    weir_mark  *mark;                   /* owned; NULL: none */
    char        bytes[];
};

/* What one range has given and nobody has taken. */
typedef struct weir_lane_out {
    weir_block *first, *last;
    size_t      in_memory;
    bool        done;
    int         fd;                     /* of the spill file; -1: none yet. Kept for the lane's next range */
    int64_t     file_end;
} weir_lane_out;

typedef struct weir_blocks {
    weir_ledger    *ledger;
    pthread_mutex_t mutex;              /* of all below */
    pthread_cond_t  room, filled;       /* for jobs; for the taker */
    weir_lane_out  *lanes;              /* range r has lanes[r % window] */
    size_t          window;             /* how many ranges may be under way at once */
    int64_t         taking;             /* the range whose bytes are being taken */
    size_t          in_memory, most_in_memory;
    size_t          block_size;
    weir_block     *spare;
    size_t          spare_count;
    const char     *directory;          /* of spill files */
    bool            spill, stopped, draining;
    int64_t         spilled;
} weir_blocks;

/* block_size: 0: WEIR_BLOCK_SIZE. */
int weir_blocks_init(weir_blocks *blocks, size_t window, size_t most_in_memory, size_t block_size, bool spill, const char *directory, weir_ledger *ledger);
void weir_blocks_free(weir_blocks *blocks);
/* From now on nothing waits, and nothing is taken. Any thread. */
void weir_blocks_stop(weir_blocks *blocks);
/* An empty block; NULL: no memory. */
weir_block *weir_blocks_new(weir_blocks *blocks);
void weir_blocks_give_back(weir_blocks *blocks, weir_block *block);
/* The job of a range hands a block over; it may wait for room. A status: WEIR_CANCELLED when stopped, WEIR_IO. */
int weir_blocks_hand(weir_blocks *blocks, int64_t range, weir_block *block, weir_error *error);
void weir_blocks_end(weir_blocks *blocks, int64_t range);       /* all of the range was handed over */
/* Waits until the range may begin. False: stopped. */
bool weir_blocks_may_begin(weir_blocks *blocks, int64_t range);
/* The taker: the next block of the range that is being taken, with its bytes in memory; NULL: not yet (within 200 ms), or the range has
 * ended (*ended), or an error. To be given back. */
weir_block *weir_blocks_take(weir_blocks *blocks, bool *ended, weir_error *error);
/* All jobs have ended, early: what they handed over may be taken after all. NULL and not *ended is then the end. */
void weir_blocks_drain(weir_blocks *blocks);

/* ---- segments (parallel_segments.c) ----------------------------------------------------------------------------------------------- */
/* Ranges of one order that stand one behind the other: all there are, or those of one partition. */
typedef struct weir_segment {
    const weir_order *order;            /* the handle's, or `own` */
    weir_order       *own;              /* of the partition's statement; NULL: none */
    char             *partition;        /* its quoted name; NULL: the whole */
    weir_range_plan   plan;
    int64_t           first;            /* number of its first range */
} weir_segment;

typedef struct weir_segments {
    weir_ledger      *ledger;
    const weir_order *order;            /* of the whole statement */
    const char       *text;             /* which the program gave it; NULL: a select, that has its own */
    weir_stmt      *(*partition)(const char *name, void *context);      /* the program's; NULL: none */
    void             *context;
    weir_segment     *all;
    size_t            count;
    int64_t           ranges;           /* of all of them */
} weir_segments;

/* Cuts all rows into ranges. apart: each partition of the table by itself, if the program reads them. PostgreSQL for that. A status. */
int weir_segments_make(weir_segments *segments, weir_connection *connection, bool postgresql, bool apart, const weir_range_wish *wish, weir_error *error);
void weir_segments_free(weir_segments *segments);
const weir_segment *weir_segment_at(const weir_segments *segments, int64_t range);
/* Ends of ranges as they were, from texts of keys: one segment more, behind those that there are. */
int weir_segments_add(weir_segments *segments, const char *partition, weir_text *bounds, size_t count, weir_error *error);

/* ---- the handle (parallel.c) ------------------------------------------------------------------------------------------------------ */
struct weir_parallel {
    weir_ledger       ledger;
    weir_engine      *engine;           /* the program's; NULL: it only carries an error */
    weir_parallel_options options;
    weir_order       *order;
    weir_segments     segments;
    weir_arena        kept;             /* a place that was read, which the first segment begins behind */
    char              snapshot[64];
    bool              postgresql, connected, planned, ran;
    bool              split;            /* ranges are wanted for themselves, also by one job */
    weir_blocks       blocks;
    atomic_bool       has_blocks;       /* set once they are made: who fails it from elsewhere stops them, too */
    pthread_mutex_t   mutex;            /* of error, next, running, about, guarded, done */
    weir_parallel_figures about;        /* what planning tells, for whoever asks from elsewhere: ranges, source, snapshot */
    pthread_mutex_t   handles;          /* of connections: held while they come and go, and while they are cancelled */
    pthread_cond_t    ended;            /* a job ended */
    pthread_cond_t    called;           /* for the guard: it is to cancel, or to go */
    bool              guarded;          /* a thread of our own says cancels to the servers */
    bool              done;             /* the run ended well: a cancel comes too late */
    weir_connection **connections;
    _Atomic int64_t  *peaks;            /* of each job's streams, with a budget */
    int64_t           share;            /* of the budget, a job's stream has; 0: there is none */
    weir_ledger       waiting;          /* what waits for its turn */
    weir_budget       budget;           /* of it */
    weir_charge       charge;
    weir_parallel_calls calls;
    int64_t           next;             /* range to begin */
    int               running;
    atomic_bool       stop;
    atomic_bool       failed;           /* `error` is set, by the first, and stays as it is */
    weir_error        error;
    _Atomic int64_t   rows, batches, bytes, ranges_done;
    /* What writers of files add to the program's calls; NULL: nothing. Their context is that of `calls`. */
    int  (*marked)(void *context, const weir_mark *mark, weir_error *error);      /* behind the bytes before it, as calls.bytes */
    bool (*skips)(void *context, int64_t range);            /* the range is done already; on the job's thread */
};

/* Keeps the first error and stops everything. Any thread. Returns the kept status. */
int weir_parallel_fail(weir_parallel *parallel, const weir_error *error);
/* Connects, and cuts what lies behind `after` (NULL: all) into ranges, unless that was done. Where blocking is allowed. */
int weir_parallel_plan_here(weir_parallel *parallel, const weir_value *after);
/* As weir_parallel_run, where blocking is allowed. */
int weir_parallel_run_here(weir_parallel *parallel, const weir_parallel_calls *calls);
/* Runs `work` where blocking is allowed; what it returns, kept as the handle's error. Cancelled with its task. */
int weir_parallel_block(weir_parallel *parallel, int (*work)(weir_parallel *parallel, void *argument), void *argument);
/* Why weir_range_put or the next one failed. */
const weir_error *weir_range_error(const weir_range_read *read);
/* Hands over what the range gave so far, with a mark behind it. */
int weir_range_mark(weir_range_read *read, const char *key, size_t length, int64_t rows);
/* The writers' part of options that name a checkpoint: whether it is of this statement. */
int weir_parallel_check_checkpoint(weir_parallel *parallel, const weir_checkpoint *checkpoint);

/* ---- files (parallel_write.c, parallel_split.c) ------------------------------------------------------------------------------------ */
/* What both kinds of files begin with. */
typedef struct weir_parallel_target {
    weir_parallel      *parallel;
    const char         *path;
    weir_writer_options options;
} weir_parallel_target;
/* Before anything is opened: whether the options make sense. joined: and whether pieces of such a file can be joined. */
int weir_parallel_target_take(weir_parallel_target *target, weir_parallel *parallel, const char *path, const weir_writer_options *options, bool joined);
/* weir_parallel_fail in words. */
int weir_parallel_refuse(weir_parallel *parallel, int status, const char *format, ...) WEIR_PRINTF_(3, 4);
#endif
