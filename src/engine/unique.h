/* The values that a result has already given: for its unique filter. */
#ifndef WEIR_ENGINE_UNIQUE_H
#define WEIR_ENGINE_UNIQUE_H
#include "engine/rows.h"

typedef struct weir_seen_entry weir_seen_entry;
typedef struct weir_seen {
    weir_ledger      *ledger;
    weir_arena        arena;            /* of the entries and copies of their values */
    weir_seen_entry **table;            /* open addressing; a power of two, at most three quarters full */
    size_t            capacity, count;
} weir_seen;

void weir_seen_init(weir_seen *seen, weir_ledger *ledger);
void weir_seen_free(weir_seen *seen);
/* Whether the key is new; remembers it. `tag` keeps apart keys of different kinds. 1: new, 0: seen before, or WEIR_OUT_OF_MEMORY. */
int weir_seen_add(weir_seen *seen, int64_t tag, const weir_value *const *values, size_t count);
/* The same with a row's visible columns. */
int weir_seen_add_row(weir_seen *seen, int64_t tag, const weir_row *row);
#endif
