/* COPY in: rows of structs, values and results into tables of both databases; what fails takes all of it back. */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

static struct invoice *make_invoices(size_t count, int64_t first)
{
    struct invoice *invoices = calloc(count + 1, sizeof *invoices);
    assert_non_null(invoices);
    for (size_t i = 0; i < count; i++)
        invoices[i] = (struct invoice){ first + (int64_t)i, (int64_t)i % 7, 10 * (first + (int64_t)i), i % 2 ? "draft" : "paid \xC3\xA9" };
    return invoices;
}

static weir_copy *open_invoices(weir_connection *connection)
{
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &invoice_entity));
    assert_error(weir_copy_error(copy), WEIR_OK);
    return copy;
}

static int64_t count_of(test_database *db) { return test_side_int(db, "SELECT count(*) FROM invoices"); }

/* ---- structs --------------------------------------------------------------------------------------------------------------------- */
static void test_structs_of_any_number(void **state)
{
    static const size_t counts[] = { 0, 1, 2, 999, 1000, 1001, 16383, 16384, 16385, 100000 };
    test_database *db = *state;
    test_fixture(db, 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        struct invoice *invoices = make_invoices(counts[i], 1);
        weir_copy *copy = open_invoices(connection);
        assert_status(weir_copy_structs(copy, invoices, counts[i]), WEIR_OK);
        assert_int_equal(weir_copy_rows(copy), (int64_t)counts[i]);
        assert_int_equal(weir_copy_finish(&copy), (int64_t)counts[i]);
        if (db->postgresql || counts[i] < 2000)         /* SQLite locks readers out when its cache is full */
            assert_int_equal(count_of(db), 0);          /* the program has not committed */
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_int_equal(count_of(db), (int64_t)counts[i]);
        if (counts[i] > 1) {
            char text[64];
            assert_int_equal(test_side_int(db, "SELECT sum(total_cents) FROM invoices"), (int64_t)(10 * counts[i] * (counts[i] + 1) / 2));
            assert_string_equal(test_side_text(db, "SELECT status FROM invoices WHERE id = 1", text, sizeof text), "paid \xC3\xA9");
        }
        run_ok(connection, "DELETE FROM invoices");
        assert_status(weir_connection_commit(connection), WEIR_OK);
        close_connection_ok(&connection);
        free(invoices);
    }
}

/* ---- values, rows, results ---------------------------------------------------------------------------------------------------------- */
static void test_values_by_name(void **state)
{
    test_database *db = *state;
    static const char *const columns[] = { "status", "id", "total_cents", "tenant_id", NULL };
    test_fixture(db, 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.table = "invoices", .columns = columns));
    for (int i = 1; i <= 3000; i++) {
        weir_value row[] = { WEIR_VALUE("ok"), WEIR_VALUE(i), WEIR_VALUE(2 * i), WEIR_VALUE(1) };
        assert_status(weir_copy_values(copy, row, 4), WEIR_OK);
    }
    weir_value few[] = { WEIR_VALUE("ok") };
    assert_status(weir_copy_values(copy, few, 1), WEIR_ARGUMENT);
    assert_contains(weir_copy_error(copy)->message, "1 values are given for the 4 columns");
    assert_int_equal(weir_copy_finish(&copy), 3000);
    assert_status(weir_copy_values(copy, few, 1), WEIR_RESOURCE_CLOSED);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT sum(total_cents) FROM invoices WHERE status = 'ok'"), 3000 * 3001);
}

/* Every row of a stream, and of one whose table lies in another database. */
static void copy_between(test_database *db, weir_engine *from, weir_engine *to, int rows)
{
    (void)db;
    weir_connection *source = weir_engine_connect(from), *target = weir_engine_connect(to);
    weir_stmt *query = weir_sql("SELECT id, tenant_id, total_cents, status FROM invoices ORDER BY id");
    weir_result *result = weir_connection_execute(source, query, WEIR_EXECUTION_OPTIONS(.yield_per = 500));
    weir_copy *copy = weir_copy_open(target, WEIR_COPY_OPTIONS(.table = "copied"));
    assert_error(weir_copy_error(copy), WEIR_OK);
    assert_status(weir_copy_result(copy, result), WEIR_OK);
    assert_int_equal(weir_copy_finish(&copy), rows);
    weir_stmt_free(&query);
    close_result_ok(&result);
    assert_status(weir_connection_commit(target), WEIR_OK);
    close_connection_ok(&source);
    close_connection_ok(&target);
}

static void test_results_from_another_connection(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2501);
    char sql[256];
    snprintf(sql, sizeof sql, "CREATE TABLE copied (id bigint PRIMARY KEY, tenant_id bigint, total_cents %s, status text)",
             db->postgresql ? "numeric" : "bigint");
    if (!db->postgresql)                /* one writer, and no reader beside it: two files */
        return;
    test_side_run(db, sql);
    copy_between(db, db->engine, db->engine, 2501);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices i JOIN copied c USING (id, tenant_id, total_cents, status)"), 2501);
}

static void test_between_the_databases(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2501);
    char path[1024], url[1100];
    snprintf(path, sizeof path, "%s/between-%d.db", test_environment("WEIR_TEST_DIR"), (int)getpid());
    snprintf(url, sizeof url, "sqlite:///%s", path);
    remove(path);
    weir_engine *lite;
    assert_status(weir_engine_open(&lite, url, NULL), WEIR_OK);
    weir_connection *connection = weir_engine_connect(lite);
    run_ok(connection, "CREATE TABLE copied (id INTEGER PRIMARY KEY, tenant_id bigint, total_cents bigint, status text)");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    copy_between(db, db->engine, lite, 2501);
    connection = weir_engine_connect(lite);
    assert_int_equal(test_query_int(connection, "SELECT sum(total_cents) FROM copied"), 10 * 2501 * 2502 / 2);
    run_ok(connection, "ALTER TABLE copied RENAME TO invoices");
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    test_side_run(db, "CREATE TABLE copied (id bigint PRIMARY KEY, tenant_id integer, total_cents numeric, status text)");
    copy_between(db, lite, db->engine, 2501);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM invoices i JOIN copied c USING (id, tenant_id, total_cents, status)"), 2501);
    weir_engine_close(&lite);
    remove(path);
}

/* ---- what fails -------------------------------------------------------------------------------------------------------------------- */
/* A duplicate key in row k: nothing of the copy stays, what the transaction did before does, and it goes on. */
static void test_a_failing_row_takes_all_back(void **state)
{
    static const size_t places[] = { 1, 2, 999, 5000, 20000, 60000 };
    test_database *db = *state;
    test_fixture(db, 10);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        struct invoice *invoices = make_invoices(60000, 1000);
        run_ok(connection, "INSERT INTO invoices VALUES (500, 1, 1, 'before')");
        invoices[places[i] - 1].id = 7;
        weir_copy *copy = open_invoices(connection);
        int status = weir_copy_structs(copy, invoices, 60000);
        if (status != WEIR_OK) {
            assert_status(status, WEIR_INTEGRITY);
            assert_int_equal(weir_copy_error(copy)->row, (int64_t)places[i]);
            if (db->postgresql)
                assert_contains(weir_copy_error(copy)->detail, "COPY invoices, line");
            assert_status(weir_copy_structs(copy, invoices, 1), WEIR_INTEGRITY);
        }
        int64_t rows = weir_copy_finish(&copy);
        assert_status((int)rows, WEIR_INTEGRITY);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 11);
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_int_equal(count_of(db), 11);
        run_ok(connection, "DELETE FROM invoices WHERE id = 500");
        assert_status(weir_connection_commit(connection), WEIR_OK);
        close_connection_ok(&connection);
        free(invoices);
    }
}

/* The server names row and column of what it refuses. */
static void test_the_server_names_the_place(void **state)
{
    test_database *db = *state;
    test_fixture(db, 0);
    test_side_run(db, "ALTER TABLE invoices ALTER status TYPE varchar(5)");
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(20, 1);
    for (int i = 0; i < 20; i++)
        invoices[i].status = i == 6 ? "too long" : "short";
    weir_copy *copy = open_invoices(connection);
    assert_status(weir_copy_structs(copy, invoices, 20), WEIR_OK);
    int64_t rows = weir_copy_finish(&copy);
    assert_status((int)rows, WEIR_DATA);
    const weir_error *error = weir_connection_error(connection);
    assert_int_equal(error->row, 7);
    assert_string_equal(error->column, "status");
    assert_contains(error->detail, "COPY invoices, line 7, column status");
    close_connection_ok(&connection);
    free(invoices);
}

/* What cannot be sent is refused before anything of its row is; the copy goes on behind it. */
static void test_a_refused_row_is_left_out(void **state)
{
    test_database *db = *state;
    test_fixture(db, 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(5000, 1);
    invoices[1234].status = "not UTF-8: \xFF";
    weir_copy *copy = open_invoices(connection);
    int status = weir_copy_structs(copy, invoices, 5000);
    if (db->postgresql) {
        assert_status(status, WEIR_DATA);
        const weir_error *error = weir_copy_error(copy);
        assert_int_equal(error->row, 1235);
        assert_string_equal(error->column, "status");
        assert_contains(error->message, "column 'status': the text is not valid UTF-8");
        assert_int_equal(weir_copy_rows(copy), 1234);
        assert_status(weir_copy_structs(copy, invoices + 1235, 5000 - 1235), WEIR_OK);
        assert_int_equal(weir_copy_finish(&copy), 4999);
    } else {
        assert_status(status, WEIR_OK);     /* SQLite takes any bytes */
        assert_int_equal(weir_copy_finish(&copy), 5000);
    }
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(count_of(db), db->postgresql ? 4999 : 5000);
    free(invoices);
}

static weir_result *values_of(weir_connection *connection, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_stmt_free(&stmt);
    return result;
}

static weir_copy *open_words(weir_connection *connection)
{
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.table = "words"));
    assert_error(weir_copy_error(copy), WEIR_OK);
    return copy;
}

/* A result may lie where one lay before whose columns were in another order. */
static void test_rows_of_results_with_other_columns(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE words(id bigint, word text)");
    weir_connection *connection = weir_engine_connect(db->engine), *source = weir_engine_connect(db->engine);
    weir_copy *copy = open_words(connection);
    for (int64_t id = 1; id <= 40; id++) {
        char sql[80];
        bool turned = id % 2 == 0;
        snprintf(sql, sizeof sql, turned ? "SELECT 'n%d' AS s, %d AS i, 0 AS z" : "SELECT %d AS i, 'n%d' AS s, 0 AS z", (int)id, (int)id);
        weir_result *result = values_of(source, sql);
        assert_int_equal(weir_result_columns(result, turned ? (const int[]){ 1, 0 } : (const int[]){ 0, 1 }, 2), WEIR_OK);
        assert_status(weir_copy_row(copy, weir_result_next(result)), WEIR_OK);
        close_result_ok(&result);
    }
    assert_int_equal(weir_copy_finish(&copy), 40);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&source);
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM words WHERE word = 'n' || id"), 40);
}

/* Another number of columns is told before a row is taken. */
static void test_a_result_of_other_columns_loses_no_row(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE words(id bigint, word text)");
    weir_connection *connection = weir_engine_connect(db->engine), *source = weir_engine_connect(db->engine);
    weir_copy *copy = open_words(connection);
    weir_result *result = values_of(source, "SELECT * FROM (VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0)) AS v");
    assert_status(weir_copy_result(copy, result), WEIR_ARGUMENT);
    assert_int_equal(weir_result_columns(result, (const int[]){ 0, 1 }, 2), WEIR_OK);
    assert_status(weir_copy_result(copy, result), WEIR_OK);
    close_result_ok(&result);
    assert_int_equal(weir_copy_finish(&copy), 3);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&source);
    close_connection_ok(&connection);
}

/* Rows behind a refused one are kept for the next weir_copy_result, until the program reads on by itself: then it is told of them. */
static void test_a_result_that_is_read_on_behind_a_refused_row(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE words(id bigint, word text)");
    for (int read = 0; read < 3; read++) {
        weir_connection *connection = weir_engine_connect(db->engine), *source = weir_engine_connect(db->engine);
        weir_copy *copy = open_words(connection);
        weir_result *result = values_of(source, "SELECT * FROM (VALUES ('1', 'a'), ('x', 'b'), ('3', 'c'), ('4', 'd')) AS v");
        assert_status(weir_copy_result(copy, result), WEIR_DATA);
        assert_int_equal(weir_copy_error(copy)->row, 2);
        if (read == 1)
            assert_null(weir_result_next(result));
        if (read == 2)
            assert_int_equal(weir_result_all(result)->count, 0);
        assert_status(weir_copy_result(copy, result), read ? WEIR_INVALID_REQUEST : WEIR_OK);
        if (read)
            assert_contains(weir_copy_error(copy)->message, "2 rows");
        assert_status(weir_copy_result(copy, result), WEIR_OK);
        close_result_ok(&result);
        assert_int_equal(weir_copy_finish(&copy), read ? 1 : 3);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        close_connection_ok(&source);
        close_connection_ok(&connection);
    }
}

static void test_abort_and_misuse(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(30000, 100);
    weir_copy *copy = open_invoices(connection);
    assert_status(weir_copy_structs(copy, invoices, 30000), WEIR_OK);
    /* Nothing else meanwhile. */
    assert_status((int)weir_connection_run(connection, "SELECT 1"), WEIR_INVALID_REQUEST);
    assert_contains(weir_connection_error(connection)->message, "a COPY is open");
    assert_status(weir_connection_commit(connection), WEIR_INVALID_REQUEST);
    assert_status(weir_connection_savepoint(connection), WEIR_INVALID_REQUEST);
    weir_copy *second = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &invoice_entity));
    assert_error(weir_copy_error(second), WEIR_INVALID_REQUEST);
    assert_status((int)weir_copy_finish(&second), WEIR_INVALID_REQUEST);
    assert_status(weir_copy_structs(copy, invoices, 0), WEIR_OK);
    weir_copy_abort(&copy);
    weir_copy_abort(&copy);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 10);
    /* A rollback ends it, and so does closing the connection. */
    copy = open_invoices(connection);
    assert_status(weir_copy_structs(copy, invoices, 30000), WEIR_OK);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_copy_structs(copy, invoices, 1), WEIR_INVALID_REQUEST);
    assert_status((int)weir_copy_finish(&copy), WEIR_INVALID_REQUEST);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 10);
    close_connection_ok(&connection);
    connection = weir_engine_begin(db->engine);
    copy = open_invoices(connection);
    assert_status(weir_copy_structs(copy, invoices, 30000), WEIR_OK);
    int closing = weir_connection_close(&connection);
    assert_status(closing, WEIR_OK);
    assert_status(weir_copy_structs(copy, invoices, 1), WEIR_RESOURCE_CLOSED);
    weir_copy_abort(&copy);
    assert_int_equal(count_of(db), 10);
    /* Mistakes at the opening. */
    connection = weir_engine_connect(db->engine);
    static const char *const no_column[] = { "id", "nowhere", NULL }, *const key[] = { "missing", NULL };
    copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.table = "nothing"));
    assert_true(weir_status_is(weir_copy_error(copy)->status, WEIR_DATABASE));
    weir_copy_abort(&copy);
    copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.table = "invoices", .columns = no_column));
    assert_true(weir_status_is(weir_copy_error(copy)->status, WEIR_DATABASE));
    weir_copy_abort(&copy);
    copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &invoice_entity, .upsert = key));
    assert_error(weir_copy_error(copy), WEIR_ARGUMENT);
    weir_copy_abort(&copy);
    copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = NULL));
    assert_error(weir_copy_error(copy), WEIR_ARGUMENT);
    weir_copy_abort(&copy);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 10);
    close_connection_ok(&connection);
    free(invoices);
}

/* The backend dies in the middle: the error says so, the table is as it was, and the next transaction works. */
static void test_killed_backend(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    for (int round = 0; round < 3; round++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        struct invoice *invoices = make_invoices(200000, 100);
        weir_copy *copy = open_invoices(connection);
        assert_status(weir_copy_structs(copy, invoices, round == 0 ? 1 : 100000), WEIR_OK);
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", weir_connection_backend_pid(connection));
        test_side_run(db, sql);
        int status = round < 2 ? weir_copy_structs(copy, invoices + 100000, 100000) : WEIR_OK;
        if (round < 2) {
            assert_status(status, WEIR_OPERATIONAL);
            assert_true(weir_copy_error(copy)->disconnect);
        }
        int64_t rows = weir_copy_finish(&copy);
        assert_status((int)rows, WEIR_OPERATIONAL);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 10);
        close_connection_ok(&connection);
        free(invoices);
    }
}

/* The server talks while it is written to: it would wait for us for ever if nobody listened (RULES W10). */
static void test_a_talkative_server(void **state)
{
    test_database *db = *state;
    test_fixture(db, 0);
    test_side_run(db, "CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', repeat('x', 2000); RETURN NEW; END $$;"
                      "CREATE TRIGGER talks BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION talk()");
    weir_connection *connection = weir_engine_connect(db->engine);
    struct invoice *invoices = make_invoices(20000, 1);
    weir_copy *copy = open_invoices(connection);
    assert_status(weir_copy_structs(copy, invoices, 20000), WEIR_OK);
    assert_int_equal(weir_copy_finish(&copy), 20000);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_NOTICE), 20000);
    weir_stmt *insert = weir_insert(&invoice_entity);
    run_ok(connection, "DELETE FROM invoices");
    assert_int_equal(weir_connection_execute_many_with(connection, insert, invoices, 20000, WEIR_MANY_OPTIONS(.page_size = 20000)), 20000);
    weir_stmt_free(&insert);
    close_connection_ok(&connection);
    free(invoices);
}

/* However many rows: one buffer. */
static void test_memory_is_flat(void **state)
{
    test_database *db = *state;
    test_fixture(db, 0);
    size_t peaks[2];
    for (int i = 0; i < 2; i++) {
        weir_engine *engine = test_engine(db, NULL);
        weir_connection *connection = weir_engine_connect(engine);
        struct invoice *invoices = make_invoices(1000, 1);
        weir_copy *copy = open_invoices(connection);
        for (int k = 0; k < (i ? 300 : 30); k++) {
            for (int row = 0; row < 1000; row++)
                invoices[row].id = k * 1000 + row;
            assert_status(weir_copy_structs(copy, invoices, 1000), WEIR_OK);
        }
        assert_int_equal(weir_copy_finish(&copy), i ? 300000 : 30000);
        weir_memory_figures figures;
        weir_engine_memory(engine, &figures);
        peaks[i] = figures.peak_bytes;
        close_connection_ok(&connection);
        weir_engine_close(&engine);
        free(invoices);
    }
    assert_int_equal(peaks[0], peaks[1]);
    assert_true(peaks[1] < 400 * 1024);
}

/* ---- upsert -------------------------------------------------------------------------------------------------------------------------- */
static void test_upsert_later_row_wins(void **state)
{
    test_database *db = *state;
    static const char *const key[] = { "id", NULL };
    test_fixture(db, 1000);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int round = 0; round < 2; round++) {
        struct invoice *invoices = make_invoices(3000, 501);
        for (int i = 1000; i < 2000; i++) {         /* each of these keys once more, with other values, in another order */
            invoices[i].id = 2500 - i;
            invoices[i].total_cents = -i;
        }
        weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &invoice_entity, .upsert = key));
        assert_status(weir_copy_structs(copy, invoices, 3000), WEIR_OK);
        assert_int_equal(weir_copy_finish(&copy), db->postgresql ? 2000 : 3000);
        free(invoices);
    }
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(count_of(db), 500 + 2000);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 501"), -1999);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 1500"), -1000);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 500"), 5000);
    assert_int_equal(test_side_int(db, "SELECT total_cents FROM invoices WHERE id = 3500"), 35000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_structs_of_any_number),
        ON_BOTH(test_values_by_name),
        ON_POSTGRESQL(test_results_from_another_connection),
        ON_POSTGRESQL(test_between_the_databases),
        ON_BOTH(test_a_failing_row_takes_all_back),
        ON_POSTGRESQL(test_the_server_names_the_place),
        ON_BOTH(test_a_refused_row_is_left_out),
        ON_BOTH(test_rows_of_results_with_other_columns),
        ON_BOTH(test_a_result_of_other_columns_loses_no_row),
        ON_POSTGRESQL(test_a_result_that_is_read_on_behind_a_refused_row),
        ON_BOTH(test_abort_and_misuse),
        ON_POSTGRESQL(test_killed_backend),
        ON_POSTGRESQL(test_a_talkative_server),
        ON_BOTH(test_memory_is_flat),
        ON_BOTH(test_upsert_later_row_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
