/* Compiling a statement for one execution on one dialect: placeholders for names, copies of the values, what the text is. */
#include <stdio.h>
#include <string.h>
#include "base/buffer.h"
#include "base/values.h"
#include "sql/lexer.h"
#include "sql/statement.h"

enum {
    SHOWN_NAME = 200,                   /* longest part of a name in a message */
    SHOWN_VALUE = 80                    /* characters of a value in the log */
};

struct compiler {
    const weir_stmt    *stmt;
    const weir_dialect *dialect;
    weir_arena         *arena;
    weir_compiled      *out;
    weir_error         *error;
    size_t             *numbers;        /* by parameter: that of its first placeholder; 0: not in the text of this dialect */
    size_t              value_count;
    weir_buffer         text;
};

/* ---- refusals ---- */

static int refuse(struct compiler *c, const char *message) { return weir_error_set(c->error, WEIR_INVALID_REQUEST, "%s", message); }

static int check_facts(struct compiler *c)
{
    const weir_sql_facts *facts = &c->out->facts;
    if (facts->kind == WEIR_SQL_EMPTY)
        return refuse(c, "the SQL text is empty: there is nothing in it but white space and comments");
    if (facts->multiple)
        return refuse(c, "the SQL text holds more than one statement; execute them one at a time");
    if (facts->kind == WEIR_SQL_COPY)
        return refuse(c, "COPY cannot be executed as a statement: it speaks a protocol of its own; use SELECT to read, INSERT to write");
    return WEIR_OK;
}

static int refuse_foreign(struct compiler *c, const weir_token *token)
{
    if (token->kind == WEIR_TOKEN_COLON)
        return refuse(c, "the SQL text has an escaped colon in front of a name: SQLite would take that for a parameter of its own");
    return weir_error_set(c->error, WEIR_INVALID_REQUEST,
                          "the SQL text has the %s parameter '%.*s'; weir's parameters have names: use :name and bind 'name'",
                          c->dialect->name, (int)(token->length < SHOWN_NAME ? token->length : SHOWN_NAME), token->text);
}

/* ---- numbers ---- */

/* On SQLite `\:name` would become a parameter again, of the database's own, and silently NULL. */
static bool makes_parameter(const struct compiler *c, const weir_lexer *behind_colon)
{
    return c->dialect->lite_parameters && behind_colon->next < behind_colon->end && weir_is_word_char(*behind_colon->next);
}

static int number_parameter(struct compiler *c, const weir_token *name)
{
    const weir_parameter *parameter = weir_stmt_find(c->stmt, name->text, name->length);
    if (!parameter || !parameter->bound) {
        int shown = (int)(name->length < SHOWN_NAME ? name->length : SHOWN_NAME);
        return weir_error_set(c->error, WEIR_INVALID_REQUEST, "A value is required for bind parameter '%.*s'", shown, name->text);
    }
    size_t *number = &c->numbers[parameter - c->stmt->parameters];
    if (*number == 0) {
        *number = c->value_count + 1;
        c->value_count += parameter->count;
    }
    return WEIR_OK;
}

static int number_parameters(struct compiler *c)
{
    weir_lexer lexer;
    weir_token token;
    size_t size = c->stmt->parameter_count * sizeof *c->numbers;
    c->numbers = weir_arena_take(c->arena, size);
    if (!c->numbers)
        return weir_error_out_of_memory(c->error);
    memset(c->numbers, 0, size);
    weir_lexer_init(&lexer, c->dialect, c->stmt->text, c->stmt->length);
    while ((token = weir_lexer_next(&lexer)).kind != WEIR_TOKEN_END) {
        int status = WEIR_OK;
        if (token.kind == WEIR_TOKEN_PARAMETER)
            status = number_parameter(c, &token);
        else if (token.kind == WEIR_TOKEN_FOREIGN || (token.kind == WEIR_TOKEN_COLON && makes_parameter(c, &lexer)))
            status = refuse_foreign(c, &token);
        if (status != WEIR_OK)
            return status;
    }
    if (c->value_count > c->dialect->maximum_parameters)
        return weir_error_set(c->error, WEIR_INVALID_REQUEST,
                              "the statement has %zu parameters, and %s takes at most %zu; split the list, or join with a table",
                              c->value_count, c->dialect->name, c->dialect->maximum_parameters);
    return WEIR_OK;
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

static void write_empty_list(struct compiler *c, const struct trail *trail, weir_lexer *lexer, bool enclosed, const weir_lexer *behind)
{
    size_t in = enclosed ? 1 : 0;
    bool behind_in = is_word(&trail->last[in], "IN");
    if (c->dialect->empty_as_array && behind_in) {
        /* A subquery has a type of its own, which PostgreSQL will not compare with any other; '{}' takes the operand's. OPERATOR()
         * binds as strongly to its left as IN does, = and <> do not. */
        bool negated = is_word(&trail->last[in + 1], "NOT");
        if (!c->text.failed)
            c->text.length = trail->places[in + negated];
        weir_buffer_text(&c->text, negated ? "OPERATOR(<>) ALL ('{}')" : "OPERATOR(=) ANY ('{}')");
        if (enclosed)
            *lexer = *behind;
        return;
    }
    weir_buffer_text(&c->text, enclosed && behind_in ? "SELECT NULL WHERE 1=0" : "(SELECT NULL WHERE 1=0)");
}

static void write_placeholder(struct compiler *c, size_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%c%zu", c->dialect->placeholder, number);
    weir_buffer_append(&c->text, digits, (size_t)length);
}

static void write_parameter(struct compiler *c, const weir_token *name, const struct trail *trail, weir_lexer *lexer)
{
    const weir_parameter *parameter = weir_stmt_find(c->stmt, name->text, name->length);
    size_t number = c->numbers[parameter - c->stmt->parameters];
    if (!c->text.failed && c->text.length && weir_is_word_char(c->text.data[c->text.length - 1]))
        weir_buffer_byte(&c->text, ' ');        /* IN:ids: the placeholder must not become part of the word */
    if (!parameter->list) {
        write_placeholder(c, number);
        return;
    }
    weir_lexer behind;
    bool enclosed = is_symbol(&trail->last[0], '(') && closes_next(lexer, &behind);     /* IN (:ids) means IN :ids */
    if (!parameter->count) {
        write_empty_list(c, trail, lexer, enclosed, &behind);
        return;
    }
    for (size_t i = 0; i < parameter->count && !c->text.failed; i++) {
        weir_buffer_text(&c->text, i ? ", " : enclosed ? "" : "(");
        write_placeholder(c, number + i);
    }
    weir_buffer_text(&c->text, enclosed ? "" : ")");
}

static int write_text(struct compiler *c)
{
    struct trail trail = { .places = { 0 } };
    weir_lexer lexer;
    weir_token token;
    weir_buffer_init(&c->text, c->arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    weir_buffer_reserve(&c->text, c->stmt->length + 1);
    weir_lexer_init(&lexer, c->dialect, c->stmt->text, c->stmt->length);
    while ((token = weir_lexer_next(&lexer)).kind != WEIR_TOKEN_END) {
        size_t place = c->text.length;
        if (token.kind == WEIR_TOKEN_PARAMETER)
            write_parameter(c, &token, &trail, &lexer);
        else if (token.kind == WEIR_TOKEN_COLON)
            weir_buffer_byte(&c->text, ':');
        else
            weir_buffer_append(&c->text, token.text, token.length);
        if (token.kind != WEIR_TOKEN_SPACE)
            remember(&trail, &token, place);
    }
    const char *text = weir_buffer_cstr(&c->text);
    char *copy = text ? weir_arena_bytes(c->arena, c->text.length + 1) : NULL;
    if (copy)
        memcpy(copy, text, c->text.length + 1);
    c->out->sql = copy;
    c->out->sql_length = c->text.length;
    weir_buffer_free(&c->text);
    return copy ? WEIR_OK : weir_error_out_of_memory(c->error);
}

/* ---- values and declared columns ---- */

static const char *copy_name(struct compiler *c, const char *name)
{
    size_t size = strlen(name) + 1;
    char *copy = weir_arena_bytes(c->arena, size);
    return copy ? memcpy(copy, name, size) : NULL;
}

static int copy_values(struct compiler *c)
{
    weir_value *values = weir_arena_take(c->arena, c->value_count * sizeof *values);
    const char **names = weir_arena_take(c->arena, c->value_count * sizeof *names);
    if (!values || !names)
        return weir_error_out_of_memory(c->error);
    for (size_t i = 0; i < c->stmt->parameter_count; i++) {
        const weir_parameter *parameter = &c->stmt->parameters[i];
        size_t count = c->numbers[i] ? parameter->count : 0, first = c->numbers[i] - 1;
        const char *name = count ? copy_name(c, parameter->name) : NULL;
        if (count && !name)
            return weir_error_out_of_memory(c->error);
        for (size_t k = 0; k < count; k++) {
            names[first + k] = name;
            if (weir_value_copy(c->arena, &parameter->values[k], &values[first + k]) != WEIR_OK)
                return weir_error_out_of_memory(c->error);
        }
    }
    c->out->values = values;
    c->out->names = names;
    c->out->value_count = c->value_count;
    return WEIR_OK;
}

static int copy_declared(struct compiler *c)
{
    size_t count = c->stmt->declared_count;
    weir_declared_column *copy = weir_arena_take(c->arena, count * sizeof *copy);
    if (!copy)
        return weir_error_out_of_memory(c->error);
    for (size_t i = 0; i < count; i++) {
        copy[i] = c->stmt->declared[i];
        if (copy[i].name && !(copy[i].name = copy_name(c, copy[i].name)))
            return weir_error_out_of_memory(c->error);
    }
    c->out->declared = copy;
    c->out->declared_count = count;
    return WEIR_OK;
}

int weir_stmt_compile(const weir_stmt *stmt, const weir_dialect *dialect, weir_arena *arena, weir_compiled *out, weir_error *error)
{
    static int (*const steps[])(struct compiler *) = { check_facts, number_parameters, write_text, copy_values, copy_declared };
    struct compiler compiler = { .stmt = stmt, .dialect = dialect, .arena = arena, .out = out, .error = error };
    int status = weir_stmt_error(stmt)->status;
    *out = (weir_compiled){ .sql = "" };
    if (status != WEIR_OK) {
        *error = *weir_stmt_error(stmt);
    } else {
        weir_sql_read_facts(stmt->text, stmt->length, dialect, &out->facts);
        for (size_t i = 0; i < sizeof steps / sizeof *steps && status == WEIR_OK; i++)
            status = steps[i](&compiler);
    }
    if (status != WEIR_OK && stmt)
        weir_error_text(error->sql, sizeof error->sql, stmt->text, stmt->length);
    return status;
}

/* ---- showing parameters ---- */

struct shown {
    char  *text;
    size_t length, size;                /* size: without the NUL */
};

/* Takes whole characters only; control characters become spaces, so that one event stays one line. */
static void show(struct shown *shown, const char *text, size_t length)
{
    size_t room = shown->size - shown->length, fits = length < room ? length : room;
    while (fits < length && fits > 0 && ((unsigned char)text[fits] & 0xC0) == 0x80)
        fits--;
    for (size_t i = 0; i < fits; i++)
        shown->text[shown->length++] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    if (fits < length)
        shown->size = shown->length;    /* full: nothing shorter may follow */
}

/* Bytes of the first SHOWN_VALUE characters. */
static size_t shown_length(const char *text, size_t length)
{
    size_t characters = 0, i = 0;
    while (i < length && characters < SHOWN_VALUE) {
        do
            i++;
        while (i < length && ((unsigned char)text[i] & 0xC0) == 0x80);
        characters++;
    }
    return i;
}

static void show_value(struct shown *shown, const weir_value *value)
{
    enum { ENOUGH = SHOWN_VALUE * 4 + 4 };      /* bytes that are more characters than are shown */
    char text[ENOUGH + 8];
    weir_value part = *value;
    if (part.type == WEIR_T_NULL) {
        show(shown, "NULL", 4);
        return;
    }
    bool quoted = part.type == WEIR_T_TEXT || part.type == WEIR_T_JSON || part.type == WEIR_T_INET || part.type == WEIR_T_ENUM ||
                  part.type == WEIR_T_OTHER;
    if (quoted && part.as.text.len > ENOUGH)
        part.as.text.len = ENOUGH;      /* a giant is not formatted to show its beginning */
    else if (part.type == WEIR_T_BLOB && part.as.blob.len > ENOUGH)
        part.as.blob.len = ENOUGH;
    size_t whole = weir_value_format(&part, text, sizeof text);
    size_t written = whole < sizeof text ? whole : sizeof text - 1, length = shown_length(text, written);
    show(shown, "'", quoted);
    show(shown, text, length);
    if (length < whole)
        show(shown, "...", 3);
    show(shown, "'", quoted);
}

void weir_compiled_show_parameters(const weir_compiled *compiled, char *buffer, size_t size)
{
    if (!size)
        return;
    struct shown shown = { .text = buffer, .size = size - 1 };
    for (size_t i = 0; i < compiled->value_count && shown.length < shown.size; i++) {
        const char *name = compiled->names[i];
        bool more_before = i > 0 && compiled->names[i - 1] == name;
        bool more_behind = i + 1 < compiled->value_count && compiled->names[i + 1] == name;
        show(&shown, ", ", i > 0 ? 2 : 0);
        if (!more_before) {
            show(&shown, name, strlen(name));
            show(&shown, "=(", more_behind ? 2 : 1);
        }
        show_value(&shown, &compiled->values[i]);
        show(&shown, ")", more_before && !more_behind);
    }
    buffer[shown.length] = 0;
}
