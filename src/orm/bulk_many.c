/* Many parameter sets in a session's transaction, and the instances of their keys. */
#include "orm/bulk_sync.h"
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

enum { MANY_KEYS = 32 };

static int check_criteria(const weir_stmt *stmt, weir_error *error)
{
    bool criteria = stmt->tree && (stmt->tree->where.count || stmt->tree->from_count || stmt->tree->from_source_count);
    if (!weir_bulk_changes(stmt) || !criteria || stmt->write->synchronize == WEIR_SYNC_NONE)
        return WEIR_OK;
    return weir_error_set(error, WEIR_INVALID_REQUEST, "bulk synchronize of persistent objects not supported when using bulk update with "
                          "additional WHERE criteria right now.  add synchronize_session=None execution option to bypass synchronize of "
                          "persistent objects. (weir_synchronize(statement, WEIR_SYNC_NONE))");
}

static weir_connection *begin(weir_session *session, const weir_stmt *stmt, weir_error *error)
{
    weir_connection *connection = check_criteria(stmt, error) == WEIR_OK ? weir_session_ready(session, error) : NULL;
    return connection && weir_session_autoflush(session, stmt, error) == WEIR_OK ? connection : NULL;
}

/* The mapper whose instances the sets may concern; NULL: none is here. */
static weir_mapper *concerned(const weir_session *session, const weir_stmt *stmt)
{
    if (!weir_bulk_changes(stmt) || stmt->write->synchronize == WEIR_SYNC_NONE)
        return NULL;
    weir_mapper *mapper = weir_bulk_mapper(session, stmt->write->entity);
    return mapper && mapper->key_count <= MANY_KEYS ? mapper : NULL;
}

static int64_t finish(weir_session *session, int64_t rows, bool known)
{
    if (rows >= 0) {
        session->unit.wrote = session->unit.wrote || known;
        weir_store_look(session->store, false);
        return rows;
    }
    return weir_session_report(session, weir_connection_error(session->connection));
}

/* ---- structs -------------------------------------------------------------------------------------------------------------------------- */

static void sync_struct(weir_session *session, weir_mapper *mapper, const weir_stmt *stmt, const void *set)
{
    weir_value keys[MANY_KEYS], value;
    for (size_t i = 0; i < mapper->key_count; i++)
        weir_member_value(mapper->keys[i], set, &keys[i]);
    weir_instance *instance = weir_identity_look_up(mapper, keys, mapper->key_count);
    if (!instance)
        return;
    if (stmt->kind == WEIR_STMT_DELETE) {
        weir_bulk_gone(session, instance);
        weir_instance_let_go(instance);
        return;
    }
    for (size_t i = 0; i < stmt->write->column_count; i++) {
        weir_member_value(stmt->write->columns[i], set, &value);
        if (!stmt->write->columns[i]->primary_key)
            weir_bulk_store(instance, stmt->write->columns[i], &value);
    }
    weir_bulk_stored(instance);
}

int64_t weir_session_execute_many(weir_session *session, const weir_stmt *stmt, const void *structs, size_t count,
                                  const weir_many_options *options)
{
    weir_error error;
    weir_connection *connection = begin(session, stmt, &error);
    if (!connection)
        return weir_session_report(session, &error);
    int64_t rows = weir_connection_execute_many_with(connection, stmt, structs, count, options);
    session->statements += rows >= 0 && count > 0;
    weir_mapper *mapper = rows >= 0 ? concerned(session, stmt) : NULL;
    for (size_t i = 0; mapper && i < count; i++)
        sync_struct(session, mapper, stmt, (const char *)structs + i * mapper->entity->size);
    return finish(session, rows, mapper != NULL);
}

/* ---- dictionaries ------------------------------------------------------------------------------------------------------------------------ */

static bool key_of(const weir_mapper *mapper, const weir_dict *set, weir_value *keys)
{
    size_t found = 0;
    for (size_t i = 0; i < mapper->key_count; i++)
        for (size_t k = 0; k < set->count; k++)
            if (weir_write_named(mapper->entity, set->entries[k].name) == mapper->keys[i]) {
                keys[i] = set->entries[k].value;
                found++;
                break;
            }
    return found == mapper->key_count;
}

static void sync_dict(weir_session *session, weir_mapper *mapper, const weir_stmt *stmt, const weir_dict *set)
{
    weir_value keys[MANY_KEYS];
    weir_error ignored;
    weir_instance *instance = key_of(mapper, set, keys) ? weir_identity_look_up(mapper, keys, mapper->key_count) : NULL;
    if (!instance)
        return;
    if (stmt->kind == WEIR_STMT_DELETE) {
        weir_bulk_gone(session, instance);
        weir_instance_let_go(instance);
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        const weir_member *member = weir_write_named(mapper->entity, set->entries[i].name);
        weir_value value = set->entries[i].value;
        if (member && !member->primary_key && weir_write_value(member, &value, &ignored) == WEIR_OK)
            weir_bulk_store(instance, member, &value);
    }
    weir_bulk_stored(instance);
}

int64_t weir_session_execute_dicts(weir_session *session, const weir_stmt *stmt, const weir_dict *dicts, size_t count,
                                   const weir_many_options *options)
{
    weir_error error;
    weir_connection *connection = begin(session, stmt, &error);
    if (!connection)
        return weir_session_report(session, &error);
    int64_t rows = weir_connection_execute_dicts(connection, stmt, dicts, count, options);
    session->statements += rows >= 0 && count > 0;
    weir_mapper *mapper = rows >= 0 ? concerned(session, stmt) : NULL;
    for (size_t i = 0; mapper && i < count; i++)
        sync_dict(session, mapper, stmt, &dicts[i]);
    return finish(session, rows, mapper != NULL);
}
