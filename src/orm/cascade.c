/* Cascades: what adding, deleting or expunging an instance means for those that its relationships reach. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

unsigned weir_cascade_of(const weir_member *member)
{
    if (!member->cascade)
        return WEIR_CASCADE_SAVE_UPDATE;
    unsigned cascade = member->cascade;
    return cascade & WEIR_CASCADE_DELETE_ORPHAN ? cascade | WEIR_CASCADE_DELETE : cascade;
}

/* What a relationship points to, if it is loaded. */
static size_t reached(weir_instance *instance, const weir_mapped_relationship *relationship, void ***items)
{
    char *at = (char *)(instance + 1) + relationship->member->offset;
    size_t count = 1;
    *items = (void **)(void *)at;
    if (!weir_is_loaded(instance, relationship))
        return 0;
    if (relationship->pairs.to_many) {
        memcpy(items, at, sizeof *items);
        memcpy(&count, at + sizeof *items, sizeof count);
    } else if (!**items) {
        count = 0;
    }
    return count;
}

/* ---- walks: a list of instances that grows while it is gone through ---------------------------------------------------------------- */

typedef struct walk { weir_instance **items; size_t count, capacity; weir_ledger *ledger; } walk;

static int walk_push(walk *w, weir_instance *instance, weir_error *error)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 16;
        weir_instance **items = weir_resize(w->ledger, WEIR_MEMORY_BATCH, w->items, capacity * sizeof(weir_instance *));
        if (!items)
            return weir_error_out_of_memory(error);
        w->items = items;
        w->capacity = capacity;
    }
    w->items[w->count++] = instance;
    return WEIR_OK;
}

typedef int step_fn(weir_session *session, walk *w, weir_instance *instance, weir_error *error);

static int go(weir_session *session, weir_instance *first, step_fn *step, weir_error *error)
{
    walk w = { .ledger = &session->store->ledger };
    int status = walk_push(&w, first, error);
    for (size_t i = 0; i < w.count && status == WEIR_OK; i++)
        status = step(session, &w, w.items[i], error);
    weir_free(w.items);
    return status;
}

/* ---- adding ------------------------------------------------------------------------------------------------------------------------ */

static int add_item(weir_session *session, walk *w, weir_instance *item, weir_error *error)
{
    if (weir_instance_state(item) != WEIR_TRANSIENT && weir_instance_state(item) != WEIR_DETACHED)
        return WEIR_OK;
    int status = weir_unit_add(session, item, error);
    return status == WEIR_OK ? walk_push(w, item, error) : status;
}

static int add_reached(weir_session *session, walk *w, weir_instance *instance, weir_error *error)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        const weir_mapped_relationship *relationship = &mapper->relationships[i];
        if (!(weir_cascade_of(relationship->member) & WEIR_CASCADE_SAVE_UPDATE))
            continue;
        void **items;
        size_t count = reached(instance, relationship, &items);
        for (size_t k = 0; k < count; k++)
            if (add_item(session, w, (weir_instance *)items[k] - 1, error) != WEIR_OK)
                return error->status;
    }
    return WEIR_OK;
}

int weir_cascade_add(weir_session *session, weir_instance *instance, weir_error *error) { return go(session, instance, add_reached, error); }

int weir_cascade_add_item(weir_session *session, weir_instance *item, weir_error *error)
{
    if (weir_instance_state(item) != WEIR_TRANSIENT && weir_instance_state(item) != WEIR_DETACHED)
        return WEIR_OK;
    int status = weir_unit_add(session, item, error);
    return status == WEIR_OK ? weir_cascade_add(session, item, error) : status;
}

/* ---- deleting ---------------------------------------------------------------------------------------------------------------------- */

static int delete_item(weir_session *session, walk *w, weir_instance *item, weir_error *error)
{
    if (weir_instance_state(item) == WEIR_PENDING) {
        weir_unit_expunge_pending(item);
        return WEIR_OK;
    }
    if (weir_instance_state(item) != WEIR_PERSISTENT || weir_is_deleting(item))
        return WEIR_OK;
    int status = weir_unit_delete(session, item, error);
    return status == WEIR_OK ? walk_push(w, item, error) : status;
}

static int delete_reached(weir_session *session, walk *w, weir_instance *instance, weir_error *error)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        weir_mapped_relationship *relationship = &mapper->relationships[i];
        if (!(weir_cascade_of(relationship->member) & WEIR_CASCADE_DELETE) ||
            (weir_cascade_of(relationship->member) & WEIR_CASCADE_PASSIVE_DELETES && !weir_is_loaded(instance, relationship)))
            continue;
        if (weir_instance_load(instance, relationship, error) != WEIR_OK)
            return error->status;
        void **items;
        size_t count = reached(instance, relationship, &items);
        for (size_t k = 0; k < count; k++)
            if (delete_item(session, w, (weir_instance *)items[k] - 1, error) != WEIR_OK)
                return error->status;
    }
    return WEIR_OK;
}

int weir_cascade_delete(weir_session *session, weir_instance *instance, weir_error *error)
{
    return go(session, instance, delete_reached, error);
}

int weir_cascade_orphan(weir_session *session, weir_instance *child, weir_error *error)
{
    if (weir_instance_state(child) == WEIR_PENDING) {
        weir_unit_expunge_pending(child);
        return WEIR_OK;
    }
    if (weir_instance_state(child) != WEIR_PERSISTENT)
        return WEIR_OK;
    weir_links_drop(weir_side_of(child));       /* its row goes, foreign key and all */
    int status = weir_unit_delete(session, child, error);
    return status == WEIR_OK ? weir_cascade_delete(session, child, error) : status;
}

/* By which relationship of one that is being deleted this child was given to it, loaded or not; NULL: by none. */
static const weir_mapped_relationship *dying_parents(const weir_instance *child)
{
    const weir_side *side = weir_side_of(child);
    for (const weir_link_record *link = side ? side->links : NULL; link; link = link->next) {
        const weir_mapper *mapper = link->other && weir_is_deleting(link->other) ? weir_mapper_of(link->other) : NULL;
        for (size_t i = 0; mapper && i < mapper->relationship_count; i++) {
            const weir_mapped_relationship *r = &mapper->relationships[i];
            if (weir_key_is_remote(r) && r->pairs.target == weir_mapper_of(child)->entity && !(weir_cascade_of(r->member) & WEIR_CASCADE_PASSIVE_DELETES) &&
                weir_link_find(child, r->pairs.remote, r->pairs.pair_count) == link)
                return r;
        }
    }
    return NULL;
}

int weir_cascade_with_parent(weir_session *session, weir_instance *child, bool *goes, weir_error *error)
{
    const weir_mapped_relationship *r;
    *goes = false;
    while (!weir_is_deleting(child) && (r = dying_parents(child)) != NULL) {
        *goes = weir_cascade_of(r->member) & WEIR_CASCADE_DELETE;
        if (*goes)
            return weir_cascade_orphan(session, child, error);
        if (weir_link_note(child, WEIR_LINK_PARENT_OF, r, NULL) != WEIR_OK)
            return weir_error_out_of_memory(error);
    }
    return WEIR_OK;
}

/* ---- rows that stay ------------------------------------------------------------------------------------------------------------------ */

bool weir_cascade_refers_to(const weir_instance *child, const weir_mapped_relationship *relationship, const weir_instance *parent)
{
    for (size_t i = 0; i < relationship->pairs.pair_count; i++) {
        weir_value a, b;
        weir_member_value(relationship->pairs.remote[i], child + 1, &a);
        weir_member_value(relationship->pairs.local[i], parent + 1, &b);
        if (!weir_value_equal(&a, &b))
            return false;
    }
    return true;
}

/* A child that stays, and was not given to somebody else, loses its parent. */
static int orphan(weir_instance *child, const weir_mapped_relationship *relationship, weir_instance *parent, weir_error *error)
{
    if (weir_instance_state(child) != WEIR_PERSISTENT || weir_is_deleting(child))
        return WEIR_OK;
    const weir_link_record *link = weir_link_find(child, relationship->pairs.remote, relationship->pairs.pair_count);
    if (link ? link->other != parent : !weir_cascade_refers_to(child, relationship, parent))
        return WEIR_OK;
    return weir_link_note(child, WEIR_LINK_PARENT_OF, relationship, NULL) == WEIR_OK ? WEIR_OK : weir_error_out_of_memory(error);
}

int weir_cascade_nullify(weir_session *session, weir_instance *instance, weir_error *error)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    (void)session;
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        weir_mapped_relationship *relationship = &mapper->relationships[i];
        unsigned cascade = weir_cascade_of(relationship->member);
        if (!weir_key_is_remote(relationship) || cascade & WEIR_CASCADE_PASSIVE_DELETES)
            continue;
        if (weir_instance_load(instance, relationship, error) != WEIR_OK)
            return error->status;
        void **items;
        size_t count = reached(instance, relationship, &items);
        for (size_t k = 0; k < count; k++)
            if (orphan((weir_instance *)items[k] - 1, relationship, instance, error) != WEIR_OK)
                return error->status;
    }
    return WEIR_OK;
}

/* ---- expunging ------------------------------------------------------------------------------------------------------------------------ */

static int expunge_reached(weir_session *session, walk *w, weir_instance *instance, weir_error *error)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    (void)session;
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        const weir_mapped_relationship *relationship = &mapper->relationships[i];
        void **items;
        size_t count = weir_cascade_of(relationship->member) & WEIR_CASCADE_EXPUNGE ? reached(instance, relationship, &items) : 0;
        for (size_t k = 0; k < count; k++) {
            weir_instance *item = (weir_instance *)items[k] - 1;
            weir_state state = weir_instance_state(item);
            bool member = state == WEIR_PENDING || state == WEIR_PERSISTENT;
            if (member)
                weir_instance_detach(item);
            if (member && walk_push(w, item, error) != WEIR_OK)
                return error->status;
        }
    }
    return WEIR_OK;
}

/* Without memory those that it reaches stay. */
void weir_cascade_expunge(weir_session *session, weir_instance *instance)
{
    weir_error ignored;
    walk w = { .ledger = &session->store->ledger };
    weir_instance_detach(instance);
    int status = walk_push(&w, instance, &ignored);
    for (size_t i = 0; i < w.count && status == WEIR_OK; i++)
        status = expunge_reached(session, &w, w.items[i], &ignored);
    session->store->busy++;
    for (size_t i = 0; i < w.count; i++)
        weir_instance_let_go(w.items[i]);
    session->store->busy--;
    if (!w.count)
        weir_instance_let_go(instance);
    weir_free(w.items);
}
