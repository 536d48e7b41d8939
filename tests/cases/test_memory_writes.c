/* What is written, without memory: parameter sets in every form, COPY, imports, a session's parameter sets. Each allocation fails: alone, and
 * with all that come behind it. What failed leaves nothing of its own in the table; what went well is whole. */
#include "support_memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct part { int64_t id; const char *name; weir_opt_int64 weight; };
WEIR_ENTITY(part, "parts", WEIR_COLUMN(part, id, .primary_key = true), WEIR_COLUMN(part, name), WEIR_COLUMN(part, weight));

enum { SETS = 12, BEFORE = 3 };

static void make_table(test_database *db)
{
    test_side_run(db, "CREATE TABLE parts(id bigint PRIMARY KEY, name text, weight bigint);"
                      "INSERT INTO parts VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', NULL)");
}

/* Unsorted, so that their order is memory, too. */
static void make_parts(struct part parts[SETS])
{
    for (int i = 0; i < SETS; i++)
        parts[i] = (struct part){ (i * 5) % SETS + 10, i % 2 ? "odd" : "even", { i, i % 3 != 0 } };
}

/* Within the connection's transaction: `count` rows if `status` is no error, else the `before` ones; then it is rolled back. */
static int leave(weir_connection **connection, int64_t status, int64_t before, int64_t count)
{
    test_memory_pause();
    if (weir_connection_number(*connection) != 0 && weir_connection_in_transaction(*connection)) {
        int64_t there = -1;
        weir_stmt *stmt = weir_sql("SELECT count(*) FROM parts");
        weir_result *result = weir_connection_execute(*connection, stmt, NULL);
        const weir_value *value = weir_result_scalar(result);
        if (value)
            there = value->as.i;
        if (weir_result_close(&result) == WEIR_OK)          /* else the connection was lost, and the transaction with it */
            assert_int_equal(there, status < 0 ? before : count);
        else
            assert_true(status < 0);
        weir_stmt_free(&stmt);
    }
    test_memory_resume();
    int first = test_still_works(*connection, status < 0 ? (int)status : WEIR_OK);
    first = test_first(first, weir_connection_rollback(*connection));
    return test_first(first, weir_connection_close(connection));
}

/* ---- parameter sets ------------------------------------------------------------------------------------------------------------------ */

static int insert_structs(weir_engine *engine, test_database *db)
{
    struct part parts[SETS];
    weir_result *returned = NULL;
    (void)db;
    make_parts(parts);
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_insert(&part_entity);
    weir_returning(stmt, WEIR_COL(part, id));
    int64_t count = weir_connection_execute_many_with(connection, stmt, parts, SETS, WEIR_MANY_OPTIONS(.page_size = 5, .returned = &returned));
    if (count >= 0) {
        assert_int_equal(count, SETS);
        int64_t at = 0;
        for (const weir_row *row; (row = weir_result_next(returned)) != NULL; at++)
            assert_int_equal(weir_row_int64_at(row, 0), parts[at].id);
        assert_int_equal(at, SETS);
    }
    int closed = returned ? weir_result_close(&returned) : WEIR_OK;
    weir_stmt_free(&stmt);
    int first = leave(&connection, count, BEFORE, BEFORE + SETS);
    return test_first(first, closed);
}

static int update_and_delete(weir_engine *engine, test_database *db)
{
    static const struct part changed[] = { { 3, "c", { 30, true } }, { 1, "a", { 10, true } }, { 2, "b", { 0, false } } };
    (void)db;
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *update = weir_update(&part_entity), *delete = weir_delete(&part_entity);
    weir_set_columns(update, WEIR_COL(part, name), WEIR_COL(part, weight));
    int64_t count = weir_connection_execute_many(connection, update, changed, 3);
    if (count >= 0)
        count = weir_connection_execute_many(connection, delete, changed, 2);
    weir_stmt_free(&update);
    weir_stmt_free(&delete);
    return leave(&connection, count, BEFORE, BEFORE - 2);
}

static int upsert_dicts(weir_engine *engine, test_database *db)
{
    weir_dict dicts[] = {
        WEIR_DICT({ "id", WEIR_VALUE((int64_t)7) }, { "name", WEIR_VALUE("seven") }), WEIR_DICT({ "id", WEIR_VALUE((int64_t)2) }, { "name", WEIR_VALUE("zwei") }),
        WEIR_DICT({ "id", WEIR_VALUE((int64_t)7) }, { "name", WEIR_VALUE("again") }),
    };
    (void)db;
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_insert(&part_entity), *text = weir_sql("UPDATE parts SET name = :name WHERE id = :id");
    weir_on_conflict_do_update(stmt, WEIR_CONFLICT_OPTIONS(.columns = WEIR_EXPRS(WEIR_COL(part, id))));
    int64_t count = weir_connection_execute_dicts(connection, stmt, dicts, 3, NULL), before = BEFORE + (count >= 0);
    if (count >= 0)
        count = weir_connection_execute_dicts(connection, text, dicts, 2, NULL);
    weir_stmt_free(&stmt);
    weir_stmt_free(&text);
    return leave(&connection, count, before, BEFORE + 1);
}

static int insert_columns(weir_engine *engine, test_database *db)
{
    int64_t ids[SETS];
    const char *names[SETS];
    for (int i = 0; i < SETS; i++) {
        ids[i] = 100 + i;
        names[i] = i == 4 ? NULL : "named";
    }
    (void)db;
    const weir_column_values columns[] = { { "id", WEIR_M_INT64, ids, 0 }, { "name", WEIR_M_CSTR, names, 0 } };
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_insert(&part_entity);
    int64_t count = weir_connection_execute_columns(connection, stmt, columns, 2, SETS, NULL);
    weir_stmt_free(&stmt);
    return leave(&connection, count, BEFORE, BEFORE + SETS);
}

/* A set that the database refuses is found by halves; the error is its, or that there was no memory. */
static int insert_one_twice(weir_engine *engine, test_database *db)
{
    struct part parts[SETS];
    (void)db;
    make_parts(parts);
    parts[8].id = 2;
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_insert(&part_entity);
    int64_t count = weir_connection_execute_many(connection, stmt, parts, SETS);
    assert_true(count < 0);
    const weir_error *error = weir_connection_error(connection);
    assert_int_equal(error->status, count);
    if (count == WEIR_INTEGRITY)
        assert_int_equal(error->row, 9);
    weir_stmt_free(&stmt);
    int first = leave(&connection, count, BEFORE, BEFORE);
    return first == WEIR_INTEGRITY ? WEIR_OK : first;
}

static int write_by_session(weir_engine *engine, test_database *db)
{
    struct part parts[SETS];
    (void)db;
    make_parts(parts);
    weir_session *session = weir_session_open(engine);
    weir_stmt *insert = weir_insert(&part_entity), *select = weir_select(&part_entity), *update = weir_update(&part_entity);
    int first = weir_session_error(session)->status;
    int64_t count = first == WEIR_OK ? weir_session_execute_many(session, insert, parts, SETS, NULL) : first;
    if (count >= 0)
        assert_int_equal(count, SETS);
    first = test_first(first, (int)count);
    weir_set(update, WEIR_COL(part, name), "set");
    weir_where(update, WEIR_GT(WEIR_COL(part, id), 2));
    weir_order_by(select, WEIR_ASC(WEIR_COL(part, id)));
    if (first == WEIR_OK) {
        weir_result *result = weir_session_scalars(session, select);
        const weir_partition *all = weir_result_all(result);
        if (all)
            assert_int_equal(all->count, BEFORE + SETS);
        weir_result *updated = weir_session_execute(session, update);
        int second = weir_result_close(&updated);
        const struct part *fifth = all ? all->instances[5] : NULL;
        if (fifth && second == WEIR_OK && !(weir_state_of(fifth) & WEIR_STATE_EXPIRED))      /* else it is read again when it is needed */
            assert_string_equal(fifth->name, "set");
        first = test_first(weir_result_close(&result), second);
    }
    weir_stmt_free(&insert);
    weir_stmt_free(&select);
    weir_stmt_free(&update);
    first = test_first(first, weir_session_rollback(session));
    return test_first(first, weir_session_close(&session));
}

/* ---- COPY -------------------------------------------------------------------------------------------------------------------------------- */

static int copy_structs(weir_engine *engine, test_database *db)
{
    struct part parts[SETS];
    (void)db;
    make_parts(parts);
    weir_connection *connection = weir_engine_connect(engine);
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.entity = &part_entity));
    int first = weir_copy_structs(copy, parts, SETS);
    const weir_value values[] = { weir_value_int(500), weir_value_cstr("as text"), weir_value_null() };
    first = test_first(first, first == WEIR_OK ? weir_copy_values(copy, values, 3) : first);
    int64_t count = weir_copy_finish(&copy);
    if (first != WEIR_OK && count >= 0) {       /* a row that was refused; those before it are there */
        weir_connection_rollback(connection);
        count = first;
    }
    return leave(&connection, count, BEFORE, BEFORE + SETS + 1);
}

static int copy_upsert(weir_engine *engine, test_database *db)
{
    static const char *const columns[] = { "id", "name", NULL }, *const key[] = { "id", NULL };
    (void)db;
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *stmt = weir_sql("SELECT id + 2, name FROM parts ORDER BY id");
    weir_copy *copy = weir_copy_open(connection, WEIR_COPY_OPTIONS(.table = "parts", .columns = columns, .upsert = key));
    weir_connection *other = weir_engine_connect(engine);
    weir_result *rows = weir_connection_execute(other, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 2));
    int first = weir_copy_result(copy, rows);
    first = test_first(first, weir_result_close(&rows));
    first = test_first(first, weir_connection_close(&other));
    int64_t count = first == WEIR_OK ? weir_copy_finish(&copy) : first;
    if (first != WEIR_OK)
        weir_copy_abort(&copy);
    weir_stmt_free(&stmt);
    return leave(&connection, count, BEFORE, BEFORE + 2);
}

/* ---- imports ----------------------------------------------------------------------------------------------------------------------------- */

static char csv_path[200], jsonl_path[200], rejects_path[220];

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int import_with(weir_engine *engine, const char *path, const weir_import_options *options, int64_t rows)
{
    weir_error error;
    weir_connection *connection = weir_engine_connect(engine);
    int status = weir_import_file(connection, path, options, NULL, &error);
    if (status != WEIR_OK)
        assert_int_equal(error.status, status);
    return leave(&connection, status, BEFORE, rows);
}

static int import_files(weir_engine *engine, test_database *db)
{
    static const char *const key[] = { "id", NULL };
    (void)db;
    int first = import_with(engine, csv_path, WEIR_IMPORT_OPTIONS(.table = "parts"), BEFORE + 3);
    first = test_first(first, first == WEIR_OK ? import_with(engine, jsonl_path, WEIR_IMPORT_OPTIONS(.table = "parts", .upsert = key), BEFORE + 2) : first);
    if (first == WEIR_OK) {
        unlink(rejects_path);
        first = import_with(engine, jsonl_path, WEIR_IMPORT_OPTIONS(.table = "parts", .rejects = rejects_path), BEFORE + 2);
    }
    return first;
}

/* ---- the tests --------------------------------------------------------------------------------------------------------------------------- */

static void test_parameter_sets_without_memory(void **state)
{
    test_database *db = *state;
    make_table(db);
    test_fail_allocations(db, "parameter sets: inserted, returned", insert_structs, 0);
    test_fail_allocations(db, "parameter sets: updated, deleted by key", update_and_delete, 0);
    test_fail_allocations(db, "parameter sets: upserts, dictionaries", upsert_dicts, 0);
    test_fail_allocations(db, "parameter sets: arrays by column", insert_columns, 0);
    test_fail_allocations(db, "parameter sets: one is refused", insert_one_twice, 0);
    test_fail_allocations(db, "parameter sets of a session, bulk update", write_by_session, 0);
}

static void test_copies_without_memory(void **state)
{
    test_database *db = *state;
    make_table(db);
    test_fail_allocations(db, "COPY in of structs and values", copy_structs, 0);
    test_fail_allocations(db, "COPY in of a stream, upsert", copy_upsert, 0);
}

static void test_imports_without_memory(void **state)
{
    test_database *db = *state;
    const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : test_environment("WEIR_TEST_DIR");
    make_table(db);
    snprintf(csv_path, sizeof csv_path, "%s/weir-import-%d.csv", directory, (int)getpid());
    snprintf(jsonl_path, sizeof jsonl_path, "%s/weir-import-%d.jsonl", directory, (int)getpid());
    snprintf(rejects_path, sizeof rejects_path, "%s.rejects", jsonl_path);
    write_text(csv_path, "id,name,weight\n20,\"with, comma\",1\n21,,\n22,\"two\nlines\",3\n");
    write_text(jsonl_path, "{\"id\": 30, \"name\": \"thirty \\u00e9\", \"weight\": 1}\n{\"id\": 1, \"name\": \"uno\"}\n{\"id\": 31}\n");
    test_fail_allocations(db, "imports: CSV, JSON lines, upsert, rejects", import_files, 0);
    unlink(csv_path);
    unlink(jsonl_path);
    unlink(rejects_path);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_parameter_sets_without_memory),
        ON_BOTH(test_copies_without_memory),
        ON_BOTH(test_imports_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
