/* Compiling as a whole: what weir_stmt_compile and the readable form share. */
#ifndef WEIR_SQL_COMPILE_H
#define WEIR_SQL_COMPILE_H
#include "sql/render.h"

/* literals: values stand in the text, for reading. */
int weir_stmt_compile_as(const weir_stmt *stmt, const weir_dialect *dialect, bool literals, weir_arena *arena, weir_compiled *out,
                         weir_error *error);
#endif
