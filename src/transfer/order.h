/* The order of a statement's rows: its key columns, whether they make a row's place unique, and the statement that goes on behind
 * a place (RULES K1 to K3). Pages, checkpoints and ranges are built on it. */
#ifndef WEIR_TRANSFER_ORDER_H
#define WEIR_TRANSFER_ORDER_H
#include <weir/engine.h>
#include <weir/result.h>
#include <weir/statement.h>
#include "base/arena.h"
#include "base/buffer.h"

typedef struct weir_order weir_order;

typedef struct weir_order_options {
    const struct weir_dialect *dialect; /* where NULLs are when the order does not say, and how its text is read; NULL: PostgreSQL's */
    const char *text;                   /* textual SQL: its order by result columns, "k desc nulls last, id not null"; a select has its
                                           own. Columns may be NULL unless "not null" stands behind them: with it an index is used */
    bool        complete;               /* a select whose order is not unique is completed by the primary key, instead of being refused */
    bool        unchecked;              /* textual SQL: its order is taken for unique; weir_order_same finds out whether it is not */
} weir_order_options;

/* The order of a select, or of textual SQL by options->text. The statement is copied, compiled forms are not kept. NULL with *error:
 * WEIR_INVALID_REQUEST for no order, or one that is not unique (K1), a statement whose rows a condition cannot cut (LIMIT, OFFSET,
 * GROUP BY, DISTINCT ON, a union: as textual SQL they can); WEIR_ARGUMENT for a text that is no list of columns, or what is
 * kept in the statement, or what compiling it says. No SQL is sent. */
weir_order *weir_order_of(const weir_stmt *stmt, const weir_order_options *options, weir_ledger *ledger, weir_error *error);
void weir_order_free(weir_order *order);
size_t weir_order_count(const weir_order *order);       /* key columns */

/* Where rows are wanted from. A key has weir_order_count values; NULL: no bound. */
typedef struct weir_order_range {
    const weir_value *after;            /* rows behind this key, in the order's direction */
    const weir_value *through;          /* up to this key, itself included */
    bool              at;               /* with the row of `after` itself */
    bool              backwards;        /* in the opposite direction: `after` is then what they come before */
    int64_t           limit;            /* rows; 0: all */
} weir_order_range;
/* A copy of the statement for the rows of the range: its own options and parameters, the bounds as parameters in the WHERE, with a
 * redundant bound on the leading columns that an index can use (K2). The caller's, never NULL; errors are kept in it. */
weir_stmt *weir_order_statement(const weir_order *order, const weir_order_range *range);
/* The key of a row that such a statement delivered, on a connection or a session: `key` has room for weir_order_count values, which
 * point into the row (an instance's: into the instance). Instances: of the entity that the select delivers. A status;
 * WEIR_INVALID_REQUEST when the row has no such columns, or the instance may hold another value than the row (a float of a double
 * column, a SQLite text as a time): rows have it; WEIR_DATA for a NULL where there can be none. */
int weir_order_key(const weir_order *order, const weir_row *row, weir_value *key, weir_error *error);
int weir_order_key_of_instance(const weir_order *order, const void *instance, weir_value *key, weir_error *error);
/* The name of a key column, for messages; and the statement's columns may be NULL there. */
const char *weir_order_name(const weir_order *order, size_t index);
/* Whether two keys are the same place: then the order was not unique (but for collations that take different texts for the same). */
bool weir_order_same(const weir_order *order, const weir_value *a, const weir_value *b);
/* What to say then. */
int weir_order_not_unique(const weir_order *order, weir_error *error);

/* What a place belongs to: the statement's text without its loads and batch sizes, its parameters, its order. 64 hexadecimal digits
 * of SHA-256 and a NUL. */
enum { WEIR_FINGERPRINT_SIZE = 65 };
void weir_order_fingerprint(const weir_order *order, char fingerprint[WEIR_FINGERPRINT_SIZE]);

/* Keys as bytes, typed and versioned: appended to `text` as base64url without padding; and back. Reading trusts nothing: a status with
 * *error, WEIR_DATA for what was not made here. Values live in the arena. WEIR_NOT_SUPPORTED: an array is no key. */
int weir_key_write(const weir_value *key, size_t count, weir_buffer *text, weir_error *error);
int weir_key_read(const char *text, size_t length, weir_arena *arena, weir_value *key, size_t count, weir_error *error);
#endif
