/* weir/parallel.h: one statement read by several connections at once, in ranges of its order; and the same work shared out over many
 * processes by a table of jobs.
 *
 * The statement's rows are cut into ranges of its order (about 16 MiB each, found in the statistics of the table), and `jobs` threads
 * read them, each on a connection of its own, the next one as soon as one is done. All connections see the same snapshot: PostgreSQL's
 * is exported by the first; SQLite's readers begin while another connection keeps writers out. Each row is in exactly one range, in a
 * range's rows the order holds, and a range's rows all come before the next one's, whatever the statistics say: they decide how large
 * a range is, not what is in it.
 * What foreign tables (postgres_fdw) read at other servers is in snapshots of those servers, one per connection: see docs/how-to/parallel-export.md.
 *
 * Threads: a weir_parallel belongs to one thread; weir_parallel_cancel and weir_parallel_info may be called from any. Its own threads
 * call back as said below. In a task of an event loop planning and running are blocking work: `bytes` and `progress` are then called on
 * the loop's worker thread. */
#ifndef WEIR_PARALLEL_H
#define WEIR_PARALLEL_H
#include <weir/engine.h>
#include <weir/result.h>
#include <weir/transfer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_parallel weir_parallel;

typedef struct weir_parallel_options {
    size_t      struct_size;
    int         jobs;               /* connections and threads, 1 to 256; default 2. The engine's pool must have as many (SQLite: one more) */
    const char *order;              /* textual SQL: its order by result columns, "k desc nulls last, id not null". A select has its own.
                                       "not null" may stand behind columns that have none: an index serves them better then */
    int64_t     range_bytes;        /* of the table, per range; default 16 MiB, smaller for small tables */
    int64_t     yield_per;          /* rows of a batch; default 5000 */
    int64_t     window_bytes;       /* what may wait in memory for its turn; default 32 MiB. More goes to an unlinked temporary file */
    weir_switch spill;              /* off: jobs wait instead; default on */
    const char *spill_directory;    /* default: TMPDIR, else /tmp */
    void      (*remark)(const char *text, void *context);   /* what the user should know; while planning, on the calling thread */
    void      (*progress)(void *context);                   /* some five times a second while it runs, on the calling thread */
    void       *context;            /* of both */
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
    void (*drop)(weir_range_read *read);                            /* instead of end, when the run has failed: free read->data */
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
 * an order that is unique. Formats whose files are rows one behind the other (csv, jsonl); others WEIR_NOT_SUPPORTED. */
WEIR_API WEIR_MUST_CHECK int weir_parallel_write(weir_parallel *parallel, const char *path, const weir_writer_options *options);
/* Reads each range into a file of its own: of "dir/name.csv" these are dir/name.000000.csv and on, and dir/name.manifest.json, which is
 * written last and lists them with rows, bytes and SHA-256; it is what counts. After an error there is no manifest, and the files that
 * were finished are removed. A path that is a directory, a device or "-" is WEIR_ARGUMENT. */
WEIR_API WEIR_MUST_CHECK int weir_parallel_write_split(weir_parallel *parallel, const char *path, const weir_writer_options *options);

typedef struct weir_parallel_figures {
    int     jobs;
    int64_t ranges, ranges_done;
    int64_t rows, batches;          /* read so far */
    int64_t bytes;                  /* handed on by weir_range_put, or written */
    int64_t spilled;                /* of them, those that waited on disk */
    char    snapshot[64];           /* PostgreSQL's name of it; "" on SQLite */
    char    source[24];             /* of the ranges: "statistics", "sample", "interpolation", "one range" */
} weir_parallel_figures;
WEIR_API void weir_parallel_info(const weir_parallel *parallel, weir_parallel_figures *out);

/* Ends planning or the run, from any thread (not from a signal handler). May block while it reaches the server. */
WEIR_API void weir_parallel_cancel(weir_parallel *parallel);
/* The first error, or one with status WEIR_OK. Valid until the handle is closed. */
WEIR_API const weir_error *weir_parallel_error(const weir_parallel *parallel);
/* Gives the connections back. Returns the first error; sets *parallel to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_parallel_close(weir_parallel **parallel);

#ifdef __cplusplus
}
#endif
#endif
