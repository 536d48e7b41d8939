/* An enum needs its table of names: WEIR_ENUM_COLUMN. */
// expect: enum status *
#include <weir/entity.h>

enum status { DRAFT, PAID };
struct invoice {
    int64_t id;
    enum status status;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, status));      // here
