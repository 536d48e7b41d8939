/* weir/session.h: sessions, instances, their identity and lifetimes, and the loading of relationships.
 *
 * A session has one instance per entity and primary key (the identity map), one connection per transaction, and belongs to one
 * thread or task at a time, with all its instances, also those that outlive it. Instances are plain structs made by weir: reading
 * a member never runs SQL; writing one is seen when the program says so (WEIR_SET, weir_changed), and a relationship's pointers are
 * changed by weir_link, weir_collection_add and weir_collection_remove. A flush writes what is new, changed and deleted; a commit,
 * weir_session_begin_nested and, with autoflush, each query flush first. docs/how-to/unit-of-work.md shows it.
 *
 * Who holds an instance: each open partition (batch) that delivered it or reaches it through loaded relationships, each
 * weir_retain, and the session while it is new, changed or deleted. With its last holder it leaves the identity map and its
 * memory goes, so a stream is flat without any expunge. A partition ends when the next row or partition beyond it is asked for,
 * or when the result is closed. The instances of a buffered result are held by the session until they are expunged or it is
 * closed, and by the result until it is closed. With WEIR_DEBUG=lifetimes in the environment when a session is opened, an
 * instance of a stream that weir_result_next_instance delivered and that nobody else holds ends at the next one, and its memory
 * is overwritten. With WEIR_DEBUG=changes each column that the program wrote without WEIR_SET or weir_changed gives a warning (in the
 * log, one for an instance and member) that names entity, key and member, when the change gets lost: at a flush or commit, and when
 * the instance is dropped, expires, is refreshed or leaves the session. A text or other pointer that was set counts as written,
 * whatever it points to. WEIR_DEBUG=lifetimes,changes asks for both.
 *
 * Errors: each call below says its own; besides, a session that could not be opened gives the error of that, a closed one
 * WEIR_RESOURCE_CLOSED, and whatever needs the database can fail as weir_engine_connect and weir_connection_execute do. The last
 * error stays in the session (weir_session_error) until another one takes its place. */
#ifndef WEIR_SESSION_H
#define WEIR_SESSION_H
#include <weir/bulk.h>
#include <weir/engine.h>
#include <weir/select.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_session weir_session;
typedef struct weir_session_factory weir_session_factory;

typedef struct weir_session_options {
    size_t      struct_size;
    weir_switch autoflush;              /* default on: queries flush first, unless the statement says weir_autoflush(…, WEIR_OFF) */
    weir_switch expire_on_commit;       /* default on; a commit that fails expires in any case */
    weir_switch autobegin;              /* default on; off: WEIR_INVALID_REQUEST until weir_session_begin */
    weir_switch autocommit;             /* no transaction unless begun (article; SQLAlchemy refuses it): streams then need a begin */
    const weir_execution_options *execution_options;    /* of its connection; isolation_level among them */
} weir_session_options;
#define WEIR_SESSION_OPTIONS(...) (&(const weir_session_options){ .struct_size = sizeof(weir_session_options), __VA_ARGS__ })

/* The caller's, never NULL. Checks no connection out until the first statement. It has its own hold on the engine's pool: the
 * engine may be closed before it. Options are copied. Errors (kept): those of the engine handle; WEIR_ARGUMENT for options that
 * were not made by WEIR_SESSION_OPTIONS, or for what weir_engine_with_options refuses. */
#define weir_session_open(engine) weir_session_open_at_((engine), NULL, WEIR_HERE_)
#define weir_session_open_with(engine, options) weir_session_open_at_((engine), (options), WEIR_HERE_)
/* `where`: a constant, the holder's name in the errors of an exhausted pool and in the log. */
WEIR_API weir_session *weir_session_open_at_(weir_engine *engine, const weir_session_options *options, const char *where);
/* sessionmaker: options once (copied), sessions many times, by any thread. The engine must outlive the factory. NULL without
 * memory, which weir_session_factory_open takes, too; wrong options are the error of each session. weir_session_factory_free sets
 * *factory to NULL; sessions live on. */
WEIR_API weir_session_factory *weir_session_factory_new(weir_engine *engine, const weir_session_options *options);
#define weir_session_factory_open(factory) weir_session_factory_open_at_((factory), WEIR_HERE_)
WEIR_API weir_session *weir_session_factory_open_at_(const weir_session_factory *factory, const char *where);
WEIR_API void weir_session_factory_free(weir_session_factory **factory);
/* Closes streams (reading on is WEIR_RESOURCE_CLOSED; buffered results can be read on, their instances detached), rolls back, detaches all instances (those somebody retains stay
 * readable; changes are dropped), returns the connection (on a loop's thread outside a task, a task of the loop rolls back and
 * returns it). The first error that was not reported otherwise: that of an open that
 * failed, of giving the connection back, WEIR_OUT_OF_MEMORY in weir_changed. Sets *session to a constant closed one; closing
 * that, or NULL, is WEIR_OK. */
WEIR_API WEIR_MUST_CHECK int weir_session_close(weir_session **session);
/* As weir_connection_deadline, for all calls on the session and what its loads need, waiting for a connection included. -1 takes it
 * back. */
WEIR_API int weir_session_deadline(weir_session *session, int64_t milliseconds);
/* "postgresql" or "sqlite", a constant; "" for a session that is closed or could not be opened. */
WEIR_API const char *weir_session_dialect(const weir_session *session);
/* The last error of a call on the session or of making one of its results; status WEIR_OK if there was none. Never NULL; valid as
 * long as the session. Errors of reading a result are the result's (weir_result_error). */
WEIR_API const weir_error *weir_session_error(const weir_session *session);

/* ---- transactions (semantics 7.1) --------------------------------------------------------------------------------------- */
/* Says that a transaction begins; the BEGIN goes with the first statement. Needed with autobegin off, and for streams with
 * autocommit. WEIR_INVALID_REQUEST "A transaction is already begun on this Session." */
WEIR_API int weir_session_begin(weir_session *session);
/* Ends the transaction and its streams (reading on is WEIR_RESOURCE_CLOSED), gives the connection back. Commit flushes first and
 * expires all instances (expire_on_commit); when its flush fails, see weir_session_flush. Rollback forgets what was not written, and
 * undoes the rest in the instances, too: pending and inserted ones become transient again (held by the session, to be added once
 * more, expunged, or freed with it), deleted ones are back, all others are expired and lose their changes. Without a transaction:
 * nothing. An error of the COMMIT itself: all is rolled back. */
WEIR_API int weir_session_commit(weir_session *session);
WEIR_API int weir_session_rollback(weir_session *session);
/* SAVEPOINT: a number > 0, or a negative status; as the connection's (weir_connection_savepoint). Beginning and releasing flush
 * first. Rolling back undoes in the instances what was done inside, as weir_session_rollback does for all. WEIR_INVALID_REQUEST for a number that
 * is no open savepoint's; WEIR_PENDING_ROLLBACK when the connection was lost, and the whole transaction with it. */
WEIR_API int weir_session_begin_nested(weir_session *session);
WEIR_API int weir_session_release_nested(weir_session *session, int nested);
WEIR_API int weir_session_rollback_nested(weir_session *session, int nested);
/* Begun by weir_session_begin, or by a statement. */
WEIR_API bool weir_session_in_transaction(const weir_session *session);
/* The session's connection, checked out if need be: for statements beside it in the same transaction. Borrowed until the
 * transaction ends; never close it. Instances do not notice what such statements write: refresh them. When there is none
 * (weir_session_error says why; WEIR_INVALID_REQUEST with autobegin off and nothing begun): the constant closed one. */
WEIR_API weir_connection *weir_session_connection(weir_session *session);

/* ---- executing ----------------------------------------------------------------------------------------------------------- */
/* Rows, which may mix entities (weir_row_entity, WEIR_ROW), columns and aggregates, of any statement, textual ones too; options
 * of this call go over the statement's and the session's. The result is the caller's, never NULL, and closed before the session
 * is or with it. Guards before any SQL: WEIR_INVALID_REQUEST for yield_per with joinedload of a collection ("Can't use yield_per
 * with joined eager loading."), for an entity with GROUP BY or DISTINCT ON that lack its key and yield_per, for streaming under
 * AUTOCOMMIT without begin, with autobegin off and nothing begun; WEIR_MAPPING and its like; the kept mistakes of the statement.
 * At the first read: WEIR_INVALID_REQUEST for weir_result_unique with yield_per or a stream, and for a joined collection without
 * weir_result_unique. With a batch: WEIR_DATA for a value that its member cannot hold, with column and row; the errors of
 * loads. */
WEIR_API weir_result *weir_session_execute(weir_session *session, const weir_stmt *stmt);
WEIR_API weir_result *weir_session_execute_with(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options);
/* The same with the first column of each row alone: instances for a select of an entity (WEIR_NEXT, partition->instances). */
WEIR_API weir_result *weir_session_scalars(weir_session *session, const weir_stmt *stmt);
WEIR_API weir_result *weir_session_scalars_with(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options);

/* The next instance of a scalars result, borrowed as the head of this file says; NULL at the end or on an error, which the result
 * keeps: WEIR_INVALID_REQUEST when `expected` is not the entity that it delivers, and for a row without one, as outer joins make
 * them (read rows there). */
WEIR_API void *weir_result_next_instance(weir_result *result, const weir_entity *expected);
/* The entity in a row's column of that name (the entity's or alias's name) or, with name NULL, its first column of that entity;
 * NULL when all of its key is NULL (an outer join). WEIR_NO_SUCH_COLUMN (NULL, kept by the result): the row has no such column,
 * or was retained: weir_row_retain keeps values, weir_retain instances. */
WEIR_API void *weir_row_entity(const weir_row *row, const weir_entity *entity, const char *name);
#ifndef __cplusplus
#define WEIR_NEXT(E, result) ((struct E *)weir_result_next_instance((result), &E##_entity))
#define WEIR_ROW(E, row) ((struct E *)weir_row_entity((row), &E##_entity, NULL))
#define WEIR_ROW_AS(E, row, name) ((struct E *)weir_row_entity((row), &E##_entity, (name)))
#endif

/* How many statements the session has sent since it was opened, those of its loaders, of gets and reloads included; BEGIN, COMMIT
 * and what runs on weir_session_connection are not. N+1 shows in the difference of two calls. */
WEIR_API int64_t weir_session_statements(const weir_session *session);

/* ---- instances -------------------------------------------------------------------------------------------------------------- */
/* By primary key: the one in the session without SQL (refreshed if expired; NULL and no longer a member if its row is gone), else
 * a SELECT; NULL for none, and on an error. Keys in the order of the entity's key members. The instance is held by the session
 * until expunged; what its mapping loads eagerly comes with it. WEIR_ARGUMENT: another number of keys than the entity has. */
WEIR_API void *weir_session_get_(weir_session *session, const weir_entity *entity, const weir_value *keys, size_t count);
#ifndef __cplusplus
#define WEIR_GET(E, session, ...) ((struct E *)weir_session_get_((session), &E##_entity, \
    (const weir_value[]){ WEIR_MAP_V_(__VA_ARGS__) }, sizeof((const weir_value[]){ WEIR_MAP_V_(__VA_ARGS__) }) / sizeof(weir_value)))
#define WEIR_MAP_V_(...) WEIR_MAP_V_PICK_(__VA_ARGS__, 4, 3, 2, 1, 0)(__VA_ARGS__)
#define WEIR_MAP_V_PICK_(a1, a2, a3, a4, n, ...) WEIR_MAP_V_##n##_
#define WEIR_MAP_V_1_(a) WEIR_VALUE(a)
#define WEIR_MAP_V_2_(a, b) WEIR_VALUE(a), WEIR_VALUE(b)
#define WEIR_MAP_V_3_(a, b, c) WEIR_VALUE(a), WEIR_VALUE(b), WEIR_VALUE(c)
#define WEIR_MAP_V_4_(a, b, c, d) WEIR_VALUE(a), WEIR_VALUE(b), WEIR_VALUE(c), WEIR_VALUE(d)
#endif
/* Reloads now, overwriting pending changes, with the relationships that the mapping loads eagerly; the others are as after
 * weir_session_expire. WEIR_INVALID_REQUEST: not persistent in this session; "Could not refresh instance '<order 7>'" when its
 * row is gone. */
WEIR_API int weir_session_refresh(weir_session *session, void *instance);
/* Marks as expired: it keeps its last values, and every pointer in it stays valid, until it is reloaded (by weir_load,
 * weir_session_refresh, WEIR_GET or a SELECT that meets its row); its relationships count as not loaded. Pending changes are
 * forgotten. WEIR_INVALID_REQUEST: not persistent in this session. */
WEIR_API int weir_session_expire(weir_session *session, void *instance);
WEIR_API void weir_session_expire_all(weir_session *session);
/* Ends membership: the instance is detached and stays readable as long as somebody holds it; its changes are forgotten, and the
 * next row of its key makes a new instance. WEIR_INVALID_REQUEST "Instance <order 7> is not present in this Session". */
WEIR_API int weir_session_expunge(weir_session *session, void *instance);
/* Of all: allowed between the batches of open streams, any number of times; what they delivered lasts until its batch ends. */
WEIR_API void weir_session_expunge_all(weir_session *session);
WEIR_API size_t weir_session_count(const weir_session *session);           /* of instances in the identity map */
WEIR_API size_t weir_session_dirty_count(const weir_session *session);     /* of changed ones among them */

typedef enum weir_state { WEIR_TRANSIENT = 1, WEIR_PENDING, WEIR_PERSISTENT, WEIR_DELETED, WEIR_DETACHED } weir_state;
/* The bits that go with a state. */
enum { WEIR_STATE_EXPIRED = 0x10, WEIR_STATE_MODIFIED = 0x20 };
/* State, with its bits or'ed in: weir_state_of(x) & 0xf is a weir_state. 0: NULL, or a struct that weir did not make, as far as
 * the bytes in front of it tell: do not ask for structs of your own. Deleted: its row was deleted in this transaction. */
WEIR_API int weir_state_of(const void *instance);

/* WEIR_SET(invoice, total_cents, 500): writes a member and says so; the next flush updates the columns that were set. A key member
 * may be set, too: the row is found by its old key. weir_changed alone, after members were written by hand: it does not know which,
 * so all columns but the key are written (after a WEIR_SET: those that differ from then). The session holds the instance until it is
 * flushed, expired or expunged, and a SELECT that meets its row leaves it alone. Texts and blobs that were written are copied: they
 * need to live until here. No memory for that: the flush, or the close of the session, says WEIR_OUT_OF_MEMORY. Of a pending instance all members
 * are written as they are at the flush; texts that were set by hand after weir_session_add must live until then. */
WEIR_API void weir_changed(void *instance);
WEIR_API void weir_changing_(void *instance, size_t offset);
#define WEIR_SET(instance, member, v) \
    (weir_changing_((instance), offsetof(__typeof__(*(instance)), member)), (instance)->member = (v), weir_changed(instance))
/* One more holder; returns the same pointer. Its values move into a block of its own, so it does not keep its batch alive: value
 * pointers read from it before end with the batch. NULL without memory, and for NULL. Outlives session and engine. Its
 * relationships' targets that are loaded are held with it. */
WEIR_API void *weir_retain(void *instance);
/* Takes one weir_retain back, also when session and engine are closed. NULL, and one nobody retained, is fine. */
WEIR_API void weir_release(void *instance);

/* What an attribute access is in SQLAlchemy: makes sure that a relationship is loaded, after the instance if that is expired; of
 * a column member the instance alone. Nothing happens when it is loaded; else one SELECT (a many-to-one whose target is in the
 * session by none), and those of what the mapping loads eagerly behind it. WEIR_INVALID_REQUEST: "'order.lines' is not available
 * due to lazy='raise'", or no instance; WEIR_DETACHED_INSTANCE: it has left its session; WEIR_OBJECT_DELETED: it was expired and
 * its row is gone; errors of the SELECT. The session keeps them, too. Pointers of the relationship live as long as the
 * instance. */
WEIR_API int weir_load_(void *instance, size_t offset);
#define weir_load(instance, member) weir_load_((instance), offsetof(__typeof__(*(instance)), member))
/* Whether a relationship is loaded: also "loaded and empty", "loaded and none". Of a column member: whether the instance is not
 * expired. */
WEIR_API bool weir_loaded_(const void *instance, size_t offset);
#define weir_loaded(instance, member) weir_loaded_((instance), offsetof(__typeof__(*(instance)), member))


/* ---- writing ------------------------------------------------------------------------------------------------------------------ */
/* A new instance: zeroed, transient, its relationships loaded and empty. The session holds it until it is expunged or the session
 * closed, also after it was written, so that its pointer stays good (programs that insert many expunge them, or insert plain structs
 * by weir/bulk.h). NULL on an error (WEIR_MAPPING and its like, WEIR_OUT_OF_MEMORY): weir_session_error. */
WEIR_API void *weir_new(weir_session *session, const weir_entity *entity);
#ifndef __cplusplus
#define WEIR_NEW(E, session) ((struct E *)weir_new((session), &E##_entity))
#endif
/* Adds a transient instance: it is pending, and the next flush inserts it. With it come those that its relationships lead to
 * (WEIR_CASCADE_SAVE_UPDATE), now and when they are linked later. A detached one of this session becomes persistent again; of a
 * persistent one nothing changes, but that weir_session_delete is taken back. Errors: WEIR_INVALID_REQUEST "… is already attached to
 * session …" for a member of another session, "Can't attach instance <order 7>; another instance with key … is already present in
 * this session.", for a deleted one; WEIR_UNMAPPED for a struct that weir did not make (see WEIR_MERGE); WEIR_PENDING_ROLLBACK. */
WEIR_API int weir_session_add(weir_session *session, void *instance);
WEIR_API int weir_session_add_all(weir_session *session, void *const *instances, size_t count);     /* stops at the first error */
/* The next flush deletes its row; those of relationships with WEIR_CASCADE_DELETE are loaded now and go with it. At the flush, rows of
 * other relationships to many lose their foreign key, and its rows of association tables go. WEIR_INVALID_REQUEST "Instance '<order
 * 7>' is not persisted". */
WEIR_API int weir_session_delete(weir_session *session, void *instance);
/* Pending, or persistent in this session. */
WEIR_API bool weir_session_has(const weir_session *session, const void *instance);
/* Whether a flush would find something to write of it. */
WEIR_API bool weir_session_is_modified(const weir_session *session, const void *instance);
WEIR_API size_t weir_session_new_count(const weir_session *session);        /* pending ones */
WEIR_API size_t weir_session_deleted_count(const weir_session *session);    /* those that the next flush deletes */

/* Relationships between instances of one session. weir_link(line, order, order): a relationship to one; NULL unlinks. Foreign keys are
 * set at the flush, when the key of a new target is known; until then they keep their value. The relationship of the other side over
 * the same columns is kept in step where it is loaded. weir_collection_add(order, lines, line), of one-to-many and many-to-many: the
 * collection is changed if it is loaded, and a moved child leaves its old one. Pointers that are written by hand are not seen.
 * What is in a loaded collection already is not added again. What a relationship with WEIR_CASCADE_DELETE_ORPHAN lost is deleted by the
 * next flush, unless another parent has taken it by then; taking out what another parent has taken already changes nothing.
 * Errors: WEIR_ARGUMENT for a member that is no such relationship or an instance of another entity; WEIR_INVALID_REQUEST for one of
 * another session, or none, and for taking out what is not there; WEIR_DETACHED_INSTANCE. */
WEIR_API int weir_link_(void *instance, size_t offset, void *target);
WEIR_API int weir_collection_add_(void *instance, size_t offset, void *item);
WEIR_API int weir_collection_remove_(void *instance, size_t offset, void *item);
#define weir_link(instance, member, target) weir_link_((instance), offsetof(__typeof__(*(instance)), member), (target))
#define weir_collection_add(instance, member, item) weir_collection_add_((instance), offsetof(__typeof__(*(instance)), member), (item))
#define weir_collection_remove(instance, member, item) weir_collection_remove_((instance), offsetof(__typeof__(*(instance)), member), (item))

/* Writes what waits: parents before their children, deletions the other way round; of an instance that was changed the changed columns
 * alone. Server-generated members that are zero, absent or NULL are left to the database and read back. A member with .version starts
 * at 1, is raised by each UPDATE and demanded by each UPDATE and DELETE; of an expired instance it is read first, by a SELECT for each.
 * Rows that refer to each other in a cycle are inserted with NULL and updated afterwards, and set to NULL before they are deleted, where
 * a foreign key can be NULL; else WEIR_FLUSH names the cycle. A new instance with the key of one that is deleted by the same flush takes
 * its row (as SQLAlchemy's row switch): one UPDATE of all but the key; what is left to the database stays as it is and is read back; its
 * version goes on. Nothing waits: WEIR_OK, and no transaction begins.
 * WEIR_STALE_DATA: "UPDATE statement on table 'orders' expected to update 1 row(s); 0 were matched."; WEIR_FLUSH: a child that would
 * lose its parent has no NULL; WEIR_INTEGRITY and other errors of the database. After an error everything of the transaction (inside a
 * savepoint: of that) is rolled back, and the session does nothing but WEIR_PENDING_ROLLBACK "This Session's transaction has been
 * rolled back due to a previous exception during flush. …" until weir_session_rollback (weir_session_rollback_nested). */
WEIR_API int weir_session_flush(weir_session *session);

/* Copies a row's worth of values into the session: the member with its key (by a SELECT if need be, after an autoflush), or a new one,
 * added, when there is none or its key is left to the database; returns that. Columns that differ are changed, as by WEIR_SET;
 * relationships stay as they are. WEIR_MERGE takes a plain struct, weir_session_merge an instance, of another session or detached (an
 * expired one gives its key alone). NULL on an error: WEIR_STALE_DATA when it has another version than the row (0: none), WEIR_UNMAPPED,
 * those of a get and of weir_session_add. */
WEIR_API void *weir_session_merge(weir_session *session, const void *instance);
WEIR_API void *weir_session_merge_struct(weir_session *session, const weir_entity *entity, const void *values);
#ifndef __cplusplus
#define WEIR_MERGE(E, session, pointer) \
    ((struct E *)weir_session_merge_struct((session), &E##_entity, _Generic((pointer), struct E *: (pointer), const struct E *: (pointer))))
#endif

/* weir_connection_execute_many and weir_connection_execute_dicts (weir/bulk.h) in the session's transaction, after an autoflush; an
 * update or delete by primary key also brings the session's instances in step (weir_synchronize: by the keys of the sets, unless
 * WEIR_SYNC_NONE). WEIR_INVALID_REQUEST for one with criteria of its own that is not WEIR_SYNC_NONE ("bulk synchronize of persistent
 * objects not supported when using bulk update with additional WHERE criteria right now. …"). An UPDATE or DELETE built by weir_update or
 * weir_delete is executed with weir_session_execute. */
WEIR_API WEIR_MUST_CHECK int64_t weir_session_execute_many(weir_session *session, const weir_stmt *stmt, const void *structs, size_t count,
                                                           const weir_many_options *options);
WEIR_API WEIR_MUST_CHECK int64_t weir_session_execute_dicts(weir_session *session, const weir_stmt *stmt, const weir_dict *dicts, size_t count,
                                                            const weir_many_options *options);

/* ---- a transaction as a function ------------------------------------------------------------------------------------------------- */
typedef struct weir_run_options {
    size_t struct_size;
    int    attempts;                    /* at most so many; default 5; 1: never again */
    int    delay_ms;                    /* before the second attempt, doubled for each later one, less a random part of up to a half; default 20 */
    int    max_delay_ms;                /* default 1000 */
    int   *attempts_made;               /* set, if it is not NULL; 0 when not even the first was begun */
} weir_run_options;
#define WEIR_RUN_OPTIONS(...) (&(const weir_run_options){ .struct_size = sizeof(weir_run_options), __VA_ARGS__ })
/* SQLAlchemy's `with session.begin()`, with retries: begins a transaction, calls function(session, context), and commits when it returned
 * WEIR_OK; else rolls back and returns what it returned. Where the attempt failed because of others (SQLSTATE 40001 or 40P01; SQLite: busy
 * or locked), at the COMMIT too, it is rolled back, waited for a while (in a task the loop turns; not beyond weir_session_deadline) and made again from the start: the
 * function must set its own state anew each time. Instances that an attempt made, and did not add or lost in the rollback, are expunged
 * before the next one. Inside, weir_session_commit and weir_session_rollback end the block; whatever follows in it is
 * WEIR_INVALID_REQUEST "Can't operate on closed transaction inside context manager. …". options may be NULL.
 * WEIR_INVALID_REQUEST: "A transaction is already begun on this Session.", also for a run inside a run; WEIR_ARGUMENT: options. */
WEIR_API WEIR_MUST_CHECK int weir_session_run(weir_session *session, int (*function)(weir_session *session, void *context), void *context,
                                              const weir_run_options *options);

#ifdef __cplusplus
}
#endif
#endif
