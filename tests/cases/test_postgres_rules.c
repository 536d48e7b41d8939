/* The rules of PostgreSQL's wire, seen from outside: time-outs, types, prepared statements, plans, snapshots (RULES W1 to W4,
 * W6; what is read ahead, W5, is in test_postgres_ahead.c). */
#include "connections.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

static void sleep_ms(long ms) { nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL); }

/* ---- W1: each Execute has a clock of its own --------------------------------------------------------------------- */

/* Wide rows, so that a server that went on while the program sleeps would stand in the middle of sending when its time is up. */
static void read_slowly(weir_connection *connection, const weir_execution_options *options)
{
    weir_result *result = query(connection, "SELECT id, repeat('x', 300000) AS wide FROM orders ORDER BY id", options);
    for (int64_t id = 1; id <= 12; id++) {
        assert_next_ids(result, id, id);
        if (id == 1 || id == options->yield_per + 1)
            sleep_ms(300);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
}

static void test_w1_a_slow_consumer_is_not_cancelled(void **state)
{
    test_database *db = *state;
    static const int64_t sizes[] = { 1, 2, 3, 7, 11, 12, 13 };
    test_fixture(db, 12);
    weir_engine *engine;
    weir_connection *connection = connect_with(db, &engine, ARGS("statement_timeout", "200"));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        read_slowly(connection, OPTIONS(.yield_per = sizes[i]));
    read_slowly(connection, OPTIONS(.yield_per = 3, .prefetch = WEIR_ON));
    read_slowly(connection, OPTIONS(.yield_per = 3, .cursor_mode = WEIR_CURSOR_DECLARE));
    read_slowly(connection, OPTIONS(.yield_per = 3, .prepared = WEIR_OFF));
    read_slowly(connection, OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 4));
    close_both(&connection, &engine);
}

static void test_w1_a_batch_that_takes_too_long_is_cancelled(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_engine *engine;
    weir_connection *connection = connect_with(db, &engine, ARGS("statement_timeout", "400"));
    const char *slow = "SELECT id, pg_sleep(0.05) FROM orders ORDER BY id";
    weir_result *result = query(connection, slow, OPTIONS(.yield_per = 2));    /* 600 ms in all, 100 ms each */
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    result = query(connection, slow, OPTIONS(.yield_per = 10));
    assert_null(weir_result_next(result));
    assert_string_equal(weir_result_error(result)->sqlstate, "57014");
    assert_false(weir_result_error(result)->disconnect);
    assert_status(weir_result_close(&result), WEIR_QUERY_CANCELED);
    /* The second batch only. */
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    result = query(connection, "SELECT id, pg_sleep(CASE WHEN id > 4 THEN 0.6 ELSE 0 END) FROM orders ORDER BY id",
                   OPTIONS(.yield_per = 4));
    assert_next_ids(result, 1, 4);
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_QUERY_CANCELED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    close_both(&connection, &engine);
}

static void assert_round_trips(test_database *db, const char *const *wanted)
{
    size_t count = 0;
    for (; wanted[count]; count++) {
        const test_log_entry *entry = test_log_at(db->log, WEIR_LOG_ROUND_TRIP, count);
        assert_non_null(entry);
        assert_string_equal(entry->message, wanted[count]);
    }
    assert_int_equal(test_log_count(db->log, WEIR_LOG_ROUND_TRIP), count);
}

static void test_w1_begin_travels_with_what_comes_first(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    const weir_execution_options *options = OPTIONS(.yield_per = 100, .prefetch = WEIR_OFF);
    long since = test_server_log_end();
    test_log_clear(db->log);
    weir_result *result = query(connection, ORDERS, options);
    assert_round_trips(db, ARGS("prepare", "open"));
    assert_ids_to_end(result, 1, 12);
    assert_round_trips(db, ARGS("prepare", "open", "close"));
    close_result_ok(&result);
    assert_round_trips(db, ARGS("prepare", "open", "close"));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_int_equal(test_server_log_count(since, ": BEGIN"), 1);
    test_log_clear(db->log);
    result = query(connection, ORDERS, options);        /* known by now */
    assert_round_trips(db, ARGS("open"));
    close_result_ok(&result);
    assert_round_trips(db, ARGS("open", "close"));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_round_trips(db, ARGS("open", "close", "COMMIT"));
    assert_int_equal(test_server_log_count(since, ": BEGIN"), 2);
    assert_int_equal(test_server_log_count(since, ": COMMIT"), 2);
    close_connection_ok(&connection);
}

static void test_an_explicit_transaction_is_all_a_stream_needs_and_it_is_open(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3));
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND state = 'idle in transaction'",
             weir_connection_backend_pid(connection));
    assert_next_ids(result, 1, 2);
    for (int tries = 0; tries < 100 && test_side_int(db, sql) != 1; tries++)    /* the next batch may be under way */
        sleep_ms(10);
    assert_int_equal(test_side_int(db, sql), 1);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* ---- W2: types inferred by the server ---------------------------------------------------------------------------- */

static void test_w2_a_parameter_becomes_the_type_that_the_server_inferred(void **state)
{
    test_database *db = *state;
    test_side_run(
        db, "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN small AS integer CHECK (value < 100);"
            "CREATE TABLE things(b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n numeric(20, 4),"
            " t text, v varchar(20), c char(5), bin bytea, d date, ti time, tz timetz, ts timestamp, tsz timestamptz,"
            " iv interval, u uuid, j json, jb jsonb, ip inet, m mood, s small, a integer[], ta text[], r int4range)");
    static const struct { const char *column, *text, *shown; } texts[] = {
        { "b", "true", "true" },
        { "i2", "-32768", "-32768" },
        { "i4", "2147483647", "2147483647" },
        { "i8", "-9223372036854775808", "-9223372036854775808" },
        { "f4", "1.5", "1.5" },
        { "f8", "0.1", "0.1" },
        { "n", "123456789012.3456", "123456789012.3456" },
        { "t", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
        { "v", "", "" },
        { "c", "ab", "ab   " },
        { "d", "2024-02-29", "2024-02-29" },
        { "ti", "12:30:00.25", "12:30:00.25" },
        { "tz", "12:30:00+02", "12:30:00+02" },
        { "ts", "2024-05-01 12:00:00", "2024-05-01 12:00:00" },
        { "iv", "1 mon 2 days 03:00:00", "1 mon 2 days 03:00:00" },
        { "u", "0189ab00-0000-7000-8000-000000000001", "0189ab00-0000-7000-8000-000000000001" },
        { "j", "{\"a\": [1]}", "{\"a\": [1]}" },
        { "jb", "{\"a\":[1]}", "{\"a\": [1]}" },
        { "ip", "10.0.0.0/8", "10.0.0.0/8" },
        { "m", "happy", "happy" },
        { "s", "42", "42" },
        { "a", "{1,NULL,3}", "{1,NULL,3}" },
        { "ta", "{a,\"b c\",NULL}", "{a,\"b c\",NULL}" },
        { "r", "[1,5)", "[1,5)" },
    };
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO things DEFAULT VALUES");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char sql[128], seen[128];
        snprintf(sql, sizeof sql, "UPDATE things SET %s = :value", texts[i].column);
        weir_stmt *stmt = weir_sql(sql);
        WEIR_BIND(stmt, "value", texts[i].text);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        if (weir_result_error(result)->status != WEIR_OK)
            print_error("%s\n", texts[i].column);
        close_result_ok(&result);
        weir_stmt_free(&stmt);
        snprintf(sql, sizeof sql, "SELECT CAST(%s AS text) = :value FROM things", texts[i].column);
        stmt = weir_sql(sql);
        WEIR_BIND(stmt, "value", !strcmp(texts[i].column, "c") ? "ab" : texts[i].shown);
        result = weir_connection_execute(connection, stmt, NULL);
        const weir_value *same = weir_result_scalar_one(result);
        if (!same || !same->as.b)
            print_error("%s\n", text_of(connection, "SELECT things::text FROM things", seen, sizeof seen));
        assert_true(same && same->as.b);
        close_result_ok(&result);
        weir_stmt_free(&stmt);
    }
    close_connection_ok(&connection);
}

static void test_w2_where_nothing_tells_the_type_the_value_does(void **state)
{
    test_database *db = *state;
    static const char *const texts[] = { "SELECT jsonb_build_object('a', :p)::text", "SELECT jsonb_build_object('a', :p)::text FROM (VALUES (:p)) AS v(x)",
                                         "SELECT jsonb_build_object('a', :p)::text, :p, num_nulls(:p)" };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_stmt *stmt = weir_sql(texts[i]);
        WEIR_BIND(stmt, "p", "x");
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        const weir_row *row = weir_result_next(result);
        assert_non_null(row);
        assert_string_equal(weir_row_cstr_at(row, 0), "{\"a\": \"x\"}");
        close_result_ok(&result);
        weir_stmt_free(&stmt);
    }
    run_ok(connection, "CREATE TEMP TABLE two(a integer, b text)");
    weir_stmt *contradiction = weir_sql("UPDATE two SET a = :p, b = :p");
    WEIR_BIND(contradiction, "p", "x");
    weir_result *result = weir_connection_execute(connection, contradiction, NULL);
    assert_error(weir_result_error(result), WEIR_PROGRAMMING);
    assert_string_equal(weir_result_error(result)->sqlstate, "42P08");
    assert_status(weir_result_close(&result), WEIR_PROGRAMMING);
    weir_stmt_free(&contradiction);
    close_connection_ok(&connection);
}

static void test_w2_numbers_are_converted_exactly_or_refused_before_anything_is_sent(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "CREATE TABLE numbers(i2 smallint, i4 integer, i8 bigint, f8 double precision, n numeric, b boolean)");
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("INSERT INTO numbers VALUES (:i2, :i4, :i8, :f8, :n, :b)");
    WEIR_BIND(stmt, "i2", 7);
    WEIR_BIND(stmt, "i4", 300.0);
    weir_bind(stmt, "i8", weir_value_numeric((weir_numeric){ "9007199254740993", 16 }));
    WEIR_BIND(stmt, "f8", 3);
    WEIR_BIND(stmt, "n", 0.5);
    WEIR_BIND(stmt, "b", 1);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    close_result_ok(&result);
    assert_text(connection, "SELECT numbers::text FROM numbers", "(7,300,9007199254740993,3,0.5,t)");
    static const struct { const char *name; weir_value value; } bad[] = {
        { "i2", { WEIR_T_INT64, { .i = 32768 } } },
        { "i4", { WEIR_T_DOUBLE, { .d = 0.5 } } },
        { "b", { WEIR_T_INT64, { .i = 2 } } },
        { "i8", { WEIR_T_DOUBLE, { .d = 1e19 } } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_stmt *copy = weir_stmt_copy(stmt);
        weir_bind(copy, bad[i].name, bad[i].value);
        result = weir_connection_execute(connection, copy, NULL);
        assert_contains(weir_result_error(result)->message, bad[i].name);
        assert_status(weir_result_close(&result), WEIR_DATA);
        weir_stmt_free(&copy);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM numbers"), 1);    /* the transaction lives */
    }
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_w2_types_of_the_catalog_are_looked_up_once(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN small AS integer CHECK (value < 100);"
                      "CREATE DOMAIN moody AS mood; CREATE TABLE feelings(id integer, m mood, s small, ms mood[], dm moody);"
                      "INSERT INTO feelings VALUES (1, 'sad', 5, '{sad,happy}', 'happy')");
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int i = 0; i < 2; i++) {
        test_log_clear(db->log);
        weir_result *result =
            query(connection, i ? "SELECT ms, dm, m, s FROM feelings" : "SELECT m, s, ms, dm FROM feelings", NULL);
        const weir_row *row = weir_result_one(result);
        assert_non_null(row);
        assert_int_equal(weir_row_value(row, "m")->type, WEIR_T_ENUM);
        assert_string_equal(weir_row_cstr(row, "m"), "sad");
        assert_int_equal(weir_row_int32(row, "s"), 5);
        const weir_array *moods = weir_row_array(row, "ms");
        assert_non_null(moods);
        assert_int_equal(moods->count, 2);
        assert_int_equal(moods->element_type, WEIR_T_ENUM);
        assert_string_equal(weir_row_cstr(row, "dm"), "happy");
        close_result_ok(&result);
        assert_int_equal(test_log_matching(db->log, WEIR_LOG_ROUND_TRIP, "types"), i ? 0 : 1);
    }
    close_connection_ok(&connection);
}

static void test_w2_a_parameter_without_a_type_is_of_its_own_type(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);    /* the transaction stands already */
    weir_stmt *stmt = weir_sql("SELECT :n AS n, :t AS t, :f AS f, :b AS b, :nothing AS nothing");
    WEIR_BIND(stmt, "n", (int64_t)1 << 40);
    WEIR_BIND(stmt, "t", "text");
    WEIR_BIND(stmt, "f", 0.25);
    WEIR_BIND(stmt, "b", (bool)true);
    WEIR_BIND(stmt, "nothing", WEIR_NULL);
    for (int i = 0; i < 2; i++) {
        weir_result *result = weir_connection_execute(connection, stmt, i ? OPTIONS(.yield_per = 2) : NULL);
        const weir_row *row = weir_result_next(result);
        assert_error(weir_result_error(result), WEIR_OK);
        assert_int_equal(weir_row_int64(row, "n"), (int64_t)1 << 40);
        assert_string_equal(weir_row_cstr(row, "t"), "text");
        assert_true(weir_row_double(row, "f") == 0.25);
        assert_true(weir_row_bool(row, "b"));
        assert_true(weir_row_is_null(row, "nothing"));
        close_result_ok(&result);
    }
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

/* ---- W3: prepared statements that no longer fit ------------------------------------------------------------------ */

static void read_everything(weir_connection *connection, size_t columns, const weir_execution_options *options)
{
    weir_result *result = query(connection, "SELECT * FROM orders ORDER BY id", options);
    assert_error(weir_result_error(result), WEIR_OK);
    assert_int_equal(weir_result_column_count(result), columns);
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
}

static void test_w3_a_begin_block_that_sent_nothing_yet_prepares_again(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_execution_options *ways[] = { NULL, OPTIONS(.yield_per = 5),
                                             OPTIONS(.yield_per = 5, .cursor_mode = WEIR_CURSOR_DECLARE) };
    size_t columns = 4;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (int autocommit = 0; autocommit < 2; autocommit++) {
            weir_connection *connection = weir_engine_connect(db->engine);
            assert_status(weir_connection_begin(connection), WEIR_OK);
            read_everything(connection, columns, ways[i]);
            assert_status(weir_connection_commit(connection), WEIR_OK);
            test_side_run(db, "ALTER TABLE orders ADD COLUMN IF NOT EXISTS extra1 text");
            columns = 5;
            char sql[96];
            snprintf(sql, sizeof sql, "ALTER TABLE orders ALTER COLUMN extra1 TYPE varchar(%zu)",
                     10 + i * 2 + (size_t)autocommit);
            test_side_run(db, sql);
            if (autocommit)
                assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
            assert_status(weir_connection_begin(connection), WEIR_OK);
            read_everything(connection, columns, ways[i]);
            assert_true(weir_connection_in_transaction(connection));
            run_ok(connection, "INSERT INTO orders VALUES (13, 1, 1, 'x')");
            assert_int_equal(test_side_int(db, "SELECT count(*) FROM orders"), 12);     /* it is a real transaction */
            assert_status(weir_connection_rollback(connection), WEIR_OK);
            close_connection_ok(&connection);
        }
    weir_connection *connection = weir_engine_begin(db->engine);
    test_side_run(db, "ALTER TABLE orders ADD COLUMN extra2 text");
    read_everything(connection, 6, NULL);
    close_connection_ok(&connection);
}

static void test_w3_inside_a_transaction_it_is_a_clear_error(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    read_everything(connection, 4, OPTIONS(.yield_per = 5));
    assert_status(weir_connection_commit(connection), WEIR_OK);
    test_side_run(db, "ALTER TABLE orders ADD COLUMN note text");
    run_ok(connection, "INSERT INTO invoices VALUES (100, 1, 1, 'x')");
    weir_result *result = query(connection, "SELECT * FROM orders ORDER BY id", OPTIONS(.yield_per = 5));
    assert_contains(weir_result_error(result)->hint, "execute it again");
    assert_status(weir_result_close(&result), WEIR_NOT_SUPPORTED);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    read_everything(connection, 5, OPTIONS(.yield_per = 5));
    close_connection_ok(&connection);
}

static void test_w3_what_the_server_forgot_is_prepared_again(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const char *const forgets[] = { "DISCARD ALL", "DEALLOCATE ALL", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$" };
    const weir_execution_options *ways[] = { NULL, OPTIONS(.yield_per = 5),
                                             OPTIONS(.yield_per = 5, .cursor_mode = WEIR_CURSOR_DECLARE) };
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)), WEIR_OK);
    for (size_t i = 0; i < sizeof forgets / sizeof *forgets; i++)
        for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
            for (int round = 0; round < 3; round++) {
                assert_status(weir_connection_begin(connection), WEIR_OK);
                read_everything(connection, 4, ways[way]);
                assert_status(weir_connection_commit(connection), WEIR_OK);
                if (round < 2)
                    run_ok(connection, forgets[i]);
            }
        }
    /* In the middle of a transaction, behind its back. */
    assert_status(weir_connection_begin(connection), WEIR_OK);
    read_everything(connection, 4, NULL);
    run_ok(connection, "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$");
    weir_result *result = query(connection, "SELECT * FROM orders ORDER BY id", NULL);
    int status = weir_result_close(&result);
    if (status != WEIR_OK) {
        assert_status(status, WEIR_PROGRAMMING);
        assert_string_equal(weir_connection_error(connection)->sqlstate, "26000");
    }
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_connection_begin(connection), WEIR_OK);
    read_everything(connection, 4, NULL);
    close_connection_ok(&connection);
}

static int64_t named_statements(weir_connection *connection)
{
    weir_result *result = query(connection, "SELECT count(*) FROM pg_prepared_statements", OPTIONS(.prepared = WEIR_OFF));
    const weir_value *value = weir_result_scalar_one(result);
    assert_error(weir_result_error(result), WEIR_OK);
    int64_t count = value->as.i;
    close_result_ok(&result);
    return count;
}

static void test_w3_prepared_off_leaves_no_named_statement_behind(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_execution_options *off = OPTIONS(.prepared = WEIR_OFF);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.execution_options = off));
    weir_connection *connection = weir_engine_connect(engine);
    static const weir_cursor_mode modes[] = { WEIR_CURSOR_PORTAL, WEIR_CURSOR_DECLARE };
    for (size_t i = 0; i < 2; i++) {
        weir_stmt *stmt = weir_sql("SELECT id FROM orders WHERE id > :least AND state = :state ORDER BY id");
        WEIR_BIND(stmt, "least", 2);
        WEIR_BIND(stmt, "state", "pending");
        weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 4, .cursor_mode = modes[i]));
        assert_next_ids(result, 3, 5);
        run_ok(connection, "UPDATE orders SET amount_cents = 1 WHERE id = 4");
        assert_int_equal(named_statements(connection), 0);
        assert_ids_to_end(result, 6, 12);
        close_result_ok(&result);
        weir_stmt_free(&stmt);
        assert_int_equal(named_statements(connection), 0);
    }
    assert_status(weir_connection_commit(connection), WEIR_OK);
    assert_status(weir_connection_options(connection, OPTIONS(.prepared = WEIR_ON)), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    assert_int_equal(named_statements(connection), 1);      /* it would have been seen */
    close_both(&connection, &engine);
}

/* ---- W4: no parallel workers behind a portal --------------------------------------------------------------------- */

/* An immutable function is folded when the plan is made: it tells the setting of that moment. */
static void make_witness(test_database *db)
{
    test_fixture(db, 12);
    test_side_run(db, "CREATE FUNCTION workers_when_planned() RETURNS integer IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS "
                      "$$ BEGIN RETURN current_setting('max_parallel_workers_per_gather')::integer; END $$;"
                      "CREATE FUNCTION who_runs_this() RETURNS integer VOLATILE PARALLEL SAFE COST 1000 LANGUAGE plpgsql AS "
                      "$$ BEGIN RETURN pg_backend_pid(); END $$");
}

static int64_t planned_with(weir_connection *connection, const weir_execution_options *options)
{
    weir_result *result = query(connection, "SELECT id, workers_when_planned() AS workers FROM orders ORDER BY id", options);
    const weir_row *row = weir_result_next(result);
    assert_error(weir_result_error(result), WEIR_OK);
    int64_t workers = weir_row_int64(row, "workers");
    assert_ids_to_end(result, 2, 12);
    close_result_ok(&result);
    return workers;
}

static void test_w4_a_stream_is_planned_without_workers_and_the_setting_comes_back(void **state)
{
    test_database *db = *state;
    const char *show = "SHOW max_parallel_workers_per_gather";
    make_witness(db);
    for (int prepared = WEIR_ON; prepared <= WEIR_OFF; prepared++) {
        weir_engine *engine;
        weir_connection *connection = connect_with(db, &engine, ARGS("max_parallel_workers_per_gather", "3"));
        assert_status(weir_connection_options(connection, OPTIONS(.prepared = (weir_switch)prepared)), WEIR_OK);
        for (int i = 0; i < 3; i++) {               /* one text, prepared and planned in both ways */
            assert_int_equal(planned_with(connection, NULL), 3);
            assert_int_equal(planned_with(connection, OPTIONS(.yield_per = 5)), 0);
            assert_int_equal(planned_with(connection, OPTIONS(.yield_per = 5, .parallel_plan = WEIR_ON)), 3);
            assert_text(connection, show, "3");
        }
        run_ok(connection, "SET LOCAL max_parallel_workers_per_gather = 1");
        weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 5));
        assert_text(connection, show, "1");
        assert_ids_to_end(result, 1, 12);
        close_result_ok(&result);
        assert_text(connection, show, "1");
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_text(connection, show, "3");
        run_ok(connection, "SET max_parallel_workers_per_gather = 4");
        result = query(connection, ORDERS, OPTIONS(.yield_per = 5));
        close_result_ok(&result);
        assert_status(weir_connection_commit(connection), WEIR_OK);
        assert_text(connection, show, "4");         /* the user's own SET outlives the transaction */
        int savepoint = weir_connection_savepoint(connection);
        result = query(connection, ORDERS, OPTIONS(.yield_per = 5));
        close_result_ok(&result);
        assert_text(connection, show, "4");
        assert_status(weir_connection_savepoint_rollback(connection, savepoint), WEIR_OK);
        assert_text(connection, show, "4");
        close_both(&connection, &engine);
    }
}

static void test_w4_parallel_plan_lets_workers_run_and_buffers(void **state)
{
    test_database *db = *state;
    make_witness(db);
    const char *who = "SELECT min(who_runs_this()) AS least, max(who_runs_this()) AS most FROM orders";
    weir_engine *engine;
    weir_connection *connection =
        connect_with(db, &engine,
                     ARGS("max_parallel_workers_per_gather", "2", "parallel_setup_cost", "0", "parallel_tuple_cost", "0",
                          "min_parallel_table_scan_size", "0", "parallel_leader_participation", "off"));
    int own = weir_connection_backend_pid(connection);
    for (int parallel = 0; parallel < 2; parallel++) {
        weir_result *result = query(connection, who, OPTIONS(.yield_per = 5, .parallel_plan = parallel ? WEIR_ON : WEIR_OFF));
        const weir_row *row = weir_result_next(result);
        assert_error(weir_result_error(result), WEIR_OK);
        weir_result_figures figures;
        weir_result_info(result, &figures);
        assert_int_equal(figures.mode, parallel ? WEIR_MODE_BUFFERED : WEIR_MODE_PORTAL);
        if (parallel)
            assert_true(weir_row_int64(row, "least") != own && weir_row_int64(row, "most") != own);
        else
            assert_true(weir_row_int64(row, "least") == own && weir_row_int64(row, "most") == own);
        close_result_ok(&result);
    }
    close_both(&connection, &engine);
}

/* ---- W6: whose snapshot ------------------------------------------------------------------------------------------ */

static void test_w6_statements_in_a_stream_share_its_snapshot_under_repeatable_read(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        assert_status(weir_connection_options(connection, OPTIONS(.isolation_level = repeatable ? WEIR_REPEATABLE_READ
                                                                                                : WEIR_READ_COMMITTED)), WEIR_OK);
        weir_result *result = query(connection, ORDERS, OPTIONS(.yield_per = 3));
        assert_next_ids(result, 1, 2);
        test_side_run(db, "INSERT INTO orders VALUES (100, 1, 1, 'new')");
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), repeatable ? 12 : 13);
        assert_ids_to_end(result, 3, 12);
        close_result_ok(&result);
        test_side_run(db, "DELETE FROM orders WHERE id = 100");
        close_connection_ok(&connection);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_w1_a_slow_consumer_is_not_cancelled),
        ON_POSTGRESQL(test_w1_a_batch_that_takes_too_long_is_cancelled),
        ON_POSTGRESQL(test_w1_begin_travels_with_what_comes_first),
        ON_POSTGRESQL(test_an_explicit_transaction_is_all_a_stream_needs_and_it_is_open),
        ON_POSTGRESQL(test_w2_a_parameter_becomes_the_type_that_the_server_inferred),
        ON_POSTGRESQL(test_w2_where_nothing_tells_the_type_the_value_does),
        ON_POSTGRESQL(test_w2_numbers_are_converted_exactly_or_refused_before_anything_is_sent),
        ON_POSTGRESQL(test_w2_types_of_the_catalog_are_looked_up_once),
        ON_POSTGRESQL(test_w2_a_parameter_without_a_type_is_of_its_own_type),
        ON_POSTGRESQL(test_w3_a_begin_block_that_sent_nothing_yet_prepares_again),
        ON_POSTGRESQL(test_w3_inside_a_transaction_it_is_a_clear_error),
        ON_POSTGRESQL(test_w3_what_the_server_forgot_is_prepared_again),
        ON_POSTGRESQL(test_w3_prepared_off_leaves_no_named_statement_behind),
        ON_POSTGRESQL(test_w4_a_stream_is_planned_without_workers_and_the_setting_comes_back),
        ON_POSTGRESQL(test_w4_parallel_plan_lets_workers_run_and_buffers),
        ON_POSTGRESQL(test_w6_statements_in_a_stream_share_its_snapshot_under_repeatable_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
