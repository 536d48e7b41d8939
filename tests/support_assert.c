/* The tests' assertions about weir's handles: a failure shows the line of the test and weir's own words. */
#include "support.h"
#include <stdio.h>
#include <string.h>

static void fail_at(const char *file, int line, const char *text)
{
    print_error("%s\n", text);
    _fail(file, line);
}

void test_assert_status(int status, int kind, const char *text, const char *file, int line)
{
    if (kind == WEIR_OK ? status == WEIR_OK : weir_status_is(status, kind))
        return;
    char message[2048];
    snprintf(message, sizeof message, "status is \"%s\" (%d), wanted \"%s\"%s%s", weir_status_name(status), status,
             weir_status_name(kind), text ? ": " : "", text ? text : "");
    fail_at(file, line, message);
}

void test_assert_error(const weir_error *error, int kind, const char *file, int line)
{
    char text[1600];
    weir_error_format(error, text, sizeof text);
    test_assert_status(error->status, kind, text, file, line);
}

void test_assert_contains(const char *text, const char *part, const char *file, int line)
{
    if (text && strstr(text, part))
        return;
    char message[2048];
    snprintf(message, sizeof message, "\"%s\" does not contain \"%s\"", text ? text : "(null)", part);
    fail_at(file, line, message);
}

void test_close_result(weir_result **result, const char *file, int line)
{
    weir_error error = *weir_result_error(*result);
    int status = weir_result_close(result);
    char text[1600];
    weir_error_format(&error, text, sizeof text);
    test_assert_status(status, WEIR_OK, text, file, line);
}

void test_close_connection(weir_connection **connection, const char *file, int line)
{
    weir_error error = *weir_connection_error(*connection);
    int status = weir_connection_close(connection);
    char text[1600];
    weir_error_format(&error, text, sizeof text);
    test_assert_status(status, WEIR_OK, text, file, line);
}

int64_t test_run(weir_connection *connection, const char *sql, const char *file, int line)
{
    int64_t rows = weir_connection_run(connection, sql);
    if (rows < 0)
        test_assert_error(weir_connection_error(connection), WEIR_OK, file, line);
    return rows;
}

void test_assert_next_ids(weir_result *result, int64_t first, int64_t last, const char *file, int line)
{
    char message[160];
    for (int64_t id = first; id <= last; id++) {
        const weir_row *row = weir_result_next(result);
        if (!row) {
            test_assert_error(weir_result_error(result), WEIR_OK, file, line);
            snprintf(message, sizeof message, "the rows ended where id %lld was to come", (long long)id);
            fail_at(file, line, message);
        }
        int64_t seen = weir_row_int64_at(row, 0);
        if (seen != id) {
            snprintf(message, sizeof message, "id %lld came where %lld was to come", (long long)seen, (long long)id);
            fail_at(file, line, message);
        }
    }
}

static void assert_end(weir_result *result, const char *file, int line)
{
    if (weir_result_next(result))
        fail_at(file, line, "a row came where the rows were to end");
    test_assert_error(weir_result_error(result), WEIR_OK, file, line);
}

void test_assert_ids_to_end(weir_result *result, int64_t first, int64_t last, const char *file, int line)
{
    test_assert_next_ids(result, first, last, file, line);
    assert_end(result, file, line);
}

void test_assert_partitions(weir_result *result, size_t rows, const size_t *sizes, size_t count, const char *file, int line)
{
    char message[160];
    for (size_t i = 0; i < count; i++) {
        const weir_partition *partition = weir_result_next_partition(result, rows);
        if (!partition)
            test_assert_error(weir_result_error(result), WEIR_OK, file, line);
        size_t size = partition ? partition->count : 0;
        if (size != sizes[i]) {
            snprintf(message, sizeof message, "partition %zu has %zu rows, wanted %zu", i + 1, size, sizes[i]);
            fail_at(file, line, message);
        }
    }
    if (weir_result_next_partition(result, rows))
        fail_at(file, line, "a partition came where the rows were to end");
    test_assert_error(weir_result_error(result), WEIR_OK, file, line);
}

int64_t test_query_int(weir_connection *connection, const char *sql)
{
    weir_stmt *query = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, query, NULL);
    weir_stmt_free(&query);
    const weir_value *value = weir_result_scalar_one(result);
    assert_error(weir_result_error(result), WEIR_OK);
    int64_t number = 0;
    char reason[160] = "no value";
    if (!value || weir_value_as_int64(value, &number, reason) != WEIR_OK)
        fail_msg("%s: %s", sql, reason);
    close_result_ok(&result);
    return number;
}
