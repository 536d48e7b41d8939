/* One statement with many parameter sets: what the sets are, what each must have, and the call as a whole. */
#include <stdio.h>
#include <string.h>
#include "engine/many.h"
#include "engine/many_sets.h"
#include "engine/result.h"

/* ---- what a statement wants -------------------------------------------------------------------------------------------------------- */
static int check_options(weir_many *many, const weir_many_options *options)
{
    if (!options)
        return WEIR_OK;
    if (options->struct_size == 0 || options->struct_size > sizeof many->options)
        return weir_error_set(&many->error, WEIR_ARGUMENT, "the options have a wrong struct_size: use WEIR_MANY_OPTIONS");
    memcpy(&many->options, options, options->struct_size);
    return WEIR_OK;
}

static bool has_key_update(const weir_stmt *stmt) { return stmt->kind == WEIR_STMT_UPDATE || stmt->kind == WEIR_STMT_DELETE; }

static int check_returning(weir_many *many)
{
    const weir_stmt *stmt = many->stmt;
    bool returning = stmt->tree && stmt->write && stmt->tree->columns.count > 0;
    if (returning && has_key_update(stmt) && many->count > 1)
        return weir_error_set(&many->error, WEIR_STATEMENT, "Dialect %s with current server capabilities does not support %s..RETURNING when "
                              "executemany is used", many->core->driver->name, stmt->kind == WEIR_STMT_UPDATE ? "UPDATE" : "DELETE");
    if (many->options.returned && stmt->kind != WEIR_STMT_TEXT && !returning)
        return weir_error_set(&many->error, WEIR_ARGUMENT, "returned is asked for, and the statement has no RETURNING");
    return WEIR_OK;
}

static int check_statement(weir_many *many)
{
    const weir_stmt *stmt = many->stmt;
    if (stmt->error.status != WEIR_OK) {
        many->error = stmt->error;
        return many->error.status;
    }
    many->kind = stmt->kind;
    if (stmt->kind == WEIR_STMT_SELECT)
        return weir_error_set(&many->error, WEIR_INVALID_REQUEST, "many parameter sets are for statements that change rows, and this is a select");
    if (stmt->write)
        many->entity = stmt->write->entity;
    const weir_conflict *conflict = stmt->write ? stmt->write->conflict : NULL;
    bool keyed = has_key_update(stmt), ordered = many->options.keep_order != WEIR_ON;
    bool criteria = stmt->tree && (stmt->tree->where.count || stmt->tree->from_count || stmt->tree->from_source_count);
    many->sorted = keyed || conflict;
    many->locks = many->sorted && ordered && keyed;     /* an upsert meets its rows in the order in which it is given them */
    many->alone = !criteria;
    many->checked = keyed && !criteria && many->options.count_missing != WEIR_ON;
    return check_returning(many);
}

/* ---- columns ---------------------------------------------------------------------------------------------------------------------------- */
size_t weir_many_find(const weir_many_run *run, const weir_member *member)
{
    for (size_t i = 0; i < run->feed.lane_count; i++)
        if (run->members[i] == member)
            return i;
    return SIZE_MAX;
}

static int add_key(weir_many_run *run, const weir_member *member)
{
    size_t index = weir_many_find(run, member);
    if (index == SIZE_MAX)
        return WEIR_ERROR;
    run->keys[run->key_count] = run->feed.lanes[index];
    run->key_members[run->key_count++] = member;
    return WEIR_OK;
}

/* The columns by which sets are sorted: those of the conflict's target, else the primary key; none if the sets have not all of them. */
int weir_many_take_keys(weir_many *many, weir_many_run *run)
{
    const weir_conflict *conflict = many->stmt->write->conflict;
    size_t targets = conflict ? conflict->columns.count : 0;
    size_t count = targets ? targets : weir_entity_key_count(many->entity);
    run->key_count = 0;
    run->keys = weir_arena_take(&many->arena, (count + 1) * sizeof *run->keys);
    run->key_members = weir_arena_take(&many->arena, (count + 1) * sizeof *run->key_members);
    if (!run->keys || !run->key_members)
        return weir_error_out_of_memory(&many->error);
    for (size_t i = 0; i < count; i++) {
        const weir_member *member = targets ? weir_write_member(many->entity, conflict->columns.items[i]) : weir_entity_key(many->entity, i);
        if (!member || add_key(run, member) != WEIR_OK) {
            run->key_count = 0;
            break;
        }
    }
    return WEIR_OK;
}

int weir_many_no_key(weir_many *many, const weir_many_run *run)
{
    char columns[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < weir_entity_key_count(many->entity) && used < sizeof columns; i++) {
        const weir_member *member = weir_entity_key(many->entity, i);
        if (weir_many_find(run, member) == SIZE_MAX)
            used += (size_t)snprintf(columns + used, sizeof columns - used, "%s%s.%s", used ? ", " : "", many->entity->table,
                                     weir_member_column(member));
    }
    return weir_error_set(&many->error, WEIR_INVALID_REQUEST, "No primary key value supplied for column(s) %s; per-row ORM Bulk %s by Primary Key "
                          "requires that records contain primary key values", columns, many->kind == WEIR_STMT_UPDATE ? "UPDATE" : "DELETE");
}

/* Updates and deletes find their rows by the whole key, which is not NULL in any set. */
int weir_many_check_keys(weir_many *many, const weir_many_run *run)
{
    if (!has_key_update(many->stmt))
        return WEIR_OK;
    if (run->key_count == 0)
        return weir_many_no_key(many, run);
    for (size_t k = 0; k < run->key_count; k++) {
        const weir_lane *lane = &run->keys[k];
        weir_member_type type = lane->member.type;
        if (type != WEIR_M_NONE && type < WEIR_M_CSTR)
            continue;
        for (size_t i = 0; i < run->feed.count; i++) {
            char reason[WEIR_REASON_SIZE];
            weir_value value;
            int status = weir_lane_value(lane, weir_feed_at(&run->feed, lane, i), &value, reason);
            if (status == WEIR_OK && value.type != WEIR_T_NULL)
                continue;
            weir_error_set(&many->error, WEIR_INVALID_REQUEST, "No primary key value supplied for column(s) %s.%s; per-row ORM Bulk %s by Primary Key "
                           "requires that records contain primary key values", many->entity->table, lane->name,
                           many->kind == WEIR_STMT_UPDATE ? "UPDATE" : "DELETE");
            many->error.row = (int64_t)(run->base + i) + 1;
            return WEIR_INVALID_REQUEST;
        }
    }
    return WEIR_OK;
}

static bool is_set(const weir_write_tree *write, const weir_member *member)
{
    for (size_t i = 0; i < write->sets.count; i++)
        if (write->sets.items[i].member == member)
            return true;
    return false;
}

static int struct_members(weir_many *many, weir_many_run *run)
{
    const weir_write_tree *write = many->stmt->write;
    const weir_member *const *columns = (const weir_member *const *)write->columns;
    size_t count = write->column_count, keys = has_key_update(many->stmt) ? weir_entity_key_count(many->entity) : 0;
    if (many->kind == WEIR_STMT_UPDATE && !count)
        return weir_error_set(&many->error, WEIR_INVALID_REQUEST, "an update of %s from structs must say which members it writes: call "
                              "weir_set_columns", many->entity->table);
    if (many->kind == WEIR_STMT_DELETE)
        count = 0;
    if (many->kind == WEIR_STMT_INSERT && !count)
        columns = (const weir_member *const *)weir_write_default_columns(many->entity, &many->arena, &count);
    run->members = weir_arena_take(&many->arena, (count + keys + 1) * sizeof *run->members);
    if (!run->members || (!columns && count))
        return weir_error_out_of_memory(&many->error);
    size_t taken = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_set(write, columns[i]))
            run->members[taken++] = columns[i];
    for (size_t i = 0; i < keys; i++)
        run->members[taken++] = weir_entity_key(many->entity, i);
    run->feed.lane_count = taken;
    return WEIR_OK;
}

/* ---- the call --------------------------------------------------------------------------------------------------------------------------- */
static int prepare_call(weir_many *many, const weir_many_options *options)
{
    int status = weir_connection_usable(many->connection, &many->error);
    if (status == WEIR_OK)
        status = check_options(many, options);
    if (status == WEIR_OK)
        status = check_statement(many);
    if (status == WEIR_OK && many->count > UINT32_MAX)
        status = weir_error_set(&many->error, WEIR_ARGUMENT, "more than %u parameter sets in one call", UINT32_MAX);
    return status;
}

static int begin_returned(weir_many *many)
{
    if (!many->options.returned)
        return WEIR_OK;
    many->returned = weir_result_new(many->core);
    if (!many->returned)
        return weir_error_out_of_memory(&many->error);
    many->returned->ended = true;
    return WEIR_OK;
}

/* Its cursor is done; the rows are the caller's. */
static void end_returned(weir_many *many, int status)
{
    weir_result *result = many->returned;
    if (!result)
        return;
    result->cursor = NULL;
    result->row_count = many->matched;
    weir_batch *batch = many->batch;
    if (status == WEIR_OK && batch)
        (void)weir_result_batch_came(result, batch, &many->error);
    else if (batch)
        weir_result_batch_failed(result, batch);
    if (status == WEIR_OK) {
        *many->options.returned = result;
        return;
    }
    weir_result_fail(result, &many->error);
    weir_result_drop(&result);
}

static int run_all(weir_many *many, weir_many_run *runs, size_t run_count)
{
    int status = weir_many_begin(many);
    if (status != WEIR_OK)
        return weir_many_end(many, status);
    status = begin_returned(many);
    for (size_t i = 0; i < run_count && status == WEIR_OK; i++)
        status = weir_many_write(many, &runs[i], run_count == 1);
    status = weir_many_end(many, status);
    end_returned(many, status);
    return status;
}

/* `make` tells the runs of the call's sets. */
typedef int (*make_fn)(weir_many *many, const void *sets, const void *more, size_t more_count, weir_many_run **runs, size_t *run_count);

static int64_t execute(weir_connection *connection, const weir_stmt *stmt, size_t count, const weir_many_options *options, make_fn make,
                       const void *sets, const void *more, size_t more_count)
{
    weir_many many = { .connection = connection, .core = connection->core, .stmt = stmt, .count = count };
    weir_many_run *runs = NULL;
    size_t run_count = 0;
    if (!connection->core) {
        weir_connection_usable(connection, &many.error);
        return weir_connection_report(connection, many.error.status, &many.error);
    }
    weir_ledger_init(&many.ledger, &connection->core->ledger);
    weir_arena_init(&many.arena, &many.ledger, WEIR_MEMORY_STATEMENTS, 1024);
    int status = prepare_call(&many, options);
    if (many.options.returned)
        *many.options.returned = (weir_result *)(uintptr_t)&weir_result_constant_closed;
    if (status == WEIR_OK && count)
        status = make(&many, sets, more, more_count, &runs, &run_count);
    if (status != WEIR_OK)
        weir_connection_report(connection, status, &many.error);
    else if (run_count)
        status = run_all(&many, runs, run_count);
    weir_many_free_sets(&many);
    weir_arena_free(&many.arena);
    return status == WEIR_OK ? many.matched : status;
}

/* ---- structs ------------------------------------------------------------------------------------------------------------------------------ */
/* One behind the other in `structs`, or with an address each in `addresses`. */
static int make_structs(weir_many *many, const void *structs, const void *addresses, size_t more_count, weir_many_run **runs, size_t *run_count)
{
    (void)more_count;
    if (!many->entity)
        return weir_error_set(&many->error, WEIR_ARGUMENT, "structs are for statements of an entity; textual SQL takes dictionaries");
    weir_many_run *run = weir_arena_take(&many->arena, sizeof *run);
    if (!run)
        return weir_error_out_of_memory(&many->error);
    *run = (weir_many_run){ .feed = { .count = many->count, .rows = addresses } };
    int status = struct_members(many, run);
    weir_lane *lanes = status == WEIR_OK ? weir_arena_take(&many->arena, (run->feed.lane_count + 1) * sizeof *lanes) : NULL;
    if (status == WEIR_OK && !lanes)
        status = weir_error_out_of_memory(&many->error);
    if (status != WEIR_OK)
        return status;
    for (size_t i = 0; i < run->feed.lane_count; i++) {
        lanes[i] = weir_lane_of_member(run->members[i], weir_member_column(run->members[i]));
        lanes[i].at = structs ? (const char *)structs + run->members[i]->offset : NULL;
        lanes[i].stride = many->entity->size;
    }
    run->feed.lanes = lanes;
    *runs = run;
    *run_count = 1;
    status = weir_many_take_keys(many, run);
    return status == WEIR_OK ? weir_many_check_keys(many, run) : status;
}

int64_t weir_connection_execute_many_with(weir_connection *connection, const weir_stmt *stmt, const void *structs, size_t count,
                                          const weir_many_options *options)
{
    return execute(connection, stmt, count, options, make_structs, structs, NULL, 0);
}

int64_t weir_connection_execute_scattered(weir_connection *connection, const weir_stmt *stmt, const void *const *structs, size_t count,
                                          const weir_many_options *options)
{
    return execute(connection, stmt, count, options, make_structs, NULL, structs, 0);
}

int64_t weir_connection_execute_many(weir_connection *connection, const weir_stmt *stmt, const void *structs, size_t count)
{
    return weir_connection_execute_many_with(connection, stmt, structs, count, NULL);
}

int64_t weir_connection_execute_columns(weir_connection *connection, const weir_stmt *stmt, const weir_column_values *columns,
                                        size_t column_count, size_t count, const weir_many_options *options)
{
    return execute(connection, stmt, count, options, weir_many_columns, columns, NULL, column_count);
}

int64_t weir_connection_execute_dicts(weir_connection *connection, const weir_stmt *stmt, const weir_dict *dicts, size_t count,
                                      const weir_many_options *options)
{
    return execute(connection, stmt, count, options, weir_many_dicts, dicts, NULL, 0);
}
