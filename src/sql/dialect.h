/* What databases do differently in SQL text: one constant table per dialect. */
#ifndef WEIR_SQL_DIALECT_H
#define WEIR_SQL_DIALECT_H
#include <weir/statement.h>

typedef struct weir_dialect {
    const char *name;
    char        placeholder;            /* '$' gives $1, '?' gives ?1 */
    bool        dollar_quotes;          /* $tag$ … $tag$ are strings */
    bool        backslash_strings;      /* E'…' strings know backslash escapes */
    bool        nested_comments;        /* slash-star comments nest */
    bool        row_locks;              /* FOR UPDATE exists */
    bool        brackets_quote;         /* [name] and `name` are identifiers too */
    const char *isolation_names[6];     /* by weir_isolation; NULL: unknown here */
    const char *isolation_list;         /* the valid names, for messages */
} weir_dialect;

extern const weir_dialect weir_dialect_postgresql, weir_dialect_sqlite;
#endif
