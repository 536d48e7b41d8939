/* Loads of many keys on PostgreSQL: the statements of one batch travel together, as a proxy in between sees them (RULES B3, W5). */
#include "loading.h"
#include "trouble.h"

/* The third group of 500 keys fails in the server. */
WEIR_ENTITY_DECLARE(sour_order);
WEIR_ENTITY_DECLARE(sour_line);
struct sour_order { int64_t id; WEIR_MANY(struct sour_line) lines; };
struct sour_line { int64_t id, order_id; };
WEIR_ENTITY(sour_order, "orders",
    WEIR_COLUMN(sour_order, id, .primary_key = true),
    WEIR_HAS_MANY(sour_order, lines, sour_line, order_id, .order_by = "1 / (order_id - 1234)"));
WEIR_ENTITY(sour_line, "order_lines", WEIR_COLUMN(sour_line, id, .primary_key = true), WEIR_COLUMN(sour_line, order_id));

/* Keys and rows of many bytes. */
WEIR_ENTITY_DECLARE(book);
WEIR_ENTITY_DECLARE(page);
struct book { const char *title; WEIR_MANY(struct page) pages; };
struct page { int64_t id; const char *title; };
WEIR_ENTITY(book, "books", WEIR_COLUMN(book, title, .primary_key = true), WEIR_HAS_MANY(book, pages, page, title, .order_by = "id"));
WEIR_ENTITY(page, "pages", WEIR_COLUMN(page, id, .primary_key = true), WEIR_COLUMN(page, title));

/* ---- help ------------------------------------------------------------------------------------------------------------------- */

typedef struct line { test_proxy *proxy; weir_engine *engine; weir_session *session; } line;

/* A session through the proxy, in a transaction, whose connection knows the statements of `stmt` already. */
static line open_line(test_database *db, const weir_stmt *stmt)
{
    line l = { .proxy = test_proxy_start(db->url, TEST_PROXY_TCP) };
    l.engine = test_proxied_engine(db, l.proxy, NULL);
    l.session = weir_session_open(l.engine);
    weir_result *result = weir_session_execute(l.session, stmt);
    while (weir_result_next(result) != NULL)
        ;
    close_result_ok(&result);
    weir_session_expunge_all(l.session);
    return l;
}

static void close_line(line *l)
{
    close_session_ok(&l->session);
    weir_engine_close(&l->engine);
    test_proxy_stop(&l->proxy);
}

static size_t count_of(const char *text, const char *end, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL && at < end; at += strlen(part))
        count++;
    return count;
}

/* What the client sent behind the answer to the statement itself, until anything was answered. */
static size_t executes_before_an_answer(const char *trace)
{
    const char *ready = strstr(trace, "<Z ");
    assert_non_null(ready);
    const char *sent = ready + 3, *answer = strchr(sent, '<');
    assert_non_null(answer);
    return count_of(sent, answer, ">E() ");
}

/* The Executes in their order: one letter each, 's' for a statement of its own, 'b' for a batch of the stream. */
static const char *executes(const char *trace, char *out)
{
    char *end = out;
    for (const char *at = trace; (at = strstr(at, ">E(")) != NULL; at += 3)
        *end++ = at[3] == ')' ? 's' : 'b';
    *end = 0;
    return out;
}

/* Waits for the server with nothing sent in between. */
static size_t flights(const char *trace)
{
    size_t count = 0;
    char before = '<';
    for (const char *at = trace; (at = strpbrk(at, "<>")) != NULL; before = *at++)
        count += *at == '>' && before == '<';
    return count;
}

/* whole: there are no more groups, and nothing else is sent. */
static void assert_groups(test_database *db, const weir_stmt *stmt, size_t groups, bool whole)
{
    line l = open_line(db, stmt);
    test_proxy_set(l.proxy, (test_fault){ .hold_after_ready = 1, .hold_executes = (int)groups });
    test_proxy_trace(l.proxy);
    weir_result *result = weir_session_execute(l.session, stmt);
    assert_error(weir_result_error(result), WEIR_OK);
    const char *trace = test_proxy_traced(l.proxy);
    if (executes_before_an_answer(trace) != groups)
        fail_msg("%zu of %zu groups were sent before the first was answered: %s", executes_before_an_answer(trace), groups, trace);
    if (whole)
        assert_int_equal(flights(trace), 2);            /* the statement's and that of all loads */
    close_result_ok(&result);
    close_line(&l);
}

/* ---- how they travel --------------------------------------------------------------------------------------------------------- */

static void test_ten_groups_of_keys_are_under_way_before_the_first_is_answered(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5000);
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    assert_groups(db, stmt, 10, true);
    weir_stmt_free(&stmt);
    stmt = ORDERS(5000);
    weir_subqueryload(stmt, WEIR_COL(order, lines));    /* streamed: by the same groups; then the next batch is asked for */
    assert_groups(db, stmt, 10, false);
    weir_stmt_free(&stmt);
}

static void test_composite_keys_and_tables_between_travel_together_too(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE pairs(a bigint, b bigint, PRIMARY KEY (a, b));"
                      "CREATE TABLE pair_items(id bigint PRIMARY KEY, pair_a bigint, pair_b bigint);"
                      "INSERT INTO pairs SELECT i, i % 7 FROM generate_series(1, 60) AS i;"
                      "INSERT INTO pair_items SELECT i, i, i % 7 FROM generate_series(1, 60) AS i");
    weir_stmt *stmt = select_by_id(&pair_entity, WEIR_COL(pair, a), 0);
    weir_selectinload(stmt, WEIR_COL(pair, items));
    weir_selectin_chunk(stmt, 10);
    assert_groups(db, stmt, 6, true);
    weir_stmt_free(&stmt);
    tree_fixture(db);
    test_side_run(db, "INSERT INTO node_tags SELECT id, 1 + id % 3 FROM nodes");
    stmt = select_by_id(&node_entity, WEIR_COL(node, id), 0);
    weir_selectinload(stmt, WEIR_COL(node, tags));
    weir_selectin_chunk(stmt, 5);
    assert_groups(db, stmt, 7, true);                         /* 35 nodes */
    weir_stmt_free(&stmt);
}

static void test_no_more_than_sixteen_are_under_way(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_selectin_chunk(stmt, 1);
    assert_groups(db, stmt, 16, false);                        /* of 100 */
    weir_stmt_free(&stmt);
}

/* Nothing of the next batch is asked for before the loads of this one. */
static void test_loads_are_sent_before_the_next_batch_is_asked_for(void **state)
{
    test_database *db = *state;
    char order[64];
    test_fixture(db, 2500);
    weir_stmt *stmt = ORDERS(1000);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    line l = open_line(db, stmt);
    test_proxy_trace(l.proxy);
    weir_result *result = weir_session_scalars(l.session, stmt);
    assert_orders_with_lines(result, 2500);
    /* The bracket around the first Bind; then each batch's groups of 500 keys, and the batch behind it. */
    assert_string_equal(executes(test_proxy_traced(l.proxy), order), "ssbssbssbs");
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_line(&l);
}

/* ---- what comes ----------------------------------------------------------------------------------------------------------------- */

static void assert_chunked(weir_session *session, int64_t yield_per, int64_t chunk, int64_t rows)
{
    weir_stmt *stmt = ORDERS(yield_per);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_selectin_chunk(stmt, chunk);
    weir_result *result = scalars(session, &stmt);
    assert_orders_with_lines(result, rows);
    close_result_ok(&result);
    weir_session_expunge_all(session);
}

static void test_each_parent_has_its_own_however_many_groups_there_are(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_session *session = weir_session_open(db->engine);
    for (int64_t chunk = 1; chunk <= 40; chunk += 3) {
        test_log_clear(db->log);
        assert_chunked(session, 0, chunk, 100);
        assert_statements(db, (size_t)(1 + (100 + chunk - 1) / chunk));
        assert_chunked(session, 37, chunk, 100);
    }
    test_log_clear(db->log);
    assert_chunked(session, 0, 8, 100);
    int64_t keys[32];
    for (size_t i = 0; i < 13; i++) {
        assert_int_equal(keys_of(db, 1 + i, keys, 32), i < 12 ? 8 : 4);
        assert_int_equal(keys[0], 8 * i + 1);
    }
    close_session_ok(&session);
}

static void test_without_a_transaction_or_prepared_statements_too(void **state)
{
    test_database *db = *state;
    test_fixture(db, 100);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autocommit = WEIR_ON));
    assert_chunked(session, 0, 7, 100);
    close_session_ok(&session);
    session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.execution_options = WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF)));
    assert_chunked(session, 0, 7, 100);
    assert_chunked(session, 10, 3, 100);
    close_session_ok(&session);
}

/* Neither side's socket holds what is sent: the driver must read while it writes (RULES W10). */
static void test_large_keys_and_large_rows_do_not_stop_each_other(void **state)
{
    test_database *db = *state;
    enum { BOOKS = 40, LENGTH = 300000 };
    test_side_run(db, db->postgresql ? "CREATE TABLE books(title text); CREATE TABLE pages(id bigint PRIMARY KEY, title text);"
                                       "INSERT INTO books SELECT i || repeat('x', 300000) FROM generate_series(10, 49) AS i;"
                                       "INSERT INTO pages SELECT row_number() OVER (), title FROM books, generate_series(1, 2)"
                                     : "CREATE TABLE books(title text); CREATE TABLE pages(id bigint PRIMARY KEY, title text);"
                                       "INSERT INTO books WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 49)"
                                       " SELECT i || replace(hex(zeroblob(150000)), '0', 'x') FROM n;"
                                       "INSERT INTO pages SELECT row_number() OVER (), title FROM books, (SELECT 1 UNION ALL SELECT 2) AS twice");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&book_entity);
    weir_selectinload(stmt, WEIR_COL(book, pages));
    weir_selectin_chunk(stmt, 1);
    weir_result *result = scalars(session, &stmt);
    struct book *book;
    int books = 0;
    for (; (book = WEIR_NEXT(book, result)) != NULL; books++) {
        assert_int_equal(strlen(book->title), LENGTH + 2);
        assert_int_equal(book->pages.count, 2);
        assert_string_equal(book->pages.items[1]->title, book->title);
    }
    close_result_ok(&result);
    assert_int_equal(books, BOOKS);
    close_session_ok(&session);
}

/* ---- when one fails ----------------------------------------------------------------------------------------------------------------- */

static weir_stmt *sour_orders(int64_t yield_per)
{
    weir_stmt *stmt = select_by_id(&sour_order_entity, WEIR_COL(sour_order, id), yield_per);
    weir_selectinload(stmt, WEIR_COL(sour_order, lines));
    return stmt;
}

static void assert_usable_again(weir_session *session)
{
    weir_stmt *stmt = ORDERS(0);
    weir_limit(stmt, 3);
    weir_result *result = weir_session_scalars(session, stmt);
    assert_null(WEIR_NEXT(order, result));
    assert_string_equal(weir_result_error(result)->sqlstate, "25P02");
    assert_contains(weir_result_error(result)->detail, "division by zero");
    assert_true(weir_result_close(&result) < 0);
    assert_status(weir_session_rollback(session), WEIR_OK);
    result = scalars(session, &stmt);
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    assert_null(WEIR_NEXT(order, result));
    close_result_ok(&result);
}

static void test_the_error_of_one_group_is_the_loads_and_the_others_are_dropped(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5000);
    for (int64_t yield_per = 0; yield_per <= 5000; yield_per += 5000) {
        weir_session *session = weir_session_open(db->engine);
        weir_stmt *stmt = sour_orders(yield_per);
        weir_result *result = scalars(session, &stmt);
        assert_null(WEIR_NEXT(sour_order, result));
        assert_string_equal(weir_result_error(result)->sqlstate, "22012");
        assert_string_equal(weir_session_error(session)->sqlstate, "22012");
        assert_contains(weir_result_error(result)->sql, "order_lines");
        assert_status(weir_result_close(&result), WEIR_DATA);
        assert_usable_again(session);
        close_session_ok(&session);
    }
}

/* Each statement stands alone: those behind it succeed, unread. */
static void test_under_autocommit_the_connection_goes_on(void **state)
{
    test_database *db = *state;
    test_fixture(db, 5000);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autocommit = WEIR_ON));
    weir_stmt *stmt = sour_orders(0);
    weir_result *result = scalars(session, &stmt);
    assert_null(WEIR_NEXT(sour_order, result));
    assert_string_equal(weir_result_error(result)->sqlstate, "22012");
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_chunked(session, 0, 500, 5000);
    close_session_ok(&session);
}

/* With each number of the server's bytes that come before the connection is cut, the load fails and the session can go on. */
static void test_a_connection_that_is_cut_in_the_middle_is_told_and_replaced(void **state)
{
    test_database *db = *state;
    test_fixture(db, 300);
    weir_stmt *stmt = ORDERS(0);
    weir_selectinload(stmt, WEIR_COL(order, lines));
    weir_selectin_chunk(stmt, 20);
    line l = open_line(db, stmt);
    test_proxy_set(l.proxy, (test_fault){ 0 });
    weir_result *result = weir_session_scalars(l.session, stmt);
    close_result_ok(&result);
    int64_t whole = test_proxy_bytes(l.proxy);
    for (int64_t cut = 1; cut < whole; cut += whole / 23) {
        test_proxy_set(l.proxy, (test_fault){ 0 });
        assert_status(weir_session_rollback(l.session), WEIR_OK);
        weir_session_expunge_all(l.session);
        result = weir_session_scalars(l.session, stmt);
        assert_orders_with_lines(result, 300);
        close_result_ok(&result);
        weir_session_expunge_all(l.session);
        test_proxy_set(l.proxy, (test_fault){ .cut_after = cut });
        result = weir_session_scalars(l.session, stmt);
        assert_null(WEIR_NEXT(order, result));
        assert_status(weir_result_close(&result), WEIR_OPERATIONAL);
    }
    weir_stmt_free(&stmt);
    test_proxy_set(l.proxy, (test_fault){ 0 });
    assert_status(weir_session_rollback(l.session), WEIR_OK);
    close_line(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRESQL(test_ten_groups_of_keys_are_under_way_before_the_first_is_answered),
        ON_POSTGRESQL(test_composite_keys_and_tables_between_travel_together_too),
        ON_POSTGRESQL(test_no_more_than_sixteen_are_under_way),
        ON_POSTGRESQL(test_loads_are_sent_before_the_next_batch_is_asked_for),
        ON_BOTH(test_each_parent_has_its_own_however_many_groups_there_are),
        ON_BOTH(test_without_a_transaction_or_prepared_statements_too),
        ON_BOTH(test_large_keys_and_large_rows_do_not_stop_each_other),
        ON_POSTGRESQL(test_the_error_of_one_group_is_the_loads_and_the_others_are_dropped),
        ON_POSTGRESQL(test_under_autocommit_the_connection_goes_on),
        ON_POSTGRESQL(test_a_connection_that_is_cut_in_the_middle_is_told_and_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
