/* weir/advise.h: how many rows a statement will give, which batch size fits a memory budget, and what in its plan, its order and the
 * server's settings will hurt a stream. */
#ifndef WEIR_ADVISE_H
#define WEIR_ADVISE_H
#include <weir/engine.h>
#include <weir/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- estimates ----------------------------------------------------------------------------------------------------------------
 * How many rows the statement will give, where that is cheap to know, without reading them. PostgreSQL: the planner's estimate
 * (EXPLAIN). SQLite, for a SELECT over one table without WHERE, LIMIT, DISTINCT, aggregates and the like: the exact number up to 10,000
 * rows, else what ANALYZE has left in sqlite_stat1, else the greatest rowid. -1: unknown, as it is for all that returns no rows; or an error,
 * which weir_connection_error tells (a status other than WEIR_OK; of a session's connection, weir_session_connection).
 * A transaction that is open stays as it is, whatever goes wrong (a savepoint is taken back); otherwise none is left open. Open
 * streams read on. Thread: the handle's. */
WEIR_API int64_t weir_estimate_rows(weir_session *session, const weir_stmt *stmt);
WEIR_API int64_t weir_connection_estimate_rows(weir_connection *connection, const weir_stmt *stmt);

/* ---- advice -------------------------------------------------------------------------------------------------------------------- */
typedef struct weir_advice weir_advice;

typedef struct weir_advise_options {
    size_t  struct_size;
    int64_t memory;                     /* bytes that the stream may hold; must be given */
    int64_t trial_rows;                 /* read by the trial; default 100,000 */
    int64_t limit_ms;                   /* longest for each question and each trial, of which there are few; default 10,000 */
} weir_advise_options;
#define WEIR_ADVISE_OPTIONS(...) (&(const weir_advise_options){ .struct_size = sizeof(weir_advise_options), __VA_ARGS__ })

typedef enum weir_remark_weight {
    WEIR_REMARK_NOTE = 1,               /* good to know */
    WEIR_REMARK_WARNING                 /* will hurt */
} weir_remark_weight;
typedef struct weir_remark {
    const char        *code;            /* stable, for programs: "sort", "no-order"; docs/how-to/size-the-batch.md lists them */
    weir_remark_weight weight;
    const char        *text;            /* what will happen */
    const char        *advice;          /* what to do about it */
} weir_remark;

typedef struct weir_advice_figures {
    int64_t yield_per;                  /* recommended: within 100 and 50,000 */
    int64_t fitting_rows;               /* what 70 % of the memory hold, before rounding down and those bounds */
    int64_t expected_peak_bytes;        /* what the stream will hold at most at that yield_per, by the ledger */
    bool    fits;                       /* expected_peak_bytes is within 70 % of the memory */
    /* the statement */
    int64_t rows;                       /* -1: unknown */
    const char *rows_from;              /* "counted", "planner", "statistics", "rowid", "" */
    int64_t batches, round_trips;       /* -1: unknown. SQLite has no round trips: 0 */
    double  seconds;                    /* of the whole stream when its reader takes no time: the trial's time to its first batch, and
                                           its speed behind that for the rest of `rows`; -1: unknown */
    /* a row */
    double  row_bytes;                  /* what one more row in a batch makes the stream hold, by the ledger */
    double  fixed_bytes;                /* what it holds besides: connection, statement, result */
    double  stored_bytes, widest_bytes; /* PostgreSQL: pg_column_size of the sampled rows, average and most; -1: unknown */
    int64_t sample_rows;                /* 0: none could be read, row_bytes is four times the planner's width */
    bool    random_sample;              /* of the whole table (TABLESAMPLE); else the first rows that came */
    /* the trial: the statement itself, streamed at that yield_per, until trial_rows or limit_ms were over; zeros where a batch would hold
       more than the memory, and for what locks rows */
    int64_t trial_rows, trial_peak_bytes;
    bool    trial_whole;                /* it came to the end of the rows */
    double  trial_seconds, first_batch_seconds, longest_batch_seconds;
    size_t  remark_count;
    const weir_remark *remarks;         /* warnings first */
} weir_advice_figures;

/* Samples and tries the statement, which must be a SELECT, on a connection of the engine, and reads its plan. A select with entities is
 * tried in a session, with its loads. All in READ ONLY transactions that are rolled back; what locks rows (FOR UPDATE) is planned
 * and not executed. The rows are read by this call: the network and the server do that work, so ask a replica or at a quiet time
 * if that matters. Memory is the engine's ledger above what it held before: nothing else should use the engine meanwhile. options
 * must say the memory.
 * The advice is the caller's (weir_advice_free), never NULL. Errors (kept): WEIR_ARGUMENT (options, the statement's mistakes);
 * WEIR_INVALID_REQUEST (no SELECT; what a stream of it would be refused for, as a joined collection); those of the database. */
WEIR_API weir_advice *weir_advise(weir_engine *engine, const weir_stmt *stmt, const weir_advise_options *options);
/* Never NULL; zeros after an error. It and all that it points to live as long as the advice. */
WEIR_API const weir_advice_figures *weir_advice_result(const weir_advice *advice);
/* Why it failed, or an error with status WEIR_OK. */
WEIR_API const weir_error *weir_advice_error(const weir_advice *advice);
/* Sets *advice to NULL; NULL is fine. */
WEIR_API void weir_advice_free(weir_advice **advice);

#ifdef __cplusplus
}
#endif
#endif
