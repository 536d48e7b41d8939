/* What the orm's core shares among its own files, and loaders do not need. */
#ifndef WEIR_ORM_INSIDE_H
#define WEIR_ORM_INSIDE_H
#include "base/holds.h"
#include "orm/orm.h"

/* The structs of dead slots are poisoned where the address sanitizer watches; their headers are still read. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define WEIR_POISON(address, size) __asan_poison_memory_region((address), (size))
#define WEIR_UNPOISON(address, size) __asan_unpoison_memory_region((address), (size))
enum { WEIR_POISONING = true };
#else
#define WEIR_POISON(address, size) ((void)(address), (void)(size))
#define WEIR_UNPOISON(address, size) ((void)(address), (void)(size))
enum { WEIR_POISONING = false };
#endif

/* Eight keys that follow each other, as streams bring them, lie side by side; such groups lie evenly apart, by the golden ratio. */
static inline size_t weir_identity_place(const weir_identity_map *map, uint64_t key)
{
    return (size_t)((key >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> map->shift) << 3 | (key & 7);
}
/* Has the key's place in a table come into the cache: it is wanted soon. always_inline: gcc drops a call that only prefetches. */
__attribute__((always_inline)) static inline void weir_identity_expect(const weir_identity_map *map, uint64_t key)
{
    if (map->mask)
        __builtin_prefetch(&map->entries[weir_identity_place(map, key)], 1);
}
enum { WEIR_KEYS_AHEAD = 16 };
/* As weir_identity_entry_of for a key that is an integer, without a call where it is the next of a list. */
static inline weir_identity_entry *weir_identity_integer_entry(weir_mapper *mapper, uint64_t key)
{
    const weir_identity_map *map = &mapper->map;
    if (map->listed >= map->room || (int64_t)key <= map->last) {
        weir_identity_expect(map, key + WEIR_KEYS_AHEAD);      /* tables see keys that follow each other, too */
        return weir_identity_entry_of(mapper, key, NULL);
    }
    map->entries[map->listed].instance = NULL;
    return &map->entries[map->listed];
}
/* Where that is so. */
static inline void weir_identity_append(weir_identity_map *map, int64_t key, weir_instance *instance)
{
    map->entries[map->listed++] = (weir_identity_entry){ (uint64_t)key, instance };
    map->last = key;
    if (++map->count > map->peak)
        map->peak = map->count;
}
/* ---- intake.c, and how it fills a slot before it takes it ---- */
/* Whether rows of this result go through an intake: sets reading->intake, the steps' direct targets and the rows' stride. */
int weir_intake_plan(weir_reading *reading, weir_result *result, weir_error *error);
weir_sink *weir_intake_begin(weir_intake *intake, weir_batch *batch);       /* NULL: no memory */
void weir_intake_pause(weir_intake *intake);                /* between two rows: slots may be given back until it goes on */
void weir_intake_resume(weir_intake *intake);
int weir_intake_end(weir_intake *intake, weir_error *error);                /* the batch is here, or failed; safe to repeat */
size_t weir_intake_count(const weir_intake *intake);        /* rows of the batch */
bool weir_intake_make_rows(weir_intake *intake);            /* a row for each instance. False: no memory */
bool weir_intake_is_bare(const weir_intake *intake);       /* it made no rows: the holding's items are what they would deliver */
/* The slot that is taken next, when there is one free. */
static inline weir_instance *weir_slab_head(const weir_slab *slab)
{
    weir_slab_chunk *chunk = slab->room;
    if (!chunk)
        return NULL;
    return chunk->free ? chunk->free : (weir_instance *)(void *)(chunk->slots + chunk->fresh * slab->slot_size);
}
size_t weir_slab_chunk_bytes(weir_mapper *mapper);          /* what it grows by */
bool weir_slab_grow(weir_mapper *mapper);                   /* false: no memory */
void weir_slab_leave_room(weir_slab *slab, weir_slab_chunk *chunk);
/* The same, made if there is none, and its struct may be written to. NULL: no memory. */
static inline weir_instance *weir_slab_look_up_free(weir_mapper *mapper)
{
    if (!mapper->slab.room && !weir_slab_grow(mapper))
        return NULL;
    weir_instance *head = weir_slab_head(&mapper->slab);
    WEIR_UNPOISON(head + 1, mapper->entity->size);
    return head;
}
void weir_slab_leave_free(const weir_mapper *mapper, weir_instance *slot);      /* it was not taken after all */
enum { WEIR_SLOTS_AHEAD = 6 };
/* Slots are mostly taken in order: without this, much of the time goes into waiting for them. */
__attribute__((always_inline)) static inline void weir_slab_expect(const weir_slab *slab, const weir_instance *slot)
{
    __builtin_prefetch((const char *)slot + WEIR_SLOTS_AHEAD * slab->slot_size, 1);
    __builtin_prefetch((const char *)slot + WEIR_SLOTS_AHEAD * slab->slot_size + 64, 1);
}
/* Takes it; the struct stays as it is, the state is 0. Field by field: as one assignment compilers make it a slow loop of zeros. */
static inline void weir_slab_claim(weir_mapper *mapper, weir_instance *head)
{
    weir_slab *slab = &mapper->slab;
    weir_slab_chunk *chunk = slab->room;
    weir_slab_expect(slab, head);
    if (head == chunk->free)
        chunk->free = head->next_free;
    else
        chunk->fresh++;
    head->chunk = chunk;
    head->key = 0;
    head->home = NULL;
    head->loaded = 0;
    head->holds = head->visit = head->flags = 0;
    head->mark = weir_instance_mark(head);
    if (++chunk->used == chunk->capacity)
        weir_slab_leave_room(slab, chunk);
    if (chunk->used == 1 && ++slab->used > slab->peak)
        slab->peak = slab->used;
    mapper->store->live++;
}
/* As weir_slab_claim, where it is the first of its chunk's free list and neither the last of that nor the chunk's first in use; key, home,
 * holds and flags are the caller's to set. The one behind it. */
static inline weir_instance *weir_slab_claim_listed(weir_mapper *mapper, weir_slab_chunk *chunk, weir_instance *head)
{
    weir_instance *next = head->next_free;
    weir_slab_expect(&mapper->slab, head);
    chunk->free = next;
    chunk->used++;
    head->chunk = chunk;
    head->loaded = 0;
    head->visit = 0;
    head->mark = weir_instance_mark(head);
    mapper->store->live++;
    return next;
}
/* Makes what reads a dead instance notice: filled, and poisoned where a sanitizer watches. */
void weir_instance_poison(weir_instance *instance);
/* Slots are given back one after another, those of a chunk being counted together: weir_slab_given says how many, in the end too. */
typedef struct weir_slab_giving { weir_slab_chunk *chunk; size_t count; } weir_slab_giving;
void weir_slab_given(weir_slab_chunk *chunk, size_t count);
static inline void weir_slab_give_next(weir_slab_giving *giving, weir_instance *instance)
{
    weir_slab_chunk *chunk = instance->chunk;
    WEIR_HOLDS(chunk);
    if (chunk != giving->chunk) {
        weir_slab_given(giving->chunk, giving->count);
        *giving = (weir_slab_giving){ chunk, 0 };
    }
    instance->flags = 0;
    instance->mark = 0;
    if (WEIR_POISONING || chunk->mapper->store->poison)
        weir_instance_poison(instance);
    instance->next_free = chunk->free;
    chunk->free = instance;
    giving->count++;
}
/* One row of cells; its first cell becomes the instance, or NULL. Its number is reading->rows. */
int weir_hydrate_row(weir_reading *reading, weir_holding *holding, weir_row *row, weir_error *error);
bool weir_holding_grow(weir_holding *holding);
static inline bool weir_holding_room(weir_holding *holding)
{
    return holding->count != holding->capacity || weir_holding_grow(holding);
}
/* Gives back the slots of instances in which nothing is left to be freed. */
void weir_slab_give_all(weir_instance *const *instances, size_t count);
void weir_identity_remove_all(weir_mapper *mapper, weir_instance *const *instances, size_t count);
void weir_identity_empty(weir_mapper *mapper);
/* Give back what was not needed lately; with `all`, what is not needed now. */
void weir_slab_trim(weir_slab *slab, bool all);
void weir_slab_free(weir_slab *slab);
void weir_identity_trim(weir_mapper *mapper, bool all);
/* Bytes that its values and collections take in an arena, slack included; and its columns' texts and such, copied there: `to` is a
 * copy of the struct `from` already. */
size_t weir_instance_extent(weir_instance *instance);
int weir_instance_copy_columns(const weir_mapper *mapper, weir_arena *arena, const void *from, void *to);
/* A number that no instance of the store has as its mark yet. */
uint32_t weir_store_next_visit(weir_store *store);
/* Its values lie in no batch any more; a batch that only waited for it is freed. */
void weir_holding_leave(weir_instance *instance);
void weir_holding_take(weir_instance *instance, weir_holding *holding);     /* they lie in this batch now */
void weir_instance_drop_values(weir_instance *instance);
void weir_instance_clean(weir_instance *instance);          /* no longer modified: its changes are forgotten */
void weir_instance_set_state(weir_instance *instance, weir_state state);
/* What was done to it now is undone with the savepoint that is open. */
void weir_instance_note_savepoint(weir_instance *instance);
void weir_instance_changed_in(weir_instance *instance, uint32_t savepoint);     /* 0: in none */
/* Calls `act` for each live instance; the store must be looked at afterwards. */
void weir_store_each(weir_store *store, void (*act)(weir_instance *instance, void *context), void *context);
/* The look alone: no memory is given back, so that pointers to dead slots may still be read. */
void weir_store_look_only(weir_store *store);
/* The number of the innermost open savepoint of the session; 0: none. */
int weir_session_savepoint(const weir_session *session);
/* Hydrates the rows of a batch from number *made on; those made so far are counted there and held by the holding when it fails. */
int weir_hydrate(weir_reading *reading, weir_holding *holding, size_t *made, weir_error *error);
/* Loaders' results from that one on go, with what only they hold. */
void weir_holding_drop_loads(weir_holding *holding, size_t from);
/* The first items go, with all loaders' results; what lives on leaves the batch. */
void weir_holding_end_part(weir_holding *holding, size_t count);
/* The batch's end as a holder. True: instances still have their values in it. */
bool weir_holding_end(weir_holding *holding);
weir_holding *weir_holding_new(weir_reading *reading, weir_batch *batch);
void weir_holding_drop_spare(weir_reading *reading);
/* Its rows are gone, and so few have their values in it that it is not worth its memory. */
bool weir_holding_is_sparse(const weir_holding *holding);
/* The hooks of a session's results, and a new reading for one. */
extern const weir_batch_hooks weir_reading_hooks;
weir_result *weir_session_read(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options, bool is_load,
                               bool populate_existing);
/* ---- unmarked.c: WEIR_DEBUG=changes; all do nothing without it ---- */
void weir_recall_note(const weir_instance *instance);         /* it is as the database has it */
void weir_recall_check(const weir_instance *instance);        /* warns of each column that was written and not marked, once */
void weir_recall_check_all(weir_store *store);
void weir_recall_forget(const weir_instance *instance);
void weir_recall_moving(const weir_instance *instance);       /* its values move; afterwards: */
void weir_recall_moved(const weir_instance *instance);
void weir_recall_free(weir_store *store);
/* ---- expire.c: an expired instance keeps its values until it is reloaded; what is changed meanwhile survives the reload ---- */
void weir_instance_expire(weir_instance *instance);
void weir_before_note(weir_instance *instance);     /* notes which members were changed since */
void weir_before_moved(weir_instance *instance);    /* its values moved: they are what they were */
bool weir_before_changed(const weir_instance *instance, size_t column);
void weir_before_drop(weir_instance *instance);
/* The guards that a statement's shape alone decides, under yield_per. */
int weir_reading_check_shape(const weir_select_shape *shape, weir_error *error);
/* All instances leave the session; the store must be looked at afterwards. */
void weir_session_forget_instances(weir_session *session);
/* Takes no session: *error says why not. */
int weir_session_usable(const weir_session *session, weir_error *error);
/* Writes what waits: at commit, when it must not get lost. */
int weir_session_write(weir_session *session, weir_error *error);
#endif
