/* Whether live tables fit the entities that map them. */
#include <weir/engine.h>
#include <weir/schema.h>
#include <stdio.h>
#include <string.h>
#include "schema/live.h"
#include "schema/types.h"
#include "sql/select.h"

typedef struct checker {
    weir_connection   *connection;
    bool               postgresql;
    weir_arena         arena;           /* of one entity */
    weir_difference_fn fn;
    void              *context;
    int64_t            count;
    weir_error        *error;
} checker;

/* What a column should be: of an entity's own member, or of an association table for a relationship. */
typedef struct wanted {
    const weir_entity *entity;
    const weir_member *member;          /* named in differences */
    const weir_member *typed;           /* whose C type the values have: the same, or a key's */
    const char        *table, *column;
    bool               not_null;
} wanted;

static void report(checker *c, weir_difference_kind kind, const weir_entity *entity, const weir_member *member,
                   const char *format, ...) WEIR_PRINTF_(5, 6);
static void report(checker *c, weir_difference_kind kind, const weir_entity *entity, const weir_member *member,
                   const char *format, ...)
{
    char message[1024];
    weir_difference difference = { .kind = kind, .entity = entity, .member = member };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    weir_error_text(difference.message, sizeof difference.message, message, strlen(message));
    c->count++;
    if (c->fn)
        c->fn(&difference, c->context);
}

/* ---- columns ---------------------------------------------------------------------------------------------- */
static void check_column(checker *c, const weir_live_table *live, const wanted *w)
{
    char c_type[64];
    const char *why, *declared;
    const weir_live_column *column = weir_live_table_column(live, w->column, c->postgresql);
    weir_schema_c_type(w->typed, c_type, sizeof c_type);
    if (!column) {
        report(c, WEIR_COLUMN_MISSING, w->entity, w->member, "%s has no column %s for the member %s.%s", w->table, w->column, w->entity->name,
               w->member->name);
        return;
    }
    int kind = weir_schema_compare(w->typed, &column->info, c->postgresql, &why);
    declared = *column->info.database_type ? column->info.database_type : "of no declared type";
    if (kind)
        report(c, (weir_difference_kind)kind, w->entity, w->member, "%s.%s is %s, the member %s.%s is %s%s", w->table, w->column,
               declared, w->entity->name, w->member->name, c_type, why);
    if (w->not_null && !column->not_null && !live->view)
        report(c, WEIR_NULLABLE_COLUMN, w->entity, w->member,
               "%s.%s can be NULL, the member %s.%s (%s) cannot: ALTER it to NOT NULL, or map "
               "it with a type that has NULL",
               w->table, w->column, w->entity->name, w->member->name, c_type);
}

/* ---- keys ------------------------------------------------------------------------------------------------- */
static void append_name(char *list, size_t size, const char *name)
{
    size_t length = strlen(list);
    snprintf(list + length, size - length, "%s%s", length ? ", " : "", name);
}

static void check_key(checker *c, const weir_live_table *live, const weir_entity *entity)
{
    char mapped[80] = "", found[80] = "";
    size_t matching = 0, keys = 0;
    for (size_t i = 0; i < live->column_count; i++)
        if (live->columns[i].key) {
            keys++;
            append_name(found, sizeof found, live->columns[i].info.name);
        }
    for (size_t i = 0; weir_entity_key(entity, i); i++) {
        const char *name = weir_member_column(weir_entity_key(entity, i));
        const weir_live_column *column = weir_live_table_column(live, name, c->postgresql);
        matching += column && column->key;
        append_name(mapped, sizeof mapped, name);
    }
    if (live->view || (keys == matching && keys == weir_entity_key_count(entity)))
        return;
    if (keys == 0)
        report(c, WEIR_KEY_DIFFERS, entity, NULL, "%s has no primary key, that of %s is (%s)", entity->table, entity->name,
               mapped);
    else
        report(c, WEIR_KEY_DIFFERS, entity, NULL, "the primary key of %s is (%s), that of %s is (%s)", entity->table, found,
               entity->name, mapped);
}

/* ---- association tables ----------------------------------------------------------------------------------- */
static int check_association(checker *c, const weir_entity *entity, const weir_member *member)
{
    weir_relationship between;
    weir_live_table live;
    if (!member->association)
        return WEIR_OK;
    weir_table_name association = weir_table_name_of(member->association);
    if (weir_relationship_resolve(entity, member, &c->arena, &between, c->error) != WEIR_OK ||
        weir_live_table_read(c->connection, c->postgresql, &association, &c->arena, &live, c->error) != WEIR_OK)
        return c->error->status;
    if (!live.exists) {
        report(c, WEIR_TABLE_MISSING, entity, member, "the table %s of the relationship %s.%s does not exist",
               member->association, entity->name, member->name);
        return WEIR_OK;
    }
    for (size_t i = 0; i < between.pair_count; i++) {
        check_column(c, &live,
                     &(wanted){ entity, member, between.local[i], member->association, member->association_local[i], false });
        check_column(c, &live,
                     &(wanted){ entity, member, between.remote[i], member->association, member->association_remote[i], false });
    }
    return WEIR_OK;
}

/* ---- entities --------------------------------------------------------------------------------------------- */
static int check_entity(checker *c, const weir_entity *entity)
{
    weir_live_table live;
    weir_table_name table = weir_table_name_of(entity->table);
    int status = weir_live_table_read(c->connection, c->postgresql, &table, &c->arena, &live, c->error);
    if (status != WEIR_OK)
        return status;
    if (!live.exists)
        report(c, WEIR_TABLE_MISSING, entity, NULL, "the table %s of %s does not exist", entity->table, entity->name);
    for (size_t i = 0; i < entity->member_count && live.exists; i++) {
        const weir_member *member = &entity->members[i];
        if (member->kind == WEIR_MEMBER_COLUMN)
            check_column(c, &live, &(wanted){ entity, member, member, entity->table, weir_member_column(member),
                                              !weir_schema_has_null(member) });
    }
    if (live.exists)
        check_key(c, &live, entity);
    for (size_t i = 0; i < entity->member_count && status == WEIR_OK; i++)
        if (entity->members[i].kind != WEIR_MEMBER_COLUMN)
            status = check_association(c, entity, &entity->members[i]);
    return status;
}

static int check_all(checker *c, weir_engine *engine, const weir_entity *const *entities)
{
    int status = WEIR_OK;
    c->connection = weir_engine_connect(engine);
    c->postgresql = strcmp(weir_engine_dialect(engine), "postgresql") == 0;
    for (size_t i = 0; entities[i] && status == WEIR_OK; i++) {
        if (!entities[i]->table)
            continue;
        status = check_entity(c, entities[i]);
        weir_arena_reset(&c->arena, 1 << 16);
    }
    int closed = weir_connection_close(&c->connection);
    if (status == WEIR_OK && closed != WEIR_OK)
        status = weir_error_set(c->error, closed, "closing the connection failed: %s", weir_status_name(closed));
    return status;
}

int64_t weir_schema_check(weir_engine *engine, const weir_entity *const *entities, weir_difference_fn fn, void *context,
                          weir_error *error)
{
    weir_error unread;
    checker c = { .fn = fn, .context = context, .error = error ? error : &unread };
    weir_error_clear(c.error);
    if (!entities)
        return weir_error_set(c.error, WEIR_ARGUMENT, "the list of entities is NULL; it ends with NULL");
    int status = WEIR_OK;
    for (size_t i = 0; entities[i] && status == WEIR_OK; i++)
        status = weir_entity_check(entities[i], c.error);
    if (status != WEIR_OK)
        return status;
    weir_arena_init(&c.arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 4096);
    status = check_all(&c, engine, entities);
    weir_arena_free(&c.arena);
    return status ? status : c.count;
}
