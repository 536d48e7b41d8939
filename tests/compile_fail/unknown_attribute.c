/* A misspelt attribute of a column. */
// expect: ‘weir_member’ has no member named ‘primry_key’ | field designator 'primry_key' does not refer to any field
#include <weir/entity.h>

struct invoice { int64_t id; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primry_key = true));      // here
