/* Select statements inside: the tree that builders fill and compile renders, and what the orm learns of the rows. */
#ifndef WEIR_SQL_SELECT_H
#define WEIR_SQL_SELECT_H
#include <weir/select.h>
#include "base/arena.h"
#include "base/error.h"

/* ---- entities resolved (entity.c) ------------------------------------------------------------------------------------------ */
const char *weir_member_column(const weir_member *member);          /* its column's name */
const weir_member *weir_entity_member(const weir_entity *entity, size_t offset);    /* NULL: none there */
const weir_member *weir_entity_key(const weir_entity *entity, size_t index);        /* the index-th primary key member, or NULL */
size_t weir_entity_key_count(const weir_entity *entity);
/* The column pairs of a relationship with WEIR_KEY_ and foreign keys resolved: members of this side and of the target. For
 * many-to-many: local[i] pairs with association_local[i], remote[i] with association_remote[i]. Filled into the arena. */
typedef struct weir_relationship {
    const weir_entity *parent, *target;
    const weir_member *member;
    size_t             pair_count;
    const weir_member **local, **remote;
    bool               to_many, through_association;
    bool               local_is_key;        /* the local side is the parent's whole primary key: the parent need not be joined */
    bool               remote_is_key;       /* many-to-one by the target's primary key: identity map look-ups work */
} weir_relationship;
int weir_relationship_resolve(const weir_entity *parent, const weir_member *member, weir_arena *arena, weir_relationship *out, weir_error *error);

/* ---- sources ------------------------------------------------------------------------------------------------------------------ */
typedef enum weir_source_kind { WEIR_SOURCE_ALIAS = 1, WEIR_SOURCE_SUBQUERY, WEIR_SOURCE_CTE } weir_source_kind;
struct weir_source {
    weir_source_kind   kind;
    const weir_entity *entity;              /* may be NULL for subqueries and CTEs */
    const char        *name;                /* NULL: compile makes one up, the same for the same source within a statement */
    weir_stmt         *stmt;                /* copies: the body, and of a recursive CTE its second half */
    weir_stmt         *recursive_stmt;
    bool               recursive, all;
    const void        *identity;            /* copies of one source are the same source: compare this; lives as long as any of them */
    weir_arena         arena;               /* ledger NULL: a copy that lies in a statement's arena */
    weir_error         error;
};

/* ---- the tree ------------------------------------------------------------------------------------------------------------------ */
typedef struct weir_expr_list { const weir_expr **items; size_t count, capacity; } weir_expr_list;
typedef struct weir_join { weir_join_kind kind; const weir_expr *target; const weir_source *source, *as; const weir_expr *on; } weir_join;
typedef struct weir_load_path { weir_lazy how; const weir_expr *const *steps; size_t step_count; int64_t chunk; bool contiguous; } weir_load_path;

/* Everything lies in the statement's arena: expressions are deep copies (values, texts, windows, sources; subqueries as statements). */
typedef struct weir_select_tree {
    weir_expr_list columns, where, order_by, group_by, having, distinct_on;
    bool           distinct, has_limit, has_offset;
    int64_t        limit, offset;
    bool           limit_in_text;       /* not as a parameter, for which a prepared statement is planned anew each time */
    const weir_expr **from; size_t from_count;         /* explicit: entities and aliases */
    const weir_source **from_sources; size_t from_source_count;
    weir_join     *joins; size_t join_count;
    weir_set_operation set;                            /* 0: a plain select */
    weir_stmt     *left, *right;
    weir_stmt     *text;                               /* an entity from textual SQL: columns holds the entity */
    const weir_lock_options *lock;
    weir_load_path *loads; size_t load_count;
    bool           disable_eagerloads;
    weir_switch    populate_existing, autoflush;
} weir_select_tree;

/* ---- what compile tells of the rows ------------------------------------------------------------------------------------------------ */
typedef enum weir_item_kind { WEIR_ITEM_VALUE = 1, WEIR_ITEM_ENTITY } weir_item_kind;
typedef struct weir_select_item {
    weir_item_kind     kind;
    const char        *name;                /* label, column name, entity's or alias's name: the row's column of that name */
    const weir_entity *entity;              /* of an entity, or of a column of one */
    const weir_member *member;              /* of a mapped column */
    const void        *source;              /* identity of the alias, subquery or CTE that an entity comes from; NULL: its table */
    size_t             first_column, column_count;      /* among the result's columns; an entity: its column members in table order */
    /* added by joinedload: hidden behind the visible items; belongs to a relationship of another item */
    bool               hidden;
    size_t             parent_item;
    const weir_member *relationship;
} weir_select_item;
typedef struct weir_select_shape {
    const weir_select_item *items;
    size_t item_count, visible_count;
    const weir_load_path *loads; size_t load_count;     /* in the arena of the compile */
    bool   disable_eagerloads;
    weir_switch populate_existing, autoflush;
    bool   by_name;                         /* from textual SQL: columns of the entity are found by name */
    bool   unjoined;                        /* a union or textual SQL: what the mapping would join is loaded otherwise */
    bool   joined_collection;               /* a hidden item of a to-many relationship: unique() is needed */
    const char *joined_name;                /* its "order.lines" */
    const char *entity_without_key;         /* GROUP BY or DISTINCT ON that lack the key of this selected entity; NULL: fine */
    const char *cartesian;                  /* the warning's text; NULL: none */
    int    subquery_options;                /* subqueries that carry execution options: one warning (AVS-16) */
} weir_select_shape;
#endif
