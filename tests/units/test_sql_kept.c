/* What compiling gave, kept by a statement: shared by its executions, right after each change, and not lost or written to early. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <weir/select.h>
#include "base/values.h"
#include "sql/statement.h"

WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY_DECLARE(line);
struct order { int64_t id, tenant_id; const char *state; WEIR_MANY(struct line) lines; };
struct line { int64_t id, order_id; struct order *order; };
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, state),
            WEIR_HAS_MANY(order, lines, line, order_id));
WEIR_ENTITY(line, "order_lines", WEIR_COLUMN(line, id, .primary_key = true), WEIR_COLUMN(line, order_id, .foreign_key = "orders.id"),
            WEIR_BELONGS_TO(line, order, order, order_id));

static bool counting;
static long allocations_left;
static bool may_allocate(void) { return !counting || allocations_left-- > 0; }
static void *take(size_t size, void *context) { (void)context; return may_allocate() ? malloc(size) : NULL; }
static void *resize(void *block, size_t size, void *context) { (void)context; return may_allocate() ? realloc(block, size) : NULL; }
static void release(void *block, void *context) { (void)context; free(block); }

static const weir_dialect *const dialects[] = { &weir_dialect_postgresql, &weir_dialect_sqlite };

/* One execution's, with the memory that it would have. */
typedef struct form { weir_arena arena; weir_compiled compiled; } form;

static form *compile(const weir_stmt *stmt, const weir_dialect *dialect)
{
    weir_error error;
    form *f = malloc(sizeof *f);
    weir_arena_init(&f->arena, NULL, WEIR_MEMORY_STATEMENTS, 256);
    if (weir_stmt_compile_kept(stmt, dialect, &f->arena, &f->compiled, &error) != WEIR_OK)
        fail_msg("%s", error.message);
    return f;
}

static void end(form **f)
{
    weir_kept_let_go((*f)->compiled.kept);
    weir_arena_free(&(*f)->arena);
    free(*f);
    *f = NULL;
}

/* Executed often enough for a form to be kept. */
static void warm(const weir_stmt *stmt)
{
    for (size_t i = 0; i < 6; i++) {
        form *f = compile(stmt, dialects[i % 2]);
        assert_int_equal(f->compiled.kept != NULL, i > 1);
        end(&f);
    }
}

/* What an execution gets is what compiling it anew gives. */
static void assert_right(const weir_stmt *stmt)
{
    for (size_t i = 0; i < 6; i++) {
        weir_arena arena;
        weir_compiled wanted;
        weir_error error;
        weir_arena_init(&arena, NULL, WEIR_MEMORY_STATEMENTS, 256);
        assert_int_equal(weir_stmt_compile(stmt, dialects[i % 2], &arena, &wanted, &error), WEIR_OK);
        form *f = compile(stmt, dialects[i % 2]);
        const weir_compiled *got = &f->compiled;
        assert_string_equal(got->sql, wanted.sql);
        assert_int_equal(got->value_count, wanted.value_count);
        for (size_t k = 0; k < got->value_count; k++)
            assert_true(weir_value_equal(&got->values[k], &wanted.values[k]));
        assert_int_equal(got->declared_count, wanted.declared_count);
        assert_int_equal(got->shape != NULL, wanted.shape != NULL);
        if (got->shape) {
            assert_int_equal(got->shape->load_count, wanted.shape->load_count);
            assert_int_equal(got->shape->item_count, wanted.shape->item_count);
            assert_int_equal(got->shape->disable_eagerloads, wanted.shape->disable_eagerloads);
            assert_int_equal(got->shape->populate_existing, wanted.shape->populate_existing);
            assert_int_equal(got->shape->autoflush, wanted.shape->autoflush);
            for (size_t k = 0; k < got->shape->load_count; k++)
                assert_int_equal(got->shape->loads[k].chunk, wanted.shape->loads[k].chunk);
        }
        assert_int_equal(got->facts.locks_rows, wanted.facts.locks_rows);
        end(&f);
        weir_arena_free(&arena);
    }
}

static void test_from_the_second_execution_on_the_text_is_shared(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, state), "paid"));
    for (size_t i = 0; i < 2; i++) {
        form *forms[4];
        for (size_t k = 0; k < 4; k++)
            forms[k] = compile(stmt, dialects[i]);
        assert_ptr_not_equal(forms[0]->compiled.sql, forms[1]->compiled.sql);
        assert_ptr_equal(forms[1]->compiled.sql, forms[2]->compiled.sql);
        assert_ptr_equal(forms[1]->compiled.values, forms[3]->compiled.values);
        for (size_t k = 0; k < 4; k++)
            end(&forms[k]);
    }
    /* The other dialect's did not take its place. */
    form *a = compile(stmt, dialects[0]), *b = compile(stmt, dialects[0]);
    assert_ptr_equal(a->compiled.sql, b->compiled.sql);
    assert_non_null(strchr(a->compiled.sql, '$'));
    end(&a);
    end(&b);
    weir_stmt_free(&stmt);
}

static void test_a_statement_executed_once_keeps_nothing(void **state)
{
    (void)state;
    weir_memory_figures before, after;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_memory_usage(&before);
    form *f = compile(stmt, dialects[0]);
    assert_null(f->compiled.kept);
    end(&f);
    weir_memory_usage(&after);
    assert_int_equal(after.bytes, before.bytes);
    weir_stmt_free(&stmt);
}

/* ---- changes ---- */

static void where(weir_stmt *stmt) { weir_where(stmt, WEIR_EQ(WEIR_COL(order, tenant_id), 7)); }
static void order_by(weir_stmt *stmt) { weir_order_by(stmt, WEIR_DESC(WEIR_COL(order, id))); }
static void no_order(weir_stmt *stmt) { weir_order_by(stmt, NULL); }
static void limit(weir_stmt *stmt) { weir_limit(stmt, 3); }
static void offset(weir_stmt *stmt) { weir_offset(stmt, 3); }
static void columns(weir_stmt *stmt) { weir_add_columns(stmt, WEIR_COL(order, state)); }
static void distinct(weir_stmt *stmt) { weir_distinct(stmt); }
static void join(weir_stmt *stmt) { weir_join(stmt, WEIR_COL(order, lines)); }
static void from(weir_stmt *stmt) { weir_from(stmt, WEIR_ENTITY_OF(order)); }
static void group_by(weir_stmt *stmt) { weir_group_by(stmt, WEIR_COL(order, id)); }
static void having(weir_stmt *stmt) { weir_having(stmt, WEIR_GT(WEIR_COUNT(), 1)); }
static void selectin(weir_stmt *stmt) { weir_selectinload(stmt, WEIR_COL(order, lines)); }
static void chunk(weir_stmt *stmt) { weir_selectin_chunk(stmt, 9); }
static void joined(weir_stmt *stmt) { weir_joinedload(stmt, WEIR_COL(order, lines)); }
static void no_eager(weir_stmt *stmt) { weir_disable_eagerloads(stmt); }
static void populate(weir_stmt *stmt) { weir_populate_existing(stmt, WEIR_ON); }
static void autoflush(weir_stmt *stmt) { weir_autoflush(stmt, WEIR_OFF); }
static void lock(weir_stmt *stmt) { weir_with_for_update(stmt, NULL); }
static void declare(weir_stmt *stmt) { weir_sql_columns(stmt, (const weir_declared_column[]){ { "id", WEIR_T_INT64 } }, 1); }
static void options(weir_stmt *stmt) { weir_yield_per(stmt, 5); }

static void test_each_builder_makes_it_forget(void **state)
{
    (void)state;
    static void (*const changes[])(weir_stmt *) = {
        where, order_by, no_order, limit, offset, columns, distinct, join, from, group_by, having, selectin, chunk, joined, no_eager,
        populate, autoflush, lock, declare, options,
    };
    weir_stmt *stmt = weir_select(&order_entity);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        changes[i](stmt);
        assert_int_equal(weir_stmt_error(stmt)->status, WEIR_OK);
        assert_right(stmt);
        form *f = compile(stmt, dialects[0]);
        assert_non_null(f->compiled.kept);              /* so that the next change has something to forget */
        end(&f);
    }
    weir_stmt_free(&stmt);
}

static void test_copies_have_nothing_of_it(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    warm(stmt);
    weir_stmt *copy = weir_stmt_copy(stmt);
    where(copy);
    assert_right(copy);
    assert_right(stmt);
    form *f = compile(stmt, dialects[0]), *other = compile(copy, dialects[0]);
    assert_string_not_equal(f->compiled.sql, other->compiled.sql);
    end(&f);
    end(&other);
    weir_stmt_free(&copy);
    weir_stmt_free(&stmt);
}

/* ---- values ---- */

static void test_new_values_go_into_the_text_that_is_kept(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_sql("SELECT :a, :b, :a");
    weir_bind(stmt, "a", weir_value_int(1));
    weir_bind(stmt, "b", weir_value_cstr("one"));
    warm(stmt);
    form *old = compile(stmt, dialects[1]);
    weir_bind(stmt, "b", weir_value_cstr("two and much longer than before, so that it needs memory of its own"));
    weir_bind(stmt, "a", weir_value_null());            /* of another type, too */
    form *new = compile(stmt, dialects[1]);
    assert_ptr_equal(new->compiled.sql, old->compiled.sql);
    assert_string_equal(new->compiled.values[1].as.text.ptr, "two and much longer than before, so that it needs memory of its own");
    assert_int_equal(new->compiled.values[0].type, WEIR_T_NULL);
    assert_string_equal(old->compiled.values[1].as.text.ptr, "one");
    assert_int_equal(old->compiled.values[0].as.i, 1);
    assert_right(stmt);
    weir_bind(stmt, "b", weir_value_cstr("three"));
    assert_string_equal(new->compiled.values[1].as.text.ptr, "two and much longer than before, so that it needs memory of its own");
    assert_right(stmt);
    end(&old);
    end(&new);
    weir_stmt_free(&stmt);
}

static void test_lists_of_another_length_are_another_text(void **state)
{
    (void)state;
    const weir_value values[] = { weir_value_int(1), weir_value_int(2), weir_value_int(3), weir_value_int(4) };
    weir_stmt *stmt = weir_sql("SELECT 1 WHERE 1 IN :ids AND :x > 0");
    weir_bind(stmt, "x", weir_value_int(5));
    static const size_t lengths[] = { 2, 2, 3, 0, 0, 1, 4 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        weir_bind_list(stmt, "ids", values + 4 - lengths[i], lengths[i]);
        assert_right(stmt);
        assert_right(stmt);
    }
    weir_bind(stmt, "ids", weir_value_int(9));          /* no list any more */
    assert_right(stmt);
    weir_stmt_free(&stmt);
}

/* The name stands in the statement, in a fragment of its own and in a subquery. */
static void test_values_reach_fragments_and_subqueries(void **state)
{
    (void)state;
    weir_stmt *inner = weir_select_columns(WEIR_COL(line, order_id));
    weir_where(inner, WEIR_SQL("order_lines.id > :least"));
    weir_stmt *stmt = weir_select(&order_entity);
    weir_where(stmt, WEIR_IN_STMT(WEIR_COL(order, id), inner));
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, tenant_id), 44));
    weir_where(stmt, WEIR_SQL("orders.id > :least"));
    weir_stmt_free(&inner);
    for (int i = 0; i < 4; i++) {
        weir_bind(stmt, "least", weir_value_int(100 + i));
        assert_right(stmt);
        assert_right(stmt);
    }
    weir_stmt_free(&stmt);
}

/* ---- lives ---- */

static void test_it_outlives_its_statement(void **state)
{
    (void)state;
    weir_stmt *stmt = weir_select(&order_entity);
    weir_where(stmt, WEIR_EQ(WEIR_COL(order, state), "a text that lies in memory of its own"));
    weir_selectinload(stmt, WEIR_COL(order, lines));
    warm(stmt);
    form *f = compile(stmt, dialects[0]);
    weir_stmt_free(&stmt);
    assert_non_null(strstr(f->compiled.sql, "orders.state = $1"));
    assert_string_equal(f->compiled.values[0].as.text.ptr, "a text that lies in memory of its own");
    assert_int_equal(f->compiled.shape->load_count, 1);
    assert_ptr_equal(f->compiled.shape->loads[0].steps[0]->entity, &order_entity);
    end(&f);
}

static void *execute_often(void *context)
{
    for (int i = 0; i < 500; i++) {
        form *f = compile(context, dialects[i % 2]);
        assert_int_equal(f->compiled.value_count, 1);
        end(&f);
    }
    return NULL;
}

static void test_threads_share_it_from_the_first_execution_on(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        pthread_t threads[4];
        weir_stmt *stmt = weir_select(&order_entity);
        where(stmt);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, execute_often, stmt), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        weir_stmt_free(&stmt);
    }
}

/* Without memory to keep it, it is compiled as ever, or told. */
static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    for (int bound = 0; bound < 2; bound++) {
        int status = WEIR_OUT_OF_MEMORY;
        for (long n = 0; n < 200; n++) {
            weir_arena arena;
            weir_compiled compiled;
            weir_error error;
            weir_stmt *stmt = weir_sql("SELECT :a");
            weir_bind(stmt, "a", weir_value_cstr("some text"));
            for (int i = 0; i < 1 + bound; i++) {
                form *f = compile(stmt, dialects[0]);
                end(&f);
            }
            weir_bind(stmt, "a", weir_value_cstr("another text"));
            weir_arena_init(&arena, NULL, WEIR_MEMORY_STATEMENTS, 16);
            counting = true;
            allocations_left = n;
            status = weir_stmt_compile_kept(stmt, dialects[0], &arena, &compiled, &error);
            counting = false;
            assert_true(status == WEIR_OK || status == WEIR_OUT_OF_MEMORY);
            if (status == WEIR_OK) {
                assert_string_equal(compiled.values[0].as.text.ptr, "another text");
                weir_kept_let_go(compiled.kept);
            }
            weir_arena_free(&arena);
            weir_stmt_free(&stmt);
        }
        assert_int_equal(status, WEIR_OK);
    }
}

static int nothing_is_left(void **state)
{
    (void)state;
    weir_memory_figures figures;
    weir_memory_usage(&figures);
    return figures.bytes == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)

int main(void)
{
    static const weir_allocator allocator = { take, resize, release, NULL };
    if (weir_set_allocator(&allocator) != WEIR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(test_from_the_second_execution_on_the_text_is_shared), TEST(test_a_statement_executed_once_keeps_nothing),
        TEST(test_each_builder_makes_it_forget), TEST(test_copies_have_nothing_of_it), TEST(test_new_values_go_into_the_text_that_is_kept),
        TEST(test_lists_of_another_length_are_another_text), TEST(test_values_reach_fragments_and_subqueries),
        TEST(test_it_outlives_its_statement), TEST(test_threads_share_it_from_the_first_execution_on), TEST(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
