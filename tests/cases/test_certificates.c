/* A server whose certificate has expired, and passwords that want to be bound to a certificate where there is none. */
#include "trouble.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A server of this test's own: a running one cannot be told the time. */
typedef struct expired { char folder[64], url[512]; } expired;

static void run_servers(const char *what, const expired *e, char *line, int size)
{
    char command[700];
    snprintf(command, sizeof command, "'%s' %s '%s'", test_environment("WEIR_TEST_SERVERS"), what, e->folder);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    if (fgets(line, size, output))
        line[strcspn(line, "\n")] = 0;
    assert_int_equal(pclose(output), 0);
}

static weir_engine *engine_on(const char *url, const char *more)
{
    char whole[1600];
    weir_engine *engine;
    snprintf(whole, sizeof whole, "%s%s", url, more);
    assert_int_equal(weir_engine_open(&engine, whole, NULL), WEIR_OK);
    return engine;
}

static void assert_refused(const char *url, const char *more, const char *why)
{
    weir_engine *engine = engine_on(url, more);
    weir_error error;
    assert_status(test_connect_fails(engine, &error), WEIR_OPERATIONAL);
    assert_contains(error.message, "cannot connect to PostgreSQL: ");
    assert_contains(error.message, why);
    weir_engine_close(&engine);
}

static void assert_works(const char *url, const char *more)
{
    weir_engine *engine = engine_on(url, more);
    weir_connection *connection = connect_ok(engine);
    assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
}

static void test_an_expired_certificate_is_refused_by_who_verifies(void **state)
{
    expired e = { .folder = "/tmp/weir-expired.XXXXXX" };
    char nothing[64];
    (void)state;
    assert_non_null(mkdtemp(e.folder));
    run_servers("expired", &e, e.url, sizeof e.url);
    assert_refused(e.url, "&sslmode=verify-full", "certificate verify failed");
    assert_refused(e.url, "&sslmode=verify-ca", "certificate verify failed");
    assert_works(e.url, "&sslmode=require&sslrootcert=/nowhere/at/all");    /* it has no other fault */
    run_servers("stop", &e, nothing, sizeof nothing);
}

static void test_a_bound_channel_needs_one(void **state)
{
    (void)state;
    const char *clear = test_environment("WEIR_TEST_PG_SCRAM"), *tls = test_environment("WEIR_TEST_PG_TLS");
    assert_works(tls, "&channel_binding=require");
    assert_works(clear, "&channel_binding=prefer");
    assert_refused(clear, "&channel_binding=require", "channel binding");
    /* Who is asked for no password cannot bind it either. */
    assert_refused(test_environment("WEIR_TEST_PG_TCP"), "?channel_binding=require", "channel binding");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_an_expired_certificate_is_refused_by_who_verifies),
        ON_POSTGRESQL(test_a_bound_channel_needs_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
