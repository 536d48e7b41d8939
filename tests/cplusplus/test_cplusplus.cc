/* C++ on the library: all headers together, connect, stream rows and partitions, write, and an entity that a C file defines. */
#include <cstdio>
#include <cstring>
#include <string>
#include <weir/weir.h>

extern "C" const weir_entity invoice_entity;
struct invoice { int64_t id, total_cents; const char *status; };

static int failures = 0;
static void check(bool holds, const char *what)
{
    if (!holds) {
        std::printf("FAILED: %s\n", what);
        failures++;
    }
}

static void run(weir_connection *connection, const char *sql)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, nullptr);
    check(weir_result_close(&result) == WEIR_OK, sql);
    weir_stmt_free(&stmt);
}

static weir_result *invoices(weir_connection *connection, int64_t from, int64_t rows)
{
    weir_stmt *query = weir_sql("SELECT id, total_cents, status FROM invoices WHERE id >= :from ORDER BY id");
    weir_bind(query, "from", weir_value_int(from));
    weir_execution_options options = {};
    options.struct_size = sizeof options;
    options.yield_per = rows;
    weir_result *result = weir_connection_execute(connection, query, &options);
    weir_stmt_free(&query);
    return result;
}

static void stream_rows(weir_connection *connection)
{
    int64_t rows = 0, total = 0;
    weir_result *result = invoices(connection, 1, 100);
    for (const weir_row *row; (row = weir_result_next(result)) != nullptr; rows++) {
        total += weir_row_int64(row, "total_cents");
        check(std::string(weir_row_cstr(row, "status")) == "paid", "a text");
    }
    weir_result_figures figures;
    weir_result_info(result, &figures);
    check(figures.yield_per == 100 && figures.batches >= 10, "it streams");
    check(weir_result_close(&result) == WEIR_OK && rows == 1000 && total == 500500, "rows");
}

static void stream_partitions(weir_connection *connection)
{
    size_t partitions = 0, rows = 0;
    weir_result *result = invoices(connection, 51, 300);
    for (const weir_partition *p; (p = weir_result_next_partition(result, 0)) != nullptr; partitions++)
        rows += p->count;
    check(weir_result_close(&result) == WEIR_OK && partitions == 4 && rows == 950, "partitions");
}

static void stream_instances(weir_engine *engine)
{
    weir_session *session = weir_session_open(engine);
    weir_stmt *query = weir_select(&invoice_entity);
    weir_yield_per(query, 100);
    weir_result *result = weir_session_scalars(session, query);
    int64_t rows = 0, total = 0;
    for (void *next; (next = weir_result_next_instance(result, &invoice_entity)) != nullptr; rows++)
        total += static_cast<invoice *>(next)->total_cents;
    check(weir_result_close(&result) == WEIR_OK && rows == 1000 && total == 500500, "instances");
    weir_stmt_free(&query);
    check(weir_session_close(&session) == WEIR_OK, "the session's close");
}

int main()
{
    weir_engine *engine;
    check(weir_engine_open(&engine, "sqlite://", nullptr) == WEIR_OK, "open");
    weir_connection *connection = weir_engine_connect(engine);
    run(connection, "CREATE TABLE invoices (id INTEGER PRIMARY KEY, total_cents BIGINT, status TEXT)");
    run(connection, "INSERT INTO invoices WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i, i, 'paid' FROM n");
    check(weir_connection_commit(connection) == WEIR_OK, "commit");
    stream_rows(connection);
    stream_partitions(connection);
    weir_result *wrong = invoices(connection, 1, -1);
    check(weir_result_close(&wrong) == WEIR_ARGUMENT, "a mistake is told");
    check(weir_connection_close(&connection) == WEIR_OK, "close");
    stream_instances(engine);
    check(std::strcmp(weir_version(), WEIR_VERSION_TEXT) == 0, "version");
    weir_engine_close(&engine);
    return failures != 0;
}
