/* The order of a flush: entities by who refers to whom, and rows that refer to each other one by one. */
#include "orm/inside.h"
#include "orm/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 32 };                   /* in which cycles are cut one by one */

typedef struct edge {
    uint32_t before, after;
    weir_link_record *link;             /* of a child that is written; NULL: of deletions */
    const weir_member *const *members;  /* the child's foreign key */
    size_t            member_count;
    bool              cut;
} edge;
typedef struct order {
    weir_session *session;
    weir_job     *jobs; size_t count;
    bool          deletions;
    weir_error   *error;
    weir_arena    arena;
    weir_mapper **mappers; size_t mapper_count;
    bool         *reaches;              /* mapper_count squared: the one must come before the other */
    edge         *edges; size_t edge_count, edge_capacity;
} order;

/* ---- entities ---------------------------------------------------------------------------------------------------------------------- */

static size_t index_of(const order *o, const weir_mapper *mapper)
{
    size_t i = 0;
    while (i < o->mapper_count && o->mappers[i] != mapper)
        i++;
    return i;
}

static int collect_mappers(order *o)
{
    size_t all = 0;
    for (const weir_mapper *mapper = o->session->store->mappers; mapper; mapper = mapper->next)
        all++;
    o->mappers = weir_arena_take(&o->arena, all * sizeof(weir_mapper *));
    if (!o->mappers)
        return weir_error_out_of_memory(o->error);
    for (size_t i = 0; i < o->count; i++) {
        weir_mapper *mapper = weir_mapper_of(o->jobs[i].instance);
        if (index_of(o, mapper) == o->mapper_count)
            o->mappers[o->mapper_count++] = mapper;
    }
    o->reaches = weir_arena_take(&o->arena, o->mapper_count * o->mapper_count + 1);
    if (!o->reaches)
        return weir_error_out_of_memory(o->error);
    memset(o->reaches, 0, o->mapper_count * o->mapper_count + 1);
    return WEIR_OK;
}

static bool *reach(const order *o, size_t parent, size_t child) { return &o->reaches[parent * o->mapper_count + child]; }

static void note_parent(const order *o, const weir_entity *parent, const weir_entity *child)
{
    for (size_t i = 0; i < o->mapper_count; i++)
        for (size_t k = 0; k < o->mapper_count; k++)
            if (o->mappers[i]->entity == parent && o->mappers[k]->entity == child)
                *reach(o, i, k) = true;
}

/* "orders.id" names a column of this entity's table. */
static bool names_table(const char *foreign_key, const weir_entity *entity)
{
    size_t length = strlen(entity->table);
    return foreign_key && !strncmp(foreign_key, entity->table, length) && foreign_key[length] == '.' && !strchr(foreign_key + length + 1, '.');
}

static void note_entity(const order *o, const weir_mapper *mapper)
{
    for (size_t i = 0; i < mapper->relationship_count; i++) {
        const weir_mapped_relationship *r = &mapper->relationships[i];
        if (r->pairs.through_association)
            continue;
        if (weir_key_is_remote(r))
            note_parent(o, mapper->entity, r->pairs.target);
        else
            note_parent(o, r->pairs.target, mapper->entity);
    }
    for (size_t i = 0; i < mapper->column_count; i++)
        for (size_t k = 0; mapper->columns[i]->foreign_key && k < o->mapper_count; k++)
            if (names_table(mapper->columns[i]->foreign_key, o->mappers[k]->entity))
                note_parent(o, o->mappers[k]->entity, mapper->entity);
}

static int rank_entities(order *o, uint32_t **ranks)
{
    size_t n = o->mapper_count;
    for (size_t i = 0; i < n; i++)
        note_entity(o, o->mappers[i]);
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; *reach(o, i, k) && j < n; j++)
                *reach(o, i, j) = *reach(o, i, j) || *reach(o, k, j);
    *ranks = weir_arena_take(&o->arena, (n + 1) * sizeof **ranks);
    if (!*ranks)
        return weir_error_out_of_memory(o->error);
    memset(*ranks, 0, (n + 1) * sizeof **ranks);
    /* The length of the longest chain that leads there; those of one cycle share it. */
    for (size_t round = 0; round <= n; round++)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++) {
                bool same = *reach(o, i, k) && *reach(o, k, i);
                uint32_t wanted = (*ranks)[i] + !same;
                if (i != k && *reach(o, i, k) && (*ranks)[k] < wanted)
                    (*ranks)[k] = wanted;
            }
    return WEIR_OK;
}

/* ---- rows of entities that are in a cycle with each other, or with themselves ------------------------------------------------------------ */

static int add_edge(order *o, const weir_instance *parent, const weir_instance *child, edge new)
{
    const weir_side *of_parent = weir_side_of(parent);
    if (!of_parent || !of_parent->node || o->jobs[of_parent->node - 1].instance != parent)
        return WEIR_OK;
    size_t p = index_of(o, weir_mapper_of(parent)), c = index_of(o, weir_mapper_of(child));
    if (!*reach(o, c, p))               /* their entities are in order already */
        return WEIR_OK;
    if (o->edge_count == o->edge_capacity) {
        size_t capacity = o->edge_capacity ? o->edge_capacity * 2 : 64;
        edge *edges = weir_resize(&o->session->store->ledger, WEIR_MEMORY_HANDLES, o->edges, capacity * sizeof *edges);
        if (!edges)
            return weir_error_out_of_memory(o->error);
        o->edges = edges;
        o->edge_capacity = capacity;
    }
    uint32_t a = of_parent->node - 1, b = weir_side_of(child)->node - 1;
    new.before = o->deletions ? b : a;
    new.after = o->deletions ? a : b;
    o->edges[o->edge_count++] = new;
    return WEIR_OK;
}

/* A new parent must be there before its children are. */
static int edges_of_write(order *o, weir_instance *instance)
{
    for (weir_link_record *link = weir_side_of(instance)->links; link; link = link->next)
        if ((link->kind == WEIR_LINK_PARENT || link->kind == WEIR_LINK_PARENT_OF) && link->other &&
            weir_instance_state(link->other) == WEIR_PENDING &&
            add_edge(o, link->other, instance, (edge){ .link = link, .members = weir_link_members(link),
                                                       .member_count = link->relationship->pairs.pair_count }) != WEIR_OK)
            return o->error->status;
    return WEIR_OK;
}

static weir_instance *parent_by_key(const order *o, const weir_instance *child, const weir_entity *parent, const weir_member *const *members,
                                    const weir_member *const *keys, size_t count)
{
    for (size_t i = 0; i < o->mapper_count; i++)
        if (o->mappers[i]->entity == parent)
            return weir_link_known_parent(o->mappers[i], child, members, keys, count);
    return NULL;
}

/* What an expired one has is not what its row refers to. Its DELETE tells when the row is gone. */
static int read_expired(order *o, weir_instance *instance)
{
    size_t at = index_of(o, weir_mapper_of(instance));
    if (!(instance->flags & WEIR_INSTANCE_EXPIRED) || !*reach(o, at, at))
        return WEIR_OK;
    if (weir_instance_reload(instance, o->error) == WEIR_OBJECT_DELETED)
        weir_error_clear(o->error);
    return o->error->status;
}

static int edges_of_deletion(order *o, const weir_instance *child)
{
    const weir_entity *entity = weir_mapper_of(child)->entity;
    for (size_t m = 0; m < o->mapper_count; m++)
        for (size_t i = 0; i < o->mappers[m]->relationship_count; i++) {
            const weir_mapped_relationship *r = &o->mappers[m]->relationships[i];
            bool remote = weir_key_is_remote(r);
            if (r->pairs.through_association || (remote ? r->pairs.target : r->pairs.parent) != entity)
                continue;
            const edge new = { .members = remote ? r->pairs.remote : r->pairs.local, .member_count = r->pairs.pair_count };
            const weir_instance *parent = parent_by_key(o, child, remote ? r->pairs.parent : r->pairs.target, new.members,
                                                        remote ? r->pairs.local : r->pairs.remote, new.member_count);
            if (parent && parent != child && add_edge(o, parent, child, new) != WEIR_OK)
                return o->error->status;
        }
    return WEIR_OK;
}

static int by_before(const void *one, const void *other)
{
    uint32_t a = ((const edge *)one)->before, b = ((const edge *)other)->before;
    return a < b ? -1 : a > b;
}

/* Rows that can be written once those before them are: each gets its level. How many there were. */
static size_t level_rows(order *o, uint32_t *waits, const size_t *first, uint32_t *queue)
{
    size_t done = 0, ready = 0;
    memset(waits, 0, o->count * sizeof *waits);
    for (size_t i = 0; i < o->edge_count; i++)
        waits[o->edges[i].after] += !o->edges[i].cut;
    for (size_t i = 0; i < o->count; i++) {
        o->jobs[i].level = 0;
        if (!waits[i])
            queue[ready++] = (uint32_t)i;
    }
    while (done < ready) {
        uint32_t row = queue[done++];
        for (size_t e = first[row]; e < first[row + 1]; e++) {
            const edge *to = &o->edges[e];
            if (to->cut)
                continue;
            if (o->jobs[to->after].level <= o->jobs[row].level)
                o->jobs[to->after].level = o->jobs[row].level + 1;
            if (--waits[to->after] == 0)
                queue[ready++] = to->after;
        }
    }
    return ready;
}

static bool can_be_null(const edge *e)
{
    for (size_t i = 0; i < e->member_count; i++) {
        weir_member_type type = e->members[i]->type;
        bool null = (type >= WEIR_M_CSTR && type <= WEIR_M_ARRAY) || (type >= WEIR_M_OPT_BOOL && type <= WEIR_M_OPT_UUID);
        if (!null || e->members[i]->primary_key)
            return false;
    }
    return true;
}

/* Leaves a foreign key of a cycle for later, or all that can be; false: none of them can be NULL. */
static bool cut_cycle(const order *o, const uint32_t *waits, bool all)
{
    bool any = false;
    for (size_t i = 0; i < o->edge_count && (all || !any); i++) {
        edge *e = &o->edges[i];
        if (e->cut || !waits[e->after] || !waits[e->before] || !can_be_null(e))
            continue;
        any = e->cut = true;
        if (e->link)
            e->link->deferred = true;
    }
    return any;
}

/* Before the deletions of a cycle the foreign keys that were cut are NULL. Relationships that share columns are cut together. */
static int loosen(const order *o)
{
    const weir_value null = { .type = WEIR_T_NULL };
    char reason[WEIR_REASON_SIZE];
    for (size_t i = 0; i < o->edge_count; i++) {
        const edge *e = &o->edges[i];
        weir_job *job = &o->jobs[e->before];
        for (size_t k = 0; o->deletions && e->cut && k < e->member_count; k++)
            if (weir_member_change(job->instance, e->members[k], &null, reason) != WEIR_OK)
                return weir_error_set(o->error, WEIR_DATA, "%s.%s: %s", weir_mapper_of(job->instance)->entity->name, e->members[k]->name, reason);
        job->loosened = job->loosened || (o->deletions && e->cut);
    }
    return WEIR_OK;
}

static int name_cycle(const order *o, const uint32_t *waits)
{
    char text[400];
    size_t used = 0;
    for (size_t i = 0, shown = 0; i < o->edge_count && shown < 4 && used < sizeof text - 100; i++) {
        const edge *e = &o->edges[i];
        char one[100], other[100];
        if (e->cut || !waits[e->after] || !waits[e->before])
            continue;
        weir_instance_name(o->jobs[e->before].instance, one, sizeof one);
        weir_instance_name(o->jobs[e->after].instance, other, sizeof other);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s<%s> before <%s>", shown++ ? ", " : "", one, other);
        used = used < sizeof text ? used : sizeof text - 1;
    }
    return weir_error_set(o->error, WEIR_FLUSH, "Circular dependency detected: %s. A foreign key of the cycle that can be NULL would be %s: "
                          "give its member a type with NULL", text, o->deletions ? "set to it first" : "updated after the inserts");
}

static int order_rows(order *o)
{
    for (size_t i = 0; o->deletions && i < o->count; i++)
        if (read_expired(o, o->jobs[i].instance) != WEIR_OK)
            return o->error->status;
    for (size_t i = 0; i < o->count; i++) {
        int status = o->deletions ? edges_of_deletion(o, o->jobs[i].instance) : edges_of_write(o, o->jobs[i].instance);
        if (status != WEIR_OK)
            return status;
    }
    if (!o->edge_count)
        return WEIR_OK;
    qsort(o->edges, o->edge_count, sizeof *o->edges, by_before);
    uint32_t *waits = weir_arena_take(&o->arena, o->count * sizeof *waits), *queue = weir_arena_take(&o->arena, o->count * sizeof *queue);
    size_t *first = weir_arena_take(&o->arena, (o->count + 1) * sizeof *first);
    if (!waits || !queue || !first)
        return weir_error_out_of_memory(o->error);
    for (size_t row = 0, e = 0; row <= o->count; row++) {
        while (e < o->edge_count && o->edges[e].before < row)
            e++;
        first[row] = e;
    }
    for (int round = 0; level_rows(o, waits, first, queue) < o->count; round++)
        if (!cut_cycle(o, waits, round >= ROUNDS))
            return name_cycle(o, waits);
    return loosen(o);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------------------- */

/* Rank and level first, then the entity; updates before inserts, as what they give up may be wanted; rows to be changed by their key,
 * so that two writers lock them in one order, new ones as they came. */
static int by_order(const void *one, const void *other)
{
    const weir_job *a = one, *b = other;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    const weir_mapper *ma = weir_mapper_of(a->instance), *mb = weir_mapper_of(b->instance);
    if (ma != mb)
        return strcmp(ma->entity->name, mb->entity->name) < 0 || (strcmp(ma->entity->name, mb->entity->name) == 0 && ma < mb) ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind != WEIR_JOB_INSERT && a->instance->key != b->instance->key)
        return ma->integer_key ? ((int64_t)a->instance->key < (int64_t)b->instance->key ? -1 : 1)
                               : (a->instance->key < b->instance->key ? -1 : 1);
    uint64_t x = weir_side_of(a->instance)->order, y = weir_side_of(b->instance)->order;
    return x < y ? -1 : x > y;
}

static int arrange(order *o)
{
    uint32_t *ranks;
    if (collect_mappers(o) != WEIR_OK || rank_entities(o, &ranks) != WEIR_OK)
        return o->error->status;
    for (size_t i = 0; i < o->count; i++)
        weir_side_of(o->jobs[i].instance)->node = (uint32_t)i + 1;
    int status = order_rows(o);
    for (size_t i = 0; i < o->count; i++) {
        uint32_t rank = ranks[index_of(o, weir_mapper_of(o->jobs[i].instance))];
        o->jobs[i].rank = o->deletions ? (uint32_t)o->mapper_count * 2 - rank : rank;
        weir_side_of(o->jobs[i].instance)->node = 0;
    }
    if (status == WEIR_OK)
        qsort(o->jobs, o->count, sizeof *o->jobs, by_order);
    return status;
}

int weir_flush_order(weir_session *session, weir_job *jobs, size_t count, bool deletions, weir_error *error)
{
    if (!count)
        return WEIR_OK;
    order o = { .session = session, .jobs = jobs, .count = count, .deletions = deletions, .error = error };
    weir_arena_init(&o.arena, &session->store->ledger, WEIR_MEMORY_HANDLES, 1024);
    int status = arrange(&o);
    weir_free(o.edges);
    weir_arena_free(&o.arena);
    return status;
}
