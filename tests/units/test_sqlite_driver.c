/* The SQLite driver: rows, cells, columns, parameters, row counts, transactions. */
#include "lite_support.h"
#include <math.h>

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */
static void test_cells_carry_the_storage_class(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    query q;
    query_all(&q, link, "SELECT 1, 2.5, 'text', x'00ff', NULL UNION ALL SELECT 'other', NULL, 7, 'x', -1.0");
    assert_int_equal(q.sink.count, 2);
    assert_int_equal(cell(&q, 0, 0)->as.i, 1);
    assert_int_equal(cell(&q, 0, 1)->type, WEIR_T_DOUBLE);
    assert_true(cell(&q, 0, 1)->as.d == 2.5);
    assert_text(cell(&q, 0, 2), "text", 4);
    assert_int_equal(cell(&q, 0, 3)->type, WEIR_T_BLOB);
    assert_int_equal(cell(&q, 0, 3)->as.blob.len, 2);
    assert_memory_equal(cell(&q, 0, 3)->as.blob.ptr, "\x00\xff", 3);
    assert_int_equal(cell(&q, 0, 4)->type, WEIR_T_NULL);
    assert_text(cell(&q, 1, 0), "other", 5);
    assert_int_equal(cell(&q, 1, 1)->type, WEIR_T_NULL);
    assert_int_equal(cell(&q, 1, 2)->as.i, 7);
    assert_true(cell(&q, 1, 4)->as.d == -1.0);
    assert_int_equal(q.cursor.base.rows, 2);
    assert_int_equal(q.cursor.base.bytes, 8 + 8 + 4 + 2 + 5 + 8 + 1 + 8);
    assert_int_equal(q.cursor.base.row_count, -1);
    query_end(&q);
    DRIVER->hang_up(link);
}

static void test_extremes_and_empty_values(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    query q;
    query_all(&q, link, "SELECT 9223372036854775807, -9223372036854775808, '', x'', zeroblob(3), 1e308*10, -1e999, 4.9e-324, "
                        "'a' || char(0) || 'b'");
    assert_int_equal(cell(&q, 0, 0)->as.i, INT64_MAX);
    assert_int_equal(cell(&q, 0, 1)->as.i, INT64_MIN);
    assert_text(cell(&q, 0, 2), "", 0);
    assert_int_equal(cell(&q, 0, 3)->type, WEIR_T_BLOB);
    assert_int_equal(cell(&q, 0, 3)->as.blob.len, 0);
    assert_non_null(cell(&q, 0, 3)->as.blob.ptr);
    assert_int_equal(cell(&q, 0, 4)->as.blob.len, 3);
    assert_memory_equal(cell(&q, 0, 4)->as.blob.ptr, "\0\0\0", 4);
    assert_true(isinf(cell(&q, 0, 5)->as.d));
    assert_true(isinf(cell(&q, 0, 6)->as.d) && cell(&q, 0, 6)->as.d < 0);
    assert_true(cell(&q, 0, 7)->as.d > 0);
    assert_text(cell(&q, 0, 8), "a\0b", 3);
    query_end(&q);
    DRIVER->hang_up(link);
}

static void count_row(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    ++*(int *)sqlite3_user_data(context);
    sqlite3_result_value(context, values[0]);
}

static const char ten_rows[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT seen(i) FROM n";

static void test_batches_stop_at_exactly_n_rows(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    static const int sizes[] = { 1, 2, 3, 5, 7, 9, 10, 11 };
    int seen;
    sqlite3_create_function(((weir_lite_link *)link)->db, "seen", 1, SQLITE_UTF8, &seen, count_row, NULL, NULL);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int size = sizes[s], expected = size < 10 ? size : 10;
        query q;
        seen = 0;
        query_begin(&q, link, ten_rows, NULL, 0);
        assert_int_equal(query_prepare(&q), WEIR_OK);
        assert_int_equal(query_open(&q, size), WEIR_OK);
        assert_int_equal(q.sink.count, expected);
        assert_int_equal(seen, expected);               /* not a row further */
        assert_int_equal(q.cursor.base.ended, size > 10);
        assert_int_equal(q.cursor.base.open, size <= 10);
        int fetches = 0;
        for (; !q.cursor.base.ended; fetches++)
            assert_int_equal(query_fetch(&q, size), WEIR_OK);
        assert_int_equal(fetches, 10 / size);           /* an exact multiple takes a last, empty one */
        assert_int_equal(q.sink.count, 10);
        assert_int_equal(q.cursor.base.round_trips, fetches + 1);
        assert_null(q.cursor.statement);                /* finalized at once, not at close */
        for (size_t row = 0; row < 10; row++)
            assert_int_equal(cell(&q, row, 0)->as.i, row + 1);
        assert_int_equal(query_fetch(&q, size), WEIR_OK);
        assert_int_equal(q.sink.count, 10);
        query_end(&q);
    }
    DRIVER->hang_up(link);
}

static void test_an_empty_result_ends_at_once(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    query q;
    query_begin(&q, link, "SELECT 1 AS x WHERE 0", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    assert_true(q.cursor.base.returns_rows);
    assert_int_equal(query_open(&q, 5), WEIR_OK);
    assert_true(q.cursor.base.ended);
    assert_false(q.cursor.base.open);
    assert_int_equal(q.sink.count, 0);
    query_end(&q);
    DRIVER->hang_up(link);
}

static void test_close_in_mid_stream_is_safe_to_repeat_and_frees_the_table(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file);
    query q;
    run(link, "CREATE TABLE t(a)");
    run(link, "INSERT INTO t VALUES (1), (2), (3)");
    query_begin(&q, link, "SELECT a FROM t", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    assert_int_equal(query_open(&q, 1), WEIR_OK);
    assert_int_equal(command(link, "DROP TABLE t"), WEIR_OPERATIONAL);
    assert_int_equal(drive(link, DRIVER->close(link, &q.cursor.base)), WEIR_OK);
    assert_int_equal(query_fetch(&q, 1), WEIR_RESOURCE_CLOSED);
    run(link, "DROP TABLE t");
    query_end(&q);
    DRIVER->hang_up(link);
}

static void test_utf16_databases_give_utf8(void **state)
{
    place *p = *state;
    weir_link *link = dial_with(p->file, (const char *const[]){ "encoding", "utf-16", NULL });
    static const char clef[] = "\xf0\x9d\x84\x9e caf\xc3\xa9";
    weir_value value = weir_value_cstr(clef);
    query q;
    run(link, "CREATE TABLE t(a TEXT)");
    assert_int_equal(query_run(&q, link, "INSERT INTO t VALUES (?1), ('')", &value, 1), WEIR_OK);
    query_end(&q);
    query_all(&q, link, "PRAGMA encoding");
    assert_text(cell(&q, 0, 0), "UTF-16le", 8);
    query_end(&q);
    query_all(&q, link, "SELECT a FROM t");
    assert_text(cell(&q, 0, 0), clef, sizeof clef - 1);
    assert_text(cell(&q, 1, 0), "", 0);
    query_end(&q);
    assert_int_equal(failing(link, "SELECT a FROM nowhere", NULL, 0), WEIR_OPERATIONAL);
    assert_string_equal(link->error.message, "no such table: nowhere");
    DRIVER->hang_up(link);
}

static void test_a_big_blob_and_many_columns(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file);
    char sql[8192] = "SELECT 0";
    query q;
    query_all(&q, link, "SELECT zeroblob(30000000), randomblob(0), 5");
    assert_int_equal(cell(&q, 0, 0)->as.blob.len, 30000000);
    assert_int_equal(cell(&q, 0, 2)->as.i, 5);
    query_end(&q);
    for (int i = 1; i < 1000; i++)
        sprintf(sql + strlen(sql), ",%d", i);
    query_all(&q, link, sql);
    assert_int_equal(q.cursor.base.column_count, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(cell(&q, 0, i)->as.i, i);
    query_end(&q);
    DRIVER->hang_up(link);
}

/* ---- columns --------------------------------------------------------------------------------------------------------------- */
static void test_declared_types(void **state)
{
    (void)state;
    static const struct { const char *declared; weir_type type; } rows[] = {
        { NULL, WEIR_T_NULL }, { "", WEIR_T_NULL }, { "BOOLEAN", WEIR_T_BOOL }, { "bool", WEIR_T_BOOL }, { "DATE", WEIR_T_DATE },
        { "DATETIME", WEIR_T_TIMESTAMP }, { "timestamp", WEIR_T_TIMESTAMP }, { "TIMESTAMP(3)", WEIR_T_TIMESTAMP },
        { "TIMESTAMP WITH TIME ZONE", WEIR_T_TIMESTAMPTZ }, { "TIME", WEIR_T_TIME }, { "NUMERIC(10, 2)", WEIR_T_NUMERIC },
        { "DECIMAL", WEIR_T_NUMERIC }, { "UUID", WEIR_T_UUID }, { "JSON", WEIR_T_JSON }, { "JSONB", WEIR_T_JSON },
        { "INTEGER", WEIR_T_INT64 }, { "unsigned big int", WEIR_T_INT64 }, { "CHARINT", WEIR_T_INT64 }, { "INTERVAL", WEIR_T_INTERVAL },
        { "VARCHAR (20)", WEIR_T_TEXT }, { "clob", WEIR_T_TEXT }, { "TEXT", WEIR_T_TEXT }, { "BLOB", WEIR_T_BLOB },
        { "REAL", WEIR_T_DOUBLE }, { "FLOAT", WEIR_T_DOUBLE }, { "double precision", WEIR_T_DOUBLE }, { "STRING", WEIR_T_NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (weir_lite_declared_type(rows[i].declared) != rows[i].type)
            fail_msg("%s is %s", rows[i].declared, weir_type_name(weir_lite_declared_type(rows[i].declared)));
}

static void test_columns_are_described(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    query q;
    run(link, "CREATE TABLE t(id INTEGER PRIMARY KEY, amount DECIMAL(10,2), \"odd name\" )");
    query_all(&q, link, "SELECT *, amount * 2 AS twice FROM t");
    const weir_column_info *columns = q.cursor.base.columns;
    assert_int_equal(q.cursor.base.column_count, 4);
    assert_string_equal(columns[0].name, "id");
    assert_string_equal(columns[0].database_type, "INTEGER");
    assert_int_equal(columns[0].type, WEIR_T_INT64);
    assert_string_equal(columns[1].database_type, "DECIMAL(10,2)");
    assert_int_equal(columns[1].type, WEIR_T_NUMERIC);
    assert_string_equal(columns[2].name, "odd name");
    assert_string_equal(columns[2].database_type, "");
    assert_string_equal(columns[3].name, "twice");
    assert_int_equal(columns[3].type, WEIR_T_NULL);
    assert_int_equal(columns[3].database_oid, 0);
    assert_int_equal(columns[3].modifier, -1);
    query_end(&q);
    DRIVER->hang_up(link);
}

static void test_declared_booleans_and_json(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    query q;
    run(link, "CREATE TABLE t(b BOOLEAN, j JSON, n INTEGER)");
    run(link, "INSERT INTO t VALUES (1, '{}', 1), (0, NULL, 0), (2, x'31', 1), (NULL, 5, NULL), ('true', '', 1)");
    query_all(&q, link, "SELECT * FROM t");
    assert_int_equal(cell(&q, 0, 0)->type, WEIR_T_BOOL);
    assert_true(cell(&q, 0, 0)->as.b);
    assert_int_equal(cell(&q, 0, 1)->type, WEIR_T_JSON);
    assert_string_equal(cell(&q, 0, 1)->as.text.ptr, "{}");
    assert_int_equal(cell(&q, 0, 2)->type, WEIR_T_INT64);
    assert_int_equal(cell(&q, 1, 0)->type, WEIR_T_BOOL);
    assert_false(cell(&q, 1, 0)->as.b);
    assert_int_equal(cell(&q, 1, 1)->type, WEIR_T_NULL);
    assert_int_equal(cell(&q, 2, 0)->type, WEIR_T_INT64);
    assert_int_equal(cell(&q, 2, 0)->as.i, 2);
    assert_int_equal(cell(&q, 2, 1)->type, WEIR_T_BLOB);
    assert_int_equal(cell(&q, 3, 0)->type, WEIR_T_NULL);
    assert_int_equal(cell(&q, 3, 1)->type, WEIR_T_INT64);
    assert_text(cell(&q, 4, 0), "true", 4);
    assert_int_equal(cell(&q, 4, 1)->type, WEIR_T_JSON);
    assert_int_equal(q.cursor.base.bytes, 8 + 2 + 8 + 8 + 8 + 8 + 1 + 8 + 8 + 4 + 0 + 8);
    query_end(&q);
    DRIVER->hang_up(link);
}

static void test_columns_that_changed_after_prepare_are_stale(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file), *other = dial(p->file);
    query q;
    run(link, "CREATE TABLE t(a, b)");
    run(link, "INSERT INTO t VALUES (1, 2)");
    query_begin(&q, link, "SELECT * FROM t", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    run(other, "ALTER TABLE t ADD COLUMN c");
    assert_int_equal(query_open(&q, 0), WEIR_OPERATIONAL);
    assert_true(q.cursor.base.stale);
    assert_int_equal(q.sink.count, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);       /* again, once: now it fits */
    assert_int_equal(query_open(&q, 0), WEIR_OK);
    assert_int_equal(q.cursor.base.column_count, 3);
    query_end(&q);
    query_begin(&q, link, "SELECT * FROM t", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    run(other, "ALTER TABLE t RENAME COLUMN a TO z");
    assert_int_equal(query_open(&q, 0), WEIR_OPERATIONAL);
    assert_true(q.cursor.base.stale);
    query_end(&q);
    query_begin(&q, link, "SELECT b FROM t", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    run(other, "CREATE TABLE unrelated(a)");            /* prepared anew by SQLite, with the same columns */
    assert_int_equal(query_open(&q, 0), WEIR_OK);
    assert_int_equal(cell(&q, 0, 0)->as.i, 2);
    query_end(&q);
    DRIVER->hang_up(other);
    DRIVER->hang_up(link);
}

/* ---- statements -------------------------------------------------------------------------------------------------------------- */
static void test_a_second_statement_is_refused_and_comments_are_not(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    query q;
    assert_int_equal(failing(link, "SELECT 1; SELECT 2", NULL, 0), WEIR_INVALID_REQUEST);
    assert_int_equal(failing(link, "SELECT 1; nonsense", NULL, 0), WEIR_INVALID_REQUEST);
    assert_int_equal(failing(link, " -- nothing", NULL, 0), WEIR_INVALID_REQUEST);
    query_all(&q, link, "SELECT 1;\n -- the end;\n /* really */ ;");
    query_end(&q);
    DRIVER->hang_up(link);
}

static void test_row_counts(void **state)
{
    (void)state;
    static const struct { const char *sql; int64_t count; bool returns_rows; } rows[] = {
        { "CREATE TABLE t(a INTEGER PRIMARY KEY, b)", 0, false },
        { "INSERT INTO t VALUES (1, 1), (2, 1), (3, 1)", 3, false },
        { "CREATE TABLE u(a)", 0, false },
        { "UPDATE t SET b = 1 WHERE a < 3", 2, false },          /* matched, though nothing changes */
        { "UPDATE t SET b = 5 WHERE a > 30", 0, false },
        { "SELECT * FROM t", -1, true },
        { "INSERT INTO t VALUES (4, 1) RETURNING a", 1, true },
        { "WITH x AS (SELECT 9 AS a) INSERT INTO t SELECT a, a FROM x", 1, false },
        { "PRAGMA user_version", -1, true },
        { "PRAGMA user_version = 4", 0, false },
        { "DELETE FROM t", 5, false },
        { "DROP TABLE t", 0, false },
    };
    weir_link *link = dial(":memory:");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        query q;
        query_all(&q, link, rows[i].sql);
        if (q.cursor.base.row_count != rows[i].count || q.cursor.base.returns_rows != rows[i].returns_rows)
            fail_msg("%s: %lld rows", rows[i].sql, (long long)q.cursor.base.row_count);
        assert_true(q.cursor.base.ended);
        query_end(&q);
    }
    DRIVER->hang_up(link);
}

static void test_parameters_of_all_types(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    static const uint8_t id[16] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8 };
    weir_uuid uuid;
    memcpy(uuid.bytes, id, sizeof id);
    const struct { weir_value value; const char *class, *text; } rows[] = {
        { weir_value_null(), "null", NULL },
        { weir_value_bool(true), "integer", "1" },
        { weir_value_int(INT64_MIN), "integer", "-9223372036854775808" },
        { weir_value_double(2.5), "real", "2.5" },
        { weir_value_double(-INFINITY), "real", "-Inf" },
        { weir_value_cstr("it's"), "text", "it's" },
        { weir_value_text((weir_text){ "", 0 }), "text", "" },
        { weir_value_text((weir_text){ NULL, 0 }), "null", NULL },
        { weir_value_blob((weir_blob){ "", 0 }), "blob", "" },
        { weir_value_blob((weir_blob){ "ab", 2 }), "blob", "ab" },
        { weir_value_numeric((weir_numeric){ "12.50", 5 }), "text", "12.50" },
        { weir_value_date((weir_date){ 19844 }), "text", "2024-05-01" },
        { weir_value_time((weir_time){ 45000250000 }), "text", "12:30:00.25" },
        { weir_value_timestamp((weir_timestamp){ INT64_C(1714566600000000) }), "text", "2024-05-01 12:30:00" },
        { weir_value_timestamptz((weir_timestamptz){ INT64_C(1714566600000000) }), "text", "2024-05-01 12:30:00Z" },
        { weir_value_interval((weir_interval){ 1000000, 3, 14 }), "text", "P1Y2M3DT1S" },
        { weir_value_uuid(uuid), "text", "12345678-9abc-def0-0102-030405060708" },
        { { WEIR_T_JSON, .as.text = { "{}", 2 } }, "text", "{}" },
        { { WEIR_T_INET, .as.text = { "10.0.0.1", 8 } }, "text", "10.0.0.1" },
        { { WEIR_T_ENUM, .as.text = { "paid", 4 } }, "text", "paid" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        query q;
        assert_int_equal(query_run(&q, link, "SELECT typeof(?1), CAST(?1 AS TEXT)", &rows[i].value, 1), WEIR_OK);
        assert_text(cell(&q, 0, 0), rows[i].class, strlen(rows[i].class));
        if (rows[i].text)
            assert_text(cell(&q, 0, 1), rows[i].text, strlen(rows[i].text));
        query_end(&q);
    }
    DRIVER->hang_up(link);
}

static void test_parameters_that_sqlite_cannot_hold(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    weir_array array = { .element_type = WEIR_T_INT64 };
    weir_value bad[] = { weir_value_array(&array), weir_value_double(NAN) };
    assert_int_equal(failing(link, "SELECT ?1", &bad[0], 1), WEIR_DATA);
    assert_non_null(strstr(link->error.message, "'p1'"));
    assert_non_null(strstr(link->error.message, "array"));
    assert_int_equal(failing(link, "SELECT ?1", &bad[1], 1), WEIR_DATA);
    assert_non_null(strstr(link->error.message, "NaN"));

    sqlite3_limit(((weir_lite_link *)link)->db, SQLITE_LIMIT_VARIABLE_NUMBER, 3);
    weir_value four[4] = { 0 };
    assert_int_equal(failing(link, "SELECT ?1, ?2, ?3, ?4", four, 4), WEIR_OPERATIONAL);
    assert_string_equal(link->error.message, "too many parameters: this SQLite takes 3 in a statement, not 4");

    sqlite3_limit(((weir_lite_link *)link)->db, SQLITE_LIMIT_LENGTH, 100);
    char wide[200];
    memset(wide, 'x', sizeof wide);
    weir_value text = weir_value_text((weir_text){ wide, sizeof wide });
    assert_int_equal(failing(link, "SELECT ?1", &text, 1), WEIR_DATA);
    assert_non_null(strstr(link->error.message, "'p1'"));
    DRIVER->hang_up(link);
}

/* ---- transactions ------------------------------------------------------------------------------------------------------------- */
typedef struct heard { char text[256]; } heard;
static void hear(void *context, const char *what, int64_t rows)
{
    heard *h = context;
    snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "%s(%d) ", what, (int)rows);
}

static void test_begin_travels_with_the_next_operation(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    heard h = { "" };
    char buffer[64];
    query q;
    run(link, "CREATE TABLE t(a)");
    link->listener = (weir_link_listener){ .round_trip = hear, .context = &h };
    assert_int_equal(link->transaction, WEIR_LINK_IDLE);
    assert_int_equal(DRIVER->begin(link, DRIVER->begin_text(WEIR_SERIALIZABLE, false, buffer, sizeof buffer)), WEIR_OK);
    assert_int_equal(link->transaction, WEIR_LINK_IDLE);
    query_all(&q, link, "INSERT INTO t VALUES (1)");
    query_end(&q);
    assert_int_equal(link->transaction, WEIR_LINK_IN_TRANSACTION);
    run(link, "ROLLBACK");
    assert_int_equal(link->transaction, WEIR_LINK_IDLE);
    assert_string_equal(h.text, "begin(0) open(0) command(0) ");
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 0);

    assert_int_equal(DRIVER->begin(link, "BEGIN"), WEIR_OK);
    run(link, "SAVEPOINT s");
    run(link, "INSERT INTO t VALUES (1)");
    run(link, "ROLLBACK TO s");
    assert_int_equal(link->transaction, WEIR_LINK_IN_TRANSACTION);
    run(link, "COMMIT");
    assert_int_equal(link->transaction, WEIR_LINK_IDLE);
    assert_int_equal(command(link, "COMMIT"), WEIR_OPERATIONAL);
    run(link, "ROLLBACK");                              /* nothing to roll back is no failure: SQLite may have done it itself */
    DRIVER->hang_up(link);
}

static void test_read_only_transactions_and_links(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file);
    char buffer[64];
    run(link, "CREATE TABLE t(a)");
    assert_int_equal(DRIVER->begin(link, DRIVER->begin_text(WEIR_ISOLATION_DEFAULT, true, buffer, sizeof buffer)), WEIR_OK);
    assert_int_equal(failing(link, "INSERT INTO t VALUES (1)", NULL, 0), WEIR_OPERATIONAL);
    assert_int_equal(link->transaction, WEIR_LINK_IN_TRANSACTION);
    run(link, "COMMIT");
    run(link, "INSERT INTO t VALUES (1)");              /* only that transaction was */
    DRIVER->hang_up(link);

    weir_dial_plan plan = plan_for(p->file, NULL, NULL);
    weir_error error;
    plan.read_only = true;
    assert_int_equal(dial_plan(&plan, &link, &error), WEIR_OK);
    assert_int_equal(DRIVER->begin(link, DRIVER->begin_text(WEIR_ISOLATION_DEFAULT, true, buffer, sizeof buffer)), WEIR_OK);
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 1);
    run(link, "ROLLBACK");
    assert_int_equal(command(link, "DELETE FROM t"), WEIR_OPERATIONAL);     /* the link is so for good */
    DRIVER->hang_up(link);
}

static void test_forget_frees_without_a_word(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    query q;
    query_begin(&q, link, "SELECT 1 UNION ALL SELECT 2", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    assert_int_equal(query_open(&q, 1), WEIR_OK);
    DRIVER->forget(link, &q.cursor.base);
    assert_false(q.cursor.base.open);
    assert_null(sqlite3_next_stmt(((weir_lite_link *)link)->db, NULL));
    query_end(&q);
    assert_int_equal(drive(link, DRIVER->ping(link)), WEIR_OK);
    assert_int_equal(drive(link, DRIVER->listen(link, 0)), WEIR_OK);
    assert_null(DRIVER->read_ahead);
    DRIVER->hang_up(link);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        HERE(test_cells_carry_the_storage_class),
        HERE(test_extremes_and_empty_values),
        HERE(test_batches_stop_at_exactly_n_rows),
        HERE(test_an_empty_result_ends_at_once),
        HERE(test_close_in_mid_stream_is_safe_to_repeat_and_frees_the_table),
        HERE(test_utf16_databases_give_utf8),
        HERE(test_a_big_blob_and_many_columns),
        HERE(test_declared_types),
        HERE(test_columns_are_described),
        HERE(test_declared_booleans_and_json),
        HERE(test_columns_that_changed_after_prepare_are_stale),
        HERE(test_a_second_statement_is_refused_and_comments_are_not),
        HERE(test_row_counts),
        HERE(test_parameters_of_all_types),
        HERE(test_parameters_that_sqlite_cannot_hold),
        HERE(test_begin_travels_with_the_next_operation),
        HERE(test_read_only_transactions_and_links),
        HERE(test_forget_frees_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
