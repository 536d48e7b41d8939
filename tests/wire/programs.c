/* The programs that wire faults happen to: a short one, of which every byte is tried, and a long one that does all that uses a wire. */
#include "wire.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)

WEIR_ENTITY_DECLARE(parent);
WEIR_ENTITY_DECLARE(child);
WEIR_ENTITY_DECLARE(written);
struct parent { int64_t id; const char *label; WEIR_MANY(struct child) children; };
struct child { int64_t id, parent_id, amount; };
struct written { int64_t attempt, number; const char *note; };
WEIR_ENTITY(parent, "wire_parents",
    WEIR_COLUMN(parent, id, .primary_key = true),
    WEIR_COLUMN(parent, label),
    WEIR_HAS_MANY(parent, children, child, parent_id, .order_by = "id"));
WEIR_ENTITY(child, "wire_children",
    WEIR_COLUMN(child, id, .primary_key = true),
    WEIR_COLUMN(child, parent_id, .foreign_key = "wire_parents.id"),
    WEIR_COLUMN(child, amount));
WEIR_ENTITY(written, "wire_written",
    WEIR_COLUMN(written, attempt, .primary_key = true),
    WEIR_COLUMN(written, number, .primary_key = true),
    WEIR_COLUMN(written, note));

const char wire_tables[] =
    "CREATE TABLE wire_parents(id bigint PRIMARY KEY, label text NOT NULL);"
    "CREATE TABLE wire_children(id bigint PRIMARY KEY, parent_id bigint NOT NULL REFERENCES wire_parents, amount bigint NOT NULL);"
    "CREATE TABLE wire_written(attempt bigint, number bigint, note text, PRIMARY KEY (attempt, number));"
    "INSERT INTO wire_parents SELECT id, 'parent ' || id FROM generate_series(1, 150) AS id;"
    "INSERT INTO wire_children SELECT id, (id - 1) / 3 + 1, id * 10 FROM generate_series(1, 450) AS id;"
    "ANALYZE";

/* ---- what all programs do ------------------------------------------------------------------------------------------------------- */

bool wire_fine(attempt *a, const weir_error *error)
{
    if (error->status != WEIR_OK && a->error.status == WEIR_OK)
        a->error = *error;
    return error->status == WEIR_OK;
}

void wire_wrong(attempt *a, const char *format, ...)
{
    va_list arguments;
    if (a->wrong[0])
        return;
    va_start(arguments, format);
    vsnprintf(a->wrong, sizeof a->wrong, format, arguments);
    va_end(arguments);
}

weir_engine *wire_engine(const attempt *a)
{
    weir_engine *engine;
    const char *const settings[] = { "search_path", a->schema, NULL };
    (void)!weir_engine_open(&engine, a->url, WEIR_ENGINE_OPTIONS(.pool_size = 2, .connect_timeout_ms = a->read_timeout_ms,
                                                                .read_timeout_ms = a->read_timeout_ms, .connect_args = settings));
    return engine;
}

weir_execution_options wire_options(int mode, int64_t rows)
{
    weir_execution_options options = { .struct_size = sizeof options, .yield_per = mode == 3 ? 0 : rows };
    options.prefetch = mode == 1 ? WEIR_OFF : WEIR_UNSET;
    options.cursor_mode = mode == 2 ? WEIR_CURSOR_DECLARE : WEIR_CURSOR_DEFAULT;
    return options;
}

void wire_commits(attempt *a) { a->committing = true; }

/* A COMMIT that nobody answered must say so. */
void wire_answered(attempt *a, int status, const weir_error *error)
{
    a->committed = status == WEIR_OK;
    a->bytes = test_proxy_bytes(a->proxy);
    a->bytes_sent = test_proxy_bytes_sent(a->proxy);
    a->messages = test_proxy_messages(a->proxy);
    if (status != WEIR_OK && status != error->status)
        wire_wrong(a, "COMMIT gives %s, its handle says %s", weir_status_name(status), weir_status_name(error->status));
    if (status != WEIR_OK && error->disconnect && !strstr(error->hint, "is not known"))
        wire_wrong(a, "the connection was lost in COMMIT (%.100s), and the hint is: %.100s", error->message, error->hint);
}

/* Closing gives no error that was not told before, but for a connection that could not be made. */
static void close_all(attempt *a, weir_connection **connection, weir_engine **engine)
{
    int status = weir_connection_close(connection);
    if (status != WEIR_OK && status != a->error.status)
        wire_wrong(a, "closing the connection gives %s behind %s", weir_status_name(status), weir_status_name(a->error.status));
    weir_engine_close(engine);
}

/* ---- the short one ---------------------------------------------------------------------------------------------------------------- */

static bool read_short(attempt *a, weir_connection *connection)
{
    weir_execution_options options = wire_options(a->mode, 5);
    weir_stmt *stmt = weir_sql("SELECT id, repeat('x', id::int) AS text FROM generate_series(1, :most::bigint) AS id WHERE :word <> '' ORDER BY id");
    int64_t rows = 0;
    WEIR_BIND(stmt, "most", SHORT_ROWS);
    WEIR_BIND(stmt, "word", "wire");
    weir_result *result = weir_connection_execute(connection, stmt, &options);
    weir_stmt_free(&stmt);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
        rows++;
        if (!a->may_differ && (weir_row_int64_at(row, 0) != rows || weir_row_text_at(row, 1).len != (size_t)rows))
            wire_wrong(a, "row %lld is (%lld, %zu bytes)", (long long)rows, (long long)weir_row_int64_at(row, 0), weir_row_text_at(row, 1).len);
    }
    bool fine = wire_fine(a, weir_result_error(result));
    if (fine && !a->may_differ && rows != SHORT_ROWS)
        wire_wrong(a, "a stream ends after %lld rows without an error", (long long)rows);
    int status = weir_result_close(&result);
    if (fine && status != WEIR_OK && status != WEIR_DATA)
        wire_wrong(a, "the close of a stream that ended well gives %s", weir_status_name(status));
    return fine;
}

int wire_short(void *argument)
{
    attempt *a = argument;
    weir_engine *engine = wire_engine(a);
    weir_connection *connection = weir_engine_connect(engine);
    if (wire_fine(a, weir_connection_error(connection)) && read_short(a, connection)) {
        weir_stmt *stmt = weir_sql("INSERT INTO wire_written VALUES (:attempt, 0, 'short')");
        WEIR_BIND(stmt, "attempt", a->number);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        weir_stmt_free(&stmt);
        bool fine = wire_fine(a, weir_result_error(result));
        if (weir_result_close(&result) == WEIR_OK && fine) {
            wire_commits(a);
            int status = weir_connection_commit(connection);
            wire_answered(a, status, weir_connection_error(connection));
            if (status != WEIR_OK)
                wire_fine(a, weir_connection_error(connection));
        }
    }
    close_all(a, &connection, &engine);
    return WEIR_OK;
}

/* ---- the long one ----------------------------------------------------------------------------------------------------------------- */

/* A statement that runs into its time-out is cancelled over a connection of its own; the connection stays, or is replaced. */
static bool run_out_of_time(attempt *a, weir_session *session)
{
    weir_stmt *stmt = weir_sql("SELECT pg_sleep(3)");
    weir_stmt_options(stmt, OPTIONS(.timeout_ms = 20));
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    weir_error error = *weir_result_error(result);
    int status = weir_result_close(&result);
    if (status == WEIR_OK && !a->may_differ)
        wire_wrong(a, "a statement of three seconds ends well within 20 ms");
    if (error.status == WEIR_DEADLINE_EXCEEDED)
        return weir_session_rollback(session) == WEIR_OK || wire_fine(a, weir_session_error(session));
    return status == WEIR_OK || wire_fine(a, &error);
}

static bool read_long(attempt *a, weir_session *session)
{
    weir_execution_options options = wire_options(a->mode, 200);
    weir_stmt *stmt = weir_sql("SELECT id, CASE WHEN id % 500 = 0 THEN repeat(md5(id::text), 5000) ELSE 'row ' || id END AS note, id::numeric / 4 AS amount "
                               "FROM generate_series(1, :most::bigint) AS id ORDER BY id");
    int64_t rows = 0;
    char note[40];
    WEIR_BIND(stmt, "most", LONG_ROWS);
    weir_stmt_options(stmt, &options);
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
        rows++;
        snprintf(note, sizeof note, "row %lld", (long long)rows);
        weir_text text = weir_row_text_at(row, 1);
        bool right = weir_row_int64_at(row, 0) == rows && (rows % 500 == 0 ? text.len == 160000 && !memcmp(text.ptr, text.ptr + 32, 159968)
                                                                         : !strcmp(text.ptr ? text.ptr : "", note));
        if (!right && !a->may_differ)
            wire_wrong(a, "row %lld is (%lld, '%.20s')", (long long)rows, (long long)weir_row_int64_at(row, 0), text.ptr ? text.ptr : "");
    }
    bool fine = wire_fine(a, weir_result_error(result));
    if (fine && !a->may_differ && rows != LONG_ROWS)
        wire_wrong(a, "a stream ends after %lld rows without an error", (long long)rows);
    int status = weir_result_close(&result);
    return fine && (status == WEIR_OK || a->may_differ);
}

static bool load(attempt *a, weir_session *session)
{
    weir_stmt *select = weir_select(&parent_entity);
    int64_t rows = 0;
    weir_order_by(select, WEIR_ASC(WEIR_COL(parent, id)));
    weir_selectinload(select, WEIR_COL(parent, children));
    weir_yield_per(select, 40);
    weir_result *result = weir_session_scalars(session, select);
    weir_stmt_free(&select);
    for (struct parent *parent; (parent = WEIR_NEXT(parent, result)) != NULL; ) {
        rows++;
        bool right = parent->id == rows && parent->children.count == CHILDREN;
        for (size_t i = 0; right && i < CHILDREN; i++)
            right = parent->children.items[i]->id == (rows - 1) * CHILDREN + (int64_t)i + 1 &&
                    parent->children.items[i]->amount == parent->children.items[i]->id * 10;
        if (!right && !a->may_differ)
            wire_wrong(a, "parent %lld is %lld and has %zu children", (long long)rows, (long long)parent->id, parent->children.count);
    }
    bool fine = wire_fine(a, weir_result_error(result));
    if (fine && !a->may_differ && rows != PARENTS)
        wire_wrong(a, "loading ends after %lld parents without an error", (long long)rows);
    int status = weir_result_close(&result);
    return fine && (status == WEIR_OK || a->may_differ);
}

static void fill(struct written *sets, size_t count, int64_t attempt_number, int64_t first)
{
    for (size_t i = 0; i < count; i++)
        sets[i] = (struct written){ .attempt = attempt_number, .number = first + (int64_t)i, .note = "a note that travels with each of them" };
}

static bool copy_in(attempt *a, weir_session *session)
{
    struct written sets[COPIED];
    fill(sets, COPIED, a->number, 1);
    weir_connection *connection = weir_session_connection(session);
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &written_entity));
    (void)weir_copy_structs(copy, sets, COPIED);
    weir_error error = *weir_copy_error(copy);
    int64_t rows = weir_copy_finish(&copy);
    bool fine = wire_fine(a, &error) && (rows >= 0 || wire_fine(a, weir_connection_error(connection)));
    if (fine && rows < 0)
        wire_wrong(a, "a COPY fails as %s without an error", weir_status_name((int)rows));
    if (rows >= 0 && rows != COPIED && !a->may_differ)
        wire_wrong(a, "a COPY of %d rows says %lld", COPIED, (long long)rows);
    return rows >= 0;
}

static bool write_many(attempt *a, weir_session *session)
{
    struct written sets[MANY];
    fill(sets, MANY, a->number, 1000);
    weir_stmt *insert = weir_insert(&written_entity);
    int64_t rows = weir_session_execute_many(session, insert, sets, MANY, WEIR_MANY_OPTIONS(.page_size = 25));
    weir_stmt_free(&insert);
    if (rows < 0 && wire_fine(a, weir_session_error(session)))
        wire_wrong(a, "many sets fail as %s without an error", weir_status_name((int)rows));
    if (rows >= 0 && rows != MANY && !a->may_differ)
        wire_wrong(a, "%d sets are written as %lld", MANY, (long long)rows);
    return rows >= 0;
}

int wire_long(void *argument)
{
    attempt *a = argument;
    weir_engine *engine = wire_engine(a);
    weir_session *session = weir_session_open(engine);
    bool fine = wire_fine(a, weir_session_error(session)) && (!a->cancels || run_out_of_time(a, session)) && read_long(a, session) && load(a, session) &&
                copy_in(a, session) && write_many(a, session);
    if (fine) {
        wire_commits(a);
        int status = weir_session_commit(session);
        wire_answered(a, status, weir_session_error(session));
        if (status != WEIR_OK)
            wire_fine(a, weir_session_error(session));
    }
    int status = weir_session_close(&session);
    if (status != WEIR_OK && a->error.status == WEIR_OK)
        wire_wrong(a, "closing the session gives %s", weir_status_name(status));
    weir_engine_close(&engine);
    return WEIR_OK;
}
