/* The unit of work inside: what a session knows of new, changed and deleted instances until they are written.
 *
 * All of it lies in a side block of the instance, which few instances have: expired, new, changed, deleted and linked ones, and those
 * that were inserted in the transaction that runs. */
#ifndef WEIR_ORM_UNIT_H
#define WEIR_ORM_UNIT_H
#include "orm/orm.h"

/* A relationship that the program changed (links.c): what it means is written by the next flush. */
typedef enum weir_link_kind {
    WEIR_LINK_PARENT = 1,               /* `other`'s key goes into this one's foreign key; by this one's own relationship */
    WEIR_LINK_PARENT_OF,                /* the same, by the relationship of `other` (its collection) */
    WEIR_LINK_ADD, WEIR_LINK_REMOVE     /* a row of the association table */
} weir_link_kind;
typedef struct weir_link_record {
    struct weir_link_record *next;
    const weir_mapped_relationship *relationship;
    weir_instance *other;               /* held; NULL: no parent */
    weir_link_kind kind;
    bool           deferred;            /* in a cycle: written by an UPDATE of its own after the inserts */
    bool           orphans;             /* no parent, and what it was taken out of says delete-orphan */
} weir_link_record;

typedef struct weir_old_key weir_old_key;
typedef struct weir_side {
    size_t            place;            /* in the session's list, + 1; 0: not in it */
    uint64_t          order;            /* in which it came there */
    weir_link_record *links;
    weir_old_key     *old_key;          /* as the database knows it, once a key member was changed */
    weir_old_key     *past_keys;        /* that this transaction wrote others over, the newest first: one for each savepoint */
    int               inserted_in, deleted_in;  /* the savepoint (0: none) of this transaction in which that was written; -1: it was not */
    uint32_t          node;             /* of the flush that runs, + 1 */
    bool              deleting;         /* by the next flush */
    bool              displaced;        /* another one has its key already, and its own new one is still to be written: not in the map */
    bool              known;            /* `columns` and the struct behind it say what was changed */
    bool              key_lost;         /* its key was changed and nobody knows what it was */
    size_t            flags;            /* bytes of them */
    _Alignas(max_align_t) unsigned char columns[];      /* what is known of each, bits; then the struct as it was */
} weir_side;
enum { WEIR_COLUMN_CHANGED = 1, WEIR_COLUMN_GENERATED = 2 };    /* generated: by the database, in this transaction */
static inline weir_side *weir_side_of(const weir_instance *i) { return i->flags & WEIR_INSTANCE_SIDED ? weir_rest_of(i)->side : NULL; }

/* ---- changes.c ---- */
/* Made if need be; NULL: no memory. */
weir_side *weir_side_need(weir_instance *instance);
/* Frees it if it says nothing any more. */
void weir_side_tidy(weir_instance *instance);
void weir_side_free(weir_instance *instance);
static inline void *weir_side_struct(weir_side *side) { return (char *)side->columns + side->flags; }
/* All columns are as they are in the struct now. */
void weir_side_know(weir_instance *instance, weir_side *side);
/* The key as the database knows it: a struct whose key members hold it. */
const void *weir_instance_old_key(const weir_instance *instance);
/* Writes a value into a member as WEIR_SET does; WEIR_DATA with a reason. Texts are copied. */
int weir_member_change(weir_instance *instance, const weir_member *member, const weir_value *value, char *reason);
void weir_old_key_drop(weir_side *side);
void weir_old_key_restore(weir_instance *instance);
/* The changed key is written: what it was is kept for a rollback. */
void weir_old_key_written(weir_instance *instance, int savepoint);
void weir_past_keys_drop(weir_side *side);
/* The key is again what it was before the savepoint (0: the transaction); the identity map, too. */
void weir_past_key_restore(weir_instance *instance, int since);
bool weir_past_key_is_since(const weir_side *side, int since);

/* ---- unit_of_work.c: the session's list of what waits to be written ---- */
/* WEIR_OK or WEIR_OUT_OF_MEMORY. */
int weir_unit_list(weir_session *session, weir_instance *instance);
void weir_unit_unlist(weir_instance *instance);
/* Its changes are forgotten; pending and deleting ones stay what they are. */
void weir_unit_forget(weir_instance *instance);
/* It is no member any more. */
void weir_unit_leave(weir_instance *instance);
static inline bool weir_is_deleting(const weir_instance *i) { return i->flags & WEIR_INSTANCE_SIDED && weir_side_of(i)->deleting; }
/* Pending, persistent or about to be deleted in this session; NULL: it is none of those. */
weir_instance *weir_unit_member(const weir_session *session, const void *object);
/* One step of weir_session_add, weir_session_delete, of merge and of cascades. */
int weir_unit_add(weir_session *session, weir_instance *instance, weir_error *error);
int weir_unit_delete(weir_session *session, weir_instance *instance, weir_error *error);
/* A pending one is transient again. */
void weir_unit_expunge_pending(weir_instance *instance);
/* Its changes are written; what it was changed in stays noted. */
void weir_unit_written(weir_instance *instance);
/* WEIR_OK, or why nothing can be added, written or read now: closed, waiting for a rollback, behind the end of a begin block. */
int weir_session_active(const weir_session *session, weir_error *error);
/* The transaction begins, as far as the program can tell. WEIR_INVALID_REQUEST with autobegin off. */
int weir_session_autobegin(weir_session *session, weir_error *error);
/* What was done since the savepoint (0: all) is undone in the instances: pending and inserted ones become transient, deleted ones
 * persistent again, changed ones expire. */
void weir_unit_undo(weir_session *session, int since);
/* The transaction was committed. */
void weir_unit_commit(weir_session *session);

/* The member of that key (in the order of the mapper's keys), by a SELECT if need be; NULL: there is none, or *error. */
weir_instance *weir_session_find(weir_session *session, weir_mapper *mapper, const weir_value *keys, weir_error *error);

/* ---- links.c ---- */
/* Whether the foreign key of the relationship lies on the target's side. */
static inline bool weir_key_is_remote(const weir_mapped_relationship *r)
{
    return !r->pairs.through_association && (r->pairs.to_many || (r->pairs.local_is_key && !r->pairs.remote_is_key));
}
/* The members of a WEIR_LINK_PARENT…: of this one, and of `other`. */
static inline const weir_member **weir_link_members(const weir_link_record *l)
{
    return l->kind == WEIR_LINK_PARENT ? l->relationship->pairs.local : l->relationship->pairs.remote;
}
static inline const weir_member **weir_link_parent_members(const weir_link_record *l)
{
    return l->kind == WEIR_LINK_PARENT ? l->relationship->pairs.remote : l->relationship->pairs.local;
}
int weir_link_note(weir_instance *instance, weir_link_kind kind, const weir_mapped_relationship *relationship, weir_instance *other);
void weir_link_drop(weir_link_record *record);
void weir_links_drop(weir_side *side);
/* The record for the foreign key of these members; NULL: none. */
weir_link_record *weir_link_find(const weir_instance *instance, const weir_member *const *members, size_t count);
/* Its last word is that it was taken out of a relationship with delete-orphan: the next flush deletes it. */
bool weir_link_is_orphan(const weir_instance *instance);
/* Whether nothing can be written of a link, which gives a warning. */
int weir_link_is_idle(const weir_instance *instance, const weir_link_record *record, bool *idle, weir_error *error);
/* The parent that the values of a foreign key name, if it is in the session and they name its primary key; `keys`: what they refer to. */
weir_instance *weir_link_known_parent(weir_mapper *mapper, const weir_instance *child, const weir_member *const *members,
                                      const weir_member *const *keys, size_t count);
/* The child came or went without a word of the program: collections that it belongs to are not loaded any more. */
void weir_links_forget(const weir_instance *child);
/* Copies the parents' keys into the foreign keys: of all but deferred links, or of those alone. */
int weir_links_sync(weir_instance *instance, bool deferred, weir_error *error);

/* ---- instance.c ---- */
/* As weir_instance_settle, with room in that collection for about twice what it has. */
int weir_instance_settle_growing(weir_instance *instance, const weir_mapped_relationship *relationship);
/* Puts it behind a loaded collection that has room; false: it has none. */
bool weir_collection_append(weir_instance *instance, const weir_mapped_relationship *relationship, weir_instance *item);

/* ---- cascade.c ---- */
int weir_cascade_add(weir_session *session, weir_instance *instance, weir_error *error);
/* It was put into a relationship of a member: it comes too, with what it reaches. */
int weir_cascade_add_item(weir_session *session, weir_instance *item, weir_error *error);
int weir_cascade_delete(weir_session *session, weir_instance *instance, weir_error *error);
/* It has lost the parent whose relationship says delete-orphan: at once for a pending one, else at the flush, until when another
 * parent may take it. */
int weir_cascade_orphan(weir_session *session, weir_instance *child, weir_error *error);
/* At the flush: a child that was linked to one that is being deleted, in whose collection, not loaded then, it is not, goes with it or loses
 * it, as those in a loaded one do. */
int weir_cascade_with_parent(weir_session *session, weir_instance *child, bool *goes, weir_error *error);
/* At the flush: what the deletions mean for rows that stay. */
int weir_cascade_nullify(weir_session *session, weir_instance *instance, weir_error *error);
/* Whether the values of the child's foreign key are those of the parent's key. */
bool weir_cascade_refers_to(const weir_instance *child, const weir_mapped_relationship *relationship, const weir_instance *parent);
void weir_cascade_expunge(weir_session *session, weir_instance *instance);
unsigned weir_cascade_of(const weir_member *member);
/* An expired instance is reloaded, a relationship that is not loaded is loaded, lazy='raise' or not. */
int weir_instance_load(weir_instance *instance, weir_mapped_relationship *relationship, weir_error *error);
/* What a many-to-one leads to by its foreign key's values, if the session has that. */
weir_instance *weir_known_target(weir_mapped_relationship *relationship, const weir_instance *child);

/* ---- flush.c, flush_order.c, flush_rows.c ---- */
typedef enum weir_job_kind {
    WEIR_JOB_UPDATE = 1, WEIR_JOB_INSERT, WEIR_JOB_DELETE,
    WEIR_JOB_REPLACE                    /* a new instance takes the row of one that is being deleted: an UPDATE of all but the key */
} weir_job_kind;
typedef struct weir_job {
    weir_instance *instance, *replaced;
    weir_job_kind  kind;
    uint32_t       rank, level;         /* of its entity; among rows that need each other */
    bool           loosened;            /* a foreign key of a cycle of deletions became NULL: to be written before them */
} weir_job;
/* Sorts: what others need comes first; deletions the other way round. Links that cannot be are deferred, foreign keys of deletions in a
 * cycle become NULL. WEIR_FLUSH names a cycle that has no such key. */
int weir_flush_order(weir_session *session, weir_job *jobs, size_t count, bool deletions, weir_error *error);
/* The one that is being deleted and whose row has the key of this new one, known by now; NULL: none. */
weir_instance *weir_flush_replaced(const weir_instance *instance);
/* Writes jobs of one kind and entity. */
int weir_flush_rows(weir_session *session, const weir_job *jobs, size_t count, weir_error *error);
/* Updates or deletes by key, of structs with the same columns (a flag for each of the mapper's; updates only) that lie anywhere. `matched`: rows. */
int weir_flush_pages(weir_session *session, weir_mapper *mapper, weir_job_kind kind, const unsigned char *columns, const void *const *structs,
                     size_t count, int64_t *matched, weir_error *error);
/* Of an expired one: the version may be that of a write that was rolled back; then the row's, which is lower, takes its place. */
int weir_flush_read_version(weir_instance *instance, weir_error *error);
/* Rows of association tables. */
int weir_flush_association(weir_session *session, weir_instance *instance, const weir_link_record *record, weir_error *error);
int weir_flush_association_clear(weir_session *session, weir_instance *instance, const weir_mapped_relationship *relationship,
                                 weir_error *error);
#endif
