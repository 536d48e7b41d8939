/* What weir says: the log and its kinds, echo, hidden parameters, warnings and warnings as errors, what errors contain on each
 * database, and the tree of statuses. */
#include "connections.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- statuses --------------------------------------------------------------------------------------------------------------- */

/* Each class with all its ancestors, as semantics.md section 17 has them (weir's own classes below ERROR). */
static void test_the_tree_of_statuses(void **state)
{
    (void)state;
    enum { E = WEIR_ERROR, A = WEIR_ARGUMENT, I = WEIR_INVALID_REQUEST, S = WEIR_STATEMENT, B = WEIR_DBAPI, D = WEIR_DATABASE,
           O = WEIR_OPERATIONAL };
    static const struct { int status, ancestors[6]; } tree[] = {
        { WEIR_OUT_OF_MEMORY, { E } }, { WEIR_ERROR, { 0 } }, { WEIR_BUDGET_EXCEEDED, { E } },
        { WEIR_CANCELLED, { E } }, { WEIR_IO, { E } },
        { WEIR_WARNING, { E } }, { WEIR_ARGUMENT, { E } }, { WEIR_OUT_OF_RANGE, { A, E } }, { WEIR_MAPPING, { A, E } },
        { WEIR_NO_FOREIGN_KEYS, { A, E } }, { WEIR_AMBIGUOUS_FOREIGN_KEYS, { A, E } }, { WEIR_COMPILE, { E } }, { WEIR_TIMEOUT, { E } },
        { WEIR_STALE_DATA, { E } }, { WEIR_DETACHED_INSTANCE, { E } }, { WEIR_FLUSH, { E } }, { WEIR_INVALID_REQUEST, { E } },
        { WEIR_RESOURCE_CLOSED, { I, E } }, { WEIR_PENDING_ROLLBACK, { I, E } }, { WEIR_NO_RESULT_FOUND, { I, E } },
        { WEIR_MULTIPLE_RESULTS_FOUND, { I, E } }, { WEIR_NO_SUCH_COLUMN, { I, E } }, { WEIR_AMBIGUOUS_COLUMN, { I, E } },
        { WEIR_WOULD_BLOCK, { I, E } }, { WEIR_ASYNC_METHOD_REQUIRED, { I, E } }, { WEIR_OBJECT_DELETED, { I, E } },
        { WEIR_UNMAPPED, { I, E } },
        { WEIR_STATEMENT, { E } }, { WEIR_DBAPI, { S, E } }, { WEIR_INTERFACE, { B, S, E } }, { WEIR_DATABASE, { B, S, E } },
        { WEIR_DATA, { D, B, S, E } }, { WEIR_OPERATIONAL, { D, B, S, E } }, { WEIR_QUERY_CANCELED, { O, D, B, S, E } },
        { WEIR_DEADLINE_EXCEEDED, { O, D, B, S, E } }, { WEIR_INTEGRITY, { D, B, S, E } }, { WEIR_INTERNAL, { D, B, S, E } },
        { WEIR_PROGRAMMING, { D, B, S, E } }, { WEIR_NOT_SUPPORTED, { D, B, S, E } },
    };
    enum { COUNT = sizeof tree / sizeof *tree };
    size_t all = 0;
#define COUNT_ONE(name, number, parent, words) all++;
    WEIR_STATUS_LIST(COUNT_ONE)
#undef COUNT_ONE
    assert_int_equal(COUNT, all);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < COUNT; k++) {
            bool wanted = tree[k].status == tree[i].status;
            for (size_t a = 0; a < 6; a++)
                wanted = wanted || (tree[i].ancestors[a] && tree[i].ancestors[a] == tree[k].status);
            if (weir_status_is(tree[i].status, tree[k].status) != wanted)
                fail_msg("%s is%s %s", weir_status_name(tree[i].status), wanted ? " not" : "", weir_status_name(tree[k].status));
        }
        assert_false(weir_status_is(tree[i].status, WEIR_OK));
        assert_false(weir_status_is(WEIR_OK, tree[i].status));
        assert_true(strlen(weir_status_name(tree[i].status)) > 3);
    }
    assert_true(weir_status_is(WEIR_OK, WEIR_OK));
    static const int unknown[] = { 1, 100, -1000, INT32_MIN, INT32_MAX, WEIR_STATUS_LAST_ - 1 };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_false(weir_status_is(unknown[i], unknown[i]));
        assert_false(weir_status_is(unknown[i], WEIR_ERROR));
        assert_false(weir_status_is(WEIR_DATA, unknown[i]));
        assert_string_equal(weir_status_name(unknown[i]), "unknown status");
    }
    assert_string_equal(weir_status_name(WEIR_OK), "ok");
    assert_string_equal(weir_version(), WEIR_VERSION_TEXT);
}

static void test_an_error_is_formatted_on_one_line(void **state)
{
    (void)state;
    char text[64];
    weir_error error = { .status = WEIR_DATA, .message = "one\ntwo\r\n\tthree\vfour\x1b[31m", .detail = "d\ne", .hint = "h" };
    size_t length = weir_error_format(&error, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_contains(text, "data error: one two");
    assert_contains(text, "(d e; h)");
    for (const char *c = text; *c; c++)
        assert_true((unsigned char)*c >= 0x20);
    weir_error commands = { .status = WEIR_DATA, .message = "a\xC2\x9B" "31m\xC2\xA0z\xC2\x85" };
    weir_error_format(&commands, text, sizeof text);
    assert_string_equal(text, "data error: a  31m\xC2\xA0z  ");        /* what a terminal takes for ESC [ and a line's end */
    char small[16];
    assert_int_equal(weir_error_format(&error, small, sizeof small), length);
    assert_int_equal(strlen(small), sizeof small - 1);
    assert_int_equal(weir_error_format(&error, NULL, 0), length);
    error = (weir_error){ .status = WEIR_DATA, .message = "m", .hint = "h" };
    weir_error_format(&error, text, sizeof text);
    assert_string_equal(text, "data error: m (h)");
}

/* ---- errors of the databases -------------------------------------------------------------------------------------------------- */

typedef struct wanted_error {
    const char *sql;
    int         status;
    const char *state, *message, *constraint, *at;       /* NULL: not looked at; at: the text at `position` */
} wanted_error;

static void assert_wanted(weir_connection *connection, const wanted_error *wanted)
{
    weir_result *result = query(connection, wanted->sql, NULL);
    weir_error error = *weir_result_error(result);
    if (!weir_status_is(error.status, wanted->status))
        fail_msg("%s: %s (%s), wanted %s", wanted->sql, weir_status_name(error.status), error.message, weir_status_name(wanted->status));
    assert_contains(error.message, wanted->message);
    assert_false(error.disconnect);
    assert_string_equal(error.sql, wanted->sql);
    assert_int_equal(error.status, weir_connection_error(connection)->status);
    if (wanted->state)
        assert_string_equal(error.sqlstate, wanted->state);
    if (wanted->constraint)
        assert_string_equal(error.constraint, wanted->constraint);
    if (wanted->at) {
        const char *place = strstr(wanted->sql, wanted->at);
        int32_t position = 1;
        for (const char *c = wanted->sql; c < place; c++)
            position += ((unsigned char)c[1] & 0xC0) != 0x80;
        assert_int_equal(error.position, position);
    }
    assert_status(weir_result_close(&result), error.status);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
}

#define TABLES                                                                                                                \
    "CREATE TABLE parents(id integer PRIMARY KEY, name text NOT NULL, CONSTRAINT short_name CHECK (length(name) < 9));"       \
    "CREATE TABLE children(id integer PRIMARY KEY, parent integer REFERENCES parents(id));"                                   \
    "INSERT INTO parents VALUES (1, 'one')"

static void test_errors_of_postgresql(void **state)
{
    static const wanted_error errors[] = {
        { "SELEC 1", WEIR_PROGRAMMING, "42601", "syntax error", NULL, "SELEC" },
        { "SELECT '\xC3\xA9\xC3\xA9', FRM FROM parents", WEIR_PROGRAMMING, "42703", "does not exist", NULL, "FRM" },
        { "SELECT * FROM nowhere", WEIR_PROGRAMMING, "42P01", "nowhere", NULL, "nowhere" },
        { "INSERT INTO parents VALUES (1, 'two')", WEIR_INTEGRITY, "23505", "duplicate key", "parents_pkey", NULL },
        { "INSERT INTO children VALUES (1, 7)", WEIR_INTEGRITY, "23503", "foreign key", "children_parent_fkey", NULL },
        { "INSERT INTO parents VALUES (2, 'far too long')", WEIR_INTEGRITY, "23514", "check constraint", "short_name", NULL },
        { "INSERT INTO parents VALUES (2, NULL)", WEIR_INTEGRITY, "23502", "not-null", NULL, NULL },
        { "SELECT 1 / 0", WEIR_DATA, "22012", "division by zero", NULL, NULL },
        { "SELECT 'x'::integer", WEIR_DATA, "22P02", "invalid input", NULL, "'x'" },
        { "SELECT 2147483647 + 1", WEIR_DATA, "22003", "out of range", NULL, NULL },
        { "SELECT no_such_function(1)", WEIR_PROGRAMMING, "42883", "does not exist", NULL, "no_such" },
        { "SELECT 1 WHERE 'x' = ANY (ARRAY[1]) OR 1 = 'y'", WEIR_DATA, "22P02", "invalid input", NULL, NULL },
        { "DO $$ BEGIN RAISE EXCEPTION E'two\\nlines' USING DETAIL = 'the detail', HINT = 'the hint'; END $$",
          WEIR_INTERNAL, "P0001", "two\nlines", NULL, NULL },
        { "ALTER TABLE parents SET (no_such = 1)", WEIR_DATA, "22023", "unrecognized", NULL, NULL },
    };
    test_database *db = *state;
    test_side_run(db, TABLES);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        assert_wanted(connection, &errors[i]);
    weir_result *result = query(connection, errors[3].sql, NULL);
    assert_contains(weir_result_error(result)->detail, "(id)=(1)");
    assert_status(weir_result_close(&result), WEIR_INTEGRITY);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    result = query(connection, errors[12].sql, NULL);
    assert_string_equal(weir_result_error(result)->detail, "the detail");
    assert_string_equal(weir_result_error(result)->hint, "the hint");
    char text[1600];
    weir_error_format(weir_result_error(result), text, sizeof text);
    assert_string_equal(text, "internal error: two lines (the detail; the hint)");
    assert_status(weir_result_close(&result), WEIR_INTERNAL);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    run_ok(connection, "SET LOCAL statement_timeout = 20");
    result = query(connection, "SELECT pg_sleep(5)", NULL);
    assert_error(weir_result_error(result), WEIR_QUERY_CANCELED);
    assert_string_equal(weir_result_error(result)->sqlstate, "57014");
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    run_ok(connection, "SET LOCAL ROLE pg_monitor");
    result = query(connection, "SELECT * FROM public.parents", NULL);
    assert_error(weir_result_error(result), WEIR_PROGRAMMING);
    assert_string_equal(weir_result_error(result)->sqlstate, "42501");
    assert_contains(weir_result_error(result)->message, "permission denied");
    assert_status(weir_result_close(&result), WEIR_PROGRAMMING);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_connection_close(&connection), WEIR_OK);
}

static void test_errors_of_sqlite(void **state)
{
    static const wanted_error errors[] = {
        { "SELEC 1", WEIR_OPERATIONAL, "1", "syntax error", NULL, "SELEC" },
        { "SELECT '\xC3\xA9\xC3\xA9', FRM FROM parents", WEIR_OPERATIONAL, "1", "no such column: FRM", NULL, "FRM" },
        { "SELECT * FROM nowhere", WEIR_OPERATIONAL, "1", "no such table: nowhere", NULL, NULL },
        { "INSERT INTO parents VALUES (1, 'two')", WEIR_INTEGRITY, "1555", "UNIQUE", "parents.id", NULL },
        { "INSERT INTO children VALUES (1, 7)", WEIR_INTEGRITY, "787", "FOREIGN KEY", NULL, NULL },
        { "INSERT INTO parents VALUES (2, 'far too long')", WEIR_INTEGRITY, "275", "CHECK", "short_name", NULL },
        { "INSERT INTO parents VALUES (2, NULL)", WEIR_INTEGRITY, "1299", "NOT NULL", "parents.name", NULL },
        { "SELECT abs(-9223372036854775807 - 1)", WEIR_OPERATIONAL, "1", "integer overflow", NULL, NULL },
        { "SELECT no_such_function(1)", WEIR_OPERATIONAL, "1", "no such function", NULL, NULL },
    };
    test_database *db = *state;
    test_side_run(db, TABLES);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = (const char *const[]){ "foreign_keys", "on", NULL }));
    weir_connection *connection = weir_engine_connect(engine);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        assert_wanted(connection, &errors[i]);
    assert_status(weir_connection_close(&connection), WEIR_OK);
    weir_engine_close(&engine);
}

/* A lock that another connection holds: an operational error after the time asked for, and the connection is fine. */
static void test_a_lock_that_is_not_given(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE locked(id integer); INSERT INTO locked VALUES (1)");
    const char *const args[] = { db->postgresql ? "lock_timeout" : "busy_timeout", "50", NULL };
    weir_engine *impatient = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = args));
    weir_connection *holder = weir_engine_connect(db->engine), *other = weir_engine_connect(impatient);
    run_ok(holder, "UPDATE locked SET id = 2");
    int64_t status = weir_connection_run(other, "UPDATE locked SET id = 3");
    assert_status((int)status, WEIR_OPERATIONAL);
    assert_string_equal(weir_connection_error(other)->sqlstate, db->postgresql ? "55P03" : "5");
    assert_contains(weir_connection_error(other)->message, db->postgresql ? "lock timeout" : "database is locked");
    assert_status(weir_connection_rollback(other), WEIR_OK);
    assert_status(weir_connection_commit(holder), WEIR_OK);
    assert_int_equal(weir_connection_run(other, "UPDATE locked SET id = 3"), 1);
    assert_status(weir_connection_commit(other), WEIR_OK);
    assert_status(weir_connection_close(&other), WEIR_OK);
    close_connection_ok(&holder);
    weir_engine_close(&impatient);
}

static void test_a_database_that_may_only_be_read(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE kept(id integer)");
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.read_only = WEIR_ON)), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM kept"), 0);
    assert_status((int)weir_connection_run(connection, "INSERT INTO kept VALUES (1)"), db->postgresql ? WEIR_INTERNAL : WEIR_OPERATIONAL);
    assert_string_equal(weir_connection_error(connection)->sqlstate, db->postgresql ? "25006" : "8");
    assert_status(weir_connection_close(&connection), WEIR_OK);
}

/* ---- the log -------------------------------------------------------------------------------------------------------------------- */

static void test_the_log_has_statements_round_trips_and_connections(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, NULL);
    weir_connection *connection = weir_engine_connect(engine);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_CONNECT), 1);
    weir_stmt *stmt = weir_sql("SELECT CAST(:n AS integer), CAST(:t AS text), CAST(:none AS text) -- it's");
    WEIR_BIND(stmt, "n", 5);
    WEIR_BIND(stmt, "t", "it's\nso");
    weir_bind(stmt, "none", WEIR_NULL);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    close_result_ok(&result);
    const test_log_entry *entry = test_log_at(db->log, WEIR_LOG_STATEMENT, 0);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 1);
    assert_contains(entry->message, "CAST(");
    assert_string_equal(entry->parameters, "n=5, t='it's so', none=NULL");
    assert_int_equal(entry->connection, weir_connection_number(connection));
    assert_true(test_log_count(db->log, WEIR_LOG_ROUND_TRIP) > 0);
    assert_true(test_log_matching(db->log, WEIR_LOG_ROUND_TRIP, "open") == 1);
    if (db->postgresql) {
        run_ok(connection, "DO $$ BEGIN RAISE NOTICE 'hear this'; END $$");
        assert_int_equal(test_log_count(db->log, WEIR_LOG_NOTICE), 1);
        assert_contains(test_log_at(db->log, WEIR_LOG_NOTICE, 0)->message, "NOTICE: hear this");
    }
    close_connection_ok(&connection);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_DISCONNECT), 0);
    weir_engine_close(&engine);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_DISCONNECT), 1);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 0);
}

/* A long value is cut in the log, and a list stays one line. */
static void test_the_log_cuts_long_values(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    char *text = malloc(1000001);
    memset(text, 'x', 1000000);
    text[1000000] = 0;
    weir_stmt *stmt = weir_sql("SELECT length(CAST(:t AS text)) FROM (SELECT 1 AS n) s WHERE n IN :list");
    WEIR_BIND(stmt, "t", (const char *)text);
    weir_bind_list(stmt, "list", (const weir_value[]){ weir_value_int(1), weir_value_int(2) }, 2);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    free(text);
    assert_int_equal(weir_row_int64_at(weir_result_one(result), 0), 1000000);
    close_result_ok(&result);
    const test_log_entry *entry = test_log_at(db->log, WEIR_LOG_STATEMENT, 0);
    assert_true(strlen(entry->parameters) < 200);
    assert_contains(entry->parameters, "xxx...'");
    assert_contains(entry->parameters, "list=(1, 2)");
    close_connection_ok(&connection);
}

/* Standard error of this process goes into a file while the test runs. */
static int redirect(FILE *file)
{
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    return saved;
}

static void test_echo_writes_statements_and_warnings(void **state)
{
    test_database *db = *state;
    for (int hidden = 0; hidden < 2; hidden++) {
        FILE *file = tmpfile();
        assert_non_null(file);
        weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.echo = WEIR_ON, .hide_parameters = hidden ? WEIR_ON : WEIR_UNSET));
        int saved = redirect(file);
        weir_connection *connection = weir_engine_connect(engine);
        weir_stmt *stmt = weir_sql("SELECT CAST(:v AS text) AS it");
        WEIR_BIND(stmt, "v", "a secret");
        weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 2));
        weir_stmt_free(&stmt);
        int status = weir_result_close(&result);
        fflush(stderr);
        dup2(saved, STDERR_FILENO);
        close(saved);
        assert_status(status, WEIR_OK);
        close_connection_ok(&connection);
        weir_engine_close(&engine);
        char text[4096] = "";
        rewind(file);
        size_t length = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[length] = 0;
        assert_contains(text, "weir: SELECT CAST(");
        assert_contains(text, "weir: warning: A stream without ORDER BY");
        assert_int_equal(strstr(text, "a secret") != NULL, !hidden);
    }
}

static void test_hidden_parameters_appear_nowhere(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE kept(v smallint, t text)");
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.hide_parameters = WEIR_ON));
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql("INSERT INTO kept VALUES (:v, :t)");
    WEIR_BIND(stmt, "t", "a secret");
    WEIR_BIND(stmt, "v", 424242);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    char text[1600];
    weir_error_format(weir_result_error(result), text, sizeof text);
    assert_null(strstr(text, "424242"));
    assert_null(strstr(text, "secret"));
    if (db->postgresql) {
        assert_contains(text, "'v'");
        assert_contains(text, "smallint");
        assert_status(weir_result_close(&result), WEIR_DATA);
    } else {
        close_result_ok(&result);
    }
    weir_stmt_free(&stmt);
    assert_string_equal(test_log_at(db->log, WEIR_LOG_STATEMENT, 0)->parameters, "");
    assert_status(weir_connection_close(&connection), WEIR_OK);
    weir_engine_close(&engine);
}

/* RULES W9, and that ours only are defaults: the option wins over the URL, the URL over "weir". */
static void test_the_name_of_the_application(void **state)
{
    test_database *db = *state;
    static const struct { const char *in_url, *option, *wanted; } names[] = {
        { "", NULL, "weir" }, { "", "mine", "mine" }, { "&application_name=urls", NULL, "urls" },
        { "&application_name=urls", "mine", "mine" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char url[1200];
        weir_engine *engine;
        snprintf(url, sizeof url, "%s%s", db->url, names[i].in_url);
        assert_status(weir_engine_open(&engine, url, WEIR_ENGINE_OPTIONS(.application_name = names[i].option)), WEIR_OK);
        weir_connection *connection = weir_engine_connect(engine);
        weir_result *result = query(connection, "SHOW application_name", NULL);
        const weir_row *row = weir_result_one(result);
        assert_error(weir_result_error(result), WEIR_OK);
        assert_string_equal(weir_row_cstr_at(row, 0), names[i].wanted);
        close_result_ok(&result);
        close_connection_ok(&connection);
        weir_engine_close(&engine);
    }
}

/* ---- warnings --------------------------------------------------------------------------------------------------------------------- */

static void test_a_stream_without_order_warns_once(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, "SELECT id FROM orders", OPTIONS(.yield_per = 2));
    while (weir_result_next(result))
        continue;
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), 1);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
    assert_contains(test_log_at(db->log, WEIR_LOG_WARNING, 0)->message, "without ORDER BY");
    static const char *const fine[] = { "SELECT id FROM orders ORDER BY id", "SELECT id FROM (SELECT id FROM orders) s ORDER BY 1",
                                        "UPDATE orders SET state = 'x'" };
    for (size_t i = 0; i < 3; i++) {
        result = query(connection, fine[i], OPTIONS(.yield_per = 2));
        close_result_ok(&result);
    }
    result = query(connection, "SELECT id FROM orders", NULL);              /* buffered: nothing to warn of */
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), 1);
    result = query(connection, "SELECT id FROM (SELECT id FROM orders ORDER BY id) s", OPTIONS(.yield_per = 2));
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), 2);
    close_connection_ok(&connection);
}

static void test_warnings_as_errors(void **state)
{
    test_database *db = *state;
    static const weir_declared_column columns[] = { { "a", WEIR_T_INT64 }, { "b", WEIR_T_INT64 } };
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.warnings_as_errors = WEIR_ON));
    weir_connection *connection = weir_engine_connect(engine);
    weir_result *result = query(connection, "SELECT 1", OPTIONS(.yield_per = 2));
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_WARNING);
    assert_contains(weir_result_error(result)->message, "without ORDER BY");
    assert_status(weir_result_close(&result), WEIR_WARNING);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    weir_stmt *stmt = weir_sql("SELECT 1");
    weir_sql_columns(stmt, columns, 2);
    result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    assert_status(weir_result_close(&result), WEIR_WARNING);
    assert_int_equal(weir_engine_warnings(engine), 2);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 2);
    assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
    assert_status(weir_connection_close(&connection), WEIR_OK);
    weir_engine_close(&engine);
}

static void *allocate(size_t size, void *context) { (void)context; return malloc(size); }
static void *resize(void *block, size_t size, void *context) { (void)context; return realloc(block, size); }
static void release(void *block, void *context) { (void)context; free(block); }

static void test_the_allocator_is_set_before_all_else(void **state)
{
    (void)state;
    const weir_allocator allocator = { .allocate = allocate, .resize = resize, .release = release };
    weir_memory_figures memory;
    weir_stmt *stmt = weir_sql("SELECT 1");
    weir_memory_usage(&memory);
    assert_true(memory.bytes > 0 && memory.by_purpose[WEIR_MEMORY_STATEMENTS] > 0 && memory.allocations > 0);
    assert_true(memory.peak_bytes >= memory.bytes);
    weir_stmt_free(&stmt);
    assert_status(weir_set_allocator(&allocator), WEIR_INVALID_REQUEST);
    assert_status(weir_set_allocator(NULL), WEIR_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_tree_of_statuses),
        cmocka_unit_test(test_an_error_is_formatted_on_one_line),
        ON_POSTGRESQL(test_errors_of_postgresql),
        ON_SQLITE(test_errors_of_sqlite),
        ON_BOTH(test_a_lock_that_is_not_given),
        ON_BOTH(test_a_database_that_may_only_be_read),
        ON_BOTH(test_the_log_has_statements_round_trips_and_connections),
        ON_BOTH(test_the_log_cuts_long_values),
        ON_BOTH(test_echo_writes_statements_and_warnings),
        ON_BOTH(test_hidden_parameters_appear_nowhere),
        ON_POSTGRESQL(test_the_name_of_the_application),
        ON_BOTH(test_a_stream_without_order_warns_once),
        ON_BOTH(test_warnings_as_errors),
        cmocka_unit_test(test_the_allocator_is_set_before_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
