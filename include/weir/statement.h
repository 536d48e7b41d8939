/* weir/statement.h: statements, their parameters and their execution options.
 *
 * A statement is built by one thread at a time and may be executed any number of times, on any engine, between builds by several
 * threads at once. Builders return
 * nothing: the first mistake is kept in the statement and is the error of each execution (weir_stmt_error shows it early). */
#ifndef WEIR_STATEMENT_H
#define WEIR_STATEMENT_H
#include <weir/base.h>
#include <weir/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_stmt weir_stmt;

/* Textual SQL with named parameters: SQLAlchemy's text(). `:name` is a parameter (letters, digits, underscore), sent to
 * the server as a real parameter; the same name twice is one value; `\:` is a plain colon; `::type` casts, quoted strings,
 * quoted identifiers, dollar quotes and comments are left alone. One statement only; trailing semicolons and comments are
 * fine. The text is copied. Free with weir_stmt_free. Never NULL. Errors (kept): WEIR_ARGUMENT for NULL or a NUL in the text; what the
 * text holds is looked at when it is executed. */
WEIR_API weir_stmt *weir_sql(const char *sql);
WEIR_API weir_stmt *weir_sql_n(const char *sql, size_t length);     /* the same from `length` bytes */

/* An independent statement with the same text, values and options, and with the mistake that was made, if any. The caller's. */
WEIR_API weir_stmt *weir_stmt_copy(const weir_stmt *stmt);
/* Frees the statement and sets *stmt to a constant closed one. NULL and closed ones are fine. Results that were made from
 * it are not affected: execution copies what it needs. */
WEIR_API void weir_stmt_free(weir_stmt **stmt);
/* The first mistake made in building, or an error with status WEIR_OK. Valid until the statement is freed. */
WEIR_API const weir_error *weir_stmt_error(const weir_stmt *stmt);

/* Gives the parameter `name` its value, copied with all that it points to; later values replace earlier ones.
 * WEIR_ARGUMENT (kept): the text has no such parameter ("This text() construct doesn't define a bound parameter named 'x'"),
 * or a numeric that is none. Whether the database can take the value shows when it is executed (WEIR_DATA, before it is sent):
 * PostgreSQL converts exactly to the type that it inferred, SQLite keeps what it can (docs/reference.md). */
WEIR_API void weir_bind(weir_stmt *stmt, const char *name, weir_value value);
/* An expanding parameter, as in `id IN :ids`: becomes a list of `count` parameters in parentheses, `(NULL)`-like empty list
 * when count is 0 (then IN is false and NOT IN is true). The values are copied. Errors as weir_bind; too many values for the
 * database (65,535 parameters on PostgreSQL, 32,766 on SQLite as it is built usually) are an error of the execution. */
WEIR_API void weir_bind_list(weir_stmt *stmt, const char *name, const weir_value *values, size_t count);
#ifndef __cplusplus
/* weir_bind with the value made from the C type: WEIR_BIND(query, "tenant_id", 42). */
#define WEIR_BIND(stmt, name, ...) weir_bind((stmt), (name), WEIR_VALUE(__VA_ARGS__))
#endif

/* How many different parameters the text names, and the name of the index-th (0-based, in order of first appearance; NULL
 * when there is none). The names live as long as the statement. */
WEIR_API size_t weir_stmt_parameter_count(const weir_stmt *stmt);
WEIR_API const char *weir_stmt_parameter_name(const weir_stmt *stmt, size_t index);

/* Names and types for the result's columns by position (text().columns()). The names are found besides those of the SQL;
 * a value that does not fit its declared type exactly is WEIR_DATA. More columns declared than returned: a warning,
 * fewer: fine. `columns` is copied. Errors (kept): WEIR_ARGUMENT for an unknown type. */
typedef struct weir_declared_column { const char *name; weir_type type; } weir_declared_column;   /* WEIR_T_NULL: as it comes */
WEIR_API void weir_sql_columns(weir_stmt *stmt, const weir_declared_column *columns, size_t count);

/* ---- execution options -------------------------------------------------------------------------------------------
 * Weakest to strongest: the statement's, the engine's, the connection's, the call's. */
typedef enum weir_cursor_mode {
    WEIR_CURSOR_DEFAULT = 0,    /* portal */
    WEIR_CURSOR_PORTAL,         /* PostgreSQL: Execute with a row limit (protocol 3.0, extended query) */
    WEIR_CURSOR_DECLARE,        /* PostgreSQL: DECLARE, FETCH: for poolers and engines without portal row limits */
    WEIR_CURSOR_HOLD            /* PostgreSQL: DECLARE … WITH HOLD: outlives its transaction, and the server materialises
                                   the whole result at commit. SQLite knows no such thing: WEIR_NOT_SUPPORTED */
} weir_cursor_mode;

typedef enum weir_isolation {
    WEIR_ISOLATION_DEFAULT = 0,
    WEIR_READ_UNCOMMITTED, WEIR_READ_COMMITTED, WEIR_REPEATABLE_READ, WEIR_SERIALIZABLE, WEIR_AUTOCOMMIT
} weir_isolation;

typedef struct weir_execution_options {
    size_t           struct_size;
    weir_switch      stream_results;    /* rows come from the server as they are asked for; the buffer grows to max_row_buffer */
    int64_t          max_row_buffer;    /* most rows held when streaming without yield_per; default 1000 */
    int64_t          yield_per;         /* batch size in rows: streams, with a fixed buffer of so many. 0: not set; < 0: WEIR_ARGUMENT */
    weir_switch      prefetch;          /* PostgreSQL: have the next batch on its way while this one is read; default on with yield_per */
    weir_switch      parallel_plan;     /* PostgreSQL: let the plan use parallel workers: one unlimited, buffered Execute */
    weir_cursor_mode cursor_mode;
    weir_switch      prepared;          /* PostgreSQL: by name, once per connection; off leaves none behind. Default: on, but off where a
                                           pooler is found to be in between, which may give each transaction another session */
    weir_switch      strict_loading;    /* subqueryload with yield_per is WEIR_INVALID_REQUEST, as in SQLAlchemy; default off */
    /* of connections and engines only; WEIR_ARGUMENT on a statement or a call */
    weir_isolation   isolation_level;
    const char      *isolation_level_name;  /* the same by name, "REPEATABLE READ", "repeatable_read"; unknown: WEIR_ARGUMENT */
    weir_switch      read_only;         /* transactions begin READ ONLY (SQLite: PRAGMA query_only) */
    /* of all again */
    int64_t          timeout_ms;        /* longest wait of one call for the database: of the execution, from its start, and of each fetch
                                           of a further batch. Then the query is cancelled at the server (SQLite: interrupted), and the
                                           call gives WEIR_DEADLINE_EXCEEDED; the connection is usable after a rollback, unless the
                                           error says `disconnect`: the server did not answer that within two seconds. 0: not set;
                                           -1: none; else < 0: WEIR_ARGUMENT. Waiting for a free connection does not count. Loads of
                                           relationships are statements of their own: set it for their session or engine */
    /* A bound in bytes on what a stream holds: network buffers, rows, what was read ahead, instances and what their relationships load.
     * Streams as yield_per does, in batches that end before they would take more; with yield_per, too, whichever ends a batch first.
     * 0: not set; WEIR_ZERO: none; less than WEIR_MEMORY_LEAST: WEIR_ARGUMENT. What is too small for the statement's own buffers is
     * WEIR_ARGUMENT at the execution, and the text has the smallest number that is not. A row that does not fit is
     * WEIR_BUDGET_EXCEEDED with its number and, where it was read, its key; connection and transaction stay usable. SQLite's own
     * memory and what the program retains do not count (docs/how-to/memory-budgets.md) */
    int64_t          memory;
    weir_switch      spill;             /* with memory: what another statement on the connection finds unread, and the budget has no room for,
                                           goes to an unlinked file in TMPDIR; off: the stream ends in WEIR_BUDGET_EXCEEDED; default on */
} weir_execution_options;
enum { WEIR_MEMORY_LEAST = 64 * 1024 };         /* bytes */
/* A pointer to options given by name, alive to the end of the enclosing block. C++: fill a zeroed struct, set struct_size. */
#define WEIR_EXECUTION_OPTIONS(...) \
    (&(const weir_execution_options){ .struct_size = sizeof(weir_execution_options), __VA_ARGS__ })

/* Merges options into the statement's: what is set in `options` wins. Copied; NULL changes nothing. Errors (kept): WEIR_ARGUMENT for
 * a negative number of rows, and for what only connections have. */
WEIR_API void weir_stmt_options(weir_stmt *stmt, const weir_execution_options *options);
/* The statement's own options as they are now. */
WEIR_API void weir_stmt_get_options(const weir_stmt *stmt, weir_execution_options *out);
WEIR_API void weir_yield_per(weir_stmt *stmt, int64_t rows);        /* shorthand; 0 takes it back; < 0: WEIR_ARGUMENT, kept */
/* Shorthand for the option memory; 0 takes it back; less than WEIR_MEMORY_LEAST: WEIR_ARGUMENT, kept. */
WEIR_API void weir_memory(weir_stmt *stmt, size_t bytes);
/* Shorthands, too: WEIR_UNSET and 0 take them back. */
WEIR_API void weir_stream_results(weir_stmt *stmt, weir_switch on);
WEIR_API void weir_max_row_buffer(weir_stmt *stmt, int64_t rows);

#ifdef __cplusplus
}
#endif
#endif
