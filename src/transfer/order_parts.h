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
    size_t              width;          /* columns of a connection's rows; 0: not known */
    bool                has_values;     /* parameters of the statement's own */
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
/* order_where.c: the condition for rows behind the key; reversed: in front of it; with the key itself. The other end of the range, if
 * there is one, is another condition. NULL: no memory. */
const weir_expr *weir_order_condition(const weir_order *order, const weir_value *key, const weir_value *other_end, bool reversed,
                                      bool itself, weir_arena *arena);
/* The same rows as parts, nearest first, each a range of an index on the order's columns: `parts` has room for two per column and one.
 * How many; 0: none, or no memory. */
size_t weir_order_ranges(const weir_order *order, const weir_value *key, bool reversed, bool itself, weir_arena *arena, const weir_expr **parts);
/* order_page.c: the statement of a page (range->limit rows), for rows of a connection or a session. Key columns that those lack are hidden
 * behind their own. split: as a union of ranges, where that is better and can be; it loads nothing by joins. */
weir_stmt *weir_order_page(const weir_order *order, const weir_order_range *range, bool in_session, bool split);
enum { WEIR_HIDDEN_NAME_SIZE = 32 };
void weir_order_hidden_name(size_t index, char name[WEIR_HIDDEN_NAME_SIZE]);
/* order.c: ORDER BY the expression as the column says. */
void weir_order_add_direction(weir_stmt *stmt, const weir_order_column *column, const weir_expr *expr, bool backwards);
/* order.c: the value of one key column in a row; whether rows of a connection, or of a session, have it. */
int weir_order_value(const weir_order *order, size_t index, const weir_row *row, weir_value *out, weir_error *error);
bool weir_order_has(const weir_order *order, size_t index, bool in_session);

/* ---- key_text.c ---- */
/* One value as bytes, of any type. */
void weir_key_put(weir_buffer *out, const weir_value *value);
/* A key as bytes, and back: values point into the bytes. As weir_key_write and weir_key_read. */
int weir_key_append(const weir_value *key, size_t count, weir_buffer *bytes, weir_error *error);
int weir_key_take(const uint8_t *bytes, size_t length, weir_value *key, size_t count, weir_error *error);
/* Base64url without padding, appended; and its bytes, in the arena: WEIR_DATA for what is not written so. */
void weir_base64url_append(weir_buffer *text, const void *bytes, size_t length);
int weir_base64url_read(const char *text, size_t length, weir_arena *arena, const uint8_t **bytes, size_t *count);
#endif
