/* What stands in FROM: everything that a select names, less what an enclosing select already has; and where its joins hang. */
#include "sql/render.h"
#include "base/holds.h"
#include <string.h>

/* Two entities may map one table. */
static bool same_table(const weir_entity *a, const weir_entity *b)
{
    return a == b || (a && b && a->table && b->table && !strcmp(a->table, b->table));
}

size_t weir_from_find(const weir_scope *scope, const weir_entity *entity, const weir_source *source)
{
    const void *identity = weir_source_identity(source);
    for (size_t i = 0; i < scope->from_count; i++) {
        const weir_element *from = &scope->froms[i];
        if (source ? weir_source_identity(from->source) == identity : !from->source && same_table(from->entity, entity))
            return i;
    }
    return SIZE_MAX;
}

static size_t add(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source)
{
    size_t found = weir_from_find(scope, entity, source);
    if (found != SIZE_MAX || (!entity && !source))
        return found;
    if (!weir_render_grow(r, &scope->froms, scope->from_count, &scope->from_capacity, sizeof *scope->froms))
        return SIZE_MAX;
    size_t index = scope->from_count++;
    scope->froms[index] = (weir_element){ .source = source, .root = index, .group = index };
    scope->froms[index].entity = source && source->entity ? source->entity : entity;
    return index;
}

/* ---- naming ---- */

static void collect_list(weir_renderer *r, weir_scope *scope, const weir_expr *const *items);

static void collect(weir_renderer *r, weir_scope *scope, const weir_expr *e)
{
    if (!e || !weir_render_deeper(r))
        return;
    if (e->op == WEIR_OP_COLUMN || e->op == WEIR_OP_ENTITY || e->op == WEIR_OP_SOURCE_COLUMN || e->op == WEIR_OP_STAR)
        add(r, scope, e->entity, e->source);
    r->depth++;
    collect_list(r, scope, e->args);
    if (e->window) {
        collect_list(r, scope, e->window->partition_by);
        collect_list(r, scope, e->window->order_by);
    }
    r->depth--;
}

static void collect_list(weir_renderer *r, weir_scope *scope, const weir_expr *const *items)
{
    for (size_t i = 0; items && items[i]; i++)
        collect(r, scope, items[i]);
}

static void collect_exprs(weir_renderer *r, weir_scope *scope, const weir_expr_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        collect(r, scope, list->items[i]);
}

/* ---- joins ---- */

static void refuse_twice(weir_renderer *r, const weir_entity *entity, const weir_source *source)
{
    WEIR_HOLDS(source || entity);
    const char *name = source ? weir_source_name(r, source) : entity->table ? entity->table : entity->name;
    weir_render_fail(r, WEIR_INVALID_REQUEST, "%s is joined twice under one name: give it another one by weir_alias", name);
}

/* Targets come first: they are no elements of their own, wherever else they are named. */
static void add_target(weir_renderer *r, weir_scope *scope, weir_linked *linked)
{
    const weir_join *join = linked->join;
    const weir_expr *target = join->target;
    const weir_entity *entity = target ? target->entity : NULL;
    const weir_source *source = join->source ? join->source : join->as;
    if (!source && target && target->op == WEIR_OP_ENTITY)
        source = target->source;
    if (target && target->op == WEIR_OP_COLUMN) {
        const weir_member *member = weir_entity_member(entity, target->offset);
        if (!member || member->kind == WEIR_MEMBER_COLUMN) {
            weir_render_fail(r, WEIR_ARGUMENT, "%s.%s is no relationship to join along", entity->name, member ? member->name : "?");
            return;
        }
        if (weir_relationship_resolve(entity, member, r->arena, &linked->relationship, r->error) != WEIR_OK) {
            r->status = r->error->status;
            return;
        }
        entity = member->target;
    }
    if (weir_from_find(scope, entity, source) != SIZE_MAX ||
        (entity && !source && linked->relationship.parent && !target->source && same_table(linked->relationship.parent, entity))) {
        refuse_twice(r, entity, source);
        return;
    }
    linked->target = add(r, scope, entity, source);
    if (linked->target != SIZE_MAX)
        scope->froms[linked->target].joined = true;
}

static void add_targets(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    if (!tree->join_count || !(scope->joins = weir_render_take(r, tree->join_count * sizeof *scope->joins)))
        return;
    for (size_t i = 0; i < tree->join_count && r->status == WEIR_OK; i++) {
        scope->joins[i].join = &tree->joins[i];
        add_target(r, scope, &scope->joins[i]);
    }
}

/* The first element but the target that an ON names. */
static size_t left_of(const weir_scope *scope, const weir_expr *e, size_t target)
{
    size_t left = SIZE_MAX;
    if (e && (e->op == WEIR_OP_COLUMN || e->op == WEIR_OP_SOURCE_COLUMN))
        left = weir_from_find(scope, e->entity, e->source);
    for (size_t i = 0; e && e->args && e->args[i] && (left == SIZE_MAX || left == target); i++)
        left = left_of(scope, e->args[i], target);
    return left == target ? SIZE_MAX : left;
}

static size_t first_root(const weir_scope *scope)
{
    for (size_t i = 0; i < scope->from_count; i++)
        if (!scope->froms[i].joined)
            return i;
    return SIZE_MAX;
}

static void attach(weir_renderer *r, weir_scope *scope, weir_linked *linked)
{
    const weir_join *join = linked->join;
    weir_element *target = &scope->froms[linked->target];
    if (linked->relationship.parent)
        linked->left = weir_from_find(scope, join->target->entity, join->target->source);
    else if (!join->on)
        weir_render_fail(r, WEIR_NO_FOREIGN_KEYS, "a join has neither an ON nor a foreign key to find one by");
    else if ((linked->left = left_of(scope, join->on, linked->target)) == SIZE_MAX)
        linked->left = first_root(scope);
    if (r->status == WEIR_OK && linked->left == SIZE_MAX)
        weir_render_fail(r, WEIR_INVALID_REQUEST,
                         "Can't determine which FROM clause to join from: the statement names nothing but the join's target");
    if (r->status == WEIR_OK)
        target->root = scope->froms[linked->left].root;
    if (linked->relationship.parent && linked->relationship.through_association && r->status == WEIR_OK)
        linked->association = weir_render_name(r, weir_table_without_schema(linked->relationship.member->association));
}

/* ---- correlation ---- */

static bool is_enclosed(const weir_scope *scope, const weir_element *from)
{
    const weir_scope *inner = scope;
    for (scope = scope->outer; scope && inner->correlates; inner = scope, scope = scope->outer)
        if (weir_from_find(scope, from->entity, from->source) != SIZE_MAX)
            return true;
    return false;
}

static bool has_joins(const weir_scope *scope, size_t root)
{
    for (size_t i = 0; i < scope->from_count; i++)
        if (scope->froms[i].joined && scope->froms[i].root == root)
            return true;
    return false;
}

/* A subquery that would be left without its only element keeps it: IN (SELECT id FROM the same table). Of several nobody knows which are its
 * own, and all of them, read once more, would be rows that have nothing to do with the statement around it. */
static void correlate(weir_renderer *r, weir_scope *scope)
{
    size_t kept = 0;
    for (size_t i = 0; i < scope->from_count; i++) {
        weir_element *from = &scope->froms[i];
        from->correlated = !from->joined && !from->explicitly && !has_joins(scope, i) && is_enclosed(scope, from);
        kept += !from->correlated;
    }
    if (!kept && scope->from_count > 1)
        weir_render_fail(r, WEIR_INVALID_REQUEST, "a subquery has no table of its own left, since the statement around it has all %zu that it names: "
                                                  "give it an alias (weir_alias), or name its own by weir_from", scope->from_count);
    if (!kept && scope->from_count == 1)
        scope->froms[0].correlated = false;
}

static void add_explicit(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source)
{
    size_t index = add(r, scope, entity, source);
    if (index != SIZE_MAX)
        scope->froms[index].explicitly = true;
}

void weir_from_written(weir_renderer *r, weir_scope *scope, const weir_entity *entity)
{
    size_t index = add(r, scope, entity, NULL);
    if (index != SIZE_MAX)
        scope->froms[index].explicitly = scope->froms[index].written = true;
}

void weir_from_name(weir_renderer *r, weir_scope *scope, const weir_expr *e) { collect(r, scope, e); }

void weir_from_collect(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    add_targets(r, scope, tree);
    for (size_t i = 0; i < tree->from_count; i++)
        add_explicit(r, scope, tree->from[i]->entity, tree->from[i]->source);
    for (size_t i = 0; i < tree->from_source_count; i++)
        add_explicit(r, scope, tree->from_sources[i]->entity, tree->from_sources[i]);
    collect_exprs(r, scope, &tree->columns);
    for (size_t i = 0; i < tree->join_count && r->status == WEIR_OK; i++) {
        const weir_linked *linked = &scope->joins[i];
        if (linked->relationship.parent)
            add(r, scope, linked->join->target->entity, linked->join->target->source);
        collect(r, scope, linked->join->on);
    }
    collect_exprs(r, scope, &tree->where);
    collect_exprs(r, scope, &tree->group_by);
    collect_exprs(r, scope, &tree->having);
    collect_exprs(r, scope, &tree->distinct_on);
    collect_exprs(r, scope, &tree->order_by);
    for (size_t i = 0; i < tree->join_count && r->status == WEIR_OK; i++)
        attach(r, scope, &scope->joins[i]);
    if (r->status == WEIR_OK && scope->correlates)
        correlate(r, scope);
}

/* ---- the warning of a cartesian product ---- */

struct links {
    weir_scope *scope;
    size_t      first;                  /* element that the comparison named first */
    bool        unknown;                /* SQL text: it may link anything */
};

static void join_groups(weir_scope *scope, size_t a, size_t b)
{
    size_t from = scope->froms[b].group, to = scope->froms[a].group;
    for (size_t i = 0; i < scope->from_count && from != to; i++)
        if (scope->froms[i].group == from)
            scope->froms[i].group = to;
}

static void link_statement(struct links *links, const weir_stmt *stmt);

/* Everything that one comparison names is linked. */
static void link_named(struct links *links, const weir_expr *e)
{
    if (e->op == WEIR_OP_COLUMN || e->op == WEIR_OP_SOURCE_COLUMN) {
        size_t index = weir_from_find(links->scope, e->entity, e->source);
        if (index != SIZE_MAX && links->first != SIZE_MAX)
            join_groups(links->scope, links->first, index);
        else if (index != SIZE_MAX)
            links->first = index;
    }
    links->unknown = links->unknown || e->op == WEIR_OP_FRAGMENT;
    for (size_t i = 0; e->args && e->args[i]; i++)
        link_named(links, e->args[i]);
    if (e->stmt)
        link_statement(links, e->stmt);
}

static void link_statement(struct links *links, const weir_stmt *stmt)
{
    const weir_select_tree *tree = stmt->tree;
    for (size_t i = 0; tree && i < tree->where.count; i++)
        link_named(links, tree->where.items[i]);
    for (size_t i = 0; tree && i < tree->columns.count; i++)
        link_named(links, tree->columns.items[i]);
    links->unknown = links->unknown || !tree;
}

static void link_conditions(struct links *links, const weir_expr *e)
{
    bool junction = e->op == WEIR_OP_AND || e->op == WEIR_OP_OR || e->op == WEIR_OP_NOT;
    for (size_t i = 0; junction && e->args && e->args[i]; i++)
        link_conditions(links, e->args[i]);
    links->first = SIZE_MAX;
    if (!junction)
        link_named(links, e);
}

static void append_name(weir_renderer *r, weir_buffer *text, const weir_element *from)
{
    const char *name = from->source ? weir_source_name(r, from->source) : from->entity->table;
    weir_buffer_printf(text, "\"%s\"", name ? name : "");
}

static const char *verb_of(const weir_stmt *stmt)
{
    return stmt->kind == WEIR_STMT_UPDATE ? "UPDATE" : stmt->kind == WEIR_STMT_DELETE ? "DELETE" : "SELECT";
}

static void tell_cartesian(weir_renderer *r, const weir_scope *scope, size_t last)
{
    weir_buffer text;
    size_t named = 0;
    weir_buffer_init(&text, r->arena->ledger, WEIR_MEMORY_STATEMENTS, SIZE_MAX / 4);
    weir_buffer_printf(&text, "%s statement has a cartesian product between FROM element(s) ", verb_of(scope->stmt));
    for (size_t i = 0; i < scope->from_count; i++)
        if (!scope->froms[i].correlated && scope->froms[i].group != scope->froms[last].group) {
            weir_buffer_text(&text, named++ ? ", " : "");
            append_name(r, &text, &scope->froms[i]);
        }
    weir_buffer_text(&text, " and FROM element ");
    append_name(r, &text, &scope->froms[last]);
    weir_buffer_text(&text, ".  Apply join condition(s) between each element to resolve.");
    if (text.failed)
        r->text->failed = true;
    else
        r->cartesian = weir_render_copy(r, text.data, text.length);
    weir_buffer_free(&text);
}

void weir_from_check(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    struct links links = { .scope = scope };
    size_t last = SIZE_MAX, roots = 0;
    for (size_t i = 0; i < scope->from_count; i++)
        if (!scope->froms[i].correlated && !scope->froms[i].joined) {
            last = i;
            roots++;
        }
    if (roots < 2 || r->cartesian || r->status != WEIR_OK)
        return;
    for (size_t i = 0; i < tree->join_count; i++) {
        join_groups(scope, scope->joins[i].left, scope->joins[i].target);
        if (tree->joins[i].on)
            link_conditions(&links, tree->joins[i].on);
    }
    for (size_t i = 0; i < tree->where.count; i++)
        link_conditions(&links, tree->where.items[i]);
    for (size_t i = 0; i < scope->from_count && !links.unknown; i++)
        if (!scope->froms[i].correlated && scope->froms[i].group != scope->froms[last].group) {
            tell_cartesian(r, scope, last);
            return;
        }
}
