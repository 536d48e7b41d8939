/* Files that are continued from a checkpoint: byte for byte what one run writes, whatever stood behind the last save; and what is refused. */
#include "support.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 12 };
#define QUERY "SELECT id, 'row \"' || id || '\"' AS text, CASE WHEN id % 3 = 0 THEN NULL ELSE id END AS third FROM orders"

typedef struct place { char directory[300], file[340], part[360], checkpoint[380], reference[340]; } place;

static place new_place(test_database *db, const char *format)
{
    place p;
    /* In memory, where it can be: some hundred saves wait for the disk each. */
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : test_environment("WEIR_TEST_DIR");
    snprintf(p.directory, sizeof p.directory, "%s/weir-parts-%s-%d-XXXXXX", root, db->dialect, test_world_is_task());
    assert_non_null(mkdtemp(p.directory));
    snprintf(p.file, sizeof p.file, "%s/out.%s", p.directory, format);
    snprintf(p.part, sizeof p.part, "%s.weir-part", p.file);
    snprintf(p.checkpoint, sizeof p.checkpoint, "%s.weir-checkpoint", p.file);
    snprintf(p.reference, sizeof p.reference, "%s/reference.%s", p.directory, format);
    return p;
}

static void remove_place(const place *p)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf %s", p->directory);
    assert_int_equal(system(command), 0);
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static char *contents(const char *path, size_t *length)
{
    static char bytes[2][8192];
    static int next;
    char *b = bytes[next = !next];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    *length = fread(b, 1, sizeof bytes[0], f);
    fclose(f);
    return b;
}

static void same_files(const char *a, const char *b)
{
    size_t x, y;
    const char *one = contents(a, &x), *two = contents(b, &y);
    assert_int_equal(x, y);
    assert_memory_equal(one, two, x);
}

static weir_checkpoint *new_checkpoint(test_database *db)
{
    weir_stmt *stmt = weir_sql(QUERY);
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    weir_stmt_free(&stmt);
    assert_error(weir_checkpoint_error(checkpoint), WEIR_OK);
    return checkpoint;
}

static void write_reference(test_database *db, const place *p)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(QUERY " ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_writer *writer = weir_writer_open(p->reference, NULL);
    assert_int_equal(weir_writer_result(writer, result), WEIR_OK);
    close_result_ok(&result);
    assert_int_equal(weir_writer_close(&writer), WEIR_OK);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
}

/* One run: `rows` rows more, the place saved behind each `every`-th of them (0: never), then it breaks off; rows < 0: to the end. Gives the
 * rows that the file had when it began. */
static int64_t run(test_database *db, const place *p, int64_t rows, int64_t every, const weir_writer_options *given)
{
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer_options options = given ? *given : *WEIR_WRITER_OPTIONS(.header = WEIR_ON);
    options.checkpoint = checkpoint;
    weir_writer *writer = weir_writer_open(p->file, &options);
    assert_error(weir_writer_error(writer), WEIR_OK);
    assert_string_equal(weir_writer_temporary_path(writer), "");
    int64_t before = weir_writer_rows(writer), done = 0;
    if (!weir_writer_complete(writer)) {
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = 5)));
        assert_int_equal(weir_writer_columns(writer, weir_resume_result(stream)), WEIR_OK);
        for (const weir_partition *part; done != rows && (part = weir_resume_fetchmany(stream, 0)) != NULL; )
            for (size_t i = 0; i < part->count && done != rows; i++) {
                assert_int_equal(weir_writer_row(writer, part->rows[i]), WEIR_OK);
                assert_int_equal(weir_resume_ack(stream, i + 1), WEIR_OK);
                if (++done % (every ? every : ROWS + 1) == 0)
                    assert_int_equal(weir_writer_save(writer), WEIR_OK);
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

/* The kept error of a writer that must not open; nothing is changed by it. */
static void refuses(test_database *db, const place *p, const weir_writer_options *given, int status, const char *part)
{
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer_options options = given ? *given : *WEIR_WRITER_OPTIONS(.header = WEIR_ON);
    options.checkpoint = checkpoint;
    weir_writer *writer = weir_writer_open(p->file, &options);
    assert_error(weir_writer_error(writer), status);
    assert_contains(weir_writer_error(writer)->message, part);
    assert_int_equal(weir_writer_close(&writer), status);
    weir_checkpoint_free(&checkpoint);
}

static void append(const char *path, const char *bytes)
{
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    fputs(bytes, f);
    assert_int_equal(fclose(f), 0);
}

/* ---- going on -------------------------------------------------------------------------------------------------------------- */
static void test_from_each_prefix_the_file_is_that_of_one_run(void **state)
{
    test_database *db = *state;
    static const char *const formats[] = { "csv", "jsonl" };
    test_fixture(db, ROWS);
    for (int f = 0; f < 2; f++) {
        place p = new_place(db, formats[f]);
        write_reference(db, &p);
        for (int64_t k = 1; k <= ROWS; k++)
            for (int64_t every = 1; every <= 5; every += 2) {
                assert_int_equal(run(db, &p, k, every, NULL), 0);
                assert_false(exists(p.file));
                append(p.part, "half a row, \"that nobo");
                int64_t expected = k / every * every;
                assert_int_equal(run(db, &p, -1, every, NULL), expected);
                same_files(p.file, p.reference);
                assert_false(exists(p.part) || exists(p.checkpoint));
                assert_int_equal(unlink(p.file), 0);
            }
        for (int64_t at = 0, step = 1; at < ROWS; at += step)       /* one row per run */
            assert_int_equal(run(db, &p, step, 1, NULL), at);
        run(db, &p, -1, 1, NULL);
        same_files(p.file, p.reference);
        remove_place(&p);
    }
}

static void test_nothing_saved_begins_anew(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    write_reference(db, &p);
    run(db, &p, 7, 0, NULL);
    assert_true(exists(p.part));
    assert_false(exists(p.checkpoint));
    assert_int_equal(run(db, &p, -1, 0, NULL), 0);
    same_files(p.file, p.reference);
    run(db, &p, 0, 0, NULL);                        /* not even a row: nothing stays */
    assert_false(exists(p.part));
    assert_int_equal(run(db, &p, -1, 0, NULL), 0);  /* a finished file is written anew */
    same_files(p.file, p.reference);
    remove_place(&p);
}

/* The steps of the end, broken off between any two of them. */
static void test_a_finish_that_was_broken_off_is_made_good(void **state)
{
    test_database *db = *state;
    char kept[400], command[900];
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    write_reference(db, &p);
    /* Data and place are there, the name is not. */
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer *writer = weir_writer_open(p.file, WEIR_WRITER_OPTIONS(.checkpoint = checkpoint));
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, NULL);
    for (const weir_partition *part; (part = weir_resume_fetchmany(stream, 0)) != NULL; )
        for (size_t i = 0; i < part->count; i++)
            assert_int_equal(weir_writer_row(writer, part->rows[i]), WEIR_OK);
    assert_int_equal(weir_resume_close(&stream), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(mkdir(p.file, 0700), 0);       /* in the way of the name */
    assert_int_equal(weir_writer_finish(writer), WEIR_IO);
    assert_int_equal(weir_writer_close(&writer), WEIR_IO);
    weir_checkpoint_free(&checkpoint);
    assert_int_equal(rmdir(p.file), 0);
    assert_true(exists(p.part) && exists(p.checkpoint));
    snprintf(kept, sizeof kept, "%s/kept", p.directory);
    snprintf(command, sizeof command, "cp -p %s %s", p.checkpoint, kept);
    assert_int_equal(system(command), 0);
    assert_int_equal(run(db, &p, -1, 0, NULL), 0);  /* no row was acknowledged, and none is read: the file was whole */
    same_files(p.file, p.reference);
    assert_false(exists(p.part) || exists(p.checkpoint));
    /* The name is there, the checkpoint still, too. */
    assert_int_equal(rename(kept, p.checkpoint), 0);
    run(db, &p, -1, 0, NULL);
    same_files(p.file, p.reference);
    assert_false(exists(p.part) || exists(p.checkpoint));
    remove_place(&p);
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------------- */
static void test_changed_files_are_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    run(db, &p, 6, 3, NULL);
    struct stat part;
    assert_int_equal(stat(p.part, &part), 0);
    int fd = open(p.part, O_RDWR);
    for (off_t at = 0; at < part.st_size; at += 7) {
        char byte, other;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        other = (char)(byte ^ 1);
        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        refuses(db, &p, NULL, WEIR_INVALID_REQUEST, "somebody changed it");
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(ftruncate(fd, part.st_size - 1), 0);
    refuses(db, &p, NULL, WEIR_INVALID_REQUEST, "shorter");
    close(fd);
    assert_int_equal(unlink(p.part), 0);
    refuses(db, &p, NULL, WEIR_INVALID_REQUEST, "it is gone");
    assert_false(exists(p.part));
    append(p.checkpoint, "\n");
    refuses(db, &p, NULL, WEIR_DATA, "no checkpoint");
    remove_place(&p);
}

static void test_other_options_are_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    run(db, &p, 6, 3, NULL);
    refuses(db, &p, WEIR_WRITER_OPTIONS(.header = WEIR_OFF), WEIR_INVALID_REQUEST, "header 1");
    refuses(db, &p, WEIR_WRITER_OPTIONS(.format = "jsonl"), WEIR_INVALID_REQUEST, "format csv");
    refuses(db, &p, WEIR_WRITER_OPTIONS(.null_text = "NULL"), WEIR_INVALID_REQUEST, "text for NULL");
    refuses(db, &p, WEIR_WRITER_OPTIONS(.replace_invalid_text = WEIR_ON), WEIR_INVALID_REQUEST, "replacing");
    run(db, &p, -1, 3, NULL);
    remove_place(&p);
}

static void test_two_writers_of_one_part_are_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer *writer = weir_writer_open(p.file, WEIR_WRITER_OPTIONS(.checkpoint = checkpoint));
    assert_error(weir_writer_error(writer), WEIR_OK);
    refuses(db, &p, NULL, WEIR_IO, "another process");
    assert_true(exists(p.part));
    weir_writer_abort(&writer);
    weir_checkpoint_free(&checkpoint);
    assert_false(exists(p.part));
    remove_place(&p);
}

static void test_links_pipes_and_devices_are_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv"), device = p;
    char victim[400];
    snprintf(victim, sizeof victim, "%s/victim", p.directory);
    append(victim, "precious\n");
    assert_int_equal(symlink(victim, p.part), 0);
    refuses(db, &p, NULL, WEIR_IO, "symbolic link");
    assert_int_equal(unlink(p.part), 0);
    assert_int_equal(link(victim, p.part), 0);
    refuses(db, &p, NULL, WEIR_INVALID_REQUEST, "that name alone");
    assert_int_equal(unlink(p.part), 0);
    assert_int_equal(mkfifo(p.part, 0600), 0);
    refuses(db, &p, NULL, WEIR_INVALID_REQUEST, "not a file");
    assert_int_equal(unlink(p.part), 0);
    assert_int_equal(symlink(victim, p.checkpoint), 0);
    refuses(db, &p, NULL, WEIR_IO, "symbolic link");
    size_t length;
    assert_memory_equal(contents(victim, &length), "precious\n", 9);
    snprintf(device.file, sizeof device.file, "/dev/null");
    refuses(db, &device, NULL, WEIR_INVALID_REQUEST, "no regular file");
    snprintf(device.file, sizeof device.file, "-");
    refuses(db, &device, NULL, WEIR_INVALID_REQUEST, "standard output");
    remove_place(&p);
}

static void test_a_save_wants_all_rows_acknowledged(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    weir_checkpoint *checkpoint = new_checkpoint(db);
    weir_writer *writer = weir_writer_open(p.file, WEIR_WRITER_OPTIONS(.checkpoint = checkpoint));
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, NULL);
    const weir_partition *part = weir_resume_fetchmany(stream, 0);
    assert_int_equal(weir_writer_row(writer, part->rows[0]), WEIR_OK);
    assert_int_equal(weir_writer_row(writer, part->rows[1]), WEIR_OK);
    assert_int_equal(weir_resume_ack(stream, 1), WEIR_OK);
    assert_int_equal(weir_writer_save(writer), WEIR_INVALID_REQUEST);
    assert_contains(weir_writer_error(writer)->message, "2 rows are written and 1 acknowledged");
    assert_int_equal(weir_resume_close(&stream), WEIR_OK);
    close_connection_ok(&connection);
    assert_int_equal(weir_writer_close(&writer), WEIR_INVALID_REQUEST);
    weir_checkpoint_free(&checkpoint);
    writer = weir_writer_open(p.file, NULL);
    assert_int_equal(weir_writer_save(writer), WEIR_INVALID_REQUEST);
    weir_writer_abort(&writer);
    remove_place(&p);
}

static void test_modes_are_private_or_the_old_files(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    place p = new_place(db, "csv");
    struct stat about;
    mode_t mask = umask(022);
    run(db, &p, 6, 3, NULL);
    assert_int_equal(stat(p.checkpoint, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    run(db, &p, -1, 3, NULL);
    assert_int_equal(stat(p.file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0644);
    assert_int_equal(chmod(p.file, 0600), 0);
    run(db, &p, 6, 3, NULL);
    assert_int_equal(stat(p.part, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    run(db, &p, -1, 3, NULL);
    assert_int_equal(stat(p.file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    umask(mask);
    remove_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_from_each_prefix_the_file_is_that_of_one_run),
        ON_BOTH(test_nothing_saved_begins_anew),
        ON_BOTH(test_a_finish_that_was_broken_off_is_made_good),
        ON_BOTH(test_changed_files_are_refused),
        ON_BOTH(test_other_options_are_refused),
        ON_BOTH(test_two_writers_of_one_part_are_refused),
        ON_BOTH(test_links_pipes_and_devices_are_refused),
        ON_BOTH(test_a_save_wants_all_rows_acknowledged),
        ON_BOTH(test_modes_are_private_or_the_old_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
