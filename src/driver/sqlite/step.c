/* Statements on SQLite: prepared, stepped row by row into the sink, and finalized with the last row. */
#include "base/values.h"
#include <stdio.h>
#include "driver/sqlite/lite.h"

#define ROWS_BETWEEN_LOOKS 256          /* at the cancel flag */

static weir_lite_cursor *lite(weir_cursor *cursor) { return (weir_lite_cursor *)cursor; }

static void finalize(weir_lite_cursor *cursor)
{
    sqlite3_finalize(cursor->statement);
    cursor->statement = NULL;
    cursor->bound = false;
    cursor->base.open = false;
}

/* ---- prepare ----------------------------------------------------------------------------------------------------------- */
static const char *copy_text(weir_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = weir_arena_bytes(arena, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static bool describe_column(const weir_lite_cursor *cursor, int index, weir_column_info *out)
{
    const char *name = sqlite3_column_name(cursor->statement, index);           /* NULL: no memory */
    const char *declared = sqlite3_column_decltype(cursor->statement, index);   /* NULL: an expression */
    out->name = name ? copy_text(cursor->base.arena, name) : NULL;
    out->database_type = copy_text(cursor->base.arena, declared ? declared : "");
    out->type = weir_lite_declared_type(declared);
    out->database_oid = 0;
    out->modifier = -1;
    out->element_type = WEIR_T_NULL;
    return out->name && out->database_type;
}

static int describe_columns(weir_lite_link *link, weir_lite_cursor *cursor)
{
    int count = sqlite3_column_count(cursor->statement);
    cursor->base.returns_rows = count > 0;
    cursor->base.column_count = (size_t)count;
    cursor->base.columns = NULL;
    if (count == 0)
        return WEIR_OK;
    weir_column_info *columns = weir_arena_take(cursor->base.arena, (size_t)count * sizeof *columns);
    for (int i = 0; columns && i < count; i++)
        if (!describe_column(cursor, i, &columns[i]))
            columns = NULL;
    cursor->base.columns = columns;
    return columns ? WEIR_OK : weir_error_out_of_memory(&link->base.error);
}

static int check_limits(weir_lite_link *link, const weir_compiled *compiled)
{
    int most = sqlite3_limit(link->db, SQLITE_LIMIT_VARIABLE_NUMBER, -1);
    int longest = sqlite3_limit(link->db, SQLITE_LIMIT_SQL_LENGTH, -1);
    if (compiled->value_count > (size_t)most)
        return weir_error_set(&link->base.error, WEIR_OPERATIONAL, "too many parameters: this SQLite takes %d in a statement, not %zu",
                              most, compiled->value_count);
    if (compiled->sql_length > (size_t)longest)
        return weir_error_set(&link->base.error, WEIR_DATA, "the statement is too long: this SQLite takes %d bytes, not %zu",
                              longest, compiled->sql_length);
    return WEIR_OK;
}

/* SQLite passes over what follows the first statement in silence. Whether that is only comments, its own parser knows. */
static int check_tail(weir_lite_link *link, const char *tail, const char *sql)
{
    sqlite3_stmt *second = NULL;
    tail += strspn(tail, "; \t\r\n\f");
    if (!*tail)
        return WEIR_OK;
    int code = sqlite3_prepare_v2(link->db, tail, -1, &second, NULL);
    bool more = code != SQLITE_OK || second;
    sqlite3_finalize(second);
    if (code != SQLITE_OK && weir_lite_status(code) == WEIR_OUT_OF_MEMORY)
        return weir_lite_failed(link, code, sql);
    return more ? weir_error_set(&link->base.error, WEIR_INVALID_REQUEST, "You can only execute one statement at a time.") : WEIR_OK;
}

static int run_prepare(weir_lite_link *link)
{
    weir_lite_cursor *cursor = link->cursor;
    const weir_compiled *compiled = cursor->base.statement;
    const char *tail = NULL;
    int status = check_limits(link, compiled);
    if (status != WEIR_OK)
        return status;
    link->met_lock = false;
    int code = sqlite3_prepare_v2(link->db, compiled->sql, (int)compiled->sql_length + 1, &cursor->statement, &tail);
    if (code != SQLITE_OK)
        return weir_lite_failed(link, code, compiled->sql);
    if (!cursor->statement)
        return weir_error_set(&link->base.error, WEIR_INVALID_REQUEST, "the statement is empty");
    status = check_tail(link, tail, compiled->sql);
    if (status == WEIR_OK)
        status = describe_columns(link, cursor);
    if (status != WEIR_OK)
        finalize(cursor);
    return status;
}

int weir_lite_prepare(weir_link *base, weir_cursor *cursor)
{
    weir_lite_link *link = (weir_lite_link *)base;
    finalize(lite(cursor));
    cursor->ended = cursor->stale = false;
    cursor->row_count = -1;
    link->cursor = lite(cursor);
    return weir_lite_start(link, run_prepare, NULL, 0);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------- */
/* Names the column of a value that could not be decoded. */
static int report_value(weir_lite_cursor *cursor, const weir_column_info *column, int status, const char *reason)
{
    weir_error *error = &cursor->base.link->error;
    if (status == WEIR_OUT_OF_MEMORY)
        return weir_error_out_of_memory(error);
    weir_error_set(error, status, "column '%s': %s", column->name, reason);
    weir_error_text(error->column, sizeof error->column, column->name, strlen(column->name));
    return status;
}

/* How far the values of the present row lie apart; 0: not as far as link.c found out that they do. sqlite3_column_value
 * costs as much as all that we do with a value, so it is asked for the first one of a row only, and the others are taken from
 * beside it: a fifth of the time of a whole export. In all of SQLite's history a row is one array, but nothing promises it:
 * so look at each batch's first row, and ask for each value if that ever changes. */
static size_t values_apart(const weir_lite_cursor *cursor)
{
    size_t apart = ((weir_lite_link *)cursor->base.link)->values_apart;
    const char *first = (const char *)sqlite3_column_value(cursor->statement, 0);
    for (size_t i = 1; i < cursor->base.column_count; i++)
        if ((const char *)sqlite3_column_value(cursor->statement, (int)i) != first + i * apart)
            return 0;
    return apart;
}

/* Any columns, by their decode functions. Kept out of line: inlined, it takes registers from the plain rows. */
static __attribute__((noinline)) int place_row(weir_lite_cursor *cursor, size_t apart, char *row, size_t *bytes)
{
    weir_decode decode;
    decode.arena = cursor->base.sink->arena;
    decode.borrow = false;
    decode.reason[0] = 0;
    char *first = (char *)sqlite3_column_value(cursor->statement, 0);
    for (size_t i = 0; i < cursor->base.column_count; i++) {
        const weir_step *step = &cursor->base.steps[i];
        sqlite3_value *value = apart ? (void *)(first + i * apart) : sqlite3_column_value(cursor->statement, (int)i);
        int class = sqlite3_value_type(value);
        if (class == SQLITE_NULL) {
            ((weir_value *)(void *)(row + step->offset))->type = WEIR_T_NULL;
            continue;
        }
        int status = step->decode(&decode, step, value, 0, row + step->offset);
        if (status != WEIR_OK)
            return report_value(cursor, &cursor->base.columns[i], status, decode.reason);
        *bytes += class == SQLITE_INTEGER || class == SQLITE_FLOAT ? sizeof(int64_t) : (size_t)sqlite3_value_bytes(value);
    }
    return WEIR_OK;
}

/* Plain cells only, which is nearly always: no call per field but SQLite's own. */
static inline int place_plain_row(weir_lite_cursor *cursor, size_t apart, char *row, size_t *bytes)
{
    const weir_step *step = cursor->base.steps;
    weir_arena *arena = cursor->base.sink->arena;
    int count = (int)cursor->base.column_count;
    char *value = (char *)sqlite3_column_value(cursor->statement, 0);
    for (int i = 0; ; step++) {
        if (!weir_lite_cell(arena, (sqlite3_value *)(void *)value, (weir_value *)(void *)(row + step->offset), bytes))
            return report_value(cursor, &cursor->base.columns[i], WEIR_OUT_OF_MEMORY, "");
        if (++i == count)
            return WEIR_OK;
        value = apart ? value + apart : (char *)sqlite3_column_value(cursor->statement, i);
    }
}

/* Into the sink's object. False: the row has something that is not for it, or that only the other way can name. */
static inline bool place_direct_row(weir_lite_cursor *cursor, size_t apart, size_t *bytes)
{
    weir_sink *sink = cursor->base.sink;
    const weir_step *step = cursor->base.steps;
    int count = (int)cursor->base.column_count;
    size_t more = 0;
    char *value = (char *)sqlite3_column_value(cursor->statement, 0);
    for (int i = 0; ; step++) {
        weir_value cell;
        char *at = (char *)sink->object + step->direct.offset;
        if (!weir_lite_cell(sink->arena, (sqlite3_value *)(void *)value, &cell, &more))
            return false;
        if (cell.type == WEIR_T_INT64 && step->direct.kind == WEIR_DIRECT_INT64)
            memcpy(at, &cell.as.i, sizeof cell.as.i);
        else if (cell.type == WEIR_T_TEXT && step->direct.kind == WEIR_DIRECT_TEXT && weir_text_is_utf8(cell.as.text))
            memcpy(at, &cell.as.text, sizeof cell.as.text);
        else if (!step->direct.store(&step->direct, sink->object, &cell))
            return false;
        if (++i == count)
            break;
        value = apart ? value + apart : (char *)sqlite3_column_value(cursor->statement, i);
    }
    *bytes += more;
    return sink->took(sink);
}

/* The row did not fit: the batch ends before it, and the next fetch begins with it. */
static void note_refused(weir_lite_cursor *cursor)
{
    weir_cursor *base = &cursor->base;
    cursor->waits = true;
    base->refused_bytes = 0;
    base->refused_key[0] = 0;
    for (size_t i = 0; i < base->column_count; i++) {
        sqlite3_value *value = sqlite3_column_value(cursor->statement, (int)i);
        int class = sqlite3_value_type(value);
        base->refused_bytes += class == SQLITE_TEXT || class == SQLITE_BLOB ? sqlite3_value_bytes(value) : (int)sizeof(int64_t);
    }
    for (size_t i = 0; i < (base->key_count ? base->key_count : 1); i++) {
        int column = base->key_count ? base->key_columns[i] : 0;
        sqlite3_value *value = sqlite3_column_value(cursor->statement, column);
        char shown[WEIR_REFUSED_VALUE] = "";
        if (sqlite3_value_type(value) == SQLITE_INTEGER)        /* never converted: the row is still to be read */
            snprintf(shown, sizeof shown, "%lld", (long long)sqlite3_value_int64(value));
        else if (sqlite3_value_type(value) == SQLITE_TEXT && sqlite3_value_bytes(value) < WEIR_REFUSED_VALUE)
            snprintf(shown, sizeof shown, "%s", (const char *)sqlite3_value_text(value));
        weir_cursor_show_key(base, column, shown);
    }
}

static inline int place_cells(weir_lite_cursor *cursor, size_t apart, size_t *bytes)
{
    weir_sink *sink = cursor->base.sink;
    char *row = weir_sink_row(sink);
    if (!row)
        return weir_error_out_of_memory(&cursor->base.link->error);
    int status = cursor->plain ? place_plain_row(cursor, apart, row, bytes) : place_row(cursor, apart, row, bytes);
    if (status == WEIR_OK && sink->came) {
        sink->came(sink);
        return sink->full ? WEIR_OUT_OF_MEMORY : WEIR_OK;
    }
    if (status != WEIR_OK && weir_sink_ends(sink, status)) {
        sink->full = true;
        weir_sink_take_back(sink);
    }
    return status;
}

int weir_lite_place_rows(weir_lite_cursor *cursor, int64_t limit, int *code)
{
    weir_link *link = cursor->base.link;
    weir_sink *sink = cursor->base.sink;
    int64_t placed = 0;
    size_t bytes = 0, before = 0, apart = values_apart(cursor);
    int status = WEIR_OK;
    cursor->rest = 0;
    do {
        if (!sink->object || !cursor->plain || !place_direct_row(cursor, apart, &bytes))
            status = place_cells(cursor, apart, &bytes);
        if (status != WEIR_OK)
            break;
        if ((int64_t)(bytes - before) > cursor->base.widest)
            cursor->base.widest = (int64_t)(bytes - before);
        before = bytes;
        placed++;
        if (placed % ROWS_BETWEEN_LOOKS == 0 && weir_lite_must_stop(link)) {
            status = weir_lite_cancelled((weir_lite_link *)link);
            break;
        }
        if (cursor->base.slice && bytes + (size_t)placed * sink->stride >= cursor->base.slice && placed < limit) {
            cursor->rest = limit - placed;
            break;
        }
    } while (placed < limit && (*code = sqlite3_step(cursor->statement)) == SQLITE_ROW);
    cursor->base.rows += placed;
    cursor->base.bytes += (int64_t)bytes;
    if (status != WEIR_OK && weir_sink_ends(sink, status)) {
        note_refused(cursor);
        weir_error_clear(&link->error);
        status = WEIR_OK;
    }
    if (status == WEIR_DATA)
        link->error.row = cursor->base.rows + 1;
    return status;
}

/* Another connection may have changed the tables after prepare; SQLite then prepares anew by itself, and what was said about
 * the columns may be wrong. */
static bool columns_fit(const weir_lite_cursor *cursor)
{
    if ((size_t)sqlite3_column_count(cursor->statement) != cursor->base.column_count)
        return false;
    if (sqlite3_stmt_status(cursor->statement, SQLITE_STMTSTATUS_REPREPARE, 0) == 0)
        return true;
    for (size_t i = 0; i < cursor->base.column_count; i++) {
        const char *name = sqlite3_column_name(cursor->statement, (int)i);
        if (!name || strcmp(name, cursor->base.columns[i].name))
            return false;
    }
    return true;
}

/* ---- the end of a statement ------------------------------------------------------------------------------------------------ */
static void roll_back_own(weir_lite_link *link, weir_lite_cursor *cursor)
{
    if (cursor->own_transaction && !sqlite3_get_autocommit(link->db))
        sqlite3_exec(link->db, "ROLLBACK", NULL, NULL, NULL);
    cursor->own_transaction = false;
}

static int commit_own(weir_lite_link *link, weir_lite_cursor *cursor)
{
    int status = cursor->own_transaction ? weir_lite_execute(link, "COMMIT") : WEIR_OK;
    if (status == WEIR_OK)
        cursor->own_transaction = false;
    else if (status != WEIR_LITE_BUSY)
        roll_back_own(link, cursor);
    return status;
}

static int fail(weir_lite_link *link, weir_lite_cursor *cursor, int status)
{
    finalize(cursor);
    roll_back_own(link, cursor);
    return status;
}

/* After a step that gave `code`, and the placing of its rows that gave `status`. */
static int settle(weir_lite_link *link, weir_lite_cursor *cursor, int status, int code)
{
    if (status != WEIR_OK)
        return fail(link, cursor, status);
    cursor->base.open = true;
    if (code == SQLITE_ROW)
        return WEIR_OK;
    if (code == SQLITE_DONE) {
        bool changes = cursor->base.statement->facts.kind == WEIR_SQL_DML;
        cursor->base.row_count = changes ? WEIR_LITE_CHANGES(link->db) : cursor->base.returns_rows ? -1 : 0;
        cursor->base.ended = true;
        finalize(cursor);
        return commit_own(link, cursor);
    }
    status = weir_lite_failed(link, code, cursor->base.statement->sql);
    if (status == WEIR_LITE_BUSY && cursor->base.rows == 0)
        return status;                  /* nothing happened yet: the same step may be tried again */
    return fail(link, cursor, link->base.error.status);
}

/* ---- open, fetch, close ---------------------------------------------------------------------------------------------------- */
static bool all_plain(const weir_cursor *cursor)
{
    for (size_t i = 0; i < cursor->column_count; i++)
        if (cursor->steps[i].decode != weir_lite_decode_cell)
            return false;
    return true;
}

/* Under autocommit a statement that changes rows and returns them commits behind its last row. A lock met there could not be
 * waited for, since running the statement again would return its rows twice; a COMMIT of its own can be repeated. */
static int begin_own(weir_lite_link *link, weir_lite_cursor *cursor)
{
    const weir_cursor *base = &cursor->base;
    if (base->statement->facts.kind != WEIR_SQL_DML || !base->returns_rows || !sqlite3_get_autocommit(link->db))
        return WEIR_OK;
    int status = weir_lite_execute(link, "BEGIN");
    cursor->own_transaction = status == WEIR_OK;
    return status;
}

static int bind(weir_lite_link *link, weir_lite_cursor *cursor)
{
    int status = weir_lite_bind(link, cursor->statement, cursor->base.statement);
    if (status == WEIR_OK)
        status = begin_own(link, cursor);
    cursor->plain = all_plain(&cursor->base);
    cursor->bound = status == WEIR_OK;
    return status;
}

static int64_t wanted(const weir_lite_link *link) { return link->rows > 0 ? link->rows : INT64_MAX; }

/* The first step, during which all the work of a sort or an UPDATE is done. */
static int first_step(weir_lite_link *link, weir_lite_cursor *cursor)
{
    link->met_lock = false;
    weir_lite_watch_cancel(link, true);
    int code = sqlite3_step(cursor->statement);
    weir_lite_watch_cancel(link, false);
    return code;
}

static int run_open(weir_lite_link *link)
{
    weir_lite_cursor *cursor = link->cursor;
    if (cursor->base.ended)             /* waited for the lock of its commit */
        return commit_own(link, cursor);
    if (!cursor->statement)
        return weir_error_set(&link->base.error, WEIR_RESOURCE_CLOSED, "This result object is closed.");
    int status = cursor->bound ? WEIR_OK : bind(link, cursor);
    if (status != WEIR_OK)
        return status == WEIR_LITE_BUSY ? status : fail(link, cursor, status);
    if (weir_lite_must_stop(&link->base))
        return fail(link, cursor, weir_lite_cancelled(link));
    int code = first_step(link, cursor);
    if (code == SQLITE_ROW && !columns_fit(cursor)) {
        cursor->base.stale = sqlite3_stmt_readonly(cursor->statement);
        status = weir_error_set(&link->base.error, WEIR_OPERATIONAL, "the columns of the result changed since the statement was prepared");
    } else if (code == SQLITE_ROW) {
        status = weir_lite_place_rows(cursor, wanted(link), &code);
    }
    return settle(link, cursor, status, code);
}

int weir_lite_open(weir_link *base, weir_cursor *cursor, int64_t rows)
{
    weir_lite_link *link = (weir_lite_link *)base;
    link->cursor = lite(cursor);
    cursor->round_trips++;
    return weir_lite_start(link, run_open, "open", rows);
}

static int run_fetch(weir_lite_link *link)
{
    weir_lite_cursor *cursor = link->cursor;
    if (cursor->base.ended)
        return commit_own(link, cursor);
    if (!cursor->statement)
        return weir_error_set(&link->base.error, WEIR_RESOURCE_CLOSED, "This result object is closed.");
    if (!sqlite3_stmt_busy(cursor->statement))          /* a step would begin it anew and repeat its rows */
        return fail(link, cursor, weir_error_set(&link->base.error, WEIR_QUERY_CANCELED, "an interrupt or a rollback ended this statement"));
    if (weir_lite_must_stop(&link->base))
        return fail(link, cursor, weir_lite_cancelled(link));
    if (link->base.limit)               /* a cancel interrupts a step that runs; the limit has to be looked at */
        weir_lite_watch_cancel(link, true);
    int status = WEIR_OK, code = cursor->waits ? SQLITE_ROW : sqlite3_step(cursor->statement);
    cursor->waits = false;
    if (code == SQLITE_ROW)             /* with what a slice left of a batch first, so that batches begin where they would without */
        status = weir_lite_place_rows(cursor, cursor->rest ? cursor->rest : wanted(link), &code);
    if (link->base.limit)
        weir_lite_watch_cancel(link, false);
    return settle(link, cursor, status, code);
}

int weir_lite_fetch(weir_link *base, weir_cursor *cursor, int64_t rows)
{
    weir_lite_link *link = (weir_lite_link *)base;
    link->cursor = lite(cursor);
    cursor->round_trips++;
    return weir_lite_start(link, run_fetch, "fetch", rows);
}

void weir_lite_forget(weir_link *base, weir_cursor *cursor)
{
    finalize(lite(cursor));
    roll_back_own((weir_lite_link *)base, lite(cursor));
}

/* Ending a statement never waits, so there is no work to hand out. */
int weir_lite_close(weir_link *base, weir_cursor *cursor)
{
    weir_lite_link *link = (weir_lite_link *)base;
    weir_lite_forget(base, cursor);
    link->stage = WEIR_LITE_IDLE;
    link->cursor = NULL;
    return WEIR_OK;
}
