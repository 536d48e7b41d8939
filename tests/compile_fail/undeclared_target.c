/* A relationship to an entity that nobody declared. */
// expect: line_entity
#include <weir/entity.h>

struct line { int64_t id; int64_t order_id; };
struct order {
    int64_t id;
    WEIR_MANY(struct line) lines;
};
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_HAS_MANY(order, lines, line, order_id));       // here
