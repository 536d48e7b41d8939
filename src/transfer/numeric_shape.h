/* How many digits a numeric column has, as far as its database says so: what makes it a decimal of a file. */
#ifndef WEIR_TRANSFER_NUMERIC_SHAPE_H
#define WEIR_TRANSFER_NUMERIC_SHAPE_H
#include <weir/result.h>

/* Scales that files do not know are brought into them: numeric(2, -3) holds 99000 and becomes 5, 0; numeric(2, 5) holds 0.00099 and becomes
 * 5, 5. False: the column has none, as `numeric` alone, or more than `most` digits. */
bool weir_numeric_shape(const weir_column_info *info, int32_t most, int32_t *precision, int32_t *scale);
#endif
