/* A struct of the program's own is no column. */
// expect: struct money
#include <weir/entity.h>

struct money { int64_t cents; };
struct invoice {
    int64_t id;
    struct money total;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, total));       // here
