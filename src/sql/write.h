/* Inserts, updates and deletes inside: what their builders fill, and the texts that write pages of parameter sets. */
#ifndef WEIR_SQL_WRITE_H
#define WEIR_SQL_WRITE_H
#include <weir/write.h>
#include "sql/select.h"
#include "sql/statement.h"
#include "sql/text.h"

/* column = value; both are copies in the statement's arena. */
typedef struct weir_assignment { const weir_member *member; const weir_expr *value; } weir_assignment;
typedef struct weir_assignments { weir_assignment *items; size_t count; } weir_assignments;

typedef struct weir_conflict {
    bool               update;          /* else do nothing */
    weir_expr_list     columns;         /* of the target; none: by constraint, or any */
    const char        *constraint;
    const weir_expr   *index_where, *where;
    weir_assignments   sets;            /* none: weir_write_conflict_sets says which */
} weir_conflict;

/* What is written. Criteria, FROM and RETURNING (as columns) are those of the statement's tree. */
typedef struct weir_write_tree {
    const weir_entity *entity;
    weir_assignments   sets;
    const weir_member **columns;        /* of weir_set_columns; none: weir_write_default_columns */
    size_t             column_count;
    const weir_expr *const **rows;      /* of weir_insert_row; each has as many values as there are columns */
    size_t             row_count;
    weir_stmt         *select;          /* of weir_insert_select; belongs to the statement */
    weir_conflict     *conflict;        /* NULL: none */
    weir_sync          synchronize;
} weir_write_tree;

/* stmt->kind says what a statement is: WEIR_STMT_INSERT, _UPDATE or _DELETE are those that have stmt->write. stmt->tree->columns is its
 * RETURNING, stmt->tree->where its criteria. */

/* All column members but server-generated ones, in the entity's order: what an insert writes when nothing says which (for structs: less
 * those that weir_set gives, see write->sets). NULL: no memory. */
const weir_member **weir_write_default_columns(const weir_entity *entity, weir_arena *arena, size_t *count);
/* The member that an expression is, if it is a column of this entity's own table; else NULL. */
const weir_member *weir_write_member(const weir_entity *entity, const weir_expr *column);
/* The member of that name, else the one of that column; NULL: neither. */
const weir_member *weir_write_named(const weir_entity *entity, const char *name);
/* A value as the column takes it: the number of an enum is its label. WEIR_ARGUMENT for a number that has none. */
int weir_write_value(const weir_member *member, weir_value *value, weir_error *error);

/* ---- pages: statements for many parameter sets ---------------------------------------------------------------------------------
 * One text per dialect, kind and list of columns. The values of the sets come first: out->values[0] to [place_count - 1] are SQL NULLs
 * that the caller overwrites before each Bind, in the order of `columns`, with the statement's own values behind them. Numbering:
 * rows 0: one array per column, placeholder i is that of column i; else row after row, placeholder row * column_count + i. */
typedef struct weir_page {
    const weir_member *const *columns;  /* none that weir_set gives. An update's: those of SET and those of the key, in any order; a delete's and a lock's: the key */
    const char *const *types;           /* PostgreSQL with rows 0: the server's type of each column ("bigint", "public.state"), for the casts */
    size_t  column_count;
    size_t  rows;                       /* 0: arrays (PostgreSQL); 1: one set per Bind; more: an insert of that many VALUES */
    bool    ordered;                    /* rows 0, insert: rows go in in the order of the sets (WITH ORDINALITY, ORDER BY), so that generated
                                           keys ascend with them */
    bool    in_order;                   /* rows 0, update or delete: key = ANY (ARRAY[key of the set]), by which no join but a nested loop is possible; one over
                                           the sets meets the rows in their order */
    const weir_member *const *sentinels;        /* RETURNING has these behind its own columns: what rows are matched back to sets by */
    size_t  sentinel_count;
    bool    no_returning;               /* leave the statement's RETURNING away */
} weir_page;

/* The INSERT, UPDATE or DELETE of a page: by the key of the entity, and the statement's criteria. Errors: WEIR_COMPILE, WEIR_ARGUMENT
 * for a column that weir_set gives too, those of any compile. An update of key columns alone is WEIR_INVALID_REQUEST: there is nothing to do for such sets. */
int weir_page_compile(const weir_stmt *stmt, const weir_dialect *dialect, const weir_page *page, weir_arena *arena, weir_compiled *out,
                      weir_error *error);
/* SELECT … FROM t, unnest(the sets' keys) WHERE their key ORDER BY place FOR UPDATE: the rows that are there, locked in the order of the sets.
 * Any unique columns of the entity do. rows is 0. WEIR_COMPILE where the dialect has no row locks. */
int weir_page_compile_lock(const weir_entity *entity, const weir_dialect *dialect, const weir_page *page, weir_arena *arena,
                           weir_compiled *out, weir_error *error);
/* SELECT columns FROM t WHERE false: its description tells the types of the page's columns. */
int weir_page_compile_types(const weir_entity *entity, const weir_dialect *dialect, const weir_page *page, weir_arena *arena,
                            weir_compiled *out, weir_error *error);
#endif
