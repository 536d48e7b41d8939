/* The SQLite driver in trouble: settings, files, locks, cancels, errors and their classes, no memory. */
#include <pthread.h>
#include "lite_support.h"

static int64_t milliseconds_since(int64_t begun) { return (weir_now() - begun) / 1000000; }
static void pause_ms(long ms) { nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL); }
static sqlite3 *db_of(weir_link *link) { return ((weir_lite_link *)link)->db; }

/* ---- settings ------------------------------------------------------------------------------------------------------------- */
static void test_settings_are_checked_before_connecting(void **state)
{
    (void)state;
    static const struct { const char *key, *value; int status; const char *says; } rows[] = {
        { "timeout", "5", WEIR_OK, "" }, { "timeout", "0.25", WEIR_OK, "" }, { "timeout", "soon", WEIR_ARGUMENT, "seconds" },
        { "timeout", "-1", WEIR_ARGUMENT, "seconds" }, { "timeout", "1.5x", WEIR_ARGUMENT, "seconds" },
        { "busy_timeout", "250", WEIR_OK, "" }, { "busy_timeout", "", WEIR_ARGUMENT, "milliseconds" },
        { "journal_mode", "WAL", WEIR_OK, "" }, { "journal_mode", "wall", WEIR_ARGUMENT, "delete|truncate|persist|memory|wal|off" },
        { "JOURNAL_MODE", "wal", WEIR_OK, "" }, { "journal_mod", "wal", WEIR_ARGUMENT, "'journal_mod'" },
        { "synchronous", "normal", WEIR_OK, "" }, { "synchronous", "no", WEIR_ARGUMENT, "off|normal" },
        { "foreign_keys", "on", WEIR_OK, "" }, { "foreign_keys", "1; DROP TABLE t", WEIR_ARGUMENT, "on|off" },
        { "cache_size", "-20000", WEIR_OK, "" }, { "cache_size", "1e3", WEIR_ARGUMENT, "a number" },
        { "cache_size", "-", WEIR_ARGUMENT, "a number" }, { "cache_size", "99999999999999999999", WEIR_ARGUMENT, "a number" },
        { "encoding", "UTF-16", WEIR_OK, "" }, { "encoding", "latin1", WEIR_ARGUMENT, "'UTF-8'" },
        { "user", "me", WEIR_ARGUMENT, "unknown key 'user'" }, { "timeout", NULL, WEIR_ARGUMENT, "no value" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const pairs[] = { rows[i].key, rows[i].value, NULL };
        weir_dial_plan plan = plan_for("x.db", pairs, NULL);
        weir_error error = { 0 };
        int status = DRIVER->check(&plan, &error);
        if (status != rows[i].status || !strstr(error.message, rows[i].says))
            fail_msg("%s=%s: %d %s", rows[i].key, rows[i].value, status, error.message);
    }
    static const struct { const char *key, *value, *says; } parameters[] = {
        { "mode", "ro", NULL }, { "mode", "rw", NULL }, { "mode", "rwc", NULL }, { "mode", "memory", "mode=memory" },
        { "cache", "shared", "'cache'" },
    };
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        weir_url_parameter parameter = { parameters[i].key, parameters[i].value };
        weir_dial_plan plan = plan_for("x.db", NULL, &parameter);
        weir_error error = { 0 };
        assert_int_equal(DRIVER->check(&plan, &error), parameters[i].says ? WEIR_ARGUMENT : WEIR_OK);
        assert_non_null(strstr(error.message, parameters[i].says ? parameters[i].says : ""));
    }
}

static void test_settings_are_applied(void **state)
{
    place *p = *state;
    weir_link *link = dial_with(p->file, (const char *const[]){ "journal_mode", "wal", "foreign_keys", "yes", "cache_size", "-500",
                                                                "synchronous", "1", "timeout", "0.25", NULL });
    query q;
    query_all(&q, link, "PRAGMA journal_mode");
    assert_text(cell(&q, 0, 0), "wal", 3);
    query_end(&q);
    assert_int_equal(one_int(link, "PRAGMA foreign_keys"), 1);
    assert_int_equal(one_int(link, "PRAGMA cache_size"), -500);
    assert_int_equal(one_int(link, "PRAGMA synchronous"), 1);
    assert_int_equal(((weir_lite_link *)link)->busy_timeout_ms, 250);
    DRIVER->hang_up(link);
}

static void test_databases_in_memory_are_told(void **state)
{
    (void)state;
    static const struct { const char *path; bool in_memory; } rows[] = { { "", true }, { ":memory:", true }, { "memory.db", false } };
    for (size_t i = 0; i < 3; i++) {
        weir_dial_plan plan = plan_for(rows[i].path, NULL, NULL);
        weir_error error;
        assert_int_equal(DRIVER->check(&plan, &error), WEIR_OK);
        assert_int_equal(plan.in_memory, rows[i].in_memory);
    }
}

/* ---- files ------------------------------------------------------------------------------------------------------------------ */
static int dial_fails(const char *path, const char *mode, weir_error *error)
{
    weir_url_parameter parameter = { "mode", mode };
    weir_dial_plan plan = plan_for(path, NULL, &parameter);
    weir_link *link;
    memset(error, 0, sizeof *error);
    int status = dial_plan(&plan, &link, error);
    assert_null(link);
    assert_int_equal(status, error->status);
    return status;
}

static void test_a_missing_file_is_named(void **state)
{
    place *p = *state;
    weir_error error;
    char path[160], expected[256];
    assert_int_equal(dial_fails(p->file, "rw", &error), WEIR_OPERATIONAL);
    snprintf(expected, sizeof expected, "cannot open '%s': No such file or directory", p->file);
    assert_string_equal(error.message, expected);
    assert_string_equal(error.hint, "the file does not exist; mode=rwc would create it");
    assert_string_equal(error.sqlstate, "14");
    assert_int_equal(dial_fails(p->file, "ro", &error), WEIR_OPERATIONAL);
    snprintf(path, sizeof path, "%s/nowhere/x.db", p->folder);
    assert_int_equal(dial_fails(path, "rwc", &error), WEIR_OPERATIONAL);
    assert_string_equal(error.hint, "the directory does not exist");
    assert_int_equal(dial_fails(p->folder, "rwc", &error), WEIR_OPERATIONAL);
    assert_non_null(strstr(error.message, "Is a directory"));
    assert_int_equal(access(p->file, F_OK), -1);
}

static void test_a_file_that_is_no_database_fails_at_connecting(void **state)
{
    place *p = *state;
    weir_error error;
    FILE *file = fopen(p->file, "w");
    for (int i = 0; i < 500; i++)
        fputs("id,name\n", file);
    fclose(file);
    assert_int_equal(dial_fails(p->file, "rw", &error), WEIR_DATABASE);
    assert_non_null(strstr(error.message, p->file));
    assert_non_null(strstr(error.message, "file is not a database"));
    assert_string_equal(error.sqlstate, "26");
}

static void test_a_path_is_never_a_uri(void **state)
{
    place *p = *state;
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(p->folder), 0);
    weir_link *link = dial("file:x.db?mode=memory");
    run(link, "CREATE TABLE t(a)");
    DRIVER->hang_up(link);
    int found = access("file:x.db?mode=memory", F_OK);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(found, 0);
}

static void test_mode_ro_reads_only(void **state)
{
    place *p = *state;
    weir_url_parameter parameter = { "mode", "ro" };
    weir_dial_plan plan = plan_for(p->file, NULL, &parameter);
    weir_error error;
    weir_link *link = dial(p->file);
    run(link, "CREATE TABLE t(a)");
    DRIVER->hang_up(link);
    assert_int_equal(dial_plan(&plan, &link, &error), WEIR_OK);
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 0);
    assert_int_equal(command(link, "INSERT INTO t VALUES (1)"), WEIR_OPERATIONAL);
    assert_string_equal(link->error.sqlstate, "8");
    DRIVER->hang_up(link);
}

/* ---- locks ------------------------------------------------------------------------------------------------------------------ */
static const char *const patience_300[] = { "busy_timeout", "300", NULL };

static void test_a_lock_is_waited_for_on_a_timer_and_not_for_ever(void **state)
{
    place *p = *state;
    weir_link *link = dial_with(p->file, patience_300), *other = dial(p->file);
    run(link, "CREATE TABLE t(a)");
    run(other, "BEGIN IMMEDIATE");
    longest_work_ns(0, true);
    int64_t begun = weir_now();
    assert_int_equal(failing(link, "INSERT INTO t VALUES (1)", NULL, 0), WEIR_OPERATIONAL);
    assert_in_range(milliseconds_since(begun), 300, 3000);
    assert_true(longest_work_ns(0, false) < 250000000);         /* the worker never slept through it */
    assert_string_equal(link->error.message, "database is locked");
    assert_string_equal(link->error.sqlstate, "5");
    assert_non_null(strstr(link->error.hint, "WAL"));
    assert_false(link->lost);
    run(other, "ROLLBACK");
    run(link, "INSERT INTO t VALUES (1)");
    DRIVER->hang_up(other);
    weir_link *third = dial(p->file);                           /* a lock at dialling is no failure */
    run(link, "BEGIN EXCLUSIVE");
    weir_link *fourth = dial(p->file);
    DRIVER->hang_up(fourth);
    DRIVER->hang_up(third);
    DRIVER->hang_up(link);
}

/* What SQLite calls while it would wait for the lock, were it let, is done by who dials (RULES T4). */
static void test_dialling_never_waits_for_a_lock(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file), *second = NULL;
    weir_error error = { 0 };
    run(link, "CREATE TABLE t(a)");
    run(link, "BEGIN EXCLUSIVE");
    weir_dial_plan plan = plan_for(p->file, (const char *const[]){ "journal_mode", "wal", "busy_timeout", "5000", NULL }, NULL);
    weir_dial_watch watch = { .deadline = WEIR_NO_DEADLINE };
    int64_t begun = weir_now();
    assert_int_equal(DRIVER->dial(&plan, &watch, &second, &error), WEIR_OPERATIONAL);
    assert_true(milliseconds_since(begun) < 2000);
    assert_true(watch.locked);
    assert_in_range(watch.patience_ends - begun, 4900000000, 7000000000);
    DRIVER->hang_up(link);
    watch.locked = false;
    assert_int_equal(DRIVER->dial(&plan, &watch, &second, &error), WEIR_OK);
    assert_false(watch.locked);
    DRIVER->hang_up(second);
}

/* Another connection that reads or writes for 150 ms. */
typedef struct holder { const char *file, *sql; atomic_bool holds; pthread_t thread; } holder;

static void *hold(void *argument)
{
    holder *h = argument;
    sqlite3 *db;
    sqlite3_stmt *statement;
    sqlite3_open(h->file, &db);
    sqlite3_prepare_v2(db, h->sql, -1, &statement, NULL);
    sqlite3_step(statement);
    atomic_store(&h->holds, true);
    pause_ms(150);
    sqlite3_finalize(statement);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    return NULL;
}

static void hold_begin(holder *h, const char *file, const char *sql)
{
    *h = (holder){ .file = file, .sql = sql };
    pthread_create(&h->thread, NULL, hold, h);
    while (!atomic_load(&h->holds))
        pause_ms(1);
}

static void test_work_goes_on_when_the_lock_is_gone(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file);
    holder h;
    query q;
    run(link, "CREATE TABLE t(a)");
    run(link, "INSERT INTO t VALUES (1), (2)");

    hold_begin(&h, p->file, "BEGIN EXCLUSIVE");                 /* met when the schema or a row is read */
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 2);
    pthread_join(h.thread, NULL);

    hold_begin(&h, p->file, "SELECT a FROM t");                 /* met at the commit that follows the statement */
    query_all(&q, link, "INSERT INTO t VALUES (3), (4)");
    assert_int_equal(q.cursor.base.row_count, 2);
    query_end(&q);
    pthread_join(h.thread, NULL);

    hold_begin(&h, p->file, "SELECT a FROM t");                 /* met behind rows that are out already: none comes twice */
    query_all(&q, link, "INSERT INTO t VALUES (5), (6), (7) RETURNING a");
    assert_int_equal(q.sink.count, 3);
    assert_int_equal(cell(&q, 2, 0)->as.i, 7);
    assert_int_equal(q.cursor.base.row_count, 3);
    assert_int_equal(link->transaction, WEIR_LINK_IDLE);
    query_end(&q);
    pthread_join(h.thread, NULL);

    run(link, "BEGIN");
    run(link, "INSERT INTO t VALUES (8)");
    hold_begin(&h, p->file, "SELECT a FROM t");                 /* met by COMMIT */
    run(link, "COMMIT");
    pthread_join(h.thread, NULL);
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 8);
    assert_int_equal(one_int(link, "SELECT sum(a) FROM t"), 36);
    DRIVER->hang_up(link);
}

static void test_a_returning_statement_that_cannot_commit_leaves_nothing(void **state)
{
    place *p = *state;
    weir_link *link = dial_with(p->file, patience_300), *reader = dial(p->file);
    query q;
    run(link, "CREATE TABLE t(a)");
    run(link, "INSERT INTO t VALUES (1), (2)");
    query_begin(&q, reader, "SELECT a FROM t", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    assert_int_equal(query_open(&q, 1), WEIR_OK);
    assert_int_equal(failing(link, "INSERT INTO t VALUES (3) RETURNING a", NULL, 0), WEIR_OPERATIONAL);
    assert_string_equal(link->error.message, "database is locked");
    query_end(&q);
    assert_true(sqlite3_get_autocommit(db_of(link)));
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 2);
    DRIVER->hang_up(reader);
    DRIVER->hang_up(link);
}

static void test_locks_that_waiting_cannot_open_fail_at_once(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file), *other = dial(p->file);
    run(link, "CREATE TABLE t(a)");
    run(link, "BEGIN");
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 0);
    run(other, "BEGIN IMMEDIATE");
    int64_t begun = weir_now();
    assert_int_equal(failing(link, "INSERT INTO t VALUES (1)", NULL, 0), WEIR_OPERATIONAL);      /* each would wait for the other */
    run(link, "ROLLBACK");
    run(other, "ROLLBACK");

    query q;
    query_all(&q, other, "PRAGMA journal_mode = wal");
    query_end(&q);
    run(link, "BEGIN");
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 0);
    run(other, "INSERT INTO t VALUES (2)");
    assert_int_equal(failing(link, "INSERT INTO t VALUES (1)", NULL, 0), WEIR_OPERATIONAL);
    assert_string_equal(link->error.sqlstate, "517");
    assert_non_null(strstr(link->error.hint, "begin again"));
    assert_true(milliseconds_since(begun) < 2500);
    DRIVER->hang_up(other);
    DRIVER->hang_up(link);
}

/* ---- cancelling --------------------------------------------------------------------------------------------------------------- */
static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

typedef struct canceller { weir_link *link; bool only_flag; pthread_t thread; } canceller;

static void *cancel_soon(void *argument)
{
    canceller *c = argument;
    pause_ms(60);
    atomic_store(&c->link->cancelled, true);
    if (!c->only_flag)
        DRIVER->cancel(c->link);
    return NULL;
}

static void cancel_begin(canceller *c, weir_link *link, bool only_flag)
{
    *c = (canceller){ .link = link, .only_flag = only_flag };
    pthread_create(&c->thread, NULL, cancel_soon, c);
}

static void cancel_end(canceller *c)
{
    pthread_join(c->thread, NULL);
    atomic_store(&c->link->cancelled, false);
}

static void test_a_running_statement_is_cancelled(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file);
    canceller c;
    for (int only_flag = 0; only_flag < 2; only_flag++) {       /* the flag alone: a cancel that came too early for SQLite */
        cancel_begin(&c, link, only_flag);
        assert_int_equal(failing(link, endless, NULL, 0), WEIR_QUERY_CANCELED);
        cancel_end(&c);
        assert_false(link->lost);
        assert_int_equal(one_int(link, "SELECT 5"), 5);
    }
    atomic_store(&link->cancelled, true);
    assert_int_equal(failing(link, "CREATE TABLE t(a)", NULL, 0), WEIR_QUERY_CANCELED);
    assert_int_equal(command(link, "CREATE TABLE t(a)"), WEIR_QUERY_CANCELED);
    atomic_store(&link->cancelled, false);
    assert_int_equal(one_int(link, "SELECT count(*) FROM sqlite_schema"), 0);
    DRIVER->hang_up(link);
}

static void test_waiting_for_a_lock_is_cancelled(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file), *other = dial(p->file);
    canceller c;
    run(link, "CREATE TABLE t(a)");
    run(other, "BEGIN IMMEDIATE");
    int64_t begun = weir_now();
    cancel_begin(&c, link, false);
    assert_int_equal(command(link, "INSERT INTO t VALUES (1)"), WEIR_QUERY_CANCELED);
    cancel_end(&c);
    assert_true(milliseconds_since(begun) < 2500);
    DRIVER->hang_up(other);
    DRIVER->hang_up(link);
}

static void raise_flag(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    weir_link *link = sqlite3_user_data(context);
    if (sqlite3_value_int(values[0]) == 300)
        atomic_store(&link->cancelled, true);
    sqlite3_result_value(context, values[0]);
}

static void test_a_cancel_is_seen_between_rows(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file);
    query q;
    sqlite3_create_function(db_of(link), "flag", 1, SQLITE_UTF8, link, raise_flag, NULL, NULL);
    query_begin(&q, link, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT flag(i) FROM n", NULL, 0);
    assert_int_equal(query_prepare(&q), WEIR_OK);
    assert_int_equal(query_open(&q, 0), WEIR_QUERY_CANCELED);
    assert_int_equal(q.cursor.base.rows, 512);
    query_end(&q);
    DRIVER->hang_up(link);
}

static void test_cancel_ends_idle_streams_and_leaves_the_link_usable(void **state)
{
    (void)state;
    static const char *const ends[] = { NULL, "ROLLBACK" };
    weir_link *link = dial(":memory:");
    for (int i = 0; i < 2; i++) {
        query one, two;
        run(link, "BEGIN");
        query *const both[] = { &one, &two };
        for (int k = 0; k < 2; k++) {
            query_begin(both[k], link, "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", NULL, 0);
            assert_int_equal(query_prepare(both[k]), WEIR_OK);
            assert_int_equal(query_open(both[k], 1), WEIR_OK);
        }
        atomic_store(&link->cancelled, true);
        DRIVER->cancel(link);
        if (!ends[i])
            assert_int_equal(query_fetch(&one, 1), WEIR_QUERY_CANCELED);
        else
            run(link, ends[i]);                         /* a rollback is never cancelled */
        atomic_store(&link->cancelled, false);
        assert_int_equal(query_fetch(&two, 1), WEIR_QUERY_CANCELED);
        assert_int_equal(two.sink.count, 1);            /* and not from the beginning again */
        assert_int_equal(one_int(link, "SELECT 7"), 7);
        run(link, "ROLLBACK");
        query_end(&one);
        query_end(&two);
    }
    DRIVER->hang_up(link);
}

/* ---- errors ------------------------------------------------------------------------------------------------------------------- */
static void test_constraint_errors_name_the_constraint(void **state)
{
    (void)state;
    static const struct { const char *sql, *constraint, *column, *sqlstate; } rows[] = {
        { "INSERT INTO t VALUES (1, 1, 1)", "t.id", "id", "1555" },
        { "INSERT INTO t VALUES (2, NULL, 1)", "t.a", "a", "1299" },
        { "INSERT INTO t VALUES (2, 1, 1)", "t.a, t.b", "", "2067" },
        { "INSERT INTO t VALUES (2, 3, -1)", "positive", "", "275" },
        { "INSERT INTO child VALUES (77)", "", "", "787" },
    };
    weir_link *link = dial_with(":memory:", (const char *const[]){ "foreign_keys", "on", NULL });
    run(link, "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT NOT NULL, b INT, UNIQUE (a, b), CONSTRAINT positive CHECK (b > 0))");
    run(link, "CREATE TABLE child(t REFERENCES t(id))");
    run(link, "INSERT INTO t VALUES (1, 1, 1)");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(failing(link, rows[i].sql, NULL, 0), WEIR_INTEGRITY);
        assert_string_equal(link->error.constraint, rows[i].constraint);
        assert_string_equal(link->error.column, rows[i].column);
        assert_string_equal(link->error.sqlstate, rows[i].sqlstate);
        assert_string_equal(link->error.sql, rows[i].sql);
    }
    DRIVER->hang_up(link);
}

static void test_syntax_errors_have_a_position_in_characters(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    assert_int_equal(failing(link, "SELECT 'caf\xc3\xa9' FORM t", NULL, 0), WEIR_OPERATIONAL);
    assert_string_equal(link->error.message, "near \"t\": syntax error");
#if SQLITE_VERSION_NUMBER >= 3038000
    assert_int_equal(link->error.position, 20);
#endif
    DRIVER->hang_up(link);
}

static void test_result_codes_have_the_classes_of_sqlalchemy(void **state)
{
    (void)state;
    static const struct { int code, status; } rows[] = {
        { SQLITE_ERROR, WEIR_OPERATIONAL }, { SQLITE_BUSY, WEIR_OPERATIONAL }, { SQLITE_LOCKED, WEIR_OPERATIONAL },
        { SQLITE_IOERR_WRITE, WEIR_OPERATIONAL }, { SQLITE_FULL, WEIR_OPERATIONAL }, { SQLITE_CANTOPEN_ISDIR, WEIR_OPERATIONAL },
        { SQLITE_READONLY_DBMOVED, WEIR_OPERATIONAL }, { SQLITE_CONSTRAINT_TRIGGER, WEIR_INTEGRITY }, { SQLITE_MISMATCH, WEIR_DATA },
        { SQLITE_TOOBIG, WEIR_DATA }, { SQLITE_NOMEM, WEIR_OUT_OF_MEMORY }, { SQLITE_IOERR_NOMEM, WEIR_OUT_OF_MEMORY },
        { SQLITE_CORRUPT_VTAB, WEIR_DATABASE }, { SQLITE_NOTADB, WEIR_DATABASE }, { SQLITE_INTERRUPT, WEIR_QUERY_CANCELED },
        { SQLITE_MISUSE, WEIR_INTERFACE }, { SQLITE_RANGE, WEIR_INTERFACE }, { SQLITE_INTERNAL, WEIR_INTERNAL }, { 99, WEIR_DATABASE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(weir_lite_status(rows[i].code), rows[i].status);
}

static void test_a_damaged_file_is_told_and_the_link_is_not_lost(void **state)
{
    place *p = *state;
    weir_link *link = dial(p->file);
    char garbage[4096];
    run(link, "CREATE TABLE t(a)");
    run(link, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i FROM n");
    DRIVER->hang_up(link);
    FILE *file = fopen(p->file, "r+");
    memset(garbage, 0x5a, sizeof garbage);
    fseek(file, 3 * 4096, SEEK_SET);
    fwrite(garbage, sizeof garbage, 1, file);
    fclose(file);
    link = dial(p->file);
    assert_int_equal(failing(link, "SELECT a FROM t", NULL, 0), WEIR_DATABASE);
    assert_string_equal(link->error.message, "database disk image is malformed");
    assert_false(link->lost);
    assert_int_equal(one_int(link, "SELECT 1"), 1);
    DRIVER->hang_up(link);
}

static void test_a_full_database_rolls_back_and_says_so(void **state)
{
    place *p = *state;
    weir_link *link = dial_with(p->file, (const char *const[]){ "max_page_count", "10", NULL });
    run(link, "CREATE TABLE t(a)");
    run(link, "BEGIN");
    assert_int_equal(failing(link, "INSERT INTO t VALUES (zeroblob(1000000))", NULL, 0), WEIR_OPERATIONAL);
    assert_string_equal(link->error.message, "database or disk is full");
    assert_int_equal(link->transaction, sqlite3_get_autocommit(db_of(link)) ? WEIR_LINK_IDLE : WEIR_LINK_IN_TRANSACTION);
    run(link, "ROLLBACK");
    assert_int_equal(link->transaction, WEIR_LINK_IDLE);
    assert_int_equal(one_int(link, "SELECT count(*) FROM t"), 0);
    DRIVER->hang_up(link);
}

/* ---- no memory ------------------------------------------------------------------------------------------------------------------ */
/* The n-th allocation from now fails, of weir's or of SQLite's; 0: none does. */
static int64_t weir_countdown, lite_countdown;
static sqlite3_mem_methods lite_memory;

static bool fails(int64_t *countdown) { return *countdown > 0 && --*countdown == 0; }
static void *weir_take(size_t size, void *context) { (void)context; return fails(&weir_countdown) ? NULL : malloc(size); }
static void *weir_take_more(void *block, size_t size, void *context)
{
    (void)context;
    return fails(&weir_countdown) ? NULL : realloc(block, size);
}
static void weir_give(void *block, void *context) { (void)context; free(block); }
static void *lite_take(int size) { return fails(&lite_countdown) ? NULL : lite_memory.xMalloc(size); }
static void *lite_take_more(void *block, int size) { return fails(&lite_countdown) ? NULL : lite_memory.xRealloc(block, size); }

static void install_faults(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &lite_memory);
    sqlite3_mem_methods faulty = lite_memory;
    faulty.xMalloc = lite_take;
    faulty.xRealloc = lite_take_more;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty);
    sqlite3_initialize();
    weir_set_allocator(&(weir_allocator){ weir_take, weir_take_more, weir_give, NULL });
}

static int read_all(query *q, weir_link *link)
{
    static const weir_value values[] = { { WEIR_T_INT64, .as.i = 0 }, { WEIR_T_DATE, .as.date = { 0 } } };
    query_begin(q, link, "SELECT a, b, c, ?2 AS d FROM t WHERE a > ?1 ORDER BY b", values, 2);
    int status = query_prepare(q);
    if (status == WEIR_OK)
        status = query_open(q, 2);
    while (status == WEIR_OK && !q->cursor.base.ended)
        status = query_fetch(q, 3);
    return status;
}

/* Connecting, reading in batches, writing in a transaction. The status of what failed first. */
static int whole_story(const char *file)
{
    weir_dial_plan plan = plan_for(file, (const char *const[]){ "cache_size", "-200", NULL }, NULL);
    weir_error error = { 0 };
    weir_link *link;
    query q;
    int status = dial_plan(&plan, &link, &error);
    if (status != WEIR_OK) {
        assert_int_equal(error.status, status);
        return status;
    }
    status = read_all(&q, link);
    if (status == WEIR_OK)
        assert_int_equal(q.sink.count, 8);
    query_end(&q);
    if (status == WEIR_OK)
        status = DRIVER->begin(link, "BEGIN");
    if (status == WEIR_OK)
        status = query_run(&q, link, "UPDATE t SET b = b || 'x' RETURNING b", NULL, 0), query_end(&q);
    command(link, "ROLLBACK");
    DRIVER->hang_up(link);
    return status;
}

static void make_story(const char *file)
{
    weir_link *link = dial_with(file, (const char *const[]){ "encoding", "utf-16", NULL });
    run(link, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BOOLEAN)");
    run(link, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8) "
              "INSERT INTO t SELECT i, hex(zeroblob(i * 100)), i % 2 FROM n");
    DRIVER->hang_up(link);
}

static void test_each_allocation_may_fail(void **state)
{
    place *p = *state;
    int64_t *const countdowns[] = { &weir_countdown, &lite_countdown };
    static const int fewest[] = { 10, 100 };
    make_story(p->file);
    for (int which = 0; which < 2; which++) {
        int failures = 0;
        for (int64_t n = 1; ; n++) {
            *countdowns[which] = n;
            int status = whole_story(p->file);
            bool reached = *countdowns[which] == 0;
            *countdowns[which] = 0;
            if (status != WEIR_OK && status != WEIR_OUT_OF_MEMORY)
                fail_msg("allocation %d of %s: status %d", (int)n, which ? "SQLite's" : "weir's", status);
            if (!which && reached)
                assert_int_equal(status, WEIR_OUT_OF_MEMORY);   /* SQLite can do without some of its own */
            weir_memory_figures figures;
            weir_memory_usage(&figures);
            assert_int_equal(figures.bytes, 0);
            assert_int_equal(sqlite3_memory_used(), 0);
            failures += status != WEIR_OK;
            if (!reached)
                break;
        }
        assert_true(failures >= fewest[which]);
    }
    assert_int_equal(whole_story(p->file), WEIR_OK);
}

static void test_a_sink_without_room_ends_the_statement(void **state)
{
    (void)state;
    weir_link *link = dial(":memory:");
    for (size_t row = 1; row < 9; row++) {
        query q;
        query_begin(&q, link, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", NULL, 0);
        q.fail_at_row = row;
        assert_int_equal(query_prepare(&q), WEIR_OK);
        assert_int_equal(query_open(&q, 0), WEIR_OUT_OF_MEMORY);
        assert_null(q.cursor.statement);
        assert_false(q.cursor.base.ended);
        query_end(&q);
    }
    assert_int_equal(one_int(link, "SELECT 1"), 1);
    DRIVER->hang_up(link);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        HERE(test_settings_are_checked_before_connecting),
        HERE(test_settings_are_applied),
        HERE(test_databases_in_memory_are_told),
        HERE(test_a_missing_file_is_named),
        HERE(test_a_file_that_is_no_database_fails_at_connecting),
        HERE(test_a_path_is_never_a_uri),
        HERE(test_mode_ro_reads_only),
        HERE(test_a_lock_is_waited_for_on_a_timer_and_not_for_ever),
        HERE(test_dialling_never_waits_for_a_lock),
        HERE(test_work_goes_on_when_the_lock_is_gone),
        HERE(test_a_returning_statement_that_cannot_commit_leaves_nothing),
        HERE(test_locks_that_waiting_cannot_open_fail_at_once),
        HERE(test_a_running_statement_is_cancelled),
        HERE(test_waiting_for_a_lock_is_cancelled),
        HERE(test_a_cancel_is_seen_between_rows),
        HERE(test_cancel_ends_idle_streams_and_leaves_the_link_usable),
        HERE(test_constraint_errors_name_the_constraint),
        HERE(test_syntax_errors_have_a_position_in_characters),
        HERE(test_result_codes_have_the_classes_of_sqlalchemy),
        HERE(test_a_damaged_file_is_told_and_the_link_is_not_lost),
        HERE(test_a_full_database_rolls_back_and_says_so),
        HERE(test_each_allocation_may_fail),
        HERE(test_a_sink_without_room_ends_the_statement),
    };
    install_faults();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
