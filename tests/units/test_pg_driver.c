/* The PostgreSQL driver against a real server, through its interface alone: batches, reading ahead, giant rows, stale statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/values.h"
#include "driver/driver.h"
#include "driver/postgres/pg.h"

typedef struct fixture { weir_arena arena; weir_dial_plan plan; weir_link *link; } fixture;

/* ---- a sink of cells ---- */
typedef struct cells { weir_sink sink; weir_arena arena; char *places; size_t capacity; } cells;

static int grow(weir_sink *sink)
{
    cells *c = (cells *)sink;
    size_t used = (size_t)(sink->next - c->places);
    c->capacity = c->capacity ? c->capacity * 2 : 8;
    char *places = realloc(c->places, c->capacity * sink->stride);
    if (!places)
        return WEIR_OUT_OF_MEMORY;
    c->places = places;
    sink->next = places + used;
    sink->end = places + c->capacity * sink->stride;
    return WEIR_OK;
}

static void cells_init(cells *c, size_t columns)
{
    memset(c, 0, sizeof *c);
    weir_arena_init(&c->arena, NULL, WEIR_MEMORY_BATCH, 4096);
    c->sink.stride = columns * sizeof(weir_value);
    c->sink.arena = &c->arena;
    c->sink.grow = grow;
}

static void cells_empty(cells *c)
{
    c->sink.next = c->places;
    c->sink.count = 0;
    weir_arena_reset(&c->arena, 1 << 16);
}

static void cells_free(cells *c)
{
    weir_arena_free(&c->arena);
    free(c->places);
}

static const weir_value *cell(const cells *c, size_t row, size_t column)
{
    return (const weir_value *)(const void *)(c->places + row * c->sink.stride) + column;
}

/* ---- operations driven to their end ---- */
static int drive(weir_link *link, int started)
{
    weir_want want;
    if (started < 0 || started == WEIR_DONE)
        return started < 0 ? started : WEIR_OK;
    for (;;) {
        int p = link->driver->advance(link, &want);
        if (p != WEIR_WANTS)
            return p < 0 ? p : WEIR_OK;
        int64_t limit = weir_deadline_ms(20000);
        if (want.deadline > limit) {
            want.deadline = limit;
            want.soft = false;
        }
        int outcome = weir_wait(&want);
        assert_true(outcome == WEIR_READY || (outcome == WEIR_LATE && want.soft));
    }
}

static int command(fixture *f, const char *sql) { return drive(f->link, f->link->driver->command(f->link, sql)); }

typedef struct stream { weir_arena arena; weir_compiled compiled; weir_pg_cursor cursor; cells cells; weir_error error; } stream;

static int stream_prepare(fixture *f, stream *s, const char *sql, weir_mode mode, const weir_value *values, const char *const *names, size_t count)
{
    memset(s, 0, sizeof *s);
    weir_arena_init(&s->arena, NULL, WEIR_MEMORY_HANDLES, 4096);
    s->compiled = (weir_compiled){ .sql = sql, .sql_length = strlen(sql), .values = values, .names = names, .value_count = count };
    s->cursor.base = (weir_cursor){ .link = f->link, .arena = &s->arena, .statement = &s->compiled, .mode = mode, .named = true };
    return drive(f->link, f->link->driver->prepare(f->link, &s->cursor.base));
}

static int stream_open(fixture *f, stream *s, int64_t rows)
{
    weir_cursor *c = &s->cursor.base;
    cells_init(&s->cells, c->column_count ? c->column_count : 1);
    c->sink = &s->cells.sink;
    c->steps = weir_arena_take(&s->arena, (c->column_count + 1) * sizeof *c->steps);
    for (size_t i = 0; i < c->column_count; i++) {
        c->steps[i] = (weir_step){ .offset = i * sizeof(weir_value) };
        assert_int_equal(f->link->driver->plan_cell(f->link, c, i, &s->arena, &c->steps[i]), WEIR_OK);
    }
    return drive(f->link, f->link->driver->open(f->link, c, rows));
}

static int stream_fetch(fixture *f, stream *s, int64_t rows)
{
    cells_empty(&s->cells);
    return drive(f->link, f->link->driver->fetch(f->link, &s->cursor.base, rows));
}

static void stream_close(fixture *f, stream *s)
{
    drive(f->link, f->link->driver->close(f->link, &s->cursor.base));
    cells_free(&s->cells);
    weir_arena_free(&s->arena);
}

static void begin(fixture *f) { f->link->driver->begin(f->link, "BEGIN"); }

static int setup(void **state)
{
    const char *url = getenv("WEIR_TEST_PG");
    if (!url) {
        fprintf(stderr, "WEIR_TEST_PG is not set: run scripts/check\n");
        return -1;
    }
    fixture *f = calloc(1, sizeof *f);
    weir_error error = { 0 };
    weir_arena_init(&f->arena, NULL, WEIR_MEMORY_HANDLES, 1024);
    f->plan = (weir_dial_plan){ .connect_timeout_ms = 10000, .ledger = weir_ledger_root() };
    if (weir_url_parse(&f->arena, url, &f->plan.url, &error) != WEIR_OK || weir_driver_postgresql.check(&f->plan, &error) != WEIR_OK ||
        weir_driver_postgresql.dial(&f->plan, NULL, &f->link, &error) != WEIR_OK) {
        fprintf(stderr, "%s\n", error.message);
        return -1;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    f->link->driver->hang_up(f->link);
    weir_arena_free(&f->arena);
    free(f);
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    assert_int_equal(figures.bytes, 0);
    return 0;
}

/* ---- tests ---- */
static void test_every_batch_size_gives_every_row(void **state)
{
    fixture *f = *state;
    static const int64_t sizes[] = { 1, 2, 3, 7, 11, 12, 13, 24, 1000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int ahead = 0; ahead < 2; ahead++) {
            stream s;
            int64_t next = 1;
            begin(f);
            assert_int_equal(stream_prepare(f, &s, "SELECT g, 'text ' || g FROM generate_series(1::bigint, 12) g", WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
            assert_int_equal(stream_open(f, &s, sizes[i]), 0);
            assert_true(s.cursor.base.may_prefetch);
            for (;;) {
                for (size_t r = 0; r < s.cells.sink.count; r++, next++) {
                    char text[32];
                    snprintf(text, sizeof text, "text %lld", (long long)next);
                    assert_int_equal(cell(&s.cells, r, 0)->as.i, next);
                    assert_string_equal(cell(&s.cells, r, 1)->as.text.ptr, text);
                }
                assert_true((int64_t)s.cells.sink.count <= sizes[i]);
                if (s.cursor.base.ended)
                    break;
                if (ahead)
                    f->link->driver->read_ahead(f->link, &s.cursor.base, sizes[i]);
                assert_int_equal(stream_fetch(f, &s, sizes[i]), 0);
            }
            assert_int_equal(next, 13);
            stream_close(f, &s);
            assert_int_equal(command(f, "COMMIT"), 0);
            assert_int_equal(f->link->transaction, WEIR_LINK_IDLE);
        }
}

static void test_another_statement_takes_the_batch_in_flight_raw(void **state)
{
    fixture *f = *state;
    stream a, b;
    begin(f);
    assert_int_equal(stream_prepare(f, &a, "SELECT g FROM generate_series(1, 10) g", WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &a, 3), 0);
    f->link->driver->read_ahead(f->link, &a.cursor.base, 3);
    assert_int_equal(stream_prepare(f, &b, "SELECT 77", WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &b, 0), 0);
    assert_int_equal(cell(&b.cells, 0, 0)->as.i, 77);
    assert_true(a.cursor.has_kept);
    assert_int_equal(stream_fetch(f, &a, 3), 0);
    assert_int_equal(a.cells.sink.count, 3);
    assert_int_equal(cell(&a.cells, 0, 0)->as.i, 4);
    assert_false(a.cursor.has_kept);
    assert_int_equal(stream_fetch(f, &a, 100), 0);
    assert_int_equal(a.cells.sink.count, 4);
    assert_int_equal(cell(&a.cells, 3, 0)->as.i, 10);
    assert_true(a.cursor.base.ended);
    stream_close(f, &b);
    stream_close(f, &a);
    assert_int_equal(command(f, "ROLLBACK"), 0);
}

static void test_closing_with_a_batch_in_flight_leaves_the_link_clean(void **state)
{
    fixture *f = *state;
    stream s;
    begin(f);
    assert_int_equal(stream_prepare(f, &s, "SELECT g FROM generate_series(1, 100000) g", WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 5000), 0);
    f->link->driver->read_ahead(f->link, &s.cursor.base, 5000);
    assert_int_equal(stream_fetch(f, &s, 5000), 0);
    assert_int_equal(cell(&s.cells, 4999, 0)->as.i, 10000);
    stream_close(f, &s);
    assert_int_equal(stream_prepare(f, &s, "SELECT count(*) FROM pg_cursors WHERE name <> ''", WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 0), 0);
    assert_int_equal(cell(&s.cells, 0, 0)->as.i, 0);
    stream_close(f, &s);
    assert_int_equal(command(f, "ROLLBACK"), 0);
}

static void test_rows_larger_than_the_buffer(void **state)
{
    fixture *f = *state;
    stream s, other;
    begin(f);
    assert_int_equal(stream_prepare(f, &s, "SELECT g, repeat(chr(96 + g), 3000000), NULL::int, g::text FROM generate_series(1, 4) g",
                                    WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 1), 0);
    for (int row = 1; row <= 4; row++) {
        assert_int_equal(s.cells.sink.count, 1);
        const weir_value *text = cell(&s.cells, 0, 1);
        assert_int_equal(text->as.text.len, 3000000);
        assert_int_equal(text->as.text.ptr[0], 96 + row);
        assert_int_equal(text->as.text.ptr[2999999], 96 + row);
        assert_int_equal(text->as.text.ptr[3000000], 0);
        assert_int_equal(cell(&s.cells, 0, 2)->type, WEIR_T_NULL);
        assert_int_equal(cell(&s.cells, 0, 3)->as.text.len, 1);
        assert_int_equal(cell(&s.cells, 0, 3)->as.text.ptr[0], '0' + row);
        if (row == 4)
            break;
        f->link->driver->read_ahead(f->link, &s.cursor.base, 1);
        if (row == 2) {                         /* one of them is taken raw */
            assert_int_equal(stream_prepare(f, &other, "SELECT 1", WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
            assert_int_equal(stream_open(f, &other, 0), 0);
            assert_true(s.cursor.has_kept);
            stream_close(f, &other);
        }
        assert_int_equal(stream_fetch(f, &s, 1), 0);
    }
    stream_close(f, &s);
    assert_int_equal(command(f, "COMMIT"), 0);
}

static void test_an_error_in_the_batch_in_flight_is_told_to_the_fetch_that_reaches_it(void **state)
{
    fixture *f = *state;
    stream a, b;
    begin(f);
    assert_int_equal(stream_prepare(f, &a, "SELECT 1 / (4 - g) FROM generate_series(1, 10) g", WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &a, 3), 0);
    f->link->driver->read_ahead(f->link, &a.cursor.base, 3);
    assert_int_equal(stream_prepare(f, &b, "SELECT 2", WEIR_MODE_BUFFERED, NULL, NULL, 0), WEIR_INTERNAL);
    assert_string_equal(f->link->error.sqlstate, "25P02");
    assert_non_null(strstr(f->link->error.detail, "division by zero"));
    assert_int_equal(f->link->transaction, WEIR_LINK_FAILED);
    assert_int_equal(stream_fetch(f, &a, 3), WEIR_DATA);
    assert_string_equal(f->link->error.sqlstate, "22012");
    stream_close(f, &b);
    stream_close(f, &a);
    assert_int_equal(command(f, "ROLLBACK"), 0);
    assert_int_equal(f->link->transaction, WEIR_LINK_IDLE);
}

static void test_a_commit_that_rolls_back_is_no_success(void **state)
{
    fixture *f = *state;
    stream s;
    assert_int_equal(command(f, "BEGIN"), 0);
    assert_int_equal(command(f, "SELECT 1 / 0"), WEIR_DATA);
    assert_int_equal(command(f, "COMMIT"), WEIR_INTERNAL);
    assert_string_equal(f->link->error.sqlstate, "25P02");
    assert_int_equal(f->link->transaction, WEIR_LINK_IDLE);
    /* the same when a batch on its way failed, and nobody knows yet */
    begin(f);
    assert_int_equal(stream_prepare(f, &s, "SELECT 1 / (4 - g) FROM generate_series(1, 10) g", WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 3), 0);
    f->link->driver->read_ahead(f->link, &s.cursor.base, 3);
    f->link->driver->forget(f->link, &s.cursor.base);
    assert_int_equal(command(f, "COMMIT"), WEIR_INTERNAL);
    assert_non_null(strstr(f->link->error.detail, "division by zero"));
    stream_close(f, &s);
}

static void test_a_parameter_without_a_type_is_declared_and_the_transaction_lives(void **state)
{
    fixture *f = *state;
    static const char *const names[] = { "x", "y" };
    weir_value values[] = { weir_value_int(7), weir_value_cstr("a") };
    for (int begun = 0; begun < 3; begun++) {
        stream s;
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT $1 IS NULL, $2 IS NULL, %d", begun);
        if (begun == 0)
            begin(f);
        if (begun == 1)
            assert_int_equal(command(f, "BEGIN"), 0);
        assert_int_equal(stream_prepare(f, &s, sql, WEIR_MODE_BUFFERED, values, names, 2), 0);
        assert_int_equal(stream_open(f, &s, 0), 0);
        assert_false(cell(&s.cells, 0, 0)->as.b);
        assert_int_equal(f->link->transaction, begun == 2 ? WEIR_LINK_IDLE : WEIR_LINK_IN_TRANSACTION);
        stream_close(f, &s);
        if (begun < 2)
            assert_int_equal(command(f, "COMMIT"), 0);
    }
}

static void test_a_value_out_of_range_sends_nothing(void **state)
{
    fixture *f = *state;
    stream s;
    static const char *const names[] = { "x" };
    weir_value value = weir_value_int(INT64_C(1) << 40);
    begin(f);
    assert_int_equal(stream_prepare(f, &s, "SELECT $1::int4", WEIR_MODE_BUFFERED, &value, names, 1), 0);
    assert_int_equal(stream_open(f, &s, 0), WEIR_DATA);
    assert_non_null(strstr(f->link->error.message, "'x'"));
    assert_int_equal(f->link->transaction, WEIR_LINK_IN_TRANSACTION);
    stream_close(f, &s);
    assert_int_equal(command(f, "COMMIT"), 0);
}

/* Found out on our side, before anything was sent: the type of the parameter may be that of a table long dropped. */
static void test_a_value_refused_by_kept_types_is_stale_and_unsent(void **state)
{
    fixture *f = *state;
    stream s;
    static const char *const names[] = { "x" };
    const weir_value values[] = { weir_value_int(1), weir_value_int(INT64_C(1) << 40) };
    begin(f);
    for (int round = 0; round < 3; round++) {
        const weir_value *value = &values[round > 0];
        assert_int_equal(stream_prepare(f, &s, "SELECT $1::int4", WEIR_MODE_BUFFERED, value, names, 1), 0);
        assert_int_equal(stream_open(f, &s, 0), round ? WEIR_DATA : WEIR_OK);
        assert_int_equal(s.cursor.base.stale, round == 1);
        assert_int_equal(s.cursor.base.unsent, round == 1);
        stream_close(f, &s);
    }
    assert_int_equal(f->link->transaction, WEIR_LINK_IN_TRANSACTION);
    assert_int_equal(command(f, "COMMIT"), 0);
}

static void test_a_stale_statement_says_so(void **state)
{
    fixture *f = *state;
    stream s;
    assert_int_equal(command(f, "CREATE TABLE stale_test(a int)"), 0);
    assert_int_equal(command(f, "CREATE SCHEMA stale_other"), 0);
    assert_int_equal(command(f, "CREATE TABLE stale_other.stale_test(a int, b text)"), 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(stream_prepare(f, &s, "SELECT * FROM stale_test", WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
        int status = stream_open(f, &s, 0);
        assert_int_equal(s.cursor.base.stale, round == 1);
        assert_int_equal(status, round == 1 ? WEIR_NOT_SUPPORTED : WEIR_OK);
        stream_close(f, &s);
        if (round == 0)
            assert_int_equal(command(f, "SET search_path TO stale_other"), 0);
    }
    assert_int_equal(command(f, "DISCARD ALL"), 0);
    assert_int_equal(command(f, "DROP TABLE stale_test, stale_other.stale_test"), 0);
    assert_int_equal(command(f, "DROP SCHEMA stale_other"), 0);
    assert_int_equal(stream_prepare(f, &s, "SELECT 1", WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 0), 0);
    stream_close(f, &s);
}

static void test_types_of_the_catalog(void **state)
{
    fixture *f = *state;
    stream s;
    static const char *const texts[] = { "happy", "{happy,sad}", "3", "(1,x)", "{3,4}" };
    assert_int_equal(command(f, "CREATE TYPE mood AS ENUM ('sad', 'happy')"), 0);
    assert_int_equal(command(f, "CREATE DOMAIN positive AS int CHECK (VALUE > 0)"), 0);
    assert_int_equal(command(f, "CREATE TYPE pair AS (a int, b text)"), 0);
    assert_int_equal(stream_prepare(f, &s, "SELECT 'happy'::mood, ARRAY['happy','sad']::mood[], 3::positive, ROW(1,'x')::pair, ARRAY[3,4]::positive[]",
                                    WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 0), 0);
    for (size_t i = 0; i < 5; i++) {
        char text[64];
        weir_value_format(cell(&s.cells, 0, i), text, sizeof text);
        assert_string_equal(text, texts[i]);
    }
    assert_int_equal(cell(&s.cells, 0, 0)->type, WEIR_T_ENUM);
    assert_int_equal(cell(&s.cells, 0, 1)->type, WEIR_T_ARRAY);
    assert_int_equal(cell(&s.cells, 0, 2)->type, WEIR_T_INT32);
    assert_int_equal(cell(&s.cells, 0, 3)->type, WEIR_T_OTHER);
    assert_string_equal(s.cursor.base.columns[0].database_type, "mood");
    assert_string_equal(s.cursor.base.columns[3].database_type, "pair");
    stream_close(f, &s);
    assert_int_equal(command(f, "DROP TYPE mood, pair"), 0);
    assert_int_equal(command(f, "DROP DOMAIN positive"), 0);
}

static void test_declared_cursors(void **state)
{
    fixture *f = *state;
    stream s;
    static const char *const names[] = { "x" };
    weir_value value = weir_value_int(10);
    for (int hold = 0; hold < 2; hold++) {
        int64_t next = 1;
        begin(f);
        assert_int_equal(stream_prepare(f, &s, "SELECT g FROM generate_series(1, $1::int) g -- a comment", WEIR_MODE_DECLARED, &value, names, 1), 0);
        s.cursor.base.hold = hold;
        assert_int_equal(stream_open(f, &s, 5), 0);
        if (hold)
            assert_int_equal(command(f, "COMMIT"), 0);
        for (;;) {
            for (size_t r = 0; r < s.cells.sink.count; r++)
                assert_int_equal(cell(&s.cells, r, 0)->as.i, next++);
            if (s.cursor.base.ended)
                break;
            assert_int_equal(stream_fetch(f, &s, 5), 0);
        }
        assert_int_equal(next, 11);
        stream_close(f, &s);
        if (!hold)
            assert_int_equal(command(f, "COMMIT"), 0);
    }
}

static void test_the_bracket_restores_by_value(void **state)
{
    fixture *f = *state;
    stream s;
    char text[16];
    assert_int_equal(command(f, "BEGIN"), 0);
    assert_int_equal(command(f, "SET LOCAL max_parallel_workers_per_gather = 7"), 0);
    assert_int_equal(stream_prepare(f, &s, "SELECT current_setting('max_parallel_workers_per_gather')", WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 5), 0);
    weir_value_format(cell(&s.cells, 0, 0), text, sizeof text);
    assert_string_equal(text, "7");
    stream_close(f, &s);
    assert_int_equal(command(f, "SET LOCAL statement_timeout = 60000"), 0);
    assert_int_equal(stream_prepare(f, &s, "SELECT 1", WEIR_MODE_PORTAL, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 5), 0);
    assert_false(s.cursor.base.may_prefetch);
    stream_close(f, &s);
    assert_int_equal(command(f, "ROLLBACK"), 0);
}

static void test_many_statements_are_kept_and_the_oldest_dropped(void **state)
{
    fixture *f = *state;
    stream s;
    for (int i = 0; i < 250; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT %d", i % 120);
        assert_int_equal(stream_prepare(f, &s, sql, WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
        assert_int_equal(stream_open(f, &s, 0), 0);
        assert_int_equal(cell(&s.cells, 0, 0)->as.i, i % 120);
        stream_close(f, &s);
    }
    assert_int_equal(stream_prepare(f, &s, "SELECT count(*) FROM pg_prepared_statements", WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 0), 0);
    assert_true(cell(&s.cells, 0, 0)->as.i <= WEIR_PG_STATEMENTS_KEPT + 3);
    stream_close(f, &s);
}

static void test_copy_is_refused_and_the_link_lives(void **state)
{
    fixture *f = *state;
    stream s;
    static const char *const texts[] = { "COPY (SELECT 1) TO STDOUT", "COPY pg_description FROM STDIN" };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stream_prepare(f, &s, texts[i], WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
        assert_int_equal(stream_open(f, &s, 0), WEIR_INVALID_REQUEST);
        stream_close(f, &s);
        assert_int_equal(drive(f->link, f->link->driver->ping(f->link)), 0);
    }
}

/* A row that is put before the reader, two columns, as the server would have sent it; behind it the next message begins. */
static int read_made(fixture *f, stream *s, const char *bytes, size_t length)
{
    weir_pg_link *link = (weir_pg_link *)f->link;
    uint32_t size = __builtin_bswap32((uint32_t)length + 4);
    cells_empty(&s->cells);
    link->cursor = &s->cursor;
    link->in_start = 0;
    link->in[0] = 'D';
    memcpy(link->in + 1, &size, 4);
    memcpy(link->in + 5, bytes, length);
    link->in[5 + length] = 'Z';
    link->in_end = length + 6;
    int status = weir_pg_read_rows(link);
    link->cursor = NULL;
    link->in_start = link->in_end = 0;
    link->base.lost = false;
    return status;
}

/* A row is taken in a quick way, if it is as nearly all are; that way must not be less strict than the other one. */
static void test_rows_whose_lengths_are_wrong_are_refused(void **state)
{
    fixture *f = *state;
    stream s;
#define ROW(text, bytes) { text, bytes, sizeof bytes - 1 }
    static const struct { const char *text, *bytes; size_t length; } rows[] = {
        ROW(NULL, "\0\2" "\0\0\0\10" "\0\0\0\0\0\0\0\7" "\0\0\0\1" "x"),
        ROW(NULL, "\0\2" "\377\377\377\377" "\377\377\377\377"),
        ROW("longer than its fields", "\0\2" "\0\0\0\10" "\0\0\0\0\0\0\0\7" "\0\0\0\1" "xy"),
        ROW("impossible length", "\0\2" "\377\377\377\376" "\0\0\0\1" "x"),
        ROW("impossible length", "\0\2" "\0\0\0\10" "\0\0\0\0\0\0\0\7" "\200\0\0\1"),
        ROW("longer than its row", "\0\2" "\0\0\0\10" "\0\0\0\0\0\0\0\7" "\0\0\0\2" "x"),
        ROW("inside a field's length", "\0\2" "\0\0\0\10" "\0\0\0\0\0\0\0\7" "\0\0"),
    };
    assert_int_equal(stream_prepare(f, &s, "SELECT 1::bigint, 'x'::text", WEIR_MODE_BUFFERED, NULL, NULL, 0), 0);
    assert_int_equal(stream_open(f, &s, 0), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_made(f, &s, rows[i].bytes, rows[i].length), rows[i].text ? WEIR_INTERFACE : WEIR_OK);
        if (rows[i].text)
            assert_non_null(strstr(f->link->error.message, rows[i].text));
        else
            assert_int_equal(s.cells.sink.count, 1);
    }
    stream_close(f, &s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_batch_size_gives_every_row), TEST(test_another_statement_takes_the_batch_in_flight_raw),
        TEST(test_closing_with_a_batch_in_flight_leaves_the_link_clean), TEST(test_rows_larger_than_the_buffer),
        TEST(test_an_error_in_the_batch_in_flight_is_told_to_the_fetch_that_reaches_it),
        TEST(test_a_commit_that_rolls_back_is_no_success),
        TEST(test_a_parameter_without_a_type_is_declared_and_the_transaction_lives), TEST(test_a_value_out_of_range_sends_nothing),
        TEST(test_a_value_refused_by_kept_types_is_stale_and_unsent), TEST(test_types_of_the_catalog), TEST(test_declared_cursors),
        TEST(test_a_stale_statement_says_so), TEST(test_types_of_the_catalog), TEST(test_declared_cursors),
        TEST(test_the_bracket_restores_by_value), TEST(test_many_statements_are_kept_and_the_oldest_dropped),
        TEST(test_copy_is_refused_and_the_link_lives), TEST(test_rows_whose_lengths_are_wrong_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
