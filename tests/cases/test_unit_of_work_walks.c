/* Random walks of a unit of work: rows are added, changed, linked, deleted and made again under keys of their own, among savepoints,
 * rollbacks and commits, and after each flush the tables are what a model says. Each walk can be run again by its seed. */
#include "support.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 7, LEAVES = 3, MARKS = 3, DEPTH = 3, STEPS = 250, WALKS = 20, RETAINED = 4 * STEPS, STORY = 60 };

WEIR_ENTITY_DECLARE(node);
WEIR_ENTITY_DECLARE(leaf);
WEIR_ENTITY_DECLARE(mark);
struct node {
    int64_t id, value, version;
    weir_opt_int64 next_id;
    struct node *next;
    WEIR_MANY(struct node) before;
    WEIR_MANY(struct leaf) leaves;
    WEIR_MANY(struct mark) marks;
};
struct leaf { int64_t node_id, number, value; struct node *node; };
struct mark { int64_t id; WEIR_MANY(struct node) nodes; };
WEIR_ENTITY(node, "nodes",
    WEIR_COLUMN(node, id, .primary_key = true),
    WEIR_COLUMN(node, value),
    WEIR_COLUMN(node, version, .version = true),
    WEIR_COLUMN(node, next_id, .foreign_key = "nodes.id"),
    WEIR_BELONGS_TO(node, next, node, next_id),
    WEIR_HAS_MANY(node, before, node, next_id, .order_by = "id"),
    WEIR_HAS_MANY(node, leaves, leaf, node_id, .order_by = "number", .cascade = WEIR_CASCADE_ALL | WEIR_CASCADE_DELETE_ORPHAN),
    WEIR_MANY_TO_MANY(node, marks, mark, "node_marks", "node_id", "mark_id", .order_by = "id"));
WEIR_ENTITY(mark, "marks",
    WEIR_COLUMN(mark, id, .primary_key = true),
    WEIR_MANY_TO_MANY(mark, nodes, node, "node_marks", "mark_id", "node_id", .order_by = "id"));
WEIR_ENTITY(leaf, "leaves",
    WEIR_COLUMN(leaf, node_id, .primary_key = true, .foreign_key = "nodes.id"),
    WEIR_COLUMN(leaf, number, .primary_key = true),
    WEIR_COLUMN(leaf, value),
    WEIR_BELONGS_TO(leaf, node, node, node_id));

/* What the tables are to hold; 0: no such row. Numbers count from 1. */
typedef struct place { int64_t value; int next; struct node *node; bool written; } place;
typedef struct spot { int64_t value; struct leaf *leaf; bool written; } spot;
typedef struct model { place nodes[NODES + 1]; spot leaves[NODES + 1][LEAVES + 1]; bool marked[NODES + 1][MARKS + 1]; } model;
typedef struct walk {
    weir_session *session;
    model         now, before[DEPTH + 1];       /* before the savepoints; [0]: before the transaction */
    int           nested[DEPTH + 1], depth;
    struct mark  *marks[MARKS + 1];
    int64_t       values;
    uint64_t      random;
    void         *retained[RETAINED]; size_t count;
    int           seed, step;
    bool          rolled_back;          /* to a savepoint: whom an association led to meanwhile is not known */
    char          story[STORY][48]; size_t told;            /* the last things done, for whoever looks for the reason */
} walk;

static int pick(walk *w, int count)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((w->random >> 33) % (unsigned)count);
}

static void tell(walk *w, const char *what, int one, int other)
{
    snprintf(w->story[w->told++ % STORY], sizeof *w->story, "%d: %s %d %d", w->step, what, one, other);
}

static void show_story(const walk *w)
{
    for (size_t i = w->told > STORY ? w->told - STORY : 0; i < w->told; i++)
        print_message("%s\n", w->story[i % STORY]);
    print_message("walk %d, step %d\n", w->seed, w->step);
}

static void well(const walk *w, int status)
{
    if (status < 0)
        show_story(w);
    assert_error(status < 0 ? weir_session_error(w->session) : &(const weir_error){ 0 }, WEIR_OK);
}

static void *keep(walk *w, void *instance)
{
    assert_non_null(instance);
    assert_true(w->count < RETAINED);
    return w->retained[w->count++] = weir_retain(instance);
}

/* ---- what the tables hold ----------------------------------------------------------------------------------------------------- */

static void check(walk *w)
{
    weir_stmt *nodes = weir_sql("SELECT id, value, coalesce(next_id, 0) FROM nodes ORDER BY id");
    weir_stmt *leaves = weir_sql("SELECT node_id, number, value FROM leaves ORDER BY node_id, number");
    weir_stmt *marks = weir_sql("SELECT node_id, mark_id FROM node_marks");
    weir_result *result = weir_session_execute(w->session, nodes);
    model found = { 0 };
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; ) {
        place *p = &found.nodes[weir_row_int64_at(row, 0)];
        *p = (place){ .value = weir_row_int64_at(row, 1), .next = (int)weir_row_int64_at(row, 2) };
    }
    well(w, weir_result_close(&result));
    result = weir_session_execute(w->session, leaves);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
        found.leaves[weir_row_int64_at(row, 0)][weir_row_int64_at(row, 1)].value = weir_row_int64_at(row, 2);
    well(w, weir_result_close(&result));
    result = weir_session_execute(w->session, marks);
    for (const weir_row *row; (row = weir_result_next(result)) != NULL; )
        found.marked[weir_row_int64_at(row, 0)][weir_row_int64_at(row, 1)] = true;
    well(w, weir_result_close(&result));
    for (int i = 1; i <= NODES; i++) {
        bool same = memcmp(found.marked[i], w->now.marked[i], sizeof found.marked[i]) == 0 && found.nodes[i].value == w->now.nodes[i].value && found.nodes[i].next == w->now.nodes[i].next;
        for (int k = 1; k <= LEAVES; k++)
            same = same && found.leaves[i][k].value == w->now.leaves[i][k].value;
        if (!same) {
            show_story(w);
            for (int k = 1; k <= LEAVES; k++)
                print_message("leaf %d is %" PRId64 ", where %" PRId64 " is due\n", k, found.leaves[i][k].value, w->now.leaves[i][k].value);
            for (int k = 1; k <= MARKS; k++)
                print_message("mark %d is %d, where %d is due\n", k, found.marked[i][k], w->now.marked[i][k]);
            print_message("node %d is (%" PRId64 ", next %d), where (%" PRId64 ", next %d) is due, or what hangs on it\n", i, found.nodes[i].value,
                          found.nodes[i].next, w->now.nodes[i].value, w->now.nodes[i].next);
        }
        assert_true(same);
    }
    weir_stmt_free(&nodes);
    weir_stmt_free(&leaves);
    weir_stmt_free(&marks);
}

static bool is_there(const void *instance) { return (weir_state_of(instance) & 0xf) == WEIR_PERSISTENT; }

static bool has(void *const *items, size_t count, const void *item)
{
    for (size_t i = 0; i < count; i++)
        if (items[i] == item)
            return true;
    return false;
}

/* What is loaded is in step with what was said, and with what a rollback took back. Deleted ones stay where they are until that is
 * loaded anew. */
static bool is_in_step(const walk *w, int id)
{
    struct node *node = w->now.nodes[id].node;
    const place *next = &w->now.nodes[w->now.nodes[id].next];
    bool same = !weir_loaded(node, next) || node->next == next->node || (node->next && !is_there(node->next));
    bool before = weir_loaded(node, before), leaves = weir_loaded(node, leaves);
    for (int i = 1; before && i <= NODES; i++)
        same = same && (w->now.nodes[i].next != id || has((void *const *)node->before.items, node->before.count, w->now.nodes[i].node));
    for (size_t i = 0; before && i < node->before.count; i++)
        same = same && (!is_there(node->before.items[i]) || w->now.nodes[node->before.items[i]->id].next == id);
    for (int i = 1; leaves && i <= LEAVES; i++)
        same = same && (!w->now.leaves[id][i].leaf || has((void *const *)node->leaves.items, node->leaves.count, w->now.leaves[id][i].leaf));
    for (size_t i = 0; leaves && i < node->leaves.count; i++)
        same = same && (!is_there(node->leaves.items[i]) || w->now.leaves[id][node->leaves.items[i]->number].leaf == node->leaves.items[i]);
    for (int i = 1; weir_loaded(node, marks) && i <= MARKS; i++)
        same = same && w->now.marked[id][i] == has((void *const *)node->marks.items, node->marks.count, w->marks[i]);
    for (int i = 1; !w->rolled_back && i <= MARKS; i++)
        same = same && (!weir_loaded(w->marks[i], nodes) ||
                        w->now.marked[id][i] == has((void *const *)w->marks[i]->nodes.items, w->marks[i]->nodes.count, node));
    return same;
}

static void check_loaded(const walk *w)
{
    for (int i = 1; i <= NODES; i++)
        if (w->now.nodes[i].node && !is_in_step(w, i)) {
            show_story(w);
            print_message("what is loaded of node %d is not what was said\n", i);
            fail();
        }
}

static void all_written(walk *w)
{
    for (int i = 1; i <= NODES; i++) {
        w->now.nodes[i].written = true;
        for (int k = 1; k <= LEAVES; k++)
            w->now.leaves[i][k].written = true;
    }
}

static void flush(walk *w)
{
    tell(w, "flush", 0, 0);
    well(w, weir_session_flush(w->session));
    all_written(w);
    check(w);
    check_loaded(w);
    for (int i = 1; i <= NODES; i++)
        if (w->now.nodes[i].value && pick(w, 4) == 0)
            assert_ptr_equal(WEIR_GET(node, w->session, i), w->now.nodes[i].node);
}

/* ---- changes -------------------------------------------------------------------------------------------------------------------- */

static void add_node(walk *w, int id)
{
    tell(w, "add node", id, 0);
    place *p = &w->now.nodes[id];
    struct node *node = keep(w, WEIR_NEW(node, w->session));
    node->id = id;
    node->value = ++w->values;
    *p = (place){ .value = node->value, .node = node };
    well(w, weir_session_add(w->session, node));
}

static void delete_node(walk *w, int id)
{
    if (!w->now.nodes[id].written)
        return;
    tell(w, "delete node", id, 0);
    well(w, weir_session_delete(w->session, w->now.nodes[id].node));
    w->now.nodes[id] = (place){ 0 };
    memset(w->now.leaves[id], 0, sizeof w->now.leaves[id]);
    memset(w->now.marked[id], 0, sizeof w->now.marked[id]);
    for (int i = 1; i <= NODES; i++)
        if (w->now.nodes[i].next == id)
            w->now.nodes[i].next = 0;
}

static void link_node(walk *w, int id, int to)
{
    place *p = &w->now.nodes[id];
    struct node *target = to ? w->now.nodes[to].node : NULL;
    if (to && !target)
        return;
    tell(w, "link node", id, to);
    well(w, weir_link(p->node, next, target));
    p->next = to;
}

static void add_leaf(walk *w, int id, int number)
{
    tell(w, "add leaf", id, number);
    spot *s = &w->now.leaves[id][number];
    struct leaf *leaf = keep(w, WEIR_NEW(leaf, w->session));
    leaf->number = number;
    leaf->value = ++w->values;
    *s = (spot){ .value = leaf->value, .leaf = leaf };
    well(w, weir_collection_add(w->now.nodes[id].node, leaves, leaf));
}

static void remove_leaf(walk *w, int id, int number)
{
    tell(w, "remove leaf", id, number);
    spot *s = &w->now.leaves[id][number];
    if (s->written && pick(w, 2))
        well(w, weir_session_delete(w->session, s->leaf));
    else
        well(w, weir_collection_remove(w->now.nodes[id].node, leaves, s->leaf));
    *s = (spot){ 0 };
}

/* To a number that no row has. */
static void renumber_leaf(walk *w, int id, int number)
{
    flush(w);
    int to = 1 + pick(w, LEAVES);
    spot *from = &w->now.leaves[id][number], *free_one = &w->now.leaves[id][to];
    if (!from->leaf || free_one->leaf)
        return;
    tell(w, "renumber leaf", number, to);
    WEIR_SET(from->leaf, number, to);
    *free_one = *from;
    *from = (spot){ 0 };
}

static void merge_node(walk *w, int id)
{
    place *p = &w->now.nodes[id];
    if (!p->written)
        return;
    tell(w, "merge node", id, 0);
    const struct node given = { .id = id, .value = ++w->values, .next_id = { .present = p->next != 0, .value = p->next } };
    assert_ptr_equal(WEIR_MERGE(node, w->session, &given), p->node);
    p->value = given.value;
}

/* From either side. */
static void mark_node(walk *w, int id, int number)
{
    tell(w, w->now.marked[id][number] ? "unmark node" : "mark node", id, number);
    bool *marked = &w->now.marked[id][number];
    struct node *node = w->now.nodes[id].node;
    struct mark *mark = w->marks[number];
    if (pick(w, 2))
        well(w, *marked ? weir_collection_remove(node, marks, mark) : weir_collection_add(node, marks, mark));
    else
        well(w, *marked ? weir_collection_remove(mark, nodes, node) : weir_collection_add(mark, nodes, node));
    *marked = !*marked;
}

static void load(walk *w, const place *p)
{
    if (!p->written)
        return;
    flush(w);                           /* what is not written is not loaded */
    switch (pick(w, 5)) {
    case 0: well(w, weir_load(p->node, leaves)); break;
    case 1: well(w, weir_load(p->node, before)); break;
    case 2: well(w, weir_load(p->node, marks)); break;
    case 3: well(w, weir_load(w->marks[1 + pick(w, MARKS)], nodes)); break;
    default: well(w, weir_load(p->node, next));
    }
}

static void change(walk *w)
{
    int id = 1 + pick(w, NODES), number = 1 + pick(w, LEAVES);
    place *p = &w->now.nodes[id];
    spot *s = &w->now.leaves[id][number];
    if (!p->node) {
        add_node(w, id);
        if (pick(w, 2))
            link_node(w, id, 1 + pick(w, NODES));
        return;
    }
    switch (pick(w, 12)) {
    case 0: delete_node(w, id); break;
    case 1:
        delete_node(w, id);
        if (!p->node)
            add_node(w, id);
        break;
    case 2:
        tell(w, "set node", id, 0);
        WEIR_SET(p->node, value, ++w->values);
        p->value = w->values;
        break;
    case 3: link_node(w, id, pick(w, NODES + 1)); break;
    case 4: load(w, p); break;
    case 5: renumber_leaf(w, id, number); break;
    case 6: merge_node(w, id); break;
    case 7:
    case 8: mark_node(w, id, 1 + pick(w, MARKS)); break;
    default:
        if (!s->leaf) {
            add_leaf(w, id, number);
        } else if (pick(w, 3)) {
            remove_leaf(w, id, number);
            if (pick(w, 2))
                add_leaf(w, id, number);
        } else {
            tell(w, "set leaf", id, number);
            WEIR_SET(s->leaf, value, ++w->values);
            s->value = w->values;
        }
    }
}

/* ---- transactions ----------------------------------------------------------------------------------------------------------------- */

static void nest(walk *w)
{
    if (w->depth == DEPTH)
        return;
    tell(w, "nest", w->depth + 1, 0);
    w->nested[w->depth + 1] = weir_session_begin_nested(w->session);
    well(w, w->nested[w->depth + 1]);
    all_written(w);
    w->before[++w->depth] = w->now;
}

static void end_nested(walk *w, bool undo)
{
    if (!w->depth)
        return;
    tell(w, undo ? "roll back to" : "release", w->depth, 0);
    well(w, undo ? weir_session_rollback_nested(w->session, w->nested[w->depth]) : weir_session_release_nested(w->session, w->nested[w->depth]));
    if (undo)
        w->now = w->before[w->depth];
    else
        all_written(w);
    w->rolled_back = w->rolled_back || undo;
    w->depth--;
    check(w);
    check_loaded(w);
}

static void end(walk *w, bool undo)
{
    tell(w, undo ? "roll back" : "commit", 0, 0);
    while (!undo && w->depth)
        end_nested(w, false);
    well(w, undo ? weir_session_rollback(w->session) : weir_session_commit(w->session));
    if (undo)
        w->now = w->before[0];
    all_written(w);
    w->before[0] = w->now;
    w->depth = 0;
    w->rolled_back = false;
    check(w);
    check_loaded(w);
}

static void take_step(walk *w)
{
    switch (pick(w, 24)) {
    case 0: case 1: case 2: flush(w); break;
    case 3: nest(w); break;
    case 4: end_nested(w, true); break;
    case 5: end_nested(w, false); break;
    case 6: end(w, pick(w, 2)); break;
    case 7:
        flush(w);
        tell(w, "expire", 0, 0);
        weir_session_expire_all(w->session);
        w->rolled_back = false;
        break;
    default: change(w);
    }
}

static void test_random_changes_are_what_a_model_says(void **state)
{
    test_database *db = *state;
    const char *const enforce[] = { "foreign_keys", "on", NULL };
    weir_engine *engine = test_engine(db, WEIR_ENGINE_OPTIONS(.connect_args = db->postgresql ? NULL : enforce));
    test_side_run(db, "CREATE TABLE nodes (id bigint PRIMARY KEY, value bigint NOT NULL, version bigint NOT NULL, next_id bigint REFERENCES nodes)");
    test_side_run(db, "CREATE TABLE leaves (node_id bigint NOT NULL REFERENCES nodes, number bigint NOT NULL, value bigint NOT NULL, "
                      "PRIMARY KEY (node_id, number))");
    test_side_run(db, "CREATE TABLE marks (id bigint PRIMARY KEY)");
    test_side_run(db, "INSERT INTO marks VALUES (1), (2), (3)");
    test_side_run(db, "CREATE TABLE node_marks (node_id bigint NOT NULL REFERENCES nodes, mark_id bigint NOT NULL REFERENCES marks, "
                      "PRIMARY KEY (node_id, mark_id))");
    for (int seed = 1; seed <= WALKS; seed++) {
        walk *w = calloc(1, sizeof *w);
        assert_non_null(w);
        w->seed = seed;
        w->random = (uint64_t)seed * 7919;
        w->session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.autoflush = seed % 2 ? WEIR_OFF : WEIR_ON));
        for (int i = 1; i <= MARKS; i++)
            w->marks[i] = keep(w, WEIR_GET(mark, w->session, i));
        for (w->step = 0; w->step < STEPS; w->step++)
            take_step(w);
        end(w, false);
        for (size_t i = 0; i < w->count; i++)
            weir_release(w->retained[i]);
        assert_int_equal(weir_session_close(&w->session), WEIR_OK);
        test_side_run(db, "UPDATE nodes SET next_id = NULL");
        test_side_run(db, "DELETE FROM leaves");
        test_side_run(db, "DELETE FROM node_marks");
        test_side_run(db, "DELETE FROM nodes");
        free(w);
    }
    weir_engine_close(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = { ON_BOTH(test_random_changes_are_what_a_model_says) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
