/* Entities: finding their members, and the mistakes of a mapping that a C compiler cannot see. */
#include <string.h>
#include "base/values.h"
#include "sql/entity.h"

typedef struct type_facts {
    size_t             size;            /* 0: any */
    bool               null;            /* NULL is in the type */
    weir_member_family family;
} type_facts;

static const type_facts types[WEIR_M_COUNT_] = {
    [WEIR_M_BOOL] = { sizeof(bool), false, WEIR_FAMILY_BOOL },
    [WEIR_M_INT16] = { sizeof(int16_t), false, WEIR_FAMILY_INTEGER },
    [WEIR_M_INT32] = { sizeof(int32_t), false, WEIR_FAMILY_INTEGER },
    [WEIR_M_INT64] = { sizeof(int64_t), false, WEIR_FAMILY_INTEGER },
    [WEIR_M_FLOAT] = { sizeof(float), false, WEIR_FAMILY_FLOATING },
    [WEIR_M_DOUBLE] = { sizeof(double), false, WEIR_FAMILY_FLOATING },
    [WEIR_M_CSTR] = { sizeof(const char *), true, WEIR_FAMILY_TEXT },
    [WEIR_M_TEXT] = { sizeof(weir_text), true, WEIR_FAMILY_TEXT },
    [WEIR_M_BLOB] = { sizeof(weir_blob), true, WEIR_FAMILY_BLOB },
    [WEIR_M_NUMERIC] = { sizeof(weir_numeric), true, WEIR_FAMILY_NUMERIC },
    [WEIR_M_ARRAY] = { sizeof(const weir_array *), true, WEIR_FAMILY_ARRAY },
    [WEIR_M_DATE] = { sizeof(weir_date), false, WEIR_FAMILY_DATE },
    [WEIR_M_TIME] = { sizeof(weir_time), false, WEIR_FAMILY_TIME },
    [WEIR_M_TIMETZ] = { sizeof(weir_timetz), false, WEIR_FAMILY_TIMETZ },
    [WEIR_M_TIMESTAMP] = { sizeof(weir_timestamp), false, WEIR_FAMILY_TIMESTAMP },
    [WEIR_M_TIMESTAMPTZ] = { sizeof(weir_timestamptz), false, WEIR_FAMILY_TIMESTAMPTZ },
    [WEIR_M_INTERVAL] = { sizeof(weir_interval), false, WEIR_FAMILY_INTERVAL },
    [WEIR_M_UUID] = { sizeof(weir_uuid), false, WEIR_FAMILY_UUID },
    [WEIR_M_OPT_BOOL] = { sizeof(weir_opt_bool), true, WEIR_FAMILY_BOOL },
    [WEIR_M_OPT_INT32] = { sizeof(weir_opt_int32), true, WEIR_FAMILY_INTEGER },
    [WEIR_M_OPT_INT64] = { sizeof(weir_opt_int64), true, WEIR_FAMILY_INTEGER },
    [WEIR_M_OPT_DOUBLE] = { sizeof(weir_opt_double), true, WEIR_FAMILY_FLOATING },
    [WEIR_M_OPT_DATE] = { sizeof(weir_opt_date), true, WEIR_FAMILY_DATE },
    [WEIR_M_OPT_TIME] = { sizeof(weir_opt_time), true, WEIR_FAMILY_TIME },
    [WEIR_M_OPT_TIMETZ] = { sizeof(weir_opt_timetz), true, WEIR_FAMILY_TIMETZ },
    [WEIR_M_OPT_TIMESTAMP] = { sizeof(weir_opt_timestamp), true, WEIR_FAMILY_TIMESTAMP },
    [WEIR_M_OPT_TIMESTAMPTZ] = { sizeof(weir_opt_timestamptz), true, WEIR_FAMILY_TIMESTAMPTZ },
    [WEIR_M_OPT_INTERVAL] = { sizeof(weir_opt_interval), true, WEIR_FAMILY_INTERVAL },
    [WEIR_M_OPT_UUID] = { sizeof(weir_opt_uuid), true, WEIR_FAMILY_UUID },
    [WEIR_M_CHARS] = { 0, false, WEIR_FAMILY_TEXT },
    [WEIR_M_ENUM] = { sizeof(int), false, WEIR_FAMILY_TEXT },
};

/* ---- finding members ---- */

const char *weir_member_column(const weir_member *member) { return member->column ? member->column : member->name; }

weir_member_family weir_family_of(const weir_member *member)
{
    return (unsigned)member->type < WEIR_M_COUNT_ ? types[member->type].family : WEIR_FAMILY_NONE;
}

bool weir_member_has_null(const weir_member *member)
{
    return (unsigned)member->type < WEIR_M_COUNT_ && types[member->type].null && !member->primary_key;
}

const weir_member *weir_entity_member(const weir_entity *entity, size_t offset)
{
    for (size_t i = 0; i < entity->member_count; i++)
        if (entity->members[i].offset == offset)
            return &entity->members[i];
    return NULL;
}

const weir_member *weir_entity_key(const weir_entity *entity, size_t index)
{
    for (size_t i = 0; i < entity->member_count; i++) {
        const weir_member *member = &entity->members[i];
        if (member->kind == WEIR_MEMBER_COLUMN && member->primary_key && index-- == 0)
            return member;
    }
    return NULL;
}

size_t weir_entity_key_count(const weir_entity *entity)
{
    size_t count = 0;
    while (weir_entity_key(entity, count))
        count++;
    return count;
}

/* ---- one member ---- */

typedef struct check {
    const weir_entity *entity;
    const weir_member *member;
    weir_error        *error;
} check;

/* "invoice.status: …" */
static int wrong(const check *c, const char *what)
{
    return weir_error_set(c->error, WEIR_MAPPING, "%s.%s: %s", c->entity->name, c->member->name, what);
}

static int check_type(const check *c)
{
    const weir_member *m = c->member;
    if (m->type <= WEIR_M_NONE || m->type >= WEIR_M_COUNT_)
        return wrong(c, "the type of its member is not known");
    if (types[m->type].size && types[m->type].size != m->size)
        return wrong(c, "its size is not that of its type");
    if (m->type == WEIR_M_CHARS && m->size < 2)
        return wrong(c, "a char[1] has room for nothing but its end");
    if (m->primary_key && m->type == WEIR_M_ARRAY)
        return wrong(c, "an array cannot be a primary key");
    if (m->primary_key && m->nullable)
        return wrong(c, "a primary key cannot be nullable");
    if (m->nullable && !types[m->type].null)
        return wrong(c, "it is nullable, but its C type has no NULL (weir_opt_… types, const char *, weir_text have)");
    return WEIR_OK;
}

static int check_enum(const check *c)
{
    const weir_member *m = c->member;
    if (m->type != WEIR_M_ENUM)
        return WEIR_OK;
    if (!m->enum_names || !m->enum_count)
        return wrong(c, "an enum needs the table of its names");
    for (size_t i = 0; i < m->enum_count; i++) {
        if (!m->enum_names[i])
            return weir_error_set(c->error, WEIR_MAPPING, "%s.%s: its names table has no name for %zu", c->entity->name, m->name, i);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(m->enum_names[i], m->enum_names[k]))
                return weir_error_set(c->error, WEIR_MAPPING, "%s.%s: its names table has '%s' twice", c->entity->name, m->name,
                                      m->enum_names[i]);
    }
    return WEIR_OK;
}

static int check_foreign_key(const check *c)
{
    const char *key = c->member->foreign_key, *point = key ? strrchr(key, '.') : NULL;
    if (key && (!point || point == key || !point[1]))
        return weir_error_set(c->error, WEIR_MAPPING, "%s.%s: its foreign key \"%s\" is not of the form \"table.column\"",
                              c->entity->name, c->member->name, key);
    return WEIR_OK;
}

static int check_version(const check *c)
{
    const weir_member *m = c->member;
    if (!m->version)
        return WEIR_OK;
    if (types[m->type].family != WEIR_FAMILY_INTEGER || types[m->type].null || m->primary_key)
        return wrong(c, "a version is an integer without NULL that is not of the primary key");
    for (const weir_member *other = c->entity->members; other < m; other++)
        if (other->kind == WEIR_MEMBER_COLUMN && other->version)
            return wrong(c, "an entity has one version at most");
    return WEIR_OK;
}

static int check_column(const check *c)
{
    if (!*weir_member_column(c->member))
        return wrong(c, "the name of its column is empty");
    if (check_type(c) != WEIR_OK || check_enum(c) != WEIR_OK || check_foreign_key(c) != WEIR_OK || check_version(c) != WEIR_OK)
        return c->error->status;
    return WEIR_OK;
}

static int check_relationship(const check *c)
{
    weir_relationship relationship;
    weir_arena arena;
    if (!c->entity->table)
        return wrong(c, "a struct without a table has no relationships");
    if (c->member->lazy < WEIR_LAZY_DEFAULT || c->member->lazy > WEIR_LAZY_NOLOAD)
        return wrong(c, "its .lazy is unknown");
    if (c->member->cascade & ~(unsigned)(WEIR_CASCADE_ALL | WEIR_CASCADE_DELETE_ORPHAN | WEIR_CASCADE_PASSIVE_DELETES | WEIR_CASCADE_NONE))
        return wrong(c, "its .cascade is unknown");
    if ((c->member->cascade & WEIR_CASCADE_DELETE_ORPHAN) && c->member->kind != WEIR_MEMBER_MANY)
        return wrong(c, "delete-orphan is for relationships to many");
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 256);
    int status = weir_relationship_resolve(c->entity, c->member, &arena, &relationship, c->error);
    weir_arena_free(&arena);
    return status;
}

/* ---- a member among the others ---- */

static int check_pair(const check *c, const weir_member *earlier)
{
    const weir_member *m = c->member;
    if (!strcmp(m->name, earlier->name))
        return wrong(c, "it is mapped twice");
    if (m->offset < earlier->offset + earlier->size && earlier->offset < m->offset + m->size)
        return weir_error_set(c->error, WEIR_MAPPING, "%s.%s: it overlaps %s.%s: one of them is not a member of struct %s",
                              c->entity->name, m->name, c->entity->name, earlier->name, c->entity->name);
    if (m->kind == WEIR_MEMBER_COLUMN && earlier->kind == WEIR_MEMBER_COLUMN &&
        !strcmp(weir_member_column(m), weir_member_column(earlier)))
        return weir_error_set(c->error, WEIR_MAPPING, "%s.%s: it has the column \"%s\", as %s.%s has", c->entity->name, m->name,
                              weir_member_column(m), c->entity->name, earlier->name);
    return WEIR_OK;
}

static int check_member(const weir_entity *entity, size_t index, weir_error *error)
{
    const check c = { entity, &entity->members[index], error };
    const weir_member *m = c.member;
    if (!m->name || !*m->name)
        return weir_error_set(error, WEIR_MAPPING, "%s: the %zu. of its members has no name", entity->name, index + 1);
    if (m->kind < WEIR_MEMBER_COLUMN || m->kind > WEIR_MEMBER_ONE)
        return wrong(&c, "it is neither a column nor a relationship");
    if (!m->size || m->size > entity->size || m->offset > entity->size - m->size)
        return wrong(&c, "it does not lie in the entity's struct");
    for (size_t i = 0; i < index; i++)
        if (check_pair(&c, &entity->members[i]) != WEIR_OK)
            return error->status;
    return m->kind == WEIR_MEMBER_COLUMN ? check_column(&c) : WEIR_OK;
}

/* ---- the whole ---- */

static int check_table(const weir_entity *entity, weir_error *error)
{
    const char *point = strchr(entity->table, '.');
    if (!*entity->table || point == entity->table || (point && (!point[1] || strchr(point + 1, '.'))))
        return weir_error_set(error, WEIR_MAPPING, "%s: its table \"%s\" is neither \"table\" nor \"schema.table\"", entity->name,
                              entity->table);
    if (!weir_entity_key_count(entity))
        return weir_error_set(error, WEIR_MAPPING,
                              "%s: it has no primary key; say .primary_key = true of the column, or columns, that its rows are told apart by",
                              entity->name);
    return WEIR_OK;
}

/* Relationships come last: finding their pairs reads the other members. */
int weir_entity_check(const weir_entity *entity, weir_error *error)
{
    weir_error unread;
    error = error ? error : &unread;
    weir_error_clear(error);
    if (!entity)
        return weir_error_set(error, WEIR_ARGUMENT, "the entity is NULL");
    if (!entity->name || !*entity->name)
        return weir_error_set(error, WEIR_MAPPING, "an entity has no name");
    if (!entity->members || !entity->member_count)
        return weir_error_set(error, WEIR_MAPPING, "%s: it maps no members", entity->name);
    for (size_t i = 0; i < entity->member_count; i++)
        if (check_member(entity, i, error) != WEIR_OK)
            return error->status;
    if (entity->table && check_table(entity, error) != WEIR_OK)
        return error->status;
    for (size_t i = 0; i < entity->member_count; i++) {
        const check c = { entity, &entity->members[i], error };
        if (c.member->kind != WEIR_MEMBER_COLUMN && check_relationship(&c) != WEIR_OK)
            return error->status;
    }
    return WEIR_OK;
}
