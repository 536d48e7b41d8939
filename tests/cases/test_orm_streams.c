/* Streams of instances: how many live at a time, who holds them, and how all styles of reading share one stream (cases.md C). */
#include "support.h"
#include <stdlib.h>
#include <string.h>

struct order { int64_t id, tenant_id, amount_cents; const char *state; };
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_COLUMN(order, tenant_id),
    WEIR_COLUMN(order, amount_cents),
    WEIR_COLUMN(order, state));
struct order_line { int64_t id, order_id, quantity; };
WEIR_ENTITY(order_line, "order_lines",
    WEIR_COLUMN(order_line, id, .primary_key = true),
    WEIR_COLUMN(order_line, order_id),
    WEIR_COLUMN(order_line, quantity));
struct invoice { int64_t id, tenant_id, total_cents; weir_text status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));
struct narrow { int64_t id; char state[4]; };
WEIR_ENTITY(narrow, "orders", WEIR_COLUMN(narrow, id, .primary_key = true), WEIR_COLUMN(narrow, state));
typedef enum { STATE_PAID, STATE_PENDING } order_state;
static const char *const order_state_names[] = { "paid", "pending" };
struct stated { int64_t id; int state; weir_opt_int64 amount_cents; };
WEIR_ENTITY(stated, "orders", WEIR_COLUMN(stated, id, .primary_key = true), WEIR_ENUM_COLUMN(stated, state, order_state_names),
    WEIR_COLUMN(stated, amount_cents));
struct pair { int64_t tenant_id, id; const char *state; };
WEIR_ENTITY(pair, "orders", WEIR_COLUMN(pair, tenant_id, .primary_key = true), WEIR_COLUMN(pair, id, .primary_key = true),
    WEIR_COLUMN(pair, state));

static weir_stmt *orders(int64_t yield_per)
{
    weir_stmt *stmt = weir_select(&order_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    if (yield_per)
        weir_yield_per(stmt, yield_per);
    return stmt;
}

static weir_result *scalars(weir_session *session, weir_stmt *stmt)
{
    weir_result *result = weir_session_scalars(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

static weir_result *rows(weir_session *session, weir_stmt *stmt)
{
    weir_result *result = weir_session_execute(session, stmt);
    weir_stmt_free(&stmt);
    return result;
}

#define close_session_ok(session) assert_status(weir_session_close(session), WEIR_OK)

/* ---- how many live -------------------------------------------------------------------------------------------------------------- */

static void test_case_005_yield_per_of_the_connection_is_honoured(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.execution_options = WEIR_EXECUTION_OPTIONS(.yield_per = 3)));
    weir_result *result = scalars(session, orders(0));
    int count = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL; count++) {
        assert_int_equal(order->id, count + 1);
        assert_true(weir_session_count(session) <= 3);
    }
    assert_int_equal(count, 12);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_012_a_chunk_size_changed_between_reads_loses_nothing(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(0));
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    assert_int_equal(WEIR_NEXT(order, result)->id, 2);
    assert_status(weir_result_yield_per(result, 5), WEIR_INVALID_REQUEST);
    for (int64_t id = 3; id <= 12; id++)
        assert_int_equal(WEIR_NEXT(order, result)->id, id);
    assert_null(WEIR_NEXT(order, result));
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_025_a_stream_holds_one_batch_of_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(5));
    int64_t id = 0;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;) {
        assert_int_equal(order->id, ++id);
        assert_int_equal(order->amount_cents, 10 * id);
        assert_string_equal(order->state, "pending");
        assert_int_equal(weir_state_of(order), WEIR_PERSISTENT);
        assert_true(weir_session_count(session) <= 5);
    }
    assert_int_equal(id, 12);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_case_026_as_many_instances_as_rows_in_every_style(void **state)
{
    test_database *db = *state;
    const int64_t counts[] = { 0, 1, 5, 20 }, sizes[] = { 1, 10, 30 };
    test_fixture(db, 20);
    weir_session *session = weir_session_open(db->engine);
    for (size_t c = 0; c < 4; c++)
        for (size_t s = 0; s < 3; s++)
            for (int style = 0; style < 3; style++) {
                weir_stmt *stmt = orders(sizes[s]);
                weir_where(stmt, WEIR_LE(WEIR_COL(order, id), counts[c]));
                weir_result *result = scalars(session, stmt);
                int64_t seen = 0;
                const weir_partition *partition;
                if (style == 0) {
                    assert_non_null(partition = weir_result_all(result));
                    for (; seen < (int64_t)partition->count; seen++)
                        assert_int_equal(((struct order *)partition->instances[seen])->id, seen + 1);
                } else if (style == 1) {
                    while (WEIR_NEXT(order, result))
                        seen++;
                } else {
                    while ((partition = weir_result_next_partition(result, 0)) != NULL)
                        seen += (int64_t)partition->count;
                }
                assert_int_equal(seen, counts[c]);
                close_result_ok(&result);
                assert_int_equal(weir_session_count(session), 0);
            }
    close_session_ok(&session);
}

static void test_case_107_dropped_instances_leave_the_map_without_expunge(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(3));
    const weir_partition *partition;
    size_t count = 0;
    while ((partition = weir_result_next_partition(result, 3)) != NULL) {
        count += partition->count;
        assert_true(weir_session_count(session) <= 3);
    }
    assert_int_equal(count, 10);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

/* ---- styles of reading ------------------------------------------------------------------------------------------------------------ */

static void assert_instances(weir_result *result, size_t size, int64_t first, int64_t last)
{
    const weir_partition *partition = weir_result_next_partition(result, size);
    assert_non_null(partition);
    assert_int_equal(partition->count, last - first + 1);
    for (size_t i = 0; i < partition->count; i++)
        assert_int_equal(((struct order *)partition->instances[i])->id, first + (int64_t)i);
}

static void test_case_029_partitions_go_on_where_next_stopped(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(4));
    assert_int_equal(WEIR_NEXT(order, result)->id, 1);
    for (int64_t id = 2; id <= 8; id += 2)
        assert_instances(result, 2, id, id + 1);
    assert_instances(result, 2, 10, 10);
    assert_null(weir_result_next_partition(result, 2));
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_030_rows_and_instances_draw_from_one_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(4));
    const weir_row *row = weir_result_next(result);
    assert_int_equal(WEIR_ROW(order, row)->id, 1);
    assert_int_equal(((struct order *)weir_row_entity(row, &order_entity, "order"))->id, 1);
    assert_instances(result, 2, 2, 3);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_031_unique_and_yield_per_exclude_each_other(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(5));
    assert_status(weir_result_unique(result), WEIR_OK);
    assert_null(WEIR_NEXT(order, result));
    assert_contains(weir_result_error(result)->message, "Can't use the ORM yield_per feature in conjunction with unique()");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    close_session_ok(&session);
}

static void test_case_033_joined_rows_repeat_the_same_instance(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&order_entity);
    weir_join_on(stmt, WEIR_ENTITY_OF(order_line), WEIR_EQ(WEIR_COL(order_line, order_id), WEIR_COL(order, id)));
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order_line, id)));
    weir_yield_per(stmt, 5);
    weir_result *result = scalars(session, stmt);
    struct order *held = NULL;
    for (int i = 0; i < 36; i++) {
        struct order *order = WEIR_NEXT(order, result);
        assert_non_null(order);
        assert_int_equal(order->id, i / 3 + 1);
        if (i % 3 == 0) {
            if (held)
                weir_release(held);
            held = weir_retain(order);
        }
        assert_ptr_equal(held, order);
        assert_string_equal(order->state, "pending");
    }
    assert_null(WEIR_NEXT(order, result));
    weir_release(held);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_case_035_partitions_are_cut_from_the_stream(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(2));
    assert_partitions(result, 5, 5, 5, 2);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_038_a_missing_entity_is_null(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order), WEIR_ENTITY_OF(order_line));
    weir_outer_join_on(stmt, WEIR_ENTITY_OF(order_line), WEIR_EQ(WEIR_COL(order_line, order_id), -1));
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(order, id)));
    weir_yield_per(stmt, 4);
    weir_result *result = rows(session, stmt);
    int64_t count = 0;
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; count++) {
        assert_int_equal(weir_row_count(row), 2);
        assert_int_equal(WEIR_ROW(order, row)->id, count + 1);
        assert_null(WEIR_ROW(order_line, row));
        assert_true(weir_row_is_null(row, "order_line"));
    }
    assert_int_equal(count, 12);
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_039_an_entity_from_textual_sql(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *text = weir_sql("SELECT state, amount_cents, id, tenant_id FROM orders WHERE id < :m ORDER BY id");
    weir_stmt *stmt = weir_select_from_sql(&order_entity, text);
    weir_bind(stmt, "m", weir_value_int(4));
    weir_yield_per(stmt, 2);
    weir_result *result = scalars(session, stmt);
    for (int64_t id = 1; id <= 3; id++) {
        struct order *order = WEIR_NEXT(order, result);
        assert_int_equal(order->id, id);
        assert_string_equal(order->state, "pending");
    }
    assert_null(WEIR_NEXT(order, result));
    close_result_ok(&result);
    weir_stmt_free(&text);
    text = weir_sql("SELECT id, tenant_id, amount_cents FROM orders");
    result = scalars(session, weir_select_from_sql(&order_entity, text));
    assert_null(WEIR_NEXT(order, result));
    assert_contains(weir_result_error(result)->message, "Could not locate column in row for column 'orders.state'");
    assert_status(weir_result_close(&result), WEIR_NO_SUCH_COLUMN);
    if (db->postgresql)
        assert_int_equal(test_open_cursors(weir_session_connection(session)), 0);
    weir_stmt_free(&text);
    close_session_ok(&session);
}

static void test_case_040_the_revenue_query_streams_as_rows(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_COL(invoice, tenant_id), WEIR_LABEL(WEIR_SUM(WEIR_COL(invoice, total_cents)), "revenue"));
    weir_group_by(stmt, WEIR_COL(invoice, tenant_id));
    weir_order_by(stmt, WEIR_COL(invoice, tenant_id));
    weir_yield_per(stmt, 500);
    weir_result *result = rows(session, stmt);
    const weir_partition *partition = weir_result_next_partition(result, 500);
    assert_non_null(partition);
    assert_int_equal(partition->count, 2);
    assert_int_equal(weir_row_int64(partition->rows[0], "revenue"), 300);
    assert_int_equal(weir_row_int64(partition->rows[1], "tenant_id"), 1);
    assert_int_equal(weir_row_int64(partition->rows[1], "revenue"), 250);
    assert_null(weir_result_next_partition(result, 500));
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_case_042_a_row_that_cannot_be_hydrated_fails_its_batch(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    test_side_run(db, "UPDATE orders SET state = 'new' ; UPDATE orders SET state = 'much too long' WHERE id = 7");
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&narrow_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(narrow, id)));
    weir_yield_per(stmt, 5);
    weir_result *result = scalars(session, stmt);
    for (int64_t id = 1; id <= 5; id++) {
        struct narrow *narrow = WEIR_NEXT(narrow, result);
        assert_int_equal(narrow->id, id);
        assert_string_equal(narrow->state, "new");
    }
    assert_null(WEIR_NEXT(narrow, result));
    assert_error(weir_result_error(result), WEIR_DATA);
    assert_contains(weir_result_error(result)->message, "narrow.state in row 7");
    if (db->postgresql)
        assert_int_equal(test_open_cursors(weir_session_connection(session)), 0);
    assert_status(weir_result_close(&result), WEIR_DATA);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

/* ---- existing instances, keys, members --------------------------------------------------------------------------------------------- */

static void test_case_037_existing_instances_win_unless_populated(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autoflush = WEIR_OFF));
    struct order *first = WEIR_GET(order, session, 1);
    assert_non_null(first);
    WEIR_SET(first, amount_cents, 777);
    assert_int_equal(weir_session_dirty_count(session), 1);
    weir_result *result = scalars(session, orders(5));
    assert_ptr_equal(WEIR_NEXT(order, result), first);
    assert_int_equal(first->amount_cents, 777);
    assert_int_equal(weir_state_of(first), WEIR_PERSISTENT | WEIR_STATE_MODIFIED);
    close_result_ok(&result);
    weir_stmt *stmt = orders(5);
    weir_populate_existing(stmt, WEIR_ON);
    result = scalars(session, stmt);
    assert_ptr_equal(WEIR_NEXT(order, result), first);
    assert_int_equal(first->amount_cents, 10);
    assert_int_equal(weir_state_of(first), WEIR_PERSISTENT);
    close_result_ok(&result);
    assert_int_equal(weir_session_dirty_count(session), 0);
    assert_string_equal(first->state, "pending");
    close_session_ok(&session);
}

static void test_composite_keys_enums_and_optionals(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select(&pair_entity);
    weir_order_by(stmt, WEIR_ASC(WEIR_COL(pair, id)));
    weir_yield_per(stmt, 5);
    weir_result *result = scalars(session, stmt);
    for (int64_t id = 1; id <= 12; id++)
        assert_int_equal(WEIR_NEXT(pair, result)->id, id);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    struct pair *pair = WEIR_GET(pair, session, 1, 7);
    assert_non_null(pair);
    assert_int_equal(pair->id, 7);
    assert_ptr_equal(WEIR_GET(pair, session, 1, 7), pair);
    assert_null(WEIR_GET(pair, session, 0, 7));
    result = scalars(session, weir_select(&stated_entity));
    struct stated *stated = WEIR_NEXT(stated, result);
    assert_int_equal(stated->state, STATE_PENDING);
    assert_true(stated->amount_cents.present);
    assert_int_equal(stated->amount_cents.value, 10 * stated->id);
    close_result_ok(&result);
    close_session_ok(&session);
}

/* ---- holding ------------------------------------------------------------------------------------------------------------------------- */

static void test_case_104_expunge_all_between_partitions(void **state)
{
    test_database *db = *state;
    const int64_t sizes[] = { 3, 3, 3, 1 };
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(3));
    int64_t id = 0;
    for (int i = 0; i < 4; i++) {
        const weir_partition *partition = weir_result_next_partition(result, 3);
        assert_non_null(partition);
        assert_int_equal(partition->count, sizes[i]);
        for (size_t k = 0; k < partition->count; k++)
            assert_int_equal(((struct order *)partition->instances[k])->id, ++id);
        weir_session_expunge_all(session);
        assert_int_equal(weir_session_count(session), 0);
        assert_int_equal(weir_state_of(partition->instances[0]), WEIR_DETACHED);
        assert_string_equal(((struct order *)partition->instances[0])->state, "pending");
    }
    assert_null(weir_result_next_partition(result, 3));
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_instances_built_before_expunge_all_come_detached(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(5));
    (void)WEIR_NEXT(order, result);
    (void)WEIR_NEXT(order, result);
    weir_session_expunge_all(session);
    for (int64_t id = 3; id <= 12; id++) {
        struct order *order = WEIR_NEXT(order, result);
        assert_int_equal(order->id, id);
        assert_int_equal(weir_state_of(order), id <= 5 ? WEIR_DETACHED : WEIR_PERSISTENT);
    }
    close_result_ok(&result);
    close_session_ok(&session);
}

static void test_retained_instances_outlive_batch_session_and_engine(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_engine *engine = test_engine(db, NULL);
    weir_session *session = weir_session_open(engine);
    weir_result *result = scalars(session, orders(5));
    struct order *kept[3] = { NULL };
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        if (order->id % 5 == 2)
            kept[order->id / 5] = weir_retain(order);
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 3);
    assert_ptr_equal(WEIR_GET(order, session, 7), kept[1]);
    close_session_ok(&session);
    weir_engine_close(&engine);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_state_of(kept[i]), WEIR_DETACHED);
        assert_int_equal(kept[i]->id, 5 * i + 2);
        assert_string_equal(kept[i]->state, "pending");
        weir_release(kept[i]);
    }
}

static void test_instances_of_a_buffered_result_stay_with_the_session(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(0));
    struct order *third = NULL;
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        third = order->id == 3 ? order : third;
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 12);
    assert_string_equal(third->state, "pending");
    weir_session_expunge_all(session);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_two_streams_share_instances(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    weir_session *session = weir_session_open(db->engine);
    weir_result *one = scalars(session, orders(3)), *other = scalars(session, orders(5));
    for (int64_t id = 1; id <= 12; id++) {
        struct order *a = WEIR_NEXT(order, one), *b = WEIR_NEXT(order, other);
        assert_int_equal(a->id, id);
        assert_int_equal(b->id, id);
        assert_ptr_equal(a, b);
        assert_string_equal(b->state, "pending");
    }
    close_result_ok(&one);
    close_result_ok(&other);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

/* Where the sanitizer watches, reading `kept` after the next row would stop the program; its state shows the same. */
static void test_debugging_lifetimes_ends_an_instance_at_the_next_row(void **state)
{
    test_database *db = *state;
    test_fixture(db, 12);
    setenv("WEIR_DEBUG", "lifetimes", 1);
    weir_session *session = weir_session_open(db->engine);
    unsetenv("WEIR_DEBUG");
    weir_result *result = scalars(session, orders(5));
    struct order *kept = NULL;
    for (int64_t id = 1; id <= 12; id++) {
        struct order *order = WEIR_NEXT(order, result);
        assert_int_equal(order->id, id);
        assert_string_equal(order->state, "pending");
        if (id % 5 != 1)
            assert_int_equal(weir_state_of(kept), WEIR_DETACHED);
        kept = order;
    }
    assert_null(WEIR_NEXT(order, result));
    close_result_ok(&result);
    assert_int_equal(weir_session_count(session), 0);
    close_session_ok(&session);
}

static void test_statements_beside_the_session_and_refused_connections(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open_with(db->engine, WEIR_SESSION_OPTIONS(.autobegin = WEIR_OFF));
    weir_result *result = weir_connection_execute(weir_session_connection(session), NULL, NULL);
    assert_status(weir_result_close(&result), WEIR_RESOURCE_CLOSED);
    assert_contains(weir_session_error(session)->message, "Autobegin is disabled");
    assert_status(weir_session_begin(session), WEIR_OK);
    weir_stmt *stmt = weir_sql("UPDATE orders SET state = 'paid'");
    result = weir_session_execute(session, stmt);
    assert_int_equal(weir_result_rowcount(result), 2);
    close_result_ok(&result);
    weir_stmt_free(&stmt);
    assert_int_equal(test_query_int(weir_session_connection(session), "SELECT count(*) FROM orders WHERE state = 'paid'"), 2);
    close_session_ok(&session);
}

static void test_the_wrong_entity_is_told(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    weir_result *result = scalars(session, orders(5));
    assert_null(WEIR_NEXT(order_line, result));
    assert_contains(weir_result_error(result)->message, "instances of order, not of order_line");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    close_session_ok(&session);
}

static void test_a_cartesian_product_is_warned_of(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    int64_t before = weir_engine_warnings(db->engine);
    weir_result *result = rows(session, weir_select_columns(WEIR_ENTITY_OF(order), WEIR_ENTITY_OF(invoice)));
    const weir_partition *all = weir_result_all(result);
    assert_int_equal(all->count, 4);
    assert_int_equal(WEIR_ROW(invoice, all->rows[3])->total_cents, 10 * WEIR_ROW(invoice, all->rows[3])->id);
    close_result_ok(&result);
    assert_int_equal(weir_engine_warnings(db->engine), before + 1);
    close_session_ok(&session);
}

static void test_a_key_of_null_is_told_where_only_instances_are_read(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = weir_select_columns(WEIR_ENTITY_OF(order_line), WEIR_COL(order, id));
    weir_from(stmt, WEIR_ENTITY_OF(order));
    weir_outer_join_on(stmt, WEIR_ENTITY_OF(order_line), WEIR_EQ(WEIR_COL(order_line, order_id), -1));
    weir_result *result = scalars(session, stmt);
    assert_null(WEIR_NEXT(order_line, result));
    assert_contains(weir_result_error(result)->message, "row 1 has no instance");
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    close_session_ok(&session);
}

static void test_group_by_without_the_key_cannot_be_streamed_as_an_entity(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_pool_status pool;
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = orders(5);
    weir_group_by(stmt, WEIR_COL(order, tenant_id));
    weir_result *result = scalars(session, stmt);
    assert_status(weir_result_close(&result), WEIR_INVALID_REQUEST);
    weir_engine_pool_status(db->engine, &pool);
    assert_int_equal(pool.checked_out, 0);
    assert_int_equal(weir_session_statements(session), 0);
    close_session_ok(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_case_005_yield_per_of_the_connection_is_honoured),
        ON_BOTH(test_case_012_a_chunk_size_changed_between_reads_loses_nothing),
        ON_BOTH(test_case_025_a_stream_holds_one_batch_of_instances),
        ON_BOTH(test_case_026_as_many_instances_as_rows_in_every_style),
        ON_BOTH(test_case_029_partitions_go_on_where_next_stopped),
        ON_BOTH(test_case_030_rows_and_instances_draw_from_one_stream),
        ON_BOTH(test_case_031_unique_and_yield_per_exclude_each_other),
        ON_BOTH(test_case_033_joined_rows_repeat_the_same_instance),
        ON_BOTH(test_case_035_partitions_are_cut_from_the_stream),
        ON_BOTH(test_case_037_existing_instances_win_unless_populated),
        ON_BOTH(test_case_038_a_missing_entity_is_null),
        ON_BOTH(test_case_039_an_entity_from_textual_sql),
        ON_BOTH(test_case_040_the_revenue_query_streams_as_rows),
        ON_BOTH(test_case_042_a_row_that_cannot_be_hydrated_fails_its_batch),
        ON_BOTH(test_case_104_expunge_all_between_partitions),
        ON_BOTH(test_case_107_dropped_instances_leave_the_map_without_expunge),
        ON_BOTH(test_composite_keys_enums_and_optionals),
        ON_BOTH(test_instances_built_before_expunge_all_come_detached),
        ON_BOTH(test_retained_instances_outlive_batch_session_and_engine),
        ON_BOTH(test_instances_of_a_buffered_result_stay_with_the_session),
        ON_BOTH(test_two_streams_share_instances),
        ON_BOTH(test_debugging_lifetimes_ends_an_instance_at_the_next_row),
        ON_BOTH(test_statements_beside_the_session_and_refused_connections),
        ON_BOTH(test_the_wrong_entity_is_told),
        ON_BOTH(test_a_cartesian_product_is_warned_of),
        ON_BOTH(test_a_key_of_null_is_told_where_only_instances_are_read),
        ON_BOTH(test_group_by_without_the_key_cannot_be_streamed_as_an_entity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
