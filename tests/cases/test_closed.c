/* Constant handles: every function of the headers on closed handles, and on those that there was no memory for, gives that error
 * or a harmless value. And handles whose making failed: each later call gives the same error again. */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- an allocator that can be told to fail ------------------------------------------------------------------------------- */

static bool no_memory;

static void *allocate(size_t size, void *context)
{
    (void)context;
    return no_memory ? NULL : malloc(size);
}

static void *resize(void *block, size_t size, void *context)
{
    (void)context;
    return no_memory ? NULL : realloc(block, size);
}

static void release(void *block, void *context)
{
    (void)context;
    free(block);
}

/* ---- every function of a kind of handle ------------------------------------------------------------------------------------ */

static void assert_statement(weir_stmt *stmt, int status)
{
    weir_execution_options options;
    const weir_value one = weir_value_int(1);
    const weir_declared_column column = { "a", WEIR_T_INT64 };
    weir_bind(stmt, "x", one);
    weir_bind_list(stmt, "x", &one, 1);
    weir_sql_columns(stmt, &column, 1);
    weir_stmt_options(stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 5));
    weir_yield_per(stmt, 5);
    weir_stream_results(stmt, WEIR_ON);
    weir_max_row_buffer(stmt, 5);
    weir_stmt_get_options(stmt, &options);
    assert_int_equal(options.yield_per, 0);
    assert_int_equal(options.struct_size, sizeof options);
    assert_error(weir_stmt_error(stmt), status);
    assert_true(weir_stmt_error(stmt)->message[0] != 0);
    assert_int_equal(weir_stmt_parameter_count(stmt), 0);
    assert_null(weir_stmt_parameter_name(stmt, 0));
    weir_stmt *copy = weir_stmt_copy(stmt);
    assert_error(weir_stmt_error(copy), status);
    weir_stmt_free(&copy);
}

static weir_value key_of(const weir_row *row, void *context)
{
    (void)context;
    return *weir_row_value_at(row, 0);
}

static void assert_result(weir_result *result, int status)
{
    const int index = 0;
    weir_result_figures figures;
    assert_null(weir_result_next(result));
    assert_null(weir_result_fetchmany(result, 0));
    assert_null(weir_result_fetchmany(result, 3));
    assert_null(weir_result_next_partition(result, 0));
    assert_null(weir_result_all(result));
    assert_null(weir_result_first(result));
    assert_null(weir_result_one(result));
    assert_null(weir_result_one_or_none(result));
    assert_null(weir_result_scalar(result));
    assert_null(weir_result_scalar_one(result));
    assert_null(weir_result_scalar_one_or_none(result));
    weir_scalars scalars = weir_result_scalars(result, 0);
    assert_null(weir_scalars_next(scalars));
    assert_null(weir_scalars_first(scalars));
    assert_null(weir_scalars_one(scalars));
    assert_null(weir_scalars_one_or_none(scalars));
    assert_null(weir_scalars_fetchmany(scalars, 0));
    assert_null(weir_scalars_all(scalars));
    assert_status(weir_result_columns(result, &index, 1), status);
    assert_status(weir_result_unique(result), status);
    assert_status(weir_result_unique_by(result, key_of, NULL), status);
    assert_status(weir_result_yield_per(result, 5), status);
    assert_int_equal(weir_result_column_count(result), 0);
    assert_null(weir_result_column(result, 0));
    assert_false(weir_result_returns_rows(result));
    assert_int_equal(weir_result_rowcount(result), -1);
    weir_result_info(result, &figures);
    assert_int_equal(figures.rows, 0);
    assert_false(figures.open);
    assert_error(weir_result_error(result), status);
    assert_true(weir_result_error(result)->message[0] != 0);
    assert_null(weir_result_freeze(result));
}

static void assert_connection(weir_connection *connection, const weir_stmt *stmt, int status)
{
    weir_execution_options options;
    assert_status(weir_connection_options(connection, WEIR_EXECUTION_OPTIONS(.yield_per = 5)), status);
    weir_connection_get_options(connection, &options);
    assert_int_equal(options.yield_per, 0);
    assert_int_equal(weir_connection_number(connection), 0);
    assert_int_equal(weir_connection_backend_pid(connection), 0);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_result(result, status);
    assert_status(weir_result_close(&result), status);
    assert_status((int)weir_connection_run(connection, "SELECT 1"), status);
    assert_status(weir_connection_begin(connection), status);
    assert_status(weir_connection_commit(connection), status);
    assert_status(weir_connection_rollback(connection), status);
    assert_false(weir_connection_in_transaction(connection));
    assert_status(weir_connection_savepoint(connection), status);
    assert_status(weir_connection_savepoint_release(connection, 1), status);
    assert_status(weir_connection_savepoint_rollback(connection, 1), status);
    assert_status(weir_connection_cancel(connection), status);
    assert_status(weir_connection_detach(connection), status);
    assert_status(weir_connection_invalidate(connection), status);
    assert_false(weir_connection_invalidated(connection));
    assert_status(weir_connection_on_notification(connection, NULL, NULL), status);
    assert_status(weir_connection_poll(connection, 0), status);
    assert_error(weir_connection_error(connection), status);
    assert_true(weir_connection_error(connection)->message[0] != 0);
}

static void assert_engine(weir_engine *engine, const weir_stmt *stmt, int status)
{
    weir_memory_figures memory;
    weir_pool_status pool;
    assert_error(weir_engine_error(engine), status);
    assert_true(weir_engine_error(engine)->message[0] != 0);
    assert_string_equal(weir_engine_dialect(engine), "");
    assert_int_equal(weir_engine_warnings(engine), 0);
    weir_engine_memory(engine, &memory);
    assert_int_equal(memory.bytes, 0);
    weir_engine_pool_status(engine, &pool);
    assert_int_equal(pool.size + pool.checked_in + pool.checked_out, 0);
    weir_engine_dispose(engine);
    weir_engine *other = weir_engine_with_options(engine, WEIR_EXECUTION_OPTIONS(.yield_per = 5));
    assert_error(weir_engine_error(other), status);
    weir_connection *connection = weir_engine_connect(other);
    assert_connection(connection, stmt, status);
    assert_status(weir_connection_close(&connection), status);
    connection = weir_engine_begin(engine);
    assert_connection(connection, stmt, status);
    assert_status(weir_connection_close(&connection), status);
    weir_engine_close(&other);
}

static void assert_writer(weir_writer *writer, weir_result *result, const weir_row *row, int status)
{
    assert_status(weir_writer_columns(writer, result), status);
    assert_status(weir_writer_row(writer, row), status);
    assert_status(weir_writer_result(writer, result), status);
    assert_int_equal(weir_writer_bytes(writer), 0);
    assert_int_equal(weir_writer_rows(writer), 0);
    assert_string_equal(weir_writer_temporary_path(writer), "");
    assert_status(weir_writer_finish(writer), status);
    assert_error(weir_writer_error(writer), status);
    assert_true(weir_writer_error(writer)->message[0] != 0);
}

/* Every getter of a kept row, which belongs to nothing but itself. */
static void assert_kept_row(const weir_row *row)
{
    assert_int_equal(weir_row_count(row), 2);
    assert_int_equal(weir_row_int64(row, "a"), 1);
    assert_true(weir_row_bool_at(row, 0));
    assert_true(weir_row_is_null(row, "b") && weir_row_is_null_at(row, -1));
    assert_null(weir_row_text(row, "b").ptr);
    assert_null(weir_row_cstr(row, "b"));
    assert_null(weir_row_blob(row, "b").ptr);
    assert_null(weir_row_numeric(row, "b").ptr);
    assert_null(weir_row_array(row, "b"));
    assert_error(weir_row_error(row), WEIR_OK);
    const weir_row *again = weir_row_retain(row);
#define READ(name, type)                        \
    (void)weir_row_##name(again, "b");          \
    (void)weir_row_##name##_at(again, 7);       \
    assert_false(weir_row_opt_##name(again, "b").present); \
    assert_false(weir_row_opt_##name##_at(again, 1).present);
    WEIR_ROW_GETTERS(READ)
#undef READ
    assert_error(weir_row_error(again), WEIR_DATA);
    (void)weir_row_value(again, "no such");
    assert_error(weir_row_error(row), WEIR_OK);             /* each kept row has an error of its own */
    weir_row_release(&again);
    assert_null(again);
    weir_row_release(&again);
    weir_row_release(NULL);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------- */

static void test_closed_handles(void **state)
{
    test_database *db = *state;
    weir_engine *engine = test_engine(db, NULL);
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql("SELECT 1 AS a, NULL AS b");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_row_retain(weir_result_next(result));
    close_result_ok(&result);
    close_connection_ok(&connection);
    weir_engine_close(&engine);
    assert_result(result, WEIR_RESOURCE_CLOSED);
    assert_true(weir_result_closed(result));
    assert_connection(connection, stmt, WEIR_RESOURCE_CLOSED);
    assert_engine(engine, stmt, WEIR_RESOURCE_CLOSED);
    assert_kept_row(row);
    char path[800];
    snprintf(path, sizeof path, "%s/closed-%s-%ld.csv", test_environment("WEIR_TEST_DIR"), db->dialect, (long)getpid());
    weir_writer *writer = weir_writer_open(path, NULL);
    weir_writer_abort(&writer);
    assert_writer(writer, result, row, WEIR_RESOURCE_CLOSED);
    assert_status(weir_writer_close(&writer), WEIR_RESOURCE_CLOSED);        /* there is no file that it could vouch for */
    weir_writer_abort(&writer);
    weir_stmt_free(&stmt);
    assert_statement(stmt, WEIR_RESOURCE_CLOSED);
    weir_connection *open = weir_engine_connect(db->engine);
    weir_result *none = weir_connection_execute(open, stmt, NULL);
    assert_status(weir_result_close(&none), WEIR_RESOURCE_CLOSED);
    close_connection_ok(&open);
    weir_row_release(&row);
    assert_status(weir_result_close(&result), WEIR_OK);                     /* closing again is nothing */
    assert_status(weir_connection_close(&connection), WEIR_OK);
    weir_engine_close(&engine);
    weir_engine_abandon(&engine);
    weir_stmt_free(&stmt);
}

static void test_no_handle_is_no_crash(void **state)
{
    (void)state;
    weir_engine *engine = NULL;
    weir_connection *connection = NULL;
    weir_result *result = NULL;
    weir_stmt *stmt = NULL;
    weir_frozen *frozen = NULL;
    weir_writer *writer = NULL;
    weir_engine_close(&engine);
    weir_engine_close(NULL);
    assert_status(weir_connection_close(&connection), WEIR_OK);
    assert_status(weir_connection_close(NULL), WEIR_OK);
    assert_status(weir_result_close(&result), WEIR_OK);
    assert_status(weir_result_close(NULL), WEIR_OK);
    weir_stmt_free(&stmt);
    weir_stmt_free(NULL);
    weir_frozen_free(&frozen);
    weir_frozen_free(NULL);
    weir_writer_abort(&writer);
    weir_writer_abort(NULL);
    assert_status(weir_writer_close(NULL), WEIR_RESOURCE_CLOSED);
    result = weir_frozen_result(NULL);
    assert_result(result, WEIR_RESOURCE_CLOSED);
    assert_status(weir_result_close(&result), WEIR_OK);
}

static void test_handles_without_memory(void **state)
{
    test_database *db = *state;
    weir_connection *open = weir_engine_connect(db->engine);
    weir_stmt *select = weir_sql("SELECT 1 AS a, NULL AS b");
    weir_result *good = weir_connection_execute(open, select, NULL);
    const weir_row *row = weir_result_next(good);
    weir_engine *engine;
    no_memory = true;
    assert_status(weir_engine_open(&engine, db->url, NULL), WEIR_OUT_OF_MEMORY);
    weir_stmt *stmt = weir_sql("SELECT 1"), *copy = weir_stmt_copy(select);
    weir_writer *writer = weir_writer_open("/nowhere/x.csv", NULL);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_engine *other = weir_engine_with_options(db->engine, NULL);
    weir_result *result = weir_connection_execute(open, select, NULL);
    assert_statement(stmt, WEIR_OUT_OF_MEMORY);
    assert_statement(copy, WEIR_OUT_OF_MEMORY);
    assert_result(result, WEIR_OUT_OF_MEMORY);
    assert_connection(connection, select, WEIR_OUT_OF_MEMORY);
    assert_engine(engine, select, WEIR_OUT_OF_MEMORY);
    assert_engine(other, select, WEIR_OUT_OF_MEMORY);
    assert_writer(writer, good, row, WEIR_OUT_OF_MEMORY);
    assert_status((int)weir_connection_run(open, "SELECT 1"), WEIR_OUT_OF_MEMORY);
    no_memory = false;
    assert_statement(stmt, WEIR_OUT_OF_MEMORY);             /* a handle stays what it is */
    weir_stmt_free(&stmt);
    weir_stmt_free(&copy);
    assert_status(weir_result_close(&result), WEIR_OUT_OF_MEMORY);
    assert_status(weir_connection_close(&connection), WEIR_OUT_OF_MEMORY);
    assert_status(weir_writer_close(&writer), WEIR_OUT_OF_MEMORY);
    weir_engine_close(&engine);
    weir_engine_close(&other);
    close_result_ok(&good);
    weir_stmt_free(&select);
    assert_int_equal(test_query_int(open, "SELECT 1"), 1);
    assert_status(weir_connection_close(&open), WEIR_OK);
}

/* Not constants: handles that carry what went wrong in their making. */
static void test_handles_whose_making_failed(void **state)
{
    (void)state;
    weir_stmt *select = weir_sql("SELECT 1"), *wrong = weir_sql("SELECT 1");
    weir_engine *engine;
    assert_status(weir_engine_open(&engine, "oracle://x", NULL), WEIR_ARGUMENT);
    assert_engine(engine, select, WEIR_ARGUMENT);
    weir_engine_close(&engine);
    assert_status(weir_engine_open(&engine, "sqlite:////nowhere/at/all.db", NULL), WEIR_OK);
    weir_connection *connection = weir_engine_connect(engine);
    assert_connection(connection, select, WEIR_OPERATIONAL);
    assert_status(weir_connection_close(&connection), WEIR_OPERATIONAL);
    weir_engine_close(&engine);
    weir_yield_per(wrong, -1);
    weir_stmt *copy = weir_stmt_copy(wrong);
    weir_bind(copy, "x", WEIR_NULL);
    assert_error(weir_stmt_error(copy), WEIR_ARGUMENT);
    assert_string_equal(weir_stmt_error(copy)->message, weir_stmt_error(wrong)->message);
    weir_writer *writer = weir_writer_open("/nowhere/at/all.csv", NULL);
    weir_result *closed = weir_frozen_result(NULL);
    assert_status(weir_writer_columns(writer, closed), WEIR_IO);
    assert_status(weir_writer_finish(writer), WEIR_IO);
    assert_status(weir_writer_close(&writer), WEIR_IO);
    weir_stmt_free(&copy);
    weir_stmt_free(&wrong);
    weir_stmt_free(&select);
}

int main(void)
{
    const weir_allocator allocator = { .allocate = allocate, .resize = resize, .release = release };
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_closed_handles),
        ON_BOTH(test_handles_without_memory),
        cmocka_unit_test(test_no_handle_is_no_crash),
        cmocka_unit_test(test_handles_whose_making_failed),
    };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
