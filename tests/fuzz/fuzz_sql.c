/* SQL texts: tokens, bind parameters, facts, what they compile to for each database; their one table and their order. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "sql/lexer.h"
#include "sql/text.h"
#include "transfer/query_text.h"

/* Tokens lie one behind the other, inside of the text, and reach its end. */
static void cut(const char *text, size_t length, const weir_dialect *dialect)
{
    weir_lexer lexer;
    const char *at = text;
    weir_lexer_init(&lexer, dialect, text, length);
    for (weir_token token; (token = weir_lexer_next(&lexer)).kind != WEIR_TOKEN_END; at = lexer.next) {
        FUZZ_DEMAND(lexer.next > at, "a token without a character");
        FUZZ_DEMAND(token.text >= at && token.text + token.length <= lexer.next && lexer.next <= text + length, "a token beside its text");
    }
    FUZZ_DEMAND(lexer.next == text + length, "the text has more behind its last token");
}

static void compile(const weir_stmt *stmt, const weir_dialect *dialect)
{
    weir_arena arena;
    weir_compiled compiled;
    weir_error error = { .status = WEIR_OK };
    char shown[200];
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 256);
    int status = weir_stmt_compile(stmt, dialect, &arena, &compiled, &error);
    FUZZ_DEMAND(status == WEIR_OK || status == error.status, "status %d and %d", status, error.status);
    if (status == WEIR_OK) {
        FUZZ_DEMAND(strlen(compiled.sql) == compiled.sql_length && !compiled.facts.multiple, "%s", compiled.sql);
        for (size_t i = 0; i < compiled.value_count; i++) {
            fuzz_touch(&compiled.values[i]);
            FUZZ_DEMAND(*compiled.names[i], "a parameter without a name");
        }
        weir_compiled_show_parameters(&compiled, shown, sizeof shown);
        FUZZ_DEMAND(!strchr(shown, '\n'), "more than one line: %s", shown);
        cut(compiled.sql, compiled.sql_length, dialect);
    }
    weir_arena_free(&arena);
}

static void read_order(const char *text, size_t length, const weir_dialect *dialect)
{
    weir_query_text query;
    char column[WEIR_NAME_SIZE];
    weir_query_text_read(text, length, dialect, &query);
    FUZZ_DEMAND(query.order_start <= query.order_end && query.order_end <= length && query.select_start <= query.select_end &&
                query.select_end <= length && query.behind_table <= length && query.end <= length, "an offset beside the text");
    for (size_t i = 0; i < query.order_count && i < WEIR_ORDER_ITEMS; i++)
        if (weir_query_order_column(text, &query, dialect, &query.order[i], column))
            FUZZ_DEMAND(strnlen(column, sizeof column) < sizeof column, "a name without an end");
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const weir_dialect *const dialects[] = { &weir_dialect_postgresql, &weir_dialect_sqlite };
    const weir_value list[] = { weir_value_int(1), weir_value_cstr("two\n'") };
    char *exact = fuzz_exact(data, size);
    for (size_t d = 0; d < 2; d++) {
        cut(exact, size, dialects[d]);
        read_order(exact, size, dialects[d]);
    }
    free(exact);
    if (memchr(data, 0, size))
        return;
    char *text = fuzz_ended(data, size);
    weir_stmt *stmt = weir_sql(text);
    const char *name;
    for (size_t i = 0; (name = weir_stmt_parameter_name(stmt, i)) != NULL; i++) {
        if (*name == 'l' || *name == 'e')
            weir_bind_list(stmt, name, list, *name == 'l' ? 2 : 0);
        else if (*name != 'u')
            weir_bind(stmt, name, list[i % 2]);
    }
    for (size_t d = 0; d < 2; d++)
        compile(stmt, dialects[d]);
    weir_stmt_free(&stmt);
    free(text);
}
