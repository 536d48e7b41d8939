/* Statements as objects: values, declared columns, copies, closing; and what they do when memory ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sql/text.h"

static const weir_dialect *const postgresql = &weir_dialect_postgresql, *const sqlite = &weir_dialect_sqlite;

/* ---- an allocator that can run out ---- */

static bool counting;
static long allocations_left;

static bool may_allocate(void) { return !counting || allocations_left-- > 0; }
static void *take(size_t size, void *context) { (void)context; return may_allocate() ? malloc(size) : NULL; }
static void *resize(void *block, size_t size, void *context) { (void)context; return may_allocate() ? realloc(block, size) : NULL; }
static void release(void *block, void *context) { (void)context; free(block); }

static size_t bytes_held(void)
{
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    return figures.bytes;
}

static weir_arena arena;
static weir_error error;
static weir_compiled compiled;

static int make_arena(void **state)
{
    (void)state;
    weir_arena_init(&arena, NULL, WEIR_MEMORY_STATEMENTS, 256);
    memset(&error, 0, sizeof error);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    weir_arena_free(&arena);
    return bytes_held() == 0 ? 0 : -1;      /* each test gives back all that weir took */
}

static void assert_kept(const weir_stmt *stmt, int status, const char *message)
{
    assert_int_equal(weir_stmt_error(stmt)->status, status);
    if (!strstr(weir_stmt_error(stmt)->message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, weir_stmt_error(stmt)->message);
    assert_int_equal(weir_stmt_compile(stmt, sqlite, &arena, &compiled, &error), status);
    assert_string_equal(error.message, weir_stmt_error(stmt)->message);
}

/* ---- parameters and values ---- */

static void test_names_are_listed_by_first_appearance(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_sql("SELECT :b, :a, :b, ':c', [:d], $$:e$$, :f");
    static const char *const expected[] = { "b", "a", "d", "e", "f" };      /* d, e: on one of the dialects */
    assert_int_equal(weir_stmt_parameter_count(stmt), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(weir_stmt_parameter_name(stmt, i), expected[i]);
    assert_null(weir_stmt_parameter_name(stmt, 5));
    weir_stmt_free(&stmt);
}

static void test_many_names(void **state)
{
    (void)state;
    enum { NAMES = 60000 };
    char *text = malloc(NAMES * 10 + 16), *next = text + sprintf(text, "SELECT 1"), name[16];
    for (int i = 0; i < NAMES; i++)
        next += sprintf(next, ", :p%d", i);
    weir_stmt *stmt = weir_sql(text);
    free(text);
    assert_int_equal(weir_stmt_parameter_count(stmt), NAMES);
    for (int i = 0; i < NAMES; i++) {
        sprintf(name, "p%d", i);
        weir_bind(stmt, name, weir_value_int(i));
    }
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
    assert_int_equal(compiled.values[NAMES - 1].as.i, NAMES - 1);
    assert_string_equal(compiled.names[NAMES - 1], "p59999");
    weir_stmt_free(&stmt);
}

static void test_case_190_missing_value(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_sql("SELECT :y, :x");
    weir_bind(stmt, "y", weir_value_null());
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_INVALID_REQUEST);
    assert_string_equal(error.message, "A value is required for bind parameter 'x'");
    assert_string_equal(error.sql, "SELECT :y, :x");
    assert_int_equal(weir_stmt_error(stmt)->status, WEIR_OK);
    weir_bind(stmt, "x", weir_value_int(1));
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
    weir_stmt_free(&stmt);
}

static void test_case_192_unknown_name_is_kept(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_sql("SELECT :foo");
    weir_bind(stmt, "bar", weir_value_int(1));
    weir_bind(stmt, "foo", weir_value_int(1));
    assert_kept(stmt, WEIR_ARGUMENT, "This text() construct doesn't define a bound parameter named 'bar'");
    weir_stmt_free(&stmt);
    stmt = weir_sql("SELECT 1");
    weir_bind_list(stmt, ":a", NULL, 0);
    assert_kept(stmt, WEIR_ARGUMENT, "named ':a'");
    assert_non_null(strstr(weir_stmt_error(stmt)->hint, "without the sign"));
    weir_stmt_free(&stmt);
}

static void test_case_194_values_are_copied_unchanged(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    char *big = malloc(SIZE);
    memset(big, 'x', SIZE);
    char nasty[] = "'); DROP TABLE orders;--%s %% \\\nline\0behind";
    weir_stmt *stmt = weir_sql("SELECT :nasty, :big, :empty, :null, :lowest, :nan, :blob, :array");
    weir_value items[] = { weir_value_cstr("a"), weir_value_null() };
    int32_t lengths[] = { 2 }, bounds[] = { 1 };
    weir_array array = { WEIR_T_TEXT, 1, lengths, bounds, 2, items };
    WEIR_BIND(stmt, "nasty", ((weir_text){ nasty, sizeof nasty - 1 }));
    WEIR_BIND(stmt, "big", ((weir_text){ big, SIZE }));
    WEIR_BIND(stmt, "empty", "");
    WEIR_BIND(stmt, "null", (const char *)NULL);
    WEIR_BIND(stmt, "lowest", INT64_MIN);
    WEIR_BIND(stmt, "nan", (double)NAN);
    WEIR_BIND(stmt, "blob", ((weir_blob){ "\0\1", 2 }));
    WEIR_BIND(stmt, "array", (const weir_array *)&array);
    memset(nasty, '?', sizeof nasty);
    free(big);
    lengths[0] = 0;
    items[0] = weir_value_null();
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
    weir_stmt_free(&stmt);                                          /* what was compiled outlives it */
    const weir_value *v = compiled.values;
    assert_int_equal(v[0].as.text.len, sizeof nasty - 1);
    assert_memory_equal(v[0].as.text.ptr, "'); DROP TABLE orders;--%s %% \\\nline\0behind", sizeof nasty - 1);
    assert_int_equal(v[1].as.text.len, SIZE);
    assert_int_equal(v[1].as.text.ptr[SIZE - 1], 'x');
    assert_true(v[2].type == WEIR_T_TEXT && v[2].as.text.len == 0 && v[2].as.text.ptr);
    assert_int_equal(v[3].type, WEIR_T_NULL);
    assert_true(v[4].as.i == INT64_MIN);
    assert_true(isnan(v[5].as.d));
    assert_memory_equal(v[6].as.blob.ptr, "\0\1", 2);
    assert_int_equal(v[7].as.array->lengths[0], 2);
    assert_memory_equal(v[7].as.array->items[0].as.text.ptr, "a", 1);
    assert_int_equal(v[7].as.array->items[1].type, WEIR_T_NULL);
}

static void test_null_pointers_are_null_whatever_their_type(void **state)
{
    (void)state;
    static const weir_type types[] = { WEIR_T_TEXT, WEIR_T_NUMERIC, WEIR_T_BLOB, WEIR_T_ARRAY, WEIR_T_JSON, WEIR_T_OTHER };
    weir_stmt *stmt = weir_sql("SELECT :x");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        weir_bind(stmt, "x", (weir_value){ .type = types[i] });
        assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
        assert_int_equal(compiled.values[0].type, WEIR_T_NULL);
    }
    weir_stmt_free(&stmt);
}

static void refused_value(weir_value value, const char *message)
{
    weir_stmt *stmt = weir_sql("SELECT :x");
    weir_bind(stmt, "x", value);
    assert_kept(stmt, WEIR_ARGUMENT, message);
    weir_stmt_free(&stmt);
}

static void test_values_that_are_none_are_refused(void **state)
{
    (void)state;
    weir_value number = weir_value_numeric((weir_numeric){ "1,5", 3 });
    int32_t one = 1;
    weir_array array = { WEIR_T_NUMERIC, 1, &one, &one, 1, &number };
    refused_value(number, "parameter 'x' is no numeric: '1,5'");
    refused_value(weir_value_array(&array), "is no numeric");
    weir_value inner = weir_value_array(&array);
    weir_array outer = { WEIR_T_ARRAY, 1, &one, &one, 1, &inner };
    refused_value(weir_value_array(&outer), "array of arrays");
    refused_value((weir_value){ .type = WEIR_T_COUNT_ }, "unknown type");
    refused_value((weir_value){ .type = (weir_type)-1 }, "unknown type");
    weir_stmt *stmt = weir_sql("SELECT :x");
    weir_bind_list(stmt, "x", NULL, 1);
    assert_kept(stmt, WEIR_ARGUMENT, "without its values");
    weir_stmt_free(&stmt);
    stmt = weir_sql("SELECT :x");
    weir_bind(stmt, NULL, weir_value_null());
    assert_kept(stmt, WEIR_ARGUMENT, "without its name");
    weir_stmt_free(&stmt);
}

static void test_binding_again_replaces_and_does_not_grow(void **state)
{
    (void)state;
    static const char text[] = "a text of some length that needs memory";
    const weir_value list[] = { weir_value_cstr("one"), weir_value_int(2), weir_value_cstr("three") };
    weir_stmt *stmt = weir_sql("SELECT :x, :l");
    size_t settled = 0;
    for (int i = 0; i < 1000000; i++) {
        weir_bind(stmt, "x", weir_value_text((weir_text){ text, (size_t)i % sizeof text }));
        weir_bind_list(stmt, "l", list, (size_t)i % 4);
        if (i == 1000)
            settled = bytes_held();
    }
    assert_int_equal(bytes_held(), settled);
    weir_bind(stmt, "l", weir_value_int(7));
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
    assert_string_equal(compiled.sql, "SELECT $1, $2");
    assert_int_equal(compiled.values[1].as.i, 7);
    weir_stmt_free(&stmt);
}

static void test_a_giant_value_is_given_back_when_replaced(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    char *giant = calloc(1, SIZE);
    weir_stmt *stmt = weir_sql("SELECT :x");
    for (int i = 0; i < 10; i++)
        weir_bind(stmt, "x", weir_value_blob((weir_blob){ giant, SIZE }));
    assert_true(bytes_held() < SIZE + 100000);
    weir_bind(stmt, "x", weir_value_int(1));
    assert_true(bytes_held() < 100000);
    weir_stmt_free(&stmt);
    free(giant);
}

static void test_parameters_are_shown_on_one_line(void **state)
{
    (void)state;
    char shown[512], small[8];
    const weir_value list[] = { weir_value_int(1), weir_value_cstr("b") };
    char wide[100 * 2 + 1] = "";
    for (int i = 0; i < 100; i++)
        strcat(wide, "\xc3\xa9");
    weir_stmt *stmt = weir_sql("SELECT :tenant_id, :ids, :note, :none, :wide, :one");
    WEIR_BIND(stmt, "tenant_id", 42);
    weir_bind_list(stmt, "ids", list, 2);
    WEIR_BIND(stmt, "note", "two\nlines");
    WEIR_BIND(stmt, "none", WEIR_NULL);
    WEIR_BIND(stmt, "wide", (const char *)wide);
    weir_bind_list(stmt, "one", list, 1);
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
    weir_compiled_show_parameters(&compiled, shown, sizeof shown);
    char expected[512] = "tenant_id=42, ids=(1, 'b'), note='two lines', none=NULL, wide='";
    snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%.160s", wide);
    strcat(expected, "...', one=1");
    assert_string_equal(shown, expected);
    for (size_t size = 0; size <= strlen(expected); size++) {       /* cut, but never within a character */
        memset(shown, 1, sizeof shown);
        weir_compiled_show_parameters(&compiled, shown, size);
        assert_int_equal(shown[size], 1);
        size_t length = size ? strlen(shown) : 0;
        assert_memory_equal(shown, expected, length);
        assert_true(((unsigned char)expected[length] & 0xC0) != 0x80);
        assert_true(length + 2 >= size);
    }
    weir_compiled_show_parameters(&(weir_compiled){ 0 }, small, sizeof small);
    assert_string_equal(small, "");
    weir_stmt_free(&stmt);
}

/* ---- texts and declared columns ---- */

static void test_texts_that_are_none(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_sql(NULL);
    assert_kept(stmt, WEIR_ARGUMENT, "NULL");
    weir_stmt_free(&stmt);
    stmt = weir_sql_n("SELECT\0 1", 9);
    assert_kept(stmt, WEIR_ARGUMENT, "NUL byte at offset 6");
    weir_stmt_free(&stmt);
}

static void test_case_193_columns_are_declared(void **state)
{
    (void)state;
    char name[] = "total";
    weir_declared_column columns[] = { { name, WEIR_T_INT64 }, { NULL, WEIR_T_DATE }, { "c", WEIR_T_NULL } };
    weir_stmt *stmt = weir_sql("SELECT 1");
    weir_sql_columns(stmt, columns, 1);
    weir_sql_columns(stmt, columns, 3);
    name[0] = '?';
    weir_stmt *copy = weir_stmt_copy(stmt);
    weir_stmt_free(&stmt);
    assert_int_equal(weir_stmt_compile(copy, sqlite, &arena, &compiled, &error), WEIR_OK);
    weir_stmt_free(&copy);
    assert_int_equal(compiled.declared_count, 3);
    assert_string_equal(compiled.declared[0].name, "total");
    assert_int_equal(compiled.declared[1].type, WEIR_T_DATE);
    assert_null(compiled.declared[1].name);
    assert_string_equal(compiled.declared[2].name, "c");
    stmt = weir_sql("SELECT 1");
    columns[1].type = (weir_type)99;
    weir_sql_columns(stmt, columns, 3);
    assert_kept(stmt, WEIR_ARGUMENT, "declared column 2");
    weir_stmt_free(&stmt);
}

/* ---- copies and closed statements ---- */

static void test_copies_are_independent(void **state)
{
    (void)state;
    weir_stmt *base = weir_sql("SELECT :x, :l");
    weir_value items[] = { weir_value_cstr("a"), weir_value_cstr("b") };
    WEIR_BIND(base, "x", "base");
    weir_bind_list(base, "l", items, 2);
    weir_yield_per(base, 5);
    weir_stmt *copy = weir_stmt_copy(base);
    WEIR_BIND(base, "x", "changed");
    weir_bind_list(base, "l", NULL, 0);
    weir_yield_per(base, 0);
    weir_bind(base, "none", weir_value_null());
    weir_execution_options options;
    weir_stmt_get_options(copy, &options);
    assert_int_equal(options.yield_per, 5);
    assert_int_equal(weir_stmt_compile(copy, sqlite, &arena, &compiled, &error), WEIR_OK);
    assert_string_equal(compiled.sql, "SELECT ?1, (?2, ?3)");
    assert_string_equal(compiled.values[0].as.text.ptr, "base");
    weir_stmt_free(&copy);
    copy = weir_stmt_copy(base);
    assert_kept(copy, WEIR_ARGUMENT, "'none'");
    weir_stmt_free(&copy);
    weir_stmt_free(&base);
}

static void test_all_calls_on_a_closed_statement_are_safe(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_sql("SELECT :x");
    weir_stmt_free(&stmt);
    for (int i = 0; i < 2; i++) {
        weir_execution_options options;
        assert_kept(stmt, WEIR_RESOURCE_CLOSED, "closed");
        weir_bind(stmt, "x", weir_value_int(1));
        weir_bind_list(stmt, "x", NULL, 0);
        weir_sql_columns(stmt, NULL, 0);
        weir_stmt_options(stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 3));
        weir_yield_per(stmt, 3);
        weir_stream_results(stmt, WEIR_ON);
        weir_max_row_buffer(stmt, 3);
        weir_stmt_get_options(stmt, &options);
        assert_int_equal(options.yield_per, 0);
        assert_int_equal(weir_stmt_parameter_count(stmt), 0);
        assert_null(weir_stmt_parameter_name(stmt, 0));
        weir_stmt *copy = weir_stmt_copy(stmt);
        assert_int_equal(weir_stmt_error(copy)->status, WEIR_RESOURCE_CLOSED);
        weir_stmt_free(&copy);
        weir_stmt_free(&stmt);
        stmt = NULL;                                                /* a NULL is as good as a closed one */
    }
    weir_stmt_free(NULL);
}

/* ---- no memory ---- */

/* Everything once; the first status that is not WEIR_OK. */
static int build_and_compile(weir_stmt **stmt, weir_stmt **copy)
{
    const weir_value list[] = { weir_value_cstr("one"), weir_value_cstr("two") };
    *stmt = weir_sql("SELECT :a, :b::int FROM t WHERE c IN :l AND d NOT IN :l2");
    weir_bind(*stmt, "a", weir_value_cstr("a text"));
    weir_bind(*stmt, "b", weir_value_numeric((weir_numeric){ "1.5", 3 }));
    weir_bind_list(*stmt, "l", list, 2);
    weir_bind_list(*stmt, "l2", NULL, 0);
    weir_bind_list(*stmt, "l", list, 1);
    weir_sql_columns(*stmt, (const weir_declared_column[]){ { "x", WEIR_T_TEXT }, { "y", WEIR_T_INT32 } }, 2);
    weir_stmt_options(*stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 10));
    *copy = weir_stmt_copy(*stmt);
    int status = weir_stmt_error(*copy)->status;
    if (status == WEIR_OK)
        status = weir_stmt_compile(*copy, sqlite, &arena, &compiled, &error);
    return status == WEIR_OK ? weir_stmt_compile(*stmt, postgresql, &arena, &compiled, &error) : status;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    int status = WEIR_OUT_OF_MEMORY;
    long n = 0;
    for (; status != WEIR_OK; n++) {
        weir_stmt *stmt, *copy;
        weir_arena_init(&arena, NULL, WEIR_MEMORY_STATEMENTS, 16);
        counting = true;
        allocations_left = n;
        status = build_and_compile(&stmt, &copy);
        counting = false;
        assert_int_equal(status, allocations_left < 0 ? WEIR_OUT_OF_MEMORY : WEIR_OK);
        weir_stmt_free(&copy);
        weir_stmt_free(&stmt);
        weir_arena_free(&arena);
        assert_int_equal(bytes_held(), 0);
        assert_true(n < 1000);
    }
    assert_true(n > 15);
}

int main(void)
{
    static const weir_allocator allocator = { take, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
#define STATEMENT_TEST(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        STATEMENT_TEST(test_names_are_listed_by_first_appearance),
        STATEMENT_TEST(test_many_names),
        STATEMENT_TEST(test_case_190_missing_value),
        STATEMENT_TEST(test_case_192_unknown_name_is_kept),
        STATEMENT_TEST(test_case_194_values_are_copied_unchanged),
        STATEMENT_TEST(test_null_pointers_are_null_whatever_their_type),
        STATEMENT_TEST(test_values_that_are_none_are_refused),
        STATEMENT_TEST(test_binding_again_replaces_and_does_not_grow),
        STATEMENT_TEST(test_a_giant_value_is_given_back_when_replaced),
        STATEMENT_TEST(test_parameters_are_shown_on_one_line),
        STATEMENT_TEST(test_texts_that_are_none),
        STATEMENT_TEST(test_case_193_columns_are_declared),
        STATEMENT_TEST(test_copies_are_independent),
        STATEMENT_TEST(test_all_calls_on_a_closed_statement_are_safe),
        STATEMENT_TEST(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
