/* Building upserts: the target of a conflict, and what is done with the row that is there. */
#include <string.h>
#include "sql/write_parts.h"

static bool take_options(weir_stmt *stmt, const char *call, const weir_conflict_options *from, weir_conflict_options *to)
{
    memset(to, 0, sizeof *to);
    if (!from)
        return true;
    if (from->struct_size < sizeof from->struct_size || from->struct_size > sizeof *from) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "struct_size of the conflict options is %s: make them by WEIR_CONFLICT_OPTIONS",
                       from->struct_size > sizeof *from ? "too large" : "not set");
        return false;
    }
    memcpy(to, from, from->struct_size);
    bool columns = to->columns && to->columns[0];
    if (columns && to->constraint)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: .columns and .constraint are two ways to say the target; use one", call);
    else if (to->index_where && !columns)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: .index_where is of a partial index, whose .columns are missing", call);
    else if (to->constraint && !*to->constraint)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: .constraint is empty", call);
    return stmt->error.status == WEIR_OK;
}

/* Names in a target have nothing in front of them, so another table's would be read as this one's. */
static bool names_only(const weir_entity *entity, const weir_expr *e)
{
    bool place = e->op == WEIR_OP_COLUMN || e->op == WEIR_OP_SOURCE_COLUMN || e->op == WEIR_OP_ENTITY;
    if ((place && !weir_write_member(entity, e)) || e->stmt)
        return false;
    for (size_t i = 0; e->args && e->args[i]; i++)
        if (!names_only(entity, e->args[i]))
            return false;
    return true;
}

static bool take_target(weir_stmt *stmt, const char *call, const weir_conflict_options *options, weir_conflict *conflict)
{
    const weir_entity *entity = stmt->write->entity;
    for (size_t i = 0; options->columns && options->columns[i]; i++)
        if (!weir_tree_add(stmt, &conflict->columns, options->columns[i]))
            return false;
    if (options->index_where && !(conflict->index_where = weir_tree_expr(stmt, options->index_where)))
        return false;
    if (options->constraint && !(conflict->constraint = weir_tree_text(stmt, options->constraint)))
        return false;
    bool own = !conflict->index_where || names_only(entity, conflict->index_where);
    for (size_t i = 0; i < conflict->columns.count; i++)
        own = own && names_only(entity, conflict->columns.items[i]);
    if (!own)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: its target is of %s alone", call, entity->name);
    return own;
}

static void add_conflict(weir_stmt *stmt, const char *call, const weir_conflict_options *given, bool update)
{
    weir_conflict_options options;
    if (!weir_write_ready(stmt, call, WEIR_KINDS_INSERT) || !take_options(stmt, call, given, &options))
        return;
    if (stmt->write->conflict)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: what is done on conflict has been said already", call);
    else if (update && !options.constraint && !(options.columns && options.columns[0]))
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: it needs a target: .columns of a unique index, or a .constraint", call);
    else if (!update && options.where)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: .where is of do update", call);
    weir_conflict *conflict = stmt->error.status == WEIR_OK ? weir_arena_take(&stmt->arena, sizeof *conflict) : NULL;
    if (!conflict) {
        if (stmt->error.status == WEIR_OK)
            weir_error_out_of_memory(&stmt->error);
        return;
    }
    *conflict = (weir_conflict){ .update = update };
    if (take_target(stmt, call, &options, conflict) && (!options.where || (conflict->where = weir_tree_expr(stmt, options.where))))
        stmt->write->conflict = conflict;
}

void weir_on_conflict_do_nothing(weir_stmt *stmt, const weir_conflict_options *options)
{
    add_conflict(stmt, "weir_on_conflict_do_nothing", options, false);
}

void weir_on_conflict_do_update(weir_stmt *stmt, const weir_conflict_options *options)
{
    add_conflict(stmt, "weir_on_conflict_do_update", options, true);
}

void weir_conflict_set_(weir_stmt *stmt, const weir_expr *column, const weir_expr *value)
{
    if (!weir_write_ready(stmt, "weir_conflict_set", WEIR_KINDS_INSERT))
        return;
    weir_conflict *conflict = stmt->write->conflict;
    if (!conflict || !conflict->update)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_conflict_set belongs to weir_on_conflict_do_update, which comes before it");
    else
        weir_write_assign(stmt, "weir_conflict_set", &conflict->sets, column, value);
}
