/* Random walks of a unit of work: rows are added, changed, linked, deleted and made again under keys of their own, among savepoints,
 * rollbacks and commits, and after each flush the tables are what a model says. Each walk can be run again by its seed. */
#include "support.h"
#include <stdlib.h>
#include <string.h>

enum { NODES = 7, LEAVES = 3, DEPTH = 3, STEPS = 250, WALKS = 20, RETAINED = 4 * STEPS };

WEIR_ENTITY_DECLARE(node);
WEIR_ENTITY_DECLARE(leaf);
struct node {
    int64_t id, value, version;
    weir_opt_int64 next_id;
    struct node *next;
    WEIR_MANY(struct node) before;
    WEIR_MANY(struct leaf) leaves;
};
struct leaf { int64_t node_id, number, value; struct node *node; };
WEIR_ENTITY(node, "nodes",
    WEIR_COLUMN(node, id, .primary_key = true),
    WEIR_COLUMN(node, value),
    WEIR_COLUMN(node, version, .version = true),
    WEIR_COLUMN(node, next_id, .foreign_key = "nodes.id"),
    WEIR_BELONGS_TO(node, next, node, next_id),
    WEIR_HAS_MANY(node, before, node, next_id, .order_by = "id"),
    WEIR_HAS_MANY(node, leaves, leaf, node_id, .order_by = "number", .cascade = WEIR_CASCADE_ALL | WEIR_CASCADE_DELETE_ORPHAN));
WEIR_ENTITY(leaf, "leaves",
    WEIR_COLUMN(leaf, node_id, .primary_key = true, .foreign_key = "nodes.id"),
    WEIR_COLUMN(leaf, number, .primary_key = true),
    WEIR_COLUMN(leaf, value),
    WEIR_BELONGS_TO(leaf, node, node, node_id));

/* What the tables are to hold; 0: no such row. Numbers count from 1. */
typedef struct place { int64_t value; int next; struct node *node; bool written; } place;
typedef struct spot { int64_t value; struct leaf *leaf; bool written; } spot;
typedef struct model { place nodes[NODES + 1]; spot leaves[NODES + 1][LEAVES + 1]; } model;
typedef struct walk {
    weir_session *session;
    model         now, before[DEPTH + 1];       /* before the savepoints; [0]: before the transaction */
    int           nested[DEPTH + 1], depth;
    int64_t       values;
    uint64_t      random;
    void         *retained[RETAINED]; size_t count;
    int           seed, step;
} walk;

static int pick(walk *w, int count)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((w->random >> 33) % (unsigned)count);
}

static void well(const walk *w, int status)
{
    if (status < 0)
        print_message("walk %d, step %d\n", w->seed, w->step);
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
    for (int i = 1; i <= NODES; i++) {
        bool same = found.nodes[i].value == w->now.nodes[i].value && found.nodes[i].next == w->now.nodes[i].next;
        for (int k = 1; k <= LEAVES; k++)
            same = same && found.leaves[i][k].value == w->now.leaves[i][k].value;
        for (int k = 1; !same && k <= LEAVES; k++)
            print_message("leaf %d is %ld, where %ld is due\n", k, (long)found.leaves[i][k].value, (long)w->now.leaves[i][k].value);
        if (!same)
            print_message("walk %d, step %d: node %d is (%ld, next %d), where (%ld, next %d) is due\n", w->seed, w->step, i,
                          (long)found.nodes[i].value, found.nodes[i].next, (long)w->now.nodes[i].value, w->now.nodes[i].next);
        assert_true(same);
    }
    weir_stmt_free(&nodes);
    weir_stmt_free(&leaves);
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
    return same;
}

static void check_loaded(const walk *w)
{
    for (int i = 1; i <= NODES; i++)
        if (w->now.nodes[i].node && !is_in_step(w, i)) {
            print_message("walk %d, step %d: what is loaded of node %d is not what was said\n", w->seed, w->step, i);
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
    well(w, weir_session_delete(w->session, w->now.nodes[id].node));
    w->now.nodes[id] = (place){ 0 };
    memset(w->now.leaves[id], 0, sizeof w->now.leaves[id]);
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
    well(w, weir_link(p->node, next, target));
    p->next = to;
}

static void add_leaf(walk *w, int id, int number)
{
    spot *s = &w->now.leaves[id][number];
    struct leaf *leaf = keep(w, WEIR_NEW(leaf, w->session));
    leaf->number = number;
    leaf->value = ++w->values;
    *s = (spot){ .value = leaf->value, .leaf = leaf };
    well(w, weir_collection_add(w->now.nodes[id].node, leaves, leaf));
}

static void remove_leaf(walk *w, int id, int number)
{
    spot *s = &w->now.leaves[id][number];
    if (s->written && pick(w, 2))
        well(w, weir_session_delete(w->session, s->leaf));
    else
        well(w, weir_collection_remove(w->now.nodes[id].node, leaves, s->leaf));
    *s = (spot){ 0 };
}

static void load(walk *w, const place *p)
{
    if (!p->written)
        return;
    flush(w);                           /* what is not written is not loaded */
    switch (pick(w, 3)) {
    case 0: well(w, weir_load(p->node, leaves)); break;
    case 1: well(w, weir_load(p->node, before)); break;
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
    switch (pick(w, 8)) {
    case 0: delete_node(w, id); break;
    case 1:
        delete_node(w, id);
        if (!p->node)
            add_node(w, id);
        break;
    case 2:
        WEIR_SET(p->node, value, ++w->values);
        p->value = w->values;
        break;
    case 3: link_node(w, id, pick(w, NODES + 1)); break;
    case 4: load(w, p); break;
    default:
        if (!s->leaf) {
            add_leaf(w, id, number);
        } else if (pick(w, 3)) {
            remove_leaf(w, id, number);
            if (pick(w, 2))
                add_leaf(w, id, number);
        } else {
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
    w->nested[w->depth + 1] = weir_session_begin_nested(w->session);
    well(w, w->nested[w->depth + 1]);
    all_written(w);
    w->before[++w->depth] = w->now;
}

static void end_nested(walk *w, bool undo)
{
    if (!w->depth)
        return;
    well(w, undo ? weir_session_rollback_nested(w->session, w->nested[w->depth]) : weir_session_release_nested(w->session, w->nested[w->depth]));
    if (undo)
        w->now = w->before[w->depth];
    else
        all_written(w);
    w->depth--;
    check(w);
    check_loaded(w);
}

static void end(walk *w, bool undo)
{
    while (!undo && w->depth)
        end_nested(w, false);
    well(w, undo ? weir_session_rollback(w->session) : weir_session_commit(w->session));
    if (undo)
        w->now = w->before[0];
    all_written(w);
    w->before[0] = w->now;
    w->depth = 0;
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
        weir_session_expire_all(w->session);
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
    for (int seed = 1; seed <= WALKS; seed++) {
        walk *w = calloc(1, sizeof *w);
        assert_non_null(w);
        w->seed = seed;
        w->random = (uint64_t)seed * 7919;
        w->session = weir_session_open_with(engine, WEIR_SESSION_OPTIONS(.autoflush = seed % 2 ? WEIR_OFF : WEIR_ON));
        for (w->step = 0; w->step < STEPS; w->step++)
            take_step(w);
        end(w, false);
        for (size_t i = 0; i < w->count; i++)
            weir_release(w->retained[i]);
        assert_int_equal(weir_session_close(&w->session), WEIR_OK);
        test_side_run(db, "UPDATE nodes SET next_id = NULL");
        test_side_run(db, "DELETE FROM leaves");
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
