/* The unit of work: which instances wait to be written, and how they come into a session and out of it. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

enum { FIRST_CAPACITY = 16, NAME_SIZE = 160 };

/* ---- the list ------------------------------------------------------------------------------------------------------------------- */

static bool is_new(const weir_instance *instance) { return weir_instance_state(instance) == WEIR_PENDING; }

int weir_unit_list(weir_session *session, weir_instance *instance)
{
    weir_unit *unit = &session->unit;
    weir_side *side = weir_side_need(instance);
    if (!side)
        return WEIR_OUT_OF_MEMORY;
    if (side->place)
        return WEIR_OK;
    if (unit->count == unit->capacity) {
        size_t capacity = unit->capacity ? unit->capacity * 2 : FIRST_CAPACITY;
        weir_instance **items = weir_resize(&session->store->ledger, WEIR_MEMORY_HANDLES, unit->items, capacity * sizeof(weir_instance *));
        if (!items)
            return WEIR_OUT_OF_MEMORY;
        unit->items = items;
        unit->capacity = capacity;
    }
    unit->items[unit->count++] = instance;
    side->place = unit->count;
    side->order = ++unit->order;
    instance->flags |= WEIR_INSTANCE_WAITS;
    return WEIR_OK;
}

void weir_unit_unlist(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    weir_session *session = weir_mapper_of(instance)->store->session;
    if (!side || !side->place || !session)
        return;
    weir_unit *unit = &session->unit;
    weir_instance *last = unit->items[--unit->count];
    unit->items[side->place - 1] = last;
    weir_side_of(last)->place = side->place;
    side->place = 0;
    instance->flags &= ~(uint32_t)WEIR_INSTANCE_WAITS;
    if (!unit->count) {
        weir_free(unit->items);
        unit->items = NULL;
        unit->capacity = 0;
    }
}

void weir_unit_forget(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    weir_old_key_drop(side);
    if (is_new(instance) || weir_instance_state(instance) == WEIR_TRANSIENT)
        return;
    weir_links_drop(side);
    side->known = false;
    if (!side->deleting)
        weir_unit_unlist(instance);
    weir_side_tidy(instance);
}

void weir_unit_leave(weir_instance *instance)
{
    weir_unit_unlist(instance);
    weir_side_free(instance);
}

void weir_unit_written(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    if ((instance->flags & WEIR_INSTANCE_MODIFIED) && weir_instance_state(instance) == WEIR_PERSISTENT)
        weir_mapper_of(instance)->store->dirty--;
    instance->flags &= ~(uint32_t)WEIR_INSTANCE_MODIFIED;
    weir_recall_note(instance);
    if (!side)
        return;
    weir_links_drop(side);
    weir_old_key_drop(side);
    if (instance->flags & WEIR_INSTANCE_EXPIRED)
        weir_side_know(instance, side);
    else
        side->known = false;
    weir_unit_unlist(instance);
    weir_side_tidy(instance);
}

/* ---- who may come in ---------------------------------------------------------------------------------------------------------------- */

weir_instance *weir_unit_member(const weir_session *session, const void *object)
{
    weir_instance *instance = weir_instance_of(object);
    if (!instance || !session->store || weir_mapper_of(instance)->store != session->store)
        return NULL;
    weir_state state = weir_instance_state(instance);
    return state == WEIR_PENDING || state == WEIR_PERSISTENT ? instance : NULL;
}

/* An instance of this session's store, in whatever state. */
static weir_instance *own_instance(const weir_session *session, const void *object, weir_error *error)
{
    weir_instance *instance = weir_instance_of(object);
    char name[NAME_SIZE];
    weir_object_name(object, name, sizeof name);
    if (!instance) {
        weir_error_set(error, WEIR_UNMAPPED, "this struct is no instance: make it with WEIR_NEW, or copy it in with WEIR_MERGE");
        return NULL;
    }
    const weir_store *store = weir_mapper_of(instance)->store;
    weir_state state = weir_instance_state(instance);
    if (store == session->store)
        return instance;
    if (store->session && (state == WEIR_PERSISTENT || state == WEIR_PENDING))
        weir_error_set(error, WEIR_INVALID_REQUEST, "Object '<%s>' is already attached to session '%p' (this is '%p')", name,
                       (const void *)store->session, (const void *)session);
    else
        weir_error_set(error, WEIR_INVALID_REQUEST, "Instance '<%s>' was made by another session: WEIR_MERGE copies it into this one", name);
    return NULL;
}

static int attach(weir_instance *instance, weir_error *error)
{
    weir_mapper *mapper = weir_mapper_of(instance);
    char name[NAME_SIZE];
    weir_instance_name(instance, name, sizeof name);
    uint64_t key = weir_identity_key(mapper, instance + 1);
    weir_identity_entry *entry = weir_identity_entry_of(mapper, key, instance + 1);
    if (!entry)
        return weir_error_out_of_memory(error);
    if (entry->instance)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "Can't attach instance <%s>; another instance with key %s is already present in "
                              "this session.", name, name);
    instance->key = key;
    weir_identity_put(mapper, entry, instance);
    weir_instance_set_state(instance, WEIR_PERSISTENT);
    weir_recall_note(instance);
    return WEIR_OK;
}

static int make_pending(weir_session *session, weir_instance *instance, weir_error *error)
{
    if (weir_mapper_of(instance)->has_pointers && weir_instance_settle(instance) != WEIR_OK)
        return weir_error_out_of_memory(error);
    if (weir_unit_list(session, instance) != WEIR_OK)
        return weir_error_out_of_memory(error);
    weir_instance_set_state(instance, WEIR_PENDING);
    return WEIR_OK;
}

int weir_unit_add(weir_session *session, weir_instance *instance, weir_error *error)
{
    char name[NAME_SIZE];
    weir_side *side = weir_side_of(instance);
    switch (weir_instance_state(instance)) {
    case WEIR_TRANSIENT: return make_pending(session, instance, error);
    case WEIR_DETACHED: return attach(instance, error);
    case WEIR_DELETED:
        weir_instance_name(instance, name, sizeof name);
        return weir_error_set(error, WEIR_INVALID_REQUEST, "Instance '<%s>' has been deleted.", name);
    case WEIR_PERSISTENT:
        if (side && side->deleting) {
            side->deleting = false;
            if (!(instance->flags & WEIR_INSTANCE_MODIFIED))
                weir_unit_unlist(instance);
        }
        return WEIR_OK;
    case WEIR_PENDING: break;
    }
    return WEIR_OK;
}

int weir_unit_delete(weir_session *session, weir_instance *instance, weir_error *error)
{
    char name[NAME_SIZE];
    weir_state state = weir_instance_state(instance);
    if (state == WEIR_DELETED)
        return WEIR_OK;
    if (state == WEIR_DETACHED && attach(instance, error) != WEIR_OK)
        return error->status;
    if (weir_instance_state(instance) != WEIR_PERSISTENT) {
        weir_instance_name(instance, name, sizeof name);
        return weir_error_set(error, WEIR_INVALID_REQUEST, "Instance '<%s>' is not persisted", name);
    }
    if (weir_is_deleting(instance))
        return WEIR_OK;
    if (weir_unit_list(session, instance) != WEIR_OK)
        return weir_error_out_of_memory(error);
    weir_side_of(instance)->deleting = true;
    return WEIR_OK;
}

/* ---- for programs --------------------------------------------------------------------------------------------------------------- */

void *weir_new(weir_session *session, const weir_entity *entity)
{
    weir_error error;
    weir_mapper *mapper = weir_session_usable(session, &error) == WEIR_OK ? weir_store_mapper(session->store, entity, &error) : NULL;
    weir_instance *instance = mapper ? weir_slab_take(mapper) : NULL;
    if (mapper && !instance)
        weir_error_out_of_memory(&error);
    if (!instance) {
        weir_session_report(session, &error);
        return NULL;
    }
    instance->flags = WEIR_TRANSIENT | WEIR_INSTANCE_SESSION_HOLDS;
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        const weir_mapped_relationship *relationship = &mapper->relationships[i];
        if (relationship->pairs.to_many)
            weir_attach_many(instance, relationship, NULL, 0);
        else
            weir_attach_one(instance, relationship, NULL);
    }
    return instance + 1;
}

/* Checks, does one of the steps above to it, and cascades. */
static int enter(weir_session *session, void *object, bool add)
{
    weir_error error;
    if (weir_session_active(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    weir_instance *instance = own_instance(session, object, &error);
    if (!instance || weir_session_autobegin(session, &error) != WEIR_OK)
        return weir_session_report(session, &error);
    int status = add ? weir_unit_add(session, instance, &error) : weir_unit_delete(session, instance, &error);
    if (status == WEIR_OK)
        status = add ? weir_cascade_add(session, instance, &error) : weir_cascade_delete(session, instance, &error);
    if (status != WEIR_OK)
        weir_session_report(session, &error);
    return status;
}

int weir_session_add(weir_session *session, void *instance) { return enter(session, instance, true); }
int weir_session_delete(weir_session *session, void *instance) { return enter(session, instance, false); }

int weir_session_add_all(weir_session *session, void *const *instances, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = weir_session_add(session, instances[i]);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

bool weir_session_has(const weir_session *session, const void *instance) { return weir_unit_member(session, instance) != NULL; }

bool weir_session_is_modified(const weir_session *session, const void *object)
{
    const weir_instance *instance = weir_unit_member(session, object);
    if (!instance)
        return false;
    const weir_side *side = weir_side_of(instance);
    if (is_new(instance) || (side && side->links))
        return true;
    if (!(instance->flags & WEIR_INSTANCE_MODIFIED))
        return false;
    for (size_t i = 0; i < weir_mapper_of(instance)->column_count; i++)
        if (weir_before_changed(instance, i))
            return true;
    return false;
}

static size_t count_of(const weir_session *session, bool added)
{
    size_t count = 0;
    for (size_t i = 0; session->store && i < session->unit.count; i++)
        count += added ? is_new(session->unit.items[i]) : weir_is_deleting(session->unit.items[i]) || weir_link_is_orphan(session->unit.items[i]);
    return count;
}

size_t weir_session_new_count(const weir_session *session) { return count_of(session, true); }
size_t weir_session_deleted_count(const weir_session *session) { return count_of(session, false); }

/* ---- the end of a transaction --------------------------------------------------------------------------------------------------- */

/* What the database made up for it is nothing that it has when it is added again. */
static void make_transient(weir_instance *instance)
{
    const weir_side *side = weir_side_of(instance);
    weir_mapper *mapper = weir_mapper_of(instance);
    if (weir_instance_state(instance) == WEIR_PERSISTENT) {
        weir_instance_clean(instance);          /* the side block stays: it says where it was inserted */
        weir_identity_remove(mapper, instance);
        for (size_t i = 0; i < mapper->column_count; i++)
            if (side->columns[i] & WEIR_COLUMN_GENERATED)
                memset((char *)(instance + 1) + mapper->columns[i]->offset, 0, mapper->columns[i]->size);
    }
    instance->flags &= ~(uint32_t)(WEIR_INSTANCE_EXPIRED | WEIR_INSTANCE_MODIFIED);
    weir_instance_set_state(instance, WEIR_TRANSIENT);
    weir_unit_leave(instance);
}

void weir_unit_expunge_pending(weir_instance *instance) { make_transient(instance); }

static void revive(weir_instance *instance, int since)
{
    weir_mapper *mapper = weir_mapper_of(instance);
    weir_side_of(instance)->deleted_in = -1;
    if (weir_past_key_is_since(weir_side_of(instance), since)) {       /* it goes to the place it had before, not to that of its last key */
        weir_instance_set_state(instance, WEIR_PERSISTENT);
        return;
    }
    weir_identity_entry *entry = weir_identity_entry_of(mapper, instance->key, weir_instance_old_key(instance));
    if (!entry || entry->instance) {        /* another one took its place, or there is no memory */
        weir_instance_set_state(instance, WEIR_DETACHED);
        return;
    }
    weir_identity_put(mapper, entry, instance);
    weir_instance_set_state(instance, WEIR_PERSISTENT);
}

/* Those whose keys the transaction wrote leave the map together: one may go back to where another one is now. */
static void lift(weir_instance *instance, void *context)
{
    const int *since = context;
    const weir_side *side = weir_side_of(instance);
    if (side && weir_instance_state(instance) == WEIR_PERSISTENT && (side->inserted_in >= *since || weir_past_key_is_since(side, *since)))
        weir_identity_remove(weir_mapper_of(instance), instance);
}

/* Another one had its place for a while. */
static void put_where_it_was(weir_instance *instance)
{
    weir_mapper *mapper = weir_mapper_of(instance);
    weir_identity_entry *entry = weir_identity_entry_of(mapper, instance->key, weir_instance_old_key(instance));
    if (entry && !entry->instance)
        weir_identity_put(mapper, entry, instance);
    else
        weir_instance_set_state(instance, WEIR_DETACHED);
}

static void undo(weir_instance *instance, void *context)
{
    const int *since = context;
    weir_side *side = weir_side_of(instance);
    weir_state state = weir_instance_state(instance);
    bool inserted = state == WEIR_PERSISTENT && side && side->inserted_in >= *since;
    bool deleted = state == WEIR_DELETED && side && side->deleted_in >= *since;
    if (*since > 0 && (inserted || deleted))
        weir_links_forget(instance);    /* a collection may have been loaded in between */
    if (state == WEIR_PENDING || inserted) {
        make_transient(instance);
    } else if (deleted) {
        if (side->inserted_in >= *since) {
            weir_instance_set_state(instance, WEIR_TRANSIENT);
            weir_side_free(instance);
        } else {
            revive(instance, *since);
        }
    }
    side = weir_side_of(instance);
    if (side && weir_instance_state(instance) == WEIR_PERSISTENT) {
        if (side->displaced && !weir_past_key_is_since(side, *since))
            put_where_it_was(instance);
        side->displaced = false;
        weir_past_key_restore(instance, *since);
    }
    side = weir_side_of(instance);
    if (side && side->deleting) {
        side->deleting = false;
        if (!(instance->flags & WEIR_INSTANCE_MODIFIED))
            weir_unit_unlist(instance);
        weir_side_tidy(instance);
    }
    bool changed = instance->flags >> WEIR_INSTANCE_CHANGED_IN || instance->flags & WEIR_INSTANCE_MODIFIED;
    bool all = *since == 0;
    if (weir_instance_state(instance) == WEIR_PERSISTENT &&
        (all || state == WEIR_DELETED || (changed && (int)(instance->flags >> WEIR_INSTANCE_CHANGED_IN) >= *since)))
        weir_instance_expire(instance);
    /* It may have been changed in those around, too, and be read in between. */
    if ((int)(instance->flags >> WEIR_INSTANCE_CHANGED_IN) >= *since)
        weir_instance_changed_in(instance, all ? 0 : (uint32_t)*since - 1);
    weir_instance_let_go(instance);         /* the session may have held it for its changes alone */
}

void weir_unit_undo(weir_session *session, int since)
{
    if (session->unit.wrote)
        weir_store_each(session->store, lift, &since);
    weir_store_each(session->store, undo, &since);
    if (since == 0)
        session->unit.wrote = false;
}

static void committed(weir_instance *instance, void *context)
{
    (void)context;
    weir_side *side = weir_side_of(instance);
    instance->flags &= (1u << WEIR_INSTANCE_CHANGED_IN) - 1;
    if (weir_instance_state(instance) == WEIR_DELETED) {
        weir_instance_detach(instance);
        weir_instance_let_go(instance);
    } else if (side) {
        side->inserted_in = -1;
        weir_past_keys_drop(side);
        weir_side_tidy(instance);
    }
}

void weir_unit_commit(weir_session *session)
{
    if (session->unit.wrote)
        weir_store_each(session->store, committed, NULL);
    session->unit.wrote = false;
}
