/* The pairing heap of deadlines. */
#include "task/heap.h"
#include <stddef.h>

static bool is_before(const weir_alarm *a, const weir_alarm *b)
{
    return a->due < b->due || (a->due == b->due && a->order < b->order);
}

/* Two roots become one. Either may be NULL. */
static weir_alarm *meld(weir_alarm *a, weir_alarm *b)
{
    if (!a || !b)
        return a ? a : b;
    if (is_before(b, a)) {
        weir_alarm *swap = a;
        a = b;
        b = swap;
    }
    b->next = a->child;
    if (b->next)
        b->next->previous = b;
    b->previous = a;
    a->child = b;
    return a;
}

/* The children of a node that leaves: melded in pairs from left to right, then all pairs from right to left. */
static weir_alarm *meld_children(weir_alarm *child)
{
    weir_alarm *pairs = NULL, *root = NULL;
    while (child) {
        weir_alarm *a = child, *b = a->next;
        child = b ? b->next : NULL;
        a->next = a->previous = NULL;
        if (b)
            b->next = b->previous = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        weir_alarm *a = pairs;
        pairs = a->next;
        a->next = NULL;
        root = meld(root, a);
    }
    return root;
}

void weir_alarm_clear(weir_alarms *alarms, weir_alarm *alarm)
{
    if (!alarm->armed)
        return;
    weir_alarm *children = meld_children(alarm->child);
    if (alarm == alarms->first) {
        alarms->first = children;
    } else {
        if (alarm->next)
            alarm->next->previous = alarm->previous;
        if (alarm->previous->child == alarm)
            alarm->previous->child = alarm->next;
        else
            alarm->previous->next = alarm->next;
        alarms->first = meld(alarms->first, children);
    }
    alarm->child = alarm->next = alarm->previous = NULL;
    alarm->armed = false;
}

void weir_alarm_set(weir_alarms *alarms, weir_alarm *alarm, int64_t due)
{
    weir_alarm_clear(alarms, alarm);
    alarm->due = due;
    alarm->order = alarms->order++;
    alarm->armed = true;
    alarms->first = meld(alarms->first, alarm);
}
