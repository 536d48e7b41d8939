/* Copies of instances that queues between threads make: values, relationships, states, lifetimes, memory. */
#include "loading.h"
#include <pthread.h>

/* ---- values of every type -------------------------------------------------------------------------------------------------- */

enum mood { MOOD_SAD, MOOD_HAPPY };
static const char *const mood_names[] = { "sad", "happy" };
struct mixed {
    int64_t id;
    const char *cstr, *no_cstr;
    weir_text text;
    weir_blob blob, no_blob;
    weir_numeric exact;
    weir_opt_int64 present, none;
    weir_opt_date day;
    double wide;
    char code[9];
    enum mood mood;
    int of_the_program;
};
WEIR_ENTITY(mixed, "mixed", WEIR_COLUMN(mixed, id, .primary_key = true), WEIR_COLUMN(mixed, cstr), WEIR_COLUMN(mixed, no_cstr),
    WEIR_COLUMN(mixed, text), WEIR_COLUMN(mixed, blob), WEIR_COLUMN(mixed, no_blob), WEIR_COLUMN(mixed, exact), WEIR_COLUMN(mixed, present),
    WEIR_COLUMN(mixed, none), WEIR_COLUMN(mixed, day), WEIR_COLUMN(mixed, wide), WEIR_COLUMN(mixed, code),
    WEIR_ENUM_COLUMN(mixed, mood, mood_names));

static void mixed_fixture(test_database *db)
{
    char sql[800];
    snprintf(sql, sizeof sql,
        "CREATE TABLE mixed(id bigint PRIMARY KEY, cstr text, no_cstr text, text text, blob %s, no_blob %s, exact %s, present bigint, "
        "none bigint, day date, wide double precision, code varchar(8), mood text);"
        "INSERT INTO mixed VALUES (1, 'Grüße', NULL, '', %s, NULL, %s, 7, NULL, '2024-02-29', 1.5, 'abcdefgh', 'happy')",
        db->postgresql ? "bytea" : "blob", db->postgresql ? "bytea" : "blob", db->postgresql ? "numeric" : "text",
        db->postgresql ? "'\\x00ff00'" : "x'00ff00'", db->postgresql ? "123456789012345678901234567890.50" : "'123456789012345678901234567890.50'");
    test_side_run(db, sql);
}

static void assert_mixed(const struct mixed *m)
{
    assert_int_equal(m->id, 1);
    assert_string_equal(m->cstr, "Grüße");
    assert_null(m->no_cstr);
    assert_non_null(m->text.ptr);
    assert_int_equal(m->text.len, 0);
    assert_int_equal(m->blob.len, 3);
    assert_memory_equal(m->blob.ptr, "\0\xff\0", 3);
    assert_null(m->no_blob.ptr);
    assert_int_equal(m->exact.len, 33);
    assert_memory_equal(m->exact.ptr, "123456789012345678901234567890.50", 33);
    assert_true(m->present.present && m->present.value == 7);
    assert_false(m->none.present);
    assert_true(m->day.present);
    assert_true(m->wide == 1.5);
    assert_string_equal(m->code, "abcdefgh");
    assert_int_equal(m->mood, MOOD_HAPPY);
    assert_int_equal(m->of_the_program, 99);
}

static void test_copies_have_all_values_and_outlive_everything(void **state)
{
    test_database *db = *state;
    mixed_fixture(db);
    weir_engine *engine = test_engine(db, NULL);
    weir_session *session = weir_session_open(engine);
    weir_queue *queue = WEIR_QUEUE_OF(mixed, WEIR_QUEUE_COPIED, NULL);
    struct mixed *m = WEIR_GET(mixed, session, 1);
    void *item;
    m->of_the_program = 99;
    assert_status(weir_queue_put(queue, m), WEIR_OK);
    assert_status(weir_queue_put(queue, m), WEIR_OK);
    WEIR_SET(m, cstr, "changed");
    assert_status(weir_queue_put(queue, m), WEIR_OK);
    assert_int_equal(weir_session_expire(session, m), WEIR_OK);
    assert_status(weir_queue_put(queue, m), WEIR_OK);
    close_session_ok(&session);
    weir_engine_close(&engine);
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_mixed(item);
    assert_int_equal(weir_state_of(item), WEIR_DETACHED);
    assert_true(weir_loaded((struct mixed *)item, cstr));
    assert_status(weir_load((struct mixed *)item, cstr), WEIR_OK);
    struct mixed *kept = weir_retain(item);
    assert_ptr_equal(kept, item);
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_mixed(item);
    assert_mixed(kept);
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_string_equal(((struct mixed *)item)->cstr, "changed");
    assert_int_equal(weir_state_of(item), WEIR_DETACHED | WEIR_STATE_MODIFIED);
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_string_equal(((struct mixed *)item)->cstr, "changed");
    assert_int_equal(weir_state_of(item), WEIR_DETACHED | WEIR_STATE_EXPIRED);
    assert_false(weir_loaded((struct mixed *)item, cstr));
    assert_status(weir_load((struct mixed *)item, cstr), WEIR_DETACHED_INSTANCE);
    weir_queue_free(&queue);
    assert_mixed(kept);
    WEIR_SET(kept, no_cstr, "given later");             /* a copy is the getter's to write */
    WEIR_SET(kept, cstr, "and changed");
    assert_string_equal(kept->no_cstr, "given later");
    weir_release(kept);
}

struct listed { int64_t id; const weir_array *numbers, *texts, *none; weir_uuid uuid; weir_interval span; };
WEIR_ENTITY(listed, "listed", WEIR_COLUMN(listed, id, .primary_key = true), WEIR_COLUMN(listed, numbers), WEIR_COLUMN(listed, texts),
    WEIR_COLUMN(listed, none), WEIR_COLUMN(listed, uuid), WEIR_COLUMN(listed, span));

static void test_copies_have_arrays(void **state)
{
    test_database *db = *state;
    test_side_run(db, "CREATE TABLE listed(id bigint PRIMARY KEY, numbers bigint[], texts text[], none bigint[], uuid uuid, span interval);"
                      "INSERT INTO listed VALUES (1, '{{1,2},{3,NULL}}', '{a,\"\",NULL,Grüße}', NULL, "
                      "'01234567-89ab-cdef-0123-456789abcdef', '1 mon 2 days')");
    weir_session *session = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(listed, WEIR_QUEUE_COPIED, NULL);
    assert_status(weir_queue_put(queue, WEIR_GET(listed, session, 1)), WEIR_OK);
    close_session_ok(&session);
    void *item;
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    const struct listed *l = item;
    assert_int_equal(l->numbers->dimensions, 2);
    assert_int_equal(l->numbers->lengths[1], 2);
    assert_int_equal(l->numbers->count, 4);
    assert_int_equal(l->numbers->items[2].as.i, 3);
    assert_int_equal(l->numbers->items[3].type, WEIR_T_NULL);
    assert_int_equal(l->texts->count, 4);
    assert_memory_equal(l->texts->items[3].as.text.ptr, "Grüße", 7);
    assert_null(l->none);
    assert_int_equal(l->span.months, 1);
    assert_int_equal(l->uuid.bytes[15], 0xef);
    weir_queue_free(&queue);
}

/* ---- relationships ----------------------------------------------------------------------------------------------------------- */

static weir_stmt *orders_with_lines_and_back(int64_t yield_per)
{
    weir_stmt *stmt = ORDERS(yield_per);
    weir_selectinload(stmt, WEIR_COL(order, lines), WEIR_COL(order_line, order));
    return stmt;
}

static void assert_graph(struct order *order, int64_t id)
{
    assert_int_equal(order->id, id);
    assert_int_equal(weir_state_of(order), WEIR_DETACHED);
    assert_three_lines(order);
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_false(weir_loaded(order, by_quantity));
    assert_status(weir_load(order, by_quantity), WEIR_DETACHED_INSTANCE);
    assert_int_equal(order->by_quantity.count, 0);
    for (size_t i = 0; i < order->lines.count; i++) {
        assert_int_equal(weir_state_of(order->lines.items[i]), WEIR_DETACHED);
        assert_true(weir_loaded(order->lines.items[i], order));
        assert_ptr_equal(order->lines.items[i]->order, order);      /* in circles */
    }
}

static void test_copies_have_what_relationships_reach(void **state)
{
    test_database *db = *state;
    test_fixture(db, 10);
    weir_session *session = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, NULL);
    weir_stmt *stmt = orders_with_lines_and_back(4);
    weir_result *result = scalars(session, &stmt);
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        assert_status(weir_queue_put(queue, order), WEIR_OK);
    close_result_ok(&result);
    close_session_ok(&session);
    weir_queue_figures figures;
    weir_queue_info(queue, &figures);
    assert_true(figures.bytes / 10 < 1400);             /* an order and three lines */
    void *item;
    struct order_line *kept = NULL;
    for (int64_t id = 1; id <= 10; id++) {
        assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
        assert_graph(item, id);
        if (id == 5)
            kept = weir_retain(((struct order *)item)->lines.items[1]);
    }
    weir_queue_free(&queue);
    assert_int_equal(kept->id, 52);
    assert_graph(kept->order, 5);
    weir_retain(kept->order);
    weir_release(kept);
    struct order *order = kept->order;
    assert_graph(order, 5);
    weir_release(order);
}

/* Trees with tags that several nodes share, and "loaded and none". */
static void test_what_is_shared_within_an_item_stays_shared(void **state)
{
    test_database *db = *state;
    tree_fixture(db);
    test_side_run(db, "INSERT INTO node_tags VALUES (1, 1), (11, 1), (11, 2), (12, 2), (13, 1)");
    weir_session *session = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(node, WEIR_QUEUE_COPIED, NULL), *second = WEIR_QUEUE_OF(node, WEIR_QUEUE_COPIED, NULL);
    weir_stmt *stmt = roots(0);
    weir_selectinload(stmt, WEIR_COL(node, children), WEIR_COL(node, tags));
    weir_selectinload(stmt, WEIR_COL(node, tags));
    weir_selectinload(stmt, WEIR_COL(node, parent));
    weir_result *result = scalars(session, &stmt);
    struct node *first = WEIR_NEXT(node, result);
    assert_status(weir_queue_put(queue, first), WEIR_OK);
    assert_status(weir_queue_put(queue, first), WEIR_OK);
    close_result_ok(&result);
    close_session_ok(&session);
    void *item, *other;
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_status(weir_queue_put(second, item), WEIR_OK);       /* a copy of a copy */
    assert_status(weir_queue_put(second, item), WEIR_OK);
    weir_retain(item);
    assert_status(weir_queue_get(queue, &other, 0), WEIR_OK);
    assert_ptr_not_equal(item, other);
    weir_release(item);
    weir_queue_free(&queue);
    for (int i = 0; i < 2; i++) {
        assert_status(weir_queue_get(second, &item, 0), WEIR_OK);
        const struct node *root = item;
        assert_true(weir_loaded(root, parent));
        assert_null(root->parent);
        assert_int_equal(root->children.count, 3);
        assert_int_equal(root->tags.count, 1);
        const struct node *child = root->children.items[0];
        assert_string_equal(child->name, "child");
        assert_int_equal(child->tags.count, 2);
        assert_ptr_equal(root->tags.items[0], child->tags.items[0]);
        assert_ptr_equal(child->tags.items[1], root->children.items[1]->tags.items[0]);
        assert_string_equal(child->tags.items[1]->label, "green");
        assert_false(weir_loaded(child, children));
    }
    weir_queue_free(&second);
}

/* Pointers stay when an instance expires, in copies as well. */
static void test_expired_instances_keep_what_they_reach(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    weir_session *session = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, NULL);
    struct order *order = WEIR_GET(order, session, 1);
    assert_status(weir_load(order, lines), WEIR_OK);
    assert_int_equal(weir_session_commit(session), WEIR_OK);
    assert_status(weir_queue_put(queue, order), WEIR_OK);
    close_session_ok(&session);
    void *item;
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    const struct order *copy = item;
    assert_int_equal(weir_state_of(copy), WEIR_DETACHED | WEIR_STATE_EXPIRED);
    assert_false(weir_loaded(copy, lines));
    assert_int_equal(copy->lines.count, 3);
    assert_int_equal(copy->lines.items[2]->quantity, 3);
    assert_int_equal(weir_state_of(copy->lines.items[2]), WEIR_DETACHED | WEIR_STATE_EXPIRED);
    weir_queue_free(&queue);
}

static void test_a_relationship_to_what_is_no_instance_is_refused(void **state)
{
    test_database *db = *state;
    test_fixture(db, 2);
    weir_session *session = weir_session_open(db->engine), *other = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(order_line, WEIR_QUEUE_COPIED, NULL);
    struct order_line *line = WEIR_GET(order_line, session, 11);
    assert_status(weir_load(line, order), WEIR_OK);
    struct order *own = line->order;
    line->order = WEIR_GET(order, other, 1);
    assert_status(weir_queue_put(queue, line), WEIR_ARGUMENT);
    assert_string_equal(weir_queue_error(queue)->message, "order_line.order points to what is no instance of the same session");
    line->order = NULL;
    assert_status(weir_queue_put(queue, line), WEIR_OK);
    line->order = own;
    assert_status(weir_queue_put(queue, line), WEIR_OK);
    close_session_ok(&other);
    close_session_ok(&session);
    void *item;
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_null(((struct order_line *)item)->order);
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    assert_int_equal(((struct order_line *)item)->order->id, 1);
    weir_queue_free(&queue);
}

/* A graph that is larger than what is set aside for few. */
static void test_large_graphs_are_copied_whole(void **state)
{
    test_database *db = *state;
    test_fixture(db, 1);
    test_side_run(db, db->postgresql ? "INSERT INTO order_lines SELECT 1000 + i, 1, i FROM generate_series(1, 5000) i"
                                     : "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
                                       "INSERT INTO order_lines SELECT 1000 + i, 1, i FROM n");
    weir_session *session = weir_session_open(db->engine);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, NULL);
    weir_stmt *stmt = orders_with_lines_and_back(0);
    weir_result *result = scalars(session, &stmt);
    assert_status(weir_queue_put(queue, WEIR_NEXT(order, result)), WEIR_OK);
    close_result_ok(&result);
    close_session_ok(&session);
    void *item;
    assert_status(weir_queue_get(queue, &item, 0), WEIR_OK);
    const struct order *order = item;
    assert_int_equal(order->lines.count, 5003);
    int64_t sum = 0;
    for (size_t i = 0; i < order->lines.count; i++) {
        assert_ptr_equal(order->lines.items[i]->order, order);
        sum += order->lines.items[i]->quantity;
    }
    assert_int_equal(sum, 6 + 5000 * 5001 / 2);
    weir_queue_free(&queue);
}

/* ---- in other threads ------------------------------------------------------------------------------------------------------------ */

typedef struct worker { weir_queue *queue; int status; int64_t count, quantities; struct order *kept[3]; int kept_count; } worker;

static void *work(void *argument)
{
    worker *w = argument;
    void *item;
    while ((w->status = weir_queue_get(w->queue, &item, -1)) == WEIR_OK) {
        struct order *order = item;
        assert_graph(order, order->id);
        for (size_t i = 0; i < order->lines.count; i++)
            w->quantities += order->lines.items[i]->quantity;
        if (w->kept_count < 3)
            w->kept[w->kept_count++] = weir_retain(order);
        WEIR_SET(order, state, "done");
        assert_string_equal(order->state, "done");
        w->count++;
    }
    for (int i = 0; i < w->kept_count; i++) {
        assert_string_equal(w->kept[i]->state, "done");
        weir_release(w->kept[i]);
    }
    return NULL;
}

/* The article's "feed an external queue", with threads as the workers. */
static void test_workers_in_threads_get_copies(void **state)
{
    test_database *db = *state;
    enum { WORKERS = 3, ROWS = 1500 };
    test_fixture(db, ROWS);
    weir_queue *queue = WEIR_QUEUE_OF(order, WEIR_QUEUE_COPIED, WEIR_QUEUE_OPTIONS(.max_items = 16));
    worker workers[WORKERS];
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){ .queue = queue };
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    weir_session *session = weir_session_open(db->engine);
    weir_stmt *stmt = orders_with_lines_and_back(100);
    weir_result *result = scalars(session, &stmt);
    for (struct order *order; (order = WEIR_NEXT(order, result)) != NULL;)
        assert_status(weir_queue_put(queue, order), WEIR_OK);
    close_result_ok(&result);
    close_session_ok(&session);
    weir_queue_close(queue);
    int64_t count = 0, quantities = 0;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_status(workers[i].status, WEIR_RESOURCE_CLOSED);
        count += workers[i].count;
        quantities += workers[i].quantities;
    }
    assert_int_equal(count, ROWS);
    assert_int_equal(quantities, ROWS * 6);
    weir_queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_copies_have_all_values_and_outlive_everything),
        ON_POSTGRESQL(test_copies_have_arrays),
        ON_BOTH(test_copies_have_what_relationships_reach),
        ON_BOTH(test_what_is_shared_within_an_item_stays_shared),
        ON_BOTH(test_expired_instances_keep_what_they_reach),
        ON_BOTH(test_a_relationship_to_what_is_no_instance_is_refused),
        ON_BOTH(test_large_graphs_are_copied_whole),
        ON_BOTH(test_workers_in_threads_get_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
