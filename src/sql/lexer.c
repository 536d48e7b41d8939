/* The lexer of SQL texts, for all dialects. */
#include "sql/lexer.h"
#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80; }
static bool is_name_char(char c) { return is_word_start(c) || is_digit(c); }
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool weir_is_word_char(char c) { return is_name_char(c) || c == '$'; }

bool weir_same_word(const char *text, size_t length, const char *word)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
        if (c != word[i] || !word[i])
            return false;
    }
    return !word[length];
}

void weir_lexer_init(weir_lexer *lexer, const weir_dialect *dialect, const char *text, size_t length)
{
    if (!text) {
        text = "";
        length = 0;
    }
    *lexer = (weir_lexer){ .dialect = dialect, .start = text, .next = text, .end = text + length };
}

/* The character `offset` behind p; 0 at and past the end. */
static char peek(const weir_lexer *lexer, const char *p, size_t offset)
{
    return (size_t)(lexer->end - p) > offset ? p[offset] : 0;
}

/* Each of the following gets the place of a token's (or a part's) beginning and gives the place behind it. */

static const char *past_words(const weir_lexer *lexer, const char *p, bool (*belongs)(char))
{
    while (p < lexer->end && belongs(*p))
        p++;
    return p;
}

/* Behind the quote that closes; a doubled one is part of the text. p: behind the quote that opens. */
static const char *past_quote(const weir_lexer *lexer, const char *p, char quote)
{
    while (p < lexer->end) {
        p = memchr(p, quote, (size_t)(lexer->end - p));
        if (!p)
            return lexer->end;
        if (quote == ']' || peek(lexer, p, 1) != quote)
            return p + 1;
        p += 2;
    }
    return lexer->end;
}

static const char *past_line(const weir_lexer *lexer, const char *p)
{
    while (p < lexer->end && *p != '\n' && !(*p == '\r' && lexer->dialect->return_ends_comment))
        p++;
    return p;
}

/* PostgreSQL joins strings that only white space with a line's end in it parts, and reads the second by the rules of the
 * first. The place behind the quote that opens the second, or NULL. */
static const char *past_continuation(const weir_lexer *lexer, const char *p)
{
    bool new_line = false;
    for (;;) {
        if (p < lexer->end && is_space(*p)) {
            new_line |= *p == '\n' || *p == '\r';
            p++;
        } else if (peek(lexer, p, 0) == '-' && peek(lexer, p, 1) == '-') {
            p = past_line(lexer, p);
        } else {
            return new_line && peek(lexer, p, 0) == '\'' ? p + 1 : NULL;
        }
    }
}

static const char *past_backslash_string(const weir_lexer *lexer, const char *p)
{
    while (p < lexer->end) {
        char c = *p++;
        if (c == '\\') {
            if (p < lexer->end)
                p++;
        } else if (c == '\'') {
            if (peek(lexer, p, 0) == '\'') {
                p++;
                continue;
            }
            const char *again = past_continuation(lexer, p);
            if (!again)
                return p;
            p = again;
        }
    }
    return lexer->end;
}

static const char *past_block_comment(const weir_lexer *lexer, const char *p)
{
    size_t depth = 1;
    for (p += 2; p < lexer->end; p++) {
        if (*p == '*' && peek(lexer, p, 1) == '/') {
            p++;
            if (--depth == 0)
                return p + 1;
        } else if (*p == '/' && peek(lexer, p, 1) == '*' && lexer->dialect->nested_comments) {
            p++;
            depth++;
        }
    }
    return lexer->end;
}

/* p: at the first dollar. NULL when no dollar quote begins here. */
static const char *past_dollar_quote(const weir_lexer *lexer, const char *p)
{
    const char *tag_end = p + 1;
    if (is_word_start(peek(lexer, p, 1)))
        tag_end = past_words(lexer, tag_end, is_name_char);
    if (tag_end == lexer->end || *tag_end != '$')
        return NULL;
    size_t length = (size_t)(tag_end + 1 - p);
    const char *close = memmem(tag_end + 1, (size_t)(lexer->end - tag_end - 1), p, length);
    return close ? close + length : lexer->end;
}

static weir_token take(weir_lexer *lexer, weir_token_kind kind, const char *behind)
{
    weir_token token = { kind, lexer->next, (size_t)(behind - lexer->next) };
    lexer->next = behind;
    return token;
}

static weir_token take_word(weir_lexer *lexer)
{
    const char *p = lexer->next, *behind = past_words(lexer, p, weir_is_word_char);
    bool escapes = lexer->dialect->backslash_strings && behind == p + 1 && (*p == 'e' || *p == 'E');
    if (escapes && peek(lexer, behind, 0) == '\'')
        return take(lexer, WEIR_TOKEN_STRING, past_backslash_string(lexer, behind + 1));
    return take(lexer, WEIR_TOKEN_WORD, behind);
}

static weir_token take_colon(weir_lexer *lexer)
{
    const char *p = lexer->next;
    char next = peek(lexer, p, 1);
    if (next == ':' || next == '=')
        return take(lexer, WEIR_TOKEN_SYMBOL, p + 2);
    /* a[lo:hi] is a slice, as in SQLAlchemy, where no parameter begins right behind a word. */
    bool slice = lexer->brackets && p > lexer->start && is_name_char(p[-1]);
    if (is_word_start(next) && !slice) {
        lexer->next = p + 1;
        return take(lexer, WEIR_TOKEN_PARAMETER, past_words(lexer, p + 1, is_name_char));
    }
    if (is_digit(next) && lexer->dialect->lite_parameters)
        return take(lexer, WEIR_TOKEN_FOREIGN, past_words(lexer, p + 1, weir_is_word_char));
    return take(lexer, WEIR_TOKEN_SYMBOL, p + 1);
}

static weir_token take_dollar(weir_lexer *lexer)
{
    const char *p = lexer->next, *behind = p + 1;
    if (lexer->dialect->lite_parameters) {
        behind = past_words(lexer, behind, weir_is_word_char);
        return take(lexer, behind > p + 1 ? WEIR_TOKEN_FOREIGN : WEIR_TOKEN_SYMBOL, behind);
    }
    if (is_digit(peek(lexer, p, 1)))
        return take(lexer, WEIR_TOKEN_FOREIGN, past_words(lexer, behind, is_digit));
    const char *quote = lexer->dialect->dollar_quotes ? past_dollar_quote(lexer, p) : NULL;
    return quote ? take(lexer, WEIR_TOKEN_STRING, quote) : take(lexer, WEIR_TOKEN_SYMBOL, behind);
}

/* The rarer first characters. */
static weir_token take_symbol(weir_lexer *lexer)
{
    const char *p = lexer->next;
    const weir_dialect *dialect = lexer->dialect;
    char next = peek(lexer, p, 1);
    if (*p == '-' && next == '-')
        return take(lexer, WEIR_TOKEN_SPACE, past_line(lexer, p));
    if (*p == '/' && next == '*')
        return take(lexer, WEIR_TOKEN_SPACE, past_block_comment(lexer, p));
    if (*p == '\\' && next == ':')
        return take(lexer, WEIR_TOKEN_COLON, p + 2);
    if (dialect->brackets_quote && (*p == '[' || *p == '`'))
        return take(lexer, WEIR_TOKEN_QUOTED, past_quote(lexer, p + 1, *p == '[' ? ']' : '`'));
    if (dialect->lite_parameters && *p == '?')
        return take(lexer, WEIR_TOKEN_FOREIGN, past_words(lexer, p + 1, is_digit));
    if (dialect->lite_parameters && *p == '@' && weir_is_word_char(next))
        return take(lexer, WEIR_TOKEN_FOREIGN, past_words(lexer, p + 1, weir_is_word_char));
    if (*p == '[')
        lexer->brackets++;
    else if (*p == ']' && lexer->brackets)
        lexer->brackets--;
    return take(lexer, WEIR_TOKEN_SYMBOL, p + 1);
}

weir_token weir_lexer_next(weir_lexer *lexer)
{
    const char *p = lexer->next;
    if (p == lexer->end)
        return (weir_token){ WEIR_TOKEN_END, p, 0 };
    if (is_word_start(*p))
        return take_word(lexer);
    if (is_space(*p))
        return take(lexer, WEIR_TOKEN_SPACE, past_words(lexer, p, is_space));
    if (is_digit(*p))
        return take(lexer, WEIR_TOKEN_NUMBER, past_words(lexer, p, is_digit));
    if (*p == '\'')
        return take(lexer, WEIR_TOKEN_STRING, past_quote(lexer, p + 1, '\''));
    if (*p == '"')
        return take(lexer, WEIR_TOKEN_QUOTED, past_quote(lexer, p + 1, '"'));
    if (*p == ':')
        return take_colon(lexer);
    if (*p == '$')
        return take_dollar(lexer);
    return take_symbol(lexer);
}
