/* Each of PostgreSQL's types through COPY, through arrays of many parameter sets, and one by one: what was written is what was meant. */
#include "support.h"
#include "type_samples.h"
#include <stdio.h>
#include <string.h>

struct thing { int64_t id; const char *x; };
WEIR_ENTITY(thing, "things", WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, x));

static void make_table(test_database *db, const struct sample *sample)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS things; CREATE TABLE things (id bigint PRIMARY KEY, x %s)", sample->type);
    test_side_run(db, sql);
}

/* Of `rows` rows those with even numbers are the sample, the others NULL. */
static void check_table(test_database *db, const struct sample *sample, int rows, const char *how)
{
    char sql[2048], literal[1024];
    size_t used = 0;
    for (const char *at = sample->literal; *at && used + 2 < sizeof literal; at++) {
        if (*at == '\'')
            literal[used++] = '\'';
        literal[used++] = *at;
    }
    literal[used] = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM things WHERE CASE WHEN id %% 2 = 1 THEN x IS NULL ELSE x::text = ('%s'::%s)::text END",
             literal, sample->type);
    int64_t good = test_side_int(db, sql);
    if (good != rows)
        fail_msg("%s '%s' by %s: %lld of %d rows are right", sample->type, sample->literal, how, (long long)good, rows);
}

static weir_value value_of(const struct sample *sample, int i, bool text)
{
    if (i % 2 == 1)
        return weir_value_null();
    return text ? weir_value_cstr(sample->literal) : sample->value;
}

/* Whether the server took it; a text that we cannot read is refused, never changed. */
static bool copy_sample(test_database *db, weir_connection *connection, const struct sample *sample, bool text)
{
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.table = "things"));
    assert_error(weir_copy_error(copy), WEIR_OK);
    for (int i = 0; i < 5; i++) {
        weir_value row[] = { WEIR_VALUE(i), value_of(sample, i, text) };
        int status = weir_copy_values(copy, row, 2);
        if (status != WEIR_OK && !text)
            fail_msg("%s '%s': %s", sample->type, sample->literal, weir_copy_error(copy)->message);
        if (status != WEIR_OK) {
            assert_status(status, WEIR_DATA);
            weir_copy_abort(&copy);
            return false;
        }
    }
    int64_t rows = weir_copy_finish(&copy);
    if (rows != 5)
        fail_msg("%s '%s': %s", sample->type, sample->literal, weir_connection_error(connection)->message);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    check_table(db, sample, 5, text ? "COPY of text" : "COPY");
    return true;
}

static void test_types_by_copy(void **state)
{
    test_database *db = *state;
    weir_connection *connection = connect_with_types(db);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    for (size_t i = 0; i < SAMPLES; i++) {
        make_table(db, &samples[i]);
        copy_sample(db, connection, &samples[i], false);
    }
    close_connection_ok(&connection);
}

/* What stays out, of texts: those of types whose text only the server reads. */
static void test_texts_by_copy(void **state)
{
    test_database *db = *state;
    int refused = 0;
    weir_connection *connection = connect_with_types(db);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    for (size_t i = 0; i < SAMPLES; i++) {
        make_table(db, &samples[i]);
        if (!copy_sample(db, connection, &samples[i], true))
            refused++;
    }
    assert_true(refused < 40);
    close_connection_ok(&connection);
}

/* What the column would round is refused, by both formats of COPY, and the COPY goes on. */
static void test_nothing_is_rounded_by_copy(void **state)
{
    test_database *db = *state;
    LIST(cents, NUMERIC, STRING(NUMERIC, "1.50"), NONE, STRING(NUMERIC, "-7"));
    LIST(mills, NUMERIC, STRING(NUMERIC, "1.5"), STRING(NUMERIC, "1.005"));
    LIST(moments, TIMESTAMP, TIMESTAMP(1000000), TIMESTAMP(1500000));
    static const struct { const char *column; weir_value value; bool fits; } cases[] = {
        { "n numeric(6,2)", STRING(NUMERIC, "1.500"), true }, { "n numeric(6,2)", STRING(NUMERIC, "1.005"), false },
        { "n numeric(6,2)", STRING(TEXT, "1.005"), false }, { "n numeric(6,2)", FLOATING(DOUBLE, 0.125), false },
        { "n numeric(6,2)", FLOATING(DOUBLE, 19.99), true }, { "n numeric(6,2)", FLOATING(DOUBLE, NAN), true }, { "n numeric(6,2)", INT(64, 7), true },
        { "n numeric", STRING(NUMERIC, "1.005"), true }, { "n numeric(6,2)", INT(64, 0), true }, { "n timestamp(0)", TIMESTAMP(1500000), false }, { "n timestamp(0)", TIMESTAMP(1000000), true },
        { "n timestamp(0)", STRING(TEXT, "2020-01-01 00:00:00.1"), false }, { "n timestamptz(3)", TIMESTAMPTZ(WEIR_TIMESTAMP_INFINITY), true },
        { "n time(3)", TIME(1234), false }, { "n timetz(3)", TIMETZ(1000, 0), true }, { "n timestamp", TIMESTAMP(1), true },
        { "n interval(0)", INTERVAL(0, 0, 1500000), false }, { "n interval(0)", INTERVAL(4, 3, 2000000), true }, { "n interval", INTERVAL(0, 0, 1), true },
        { "n interval(3)", STRING(TEXT, "PT0.0001S"), false }, { "n interval day to minute", INTERVAL(0, 0, 90000000), false },
        { "n interval day to minute", INTERVAL(1, 5, 120000000), true }, { "n interval hour", INTERVAL(0, 0, 60000000), false },
        { "n interval day", INTERVAL(0, 1, 1), false }, { "n interval year to month", INTERVAL(13, 1, 0), false }, { "n interval year to month", INTERVAL(13, 0, 0), true },
        { "n interval year", INTERVAL(13, 0, 0), false }, { "n interval year", INTERVAL(24, 0, 0), true },
        { "n interval hour to second(2)", INTERVAL(0, 0, 1001000), false }, { "n interval hour to second(2)", INTERVAL(1, 7, 1010000), true },
        { "n numeric(6,2)[]", ARRAY(cents), true }, { "n numeric(6,2)[]", ARRAY(mills), false }, { "n numeric[]", ARRAY(mills), true },
        { "n timestamp(0)[]", ARRAY(moments), false }, { "n timestamp(1)[]", ARRAY(moments), true },
    };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        char sql[256];
        bool as_text = i % 2;           /* a range has no bytes of weir's */
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS things; CREATE TABLE things (%s%s)", cases[i / 2].column, as_text ? ", r int4range" : "");
        test_side_run(db, sql);
        weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.table = "things"));
        weir_value row[] = { cases[i / 2].value, NONE };
        int status = weir_copy_values(copy, row, 1 + as_text);
        if ((status == WEIR_OK) != cases[i / 2].fits)
            fail_msg("%s, case %zu: %s", cases[i / 2].column, i / 2, weir_copy_error(copy)->message);
        if (!cases[i / 2].fits)
            assert_contains(weir_copy_error(copy)->message, "would be rounded by a column of type");
        assert_int_equal(weir_copy_finish(&copy), cases[i / 2].fits);
        assert_status(weir_connection_commit(connection), WEIR_OK);
    }
    close_connection_ok(&connection);
}

static void write_dicts(test_database *db, weir_connection *connection, const struct sample *sample, int count, const char *how)
{
    weir_entry entries[6][2];
    weir_dict dicts[6];
    for (int i = 0; i < count; i++) {
        entries[i][0] = (weir_entry){ "id", WEIR_VALUE(i) };
        entries[i][1] = (weir_entry){ "x", value_of(sample, i, false) };
        dicts[i] = (weir_dict){ entries[i], 2 };
    }
    weir_stmt *insert = weir_insert(&thing_entity), *update = weir_update(&thing_entity);
    if (weir_connection_execute_dicts(connection, insert, dicts, (size_t)count, NULL) != count)
        fail_msg("%s '%s' by %s: %s", sample->type, sample->literal, how, weir_connection_error(connection)->message);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    check_table(db, sample, count, how);
    test_side_run(db, "UPDATE things SET x = NULL");
    if (weir_connection_execute_dicts(connection, update, dicts, (size_t)count, NULL) != count)
        fail_msg("%s '%s' by %s: %s", sample->type, sample->literal, how, weir_connection_error(connection)->message);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    check_table(db, sample, count, how);
    weir_stmt_free(&insert);
    weir_stmt_free(&update);
}

static void test_types_by_sets(void **state)
{
    test_database *db = *state;
    for (size_t i = 0; i < SAMPLES; i++) {
        weir_connection *connection = i ? weir_engine_connect(db->engine) : connect_with_types(db);
        if (i)
            run_ok(connection, "SET lc_monetary = 'C'");
        assert_status(weir_connection_commit(connection), WEIR_OK);
        /* Another connection changes the table all the time: what was prepared for the one before is of no use. */
        assert_status(weir_connection_options(connection, WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF)), WEIR_OK);
        make_table(db, &samples[i]);
        write_dicts(db, connection, &samples[i], 6, "many sets");
        make_table(db, &samples[i]);
        write_dicts(db, connection, &samples[i], 1, "one set");
        close_connection_ok(&connection);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_types_by_copy),
        ON_POSTGRESQL(test_texts_by_copy),
        ON_POSTGRESQL(test_nothing_is_rounded_by_copy),
        ON_POSTGRESQL(test_types_by_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
