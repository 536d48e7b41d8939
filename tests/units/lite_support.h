/* Driving the SQLite driver by hand: links to real files, a sink that keeps all rows, operations run to their end. */
#ifndef TEST_LITE_SUPPORT_H
#define TEST_LITE_SUPPORT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "driver/sqlite/lite.h"

#define DRIVER (&weir_driver_sqlite)

/* A test's directory with a database file. */
typedef struct place { char folder[64], file[96]; } place;

static inline int make_place(void **state)
{
    place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    strcpy(p->folder, "/tmp/weir-lite-XXXXXX");
    if (!mkdtemp(p->folder))
        return -1;
    snprintf(p->file, sizeof p->file, "%s/test.db", p->folder);
    *state = p;
    return 0;
}

/* Whatever a test leaves of weir's memory is a leak. */
static inline int remove_place(void **state)
{
    place *p = *state;
    char command[128];
    weir_memory_figures figures;
    snprintf(command, sizeof command, "rm -rf %s", p->folder);
    int status = system(command);
    free(p);
    weir_memory_usage(&figures);
    if (figures.bytes)
        print_error("%zu bytes of weir's were not given back\n", figures.bytes);
    return status != 0 || figures.bytes != 0;
}

static inline int64_t longest_work_ns(int64_t set, bool reset)
{
    static int64_t longest;
    if (reset || set > longest)
        longest = set;
    return longest;
}

/* Runs an operation to its end as the engine would. */
static inline int drive(weir_link *link, int started)
{
    if (started < 0)
        return started;
    for (;;) {
        weir_want want = { .fd = -1, .deadline = WEIR_NO_DEADLINE };
        int progress = link->driver->advance(link, &want);
        if (progress == WEIR_DONE)
            return WEIR_OK;
        if (progress < 0) {
            assert_int_equal(link->error.status, progress);
            return progress;
        }
        int64_t begun = weir_now();
        if (want.work)
            want.work(want.argument);
        else if (weir_wait(&want) == WEIR_LATE)
            assert_true(want.soft);
        if (want.work)
            longest_work_ns(weir_now() - begun, false);
    }
}

static inline weir_dial_plan plan_for(const char *path, const char *const *connect_args, const weir_url_parameter *mode)
{
    return (weir_dial_plan){ .url = { .whole = path, .shown = path, .scheme = "sqlite", .path = path, .parameters = mode,
                                      .parameter_count = mode != NULL },
                             .connect_args = connect_args, .connect_timeout_ms = 30000 };
}

static inline int dial_plan(weir_dial_plan *plan, weir_link **link, weir_error *error)
{
    *link = NULL;
    int status = DRIVER->check(plan, error);
    return status == WEIR_OK ? DRIVER->dial(plan, NULL, link, error) : status;
}

/* Not inline: gcc 12 takes the link for this function's own variable, with musl. */
__attribute__((noinline, unused)) static weir_link *dial_with(const char *path, const char *const *connect_args)
{
    weir_dial_plan plan = plan_for(path, connect_args, NULL);
    weir_error error = { 0 };
    weir_link *link;
    if (dial_plan(&plan, &link, &error) != WEIR_OK)
        fail_msg("%s", error.message);
    return link;
}

static inline weir_link *dial(const char *path) { return dial_with(path, NULL); }

static inline int command(weir_link *link, const char *sql) { return drive(link, DRIVER->command(link, sql)); }

static inline void run(weir_link *link, const char *sql)
{
    if (command(link, sql) != WEIR_OK)
        fail_msg("%s: %s", sql, link->error.message);
}

/* A statement in execution and all its rows so far. */
typedef struct query {
    weir_link       *link;
    weir_lite_cursor cursor;
    weir_compiled    compiled;
    weir_arena       arena, values;
    weir_sink        sink;
    weir_step       *steps;
    const char      *names[8];
    char            *rows;
    size_t           fail_at_row;       /* the sink has no room for it; 0: always room */
} query;

static inline int grow(weir_sink *sink)
{
    query *q = (query *)(void *)((char *)sink - offsetof(query, sink));
    size_t used = (size_t)(sink->next - q->rows), size = used ? used * 2 : sink->stride * 4;
    if (q->fail_at_row && sink->count + 1 >= q->fail_at_row)
        return WEIR_OUT_OF_MEMORY;
    char *larger = weir_resize(NULL, WEIR_MEMORY_BATCH, q->rows, size);
    if (!larger)
        return WEIR_OUT_OF_MEMORY;
    q->rows = larger;
    sink->next = larger + used;
    sink->end = larger + size;
    return WEIR_OK;
}

static inline void query_begin(query *q, weir_link *link, const char *sql, const weir_value *values, size_t count)
{
    static const char *const names[] = { "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8" };
    memset(q, 0, sizeof *q);
    q->link = link;
    weir_arena_init(&q->arena, NULL, WEIR_MEMORY_HANDLES, 512);
    weir_arena_init(&q->values, NULL, WEIR_MEMORY_BATCH, 256);
    q->compiled = (weir_compiled){ .sql = sql, .sql_length = strlen(sql), .values = values, .value_count = count, .names = names };
    weir_sql_read_facts(sql, strlen(sql), &weir_dialect_sqlite, &q->compiled.facts);
    q->cursor.base.link = link;
    q->cursor.base.arena = &q->arena;
    q->cursor.base.statement = &q->compiled;
}

static inline int query_prepare(query *q)
{
    weir_cursor *cursor = &q->cursor.base;
    int status = drive(q->link, DRIVER->prepare(q->link, cursor));
    if (status != WEIR_OK)
        return status;
    q->steps = weir_arena_take(&q->arena, (cursor->column_count + 1) * sizeof *q->steps);
    if (!q->steps)
        return WEIR_OUT_OF_MEMORY;
    for (size_t i = 0; i < cursor->column_count; i++) {
        q->steps[i] = (weir_step){ .offset = i * sizeof(weir_value) };
        DRIVER->plan_cell(q->link, cursor, i, &q->arena, &q->steps[i]);
    }
    q->sink = (weir_sink){ .stride = cursor->column_count * sizeof(weir_value), .arena = &q->values, .grow = grow };
    cursor->steps = q->steps;
    cursor->sink = &q->sink;
    return WEIR_OK;
}

static inline int query_open(query *q, int64_t rows) { return drive(q->link, DRIVER->open(q->link, &q->cursor.base, rows)); }
static inline int query_fetch(query *q, int64_t rows) { return drive(q->link, DRIVER->fetch(q->link, &q->cursor.base, rows)); }

static inline void query_end(query *q)
{
    assert_int_equal(drive(q->link, DRIVER->close(q->link, &q->cursor.base)), WEIR_OK);
    assert_false(q->cursor.base.open);
    weir_free(q->rows);
    weir_arena_free(&q->arena);
    weir_arena_free(&q->values);
}

/* All at once; the status. */
static inline int query_run(query *q, weir_link *link, const char *sql, const weir_value *values, size_t count)
{
    query_begin(q, link, sql, values, count);
    int status = query_prepare(q);
    return status == WEIR_OK ? query_open(q, 0) : status;
}

static inline void query_all(query *q, weir_link *link, const char *sql)
{
    if (query_run(q, link, sql, NULL, 0) != WEIR_OK)
        fail_msg("%s: %s", sql, link->error.message);
}

static inline const weir_value *cell(const query *q, size_t row, size_t column)
{
    assert_true(row < q->sink.count);
    return (const weir_value *)(const void *)(q->rows + row * q->sink.stride) + column;
}

static inline int64_t one_int(weir_link *link, const char *sql)
{
    query q;
    query_all(&q, link, sql);
    assert_int_equal(q.sink.count, 1);
    assert_int_equal(cell(&q, 0, 0)->type, WEIR_T_INT64);
    int64_t value = cell(&q, 0, 0)->as.i;
    query_end(&q);
    return value;
}

static inline void assert_text(const weir_value *value, const char *expected, size_t length)
{
    assert_int_equal(value->type, WEIR_T_TEXT);
    assert_int_equal(value->as.text.len, length);
    assert_non_null(value->as.text.ptr);
    assert_memory_equal(value->as.text.ptr, expected, length + 1);      /* and a NUL behind it */
}

/* The status of a statement that must fail; what it said stays in link->error. */
static inline int failing(weir_link *link, const char *sql, const weir_value *values, size_t count)
{
    query q;
    int status = query_run(&q, link, sql, values, count);
    weir_error error = link->error;
    query_end(&q);
    link->error = error;
    return status;
}
#endif
