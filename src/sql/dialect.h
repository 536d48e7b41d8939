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
    bool        brackets_quote;         /* [name] and `name` are identifiers too; else [ ] are array subscripts */
    bool        return_ends_comment;    /* a -- comment ends at a carriage return, too */
    bool        lite_parameters;        /* ?, ?1, @x, $x, :1 are parameters of the database's own; else only $1 is one */
    bool        trigger_bodies;         /* CREATE TRIGGER … BEGIN …; END; else CREATE FUNCTION … BEGIN ATOMIC …; END */
    bool        empty_as_array;         /* IN of an empty list is written as = ANY ('{}'), to fit operands of any type */
    bool        typed_parameters;       /* a parameter whose type nothing tells is cast: $1::integer */
    bool        array_lists;            /* a list of values is one array: = ANY ($1) */
    bool        rows_as_values;         /* (a, b) IN (VALUES (1, 2), (3, 4)); else IN ((1, 2), (3, 4)) */
    bool        distinct_on;            /* SELECT DISTINCT ON (…) */
    bool        ilike;
    bool        offset_needs_limit;     /* LIMIT -1 OFFSET 3 */
    bool        members_in_parentheses; /* (SELECT …) UNION (SELECT …); else a member with ORDER BY becomes SELECT * FROM (…) */
    bool        constraint_targets;     /* ON CONFLICT ON CONSTRAINT name */
    bool        delete_using;           /* DELETE … USING */
    bool        defaults_conflict;      /* INSERT … DEFAULT VALUES ON CONFLICT … */
    bool        select_hides_conflict;  /* ON behind a bare INSERT … SELECT … FROM t is read as that of a join */
    bool        returns_written;        /* RETURNING has columns of the changed table alone, by their bare names */
    bool        write_ctes;             /* WITH x AS (INSERT … RETURNING …) */
    bool        nulls_are_smallest;     /* NULL sorts in front of all values unless the order says otherwise; else behind them */
    bool        names_fold;             /* names without quotes are those in small letters; else the case of letters does not matter */
    size_t      maximum_parameters;     /* that one statement may have */
    const char *isolation_names[6];     /* by weir_isolation; NULL: unknown here */
    const char *isolation_list;         /* the valid names, for messages */
} weir_dialect;

extern const weir_dialect weir_dialect_postgresql, weir_dialect_sqlite;
#endif
