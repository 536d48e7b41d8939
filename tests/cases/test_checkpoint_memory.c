/* Checkpoints and the files that belong to them without memory: every allocation fails once; each time the error is told, rows come in order,
 * and nothing stays behind in memory. */
#include "support_memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 12 };
static char file[400], part[420], place[420];

typedef struct order { int64_t id, tenant_id, amount_cents; const char *state; } order;
WEIR_ENTITY(order, "orders", WEIR_COLUMN(order, id, .primary_key = true), WEIR_COLUMN(order, tenant_id), WEIR_COLUMN(order, amount_cents),
            WEIR_COLUMN(order, state));

static weir_checkpoint *new_checkpoint(weir_engine *engine, bool instances)
{
    weir_stmt *stmt = instances ? weir_select(&order_entity) : weir_sql("SELECT id, state FROM orders");
    if (instances)
        weir_order_by(stmt, WEIR_COL(order, id));
    weir_checkpoint *checkpoint = weir_checkpoint_new(engine, stmt, WEIR_CHECKPOINT_OPTIONS(.key = instances ? NULL : "id not null", .scope = "here"));
    weir_stmt_free(&stmt);
    return checkpoint;
}

/* Reads `rows` rows (< 0: all) from `from` on, each acknowledged, and written when there is a writer. */
static int read_rows(weir_resume *stream, weir_writer *writer, int64_t from, int64_t rows)
{
    int first = WEIR_OK;
    for (const weir_partition *p; rows != 0 && first == WEIR_OK && (p = weir_resume_fetchmany(stream, 0)) != NULL; )
        for (size_t i = 0; i < p->count && rows != 0 && first == WEIR_OK; i++, rows--) {
            int64_t id = p->instances ? ((const order *)p->instances[i])->id : weir_row_int64_at(p->rows[i], 0);
            assert_int_equal(id, ++from);
            if (writer)
                first = test_first(first, weir_writer_row(writer, p->rows[i]));
            first = test_first(first, weir_resume_ack(stream, i + 1));
        }
    return first;
}

static int write_some(weir_engine *engine, int64_t rows)
{
    weir_checkpoint *checkpoint = new_checkpoint(engine, false);
    weir_writer *writer = weir_writer_open(file, WEIR_WRITER_OPTIONS(.checkpoint = checkpoint));
    weir_connection *connection = weir_engine_connect(engine);
    weir_resume *stream = weir_resume_open(checkpoint, connection, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = 5)));
    int first = test_first(weir_checkpoint_error(checkpoint)->status, weir_writer_error(writer)->status);
    first = test_first(first, weir_resume_error(stream)->status);
    if (first == WEIR_OK)
        first = weir_writer_columns(writer, weir_resume_result(stream));
    if (first == WEIR_OK)
        first = read_rows(stream, writer, weir_writer_rows(writer), rows);
    first = test_first(first, weir_resume_close(&stream));
    if (first == WEIR_OK && rows >= 0)
        first = weir_writer_save(writer);
    if (rows >= 0 || first != WEIR_OK)
        weir_writer_abort(&writer);
    else
        first = weir_writer_close(&writer);
    first = test_first(first, weir_connection_close(&connection));
    weir_checkpoint_free(&checkpoint);
    return first;
}

static int read_instances(weir_engine *engine)
{
    weir_checkpoint *checkpoint = new_checkpoint(engine, true), *later = new_checkpoint(engine, true);
    weir_session *session = weir_session_open(engine);
    weir_resume *stream = weir_resume_open_session(checkpoint, session, WEIR_RESUME_OPTIONS(.execution = WEIR_EXECUTION_OPTIONS(.yield_per = 5)));
    int first = test_first(weir_checkpoint_error(checkpoint)->status, weir_resume_error(stream)->status);
    if (first == WEIR_OK)
        first = read_rows(stream, NULL, 0, 7);
    first = test_first(first, weir_resume_close(&stream));
    size_t length = 0;
    const char *text = first == WEIR_OK ? weir_checkpoint_text(checkpoint, &length) : NULL;
    first = test_first(first, first == WEIR_OK && !text ? weir_checkpoint_error(checkpoint)->status : WEIR_OK);
    first = test_first(first, text ? weir_checkpoint_restore(later, text, length) : first);
    stream = weir_resume_open_session(later, session, NULL);
    if (first == WEIR_OK)
        first = read_rows(stream, NULL, 7, -1);
    first = test_first(first, weir_resume_close(&stream));
    first = test_first(first, weir_session_close(&session));
    weir_checkpoint_free(&checkpoint);
    weir_checkpoint_free(&later);
    return first;
}

static int run_program(weir_engine *engine, test_database *db)
{
    (void)db;
    int first = WEIR_OK;
    unlink(file);
    unlink(part);
    unlink(place);
    if (first == WEIR_OK)
        first = test_first(write_some(engine, 7), WEIR_OK);
    if (first == WEIR_OK)
        first = write_some(engine, -1);
    first = test_first(first, first == WEIR_OK ? read_instances(engine) : first);
    return first;
}

static void test_each_allocation_fails_once(void **state)
{
    test_database *db = *state;
    test_fixture(db, ROWS);
    /* Some thousand times the disk would have to be waited for. */
    const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : test_environment("WEIR_TEST_DIR");
    snprintf(file, sizeof file, "%s/weir-memory-%s-%d.csv", directory, db->dialect, (int)getpid());
    snprintf(part, sizeof part, "%s.weir-part", file);
    snprintf(place, sizeof place, "%s.weir-checkpoint", file);
    test_fail_allocations(db, "checkpoint, resume, a file gone on with", run_program, 0);
    unlink(file);
    unlink(part);
    unlink(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = { ON_BOTH(test_each_allocation_fails_once) };
    return test_memory_install() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
