/* The tables that entities ask for, association tables among them, in an order in which they can be made. */
#include "schema/plan.h"
#include <string.h>
#include "base/holds.h"
#include "schema/types.h"
#include "sql/select.h"

static void *take(weir_schema_plan *plan, size_t size, weir_error *error)
{
    void *block = weir_arena_take(&plan->arena, size);
    if (!block)
        weir_error_out_of_memory(error);
    else
        memset(block, 0, size);
    return block;
}

/* ---- tables and columns ----------------------------------------------------------------------------------- */
weir_schema_table *weir_schema_plan_find(const weir_schema_plan *plan, const char *name, size_t length)
{
    for (weir_schema_table *table = plan->tables; table; table = table->next)
        if (strlen(table->name) == length && memcmp(table->name, name, length) == 0)
            return table;
    return NULL;
}

static weir_schema_table *add_table(weir_schema_plan *plan, const char *name, const char *owner, weir_error *error)
{
    weir_schema_table *table = take(plan, sizeof *table, error);
    if (!table)
        return NULL;
    table->name = name;
    table->owner = owner;
    table->columns_end = &table->columns;
    table->references_end = &table->references;
    *plan->tables_end = table;
    plan->tables_end = &table->next;
    plan->table_count++;
    return table;
}

static weir_schema_column *find_column(const weir_schema_table *table, const char *name)
{
    weir_schema_column *column = table->columns;
    while (column && strcmp(column->name, name) != 0)
        column = column->next;
    return column;
}

static weir_schema_column *add_column(weir_schema_plan *plan, weir_schema_table *table, const char *name,
                                      const weir_member *member, weir_error *error)
{
    weir_schema_column *column = take(plan, sizeof *column, error);
    if (!column)
        return NULL;
    column->name = name;
    column->member = member;
    *table->columns_end = column;
    table->columns_end = &column->next;
    return column;
}

static int add_member(weir_schema_plan *plan, weir_schema_table *table, const weir_member *member, weir_error *error)
{
    if (member->kind != WEIR_MEMBER_COLUMN || find_column(table, weir_member_column(member)))
        return WEIR_OK;
    weir_schema_column *column = add_column(plan, table, weir_member_column(member), member, error);
    if (!column)
        return error->status;
    column->key = member->primary_key;
    column->not_null = member->primary_key || !weir_schema_has_null(member);
    column->unique = member->unique;
    column->indexed = member->indexed;
    column->generated = member->server_generated;
    table->key_count += column->key;
    return WEIR_OK;
}

static int add_entity(weir_schema_plan *plan, const weir_entity *entity, weir_error *error)
{
    int status = weir_entity_check(entity, error);
    if (status != WEIR_OK || !entity->table)
        return status;
    weir_schema_table *table = weir_schema_plan_find(plan, entity->table, strlen(entity->table));
    if (!table)
        table = add_table(plan, entity->table, entity->name, error);
    if (!table)
        return error->status;
    for (size_t i = 0; i < entity->member_count && status == WEIR_OK; i++)
        status = add_member(plan, table, &entity->members[i], error);
    return status;
}

/* ---- foreign keys ----------------------------------------------------------------------------------------- */
static weir_schema_reference *add_reference(weir_schema_plan *plan, weir_schema_table *table, const char *to, size_t count,
                                            weir_error *error)
{
    weir_schema_reference *reference = take(plan, sizeof *reference, error);
    const char **names = reference ? take(plan, 2 * count * sizeof *names, error) : NULL;
    if (!names)
        return NULL;
    *reference = (weir_schema_reference){ .table = to, .near = names, .far = names + count };
    *table->references_end = reference;
    table->references_end = &reference->next;
    return reference;
}

static bool same_table(const char *key, const char *other)
{
    const char *point = strrchr(key, '.'), *other_point = other ? strrchr(other, '.') : NULL;
    return other_point && point - key == other_point - other && memcmp(key, other, (size_t)(point - key)) == 0;
}

/* Whether the foreign keys of this table to `to` are together its primary key of several columns; each is given once. */
static bool is_composite(const weir_schema_table *table, const weir_schema_table *to, const char *key)
{
    size_t found = 0;
    for (const weir_schema_column *column = to->columns; column; column = column->next) {
        size_t named = 0;
        for (const weir_schema_column *near = table->columns; near; near = near->next)
            named +=
                same_table(key, near->member->foreign_key) && !strcmp(strrchr(near->member->foreign_key, '.') + 1, column->name);
        if (named != (column->key ? 1 : 0))
            return false;
        found += named;
    }
    return found > 1;
}

static int refer(weir_schema_plan *plan, weir_schema_table *table, const weir_schema_column *column, weir_error *error)
{
    const char *key = column->member->foreign_key, *point = strrchr(key, '.');
    weir_schema_table *to = weir_schema_plan_find(plan, key, (size_t)(point - key));
    if (to && !find_column(to, point + 1))
        return weir_error_set(error, WEIR_MAPPING, "%s.%s: its foreign key \"%s\" names a column that %s does not map",
                              table->owner, column->member->name, key, to->owner);
    bool composite = to && is_composite(table, to, key);
    for (const weir_schema_column *first = table->columns; composite && first != column; first = first->next)
        if (same_table(key, first->member->foreign_key))
            return WEIR_OK;             /* the first of them has said it for all */
    char *name = take(plan, (size_t)(point - key) + 1, error);
    weir_schema_reference *reference = name ? add_reference(plan, table, name, composite ? to->key_count : 1, error) : NULL;
    if (!reference)
        return error->status;
    memcpy(name, key, (size_t)(point - key));
    for (const weir_schema_column *near = column; near; near = composite ? near->next : NULL) {
        if (!same_table(key, near->member->foreign_key))
            continue;
        reference->near[reference->count] = near->name;
        reference->far[reference->count++] = strrchr(near->member->foreign_key, '.') + 1;
    }
    return WEIR_OK;
}

static int refer_all(weir_schema_plan *plan, weir_error *error)
{
    for (weir_schema_table *table = plan->tables; table; table = table->next)
        for (const weir_schema_column *column = table->columns; column; column = column->next)
            if (column->member->foreign_key && refer(plan, table, column, error) != WEIR_OK)
                return error->status;
    return WEIR_OK;
}

/* ---- association tables ----------------------------------------------------------------------------------- */
/* One side's columns; they refer to its entity when they hold its whole key. */
static int add_side(weir_schema_plan *plan, weir_schema_table *table, const weir_entity *entity,
                    const weir_member *const *members, const char *const *names, size_t count, weir_error *error)
{
    bool whole_key = count == weir_entity_key_count(entity);
    for (size_t i = 0; i < count; i++) {
        weir_schema_column *column = add_column(plan, table, names[i], members[i], error);
        if (!column)
            return error->status;
        column->key = column->not_null = true;
        table->key_count++;
        whole_key = whole_key && members[i]->primary_key;
    }
    if (!whole_key)
        return WEIR_OK;
    weir_schema_reference *reference = add_reference(plan, table, entity->table, count, error);
    if (!reference)
        return error->status;
    for (size_t i = 0; i < count; i++) {
        reference->near[i] = names[i];
        reference->far[i] = weir_member_column(members[i]);
    }
    reference->count = count;
    return WEIR_OK;
}

static int add_association(weir_schema_plan *plan, const weir_entity *entity, const weir_member *member, weir_error *error)
{
    weir_relationship between;
    if (!member->association || weir_schema_plan_find(plan, member->association, strlen(member->association)))
        return WEIR_OK;
    int status = weir_relationship_resolve(entity, member, &plan->arena, &between, error);
    if (status != WEIR_OK)
        return status;
    weir_schema_table *table = add_table(plan, member->association, member->association, error);
    if (!table)
        return error->status;
    status = add_side(plan, table, entity, between.local, member->association_local, between.pair_count, error);
    return status ? status
                  : add_side(plan, table, between.target, between.remote, member->association_remote, between.pair_count, error);
}

static int add_associations(weir_schema_plan *plan, const weir_entity *entity, weir_error *error)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < entity->member_count && status == WEIR_OK; i++)
        if (entity->members[i].kind != WEIR_MEMBER_COLUMN)
            status = add_association(plan, entity, &entity->members[i], error);
    return status;
}

/* ---- the order -------------------------------------------------------------------------------------------- */
static bool is_ready(const weir_schema_plan *plan, const weir_schema_table *table)
{
    for (const weir_schema_reference *reference = table->references; reference; reference = reference->next) {
        const weir_schema_table *to = weir_schema_plan_find(plan, reference->table, strlen(reference->table));
        if (to && to != table && !to->placed)
            return false;
    }
    return true;
}

static weir_schema_table *next_table(const weir_schema_plan *plan)
{
    weir_schema_table *first = NULL;
    for (weir_schema_table *table = plan->tables; table; table = table->next) {
        if (!table->placed && is_ready(plan, table))
            return table;
        if (!table->placed && !first)
            first = table;
    }
    return first;                       /* a cycle is broken here */
}

static int place_all(weir_schema_plan *plan, weir_error *error)
{
    plan->order = take(plan, (plan->table_count + 1) * sizeof *plan->order, error);
    for (size_t i = 0; plan->order && i < plan->table_count; i++) {
        weir_schema_table *table = plan->order[i] = next_table(plan);
        WEIR_HOLDS(table);              /* one is left for each place */
        table->placed = true;
        for (weir_schema_reference *reference = table->references; reference; reference = reference->next) {
            const weir_schema_table *to = weir_schema_plan_find(plan, reference->table, strlen(reference->table));
            reference->late = to && !to->placed;
        }
    }
    return plan->order ? WEIR_OK : error->status;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */
int weir_schema_plan_make(weir_schema_plan *plan, const weir_entity *const *entities, weir_error *error)
{
    int status = WEIR_OK;
    memset(plan, 0, sizeof *plan);
    weir_arena_init(&plan->arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 4096);
    plan->tables_end = &plan->tables;
    if (!entities)
        return weir_error_set(error, WEIR_ARGUMENT, "the list of entities is NULL; it ends with NULL");
    for (size_t i = 0; entities[i] && status == WEIR_OK; i++)
        status = add_entity(plan, entities[i], error);
    if (status == WEIR_OK)
        status = refer_all(plan, error);
    for (size_t i = 0; status == WEIR_OK && entities[i]; i++)
        status = entities[i]->table ? add_associations(plan, entities[i], error) : WEIR_OK;
    return status ? status : place_all(plan, error);
}

void weir_schema_plan_free(weir_schema_plan *plan) { weir_arena_free(&plan->arena); }
