/* Tables of hostile widths, drawn from a seed, and streams of them under a budget in processes of their own: each row is compared with what
 * was drawn, and what was held with the budget, by the ledger's word and by the kernel's. */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H
#include "support_apart.h"
#include "budget.h"
#include "chance.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct page { int64_t id; weir_text words, note; };
WEIR_ENTITY(page, "pages",
    WEIR_COLUMN(page, id, .primary_key = true),
    WEIR_COLUMN(page, words),
    WEIR_COLUMN(page, note));

/* ---- the table: page `id` has words[id - 1] times the letter of its id, and as many in its note, which is jsonb; -1: NULL --------------- */
enum { MOST_PAGES = 4000 };
typedef struct pages { int64_t count, widest, words[MOST_PAGES], notes[MOST_PAGES]; } pages;
typedef enum widths { ZERO, NARROW, POWERS, GROWING, SHRINKING, WAVES, SELDOM, MIXED, WIDTHS } widths;

static inline char letter_of(int64_t id) { return (char)('a' + id % 26); }

static inline int64_t draw_width(widths shape, int64_t i, int64_t count, int64_t period)
{
    int64_t width = 4;
    switch (shape) {
    case ZERO: return 0;
    case NARROW: return draw(0, 120);
    case POWERS:
        while (width < 400000 && once_in(2))
            width *= 2;
        return draw(width / 2, width);
    case GROWING: return i * 4;
    case SHRINKING: return (count - i) * 4;
    case WAVES: return i / period % 2 ? draw(5000, 9000) : 7;
    case SELDOM: return once_in(80) ? draw(20000, 90000) : -1;
    case MIXED: case WIDTHS: break;
    }
    return draw_width((widths)draw(ZERO, SELDOM), i, count, period);
}

static inline void draw_pages(pages *p)
{
    static const int64_t counts[] = { 0, 1, 2, 300, 1200, 2500 };
    widths words = (widths)draw(ZERO, MIXED), notes = (widths)draw(ZERO, MIXED);
    int64_t period = draw(1, 300), giant = once_in(2) ? draw(0, MOST_PAGES) : -1;
    *p = (pages){ .count = DRAW(counts) };
    for (int64_t i = 0; i < p->count; i++) {
        p->words[i] = i == giant ? draw(500000, 1500000) : draw_width(words, i, p->count, period);
        p->notes[i] = draw_width(notes, i, p->count, period);
    }
}

static inline void make_pages(test_database *db, pages *p)
{
    size_t size = 100 + 60 * MOST_PAGES, length;
    char *sql = malloc(size);
    assert_non_null(sql);
    length = (size_t)snprintf(sql, size, "DROP TABLE IF EXISTS pages; DROP TABLE IF EXISTS drawn; CREATE TABLE drawn(id bigint, w bigint, n bigint);");
    p->widest = 0;
    for (int64_t i = 0; i < p->count; i++) {
        length += (size_t)snprintf(sql + length, size - length, "%s(%lld,%lld,%lld)", i ? "," : "INSERT INTO drawn VALUES ", (long long)i + 1,
                                   (long long)p->words[i], (long long)p->notes[i]);
        int64_t width = (p->words[i] > 0 ? p->words[i] : 0) + (p->notes[i] > 0 ? p->notes[i] : 0);
        p->widest = width > p->widest ? width : p->widest;
    }
    test_side_run(db, sql);
    free(sql);
    test_side_run(db, db->postgresql ?
        "CREATE TABLE pages(id bigint PRIMARY KEY, words text, note jsonb); ALTER TABLE pages ALTER words SET STORAGE EXTERNAL;"
        "INSERT INTO pages SELECT id, CASE WHEN w >= 0 THEN repeat(chr(97 + id::int % 26), w::int) END,"
        " CASE WHEN n >= 0 THEN jsonb_build_object('k', repeat(chr(97 + id::int % 26), n::int)) END FROM drawn ORDER BY id" :
        "CREATE TABLE pages(id INTEGER PRIMARY KEY, words text, note text);"
        "INSERT INTO pages SELECT id, CASE WHEN w >= 0 THEN replace(hex(zeroblob(w)), '00', char(97 + id % 26)) END,"
        " CASE WHEN n >= 0 THEN '{\"k\": \"' || replace(hex(zeroblob(n)), '00', char(97 + id % 26)) || '\"}' END FROM drawn ORDER BY id");
}

/* ---- one stream ---------------------------------------------------------------------------------------------------------------------- */
typedef enum way { ROWS, ROW_PARTITIONS, INSTANCES, INSTANCE_PARTITIONS, QUEUED_ROWS, QUEUED_SHARED, QUEUED_COPIES, PUSHED_ROWS, PUSHED_INSTANCES,
                   PUSHED_BY_CONNECTION } way;
typedef struct run {
    const char  *url;
    const pages *pages;
    way          way;
    int64_t      memory, yield_per, between;    /* another statement on the connection after so many rows; 0: none */
    size_t       partition, queue_bytes, queue_items;
} run;

typedef struct outcome {
    int64_t rows, engine_growth, rss_growth, error_row;
    int     status, queue_status;
    bool    usable;                             /* the session and its transaction, afterwards */
    char    message[640], queue_message[640], wrong[160];
    weir_result_figures figures;
    weir_queue_figures  queue;
} outcome;

static inline bool is_letters(const char *at, size_t length, char letter)
{
    return length == 0 || (*at == letter && memcmp(at, at + 1, length - 1) == 0);
}

static inline bool is_words(weir_text text, int64_t width, char letter)
{
    return width < 0 ? text.ptr == NULL : text.ptr && text.len == (size_t)width && is_letters(text.ptr, text.len, letter);
}

static inline bool is_note(weir_text text, int64_t width, char letter)
{
    static const char head[] = "{\"k\": \"", tail[] = "\"}";
    enum { HEAD = sizeof head - 1, TAIL = sizeof tail - 1 };
    if (width < 0)
        return text.ptr == NULL;
    return text.ptr && text.len == (size_t)width + HEAD + TAIL && memcmp(text.ptr, head, HEAD) == 0 &&
           is_letters(text.ptr + HEAD, (size_t)width, letter) && memcmp(text.ptr + text.len - TAIL, tail, TAIL) == 0;
}

/* What came next; the first mistake is kept. */
static inline void take_page(const run *r, outcome *out, int64_t id, weir_text words, weir_text note)
{
    int64_t i = out->rows++;
    if (!out->wrong[0] && (i >= r->pages->count || id != i + 1 || !is_words(words, r->pages->words[i], letter_of(id)) ||
                           !is_note(note, r->pages->notes[i], letter_of(id))))
        snprintf(out->wrong, sizeof out->wrong, "row %lld is page %lld with %zu and %zu bytes", (long long)i + 1, (long long)id, words.len, note.len);
}

static inline weir_text text_at(const weir_row *row, int column)
{
    return weir_row_is_null_at(row, column) ? (weir_text){ 0 } : weir_row_text_at(row, column);
}

static inline void take_row(const run *r, outcome *out, const weir_row *row)
{
    take_page(r, out, weir_row_int64_at(row, 0), text_at(row, 1), text_at(row, 2));
}

static inline void take_instance(const run *r, outcome *out, const struct page *page) { take_page(r, out, page->id, page->words, page->note); }

static inline bool is_of_rows(way w) { return w <= ROW_PARTITIONS || w == QUEUED_ROWS || w == PUSHED_ROWS || w == PUSHED_BY_CONNECTION; }
static inline bool is_queued(way w) { return w >= QUEUED_ROWS && w <= QUEUED_COPIES; }

static inline weir_stmt *pages_query(way w)
{
    if (is_of_rows(w))
        return weir_sql("SELECT id, words, note FROM pages ORDER BY id");
    weir_stmt *stmt = weir_select(&page_entity);
    weir_order_by(stmt, WEIR_COL(page, id));
    return stmt;
}

static inline bool answers(weir_session *session)
{
    weir_stmt *stmt = weir_sql("SELECT 41 + 1");
    weir_result *result = weir_session_execute(session, stmt);
    const weir_row *row = weir_result_one(result);
    bool right = row && weir_row_int64_at(row, 0) == 42;
    weir_stmt_free(&stmt);
    return weir_result_close(&result) == WEIR_OK && right;
}

static inline void comes_between(const run *r, outcome *out, weir_session *session)
{
    if (r->between && out->rows % r->between == 0 && !answers(session))
        snprintf(out->wrong, sizeof out->wrong, "no answer in between, after row %lld", (long long)out->rows);
}

/* Runs `stream` in a session of a new engine, whose figures are its. */
static inline void measure_stream(const run *r, outcome *out, void (*stream)(const run *r, outcome *out, weir_session *session))
{
    weir_engine *engine;
    weir_memory_figures before, after;
    assert_status(weir_engine_open(&engine, r->url, NULL), WEIR_OK);
    weir_session *session = weir_session_open(engine);
    bool begun = weir_session_begin(session) == WEIR_OK && answers(session);
    weir_engine_memory(engine, &before);
    size_t rss = test_rss();
    stream(r, out, session);
    size_t peak = test_peak_rss();
    weir_engine_memory(engine, &after);
    out->engine_growth = (int64_t)after.peak_bytes - (int64_t)before.bytes;
    out->rss_growth = peak > rss ? (int64_t)(peak - rss) : 0;
    out->usable = begun && answers(session) && weir_session_count(session) == 0;
    out->usable = weir_session_close(&session) == WEIR_OK && out->usable;
    weir_engine_close(&engine);
}

/* Workers run SQLite's part in a task, and the C library keeps what they freed in an arena for each: MALLOC_ARENA_MAX=1 has none of it. */
static inline int64_t kept_in_arenas(bool postgresql) { return !postgresql && test_world_is_task() ? 4 * MIB : 0; }

/* ---- what must hold --------------------------------------------------------------------------------------------------------------------- */
static inline void describe(char *what, size_t size, int64_t seed, const run *r)
{
    snprintf(what, size, "seed %lld, %lld pages of up to %lld bytes, way %d, memory %lld, yield_per %lld, partition %zu, between %lld, queue of %zu bytes "
             "and %zu items", (long long)seed, (long long)r->pages->count, (long long)r->pages->widest, (int)r->way, (long long)r->memory,
             (long long)r->yield_per, r->partition, (long long)r->between, r->queue_bytes, r->queue_items);
}

/* Besides the budget: what the statement in between takes in the engine; what lies in the queue and what is on its way in and out, which are
 * the program's; and SQLite's own copy of the row that it stands on. */
static inline void assert_held(const char *what, const test_database *db, const run *r, const outcome *out)
{
    int64_t passing = is_queued(r->way) ? (int64_t)out->queue.peak_bytes + 3 * (r->pages->widest + 4096) : 0;
    int64_t row = db->postgresql ? 0 : r->pages->widest;
    if (out->figures.memory != r->memory || (int64_t)out->figures.ledger_peak_bytes > r->memory ||
        out->engine_growth > r->memory + (r->between ? 256 * KIB : 0) + (is_queued(r->way) ? passing + (int64_t)r->queue_items * 2048 : 0))
        fail_msg("%s: %lld in force, the stream's peak was %zu, the engine grew by %lld", what, (long long)out->figures.memory,
                 out->figures.ledger_peak_bytes, (long long)out->engine_growth);
    if (RSS_IS_OURS && out->rss_growth > r->memory + 8 * MIB + passing + row + kept_in_arenas(db->postgresql))
        fail_msg("%s: the process grew by %lld (peak of the ledger: %zu)", what, (long long)out->rss_growth, out->figures.ledger_peak_bytes);
}

/* All came, or, where that may be, all before a row that is named with its key. */
static inline void assert_came(const char *what, const test_database *db, const run *r, const outcome *out, bool may_be_too_wide)
{
    char named[80];
    bool told = out->status == WEIR_BUDGET_EXCEEDED && may_be_too_wide;
    int64_t wanted = told ? out->error_row - 1 : r->pages->count;
    if (out->wrong[0] || (out->status != WEIR_OK && !told) || out->rows != wanted || !out->usable)
        fail_msg("%s: %lld of %lld rows, %s: %s; %s", what, (long long)out->rows, (long long)wanted, out->usable ? "usable" : "not usable",
                 out->wrong[0] ? out->wrong : "all right", out->message);
    snprintf(named, sizeof named, "row %lld (id = %lld) takes", (long long)out->error_row, (long long)out->error_row);
    if (told && !strstr(out->message, named))
        fail_msg("%s: \"%s\" does not say \"%s\"", what, out->message, named);
    if (is_queued(r->way) && (out->queue_status != (told ? WEIR_BUDGET_EXCEEDED : WEIR_RESOURCE_CLOSED) ||
                              (told && strcmp(out->queue_message, out->message) != 0)))
        fail_msg("%s: the queue ended with %d, %s", what, out->queue_status, out->queue_message);
    assert_held(what, db, r, out);
}

/* One wide page in the middle of narrow ones. */
static inline void narrow_but_one(pages *p, int64_t count, int64_t giant, int64_t bytes)
{
    *p = (pages){ .count = count };
    for (int64_t i = 0; i < count; i++) {
        p->words[i] = i == giant ? bytes : 20;
        p->notes[i] = i % 3 ? 10 : -1;
    }
}
#endif
