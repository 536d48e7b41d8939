/* Statements that loops have built: chains of conditions and of unions, of any length and with little stack. */
#include "support.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 100000, SMALL_STACK = 256 * 1024 };

struct invoice { int64_t id, tenant_id; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, tenant_id));

/* ---- chains of conditions --------------------------------------------------------------------------------------------------- */

typedef enum chain_kind { LEFT, RIGHT, ZIGZAG, FLAT, KINDS } chain_kind;

/* count conditions "invoices.id IS NOT NULL" but the last, which is "= 7", joined by `op`. The caller frees *memory. */
static const weir_expr *build_chain(weir_op op, chain_kind kind, size_t count, weir_expr **memory)
{
    const weir_expr *id = WEIR_COL(invoice, id), *seven = WEIR_EQ(id, 7);
    const weir_expr **operands = calloc(3 * count + 4, sizeof *operands);
    weir_expr *nodes = calloc(count + 1, sizeof *nodes);
    static const weir_expr *column[2];
    static weir_expr not_null, equal, value;
    static const weir_expr *both[3];
    column[0] = (memcpy(&value, id, sizeof value), &value);
    not_null = (weir_expr){ .op = WEIR_OP_IS_NOT_NULL, .args = column };
    both[0] = &value;
    static weir_expr number;
    memcpy(&number, seven->args[1], sizeof number);
    both[1] = &number;
    equal = (weir_expr){ .op = WEIR_OP_EQ, .args = both };
    nodes[count] = (weir_expr){ .op = op, .args = operands };
    *memory = nodes;
    if (kind == FLAT) {
        for (size_t i = 0; i < count; i++)
            operands[i] = i + 1 < count ? &not_null : &equal;
        return &nodes[count];
    }
    const weir_expr *chain = &equal;
    for (size_t i = 0; i + 1 < count; i++) {
        const weir_expr **pair = operands + 3 * (i + 1);
        bool left = kind == LEFT || (kind == ZIGZAG && i % 2);
        pair[0] = left ? chain : &not_null;
        pair[1] = left ? &not_null : chain;
        nodes[i] = (weir_expr){ .op = op, .args = pair };
        chain = &nodes[i];
    }
    return chain;
}

static void free_chain(weir_expr **memory, size_t count)
{
    free((void *)(uintptr_t)(*memory)[count].args);
    free(*memory);
    *memory = NULL;
}

/* As long as a flat list, with each condition once and no parentheses. */
static void assert_flat(const weir_stmt *stmt, const char *dialect, size_t conditions, const char *word)
{
    weir_error error;
    size_t size = 64 + conditions * 32, length, found = 1;
    char *text = malloc(size);
    length = weir_stmt_text(stmt, dialect, true, text, size, &error);
    if (!length)
        fail_msg("%s", error.message);
    assert_true(length < size);
    for (size_t at = 0, word_length = strlen(word); at + word_length <= length; at++)     /* a checked strstr reads all, each time */
        found += text[at] == ' ' && !memcmp(text + at, word, word_length);
    assert_int_equal(found, conditions);
    assert_null(strchr(text, '('));
    free(text);
}

static void *build_copy_and_free(void *context)
{
    const char *dialect = context;
    for (int kind = 0; kind < KINDS; kind++)
        for (int op = 0; op < 2; op++) {
            weir_expr *memory;
            weir_stmt *stmt = weir_select(&invoice_entity);
            weir_where(stmt, build_chain(op ? WEIR_OP_OR : WEIR_OP_AND, (chain_kind)kind, MANY, &memory));
            free_chain(&memory, MANY);
            assert_error(weir_stmt_error(stmt), WEIR_OK);
            assert_flat(stmt, dialect, MANY, op ? " OR " : " AND ");
            weir_stmt *copy = weir_stmt_copy(stmt);
            weir_stmt_free(&stmt);
            assert_flat(copy, dialect, MANY, op ? " OR " : " AND ");
            weir_stmt_free(&copy);
        }
    return NULL;
}

static void on_a_small_stack(void *(*run)(void *), void *context)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, run, context), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

static void test_a_hundred_thousand_conditions_need_no_stack(void **state)
{
    test_database *db = *state;
    on_a_small_stack(build_copy_and_free, (void *)(uintptr_t)db->dialect);
}

static void test_a_hundred_thousand_calls_of_where(void **state)
{
    test_database *db = *state;
    weir_stmt *stmt = weir_select(&invoice_entity);
    for (int i = 0; i < MANY; i++)
        weir_where(stmt, WEIR_IS_NOT_NULL(WEIR_COL(invoice, id)));
    assert_flat(stmt, db->dialect, MANY, " AND ");
    weir_stmt_free(&stmt);
}

/* What chains mean: AND inside of OR keeps its own list, and the rows are the right ones. */
static void test_chains_give_the_rows_that_they_describe(void **state)
{
    test_database *db = *state;
    size_t count = db->postgresql ? 5000 : 900;         /* SQLite's own limit: 1000 operands */
    test_fixture(db, 20);
    weir_connection *connection = weir_engine_connect(db->engine);
    for (int kind = 0; kind < KINDS; kind++) {
        weir_expr *memory;
        weir_stmt *stmt = weir_select_columns(WEIR_COUNT());
        const weir_expr *chain = build_chain(WEIR_OP_AND, (chain_kind)kind, count, &memory);
        weir_where(stmt, WEIR_OR(chain, WEIR_OR(WEIR_EQ(WEIR_COL(invoice, id), 9), WEIR_AND(WEIR_GT(WEIR_COL(invoice, id), 15),
                                 WEIR_AND(WEIR_LT(WEIR_COL(invoice, id), 19), WEIR_NE(WEIR_COL(invoice, id), 17))))));
        free_chain(&memory, count);
        weir_result *result = weir_connection_execute(connection, stmt, NULL);
        const weir_row *row = weir_result_one(result);
        assert_non_null(row);
        assert_int_equal(weir_row_int64_at(row, 0), 4);    /* 7, 9, 16, 18 */
        close_result_ok(&result);
        weir_stmt_free(&stmt);
    }
    close_connection_ok(&connection);
}

/* The database's own limit is told by it, and nothing else happens. */
static void test_what_is_too_much_for_the_database_is_told(void **state)
{
    test_database *db = *state;
    weir_expr *memory;
    test_fixture(db, 1);
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = weir_select(&invoice_entity);
    weir_where(stmt, build_chain(WEIR_OP_AND, LEFT, MANY, &memory));
    free_chain(&memory, MANY);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_true(weir_result_close(&result) < 0);
    weir_stmt_free(&stmt);
    assert_status(weir_connection_rollback(connection), WEIR_OK);
    assert_int_equal(test_query_int(connection, "SELECT count(*) FROM invoices"), 1);
    close_connection_ok(&connection);
}

static void test_an_operand_that_is_missing_is_told_in_a_chain_too(void **state)
{
    (void)state;
    const weir_expr *nothing[] = { NULL };
    const weir_expr empty = { .op = WEIR_OP_AND, .args = nothing };
    weir_stmt *stmt = weir_select(&invoice_entity);
    weir_where(stmt, WEIR_AND(WEIR_AND(WEIR_IS_NOT_NULL(WEIR_COL(invoice, id)), &empty), WEIR_IS_NULL(WEIR_COL(invoice, id))));
    assert_error(weir_stmt_error(stmt), WEIR_ARGUMENT);
    weir_stmt_free(&stmt);
}

/* ---- statements in statements --------------------------------------------------------------------------------------------------- */

static weir_stmt *one(int64_t id)
{
    weir_stmt *stmt = weir_select_columns(WEIR_COL(invoice, id));
    weir_where(stmt, WEIR_EQ(WEIR_COL(invoice, id), id));
    return stmt;
}

static void test_a_chain_of_unions_ends_with_a_message(void **state)
{
    (void)state;
    weir_stmt *chain = one(0);
    int unions = 0;
    while (weir_stmt_error(chain)->status == WEIR_OK && unions < 10000) {
        weir_stmt *next = one(++unions), *longer = weir_combine(WEIR_UNION_ALL, chain, next);
        weir_stmt_free(&next);
        weir_stmt_free(&chain);
        chain = longer;
    }
    assert_int_equal(unions, 401);
    assert_error(weir_stmt_error(chain), WEIR_ARGUMENT);
    assert_contains(weir_stmt_error(chain)->message, "nested more than 400 deep");
    assert_contains(weir_stmt_error(chain)->message, "pairs of pairs");
    weir_stmt_free(&chain);
}

static void test_so_does_a_chain_of_subqueries(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        weir_stmt *chain = one(0);
        int levels = 0;
        for (; weir_stmt_error(chain)->status == WEIR_OK && levels < 10000; levels++) {
            weir_source *source = from ? weir_subquery(chain, NULL, NULL) : NULL;
            weir_stmt *outer = from ? weir_select_columns(WEIR_FIELD(source, "id")) : weir_select_columns(WEIR_COL(invoice, id));
            if (!from)
                weir_where(outer, WEIR_IN_STMT(WEIR_COL(invoice, id), chain));
            weir_source_free(&source);
            weir_stmt_free(&chain);
            chain = outer;
        }
        assert_int_equal(levels, 401);
        assert_contains(weir_stmt_error(chain)->message, "nested more than 400 deep");
        weir_stmt_free(&chain);
    }
}

/* The way out that the message names. */
static weir_stmt *pairs(int64_t from, int64_t to)
{
    if (to - from == 1)
        return one(from);
    int64_t middle = from + (to - from) / 2;
    weir_stmt *low = pairs(from, middle), *high = pairs(middle, to), *both = weir_combine(WEIR_UNION_ALL, low, high);
    weir_stmt_free(&low);
    weir_stmt_free(&high);
    return both;
}

static void test_pairs_of_pairs_are_combined(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1000);
    int64_t count = db->postgresql ? 700 : 200;         /* SQLite: its own limit of 500, and of nested parentheses */
    weir_connection *connection = weir_engine_connect(db->engine);
    weir_stmt *stmt = pairs(1, count + 1);
    assert_error(weir_stmt_error(stmt), WEIR_OK);
    weir_order_by(stmt, WEIR_LABEL_REF("id"));
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    assert_ids_to_end(result, 1, count);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    close_connection_ok(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_hundred_thousand_conditions_need_no_stack), ON_BOTH(test_a_hundred_thousand_calls_of_where),
        ON_BOTH(test_chains_give_the_rows_that_they_describe), ON_SQLITE(test_what_is_too_much_for_the_database_is_told),
        ON_SQLITE(test_an_operand_that_is_missing_is_told_in_a_chain_too), ON_SQLITE(test_a_chain_of_unions_ends_with_a_message),
        ON_SQLITE(test_so_does_a_chain_of_subqueries), ON_BOTH(test_pairs_of_pairs_are_combined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
