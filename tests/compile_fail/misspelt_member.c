/* A misspelt member. */
// expect: no member named ‘totl’ | no member named 'totl'
#include <weir/entity.h>

struct invoice {
    int64_t id;
    int64_t total;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, totl));        // here
