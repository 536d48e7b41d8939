/* The orm inside: what a session knows of entities, instances and their holders, and where loaders take part. */
#ifndef WEIR_ORM_ORM_H
#define WEIR_ORM_ORM_H
#include <weir/session.h>
#include "base/lanes.h"
#include "base/values.h"
#include "engine/result.h"
#include "sql/select.h"

typedef struct weir_store weir_store;
typedef struct weir_mapper weir_mapper;
typedef struct weir_instance weir_instance;
typedef struct weir_slab_chunk weir_slab_chunk;
typedef struct weir_holding weir_holding;
typedef struct weir_reading weir_reading;
typedef struct weir_intake weir_intake;

/* ---- instances ------------------------------------------------------------------------------------------------------------------
 * The header lies in front of the struct, in a slot of its entity's slab; the address is stable for its life. */
enum {                                      /* weir_instance.flags; the low four bits are the weir_state, 0 for a free slot */
    WEIR_INSTANCE_STATE = 0xf,
    WEIR_INSTANCE_EXPIRED = WEIR_STATE_EXPIRED, WEIR_INSTANCE_MODIFIED = WEIR_STATE_MODIFIED,
    WEIR_INSTANCE_SESSION_HOLDS = 0x40,     /* from a buffered result or a get: until it is expunged */
    WEIR_INSTANCE_TARGET = 0x80,            /* some relationship points or pointed to it */
    WEIR_INSTANCE_LINGERS = 0x100,          /* in the store's list of those that only relationships hold */
    WEIR_INSTANCE_COPY = 0x200,             /* part of a copy that lives and dies as a whole, which `link` points to (instance_copy.h) */
    WEIR_INSTANCE_WAITS = 0x400,            /* in the session's list of what is to be written */
    WEIR_INSTANCE_HIT = 0x800,              /* an update or delete with criteria is on its way to its row, and no row has filled it since */
    WEIR_INSTANCE_RETAINED = 0x1000, WEIR_INSTANCE_OWNS = 0x2000,   /* what its weir_rest has: retains, own, */
    WEIR_INSTANCE_SIDED = 0x4000, WEIR_INSTANCE_TURNED = 0x8000,    /* side, overrides */
    WEIR_INSTANCE_CHANGED_IN = 16,          /* shift: the savepoint inside which it was changed last; 0: none */
};
struct weir_instance {
    weir_slab_chunk *chunk;                 /* its mapper: weir_mapper_of */
    uint64_t         key;                   /* one integer key: itself; else the hash of its key values */
    union {
        weir_holding  *home;                /* the batch in whose arena its values lie; NULL: in a block of its own, or none */
        weir_instance *next_free;           /* of a free slot */
    };
    uint64_t         loaded;                /* a bit for each relationship that is loaded (the low half); one for each that has
                                               pointers to follow, which stay when it expires (the high half) */
    uint32_t         holds;                 /* by batches */
    uint32_t         visit;
    uint32_t         flags;
    uint32_t         mark;                  /* directly in front of the struct; checked by weir_instance_of */
};
/* What few instances have: it lies apart, so that streams of those that have nothing of it never touch it. A member whose flag the
 * instance does not have says nothing. */
typedef struct weir_rest {
    weir_instance   *link;                  /* lingering ones; of a copy: what it is part of */
    weir_instance   *mark_link;             /* work lists */
    void            *own;                   /* a block of its own with its values and collections */
    void            *side;                  /* its weir_side (unit.h): what its members were, what waits to be written */
    uint64_t         overrides;             /* a bit for each relationship whose lazy='raise' a statement turned round (load.h) */
    uint64_t         retains;               /* by weir_retain */
} weir_rest;
enum { WEIR_REACHES = 32, WEIR_RELATIONSHIPS_MAX = 32 };    /* shift to the high half of `loaded` */
static inline uint32_t weir_instance_mark(const weir_instance *i)
{
    return UINT32_C(0x77656972) ^ (uint32_t)(uintptr_t)i ^ (uint32_t)((uint64_t)(uintptr_t)i >> 32);
}
static inline void *weir_instance_struct(weir_instance *i) { return i + 1; }
/* NULL: not an instance. */
static inline weir_instance *weir_instance_of(const void *object)
{
    weir_instance *i = object ? (weir_instance *)(uintptr_t)object - 1 : NULL;
    return i && i->mark == weir_instance_mark(i) ? i : NULL;
}
static inline weir_state weir_instance_state(const weir_instance *i) { return (weir_state)(i->flags & WEIR_INSTANCE_STATE); }

/* ---- mappers: an entity as a store knows it --------------------------------------------------------------------------------------- */
_Static_assert(sizeof(weir_instance) % _Alignof(max_align_t) == 0, "the struct lies behind its header");

typedef struct weir_mapped_relationship {
    weir_relationship pairs;                /* resolved */
    const weir_member *member;
    unsigned          bit;                  /* in weir_instance.loaded */
    weir_mapper      *target;               /* NULL until weir_mapper_target asks for it */
    const weir_entity *association;         /* of the table between, made by the first load through it */
} weir_mapped_relationship;
typedef struct weir_identity_entry { uint64_t key; weir_instance *instance; } weir_identity_entry;
/* A list in the order of the keys while each key that comes is larger than all before, as streams bring them; else a hash table. */
typedef struct weir_identity_map {
    weir_identity_entry *entries;           /* without an instance: free; in a list: left, the key still tells the order */
    size_t  count, peak, peak_before;       /* instances in it */
    bool    is_list;
    size_t  listed, room;                   /* a list: entries that it has, and there is room for; a table: 0 */
    size_t  near;                           /* … where something was found last: what is looked for next is mostly beside it */
    int64_t last;                           /* … the largest key; INT64_MIN: none */
    size_t  mask;                           /* a table: its entries - 1; a list: 0 */
    int     shift;
} weir_identity_map;
struct weir_slab_chunk {
    weir_mapper     *mapper;
    weir_slab_chunk *next, *previous;       /* of all chunks of the slab */
    weir_slab_chunk *room_next, *room_previous;     /* of those with room */
    weir_instance   *free;
    size_t           used, fresh, capacity; /* slots in use; slots ever used; slots */
    weir_rest       *rests;                 /* behind the slots, one for each */
    _Alignas(max_align_t) char slots[];
};
typedef struct weir_slab { weir_slab_chunk *chunks, *room; size_t slot_size, count, used, peak, peak_before; } weir_slab;
struct weir_mapper {
    const weir_entity *entity;
    weir_store        *store;
    weir_mapper       *next;
    const weir_member **columns; size_t column_count;       /* in table order */
    const weir_member **keys;    size_t key_count;
    weir_mapped_relationship *relationships; size_t relationship_count;
    bool               integer_key;         /* exactly one key, an integer */
    bool               has_pointers;        /* texts, blobs, arrays */
    bool               has_gaps;            /* the struct is more than its columns */
    void              *scratch;             /* a struct to build keys in */
    weir_identity_map  map;
    weir_slab          slab;
};
static inline weir_mapper *weir_mapper_of(const weir_instance *i) { return i->chunk->mapper; }
static inline weir_rest *weir_rest_of(const weir_instance *i)
{
    if (i->flags & WEIR_INSTANCE_COPY)
        return (weir_rest *)(uintptr_t)i - 1;
    return &i->chunk->rests[(size_t)((const char *)i - i->chunk->slots) / i->chunk->mapper->slab.slot_size];
}
static inline void *weir_own_of(const weir_instance *i) { return i->flags & WEIR_INSTANCE_OWNS ? weir_rest_of(i)->own : NULL; }
static inline uint64_t weir_overrides_of(const weir_instance *i) { return i->flags & WEIR_INSTANCE_TURNED ? weir_rest_of(i)->overrides : 0; }
/* The session's mapper of the entity, made at first use; NULL with *error (WEIR_MAPPING and its like). */
weir_mapper *weir_store_mapper(weir_store *store, const weir_entity *entity, weir_error *error);
/* The relationship at that offset or of that member; NULL: none. */
weir_mapped_relationship *weir_mapper_relationship(weir_mapper *mapper, size_t offset);
weir_mapper *weir_mapper_target(weir_mapped_relationship *relationship, weir_mapper *parent, weir_error *error);

/* ---- members as values ------------------------------------------------------------------------------------------------------------ */
/* Stores a cell's value into the member; pointers are borrowed from the cell. WEIR_DATA with `reason` (WEIR_REASON_SIZE bytes). */
int weir_member_store(const weir_member *member, void *object, const weir_value *cell, char *reason);
/* "order 7" or "order (7, 3)": for messages. */
void weir_instance_name(const weir_instance *instance, char *out, size_t size);
void weir_object_name(const void *object, char *out, size_t size);     /* the same, or "no instance" */

/* WEIR_DEBUG=changes (unmarked.c): instances as they were loaded. */
typedef struct weir_recall weir_recall;
typedef struct weir_recall_table { weir_recall **slots; size_t count, mask; bool on; } weir_recall_table;

/* ---- the store: slabs, maps and who lives; outlives its session while somebody holds an instance ---------------------------------- */
struct weir_store {
    weir_session     *session;              /* NULL: closed */
    weir_engine_core *core;                 /* referenced */
    weir_ledger       ledger;
    weir_ledger       own;                  /* below it: of values in blocks of their own */
    weir_arena        arena;                /* of mappers */
    weir_mapper      *mappers;
    size_t            live;                 /* slots in use */
    size_t            dirty;                /* modified persistent instances */
    size_t            readings;             /* open results */
    weir_instance    *lingering;            /* only relationships hold them; looked at again when holders end */
    size_t            lingering_count;
    uint32_t          visit;
    size_t            lingering_kept, loosened; /* after the last look; ends of holders since */
    int               busy;                 /* no look now: a batch is ending */
    uint64_t          generation;           /* + 1 with each expunge_all */
    bool              poison;               /* WEIR_DEBUG=lifetimes: an instance ends at the next row */
    weir_recall_table   seen;
};
/* The entry of the key, or the free one where it belongs: to be given to weir_identity_put before anything else is. key_object: a
 * struct with the key's members, when it is not an integer. NULL: no memory. */
weir_identity_entry *weir_identity_entry_of(weir_mapper *mapper, uint64_t key, const void *key_object);
static inline void weir_identity_put(weir_mapper *mapper, weir_identity_entry *entry, weir_instance *instance)
{
    weir_identity_map *map = &mapper->map;
    *entry = (weir_identity_entry){ instance->key, instance };
    if (map->is_list && entry == map->entries + map->listed) {
        map->listed++;
        map->last = (int64_t)instance->key;
    }
    if (++map->count > map->peak)
        map->peak = map->count;
}
/* So many entries have to be looked at to see all that have an instance. */
static inline size_t weir_identity_extent(const weir_identity_map *map) { return map->is_list ? map->listed : map->entries ? map->mask + 1 : 0; }
/* Before a stream: an empty map is a list again. */
void weir_identity_begin(weir_mapper *mapper);
void weir_identity_remove(weir_mapper *mapper, weir_instance *instance);
/* The key of a struct's key members: itself, or their hash. */
uint64_t weir_identity_key(const weir_mapper *mapper, const void *object);
/* By values in key order, without SQL; NULL: not in the session, or a value that does not fit. */
weir_instance *weir_identity_look_up(weir_mapper *mapper, const weir_value *keys, size_t count);
weir_instance *weir_identity_of_struct(weir_mapper *mapper, const void *object);     /* by its key members */
weir_instance *weir_slab_take(weir_mapper *mapper);     /* NULL: no memory. Struct zeroed, state 0 */
void weir_slab_give(weir_instance *instance);
/* Values and collections move into a block of the instance's own. WEIR_OK or WEIR_OUT_OF_MEMORY (nothing changed). */
int weir_instance_settle(weir_instance *instance);
/* Ends membership: persistent becomes detached. It lives on while somebody holds it. */
void weir_instance_detach(weir_instance *instance);
/* A holder of it ended (holds or retains went down, or membership ended): drops it, now or later, if it was the last one. */
void weir_instance_let_go(weir_instance *instance);
/* Looks at those that linger, drops what nobody reaches, gives unused memory back. Frees a store that nobody needs: it is gone. */
void weir_store_look(weir_store *store, bool thorough);
static inline bool weir_instance_held(const weir_instance *i)
{
    return i->holds || (i->flags & (WEIR_INSTANCE_RETAINED | WEIR_INSTANCE_SESSION_HOLDS | WEIR_INSTANCE_WAITS)) ||
           ((i->flags & WEIR_INSTANCE_MODIFIED) && weir_instance_state(i) == WEIR_PERSISTENT);
}

/* ---- batches as holders --------------------------------------------------------------------------------------------------------------
 * Each batch of a session's result holds the instances that it delivered, and the results of its loaders. */
struct weir_holding {
    weir_reading   *reading;
    weir_batch     *batch;                  /* whose arena the values lie in */
    weir_instance **items; size_t count, capacity;
    weir_result   **loads; size_t load_count, load_capacity;    /* closed when the batch is gone */
    size_t          users;                  /* instances that have their values in it */
    size_t          made, part_end;         /* rows of which there are instances; rows that are ready, or were (parts.c) */
    size_t          items_gone;             /* items of parts before, no longer in the list */
    size_t          delivered;              /* items that there were when it let go of them */
    bool            let_go;
    bool            ended;                  /* the batch's rows are gone; it waits for its users, with a reference to the result */
    weir_result    *result;
    weir_holding   *next;
};
/* The batch holds the instance once more (it is let go when the batch is gone). */
int weir_holding_add(weir_holding *holding, weir_instance *instance);
/* The batch keeps the loader's result, and so what that holds, until it is gone itself. */
int weir_holding_adopt(weir_holding *holding, weir_result *result);

/* ---- a session's result ----------------------------------------------------------------------------------------------------------- */
typedef struct weir_place { size_t offset; int cell; weir_member_type type; } weir_place;     /* of a member, and its cell */
typedef struct weir_item_plan {
    const weir_select_item *item;
    weir_mapper *mapper;                    /* NULL: a value */
    size_t       first;                     /* its first cell: after hydrating a value of WEIR_T_INSTANCE, or NULL */
    const int   *cells;                     /* of its columns, in the order of mapper->columns */
    const int   *key_cells;                 /* of its keys */
    const weir_place *places;               /* of its columns */
} weir_item_plan;
struct weir_reading {
    weir_store     *store;
    weir_result    *result;
    const weir_select_shape *shape;
    weir_item_plan *plans;                  /* of all items of the shape, hidden ones too */
    weir_item_plan **entities; size_t entity_count;     /* those that are entities */
    int64_t         rows;                   /* that came so far */
    bool            populate_existing;
    weir_holding   *spare;                  /* to be used again */
    bool            session_holds;          /* a buffered result of the program's, not a loader's */
    weir_result    *within;                 /* the result that it loads for; NULL: none, or without a budget */
    weir_charge     charge;                 /* of the store's ledger, under a budget */
    bool            is_load;                /* of a loader, a get or a reload */
    bool            by_key;                 /* a get or a reload: what its mapping loads eagerly comes with it */
    weir_intake    *intake;                 /* rows become instances as they come, and have one cell; NULL: batch by batch, from cells */
    bool            streaming, allowed;     /* allowed: the first read found nothing against it */
    bool            loads;                  /* set by weir_loaders_plan: the next batch is not asked for before loads are done */
    weir_instance  *shown;                  /* WEIR_DEBUG=lifetimes: the last row's */
    void           *loaders;                /* what the loaders keep for this result, in the result's arena or their own */
    weir_holding   *holdings;               /* of open batches */
    weir_reading   *next, *previous;        /* of the session */
};
/* The instance of an item in a row of this result; NULL: none in this row. */
static inline weir_instance *weir_row_instance(const weir_row *row, const weir_item_plan *plan)
{
    const weir_value *cell = &row->cells[plan->first];
    return cell->type == WEIR_T_INSTANCE ? (weir_instance *)(uintptr_t)cell->as.blob.ptr : NULL;
}
/* Executes a select for a loader: buffered, its instances are held by its batches alone. Options of the mapping and of the statement
 * apply to it in turn. In two steps, so that several travel together: the first sends (weir_result.under_way: the next may be sent
 * behind it), never NULL; weir_session_load_await gets the rows, in the order of sending, and gives the result's status. Then read
 * the rows where they lie, by weir_row_instance(row, &weir_result_reading(result)->plans[0]), and weir_holding_adopt it, or
 * weir_result_close it once the instances are attached. Counted as a statement. */
weir_result *weir_session_load_send(weir_session *session, const weir_stmt *stmt, bool populate_existing, weir_result *within);
int weir_session_load_await(weir_session *session, weir_result *result);
/* Executes it whole for the row of one key: its eager relationships are loaded, as those of the program's own results are. */
weir_result *weir_session_load_by_key(weir_session *session, const weir_stmt *stmt);
weir_reading *weir_result_reading(const weir_result *result);

/* ---- attaching, for loaders ------------------------------------------------------------------------------------------------------ */
/* Sets a to-one relationship (target NULL: none) and marks it loaded. */
void weir_attach_one(weir_instance *parent, const weir_mapped_relationship *relationship, weir_instance *target);
/* Sets a collection and marks it loaded. items: count struct pointers in memory that lives as long as the parent's home batch; or in
 * any memory when weir_instance_settle(parent) follows at once. items may be NULL when count is 0. */
void weir_attach_many(weir_instance *parent, const weir_mapped_relationship *relationship, void **items, size_t count);
static inline bool weir_is_loaded(const weir_instance *i, const weir_mapped_relationship *r) { return i->loaded >> r->bit & 1; }
/* Reloads an expired instance by its key: WEIR_OK, WEIR_OBJECT_DELETED, or an error of the statement. */
int weir_instance_reload(weir_instance *instance, weir_error *error);

/* ---- what loaders do (load_*.c) -------------------------------------------------------------------------------------------------- */
/* After the compile, before any SQL: reads shape->loads, sets reading->loads. */
int weir_loaders_plan(weir_reading *reading, weir_error *error);
/* A batch came and its rows from … to - 1 are hydrated: attaches hidden items (joined loads), sends the loads. Rows may be taken out of the
 * batch's chunks (count, and the rows behind moved down). */
int weir_loaders_came(weir_reading *reading, weir_holding *holding, size_t from, size_t to, weir_error *error);
/* The stream ended or is closed; no more batches. */
void weir_loaders_closed(weir_reading *reading);

/* ---- sessions ---------------------------------------------------------------------------------------------------------------------- */
typedef struct weir_unit {              /* what waits to be written (unit_of_work.c) */
    weir_instance  **items; size_t count, capacity;
    size_t           added, deleting;       /* of them */
    uint64_t         order;
    bool             flushing;
    bool             wrote;             /* in this transaction */
} weir_unit;
typedef enum weir_block { WEIR_BLOCK_NONE = 0, WEIR_BLOCK_OPEN, WEIR_BLOCK_ENDED } weir_block;
struct weir_session {
    weir_engine     *engine;                /* a handle of its own with the session's options */
    weir_store      *store;                 /* NULL: it only carries an error */
    weir_connection *connection;            /* NULL: none checked out */
    weir_error       error, unreported;
    const char      *where;                 /* in the program it was opened: for who waits for a connection */
    weir_switch      autoflush, expire_on_commit, autobegin, autocommit;
    weir_execution_options options;
    bool             begun;                 /* by weir_session_begin */
    int64_t          deadline;              /* of all calls, monotonic ns; 0: none */
    int64_t          statements;
    weir_reading    *readings;
    weir_unit        unit;
    bool             broken;                /* a flush failed: until the rollback; why: */
    int              broken_in;             /* the savepoint that was open then; 0: none */
    weir_error       broken_by;
    weir_block       block;                 /* of weir_session_run */
};
/* Keeps the error for weir_session_error; its status. */
int weir_session_report(weir_session *session, const weir_error *error);
/* The connection, ready for a statement; NULL with *error. */
weir_connection *weir_session_ready(weir_session *session, weir_error *error);
/* Writes what waits to be written, before a query (NULL: one of weir's own), unless session or statement say otherwise. */
int weir_session_autoflush(weir_session *session, const weir_stmt *stmt, weir_error *error);
#endif
