/* The soak's readers: streams that are read to the end or left, loaded relationships, buffered results, statements that are cancelled
 * or run out of time. Each looks at what must hold at every moment. */
#include "soak.h"
#include <stdlib.h>
#include <string.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)
enum { ALL = ACCOUNTS * BALANCE };

/* ---- options at random ------------------------------------------------------------------------------------------------------- */

static weir_execution_options random_stream(worker *w)
{
    weir_execution_options options = { .struct_size = sizeof options };
    if (soak_chance(w, 6)) {
        options.stream_results = WEIR_ON;
        options.max_row_buffer = 1 + soak_random(w, 500);
    } else {
        options.yield_per = soak_chance(w, 8) ? 1 + soak_random(w, 10) : 20 + soak_random(w, 400);
    }
    options.prefetch = soak_chance(w, 4) ? WEIR_OFF : WEIR_UNSET;
    options.prepared = soak_chance(w, 8) ? WEIR_OFF : WEIR_UNSET;
    options.cursor_mode = w->soak->postgresql && soak_chance(w, 6) ? WEIR_CURSOR_DECLARE : WEIR_CURSOR_DEFAULT;
    options.memory = soak_chance(w, 6) ? 256 * 1024 + soak_random(w, 256 * 1024) : 0;
    return options;
}

/* ---- accounts ------------------------------------------------------------------------------------------------------------------- */

/* Reads up to `most` accounts; whether none was missing, doubled or wrong. */
static bool read_accounts(worker *w, weir_result *result, int64_t most, int64_t *rows, int64_t *sum)
{
    const weir_row *row;
    for (*rows = *sum = 0; *rows < most && (row = weir_result_next(result)) != NULL; ++*rows) {
        if (weir_row_int64_at(row, 0) != *rows + 1) {
            soak_fail(w, "account %lld where %lld was due", (long long)weir_row_int64_at(row, 0), (long long)*rows + 1);
            return false;
        }
        *sum += weir_row_int64_at(row, 1);
        if (soak_chance(w, 3000))
            weir_sleep(5);                      /* a slow reader */
    }
    return true;
}

static int stream_accounts(worker *w, weir_connection *connection, int64_t most)
{
    weir_execution_options options = random_stream(w);
    int64_t rows, sum;
    weir_stmt *stmt = weir_sql("SELECT id, balance FROM accounts ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, &options);
    weir_stmt_free(&stmt);
    bool right = read_accounts(w, result, most, &rows, &sum);
    int status = soak_keep(w, weir_result_error(result));
    if (status == WEIR_OK && right && rows != (most < ACCOUNTS ? most : ACCOUNTS))
        soak_fail(w, "a stream ended after %lld accounts without an error", (long long)rows);
    if (status == WEIR_OK && right && rows == ACCOUNTS && sum != ALL)
        soak_fail(w, "the balances sum up to %lld", (long long)sum);
    int closing = weir_result_close(&result);
    if (closing != WEIR_OK && status == WEIR_OK)
        status = soak_keep(w, weir_connection_error(connection));
    return soak_first(status, closing);
}

static int query_int(worker *w, weir_connection *connection, const char *sql, int64_t *out)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    *out = row ? weir_row_int64_at(row, 0) : -1;
    int status = soak_keep(w, weir_result_error(result));
    weir_stmt_free(&stmt);
    return soak_first(status, weir_result_close(&result));
}

/* A connection as new: what the one before did with it is over. */
static weir_connection *take(worker *w)
{
    weir_connection *connection = weir_engine_connect(w->soak->engine);
    if (weir_connection_in_transaction(connection))
        soak_fail(w, "a connection came out of the pool in a transaction");
    return connection;
}

static int finish(worker *w, weir_connection **connection, int status)
{
    soak_withdraw(w);
    if (status == WEIR_OK && soak_chance(w, 4) && (status = weir_connection_commit(*connection)) != WEIR_OK)
        soak_keep(w, weir_connection_error(*connection));
    if (soak_chance(w, 4) && weir_connection_rollback(*connection) != WEIR_OK)
        status = soak_first(status, soak_keep(w, weir_connection_error(*connection)));
    weir_error error = *weir_connection_error(*connection);
    int closing = weir_connection_close(connection);
    if (closing != WEIR_OK && status == WEIR_OK) {
        w->error = error;
        w->error.status = closing;
    }
    return soak_first(status, closing);
}

int soak_stream(worker *w)
{
    weir_connection *connection = take(w);
    soak_publish(w, connection);
    int status = stream_accounts(w, connection, ACCOUNTS + 1);
    return finish(w, &connection, status);
}

int soak_abort(worker *w)
{
    weir_connection *connection = take(w);
    soak_publish(w, connection);
    int status = WEIR_OK;
    for (int64_t i = soak_random(w, 3); i >= 0 && status == WEIR_OK; i--)
        status = stream_accounts(w, connection, soak_random(w, ACCOUNTS));
    int64_t sum = 0;
    if (status == WEIR_OK)
        status = query_int(w, connection, "SELECT sum(balance) FROM accounts", &sum);
    if (status == WEIR_OK && sum != ALL)
        soak_fail(w, "after streams that were left the balances sum up to %lld", (long long)sum);
    return finish(w, &connection, status);
}

/* Through the session's cache of instances, buffered whole. */
int soak_buffer(worker *w)
{
    weir_session *session = weir_session_open(w->soak->engine);
    weir_stmt *select = weir_select(&account_entity);
    int64_t sum = 0, rows = 0;
    weir_order_by(select, WEIR_ASC(WEIR_COL(account, id)));
    weir_result *result = weir_session_scalars(session, select);
    for (struct account *account; (account = WEIR_NEXT(account, result)) != NULL; rows++)
        sum += account->balance;
    weir_stmt_free(&select);
    int status = soak_keep(w, weir_result_error(result));
    if (status == WEIR_OK && (rows != ACCOUNTS || sum != ALL))
        soak_fail(w, "%lld buffered accounts sum up to %lld", (long long)rows, (long long)sum);
    status = soak_first(status, weir_result_close(&result));
    return soak_first(status, weir_session_close(&session));
}

/* ---- batches and their entries ------------------------------------------------------------------------------------------------------ */

static bool entry_is_right(const struct batch *batch, const struct entry *entry)
{
    char *end;
    return entry->batch_id == batch->id && entry->writer == batch->writer && entry->note &&
           strtoll(entry->note, &end, 10) == entry->id && *end == ':' && end[strlen(end) - 1] == '.';
}

static void check_batch(worker *w, const struct batch *batch)
{
    int64_t sum = 0;
    for (size_t i = 0; i < batch->entries.count; i++) {
        const struct entry *entry = batch->entries.items[i];
        sum += entry->amount;
        if (!entry_is_right(batch, entry)) {
            soak_fail(w, "entry %lld of batch %lld is not as it was written (%.40s)", (long long)entry->id, (long long)batch->id, entry->note);
            return;
        }
    }
    if ((int64_t)batch->entries.count != batch->entry_count || sum != batch->amount)
        soak_fail(w, "batch %lld has %zu of %lld entries, which sum up to %lld, not %lld", (long long)batch->id, batch->entries.count,
                  (long long)batch->entry_count, (long long)sum, (long long)batch->amount);
}

static weir_stmt *select_batches(worker *w)
{
    weir_stmt *select = weir_select(&batch_entity);
    int64_t first = 1 + soak_random(w, w->soak->threads + w->soak->tasks);
    weir_where(select, WEIR_BETWEEN(WEIR_COL(batch, writer), first, first + 15));
    weir_order_by(select, WEIR_ASC(WEIR_COL(batch, id)));
    weir_yield_per(select, 1 + soak_random(w, 40));
    switch (soak_random(w, 4)) {
    case 0: weir_joinedload_contiguous(select, WEIR_COL(batch, entries)); break;
    case 1: weir_subqueryload(select, WEIR_COL(batch, entries)); break;
    default: weir_selectinload(select, WEIR_COL(batch, entries));
    }
    return select;
}

/* One snapshot: batches come and go meanwhile. SQLite has no other. */
static weir_session *open_reader(worker *w)
{
    if (!w->soak->postgresql)
        return weir_session_open(w->soak->engine);
    return weir_session_open_with(w->soak->engine, WEIR_SESSION_OPTIONS(.execution_options = OPTIONS(.isolation_level = WEIR_REPEATABLE_READ)));
}

static int read_batches(worker *w, weir_session *session, int64_t most)
{
    weir_stmt *select = select_batches(w);
    weir_result *result = weir_session_scalars(session, select);
    int64_t rows = 0, before = 0;
    for (struct batch *batch; rows < most && (batch = WEIR_NEXT(batch, result)) != NULL; rows++) {
        if (batch->id <= before)
            soak_fail(w, "batch %lld behind %lld", (long long)batch->id, (long long)before);
        before = batch->id;
        check_batch(w, batch);
    }
    weir_stmt_free(&select);
    int status = soak_keep(w, weir_result_error(result));
    return soak_first(status, weir_result_close(&result));
}

int soak_load(worker *w)
{
    weir_session *session = open_reader(w);
    soak_publish(w, weir_session_connection(session));
    int status = soak_keep(w, weir_session_error(session));
    for (int64_t i = soak_random(w, 2); i >= 0 && status == WEIR_OK; i--)
        status = read_batches(w, session, soak_chance(w, 3) ? soak_random(w, 20) : INT64_MAX);
    soak_withdraw(w);
    return soak_first(status, weir_session_close(&session));
}

int soak_abandon(worker *w)
{
    weir_session *session = open_reader(w);
    weir_stmt *select = select_batches(w);
    weir_result *result = weir_session_scalars(session, select);
    weir_stmt_free(&select);
    for (int64_t rows = soak_random(w, 30); rows > 0 && WEIR_NEXT(batch, result); rows--) {}
    int status = soak_keep(w, weir_result_error(result));
    if (!w->in_task || status != WEIR_OK || !soak_grounds_leave(w->grounds, session, result)) {
        int closing = weir_result_close(&result);
        status = soak_first(soak_first(status, closing), weir_session_close(&session));
    }
    return status;
}

/* ---- what takes too long ------------------------------------------------------------------------------------------------------------- */

static const char *long_text(const soak *s)
{
    return s->postgresql ? "SELECT pg_sleep(600)"
                         : "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 100000000000) SELECT count(*) FROM n";
}

static int run_long(worker *w, weir_connection *connection, const weir_execution_options *options, int wanted)
{
    weir_stmt *stmt = weir_sql(long_text(w->soak));
    weir_result *result = weir_connection_execute(connection, stmt, options);
    (void)weir_result_next(result);
    weir_stmt_free(&stmt);
    int status = soak_keep(w, weir_result_error(result));
    if (status == WEIR_OK)
        soak_fail(w, "what would run for long ended well, where %s was due", weir_status_name(wanted));
    return soak_first(status, weir_result_close(&result));
}

int soak_cancel(worker *w)
{
    weir_connection *connection = take(w);
    soak_publish(w, connection);
    int status = soak_keep(w, weir_connection_error(connection));
    if (status == WEIR_OK)
        status = run_long(w, connection, NULL, WEIR_CANCELLED);
    return finish(w, &connection, status);
}

int soak_expire(worker *w)
{
    weir_connection *connection = take(w);
    int64_t ms = 1 + soak_random(w, 20);
    int status = soak_keep(w, weir_connection_error(connection));
    w->may_expire = status == WEIR_OK;
    switch (soak_random(w, 3)) {
    case 0:
        if (status == WEIR_OK)
            status = run_long(w, connection, OPTIONS(.timeout_ms = ms), WEIR_DEADLINE_EXCEEDED);
        break;
    case 1:
        weir_connection_deadline(connection, ms);
        if (status == WEIR_OK)
            status = run_long(w, connection, NULL, WEIR_DEADLINE_EXCEEDED);
        break;
    default:                                    /* which may suffice */
        if (w->in_task)
            weir_task_cancel_after(weir_task_current(), ms);
        else
            weir_connection_deadline(connection, ms);
        status = stream_accounts(w, connection, ACCOUNTS + 1);
        if (w->in_task)
            weir_task_cancel_after(weir_task_current(), -1);
    }
    return finish(w, &connection, status);
}
