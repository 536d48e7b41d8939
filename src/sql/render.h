/* Rendering inside: what the parts that turn a tree into one dialect's text share. The first failure sticks, and rendering goes on
 * harmlessly until the end, where it is told. */
#ifndef WEIR_SQL_RENDER_H
#define WEIR_SQL_RENDER_H
#include "base/buffer.h"
#include "sql/identifier.h"
#include "sql/lexer.h"
#include "sql/statement.h"

/* How strongly operators bind, where both databases agree; a weaker operand stands in parentheses. */
enum weir_binding {
    WEIR_BIND_NONE = 0, WEIR_BIND_OR, WEIR_BIND_AND, WEIR_BIND_NOT, WEIR_BIND_COMPARE, WEIR_BIND_CONCAT, WEIR_BIND_ADD, WEIR_BIND_MULTIPLY,
    WEIR_BIND_UNARY, WEIR_BIND_ATOM
};

/* One element of FROM, or the target of a join. */
typedef struct weir_element {
    const weir_entity *entity;
    const weir_source *source;          /* NULL: the entity's own table */
    bool joined;                        /* the target of a join */
    bool explicitly;                    /* named by weir_from: never correlated */
    bool correlated;                    /* an enclosing select has it */
    bool written;                       /* the table that the statement changes */
    size_t root;                        /* the element behind which it is joined */
    size_t group;                       /* linked elements have one group: for the warning of SQL-16 */
} weir_element;

/* A join made ready: where it hangs, and what links it. */
typedef struct weir_linked {
    const weir_join    *join;
    size_t              target, left;   /* indexes of elements; left: what it is joined to */
    weir_relationship   relationship;   /* parent NULL: none */
    const char         *association;    /* the alias of the table between; NULL: none */
    const char *const  *local_names;    /* of the local columns, where a select around them calls them otherwise; NULL: theirs */
} weir_linked;

/* A joined load: a relationship of an item, joined behind the select. */
typedef struct weir_eager { size_t parent_item, item, root; weir_linked linked; } weir_eager;

/* A column of the result. */
typedef struct weir_label {
    const char      *name;              /* NULL: as the database calls it */
    uint32_t         hash;
    const weir_expr *expression;        /* NULL: one of an entity's columns */
    const weir_member *member;          /* of a mapped column, of this source or the entity's table */
    const weir_entity *entity;
    const weir_source *source;
    size_t           start, length;     /* of the expression in the text */
} weir_label;

/* A select being rendered, inside those that enclose it. */
typedef struct weir_scope {
    struct weir_scope *outer;
    const weir_stmt   *stmt;
    bool               correlates;      /* may use the elements of the enclosing selects */
    bool               names_only;      /* ORDER BY behind a UNION: columns of the result, by name; or there is but one table */
    const weir_entity *excluded;        /* an upsert's: excluded may be named; NULL: not here */
    weir_element         *froms;
    size_t             from_count, from_capacity;
    weir_linked       *joins;
    weir_label        *labels;
    size_t             label_count, label_capacity;
    weir_expr_list     orders;          /* the tree's, or what a contiguous load adds */
    weir_select_item  *items;
    const weir_source **item_sources;   /* by item */
    size_t             item_source_capacity;
    size_t             item_count, visible_count, item_capacity;
    weir_eager        *eager;
    size_t             eager_count, eager_capacity;
    const char        *wrapper;         /* the name of the inner select, of EAG-6; NULL: not wrapped */
    const char       **order_labels;    /* by order: the inner select's column */
    size_t             selected_count;  /* labels of the inner select that are not there for the order alone */
} weir_scope;

typedef struct weir_named { struct weir_named *next; const void *identity; const char *name; bool rendered; } weir_named;
typedef struct weir_numbers { struct weir_numbers *next; const weir_stmt *stmt; size_t *numbers; } weir_numbers;
typedef struct weir_with { struct weir_with *next; const char *name, *text; size_t length; } weir_with;

typedef struct weir_renderer {
    const weir_dialect *dialect;
    weir_arena  *arena;
    weir_error  *error;
    int          status;
    weir_buffer *text;                  /* where it goes just now */
    bool         literals;              /* values in the text, for reading */
    bool         has_text;              /* SQL that the program wrote: to be looked at by the lexer */
    bool         recursive;             /* WITH RECURSIVE */
    bool         writes;                /* an insert, update or delete is in it */
    bool         ordered;               /* an order was added */
    unsigned     depth;
    weir_value  *values;
    const char **names;
    size_t       value_count, value_capacity, made_up;
    weir_numbers *numbers;
    const weir_origin *origins;
    weir_named   *named;
    weir_with    *with, **with_end;
    weir_scope   *scope;
    const char   *cartesian;
    int           subquery_options;
} weir_renderer;

/* ---- render.c: failures, memory, values, names ---- */
void weir_render_fail(weir_renderer *r, int status, const char *format, ...) WEIR_PRINTF_(3, 4);
void *weir_render_take(weir_renderer *r, size_t size);             /* zeroed, in the arena; NULL: failed */
const char *weir_render_copy(weir_renderer *r, const char *text, size_t length);   /* ended by NUL */
/* Room for one more item of `size` bytes in a list in the arena. */
bool weir_render_grow(weir_renderer *r, void *list, size_t count, size_t *capacity, size_t size);
bool weir_render_deeper(weir_renderer *r);                          /* false: nested too deeply, or failed already */
/* Numbers `count` values under one name (NULL: a name is made up); the first one's number, or 0. */
size_t weir_render_number(weir_renderer *r, const weir_value *values, size_t count, const char *name);
void weir_render_placeholder(weir_renderer *r, size_t number);
/* typed: nothing around the value tells PostgreSQL its type. */
void weir_render_value(weir_renderer *r, const weir_value *value, bool typed);
bool weir_value_is_null(const weir_value *value);
const char *weir_pg_type_of(const weir_value *value);               /* NULL: as text, which fits everything */
const char *weir_render_name(weir_renderer *r, const char *base);   /* base_1, base_2, … */
const char *weir_source_name(weir_renderer *r, const weir_source *source);
const void *weir_source_identity(const weir_source *source);
void weir_render_qualifier(weir_renderer *r, const weir_entity *entity, const weir_source *source);

/* ---- render_text.c ---- */
/* SQL that the program wrote; `embedded`: inside of another statement. */
void weir_render_text(weir_renderer *r, const char *text, size_t length, bool embedded);

/* ---- render_expression.c, render_call.c, render_list.c ---- */
void weir_render_expression(weir_renderer *r, const weir_expr *e, int binding, bool typed);
void weir_render_condition(weir_renderer *r, const weir_expr *e, int binding, bool negated);
void weir_render_call(weir_renderer *r, const weir_expr *e);        /* functions, aggregates, windows, case, cast */
void weir_render_list(weir_renderer *r, const weir_expr *const *items, const char *before);
void weir_render_in(weir_renderer *r, const weir_expr *e, bool negated);
void weir_render_column(weir_renderer *r, const weir_expr *e);
/* One of ORDER BY, GROUP BY, DISTINCT ON: what the select list has too is the same text, with the same parameters. */
void weir_render_order(weir_renderer *r, const weir_expr *e);
void weir_render_group(weir_renderer *r, const weir_expr *e);
const weir_expr *weir_without_label(const weir_expr *e);
bool weir_expr_equal(const weir_expr *a, const weir_expr *b);
bool weir_is_conditional(weir_op op);
size_t weir_label_of(const weir_scope *scope, const weir_expr *e);  /* index of the label whose expression it is; SIZE_MAX: none */

/* ---- render_from.c, from.c, from_lint.c ---- */
size_t weir_from_find(const weir_scope *scope, const weir_entity *entity, const weir_source *source);      /* SIZE_MAX: none */
void weir_from_collect(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree);
void weir_from_infer(weir_renderer *r, weir_scope *scope, weir_linked *linked);
void weir_from_check(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree);
void weir_render_from(weir_renderer *r, weir_scope *scope, const char *word);      /* " FROM " */
/* The table that is changed, as an element of its own; what an expression names. Before weir_from_collect. */
void weir_from_written(weir_renderer *r, weir_scope *scope, const weir_entity *entity);
void weir_from_name(weir_renderer *r, weir_scope *scope, const weir_expr *e);
void weir_render_source(weir_renderer *r, const weir_entity *entity, const weir_source *source);
void weir_render_pairs(weir_renderer *r, const weir_linked *linked, const weir_element *parent, const weir_element *target);

/* ---- compile_select.c ---- */
/* A whole statement, textual or a tree; `correlates`: inside an expression. */
void weir_render_statement(weir_renderer *r, const weir_stmt *stmt, bool correlates);
void weir_render_subquery(weir_renderer *r, const weir_stmt *stmt, bool correlates);      /* in parentheses */
void weir_render_select(weir_renderer *r, weir_scope *scope);
void weir_render_conditions(weir_renderer *r, const char *before, const weir_expr_list *list);

/* ---- render_write.c ---- */
/* An insert, update or delete; page NULL: with the values that it has itself. */
struct weir_page;
void weir_render_write(weir_renderer *r, weir_scope *scope, const struct weir_page *page);
/* Numbers the places of a page's values, before anything else is numbered. */
void weir_page_number(weir_renderer *r, const struct weir_page *page);
/* unnest($1::bigint[], $2::text[]) */
void weir_page_unnest(weir_renderer *r, const struct weir_page *page);

/* ---- select_shape.c ---- */
void weir_shape_columns(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree);    /* writes the select list */
/* The columns of a hidden entity. */
void weir_shape_hidden(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source);
/* A name that no column has yet: base, base_1, … */
const char *weir_shape_label(weir_renderer *r, weir_scope *scope, const char *base);
const weir_select_shape *weir_shape_finish(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree);

/* ---- eager_join.c ---- */
void weir_eager_plan(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree);
bool weir_eager_needs_wrapper(const weir_scope *scope, const weir_select_tree *tree);
void weir_eager_columns(weir_renderer *r, weir_scope *scope);
void weir_eager_joins(weir_renderer *r, weir_scope *scope, size_t root);       /* behind one element; SIZE_MAX: all */
void weir_eager_orders(weir_renderer *r, weir_scope *scope, bool first);
/* A relationship's order_by, also that of a fragment with an entity: columns get the alias or table in front of them; a column that the
 * table's name stands in front of gets the alias instead. */
void weir_render_order_text(weir_renderer *r, const char *order, const weir_entity *entity, const weir_source *alias);
/* What the outer select of EAG-6 orders by is a column of the inner one. */
void weir_eager_order_columns(weir_renderer *r, weir_scope *scope);
/* Puts the select of EAG-6 around the one that the text ends with, which began at `start`. */
void weir_eager_wrap(weir_renderer *r, weir_scope *scope, size_t start);
/* Fills scope->orders: a contiguous load wants its parent's key first. */
void weir_eager_order_keys(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree);
#endif
