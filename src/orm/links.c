/* Links: the relationships that the program changes, and the foreign keys that follow from them at the flush. */
#include "orm/inside.h"
#include "orm/unit.h"
#include "engine/log.h"
#include <string.h>

typedef struct collection { void **items; size_t count; } collection;

/* ---- records -------------------------------------------------------------------------------------------------------------------- */

static bool is_parent(weir_link_kind kind) { return kind == WEIR_LINK_PARENT || kind == WEIR_LINK_PARENT_OF; }

void weir_link_drop(weir_link_record *record)
{
    weir_instance *other = record->other;
    weir_free(record);
    if (!other)
        return;
    other->holds--;
    weir_instance_let_go(other);
}

void weir_links_drop(weir_side *side)
{
    weir_link_record *record = side->links;
    side->links = NULL;
    while (record) {
        weir_link_record *next = record->next;
        weir_link_drop(record);
        record = next;
    }
}

/* The same members, in whatever order. Two foreign keys may share some, a tenant's number say. */
static bool same_columns(const weir_member *const *one, size_t one_count, const weir_member *const *other, size_t other_count)
{
    for (size_t i = 0; i < one_count; i++) {
        size_t k = 0;
        while (k < other_count && other[k] != one[i])
            k++;
        if (k == other_count)
            return false;
    }
    return one_count == other_count;
}

weir_link_record *weir_link_find(const weir_instance *instance, const weir_member *const *members, size_t count)
{
    const weir_side *side = weir_side_of(instance);
    for (weir_link_record *record = side ? side->links : NULL; record; record = record->next)
        if (is_parent(record->kind) && same_columns(weir_link_members(record), record->relationship->pairs.pair_count, members, count))
            return record;
    return NULL;
}

bool weir_link_is_orphan(const weir_instance *instance)
{
    const weir_side *side = weir_side_of(instance);
    for (const weir_link_record *record = side ? side->links : NULL; record; record = record->next)
        if (record->orphans)
            return weir_instance_state(instance) == WEIR_PERSISTENT && !side->deleting;
    return false;
}

/* A later word on the same foreign key, or on the same row of an association table, takes the place of the earlier one. */
static bool same_matter(const weir_link_record *one, const weir_link_record *other)
{
    if (is_parent(one->kind) != is_parent(other->kind))
        return false;
    if (is_parent(one->kind))
        return same_columns(weir_link_members(one), one->relationship->pairs.pair_count, weir_link_members(other),
                            other->relationship->pairs.pair_count);
    return one->relationship == other->relationship && one->other == other->other;
}

static void forget_same(weir_side *side, const weir_link_record *as)
{
    for (weir_link_record **at = &side->links, *record; (record = *at) != NULL; at = &record->next)
        if (same_matter(record, as)) {
            *at = record->next;
            weir_link_drop(record);
            return;
        }
}

int weir_link_note(weir_instance *instance, weir_link_kind kind, const weir_mapped_relationship *relationship, weir_instance *other)
{
    weir_store *store = weir_mapper_of(instance)->store;
    weir_side *side = weir_side_need(instance);
    weir_link_record *record = side ? weir_alloc(&store->ledger, WEIR_MEMORY_BATCH, sizeof *record) : NULL;
    if (!record || (weir_instance_state(instance) == WEIR_PERSISTENT && weir_unit_list(store->session, instance) != WEIR_OK)) {
        weir_free(record);
        return WEIR_OUT_OF_MEMORY;
    }
    *record = (weir_link_record){ .relationship = relationship, .other = other, .kind = kind };
    if (other)
        other->holds++;
    /* Adding and removing one thing cancel each other: nothing of it is to be written. */
    bool undone = false;
    for (const weir_link_record *earlier = side->links; earlier && !is_parent(kind); earlier = earlier->next)
        undone = undone || (same_matter(earlier, record) && earlier->kind != kind);
    forget_same(side, record);
    if (undone) {
        weir_link_drop(record);
        return WEIR_OK;
    }
    record->next = side->links;
    side->links = record;
    return WEIR_OK;
}

/* ---- foreign keys ------------------------------------------------------------------------------------------------------------------ */

static int blank_out(const weir_instance *instance, const weir_mapped_relationship *relationship, const weir_member *member, weir_error *error)
{
    char name[160];
    weir_instance_name(instance, name, sizeof name);
    return weir_error_set(error, WEIR_FLUSH, "Dependency rule on '%s.%s' tried to blank-out column '%s.%s' on instance '<%s>', which %s: give "
                          "the relationship .cascade with WEIR_CASCADE_DELETE, or link the instance elsewhere", relationship->pairs.parent->name,
                          relationship->member->name, weir_mapper_of(instance)->entity->table, weir_member_column(member), name,
                          member->primary_key ? "is of its primary key" : "has no NULL");
}

/* The other one was never added, nor came by a cascade: there is no row to refer to. */
int weir_link_is_idle(const weir_instance *instance, const weir_link_record *record, bool *idle, weir_error *error)
{
    weir_session *session = weir_mapper_of(instance)->store->session;
    const weir_relationship *pairs = &record->relationship->pairs;
    *idle = record->other && weir_instance_state(record->other) == WEIR_TRANSIENT;
    if (!*idle)
        return WEIR_OK;
    return weir_warn(&session->store->core->log, weir_connection_number(session->connection), error,
                     "Object of type <%s> not in session, add operation along '%s.%s' will not proceed",
                     weir_mapper_of(record->other)->entity->name, pairs->parent->name, pairs->member->name);
}

static int sync_link(weir_instance *instance, const weir_link_record *record, weir_error *error)
{
    bool idle;
    if (weir_link_is_idle(instance, record, &idle, error) != WEIR_OK || idle)
        return error->status;
    const weir_member **members = weir_link_members(record), **of_parent = weir_link_parent_members(record);
    char reason[WEIR_REASON_SIZE];
    for (size_t i = 0; i < record->relationship->pairs.pair_count; i++) {
        weir_value value = { .type = WEIR_T_NULL };
        if (record->other)
            weir_member_value(of_parent[i], record->other + 1, &value);
        if (!record->other && members[i]->primary_key)
            return blank_out(instance, record->relationship, members[i], error);
        if (weir_member_change(instance, members[i], &value, reason) == WEIR_OK)
            continue;
        if (value.type == WEIR_T_NULL)
            return blank_out(instance, record->relationship, members[i], error);
        return weir_error_set(error, WEIR_DATA, "%s.%s: %s", weir_mapper_of(instance)->entity->name, members[i]->name, reason);
    }
    return WEIR_OK;
}

/* Foreign keys that become NULL first: what they share with others is those others' to say. */
int weir_links_sync(weir_instance *instance, bool deferred, weir_error *error)
{
    const weir_side *side = weir_side_of(instance);
    for (int given = 0; given <= 1; given++)
        for (const weir_link_record *record = side ? side->links : NULL; record; record = record->next)
            if (is_parent(record->kind) && record->deferred == deferred && (record->other != NULL) == given &&
                sync_link(instance, record, error) != WEIR_OK)
                return error->status;
    return WEIR_OK;
}

weir_instance *weir_link_known_parent(weir_mapper *mapper, const weir_instance *child, const weir_member *const *members,
                                      const weir_member *const *keys, size_t count)
{
    weir_value values[8];
    if (count != mapper->key_count || count > sizeof values / sizeof *values)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < count && mapper->keys[i] != keys[at])
            at++;
        if (at == count)
            return NULL;
        weir_member_value(members[at], child + 1, &values[i]);
        if (values[i].type == WEIR_T_NULL)
            return NULL;
    }
    return weir_identity_look_up(mapper, values, count);
}

void weir_links_forget(const weir_instance *child)
{
    for (weir_mapper *mapper = weir_mapper_of(child)->store->mappers; mapper; mapper = mapper->next)
        for (size_t i = 0; i < mapper->relationship_count; i++) {
            const weir_mapped_relationship *r = &mapper->relationships[i];
            bool leads_here = weir_key_is_remote(r) && r->pairs.target == weir_mapper_of(child)->entity;
            weir_instance *parent = leads_here ? weir_link_known_parent(mapper, child, r->pairs.remote, r->pairs.local, r->pairs.pair_count) : NULL;
            if (parent)
                parent->loaded &= ~(UINT64_C(1) << r->bit);
        }
}

/* ---- the pointers ---------------------------------------------------------------------------------------------------------------------- */

static collection *collection_of(weir_instance *instance, const weir_mapped_relationship *relationship)
{
    return (collection *)(void *)((char *)(instance + 1) + relationship->member->offset);
}

/* A new one can be in a collection only if it was put there. */
static bool may_be_there(const weir_instance *item, bool linked)
{
    weir_state state = weir_instance_state(item);
    return linked || (state != WEIR_TRANSIENT && state != WEIR_PENDING);
}

/* The collection without `gone` and with `added` (each may be NULL) behind, when it is loaded. `linked`: it was added before. */
static int change_collection(weir_instance *instance, const weir_mapped_relationship *relationship, weir_instance *added, weir_instance *gone,
                             bool linked)
{
    weir_instance_note_savepoint(instance);             /* a rollback to it makes the collection what it was, also one that is loaded until then */
    if (!weir_is_loaded(instance, relationship))
        return WEIR_OK;                 /* its load will bring it */
    if (added && !gone && !may_be_there(added, linked) && weir_collection_append(instance, relationship, added))
        return WEIR_OK;
    const collection was = *collection_of(instance, relationship);
    void **items = weir_alloc(&weir_mapper_of(instance)->store->ledger, WEIR_MEMORY_BATCH, (was.count + 1) * sizeof *items);
    if (!items)
        return WEIR_OUT_OF_MEMORY;
    size_t count = 0;
    bool there = false;
    for (size_t i = 0; i < was.count; i++) {
        there = there || (added && was.items[i] == added + 1);
        if (!gone || was.items[i] != gone + 1)
            items[count++] = was.items[i];
    }
    if (added && !there)
        items[count++] = added + 1;
    weir_attach_many(instance, relationship, items, count);
    int status = weir_instance_settle_growing(instance, relationship);
    if (status != WEIR_OK)
        weir_attach_many(instance, relationship, was.items, was.count);
    weir_free(items);
    return status;
}

static weir_instance *target_of(weir_instance *instance, const weir_mapped_relationship *relationship)
{
    void *object;
    if (!weir_is_loaded(instance, relationship))
        return NULL;
    memcpy(&object, (char *)(instance + 1) + relationship->member->offset, sizeof object);
    return object ? (weir_instance *)object - 1 : NULL;
}

static bool same_members(const weir_member *const *one, const weir_member *const *other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (one[i] != other[i])
            return false;
    return true;
}

/* The relationship of the other side that goes over the same columns, if it is mapped, and once alone. */
static weir_mapped_relationship *reverse_of(const weir_mapped_relationship *relationship, weir_mapper *of)
{
    const weir_relationship *pairs = &relationship->pairs;
    weir_mapped_relationship *found = NULL;
    for (size_t i = 0; i < of->relationship_count; i++) {
        weir_mapped_relationship *other = &of->relationships[i];
        if (other == relationship || other->pairs.target != pairs->parent || other->pairs.pair_count != pairs->pair_count ||
            other->pairs.through_association || !same_members(other->pairs.local, pairs->remote, pairs->pair_count) ||
            !same_members(other->pairs.remote, pairs->local, pairs->pair_count))
            continue;
        if (found)
            return NULL;
        found = other;
    }
    return found;
}

/* ---- linking ---------------------------------------------------------------------------------------------------------------------------- */

static int set_parent_side(weir_instance *parent, const weir_mapped_relationship *relationship, weir_instance *added, weir_instance *gone,
                           bool linked)
{
    if (relationship->pairs.to_many)
        return change_collection(parent, relationship, added, gone, linked);
    if (added || target_of(parent, relationship) == gone) {
        weir_attach_one(parent, relationship, added);
        weir_instance_note_savepoint(parent);
    }
    return WEIR_OK;
}

/* The parent that the child has: what it points to, else the one that its foreign key names, if the session has that. */
static weir_instance *parent_of(weir_instance *child, weir_mapped_relationship *relationship)
{
    const weir_relationship *pairs = &relationship->pairs;
    if (weir_is_loaded(child, relationship))
        return target_of(child, relationship);
    const weir_link_record *record = weir_link_find(child, pairs->local, pairs->pair_count);
    if (record)
        return record->other;
    return child->flags & WEIR_INSTANCE_EXPIRED ? NULL : weir_known_target(relationship, child);
}

/* The child moves to another parent (NULL: none). `from_child`: the relationship is the child's, else the parents'. `old`: known when
 * it is the parents'. */
static int move(weir_session *session, weir_instance *child, weir_mapped_relationship *relationship, bool from_child, weir_instance *parent,
                weir_instance *old, weir_error *error)
{
    weir_mapper *child_mapper = weir_mapper_of(child);
    weir_mapper *parent_mapper = parent || old ? weir_mapper_of(parent ? parent : old) : NULL;
    weir_mapped_relationship *of_child = from_child ? relationship : reverse_of(relationship, child_mapper);
    if (of_child && !old)
        old = parent_of(child, of_child);
    /* What an expired one had may be long over: enough for taking it out of a collection, if it is there. */
    weir_instance *had = old || !of_child || !(child->flags & WEIR_INSTANCE_EXPIRED) ? old : weir_known_target(of_child, child);
    if (had && !parent_mapper)
        parent_mapper = weir_mapper_of(had);
    weir_mapped_relationship *of_parent = !from_child ? relationship : parent_mapper ? reverse_of(relationship, parent_mapper) : NULL;
    const weir_member *const *members = from_child ? relationship->pairs.local : relationship->pairs.remote;
    const weir_link_record *earlier = weir_link_find(child, members, relationship->pairs.pair_count);
    bool linked = parent && (old == parent || (earlier && earlier->other == parent));
    if (weir_link_note(child, from_child ? WEIR_LINK_PARENT : WEIR_LINK_PARENT_OF, relationship, parent) != WEIR_OK)
        return weir_error_out_of_memory(error);
    if (had && had != parent && of_parent && set_parent_side(had, of_parent, NULL, child, false) != WEIR_OK)
        return weir_error_out_of_memory(error);
    if (parent && of_parent && set_parent_side(parent, of_parent, child, NULL, linked) != WEIR_OK)
        return weir_error_out_of_memory(error);
    if (of_child) {
        weir_attach_one(child, of_child, parent);
        weir_instance_note_savepoint(child);
    }
    if (!parent && old && of_parent && (weir_cascade_of(of_parent->member) & WEIR_CASCADE_DELETE_ORPHAN)) {
        weir_link_find(child, members, relationship->pairs.pair_count)->orphans = true;
        return weir_instance_state(child) == WEIR_PENDING ? weir_cascade_orphan(session, child, error) : WEIR_OK;
    }
    /* Whoever is in the session brings the other one with it. */
    if (parent && of_child && weir_unit_member(session, child + 1) && (weir_cascade_of(of_child->member) & WEIR_CASCADE_SAVE_UPDATE))
        return weir_cascade_add(session, child, error);
    if (parent && of_parent && weir_unit_member(session, parent + 1) && (weir_cascade_of(of_parent->member) & WEIR_CASCADE_SAVE_UPDATE))
        return weir_cascade_add_item(session, child, error);
    return WEIR_OK;
}

static weir_instance *instance_for(const weir_session *session, const void *object, weir_error *error)
{
    weir_instance *instance = weir_instance_of(object);
    if (!instance || weir_mapper_of(instance)->store != session->store) {
        weir_error_set(error, WEIR_INVALID_REQUEST, "what is linked are instances of one session: make them with WEIR_NEW, load them, or copy "
                       "them in with WEIR_MERGE");
        return NULL;
    }
    return instance;
}

static weir_mapped_relationship *relationship_at(weir_instance *owner, size_t offset, const weir_instance *other, bool many, weir_error *error)
{
    weir_mapper *mapper = weir_mapper_of(owner);
    weir_mapped_relationship *relationship = weir_mapper_relationship(mapper, offset);
    if (!relationship || relationship->pairs.to_many != many) {
        weir_error_set(error, WEIR_ARGUMENT, "%s has no relationship to %s there", mapper->entity->name, many ? "many" : "one");
        return NULL;
    }
    if (other && weir_mapper_of(other)->entity != relationship->pairs.target) {
        weir_error_set(error, WEIR_ARGUMENT, "'%s.%s' leads to %s, not to %s", mapper->entity->name, relationship->member->name,
                       relationship->pairs.target->name, weir_mapper_of(other)->entity->name);
        return NULL;
    }
    return relationship;
}

static int link_one(weir_session *session, weir_instance *owner, size_t offset, void *target, weir_error *error)
{
    weir_instance *other = target ? instance_for(session, target, error) : NULL;
    if (target && !other)
        return error->status;
    weir_mapped_relationship *relationship = relationship_at(owner, offset, other, false, error);
    if (!relationship)
        return error->status;
    if (!weir_key_is_remote(relationship))
        return move(session, owner, relationship, true, other, NULL, error);
    /* One to one, and the other side has the key: the one that was there loses it. */
    if (!weir_is_loaded(owner, relationship) && weir_instance_state(owner) == WEIR_PERSISTENT &&
        weir_instance_load(owner, relationship, error) != WEIR_OK)
        return error->status;
    weir_instance *was = target_of(owner, relationship);
    if (was && was != other && move(session, was, relationship, false, NULL, owner, error) != WEIR_OK)
        return error->status;
    return other && was != other ? move(session, other, relationship, false, owner, NULL, error) : WEIR_OK;
}

static int is_not_there(const weir_instance *owner, const weir_mapped_relationship *relationship, const weir_instance *item, weir_error *error)
{
    char name[160], of[160];
    weir_instance_name(item, name, sizeof name);
    weir_instance_name(owner, of, sizeof of);
    return weir_error_set(error, WEIR_INVALID_REQUEST, "Instance '<%s>' is not in '%s' of instance '<%s>'", name, relationship->member->name, of);
}

static bool contains(weir_instance *owner, const weir_mapped_relationship *relationship, const weir_instance *item)
{
    const collection *has = weir_is_loaded(owner, relationship) ? collection_of(owner, relationship) : &(const collection){ NULL, 0 };
    size_t i = 0;
    while (i < has->count && has->items[i] != item + 1)
        i++;
    return i < has->count;
}

/* Whether the child may be taken out of the owner's one-to-many. One that the program put elsewhere meanwhile is not there, and stays
 * where it is; one that never was is an error. */
static int has_child(weir_instance *owner, const weir_mapped_relationship *relationship, weir_instance *child, bool *there, weir_error *error)
{
    const weir_link_record *record = weir_link_find(child, relationship->pairs.remote, relationship->pairs.pair_count);
    *there = record ? record->other == owner : contains(owner, relationship, child);
    if (*there || (record && record->other))
        return WEIR_OK;
    if (!record && child->flags & WEIR_INSTANCE_EXPIRED && weir_instance_reload(child, error) != WEIR_OK)
        return error->status;
    *there = !record && weir_instance_state(child) != WEIR_TRANSIENT && weir_cascade_refers_to(child, relationship, owner);
    return *there ? WEIR_OK : is_not_there(owner, relationship, child, error);
}

/* The same association as the target's mapping sees it; NULL: it does not, or more than once. */
static weir_mapped_relationship *reverse_through(const weir_mapped_relationship *relationship, weir_mapper *target)
{
    const weir_member *member = relationship->member;
    size_t count = relationship->pairs.pair_count;
    weir_mapped_relationship *found = NULL;
    for (size_t i = 0; i < target->relationship_count; i++) {
        weir_mapped_relationship *other = &target->relationships[i];
        bool same = other != relationship && other->pairs.through_association && other->pairs.target == relationship->pairs.parent &&
                    other->pairs.pair_count == count && strcmp(other->member->association, member->association) == 0;
        for (size_t k = 0; same && k < count; k++)
            same = strcmp(other->member->association_local[k], member->association_remote[k]) == 0 &&
                   strcmp(other->member->association_remote[k], member->association_local[k]) == 0;
        if (same && found)
            return NULL;
        found = same ? other : found;
    }
    return found;
}

static weir_link_record *association_record(const weir_instance *instance, const weir_mapped_relationship *relationship, const weir_instance *other)
{
    const weir_side *side = weir_side_of(instance);
    weir_link_record *record = side ? side->links : NULL;
    while (record && (is_parent(record->kind) || record->relationship != relationship || record->other != other))
        record = record->next;
    return record;
}

/* A row of the association is said by whichever side was asked first; the other side's word on it cancels that, or says it again. */
static int note_association(weir_instance *owner, const weir_mapped_relationship *relationship, const weir_mapped_relationship *reverse,
                            weir_instance *other, weir_link_kind kind)
{
    const weir_link_record *said = reverse ? association_record(other, reverse, owner) : NULL;
    return said ? weir_link_note(other, kind, reverse, owner) : weir_link_note(owner, kind, relationship, other);
}

static int change_association(weir_session *session, weir_instance *owner, const weir_mapped_relationship *relationship, weir_instance *other,
                              bool add, weir_error *error)
{
    const weir_mapped_relationship *reverse = reverse_through(relationship, weir_mapper_of(other));
    bool there = contains(owner, relationship, other);
    bool said = association_record(owner, relationship, other) || (reverse && association_record(other, reverse, owner));
    if (!add && !there && !said && weir_is_loaded(owner, relationship))
        return is_not_there(owner, relationship, other, error);
    if (add != there || !weir_is_loaded(owner, relationship)) {
        if (note_association(owner, relationship, reverse, other, add ? WEIR_LINK_ADD : WEIR_LINK_REMOVE) != WEIR_OK ||
            change_collection(owner, relationship, add ? other : NULL, add ? NULL : other, true) != WEIR_OK ||
            (reverse && change_collection(other, reverse, add ? owner : NULL, add ? NULL : owner, true) != WEIR_OK))
            return weir_error_out_of_memory(error);
    }
    bool cascades = weir_cascade_of(relationship->member) & WEIR_CASCADE_SAVE_UPDATE;
    return add && cascades && weir_unit_member(session, owner + 1) ? weir_cascade_add_item(session, other, error) : WEIR_OK;
}

static int change_many(weir_session *session, weir_instance *owner, size_t offset, void *item, bool add, weir_error *error)
{
    weir_instance *other = instance_for(session, item, error);
    weir_mapped_relationship *relationship = other ? relationship_at(owner, offset, other, true, error) : NULL;
    if (!relationship)
        return error->status;
    if (relationship->pairs.through_association)
        return change_association(session, owner, relationship, other, add, error);
    if (add)
        return move(session, other, relationship, false, owner, NULL, error);
    bool there;
    int status = has_child(owner, relationship, other, &there, error);
    return status == WEIR_OK && there ? move(session, other, relationship, false, NULL, owner, error) : status;
}

/* The session of an instance, ready for changes; NULL: there is none, or *error says why not. */
static weir_session *session_of(const weir_instance *instance, weir_error *error)
{
    weir_session *session = instance ? weir_mapper_of(instance)->store->session : NULL;
    weir_error_clear(error);
    if (!session)
        weir_error_set(error, WEIR_DETACHED_INSTANCE, "the instance is not bound to a Session");
    else if (weir_session_active(session, error) == WEIR_OK)
        weir_session_autobegin(session, error);
    return session;
}

int weir_link_(void *instance, size_t offset, void *target)
{
    weir_error error;
    weir_instance *owner = weir_instance_of(instance);
    weir_session *session = session_of(owner, &error);
    if (error.status == WEIR_OK)
        link_one(session, owner, offset, target, &error);
    return session ? weir_session_report(session, &error) : error.status;
}

static int change_collection_of(void *instance, size_t offset, void *item, bool add)
{
    weir_error error;
    weir_instance *owner = weir_instance_of(instance);
    weir_session *session = session_of(owner, &error);
    if (error.status == WEIR_OK)
        change_many(session, owner, offset, item, add, &error);
    return session ? weir_session_report(session, &error) : error.status;
}

int weir_collection_add_(void *instance, size_t offset, void *item) { return change_collection_of(instance, offset, item, true); }
int weir_collection_remove_(void *instance, size_t offset, void *item) { return change_collection_of(instance, offset, item, false); }
