/* docs/pitfalls.md quotes what weir says: each text on that page, a line that is indented, is the one that is said, and each is made here. */
#include "support.h"
#include "support_task.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);
struct order { int64_t id, tenant_id; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true),
    WEIR_COLUMN(order_line, order_id));

/* ---- helpers -------------------------------------------------------------------------------------------------------------- */
static weir_error end_result(weir_result **result)
{
    weir_error error = *weir_result_error(*result);
    assert_int_equal(weir_result_close(result), error.status);
    return error;
}

static weir_error read_all(weir_result *result)
{
    while (weir_result_next(result))
        continue;
    return end_result(&result);
}

/* A text on a connection that nobody else has, read to its end; `with` is about the statement. */
static weir_error read_text(test_database *db, const char *sql, const weir_execution_options *options)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(sql);
    weir_error error = read_all(weir_connection_execute(connection, stmt, options));
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    return error;
}

static weir_error read_orders(test_database *db, void (*with)(weir_stmt *stmt))
{
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_yield_per(stmt, 2);
    with(stmt);
    weir_result *result = weir_session_scalars(session, stmt);
    while (WEIR_NEXT(order, result))
        continue;
    weir_error error = end_result(&result);
    weir_stmt_free(&stmt);
    assert_int_equal(weir_session_close(&session), WEIR_OK);
    return error;
}

/* ---- the pitfalls ------------------------------------------------------------------------------------------------------------ */
static void with_joined_lines(weir_stmt *stmt) { weir_joinedload(stmt, WEIR_COL(order, lines)); }
static weir_error joined_load(test_database *db) { return read_orders(db, with_joined_lines); }

static weir_error autocommit(test_database *db)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    weir_stmt *stmt = weir_sql("SELECT id FROM orders ORDER BY id");
    weir_error error = read_all(weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 2)));
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    return error;
}

static weir_error slow_consumers(test_database *db)
{
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 20));
    weir_connection *first = weir_engine_connect(engine), *second = weir_engine_connect(engine);
    weir_error error = *weir_connection_error(second);
    error.detail[0] = 0;            /* who holds the connections, and since when */
    assert_int_equal(weir_connection_close(&second), error.status);
    close_connection_ok(&first);
    weir_engine_close(&engine);
    return error;
}

static weir_error no_order(test_database *db)
{
    weir_error error = { .status = WEIR_WARNING };
    test_log_clear(db->log);
    assert_int_equal(read_text(db, "SELECT id FROM orders", OPTIONS(.yield_per = 2)).status, WEIR_OK);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
    snprintf(error.message, sizeof error.message, "%s", test_log_at(db->log, WEIR_LOG_WARNING, 0)->message);
    return error;
}

static void by_tenant(weir_stmt *stmt) { weir_group_by(stmt, WEIR_COL(order, tenant_id)); }
static weir_error grouped_entities(test_database *db) { return read_orders(db, by_tenant); }

static weir_error unique_stream(test_database *db)
{
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_COL(order, id));
    weir_yield_per(stmt, 2);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_result_unique(result);
    while (WEIR_NEXT(order, result))
        continue;
    weir_error error = end_result(&result);
    weir_stmt_free(&stmt);
    assert_int_equal(weir_session_close(&session), WEIR_OK);
    return error;
}

static weir_error commit_in_the_middle(test_database *db)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 2));
    assert_non_null(weir_result_next(result));
    assert_int_equal(weir_connection_commit(connection), WEIR_OK);
    weir_error error = read_all(result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    return error;
}

static weir_error null_by_a_getter(test_database *db)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, NULLIF(id, 3) AS paid FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 2));
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
        (void)weir_row_int64(row, "paid");
    weir_error error = end_result(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    return error;
}

static weir_error two_statements(test_database *db) { return read_text(db, "SELECT 1 AS one; SELECT 2 AS two", NULL); }

static weir_error too_wide(test_database *db)
{
    const char *sql = db->postgresql ? "SELECT id, repeat('w', CASE WHEN id = 5 THEN 300000 ELSE 1 END) AS page FROM orders ORDER BY id"
                                     : "SELECT id, printf('%.*c', CASE WHEN id = 5 THEN 300000 ELSE 1 END, 'w') AS page FROM orders ORDER BY id";
    weir_error error = read_text(db, sql, OPTIONS(.memory = 256 * 1024));
    /* What a row takes beside its text, and what is in use at that moment, is not the same everywhere. */
    char *width = strstr(error.message, " takes 3000"), *end = strstr(error.message, "262144 bytes");
    assert_true(width && end);
    memcpy(width + strlen(" takes "), "300008", 6);
    end[strlen("262144 bytes")] = 0;
    return error;
}

static weir_error key_of_a_place(test_database *db)
{
    weir_stmt *stmt = weir_sql("SELECT id / 2 AS half FROM orders");
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "half not null"));
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, NULL);
    while (weir_resume_fetchmany(stream, 0))
        continue;
    weir_error error = *weir_resume_error(stream);
    assert_int_equal(weir_resume_close(&stream), error.status);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    return error;
}

typedef struct blocked { test_database *db; weir_error error; } blocked;

static void stream_in_a_callback(weir_loop *loop, void *argument)
{
    blocked *b = argument;
    (void)loop;
    weir_session *session = weir_session_open(b->db->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_result *result = weir_session_scalars(session, stmt);
    b->error = *weir_result_error(result);
    assert_int_equal(weir_result_close(&result), b->error.status);
    weir_stmt_free(&stmt);
    assert_int_equal(weir_session_close(&session), WEIR_OK);
}

static weir_error outside_of_a_task(test_database *db)
{
    blocked b = { .db = db };
    run_on_loop(stream_in_a_callback, &b);
    return b.error;
}

static weir_error statement_timeout(test_database *db)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "SET statement_timeout = 20");
    weir_stmt *stmt = weir_sql("SELECT pg_sleep(10)");
    weir_error error = read_all(weir_connection_execute(connection, stmt, NULL));
    weir_stmt_free(&stmt);
    assert_int_equal(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
    return error;
}

static const struct pitfall { weir_error (*make)(test_database *db); int status; bool postgresql_only; } pitfalls[] = {
    { joined_load, WEIR_INVALID_REQUEST, false }, { autocommit, WEIR_INVALID_REQUEST, false }, { slow_consumers, WEIR_TIMEOUT, false },
    { no_order, WEIR_WARNING, false }, { grouped_entities, WEIR_INVALID_REQUEST, false }, { unique_stream, WEIR_INVALID_REQUEST, false },
    { commit_in_the_middle, WEIR_RESOURCE_CLOSED, false }, { null_by_a_getter, WEIR_DATA, false }, { two_statements, WEIR_INVALID_REQUEST, false },
    { too_wide, WEIR_BUDGET_EXCEEDED, false }, { key_of_a_place, WEIR_INVALID_REQUEST, false },
    { outside_of_a_task, WEIR_WOULD_BLOCK, false }, { statement_timeout, WEIR_QUERY_CANCELED, true },
};
enum { PITFALLS = sizeof pitfalls / sizeof *pitfalls };

/* ---- the page ------------------------------------------------------------------------------------------------------------------ */
static bool page_says(const char *text, size_t *texts)
{
    char path[1024], line[2048];
    bool found = false;
    snprintf(path, sizeof path, "%s/docs/pitfalls.md", test_environment("WEIR_TEST_SOURCE"));
    FILE *page = fopen(path, "r");
    assert_non_null(page);
    *texts = 0;
    while (fgets(line, sizeof line, page)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "    ", 4) != 0)
            continue;
        ++*texts;
        found = found || !strcmp(line + 4, text);
    }
    fclose(page);
    return found;
}

static void test_the_page_has_the_texts(void **state)
{
    test_database *db = *state;
    size_t texts = 0;
    bool missing = false;
    test_fixture(db, 12);
    for (size_t i = 0; i < PITFALLS; i++) {
        if (pitfalls[i].postgresql_only && !db->postgresql)
            continue;
        char text[2048];
        weir_error error = pitfalls[i].make(db);
        if (!weir_status_is(error.status, pitfalls[i].status))
            print_error("%zu: ", i);
        weir_error_format(&error, text, sizeof text);
        if (!page_says(text, &texts)) {
            print_error("docs/pitfalls.md lacks:\n    %s\n", text);
            missing = true;
        }
    }
    assert_false(missing);
    assert_int_equal(texts, PITFALLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { ON_BOTH(test_the_page_has_the_texts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
