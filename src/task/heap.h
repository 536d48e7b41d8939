/* Deadlines in order: a pairing heap of nodes that lie in what they belong to, so that arming one needs no memory. */
#ifndef WEIR_TASK_HEAP_H
#define WEIR_TASK_HEAP_H
#include <stdbool.h>
#include <stdint.h>

typedef struct weir_alarm {
    struct weir_alarm *child, *next, *previous;     /* previous: the parent for a first child */
    int64_t  due;
    uint64_t order;                                 /* those of one moment go off in the order they were set */
    bool     armed;
    void   (*ring)(struct weir_alarm *alarm);
} weir_alarm;

typedef struct weir_alarms { weir_alarm *first; uint64_t order; } weir_alarms;

void weir_alarm_set(weir_alarms *alarms, weir_alarm *alarm, int64_t due);   /* anew, if it is set */
void weir_alarm_clear(weir_alarms *alarms, weir_alarm *alarm);              /* nothing when it is not set */
#endif
