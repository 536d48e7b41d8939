/* Exports by several connections that are broken off at many points, and repeated until they end well: the file, or the files, are those of one
 * run, and what was finished is not read again. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>
#include "trouble.h"

enum { ROWS = 6000, RANGE = 16 * 1024, MOST_RUNS = 400 };

static char folder[64];

static const char *in_folder(const char *name)
{
    static char paths[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static int shell(const char *format, ...)
{
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command);
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/weir-presume-%ld", (long)getpid());
    assert_int_equal(shell("rm -rf %s && mkdir %s", folder, folder), 0);
}

static void remove_folder(void) { assert_int_equal(shell("rm -rf %s", folder), 0); }

static void make_t(test_database *db)
{
    char sql[512];
    test_side_run(db, "CREATE TABLE t(id bigint PRIMARY KEY, v text)");
    snprintf(sql, sizeof sql, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO t SELECT i, 'value ' || i "
             "|| CASE WHEN i %% 50 = 0 THEN ', \"wide\" and more of it, so that it takes some more room' ELSE '' END FROM n", ROWS);
    test_side_run(db, sql);
    test_side_run(db, "CREATE TABLE trap(at bigint); INSERT INTO trap VALUES (0)");
}

/* The row that cannot be read from now on; 0: there is none. */
static void set_trap(test_database *db, int64_t at)
{
    char sql[64];
    snprintf(sql, sizeof sql, "UPDATE trap SET at = %lld", (long long)at);
    test_side_run(db, sql);
}

static const char *trapped(const test_database *db)
{
    return db->postgresql ? "SELECT id, CASE WHEN id = (SELECT at FROM trap) THEN (1 / (id - id))::text ELSE v END AS v FROM t"
                          : "SELECT id, CASE WHEN id = (SELECT at FROM trap) THEN CAST(x'FF' AS text) ELSE v END AS v FROM t";
}

/* ---- one run ----------------------------------------------------------------------------------------------------------------------- */
/* What is to happen, and what happened. */
typedef struct attempt {
    void      (*progress)(void *context);
    const char *sql, *key, *file;
    bool        split;
    const weir_writer_options *writer;
    int64_t     stop_rows;              /* cancelled when so many more were read; 0: not */
    int64_t     save_rows;
    int64_t     yield_per;              /* 0: 50 */
    weir_stmt *(*partition)(const char *name, void *context);
    weir_error  error;
    weir_parallel_figures figures;
    weir_checkpoint_figures place;
} attempt;

typedef struct watcher { weir_parallel *parallel; int64_t rows; _Atomic bool over; } watcher;

static void *watch(void *argument)
{
    watcher *w = argument;
    weir_parallel_figures figures;
    int64_t first = -1;
    while (!w->over) {
        weir_parallel_info(w->parallel, &figures);
        if (first < 0 && figures.ranges > 0)
            first = figures.rows;
        if (first >= 0 && figures.rows - first >= w->rows) {
            weir_parallel_cancel(w->parallel);
            return NULL;
        }
        usleep(200);
    }
    return NULL;
}

static int run(weir_engine *engine, attempt *a)
{
    weir_stmt *stmt = weir_sql(a->sql);
    weir_checkpoint *checkpoint = weir_checkpoint_new(engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = a->key));
    weir_writer_options writer = { .struct_size = sizeof writer };
    if (a->writer)
        writer = *a->writer;
    writer.checkpoint = checkpoint;
    weir_parallel *parallel = weir_parallel_open(engine, stmt, WEIR_PARALLEL_OPTIONS(.jobs = 3, .order = a->key, .range_bytes = a->yield_per ? 1 << 20 : RANGE, .yield_per = a->yield_per ? a->yield_per : 50,
                                                 .save_rows = a->save_rows, .partition = a->partition, .progress = a->progress));
    watcher w = { .parallel = parallel, .rows = a->stop_rows };
    pthread_t thread;
    if (a->stop_rows)
        pthread_create(&thread, NULL, watch, &w);
    int status = a->split ? weir_parallel_write_split(parallel, in_folder(a->file), &writer) : weir_parallel_write(parallel, in_folder(a->file), &writer);
    w.over = true;
    if (a->stop_rows)
        pthread_join(thread, NULL);
    a->error = *weir_parallel_error(parallel);
    weir_parallel_info(parallel, &a->figures);
    weir_checkpoint_info(checkpoint, &a->place);
    assert_int_equal(weir_parallel_close(&parallel), status);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    return status;
}

/* The file of one stream that nobody disturbs. */
static void write_reference(test_database *db, const char *sql, const char *name)
{
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(sql);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    weir_writer *writer = weir_writer_open(in_folder(name), NULL);
    assert_status(weir_writer_result(writer, result), WEIR_OK);
    assert_status(weir_writer_close(&writer), WEIR_OK);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

/* Nothing but the reference and the file is there, and they are the same. */
static void assert_whole(const char *file, const char *reference)
{
    assert_int_equal(shell("cd %s && cmp %s %s && test \"$(ls -A | sort | tr '\\n' ' ')\" = \"$(printf '%%s\\n' %s %s | sort | tr '\\n' ' ')\"", folder, file,
                           reference, file, reference), 0);
}

/* The manifest's files together are the reference, as are their checksums, and nothing else is there. */
static void assert_whole_pieces(const char *stem, const char *reference)
{
    assert_int_equal(shell("cd %s && sed -n 's/.*\"file\":\"\\([^\"]*\\)\".*/\\1/p' %s.manifest.json > files && head -n 1 %s > joined && for f in $(cat files); do "
                           "tail -n +2 $f >> joined; done && cmp joined %s && sed -n 's/.*\"file\":\"\\([^\"]*\\)\".*\"sha256\":\"\\([^\"]*\\)\".*/\\2  \\1/p' "
                           "%s.manifest.json | sha256sum -c --quiet && rm files joined && test $(ls -A | wc -l) = $(($(grep -c '\"file\"' %s.manifest.json) + 2))",
                           folder, stem, reference, reference, stem, stem), 0);
}

static const char all_rows[] = "SELECT id, v FROM t", in_order[] = "SELECT id, v FROM t ORDER BY id", by_id[] = "id not null";

/* ---- one file ----------------------------------------------------------------------------------------------------------------------- */
static void test_one_file_is_gone_on_with(void **state)
{
    test_database *db = *state;
    static const int64_t stops[] = { 1, 1400, 5900 };
    make_t(db);
    make_folder();
    write_reference(db, in_order, "alone.csv");
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        attempt a = { .sql = all_rows, .key = by_id, .file = "x.csv", .stop_rows = stops[i], .save_rows = 100 };
        int runs = 1;
        for (; run(db->engine, &a) != WEIR_OK; runs++) {
            assert_error(&a.error, WEIR_CANCELLED);
            assert_true(runs < MOST_RUNS);
            a.stop_rows += stops[i];    /* what is read and not written comes again: each run gets further */
        }
        assert_int_equal(a.place.rows, ROWS);
        assert_int_equal(a.figures.rows, ROWS);
        assert_whole("x.csv", "alone.csv");
        assert_int_equal(unlink(in_folder("x.csv")), 0);
    }
    remove_folder();
}

/* A file that may not grow is a full disk: what was saved is gone on with, by more and more room. */
static void test_a_disk_without_room(void **state)
{
    test_database *db = *state;
    struct rlimit before, limit;
    int failed = 0;
    make_t(db);
    make_folder();
    write_reference(db, in_order, "alone.csv");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    attempt a = { .sql = all_rows, .key = by_id, .file = "x.csv", .save_rows = 50 };
    for (rlim_t room = 100; ; room += 14000) {
        limit = (struct rlimit){ room, before.rlim_max };
        setrlimit(RLIMIT_FSIZE, &limit);
        int status = run(db->engine, &a);
        setrlimit(RLIMIT_FSIZE, &before);
        if (status == WEIR_OK)
            break;
        failed++;
        assert_error(&a.error, WEIR_IO);
        assert_contains(a.error.hint, "raise the limit");
    }
    assert_true(failed > 5);
    assert_whole("x.csv", "alone.csv");
    remove_folder();
}

/* Broken off behind bytes that no place belongs to yet: they are cut off again. */
static void test_bytes_behind_the_place_are_cut_off(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    test_side_run(db, db->postgresql ? "UPDATE t SET v = repeat('wide ', 400) || id WHERE id <= 2000; DELETE FROM t WHERE id > 2000"
                                     : "UPDATE t SET v = replace(printf('%400d', id), ' ', 'wide ') WHERE id <= 2000; DELETE FROM t WHERE id > 2000");
    write_reference(db, in_order, "alone.csv");
    attempt a = { .sql = trapped(db), .key = by_id, .file = "x.csv", .yield_per = 200 };
    for (int64_t at = 1400; at < 2000; at += 390) {
        set_trap(db, at);
        assert_status(run(db->engine, &a), WEIR_DATA);
        assert_true(a.place.rows >= 0 && a.place.rows < at);    /* none, where the range with the trap was the first that ended */
    }
    set_trap(db, 0);
    assert_status(run(db->engine, &a), WEIR_OK);
    assert_whole("x.csv", "alone.csv");
    remove_folder();
}

/* What several connections began, one goes on with, and they with what it began. */
static void test_one_stream_goes_on_with_it(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    write_reference(db, in_order, "alone.csv");
    attempt a = { .sql = trapped(db), .key = by_id, .file = "x.csv", .save_rows = 50 };
    set_trap(db, 3000);
    assert_status(run(db->engine, &a), WEIR_DATA);
    set_trap(db, 0);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_sql(a.sql);
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = by_id));
    weir_writer *writer = weir_writer_open(in_folder("x.csv"), WEIR_WRITER_OPTIONS(.checkpoint = checkpoint));
    assert_error(weir_writer_error(writer), WEIR_OK);
    int64_t begun = weir_writer_rows(writer);
    weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = 100)));
    weir_writer_columns(writer, weir_resume_result(stream));
    for (int i = 0; i < 5; i++) {
        const weir_partition *p = weir_resume_fetchmany(stream, 0);
        assert_non_null(p);
        assert_status(weir_writer_many(writer, p->rows, p->count), WEIR_OK);
        assert_status(weir_resume_ack(stream, p->count), WEIR_OK);
    }
    assert_status(weir_writer_save(writer), WEIR_OK);
    weir_checkpoint_figures place;
    weir_checkpoint_info(checkpoint, &place);
    assert_true(place.rows > begun && place.rows < ROWS);
    assert_status(weir_resume_close(&stream), WEIR_OK);
    weir_writer_abort(&writer);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
    assert_status(run(db->engine, &a), WEIR_OK);
    assert_int_equal(a.place.runs, 3);
    assert_whole("x.csv", "alone.csv");
    remove_folder();
}

static void test_keys_that_are_not_unique_end_it(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    attempt a = { .sql = "SELECT (id + 1) / 2 AS k, v FROM t WHERE id < 3000", .key = "k not null", .file = "x.csv", .save_rows = 50 };
    assert_status(run(db->engine, &a), WEIR_INVALID_REQUEST);
    assert_contains(a.error.message, "the key (k) is not unique");
    assert_int_equal(shell("test -z \"$(ls -A %s)\"", folder), 0);
    remove_folder();
}

/* ---- a file per range ------------------------------------------------------------------------------------------------------------------ */
static void test_finished_ranges_stay(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    write_reference(db, in_order, "alone.csv");
    attempt a = { .sql = trapped(db), .key = by_id, .file = "x.csv", .split = true };
    set_trap(db, 4000);
    assert_status(run(db->engine, &a), WEIR_DATA);
    assert_true(a.place.rows > 0 && a.place.rows < ROWS);
    assert_int_equal(shell("cd %s && ls -i x.0*.csv > before && test $(wc -l < before) -gt 3 && ! ls *.manifest.json 2> /dev/null", folder), 0);
    assert_status(run(db->engine, &a), WEIR_DATA);      /* whatever else there is already, not that range */
    set_trap(db, 0);
    assert_status(run(db->engine, &a), WEIR_OK);
    assert_int_equal(a.figures.rows, ROWS);
    assert_int_equal(a.place.runs, 3);
    assert_int_equal(shell("cd %s && while read -r inode file; do test $(stat -c %%i $file) = $inode || exit 1; done < before && rm before", folder), 0);
    assert_int_equal(shell("grep -q '\"snapshots\":3' %s && grep -q '\"snapshot\":1,' %s", in_folder("x.manifest.json"), in_folder("x.manifest.json")), 0);
    assert_whole_pieces("x", "alone.csv");
    remove_folder();
}

static void block_manifest(void *unused)
{
    (void)unused;
    mkdir(in_folder("x.manifest.json"), 0700);
}

/* What runs that were killed left under names of weir's own, while they saved and while they wrote the manifest, is not there behind a run that finds
 * all ranges done, and has nothing to save. */
static void test_what_killed_runs_left_does_not_stay(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    write_reference(db, in_order, "alone.csv");
    attempt a = { .sql = all_rows, .key = by_id, .file = "x.csv", .split = true, .progress = block_manifest };
    /* Nobody is told of the progress of jobs that are done before they are waited for. */
    for (int i = 0; i < 50 && run(db->engine, &a) == WEIR_OK; i++)
        assert_int_equal(shell("cd %s && rm x.*", folder), 0);
    assert_error(&a.error, WEIR_IO);
    assert_contains(a.error.message, "x.manifest.json: Is a directory");
    assert_int_equal(a.place.rows, ROWS);
    a.progress = NULL;
    assert_int_equal(shell("cd %s && rmdir x.manifest.json && head -c 100 x.csv.weir-checkpoint > x.csv.weir-checkpoint-new && "
                           "echo '{\"weir_manifest\":1' > x.manifest.json.weir-part", folder), 0);
    assert_status(run(db->engine, &a), WEIR_OK);
    assert_int_equal(a.figures.batches, 0);
    assert_whole_pieces("x", "alone.csv");
    remove_folder();
}

/* A number of ranges that the rest of the checkpoint cannot have is not believed. */
static void test_a_number_of_ranges_is_not_believed(void **state)
{
    test_database *db = *state;
    weir_memory_figures memory;
    char text[8192];
    make_t(db);
    make_folder();
    attempt a = { .sql = trapped(db), .key = by_id, .file = "x.csv", .split = true };
    set_trap(db, 4000);
    assert_status(run(db->engine, &a), WEIR_DATA);
    weir_stmt *stmt = weir_sql(a.sql);
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = a.key));
    assert_int_equal(weir_checkpoint_load(checkpoint, in_folder("x.csv.weir-checkpoint")), WEIR_OK);
    weir_blob data = weir_checkpoint_data(checkpoint);
    const char *rest = memchr((const char *)data.ptr + strlen("ranges 1 "), ' ', data.len);
    int length = snprintf(text, sizeof text, "ranges 1 999999%.*s", (int)((const char *)data.ptr + data.len - rest), rest);
    assert_true(length > 0 && length < (int)sizeof text);
    assert_int_equal(weir_checkpoint_set_data(checkpoint, text, (size_t)length), WEIR_OK);
    assert_int_equal(weir_checkpoint_save(checkpoint, in_folder("x.csv.weir-checkpoint")), WEIR_OK);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    assert_status(run(db->engine, &a), WEIR_DATA);
    assert_contains(a.error.message, "its number of ranges");
    weir_memory_usage(&memory);
    assert_true(memory.peak_bytes < 64 << 20);
    remove_folder();
}

/* Links under names of weir's own are not followed, and those under names to be are replaced or refused. */
static void test_links_are_not_followed(void **state)
{
    test_database *db = *state;
    static const struct { const char *name; bool refused; } links[] = {
        { "x.000001.csv", true }, { "x.000001.csv.weir-part", true }, { "x.csv.weir-part", true }, { "x.csv.weir-checkpoint", true },
        { "x.csv.weir-checkpoint-new", false }, { "x.manifest.json", false }, { "x.manifest.json.weir-part", true },
    };
    make_t(db);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        attempt a = { .sql = all_rows, .key = by_id, .file = "x.csv", .split = true };
        make_folder();
        write_reference(db, in_order, "alone.csv");
        assert_int_equal(shell("cd %s && echo precious > /tmp/weir-precious-%d && ln -s /tmp/weir-precious-%d %s", folder, getpid(), getpid(),
                               links[i].name), 0);
        int status = run(db->engine, &a);
        if (links[i].refused) {
            assert_status(status, WEIR_IO);
            assert_contains(a.error.hint, "a symbolic link stands in the file's place");
            assert_int_equal(shell("cd %s && rm %s", folder, links[i].name), 0);
            assert_status(run(db->engine, &a), WEIR_OK);
        } else {
            assert_status(status, WEIR_OK);
        }
        assert_whole_pieces("x", "alone.csv");
        assert_int_equal(shell("test \"$(cat /tmp/weir-precious-%d)\" = precious && rm /tmp/weir-precious-%d", getpid(), getpid()), 0);
        remove_folder();
    }
}

/* Files that somebody touched meanwhile are written again. */
static void test_files_that_changed_are_read_again(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    write_reference(db, in_order, "alone.csv");
    attempt a = { .sql = trapped(db), .key = by_id, .file = "x.csv", .split = true };
    set_trap(db, 5500);
    assert_status(run(db->engine, &a), WEIR_DATA);
    assert_int_equal(shell("cd %s && set -- x.0*.csv && test $# -gt 3 && rm $1 && printf X | dd of=$2 bs=1 seek=20 conv=notrunc 2> /dev/null && : > $3", folder), 0);
    set_trap(db, 0);
    assert_status(run(db->engine, &a), WEIR_OK);
    assert_whole_pieces("x", "alone.csv");
    remove_folder();
}

static void test_what_changed_is_refused(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    for (int split = 0; split < 2; split++) {
        const char *file = split ? "many.csv" : "one.csv";
        char checkpoint[300];
        const char *sql = trapped(db);
        attempt a = { .sql = sql, .key = by_id, .file = file, .split = split, .save_rows = 50 };
        set_trap(db, 5000);
        assert_status(run(db->engine, &a), WEIR_DATA);
        set_trap(db, 0);
        attempt other = a;
        other.sql = "SELECT id, v FROM t WHERE id > 5";
        assert_status(run(db->engine, &other), WEIR_INVALID_REQUEST);
        assert_contains(other.error.message, "another statement");
        other = (attempt){ .sql = sql, .key = by_id, .file = file, .split = split, .writer = WEIR_WRITER_OPTIONS(.null_text = "NULL") };
        assert_status(run(db->engine, &other), WEIR_INVALID_REQUEST);
        assert_contains(other.error.message, "other options");
        other = (attempt){ .sql = sql, .key = by_id, .file = file, .split = !split };
        assert_true(run(db->engine, &other) != WEIR_OK);
        assert_contains(other.error.message, "is no checkpoint of");
        snprintf(checkpoint, sizeof checkpoint, "%s/%s.weir-checkpoint", folder, file);
        assert_int_equal(shell("cp %s %s/kept && sed -i 's/place/Place/' %s", checkpoint, folder, checkpoint), 0);
        other = (attempt){ .sql = sql, .key = by_id, .file = file, .split = split };
        assert_status(run(db->engine, &other), WEIR_DATA);
        assert_int_equal(shell("mv %s/kept %s", folder, checkpoint), 0);
        assert_status(run(db->engine, &other), WEIR_OK);
    }
    /* another order of the handle than of the checkpoint */
    weir_stmt *stmt = weir_sql(all_rows);
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "v, id"));
    weir_parallel *parallel = weir_parallel_open(db->engine, stmt, WEIR_PARALLEL_OPTIONS(.order = by_id));
    assert_status(weir_parallel_write(parallel, in_folder("y.csv"), WEIR_WRITER_OPTIONS(.checkpoint = checkpoint)), WEIR_INVALID_REQUEST);
    assert_status(weir_parallel_close(&parallel), WEIR_INVALID_REQUEST);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
    remove_folder();
}

/* ---- partitions ----------------------------------------------------------------------------------------------------------------------------- */
static int partitions_asked;
static weir_stmt *read_partition(const char *name, void *context)
{
    char sql[300];
    (void)context;
    partitions_asked++;
    snprintf(sql, sizeof sql, "SELECT id, CASE WHEN id = (SELECT at FROM trap) THEN (1 / (id - id))::text ELSE v END AS v FROM %s", name);
    return weir_sql(sql);
}

static weir_stmt *read_none(const char *name, void *context)
{
    (void)context;
    return strstr(name, "_1") ? NULL : read_partition(name, NULL);
}

/* The rows of all files are those of the table, and as many files hold rows of one partition as there are files. */
static void assert_files_of_partitions(test_database *db, const char *table, bool apart)
{
    char sql[300], of_file[200];
    snprintf(sql, sizeof sql, "COPY (SELECT id, v FROM %s ORDER BY id) TO '%s/wanted' (FORMAT csv)", table, folder);
    assert_int_equal(shell("chmod 777 %s", folder), 0);
    test_side_run(db, sql);
    assert_int_equal(shell("cd %s && cat x.0*.csv | grep -v '^id,' | sort -n > all && cmp all wanted && rm -f all wanted", folder), 0);
    snprintf(of_file, sizeof of_file, "cd %s && for f in x.0*.csv; do tail -n +2 $f | cut -d, -f1 | tr '\\n' ' ' | cut -c1-4000; echo; done > ids", folder);
    assert_int_equal(shell("%s", of_file), 0);
    FILE *ids = fopen(in_folder("ids"), "r");
    char *line = malloc(5000);
    while (fgets(line, 5000, ids)) {
        char list[4200] = "", *last;
        for (char *id = strtok_r(line, " \n", &last); id && strlen(list) < 4000; id = strtok_r(NULL, " \n", &last))
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? "," : "", id);
        if (!*list)
            continue;
        char *question = malloc(5000);
        snprintf(question, 5000, "SELECT count(DISTINCT tableoid) FROM %s WHERE id IN (%.*s)", table, (int)(strrchr(list, ',') ? strrchr(list, ',') - list : (long)strlen(list)), list);
        assert_true((test_side_int(db, question) == 1) || !apart);
        free(question);
    }
    free(line);
    fclose(ids);
}

static void test_partitions_have_files_of_their_own(void **state)
{
    test_database *db = *state;
    make_t(db);
    test_side_run(db, "CREATE TABLE h(id bigint NOT NULL, v text) PARTITION BY HASH (id); CREATE TABLE h_0 PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER 0);"
                      "CREATE TABLE h_1(v text, gone int, id bigint NOT NULL); ALTER TABLE h_1 DROP COLUMN gone; ALTER TABLE h ATTACH PARTITION h_1 FOR VALUES WITH (MODULUS 3, REMAINDER 1);"
                      "CREATE TABLE \"H \"\"2\" PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER 2); CREATE UNIQUE INDEX ON h(id); INSERT INTO h SELECT * FROM t;"
                      "CREATE TABLE l(id bigint, v text) PARTITION BY LIST (v); CREATE TABLE l_0 PARTITION OF l DEFAULT PARTITION BY HASH (id);"
                      "CREATE TABLE l_0_0 PARTITION OF l_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE l_0_1 PARTITION OF l_0 FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
                      "CREATE TABLE l_a PARTITION OF l FOR VALUES IN ('value 7', NULL); CREATE INDEX ON l(id); INSERT INTO l SELECT id, CASE WHEN id % 3 > 0 THEN v END FROM t;"
                      "CREATE TABLE r(id bigint, v text) PARTITION BY RANGE (id); CREATE TABLE r_0 PARTITION OF r FOR VALUES FROM (0) TO (3000);"
                      "CREATE TABLE r_1 PARTITION OF r FOR VALUES FROM (3000) TO (7000); CREATE INDEX ON r(id); INSERT INTO r SELECT * FROM t; ANALYZE");
    static const struct { const char *table; int asked; weir_stmt *(*partition)(const char *, void *); const char *before; } rounds[] = {
        { "h", 3, read_partition, NULL }, { "l", 3, read_partition, NULL }, { "t", 0, read_partition, NULL }, { "r", 0, read_partition, NULL },
        { "h", 1, read_none, NULL }, { "h", 0, read_partition, "ALTER TABLE h_0 ENABLE ROW LEVEL SECURITY" },
    };
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        char sql[64];
        make_folder();
        if (rounds[i].before)
            test_side_run(db, rounds[i].before);
        snprintf(sql, sizeof sql, "SELECT id, v FROM %s", rounds[i].table);
        attempt a = { .sql = sql, .key = by_id, .file = "x.csv", .split = true, .partition = rounds[i].partition };
        partitions_asked = 0;
        assert_status(run(db->engine, &a), WEIR_OK);
        assert_int_equal(partitions_asked, rounds[i].asked);
        assert_int_equal(a.figures.rows, ROWS);
        assert_true(a.figures.ranges >= 3);
        assert_files_of_partitions(db, rounds[i].table, rounds[i].asked == 3 || rounds[i].table[0] == 'r');
        remove_folder();
    }
}

static void test_partitions_are_gone_on_with(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    test_side_run(db, "CREATE TABLE h(id bigint NOT NULL, v text) PARTITION BY HASH (id); CREATE TABLE h_0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
                      "CREATE TABLE h_1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1); CREATE UNIQUE INDEX ON h(id); INSERT INTO h SELECT * FROM t; ANALYZE");
    attempt a = { .sql = "SELECT id, v FROM h", .key = by_id, .file = "x.csv", .split = true, .partition = read_partition };
    set_trap(db, 4500);
    assert_status(run(db->engine, &a), WEIR_DATA);
    assert_true(a.place.rows > 0);
    set_trap(db, 0);
    attempt other = a;
    other.partition = NULL;
    assert_status(run(db->engine, &other), WEIR_INVALID_REQUEST);
    assert_contains(other.error.message, "reads no partition");
    assert_status(run(db->engine, &a), WEIR_OK);
    assert_int_equal(a.figures.rows, ROWS);
    assert_string_equal(a.figures.source, "checkpoint");
    assert_files_of_partitions(db, "h", true);
    remove_folder();
}

/* ---- the network ---------------------------------------------------------------------------------------------------------------------------- */
/* Cut after so many bytes of the server, each connection, until all the rest fits. */
static void test_a_network_that_is_cut(void **state)
{
    test_database *db = *state;
    make_t(db);
    make_folder();
    write_reference(db, in_order, "alone.csv");
    test_proxy *proxy = test_proxy_start(db->url, TEST_PROXY_TCP);
    for (int split = 0; split < 2; split++) {
        attempt a = { .sql = all_rows, .key = by_id, .file = "x.csv", .split = split, .save_rows = 50 };
        int runs = 1;
        for (int64_t at = 500; ; at += 2500 + at / 5, runs++) {
            test_proxy_set(proxy, (test_fault){ .cut_after = at, .reset = runs % 2 });
            weir_engine *engine = test_proxied_engine(db, proxy, NULL);
            int status = run(engine, &a);
            weir_engine_close(&engine);
            if (status == WEIR_OK)
                break;
            assert_error(&a.error, WEIR_OPERATIONAL);
            assert_true(runs < MOST_RUNS);
        }
        assert_true(runs > 6);
        assert_true(a.place.runs > 2);
        if (split) {
            assert_whole_pieces("x", "alone.csv");
        } else {
            assert_whole("x.csv", "alone.csv");
            assert_int_equal(unlink(in_folder("x.csv")), 0);
        }
    }
    test_proxy_stop(&proxy);
    remove_folder();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_one_file_is_gone_on_with),
        ON_BOTH(test_a_disk_without_room),
        ON_BOTH(test_bytes_behind_the_place_are_cut_off),
        ON_BOTH(test_one_stream_goes_on_with_it),
        ON_BOTH(test_keys_that_are_not_unique_end_it),
        ON_BOTH(test_finished_ranges_stay),
        ON_BOTH(test_what_killed_runs_left_does_not_stay),
        ON_BOTH(test_links_are_not_followed),
        ON_BOTH(test_a_number_of_ranges_is_not_believed),
        ON_BOTH(test_files_that_changed_are_read_again),
        ON_BOTH(test_what_changed_is_refused),
        ON_POSTGRESQL(test_partitions_have_files_of_their_own),
        ON_POSTGRESQL(test_partitions_are_gone_on_with),
        ON_POSTGRESQL(test_a_network_that_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
