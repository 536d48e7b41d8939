/* Quoted names: whatever the name, the database's own rules read one name back out of what stands in the text, and nothing behind it. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "schema/reflect.h"
#include "sql/identifier.h"
#include "sql/lexer.h"

/* The name that a token stands for is the one that was given. */
static void demand_name(weir_token token, const char *name, size_t length)
{
    if (token.kind == WEIR_TOKEN_WORD) {
        FUZZ_DEMAND(token.length == length && !memcmp(token.text, name, length), "another word: %.*s", (int)token.length, token.text);
        return;
    }
    FUZZ_DEMAND(token.kind == WEIR_TOKEN_QUOTED && token.length >= 2 && token.text[0] == '"' && token.text[token.length - 1] == '"', "not quoted");
    size_t at = 0;
    for (size_t i = 1; i + 1 < token.length; i++) {
        FUZZ_DEMAND(at < length && token.text[i] == name[at++], "another name");
        if (token.text[i] == '"')
            FUZZ_DEMAND(token.text[++i] == '"' && i + 1 < token.length, "a quote alone");
    }
    FUZZ_DEMAND(at == length, "a part of the name");
}

static void quote(const char *name, size_t length, const weir_dialect *dialect)
{
    weir_buffer text;
    weir_lexer lexer;
    weir_buffer_init(&text, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    weir_identifier_append_n(&text, name, length);
    weir_lexer_init(&lexer, dialect, text.data, text.length);
    demand_name(weir_lexer_next(&lexer), name, length);
    FUZZ_DEMAND(weir_lexer_next(&lexer).kind == WEIR_TOKEN_END, "something behind the name");
    weir_buffer_free(&text);
    if (memchr(name, 0, length))
        return;
    char *table = fuzz_ended(name, length);
    const char *bare = weir_table_without_schema(table);
    weir_table_append(&text, table);
    weir_lexer_init(&lexer, dialect, text.data, text.length);
    if (bare != table) {
        demand_name(weir_lexer_next(&lexer), table, (size_t)(bare - table) - 1);
        FUZZ_DEMAND(*weir_lexer_next(&lexer).text == '.', "no point");
    }
    demand_name(weir_lexer_next(&lexer), bare, strlen(bare));
    FUZZ_DEMAND(weir_lexer_next(&lexer).kind == WEIR_TOKEN_END, "something behind the table");
    weir_buffer_free(&text);
    free(table);
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* Names in C: letters, digits and underscores, no keyword; two names stay two. */
static void name_in_c(const char *name)
{
    weir_error error = { .status = WEIR_OK };
    weir_reflection r = { .error = &error };
    weir_taken_name *taken = NULL;
    weir_arena_init(&r.arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 256);
    for (int i = 0; i < 4; i++) {
        const char *c = weir_reflect_identifier(&r, i & 1 ? "tag" : NULL, name, i & 2), *again = weir_reflect_unique(&r, &taken, c);
        FUZZ_DEMAND(c && again && is_letter(*c), "%s", c);
        for (const char *p = again; *p; p++)
            FUZZ_DEMAND(is_letter(*p) || (*p >= '0' && *p <= '9'), "%s", again);
        const char *other = weir_reflect_unique(&r, &taken, c);
        FUZZ_DEMAND(strcmp(other, again) != 0, "%s twice", other);
    }
    weir_arena_free(&r.arena);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    if (size > 2000)
        return;
    quote((const char *)data, size, &weir_dialect_postgresql);
    quote((const char *)data, size, &weir_dialect_sqlite);
    char *name = fuzz_ended(data, size);
    name_in_c(name);
    free(name);
}
