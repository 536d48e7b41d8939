/* Texts for pages of parameter sets: the write itself, the lock that goes before it, and what asks for the columns' types. */
#include <string.h>
#include "sql/compile.h"
#include "sql/write.h"

int weir_page_compile(const weir_stmt *stmt, const weir_dialect *dialect, const weir_page *page, weir_arena *arena, weir_compiled *out,
                      weir_error *error)
{
    if (weir_stmt_error(stmt)->status == WEIR_OK && !stmt->write) {
        *out = (weir_compiled){ .sql = "" };
        return weir_error_set(error, WEIR_ARGUMENT, "%s takes no parameter sets of an entity", weir_stmt_kind_name(stmt->kind));
    }
    return weir_stmt_compile_as(stmt, dialect, false, page, arena, out, error);
}

static void write_columns(weir_renderer *r, const weir_entity *entity, const weir_page *page, const char *before)
{
    for (size_t i = 0; i < page->column_count; i++) {
        weir_buffer_text(r->text, i ? ", " : before);
        weir_render_qualifier(r, entity, NULL);
        weir_buffer_byte(r->text, '.');
        weir_identifier_append(r->text, weir_member_column(page->columns[i]));
    }
}

static void write_from(weir_renderer *r, const weir_entity *entity)
{
    weir_buffer_text(r->text, " FROM ");
    weir_render_qualifier(r, entity, NULL);
}

/* The rows whose key is among those of the page, in the order of its sets, which is that of all writers: the server's would be another one
 * (collations, enums), and its plan's is any. Only the number of rows travels. */
static void write_lock(weir_renderer *r, const weir_entity *entity, const weir_page *page)
{
    if (!r->dialect->row_locks || !page->column_count || page->rows || !page->types) {
        weir_render_fail(r, WEIR_COMPILE, "%s has no row locks, or the lock has no columns", r->dialect->name);
        return;
    }
    const char *sets = weir_render_name(r, "sets");
    weir_page_number(r, page);
    weir_buffer_text(r->text, "SELECT count(*) FROM (SELECT 1");
    write_from(r, entity);
    weir_buffer_text(r->text, ", ");
    weir_page_unnest(r, page);
    weir_buffer_printf(r->text, " WITH ORDINALITY AS %s(", sets);
    for (size_t i = 0; i < page->column_count; i++)
        weir_buffer_printf(r->text, "p%zu, ", i + 1);
    weir_buffer_text(r->text, "n)");
    for (size_t i = 0; i < page->column_count; i++) {
        weir_page one = { .columns = &page->columns[i], .column_count = 1 };
        write_columns(r, entity, &one, i ? " AND " : " WHERE ");
        weir_buffer_printf(r->text, " = %s.p%zu", sets, i + 1);
    }
    weir_buffer_printf(r->text, " ORDER BY %s.n FOR UPDATE) AS locked", sets);
}

static void write_types(weir_renderer *r, const weir_entity *entity, const weir_page *page)
{
    write_columns(r, entity, page, "SELECT ");
    write_from(r, entity);
    weir_buffer_text(r->text, " WHERE false");
}

static int compile_by(void (*write)(weir_renderer *, const weir_entity *, const weir_page *), const weir_entity *entity,
                      const weir_dialect *dialect, const weir_page *page, weir_arena *arena, weir_compiled *out, weir_error *error)
{
    weir_buffer text;
    weir_renderer r = { .dialect = dialect, .arena = arena, .error = error, .text = &text };
    *out = (weir_compiled){ .sql = "" };
    weir_buffer_init(&text, arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 2);
    r.with_end = &r.with;
    write(&r, entity, page);
    int status = weir_render_finish(&r, out);
    weir_buffer_free(&text);
    out->facts.kind = WEIR_SQL_SELECT;
    return status;
}

int weir_page_compile_lock(const weir_entity *entity, const weir_dialect *dialect, const weir_page *page, weir_arena *arena,
                           weir_compiled *out, weir_error *error)
{
    int status = compile_by(write_lock, entity, dialect, page, arena, out, error);
    out->facts.locks_rows = true;
    out->facts.ordered = true;
    return status;
}

int weir_page_compile_types(const weir_entity *entity, const weir_dialect *dialect, const weir_page *page, weir_arena *arena,
                            weir_compiled *out, weir_error *error)
{
    return compile_by(write_types, entity, dialect, page, arena, out, error);
}
