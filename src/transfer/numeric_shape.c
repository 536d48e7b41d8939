/* Precision and scale of numeric columns. */
#include "transfer/numeric_shape.h"
#include <stdio.h>
#include <string.h>

/* PostgreSQL's typmod: precision, and a scale of 11 bits with a sign. */
static bool of_modifier(int32_t modifier, int32_t *precision, int32_t *scale)
{
    if (modifier < 4)
        return false;
    *precision = (modifier - 4) >> 16 & 0xFFFF;
    *scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024;
    return true;
}

/* SQLite: "DECIMAL(10, 2)", as declared. */
static bool of_name(const char *declared, int32_t *precision, int32_t *scale)
{
    const char *parenthesis = declared ? strchr(declared, '(') : NULL;
    int p = 0, s = 0;
    int found = parenthesis ? sscanf(parenthesis, "(%9d ,%9d", &p, &s) : 0;
    *precision = p;
    *scale = found == 2 ? s : 0;
    return found >= 1 && p > 0;
}

bool weir_numeric_shape(const weir_column_info *info, int32_t most, int32_t *precision, int32_t *scale)
{
    if (!of_modifier(info->modifier, precision, scale) && (info->database_oid || !of_name(info->database_type, precision, scale)))
        return false;
    if (*scale < 0) {
        *precision -= *scale;
        *scale = 0;
    }
    if (*scale > *precision)
        *precision = *scale;
    return *precision >= 1 && *precision <= most;
}
