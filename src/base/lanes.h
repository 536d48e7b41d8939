/* Where the values of parameter sets lie: members of structs, arrays by column, weir_values. */
#ifndef WEIR_BASE_LANES_H
#define WEIR_BASE_LANES_H
#include <weir/entity.h>
#include "base/values.h"

/* Reads a column member as a value; texts are borrowed from the struct. */
void weir_member_value(const weir_member *member, const void *object, weir_value *out);

/* One column of the sets. */
typedef struct weir_lane {
    weir_member member;                 /* type, size, names of an enum; offset 0. WEIR_M_NONE: weir_values */
    const char *name;                   /* of the column */
    const char *at;                     /* the value of the first set; unused when the feed has rows */
    size_t      stride;                 /* bytes between two */
    size_t      offset;                 /* within a row of the feed's rows */
} weir_lane;

/* Sets to be sent, all columns of each. */
typedef struct weir_feed {
    const weir_lane   *lanes;
    size_t             lane_count, first, count;        /* from the first-th set on */
    const uint32_t    *order;           /* indexes of the sets, in the order in which they are sent; NULL: as they lie */
    const void *const *rows;            /* each set's own address; NULL: lanes have theirs */
} weir_feed;

/* Which of the program's sets the set-th of the feed is. */
static inline size_t weir_feed_index(const weir_feed *feed, size_t set)
{
    set += feed->first;
    return feed->order ? feed->order[set] : set;
}

static inline const void *weir_feed_at(const weir_feed *feed, const weir_lane *lane, size_t set)
{
    set = weir_feed_index(feed, set);
    return feed->rows ? (const char *)feed->rows[set] + lane->offset : lane->at + set * lane->stride;
}

/* The value at that address, which borrows from it. WEIR_OK, or WEIR_DATA with `reason` (WEIR_REASON_SIZE bytes) for an enum's
 * number that has no name. */
int weir_lane_value(const weir_lane *lane, const void *at, weir_value *out, char *reason);
/* The lane of a struct's member; `at` and `stride` are still to be set. */
weir_lane weir_lane_of_member(const weir_member *member, const char *column);
#endif
