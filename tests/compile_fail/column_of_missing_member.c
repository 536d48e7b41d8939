/* A column in a query that the struct does not have. */
// expect: no member named ‘totl’ | no member named 'totl'
#include <weir/select.h>

struct invoice { int64_t id; };
WEIR_ENTITY_DECLARE(invoice);
void query(weir_stmt *stmt);
void query(weir_stmt *stmt)
{
    weir_where(stmt, WEIR_EQ(WEIR_COL(invoice, totl), 5));      // here
}
