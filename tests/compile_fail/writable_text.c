/* A member that the library could not own: char * looks writable. */
// expect: char **
#include <weir/entity.h>

struct invoice {
    int64_t id;
    char *status;
};
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, status));      // here
