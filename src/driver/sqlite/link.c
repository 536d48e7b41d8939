/* Connections to SQLite: opening and closing them, and the machine that hands their blocking work out to the engine. */
#include "base/error.h"
#include "driver/sqlite/lite.h"
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#define OLDEST_VERSION 3035000
#define LONGEST_LOCK_PAUSE_MS 50
#define WATCH_INSTRUCTIONS 2000         /* of SQLite's machine, between two looks at the cancel flag */

static const char begin_read_only[] = "PRAGMA query_only=1; BEGIN";

static weir_lite_link *lite(weir_link *link) { return (weir_lite_link *)link; }

/* ---- dialling -------------------------------------------------------------------------------------------------------- */
/* SQLite waits for no lock by itself (RULES T4): advance has the engine wait, on a timer, and runs the work again. */
static int note_lock(void *context, int calls)
{
    weir_lite_link *link = context;
    (void)calls;
    link->met_lock = true;
    return 0;
}

/* "unable to open database file" is all that SQLite says. */
static int report_open(weir_error *error, sqlite3 *db, int code, const weir_dial_plan *plan, int flags)
{
    const char *path = plan->url.path;
    char buffer[128];
    struct stat about;
    if ((code & 0xFF) != SQLITE_CANTOPEN) {
        weir_lite_error(error, db, code, NULL);
        weir_error_context(error, "cannot open '%s'", path);
        return error->status;
    }
    int system = stat(path, &about) != 0 ? errno : S_ISDIR(about.st_mode) ? EISDIR : db ? sqlite3_system_errno(db) : 0;
    weir_error_set(error, WEIR_OPERATIONAL, "cannot open '%s': %s", path,
                   system ? weir_error_of_system(system, buffer, sizeof buffer) : sqlite3_errstr(code));
    snprintf(error->sqlstate, sizeof error->sqlstate, "%d", code & 0xFFFF);
    if (system == ENOENT && !(flags & SQLITE_OPEN_CREATE))
        snprintf(error->hint, sizeof error->hint, "the file does not exist; mode=rwc would create it");
    else if (system == ENOENT)
        snprintf(error->hint, sizeof error->hint, "the directory does not exist");
    return error->status;
}

static int check_library(weir_error *error)
{
    if (sqlite3_libversion_number() < OLDEST_VERSION)
        return weir_error_set(error, WEIR_NOT_SUPPORTED, "SQLite %s is too old: weir needs 3.35 or later", sqlite3_libversion());
    if (!sqlite3_threadsafe())
        return weir_error_set(error, WEIR_NOT_SUPPORTED, "this SQLite was built without support for threads");
    return WEIR_OK;
}

static int open_file(weir_lite_link *link, const weir_dial_plan *plan, int flags, weir_error *error)
{
    char plain[4096];
    const char *path = plan->in_memory ? ":memory:" : plan->url.path;
    if (!strncasecmp(path, "file:", 5)) {               /* where SQLite was built to take URIs everywhere, this is none */
        if ((size_t)snprintf(plain, sizeof plain, "./%s", path) >= sizeof plain)
            return weir_error_set(error, WEIR_OPERATIONAL, "the path '%s' is too long", path);
        path = plain;
    }
    int code = sqlite3_open_v2(path, &link->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return report_open(error, link->db, link->db ? sqlite3_extended_errcode(link->db) : code, plan, flags);
    sqlite3_extended_result_codes(link->db, 1);
    return WEIR_OK;
}

/* SQLite looks into the file only when it must: make it look now, so that what is no database fails here. A lock is no
 * failure: the first statement waits for it. */
static int look_inside(weir_lite_link *link, const weir_dial_plan *plan, int flags, weir_error *error)
{
    sqlite3_busy_timeout(link->db, 0);
    int code = sqlite3_exec(link->db, "PRAGMA schema_version", NULL, NULL, NULL);
    return code == SQLITE_OK || (code & 0xFF) == SQLITE_BUSY ? WEIR_OK : report_open(error, link->db, code, plan, flags);
}

static int keep_truth(void *truth, int count, char **values, char **names)
{
    (void)names;
    *(bool *)truth = count > 0 && values[0] && values[0][0] == '1';
    return 0;
}

static int set_read_only(weir_lite_link *link, const weir_dial_plan *plan, weir_error *error)
{
    const char *sql = plan->read_only ? "PRAGMA query_only=1; PRAGMA query_only" : "PRAGMA query_only";
    int code = sqlite3_exec(link->db, sql, keep_truth, &link->always_read_only, NULL);
    return code == SQLITE_OK ? WEIR_OK : weir_lite_error(error, link->db, code, sql);
}

/* Finds out how far apart the values of a row lie; leaves 0 when they are not side by side. */
static int measure_values(weir_lite_link *link, weir_error *error)
{
    static const char sql[] = "SELECT 1, 'a', 2, 'b', 3, 'c', 4, 'd'";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(link->db, sql, (int)sizeof sql, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        uintptr_t first = (uintptr_t)sqlite3_column_value(statement, 0);
        uintptr_t apart = (uintptr_t)sqlite3_column_value(statement, 1) - first;
        link->values_apart = apart <= 256 ? apart : 0;
        for (int i = 2; i < 8; i++)
            if ((uintptr_t)sqlite3_column_value(statement, i) != first + (uintptr_t)i * apart)
                link->values_apart = 0;
        code = SQLITE_OK;
    }
    int status = code == SQLITE_OK ? WEIR_OK : weir_lite_error(error, link->db, code, sql);
    sqlite3_finalize(statement);
    return status;
}

static int64_t dial_ends(const weir_dial_plan *plan, int busy_timeout_ms, const weir_dial_watch *watch)
{
    int ms = plan->connect_timeout_ms > 0 && plan->connect_timeout_ms < busy_timeout_ms ? plan->connect_timeout_ms : busy_timeout_ms;
    int64_t ends = weir_deadline_ms(ms);
    return watch && watch->deadline < ends ? watch->deadline : ends;
}

/* Nothing here waits for a lock: a worker thread would sleep (RULES T4). Whoever dials does, and dials again. */
static void note_lock_in_dial(const weir_lite_link *link, const weir_dial_plan *plan, int busy_timeout_ms, weir_dial_watch *watch, int status)
{
    if (!watch)
        return;
    watch->locked = status != WEIR_OK && (sqlite3_errcode(link->db) & 0xFF) == SQLITE_BUSY;
    if (watch->locked && watch->patience_ends == 0)
        watch->patience_ends = dial_ends(plan, busy_timeout_ms, watch);
}

static int set_up(weir_lite_link *link, const weir_dial_plan *plan, weir_dial_watch *watch, weir_error *error)
{
    weir_lite_settings settings;
    int status = weir_lite_read_settings(plan, &settings, error);
    if (status == WEIR_OK)
        status = open_file(link, plan, settings.open_flags, error);
    if (status == WEIR_OK) {
        status = weir_lite_apply_settings(link->db, plan, error);
        note_lock_in_dial(link, plan, settings.busy_timeout_ms, watch, status);
    }
    if (status == WEIR_OK)
        status = look_inside(link, plan, settings.open_flags, error);
    if (status == WEIR_OK)
        status = set_read_only(link, plan, error);
    if (status == WEIR_OK)
        status = measure_values(link, error);
    if (status == WEIR_OK) {
        link->busy_timeout_ms = settings.busy_timeout_ms;
        sqlite3_busy_handler(link->db, note_lock, link);
    }
    return status;
}

static void hang_up(weir_link *base)
{
    weir_lite_link *link = lite(base);
    sqlite3_close_v2(link->db);         /* the engine forgot its cursors before; statements of SQLite's modules (FTS) are theirs to end */
    weir_free(link);
}

static int dial(const weir_dial_plan *plan, weir_dial_watch *watch, weir_link **out, weir_error *error)
{
    *out = NULL;
    int status = check_library(error);
    if (status != WEIR_OK)
        return status;
    weir_lite_link *link = weir_alloc_zero(plan->ledger, WEIR_MEMORY_HANDLES, sizeof *link);
    if (!link)
        return weir_error_out_of_memory(error);
    link->base.driver = &weir_driver_sqlite;
    link->base.ledger = plan->ledger;
    status = set_up(link, plan, watch, error);
    if (status != WEIR_OK) {
        hang_up(&link->base);
        return status;
    }
    *out = &link->base;
    return WEIR_OK;
}

/* SQLite's own part stays: closing it in a forked child could delete the parent's WAL, and SQLite forbids it. */
static void abandon(weir_link *link) { weir_free(link); }

/* ---- errors ---------------------------------------------------------------------------------------------------------- */
/* An interrupted connection refuses every statement as long as one of those that ran then is open. End them all now; their
 * cursors find out at their next fetch. */
static void end_statements(weir_lite_link *link)
{
    for (sqlite3_stmt *statement = NULL; (statement = sqlite3_next_stmt(link->db, statement)) != NULL; )
        if (sqlite3_stmt_busy(statement))
            sqlite3_reset(statement);
}

int weir_lite_failed(weir_lite_link *link, int code, const char *sql)
{
    int status = weir_lite_error(&link->base.error, link->db, code, sql);
    if (status == WEIR_QUERY_CANCELED)
        end_statements(link);
    return (code & 0xFF) == SQLITE_BUSY && link->met_lock ? WEIR_LITE_BUSY : status;
}

int weir_lite_cancelled(weir_lite_link *link)
{
    end_statements(link);
    return weir_error_set(&link->base.error, WEIR_QUERY_CANCELED, "%s", sqlite3_errstr(SQLITE_INTERRUPT));
}

bool weir_lite_must_stop(const weir_link *link)
{
    return atomic_load_explicit(&link->cancelled, memory_order_relaxed) || (link->limit && weir_now() >= link->limit);
}

static int look_at_cancel(void *context) { return weir_lite_must_stop(context); }

void weir_lite_watch_cancel(weir_lite_link *link, bool on)
{
    sqlite3_progress_handler(link->db, on ? WATCH_INSTRUCTIONS : 0, on ? look_at_cancel : NULL, link);
}

int weir_lite_execute(weir_lite_link *link, const char *sql)
{
    link->met_lock = false;
    int code = sqlite3_exec(link->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? WEIR_OK : weir_lite_failed(link, code, sql);
}

/* ---- the machine ------------------------------------------------------------------------------------------------------ */
int weir_lite_start(weir_lite_link *link, weir_lite_work_fn work, const char *what, int64_t rows)
{
    const weir_link_listener *listener = &link->base.listener;
    if (link->begin[0] && listener->round_trip)
        listener->round_trip(listener->context, "begin", 0);
    if (what && listener->round_trip)
        listener->round_trip(listener->context, what, rows);
    weir_error_clear(&link->base.error);
    link->work = work;
    link->rows = rows;
    link->lock_waits = 0;
    link->stage = WEIR_LITE_READY;
    return WEIR_OK;
}

/* The BEGIN that waits for the next operation. */
static int run_begin(weir_lite_link *link)
{
    bool read_only = !strcmp(link->begin, begin_read_only);
    int status = weir_lite_execute(link, read_only && link->always_read_only ? "BEGIN" : link->begin);
    link->read_only_transaction = read_only && !link->always_read_only;
    if (status != WEIR_LITE_BUSY)
        link->begin[0] = 0;
    return status;
}

/* On whichever thread the engine chose. */
static void run_work(void *argument)
{
    weir_lite_link *link = argument;
    link->result = link->begin[0] ? run_begin(link) : WEIR_OK;
    if (link->result == WEIR_OK)
        link->result = link->work(link);
    bool idle = sqlite3_get_autocommit(link->db) != 0;
    if (idle && link->read_only_transaction && sqlite3_exec(link->db, "PRAGMA query_only=0", NULL, NULL, NULL) == SQLITE_OK)
        link->read_only_transaction = false;
    link->base.transaction = idle ? WEIR_LINK_IDLE : WEIR_LINK_IN_TRANSACTION;
}

/* Whether to try again, and when. */
static bool wait_for_lock(weir_lite_link *link, weir_want *want)
{
    int64_t now = weir_now();
    if (link->lock_waits == 0)
        link->patience_ends = now + link->busy_timeout_ms * INT64_C(1000000);
    if (now >= link->patience_ends)
        return false;
    int64_t pause = link->lock_waits < 6 ? INT64_C(1) << link->lock_waits : LONGEST_LOCK_PAUSE_MS;
    int64_t next = now + pause * 1000000;
    link->lock_waits++;
    *want = (weir_want){ .fd = -1, .deadline = next < link->patience_ends ? next : link->patience_ends, .soft = true,
                         .cancelled = &link->base.cancelled };
    return true;
}

static int advance(weir_link *base, weir_want *want)
{
    weir_lite_link *link = lite(base);
    if (link->stage == WEIR_LITE_RAN && link->result == WEIR_LITE_BUSY) {
        if (weir_lite_must_stop(base))
            link->result = weir_lite_cancelled(link);
        else if (!wait_for_lock(link, want))
            link->result = base->error.status;
        else {
            link->stage = WEIR_LITE_READY;
            return WEIR_WANTS;
        }
        if (link->cursor)
            weir_lite_forget(base, &link->cursor->base);
    }
    if (link->stage == WEIR_LITE_READY) {
        *want = (weir_want){ .fd = -1, .deadline = WEIR_NO_DEADLINE, .work = run_work, .argument = link,
                             .cancelled = &base->cancelled };
        link->stage = WEIR_LITE_RAN;
        return WEIR_WANTS;
    }
    bool ran = link->stage == WEIR_LITE_RAN;
    link->stage = WEIR_LITE_IDLE;
    link->cursor = NULL;
    return ran && link->result != WEIR_OK ? link->result : WEIR_DONE;
}

/* ---- operations without a cursor --------------------------------------------------------------------------------------- */
/* Whether it ends the transaction as a whole, other than ROLLBACK TO a savepoint. */
static bool is_rollback(const char *sql)
{
    return !strncasecmp(sql, "ROLLBACK", 8) && !strcasestr(sql, " TO ");
}

static int run_command(weir_lite_link *link)
{
    if (is_rollback(link->command)) {
        if (sqlite3_get_autocommit(link->db))           /* an error (a full disk, an interrupt) rolled back already */
            return WEIR_OK;
        end_statements(link);                           /* an interrupt meant for one of them must not stop the rollback */
        return weir_lite_execute(link, link->command);
    }
    if (weir_lite_must_stop(&link->base))
        return weir_lite_cancelled(link);
    weir_lite_watch_cancel(link, true);
    int status = weir_lite_execute(link, link->command);
    weir_lite_watch_cancel(link, false);
    return status;
}

static int command(weir_link *base, const char *sql)
{
    weir_lite_link *link = lite(base);
    link->cursor = NULL;
    link->command = sql;
    return weir_lite_start(link, run_command, "command", 0);
}

static int begin(weir_link *base, const char *sql)
{
    weir_lite_link *link = lite(base);
    if (strlen(sql) >= sizeof link->begin)
        return weir_error_set(&base->error, WEIR_ARGUMENT, "the text that begins a transaction is too long: %s", sql);
    strcpy(link->begin, sql);
    return WEIR_OK;
}

static int run_ping(weir_lite_link *link) { return weir_lite_execute(link, "SELECT 1"); }

static int ping(weir_link *base)
{
    lite(base)->cursor = NULL;
    return weir_lite_start(lite(base), run_ping, "ping", 0);
}

/* Nothing ever comes unasked from SQLite. */
static int do_listen(weir_link *base, int64_t deadline)
{
    (void)deadline;
    lite(base)->stage = WEIR_LITE_IDLE;
    return WEIR_OK;
}

/* All transactions of SQLite are serializable; there is nothing to say about it. */
static const char *begin_text(weir_isolation isolation, bool read_only, char *buffer, size_t size)
{
    (void)isolation;
    snprintf(buffer, size, "%s", read_only ? begin_read_only : "BEGIN");
    return buffer;
}

static int cancel(weir_link *base)
{
    sqlite3_interrupt(lite(base)->db);
    return WEIR_OK;
}

static int libraries(char *buffer, size_t size) { return snprintf(buffer, size, "SQLite %s", sqlite3_libversion()); }

static const char *const schemes[] = { "sqlite", NULL };

const weir_driver weir_driver_sqlite = {
    .name = "sqlite",
    .schemes = schemes,
    .dialect = &weir_dialect_sqlite,
    .stream_mode = WEIR_MODE_STEPPING,
    .cursor_size = sizeof(weir_lite_cursor),
    .check = weir_lite_check,
    .dial = dial,
    .hang_up = hang_up,
    .on_workers = true,
    .abandon = abandon,
    .command = command,
    .begin = begin,
    .prepare = weir_lite_prepare,
    .open = weir_lite_open,
    .fetch = weir_lite_fetch,
    .close = weir_lite_close,
    .drop = weir_lite_forget,
    .ping = ping,
    .listen = do_listen,
    .advance = advance,
    .read_ahead = NULL,
    .forget = weir_lite_forget,
    .run_page = weir_lite_run_page,
    .plan_cell = weir_lite_plan_cell,
    .begin_text = begin_text,
    .cancel = cancel,
    .cancel_is_immediate = true,
    .libraries = libraries,
};
