/* Questions about statements: the text around them, and the transaction that leaves no trace. */
#include "transfer/explain.h"
#include <string.h>
#include "base/error.h"
#include "base/values.h"
#include "engine/result.h"
#include "transfer/json_tree.h"

static char *put(char *to, const char *text, size_t length)
{
    if (length)
        memcpy(to, text, length);
    return to + length;
}

static size_t length_of(const char *text) { return text ? strlen(text) : 0; }

/* The hook between compiling and sending: no SQL was sent. What is compiled may be shared, so it is replaced, not changed. */
static int rewrite_compiled(void *context, weir_result *result, weir_error *error)
{
    const weir_rewrite *rewrite = context;
    weir_compiled *compiled = &result->compiled;
    const char *sql = compiled->sql;
    size_t end = rewrite->end ? rewrite->end : compiled->sql_length, at = 0;
    size_t most = length_of(rewrite->before) + length_of(rewrite->middle) + length_of(rewrite->after) + end + 1;
    char *text = weir_arena_bytes(&result->arena, most), *to = text;
    if (!text)
        return weir_error_out_of_memory(error);
    to = put(to, rewrite->before, length_of(rewrite->before));
    if (rewrite->middle) {
        to = put(to, sql, rewrite->middle_at);
        to = put(to, rewrite->middle, strlen(rewrite->middle));
        at = rewrite->middle_at;
    }
    if (rewrite->cut_end > rewrite->cut) {
        to = put(to, sql + at, rewrite->cut - at);
        at = rewrite->cut_end;
    }
    to = put(to, sql + at, end - at);
    to = put(to, rewrite->after, length_of(rewrite->after));
    *to = 0;
    compiled->sql = text;
    compiled->sql_length = (size_t)(to - text);
    if (rewrite->before) {                      /* other rows than the statement's */
        compiled->shape = NULL;
        compiled->declared = NULL;
        compiled->declared_count = 0;
    }
    compiled->facts.ordered = true;             /* no warning: it is no stream of the program's */
    if (rewrite->buffered) {
        result->mode = WEIR_MODE_BUFFERED;
        result->streaming = result->prefetch = false;
        result->yield_per = 0;
    }
    return WEIR_OK;
}

static const weir_batch_hooks rewriting = { .compiled = rewrite_compiled };

weir_result *weir_execute_rewritten(weir_connection *connection, const weir_stmt *stmt, const weir_rewrite *rewrite,
                                    const weir_execution_options *options)
{
    weir_result *result = weir_connection_execute_hooked(connection, stmt, options, &rewriting, (void *)(uintptr_t)rewrite);
    if (result->hooks == &rewriting) {
        result->hooks = NULL;                   /* the rewrite is the caller's and ends here */
        result->hooks_context = NULL;
    }
    return result;
}

/* ---- leaving no trace ------------------------------------------------------------------------------------------------------------ */

int weir_question_begin(weir_question *question, weir_connection *connection, weir_error *error)
{
    *question = (weir_question){ .connection = connection };
    if (!weir_connection_in_transaction(connection))
        return WEIR_OK;
    question->savepoint = weir_connection_savepoint(connection);
    if (question->savepoint > 0)
        return WEIR_OK;
    *error = *weir_connection_error(connection);
    int status = question->savepoint;
    *question = (weir_question){ .connection = NULL };
    return status;
}

void weir_question_end(weir_question *question)
{
    if (question->savepoint > 0)
        weir_connection_savepoint_rollback(question->connection, question->savepoint);
    else if (question->connection)
        weir_connection_rollback(question->connection);
}

/* ---- answers ---------------------------------------------------------------------------------------------------------------------- */

const weir_value *weir_question_answer(weir_result *result, weir_arena *arena, weir_error *error)
{
    const weir_row *row = weir_result_next(result);
    weir_value *copy = row ? weir_arena_take(arena, sizeof *copy) : NULL;
    bool copied = copy && weir_value_copy(arena, weir_row_value_at(row, 0), copy) == WEIR_OK;
    if (row && !copied)
        weir_error_out_of_memory(error);
    weir_error_keep(error, weir_result_error(result));
    if (weir_result_close(&result) != WEIR_OK || !copied)
        return NULL;
    return copy->type == WEIR_T_NULL ? NULL : copy;
}

int64_t weir_question_int(weir_result *result, int64_t otherwise, weir_error *error)
{
    weir_arena arena;
    int64_t number = otherwise;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_BATCH, 256);
    const weir_value *value = weir_question_answer(result, &arena, error);
    if (value && weir_value_as_int64(value, &number, NULL) != WEIR_OK)
        number = otherwise;
    weir_arena_free(&arena);
    return number;
}

/* ---- EXPLAIN ---------------------------------------------------------------------------------------------------------------------- */

static int plan_serially(weir_connection *connection, weir_error *error)
{
    int64_t set = weir_connection_run(connection, "SELECT set_config('max_parallel_workers_per_gather', '0', true)");
    if (set < 0)
        *error = *weir_connection_error(connection);
    return set < 0 ? (int)set : WEIR_OK;
}

int weir_explain(weir_connection *connection, const weir_stmt *stmt, bool serial, weir_arena *arena, const weir_json **plan,
                 weir_error *error)
{
    const weir_execution_options *options = WEIR_EXECUTION_OPTIONS(.prepared = WEIR_OFF);
    weir_question question;
    weir_text text = { NULL, 0 };
    weir_error_clear(error);
    *plan = NULL;
    int status = weir_question_begin(&question, connection, error);
    if (status == WEIR_OK && serial)
        status = plan_serially(connection, error);
    if (status == WEIR_OK) {
        weir_result *result = weir_execute_rewritten(connection, stmt, &(const weir_rewrite){ .before = "EXPLAIN (VERBOSE, FORMAT JSON) ", .buffered = true },
                                                     options);
        const weir_value *value = weir_question_answer(result, arena, error);
        if (value && weir_value_as_text(value, &text, NULL) == WEIR_OK) {
            const weir_json *tree = weir_json_read(text.ptr, text.len, arena, error);
            *plan = weir_json_member(tree ? tree->first : NULL, "Plan");
        }
        status = error->status;
    }
    weir_question_end(&question);
    if (status == WEIR_OK && !*plan)
        status = weir_error_set(error, WEIR_DATA, "EXPLAIN gave no plan");
    return status;
}
