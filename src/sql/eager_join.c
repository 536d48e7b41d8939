/* Joined loads: relationships joined behind a select, or around it where it is limited, as hidden items of the shape. */
#include "sql/render.h"
#include <string.h>

/* The relationships that lead from an item to where the planning is. */
typedef struct path { const struct path *up; const weir_entity *entity; const weir_member *member; } path;

/* ---- which ---- */

static bool step_is(const weir_expr *step, const path *at)
{
    return step->entity == at->entity && step->offset == at->member->offset;
}

static bool option_names(const weir_load_path *option, const path *at, const weir_source *root)
{
    size_t depth = 0;
    for (const path *up = at->up; up; up = up->up)
        depth++;
    if (option->step_count <= depth || weir_source_identity(option->steps[0]->source) != weir_source_identity(root))
        return false;
    for (size_t i = depth + 1; i-- > 0; at = at->up)
        if (!step_is(option->steps[i], at))
            return false;
    return true;
}

static bool is_on_path(const path *at, const weir_entity *entity)
{
    for (; at; at = at->up)
        if (at->entity == entity)
            return true;
    return false;
}

/* The last option that names it, else the mapping; a mapping alone never leads back to an entity on the way. */
static bool is_joined(const weir_select_tree *tree, const path *at, const weir_source *root)
{
    for (size_t i = tree->load_count; i-- > 0;)
        if (option_names(&tree->loads[i], at, root))
            return tree->loads[i].how == WEIR_LAZY_JOINED;
    return at->member->lazy == WEIR_LAZY_JOINED && !is_on_path(at, at->member->target);
}

static void plan_entity(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree, size_t item, const path *up,
                        const weir_source *root, size_t root_from);

static void plan_relationship(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree, size_t parent, const path *at,
                              const weir_source *root, size_t root_from)
{
    weir_eager eager = { .parent_item = parent, .item = scope->item_count, .root = root_from };
    weir_relationship *relationship = &eager.linked.relationship;
    weir_source *alias = weir_render_take(r, sizeof *alias);
    if (!alias || !weir_render_grow(r, &scope->eager, scope->eager_count, &scope->eager_capacity, sizeof eager) ||
        !weir_render_grow(r, &scope->items, scope->item_count, &scope->item_capacity, sizeof *scope->items) ||
        !weir_render_grow(r, &scope->item_sources, scope->item_count, &scope->item_source_capacity, sizeof *scope->item_sources))
        return;
    if (weir_relationship_resolve(at->entity, at->member, r->arena, relationship, r->error) != WEIR_OK) {
        r->status = r->error->status;
        return;
    }
    if (relationship->through_association)
        eager.linked.association = weir_render_name(r, weir_table_without_schema(at->member->association));
    *alias = (weir_source){ .kind = WEIR_SOURCE_ALIAS, .entity = at->member->target };
    scope->items[scope->item_count] = (weir_select_item){
        .kind = WEIR_ITEM_ENTITY, .entity = at->member->target, .name = weir_source_name(r, alias),
        .hidden = true, .parent_item = parent, .relationship = at->member,
    };
    scope->item_sources[scope->item_count++] = alias;
    scope->eager[scope->eager_count++] = eager;
    plan_entity(r, scope, tree, eager.item, at, root, root_from);
}

static void plan_entity(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree, size_t item, const path *up,
                        const weir_source *root, size_t root_from)
{
    const weir_entity *entity = scope->items[item].entity;
    if (!weir_render_deeper(r))
        return;
    r->depth++;
    for (size_t i = 0; i < entity->member_count && r->status == WEIR_OK; i++) {
        path at = { .up = up, .entity = entity, .member = &entity->members[i] };
        if (at.member->kind != WEIR_MEMBER_COLUMN && is_joined(tree, &at, root))
            plan_relationship(r, scope, tree, item, &at, root, root_from);
    }
    r->depth--;
}

void weir_eager_plan(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    for (size_t i = 0; !tree->disable_eagerloads && i < scope->visible_count && r->status == WEIR_OK; i++) {
        if (scope->items[i].kind != WEIR_ITEM_ENTITY)
            continue;
        size_t from = weir_from_find(scope, scope->items[i].entity, scope->item_sources[i]);
        if (from != SIZE_MAX)
            plan_entity(r, scope, tree, i, NULL, scope->item_sources[i], scope->froms[from].root);
    }
    if (r->status == WEIR_OK)
        weir_eager_order_keys(r, scope, tree);
}

/* Rows that a join multiplies must not count for LIMIT, and a GROUP BY knows nothing of what is joined. */
bool weir_eager_needs_wrapper(const weir_scope *scope, const weir_select_tree *tree)
{
    bool many = false;
    for (size_t i = 0; i < scope->eager_count; i++)
        many = many || scope->eager[i].linked.relationship.to_many;
    return (many && (tree->has_limit || tree->has_offset || tree->distinct)) ||
           (scope->eager_count && (tree->group_by.count || tree->distinct_on.count));
}

/* ---- contiguous loads ---- */

static bool key_leads(const weir_expr_list *orders, const weir_entity *entity, const weir_source *source)
{
    size_t keys = weir_entity_key_count(entity);
    uint64_t seen = 0;
    for (size_t i = 0; i < keys && keys <= 64; i++) {
        const weir_expr *e = i < orders->count ? orders->items[i] : NULL;
        while (e && e->op >= WEIR_OP_ASC && e->op <= WEIR_OP_NULLS_LAST && e->args)
            e = e->args[0];
        bool column = e && e->op == WEIR_OP_COLUMN && e->entity == entity;
        const weir_member *member = column ? weir_entity_member(entity, e->offset) : NULL;
        for (size_t k = 0; member && k < keys; k++)
            if (weir_entity_key(entity, k) == member && weir_source_identity(e->source) == weir_source_identity(source))
                seen |= (uint64_t)1 << k;
    }
    return keys && keys <= 64 && seen == UINT64_MAX >> (64 - keys);
}

static void order_by_key(weir_renderer *r, weir_scope *scope, const weir_entity *entity, const weir_source *source)
{
    size_t keys = weir_entity_key_count(entity);
    const weir_expr **items = weir_render_take(r, keys * sizeof *items);
    weir_expr *columns = weir_render_take(r, keys * sizeof *columns);
    for (size_t i = 0; items && columns && i < keys; i++) {
        columns[i] = (weir_expr){ .op = WEIR_OP_COLUMN, .entity = entity, .source = source };
        columns[i].offset = weir_entity_key(entity, i)->offset;
        items[i] = &columns[i];
    }
    if (r->status != WEIR_OK)
        return;
    scope->orders = (weir_expr_list){ .items = items, .count = keys, .capacity = keys };
    r->ordered = true;
}

void weir_eager_order_keys(weir_renderer *r, weir_scope *scope, const weir_select_tree *tree)
{
    for (size_t i = 0; !tree->disable_eagerloads && i < tree->load_count && r->status == WEIR_OK; i++) {
        const weir_load_path *load = &tree->loads[i];
        const weir_expr *parent = load->contiguous && load->step_count ? load->steps[0] : NULL;
        if (!parent)
            continue;
        if (!scope->orders.count)
            order_by_key(r, scope, parent->entity, parent->source);
        else if (!key_leads(&scope->orders, parent->entity, parent->source))
            weir_render_fail(r, WEIR_INVALID_REQUEST,
                             "weir_joinedload_contiguous streams one %s after the other: the statement must be ordered by its primary key "
                             "first",
                             parent->entity->name);
    }
}

/* ---- as text ---- */

void weir_eager_columns(weir_renderer *r, weir_scope *scope)
{
    for (size_t i = 0; i < scope->eager_count && r->status == WEIR_OK; i++) {
        weir_select_item *item = &scope->items[scope->eager[i].item];
        item->first_column = scope->label_count;
        weir_shape_hidden(r, scope, item->entity, scope->item_sources[scope->eager[i].item]);
        item->column_count = scope->label_count - item->first_column;
    }
}

static const char *const *wrapped_names(weir_renderer *r, const weir_scope *scope, const weir_eager *eager)
{
    const weir_select_item *parent = &scope->items[eager->parent_item];
    const char **names = weir_render_take(r, eager->linked.relationship.pair_count * sizeof *names);
    for (size_t i = 0; names && i < eager->linked.relationship.pair_count; i++)
        for (size_t k = 0; k < parent->column_count; k++)
            if (scope->labels[parent->first_column + k].member == eager->linked.relationship.local[i])
                names[i] = scope->labels[parent->first_column + k].name;
    return names;
}

void weir_eager_joins(weir_renderer *r, weir_scope *scope, size_t root)
{
    for (size_t i = 0; i < scope->eager_count && r->status == WEIR_OK; i++) {
        weir_eager *eager = &scope->eager[i];
        const weir_select_item *parent = &scope->items[eager->parent_item], *item = &scope->items[eager->item];
        weir_element from = { .entity = parent->entity, .source = scope->item_sources[eager->parent_item] };
        weir_element target = { .entity = item->entity, .source = scope->item_sources[eager->item] };
        weir_source wrapper = { .kind = WEIR_SOURCE_SUBQUERY, .name = scope->wrapper, .identity = scope->wrapper };
        if (root != SIZE_MAX && eager->root != root)
            continue;
        if (scope->wrapper && !parent->hidden) {
            from.source = &wrapper;
            eager->linked.local_names = wrapped_names(r, scope, eager);
        }
        if (r->status == WEIR_OK)
            weir_render_pairs(r, &eager->linked, &from, &target);
    }
}

/* ---- the relationships' order ---- */

static const weir_member *member_called(const weir_entity *entity, const weir_token *token)
{
    const char *text = token->text;
    size_t length = token->length;
    if (token->kind == WEIR_TOKEN_QUOTED && length >= 2) {
        text++;
        length -= 2;
    } else if (token->kind != WEIR_TOKEN_WORD) {
        return NULL;
    }
    for (size_t i = 0; i < entity->member_count; i++) {
        const weir_member *member = &entity->members[i];
        const char *column = member->kind == WEIR_MEMBER_COLUMN ? weir_member_column(member) : NULL;
        if (column && strlen(column) == length && !memcmp(column, text, length))
            return member;
    }
    return NULL;
}

static bool is_symbol(const weir_token *token, char symbol)
{
    return token->kind == WEIR_TOKEN_SYMBOL && token->length == 1 && *token->text == symbol;
}

static bool is_table(const weir_entity *entity, const weir_token *token)
{
    const char *table = entity->table ? weir_table_without_schema(entity->table) : "";
    return token->kind == WEIR_TOKEN_WORD && strlen(table) == token->length && !memcmp(table, token->text, token->length);
}

void weir_render_order_text(weir_renderer *r, const char *order, const weir_entity *entity, const weir_source *alias)
{
    weir_lexer lexer;
    weir_token token, last = { .kind = WEIR_TOKEN_END };
    r->has_text = true;
    weir_lexer_init(&lexer, r->dialect, order, strlen(order));
    while ((token = weir_lexer_next(&lexer)).kind != WEIR_TOKEN_END) {
        weir_lexer ahead = lexer;
        weir_token next = weir_lexer_next(&ahead);
        bool qualified = is_symbol(&last, '.'), qualifies = is_symbol(&next, '.'), called = is_symbol(&next, '(');
        if (qualifies && !qualified && is_table(entity, &token)) {
            weir_render_qualifier(r, entity, alias);
        } else {
            if (!qualified && !qualifies && !called && member_called(entity, &token)) {
                weir_render_qualifier(r, entity, alias);
                weir_buffer_byte(r->text, '.');
            }
            weir_buffer_append(r->text, token.text, token.length);
        }
        if (token.kind != WEIR_TOKEN_SPACE)
            last = token;
    }
}

void weir_eager_orders(weir_renderer *r, weir_scope *scope, bool first)
{
    for (size_t i = 0; i < scope->eager_count && r->status == WEIR_OK; i++) {
        const weir_member *member = scope->eager[i].linked.relationship.member;
        if (!member->order_by || member->kind != WEIR_MEMBER_MANY)
            continue;
        weir_buffer_text(r->text, first ? " ORDER BY " : ", ");
        weir_render_order_text(r, member->order_by, member->target, scope->item_sources[scope->eager[i].item]);
        first = false;
    }
}

/* ---- around a limited select ---- */

static const weir_expr *without_direction(const weir_expr *e)
{
    while (e->op >= WEIR_OP_ASC && e->op <= WEIR_OP_NULLS_LAST && e->args && e->args[0])
        e = e->args[0];
    return e;
}

void weir_eager_order_columns(weir_renderer *r, weir_scope *scope)
{
    scope->order_labels = weir_render_take(r, (scope->orders.count + 1) * sizeof *scope->order_labels);
    scope->selected_count = scope->label_count;
    for (size_t i = 0; scope->order_labels && i < scope->orders.count && r->status == WEIR_OK; i++) {
        const weir_expr *e = without_direction(scope->orders.items[i]);
        size_t index = weir_label_of(scope, e);
        if (index != SIZE_MAX) {
            scope->order_labels[i] = scope->labels[index].name;
        } else if (e->op == WEIR_OP_LABEL_REF) {
            scope->order_labels[i] = e->name;
        } else {
            weir_buffer_text(r->text, ", ");
            weir_render_expression(r, e, WEIR_BIND_NONE, true);
            scope->order_labels[i] = weir_shape_label(r, scope, "anon");
            weir_buffer_text(r->text, " AS ");
            weir_identifier_append(r->text, scope->order_labels[i]);
        }
    }
}

static void write_wrapped_column(weir_renderer *r, const weir_scope *scope, const char *name)
{
    weir_identifier_append(r->text, scope->wrapper);
    weir_buffer_byte(r->text, '.');
    weir_identifier_append(r->text, name ? name : "");
}

static void write_directions(weir_renderer *r, const weir_expr *e)
{
    static const char *const words[] = { " ASC", " DESC", " NULLS FIRST", " NULLS LAST" };
    if (e->op < WEIR_OP_ASC || e->op > WEIR_OP_NULLS_LAST || !e->args || !e->args[0])
        return;
    write_directions(r, e->args[0]);
    weir_buffer_text(r->text, words[e->op - WEIR_OP_ASC]);
}

static void write_outer_select(weir_renderer *r, weir_scope *scope, const char *inner, size_t length)
{
    weir_buffer_text(r->text, "SELECT ");
    for (size_t i = 0; i < scope->selected_count; i++) {
        weir_buffer_text(r->text, i ? ", " : "");
        write_wrapped_column(r, scope, scope->labels[i].name);
    }
    scope->label_count = scope->selected_count;
    weir_eager_columns(r, scope);
    weir_buffer_text(r->text, " FROM (");
    weir_buffer_append(r->text, inner, length);
    weir_buffer_text(r->text, ") AS ");
    weir_identifier_append(r->text, scope->wrapper);
    weir_eager_joins(r, scope, SIZE_MAX);
    for (size_t i = 0; i < scope->orders.count; i++) {
        weir_buffer_text(r->text, i ? ", " : " ORDER BY ");
        write_wrapped_column(r, scope, scope->order_labels[i]);
        write_directions(r, scope->orders.items[i]);
    }
    weir_eager_orders(r, scope, !scope->orders.count);
}

void weir_eager_wrap(weir_renderer *r, weir_scope *scope, size_t start)
{
    size_t length = r->text->length - start;
    const char *inner = weir_render_copy(r, r->text->data + start, length);
    for (size_t i = 0; i < scope->selected_count; i++)
        if (!scope->labels[i].name)
            weir_render_fail(r, WEIR_COMPILE,
                             "a limited select with a joined collection cannot have SQL text in its select list: label it");
    if (!inner || r->status != WEIR_OK)
        return;
    r->text->length = start;
    write_outer_select(r, scope, inner, length);
}
