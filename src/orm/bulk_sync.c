/* Updates and deletes with criteria, executed by a session: which of its instances they hit, and what those have afterwards. */
#include "orm/bulk_sync.h"
#include "orm/inside.h"
#include "orm/unit.h"
#include <string.h>

enum { FETCH_ROWS = 1000, MANY_KEYS = 32 };

/* The instances that the statement hits: each is held. */
typedef struct hits { weir_session *session; weir_mapper *mapper; weir_instance **items; size_t count, capacity; } hits;

static int add_hit(hits *h, weir_instance *instance, weir_error *error)
{
    if (h->count == h->capacity) {
        size_t capacity = h->capacity ? h->capacity * 2 : 32;
        weir_instance **items = weir_resize(&h->session->store->ledger, WEIR_MEMORY_BATCH, h->items, capacity * sizeof(weir_instance *));
        if (!items)
            return weir_error_out_of_memory(error);
        h->items = items;
        h->capacity = capacity;
    }
    h->items[h->count++] = instance;
    instance->holds++;
    instance->flags |= WEIR_INSTANCE_HIT;
    return WEIR_OK;
}

static void drop_hits(hits *h)
{
    for (size_t i = 0; i < h->count; i++) {
        h->items[i]->holds--;
        h->items[i]->flags &= ~(uint32_t)WEIR_INSTANCE_HIT;
        weir_instance_let_go(h->items[i]);
    }
    weir_free(h->items);
    if (h->count)
        weir_store_look(h->session->store, false);
    h->items = NULL;
    h->count = h->capacity = 0;
}

weir_mapper *weir_bulk_mapper(const weir_session *session, const weir_entity *entity)
{
    for (weir_mapper *mapper = session->store->mappers; mapper; mapper = mapper->next)
        if (mapper->entity == entity)
            return mapper->map.count ? mapper : NULL;
    return NULL;
}

/* ---- which ones: by looking at them ---------------------------------------------------------------------------------------------------- */

static weir_truth all_hold(const weir_stmt *stmt, const weir_mapper *mapper, const void *object)
{
    weir_truth truth = WEIR_TRUE;
    if (stmt->tree->from_count || stmt->tree->from_source_count)
        return WEIR_CANNOT;
    for (size_t i = 0; i < stmt->tree->where.count && truth != WEIR_FALSE; i++) {
        weir_truth next = weir_evaluate_condition(stmt->tree->where.items[i], mapper, object);
        truth = next == WEIR_TRUE ? truth : next;
        if (next == WEIR_CANNOT || next == WEIR_UNKNOWN)
            return next;
    }
    return truth;
}

/* False: some condition cannot be told without SQL. An expired one has no values to look at: it counts as hit, to be reloaded. */
static bool find_by_looking(hits *h, const weir_stmt *stmt, weir_error *error)
{
    const weir_identity_map *map = &h->mapper->map;
    for (size_t i = 0; i < weir_identity_extent(map); i++) {
        weir_instance *instance = map->entries[i].instance;
        if (!instance)
            continue;
        weir_truth truth = all_hold(stmt, h->mapper, instance + 1);
        if (truth == WEIR_CANNOT)
            return false;
        if ((truth == WEIR_TRUE || instance->flags & WEIR_INSTANCE_EXPIRED) && add_hit(h, instance, error) != WEIR_OK)
            return true;
    }
    return true;
}

/* ---- which ones: by asking ------------------------------------------------------------------------------------------------------------ */

static weir_stmt *select_keys(const hits *h, const weir_stmt *stmt)
{
    const weir_mapper *mapper = h->mapper;
    weir_expr columns[MANY_KEYS];
    const weir_expr *list[MANY_KEYS + 1];
    for (size_t i = 0; i < mapper->key_count; i++) {
        columns[i] = (weir_expr){ .op = WEIR_OP_COLUMN, .entity = mapper->entity, .offset = mapper->keys[i]->offset };
        list[i] = &columns[i];
    }
    list[mapper->key_count] = NULL;
    weir_stmt *select = weir_select_list(list);
    for (size_t i = 0; i < stmt->tree->from_count; i++)
        weir_from(select, stmt->tree->from[i]);
    for (size_t i = 0; i < stmt->tree->from_source_count; i++)
        weir_from_source(select, stmt->tree->from_sources[i]);
    for (size_t i = 0; i < stmt->tree->where.count; i++)
        weir_where(select, stmt->tree->where.items[i]);
    for (size_t i = 0; i < stmt->parameter_count; i++) {
        const weir_parameter *parameter = &stmt->parameters[i];
        if (parameter->bound && parameter->list)
            weir_bind_list(select, parameter->name, parameter->values, parameter->count);
        else if (parameter->bound && weir_stmt_find(select, parameter->name, parameter->length))
            weir_bind(select, parameter->name, parameter->values[0]);
    }
    const weir_expr entity = { .op = WEIR_OP_ENTITY, .entity = mapper->entity };
    const weir_expr *const of[] = { &entity, NULL };
    weir_with_for_update(select, WEIR_LOCK_OPTIONS(.of = of));
    weir_yield_per(select, FETCH_ROWS);
    return select;
}

static int find_by_asking(hits *h, const weir_stmt *stmt, weir_error *error)
{
    if (h->mapper->key_count > MANY_KEYS)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "%s has more than %d key members: use WEIR_SYNC_NONE", h->mapper->entity->name,
                              MANY_KEYS);
    weir_connection *connection = weir_session_ready(h->session, error);
    if (!connection)
        return error->status;
    weir_stmt *select = select_keys(h, stmt);
    weir_result *result = weir_connection_execute(connection, select, NULL);
    h->session->statements++;
    weir_stmt_free(&select);
    for (const weir_row *row; error->status == WEIR_OK && (row = weir_result_next(result)) != NULL;) {
        weir_instance *instance = weir_identity_look_up(h->mapper, row->cells, h->mapper->key_count);
        if (instance)
            add_hit(h, instance, error);
    }
    if (error->status == WEIR_OK)
        *error = *weir_result_error(result);
    weir_result_drop(&result);
    return error->status;
}

static int find(hits *h, const weir_stmt *stmt, weir_error *error)
{
    weir_sync how = stmt->write->synchronize;
    if (how != WEIR_SYNC_FETCH && find_by_looking(h, stmt, error))
        return error->status;
    drop_hits(h);
    if (how == WEIR_SYNC_EVALUATE)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "Could not evaluate current criteria in the session's instances of %s: use "
                              "WEIR_SYNC_FETCH or WEIR_SYNC_NONE", h->mapper->entity->name);
    return find_by_asking(h, stmt, error);
}

/* ---- what they have afterwards --------------------------------------------------------------------------------------------------------- */

static size_t column_index(const weir_mapper *mapper, const weir_member *member)
{
    size_t i = 0;
    while (mapper->columns[i] != member)
        i++;
    return i;
}

/* Expires what the program did not change; what it changed is still to be written. */
static void reload_later(weir_instance *instance)
{
    if (instance->flags & WEIR_INSTANCE_EXPIRED)
        return;
    if (!(instance->flags & WEIR_INSTANCE_MODIFIED))
        weir_instance_expire(instance);
    else
        instance->flags |= WEIR_INSTANCE_EXPIRED;
}

void weir_bulk_store(weir_instance *instance, const weir_member *member, const weir_value *value)
{
    const weir_mapper *mapper = weir_mapper_of(instance);
    weir_side *side = weir_side_of(instance);
    char reason[WEIR_REASON_SIZE];
    if ((instance->flags & WEIR_INSTANCE_MODIFIED) && weir_before_changed(instance, column_index(mapper, member)))
        return;
    if (member->primary_key || weir_member_store(member, instance + 1, value, reason) != WEIR_OK)
        reload_later(instance);
    else if (side && side->known)
        memcpy((char *)weir_side_struct(side) + member->offset, (char *)(instance + 1) + member->offset, member->size);
}

void weir_bulk_stored(weir_instance *instance)
{
    /* Texts were borrowed. Without memory for a copy nothing may point to them. */
    if (weir_mapper_of(instance)->has_pointers && weir_instance_settle(instance) != WEIR_OK && weir_mapper_of(instance)->store->session) {
        weir_error error;
        weir_error_out_of_memory(&error);
        weir_error_keep(&weir_mapper_of(instance)->store->session->unreported, &error);
    }
    weir_instance_note_savepoint(instance);
    weir_recall_note(instance);
}

void weir_bulk_gone(weir_session *session, weir_instance *instance)
{
    if (weir_instance_state(instance) != WEIR_PERSISTENT)
        return;
    weir_side *side = weir_side_need(instance);
    if (side)
        side->deleted_in = weir_session_savepoint(session);
    weir_instance_clean(instance);
    weir_identity_remove(weir_mapper_of(instance), instance);
    weir_instance_set_state(instance, side ? WEIR_DELETED : WEIR_DETACHED);
    weir_unit_unlist(instance);
    if (side)
        side->deleting = false;
}

/* The values that SET gives this instance, computed from it as it was: not where a row of RETURNING has told them already. */
static void set_values(const hits *h, const weir_stmt *stmt, weir_instance *instance, weir_value *values, bool *known)
{
    const weir_assignments *sets = &stmt->write->sets;
    if (instance->flags & WEIR_INSTANCE_EXPIRED || !(instance->flags & WEIR_INSTANCE_HIT))
        return;
    for (size_t i = 0; i < sets->count; i++)
        known[i] = weir_evaluate(sets->items[i].value, h->mapper, instance + 1, &values[i]);
    for (size_t i = 0; i < sets->count; i++)
        if (known[i])
            weir_bulk_store(instance, sets->items[i].member, &values[i]);
        else
            reload_later(instance);
    weir_bulk_stored(instance);
}

static void apply(const hits *h, const weir_stmt *stmt)
{
    size_t count = stmt->write->sets.count;
    h->session->unit.wrote = true;
    if (stmt->kind == WEIR_STMT_DELETE) {
        for (size_t i = 0; i < h->count; i++)
            if (!(h->items[i]->flags & WEIR_INSTANCE_EXPIRED))
                weir_bulk_gone(h->session, h->items[i]);
        return;
    }
    weir_value *values = weir_alloc(&h->session->store->ledger, WEIR_MEMORY_HANDLES, (count + 1) * (sizeof *values + 1));
    for (size_t i = 0; i < h->count; i++)
        if (values)
            set_values(h, stmt, h->items[i], values, (bool *)(values + count + 1));
        else if (h->items[i]->flags & WEIR_INSTANCE_HIT)
            reload_later(h->items[i]);
    weir_free(values);
}

weir_result *weir_bulk_execute(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options)
{
    weir_error error = { 0 };
    hits h = { .session = session };
    if (session->store && stmt->write->synchronize != WEIR_SYNC_NONE && weir_session_active(session, &error) == WEIR_OK &&
        weir_session_autoflush(session, stmt, &error) == WEIR_OK && (h.mapper = weir_bulk_mapper(session, stmt->write->entity)) != NULL)
        find(&h, stmt, &error);
    if (h.mapper)
        weir_recall_check_all(session->store);     /* what is in step afterwards is noted as it is then */
    if (error.status != WEIR_OK) {
        drop_hits(&h);
        weir_session_report(session, &error);
        return weir_result_failed(&error, &session->store->core->ledger);
    }
    weir_result *result = weir_session_read(session, stmt, options, false, false);
    if (weir_result_error(result)->status == WEIR_OK && h.count)
        apply(&h, stmt);
    drop_hits(&h);
    return result;
}
