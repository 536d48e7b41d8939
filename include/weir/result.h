/* weir/result.h: results, partitions, rows and their values.
 *
 * A result is read to its end, or left at any row and closed; weir_result_close says why it ended early. All ways to read
 * (next, fetchmany, partitions, all, scalars) draw from one stream and may be mixed.
 *
 * Threads: a result belongs to the thread of its connection, one from weir_frozen_result to one thread at a time; a retained row is
 * memory of its own and may be handed on.
 * Errors are kept in the result (weir_result_error) and returned by its close. Reading one gives those of the database: at any
 * row, WEIR_DATABASE and below (a lost connection: WEIR_OPERATIONAL with `disconnect`; WEIR_DEADLINE_EXCEEDED), WEIR_CANCELLED,
 * WEIR_DATA for a value that no weir_value can hold. */
#ifndef WEIR_RESULT_H
#define WEIR_RESULT_H
#include <weir/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_result weir_result;
typedef struct weir_row weir_row;
typedef struct weir_frozen weir_frozen;

/* ---- reading ------------------------------------------------------------------------------------------------------
 * Rows, and texts and blobs inside them, live until the next call that reads from the same result, or its close.
 * weir_row_retain keeps one for longer. After the end, reading gives NULL again; after close (or a hard close by first, one,
 * scalar, commit, rollback, the connection's close): WEIR_RESOURCE_CLOSED "This result object is closed.". */

/* The next row; NULL at the end or on an error (weir_result_close tells which). SQLAlchemy's iteration and fetchone. */
WEIR_API const weir_row *weir_result_next(weir_result *result);

typedef struct weir_partition {
    size_t                 count;
    const weir_row *const *rows;
    void *const           *instances;   /* of weir_session_scalars over an entity; else NULL */
} weir_partition;
/* Up to `rows` rows (0: yield_per, else 1000): NULL at the end or on an error, never an empty one. */
WEIR_API const weir_partition *weir_result_fetchmany(weir_result *result, size_t rows);
/* As fetchmany, but exactly `rows` rows in each but the last; 0: yield_per, else 1000. */
WEIR_API const weir_partition *weir_result_next_partition(weir_result *result, size_t rows);
/* The rows that are at hand, at least one and at most yield_per (else 1000): as fetchmany, but it does not wait for more, so that of wide rows
 * about a mebibyte is held at a time instead of a whole batch. */
WEIR_API const weir_partition *weir_result_fetchsome(weir_result *result);
/* All rows that are left, in memory: count 0 at the end; NULL on an error. */
WEIR_API const weir_partition *weir_result_all(weir_result *result);
/* The first row or NULL; closes the result hard (the row stays readable until weir_result_close). */
WEIR_API const weir_row *weir_result_first(weir_result *result);
/* Exactly one row, else NULL with WEIR_NO_RESULT_FOUND or WEIR_MULTIPLE_RESULTS_FOUND; closes hard. */
WEIR_API const weir_row *weir_result_one(weir_result *result);
/* One row, or NULL for none; WEIR_MULTIPLE_RESULTS_FOUND for more; closes hard. */
WEIR_API const weir_row *weir_result_one_or_none(weir_result *result);
/* The first column of the first row, NULL when there is no row; closes hard. A SQL NULL is a value of WEIR_T_NULL. */
WEIR_API const weir_value *weir_result_scalar(weir_result *result);
/* As one and one_or_none, with the first column's value: the pointer is NULL for no row, the value WEIR_T_NULL for NULL. */
WEIR_API const weir_value *weir_result_scalar_one(weir_result *result);
WEIR_API const weir_value *weir_result_scalar_one_or_none(weir_result *result);

/* A view of one column; the rows come from the same stream. Copy it as you like; it is valid as long as the result. */
typedef struct weir_scalars { weir_result *result; int column; } weir_scalars;
WEIR_API weir_scalars weir_result_scalars(weir_result *result, int column);     /* index as in weir_result_columns */
WEIR_API const weir_value *weir_scalars_next(weir_scalars scalars);             /* NULL at the end; NULL values are WEIR_T_NULL */
WEIR_API const weir_value *weir_scalars_first(weir_scalars scalars);
WEIR_API const weir_value *weir_scalars_one(weir_scalars scalars);
WEIR_API const weir_value *weir_scalars_one_or_none(weir_scalars scalars);
typedef struct weir_value_list { size_t count; const weir_value *const *values; } weir_value_list;
WEIR_API const weir_value_list *weir_scalars_fetchmany(weir_scalars scalars, size_t count);    /* as weir_result_fetchmany */
WEIR_API const weir_value_list *weir_scalars_all(weir_scalars scalars);

/* ---- shaping: before or between reads; each changes the result in place and may be repeated --------------------------- */
/* Selects and reorders columns by index; negative ones count from the end; indexes refer to the selection before.
 * WEIR_OUT_OF_RANGE (kept). */
WEIR_API int weir_result_columns(weir_result *result, const int *indexes, size_t count);
/* Each distinct row once (of a scalars view: each distinct value). The rows seen are remembered as long as the result
 * lives, so memory grows with them. */
WEIR_API int weir_result_unique(weir_result *result);
/* The same with a key of the program's making; two rows are the same when their keys are equal. */
typedef weir_value (*weir_unique_key_fn)(const weir_row *row, void *context);
WEIR_API int weir_result_unique_by(weir_result *result, weir_unique_key_fn key, void *context);
/* A fixed buffer of `rows` rows from here on (Result.yield_per). Nothing on a buffered result; with instances in it, the size of its
 * partitions. < 1, or more than INT32_MAX: WEIR_ARGUMENT. WEIR_INVALID_REQUEST (not kept): rows with instances were read already. */
WEIR_API int weir_result_yield_per(weir_result *result, int64_t rows);

/* ---- about the result ----------------------------------------------------------------------------------------------- */
typedef struct weir_column_info {
    const char *name;               /* as the database gives it */
    const char *database_type;      /* "bigint", "character varying", "mood"; SQLite: as declared, or "" */
    weir_type   type;               /* what values of this column are; SQLite: what the declaration says, WEIR_T_NULL if nothing */
    uint32_t    database_oid;       /* PostgreSQL; else 0 */
    int32_t     modifier;           /* PostgreSQL's typmod; -1: none */
    weir_type   element_type;       /* of an array's items; WEIR_T_NULL: no array, or not known */
    uint32_t    table_oid;          /* PostgreSQL: the table (or view) whose column this is, as it is; 0: an expression */
    int         table_column;       /* its number there, from 1 */
} weir_column_info;
/* Columns, as weir_result_columns left them; 0 for a statement without rows. */
WEIR_API size_t weir_result_column_count(const weir_result *result);
/* NULL when index is out of range. Valid until weir_result_close; also after the last row. */
WEIR_API const weir_column_info *weir_result_column(const weir_result *result, size_t index);
/* False for INSERT, UPDATE, DELETE without RETURNING, for DDL and the like: reading such a result is WEIR_RESOURCE_CLOSED. */
WEIR_API bool weir_result_returns_rows(const weir_result *result);
WEIR_API bool weir_result_closed(const weir_result *result);        /* hard closed; false when only the rows ended */
/* Rows that an UPDATE or DELETE matched or an INSERT inserted, with RETURNING, too; 0 for DDL and the like; -1 for what only gives
 * rows (SELECT), and after an error. */
WEIR_API int64_t weir_result_rowcount(const weir_result *result);

typedef enum weir_mode { WEIR_MODE_NONE = 0, WEIR_MODE_BUFFERED, WEIR_MODE_PORTAL, WEIR_MODE_DECLARED, WEIR_MODE_STEPPING } weir_mode;
typedef struct weir_result_figures {
    weir_mode mode;             /* how rows come, in force */
    bool      open;             /* the server's cursor, or SQLite's statement, still exists */
    int64_t   rows;             /* handed to the program */
    int64_t   batches;          /* fetches that brought rows */
    int64_t   round_trips;      /* exchanges with the server for this result */
    int64_t   bytes;            /* of rows read from the server (SQLite: of values) */
    size_t    rows_held;        /* decoded and not yet asked for */
    int64_t   yield_per, max_row_buffer;    /* in force; 0: none */
    weir_switch stream_results;
    size_t    ledger_bytes, ledger_peak_bytes;      /* this result's own. Under a budget all that counts in it: network buffer, instances
                                                       and what was loaded for them, too */
    int64_t   memory;           /* the budget in force; 0: none. Only with one: */
    int64_t   ended_early;      /* batches that ended because more would not have fitted, or whose relationships were loaded in parts */
    int64_t   spilled_bytes;    /* that went through a temporary file */
    int64_t   widest_row;       /* bytes, as they came */
} weir_result_figures;
/* How the result came so far; also after its end and on closed ones (all 0). */
WEIR_API void weir_result_info(const weir_result *result, weir_result_figures *out);

/* The first error of this result, or one with status WEIR_OK. Valid until weir_result_close. */
WEIR_API const weir_error *weir_result_error(const weir_result *result);
/* Gives the result up: unread rows are dropped, the server's cursor is closed (one round trip at most), all rows and values
 * of it die. Returns WEIR_OK or the first error that it met, and sets *result to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_result_close(weir_result **result);

/* Reads the rest into memory; afterwards weir_frozen_result gives any number of results over those rows, independent of
 * each other, the first result and its connection. Filters set before (columns, unique) are baked in. The caller's, until
 * weir_frozen_free; NULL on an error, which the result keeps. WEIR_NOT_SUPPORTED: rows with instances. */
WEIR_API weir_frozen *weir_result_freeze(weir_result *result);
/* A new result, the caller's (weir_result_close); never NULL: of NULL it is a closed one. */
WEIR_API weir_result *weir_frozen_result(weir_frozen *frozen);
WEIR_API void weir_frozen_free(weir_frozen **frozen);       /* results made from it live on */

/* ---- rows -------------------------------------------------------------------------------------------------------------
 * By name: WEIR_NO_SUCH_COLUMN, WEIR_AMBIGUOUS_COLUMN. By index (_at; negative counts from the end): WEIR_OUT_OF_RANGE. A value
 * that does not fit, or NULL from a getter without opt: WEIR_DATA, naming column and row. Such an error gives 0 (or NULL,
 * or an absent optional), is kept in the result, and ends its reading at the next fetch. */
WEIR_API size_t weir_row_count(const weir_row *row);                                    /* columns */
WEIR_API const weir_value *weir_row_value(const weir_row *row, const char *name);       /* never NULL: a WEIR_T_NULL on error */
WEIR_API const weir_value *weir_row_value_at(const weir_row *row, int index);
WEIR_API bool weir_row_is_null(const weir_row *row, const char *name);
WEIR_API bool weir_row_is_null_at(const weir_row *row, int index);

/* X(name, C type): weir_row_name(row, column), weir_row_name_at(row, index). */
#define WEIR_ROW_GETTERS(X)                                                                                  \
    X(bool, bool) X(int32, int32_t) X(int64, int64_t) X(double, double) X(date, weir_date) X(time, weir_time) \
    X(timetz, weir_timetz) X(timestamp, weir_timestamp) X(timestamptz, weir_timestamptz)                      \
    X(interval, weir_interval) X(uuid, weir_uuid)
/* These have NULL in their type: a NULL ptr or pointer is SQL NULL, no error. */
#define WEIR_ROW_NULLABLE_GETTERS(X)                                                                         \
    X(text, weir_text) X(cstr, const char *) X(blob, weir_blob) X(numeric, weir_numeric) X(array, const weir_array *)
#define WEIR_ROW_GETTER_(name, type)                                        \
    WEIR_API type weir_row_##name(const weir_row *row, const char *column); \
    WEIR_API type weir_row_##name##_at(const weir_row *row, int index);
#define WEIR_ROW_OPT_GETTER_(name, type)                                                    \
    WEIR_API weir_opt_##name weir_row_opt_##name(const weir_row *row, const char *column);  \
    WEIR_API weir_opt_##name weir_row_opt_##name##_at(const weir_row *row, int index);
WEIR_ROW_GETTERS(WEIR_ROW_GETTER_)
WEIR_ROW_NULLABLE_GETTERS(WEIR_ROW_GETTER_)
WEIR_ROW_GETTERS(WEIR_ROW_OPT_GETTER_)
#undef WEIR_ROW_GETTER_
#undef WEIR_ROW_OPT_GETTER_

/* A copy of the row in a block of its own, with all its values: the caller's, until weir_row_release. It outlives result,
 * connection and engine, and keeps errors of reading it for itself. NULL without memory (kept in the result). */
WEIR_API const weir_row *weir_row_retain(const weir_row *row);
/* Frees a retained row, never one that a result lent. Sets *row to NULL; NULL is fine. */
WEIR_API void weir_row_release(const weir_row **row);
/* Where errors of reading this row go: its result's, or a retained row's own. Never NULL; status WEIR_OK if there was none. */
WEIR_API const weir_error *weir_row_error(const weir_row *row);

#ifdef __cplusplus
}
#endif
#endif
