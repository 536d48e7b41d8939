/* Limits of counts, depths and sizes, on both sides of each: what is the most goes well, one more is an error that says so, and what the call was
 * made on can be used afterwards. docs/security.md has the table; those of files are in tests/cli/test_limits.sh and tests/units/test_records.c. */
#include "loading.h"
#include <unistd.h>

#define OPTIONS(...) WEIR_EXECUTION_OPTIONS(__VA_ARGS__)

static weir_connection *open_connection(test_database *db)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_error(weir_connection_error(connection), WEIR_OK);
    return connection;
}

/* Executes it; the error's message must have `part`, NULL: it must go well. Frees the statement. */
static int64_t outcome(weir_connection *connection, weir_stmt *stmt, int kind, const char *part)
{
    int64_t first = -1;
    weir_result *result = weir_connection_execute(connection, stmt, OPTIONS(.yield_per = 1000));
    const weir_row *row = weir_result_next(result);
    if (part) {
        assert_error(weir_result_error(result), kind);
        assert_contains(weir_result_error(result)->message, part);
    } else {
        assert_error(weir_result_error(result), WEIR_OK);
        first = weir_row_int64_at(row, 0);
    }
    (void)!weir_result_close(&result);
    weir_stmt_free(&stmt);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
    return first;
}

/* ---- parameters ------------------------------------------------------------------------------------------------------------------------ */

static weir_stmt *one_of(size_t count)
{
    weir_value *keys = calloc(count, sizeof *keys);
    weir_stmt *stmt = weir_sql("SELECT count(*) FROM orders WHERE id IN :keys AND amount_cents > 0");
    assert_non_null(keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = weir_value_int((int64_t)i + 1);
    weir_bind_list(stmt, "keys", keys, count);
    free(keys);
    return stmt;
}

static void test_parameters_of_a_statement(void **state)
{
    test_database *db = *state;
    size_t most = db->postgresql ? 65535 : 32766;
    test_fixture(db, 12);
    weir_connection *connection = open_connection(db);
    assert_int_equal(outcome(connection, one_of(most), 0, NULL), 12);
    outcome(connection, one_of(most + 1), WEIR_INVALID_REQUEST, db->postgresql ? "the statement has 65536 parameters, and postgresql takes at most 65535; split the list, or join with a table"
                                                                         : "the statement has 32767 parameters, and sqlite takes at most 32766; split the list, or join with a table");
    outcome(connection, one_of(1000000), WEIR_INVALID_REQUEST, "the statement has 1000000 parameters");
    close_connection_ok(&connection);
}

/* ---- columns ----------------------------------------------------------------------------------------------------------------------------- */

static weir_stmt *wide(int columns)
{
    char *sql = malloc((size_t)columns * 8 + 32), *at = sql;
    assert_non_null(sql);
    at += sprintf(at, "SELECT ");
    for (int i = 0; i < columns; i++)
        at += sprintf(at, "%s%d", i ? ", " : "", i % 1000 + 1);
    weir_stmt *stmt = weir_sql(sql);
    free(sql);
    return stmt;
}

static void test_columns_of_a_result(void **state)
{
    test_database *db = *state;
    int most = db->postgresql ? 1664 : 2000;
    weir_connection *connection = open_connection(db);
    weir_stmt *stmt = wide(most);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    assert_int_equal(weir_result_column_count(result), most);
    for (int i = 0; i < most; i++)
        assert_int_equal(weir_row_int64_at(row, i), i % 1000 + 1);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    outcome(connection, wide(most + 1), WEIR_OPERATIONAL, db->postgresql ? "target lists can have at most 1664 entries" : "too many columns in result set");
    close_connection_ok(&connection);
}

/* ---- depths -------------------------------------------------------------------------------------------------------------------------------- */

static void test_depth_of_an_expression(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    enum { TRIED = 600 };
    static weir_expr levels[TRIED];
    static const weir_expr *operands[TRIED][2];
    const weir_expr *column = WEIR_IS_NULL(WEIR_COL(order, id));
    for (int i = 0; i < TRIED; i++) {
        operands[i][0] = i ? &levels[i - 1] : column;
        levels[i] = (weir_expr){ .op = WEIR_OP_NOT, .args = operands[i] };
    }
    weir_stmt *stmt = weir_select(&order_entity);
    weir_where(stmt, &levels[TRIED - 1]);
    assert_error(weir_stmt_error(stmt), WEIR_ARGUMENT);
    assert_contains(weir_stmt_error(stmt)->message, "an expression is nested more than 500 deep");
    weir_stmt_free(&stmt);
}

/* Arrays of PostgreSQL have six dimensions, as those that are read and written have. */
static void test_dimensions_of_an_array(void **state)
{
    test_database *db = *state;
    weir_value item = weir_value_int(5);
    weir_connection *connection = open_connection(db);
    for (int dimensions = 6; dimensions <= 7; dimensions++) {
        static const int32_t ones[7] = { 1, 1, 1, 1, 1, 1, 1 };
        const weir_array array = { .element_type = WEIR_T_INT64, .dimensions = dimensions, .lengths = ones, .lower_bounds = ones, .count = 1, .items = &item };
        weir_stmt *stmt = weir_sql("SELECT array_ndims(:a::bigint[])");
        weir_bind(stmt, "a", weir_value_array(&array));
        assert_int_equal(outcome(connection, stmt, WEIR_DATA, dimensions > 6 ? "the array has 7 dimensions; PostgreSQL has at most 6" : NULL),
                         dimensions > 6 ? -1 : 6);
    }
    close_connection_ok(&connection);
}

/* Domains over arrays nest arrays to any depth, and each level doubles the quotes of their text: beyond 8 the server's own text is taken. */
static void test_arrays_in_arrays(void **state)
{
    test_database *db = *state;
    weir_connection *connection = open_connection(db);
    char value[640] = "'{1}'::nested0", whole[640], sql[1400];
    for (int level = 0; level < 11; level++) {
        if (level == 0)
            snprintf(sql, sizeof sql, "DROP DOMAIN IF EXISTS nested0 CASCADE; CREATE DOMAIN nested0 AS int[]");
        else
            snprintf(sql, sizeof sql, "DROP DOMAIN IF EXISTS nested%d CASCADE; CREATE DOMAIN nested%d AS nested%d[]", level, level, level - 1);
        test_side_run(db, sql);
        if (level > 0) {
            snprintf(whole, sizeof whole, "ARRAY[%.590s]::nested%d", value, level);
            snprintf(value, sizeof value, "%s", whole);
        }
        snprintf(sql, sizeof sql, "SELECT v, v::text FROM (SELECT %s AS v) AS s", value);
        weir_stmt *stmt = weir_sql(sql);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        weir_stmt_free(&stmt);
        const weir_row *row = weir_result_one(result);
        assert_non_null(row);
        weir_type type = weir_result_column(result, 0)->type;
        assert_int_equal(type, level < 8 ? WEIR_T_ARRAY : WEIR_T_OTHER);
        if (type == WEIR_T_OTHER)
            assert_string_equal(weir_row_text_at(row, 0).ptr, weir_row_text_at(row, 1).ptr);
        assert_int_equal(weir_result_close(&result), WEIR_OK);
    }
    test_side_run(db, "DROP DOMAIN nested0 CASCADE");
    close_connection_ok(&connection);
}

static void test_depth_of_savepoints(void **state)
{
    test_database *db = *state;
    weir_connection *connection = open_connection(db);
    for (int i = 0; i < 64; i++)
        assert_true(weir_connection_savepoint(connection) > 0);
    assert_status(weir_connection_savepoint(connection), WEIR_INVALID_REQUEST);
    assert_contains(weir_connection_error(connection)->message, "64 savepoints are open already; there can be no more");
    assert_int_equal(test_query_int(connection, "SELECT 7"), 7);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
}

/* ---- sizes ----------------------------------------------------------------------------------------------------------------------------------- */

static void test_size_of_a_page_and_of_its_token(void **state)
{
    test_database *db = *state;
    enum { LONGEST = 1 << 20 };
    test_fixture(db, 3);
    weir_connection *connection = open_connection(db);
    weir_stmt *stmt = ORDERS(0);
    static const struct { int64_t rows; const char *secret; const char *part; } wrong[] = {
        { 1000001, NULL, "a page has from 1 to 1000000 rows, not 1000001" }, { -1, NULL, "a page has from 1 to 1000000 rows, not -1" },
        { 5, "15 bytes of them", NULL }, { 5, "too short a one", "the secret of page tokens has 16 bytes or more, not 15" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_keyset *keyset = weir_connection_keyset(connection, stmt, WEIR_KEYSET_OPTIONS(.page_size = wrong[i].rows, .secret = wrong[i].secret,
                                                                                            .secret_length = wrong[i].secret ? strlen(wrong[i].secret) : 0));
        if (wrong[i].part)
            assert_contains(weir_keyset_error(keyset)->message, wrong[i].part);
        assert_status(weir_keyset_close(&keyset), wrong[i].part ? WEIR_ARGUMENT : WEIR_OK);
    }
    char *token = malloc(LONGEST + 2);
    assert_non_null(token);
    memset(token, 'A', LONGEST + 1);
    token[LONGEST + 1] = 0;
    weir_keyset *keyset = weir_connection_keyset(connection, stmt, WEIR_KEYSET_OPTIONS(.page_size = 2));
    assert_null(weir_keyset_next(keyset, token));
    assert_error(weir_keyset_error(keyset), WEIR_DATA);
    assert_contains(weir_keyset_error(keyset)->message, "the page token is too long to be one");
    token[LONGEST] = 0;
    assert_null(weir_keyset_next(keyset, token));
    assert_contains(weir_keyset_error(keyset)->message, "the page token is of another version of weir, or damaged");
    const weir_keyset_page *page = weir_keyset_first(keyset);
    assert_true(page && page->count == 2);
    (void)!weir_keyset_close(&keyset);
    free(token);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

static void test_size_of_what_a_checkpoint_keeps(void **state)
{
    test_database *db = *state;
    enum { MOST = 1 << 20 };
    test_fixture(db, 3);
    weir_stmt *stmt = ORDERS(0);
    char *data = calloc(1, MOST + 1), path[1100];
    snprintf(path, sizeof path, "%s/checkpoint-%d", test_environment("WEIR_TEST_DIR"), (int)db->postgresql);
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, NULL);
    assert_status(weir_checkpoint_set_data(checkpoint, data, MOST + 1), WEIR_ARGUMENT);
    assert_contains(weir_checkpoint_error(checkpoint)->message, "a checkpoint keeps at most 1048576 bytes beside its place");
    assert_status(weir_checkpoint_set_data(checkpoint, data, MOST), WEIR_OK);
    assert_status(weir_checkpoint_save(checkpoint, path), WEIR_OK);
    assert_status(weir_checkpoint_set_data(checkpoint, "", 0), WEIR_OK);
    assert_status(weir_checkpoint_load(checkpoint, path), WEIR_OK);
    assert_int_equal(weir_checkpoint_data(checkpoint).len, MOST);
    assert_int_equal(truncate(path, (16 << 20) + 1), 0);
    assert_status(weir_checkpoint_load(checkpoint, path), WEIR_DATA);
    assert_contains(weir_checkpoint_error(checkpoint)->message, "is no checkpoint: it is no regular file, or too large");
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    free(data);
    (void)remove(path);
}

/* ---- counts ------------------------------------------------------------------------------------------------------------------------------------ */

/* An entity of 32 relationships, and of 33. */
#define MEMBER(E, name) struct parent *name;
WEIR_ENTITY_DECLARE(parent);
struct parent { int64_t id; };
WEIR_ENTITY(parent, "orders", WEIR_COLUMN(parent, id, .primary_key = true));
#define OF_EIGHT(M, E, n) M(E, n##a) M(E, n##b) M(E, n##c) M(E, n##d) M(E, n##e) M(E, n##f) M(E, n##g) M(E, n##h)
#define OF_32(M, E) OF_EIGHT(M, E, p) OF_EIGHT(M, E, q) OF_EIGHT(M, E, r) OF_EIGHT(M, E, s)
#define RELATIONSHIP(E, name) WEIR_BELONGS_TO(E, name, parent, parent_id),
WEIR_ENTITY_DECLARE(many);
WEIR_ENTITY_DECLARE(too_many);
struct many { int64_t id, parent_id; OF_32(MEMBER, many) };
struct too_many { int64_t id, parent_id; OF_32(MEMBER, too_many) struct parent *last; };
WEIR_ENTITY(many, "many", OF_32(RELATIONSHIP, many) WEIR_COLUMN(many, id, .primary_key = true), WEIR_COLUMN(many, parent_id));
WEIR_ENTITY(too_many, "many", OF_32(RELATIONSHIP, too_many) RELATIONSHIP(too_many, last) WEIR_COLUMN(too_many, id, .primary_key = true),
    WEIR_COLUMN(too_many, parent_id));

static void test_relationships_of_an_entity(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    test_side_run(db, "CREATE TABLE many(id bigint PRIMARY KEY, parent_id bigint); INSERT INTO many VALUES (7, 2)");
    weir_session *session = weir_session_open(db->engine);
    struct many *seven = WEIR_GET(many, session, 7);
    assert_non_null(seven);
    assert_status(weir_load(seven, sh), WEIR_OK);
    assert_int_equal(seven->sh->id, 2);
    assert_null(WEIR_GET(too_many, session, 7));
    assert_error(weir_session_error(session), WEIR_MAPPING);
    assert_contains(weir_session_error(session)->message, "too_many has more than 32 relationships");
    assert_ptr_equal(WEIR_GET(many, session, 7), seven);
    close_session_ok(&session);
}

static void test_jobs_of_a_parallel_run(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_stmt *stmt = ORDERS(0);
    weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 257));
    assert_error(weir_parallel_error(parallel), WEIR_ARGUMENT);
    assert_contains(weir_parallel_error(parallel)->message, "jobs are 1 to 256");
    assert_status(weir_parallel_close(&parallel), WEIR_ARGUMENT);
    weir_stmt_free(&stmt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_parameters_of_a_statement),
        ON_BOTH(test_columns_of_a_result),
        ON_BOTH(test_depth_of_an_expression),
        ON_POSTGRESQL(test_dimensions_of_an_array),
        ON_POSTGRESQL(test_arrays_in_arrays),
        ON_BOTH(test_depth_of_savepoints),
        ON_BOTH(test_size_of_a_page_and_of_its_token),
        ON_BOTH(test_size_of_what_a_checkpoint_keeps),
        ON_BOTH(test_relationships_of_an_entity),
        ON_BOTH(test_jobs_of_a_parallel_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
