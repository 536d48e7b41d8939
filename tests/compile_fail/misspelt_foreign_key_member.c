/* A relationship by a member that the target does not have. */
// expect: ‘struct line’ has no member named ‘ordr_id’ | no member named 'ordr_id' in 'line'
#include <weir/entity.h>

struct line { int64_t id; int64_t order_id; };
struct order {
    int64_t id;
    WEIR_MANY(struct line) lines;
};
WEIR_ENTITY_DECLARE(line);
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_HAS_MANY(order, lines, line, ordr_id));        // here
