/* What the tests of pools, cancels and faults share: time, the pool's figures, killed backends, engines behind a proxy. */
#ifndef TEST_TROUBLE_H
#define TEST_TROUBLE_H
#include "support.h"
#include "proxy.h"

int64_t test_now_ms(void);              /* monotonic */
void test_sleep_ms(int ms);

weir_pool_status test_pool_status(const weir_engine *engine);
/* The pool's size, checked in, overflow, checked out. */
#define assert_pool(engine, size, in, overflow, out) test_assert_pool((engine), (size), (in), (overflow), (out), __FILE__, __LINE__)
void test_assert_pool(const weir_engine *engine, int size, int in, int overflow, int out, const char *file, int line);

/* A check-out that must succeed. */
#define connect_ok(engine) test_connected(weir_engine_connect(engine), __FILE__, __LINE__)
weir_connection *test_connected(weir_connection *connection, const char *file, int line);
/* One that must fail: its status, the error in *error. */
int test_connect_fails(weir_engine *engine, weir_error *error);
/* Executes a text and gives the result, as it is. */
weir_result *test_query(weir_connection *connection, const char *sql, const weir_execution_options *options);

/* Ends a server's process and waits until it is gone. */
void test_kill_backend(test_database *db, int pid);
/* An engine on the test's database by way of the proxy. */
weir_engine *test_proxied_engine(test_database *db, const test_proxy *proxy, const weir_engine_options *options);
#endif
