/* One prepared statement with many parameter sets: bound, stepped and reset in one piece of work, which may block. */
#include <math.h>
#include "base/lanes.h"
#include "driver/sqlite/lite.h"

enum { SETS_BETWEEN_LOOKS = 256 };      /* at the cancel flag */

/* ---- binding ------------------------------------------------------------------------------------------------------------------ */
static int bind_any(weir_lite_link *link, sqlite3_stmt *statement, int number, const weir_lane *lane, const void *at)
{
    char reason[WEIR_REASON_SIZE];
    weir_value value;
    if (weir_lane_value(lane, at, &value, reason) != WEIR_OK)
        return weir_error_set(&link->base.error, WEIR_DATA, "%s", reason);
    return weir_lite_bind_value(link, statement, number, lane->name, &value);
}

static int failed(weir_lite_link *link, sqlite3_stmt *statement, int code)
{
    weir_lite_failed(link, code, sqlite3_sql(statement));
    return link->base.error.status;
}

/* What most members are, without the way over a value. */
static inline int bind_lane(weir_lite_link *link, sqlite3_stmt *statement, int number, const weir_lane *lane, const void *at)
{
    int code;
    if (lane->member.type == WEIR_M_INT64) {
        code = sqlite3_bind_int64(statement, number, *(const int64_t *)at);
    } else if (lane->member.type == WEIR_M_CSTR) {
        const char *text = *(const char *const *)at;
        code = text ? sqlite3_bind_text64(statement, number, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8) : sqlite3_bind_null(statement, number);
    } else if (lane->member.type == WEIR_M_NONE && ((const weir_value *)at)->type == WEIR_T_INT64) {
        code = sqlite3_bind_int64(statement, number, ((const weir_value *)at)->as.i);
    } else {
        return bind_any(link, statement, number, lane, at);
    }
    return code == SQLITE_OK ? WEIR_OK : failed(link, statement, code);
}

static int refuse(weir_lite_link *link, const weir_lane *lane, int status)
{
    weir_error *error = &link->base.error;
    link->page->refused = status == WEIR_DATA && !error->sqlstate[0];
    weir_error_text(error->column, sizeof error->column, lane->name, strlen(lane->name));
    return status;
}

static int bind_set(weir_lite_link *link, const weir_lite_cursor *cursor, size_t set)
{
    const weir_feed *feed = link->page->feed;
    for (size_t i = 0; i < feed->lane_count; i++) {
        const weir_lane *lane = &feed->lanes[i];
        int status = bind_lane(link, cursor->statement, (int)i + 1, lane, weir_feed_at(feed, lane, set));
        if (status != WEIR_OK)
            return refuse(link, lane, status);
    }
    return WEIR_OK;
}

/* The statement's own values, which are the same for all sets. */
static int bind_rest(weir_lite_link *link, const weir_lite_cursor *cursor)
{
    const weir_compiled *compiled = cursor->base.statement;
    int status = WEIR_OK;
    for (size_t i = link->page->feed->lane_count; i < compiled->value_count && status == WEIR_OK; i++)
        status = weir_lite_bind_value(link, cursor->statement, (int)i + 1, compiled->names[i], &compiled->values[i]);
    return status;
}

/* ---- running -------------------------------------------------------------------------------------------------------------------- */
static int take_rows(weir_lite_cursor *cursor, int *code)
{
    if (cursor->base.sink)
        return weir_lite_place_rows(cursor, INT64_MAX, code);
    while (*code == SQLITE_ROW)
        *code = sqlite3_step(cursor->statement);
    return WEIR_OK;
}

/* WEIR_OK, WEIR_LITE_BUSY, or why the set failed. */
static int run_set(weir_lite_link *link, weir_lite_cursor *cursor, size_t set)
{
    int status = bind_set(link, cursor, set);
    if (status != WEIR_OK)
        return status;
    link->met_lock = false;
    int code = sqlite3_step(cursor->statement);
    if (code == SQLITE_ROW)
        status = take_rows(cursor, &code);
    if (code == SQLITE_DONE) {
        int64_t matched = WEIR_LITE_CHANGES(link->db);
        link->page->matched += matched;
        if (matched == 0 && link->page->missed == SIZE_MAX)
            link->page->missed = set;
    } else if (status == WEIR_OK) {
        status = weir_lite_failed(link, code, cursor->base.statement->sql);
    }
    sqlite3_reset(cursor->statement);
    return status;
}

static int guard(weir_lite_link *link)
{
    int status = link->page->release_before ? weir_lite_execute(link, "RELEASE " WEIR_PAGE_SAVEPOINT) : WEIR_OK;
    return status == WEIR_OK && link->page->guarded ? weir_lite_execute(link, "SAVEPOINT " WEIR_PAGE_SAVEPOINT) : status;
}

static int run_page(weir_lite_link *link)
{
    weir_page_run *page = link->page;
    weir_lite_cursor *cursor = link->cursor;
    if (!cursor->statement)
        return weir_error_set(&link->base.error, WEIR_RESOURCE_CLOSED, "This result object is closed.");
    int status = link->page_guarded ? WEIR_OK : guard(link);
    link->page_guarded = status == WEIR_OK;
    if (status == WEIR_OK)
        status = bind_rest(link, cursor);
    while (page->done < page->feed->count && status == WEIR_OK) {
        if (page->done % SETS_BETWEEN_LOOKS == 0 && atomic_load_explicit(&link->base.cancelled, memory_order_relaxed))
            return weir_lite_cancelled(link);
        status = run_set(link, cursor, page->done);
        if (status == WEIR_OK && page->ends)
            page->ends[page->done] = cursor->base.sink->count;
        page->done += status == WEIR_OK;
    }
    sqlite3_clear_bindings(cursor->statement);      /* they point to the program's memory */
    return status == WEIR_OK && page->release ? weir_lite_execute(link, "RELEASE " WEIR_PAGE_SAVEPOINT) : status;
}

int weir_lite_run_page(weir_link *base, weir_page_run *run)
{
    weir_lite_link *link = (weir_lite_link *)base;
    link->cursor = (weir_lite_cursor *)run->write;
    link->page = run;
    link->page_guarded = run->refused = false;
    run->done = 0;
    run->matched = 0;
    run->missed = SIZE_MAX;
    run->write->round_trips++;
    return weir_lite_start(link, run_page, "page", (int64_t)run->feed->count);
}
