/* Loading on demand: what reading an attribute is elsewhere. A member whose row is in the session already costs no statement. */
#include "orm/load.h"
#include "orm/unit.h"

enum { MOST_KEYS = 16 };

/* The target's key values out of the parent's members, in the order of the target's keys. False: a part of it is NULL. */
static bool target_key(const weir_mapped_relationship *relationship, const weir_instance *parent, weir_value *keys)
{
    const weir_relationship *pairs = &relationship->pairs;
    for (size_t k = 0; k < pairs->pair_count; k++) {
        size_t place = 0;
        while (relationship->target->keys[place] != pairs->remote[k])
            place++;
        weir_member_value(pairs->local[k], parent + 1, &keys[place]);
        if (keys[place].type == WEIR_T_NULL)
            return false;
    }
    return true;
}

weir_instance *weir_known_target(weir_mapped_relationship *relationship, const weir_instance *child)
{
    weir_value keys[MOST_KEYS];
    weir_error ignored;
    const weir_relationship *pairs = &relationship->pairs;
    if (pairs->to_many || !pairs->remote_is_key || pairs->pair_count > MOST_KEYS || !weir_mapper_target(relationship, weir_mapper_of(child), &ignored))
        return NULL;
    return target_key(relationship, child, keys) ? weir_identity_look_up(relationship->target, keys, pairs->pair_count) : NULL;
}

/* A many-to-one: none, or what the session has. False: it takes a statement. */
static bool attach_known(const weir_mapped_relationship *relationship, weir_instance *parent)
{
    weir_value keys[MOST_KEYS];
    const weir_relationship *pairs = &relationship->pairs;
    if (pairs->to_many || !pairs->remote_is_key || pairs->pair_count > MOST_KEYS)
        return false;
    weir_instance *target = NULL;
    if (target_key(relationship, parent, keys)) {
        target = weir_identity_look_up(relationship->target, keys, pairs->pair_count);
        if (!target || target->flags & WEIR_INSTANCE_EXPIRED)
            return false;
    }
    weir_attach_one(parent, relationship, target);
    return true;
}

int weir_load_one(weir_load_work *work, const weir_load_node *node, const weir_load_step *step, weir_instance *parent)
{
    weir_mapped_relationship *relationship = step->relationship;
    if (!weir_mapper_target(relationship, node->mapper, work->error))
        return work->error->status;
    if (attach_known(relationship, parent))
        return WEIR_OK;
    return weir_load_by_keys(work, node, step, (weir_instances){ &parent, 1 }, WEIR_LOAD_GROUP);
}

/* ---- weir_load ------------------------------------------------------------------------------------------------------------------ */

static int refuse_detached(const weir_instance *instance, const weir_mapped_relationship *relationship, weir_error *error)
{
    char name[160];
    weir_instance_name(instance, name, sizeof name);
    if (!relationship)
        return weir_error_set(error, WEIR_DETACHED_INSTANCE,
                              "Instance <%s> is not bound to a Session; attribute refresh operation cannot proceed", name);
    return weir_error_set(error, WEIR_DETACHED_INSTANCE,
                          "Parent instance <%s> is not bound to a Session; lazy load operation of attribute '%s' cannot proceed", name,
                          relationship->member->name);
}

/* The relationship, and what the mapping loads eagerly behind it. */
static int do_load(weir_load_work *work, weir_instance *instance, const weir_mapped_relationship *relationship)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    const weir_expr named = { .op = WEIR_OP_COLUMN, .entity = mapper->entity, .offset = relationship->member->offset };
    const weir_expr *const steps[] = { &named, NULL };
    const weir_load_path path = { .how = WEIR_LAZY_SELECTIN, .steps = steps, .step_count = 1 };
    const weir_load_root root = { .paths = &path, .path_count = 1, .eager = true };
    const weir_load_node *node = weir_load_plan_node(work->arena, weir_mapper_of(instance), &root, work->error);
    if (!node)
        return work->error->status;
    const weir_load_step *step = &node->steps[relationship - mapper->relationships];
    int status = weir_load_one(work, node, step, instance);
    return status == WEIR_OK ? weir_load_behind(work, step, (weir_instances){ &instance, 1 }) : status;
}

static int load_now(weir_session *session, weir_instance *instance, const weir_mapped_relationship *relationship, weir_error *error)
{
    weir_arena arena;
    weir_arena_init(&arena, &session->store->ledger, WEIR_MEMORY_BATCH, 1024);
    weir_load_work work = { .session = session, .lazily = true, .whole = true, .arena = &arena, .error = error };
    int status = do_load(&work, instance, relationship);
    weir_load_work_end(&work);
    weir_arena_free(&arena);
    return status;
}

int weir_instance_load(weir_instance *instance, weir_mapped_relationship *relationship, weir_error *error)
{
    weir_error_clear(error);
    if (instance->flags & WEIR_INSTANCE_EXPIRED && weir_instance_reload(instance, error) != WEIR_OK)
        return error->status;
    return weir_is_loaded(instance, relationship) ? WEIR_OK
                                                  : load_now(weir_mapper_of(instance)->store->session, instance, relationship, error);
}

static int load_relationship(weir_instance *instance, weir_mapped_relationship *relationship, weir_error *error)
{
    weir_session *session = weir_mapper_of(instance)->store->session;
    const weir_member *member = relationship->member;
    if (weir_load_is_raising(instance, relationship))
        return weir_error_set(error, WEIR_INVALID_REQUEST, "'%s.%s' is not available due to lazy='raise'",
                              relationship->pairs.parent->name, member->name);
    if (!session || weir_instance_state(instance) != WEIR_PERSISTENT)
        return refuse_detached(instance, relationship, error);
    instance->holds++;                  /* a flush lets go of it */
    int status = weir_session_autoflush(session, NULL, error);
    if (status == WEIR_OK && !weir_is_loaded(instance, relationship))
        status = load_now(session, instance, relationship, error);
    instance->holds--;
    return status;
}

static int load(weir_instance *instance, size_t offset, weir_error *error)
{
    weir_mapper *mapper = weir_mapper_of(instance);
    weir_mapped_relationship *relationship = weir_mapper_relationship(mapper, offset);
    if (instance->flags & WEIR_INSTANCE_EXPIRED) {
        if (!mapper->store->session || weir_instance_state(instance) != WEIR_PERSISTENT)
            return refuse_detached(instance, relationship, error);
        int status = weir_instance_reload(instance, error);
        if (status != WEIR_OK)
            return status;
    }
    if (!relationship || weir_is_loaded(instance, relationship))
        return WEIR_OK;
    return load_relationship(instance, relationship, error);
}

int weir_load_(void *object, size_t offset)
{
    weir_error error = { 0 };
    weir_instance *instance = weir_instance_of(object);
    if (!instance)
        return WEIR_INVALID_REQUEST;
    weir_session *session = weir_mapper_of(instance)->store->session;
    int status = load(instance, offset, &error);
    if (status != WEIR_OK && session)
        weir_session_report(session, &error);
    return status;
}

bool weir_loaded_(const void *object, size_t offset)
{
    const weir_instance *instance = weir_instance_of(object);
    if (!instance || instance->flags & WEIR_INSTANCE_EXPIRED)
        return false;
    const weir_mapped_relationship *relationship = weir_mapper_relationship(weir_mapper_of(instance), offset);
    return relationship ? weir_is_loaded(instance, relationship) : true;
}
