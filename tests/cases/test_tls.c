/* TLS and SCRAM on a real server: certificates, passwords from everywhere and in no message, streams and cancels. */
#include "trouble.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POOL(...) WEIR_ENGINE_OPTIONS(__VA_ARGS__)
#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)

/* An authority that has signed nothing here. */
static const char other_authority[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBiDCCAS2gAwIBAgIUYSJuPB6SoTp59volmC4cTJUyMfcwCgYIKoZIzj0EAwIw\n"
    "GDEWMBQGA1UEAwwNc29tZWJvZHkgZWxzZTAgFw0yNjExMjIxNzM3MTdaGA8yMTI2\n"
    "MTAyOTE3MzcxN1owGDEWMBQGA1UEAwwNc29tZWJvZHkgZWxzZTBZMBMGByqGSM49\n"
    "AgEGCCqGSM49AwEHA0IABKI9yd3fxxvaYpNnPhrE6SgtzNSavA2F1j+B8+yaJx7K\n"
    "MQZss9V+XS5PbEimvwFBJRA7crjd8mJGMHF6uN0TZaCjUzBRMB0GA1UdDgQWBBTW\n"
    "mZOoFGat3sfylhVoehB5liQqUTAfBgNVHSMEGDAWgBTWmZOoFGat3sfylhVoehB5\n"
    "liQqUTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCcJ3cChpI1\n"
    "f5VRfuo8QHFx6u7y+/D9C4YGd8mwOHGtagIhAMZTeqvVhqyXoGgu6NkTj0anNSJu\n"
    "3vJuEVcgkK0tA2//\n"
    "-----END CERTIFICATE-----\n";

/* ---- engines on the TLS server -------------------------------------------------------------------------------------------------- */

/* The environment's URL with more parameters, which win over those it has. */
static weir_engine *tls_engine(test_database *db, const char *more)
{
    char url[1600];
    weir_engine *engine;
    snprintf(url, sizeof url, "%s%s", test_environment("WEIR_TEST_PG_TLS"), more);
    if (weir_engine_open(&engine, url, POOL(.log = test_log_write, .log_context = db->log)) != WEIR_OK)
        assert_error(weir_engine_error(engine), WEIR_OK);
    return engine;
}

/* A URL of the same server without a password. */
static weir_engine *plain_engine(test_database *db, const char *more)
{
    char url[1600];
    weir_engine *engine;
    snprintf(url, sizeof url, "postgresql://weir@localhost:%s/postgres?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=%s%s",
             test_environment("WEIR_TEST_PG_TLS_PORT"), test_environment("WEIR_TEST_PG_TLS_CA"), more);
    if (weir_engine_open(&engine, url, POOL(.log = test_log_write, .log_context = db->log)) != WEIR_OK)
        assert_error(weir_engine_error(engine), WEIR_OK);
    return engine;
}

static void assert_works(weir_engine *engine)
{
    weir_connection *connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), 1);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

/* No connect; the message says `why`, and no text of the error says `secret`. */
static void assert_refused(weir_engine *engine, const char *why, const char *secret)
{
    weir_error error;
    assert_status(test_connect_fails(engine, &error), WEIR_OPERATIONAL);
    assert_contains(error.message, "cannot connect to PostgreSQL: ");
    assert_contains(error.message, why);
    char whole[2048];
    weir_error_format(&error, whole, sizeof whole);
    assert_null(strchr(error.message, '\n'));
    if (secret)
        assert_null(strstr(whole, secret));
    assert_pool(engine, 5, 0, -5, 0);
    weir_engine_close(&engine);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void scratch_path(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%ld-%s", test_environment("WEIR_TEST_DIR"), (long)getpid(), name);
}

/* ---- certificates ------------------------------------------------------------------------------------------------------------------ */

static void test_a_verified_server_is_trusted(void **state)
{
    test_database *db = *state;
    assert_works(tls_engine(db, ""));
    assert_works(tls_engine(db, "&sslmode=verify-ca"));
    assert_works(tls_engine(db, "&sslmode=require"));
    assert_works(tls_engine(db, "&channel_binding=require"));
}

static void test_a_server_of_another_authority_or_name_is_not(void **state)
{
    test_database *db = *state;
    char path[512], more[700];
    scratch_path(path, sizeof path, "other.crt");
    write_file(path, other_authority, 0644);
    snprintf(more, sizeof more, "&sslrootcert=%s", path);
    assert_refused(tls_engine(db, more), "certificate verify failed", NULL);
    snprintf(more, sizeof more, "&sslmode=verify-ca&sslrootcert=%s", path);
    assert_refused(tls_engine(db, more), "certificate verify failed", NULL);
    unlink(path);
    assert_refused(tls_engine(db, more), "does not exist", NULL);
    assert_refused(tls_engine(db, "&host=elsewhere.example"), "does not match host name", NULL);
    assert_works(tls_engine(db, "&host=elsewhere.example&sslmode=verify-ca"));
    assert_refused(tls_engine(db, "&sslmode=disable"), "no encryption", NULL);
}

/* ---- passwords ----------------------------------------------------------------------------------------------------------------------- */

static void test_a_wrong_password_is_refused_and_not_shown(void **state)
{
    test_database *db = *state;
    assert_refused(tls_engine(db, "&password=wrongsecret99"), "password authentication failed", "wrongsecret99");
    assert_refused(plain_engine(db, ""), "no password supplied", NULL);
    weir_engine *engine = tls_engine(db, "&password=wrongsecret99");
    weir_error error;
    test_connect_fails(engine, &error);
    assert_contains(error.hint, "password");
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_CONNECT, NULL), 0);
    weir_engine_close(&engine);
}

static void test_no_message_shows_the_password_of_the_url(void **state)
{
    test_database *db = *state;
    weir_engine *engine;
    char url[1600], whole[2048];
    const char *secret = test_environment("WEIR_TEST_PG_TLS_PASSWORD");
    snprintf(url, sizeof url, "%s&nonsense=1", test_environment("WEIR_TEST_PG_TLS"));
    assert_int_equal(weir_engine_open(&engine, url, NULL), WEIR_ARGUMENT);
    weir_error_format(weir_engine_error(engine), whole, sizeof whole);
    assert_null(strstr(whole, secret));
    assert_null(strstr(whole, "w%3Ae"));
    weir_engine_close(&engine);
    assert_refused(tls_engine(db, "&hostaddr=127.0.0.1&port=1"), "onnection refused", secret);
}

static void test_a_password_file_works(void **state)
{
    test_database *db = *state;
    char path[512], more[700], line[256];
    scratch_path(path, sizeof path, "pgpass");
    snprintf(line, sizeof line, "localhost:%s:postgres:weir:w\\:e/i@r%%7\n", test_environment("WEIR_TEST_PG_TLS_PORT"));
    write_file(path, line, 0600);
    snprintf(more, sizeof more, "&passfile=%s", path);
    assert_works(plain_engine(db, more));
    write_file(path, "*:*:*:weir:filesecret12\n", 0600);
    assert_refused(plain_engine(db, more), "password authentication failed", "filesecret12");
    unlink(path);
    assert_refused(plain_engine(db, more), "no password supplied", NULL);
}

static void test_the_environments_password_works(void **state)
{
    test_database *db = *state;
    setenv("PGPASSWORD", test_environment("WEIR_TEST_PG_TLS_PASSWORD"), 1);
    assert_works(plain_engine(db, ""));
    setenv("PGPASSWORD", "environmentsecret3", 1);
    assert_refused(plain_engine(db, ""), "password authentication failed", "environmentsecret3");
    unsetenv("PGPASSWORD");
}

static void test_a_service_file_works(void **state)
{
    test_database *db = *state;
    char path[512], text[1400];
    weir_engine *engine;
    scratch_path(path, sizeof path, "pg_service.conf");
    snprintf(text, sizeof text, "[weirtest]\nhost=localhost\nhostaddr=127.0.0.1\nport=%s\nuser=weir\ndbname=postgres\npassword=%s\n"
             "sslmode=verify-full\nsslrootcert=%s\n", test_environment("WEIR_TEST_PG_TLS_PORT"),
             test_environment("WEIR_TEST_PG_TLS_PASSWORD"), test_environment("WEIR_TEST_PG_TLS_CA"));
    write_file(path, text, 0600);
    setenv("PGSERVICEFILE", path, 1);
    if (weir_engine_open(&engine, "postgresql:///?service=weirtest", POOL(.log = test_log_write, .log_context = db->log)) != WEIR_OK)
        assert_error(weir_engine_error(engine), WEIR_OK);
    assert_works(engine);
    assert_int_equal(weir_engine_open(&engine, "postgresql:///?service=nosuchservice", NULL), WEIR_OK);
    assert_refused(engine, "nosuchservice", NULL);
    unsetenv("PGSERVICEFILE");
    unlink(path);
}

/* ---- data ------------------------------------------------------------------------------------------------------------------------------ */

static void test_a_hundred_thousand_rows_stream_over_tls(void **state)
{
    weir_engine *engine = tls_engine(*state, "");
    weir_connection *connection = connect_ok(engine);
    static const struct { int64_t yield_per; weir_switch prefetch; } ways[] = {
        { 1000, WEIR_ON }, { 1000, WEIR_OFF }, { 33333, WEIR_ON },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        weir_result *result = test_query(connection, "SELECT id, md5(id::text) FROM generate_series(1, 100000) AS id ORDER BY id",
                                         OPTIONS(.yield_per = ways[i].yield_per, .prefetch = ways[i].prefetch));
        assert_ids_to_end(result, 1, 100000);
        close_result_ok(&result);
    }
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_giant_rows_and_parameters_pass_over_tls(void **state)
{
    weir_engine *engine = tls_engine(*state, "");
    weir_connection *connection = connect_ok(engine);
    weir_result *result = test_query(connection, "SELECT id, repeat(md5(id::text), 40000) "
                                     "FROM generate_series(1, 12) AS id ORDER BY id",
                                     OPTIONS(.yield_per = 3));
    for (int64_t id = 1; id <= 12; id++) {
        const weir_row *row = weir_result_next(result);
        assert_non_null(row);
        assert_int_equal(weir_row_int64_at(row, 0), id);
        assert_int_equal(weir_row_text_at(row, 1).len, 1280000);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    size_t size = 5000000;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'p', size);
    text[size] = 0;
    weir_stmt *stmt = weir_sql("SELECT :x || 'q' FROM generate_series(1, 3)");
    weir_bind(stmt, "x", weir_value_cstr(text));
    result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 1));
    weir_stmt_free(&stmt);
    for (int i = 0; i < 3; i++) {
        const weir_row *row = weir_result_next(result);
        assert_non_null(row);
        weir_text back = weir_row_text_at(row, 0);
        assert_int_equal(back.len, size + 1);
        assert_memory_equal(back.ptr, text, size);
    }
    close_result_ok(&result);
    free(text);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void *cancel_soon(void *connection)
{
    test_sleep_ms(200);
    (void)!weir_connection_cancel(connection);
    return NULL;
}

static void test_a_cancel_over_tls(void **state)
{
    weir_engine *engine = tls_engine(*state, "");
    weir_connection *connection = connect_ok(engine);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        int64_t before = test_now_ms();
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, connection), 0);
        assert_status((int)weir_connection_run(connection, "SELECT pg_sleep(20)"), WEIR_CANCELLED);
        pthread_join(thread, NULL);
        assert_in_range(test_now_ms() - before, 150, 2500);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
        assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
        assert_status(weir_connection_rollback(connection), WEIR_OK);
    }
    assert_int_equal(test_pool_status(engine).connects, 1);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_a_backend_killed_under_tls_says_why(void **state)
{
    test_database *db = *state;
    weir_engine *engine = tls_engine(db, "");
    weir_connection *connection = connect_ok(engine), *killer = connect_ok(engine);
    weir_result *result = test_query(connection, "SELECT id FROM generate_series(1, 1000) AS id ORDER BY id",
                                     OPTIONS(.yield_per = 10, .prefetch = WEIR_OFF));
    assert_next_ids(result, 1, 15);
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)::int", weir_connection_backend_pid(connection));
    assert_int_equal(test_query_int(killer, sql), 1);
    assert_next_ids(result, 16, 20);
    assert_null(weir_result_next(result));
    assert_error(weir_result_error(result), WEIR_OPERATIONAL);
    assert_true(weir_result_error(result)->disconnect);
    assert_string_equal(weir_result_error(result)->sqlstate, "57P01");
    assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 1"), 1);
    close_connection_ok(&connection);
    close_connection_ok(&killer);
    weir_engine_close(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_a_verified_server_is_trusted),
        ON_POSTGRESQL(test_a_server_of_another_authority_or_name_is_not),
        ON_POSTGRESQL(test_a_wrong_password_is_refused_and_not_shown),
        ON_POSTGRESQL(test_no_message_shows_the_password_of_the_url),
        ON_POSTGRESQL(test_a_password_file_works),
        ON_POSTGRESQL(test_the_environments_password_works),
        ON_POSTGRESQL(test_a_service_file_works),
        ON_POSTGRESQL(test_a_hundred_thousand_rows_stream_over_tls),
        ON_POSTGRESQL(test_giant_rows_and_parameters_pass_over_tls),
        ON_POSTGRESQL(test_a_cancel_over_tls),
        ON_POSTGRESQL(test_a_backend_killed_under_tls_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
