/* Segments: runs of ranges that share one order. Usually there is one, all of the statement. */
#include <string.h>
#include "sql/dialect.h"
#include "transfer/parallel.h"
#include "transfer/parallel_table.h"

static void free_segment(weir_segment *segment)
{
    weir_range_plan_free(&segment->plan);
    weir_order_free(segment->own);
    weir_free(segment->partition);
}

void weir_segments_free(weir_segments *s)
{
    for (size_t i = 0; i < s->count; i++)
        free_segment(&s->all[i]);
    weir_free(s->all);
    s->all = NULL;
    s->count = 0;
    s->ranges = 0;
}

/* One more, behind the others; NULL: no memory. */
static weir_segment *add_segment(weir_segments *s, weir_error *error)
{
    weir_segment *more = weir_resize(s->ledger, WEIR_MEMORY_HANDLES, s->all, (s->count + 1) * sizeof *more);
    if (!more) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    s->all = more;
    more[s->count] = (weir_segment){ .order = s->order, .first = s->ranges };
    return &more[s->count++];
}

static void count_ranges(weir_segments *s)
{
    const weir_segment *last = &s->all[s->count - 1];
    s->ranges = last->first + (int64_t)last->plan.count + 1;
}

const weir_segment *weir_segment_at(const weir_segments *s, int64_t range)
{
    size_t low = 0, high = s->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(s->all[middle].first <= range ? &low : &high) = middle;
    }
    return &s->all[low];
}

/* ---- partitions ------------------------------------------------------------------------------------------------------------------- */
/* The segment becomes that of a partition. *none: the program has no statement for it. */
static int take_partition(weir_segments *s, weir_segment *segment, const char *name, bool *none, weir_error *error)
{
    weir_stmt *stmt = s->partition ? s->partition(name, s->context) : NULL;
    weir_order_options options = { .dialect = &weir_dialect_postgresql, .text = s->text, .unchecked = true };
    *none = stmt == NULL;
    if (!stmt)
        return WEIR_OK;
    segment->partition = weir_copy_text(s->ledger, WEIR_MEMORY_HANDLES, name, strlen(name));
    segment->own = weir_order_of(stmt, &options, s->ledger, error);
    segment->order = segment->own;
    weir_stmt_free(&stmt);
    return error->status == WEIR_OK && (!segment->partition || !segment->own) ? weir_error_out_of_memory(error) : error->status;
}

/* Remarks are the same for many partitions: each is said once. */
typedef struct remarks { const weir_range_wish *wish; const char *said[4]; } remarks;

static void say_once(const char *text, void *context)
{
    remarks *r = context;
    for (size_t i = 0; i < sizeof r->said / sizeof *r->said; i++) {
        if (r->said[i] && strcmp(r->said[i], text) == 0)
            return;
        if (!r->said[i]) {
            r->said[i] = text;          /* a constant */
            break;
        }
    }
    if (r->wish->remark)
        r->wish->remark(text, r->wish->context);
}

/* ---- anew ------------------------------------------------------------------------------------------------------------------------ */
static int plan_segment(weir_segments *s, weir_segment *segment, weir_connection *connection, bool postgresql, const weir_range_wish *wish, weir_error *error)
{
    int status = weir_range_plan_make(&segment->plan, segment->order, connection, postgresql, wish, s->ledger, error);
    count_ranges(s);
    return status;
}

/* A segment for each partition. Without segments afterwards: there are none, or the program reads none of them. */
static int make_of_partitions(weir_segments *s, weir_connection *connection, const weir_range_wish *wish, const weir_buffer *names, weir_error *error)
{
    int status = WEIR_OK;
    bool none = false;
    for (size_t at = 0; at < names->length && status == WEIR_OK && !none; at += strlen(names->data + at) + 1) {
        weir_segment *segment = add_segment(s, error);
        status = segment ? take_partition(s, segment, names->data + at, &none, error) : error->status;
        if (status == WEIR_OK && !none)
            status = plan_segment(s, segment, connection, true, wish, error);
        if (status == WEIR_OK && !none && segment->plan.count == 0)
            segment->plan.source = "partitions";
    }
    if (none)
        weir_segments_free(s);
    return status;
}

static int try_partitions(weir_segments *s, weir_connection *connection, const weir_range_wish *wish, weir_error *error)
{
    uint32_t oid = 0;
    int column = 0;
    weir_buffer names;
    int status = weir_range_table(s->order, connection, &oid, &column, error);
    weir_buffer_init(&names, s->ledger, WEIR_MEMORY_HANDLES, 64 << 20);
    if (status == WEIR_OK)
        status = weir_table_partitions(connection, oid, column, &names, error);
    if (status == WEIR_OK)
        status = make_of_partitions(s, connection, wish, &names, error);
    weir_buffer_free(&names);
    return status;
}

int weir_segments_make(weir_segments *s, weir_connection *connection, bool postgresql, bool apart, const weir_range_wish *wish, weir_error *error)
{
    remarks said = { .wish = wish };
    weir_range_wish each = *wish;
    int status = WEIR_OK;
    each.remark = say_once;
    each.context = &said;
    weir_segments_free(s);
    if (apart && postgresql && s->partition)
        status = try_partitions(s, connection, &each, error);
    if (status != WEIR_OK || s->count)
        return status;
    weir_segment *segment = add_segment(s, error);
    return segment ? plan_segment(s, segment, connection, postgresql, &each, error) : error->status;
}

/* ---- as they were ----------------------------------------------------------------------------------------------------------------- */
int weir_segments_add(weir_segments *s, const char *partition, weir_text *bounds, size_t count, weir_error *error)
{
    bool none = false;
    weir_segment *segment = add_segment(s, error);
    if (!segment || (partition && take_partition(s, segment, partition, &none, error) != WEIR_OK))
        return error->status;
    if (none)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "the ranges are of partitions, and the program reads no partition %s", partition);
    weir_range_plan *plan = &segment->plan;
    *plan = (weir_range_plan){ .keys = weir_order_count(segment->order), .source = "checkpoint" };
    weir_arena_init(&plan->arena, s->ledger, WEIR_MEMORY_HANDLES, 4096);
    plan->bounds = weir_alloc_zero(s->ledger, WEIR_MEMORY_HANDLES, (count + 1) * sizeof *plan->bounds);
    if (!plan->bounds)
        return weir_error_out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        weir_value *key = weir_arena_take(&plan->arena, plan->keys * sizeof *key);
        if (!key)
            return weir_error_out_of_memory(error);
        if (weir_key_read(bounds[i].ptr, bounds[i].len, &plan->arena, key, plan->keys, error) != WEIR_OK)
            return error->status;
        plan->bounds[plan->count++] = key;
    }
    count_ranges(s);
    return WEIR_OK;
}
