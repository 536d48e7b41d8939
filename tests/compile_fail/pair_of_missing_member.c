/* A column pair with a member that is not there. */
// expect: no member named ‘order_nr’ | no member named 'order_nr'
#include <weir/entity.h>

struct line { int64_t id; int64_t order_id; };
struct order {
    int64_t id;
    WEIR_MANY(struct line) lines;
};
WEIR_ENTITY_DECLARE(line);
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_TO_MANY(order, lines, line, .pairs = WEIR_PAIRS(WEIR_PAIR(order, id, line, order_nr))));       // here
