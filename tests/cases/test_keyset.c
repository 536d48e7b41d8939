/* Keyset pages (weir/keyset.h): the cases of part M, tokens that lie, streams that hold nothing between pages. */
#include "support.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(order_line);
struct order { int64_t id, tenant_id, amount_cents; const char *state; WEIR_MANY(struct order_line) lines; };
struct order_line { int64_t id, order_id, quantity; struct order *order; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents), WEIR_COLUMN(order, state),
    WEIR_HAS_MANY(order, lines, order_line, order_id, .order_by = "id"));
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true), WEIR_COLUMN(order_line, order_id), WEIR_COLUMN(order_line, quantity),
    WEIR_BELONGS_TO(order_line, order, order, order_id));

struct thing { int64_t id; weir_opt_int64 k; };
WEIR_ENTITY(thing, "things", WEIR_COLUMN(thing, id, .primary_key = true), WEIR_COLUMN(thing, k));

static const char secret[] = "0123456789abcdef0123456789abcdef";

static weir_stmt *orders(void)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_COL(order, id));
    return stmt;
}

static weir_keyset *keyset_of(weir_connection *connection, weir_stmt *stmt, const weir_keyset_options *options)
{
    weir_keyset *keyset = weir_connection_keyset(connection, stmt, options);
    weir_stmt_free(&stmt);
    assert_error(weir_keyset_error(keyset), WEIR_OK);
    return keyset;
}

static weir_keyset *session_keyset_of(weir_session *session, weir_stmt *stmt, const weir_keyset_options *options)
{
    weir_keyset *keyset = weir_session_keyset(session, stmt, options);
    weir_stmt_free(&stmt);
    assert_error(weir_keyset_error(keyset), WEIR_OK);
    return keyset;
}

static void close_ok(weir_keyset **keyset) { assert_status(weir_keyset_close(keyset), WEIR_OK); }

/* The page has exactly these ids in its first column. */
static void assert_page(const weir_keyset *keyset, const weir_keyset_page *page, size_t count, const int64_t *ids)
{
    if (!page)
        fail_msg("no page: %s", weir_keyset_error(keyset)->message);
    assert_int_equal(page->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(weir_row_int64_at(page->rows[i], 0), ids[i]);
}
#define assert_ids(keyset, page, ...) \
    assert_page((keyset), (page), sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), (const int64_t[]){ __VA_ARGS__ })

static int checked_out(const weir_engine *engine)
{
    weir_pool_status pool;
    weir_engine_pool_status(engine, &pool);
    return pool.checked_out;
}

static void test_case_212_pages_are_statements_of_their_own(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_keyset *keyset = session_keyset_of(session, orders(), WEIR_KEYSET_OPTIONS(.page_size = 5));
    static const size_t sizes[] = { 5, 5, 2 };
    int64_t id = 0;
    test_log_clear(db->log);
    assert_int_equal(checked_out(db->engine), 0);
    for (size_t i = 0; i < 3; i++) {
        const weir_keyset_page *page = weir_keyset_next(keyset, NULL);
        assert_non_null(page);
        assert_int_equal(page->count, sizes[i]);
        assert_int_equal(page->has_next, i < 2);
        assert_int_equal(page->has_previous, i > 0);
        assert_status(weir_session_commit(session), WEIR_OK);
        assert_int_equal(checked_out(db->engine), 0);
        for (size_t k = 0; k < page->count; k++)        /* also behind the commit */
            assert_int_equal(((struct order *)page->instances[k])->id, ++id);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), i + 1);
    }
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "OFFSET"), 0);
    assert_int_equal(test_log_matching(db->log, WEIR_LOG_STATEMENT, "WHERE orders.id > "), 2);
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void make_things(test_database *db)
{
    test_side_run(db, "CREATE TABLE things(id bigint PRIMARY KEY, k bigint);"
                      "INSERT INTO things VALUES (1,5),(2,5),(3,5),(4,NULL),(5,1),(6,NULL),(7,3),(8,3),(9,9),(10,NULL)");
}

static weir_stmt *things(bool nulls_first)
{
    weir_stmt *stmt = weir_select(&thing_entity);
    weir_order_by(stmt, nulls_first ? WEIR_NULLS_FIRST(WEIR_ASC(WEIR_COL(thing, k))) : WEIR_NULLS_LAST(WEIR_DESC(WEIR_COL(thing, k))));
    weir_order_by(stmt, nulls_first ? WEIR_DESC(WEIR_COL(thing, id)) : WEIR_ASC(WEIR_COL(thing, id)));
    return stmt;
}

/* From the first page on, or from the last one back, by tokens or without: all rows, once. */
static void walk(weir_keyset *keyset, int64_t size, bool backwards, bool by_tokens, const int64_t *ids, size_t count)
{
    size_t got = 0;
    char token[512] = "";
    const weir_keyset_page *page = backwards ? weir_keyset_last(keyset) : weir_keyset_first(keyset);
    while (true) {
        size_t wanted = count - got < (size_t)size ? count - got : (size_t)size;
        assert_page(keyset, page, wanted, backwards ? ids + count - got - wanted : ids + got);
        got += wanted;
        assert_int_equal(page->has_next, backwards ? got > wanted : got < count);
        assert_int_equal(page->has_previous, backwards ? got < count : got > wanted);
        if (got == count)
            return;
        snprintf(token, sizeof token, "%s", backwards ? page->previous : page->next);
        page = (backwards ? weir_keyset_previous : weir_keyset_next)(keyset, by_tokens ? token : NULL);
    }
}

static void test_case_214_nulls_duplicates_mixed_directions(void **state)
{
    test_database *db = *state;
    static const int64_t ids[2][10] = { { 9, 1, 2, 3, 7, 8, 5, 4, 6, 10 }, { 10, 6, 4, 5, 8, 7, 3, 2, 1, 9 } };
    make_things(db);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int which = 0; which < 2; which++)
        for (int64_t size = 1; size <= 11; size++) {
            weir_keyset *keyset = keyset_of(connection, things(which), WEIR_KEYSET_OPTIONS(.page_size = size));
            for (int way = 0; way < 4; way++)
                walk(keyset, size, way & 1, way & 2, ids[which], 10);
            close_ok(&keyset);
        }
    close_connection_ok(&connection);
}

static void refused(weir_connection *connection, weir_stmt *stmt, const weir_keyset_options *options, int status)
{
    weir_keyset *keyset = weir_connection_keyset(connection, stmt, options);
    assert_error(weir_keyset_error(keyset), status);
    assert_null(weir_keyset_first(keyset));
    assert_null(weir_keyset_next_row(keyset));
    assert_null(weir_keyset_place(keyset));
    assert_status(weir_keyset_close(&keyset), status);
    assert_error(weir_keyset_error(keyset), WEIR_RESOURCE_CLOSED);
    assert_null(weir_keyset_next(keyset, "x"));
    assert_status(weir_keyset_close(&keyset), WEIR_OK);
    weir_stmt_free(&stmt);
}

static void test_case_215_an_order_that_is_not_unique_is_refused(void **state)
{
    test_database *db = *state;
    make_things(db);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *by_k = weir_select(&thing_entity);
    weir_order_by(by_k, WEIR_COL(thing, k));
    test_log_clear(db->log);
    refused(connection, weir_stmt_copy(by_k), NULL, WEIR_INVALID_REQUEST);
    refused(connection, weir_select(&thing_entity), NULL, WEIR_INVALID_REQUEST);
    refused(connection, weir_sql("SELECT * FROM things"), NULL, WEIR_INVALID_REQUEST);
    refused(connection, weir_sql("SELECT * FROM things"), WEIR_KEYSET_OPTIONS(.order = "k desc,"), WEIR_ARGUMENT);
    refused(connection, things(true), WEIR_KEYSET_OPTIONS(.page_size = -1), WEIR_ARGUMENT);
    refused(connection, things(true), WEIR_KEYSET_OPTIONS(.secret = "short", .secret_length = 5), WEIR_ARGUMENT);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
    /* Completed by the primary key, when that is wanted. */
    weir_keyset *keyset = keyset_of(connection, by_k, WEIR_KEYSET_OPTIONS(.complete = WEIR_ON, .page_size = 4));
    if (db->postgresql)
        walk(keyset, 4, false, true, (const int64_t[]){ 5, 7, 8, 1, 2, 3, 9, 4, 6, 10 }, 10);
    else
        walk(keyset, 4, false, true, (const int64_t[]){ 4, 6, 10, 5, 7, 8, 1, 2, 3, 9 }, 10);
    close_ok(&keyset);
    close_connection_ok(&connection);
    /* A plain stream without an order works, with one warning. */
    int64_t warnings = weir_engine_warnings(db->engine);
    connection = weir_engine_connect(db->engine);
    weir_stmt *plain = weir_select(&thing_entity);
    weir_yield_per(plain, 3);
    weir_result *result = weir_connection_execute(connection, plain, NULL);
    assert_partitions(result, 0, 3, 3, 3, 1);
    close_result_ok(&result);
    weir_stmt_free(&plain);
    assert_int_equal(weir_engine_warnings(db->engine) - warnings, 1);
    close_connection_ok(&connection);
}

static void test_case_216_rows_come_and_go_between_pages(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "UPDATE orders SET id = -id; UPDATE orders SET id = id * -10; DELETE FROM orders WHERE id = 10");     /* 20, 30, … 120 */
    weir_stmt *stmt = orders();
    weir_keyset *keyset = weir_stream_by_keyset(db->engine, stmt, WEIR_KEYSET_OPTIONS(.page_size = 4));
    weir_stmt_free(&stmt);
    assert_ids(keyset, weir_keyset_next(keyset, NULL), 20, 30, 40, 50);
    test_side_run(db, "INSERT INTO orders VALUES (65, 0, 0, 'new'), (15, 0, 0, 'too late'); DELETE FROM orders WHERE id IN (30, 50)");
    assert_ids(keyset, weir_keyset_next(keyset, NULL), 60, 65, 70, 80);
    assert_ids(keyset, weir_keyset_next(keyset, NULL), 90, 100, 110, 120);
    assert_ids(keyset, weir_keyset_previous(keyset, NULL), 60, 65, 70, 80);
    assert_ids(keyset, weir_keyset_previous(keyset, NULL), 15, 20, 40);
    close_ok(&keyset);
}

static void test_case_221_loads_are_one_statement_more(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = orders();
    weir_yield_per(stmt, 2);                            /* says nothing of pages */
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_keyset *keyset = session_keyset_of(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 5));
    for (int i = 1; i <= 3; i++) {
        int64_t before = weir_session_statements(session);
        const weir_keyset_page *page = weir_keyset_next(keyset, NULL);
        assert_non_null(page);
        assert_int_equal(weir_session_statements(session) - before, 2);
        for (size_t k = 0; k < page->count; k++) {
            struct order *order = page->instances[k];
            assert_true(weir_loaded(order, lines));
            assert_int_equal(order->lines.count, 3);
            assert_int_equal(order->lines.items[2]->id, order->id * 10 + 3);
        }
        assert_true(weir_session_count(session) <= 4 * 6);      /* a page and a row, with their lines: the pages before are gone */
    }
    close_ok(&keyset);
    assert_int_equal(weir_session_count(session), 0);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* ---- sessions ---- */

/* A collection that the mapping or an option joins multiplies rows, not pages. */
static void test_joined_collections_page_by_parents(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = orders();
    weir_joinedload(stmt, WEIR_COL(order, lines));
    weir_keyset *keyset = session_keyset_of(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 5));
    int64_t id = 0;
    for (int i = 0; i < 3; i++) {
        const weir_keyset_page *page = weir_keyset_next(keyset, NULL);
        if (!page)
            fail_msg("%s", weir_keyset_error(keyset)->message);
        assert_int_equal(page->count, i < 2 ? 5 : 2);
        for (size_t k = 0; k < page->count; k++) {
            struct order *order = page->instances[k];
            assert_int_equal(order->id, ++id);
            assert_int_equal(order->lines.count, 3);
        }
    }
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* Ordered by what is not selected: hidden columns; rows that mix an entity and values. */
static void test_order_by_columns_that_are_not_selected(void **state)
{
    test_database *db = *state;
    test_fixture(db, 6);
    for (int in_session = 0; in_session < 2; in_session++) {
        weir_stmt *stmt = weir_select_columns(WEIR_COL(order_line, id), WEIR_COL(order, state));
        weir_join(stmt, WEIR_COL(order_line, order));
        weir_order_by(stmt, WEIR_DESC(WEIR_COL(order_line, quantity)));
        weir_order_by(stmt, WEIR_COL(order, id));
        weir_order_by(stmt, WEIR_COL(order_line, id));
        weir_session *session = weir_session_open(db->engine);
        weir_connection *connection = weir_engine_connect(db->engine);
        weir_keyset *keyset = in_session ? session_keyset_of(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 4))
                                         : keyset_of(connection, stmt, WEIR_KEYSET_OPTIONS(.page_size = 4));
        walk(keyset, 4, false, true, (const int64_t[]){ 13, 23, 33, 43, 53, 63, 12, 22, 32, 42, 52, 62, 11, 21, 31, 41, 51, 61 }, 18);
        walk(keyset, 4, true, false, (const int64_t[]){ 13, 23, 33, 43, 53, 63, 12, 22, 32, 42, 52, 62, 11, 21, 31, 41, 51, 61 }, 18);
        const weir_keyset_page *page = weir_keyset_first(keyset);
        assert_int_equal(weir_row_count(page->rows[0]), 2);
        assert_string_equal(weir_row_cstr(page->rows[0], "state"), "pending");
        close_ok(&keyset);
        close_connection_ok(&connection);
        assert_status(weir_session_close(&session), WEIR_OK);
    }
}

static void test_instances_ordered_by_another_entity(void **state)
{
    test_database *db = *state;
    test_fixture(db, 4);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_line_entity);
    weir_join(stmt, WEIR_COL(order_line, order));
    weir_order_by(stmt, WEIR_DESC(WEIR_COL(order, amount_cents)));
    weir_order_by(stmt, WEIR_COL(order_line, id));
    weir_keyset *keyset = session_keyset_of(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 5));
    static const int64_t ids[] = { 41, 42, 43, 31, 32, 33, 21, 22, 23, 11, 12, 13 };
    size_t at = 0;
    for (struct order_line *line; (line = WEIR_KEYSET_NEXT(order_line, keyset)) != NULL;)
        assert_int_equal(line->id, ids[at++]);
    assert_error(weir_keyset_error(keyset), WEIR_OK);
    assert_int_equal(at, 12);
    assert_null(WEIR_KEYSET_NEXT(order, keyset));
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
}

static void test_mixed_rows_of_a_session(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_COL(order_line, id), WEIR_ENTITY_OF(order));
    weir_join(stmt, WEIR_COL(order_line, order));
    weir_order_by(stmt, WEIR_COL(order, amount_cents));
    weir_order_by(stmt, WEIR_DESC(WEIR_COL(order_line, id)));
    weir_keyset *keyset = session_keyset_of(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 4));
    int64_t rows = 0;
    for (const weir_row *row; (row = weir_keyset_next_row(keyset)) != NULL; rows++) {
        assert_int_equal(weir_row_int64_at(row, 0), (rows / 3 + 1) * 10 + 3 - rows % 3);
        assert_int_equal(WEIR_ROW(order, row)->id, rows / 3 + 1);
    }
    assert_int_equal(rows, 15);
    assert_null(WEIR_KEYSET_NEXT(order, keyset));       /* rows are over */
    assert_non_null(weir_keyset_first(keyset));
    assert_null(WEIR_KEYSET_NEXT(order, keyset));
    assert_error(weir_keyset_error(keyset), WEIR_INVALID_REQUEST);
    assert_non_null(weir_keyset_first(keyset));
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* Parameters, aliases and locks go into every part of a page. */
static void test_parameters_aliases_and_locks(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    static const int64_t odd[] = { 11, 9, 7, 5, 3, 1 };
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int locked = 0; locked < 2; locked++) {
        weir_source *alias = weir_alias(&order_entity, "o");
        weir_stmt *stmt = weir_select_list(WEIR_EXPRS(WEIR_ALIAS_OF(alias, order)));
        weir_where(stmt, WEIR_SQL("o.tenant_id = :tenant"));
        WEIR_BIND(stmt, "tenant", 1);
        weir_order_by(stmt, WEIR_NULLS_FIRST(WEIR_ASC(WEIR_SCOL(alias, order, state))));
        weir_order_by(stmt, WEIR_DESC(WEIR_SCOL(alias, order, id)));
        weir_source_free(&alias);
        if (locked)
            weir_with_for_update(stmt, NULL);
        weir_keyset *keyset = keyset_of(connection, stmt, WEIR_KEYSET_OPTIONS(.page_size = 4));
        for (int way = 0; way < 4; way++)
            walk(keyset, 4, way & 1, way & 2, odd, 6);
        close_ok(&keyset);
    }
    close_connection_ok(&connection);
}

/* ---- edges of what is there ---- */

static void test_empty_pages_know_where_they_are(void **state)
{
    test_database *db = *state;
    make_things(db);
    char end[512], begin[512];
    weir_stmt *stmt = weir_select(&thing_entity);
    weir_order_by(stmt, WEIR_COL(thing, id));
    weir_keyset *keyset = weir_stream_by_keyset(db->engine, stmt, WEIR_KEYSET_OPTIONS(.page_size = 5));
    weir_stmt_free(&stmt);
    assert_ids(keyset, weir_keyset_last(keyset), 6, 7, 8, 9, 10);
    const weir_keyset_page *page = weir_keyset_next(keyset, NULL);
    assert_non_null(page);
    assert_int_equal(page->count, 0);
    assert_false(page->has_next);
    assert_true(page->has_previous);
    snprintf(end, sizeof end, "%s", page->next);
    assert_ids(keyset, weir_keyset_previous(keyset, NULL), 6, 7, 8, 9, 10);
    assert_int_equal(weir_keyset_next(keyset, end)->count, 0);
    test_side_run(db, "INSERT INTO things VALUES (11, 1)");
    assert_ids(keyset, weir_keyset_next(keyset, NULL), 11);
    assert_ids(keyset, weir_keyset_next(keyset, end), 11);
    snprintf(begin, sizeof begin, "%s", weir_keyset_first(keyset)->previous);
    page = weir_keyset_previous(keyset, begin);
    assert_int_equal(page->count, 0);
    assert_true(page->has_next);
    assert_false(page->has_previous);
    assert_ids(keyset, weir_keyset_next(keyset, NULL), 1, 2, 3, 4, 5);
    test_side_run(db, "DELETE FROM things");
    page = weir_keyset_first(keyset);
    assert_int_equal(page->count, 0);
    assert_null(page->next);
    assert_null(page->previous);
    assert_false(page->has_next || page->has_previous);
    assert_null(weir_keyset_next_row(keyset));
    close_ok(&keyset);
}

static void test_text_whose_order_is_not_unique_is_found_out(void **state)
{
    test_database *db = *state;
    make_things(db);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int64_t size = 1; size <= 4; size++) {
        weir_keyset *keyset = keyset_of(connection, weir_sql("SELECT id, k FROM things WHERE k = 5"),
                                        WEIR_KEYSET_OPTIONS(.order = "k not null", .page_size = size));
        assert_null(weir_keyset_first(keyset));
        assert_error(weir_keyset_error(keyset), WEIR_INVALID_REQUEST);
        assert_contains(weir_keyset_error(keyset)->message, "k = 5");
        assert_status(weir_keyset_close(&keyset), WEIR_INVALID_REQUEST);
    }
    weir_stmt *text = weir_sql("SELECT id, k FROM things WHERE k < :most ORDER BY k -- an order of its own");
    WEIR_BIND(text, "most", 6);
    weir_keyset *keyset = keyset_of(connection, text, WEIR_KEYSET_OPTIONS(.order = "k desc, id not null", .page_size = 3));
    walk(keyset, 3, false, true, (const int64_t[]){ 1, 2, 3, 7, 8, 5 }, 6);
    close_ok(&keyset);
    close_connection_ok(&connection);
}

/* ---- tokens ---- */

static void take_token(weir_connection *connection, weir_stmt *stmt, const weir_keyset_options *options, char *token, size_t size)
{
    weir_keyset *keyset = keyset_of(connection, stmt, options);
    snprintf(token, size, "%s", weir_keyset_first(keyset)->next);
    close_ok(&keyset);
}

static void assert_bad(weir_keyset *keyset, const char *token)
{
    if (weir_keyset_next(keyset, token))
        fail_msg("taken: '%s'", token);
    assert_error(weir_keyset_error(keyset), WEIR_DATA);
    assert_null(weir_keyset_previous(keyset, token));
    assert_error(weir_keyset_error(keyset), WEIR_DATA);
}

static void test_bad_tokens_are_errors_before_any_sql(void **state)
{
    test_database *db = *state;
    make_things(db);
    weir_connection *connection = weir_engine_connect(db->engine);
    const weir_keyset_options *plain = WEIR_KEYSET_OPTIONS(.page_size = 3);
    const weir_keyset_options *with_secret = WEIR_KEYSET_OPTIONS(.page_size = 3, .secret = secret, .secret_length = 32);
    const weir_keyset_options *other_secret = WEIR_KEYSET_OPTIONS(.page_size = 3, .secret = secret + 1, .secret_length = 16);
    char tokens[4][512], changed[1024];
    weir_stmt *other = things(false);
    weir_where(other, WEIR_GT(WEIR_COL(thing, id), 0));
    take_token(connection, things(false), plain, tokens[0], sizeof tokens[0]);
    take_token(connection, things(false), with_secret, tokens[1], sizeof tokens[1]);
    take_token(connection, things(false), other_secret, tokens[2], sizeof tokens[2]);
    take_token(connection, other, with_secret, tokens[3], sizeof tokens[3]);
    for (int which = 0; which < 2; which++) {
        weir_keyset *keyset = keyset_of(connection, things(false), which ? with_secret : plain);
        const weir_keyset_page *page = weir_keyset_first(keyset);
        const char *good = tokens[which];
        size_t length = strlen(good);
        test_log_clear(db->log);
        for (int i = 0; i < 4; i++)
            if (i != which)
                assert_bad(keyset, tokens[i]);
        for (size_t at = 0; at < length; at++)
            for (int c = 1; c < 256; c += at % 7 ? 37 : 1) {
                memcpy(changed, good, length + 1);
                changed[at] = (char)c;
                if (changed[at] != good[at])
                    assert_bad(keyset, changed);
            }
        for (size_t cut = 0; cut < length; cut++) {
            memcpy(changed, good, cut);
            changed[cut] = 0;
            assert_bad(keyset, changed);
            snprintf(changed, sizeof changed, "%s%.*s", good, (int)cut + 1, good);
            assert_bad(keyset, changed);
        }
        char *giant = malloc((size_t)3 << 20);
        memset(giant, 'A', (size_t)3 << 20);
        giant[((size_t)3 << 20) - 1] = 0;
        assert_bad(keyset, giant);
        free(giant);
        assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 0);
        assert_ids(keyset, page, 9, 1, 2);              /* as it was */
        assert_ids(keyset, weir_keyset_next(keyset, good), 3, 7, 8);
        close_ok(&keyset);
    }
    close_connection_ok(&connection);
}

static void test_tokens_go_on_with_other_page_sizes_and_loads(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    char token[512];
    weir_connection *connection = weir_engine_connect(db->engine);
    take_token(connection, orders(), WEIR_KEYSET_OPTIONS(.page_size = 5), token, sizeof token);
    close_connection_ok(&connection);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = orders();
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_keyset *keyset = session_keyset_of(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 3));
    const weir_keyset_page *page = weir_keyset_next(keyset, token);
    assert_non_null(page);
    assert_int_equal(((struct order *)page->instances[0])->id, 6);
    assert_int_equal(page->count, 3);
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* ---- keys of all types ---- */

/* A table of its own for each: texts of statements are prepared once, with the types that they had. */
static void check_type(test_database *db, size_t number, const char *type, const char *values)
{
    char sql[2048], query[64];
    snprintf(sql, sizeof sql, "CREATE TABLE typed%zu(id integer PRIMARY KEY, k %s); INSERT INTO typed%zu(id, k) VALUES %s", number, type,
             number, values);
    test_side_run(db, sql);
    snprintf(query, sizeof query, "SELECT id, k FROM typed%zu", number);
    for (int descending = 0; descending < 2; descending++) {
        int64_t whole[32], got[32];
        size_t count = 0;
        weir_keyset *keyset;
        weir_stmt *text = weir_sql(query);
        const char *order = descending ? "k desc, id not null" : "k nulls first, id desc not null";
        for (int64_t size = 30; size > 0; size = size == 30 ? 3 : size - 1) {
            size_t at = 0;
            keyset = weir_stream_by_keyset(db->engine, text, WEIR_KEYSET_OPTIONS(.order = order, .page_size = size));
            const weir_keyset_page *page = weir_keyset_first(keyset);
            while (page && page->count) {
                for (size_t i = 0; i < page->count; i++)
                    (size == 30 ? whole : got)[at++] = weir_row_int64_at(page->rows[i], 0);
                assert_true(at <= 30);
                char token[1024];
                snprintf(token, sizeof token, "%s", page->next);
                page = weir_keyset_next(keyset, token);
            }
            if (weir_keyset_error(keyset)->status != WEIR_OK)
                fail_msg("%s: %s", type, weir_keyset_error(keyset)->message);
            if (size == 30)
                count = at;
            else if (at != count || memcmp(whole, got, count * sizeof *whole) != 0)
                fail_msg("%s, pages of %lld, %s: other rows", type, (long long)size, order);
            close_ok(&keyset);
        }
        snprintf(sql, sizeof sql, "SELECT count(*) FROM typed%zu", number);
        assert_int_equal(count, test_side_int(db, sql));
        weir_stmt_free(&text);
    }
}

static void test_keys_of_all_types(void **state)
{
    test_database *db = *state;
    static const struct { const char *type, *values; } postgresql[] = {
        { "smallint", "(1,-32768),(2,32767),(3,0),(4,0),(5,NULL)" },
        { "bigint", "(1,-9223372036854775808),(2,9223372036854775807),(3,0),(4,NULL),(5,NULL)" },
        { "text", "(1,''),(2,'a'),(3,'A'),(4,'ä'),(5,E'\\n\\t\\\\'),(6,'it''s'),(7,'\xf0\x9f\x90\x98'),(8,NULL),(9,'a'),(10,'%')" },
        { "text COLLATE \"C\"", "(1,''),(2,'a'),(3,'A'),(4,'\xc3\xa4'),(5,'a ')" },
        { "varchar(20)", "(1,'a'),(2,'a '),(3,'b')" }, { "char(5)", "(1,'a'),(2,'ab'),(3,'b'),(4,'a')" },
        { "uuid", "(1,'00000000-0000-0000-0000-000000000000'),(2,'ffffffff-ffff-ffff-ffff-ffffffffffff'),(3,'12345678-1234-1234-1234-123456789abc'),(4,NULL)" },
        { "timestamp", "(1,'2024-05-01 10:00:00.000001'),(2,'2024-05-01 10:00:00'),(3,'infinity'),(4,'-infinity'),(5,'0044-03-15 BC'),(6,NULL)" },
        { "timestamptz", "(1,'2024-05-01 10:00:00.000001+02'),(2,'2024-05-01 08:00:00Z'),(3,'infinity'),(4,NULL),(5,NULL)" },
        { "date", "(1,'2024-02-29'),(2,'infinity'),(3,'-infinity'),(4,'4713-01-01 BC'),(5,'2024-02-29')" },
        { "time", "(1,'24:00'),(2,'00:00'),(3,'12:30:00.5')" }, { "timetz", "(1,'12:00+02'),(2,'12:00-02'),(3,'10:00Z')" },
        { "interval", "(1,'1 month'),(2,'30 days'),(3,'720 hours'),(4,'-1 day'),(5,'1 year 2 days 3 us')" },
        { "numeric", "(1,1.5),(2,1.50),(3,'NaN'),(4,-0.0000000000000000000000000000001),(5,123456789012345678901234567890),(6,NULL),(7,'Infinity')" },
        { "boolean", "(1,true),(2,false),(3,NULL),(4,true)" },
        { "double precision", "(1,'NaN'),(2,'-0'),(3,'0'),(4,'Infinity'),(5,'-Infinity'),(6,4.9e-324),(7,0.1),(8,NULL),(9,'NaN'),(10,1.7976931348623157e308)" },
        { "real", "(1,'NaN'),(2,'-0'),(3,'0'),(4,0.1),(5,3.4028235e38),(6,1e-45)" },
        { "bytea", "(1,''),(2,'\\x00'),(3,'\\x00ff'),(4,'\\xff'),(5,NULL)" },
        { "inet", "(1,'10.0.0.1'),(2,'10.0.0.0/8'),(3,'::1'),(4,'10.0.0.2')" },
    };
    static const struct { const char *type, *values; } sqlite[] = {
        { "integer", "(1,-9223372036854775807-1),(2,9223372036854775807),(3,0),(4,NULL),(5,NULL)" },
        { "text", "(1,''),(2,'a'),(3,'A'),(4,'ä'),(5,char(10)||char(9)),(6,'it''s'),(7,'\xf0\x9f\x90\x98'),(8,NULL),(9,'a')" },
        { "uuid", "(1,'00000000-0000-0000-0000-000000000000'),(2,'FFFFFFFF-ffff-ffff-ffff-ffffffffffff'),(3,'12345678-1234-1234-1234-123456789abc')" },
        { "timestamp", "(1,'2024-05-01 10:00:00.000001'),(2,'2024-05-01T10:00:00'),(3,'2024-05-01 10:00:00'),(4,'2024-05-01'),(5,NULL),(6,'nonsense')" },
        { "timestamptz", "(1,'2024-05-01T10:00:00Z'),(2,'2024-05-01 10:00:00+00:00'),(3,1714557600)" },
        { "date", "(1,'2024-02-29'),(2,'2024-2-9'),(3,NULL)" },
        { "numeric", "(1,1.5),(2,1.50),(3,'NaN'),(4,-0.1),(5,'123456789012345678901234567890'),(6,3),(7,9007199254740993)" },
        { "boolean", "(1,1),(2,0),(3,NULL),(4,7)" },
        { "double", "(1,-0.0),(2,0.0),(3,9e999),(4,-9e999),(5,4.9e-324),(6,0.1),(7,NULL)" },
        { "blob", "(1,x''),(2,x'00'),(3,x'00ff'),(4,x'ff'),(5,NULL),(6,'text'),(7,5),(8,1.5),(9,5.0)" },
    };
    if (db->postgresql)
        for (size_t i = 0; i < sizeof postgresql / sizeof *postgresql; i++)
            check_type(db, i, postgresql[i].type, postgresql[i].values);
    else
        for (size_t i = 0; i < sizeof sqlite / sizeof *sqlite; i++)
            check_type(db, i, sqlite[i].type, sqlite[i].values);
}

/* ---- streams ---- */

static void test_streams_hold_nothing_between_pages(void **state)
{
    test_database *db = *state;
    test_fixture(db, 25);
    weir_stmt *stmt = orders();
    weir_keyset *keyset = weir_stream_by_keyset(db->engine, stmt, WEIR_KEYSET_OPTIONS(.page_size = 4));
    int64_t id = 0;
    test_log_clear(db->log);
    for (const weir_row *row; (row = weir_keyset_next_row(keyset)) != NULL;) {
        assert_int_equal(checked_out(db->engine), 0);
        assert_int_equal(weir_row_int64(row, "id"), ++id);
        assert_string_equal(weir_row_cstr(row, "state"), "pending");
    }
    assert_int_equal(id, 25);
    assert_int_equal(test_log_count(db->log, WEIR_LOG_STATEMENT), 7);
    close_ok(&keyset);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.expire_on_commit = WEIR_OFF));
    weir_selectinload(stmt, WEIR_COL(order, lines));
    keyset = weir_session_stream_by_keyset(session, stmt, WEIR_KEYSET_OPTIONS(.page_size = 4));
    id = 0;
    struct order *kept = NULL;
    for (struct order *order; (order = WEIR_KEYSET_NEXT(order, keyset)) != NULL;) {
        assert_int_equal(checked_out(db->engine), 0);
        assert_int_equal(order->id, ++id);
        assert_int_equal(order->lines.count, 3);
        assert_int_equal(order->lines.items[0]->order_id, id);
        if (id == 6)
            kept = weir_retain(order);
        assert_true(weir_session_count(session) <= 4 * 6);
    }
    assert_int_equal(id, 25);
    assert_int_equal(kept->id, 6);
    assert_int_equal(kept->lines.items[1]->quantity, 2);
    weir_release(kept);
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_stmt_free(&stmt);
}

static void test_sessions_that_expire_cannot_stream_by_keyset(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = orders();
    weir_keyset *keyset = weir_session_stream_by_keyset(session, stmt, NULL);
    assert_null(WEIR_KEYSET_NEXT(order, keyset));
    assert_error(weir_keyset_error(keyset), WEIR_INVALID_REQUEST);
    assert_contains(weir_keyset_error(keyset)->message, "expire_on_commit");
    assert_status(weir_keyset_close(&keyset), WEIR_INVALID_REQUEST);
    assert_status(weir_session_close(&session), WEIR_OK);
    keyset = weir_session_stream_by_keyset(session, stmt, NULL);            /* a closed one */
    assert_status(weir_keyset_close(&keyset), WEIR_RESOURCE_CLOSED);
    weir_stmt_free(&stmt);
}

/* A page that fails leaves the place: the next try goes on. */
static void test_a_failed_page_is_tried_again(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_stmt *stmt = orders();
    weir_keyset *keyset = weir_stream_by_keyset(db->engine, stmt, WEIR_KEYSET_OPTIONS(.page_size = 5));
    char place[512];
    for (int i = 1; i <= 5; i++)
        assert_int_equal(weir_row_int64_at(weir_keyset_next_row(keyset), 0), i);
    test_side_run(db, "ALTER TABLE orders RENAME TO away");
    assert_null(weir_keyset_next_row(keyset));
    assert_true(weir_status_is(weir_keyset_error(keyset)->status, WEIR_DATABASE));
    assert_null(weir_keyset_next_row(keyset));
    assert_int_equal(checked_out(db->engine), 0);
    test_side_run(db, "ALTER TABLE away RENAME TO orders");
    for (int i = 6; i <= 8; i++)
        assert_int_equal(weir_row_int64_at(weir_keyset_next_row(keyset), 0), i);
    snprintf(place, sizeof place, "%s", weir_keyset_place(keyset));
    close_ok(&keyset);
    keyset = weir_stream_by_keyset(db->engine, stmt, WEIR_KEYSET_OPTIONS(.page_size = 5));
    assert_ids(keyset, weir_keyset_next(keyset, place), 9, 10, 11, 12);
    close_ok(&keyset);
    weir_stmt_free(&stmt);
}

/* Under AUTOCOMMIT a page is a statement of its own, too. */
static void test_under_autocommit(void **state)
{
    test_database *db = *state;
    test_fixture(db, 7);
    weir_session *session = weir_session_open_with(
        db->engine, WEIR_SESSION_OPTIONS(.execution_options = WEIR_EXECUTION_OPTIONS(.isolation_level = WEIR_AUTOCOMMIT)));
    weir_keyset *keyset = session_keyset_of(session, orders(), WEIR_KEYSET_OPTIONS(.page_size = 3));
    int64_t id = 0;
    for (struct order *order; (order = WEIR_KEYSET_NEXT(order, keyset)) != NULL;)
        assert_int_equal(order->id, ++id);
    assert_int_equal(id, 7);
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
}

/* A session that cannot get a connection says so once, with its own words. */
static void test_sessions_without_a_connection(void **state)
{
    test_database *db = *state;
    test_fixture(db, 3);
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.pool_size = 1, .max_overflow = WEIR_ZERO, .pool_timeout_ms = 200));
    weir_connection *holder = weir_engine_connect(engine);
    weir_session *session = weir_session_open(engine);
    weir_keyset *keyset = session_keyset_of(session, orders(), NULL);
    assert_null(weir_keyset_first(keyset));
    assert_error(weir_keyset_error(keyset), WEIR_TIMEOUT);
    close_connection_ok(&holder);
    assert_non_null(weir_keyset_first(keyset));
    assert_status(weir_session_rollback(session), WEIR_OK);
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
    session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.autobegin = WEIR_OFF));
    keyset = session_keyset_of(session, orders(), NULL);
    assert_null(weir_keyset_first(keyset));
    assert_error(weir_keyset_error(keyset), WEIR_INVALID_REQUEST);
    assert_status(weir_session_begin(session), WEIR_OK);
    assert_int_equal(weir_keyset_first(keyset)->count, 3);
    close_ok(&keyset);
    assert_status(weir_session_close(&session), WEIR_OK);
    weir_engine_close(&engine);
}

/* The cost of a page at any depth has no planning in it: the server keeps one plan. Where the statement has values of its own, the size of
 * pages is a parameter, too, so that it plans for them. */
static void test_pages_share_a_plan(void **state)
{
    static const char generic[] = "SELECT sum(generic_plans)::bigint FROM pg_prepared_statements WHERE statement LIKE 'SELECT orders%orders.id > % LIMIT 11'";
    static const char planned[] = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT orders%orders.id > % LIMIT $%'";
    test_database *db = *state;
    test_fixture(db, 300);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int own = 0; own < 2; own++) {
        weir_stmt *stmt = orders();
        if (own)
            weir_where(stmt, WEIR_GE(WEIR_COL(order, amount_cents), 0));
        weir_keyset *keyset = keyset_of(connection, stmt, WEIR_KEYSET_OPTIONS(.page_size = 10));
        int64_t rows = 0;
        while (weir_keyset_next_row(keyset))
            rows++;
        assert_int_equal(rows, 300);
        close_ok(&keyset);
        assert_int_equal(test_query_int(connection, planned), own);
    }
    assert_int_equal(test_query_int(connection, generic), 29 - 5);      /* the server tries five others first; the first page has no WHERE */
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_pages_share_a_plan),
        ON_BOTH(test_case_212_pages_are_statements_of_their_own),
        ON_BOTH(test_case_214_nulls_duplicates_mixed_directions),
        ON_BOTH(test_case_215_an_order_that_is_not_unique_is_refused),
        ON_BOTH(test_case_216_rows_come_and_go_between_pages),
        ON_BOTH(test_case_221_loads_are_one_statement_more),
        ON_BOTH(test_joined_collections_page_by_parents),
        ON_BOTH(test_order_by_columns_that_are_not_selected),
        ON_BOTH(test_instances_ordered_by_another_entity),
        ON_BOTH(test_mixed_rows_of_a_session),
        ON_BOTH(test_parameters_aliases_and_locks),
        ON_BOTH(test_empty_pages_know_where_they_are),
        ON_BOTH(test_text_whose_order_is_not_unique_is_found_out),
        ON_BOTH(test_bad_tokens_are_errors_before_any_sql),
        ON_BOTH(test_tokens_go_on_with_other_page_sizes_and_loads),
        ON_BOTH(test_keys_of_all_types),
        ON_BOTH(test_streams_hold_nothing_between_pages),
        ON_BOTH(test_sessions_that_expire_cannot_stream_by_keyset),
        ON_BOTH(test_a_failed_page_is_tried_again),
        ON_BOTH(test_under_autocommit),
        ON_BOTH(test_sessions_without_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
