/* Compiling as a whole: what weir_stmt_compile and the readable form share. */
#ifndef WEIR_SQL_COMPILE_H
#define WEIR_SQL_COMPILE_H
#include "sql/render.h"

/* literals: values stand in the text, for reading. page: of a write, for parameter sets; NULL: none. */
int weir_stmt_compile_as(const weir_stmt *stmt, const weir_dialect *dialect, bool literals, const struct weir_page *page, weir_arena *arena,
                         weir_compiled *out, weir_error *error);
/* Takes the text and the values over from a renderer that has written everything. */
int weir_render_finish(weir_renderer *r, weir_compiled *out);
#endif
