/* Reads a SELECT's top level: key words outside of all parentheses. */
#include "transfer/query_text.h"
#include <stdlib.h>
#include <string.h>
#include "sql/lexer.h"

/* The tokens of the top level, white space left out; what stands in parentheses is passed over as one ")". */
typedef struct walk {
    weir_lexer lexer;
    weir_token token, before;           /* where it stands; what stood in front */
    weir_query_text *out;
    const char *sql;
    bool        saw_parameter;          /* in parentheses passed over, or as the token */
} walk;

static bool is_symbol(const weir_token *token, char c) { return token->kind == WEIR_TOKEN_SYMBOL && token->length == 1 && *token->text == c; }
static bool is_word(const weir_token *token, const char *word) { return token->kind == WEIR_TOKEN_WORD && weir_same_word(token->text, token->length, word); }
static bool is_name(const weir_token *token) { return token->kind == WEIR_TOKEN_WORD || token->kind == WEIR_TOKEN_QUOTED; }
static size_t offset(const walk *w) { return (size_t)(w->token.text - w->sql); }

static void advance(walk *w)
{
    size_t depth = 0;
    w->before = w->token;
    if (w->before.kind != WEIR_TOKEN_END && !is_symbol(&w->before, ';'))
        w->out->end = (size_t)(w->before.text - w->sql) + w->before.length;
    for (;;) {
        w->token = weir_lexer_next(&w->lexer);
        w->saw_parameter = w->saw_parameter || w->token.kind == WEIR_TOKEN_FOREIGN || w->token.kind == WEIR_TOKEN_PARAMETER;
        if (w->token.kind == WEIR_TOKEN_END)
            return;
        if (is_symbol(&w->token, '('))
            depth++;
        else if (is_symbol(&w->token, ')') && depth > 0 && --depth == 0)
            return;
        else if (depth == 0 && w->token.kind != WEIR_TOKEN_SPACE)
            return;
    }
}

static bool is_one_of(const weir_token *token, const char *const *words)
{
    for (; *words; words++)
        if (is_word(token, *words))
            return true;
    return false;
}

static const char *const set_words[] = { "UNION", "INTERSECT", "EXCEPT", NULL };
static const char *const limit_words[] = { "LIMIT", "OFFSET", "FETCH", "FOR", NULL };
static const char *const clause_words[] = { "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", NULL };

static bool ends_from(const walk *w)
{
    const weir_token *token = &w->token;
    return token->kind == WEIR_TOKEN_END || is_symbol(token, ';') || is_one_of(token, set_words) || is_one_of(token, limit_words) ||
           is_one_of(token, clause_words);
}

/* Without quotes; without them in small letters where the database folds. */
static void copy_name(const walk *w, const weir_token *token, char out[WEIR_NAME_SIZE])
{
    bool quoted = token->kind == WEIR_TOKEN_QUOTED, folds = !quoted && w->lexer.dialect == &weir_dialect_postgresql;
    char close = quoted ? token->text[token->length - 1] : 0;
    size_t length = 0;
    for (size_t i = quoted; i + quoted < token->length && length < WEIR_NAME_SIZE - 1; i++) {
        char c = token->text[i];
        out[length++] = folds && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (quoted && c == close)
            i++;
    }
    out[length] = 0;
}

/* Behind FROM: the table, if it is one plain table and nothing else. */
static void read_from(walk *w)
{
    weir_query_text *out = w->out;
    weir_token parts[2], first = w->token;
    size_t count = 0;
    while (is_name(&w->token) && count < 2) {
        parts[count++] = w->token;
        advance(w);
        if (!is_symbol(&w->token, '.'))
            break;
        if (count == 2)
            return;
        advance(w);
    }
    if (count == 0 || (count == 1 && (is_word(&parts[0], "ONLY") || is_word(&parts[0], "LATERAL") || is_word(&parts[0], "VALUES"))))
        return;
    const char *end = parts[count - 1].text + parts[count - 1].length;
    if (is_word(&w->token, "AS"))
        advance(w);
    if (!ends_from(w) && is_name(&w->token))
        advance(w);
    if (!ends_from(w))
        return;
    out->table = (weir_text){ first.text, (size_t)(end - first.text) };
    out->behind_table = out->end;
    copy_name(w, &parts[count - 1], out->table_name);
    if (count == 2)
        copy_name(w, &parts[0], out->table_schema);
}

/* 0 for a number that no select list is long enough for. */
static int ordinal_of(const weir_token *digits)
{
    int number = 0;
    for (size_t i = 0; digits->length < 5 && i < digits->length; i++)
        number = digits->text[i] >= '0' && digits->text[i] <= '9' ? number * 10 + (digits->text[i] - '0') : 0;
    return number;
}

/* "name", "t.name", "3", and behind it ASC, DESC, NULLS FIRST; all else is an expression. */
static void read_order_item(walk *w)
{
    weir_order_item item = { 0 };
    bool plain = is_name(&w->token) || w->token.kind == WEIR_TOKEN_NUMBER;
    if (w->token.kind == WEIR_TOKEN_NUMBER)
        item.ordinal = ordinal_of(&w->token);
    else if (plain)
        copy_name(w, &w->token, item.name);
    for (advance(w); plain && is_symbol(&w->token, '.'); advance(w)) {
        advance(w);
        if (is_name(&w->token))
            copy_name(w, &w->token, item.name);
        else
            plain = false;
    }
    for (; !is_symbol(&w->token, ',') && !is_symbol(&w->token, ';') && !is_one_of(&w->token, limit_words) && w->token.kind != WEIR_TOKEN_END; advance(w)) {
        if (is_word(&w->token, "DESC"))
            item.descending = true;
        else if (is_word(&w->token, "FIRST") && is_word(&w->before, "NULLS"))
            item.nulls_said = item.nulls_first = true;
        else if (is_word(&w->token, "LAST") && is_word(&w->before, "NULLS"))
            item.nulls_said = true;
        else if (!is_word(&w->token, "ASC") && !is_word(&w->token, "NULLS"))
            plain = false;
    }
    if (!plain)
        item.name[0] = 0, item.ordinal = 0;
    if (w->out->order_count < WEIR_ORDER_ITEMS)
        w->out->order[w->out->order_count] = item;
    w->out->order_count++;
}

/* At ORDER. */
static void read_order(walk *w)
{
    size_t start = offset(w);
    advance(w);
    if (!is_word(&w->token, "BY"))
        return;
    w->saw_parameter = false;
    do {
        advance(w);
        read_order_item(w);
    } while (is_symbol(&w->token, ','));
    w->out->order_start = start;
    w->out->order_end = w->out->end;
    w->out->order_has_parameters = w->saw_parameter;
}

/* ---- aggregates ------------------------------------------------------------------------------------------------------------------------ */

static weir_token next_token(weir_lexer *lexer)
{
    weir_token token;
    do
        token = weir_lexer_next(lexer);
    while (token.kind == WEIR_TOKEN_SPACE);
    return token;
}

/* From the parenthesis that comes next to the token behind the one that closes it. */
static weir_token pass_parentheses(weir_lexer *lexer)
{
    size_t depth = 0;
    weir_token token;
    do {
        token = next_token(lexer);
        depth = is_symbol(&token, '(') ? depth + 1 : is_symbol(&token, ')') && depth ? depth - 1 : depth;
    } while (depth && token.kind != WEIR_TOKEN_END);
    return next_token(lexer);
}

static bool is_window(weir_lexer behind_name)
{
    weir_token token = pass_parentheses(&behind_name);
    if (is_word(&token, "FILTER"))
        token = pass_parentheses(&behind_name);
    return is_word(&token, "OVER");
}

/* Whether a select list makes one row of all. Subqueries in it count for themselves. */
static bool calls_aggregate(const char *list, size_t length, const weir_dialect *dialect)
{
    static const char *const names[] = { "AVG", "COUNT", "MAX", "MIN", "SUM", "TOTAL", "GROUP_CONCAT", "STRING_AGG", "ARRAY_AGG", "JSON_AGG", "JSONB_AGG",
                                         "JSON_OBJECT_AGG", "JSONB_OBJECT_AGG", "JSON_GROUP_ARRAY", "JSON_GROUP_OBJECT", "JSONB_GROUP_ARRAY",
                                         "JSONB_GROUP_OBJECT", "BOOL_AND", "BOOL_OR", "EVERY", "STDDEV", "VARIANCE", "MEDIAN", NULL };
    weir_lexer lexer, inner;
    weir_token before = { .kind = WEIR_TOKEN_END };
    weir_lexer_init(&lexer, dialect, list, length);
    for (;;) {
        weir_lexer at = lexer;
        weir_token token = next_token(&lexer);
        if (token.kind == WEIR_TOKEN_END)
            return false;
        if (is_symbol(&token, '(')) {
            inner = lexer;
            weir_token first = next_token(&inner);
            if (is_one_of(&before, names) && !is_window(at))
                return true;
            if (is_word(&first, "SELECT") || is_word(&first, "WITH")) {
                token = pass_parentheses(&at);          /* and what stands behind it is no name of a function */
                lexer = at;
            }
        }
        before = token;
    }
}

void weir_query_text_read(const char *sql, size_t length, const weir_dialect *dialect, weir_query_text *out)
{
    walk w = { .out = out, .sql = sql };
    *out = (weir_query_text){ .table = { NULL, 0 } };
    weir_lexer_init(&w.lexer, dialect, sql, length);
    advance(&w);
    out->end = 0;
    bool from_seen = false;
    while (w.token.kind != WEIR_TOKEN_END) {
        if (is_word(&w.token, "WITH") && !from_seen && w.before.kind == WEIR_TOKEN_END)
            out->cte = true;
        else if (is_word(&w.token, "DISTINCT") && is_word(&w.before, "SELECT"))
            out->distinct = true, out->select_start = offset(&w) + w.token.length;
        else if (is_word(&w.token, "SELECT") && !from_seen)
            out->select_start = offset(&w) + w.token.length;
        else if (is_one_of(&w.token, set_words))
            out->combined = true;
        else if (is_word(&w.token, "WHERE"))
            out->where = true;
        else if (is_word(&w.token, "GROUP") || is_word(&w.token, "HAVING"))
            out->grouped = true;
        else if (is_one_of(&w.token, limit_words) && from_seen)
            out->limited = true;
        else if (is_word(&w.token, "ORDER")) {
            read_order(&w);
            continue;
        } else if (is_word(&w.token, "FROM") && !is_word(&w.before, "DISTINCT") && !from_seen) {
            from_seen = true;
            out->select_end = offset(&w);
            advance(&w);
            read_from(&w);
            continue;
        }
        advance(&w);
    }
    if (out->cte || out->combined)
        out->table.ptr = NULL;
    if (out->select_end < out->select_start)
        out->select_end = out->select_start;
    out->grouped = out->grouped || calls_aggregate(sql + out->select_start, out->select_end - out->select_start, dialect);
}

/* ---- the select list ------------------------------------------------------------------------------------------------------------------- */

typedef struct listed { char column[WEIR_NAME_SIZE], label[WEIR_NAME_SIZE]; bool star; } listed;    /* column "": an expression */

/* One item of the list; stands behind it, at a comma or the end. */
static void read_listed(walk *w, listed *out)
{
    bool plain = is_name(&w->token), named = false;
    *out = (listed){ .column = "" };
    if (plain)
        copy_name(w, &w->token, out->column);
    for (; w->token.kind != WEIR_TOKEN_END && !is_symbol(&w->token, ','); advance(w)) {
        bool after_dot = is_symbol(&w->before, '.');
        out->star = out->star || (is_symbol(&w->token, '*') && (after_dot || !is_name(&w->before)));
        if (is_name(&w->token) && after_dot && plain && !named) {
            copy_name(w, &w->token, out->column);
        } else if (is_name(&w->token) && (is_name(&w->before) || is_symbol(&w->before, ')')) && !is_word(&w->token, "AS")) {
            copy_name(w, &w->token, out->label);        /* with AS in front, or without */
            named = true;
        } else if (!is_name(&w->token) && !is_symbol(&w->token, '.')) {
            plain = false;
        }
    }
    if (!plain)
        out->column[0] = 0;
}

bool weir_query_order_column(const char *sql, const weir_query_text *text, const weir_dialect *dialect, const weir_order_item *item,
                             char column[WEIR_NAME_SIZE])
{
    weir_query_text scratch = { .table = { NULL, 0 } };
    walk w = { .out = &scratch, .sql = sql };
    listed found;
    memcpy(column, item->name, WEIR_NAME_SIZE);
    if ((!item->name[0] && !item->ordinal) || text->select_end == text->select_start)
        return false;
    weir_lexer_init(&w.lexer, dialect, sql + text->select_start, text->select_end - text->select_start);
    for (int number = 1; w.token.kind != WEIR_TOKEN_END || number == 1; number++) {
        advance(&w);
        w.before = (weir_token){ .kind = WEIR_TOKEN_SYMBOL, .text = ",", .length = 1 };
        read_listed(&w, &found);
        if (item->ordinal && (found.star || number == item->ordinal)) {
            memcpy(column, found.column, WEIR_NAME_SIZE);
            return !found.star && column[0];
        }
        if (!item->ordinal && found.label[0] && !strcmp(found.label, item->name)) {
            memcpy(column, found.column, WEIR_NAME_SIZE);
            return column[0] != 0;
        }
    }
    return !item->ordinal;
}
