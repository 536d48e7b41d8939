/* Cases of parts A, B, E and J once more with select() trees at connection level, where the other tests use textual SQL. */
#include "support.h"
#include <string.h>

WEIR_ENTITY_DECLARE(order);
struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state));

#define ID WEIR_COL(order, id)
#define OPTIONS WEIR_EXECUTION_OPTIONS

static weir_stmt *ids(void)
{
    weir_stmt *stmt = weir_select_columns(ID);
    weir_order_by(stmt, ID);
    return stmt;
}

static weir_result *execute(weir_connection *connection, weir_stmt *stmt, const weir_execution_options *options)
{
    weir_result *result = weir_connection_execute(connection, stmt, options);
    weir_stmt_free(&stmt);
    return result;
}

static void assert_no_cursor(test_database *db, weir_connection *connection)
{
    if (db->postgresql)
        assert_int_equal(test_open_cursors(connection), 0);
}

/* ---- options ---------------------------------------------------------------------------------------------------------------- */

static void test_case_001_a_select_streams_by_yield_per(void **state)
{
    test_database *db = *state;
    test_fixture(db, 250);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = ids();
    weir_yield_per(stmt, 100);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_result_figures info;
    for (int64_t id = 1; id <= 250; id++) {
        assert_int_equal(weir_row_int64(weir_result_next(result), "id"), id);
        weir_result_info(result, &info);
        assert_true(info.rows_held <= 100);
    }
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    result = execute(connection, stmt, NULL);
    assert_partitions(result, 0, 100, 100, 50);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_002_003_strength_of_options_on_a_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.yield_per = 3)), WEIR_OK);
    weir_stmt *stmt = ids();
    weir_yield_per(stmt, 4);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_partitions(result, 0, 3, 3, 3, 3);
    close_result_ok(&result);
    result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 5));
    assert_partitions(result, 0, 5, 5, 2);
    close_result_ok(&result);
    close_connection_ok(&connection);
    connection = weir_engine_connect(db->engine);
    weir_stmt_options(stmt, OPTIONS(.yield_per = 3, .max_row_buffer = 9, .stream_results = WEIR_OFF));
    result = execute(connection, stmt, NULL);
    weir_result_figures info;
    weir_result_info(result, &info);
    assert_int_equal(info.yield_per, 3);
    assert_int_equal(info.max_row_buffer, 3);
    assert_int_equal(info.stream_results, WEIR_ON);
    assert_partitions(result, 0, 3, 3, 3, 3);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_004_a_copy_of_a_select_has_options_of_its_own(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *one = ids(), *two = weir_stmt_copy(one);
    weir_yield_per(two, 5);
    weir_execution_options options = { .struct_size = sizeof options };
    weir_stmt_get_options(one, &options);
    assert_int_equal(options.yield_per, 0);
    weir_result *result = execute(connection, one, NULL);
    assert_partitions(result, 0, 12);
    weir_result_figures info;
    weir_result_info(result, &info);
    assert_int_equal(info.mode, WEIR_MODE_BUFFERED);
    close_result_ok(&result);
    result = execute(connection, two, NULL);
    assert_partitions(result, 0, 5, 5, 2);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_007_yield_per_zero_on_a_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = execute(connection, ids(), OPTIONS(.yield_per = 0));
    assert_no_cursor(db, connection);
    assert_partitions(result, 5, 5, 5, 2);
    close_result_ok(&result);
    weir_stmt *stmt = ids();
    weir_yield_per(stmt, -1);
    result = execute(connection, stmt, NULL);
    assert_null(weir_result_next(result));
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    close_connection_ok(&connection);
}

/* The option of each kind of inner statement has no effect, and each execution says so once. */
static void test_case_009_options_of_inner_statements_do_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *inner = ids(), *outer[4];
    weir_yield_per(inner, 5);
    weir_source *subquery = weir_subquery(inner, "late", NULL), *cte = weir_cte(inner, "c", NULL);
    outer[0] = weir_select_columns(WEIR_FIELD(subquery, "id"));
    weir_order_by(outer[0], WEIR_FIELD(subquery, "id"));
    outer[1] = weir_select_columns(WEIR_FIELD(cte, "id"));
    weir_order_by(outer[1], WEIR_FIELD(cte, "id"));
    outer[2] = ids();
    weir_where(outer[2], WEIR_IN_STMT(ID, inner));
    outer[3] = ids();
    weir_where(outer[3], WEIR_EXISTS(inner));
    weir_stmt_free(&inner);
    weir_source_free(&subquery);
    weir_source_free(&cte);
    for (int i = 0; i < 4; i++) {
        test_log_clear(db->log);
        weir_result *result = execute(connection, outer[i], NULL);
        weir_result_figures info;
        weir_result_info(result, &info);
        assert_int_equal(info.mode, WEIR_MODE_BUFFERED);
        assert_no_cursor(db, connection);
        assert_ids_to_end(result, 1, 12);
        close_result_ok(&result);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_WARNING), 1);
    }
    close_connection_ok(&connection);
}

static void test_case_010_a_connection_switches_streaming_of_a_select_off(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_connection_options(connection, OPTIONS(.stream_results = WEIR_OFF)), WEIR_OK);
    weir_stmt *stmt = ids();
    weir_stream_results(stmt, WEIR_ON);
    weir_result *result = execute(connection, stmt, NULL);
    assert_no_cursor(db, connection);
    assert_ids_to_end(result, 1, 12);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_013_engines_of_one_pool_and_a_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_engine *other = weir_engine_with_options(db->engine, OPTIONS(.yield_per = 6));
    weir_connection *first = weir_engine_connect(db->engine), *second = weir_engine_connect(other);
    weir_result *result = execute(first, ids(), NULL);
    assert_partitions(result, 0, 12);
    close_result_ok(&result);
    result = execute(second, ids(), NULL);
    assert_partitions(result, 0, 6, 6);
    close_result_ok(&result);
    weir_pool_status pool;
    weir_engine_pool_status(db->engine, &pool);
    assert_int_equal(pool.checked_out, 2);
    close_connection_ok(&first);
    close_connection_ok(&second);
    weir_engine_close(&other);
}

/* ---- buffering ---------------------------------------------------------------------------------------------------------------- */

/* Sizes of fetches without an optional first 1 and an optional last one that brought nothing. */
static void assert_fetches(test_database *db, const int64_t *wanted, size_t count)
{
    int64_t sizes[64];
    size_t found = test_log_fetches(db->log, sizes, 64), first = found && sizes[0] == 1;
    assert_true(found - first == count || found - first == count + 1);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sizes[first + i], wanted[i]);
}

static void test_case_014_015_the_buffer_of_a_select_grows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    weir_result *result = execute(connection, ids(), OPTIONS(.stream_results = WEIR_ON));
    assert_ids_to_end(result, 1, 3000);
    close_result_ok(&result);
    assert_fetches(db, (const int64_t[]){ 5, 25, 125, 625, 1000, 1000, 1000 }, 7);
    test_log_clear(db->log);
    weir_stmt *stmt = ids();
    weir_where(stmt, WEIR_LE(ID, 200));
    result = execute(connection, stmt, OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 27));
    assert_ids_to_end(result, 1, 200);
    close_result_ok(&result);
    assert_fetches(db, (const int64_t[]){ 5, 25, 27, 27, 27, 27, 27, 27, 27 }, 9);
    close_connection_ok(&connection);
}

static void test_case_016_017_023_a_select_without_yield_per(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result_figures info;
    weir_result *result = execute(connection, ids(), OPTIONS(.stream_results = WEIR_ON, .max_row_buffer = 1500));
    for (int64_t id = 1; id <= 3000; id++) {
        assert_int_equal(weir_row_int64_at(weir_result_next(result), 0), id);
        weir_result_info(result, &info);
        assert_true(info.rows_held <= 1500);
    }
    close_result_ok(&result);
    result = execute(connection, ids(), OPTIONS(.stream_results = WEIR_ON));
    test_log_clear(db->log);
    for (int64_t first = 1; first <= 301; first += 300) {
        const weir_partition *rows = weir_result_fetchmany(result, 300);
        assert_int_equal(rows->count, 300);
        assert_int_equal(weir_row_int64_at(rows->rows[0], 0), first);
        weir_result_info(result, &info);
        assert_int_equal(info.rows_held, 0);
    }
    assert_next_ids(result, 601, 601);
    weir_result_info(result, &info);
    assert_true(info.rows_held <= 5);
    close_result_ok(&result);
    result = execute(connection, ids(), OPTIONS(.stream_results = WEIR_ON));
    assert_int_equal(weir_result_fetchmany(result, 0)->count, 1000);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

static void test_case_018_019_021_ends_of_a_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 200);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = execute(connection, ids(), OPTIONS(.yield_per = 100));
    assert_partitions(result, 0, 100, 100);
    assert_no_cursor(db, connection);
    assert_false(weir_result_closed(result));
    assert_int_equal(weir_result_all(result)->count, 0);
    close_result_ok(&result);
    for (int style = 0; style < 4; style++) {
        weir_stmt *stmt = ids();
        weir_where(stmt, WEIR_LT(ID, 0));
        weir_yield_per(stmt, 100);
        result = execute(connection, stmt, NULL);
        if (style == 0)
            assert_null(weir_result_next(result));
        else if (style == 1)
            assert_null(weir_result_next_partition(result, 0));
        else if (style == 2)
            assert_null(weir_result_first(result));
        else
            assert_int_equal(weir_result_all(result)->count, 0);
        close_result_ok(&result);
    }
    result = execute(connection, ids(), OPTIONS(.yield_per = 100));
    assert_next_ids(result, 1, 189);
    assert_ids_to_end(result, 190, 200);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* ---- results ------------------------------------------------------------------------------------------------------------------- */

static void test_case_032_unique_fills_partitions_of_a_column_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_COL(order, tenant_id));
    weir_order_by(stmt, ID);
    weir_yield_per(stmt, 4);
    for (int in_session = 0; in_session < 2; in_session++) {
        weir_connection *connection = weir_session_connection(session);
        weir_result *result = in_session ? weir_session_execute(session, stmt) : weir_connection_execute(connection, stmt, NULL);
        assert_status(weir_result_unique(result), WEIR_OK);
        const weir_partition *rows = weir_result_next_partition(result, 0);
        assert_non_null(rows);
        assert_int_equal(rows->count, 2);
        assert_int_equal(weir_row_int64(rows->rows[0], "tenant_id"), 1);
        assert_int_equal(weir_row_int64(rows->rows[1], "tenant_id"), 0);
        assert_null(weir_result_next_partition(result, 0));
        close_result_ok(&result);
    }
    weir_stmt_free(&stmt);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_case_070_first_adds_no_limit_to_a_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    test_log_clear(db->log);
    weir_result *result = execute(connection, ids(), OPTIONS(.yield_per = 5));
    assert_int_equal(weir_row_int64_at(weir_result_first(result), 0), 1);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "LIMIT"), 0);
    assert_true(weir_result_closed(result));
    assert_no_cursor(db, connection);
    assert_null(weir_result_all(result));
    assert_contains(weir_result_error(result)->message, "This result object is closed.");
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    close_connection_ok(&connection);
}

static void test_case_075_the_end_of_a_limited_select(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int64_t yield_per = 0; yield_per <= 6; yield_per++) {
        weir_stmt *stmt = ids();
        weir_limit(stmt, 5);
        weir_result *result = execute(connection, stmt, OPTIONS(.yield_per = yield_per));
        assert_int_equal(weir_result_fetchmany(result, 6)->count, 5);
        assert_null(weir_result_fetchmany(result, 2));
        assert_null(weir_result_fetchmany(result, 2));
        assert_int_equal(weir_result_all(result)->count, 0);
        assert_null(weir_result_next(result));
        close_result_ok(&result);
        assert_null(weir_result_fetchmany(result, 2));
        assert_error(weir_result_error(result), WEIR_RESOURCE_CLOSED);
    }
    close_connection_ok(&connection);
}

/* A scope in C: the handle is closed where its block is left, by whatever way. */
static void leave_result(weir_result **result)
{
    int status = weir_result_close(result);
    assert_status(status, WEIR_OK);
}
enum style { ROWS, SCALARS, BY_NAME };
static int fail_after_three(weir_connection *connection, enum style style, weir_result **seen)
{
    weir_stmt *stmt = ids();
    __attribute__((cleanup(leave_result))) weir_result *result = execute(connection, stmt, OPTIONS(.yield_per = 2));
    for (int64_t id = 1; ; id++) {
        *seen = result;
        if (id == 4)
            return WEIR_DATA;
        if (style == SCALARS)
            assert_int_equal(weir_scalars_next(weir_result_scalars(result, 0))->as.i, id);
        else if (style == BY_NAME)
            assert_int_equal(weir_row_int64(weir_result_next(result), "id"), id);
        else
            assert_int_equal(weir_row_int64_at(weir_result_next(result), 0), id);
    }
}

static void test_case_081_a_scope_left_by_an_error_closes_the_result(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int style = ROWS; style <= BY_NAME; style++) {
        weir_result *seen = NULL;
        assert_status(fail_after_three(connection, (enum style)style, &seen), WEIR_DATA);
        assert_no_cursor(db, connection);
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM orders"), 12);
    }
    weir_result *closed = execute(connection, ids(), OPTIONS(.yield_per = 2));
    assert_next_ids(closed, 1, 3);
    leave_result(&closed);
    assert_true(weir_result_closed(closed));
    close_connection_ok(&connection);
}

static void test_case_092_views_and_rows_of_a_select_are_one_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_select_columns(ID, WEIR_LABEL(WEIR_ADD(ID, 100), "more"), WEIR_COL(order, state));
    weir_order_by(stmt, ID);
    weir_result *result = execute(connection, stmt, OPTIONS(.yield_per = 2));
    assert_int_equal(weir_row_int64(weir_result_next(result), "more"), 101);
    assert_int_equal(weir_scalars_next(weir_result_scalars(result, 1))->as.i, 102);
    const weir_partition *rows = weir_result_fetchmany(result, 4);
    assert_int_equal(rows->count, 4);
    assert_int_equal(weir_row_int64_at(rows->rows[3], -2), 106);
    assert_string_equal(weir_row_cstr(rows->rows[3], "state"), "pending");
    rows = weir_result_next_partition(result, 3);
    assert_int_equal(weir_row_int64_at(rows->rows[2], 0), 9);
    rows = weir_result_all(result);
    assert_int_equal(rows->count, 3);
    close_result_ok(&result);
    close_connection_ok(&connection);
}

/* Ten statements from one base, built in turn and executed in either order: each gives its own rows, the base always all. */
static void test_case_195_statements_from_one_base_give_their_own_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *base = ids(), *built[10];
    for (int i = 0; i < 10; i++) {
        built[i] = weir_stmt_copy(base);
        if (i % 2)
            weir_where(built[i], WEIR_GT(ID, i));
        if (i % 3 == 0)
            weir_limit(built[i], i + 1);
        if (i % 5 == 0)
            weir_yield_per(built[i], 2);
    }
    for (int round = 0; round < 2; round++)
        for (int k = 0; k < 10; k++) {
            int i = round ? 9 - k : k;
            int64_t first = i % 2 ? i + 1 : 1, last = i % 3 == 0 && first + i < 12 ? first + i : 12;
            weir_result *result = weir_connection_execute(connection, built[i], NULL);
            assert_ids_to_end(result, first, last);
            close_result_ok(&result);
            result = weir_connection_execute(connection, base, NULL);
            weir_result_figures info;
            weir_result_info(result, &info);
            assert_int_equal(info.yield_per, 0);
            assert_ids_to_end(result, 1, 12);
            close_result_ok(&result);
        }
    for (int i = 0; i < 10; i++)
        weir_stmt_free(&built[i]);
    weir_stmt_free(&base);
    close_connection_ok(&connection);
}

/* ---- locks and transactions ------------------------------------------------------------------------------------------------------ */

static void test_case_182_a_locking_stream_beside_an_update_does_not_hang(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const char *const arguments[] = { "lock_timeout", "200ms", NULL };
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = arguments));
    weir_session *reader = weir_session_open(engine), *writer = weir_session_open(engine);
    weir_stmt *stmt = weir_select(&order_entity), *update = weir_sql("UPDATE orders SET state = 'paid' WHERE id = 2");
    weir_order_by(stmt, ID);
    weir_with_for_update(stmt, NULL);
    weir_yield_per(stmt, 3);
    weir_result *result = weir_session_scalars(reader, stmt);
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    weir_result *blocked = weir_session_execute(writer, update);
    assert_error(weir_result_error(blocked), WEIR_OPERATIONAL);
    assert_string_equal(weir_result_error(blocked)->sqlstate, "55P03");
    assert_status(weir_result_close(&blocked), WEIR_OPERATIONAL);
    assert_int_equal(WEIR_NEXT(order, result)->id, 2);
    assert_status(weir_session_rollback(reader), WEIR_OK);
    assert_status(weir_session_rollback(writer), WEIR_OK);
    (void)!weir_result_close(&result);
    result = weir_session_execute(writer, update);
    assert_int_equal(weir_result_rowcount(result), 1);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    weir_stmt_free(&update);
    assert_status(weir_session_close(&reader), WEIR_OK);
    assert_status(weir_session_close(&writer), WEIR_OK);
    weir_engine_close(&engine);
}

static void test_case_178_each_lock_is_written_and_taken(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    const weir_lock_options locks[] = {
        { .struct_size = sizeof locks[0] }, { .struct_size = sizeof locks[0], .read = true },
        { .struct_size = sizeof locks[0], .key_share = true }, { .struct_size = sizeof locks[0], .read = true, .key_share = true },
        { .struct_size = sizeof locks[0], .of = WEIR_EXPRS(WEIR_ENTITY_OF(order)) }, { .struct_size = sizeof locks[0], .nowait = true },
        { .struct_size = sizeof locks[0], .skip_locked = true },
    };
    const char *const clauses[] = { "FOR UPDATE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR KEY SHARE", "FOR UPDATE OF orders",
                                    "FOR UPDATE NOWAIT", "FOR UPDATE SKIP LOCKED" };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < 7; i++)
        for (int64_t yield_per = 0; yield_per <= 5; yield_per += 5) {
            weir_stmt *stmt = ids();
            weir_with_for_update(stmt, &locks[i]);
            test_log_clear(db->log);
            weir_result *result = execute(connection, stmt, OPTIONS(.yield_per = yield_per));
            assert_ids_to_end(result, 1, 12);
            close_result_ok(&result);
            assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, db->postgresql ? clauses[i] : "ORDER BY"), 1);
            assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, " FOR "), db->postgresql);
        }
    close_connection_ok(&connection);
}

/* Rows are locked batch by batch: what is not read yet may still change, and comes with its new value. */
static void test_a_locking_stream_locks_as_it_reads(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, ID);
    weir_with_for_update(stmt, NULL);
    weir_yield_per(stmt, 3);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    test_side_run(db, "UPDATE orders SET state = 'paid' WHERE id = 10");
    for (int64_t id = 2; id <= 12; id++) {
        struct order *order = WEIR_NEXT(order, result);
        assert_int_equal(order->id, id);
        assert_string_equal(order->state, id == 10 ? "paid" : "pending");
    }
    close_result_ok(&result);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_case_200_an_aborted_session_is_told_never_a_shorter_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity), *bad = weir_sql("SELECT 1 / (SELECT 0)");
    weir_order_by(stmt, ID);
    weir_yield_per(stmt, 3);
    weir_result *result = weir_session_scalars(session, stmt);
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    weir_result *failed = weir_session_execute(session, bad);
    assert_status(weir_result_close(&failed), WEIR_DATA);
    int64_t last = 1;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        assert_int_equal(order->id, ++last);
    assert_true(last < 12);
    assert_string_equal(weir_result_error(result)->sqlstate, "25P02");
    assert_status(weir_result_close(&result), WEIR_INTERNAL);
    assert_status(weir_session_rollback(session), WEIR_OK);
    result = weir_session_scalars(session, stmt);
    for (int64_t id = 1; id <= 12; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    weir_stmt_free(&bad);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_case_202_streams_of_rows_and_of_instances_by_turns(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity), *rows = ids();
    weir_order_by(stmt, ID);
    weir_yield_per(stmt, 3);
    weir_yield_per(rows, 5);
    weir_result *one = weir_session_scalars(session, stmt), *other = weir_session_execute(session, rows);
    for (int64_t id = 1; id <= 12; id++) {
        assert_int_equal(WEIR_NEXT(order, one)->id, id);
        assert_int_equal(weir_row_int64_at(weir_result_next(other), 0), id);
    }
    assert_null(WEIR_NEXT(order, one));
    assert_null(weir_result_next(other));
    close_result_ok(&other);
    close_result_ok(&one);
    weir_stmt_free(&stmt);
    weir_stmt_free(&rows);
    assert_status(weir_session_close(&session), WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_001_a_select_streams_by_yield_per),
        ON_BOTH(test_case_002_003_strength_of_options_on_a_select),
        ON_BOTH(test_case_004_a_copy_of_a_select_has_options_of_its_own),
        ON_BOTH(test_case_007_yield_per_zero_on_a_select),
        ON_BOTH(test_case_009_options_of_inner_statements_do_nothing),
        ON_POSTGRESQL(test_case_010_a_connection_switches_streaming_of_a_select_off),
        ON_BOTH(test_case_013_engines_of_one_pool_and_a_select),
        ON_POSTGRESQL(test_case_014_015_the_buffer_of_a_select_grows),
        ON_BOTH(test_case_016_017_023_a_select_without_yield_per),
        ON_BOTH(test_case_018_019_021_ends_of_a_select),
        ON_BOTH(test_case_032_unique_fills_partitions_of_a_column_select),
        ON_BOTH(test_case_070_first_adds_no_limit_to_a_select),
        ON_BOTH(test_case_075_the_end_of_a_limited_select),
        ON_BOTH(test_case_081_a_scope_left_by_an_error_closes_the_result),
        ON_BOTH(test_case_092_views_and_rows_of_a_select_are_one_stream),
        ON_BOTH(test_case_195_statements_from_one_base_give_their_own_rows),
        ON_BOTH(test_case_178_each_lock_is_written_and_taken),
        ON_POSTGRESQL(test_case_182_a_locking_stream_beside_an_update_does_not_hang),
        ON_POSTGRESQL(test_a_locking_stream_locks_as_it_reads),
        ON_POSTGRESQL(test_case_200_an_aborted_session_is_told_never_a_shorter_stream),
        ON_BOTH(test_case_202_streams_of_rows_and_of_instances_by_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
