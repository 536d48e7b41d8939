/* Segments: runs of ranges that share one order. Usually there is one, all of the statement. */
#include <string.h>
#include "transfer/parallel.h"

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

/* ---- anew ------------------------------------------------------------------------------------------------------------------------ */
enum { MOST_FILES = 50000 };            /* what a directory, and the list of those that are done, are still handy with */

int weir_segments_make(weir_parallel *p, const weir_value *after, weir_error *error)
{
    weir_range_wish wish = { p->options.range_bytes, p->split && p->options.jobs < 2 ? 2 : p->options.jobs, p->options.remark,
                             p->options.context, &p->stop, after, p->split ? MOST_FILES : 0 };
    weir_segments_free(p);
    weir_segment *segment = add_segment(p, error);
    if (!segment)
        return error->status;
    int status = weir_range_plan_make(&segment->plan, p->order, p->connections[0], p->postgresql, &wish, &p->ledger, error);
    count_ranges(p);
    return status;
}

/* ---- as they were ----------------------------------------------------------------------------------------------------------------- */
int weir_segments_add(weir_parallel *p, const char *partition, weir_text *bounds, size_t count, weir_error *error)
{
    (void)partition;
    weir_segment *segment = add_segment(p, error);
    if (!segment)
        return error->status;
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
