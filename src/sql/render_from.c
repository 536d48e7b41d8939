/* FROM as text: tables, aliases, subqueries, CTEs, with the joins behind each. */
#include "sql/render.h"
#include <string.h>

/* ---- common table expressions: each once, in front of the whole statement ---- */

static weir_named *named_source(weir_renderer *r, const weir_source *source)
{
    const void *identity = weir_source_identity(source);
    weir_source_name(r, source);
    for (weir_named *named = r->named; named; named = named->next)
        if (named->identity == identity)
            return named;
    return NULL;
}

static void write_cte(weir_renderer *r, const weir_source *source, const char *name)
{
    weir_identifier_append(r->text, name);
    weir_buffer_text(r->text, " AS (");
    if (!source->stmt || (source->recursive && !source->recursive_stmt)) {
        weir_render_fail(r, WEIR_INVALID_REQUEST, "the CTE %.60s is not defined: weir_cte_define gives it its halves", name);
        return;
    }
    if (source->stmt->write && !r->dialect->write_ctes)
        weir_render_fail(r, WEIR_COMPILE, "%s has no WITH … AS (%s)", r->dialect->name, weir_stmt_kind_name(source->stmt->kind));
    weir_render_statement(r, source->stmt, false);
    if (source->recursive) {
        weir_buffer_text(r->text, source->all ? " UNION ALL " : " UNION ");
        weir_render_statement(r, source->recursive_stmt, false);
    }
    weir_buffer_byte(r->text, ')');
}

/* Those that it names end up in front of it. */
static void require_cte(weir_renderer *r, const weir_source *source)
{
    weir_named *named = named_source(r, source);
    weir_buffer body, *outside = r->text;
    if (!named || named->rendered || r->status != WEIR_OK)
        return;
    named->rendered = true;
    r->recursive = r->recursive || source->recursive;
    weir_buffer_init(&body, r->arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 4);
    r->text = &body;
    write_cte(r, source, named->name);
    r->text = outside;
    weir_with *with = weir_render_take(r, sizeof *with);
    if (body.failed)
        outside->failed = true;
    else if (with && r->status == WEIR_OK) {
        *with = (weir_with){ .name = named->name, .text = weir_render_copy(r, body.data, body.length), .length = body.length };
        *r->with_end = with;
        r->with_end = &with->next;
    }
    weir_buffer_free(&body);
}

/* ---- elements ---- */

void weir_render_source(weir_renderer *r, const weir_entity *entity, const weir_source *source)
{
    if (!source) {
        weir_render_qualifier(r, entity, NULL);
        return;
    }
    if (source->kind == WEIR_SOURCE_CTE) {
        require_cte(r, source);
        weir_identifier_append(r->text, weir_source_name(r, source));
        return;
    }
    if (source->kind == WEIR_SOURCE_ALIAS)
        weir_render_qualifier(r, source->entity, NULL);
    else
        weir_render_subquery(r, source->stmt, false);
    weir_buffer_text(r->text, " AS ");
    weir_identifier_append(r->text, weir_source_name(r, source));
}

/* ---- joins ---- */

static void write_member(weir_renderer *r, const weir_element *from, const weir_member *member)
{
    weir_render_qualifier(r, from->entity, from->source);
    weir_buffer_byte(r->text, '.');
    weir_identifier_append(r->text, weir_member_column(member));
}

static void write_association_column(weir_renderer *r, const char *association, const char *column)
{
    weir_identifier_append(r->text, association);
    weir_buffer_byte(r->text, '.');
    weir_identifier_append(r->text, column);
}

static void write_local_pairs(weir_renderer *r, const weir_linked *linked, const weir_element *parent, const weir_element *target)
{
    const weir_relationship *relationship = &linked->relationship;
    for (size_t i = 0; i < relationship->pair_count; i++) {
        weir_buffer_text(r->text, i ? " AND " : "");
        weir_render_qualifier(r, parent->entity, parent->source);
        weir_buffer_byte(r->text, '.');
        weir_identifier_append(r->text, linked->local_names ? linked->local_names[i] : weir_member_column(relationship->local[i]));
        weir_buffer_text(r->text, " = ");
        if (linked->association)
            write_association_column(r, linked->association, relationship->member->association_local[i]);
        else
            write_member(r, target, relationship->remote[i]);
    }
}

static void write_remote_pairs(weir_renderer *r, const weir_linked *linked, const weir_element *target)
{
    const weir_relationship *relationship = &linked->relationship;
    for (size_t i = 0; i < relationship->pair_count; i++) {
        weir_buffer_text(r->text, i ? " AND " : "");
        write_association_column(r, linked->association, relationship->member->association_remote[i]);
        weir_buffer_text(r->text, " = ");
        write_member(r, target, relationship->remote[i]);
    }
}

static void write_target(weir_renderer *r, const weir_linked *linked, const weir_element *target)
{
    if (!linked->association) {
        weir_render_source(r, target->entity, target->source);
        return;
    }
    weir_buffer_byte(r->text, '(');
    weir_table_append(r->text, linked->relationship.member->association);
    weir_buffer_text(r->text, " AS ");
    weir_identifier_append(r->text, linked->association);
    weir_buffer_text(r->text, " JOIN ");
    weir_render_source(r, target->entity, target->source);
    weir_buffer_text(r->text, " ON ");
    write_remote_pairs(r, linked, target);
    weir_buffer_byte(r->text, ')');
}

static void write_join(weir_renderer *r, const weir_scope *scope, const weir_linked *linked)
{
    static const char *const words[] = {
        [WEIR_JOIN_INNER] = " JOIN ", [WEIR_JOIN_LEFT] = " LEFT OUTER JOIN ", [WEIR_JOIN_FULL] = " FULL OUTER JOIN ",
    };
    const weir_element *target = &scope->froms[linked->target];
    const weir_expr *on = linked->join->on;
    if ((unsigned)linked->join->kind > WEIR_JOIN_FULL) {
        weir_render_fail(r, WEIR_ARGUMENT, "a join has the unknown kind %d", (int)linked->join->kind);
        return;
    }
    weir_buffer_text(r->text, words[linked->join->kind]);
    write_target(r, linked, target);
    weir_buffer_text(r->text, " ON ");
    if (linked->relationship.parent)
        write_local_pairs(r, linked, &scope->froms[linked->left], target);
    if (linked->relationship.parent && on)
        weir_buffer_text(r->text, " AND ");
    if (on)
        weir_render_expression(r, on, linked->relationship.parent ? WEIR_BIND_AND : WEIR_BIND_OR, false);
}

void weir_render_pairs(weir_renderer *r, const weir_linked *linked, const weir_element *parent, const weir_element *target)
{
    weir_buffer_text(r->text, " LEFT OUTER JOIN ");
    write_target(r, linked, target);
    weir_buffer_text(r->text, " ON ");
    write_local_pairs(r, linked, parent, target);
}

void weir_render_from(weir_renderer *r, weir_scope *scope, const char *word)
{
    const weir_select_tree *tree = scope->stmt->tree;
    bool first = true;
    for (size_t i = 0; i < scope->from_count && r->status == WEIR_OK; i++) {
        const weir_element *from = &scope->froms[i];
        if (from->joined || from->correlated || from->written)
            continue;
        weir_buffer_text(r->text, first ? word : ", ");
        first = false;
        weir_render_source(r, from->entity, from->source);
        for (size_t k = 0; k < tree->join_count && r->status == WEIR_OK; k++)
            if (scope->froms[scope->joins[k].target].root == i)
                write_join(r, scope, &scope->joins[k]);
        if (!scope->wrapper)
            weir_eager_joins(r, scope, i);
    }
}
