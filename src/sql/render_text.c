/* SQL that the program wrote: whole statements, and pieces of it inside of trees. Placeholders for :names, lists spread out. */
#include "sql/render.h"
#include <string.h>

enum { SHOWN_NAME = 200 };              /* longest part of a name in a message */

/* ---- parameters ---- */

static void refuse_foreign(weir_renderer *r, const weir_token *token)
{
    if (token->kind == WEIR_TOKEN_COLON)
        weir_render_fail(r, WEIR_INVALID_REQUEST, "the SQL text has an escaped colon in front of a name: SQLite would take that for a "
                                                  "parameter of its own");
    else
        weir_render_fail(r, WEIR_INVALID_REQUEST,
                         "the SQL text has the %s parameter '%.*s'; weir's parameters have names: use :name and bind 'name'",
                         r->dialect->name, (int)(token->length < SHOWN_NAME ? token->length : SHOWN_NAME), token->text);
}

/* On SQLite `\:name` would become a parameter again, of the database's own, and silently NULL. */
static bool makes_parameter(const weir_renderer *r, const weir_lexer *behind_colon)
{
    return r->dialect->lite_parameters && behind_colon->next < behind_colon->end && weir_is_word_char(*behind_colon->next);
}

/* A piece of a tree is bound on its own statement, or on one that encloses it. */
static const weir_parameter *find_parameter(weir_renderer *r, const weir_token *name, const weir_stmt **owner)
{
    for (const weir_scope *scope = r->scope; scope; scope = scope->outer) {
        const weir_parameter *parameter = weir_stmt_find(scope->stmt, name->text, name->length);
        *owner = scope->stmt;
        if (parameter && parameter->bound)
            return parameter;
    }
    int shown = (int)(name->length < SHOWN_NAME ? name->length : SHOWN_NAME);
    weir_render_fail(r, WEIR_INVALID_REQUEST, "A value is required for bind parameter '%.*s'", shown, name->text);
    return NULL;
}

static size_t *numbers_of(weir_renderer *r, const weir_stmt *stmt)
{
    for (weir_numbers *known = r->numbers; known; known = known->next)
        if (known->stmt == stmt)
            return known->numbers;
    weir_numbers *made = weir_render_take(r, sizeof *made);
    size_t *numbers = weir_render_take(r, stmt->parameter_count * sizeof *numbers);
    if (!made || !numbers)
        return NULL;
    *made = (weir_numbers){ .next = r->numbers, .stmt = stmt, .numbers = numbers };
    r->numbers = made;
    return numbers;
}

/* The number of its first value; a name that occurs again has the same one. */
static size_t number_parameter(weir_renderer *r, const weir_parameter *parameter, const weir_stmt *owner)
{
    size_t *numbers = numbers_of(r, owner);
    size_t *number = numbers ? &numbers[parameter - owner->parameters] : NULL;
    if (!number || *number || !parameter->count)
        return number ? *number : 0;
    const char *name = weir_render_copy(r, parameter->name, parameter->length);
    weir_origin *origin = weir_render_take(r, sizeof *origin);
    if (!name || !origin)
        return 0;
    *number = weir_render_number(r, parameter->values, parameter->count, name);
    *origin = (weir_origin){ .next = r->origins, .parameter = parameter, .first = *number };
    if (*number)
        r->origins = origin;
    return *number;
}

/* ---- text ---- */

/* What was written last: where an empty list may have to take back the IN in front of it. */
struct trail {
    weir_token last[3];                 /* significant tokens, the newest first */
    size_t     places[3];               /* of them in the text written */
};

static void remember(struct trail *trail, const weir_token *token, size_t place)
{
    memmove(&trail->last[1], &trail->last[0], 2 * sizeof *trail->last);
    memmove(&trail->places[1], &trail->places[0], 2 * sizeof *trail->places);
    trail->last[0] = *token;
    trail->places[0] = place;
}

static bool is_symbol(const weir_token *token, char symbol)
{
    return token->kind == WEIR_TOKEN_SYMBOL && token->length == 1 && *token->text == symbol;
}

static bool is_word(const weir_token *token, const char *word)
{
    return token->kind == WEIR_TOKEN_WORD && weir_same_word(token->text, token->length, word);
}

/* Whether `)` comes next; if so *behind is the lexer behind it. */
static bool closes_next(const weir_lexer *lexer, weir_lexer *behind)
{
    weir_token token;
    *behind = *lexer;
    do
        token = weir_lexer_next(behind);
    while (token.kind == WEIR_TOKEN_SPACE);
    return is_symbol(&token, ')');
}

static void write_empty_list(weir_renderer *r, const struct trail *trail, weir_lexer *lexer, bool enclosed, const weir_lexer *behind)
{
    size_t in = enclosed ? 1 : 0;
    bool behind_in = is_word(&trail->last[in], "IN");
    if (r->dialect->empty_as_array && behind_in) {
        /* A subquery has a type of its own, which PostgreSQL will not compare with any other; '{}' takes the operand's. OPERATOR()
         * binds as strongly to its left as IN does, = and <> do not. */
        bool negated = is_word(&trail->last[in + 1], "NOT");
        if (!r->text->failed)
            r->text->length = trail->places[in + negated];
        weir_buffer_text(r->text, negated ? "OPERATOR(<>) ALL ('{}')" : "OPERATOR(=) ANY ('{}')");
        if (enclosed)
            *lexer = *behind;
        return;
    }
    weir_buffer_text(r->text, enclosed && behind_in ? "SELECT NULL WHERE 1=0" : "(SELECT NULL WHERE 1=0)");
}

static void write_parameter(weir_renderer *r, const weir_token *name, const struct trail *trail, weir_lexer *lexer)
{
    const weir_stmt *owner;
    const weir_parameter *parameter = find_parameter(r, name, &owner);
    if (!parameter)
        return;
    size_t number = number_parameter(r, parameter, owner);
    if (!r->text->failed && r->text->length && weir_is_word_char(r->text->data[r->text->length - 1]))
        weir_buffer_byte(r->text, ' ');         /* IN:ids: the placeholder must not become part of the word */
    if (!parameter->list) {
        weir_render_placeholder(r, number);
        return;
    }
    weir_lexer behind;
    bool enclosed = is_symbol(&trail->last[0], '(') && closes_next(lexer, &behind);     /* IN (:ids) means IN :ids */
    if (!parameter->count) {
        write_empty_list(r, trail, lexer, enclosed, &behind);
        return;
    }
    for (size_t i = 0; i < parameter->count && number && !r->text->failed; i++) {
        weir_buffer_text(r->text, i ? ", " : enclosed ? "" : "(");
        weir_render_placeholder(r, number + i);
    }
    weir_buffer_text(r->text, enclosed ? "" : ")");
}

static bool is_line_comment(const weir_token *token)
{
    return token->kind == WEIR_TOKEN_SPACE && token->length >= 2 && token->text[0] == '-' && token->text[1] == '-';
}

void weir_render_text(weir_renderer *r, const char *text, size_t length, bool embedded)
{
    struct trail trail = { .places = { 0 } };
    weir_lexer lexer;
    weir_token token;
    bool comment = false;
    r->has_text = true;
    weir_buffer_reserve(r->text, length + 1);
    weir_lexer_init(&lexer, r->dialect, text, length);
    while (r->status == WEIR_OK && (token = weir_lexer_next(&lexer)).kind != WEIR_TOKEN_END) {
        size_t place = r->text->length;
        if (token.kind == WEIR_TOKEN_PARAMETER)
            write_parameter(r, &token, &trail, &lexer);
        else if (token.kind == WEIR_TOKEN_FOREIGN || (token.kind == WEIR_TOKEN_COLON && makes_parameter(r, &lexer)))
            refuse_foreign(r, &token);
        else if (token.kind == WEIR_TOKEN_COLON)
            weir_buffer_byte(r->text, ':');
        else if (!embedded || !is_symbol(&token, ';'))
            weir_buffer_append(r->text, token.text, token.length);
        comment = is_line_comment(&token);
        if (token.kind != WEIR_TOKEN_SPACE)
            remember(&trail, &token, place);
    }
    if (embedded && comment)
        weir_buffer_byte(r->text, '\n');        /* what follows is no part of the comment */
}
