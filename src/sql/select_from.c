/* Building select statements: what stands in FROM, and how it is joined. */
#include <string.h>
#include "sql/entity.h"
#include "sql/tree.h"

/* ---- explicit FROM ---- */

static const void *identity_of(const weir_source *source) { return source ? source->identity : NULL; }

void weir_from(weir_stmt *stmt, const weir_expr *entity_or_alias)
{
    if (!weir_tree_ready(stmt, "weir_from", WEIR_REACH_ROWS))
        return;
    if (!entity_or_alias || entity_or_alias->op != WEIR_OP_ENTITY) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_from takes WEIR_ENTITY_OF or WEIR_ALIAS_OF");
        return;
    }
    weir_select_tree *tree = stmt->tree;
    const weir_expr *copy = weir_tree_expr(stmt, entity_or_alias);
    for (size_t i = 0; copy && i < tree->from_count; i++)
        if (tree->from[i]->entity == copy->entity && identity_of(tree->from[i]->source) == identity_of(copy->source))
            return;                     /* the same one twice stands there once */
    const weir_expr **from = copy ? weir_tree_room(stmt, tree->from, tree->from_count, sizeof *from) : NULL;
    if (!from)
        return;
    tree->from = from;
    tree->from[tree->from_count++] = copy;
}

void weir_from_source(weir_stmt *stmt, const weir_source *source)
{
    if (!weir_tree_ready(stmt, "weir_from_source", WEIR_REACH_ROWS))
        return;
    weir_select_tree *tree = stmt->tree;
    const weir_source *copy = weir_tree_source(stmt, source);
    for (size_t i = 0; copy && i < tree->from_source_count; i++)
        if (tree->from_sources[i] == copy)
            return;
    const weir_source **sources = copy ? weir_tree_room(stmt, tree->from_sources, tree->from_source_count, sizeof *sources) : NULL;
    if (!sources)
        return;
    tree->from_sources = sources;
    tree->from_sources[tree->from_source_count++] = copy;
}

/* ---- the ON of two entities ---- */

/* The entities that the new one can be joined to. */
typedef struct left_sides {
    const weir_expr *target;
    weir_arena      *arena;             /* of what is needed until the ON is found */
    weir_error      *error;
    weir_expr       *found;             /* entities */
    size_t           found_count;
    weir_expr        chosen;
    weir_key_path    path;
    size_t           joinable;
    bool             ambiguous;
} left_sides;

/* Looks for the keys between one possible left side and the target. */
static int try_side(left_sides *sides, const weir_entity *entity, const weir_source *source)
{
    const weir_expr *target = sides->target;
    bool is_target = entity == target->entity && identity_of(source) == identity_of(target->source);
    if (!entity || is_target)
        return WEIR_OK;
    for (size_t i = 0; i < sides->found_count; i++)
        if (sides->found[i].entity == entity && identity_of(sides->found[i].source) == identity_of(source))
            return WEIR_OK;
    weir_key_path path;
    sides->found[sides->found_count++] = (weir_expr){ .op = WEIR_OP_ENTITY, .entity = entity, .source = source };
    int status = weir_key_path_find(entity, target->entity, true, sides->arena, &path, sides->error);
    if (status == WEIR_OK && entity == target->entity)
        status = WEIR_AMBIGUOUS_FOREIGN_KEYS;           /* parents of children, or children of parents? */
    if (status == WEIR_OK) {
        sides->chosen = sides->found[sides->found_count - 1];
        sides->path = path;
        sides->joinable++;
    }
    sides->ambiguous |= status == WEIR_AMBIGUOUS_FOREIGN_KEYS;
    return status == WEIR_NO_FOREIGN_KEYS || status == WEIR_AMBIGUOUS_FOREIGN_KEYS ? WEIR_OK : status;
}

static int try_columns(left_sides *sides, const weir_expr *expr)
{
    bool named = expr->op == WEIR_OP_COLUMN || expr->op == WEIR_OP_ENTITY;
    int status = named ? try_side(sides, expr->entity, expr->source) : WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && expr->args && expr->args[i]; i++)
        status = try_columns(sides, expr->args[i]);
    return status;
}

/* What a join brought in: its parent is there because of it, too. */
static int try_join(left_sides *sides, const weir_join *join)
{
    if (join->source)
        return try_side(sides, join->source->entity, join->source);
    if (join->target->op == WEIR_OP_ENTITY)
        return try_side(sides, join->target->entity, join->target->source);
    const weir_member *member = weir_entity_member(join->target->entity, join->target->offset);
    int status = try_side(sides, join->target->entity, join->target->source);
    return status == WEIR_OK ? try_side(sides, member->target, join->as) : status;
}

/* Columns say what is in FROM only where nothing does so explicitly. */
static int try_all(left_sides *sides, const weir_select_tree *tree)
{
    int status = WEIR_OK;
    bool explicit_from = tree->from_count || tree->from_source_count;
    for (size_t i = 0; status == WEIR_OK && i < tree->from_count; i++)
        status = try_side(sides, tree->from[i]->entity, tree->from[i]->source);
    for (size_t i = 0; status == WEIR_OK && i < tree->from_source_count; i++)
        status = try_side(sides, tree->from_sources[i]->entity, tree->from_sources[i]);
    for (size_t i = 0; status == WEIR_OK && i < tree->join_count; i++)
        status = try_join(sides, &tree->joins[i]);
    for (size_t i = 0; status == WEIR_OK && !explicit_from && i < tree->columns.count; i++)
        status = try_columns(sides, tree->columns.items[i]);
    return status;
}

static const char *table_of(const weir_expr *expr) { return expr->entity->table ? expr->entity->table : expr->entity->name; }

static int check_choice(const left_sides *sides, weir_error *error)
{
    const char *target = table_of(sides->target);
    if (!sides->found_count)
        return weir_error_set(error, WEIR_NO_FOREIGN_KEYS, "Can't find any foreign key relationships to '%s': nothing to join it to is "
                              "selected yet. Give the join its ON.", target);
    const char *left = table_of(&sides->found[0]);
    if (sides->joinable > 1)
        return weir_error_set(error, WEIR_AMBIGUOUS_FOREIGN_KEYS, "Can't determine which FROM clause to join from, there are multiple FROMS "
                              "which can join to '%s'. Give the join its ON.", target);
    if (sides->ambiguous)
        return weir_error_set(error, WEIR_AMBIGUOUS_FOREIGN_KEYS, "Can't determine join between '%s' and '%s'; tables have more than one "
                              "foreign key constraint relationship between them. Please specify the 'onclause' of this join explicitly.",
                              left, target);
    if (!sides->joinable)
        return weir_error_set(error, WEIR_NO_FOREIGN_KEYS, "Can't find any foreign key relationships between '%s' and '%s'.", left, target);
    return WEIR_OK;
}

/* near = far AND … */
static const weir_expr *equal_pairs(weir_stmt *stmt, const left_sides *sides)
{
    const weir_expr *near = &sides->chosen, *far = sides->target;
    size_t count = sides->path.count;
    weir_expr *columns = weir_arena_take(sides->arena, 3 * count * sizeof *columns), *both = columns + 2 * count;
    const weir_expr **args = weir_arena_take(sides->arena, (4 * count + 1) * sizeof *args), **equal = args + 3 * count;
    if (!columns || !args) {
        weir_error_out_of_memory(&stmt->error);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const weir_expr **pair = args + 3 * i;
        columns[2 * i] = (weir_expr){ WEIR_OP_COLUMN, .entity = near->entity, .source = near->source, .offset = sides->path.near[i]->offset };
        columns[2 * i + 1] = (weir_expr){ WEIR_OP_COLUMN, .entity = far->entity, .source = far->source, .offset = sides->path.far[i]->offset };
        pair[0] = &columns[2 * i];
        pair[1] = &columns[2 * i + 1];
        pair[2] = NULL;
        both[i] = (weir_expr){ .op = WEIR_OP_EQ, .args = pair };
        equal[i] = &both[i];
    }
    equal[count] = NULL;
    return weir_tree_expr(stmt, count == 1 ? equal[0] : &(const weir_expr){ .op = WEIR_OP_AND, .args = equal });
}

static size_t count_nodes(const weir_expr *expr)
{
    size_t count = 1;
    for (size_t i = 0; expr->args && expr->args[i]; i++)
        count += count_nodes(expr->args[i]);
    return count;
}

const weir_expr *weir_tree_infer_on(weir_stmt *stmt, const weir_entity *entity, const weir_source *source)
{
    const weir_select_tree *tree = stmt->tree;
    const weir_expr target = { .op = WEIR_OP_ENTITY, .entity = entity, .source = source };
    size_t most = tree->from_count + tree->from_source_count + 2 * tree->join_count;
    for (size_t i = 0; i < tree->columns.count; i++)
        most += count_nodes(tree->columns.items[i]);
    weir_arena arena;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 1024);
    left_sides sides = { .target = &target, .arena = &arena, .error = &stmt->error };
    const weir_expr *on = NULL;
    sides.found = weir_arena_take(&arena, most * sizeof *sides.found);
    if (!sides.found)
        weir_error_out_of_memory(&stmt->error);
    else if (try_all(&sides, tree) == WEIR_OK && check_choice(&sides, &stmt->error) == WEIR_OK)
        on = equal_pairs(stmt, &sides);
    weir_arena_free(&arena);
    return on;
}

/* ---- joins ---- */

static void add_join(weir_stmt *stmt, const weir_join *join)
{
    weir_select_tree *tree = stmt->tree;
    weir_join *joins = weir_tree_room(stmt, tree->joins, tree->join_count, sizeof *joins);
    if (!joins)
        return;
    tree->joins = joins;
    tree->joins[tree->join_count++] = *join;
}

static bool check_kind(weir_stmt *stmt, weir_join_kind kind)
{
    if (kind < WEIR_JOIN_INNER || kind > WEIR_JOIN_FULL)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_join: the kind %d is unknown", (int)kind);
    return stmt->error.status == WEIR_OK;
}

static void join_entity(weir_stmt *stmt, weir_join *join, const weir_source *as, const weir_expr *on)
{
    if (as) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_join: an alias of its own is for a relationship; join WEIR_ALIAS_OF instead");
        return;
    }
    join->on = on ? weir_tree_expr(stmt, on) : weir_tree_infer_on(stmt, join->target->entity, join->target->source);
    if (join->on)
        add_join(stmt, join);
}

static void join_relationship(weir_stmt *stmt, weir_join *join, const weir_source *as, const weir_expr *on)
{
    const weir_entity *entity = join->target->entity;
    const weir_member *member = weir_entity_member(entity, join->target->offset);
    if (member->kind == WEIR_MEMBER_COLUMN || on) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, on ? "weir_join: %s.%s is a relationship and has its ON; add conditions by weir_where"
                                                       : "weir_join: %s.%s is a column; a relationship, an entity or an alias is joined",
                       entity->name, member->name);
        return;
    }
    if (!weir_tree_use_entity(stmt, member->target) || (as && !(join->as = weir_tree_source(stmt, as))))
        return;
    if (as && join->as->entity != member->target)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_join: the alias for %s.%s is not one of %s", entity->name, member->name,
                       member->target->name);
    else
        add_join(stmt, join);
}

void weir_join_(weir_stmt *stmt, weir_join_kind kind, const weir_expr *target, const weir_source *as, const weir_expr *on)
{
    if (!weir_tree_ready(stmt, "weir_join", WEIR_REACH_PLAIN) || !check_kind(stmt, kind))
        return;
    if (!target || (target->op != WEIR_OP_COLUMN && target->op != WEIR_OP_ENTITY)) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_join takes a relationship, an entity or an alias");
        return;
    }
    weir_join join = { .kind = kind, .target = weir_tree_path_step(stmt, target) };
    if (join.target)
        (target->op == WEIR_OP_ENTITY ? join_entity : join_relationship)(stmt, &join, as, on);
}

void weir_join_source(weir_stmt *stmt, weir_join_kind kind, const weir_source *source, const weir_expr *on)
{
    if (!weir_tree_ready(stmt, "weir_join_source", WEIR_REACH_PLAIN) || !check_kind(stmt, kind))
        return;
    weir_join join = { .kind = kind, .source = weir_tree_source(stmt, source) };
    if (!join.source)
        return;
    if (!on && !join.source->entity) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_join_source: a source without an entity needs its ON");
        return;
    }
    join.on = on ? weir_tree_expr(stmt, on) : weir_tree_infer_on(stmt, join.source->entity, join.source);
    if (join.on)
        add_join(stmt, &join);
}
