/* A table of names that holds no names. */
// expect: ‘const int *’ | 'const int *'
#include <weir/entity.h>

enum status { DRAFT, PAID };
static const int names[] = { DRAFT, PAID };
struct invoice {
    int64_t id;
    enum status status;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_ENUM_COLUMN(invoice, status, names));          // here
