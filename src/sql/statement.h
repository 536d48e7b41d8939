/* Textual statements as compile sees them: the text, its parameters, and the values that they have. */
#ifndef WEIR_SQL_STATEMENT_H
#define WEIR_SQL_STATEMENT_H
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

struct weir_stmt {
    weir_arena  arena;                  /* ledger NULL: one of the constant statements, which own nothing */
    const char *text;
    size_t      length;
    weir_parameter *parameters;         /* in order of first appearance */
    size_t      parameter_count;
    uint32_t   *slots;                  /* open addressing by name: index + 1, 0 is free */
    size_t      slot_mask;
    weir_arena  declared_storage;
    const weir_declared_column *declared;
    size_t      declared_count;
    weir_execution_options options;
    weir_error  error;
    weir_select_tree *tree;             /* of a select; NULL: textual */
};

/* The parameter of that name, or NULL. */
weir_parameter *weir_stmt_find(const weir_stmt *stmt, const char *name, size_t length);
#endif
