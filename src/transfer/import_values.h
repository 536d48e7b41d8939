/* Fields of records as values of a table's columns. */
#ifndef WEIR_TRANSFER_IMPORT_VALUES_H
#define WEIR_TRANSFER_IMPORT_VALUES_H
#include "transfer/records.h"

/* The field as a value of the column's type, exactly: WEIR_OK, WEIR_DATA with `reason` (WEIR_REASON_SIZE bytes), or WEIR_OUT_OF_MEMORY.
 * What it points to lies in the field or in the arena. Written as export writes: blobs in base64 (also \x and hexadecimal digits), arrays
 * as PostgreSQL writes them or as JSON, times as ISO 8601. element: of an array's items. type WEIR_T_NULL: the column takes anything (SQLite). */
int weir_field_value(const weir_field *field, weir_type type, weir_type element, weir_arena *arena, weir_value *out, char *reason);

/* A numeric for a column in which SQLite keeps binary numbers: as that number, if no digit is lost; else WEIR_DATA. */
int weir_numeric_to_binary(const weir_field *field, weir_value *value, char *reason);

/* In import_arrays.c: the array, its items as texts; of JSON's arrays of JSON, each item as it stands there. */
int weir_field_array(const weir_field *field, weir_type element, weir_arena *arena, weir_value *out, char *reason);
/* What WEIR_DATA says of a field: "'abc…' is no integer". */
int weir_field_refuse(const weir_field *field, const char *why, char *reason);
#endif
