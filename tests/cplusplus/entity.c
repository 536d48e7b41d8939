/* The entity of test_cplusplus.cc: mapping macros are C only. */
#include <weir/weir.h>

WEIR_ENTITY_DECLARE(invoice);
struct invoice { int64_t id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices", WEIR_COLUMN(invoice, id, .primary_key = true), WEIR_COLUMN(invoice, total_cents), WEIR_COLUMN(invoice, status));
