/* Sources: aliases of entities, subqueries and common table expressions, and their copies in statements. */
#include <stdatomic.h>
#include <string.h>
#include "sql/tree.h"

/* What tells sources apart. An address alone would not do: a source may be freed and another made in its place while statements
 * still hold a copy of the first. */
typedef struct identity { atomic_size_t holders; } identity;

static const weir_source closed_source = { .error = { .status = WEIR_RESOURCE_CLOSED, .message = "This source is closed." } };
static const weir_source source_without_memory = { .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a source" } };

void weir_source_hold(const weir_source *source)
{
    identity *shared = (identity *)source->identity;
    atomic_fetch_add_explicit(&shared->holders, 1, memory_order_relaxed);
}

void weir_source_let_go(const weir_source *source)
{
    identity *shared = (identity *)source->identity;
    if (shared && atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) == 1)
        weir_free(shared);
}

/* ---- making ---- */

static int take_name(weir_source *source, const char *name)
{
    if (!name)
        return WEIR_OK;
    if (!*name)
        return weir_error_set(&source->error, WEIR_ARGUMENT, "the name of a source is empty; NULL has one made up");
    size_t size = strlen(name) + 1;
    char *copy = weir_arena_bytes(&source->arena, size);
    source->name = copy ? memcpy(copy, name, size) : NULL;
    return copy ? WEIR_OK : weir_error_out_of_memory(&source->error);
}

static weir_source *new_source(weir_source_kind kind, const weir_entity *entity, const char *name)
{
    weir_source *source = weir_alloc_zero(NULL, WEIR_MEMORY_STATEMENTS, sizeof *source);
    identity *shared = weir_alloc(NULL, WEIR_MEMORY_STATEMENTS, sizeof *shared);
    if (!source || !shared) {
        weir_free(source);
        weir_free(shared);
        return (weir_source *)&source_without_memory;
    }
    atomic_init(&shared->holders, 1);
    *source = (weir_source){ .kind = kind, .entity = entity, .identity = shared };
    weir_arena_init(&source->arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 64);
    if (!entity || weir_entity_check(entity, &source->error) == WEIR_OK)
        take_name(source, name);
    return source;
}

/* The copy of a statement, or NULL with its mistake. */
static weir_stmt *take_stmt(weir_source *source, const weir_stmt *stmt)
{
    weir_stmt *copy = weir_stmt_copy(stmt);
    if (weir_error_keep(&source->error, weir_stmt_error(copy)) == WEIR_OK)
        return copy;
    weir_stmt_free(&copy);
    return NULL;
}

weir_source *weir_alias(const weir_entity *entity, const char *name)
{
    weir_source *source = new_source(WEIR_SOURCE_ALIAS, entity, name);
    if (!source->identity || source->error.status != WEIR_OK)
        return source;
    if (!entity)
        weir_error_set(&source->error, WEIR_ARGUMENT, "an alias of no entity");
    else if (!entity->table)
        weir_error_set(&source->error, WEIR_ARGUMENT, "%s has no table that could have an alias", entity->name);
    return source;
}

static weir_source *source_of(weir_source_kind kind, const weir_stmt *stmt, const char *name, const weir_entity *entity)
{
    weir_source *source = new_source(kind, entity, name);
    if (source->identity && source->error.status == WEIR_OK)
        source->stmt = take_stmt(source, stmt);
    return source;
}

weir_source *weir_subquery(const weir_stmt *stmt, const char *name, const weir_entity *entity)
{
    return source_of(WEIR_SOURCE_SUBQUERY, stmt, name, entity);
}

weir_source *weir_cte(const weir_stmt *stmt, const char *name, const weir_entity *entity)
{
    return source_of(WEIR_SOURCE_CTE, stmt, name, entity);
}

weir_source *weir_cte_recursive(const char *name)
{
    weir_source *source = new_source(WEIR_SOURCE_CTE, NULL, name);
    if (source->identity)
        source->recursive = true;
    return source;
}

void weir_cte_define(weir_source *cte, const weir_stmt *base, const weir_stmt *recursive, bool all)
{
    if (!cte || !cte->identity || cte->error.status != WEIR_OK)
        return;
    if (!cte->recursive || cte->stmt) {
        weir_error_set(&cte->error, WEIR_ARGUMENT, cte->stmt ? "the source has been defined already"
                                                             : "only a source of weir_cte_recursive is defined by two statements");
        return;
    }
    cte->all = all;
    cte->stmt = take_stmt(cte, base);
    if (cte->stmt)
        cte->recursive_stmt = take_stmt(cte, recursive);
}

void weir_source_free(weir_source **source)
{
    if (!source)
        return;
    weir_source *old = *source;
    *source = (weir_source *)&closed_source;
    if (!old || !old->identity)
        return;
    weir_stmt_free(&old->stmt);
    weir_stmt_free(&old->recursive_stmt);
    weir_arena_free(&old->arena);
    weir_source_let_go(old);
    weir_free(old);
}

/* ---- copies in statements ---- */

static weir_source *find_copy(const weir_stmt_parts *parts, const weir_source *source)
{
    for (size_t i = 0; i < parts->source_count; i++)
        if (parts->sources[i]->identity == source->identity)
            return parts->sources[i];
    return NULL;
}

static weir_source *add_copy(weir_stmt *stmt, const weir_source *source)
{
    weir_stmt_parts *parts = &stmt->parts;
    weir_source **sources = weir_tree_room(stmt, parts->sources, parts->source_count, sizeof *sources);
    weir_source *copy = sources ? weir_arena_take(&stmt->arena, sizeof *copy) : NULL;
    if (!copy) {
        weir_error_out_of_memory(&stmt->error);
        return NULL;
    }
    *copy = (weir_source){ .kind = source->kind, .entity = source->entity, .recursive = source->recursive, .all = source->all,
                           .identity = source->identity };
    weir_source_hold(copy);
    parts->sources = sources;
    parts->sources[parts->source_count++] = copy;
    if (source->name && !(copy->name = weir_tree_text(stmt, source->name)))
        return NULL;
    return copy;
}

/* A recursive source may have been named before it was defined: its copy gets the halves when it is named again. */
const weir_source *weir_tree_source(weir_stmt *stmt, const weir_source *source)
{
    if (!source)
        source = &closed_source;
    if (weir_error_keep(&stmt->error, &source->error) != WEIR_OK)
        return NULL;
    weir_source *copy = find_copy(&stmt->parts, source);
    if (!copy && !(copy = add_copy(stmt, source)))
        return NULL;
    copy->all = source->all;
    if (source->stmt && !copy->stmt && !(copy->stmt = weir_stmt_own(stmt, source->stmt)))
        return NULL;
    if (source->recursive_stmt && !copy->recursive_stmt && !(copy->recursive_stmt = weir_stmt_own(stmt, source->recursive_stmt)))
        return NULL;
    return copy;
}
