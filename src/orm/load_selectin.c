/* Loading by keys: the parents' distinct keys in groups, the targets of each group by one statement, grouped back by key. Where the
 * driver can, the statements of several groups travel together: a batch of many keys waits about as long as one of few. */
#include "orm/inside.h"
#include "base/holds.h"
#include "orm/load.h"
#include <stdio.h>
#include <string.h>

enum { IN_FLIGHT = 16 };                /* statements under way at once (RULES B3) */

typedef struct found { uint32_t key; weir_instance *target; } found;

/* One relationship of one batch. */
typedef struct job {
    weir_load_work           *work;
    const weir_load_node     *node;
    weir_mapped_relationship *relationship;
    weir_instances            parents;
    int64_t                  *key_of;   /* of each parent; WEIR_NO_KEY: a part of it is NULL */
    weir_load_keys            keys;
    found                    *rows; size_t row_count, row_capacity;     /* in the order of the statements */
    weir_value               *key;      /* of the row in hand */
    weir_value                last;     /* rows with one key often come together: an integer, and its number */
    int64_t                   last_number;
    void                     *scratch;  /* a struct of the side that has the key */
    bool                      multiplied;       /* joined collections repeat the targets */
    size_t                    sent, taken;      /* keys that statements were sent for, and whose rows were read */
    int64_t                   only;     /* the one key of the statement in hand; WEIR_NO_KEY: it has several */
    bool                      foreign;  /* a row came whose key is none of those that were asked for, as weir compares */
    weir_result              *flight[IN_FLIGHT];        /* those whose rows are still to be read, in order */
    size_t                    flight_count;
} job;

/* ---- keys ------------------------------------------------------------------------------------------------------------------- */

static int collect_keys(job *j)
{
    const weir_relationship *pairs = &j->relationship->pairs;
    size_t count = j->parents.count;
    j->key_of = weir_arena_take(j->work->arena, (count + 1) * sizeof *j->key_of);
    j->key = weir_arena_take(j->work->arena, pairs->pair_count * sizeof *j->key);
    if (!j->key_of || !j->key || !weir_load_keys_init(&j->keys, j->work->arena, pairs->pair_count, count))
        return weir_error_out_of_memory(j->work->error);
    for (size_t i = 0; i < count; i++) {
        bool whole = true;
        for (size_t k = 0; k < pairs->pair_count; k++) {
            weir_member_value(pairs->local[k], weir_instance_struct(j->parents.items[i]), &j->key[k]);
            weir_load_key_normalize(&j->key[k]);
            whole = whole && j->key[k].type != WEIR_T_NULL;
        }
        j->key_of[i] = whole ? weir_load_keys_add(&j->keys, j->key) : WEIR_NO_KEY;
    }
    return WEIR_OK;
}

/* A cell as the member's value would be: what SQLite keeps as text or number, a date say, goes through the member. */
static int read_cell(job *j, const weir_member *member, const weir_value *cell, weir_value *out)
{
    char reason[WEIR_REASON_SIZE];
    WEIR_HOLDS(cell);                   /* a key without one is read by its members */
    *out = *cell;
    weir_load_key_normalize(out);
    if (out->type == WEIR_T_NULL)
        return WEIR_OK;
    bool integer = member->type == WEIR_M_INT16 || member->type == WEIR_M_INT32 || member->type == WEIR_M_INT64 ||
                   member->type == WEIR_M_OPT_INT32 || member->type == WEIR_M_OPT_INT64;
    if (integer && out->type == WEIR_T_INT64)
        return WEIR_OK;
    memset((char *)j->scratch + member->offset, 0, member->size);
    int status = weir_member_store(member, j->scratch, cell, reason);
    if (status == WEIR_OUT_OF_MEMORY)
        return weir_error_out_of_memory(j->work->error);
    if (status != WEIR_OK)
        return weir_error_set(j->work->error, status, "%s.%s: %s", j->relationship->pairs.parent->name, j->relationship->member->name, reason);
    weir_member_value(member, j->scratch, out);
    weir_load_key_normalize(out);
    return WEIR_OK;
}

static size_t column_of(const weir_mapper *mapper, const weir_member *member)
{
    size_t i = 0;
    while (mapper->columns[i] != member)
        i++;
    return i;
}

/* The row's key: in the columns of the association behind the target, or in the target's own. The row counts, not the instance, which
 * may be older or changed; but the first cell has given its place to the instance. */
static int read_key(job *j, const weir_reading *reading, const weir_row *row, weir_instance *target)
{
    const weir_relationship *pairs = &j->relationship->pairs;
    const weir_item_plan *plan = &reading->plans[0];
    for (size_t k = 0; k < pairs->pair_count; k++) {
        const weir_member *member = pairs->through_association ? &j->relationship->association->members[k] : pairs->remote[k];
        size_t cell = pairs->through_association ? reading->plans[k + 1].first : (size_t)plan->cells[column_of(plan->mapper, member)];
        if (cell == plan->first) {
            weir_member_value(member, weir_instance_struct(target), &j->key[k]);
            weir_load_key_normalize(&j->key[k]);
        } else if (read_cell(j, member, &row->cells[cell], &j->key[k]) != WEIR_OK) {
            return j->work->error->status;
        }
    }
    return WEIR_OK;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */

static int keep_row(job *j, uint32_t key, weir_instance *target)
{
    if (j->row_count == j->row_capacity) {
        size_t capacity = j->row_capacity ? 2 * j->row_capacity : 64;
        found *rows = weir_resize(j->work->arena->ledger, WEIR_MEMORY_BATCH, j->rows, capacity * sizeof *rows);
        if (!rows)
            return weir_error_out_of_memory(j->work->error);
        j->rows = rows;
        j->row_capacity = capacity;
    }
    j->rows[j->row_count++] = (found){ key, target };
    return WEIR_OK;
}

/* The cell of a key of one value, as it came; WEIR_NO_KEY: there is no such cell. */
static int64_t plain_key_cell(const job *j, const weir_reading *reading)
{
    const weir_relationship *pairs = &j->relationship->pairs;
    const weir_item_plan *plan = &reading->plans[0];
    if (pairs->pair_count != 1)
        return WEIR_NO_KEY;
    size_t cell = pairs->through_association ? reading->plans[1].first : (size_t)plan->cells[column_of(plan->mapper, pairs->remote[0])];
    return cell == plan->first ? WEIR_NO_KEY : (int64_t)cell;
}

/* The number of the row's key, or WEIR_NO_KEY. */
static int find_key(job *j, const weir_reading *reading, const weir_row *row, weir_instance *target, int64_t plain, int64_t *number)
{
    const weir_value *cell = plain == WEIR_NO_KEY ? NULL : &row->cells[plain];
    *number = j->only;
    if (j->only != WEIR_NO_KEY)
        return WEIR_OK;
    bool integers = cell && cell->type >= WEIR_T_INT16 && cell->type <= WEIR_T_INT64 && j->last.type == WEIR_T_INT64;
    if (integers && cell->as.i == j->last.as.i) {
        *number = j->last_number;
        return WEIR_OK;
    }
    int status = read_key(j, reading, row, target);
    if (status != WEIR_OK)
        return status;
    *number = weir_load_keys_find(&j->keys, j->key);
    j->last = j->key[0];
    j->last_number = *number;
    return WEIR_OK;
}

/* The rows are looked at where they lie: reading them to their end would end the batch that holds the targets. */
static int read_rows(job *j, weir_result *result)
{
    const weir_reading *reading = weir_result_reading(result);
    int64_t number, plain = plain_key_cell(j, reading);
    int status = WEIR_OK;
    j->multiplied = j->multiplied || reading->shape->joined_collection;
    for (const weir_chunk *chunk = result->batch ? result->batch->chunks : NULL; chunk; chunk = chunk->next)
        for (size_t i = 0; i < chunk->count && status == WEIR_OK; i++) {
            const weir_row *row = (const weir_row *)(const void *)(chunk->places + i * result->stride);
            weir_instance *target = weir_row_instance(row, &reading->plans[0]);
            if (!target || (status = find_key(j, reading, row, target, plain, &number)) != WEIR_OK)
                continue;
            j->foreign = j->foreign || number == WEIR_NO_KEY;
            if (number != WEIR_NO_KEY)
                status = keep_row(j, (uint32_t)number, target);
        }
    return status;
}

/* ---- statements --------------------------------------------------------------------------------------------------------------- */

/* A database without arrays takes each value as a parameter of its own. */
static size_t largest_group(const job *j, int64_t group)
{
    const weir_dialect *dialect = j->work->session->engine->core->driver->dialect;
    size_t most = dialect->array_lists ? j->keys.count : dialect->maximum_parameters / j->keys.width;
    return (uint64_t)group < most ? (size_t)group : most ? most : 1;
}

/* Sends the statement of the next group; what goes wrong with it is told when its turn comes. */
static int send_group(job *j, size_t largest)
{
    weir_load_work *work = j->work;
    weir_mapped_relationship *relationship = j->relationship;
    size_t left = j->keys.count - j->sent, count = left < largest ? left : largest;
    weir_stmt *stmt = weir_load_statement(work, j->node, relationship, j->keys.values + j->sent * j->keys.width, count);
    if (!stmt)
        return work->error->status;
    const weir_entity *keyed = relationship->pairs.through_association ? relationship->association : relationship->pairs.target;
    if (!j->scratch && !(j->scratch = weir_arena_take(work->arena, keyed->size))) {
        weir_stmt_free(&stmt);
        return weir_error_out_of_memory(work->error);
    }
    j->sent += count;
    weir_result *within = work->holding && work->holding->reading->result->budget ? work->holding->reading->result : NULL;
    j->flight[j->flight_count++] = weir_session_load_send(work->session, stmt, work->populate_existing, within);
    weir_stmt_free(&stmt);
    return WEIR_OK;
}

static int take_group(job *j, size_t largest)
{
    weir_load_work *work = j->work;
    weir_result *result = j->flight[0];
    size_t left = j->keys.count - j->taken, count = left < largest ? left : largest;
    j->only = count == 1 ? (int64_t)j->taken : WEIR_NO_KEY;
    j->taken += count;
    memmove(j->flight, j->flight + 1, --j->flight_count * sizeof *j->flight);
    int status = weir_session_load_await(work->session, result);
    if (status != WEIR_OK)
        *work->error = *weir_result_error(result);
    else if ((status = read_rows(j, result)) == WEIR_OK)
        weir_result_drop_rows(result);      /* so that the next group's take their place */
    if (status == WEIR_OK && (status = weir_load_keep_result(work, result)) == WEIR_OK)
        return WEIR_OK;
    weir_result_drop(&result);
    return status;
}

/* Nothing is sent behind what was not: it would be answered first. */
static bool may_send(const job *j)
{
    return j->sent < j->keys.count && j->flight_count < IN_FLIGHT && (j->flight_count == 0 || j->flight[j->flight_count - 1]->under_way);
}

static int send_all(job *j, size_t largest)
{
    int status = WEIR_OK;
    j->sent = j->taken = j->row_count = 0;
    j->foreign = false;
    while (status == WEIR_OK && (j->sent < j->keys.count || j->flight_count))
        status = may_send(j) ? send_group(j, largest) : take_group(j, largest);
    return status;
}

/* Where the database takes more for equal than weir does ('ab' and 'AB' under a collation, a day and 24 hours), it is asked key by key:
 * then its word is enough. */
static int run_groups(job *j, int64_t group)
{
    int status = send_all(j, largest_group(j, group));
    if (status == WEIR_OK && j->foreign)
        status = send_all(j, 1);
    while (j->flight_count)                 /* behind an error: the driver drops the answers */
        weir_result_drop(&j->flight[--j->flight_count]);
    return status;
}

/* ---- attaching ---------------------------------------------------------------------------------------------------------------- */

int weir_load_attach_many(weir_load_work *work, weir_instance *parent, const weir_mapped_relationship *relationship, void **items,
                          size_t count)
{
    if (!parent->home && !(parent->flags & WEIR_INSTANCE_OWNS) && work->holding)
        weir_holding_take(parent, work->holding);
    /* What is loaded for something else does not count in the budget of the stream that brought the parent. */
    bool of_others = parent->home && parent->home != work->holding && parent->home->reading->result->budget;
    if (count && of_others && weir_instance_settle(parent) != WEIR_OK)
        return weir_error_out_of_memory(work->error);
    if (count && parent->home) {
        void **lasting = weir_arena_take(&parent->home->batch->arena, count * sizeof *lasting);
        if (!lasting)
            return weir_error_out_of_memory(work->error);
        memcpy(lasting, items, count * sizeof *lasting);
        items = lasting;
    }
    weir_attach_many(parent, relationship, count ? items : NULL, count);
    if (count && !parent->home && weir_instance_settle(parent) != WEIR_OK) {
        weir_attach_many(parent, relationship, NULL, 0);
        parent->loaded &= ~(UINT64_C(1) << relationship->bit);
        return weir_error_out_of_memory(work->error);
    }
    return WEIR_OK;
}

int weir_load_warn_several(const weir_load_work *work, const weir_mapped_relationship *relationship)
{
    weir_session *session = work->session;
    return weir_warn(&session->store->core->log, weir_connection_number(session->connection), work->error,
                     "Multiple rows returned with uselist=False for %s-loaded attribute '%s.%s'", work->lazily ? "lazily" : "eagerly",
                     relationship->pairs.parent->name, relationship->member->name);
}

/* Rows sorted by key without moving within a key: where each key's begin. NULL: no memory. */
static size_t *group_rows(job *j, void ***targets)
{
    size_t keys = j->keys.count;
    size_t *begin = weir_arena_take(j->work->arena, (keys + 2) * sizeof *begin);
    *targets = weir_arena_take(j->work->arena, (j->row_count + 1) * sizeof **targets);
    if (!begin || !*targets)
        return NULL;
    memset(begin, 0, (keys + 2) * sizeof *begin);
    for (size_t i = 0; i < j->row_count; i++)
        begin[j->rows[i].key + 2]++;
    for (size_t k = 2; k < keys + 2; k++)
        begin[k] += begin[k - 1];
    /* Each key's count lies one behind its begin: filling moves it there. */
    for (size_t i = 0; i < j->row_count; i++)
        (*targets)[begin[j->rows[i].key + 1]++] = weir_instance_struct(j->rows[i].target);
    return begin;
}

size_t weir_load_drop_repeated(const weir_load_work *work, void **items, size_t count)
{
    uint32_t visit = ++work->session->store->visit;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (weir_load_first_visit(weir_instance_of(items[i]), visit))
            items[kept++] = items[i];
    return kept;
}

static int attach_to(job *j, weir_instance *parent, void **items, size_t count, bool *warned)
{
    const weir_mapped_relationship *relationship = j->relationship;
    if (j->multiplied || relationship->pairs.through_association)
        count = weir_load_drop_repeated(j->work, items, count);
    if (relationship->pairs.to_many)
        return weir_load_attach_many(j->work, parent, relationship, items, count);
    weir_attach_one(parent, relationship, count ? weir_instance_of(items[0]) : NULL);
    for (size_t i = 1; i < count && !*warned; i++)
        if (items[i] != items[0]) {
            *warned = true;
            return weir_load_warn_several(j->work, relationship);
        }
    return WEIR_OK;
}

static int attach(job *j)
{
    void **targets;
    bool warned = false;
    size_t *begin = group_rows(j, &targets);
    if (!begin)
        return weir_error_out_of_memory(j->work->error);
    for (size_t i = 0; i < j->parents.count; i++) {
        weir_instance *parent = j->parents.items[i];
        int64_t key = j->key_of[i];
        if (weir_is_loaded(parent, j->relationship) && !j->work->populate_existing)
            continue;
        size_t from = key == WEIR_NO_KEY ? 0 : begin[key], to = key == WEIR_NO_KEY ? 0 : begin[key + 1];
        int status = attach_to(j, parent, targets + from, to - from, &warned);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

int weir_load_by_keys(weir_load_work *work, const weir_load_node *node, const weir_load_step *step, weir_instances parents, int64_t group)
{
    job j = { .work = work, .node = node, .relationship = step->relationship, .parents = parents };
    int status = collect_keys(&j);
    if (status == WEIR_OK)
        status = run_groups(&j, group);
    if (status == WEIR_OK)
        status = attach(&j);
    weir_free(j.rows);
    const weir_budget *budget = work->holding ? work->holding->reading->result->budget : NULL;
    if (budget && budget->refused && (status == WEIR_OUT_OF_MEMORY || status == WEIR_BUDGET_EXCEEDED)) {
        status = weir_error_set(work->error, WEIR_BUDGET_EXCEEDED, "what a relationship loads does not fit the memory budget");
        snprintf(work->error->column, sizeof work->error->column, "%s.%s", j.relationship->pairs.parent->name, j.relationship->member->name);
    }
    return status;
}
