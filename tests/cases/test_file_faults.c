/* A disk that fails: each write, fsync, rename, truncation and creation of a file in its turn, alone and with all that come behind it. The
 * error is told, no file has its final name unless it is whole, nothing temporary stays, and what can be gone on with is gone on with to
 * the same bytes. WEIR_TEST_EVERY=n tries every n-th call; by default some 16 of each scenario. */
#include "support.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROWS = 3000, LARGEST = 1 << 21 };

/* ---- in front of the C library's ---------------------------------------------------------------------------------------------------- */

static char folder[200];
static struct { atomic_long calls, fail_at; atomic_bool from_there_on; atomic_int failures; int error; } disk;

static bool fails(void)
{
    long call = atomic_fetch_add(&disk.calls, 1) + 1, at = atomic_load(&disk.fail_at);
    if (!at || call < at || (call > at && !atomic_load(&disk.from_there_on)))
        return false;
    atomic_fetch_add(&disk.failures, 1);
    errno = disk.error;
    return true;
}

static bool is_ours(const char *path) { return *folder && strncmp(path, folder, strlen(folder)) == 0; }

static bool file_is_ours(int file)
{
    char link[64], path[600];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = *folder ? readlink(link, path, sizeof path - 1) : -1;
    path[length > 0 ? length : 0] = 0;
    return is_ours(path);
}

/* ---- what a crash would leave: nothing gets its name before it is on disk, and a name is on disk before it is told ----------------------- */

enum { FILES = 64 };
static struct { ino_t files[FILES]; _Atomic int count, names; } unsafe;     /* written and not synced; renamed and not synced */
static pthread_mutex_t unsafe_lock = PTHREAD_MUTEX_INITIALIZER;

static void mark(ino_t file, bool written)
{
    pthread_mutex_lock(&unsafe_lock);
    int at = 0;
    while (at < unsafe.count && unsafe.files[at] != file)
        at++;
    if (written && at == unsafe.count && at < FILES)
        unsafe.files[unsafe.count++] = file;
    else if (!written && at < unsafe.count)
        unsafe.files[at] = unsafe.files[--unsafe.count];
    pthread_mutex_unlock(&unsafe_lock);
}

static void mark_file(int file, bool written)
{
    struct stat about;
    if (fstat(file, &about) != 0)
        return;
    if (S_ISDIR(about.st_mode) && !written)
        unsafe.names = 0;
    else
        mark(about.st_ino, written);
}

static void look_before_rename(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return;
    pthread_mutex_lock(&unsafe_lock);
    for (int at = 0; at < unsafe.count; at++)
        if (unsafe.files[at] == about.st_ino) {
            print_error("%s gets its name before it is on disk\n", path);
            abort();
        }
    pthread_mutex_unlock(&unsafe_lock);
    unsafe.names++;
}

ssize_t failing_write(int file, const void *bytes, size_t length) __asm__("write");
ssize_t failing_pwrite(int file, const void *bytes, size_t length, off_t at) __asm__("pwrite64");
int failing_fsync(int file) __asm__("fsync");
int failing_fdatasync(int file) __asm__("fdatasync");
int failing_rename(const char *from, const char *to) __asm__("rename");
int failing_truncate(int file, off_t length) __asm__("ftruncate64");
int failing_open(const char *path, int flags, ...) __asm__("open64");

/* A full disk takes a part first. */
ssize_t failing_write(int file, const void *bytes, size_t length)
{
    if (file_is_ours(file) && fails()) {
        mark_file(file, true);
        if (errno == ENOSPC && length > 1 && !atomic_load(&disk.from_there_on))
            return syscall(SYS_write, file, bytes, length / 2);
        return -1;
    }
    if (file_is_ours(file))
        mark_file(file, true);
    return syscall(SYS_write, file, bytes, length);
}

static int synced(int file, long call)
{
    if (!file_is_ours(file))
        return (int)syscall(call, file);
    if (fails())
        return -1;
    mark_file(file, false);
    return (int)syscall(call, file);
}

ssize_t failing_pwrite(int file, const void *bytes, size_t length, off_t at)
{
    return file_is_ours(file) && fails() ? -1 : syscall(SYS_pwrite64, file, bytes, length, at);
}

int failing_fsync(int file) { return synced(file, SYS_fsync); }
int failing_fdatasync(int file) { return synced(file, SYS_fdatasync); }
int failing_truncate(int file, off_t length) { return file_is_ours(file) && fails() ? -1 : (int)syscall(SYS_ftruncate, file, length); }

int failing_rename(const char *from, const char *to)
{
    if (is_ours(to) && fails())
        return -1;
    if (is_ours(to))
        look_before_rename(from);
    return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int failing_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (is_ours(path) && flags & (O_CREAT | __O_TMPFILE) && fails())
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ---- the folder ------------------------------------------------------------------------------------------------------------------------ */

static void make_folder(void)
{
    char name[200];
    snprintf(name, sizeof name, "%s/weir-disk-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : test_environment("WEIR_TEST_DIR"));
    assert_non_null(mkdtemp(name));
    memcpy(folder, name, sizeof folder);
}

static int count_files(bool removed)
{
    char path[600];
    int count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL; ) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        count++;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (removed)
            unlink(path);
    }
    closedir(directory);
    return count;
}

static void remove_folder(void)
{
    count_files(true);
    assert_int_equal(rmdir(folder), 0);
    *folder = 0;
}

static char wanted[LARGEST], found[LARGEST];
static size_t wanted_length;

static size_t read_file(const char *name, char *bytes)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t length = fread(bytes, 1, LARGEST, file);
    fclose(file);
    return length;
}

/* ---- what is run ------------------------------------------------------------------------------------------------------------------------ */

typedef struct scenario {
    const char *name, *file, *compression;
    int       (*run)(test_database *db, const struct scenario *s);     /* a status; looks at what is left by itself */
} scenario;

static void path_of(char path[300], const char *name) { snprintf(path, 300, "%s/%s", folder, name); }

static weir_result *all_rows(weir_connection *connection)
{
    weir_stmt *stmt = weir_sql("SELECT id, tenant_id, amount_cents, state FROM orders ORDER BY id");
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 500));
    weir_stmt_free(&stmt);
    return result;
}

static int export_once(test_database *db, const scenario *s)
{
    char path[300];
    path_of(path, s->file);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_result *result = all_rows(connection);
    weir_writer *writer = weir_writer_open(path, WEIR_WRITER_OPTIONS(.compression = s->compression, .row_group_bytes = s->compression ? 16384 : 0));
    int written = weir_writer_result(writer, result);
    weir_error error = *weir_writer_error(writer);
    int status = weir_writer_close(&writer);
    assert_true(written == WEIR_OK || written == status);
    if (error.status != WEIR_OK)
        assert_contains(error.message, strerror(disk.error));
    close_result_ok(&result);
    close_connection_ok(&connection);
    size_t length = read_file(s->file, found);
    if (length && !wanted_length)
        memcpy(wanted, found, wanted_length = length);
    if (length)
        assert_true(length == wanted_length && memcmp(found, wanted, length) == 0);
    if (status == WEIR_OK)
        assert_true(length > 0);
    assert_int_equal(count_files(true), length > 0);
    return status;
}

/* One run into a part, which ends where it fails; with `limit` it stops there by itself, after a save. */
static int write_part(test_database *db, const char *path, int64_t limit)
{
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders");
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    weir_stmt_free(&stmt);
    weir_writer *writer = weir_writer_open(path, WEIR_WRITER_OPTIONS(.checkpoint = checkpoint));
    weir_connection *connection = weir_engine_connect(db->engine);
    int status = weir_writer_error(writer)->status;
    if (status == WEIR_OK && !weir_writer_complete(writer)) {
        weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = 700)));
        status = weir_resume_error(stream)->status;
        status = status == WEIR_OK ? weir_writer_columns(writer, weir_resume_result(stream)) : status;
        for (const weir_partition *p; status == WEIR_OK && weir_writer_rows(writer) < limit && (p = weir_resume_fetchmany(stream, 0)) != NULL; ) {
            status = weir_writer_many(writer, p->rows, p->count);
            if (status == WEIR_OK)
                status = weir_resume_ack(stream, p->count);
            if (status == WEIR_OK)
                status = weir_writer_save(writer);
        }
        int closed = weir_resume_close(&stream);
        status = status == WEIR_OK ? closed : status;
    }
    if (status == WEIR_OK && limit > ROWS)
        status = weir_writer_close(&writer);
    else
        weir_writer_abort(&writer);
    close_connection_ok(&connection);
    weir_checkpoint_free(&checkpoint);
    return status;
}

static int go_on_with_a_part(test_database *db, const scenario *s)
{
    char path[300];
    path_of(path, s->file);
    int status = write_part(db, path, 1000);
    if (status == WEIR_OK)
        status = write_part(db, path, INT64_MAX);
    size_t length = read_file(s->file, found);
    if (length && !wanted_length)
        memcpy(wanted, found, wanted_length = length);
    if (status != WEIR_OK) {        /* the disk is well again: it goes on, or has its end already */
        long at = atomic_exchange(&disk.fail_at, 0);
        if (length == 0)
            assert_status(write_part(db, path, INT64_MAX), WEIR_OK);
        atomic_store(&disk.fail_at, at);
        length = read_file(s->file, found);
    }
    assert_true(length > 0 && length == wanted_length && memcmp(found, wanted, length) == 0);
    count_files(true);
    return status;
}

static int save_a_checkpoint(test_database *db, const scenario *s)
{
    char path[300];
    weir_checkpoint_figures figures;
    path_of(path, s->file);
    weir_stmt *stmt = weir_sql("SELECT id FROM orders");
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    weir_checkpoint *later = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    weir_stmt_free(&stmt);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = 100)));
    int64_t saved = 0, tried = 0;
    int status = WEIR_OK;
    for (int i = 0; i < 3 && status == WEIR_OK; i++) {
        const weir_partition *p = weir_resume_fetchmany(stream, 0);
        assert_non_null(p);
        assert_status(weir_resume_ack(stream, p->count), WEIR_OK);
        tried += (int64_t)p->count;
        status = weir_checkpoint_save(checkpoint, path);
        saved = status == WEIR_OK ? tried : saved;
    }
    assert_status(weir_resume_close(&stream), WEIR_OK);
    /* The one before is whole, or the new one is. */
    assert_status(weir_checkpoint_load(later, path), WEIR_OK);
    weir_checkpoint_info(later, &figures);
    assert_true(figures.rows == saved || figures.rows == tried);
    weir_checkpoint_free(&checkpoint);
    weir_checkpoint_free(&later);
    close_connection_ok(&connection);
    count_files(true);
    return status;
}

static int split_files(test_database *db, const scenario *s)
{
    char path[300];
    path_of(path, s->file);
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders");
    weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 2, .order = "id not null", .range_bytes = 32768));
    int status = weir_parallel_write_split(parallel, path, NULL), closed = weir_parallel_close(&parallel);
    assert_true(status == closed || status == WEIR_OK);
    weir_stmt_free(&stmt);
    bool manifest = read_file("split.manifest.json", found) > 0;
    if (status == WEIR_OK)
        assert_true(manifest);
    if (!manifest)                  /* the files that were finished are removed without it */
        assert_int_equal(count_files(false), 0);
    count_files(true);
    return status;
}

/* What waits for its turn goes to a file without a name. */
static int wait_on_disk(test_database *db, const scenario *s)
{
    char path[300];
    path_of(path, s->file);
    weir_stmt *stmt = weir_sql("SELECT id, state FROM orders");
    weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 3, .order = "id not null", .range_bytes = 32768,
                                                                                         .window_bytes = 1, .spill_directory = folder));
    int status = weir_parallel_write(parallel, path, NULL), closed = weir_parallel_close(&parallel);
    assert_true(status == closed || status == WEIR_OK);
    weir_stmt_free(&stmt);
    size_t length = read_file(s->file, found);
    if (length && !wanted_length)
        memcpy(wanted, found, wanted_length = length);
    if (length)
        assert_true(length == wanted_length && memcmp(found, wanted, length) == 0);
    if (status == WEIR_OK)
        assert_true(length > 0);
    assert_int_equal(count_files(true), length > 0);
    return status;
}

/* A budget's rest, in the way of another statement. */
static int spill_a_budget(test_database *db, const scenario *s)
{
    (void)s;
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql("SELECT id, repeat('w', CASE WHEN id < 200 THEN 10 ELSE 20000 END) FROM generate_series(1, 900) AS id");
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.memory = 512 << 10));
    weir_stmt_free(&stmt);
    int64_t id = 0;
    const weir_row *row = NULL;
    while (id < 3 && (row = weir_result_next(result)) != NULL)
        assert_int_equal(weir_row_int64_at(row, 0), ++id);
    (void)!weir_connection_run(connection, "SELECT 1");
    while ((row = weir_result_next(result)) != NULL)
        assert_int_equal(weir_row_int64_at(row, 0), ++id);
    int status = weir_result_close(&result);
    if (status == WEIR_OK)
        assert_int_equal(id, 900);
    if (weir_connection_rollback(connection) == WEIR_OK)
        assert_int_equal(test_query_int(connection, "SELECT 42"), 42);
    close_connection_ok(&connection);
    return status;
}

static int import_with_rejects(test_database *db, const scenario *s)
{
    char path[300], rejects[300];
    weir_error error;
    path_of(path, s->file);
    path_of(rejects, "rejects.csv");
    long at = atomic_exchange(&disk.fail_at, 0), calls = atomic_load(&disk.calls);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("id,tenant_id,total_cents,status\n5001,1,1,ok\nnonsense,2,2,bad\n5002,1,1,ok\n", file);
    fclose(file);
    atomic_store(&disk.calls, calls);
    atomic_store(&disk.fail_at, at);
    weir_connection *connection = weir_engine_connect(db->engine);
    int status = weir_import_file(connection, path, WEIR_IMPORT_OPTIONS(.table = "invoices", .rejects = rejects), NULL, &error);
    assert_int_equal(error.status, status);
    if (status == WEIR_OK)
        assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices WHERE id > 5000"), 2);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    close_connection_ok(&connection);
    count_files(true);
    return status;
}

/* ---- each call in its turn --------------------------------------------------------------------------------------------------------------- */

static const scenario scenarios[] = {
    { "export csv", "out.csv", NULL, export_once },
    { "export jsonl", "out.jsonl", NULL, export_once },
    { "export parquet", "out.parquet", "zstd", export_once },
    { "export arrow", "out.arrow", NULL, export_once },
    { "a part, gone on with", "part.csv", NULL, go_on_with_a_part },
    { "checkpoints", "place", NULL, save_a_checkpoint },
    { "split files, manifest", "split.csv", NULL, split_files },
    { "ranges that wait on disk", "waited.csv", NULL, wait_on_disk },
    { "import, rejects", "in.csv", NULL, import_with_rejects },
};
static const scenario budget = { "a budget's spill", "", NULL, spill_a_budget };

static int run_once(test_database *db, const scenario *s)
{
    unsafe.count = unsafe.names = 0;
    int status = s->run(db, s);
    if (status == WEIR_OK && unsafe.names)
        fail_msg("%s: well ended, and the directory was not brought to disk behind the last name", s->name);
    return status;
}

static void fail_each(test_database *db, const scenario *s)
{
    long points = 0, told = 0;
    wanted_length = 0;
    atomic_store(&disk.fail_at, 0);
    atomic_store(&disk.calls, 0);
    assert_status(run_once(db, s), WEIR_OK);
    long calls = atomic_load(&disk.calls);
    assert_true(calls > 0);
    const char *every = getenv("WEIR_TEST_EVERY");
    long step = every && *every ? strtol(every, NULL, 10) : 1 + calls / 16;
    for (int way = 0; way < 4; way++)
        for (long at = 1; at <= calls; at += step) {
            disk.error = way & 1 ? EIO : ENOSPC;
            atomic_store(&disk.from_there_on, way > 1);
            atomic_store(&disk.calls, 0);
            atomic_store(&disk.failures, 0);
            atomic_store(&disk.fail_at, at);
            int status = run_once(db, s);
            atomic_store(&disk.fail_at, 0);
            if (status != WEIR_OK && (status != WEIR_IO || atomic_load(&disk.failures) == 0))
                fail_msg("%s: call %ld of %ld, way %d: status %d", s->name, at, calls, way, status);
            points += atomic_load(&disk.failures) > 0;
            told += status != WEIR_OK;
        }
    print_message("disk | %s | %s | %ld calls | %ld tried | %ld told |\n", s->name, db->dialect, calls, points, told);
    assert_true(told > 0);
}

static void test_each_call_to_a_disk_that_fails(void **state)
{
    test_database *db = *state;
    make_folder();
    test_fixture(db, ROWS);
    if (db->postgresql)
        test_side_run(db, "ANALYZE orders");
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        fail_each(db, &scenarios[i]);
    remove_folder();
}

static void test_each_call_of_a_spill_that_fails(void **state)
{
    make_folder();
    setenv("TMPDIR", folder, 1);
    fail_each(*state, &budget);
    unsetenv("TMPDIR");
    remove_folder();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_each_call_to_a_disk_that_fails),
        ON_POSTGRESQL(test_each_call_of_a_spill_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
