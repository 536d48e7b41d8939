/* What the case tests share: a fresh database for each test, on SQLite and PostgreSQL; the fixture F(R); a log of what weir
 * says it does; and checks that go past weir, straight to the database.
 *
 * A test is written once, over the public headers only:
 *
 *     static void test_case_018_two_full_partitions_no_empty_one(void **state)
 *     {
 *         test_database *db = *state;
 *         test_fixture(db, 200);
 *         weir_connection *connection = weir_engine_connect(db->engine);
 *         …
 *     }
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = { ON_BOTH(test_case_018_two_full_partitions_no_empty_one) };
 *         return cmocka_run_group_tests(tests, NULL, NULL);
 *     }
 *
 * After each test everything that weir held must be given back: connections, files and every byte of its ledger. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <weir/weir.h>

typedef struct test_log test_log;
typedef struct test_body { void (*run)(void **state); } test_body;

/* What *state points to in a test. */
typedef struct test_database {
    const char  *dialect;           /* "sqlite" or "postgresql", as weir_engine_dialect */
    bool         postgresql;
    char         url[1024];         /* of a database that no other test uses, empty at first */
    char         path[768];         /* SQLite: the file */
    test_log    *log;               /* of all engines opened here */
    weir_engine *engine;            /* opened with default options; closed after the test */
    size_t       ledger_before;     /* bytes that weir held when the test began */
    const test_body *body;
} test_database;

int test_setup_sqlite(void **state);
int test_setup_postgresql(void **state);
int test_teardown(void **state);

/* Entries of the array of tests. With WEIR_TEST_WORLD=task in the environment each runs in a task of an event loop, else in the
 * thread: a scenario is written once, straight down, and must hold in both. */
#define ON_SQLITE(test)     { #test " [sqlite]", test_in_its_world, test_setup_sqlite, test_teardown, &(test_body){ test } }
#define ON_POSTGRESQL(test) { #test " [postgresql]", test_in_its_world, test_setup_postgresql, test_teardown, &(test_body){ test } }
void test_in_its_world(void **state);
bool test_world_is_task(void);
#define ON_BOTH(test)       ON_SQLITE(test), ON_POSTGRESQL(test)

/* Another engine on the test's database. options may be NULL; log and log_context are set to the test's log. The caller
 * closes it with weir_engine_close. */
weir_engine *test_engine(test_database *db, const weir_engine_options *options);

/* The environment's value; the test fails with a word on how to run it when it is not set. WEIR_TEST_PG, WEIR_TEST_PG_TCP,
 * WEIR_TEST_PG_LOG, WEIR_TEST_PG_TLS, …: tests/servers says what they are. */
const char *test_environment(const char *name);

/* ---- F(R) of cases.md: invoices, orders with ids from 1 to rows, and order_lines, three per order ---------------------- */
void test_fixture(test_database *db, int64_t rows);

/* ---- straight to the database, past weir ------------------------------------------------------------------------------ */
void test_side_run(test_database *db, const char *sql);                 /* one or more statements, committed */
int64_t test_side_int(test_database *db, const char *sql);              /* the first value of the first row */
/* The first value as text, in `buffer`; "(null)" for NULL, "(none)" for no row. Returns buffer. */
const char *test_side_text(test_database *db, const char *sql, char *buffer, size_t size);
/* PostgreSQL: the way past weir once more, after all connections were ended: waits until that one is, and until the server of WEIR_TEST_PG takes
 * new ones. */
void test_side_again(void);
/* PostgreSQL: open cursors of this connection's session, portals of weir's streams among them, without the one that asks. */
int64_t test_open_cursors(weir_connection *connection);
/* PostgreSQL: where the server's log ends now, and how many of the lines behind `since` are about this test's database and
 * contain `text`. */
long test_server_log_end(void);
size_t test_server_log_count(long since, const char *text);
/* Peak and current resident memory of this process, from the kernel. */
size_t test_peak_rss(void);
size_t test_rss(void);

/* ---- the log ------------------------------------------------------------------------------------------------------------ */
typedef struct test_log_entry {
    weir_log_kind kind;
    char         *message, *parameters;
    int64_t       rows, connection;
} test_log_entry;

test_log *test_log_new(void);
void test_log_free(test_log *log);
void test_log_write(const weir_log_event *event, void *log);            /* a weir_log_fn; any thread */
void test_log_clear(test_log *log);                                     /* entries die */
size_t test_log_count(test_log *log, weir_log_kind kind);
/* The index-th entry of the kind, NULL when there are fewer. Lives until test_log_clear. */
const test_log_entry *test_log_at(test_log *log, weir_log_kind kind, size_t index);
/* How many entries of the kind have `text` in their message. */
size_t test_log_matching(test_log *log, weir_log_kind kind, const char *text);
/* Rows asked for by each round trip that opens a cursor or fetches, in order, into `rows`; returns how many there were. */
size_t test_log_fetches(test_log *log, int64_t *rows, size_t capacity);
void test_log_print(test_log *log);                                     /* on standard error, to find out why a test fails */

/* ---- assertions --------------------------------------------------------------------------------------------------------- */
/* `status` is of class `kind` (WEIR_OK: is exactly that); else the test fails and names both. */
#define assert_status(status, kind) test_assert_status((status), (kind), NULL, __FILE__, __LINE__)
/* The same of a weir_error pointer, whose text is shown when it is another. */
#define assert_error(error, kind) test_assert_error((error), (kind), __FILE__, __LINE__)
/* `text` contains `part`. */
#define assert_contains(text, part) test_assert_contains((text), (part), __FILE__, __LINE__)
/* Close a handle and want it to have gone well; a failure shows the handle's error. */
#define close_result_ok(result) test_close_result((result), __FILE__, __LINE__)
#define close_connection_ok(connection) test_close_connection((connection), __FILE__, __LINE__)
/* Runs a statement that must succeed; gives the rows matched. */
#define run_ok(connection, sql) test_run((connection), (sql), __FILE__, __LINE__)
/* The rows that come next have first, first + 1, …, last in their first column, and come one by one. */
#define assert_next_ids(result, first, last) test_assert_next_ids((result), (first), (last), __FILE__, __LINE__)
/* The same, and then the rows end without an error. */
#define assert_ids_to_end(result, first, last) test_assert_ids_to_end((result), (first), (last), __FILE__, __LINE__)
/* Partitions of `rows` (0: the default) have exactly the sizes that follow, and then the rows end without an error:
 * assert_partitions(result, 5, 5, 5, 2). */
#define assert_partitions(result, rows, ...)                                                        \
    test_assert_partitions((result), (rows), (const size_t[]){ __VA_ARGS__ },                       \
                           sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t), __FILE__, __LINE__)

void test_assert_status(int status, int kind, const char *text, const char *file, int line);
void test_assert_error(const weir_error *error, int kind, const char *file, int line);
void test_assert_contains(const char *text, const char *part, const char *file, int line);
void test_close_result(weir_result **result, const char *file, int line);
void test_close_connection(weir_connection **connection, const char *file, int line);
int64_t test_run(weir_connection *connection, const char *sql, const char *file, int line);
void test_assert_next_ids(weir_result *result, int64_t first, int64_t last, const char *file, int line);
void test_assert_ids_to_end(weir_result *result, int64_t first, int64_t last, const char *file, int line);
void test_assert_partitions(weir_result *result, size_t rows, const size_t *sizes, size_t count, const char *file, int line);

/* The first column of the only row of a query on a weir connection, as an integer. */
int64_t test_query_int(weir_connection *connection, const char *sql);
#endif
