/* A collection of another entity than the relationship names. */
// expect: struct payment ***
#include <weir/entity.h>

struct payment { int64_t id; int64_t order_id; };
struct line { int64_t id; int64_t order_id; };
struct order {
    int64_t id;
    WEIR_MANY(struct payment) lines;
};
WEIR_ENTITY_DECLARE(line);
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_HAS_MANY(order, lines, line, order_id));       // here
