/* The order of textual SQL as a text: "k desc nulls last, id not null". */
#include <stdio.h>
#include <string.h>
#include "sql/lexer.h"
#include "transfer/order_parts.h"

typedef struct reader {
    weir_order *order;
    weir_lexer  lexer;
    weir_token  token;
    weir_error *error;
} reader;

static void advance(reader *r)
{
    do
        r->token = weir_lexer_next(&r->lexer);
    while (r->token.kind == WEIR_TOKEN_SPACE);
}

static bool takes(reader *r, const char *word)
{
    bool is = r->token.kind == WEIR_TOKEN_WORD && weir_same_word(r->token.text, r->token.length, word);
    if (is)
        advance(r);
    return is;
}

static int refuse(reader *r, const char *wanted)
{
    int shown = (int)(r->token.length < 40 ? r->token.length : 40);
    bool end = r->token.kind == WEIR_TOKEN_END;
    return weir_error_set(r->error, WEIR_ARGUMENT,
                          "the order is a list of result columns, \"k desc nulls last, id not null\": %s is wanted, not %s%.*s%s", wanted,
                          end ? "its end" : "'", end ? 0 : shown, r->token.text, end ? "" : "'");
}

/* "na""me" without its quotes. */
static size_t unquote(const weir_token *token, char *out)
{
    char quote = token->text[0] == '[' ? ']' : token->text[0];
    size_t length = 0;
    for (size_t i = 1; i + 1 < token->length; i++) {
        out[length++] = token->text[i];
        if (token->text[i] == quote)
            i++;
    }
    return length;
}

static const char *read_name(reader *r)
{
    bool quoted = r->token.kind == WEIR_TOKEN_QUOTED;
    if ((r->token.kind != WEIR_TOKEN_WORD && !quoted) || (quoted && r->token.length < 3)) {
        refuse(r, "a column's name");
        return NULL;
    }
    char *name = weir_arena_bytes(&r->order->arena, r->token.length + 1);
    size_t length = r->token.length;
    if (!name) {
        weir_error_out_of_memory(r->error);
        return NULL;
    }
    memcpy(name, r->token.text, length);
    if (quoted)
        length = unquote(&r->token, name);
    name[length] = 0;
    for (size_t i = 0; !quoted && r->order->dialect->names_fold && i < length; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] - 'A' + 'a');
    advance(r);
    return name;
}

static int read_column(reader *r)
{
    weir_order_column *column = weir_order_add(r->order);
    if (!column)
        return weir_error_out_of_memory(r->error);
    column->nullable = true;
    if (!(column->name = read_name(r)))
        return r->error->status;
    for (size_t i = 0; i + 1 < r->order->count; i++)
        if (!strcmp(r->order->columns[i].name, column->name))
            return weir_error_set(r->error, WEIR_ARGUMENT, "the order names the column %s twice", column->name);
    column->descending = takes(r, "DESC");
    if (!column->descending)
        takes(r, "ASC");
    if (takes(r, "NULLS")) {
        column->nulls_said = true;
        column->nulls_first = takes(r, "FIRST");
        if (!column->nulls_first && !takes(r, "LAST"))
            return refuse(r, "FIRST or LAST");
    } else if (takes(r, "NOT")) {
        column->nullable = false;
        if (!takes(r, "NULL"))
            return refuse(r, "NULL");
    }
    return WEIR_OK;
}

int weir_order_read_text(weir_order *order, const char *text, weir_error *error)
{
    reader r = { .order = order, .error = error };
    weir_lexer_init(&r.lexer, order->dialect, text, strlen(text));
    advance(&r);
    do {
        if (read_column(&r) != WEIR_OK)
            return error->status;
        bool comma = r.token.kind == WEIR_TOKEN_SYMBOL && r.token.length == 1 && *r.token.text == ',';
        if (!comma && r.token.kind != WEIR_TOKEN_END)
            return refuse(&r, "a comma");
        if (!comma)
            return WEIR_OK;
        advance(&r);
    } while (true);
}
