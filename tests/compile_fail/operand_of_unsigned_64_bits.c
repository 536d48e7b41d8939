/* An operand that does not fit SQL's integers. */
// expect: ‘long unsigned int’ | 'unsigned long'
#include <weir/select.h>

struct invoice { int64_t id; };
WEIR_ENTITY_DECLARE(invoice);
void query(weir_stmt *stmt, unsigned long id);
void query(weir_stmt *stmt, unsigned long id)
{
    weir_where(stmt, WEIR_EQ(WEIR_COL(invoice, id), id));       // here
}
