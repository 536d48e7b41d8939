/* Database URLs: what is accepted, what the messages advise, and that no password is ever shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/url.h"

static bool counting;
static long allocations_left;

static bool may_allocate(void) { return !counting || allocations_left-- > 0; }
static void *take(size_t size, void *context) { (void)context; return may_allocate() ? malloc(size) : NULL; }
static void *resize(void *block, size_t size, void *context) { (void)context; return may_allocate() ? realloc(block, size) : NULL; }
static void release(void *block, void *context) { (void)context; free(block); }

static weir_arena arena;
static weir_error error;
static weir_url url;

static int make_arena(void **state)
{
    (void)state;
    weir_arena_init(&arena, NULL, WEIR_MEMORY_HANDLES, 64);
    memset(&error, 0, sizeof error);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    weir_memory_figures figures;
    weir_arena_free(&arena);
    weir_memory_usage(&figures);
    return figures.bytes == 0 ? 0 : -1;
}

static void accept(const char *text) { assert_int_equal(weir_url_parse(&arena, text, &url, &error), WEIR_OK); }

static void refuse(const char *text, const char *part)
{
    assert_int_equal(weir_url_parse(&arena, text, &url, &error), WEIR_ARGUMENT);
    assert_int_equal(error.status, WEIR_ARGUMENT);
    if (!strstr(error.message, part))
        fail_msg("%s: \"%s\" is not in \"%s\"", text ? text : "NULL", part, error.message);
}

static void test_sqlite_paths(void **state)
{
    (void)state;
    static const struct { const char *text, *path; } cases[] = {
        { "sqlite:///relative.db", "relative.db" }, { "sqlite:////absolute.db", "/absolute.db" },
        { "sqlite://", "" },                        { "sqlite:///", "" },
        { "sqlite:///:memory:", ":memory:" },       { "sqlite:///a/b.db?mode=ro", "a/b.db" },
        { "sqlite:////tmp/a%20b%3f%25.db", "/tmp/a b?%.db" }, { "SQLite:///X.db", "X.db" },
        { "sqlite:///a@b:c.db", "a@b:c.db" },       { "sqlite://?mode=rw", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        accept(cases[i].text);
        assert_string_equal(url.path, cases[i].path);
        assert_string_equal(url.scheme, "sqlite");
    }
}

static void test_parameters_are_decoded_in_order(void **state)
{
    (void)state;
    accept("sqlite:///x.db?mode=ro&&a%3Db=c%26d+e&empty=&");
    assert_int_equal(url.parameter_count, 3);
    assert_string_equal(url.parameters[0].key, "mode");
    assert_string_equal(url.parameters[0].value, "ro");
    assert_string_equal(url.parameters[1].key, "a=b");
    assert_string_equal(url.parameters[1].value, "c&d+e");
    assert_string_equal(url.parameters[2].key, "empty");
    assert_string_equal(url.parameters[2].value, "");
}

static void test_postgresql_is_left_to_libpq_with_its_scheme_in_lower_case(void **state)
{
    (void)state;
    accept("PostgreSQL://User@Host:5432,[::1]:5433/DB?Sslmode=require");
    assert_string_equal(url.whole, "postgresql://User@Host:5432,[::1]:5433/DB?Sslmode=require");
    assert_string_equal(url.shown, url.whole);
    assert_null(url.path);
    assert_string_equal(url.parameters[0].key, "Sslmode");
    accept("postgres://");
    assert_string_equal(url.scheme, "postgres");
    accept("postgresql:///db?service=weir");
    assert_string_equal(url.shown, "postgresql:///db?service=weir");
}

static void test_shown_masks_passwords(void **state)
{
    (void)state;
    static const struct { const char *text, *shown; } cases[] = {
        { "postgresql://u:secret@h/db", "postgresql://u:***@h/db" },
        { "postgresql://u:secret@h:5432,g:5433/db?a=b", "postgresql://u:***@h:5432,g:5433/db?a=b" },
        { "postgresql://u:@h/db", "postgresql://u:@h/db" },
        { "postgresql://u@h:5432/db", "postgresql://u@h:5432/db" },
        { "postgresql://u:sec@ret@h/db", "postgresql://u:***@h/db" },
        { "postgresql://u:sec/ret@h/db", "postgresql://u:***@h/db" },
        { "postgresql://u:sec?r=et@h/db?password=secret", "postgresql://u:***@h/db?password=***" },
        { "postgresql://u:s%40cret@h/db", "postgresql://u:***@h/db" },
        { "postgresql://h/db?password=secret", "postgresql://h/db?password=***" },
        { "postgresql://h/db?a=b&pass%77ord=secret&c=d", "postgresql://h/db?a=b&pass%77ord=***&c=d" },
        { "postgresql://u:secret@h?sslpassword=secret&PASSWORD=secret", "postgresql://u:***@h?sslpassword=***&PASSWORD=***" },
        { "postgresql://h/db?application_name=me@x", "postgresql://h/db?application_name=me@x" },
        { "postgresql://h:5432/db?application_name=me@x", "postgresql://h:5432/db?application_name=me@x" },
        { "postgresql://h/db?password=", "postgresql://h/db?password=***" },
        { "postgresql://h?user=me@x&password=secret", "postgresql://h?user=me@x&password=***" },
        { "postgresql://h:5432?user=me@x&password=secret&c=d", "postgresql://h:***@x&password=***&c=d" },
        { "postgresql://h/db&password=secret", "postgresql://h/db&password=***" },
        { "postgresql://h&a=b&sslpassword=secret/db?c=d", "postgresql://h&a=b&sslpassword=***" },
        { "postgresql://h/a&b?c=d", "postgresql://h/a&b?c=d" },
        { "sqlite:///x.db?password=secret", "sqlite:///x.db?password=***" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        accept(cases[i].text);
        assert_string_equal(url.shown, cases[i].shown);
    }
}

static void test_refusals_show_the_right_form(void **state)
{
    (void)state;
    refuse(NULL, "sqlite:///relative.db");
    refuse("", "sqlite:///relative.db");
    refuse("orders.db", "sqlite:///orders.db");
    refuse("/srv/orders.db", "sqlite:////srv/orders.db");
    refuse("sqlite:relative.db", "write sqlite:///relative.db ");
    refuse("sqlite:/abs.db", "write sqlite:////abs.db ");
    refuse("sqlite://relative.db", "three slashes");
    refuse("postgresql:db", "postgresql://user@host:port/database");
    refuse("mysql://h/db", "unknown scheme 'mysql'");
    refuse("mysql://h/db", "postgresql://user@host:port/database");
    refuse("postgresql+asyncpg://u@h/db", "drop the '+asyncpg'");
    refuse("postgresql+asyncpg://u@h/db", "postgresql://");
    refuse("sqlite+aiosqlite:///x.db", "drop the '+aiosqlite'");
    refuse("oracle+x://h", "unknown scheme 'oracle+x'");
    refuse("://x", "no scheme");
    refuse("sqlite:///x%zz.db", "character 12");
    refuse("sqlite:///x%2", "%25");
    refuse("sqlite:///x%00.db", "'%'");
    refuse("sqlite:///x.db?mode", "key=value");
    refuse("sqlite:///x.db?a=b&=ro", "parameter 2");
}

static void test_refusals_never_show_a_password(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "u:hunter2@h/db", "host=h password=hunter2", "mysql://u:hunter2@h/db", "postgresql+x://u:hunter2@h/db?password=hunter2",
        "postgresql:u:hunter2@h", "postgresql:/u:hunter2@h", "postgresql://u:hunter2%@h", "postgresql://u:a?hunter2@h/db?hunter2",
        "sqlite://u:hunter2@h/db", "postgresql://h/db?password=%zzhunter2", "postgresql://h/db?hunter2", "password=hunter2",
        "?password=hunter2", "postgres//u:hunter2@h",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char whole[4096];
        refuse(texts[i], "URL");
        weir_error_format(&error, whole, sizeof whole);
        if (strstr(whole, "hunter2"))
            fail_msg("%s: %s", texts[i], whole);
    }
}

static void test_every_prefix_is_read_within_its_bounds(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "postgresql+x://us%20er:p%40:@ss@[::1]:5432,h/d%2Fb?password=%73&a=b&sslpassword=c%",
        "postgres://us%20er:p%40:@ss@[::1]:5432,h/d%2Fb?password=%73&a=b&sslpassword=c%",
        "sqlite:////a%20b/%2e%2E?mode=ro&x=%41&&y=",
    };
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (size_t length = 0; length <= strlen(texts[t]); length++) {
            char *copy = malloc(length + 1);        /* a block of its own, so that the sanitizer sees its end */
            memcpy(copy, texts[t], length);
            copy[length] = 0;
            int status = weir_url_parse(&arena, copy, &url, &error);
            free(copy);
            assert_true(status == WEIR_OK || status == WEIR_ARGUMENT);
        }
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    int status = WEIR_OUT_OF_MEMORY;
    for (long n = 0; status != WEIR_OK; n++) {
        weir_arena_free(&arena);
        weir_arena_init(&arena, NULL, WEIR_MEMORY_HANDLES, 1);
        counting = true;
        allocations_left = n;
        status = weir_url_parse(&arena, "sqlite:////tmp/x.db?password=a&mode=ro&x=y", &url, &error);
        counting = false;
        assert_true(n < 100);
        assert_int_equal(status, allocations_left < 0 ? WEIR_OUT_OF_MEMORY : WEIR_OK);
    }
    assert_string_equal(url.shown, "sqlite:////tmp/x.db?password=***&mode=ro&x=y");
}

int main(void)
{
    static const weir_allocator allocator = { take, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
#define URL_TEST(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        URL_TEST(test_sqlite_paths),
        URL_TEST(test_parameters_are_decoded_in_order),
        URL_TEST(test_postgresql_is_left_to_libpq_with_its_scheme_in_lower_case),
        URL_TEST(test_shown_masks_passwords),
        URL_TEST(test_refusals_show_the_right_form),
        URL_TEST(test_refusals_never_show_a_password),
        URL_TEST(test_every_prefix_is_read_within_its_bounds),
        URL_TEST(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
