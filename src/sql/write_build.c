/* Building inserts, updates and deletes: what is written, where, and what comes back. */
#include "sql/write.h"
#include <string.h>
#include "sql/write_parts.h"

/* ---- help for all builders ---- */

bool weir_write_ready(weir_stmt *stmt, const char *call, unsigned kinds)
{
    if (!weir_stmt_can_build(stmt))
        return false;
    if (!(kinds & 1u << stmt->kind))
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s does not apply to %s", call, weir_stmt_kind_name(stmt->kind));
    return stmt->error.status == WEIR_OK;
}

const weir_member *weir_write_member(const weir_entity *entity, const weir_expr *column)
{
    if (!column || column->op != WEIR_OP_COLUMN || column->entity != entity || column->source)
        return NULL;
    const weir_member *member = weir_entity_member(entity, column->offset);
    return member && member->kind == WEIR_MEMBER_COLUMN ? member : NULL;
}

const weir_member *weir_write_named(const weir_entity *entity, const char *name)
{
    const weir_member *by_column = NULL;
    for (size_t i = 0; i < entity->member_count; i++) {
        const weir_member *member = &entity->members[i];
        if (member->kind != WEIR_MEMBER_COLUMN)
            continue;
        if (!strcmp(member->name, name))
            return member;
        if (!strcmp(weir_member_column(member), name))
            by_column = member;
    }
    return by_column;
}

const weir_member **weir_write_default_columns(const weir_entity *entity, weir_arena *arena, size_t *count)
{
    const weir_member **columns = weir_arena_take(arena, entity->member_count * sizeof *columns);
    *count = 0;
    for (size_t i = 0; columns && i < entity->member_count; i++)
        if (entity->members[i].kind == WEIR_MEMBER_COLUMN && !entity->members[i].server_generated)
            columns[(*count)++] = &entity->members[i];
    return columns;
}

static size_t default_count(const weir_entity *entity)
{
    size_t count = 0;
    for (size_t i = 0; i < entity->member_count; i++)
        count += entity->members[i].kind == WEIR_MEMBER_COLUMN && !entity->members[i].server_generated;
    return count;
}

int weir_write_value(const weir_member *member, weir_value *value, weir_error *error)
{
    bool number = value->type >= WEIR_T_INT16 && value->type <= WEIR_T_INT64;
    if (member->type != WEIR_M_ENUM || !number)
        return WEIR_OK;
    if (value->as.i < 0 || (uint64_t)value->as.i >= member->enum_count)
        return weir_error_set(error, WEIR_ARGUMENT, "%lld is no value of the enum %s: it has %zu labels", (long long)value->as.i, member->name,
                              member->enum_count);
    *value = weir_value_cstr(member->enum_names[value->as.i]);
    return WEIR_OK;
}

/* The member that a builder's column is; NULL: a mistake, kept. */
static const weir_member *column_of(weir_stmt *stmt, const char *call, const weir_expr *column)
{
    const weir_entity *entity = stmt->write->entity;
    const weir_member *member = weir_write_member(entity, column);
    if (!member)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s takes columns of %s alone, by WEIR_COL", call, entity->name);
    return member;
}

/* The copy of a value for a column. */
static const weir_expr *value_for(weir_stmt *stmt, const weir_member *member, const weir_expr *value)
{
    if (!value || value->op != WEIR_OP_VALUE)
        return weir_tree_expr(stmt, value);
    weir_expr adjusted = *value;
    return weir_write_value(member, &adjusted.value, &stmt->error) == WEIR_OK ? weir_tree_expr(stmt, &adjusted) : NULL;
}

static bool assigns(const weir_assignments *list, const weir_member *member)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].member == member)
            return true;
    return false;
}

static bool names(const weir_member *const *columns, size_t count, const weir_member *member)
{
    for (size_t i = 0; i < count; i++)
        if (columns[i] == member)
            return true;
    return false;
}

void weir_write_assign(weir_stmt *stmt, const char *call, weir_assignments *list, const weir_expr *column, const weir_expr *value)
{
    const weir_write_tree *write = stmt->write;
    const weir_member *member = column_of(stmt, call, column);
    if (!member)
        return;
    if (assigns(list, member) || (list == &write->sets && names(write->columns, write->column_count, member))) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: %s.%s is set twice", call, write->entity->name, member->name);
        return;
    }
    const weir_expr *copy = value_for(stmt, member, value);
    weir_assignment *items = copy ? weir_tree_room(stmt, list->items, list->count, sizeof *items) : NULL;
    if (!items)
        return;
    list->items = items;
    list->items[list->count++] = (weir_assignment){ member, copy };
}

/* ---- making ---- */

bool weir_write_begin(weir_stmt *stmt, const weir_entity *entity)
{
    weir_write_tree *write = weir_arena_take(&stmt->arena, sizeof *write);
    if (!write) {
        weir_error_out_of_memory(&stmt->error);
        return false;
    }
    *write = (weir_write_tree){ .entity = entity };
    stmt->write = write;
    if (weir_tree_use_entity(stmt, entity) && !entity->table)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s has no table to write to", entity->name);
    return stmt->error.status == WEIR_OK;
}

static weir_stmt *new_write(weir_stmt_kind kind, const weir_entity *entity)
{
    weir_stmt *stmt = weir_stmt_new_tree(kind);
    if (weir_stmt_can_build(stmt))
        weir_write_begin(stmt, entity);
    return stmt;
}

void weir_synchronize(weir_stmt *stmt, weir_sync how)
{
    if (!weir_write_ready(stmt, "weir_synchronize", WEIR_KINDS_UPDATE | WEIR_KINDS_DELETE))
        return;
    if (how < WEIR_SYNC_AUTO || how > WEIR_SYNC_NONE)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_synchronize: %d is no way to synchronize", (int)how);
    else
        stmt->write->synchronize = how;
}

weir_stmt *weir_insert(const weir_entity *entity) { return new_write(WEIR_STMT_INSERT, entity); }
weir_stmt *weir_update(const weir_entity *entity) { return new_write(WEIR_STMT_UPDATE, entity); }
weir_stmt *weir_delete(const weir_entity *entity) { return new_write(WEIR_STMT_DELETE, entity); }

/* ---- values ---- */

static bool refuse_sources(weir_stmt *stmt, const char *call)
{
    const weir_write_tree *write = stmt->write;
    const char *other = write->sets.count ? "values of weir_set" : write->row_count ? "rows of weir_insert_row" : write->select ? "a select" : NULL;
    if (other)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "%s: the insert into %s has %s already", call, write->entity->table, other);
    return !other;
}

void weir_set_value_(weir_stmt *stmt, const weir_expr *column, const weir_expr *value)
{
    if (!weir_write_ready(stmt, "weir_set", WEIR_KINDS_INSERT | WEIR_KINDS_UPDATE))
        return;
    if (!stmt->write->sets.count && !refuse_sources(stmt, "weir_set"))
        return;
    weir_write_assign(stmt, "weir_set", &stmt->write->sets, column, value);
}

static bool add_column(weir_stmt *stmt, const weir_expr *column)
{
    weir_write_tree *write = stmt->write;
    const weir_member *member = column_of(stmt, "weir_set_columns", column);
    if (!member)
        return false;
    if (stmt->kind == WEIR_STMT_UPDATE && member->primary_key)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_set_columns: %s.%s is of the primary key, by which the rows are found", write->entity->name,
                       member->name);
    else if (assigns(&write->sets, member) || names(write->columns, write->column_count, member))
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_set_columns: %s.%s is set twice", write->entity->name, member->name);
    const weir_member **columns =
        stmt->error.status == WEIR_OK ? weir_tree_room(stmt, write->columns, write->column_count, sizeof *columns) : NULL;
    if (!columns)
        return false;
    write->columns = columns;
    write->columns[write->column_count++] = member;
    return true;
}

void weir_set_columns_(weir_stmt *stmt, const weir_expr *const *columns)
{
    if (!weir_write_ready(stmt, "weir_set_columns", WEIR_KINDS_INSERT | WEIR_KINDS_UPDATE))
        return;
    if (!columns || !*columns)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_set_columns: there is nothing in its list");
    else if (stmt->write->column_count || stmt->write->row_count)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_set_columns is called once, and before weir_insert_row");
    for (size_t i = 0; stmt->error.status == WEIR_OK && columns[i]; i++)
        add_column(stmt, columns[i]);
}

static const weir_member *row_member(const weir_write_tree *write, size_t index)
{
    if (write->column_count)
        return write->columns[index];
    for (size_t i = 0;; i++) {
        const weir_member *member = &write->entity->members[i];
        if (member->kind == WEIR_MEMBER_COLUMN && !member->server_generated && index-- == 0)
            return member;
    }
}

void weir_insert_row_(weir_stmt *stmt, const weir_expr *const *values)
{
    if (!weir_write_ready(stmt, "weir_insert_row", WEIR_KINDS_INSERT))
        return;
    weir_write_tree *write = stmt->write;
    if (!write->row_count && !refuse_sources(stmt, "weir_insert_row"))
        return;
    size_t count = 0, wanted = write->column_count ? write->column_count : default_count(write->entity);
    while (values && values[count])
        count++;
    if (!count || count != wanted) {
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_insert_row: %zu values for %zu columns of %s", count, wanted, write->entity->name);
        return;
    }
    const weir_expr *const **rows = weir_tree_room(stmt, write->rows, write->row_count, sizeof *rows);
    const weir_expr **row = rows ? weir_arena_take(&stmt->arena, (count + 1) * sizeof *row) : NULL;
    if (!row) {
        weir_error_out_of_memory(&stmt->error);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (!(row[i] = value_for(stmt, row_member(write, i), values[i])))
            return;
    row[count] = NULL;
    write->rows = rows;
    write->rows[write->row_count++] = row;
}

void weir_insert_select(weir_stmt *stmt, const weir_stmt *select)
{
    if (!weir_write_ready(stmt, "weir_insert_select", WEIR_KINDS_INSERT) || !refuse_sources(stmt, "weir_insert_select"))
        return;
    if (select && select->kind > WEIR_STMT_SELECT)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_insert_select takes a select, not %s", weir_stmt_kind_name(select->kind));
    else
        stmt->write->select = weir_stmt_own(stmt, select);
}

void weir_returning_(weir_stmt *stmt, const weir_expr *const *columns)
{
    if (!weir_write_ready(stmt, "weir_returning", WEIR_KINDS_INSERT | WEIR_KINDS_UPDATE | WEIR_KINDS_DELETE))
        return;
    if (!columns || !*columns)
        weir_error_set(&stmt->error, WEIR_ARGUMENT, "weir_returning: there is nothing in its list");
    for (size_t i = 0; stmt->error.status == WEIR_OK && columns[i]; i++)
        weir_tree_add(stmt, &stmt->tree->columns, columns[i]);
}
