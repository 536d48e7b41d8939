/* AND of something that is no expression. */
// expect: weir_x_expr_ | incompatible integer to pointer conversion
#include <weir/select.h>

struct invoice { int64_t id; };
WEIR_ENTITY_DECLARE(invoice);
void query(weir_stmt *stmt, int paid);
void query(weir_stmt *stmt, int paid)
{
    weir_where(stmt, WEIR_AND(WEIR_EQ(WEIR_COL(invoice, id), 1), paid));        // here
}
