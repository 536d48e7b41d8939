/* SQL texts: where parameters are and are not, what they become, and what weir knows of a statement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sql/lexer.h"
#include "sql/text.h"

static const weir_dialect *const postgresql = &weir_dialect_postgresql, *const sqlite = &weir_dialect_sqlite;

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
    weir_memory_figures figures;
    weir_arena_free(&arena);
    weir_memory_usage(&figures);
    return figures.bytes == 0 ? 0 : -1;     /* each test gives back all that weir took */
}

/* Binds all parameters: names that begin with l to a list of two, with e to an empty list, others to 1. */
static int compile_text(const char *text, const weir_dialect *dialect)
{
    weir_stmt *stmt = weir_sql(text);
    const weir_value list[] = { weir_value_int(1), weir_value_int(2) };
    const char *name;
    for (size_t i = 0; (name = weir_stmt_parameter_name(stmt, i)) != NULL; i++) {
        if (*name == 'l' || *name == 'e')
            weir_bind_list(stmt, name, list, *name == 'l' ? 2 : 0);
        else
            weir_bind(stmt, name, weir_value_int(1));
    }
    int status = weir_stmt_compile(stmt, dialect, &arena, &compiled, &error);
    weir_stmt_free(&stmt);
    return status;
}

static void becomes(const char *text, const weir_dialect *dialect, const char *expected)
{
    if (compile_text(text, dialect) != WEIR_OK)
        fail_msg("%s: %s", text, error.message);
    assert_string_equal(compiled.sql, expected);
    assert_int_equal(compiled.sql_length, strlen(expected));
}

static void stays(const char *text, const weir_dialect *dialect) { becomes(text, dialect, text); }

static void refused(const char *text, const weir_dialect *dialect, const char *part)
{
    assert_int_equal(compile_text(text, dialect), WEIR_INVALID_REQUEST);
    if (!strstr(error.message, part))
        fail_msg("%s: \"%s\" is not in \"%s\"", text, part, error.message);
    assert_true(!strncmp(error.sql, text, sizeof error.sql - 1) || strlen(text) >= sizeof error.sql);
}

/* ---- parameters ---- */

static void test_names_become_numbers_by_first_appearance(void **state)
{
    (void)state;
    becomes("SELECT :b, :a, :b", postgresql, "SELECT $1, $2, $1");
    becomes("SELECT :b, :a, :b", sqlite, "SELECT ?1, ?2, ?1");
    assert_int_equal(compiled.value_count, 2);
    assert_string_equal(compiled.names[0], "b");
    assert_string_equal(compiled.names[1], "a");
    becomes("SELECT :_x1, :X1, :gr\xc3\xb6\xc3\x9f" "e", postgresql, "SELECT $1, $2, $3");
    becomes("SELECT:a,1 IN:l", postgresql, "SELECT $1,1 IN ($2, $3)");
    becomes("SELECT :a", postgresql, "SELECT $1");
}

static void test_colons_that_are_no_parameters(void **state)
{
    (void)state;
    becomes("SELECT :x::int, '1'::text::varchar(3)", postgresql, "SELECT $1::int, '1'::text::varchar(3)");
    becomes("SELECT ':x' \":x\" \\:x, f(y := 1), z:=2", postgresql, "SELECT ':x' \":x\" :x, f(y := 1), z:=2");
    becomes("SELECT \\:\\:int, a\\:b, \\\\", postgresql, "SELECT ::int, a:b, \\\\");
    stays("SELECT a[1:2], a[lo:hi], a[:2], a[1:], a[b[1]:2], : ", postgresql);
    becomes("SELECT a[:x], a[:x:y], a[1: :y], a[:x::hi]", postgresql, "SELECT a[$1], a[$1:y], a[1: $2], a[$1::hi]");
    becomes("SELECT a[x], b:z", postgresql, "SELECT a[x], b $1");
    becomes("SELECT [a:b], `:c`, `x``:d`, :e1", sqlite, "SELECT [a:b], `:c`, `x``:d`, (SELECT NULL WHERE 1=0)");
    becomes("SELECT '\\', :x", sqlite, "SELECT '\\', ?1");
    becomes("SELECT '\\', :x", postgresql, "SELECT '\\', $1");
}

static void test_strings_hide_colons(void **state)
{
    (void)state;
    stays("SELECT 'it''s :a', '', ''':a', 'x'':a'", postgresql);
    becomes("SELECT '':a", postgresql, "SELECT ''$1");
    stays("SELECT E'\\':a', e'\\\\'':a', E'''\\':a'", postgresql);
    becomes("SELECT E'\\\\', :a, fe'\\', :b", postgresql, "SELECT E'\\\\', $1, fe'\\', $2");
    becomes("SELECT E'\\', :a", sqlite, "SELECT E'\\', ?1");
    stays("SELECT E'a' -- c\n\t 'b\\':a'", postgresql);
    becomes("SELECT E'a' 'b\\', :a", postgresql, "SELECT E'a' 'b\\', $1");
    stays("SELECT \"a\"\":b\", U&':x' U&\":x\", X':x', n':x'", postgresql);
    stays("SELECT ':never closed", postgresql);
    stays("SELECT \":never closed", sqlite);
}

static void test_dollar_quotes_hide_colons_on_postgresql_only(void **state)
{
    (void)state;
    stays("SELECT $$:a$$, $t$:a$$:b$x$:c$t$, $_1\xc3\xa9$:d$_1\xc3\xa9$", postgresql);
    becomes("SELECT $t$ $T$ :a $t$ || :b", postgresql, "SELECT $t$ $T$ :a $t$ || $1");
    becomes("SELECT a$b$:c, d$b$", postgresql, "SELECT a$b$ $1, d$b$");
    becomes("SELECT $b :c, $", postgresql, "SELECT $b $1, $");
    stays("SELECT $never$ :closed $neve", postgresql);
    stays("SELECT 1$a$:x$a$", postgresql);
    refused("SELECT $a$:b$a$", sqlite, "'$a$'");
}

static void test_comments_hide_colons(void **state)
{
    (void)state;
    stays("SELECT 1 -- :a\n/* :b ' \" $$ */ --", postgresql);
    becomes("SELECT 1 /* /* */ :a */ + :b */ :c", postgresql, "SELECT 1 /* /* */ :a */ + $1 */ $2");
    becomes("SELECT /* /* */ :a", sqlite, "SELECT /* /* */ ?1");
    becomes("SELECT 1 -- :a\r, :b", postgresql, "SELECT 1 -- :a\r, $1");
    stays("SELECT 1 -- :a\r, :b", sqlite);
    becomes("SELECT 1+--:a\n:b", postgresql, "SELECT 1+--:a\n$1");
    becomes("SELECT 1/:a*/**/:b", postgresql, "SELECT 1/$1*/**/$2");
    stays("SELECT 1 /*/ :a", postgresql);
}

static void test_operators_of_postgresql_stay(void **state)
{
    (void)state;
    becomes("SELECT j ? 'a', j ?| :x, j ?& y, j @> z, @ -1, @n, a @@ b, j #>> c", postgresql,
            "SELECT j ? 'a', j ?| $1, j ?& y, j @> z, @ -1, @n, a @@ b, j #>> c");
    becomes("SELECT j -> 'a' ->> :x", sqlite, "SELECT j -> 'a' ->> ?1");
}

static void test_parameters_of_the_databases_own_are_refused(void **state)
{
    (void)state;
    static const char *const lite[] = { "SELECT ?", "SELECT ?12", "SELECT @x", "SELECT $x", "SELECT :1", "SELECT a=?, :b" };
    for (size_t i = 0; i < sizeof lite / sizeof *lite; i++)
        refused(lite[i], sqlite, "use :name");
    refused("SELECT $1", postgresql, "'$1'");
    refused("SELECT \\:x", sqlite, "escaped colon");
    stays("SELECT '?', \"$1\", '$1', $q$ $1 $q$ -- ?1", postgresql);
    stays("SELECT '?', \"$1\", [@x], `$x` /* ?1 */", sqlite);
}

/* ---- lists ---- */

static void test_case_192_lists_expand(void **state)
{
    (void)state;
    becomes("a IN :l1 AND :x AND b IN :l2 OR c IN :l1", postgresql, "a IN ($1, $2) AND $3 AND b IN ($4, $5) OR c IN ($1, $2)");
    assert_int_equal(compiled.value_count, 5);
    assert_string_equal(compiled.names[4], "l2");
    becomes("a IN (:l)", sqlite, "a IN (?1, ?2)");
    becomes("a IN (/**/:l -- x\n)", postgresql, "a IN (/**/$1, $2 -- x\n)");
    becomes("f(:l, 3)", sqlite, "f((?1, ?2), 3)");
}

static void test_case_192_empty_lists(void **state)
{
    (void)state;
    becomes("a IN :e", sqlite, "a IN (SELECT NULL WHERE 1=0)");
    becomes("a NOT IN (:e)", sqlite, "a NOT IN (SELECT NULL WHERE 1=0)");
    becomes("a IN :e AND b", postgresql, "a OPERATOR(=) ANY ('{}') AND b");
    becomes("a not /* */ in\n:e AND b", postgresql, "a OPERATOR(<>) ALL ('{}') AND b");
    becomes("a IN ( :e ) AND NOT b NOT IN(:e)", postgresql, "a OPERATOR(=) ANY ('{}') AND NOT b OPERATOR(<>) ALL ('{}')");
    becomes("a IN:e AND b IN :e", postgresql, "a OPERATOR(=) ANY ('{}') AND b OPERATOR(=) ANY ('{}')");
    becomes("f(:e)", postgresql, "f((SELECT NULL WHERE 1=0))");
    assert_int_equal(compiled.value_count, 0);
}

static void test_too_many_parameters_name_their_number(void **state)
{
    (void)state;
    weir_value *values = calloc(65536, sizeof *values);
    weir_stmt *stmt = weir_sql("SELECT :x WHERE a IN :ids OR b IN :ids");
    weir_bind(stmt, "x", weir_value_int(1));
    weir_bind_list(stmt, "ids", values, 65534);
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
    assert_int_equal(compiled.value_count, 65535);
    assert_non_null(strstr(compiled.sql, "$65535) OR b IN ($2, "));
    assert_int_equal(weir_stmt_compile(stmt, sqlite, &arena, &compiled, &error), WEIR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "65535 parameters, and sqlite takes at most 32766"));
    weir_bind_list(stmt, "ids", values, 65535);
    assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "65536 parameters, and postgresql takes at most 65535"));
    weir_stmt_free(&stmt);
    free(values);
}

/* ---- refusals ---- */

static void test_empty_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "", " \t\n", ";", " ; ;; ", "-- x", "/* :x */;--" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        refused(texts[i], postgresql, "empty");
        refused(texts[i], sqlite, "empty");
    }
}

static void test_more_than_one_statement_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "SELECT 1; SELECT 2", "SELECT 1;;--\n;DROP TABLE x", "; SELECT 1; x", "SELECT ';'; y" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        refused(texts[i], postgresql, "more than one statement; execute them one at a time");
        refused(texts[i], sqlite, "more than one statement");
    }
    static const char *const fine[] = { "SELECT 1;", "SELECT 1; -- x", ";; SELECT 1 ;;/**/;", "SELECT ';', \";\" /* ; */", "SELECT (1;2)" };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        stays(fine[i], postgresql);
        stays(fine[i], sqlite);
    }
}

static void test_bodies_of_statements_are_one_statement(void **state)
{
    (void)state;
    static const char trigger[] = "CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN UPDATE y SET a = CASE WHEN 1 THEN 2 END; SELECT 1; END";
    char text[256];
    stays(trigger, sqlite);
    snprintf(text, sizeof text, "%s; -- x", trigger);
    stays(text, sqlite);
    snprintf(text, sizeof text, "%s; DROP TABLE x", trigger);
    refused(text, sqlite, "more than one");
    refused("CREATE TRIGGER t AFTER INSERT ON x EXECUTE FUNCTION f(); DROP TABLE x", postgresql, "more than one");
    static const char routine[] =
        "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END AS end; SELECT x.end FROM x; END";
    stays(routine, postgresql);
    snprintf(text, sizeof text, "%s; SELECT 1", routine);
    refused(text, postgresql, "more than one");
    stays("CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); DELETE FROM t; END;", postgresql);
    refused("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'BEGIN ATOMIC; x'; SELECT 1", postgresql, "more than one");
    stays("CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b);", postgresql);
    refused("CREATE TABLE trigger (a int); SELECT 1", sqlite, "more than one");
}

static void test_copy_is_refused(void **state)
{
    (void)state;
    refused("COPY t TO STDOUT", postgresql, "COPY");
    refused(" /* x */ copy t from stdin", postgresql, "COPY");
    stays("SELECT copy FROM copy", postgresql);
}

/* ---- facts ---- */

static weir_sql_facts facts_of(const char *text, const weir_dialect *dialect)
{
    weir_sql_facts facts;
    weir_sql_read_facts(text, strlen(text), dialect, &facts);
    return facts;
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct { const char *text; weir_sql_kind kind; } cases[] = {
        { "select 1", WEIR_SQL_SELECT }, { "VALUES (1)", WEIR_SQL_SELECT }, { "TABLE t", WEIR_SQL_SELECT },
        { "/* x */ -- y\n ((SELECT 1) UNION SELECT 2)", WEIR_SQL_SELECT }, { "; SELECT 1", WEIR_SQL_SELECT },
        { "SELECT 1 AS into", WEIR_SQL_SELECT }, { "SELECT (SELECT 1) \"into\"", WEIR_SQL_SELECT },
        { "SELECT a INTO b FROM c", WEIR_SQL_OTHER }, { "SELECT update, t.delete FROM insert t", WEIR_SQL_SELECT },
        { "SELECT 'INSERT INTO t'", WEIR_SQL_SELECT }, { "SELECT * FROM t FOR UPDATE", WEIR_SQL_SELECT },
        { "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1", WEIR_SQL_DML }, { "update t set a=1", WEIR_SQL_DML },
        { "DELETE FROM t", WEIR_SQL_DML }, { "MERGE INTO t USING s ON a", WEIR_SQL_DML }, { "REPLACE INTO t VALUES(1)", WEIR_SQL_DML },
        { "BEGIN", WEIR_SQL_TRANSACTION }, { "start transaction", WEIR_SQL_TRANSACTION }, { "COMMIT", WEIR_SQL_TRANSACTION },
        { "END", WEIR_SQL_TRANSACTION }, { "ROLLBACK TO x", WEIR_SQL_TRANSACTION }, { "ABORT", WEIR_SQL_TRANSACTION },
        { "SAVEPOINT x", WEIR_SQL_TRANSACTION }, { "RELEASE x", WEIR_SQL_TRANSACTION },
        { "PREPARE TRANSACTION 'x'", WEIR_SQL_TRANSACTION }, { "PREPARE x AS SELECT 1", WEIR_SQL_OTHER },
        { "SET a = 1", WEIR_SQL_SET }, { "RESET ALL", WEIR_SQL_SET }, { "DISCARD ALL", WEIR_SQL_SET },
        { "COPY t TO STDOUT", WEIR_SQL_COPY }, { "EXPLAIN DELETE FROM t", WEIR_SQL_OTHER }, { "SHOW a", WEIR_SQL_OTHER },
        { "PRAGMA x", WEIR_SQL_OTHER }, { "CREATE TABLE t AS SELECT 1", WEIR_SQL_OTHER }, { "'x'", WEIR_SQL_OTHER },
        { "\"select\"", WEIR_SQL_OTHER }, { "selects 1", WEIR_SQL_OTHER }, { "()", WEIR_SQL_OTHER }, { "", WEIR_SQL_EMPTY },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (facts_of(cases[i].text, postgresql).kind != cases[i].kind)
            fail_msg("%s: %d", cases[i].text, facts_of(cases[i].text, postgresql).kind);
}

static void test_with_modifies_where_a_statement_in_it_does(void **state)
{
    (void)state;
    static const struct { const char *text; bool modifies; } cases[] = {
        { "WITH a AS (SELECT 1) SELECT * FROM a", false },
        { "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a", true },
        { "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", true },
        { "WITH a AS (SELECT 1), b(x, y) AS NOT MATERIALIZED (((UPDATE t SET a=1 RETURNING 1))) TABLE b", true },
        { "WITH a AS MATERIALIZED (DELETE FROM t RETURNING *) TABLE a", true },
        { "WITH RECURSIVE a AS (SELECT 1) MERGE INTO t USING a ON true", true },
        { "(WITH a AS (DELETE FROM t RETURNING 1) SELECT 1)", true },
        { "WITH a AS (WITH b AS (SELECT 1) DELETE FROM t) SELECT 1", true },
        { "WITH update AS (SELECT 1) SELECT * FROM update", false },
        { "WITH RECURSIVE delete(insert) AS (SELECT delete FROM t), insert AS (SELECT 2) SELECT * FROM insert", false },
        { "WITH recursive AS (SELECT 1) SELECT 1", false },
        { "WITH a AS (SELECT f(update), count(*) delete FROM t) SELECT count(*) delete FROM a FOR UPDATE", false },
        { "WITH a AS (SELECT 1) SEARCH DEPTH FIRST BY update, delete SET insert SELECT 1", false },
        { "WITH a AS (SELECT 1) CYCLE update SET delete TO true DEFAULT false USING insert SELECT 1", false },
        { "WITH a AS (SELECT 1) SEARCH BREADTH FIRST BY x SET y DELETE FROM t", true },
        { "WITH a AS (SELECT 'x; DELETE FROM t') SELECT * FROM a", false },
        { "WITH a AS (SELECT 1) (SELECT 1 UNION SELECT 2)", false },
        { "WITH a AS (VALUES (1)) SELECT (delete) FROM a WINDOW w AS (update)", false },
        { "SELECT 1 FROM (WITH a AS (SELECT 1) SELECT * FROM a) s", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if ((facts_of(cases[i].text, postgresql).kind == WEIR_SQL_DML) != cases[i].modifies)
            fail_msg("%s", cases[i].text);
}

static void test_row_locks(void **state)
{
    (void)state;
    static const char *const locking[] = {
        "SELECT 1 FROM t FOR UPDATE", "SELECT 1 FROM t for/**/no key update", "SELECT 1 FROM t FOR SHARE SKIP LOCKED",
        "SELECT 1 FROM t FOR KEY SHARE", "SELECT * FROM (SELECT 1 FROM t FOR UPDATE) s", "SELECT 1 FROM t LIMIT 1FOR UPDATE",
    };
    static const char *const others[] = {
        "SELECT update FROM t", "SELECT t.for update FROM t", "SELECT 'FOR UPDATE'", "SELECT substring(a FOR 2)",
        "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1", "CREATE POLICY p ON t FOR UPDATE USING (true)",
    };
    for (size_t i = 0; i < sizeof locking / sizeof *locking; i++) {
        assert_true(facts_of(locking[i], postgresql).locks_rows);
        assert_false(facts_of(locking[i], sqlite).locks_rows);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(facts_of(others[i], postgresql).locks_rows);
}

static void test_order(void **state)
{
    (void)state;
    static const char *const ordered[] = {
        "SELECT 1 FROM t ORDER BY a", "(SELECT 1 ORDER\n--\nBY a) LIMIT 3", "((SELECT 1) ORDER BY 1)",
        "(SELECT 1 ORDER BY a) UNION SELECT 2 ORDER BY 1", "WITH a AS (SELECT 1) SELECT 1 ORDER BY 1",
    };
    static const char *const others[] = {
        "SELECT row_number() OVER (ORDER BY a) FROM t", "SELECT * FROM (SELECT 1 ORDER BY 1) s", "SELECT 'ORDER BY'",
        "WITH a AS (SELECT 1 ORDER BY 1) SELECT * FROM a", "(SELECT 1 ORDER BY a) UNION (SELECT 2 ORDER BY 1)", "SELECT \"order\" by",
    };
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++)
        if (!facts_of(ordered[i], postgresql).ordered)
            fail_msg("%s", ordered[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (facts_of(others[i], postgresql).ordered)
            fail_msg("%s", others[i]);
}

static void test_changes_of_settings(void **state)
{
    (void)state;
    static const char *const changing[] = {
        "SET a = 1", "RESET a", "DISCARD ALL", "SELECT set_config('a', 'b', false)", "SELECT pg_catalog.Set_Config ('a', 'b', true)",
        "SELECT \"set_config\"('a', 'b', true)",
    };
    static const char *const others[] = { "SELECT set_config", "SELECT 'set_config('", "UPDATE t SET a = 1", "SELECT xset_config(1)" };
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
        assert_true(facts_of(changing[i], postgresql).changes_settings);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(facts_of(others[i], postgresql).changes_settings);
}

static void test_deep_parentheses(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *text = malloc(2 * DEPTH + 64);
    memset(text, '(', DEPTH);
    memcpy(text + DEPTH, "SELECT 1", 8);
    memset(text + DEPTH + 8, ')', DEPTH);
    strcpy(text + 2 * DEPTH + 8, "; DROP TABLE t");
    assert_int_equal(facts_of(text, postgresql).kind, WEIR_SQL_SELECT);
    assert_true(facts_of(text, postgresql).multiple);
    strcpy(text, ")))) SELECT 1");
    assert_false(facts_of(text, postgresql).multiple);
    free(text);
}

/* ---- all texts ---- */

static const char *const nasty[] = {
    "WITH a AS (SELECT :a::int, E'\\'' '\\', $t$ :x $$ $t$, $1, a[:lo:hi]) SELECT \"\"\":q\", '''', /* /* */ */ :b -- c\r\n:c; ; x",
    "[a:b] `c``:d` :e1 ?1 @x $y::z(1) :2 \\:f \\::g IN (:l) NOT IN :e2 'a\\' :h, \"i\"\"\" /* /* */ :j --\r:k\n:l",
    "CREATE TRIGGER t BEGIN ; END ; E'a'\n'b\\'' e'\\\\' $_\xc3\xa9$ $_\xc3$ $_\xc3\xa9$ :\xc3\xa9 ((((:e IN (:e) NOT IN(:e",
    "CREATE FUNCTION f BEGIN ATOMIC CASE END; END; FOR NO KEY UPDATE ORDER BY 1 :::x ::::y :=z : \\ \\",
};

static void test_tokens_cover_the_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nasty / sizeof *nasty; i++)
        for (int d = 0; d < 2; d++) {
            weir_lexer lexer;
            weir_token token;
            const char *at = nasty[i];
            weir_lexer_init(&lexer, d ? sqlite : postgresql, nasty[i], strlen(nasty[i]));
            while ((token = weir_lexer_next(&lexer)).kind != WEIR_TOKEN_END) {
                at += token.kind == WEIR_TOKEN_PARAMETER;       /* whose token is the name alone */
                assert_ptr_equal(token.text, at);
                assert_true(token.length > 0);
                at += token.length;
            }
            assert_int_equal(*at, 0);
            assert_int_equal(weir_lexer_next(&lexer).kind, WEIR_TOKEN_END);
        }
}

static void test_every_prefix_is_read_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nasty / sizeof *nasty; i++)
        for (size_t length = 0; length <= strlen(nasty[i]); length++) {
            char *copy = malloc(length ? length : 1);           /* without a NUL, so that the sanitizer sees its end */
            memcpy(copy, nasty[i], length);
            weir_sql_facts facts;
            weir_sql_read_facts(copy, length, postgresql, &facts);
            weir_sql_read_facts(copy, length, sqlite, &facts);
            weir_stmt *stmt = weir_sql_n(copy, length);
            free(copy);
            const char *name;
            for (size_t k = 0; (name = weir_stmt_parameter_name(stmt, k)) != NULL; k++)
                weir_bind_list(stmt, name, NULL, 0);
            for (int d = 0; d < 2; d++) {
                int status = weir_stmt_compile(stmt, d ? sqlite : postgresql, &arena, &compiled, &error);
                assert_true(status == WEIR_OK || status == WEIR_INVALID_REQUEST);
            }
            weir_stmt_free(&stmt);
        }
}

static void test_a_literal_of_a_megabyte(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    static const char *const opening[] = { "SELECT '", "SELECT E'", "SELECT $tag$", "SELECT \"", "SELECT /*" };
    static const char *const closing[] = { "', :x", "', :x", "$tag$, :x", "\", :x", "*/ :x" };
    char *text = malloc(SIZE + 64);
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++) {
        size_t start = strlen(opening[i]);
        memcpy(text, opening[i], start);
        for (size_t k = start; k < SIZE; k++)
            text[k] = ":a $ta;"[k % 7];
        strcpy(text + SIZE, closing[i]);
        weir_stmt *stmt = weir_sql(text);
        weir_bind(stmt, "x", weir_value_int(1));
        assert_int_equal(weir_stmt_compile(stmt, postgresql, &arena, &compiled, &error), WEIR_OK);
        assert_memory_equal(compiled.sql, text, SIZE);
        assert_string_equal(compiled.sql + strlen(compiled.sql) - 2, "$1");
        weir_stmt_free(&stmt);
    }
    free(text);
}

int main(void)
{
#define TEXT_TEST(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        TEXT_TEST(test_names_become_numbers_by_first_appearance),
        TEXT_TEST(test_colons_that_are_no_parameters),
        TEXT_TEST(test_strings_hide_colons),
        TEXT_TEST(test_dollar_quotes_hide_colons_on_postgresql_only),
        TEXT_TEST(test_comments_hide_colons),
        TEXT_TEST(test_operators_of_postgresql_stay),
        TEXT_TEST(test_parameters_of_the_databases_own_are_refused),
        TEXT_TEST(test_case_192_lists_expand),
        TEXT_TEST(test_case_192_empty_lists),
        TEXT_TEST(test_too_many_parameters_name_their_number),
        TEXT_TEST(test_empty_texts_are_refused),
        TEXT_TEST(test_more_than_one_statement_is_refused),
        TEXT_TEST(test_bodies_of_statements_are_one_statement),
        TEXT_TEST(test_copy_is_refused),
        TEXT_TEST(test_kinds),
        TEXT_TEST(test_with_modifies_where_a_statement_in_it_does),
        TEXT_TEST(test_row_locks),
        TEXT_TEST(test_order),
        TEXT_TEST(test_changes_of_settings),
        TEXT_TEST(test_deep_parentheses),
        TEXT_TEST(test_tokens_cover_the_text),
        TEXT_TEST(test_every_prefix_is_read_within_its_bounds),
        TEXT_TEST(test_a_literal_of_a_megabyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
