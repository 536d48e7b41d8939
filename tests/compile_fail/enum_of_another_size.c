/* An enum column on a member that is not as wide as an enum. */
// expect: negative
#include <weir/entity.h>

static const char *const names[] = { "draft", "paid" };
struct invoice {
    int64_t id;
    int64_t status;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_ENUM_COLUMN(invoice, status, names));          // here
