/* What a text is, found without a grammar: the first words, the words that begin a statement inside WITH, and where one ends. */
#include "sql/lexer.h"
#include "sql/text.h"

/* Significant tokens: symbols are their character, words one of these. */
enum code {
    NOTHING = 0, PLAIN = 256, LITERAL,
    ABORT, AS, ATOMIC, BEGIN, BY, CASE, COMMIT, COPY, CREATE, CYCLE, DEFAULT, DELETE, DISCARD, END, EXCEPT, FOR, FUNCTION, INSERT,
    INTERSECT, INTO, KEY, MATERIALIZED, MERGE, NO, ORDER, PREPARE, PROCEDURE, RECURSIVE, RELEASE, REPLACE, RESET, ROLLBACK, SAVEPOINT,
    SELECT, SET, SET_CONFIG, SHARE, START, TABLE, TEMP, TO, TRANSACTION, TRIGGER, UNION, UPDATE, USING, VALUES, WITH
};

static const struct word { const char *text; enum code code; } words[] = {
    { "ABORT", ABORT }, { "AS", AS }, { "ATOMIC", ATOMIC }, { "BEGIN", BEGIN }, { "BY", BY }, { "CASE", CASE }, { "COMMIT", COMMIT },
    { "COPY", COPY }, { "CREATE", CREATE }, { "CYCLE", CYCLE }, { "DEFAULT", DEFAULT }, { "DELETE", DELETE }, { "DISCARD", DISCARD },
    { "END", END }, { "EXCEPT", EXCEPT }, { "FOR", FOR }, { "FUNCTION", FUNCTION }, { "INSERT", INSERT }, { "INTERSECT", INTERSECT },
    { "INTO", INTO }, { "KEY", KEY }, { "MATERIALIZED", MATERIALIZED }, { "MERGE", MERGE }, { "NO", NO }, { "ORDER", ORDER },
    { "PREPARE", PREPARE }, { "PROCEDURE", PROCEDURE }, { "RECURSIVE", RECURSIVE }, { "RELEASE", RELEASE }, { "REPLACE", REPLACE },
    { "RESET", RESET }, { "ROLLBACK", ROLLBACK }, { "SAVEPOINT", SAVEPOINT }, { "SELECT", SELECT }, { "SET", SET },
    { "SET_CONFIG", SET_CONFIG }, { "SHARE", SHARE }, { "START", START }, { "TABLE", TABLE }, { "TEMP", TEMP }, { "TEMPORARY", TEMP },
    { "TO", TO }, { "TRANSACTION", TRANSACTION }, { "TRIGGER", TRIGGER }, { "UNION", UNION }, { "UPDATE", UPDATE }, { "USING", USING },
    { "VALUES", VALUES }, { "WITH", WITH },
};

static const struct first_word { enum code code; weir_sql_kind kind; } first_words[] = {
    { SELECT, WEIR_SQL_SELECT }, { VALUES, WEIR_SQL_SELECT }, { TABLE, WEIR_SQL_SELECT }, { WITH, WEIR_SQL_SELECT },
    { INSERT, WEIR_SQL_DML }, { UPDATE, WEIR_SQL_DML }, { DELETE, WEIR_SQL_DML }, { MERGE, WEIR_SQL_DML }, { REPLACE, WEIR_SQL_DML },
    { COPY, WEIR_SQL_COPY }, { SET, WEIR_SQL_SET }, { RESET, WEIR_SQL_SET }, { DISCARD, WEIR_SQL_SET },
    { BEGIN, WEIR_SQL_TRANSACTION }, { START, WEIR_SQL_TRANSACTION }, { COMMIT, WEIR_SQL_TRANSACTION }, { END, WEIR_SQL_TRANSACTION },
    { ROLLBACK, WEIR_SQL_TRANSACTION }, { ABORT, WEIR_SQL_TRANSACTION }, { SAVEPOINT, WEIR_SQL_TRANSACTION },
    { RELEASE, WEIR_SQL_TRANSACTION },
};

/* What may come at a level of parentheses. */
enum level {
    INSIDE = 0,             /* no statement begins here any more */
    OPENING,                /* a statement may begin here */
    LISTING,                /* behind WITH: the list of its queries, then the main one */
    STATE = 3,
    WHOLE = 4               /* flag: the parentheses stand around a whole query */
};
enum { LEVELS = 64 };       /* deeper ones are INSIDE */

struct reader {
    weir_sql_facts     *facts;
    const weir_dialect *dialect;
    enum code           code, previous, before;     /* this token, and the two in front of it */
    size_t              position;                   /* of this token among the significant ones */
    size_t              depth;
    unsigned char       levels[LEVELS];
    bool                modifies, into, locks, routine, ended;
    size_t              ordered_depth;
    size_t              body;                       /* open BEGIN and CASE in a body of statements */
};

static enum code classify(const weir_token *token, enum code previous)
{
    if (token->kind == WEIR_TOKEN_SYMBOL)
        return token->length == 1 ? (enum code)(unsigned char)*token->text : LITERAL;
    if (token->kind == WEIR_TOKEN_QUOTED) {
        bool inner = token->length > 2 && weir_same_word(token->text + 1, token->length - 2, "SET_CONFIG");
        return inner ? SET_CONFIG : PLAIN;
    }
    if (token->kind != WEIR_TOKEN_WORD)
        return LITERAL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (weir_same_word(token->text, token->length, words[i].text))
            return previous == '.' && words[i].code != SET_CONFIG ? PLAIN : words[i].code;
    return PLAIN;
}

static weir_sql_kind kind_of(enum code first)
{
    for (size_t i = 0; i < sizeof first_words / sizeof *first_words; i++)
        if (first_words[i].code == first)
            return first_words[i].kind;
    return WEIR_SQL_OTHER;
}

static bool is_modifying(enum code c) { return c == INSERT || c == UPDATE || c == DELETE || c == MERGE || c == REPLACE; }

/* Behind these a name follows, which may well be one of the words that begin statements. */
static bool wants_name(enum code c)
{
    return c == WITH || c == RECURSIVE || c == ',' || c == BY || c == SET || c == USING || c == CYCLE || c == TO || c == DEFAULT;
}

static void open_level(struct reader *r)
{
    unsigned char child = INSIDE;
    if (r->depth < LEVELS) {
        unsigned char *level = &r->levels[r->depth];
        unsigned char whole = *level & WHOLE;
        bool main_query = (*level & STATE) == OPENING || ((*level & STATE) == LISTING && r->previous == ')');
        if (main_query) {
            child = OPENING | whole;
            *level = whole | INSIDE;
        } else if ((*level & STATE) == LISTING && (r->previous == AS || r->previous == MATERIALIZED)) {
            child = OPENING;
        }
    }
    if (++r->depth < LEVELS)
        r->levels[r->depth] = child;
}

/* Finds the words that begin a statement, at the levels where one can. */
static void note_beginning(struct reader *r)
{
    if (r->code == '(') {
        open_level(r);
        return;
    }
    if (r->code == ')') {
        r->depth -= r->depth > 0;
        return;
    }
    if (r->depth >= LEVELS)
        return;
    unsigned char *level = &r->levels[r->depth], whole = *level & WHOLE;
    if ((*level & STATE) == OPENING) {
        r->modifies |= is_modifying(r->code);
        *level = whole | (r->code == WITH ? LISTING : INSIDE);
    } else if ((*level & STATE) == LISTING && !wants_name(r->previous)) {
        bool modifies = is_modifying(r->code);
        r->modifies |= modifies;
        if (modifies || r->code == SELECT || r->code == VALUES || r->code == TABLE)
            *level = whole | INSIDE;
    }
}

static void note_clauses(struct reader *r)
{
    bool whole = r->depth < LEVELS && r->levels[r->depth] & WHOLE;
    if (r->code == BY && r->previous == ORDER && whole) {
        r->facts->ordered = true;
        r->ordered_depth = r->depth;
    }
    if ((r->code == UNION || r->code == INTERSECT || r->code == EXCEPT) && whole && r->depth < r->ordered_depth)
        r->facts->ordered = false;
    r->into |= r->code == INTO && whole && r->previous != AS;
    r->locks |= (r->code == UPDATE || r->code == SHARE) && r->previous == FOR;
    r->locks |= r->code == UPDATE && r->previous == KEY && r->before == NO;
    r->locks |= r->code == SHARE && r->previous == KEY && r->before == FOR;
    r->facts->changes_settings |= r->code == '(' && r->previous == SET_CONFIG;
}

/* Bodies of statements, whose semicolons end nothing: SQLite's triggers, PostgreSQL's BEGIN ATOMIC. */
static void note_body(struct reader *r)
{
    if (r->dialect->trigger_bodies) {
        bool header = r->code == TRIGGER && (r->previous == CREATE || (r->previous == TEMP && r->before == CREATE));
        if (header && r->position <= 2)
            r->body = 1;
        else if (r->body && r->code == END && r->previous == ';')
            r->body = 0;
        return;
    }
    if (r->code == FUNCTION || r->code == PROCEDURE)
        r->routine |= (r->position == 1 && r->previous == CREATE) || (r->position == 3 && r->previous == REPLACE);
    if (!r->routine)
        return;
    if (!r->body)
        r->body = r->code == ATOMIC && r->previous == BEGIN && r->depth == 0;
    else if (r->code == CASE && r->previous != AS)
        r->body++;
    else if (r->code == END && r->previous != AS)
        r->body--;
}

static void note_end(struct reader *r)
{
    if (r->code == ';')
        r->ended |= r->depth == 0 && !r->body;      /* rules of PostgreSQL hold semicolons in parentheses */
    else
        r->facts->multiple |= r->ended;
}

static void note_kind(struct reader *r)
{
    if (r->facts->kind == WEIR_SQL_EMPTY && r->code != '(')
        r->facts->kind = kind_of(r->code);
    if (r->code == TRANSACTION && r->position == 1 && r->previous == PREPARE)
        r->facts->kind = WEIR_SQL_TRANSACTION;
}

static void conclude(struct reader *r)
{
    weir_sql_facts *facts = r->facts;
    if (facts->kind == WEIR_SQL_EMPTY && r->position)
        facts->kind = WEIR_SQL_OTHER;               /* parentheses around nothing: for the database to refuse */
    if (facts->kind == WEIR_SQL_SELECT && r->modifies)
        facts->kind = WEIR_SQL_DML;
    else if (facts->kind == WEIR_SQL_SELECT && r->into)
        facts->kind = WEIR_SQL_OTHER;               /* SELECT … INTO makes a table */
    facts->locks_rows = r->locks && r->dialect->row_locks && (facts->kind == WEIR_SQL_SELECT || facts->kind == WEIR_SQL_DML);
    facts->changes_settings |= facts->kind == WEIR_SQL_SET;
}

void weir_sql_read_facts(const char *sql, size_t length, const weir_dialect *dialect, weir_sql_facts *out)
{
    struct reader r = { .facts = out, .dialect = dialect, .levels = { OPENING | WHOLE } };
    weir_lexer lexer;
    weir_token token;
    *out = (weir_sql_facts){ .kind = WEIR_SQL_EMPTY };
    weir_lexer_init(&lexer, dialect, sql, length);
    while ((token = weir_lexer_next(&lexer)).kind != WEIR_TOKEN_END && !out->multiple) {
        if (token.kind == WEIR_TOKEN_SPACE)
            continue;
        r.code = classify(&token, r.previous);
        if (r.code == ';' && r.position == 0)
            continue;                               /* empty statements in front are nothing */
        note_end(&r);
        note_kind(&r);
        note_beginning(&r);
        note_clauses(&r);
        note_body(&r);
        r.before = r.previous;
        r.previous = r.code;
        r.position++;
    }
    conclude(&r);
}
