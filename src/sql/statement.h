/* Statements as compile sees them: a text or a tree, its parameters, and the values that they have. */
#ifndef WEIR_SQL_STATEMENT_H
#define WEIR_SQL_STATEMENT_H
#include "base/buffer.h"
#include "sql/select.h"
#include "sql/text.h"

typedef struct weir_parameter {
    const char *name;                   /* ended by NUL */
    size_t      length;
    bool        bound, list;            /* list: expands to any number of values */
    weir_value  single;                 /* where values points unless it is a list */
    weir_value *values;
    size_t      count;
    weir_arena  storage;                /* what the values need; reused by the next ones */
} weir_parameter;

typedef enum weir_stmt_kind { WEIR_STMT_TEXT = 0, WEIR_STMT_SELECT, WEIR_STMT_INSERT, WEIR_STMT_UPDATE, WEIR_STMT_DELETE } weir_stmt_kind;

/* What a built statement refers to, whatever its kind. */
typedef struct weir_stmt_parts {
    weir_stmt         **owned; size_t owned_count;          /* subqueries that go with the statement */
    weir_source       **sources; size_t source_count;       /* each source once, however often it is named */
    const weir_entity **entities; size_t entity_count;      /* checked */
} weir_stmt_parts;

enum { WEIR_KEPT_DIALECTS = 2 };

struct weir_stmt {
    weir_stmt_kind kind;
    weir_arena  arena;                  /* ledger NULL: one of the constant statements, which own nothing */
    const char *text;
    size_t      length;
    weir_parameter *parameters;         /* in order of first appearance */
    size_t      parameter_count, parameter_capacity;
    uint32_t   *slots;                  /* open addressing by name: index + 1, 0 is free */
    size_t      slot_mask;
    weir_arena  declared_storage;
    const weir_declared_column *declared;
    size_t      declared_count;
    weir_execution_options options;
    weir_error  error;
    unsigned    depth;                  /* levels of statements inside of it */
    weir_stmt_parts parts;
    struct weir_write_tree *write;      /* what is written (sql/write.h); NULL: nothing */
    weir_select_tree *tree;             /* which rows, and which of their columns: of all that is built; NULL: textual */
    struct weir_kept_slot {             /* by dialect; the only part that executions write, in any thread */
        _Atomic(weir_kept *) form;      /* NULL: not compiled to be kept */
        atomic_bool          used;      /* executed since it was changed */
    } kept[WEIR_KEPT_DIALECTS];
    bool        rebound;                /* values were bound since a form was made */
};

/* The parameter of that name, or NULL. A select's own parameters are those of its fragments, and by name those of its subqueries,
 * which weir_bind on the outer one reaches too. */
weir_parameter *weir_stmt_find(const weir_stmt *stmt, const char *name, size_t length);

/* ---- for the builders of trees ---- */
/* A statement of that kind with an empty tree, or a constant statement without memory. */
weir_stmt *weir_stmt_new_tree(weir_stmt_kind kind);
/* "a select", "an update": for messages. */
const char *weir_stmt_kind_name(weir_stmt_kind kind);
/* Whether the statement may be changed: it is not closed and has no mistake yet. Then it will be: what was compiled of it is dropped. */
bool weir_stmt_can_build(weir_stmt *stmt);
/* Adds the parameters of a text to those that there are. An error is the statement's too. */
int weir_stmt_add_parameters(weir_stmt *stmt, const char *text, size_t length);
/* weir_sql of a text that was put together, which is freed: of one that found no memory a statement that says so, never a part of it. */
weir_stmt *weir_sql_taken(weir_buffer *text);
/* Copies `given` as a part of `owner`, which frees it. NULL: an error, kept by `owner`. */
weir_stmt *weir_stmt_own(weir_stmt *owner, const weir_stmt *given);

/* ---- kept.c ---- */
void weir_stmt_drop_kept(weir_stmt *stmt);
/* Values will be bound to the parameter: drops what is kept unless its text stays right. */
void weir_stmt_rebinds(weir_stmt *stmt, const char *name, size_t length, size_t count, bool list);

/* ---- values ---- */
/* Whether a value can be sent; `name`: of its parameter, NULL for one of an expression. */
int weir_stmt_check_value(const char *name, const weir_value *value, weir_error *error);
/* A NULL pointer is SQL NULL, whatever type stands beside it. */
weir_value weir_stmt_normal_value(const weir_value *value);
#endif
