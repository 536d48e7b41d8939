/* Textual statements inside: what the lexer knows of a text, and compiling it for a dialect. */
#ifndef WEIR_SQL_TEXT_H
#define WEIR_SQL_TEXT_H
#include <weir/statement.h>
#include "base/arena.h"
#include "base/error.h"
#include "sql/dialect.h"
#include "sql/select.h"

typedef enum weir_sql_kind {
    WEIR_SQL_EMPTY = 0,         /* nothing but white space and comments */
    WEIR_SQL_SELECT,            /* SELECT, VALUES, TABLE, WITH … that modifies nothing: can be streamed */
    WEIR_SQL_DML,               /* INSERT, UPDATE, DELETE, MERGE, REPLACE, and WITH … that contains one */
    WEIR_SQL_COPY,
    WEIR_SQL_TRANSACTION,       /* BEGIN, COMMIT, ROLLBACK, SAVEPOINT, … */
    WEIR_SQL_SET,               /* SET, RESET, DISCARD */
    WEIR_SQL_OTHER
} weir_sql_kind;

typedef struct weir_sql_facts {
    weir_sql_kind kind;
    bool multiple;              /* a second statement follows (trailing semicolons and comments do not count) */
    bool locks_rows;            /* FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE */
    bool ordered;               /* ORDER BY outside of parentheses */
    bool changes_settings;      /* SET, RESET, DISCARD, or a call of set_config */
} weir_sql_facts;

/* Reads a text with the dialect's lexical rules. */
void weir_sql_read_facts(const char *sql, size_t length, const weir_dialect *dialect, weir_sql_facts *out);

/* Where values came from, so that others can take their place. */
struct weir_parameter;
typedef struct weir_origin {
    const struct weir_origin    *next;
    const struct weir_parameter *parameter;
    size_t                       first;         /* the number of its first placeholder */
} weir_origin;
typedef struct weir_kept weir_kept;

/* A statement made ready for one execution on one dialect; everything lies in the arena. */
typedef struct weir_compiled {
    const char       *sql;              /* with placeholders; ended by NUL */
    size_t            sql_length;
    const weir_value *values;           /* deep copies, by placeholder number - 1 */
    const char *const *names;           /* the parameter's name for each value */
    size_t            value_count;
    weir_sql_facts    facts;
    const weir_declared_column *declared;
    size_t            declared_count;
    const weir_select_shape *shape;     /* of a select; NULL: textual */
    const weir_origin *origins;         /* of those values that weir_bind gave */
    weir_kept        *kept;             /* holds what is shared with other executions; NULL: nothing is */
} weir_compiled;

/* Errors: the statement's kept one; WEIR_INVALID_REQUEST "A value is required for bind parameter 'x'", empty text, more
 * than one statement, COPY, parameters in the database's own notation, too many parameters; out of memory. */
int weir_stmt_compile(const weir_stmt *stmt, const weir_dialect *dialect, weir_arena *arena, weir_compiled *out, weir_error *error);
/* The same for an execution: what compiling gave may be shared with others of the statement (decision 0018). The arena and out->kept,
 * which the caller lets go of, hold it. Any thread, like weir_stmt_compile, while nobody builds. */
int weir_stmt_compile_kept(const weir_stmt *stmt, const weir_dialect *dialect, weir_arena *arena, weir_compiled *out, weir_error *error);
void weir_kept_let_go(weir_kept *kept);         /* NULL: nothing */
/* The parameters as "name=value, …" for the log and errors (texts in quotes, lists in parentheses), each value cut to 80
 * characters, the whole to `size`. Always one line, ended by a NUL when size > 0. */
void weir_compiled_show_parameters(const weir_compiled *compiled, char *buffer, size_t size);

/* Options: checks one set (WEIR_ARGUMENT: negative or too large row counts; isolation_level or read_only where `connection_level`
 * is false, with SQLAlchemy's text of semantics TXN-1; an unknown isolation level). struct_size 0 or larger than ours is
 * WEIR_ARGUMENT; smaller ones are zero-filled. `options` NULL is an empty set. In *out isolation_level says all:
 * isolation_level_name is NULL. */
int weir_options_check(const weir_execution_options *options, bool connection_level, weir_execution_options *out, weir_error *error);
/* What is set in `over` replaces what is in `base`. Both have been checked. */
void weir_options_merge(weir_execution_options *base, const weir_execution_options *over);
/* After all merging: yield_per implies stream_results and max_row_buffer (semantics OPT-2). Memory alone streams in batches of
 * WEIR_ANY_ROWS rows, which it ends. */
enum { WEIR_ANY_ROWS = INT32_MAX };
void weir_options_effective(weir_execution_options *options);
/* WEIR_ARGUMENT, with the levels that there are, when the dialect lacks this one. */
int weir_isolation_check(weir_isolation level, const weir_dialect *dialect, weir_error *error);
#endif
