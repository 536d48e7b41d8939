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

void weir_segments_free(weir_parallel *p)
{
    for (size_t i = 0; i < p->segment_count; i++)
        free_segment(&p->segments[i]);
    weir_free(p->segments);
    p->segments = NULL;
    p->segment_count = 0;
    p->ranges = 0;
}

/* One more, behind the others; NULL: no memory. */
static weir_segment *add_segment(weir_parallel *p, weir_error *error)
{
    weir_segment *more = weir_resize(&p->ledger, WEIR_MEMORY_HANDLES, p->segments, (p->segment_count + 1) * sizeof *more);
    if (!more) {
        weir_error_out_of_memory(error);
        return NULL;
    }
    p->segments = more;
    more[p->segment_count] = (weir_segment){ .order = p->order, .first = p->ranges };
    return &more[p->segment_count++];
}

static void count_ranges(weir_parallel *p)
{
    const weir_segment *last = &p->segments[p->segment_count - 1];
    p->ranges = last->first + (int64_t)last->plan.count + 1;
}

const weir_segment *weir_segment_at(const weir_parallel *p, int64_t range)
{
    size_t low = 0, high = p->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(p->segments[middle].first <= range ? &low : &high) = middle;
    }
    return &p->segments[low];
}

/* ---- partitions ------------------------------------------------------------------------------------------------------------------- */
/* The segment becomes that of a partition. *none: the program has no statement for it. */
static int take_partition(weir_parallel *p, weir_segment *segment, const char *name, bool *none, weir_error *error)
{
    weir_stmt *stmt = p->options.partition ? p->options.partition(name, p->options.context) : NULL;
    weir_order_options options = { .dialect = &weir_dialect_postgresql, .text = p->options.order, .unchecked = true };
    *none = stmt == NULL;
    if (!stmt)
        return WEIR_OK;
    segment->partition = weir_copy_text(&p->ledger, WEIR_MEMORY_HANDLES, name, strlen(name));
    segment->own = weir_order_of(stmt, &options, &p->ledger, error);
    segment->order = segment->own;
    weir_stmt_free(&stmt);
    return error->status == WEIR_OK && (!segment->partition || !segment->own) ? weir_error_out_of_memory(error) : error->status;
}

/* Remarks are the same for many partitions: each is said once. */
typedef struct remarks { const weir_parallel *parallel; const char *said[4]; } remarks;

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
    if (r->parallel->options.remark)
        r->parallel->options.remark(text, r->parallel->options.context);
}

/* ---- anew ------------------------------------------------------------------------------------------------------------------------ */
enum { MOST_FILES = 50000 };            /* what a directory, and the list of those that are done, are still handy with */

static int plan_segment(weir_parallel *p, weir_segment *segment, const weir_range_wish *wish, weir_error *error)
{
    int status = weir_range_plan_make(&segment->plan, segment->order, p->connections[0], p->postgresql, wish, &p->ledger, error);
    count_ranges(p);
    return status;
}

/* A segment for each partition. Without segments afterwards: there are none, or the program reads none of them. */
static int make_of_partitions(weir_parallel *p, const weir_range_wish *wish, const weir_buffer *names, weir_error *error)
{
    int status = WEIR_OK;
    bool none = false;
    for (size_t at = 0; at < names->length && status == WEIR_OK && !none; at += strlen(names->data + at) + 1) {
        weir_segment *segment = add_segment(p, error);
        status = segment ? take_partition(p, segment, names->data + at, &none, error) : error->status;
        if (status == WEIR_OK && !none)
            status = plan_segment(p, segment, wish, error);
        if (status == WEIR_OK && !none && segment->plan.count == 0)
            segment->plan.source = "partitions";
    }
    if (none)
        weir_segments_free(p);
    return status;
}

static int try_partitions(weir_parallel *p, const weir_range_wish *wish, weir_error *error)
{
    uint32_t oid = 0;
    int column = 0;
    weir_buffer names;
    int status = weir_range_table(p->order, p->connections[0], &oid, &column, error);
    weir_buffer_init(&names, &p->ledger, WEIR_MEMORY_HANDLES, 64 << 20);
    if (status == WEIR_OK)
        status = weir_table_partitions(p->connections[0], oid, column, &names, error);
    if (status == WEIR_OK)
        status = make_of_partitions(p, wish, &names, error);
    weir_buffer_free(&names);
    return status;
}

int weir_segments_make(weir_parallel *p, const weir_value *after, weir_error *error)
{
    remarks said = { .parallel = p };
    weir_range_wish wish = { p->options.range_bytes, p->split && p->options.jobs < 2 ? 2 : p->options.jobs, say_once, &said, &p->stop, after,
                             p->split ? MOST_FILES : 0 };
    int status = WEIR_OK;
    weir_segments_free(p);
    if (p->split && p->postgresql && p->options.partition)
        status = try_partitions(p, &wish, error);
    if (status != WEIR_OK || p->segment_count)
        return status;
    weir_segment *segment = add_segment(p, error);
    return segment ? plan_segment(p, segment, &wish, error) : error->status;
}

/* ---- as they were ----------------------------------------------------------------------------------------------------------------- */
int weir_segments_add(weir_parallel *p, const char *partition, weir_text *bounds, size_t count, weir_error *error)
{
    bool none = false;
    weir_segment *segment = add_segment(p, error);
    if (!segment || (partition && take_partition(p, segment, partition, &none, error) != WEIR_OK))
        return error->status;
    if (none)
        return weir_error_set(error, WEIR_INVALID_REQUEST, "the files begun are of partitions, and the program reads no partition %s", partition);
    weir_range_plan *plan = &segment->plan;
    *plan = (weir_range_plan){ .keys = weir_order_count(segment->order), .source = "checkpoint" };
    weir_arena_init(&plan->arena, &p->ledger, WEIR_MEMORY_HANDLES, 4096);
    plan->bounds = weir_alloc_zero(&p->ledger, WEIR_MEMORY_HANDLES, (count + 1) * sizeof *plan->bounds);
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
    count_ranges(p);
    return WEIR_OK;
}
