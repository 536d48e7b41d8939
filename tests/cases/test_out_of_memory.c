/* Every allocation of a program fails once: each time the error is told, nothing is lost, nothing stays behind. */
#include "support_memory.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- the program: gives the first error that it met ---------------------------------------------------------------------- */

/* Reads three rows of seven, keeps one, freezes the rest and reads that. */
static int read_result(weir_connection *connection, const weir_stmt *stmt, const weir_execution_options *options)
{
    static const int order[] = { 1, 0 };
    weir_result *result = weir_connection_execute(connection, stmt, options);
    weir_result_columns(result, order, 2);
    weir_result_unique(result);
    const weir_row *row = weir_result_next(result), *kept = row ? weir_row_retain(row) : NULL;
    weir_result_fetchmany(result, 2);
    weir_frozen *frozen = weir_result_freeze(result);
    weir_result *again = weir_frozen_result(frozen);
    int rows = 0;
    while ((row = weir_result_next(again)) != NULL)
        rows++;
    int first = weir_result_close(&result);
    first = test_first(first, weir_result_close(&again));
    if (first == WEIR_OK)
        assert_int_equal(rows, 4);      /* never fewer rows without an error */
    if (kept) {
        assert_string_equal(weir_row_cstr(kept, "name"), "a");
        weir_row_release(&kept);
    }
    weir_frozen_free(&frozen);
    return first;
}

static int run_program(weir_engine *engine, test_database *db)
{
    static const weir_declared_column declared[] = { { "number", WEIR_T_INT64 }, { "name", WEIR_T_TEXT } };
    (void)db;
    int first = WEIR_OK;
    weir_connection *connection = weir_engine_connect(engine);
    first = test_first(first, (int)weir_connection_run(connection, "CREATE TEMPORARY TABLE letters(id integer, letter text)"));
    if (first == WEIR_OK)
        first = (int)weir_connection_run(connection, "INSERT INTO letters VALUES (1,'a'),(2,'b'),(3,'c'),(4,'d'),(5,'e'),(6,'f'),(7,'g')");
    weir_stmt *stmt = weir_sql("SELECT id, letter FROM letters WHERE id < :most ORDER BY id");
    weir_bind(stmt, "most", weir_value_int(100));
    weir_sql_columns(stmt, declared, 2);
    if (first >= 0) {
        first = read_result(connection, stmt, NULL);
        first = test_first(first, read_result(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 2)));
    }
    weir_stmt_free(&stmt);
    first = test_first(first, weir_connection_close(&connection));
    return first;
}

/* ---- another: makes tables, looks whether they fit, drops them ----------------------------------------------------------- */

struct left;
struct right { int64_t id; weir_opt_int64 left_id; WEIR_MANY(struct left) lefts; };
struct left { int64_t id; weir_opt_int64 right_id; const char *name; };
WEIR_ENTITY_DECLARE(left);
WEIR_ENTITY(right, "rights", WEIR_COLUMN(right, id, .primary_key = true), WEIR_COLUMN(right, left_id, .foreign_key = "lefts.id"),
    WEIR_MANY_TO_MANY(right, lefts, left, "left_rights", "right_id", "left_id"));
WEIR_ENTITY(left, "lefts", WEIR_COLUMN(left, id, .primary_key = true), WEIR_COLUMN(left, right_id, .foreign_key = "rights.id"),
    WEIR_COLUMN(left, name, .indexed = true));

static int run_schema(weir_engine *engine, test_database *db)
{
    (void)db;
    const weir_entity *const entities[] = { &left_entity, &right_entity, NULL };
    weir_error error;
    int first = WEIR_OK;
    first = test_first(first, weir_create_all(engine, entities, &error));
    int64_t differences = first == WEIR_OK ? weir_schema_check(engine, entities, NULL, NULL, &error) : 0;
    assert_true(differences <= 0);      /* never a difference that is none */
    first = test_first(first, (int)differences);
    first = test_first(first, weir_drop_all(engine, entities, &error));
    return first;
}

/* ---- a third: builds, copies and executes inserts, updates and deletes ------------------------------------------------------ */

struct note { int64_t id; const char *body; };
struct mark { int64_t id, note_id; };
WEIR_ENTITY(note, "notes", WEIR_COLUMN(note, id, .primary_key = true), WEIR_COLUMN(note, body));
WEIR_ENTITY(mark, "marks", WEIR_COLUMN(mark, id, .primary_key = true), WEIR_COLUMN(mark, note_id));

/* Of a copy; frees the statement. */
static int write_one(weir_connection *connection, weir_stmt *stmt, int64_t count)
{
    weir_stmt *copy = weir_stmt_copy(stmt);
    weir_stmt_free(&stmt);
    weir_result *result = weir_connection_execute(connection, copy, NULL);
    int64_t written = weir_result_rowcount(result);
    int first = weir_result_close(&result);
    weir_stmt_free(&copy);
    if (first == WEIR_OK)
        assert_int_equal(written, count);       /* never less without an error */
    return first;
}

static weir_stmt *upsert_notes(void)
{
    weir_stmt *stmt = weir_insert(&note_entity);
    weir_set_columns(stmt, WEIR_COL(note, id), WEIR_COL(note, body));
    weir_insert_row(stmt, 1, "a");
    weir_insert_row(stmt, 2, WEIR_CONCAT("b", "c"));
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(note, id)), .where = WEIR_SQL("true")));
    weir_conflict_set(stmt, WEIR_COL(note, body), WEIR_CONCAT(WEIR_COL(note, body), WEIR_EXCLUDED(note, body)));
    weir_returning(stmt, WEIR_ENTITY_OF(note));
    return stmt;
}

static weir_stmt *mark_notes(void)
{
    weir_stmt *stmt = weir_insert(&mark_entity), *select = weir_select_columns(WEIR_ADD(WEIR_COL(note, id), 10), WEIR_COL(note, id));
    weir_insert_select(stmt, select);
    weir_on_conflict_do_nothing(stmt, NULL);
    weir_stmt_free(&select);
    return stmt;
}

static weir_stmt *update_notes(void)
{
    weir_stmt *stmt = weir_update(&note_entity), *marks = weir_select_columns(WEIR_COUNT());
    weir_source *all = weir_alias(&mark_entity, "all_marks");       /* marks itself is in the UPDATE's FROM */
    weir_where(marks, WEIR_EQ(WEIR_SCOL(all, mark, note_id), WEIR_COL(note, id)));
    weir_set(stmt, WEIR_COL(note, body), WEIR_CAST(WEIR_SCALAR(marks), "text"));
    weir_where(stmt, WEIR_EQ(WEIR_COL(mark, note_id), WEIR_COL(note, id)));
    weir_source_free(&all);
    weir_stmt_free(&marks);
    return stmt;
}

static int run_writes(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = WEIR_OK;
    weir_connection *connection = weir_engine_connect(engine);
    first = test_first(first, (int)weir_connection_run(connection, "CREATE TEMPORARY TABLE notes(id bigint PRIMARY KEY, body text)"));
    first = test_first(first, (int)weir_connection_run(connection, "CREATE TEMPORARY TABLE marks(id bigint PRIMARY KEY, note_id bigint)"));
    if (first == WEIR_OK) {
        weir_stmt *delete = weir_delete(&mark_entity);
        first = write_one(connection, upsert_notes(), 2);
        first = test_first(first, first == WEIR_OK ? write_one(connection, upsert_notes(), 2) : first);
        first = test_first(first, first == WEIR_OK ? write_one(connection, mark_notes(), 2) : first);
        first = test_first(first, first == WEIR_OK ? write_one(connection, update_notes(), 2) : first);
        weir_where(delete, WEIR_IN(WEIR_COL(mark, note_id), 1, 3));
        if (first == WEIR_OK)
            first = write_one(connection, delete, 1);
        else
            weir_stmt_free(&delete);
    }
    first = test_first(first, weir_connection_close(&connection));
    return first;
}

/* ---- the tests ------------------------------------------------------------------------------------------------------------ */

static void test_each_allocation_that_fails_is_told_and_leaves_nothing_behind(void **state)
{
    test_fail_allocations(*state, "connect, rows, frozen results", run_program, TEST_COLD);
}

static void test_each_allocation_that_fails_while_tables_are_made_is_told(void **state)
{
    test_fail_allocations(*state, "tables made, checked, dropped", run_schema, 0);
}

static void test_each_allocation_that_fails_while_rows_are_written_is_told(void **state)
{
    test_fail_allocations(*state, "inserts, upserts, updates, deletes", run_writes, 0);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_each_allocation_that_fails_is_told_and_leaves_nothing_behind),
        ON_BOTH(test_each_allocation_that_fails_while_tables_are_made_is_told),
        ON_BOTH(test_each_allocation_that_fails_while_rows_are_written_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
