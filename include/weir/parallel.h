/* weir/parallel.h: one statement read by several connections at once, in ranges of its order; and the same work shared out over many
 * processes by a table of jobs.
 *
 * The statement's rows are cut into ranges of its order (about 16 MiB each, found in the statistics of the table), and `jobs` threads
 * read them, each on a connection of its own, the next one as soon as one is done. All connections see the same snapshot: PostgreSQL's
 * is exported by the first; SQLite's readers begin while another connection keeps writers out. Each row is in exactly one range, in a
 * range's rows the order holds, and a range's rows all come before the next one's, whatever the statistics say: they decide how large
 * a range is, not what is in it.
 * What foreign tables (postgres_fdw) read at other servers is in snapshots of those servers, one per connection: see docs/how-to/distributed-sources.md.
 *
 * Threads: a weir_parallel belongs to one thread; weir_parallel_cancel and weir_parallel_info may be called from any. Its own threads
 * call back as said below. In a task of an event loop planning and running are blocking work, which has one of the loop's worker threads to its
 * end: `bytes` and `progress` are then called on that. A task that is cancelled ends it: WEIR_CANCELLED, or WEIR_DEADLINE_EXCEEDED; what was done
 * all the same is WEIR_OK, and the task's next wait is told. */
#ifndef WEIR_PARALLEL_H
#define WEIR_PARALLEL_H
#include <weir/engine.h>
#include <weir/result.h>
#include <weir/transfer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_parallel weir_parallel;

/* Texts of options are borrowed until the handle is closed. */
typedef struct weir_parallel_options {
    size_t      struct_size;
    int         jobs;               /* connections and threads, 1 to 256; default 2. The engine's pool must have as many (SQLite: one more) */
    const char *order;              /* textual SQL: its order by result columns, "k desc nulls last, id not null". A select has its own.
                                       "not null" may stand behind columns that have none: an index serves them better then */
    int64_t     range_bytes;        /* of the table, per range; default 16 MiB, smaller for small tables */
    int64_t     yield_per;          /* rows of a batch; default 5000, with memory: as many as fit */
    int64_t     memory;             /* a budget in bytes for all jobs together, as weir_memory is for one stream: three quarters of it are shared out
                                       among the jobs' streams, one is for what waits for its turn; without weir_range_put streams have it all. A row
                                       that does not fit a job's share is WEIR_BUDGET_EXCEEDED. 0: none. At least 88 KiB for each job and 32 more */
    int64_t     window_bytes;       /* what may wait in memory for its turn; default 32 MiB; not with memory. More goes to an unlinked temporary file */
    weir_switch spill;              /* off: jobs wait instead; default on */
    const char *spill_directory;    /* default: TMPDIR, else /tmp */
    /* With weir_writer_options.checkpoint into one file: the place is saved after so many rows, bytes or milliseconds, whichever comes first;
     * 0: not by that; all 0: 64 MiB or 5 seconds */
    int64_t     save_rows, save_bytes, save_ms;
    void      (*remark)(const char *text, void *context);   /* what the user should know; while planning, on the calling thread */
    void      (*progress)(void *context);                   /* some five times a second while it runs, on the calling thread */
    void       *context;            /* of all callbacks here */
    /* weir_parallel_write_split, PostgreSQL: each partition of the table gets ranges of its own, also where list or hash bounds do not follow the
     * order. Gives the statement that reads only the partition of that name ("schema.table", quoted where needed), with the same columns, in the
     * same order, as the handle's; freed by weir. NULL: not this one, and then none. While planning, or going on, on the calling thread. Files
     * are then in order of partitions, and in the statement's order within each. Without it, and where ranges of the order lie in one partition each
     * anyway, or the user may not read partitions, or they have row level security, ranges are those of the whole table */
    weir_stmt *(*partition)(const char *name, void *context);
} weir_parallel_options;
#define WEIR_PARALLEL_OPTIONS(...) (&(const weir_parallel_options){ .struct_size = sizeof(weir_parallel_options), __VA_ARGS__ })

/* Takes the statement, which is copied; nothing is sent yet. Never NULL; errors are kept (weir_parallel_error): WEIR_ARGUMENT (options,
 * an order that is no list of columns), WEIR_INVALID_REQUEST (a statement without order, or whose rows no condition can cut). */
WEIR_API weir_parallel *weir_parallel_open(weir_engine *engine, const weir_stmt *stmt, const weir_parallel_options *options);
/* Connects, takes the snapshot and cuts the ranges; the first of the calls below does it where the program did not. A status:
 * WEIR_TIMEOUT (the pool has too few connections), WEIR_INVALID_REQUEST (SQLite in memory, or read only: nothing can keep writers out),
 * those of the database. */
WEIR_API int weir_parallel_plan(weir_parallel *parallel);

/* A range that is being read, by one job. */
typedef struct weir_range_read {
    int64_t     number;             /* of the range, from 0 in the statement's order */
    int         job;                /* from 0: which of the threads this is */
    void       *data;               /* the program's, for this range */
    void       *context;            /* weir_parallel_calls's */
} weir_range_read;

/* What happens with the rows. A callback that returns anything but WEIR_OK ends the run with that status; it may say why in *error
 * (status and message; else "a callback gave up"). The first error wins, all jobs are cancelled and joined before the run returns.
 * begin, rows, end: on the job's thread, ranges in any order, one range at a time per job. Any may be NULL. */
typedef struct weir_parallel_calls {
    size_t struct_size;
    int  (*begin)(weir_range_read *read, const weir_result *result, weir_error *error);     /* the columns are known */
    int  (*rows)(weir_range_read *read, const weir_partition *rows, weir_error *error);     /* a batch; its rows die with the call */
    int  (*end)(weir_range_read *read, weir_error *error);          /* all rows of the range were there */
    void (*drop)(weir_range_read *read);                            /* of a range that was begun, unless its end went well: free read->data */
    /* The ordered variant: what the jobs gave by weir_range_put, range after range in order, on the thread that runs. What comes early
     * waits in memory, or on disk (window_bytes); a job is at most 2 × jobs ranges ahead. */
    int  (*bytes)(int64_t range, const void *bytes, size_t length, void *context, weir_error *error);
    void  *context;
} weir_parallel_calls;
#define WEIR_PARALLEL_CALLS(...) (&(const weir_parallel_calls){ .struct_size = sizeof(weir_parallel_calls), __VA_ARGS__ })

/* From begin, rows and end: bytes for the ordered variant, copied, joined into blocks. May wait until there is room. A status; the
 * callback returns it. */
WEIR_API int weir_range_put(weir_range_read *read, const void *bytes, size_t length);

/* Reads all ranges. Once per handle (WEIR_INVALID_REQUEST). WEIR_CANCELLED after weir_parallel_cancel. */
WEIR_API WEIR_MUST_CHECK int weir_parallel_run(weir_parallel *parallel, const weir_parallel_calls *calls);

/* Reads all ranges into one file at `path` ("-": standard output), as weir_writer_result would from one stream: the same bytes, for
 * an order that is unique. Formats whose files are rows one behind the other (csv, jsonl); others WEIR_NOT_SUPPORTED.
 * With options->checkpoint (of the same statement and order, else WEIR_INVALID_REQUEST; it must outlive the call) the file is a part that can
 * be gone on with, as weir/transfer.h says, by this call or by a single stream: the place is the key of the last row that was saved. What was
 * read ahead of its turn and stands in no file yet is read again: at most 2 × jobs ranges. Two neighbours with the same key are
 * WEIR_INVALID_REQUEST. A run that goes on has a snapshot of its own: weir_checkpoint_info tells how many there were. */
WEIR_API WEIR_MUST_CHECK int weir_parallel_write(weir_parallel *parallel, const char *path, const weir_writer_options *options);
/* Reads each range into a file of its own: of "dir/name.csv" these are dir/name.000000.csv and on, and dir/name.manifest.json, which is
 * written last and lists them with rows, bytes and SHA-256; it is what counts. After an error there is no manifest, and the files that
 * were finished are removed. A path that is a directory, a device or "-" is WEIR_ARGUMENT.
 * With options->checkpoint the files that were finished stay after an error, and PATH.weir-checkpoint has the ranges and which of them are
 * done: the same call then reads the others only. A file that is gone or was changed is written again. Where more than one run read, the manifest
 * says so: "snapshots", and in each part "snapshot", from 1. PATH.weir-part, which is empty, is locked meanwhile. */
WEIR_API WEIR_MUST_CHECK int weir_parallel_write_split(weir_parallel *parallel, const char *path, const weir_writer_options *options);

typedef struct weir_parallel_figures {
    int     jobs;
    int64_t ranges, ranges_done;
    int64_t rows, batches;          /* read so far; rows and bytes: with those of earlier runs that are gone on with */
    int64_t bytes;                  /* handed on by weir_range_put, or written */
    int64_t spilled;                /* of them, those that waited on disk */
    int64_t memory_peak;            /* with a budget: what the streams held at most, each by itself, and what waited */
    char    snapshot[64];           /* PostgreSQL's name of it; "" on SQLite */
    char    source[24];             /* of the ranges: "statistics", "partitions", "sample", "interpolation", "one range", "checkpoint" */
} weir_parallel_figures;
WEIR_API void weir_parallel_info(const weir_parallel *parallel, weir_parallel_figures *out);

/* Ends planning or the run, from any thread (not from a signal handler). May block while it reaches the server; never for what runs in a task. */
WEIR_API void weir_parallel_cancel(weir_parallel *parallel);
/* The first error, or one with status WEIR_OK. Valid until the handle is closed. */
WEIR_API const weir_error *weir_parallel_error(const weir_parallel *parallel);
/* Gives the connections back. Returns the first error; sets *parallel to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_parallel_close(weir_parallel **parallel);

/* ---- many processes, on any number of machines ----------------------------------------------------------------------------------
 * A job is a statement whose ranges stand in a table of the same PostgreSQL: <schema>.jobs and <schema>.ranges, made by the first worker.
 * A worker leases a range in a short transaction, writes it into a file JOB.rNNNNNN.aATTEMPT.SUFFIX, and marks it done, if it still has
 * the lease; a heartbeat on a connection of its own prolongs that. When a worker is killed or paused, its lease expires, and another one
 * takes the range over under the next attempt's number: what the first writes after that does not count, and it removes it itself. Once all
 * ranges are done, every worker writes JOB.manifest.json into its directory: it lists the files that count, with rows, bytes and SHA-256.
 * Each range is read in a snapshot of its own: rows that change while the job runs are as they were when their range was read. */
typedef struct weir_worker weir_worker;

/* Texts, and `writer`'s, are borrowed until the handle is closed. */
typedef struct weir_worker_options {
    size_t      struct_size;
    const char *job;                /* its name: letters, digits, '.', '_', '-', at most 64; must be given */
    const char *schema;             /* of the tables; default "weir_jobs", made if it is missing; at most 63 bytes */
    const char *directory;          /* where this worker's files go; default: the current one */
    const char *order;              /* as in weir_parallel_options */
    int64_t     range_bytes;        /* of the one that makes the job; default 16 MiB */
    int64_t     yield_per;          /* rows of a batch; default 5000 */
    int64_t     lease_ms;           /* how long a range stays with a worker that gives no sign; default 60,000 */
    /* A range that failed so often ends the job; default 3; of the one that makes it. What counts: an error of the range's statement or its rows, and
     * a lease that ran out. What does not: a cancelled worker; one that cannot write, or has no memory or budget for a row (the range is given
     * back, the worker ends); a lost connection, a server that shuts down or has no connection left, a conflict of transactions: of these ten times
     * as many end the job */
    int         attempts;
    const weir_writer_options *writer;      /* format and its options: the same for all workers; default csv */
    void      (*remark)(const char *text, void *context);   /* what the user should know; on the thread that runs */
    void       *context;            /* of all callbacks here */
    int64_t     memory;             /* a budget in bytes for the stream, as weir_memory; 0: none. At least 88 KiB. Then yield_per: as many as fit */
    /* As in weir_parallel_options: each partition of the table gets ranges of its own. Called by whoever makes the job, and by each worker that leases a
     * range of a partition (NULL then: WEIR_INVALID_REQUEST, the range is given back); on the thread that runs */
    weir_stmt *(*partition)(const char *name, void *context);
} weir_worker_options;
#define WEIR_WORKER_OPTIONS(...) (&(const weir_worker_options){ .struct_size = sizeof(weir_worker_options), __VA_ARGS__ })

/* Takes the statement, which is copied; nothing is sent yet. The engine's pool needs three connections. Never NULL; errors are kept:
 * WEIR_ARGUMENT, WEIR_INVALID_REQUEST (as weir_parallel_open), WEIR_NOT_SUPPORTED on SQLite. */
WEIR_API weir_worker *weir_worker_open(weir_engine *engine, const weir_stmt *stmt, const weir_worker_options *options);
/* Works until the job is done: makes it where there is none, takes ranges while there are some, waits for those of others. Once per handle.
 * WEIR_OK: the job is done and the manifest is written. WEIR_INVALID_REQUEST: the job of that name is of another statement, order or
 * format. WEIR_ERROR: the job has failed; the message says which range, and why. WEIR_CANCELLED: a range that was begun is given back. */
WEIR_API WEIR_MUST_CHECK int weir_worker_run(weir_worker *worker);
/* Ends the run, from any thread (not from a signal handler), whatever it does at that moment, and has it give its range back. Does not wait for that.
 * A connection that is being made is waited for by the run (connect_timeout_ms). */
WEIR_API void weir_worker_cancel(weir_worker *worker);
typedef struct weir_worker_figures {
    int64_t ranges, rows, bytes;    /* that this worker finished */
    int64_t fenced;                 /* ranges that were somebody else's in the end: their files were removed */
    int64_t failed;                 /* attempts of this worker that failed, and count */
    char    owner[128];             /* its name in the table: host, process, a random part */
    int64_t memory_peak;            /* what a range's stream held at most */
} weir_worker_figures;
WEIR_API void weir_worker_info(const weir_worker *worker, weir_worker_figures *out);    /* any thread */
WEIR_API const weir_error *weir_worker_error(const weir_worker *worker);    /* the first, or status WEIR_OK */
WEIR_API WEIR_MUST_CHECK int weir_worker_close(weir_worker **worker);       /* as weir_parallel_close */

typedef struct weir_job_figures {
    char    state[16];              /* "running", "done", "failed" */
    char    reason[400];            /* of a job that failed */
    int64_t ranges, done, leased, open, failed;     /* leased: by workers whose lease lasts */
    int64_t rows, bytes;            /* of ranges that are done */
    int64_t workers;                /* that have a lease now */
    int64_t takeovers;              /* leases that ran out, attempts that failed, connections that were lost */
    int64_t seconds;                /* since it was made; until it ended */
} weir_job_figures;
/* How a job stands. schema NULL: the default. WEIR_INVALID_REQUEST: there is no such job. */
WEIR_API WEIR_MUST_CHECK int weir_job_status(weir_engine *engine, const char *schema, const char *job, weir_job_figures *out, weir_error *error);

#ifdef __cplusplus
}
#endif
#endif
