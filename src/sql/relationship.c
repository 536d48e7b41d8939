/* Relationships resolved: which columns of the two sides pair with each other. */
#include <string.h>
#include "sql/entity.h"

/* ---- foreign keys between two entities ---- */

/* The part of "table.column" behind the last point, when what is before it is the entity's table. */
static const char *column_in(const char *foreign_key, const weir_entity *entity)
{
    const char *point = foreign_key ? strrchr(foreign_key, '.') : NULL;
    size_t length = point ? (size_t)(point - foreign_key) : 0;
    bool here = point && entity->table && strlen(entity->table) == length && !memcmp(foreign_key, entity->table, length);
    return here ? point + 1 : NULL;
}

static const weir_member *member_of_column(const weir_entity *entity, const char *column)
{
    for (size_t i = 0; i < entity->member_count; i++) {
        const weir_member *member = &entity->members[i];
        const char *name = member->kind == WEIR_MEMBER_COLUMN ? weir_member_column(member) : NULL;
        if (name && !strcmp(name, column))
            return member;
    }
    return NULL;
}

/* Appends the foreign keys of `holder` that name columns of `named`. The lists have room for all of the holder's members. */
static int collect_keys(const weir_entity *holder, const weir_entity *named, const weir_member **keys, const weir_member **referenced,
                        size_t *count, weir_error *error)
{
    for (size_t i = 0; i < holder->member_count; i++) {
        const weir_member *key = &holder->members[i];
        const char *column = key->kind == WEIR_MEMBER_COLUMN ? column_in(key->foreign_key, named) : NULL;
        if (!column)
            continue;
        const weir_member *member = member_of_column(named, column);
        if (!member)
            return weir_error_set(error, WEIR_MAPPING, "%s.%s: its foreign key \"%s\" names a column that %s does not map", holder->name,
                                  key->name, key->foreign_key, named->name);
        keys[*count] = key;
        referenced[(*count)++] = member;
    }
    return WEIR_OK;
}

/* Several columns are one key when each refers to another column of one primary key. */
static bool is_one_path(const weir_member *const *referenced, size_t count)
{
    for (size_t i = 0; count > 1 && i < count; i++) {
        if (!referenced[i]->primary_key)
            return false;
        for (size_t k = 0; k < i; k++)
            if (referenced[i] == referenced[k])
                return false;
    }
    return true;
}

int weir_key_path_find(const weir_entity *near, const weir_entity *far, bool holder_is_near, weir_arena *arena, weir_key_path *out,
                       weir_error *error)
{
    size_t here = 0, there = 0;
    size_t room = near->member_count + far->member_count;
    const weir_member **lists = weir_arena_take(arena, 4 * room * sizeof *lists);
    if (!lists)
        return weir_error_out_of_memory(error);
    const weir_member **near_keys = lists, **far_referenced = lists + room;
    const weir_member **far_keys = lists + 2 * room, **near_referenced = lists + 3 * room;
    int status = WEIR_OK;
    if (near != far || holder_is_near)
        status = collect_keys(near, far, near_keys, far_referenced, &here, error);
    if (status == WEIR_OK && (near != far || !holder_is_near))
        status = collect_keys(far, near, far_keys, near_referenced, &there, error);
    if (status != WEIR_OK)
        return status;
    if (!here && !there)
        return WEIR_NO_FOREIGN_KEYS;
    if ((here && there) || !is_one_path(far_referenced, here) || !is_one_path(near_referenced, there))
        return WEIR_AMBIGUOUS_FOREIGN_KEYS;
    *out = here ? (weir_key_path){ here, near_keys, far_referenced } : (weir_key_path){ there, near_referenced, far_keys };
    return WEIR_OK;
}

/* ---- the pairs of a relationship ---- */

static int wrong(const weir_relationship *r, weir_error *error, const char *what)
{
    return weir_error_set(error, WEIR_MAPPING, "%s.%s: %s", r->parent->name, r->member->name, what);
}

static int pairs_by_foreign_key(weir_relationship *r, weir_arena *arena, weir_error *error)
{
    weir_key_path path;
    int status = weir_key_path_find(r->parent, r->target, !r->to_many, arena, &path, error);
    const char *parent = r->parent->name, *member = r->member->name;
    if (status == WEIR_NO_FOREIGN_KEYS)
        return weir_error_set(error, status,
                              "Could not determine join condition between parent/child tables on relationship %s.%s - there are no "
                              "foreign keys linking these tables. Say .foreign_key = \"table.column\" of the referencing column, or give "
                              "the relationship its .pairs = WEIR_PAIRS(...).", parent, member);
    if (status == WEIR_AMBIGUOUS_FOREIGN_KEYS)
        return weir_error_set(error, status,
                              "Could not determine join condition between parent/child tables on relationship %s.%s - there are multiple "
                              "foreign key paths linking the tables. Give the relationship its .pairs = WEIR_PAIRS(...).", parent, member);
    if (status != WEIR_OK)
        return status;
    r->pair_count = path.count;
    r->local = path.near;
    r->remote = path.far;
    return WEIR_OK;
}

/* One side of a pair: a column's member, or the entity's primary key. */
static int resolve_side(const weir_relationship *r, const weir_entity *entity, size_t offset, const weir_member **out, weir_error *error)
{
    size_t keys = weir_entity_key_count(entity);
    if (offset != WEIR_KEY_) {
        const weir_member *member = weir_entity_member(entity, offset);
        if (!member || member->kind != WEIR_MEMBER_COLUMN)
            return weir_error_set(error, WEIR_MAPPING, "%s.%s: one of its pairs names a member of %s that is not a mapped column",
                                  r->parent->name, r->member->name, entity->name);
        *out = member;
        return WEIR_OK;
    }
    if (keys == 0)
        return weir_error_set(error, WEIR_MAPPING, "%s.%s: %s has no primary key", r->parent->name, r->member->name, entity->name);
    if (keys > 1)
        return weir_error_set(error, WEIR_MAPPING, "%s.%s: the primary key of %s has %zu columns, so the relationship needs its .pairs = "
                              "WEIR_PAIRS(...)", r->parent->name, r->member->name, entity->name, keys);
    *out = weir_entity_key(entity, 0);
    return WEIR_OK;
}

static int pairs_as_given(weir_relationship *r, weir_arena *arena, weir_error *error)
{
    size_t count = r->member->pair_count;
    const weir_member **sides = weir_arena_take(arena, 2 * count * sizeof *sides);
    if (!sides)
        return weir_error_out_of_memory(error);
    r->pair_count = count;
    r->local = sides;
    r->remote = sides + count;
    for (size_t i = 0; i < count; i++) {
        const weir_pair *pair = &r->member->pairs[i];
        if (resolve_side(r, r->parent, pair->local, &r->local[i], error) != WEIR_OK ||
            resolve_side(r, r->target, pair->remote, &r->remote[i], error) != WEIR_OK)
            return error->status;
    }
    return WEIR_OK;
}

/* Keys that can never be equal would load nothing, without a word. */
static int check_families(const weir_relationship *r, weir_error *error)
{
    for (size_t i = 0; i < r->pair_count && !r->through_association; i++)
        if (weir_family_of(r->local[i]) != weir_family_of(r->remote[i]))
            return weir_error_set(error, WEIR_MAPPING, "%s.%s: it pairs %s.%s with %s.%s, and their types cannot be equal", r->parent->name,
                                  r->member->name, r->parent->name, r->local[i]->name, r->target->name, r->remote[i]->name);
    return WEIR_OK;
}

static int check_association(const weir_relationship *r, weir_error *error)
{
    const weir_member *m = r->member;
    if (!r->to_many)
        return wrong(r, error, "a relationship to one has no association table");
    if (!*m->association || !m->pair_count || !m->association_local || !m->association_remote)
        return wrong(r, error, "its association table needs a name, pairs and the columns of both sides");
    for (size_t i = 0; i < m->pair_count; i++)
        if (!m->association_local[i] || !*m->association_local[i] || !m->association_remote[i] || !*m->association_remote[i])
            return wrong(r, error, "a column of its association table has no name");
    return WEIR_OK;
}

static int check_target(const weir_relationship *r, weir_error *error)
{
    if (!r->target || !r->target->name || !r->target->members)
        return wrong(r, error, "its target is no entity");
    if (!r->target->table || !weir_entity_key_count(r->target))
        return weir_error_set(error, WEIR_MAPPING, "%s.%s: its target %s has no %s", r->parent->name, r->member->name, r->target->name,
                              r->target->table ? "primary key" : "table");
    if (r->member->pair_count && !r->member->pairs)
        return wrong(r, error, "its pairs are NULL");
    return WEIR_OK;
}

/* Whether the members are the entity's whole primary key, in any order. */
static bool is_whole_key(const weir_entity *entity, const weir_member *const *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!members[i]->primary_key)
            return false;
        for (size_t k = 0; k < i; k++)
            if (members[i] == members[k])
                return false;
    }
    return count == weir_entity_key_count(entity);
}

int weir_relationship_resolve(const weir_entity *parent, const weir_member *member, weir_arena *arena, weir_relationship *out, weir_error *error)
{
    *out = (weir_relationship){ .parent = parent, .target = member->target, .member = member, .to_many = member->kind == WEIR_MEMBER_MANY,
                                .through_association = member->association != NULL };
    if (check_target(out, error) != WEIR_OK || (member->association && check_association(out, error) != WEIR_OK))
        return error->status;
    if ((member->pair_count ? pairs_as_given : pairs_by_foreign_key)(out, arena, error) != WEIR_OK || check_families(out, error) != WEIR_OK)
        return error->status;
    out->local_is_key = is_whole_key(parent, out->local, out->pair_count);
    out->remote_is_key = !out->to_many && is_whole_key(out->target, out->remote, out->pair_count);
    return WEIR_OK;
}
