/* The statement of a load: the relationship's targets by their side of the key, with no word about the parents' table. */
#include "orm/load.h"
#include <string.h>

enum { ASSOCIATION_SLOT = 64 };         /* room for a value of any member type but long char[n], in the made-up struct */

/* The table between, as an entity that nobody instantiates: its columns have the types of the keys that they refer to. It lives as
 * long as the store, since statements and results point to it. */
static const weir_entity *association_of(weir_load_work *work, weir_mapped_relationship *relationship)
{
    const weir_relationship *pairs = &relationship->pairs;
    const weir_member *named = relationship->member;
    if (relationship->association)
        return relationship->association;
    size_t count = 2 * pairs->pair_count, offset = 0;
    weir_arena *arena = &work->session->store->arena;
    weir_member *members = weir_arena_take(arena, count * sizeof *members);
    weir_entity *entity = weir_arena_take(arena, sizeof *entity);
    if (!members || !entity) {
        weir_error_out_of_memory(work->error);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        bool local = i < pairs->pair_count;
        size_t pair = local ? i : i - pairs->pair_count;
        const weir_member *like = local ? pairs->local[pair] : pairs->remote[pair];
        const char *column = local ? named->association_local[pair] : named->association_remote[pair];
        members[i] = (weir_member){ .kind = WEIR_MEMBER_COLUMN, .name = column, .column = column, .type = like->type, .size = like->size,
                                    .offset = offset, .primary_key = true, .enum_names = like->enum_names, .enum_count = like->enum_count };
        offset += (like->size + ASSOCIATION_SLOT - 1) / ASSOCIATION_SLOT * ASSOCIATION_SLOT;
    }
    *entity = (weir_entity){ .name = named->association, .table = named->association, .size = offset, .members = members, .member_count = count };
    relationship->association = entity;
    return entity;
}

/* Expressions of a statement that is being made. */
typedef struct words { weir_expr *all; const weir_expr **list; size_t used, listed; } words;

static weir_expr *word(words *w, weir_op op) { weir_expr *e = &w->all[w->used++]; *e = (weir_expr){ .op = op }; return e; }

static const weir_expr *column(words *w, const weir_entity *entity, const weir_member *member)
{
    weir_expr *e = word(w, WEIR_OP_COLUMN);
    e->entity = entity;
    e->offset = member->offset;
    return e;
}

/* A NULL-terminated list of `count` expressions, to be filled. */
static const weir_expr **list(words *w, size_t count)
{
    const weir_expr **items = w->list + w->listed;
    w->listed += count + 1;
    items[count] = NULL;
    return items;
}

static const weir_expr *equal(words *w, const weir_expr *a, const weir_expr *b)
{
    weir_expr *e = word(w, WEIR_OP_EQ);
    const weir_expr **args = list(w, 2);
    args[0] = a;
    args[1] = b;
    e->args = args;
    return e;
}

static weir_stmt *select_through(words *w, const weir_relationship *pairs, const weir_entity *between)
{
    size_t count = pairs->pair_count;
    const weir_expr **columns = list(w, count + 1), **equals = list(w, count);
    weir_expr *target = word(w, WEIR_OP_ENTITY), *table = word(w, WEIR_OP_ENTITY), *both = word(w, WEIR_OP_AND);
    target->entity = pairs->target;
    table->entity = between;
    columns[0] = target;
    for (size_t i = 0; i < count; i++) {
        columns[i + 1] = column(w, between, &between->members[i]);
        equals[i] = equal(w, column(w, pairs->target, pairs->remote[i]), column(w, between, &between->members[count + i]));
    }
    both->args = equals;
    weir_stmt *stmt = weir_select_list(columns);
    weir_from(stmt, target);
    weir_join_on(stmt, table, count == 1 ? equals[0] : both);
    return stmt;
}

static void where_keys(words *w, weir_stmt *stmt, const weir_relationship *pairs, const weir_entity *between, const weir_value *keys, size_t count)
{
    const weir_expr **columns = list(w, pairs->pair_count), **args = list(w, 1);
    weir_expr *in = word(w, WEIR_OP_IN), *tuple = word(w, WEIR_OP_TUPLE);
    for (size_t i = 0; i < pairs->pair_count; i++)
        columns[i] = between ? column(w, between, &between->members[i]) : column(w, pairs->target, pairs->remote[i]);
    tuple->args = columns;
    args[0] = pairs->pair_count == 1 ? columns[0] : tuple;
    in->args = args;
    in->values = keys;
    in->count = count * pairs->pair_count;
    weir_where(stmt, in);
}

/* What the statement says about the targets' own relationships: the rest of the paths that lead here. */
static int pass_options(weir_load_work *work, const weir_load_node *node, const weir_mapped_relationship *relationship, weir_stmt *stmt)
{
    for (size_t i = 0; i < work->path_count; i++) {
        const weir_load_path *path = &work->paths[i];
        size_t done = node->depth + 1;
        if (path->step_count <= done || !weir_load_path_fits(path, node, relationship))
            continue;
        const weir_expr **rest = weir_arena_take(work->arena, (path->step_count - done + 1) * sizeof *rest);
        if (!rest)
            return weir_error_out_of_memory(work->error);
        for (size_t k = done; k < path->step_count; k++)
            rest[k - done] = path->steps[k];
        rest[path->step_count - done] = NULL;
        weir_load_option_(stmt, path->how, rest);
    }
    return WEIR_OK;
}

weir_stmt *weir_load_statement(weir_load_work *work, const weir_load_node *node, weir_mapped_relationship *relationship,
                               const weir_value *keys, size_t count)
{
    const weir_relationship *pairs = &relationship->pairs;
    const weir_entity *between = NULL;
    words w = { weir_arena_take(work->arena, (8 + 5 * pairs->pair_count) * sizeof *w.all),
                weir_arena_take(work->arena, (12 + 8 * pairs->pair_count) * sizeof *w.list), 0, 0 };
    if (!w.all || !w.list) {
        weir_error_out_of_memory(work->error);
        return NULL;
    }
    if (pairs->through_association && !(between = association_of(work, relationship)))
        return NULL;
    weir_stmt *stmt = between ? select_through(&w, pairs, between) : weir_select(pairs->target);
    where_keys(&w, stmt, pairs, between, keys, count);
    if (relationship->member->order_by) {
        weir_expr *order = word(&w, WEIR_OP_FRAGMENT);
        order->name = relationship->member->order_by;
        order->entity = pairs->target;          /* its columns, not those of what is joined to it */
        weir_order_by(stmt, order);
    }
    if (pass_options(work, node, relationship, stmt) == WEIR_OK)
        return stmt;
    weir_stmt_free(&stmt);
    return NULL;
}
