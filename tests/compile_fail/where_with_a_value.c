/* A condition that is a plain C comparison. */
// expect: weir_where | incompatible integer to pointer conversion
#include <weir/select.h>

void query(weir_stmt *stmt, int64_t id);
void query(weir_stmt *stmt, int64_t id)
{
    weir_where(stmt, id == 5);          // here
}
