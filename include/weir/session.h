/* weir/session.h: sessions, instances, their identity and lifetimes, and the loading of relationships.
 *
 * A session has one instance per entity and primary key (the identity map), one connection per transaction, and belongs to one
 * thread or task at a time. Instances are plain structs made by weir: reading a member never runs SQL; writing one is seen when
 * the program says so (WEIR_SET, weir_changed).
 *
 * Who holds an instance: each open partition (batch) that delivered it or reaches it through loaded relationships, each
 * weir_retain, and the session while it is new, changed or deleted. With its last holder it leaves the identity map and its
 * memory goes, so a stream is flat without any expunge. A partition ends when the next row or partition beyond it is asked for,
 * or when the result is closed. The instances of a buffered result are held by the session until they are expunged or it is
 * closed, and by the result until it is closed. */
#ifndef WEIR_SESSION_H
#define WEIR_SESSION_H
#include <weir/engine.h>
#include <weir/select.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_session weir_session;
typedef struct weir_session_factory weir_session_factory;

typedef struct weir_session_options {
    size_t      struct_size;
    weir_switch autoflush;              /* default on */
    weir_switch expire_on_commit;       /* default on */
    weir_switch autobegin;              /* default on; off: WEIR_INVALID_REQUEST until weir_session_begin */
    weir_switch autocommit;             /* no transaction unless begun (article; SQLAlchemy refuses it): streams then need a begin */
    const weir_execution_options *execution_options;    /* of its connection; isolation_level among them */
} weir_session_options;
#define WEIR_SESSION_OPTIONS(...) (&(const weir_session_options){ .struct_size = sizeof(weir_session_options), __VA_ARGS__ })

/* Never NULL. Checks no connection out until the first statement. The engine must outlive it. */
WEIR_API weir_session *weir_session_open(weir_engine *engine);
WEIR_API weir_session *weir_session_open_with(weir_engine *engine, const weir_session_options *options);
/* sessionmaker: options once, sessions many times; thread-safe. */
WEIR_API weir_session_factory *weir_session_factory_new(weir_engine *engine, const weir_session_options *options);
WEIR_API weir_session *weir_session_factory_open(const weir_session_factory *factory);
WEIR_API void weir_session_factory_free(weir_session_factory **factory);
/* Closes open results (reading on is WEIR_RESOURCE_CLOSED), rolls back, detaches all instances (those somebody retains stay
 * readable), returns the connection. The first error that was not reported otherwise. Sets *session to a constant closed one. */
WEIR_API WEIR_MUST_CHECK int weir_session_close(weir_session **session);
WEIR_API const weir_error *weir_session_error(const weir_session *session);

/* ---- transactions (semantics 7.1) --------------------------------------------------------------------------------------- */
/* WEIR_INVALID_REQUEST "A transaction is already begun on this Session." */
WEIR_API int weir_session_begin(weir_session *session);
/* Ends the transaction and its streams, gives the connection back. Commit expires all instances (expire_on_commit); rollback
 * expires them and takes back what was new. Without a transaction: nothing. */
WEIR_API int weir_session_commit(weir_session *session);
WEIR_API int weir_session_rollback(weir_session *session);
/* SAVEPOINT: a number > 0, or a negative status; as the connection's, with the instances changed inside expired on rollback. */
WEIR_API int weir_session_begin_nested(weir_session *session);
WEIR_API int weir_session_release_nested(weir_session *session, int nested);
WEIR_API int weir_session_rollback_nested(weir_session *session, int nested);
WEIR_API bool weir_session_in_transaction(const weir_session *session);
/* The session's connection, begun if need be: for statements beside it in the same transaction. Borrowed; never close it. When
 * there is none (weir_session_error says why): the constant closed one. */
WEIR_API weir_connection *weir_session_connection(weir_session *session);

/* ---- executing ----------------------------------------------------------------------------------------------------------- */
/* Rows, which may mix entities (weir_row_entity, WEIR_ROW), columns and aggregates. Guards before any SQL (semantics 20):
 * WEIR_INVALID_REQUEST for yield_per with joinedload of a collection ("Can't use yield_per with joined eager loading."), for an
 * entity with GROUP BY or DISTINCT ON that lack its key and yield_per, for streaming under AUTOCOMMIT without begin. */
WEIR_API weir_result *weir_session_execute(weir_session *session, const weir_stmt *stmt);
WEIR_API weir_result *weir_session_execute_with(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options);
/* The first column of each row: instances for a select of an entity (WEIR_NEXT, partition->instances). */
WEIR_API weir_result *weir_session_scalars(weir_session *session, const weir_stmt *stmt);
WEIR_API weir_result *weir_session_scalars_with(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options);

/* The next instance of a scalars result; NULL at the end, on an error, or (with the error kept) when `expected` is not the
 * entity it delivers. An outer join's missing entity is skipped by nobody: use rows for those. */
WEIR_API void *weir_result_next_instance(weir_result *result, const weir_entity *expected);
/* The entity in a row's column of that name (the entity's or alias's name) or, with name NULL, its first column of that entity;
 * NULL when all of its key is NULL (an outer join). */
WEIR_API void *weir_row_entity(const weir_row *row, const weir_entity *entity, const char *name);
#ifndef __cplusplus
#define WEIR_NEXT(E, result) ((struct E *)weir_result_next_instance((result), &E##_entity))
#define WEIR_ROW(E, row) ((struct E *)weir_row_entity((row), &E##_entity, NULL))
#define WEIR_ROW_AS(E, row, name) ((struct E *)weir_row_entity((row), &E##_entity, (name)))
#endif
/* unique() and yield_per of a result with entities exclude each other (semantics ORM-5): told by the first read. */

/* How many statements an execution has sent so far, with those of its loaders: N+1 shows here. */
WEIR_API int64_t weir_session_statements(const weir_session *session);

/* ---- instances -------------------------------------------------------------------------------------------------------------- */
/* By primary key: the one in the session without SQL (refreshed if expired; NULL and no longer a member if its row is gone),
 * else a SELECT; NULL for none. Keys in the order of the entity's key members. The instance is held by the session until expunged. */
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
/* Reloads now, overwriting pending changes. WEIR_INVALID_REQUEST "Could not refresh instance '<order 7>'" when its row is gone. */
WEIR_API int weir_session_refresh(weir_session *session, void *instance);
/* Marks as expired: it keeps its last values, and every pointer in it stays valid, until it is reloaded. Pending changes are
 * dropped. WEIR_INVALID_REQUEST: not persistent in this session. */
WEIR_API int weir_session_expire(weir_session *session, void *instance);
WEIR_API void weir_session_expire_all(weir_session *session);
/* Ends membership: the instance is detached and stays readable as long as somebody holds it. WEIR_INVALID_REQUEST "Instance
 * <order 7> is not present in this Session". */
WEIR_API int weir_session_expunge(weir_session *session, void *instance);
WEIR_API void weir_session_expunge_all(weir_session *session);
WEIR_API size_t weir_session_count(const weir_session *session);           /* of instances in the identity map */
WEIR_API size_t weir_session_dirty_count(const weir_session *session);

typedef enum weir_state { WEIR_TRANSIENT = 1, WEIR_PENDING, WEIR_PERSISTENT, WEIR_DELETED, WEIR_DETACHED } weir_state;
/* The bits that go with a state. */
enum { WEIR_STATE_EXPIRED = 0x10, WEIR_STATE_MODIFIED = 0x20 };
/* State, with its bits or'ed in: weir_state_of(x) & 0xf is a weir_state. 0: not an instance (debug builds check). */
WEIR_API int weir_state_of(const void *instance);

/* Says that members were written: flushed later, and held by the session until then. */
WEIR_API void weir_changed(void *instance);
#define WEIR_SET(instance, member, v) ((instance)->member = (v), weir_changed(instance))
/* One more holder; returns the same pointer. Its values move into a block of its own, so it does not keep its batch alive: value
 * pointers read from it before end with the batch. NULL without memory. Outlives session and engine. Its relationships' targets
 * that are loaded are held with it. */
WEIR_API void *weir_retain(void *instance);
WEIR_API void weir_release(void *instance);

/* What an attribute access is in SQLAlchemy: makes sure that a relationship (or, when it is expired, the whole instance) is loaded.
 * Nothing happens when it is loaded; lazy loads by one SELECT (a many-to-one whose target is in the session by none); WEIR_LAZY_RAISE:
 * WEIR_INVALID_REQUEST "'order.lines' is not available due to lazy='raise'"; a detached instance: WEIR_DETACHED_INSTANCE; the row is
 * gone: WEIR_OBJECT_DELETED. Pointers of the relationship live as long as the instance. */
WEIR_API int weir_load_(void *instance, size_t offset);
#define weir_load(instance, member) weir_load_((instance), offsetof(__typeof__(*(instance)), member))
/* Whether a relationship is loaded: also "loaded and empty", "loaded and none". */
WEIR_API bool weir_loaded_(const void *instance, size_t offset);
#define weir_loaded(instance, member) weir_loaded_((instance), offsetof(__typeof__(*(instance)), member))

#ifdef __cplusplus
}
#endif
#endif
