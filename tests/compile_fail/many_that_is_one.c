/* A to-many relationship on a plain pointer. */
// expect: is a pointer; did you mean to use ‘->’ | is a pointer; did you mean to use '->'
#include <weir/entity.h>

struct line { int64_t id; int64_t order_id; };
struct order {
    int64_t id;
    struct line *lines;
};
WEIR_ENTITY_DECLARE(line);
WEIR_ENTITY(order, "orders",
    WEIR_COLUMN(order, id, .primary_key = true),
    WEIR_HAS_MANY(order, lines, line, order_id));       // here
