/* Directories of parts that are continued from a checkpoint: the parts are those of one run wherever it was broken off. */
#include "support.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 12, PART = 3 };
#define QUERY "SELECT id, 'row \"' || id || '\"' AS text, CASE WHEN id % 3 = 0 THEN NULL ELSE id END AS third FROM orders"

typedef struct place { const char *format; char root[300], parts[340], reference[340]; } place;

static place new_place(test_database *db, const char *format)
{
    place p = { .format = format };
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : test_environment("WEIR_TEST_DIR");
    snprintf(p.root, sizeof p.root, "%s/weir-directory-%s-%d-XXXXXX", root, db->dialect, test_world_is_task());
    assert_non_null(mkdtemp(p.root));
    snprintf(p.parts, sizeof p.parts, "%s/parts", p.root);
    snprintf(p.reference, sizeof p.reference, "%s/reference", p.root);
    return p;
}

static int shell(const char *format, const char *a, const char *b)
{
    char command[900];
    snprintf(command, sizeof command, format, a, b);
    return system(command);
}

static void remove_place(const place *p) { assert_int_equal(shell("rm -rf %s", p->root, ""), 0); }
static void remove_parts(const place *p) { assert_int_equal(shell("rm -rf %s", p->parts, ""), 0); }
static void same_parts(const place *p) { assert_int_equal(shell("diff -r %s %s >&2", p->parts, p->reference), 0); }

/* Files whose names do not begin with a point. */
static size_t count_files(const char *directory)
{
    size_t count = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL; )
        count += entry->d_name[0] != '.';
    closedir(d);
    return count;
}

static weir_checkpoint *new_checkpoint(test_database *db)
{
    weir_stmt *stmt = weir_sql(QUERY);
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    weir_stmt_free(&stmt);
    assert_error(weir_checkpoint_error(checkpoint), WEIR_OK);
    return checkpoint;
}

static weir_writer *open_parts(const place *p, weir_checkpoint *checkpoint)
{
    return weir_writer_open(p->parts, WEIR_WRITER_OPTIONS(.format = p->format, .partition_rows = PART, .checkpoint = checkpoint));
}

static void write_reference(test_database *db, const place *p)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(QUERY " ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_writer *writer = weir_writer_open(p->reference, WEIR_WRITER_OPTIONS(.format = p->format, .partition_rows = PART));
    assert_int_equal(weir_writer_result(writer, result), WEIR_OK);
    close_result_ok(&result);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
}

/* `rows` rows more in batches of `batch`, then it breaks off, by an abort or as a killed process does (which leaves the part under way);
 * rows < 0: to the end. Gives the rows of the parts that were there. */
static int64_t run(test_database *db, const place *p, int64_t rows, int64_t batch)
{
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer *writer = open_parts(p, checkpoint);
    assert_error(weir_writer_error(writer), WEIR_OK);
    int64_t before = weir_writer_rows(writer), done = 0;
    if (!weir_writer_complete(writer)) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = batch)));
        assert_int_equal(weir_writer_columns(writer, weir_resume_result(stream)), WEIR_OK);
        for (const weir_partition *part; done != rows && (part = weir_resume_fetchmany(stream, 0)) != NULL; ) {
            size_t count = rows >= 0 && (int64_t)part->count > rows - done ? (size_t)(rows - done) : part->count;
            assert_error((weir_writer_many(writer, part->rows, count), weir_writer_error(writer)), WEIR_OK);
            assert_int_equal(weir_resume_ack(stream, count), WEIR_OK);
            assert_int_equal(weir_writer_save(writer), WEIR_OK);
            done += (int64_t)count;
        }
        assert_int_equal(weir_resume_close(&stream), WEIR_OK);
        close_connection_ok(&connection);
    }
    if (rows >= 0)
        weir_writer_abort(&writer);
    else
        assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    weir_checkpoint_free(&checkpoint);
    return before;
}

static void test_from_each_prefix_the_parts_are_those_of_one_run(void **state)
{
    test_database *db = *state;
    static const char *const formats[] = { "parquet", "csv", "jsonl", "arrow" };
    test_fixture(db, ROWS + 1);
    for (int f = 0; f < 4; f++) {
        place p = new_place(db, formats[f]);
        write_reference(db, &p);
        for (int64_t k = 0; k <= ROWS + 1; k++) {
            assert_int_equal(run(db, &p, k, 2 + k % 5), 0);
            int64_t whole = k > 0 ? (k - 1) / PART * PART : 0;          /* a part ends when the row behind it comes */
            assert_int_equal(count_files(p.parts), whole / PART);
            assert_int_equal(run(db, &p, -1, 4), whole);
            same_parts(&p);
            remove_parts(&p);
        }
        for (int64_t at = 0; at < ROWS; at += PART)                     /* a part per run */
            assert_int_equal(run(db, &p, PART + 1, 7), at);
        run(db, &p, -1, 1);
        same_parts(&p);
        remove_place(&p);
    }
}

/* Rows that went between two runs take their parts with them; no part is empty but the only one. */
static void test_no_empty_part_when_the_last_rows_went(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    run(db, &p, 2 * PART + 1, 5);
    test_side_run(db, "DELETE FROM order_lines WHERE order_id > 6; DELETE FROM orders WHERE id > 6");
    assert_int_equal(run(db, &p, -1, 5), 2 * PART);
    assert_int_equal(count_files(p.parts), 2);
    remove_parts(&p);
    write_reference(db, &p);
    run(db, &p, -1, 5);
    same_parts(&p);
    test_side_run(db, "DELETE FROM order_lines; DELETE FROM orders");
    remove_parts(&p);
    run(db, &p, -1, 5);
    assert_int_equal(count_files(p.parts), 1);
    remove_place(&p);
}

/* A place behind rows that nobody acknowledged would lose them. */
static void test_parts_want_their_rows_acknowledged(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer *writer = open_parts(&p, checkpoint);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = 2)));
    int status = WEIR_OK;
    for (const weir_partition *part; status == WEIR_OK && (part = weir_resume_fetchmany(stream, 0)) != NULL; )
        status = weir_writer_many(writer, part->rows, part->count);
    assert_int_equal(status, WEIR_INVALID_REQUEST);
    assert_contains(weir_writer_error(writer)->message, "acknowledged behind each partition");
    assert_int_equal(weir_writer_close(&writer), WEIR_INVALID_REQUEST);
    assert_int_equal(count_files(p.parts), 0);
    assert_int_equal(weir_resume_close(&stream), WEIR_OK);
    weir_checkpoint_free(&checkpoint);
    /* Rows of another statement. */
    checkpoint = new_checkpoint(db);
    writer = open_parts(&p, checkpoint);
    weir_stmt *stmt = weir_sql(QUERY);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_int_equal(weir_writer_result(writer, result), WEIR_INVALID_REQUEST);
    assert_contains(weir_writer_error(writer)->message, "not those of the checkpoint's stream");
    weir_writer_abort(&writer);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    weir_checkpoint_free(&checkpoint);
    close_connection_ok(&connection);
    remove_place(&p);
}

/* The steps of the end of a part, and of the end of all, broken off between any two of them. */
static void test_an_end_that_was_broken_off_is_made_good(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "parquet");
    write_reference(db, &p);
    run(db, &p, PART + 1, 7);
    /* Saved, and without its name; a part under way that nobody removed. */
    assert_int_equal(shell("cd %s && mv part-00000.parquet part-00000.parquet.weir-part && echo half > part-00001.parquet.weir-part%s", p.parts, ""), 0);
    assert_int_equal(run(db, &p, 2 * PART, 7), PART);
    assert_int_equal(shell("cp -rp %s %s/saved", p.parts, p.root), 0);
    run(db, &p, -1, 7);
    same_parts(&p);
    /* All parts are whole, the last one has no name or has it, and the checkpoint says so. */
    remove_parts(&p);
    assert_int_equal(shell("mv %s/saved %s", p.root, p.parts), 0);
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer *writer = open_parts(&p, checkpoint);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, NULL);
    for (const weir_partition *part; (part = weir_resume_fetchmany(stream, 0)) != NULL; ) {
        assert_int_equal(weir_writer_many(writer, part->rows, part->count), WEIR_OK);
        assert_int_equal(weir_resume_ack(stream, part->count), WEIR_OK);
    }
    assert_int_equal(weir_resume_close(&stream), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(shell("mkdir %s/part-00003.parquet%s", p.parts, ""), 0);       /* in the way of the last name */
    assert_int_equal(weir_writer_finish(writer), WEIR_IO);
    assert_int_equal(weir_writer_close(&writer), WEIR_IO);
    weir_checkpoint_free(&checkpoint);
    assert_int_equal(shell("cd %s && rmdir part-00003.parquet && cp -p .weir-checkpoint ../kept%s", p.parts, ""), 0);
    assert_int_equal(run(db, &p, -1, 7), ROWS);
    same_parts(&p);
    assert_int_equal(shell("mv %s/kept %s/.weir-checkpoint", p.root, p.parts), 0);
    assert_int_equal(run(db, &p, -1, 7), ROWS);
    same_parts(&p);
    remove_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_from_each_prefix_the_parts_are_those_of_one_run),
        ON_BOTH(test_no_empty_part_when_the_last_rows_went),
        ON_BOTH(test_parts_want_their_rows_acknowledged),
        ON_BOTH(test_an_end_that_was_broken_off_is_made_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
