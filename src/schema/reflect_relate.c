/* Foreign keys as relationships: to one where the key is, to many where it leads, many to many through tables that only associate. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/holds.h"
#include "schema/reflect.h"
#include "schema/types.h"
#include "sql/entity.h"

enum { MOST_RELATIONSHIPS = 32 };       /* of an entity, as weir/entity.h says */

bool weir_reflect_same(const weir_reflection *r, const char *a, const char *b)
{
    return (r->postgresql ? strcmp : strcasecmp)(a, b) == 0;
}

weir_reflected_table *weir_reflect_find(weir_reflection *r, const char *schema, const char *name)
{
    for (size_t i = 0; i < r->table_count; i++)
        if (weir_reflect_same(r, r->tables[i].schema, schema) && weir_reflect_same(r, r->tables[i].name, name))
            return &r->tables[i];
    return NULL;
}

weir_reflected_column *weir_reflect_column(const weir_reflection *r, const weir_reflected_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (weir_reflect_same(r, table->columns[i].info->name, name))
            return &table->columns[i];
    return NULL;
}

static weir_reflected_column *key_column(const weir_reflected_table *table, size_t index)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].key && index-- == 0)
            return &table->columns[i];
    return NULL;
}

/* ---- where foreign keys lead ------------------------------------------------------------------------------------------------------ */
/* Both columns of a pair, if they can be equal; else the key's note says what is wrong. */
static void resolve_pair(weir_reflection *r, weir_reflected_table *table, weir_reflected_key *key, weir_reflected_table *target, size_t i)
{
    weir_reflected_column *near = key->near_names[i] ? weir_reflect_column(r, table, key->near_names[i]) : NULL;
    weir_reflected_column *far = key->far_names[i] ? weir_reflect_column(r, target, key->far_names[i]) : key_column(target, i);
    key->near[i] = near;
    key->far[i] = far;
    if (!near || !far) {
        key->note = "it names a column that does not exist";
        return;
    }
    weir_member here = weir_reflect_member(near), there = weir_reflect_member(far);
    if (near->type == WEIR_M_NONE || far->type == WEIR_M_NONE)
        key->note = "one of its columns is not mapped";
    else if (weir_family_of(&here) != weir_family_of(&there))
        key->note = "the types of its two sides cannot be equal";
}

static void resolve_key(weir_reflection *r, weir_reflected_table *table, weir_reflected_key *key)
{
    weir_reflected_table *target = weir_reflect_find(r, key->target_schema, key->target_name);
    if (!target)
        key->note = "the table that it refers to is not among those of this header";
    else if (target->why)
        key->note = "the table that it refers to is not mapped";
    for (size_t i = 0; target && !key->note && i < key->count; i++)
        resolve_pair(r, table, key, target, i);
    if (target && !key->note && !key->far_names[0] && weir_reflect_key_count(target) != key->count)
        key->note = "it has another number of columns than the key that it refers to";
    if (!key->note) {
        key->target = target;
        target->referenced = true;
    }
}

/* "invoices.id" of the first key that has the column; a column name with a point would be split at it. */
static void say_foreign_keys(weir_reflection *r, weir_reflected_table *table)
{
    for (weir_reflected_key *key = table->keys; key; key = key->next)
        for (size_t i = 0; key->target && i < key->count; i++)
            if (!key->near[i]->foreign_key && !strchr(key->far[i]->info->name, '.'))
                key->near[i]->foreign_key = weir_reflect_text(r, "%s.%s", key->target->spelled, key->far[i]->info->name);
}

/* ---- tables between ---------------------------------------------------------------------------------------------------------------- */
/* One column that leads to the sole key of an entity, and holds its values. */
static bool leads_to_key(const weir_reflection *r, const weir_reflected_key *key)
{
    const char *why;
    if (!key->target || key->count != 1 || !key->near[0]->key || !key->far[0]->key || weir_reflect_key_count(key->target) != 1)
        return false;
    weir_member member = weir_reflect_member(key->far[0]);
    return weir_schema_compare(&member, key->near[0]->info, r->postgresql, &why) == 0;
}

/* Two columns, both of the primary key, each of one foreign key; nothing refers to it, so that no table between leads to another one. */
static bool associates(const weir_reflection *r, const weir_reflected_table *table)
{
    const weir_reflected_key *first = table->keys, *second = first ? first->next : NULL;
    if (table->why || table->referenced || table->column_count != 2 || weir_reflect_key_count(table) != 2 || !second || second->next)
        return false;
    return leads_to_key(r, first) && leads_to_key(r, second) && first->near[0] != second->near[0];
}

/* ---- relationships ------------------------------------------------------------------------------------------------------------------ */
static void add_relation(weir_reflection *r, weir_reflected_table *table, weir_reflected_relation relation)
{
    weir_reflected_relation *copy = weir_reflect_take(r, sizeof *copy);
    if (!copy)
        return;
    *copy = relation;
    if (!copy->note && table->relation_count == MOST_RELATIONSHIPS)
        copy->note = "an entity has at most 32 relationships";
    table->relation_count += !copy->note;
    *table->relations_end = copy;
    table->relations_end = &copy->next;
}

/* "customer" of "customer_id", "customerId", "CustomerID"; NULL: it has no such ending. */
static const char *without_id(weir_reflection *r, const char *column)
{
    size_t length = strlen(column);
    if (length < 3 || strcasecmp(column + length - 2, "id") != 0)
        return NULL;
    char before = column[length - 3];
    bool underscore = before == '_' || before == ' ' || before == '-';
    bool hump = column[length - 2] == 'I' && before >= 'a' && before <= 'z';
    if (!underscore && !hump)
        return NULL;
    size_t keep = length - (underscore ? 3 : 2);
    return keep ? weir_reflect_text(r, "%.*s", (int)keep, column) : NULL;
}

static bool same_pair(const weir_reflected_key *a, const weir_reflected_key *b) { return a->target == b->target; }

/* Whether another foreign key of the table leads to the same target. */
static bool has_rival(const weir_reflected_table *table, const weir_reflected_key *key)
{
    for (const weir_reflected_key *other = table->keys; other; other = other->next)
        if (other != key && other->target && same_pair(other, key))
            return true;
    return false;
}

/* Whether a second table between leads from the one to the other. */
static bool has_rival_between(const weir_reflection *r, const weir_reflected_table *between)
{
    WEIR_HOLDS(between->keys && between->keys->next);       /* what a table between is */
    const weir_reflected_table *a = between->keys->target, *b = between->keys->next->target;
    for (size_t i = 0; i < r->table_count; i++) {
        const weir_reflected_table *other = &r->tables[i];
        if (other == between || !other->between)
            continue;
        WEIR_HOLDS(other->keys && other->keys->next);
        const weir_reflected_table *c = other->keys->target, *d = other->keys->next->target;
        if ((a == c && b == d) || (a == d && b == c))
            return true;
    }
    return false;
}

static const char *role(weir_reflection *r, const weir_reflected_key *key)
{
    const char *column = key->near[0]->info->name, *stem = key->count == 1 ? without_id(r, column) : NULL;
    return stem ? stem : column;
}

static const char *to_one_name(weir_reflection *r, const weir_reflected_table *table, const weir_reflected_key *key)
{
    const char *stem = key->count == 1 ? without_id(r, key->near[0]->info->name) : NULL;
    if (stem)
        return stem;
    if (key->count > 1 && !has_rival(table, key))
        return key->target->name;
    return weir_reflect_text(r, "%s_%s", key->near[0]->info->name, key->target->name);
}

static const char *to_many_name(weir_reflection *r, const weir_reflected_table *holder, const weir_reflected_key *key)
{
    if (key->target != holder && !has_rival(holder, key))
        return holder->name;
    return weir_reflect_text(r, "%s_by_%s", holder->name, role(r, key));
}

static const char *many_to_many_name(weir_reflection *r, const weir_reflected_table *between, const weir_reflected_key *far)
{
    WEIR_HOLDS(between->keys && between->keys->next);
    if (between->keys->target == between->keys->next->target)
        return weir_reflect_text(r, "%s_by_%s", between->name, role(r, far));
    return has_rival_between(r, between) ? weir_reflect_text(r, "%s_by_%s", far->target->name, between->name) : far->target->name;
}

static void relate_to_one(weir_reflection *r, weir_reflected_table *table)
{
    for (weir_reflected_key *key = table->keys; key && r->error->status == WEIR_OK; key = key->next) {
        if (key->target)
            add_relation(r, table, (weir_reflected_relation){ .member = to_one_name(r, table, key), .target = key->target, .key = key });
        else
            add_relation(r, table, (weir_reflected_relation){ .note = key->note, .key = key });
    }
}

static void relate_to_many(weir_reflection *r, weir_reflected_table *holder)
{
    for (weir_reflected_key *key = holder->keys; key && r->error->status == WEIR_OK; key = key->next)
        if (key->target)
            add_relation(r, key->target, (weir_reflected_relation){ .to_many = true, .member = to_many_name(r, holder, key), .target = holder,
                                                                    .key = key });
}

static void relate_many_to_many(weir_reflection *r, weir_reflected_table *between)
{
    WEIR_HOLDS(between->keys && between->keys->next);
    weir_reflected_key *sides[] = { between->keys, between->keys->next };
    for (size_t i = 0; i < 2 && r->error->status == WEIR_OK; i++) {
        weir_reflected_key *near = sides[i], *far = sides[1 - i];
        add_relation(r, near->target, (weir_reflected_relation){ .to_many = true, .member = many_to_many_name(r, between, far),
                                                                 .target = far->target, .key = near, .between = between, .far = far });
    }
}

/* Members of columns keep their names; relationships take what is left. */
static void name_relations(weir_reflection *r, weir_reflected_table *table)
{
    weir_taken_name *taken = NULL;
    for (size_t i = 0; i < table->column_count && r->error->status == WEIR_OK; i++)
        weir_reflect_unique(r, &taken, table->columns[i].member);
    for (weir_reflected_relation *relation = table->relations; relation && r->error->status == WEIR_OK; relation = relation->next) {
        if (!relation->member)
            continue;
        const char *name = weir_reflect_identifier(r, NULL, relation->member, false);
        relation->member = name ? weir_reflect_unique(r, &taken, name) : NULL;
    }
}

int weir_reflect_relate(weir_reflection *r)
{
    weir_reflected_table *end = r->tables + r->table_count;
    for (weir_reflected_table *table = r->tables; table < end; table++)
        for (weir_reflected_key *key = table->keys; !table->why && key; key = key->next)
            resolve_key(r, table, key);
    for (weir_reflected_table *table = r->tables; table < end; table++) {
        if (table->why)
            continue;
        say_foreign_keys(r, table);
        table->between = associates(r, table);
    }
    for (weir_reflected_table *table = r->tables; table < end; table++)
        if (!table->why && !table->between)
            relate_to_one(r, table);
    for (weir_reflected_table *table = r->tables; table < end; table++)
        if (!table->why && table->between)
            relate_many_to_many(r, table);
        else if (!table->why)
            relate_to_many(r, table);
    for (weir_reflected_table *table = r->tables; table < end; table++)
        if (!table->why && !table->between)
            name_relations(r, table);
    return r->error->status;
}
