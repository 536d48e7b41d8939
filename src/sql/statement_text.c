/* A statement's SQL for reading: in logs and tests. */
#include <string.h>
#include "sql/compile.h"

size_t weir_stmt_text(const weir_stmt *stmt, const char *dialect, bool literals, char *buffer, size_t size, weir_error *error)
{
    static const weir_dialect *const dialects[] = { &weir_dialect_postgresql, &weir_dialect_sqlite };
    const weir_dialect *found = NULL;
    weir_error trouble = { .status = WEIR_OK };
    weir_compiled compiled = { .sql = "" };
    weir_arena arena;
    int status;
    for (size_t i = 0; i < 2; i++)
        if (dialect && !strcmp(dialects[i]->name, dialect))
            found = dialects[i];
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 4096);
    if (!found)
        status = weir_error_set(&trouble, WEIR_ARGUMENT, "'%.60s' is no dialect: postgresql, sqlite", dialect ? dialect : "");
    else
        status = weir_stmt_compile_as(stmt, found, literals, NULL, &arena, &compiled, &trouble);
    size_t length = status == WEIR_OK ? compiled.sql_length : 0;
    if (size) {
        size_t shown = length < size ? length : size - 1;
        memcpy(buffer, compiled.sql, shown);
        buffer[shown] = 0;
    }
    weir_arena_free(&arena);
    if (error)
        *error = trouble;
    return length;
}
