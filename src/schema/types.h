/* What SQL types C members become, and which live columns fit them: one constant table. */
#ifndef WEIR_SCHEMA_TYPES_H
#define WEIR_SCHEMA_TYPES_H
#include <weir/result.h>
#include <weir/schema.h>
#include "base/buffer.h"
#include "base/error.h"

bool weir_schema_has_null(const weir_member *member);
bool weir_schema_is_integer(const weir_member *member);
/* "int64_t", "char[16]", … into `buffer`. Returns buffer. */
const char *weir_schema_c_type(const weir_member *member, char *buffer, size_t size);
/* Appends the column's SQL type. `owner` is for messages. WEIR_MAPPING: there is none that follows from the member. */
int weir_schema_sql_type(const char *owner, const weir_member *member, bool postgresql, weir_buffer *out, weir_error *error);
/* Whether a live column fits the member: 0, WEIR_TYPE_DIFFERS or WEIR_TYPE_NARROWER. *why: a constant text for the message, "" if
 * the types say all. */
int weir_schema_compare(const weir_member *member, const weir_column_info *live, bool postgresql, const char **why);
#endif
