/* Passwords are in no text that weir makes, however they were given: errors, shown URLs, the log. */
#include "trouble.h"
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char secret[] = "hunter2-of-the-tests";

/* One way to give a password. %p: the port of the TLS server, %c its authority's file; all of them are refused. */
static const struct way { const char *name, *url, *environment; const char *const *arguments; } ways[] = {
    { "in front of the host", "postgresql://weir:hunter2-of-the-tests@localhost:%p/postgres?sslmode=require", NULL, NULL },
    { "with escapes", "postgresql://weir:%68unter2-of-the-tests@localhost:%p/postgres?sslmode=require", NULL, NULL },
    { "as a parameter", "postgresql://weir@localhost:%p/postgres?sslmode=require&password=hunter2-of-the-tests", NULL, NULL },
    { "as a parameter with escapes", "postgresql://weir@localhost:%p/postgres?sslmode=require&p%61ssword=h%75nter2-of-the-tests", NULL, NULL },
    { "as a parameter in capitals", "postgresql://weir@localhost:%p/postgres?PASSWORD=hunter2-of-the-tests", NULL, NULL },
    { "with a slash", "postgresql://weir:hunter2-of-the-tests/more@localhost:%p/postgres", NULL, NULL },
    { "with two ats", "postgresql://weir:x@hunter2-of-the-tests@localhost:%p/postgres", NULL, NULL },
    { "behind a parameter with an at", "postgresql://127.0.0.1:%p?user=me@server.invalid&password=hunter2-of-the-tests", NULL, NULL },
    { "behind a parameter with an at, without a port", "postgresql://127.0.0.1?user=me@server.invalid&password=hunter2-of-the-tests", NULL, NULL },
    { "in front of a parameter with an at", "postgresql://127.0.0.1?password=hunter2-of-the-tests&port=%p&sslmode=require&user=me@127.0.0.1", NULL, NULL },
    { "without a question mark", "postgresql://weir@localhost:%p/db&password=hunter2-of-the-tests", NULL, NULL },
    { "without a question mark or a database", "postgresql://weir@localhost&password=hunter2-of-the-tests", NULL, NULL },
    { "with a question mark", "postgresql://weir:hunter2-of-the-tests?x@localhost:%p/postgres", NULL, NULL },
    { "with a number sign", "postgresql://weir:hunter2-of-the-tests#x@localhost:%p/postgres?sslmode=require", NULL, NULL },
    { "to nobody", "postgresql://weir:hunter2-of-the-tests@localhost:1/postgres", NULL, NULL },
    { "to no host", "postgresql://weir:hunter2-of-the-tests@no.such.host.invalid/postgres", NULL, NULL },
    { "with a bad escape", "postgresql://weir:hunter2-of-the-tests%zz@localhost:%p/postgres", NULL, NULL },
    { "with an unknown parameter", "postgresql://weir:hunter2-of-the-tests@localhost:%p/postgres?nonsense=1", NULL, NULL },
    { "with a bad port", "postgresql://weir:hunter2-of-the-tests@localhost:port/postgres", NULL, NULL },
    { "of a client's key", "postgresql://weir@localhost:%p/postgres?sslmode=require&sslpassword=hunter2-of-the-tests", NULL, NULL },
    { "without a scheme", "weir:hunter2-of-the-tests@localhost/postgres", NULL, NULL },
    { "with another scheme", "mysql://weir:hunter2-of-the-tests@localhost/postgres", NULL, NULL },
    { "as keys and values", "host=localhost user=weir password=hunter2-of-the-tests", NULL, NULL },
    { "with one slash", "postgresql:/weir:hunter2-of-the-tests@localhost/postgres", NULL, NULL },
    { "in connect_args", "postgresql://weir@localhost:%p/postgres?sslmode=require", NULL, (const char *const[]){ "password", secret, NULL } },
    { "in connect_args in capitals", "postgresql://weir@localhost:%p/postgres?sslmode=require", NULL, (const char *const[]){ "PASSWORD", secret, NULL } },
    { "in a connection string as dbname", "postgresql://weir@localhost:%p/postgres?sslmode=require", NULL,
      (const char *const[]){ "dbname", "host=localhost password=hunter2-of-the-tests", NULL } },
    { "in the environment", "postgresql://weir@localhost:%p/postgres?sslmode=require", "hunter2-of-the-tests", NULL },
};

static void fill_in(char *out, size_t size, const char *url)
{
    char *mark;
    snprintf(out, size, "%s", url);
    if (!(mark = strstr(out, ":%p")))
        return;
    char rest[512];
    snprintf(rest, sizeof rest, "%s", mark + 3);
    snprintf(mark, size - (size_t)(mark - out), ":%s%s", test_environment("WEIR_TEST_PG_TLS_PORT"), rest);
}

static void assert_hidden(const char *way, const char *text)
{
    if (strstr(text, "hunter2"))
        fail_msg("a password given %s is shown: %s", way, text);
}

static void assert_hidden_in_error(const char *way, const weir_error *error)
{
    char whole[4096];
    weir_error_format(error, whole, sizeof whole);
    assert_hidden(way, whole);
    assert_hidden(way, error->sql);
    assert_hidden(way, error->detail);
}

static void assert_hidden_in_log(const char *way, test_log *log)
{
    for (int kind = 0; kind < 64; kind++)
        for (size_t i = 0; i < test_log_count(log, (weir_log_kind)kind); i++) {
            const test_log_entry *entry = test_log_at(log, (weir_log_kind)kind, i);
            assert_hidden(way, entry->message);
            assert_hidden(way, entry->parameters ? entry->parameters : "");
        }
}

static void test_no_text_shows_a_password(void **state)
{
    test_database *db = *state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char url[1024];
        weir_engine *engine;
        weir_error error;
        fill_in(url, sizeof url, ways[i].url);
        if (ways[i].environment)
            setenv("PGPASSWORD", ways[i].environment, 1);
        int status = weir_engine_open(&engine, url, WEIR_ENGINE_OPTIONS(.log = test_log_write, .log_context = db->log, .connect_args = ways[i].arguments));
        error = *weir_engine_error(engine);
        if (status == WEIR_OK)
            status = test_connect_fails(engine, &error);
        assert_true(status < 0);
        assert_true(*error.message);
        assert_hidden_in_error(ways[i].name, &error);
        weir_engine_close(&engine);
        assert_hidden_in_log(ways[i].name, db->log);
        unsetenv("PGPASSWORD");
    }
}

/* A misspelt key is a setting for the server, which refuses it; its value is not repeated. */
static void test_a_misspelt_password_is_not_repeated(void **state)
{
    test_database *db = *state;
    weir_engine *engine;
    weir_error error;
    const char *const misspelt[] = { "passwrod", secret, NULL };
    int status = weir_engine_open(&engine, test_environment("WEIR_TEST_PG"), WEIR_ENGINE_OPTIONS(.log = test_log_write, .log_context = db->log,
                                                                                                .connect_args = misspelt));
    assert_int_equal(status, WEIR_OK);
    assert_status(test_connect_fails(engine, &error), WEIR_ARGUMENT);
    assert_contains(error.message, "passwrod = '***'");
    assert_hidden_in_error("under a misspelt key", &error);
    assert_hidden_in_log("under a misspelt key", db->log);
    weir_engine_close(&engine);
}

static bool libpq_knows(const char *key)
{
    PQconninfoOption *options = PQconndefaults();
    bool known = false;
    for (PQconninfoOption *o = options; o && o->keyword; o++)
        known = known || !strcmp(o->keyword, key);
    PQconninfoFree(options);
    return known;
}

/* As settings of the server they would come behind the password, and bind nobody: refused before anything is sent. */
static void test_how_to_connect_is_no_setting(void **state)
{
    (void)state;
    static const char *const keys[] = { "SSLMODE", "sslRootCert", "REQUIRE_AUTH", "require_auth", "sslcertmode", "scram_client_key", "oauth_client_secret", "ssl" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *const arguments[] = { keys[i], secret, NULL };
        weir_engine *engine;
        if (libpq_knows(keys[i]))
            continue;
        assert_int_equal(weir_engine_open(&engine, test_environment("WEIR_TEST_PG"), WEIR_ENGINE_OPTIONS(.connect_args = arguments)), WEIR_ARGUMENT);
        assert_contains(weir_engine_error(engine)->message, keys[i]);
        assert_contains(weir_engine_error(engine)->message, "is no setting of a server");
        assert_hidden_in_error(keys[i], weir_engine_error(engine));
        weir_engine_close(&engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_no_text_shows_a_password),
        ON_POSTGRESQL(test_a_misspelt_password_is_not_repeated),
        ON_POSTGRESQL(test_how_to_connect_is_no_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
