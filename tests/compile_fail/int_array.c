/* Only arrays of char are columns. */
// expect: int (*)[4]
#include <weir/entity.h>

struct invoice {
    int64_t id;
    int counts[4];
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, counts));      // here
