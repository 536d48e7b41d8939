/* The lexer: cuts an SQL text into tokens by the lexical rules of one dialect. It never fails and never reads past the end:
 * what is not closed runs to the end of the text, and the database says what is wrong with it. */
#ifndef WEIR_SQL_LEXER_H
#define WEIR_SQL_LEXER_H
#include "sql/dialect.h"

typedef enum weir_token_kind {
    WEIR_TOKEN_END = 0,
    WEIR_TOKEN_SPACE,           /* white space, or one comment */
    WEIR_TOKEN_WORD,            /* a key word or a plain identifier */
    WEIR_TOKEN_QUOTED,          /* a quoted identifier */
    WEIR_TOKEN_STRING,
    WEIR_TOKEN_NUMBER,          /* digits */
    WEIR_TOKEN_PARAMETER,       /* :name; the token's text is the name */
    WEIR_TOKEN_FOREIGN,         /* a parameter in the database's own notation: $1, ?, @x */
    WEIR_TOKEN_COLON,           /* \: that stands for a plain colon */
    WEIR_TOKEN_SYMBOL           /* one character, or :: or := */
} weir_token_kind;

typedef struct weir_token {
    weir_token_kind kind;
    const char     *text;
    size_t          length;
} weir_token;

typedef struct weir_lexer {
    const weir_dialect *dialect;
    const char         *start, *next, *end;
    size_t              brackets;       /* open array subscripts */
} weir_lexer;

void weir_lexer_init(weir_lexer *lexer, const weir_dialect *dialect, const char *text, size_t length);
/* The next token; at the end, again and again, one of WEIR_TOKEN_END. */
weir_token weir_lexer_next(weir_lexer *lexer);
/* Whether a character can be part of an identifier behind its first one. */
bool weir_is_word_char(char c);
/* Whether `length` bytes of text are `word` (in capitals) but for the case of ASCII letters, whatever the locale. */
bool weir_same_word(const char *text, size_t length, const char *word);
#endif
