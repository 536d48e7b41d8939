/* Where to cut a statement's rows into ranges: by what the database knows of the table, or by even steps between the first key and the
 * last. Each bound is checked to be behind the one before it, so that bad statistics make bad sizes and never a wrong row. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/values.h"
#include "engine/result.h"
#include "transfer/order_parts.h"
#include "transfer/parallel.h"
#include "transfer/parallel_table.h"

enum { SMALLEST_RANGE = 1 << 20, RANGES_PER_JOB = 4, MOST_RANGES = 1000000 };

typedef struct planner {
    weir_range_plan       *plan;
    const weir_order      *order;
    weir_connection       *connection;
    const weir_range_wish *wish;
    weir_ledger           *ledger;
    weir_error            *error;
    bool                   postgresql;
    weir_table_facts       facts;       /* of the table that the first key column is of */
    weir_value            *first, *last;        /* keys of the first row and the last; NULL: none */
    weir_value            *keys;        /* candidates, one key behind the other */
    size_t                 count;       /* of them */
} planner;

void weir_range_plan_free(weir_range_plan *plan)
{
    if (!plan->arena.ledger)
        return;
    weir_free(plan->bounds);
    plan->bounds = NULL;
    weir_arena_free(&plan->arena);
}

weir_order_range weir_range_plan_at(const weir_range_plan *plan, size_t number)
{
    return (weir_order_range){ .after = number > 0 ? plan->bounds[number - 1] : plan->after,
                               .through = number < plan->count ? plan->bounds[number] : NULL };
}

/* ---- keys ----------------------------------------------------------------------------------------------------------------------- */
static weir_value *copy_key(planner *p, const weir_value *key)
{
    weir_value *copy = weir_arena_take(&p->plan->arena, p->plan->keys * sizeof *copy);
    for (size_t i = 0; copy && i < p->plan->keys; i++)
        if (weir_value_copy(&p->plan->arena, &key[i], &copy[i]) != WEIR_OK)
            return NULL;
    if (!copy)
        weir_error_out_of_memory(p->error);
    return copy;
}

static bool has_null(const planner *p, const weir_value *key)
{
    for (size_t i = 0; i < p->plan->keys; i++)
        if (key[i].type == WEIR_T_NULL)
            return true;
    return false;
}

/* Where the result has the order's first column; -1: it is not told. */
static int find_column(const weir_order *order, size_t index, const weir_result *result)
{
    int (*differs)(const char *, const char *) = order->dialect->names_fold ? strcmp : strcasecmp;
    if (!order->textual)
        return order->columns[index].column;
    for (size_t i = 0; i < weir_result_column_count(result); i++)
        if (weir_result_column(result, i)->name && !differs(weir_result_column(result, i)->name, order->columns[index].name))
            return (int)i;
    return -1;
}

/* Which table the key columns are of: the server says it of the result's columns. */
static void note_origin(planner *p, const weir_result *result)
{
    for (size_t i = 0; i < p->plan->keys && i < WEIR_TABLE_KEYS; i++) {
        int column = find_column(p->order, i, result);
        const weir_column_info *info = column < 0 ? NULL : weir_result_column(result, (size_t)column);
        if (i == 0 && info)
            p->facts.oid = info->table_oid;
        p->facts.columns[i] = info && info->table_oid == p->facts.oid ? info->table_column : 0;
    }
}

static int close_peek(planner *p, weir_result *result, weir_stmt *stmt)
{
    weir_result_drop(&result);          /* its first error the caller took */
    weir_stmt_free(&stmt);
    return p->error->status;
}

/* Before each question: a cancel that came between two of them found no query to end. */
static int look_at_stop(planner *p)
{
    return p->wish->stop && atomic_load(p->wish->stop) ? weir_error_set(p->error, WEIR_CANCELLED, "cancelled while the ranges were planned") : WEIR_OK;
}

/* Asks for no row: only for what the rows would be. */
static int describe(planner *p)
{
    if (look_at_stop(p) != WEIR_OK)
        return p->error->status;
    weir_stmt *stmt = weir_order_statement(p->order, &(weir_order_range){ .limit = 0 });
    weir_limit(stmt, 0);
    weir_result *result = weir_connection_execute(p->connection, stmt, NULL);
    *p->error = *weir_result_error(result);
    if (p->error->status == WEIR_OK)
        note_origin(p, result);
    return close_peek(p, result, stmt);
}

/* The key of the first row of a range; *key NULL: it has none. */
static int peek(planner *p, const weir_order_range *range, weir_value **key)
{
    *key = NULL;
    if (look_at_stop(p) != WEIR_OK)
        return p->error->status;
    weir_stmt *stmt = weir_order_statement(p->order, range);
    weir_result *result = weir_connection_execute(p->connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    weir_value *found = weir_arena_take(&p->plan->arena, p->plan->keys * sizeof *found);
    *p->error = *weir_result_error(result);
    if (p->error->status == WEIR_OK && !found)
        weir_error_out_of_memory(p->error);
    if (p->error->status == WEIR_OK && row && weir_order_key(p->order, row, found, p->error) == WEIR_OK)
        *key = copy_key(p, found);
    return close_peek(p, result, stmt);
}

/* ---- checking bounds ------------------------------------------------------------------------------------------------------------ */
/* Whether `key` is behind `before` in the order: 1, 0, or -1: it cannot be told here. */
static int is_behind(const planner *p, const weir_value *before, const weir_value *key)
{
    for (size_t i = 0; i < p->plan->keys; i++) {
        if (!weir_cut_comparable(&before[i], &key[i]))
            return -1;
        int sign = weir_cut_compare(&before[i], &key[i]);
        if (sign != 0)
            return (sign < 0) != p->order->columns[i].descending;
    }
    return 0;
}

/* Bounds of types whose order is the database's business are good when the database finds a row behind the last bound and up to this
 * one: then this one is behind it. Nothing is lost by dropping the others: there is no row between. */
static int accept(planner *p, const weir_value *key, bool *taken)
{
    weir_range_plan *plan = p->plan;
    const weir_value *before = plan->count ? plan->bounds[plan->count - 1] : plan->after;
    int behind = has_null(p, key) ? 0 : before ? is_behind(p, before, key) : weir_cut_comparable(&key[0], &key[0]) ? 1 : -1;
    weir_value *found = NULL;
    if (behind < 0) {
        if (peek(p, &(weir_order_range){ .after = before, .through = key, .limit = 1 }, &found) != WEIR_OK)
            return p->error->status;
        behind = found != NULL;
    }
    *taken = behind > 0;
    return WEIR_OK;
}

static int take_bounds(planner *p)
{
    weir_range_plan *plan = p->plan;
    plan->bounds = weir_alloc_zero(p->ledger, WEIR_MEMORY_HANDLES, (p->count + 1) * sizeof *plan->bounds);
    if (!plan->bounds)
        return weir_error_out_of_memory(p->error);
    for (size_t i = 0; i < p->count; i++) {
        const weir_value *key = &p->keys[i * plan->keys];
        bool taken = false;
        if (accept(p, key, &taken) != WEIR_OK)
            return p->error->status;
        if (taken)
            plan->bounds[plan->count++] = key;
    }
    return p->error->status;
}

/* ---- candidates ------------------------------------------------------------------------------------------------------------------- */
static int from_table(planner *p, size_t ranges)
{
    weir_table_keys found = { 0 };
    const weir_table_question question = { p->connection, &p->facts, p->order, p->plan->keys, ranges };
    int status = weir_table_keys_find(&question, &p->plan->arena, &found, p->error);
    p->keys = found.keys;
    p->count = found.count;
    if (found.count)
        p->plan->source = found.source;
    return status;
}

/* The first column in even steps; the others, if any, as the first row has them. */
static int from_interpolation(planner *p, size_t ranges)
{
    weir_range_plan *plan = p->plan;
    if (peek(p, &(weir_order_range){ .limit = 1, .backwards = true }, &p->last) != WEIR_OK || !p->last)
        return p->error->status;
    bool descending = p->order->columns[0].descending;
    weir_value *values = weir_arena_take(&plan->arena, ranges * sizeof *values);
    p->keys = weir_arena_take(&plan->arena, ranges * plan->keys * sizeof *p->keys);
    if (!values || !p->keys)
        return weir_error_out_of_memory(p->error);
    size_t count = weir_cut_evenly(descending ? &p->last[0] : &p->first[0], descending ? &p->first[0] : &p->last[0], ranges,
                                   &plan->arena, values);
    for (size_t i = 0; i < count; i++) {
        weir_value *key = &p->keys[i * plan->keys];
        memcpy(key, p->first, plan->keys * sizeof *key);
        key[0] = values[descending ? count - 1 - i : i];
    }
    p->count = count;
    if (count)
        plan->source = "interpolation";
    return WEIR_OK;
}

static void remark(const planner *p, const char *text)
{
    if (p->wish->remark)
        p->wish->remark(text, p->wish->context);
}

/* How many ranges there should be. Small tables are cut so that each job has some, but not into crumbs. Where nobody knows the size,
 * it may be a view that is computed anew for each range. */
static size_t wanted(const planner *p)
{
    int64_t bytes = p->facts.bytes, jobs = p->wish->jobs, size = p->wish->range_bytes;
    if (bytes <= 0)
        return p->facts.unknown ? (size_t)(p->facts.foreign ? jobs * RANGES_PER_JOB : jobs) : 1;
    int64_t even = bytes / (jobs * RANGES_PER_JOB);
    if (even < SMALLEST_RANGE)
        even = SMALLEST_RANGE;
    int64_t count = (bytes + (even < size ? even : size) - 1) / (even < size ? even : size);
    return (size_t)(count < 1 ? 1 : count > MOST_RANGES ? MOST_RANGES : count);
}

static int read_facts(planner *p)
{
    if (!p->postgresql)
        return weir_table_facts_of_file(p->connection, p->order, &p->facts, p->error);
    return describe(p) == WEIR_OK ? weir_table_facts_read(p->connection, &p->facts, p->error) : p->error->status;
}

static int find_candidates(planner *p)
{
    int status = read_facts(p);
    size_t ranges = wanted(p);
    if (p->wish->most && ranges > (size_t)p->wish->most)
        ranges = (size_t)p->wish->most;
    if (status == WEIR_OK && p->facts.foreign)
        remark(p, "the rows come from foreign tables: the jobs share this server's snapshot, not those of the servers behind it; "
                  "what changes there meanwhile may be seen by one job and not by another");
    if (status != WEIR_OK || ranges < 2 || p->wish->jobs < 2)
        return status;
    if (p->facts.unindexed && !p->facts.by_range) {
        remark(p, p->postgresql ? "no index begins with the order's first column, so that each range would read the whole table: one job does it all; "
                                  "create that index, or order by an indexed column"
                                : "no index serves the order, so that each range would read and sort everything: one job does it all; create an index "
                                  "of the order's columns, or order by an indexed column");
        return WEIR_OK;
    }
    status = peek(p, &(weir_order_range){ .after = p->plan->after, .limit = 1 }, &p->first);
    if (status != WEIR_OK || !p->first)
        return status;
    if (p->facts.oid)
        status = from_table(p, ranges);
    return status == WEIR_OK && p->count == 0 && p->first[0].type != WEIR_T_NULL ? from_interpolation(p, ranges) : status;
}

int weir_range_table(const weir_order *order, weir_connection *connection, uint32_t *oid, int *column, weir_error *error)
{
    weir_range_plan plan = { .keys = weir_order_count(order) };
    weir_range_wish wish = { .jobs = 1 };
    planner p = { .plan = &plan, .order = order, .connection = connection, .wish = &wish, .error = error, .postgresql = true };
    weir_error_clear(error);
    int status = describe(&p);
    *oid = p.facts.oid;
    *column = p.facts.columns[0];
    return status;
}

int weir_range_plan_make(weir_range_plan *plan, const weir_order *order, weir_connection *connection, bool postgresql,
                         const weir_range_wish *wish, weir_ledger *ledger, weir_error *error)
{
    planner p = { .plan = plan, .order = order, .connection = connection, .wish = wish, .ledger = ledger, .error = error,
                  .postgresql = postgresql };
    *plan = (weir_range_plan){ .keys = weir_order_count(order), .source = "one range", .after = wish->after };
    weir_arena_init(&plan->arena, ledger, WEIR_MEMORY_HANDLES, 4096);
    weir_error_clear(error);
    return find_candidates(&p) == WEIR_OK ? take_bounds(&p) : error->status;
}
