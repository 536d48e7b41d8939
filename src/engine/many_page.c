/* Writing parameter sets page by page: statements for the page, savepoints, what fails found out by halving (RULES U1 to U3). */
#include <stdio.h>
#include <string.h>
#include "engine/many.h"
#include "engine/result.h"

enum {
    PAGE_SIZE = 1000, PAGE_BYTES = 4 * 1024 * 1024,
    ASKS_FROM = 100                     /* sets: with fewer, locking first costs less than asking for the plan */
};

/* A run with its statements. */
typedef struct writing {
    weir_many     *many;
    weir_many_run *run;
    weir_cursor   *write, *lock;
    const char   **types;               /* of the run's columns; NULL: not by arrays */
    bool           arrays, again;
    size_t         layer;
    size_t        *ends;                /* of sorted sets whose rows are returned: rows in the batch behind each */
} writing;

static weir_link *link_of(const weir_many *many) { return weir_connection_link(many->connection); }

/* ---- preparing ---------------------------------------------------------------------------------------------------------------------- */
static int prepare(weir_many *many, weir_compiled *compiled, weir_arena *arena, bool named, weir_cursor **out)
{
    const weir_driver *driver = many->core->driver;
    weir_cursor *cursor = weir_arena_take(arena, driver->cursor_size);
    if (!cursor)
        return weir_error_out_of_memory(&many->error);
    memset(cursor, 0, driver->cursor_size);
    cursor->link = link_of(many);
    cursor->arena = arena;
    cursor->statement = compiled;
    cursor->mode = WEIR_MODE_BUFFERED;
    cursor->named = named && weir_pool_prepares(many->connection->slot, many->connection->options.prepared);
    cursor->hide_values = many->core->log.hide_parameters;
    *out = cursor;
    weir_connection_keep_cursor(many->connection, cursor);
    return weir_connection_drive(many->connection, driver->prepare(cursor->link, cursor), WEIR_CALL(.reads = true), &many->error);
}

/* Whether the server takes arrays of all columns' types, and what those are called. Asked each time: somebody else may have changed
 * the table, and the texts for the page have the types in them. */
static int ask_types(writing *w)
{
    weir_many *many = w->many;
    weir_many_run *run = w->run;
    size_t count = run->feed.lane_count;
    weir_page page = { .columns = run->members, .column_count = count };
    weir_compiled *compiled = weir_arena_take(&many->arena, sizeof *compiled);
    w->types = weir_arena_take(&many->arena, count * sizeof *w->types);
    if (!compiled || !w->types)
        return weir_error_out_of_memory(&many->error);
    int status = weir_page_compile_types(many->entity, many->core->driver->dialect, &page, &many->arena, compiled, &many->error);
    weir_cursor *described = NULL;
    if (status == WEIR_OK)
        status = prepare(many, compiled, &many->arena, false, &described);
    w->arrays = status == WEIR_OK;
    for (size_t i = 0; i < count && w->arrays; i++) {
        w->types[i] = many->core->driver->array_type(described->link, described, i);
        w->arrays = w->types[i] != NULL;
    }
    weir_connection_forget_cursor(many->connection, described);
    return status;
}

static int prepare_lock(writing *w)
{
    weir_many *many = w->many;
    weir_many_run *run = w->run;
    const char **types = weir_arena_take(&many->arena, run->key_count * sizeof *types);
    weir_compiled *compiled = weir_arena_take(&many->arena, sizeof *compiled);
    if (!types || !compiled)
        return weir_error_out_of_memory(&many->error);
    for (size_t i = 0; i < run->key_count; i++)
        for (size_t k = 0; k < run->feed.lane_count; k++)
            if (run->members[k] == run->key_members[i])
                types[i] = w->types[k];
    weir_page page = { .columns = run->key_members, .types = types, .column_count = run->key_count };
    int status = weir_page_compile_lock(many->entity, many->core->driver->dialect, &page, &many->arena, compiled, &many->error);
    return status == WEIR_OK ? prepare(many, compiled, &many->arena, true, &w->lock) : status;
}

/* A result for what is returned takes the statement, which has to live as long as it. */
static int prepare_returning(writing *w, weir_compiled *compiled)
{
    weir_many *many = w->many;
    weir_result *result = many->returned;
    result->compiled = *compiled;
    int status = prepare(many, &result->compiled, &result->arena, true, &result->cursor);
    w->write = result->cursor;
    if (status == WEIR_OK)
        status = weir_result_plan_rows(result, &many->error);
    if (status != WEIR_OK)
        return status;
    many->batch = weir_result_batch_for(result, 0);
    w->write->sink = many->batch ? weir_result_sink_for(result, many->batch) : NULL;
    return w->write->sink ? WEIR_OK : weir_error_out_of_memory(&many->error);
}

static int prepare_write(writing *w, bool in_order)
{
    weir_many *many = w->many;
    bool returns = many->options.returned != NULL;
    weir_page page = { .columns = w->run->members, .types = w->types, .column_count = w->run->feed.lane_count, .rows = w->arrays ? 0 : 1,
                       .ordered = w->arrays && many->kind == WEIR_STMT_INSERT, .in_order = in_order, .no_returning = !returns };
    weir_arena *arena = returns ? &many->returned->arena : &many->arena;
    weir_compiled *compiled = weir_arena_take(arena, sizeof *compiled);
    if (!compiled)
        return weir_error_out_of_memory(&many->error);
    int status = many->entity ? weir_page_compile(many->stmt, many->core->driver->dialect, &page, arena, compiled, &many->error)
                              : weir_stmt_compile(many->stmt, many->core->driver->dialect, arena, compiled, &many->error);
    if (status != WEIR_OK)
        return status;
    return returns ? prepare_returning(w, compiled) : prepare(many, compiled, arena, true, &w->write);
}

/* An index of the key makes the lock needless; what has none is written by another text, for which any join will do. */
static int prepare_in_order(writing *w)
{
    weir_many *many = w->many;
    const weir_driver *driver = many->core->driver;
    if (!driver->ask_order || !many->alone || !weir_pool_prepares(many->connection->slot, many->connection->options.prepared) || w->run->feed.count < ASKS_FROM)
        return WEIR_OK;
    int status = prepare_write(w, true);
    if (status == WEIR_OK)
        status = weir_connection_drive(many->connection, driver->ask_order(w->write->link, w->write), NULL, &many->error);
    if (status != WEIR_OK || w->write->in_order)
        return status;
    weir_connection_forget_cursor(many->connection, w->write);
    w->write = NULL;
    return WEIR_OK;
}

static int prepare_statements(writing *w)
{
    weir_many *many = w->many;
    weir_many_run *run = w->run;
    int status = WEIR_OK;
    if (many->entity && many->core->driver->array_type && run->feed.count > 1 && !many->options.returned)
        status = ask_types(w);
    bool locks = w->arrays && many->locks && run->key_count;
    if (status == WEIR_OK && locks)
        status = prepare_in_order(w);
    if (status != WEIR_OK || w->write)
        return status;
    status = prepare_write(w, false);
    return status == WEIR_OK && locks ? prepare_lock(w) : status;
}

/* ---- one page ------------------------------------------------------------------------------------------------------------------------ */
static size_t bytes_of(const weir_feed *feed, size_t set)
{
    size_t bytes = 0;
    for (size_t i = 0; i < feed->lane_count; i++) {
        const weir_lane *lane = &feed->lanes[i];
        const void *at = weir_feed_at(feed, lane, set);
        char ignored[WEIR_REASON_SIZE];
        weir_value value;
        if (lane->member.type != WEIR_M_NONE && (lane->member.type < WEIR_M_CSTR || lane->member.type > WEIR_M_ARRAY))
            continue;
        if (weir_lane_value(lane, at, &value, ignored) == WEIR_OK && value.type != WEIR_T_INT64)
            bytes += weir_value_extent(&value);
    }
    return bytes;
}

/* Sets from the first-th on that one page takes: bounded in number and bytes, without a key twice. */
static size_t page_of(writing *w, size_t first)
{
    const weir_many_run *run = w->run;
    size_t size = w->many->options.page_size ? w->many->options.page_size : PAGE_SIZE, end = run->feed.count, bytes = 0;
    while (w->layer < run->layer_count && run->layers[w->layer] <= first)
        w->layer++;
    if (w->layer < run->layer_count)
        end = run->layers[w->layer];
    if (end - first > size)
        end = first + size;
    weir_feed feed = run->feed;
    feed.first = first;
    for (size_t i = first; i < end; i++)
        if ((bytes += bytes_of(&feed, i - first)) > PAGE_BYTES)
            return i > first ? i - first : 1;
    return end - first;
}

static int run_page(writing *w, size_t first, size_t count, bool guarded, weir_page_run *page)
{
    weir_many *many = w->many;
    weir_feed feed = w->run->feed, keys = w->run->feed;
    feed.first = keys.first = first;
    feed.count = keys.count = count;
    keys.lanes = w->run->keys;
    keys.lane_count = w->run->key_count;
    *page = (weir_page_run){ .lock = w->lock, .lock_feed = &keys, .write = w->write, .feed = &feed, .arrays = w->arrays, .guarded = guarded,
                             .release_before = many->page_open, .ends = w->ends ? w->ends + first : NULL };
    weir_link *link = link_of(many);
    int status = weir_connection_drive(many->connection, link->driver->run_page(link, page), NULL, &many->error);
    many->page_open = status == WEIR_OK ? guarded : many->page_open;
    if (status == WEIR_OK && w->arrays)
        page->matched = w->write->row_count;
    page->feed = page->lock_feed = NULL;
    return status;
}

/* ---- what fails ---------------------------------------------------------------------------------------------------------------------- */
static void expected_text(weir_many *many, size_t count, int64_t matched)
{
    weir_error_set(&many->error, WEIR_STALE_DATA, "%s statement on table '%s' expected to %s %zu row(s); %lld were matched.",
                   many->kind == WEIR_STMT_UPDATE ? "UPDATE" : "DELETE", many->entity->table,
                   many->kind == WEIR_STMT_UPDATE ? "update" : "delete", count, (long long)matched);
}

/* Which set it was, in the program's counting, and its key. */
static void name_set(writing *w, size_t place)
{
    weir_error *error = &w->many->error;
    weir_feed feed = w->run->feed;
    char key[200], text[300];
    feed.first = 0;
    size_t index = w->run->base + weir_feed_index(&feed, place), used = strlen(error->detail);
    weir_many_show_key(w->run, place, key, sizeof key);
    snprintf(text, sizeof text, "%sset %zu%s%s%s", used ? "; " : "", index + 1, *key ? " (" : "", key, *key ? ")" : "");
    weir_error_text(error->detail + used, sizeof error->detail - used, text, strlen(text));
    error->row = (int64_t)index + 1;
}

/* The page's savepoint is there: back to it. Unless the database took the whole transaction back with the error, as SQLite does when
 * a write is interrupted. */
static int back(weir_many *many)
{
    weir_error kept = many->error, failure;
    if (many->connection->needs_rollback)
        return many->error.status;
    int status = weir_connection_command(many->connection, "ROLLBACK TO SAVEPOINT " WEIR_PAGE_SAVEPOINT, &failure);
    many->error = status == WEIR_OK ? kept : failure;
    many->page_open = many->page_open || status == WEIR_OK;
    return status;
}

static bool depends_on_values(const weir_error *error)
{
    return error->status == WEIR_STALE_DATA || !strncmp(error->sqlstate, "22", 2) || !strncmp(error->sqlstate, "23", 2) ||
           !strncmp(error->sqlstate, "44", 2) || !strncmp(error->sqlstate, "P0", 2);
}

/* Runs a part of a page that failed: WEIR_OK, or as it failed. */
static int try_part(writing *w, size_t first, size_t count)
{
    weir_page_run page;
    int status = run_page(w, first, count, true, &page);
    if (status == WEIR_OK && w->many->checked && page.matched != (int64_t)count) {
        expected_text(w->many, count, page.matched);
        status = WEIR_STALE_DATA;
    }
    return status;
}

/* The page went back to its savepoint. Parts that go well stay, as they might be what a later set fails by. */
static void halve(writing *w, size_t first, size_t count)
{
    weir_many *many = w->many;
    weir_error original = many->error;
    while (count > 1) {
        size_t half = count / 2;
        int status = try_part(w, first, half);
        if (status == WEIR_OK) {
            first += half;
            count -= half;
            continue;
        }
        if (!link_of(many) || !depends_on_values(&many->error) || back(many) != WEIR_OK)
            return;                             /* another failure on the way is the call's */
        count = half;
    }
    if (original.status != WEIR_STALE_DATA && try_part(w, first, 1) == WEIR_OK)
        many->error = original;                 /* alone, and behind those before it, it does not fail: all that can be said */
    else if (original.status == WEIR_STALE_DATA)
        many->error = original;
    name_set(w, first);
}

/* What goes well while a page is halved has to be taken back, too. */
static int guard_call(weir_many *many)
{
    weir_error original = many->error;
    if (many->savepoint > 0 || many->own)
        return WEIR_OK;
    int status = weir_connection_command(many->connection, "RELEASE SAVEPOINT " WEIR_PAGE_SAVEPOINT, &many->error);
    many->page_open = many->page_open && status != WEIR_OK;
    if (status == WEIR_OK && (many->savepoint = weir_connection_savepoint(many->connection)) < 0) {
        many->error = *weir_connection_error(many->connection);
        return many->savepoint;
    }
    if (status == WEIR_OK)
        many->error = original;
    return status;
}

static void find_failing(writing *w, size_t first, size_t count, const weir_page_run *page)
{
    weir_many *many = w->many;
    if (!link_of(many))
        return;
    if (page->unsent) {
        if (page->refused)
            name_set(w, first + page->done);
        return;
    }
    if (!w->arrays && (many->error.status != WEIR_STALE_DATA ? page->done < count : page->missed < count))
        name_set(w, first + (many->error.status == WEIR_STALE_DATA ? page->missed : page->done));
    if (back(many) == WEIR_OK && w->arrays && depends_on_values(&many->error) && guard_call(many) == WEIR_OK)
        halve(w, first, count);
}

/* ---- a run ----------------------------------------------------------------------------------------------------------------------------- */
static void log_page(const writing *w, size_t count)
{
    const weir_many *many = w->many;
    char text[64];
    if (!many->core->log.fn && !many->core->log.echo)
        return;
    snprintf(text, sizeof text, "%zu parameter set%s", count, count == 1 ? "" : "s");
    weir_log_event_out(&many->core->log, WEIR_LOG_STATEMENT, weir_connection_number(many->connection), w->write->statement->sql, text, 0);
}

/* Committed at a page's border; what comes next begins anew. */
static int commit_now_and_then(weir_many *many)
{
    if (many->options.commit_every && many->done - many->committed >= many->options.commit_every) {
        many->page_open = false;
        int status = weir_connection_commit_now(many->connection, &many->error);
        if (status == WEIR_OK && many->done < many->count)
            status = weir_connection_ready(many->connection, true, &many->error);
        if (status != WEIR_OK)
            return status;
        many->committed = many->done;
    }
    if (many->options.progress)
        many->options.progress((int64_t)many->done, many->options.context);
    return WEIR_OK;
}

/* What was refused by types of an earlier execution is looked at with today's; once. */
static int run_again(writing *w, size_t first, size_t count, weir_page_run *page, int status)
{
    weir_many *many = w->many;
    if (!page->refused || !w->write->stale || !w->write->unsent || w->again || many->returned)
        return status;
    weir_connection_forget_cursor(many->connection, w->lock);
    weir_connection_forget_cursor(many->connection, w->write);
    w->lock = w->write = NULL;
    w->again = true;
    weir_error_clear(&many->error);
    status = prepare_statements(w);
    return status == WEIR_OK ? run_page(w, first, count, true, page) : status;
}

static int write_page(writing *w, size_t first, size_t count)
{
    weir_many *many = w->many;
    weir_page_run page;
    log_page(w, count);
    int status = run_page(w, first, count, true, &page);
    if (status != WEIR_OK)
        status = run_again(w, first, count, &page, status);
    if (!w->write)
        return status;
    if (status == WEIR_OK && many->checked && page.matched != (int64_t)count) {
        expected_text(many, count, page.matched);
        status = WEIR_STALE_DATA;
    }
    if (status != WEIR_OK) {
        if (!many->error.sql[0])
            weir_error_text(many->error.sql, sizeof many->error.sql, w->write->statement->sql, w->write->statement->sql_length);
        find_failing(w, first, count, &page);
        return many->error.status;
    }
    many->matched += page.matched;
    many->done += count;
    return commit_now_and_then(many);
}

static int write_pages(writing *w, bool alone)
{
    weir_many *many = w->many;
    int status = WEIR_OK;
    size_t count = page_of(w, 0);
    if (!many->savepoint && !many->own && !many->options.commit_every && !(alone && count == w->run->feed.count)) {
        many->savepoint = weir_connection_savepoint(many->connection);
        if (many->savepoint < 0) {
            many->error = *weir_connection_error(many->connection);
            return many->savepoint;
        }
    }
    for (size_t first = 0; first < w->run->feed.count && status == WEIR_OK; first += count) {
        count = page_of(w, first);
        status = write_page(w, first, count);
    }
    return status;
}

/* What was written in the order of the keys is returned in that of the sets. */
static int write_and_return(writing *w, bool alone)
{
    weir_many *many = w->many;
    const weir_feed *feed = &w->run->feed;
    size_t before = many->batch->sink.count;
    if (!feed->order)
        return write_pages(w, alone);
    w->ends = weir_alloc(&many->ledger, WEIR_MEMORY_STATEMENTS, feed->count * sizeof *w->ends);
    if (!w->ends)
        return weir_error_out_of_memory(&many->error);
    int status = write_pages(w, alone);
    if (status == WEIR_OK && weir_batch_rearrange(many->batch, before, w->ends, feed->order, feed->count) != WEIR_OK)
        status = weir_error_out_of_memory(&many->error);
    weir_free(w->ends);
    return status;
}

int weir_many_write(weir_many *many, weir_many_run *run, bool alone)
{
    writing w = { .many = many, .run = run };
    int status = weir_many_order(many, run);
    if (status == WEIR_OK)
        status = prepare_statements(&w);
    if (status == WEIR_OK)
        status = many->returned ? write_and_return(&w, alone) : write_pages(&w, alone);
    weir_connection_forget_cursor(many->connection, w.lock);
    weir_connection_forget_cursor(many->connection, w.write);
    weir_many_order_free(run);
    return status;
}

/* ---- a call ----------------------------------------------------------------------------------------------------------------------------- */
int weir_many_begin(weir_many *many)
{
    weir_connection *connection = many->connection;
    if (many->options.commit_every && connection->in_transaction)
        return weir_error_set(&many->error, WEIR_INVALID_REQUEST, "commit_every begins and commits transactions of its own: end the one that is "
                              "open first");
    bool autocommit = connection->options.isolation_level == WEIR_AUTOCOMMIT && !connection->in_transaction;
    if (autocommit || many->options.commit_every)
        connection->begun_explicitly = many->own = true;
    int status = weir_connection_ready(connection, true, &many->error);
    if (status != WEIR_OK) {
        connection->begun_explicitly = connection->begun_explicitly && connection->in_transaction;
        many->own = false;
    }
    return status;
}

static int end_well(weir_many *many)
{
    weir_connection *connection = many->connection;
    int status = WEIR_OK;
    if (many->savepoint > 0) {
        status = weir_connection_savepoint_release(connection, many->savepoint);
        if (status != WEIR_OK)
            many->error = *weir_connection_error(connection);
    } else if (many->page_open && !many->own) {
        status = weir_connection_command(connection, "RELEASE SAVEPOINT " WEIR_PAGE_SAVEPOINT, &many->error);
    }
    many->page_open = false;
    return status == WEIR_OK && many->own ? weir_connection_commit_now(connection, &many->error) : status;
}

int weir_many_end(weir_many *many, int status)
{
    weir_connection *connection = many->connection;
    weir_error ignored;
    if (status == WEIR_OK)
        status = end_well(many);
    if (status == WEIR_OK)
        return WEIR_OK;
    weir_error error = many->error;
    bool connected = link_of(many) != NULL;     /* else all is gone with the connection */
    bool goes_on = connected && !connection->needs_rollback;
    if (connected && many->own)
        (void)weir_connection_rollback(connection);
    else if (goes_on && many->savepoint > 0)
        (void)weir_connection_savepoint_rollback(connection, many->savepoint);
    else if (goes_on && many->page_open && weir_connection_command(connection, "ROLLBACK TO SAVEPOINT " WEIR_PAGE_SAVEPOINT, &ignored) == WEIR_OK)
        (void)weir_connection_command(connection, "RELEASE SAVEPOINT " WEIR_PAGE_SAVEPOINT, &ignored);
    weir_connection_failed(connection, &error);
    return status;
}
