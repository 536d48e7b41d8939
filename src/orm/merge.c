/* Merging: values from outside become those of the session's own instance. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

static bool key_is_unset(const weir_mapper *mapper, const void *values)
{
    for (size_t i = 0; i < mapper->key_count; i++) {
        weir_value value;
        weir_member_value(mapper->keys[i], values, &value);
        if (value.type == WEIR_T_NULL || (mapper->keys[i]->server_generated && value.type == WEIR_T_INT64 && !value.as.i))
            return true;
    }
    return false;
}

static int check_version(const weir_instance *instance, const weir_member *member, const weir_value *given, weir_error *error)
{
    weir_value has;
    char name[160];
    weir_member_value(member, instance + 1, &has);
    if (!given->as.i || given->as.i == has.as.i)
        return WEIR_OK;
    weir_instance_name(instance, name, sizeof name);
    return weir_error_set(error, WEIR_STALE_DATA, "Version id '%lld' on merged state <%s> does not match existing version '%lld'. Leave the "
                          "version attribute unset when merging to update the most recent version.", (long long)given->as.i, name,
                          (long long)has.as.i);
}

static int copy_values(weir_instance *instance, const void *values, weir_error *error)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    bool fresh = weir_instance_state(instance) != WEIR_PERSISTENT;
    for (size_t i = 0; i < mapper->column_count; i++) {
        const weir_member *member = mapper->columns[i];
        char reason[WEIR_REASON_SIZE];
        weir_value value;
        weir_member_value(member, values, &value);
        if (member->version && !fresh) {
            if (check_version(instance, member, &value, error) != WEIR_OK)
                return error->status;
            continue;
        }
        if (member->primary_key && !fresh)
            continue;
        if (fresh)
            memcpy((char *)(instance + 1) + member->offset, (const char *)values + member->offset, member->size);
        else if (weir_member_change(instance, member, &value, reason) != WEIR_OK)
            return weir_error_set(error, WEIR_DATA, "%s.%s: %s", mapper->entity->name, member->name, reason);
    }
    return WEIR_OK;
}

static weir_instance *add_new(weir_session *session, const weir_mapper *mapper, const void *values, weir_error *error)
{
    weir_instance *instance = weir_instance_of(weir_new(session, mapper->entity));
    if (!instance) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    if (copy_values(instance, values, error) == WEIR_OK && weir_session_autobegin(session, error) == WEIR_OK &&
        weir_unit_add(session, instance, error) == WEIR_OK)
        return instance;
    weir_instance_detach(instance);
    weir_instance_let_go(instance);
    return NULL;
}

static int read_key(weir_mapper *mapper, const void *values, weir_value *keys, size_t room, weir_error *error)
{
    if (mapper->key_count > room)
        return weir_error_set(error, WEIR_MAPPING, "%s has more than %zu key members: merge takes no more", mapper->entity->name, room);
    for (size_t i = 0; i < mapper->key_count; i++)
        weir_member_value(mapper->keys[i], values, &keys[i]);
    return WEIR_OK;
}

static void *merge(weir_session *session, const weir_entity *entity, const void *values, bool key_alone)
{
    weir_error error;
    weir_value keys[32];
    weir_mapper *mapper = weir_session_active(session, &error) == WEIR_OK ? weir_store_mapper(session->store, entity, &error) : NULL;
    weir_instance *instance = NULL;
    if (!mapper || read_key(mapper, values, keys, sizeof keys / sizeof *keys, &error) != WEIR_OK) {
        weir_session_report(session, &error);
        return NULL;
    }
    bool unset = key_is_unset(mapper, values);
    if (!unset)
        instance = weir_session_find(session, mapper, keys, &error);
    if (instance) {
        instance->flags |= WEIR_INSTANCE_SESSION_HOLDS;
        if (!key_alone && copy_values(instance, values, &error) != WEIR_OK)
            instance = NULL;
    } else if (error.status == WEIR_OK) {
        instance = add_new(session, mapper, values, &error);
    }
    weir_session_report(session, &error);
    return instance ? instance + 1 : NULL;
}

void *weir_session_merge_struct(weir_session *session, const weir_entity *entity, const void *values)
{
    return merge(session, entity, values, false);
}

void *weir_session_merge(weir_session *session, const void *object)
{
    weir_instance *instance = weir_instance_of(object);
    weir_error error;
    if (instance && weir_unit_member(session, object))
        return instance + 1;
    if (instance)
        return merge(session, weir_mapper_of(instance)->entity, object, instance->flags & WEIR_INSTANCE_EXPIRED);
    weir_error_set(&error, WEIR_UNMAPPED, "this struct is no instance: WEIR_MERGE takes plain structs");
    weir_session_report(session, &error);
    return NULL;
}
