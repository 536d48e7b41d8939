/* What queues hold, by kind: how an item gets in, and what happens to one that is dropped. */
#ifndef WEIR_ASYNC_QUEUE_ITEMS_H
#define WEIR_ASYNC_QUEUE_ITEMS_H
#include <weir/queue.h>
#include "orm/instance_copy.h"

typedef struct weir_queue_holds {
    const weir_entity *entity;          /* of instances */
    weir_copies       *copies;          /* of copied ones */
    void             (*release)(void *item);
} weir_queue_holds;

typedef struct weir_queue_kind_table {
    const char *holds;                  /* "rows", for messages */
    bool        rows;                   /* put and got by the calls for rows */
    bool        lends;                  /* what is got stays the queue's; else it is the getter's */
    /* What the queue is to hold for `given`, and the bytes that count for max_bytes; WEIR_ARGUMENT, WEIR_OUT_OF_MEMORY. */
    int       (*take)(const weir_queue_holds *holds, void *given, void **item, size_t *bytes, weir_error *error);
    void      (*drop)(const weir_queue_holds *holds, void *item);
    /* Gives back an item that was taken for a put that failed; NULL: as drop. */
    void      (*give_back)(const weir_queue_holds *holds, void *item);
} weir_queue_kind_table;

extern const weir_queue_kind_table weir_queue_shared, weir_queue_copied, weir_queue_rows, weir_queue_pointers;
#endif
