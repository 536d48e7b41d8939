/* Inserts, updates and deletes as text: by themselves, or for a page of parameter sets. */
#include <string.h>
#include "sql/render.h"
#include "sql/write.h"

/* One being rendered. */
typedef struct writer {
    weir_renderer         *r;
    weir_scope            *scope;
    const weir_stmt       *stmt;
    const weir_write_tree *write;
    const weir_page       *page;        /* NULL: by itself */
    const char            *sets;        /* the name of unnest(…) in FROM; NULL: placeholders one by one */
    const weir_member    **columns;     /* that an insert writes by position: page, rows or select; then those of weir_set */
    size_t                 column_count;
} writer;

static void say(writer *w, const char *text) { weir_buffer_text(w->r->text, text); }

static void write_name(writer *w, const weir_member *member) { weir_identifier_append(w->r->text, weir_member_column(member)); }

static void write_column(writer *w, const weir_member *member)
{
    weir_render_qualifier(w->r, w->write->entity, NULL);
    weir_buffer_byte(w->r->text, '.');
    write_name(w, member);
}

/* ---- the values of a page ---- */

void weir_page_number(weir_renderer *r, const weir_page *page)
{
    static const weir_value null = { .type = WEIR_T_NULL };
    size_t rows = page->rows ? page->rows : 1;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < page->column_count && r->status == WEIR_OK; i++)
            weir_render_number(r, &null, 1, weir_member_column(page->columns[i]));
}

static void write_place(writer *w, size_t row, size_t column)
{
    if (w->sets)
        weir_buffer_printf(w->r->text, "%s.p%zu", w->sets, column + 1);
    else
        weir_render_placeholder(w->r, row * w->page->column_count + column + 1);
}

void weir_page_unnest(weir_renderer *r, const weir_page *page)
{
    weir_buffer_text(r->text, "unnest(");
    for (size_t i = 0; i < page->column_count; i++) {
        weir_buffer_text(r->text, i ? ", " : "");
        weir_render_placeholder(r, i + 1);
        weir_buffer_printf(r->text, "::%s[]", page->types[i]);
    }
    weir_buffer_byte(r->text, ')');
}

/* unnest(…) AS v_1(p1, p2) */
static void write_sets(writer *w)
{
    weir_page_unnest(w->r, w->page);
    weir_buffer_printf(w->r->text, w->page->ordered ? " WITH ORDINALITY AS %s(" : " AS %s(", w->sets);
    for (size_t i = 0; i < w->page->column_count; i++)
        weir_buffer_printf(w->r->text, i ? ", p%zu" : "p%zu", i + 1);
    say(w, w->page->ordered ? ", n)" : ")");
}

static void name_sets(writer *w)
{
    if (w->page && !w->page->rows)
        w->sets = weir_render_name(w->r, "sets");
}

static bool page_has(const writer *w, const weir_member *member)
{
    for (size_t i = 0; i < w->page->column_count; i++)
        if (w->page->columns[i] == member)
            return true;
    return false;
}

static bool check_page(writer *w)
{
    const weir_page *page = w->page;
    const weir_assignments *sets = &w->write->sets;
    for (size_t i = 0; i < sets->count; i++)
        if (page_has(w, sets->items[i].member))
            weir_render_fail(w->r, WEIR_ARGUMENT, "%s.%s is set twice: by weir_set, and by parameter sets", w->write->entity->name,
                             sets->items[i].member->name);
    bool arrays = page->rows == 0, many = page->rows > 1;
    if (!page->column_count)
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "parameter sets without columns");
    else if (arrays && (!w->r->dialect->array_lists || !page->types))
        weir_render_fail(w->r, WEIR_COMPILE, "%s takes no arrays of parameter sets", w->r->dialect->name);
    else if (many && w->stmt->kind != WEIR_STMT_INSERT)
        weir_render_fail(w->r, WEIR_COMPILE, "only inserts take several parameter sets as rows");
    else if (w->write->row_count || w->write->select)
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "the insert into %s has rows of its own, and parameter sets besides", w->write->entity->table);
    return w->r->status == WEIR_OK;
}

/* ---- assignments ---- */

static void write_assignments(writer *w, const weir_assignments *list, size_t written)
{
    for (size_t i = 0; i < list->count && w->r->status == WEIR_OK; i++) {
        say(w, i || written ? ", " : "");
        write_name(w, list->items[i].member);
        say(w, " = ");
        weir_render_expression(w->r, list->items[i].value, WEIR_BIND_NONE, false);
    }
}

/* ---- RETURNING ---- */

static bool names_other(const writer *w, const weir_expr *e)
{
    bool place = e->op == WEIR_OP_COLUMN || e->op == WEIR_OP_SOURCE_COLUMN || e->op == WEIR_OP_ENTITY;
    if (place && (e->source || !e->entity || strcmp(e->entity->table ? e->entity->table : "", w->write->entity->table) != 0))
        return true;
    for (size_t i = 0; e->args && e->args[i]; i++)
        if (names_other(w, e->args[i]))
            return true;
    return false;
}

static void write_sentinels(writer *w, bool first)
{
    for (size_t i = 0; w->page && i < w->page->sentinel_count; i++) {
        say(w, first && !i ? " RETURNING " : ", ");
        if (w->r->dialect->returns_written)
            write_name(w, w->page->sentinels[i]);
        else
            write_column(w, w->page->sentinels[i]);
    }
}

static void write_returning(writer *w)
{
    const weir_select_tree *tree = w->stmt->tree;
    bool listed = tree->columns.count && !(w->page && w->page->no_returning);
    for (size_t i = 0; listed && w->r->dialect->returns_written && i < tree->columns.count; i++)
        if (names_other(w, tree->columns.items[i]))
            weir_render_fail(w->r, WEIR_COMPILE, "RETURNING has columns of %s alone on %s", w->write->entity->table, w->r->dialect->name);
    if (listed) {
        say(w, " RETURNING ");
        w->scope->names_only = w->r->dialect->returns_written;
        weir_shape_columns(w->r, w->scope, tree);
        w->scope->names_only = false;
    }
    write_sentinels(w, !listed);
}

/* ---- insert ---- */

static bool take_column(writer *w, const weir_member *member)
{
    w->columns[w->column_count++] = member;
    return true;
}

static void collect_columns(writer *w)
{
    const weir_write_tree *write = w->write;
    size_t most = write->entity->member_count;
    if (!(w->columns = weir_render_take(w->r, most * sizeof(const weir_member *))))
        return;
    for (size_t i = 0; w->page && i < w->page->column_count && w->column_count < most; i++)
        take_column(w, w->page->columns[i]);
    for (size_t i = 0; !w->page && i < write->column_count; i++)
        take_column(w, write->columns[i]);
    if (!w->page && !write->column_count && (write->row_count || write->select)) {
        size_t count;
        const weir_member **columns = weir_write_default_columns(write->entity, w->r->arena, &count);
        for (size_t i = 0; columns && i < count; i++)
            take_column(w, columns[i]);
        if (!columns)
            w->r->text->failed = true;
    }
    for (size_t i = 0; i < write->sets.count && w->column_count < most; i++)
        take_column(w, write->sets.items[i].member);
}

static void write_column_list(writer *w)
{
    for (size_t i = 0; i < w->column_count; i++) {
        say(w, i ? ", " : " (");
        write_name(w, w->columns[i]);
    }
    say(w, w->column_count ? ")" : "");
}

/* What the statement itself gives to each row, behind `written` values. */
static void write_constants(writer *w, size_t written)
{
    for (size_t i = 0; i < w->write->sets.count && w->r->status == WEIR_OK; i++) {
        say(w, written++ ? ", " : "");
        weir_render_expression(w->r, w->write->sets.items[i].value, WEIR_BIND_NONE, false);
    }
}

static void write_page_rows(writer *w)
{
    if (w->sets)
        say(w, " SELECT ");
    for (size_t row = 0; row < (w->sets ? 1 : w->page->rows) && w->r->status == WEIR_OK; row++) {
        say(w, w->sets ? "" : row ? ", (" : " VALUES (");
        for (size_t i = 0; i < w->page->column_count; i++) {
            say(w, i ? ", " : "");
            write_place(w, row, i);
        }
        write_constants(w, w->page->column_count);
        say(w, w->sets ? "" : ")");
    }
    if (!w->sets)
        return;
    say(w, " FROM ");
    write_sets(w);
    if (w->page->ordered)
        weir_buffer_printf(w->r->text, " ORDER BY %s.n", w->sets);
}

static void write_rows(writer *w)
{
    for (size_t i = 0; i < w->write->row_count && w->r->status == WEIR_OK; i++) {
        weir_render_list(w->r, w->write->rows[i], i ? ", (" : " VALUES (");
        say(w, ")");
    }
}

/* Whether ON behind it would be read as a join's. Others need no select around them, which might lose their order. */
static bool ends_in_from(const writer *w, const weir_stmt *select)
{
    const weir_select_tree *tree = select->tree && select->tree->text ? NULL : select->tree;
    const weir_stmt *text = select->tree && select->tree->text ? select->tree->text : select;
    weir_sql_facts facts;
    if (tree)
        return !tree->order_by.count && !tree->has_limit && !tree->has_offset && (tree->set || (!tree->where.count && !tree->group_by.count));
    weir_sql_read_facts(text->text, text->length, w->r->dialect, &facts);
    return !facts.ordered;
}

static void write_selected(writer *w)
{
    bool hides = w->write->conflict && w->r->dialect->select_hides_conflict && ends_in_from(w, w->write->select);
    say(w, hides ? " SELECT * FROM (" : " ");
    weir_render_statement(w->r, w->write->select, false);
    say(w, hides ? ") WHERE true" : "");
}

static void write_source(writer *w)
{
    const weir_write_tree *write = w->write;
    if (w->page) {
        write_page_rows(w);
    } else if (write->row_count) {
        write_rows(w);
    } else if (write->select) {
        write_selected(w);
    } else if (write->column_count) {
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "the insert into %s names columns by weir_set_columns, and nothing gives their values",
                         write->entity->table);
    } else if (write->sets.count) {
        say(w, " VALUES (");
        write_constants(w, 0);
        say(w, ")");
    } else {
        say(w, " DEFAULT VALUES");
        if (write->conflict && !w->r->dialect->defaults_conflict)
            weir_render_fail(w->r, WEIR_COMPILE, "%s has no ON CONFLICT for an insert of defaults alone: set a column", w->r->dialect->name);
    }
}

/* ---- upsert ---- */

/* The index is found before parameters have values: what the target compares with stands in the text. */
static void write_target_columns(writer *w, const weir_conflict *conflict)
{
    for (size_t i = 0; i < conflict->columns.count; i++) {
        const weir_expr *e = conflict->columns.items[i];
        say(w, i ? ", " : " (");
        say(w, e->op == WEIR_OP_COLUMN ? "" : "(");
        weir_render_expression(w->r, e, WEIR_BIND_NONE, false);
        say(w, e->op == WEIR_OP_COLUMN ? "" : ")");
    }
    say(w, conflict->columns.count ? ")" : "");
    if (conflict->index_where) {
        say(w, " WHERE ");
        weir_render_expression(w->r, conflict->index_where, WEIR_BIND_NONE, false);
    }
}

static void write_target(writer *w, const weir_conflict *conflict)
{
    weir_renderer before = *w->r;
    if (conflict->constraint && !w->r->dialect->constraint_targets) {
        weir_render_fail(w->r, WEIR_COMPILE, "%s has no ON CONFLICT ON CONSTRAINT: name the columns", w->r->dialect->name);
        return;
    }
    if (conflict->constraint) {
        say(w, " ON CONSTRAINT ");
        weir_identifier_append(w->r->text, conflict->constraint);
    }
    w->r->literals = w->scope->names_only = true;
    w->r->numbers = NULL;
    write_target_columns(w, conflict);
    if (w->r->origins != before.origins)
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "the target of a conflict has a parameter: the index is found before it has its value");
    w->scope->names_only = false;
    w->r->literals = before.literals;
    w->r->numbers = before.numbers;
    w->r->value_count = before.value_count;
    w->r->made_up = before.made_up;
}

static bool is_target(const writer *w, const weir_member *member)
{
    const weir_expr_list *columns = &w->write->conflict->columns;
    for (size_t i = 0; i < columns->count; i++)
        if (weir_write_member(w->write->entity, columns->items[i]) == member)
            return true;
    return member->primary_key;
}

static void write_excluded_sets(writer *w)
{
    size_t written = 0;
    for (size_t i = 0; i < w->column_count; i++) {
        if (is_target(w, w->columns[i]))
            continue;
        say(w, written++ ? ", " : "");
        write_name(w, w->columns[i]);
        say(w, " = excluded.");
        write_name(w, w->columns[i]);
    }
    if (!written)
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "the upsert into %s inserts nothing but its key: there is nothing to update; use "
                         "weir_on_conflict_do_nothing, or say what to set by weir_conflict_set", w->write->entity->table);
}

static void write_conflict(writer *w)
{
    const weir_conflict *conflict = w->write->conflict;
    if (!conflict)
        return;
    say(w, " ON CONFLICT");
    write_target(w, conflict);
    if (!conflict->update) {
        say(w, " DO NOTHING");
        return;
    }
    say(w, " DO UPDATE SET ");
    w->scope->excluded = w->write->entity;
    if (conflict->sets.count)
        write_assignments(w, &conflict->sets, 0);
    else
        write_excluded_sets(w);
    if (conflict->where) {
        say(w, " WHERE ");
        weir_render_expression(w->r, conflict->where, WEIR_BIND_NONE, false);
    }
    w->scope->excluded = NULL;
}

static void write_insert(writer *w)
{
    say(w, "INSERT INTO ");
    weir_table_append(w->r->text, w->write->entity->table);
    collect_columns(w);
    write_column_list(w);
    name_sets(w);
    write_source(w);
    weir_from_written(w->r, w->scope, w->write->entity);        /* only now: subqueries in VALUES see no row of it */
    write_conflict(w);
    write_returning(w);
}

/* ---- update, delete ---- */

static void collect_from(writer *w)
{
    weir_select_tree rows = *w->stmt->tree;
    rows.columns = (weir_expr_list){ .count = 0 };
    weir_from_written(w->r, w->scope, w->write->entity);
    for (size_t i = 0; i < w->write->sets.count; i++)
        weir_from_name(w->r, w->scope, w->write->sets.items[i].value);
    weir_from_collect(w->r, w->scope, &rows);
    name_sets(w);
}

static bool has_others(const writer *w)
{
    size_t others = 0;
    for (size_t i = 0; i < w->scope->from_count; i++)
        others += !w->scope->froms[i].written;
    return others > 0;
}

/* FROM or USING; what has the page's sets comes first. */
static void write_from(writer *w, const char *word)
{
    if (w->sets) {
        say(w, word);
        write_sets(w);
    }
    weir_render_from(w->r, w->scope, w->sets ? ", " : word);
}

/* key = the set's key; what else is to be true comes behind. */
static void write_keys(writer *w)
{
    size_t found = 0;
    for (size_t i = 0; i < w->page->column_count; i++) {
        if (!w->page->columns[i]->primary_key)
            continue;
        say(w, found++ ? " AND " : " WHERE ");
        write_column(w, w->page->columns[i]);
        say(w, w->page->in_order ? " = ANY (ARRAY[" : " = ");
        write_place(w, 0, i);
        say(w, w->page->in_order ? "])" : "");
    }
    if (found != weir_entity_key_count(w->write->entity))
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "parameter sets for %s lack columns of its primary key", w->write->entity->table);
}

static void write_criteria(writer *w)
{
    const weir_expr_list *where = &w->stmt->tree->where;
    if (w->page)
        write_keys(w);
    for (size_t i = 0; w->page && i < where->count && w->r->status == WEIR_OK; i++) {
        say(w, " AND ");
        weir_render_expression(w->r, where->items[i], WEIR_BIND_AND, false);
    }
    if (!w->page)
        weir_render_conditions(w->r, " WHERE ", where);
}

static size_t write_set_places(writer *w)
{
    size_t written = 0;
    for (size_t i = 0; w->page && i < w->page->column_count; i++) {
        if (w->page->columns[i]->primary_key)
            continue;
        say(w, written++ ? ", " : "");
        write_name(w, w->page->columns[i]);
        say(w, " = ");
        write_place(w, 0, i);
    }
    return written;
}

static void write_update(writer *w)
{
    const weir_write_tree *write = w->write;
    collect_from(w);
    say(w, "UPDATE ");
    weir_table_append(w->r->text, write->entity->table);
    say(w, " SET ");
    size_t written = write_set_places(w);
    write_assignments(w, &write->sets, written);
    if (!written && (!write->sets.count || w->page))
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "the update of %s has no values to set", write->entity->table);
    else if (!w->page && write->column_count)
        weir_render_fail(w->r, WEIR_INVALID_REQUEST, "the update of %s names columns by weir_set_columns, and nothing gives their values",
                         write->entity->table);
    write_from(w, " FROM ");
    write_criteria(w);
    weir_from_check(w->r, w->scope, w->stmt->tree);
    write_returning(w);
}

static void write_delete(writer *w)
{
    collect_from(w);
    if (has_others(w) && !w->r->dialect->delete_using) {
        static const char advice[] = "use a subquery: weir_where(stmt, WEIR_IN_STMT(key, select)) or WEIR_EXISTS(select)";
        weir_render_fail(w->r, WEIR_COMPILE, "%s has no DELETE … USING: a delete names its own table alone", w->r->dialect->name);
        weir_error_text(w->r->error->hint, sizeof w->r->error->hint, advice, sizeof advice - 1);
        return;
    }
    say(w, "DELETE FROM ");
    weir_table_append(w->r->text, w->write->entity->table);
    write_from(w, " USING ");
    write_criteria(w);
    weir_from_check(w->r, w->scope, w->stmt->tree);
    write_returning(w);
}

void weir_render_write(weir_renderer *r, weir_scope *scope, const weir_page *page)
{
    static void (*const writers[])(writer *) = {
        [WEIR_STMT_INSERT] = write_insert, [WEIR_STMT_UPDATE] = write_update, [WEIR_STMT_DELETE] = write_delete,
    };
    writer w = { .r = r, .scope = scope, .stmt = scope->stmt, .write = scope->stmt->write, .page = page };
    weir_scope *outer = r->scope;
    if (!weir_render_deeper(r) || (page && !check_page(&w)))
        return;
    r->scope = scope;
    r->writes = true;
    r->depth++;
    if (page)
        weir_page_number(r, page);
    if (r->status == WEIR_OK)
        writers[scope->stmt->kind](&w);
    r->depth--;
    r->scope = outer;
}
