/* The members of a session: getting, refreshing, expiring and expunging instances. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

enum { NAME_SIZE = 160 };

/* ---- by key ------------------------------------------------------------------------------------------------------------------------- */

static weir_stmt *select_by_key(const weir_mapper *mapper, const weir_value *keys)
{
    weir_stmt *stmt = weir_select(mapper->entity);
    for (size_t i = 0; i < mapper->key_count; i++) {
        const weir_expr column = { .op = WEIR_OP_COLUMN, .entity = mapper->entity, .offset = mapper->keys[i]->offset };
        const weir_expr value = { .op = WEIR_OP_VALUE, .value = keys[i] };
        const weir_expr *const arguments[] = { &column, &value, NULL };
        const weir_expr equal = { .op = WEIR_OP_EQ, .args = arguments };
        weir_where(stmt, &equal);
    }
    return stmt;
}

/* Reads the row of that key: the instance in *out, NULL when there is none. `hold`: held by the session afterwards. */
static int read_row(weir_session *session, const weir_mapper *mapper, const weir_value *keys, bool hold, weir_instance **out,
                    weir_error *error)
{
    weir_stmt *stmt = select_by_key(mapper, keys);
    weir_result *result = weir_session_load_by_key(session, stmt);
    const weir_row *row = weir_result_next(result);
    const weir_reading *reading = weir_result_reading(result);
    *out = row && reading && reading->plans ? weir_row_instance(row, &reading->plans[0]) : NULL;
    if (*out && hold)
        (*out)->flags |= WEIR_INSTANCE_SESSION_HOLDS;
    *error = *weir_result_error(result);
    weir_result_drop(&result);       /* its error is told already */
    weir_stmt_free(&stmt);
    return error->status;
}

int weir_instance_reload(weir_instance *instance, weir_error *error)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_session *session = mapper->store->session;
    char name[NAME_SIZE];
    weir_value few[8], *keys = few;
    weir_error_clear(error);
    weir_instance_name(instance, name, sizeof name);
    if (weir_instance_state(instance) != WEIR_PERSISTENT || !session)
        return weir_error_set(error, WEIR_DETACHED_INSTANCE,
                              "Instance <%s> is not bound to a Session; attribute refresh operation cannot proceed", name);
    if (mapper->key_count > sizeof few / sizeof *few && !(keys = weir_alloc(&mapper->store->ledger, WEIR_MEMORY_HANDLES,
                                                                           mapper->key_count * sizeof *keys)))
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < mapper->key_count; i++)
        weir_member_value(mapper->keys[i], weir_instance_old_key(instance), &keys[i]);
    weir_instance *found;
    instance->holds++;                  /* it is somebody's, or this would not be asked */
    int status = read_row(session, mapper, keys, false, &found, error);
    instance->holds--;
    if (keys != few)
        weir_free(keys);
    if (status == WEIR_OK && found != instance)
        status = weir_error_set(error, WEIR_OBJECT_DELETED, "Instance '<%s>' has been deleted, or its row is otherwise not present.", name);
    return status;
}

weir_instance *weir_session_find(weir_session *session, weir_mapper *mapper, const weir_value *keys, weir_error *error)
{
    weir_error_clear(error);
    weir_instance *instance = weir_identity_look_up(mapper, keys, mapper->key_count);
    if (instance && (instance->flags & WEIR_INSTANCE_EXPIRED)) {
        int status = weir_instance_reload(instance, error);
        if (status == WEIR_OBJECT_DELETED) {
            weir_error_clear(error);
            weir_instance_detach(instance);
            weir_instance_let_go(instance);
            weir_store_look(session->store, false);
        }
        return status == WEIR_OK ? instance : NULL;
    }
    if (!instance && weir_session_autoflush(session, NULL, error) == WEIR_OK &&
        !(instance = weir_identity_look_up(mapper, keys, mapper->key_count)))
        read_row(session, mapper, keys, true, &instance, error);
    return error->status == WEIR_OK ? instance : NULL;
}

void *weir_session_get_(weir_session *session, const weir_entity *entity, const weir_value *keys, size_t count)
{
    weir_error error;
    weir_instance *instance = NULL;
    weir_mapper *mapper = weir_session_usable(session, &error) == WEIR_OK ? weir_store_mapper(session->store, entity, &error) : NULL;
    if (mapper && count != mapper->key_count)
        weir_error_set(&error, WEIR_ARGUMENT, "the key of %s has %zu values, not %zu", entity->name, mapper->key_count, count);
    if (!mapper || error.status != WEIR_OK) {
        weir_session_report(session, &error);
        return NULL;
    }
    instance = weir_session_find(session, mapper, keys, &error);
    if (instance)
        instance->flags |= WEIR_INSTANCE_SESSION_HOLDS;
    weir_session_report(session, &error);
    return instance ? instance + 1 : NULL;
}

/* ---- members ------------------------------------------------------------------------------------------------------------------------ */

static weir_instance *persistent_of(const weir_session *session, const void *object)
{
    weir_instance *instance = weir_unit_member(session, object);
    return instance && weir_instance_state(instance) == WEIR_PERSISTENT ? instance : NULL;
}

static int not_persistent(weir_session *session, const void *object)
{
    char name[NAME_SIZE];
    weir_error error;
    weir_object_name(object, name, sizeof name);
    if (weir_session_usable(session, &error) == WEIR_OK)
        weir_error_set(&error, WEIR_INVALID_REQUEST, "Instance '<%s>' is not persistent within this Session", name);
    return weir_session_report(session, &error);
}

int weir_session_refresh(weir_session *session, void *object)
{
    weir_instance *instance = persistent_of(session, object);
    if (!instance)
        return not_persistent(session, object);
    weir_error error;
    int status = weir_may_wait(&error);
    if (status == WEIR_OK)
        status = weir_session_autoflush(session, NULL, &error);
    if (status == WEIR_OK) {
        weir_instance_expire(instance);
        instance->holds++;              /* the caller's, while nobody else may hold it */
        status = weir_instance_reload(instance, &error);
        instance->holds--;
    }
    if (status == WEIR_OBJECT_DELETED) {
        char name[NAME_SIZE];
        weir_instance_name(instance, name, sizeof name);
        weir_error_set(&error, WEIR_INVALID_REQUEST, "Could not refresh instance '<%s>'", name);
    }
    return weir_session_report(session, &error);
}

int weir_session_expire(weir_session *session, void *object)
{
    weir_instance *instance = persistent_of(session, object);
    if (!instance)
        return not_persistent(session, object);
    weir_instance_expire(instance);
    weir_instance_let_go(instance);     /* the session may have held it for its changes alone */
    weir_store_look(session->store, false);
    return WEIR_OK;
}

static void expire(weir_instance *instance, void *context)
{
    (void)context;
    if (weir_instance_state(instance) != WEIR_PERSISTENT)
        return;
    weir_instance_expire(instance);
    weir_instance_let_go(instance);
}

void weir_session_expire_all(weir_session *session)
{
    if (!session->store)
        return;
    weir_store_each(session->store, expire, NULL);
    weir_store_look(session->store, false);
}

int weir_session_expunge(weir_session *session, void *object)
{
    weir_instance *instance = weir_instance_of(object);
    weir_state state = instance ? weir_instance_state(instance) : 0;
    if (!session->store || !instance || weir_mapper_of(instance)->store != session->store || state == WEIR_DETACHED || state == WEIR_DELETED) {
        char name[NAME_SIZE];
        weir_error error;
        weir_object_name(object, name, sizeof name);
        if (weir_session_usable(session, &error) == WEIR_OK)
            weir_error_set(&error, WEIR_INVALID_REQUEST, "Instance <%s> is not present in this Session", name);
        return weir_session_report(session, &error);
    }
    weir_cascade_expunge(session, instance);
    weir_store_look(session->store, false);
    return WEIR_OK;
}

void weir_session_expunge_all(weir_session *session)
{
    if (!session->store)
        return;
    weir_session_forget_instances(session);
    weir_store_look(session->store, true);
}
