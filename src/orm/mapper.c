/* Mappers: what a store knows of an entity, worked out at its first use. */
#include "orm/orm.h"
#include <string.h>

static bool is_integer(const weir_member *member)
{
    return member->type == WEIR_M_INT64 || member->type == WEIR_M_INT32 || member->type == WEIR_M_INT16;
}

static bool is_pointer(const weir_member *member) { return member->type >= WEIR_M_CSTR && member->type <= WEIR_M_ARRAY; }

static int map_relationships(weir_mapper *mapper, weir_error *error)
{
    const weir_entity *entity = mapper->entity;
    for (size_t i = 0; i < entity->member_count; i++) {
        const weir_member *member = &entity->members[i];
        if (member->kind == WEIR_MEMBER_COLUMN)
            continue;
        if (mapper->relationship_count == WEIR_RELATIONSHIPS_MAX)
            return weir_error_set(error, WEIR_MAPPING, "%s has more than %d relationships", entity->name, WEIR_RELATIONSHIPS_MAX);
        weir_mapped_relationship *to = &mapper->relationships[mapper->relationship_count];
        int status = weir_relationship_resolve(entity, member, &mapper->store->arena, &to->pairs, error);
        if (status != WEIR_OK)
            return status;
        to->member = member;
        to->bit = (unsigned)mapper->relationship_count++;
    }
    return WEIR_OK;
}

static int map_columns(weir_mapper *mapper)
{
    const weir_entity *entity = mapper->entity;
    weir_arena *arena = &mapper->store->arena;
    size_t count = entity->member_count + 1;
    mapper->columns = weir_arena_take(arena, count * sizeof *mapper->columns);
    mapper->keys = weir_arena_take(arena, count * sizeof *mapper->keys);
    mapper->relationships = weir_arena_take(arena, count * sizeof *mapper->relationships);
    mapper->scratch = weir_arena_take(arena, entity->size);
    if (!mapper->columns || !mapper->keys || !mapper->relationships || !mapper->scratch)
        return WEIR_OUT_OF_MEMORY;
    memset(mapper->relationships, 0, count * sizeof *mapper->relationships);
    memset(mapper->scratch, 0, entity->size);
    size_t covered = 0;
    for (size_t i = 0; i < entity->member_count; i++) {
        const weir_member *member = &entity->members[i];
        if (member->kind != WEIR_MEMBER_COLUMN)
            continue;
        covered += member->size;
        mapper->columns[mapper->column_count++] = member;
        mapper->has_pointers = mapper->has_pointers || is_pointer(member);
        if (member->primary_key)
            mapper->keys[mapper->key_count++] = member;
    }
    mapper->has_gaps = covered != entity->size;
    mapper->integer_key = mapper->key_count == 1 && is_integer(mapper->keys[0]);
    return WEIR_OK;
}

weir_mapper *weir_store_mapper(weir_store *store, const weir_entity *entity, weir_error *error)
{
    for (weir_mapper *mapper = store->mappers; mapper; mapper = mapper->next)
        if (mapper->entity == entity)
            return mapper;
    if (weir_entity_check(entity, error) != WEIR_OK)
        return NULL;
    weir_mapper *mapper = weir_arena_take(&store->arena, sizeof *mapper);
    if (mapper) {
        *mapper = (weir_mapper){ .entity = entity, .store = store };
        if (map_columns(mapper) != WEIR_OK)
            mapper = NULL;
    }
    if (!mapper) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    if (map_relationships(mapper, error) != WEIR_OK)
        return NULL;
    if (!mapper->key_count) {
        weir_error_set(error, WEIR_MAPPING, "%s has no primary key: its rows cannot be instances", entity->name);
        return NULL;
    }
    weir_identity_begin(mapper);
    mapper->next = store->mappers;
    store->mappers = mapper;
    return mapper;
}

weir_mapped_relationship *weir_mapper_relationship(weir_mapper *mapper, size_t offset)
{
    for (size_t i = 0; i < mapper->relationship_count; i++)
        if (mapper->relationships[i].member->offset == offset)
            return &mapper->relationships[i];
    return NULL;
}

weir_mapper *weir_mapper_target(weir_mapped_relationship *relationship, weir_mapper *parent, weir_error *error)
{
    if (!relationship->target)
        relationship->target = weir_store_mapper(parent->store, relationship->member->target, error);
    return relationship->target;
}
