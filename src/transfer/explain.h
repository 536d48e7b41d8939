/* Questions about a statement: it is executed with another text around it (EXPLAIN, a count over it), its own values as its parameters. */
#ifndef WEIR_TRANSFER_EXPLAIN_H
#define WEIR_TRANSFER_EXPLAIN_H
#include <weir/engine.h>
#include "base/arena.h"
#include "sql/text.h"

/* What the compiled text becomes: before, text with [cut, cut_end) replaced by `instead`, `middle` put in at middle_at, up to `end`, after. */
typedef struct weir_rewrite {
    const char *before, *middle, *after;        /* NULL: nothing */
    size_t      middle_at;
    size_t      cut, cut_end;                   /* left out; equal: nothing is */
    size_t      end;                            /* of the text; 0: all of it */
    bool        buffered;                       /* the whole answer at once, whatever the statement's options are */
} weir_rewrite;

/* Executes the statement so rewritten; of its values all must still be in the text. As weir_connection_execute otherwise. */
weir_result *weir_execute_rewritten(weir_connection *connection, const weir_stmt *stmt, const weir_rewrite *rewrite,
                                    const weir_execution_options *options);

/* Brackets questions on a connection: inside a transaction by a savepoint that is taken back, else by a transaction that is rolled
 * back. Whatever goes wrong in between, the connection is as it was. */
typedef struct weir_question { weir_connection *connection; int savepoint; } weir_question;
int weir_question_begin(weir_question *question, weir_connection *connection, weir_error *error);
void weir_question_end(weir_question *question);

/* The first value of the first row, as a copy in the arena; NULL (SQL NULL, too) where there is none, then *error may tell why. The
 * result is closed. */
const weir_value *weir_question_answer(weir_result *result, weir_arena *arena, weir_error *error);
/* The same as an integer; `otherwise` where there is none. */
int64_t weir_question_int(weir_result *result, int64_t otherwise, weir_error *error);

/* PostgreSQL: the topmost plan of EXPLAIN (VERBOSE, FORMAT JSON), in the arena. serial: as a stream is planned (RULES W4). A status. */
struct weir_json;
int weir_explain(weir_connection *connection, const weir_stmt *stmt, bool serial, weir_arena *arena, const struct weir_json **plan,
                 weir_error *error);
#endif
