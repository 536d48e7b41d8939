/* The SQLite driver inside: its link and its cursor, and what its files need of one another. */
#ifndef WEIR_DRIVER_SQLITE_LITE_H
#define WEIR_DRIVER_SQLITE_LITE_H
#include <sqlite3.h>
#include <string.h>
#include "driver/driver.h"

#if SQLITE_VERSION_NUMBER >= 3037000
#define WEIR_LITE_CHANGES(db) sqlite3_changes64(db)
#else
#define WEIR_LITE_CHANGES(db) ((int64_t)sqlite3_changes(db))
#endif

/* What a piece of work gives besides WEIR_OK and the negative statuses: another connection holds a lock, and the same work
 * may be run again. link->base.error says "database is locked" already, in case the patience ends. */
enum { WEIR_LITE_BUSY = 1 };

typedef struct weir_lite_link weir_lite_link;
typedef struct weir_lite_cursor weir_lite_cursor;

/* SQLite can only block, so an operation is a function for the engine to run where blocking is fine. */
typedef int (*weir_lite_work_fn)(weir_lite_link *link);

typedef enum weir_lite_stage {
    WEIR_LITE_IDLE = 0,         /* nothing to do: advance says done */
    WEIR_LITE_READY,            /* advance hands the work out */
    WEIR_LITE_RAN               /* the work left its result */
} weir_lite_stage;

struct weir_lite_link {
    weir_link         base;
    sqlite3          *db;
    size_t            values_apart;     /* bytes between two values of a row, see step.c; 0: they do not lie side by side */
    /* the operation */
    weir_lite_stage   stage;
    weir_lite_work_fn work;
    weir_lite_cursor *cursor;           /* that it works on, or NULL */
    const char       *command;          /* SQL of a command */
    int64_t           rows;             /* asked for; 0: all */
    int               result;           /* of the work */
    weir_page_run    *page;             /* sets to execute the statement with */
    bool              page_guarded;     /* its savepoint is set */
    char              begin[64];        /* SQL to run in front of it; "" for none */
    /* waiting for a lock */
    int               busy_timeout_ms;
    bool              met_lock;         /* SQLite asked the busy handler during the last call: waiting can help */
    int               lock_waits;       /* of this operation */
    int64_t           patience_ends;
    /* PRAGMA query_only */
    bool              always_read_only;         /* since dialling */
    bool              read_only_transaction;    /* on for this transaction, off again behind it */
};

struct weir_lite_cursor {
    weir_cursor   base;
    sqlite3_stmt *statement;            /* from prepare until the last row, an error or close */
    bool          bound;
    bool          plain;                /* each column is a plain cell: no decode function needs to be called */
    bool          waits;                /* the row on which the statement stands was not taken: its batch was full */
    int64_t       rest;                 /* rows of the fetch that ended after a slice, still to come; 0: none */
    bool          own_transaction;      /* begun around this one statement, see step.c */
};

/* ---- link.c -------------------------------------------------------------------------------------------------------- */
/* Starts an operation; `what` is for the listener, NULL: not an exchange of its own. */
int weir_lite_start(weir_lite_link *link, weir_lite_work_fn work, const char *what, int64_t rows);
/* Runs SQL without rows or parameters. WEIR_OK, WEIR_LITE_BUSY, or a status with the link's error filled. */
int weir_lite_execute(weir_lite_link *link, const char *sql);
/* Fills the link's error from what SQLite says about `code`. WEIR_LITE_BUSY when waiting can help, else the status. */
int weir_lite_failed(weir_lite_link *link, int code, const char *sql);
/* While on, a cancel that comes before the statement runs is seen too: sqlite3_interrupt knows running ones only. */
void weir_lite_watch_cancel(weir_lite_link *link, bool on);
/* It was cancelled, or the operation's limit passed. On the thread that works. */
bool weir_lite_must_stop(const weir_link *link);
/* The link was cancelled: fills its error. */
int weir_lite_cancelled(weir_lite_link *link);

/* ---- step.c -------------------------------------------------------------------------------------------------------- */
int weir_lite_prepare(weir_link *link, weir_cursor *cursor);
int weir_lite_open(weir_link *link, weir_cursor *cursor, int64_t rows);
int weir_lite_fetch(weir_link *link, weir_cursor *cursor, int64_t rows);
int weir_lite_close(weir_link *link, weir_cursor *cursor);
void weir_lite_forget(weir_link *link, weir_cursor *cursor);
/* From the row on which the statement stands: places up to `limit` rows and steps between them, never beyond the last one wanted.
 * *code is SQLite's last: SQLITE_ROW when there may be more. WEIR_OK, or why a row found no place. */
int weir_lite_place_rows(weir_lite_cursor *cursor, int64_t limit, int *code);

/* ---- bind.c -------------------------------------------------------------------------------------------------------- */
/* Gives the statement its values. Texts and blobs are not copied: they live as long as the cursor. */
int weir_lite_bind(weir_lite_link *link, sqlite3_stmt *statement, const weir_compiled *compiled);
/* One of them; borrowed until the statement is bound anew. */
int weir_lite_bind_value(weir_lite_link *link, sqlite3_stmt *statement, int number, const char *name, const weir_value *value);

/* ---- sets.c -------------------------------------------------------------------------------------------------------- */
int weir_lite_run_page(weir_link *link, weir_page_run *run);

/* ---- decode.c ------------------------------------------------------------------------------------------------------ */
int weir_lite_plan_cell(weir_link *link, const weir_cursor *cursor, size_t column, weir_arena *arena, weir_step *step);
int weir_lite_decode_cell(weir_decode *decode, const weir_step *step, const void *source, size_t length, void *target);
/* What a column declared as `declared` (NULL: an expression) holds. */
weir_type weir_lite_declared_type(const char *declared);

/* ---- settings.c ---------------------------------------------------------------------------------------------------- */
typedef struct weir_lite_settings {
    int open_flags;
    int busy_timeout_ms;
} weir_lite_settings;
int weir_lite_check(weir_dial_plan *plan, weir_error *error);
/* Reads what check has approved. */
int weir_lite_read_settings(const weir_dial_plan *plan, weir_lite_settings *out, weir_error *error);
/* Runs the PRAGMAs of connect_args. */
int weir_lite_apply_settings(sqlite3 *db, const weir_dial_plan *plan, weir_error *error);

/* ---- errors.c ------------------------------------------------------------------------------------------------------ */
/* Fills *error from the connection's last failure (db NULL: there was no memory for one) of extended result code `code`;
 * `sql` may be NULL. Returns the status. */
int weir_lite_error(weir_error *error, sqlite3 *db, int code, const char *sql);
/* The status of an extended result code. */
int weir_lite_status(int code);

/* The rare part of the next. */
bool weir_lite_blob_cell(weir_arena *arena, sqlite3_value *value, weir_value *target, size_t *bytes);
/* One cell as it is stored: the hot path, so it is inlined into the step loop. Adds the value's bytes to *bytes.
 * False: no memory. SQLite calls a value got from sqlite3_column_value unprotected because another thread might use the
 * connection; one link is used by one thread at a time, so the sqlite3_value functions, cheaper than sqlite3_column's, are fine. */
static inline bool weir_lite_cell(weir_arena *arena, sqlite3_value *value, weir_value *target, size_t *bytes)
{
    int class = sqlite3_value_type(value);
    if (class == SQLITE_INTEGER) {
        target->type = WEIR_T_INT64;
        target->as.i = sqlite3_value_int64(value);
        *bytes += sizeof target->as.i;
        return true;
    }
    if (class == SQLITE_TEXT) {
        const void *text = sqlite3_value_text(value);       /* first: it may convert from UTF-16 */
        size_t length = (size_t)sqlite3_value_bytes(value);
        char *copy = text ? weir_arena_bytes(arena, length + 1) : NULL;
        if (!copy)
            return false;
        memcpy(copy, text, length + 1);                     /* SQLite's text ends with a NUL */
        target->type = WEIR_T_TEXT;
        target->as.text = (weir_text){ copy, length };
        *bytes += length;
        return true;
    }
    if (class == SQLITE_NULL) {
        target->type = WEIR_T_NULL;
        return true;
    }
    if (class == SQLITE_FLOAT) {
        target->type = WEIR_T_DOUBLE;
        target->as.d = sqlite3_value_double(value);
        *bytes += sizeof target->as.d;
        return true;
    }
    return weir_lite_blob_cell(arena, value, target, bytes);
}
#endif
