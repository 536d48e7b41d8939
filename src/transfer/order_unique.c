/* Whether an order is unique (RULES K1): whether its columns determine, through keys and equalities, one row of everything that the
 * statement joins. A to-one join follows from its other side; a join to a collection multiplies, and is determined only by its own key. */
#include <stdio.h>
#include <string.h>
#include "sql/entity.h"
#include "transfer/order_parts.h"

/* A column of an element of FROM. */
typedef struct place { size_t element; const weir_member *member; } place;
/* When `from` is known, `to` is. */
typedef struct implication { place from, to; } implication;

typedef struct analysis {
    const weir_scope *scope;
    weir_order       *order;
    weir_error       *error;
    place            *known; size_t known_count, known_capacity;
    implication      *implied; size_t implied_count, implied_capacity;
    bool             *determined;       /* by element: the row of it */
    bool              failed;
} analysis;

static void *grow(analysis *a, void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    size_t larger = *capacity ? *capacity * 2 : 16;
    void *copy = weir_arena_take(&a->order->arena, larger * size);
    if (!copy) {
        a->failed = true;
        return NULL;
    }
    if (count)
        memcpy(copy, list, count * size);
    *capacity = larger;
    return copy;
}

static bool is_known(const analysis *a, place p)
{
    if (a->determined[p.element])
        return true;
    for (size_t i = 0; i < a->known_count; i++)
        if (a->known[i].element == p.element && a->known[i].member == p.member)
            return true;
    return false;
}

static bool know(analysis *a, place p)
{
    if (is_known(a, p))
        return false;
    place *known = grow(a, a->known, a->known_count, &a->known_capacity, sizeof *known);
    if (!known)
        return false;
    a->known = known;
    known[a->known_count++] = p;
    return true;
}

static void imply(analysis *a, place from, place to)
{
    implication *implied = grow(a, a->implied, a->implied_count, &a->implied_capacity, sizeof *implied);
    if (!implied)
        return;
    a->implied = implied;
    implied[a->implied_count++] = (implication){ from, to };
}

/* A mapped column of an element of this FROM. */
static bool find_place(const analysis *a, const weir_expr *e, place *out)
{
    if (e->op != WEIR_OP_COLUMN)
        return false;
    *out = (place){ weir_from_find(a->scope, e->entity, e->source), weir_entity_member(e->entity, e->offset) };
    return out->element != SIZE_MAX && out->member && out->member->kind == WEIR_MEMBER_COLUMN;
}

/* What the conjuncts of a condition equate. toward: the optional side of an outer join, the only one that follows; SIZE_MAX: both do. */
static void read_equalities(analysis *a, const weir_expr *e, size_t toward)
{
    e = weir_without_label(e);
    for (size_t i = 0; e->op == WEIR_OP_AND && e->args[i]; i++)
        read_equalities(a, e->args[i], toward);
    if (e->op != WEIR_OP_EQ)
        return;
    const weir_expr *left = weir_without_label(e->args[0]), *right = weir_without_label(e->args[1]);
    place p, q;
    bool left_is = find_place(a, left, &p), right_is = find_place(a, right, &q);
    if (left_is && right->op == WEIR_OP_VALUE && toward == SIZE_MAX)
        know(a, p);
    else if (right_is && left->op == WEIR_OP_VALUE && toward == SIZE_MAX)
        know(a, q);
    if (!left_is || !right_is)
        return;
    if (toward == SIZE_MAX || toward == q.element)
        imply(a, p, q);
    if (toward == SIZE_MAX || toward == p.element)
        imply(a, q, p);
}

static void read_join(analysis *a, const weir_linked *linked)
{
    const weir_relationship *relationship = &linked->relationship;
    size_t toward = linked->join->kind == WEIR_JOIN_INNER ? SIZE_MAX : linked->target;
    if (linked->join->kind == WEIR_JOIN_FULL || relationship->through_association)
        return;                         /* a full join has rows without either; a table between multiplies both ways */
    if (!relationship->parent) {
        read_equalities(a, linked->join->on, toward);
        return;
    }
    for (size_t i = 0; i < relationship->pair_count; i++) {
        place near = { linked->left, relationship->local[i] }, far = { linked->target, relationship->remote[i] };
        imply(a, near, far);
        if (toward == SIZE_MAX)
            imply(a, far, near);
    }
}

static bool key_is_known(const analysis *a, size_t element)
{
    const weir_element *from = &a->scope->froms[element];
    size_t keys = from->entity && from->entity->table ? weir_entity_key_count(from->entity) : 0, known = 0;
    if (!keys || (from->source && from->source->kind != WEIR_SOURCE_ALIAS))
        return false;                   /* rows of a subquery may be the same */
    for (size_t i = 0; i < keys; i++)
        known += is_known(a, (place){ element, weir_entity_key(from->entity, i) });
    for (size_t i = 0; i < from->entity->member_count && known < keys; i++) {
        const weir_member *m = &from->entity->members[i];
        if (m->kind == WEIR_MEMBER_COLUMN && m->unique && !weir_member_has_null(m) && is_known(a, (place){ element, m }))
            return true;
    }
    return known == keys;
}

static void follow(analysis *a)
{
    bool more = true;
    while (more && !a->failed) {
        more = false;
        for (size_t i = 0; i < a->implied_count; i++)
            if (is_known(a, a->implied[i].from) && know(a, a->implied[i].to))
                more = true;
        for (size_t i = 0; i < a->scope->from_count; i++)
            if (!a->determined[i] && key_is_known(a, i))
                more = a->determined[i] = true;
    }
}

/* Starts again from the order's columns: the first element that they do not determine, SIZE_MAX when there is none. */
static size_t undetermined(analysis *a)
{
    const weir_select_tree *tree = a->order->stmt->tree;
    memset(a->determined, 0, a->scope->from_count * sizeof *a->determined);
    a->known_count = a->implied_count = 0;
    for (size_t i = 0; i < a->order->count; i++) {
        place p;
        if (find_place(a, a->order->columns[i].expr, &p))
            know(a, p);
    }
    for (size_t i = 0; i < tree->where.count; i++)
        read_equalities(a, tree->where.items[i], SIZE_MAX);
    for (size_t i = 0; i < tree->join_count; i++)
        read_join(a, &a->scope->joins[i]);
    follow(a);
    for (size_t i = 0; i < a->scope->from_count; i++)
        if (!a->determined[i])
            return i;
    return SIZE_MAX;
}

bool weir_order_is_optional(const weir_scope *scope, size_t element)
{
    bool optional = false;
    for (size_t i = 0; i < scope->stmt->tree->join_count; i++) {
        weir_join_kind kind = scope->joins[i].join->kind;
        optional = optional || kind == WEIR_JOIN_FULL || (kind == WEIR_JOIN_LEFT && scope->joins[i].target == element);
    }
    return optional;
}

/* Adds the columns of the element's primary key that the order lacks, in the direction of its last column. */
static int complete_by(analysis *a, size_t element)
{
    const weir_element *from = &a->scope->froms[element];
    weir_order *order = a->order;
    bool descending = order->count && order->columns[order->count - 1].descending;
    if (!from->entity || !from->entity->table || (from->source && from->source->kind != WEIR_SOURCE_ALIAS))
        return WEIR_OK;
    for (size_t i = 0; i < weir_entity_key_count(from->entity); i++) {
        const weir_member *member = weir_entity_key(from->entity, i);
        if (is_known(a, (place){ element, member }))
            continue;
        weir_order_column *column = weir_order_add(order);
        weir_expr *expr = column ? weir_arena_take(&order->arena, sizeof *expr) : NULL;
        if (!expr)
            return weir_error_out_of_memory(a->error);
        *expr = (weir_expr){ .op = WEIR_OP_COLUMN, .entity = from->entity, .source = from->source, .offset = member->offset };
        column->expr = expr;
        column->descending = descending;
    }
    return WEIR_OK;
}

static int refuse(analysis *a, size_t element)
{
    const weir_element *from = &a->scope->froms[element];
    const weir_entity *entity = from->entity && from->entity->table ? from->entity : NULL;
    const weir_member *key = entity ? weir_entity_key(entity, 0) : NULL;
    if (!a->order->count)
        return weir_error_set(a->error, WEIR_INVALID_REQUEST,
                              "the statement has no order: order it by columns that no two rows share, the primary key%s%s%s at least",
                              key ? " (" : "", key ? weir_member_column(key) : "", key ? ")" : "");
    if (!key)
        return weir_error_set(a->error, WEIR_INVALID_REQUEST,
                              "the statement's order is not unique, as far as weir can see: it reads from a subquery or has a full join");
    return weir_error_set(a->error, WEIR_INVALID_REQUEST,
                          "the statement's order is not unique: two rows may have the same place in it. Order it by the primary key of %s "
                          "(%s …), too; a join to a collection needs the key of what it is joined to",
                          entity->table, weir_member_column(key));
}

int weir_order_make_unique(weir_order *order, const weir_scope *scope, bool complete, weir_error *error)
{
    analysis a = { .scope = scope, .order = order, .error = error };
    a.determined = weir_arena_take(&order->arena, (scope->from_count + 1) * sizeof *a.determined);
    if (!a.determined)
        return weir_error_out_of_memory(error);
    size_t element = undetermined(&a);
    if (element == SIZE_MAX && !order->count && scope->from_count)
        element = 0;                    /* a row that constants determine: there is no order to go by */
    size_t missing = element;
    for (size_t i = 0; complete && element != SIZE_MAX && i < scope->from_count && !a.failed; i++) {
        if (a.determined[i])
            continue;
        if (complete_by(&a, i) != WEIR_OK)
            return error->status;
        element = undetermined(&a);
    }
    if (a.failed)
        return weir_error_out_of_memory(error);
    if (element == SIZE_MAX && order->count)
        return WEIR_OK;
    return refuse(&a, element != SIZE_MAX ? element : missing != SIZE_MAX ? missing : 0);
}

int weir_order_not_unique(const weir_order *order, weir_error *error)
{
    char names[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < weir_order_count(order) && used < sizeof names; i++) {
        int n = snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", weir_order_name(order, i));
        used += n > 0 ? (size_t)n : 0;
    }
    weir_error_set(error, WEIR_INVALID_REQUEST, "the key (%s) is not unique: two rows have the same one, and a place between them cannot be told",
                   names);
    static const char advice[] = "add columns to the key until it is unique, as the primary key's";
    weir_error_text(error->hint, sizeof error->hint, advice, sizeof advice - 1);
    return error->status;
}
