/* The order of a statement inside: its key columns, and what the files that make it share. */
#ifndef WEIR_TRANSFER_ORDER_PARTS_H
#define WEIR_TRANSFER_ORDER_PARTS_H
#include "sql/render.h"
#include "transfer/order.h"

typedef struct weir_order_column {
    const weir_expr   *expr;            /* without label and directions */
    const char        *name;            /* of the mapped column, or of the result's; for messages */
    const weir_member *member;          /* of a mapped column; NULL: computed, or textual SQL's */
    bool descending, nullable;
    bool nulls_said, nulls_first;
    /* where a row has it: */
    int  column;                        /* among the columns of a connection's rows; -1: found by name */
    int  item;                          /* among the columns of a session's rows */
    bool in_entity;                     /* there it is a member of the entity in that column */
} weir_order_column;

struct weir_order {
    weir_ledger        *ledger;
    weir_arena          arena;
    const weir_dialect *dialect;
    weir_stmt          *stmt;           /* without its order; textual SQL: a select around it */
    bool                textual;
    weir_order_column  *columns;
    size_t              count;
    const weir_entity  *delivered;      /* by the first item; NULL: a value */
    char                fingerprint[WEIR_FINGERPRINT_SIZE];
};

/* A new, empty column behind the others; NULL: no memory. */
weir_order_column *weir_order_add(weir_order *order);
/* order_text.c: the columns that a text names. */
int weir_order_read_text(weir_order *order, const char *text, weir_error *error);
/* order_unique.c: whether no two rows of the select have the same key (RULES K1); with `complete` it is made so. */
int weir_order_make_unique(weir_order *order, const weir_scope *scope, bool complete, weir_error *error);
/* Whether the element of FROM may have no row: it is behind an outer join. */
bool weir_order_is_optional(const weir_scope *scope, size_t element);
/* order_where.c: the condition for rows behind the key; reversed: in front of it; with the key itself. NULL: no memory. */
const weir_expr *weir_order_condition(const weir_order *order, const weir_value *key, bool reversed, bool itself, weir_arena *arena);
/* key_text.c: one value as bytes, of any type. */
void weir_key_put(weir_buffer *out, const weir_value *value);
#endif
