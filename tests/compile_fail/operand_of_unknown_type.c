/* A struct as an operand. */
// expect: struct money
#include <weir/select.h>

struct money { int64_t cents; };
struct invoice { int64_t id; };
WEIR_ENTITY_DECLARE(invoice);
void query(weir_stmt *stmt, struct money limit);
void query(weir_stmt *stmt, struct money limit)
{
    weir_where(stmt, WEIR_EQ(WEIR_COL(invoice, id), limit));    // here
}
