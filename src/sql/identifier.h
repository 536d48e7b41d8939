/* Identifiers in SQL text: quoted where either database would read them as anything else. */
#ifndef WEIR_SQL_IDENTIFIER_H
#define WEIR_SQL_IDENTIFIER_H
#include "base/buffer.h"

void weir_identifier_append(weir_buffer *text, const char *name);
void weir_identifier_append_n(weir_buffer *text, const char *name, size_t length);
/* "schema.table" is two identifiers. */
void weir_table_append(weir_buffer *text, const char *table);
const char *weir_table_without_schema(const char *table);
#endif
