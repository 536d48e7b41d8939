/* The tables of jobs in PostgreSQL. Each change is one statement that commits itself, so that a worker which is stopped at any moment holds
 * no lock; and it names range, owner and attempt: who has lost a lease changes nothing (RULES K5). */
#include "transfer/job_table.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/buffer.h"
#include "base/values.h"
#include "base/wait.h"
#include "engine/connection.h"
#include "engine/result.h"
#include "sql/identifier.h"
#include "sql/statement.h"
#include "transfer/parallel.h"

enum { TRIES = 12, LAST_TRIES = 3, LAST_WORD_MS = 5000, PAUSE_SLICE_MS = 50, LOSSES_PER_ATTEMPT = 10 };

/* '@' stands for the schema. */
static const char *const tables[] = {
    "CREATE SCHEMA IF NOT EXISTS @",
    "CREATE TABLE IF NOT EXISTS @.jobs (name text PRIMARY KEY, fingerprint text NOT NULL, format text NOT NULL, failures_allowed bigint "
    "NOT NULL, state text NOT NULL DEFAULT 'running', reason text, made timestamptz NOT NULL DEFAULT clock_timestamp(), ended timestamptz)",
    "CREATE TABLE IF NOT EXISTS @.ranges (job text NOT NULL REFERENCES @.jobs (name) ON DELETE CASCADE, number bigint NOT NULL, "
    "after_key text, through_key text, state text NOT NULL DEFAULT 'open', owner text, attempt bigint NOT NULL DEFAULT 0, "
    "failures bigint NOT NULL DEFAULT 0, lease_until timestamptz, rows bigint, bytes bigint, sha256 text, file text, reason text, "
    "PRIMARY KEY (job, number))",
    "ALTER TABLE @.ranges ADD COLUMN IF NOT EXISTS losses bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS partition text",
};
static const char exists_sql[] =
    "SELECT (to_regclass(:jobs) IS NOT NULL AND (SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(:ranges) "
    "AND attname IN ('losses', 'partition') AND NOT attisdropped) = 2)::int";
static const char find_sql[] = "SELECT fingerprint, format, state, coalesce(reason, ''), failures_allowed FROM @.jobs WHERE name = :job";
static const char add_sql[] =
    "WITH made AS (INSERT INTO @.jobs (name, fingerprint, format, failures_allowed) VALUES (:job, :fingerprint, :format, :failures) "
    "ON CONFLICT DO NOTHING RETURNING name) "
    "INSERT INTO @.ranges (job, number, partition, after_key, through_key) SELECT made.name, r.n - 1, r.p, r.a, r.t "
    "FROM made, unnest(CAST(:partition AS text[]), CAST(:after AS text[]), CAST(:through AS text[])) WITH ORDINALITY AS r(p, a, t, n)";

/* A lease that ran out counts as a failure. */
#define EXPIRED "(r.state = 'leased' AND r.lease_until < clock_timestamp())"
static const char give_up_sql[] =
    "WITH hopeless AS (UPDATE @.ranges r SET state = 'failed', reason = coalesce(r.reason, 'its worker ' || r.owner || ' gave no sign any more') "
    "WHERE r.job = :job AND ((r.state = 'open' AND (r.failures >= :failures OR r.losses >= :losses)) OR (" EXPIRED " AND r.failures + 1 >= :failures)) "
    "RETURNING r.number, r.reason, r.losses >= :losses AS lost), first AS (SELECT number, reason, lost FROM hopeless ORDER BY number LIMIT 1) "
    "UPDATE @.jobs j SET state = 'failed', ended = clock_timestamp(), reason = 'range ' || first.number || "
    "CASE WHEN first.lost THEN ' lost its connection ' || :losses ELSE ' failed ' || :failures END || ' times: ' || first.reason "
    "FROM first WHERE j.name = :job AND j.state = 'running'";
static const char take_sql[] =
    "UPDATE @.ranges t SET state = 'leased', owner = :owner, attempt = t.attempt + 1, failures = t.failures + (t.state = 'leased')::int, "
    "lease_until = clock_timestamp() + :lease * interval '1 millisecond' WHERE t.job = :job AND t.number = (SELECT r.number FROM @.ranges r "
    "WHERE r.job = :job AND (r.state = 'open' OR " EXPIRED ") ORDER BY r.number LIMIT 1 FOR UPDATE SKIP LOCKED) "
    "RETURNING t.number, t.attempt, t.partition, t.after_key, t.through_key";
static const char left_sql[] =
    "SELECT j.state, coalesce(j.reason, ''), (SELECT count(*) FROM @.ranges r WHERE r.job = j.name AND r.state <> 'done') FROM @.jobs j WHERE j.name = :job";
static const char prolong_sql[] =
    "UPDATE @.ranges SET lease_until = clock_timestamp() + :lease * interval '1 millisecond' "
    "WHERE job = :job AND number = :number AND owner = :owner AND attempt = :attempt AND state = 'leased'";
/* Said again after a connection was lost in the middle, it finds what it did. */
static const char finish_sql[] =
    "UPDATE @.ranges SET state = 'done', rows = :rows, bytes = :bytes, sha256 = :sha256, file = :file, lease_until = NULL, reason = NULL "
    "WHERE job = :job AND number = :number AND owner = :owner AND attempt = :attempt AND state IN ('leased', 'done')";
static const char give_back_sql[] =
    "UPDATE @.ranges SET state = 'open', lease_until = NULL, failures = failures + :failed, losses = losses + :lost, reason = coalesce(CAST(:reason AS text), reason) "
    "WHERE job = :job AND number = :number AND owner = :owner AND attempt = :attempt AND state = 'leased'";
static const char list_sql[] =
    "SELECT number, attempt, rows, bytes, sha256, file, owner FROM @.ranges WHERE job = :job AND state = 'done' ORDER BY number";
static const char end_sql[] = "UPDATE @.jobs SET state = 'done', ended = clock_timestamp() WHERE name = :job AND state = 'running'";
static const char status_sql[] =
    "SELECT j.state, coalesce(j.reason, ''), count(*), count(*) FILTER (WHERE r.state = 'done'), "
    "count(*) FILTER (WHERE r.state = 'leased' AND r.lease_until >= clock_timestamp()), "
    "count(*) FILTER (WHERE r.state = 'open' OR " EXPIRED "), count(*) FILTER (WHERE r.state = 'failed'), "
    "coalesce(sum(r.rows), 0)::bigint, coalesce(sum(r.bytes), 0)::bigint, "
    "count(DISTINCT r.owner) FILTER (WHERE r.state = 'leased' AND r.lease_until >= clock_timestamp()), coalesce(sum(r.failures + r.losses), 0)::bigint, "
    "extract(epoch FROM coalesce(j.ended, clock_timestamp()) - j.made)::bigint "
    "FROM @.jobs j JOIN @.ranges r ON r.job = j.name WHERE j.name = :job GROUP BY j.name";

/* ---- asking ------------------------------------------------------------------------------------------------------------------------- */
typedef struct binding { const char *name; weir_value value; } binding;
#define BINDINGS(...) ((const binding[]){ __VA_ARGS__, { NULL, { 0 } } })

static weir_stmt *statement(const weir_job_table *table, const char *text, const binding *bindings)
{
    weir_buffer sql;
    weir_buffer_init(&sql, table->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    for (; *text; text++) {
        if (*text == '@')
            weir_identifier_append(&sql, table->schema);
        else
            weir_buffer_byte(&sql, *text);
    }
    weir_stmt *stmt = weir_sql_taken(&sql);
    for (size_t i = 0; i < weir_stmt_parameter_count(stmt); i++) {
        const char *name = weir_stmt_parameter_name(stmt, i);
        if (!strcmp(name, "job"))
            weir_bind(stmt, name, weir_value_cstr(table->job));
        else if (!strcmp(name, "owner"))
            weir_bind(stmt, name, weir_value_cstr(table->owner));
        else
            for (const binding *b = bindings; b && b->name; b++)
                if (!strcmp(name, b->name))
                    weir_bind(stmt, name, b->value);
    }
    return stmt;
}

/* One connection for one or a few statements. */
typedef struct asking { const weir_job_table *table; weir_connection *connection; weir_error *error; } asking;

static bool is_stopped(const weir_job_table *table) { return table->stop && atomic_load(table->stop); }

/* From now on it is cancelled with the others; NULL: no more. */
static void sit(const weir_job_table *table, weir_connection *connection)
{
    if (!table->seat)
        return;
    pthread_mutex_lock(table->seats);
    *table->seat = connection;
    pthread_mutex_unlock(table->seats);
}

static int begin(asking *a, const weir_job_table *table, weir_error *error)
{
    *a = (asking){ .table = table, .error = error };
    weir_error_clear(error);
    a->connection = weir_engine_connect_by(table->engine, "a job's table", table->within_ms ? weir_deadline_ms(table->within_ms) : 0);
    sit(table, a->connection);
    if (is_stopped(table) && !table->insists)       /* behind sitting down: who stops it from now on finds the connection */
        return weir_error_set(error, WEIR_CANCELLED, "cancelled");
    weir_execution_options options = { .struct_size = sizeof options, .isolation_level = WEIR_AUTOCOMMIT, .read_only = WEIR_OFF };
    if (weir_connection_error(a->connection)->status != WEIR_OK || weir_connection_options(a->connection, &options) != WEIR_OK)
        *error = *weir_connection_error(a->connection);
    return error->status;
}

static weir_result *ask(asking *a, const char *sql, const binding *bindings)
{
    weir_stmt *stmt = statement(a->table, sql, bindings);
    weir_result *result = weir_connection_execute(a->connection, stmt, NULL);
    weir_stmt_free(&stmt);
    return result;
}

static int told(asking *a, weir_result *result)
{
    weir_error_keep(a->error, weir_result_error(result));
    weir_result_drop(&result);
    return a->error->status;
}

/* Rows changed; negative: a status. */
static int64_t change(asking *a, const char *sql, const binding *bindings)
{
    weir_result *result = ask(a, sql, bindings);
    int64_t rows = weir_result_rowcount(result);
    int status = told(a, result);
    return status == WEIR_OK ? rows : status;
}

/* The status. */
static int end(asking *a)
{
    sit(a->table, NULL);
    return weir_give_back(&a->connection, a->error);
}

static bool is_one_of(const char *sqlstate, const char *const *states)
{
    for (; *states; states++)
        if (!strcmp(sqlstate, *states))
            return true;
    return false;
}

bool weir_job_passes(const weir_error *error)
{
    static const char *const states[] = { "40001", "40P01", "53300", "57P01", "57P02", "57P03", NULL };
    return error->disconnect || (weir_status_is(error->status, WEIR_OPERATIONAL) && !error->sqlstate[0]) || is_one_of(error->sqlstate, states);
}

/* What may go better the next time, here also: two that make the same at once, a lock that was in the way. */
static bool passes(const weir_job_table *table, const weir_error *error)
{
    static const char *const states[] = { "23505", "42710", "42P06", "42P07", "42701", "XX000", NULL };
    return weir_job_passes(error) || is_one_of(error->sqlstate, states) || (table->within_ms && error->status == WEIR_DEADLINE_EXCEEDED);
}

/* 50 ms, 100 ms, … up to two seconds. False: it was tried often enough. */
static bool try_again(const weir_job_table *table, int tries, const weir_error *error)
{
    if (tries >= TRIES || !passes(table, error))
        return false;
    int64_t until = weir_deadline_ms(tries < 6 ? INT64_C(50) << tries : 2000);
    while (!is_stopped(table) && weir_now() < until)
        nanosleep(&(struct timespec){ .tv_nsec = PAUSE_SLICE_MS * WEIR_NS_PER_MS }, NULL);
    return !is_stopped(table) || (table->insists && tries < LAST_TRIES);
}

/* What the job must hear of a range. */
static weir_job_table for_last_word(const weir_job_table *table)
{
    weir_job_table last = *table;
    last.seat = NULL;
    last.insists = true;
    last.within_ms = LAST_WORD_MS;
    return last;
}

/* One statement on a connection of its own. Rows changed, or a status. */
static int64_t change_alone(const weir_job_table *table, const char *sql, const binding *bindings, weir_error *error)
{
    for (int tries = 0; ; tries++) {
        asking a;
        int64_t rows = begin(&a, table, error) == WEIR_OK ? change(&a, sql, bindings) : error->status;
        int status = end(&a);
        if (status == WEIR_OK || !try_again(table, tries, error))
            return status == WEIR_OK ? rows : status;
    }
}

static void keep_text(char *out, size_t size, const weir_row *row, int column)
{
    weir_text text = weir_row_text_at(row, column);
    weir_error_text(out, size, text.ptr ? text.ptr : "", text.ptr ? text.len : 0);
}

/* ---- making ---------------------------------------------------------------------------------------------------------------------------- */
static int have_tables(const weir_job_table *table, bool *have, weir_error *error)
{
    weir_buffer names[2];
    static const char *const parts[2] = { ".jobs", ".ranges" };
    asking a;
    for (int i = 0; i < 2; i++) {
        weir_buffer_init(&names[i], table->ledger, WEIR_MEMORY_STATEMENTS, 1024);
        weir_identifier_append(&names[i], table->schema);
        weir_buffer_text(&names[i], parts[i]);
    }
    *have = false;
    if (begin(&a, table, error) == WEIR_OK) {
        weir_result *result = ask(&a, exists_sql, BINDINGS({ "jobs", weir_value_cstr(weir_buffer_cstr(&names[0])) },
                                                           { "ranges", weir_value_cstr(weir_buffer_cstr(&names[1])) }));
        const weir_row *row = weir_result_next(result);
        *have = row && weir_row_int64_at(row, 0) == 1;
        told(&a, result);
    }
    weir_buffer_free(&names[0]);
    weir_buffer_free(&names[1]);
    return end(&a);
}

/* Not made where they are: whoever works need not be allowed to make them. */
int weir_job_make_tables(const weir_job_table *table, weir_error *error)
{
    bool have = false;
    for (int tries = 0; ; tries++) {
        int status = have_tables(table, &have, error);
        if (status == WEIR_OK && have)
            return WEIR_OK;
        for (size_t i = 0; i < sizeof tables / sizeof *tables && status == WEIR_OK; i++) {
            int64_t made = change_alone(table, tables[i], NULL, error);
            status = made < 0 ? (int)made : WEIR_OK;
        }
        if (status == WEIR_OK || !try_again(table, tries, error))
            return status;
    }
}

static int find_once(const weir_job_table *table, weir_job_facts *out, bool *found, weir_error *error)
{
    asking a;
    *found = false;
    if (begin(&a, table, error) == WEIR_OK) {
        weir_result *result = ask(&a, find_sql, NULL);
        const weir_row *row = weir_result_next(result);
        *found = row != NULL;
        if (row) {
            keep_text(out->fingerprint, sizeof out->fingerprint, row, 0);
            keep_text(out->format, sizeof out->format, row, 1);
            keep_text(out->state, sizeof out->state, row, 2);
            keep_text(out->reason, sizeof out->reason, row, 3);
            out->failures = weir_row_int64_at(row, 4);
        }
        told(&a, result);
    }
    return end(&a);
}

int weir_job_find(const weir_job_table *table, weir_job_facts *out, bool *found, weir_error *error)
{
    int status;
    for (int tries = 0; (status = find_once(table, out, found, error)) != WEIR_OK && try_again(table, tries, error); tries++) {
    }
    return status;
}

int weir_job_add(const weir_job_table *table, const weir_job_facts *facts, const weir_job_range *ranges, size_t count, weir_error *error)
{
    asking a;
    weir_value *texts = weir_alloc_zero(table->ledger, WEIR_MEMORY_HANDLES, 3 * count * sizeof *texts);
    weir_array columns[3];
    if (!texts)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        const char *const of_range[3] = { ranges[i].partition, ranges[i].after, ranges[i].through };
        for (size_t c = 0; c < 3; c++)
            texts[c * count + i] = of_range[c] ? weir_value_cstr(of_range[c]) : weir_value_null();
    }
    for (size_t c = 0; c < 3; c++)
        columns[c] = (weir_array){ .element_type = WEIR_T_TEXT, .dimensions = 1, .count = count, .items = texts + c * count };
    if (begin(&a, table, error) == WEIR_OK)
        change(&a, add_sql, BINDINGS({ "fingerprint", weir_value_cstr(facts->fingerprint) }, { "format", weir_value_cstr(facts->format) },
                                     { "failures", weir_value_int(facts->failures) }, { "partition", weir_value_array(&columns[0]) },
                                     { "after", weir_value_array(&columns[1]) }, { "through", weir_value_array(&columns[2]) }));
    int status = end(&a);
    weir_free(texts);
    return status != WEIR_OK && passes(table, error) ? WEIR_OK : status;       /* whoever asks looks again */
}

/* ---- leases ------------------------------------------------------------------------------------------------------------------------------ */
static const char *copy_text(weir_arena *arena, const weir_row *row, int column)
{
    weir_text text = weir_row_text_at(row, column);
    char *copy = text.ptr ? weir_arena_bytes(arena, text.len + 1) : NULL;
    if (copy) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = 0;
    }
    return copy;
}

static int read_lease(asking *a, weir_result *result, weir_arena *arena, weir_job_lease *lease)
{
    const weir_row *row = weir_result_next(result);
    int state = WEIR_JOB_WAIT;
    if (row) {
        *lease = (weir_job_lease){ weir_row_int64_at(row, 0), weir_row_int64_at(row, 1),
                                   { copy_text(arena, row, 2), copy_text(arena, row, 3), copy_text(arena, row, 4) } };
        const char *const texts[3] = { lease->range.partition, lease->range.after, lease->range.through };
        bool lost = false;
        for (int i = 0; i < 3; i++)
            lost = lost || (!texts[i] && !weir_row_is_null_at(row, 2 + i));
        state = lost ? weir_error_out_of_memory(a->error) : WEIR_JOB_RANGE;
    }
    int status = told(a, result);
    return status == WEIR_OK ? state : status;
}

static int read_left(asking *a, weir_job_facts *facts)
{
    weir_result *result = ask(a, left_sql, NULL);
    const weir_row *row = weir_result_next(result);
    int state = WEIR_JOB_WAIT;
    if (row) {
        keep_text(facts->state, sizeof facts->state, row, 0);
        keep_text(facts->reason, sizeof facts->reason, row, 1);
        state = !strcmp(facts->state, "failed") ? WEIR_JOB_FAILED : weir_row_int64_at(row, 2) == 0 ? WEIR_JOB_DONE : WEIR_JOB_WAIT;
    } else if (weir_result_error(result)->status == WEIR_OK) {
        weir_error_set(a->error, WEIR_INVALID_REQUEST, "the job %s is gone: somebody removed it", a->table->job);
    }
    int status = told(a, result);
    return status == WEIR_OK ? state : status;
}

static int take_once(const weir_job_table *table, weir_job_facts *facts, weir_arena *arena, weir_job_lease *lease, weir_error *error)
{
    asking a;
    const binding *bindings = BINDINGS({ "failures", weir_value_int(facts->failures) }, { "lease", weir_value_int(facts->lease_ms) },
                                       { "losses", weir_value_int(facts->failures * LOSSES_PER_ATTEMPT) });
    int64_t given_up = begin(&a, table, error) == WEIR_OK ? change(&a, give_up_sql, bindings) : error->status;
    int state = given_up < 0 ? (int)given_up : read_left(&a, facts);
    if (state == WEIR_JOB_WAIT)
        state = read_lease(&a, ask(&a, take_sql, bindings), arena, lease);
    int status = end(&a);
    return status == WEIR_OK ? state : status;
}

int weir_job_take(const weir_job_table *table, weir_job_facts *facts, weir_arena *arena, weir_job_lease *lease, weir_error *error)
{
    int state;
    for (int tries = 0; (state = take_once(table, facts, arena, lease, error)) < 0 && try_again(table, tries, error); tries++) {
    }
    return state;
}

#define OF_LEASE(lease) { "number", weir_value_int((lease)->number) }, { "attempt", weir_value_int((lease)->attempt) }

int weir_job_prolong(const weir_job_table *table, const weir_job_facts *facts, const weir_job_lease *lease, weir_error *error)
{
    asking a;
    const weir_job_table soon = for_last_word(table);
    int64_t rows = begin(&a, &soon, error) == WEIR_OK ? change(&a, prolong_sql, BINDINGS(OF_LEASE(lease), { "lease", weir_value_int(facts->lease_ms) }))
                                                      : error->status;
    int status = end(&a);
    return status == WEIR_OK ? (int)rows : status;
}

int weir_job_finish(const weir_job_table *table, const weir_job_lease *lease, const weir_piece_facts *piece, const char *file, weir_error *error)
{
    const weir_job_table last = for_last_word(table);
    return (int)change_alone(&last, finish_sql, BINDINGS(OF_LEASE(lease), { "rows", weir_value_int(piece->rows) },
                             { "bytes", weir_value_int(piece->bytes) }, { "sha256", weir_value_cstr(piece->sha256) },
                             { "file", weir_value_cstr(file) }), error);
}

int weir_job_give_back(const weir_job_table *table, const weir_job_lease *lease, weir_job_outcome outcome, const char *reason, weir_error *error)
{
    const weir_job_table last = for_last_word(table);
    int64_t rows = change_alone(&last, give_back_sql, BINDINGS(OF_LEASE(lease), { "failed", weir_value_int(outcome == WEIR_JOB_ATTEMPT) },
                                { "lost", weir_value_int(outcome == WEIR_JOB_LOSS) }, { "reason", weir_value_cstr(reason) }), error);
    return rows < 0 ? (int)rows : WEIR_OK;
}

/* ---- the manifest -------------------------------------------------------------------------------------------------------------------------- */
typedef struct listing { const char **files, **owners; weir_piece_facts *pieces; size_t count; } listing;

static void file_of(void *context, size_t index, char out[NAME_MAX + 1])
{
    const listing *l = context;
    snprintf(out, NAME_MAX + 1, "%s", l->files[index]);
}
static const char *owner_of(void *context, size_t index) { return ((const listing *)context)->owners[index]; }

static int read_listing(asking *a, weir_arena *arena, listing *l)
{
    weir_result *result = ask(a, list_sql, NULL);
    const weir_partition *all = weir_result_all(result);
    size_t count = all ? all->count : 0;
    l->files = weir_arena_take(arena, (count + 1) * sizeof *l->files);
    l->owners = weir_arena_take(arena, (count + 1) * sizeof *l->owners);
    l->pieces = weir_arena_take(arena, (count + 1) * sizeof *l->pieces);
    bool whole = l->files && l->owners && l->pieces;
    for (size_t i = 0; whole && i < count; i++) {
        const weir_row *row = all->rows[i];
        l->pieces[i] = (weir_piece_facts){ weir_row_int64_at(row, 0), weir_row_int64_at(row, 1), weir_row_int64_at(row, 2),
                                           weir_row_int64_at(row, 3), "" };
        keep_text(l->pieces[i].sha256, sizeof l->pieces[i].sha256, row, 4);
        l->files[i] = copy_text(arena, row, 5);
        l->owners[i] = copy_text(arena, row, 6);
        whole = l->files[i] && l->owners[i];
    }
    l->count = count;
    if (!whole)
        weir_error_out_of_memory(a->error);
    return told(a, result);
}

int weir_job_write_manifest(const weir_job_table *table, const char *format, const char *path, weir_error *error)
{
    weir_arena arena;
    asking a;
    listing l = { 0 };
    weir_arena_init(&arena, table->ledger, WEIR_MEMORY_HANDLES, 4096);
    if (begin(&a, table, error) == WEIR_OK)
        read_listing(&a, &arena, &l);
    int status = end(&a);       /* tells what went wrong before, too */
    weir_manifest manifest = { .format = format, .job = table->job, .count = l.count, .pieces = l.pieces, .name = file_of, .owner = owner_of,
                               .context = &l };
    if (status == WEIR_OK)
        status = weir_manifest_write(&manifest, path, table->ledger, error);
    weir_arena_free(&arena);
    int64_t ended = status == WEIR_OK ? change_alone(table, end_sql, NULL, error) : status;
    return ended < 0 ? (int)ended : WEIR_OK;
}

bool weir_job_is_schema(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= WEIR_JOB_LONGEST_SCHEMA;
}

/* ---- status ---------------------------------------------------------------------------------------------------------------------------------- */
int weir_job_status(weir_engine *engine, const char *schema, const char *job, weir_job_figures *out, weir_error *error)
{
    weir_error unused;
    asking a;
    bool have = false, found = false;
    error = error ? error : &unused;
    *out = (weir_job_figures){ 0 };
    weir_job_table table = { .engine = engine, .ledger = weir_ledger_root(), .schema = schema ? schema : "weir_jobs", .job = job };
    weir_error_clear(error);
    if (schema && !weir_job_is_schema(schema))
        return weir_error_set(error, WEIR_ARGUMENT, "a schema's name has 1 to %d bytes: PostgreSQL would cut a longer one", WEIR_JOB_LONGEST_SCHEMA);
    if (!job)
        return weir_error_set(error, WEIR_ARGUMENT, "a job's name is needed");
    if (strcmp(weir_engine_dialect(engine), "postgresql") != 0)
        return weir_error_set(error, WEIR_NOT_SUPPORTED, "jobs are in PostgreSQL only");
    if (have_tables(&table, &have, error) != WEIR_OK)
        return error->status;
    if (have && begin(&a, &table, error) == WEIR_OK) {
        weir_result *result = ask(&a, status_sql, NULL);
        const weir_row *row = weir_result_next(result);
        found = row != NULL;
        if (row) {
            int64_t *const numbers[] = { &out->ranges, &out->done, &out->leased, &out->open, &out->failed, &out->rows, &out->bytes,
                                         &out->workers, &out->takeovers, &out->seconds };
            keep_text(out->state, sizeof out->state, row, 0);
            keep_text(out->reason, sizeof out->reason, row, 1);
            for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                *numbers[i] = weir_row_int64_at(row, (int)i + 2);
        }
        told(&a, result);
    }
    if (have && end(&a) != WEIR_OK)
        return error->status;
    return found ? WEIR_OK : weir_error_set(error, WEIR_INVALID_REQUEST, "there is no job %s in the schema %s", job, table.schema);
}
