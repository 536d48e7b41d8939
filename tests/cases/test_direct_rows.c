/* Rows that go straight into instances, and the rows among them that cannot: values of all kinds, at every batch size, and what
 * happens to instances that are in the session already. */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 200 };
typedef enum { SHADE_LIGHT, SHADE_DARK } shade_of;
static const char *const shade_names[] = { "light", "dark" };
struct thing { int16_t small; int32_t n; int64_t id, wide; weir_text text; const char *chars; char fixed[8]; int shade; weir_opt_int64 maybe;
               double real; bool flag; int64_t unmapped; };
WEIR_ENTITY(thing, "things",
    WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, small), WEIR_COLUMN(thing, n), WEIR_COLUMN(thing, wide),
    WEIR_COLUMN(thing, text), WEIR_COLUMN(thing, chars), WEIR_COLUMN(thing, fixed), WEIR_ENUM_COLUMN(thing, shade, shade_names),
    WEIR_COLUMN(thing, maybe), WEIR_COLUMN(thing, real), WEIR_COLUMN(thing, flag));
struct word { weir_text text; int64_t id; };
WEIR_ENTITY(word, "words", WEIR_COLUMN(word, text, .primary_key = true), WEIR_COLUMN(word, id));
struct keyed { int64_t maybe, id; };
WEIR_ENTITY(keyed, "things", WEIR_COLUMN(keyed, maybe, .primary_key = true), WEIR_COLUMN(keyed, id));
struct strict { int64_t id, maybe; };
WEIR_ENTITY(strict, "things", WEIR_COLUMN(strict, id, .primary_key = true), WEIR_COLUMN(strict, maybe));

/* Every length around the words that short texts are copied by, some of them not ASCII, some NULL. */
static const char *text_of(int i, char *buffer)
{
    if (i % 11 == 0)
        return NULL;
    memset(buffer, 'a' + i % 26, 40);
    buffer[i % 35] = 0;
    if (i % 7 == 0)
        strcat(buffer, "\303\251");         /* e with an acute accent */
    if (i % 14 == 0)
        strcat(buffer, "z");
    return buffer;
}

static void make_things(test_database *db)
{
    static char sql[ROWS * 240];
    char text[64];
    test_side_run(db, "CREATE TABLE things(id bigint PRIMARY KEY, small smallint NOT NULL, n integer NOT NULL, wide integer NOT NULL, "
                      "text text, chars varchar(60), fixed text NOT NULL, shade text NOT NULL, maybe bigint, real double precision NOT NULL, "
                      "flag boolean NOT NULL)");
    int at = snprintf(sql, sizeof sql, "INSERT INTO things VALUES ");
    for (int i = 1; i <= ROWS; i++) {
        const char *value = text_of(i, text), *quote = value ? "'" : "";
        char maybe[32] = "NULL";
        if (i % 5)
            snprintf(maybe, sizeof maybe, "%lld", i * 10000000000LL);
        at += snprintf(sql + at, sizeof sql - (size_t)at, "%s(%d, %d, %d, %d, %s%s%s, %s%s%s, 'f%d', '%s', %s, %d.5, %s)", i > 1 ? ", " : "", i,
                       -i, i * 1000000, -i * 1000, quote, value ? value : "NULL", quote, quote, value ? value : "NULL", quote, i,
                       shade_names[i % 2], maybe, i, i % 3 ? "true" : "false");
    }
    test_side_run(db, sql);
}

static void assert_thing(const struct thing *thing, int i)
{
    char text[64];
    const char *value = text_of(i, text);
    size_t length = value ? strlen(value) : 0;
    assert_int_equal(thing->id, i);
    assert_int_equal(thing->small, -i);
    assert_int_equal(thing->n, i * 1000000);
    assert_int_equal(thing->wide, -i * 1000);
    assert_int_equal(thing->text.ptr != NULL, value != NULL);
    assert_int_equal(thing->text.len, length);
    assert_int_equal(thing->chars != NULL, value != NULL);
    if (value) {
        assert_memory_equal(thing->text.ptr, value, length + 1);
        assert_string_equal(thing->chars, value);
    }
    assert_int_equal(atoi(thing->fixed + 1), i);
    assert_int_equal(thing->shade, i % 2);
    assert_int_equal(thing->maybe.present, i % 5 != 0);
    if (i % 5)
        assert_int_equal(thing->maybe.value, i * 10000000000LL);
    assert_true(thing->real == i + 0.5);
    assert_int_equal(thing->flag, i % 3 != 0);
    assert_int_equal(thing->unmapped, 0);
}

static weir_result *things(weir_session *session, int64_t yield_per, bool populate)
{
    weir_stmt *stmt = weir_select(&thing_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(thing, id)));
    if (yield_per)
        weir_yield_per(stmt, yield_per);
    if (populate)
        weir_populate_existing(stmt, WEIR_ON);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static void test_all_values_arrive_at_every_batch_size(void **state)
{
    test_database *db = *state;
    make_things(db);
    static const int64_t sizes[] = { 0, 1, 7, ROWS - 1, ROWS, ROWS + 1 };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        weir_session *session = weir_session_open(db->engine);
        weir_result *result = things(session, sizes[k], false);
        int i = 0;
        for (struct thing *thing; (thing = WEIR_NEXT(thing, result)) != NULL;) {
            thing->unmapped = 0;
            assert_thing(thing, ++i);
            thing->unmapped = -1;           /* the next one in this slot must not see it */
        }
        assert_int_equal(i, ROWS);
        close_result_ok(&result);
        assert_status(weir_session_close(&session), WEIR_OK);
    }
}

static void test_members_without_a_column_are_zero(void **state)
{
    test_database *db = *state;
    make_things(db);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = things(session, 3, false);
    for (struct thing *thing; (thing = WEIR_NEXT(thing, result)) != NULL; memset(&thing->unmapped, 0xEE, sizeof thing->unmapped))
        assert_int_equal(thing->unmapped, 0);
    close_result_ok(&result);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_rows_and_partitions_have_the_instances(void **state)
{
    test_database *db = *state;
    make_things(db);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = things(session, 7, false);
    const weir_row *row = weir_result_next(result);
    assert_thing(WEIR_ROW(thing, row), 1);
    assert_int_equal(weir_result_column_count(result), 1);
    const weir_partition *partition = weir_result_next_partition(result, 20);      /* three batches */
    assert_int_equal(partition->count, 20);
    for (int i = 0; i < 20; i++) {
        assert_thing(partition->instances[i], i + 2);
        assert_ptr_equal(WEIR_ROW(thing, partition->rows[i]), partition->instances[i]);
    }
    struct thing *kept = weir_retain(partition->instances[3]);
    while (weir_result_next(result))
        assert_true(weir_session_count(session) <= 8);
    assert_thing(kept, 5);
    weir_release(kept);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void assert_held(const weir_result *result, int read)
{
    weir_result_figures figures;
    weir_result_info(result, &figures);
    assert_int_equal(figures.rows, read);
    assert_int_equal(figures.batches, (read + 6) / 7);
    assert_int_equal(figures.rows_held, read <= ROWS / 7 * 7 ? (7 - read % 7) % 7 : ROWS - read);
}

/* The window of instances, of rows and of partitions is one: what was read one way does not come the other. */
static void test_rows_are_made_of_the_instances_that_are_left(void **state)
{
    test_database *db = *state;
    make_things(db);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = things(session, 7, false);
    for (int i = 0; i < ROWS;) {
        assert_thing(WEIR_NEXT(thing, result), ++i);
        assert_held(result, i);
        const weir_row *row = weir_result_next(result);
        assert_thing(WEIR_ROW(thing, row), ++i);
        assert_held(result, i);
        const weir_partition *partition = weir_result_next_partition(result, 3);
        for (int k = 0; k < 3; k++)
            assert_thing(partition->instances[k], ++i);
        assert_held(result, i);
    }
    assert_null(WEIR_NEXT(thing, result));
    assert_null(weir_result_next(result));
    close_result_ok(&result);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* Each fifth row has no key, and so no instance; it is a row all the same, in its place. */
static void test_rows_without_an_instance_keep_their_place(void **state)
{
    test_database *db = *state;
    make_things(db);
    static const int64_t sizes[] = { 0, 1, 7, 20, ROWS };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select(&keyed_entity);
        weir_order_by(stmt, WEIR_ASC(WEIR_COL(keyed, id)));
        if (sizes[k])
            weir_yield_per(stmt, sizes[k]);
        weir_result *result = weir_session_execute(session, stmt);
        weir_stmt_free(&stmt);
        int i = 0;
        for (const weir_row *row; (row = weir_result_next(result)) != NULL;) {
            const struct keyed *keyed = WEIR_ROW(keyed, row);
            assert_int_equal(keyed == NULL, ++i % 5 == 0);
            if (keyed)
                assert_int_equal(keyed->id, i);
        }
        assert_int_equal(i, ROWS);
        close_result_ok(&result);
        assert_status(weir_session_close(&session), WEIR_OK);
    }
}

/* Row 50 cannot be an instance: those before come, the error names it, and nothing stays behind. */
static void test_a_row_that_fits_no_struct_is_named(void **state)
{
    test_database *db = *state;
    make_things(db);
    test_side_run(db, "UPDATE things SET maybe = 1 WHERE id <> 50; UPDATE things SET maybe = NULL WHERE id = 50");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&strict_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(strict, id)));
    weir_yield_per(stmt, 7);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    int count = 0;
    for (struct strict *strict; (strict = WEIR_NEXT(strict, result)) != NULL; count++)
        assert_int_equal(strict->maybe, 1);
    assert_int_equal(count, 49);
    assert_error(weir_result_error(result), WEIR_DATA);
    assert_string_equal(weir_result_error(result)->message, "strict.maybe in row 50: NULL, and the member's type has none");
    assert_string_equal(weir_result_error(result)->column, "maybe");
    assert_int_equal(weir_result_error(result)->row, 50);
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_int_equal(weir_session_count(session), 0);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_an_error_in_mid_batch_leaves_no_instances(void **state)
{
    test_database *db = *state;
    make_things(db);
    test_side_run(db, "ALTER TABLE things RENAME TO all_things; "
                      "CREATE VIEW things AS SELECT id, 10 / (60 - id) AS maybe FROM all_things");
    weir_session *session = weir_session_open(db->engine);
    run_ok(weir_session_connection(session), "SET enable_sort = off");  /* rows are computed as they are fetched */
    weir_stmt *stmt = weir_select(&strict_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(strict, id)));
    weir_yield_per(stmt, 50);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    int count = 0;
    while (WEIR_NEXT(strict, result))
        count++;
    assert_int_equal(count, 50);
    assert_string_equal(weir_result_error(result)->sqlstate, "22012");
    assert_true(weir_result_close(&result) < 0);
    assert_int_equal(weir_session_count(session), 0);
    assert_status(weir_session_rollback(session), WEIR_OK);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_instances_of_the_session_stay_as_they_are_unless_asked(void **state)
{
    test_database *db = *state;
    make_things(db);
    weir_session *session = weir_session_open(db->engine);
    struct thing *held = weir_retain(WEIR_GET(thing, session, INT64_C(10))), *expired = weir_retain(WEIR_GET(thing, session, INT64_C(12)));
    held->wide = expired->wide = 77;
    assert_status(weir_session_expire(session, expired), WEIR_OK);
    weir_result *result = things(session, 7, false);
    int i = 0;
    for (struct thing *thing; (thing = WEIR_NEXT(thing, result)) != NULL;) {
        i++;
        assert_int_equal(thing->wide, i == 10 ? 77 : -i * 1000);
        assert_int_equal(thing == held, i == 10);
        assert_int_equal(thing == expired, i == 12);
    }
    assert_int_equal(i, ROWS);
    close_result_ok(&result);
    result = things(session, 7, true);
    for (i = 0; WEIR_NEXT(thing, result) != NULL;)
        i++;
    assert_int_equal(i, ROWS);
    assert_thing(held, 10);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 2);
    weir_release(held);
    weir_release(expired);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_keys_of_text(void **state)
{
    test_database *db = *state;
    char sql[200];
    test_side_run(db, "CREATE TABLE words(text text, id bigint NOT NULL)");
    for (int i = 1; i <= 60; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO words VALUES ('w%d', %d)", i % 20, i);
        test_side_run(db, sql);
    }
    test_side_run(db, "INSERT INTO words VALUES (NULL, 61)");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&word_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(word, id)));
    weir_yield_per(stmt, 100);
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    int i = 0;
    for (struct word *word; (word = WEIR_NEXT(word, result)) != NULL;) {
        i++;
        assert_int_equal(atoi(word->text.ptr + 1), i % 20);
        assert_int_equal(word->id, (i - 1) % 20 + 1);   /* the first row of each key made it */
        assert_int_equal(weir_session_count(session), 20);
    }
    assert_int_equal(i, 60);
    assert_error(weir_result_error(result), WEIR_INVALID_REQUEST);      /* the key of the last is NULL */
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_text_that_is_no_utf8_is_named(void **state)
{
    test_database *db = *state;
    make_things(db);
    for (int length = 1; length <= 20; length++) {
        char sql[240];
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS words; CREATE TABLE words(text text, id bigint NOT NULL); "
                                  "INSERT INTO words VALUES ('fine', 1), (CAST(substr(x'%s', 1, %d) || x'ff' AS TEXT), 2)",
                 "6161616161616161616161616161616161616161", length - 1);
        test_side_run(db, sql);
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = weir_select(&word_entity);
        weir_order_by(stmt, WEIR_ASC(WEIR_COL(word, id)));
        weir_yield_per(stmt, 1);
        weir_result *result = weir_session_scalars(session, stmt);
        weir_stmt_free(&stmt);
        assert_non_null(WEIR_NEXT(word, result));
        assert_null(WEIR_NEXT(word, result));
        assert_contains(weir_result_error(result)->message, "word.text in row 2");
        assert_contains(weir_result_error(result)->message, "is not UTF-8");
        assert_status(weir_result_close(&result), WEIR_DATA);
        assert_status(weir_session_close(&session), WEIR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_all_values_arrive_at_every_batch_size),
        ON_BOTH(test_members_without_a_column_are_zero),
        ON_BOTH(test_rows_and_partitions_have_the_instances),
        ON_BOTH(test_rows_are_made_of_the_instances_that_are_left),
        ON_BOTH(test_rows_without_an_instance_keep_their_place),
        ON_BOTH(test_a_row_that_fits_no_struct_is_named),
        ON_POSTGRESQL(test_an_error_in_mid_batch_leaves_no_instances),
        ON_BOTH(test_instances_of_the_session_stay_as_they_are_unless_asked),
        ON_BOTH(test_keys_of_text),
        ON_SQLITE(test_text_that_is_no_utf8_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
