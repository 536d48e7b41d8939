/* Loaders inside: which relationship is loaded how, and the work of one batch. */
#ifndef WEIR_ORM_LOAD_H
#define WEIR_ORM_LOAD_H
#include "orm/load_keys.h"
#include "orm/orm.h"

enum {
    WEIR_LOAD_GROUP = 500               /* keys per statement, unless an option says otherwise */
};

typedef struct weir_load_node weir_load_node;

/* One relationship of the instances of a node. */
typedef struct weir_load_step {
    weir_mapped_relationship *relationship;
    weir_lazy       how;
    int64_t         chunk;
    bool            said;               /* by an option of the statement, not by the mapping */
    bool            contiguous;
    weir_load_node *target;             /* what happens to the instances that it reaches; NULL: nothing */
} weir_load_step;

/* Where the plan of an item begins: what the statement says of its loads. */
typedef struct weir_load_root {
    const weir_load_path *paths; size_t path_count;
    const void           *source;       /* identity of the item's alias; NULL: its table */
    bool                  eager;        /* false: eager loads are disabled */
    bool                  unjoined;     /* nothing can be joined to the statement */
} weir_load_root;

/* The instances of one item of a statement, or those that one path of relationships reaches from it. */
struct weir_load_node {
    weir_mapper                    *mapper;
    const weir_load_node           *parent;
    const weir_mapped_relationship *from;       /* the parent's relationship that leads here */
    const void                     *source;     /* of the item, where there is no parent: as in weir_load_root */
    size_t                          depth;      /* relationships between the item and this node */
    weir_load_step                 *steps;      /* one for each relationship of the mapper */
    bool                            busy;       /* there is something to do at each batch */
};

/* What a step of the work needs, whoever asks for it: a batch of a stream, or weir_load. */
typedef struct weir_load_work {
    weir_session  *session;
    weir_holding  *holding;             /* adopts the loaders' results; NULL: they are closed at the end, relationships hold the instances */
    size_t         from, to;            /* of the batch: these rows */
    weir_result  **results; size_t result_count, result_capacity;       /* without a holding: to be closed */
    const weir_load_path *paths; size_t path_count;     /* the statement's options */
    bool           populate_existing, whole, lazily;    /* whole: no yield_per, so a subquery load is one statement */
    weir_arena    *arena;               /* dropped after the batch */
    weir_error    *error;
} weir_load_work;

typedef struct weir_instances { weir_instance **items; size_t count; } weir_instances;

/* A joined collection that goes on behind the end of a batch (weir_joinedload_contiguous). */
typedef struct weir_load_carry {
    weir_instance  *parent;             /* NULL: none */
    char           *row;                /* a copy of its row */
    weir_instance **children; size_t count, capacity;   /* so far; each held */
    weir_arena      values;             /* of the row */
} weir_load_carry;

/* What the loaders keep for a result: weir_reading.loaders. */
typedef struct weir_loaders {
    weir_arena       plan, work;
    weir_load_node **nodes;             /* of each item of the shape; NULL: nothing to do */
    bool             joined, contiguous;
    weir_load_carry  carry;
} weir_loaders;

/* ---- load_plan.c -------------------------------------------------------------------------------------------------------------- */
/* The node of an entity. NULL without memory or with a mapping's mistake, in *error. */
weir_load_node *weir_load_plan_node(weir_arena *arena, weir_mapper *mapper, const weir_load_root *root, weir_error *error);
/* Whether the path begins at the item, with what leads from it to `node`, and then goes on with the relationship. */
bool weir_load_path_fits(const weir_load_path *path, const weir_load_node *node, const weir_mapped_relationship *relationship);
static inline bool weir_lazy_is_eager(weir_lazy how)
{
    return how == WEIR_LAZY_SELECTIN || how == WEIR_LAZY_JOINED || how == WEIR_LAZY_SUBQUERY || how == WEIR_LAZY_IMMEDIATE;
}
/* Says whether weir_load of the instance is forbidden. */
static inline bool weir_load_is_raising(const weir_instance *i, const weir_mapped_relationship *r)
{
    return (r->member->lazy == WEIR_LAZY_RAISE) != (weir_overrides_of(i) >> r->bit & 1);
}

/* ---- load_node.c -------------------------------------------------------------------------------------------------------------- */
/* Does all steps of the node, and then those of what they reached. */
int weir_load_node_run(weir_load_work *work, const weir_load_node *node, weir_instances instances);
/* Then those of what the step has reached from them. */
int weir_load_behind(weir_load_work *work, const weir_load_step *step, weir_instances instances);
/* Marks the instance; false when this visit (++store->visit) has marked it already. */
static inline bool weir_load_first_visit(weir_instance *instance, uint32_t visit)
{
    bool first = instance->visit != visit;
    instance->visit = visit;
    return first;
}
/* Each item once, where it comes first; returns how many are left. Joined collections repeat a parent's targets, and tables between
 * without a key may. */
size_t weir_load_drop_repeated(const weir_load_work *work, void **items, size_t count);
/* Keeps a loader's result open until what it loaded is attached, and beyond if there is a holding. */
int weir_load_keep_result(weir_load_work *work, weir_result *result);
/* Ends the work: closes what has no holding. */
void weir_load_work_end(weir_load_work *work);

/* ---- load_selectin.c ------------------------------------------------------------------------------------------------------------ */
/* Loads the relationship of the step for all parents, by statements of at most `group` keys, and no more than the database takes. */
int weir_load_by_keys(weir_load_work *work, const weir_load_node *node, const weir_load_step *step, weir_instances parents, int64_t group);
/* Sets a collection: the pointers are copied to where the parent's values lie. */
int weir_load_attach_many(weir_load_work *work, weir_instance *parent, const weir_mapped_relationship *relationship, void **items,
                          size_t count);
/* Tells that a to-one matched several rows. */
int weir_load_warn_several(const weir_load_work *work, const weir_mapped_relationship *relationship);

/* ---- load_statement.c ------------------------------------------------------------------------------------------------------------ */
/* SELECT of the relationship's targets, with the columns of an association table behind them, WHERE the keys (count rows of
 * pair_count values) match. NULL, with the error: no memory. Mistakes are kept in the statement. */
weir_stmt *weir_load_statement(weir_load_work *work, const weir_load_node *node, weir_mapped_relationship *relationship,
                               const weir_value *keys, size_t count);

/* ---- load_subquery.c ------------------------------------------------------------------------------------------------------------- */
int64_t weir_load_subquery_group(const weir_load_work *work);
/* For those who want SQLAlchemy's refusal: WEIR_INVALID_REQUEST when the plan has a subquery load. */
int weir_load_subquery_refuse(const weir_load_node *node, weir_error *error);

/* ---- load_joined.c ---------------------------------------------------------------------------------------------------------------- */
/* Attaches what the batch's rows carry in hidden items: all of it, or the to-ones alone. */
int weir_load_joined(weir_reading *reading, weir_load_work *work, bool collections);

/* ---- load_contiguous.c ------------------------------------------------------------------------------------------------------------ */
/* WEIR_INVALID_REQUEST: more than one collection. */
int weir_load_contiguous_check(const weir_select_shape *shape, weir_error *error);
int weir_load_contiguous(weir_reading *reading, weir_load_work *work, weir_load_carry *carry);
/* Says for whom the rows are gathered that found no room. */
void weir_load_name_carried(const weir_reading *reading, weir_error *error);
void weir_load_carry_drop(weir_load_carry *carry);

/* ---- load_lazy.c ------------------------------------------------------------------------------------------------------------------ */
/* One instance's relationship: through the identity map, else by a statement. */
int weir_load_one(weir_load_work *work, const weir_load_node *node, const weir_load_step *step, weir_instance *parent);
#endif
