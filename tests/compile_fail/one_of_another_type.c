/* A to-one relationship whose member points to another struct. */
// expect: struct product **
#include <weir/entity.h>

struct order { int64_t id; };
struct product { int64_t id; };
struct line {
    int64_t id, order_id;
    struct product *order;
};
WEIR_ENTITY_DECLARE(order);
WEIR_ENTITY(line, "lines",
    WEIR_COLUMN(line, id, .primary_key = true),
    WEIR_COLUMN(line, order_id),
    WEIR_BELONGS_TO(line, order, order, order_id));     // here
