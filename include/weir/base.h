/* weir/base.h: statuses and errors, switches, version, the allocator, memory figures and the log.
 *
 * Conventions of every header of weir:
 *   - A function that returns int gives WEIR_OK (0) or one of the negative statuses below.
 *   - Handles are opaque. A function that makes a handle never returns NULL: when it fails, the handle that it
 *     returns carries the error, each later call on it does nothing but give that error again, and closing it
 *     returns the status. When there was no memory for a handle either, a constant object stands for it.
 *   - Closing sets the caller's pointer to a constant "closed" object, on which every call gives WEIR_RESOURCE_CLOSED or, where it
 *     returns no status, what says nothing (0, NULL, false, ""). Closing it again is WEIR_OK and does nothing, as is closing NULL;
 *     only a writer closed again says WEIR_RESOURCE_CLOSED, since there is no file that it could vouch for.
 *   - Pointers that are returned are borrowed unless the function says that they are the caller's.
 *   - Every call can also fail with WEIR_OUT_OF_MEMORY, and in a forked child with WEIR_INVALID_REQUEST; the headers say so
 *     only where there is more to say. No call ends the program, waits for a key or installs a signal handler.
 *   - What takes no handle may be called by any thread. Handles: each header says.
 *   - Text is UTF-8; lengths are bytes; durations are milliseconds unless the name says otherwise.
 *   - In option structs 0 (NULL, WEIR_UNSET) means "the default"; WEIR_ZERO means zero where zero is not the default. */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define WEIR_API __attribute__((visibility("default")))
#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF_(text, first) __attribute__((format(printf, text, first)))
#else
#define WEIR_API
#define WEIR_MUST_CHECK
#define WEIR_PRINTF_(text, first)
#endif

/* ---- version ----------------------------------------------------------------------------------------------------- */
#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0
#define WEIR_VERSION_TEXT "0.1.0"

/* The version of the library that runs (the macros above are those of the headers compiled against), e.g. "0.1.0".
 * A constant; any thread. */
WEIR_API const char *weir_version(void);
/* The versions of the libraries that do run underneath, as "SQLite 3.40.1, libpq 15.8, OpenSSL 3.0.14, zstd 1.5.4" (snappy tells
 * none). Written as snprintf does it: cut where `size` ends, the whole text's length is returned. Any thread. */
WEIR_API size_t weir_library_versions(char *buffer, size_t size);

/* ---- statuses ---------------------------------------------------------------------------------------------------- *
 * X(NAME, number, PARENT, "the class's name in words"). The numbers never change. The classes and their is-a tree are
 * SQLAlchemy's (sqlalchemy.exc), plus weir's own: out of memory, budget exceeded, cancelled, i/o, would block, mapping. */
#define WEIR_STATUS_LIST(X)                                                                       \
    X(OUT_OF_MEMORY,            -1, ERROR,            "out of memory")                            \
    X(ERROR,                    -2, OK,               "error")                                    \
    X(BUDGET_EXCEEDED,          -3, ERROR,            "budget exceeded")                          \
    X(CANCELLED,                -4, ERROR,            "cancelled")                                \
    X(IO,                       -5, ERROR,            "i/o error")                                \
    X(WARNING,                  -6, ERROR,            "warning")                                  \
    X(ARGUMENT,                -10, ERROR,            "argument error")                           \
    X(OUT_OF_RANGE,            -11, ARGUMENT,         "out of range")                             \
    X(MAPPING,                 -12, ARGUMENT,         "mapping error")                            \
    X(NO_FOREIGN_KEYS,         -13, ARGUMENT,         "no foreign keys")                          \
    X(AMBIGUOUS_FOREIGN_KEYS,  -14, ARGUMENT,         "ambiguous foreign keys")                   \
    X(COMPILE,                 -20, ERROR,            "compile error")                            \
    X(TIMEOUT,                 -21, ERROR,            "pool timeout")                             \
    X(STALE_DATA,              -22, ERROR,            "stale data")                               \
    X(DETACHED_INSTANCE,       -23, ERROR,            "detached instance")                        \
    X(FLUSH,                   -24, ERROR,            "flush error")                              \
    X(INVALID_REQUEST,         -30, ERROR,            "invalid request")                          \
    X(RESOURCE_CLOSED,         -31, INVALID_REQUEST,  "resource closed")                          \
    X(PENDING_ROLLBACK,        -32, INVALID_REQUEST,  "pending rollback")                         \
    X(NO_RESULT_FOUND,         -33, INVALID_REQUEST,  "no result found")                          \
    X(MULTIPLE_RESULTS_FOUND,  -34, INVALID_REQUEST,  "multiple results found")                   \
    X(NO_SUCH_COLUMN,          -35, INVALID_REQUEST,  "no such column")                           \
    X(AMBIGUOUS_COLUMN,        -36, INVALID_REQUEST,  "ambiguous column")                         \
    X(WOULD_BLOCK,             -37, INVALID_REQUEST,  "would block")                              \
    X(ASYNC_METHOD_REQUIRED,   -38, INVALID_REQUEST,  "async method required")                    \
    X(OBJECT_DELETED,          -39, INVALID_REQUEST,  "object deleted")                           \
    X(UNMAPPED,                -40, INVALID_REQUEST,  "unmapped")                                 \
    X(STATEMENT,               -50, ERROR,            "statement error")                          \
    X(DBAPI,                   -51, STATEMENT,        "driver error")                             \
    X(INTERFACE,               -52, DBAPI,            "interface error")                          \
    X(DATABASE,                -53, DBAPI,            "database error")                           \
    X(DATA,                    -54, DATABASE,         "data error")                               \
    X(OPERATIONAL,             -55, DATABASE,         "operational error")                        \
    X(QUERY_CANCELED,          -56, OPERATIONAL,      "query canceled")                           \
    X(DEADLINE_EXCEEDED,       -57, OPERATIONAL,      "deadline exceeded")                        \
    X(INTEGRITY,               -58, DATABASE,         "integrity error")                          \
    X(INTERNAL,                -59, DATABASE,         "internal error")                           \
    X(PROGRAMMING,             -60, DATABASE,         "programming error")                        \
    X(NOT_SUPPORTED,           -61, DATABASE,         "not supported")

typedef enum weir_status {
    WEIR_OK = 0,
#define WEIR_STATUS_ENUM_(name, number, parent, words) WEIR_##name = number,
    WEIR_STATUS_LIST(WEIR_STATUS_ENUM_)
#undef WEIR_STATUS_ENUM_
    WEIR_STATUS_LAST_ = -61
} weir_status;

/* Whether `status` is `kind` or one of the classes below it, to any depth: a WEIR_RESOURCE_CLOSED is a
 * WEIR_INVALID_REQUEST is a WEIR_ERROR. False for WEIR_OK (unless kind is WEIR_OK) and for numbers that are no status. */
WEIR_API bool weir_status_is(int status, int kind);
/* The class's name in words ("resource closed"), "ok", or "unknown status". A constant. */
WEIR_API const char *weir_status_name(int status);

/* What went wrong, in a fixed-size struct that lives in a handle: it needs no memory to fill and is valid as long as its
 * handle. Texts that do not apply are empty. Texts longer than their member are cut at a character's end. */
typedef struct weir_error {
    int     status;             /* WEIR_OK: no error */
    bool    disconnect;         /* the connection is lost; the pool will replace it */
    char    sqlstate[6];        /* PostgreSQL's five characters; SQLite's extended result code in decimals */
    int32_t position;           /* 1-based character in the SQL text as it was sent, or 0 */
    int64_t row;                /* 1-based row of the result, or 0 */
    char    message[640];
    char    detail[512];
    char    hint[256];
    char    constraint[64];
    char    column[64];
    char    sql[256];           /* the beginning of the statement's text: as it was sent ($1, ?1 for parameters), or as it was
                                   given where it failed before */
} weir_error;

/* Writes "class: message (detail; hint)" on one line into `buffer` (always ended by a NUL when size > 0; NULL is fine when
 * size is 0), control characters as spaces. Returns the length that the whole text has, as snprintf does. */
WEIR_API size_t weir_error_format(const weir_error *error, char *buffer, size_t size);

/* ---- switches ---------------------------------------------------------------------------------------------------- */
typedef enum weir_switch { WEIR_UNSET = 0, WEIR_ON, WEIR_OFF } weir_switch;
enum { WEIR_ZERO = -2147483647 };       /* "zero", in an option where 0 means the default */

/* ---- the allocator and the ledger -------------------------------------------------------------------------------- *
 * Every byte that weir itself takes is counted in a ledger, a tree: the process, an engine, a stream. What SQLite, OpenSSL,
 * libpq and snappy hold is theirs and not in it (docs/benchmarks.md states how much that is). */
typedef struct weir_allocator {
    void *(*allocate)(size_t size, void *context);                 /* NULL: no memory */
    void *(*resize)(void *block, size_t size, void *context);      /* as realloc; the block stays when NULL is returned */
    void  (*release)(void *block, void *context);
    void  *context;
} weir_allocator;

/* Replaces malloc, realloc and free for all of weir. Only before the library's first allocation and from one thread
 * (WEIR_INVALID_REQUEST later); the struct is copied, its functions are called by any thread. WEIR_ARGUMENT: one is missing. */
WEIR_API int weir_set_allocator(const weir_allocator *allocator);

typedef enum weir_purpose {
    WEIR_MEMORY_HANDLES = 0,    /* engines, connections, results and their tables */
    WEIR_MEMORY_NETWORK,        /* socket buffers, batches taken raw */
    WEIR_MEMORY_BATCH,          /* rows and their values */
    WEIR_MEMORY_STATEMENTS,     /* statements, prepared or being built */
    WEIR_MEMORY_OUTPUT,         /* writers of files */
    WEIR_MEMORY_STACKS,         /* of tasks */
    WEIR_MEMORY_PURPOSES_
} weir_purpose;

typedef struct weir_memory_figures {
    size_t  bytes, peak_bytes;                          /* now, and the most there ever was */
    size_t  by_purpose[WEIR_MEMORY_PURPOSES_];          /* now */
    int64_t allocations;                                /* calls of allocate and resize since the start */
} weir_memory_figures;

/* What all of weir holds in this process. Any thread; figures of one moment may be a few bytes apart. */
WEIR_API void weir_memory_usage(weir_memory_figures *out);

/* ---- the log ----------------------------------------------------------------------------------------------------- */
typedef enum weir_log_kind {
    WEIR_LOG_STATEMENT = 1,     /* a statement that the program asked for, as it is about to be sent */
    WEIR_LOG_ROUND_TRIP,        /* an exchange with the server: message says what ("open", "fetch", "close", "begin", …) */
    WEIR_LOG_CONNECT,           /* the pool opened a connection */
    WEIR_LOG_DISCONNECT,        /* the pool closed one */
    WEIR_LOG_WARNING,           /* weir's own warnings */
    WEIR_LOG_NOTICE,            /* a notice of the server */
    WEIR_LOG_SLOW_CHECKOUT      /* a connection is held longer than checkout_limit_ms; message says by whom */
} weir_log_kind;

typedef struct weir_log_event {
    weir_log_kind kind;
    const char   *message;      /* the SQL text, or what happened; never NULL */
    const char   *parameters;   /* of a statement: "name=value, …" on one line, long values cut; else "" */
    int64_t       rows;         /* of a fetch: rows asked for (0: all); else 0 */
    int64_t       connection;   /* a number that tells connections of one engine apart; 0: none yet */
} weir_log_event;

/* Called on the thread that does the work, between two steps of it: must not call weir on the same handle. The event and
 * its texts are valid during the call only. */
typedef void (*weir_log_fn)(const weir_log_event *event, void *context);

#ifdef __cplusplus
}
#endif
#endif
