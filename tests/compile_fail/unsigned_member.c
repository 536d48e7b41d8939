/* SQL has no unsigned integers. */
// expect: unsigned int *
#include <weir/entity.h>

struct invoice {
    int64_t id;
    unsigned count;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, count));       // here
