/* Files written and read by a program: a stream into a file and the file into a table again, in a thread and in a task. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "loops.h"
#include "support.h"
#include "support_task.h"

enum { ROWS = 20000 };

static void make_tables(test_database *db, int rows)
{
    char sql[512];
    test_side_run(db, "CREATE TABLE things(id bigint PRIMARY KEY, name text, amount numeric(20, 4), at timestamp)");
    test_side_run(db, "CREATE TABLE again(id bigint PRIMARY KEY, name text, amount numeric(20, 4), at timestamp)");
    snprintf(sql, sizeof sql, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO things "
             "SELECT i, CASE i %% 3 WHEN 0 THEN NULL WHEN 1 THEN 'a,\"b' ELSE '' END, i * 1.25, '2024-05-01T12:30:00' FROM n WHERE i <= %d",
             rows ? rows : 1, rows);
    test_side_run(db, sql);
}

static void path_of(char path[64], const char *suffix)
{
    snprintf(path, 64, "/tmp/weir-transfer-%ld%s", (long)getpid(), suffix);
}

static int64_t export_to(test_database *db, const char *path)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *query = weir_sql("SELECT id, name, amount, at FROM things ORDER BY id");
    weir_yield_per(query, 500);
    weir_result *result = weir_connection_execute(connection, query, NULL);
    weir_writer *writer = weir_writer_open(path, NULL);
    assert_status(weir_writer_result(writer, result), WEIR_OK);
    int64_t rows = weir_writer_rows(writer);
    assert_status(weir_writer_close(&writer), WEIR_OK);
    close_result_ok(&result);
    weir_stmt_free(&query);
    close_connection_ok(&connection);
    return rows;
}

static void test_a_stream_goes_through_a_file_into_another_table(void **state)
{
    test_database *db = *state;
    static const int sizes[] = { 0, 1, 499, 500, 501, ROWS };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int format = 0; format < 2; format++) {
            char path[64];
            weir_import_figures figures;
            weir_error error;
            path_of(path, format ? ".jsonl" : ".csv");
            test_side_run(db, "DROP TABLE IF EXISTS things");
            test_side_run(db, "DROP TABLE IF EXISTS again");
            make_tables(db, sizes[i]);
            assert_int_equal(export_to(db, path), sizes[i]);
            weir_connection *connection = weir_engine_begin(db->engine);
            int status = weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "again"), &figures, &error);
            if (status != WEIR_OK)
                assert_error(&error, WEIR_OK);
            close_connection_ok(&connection);
            assert_int_equal(figures.written, sizes[i]);
            assert_int_equal(test_side_int(db, "SELECT count(*) FROM again"), sizes[i]);
            if (db->postgresql)
                assert_int_equal(test_side_int(db, "SELECT count(*) FROM (SELECT * FROM things EXCEPT SELECT * FROM again) AS x"), 0);
            unlink(path);
        }
    }
}

static void test_a_failed_import_leaves_the_table_as_it_was(void **state)
{
    test_database *db = *state;
    char path[64];
    weir_import_figures figures;
    weir_error error;
    make_tables(db, 10);
    test_side_run(db, "INSERT INTO again SELECT * FROM things WHERE id <= 3");
    path_of(path, ".csv");
    for (int bad = 2; bad <= 5002; bad += 1250) {
        FILE *file = fopen(path, "w");
        fputs("id,name\n", file);
        for (int i = 2; i < 6000; i++)
            fprintf(file, "%d,x\n", i == bad ? 1 : i + 100);      /* key 1 is there already */
        assert_int_equal(fclose(file), 0);
        weir_connection *connection = weir_engine_connect(db->engine);
        assert_status(weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "again"), &figures, &error), WEIR_INTEGRITY);
        assert_int_equal(error.row, bad);
        assert_contains(error.message, "line ");
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM again"), 3);
        close_connection_ok(&connection);
    }
    unlink(path);
}

static void cancel_once(const weir_import_figures *figures, void *connection)
{
    if (figures->records <= 1024)       /* a batch was just committed: nothing runs that a cancel could stop */
        assert_status(weir_connection_cancel(connection), WEIR_OK);
}

static void test_a_cancel_between_two_batches_ends_an_import(void **state)
{
    test_database *db = *state;
    char path[64];
    weir_error error;
    make_tables(db, 0);
    path_of(path, ".csv");
    FILE *file = fopen(path, "w");
    fputs("id,name\n", file);
    for (int i = 0; i < 5000; i++)
        fprintf(file, "%d,x\n", i);
    assert_int_equal(fclose(file), 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    assert_status(weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "again", .batch = 1024, .progress = cancel_once, .context = connection), NULL,
                                   &error), WEIR_CANCELLED);
    assert_contains(error.detail, "what stands up to line 1025 is committed");
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_status(weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "again", .batch = 5000, .upsert = (const char *const[]){ "id", NULL }), NULL,
                                   &error), WEIR_OK);           /* that cancel is over */
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM again"), 5000);
    unlink(path);
}

static void test_rejects_do_not_fail_a_begin_block(void **state)
{
    test_database *db = *state;
    char path[64], rejects[64];
    weir_import_figures figures;
    weir_error error;
    make_tables(db, 10);
    path_of(path, ".csv");
    path_of(rejects, ".rejects");
    FILE *file = fopen(path, "w");
    fputs("id,name\n1,a\n1,b\nx,c\n2,d\n", file);
    assert_int_equal(fclose(file), 0);
    weir_connection *connection = weir_engine_begin(db->engine);
    assert_status(weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "again", .rejects = rejects), &figures, &error), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(figures.records, 4);
    assert_int_equal(figures.written, 2);
    assert_int_equal(figures.rejected, 2);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM again"), 2);
    unlink(path);
    unlink(rejects);
}

/* What is no record's fault ends it, and takes back the batches before it, too. */
static void test_a_failure_takes_back_earlier_batches(void **state)
{
    test_database *db = *state;
    char path[64], rejects[64];
    weir_import_figures figures;
    weir_error error;
    make_tables(db, 0);
    test_side_run(db, "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 5500 THEN "
                      "RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$");
    test_side_run(db, "CREATE TRIGGER full_disk BEFORE INSERT ON again FOR EACH ROW EXECUTE FUNCTION full_disk()");
    path_of(path, ".csv");
    path_of(rejects, ".rejects");
    FILE *file = fopen(path, "w");
    fputs("id,name\n", file);
    for (int i = 1; i <= 6000; i++)
        fprintf(file, "%d,x\n", i);
    assert_int_equal(fclose(file), 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "INSERT INTO again (id) VALUES (-1)");
    int status = weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "again", .rejects = rejects), &figures, &error);
    assert_status(status, WEIR_OPERATIONAL);
    assert_string_equal(error.sqlstate, "53100");
    assert_int_equal(figures.written, 0);
    assert_int_equal(figures.rejected, 0);
    assert_status(weir_connection_commit(connection), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM again"), 1);       /* what the transaction did before stays */
    unlink(path);
    unlink(rejects);
}

static void test_a_killed_connection_ends_an_import_and_nothing_stays(void **state)
{
    test_database *db = *state;
    char path[64], sql[128];
    weir_import_figures figures;
    weir_error error;
    make_tables(db, 0);
    path_of(path, ".csv");
    FILE *file = fopen(path, "w");
    fputs("id,name\n", file);
    for (int i = 0; i < 200000; i++)
        fprintf(file, "%d,some text that takes room\n", i);
    assert_int_equal(fclose(file), 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    run_ok(connection, "SELECT 1");
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", weir_connection_backend_pid(connection));
    test_side_run(db, sql);
    int status = weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "again"), &figures, &error);
    assert_status(status, WEIR_OPERATIONAL);
    assert_true(error.disconnect);
    weir_connection_rollback(connection);
    assert_status(weir_connection_close(&connection), WEIR_OK);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM again"), 0);
    unlink(path);
}

static void test_a_table_made_like_another(void **state)
{
    test_database *db = *state;
    weir_error error;
    make_tables(db, 3);
    weir_connection *connection = weir_engine_begin(db->engine);
    if (weir_create_like(connection, "things", connection, "like \"it\"", &error) != WEIR_OK)
        assert_error(&error, WEIR_OK);
    run_ok(connection, "INSERT INTO \"like \"\"it\"\"\" SELECT * FROM things");
    assert_status(weir_create_like(connection, "no such table", connection, NULL, &error), WEIR_PROGRAMMING);
    close_connection_ok(&connection);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM \"like \"\"it\"\"\""), 3);
}

/* ---- outside of tasks --------------------------------------------------------------------------------------------------------- */
static int seen;

static const char *refused_path(void)
{
    static char path[80];
    snprintf(path, sizeof path, "/tmp/weir-transfer-refused-%ld.csv", (long)getpid());
    return path;
}

static void write_outside(void *engine)
{
    weir_error error;
    weir_writer *writer = weir_writer_open(refused_path(), NULL);
    seen = weir_writer_error(writer)->status;
    weir_writer_abort(&writer);
    weir_connection *none = weir_engine_connect(engine);
    assert_status(weir_import_file(none, "-", WEIR_IMPORT_OPTIONS(.table = "x"), NULL, &error), WEIR_WOULD_BLOCK);
    assert_status(weir_connection_close(&none), WEIR_WOULD_BLOCK);
}

/* A COPY that a task opened, aborted in a callback. */
typedef struct half_done {
    weir_engine *engine;
    weir_connection *connection;
    weir_copy *copy;
    const weir_task *opener;
    const loop_kind *kind;
    void *own;
} half_done;

static int open_copy(void *argument)
{
    half_done *work = argument;
    weir_value value = WEIR_VALUE(1);
    work->connection = weir_engine_connect(work->engine);
    work->copy = weir_copy_open(work->connection, WEIR_COPY_OPTIONS(.table = "again", .columns = (const char *const[]){ "id", NULL }));
    assert_status(weir_copy_values(work->copy, &value, 1), WEIR_OK);
    return WEIR_OK;
}

static void abort_outside(void *argument)
{
    half_done *work = argument;
    weir_value value = WEIR_VALUE(2);
    if (!weir_task_ended(work->opener)) {
        work->kind->call_after(work->own, 20, abort_outside, work);
        return;
    }
    assert_true(weir_copy_values(work->copy, &value, 1) < 0);
    weir_copy_abort(&work->copy);
    assert_true(weir_connection_invalidated(work->connection));
    assert_status(weir_connection_close(&work->connection), WEIR_OK);
}

static void test_a_copy_is_aborted_on_a_loops_thread(void **state)
{
    test_database *db = *state;
    const loop_kind *kind = loop_under_test();
    weir_loop *tasks;
    half_done work = { .engine = db->engine, .kind = kind };
    if (test_world_is_task())
        return;                         /* it runs a loop of its own */
    make_tables(db, 3);
    void *own = work.own = kind->make(&tasks);
    weir_task *task = weir_task_spawn(tasks, open_copy, &work);
    work.opener = task;
    kind->call_after(own, 20, abort_outside, &work);
    kind->run(own, tasks);
    assert_status(weir_task_join(&task, NULL), WEIR_OK);
    assert_status(kind->close(&tasks), WEIR_OK);
    kind->drop(own);
    assert_int_equal(test_side_int(db, "SELECT count(*) FROM again"), 0);
}

/* A file that got its name is finished, and says so: the next wait is told. What is still to be written is given up. */
static void test_a_task_that_is_cancelled_as_its_file_ends(void **state)
{
    test_database *db = *state;
    char path[64];
    path_of(path, "-ending.csv");
    for (int rows = 0; rows < 2 && weir_task_current(); rows++) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_writer *writer = weir_writer_open(path, NULL);
        weir_stmt *stmt = weir_sql("SELECT 1 AS one");
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        if (rows)
            assert_status(weir_writer_result(writer, result), WEIR_OK);
        weir_stmt_free(&stmt);
        close_result_ok(&result);
        close_connection_ok(&connection);
        weir_task_cancel(weir_task_current());
        assert_status(weir_writer_close(&writer), rows ? WEIR_CANCELLED : WEIR_OK);
        assert_int_equal(access(path, F_OK), rows ? -1 : 0);
        assert_status(weir_sleep(1), rows ? WEIR_OK : WEIR_CANCELLED);
        unlink(path);
    }
}

static void test_files_are_refused_on_a_loops_thread(void **state)
{
    test_database *db = *state;
    const loop_kind *kind = loop_under_test();
    weir_loop *tasks;
    if (test_world_is_task())
        return;                         /* it runs a loop of its own */
    void *own = kind->make(&tasks);
    kind->call_after(own, 20, write_outside, db->engine);
    kind->run(own, tasks);
    assert_status(kind->close(&tasks), WEIR_OK);
    kind->drop(own);
    assert_status(seen, WEIR_WOULD_BLOCK);
    assert_int_not_equal(access(refused_path(), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_stream_goes_through_a_file_into_another_table),
        ON_BOTH(test_a_failed_import_leaves_the_table_as_it_was),
        ON_BOTH(test_a_cancel_between_two_batches_ends_an_import),
        ON_BOTH(test_rejects_do_not_fail_a_begin_block),
        ON_POSTGRESQL(test_a_failure_takes_back_earlier_batches),
        ON_POSTGRESQL(test_a_killed_connection_ends_an_import_and_nothing_stays),
        ON_BOTH(test_a_table_made_like_another),
        ON_BOTH(test_a_copy_is_aborted_on_a_loops_thread),
        ON_BOTH(test_a_task_that_is_cancelled_as_its_file_ends),
        ON_BOTH(test_files_are_refused_on_a_loops_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
