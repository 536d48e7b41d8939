/* Checkpoints: places in ordered statements, streams that go on behind them, and what is refused. Cases 215, 217, 220. */
#include "loading.h"
#include <unistd.h>

enum { ROWS = 12 };
#define STATEMENTS(db) test_log_count((db)->log, WEIR_LOG_STATEMENT)
#define CORE_TEXT "SELECT id, amount_cents FROM orders WHERE tenant_id < :t"

/* select(id, amount).order_by(id) */
static weir_stmt *core_select(void)
{
    weir_stmt *stmt = weir_select_columns(WEIR_COL(order, id), WEIR_COL(order, amount_cents));
    weir_order_by(stmt, WEIR_COL(order, id));
    return stmt;
}

static weir_stmt *core_text(void)
{
    weir_stmt *stmt = weir_sql(CORE_TEXT);
    WEIR_BIND(stmt, "t", 5);
    return stmt;
}

static weir_stmt *instances(void)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_COL(order, id));
    return stmt;
}

/* The kinds of streams that a place can be in: rows of a select, of a text, instances. */
enum kind { CORE, TEXT, INSTANCES, KINDS };

static weir_checkpoint *checkpoint_of(test_database *db, enum kind kind)
{
    weir_stmt *stmt = kind == CORE ? core_select() : kind == TEXT ? core_text() : instances();
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, kind == TEXT ? WEIR_CHECKPOINT_OPTIONS(.key = "id not null") : NULL);
    weir_stmt_free(&stmt);
    assert_error(weir_checkpoint_error(checkpoint), WEIR_OK);
    return checkpoint;
}

/* A stream with what it reads from. */
typedef struct reading { weir_connection *connection; weir_session *session; weir_resume *stream; } reading;

static reading start(test_database *db, weir_checkpoint *checkpoint, enum kind kind, const weir_resume_options *options)
{
    reading r = { 0 };
    if (kind == INSTANCES) {
        r.session = weir_session_open(db->engine);
        r.stream = weir_resume_open_session(checkpoint, r.session, options);
    } else {
        r.connection = weir_engine_connect(db->engine);
        r.stream = weir_resume_open(checkpoint, r.connection, options);
    }
    return r;
}

static void stop(reading *r)
{
    int status = weir_resume_error(r->stream)->status;
    assert_int_equal(weir_resume_close(&r->stream), status);
    if (r->session)
        assert_int_equal(weir_session_close(&r->session), WEIR_OK);
    else
        close_connection_ok(&r->connection);
}

static int64_t id_at(const weir_partition *partition, size_t index)
{
    return partition->instances ? ((const struct order *)partition->instances[index])->id : weir_row_int64_at(partition->rows[index], 0);
}

/* Reads on to the end: the rows must be first, first + 1, … last. */
static void rest_is(weir_resume *stream, int64_t first, int64_t last)
{
    for (const weir_partition *p; (p = weir_resume_fetchmany(stream, 0)) != NULL; )
        for (size_t i = 0; i < p->count; i++)
            assert_int_equal(id_at(p, i), first++);
    assert_error(weir_resume_error(stream), WEIR_OK);
    assert_int_equal(first, last + 1);
}

#define BATCH(n) WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = (n)))

/* Reads `rows` rows in batches of `batch` and acknowledges them. */
static void read_and_ack(test_database *db, weir_checkpoint *checkpoint, enum kind kind, int64_t batch, size_t rows)
{
    reading r = start(db, checkpoint, kind, BATCH(batch));
    for (size_t done = 0; done < rows; ) {
        const weir_partition *p = weir_resume_fetchmany(r.stream, 0);
        assert_non_null(p);
        size_t now = p->count < rows - done ? p->count : rows - done;
        for (size_t i = 0; i < now; i++)
            assert_int_equal(weir_resume_ack(r.stream, i + 1), WEIR_OK);
        done += now;
    }
    stop(&r);
}

/* What another process has: a new checkpoint of the same statement, restored from the text. */
static weir_checkpoint *moved(test_database *db, weir_checkpoint *from, enum kind kind)
{
    size_t length;
    const char *text = weir_checkpoint_text(from, &length);
    assert_non_null(text);
    weir_checkpoint *to = checkpoint_of(db, kind);
    assert_int_equal(weir_checkpoint_restore(to, text, length), WEIR_OK);
    return to;
}

/* ---- cases ----------------------------------------------------------------------------------------------------------------- */
static void refused(test_database *db, weir_stmt *stmt, const char *key, int status, const char *part)
{
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = key));
    assert_error(weir_checkpoint_error(checkpoint), status);
    assert_contains(weir_checkpoint_error(checkpoint)->message, part);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, NULL);
    assert_null(weir_resume_fetchmany(stream, 0));
    assert_int_equal(weir_resume_close(&stream), status);
    close_connection_ok(&connection);
    assert_int_equal(STATEMENTS(db), 0);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
}

static void test_case_215_an_order_that_is_not_unique_is_refused(void **state)
{
    test_database *db = *state;
    weir_stmt *by_tenant = weir_select(&order_entity), *unordered = weir_select(&order_entity);
    weir_order_by(by_tenant, WEIR_COL(order, tenant_id));
    refused(db, by_tenant, NULL, WEIR_INVALID_REQUEST, "unique");
    refused(db, unordered, NULL, WEIR_INVALID_REQUEST, "has no order");
    refused(db, core_text(), NULL, WEIR_INVALID_REQUEST, "");
    refused(db, core_text(), "id,", WEIR_ARGUMENT, "column");
}

static void test_case_215_a_plain_stream_without_an_order_works_with_a_warning(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_stmt *stmt = weir_select_columns(WEIR_COL(order, id));
    weir_connection *connection = weir_engine_connect(db->engine);
    int64_t warnings = weir_engine_warnings(db->engine);
    weir_result *result = weir_connection_execute(connection, stmt, WEIR_EXECUTION_OPTIONS(.yield_per = 5));
    int64_t rows = 0;
    while (weir_result_next(result))
        rows++;
    assert_int_equal(rows, ROWS);
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), warnings + 1);
    close_connection_ok(&connection);
    weir_stmt_free(&stmt);
}

static void test_case_217_a_stream_goes_on_behind_what_was_saved(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    for (enum kind kind = CORE; kind < KINDS; kind++)
        for (size_t saved = 6; saved <= 7; saved++) {
            weir_checkpoint *checkpoint = checkpoint_of(db, kind);
            reading r = start(db, checkpoint, kind, BATCH(3));
            size_t seen = 0;
            const char *text = NULL;
            size_t length = 0;
            char kept[2000];
            for (const weir_partition *p; seen < 7 && (p = weir_resume_fetchmany(r.stream, 0)) != NULL; )
                for (size_t i = 0; i < p->count && seen < 7; i++) {
                    seen++;
                    assert_int_equal(weir_resume_ack(r.stream, i + 1), WEIR_OK);
                    if (seen == saved) {
                        text = weir_checkpoint_text(checkpoint, &length);
                        assert_true(length < sizeof kept);
                        memcpy(kept, text, length);
                    }
                }
            stop(&r);
            weir_checkpoint_free(&checkpoint);
            checkpoint = checkpoint_of(db, kind);
            assert_int_equal(weir_checkpoint_restore(checkpoint, kept, length), WEIR_OK);
            r = start(db, checkpoint, kind, BATCH(3));
            rest_is(r.stream, (int64_t)saved + 1, ROWS);
            weir_checkpoint_figures figures;
            weir_checkpoint_info(checkpoint, &figures);
            assert_int_equal(figures.rows, saved);
            assert_int_equal(figures.runs, 2);
            stop(&r);
            weir_checkpoint_free(&checkpoint);
        }
}

static void refuses_place_of(test_database *db, weir_checkpoint *from, weir_stmt *stmt, const char *key)
{
    size_t length, before;
    const char *text = weir_checkpoint_text(from, &length);
    weir_checkpoint *other = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = key));
    assert_error(weir_checkpoint_error(other), WEIR_OK);
    before = STATEMENTS(db);
    assert_int_equal(weir_checkpoint_restore(other, text, length), WEIR_INVALID_REQUEST);
    assert_contains(weir_checkpoint_error(other)->message, "another statement");
    assert_int_equal(STATEMENTS(db), before);
    weir_checkpoint_free(&other);
    weir_stmt_free(&stmt);
}

static void test_case_220_batches_and_loads_are_no_part_of_the_place(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    for (int strategy = 0; strategy < 2; strategy++) {
        weir_stmt *first = instances(), *second = instances();
        weir_selectinload(first, WEIR_COL(order, lines));
        weir_yield_per(first, 3);
        if (strategy)
            weir_lazyload(second, WEIR_COL(order, lines));
        weir_yield_per(second, 5);
        weir_stmt_options(second, WEIR_EXECUTION_OPTIONS(.prefetch = WEIR_OFF));
        weir_checkpoint *one = weir_checkpoint_new(db->engine, first, NULL), *two = weir_checkpoint_new(db->engine, second, NULL);
        read_and_ack(db, one, INSTANCES, 0, 4);
        size_t length;
        const char *text = weir_checkpoint_text(one, &length);
        assert_int_equal(weir_checkpoint_restore(two, text, length), WEIR_OK);
        reading r = start(db, two, INSTANCES, NULL);
        const weir_partition *p = weir_resume_fetchmany(r.stream, 0);
        assert_int_equal(p->count, 5);
        assert_int_equal(id_at(p, 0), 5);
        rest_is(r.stream, 10, ROWS);
        stop(&r);
        weir_checkpoint_free(&one);
        weir_checkpoint_free(&two);
        weir_stmt_free(&first);
        weir_stmt_free(&second);
    }
}

static void test_case_220_where_order_and_parameters_are_part_of_the_place(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_checkpoint *core = checkpoint_of(db, CORE), *text = checkpoint_of(db, TEXT);
    read_and_ack(db, core, CORE, 3, 4);
    read_and_ack(db, text, TEXT, 3, 4);
    weir_stmt *where = core_select(), *descending = weir_select_columns(WEIR_COL(order, id), WEIR_COL(order, amount_cents));
    weir_where(where, WEIR_GT(WEIR_COL(order, tenant_id), 0));
    weir_order_by(descending, WEIR_DESC(WEIR_COL(order, id)));
    refuses_place_of(db, core, where, NULL);
    refuses_place_of(db, core, descending, NULL);
    weir_stmt *parameter = core_text();
    WEIR_BIND(parameter, "t", 6);
    refuses_place_of(db, text, parameter, "id not null");
    refuses_place_of(db, text, core_text(), "id desc");
    refuses_place_of(db, text, core_text(), "amount_cents, id");
    weir_checkpoint_free(&core);
    weir_checkpoint_free(&text);
}

/* ---- every point ------------------------------------------------------------------------------------------------------------- */
static void test_from_every_row_on_each_batch_size(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    for (enum kind kind = CORE; kind < KINDS; kind++)
        for (size_t k = 0; k <= ROWS; k++)
            for (int64_t batch = 1; batch <= 13; batch += 4) {
                weir_checkpoint *checkpoint = checkpoint_of(db, kind);
                read_and_ack(db, checkpoint, kind, batch, k);
                weir_checkpoint *later = moved(db, checkpoint, kind);
                reading r = start(db, later, kind, BATCH(batch));
                rest_is(r.stream, (int64_t)k + 1, ROWS);
                stop(&r);
                weir_checkpoint_free(&checkpoint);
                weir_checkpoint_free(&later);
            }
}

/* Case 214's rows and orders: NULLs, both directions, ties that the id breaks. */
static void test_keys_of_two_columns_with_nulls(void **state)
{
    test_database *db = *state;
    static const struct { const char *key; int64_t ids[10]; } orders[] = {
        { "k desc nulls last, id not null", { 9, 1, 2, 3, 7, 8, 5, 4, 6, 10 } },
        { "k asc nulls first, id desc not null", { 10, 6, 4, 5, 8, 7, 3, 2, 1, 9 } },
    };
    test_side_run(db, "CREATE TABLE ties(id bigint PRIMARY KEY, k bigint); INSERT INTO ties VALUES (1, 5), (2, 5), (3, 5), (4, NULL), (5, 1),"
                      " (6, NULL), (7, 3), (8, 3), (9, 9), (10, NULL);");
    weir_stmt *stmt = weir_sql("SELECT id, k FROM ties");
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++)
        for (size_t k = 0; k <= 10; k++) {
            weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = orders[o].key));
            read_and_ack(db, checkpoint, TEXT, 3, k);
            reading r = start(db, checkpoint, TEXT, BATCH(3));
            size_t at = k;
            for (const weir_partition *p; (p = weir_resume_fetchmany(r.stream, 0)) != NULL; )
                for (size_t i = 0; i < p->count; i++, at++) {
                    assert_true(at < 10);
                    assert_int_equal(id_at(p, i), orders[o].ids[at]);
                }
            assert_error(weir_resume_error(r.stream), WEIR_OK);
            assert_int_equal(at, 10);
            stop(&r);
            weir_checkpoint_free(&checkpoint);
        }
    weir_stmt_free(&stmt);
}

/* K3: what was read is not read again, as the server saw it. */
static void test_the_first_statement_has_the_key_in_its_where(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    for (enum kind kind = CORE; kind < KINDS; kind++) {
        weir_checkpoint *checkpoint = checkpoint_of(db, kind);
        read_and_ack(db, checkpoint, kind, 3, 8);
        long since = db->postgresql ? test_server_log_end() : 0;
        test_log_clear(db->log);
        reading r = start(db, checkpoint, kind, BATCH(3));
        rest_is(r.stream, 9, ROWS);
        stop(&r);
        const test_log_entry *statement = test_log_at(db->log, WEIR_LOG_STATEMENT, 0);
        assert_contains(statement->message, "WHERE");
        assert_contains(statement->message, "> ");
        assert_contains(statement->parameters, "8");
        assert_null(strstr(statement->message, "OFFSET"));
        assert_int_equal(STATEMENTS(db), 1);
        if (db->postgresql) {
            assert_true(test_server_log_count(since, "WHERE") > 0);
            assert_int_equal(test_server_log_count(since, "OFFSET"), 0);
        }
        weir_checkpoint_free(&checkpoint);
    }
}

/* The table of docs/how-to/resume.md: what others did between the two moments. */
static void test_what_goes_on_sees_its_own_moment(void **state)
{
    test_database *db = *state;
    static const int64_t expected[] = { 5, 6, 8, 9, 10, 11, 12, 13 };
    test_side_run(db, "CREATE TABLE moment(k bigint PRIMARY KEY, v text);"
                      "INSERT INTO moment SELECT id, 'old' FROM (SELECT 1 AS id UNION SELECT 3 UNION SELECT 4 UNION SELECT 7 UNION SELECT 8"
                      " UNION SELECT 9 UNION SELECT 10 UNION SELECT 11 UNION SELECT 12) AS ids;");
    weir_stmt *stmt = weir_sql("SELECT k FROM moment");
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "k not null"));
    reading r = start(db, checkpoint, TEXT, BATCH(2));
    size_t seen = 0;
    for (const weir_partition *p; seen < 3 && (p = weir_resume_fetchmany(r.stream, 0)) != NULL; ) {
        seen += p->count;                       /* 1, then 3 and 4 */
        assert_int_equal(weir_resume_ack(r.stream, p->count), WEIR_OK);
    }
    stop(&r);
    assert_int_equal(seen, 3);
    test_side_run(db, "INSERT INTO moment VALUES (2, 'late'), (5, 'new'), (6, 'new');"      /* 2: before the place */
                      "DELETE FROM moment WHERE k = 7; UPDATE moment SET k = 13 WHERE k = 3;");
    r = start(db, checkpoint, TEXT, BATCH(2));
    size_t i = 0;
    for (const weir_partition *p; (p = weir_resume_fetchmany(r.stream, 0)) != NULL; )
        for (size_t j = 0; j < p->count; j++)
            assert_int_equal(id_at(p, j), expected[i++]);
    assert_int_equal(i, 8);                     /* 13, which was 3, for the second time; 2 never */
    assert_error(weir_resume_error(r.stream), WEIR_OK);
    stop(&r);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
}

/* ---- keys that are not unique -------------------------------------------------------------------------------------------------- */
static void test_equal_neighbours_are_refused_before_either_is_delivered(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE twins(k bigint, v text); "
                      "INSERT INTO twins VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (4, 'e'), (5, 'f');");
    weir_stmt *stmt = weir_sql("SELECT k, v FROM twins");
    for (int64_t batch = 1; batch <= 8; batch++) {
        weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "k"));
        reading r = start(db, checkpoint, TEXT, BATCH(batch));
        int64_t seen = 0;
        for (const weir_partition *p; (p = weir_resume_fetchmany(r.stream, 0)) != NULL; ) {
            for (size_t i = 0; i < p->count; i++)
                assert_int_equal(id_at(p, i), ++seen);
            assert_int_equal(weir_resume_ack(r.stream, p->count), WEIR_OK);
        }
        assert_int_equal(seen, 3);
        assert_error(weir_resume_error(r.stream), WEIR_INVALID_REQUEST);
        assert_contains(weir_resume_error(r.stream)->message, "the key (k) is not unique");
        stop(&r);
        weir_checkpoint_figures figures;
        weir_checkpoint_info(checkpoint, &figures);
        assert_int_equal(figures.rows, 3);
        weir_checkpoint_free(&checkpoint);
    }
    weir_stmt_free(&stmt);
}

/* ---- acknowledging ---------------------------------------------------------------------------------------------------------------- */
static void test_only_rows_of_the_last_partition_can_be_acknowledged(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_checkpoint *checkpoint = checkpoint_of(db, CORE);
    reading r = start(db, checkpoint, CORE, BATCH(5));
    const weir_partition *p = weir_resume_fetchmany(r.stream, 0);
    assert_int_equal(p->count, 5);
    assert_int_equal(weir_resume_ack(r.stream, 3), WEIR_OK);
    assert_int_equal(weir_resume_ack(r.stream, 3), WEIR_OK);
    assert_int_equal(weir_resume_ack(r.stream, 2), WEIR_INVALID_REQUEST);
    assert_contains(weir_checkpoint_error(checkpoint)->message, "2 rows cannot be acknowledged: the partition has 5, of which 3 are");
    stop(&r);
    r = start(db, checkpoint, CORE, BATCH(5));
    p = weir_resume_fetchmany(r.stream, 0);
    assert_int_equal(id_at(p, 0), 4);
    assert_int_equal(weir_resume_ack(r.stream, 6), WEIR_INVALID_REQUEST);
    assert_contains(weir_checkpoint_error(checkpoint)->message, "6 rows cannot be acknowledged");
    /* a misuse harms nobody: the stream goes on, and the place is behind what was acknowledged */
    assert_error(weir_resume_error(r.stream), WEIR_OK);
    p = weir_resume_fetchmany(r.stream, 0);
    assert_int_equal(id_at(p, 0), 9);
    assert_int_equal(weir_resume_ack(r.stream, 0), WEIR_OK);
    while ((p = weir_resume_fetchmany(r.stream, 0)) != NULL)
        assert_int_equal(weir_resume_ack(r.stream, p->count), WEIR_OK);
    assert_int_equal(weir_resume_ack(r.stream, 1), WEIR_INVALID_REQUEST);
    assert_error(weir_resume_error(r.stream), WEIR_OK);
    weir_resume *second = weir_resume_open(checkpoint, r.connection, NULL);
    assert_int_equal(weir_resume_close(&second), WEIR_INVALID_REQUEST);
    stop(&r);
    weir_checkpoint_free(&checkpoint);
}

static void test_other_columns_are_refused(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE moving(id bigint PRIMARY KEY, v text); INSERT INTO moving VALUES (1, 'a'), (2, 'b'), (3, 'c');");
    weir_stmt *stmt = weir_sql("SELECT * FROM moving");
    weir_checkpoint *checkpoint = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = "id not null"));
    read_and_ack(db, checkpoint, TEXT, 1, 1);
    test_side_run(db, "ALTER TABLE moving ADD COLUMN w text;");
    weir_engine_dispose(db->engine);
    reading r = start(db, checkpoint, TEXT, NULL);
    assert_null(weir_resume_fetchmany(r.stream, 0));
    assert_error(weir_resume_error(r.stream), WEIR_INVALID_REQUEST);
    assert_contains(weir_resume_error(r.stream)->message, "the 3. was \"missing\" and is \"w ");
    stop(&r);
    weir_checkpoint_free(&checkpoint);
    weir_stmt_free(&stmt);
}

/* ---- texts and files --------------------------------------------------------------------------------------------------------------- */
static void test_damaged_texts_are_told_and_change_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    weir_checkpoint *checkpoint = checkpoint_of(db, CORE), *other = checkpoint_of(db, CORE);
    read_and_ack(db, checkpoint, CORE, 3, 4);
    assert_int_equal(weir_checkpoint_set_data(checkpoint, "a\0%\nb", 5), WEIR_OK);
    char text[2000];
    size_t length;
    const char *made = weir_checkpoint_text(checkpoint, &length);
    assert_true(length < sizeof text);
    memcpy(text, made, length);
    assert_int_equal(weir_checkpoint_restore(other, text, length), WEIR_OK);
    assert_int_equal(weir_checkpoint_data(other).len, 5);
    assert_memory_equal(weir_checkpoint_data(other).ptr, "a\0%\nb", 5);
    for (size_t i = 0; i < length; i++) {
        for (int bit = 0; bit < 8; bit += 3) {
            text[i] = (char)(text[i] ^ 1 << bit);
            assert_status(weir_checkpoint_restore(other, text, length), WEIR_DATA);
            text[i] = (char)(text[i] ^ 1 << bit);
        }
        assert_status(weir_checkpoint_restore(other, text, i), WEIR_DATA);
    }
    assert_status(weir_checkpoint_restore(other, "", 0), WEIR_DATA);
    reading r = start(db, other, CORE, NULL);
    rest_is(r.stream, 5, ROWS);
    stop(&r);
    weir_checkpoint *scoped = NULL;
    weir_stmt *stmt = core_select();
    scoped = weir_checkpoint_new(db->engine, stmt, WEIR_CHECKPOINT_OPTIONS(.scope = "elsewhere"));
    assert_status(weir_checkpoint_restore(scoped, text, length), WEIR_INVALID_REQUEST);
    assert_contains(weir_checkpoint_error(scoped)->message, "elsewhere");
    weir_checkpoint_free(&scoped);
    weir_stmt_free(&stmt);
    weir_checkpoint_free(&checkpoint);
    weir_checkpoint_free(&other);
}

static void test_a_file_holds_it(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    char path[300], link[310], command[1300];
    snprintf(path, sizeof path, "%s/checkpoint-%s-%ld", test_environment("WEIR_TEST_DIR"), db->dialect, (long)getpid());
    snprintf(link, sizeof link, "%s-link", path);
    snprintf(command, sizeof command, "rm -f %s %s; ln -s %s %s", path, link, path, link);
    assert_int_equal(system(command), 0);
    weir_checkpoint *checkpoint = checkpoint_of(db, INSTANCES);
    assert_int_equal(weir_checkpoint_load(checkpoint, path), WEIR_OK);
    weir_checkpoint_figures figures;
    weir_checkpoint_info(checkpoint, &figures);
    assert_false(figures.restored || figures.placed);
    read_and_ack(db, checkpoint, INSTANCES, 4, 9);
    assert_int_equal(weir_checkpoint_save(checkpoint, path), WEIR_OK);
    assert_int_equal(weir_checkpoint_save(checkpoint, path), WEIR_OK);
    snprintf(command, sizeof command, "test \"$(stat -c %%a %s)\" = 600 && test ! -e %s-new", path, path);
    assert_int_equal(system(command), 0);
    weir_checkpoint *later = checkpoint_of(db, INSTANCES);
    assert_status(weir_checkpoint_load(later, link), WEIR_IO);
    assert_int_equal(weir_checkpoint_load(later, path), WEIR_OK);
    weir_checkpoint_info(later, &figures);
    assert_true(figures.restored && figures.placed && figures.rows == 9 && figures.runs == 1);
    reading r = start(db, later, INSTANCES, NULL);
    rest_is(r.stream, 10, ROWS);
    stop(&r);
    assert_status(weir_checkpoint_load(later, "/dev/zero"), WEIR_DATA);
    assert_status(weir_checkpoint_save(later, "/nonexistent/place"), WEIR_IO);
    weir_checkpoint_free(&checkpoint);
    weir_checkpoint_free(&later);
    snprintf(command, sizeof command, "rm -f %s %s", path, link);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_215_an_order_that_is_not_unique_is_refused),
        ON_BOTH(test_case_215_a_plain_stream_without_an_order_works_with_a_warning),
        ON_BOTH(test_case_217_a_stream_goes_on_behind_what_was_saved),
        ON_BOTH(test_case_220_batches_and_loads_are_no_part_of_the_place),
        ON_BOTH(test_case_220_where_order_and_parameters_are_part_of_the_place),
        ON_BOTH(test_from_every_row_on_each_batch_size),
        ON_BOTH(test_keys_of_two_columns_with_nulls),
        ON_BOTH(test_the_first_statement_has_the_key_in_its_where),
        ON_BOTH(test_what_goes_on_sees_its_own_moment),
        ON_BOTH(test_equal_neighbours_are_refused_before_either_is_delivered),
        ON_BOTH(test_only_rows_of_the_last_partition_can_be_acknowledged),
        ON_BOTH(test_other_columns_are_refused),
        ON_BOTH(test_damaged_texts_are_told_and_change_nothing),
        ON_BOTH(test_a_file_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
