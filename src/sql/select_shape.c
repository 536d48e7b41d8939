/* The select list: its columns, their names, and what the orm learns of the rows. */
#include "sql/render.h"
#include <stdio.h>
#include <string.h>

/* ---- names of columns ---- */

static uint32_t hash_name(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static bool is_taken(const weir_scope *scope, const char *name, uint32_t hash)
{
    for (size_t i = 0; i < scope->label_count; i++)
        if (scope->labels[i].hash == hash && scope->labels[i].name && !strcmp(scope->labels[i].name, name))
            return true;
    return false;
}

/* base itself when it is free and may be had, else base_1, base_2, … */
static const char *free_name(weir_renderer *r, const weir_scope *scope, const char *base, bool itself)
{
    char name[160];
    if (itself && !is_taken(scope, base, hash_name(base)))
        return base;
    for (size_t number = 1;; number++) {
        snprintf(name, sizeof name, "%.120s_%zu", base, number);
        if (!is_taken(scope, name, hash_name(name)))
            return weir_render_copy(r, name, strlen(name));
    }
}

static weir_label *add_label(weir_renderer *r, weir_scope *scope, const char *name)
{
    static const weir_label none;
    if (!weir_render_grow(r, &scope->labels, scope->label_count, &scope->label_capacity, sizeof *scope->labels))
        return NULL;
    weir_label *label = &scope->labels[scope->label_count++];
    *label = none;
    label->name = name;
    label->hash = name ? hash_name(name) : 0;
    return label;
}

const char *weir_shape_label(weir_renderer *r, weir_scope *scope, const char *base)
{
    const char *name = free_name(r, scope, base, false);
    return name && add_label(r, scope, name) ? name : "";
}

static void write_as(weir_renderer *r, const char *name)
{
    weir_buffer_text(r->text, " AS ");
    weir_identifier_append(r->text, name);
}

/* ---- items ---- */

static bool is_shown(const weir_scope *scope, const char *name)
{
    for (size_t i = 0; i < scope->item_count; i++)
        if (scope->items[i].name && !strcmp(scope->items[i].name, name))
            return true;
    return false;
}

/* What rows of a session call a column: the columns inside entities take no names from it. */
static const char *shown_name(weir_renderer *r, const weir_scope *scope, const char *column)
{
    char name[160];
    if (!is_shown(scope, column))
        return column;
    for (size_t number = 1;; number++) {
        snprintf(name, sizeof name, "%.120s_%zu", column, number);
        if (!is_shown(scope, name))
            return weir_render_copy(r, name, strlen(name));
    }
}

static size_t add_item(weir_renderer *r, weir_scope *scope, const weir_select_item *item, const weir_source *source)
{
    if (!weir_render_grow(r, &scope->items, scope->item_count, &scope->item_capacity, sizeof *scope->items) ||
        !weir_render_grow(r, &scope->item_sources, scope->item_count, &scope->item_source_capacity, sizeof *scope->item_sources))
        return SIZE_MAX;
    scope->items[scope->item_count] = *item;
    scope->item_sources[scope->item_count] = source;
    return scope->item_count++;
}

static void write_mapped(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source,
                         const weir_member *member, const char *name)
{
    const char *column = weir_member_column(member);
    if (!scope->names_only) {
        weir_render_qualifier(r, entity, source);
        weir_buffer_byte(r->text, '.');
    }
    weir_identifier_append(r->text, column);
    const char *given = name ? name : free_name(r, scope, column, true);
    weir_label *label = given ? add_label(r, scope, given) : NULL;
    if (!label)
        return;
    if (given != column && strcmp(given, column) != 0)
        write_as(r, given);
    label->member = member;
    label->entity = entity;
    label->source = source;
}

static void write_entity_columns(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source,
                                 bool first)
{
    for (size_t i = 0; i < entity->member_count && r->status == WEIR_OK; i++) {
        if (entity->members[i].kind != WEIR_MEMBER_COLUMN)
            continue;
        weir_buffer_text(r->text, first ? "" : ", ");
        write_mapped(r, scope, entity, source, &entity->members[i], NULL);
        first = false;
    }
}

void weir_shape_hidden(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source)
{
    write_entity_columns(r, scope, entity, source, false);
}

static void write_entity(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source)
{
    weir_select_item item = { .kind = WEIR_ITEM_ENTITY, .entity = entity, .source = weir_source_identity(source),
                              .first_column = scope->label_count };
    if (!entity) {
        weir_render_fail(r, WEIR_ARGUMENT, "a source without an entity is selected as a whole: name its columns by WEIR_FIELD");
        return;
    }
    write_entity_columns(r, scope, entity, source, true);
    item.column_count = scope->label_count - item.first_column;
    item.name = source ? weir_source_name(r, source) : entity->name;
    if (r->status == WEIR_OK)
        add_item(r, scope, &item, source);
}

static const char *base_name(const weir_expr *e)
{
    while ((e->op == WEIR_OP_OVER || e->op == WEIR_OP_FILTER) && e->args && e->args[0])
        e = weir_without_label(e->args[0]);
    if (e->op == WEIR_OP_COUNT_STAR)
        return "count";
    const char *name = e->op == WEIR_OP_FUNCTION && e->name ? e->name : "anon";
    const char *point = strrchr(name, '.');
    return point ? point + 1 : name;
}

static void write_computed(weir_renderer *r, weir_scope *scope, const weir_expr *e, const char *name)
{
    size_t start = r->text->length;
    bool as_it_is = !name && (e->op == WEIR_OP_FRAGMENT || e->op == WEIR_OP_STAR);
    weir_render_expression(r, e, WEIR_BIND_NONE, true);
    size_t length = r->text->length - start;
    bool field = !name && e->op == WEIR_OP_SOURCE_COLUMN && e->name;
    if (!name && !as_it_is)
        name = free_name(r, scope, field ? e->name : base_name(e), field);
    weir_label *label = r->status == WEIR_OK ? add_label(r, scope, name) : NULL;
    if (!label)
        return;
    label->expression = e;
    label->start = start;
    label->length = length;
    if (name && !(field && !strcmp(name, e->name)))
        write_as(r, name);
    weir_select_item item = { .kind = WEIR_ITEM_VALUE, .name = name, .first_column = scope->label_count - 1, .column_count = 1 };
    add_item(r, scope, &item, NULL);
}

static void write_item(weir_renderer *r, weir_scope *scope, const weir_expr *column)
{
    const weir_expr *e = weir_without_label(column);
    const char *name = column->op == WEIR_OP_LABEL && column->name ? weir_render_copy(r, column->name, strlen(column->name)) : NULL;
    const weir_member *member = e->op == WEIR_OP_COLUMN ? weir_entity_member(e->entity, e->offset) : NULL;
    if (e->op == WEIR_OP_ENTITY) {
        write_entity(r, scope, e->source && e->source->entity ? e->source->entity : e->entity, e->source);
    } else if (member && member->kind == WEIR_MEMBER_COLUMN) {
        write_mapped(r, scope, e->entity, e->source, member, name);
        if (r->status != WEIR_OK)
            return;
        weir_select_item item = { .kind = WEIR_ITEM_VALUE, .entity = e->entity,
                                  .name = name ? name : shown_name(r, scope, weir_member_column(member)),
                                  .member = member, .first_column = scope->label_count - 1, .column_count = 1 };
        add_item(r, scope, &item, e->source);
    } else {
        write_computed(r, scope, e, name);
    }
}

void weir_shape_columns(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    if (!tree->columns.count)
        weir_render_fail(r, WEIR_ARGUMENT, "a select without columns");
    for (size_t i = 0; i < tree->columns.count && r->status == WEIR_OK; i++) {
        weir_buffer_text(r->text, i ? ", " : "");
        write_item(r, scope, tree->columns.items[i]);
    }
    scope->visible_count = scope->item_count;
}

/* ---- the shape ---- */

static bool names_key(const weir_expr_list *list, const weir_entity *entity, const weir_source *source, const weir_member *key)
{
    for (size_t i = 0; i < list->count; i++) {
        const weir_expr *e = weir_without_label(list->items[i]);
        bool same = weir_source_identity(e->source) == weir_source_identity(source) && (source || e->entity == entity);
        if (same && (e->op == WEIR_OP_ENTITY || (e->op == WEIR_OP_COLUMN && weir_entity_member(e->entity, e->offset) == key)))
            return true;
    }
    return false;
}

/* The first selected entity whose key a GROUP BY or DISTINCT ON lacks (AVS-9). */
static const char *entity_without_key(const weir_scope *scope, const weir_select_tree *tree)
{
    const weir_expr_list *lists[] = { &tree->group_by, &tree->distinct_on };
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; lists[which]->count && i < scope->visible_count; i++) {
            const weir_entity *entity = scope->items[i].kind == WEIR_ITEM_ENTITY ? scope->items[i].entity : NULL;
            for (size_t k = 0; entity && k < weir_entity_key_count(entity); k++)
                if (!names_key(lists[which], entity, scope->item_sources[i], weir_entity_key(entity, k)))
                    return entity->name;
        }
    }
    return NULL;
}

static const weir_expr *copy_step(weir_renderer *r, const weir_expr *step)
{
    weir_expr *copy = weir_render_take(r, sizeof *copy);
    weir_source *source = copy && step->source ? weir_render_take(r, sizeof *source) : NULL;
    if (!copy)
        return NULL;
    *copy = (weir_expr){ .op = step->op, .entity = step->entity, .offset = step->offset, .source = source };
    if (source)
        *source = (weir_source){ .kind = step->source->kind, .entity = step->source->entity,
                                 .identity = weir_source_identity(step->source) };
    return copy;
}

static const weir_load_path *copy_loads(weir_renderer *r, const weir_select_tree *tree)
{
    weir_load_path *loads = tree->load_count ? weir_render_take(r, tree->load_count * sizeof *loads) : NULL;
    for (size_t i = 0; loads && i < tree->load_count; i++) {
        const weir_expr **steps = weir_render_take(r, (tree->loads[i].step_count + 1) * sizeof *steps);
        loads[i] = tree->loads[i];
        loads[i].steps = steps;
        for (size_t k = 0; steps && k < tree->loads[i].step_count; k++)
            steps[k] = copy_step(r, tree->loads[i].steps[k]);
    }
    return loads;
}

static void tell_joined(weir_renderer *r, const weir_scope *scope, weir_select_shape *shape)
{
    char name[256];
    for (size_t i = scope->visible_count; i < scope->item_count && !shape->joined_collection; i++) {
        const weir_select_item *item = &scope->items[i];
        if (item->relationship->kind != WEIR_MEMBER_MANY)
            continue;
        snprintf(name, sizeof name, "%.120s.%.120s", scope->items[item->parent_item].entity->name, item->relationship->name);
        shape->joined_collection = true;
        shape->joined_name = weir_render_copy(r, name, strlen(name));
    }
}

const weir_select_shape *weir_shape_finish(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    weir_select_shape *shape = r->status == WEIR_OK ? weir_render_take(r, sizeof *shape) : NULL;
    if (!shape)
        return NULL;
    shape->items = scope->items;
    shape->item_count = scope->item_count;
    shape->visible_count = scope->visible_count;
    shape->loads = copy_loads(r, tree);
    shape->load_count = tree->load_count;
    shape->disable_eagerloads = tree->disable_eagerloads;
    shape->populate_existing = tree->populate_existing;
    shape->autoflush = tree->autoflush;
    shape->by_name = tree->text != NULL;
    shape->unjoined = tree->text || tree->set;
    shape->entity_without_key = entity_without_key(scope, tree);
    shape->cartesian = r->cartesian;
    shape->subquery_options = r->subquery_options;
    tell_joined(r, scope, shape);
    return shape;
}
