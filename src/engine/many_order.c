/* The order in which parameter sets are written: stably by key, and a key's later sets behind all first ones (RULES U1). */
#include <stdio.h>
#include <string.h>
#include "engine/many.h"

/* ---- comparing keys ------------------------------------------------------------------------------------------------------------- */
static int compare_bytes(const void *a, size_t a_length, const void *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_numbers(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* Any order will do, as long as all writers have the same: the database locks in it, too. */
static int compare_values(const weir_value *a, const weir_value *b)
{
    bool a_int = a->type >= WEIR_T_INT16 && a->type <= WEIR_T_INT64, b_int = b->type >= WEIR_T_INT16 && b->type <= WEIR_T_INT64;
    if (a_int && b_int)
        return compare_numbers(a->as.i, b->as.i);
    double x, y;
    if (a->type == WEIR_T_NUMERIC && b->type == WEIR_T_NUMERIC && weir_parse_double(a->as.text, &x) && weir_parse_double(b->as.text, &y) && x != y)
        return x < y ? -1 : 1;
    if (weir_type_is_text(a->type) && weir_type_is_text(b->type))
        return compare_bytes(a->as.text.ptr, a->as.text.len, b->as.text.ptr, b->as.text.len);
    if (a->type != b->type)
        return (a->type > b->type) - (a->type < b->type);
    switch (a->type) {
    case WEIR_T_BOOL: return a->as.b - b->as.b;
    case WEIR_T_FLOAT: case WEIR_T_DOUBLE: return (a->as.d > b->as.d) - (a->as.d < b->as.d);
    case WEIR_T_BLOB: return compare_bytes(a->as.blob.ptr, a->as.blob.len, b->as.blob.ptr, b->as.blob.len);
    case WEIR_T_DATE: return compare_numbers(a->as.date.days, b->as.date.days);
    case WEIR_T_TIME: return compare_numbers(a->as.time.usec, b->as.time.usec);
    case WEIR_T_TIMETZ:
        return a->as.timetz.usec != b->as.timetz.usec ? compare_numbers(a->as.timetz.usec, b->as.timetz.usec)
                                                      : compare_numbers(a->as.timetz.offset, b->as.timetz.offset);
    case WEIR_T_TIMESTAMP: return compare_numbers(a->as.timestamp.usec, b->as.timestamp.usec);
    case WEIR_T_TIMESTAMPTZ: return compare_numbers(a->as.timestamptz.usec, b->as.timestamptz.usec);
    case WEIR_T_UUID: return memcmp(a->as.uuid.bytes, b->as.uuid.bytes, sizeof a->as.uuid.bytes);
    default: return 0;
    }
}

/* Dictionaries and arrays may have a key in another type than structs have: it sorts as theirs does. */
#define READ(what, number, place)                                                                                               \
    static int read_##what(const weir_value *given, weir_value *out)                                                            \
    {                                                                                                                           \
        char ignored[WEIR_REASON_SIZE];                                                                                         \
        out->type = WEIR_T_##number;                                                                                            \
        return weir_value_as_##what(given, &out->as.place, ignored);                                                            \
    }
READ(bool, BOOL, b)
READ(int64, INT64, i)
READ(double, DOUBLE, d)
READ(date, DATE, date)
READ(time, TIME, time)
READ(timetz, TIMETZ, timetz)
READ(timestamp, TIMESTAMP, timestamp)
READ(timestamptz, TIMESTAMPTZ, timestamptz)
READ(uuid, UUID, uuid)

static int (*const readers[WEIR_M_COUNT_])(const weir_value *given, weir_value *out) = {
    [WEIR_M_BOOL] = read_bool, [WEIR_M_INT16] = read_int64, [WEIR_M_INT32] = read_int64, [WEIR_M_INT64] = read_int64, [WEIR_M_FLOAT] = read_double,
    [WEIR_M_DOUBLE] = read_double, [WEIR_M_DATE] = read_date, [WEIR_M_TIME] = read_time, [WEIR_M_TIMETZ] = read_timetz,
    [WEIR_M_TIMESTAMP] = read_timestamp, [WEIR_M_TIMESTAMPTZ] = read_timestamptz, [WEIR_M_UUID] = read_uuid,
    [WEIR_M_OPT_BOOL] = read_bool, [WEIR_M_OPT_INT32] = read_int64, [WEIR_M_OPT_INT64] = read_int64, [WEIR_M_OPT_DOUBLE] = read_double,
    [WEIR_M_OPT_DATE] = read_date, [WEIR_M_OPT_TIME] = read_time, [WEIR_M_OPT_TIMETZ] = read_timetz,
    [WEIR_M_OPT_TIMESTAMP] = read_timestamp, [WEIR_M_OPT_TIMESTAMPTZ] = read_timestamptz, [WEIR_M_OPT_UUID] = read_uuid,
};

static void take_key(const weir_many_run *run, size_t key, const void *at, weir_value *out)
{
    char ignored[WEIR_REASON_SIZE];
    weir_value given;
    weir_member_type type = run->key_members[key]->type;
    weir_lane_value(&run->keys[key], at, out, ignored);
    if (run->keys[key].member.type == type || !readers[type] || out->type == WEIR_T_NULL)
        return;
    given = *out;
    if (readers[type](&given, out) != WEIR_OK)
        *out = given;                           /* it is refused, or fails, when it is sent */
}

static int compare_sets(const weir_many_run *run, uint32_t a, uint32_t b)
{
    weir_feed feed = run->feed;
    feed.order = NULL;
    for (size_t i = 0; i < run->key_count; i++) {
        const weir_lane *lane = &run->keys[i];
        weir_value left, right;
        if (lane->member.type == WEIR_M_INT64) {
            int64_t x = *(const int64_t *)weir_feed_at(&feed, lane, a), y = *(const int64_t *)weir_feed_at(&feed, lane, b);
            if (x != y)
                return x < y ? -1 : 1;
            continue;
        }
        take_key(run, i, weir_feed_at(&feed, lane, a), &left);
        take_key(run, i, weir_feed_at(&feed, lane, b), &right);
        int order = compare_values(&left, &right);
        if (order)
            return order;
    }
    return 0;
}

/* ---- sorting ---------------------------------------------------------------------------------------------------------------------- */
static bool ascends(const weir_many_run *run)
{
    for (size_t i = 1; i < run->feed.count; i++)
        if (compare_sets(run, (uint32_t)i - 1, (uint32_t)i) >= 0)
            return false;
    return true;
}

static void merge(const weir_many_run *run, const uint32_t *from, uint32_t *to, size_t start, size_t middle, size_t end)
{
    size_t a = start, b = middle;
    for (size_t i = start; i < end; i++) {
        bool left = a < middle && (b >= end || compare_sets(run, from[a], from[b]) <= 0);
        to[i] = left ? from[a++] : from[b++];
    }
}

/* Bottom up, from one array to the other; gives the one where the result is. */
static uint32_t *sort(const weir_many_run *run, uint32_t *order, uint32_t *scratch)
{
    size_t count = run->feed.count;
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = start + width < count ? start + width : count, end = middle + width < count ? middle + width : count;
            merge(run, order, scratch, start, middle, end);
        }
        uint32_t *sorted = scratch;
        scratch = order;
        order = sorted;
    }
    return order;
}

/* How often the key of each place has come before; the most of it. */
static size_t count_repeats(const weir_many_run *run, const uint32_t *order, uint32_t *repeats)
{
    size_t most = 0;
    repeats[0] = 0;
    for (size_t i = 1; i < run->feed.count; i++) {
        repeats[i] = compare_sets(run, order[i - 1], order[i]) == 0 ? repeats[i - 1] + 1 : 0;
        most = repeats[i] > most ? repeats[i] : most;
    }
    return most;
}

/* First sets of all keys, then second ones, and so on: each layer has a key once. */
static void lay(const weir_many_run *run, const uint32_t *order, const uint32_t *repeats, uint32_t *out, size_t *ends)
{
    size_t count = run->feed.count;
    for (size_t i = 0; i < count; i++)
        ends[repeats[i]]++;
    for (size_t i = 1; i < run->layer_count; i++)
        ends[i] += ends[i - 1];
    for (size_t i = count; i-- > 0; )
        out[--ends[repeats[i]]] = order[i];
    for (size_t i = 0; i + 1 < run->layer_count; i++)
        ends[i] = ends[i + 1];
    ends[run->layer_count - 1] = count;
}

int weir_many_order(weir_many *many, weir_many_run *run)
{
    size_t count = run->feed.count;
    if (!many->sorted || !run->key_count || count < 2 || ascends(run))
        return WEIR_OK;
    uint32_t *block = weir_alloc(&many->ledger, WEIR_MEMORY_STATEMENTS, 3 * count * sizeof *block);
    if (!block)
        return weir_error_out_of_memory(&many->error);
    uint32_t *order = sort(run, block, block + count), *other = order == block ? block + count : block, *repeats = block + 2 * count;
    size_t most = count_repeats(run, order, repeats);
    if (many->options.keep_order == WEIR_ON) {          /* only keys that come twice matter: not sorted, one set after the other */
        for (size_t i = 0; i < count; i++)
            other[order[i]] = repeats[i];
        memcpy(repeats, other, count * sizeof *repeats);
        for (size_t i = 0; i < count; i++)
            order[i] = (uint32_t)i;
    }
    run->order_block = block;
    run->feed.order = order;
    if (!most)
        return WEIR_OK;
    run->layer_count = most + 1;
    run->layers = weir_alloc_zero(&many->ledger, WEIR_MEMORY_STATEMENTS, run->layer_count * sizeof *run->layers);
    if (!run->layers)
        return weir_error_out_of_memory(&many->error);
    lay(run, order, repeats, other, run->layers);
    run->feed.order = other;
    return WEIR_OK;
}

void weir_many_order_free(weir_many_run *run)
{
    weir_free(run->order_block);
    weir_free(run->layers);
    run->order_block = run->layers = NULL;
}

/* ---- showing ------------------------------------------------------------------------------------------------------------------------ */
void weir_many_show_key(const weir_many_run *run, size_t set, char *out, size_t size)
{
    size_t used = 0;
    *out = 0;
    for (size_t i = 0; i < run->key_count && used < size; i++) {
        char ignored[WEIR_REASON_SIZE], text[80];
        weir_value value;
        weir_lane_value(&run->keys[i], weir_feed_at(&run->feed, &run->keys[i], set), &value, ignored);
        weir_value_format(&value, text, sizeof text);
        const char *quote = weir_type_is_text(value.type) && value.type != WEIR_T_NUMERIC ? "'" : "";
        used += (size_t)snprintf(out + used, size - used, "%s%s = %s%s%s", i ? ", " : "", run->keys[i].name, quote, text, quote);
    }
}
