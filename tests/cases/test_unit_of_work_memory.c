/* Every allocation of a program that writes instances fails once: each time the error is told, and nothing stays behind. */
#include "support_memory.h"
#include <stdlib.h>

WEIR_ENTITY_DECLARE(shelf);
WEIR_ENTITY_DECLARE(label);
struct box { int64_t id; weir_opt_int64 shelf_id; const char *name; struct shelf *shelf; WEIR_MANY(struct label) labels; };
struct shelf { int64_t id; const char *name; int64_t version; WEIR_MANY(struct box) boxes; };
struct label { const char *text; int64_t count; };
WEIR_ENTITY(box, "boxes",
    WEIR_COLUMN(box, id, .primary_key = true, .server_generated = true),
    WEIR_COLUMN(box, shelf_id),
    WEIR_COLUMN(box, name),
    WEIR_BELONGS_TO(box, shelf, shelf, shelf_id),
    WEIR_MANY_TO_MANY(box, labels, label, "box_labels", "box_id", "label_text"));
WEIR_ENTITY(shelf, "shelves",
    WEIR_COLUMN(shelf, id, .primary_key = true, .server_generated = true),
    WEIR_COLUMN(shelf, name),
    WEIR_COLUMN(shelf, version, .version = true),
    WEIR_HAS_MANY(shelf, boxes, box, shelf_id, .order_by = "id"));
WEIR_ENTITY(label, "labels", WEIR_COLUMN(label, text, .primary_key = true), WEIR_COLUMN(label, count));

static int make_tables(weir_connection *connection, bool postgresql)
{
    int first = WEIR_OK;
    const char *const tables[] = {
        postgresql ? "CREATE TEMPORARY TABLE shelves (id bigserial PRIMARY KEY, name text, version bigint)"
                   : "CREATE TEMPORARY TABLE shelves (id INTEGER PRIMARY KEY, name text, version bigint)",
        postgresql ? "CREATE TEMPORARY TABLE boxes (id bigserial PRIMARY KEY, shelf_id bigint, name text)"
                   : "CREATE TEMPORARY TABLE boxes (id INTEGER PRIMARY KEY, shelf_id bigint, name text)",
        "CREATE TEMPORARY TABLE labels (text text PRIMARY KEY, count bigint)",
        "CREATE TEMPORARY TABLE box_labels (box_id bigint, label_text text)",
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables && first == WEIR_OK; i++)
        first = test_first(first, (int)weir_connection_run(connection, tables[i]));
    return first;
}

static int add_all(weir_session *session, struct shelf **shelf, struct box **box, struct label **label)
{
    *shelf = WEIR_NEW(shelf, session);
    *box = WEIR_NEW(box, session);
    *label = WEIR_NEW(label, session);
    struct box *second = WEIR_NEW(box, session);
    if (!*shelf || !*box || !*label || !second)
        return weir_session_error(session)->status;
    (*shelf)->name = "high";
    (*box)->name = "one";
    (*label)->text = "fragile";
    int first = weir_session_add(session, *box);
    first = test_first(first, weir_link(*box, shelf, *shelf));
    first = test_first(first, weir_collection_add(*box, labels, *label));
    first = test_first(first, weir_collection_add(*shelf, boxes, second));
    return test_first(first, first == WEIR_OK ? weir_session_flush(session) : first);
}

static int change_all(weir_session *session, struct shelf *shelf, struct box *box, struct label *label)
{
    WEIR_SET(box, name, "changed");
    WEIR_SET(label, text, "light");
    int nested = weir_session_begin_nested(session), first = nested < 0 ? nested : WEIR_OK;
    if (first != WEIR_OK)
        return first;
    WEIR_SET(shelf, name, "low");
    WEIR_SET(label, count, 3);
    first = weir_collection_remove(shelf, boxes, box);
    first = test_first(first, first == WEIR_OK ? weir_session_flush(session) : first);
    first = test_first(first, first == WEIR_OK ? weir_session_delete(session, shelf) : first);
    first = test_first(first, first == WEIR_OK ? weir_session_flush(session) : first);
    first = test_first(first, weir_session_rollback_nested(session, nested));
    weir_stmt *update = weir_update(&box_entity);
    weir_set(update, WEIR_COL(box, name), "bulk");
    weir_where(update, WEIR_EQ(WEIR_COL(box, name), "changed"));
    weir_result *result = weir_session_execute(session, update);
    first = test_first(first, weir_result_close(&result));
    weir_stmt_free(&update);
    const struct label given = { "light", 4 };
    return first != WEIR_OK || WEIR_MERGE(label, session, &given) ? first : weir_session_error(session)->status;
}

static int replace_one(weir_session *session, struct box *box)
{
    struct box *again = WEIR_NEW(box, session);
    if (!again)
        return weir_session_error(session)->status;
    again->id = box->id;
    int first = weir_session_delete(session, box);
    first = test_first(first, weir_session_add(session, again));
    return test_first(first, first == WEIR_OK ? weir_session_flush(session) : first);
}

static int run_program(weir_engine *engine, test_database *db)
{
    int first = WEIR_OK;
    weir_session *session = weir_session_open(engine);
    struct shelf *shelf;
    struct box *box;
    struct label *label;
    weir_connection *connection = weir_session_connection(session);
    first = test_first(first, weir_session_error(session)->status);
    first = test_first(first, first == WEIR_OK ? make_tables(connection, db->postgresql) : first);
    first = test_first(first, first == WEIR_OK ? add_all(session, &shelf, &box, &label) : first);
    first = test_first(first, first == WEIR_OK ? change_all(session, shelf, box, label) : first);
    first = test_first(first, first == WEIR_OK ? replace_one(session, box) : first);
    first = test_first(first, weir_session_rollback(session));
    first = test_first(first, weir_session_close(&session));
    return first;
}

static void test_each_allocation_that_fails_while_instances_are_written_is_told(void **state)
{
    test_fail_allocations(*state, "flush, nested, bulk, merge, replaced", run_program, 0);
}

int main(void)
{
    if (!test_memory_install())
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = { ON_BOTH(test_each_allocation_that_fails_while_instances_are_written_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
