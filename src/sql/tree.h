/* Select trees being built: every part is a copy in the statement's arena, and the first mistake is the statement's. */
#ifndef WEIR_SQL_TREE_H
#define WEIR_SQL_TREE_H
#include "sql/statement.h"

/* What a builder can be called on. */
typedef enum weir_tree_reach {
    WEIR_REACH_PLAIN,           /* a plain select */
    WEIR_REACH_WHOLE,           /* also a union … as a whole */
    WEIR_REACH_ALL,             /* also an entity from textual SQL */
    WEIR_REACH_ROWS,            /* a plain select, and what updates or deletes rows */
    WEIR_REACH_ANY              /* whatever is built */
} weir_tree_reach;

/* Whether `call` may change the statement; a mistake is kept. */
bool weir_tree_ready(weir_stmt *stmt, const char *call, weir_tree_reach reach);

/* The items, moved when they had to be, with room for one more behind the `count` of them; NULL: no memory, kept. A list that grows
 * by this alone has room for 4, 8, 16 …, so nobody needs to remember how much. */
void *weir_tree_room(weir_stmt *stmt, const void *items, size_t count, size_t item_size);
char *weir_tree_text(weir_stmt *stmt, const char *text);

/* ---- copies: NULL is a mistake or no memory, kept ---- */
/* Columns may be relationships here: targets of joins, paths. */
const weir_expr *weir_tree_path_step(weir_stmt *stmt, const weir_expr *expr);
const weir_expr *weir_tree_expr(weir_stmt *stmt, const weir_expr *expr);
/* A list ended by NULL; *count may be NULL. */
const weir_expr *const *weir_tree_exprs(weir_stmt *stmt, const weir_expr *const *list, size_t *count);
const weir_source *weir_tree_source(weir_stmt *stmt, const weir_source *source);
/* Adds the copy of an expression to a list. */
bool weir_tree_add(weir_stmt *stmt, weir_expr_list *list, const weir_expr *expr);
/* The entity's first use in the statement checks it. */
bool weir_tree_use_entity(weir_stmt *stmt, const weir_entity *entity);
/* Fills `on` by the one path of foreign keys that leads to the entity; NULL: a mistake, kept. */
const weir_expr *weir_tree_infer_on(weir_stmt *stmt, const weir_entity *entity, const weir_source *source);

/* ---- whole trees ---- */
int weir_tree_copy(weir_stmt *to, const weir_select_tree *from);
void weir_write_copy(weir_stmt *to, const struct weir_write_tree *from);
/* Frees the statements that belong to one and lets its sources go; the arena holds the rest. */
void weir_tree_release(weir_stmt_parts *parts);
/* One more, and one less, copy of a source. */
void weir_source_hold(const weir_source *source);
void weir_source_let_go(const weir_source *source);
#endif
