/* What compiling a statement gave, kept by the statement: from its second execution on a dialect until it is changed (decision 0018). */
#include "sql/statement.h"
#include <string.h>
#include "base/values.h"

/* Never changes once it is made. Held by its statement and by each execution that uses it: the statement may be freed before. */
struct weir_kept {
    atomic_int    holders;
    weir_arena    arena;                /* of all that compiled points to */
    weir_compiled compiled;
};

void weir_kept_let_go(weir_kept *kept)
{
    if (!kept || atomic_fetch_sub_explicit(&kept->holders, 1, memory_order_acq_rel) != 1)
        return;
    weir_arena_free(&kept->arena);
    weir_free(kept);
}

void weir_stmt_drop_kept(weir_stmt *stmt)
{
    for (size_t i = 0; i < WEIR_KEPT_DIALECTS; i++) {
        weir_kept_let_go(atomic_load_explicit(&stmt->kept[i].form, memory_order_relaxed));
        atomic_store_explicit(&stmt->kept[i].form, NULL, memory_order_relaxed);
        atomic_store_explicit(&stmt->kept[i].used, false, memory_order_relaxed);
    }
    stmt->rebound = false;
}

/* New values leave the text as it is, when there are as many as before; what was not bound was looked for further out. */
static bool same_shape(const weir_stmt *stmt, const char *name, size_t length, size_t count, bool list)
{
    const weir_parameter *parameter = weir_stmt_find(stmt, name, length);
    bool keeps = !parameter || (parameter->bound && parameter->list == list && parameter->count == count);
    for (size_t i = 0; parameter && i < stmt->parts.owned_count && keeps; i++)
        keeps = same_shape(stmt->parts.owned[i], name, length, count, list);
    return keeps;
}

void weir_stmt_rebinds(weir_stmt *stmt, const char *name, size_t length, size_t count, bool list)
{
    if (!same_shape(stmt, name, length, count, list))
        weir_stmt_drop_kept(stmt);
    for (size_t i = 0; i < WEIR_KEPT_DIALECTS; i++)
        stmt->rebound = stmt->rebound || atomic_load_explicit(&stmt->kept[i].form, memory_order_relaxed);
}

/* The values that are bound now, in the place of those that were when it was compiled. */
static int take_values(const weir_compiled *compiled, weir_arena *arena, weir_compiled *out, weir_error *error)
{
    weir_value *values = weir_arena_take(arena, (compiled->value_count + 1) * sizeof *values);
    if (!values)
        return weir_error_out_of_memory(error);
    if (compiled->value_count)
        memcpy(values, compiled->values, compiled->value_count * sizeof *values);
    for (const weir_origin *origin = compiled->origins; origin; origin = origin->next)
        for (size_t i = 0; i < origin->parameter->count; i++)
            if (weir_value_copy(arena, &origin->parameter->values[i], &values[origin->first - 1 + i]) != WEIR_OK)
                return weir_error_out_of_memory(error);
    out->values = values;
    return WEIR_OK;
}

static int use(const weir_stmt *stmt, weir_kept *kept, weir_arena *arena, weir_compiled *out, weir_error *error)
{
    *out = kept->compiled;
    int status = stmt->rebound ? take_values(&kept->compiled, arena, out, error) : WEIR_OK;
    if (status != WEIR_OK)
        return status;
    atomic_fetch_add_explicit(&kept->holders, 1, memory_order_relaxed);
    out->kept = kept;
    return WEIR_OK;
}

/* NULL, without an error: no memory, or it cannot be compiled; an ordinary compile then tells. */
static weir_kept *make(const weir_stmt *stmt, const weir_dialect *dialect)
{
    weir_error ignored;
    weir_kept *kept = weir_alloc_zero(stmt->arena.ledger, WEIR_MEMORY_STATEMENTS, sizeof *kept);
    if (!kept)
        return NULL;
    atomic_init(&kept->holders, 1);
    weir_arena_init(&kept->arena, stmt->arena.ledger, WEIR_MEMORY_STATEMENTS, 2048);
    if (weir_stmt_compile(stmt, dialect, &kept->arena, &kept->compiled, &ignored) == WEIR_OK)
        return kept;
    weir_kept_let_go(kept);
    return NULL;
}

int weir_stmt_compile_kept(const weir_stmt *stmt, const weir_dialect *dialect, weir_arena *arena, weir_compiled *out, weir_error *error)
{
    if (weir_stmt_error(stmt)->status != WEIR_OK || stmt->kind > WEIR_STMT_SELECT)
        return weir_stmt_compile(stmt, dialect, arena, out, error);
    /* Executing changes nothing that the program can see, so that threads share a statement: the first form that is ready stays. */
    struct weir_kept_slot *slot = (struct weir_kept_slot *)(uintptr_t)&stmt->kept[dialect == &weir_dialect_sqlite];
    weir_kept *kept = atomic_load_explicit(&slot->form, memory_order_acquire);
    bool again = kept || atomic_load_explicit(&slot->used, memory_order_relaxed);
    if (!again)
        atomic_store_explicit(&slot->used, true, memory_order_relaxed);
    if (!kept && again && (kept = make(stmt, dialect)) != NULL) {
        weir_kept *first = NULL;
        if (!atomic_compare_exchange_strong_explicit(&slot->form, &first, kept, memory_order_acq_rel, memory_order_acquire)) {
            weir_kept_let_go(kept);
            kept = first;
        }
    }
    return kept ? use(stmt, kept, arena, out, error) : weir_stmt_compile(stmt, dialect, arena, out, error);
}
