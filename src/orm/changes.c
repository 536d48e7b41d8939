/* Changes: which members of an instance the program wrote, and what its key was before. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

/* ---- side blocks ---------------------------------------------------------------------------------------------------------------- */

static size_t rounded(size_t size) { return (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t); }

weir_side *weir_side_need(weir_instance *instance)
{
    if (weir_side_of(instance))
        return weir_side_of(instance);
    const weir_mapper *mapper = weir_mapper_of(instance);
    size_t flags = rounded(mapper->column_count);
    weir_side *side = weir_alloc(&mapper->store->ledger, WEIR_MEMORY_BATCH, sizeof *side + flags + mapper->entity->size);
    if (side) {
        *side = (weir_side){ .flags = flags, .inserted_in = -1, .deleted_in = -1 };
        memset(side->columns, 0, flags);
    }
    weir_rest_of(instance)->side = side;
    instance->flags |= WEIR_INSTANCE_SIDED;
    return side;
}

void weir_side_know(weir_instance *instance, weir_side *side)
{
    for (size_t i = 0; i < weir_mapper_of(instance)->column_count; i++)
        side->columns[i] &= (unsigned char)~WEIR_COLUMN_CHANGED;
    memcpy(weir_side_struct(side), instance + 1, weir_mapper_of(instance)->entity->size);
    side->known = true;
}

void weir_side_free(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    if (!side)
        return;
    instance->flags &= ~(uint32_t)WEIR_INSTANCE_SIDED;
    weir_links_drop(side);
    weir_old_key_drop(side);
    weir_past_keys_drop(side);
    weir_free(side);
}

void weir_side_tidy(weir_instance *instance)
{
    const weir_side *side = weir_side_of(instance);
    if (side && !side->place && !side->links && !side->known && !side->deleting && !side->old_key && !side->past_keys && side->inserted_in < 0 &&
        side->deleted_in < 0)
        weir_side_free(instance);
}

/* ---- keys -------------------------------------------------------------------------------------------------------------------------- */

struct weir_old_key {
    weir_arena    arena;
    weir_old_key *next;
    int           moved_in;             /* the savepoint (0: none) in which another key was written over it */
    _Alignas(max_align_t) char object[];
};

static bool is_key(const weir_mapper *mapper, size_t offset)
{
    for (size_t i = 0; i < mapper->key_count; i++)
        if (mapper->keys[i]->offset == offset)
            return true;
    return false;
}

static weir_old_key *make_old_key(const weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_ledger *ledger = &mapper->store->ledger;
    weir_old_key *old = weir_alloc(ledger, WEIR_MEMORY_BATCH, sizeof *old + mapper->entity->size);
    if (!old)
        return NULL;
    old->next = NULL;
    weir_arena_init(&old->arena, ledger, WEIR_MEMORY_BATCH, 64);
    memcpy(old->object, instance + 1, mapper->entity->size);
    for (size_t i = 0; i < mapper->key_count; i++) {
        char reason[WEIR_REASON_SIZE];
        weir_value value, copy;
        weir_member_value(mapper->keys[i], instance + 1, &value);
        if (weir_value_copy(&old->arena, &value, &copy) != WEIR_OK) {
            weir_arena_free(&old->arena);
            weir_free(old);
            return NULL;
        }
        (void)weir_member_store(mapper->keys[i], old->object, &copy, reason);   /* it came from such a member */
    }
    return old;
}

static void free_key(weir_old_key *key)
{
    if (key)
        weir_arena_free(&key->arena);
    weir_free(key);
}

void weir_old_key_drop(weir_side *side)
{
    free_key(side->old_key);
    side->old_key = NULL;
    side->key_lost = false;
}

void weir_past_keys_drop(weir_side *side)
{
    while (side->past_keys) {
        weir_old_key *next = side->past_keys->next;
        free_key(side->past_keys);
        side->past_keys = next;
    }
}

/* Texts of the key are copied into the instance's values, since the block that holds them goes. False: no memory for that. */
static bool put_back(weir_instance *instance, const weir_old_key *from)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; i < mapper->key_count; i++) {
        const weir_member *key = mapper->keys[i];
        memcpy((char *)(instance + 1) + key->offset, from->object + key->offset, key->size);
    }
    return !mapper->has_pointers || weir_instance_settle(instance) == WEIR_OK;
}

/* The members have the database's key again. */
void weir_old_key_restore(weir_instance *instance)
{
    weir_side *side = weir_side_of(instance);
    if (side->old_key && put_back(instance, side->old_key))
        weir_old_key_drop(side);
}

void weir_old_key_written(weir_instance *instance, int savepoint)
{
    weir_side *side = weir_side_of(instance);
    weir_old_key *old = side->old_key;
    /* A rollback to here takes an insert, or an earlier move, with it. */
    if (side->inserted_in >= savepoint || weir_past_key_is_since(side, savepoint))
        return;
    old->next = side->past_keys;
    old->moved_in = savepoint;
    side->past_keys = old;
    side->old_key = NULL;
}

bool weir_past_key_is_since(const weir_side *side, int since) { return side->past_keys && side->past_keys->moved_in >= since; }

void weir_past_key_restore(weir_instance *instance, int since)
{
    weir_side *side = weir_side_of(instance);
    weir_mapper *mapper = weir_mapper_of(instance);
    weir_old_key *key = NULL;
    while (side->past_keys && side->past_keys->moved_in >= since) {
        free_key(key);
        key = side->past_keys;
        side->past_keys = key->next;
    }
    if (!key)
        return;
    weir_recall_check(instance);
    weir_old_key_drop(side);
    weir_identity_remove(mapper, instance);
    if (!put_back(instance, key)) {             /* kept, since the members point into it */
        key->next = side->past_keys;
        side->past_keys = key;
        key = NULL;
    }
    free_key(key);
    instance->key = weir_identity_key(mapper, instance + 1);
    weir_identity_entry *entry = weir_identity_entry_of(mapper, instance->key, instance + 1);
    if (entry && !entry->instance)
        weir_identity_put(mapper, entry, instance);
    else
        weir_instance_set_state(instance, WEIR_DETACHED);       /* its place is taken, or there is no memory for it */
    weir_recall_note(instance);
}

const void *weir_instance_old_key(const weir_instance *instance)
{
    const weir_side *side = weir_side_of(instance);
    return side && side->old_key ? (const void *)side->old_key->object : (const void *)(instance + 1);
}

/* The program said nothing before it wrote. An integer key is known from the map; of others only whether they changed. */
static void guess_old_key(weir_instance *instance, weir_side *side)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    if (side->old_key || weir_identity_key(mapper, instance + 1) == instance->key)
        return;
    if (mapper->integer_key && (side->old_key = make_old_key(instance))) {
        char reason[WEIR_REASON_SIZE];
        const weir_value was = { .type = WEIR_T_INT64, .as.i = (int64_t)instance->key };
        (void)weir_member_store(mapper->keys[0], side->old_key->object, &was, reason);
        return;
    }
    side->key_lost = true;
}

/* ---- changing ---------------------------------------------------------------------------------------------------------------------- */

static void keep_no_memory(const weir_store *store)
{
    weir_error error;
    weir_error_out_of_memory(&error);
    if (store->session)
        weir_error_keep(&store->session->unreported, &error);
}

void weir_changing_(void *object, size_t offset)
{
    weir_instance *instance = weir_instance_of(object);
    if (!instance || weir_instance_state(instance) != WEIR_PERSISTENT)
        return;                         /* of a new one all members are written */
    weir_side *side = weir_side_need(instance);
    bool key = is_key(weir_mapper_of(instance), offset);
    if (side && !side->known)
        weir_side_know(instance, side);
    if (side && key && !side->old_key)
        side->old_key = make_old_key(instance);
    /* What an expired one has is not what the row has: even the same value is a change. */
    const weir_mapper *mapper = weir_mapper_of(instance);
    for (size_t i = 0; side && !key && instance->flags & WEIR_INSTANCE_EXPIRED && i < mapper->column_count; i++)
        if (mapper->columns[i]->offset == offset)
            side->columns[i] |= WEIR_COLUMN_CHANGED;
    /* Without the side block alone weir_changed takes all members but the key for changed, or has no memory itself. */
    if (key && (!side || !side->old_key))
        keep_no_memory(weir_mapper_of(instance)->store);
}

/* Without weir_changing_ before it nobody knows which members were written: all but the key count. */
static void note_all(weir_instance *instance)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_side *side = weir_side_need(instance);
    if (!side)
        return;
    weir_side_know(instance, side);
    for (size_t i = 0; i < mapper->column_count; i++)
        if (!mapper->columns[i]->primary_key)
            side->columns[i] |= WEIR_COLUMN_CHANGED;
    guess_old_key(instance, side);
}

void weir_instance_changed_in(weir_instance *instance, uint32_t savepoint)
{
    instance->flags &= (1u << WEIR_INSTANCE_CHANGED_IN) - 1;
    instance->flags |= (savepoint < 0xFFFF ? savepoint : 0xFFFF) << WEIR_INSTANCE_CHANGED_IN;
}

void weir_instance_note_savepoint(weir_instance *instance)
{
    const weir_session *session = weir_mapper_of(instance)->store->session;
    uint32_t now = session ? (uint32_t)weir_session_savepoint(session) : 0;
    weir_instance_changed_in(instance, now);
}

static void mark_modified(weir_instance *instance)
{
    weir_store *store = weir_mapper_of(instance)->store;
    weir_session *session = store->session;
    bool persistent = weir_instance_state(instance) == WEIR_PERSISTENT;
    if (!(instance->flags & WEIR_INSTANCE_MODIFIED) && persistent)
        store->dirty++;
    instance->flags |= WEIR_INSTANCE_MODIFIED;
    weir_instance_note_savepoint(instance);
    /* A change begins a transaction, as any use of the session does. */
    if (session && persistent && session->autobegin != WEIR_OFF && session->autocommit != WEIR_ON && !session->broken)
        session->begun = true;
    if (session && persistent && weir_unit_list(session, instance) != WEIR_OK)
        keep_no_memory(store);
}

void weir_changed(void *object)
{
    weir_instance *instance = weir_instance_of(object);
    if (!instance)
        return;
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_side *side = weir_side_of(instance);
    if (weir_instance_state(instance) == WEIR_PERSISTENT) {
        if (!side || !side->known) {
            note_all(instance);
        } else {
            weir_before_note(instance);
            guess_old_key(instance, side);
        }
    }
    /* Values that were just written may point anywhere, and what the batch brought goes with it: both are copied now. */
    if (mapper->has_pointers && weir_instance_settle(instance) != WEIR_OK)
        keep_no_memory(mapper->store);
    mark_modified(instance);
}

int weir_member_change(weir_instance *instance, const weir_member *member, const weir_value *value, char *reason)
{
    weir_value was;
    weir_member_value(member, instance + 1, &was);
    if (weir_value_equal(&was, value) && !(instance->flags & WEIR_INSTANCE_EXPIRED))
        return WEIR_OK;
    weir_changing_(instance + 1, member->offset);
    int status = weir_member_store(member, instance + 1, value, reason);
    if (status == WEIR_OK)
        weir_changed(instance + 1);
    return status;
}
