/* Results as Arrow streams, read through the C interfaces as any consumer would. */
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct ArrowArrayStream stream;
typedef struct ArrowArray array;
typedef struct ArrowSchema schema;

static weir_result *query(weir_connection *connection, const char *sql, int64_t yield_per)
{
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = yield_per));
    weir_stmt_free(&stmt);
    return result;
}

/* The query's rows as a stream; the connection stays the caller's. */
static void open_stream(weir_connection *connection, const char *sql, int64_t yield_per, stream *out)
{
    weir_result *result = query(connection, sql, yield_per);
    assert_status(weir_result_error(result)->status, WEIR_OK);
    assert_int_equal(weir_result_arrow(&result, NULL, out), WEIR_OK);
    assert_status(weir_result_error(result)->status, WEIR_RESOURCE_CLOSED);
}

static void next(stream *s, array *out)
{
    if (s->get_next(s, out) != 0)
        fail_msg("%s", s->get_last_error(s));
}

static bool is_null(const array *a, int64_t row)
{
    const uint8_t *validity = a->buffers[0];
    return validity && !(validity[row >> 3] >> (row & 7) & 1);
}

static void assert_arrow_text(const array *a, int64_t row, const char *text)
{
    const int32_t *offsets = a->buffers[1];
    const char *bytes = a->buffers[2];
    assert_false(is_null(a, row));
    assert_int_equal(offsets[row + 1] - offsets[row], strlen(text));
    assert_memory_equal(bytes + offsets[row], text, strlen(text));
}

/* ---- rows and batches --------------------------------------------------------------------------------------------------- */
static void test_batches_are_fetched_as_they_are_asked_for(void **state)
{
    test_database *db = *state;
    static const struct { int64_t rows, per; } cases[] = { { 0, 5 }, { 1, 5 }, { 5, 5 }, { 10, 5 }, { 11, 5 }, { 12, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_side_run(db, "DROP TABLE IF EXISTS order_lines; DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS invoices");
        test_fixture(db, cases[i].rows);
        weir_connection *connection = weir_engine_connect(db->engine);
        stream s;
        open_stream(connection, "SELECT id, state FROM orders ORDER BY id", cases[i].per, &s);
        int64_t id = 0;
        for (;;) {
            array batch;
            next(&s, &batch);
            if (!batch.release)
                break;
            assert_true(batch.length > 0 && (!cases[i].per || batch.length <= cases[i].per));
            assert_int_equal(batch.n_children, 2);
            for (int64_t row = 0; row < batch.length; row++)
                assert_int_equal(((const int64_t *)batch.children[0]->buffers[1])[row], ++id);
            batch.release(&batch);
            assert_null(batch.release);
        }
        assert_int_equal(id, cases[i].rows);
        array after;
        next(&s, &after);               /* the end stays the end */
        assert_null(after.release);
        assert_null(s.get_last_error(&s));
        s.release(&s);
        assert_null(s.release);
        close_connection_ok(&connection);
    }
}

static void test_a_batch_outlives_its_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    stream s;
    array batch;
    open_stream(connection, "SELECT id, state FROM orders ORDER BY id", 5, &s);
    next(&s, &batch);
    s.release(&s);                      /* in the middle */
    close_connection_ok(&connection);
    assert_int_equal(batch.length, 5);
    array taken = *batch.children[1];   /* a child may be moved away from its parent */
    batch.children[1]->release = NULL;
    batch.release(&batch);
    assert_arrow_text(&taken, 0, "pending");
    taken.release(&taken);
}

static void test_batch_rows_and_wrong_calls(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    stream s = { 0 };
    array batch;
    weir_result *result = query(connection, "SELECT id FROM orders", 0);
    assert_int_equal(weir_result_arrow(NULL, NULL, &s), WEIR_ARGUMENT);
    assert_int_equal(weir_result_arrow(&result, NULL, NULL), WEIR_ARGUMENT);
    assert_int_equal(weir_result_arrow(&result, WEIR_ARROW_OPTIONS(.batch_rows = 7), &s), WEIR_OK);
    next(&s, &batch);
    assert_int_equal(batch.length, 7);
    batch.release(&batch);
    s.release(&s);
    assert_int_equal(weir_result_arrow(&result, NULL, &s), WEIR_RESOURCE_CLOSED);
    result = query(connection, "SELECT id FROM orders", 0);
    assert_int_equal(weir_result_arrow(&result, WEIR_ARROW_OPTIONS(.batch_rows = -1), &s), WEIR_ARGUMENT);
    assert_error(weir_result_error(result), WEIR_ARGUMENT);
    assert_status(weir_result_close(&result), WEIR_ARGUMENT);
    result = query(connection, "UPDATE orders SET state = 'x' WHERE id = 0", 0);
    assert_status(weir_result_arrow(&result, NULL, &s), WEIR_INVALID_REQUEST);
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
}

/* Two divisions by zero: in the middle of the stream, and in a batch that was sent ahead. */
static void test_an_error_of_the_database_is_told_and_stays(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_connection *connection = weir_engine_connect(db->engine);
    stream s;
    array batch;
    open_stream(connection, "SELECT 1 / (8 - id) FROM orders ORDER BY id", 5, &s);
    next(&s, &batch);
    batch.release(&batch);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s.get_next(&s, &batch), EINVAL);
        assert_null(batch.release);
        assert_contains(s.get_last_error(&s), "division by zero");
    }
    s.release(&s);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
}

/* ---- types --------------------------------------------------------------------------------------------------------------------- */
typedef struct expected { const char *sql, *cast, *format, *extension; } expected;
static const expected types[] = {
    { "true", "", "b", NULL }, { "'-7'::int2", "", "s", NULL }, { "7::int4", "", "i", NULL }, { "7::int8", "", "l", NULL }, { "1.5::float4", "", "f", NULL },
    { "2.5::float8", "", "g", NULL }, { "'-12.50'", "::numeric(10,2)", "d:10,2", NULL }, { "1e30::numeric", "", "u", NULL }, { "'gr\303\274n'::text", "", "u", NULL },
    { "'\\x00ff'::bytea", "", "z", NULL }, { "date '1970-01-11'", "", "tdD", NULL }, { "time '00:00:01'", "", "ttu", NULL },
    { "timestamp '1970-01-01 00:00:01'", "", "tsu:", NULL }, { "timestamptz '1970-01-01 00:00:02+00'", "", "tsu:UTC", NULL },
    { "interval '1 year 2 days 3 seconds'", "", "tin", NULL }, { "'00010203-0405-0607-0809-0a0b0c0d0e0f'::uuid", "", "w:16", "arrow.uuid" },
    { "'{\"a\":1}'::jsonb", "", "u", "arrow.json" }, { "inet '10.0.0.1'", "", "u", NULL }, { "timetz '12:00:00+02'", "", "u", NULL },
    { "ARRAY[1,NULL,3]", "", "+l", NULL }, { "ARRAY['a','bc']::text[]", "", "+l", NULL },
};
enum { TYPES = sizeof types / sizeof *types };

/* Three rows: the value, NULL, the value. */
static void open_types(weir_connection *connection, stream *s)
{
    char sql[4096] = "SELECT ";
    for (size_t i = 0; i < TYPES; i++)
        snprintf(sql + strlen(sql), sizeof sql - strlen(sql), "%s(CASE WHEN n <> 2 THEN %s END)%s AS c%zu", i ? ", " : "", types[i].sql, types[i].cast, i);
    strcat(sql, " FROM generate_series(1, 3) AS n ORDER BY n");
    open_stream(connection, sql, 10, s);
}

static const char *extension_of(const schema *field, char *buffer)
{
    int32_t length;
    if (!field->metadata)
        return NULL;
    memcpy(&length, field->metadata + 4, 4);
    const char *value = field->metadata + 8 + length;
    memcpy(&length, value, 4);
    memcpy(buffer, value + 4, (size_t)length);
    buffer[length] = '\0';
    return buffer;
}

static void check_values(array *const *c, int64_t row)
{
    static const uint8_t uuid[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    const struct { int32_t months, days; int64_t nanoseconds; } *intervals = c[14]->buffers[1];
    int64_t decimal[2];
    assert_true(((const uint8_t *)c[0]->buffers[1])[0] >> row & 1);
    assert_int_equal(((const int16_t *)c[1]->buffers[1])[row], -7);
    assert_int_equal(((const int32_t *)c[2]->buffers[1])[row], 7);
    assert_int_equal(((const int64_t *)c[3]->buffers[1])[row], 7);
    assert_true(((const float *)c[4]->buffers[1])[row] == 1.5f);
    assert_true(((const double *)c[5]->buffers[1])[row] == 2.5);
    memcpy(decimal, (const char *)c[6]->buffers[1] + 16 * row, 16);
    assert_int_equal(decimal[0], -1250);
    assert_int_equal(decimal[1], -1);
    assert_arrow_text(c[7], row, "1000000000000000000000000000000");
    assert_arrow_text(c[8], row, "gr\303\274n");
    assert_int_equal(((const int32_t *)c[9]->buffers[1])[1], 2);
    assert_memory_equal(c[9]->buffers[2], "\0\377", 2);
    assert_int_equal(((const int32_t *)c[10]->buffers[1])[row], 10);
    assert_int_equal(((const int64_t *)c[11]->buffers[1])[row], 1000000);
    assert_int_equal(((const int64_t *)c[12]->buffers[1])[row], 1000000);
    assert_int_equal(((const int64_t *)c[13]->buffers[1])[row], 2000000);
    assert_int_equal(intervals[row].months, 12);
    assert_int_equal(intervals[row].days, 2);
    assert_int_equal(intervals[row].nanoseconds, 3000000000);
    assert_memory_equal((const char *)c[15]->buffers[1] + 16 * row, uuid, 16);
    assert_arrow_text(c[16], row, "{\"a\": 1}");
    assert_arrow_text(c[17], row, "10.0.0.1");
    assert_arrow_text(c[18], row, "12:00:00+02:00");
    const int32_t *list = c[19]->buffers[1];
    assert_int_equal(list[row + 1] - list[row], 3);
    assert_true(is_null(c[19]->children[0], list[row] + 1));
    assert_int_equal(((const int32_t *)c[19]->children[0]->buffers[1])[list[row] + 2], 3);
    list = c[20]->buffers[1];
    assert_int_equal(list[row + 1] - list[row], 2);
    assert_arrow_text(c[20]->children[0], list[row] + 1, "bc");
}

static void test_every_type_and_its_nulls(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    stream s;
    schema told;
    array batch;
    char name[8], extension[32];
    open_types(connection, &s);
    assert_int_equal(s.get_schema(&s, &told), 0);
    assert_string_equal(told.format, "+s");
    assert_int_equal(told.n_children, TYPES);
    for (size_t i = 0; i < TYPES; i++) {
        snprintf(name, sizeof name, "c%zu", i);
        assert_string_equal(told.children[i]->name, name);
        assert_string_equal(told.children[i]->format, types[i].format);
        assert_int_equal(told.children[i]->flags, ARROW_FLAG_NULLABLE);
        const char *found = extension_of(told.children[i], extension);
        assert_true(types[i].extension ? found && !strcmp(found, types[i].extension) : !found);
    }
    assert_string_equal(told.children[19]->children[0]->format, "i");
    told.release(&told);
    next(&s, &batch);
    assert_int_equal(batch.length, 3);
    for (size_t i = 0; i < TYPES; i++) {
        assert_int_equal(batch.children[i]->null_count, 1);
        assert_false(is_null(batch.children[i], 0));
        assert_true(is_null(batch.children[i], 1));
        assert_false(is_null(batch.children[i], 2));
    }
    check_values(batch.children, 0);
    check_values(batch.children, 2);
    batch.release(&batch);
    s.release(&s);
    close_connection_ok(&connection);
}

/* Arrays of several dimensions are lists of lists; the schema waits for the first batch to say how deep. */
static void test_lists_of_lists(void **state)
{
    test_database *db = *state;
    weir_connection *connection = weir_engine_connect(db->engine);
    stream s;
    schema told;
    array batch;
    open_stream(connection, "SELECT CASE n WHEN 1 THEN NULL WHEN 2 THEN '{}' WHEN 3 THEN ARRAY[[1, NULL, 3], [4, 5, 6]] ELSE ARRAY[[7], [8]] END::int[] AS a "
                            "FROM generate_series(1, 4) AS n ORDER BY n", 10, &s);
    assert_int_equal(s.get_schema(&s, &told), 0);
    assert_string_equal(told.children[0]->format, "+l");
    assert_string_equal(told.children[0]->children[0]->format, "+l");
    assert_string_equal(told.children[0]->children[0]->children[0]->format, "i");
    told.release(&told);
    next(&s, &batch);
    const array *outer = batch.children[0], *inner = outer->children[0], *items = inner->children[0];
    static const int32_t outers[] = { 0, 0, 0, 2, 4 }, inners[] = { 0, 3, 6, 7, 8 }, values[] = { 1, 0, 3, 4, 5, 6, 7, 8 };
    assert_int_equal(outer->null_count, 1);
    assert_true(is_null(outer, 0) && !is_null(outer, 1));
    assert_int_equal(inner->length, 4);
    assert_int_equal(inner->null_count, 0);
    assert_int_equal(items->length, 8);
    assert_true(is_null(items, 1) && !is_null(items, 2));
    assert_memory_equal(outer->buffers[1], outers, sizeof outers);
    assert_memory_equal(inner->buffers[1], inners, sizeof inners);
    assert_memory_equal(items->buffers[1], values, sizeof values);
    batch.release(&batch);
    s.release(&s);
    close_connection_ok(&connection);
}

/* What Arrow cannot hold is an error that says where and what to do, never another value. */
static void test_values_that_do_not_fit(void **state)
{
    test_database *db = *state;
    static const struct { const char *sql, *cast, *reason; } cases[] = {
        { "date 'infinity'", "", "infinite dates" }, { "timestamp '-infinity'", "", "infinite timestamps" }, { "time '24:00'", "", "24:00:00" },
        { "'NaN'", "::numeric(5,2)", "NaN" }, { "ARRAY[[1,2],[3,4]]", "", "an array of 2 dimensions in a column of 1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[256];
        array batch;
        stream s;
        weir_connection *connection = weir_engine_connect(db->engine);
        snprintf(sql, sizeof sql, "SELECT n, (CASE WHEN n = 4 THEN %s END)%s AS odd FROM generate_series(1, 5) AS n", cases[i].sql,
                 cases[i].cast);
        open_stream(connection, sql, 3, &s);
        next(&s, &batch);
        batch.release(&batch);
        assert_int_equal(s.get_next(&s, &batch), EINVAL);
        assert_contains(s.get_last_error(&s), "row 4, column odd");
        assert_contains(s.get_last_error(&s), cases[i].reason);
        s.release(&s);
        close_connection_ok(&connection);
    }
}

/* SQLite: a column is what its declaration says, or else what its first values are. */
static void test_columns_of_sqlite(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE t(a INTEGER, b TEXT, c DECIMAL(10,2), d BOOLEAN); "
                      "INSERT INTO t VALUES (1, 'x', 1.5, 1), (NULL, NULL, 2, NULL), (3, 'y', NULL, 0)");
    weir_connection *connection = weir_engine_connect(db->engine);
    stream s;
    schema told;
    array batch;
    static const char *const formats[] = { "l", "u", "d:10,2", "b", "l", "u", "n" };
    open_stream(connection, "SELECT a, b, c, d, a + 1, b || 'z', NULL FROM t ORDER BY rowid", 2, &s);
    assert_int_equal(s.get_schema(&s, &told), 0);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(told.children[i]->format, formats[i]);
    told.release(&told);
    next(&s, &batch);
    assert_int_equal(batch.length, 2);
    assert_int_equal(((const int64_t *)batch.children[4]->buffers[1])[0], 2);
    assert_true(is_null(batch.children[4], 1));
    assert_int_equal(((const int64_t *)batch.children[2]->buffers[1])[0], 150);     /* the low halves of 128 bits */
    assert_int_equal(((const int64_t *)batch.children[2]->buffers[1])[2], 200);
    assert_arrow_text(batch.children[5], 0, "xz");
    assert_int_equal(batch.children[6]->null_count, 2);
    assert_int_equal(batch.children[6]->n_buffers, 0);
    batch.release(&batch);
    s.release(&s);
    open_stream(connection, "SELECT CASE WHEN rowid = 3 THEN 'late' END FROM t ORDER BY rowid", 2, &s);
    next(&s, &batch);
    batch.release(&batch);
    assert_int_equal(s.get_next(&s, &batch), EINVAL);
    assert_contains(s.get_last_error(&s), "row 3");
    s.release(&s);
    open_stream(connection, "SELECT CASE WHEN rowid = 1 THEN 1 ELSE 'text' END AS mixed FROM t ORDER BY rowid", 5, &s);
    assert_int_equal(s.get_next(&s, &batch), EINVAL);
    assert_contains(s.get_last_error(&s), "row 2, column mixed");
    s.release(&s);
    close_connection_ok(&connection);
}

/* Memory is level however many batches there are, as long as they are released. */
static void test_many_batches_in_flat_memory(void **state)
{
    test_database *db = *state;
    test_fixture(db, 20000);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_memory_figures early, late;
    stream s;
    array batch;
    open_stream(connection, "SELECT id, tenant_id, state FROM orders ORDER BY id", 100, &s);
    for (int i = 0; i < 200; i++) {
        next(&s, &batch);
        assert_int_equal(batch.length, 100);
        if (i == 5)
            weir_memory_usage(&early);
        if (i == 195)
            weir_memory_usage(&late);
        batch.release(&batch);
    }
    assert_int_equal(late.bytes, early.bytes);
    s.release(&s);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_batches_are_fetched_as_they_are_asked_for),
        ON_BOTH(test_a_batch_outlives_its_stream),
        ON_BOTH(test_batch_rows_and_wrong_calls),
        ON_POSTGRESQL(test_an_error_of_the_database_is_told_and_stays),
        ON_POSTGRESQL(test_every_type_and_its_nulls),
        ON_POSTGRESQL(test_lists_of_lists),
        ON_POSTGRESQL(test_values_that_do_not_fit),
        ON_SQLITE(test_columns_of_sqlite),
        ON_BOTH(test_many_batches_in_flat_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
