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
    const char        *source;          /* where the bounds come from: a constant */
} weir_range_plan;

typedef struct weir_range_wish {
    int64_t range_bytes;
    int     jobs;
    void  (*remark)(const char *text, void *context);
    void   *context;
} weir_range_wish;

/* Cuts the order's rows into ranges, as seen by the connection. Whatever the plan holds, its ranges have each row once: every bound is
 * behind the one before it by the database's own order. A status; the plan is to be freed in any case. */
int weir_range_plan_make(weir_range_plan *plan, const weir_order *order, weir_connection *connection, bool postgresql,
                         const weir_range_wish *wish, weir_ledger *ledger, weir_error *error);
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
int weir_snapshot_take(weir_engine *engine, weir_connection **connections, size_t count, pthread_mutex_t *mutex, char name[64], weir_error *error);

/* ---- blocks in order (parallel_blocks.c) ----------------------------------------------------------------------------------------- */
enum { WEIR_BLOCK_SIZE = 128 * 1024 };
typedef struct weir_block weir_block;
struct weir_block {
    weir_block *next;
    size_t      length, capacity;
    int64_t     spilled_at;             /* in the lane's file; -1: the bytes are here */
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
    weir_block     *spare;
    size_t          spare_count;
    const char     *directory;          /* of spill files */
    bool            spill, stopped;
    int64_t         spilled;
} weir_blocks;

int weir_blocks_init(weir_blocks *blocks, size_t window, size_t most_in_memory, bool spill, const char *directory, weir_ledger *ledger);
void weir_blocks_free(weir_blocks *blocks);
/* From now on nothing waits, and nothing is taken. Any thread. */
void weir_blocks_stop(weir_blocks *blocks);
/* An empty block of at least that size; NULL: no memory. */
weir_block *weir_blocks_new(weir_blocks *blocks, size_t size);
void weir_blocks_give_back(weir_blocks *blocks, weir_block *block);
/* The job of a range hands a block over; it may wait for room. A status: WEIR_CANCELLED when stopped, WEIR_IO. */
int weir_blocks_hand(weir_blocks *blocks, int64_t range, weir_block *block, weir_error *error);
void weir_blocks_end(weir_blocks *blocks, int64_t range);       /* all of the range was handed over */
/* Waits until the range may begin. False: stopped. */
bool weir_blocks_may_begin(weir_blocks *blocks, int64_t range);
/* The taker: the next block of the range that is being taken, with its bytes in memory; NULL: not yet (within 200 ms), or the range has
 * ended (*ended), or an error. To be given back. */
weir_block *weir_blocks_take(weir_blocks *blocks, bool *ended, weir_error *error);

/* ---- the handle (parallel.c) ------------------------------------------------------------------------------------------------------ */
struct weir_parallel {
    weir_ledger       ledger;
    weir_arena        arena;
    weir_engine      *engine;           /* the program's; NULL: it only carries an error */
    weir_parallel_options options;
    weir_order       *order;
    weir_range_plan   plan;
    char              snapshot[64];
    bool              postgresql, planned, ran;
    bool              split;            /* ranges are wanted for themselves, also by one job */
    weir_blocks       blocks;
    bool              has_blocks;
    pthread_mutex_t   mutex;            /* of error, failed, next, running */
    pthread_mutex_t   handles;          /* of connections: held while they come and go, and while they are cancelled */
    pthread_cond_t    ended;            /* a job ended */
    weir_connection **connections;
    weir_parallel_calls calls;
    int64_t           next;             /* range to begin */
    int               running;
    atomic_bool       stop;
    bool              failed;           /* `error` is set, by the first */
    weir_error        error;
    _Atomic int64_t   rows, batches, bytes, ranges_done;
};

/* Keeps the first error and stops everything. Any thread. Returns the kept status. */
int weir_parallel_fail(weir_parallel *parallel, const weir_error *error);
/* As weir_parallel_run, where blocking is allowed. */
int weir_parallel_run_here(weir_parallel *parallel, const weir_parallel_calls *calls);
#endif
