/* Compiling a statement for one execution on one dialect: its text with placeholders, copies of the values, what the text is. */
#include <stdio.h>
#include <string.h>
#include "base/values.h"
#include "sql/compile.h"
#include "sql/write.h"

enum { SHOWN_VALUE = 80 };              /* characters of a value in the log */

static int check_facts(const weir_sql_facts *facts, weir_error *error)
{
    const char *message = NULL;
    if (facts->kind == WEIR_SQL_EMPTY)
        message = "the SQL text is empty: there is nothing in it but white space and comments";
    else if (facts->multiple)
        message = "the SQL text holds more than one statement; execute them one at a time";
    else if (facts->kind == WEIR_SQL_COPY)
        message = "COPY cannot be executed as a statement: it speaks a protocol of its own; use SELECT to read, INSERT to write";
    return message ? weir_error_set(error, WEIR_INVALID_REQUEST, "%s", message) : WEIR_OK;
}

static int copy_declared(const weir_stmt *stmt, weir_arena *arena, weir_compiled *out, weir_error *error)
{
    weir_declared_column *copy = weir_arena_take(arena, stmt->declared_count * sizeof *copy);
    if (!copy)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < stmt->declared_count; i++) {
        copy[i] = stmt->declared[i];
        if (!copy[i].name)
            continue;
        size_t size = strlen(copy[i].name) + 1;
        char *name = weir_arena_bytes(arena, size);
        if (!name)
            return weir_error_out_of_memory(error);
        copy[i].name = memcpy(name, copy[i].name, size);
    }
    out->declared = copy;
    out->declared_count = stmt->declared_count;
    return WEIR_OK;
}

/* The text, behind the WITH that was found on the way. */
static int finish_text(weir_renderer *r, weir_compiled *out)
{
    size_t length = r->text->length + 32;
    for (const weir_with *with = r->with; with; with = with->next)
        length += with->length + 2;
    if (r->text->failed && r->status == WEIR_OK)
        r->status = weir_error_out_of_memory(r->error);
    char *sql = r->status == WEIR_OK ? weir_arena_bytes(r->arena, length) : NULL, *end = sql;
    if (!sql)
        return r->status == WEIR_OK ? weir_error_out_of_memory(r->error) : r->status;
    for (const weir_with *with = r->with; with; with = with->next) {
        const char *before = with != r->with ? ", " : r->recursive ? "WITH RECURSIVE " : "WITH ";
        end = stpcpy(end, before);
        memcpy(end, with->text, with->length);
        end += with->length;
        if (!with->next)
            *end++ = ' ';
    }
    if (r->text->length)
        memcpy(end, r->text->data, r->text->length);
    end += r->text->length;
    *end = 0;
    out->sql = sql;
    out->sql_length = (size_t)(end - sql);
    return WEIR_OK;
}

int weir_render_finish(weir_renderer *r, weir_compiled *out)
{
    int status = finish_text(r, out);
    out->values = r->values;
    out->names = r->names;
    out->value_count = r->value_count;
    return status;
}

static void read_tree_facts(const weir_renderer *r, const weir_select_tree *tree, weir_compiled *out)
{
    weir_sql_facts facts = { .kind = WEIR_SQL_SELECT };
    if (r->has_text)
        weir_sql_read_facts(out->sql, out->sql_length, r->dialect, &facts);
    facts.kind = r->writes && facts.kind == WEIR_SQL_SELECT ? WEIR_SQL_DML : facts.kind;
    facts.ordered = tree->text ? facts.ordered : tree->order_by.count > 0 || r->ordered;
    facts.locks_rows = facts.locks_rows || (tree->lock && r->dialect->row_locks);
    out->facts = facts;
}

static int render(weir_renderer *r, const weir_stmt *stmt, const struct weir_page *page, weir_compiled *out)
{
    weir_scope *scope = r->scope;
    if (stmt->write) {
        weir_render_write(r, scope, page);
        bool returns = stmt->tree->columns.count && !(page && page->no_returning);
        out->shape = returns ? weir_shape_finish(r, scope, stmt->tree) : NULL;
    } else if (stmt->tree) {
        weir_render_select(r, scope);
        out->shape = weir_shape_finish(r, scope, stmt->tree);
    } else {
        weir_sql_read_facts(stmt->text, stmt->length, r->dialect, &out->facts);
        if (check_facts(&out->facts, r->error) != WEIR_OK)
            return r->error->status;
        weir_render_text(r, stmt->text, stmt->length, false);
    }
    int status = weir_render_finish(r, out);
    if (status == WEIR_OK && stmt->tree) {
        read_tree_facts(r, stmt->tree, out);
        status = check_facts(&out->facts, r->error);
    }
    return status;
}

int weir_stmt_compile_as(const weir_stmt *stmt, const weir_dialect *dialect, bool literals, const struct weir_page *page, weir_arena *arena,
                         weir_compiled *out, weir_error *error)
{
    weir_buffer text;
    int status = weir_stmt_error(stmt)->status;
    *out = (weir_compiled){ .sql = "" };
    if (status != WEIR_OK) {
        *error = *weir_stmt_error(stmt);
    } else {
        weir_scope scope = { .stmt = stmt };
        weir_renderer renderer = { .dialect = dialect, .arena = arena, .error = error, .literals = literals, .text = &text, .scope = &scope };
        weir_buffer_init(&text, arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
        weir_buffer_reserve(&text, stmt->tree ? 512 : stmt->length + 1);
        renderer.with_end = &renderer.with;
        status = render(&renderer, stmt, page, out);
        weir_buffer_free(&text);
        if (status == WEIR_OK)
            status = copy_declared(stmt, arena, out, error);
        out->origins = renderer.origins;
    }
    if (status != WEIR_OK && stmt && stmt->text)
        weir_error_text(error->sql, sizeof error->sql, stmt->text, stmt->length);
    return status;
}

int weir_stmt_compile(const weir_stmt *stmt, const weir_dialect *dialect, weir_arena *arena, weir_compiled *out, weir_error *error)
{
    return weir_stmt_compile_as(stmt, dialect, false, NULL, arena, out, error);
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
