/* Copying what inserts, updates and deletes write. */
#include "sql/write_parts.h"

static void column_expr(const weir_entity *entity, const weir_member *member, weir_expr *out)
{
    *out = (weir_expr){ .op = WEIR_OP_COLUMN, .entity = entity, .offset = member->offset };
}

static void copy_sets(weir_stmt *to, const weir_assignments *from, weir_assignments *list)
{
    for (size_t i = 0; i < from->count && to->error.status == WEIR_OK; i++) {
        weir_expr column;
        column_expr(to->write->entity, from->items[i].member, &column);
        weir_write_assign(to, "weir_stmt_copy", list, &column, from->items[i].value);
    }
}

static void copy_columns(weir_stmt *to, const weir_write_tree *from)
{
    const weir_member **columns = from->column_count ? weir_arena_take(&to->arena, from->column_count * sizeof *columns) : NULL;
    if (!columns && from->column_count) {
        weir_error_out_of_memory(&to->error);
        return;
    }
    for (size_t i = 0; i < from->column_count; i++)
        columns[i] = from->columns[i];
    to->write->columns = columns;
    to->write->column_count = from->column_count;
}

static void copy_conflict(weir_stmt *to, const weir_conflict *from)
{
    const weir_expr **columns = weir_arena_take(&to->arena, (from->columns.count + 1) * sizeof *columns);
    if (!columns) {
        weir_error_out_of_memory(&to->error);
        return;
    }
    for (size_t i = 0; i < from->columns.count; i++)
        columns[i] = from->columns.items[i];
    columns[from->columns.count] = NULL;
    const weir_conflict_options options = {
        .struct_size = sizeof options, .columns = columns, .constraint = from->constraint,
        .index_where = from->index_where, .where = from->where,
    };
    (from->update ? weir_on_conflict_do_update : weir_on_conflict_do_nothing)(to, &options);
    if (to->write->conflict)
        copy_sets(to, &from->sets, &to->write->conflict->sets);
}

void weir_write_copy(weir_stmt *to, const weir_write_tree *from)
{
    if (!weir_write_begin(to, from->entity))
        return;
    to->write->synchronize = from->synchronize;
    copy_sets(to, &from->sets, &to->write->sets);
    if (to->error.status == WEIR_OK)
        copy_columns(to, from);
    for (size_t i = 0; i < from->row_count && to->error.status == WEIR_OK; i++)
        weir_insert_row_(to, from->rows[i]);
    if (from->select && to->error.status == WEIR_OK)
        weir_insert_select(to, from->select);
    if (from->conflict && to->error.status == WEIR_OK)
        copy_conflict(to, from->conflict);
}
