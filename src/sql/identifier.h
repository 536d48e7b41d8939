/* Identifiers in SQL text: quoted where either database would read them as anything else. */
#ifndef WEIR_SQL_IDENTIFIER_H
#define WEIR_SQL_IDENTIFIER_H
#include <weir/value.h>
#include "base/arena.h"
#include "base/buffer.h"

void weir_identifier_append(weir_buffer *text, const char *name);
void weir_identifier_append_n(weir_buffer *text, const char *name, size_t length);
/* "schema.table" is two identifiers. */
void weir_table_append(weir_buffer *text, const char *table);
const char *weir_table_without_schema(const char *table);

/* A table as the catalog has it. */
typedef struct weir_table_name {
    const char *spelled;
    weir_text   schema, name;           /* without quotes; schema.ptr NULL: none is named */
} weir_table_name;

weir_table_name weir_table_name_of(const char *table);      /* "schema.table", neither in quotes */
/* As people write one: each part may stand in double quotes, as one with a point must. What is not well quoted is taken as weir_table_name_of
 * does. False: no memory. */
bool weir_table_name_written(weir_table_name *out, const char *table, weir_arena *arena);
void weir_table_name_append(weir_buffer *text, const weir_table_name *table);
#endif
